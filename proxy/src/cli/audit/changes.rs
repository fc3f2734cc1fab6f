//! `hippocrypt audit changes`: what rows held before and after, who changed them, and what went around the proxy.
//!
//! It opens cells, so it is a disclosure: it must never show a value before that is on record in the audit log, by the
//! running proxy where that has the log, and it shows masks unless values are asked for.

mod cells;
mod stored;

use super::entry::on_record;
use super::filter::{named, since, until};
use super::form::Form;
use super::verify::Held;
use crate::catalog::ServiceConnection;
use crate::config::Config;
use crate::server::desk::{Disclosure, Entry};
use crate::tls::Connector;
use anyhow::{Context as _, bail};
use cells::{Eyes, Opening};
use hippocrypt_audit::query::Filter;
use hippocrypt_keys::Keyring;
use hippocrypt_policy::{Access, Database, TableRef};
use hippocrypt_report::rows::{self, Change, Changes, Moment};
use hippocrypt_report::{Ask, Name};
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use stored::{Family, Stored, Wanted};

/// What the log calls it.
const APP: &str = "hippocrypt audit changes";

#[derive(Debug, clap::Args)]
pub struct ChangesArgs {
    /// The proxy's configuration: it names the log, the database and the keys
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Database, where the policy names several
    #[arg(long, value_name = "NAME")]
    db: Option<String>,
    /// Table of the policy, as `patients` or `public.patients`; with its partitions and children
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Changes of this column: `phone`, `patients.phone` or `public.patients.phone`
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,
    /// Whose rows: `42`, or `patient:42`
    #[arg(long, value_name = "WHO")]
    subject: Option<String>,
    /// The row whose primary key has this value
    #[arg(long, value_name = "VALUE")]
    row: Option<String>,
    /// Database user, by the server's word
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Person behind the database user, by the log or as the session had set it
    #[arg(long, value_name = "NAME")]
    end_user: Option<String>,
    /// Only changes that went around the proxy
    #[arg(long)]
    around: bool,
    /// From here on: a time (2026-11-21T21:49:58Z), a day (2026-11-21), or so long ago (2h, 7d); UTC
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Up to here; a day is meant with all its hours
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Timestamp>,
    /// Show values in clear, not their masks; wants --reason
    #[arg(long, requires = "reason")]
    show_values: bool,
    /// Show what the policy shows to this database user: clear, masked or nothing
    #[arg(long, value_name = "USER", conflicts_with = "show_values")]
    shown_to: Option<String>,
    /// Why you read this: a ticket's number. It goes on record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Who you are, for the record [default: who called sudo, or is logged in]
    #[arg(long, value_name = "NAME")]
    reader: Option<String>,
    /// Seconds that the clocks of proxy and server may be apart
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    slack: u32,
    #[command(flatten)]
    held: Held,
    /// Do not verify the log; the report says so
    #[arg(long, conflicts_with_all = ["against", "key"])]
    no_verify: bool,
    #[command(flatten)]
    form: Form,
}

/// Reads, puts that on record, shows.
pub fn run(args: &ChangesArgs) -> anyhow::Result<ExitCode> {
    if let Some(wrong) = args.form.wrong() {
        return super::misused(&wrong);
    }
    let config = Config::load(&args.config)?;
    let database = match args.database(&config) {
        Ok(database) => database,
        Err(wrong) => return super::misused(&wrong),
    };
    let wanted = match args.wanted(&database) {
        Ok(wanted) => wanted,
        Err(wrong) => return super::misused(&wrong),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (families, stored) = runtime.block_on(read(&config, &database, &wanted))?;
    let directory = &config.audit.directory;
    if let Some(why) = super::no_directory(directory) {
        return super::misused(&why);
    }
    let keyring = Keyring::load(&config.keys.keyring, &config.keys.provider)?;
    let keys = keyring.database(&database.name);
    let keys = keys.with_context(|| format!("database {:?} has no keys", database.name))?;
    let mut opening = Opening::new(&database, keys, args.eyes(&config, &database))?;
    let stored: Vec<_> = stored
        .into_iter()
        .filter(|row| opening.is_of(row, args.subject.as_deref(), args.row.as_deref()))
        .collect();
    let moments: Vec<Moment> = stored.iter().map(|row| moment(row, &families)).collect();
    let slack = SignedDuration::from_secs(args.slack.into());
    let (origins, log) = rows::trace(directory, &database.name, &moments, slack)?;
    let mut changes = Changes {
        cautions: args.cautions(),
        ..Changes::default()
    };
    for (row, origin) in stored.iter().zip(origins) {
        let change = Change {
            origin,
            ..row.change()
        };
        if !args.takes(&change) {
            continue;
        }
        if changes.shown.len() < args.form.limit() {
            let column = wanted.column.as_deref();
            changes.shown.push(opening.opened(change, row, column));
        } else {
            changes.left.push(change.origin);
        }
    }
    let disclosure = args.disclosure(&config, &database, &mut opening);
    let mut report = rows::report(directory, &args.ask()?, changes, log);
    let seq = match on_record(&config, &Entry::Disclosure(Box::new(disclosure)), APP) {
        Ok(seq) => seq,
        Err(why) => {
            return super::misused(&why.context("nothing is shown that is not on record"));
        }
    };
    let told = format!("That this was read is record {seq} of the log.");
    report.answer.push(told);
    if let Err(wrong) = args.form.give(&report, directory)? {
        return super::misused(&wrong);
    }
    Ok(ExitCode::from(u8::from(report.evidence.is_broken())))
}

async fn read(
    config: &Config,
    database: &Database,
    wanted: &Wanted,
) -> anyhow::Result<(Family, Vec<Stored>)> {
    let stream = Connector::new(&config.upstream)?.connect().await?;
    let service = ServiceConnection::open(stream, &config.upstream.service, &database.name).await?;
    let families = Family::read(service.client(), database).await?;
    let stored = stored::read(service.client(), &families, wanted).await;
    Ok((families, stored?))
}

fn moment(row: &Stored, families: &Family) -> Moment {
    let mut tables = vec![row.relation.clone()];
    tables.extend(families.table_of(&row.relation).map(ToString::to_string));
    Moment {
        at: row.at,
        backend_pid: row.backend_pid,
        tables,
        login: row.login.clone(),
        end_user: row.end_user.clone(),
    }
}

impl ChangesArgs {
    fn database(&self, config: &Config) -> anyhow::Result<Arc<Database>> {
        let name = match &self.db {
            Some(name) => name.clone(),
            None => super::super::explain::only_database(config)
                .context("the policy names several databases or none: say which with --db")?,
        };
        let database = config.policy.databases.get(name.as_str());
        let database = database.with_context(|| format!("the policy names no database {name:?}"));
        database.map(Arc::clone)
    }

    /// What the server is asked for.
    fn wanted(&self, database: &Database) -> anyhow::Result<Wanted> {
        let (of_column, column) = match self.column.as_deref().map(|c| c.rsplit_once('.')) {
            None => (None, None),
            Some(Some((table, column))) => (Some(table), Some(column.to_owned())),
            Some(None) => (None, self.column.clone()),
        };
        let named = self.table.as_deref().or(of_column);
        let tables: Vec<TableRef> = database
            .tables
            .keys()
            .filter(|table| named.is_none_or(|n| n == &*table.table || n == table.to_string()))
            .cloned()
            .collect();
        if let Some(named) = named.filter(|_| tables.is_empty()) {
            bail!("the policy names no table {named:?}");
        }
        if let Some(column) = &column {
            let known = tables.iter().filter_map(|name| database.tables.get(name));
            if !known.into_iter().any(|t| t.columns.contains_key(&**column)) {
                bail!("the policy names no column {column:?} there");
            }
        }
        Ok(Wanted {
            tables: named.is_some().then_some(tables),
            column,
            subject: self.subject.as_deref().map(|who| bare(who, database)),
            key: self.row.clone(),
            login: self.user.clone(),
            since: self.since,
            until: self.until,
        })
    }

    fn eyes(&self, config: &Config, database: &Database) -> Eyes {
        match (&self.shown_to, self.show_values) {
            (Some(user), _) => Eyes::Of(config.policy.rights(&database.name, user)),
            (None, true) => Eyes::All(Access::Clear),
            (None, false) => Eyes::All(Access::Mask),
        }
    }

    /// What the server cannot be asked for, since the log has a say in it.
    fn takes(&self, change: &Change) -> bool {
        let around = matches!(change.origin, rows::Origin::Around);
        let told = change.origin.statement().and_then(|s| s.end_user.as_ref());
        let person = |name: &String| told == Some(name) || change.end_user.as_ref() == Some(name);
        (around || !self.around) && self.end_user.as_ref().is_none_or(person)
    }

    fn cautions(&self) -> Vec<String> {
        match (self.show_values, &self.shown_to) {
            (true, _) => Vec::new(),
            (false, Some(user)) => vec![format!(
                "Values are shown as the policy shows them to {user}."
            )],
            (false, None) => {
                vec!["Values are masked: --show-values shows them, with --reason.".to_owned()]
            }
        }
    }

    fn ask(&self) -> anyhow::Result<Ask> {
        let filter = Filter {
            since: self.since,
            until: self.until,
            ..Filter::default()
        };
        let around = self.around.then(String::new);
        let asked = [
            ("database", &self.db),
            ("table", &self.table),
            ("column", &self.column),
            ("subject", &self.subject),
            ("row", &self.row),
            ("user", &self.user),
            ("end user", &self.end_user),
            ("around the proxy only", &around),
            ("shown to", &self.shown_to),
            ("reason", &self.reason),
        ];
        let known = (!self.no_verify).then(|| self.held.known());
        Ok(Ask {
            filter,
            asked: named(asked),
            limit: self.form.limit(),
            held_to: known.transpose()?,
            ..Ask::new(Name::Rows, Timestamp::now())
        })
    }

    fn disclosure(
        &self,
        config: &Config,
        database: &Database,
        opening: &mut Opening<'_>,
    ) -> Disclosure {
        let known = |name| std::env::var(name).ok().filter(|n| !n.is_empty());
        let reader = self.reader.clone();
        let reader = reader.or_else(|| known("SUDO_USER").or_else(|| known("USER")));
        Disclosure {
            user: config.upstream.service.user.clone(),
            end_user: reader,
            reason: self.reason.clone(),
            app: APP.to_owned(),
            database: database.name.to_string(),
            sql: stored::text(),
            policy: config.policy.hash.to_string(),
            ..opening.disclosed()
        }
    }
}

/// `42` of `patient:42`, where the policy has that kind.
fn bare(who: &str, database: &Database) -> String {
    let subjects = database.tables.values().filter_map(|t| t.subject.as_ref());
    let kind = who
        .split_once(':')
        .filter(|(kind, _)| subjects.into_iter().any(|subject| *subject.kind == **kind));
    kind.map_or(who, |(_, bare)| bare).to_owned()
}

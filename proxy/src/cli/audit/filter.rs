//! Which records: the arguments that `audit query` and `audit export` share.

use super::Source;
use super::subjects::Readers;
use super::time::{Edge, parse};
use hippocrypt_audit::query::{Filter, Refused};
use jiff::Timestamp;
use std::path::PathBuf;

/// What `--type` knows; outcomes and subjects come with their statements.
const TYPES: [&str; 14] = [
    "start",
    "stop",
    "session_start",
    "session_end",
    "auth_failure",
    "prepare",
    "statement",
    "policy",
    "keys",
    "recovery",
    "admin",
    "heartbeat",
    "compressed",
    "retention",
];

/// All that are given must hold.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which records (all that are given must hold)")]
pub struct FilterArgs {
    /// Database user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Person behind the database user
    #[arg(long, value_name = "NAME")]
    end_user: Option<String>,
    /// Client's address, with or without its port
    #[arg(long, value_name = "ADDRESS")]
    client: Option<String>,
    /// The client's application_name
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Database
    #[arg(long, value_name = "NAME")]
    db: Option<String>,
    /// Table, as `patients` or `public.patients`
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Protected column, as `ssn`, `patients.ssn` or `public.patients.ssn`
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,
    /// How a protected column was shown; with --column, that one
    #[arg(long, value_name = "HOW", value_parser = ["clear", "masked", "refused", "not"])]
    shown: Option<String>,
    /// Whose records were returned or written: `42`, `patient:42` of that kind only, or as the log writes it,
    /// `patient:3q2-…`
    #[arg(long, value_name = "WHO")]
    subject: Option<String>,
    /// What `keys export` printed, to read subjects with; unless --config names the keyring
    #[arg(long, value_name = "FILE")]
    subject_keys: Option<PathBuf>,
    /// From here on: a time (2026-11-21T21:49:58Z), a day (2026-11-21), or so long ago (2h, 7d); UTC
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Up to here; a day is meant with all its hours
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Timestamp>,
    /// Kind of statement: SELECT, UPDATE, "CREATE TABLE" …
    #[arg(long, value_name = "KIND", value_parser = upper)]
    kind: Option<String>,
    /// What was decided
    #[arg(long, value_name = "DECISION", value_parser = ["forwarded", "refused"])]
    decision: Option<String>,
    /// Only what was refused: statements and logins
    #[arg(long)]
    refused: bool,
    /// The policy's rule that matched: a role's name, or `default`
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// What the client was told in place of the statement, or at its end: 42501 …
    #[arg(long, value_name = "SQLSTATE", value_parser = upper)]
    sqlstate: Option<String>,
    /// At least so many rows returned or changed
    #[arg(long, value_name = "N")]
    min_rows: Option<u64>,
    /// Session id
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Type of record
    #[arg(long = "type", value_name = "TYPE", value_parser = TYPES)]
    record: Option<String>,
    /// Statements whose text has this in it (constants are not in it)
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

impl FilterArgs {
    /// As the log's reader takes it; whom --subject means, by the keys that are at hand, which come with it.
    ///
    /// # Errors
    /// The keys cannot be read, or --subject names nobody.
    pub fn filter(&self, from: &Source) -> anyhow::Result<(Filter, Option<Readers>)> {
        let (subjects, readers) = match &self.subject {
            Some(who) => self.pseudonyms(who, from)?,
            None => (Vec::new(), None),
        };
        let filter = Filter {
            user: self.user.clone(),
            end_user: self.end_user.clone(),
            client: self.client.clone(),
            app: self.app.clone(),
            db: self.db.clone(),
            table: self.table.clone(),
            column: self.column.clone(),
            shown: self.shown.clone(),
            subjects,
            session: self.session.clone(),
            kind: self.record.clone(),
            command: self.kind.clone(),
            decision: self.decision.clone(),
            rule: self.rule.clone(),
            sqlstate: self.sqlstate.clone(),
            min_rows: self.min_rows,
            since: self.since,
            until: self.until,
            refused: if self.refused {
                Refused::Only
            } else {
                Refused::Too
            },
            text: self.text.clone(),
        };
        Ok((filter, readers))
    }

    /// What reads subjects: what the filter has opened, if it has.
    ///
    /// # Errors
    /// There are no keys, or they cannot be read.
    pub fn readers(&self, from: &Source, opened: Option<Readers>) -> anyhow::Result<Readers> {
        match opened {
            Some(readers) => Ok(readers),
            None => Readers::open(self.subject_keys.as_deref(), from.config.as_ref()),
        }
    }

    fn pseudonyms(
        &self,
        who: &str,
        from: &Source,
    ) -> anyhow::Result<(Vec<String>, Option<Readers>)> {
        if self.subject_keys.is_none() && from.config.is_none() {
            anyhow::ensure!(
                is_pseudonym(who),
                "{who:?} is no subject as the log writes it, `patient:3q2-…`: a person's own id needs --config or --subject-keys"
            );
            return Ok((vec![who.to_owned()], None));
        }
        let readers = self.readers(from, None)?;
        let subjects = match is_pseudonym(who) && readers.read(who).is_some() {
            true => vec![who.to_owned()],
            false => readers.pseudonyms(who)?,
        };
        Ok((subjects, Some(readers)))
    }

    /// What was given, in words, for the head of a report; the period stands there by itself.
    pub fn asked(&self) -> Vec<(String, String)> {
        let min_rows = self.min_rows.map(|n| n.to_string());
        let refused = self.refused.then(String::new);
        let given = [
            ("subject", &self.subject),
            ("user", &self.user),
            ("end user", &self.end_user),
            ("client", &self.client),
            ("application", &self.app),
            ("database", &self.db),
            ("table", &self.table),
            ("column", &self.column),
            ("shown", &self.shown),
            ("statement", &self.kind),
            ("decision", &self.decision),
            ("refused only", &refused),
            ("rule", &self.rule),
            ("SQLSTATE", &self.sqlstate),
            ("rows at least", &min_rows),
            ("session", &self.session),
            ("text", &self.text),
        ];
        named(given)
    }
}

/// What was given of these, by name.
pub fn named<const N: usize>(given: [(&str, &Option<String>); N]) -> Vec<(String, String)> {
    let given = given.into_iter();
    let named = given.filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    named.collect()
}

/// `--since`
pub fn since(text: &str) -> anyhow::Result<Timestamp> {
    parse(text, Edge::Since, Timestamp::now())
}

/// `--until`
pub fn until(text: &str) -> anyhow::Result<Timestamp> {
    parse(text, Edge::Until, Timestamp::now())
}

/// Whether it has the form in which the log writes subjects.
fn is_pseudonym(text: &str) -> bool {
    let (kind, pseudonym) = text.split_once(':').unwrap_or_default();
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !kind.is_empty() && !pseudonym.is_empty() && pseudonym.bytes().all(is_base64url)
}

fn upper(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.to_uppercase())
}

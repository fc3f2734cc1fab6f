//! `hippocrypt keys init|sync|status|export`: the keyring that the configuration names, and its ids.
//!
//! It must never print a byte of a key that opens a cell (`export` prints those of subjects, and no other), and never make one where one exists or ought to exist.

use super::output::{Output, print, print_json};
use crate::config::{Config, KeyProvider};
use clap::Subcommand;
use hippocrypt_keys::{InitReport, Keyring, KeysError, Status, SyncReport, Wanted};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Make and look after keys.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make master key file, keyring and ids where they do not exist
    Init(Common),
    /// Give ids to databases and columns that are new in the policy
    Sync(Common),
    /// Show the keyring without its keys; exit 1 where the policy needs ids that it lacks
    Status(Common),
    /// Print what an auditor reads subjects with: it opens no column. Whoever has it knows whose records are meant
    Export(Common),
}

#[derive(Debug, clap::Args)]
struct Common {
    /// The proxy's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the verb. 0: done; 1: the keys are not what they should be.
///
/// # Errors
/// The configuration, or standard output.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (Verb::Init(common) | Verb::Sync(common) | Verb::Status(common) | Verb::Export(common)) =
        &args.verb;
    let config = Config::load(&common.config)?;
    let wanted = config.policy.key_groups();
    let (keyring, provider) = (&config.keys.keyring, &config.keys.provider);
    let done = match &args.verb {
        Verb::Init(_) => Keyring::init(keyring, provider, &wanted)
            .map(|report| told(common.output, &report, || init_text(&config, &report))),
        Verb::Sync(_) => Keyring::sync(keyring, provider, &wanted)
            .map(|report| told(common.output, &report, || sync_text(&config, &report))),
        Verb::Status(_) => Keyring::status(keyring, provider)
            .map(|status| show_status(common, Comparison::of(status, &wanted))),
        Verb::Export(_) => Keyring::load(keyring, provider).map(|keyring| {
            print(&super::audit::exported(&keyring))?;
            Ok(ExitCode::SUCCESS)
        }),
    };
    match done {
        Ok(code) => code,
        Err(error) => refused(&error),
    }
}

/// The files are there but not as they must be, or not there: no defect of the program.
fn refused(error: &KeysError) -> anyhow::Result<ExitCode> {
    eprintln!("hippocrypt: {error}");
    Ok(ExitCode::from(1))
}

fn told(
    output: Output,
    report: &impl Serialize,
    text: impl FnOnce() -> String,
) -> anyhow::Result<ExitCode> {
    match output {
        Output::Text => print(&text())?,
        Output::Json => print_json(report)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn init_text(config: &Config, report: &InitReport) -> String {
    let keyring = config.keys.keyring.display();
    let mut text = String::new();
    if let (KeyProvider::File(master), true) = (&config.keys.provider, report.created_master_key) {
        let _ = writeln!(text, "made master key {} (mode 0600)", master.display());
    }
    if report.created_keyring {
        let _ = writeln!(text, "made keyring    {keyring}");
    } else {
        let _ = writeln!(text, "keyring {keyring} was there already; no key was made");
    }
    text.push_str(&added_text(&report.added));
    if report.created_keyring {
        text.push_str(
            "\nKeep a copy of the keyring and of the master key, apart from each other and from the database's backups:\n\
             without both, no cell can ever be read again.\n",
        );
    }
    text
}

fn sync_text(config: &Config, report: &SyncReport) -> String {
    if report.is_empty() {
        let keyring = config.keys.keyring.display();
        return format!("keyring {keyring} is complete: nothing was added\n");
    }
    added_text(report) + "\nThe keyring has changed: renew its copy.\n"
}

fn added_text(report: &SyncReport) -> String {
    let mut text = String::new();
    for database in &report.databases {
        let _ = writeln!(text, "database {database} got a uuid");
    }
    for group in &report.groups {
        let _ = writeln!(
            text,
            "{}: {} got id {}",
            group.database, group.group, group.id
        );
    }
    text
}

/// The keyring held against the policy.
#[derive(Debug, Serialize)]
struct Comparison {
    #[serde(flatten)]
    status: Status,
    /// (database, group) that the policy needs and the keyring lacks.
    missing: Vec<(String, String)>,
    /// (database, group) that no policy names any more.
    unused: Vec<(String, String)>,
}

impl Comparison {
    fn of(status: Status, wanted: &[Wanted]) -> Self {
        let has = |database: &str, group: &str| {
            let databases = status.databases.iter().filter(|d| d.name == database);
            databases.flat_map(|d| &d.groups).any(|g| g.name == group)
        };
        let wants = |database: &str, group: &str| {
            let databases = wanted.iter().filter(|(name, _)| **name == *database);
            databases
                .flat_map(|(_, groups)| groups)
                .any(|g| **g == *group)
        };
        let pair = |database: &str, group: &str| (database.to_string(), group.to_string());
        let missing = wanted
            .iter()
            .flat_map(|(database, groups)| groups.iter().map(move |group| (database, group)))
            .filter(|(database, group)| !has(database, group))
            .map(|(database, group)| pair(database, group))
            .collect();
        let unused = status
            .databases
            .iter()
            .flat_map(|d| d.groups.iter().map(move |group| (&d.name, &group.name)))
            .filter(|(database, group)| !wants(database, group))
            .map(|(database, group)| pair(database, group))
            .collect();
        Self {
            status,
            missing,
            unused,
        }
    }

    fn text(&self) -> String {
        let Status {
            keyring,
            provider,
            revision,
            epochs,
            databases,
        } = &self.status;
        let mut text =
            format!("keyring     {keyring}, revision {revision}\nmaster key  {provider}\n");
        for epoch in epochs {
            let _ = writeln!(
                text,
                "epoch {:<5} made {}, {} column groups write in it",
                epoch.epoch, epoch.created, epoch.groups
            );
        }
        for database in databases {
            let _ = writeln!(text, "\ndatabase {}  uuid {}", database.name, database.uuid);
            let width = database.groups.iter().map(|g| g.name.chars().count()).max();
            for group in &database.groups {
                let unused = self
                    .unused
                    .iter()
                    .any(|(d, g)| *d == database.name && *g == group.name);
                let note = if unused { "  not in the policy" } else { "" };
                let _ = writeln!(
                    text,
                    "  {:<width$}  id {}  epoch {}{note}",
                    group.name,
                    group.id,
                    group.epoch,
                    width = width.unwrap_or(0)
                );
            }
        }
        for (i, (database, group)) in self.missing.iter().enumerate() {
            let gap = if i == 0 { "\n" } else { "" };
            let _ = writeln!(
                text,
                "{gap}missing: {database}: {group} has no id; `hippocrypt keys sync` gives it one"
            );
        }
        text
    }
}

fn show_status(common: &Common, comparison: Comparison) -> anyhow::Result<ExitCode> {
    told(common.output, &comparison, || comparison.text())?;
    Ok(ExitCode::from(u8::from(!comparison.missing.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Wanted};
    use hippocrypt_keys::{DatabaseStatus, EpochStatus, GroupStatus, Status};

    fn status() -> Status {
        let group = |name: &str, id: &str| GroupStatus {
            name: name.to_string(),
            id: id.to_string(),
            epoch: 1,
        };
        Status {
            keyring: "k.json".to_string(),
            provider: "file m.key".to_string(),
            revision: 2,
            epochs: vec![EpochStatus {
                epoch: 1,
                created: "2026-01-01T00:00:00Z".to_string(),
                groups: 2,
            }],
            databases: vec![DatabaseStatus {
                name: "clinic".to_string(),
                uuid: "u".to_string(),
                groups: vec![
                    group("public.p.a", "00000001"),
                    group("public.p.old", "00000002"),
                ],
            }],
        }
    }

    #[test]
    fn status_says_what_is_missing_and_what_is_left_over() {
        let wanted: Vec<Wanted> = vec![
            (
                "clinic".into(),
                vec!["public.p.a".into(), "public.p.new".into()],
            ),
            ("lab".into(), vec!["public.p.a".into()]),
        ];
        let comparison = Comparison::of(status(), &wanted);
        let pair = |database: &str, group: &str| (database.to_string(), group.to_string());
        assert_eq!(
            comparison.missing,
            [pair("clinic", "public.p.new"), pair("lab", "public.p.a")]
        );
        assert_eq!(comparison.unused, [pair("clinic", "public.p.old")]);
        let expected = "\
keyring     k.json, revision 2
master key  file m.key
epoch 1     made 2026-01-01T00:00:00Z, 2 column groups write in it

database clinic  uuid u
  public.p.a    id 00000001  epoch 1
  public.p.old  id 00000002  epoch 1  not in the policy

missing: clinic: public.p.new has no id; `hippocrypt keys sync` gives it one
missing: lab: public.p.a has no id; `hippocrypt keys sync` gives it one
";
        assert_eq!(comparison.text(), expected);
    }
}

//! `audit report NAME`: the questions of auditors, answered for people, spreadsheets and programs.
//!
//! A report of a log that is not whole is made, says so first, and exits 1.

use super::Place;
use super::filter::FilterArgs;
use super::form::Form;
use super::verify::Held;
use anyhow::Context as _;
use clap::builder::{PossibleValue, PossibleValuesParser};
use hippocrypt_audit::query::Filter;
use hippocrypt_report::{Ask, Name};
use jiff::{SignedDuration, Timestamp};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// Which report
    #[arg(value_name = "NAME", value_parser = names())]
    name: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    held: Held,
    /// Do not verify the log first; the report says so
    #[arg(long, conflicts_with_all = ["against", "key"])]
    no_verify: bool,
    /// bulk: so many rows or patients are much
    #[arg(long, value_name = "N", default_value_t = 1000)]
    bulk: u64,
    /// accounts: after so many days without use an account is dormant
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    dormant_days: u32,
    /// pattern: how many days before the period are a person's own history
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    history_days: u32,
    /// Name the people whom the records are of, not their pseudonyms
    #[arg(long)]
    show_subjects: bool,
    #[command(flatten)]
    form: Form,
    // Its heading holds for what follows it, so nothing may.
    #[command(flatten)]
    filter: FilterArgs,
}

fn names() -> PossibleValuesParser {
    let name = |n: Name| PossibleValue::new(n.as_str()).help(n.question());
    PossibleValuesParser::new(Name::ALL.map(name))
}

/// Makes the report.
pub fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let from = args.place.open()?;
    let (filter, readers) = match args.filter.filter(&from) {
        Ok(found) => found,
        Err(why) => return super::misused(&why),
    };
    let ask = args.ask(filter)?;
    let wrong = match ask.check() {
        Err(wrong) => Some(anyhow::anyhow!(wrong)),
        Ok(()) => super::no_directory(&from.directory).or_else(|| args.form.wrong()),
    };
    if let Some(wrong) = wrong {
        return super::misused(&wrong);
    }
    let names = match args.show_subjects {
        true => Some(args.filter.readers(&from, readers)?),
        false => None,
    };
    let mut report = hippocrypt_report::report(&from.directory, &ask)
        .with_context(|| format!("audit log {}", from.directory.display()))?;
    if let Some(names) = &names {
        report.name_subjects(&|text| names.read(text));
    }
    if let Err(wrong) = args.form.give(&report, &from.directory)? {
        return super::misused(&wrong);
    }
    Ok(ExitCode::from(u8::from(report.evidence.is_broken())))
}

impl ReportArgs {
    fn ask(&self, filter: Filter) -> anyhow::Result<Ask> {
        let name = Name::ALL.into_iter().find(|n| n.as_str() == self.name);
        let name = name.context("no such report")?;
        let days = |n: u32| SignedDuration::from_hours(i64::from(n) * 24);
        let known = (!self.no_verify).then(|| self.held.known());
        Ok(Ask {
            filter,
            asked: self.filter.asked(),
            bulk: self.bulk,
            dormant: days(self.dormant_days),
            history: days(self.history_days),
            limit: self.form.limit(),
            held_to: known.transpose()?,
            ..Ask::new(name, Timestamp::now())
        })
    }
}

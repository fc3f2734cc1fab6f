//! From a change in the database to the statement of the log that it came with.
//!
//! A server process serves one session at a time, so process and time lead to the session; the clocks of the two
//! machines may differ by the slack that is given.

use crate::facts;
use crate::reading::{Read, read};
use hippocrypt_audit::query::{self, Ending, Entry, Filter};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// A statement that takes longer is not looked for.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// When and where a change was made.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// The server's process.
    pub backend_pid: i32,
    /// The table, and those whose partition or child it is.
    pub tables: Vec<String>,
    /// Who was logged in, by the server's word.
    pub login: String,
    /// Who was behind that, as the session had set it.
    pub end_user: Option<String>,
}

/// Where a change came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// This statement of the log.
    Proxy(Box<Statement>),
    /// Perhaps this one, whose outcome is not on record, so that nobody knows until when it ran.
    Perhaps(Box<Statement>),
    /// No statement of the log.
    #[default]
    Around,
    /// The log does not reach so far back.
    BeforeLog,
}

/// What the log says of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Number of its record.
    pub seq: u64,
    /// Database user.
    pub user: String,
    /// The person behind it.
    pub end_user: Option<String>,
    /// Where that name came from.
    pub end_user_source: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The client's host.
    pub client: Option<String>,
    /// `application_name`
    pub app: Option<String>,
}

impl Origin {
    /// The statement, also where it is not sure.
    pub fn statement(&self) -> Option<&Statement> {
        match self {
            Self::Proxy(statement) | Self::Perhaps(statement) => Some(statement),
            Self::Around | Self::BeforeLog => None,
        }
    }

    /// In a word: the record's number.
    pub fn told(&self) -> String {
        match self {
            Self::Proxy(statement) => statement.seq.to_string(),
            Self::Perhaps(statement) => format!("perhaps {}", statement.seq),
            Self::Around => "AROUND THE PROXY".to_owned(),
            Self::BeforeLog => "before the log".to_owned(),
        }
    }
}

/// How well a statement fits a change; the least fits best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    perhaps: bool,
    another: bool,
    elsewhere: bool,
    apart: SignedDuration,
    before: SignedDuration,
}

/// For each change its origin, in the same order. `slack` is how far the clocks of proxy and server may be apart.
///
/// # Errors
/// A file of the log could not be read.
pub fn trace(
    dir: &Path,
    database: &str,
    moments: &[Moment],
    slack: SignedDuration,
) -> io::Result<(Vec<Origin>, Read)> {
    let (Some(first), Some(last)) = (
        moments.iter().map(|m| m.at).min(),
        moments.iter().map(|m| m.at).max(),
    ) else {
        return Ok((Vec::new(), Read::default()));
    };
    let mut by_process: HashMap<i64, Vec<usize>> = HashMap::new();
    for (at, moment) in moments.iter().enumerate() {
        let process = by_process.entry(i64::from(moment.backend_pid));
        process.or_default().push(at);
    }
    let time = |at: &usize| moments.get(*at).map(|m| m.at);
    by_process
        .values_mut()
        .for_each(|all| all.sort_by_key(time));
    let mut found: Vec<Option<(Fit, Statement)>> = vec![None; moments.len()];
    let filter = Filter {
        kind: Some("statement".to_owned()),
        decision: Some("forwarded".to_owned()),
        db: Some(database.to_owned()),
        since: first.checked_sub(LONGEST).ok(),
        until: last.checked_add(slack).ok(),
        ..Filter::default()
    };
    let read = read(dir, &filter, |entry| {
        let process = entry.view.backend_pid.and_then(|pid| by_process.get(&pid));
        let (Some(process), Some(span)) = (process, Span::of(entry, slack)) else {
            return;
        };
        let begins = process.partition_point(|at| time(at).is_some_and(|t| t < span.opens));
        let these = process.get(begins..).unwrap_or_default();
        for at in these
            .iter()
            .take_while(|at| time(at).is_some_and(|t| t <= span.closes))
        {
            let (Some(moment), Some(best)) = (moments.get(*at), found.get_mut(*at)) else {
                continue;
            };
            let fit = span.fit(entry, moment);
            if best.as_ref().is_none_or(|(other, _)| fit < *other) {
                *best = Some((fit, Statement::of(entry)));
            }
        }
    })?;
    let begins: Option<Timestamp> = query::beginning(dir)?.and_then(|ts| ts.parse().ok());
    let origin = |(moment, found): (&Moment, Option<(Fit, Statement)>)| match found {
        Some((fit, statement)) if fit.perhaps => Origin::Perhaps(Box::new(statement)),
        Some((_, statement)) => Origin::Proxy(Box::new(statement)),
        None if begins.is_some_and(|begins| begins <= moment.at) => Origin::Around,
        None => Origin::BeforeLog,
    };
    Ok((moments.iter().zip(found).map(origin).collect(), read))
}

/// When a statement ran, and when a change may have been its.
struct Span {
    begun: Timestamp,
    ended: Option<Timestamp>,
    slack: SignedDuration,
    opens: Timestamp,
    closes: Timestamp,
}

impl Span {
    fn of(entry: &Entry, slack: SignedDuration) -> Option<Self> {
        let begun: Timestamp = entry.view.ts.parse().ok()?;
        let ended = match &entry.ending {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "milliseconds of a statement"
            )]
            Ending::Known(outcome) => {
                let lasted =
                    SignedDuration::from_micros((outcome.ms.clamp(0.0, 1e12) * 1e3) as i64);
                Some(begun.checked_add(lasted).ok()?)
            }
            Ending::None | Ending::Unknown => None,
        };
        let closes = match ended {
            Some(ended) => ended.checked_add(slack),
            None => begun.checked_add(LONGEST),
        };
        Some(Self {
            begun,
            ended,
            slack,
            opens: begun.checked_sub(slack).ok()?,
            closes: closes.ok()?,
        })
    }

    fn fit(&self, entry: &Entry, moment: &Moment) -> Fit {
        let zero = SignedDuration::ZERO;
        let early = self.begun.duration_since(moment.at).max(zero);
        let end = self.ended.unwrap_or(self.begun);
        let late = moment.at.duration_since(end).max(zero);
        let writes = entry.view.command.as_deref() != Some("SELECT");
        let names = entry.view.tables.iter().any(|t| moment.tables.contains(t));
        let view = &entry.view;
        let login = view.user.as_deref() == Some(&*moment.login);
        let person = moment.end_user.is_none() || view.end_user == moment.end_user;
        Fit {
            another: !(login && person),
            perhaps: self.ended.is_none() && late > self.slack,
            elsewhere: !(writes && names),
            apart: early.max(late),
            before: moment.at.duration_since(self.begun).abs(),
        }
    }
}

impl Statement {
    fn of(entry: &Entry) -> Self {
        let view = &entry.view;
        Self {
            seq: view.seq,
            user: view.user.clone().unwrap_or_default(),
            end_user: view.end_user.clone(),
            end_user_source: view.end_user_source.clone(),
            reason: view.reason.clone(),
            client: Some(facts::host(view)),
            app: view.app.clone(),
        }
    }
}

#[cfg(test)]
mod tests;

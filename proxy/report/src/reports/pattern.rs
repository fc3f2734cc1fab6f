//! Access out of pattern: each person held to their own history, the time before the period.
//!
//! Somebody without enough history is held to none, and is listed as such: a new account must not look like a quiet one.

use crate::ask::Ask;
use crate::facts::{self, Span};
use crate::reading::{Read, read};
use crate::report::{Cell, Column, Found, Table, column};
use crate::words;
use hippocrypt_audit::query::{self, Entry, Filter};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// A history of fewer days with statements tells nothing of habits.
const DAYS_MIN: usize = 5;
/// An hour with less than this share of the history's statements is unusual: one in so many.
const RARE: u64 = 200;
/// A day is unusual with more than so many times the largest of the history …
const TIMES: u64 = 2;
/// … and more than the mean by so many standard deviations …
const DEVIATIONS: f64 = 3.0;
/// … and at least so many.
const VOLUME_MIN: u64 = 20;
/// The period, where none is given: the last days of the log.
const DAYS: i64 = 7;

const FINDINGS: &[Column] = &[
    column("person", "Person"),
    column("what", "What is unusual"),
    column("seen", "In the period"),
    column("before", "In their history"),
    column("times", "Statements"),
    column("first_utc", "First (UTC)"),
    column("last_utc", "Last (UTC)"),
];

const NEW: &[Column] = &[
    column("person", "Person"),
    column("days", "Days of history"),
    column("statements", "Statements in the period"),
    column("first_utc", "First (UTC)"),
    column("last_utc", "Last (UTC)"),
];

/// A person's habits before the period, and what of the period they are held to.
#[derive(Default)]
struct Person {
    hours: [u64; 24],
    before: u64,
    tables: BTreeSet<String>,
    places: BTreeSet<String>,
    days: BTreeMap<String, [u64; 2]>,
    now: Now,
}

#[derive(Default)]
struct Now {
    span: Span,
    hours: BTreeMap<u8, Span>,
    tables: BTreeMap<String, Span>,
    places: BTreeMap<String, Span>,
    days: BTreeMap<String, [u64; 2]>,
}

/// Application and address together: psql from the application's host is out of pattern too.
fn place(entry: &Entry) -> String {
    let app = entry.view.app.as_deref().unwrap_or_default();
    format!(
        "{} from {}",
        if app.is_empty() {
            "no application"
        } else {
            app
        },
        facts::host(&entry.view)
    )
}

fn add_to_day(days: &mut BTreeMap<String, [u64; 2]>, entry: &Entry) {
    let day = days
        .entry(words::day(&entry.view.ts).to_owned())
        .or_default();
    day[0] += entry.outcome().map_or(0, |o| o.rows);
    day[1] += entry.subjects().count() as u64;
}

impl Person {
    fn learn(&mut self, entry: &Entry) {
        let hour = usize::from(words::hour(&entry.view.ts));
        if let Some(n) = self.hours.get_mut(hour) {
            *n += 1;
        }
        self.before += 1;
        self.tables.extend(entry.view.tables.iter().cloned());
        self.places.insert(place(entry));
        add_to_day(&mut self.days, entry);
    }

    fn watch(&mut self, entry: &Entry) {
        let view = &entry.view;
        self.now.span.add(&view.ts);
        let hour = words::hour(&view.ts);
        self.now.hours.entry(hour).or_default().add(&view.ts);
        for table in view.tables.iter().filter(|t| !self.tables.contains(*t)) {
            self.now
                .tables
                .entry(table.clone())
                .or_default()
                .add(&view.ts);
        }
        let place = place(entry);
        if !self.places.contains(&place) {
            self.now.places.entry(place).or_default().add(&view.ts);
        }
        add_to_day(&mut self.now.days, entry);
    }

    fn has_history(&self) -> bool {
        self.days.len() >= DAYS_MIN
    }

    /// What is unusual, in this person's own terms.
    fn findings(self) -> Vec<[Cell; 6]> {
        let mut out = Vec::new();
        let row = |what: &str, seen: String, before: String, span: Span| {
            [
                what.into(),
                seen.into(),
                before.into(),
                span.times.into(),
                Cell::Time(span.first),
                Cell::Time(span.last),
            ]
        };
        let usual = hours_in_words(&self.hours, self.before);
        for (hour, span) in self.now.hours {
            let before = self.hours.get(usize::from(hour)).copied().unwrap_or(0);
            if before * RARE < self.before {
                let seen = format!("{hour:02}:00–{hour:02}:59 UTC");
                out.push(row("hour", seen, usual.clone(), span));
            }
        }
        let known = words::count(self.tables.len(), "other table");
        for (table, span) in self.now.tables {
            out.push(row("table", table, known.clone(), span));
        }
        let known = words::some(self.places.iter().cloned(), 3);
        for (place, span) in self.now.places {
            out.push(row("place", place, known.clone(), span));
        }
        for (at, noun) in ["row", "patient"].into_iter().enumerate() {
            let of = |day: &[u64; 2]| day.get(at).copied().unwrap_or(0);
            let usual = Usual::of(self.days.values().map(of));
            for (day, counts) in &self.now.days {
                if usual.is_exceeded_by(of(counts)) {
                    let seen = format!("{} on {day}", words::count(of(counts), noun));
                    let before = format!(
                        "{} a day, {} at most",
                        words::grouped(usual.mean.round() as u64),
                        words::grouped(usual.most)
                    );
                    let span = Span {
                        first: format!("{day}T00:00:00"),
                        last: format!("{day}T23:59:59"),
                        times: 0,
                    };
                    let mut row = row("volume", seen, before, span);
                    row[3] = Cell::Text(String::new());
                    out.push(row);
                }
            }
        }
        out
    }
}

/// `07–18 h`: the hours that are not rare.
fn hours_in_words(hours: &[u64; 24], total: u64) -> String {
    let usual: Vec<usize> = (0..24)
        .filter(|h| hours.get(*h).is_some_and(|n| *n > 0 && n * RARE >= total))
        .collect();
    let runs = usual.chunk_by(|a, b| a + 1 == *b);
    let run = |r: &[usize]| match (r.first(), r.last()) {
        (Some(first), Some(last)) if first != last => format!("{first:02}–{last:02}"),
        (Some(first), _) => format!("{first:02}"),
        _ => String::new(),
    };
    format!("{} h", words::some(runs.map(run), 6))
}

/// A day as it usually is.
struct Usual {
    mean: f64,
    deviation: f64,
    most: u64,
}

impl Usual {
    fn of(days: impl Iterator<Item = u64> + Clone) -> Self {
        let n = days.clone().count().max(1) as f64;
        let mean = days.clone().map(|d| d as f64).sum::<f64>() / n;
        let squares = days.clone().map(|d| (d as f64 - mean).powi(2)).sum::<f64>();
        Self {
            mean,
            deviation: (squares / n).sqrt(),
            most: days.max().unwrap_or(0),
        }
    }

    fn is_exceeded_by(&self, day: u64) -> bool {
        day >= VOLUME_MIN
            && day > self.most.saturating_mul(TIMES)
            && day as f64 > self.mean + DEVIATIONS * self.deviation
    }
}

/// The period: as asked, or the last days of the log.
fn since(dir: &Path, ask: &Ask) -> io::Result<Option<Timestamp>> {
    if ask.filter.since.is_some() {
        return Ok(ask.filter.since);
    }
    let until = match ask.filter.until {
        Some(until) => Some(until),
        None => query::end(dir)?.and_then(|ts| ts.parse().ok()),
    };
    let days = SignedDuration::from_hours(24 * DAYS);
    Ok(until.and_then(|until| until.checked_sub(days).ok()))
}

pub fn find(dir: &Path, ask: &Ask) -> io::Result<(Found, Read)> {
    let since = since(dir, ask)?;
    let start = since.and_then(|since| since.checked_sub(ask.history).ok());
    let from = since.map(words::stamp);
    let filter = Filter {
        kind: Some("statement".to_owned()),
        since: start,
        ..ask.filter.clone()
    };
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    let read = read(dir, &filter, |entry| {
        let person = people.entry(facts::person(&entry.view)).or_default();
        if from.as_ref().is_some_and(|from| entry.view.ts < *from) {
            person.learn(entry);
        } else {
            person.watch(entry);
        }
    })?;
    let mut findings = Table::new(
        "findings",
        "Out of pattern",
        "Everybody kept to their own pattern.",
        FINDINGS,
    );
    findings.note = format!(
        "Hour: fewer than 1 in {RARE} of the person's statements before were in it. Table, place: not used before. Volume: a day with more than twice the largest before, and more than its mean by {DEVIATIONS} standard deviations."
    );
    let mut new = Table::new(
        "without_history",
        "Without enough history to compare with",
        "Nobody: everyone who was active has a history.",
        NEW,
    );
    let (mut held, mut odd) = (0_u64, 0_u64);
    for (name, person) in people {
        if person.now.span.times == 0 {
            continue;
        }
        if !person.has_history() {
            let row = vec![
                name.into(),
                person.days.len().into(),
                person.now.span.times.into(),
                Cell::Time(person.now.span.first),
                Cell::Time(person.now.span.last),
            ];
            new.push(usize::MAX, row);
            continue;
        }
        held += 1;
        let found = person.findings();
        odd += u64::from(!found.is_empty());
        for row in found {
            let row = std::iter::once(name.clone().into()).chain(row).collect();
            findings.push(ask.limit, row);
        }
    }
    let answer = format!(
        "{} of {} with a history were out of their own pattern, in {}; {} had fewer than {DAYS_MIN} days of history in the {} before the period.",
        words::grouped(odd),
        words::count(held, "person or account"),
        words::count(findings.total, "point"),
        words::grouped(new.total),
        words::long(ask.history.as_secs()),
    );
    let found = Found {
        answer: vec![answer],
        cautions: vec![
            "Out of pattern is no wrongdoing: a change of shift, a new task or a new release looks the same. It says where to ask.".to_owned(),
        ],
        tables: vec![findings, new],
        period: Some((since, ask.filter.until)),
    };
    Ok((found, read))
}

//! Time zones as the server has them: our own rules, and the times at which the server's are others.
//!
//! The protocol does not say which tz database a server has, and builders of it disagree (backzone data, links,
//! laws that changed since). So the server is asked for its offsets, and where they are not ours no value is
//! made of a local time. A zone must never be used before it has been compared.

use super::ValueError;
use super::value::zone;
use jiff::tz::TimeZone;
use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const DAY: i64 = 86_400;
/// 1800-01-01, before any zone's first rule; what differs there differs always before.
const FIRST: i64 = -5_364_662_400;
/// 2110-01-01; rules of zones without an end repeat by then, and what differs in the last years differs ever after.
const LAST: i64 = 4_417_977_600;
/// Ten years.
const LAST_YEARS: i64 = 3_653 * DAY;

/// Of a difference that has no end.
const ALWAYS: Range<i64> = Range {
    start: i64::MIN,
    end: i64::MAX,
};

/// Zones that are kept: more than there are names, since a client can make up POSIX strings without end.
const MOST: usize = 2048;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protect) enum Compared {
    /// Seconds east of UTC.
    Offset,
    /// That, and the abbreviation.
    Abbreviation,
}

/// A zone that has been compared.
#[derive(Debug)]
pub(in crate::protect) struct Zone {
    name: Box<str>,
    /// Ours.
    pub(in crate::protect) rules: TimeZone,
    /// Seconds since 1970 at which the server has another offset, in order.
    offsets: Vec<Range<i64>>,
    /// The same for offset or abbreviation.
    abbreviations: Vec<Range<i64>>,
}

impl Zone {
    /// # Errors
    /// 0A000 where the server's rules are others at some second of the range.
    pub(in crate::protect) fn agrees(
        &self,
        what: Compared,
        seconds: Range<i64>,
    ) -> Result<(), ValueError> {
        let differing = match what {
            Compared::Offset => &self.offsets,
            Compared::Abbreviation => &self.abbreviations,
        };
        let apart = |d: &Range<i64>| d.end <= seconds.start || seconds.end <= d.start;
        if differing.iter().all(apart) {
            return Ok(());
        }
        Err(ValueError::new(
            "0A000",
            format!(
                "time zone \"{}\" has other rules at the server than at the proxy for that time",
                self.name
            ),
        )
        .hint("Give the value with its offset from UTC, and SET TimeZone TO 'UTC' to read it."))
    }
}

/// The zones of one server that have been compared, by their names in small letters.
#[derive(Debug, Default)]
pub struct Zones {
    known: RwLock<HashMap<Box<str>, Arc<Zone>>>,
    wanted: Mutex<BTreeSet<Box<str>>>,
    /// Whether there are any: asked after every batch of messages.
    has_wanted: AtomicBool,
}

impl Zones {
    /// Whether the zone has to be compared before it can be used.
    pub fn lacks(&self, name: &str) -> bool {
        !zone::is_constant(name) && zone::rules(name).is_some() && self.found(name).is_none()
    }

    /// Whether values have waited for zones.
    pub fn has_wanted(&self) -> bool {
        self.has_wanted.load(Ordering::Relaxed)
    }

    /// What values with zones in them waited for, once.
    pub fn take_wanted(&self) -> BTreeSet<Box<str>> {
        if !self.has_wanted.swap(false, Ordering::Acquire) {
            return BTreeSet::new();
        }
        mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the server's answer for the [`points`] of the zone; `None` where it does not know the name.
    pub fn learn(&self, name: &str, points: &Points, answer: Option<&[Run]>) {
        let Some(rules) = zone::rules(name) else {
            return;
        };
        let (offsets, abbreviations) = match answer {
            Some(runs) => points.compare(&rules, runs),
            None => (vec![ALWAYS], vec![ALWAYS]),
        };
        if !offsets.is_empty() {
            tracing::info!(
                zone = name,
                "the server's rules of the time zone differ from the proxy's"
            );
        }
        let compared = Zone {
            name: name.into(),
            rules,
            offsets,
            abbreviations,
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(name.to_ascii_lowercase().into(), Arc::new(compared));
    }

    /// The server may have been given another tz database since.
    pub fn forget(&self) {
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// # Errors
    /// 0A000 for one that our database does not have, or that has not been compared.
    pub(in crate::protect) fn get(&self, name: &str) -> Result<Arc<Zone>, ValueError> {
        if let Some(zone) = self.found(name) {
            return Ok(zone);
        }
        let rules = zone::rules(name).ok_or_else(|| zone::unknown(name))?;
        if !zone::is_constant(name) {
            return Err(ValueError::new(
                "0A000",
                format!("time zone \"{name}\" has not been compared with the server's yet"),
            )
            .hint("Try again, or give the value with its offset from UTC."));
        }
        let abbreviations = match zone::keeps_name(name) {
            true => Vec::new(),
            false => vec![ALWAYS],
        };
        Ok(Arc::new(Zone {
            name: name.into(),
            rules,
            offsets: Vec::new(),
            abbreviations,
        }))
    }

    /// Has it compared, for the next time.
    pub(in crate::protect) fn want(&self, name: &str) {
        if self.lacks(name) {
            let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.insert(name.into());
            self.has_wanted.store(true, Ordering::Release);
        }
    }

    /// The same rules as ours in every zone of the database, and in these.
    #[cfg(test)]
    pub(in crate::protect) fn agreeing(more: &[&str]) -> Arc<Self> {
        let zones = Self::default();
        let names = zone::names();
        for name in names.iter().map(String::as_str).chain(more.iter().copied()) {
            let Some(rules) = zone::rules(name) else {
                continue;
            };
            let zone = Zone {
                name: name.into(),
                rules,
                offsets: Vec::new(),
                abbreviations: Vec::new(),
            };
            let mut known = zones.known.write().unwrap();
            known.insert(name.to_ascii_lowercase().into(), Arc::new(zone));
        }
        Arc::new(zones)
    }

    fn found(&self, name: &str) -> Option<Arc<Zone>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name.to_ascii_lowercase().as_str()).cloned()
    }
}

/// Seconds since 1970 at which a zone is compared: every day, and both sides of each change that we know.
#[derive(Debug)]
pub struct Points {
    changes: BTreeSet<i64>,
}

/// A second since 1970.
pub type Point = i64;

/// From this point on, up to the next run, the server has this offset and abbreviation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first point of it.
    pub from: Point,
    /// Seconds east of UTC.
    pub east: i64,
    /// In capitals.
    pub abbreviation: String,
}

/// Where the zone is to be compared.
pub fn points(name: &str) -> Points {
    let mut changes = BTreeSet::new();
    let from = jiff::Timestamp::from_second(FIRST);
    if let (Some(rules), Ok(from)) = (zone::rules(name), from) {
        let seconds = rules.following(from).map(|t| t.timestamp().as_second());
        for second in seconds.take_while(|s| *s < LAST) {
            changes.extend([second - 1, second]);
        }
    }
    Points { changes }
}

impl Points {
    /// First and last day, and the step between days, in seconds.
    pub const DAYS: (Point, Point, i64) = (FIRST, LAST, DAY);

    /// Those beside the days.
    pub fn changes(&self) -> impl Iterator<Item = Point> + '_ {
        self.changes.iter().copied()
    }

    /// Where offsets, and where offsets or abbreviations differ. Between two of the seconds that are looked at
    /// neither side changes, as far as the points can tell.
    fn compare(&self, rules: &TimeZone, runs: &[Run]) -> (Vec<Range<i64>>, Vec<Range<i64>>) {
        let mut looked_at: BTreeSet<Point> = runs.iter().map(|r| r.from).collect();
        looked_at.extend(self.changes().chain([FIRST, LAST]));
        let mut points = looked_at.into_iter().peekable();
        let mut runs = runs.iter().peekable();
        let mut run = None;
        let (mut offsets, mut abbreviations) = (Vec::new(), Vec::new());
        while let Some(point) = points.next() {
            while let Some(next) = runs.next_if(|r| r.from <= point) {
                run = Some(next);
            }
            let Ok(instant) = jiff::Timestamp::from_second(point) else {
                continue;
            };
            let ours = rules.to_offset_info(instant);
            let same_offset = run.is_some_and(|r| r.east == i64::from(ours.offset().seconds()));
            let same = same_offset
                && run.is_some_and(|r| r.abbreviation.eq_ignore_ascii_case(ours.abbreviation()));
            let until = points.peek().copied().unwrap_or(LAST);
            if !same_offset {
                differs(&mut offsets, point..until);
            }
            if !same {
                differs(&mut abbreviations, point..until);
            }
        }
        (offsets, abbreviations)
    }
}

/// A difference reaches at most to the days beside it.
fn differs(ranges: &mut Vec<Range<i64>>, seconds: Range<Point>) {
    let start = match seconds.start <= FIRST {
        true => i64::MIN,
        false => seconds.start - DAY,
    };
    let end = match seconds.end >= LAST - LAST_YEARS {
        true => i64::MAX,
        false => seconds.end + DAY,
    };
    match ranges.last_mut() {
        Some(last) if last.end >= start => last.end = last.end.max(end),
        _ => ranges.push(start..end),
    }
}

#[cfg(test)]
mod tests;

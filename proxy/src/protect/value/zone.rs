//! Time zones: the session's, and those that stand in a timestamp.
//!
//! Rules come from the tz database that is compiled in, and hold where the server's are the same
//! ([`Zones`](crate::protect::Zones)). A zone that it does not have, a string whose meaning depends on the
//! server, and a time at which the two differ are errors: never a guess, never UTC instead.

use super::calendar::{CYCLE_SECONDS, Civil, UNIX_TO_POSTGRES, days};
use crate::protect::ValueError;
use crate::protect::zones::{Compared, Zone};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use std::sync::OnceLock;

/// Seconds from 1970-01-01 to 2000-01-01.
const EPOCH: i64 = UNIX_TO_POSTGRES * 86_400;
/// Beyond these the rules are those of their year within the calendar's 400-year cycle.
const LAST_YEAR: i32 = 9000;
const LAST_SECOND: i64 = 221_845_392_000;

fn database() -> &'static TimeZoneDatabase {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    DATABASE.get_or_init(TimeZoneDatabase::bundled)
}

/// A zone of the tz database, by its name in any case.
pub(in crate::protect) fn named(name: &str) -> Option<TimeZone> {
    // jiff has these two without the database; PostgreSQL does not know the second
    if name.eq_ignore_ascii_case("Etc/Unknown") {
        return None;
    }
    database().get(name).ok()
}

#[cfg(test)]
pub(in crate::protect) fn names() -> Vec<String> {
    database()
        .available()
        .map(|n| n.as_str().to_owned())
        .collect()
}

/// The rules of a setting's value: a name, or a POSIX string that says all by itself.
pub(in crate::protect) fn rules(value: &str) -> Option<TimeZone> {
    named(value).or_else(|| posix(value))
}

/// Whether it says its offset itself, so that the server cannot differ.
pub(in crate::protect) fn is_constant(value: &str) -> bool {
    const UTC: [&str; 7] = [
        "UTC",
        "GMT",
        "UCT",
        "Etc/UTC",
        "Etc/GMT",
        "Zulu",
        "Universal",
    ];
    UTC.iter().any(|name| name.eq_ignore_ascii_case(value))
        || (named(value).is_none() && posix(value).is_some_and(|zone| is_fixed(&zone)))
}

fn is_fixed(zone: &TimeZone) -> bool {
    zone.following(jiff::Timestamp::UNIX_EPOCH).next().is_none()
}

/// A zone that the compiled-in database does not have.
pub(in crate::protect) fn unknown(value: &str) -> ValueError {
    ValueError::new(
        "0A000",
        format!("the proxy does not know time zone \"{value}\""),
    )
    .hint("SET TimeZone to a name of the tz database, such as 'UTC' or 'Europe/Berlin'")
}

/// `<+02>-02`, `FOO-3`, `EST5EDT,M3.2.0,M11.1.0`. Without rules, daylight saving is the server's word.
fn posix(value: &str) -> Option<TimeZone> {
    let Ok(zone) = TimeZone::posix(value) else {
        return TimeZone::posix(&format!("<ZZZ>{}", without_name(value)?)).ok();
    };
    (is_fixed(&zone) || value.contains(',')).then_some(zone)
}

/// The offset of a POSIX string whose name POSIX does not allow: `<+03:30>-03:30`, which PostgreSQL makes of a number of
/// hours, and `+03:30`.
fn without_name(value: &str) -> Option<&str> {
    let offset = match value.strip_prefix('<') {
        Some(rest) => rest.split_once('>')?.1,
        None => value,
    };
    let is_offset = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ':');
    (!offset.is_empty() && offset.chars().all(is_offset)).then_some(offset)
}

/// Whether the zone's abbreviation is what the server has: no name that we had to leave out.
pub(in crate::protect) fn keeps_name(value: &str) -> bool {
    named(value).is_some() || TimeZone::posix(value).is_ok()
}

/// Seconds east of UTC at a local time, by PostgreSQL's rule (DetermineTimeZoneOffset): in the gap of
/// spring the offset before it, in autumn's overlap the offset after it.
///
/// # Errors
/// 0A000 where the server's clock may be another.
pub(super) fn offset_at_local(
    zone: &Zone,
    date: Civil,
    second_of_day: i64,
) -> Result<i64, ValueError> {
    // no offset is a whole day
    let unix = days(date) * 86_400 + EPOCH + second_of_day;
    zone.agrees(Compared::Offset, unix - 86_400..unix + 86_401)?;
    let year = if date.year > LAST_YEAR {
        2400 + date.year.rem_euclid(400)
    } else {
        date.year
    };
    let day = days(Civil { year, ..date });
    let unix = day * 86_400 + EPOCH + second_of_day;
    let Ok(local) = jiff::Timestamp::from_second(unix) else {
        return Ok(0);
    };
    let ambiguous = zone
        .rules
        .to_ambiguous_timestamp(TimeZone::UTC.to_datetime(local));
    let offset = match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } => before,
        AmbiguousOffset::Fold { after, .. } => after,
    };
    Ok(i64::from(offset.seconds()))
}

/// Seconds east of UTC at an instant (seconds since 2000-01-01 UTC).
///
/// # Errors
/// 0A000 where the server's clock is another.
pub(super) fn offset_at(zone: &Zone, second: i64) -> Result<i64, ValueError> {
    zone.agrees(Compared::Offset, at(second))?;
    Ok(instant(second).map_or(0, |t| i64::from(zone.rules.to_offset(t).seconds())))
}

/// As [`offset_at`], with the abbreviation in use; `shown`: what of the two is needed.
///
/// # Errors
/// 0A000 where the server's clock, or its abbreviation, is another.
pub(super) fn with_offset_at<T>(
    zone: &Zone,
    second: i64,
    shown: Compared,
    use_it: impl FnOnce(i64, &str) -> T,
) -> Result<T, ValueError> {
    zone.agrees(shown, at(second))?;
    Ok(match instant(second) {
        Some(t) => {
            let info = zone.rules.to_offset_info(t);
            use_it(i64::from(info.offset().seconds()), info.abbreviation())
        }
        None => use_it(0, "UTC"),
    })
}

/// The second, counted from 1970.
fn at(second: i64) -> std::ops::Range<i64> {
    let unix = second.saturating_add(EPOCH);
    unix..unix.saturating_add(1)
}

fn instant(second: i64) -> Option<jiff::Timestamp> {
    let unix = second.checked_add(EPOCH)?;
    let folded = if unix > LAST_SECOND {
        // 2400-01-01, where the cycle begins
        13_569_465_600 + (unix - 13_569_465_600).rem_euclid(CYCLE_SECONDS)
    } else {
        unix
    };
    jiff::Timestamp::from_second(folded).ok()
}

/// Abbreviations with one meaning in PostgreSQL's `Default` set and in the tz database's use of our
/// time, with their seconds east of UTC.
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("z", 0),
    ("zulu", 0),
    ("utc", 0),
    ("uct", 0),
    ("ut", 0),
    ("gmt", 0),
    ("est", -18_000),
    ("edt", -14_400),
    ("cst", -21_600),
    ("cdt", -18_000),
    ("mst", -25_200),
    ("mdt", -21_600),
    ("pst", -28_800),
    ("pdt", -25_200),
    ("akst", -32_400),
    ("akdt", -28_800),
    ("hst", -36_000),
    ("wet", 0),
    ("cet", 3_600),
    ("cest", 7_200),
    ("eet", 7_200),
    ("eest", 10_800),
    ("bst", 3_600),
    ("jst", 32_400),
    ("kst", 32_400),
    ("hkt", 28_800),
    ("aest", 36_000),
    ("aedt", 39_600),
    ("nzst", 43_200),
    ("nzdt", 46_800),
];

/// What a word that may be an abbreviation means.
pub(super) enum Abbreviation {
    /// These seconds east of UTC.
    Offset(i32),
    /// Servers of different versions read it differently in this session's zone.
    Unsure,
    /// None that we know.
    Unknown,
}

/// Looks a lower-case word up. Since PostgreSQL 18 the session zone's own abbreviations come first, so
/// one that this zone uses with another offset is not taken.
pub(super) fn abbreviation(word: &str, session: &TimeZone) -> Abbreviation {
    let Some(&(_, seconds)) = ABBREVIATIONS.iter().find(|(name, _)| *name == word) else {
        return Abbreviation::Unknown;
    };
    let differs = |abbreviation: &str, offset: i32| {
        abbreviation.eq_ignore_ascii_case(word) && offset != seconds
    };
    let now = session.to_offset_info(jiff::Timestamp::UNIX_EPOCH);
    let end = jiff::Timestamp::from_second(4_102_444_800).unwrap_or(jiff::Timestamp::MAX);
    let clash = differs(now.abbreviation(), now.offset().seconds())
        || session
            .preceding(end)
            .any(|t| differs(t.abbreviation(), t.offset().seconds()));
    if clash {
        Abbreviation::Unsure
    } else {
        Abbreviation::Offset(seconds)
    }
}

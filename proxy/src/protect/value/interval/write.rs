//! interval_out in the four styles of IntervalStyle.

use super::{HOUR, Interval, MINUTE};
use crate::protect::IntervalStyle;
use bytes::{BufMut, BytesMut};
use std::fmt::Write as _;

/// The parts of interval2itm, each with its own sign.
#[derive(Clone, Copy)]
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
}

impl Parts {
    fn of(interval: Interval) -> Self {
        let time = interval.micros;
        Self {
            year: i64::from(interval.months / 12),
            month: i64::from(interval.months % 12),
            day: i64::from(interval.days),
            hour: time / HOUR,
            minute: time % HOUR / MINUTE,
            second: time % MINUTE / 1_000_000,
            micros: time % 1_000_000,
        }
    }

    fn all(self) -> [i64; 7] {
        [
            self.year,
            self.month,
            self.day,
            self.hour,
            self.minute,
            self.second,
            self.micros,
        ]
    }

    fn time(self) -> [i64; 4] {
        [self.hour, self.minute, self.second, self.micros]
    }

    fn negated(self) -> Self {
        Self {
            year: -self.year,
            month: -self.month,
            day: -self.day,
            hour: -self.hour,
            minute: -self.minute,
            second: -self.second,
            micros: -self.micros,
        }
    }
}

/// interval_out.
pub(in crate::protect) fn write_text(interval: Interval, style: IntervalStyle, out: &mut BytesMut) {
    let parts = Parts::of(interval);
    let mut text = String::with_capacity(32);
    match style {
        IntervalStyle::Postgres => postgres(parts, &mut text),
        IntervalStyle::PostgresVerbose => verbose(parts, &mut text),
        IntervalStyle::SqlStandard => standard(parts, &mut text),
        IntervalStyle::Iso8601 => iso(parts, &mut text),
    }
    out.put_slice(text.as_bytes());
}

/// `05.5`, or `5.5`: AppendSeconds.
fn seconds(parts: Parts, padded: bool, text: &mut String) {
    let (second, micros) = (parts.second.unsigned_abs(), parts.micros.unsigned_abs());
    // writing to memory does not fail, here and below
    let _ = match padded {
        true => write!(text, "{second:02}"),
        false => write!(text, "{second}"),
    };
    if micros != 0 {
        let fraction = format!("{micros:06}");
        let _ = write!(text, ".{}", fraction.trim_end_matches('0'));
    }
}

fn postgres(parts: Parts, text: &mut String) {
    let mut before = false;
    for (value, unit) in [
        (parts.year, "year"),
        (parts.month, "mon"),
        (parts.day, "day"),
    ] {
        if value == 0 {
            continue;
        }
        let blank = if text.is_empty() { "" } else { " " };
        let plus = if before && value > 0 { "+" } else { "" };
        let plural = if value == 1 { "" } else { "s" };
        let _ = write!(text, "{blank}{plus}{value} {unit}{plural}");
        before = value < 0;
    }
    if text.is_empty() || parts.time().iter().any(|v| *v != 0) {
        let blank = if text.is_empty() { "" } else { " " };
        let sign = match parts.time().iter().any(|v| *v < 0) {
            true => "-",
            false if before => "+",
            false => "",
        };
        let (hour, minute) = (parts.hour.unsigned_abs(), parts.minute.unsigned_abs());
        let _ = write!(text, "{blank}{sign}{hour:02}:{minute:02}:");
        seconds(parts, true, text);
    }
}

fn verbose(parts: Parts, text: &mut String) {
    text.push('@');
    let (mut zero, mut before) = (true, false);
    for (value, unit) in [
        (parts.year, "year"),
        (parts.month, "mon"),
        (parts.day, "day"),
        (parts.hour, "hour"),
        (parts.minute, "min"),
    ] {
        if value == 0 {
            continue;
        }
        let shown = match zero {
            true => {
                before = value < 0;
                value.abs()
            }
            false if before => -value,
            false => value,
        };
        let plural = if shown == 1 { "" } else { "s" };
        let _ = write!(text, " {shown} {unit}{plural}");
        zero = false;
    }
    if parts.second != 0 || parts.micros != 0 {
        text.push(' ');
        let negative = parts.second < 0 || (parts.second == 0 && parts.micros < 0);
        match (negative, zero, before) {
            (true, true, _) => before = true,
            (true, false, false) | (false, _, true) => text.push('-'),
            _ => {}
        }
        seconds(parts, false, text);
        let one = parts.second.abs() == 1 && parts.micros == 0;
        text.push_str(if one { " sec" } else { " secs" });
        zero = false;
    }
    if zero {
        text.push_str(" 0");
    }
    if before {
        text.push_str(" ago");
    }
}

fn standard(parts: Parts, text: &mut String) {
    let negative = parts.all().iter().any(|v| *v < 0);
    let positive = parts.all().iter().any(|v| *v > 0);
    let year_month = parts.year != 0 || parts.month != 0;
    let day_time = parts.day != 0 || parts.time().iter().any(|v| *v != 0);
    if !negative && !positive {
        return text.push('0');
    }
    if (negative && positive) || (year_month && day_time) {
        let sign = |negative: bool| if negative { '-' } else { '+' };
        let _ = write!(
            text,
            "{}{}-{} {}{} {}{}:{:02}:",
            sign(parts.year < 0 || parts.month < 0),
            parts.year.abs(),
            parts.month.abs(),
            sign(parts.day < 0),
            parts.day.abs(),
            sign(parts.time().iter().any(|v| *v < 0)),
            parts.hour.unsigned_abs(),
            parts.minute.abs(),
        );
        return seconds(parts, true, text);
    }
    let parts = match negative {
        true => {
            text.push('-');
            parts.negated()
        }
        false => parts,
    };
    if year_month {
        let _ = write!(text, "{}-{}", parts.year, parts.month);
        return;
    }
    if parts.day != 0 {
        let _ = write!(text, "{} ", parts.day);
    }
    let _ = write!(text, "{}:{:02}:", parts.hour, parts.minute);
    seconds(parts, true, text);
}

fn iso(parts: Parts, text: &mut String) {
    if parts.all().iter().all(|v| *v == 0) {
        return text.push_str("PT0S");
    }
    text.push('P');
    for (value, unit) in [(parts.year, 'Y'), (parts.month, 'M'), (parts.day, 'D')] {
        if value != 0 {
            let _ = write!(text, "{value}{unit}");
        }
    }
    if parts.time().iter().all(|v| *v == 0) {
        return;
    }
    text.push('T');
    for (value, unit) in [(parts.hour, 'H'), (parts.minute, 'M')] {
        if value != 0 {
            let _ = write!(text, "{value}{unit}");
        }
    }
    if parts.second != 0 || parts.micros != 0 {
        if parts.second < 0 || parts.micros < 0 {
            text.push('-');
        }
        seconds(parts, false, text);
        text.push('S');
    }
}

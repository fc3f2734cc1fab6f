//! interval_in: DecodeInterval, and DecodeISO8601Interval for what begins with P.
//!
//! Words it does not know and ISO's alternative format are refused with 0A000, never guessed.

use super::units::{Unit, Word, word};
use super::{HOUR, Interval, MINUTE};
use crate::protect::value::calendar::DAY;
use crate::protect::value::datetime::{Fault, Form, split};
use crate::protect::{IntervalStyle, Settings, ValueError};
use hippocrypt_policy::{IntervalFields, IntervalModifier};

/// interval_in without rounding; the modifier's fields say what a last number without unit is.
///
/// # Errors
/// 22007, 22008, 22015; 0A000.
pub(in crate::protect) fn parse(
    text: &str,
    modifier: IntervalModifier,
    settings: &Settings,
) -> Result<Interval, ValueError> {
    let style = settings.interval_style()?;
    let read = match text.starts_with('P') {
        true => iso(text),
        false => split(text).and_then(|fields| Reading::of(&fields, modifier, style)),
    };
    read.and_then(Sum::finish).map_err(|fault| match fault {
        Fault::Overflow => ValueError::new("22015", "interval field value out of range"),
        Fault::MonthOrDay => ValueError::new("22008", "interval out of range"),
        other => other.of_type("interval"),
    })
}

/// What has been read so far (struct pg_itm_in).
#[derive(Clone, Copy, Default)]
struct Sum {
    years: i32,
    months: i32,
    days: i32,
    micros: i64,
}

impl Sum {
    fn finish(self) -> Result<Interval, Fault> {
        let months = i64::from(self.years) * 12 + i64::from(self.months);
        Ok(Interval {
            micros: self.micros,
            days: self.days,
            months: i32::try_from(months).map_err(|_| Fault::MonthOrDay)?,
        })
    }

    /// `value` and `fraction` of this unit.
    fn add(&mut self, unit: Unit, value: i64, fraction: f64) -> Result<(), Fault> {
        match unit {
            Unit::Micros => self.time(value, fraction, 1),
            Unit::Millis => self.time(value, fraction, 1000),
            Unit::Second => self.time(value, fraction, 1_000_000),
            Unit::Minute => self.time(value, fraction, MINUTE),
            Unit::Hour => self.time(value, fraction, HOUR),
            Unit::Day => {
                add(&mut self.days, value, 1)?;
                self.part_of(fraction, DAY)
            }
            Unit::Week => {
                add(&mut self.days, value, 7)?;
                self.part_of_days(fraction, 7.0)
            }
            Unit::Month => {
                add(&mut self.months, value, 1)?;
                self.part_of_days(fraction, 30.0)
            }
            Unit::Year => self.whole_years(value, fraction, 1),
            Unit::Years(n) => self.whole_years(value, fraction, n),
        }
    }

    fn whole_years(&mut self, value: i64, fraction: f64, scale: i32) -> Result<(), Fault> {
        add(&mut self.years, value, scale)?;
        let months = (fraction * f64::from(scale) * 12.0).round_ties_even();
        // a fraction of a thousand years at most
        #[allow(clippy::cast_possible_truncation)]
        let months = months as i64;
        add(&mut self.months, months, 1)
    }

    fn time(&mut self, value: i64, fraction: f64, scale: i64) -> Result<(), Fault> {
        let whole = value
            .checked_mul(scale)
            .and_then(|v| self.micros.checked_add(v));
        self.micros = whole.ok_or(Fault::Overflow)?;
        self.part_of(fraction, scale)
    }

    /// AdjustFractMicroseconds
    fn part_of(&mut self, fraction: f64, scale: i64) -> Result<(), Fault> {
        if fraction == 0.0 {
            return Ok(());
        }
        // a fraction of a day at most
        #[allow(clippy::cast_precision_loss)]
        let micros = fraction * scale as f64;
        #[allow(clippy::cast_possible_truncation)]
        let whole = micros.trunc() as i64;
        let rest = micros - micros.trunc();
        let rounded = i64::from(rest > 0.5) - i64::from(rest < -0.5);
        let sum = self
            .micros
            .checked_add(whole)
            .and_then(|m| m.checked_add(rounded));
        self.micros = sum.ok_or(Fault::Overflow)?;
        Ok(())
    }

    /// AdjustFractDays
    fn part_of_days(&mut self, fraction: f64, scale: f64) -> Result<(), Fault> {
        if fraction == 0.0 {
            return Ok(());
        }
        let days = fraction * scale;
        // a fraction of a month at most
        #[allow(clippy::cast_possible_truncation)]
        let whole = days.trunc() as i64;
        add(&mut self.days, whole, 1)?;
        self.part_of(days - days.trunc(), DAY)
    }

    fn negated(self) -> Result<Self, Fault> {
        let all = || {
            Some(Self {
                years: self.years.checked_neg()?,
                months: self.months.checked_neg()?,
                days: self.days.checked_neg()?,
                micros: self.micros.checked_neg()?,
            })
        };
        all().ok_or(Fault::Overflow)
    }
}

fn add(to: &mut i32, value: i64, scale: i32) -> Result<(), Fault> {
    let value = i32::try_from(value).ok().and_then(|v| v.checked_mul(scale));
    *to = value
        .and_then(|v| to.checked_add(v))
        .ok_or(Fault::Overflow)?;
    Ok(())
}

/// A field that a value can be given once.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Time,
    Unit(Unit),
}

struct Reading {
    sum: Sum,
    seen: Vec<Seen>,
    unit: Option<Unit>,
    /// A unit waits for its number.
    waiting: bool,
    ago: bool,
    /// SQL standard: a sign before the first field counts for all.
    force_negative: bool,
    modifier: IntervalModifier,
}

impl Reading {
    fn of(
        fields: &[(Form, &str)],
        modifier: IntervalModifier,
        style: IntervalStyle,
    ) -> Result<Sum, Fault> {
        let signed = |(_, text): &(Form, &str)| text.starts_with(['-', '+']);
        let first = fields
            .first()
            .is_some_and(|(_, text)| text.starts_with('-'));
        let mut reading = Self {
            sum: Sum::default(),
            seen: Vec::new(),
            unit: None,
            waiting: false,
            ago: false,
            force_negative: style == IntervalStyle::SqlStandard
                && first
                && !fields.iter().skip(1).any(signed),
            modifier,
        };
        // from the right, so that the unit comes before its number
        for (form, text) in fields.iter().rev() {
            reading.field(*form, text)?;
        }
        if reading.seen.is_empty() || reading.waiting {
            return Err(Fault::Syntax);
        }
        match reading.ago {
            true => reading.sum.negated(),
            false => Ok(reading.sum),
        }
    }

    fn field(&mut self, form: Form, text: &str) -> Result<(), Fault> {
        match form {
            Form::Time => self.clock(text, false),
            Form::Offset if text.contains(':') => {
                self.clock(text.get(1..).unwrap_or_default(), text.starts_with('-'))
            }
            Form::Offset | Form::Date | Form::Number => self.number(text),
            Form::Word => self.word(text),
            Form::Signed => Err(Fault::Unsure),
        }
    }

    fn mark(&mut self, which: Seen) -> Result<(), Fault> {
        let clock = |s: &Seen| {
            matches!(
                s,
                Seen::Time | Seen::Unit(Unit::Hour | Unit::Minute | Unit::Second)
            )
        };
        let sub_second = |s: &Seen| matches!(s, Seen::Unit(Unit::Micros | Unit::Millis));
        // hours beside a clock are twice the same; fractions of a second beside others are read in ways
        // that depend on the order
        if self.seen.contains(&which) || (clock(&which) && self.seen.contains(&Seen::Time)) {
            return Err(Fault::Syntax);
        }
        if which == Seen::Time && self.seen.iter().any(clock) {
            return Err(Fault::Syntax);
        }
        if (sub_second(&which) && self.seen.iter().any(clock))
            || (clock(&which) && self.seen.iter().any(sub_second))
        {
            return Err(Fault::Unsure);
        }
        self.seen.push(which);
        Ok(())
    }

    /// `10:20`, `10:20:30.5`: DecodeTimeForInterval.
    fn clock(&mut self, text: &str, negative: bool) -> Result<(), Fault> {
        let mut parts = text.split(':');
        let (first, second) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let third = parts.next();
        if parts.next().is_some() {
            return Err(Fault::Syntax);
        }
        let minutes_first = self.modifier.fields == Some(IntervalFields::MinuteToSecond);
        let (hour, minute, second) = match third {
            Some(third) => (first, second, third),
            None if minutes_first || second.contains('.') => ("0", first, second),
            None => (first, second, "0"),
        };
        let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if ![hour, minute, second].into_iter().all(digits)
            || !fraction.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(Fault::Unsure);
        }
        let number = |s: &str| s.parse::<i64>().map_err(|_| Fault::Overflow);
        let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
        let micros: f64 = format!("0.{fraction}0")
            .parse()
            .map_err(|_| Fault::Syntax)?;
        if minute > 59 || second > 60 {
            return Err(Fault::Overflow);
        }
        // at most 1e6
        #[allow(clippy::cast_possible_truncation)]
        let micros = (micros * 1e6).round_ties_even() as i64;
        let below = minute * MINUTE + second * 1_000_000 + micros;
        let all = hour
            .checked_mul(HOUR)
            .and_then(|h| h.checked_add(below))
            .ok_or(Fault::Overflow)?;
        self.mark(Seen::Time)?;
        self.sum.micros = if negative || self.force_negative {
            -all
        } else {
            all
        };
        // what stands before it is days
        self.unit = Some(Unit::Day);
        self.waiting = false;
        Ok(())
    }

    fn number(&mut self, text: &str) -> Result<(), Fault> {
        let negative = text.starts_with('-');
        let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = bare.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, rest) = bare.split_at_checked(end).ok_or(Fault::Syntax)?;
        let mut value: i64 = match whole {
            "" => 0,
            digits => digits.parse().map_err(|_| Fault::Overflow)?,
        };
        let mut fraction = 0.0;
        let mut unit = match self.unit {
            Some(unit) => unit,
            // `ago` wants a unit or a clock before it
            None if self.ago => return Err(Fault::Syntax),
            None => self.rightmost(),
        };
        if let Some(months) = rest.strip_prefix('-') {
            // SQL's years-months
            if months.is_empty() || !months.bytes().all(|b| b.is_ascii_digit()) || whole.is_empty()
            {
                return Err(Fault::Unsure);
            }
            let months: i64 = months.parse().map_err(|_| Fault::Overflow)?;
            let all = value.checked_mul(12).and_then(|v| v.checked_add(months));
            value = all.filter(|_| months < 12).ok_or(Fault::Overflow)?;
            unit = Unit::Month;
        } else if let Some(digits) = rest.strip_prefix('.') {
            if !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Fault::Syntax);
            }
            fraction = format!("0.{digits}0").parse().map_err(|_| Fault::Syntax)?;
        } else if !rest.is_empty() {
            return Err(Fault::Syntax);
        }
        if negative || self.force_negative {
            value = -value;
            fraction = -fraction;
        }
        self.sum.add(unit, value, fraction)?;
        self.mark(Seen::Unit(unit))?;
        // `1 5 hours` is a day and five hours
        self.unit = Some(if unit == Unit::Hour { Unit::Day } else { unit });
        self.waiting = false;
        Ok(())
    }

    /// The unit of a last number that has none.
    fn rightmost(&self) -> Unit {
        use IntervalFields as F;
        match self.modifier.fields {
            Some(F::Year) => Unit::Year,
            Some(F::Month | F::YearToMonth) => Unit::Month,
            Some(F::Day) => Unit::Day,
            Some(F::Hour | F::DayToHour) => Unit::Hour,
            Some(F::Minute | F::HourToMinute | F::DayToMinute) => Unit::Minute,
            Some(F::Second | F::DayToSecond | F::HourToSecond | F::MinuteToSecond) | None => {
                Unit::Second
            }
        }
    }

    fn word(&mut self, text: &str) -> Result<(), Fault> {
        if self.waiting {
            return Err(Fault::Syntax);
        }
        match word(text) {
            Word::Unit(unit) => {
                self.unit = Some(unit);
                self.waiting = true;
                Ok(())
            }
            // servers differ where it is not the last word
            Word::Ago if self.ago || !self.seen.is_empty() => Err(Fault::Unsure),
            Word::Ago => {
                self.ago = true;
                Ok(())
            }
            Word::Other => Err(Fault::Unsure),
        }
    }
}

/// `P1Y2M3DT4H5M6.7S`, `P2W`.
fn iso(text: &str) -> Result<Sum, Fault> {
    let mut sum = Sum::default();
    let mut rest = text
        .strip_prefix('P')
        .filter(|r| !r.is_empty())
        .ok_or(Fault::Syntax)?;
    let mut date = true;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            date = false;
            rest = after;
            continue;
        }
        let end = rest
            .find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+'))
            .ok_or(Fault::Unsure)?;
        let (number, after) = rest.split_at_checked(end).ok_or(Fault::Syntax)?;
        let plain = number.strip_prefix('-').unwrap_or(number);
        let dots = plain.matches('.').count();
        // signs inside and exponents are read in ways that surprise
        if plain.bytes().any(|b| !b.is_ascii_digit() && b != b'.')
            || dots > 1
            || plain == "."
            || plain.is_empty()
        {
            return Err(Fault::Unsure);
        }
        let value: f64 = number.parse().map_err(|_| Fault::Syntax)?;
        let (whole, fraction) = (value.trunc(), value - value.trunc());
        if whole.abs() >= 9.0e15 {
            return Err(Fault::Unsure);
        }
        // below 2^53
        #[allow(clippy::cast_possible_truncation)]
        let whole = whole as i64;
        let mut chars = after.chars();
        let unit = match (chars.next(), date) {
            (Some('Y'), true) => Unit::Year,
            (Some('M'), true) => Unit::Month,
            (Some('W'), true) => Unit::Week,
            (Some('D'), true) => Unit::Day,
            (Some('H'), false) => Unit::Hour,
            (Some('M'), false) => Unit::Minute,
            (Some('S'), false) => Unit::Second,
            // the alternative format, or an error
            _ => return Err(Fault::Unsure),
        };
        sum.add(unit, whole, fraction)?;
        rest = chars.as_str();
    }
    Ok(sum)
}

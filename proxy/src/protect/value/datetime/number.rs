//! Numeric fields: which part of a date a number is (DecodeNumber, DecodeDate, DecodeNumberField,
//! DecodeTime, DecodeTimezone of datetime.c).

use super::decode::{DATE, DAY, DAY_MICROS, MONTH, Reading, TIME, YEAR, ZONE};
use super::words::{Word, word};
use super::{Fault, Zone};
use crate::protect::DateOrder;

impl Reading<'_> {
    /// A field with separators: `2020-01-31`, `31.Jan.2020`.
    pub(super) fn date(&mut self, text: &str) -> Result<(), Fault> {
        let mut before = self.seen;
        let mut parts = Vec::with_capacity(3);
        let mut rest = text;
        while !rest.is_empty() {
            rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            let digits = rest.starts_with(|c: char| c.is_ascii_digit());
            let len = rest
                .bytes()
                .take_while(|b| {
                    if digits {
                        b.is_ascii_digit()
                    } else {
                        b.is_ascii_alphabetic()
                    }
                })
                .count();
            // a separator with nothing after it
            if len == 0 {
                return Err(Fault::Syntax);
            }
            let (part, after) = rest.split_at_checked(len).ok_or(Fault::Syntax)?;
            parts.push(part);
            // letters directly after digits would lose one: PostgreSQL overwrites it
            if after.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                return Err(Fault::Unsure);
            }
            rest = after.get(1..).unwrap_or_default();
        }
        // a month in letters counts within its own field only
        let outside = std::mem::take(&mut self.text_month);
        for part in parts.iter().filter(|p| is_word(p)) {
            let Some(Word::Month(month)) = word(part) else {
                return Err(Fault::Syntax);
            };
            self.month = i32::from(month);
            self.text_month = true;
            take(&mut before, MONTH)?;
        }
        for part in parts.iter().filter(|p| !is_word(p)) {
            let which = self.number(part, before)?;
            take(&mut before, which)?;
        }
        self.text_month = outside;
        // a time, a weekday or an era before it is refused, a zone is not
        if before & !ZONE != DATE {
            return Err(Fault::Syntax);
        }
        self.mark(before & !self.seen)
    }

    /// A plain number of a date: says which part it is, by what is there already.
    pub(super) fn number(&mut self, text: &str, seen: u16) -> Result<u16, Fault> {
        let value = text.parse::<i32>().map_err(|_| Fault::Overflow)?;
        if text.len() == 3 && seen & DATE == YEAR && (1..=366).contains(&value) {
            // the day of the year
            return Err(Fault::Unsure);
        }
        let ymd = self.order == DateOrder::Ymd;
        let which = match seen & DATE {
            0 if text.len() >= 3 || ymd => YEAR,
            0 if self.order == DateOrder::Dmy => DAY,
            0 | YEAR | DAY => MONTH,
            MONTH if self.text_month && (text.len() >= 3 || ymd) => YEAR,
            MONTH => DAY,
            m if m == YEAR | MONTH => {
                if self.text_month && text.len() >= 3 && self.two_digits {
                    // the first number was the day, not the year
                    self.day = self.year;
                    self.year = value;
                    self.two_digits = false;
                    return Ok(DAY);
                }
                DAY
            }
            m if m == MONTH | DAY => YEAR,
            DATE => return self.run_together(text, seen),
            _ => return Err(Fault::Syntax),
        };
        match which {
            YEAR => {
                self.year = value;
                self.two_digits = text.len() <= 2;
            }
            MONTH => self.month = value,
            _ => self.day = value,
        }
        Ok(which)
    }

    /// `20200131`, `200131`, `040506`, `0405`, `040506.789`.
    pub(super) fn run_together(&mut self, text: &str, seen: u16) -> Result<u16, Fault> {
        let (digits, fraction) = match text.split_once('.') {
            Some((digits, fraction)) => (digits, Some(fraction)),
            None => (text, None),
        };
        if fraction.is_none() && seen & DATE != DATE && digits.len() >= 6 {
            let split = digits.len() - 4;
            self.year = part(digits, 0, split)?;
            self.month = part(digits, split, split + 2)?;
            self.day = part(digits, split + 2, split + 4)?;
            self.two_digits = split == 2;
            return Ok(DATE);
        }
        if seen & TIME != 0 {
            return Err(Fault::Syntax);
        }
        let second = match digits.len() {
            6 => part(digits, 4, 6)?,
            4 => 0,
            _ => return Err(Fault::Syntax),
        };
        self.hour = part(digits, 0, 2)?;
        self.minute = part(digits, 2, 4)?;
        self.second = second;
        self.micros = fraction.map_or(Ok(0), micros)?;
        // PostgreSQL lets 1999 be 19:99 here, and goes on into the next hour
        if self.day_time().is_err() {
            return Err(Fault::Unsure);
        }
        Ok(TIME)
    }

    /// `10:20`, `10:20:30.5`.
    pub(super) fn time(&mut self, text: &str) -> Result<(), Fault> {
        let mut parts = text.split(':');
        let hour = parts.next().unwrap_or_default();
        let minute = parts.next().unwrap_or_default();
        let (second, fraction) = match parts.next() {
            None => ("0", "0"),
            Some(s) => s.split_once('.').unwrap_or((s, "0")),
        };
        if parts.next().is_some() {
            return Err(Fault::Syntax);
        }
        let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if ![hour, minute, second].into_iter().all(all_digits) {
            // `10:20.5` is minutes and seconds to PostgreSQL, `10:` the hour alone
            return Err(Fault::Unsure);
        }
        self.hour = hour.parse().map_err(|_| Fault::Overflow)?;
        self.minute = minute.parse().map_err(|_| Fault::Overflow)?;
        self.second = second.parse().map_err(|_| Fault::Overflow)?;
        self.micros = micros(fraction)?;
        if self.day_time()? > DAY_MICROS {
            return Err(Fault::Overflow);
        }
        self.mark(TIME)
    }

    /// `+02`, `-0330`, `+05:30:15`.
    pub(super) fn offset(&mut self, text: &str) -> Result<(), Fault> {
        let digits = text.get(1..).unwrap_or_default();
        let mut parts = digits.split(':');
        let first = parts.next().unwrap_or_default();
        let (minute, second) = (parts.next(), parts.next());
        if parts.next().is_some() {
            return Err(Fault::Syntax);
        }
        let number = |s: &str| {
            if s.is_empty() || s.bytes().any(|b| !b.is_ascii_digit()) {
                return Err(Fault::Unsure);
            }
            s.parse::<i32>().map_err(|_| Fault::Displacement)
        };
        let mut hour = number(first)?;
        let mut minutes = minute.map_or(Ok(0), number)?;
        let seconds = second.map_or(Ok(0), number)?;
        if minute.is_none() && text.len() > 3 {
            minutes = hour % 100;
            hour /= 100;
        }
        if hour > 15 || minutes > 59 || seconds > 59 {
            return Err(Fault::Displacement);
        }
        let east = (hour * 60 + minutes) * 60 + seconds;
        let sign = if text.starts_with('-') { -1 } else { 1 };
        self.zone = Some(Zone::Offset(sign * east));
        self.mark(ZONE)
    }
}

fn is_word(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn take(seen: &mut u16, which: u16) -> Result<(), Fault> {
    if *seen & which != 0 {
        return Err(Fault::Syntax);
    }
    *seen |= which;
    Ok(())
}

fn part(digits: &str, from: usize, to: usize) -> Result<i32, Fault> {
    digits
        .get(from..to)
        .and_then(|d| d.parse().ok())
        .ok_or(Fault::Overflow)
}

/// The digits after the point as microseconds, rounded as PostgreSQL does: through a double, to even.
fn micros(fraction: &str) -> Result<i64, Fault> {
    if fraction.is_empty() {
        return Ok(0);
    }
    if fraction.bytes().any(|b| !b.is_ascii_digit()) {
        return Err(Fault::Syntax);
    }
    let value: f64 = format!("0.{fraction}").parse().map_err(|_| Fault::Syntax)?;
    // at most 1e6
    #[allow(clippy::cast_possible_truncation)]
    Ok((value * 1e6).round_ties_even() as i64)
}

//! Gives each field its meaning in turn (DecodeDateTime, ValidateDate of datetime.c).

use super::scan::{Field, Form, fields};
use super::words::{Word, word};
use super::{Context, Fault, Fields, Moment, Zone};
use crate::protect::DateOrder;
use crate::protect::value::calendar::{self, Civil, month_length};
use crate::protect::value::zone::{self, Abbreviation};
use jiff::tz::TimeZone;

pub(super) const YEAR: u16 = 1;
pub(super) const MONTH: u16 = 2;
pub(super) const DAY: u16 = 4;
pub(super) const DATE: u16 = YEAR | MONTH | DAY;
pub(super) const TIME: u16 = 8;
pub(super) const ZONE: u16 = 16;
pub(super) const DAY_MICROS: i64 = calendar::DAY;
const MERIDIAN: u16 = 32;
const ERA: u16 = 64;
const WEEKDAY: u16 = 128;

/// What is known so far.
pub(super) struct Reading<'a> {
    session: &'a TimeZone,
    pub(super) order: DateOrder,
    pub(super) seen: u16,
    pub(super) year: i32,
    pub(super) month: i32,
    pub(super) day: i32,
    pub(super) two_digits: bool,
    pub(super) text_month: bool,
    pub(super) hour: i32,
    pub(super) minute: i32,
    pub(super) second: i32,
    pub(super) micros: i64,
    pub(super) zone: Option<Zone>,
    bc: bool,
    pm: Option<bool>,
    /// After `T`: the next field is a time.
    time_next: bool,
}

/// Reads a date with or without time and zone.
pub(in crate::protect::value) fn read(text: &str, context: &Context<'_>) -> Result<Moment, Fault> {
    let fields = fields(text)?;
    if let Some(moment) = special(&fields)? {
        return Ok(moment);
    }
    let mut reading = Reading::new(context);
    for field in &fields {
        reading.field(*field)?;
    }
    reading.finish().map(Moment::At)
}

/// Reads a time of day, microseconds since midnight; a date before it and a zone behind it count for nothing.
pub(in crate::protect::value) fn read_time(
    text: &str,
    context: &Context<'_>,
) -> Result<i64, Fault> {
    let fields = fields(text)?;
    let mut reading = Reading::new(context);
    for (at, (form, text)) in fields.iter().enumerate() {
        let meridian = matches!(word(text), Some(Word::Am | Word::Pm));
        match form {
            Form::Time | Form::Offset => reading.field((*form, text))?,
            Form::Word if meridian => reading.field((*form, text))?,
            // `102030`, `1020`
            Form::Number if at == 0 && matches!(text.len(), 4 | 6) && !text.contains('.') => {
                reading.only_time(text)?;
            }
            Form::Date if at == 0 && text.starts_with(|c: char| c.is_ascii_digit()) => {
                reading.date(text)?;
            }
            Form::Number | Form::Date | Form::Word | Form::Signed => return Err(Fault::Unsure),
        }
    }
    let date = reading.seen & DATE;
    if reading.seen & TIME == 0 || (date != 0 && date != DATE) {
        return Err(Fault::Unsure);
    }
    if date == DATE {
        reading.checked_date()?;
    }
    reading.twelve_hours()?;
    let time = reading.day_time()?;
    if time > DAY_MICROS {
        Err(Fault::Overflow)
    } else {
        Ok(time)
    }
}

/// `infinity`, `-infinity` and `epoch`, alone. Together with other fields versions differ.
fn special(fields: &[Field<'_>]) -> Result<Option<Moment>, Fault> {
    for (form, text) in fields {
        let found = match (form, word(text)) {
            (Form::Word, Some(Word::Infinity)) => Moment::Infinity,
            (Form::Signed, Some(Word::MinusInfinity)) => Moment::MinusInfinity,
            (Form::Word, Some(Word::Epoch)) => Moment::Epoch,
            (Form::Word, Some(Word::Clock)) => return Err(Fault::Clock),
            _ => continue,
        };
        return match fields.len() {
            1 => Ok(Some(found)),
            _ => Err(Fault::Unsure),
        };
    }
    Ok(None)
}

impl<'a> Reading<'a> {
    fn new(context: &Context<'a>) -> Self {
        Self {
            session: context.session,
            order: context.order,
            seen: 0,
            year: 0,
            month: 0,
            day: 0,
            two_digits: false,
            text_month: false,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            zone: None,
            bc: false,
            pm: None,
            time_next: false,
        }
    }

    pub(super) fn mark(&mut self, which: u16) -> Result<(), Fault> {
        if self.seen & which != 0 {
            return Err(Fault::Syntax);
        }
        self.seen |= which;
        Ok(())
    }

    fn field(&mut self, (form, text): Field<'_>) -> Result<(), Fault> {
        let after_t = std::mem::take(&mut self.time_next);
        match form {
            Form::Time => self.time(text),
            Form::Number if after_t => self.only_time(text),
            Form::Date if after_t => self.time_with_offset(text),
            _ if after_t => Err(Fault::Syntax),
            Form::Offset => self.offset(text),
            Form::Number => self.plain_number(text),
            Form::Date => self.date_or_zone(text),
            Form::Word => self.word(text),
            Form::Signed => Err(Fault::Unsure),
        }
    }

    /// After `T`: `040506`, `040506.789`.
    fn only_time(&mut self, text: &str) -> Result<(), Fault> {
        let which = self.run_together(text, self.seen | DATE)?;
        self.mark(which)
    }

    /// After `T`: `040506-08`.
    fn time_with_offset(&mut self, text: &str) -> Result<(), Fault> {
        let at = text.find('-').ok_or(Fault::Syntax)?;
        let (time, offset) = text.split_at_checked(at).ok_or(Fault::Syntax)?;
        if !time.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Fault::Unsure);
        }
        self.only_time(time)?;
        self.offset(offset)
    }

    fn plain_number(&mut self, text: &str) -> Result<(), Fault> {
        let which = match text.split_once('.') {
            // `040506.789` after a date; anything else with one point is read in ways that surprise
            Some((whole, _)) if self.seen & DATE == DATE && whole.len() > 2 => {
                self.run_together(text, self.seen)?
            }
            Some(_) => return Err(Fault::Unsure),
            None if text.len() >= 6 && (self.seen & DATE == 0 || self.seen & TIME == 0) => {
                self.run_together(text, self.seen)?
            }
            None => self.number(text, self.seen)?,
        };
        self.mark(which)
    }

    fn date_or_zone(&mut self, text: &str) -> Result<(), Fault> {
        if self.seen & (MONTH | DAY) != MONTH | DAY {
            return self.date(text);
        }
        // a second date is a zone's name with punctuation, or a run-together time with an offset
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Fault::Unsure);
        }
        self.zone_name(text)?;
        self.mark(ZONE)
    }

    fn zone_name(&mut self, text: &str) -> Result<(), Fault> {
        zone::named(text).ok_or(Fault::Unsure)?;
        self.zone = Some(Zone::Named(text.to_owned()));
        Ok(())
    }

    fn word(&mut self, text: &str) -> Result<(), Fault> {
        match zone::abbreviation(&text.to_ascii_lowercase(), self.session) {
            Abbreviation::Offset(seconds) => {
                self.zone = Some(Zone::Offset(seconds));
                return self.mark(ZONE);
            }
            Abbreviation::Unsure => return Err(Fault::Unsure),
            Abbreviation::Unknown => {}
        }
        match word(text) {
            Some(Word::Month(month)) => self.month_word(month),
            Some(Word::Weekday) => self.mark(WEEKDAY),
            Some(w @ (Word::Am | Word::Pm)) => {
                self.pm = Some(w == Word::Pm);
                self.mark(MERIDIAN)
            }
            Some(w @ (Word::Ad | Word::Bc)) => {
                self.bc = w == Word::Bc;
                self.mark(ERA)
            }
            Some(Word::Filler) => Ok(()),
            Some(Word::T) if self.seen & DATE == DATE => {
                self.time_next = true;
                Ok(())
            }
            Some(Word::T) => Err(Fault::Syntax),
            Some(_) => Err(Fault::Unsure),
            None => {
                self.zone_name(text)?;
                self.mark(ZONE)
            }
        }
    }

    fn month_word(&mut self, month: u8) -> Result<(), Fault> {
        // `8 Jan`: what was taken for the month was the day
        if self.seen & MONTH != 0
            && !self.text_month
            && self.seen & DAY == 0
            && (1..=31).contains(&self.month)
        {
            self.day = self.month;
            self.seen = self.seen & !MONTH | DAY;
        }
        self.text_month = true;
        self.month = i32::from(month);
        self.mark(MONTH)
    }

    fn finish(mut self) -> Result<Fields, Fault> {
        if self.time_next {
            return Err(Fault::Syntax);
        }
        if self.hour > 24 || (self.seen & TIME != 0 && self.day_time()? > DAY_MICROS) {
            return Err(Fault::Overflow);
        }
        let date = self.checked_date()?;
        self.twelve_hours()?;
        if self.seen & DATE != DATE {
            return Err(Fault::Syntax);
        }
        Ok(Fields {
            date,
            time: self.day_time()?,
            zone: self.zone,
        })
    }

    /// `am` and `pm`
    fn twelve_hours(&mut self) -> Result<(), Fault> {
        self.hour = match (self.pm, self.hour) {
            (Some(_), h) if h > 12 => return Err(Fault::Overflow),
            (Some(false), 12) => 0,
            (Some(true), h) if h != 12 => h + 12,
            (_, h) => h,
        };
        Ok(())
    }

    pub(super) fn day_time(&self) -> Result<i64, Fault> {
        if self.hour > 24 || self.minute > 59 || self.second > 60 {
            return Err(Fault::Overflow);
        }
        let seconds =
            (i64::from(self.hour) * 60 + i64::from(self.minute)) * 60 + i64::from(self.second);
        Ok(seconds * 1_000_000 + self.micros)
    }

    fn checked_date(&self) -> Result<Civil, Fault> {
        let mut year = self.year;
        if self.seen & YEAR != 0 {
            if self.bc {
                year = year
                    .checked_sub(1)
                    .filter(|y| *y >= 0)
                    .ok_or(Fault::Overflow)?;
                year = -year;
            } else if self.two_digits {
                year += match year {
                    0..70 => 2000,
                    70..100 => 1900,
                    _ => 0,
                };
            } else if year <= 0 {
                return Err(Fault::Overflow);
            }
        }
        if self.seen & MONTH != 0 && !(1..=12).contains(&self.month) {
            return Err(Fault::MonthOrDay);
        }
        if self.seen & DAY != 0 && !(1..=31).contains(&self.day) {
            return Err(Fault::MonthOrDay);
        }
        let month = u8::try_from(self.month).unwrap_or(0);
        let day = u8::try_from(self.day).unwrap_or(0);
        if self.seen & DATE == DATE && day > month_length(year, month) {
            return Err(Fault::Overflow);
        }
        Ok(Civil { year, month, day })
    }
}

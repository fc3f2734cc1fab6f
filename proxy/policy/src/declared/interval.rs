//! Modifiers of interval: which fields it keeps, and how many digits of a second (intervaltypmodin).

use std::fmt;

/// `INTERVAL_FULL_RANGE`
const FULL_RANGE: i32 = 0x7FFF;
/// `INTERVAL_FULL_PRECISION`
const FULL_PRECISION: i32 = 0xFFFF;
/// Bits of datetime.h.
const YEAR: i32 = 1 << 2;
const MONTH: i32 = 1 << 1;
const DAY: i32 = 1 << 3;
const HOUR: i32 = 1 << 10;
const MINUTE: i32 = 1 << 11;
const SECOND: i32 = 1 << 12;

/// The fields that an interval keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntervalFields {
    /// `YEAR`
    Year,
    /// `MONTH`
    Month,
    /// `DAY`
    Day,
    /// `HOUR`
    Hour,
    /// `MINUTE`
    Minute,
    /// `SECOND`
    Second,
    /// `YEAR TO MONTH`
    YearToMonth,
    /// `DAY TO HOUR`
    DayToHour,
    /// `DAY TO MINUTE`
    DayToMinute,
    /// `DAY TO SECOND`
    DayToSecond,
    /// `HOUR TO MINUTE`
    HourToMinute,
    /// `HOUR TO SECOND`
    HourToSecond,
    /// `MINUTE TO SECOND`
    MinuteToSecond,
}

/// With its words, and the bits of its typmod.
const FIELDS: [(IntervalFields, &str, i32); 13] = [
    (IntervalFields::Year, "year", YEAR),
    (IntervalFields::Month, "month", MONTH),
    (IntervalFields::Day, "day", DAY),
    (IntervalFields::Hour, "hour", HOUR),
    (IntervalFields::Minute, "minute", MINUTE),
    (IntervalFields::Second, "second", SECOND),
    (IntervalFields::YearToMonth, "year to month", YEAR | MONTH),
    (IntervalFields::DayToHour, "day to hour", DAY | HOUR),
    (
        IntervalFields::DayToMinute,
        "day to minute",
        DAY | HOUR | MINUTE,
    ),
    (
        IntervalFields::DayToSecond,
        "day to second",
        DAY | HOUR | MINUTE | SECOND,
    ),
    (
        IntervalFields::HourToMinute,
        "hour to minute",
        HOUR | MINUTE,
    ),
    (
        IntervalFields::HourToSecond,
        "hour to second",
        HOUR | MINUTE | SECOND,
    ),
    (
        IntervalFields::MinuteToSecond,
        "minute to second",
        MINUTE | SECOND,
    ),
];

/// `interval [fields] [(p)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntervalModifier {
    /// The fields it keeps; `None` for all.
    pub fields: Option<IntervalFields>,
    /// Digits of a second, 0 to 6.
    pub precision: Option<u8>,
}

impl IntervalModifier {
    /// Plain `interval`.
    pub const NONE: Self = Self {
        fields: None,
        precision: None,
    };

    /// The fields by their words, single blanks between, in lower case.
    pub(super) fn fields_of(words: &str) -> Option<IntervalFields> {
        let known = FIELDS.iter().find(|(_, name, _)| *name == words);
        known.map(|(fields, _, _)| *fields)
    }

    /// The fields by the grammar's mask; `None` where it is none, `Some(None)` for all fields.
    pub(super) fn fields_of_mask(mask: i32) -> Option<Option<IntervalFields>> {
        if mask == FULL_RANGE {
            return Some(None);
        }
        let known = FIELDS.iter().find(|(_, _, bits)| *bits == mask);
        known.map(|(fields, _, _)| Some(*fields))
    }

    /// Whether digits of a second can be said: only where the last field is seconds.
    pub(super) fn has_seconds(fields: Option<IntervalFields>) -> bool {
        fields.is_none_or(|f| bits(f) & SECOND != 0)
    }

    pub(super) fn typmod(self) -> i32 {
        if self == Self::NONE {
            return -1;
        }
        let range = self.fields.map_or(FULL_RANGE, bits);
        let precision = self.precision.map_or(FULL_PRECISION, i32::from);
        (range << 16) | precision
    }

    pub(super) fn of_typmod(typmod: i32) -> Option<Self> {
        let precision = match typmod & FULL_PRECISION {
            FULL_PRECISION => None,
            p => Some(u8::try_from(p).ok().filter(|p| *p <= 6)?),
        };
        Some(Self {
            fields: Self::fields_of_mask((typmod >> 16) & FULL_RANGE)?,
            precision,
        })
    }
}

fn bits(fields: IntervalFields) -> i32 {
    let known = FIELDS.iter().find(|(f, _, _)| *f == fields);
    known.map_or(FULL_RANGE, |(_, _, bits)| *bits)
}

/// As format_type has it behind `interval`.
impl fmt::Display for IntervalModifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fields) = self.fields {
            let known = FIELDS.iter().find(|(known, _, _)| *known == fields);
            write!(f, " {}", known.map_or("", |(_, name, _)| name))?;
        }
        self.precision.map_or(Ok(()), |p| write!(f, "({p})"))
    }
}

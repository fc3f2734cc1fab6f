//! Reading dates and times as PostgreSQL's input functions do (src/backend/utils/adt/datetime.c):
//! fields are split by their form, then each takes the meaning that is still open.
//!
//! Forms whose meaning depends on the server's clock or version, and rare ones, are refused with 0A000
//! and "write it as ISO". None is ever guessed.

mod decode;
mod number;
mod scan;
mod words;

pub(super) use decode::{read, read_time};
pub(super) use scan::{Form, fields as split};

use super::calendar::Civil;
use crate::protect::{DateOrder, ValueError};
use jiff::tz::TimeZone;

/// What reading depends on.
pub(super) struct Context<'a> {
    /// How `01/02/2003` is read.
    pub(super) order: DateOrder,
    /// The session's zone, for abbreviations.
    pub(super) session: &'a TimeZone,
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Moment {
    /// A date, perhaps with a time.
    At(Fields),
    /// `infinity`
    Infinity,
    /// `-infinity`
    MinusInfinity,
    /// `epoch`
    Epoch,
}

/// A date with its time of day and zone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fields {
    /// The date.
    pub(super) date: Civil,
    /// Microseconds since midnight, up to and with 24:00:00.
    pub(super) time: i64,
    /// The zone, where one is written.
    pub(super) zone: Option<Zone>,
}

/// A written zone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Zone {
    /// Seconds east of UTC.
    Offset(i32),
    /// A name of the tz database.
    Named(String),
}

/// Why it was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// PostgreSQL would not read it either.
    Syntax,
    /// A field is out of range.
    Overflow,
    /// Month or day is out of range: perhaps the order is another.
    MonthOrDay,
    /// The zone's offset is out of range.
    Displacement,
    /// `now`, `today` and the like.
    Clock,
    /// Not read here.
    Unsure,
}

impl Fault {
    /// As the error of an input function of type `name`.
    pub(super) fn of_type(self, name: &str) -> ValueError {
        let range = || "date/time field value out of range".to_owned();
        match self {
            Self::Syntax => {
                ValueError::new("22007", format!("invalid input syntax for type {name}"))
            }
            Self::Overflow => ValueError::new("22008", range()),
            Self::MonthOrDay => ValueError::new("22008", range())
                .hint("Perhaps you need a different \"datestyle\" setting."),
            Self::Displacement => {
                ValueError::new("22009", "time zone displacement out of range".to_owned())
            }
            Self::Clock => ValueError::new(
                "0A000",
                format!(
                    "a value of type {name} that depends on the server's clock cannot be encrypted"
                ),
            )
            .hint("Write the date or time itself."),
            Self::Unsure => ValueError::new(
                "0A000",
                format!("this form of a value of type {name} is not read by the proxy"),
            )
            .hint(match name {
                "time" => "Write it as ISO: 10:00:00.",
                "interval" => "Write it with units: 1 year 2 mons 3 days 04:05:06.",
                _ => "Write it as ISO: 2020-01-31 or 2020-01-31 10:00:00+00.",
            }),
        }
    }
}

//! The session's settings that value formats depend on, as ParameterStatus or SHOW report them. It must never
//! assume a setting that the server reported otherwise: one that is not understood is kept as an error
//! for the values that need it.

use crate::protect::ValueError;
use crate::protect::zones::{Zone, Zones};
use std::sync::Arc;

/// The first word of `DateStyle`: how dates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateStyle {
    /// `2020-01-31`
    Iso,
    /// `01/31/2020`
    Sql,
    /// `Fri Jan 31 …`, `01-31-2020`
    Postgres,
    /// `31.01.2020`
    German,
}

/// The second word of `DateStyle`: how ambiguous dates are read, and the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// Month first.
    Mdy,
    /// Day first.
    Dmy,
    /// Year first.
    Ymd,
}

/// `IntervalStyle`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalStyle {
    /// `1 year 2 mons 3 days 04:05:06`
    Postgres,
    /// `@ 1 year 2 mons 3 days 4 hours 5 mins 6 secs`
    PostgresVerbose,
    /// `+1-2 +3 +4:05:06`
    SqlStandard,
    /// `P1Y2M3DT4H5M6S`
    Iso8601,
}

/// `bytea_output`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteaOutput {
    /// `\x00ff`
    Hex,
    /// `\000\377`
    Escape,
}

/// What the session's values look like.
#[derive(Clone, Debug)]
pub struct Settings {
    dates: Result<(DateStyle, DateOrder), ValueError>,
    zone: Result<Arc<Zone>, ValueError>,
    zones: Arc<Zones>,
    intervals: Result<IntervalStyle, ValueError>,
    bytea: Result<ByteaOutput, ValueError>,
    float_digits: Result<i32, ValueError>,
    array_nulls: bool,
}

impl Default for Settings {
    /// As PostgreSQL without any configuration, `ISO, MDY` and `GMT`, and no server to compare zones with.
    fn default() -> Self {
        Self::with(Arc::default())
    }
}

impl Settings {
    /// As PostgreSQL without any configuration, of a server whose zones are these.
    pub fn with(zones: Arc<Zones>) -> Self {
        Self {
            dates: Ok((DateStyle::Iso, DateOrder::Mdy)),
            zone: zones.get("GMT"),
            zones,
            intervals: Ok(IntervalStyle::Postgres),
            bytea: Ok(ByteaOutput::Hex),
            float_digits: Ok(1),
            array_nulls: true,
        }
    }

    /// Takes a ParameterStatus, or the answer to SHOW: not all of these are reported, and none as soon as it
    /// holds. Names that no value format depends on are ignored.
    pub fn on_shown(&mut self, name: &str, value: &str) {
        match name {
            "DateStyle" => self.dates = date_style(value),
            "TimeZone" => self.zone = self.zones.get(value),
            "IntervalStyle" => self.intervals = interval_style(value),
            "bytea_output" => {
                self.bytea = match value {
                    "hex" => Ok(ByteaOutput::Hex),
                    "escape" => Ok(ByteaOutput::Escape),
                    _ => Err(unknown(name, value)),
                }
            }
            "extra_float_digits" => {
                self.float_digits = value.parse().map_err(|_| unknown(name, value));
            }
            "array_nulls" => self.array_nulls = value == "on",
            _ => {}
        }
    }

    /// Whether an unquoted NULL in an array's text is one.
    pub(in crate::protect) fn array_nulls(&self) -> bool {
        self.array_nulls
    }

    /// How intervals are written, and read.
    pub(in crate::protect) fn interval_style(&self) -> Result<IntervalStyle, ValueError> {
        self.intervals.clone()
    }

    /// How bytea is written.
    pub(in crate::protect) fn bytea_output(&self) -> Result<ByteaOutput, ValueError> {
        self.bytea.clone()
    }

    /// `extra_float_digits`
    pub(in crate::protect) fn float_digits(&self) -> Result<i32, ValueError> {
        self.float_digits.clone()
    }

    /// How dates are written and read.
    pub(in crate::protect) fn dates(&self) -> Result<(DateStyle, DateOrder), ValueError> {
        self.dates.clone()
    }

    /// The session's time zone.
    pub(in crate::protect) fn zone(&self) -> Result<&Zone, ValueError> {
        self.zone.as_deref().map_err(Clone::clone)
    }

    /// A time zone that stands in a value.
    pub(in crate::protect) fn zone_named(&self, name: &str) -> Result<Arc<Zone>, ValueError> {
        self.zones.get(name).inspect_err(|_| self.zones.want(name))
    }
}

fn unknown(name: &str, value: &str) -> ValueError {
    ValueError::new(
        "0A000",
        format!("the proxy does not know {name} \"{value}\""),
    )
}

fn interval_style(value: &str) -> Result<IntervalStyle, ValueError> {
    Ok(match value {
        "postgres" => IntervalStyle::Postgres,
        "postgres_verbose" => IntervalStyle::PostgresVerbose,
        "sql_standard" => IntervalStyle::SqlStandard,
        "iso_8601" => IntervalStyle::Iso8601,
        _ => return Err(unknown("IntervalStyle", value)),
    })
}

fn date_style(value: &str) -> Result<(DateStyle, DateOrder), ValueError> {
    let unknown = || unknown("DateStyle", value);
    let (style, order) = value.split_once(", ").ok_or_else(unknown)?;
    let style = match style {
        "ISO" => DateStyle::Iso,
        "SQL" => DateStyle::Sql,
        "Postgres" => DateStyle::Postgres,
        "German" => DateStyle::German,
        _ => return Err(unknown()),
    };
    let order = match order {
        "MDY" => DateOrder::Mdy,
        "DMY" => DateOrder::Dmy,
        "YMD" => DateOrder::Ymd,
        _ => return Err(unknown()),
    };
    Ok((style, order))
}

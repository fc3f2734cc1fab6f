//! The session's settings that value formats depend on, as ParameterStatus reports them. It must never
//! assume a setting that the server reported otherwise: one that is not understood is kept as an error
//! for the values that need it.

use crate::protect::ValueError;
use crate::protect::value::zone;
use jiff::tz::TimeZone;

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

/// What the session's values look like.
#[derive(Clone, Debug)]
pub struct Settings {
    dates: Result<(DateStyle, DateOrder), ValueError>,
    zone: Result<TimeZone, ValueError>,
}

impl Default for Settings {
    /// As PostgreSQL without any configuration: `ISO, MDY` and `GMT`.
    fn default() -> Self {
        Self {
            dates: Ok((DateStyle::Iso, DateOrder::Mdy)),
            zone: zone::of_setting("GMT"),
        }
    }
}

impl Settings {
    /// Takes a ParameterStatus. Names that no value format depends on are ignored.
    pub fn on_parameter_status(&mut self, name: &str, value: &str) {
        match name {
            "DateStyle" => self.dates = date_style(value),
            "TimeZone" => self.zone = zone::of_setting(value),
            _ => {}
        }
    }

    /// How dates are written and read.
    pub(in crate::protect) fn dates(&self) -> Result<(DateStyle, DateOrder), ValueError> {
        self.dates.clone()
    }

    /// The session's time zone.
    pub(in crate::protect) fn zone(&self) -> Result<&TimeZone, ValueError> {
        self.zone.as_ref().map_err(Clone::clone)
    }
}

fn date_style(value: &str) -> Result<(DateStyle, DateOrder), ValueError> {
    let unknown = || {
        ValueError::new(
            "0A000",
            format!("the proxy does not know DateStyle \"{value}\""),
        )
    };
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

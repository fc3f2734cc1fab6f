//! The session's settings that value formats depend on, as ParameterStatus reports them. It must never
//! assume a setting that the server reported otherwise.

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
    /// `DateStyle`, first word.
    pub date_style: DateStyle,
    /// `DateStyle`, second word.
    pub date_order: DateOrder,
    /// `TimeZone` as the server reports it.
    pub time_zone: String,
}

impl Default for Settings {
    /// As PostgreSQL without any configuration.
    fn default() -> Self {
        Self {
            date_style: DateStyle::Iso,
            date_order: DateOrder::Mdy,
            time_zone: "GMT".to_owned(),
        }
    }
}

impl Settings {
    /// Takes a ParameterStatus. Names that no value format depends on are ignored.
    pub fn on_parameter_status(&mut self, name: &str, value: &str) {
        if name == "TimeZone" {
            value.clone_into(&mut self.time_zone);
        }
    }
}

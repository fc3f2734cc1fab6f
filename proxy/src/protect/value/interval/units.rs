//! The words of intervals (deltatktbl of datetime.c).

/// A unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Micros,
    Millis,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    /// Years: 10, 100, 1000.
    Years(i32),
}

/// What a word in an interval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Unit(Unit),
    Ago,
    /// Known to PostgreSQL, not read here; or not known at all.
    Other,
}

/// The meaning of a word in any case.
pub(super) fn word(text: &str) -> Word {
    let lower = text.to_ascii_lowercase();
    Word::Unit(match lower.as_str() {
        "us" | "usec" | "usecs" | "useconds" | "microsecond" | "microseconds" => Unit::Micros,
        "ms" | "msec" | "msecs" | "mseconds" | "millisecond" | "milliseconds" => Unit::Millis,
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Year,
        "dec" | "decs" | "decade" | "decades" => Unit::Years(10),
        "c" | "cent" | "century" | "centuries" => Unit::Years(100),
        "mil" | "mils" | "millennium" | "millennia" => Unit::Years(1000),
        "ago" => return Word::Ago,
        _ => return Word::Other,
    })
}

//! timestamptz(p), and timestamp(p). Canonical plaintext: microseconds since 2000-01-01 00:00 (UTC, or on the
//! wall clock), i64 big-endian; the ends are the infinities.

use super::calendar::{
    Civil, DAY, END_TIMESTAMP, FIRST_TIMESTAMP, civil, days, weekday, written_year,
};
use super::datetime::{self, Context, Fields, Moment, Zone};
use super::digits::{micros as put_micros, two, year as put_year};
use super::zone;
use crate::protect::zones::{self, Compared};
use crate::protect::{DateOrder, DateStyle, Settings, ValueError};
use bytes::{BufMut, BytesMut};

pub(in crate::protect) const INFINITY: i64 = i64::MAX;
pub(in crate::protect) const MINUS_INFINITY: i64 = i64::MIN;
/// 1970-01-01 00:00 UTC.
pub(in crate::protect) const EPOCH: i64 = -946_684_800_000_000;
const NAME: &str = "timestamp with time zone";
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
/// PostgreSQL's MAXTZLEN: how much of an abbreviation is written.
const LONGEST_ABBREVIATION: usize = 10;

/// timestamptz_in without a typmod.
///
/// # Errors
/// 22007, 22008, 22009, 0A000.
pub(in crate::protect) fn parse(text: &str, settings: &Settings) -> Result<i64, ValueError> {
    let session = settings.zone()?;
    let moment = read(text, settings, NAME)?;
    let fields = match special(&moment) {
        Ok(instant) => return Ok(instant),
        Err(fields) => fields,
    };
    let east = match &fields.zone {
        Some(Zone::Offset(seconds)) => i64::from(*seconds),
        Some(Zone::Named(name)) => east_of(&*settings.zone_named(name)?, fields)?,
        None => east_of(session, fields)?,
    };
    shifted(local(fields)?, -east)
}

/// timestamp_in without a typmod: a zone is read and dropped, as there.
///
/// # Errors
/// 22007, 22008, 0A000.
pub(in crate::protect) fn parse_local(text: &str, settings: &Settings) -> Result<i64, ValueError> {
    let moment = read(text, settings, "timestamp")?;
    match special(&moment) {
        Ok(instant) => Ok(instant),
        Err(fields) => checked(local(fields)?),
    }
}

fn read(text: &str, settings: &Settings, name: &str) -> Result<Moment, ValueError> {
    let context = Context {
        order: settings.dates()?.1,
        session: &settings.zone()?.rules,
    };
    datetime::read(text, &context).map_err(|f| f.of_type(name))
}

fn special(moment: &Moment) -> Result<i64, &Fields> {
    match moment {
        Moment::Infinity => Ok(INFINITY),
        Moment::MinusInfinity => Ok(MINUS_INFINITY),
        Moment::Epoch => Ok(EPOCH),
        Moment::At(fields) => Err(fields),
    }
}

/// Microseconds since 2000-01-01 00:00 on the same wall clock.
fn local(fields: &Fields) -> Result<i64, ValueError> {
    days(fields.date)
        .checked_mul(DAY)
        .and_then(|midnight| midnight.checked_add(fields.time))
        .ok_or_else(out_of_range)
}

fn east_of(zone: &zones::Zone, fields: &Fields) -> Result<i64, ValueError> {
    // 24:00:00 is read on the day it ends
    zone::offset_at_local(zone, fields.date, fields.time / 1_000_000)
}

/// A wall-clock time of the session as an instant; infinities stay.
///
/// # Errors
/// 22008; 0A000 for an unknown zone.
pub(in crate::protect) fn from_local(local: i64, settings: &Settings) -> Result<i64, ValueError> {
    let zone = settings.zone()?;
    if local == INFINITY || local == MINUS_INFINITY {
        return Ok(local);
    }
    let date = civil(local.div_euclid(DAY));
    let east = zone::offset_at_local(zone, date, local.rem_euclid(DAY) / 1_000_000)?;
    shifted(local, -east)
}

/// An instant as the session's wall clock shows it; infinities stay.
///
/// # Errors
/// 22008; 0A000 for an unknown zone.
pub(in crate::protect) fn to_local(instant: i64, settings: &Settings) -> Result<i64, ValueError> {
    let zone = settings.zone()?;
    if instant == INFINITY || instant == MINUS_INFINITY {
        return Ok(instant);
    }
    let east = zone::offset_at(zone, instant.div_euclid(1_000_000))?;
    instant
        .checked_add(east * 1_000_000)
        .ok_or_else(out_of_range)
}

/// timestamptz_recv's range; input functions call it too.
///
/// # Errors
/// 22008.
pub(in crate::protect) fn checked(instant: i64) -> Result<i64, ValueError> {
    let infinite = instant == INFINITY || instant == MINUS_INFINITY;
    (infinite || (FIRST_TIMESTAMP..END_TIMESTAMP).contains(&instant))
        .then_some(instant)
        .ok_or_else(out_of_range)
}

/// Later by so many seconds. It must not saturate: the end of the range is infinity.
fn shifted(local: i64, seconds: i64) -> Result<i64, ValueError> {
    let shifted = local.checked_add(seconds * 1_000_000);
    checked(shifted.ok_or_else(out_of_range)?)
}

fn out_of_range() -> ValueError {
    ValueError::new("22008", "timestamp out of range")
}

/// Rounds to `precision` digits of a second, half away from 2000-01-01 (AdjustTimestampForTypmod).
pub(in crate::protect) fn round(instant: i64, precision: u8) -> i64 {
    if precision >= 6 || instant == INFINITY || instant == MINUS_INFINITY {
        return instant;
    }
    let scale = 10i64.pow(6 - u32::from(precision));
    let magnitude =
        (i128::from(instant.unsigned_abs()) + i128::from(scale / 2)) / i128::from(scale);
    let rounded = magnitude * i128::from(scale) * if instant < 0 { -1 } else { 1 };
    i64::try_from(rounded).unwrap_or(instant)
}

/// timestamptz_out under the session's DateStyle and TimeZone.
///
/// # Errors
/// 0A000 for an unknown zone.
pub(in crate::protect) fn write_text(
    instant: i64,
    settings: &Settings,
    out: &mut BytesMut,
) -> Result<(), ValueError> {
    let (style, order) = settings.dates()?;
    match instant {
        INFINITY => out.put_slice(b"infinity"),
        MINUS_INFINITY => out.put_slice(b"-infinity"),
        _ => {
            let shown = match style {
                DateStyle::Iso => Compared::Offset,
                DateStyle::Sql | DateStyle::Postgres | DateStyle::German => Compared::Abbreviation,
            };
            let second = instant.div_euclid(1_000_000);
            zone::with_offset_at(settings.zone()?, second, shown, |east, name| {
                Shown::new(instant, east).write(style, order, Some((east, name)), out);
            })?;
        }
    }
    Ok(())
}

/// timestamp_out under the session's DateStyle.
///
/// # Errors
/// 0A000 for an unknown DateStyle.
pub(in crate::protect) fn write_local(
    local: i64,
    settings: &Settings,
    out: &mut BytesMut,
) -> Result<(), ValueError> {
    let (style, order) = settings.dates()?;
    match local {
        INFINITY => out.put_slice(b"infinity"),
        MINUS_INFINITY => out.put_slice(b"-infinity"),
        _ => Shown::new(local, 0).write(style, order, None, out),
    }
    Ok(())
}

/// An instant taken apart in a zone.
struct Shown {
    days: i64,
    date: Civil,
    year: u32,
    bc: bool,
    micros: i64,
}

impl Shown {
    fn new(instant: i64, east: i64) -> Self {
        let second = instant.div_euclid(1_000_000) + east;
        let days = second.div_euclid(86_400);
        let date = civil(days);
        let (year, bc) = written_year(date.year);
        Self {
            days,
            date,
            year,
            bc,
            micros: second.rem_euclid(86_400) * 1_000_000 + instant.rem_euclid(1_000_000),
        }
    }

    /// `zone`: seconds east of UTC and the abbreviation, where a zone is shown.
    fn write(
        &self,
        style: DateStyle,
        order: DateOrder,
        zone: Option<(i64, &str)>,
        out: &mut BytesMut,
    ) {
        let name = zone.map(|(_, name)| name);
        match style {
            DateStyle::Iso => self.iso(zone.map(|(east, _)| east), out),
            DateStyle::Postgres => self.postgres(order, name, out),
            DateStyle::Sql => self.numeric(b'/', order, name, out),
            DateStyle::German => self.numeric(b'.', DateOrder::Dmy, name, out),
        }
        if self.bc {
            out.put_slice(b" BC");
        }
    }

    fn iso(&self, east: Option<i64>, out: &mut BytesMut) {
        put_year(self.year, out);
        out.put_u8(b'-');
        two(self.date.month, out);
        out.put_u8(b'-');
        two(self.date.day, out);
        self.time(out);
        let Some(east) = east else { return };
        let east_abs = east.unsigned_abs();
        out.put_u8(if east < 0 { b'-' } else { b'+' });
        two(small(east_abs / 3600), out);
        if !east_abs.is_multiple_of(3600) {
            out.put_u8(b':');
            two(small(east_abs / 60 % 60), out);
        }
        if !east_abs.is_multiple_of(60) {
            out.put_u8(b':');
            two(small(east_abs % 60), out);
        }
    }

    fn numeric(&self, separator: u8, order: DateOrder, zone: Option<&str>, out: &mut BytesMut) {
        let (first, second) = match order {
            DateOrder::Dmy => (self.date.day, self.date.month),
            DateOrder::Mdy | DateOrder::Ymd => (self.date.month, self.date.day),
        };
        two(first, out);
        out.put_u8(separator);
        two(second, out);
        out.put_u8(separator);
        put_year(self.year, out);
        self.time(out);
        put_zone(zone, out);
    }

    fn postgres(&self, order: DateOrder, zone: Option<&str>, out: &mut BytesMut) {
        let weekday = WEEKDAYS.get(weekday(self.days)).copied().unwrap_or("Sun");
        let month = usize::from(self.date.month) - 1;
        let month = MONTHS.get(month).copied().unwrap_or("Jan");
        out.put_slice(weekday.as_bytes());
        out.put_u8(b' ');
        if order == DateOrder::Dmy {
            two(self.date.day, out);
            out.put_u8(b' ');
            out.put_slice(month.as_bytes());
        } else {
            out.put_slice(month.as_bytes());
            out.put_u8(b' ');
            two(self.date.day, out);
        }
        self.time(out);
        out.put_u8(b' ');
        put_year(self.year, out);
        put_zone(zone, out);
    }

    /// ` 10:20:30.5`
    fn time(&self, out: &mut BytesMut) {
        let second = self.micros.unsigned_abs() / 1_000_000;
        out.put_u8(b' ');
        two(small(second / 3600), out);
        out.put_u8(b':');
        two(small(second / 60 % 60), out);
        out.put_u8(b':');
        two(small(second % 60), out);
        let micros = self.micros.unsigned_abs() % 1_000_000;
        put_micros(u32::try_from(micros).unwrap_or(0), out);
    }
}

fn put_zone(zone: Option<&str>, out: &mut BytesMut) {
    let Some(zone) = zone else { return };
    out.put_u8(b' ');
    let zone = zone.as_bytes();
    out.put_slice(zone.get(..LONGEST_ABBREVIATION).unwrap_or(zone));
}

fn small(n: u64) -> u8 {
    u8::try_from(n).unwrap_or(0)
}

/// 1 January of the year, 00:00 UTC; 1970 for the infinities, which have no year.
pub(in crate::protect) fn first_of_year(instant: i64) -> i64 {
    if instant == INFINITY || instant == MINUS_INFINITY {
        return EPOCH;
    }
    let date = civil(instant.div_euclid(DAY));
    let first = days(Civil {
        month: 1,
        day: 1,
        ..date
    });
    first
        .checked_mul(DAY)
        .filter(|t| *t >= FIRST_TIMESTAMP)
        .unwrap_or(FIRST_TIMESTAMP)
}

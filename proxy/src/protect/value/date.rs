//! date. Canonical plaintext: days since 2000-01-01, i32 big-endian; the ends are the infinities.

use super::calendar::{Civil, END_DATE, FIRST_DATE, civil, days, written_year};
use super::datetime::{self, Context, Moment};
use super::digits::{two, year as put_year};
use crate::protect::{DateOrder, DateStyle, Settings, ValueError};
use bytes::{BufMut, BytesMut};

pub(in crate::protect) const INFINITY: i32 = i32::MAX;
pub(in crate::protect) const MINUS_INFINITY: i32 = i32::MIN;
/// 1970-01-01.
pub(in crate::protect) const EPOCH: i32 = -10_957;
const NAME: &str = "date";

/// date_in. A time and a zone beside the date are read and dropped, as there.
///
/// # Errors
/// 22007, 22008, 0A000.
pub(in crate::protect) fn parse(text: &str, settings: &Settings) -> Result<i32, ValueError> {
    let context = Context {
        order: settings.dates()?.1,
        session: &settings.zone()?.rules,
    };
    match datetime::read(text, &context).map_err(|f| f.of_type(NAME))? {
        Moment::Infinity => Ok(INFINITY),
        Moment::MinusInfinity => Ok(MINUS_INFINITY),
        Moment::Epoch => Ok(EPOCH),
        Moment::At(fields) => in_range(days(fields.date)).ok_or_else(out_of_range),
    }
}

fn out_of_range() -> ValueError {
    ValueError::new("22008", "date out of range")
}

/// Days since 2000-01-01 as a date, where there is such a date.
pub(in crate::protect) fn in_range(days: i64) -> Option<i32> {
    (FIRST_DATE..END_DATE)
        .contains(&days)
        .then(|| i32::try_from(days).ok())?
}

/// date_recv.
///
/// # Errors
/// 22008.
pub(in crate::protect) fn checked(days: i32) -> Result<i32, ValueError> {
    let infinite = days == INFINITY || days == MINUS_INFINITY;
    (infinite || in_range(i64::from(days)).is_some())
        .then_some(days)
        .ok_or_else(out_of_range)
}

/// date_out.
///
/// # Errors
/// 0A000 for an unknown DateStyle.
pub(in crate::protect) fn write_text(
    value: i32,
    settings: &Settings,
    out: &mut BytesMut,
) -> Result<(), ValueError> {
    match value {
        INFINITY => out.put_slice(b"infinity"),
        MINUS_INFINITY => out.put_slice(b"-infinity"),
        _ => {
            let date = civil(i64::from(value));
            let (year, bc) = written_year(date.year);
            write_date(date, year, settings.dates()?, out);
            if bc {
                out.put_slice(b" BC");
            }
        }
    }
    Ok(())
}

fn write_date(date: Civil, year: u32, (style, order): (DateStyle, DateOrder), out: &mut BytesMut) {
    let separator = match style {
        DateStyle::Iso => {
            put_year(year, out);
            out.put_u8(b'-');
            two(date.month, out);
            out.put_u8(b'-');
            return two(date.day, out);
        }
        DateStyle::Sql => b'/',
        DateStyle::Postgres => b'-',
        DateStyle::German => b'.',
    };
    let (first, second) = if order == DateOrder::Dmy || style == DateStyle::German {
        (date.day, date.month)
    } else {
        (date.month, date.day)
    };
    two(first, out);
    out.put_u8(separator);
    two(second, out);
    out.put_u8(separator);
    put_year(year, out);
}

/// 1 January of the year; 1970-01-01 for the infinities, which have none.
pub(in crate::protect) fn first_of_year(value: i32) -> i32 {
    if value == INFINITY || value == MINUS_INFINITY {
        return EPOCH;
    }
    let date = civil(i64::from(value));
    let first = days(Civil {
        month: 1,
        day: 1,
        ..date
    });
    // 4714 BC begins in November
    in_range(first).or(in_range(FIRST_DATE)).unwrap_or(EPOCH)
}

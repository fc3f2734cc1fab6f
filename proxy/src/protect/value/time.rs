//! time(p), without time zone. Canonical plaintext: microseconds since midnight, i64 big-endian, up to and
//! with 24:00:00.

use super::calendar::DAY;
use super::datetime::{self, Context};
use super::digits::{micros as put_micros, two};
use crate::protect::{Settings, ValueError};
use bytes::{BufMut, BytesMut};

/// time_in without a typmod: a date and a zone beside the time are read and dropped, as there.
///
/// # Errors
/// 22007, 22008, 0A000.
pub(in crate::protect) fn parse(text: &str, settings: &Settings) -> Result<i64, ValueError> {
    let context = Context {
        order: settings.dates()?.1,
        session: &settings.zone()?.rules,
    };
    datetime::read_time(text, &context).map_err(|f| f.of_type("time"))
}

/// time_recv.
///
/// # Errors
/// 22008.
pub(in crate::protect) fn checked(time: i64) -> Result<i64, ValueError> {
    (0..=DAY)
        .contains(&time)
        .then_some(time)
        .ok_or_else(|| ValueError::new("22008", "time out of range"))
}

/// Rounds to `precision` digits of a second, half up (AdjustTimeForTypmod).
pub(in crate::protect) fn round(time: i64, precision: u8) -> i64 {
    if precision >= 6 {
        return time;
    }
    let scale = 10i64.pow(6 - u32::from(precision));
    (time + scale / 2) / scale * scale
}

/// time_out: the same under every DateStyle.
pub(in crate::protect) fn write_text(time: i64, out: &mut BytesMut) {
    let second = time.unsigned_abs() / 1_000_000;
    let small = |n: u64| u8::try_from(n).unwrap_or(0);
    two(small(second / 3600), out);
    out.put_u8(b':');
    two(small(second / 60 % 60), out);
    out.put_u8(b':');
    two(small(second % 60), out);
    put_micros(
        u32::try_from(time.unsigned_abs() % 1_000_000).unwrap_or(0),
        out,
    );
}

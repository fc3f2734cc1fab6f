//! interval (interval_in and interval_out of timestamp.c, EncodeInterval of datetime.c). Canonical
//! plaintext, as interval_send: microseconds i64, days i32, months i32.
//!
//! It must never move an amount between its three parts, but where PostgreSQL does.

mod read;
mod units;
mod write;

pub(in crate::protect) use read::parse;
pub(in crate::protect) use write::write_text;

use bytes::{BufMut, BytesMut};
use hippocrypt_policy::{IntervalFields, IntervalModifier};

const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;

/// Three parts that are never one number.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::protect) struct Interval {
    pub(super) micros: i64,
    pub(super) days: i32,
    pub(super) months: i32,
}

impl Interval {
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.micros.to_be_bytes());
        out.extend_from_slice(&self.days.to_be_bytes());
        out.extend_from_slice(&self.months.to_be_bytes());
    }

    /// interval_recv, and the plaintext.
    pub(super) fn receive(bytes: [u8; 16]) -> Self {
        let all = u128::from_be_bytes(bytes);
        let part = |shift: u32| u32::try_from((all >> shift) & 0xFFFF_FFFF).unwrap_or(0);
        Self {
            micros: (i64::from(part(96).cast_signed()) << 32) | i64::from(part(64)),
            days: part(32).cast_signed(),
            months: part(0).cast_signed(),
        }
    }

    pub(super) fn send(self, out: &mut BytesMut) {
        out.put_i64(self.micros);
        out.put_i32(self.days);
        out.put_i32(self.months);
    }

    /// A time of day as an interval (time_interval).
    pub(in crate::protect) fn of_time(micros: i64) -> Self {
        Self {
            micros,
            ..Self::default()
        }
    }

    /// The time of day that it is (interval_time): without its days and months, within one day.
    pub(in crate::protect) fn time_of_day(self) -> i64 {
        self.micros.rem_euclid(super::calendar::DAY)
    }

    /// Drops fields and digits that the type does not keep (AdjustIntervalForTypmod).
    pub(super) fn fit(mut self, modifier: IntervalModifier) -> Self {
        use IntervalFields as F;
        match modifier.fields {
            Some(F::Year) => {
                self.months = self.months / 12 * 12;
                (self.days, self.micros) = (0, 0);
            }
            Some(F::Month | F::YearToMonth) => (self.days, self.micros) = (0, 0),
            Some(F::Day) => self.micros = 0,
            Some(F::Hour | F::DayToHour) => self.micros = self.micros / HOUR * HOUR,
            Some(F::Minute | F::DayToMinute | F::HourToMinute) => {
                self.micros = self.micros / MINUTE * MINUTE;
            }
            Some(F::Second | F::DayToSecond | F::HourToSecond | F::MinuteToSecond) | None => {}
        }
        if let Some(precision @ 0..6) = modifier.precision {
            let scale = 10i64.pow(6 - u32::from(precision));
            let half = if self.micros < 0 {
                -(scale / 2)
            } else {
                scale / 2
            };
            self.micros = self.micros.saturating_add(half) / scale * scale;
        }
        self
    }
}

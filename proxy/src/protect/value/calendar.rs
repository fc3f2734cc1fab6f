//! Days and civil dates: the proleptic Gregorian calendar of PostgreSQL, years astronomical (1 BC is 0).
//!
//! Limits as in src/include/datatype/timestamp.h. It must never wrap: a date outside is `None`.

/// Microseconds in a day.
pub(in crate::protect) const DAY: i64 = 86_400_000_000;
/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
pub(super) const UNIX_TO_POSTGRES: i64 = 10_957;
/// 4714-11-24 BC, in days since 2000-01-01.
pub(super) const FIRST_DATE: i64 = -2_451_545;
/// 5874898-01-01, the first day that is none, in days since 2000-01-01.
pub(super) const END_DATE: i64 = 2_145_031_949;
/// The first microsecond of a timestamp, since 2000-01-01 00:00.
pub(super) const FIRST_TIMESTAMP: i64 = -211_813_488_000_000_000;
/// The first microsecond after the last timestamp (294277-01-01).
pub(super) const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;
/// The Gregorian calendar, weekdays included, repeats after this many seconds: 400 years.
pub(super) const CYCLE_SECONDS: i64 = 146_097 * 86_400;

/// A civil date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    /// Astronomical year.
    pub(super) year: i32,
    /// 1 to 12.
    pub(super) month: u8,
    /// 1 to 31.
    pub(super) day: u8,
}

/// Days since 2000-01-01 of a civil date (month 1 to 12, day at least 1).
pub(super) fn days(date: Civil) -> i64 {
    let month = i64::from(date.month);
    let year = i64::from(date.year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(date.day) - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468 - UNIX_TO_POSTGRES
}

/// The civil date of days since 2000-01-01 (within the years that an `i32` holds).
pub(super) fn civil(days: i64) -> Civil {
    let z = days + UNIX_TO_POSTGRES + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    Civil {
        year: i32::try_from(year).unwrap_or(i32::MAX),
        month: u8::try_from(month).unwrap_or(1),
        day: u8::try_from(day).unwrap_or(1),
    }
}

/// Days in a month.
pub(super) fn month_length(year: i32, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// 0 is Sunday.
pub(super) fn weekday(days: i64) -> usize {
    // 2000-01-01 was a Saturday
    usize::try_from((days + 6).rem_euclid(7)).unwrap_or(0)
}

/// The year as it is written, and whether `BC` follows.
pub(super) fn written_year(year: i32) -> (u32, bool) {
    if year > 0 {
        (year.unsigned_abs(), false)
    } else {
        (
            (1 - i64::from(year))
                .unsigned_abs()
                .try_into()
                .unwrap_or(u32::MAX),
            true,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        let of = |year, month, day| days(Civil { year, month, day });
        assert_eq!(of(2000, 1, 1), 0);
        assert_eq!(of(1970, 1, 1), -UNIX_TO_POSTGRES);
        assert_eq!(of(-4713, 11, 24), FIRST_DATE);
        assert_eq!(of(5_874_898, 1, 1), END_DATE);
        assert_eq!(of(294_277, 1, 1) * DAY, END_TIMESTAMP);
        assert_eq!(of(-4713, 11, 24) * DAY, FIRST_TIMESTAMP);
        assert_eq!(weekday(0), 6);
    }

    #[test]
    fn there_and_back() {
        for step in 0..200_000 {
            let d = FIRST_DATE + step * 10_733;
            let c = civil(d);
            assert_eq!(days(c), d);
            assert!(c.day <= month_length(c.year, c.month));
        }
    }
}

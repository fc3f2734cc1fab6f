//! Times as people write them, always UTC: `2026-11-21T21:49:58Z`, `2026-11-21 21:49`, `2026-11-21`, `2h`.

use anyhow::Context;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Which end of a range a time is: a day given as its end is meant with all its hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// `--since`
    Since,
    /// `--until`
    Until,
}

/// Reads a time.
///
/// # Errors
/// The text is none of the forms.
pub fn parse(text: &str, edge: Edge, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Some(ago) = ago(text) {
        return now.checked_sub(ago).context("that is too long ago");
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let date = text
        .parse::<Date>()
        .ok()
        .filter(|_| text.len() == "2026-11-21".len());
    let civil = match (date, edge) {
        (Some(day), Edge::Since) => Some(day.to_datetime(jiff::civil::Time::midnight())),
        (Some(day), Edge::Until) => {
            let next = day.tomorrow().context("that is too far off")?;
            Some(next.to_datetime(jiff::civil::Time::midnight()))
        }
        (None, _) => text.parse::<DateTime>().ok(),
    };
    let civil = civil.with_context(|| {
        format!(
            "{text:?} is no time: expected 2026-11-21T21:49:58Z, \"2026-11-21 21:49\" (UTC), \
             2026-11-21, or 90s, 30m, 2h, 7d, 2w ago"
        )
    })?;
    Ok(civil.to_zoned(TimeZone::UTC)?.timestamp())
}

/// `2h`: so long ago.
fn ago(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().next_back()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|n| *n >= 0)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    Some(SignedDuration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, edge: Edge) -> String {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        parse(text, edge, now).map_or_else(|e| e.to_string(), |t| t.to_string())
    }

    #[test]
    fn each_form_is_read() {
        for (text, since, until) in [
            (
                "2026-11-20T10:00:00+02:00",
                "2026-11-20T08:00:00Z",
                "2026-11-20T08:00:00Z",
            ),
            ("2026-11-20", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
            (
                "2026-11-20 10:30",
                "2026-11-20T10:30:00Z",
                "2026-11-20T10:30:00Z",
            ),
            (
                "2026-11-20T10:30:05",
                "2026-11-20T10:30:05Z",
                "2026-11-20T10:30:05Z",
            ),
            ("2h", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
            ("7d", "2026-11-14T12:00:00Z", "2026-11-14T12:00:00Z"),
        ] {
            assert_eq!(read(text, Edge::Since), since, "{text}");
            assert_eq!(read(text, Edge::Until), until, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_told_so() {
        for text in [
            "",
            "yesterday",
            "-2h",
            "2y",
            "2026-13-01",
            "9223372036854775807w",
        ] {
            assert!(read(text, Edge::Since).contains("is no time"), "{text}");
        }
    }
}

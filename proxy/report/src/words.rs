//! Numbers and times as people read them.

use std::fmt::Write as _;

/// `1,234`
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 statement`, `1,234 statements`, `no statements`
pub fn count(n: impl TryInto<u64>, one: &str) -> String {
    let n = n.try_into().unwrap_or(u64::MAX);
    let many = match one {
        "person" => "people".to_owned(),
        // A login without a person behind it that the application named.
        "person or account" => "people or accounts".to_owned(),
        _ => match one.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
            _ => format!("{one}s"),
        },
    };
    match n {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        n => format!("{} {many}", grouped(n)),
    }
}

/// `2026-11-21 21:49:58`
pub fn time(ts: &str) -> String {
    ts.get(..19).unwrap_or(ts).replace('T', " ")
}

/// As the log writes a time: such texts compare as the times do.
pub fn stamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// `2026-11-21`
pub fn day(ts: &str) -> &str {
    ts.get(..10).unwrap_or(ts)
}

/// Hour of the day.
pub fn hour(ts: &str) -> u8 {
    ts.get(11..13).and_then(|h| h.parse().ok()).unwrap_or(0)
}

/// `3 days`, `2 hours`, `90 seconds`
pub fn long(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    match seconds {
        s if s >= 2 * 86_400 => count(s / 86_400, "day"),
        s if s >= 2 * 3600 => count(s / 3600, "hour"),
        s if s >= 120 => count(s / 60, "minute"),
        s => count(s, "second"),
    }
}

/// `a, b and c`; `…` after the first so many.
pub fn some(items: impl IntoIterator<Item = String>, most: usize) -> String {
    let items: Vec<String> = items.into_iter().collect();
    let mut out = items
        .iter()
        .take(most)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if items.len() > most {
        // Writing to a String cannot fail.
        let _ = write!(out, " and {} more", grouped((items.len() - most) as u64));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_nouns_agree() {
        assert_eq!(count(0_u64, "person"), "no people");
        assert_eq!(count(1_u64, "person"), "1 person");
        assert_eq!(count(2_u64, "day"), "2 days");
        assert_eq!(count(1_234_567_u64, "query"), "1,234,567 queries");
        assert_eq!(grouped(999), "999");
        assert_eq!(long(86_400 * 3), "3 days");
        assert_eq!(
            some(["a", "b", "c"].map(str::to_owned), 2),
            "a, b and 1 more"
        );
    }
}

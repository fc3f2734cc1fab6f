//! Texts of single values: durations, addresses, host and port.
//!
//! None of these may take a text for something near it: `30` without a unit is no duration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// `250ms`, `90s`, `30m`, `1h`, `7d`; more than nothing, at most a year.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.checked_mul(milliseconds)?);
    let year = Duration::from_secs(366 * 86_400);
    (!duration.is_zero() && duration <= year).then_some(duration)
}

/// `6y`, `90d`, from a day to a hundred years; `forever` is `None`. A year has 366 days: nothing goes too early.
pub(super) fn parse_keep(text: &str) -> Option<Option<Duration>> {
    if text == "forever" {
        return Some(None);
    }
    let (number, days) = match text.strip_suffix('y') {
        Some(years) => (years, 366),
        None => (text.strip_suffix('d')?, 1),
    };
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = plain.then(|| number.parse().ok()).flatten()?;
    let days = number.checked_mul(days)?;
    (1..=36_600)
        .contains(&days)
        .then(|| Some(Duration::from_secs(days * 86_400)))
}

/// `127.0.0.1:6432`, `[::1]:6432`, `localhost:6432`. Other names would be resolved by someone else's server.
pub(super) fn parse_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse().ok(),
        None => text.parse().ok(),
    }
}

/// `/run/hippocrypt/.s.PGSQL.6432`; 107 bytes is what sockaddr_un holds.
pub(super) fn parse_socket_path(text: &str) -> Option<PathBuf> {
    let whole = text.starts_with('/') && !text.ends_with('/') && !text.contains('\0');
    (whole && text.len() <= 107).then(|| PathBuf::from(text))
}

/// `64kB`, `16MB`, `1GB`, in PostgreSQL's units of 1024; from 64 kB to what a message can have.
pub(super) fn parse_bytes(text: &str) -> Option<u32> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit {
        "kB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return None,
    };
    let bytes = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (65_536..=1 << 30)
        .contains(&bytes)
        .then(|| u32::try_from(bytes).unwrap_or(u32::MAX))
}

/// `db.example:5432`, `10.0.0.1:5432`, `[::1]:5432`; the port is 5432 where it is left out.
pub(super) fn parse_host_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(inside) => {
            let (host, after) = inside.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            match after {
                "" => (host, None),
                after => (host, Some(after.strip_prefix(':')?)),
            }
        }
        None => match text.split_once(':') {
            None => (text, None),
            Some((host, port)) => (host, Some(port)),
        },
    };
    let port = match port {
        None => 5432,
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let well_formed = !host.is_empty() && host.len() <= 253 && host.chars().all(plain);
    well_formed.then(|| (host.to_string(), port))
}

/// The name of an environment variable.
pub(super) fn parse_variable_name(text: &str) -> Option<String> {
    let fits = |(i, c): (usize, char)| {
        c == '_' || c.is_ascii_alphabetic() || (i > 0 && c.is_ascii_digit())
    };
    (!text.is_empty() && text.chars().enumerate().all(fits)).then(|| text.to_string())
}

//! Marked values where they must not be: on the wire to the database, in a dump of it, in the server's log.

use hippocrypt_e2e::tap::contains;
use hippocrypt_e2e::{Place, log};

/// What every marked value has in it (`types::marked`), by type. Short numbers have no mark that chance would not make.
const MARKS: [&str; 7] = [
    "kanari",
    "6b616e617269",
    "735192",
    "1973-0",
    "173.51.92",
    "17:35:",
    "a2FuYXJ",
];

/// A mark in what a client was told.
pub fn shown(said: &[String]) -> Option<&'static str> {
    let mut marks = MARKS.into_iter();
    marks.find(|mark| said.iter().any(|line| line.contains(mark)))
}

/// Every mark that was found, and where.
pub fn search(place: &Place, log_from: u64) -> Vec<String> {
    let mut found = Vec::new();
    let tapped = place.tap.seen();
    let dump = place.dump();
    let logged = log::since(&place.database, log_from);
    for (name, hay) in [
        ("tap", tapped),
        ("dump", dump.into_bytes()),
        ("log", logged.into_bytes()),
    ] {
        let hay = without_cells(&hay);
        for mark in MARKS.iter().filter(|m| contains(&hay, m.as_bytes())) {
            let at = hay
                .windows(mark.len())
                .position(|w| w == mark.as_bytes())
                .unwrap_or(0);
            let around = &hay[at.saturating_sub(160)..(at + 60).min(hay.len())];
            found.push(format!(
                "{mark:?} in the {name}: …{}…",
                around.escape_ascii()
            ));
        }
    }
    found
}

/// Hex after `\x` goes: digits of a cell can look like anything, and plaintext in hex is searched for before.
fn without_cells(hay: &[u8]) -> Vec<u8> {
    if contains(hay, b"6b616e617269") {
        return hay.to_vec();
    }
    let mut out = Vec::with_capacity(hay.len());
    let mut i = 0;
    while i < hay.len() {
        let cell =
            hay[i..].starts_with(b"\\x") && hay.get(i + 2..i + 6).is_some_and(|h| h == b"f5e1");
        if cell {
            i += 2;
            while hay.get(i).is_some_and(u8::is_ascii_hexdigit) {
                i += 1;
            }
            continue;
        }
        out.push(hay[i]);
        i += 1;
    }
    out
}

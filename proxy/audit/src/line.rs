//! One line of the log: `{"v":1,"seq":…,"ts":"…"` members `,"prev":"…","hash":"…"}` and a line feed.
//!
//! The hash is SHA-256 over the line without its last member: everything before `,"hash":`, and a `}`
//! (docs/formats/audit-log.md, "The chain").

use sha2::{Digest, Sha256};

/// A SHA-256 in lower-case hex.
pub type Hex = [u8; 64];

/// `prev` of the first record of a log.
pub const GENESIS: Hex = [b'0'; 64];

/// Longest line, line feed included.
pub const LINE_MAX: usize = 1024 * 1024;

const PREV: &[u8] = b",\"prev\":\"";
const HASH: &[u8] = b"\",\"hash\":\"";
const END: &[u8] = b"\"}\n";

/// Bytes that `seal` adds to `{…members`.
const SEAL_LEN: usize = PREV.len() + 64 + HASH.len() + 64 + END.len();

/// Closes a line that so far reads `{…members`: adds `prev`, `hash` and the line feed, and returns the hash.
pub fn seal(line: &mut Vec<u8>, prev: &Hex) -> Hex {
    line.reserve(SEAL_LEN);
    line.extend_from_slice(PREV);
    line.extend_from_slice(prev);
    let mut hasher = Sha256::new();
    hasher.update(&*line);
    hasher.update(b"\"}");
    let hash = hex(&hasher.finalize());
    line.extend_from_slice(HASH);
    line.extend_from_slice(&hash);
    line.extend_from_slice(END);
    hash
}

/// A line's parts, as far as the chain is concerned.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What the line says of the one before it.
    pub prev: &'a Hex,
    /// What the line says of itself.
    pub hash: &'a Hex,
    hashed: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Takes a line, its line feed cut off, apart; `None` when it does not end in the two members.
    pub fn of(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_suffix(b"\"}")?;
        let (rest, hash) = rest.split_last_chunk::<64>()?;
        let hashed = rest.strip_suffix(HASH)?;
        let (rest, prev) = hashed.split_last_chunk::<64>()?;
        rest.strip_suffix(PREV)?;
        let parts = Self { prev, hash, hashed };
        let lower_hex = |h: &Hex| h.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (lower_hex(prev) && lower_hex(hash)).then_some(parts)
    }

    /// Whether the line's hash is the one its bytes give.
    pub fn hash_holds(&self) -> bool {
        let mut hasher = Sha256::new();
        hasher.update(self.hashed);
        hasher.update(b"\"}");
        &hex(&hasher.finalize()) == self.hash
    }
}

/// What every line begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// Sequence number.
    pub seq: u64,
    /// `2026-11-21T21:49:58.123456Z`
    pub ts: &'a str,
    /// The record's type.
    pub kind: &'a str,
}

impl<'a> Stamp<'a> {
    /// Reads `{"v":1,"seq":…,"ts":"…","type":"…"`; `None` when the line begins otherwise.
    pub fn of(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"v\":1,\"seq\":")?;
        let (seq, rest) = split_at_byte(rest, b',')?;
        let rest = rest.strip_prefix(b"\"ts\":\"")?;
        let (ts, rest) = split_at_byte(rest, b'"')?;
        let rest = rest.strip_prefix(b",\"type\":\"")?;
        let (kind, _) = split_at_byte(rest, b'"')?;
        Some(Self {
            seq: canonical_u64(seq)?,
            ts: std::str::from_utf8(ts)
                .ok()
                .filter(|ts| is_time(ts.as_bytes()))?,
            kind: std::str::from_utf8(kind).ok()?,
        })
    }
}

/// Decimal without leading zeros.
pub fn canonical_u64(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) || (digits.len() > 1 && digits.first() == Some(&b'0'))
    {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&b| b == byte)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

/// Digits where `0000-00-00T00:00:00.000000Z` has zeros, the rest as there.
fn is_time(ts: &[u8]) -> bool {
    const SHAPE: &[u8; 27] = b"0000-00-00T00:00:00.000000Z";
    let fits = |(&t, &s): (&u8, &u8)| {
        if s == b'0' {
            t.is_ascii_digit()
        } else {
            t == s
        }
    };
    ts.len() == SHAPE.len() && ts.iter().zip(SHAPE).all(fits)
}

/// Lower-case hex of a SHA-256.
pub fn hex(digest: &[u8]) -> Hex {
    let mut out = GENESIS;
    for (pair, byte) in out.chunks_exact_mut(2).zip(digest) {
        for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = if nibble < 10 { b'0' } else { b'a' - 10 } + nibble;
        }
    }
    out
}

/// SHA-256 of `bytes`, lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
        .iter()
        .map(|&b| b as char)
        .collect()
}

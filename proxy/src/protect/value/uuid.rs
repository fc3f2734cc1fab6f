//! uuid. Canonical plaintext: its 16 bytes.

use crate::protect::ValueError;
use bytes::{BufMut, BytesMut};

/// uuid_in: 32 hex digits, a hyphen allowed after each four, braces around it allowed; no blanks.
///
/// # Errors
/// 22P02.
pub(in crate::protect) fn parse(text: &str) -> Result<[u8; 16], ValueError> {
    read(text).ok_or_else(|| ValueError::new("22P02", "invalid input syntax for type uuid"))
}

fn read(text: &str) -> Option<[u8; 16]> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut rest = inner.as_bytes();
    let mut uuid = [0u8; 16];
    for (i, byte) in uuid.iter_mut().enumerate() {
        let [hi, lo, after @ ..] = rest else {
            return None;
        };
        *byte = u8::try_from(hex(*hi)? * 16 + hex(*lo)?).ok()?;
        rest = match after {
            [b'-', tail @ ..] if i % 2 == 1 && i < 15 => tail,
            _ => after,
        };
    }
    rest.is_empty().then_some(uuid)
}

fn hex(digit: u8) -> Option<u32> {
    char::from(digit).to_digit(16)
}

/// uuid_out.
pub(in crate::protect) fn write_text(uuid: [u8; 16], out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or(b'0');
    for (i, byte) in uuid.into_iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.put_u8(b'-');
        }
        out.put_u8(digit(byte >> 4));
        out.put_u8(digit(byte & 15));
    }
}

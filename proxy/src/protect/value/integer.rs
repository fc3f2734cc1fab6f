//! int4 and int8: one family, so that they compare across widths. Canonical plaintext: i64, big-endian.
//!
//! It must never wrap: what does not fit is 22003, and forms that only newer servers read are 0A000.

use super::is_space;
use crate::protect::ValueError;
use bytes::{BufMut, BytesMut};

/// int4in, int8in: the part of their grammar that PostgreSQL 15 to 18 share.
///
/// # Errors
/// 22P02, 22003, 0A000.
pub(in crate::protect) fn parse(text: &str, name: &'static str) -> Result<i64, ValueError> {
    let trimmed = text.trim_matches(is_space);
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let range = || ValueError::new("22003", format!("value is out of range for type {name}"));
    let run = digits.bytes().take_while(u8::is_ascii_digit).count();
    if run == 0 || run != digits.len() {
        // the server has counted past the limit before it meets what is no digit
        let head = digits
            .get(..run)
            .unwrap_or_default()
            .trim_start_matches('0');
        return Err(match head.len() > 19 {
            true => range(),
            false => not_a_number(digits, name),
        });
    }
    let value = trimmed.parse::<i64>().map_err(|_| range())?;
    match name {
        "integer" if i32::try_from(value).is_err() => Err(range()),
        "smallint" if i16::try_from(value).is_err() => Err(range()),
        _ => Ok(value),
    }
}

/// 22P02; 0A000 for `0x1F`, `0o7`, `0b1` and `1_000`, which PostgreSQL 16 reads and 15 refuses.
pub(in crate::protect) fn not_a_number(text: &str, name: &'static str) -> ValueError {
    let bytes = text.as_bytes();
    let radix = matches!(bytes, [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..]);
    let starts = bytes.first().is_some_and(u8::is_ascii_digit);
    if radix || (starts && bytes.contains(&b'_')) {
        return ValueError::new(
            "0A000",
            format!("this form of a value of type {name} is not read by the proxy"),
        )
        .hint("Write it in decimal digits.");
    }
    ValueError::new("22P02", format!("invalid input syntax for type {name}"))
}

/// int4out, int8out.
pub(in crate::protect) fn write_text(value: i64, out: &mut BytesMut) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        if let Some(slot) = digits.get_mut(at) {
            *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        }
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.put_u8(b'-');
    }
    out.put_slice(digits.get(at..).unwrap_or_default());
}

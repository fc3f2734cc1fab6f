//! bytea (byteain and byteaout of varlena.c). Canonical plaintext: the bytes.
//!
//! It must never read a malformed escape as a byte.

use crate::protect::{ByteaOutput, ValueError};
use bytes::{BufMut, BytesMut};

/// byteain: `\x…` with blanks between pairs, else the escape format.
///
/// # Errors
/// 22023 in hex, 22P02 in escapes.
pub(super) fn parse(text: &str) -> Result<Vec<u8>, ValueError> {
    match text.strip_prefix("\\x") {
        Some(hex) => from_hex(hex.as_bytes()),
        None => from_escapes(text.as_bytes())
            .ok_or_else(|| ValueError::new("22P02", "invalid input syntax for type bytea")),
    }
}

fn from_hex(mut hex: &[u8]) -> Result<Vec<u8>, ValueError> {
    let mut bytes = Vec::with_capacity(hex.len() / 2);
    let digit = |b: u8| {
        let value = char::from(b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok());
        value.ok_or_else(|| ValueError::new("22023", "invalid hexadecimal digit"))
    };
    loop {
        hex = match hex {
            [] => return Ok(bytes),
            [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] => rest,
            [last] => {
                digit(*last)?;
                let message = "invalid hexadecimal data: odd number of digits";
                return Err(ValueError::new("22023", message));
            }
            [high, low, rest @ ..] => {
                bytes.push(digit(*high)? << 4 | digit(*low)?);
                rest
            }
        };
    }
}

/// What byteaout has written; `None` where the text is that of no bytea.
pub(in crate::protect) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    match text.strip_prefix(b"\\x") {
        Some(digits) => hex(digits),
        None => from_escapes(text),
    }
}

/// Two digits a byte and nothing else.
pub(in crate::protect) fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; digits.len() / 2];
    faster_hex::hex_decode(digits, &mut bytes).ok()?;
    Some(bytes)
}

fn from_escapes(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    loop {
        text = match text {
            [] => return Some(bytes),
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                rest @ ..,
            ] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', ..] => return None,
            [plain, rest @ ..] => {
                bytes.push(*plain);
                rest
            }
        };
    }
}

/// Appends two digits a byte.
pub(in crate::protect) fn write_digits(bytes: &[u8], out: &mut BytesMut) {
    let start = out.len();
    out.resize(start + bytes.len() * 2, 0);
    // there is room for all of them
    let _ = faster_hex::hex_encode(bytes, out.get_mut(start..).unwrap_or_default());
}

/// The same to a text.
pub(in crate::protect) fn push_digits(bytes: &[u8], text: &mut String) {
    let mut room = [0; 256];
    for piece in bytes.chunks(room.len() / 2) {
        // there is room for all of them
        text.push_str(faster_hex::hex_encode(piece, &mut room).map_or("", |digits| digits));
    }
}

/// byteaout.
pub(super) fn write_text(bytes: &[u8], output: ByteaOutput, out: &mut BytesMut) {
    match output {
        ByteaOutput::Hex => {
            out.reserve(bytes.len() * 2 + 2);
            out.put_slice(b"\\x");
            write_digits(bytes, out);
        }
        ByteaOutput::Escape => {
            for byte in bytes {
                match byte {
                    b'\\' => out.put_slice(b"\\\\"),
                    0x20..=0x7e => out.put_u8(*byte),
                    _ => {
                        out.put_u8(b'\\');
                        out.put_u8(b'0' + (byte >> 6));
                        out.put_u8(b'0' + (byte >> 3 & 7));
                        out.put_u8(b'0' + (byte & 7));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{decode, push_digits, write_digits};
    use bytes::BytesMut;

    #[test]
    fn digits_are_those_that_format_gives() {
        for length in [0, 1, 127, 128, 129, 1000] {
            let bytes: Vec<u8> = (0..length).map(|at: u32| (at * 7) as u8).collect();
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let (mut text, mut out) = (String::from("a"), BytesMut::from("b"));
            push_digits(&bytes, &mut text);
            write_digits(&bytes, &mut out);
            assert_eq!(text, format!("a{digits}"));
            assert_eq!(out, format!("b{digits}"));
            assert_eq!(decode(format!("\\x{digits}").as_bytes()), Some(bytes));
        }
    }

    #[test]
    fn both_formats() {
        assert_eq!(decode(br"\xf5e1"), Some(vec![0xf5, 0xe1]));
        assert_eq!(decode(br"\x09afAF"), Some(vec![0x09, 0xaf, 0xaf]));
        assert_eq!(decode(br"\365\341a\\"), Some(vec![0xf5, 0xe1, b'a', b'\\']));
        for bad in [&br"\xf5e"[..], br"\xg0", br"\365\34", br"\400", br"\"] {
            assert_eq!(decode(bad), None);
        }
    }
}

//! JSON as the log writes it: one way to write each value, so that a verifier can refuse every other.
//!
//! No blanks; `"`, `\` and U+0000–U+001F and U+007F are the only characters escaped (docs/formats/audit-log.md,
//! "Canonical bytes"). Never writes a float.

use std::io::Write;

/// `,"name":"value"`
pub fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b',');
    bare_member(out, name, value);
}

/// `"name":"value"`
pub fn bare_member(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    string(out, value);
}

/// `,"name":value`
pub fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    out.push(b',');
    key(out, name);
    digits(out, value);
}

/// `,"name":[…]`
pub fn list<T>(
    out: &mut Vec<u8>,
    name: &str,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b',');
    key(out, name);
    out.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// Decimal digits.
pub fn digits(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The last `PLACES` decimal digits, with zeros in front where there are fewer.
pub fn padded<const PLACES: usize>(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; PLACES];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits);
}

/// `"name":`; names are our own and need no escape.
pub fn key(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// A JSON string. Runs of plain bytes are copied whole.
pub fn string(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    let mut rest = value.as_bytes();
    // without a way out in its middle: sixteen bytes at a time
    if !rest.iter().fold(false, |any, &b| any | must_escape(b)) {
        out.extend_from_slice(rest);
        out.push(b'"');
        return;
    }
    while let Some(at) = rest.iter().position(|&b| must_escape(b)) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        if let Some((&b, tail)) = tail.split_first() {
            escape(out, b);
            rest = tail;
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Whether the byte never stands for itself in a string.
pub fn must_escape(b: u8) -> bool {
    b < 0x20 || b == b'"' || b == b'\\' || b == 0x7f
}

fn escape(out: &mut Vec<u8>, b: u8) {
    match b {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', b]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            let _ = write!(out, "\\u{b:04x}");
        }
    }
}

/// The longest prefix of at most `max` bytes that ends between characters.
pub fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn digits_are_those_that_format_gives() {
        for value in [0, 1, 9, 10, 99, 100, 12_345, 999_999, 1_000_000, u64::MAX] {
            assert_eq!(written(|out| digits(out, value)), value.to_string());
        }
    }

    #[test]
    fn padded_digits_have_zeros_in_front_and_only_the_last_places() {
        assert_eq!(written(|out| padded::<3>(out, 7)), "007");
        assert_eq!(written(|out| padded::<3>(out, 12_345)), "345");
        assert_eq!(written(|out| padded::<6>(out, 0)), "000000");
    }
}

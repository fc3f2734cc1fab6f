//! Fields of `FORMAT text`: copyfromparse.c, CopyReadAttributesText; copyto.c, CopyAttributeOutText.

use super::bad_format;
use super::fields::Field;
use crate::protect::ValueError;
use crate::protect::value::bytea::write_digits;
use bytes::{BufMut, BytesMut};
use memchr::{memchr, memchr3};
use std::sync::Arc;

/// How rows are written.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) delimiter: u8,
    pub(super) null: Arc<str>,
}

impl Text {
    pub(super) fn split(&self, line: &[u8], fields: &mut Vec<Field>) -> Result<(), ValueError> {
        let (mut start, mut at) = (0, 0);
        while let Some(next) = line
            .get(at..)
            .and_then(|rest| memchr3(b'\\', b'\n', self.delimiter, rest))
        {
            at += next;
            let byte = line.get(at).copied().unwrap_or_default();
            if byte == b'\\' {
                at += 2;
                continue;
            }
            if byte == b'\n' {
                return Err(bad_format("literal newline found in data"));
            }
            if byte == self.delimiter {
                fields.push(self.field(line, start, at));
                start = at + 1;
            }
            at += 1;
        }
        fields.push(self.field(line, start, line.len()));
        Ok(())
    }

    fn field(&self, line: &[u8], start: usize, end: usize) -> Field {
        let raw = line.get(start..end).unwrap_or_default();
        // a backslash that nothing follows is dropped before the comparison
        let compared = match is_cut(raw) {
            true => raw.split_last().map_or(raw, |(_, rest)| rest),
            false => raw,
        };
        Field {
            raw: start..end,
            null: compared == self.null.as_bytes(),
        }
    }

    /// Appends a value.
    pub(super) fn encode(&self, value: &[u8], out: &mut BytesMut) {
        let letter = |byte| match byte {
            0x08..=0x0d => b"btnvfr".get(usize::from(byte - 0x08)).copied(),
            b'\\' => Some(byte),
            _ => (byte == self.delimiter).then_some(byte),
        };
        let escapes = |byte| matches!(byte, 0x08..=0x0d | b'\\') | (byte == self.delimiter);
        // without a way out in its middle: many bytes at a time
        if !value.iter().fold(false, |any, &byte| any | escapes(byte)) {
            out.extend_from_slice(value);
            return;
        }
        for &byte in value {
            match letter(byte) {
                Some(letter) => out.extend_from_slice(&[b'\\', letter]),
                None => out.put_u8(byte),
            }
        }
    }
}

/// Whether it ends in a backslash that escapes nothing.
pub(super) fn is_cut(raw: &[u8]) -> bool {
    let slashes = raw.iter().rev().take_while(|b| **b == b'\\').count();
    slashes % 2 == 1
}

/// A cell: the backslash doubled, the rest hexadecimal digits, which no delimiter can be.
pub(super) fn cell(cell: &[u8], out: &mut BytesMut) {
    out.extend_from_slice(br"\\x");
    write_digits(cell, out);
}

/// Appends the value of a field's bytes.
pub(super) fn decode(raw: &[u8], value: &mut Vec<u8>) {
    let mut rest = raw;
    loop {
        let plain = memchr(b'\\', rest).unwrap_or(rest.len());
        let (before, escaped) = rest.split_at(plain);
        value.extend_from_slice(before);
        rest = match escaped {
            [] | [b'\\'] => return,
            [b'\\', b'0'..=b'7', ..] => octal(escaped.split_at(1).1, value),
            [b'\\', b'x', digit, ..] if digit.is_ascii_hexdigit() => {
                hexadecimal(escaped.split_at(2).1, value)
            }
            [b'\\', letter, tail @ ..] => {
                value.push(match letter {
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 0x0b,
                    other => *other,
                });
                tail
            }
            [byte, tail @ ..] => {
                value.push(*byte);
                tail
            }
        };
    }
}

/// One to three digits, the lowest byte of them.
fn octal<'a>(digits: &'a [u8], value: &mut Vec<u8>) -> &'a [u8] {
    let is_digit = |b: &&u8| matches!(b, b'0'..=b'7');
    let len = digits.iter().take(3).take_while(is_digit).count();
    let (number, rest) = digits.split_at(len);
    value.push(number.iter().fold(0_u8, |n, b| {
        n.wrapping_shl(3).wrapping_add(b.wrapping_sub(b'0'))
    }));
    rest
}

/// One or two digits.
fn hexadecimal<'a>(digits: &'a [u8], value: &mut Vec<u8>) -> &'a [u8] {
    let len = digits
        .iter()
        .take(2)
        .take_while(|b| b.is_ascii_hexdigit())
        .count();
    let (number, rest) = digits.split_at(len);
    value.push(number.iter().fold(0_u8, |n, b| {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            _ => (b | 0x20).wrapping_sub(b'a') + 10,
        };
        n << 4 | digit
    }));
    rest
}

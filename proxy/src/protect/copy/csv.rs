//! Fields of `FORMAT csv`: copyfromparse.c, CopyReadAttributesCSV; copyto.c, CopyAttributeOutCSV.

use super::bad_format;
use super::fields::Field;
use crate::protect::ValueError;
use crate::protect::value::bytea::write_digits;
use bytes::{BufMut, BytesMut};
use std::sync::Arc;

/// How rows are written.
#[derive(Clone, Debug)]
pub(super) struct Csv {
    pub(super) delimiter: u8,
    pub(super) null: Arc<str>,
    pub(super) quote: u8,
    pub(super) escape: u8,
}

/// When a value is written in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// `FORCE_QUOTE`
    Always,
    /// Where its bytes want it.
    Needed,
    /// Where its bytes want it, in a row of this one field.
    NeededAlone,
}

/// A byte of a field.
enum Seen {
    Data(u8),
    Quote,
}

impl Csv {
    pub(super) fn split(&self, line: &[u8], fields: &mut Vec<Field>) -> Result<(), ValueError> {
        let (mut start, mut at, mut quoted, mut inside) = (0, 0, false, false);
        while let Some(&byte) = line.get(at) {
            let (seen, next) = self.step(line, at, byte, inside);
            if !inside && byte == self.delimiter {
                fields.push(self.field(line, start, at, quoted));
                (start, quoted) = (at + 1, false);
            } else if matches!(seen, Seen::Quote) {
                inside = !inside;
                quoted = true;
            } else if !inside && byte == b'\n' {
                return Err(bad_format("unquoted newline found in data"));
            }
            at = next;
        }
        if inside {
            return Err(bad_format("unterminated CSV quoted field"));
        }
        fields.push(self.field(line, start, line.len(), quoted));
        Ok(())
    }

    /// What the byte at `at` is, and where the next one stands.
    fn step(&self, bytes: &[u8], at: usize, byte: u8, inside: bool) -> (Seen, usize) {
        if inside && byte == self.escape {
            match bytes.get(at + 1) {
                Some(&next) if next == self.escape || next == self.quote => {
                    return (Seen::Data(next), at + 2);
                }
                _ => {}
            }
        }
        match byte == self.quote {
            true => (Seen::Quote, at + 1),
            false => (Seen::Data(byte), at + 1),
        }
    }

    fn field(&self, line: &[u8], start: usize, end: usize, quoted: bool) -> Field {
        let raw = line.get(start..end).unwrap_or_default();
        Field {
            raw: start..end,
            null: !quoted && raw == self.null.as_bytes(),
        }
    }

    /// Appends the value of a field's bytes.
    pub(super) fn decode(&self, raw: &[u8], value: &mut Vec<u8>) {
        let (mut at, mut inside) = (0, false);
        while let Some(&byte) = raw.get(at) {
            let (seen, next) = self.step(raw, at, byte, inside);
            match seen {
                Seen::Data(byte) => value.push(byte),
                Seen::Quote => inside = !inside,
            }
            at = next;
        }
    }

    /// A cell, in quotes: whatever the delimiter and the NULL string are, it is a value.
    pub(super) fn cell(&self, cell: &[u8], out: &mut BytesMut) {
        let plain = |b: u8| !(b.is_ascii_hexdigit() || matches!(b, b'\\' | b'x'));
        if plain(self.quote) && plain(self.escape) {
            out.extend_from_slice(&[self.quote, b'\\', b'x']);
            write_digits(cell, out);
            out.put_u8(self.quote);
            return;
        }
        let mut digits = BytesMut::with_capacity(cell.len() * 2 + 2);
        digits.extend_from_slice(br"\x");
        write_digits(cell, &mut digits);
        self.quoted(&digits, out);
    }

    /// Appends a value in quotes.
    pub(super) fn quoted(&self, value: &[u8], out: &mut BytesMut) {
        out.put_u8(self.quote);
        for &byte in value {
            if byte == self.quote || byte == self.escape {
                out.put_u8(self.escape);
            }
            out.put_u8(byte);
        }
        out.put_u8(self.quote);
    }

    /// Appends a value.
    pub(super) fn encode(&self, value: &[u8], quotes: Quotes, out: &mut BytesMut) {
        let special =
            |b: &u8| *b == self.delimiter || *b == self.quote || matches!(b, b'\n' | b'\r');
        let wanted = quotes == Quotes::Always
            || value == self.null.as_bytes()
            || (quotes == Quotes::NeededAlone && value == br"\.")
            || value.iter().any(special);
        match wanted {
            true => self.quoted(value, out),
            false => out.extend_from_slice(value),
        }
    }
}

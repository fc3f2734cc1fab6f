//! Whether a line's bytes are the one way to write its record (docs/formats/audit-log.md, "Canonical bytes").
//!
//! A reader that takes more than the writer gives is where two programs read one line differently; so this
//! takes nothing else.

use super::fields::{self, Member, Need, Shape};
use crate::json;
use crate::line::canonical_u64;

/// Byte of the line, from 1, and what is wrong there.
pub type Fault = (usize, String);

/// Checks a line, its line feed left out, of this type.
pub fn check(line: &[u8], kind: &str) -> Result<(), Fault> {
    if let Err(e) = std::str::from_utf8(line) {
        return Err((e.valid_up_to() + 1, "is not UTF-8".to_owned()));
    }
    let mut cursor = Cursor { line, at: 0 };
    let Some(own) = fields::of(kind) else {
        return cursor.fault(format!("unknown type of record {kind:?}"));
    };
    cursor.byte(b'{')?;
    let members = fields::HEAD.iter().chain(own).chain(fields::TAIL);
    cursor.members(members)?;
    if cursor.at != line.len() {
        return cursor.fault("bytes after the record".to_owned());
    }
    Ok(())
}

struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn fault<T>(&self, what: String) -> Result<T, Fault> {
        Err((self.at + 1, what))
    }

    fn rest(&self) -> &'a [u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, bytes: &[u8]) -> bool {
        let eaten = self.rest().starts_with(bytes);
        if eaten {
            self.at += bytes.len();
        }
        eaten
    }

    fn byte(&mut self, byte: u8) -> Result<(), Fault> {
        if self.eat(&[byte]) {
            Ok(())
        } else {
            self.fault(format!("expected `{}`", byte as char))
        }
    }

    /// Members up to and with `}`.
    fn members<'m>(&mut self, members: impl Iterator<Item = &'m Member>) -> Result<(), Fault> {
        let mut first = true;
        for member in members {
            let before = self.at;
            let comma = first || self.eat(b",");
            if comma && self.eat(b"\"") && self.eat(member.name.as_bytes()) && self.eat(b"\":") {
                self.value(member.shape)?;
                first = false;
            } else if member.need == Need::Always {
                self.at = before;
                return self.fault(format!("expected member `{}`", member.name));
            } else {
                self.at = before;
            }
        }
        self.byte(b'}')
    }

    fn value(&mut self, shape: Shape) -> Result<(), Fault> {
        match shape {
            Shape::Text => self.string(),
            Shape::Number => self.number(),
            Shape::Millis => self.millis(),
            Shape::Texts => self.list(Self::string),
            Shape::Objects(members) => self.list(|cursor| {
                cursor.byte(b'{')?;
                cursor.members(members.iter())
            }),
        }
    }

    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.byte(b'[')?;
        if self.eat(b"]") {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.eat(b"]") {
                return Ok(());
            }
            self.byte(b',')?;
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        self.byte(b'"')?;
        loop {
            let rest = self.rest();
            let Some(plain) = rest.iter().position(|&b| json::must_escape(b)) else {
                return self.fault("a string without end".to_owned());
            };
            self.at += plain;
            match rest.get(plain) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                _ => return self.fault("a control character".to_owned()),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        const SHORT: [&[u8]; 5] = [b"\\\"", b"\\\\", b"\\n", b"\\r", b"\\t"];
        if SHORT.iter().any(|short| self.eat(short)) {
            return Ok(());
        }
        let code = self.rest().get(..6).and_then(|text| {
            let digits = text.strip_prefix(b"\\u00")?;
            let lower = digits
                .iter()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            let digits = std::str::from_utf8(digits).ok().filter(|_| lower)?;
            u8::from_str_radix(digits, 16).ok()
        });
        match code {
            Some(0..=8 | 11 | 12 | 14..=31 | 127) => {
                self.at += 6;
                Ok(())
            }
            _ => self.fault("an escape that is never written".to_owned()),
        }
    }

    fn digits(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    fn number(&mut self) -> Result<(), Fault> {
        match canonical_u64(self.digits()) {
            Some(_) => Ok(()),
            None => self.fault("expected an integer".to_owned()),
        }
    }

    fn millis(&mut self) -> Result<(), Fault> {
        self.number()?;
        self.byte(b'.')?;
        if self.digits().len() == 3 {
            Ok(())
        } else {
            self.fault("expected three decimals".to_owned())
        }
    }
}

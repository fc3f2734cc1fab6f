//! json and jsonb (jsonapi.c, jsonb.c). Canonical plaintext of json: its text, byte for byte; of jsonb: the
//! text that jsonb_out gives.
//!
//! It must never change a json, nor keep of a jsonb what PostgreSQL does not.

use super::numeric::{Decimal, Words, write_text};
use super::text;
use crate::protect::ValueError;
use bytes::BytesMut;
use std::fmt::Write;

/// jsonb_send's first byte.
pub(super) const JSONB_VERSION: u8 = 1;
/// Deeper than this no one nests, and PostgreSQL's own limit depends on its stack.
const DEEPEST: usize = 1000;

/// json_in.
///
/// # Errors
/// 22P02; 0A000 where it nests too deep.
pub(super) fn check(text: &str) -> Result<(), ValueError> {
    Parser::new(text, Keep::Nothing).document().map(drop)
}

/// jsonb_in, then jsonb_out.
///
/// # Errors
/// 22P02, 22P05, 22003; 0A000 where it nests too deep.
pub(super) fn normalise(text: &str) -> Result<String, ValueError> {
    let tree = Parser::new(text, Keep::Values).document()?;
    let mut out = String::with_capacity(text.len());
    tree.write(&mut out);
    Ok(out)
}

/// jsonb_recv.
///
/// # Errors
/// As [`normalise`]; 08P01, 22021, XX000.
pub(super) fn receive(bytes: &[u8]) -> Result<String, ValueError> {
    match bytes.split_first() {
        None => Err(ValueError::new("08P01", "no data left in message")),
        Some((&JSONB_VERSION, rest)) => normalise(text::utf8(rest)?),
        Some((version, _)) => Err(ValueError::new(
            "XX000",
            format!("unsupported jsonb version number {version}"),
        )),
    }
}

enum Tree {
    /// null, true, false, a number as it is shown.
    Bare(String),
    Text(String),
    List(Vec<Tree>),
    /// In jsonb's order, each key once.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn write(&self, out: &mut String) {
        match self {
            Self::Bare(word) => out.push_str(word),
            Self::Text(text) => quote(text, out),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { ", " });
                    quote(key, out);
                    out.push_str(": ");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

/// escape_json
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // writing to memory does not fail
            c if c < ' ' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Shorter keys first, then by bytes; of the same key the last value stays.
fn in_order(mut members: Vec<(String, Tree)>) -> Vec<(String, Tree)> {
    members.reverse();
    members.sort_by(|(a, _), (b, _)| (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes())));
    members.dedup_by(|(later, _), (kept, _)| later == kept);
    members
}

/// Whether strings are decoded and numbers shown, or only looked at.
#[derive(Clone, Copy, PartialEq)]
enum Keep {
    Nothing,
    Values,
}

struct Parser<'a> {
    rest: &'a str,
    keep: Keep,
    depth: usize,
}

fn syntax() -> ValueError {
    ValueError::new("22P02", "invalid input syntax for type json")
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, keep: Keep) -> Self {
        Self {
            rest: text,
            keep,
            depth: 0,
        }
    }

    fn document(mut self) -> Result<Tree, ValueError> {
        let tree = self.value()?;
        self.blanks();
        match self.rest {
            "" => Ok(tree),
            _ => Err(syntax()),
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Whether the next token is this one; takes it.
    fn takes(&mut self, token: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Result<Tree, ValueError> {
        self.blanks();
        match self.rest.bytes().next() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => self.string().map(Tree::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(
        &mut self,
        inner: fn(&mut Self) -> Result<Tree, ValueError>,
    ) -> Result<Tree, ValueError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(ValueError::new(
                "0A000",
                "a json value that nests more than 1000 levels deep cannot be encrypted",
            ));
        }
        let tree = inner(self);
        self.depth -= 1;
        tree
    }

    fn object(&mut self) -> Result<Tree, ValueError> {
        let mut members = Vec::new();
        self.takes('{');
        if self.takes('}') {
            return Ok(Tree::Object(members));
        }
        loop {
            self.blanks();
            if !self.rest.starts_with('"') {
                return Err(syntax());
            }
            let key = self.string()?;
            if !self.takes(':') {
                return Err(syntax());
            }
            let value = self.value()?;
            if self.keep == Keep::Values {
                members.push((key, value));
            }
            if self.takes('}') {
                return Ok(Tree::Object(in_order(members)));
            }
            if !self.takes(',') {
                return Err(syntax());
            }
        }
    }

    fn list(&mut self) -> Result<Tree, ValueError> {
        let mut items = Vec::new();
        self.takes('[');
        if self.takes(']') {
            return Ok(Tree::List(items));
        }
        loop {
            let item = self.value()?;
            if self.keep == Keep::Values {
                items.push(item);
            }
            if self.takes(']') {
                return Ok(Tree::List(items));
            }
            if !self.takes(',') {
                return Err(syntax());
            }
        }
    }

    fn word(&mut self) -> Result<Tree, ValueError> {
        for word in ["null", "true", "false"] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return self.apart().map(|()| Tree::Bare(word.to_owned()));
            }
        }
        Err(syntax())
    }

    /// Nothing that could belong to the token follows it.
    fn apart(&self) -> Result<(), ValueError> {
        let joined = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
        match self.rest.bytes().next() {
            Some(next) if joined(next) => Err(syntax()),
            _ => Ok(()),
        }
    }

    fn number(&mut self) -> Result<Tree, ValueError> {
        let all = self.rest;
        let digits = |text: &'a str| {
            let end = text.bytes().take_while(u8::is_ascii_digit).count();
            text.get(end..).filter(|_| end > 0).ok_or_else(syntax)
        };
        let unsigned = all.strip_prefix('-').unwrap_or(all);
        let mut rest = match unsigned.strip_prefix('0') {
            Some(rest) => rest,
            None => digits(unsigned)?,
        };
        if let Some(fraction) = rest.strip_prefix('.') {
            rest = digits(fraction)?;
        }
        if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
            rest = digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))?;
        }
        self.rest = rest;
        self.apart()?;
        let number = all.get(..all.len() - rest.len()).unwrap_or(all);
        match self.keep {
            Keep::Nothing => Ok(Tree::Bare(String::new())),
            Keep::Values => shown(number).map(Tree::Bare),
        }
    }

    fn string(&mut self) -> Result<String, ValueError> {
        let mut out = String::new();
        let mut rest = self.rest.strip_prefix('"').ok_or_else(syntax)?;
        loop {
            let plain = rest
                .find(|c| matches!(c, '"' | '\\') || c < ' ')
                .ok_or_else(syntax)?;
            let (run, after) = rest.split_at_checked(plain).ok_or_else(syntax)?;
            if self.keep == Keep::Values {
                out.push_str(run);
            }
            let mut chars = after.chars();
            rest = match chars.next() {
                Some('"') => {
                    self.rest = chars.as_str();
                    return Ok(out);
                }
                Some('\\') => self.escape(chars.as_str(), &mut out)?,
                // a control character
                _ => return Err(syntax()),
            };
        }
    }

    /// What follows a backslash; gives what follows that.
    fn escape(&self, text: &'a str, out: &mut String) -> Result<&'a str, ValueError> {
        let mut chars = text.chars();
        let plain = match chars.next() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(chars.as_str(), out),
            _ => return Err(syntax()),
        };
        out.push(plain);
        Ok(chars.as_str())
    }

    fn unicode(&self, text: &'a str, out: &mut String) -> Result<&'a str, ValueError> {
        let (code, rest) = unit(text)?;
        if self.keep == Keep::Nothing {
            return Ok(rest);
        }
        if code == 0 {
            return Err(
                ValueError::new("22P05", "unsupported Unicode escape sequence")
                    .detail("\\u0000 cannot be converted to text."),
            );
        }
        let (code, rest) = match code {
            0xD800..=0xDBFF => {
                let low = rest.strip_prefix("\\u").ok_or_else(syntax)?;
                let (low, rest) = unit(low)?;
                if !(0xDC00..=0xDFFF).contains(&low) {
                    return Err(syntax());
                }
                (0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), rest)
            }
            _ => (code, rest),
        };
        out.push(char::from_u32(code).ok_or_else(syntax)?);
        Ok(rest)
    }
}

/// Four hexadecimal digits.
fn unit(text: &str) -> Result<(u32, &str), ValueError> {
    let (digits, rest) = text.split_at_checked(4).ok_or_else(syntax)?;
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| hex);
    code.map(|code| (code, rest)).ok_or_else(syntax)
}

/// A number as numeric shows it.
fn shown(number: &str) -> Result<String, ValueError> {
    let mut words = Vec::new();
    Decimal::parse(number)?.encode(&mut words)?;
    let mut out = BytesMut::new();
    write_text(Words::read(&words).ok_or_else(syntax)?, &mut out);
    Ok(String::from_utf8_lossy(&out).into_owned())
}

//! Where the constants of a statement stand, found in one pass and without the grammar.
//!
//! The tokens of such a text are the same whichever constants of the same kinds stand there (PostgreSQL's scan.l), and
//! so is what the grammar makes of them. A text of which that is not certain has no answer: what is written in a way
//! seldom seen, has comments, or is more than one SELECT, INSERT, UPDATE or DELETE. It must never take anything for a
//! constant that the scanner does not, nor one of another kind.

use memchr::{memchr, memchr2};
use std::ops::Range;

/// More constants than this are a load of rows, which hardly comes again with as many.
pub(crate) const MOST: usize = 999;

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Its bytes; a sign is none of them.
    pub range: Range<usize>,
    /// What the grammar and the analysis know of it without its value.
    pub kind: Kind,
}

/// Kinds of constants. A number's type is that of its digits, with a sign before them or without (scan.l, make_const):
/// the two that differ in that, -2147483648 and -9223372036854775808, are no constants here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `'…'` without a backslash
    String = b's',
    /// Digits of an int4.
    Int4 = b'4',
    /// Digits of an int8.
    Int8 = b'8',
    /// Digits of a larger number, which is numeric.
    Integer = b'n',
    /// `1.5`
    Decimal = b'd',
}

/// The constants of `text` in order, which is one statement; `None` where the pass is not sure of one of its bytes.
pub fn spots(text: &str) -> Option<Vec<Spot>> {
    let bytes = text.as_bytes();
    if memchr(0, bytes).is_some() {
        return None;
    }
    let mut pass = Pass {
        bytes,
        at: 0,
        spots: Vec::new(),
    };
    pass.statement()?;
    Some(pass.spots)
}

/// What a byte begins (scan.l).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    /// `ident_start`
    Word,
    Digit,
    Quote,
    Name,
    Dollar,
    Dot,
    Minus,
    Slash,
    End,
    /// `self` and operators, but for those above.
    Plain,
    /// Nothing that is known here.
    Unknown,
}

#[allow(clippy::indexing_slicing, reason = "256 bytes, while it is compiled")]
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Unknown; 256];
    let mut byte = 0;
    while byte < 256 {
        let is = byte as u8;
        classes[byte] = match is {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => Class::Blank,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..=0xff => Class::Word,
            b'0'..=b'9' => Class::Digit,
            b'\'' => Class::Quote,
            b'"' => Class::Name,
            b'$' => Class::Dollar,
            b'.' => Class::Dot,
            b'-' => Class::Minus,
            b'/' => Class::Slash,
            b';' => Class::End,
            b',' | b'(' | b')' | b'[' | b']' | b':' | b'+' | b'*' | b'%' | b'^' | b'<' | b'>'
            | b'=' | b'~' | b'!' | b'@' | b'#' | b'&' | b'|' | b'`' | b'?' => Class::Plain,
            _ => Class::Unknown,
        };
        byte += 1;
    }
    classes
};

struct Pass<'t> {
    bytes: &'t [u8],
    at: usize,
    spots: Vec<Spot>,
}

impl Pass<'_> {
    fn class(&self, at: usize) -> Option<Class> {
        let byte = self.bytes.get(at)?;
        CLASSES.get(usize::from(*byte)).copied()
    }

    fn statement(&mut self) -> Option<()> {
        self.skip(Class::Blank);
        let first = self.word()?;
        let known: [&[u8]; 5] = [b"select", b"insert", b"update", b"delete", b"with"];
        if !known.iter().any(|word| first.eq_ignore_ascii_case(word)) {
            return None;
        }
        while let Some(class) = self.class(self.at) {
            match class {
                Class::Blank | Class::Plain => self.at += 1,
                Class::Word => drop(self.word()?),
                Class::Digit => self.number()?,
                Class::Quote => self.string()?,
                Class::Name => self.name()?,
                Class::Dollar => self.parameter()?,
                // `.5`
                Class::Dot if self.class(self.at + 1) == Some(Class::Digit) => return None,
                // comments
                Class::Minus if self.class(self.at + 1) == Some(Class::Minus) => return None,
                Class::Slash if self.bytes.get(self.at + 1) == Some(&b'*') => return None,
                Class::Dot | Class::Minus | Class::Slash => self.at += 1,
                Class::End => return self.end(),
                Class::Unknown => return None,
            }
        }
        Some(())
    }

    /// Nothing comes after the statement.
    fn end(&mut self) -> Option<()> {
        while matches!(self.class(self.at), Some(Class::End | Class::Blank)) {
            self.at += 1;
        }
        (self.at == self.bytes.len()).then_some(())
    }

    fn skip(&mut self, class: Class) {
        while self.class(self.at) == Some(class) {
            self.at += 1;
        }
    }

    /// A keyword or identifier that no string or quoted name belongs to: `E'…'`, `U&"…"`.
    fn word(&mut self) -> Option<&[u8]> {
        let start = self.at;
        if self.class(start) != Some(Class::Word) {
            return None;
        }
        while matches!(
            self.class(self.at),
            Some(Class::Word | Class::Digit | Class::Dollar)
        ) {
            self.at += 1;
        }
        let word = self.bytes.get(start..self.at)?;
        let next = self.bytes.get(self.at);
        let unicode = word.eq_ignore_ascii_case(b"u") && next == Some(&b'&');
        (next != Some(&b'\'') && !unicode).then_some(word)
    }

    /// Digits, perhaps with more digits behind a point; nothing that other versions or the eye could read otherwise.
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.skip(Class::Digit);
        let whole = self.bytes.get(start..self.at)?;
        let zero = whole.starts_with(b"0");
        // the grammar makes `0` of `-0`, which no other number loses its sign by
        if zero && (whole.len() > 1 || self.is_signed(start)) {
            return None;
        }
        let kind = match self.class(self.at) {
            Some(Class::Dot) => {
                self.at += 1;
                let point = self.at;
                self.skip(Class::Digit);
                (self.at > point).then_some(Kind::Decimal)?
            }
            _ => of_digits(whole)?,
        };
        let next = self.class(self.at);
        let touches = matches!(
            next,
            Some(Class::Word | Class::Dot | Class::Quote | Class::Name | Class::Dollar)
        );
        self.push(start, kind).filter(|()| !touches)
    }

    fn is_signed(&self, number: usize) -> bool {
        let before = self.bytes.get(..number).unwrap_or_default();
        before.trim_ascii_end().ends_with(b"-")
    }

    /// A string, and no other one behind it that would continue it.
    fn string(&mut self) -> Option<()> {
        let start = self.at;
        self.at += 1;
        loop {
            self.at += memchr2(b'\'', b'\\', self.bytes.get(self.at..)?)?;
            let quotes = [self.bytes.get(self.at), self.bytes.get(self.at + 1)];
            match quotes {
                [Some(b'\''), Some(b'\'')] => self.at += 2,
                [Some(b'\''), _] => break,
                // a backslash, whose meaning is a setting's
                _ => return None,
            }
        }
        self.at += 1;
        self.push(start, Kind::String)?;
        if matches!(self.class(self.at), Some(Class::Digit | Class::Dollar)) {
            return None;
        }
        self.skip(Class::Blank);
        (self.class(self.at) != Some(Class::Quote)).then_some(())
    }

    fn name(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += memchr(b'"', self.bytes.get(self.at..)?)? + 1;
            match self.class(self.at) {
                Some(Class::Name) => self.at += 1,
                _ => return Some(()),
            }
        }
    }

    /// `$1`, and no dollar quote.
    fn parameter(&mut self) -> Option<()> {
        self.at += 1;
        let start = self.at;
        self.skip(Class::Digit);
        let touches = matches!(self.class(self.at), Some(Class::Word | Class::Dollar));
        (self.at > start && !touches).then_some(())
    }

    fn push(&mut self, start: usize, kind: Kind) -> Option<()> {
        let range = start..self.at;
        self.spots.push(Spot { range, kind });
        (self.spots.len() <= MOST).then_some(())
    }
}

fn of_digits(digits: &[u8]) -> Option<Kind> {
    const INT4: u64 = i32::MAX as u64;
    const INT8: u64 = i64::MAX as u64;
    let digits = std::str::from_utf8(digits).ok()?;
    match digits.parse::<u64>() {
        Ok(0..=INT4) => Some(Kind::Int4),
        Ok(number) if number == INT4 + 1 || number == INT8 + 1 => None,
        Ok(0..=INT8) => Some(Kind::Int8),
        Ok(_) | Err(_) => Some(Kind::Integer),
    }
}

#[cfg(test)]
mod tests;

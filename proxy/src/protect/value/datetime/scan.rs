//! Splits a date or time into fields by form alone (ParseDateTime of datetime.c).

use super::Fault;
use super::words;
use crate::protect::value::is_space;

/// PostgreSQL's MAXDATEFIELDS.
const MOST_FIELDS: usize = 25;
/// PostgreSQL's MAXDATELEN: fields with a NUL each.
const MOST_BYTES: usize = 128;

/// The form of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protect::value) enum Form {
    /// Digits, perhaps with one point inside.
    Number,
    /// Digits or letters with `-`, `/` or `.` between.
    Date,
    /// Digits with `:` between.
    Time,
    /// A sign and digits.
    Offset,
    /// Letters.
    Word,
    /// A sign and letters.
    Signed,
}

/// A field: its form and its bytes, all ASCII.
pub(in crate::protect::value) type Field<'a> = (Form, &'a str);

/// Splits `text`.
pub(in crate::protect::value) fn fields(text: &str) -> Result<Vec<Field<'_>>, Fault> {
    let mut found = Vec::with_capacity(4);
    let mut rest = text;
    let mut bytes = 0;
    loop {
        rest = rest.trim_start_matches(is_space);
        let Some(first) = rest.bytes().next() else {
            return Ok(found);
        };
        let (form, len) = match first {
            b'0'..=b'9' => from_digit(rest),
            b'.' => (Form::Number, 1 + run(rest, 1, |b| b.is_ascii_digit())),
            b'a'..=b'z' | b'A'..=b'Z' => from_letter(rest),
            b'+' | b'-' => from_sign(rest)?,
            b if b.is_ascii_punctuation() => {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            _ => return Err(Fault::Syntax),
        };
        let (field, after) = rest.split_at_checked(len).ok_or(Fault::Syntax)?;
        bytes += field.len() + 1;
        if found.len() == MOST_FIELDS || bytes > MOST_BYTES {
            return Err(Fault::Syntax);
        }
        found.push((form, field));
        rest = after;
    }
}

/// How many bytes from `start` on satisfy `of`.
fn run(text: &str, start: usize, of: impl Fn(u8) -> bool) -> usize {
    text.bytes().skip(start).take_while(|b| of(*b)).count()
}

fn byte(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at).copied()
}

fn from_digit(text: &str) -> (Form, usize) {
    let digit = |b: u8| b.is_ascii_digit();
    let mut len = run(text, 0, digit);
    match byte(text, len) {
        Some(b':') => {
            len += run(text, len, |b| digit(b) || b == b':' || b == b'.');
            (Form::Time, len)
        }
        Some(delimiter @ (b'-' | b'/' | b'.')) => {
            len += 1;
            if !byte(text, len).is_some_and(digit) {
                // a month in letters
                len += run(text, len, |b| b.is_ascii_alphanumeric() || b == delimiter);
                return (Form::Date, len);
            }
            len += run(text, len, digit);
            if byte(text, len) == Some(delimiter) {
                len += run(text, len, |b| digit(b) || b == delimiter);
                return (Form::Date, len);
            }
            let form = if delimiter == b'.' {
                Form::Number
            } else {
                Form::Date
            };
            (form, len)
        }
        _ => (Form::Number, len),
    }
}

fn from_letter(text: &str) -> (Form, usize) {
    let mut len = run(text, 0, |b| b.is_ascii_alphabetic());
    let joined = match byte(text, len) {
        Some(b'-' | b'/' | b'.') => true,
        Some(b'+' | b'0'..=b'9') => !words::is_core(text.get(..len).unwrap_or_default()),
        _ => false,
    };
    if !joined {
        return (Form::Word, len);
    }
    len += run(text, len, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'/' | b'_' | b'.' | b':')
    });
    (Form::Date, len)
}

fn from_sign(text: &str) -> Result<(Form, usize), Fault> {
    match byte(text, 1) {
        Some(b'0'..=b'9') => {
            let len = 1 + run(text, 1, |b| {
                b.is_ascii_digit() || matches!(b, b':' | b'.' | b'-')
            });
            Ok((Form::Offset, len))
        }
        Some(b) if b.is_ascii_alphabetic() => {
            Ok((Form::Signed, 1 + run(text, 1, |b| b.is_ascii_alphabetic())))
        }
        // PostgreSQL skips blanks between sign and field
        Some(b) if is_space(char::from(b)) => Err(Fault::Unsure),
        _ => Err(Fault::Syntax),
    }
}

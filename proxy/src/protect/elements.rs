//! The elements of an array that a client wrote or bound, and the array of cells they become.
//!
//! Text as array_in reads it, binary as array_recv does (src/backend/utils/adt/arrayfuncs.c), of one dimension.
//! It must never take an element for another one: what is not read to the last byte is an error.

use crate::protect::ValueError;
use crate::protect::value::bytea::push_digits;
use crate::protect::value::text::utf8;
use hippocrypt_policy::element_of;
use hippocrypt_sql::verdict::{Literal, Seal};
use hippocrypt_wire::Format;
use zeroize::Zeroizing;

/// OID of bytea.
const BYTEA: i32 = 17;

/// The elements of an array in text.
///
/// # Errors
/// 22P02 as PostgreSQL; 0A000 for several dimensions or bounds of its own.
pub(in crate::protect) fn of_text(
    text: &str,
) -> Result<Vec<Option<Zeroizing<String>>>, ValueError> {
    let mut rest = text.trim_matches(is_space).chars().peekable();
    match rest.next() {
        Some('{') => {}
        Some('[') => return Err(dimensions()),
        _ => {
            return Err(malformed(
                "Array value must start with \"{\" or dimension information.",
            ));
        }
    }
    let mut elements = Vec::new();
    skip_space(&mut rest);
    if rest.peek() == Some(&'}') {
        rest.next();
        return ended(rest, elements);
    }
    loop {
        elements.push(element(&mut rest)?);
        match rest.next() {
            Some(',') => {}
            Some('}') => return ended(rest, elements),
            Some(_) => return Err(malformed("Unexpected array element.")),
            None => return Err(malformed("Unexpected end of input.")),
        }
    }
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn ended<T>(mut rest: Rest<'_>, elements: T) -> Result<T, ValueError> {
    match rest.next() {
        None => Ok(elements),
        Some(_) => Err(malformed("Junk after closing right brace.")),
    }
}

/// One element with the blanks around it; the delimiter after it is left.
fn element(rest: &mut Rest<'_>) -> Result<Option<Zeroizing<String>>, ValueError> {
    skip_space(rest);
    match rest.peek() {
        Some('"') => {
            rest.next();
            let value = quoted(rest)?;
            skip_space(rest);
            Ok(Some(value))
        }
        Some('{') => Err(dimensions()),
        Some(_) => plain(rest),
        None => Err(malformed("Unexpected end of input.")),
    }
}

fn quoted(rest: &mut Rest<'_>) -> Result<Zeroizing<String>, ValueError> {
    let mut value = Zeroizing::new(String::new());
    loop {
        match rest.next() {
            Some('"') => return Ok(value),
            Some('\\') => value.push(escaped(rest)?),
            Some(c) => value.push(c),
            None => return Err(malformed("Unexpected end of input.")),
        }
    }
}

/// Without quotes: blanks at the end go, but not those that a backslash keeps; NULL is NULL in any case.
fn plain(rest: &mut Rest<'_>) -> Result<Option<Zeroizing<String>>, ValueError> {
    let mut value = Zeroizing::new(String::new());
    let mut kept = 0;
    let mut escapes = false;
    while let Some(&c) = rest.peek() {
        match c {
            ',' | '}' => break,
            '{' | '"' => return Err(malformed("Unexpected array element.")),
            '\\' => {
                rest.next();
                value.push(escaped(rest)?);
                (kept, escapes) = (value.len(), true);
                continue;
            }
            c => value.push(c),
        }
        if !is_space(c) {
            kept = value.len();
        }
        rest.next();
    }
    value.truncate(kept);
    match value.is_empty() {
        true => Err(malformed("Unexpected \",\" or \"}\" character.")),
        false if !escapes && value.eq_ignore_ascii_case("null") => Ok(None),
        false => Ok(Some(value)),
    }
}

fn escaped(rest: &mut Rest<'_>) -> Result<char, ValueError> {
    rest.next()
        .ok_or_else(|| malformed("Unexpected end of input."))
}

fn skip_space(rest: &mut Rest<'_>) {
    while rest.next_if(|c| is_space(*c)).is_some() {}
}

/// array_isspace
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

fn malformed(detail: &str) -> ValueError {
    ValueError::new("22P02", "malformed array literal").detail(detail)
}

fn dimensions() -> ValueError {
    ValueError::new(
        "0A000",
        "an array beside an encrypted column has one dimension and begins at 1",
    )
    .hint("Give the values in one dimension.")
}

/// The elements of an array in binary, whose type must be `element`.
///
/// # Errors
/// 42804, 22P03 and 08P01 as PostgreSQL; 0A000 for several dimensions or bounds of its own.
pub(in crate::protect) fn of_binary(
    bytes: &[u8],
    element: u32,
) -> Result<Vec<Option<&[u8]>>, ValueError> {
    let mut rest = bytes;
    let dimensions_given = int(&mut rest)?;
    let flags = int(&mut rest)?;
    if !matches!(flags, 0 | 1) {
        return Err(ValueError::new("22P03", "invalid array flags"));
    }
    if u32::try_from(int(&mut rest)?) != Ok(element) {
        return Err(ValueError::new("42804", "wrong element type"));
    }
    let length = match dimensions_given {
        0 => 0,
        1 => {
            let length = int(&mut rest)?;
            if int(&mut rest)? != 1 && length != 0 {
                return Err(dimensions());
            }
            usize::try_from(length).map_err(|_| ended_early())?
        }
        _ => return Err(dimensions()),
    };
    let mut elements = Vec::new();
    for _ in 0..length {
        let value = match int(&mut rest)? {
            -1 => None,
            length => {
                let length = usize::try_from(length).map_err(|_| ended_early())?;
                let (value, after) = rest.split_at_checked(length).ok_or_else(ended_early)?;
                rest = after;
                Some(value)
            }
        };
        elements.push(value);
    }
    match rest {
        [] => Ok(elements),
        _ => Err(ValueError::new(
            "22P03",
            "incorrect binary data format in bind parameter",
        )),
    }
}

/// Each element of an array that was bound as type `oid`, with the elements' own type.
///
/// # Errors
/// Those of reading the array, 42809 where it is none, and those of `one`.
pub(in crate::protect) fn of_parameter<E: From<ValueError>>(
    oid: u32,
    format: Format,
    bytes: &[u8],
    mut one: impl FnMut(u32, Option<&[u8]>) -> Result<(), E>,
) -> Result<(), E> {
    let element = element_of(oid).ok_or_else(|| no_array(oid))?;
    match format {
        Format::Text => {
            for value in of_text(utf8(bytes)?)? {
                one(element, value.as_ref().map(|v| v.as_bytes()))?;
            }
        }
        Format::Binary => {
            for value in of_binary(bytes, element)? {
                one(element, value)?;
            }
        }
    }
    Ok(())
}

/// Each element of an array literal: a cast of the array is one of each element.
///
/// # Errors
/// Those of reading the array.
pub(in crate::protect) fn of_literal(
    literal: &Literal,
    seal: &Seal,
) -> Result<Vec<Option<Literal>>, ValueError> {
    let no_array = || ValueError::new("XX000", "the plan does not fit the statement");
    let Literal::String { value, cast } = literal else {
        return Err(no_array());
    };
    let cast = match *cast {
        0 => 0,
        array => element_of(array).ok_or_else(no_array)?,
    };
    let element = |value: Zeroizing<String>| {
        let left = cut(value.as_bytes(), seal.cut)?.len();
        let value = value.get(..left).unwrap_or_default().into();
        Ok(Literal::String { value, cast })
    };
    let elements = of_text(value)?.into_iter();
    elements
        .map(|value| value.map(element).transpose())
        .collect()
}

/// An array argument of EXECUTE: a quoted one is read as the parameter's type reads it; a cast to that type says no more.
///
/// # Errors
/// 42804 where it is no array, 0A000 where it is one of another type.
pub(in crate::protect) fn argument(literal: &Literal, oid: u32) -> Result<Literal, ValueError> {
    let Literal::String { value, cast } = literal else {
        let message = "an argument that is no array cannot be coerced to the expected array type";
        return Err(ValueError::new("42804", message));
    };
    if *cast != 0 && *cast != oid {
        let message = "an array argument of another type than the parameter's is not understood";
        return Err(
            ValueError::new("0A000", message).hint("Give it as a quoted constant without a cast.")
        );
    }
    let value = value.clone();
    Ok(Literal::String { value, cast: oid })
}

fn no_array(oid: u32) -> ValueError {
    let message = format!("the type with OID {oid} is no array of values of an encrypted column");
    ValueError::new("42809", message)
        .hint("Declare the parameter as an array of the column's type.")
}

fn int(rest: &mut &[u8]) -> Result<i32, ValueError> {
    let (first, after) = rest.split_first_chunk::<4>().ok_or_else(ended_early)?;
    *rest = after;
    Ok(i32::from_be_bytes(*first))
}

fn ended_early() -> ValueError {
    ValueError::new("08P01", "insufficient data left in message")
}

/// An array of cells in binary, as it is written. It begins empty, at `start` of the buffer.
pub(in crate::protect) struct Cells {
    start: usize,
    length: i32,
    nulls: bool,
}

impl Cells {
    /// Leaves room for the array's head.
    pub(in crate::protect) fn new(out: &mut Vec<u8>) -> Self {
        let start = out.len();
        out.resize(start + 20, 0);
        Self {
            start,
            length: 0,
            nulls: false,
        }
    }

    /// Appends a NULL.
    pub(in crate::protect) fn null(&mut self, out: &mut Vec<u8>) {
        out.extend((-1_i32).to_be_bytes());
        self.length += 1;
        self.nulls = true;
    }

    /// Appends what `write` appends as an element.
    ///
    /// # Errors
    /// Those of `write`.
    pub(in crate::protect) fn cell<E>(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = out.len();
        out.extend([0; 4]);
        write(out)?;
        let length = i32::try_from(out.len() - before - 4).unwrap_or(i32::MAX);
        if let Some(head) = out.get_mut(before..before + 4) {
            head.copy_from_slice(&length.to_be_bytes());
        }
        self.length += 1;
        Ok(())
    }

    /// Writes the head; an array without elements has no dimension.
    pub(in crate::protect) fn finish(self, out: &mut Vec<u8>) {
        let dimensions = i32::from(self.length > 0);
        let words = [dimensions, i32::from(self.nulls), BYTEA, self.length, 1];
        let head: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        if self.length == 0 {
            out.truncate(self.start + 12);
        }
        for (to, byte) in out.iter_mut().skip(self.start).zip(head) {
            *to = byte;
        }
    }
}

/// What a cast to varchar(n) leaves of a text: varchar.c cuts without a word where the cast is explicit.
///
/// # Errors
/// 22021 for what is not UTF-8.
pub(in crate::protect) fn cut(bytes: &[u8], characters: Option<u32>) -> Result<&[u8], ValueError> {
    let Some(characters) = characters.and_then(|n| usize::try_from(n).ok()) else {
        return Ok(bytes);
    };
    let text = utf8(bytes)?;
    let end = text.char_indices().nth(characters);
    Ok(end.and_then(|(end, _)| bytes.get(..end)).unwrap_or(bytes))
}

/// `E'{…}'::bytea[]` of these cells, valid whatever `standard_conforming_strings` says.
pub(in crate::protect) fn literal(cells: &[Option<Vec<u8>>]) -> String {
    let mut text = String::from("E'{");
    for (ix, cell) in cells.iter().enumerate() {
        if ix > 0 {
            text.push(',');
        }
        match cell {
            None => text.push_str("NULL"),
            Some(cell) => {
                // a backslash for the string, a backslash for the array, and one for bytea
                text.push_str("\\\\\\\\x");
                push_digits(cell, &mut text);
            }
        }
    }
    text.push_str("}'::bytea[]");
    text
}

#[cfg(test)]
mod tests;

//! Every spelling that PostgreSQL's grammar has for the types that can be declared (gram.y, SimpleTypename).
//!
//! Modifiers have PostgreSQL's own ranges. What PostgreSQL would adapt with a warning is an error here.

use super::{DeclaredType, DeclaredTypeError};
use std::str::FromStr;

/// `MaxAttrSize`: most characters of a varchar (varchar.c, anychar_typmodin).
const MAX_VARCHAR: i64 = 10_485_760;
/// `NUMERIC_MAX_PRECISION` (numeric.h).
const MAX_PRECISION: i64 = 1000;
/// `MAX_TIMESTAMP_PRECISION` (timestamp.h).
const MAX_TIMESTAMP_PRECISION: i64 = 6;

impl FromStr for DeclaredType {
    type Err = DeclaredTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let spelling = Spelling::of(text)?;
        let modifier = |why| DeclaredTypeError::Modifier(text.trim().to_string(), why);
        let name = spelling.words.join(" ");
        match (name.as_str(), spelling.numbers.as_slice()) {
            ("bool" | "boolean", []) => Ok(Self::Bool),
            ("int4" | "int" | "integer", []) => Ok(Self::Int4),
            ("int8" | "bigint", []) => Ok(Self::Int8),
            ("text", []) => Ok(Self::Text),
            ("date", []) => Ok(Self::Date),
            ("uuid", []) => Ok(Self::Uuid),
            (
                "bool" | "boolean" | "int4" | "int" | "integer" | "int8" | "bigint" | "text"
                | "date" | "uuid",
                _,
            ) => Err(modifier("this type takes no length or precision")),
            (
                "varchar"
                | "character varying"
                | "char varying"
                | "national character varying"
                | "national char varying"
                | "nchar varying",
                numbers,
            ) => varchar(numbers).map_err(modifier),
            ("numeric" | "decimal" | "dec", numbers) => numeric(numbers).map_err(modifier),
            ("timestamptz" | "timestamp with time zone", numbers) => {
                timestamptz(numbers).map_err(modifier)
            }
            _ => Err(DeclaredTypeError::Unknown(text.trim().to_string())),
        }
    }
}

fn varchar(numbers: &[i64]) -> Result<DeclaredType, &'static str> {
    match numbers {
        [] => Ok(DeclaredType::Varchar(None)),
        [n] if (1..=MAX_VARCHAR).contains(n) => Ok(DeclaredType::Varchar(u32::try_from(*n).ok())),
        [_] => Err("the length is from 1 to 10485760"),
        _ => Err("one number is expected: varchar(n)"),
    }
}

fn numeric(numbers: &[i64]) -> Result<DeclaredType, &'static str> {
    let (precision, scale) = match numbers {
        [] => return Ok(DeclaredType::Numeric(None)),
        [precision] => (*precision, 0),
        [precision, scale] => (*precision, *scale),
        _ => return Err("one or two numbers are expected: numeric(p,s)"),
    };
    if !(1..=MAX_PRECISION).contains(&precision) {
        return Err("the precision is from 1 to 1000");
    }
    match (u16::try_from(precision), i16::try_from(scale)) {
        (Ok(precision), Ok(scale)) if (-1000..=1000).contains(&scale) => {
            Ok(DeclaredType::Numeric(Some((precision, scale))))
        }
        _ => Err("the scale is from -1000 to 1000"),
    }
}

fn timestamptz(numbers: &[i64]) -> Result<DeclaredType, &'static str> {
    match numbers {
        [] => Ok(DeclaredType::Timestamptz(None)),
        [p] if (0..=MAX_TIMESTAMP_PRECISION).contains(p) => {
            Ok(DeclaredType::Timestamptz(u8::try_from(*p).ok()))
        }
        [_] => Err("the precision is from 0 to 6"),
        _ => Err("one number is expected: timestamptz(p)"),
    }
}

/// A type's text taken apart: lower-case words, and the numbers in parentheses.
struct Spelling {
    words: Vec<String>,
    numbers: Vec<i64>,
}

impl Spelling {
    fn of(text: &str) -> Result<Self, DeclaredTypeError> {
        let unknown = || DeclaredTypeError::Unknown(text.trim().to_string());
        let (before, inside, after) = match text.split_once('(') {
            None => (text, None, ""),
            Some((before, rest)) => match rest.split_once(')') {
                None => return Err(DeclaredTypeError::Cut(text.trim().to_string())),
                Some((inside, after)) => (before, Some(inside), after),
            },
        };
        // `timestamp(3) with time zone` is the one type whose name goes on behind its modifier.
        let behind = after.split_ascii_whitespace().map(str::to_ascii_lowercase);
        let behind: Vec<String> = behind.collect();
        let is_timestamp = before.trim().eq_ignore_ascii_case("timestamp");
        if !behind.is_empty() && !is_timestamp {
            return Err(unknown());
        }
        if is_timestamp && behind.is_empty() {
            return Err(unknown());
        }
        let numbers = inside
            .map(|inside| inside.split(',').map(|n| n.trim().parse()).collect())
            .transpose()
            .map_err(|_| {
                DeclaredTypeError::Modifier(
                    text.trim().to_string(),
                    "whole numbers are expected in the parentheses",
                )
            })?
            .unwrap_or_default();
        let front = before.trim().to_ascii_lowercase();
        let front = front.strip_prefix("pg_catalog.").unwrap_or(&front);
        let words = front.split_ascii_whitespace().map(str::to_string);
        Ok(Self {
            words: words.chain(behind).collect(),
            numbers,
        })
    }
}

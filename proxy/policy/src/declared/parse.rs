//! Every spelling that PostgreSQL's grammar has for the types that can be declared (gram.y, SimpleTypename).
//!
//! Modifiers have PostgreSQL's own ranges. What PostgreSQL would adapt with a warning is an error here.

use super::{DeclaredType, DeclaredTypeError, Element, IntervalModifier};
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
        let unknown = || DeclaredTypeError::Unknown(text.trim().to_string());
        let (scalar, is_array) = without_array(text);
        let spelling = Spelling::of(scalar, text)?;
        let declared = spelling.declared().ok_or_else(unknown)?;
        let declared =
            declared.map_err(|why| DeclaredTypeError::Modifier(text.trim().to_string(), why))?;
        match is_array {
            true => Element::of(declared).map(Self::Array).ok_or_else(unknown),
            false => Ok(declared),
        }
    }
}

/// `x[]`, `x[3]`, `x ARRAY`, `x ARRAY[3]`: PostgreSQL keeps neither bounds nor dimensions.
fn without_array(text: &str) -> (&str, bool) {
    let text = text.trim();
    let bare = match text.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
        Some((before, bound)) if bound.trim().bytes().all(|b| b.is_ascii_digit()) => {
            before.trim_end()
        }
        _ => text,
    };
    let word = bare
        .len()
        .checked_sub(6)
        .and_then(|at| bare.split_at_checked(at));
    match word {
        Some((before, last)) if last.eq_ignore_ascii_case(" array") => (before, true),
        _ => (bare, bare.len() < text.len()),
    }
}

type Checked = Result<DeclaredType, &'static str>;

fn text(
    numbers: &[i64],
    by_default: Option<u32>,
    of: impl Fn(Option<u32>) -> DeclaredType,
) -> Checked {
    match numbers {
        [] => Ok(of(by_default)),
        [n] if (1..=MAX_VARCHAR).contains(n) => Ok(of(u32::try_from(*n).ok())),
        [_] => Err("the length is from 1 to 10485760"),
        _ => Err("one number is expected, as in varchar(n)"),
    }
}

fn numeric(numbers: &[i64]) -> Checked {
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

fn precision(numbers: &[i64]) -> Result<Option<u8>, &'static str> {
    match numbers {
        [] => Ok(None),
        [p] if (0..=MAX_TIMESTAMP_PRECISION).contains(p) => Ok(u8::try_from(*p).ok()),
        [_] => Err("the precision is from 0 to 6"),
        _ => Err("one number is expected, as in timestamptz(p)"),
    }
}

/// `float(p)` is one of the two by its bits.
fn float(numbers: &[i64]) -> Checked {
    match numbers {
        [] | [25..=53] => Ok(DeclaredType::Float8),
        [1..=24] => Ok(DeclaredType::Float4),
        _ => Err("the precision is from 1 to 53 bits"),
    }
}

/// A type's text taken apart: lower-case words, the numbers in parentheses, and the words behind them.
struct Spelling {
    name: String,
    numbers: Vec<i64>,
    behind: String,
}

impl Spelling {
    fn of(scalar: &str, text: &str) -> Result<Self, DeclaredTypeError> {
        let whole = || text.trim().to_string();
        let (before, inside, after) = match scalar.split_once('(') {
            None => (scalar, None, ""),
            Some((before, rest)) => match rest.split_once(')') {
                None => return Err(DeclaredTypeError::Cut(whole())),
                Some((inside, after)) => (before, Some(inside), after),
            },
        };
        let numbers = inside
            .map(|inside| inside.split(',').map(|n| n.trim().parse()).collect())
            .transpose()
            .map_err(|_| {
                let why = "whole numbers are expected in the parentheses";
                DeclaredTypeError::Modifier(whole(), why)
            })?
            .unwrap_or_default();
        let name = words(before);
        Ok(Self {
            name: name
                .strip_prefix("pg_catalog.")
                .unwrap_or(&name)
                .to_string(),
            numbers,
            behind: words(after),
        })
    }

    /// `None`: no such type.
    fn declared(&self) -> Option<Checked> {
        use DeclaredType as D;
        let numbers = self.numbers.as_slice();
        let name = self.name.as_str();
        if let Some(interval) = self.interval() {
            return Some(interval);
        }
        // `timestamp(3) with time zone` and its kin are the types whose name goes on behind the modifier
        let (name, behind) = match name.split_once(' ') {
            Some((kind @ ("time" | "timestamp"), rest)) if numbers.is_empty() => (kind, rest),
            _ => (name, self.behind.as_str()),
        };
        Some(match (name, behind) {
            ("time", "" | "without time zone") => precision(numbers).map(D::Time),
            ("timestamp", "" | "without time zone") => precision(numbers).map(D::Timestamp),
            ("timestamp", "with time zone") | ("timestamptz", "") => {
                precision(numbers).map(D::Timestamptz)
            }
            ("numeric" | "decimal" | "dec", "") => numeric(numbers),
            ("float", "") => float(numbers),
            (
                "varchar"
                | "character varying"
                | "char varying"
                | "national character varying"
                | "national char varying"
                | "nchar varying",
                "",
            ) => text(numbers, None, D::Varchar),
            ("char" | "character" | "nchar" | "national character" | "national char", "") => {
                text(numbers, Some(1), D::Bpchar)
            }
            ("bpchar", "") => text(numbers, None, D::Bpchar),
            (_, "") => {
                let plain = plain(name)?;
                match numbers {
                    [] => Ok(plain),
                    _ => Err("this type takes no length or precision"),
                }
            }
            _ => return None,
        })
    }

    /// `interval`, `interval(3)`, `interval year to month`, `interval day to second(3)`.
    fn interval(&self) -> Option<Checked> {
        let fields = match self.name.strip_prefix("interval")? {
            _ if !self.behind.is_empty() => return None,
            "" => None,
            fields => Some(IntervalModifier::fields_of(fields.strip_prefix(' ')?)?),
        };
        if !self.numbers.is_empty() && !IntervalModifier::has_seconds(fields) {
            return Some(Err("only an interval with seconds has a precision"));
        }
        Some(
            precision(&self.numbers)
                .map(|precision| DeclaredType::Interval(IntervalModifier { fields, precision })),
        )
    }
}

fn words(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_ascii_whitespace().collect();
    words.join(" ")
}

/// Types without modifiers.
fn plain(name: &str) -> Option<DeclaredType> {
    use DeclaredType as D;
    Some(match name {
        "bool" | "boolean" => D::Bool,
        "int2" | "smallint" => D::Int2,
        "int4" | "int" | "integer" => D::Int4,
        "int8" | "bigint" => D::Int8,
        "float4" | "real" => D::Float4,
        "float8" | "double precision" => D::Float8,
        "text" => D::Text,
        "bytea" => D::Bytea,
        "date" => D::Date,
        "uuid" => D::Uuid,
        "json" => D::Json,
        "jsonb" => D::Jsonb,
        "inet" => D::Inet,
        "cidr" => D::Cidr,
        _ => return None,
    })
}

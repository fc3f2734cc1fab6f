//! Values of the types that can be protected: PostgreSQL's text and binary formats on one side, the
//! canonical plaintext of a cell (docs/formats/values.md) on the other.
//!
//! It must never print a value: no `Debug` here shows one, and no error message holds one.

pub(in crate::protect) mod array;
pub(in crate::protect) mod boolean;
pub(in crate::protect) mod bytea;
pub(in crate::protect) mod calendar;
pub(in crate::protect) mod date;
mod datetime;
mod digits;
pub(in crate::protect) mod float;
mod input;
pub(in crate::protect) mod integer;
pub(in crate::protect) mod interval;
mod json;
pub(in crate::protect) mod network;
pub(in crate::protect) mod numeric;
mod shown;
pub(in crate::protect) mod text;
pub(in crate::protect) mod time;
pub(in crate::protect) mod timestamptz;
pub(in crate::protect) mod uuid;
pub(in crate::protect) mod zone;

pub(in crate::protect) use input::{from_server, parse, receive};
pub(in crate::protect) use shown::{Restore, Shown};

use crate::protect::ValueError;
pub(in crate::protect) use array::Array;
use hippocrypt_policy::DeclaredType;
use interval::Interval;
use network::Network;
use numeric::Decimal;
use std::borrow::Cow;

/// A value on its way into a cell.
#[derive(Clone, PartialEq)]
pub(in crate::protect) enum Value<'a> {
    /// bool
    Bool(bool),
    /// int2, int4, int8
    Integer(i64),
    /// float4
    Float4(f32),
    /// float8
    Float8(f64),
    /// text, varchar, json; jsonb in its normal form
    Text(Cow<'a, str>),
    /// bpchar
    Blank(Cow<'a, str>),
    /// bytea
    Bytes(Cow<'a, [u8]>),
    /// numeric
    Numeric(Decimal),
    /// date
    Date(i32),
    /// time: microseconds since midnight
    Time(i64),
    /// timestamp: microseconds on a wall clock
    Timestamp(i64),
    /// timestamptz
    Timestamptz(i64),
    /// interval
    Interval(Interval),
    /// uuid
    Uuid([u8; 16]),
    /// inet, cidr
    Network(Network),
    /// An array.
    Array(Array<'a>),
    /// In a comparison: equal to no value of the type (5.5 for an integer). Its plaintext is one that no
    /// value has, and that does not open.
    Never,
}

/// The plaintext of [`Value::Never`]: no family has one of its length and content (it is not UTF-8).
const NEVER: u8 = 0xFE;

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(..)")
    }
}

/// Whether a cell keeps how a value is shown, or only what makes it equal to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protect) enum Canonical {
    /// Suite random: as PostgreSQL stores it.
    Exact,
    /// Suite deterministic: equal values have one plaintext.
    Equal,
}

impl<'a> Value<'a> {
    /// Appends the canonical plaintext.
    ///
    /// # Errors
    /// 22003: a numeric that PostgreSQL's format does not hold. 54000: an array that is too long.
    pub(in crate::protect) fn encode(
        self,
        canonical: Canonical,
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        match self {
            Self::Bool(b) => out.push(u8::from(b)),
            Self::Integer(n) | Self::Time(n) | Self::Timestamp(n) | Self::Timestamptz(n) => {
                out.extend_from_slice(&n.to_be_bytes());
            }
            Self::Float4(f) => out.extend_from_slice(&f.to_bits().to_be_bytes()),
            Self::Float8(f) => out.extend_from_slice(&f.to_bits().to_be_bytes()),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Blank(text) => match canonical {
                Canonical::Exact => out.extend_from_slice(text.as_bytes()),
                Canonical::Equal => out.extend_from_slice(text.trim_end_matches(' ').as_bytes()),
            },
            Self::Bytes(bytes) => out.extend_from_slice(&bytes),
            Self::Date(days) => out.extend_from_slice(&days.to_be_bytes()),
            Self::Interval(interval) => interval.encode(out),
            Self::Uuid(uuid) => out.extend_from_slice(&uuid),
            Self::Network(network) => network.encode(out),
            Self::Array(array) => array.encode(canonical, out)?,
            Self::Never => out.push(NEVER),
            Self::Numeric(n) => match canonical {
                Canonical::Exact => n.encode(out)?,
                Canonical::Equal => n.without_scale().encode(out)?,
            },
        }
        Ok(())
    }

    /// Applies the type's modifier, as storing does.
    ///
    /// # Errors
    /// 22001, 22003, 22008.
    pub(in crate::protect) fn fit(self, declared: DeclaredType) -> Result<Self, ValueError> {
        use DeclaredType as D;
        Ok(match (self, declared) {
            (Self::Text(Cow::Borrowed(text)), D::Varchar(Some(n))) => {
                Self::Text(Cow::Borrowed(text::fit(text, n)?))
            }
            (Self::Text(Cow::Owned(text)), D::Varchar(Some(n))) => {
                Self::Text(Cow::Owned(text::fit(&text, n)?.to_owned()))
            }
            (Self::Blank(text), D::Bpchar(Some(n))) => Self::Blank(text::pad(text, n)?),
            (Self::Numeric(mut number), D::Numeric(Some((p, s)))) => {
                number.fit(p, s)?;
                Self::Numeric(number)
            }
            (Self::Time(t), D::Time(Some(p))) => Self::Time(time::round(t, p)),
            (Self::Timestamp(t), D::Timestamp(Some(p))) => {
                Self::Timestamp(timestamptz::checked(timestamptz::round(t, p))?)
            }
            (Self::Timestamptz(t), D::Timestamptz(Some(p))) => {
                Self::Timestamptz(timestamptz::checked(timestamptz::round(t, p))?)
            }
            (Self::Interval(i), D::Interval(modifier)) => Self::Interval(i.fit(modifier)),
            (Self::Integer(n), D::Int4) if i32::try_from(n).is_err() => {
                return Err(ValueError::new("22003", "integer out of range"));
            }
            (Self::Integer(n), D::Int2) if i16::try_from(n).is_err() => {
                return Err(ValueError::new("22003", "smallint out of range"));
            }
            (Self::Array(array), D::Array(element)) => {
                Self::Array(array.map(|value| value.fit(element.declared()))?)
            }
            (value, _) => value,
        })
    }

    /// Without the client's bytes.
    pub(in crate::protect) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Blank(text) => Value::Blank(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Array(array) => Value::Array(array.into_owned()),
            Self::Bool(b) => Value::Bool(b),
            Self::Integer(n) => Value::Integer(n),
            Self::Float4(f) => Value::Float4(f),
            Self::Float8(f) => Value::Float8(f),
            Self::Numeric(n) => Value::Numeric(n),
            Self::Date(d) => Value::Date(d),
            Self::Time(t) => Value::Time(t),
            Self::Timestamp(t) => Value::Timestamp(t),
            Self::Timestamptz(t) => Value::Timestamptz(t),
            Self::Interval(i) => Value::Interval(i),
            Self::Uuid(u) => Value::Uuid(u),
            Self::Network(n) => Value::Network(n),
            Self::Never => Value::Never,
        }
    }
}

/// C's isspace in the C locale: what input functions skip.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

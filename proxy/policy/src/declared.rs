//! The type a protected column is declared to have: what the app sees, though the column holds cells.
//!
//! OIDs and typmods are PostgreSQL's own (src/include/catalog/pg_type.dat; typmods as in
//! varchar_in, numerictypmodin, timestamptztypmodin). A type that is not listed here must never be taken
//! for a similar one.

mod catalog;
mod family;
mod interval;
mod parse;
#[cfg(test)]
mod tests;

pub use catalog::Element;
pub use family::Family;
pub use interval::{IntervalFields, IntervalModifier};

use std::fmt;

/// A declared type with its modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeclaredType {
    /// `bool`
    Bool,
    /// `int2`
    Int2,
    /// `int4`
    Int4,
    /// `int8`
    Int8,
    /// `float4`
    Float4,
    /// `float8`
    Float8,
    /// `text`
    Text,
    /// `varchar` or `varchar(n)`, n in characters
    Varchar(Option<u32>),
    /// `bpchar` or `char(n)`, n in characters
    Bpchar(Option<u32>),
    /// `bytea`
    Bytea,
    /// `numeric` or `numeric(precision, scale)`
    Numeric(Option<(u16, i16)>),
    /// `date`
    Date,
    /// `time` or `time(p)`, without time zone
    Time(Option<u8>),
    /// `timestamp` or `timestamp(p)`, without time zone
    Timestamp(Option<u8>),
    /// `timestamptz` or `timestamptz(p)`
    Timestamptz(Option<u8>),
    /// `interval`, perhaps of some fields only, perhaps with a precision
    Interval(IntervalModifier),
    /// `uuid`
    Uuid,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `inet`
    Inet,
    /// `cidr`
    Cidr,
    /// An array of one of the others, of one dimension.
    Array(Element),
}

/// Why a type's text was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclaredTypeError {
    /// No such type, or one that cannot be protected.
    #[error(
        "type {0:?} cannot be protected (known: bool, int2, int4, int8, float4, float8, numeric(p,s), text, varchar(n), \
         char(n), bytea, date, time(p), timestamp(p), timestamptz(p), interval, uuid, json, jsonb, inet, cidr, and arrays \
         of these, as in text[])"
    )]
    Unknown(String),
    /// A modifier that PostgreSQL would refuse.
    #[error("type {0:?}: {1}")]
    Modifier(String, &'static str),
    /// A parenthesis is not closed; in YAML's `{ }` a comma ends the value.
    #[error(
        "type {0:?} ends within its parentheses: inside {{ }} write it in quotes, \"numeric(10,2)\""
    )]
    Cut(String),
}

impl DeclaredType {
    /// The type without its modifier.
    pub fn unmodified(self) -> Self {
        match self {
            Self::Varchar(_) => Self::Varchar(None),
            Self::Bpchar(_) => Self::Bpchar(None),
            Self::Numeric(_) => Self::Numeric(None),
            Self::Time(_) => Self::Time(None),
            Self::Timestamp(_) => Self::Timestamp(None),
            Self::Timestamptz(_) => Self::Timestamptz(None),
            Self::Interval(_) => Self::Interval(IntervalModifier::NONE),
            Self::Array(element) => Self::Array(element.unmodified()),
            other => other,
        }
    }
}

/// The short spelling, as the policy's own examples write it.
impl fmt::Display for DeclaredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precise = |f: &mut fmt::Formatter<'_>, name: &str, p: Option<u8>| match p {
            None => f.write_str(name),
            Some(p) => write!(f, "{name}({p})"),
        };
        match *self {
            Self::Bool => f.write_str("bool"),
            Self::Int2 => f.write_str("int2"),
            Self::Int4 => f.write_str("int4"),
            Self::Int8 => f.write_str("int8"),
            Self::Float4 => f.write_str("float4"),
            Self::Float8 => f.write_str("float8"),
            Self::Text => f.write_str("text"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Varchar(Some(n)) => write!(f, "varchar({n})"),
            Self::Bpchar(None) => f.write_str("bpchar"),
            Self::Bpchar(Some(n)) => write!(f, "char({n})"),
            Self::Bytea => f.write_str("bytea"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((p, s))) => write!(f, "numeric({p},{s})"),
            Self::Date => f.write_str("date"),
            Self::Time(p) => precise(f, "time", p),
            Self::Timestamp(p) => precise(f, "timestamp", p),
            Self::Timestamptz(p) => precise(f, "timestamptz", p),
            Self::Interval(modifier) => write!(f, "interval{modifier}"),
            Self::Uuid => f.write_str("uuid"),
            Self::Json => f.write_str("json"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Inet => f.write_str("inet"),
            Self::Cidr => f.write_str("cidr"),
            Self::Array(element) => write!(f, "{}[]", element.declared()),
        }
    }
}

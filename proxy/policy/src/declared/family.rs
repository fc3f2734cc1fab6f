//! Which types have one canonical form, and which of them can be `deterministic`.
//!
//! Two types must never share a family unless PostgreSQL's `=` between them is that of their plaintexts.

use super::{DeclaredType, Element};
use std::fmt;

/// What decides whether two types can share a column group: equal values of one family have one canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `bool`
    Bool,
    /// `int2`, `int4`, `int8`
    Integer,
    /// `float4`
    Float4,
    /// `float8`
    Float8,
    /// `text`, `varchar`
    Text,
    /// `char(n)`
    Bpchar,
    /// `bytea`
    Bytea,
    /// `numeric` of this scale; `None` for unconstrained, whose values keep their own scale
    Numeric(Option<i16>),
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    Timestamptz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `inet`, `cidr`
    Network,
    /// Arrays of one element type: PostgreSQL compares no others. Of a numeric's modifier the scale is kept.
    Array(Element),
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Integer => f.write_str("integers"),
            Self::Float4 => f.write_str("float4"),
            Self::Float8 => f.write_str("float8"),
            Self::Text => f.write_str("text"),
            Self::Bpchar => f.write_str("char(n)"),
            Self::Bytea => f.write_str("bytea"),
            Self::Numeric(Some(scale)) => write!(f, "numeric of scale {scale}"),
            Self::Numeric(None) => f.write_str("numeric without scale"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Timestamptz => f.write_str("timestamptz"),
            Self::Interval => f.write_str("interval"),
            Self::Uuid => f.write_str("uuid"),
            Self::Json => f.write_str("json"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Network => f.write_str("network addresses"),
            Self::Array(element) => write!(f, "arrays of {}", element.declared()),
        }
    }
}

impl DeclaredType {
    /// The family of its canonical form.
    pub fn family(self) -> Family {
        match self {
            Self::Bool => Family::Bool,
            Self::Int2 | Self::Int4 | Self::Int8 => Family::Integer,
            Self::Float4 => Family::Float4,
            Self::Float8 => Family::Float8,
            Self::Text | Self::Varchar(_) => Family::Text,
            Self::Bpchar(_) => Family::Bpchar,
            Self::Bytea => Family::Bytea,
            Self::Numeric(modifier) => Family::Numeric(modifier.map(|(_, scale)| scale)),
            Self::Date => Family::Date,
            Self::Time(_) => Family::Time,
            Self::Timestamp(_) => Family::Timestamp,
            Self::Timestamptz(_) => Family::Timestamptz,
            Self::Interval(_) => Family::Interval,
            Self::Uuid => Family::Uuid,
            Self::Json => Family::Json,
            Self::Jsonb => Family::Jsonb,
            Self::Inet | Self::Cidr => Family::Network,
            Self::Array(element) => Family::Array(element.of_family()),
        }
    }

    /// Why equal values of the type cannot be equal cells; `None` where they can.
    pub fn not_deterministic(self) -> Option<&'static str> {
        match self {
            Self::Numeric(None) => Some(
                "1.0 and 1.00 are equal but show differently; declare numeric(p,s), or protect: random",
            ),
            Self::Float4 | Self::Float8 => Some(
                "0 and -0 are equal but show differently; declare numeric(p,s), or protect: random",
            ),
            Self::Interval(_) => {
                Some("1 day and 24 hours are equal but show differently; protect: random")
            }
            Self::Json => Some("PostgreSQL has no equality for json; protect: random"),
            Self::Jsonb => {
                Some("1.0 and 1.00 in it are equal but show differently; protect: random")
            }
            Self::Bpchar(None) => Some(
                "blanks at its end are equal to none but show; declare char(n), or protect: random",
            ),
            Self::Array(element) => element.declared().not_deterministic(),
            Self::Bool
            | Self::Int2
            | Self::Int4
            | Self::Int8
            | Self::Text
            | Self::Varchar(_)
            | Self::Bpchar(Some(_))
            | Self::Bytea
            | Self::Numeric(Some(_))
            | Self::Date
            | Self::Time(_)
            | Self::Timestamp(_)
            | Self::Timestamptz(_)
            | Self::Uuid
            | Self::Inet
            | Self::Cidr => None,
        }
    }
}

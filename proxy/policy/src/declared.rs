//! The type a protected column is declared to have: what the app sees, though the column holds cells.
//!
//! OIDs and typmods are PostgreSQL's own (src/include/catalog/pg_type.dat; typmods as in
//! varchar_in, numerictypmodin, timestamptztypmodin). A type that is not listed here must never be taken
//! for a similar one.

use std::fmt;

mod parse;
#[cfg(test)]
mod tests;

/// A declared type with its modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeclaredType {
    /// `bool`
    Bool,
    /// `int4`
    Int4,
    /// `int8`
    Int8,
    /// `text`
    Text,
    /// `varchar` or `varchar(n)`, n in characters
    Varchar(Option<u32>),
    /// `numeric` or `numeric(precision, scale)`
    Numeric(Option<(u16, i16)>),
    /// `date`
    Date,
    /// `timestamptz` or `timestamptz(p)`
    Timestamptz(Option<u8>),
    /// `uuid`
    Uuid,
}

/// Why a type's text was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclaredTypeError {
    /// No such type, or one that cannot be protected yet.
    #[error(
        "type {0:?} cannot be protected (known: bool, int4, int8, text, varchar(n), numeric(p,s), date, timestamptz(p), uuid)"
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

/// What decides whether two types can share a column group: equal values of one family have one canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `bool`
    Bool,
    /// `int4`, `int8`
    Integer,
    /// `text`, `varchar`
    Text,
    /// `numeric` of this scale; `None` for unconstrained, whose values keep their own scale
    Numeric(Option<i16>),
    /// `date`
    Date,
    /// `timestamptz`
    Timestamptz,
    /// `uuid`
    Uuid,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Integer => f.write_str("integers"),
            Self::Text => f.write_str("text"),
            Self::Numeric(Some(scale)) => write!(f, "numeric of scale {scale}"),
            Self::Numeric(None) => f.write_str("numeric without scale"),
            Self::Date => f.write_str("date"),
            Self::Timestamptz => f.write_str("timestamptz"),
            Self::Uuid => f.write_str("uuid"),
        }
    }
}

impl DeclaredType {
    /// The type's OID in `pg_type`.
    pub fn oid(self) -> u32 {
        match self {
            Self::Bool => 16,
            Self::Int8 => 20,
            Self::Int4 => 23,
            Self::Text => 25,
            Self::Varchar(_) => 1043,
            Self::Date => 1082,
            Self::Timestamptz(_) => 1184,
            Self::Numeric(_) => 1700,
            Self::Uuid => 2950,
        }
    }

    /// `atttypmod` as PostgreSQL would store and send it; -1 where there is none.
    pub fn typmod(self) -> i32 {
        match self {
            Self::Varchar(Some(n)) => i32::try_from(n).map_or(-1, |n| n + 4),
            Self::Numeric(Some((p, s))) => ((i32::from(p) << 16) | (i32::from(s) & 0x7ff)) + 4,
            Self::Timestamptz(Some(p)) => i32::from(p),
            _ => -1,
        }
    }

    /// `typlen` of the type: bytes, or -1 for variable length.
    pub fn typlen(self) -> i16 {
        match self {
            Self::Bool => 1,
            Self::Int4 | Self::Date => 4,
            Self::Int8 | Self::Timestamptz(_) => 8,
            Self::Uuid => 16,
            Self::Text | Self::Varchar(_) | Self::Numeric(_) => -1,
        }
    }

    /// The family of its canonical form.
    pub fn family(self) -> Family {
        match self {
            Self::Bool => Family::Bool,
            Self::Int4 | Self::Int8 => Family::Integer,
            Self::Text | Self::Varchar(_) => Family::Text,
            Self::Numeric(modifier) => Family::Numeric(modifier.map(|(_, scale)| scale)),
            Self::Date => Family::Date,
            Self::Timestamptz(_) => Family::Timestamptz,
            Self::Uuid => Family::Uuid,
        }
    }

    /// The type that `pg_attribute` means by (`atttypid`, `atttypmod`); `None` for one that cannot be declared.
    pub fn from_catalog(oid: u32, typmod: i32) -> Option<Self> {
        let plain = match oid {
            16 => Self::Bool,
            20 => Self::Int8,
            23 => Self::Int4,
            25 => Self::Text,
            1043 => Self::Varchar(None),
            1082 => Self::Date,
            1184 => Self::Timestamptz(None),
            1700 => Self::Numeric(None),
            2950 => Self::Uuid,
            _ => return None,
        };
        if typmod < 0 {
            return Some(plain);
        }
        Some(match plain {
            Self::Varchar(_) => Self::Varchar(Some(u32::try_from(typmod.checked_sub(4)?).ok()?)),
            Self::Numeric(_) => {
                let packed = typmod.checked_sub(4)?;
                let scale = i16::try_from(((packed & 0x7ff) ^ 1024) - 1024).ok()?;
                Self::Numeric(Some((u16::try_from(packed >> 16).ok()?, scale)))
            }
            Self::Timestamptz(_) => Self::Timestamptz(Some(u8::try_from(typmod).ok()?)),
            other => other,
        })
    }
}

/// The short spelling, as the policy's own examples write it.
impl fmt::Display for DeclaredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int4 => f.write_str("int4"),
            Self::Int8 => f.write_str("int8"),
            Self::Text => f.write_str("text"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Varchar(Some(n)) => write!(f, "varchar({n})"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((p, s))) => write!(f, "numeric({p},{s})"),
            Self::Date => f.write_str("date"),
            Self::Timestamptz(None) => f.write_str("timestamptz"),
            Self::Timestamptz(Some(p)) => write!(f, "timestamptz({p})"),
            Self::Uuid => f.write_str("uuid"),
        }
    }
}

//! The type a protected column is declared to have: what the app sees, though the column holds cells.
//!
//! OIDs and typmods are PostgreSQL's own (src/include/catalog/pg_type.dat; typmods as in
//! varchar_in, numerictypmodin, timestamptztypmodin).

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
}

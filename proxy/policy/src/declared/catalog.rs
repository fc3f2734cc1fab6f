//! Types by their numbers in pg_type and pg_attribute, and by the names of PostgreSQL's raw grammar.
//!
//! It must never make a type of a number or name that it does not list.

use super::{DeclaredType, IntervalModifier};
use crate::{array_of, element_of};

/// The element type of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Element {
    oid: u32,
    typmod: i32,
}

impl Element {
    /// `None` for an array: PostgreSQL has no arrays of arrays.
    pub fn of(declared: DeclaredType) -> Option<Self> {
        (!matches!(declared, DeclaredType::Array(_))).then(|| Self {
            oid: declared.oid(),
            typmod: declared.typmod(),
        })
    }

    /// The type it is.
    pub fn declared(self) -> DeclaredType {
        // made of a declared type only, so there always is one
        scalar(self.oid, self.typmod).unwrap_or(DeclaredType::Text)
    }

    pub(super) fn unmodified(self) -> Self {
        Self { typmod: -1, ..self }
    }

    /// Without what equality does not depend on.
    pub(super) fn of_family(self) -> Self {
        let kept = match self.declared() {
            DeclaredType::Numeric(Some((_, scale))) => DeclaredType::Numeric(Some((1000, scale))),
            other => other.unmodified(),
        };
        Self {
            typmod: kept.typmod(),
            ..self
        }
    }
}

/// Name in pg_type, OID.
const TYPES: [(&str, u32); 21] = [
    ("bool", 16),
    ("bytea", 17),
    ("int8", 20),
    ("int2", 21),
    ("int4", 23),
    ("text", 25),
    ("json", 114),
    ("cidr", 650),
    ("float4", 700),
    ("float8", 701),
    ("inet", 869),
    ("bpchar", 1042),
    ("varchar", 1043),
    ("date", 1082),
    ("time", 1083),
    ("timestamp", 1114),
    ("timestamptz", 1184),
    ("interval", 1186),
    ("numeric", 1700),
    ("uuid", 2950),
    ("jsonb", 3802),
];

fn scalar(oid: u32, typmod: i32) -> Option<DeclaredType> {
    use DeclaredType as D;
    let length = || match typmod {
        ..0 => Some(None),
        n => Some(Some(
            u32::try_from(n.checked_sub(4)?).ok().filter(|n| *n > 0)?,
        )),
    };
    let precision = || match typmod {
        ..0 => Some(None),
        p => Some(Some(u8::try_from(p).ok().filter(|p| *p <= 6)?)),
    };
    Some(match oid {
        16 => D::Bool,
        17 => D::Bytea,
        20 => D::Int8,
        21 => D::Int2,
        23 => D::Int4,
        25 => D::Text,
        114 => D::Json,
        650 => D::Cidr,
        700 => D::Float4,
        701 => D::Float8,
        869 => D::Inet,
        1042 => D::Bpchar(length()?),
        1043 => D::Varchar(length()?),
        1082 => D::Date,
        1083 => D::Time(precision()?),
        1114 => D::Timestamp(precision()?),
        1184 => D::Timestamptz(precision()?),
        1186 if typmod < 0 => D::Interval(IntervalModifier::NONE),
        1186 => D::Interval(IntervalModifier::of_typmod(typmod)?),
        1700 if typmod < 0 => D::Numeric(None),
        1700 => {
            let packed = typmod.checked_sub(4)?;
            let scale = i16::try_from(((packed & 0x7ff) ^ 1024) - 1024).ok()?;
            D::Numeric(Some((u16::try_from(packed >> 16).ok()?, scale)))
        }
        2950 => D::Uuid,
        3802 => D::Jsonb,
        _ => return None,
    })
}

impl DeclaredType {
    /// The type's OID in `pg_type`.
    pub fn oid(self) -> u32 {
        match self {
            Self::Bool => 16,
            Self::Bytea => 17,
            Self::Int8 => 20,
            Self::Int2 => 21,
            Self::Int4 => 23,
            Self::Text => 25,
            Self::Json => 114,
            Self::Cidr => 650,
            Self::Float4 => 700,
            Self::Float8 => 701,
            Self::Inet => 869,
            Self::Bpchar(_) => 1042,
            Self::Varchar(_) => 1043,
            Self::Date => 1082,
            Self::Time(_) => 1083,
            Self::Timestamp(_) => 1114,
            Self::Timestamptz(_) => 1184,
            Self::Interval(_) => 1186,
            Self::Numeric(_) => 1700,
            Self::Uuid => 2950,
            Self::Jsonb => 3802,
            Self::Array(element) => array_of(element.oid).unwrap_or(0),
        }
    }

    /// `atttypmod` as PostgreSQL would store and send it (an array has its element's); -1 where there is none.
    pub fn typmod(self) -> i32 {
        match self {
            Self::Varchar(Some(n)) | Self::Bpchar(Some(n)) => {
                let n = i32::try_from(n).ok();
                n.and_then(|n| n.checked_add(4)).unwrap_or(-1)
            }
            Self::Numeric(Some((p, s))) => ((i32::from(p) << 16) | (i32::from(s) & 0x7ff)) + 4,
            Self::Time(Some(p)) | Self::Timestamp(Some(p)) | Self::Timestamptz(Some(p)) => {
                i32::from(p)
            }
            Self::Interval(modifier) => modifier.typmod(),
            Self::Array(element) => element.typmod,
            _ => -1,
        }
    }

    /// `typlen` of the type: bytes, or -1 for variable length.
    pub fn typlen(self) -> i16 {
        match self {
            Self::Bool => 1,
            Self::Int2 => 2,
            Self::Int4 | Self::Date | Self::Float4 => 4,
            Self::Int8
            | Self::Float8
            | Self::Time(_)
            | Self::Timestamp(_)
            | Self::Timestamptz(_) => 8,
            Self::Uuid | Self::Interval(_) => 16,
            Self::Text
            | Self::Varchar(_)
            | Self::Bpchar(_)
            | Self::Bytea
            | Self::Numeric(_)
            | Self::Json
            | Self::Jsonb
            | Self::Inet
            | Self::Cidr
            | Self::Array(_) => -1,
        }
    }

    /// The type that `pg_attribute` means by (`atttypid`, `atttypmod`); `None` for one that cannot be declared.
    pub fn from_catalog(oid: u32, typmod: i32) -> Option<Self> {
        match element_of(oid) {
            Some(element) => Element::of(scalar(element, typmod)?).map(Self::Array),
            None => scalar(oid, typmod),
        }
    }

    /// The type that the raw grammar means by a name of pg_type, modifiers and array bounds (gram.y, Typename).
    pub fn from_grammar(name: &str, modifiers: &[i32], is_array: bool) -> Option<Self> {
        let (_, oid) = TYPES.iter().find(|(known, _)| *known == name)?;
        let scalar = Self::from_modifiers(*oid, modifiers)?;
        match is_array {
            true => Element::of(scalar).map(Self::Array),
            false => Some(scalar),
        }
    }

    /// Whether there is an assignment cast between these types or they are one, whatever their modifiers (pg_cast; to text
    /// by I/O).
    pub fn is_assigned_to(self, to: Self) -> bool {
        let number = |t| {
            let exact = matches!(t, Self::Int2 | Self::Int4 | Self::Int8 | Self::Numeric(_));
            exact || matches!(t, Self::Float4 | Self::Float8)
        };
        let day = |t| matches!(t, Self::Date | Self::Timestamp(_) | Self::Timestamptz(_));
        match (self, to) {
            (_, Self::Text | Self::Varchar(_) | Self::Bpchar(_)) => true,
            (from, to) if number(from) => number(to),
            (Self::Timestamp(_) | Self::Timestamptz(_) | Self::Interval(_), Self::Time(_)) => true,
            (from, to) if day(from) => day(to),
            (Self::Time(_), Self::Interval(_)) => true,
            (Self::Json, Self::Jsonb) | (Self::Jsonb, Self::Json) => true,
            (Self::Inet, Self::Cidr) | (Self::Cidr, Self::Inet) => true,
            (from, to) => from.unmodified() == to.unmodified(),
        }
    }

    /// The type that is no array, with its modifiers as they are written (the `typmodin` of pg_type).
    pub fn from_modifiers(oid: u32, modifiers: &[i32]) -> Option<Self> {
        let typmod = match (oid, modifiers) {
            (_, []) => -1,
            (1042 | 1043, [n]) if *n > 0 => n.checked_add(4)?,
            (1083 | 1114 | 1184, [p]) => *p,
            (1186, [mask]) => (mask << 16) | 0xFFFF,
            (1186, [mask, p]) => (mask << 16) | p,
            (1700, [p]) => p.checked_shl(16)?.checked_add(4)?,
            (1700, [p, s]) => (p.checked_shl(16)? | (s & 0x7ff)).checked_add(4)?,
            _ => return None,
        };
        scalar(oid, typmod)
    }
}

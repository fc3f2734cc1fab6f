//! Values that come with a type of their own: a cast in the text, a declared parameter, a number.

use crate::protect::value::numeric::Decimal;
use crate::protect::value::{boolean, date, integer, text, timestamptz, uuid};
use crate::protect::{Settings, ValueError};

/// A value with its type.
pub(super) enum Typed<'a> {
    /// bool
    Bool(bool),
    /// int2
    Int2(i16),
    /// int4
    Int4(i32),
    /// int8
    Int8(i64),
    /// float4, float8
    Float(f64),
    /// numeric
    Numeric(Decimal),
    /// text, varchar, name
    Text(&'a str),
    /// char(n), without its trailing blanks
    Blank(&'a str),
    /// date
    Date(i32),
    /// timestamp: microseconds on a wall clock
    Timestamp(i64),
    /// timestamptz
    Timestamptz(i64),
    /// uuid
    Uuid([u8; 16]),
}

impl<'a> Typed<'a> {
    /// By the input function of the type `oid`.
    pub(super) fn from_text(
        oid: u32,
        text: &'a str,
        settings: &Settings,
    ) -> Result<Self, ValueError> {
        let small = |name| integer::parse(text, name);
        let range = || ValueError::new("22003", "value out of range");
        Ok(match oid {
            16 => Self::Bool(boolean::parse(text)?),
            21 => Self::Int2(i16::try_from(small("smallint")?).map_err(|_| range())?),
            23 => Self::Int4(i32::try_from(small("integer")?).map_err(|_| range())?),
            20 => Self::Int8(small("bigint")?),
            25 | 1043 => Self::Text(text),
            1042 => Self::Blank(text.trim_end_matches(' ')),
            1700 => Self::Numeric(Decimal::parse(text)?),
            1082 => Self::Date(date::parse(text, settings)?),
            1114 => Self::Timestamp(timestamptz::parse_local(text, settings)?),
            1184 => Self::Timestamptz(timestamptz::parse(text, settings)?),
            2950 => Self::Uuid(uuid::parse(text)?),
            700 | 701 => Self::Float(float(text)?),
            _ => return Err(unsupported(oid)),
        })
    }

    /// By the receive function of the type `oid`.
    pub(super) fn from_binary(oid: u32, bytes: &'a [u8]) -> Result<Self, ValueError> {
        Ok(match oid {
            16 => Self::Bool(exactly::<1>(bytes)? != [0]),
            21 => Self::Int2(i16::from_be_bytes(exactly(bytes)?)),
            23 => Self::Int4(i32::from_be_bytes(exactly(bytes)?)),
            20 => Self::Int8(i64::from_be_bytes(exactly(bytes)?)),
            25 | 1043 => Self::Text(text::utf8(bytes)?),
            1042 => Self::Blank(text::utf8(bytes)?.trim_end_matches(' ')),
            1700 => Self::Numeric(Decimal::from_binary(bytes)?),
            1082 => Self::Date(date::checked(i32::from_be_bytes(exactly(bytes)?))?),
            1114 => Self::Timestamp(instant(bytes)?),
            1184 => Self::Timestamptz(instant(bytes)?),
            2950 => Self::Uuid(exactly(bytes)?),
            700 => Self::Float(f64::from(f32::from_be_bytes(exactly(bytes)?))),
            701 => Self::Float(f64::from_be_bytes(exactly(bytes)?)),
            _ => return Err(unsupported(oid)),
        })
    }

    /// A numeric constant, typed int4, int8 or numeric by its size (make_const of parse_node.c).
    pub(super) fn from_number(text: &str) -> Result<Self, ValueError> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let starts = |b: &u8| b.is_ascii_digit() || *b == b'.';
        if !digits.as_bytes().first().is_some_and(starts) {
            return Err(integer::not_a_number(digits, "numeric"));
        }
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            if let Ok(n) = text.parse::<i32>() {
                return Ok(Self::Int4(n));
            }
            if let Ok(n) = text.parse::<i64>() {
                return Ok(Self::Int8(n));
            }
        }
        Ok(Self::Numeric(Decimal::parse(text)?))
    }

    /// The type's name in PostgreSQL's messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "boolean",
            Self::Int2(_) => "smallint",
            Self::Int4(_) => "integer",
            Self::Int8(_) => "bigint",
            Self::Float(_) => "double precision",
            Self::Numeric(_) => "numeric",
            Self::Text(_) => "text",
            Self::Blank(_) => "character",
            Self::Date(_) => "date",
            Self::Timestamp(_) => "timestamp without time zone",
            Self::Timestamptz(_) => "timestamp with time zone",
            Self::Uuid(_) => "uuid",
        }
    }

    /// The integer types as one.
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Int2(n) => Some(i64::from(*n)),
            Self::Int4(n) => Some(i64::from(*n)),
            Self::Int8(n) => Some(*n),
            _ => None,
        }
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ValueError> {
    bytes.try_into().map_err(|_| {
        if bytes.len() < N {
            ValueError::new("08P01", "insufficient data left in message")
        } else {
            ValueError::new("22P03", "incorrect binary data format in bind parameter")
        }
    })
}

fn instant(bytes: &[u8]) -> Result<i64, ValueError> {
    timestamptz::checked(i64::from_be_bytes(exactly(bytes)?))
}

/// Plain decimal floats only: what else float8in reads is rare and not worth a difference.
fn float(text: &str) -> Result<f64, ValueError> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    let value = text.parse::<f64>().ok().filter(|v| v.is_finite());
    value.filter(|_| text.bytes().all(plain)).ok_or_else(|| {
        ValueError::new(
            "0A000",
            "this form of a value of type double precision is not read by the proxy",
        )
        .hint("Declare the parameter as the column's type.")
    })
}

fn unsupported(oid: u32) -> ValueError {
    ValueError::new(
        "0A000",
        format!("a value of the type with OID {oid} cannot be stored in or compared with an encrypted column"),
    )
    .hint("Declare the parameter as the column's type, or leave its type open.")
}

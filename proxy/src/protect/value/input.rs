//! Input and receive functions by type: a client's or the server's bytes to a value, modifiers not applied.
//!
//! It must never read bytes as another type's than the one it is told.

use super::numeric::Decimal;
use super::{
    Value, array, boolean, bytea, date, float, integer, interval, json, network, text, time,
    timestamptz, uuid,
};
use crate::protect::{Settings, ValueError};
use hippocrypt_policy::{DeclaredType, IntervalModifier};
use hippocrypt_wire::Format;
use std::borrow::Cow;

/// The type's input function on a client's text. Of the modifier only interval's fields matter, which say
/// what a number without unit is.
///
/// # Errors
/// As PostgreSQL's; 0A000 for what would have to be guessed.
pub(in crate::protect) fn parse<'a>(
    declared: DeclaredType,
    text: &'a str,
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    use DeclaredType as D;
    Ok(match declared {
        D::Bool => Value::Bool(boolean::parse(text)?),
        D::Int2 => Value::Integer(integer::parse(text, "smallint")?),
        D::Int4 => Value::Integer(integer::parse(text, "integer")?),
        D::Int8 => Value::Integer(integer::parse(text, "bigint")?),
        D::Float4 => Value::Float4(float::parse(text, "real")?),
        D::Float8 => Value::Float8(float::parse(text, "double precision")?),
        D::Text | D::Varchar(_) => Value::Text(Cow::Borrowed(text)),
        D::Bpchar(_) => Value::Blank(Cow::Borrowed(text)),
        D::Bytea => Value::Bytes(Cow::Owned(bytea::parse(text)?)),
        D::Numeric(_) => Value::Numeric(Decimal::parse(text)?),
        D::Date => Value::Date(date::parse(text, settings)?),
        D::Time(_) => Value::Time(time::parse(text, settings)?),
        D::Timestamp(_) => Value::Timestamp(timestamptz::parse_local(text, settings)?),
        D::Timestamptz(_) => Value::Timestamptz(timestamptz::parse(text, settings)?),
        D::Interval(modifier) => Value::Interval(interval::parse(text, modifier, settings)?),
        D::Uuid => Value::Uuid(uuid::parse(text)?),
        D::Json => {
            json::check(text)?;
            Value::Text(Cow::Borrowed(text))
        }
        D::Jsonb => Value::Text(Cow::Owned(json::normalise(text)?)),
        D::Inet => Value::Network(network::parse_inet(text)?),
        D::Cidr => Value::Network(network::parse_cidr(text)?),
        D::Array(element) => Value::Array(array::parse(element.declared(), text, settings)?),
    })
}

/// The type's receive function.
///
/// # Errors
/// As PostgreSQL's.
pub(in crate::protect) fn receive(
    declared: DeclaredType,
    bytes: &[u8],
) -> Result<Value<'_>, ValueError> {
    use DeclaredType as D;
    Ok(match declared {
        D::Bool => Value::Bool(exactly::<1>(bytes)? != [0]),
        D::Int2 => Value::Integer(i64::from(i16::from_be_bytes(exactly(bytes)?))),
        D::Int4 => Value::Integer(i64::from(i32::from_be_bytes(exactly(bytes)?))),
        D::Int8 => Value::Integer(i64::from_be_bytes(exactly(bytes)?)),
        D::Float4 => Value::Float4(f32::from_be_bytes(exactly(bytes)?)),
        D::Float8 => Value::Float8(f64::from_be_bytes(exactly(bytes)?)),
        D::Text | D::Varchar(_) => Value::Text(Cow::Borrowed(text::utf8(bytes)?)),
        D::Bpchar(_) => Value::Blank(Cow::Borrowed(text::utf8(bytes)?)),
        D::Bytea => Value::Bytes(Cow::Borrowed(bytes)),
        D::Numeric(_) => Value::Numeric(Decimal::from_binary(bytes)?),
        D::Date => Value::Date(date::checked(i32::from_be_bytes(exactly(bytes)?))?),
        D::Time(_) => Value::Time(time::checked(i64::from_be_bytes(exactly(bytes)?))?),
        D::Timestamp(_) => {
            Value::Timestamp(timestamptz::checked(i64::from_be_bytes(exactly(bytes)?))?)
        }
        D::Timestamptz(_) => {
            Value::Timestamptz(timestamptz::checked(i64::from_be_bytes(exactly(bytes)?))?)
        }
        D::Interval(_) => Value::Interval(interval::Interval::receive(exactly(bytes)?)),
        D::Uuid => Value::Uuid(exactly(bytes)?),
        D::Json => {
            let text = text::utf8(bytes)?;
            json::check(text)?;
            Value::Text(Cow::Borrowed(text))
        }
        D::Jsonb => Value::Text(Cow::Owned(json::receive(bytes)?)),
        D::Inet => Value::Network(network::receive(bytes, "inet")?),
        D::Cidr => Value::Network(network::receive(bytes, "cidr")?),
        D::Array(element) => Value::Array(array::receive(element.declared(), bytes)?),
    })
}

/// A value of a column that is not encrypted, as the server sends it.
///
/// # Errors
/// It is none of the type.
pub(in crate::protect) fn from_server<'a>(
    declared: DeclaredType,
    format: Format,
    bytes: &'a [u8],
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    let wrong = || {
        ValueError::new(
            "XX001",
            format!("the server sent no value of type {declared}"),
        )
    };
    // the server writes an interval with its units, whatever its fields
    let declared = match declared {
        DeclaredType::Interval(_) => DeclaredType::Interval(IntervalModifier::NONE),
        other => other,
    };
    match format {
        Format::Text => parse(declared, text::utf8(bytes)?, settings),
        Format::Binary => receive(declared, bytes).map_err(|_| wrong()),
    }
}

pub(super) fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ValueError> {
    bytes.try_into().map_err(|_| {
        if bytes.len() < N {
            ValueError::new("08P01", "insufficient data left in message")
        } else {
            ValueError::new("22P03", "incorrect binary data format in bind parameter")
        }
    })
}

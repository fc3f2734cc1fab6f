//! Values of the types that can be protected: PostgreSQL's text and binary formats on one side, the
//! canonical plaintext of a cell (docs/formats/values.md) on the other.
//!
//! It must never print a value: no `Debug` here shows one, and no error message holds one.

pub(in crate::protect) mod boolean;
pub(in crate::protect) mod calendar;
pub(in crate::protect) mod date;
mod datetime;
mod digits;
pub(in crate::protect) mod integer;
pub(in crate::protect) mod numeric;
pub(in crate::protect) mod text;
pub(in crate::protect) mod timestamptz;
pub(in crate::protect) mod uuid;
pub(in crate::protect) mod zone;

use crate::protect::{Settings, ValueError};
use bytes::{BufMut, BytesMut};
use hippocrypt_policy::DeclaredType;
use hippocrypt_wire::Format;
use numeric::{Decimal, Words};
use std::borrow::Cow;

/// A value on its way into a cell.
#[derive(Clone, PartialEq)]
pub(in crate::protect) enum Value<'a> {
    /// bool
    Bool(bool),
    /// int4, int8
    Integer(i64),
    /// text, varchar
    Text(Cow<'a, str>),
    /// numeric
    Numeric(Decimal),
    /// date
    Date(i32),
    /// timestamptz
    Timestamptz(i64),
    /// uuid
    Uuid([u8; 16]),
    /// In a comparison: equal to no value of the type (5.5 for an integer). Its plaintext is one that no
    /// value has, and that does not open.
    Never,
}

/// The plaintext of [`Value::Never`]: no family but text, which has no such values, has one of its length
/// and content.
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

impl Value<'_> {
    /// Appends the canonical plaintext.
    ///
    /// # Errors
    /// 22003: a numeric that PostgreSQL's format does not hold.
    pub(in crate::protect) fn encode(
        self,
        canonical: Canonical,
        out: &mut Vec<u8>,
    ) -> Result<(), ValueError> {
        match self {
            Self::Bool(b) => out.push(u8::from(b)),
            Self::Integer(n) | Self::Timestamptz(n) => out.extend_from_slice(&n.to_be_bytes()),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Date(days) => out.extend_from_slice(&days.to_be_bytes()),
            Self::Uuid(uuid) => out.extend_from_slice(&uuid),
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
    /// 22001, 22003.
    pub(in crate::protect) fn fit(self, declared: DeclaredType) -> Result<Self, ValueError> {
        match (self, declared) {
            (Self::Text(Cow::Borrowed(text)), DeclaredType::Varchar(Some(n))) => {
                Ok(Self::Text(Cow::Borrowed(text::fit(text, n)?)))
            }
            (Self::Text(Cow::Owned(text)), DeclaredType::Varchar(Some(n))) => {
                Ok(Self::Text(Cow::Owned(text::fit(&text, n)?.to_owned())))
            }
            (Self::Numeric(mut number), DeclaredType::Numeric(Some((p, s)))) => {
                number.fit(p, s)?;
                Ok(Self::Numeric(number))
            }
            (Self::Timestamptz(t), DeclaredType::Timestamptz(Some(p))) => Ok(Self::Timestamptz(
                timestamptz::checked(timestamptz::round(t, p))?,
            )),
            (Self::Integer(n), DeclaredType::Int4) if i32::try_from(n).is_err() => {
                Err(ValueError::new("22003", "integer out of range"))
            }
            (value, _) => Ok(value),
        }
    }
}

/// The type's input function on a client's text, without its modifier.
///
/// # Errors
/// As PostgreSQL's; 0A000 for what would have to be guessed.
pub(in crate::protect) fn parse<'a>(
    declared: DeclaredType,
    text: &'a str,
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    Ok(match declared {
        DeclaredType::Bool => Value::Bool(boolean::parse(text)?),
        DeclaredType::Int4 => Value::Integer(integer::parse(text, "integer")?),
        DeclaredType::Int8 => Value::Integer(integer::parse(text, "bigint")?),
        DeclaredType::Text | DeclaredType::Varchar(_) => Value::Text(Cow::Borrowed(text)),
        DeclaredType::Numeric(_) => Value::Numeric(Decimal::parse(text)?),
        DeclaredType::Date => Value::Date(date::parse(text, settings)?),
        DeclaredType::Timestamptz(_) => Value::Timestamptz(timestamptz::parse(text, settings)?),
        DeclaredType::Uuid => Value::Uuid(uuid::parse(text)?),
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
    if format == Format::Text {
        return parse(declared, text::utf8(bytes)?, settings);
    }
    Ok(match declared {
        DeclaredType::Bool => Value::Bool(bytes != [0]),
        DeclaredType::Int4 => {
            let n = bytes
                .try_into()
                .map(i32::from_be_bytes)
                .map_err(|_| wrong())?;
            Value::Integer(i64::from(n))
        }
        DeclaredType::Int8 => Value::Integer(
            bytes
                .try_into()
                .map(i64::from_be_bytes)
                .map_err(|_| wrong())?,
        ),
        DeclaredType::Text | DeclaredType::Varchar(_) => {
            Value::Text(Cow::Borrowed(text::utf8(bytes)?))
        }
        DeclaredType::Numeric(_) => Value::Numeric(Decimal::from_binary(bytes)?),
        DeclaredType::Date => Value::Date(
            bytes
                .try_into()
                .map(i32::from_be_bytes)
                .map_err(|_| wrong())?,
        ),
        DeclaredType::Timestamptz(_) => Value::Timestamptz(
            bytes
                .try_into()
                .map(i64::from_be_bytes)
                .map_err(|_| wrong())?,
        ),
        DeclaredType::Uuid => Value::Uuid(bytes.try_into().map_err(|_| wrong())?),
    })
}

/// A value as it is shown to the client: of a plaintext that authenticated, or of a mask.
pub(in crate::protect) enum Shown<'a> {
    /// bool
    Bool(bool),
    /// int4
    Int4(i32),
    /// int8
    Int8(i64),
    /// text, varchar: UTF-8
    Text(&'a [u8]),
    /// numeric
    Numeric(Words<'a>),
    /// date
    Date(i32),
    /// timestamptz
    Timestamptz(i64),
    /// uuid
    Uuid([u8; 16]),
}

impl<'a> Shown<'a> {
    /// The value that `plaintext` holds; `None` where it holds none of the type. `scale` is the column's
    /// where the cell does not keep it.
    pub(in crate::protect) fn read(
        declared: DeclaredType,
        scale: Option<u16>,
        plaintext: &'a [u8],
    ) -> Option<Self> {
        let long = || plaintext.try_into().ok().map(i64::from_be_bytes);
        Some(match declared {
            DeclaredType::Bool => Self::Bool(match plaintext {
                [0] => false,
                [1] => true,
                _ => return None,
            }),
            DeclaredType::Int4 => Self::Int4(i32::try_from(long()?).ok()?),
            DeclaredType::Int8 => Self::Int8(long()?),
            DeclaredType::Text | DeclaredType::Varchar(_) => Self::Text(plaintext),
            DeclaredType::Numeric(_) => {
                let words = Words::read(plaintext)?;
                Self::Numeric(match scale {
                    Some(scale) => words.shown_with(scale)?,
                    None => words,
                })
            }
            DeclaredType::Date => {
                let days = plaintext.try_into().ok().map(i32::from_be_bytes)?;
                Self::Date(date::checked(days).ok()?)
            }
            DeclaredType::Timestamptz(_) => Self::Timestamptz(timestamptz::checked(long()?).ok()?),
            DeclaredType::Uuid => Self::Uuid(plaintext.try_into().ok()?),
        })
    }

    /// Appends it in the client's format.
    ///
    /// # Errors
    /// 0A000 where the session's settings are not understood.
    pub(in crate::protect) fn write(
        &self,
        format: Format,
        settings: &Settings,
        out: &mut BytesMut,
    ) -> Result<(), ValueError> {
        match format {
            Format::Text => return self.write_text(settings, out),
            Format::Binary => match *self {
                Self::Bool(b) => out.put_u8(u8::from(b)),
                Self::Int4(n) => out.put_i32(n),
                Self::Int8(n) | Self::Timestamptz(n) => out.put_i64(n),
                Self::Text(text) => out.put_slice(text),
                Self::Numeric(words) => numeric::write_binary(words, out),
                Self::Date(days) => out.put_i32(days),
                Self::Uuid(uuid) => out.put_slice(&uuid),
            },
        }
        Ok(())
    }

    fn write_text(&self, settings: &Settings, out: &mut BytesMut) -> Result<(), ValueError> {
        match *self {
            Self::Bool(b) => out.put_u8(if b { b't' } else { b'f' }),
            Self::Int4(n) => integer::write_text(i64::from(n), out),
            Self::Int8(n) => integer::write_text(n, out),
            Self::Text(text) => out.put_slice(text),
            Self::Numeric(words) => numeric::write_text(words, out),
            Self::Date(days) => return date::write_text(days, settings, out),
            Self::Timestamptz(t) => return timestamptz::write_text(t, settings, out),
            Self::Uuid(uuid) => uuid::write_text(uuid, out),
        }
        Ok(())
    }
}

/// C's isspace in the C locale: what input functions skip.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

//! Values that come with a type of their own: a cast in the text, a declared parameter, a number.

use super::{UNKNOWN, cast, name};
use crate::protect::value::numeric::Decimal;
use crate::protect::value::{self, Value, integer};
use crate::protect::{Settings, ValueError};
use hippocrypt_policy::{ColumnRef, DeclaredType};
use hippocrypt_sql::verdict::Literal;

/// A value with its type.
pub(super) struct Typed<'a> {
    /// The type, without modifier.
    pub(super) of: DeclaredType,
    /// Its value.
    pub(super) value: Value<'a>,
}

/// A constant of the client's text.
pub(super) enum Constant<'a> {
    /// Quoted, without a type yet.
    Unknown(&'a str),
    /// Of a type by what it is, or by the cast around it.
    Typed(Typed<'a>),
}

impl<'a> Constant<'a> {
    /// What a literal for this column is.
    pub(super) fn of(
        column: &ColumnRef,
        literal: &'a Literal,
        settings: &Settings,
    ) -> Result<Self, ValueError> {
        Ok(Self::Typed(match literal {
            Literal::String { value, cast } => {
                let text = value::text::utf8(value.as_bytes())?;
                match *cast {
                    0 | UNKNOWN => return Ok(Self::Unknown(text)),
                    oid => Typed::from_text(oid, text, settings)?,
                }
            }
            Literal::Number(text) => Typed::from_number(text)?,
            Literal::Bool(b) => Typed::from_bool(*b),
            Literal::Cast { of, to } => {
                let typed = match Self::of(column, of, settings)? {
                    // its input function reads it, then comes the modifier (parse_coerce.c, coerce_type)
                    Self::Unknown(text) => Typed {
                        of: to.unmodified(),
                        value: value::parse(*to, text, settings)?,
                    },
                    Self::Typed(typed) => typed,
                };
                cast::explicit(column, typed, *to, settings)?
            }
        }))
    }
}

impl<'a> Typed<'a> {
    /// By the input function of the type `oid`.
    pub(super) fn from_text(
        oid: u32,
        text: &'a str,
        settings: &Settings,
    ) -> Result<Self, ValueError> {
        let of = DeclaredType::from_catalog(oid, -1).ok_or_else(|| unsupported(oid))?;
        let value = value::parse(of, text, settings)?;
        Ok(Self { of, value })
    }

    /// By the receive function of the type `oid`.
    pub(super) fn from_binary(oid: u32, bytes: &'a [u8]) -> Result<Self, ValueError> {
        let of = DeclaredType::from_catalog(oid, -1).ok_or_else(|| unsupported(oid))?;
        let value = value::receive(of, bytes)?;
        Ok(Self { of, value })
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
                return Ok(Self::integer(DeclaredType::Int4, i64::from(n)));
            }
            if let Ok(n) = text.parse::<i64>() {
                return Ok(Self::integer(DeclaredType::Int8, n));
            }
        }
        Ok(Self {
            of: DeclaredType::Numeric(None),
            value: Value::Numeric(Decimal::parse(text)?),
        })
    }

    /// TRUE or FALSE.
    pub(super) fn from_bool(value: bool) -> Self {
        Self {
            of: DeclaredType::Bool,
            value: Value::Bool(value),
        }
    }

    fn integer(of: DeclaredType, n: i64) -> Self {
        Self {
            of,
            value: Value::Integer(n),
        }
    }

    /// The type's name in PostgreSQL's messages.
    pub(super) fn name(&self) -> String {
        name(self.of)
    }

    /// A float4 or float8 as the latter.
    pub(super) fn float(&self) -> Option<f64> {
        match self.value {
            Value::Float4(f) => Some(f64::from(f)),
            Value::Float8(f) => Some(f),
            _ => None,
        }
    }
}

fn unsupported(oid: u32) -> ValueError {
    ValueError::new(
        "0A000",
        format!("a value of the type with OID {oid} cannot be stored in or compared with an encrypted column"),
    )
    .hint("Declare the parameter as the column's type, or leave its type open.")
}

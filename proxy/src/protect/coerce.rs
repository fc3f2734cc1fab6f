//! From what a client wrote or bound to a value of the column's type, by one of PostgreSQL's two rules:
//! assignment (pg_cast's assignment casts, then the modifier) and comparison (the operator that the two
//! types resolve to).
//!
//! It must never make a comparison true that is not, or the other way round: what cannot be exact is
//! refused, and a value that equals none of the type becomes [`Value::Never`].

mod argument;
mod assign;
mod cast;
mod compare;
mod typed;

use crate::protect::value::{self, Canonical, Value};
use crate::protect::{Settings, ValueError, elements};
use hippocrypt_policy::{ColumnRef, DeclaredType};
use hippocrypt_sql::verdict::{Coercion, Literal, Seal};
use hippocrypt_wire::Format;
use typed::{Constant, Typed};
use zeroize::Zeroizing;

pub(in crate::protect) use argument::argument;
pub(in crate::protect) use cast::cast;

/// `unknown`, PostgreSQL's type of a quoted constant.
const UNKNOWN: u32 = 705;

/// Where a value goes, and by which rule.
pub(in crate::protect) struct Target<'a> {
    /// The column.
    pub(in crate::protect) column: &'a ColumnRef,
    /// Its type.
    pub(in crate::protect) declared: DeclaredType,
    /// The rule.
    pub(in crate::protect) coercion: Coercion,
}

/// The value of a constant of the client's text.
///
/// # Errors
/// As PostgreSQL's, without the value; 0A000 for what would have to be guessed.
pub(in crate::protect) fn literal<'a>(
    target: &Target<'_>,
    literal: &'a Literal,
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    if target.coercion == Coercion::Both {
        return target.agreed(|one| self::literal(one, literal, settings));
    }
    match Constant::of(target.column, literal, settings)? {
        Constant::Unknown(text) => target.unknown(text, settings),
        Constant::Typed(typed) => target.typed(typed, settings),
    }
}

/// The value of a parameter of type `oid` (0 where unknown), as bound in `format`.
///
/// # Errors
/// As PostgreSQL's, without the value; 0A000 for what would have to be guessed.
pub(in crate::protect) fn parameter<'a>(
    target: &Target<'_>,
    oid: u32,
    format: Format,
    bytes: &'a [u8],
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    if target.coercion == Coercion::Both {
        return target.agreed(|one| parameter(one, oid, format, bytes, settings));
    }
    let unknown = oid == 0 || oid == UNKNOWN;
    match format {
        Format::Text => {
            let text = value::text::utf8(bytes)?;
            if unknown {
                return target.unknown(text, settings);
            }
            target.typed(Typed::from_text(oid, text, settings)?, settings)
        }
        Format::Binary => {
            let oid = if unknown { target.declared.oid() } else { oid };
            target.typed(Typed::from_binary(oid, bytes)?, settings)
        }
    }
}

/// The same of a value that is sealed so: with the explicit casts around it.
///
/// # Errors
/// As [`parameter`]'s.
pub(in crate::protect) fn sealed<'a>(
    target: &Target<'_>,
    seal: &Seal,
    oid: u32,
    format: Format,
    bytes: &'a [u8],
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    let bytes = elements::cut(bytes, seal.cut)?;
    // text is the same bytes in both formats
    let (oid, format) = seal.read.map_or((oid, format), |oid| (oid, Format::Text));
    parameter(target, oid, format, bytes, settings)
}

/// Whether a text that is sealed so is NULL: `NULLIF($1, '')`. Texts are equal where their bytes are.
pub(in crate::protect) fn is_null(seal: &Seal, text: &[u8]) -> bool {
    let unless = seal.null_if.as_ref().and_then(text_of);
    unless.is_some_and(|unless| unless.as_bytes() == text)
}

/// What stands between the quotes of a constant.
pub(in crate::protect) fn text_of(literal: &Literal) -> Option<&str> {
    match literal {
        Literal::String { value, .. } => Some(value),
        Literal::Cast { of, .. } => text_of(of),
        Literal::Number(_) | Literal::Bool(_) => None,
    }
}

impl Target<'_> {
    /// The value that is stored, if comparing would take the same.
    fn agreed<'a>(
        &self,
        value: impl Fn(&Target<'_>) -> Result<Value<'a>, ValueError>,
    ) -> Result<Value<'a>, ValueError> {
        let by = |coercion| {
            value(&Target {
                column: self.column,
                declared: self.declared,
                coercion,
            })
        };
        let canonical = |value: &Value<'a>| {
            let mut bytes = Zeroizing::new(Vec::new());
            value.clone().encode(Canonical::Equal, &mut bytes)?;
            Ok::<_, ValueError>(bytes)
        };
        let (stored, compared) = (by(Coercion::Assign)?, by(Coercion::Compare)?);
        match canonical(&stored)? == canonical(&compared)? {
            true => Ok(stored),
            false => Err(ValueError::new(
                "0A000",
                "a value that is both compared and stored would be stored as another one",
            )
            .hint("Give the value as the column stores it.")),
        }
    }

    /// A constant without a type takes the column's, by its input function.
    fn unknown<'a>(&self, text: &'a str, settings: &Settings) -> Result<Value<'a>, ValueError> {
        let text = value::text::utf8(text.as_bytes())?;
        match self.coercion {
            Coercion::Assign => value::parse(self.declared, text, settings)?.fit(self.declared),
            Coercion::Show => value::parse(self.declared.unmodified(), text, settings),
            Coercion::Compare | Coercion::Both => value::parse(self.operand(text)?, text, settings),
        }
    }

    /// The type that a constant without a type has beside the column's operator.
    fn operand(&self, text: &str) -> Result<DeclaredType, ValueError> {
        // cidr is compared as inet; in a list of several it is read as cidr
        if self.declared == DeclaredType::Cidr {
            let both = (
                value::network::parse_inet(text),
                value::network::parse_cidr(text),
            );
            match both {
                (Ok(_), Ok(_)) => {}
                (Err(error), Err(_)) => return Err(error),
                _ => {
                    return Err(ValueError::new(
                        "0A000",
                        "an encrypted cidr column cannot be compared with this form of an address",
                    )
                    .hint("Compare with a network in full: 192.168.0.0/16."));
                }
            }
        }
        Ok(self.declared.unmodified())
    }

    fn typed<'a>(&self, typed: Typed<'a>, settings: &Settings) -> Result<Value<'a>, ValueError> {
        match self.coercion {
            Coercion::Assign => assign::assign(self, typed, settings)?.fit(self.declared),
            // the plan takes no type that is not cast to the column's by itself
            Coercion::Show => assign::assign(self, typed, settings),
            Coercion::Compare | Coercion::Both => compare::compare(self, typed, settings),
        }
    }
}

/// The type's name in PostgreSQL's messages.
fn name(declared: DeclaredType) -> String {
    let name = match declared {
        DeclaredType::Bool => "boolean",
        DeclaredType::Int2 => "smallint",
        DeclaredType::Int4 => "integer",
        DeclaredType::Int8 => "bigint",
        DeclaredType::Float4 => "real",
        DeclaredType::Float8 => "double precision",
        DeclaredType::Text => "text",
        DeclaredType::Varchar(_) => "character varying",
        DeclaredType::Bpchar(_) => "character",
        DeclaredType::Bytea => "bytea",
        DeclaredType::Numeric(_) => "numeric",
        DeclaredType::Date => "date",
        DeclaredType::Time(_) => "time without time zone",
        DeclaredType::Timestamp(_) => "timestamp without time zone",
        DeclaredType::Timestamptz(_) => "timestamp with time zone",
        DeclaredType::Interval(_) => "interval",
        DeclaredType::Uuid => "uuid",
        DeclaredType::Json => "json",
        DeclaredType::Jsonb => "jsonb",
        DeclaredType::Inet => "inet",
        DeclaredType::Cidr => "cidr",
        DeclaredType::Array(element) => return format!("{}[]", name(element.declared())),
    };
    name.to_owned()
}

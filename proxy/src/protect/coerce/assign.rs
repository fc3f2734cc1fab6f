//! Assignment: the casts that INSERT and UPDATE apply by themselves (pg_cast, castcontext `a` and `i`,
//! and the I/O casts to text). Everything else is 42804, as in PostgreSQL.

use super::typed::Typed;
use super::{Target, name};
use crate::protect::value::calendar::DAY;
use crate::protect::value::numeric::Decimal;
use crate::protect::value::{Shown, Value, date, timestamptz};
use crate::protect::{Settings, ValueError};
use bytes::BytesMut;
use hippocrypt_policy::DeclaredType;
use hippocrypt_wire::Format;
use std::borrow::Cow;

/// `typed` as a value of the target's type, its modifier not yet applied.
pub(super) fn assign<'a>(
    target: &Target<'_>,
    typed: Typed<'a>,
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    match target.declared {
        DeclaredType::Text | DeclaredType::Varchar(_) => to_text(typed, settings),
        DeclaredType::Int4 => Ok(Value::Integer(
            to_integer(target, &typed)?
                .filter(|n| i32::try_from(*n).is_ok())
                .ok_or_else(|| ValueError::new("22003", "integer out of range"))?,
        )),
        DeclaredType::Int8 => Ok(Value::Integer(
            to_integer(target, &typed)?
                .ok_or_else(|| ValueError::new("22003", "bigint out of range"))?,
        )),
        DeclaredType::Numeric(_) => to_numeric(target, typed).map(Value::Numeric),
        DeclaredType::Date => to_date(target, &typed, settings).map(Value::Date),
        DeclaredType::Timestamptz(_) => {
            to_timestamptz(target, &typed, settings).map(Value::Timestamptz)
        }
        DeclaredType::Bool => match typed {
            Typed::Bool(b) => Ok(Value::Bool(b)),
            _ => Err(mismatch(target, &typed)),
        },
        DeclaredType::Uuid => match typed {
            Typed::Uuid(u) => Ok(Value::Uuid(u)),
            _ => Err(mismatch(target, &typed)),
        },
    }
}

fn mismatch(target: &Target<'_>, typed: &Typed<'_>) -> ValueError {
    ValueError::new(
        "42804",
        format!(
            "column \"{}\" is of type {} but expression is of type {}",
            target.column.column,
            name(target.declared),
            typed.name()
        ),
    )
    .hint("You will need to rewrite or cast the expression.")
}

fn to_integer(target: &Target<'_>, typed: &Typed<'_>) -> Result<Option<i64>, ValueError> {
    match typed {
        Typed::Numeric(n @ Decimal::Finite(_)) => Ok(n.to_i64()),
        Typed::Numeric(special) => Err(ValueError::new(
            "0A000",
            format!(
                "cannot convert {} to {}",
                if *special == Decimal::Nan {
                    "NaN"
                } else {
                    "infinity"
                },
                name(target.declared)
            ),
        )),
        Typed::Float(f) => Ok(integral(f.round_ties_even())),
        other => other
            .integer()
            .map(Some)
            .ok_or_else(|| mismatch(target, other)),
    }
}

/// A float without a fraction, where an i64 holds it.
pub(super) fn integral(f: f64) -> Option<i64> {
    let fits = f.fract() == 0.0
        && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f);
    // in range, and without a fraction
    #[allow(clippy::cast_possible_truncation)]
    fits.then_some(f as i64)
}

fn to_numeric(target: &Target<'_>, typed: Typed<'_>) -> Result<Decimal, ValueError> {
    match typed {
        Typed::Numeric(n) => Ok(n),
        // PostgreSQL keeps 15 digits of a float8 and 6 of a float4: not a value the app can have meant
        Typed::Float(_) => Err(ValueError::new(
            "0A000",
            "a floating-point value cannot be stored in an encrypted numeric column",
        )
        .hint("Declare the parameter as numeric.")),
        other => other
            .integer()
            .map(Decimal::from)
            .ok_or_else(|| mismatch(target, &other)),
    }
}

fn to_date(target: &Target<'_>, typed: &Typed<'_>, settings: &Settings) -> Result<i32, ValueError> {
    match typed {
        Typed::Date(d) => Ok(*d),
        Typed::Timestamp(t) => day(*t),
        Typed::Timestamptz(t) => day(timestamptz::to_local(*t, settings)?),
        other => Err(mismatch(target, other)),
    }
}

/// The day of a wall-clock time.
fn day(local: i64) -> Result<i32, ValueError> {
    match local {
        timestamptz::INFINITY => Ok(date::INFINITY),
        timestamptz::MINUS_INFINITY => Ok(date::MINUS_INFINITY),
        _ => date::in_range(local.div_euclid(DAY))
            .ok_or_else(|| ValueError::new("22008", "date out of range")),
    }
}

/// Midnight of a day on the wall clock.
pub(super) fn midnight(days: i32) -> Result<i64, ValueError> {
    match days {
        date::INFINITY => Ok(timestamptz::INFINITY),
        date::MINUS_INFINITY => Ok(timestamptz::MINUS_INFINITY),
        _ => i64::from(days)
            .checked_mul(DAY)
            .and_then(|t| timestamptz::checked(t).ok())
            .ok_or_else(|| ValueError::new("22008", "date out of range for timestamp")),
    }
}

fn to_timestamptz(
    target: &Target<'_>,
    typed: &Typed<'_>,
    settings: &Settings,
) -> Result<i64, ValueError> {
    match typed {
        Typed::Timestamptz(t) => Ok(*t),
        Typed::Timestamp(t) => timestamptz::from_local(*t, settings),
        Typed::Date(d) => timestamptz::from_local(midnight(*d)?, settings),
        other => Err(mismatch(target, other)),
    }
}

/// Any type goes into text by its output function.
fn to_text<'a>(typed: Typed<'a>, settings: &Settings) -> Result<Value<'a>, ValueError> {
    let mut plaintext = Vec::new();
    let shown = match &typed {
        Typed::Text(text) | Typed::Blank(text) => return Ok(Value::Text(Cow::Borrowed(text))),
        // the cast bool -> text is a function of its own
        Typed::Bool(b) => {
            return Ok(Value::Text(Cow::Borrowed(if *b {
                "true"
            } else {
                "false"
            })));
        }
        Typed::Numeric(n) => {
            n.encode(&mut plaintext)?;
            Shown::read(DeclaredType::Numeric(None), None, &plaintext)
        }
        Typed::Date(d) => Some(Shown::Date(*d)),
        Typed::Timestamptz(t) => Some(Shown::Timestamptz(*t)),
        Typed::Uuid(u) => Some(Shown::Uuid(*u)),
        Typed::Float(_) | Typed::Timestamp(_) => None,
        Typed::Int2(_) | Typed::Int4(_) | Typed::Int8(_) => typed.integer().map(Shown::Int8),
    };
    let Some(shown) = shown else {
        return Err(ValueError::new(
            "0A000",
            format!(
                "a value of type {} cannot be stored in an encrypted text column",
                typed.name()
            ),
        )
        .hint("Write or bind it as text."));
    };
    let mut out = BytesMut::new();
    shown.write(Format::Text, settings, &mut out)?;
    let text = String::from_utf8_lossy(&out).into_owned();
    Ok(Value::Text(Cow::Owned(text)))
}

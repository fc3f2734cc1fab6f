//! Comparison by `=` between a column and a value of another type: which operator PostgreSQL finds, and
//! which single value of the column's type, if any, it makes equal. 42883 where there is no operator.

use super::assign::{integral, midnight};
use super::typed::Typed;
use super::{Target, name};
use crate::protect::value::calendar::DAY;
use crate::protect::value::numeric::Decimal;
use crate::protect::value::{Value, date, timestamptz};
use crate::protect::{Settings, ValueError};
use hippocrypt_policy::DeclaredType;
use std::borrow::Cow;

/// Integers below this are floats without loss.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The value of the column's type that equals `typed`.
pub(super) fn compare<'a>(
    target: &Target<'_>,
    typed: Typed<'a>,
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    match (target.declared, typed) {
        (DeclaredType::Bool, Typed::Bool(b)) => Ok(Value::Bool(b)),
        (DeclaredType::Uuid, Typed::Uuid(u)) => Ok(Value::Uuid(u)),
        (DeclaredType::Text | DeclaredType::Varchar(_), Typed::Text(text)) => {
            Ok(Value::Text(Cow::Borrowed(text)))
        }
        (DeclaredType::Text | DeclaredType::Varchar(_), Typed::Blank(_)) => Err(inexact(
            "a comparison with a value of type character ignores trailing blanks",
        )
        .hint("Compare with a value of type text.")),
        (DeclaredType::Int4 | DeclaredType::Int8, typed) => integer(target, &typed),
        (DeclaredType::Numeric(_), typed) => number(target, typed),
        (DeclaredType::Date, typed) => day(target, &typed, settings),
        (DeclaredType::Timestamptz(_), typed) => instant(target, &typed, settings),
        (_, typed) => Err(no_operator(target, &typed)),
    }
}

fn no_operator(target: &Target<'_>, typed: &Typed<'_>) -> ValueError {
    ValueError::new(
        "42883",
        format!("operator does not exist: {} = {}", name(target.declared), typed.name()),
    )
    .hint(
        "No operator matches the given name and argument types. You might need to add explicit type \
         casts.",
    )
}

fn inexact(message: &str) -> ValueError {
    ValueError::new(
        "0A000",
        format!("{message}, which cannot be exact on cells"),
    )
}

fn integer(target: &Target<'_>, typed: &Typed<'_>) -> Result<Value<'static>, ValueError> {
    Ok(match typed {
        Typed::Numeric(n) if n.is_integral() => n.to_i64().map_or(Value::Never, Value::Integer),
        Typed::Numeric(_) => Value::Never,
        Typed::Float(f) if f.fract() != 0.0 || !f.is_finite() => Value::Never,
        Typed::Float(f) if f.abs() >= EXACT => {
            return Err(inexact(
                "integers are compared with this value as floating-point numbers",
            ));
        }
        Typed::Float(f) => integral(*f).map_or(Value::Never, Value::Integer),
        other => Value::Integer(other.integer().ok_or_else(|| no_operator(target, other))?),
    })
}

fn number(target: &Target<'_>, typed: Typed<'_>) -> Result<Value<'static>, ValueError> {
    match typed {
        Typed::Numeric(n) => Ok(Value::Numeric(n)),
        Typed::Float(_) => Err(inexact(
            "numeric is compared with a floating-point value as floating-point numbers",
        )
        .hint("Declare the parameter as numeric.")),
        other => other
            .integer()
            .map(|n| Value::Numeric(Decimal::from(n)))
            .ok_or_else(|| no_operator(target, &other)),
    }
}

fn day(
    target: &Target<'_>,
    typed: &Typed<'_>,
    settings: &Settings,
) -> Result<Value<'static>, ValueError> {
    match typed {
        Typed::Date(d) => Ok(Value::Date(*d)),
        Typed::Timestamp(t) => Ok(at_midnight(*t)),
        Typed::Timestamptz(t) => {
            // a day equals the instant at which it begins in the session's zone
            let local = at_midnight(timestamptz::to_local(*t, settings)?);
            match local {
                Value::Date(d) if timestamptz::from_local(midnight(d)?, settings)? != *t => {
                    Ok(Value::Never)
                }
                Value::Never => begins_late(*t, settings),
                other => Ok(other),
            }
        }
        other => Err(no_operator(target, other)),
    }
}

/// The day that begins at an instant although its clock does not show midnight then: where the hour of
/// midnight is skipped, PostgreSQL takes the offset before the gap.
fn begins_late(instant: i64, settings: &Settings) -> Result<Value<'static>, ValueError> {
    let local = timestamptz::to_local(instant, settings)?;
    let Some(day) = date::in_range(local.div_euclid(DAY)) else {
        return Ok(Value::Never);
    };
    let begins = timestamptz::from_local(midnight(day)?, settings)?;
    Ok(if begins == instant {
        Value::Date(day)
    } else {
        Value::Never
    })
}

fn at_midnight(local: i64) -> Value<'static> {
    match local {
        timestamptz::INFINITY => Value::Date(date::INFINITY),
        timestamptz::MINUS_INFINITY => Value::Date(date::MINUS_INFINITY),
        _ if local.rem_euclid(DAY) != 0 => Value::Never,
        _ => date::in_range(local.div_euclid(DAY)).map_or(Value::Never, Value::Date),
    }
}

fn instant(
    target: &Target<'_>,
    typed: &Typed<'_>,
    settings: &Settings,
) -> Result<Value<'static>, ValueError> {
    Ok(Value::Timestamptz(match typed {
        Typed::Timestamptz(t) => *t,
        Typed::Timestamp(t) => timestamptz::from_local(*t, settings)?,
        Typed::Date(d) => timestamptz::from_local(midnight(*d)?, settings)?,
        other => return Err(no_operator(target, other)),
    }))
}

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

/// Integers below this are floats without loss.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The value of the column's type that equals `typed`.
pub(super) fn compare<'a>(
    target: &Target<'_>,
    typed: Typed<'a>,
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    use DeclaredType as D;
    match (target.declared, typed.of) {
        (D::Text | D::Varchar(_), D::Text | D::Varchar(_)) => Ok(typed.value),
        (D::Text | D::Varchar(_), D::Bpchar(_)) => Err(inexact(
            "a comparison with a value of type character ignores trailing blanks",
        )
        .hint("Compare with a value of type text.")),
        (D::Bpchar(_), D::Bpchar(_)) => Ok(typed.value),
        (D::Bpchar(_), _) => blank(target, typed),
        (D::Int2 | D::Int4 | D::Int8, _) => integer(target, &typed),
        (D::Numeric(_), _) => number(target, typed),
        (D::Date, _) => day(target, &typed, settings),
        (D::Time(_), D::Interval(_)) => Err(inexact(
            "a time is compared with a value of type interval as an interval",
        )
        .hint("Compare with a value of type time.")),
        (D::Timestamp(_), _) => wall_clock(target, &typed, settings),
        (D::Timestamptz(_), _) => instant(target, &typed, settings),
        (D::Inet | D::Cidr, D::Inet | D::Cidr) => Ok(typed.value),
        // never deterministic, so never compared
        (D::Float4 | D::Float8 | D::Interval(_) | D::Json | D::Jsonb, of)
            if of != target.declared.unmodified() =>
        {
            Err(inexact("a comparison of this type with another"))
        }
        (column, of) if column.unmodified() == of => Ok(typed.value),
        _ => Err(no_operator(target, &typed)),
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

/// char(n) beside text becomes text, without its blanks at the end.
fn blank<'a>(target: &Target<'_>, typed: Typed<'a>) -> Result<Value<'a>, ValueError> {
    match typed {
        Typed {
            of: DeclaredType::Text,
            value: Value::Text(text),
        } => Ok(match text.ends_with(' ') {
            true => Value::Never,
            false => Value::Blank(text),
        }),
        // both are taken to be of type character
        Typed {
            of: DeclaredType::Varchar(_),
            value: Value::Text(text),
        } => Ok(Value::Blank(text)),
        other => Err(no_operator(target, &other)),
    }
}

fn integer(target: &Target<'_>, typed: &Typed<'_>) -> Result<Value<'static>, ValueError> {
    if let Some(f) = typed.float() {
        return if f.fract() != 0.0 || !f.is_finite() {
            Ok(Value::Never)
        } else if f.abs() >= EXACT {
            Err(inexact(
                "integers are compared with this value as floating-point numbers",
            ))
        } else {
            Ok(integral(f).map_or(Value::Never, Value::Integer))
        };
    }
    Ok(match &typed.value {
        Value::Numeric(n) if n.is_integral() => n.to_i64().map_or(Value::Never, Value::Integer),
        Value::Numeric(_) => Value::Never,
        Value::Integer(n) => Value::Integer(*n),
        _ => return Err(no_operator(target, typed)),
    })
}

fn number(target: &Target<'_>, typed: Typed<'_>) -> Result<Value<'static>, ValueError> {
    match typed.value {
        Value::Numeric(n) => Ok(Value::Numeric(n)),
        Value::Integer(n) => Ok(Value::Numeric(Decimal::from(n))),
        Value::Float4(_) | Value::Float8(_) => Err(inexact(
            "numeric is compared with a floating-point value as floating-point numbers",
        )
        .hint("Declare the parameter as numeric.")),
        _ => Err(no_operator(target, &typed)),
    }
}

fn day(
    target: &Target<'_>,
    typed: &Typed<'_>,
    settings: &Settings,
) -> Result<Value<'static>, ValueError> {
    match typed.value {
        Value::Date(d) => Ok(Value::Date(d)),
        Value::Timestamp(t) => Ok(at_midnight(t)),
        Value::Timestamptz(t) => {
            // a day equals the instant at which it begins in the session's zone
            let local = at_midnight(timestamptz::to_local(t, settings)?);
            match local {
                Value::Date(d) if timestamptz::from_local(midnight(d)?, settings)? != t => {
                    Ok(Value::Never)
                }
                Value::Never => begins_late(t, settings),
                other => Ok(other),
            }
        }
        _ => Err(no_operator(target, typed)),
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

/// timestamp beside another type: a timestamptz is compared as the instants that the column's values are in
/// the session's zone, and near a change of clocks two of them, or none, are one instant.
fn wall_clock(
    target: &Target<'_>,
    typed: &Typed<'_>,
    settings: &Settings,
) -> Result<Value<'static>, ValueError> {
    Ok(Value::Timestamp(match typed.value {
        Value::Timestamp(t) => t,
        Value::Date(d) => midnight(d)?,
        Value::Timestamptz(t) => {
            let local = timestamptz::to_local(t, settings)?;
            let offset = |at: i64| -> Result<i64, ValueError> {
                Ok(timestamptz::to_local(at, settings)?.saturating_sub(at))
            };
            let near = [t.saturating_sub(DAY), t.saturating_add(DAY)];
            let infinite =
                local == t && timestamptz::checked(t).is_ok() && (t == i64::MAX || t == i64::MIN);
            let finite = |at: &i64| *at != i64::MAX && *at != i64::MIN;
            for at in near.into_iter().filter(|at| !infinite && finite(at)) {
                if offset(at)? != offset(t)? {
                    return Err(inexact(
                        "a timestamp is compared with this value in the session's time zone, near a change of its clock",
                    )
                    .hint("Compare with a value of type timestamp."));
                }
            }
            local
        }
        _ => return Err(no_operator(target, typed)),
    }))
}

fn instant(
    target: &Target<'_>,
    typed: &Typed<'_>,
    settings: &Settings,
) -> Result<Value<'static>, ValueError> {
    Ok(Value::Timestamptz(match typed.value {
        Value::Timestamptz(t) => t,
        Value::Timestamp(t) => timestamptz::from_local(t, settings)?,
        Value::Date(d) => timestamptz::from_local(midnight(d)?, settings)?,
        _ => return Err(no_operator(target, typed)),
    }))
}

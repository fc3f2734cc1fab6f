//! Assignment: the casts that INSERT and UPDATE apply by themselves (pg_cast, castcontext `a` and `i`,
//! and the I/O casts to text). Everything else is 42804, as in PostgreSQL.

use super::typed::Typed;
use super::{Target, name};
use crate::protect::value::calendar::DAY;
use crate::protect::value::interval::Interval;
use crate::protect::value::numeric::Decimal;
use crate::protect::value::{Array, Canonical, Shown, Value, date, float, network, timestamptz};
use crate::protect::{Settings, ValueError};
use bytes::BytesMut;
use hippocrypt_policy::{DeclaredType, Element};
use hippocrypt_wire::Format;
use std::borrow::Cow;

/// `typed` as a value of the target's type, its modifier not yet applied.
pub(super) fn assign<'a>(
    target: &Target<'_>,
    typed: Typed<'a>,
    settings: &Settings,
) -> Result<Value<'a>, ValueError> {
    use DeclaredType as D;
    Ok(match (target.declared, typed.of) {
        (D::Text | D::Varchar(_), _) => Value::Text(to_text(typed, settings)?),
        (D::Bpchar(_), D::Bpchar(_)) => typed.value,
        (D::Bpchar(_), _) => Value::Blank(to_text(typed, settings)?),
        (D::Int2, _) => Value::Integer(to_integer(
            target,
            &typed,
            i64::from(i16::MIN)..=i64::from(i16::MAX),
        )?),
        (D::Int4, _) => Value::Integer(to_integer(
            target,
            &typed,
            i64::from(i32::MIN)..=i64::from(i32::MAX),
        )?),
        (D::Int8, _) => Value::Integer(to_integer(target, &typed, i64::MIN..=i64::MAX)?),
        (D::Float4, _) => Value::Float4(to_float4(target, &typed)?),
        (D::Float8, _) => Value::Float8(to_float8(target, &typed)?),
        (D::Numeric(_), _) => Value::Numeric(to_numeric(target, typed)?),
        (D::Date, _) => Value::Date(to_date(target, &typed, settings)?),
        (D::Time(_), _) => Value::Time(to_time(target, &typed, settings)?),
        (D::Timestamp(_), _) => Value::Timestamp(to_timestamp(target, &typed, settings)?),
        (D::Timestamptz(_), _) => Value::Timestamptz(to_timestamptz(target, &typed, settings)?),
        (D::Interval(_), _) => match typed.value {
            Value::Interval(i) => Value::Interval(i),
            Value::Time(t) => Value::Interval(Interval::of_time(t)),
            _ => return Err(mismatch(target, &typed)),
        },
        // by the text of the other
        (D::Json, D::Jsonb) => typed.value,
        (D::Jsonb, D::Json) => {
            let Value::Text(text) = &typed.value else {
                return Err(mismatch(target, &typed));
            };
            crate::protect::value::parse(D::Jsonb, text, settings)?.into_owned()
        }
        (D::Inet, D::Cidr) => typed.value,
        (D::Cidr, D::Inet) => match typed.value {
            Value::Network(n) => Value::Network(n.network()),
            _ => return Err(mismatch(target, &typed)),
        },
        (to, from) if to.unmodified() == from => typed.value,
        (D::Array(to), D::Array(from)) => {
            let unlike = mismatch(target, &typed);
            let Value::Array(array) = typed.value else {
                return Err(unlike);
            };
            // an array of nothing but NULLs is of its type, too
            if !from.declared().is_assigned_to(to.declared()) {
                return Err(unlike);
            }
            Value::Array(elements(target, to, from, array, settings).map_err(
                |e| match e.sqlstate {
                    "42804" => unlike,
                    _ => e,
                },
            )?)
        }
        _ => return Err(mismatch(target, &typed)),
    })
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

/// Each element by its own cast.
fn elements<'a>(
    target: &Target<'_>,
    to: Element,
    from: Element,
    array: Array<'a>,
    settings: &Settings,
) -> Result<Array<'a>, ValueError> {
    let target = Target {
        column: target.column,
        declared: to.declared(),
        coercion: target.coercion,
    };
    let of = from.declared().unmodified();
    array.map(|value| assign(&target, Typed { of, value }, settings))
}

fn to_integer(
    target: &Target<'_>,
    typed: &Typed<'_>,
    range: std::ops::RangeInclusive<i64>,
) -> Result<i64, ValueError> {
    let integer = match &typed.value {
        Value::Integer(n) => Some(*n),
        Value::Numeric(n @ Decimal::Finite(_)) => n.to_i64(),
        Value::Numeric(special) => {
            let what = match special {
                Decimal::Nan => "NaN",
                _ => "infinity",
            };
            let message = format!("cannot convert {what} to {}", name(target.declared));
            return Err(ValueError::new("0A000", message));
        }
        _ => match typed.float() {
            Some(f) => integral(f.round_ties_even()),
            None => return Err(mismatch(target, typed)),
        },
    };
    integer
        .filter(|n| range.contains(n))
        .ok_or_else(|| ValueError::new("22003", format!("{} out of range", name(target.declared))))
}

/// A float without a fraction, where an i64 holds it.
pub(super) fn integral(f: f64) -> Option<i64> {
    let fits = f.fract() == 0.0
        && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f);
    // in range, and without a fraction
    #[allow(clippy::cast_possible_truncation)]
    fits.then_some(f as i64)
}

/// The nearest, as C's conversions and numeric_float8 give.
fn to_float8(target: &Target<'_>, typed: &Typed<'_>) -> Result<f64, ValueError> {
    match &typed.value {
        #[allow(clippy::cast_precision_loss)]
        Value::Integer(n) => Ok(*n as f64),
        Value::Numeric(n) => float::parse(&decimal_text(n)?, "double precision"),
        _ => typed.float().ok_or_else(|| mismatch(target, typed)),
    }
}

fn to_float4(target: &Target<'_>, typed: &Typed<'_>) -> Result<f32, ValueError> {
    match &typed.value {
        Value::Float4(f) => Ok(*f),
        #[allow(clippy::cast_precision_loss)]
        Value::Integer(n) => Ok(*n as f32),
        Value::Numeric(n) => float::parse(&decimal_text(n)?, "real"),
        Value::Float8(f) => {
            // rounded to the nearest
            #[allow(clippy::cast_possible_truncation)]
            let narrow = *f as f32;
            let lost = |what: &str| ValueError::new("22003", format!("value out of range: {what}"));
            match (
                narrow.is_infinite() && !f.is_infinite(),
                narrow == 0.0 && *f != 0.0,
            ) {
                (true, _) => Err(lost("overflow")),
                (_, true) => Err(lost("underflow")),
                _ => Ok(narrow),
            }
        }
        _ => Err(mismatch(target, typed)),
    }
}

fn to_numeric(target: &Target<'_>, typed: Typed<'_>) -> Result<Decimal, ValueError> {
    match typed.value {
        Value::Numeric(n) => Ok(n),
        Value::Integer(n) => Ok(Decimal::from(n)),
        // float8_numeric keeps DBL_DIG digits, float4_numeric FLT_DIG
        Value::Float8(f) => Decimal::parse(&significant(f, 14)),
        Value::Float4(f) => Decimal::parse(&significant(f64::from(f), 5)),
        _ => Err(mismatch(target, &typed)),
    }
}

/// `%.*g`, without zeros at the end.
fn significant(f: f64, after_first: usize) -> String {
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f < 0.0 { "-Infinity" } else { "Infinity" }.to_owned();
    }
    let scientific = format!("{f:.after_first$e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    format!("{mantissa}e{exponent}")
}

fn decimal_text(n: &Decimal) -> Result<String, ValueError> {
    let value = Value::Numeric(n.clone());
    let of = DeclaredType::Numeric(None);
    shown(Typed { of, value }, &Settings::default())
}

fn to_date(target: &Target<'_>, typed: &Typed<'_>, settings: &Settings) -> Result<i32, ValueError> {
    match typed.value {
        Value::Date(d) => Ok(d),
        Value::Timestamp(t) => day(t),
        Value::Timestamptz(t) => day(timestamptz::to_local(t, settings)?),
        _ => Err(mismatch(target, typed)),
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

fn to_time(target: &Target<'_>, typed: &Typed<'_>, settings: &Settings) -> Result<i64, ValueError> {
    let local = match typed.value {
        Value::Time(t) => return Ok(t),
        Value::Interval(i) => return Ok(i.time_of_day()),
        Value::Timestamp(t) => t,
        Value::Timestamptz(t) => timestamptz::to_local(t, settings)?,
        _ => return Err(mismatch(target, typed)),
    };
    match local {
        // PostgreSQL gives NULL, and a cell is no NULL
        timestamptz::INFINITY | timestamptz::MINUS_INFINITY => Err(ValueError::new(
            "0A000",
            "an infinite timestamp cannot be stored in an encrypted time column",
        )
        .hint("Write NULL or a time.")),
        _ => Ok(local.rem_euclid(DAY)),
    }
}

fn to_timestamp(
    target: &Target<'_>,
    typed: &Typed<'_>,
    settings: &Settings,
) -> Result<i64, ValueError> {
    match typed.value {
        Value::Timestamp(t) => Ok(t),
        Value::Date(d) => midnight(d),
        Value::Timestamptz(t) => timestamptz::checked(timestamptz::to_local(t, settings)?),
        _ => Err(mismatch(target, typed)),
    }
}

fn to_timestamptz(
    target: &Target<'_>,
    typed: &Typed<'_>,
    settings: &Settings,
) -> Result<i64, ValueError> {
    match typed.value {
        Value::Timestamptz(t) => Ok(t),
        Value::Timestamp(t) => timestamptz::from_local(t, settings),
        Value::Date(d) => timestamptz::from_local(midnight(d)?, settings),
        _ => Err(mismatch(target, typed)),
    }
}

/// Any type goes into text by its output function, a few by a cast of their own.
fn to_text<'a>(typed: Typed<'a>, settings: &Settings) -> Result<Cow<'a, str>, ValueError> {
    match typed.value {
        Value::Text(text) => Ok(text),
        // the cast char -> text drops blanks at the end
        Value::Blank(Cow::Borrowed(text)) => Ok(Cow::Borrowed(text.trim_end_matches(' '))),
        Value::Blank(Cow::Owned(text)) => Ok(Cow::Owned(text.trim_end_matches(' ').to_owned())),
        Value::Bool(b) => Ok(Cow::Borrowed(if b { "true" } else { "false" })),
        Value::Network(n) => {
            let mut out = BytesMut::new();
            network::write_text(n, true, &mut out);
            Ok(Cow::Owned(String::from_utf8_lossy(&out).into_owned()))
        }
        value => shown(
            Typed {
                of: typed.of,
                value,
            },
            settings,
        )
        .map(Cow::Owned),
    }
}

fn shown(typed: Typed<'_>, settings: &Settings) -> Result<String, ValueError> {
    let mut plaintext = Vec::new();
    let of = typed.of;
    typed.value.encode(Canonical::Exact, &mut plaintext)?;
    let shown = Shown::read(of, None, &plaintext).ok_or_else(|| {
        let message = format!("a value of type {} cannot be written as text", name(of));
        ValueError::new("0A000", message)
    })?;
    let mut out = BytesMut::new();
    shown.write(Format::Text, settings, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

//! float4 and float8 (float.c; the shortest form as src/common/d2s.c and f2s.c make it). Canonical
//! plaintext: the IEEE 754 bits, big-endian, so that -0 and a NaN's payload stay.
//!
//! It must never round twice: a float4 is read from its text as such.

use super::is_space;
use crate::protect::ValueError;
use bytes::{BufMut, BytesMut};
use std::fmt::{LowerExp, Write};
use std::str::FromStr;

/// f32 and f64.
pub(in crate::protect) trait Float:
    Copy + PartialEq + LowerExp + FromStr
{
    /// `DBL_DIG`, `FLT_DIG`
    const DIGITS: i32;
    /// From this exponent on the shortest form is written with one.
    const LARGE: i32;
    const NAN: Self;
    const INFINITY: Self;
    fn negated(self) -> Self;
    fn is_nan(self) -> bool;
    fn is_infinite(self) -> bool;
    fn is_zero(self) -> bool;
    fn is_negative(self) -> bool;
    /// The last bit of the mantissa is 0, so that a tie is read as this number.
    fn is_even(self) -> bool;
}

macro_rules! float {
    ($type:ty, $digits:expr, $large:expr) => {
        impl Float for $type {
            const DIGITS: i32 = $digits;
            const LARGE: i32 = $large;
            const NAN: Self = <$type>::NAN;
            const INFINITY: Self = <$type>::INFINITY;
            fn negated(self) -> Self {
                -self
            }
            fn is_nan(self) -> bool {
                self.is_nan()
            }
            fn is_infinite(self) -> bool {
                self.is_infinite()
            }
            fn is_zero(self) -> bool {
                self == 0.0
            }
            fn is_negative(self) -> bool {
                self.is_sign_negative()
            }
            fn is_even(self) -> bool {
                self.to_bits() & 1 == 0
            }
        }
    };
}
float!(f32, 6, 6);
float!(f64, 15, 15);

/// float4in, float8in: decimal forms and the words.
///
/// # Errors
/// 22P02, 22003; 0A000 for forms that C's strtod reads beside these.
pub(in crate::protect) fn parse<F: Float>(text: &str, name: &str) -> Result<F, ValueError> {
    let syntax = || ValueError::new("22P02", format!("invalid input syntax for type {name}"));
    let text = text.trim_matches(is_space);
    let (negative, bare) = match text.strip_prefix(['+', '-']) {
        Some(bare) => (text.starts_with('-'), bare),
        None => (false, text),
    };
    let lower = bare
        .get(..bare.len().min(9))
        .unwrap_or("")
        .to_ascii_lowercase();
    let signed = |value: F| if negative { value.negated() } else { value };
    match lower.as_str() {
        "inf" | "infinity" if bare.len() == lower.len() => return Ok(signed(F::INFINITY)),
        "nan" if bare.len() == 3 && bare.len() == text.len() => return Ok(F::NAN),
        // strtod takes `-nan`, `nan(…)` and hexadecimal floats
        l if l.starts_with("nan") || l.starts_with("0x") => return Err(unread(name)),
        _ => {}
    }
    if !is_decimal(bare) {
        return Err(syntax());
    }
    let value: F = bare.parse().map_err(|_| syntax())?;
    let mantissa = bare.split(['e', 'E']).next().unwrap_or("");
    let is_zero = mantissa.bytes().all(|b| matches!(b, b'0' | b'.'));
    if value.is_infinite() || (value.is_zero() && !is_zero) {
        return Err(ValueError::new(
            "22003",
            format!("value is out of range for type {name}"),
        ));
    }
    Ok(signed(value))
}

fn unread(name: &str) -> ValueError {
    ValueError::new(
        "0A000",
        format!("this form of a value of type {name} is not read by the proxy"),
    )
    .hint("Write it in decimal digits.")
}

/// `digits [. digits] [e [sign] digits]`, a digit at least before or after the point.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.strip_prefix(['+', '-']).unwrap_or(exponent),
        ),
        None => (text, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && !exponent.is_empty()
        && digits(exponent)
}

/// float4out, float8out under `extra_float_digits`.
pub(in crate::protect) fn write_text<F: Float>(value: F, extra: i32, out: &mut BytesMut) {
    if value.is_nan() {
        return out.put_slice(b"NaN");
    }
    if value.is_negative() {
        out.put_u8(b'-');
    }
    let magnitude = if value.is_negative() {
        value.negated()
    } else {
        value
    };
    if value.is_infinite() {
        return out.put_slice(b"Infinity");
    }
    if value.is_zero() {
        return out.put_u8(b'0');
    }
    let (digits, large) = match extra {
        1.. => (shortest(magnitude), F::LARGE),
        _ => {
            let precision = (F::DIGITS + extra).max(1);
            (rounded(magnitude, precision), precision)
        }
    };
    digits.write(large, out);
}

/// d.ddd × 10^exponent, no zeros at the end.
struct Digits {
    digits: String,
    exponent: i32,
}

impl Digits {
    /// Of Rust's `1.234e-5`.
    fn of(scientific: &str) -> Self {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        Self {
            digits: match digits.trim_end_matches('0') {
                "" => "0".to_owned(),
                significant => significant.to_owned(),
            },
            exponent: exponent.parse().unwrap_or(0),
        }
    }

    /// With an exponent below 10^-4 and from 10^large on.
    fn write(&self, large: i32, out: &mut BytesMut) {
        let (first, rest) = self.digits.split_at_checked(1).unwrap_or(("0", ""));
        if self.exponent < -4 || self.exponent >= large {
            out.put_slice(first.as_bytes());
            if !rest.is_empty() {
                out.put_u8(b'.');
                out.put_slice(rest.as_bytes());
            }
            let sign = if self.exponent < 0 { '-' } else { '+' };
            // writing to memory does not fail
            let _ = write!(out, "e{sign}{:02}", self.exponent.unsigned_abs());
            return;
        }
        let Ok(whole) = usize::try_from(self.exponent + 1) else {
            out.put_slice(b"0.");
            let zeros = usize::try_from(-self.exponent - 1).unwrap_or(0);
            out.put_bytes(b'0', zeros);
            return out.put_slice(self.digits.as_bytes());
        };
        if whole == 0 {
            out.put_slice(b"0.");
            return out.put_slice(self.digits.as_bytes());
        }
        match self.digits.split_at_checked(whole) {
            Some((whole, fraction)) if !fraction.is_empty() => {
                out.put_slice(whole.as_bytes());
                out.put_u8(b'.');
                out.put_slice(fraction.as_bytes());
            }
            _ => {
                out.put_slice(self.digits.as_bytes());
                out.put_bytes(b'0', whole - self.digits.len());
            }
        }
    }
}

/// `%.*g`
fn rounded<F: Float>(magnitude: F, precision: i32) -> Digits {
    let after_first = usize::try_from(precision - 1).unwrap_or(0);
    Digits::of(&format!("{magnitude:.after_first$e}"))
}

/// The fewest digits that are strictly nearer to this number than to any other: PostgreSQL does not count
/// on a tie being read to the even side, Rust's own shortest form does.
fn shortest<F: Float>(magnitude: F) -> Digits {
    let candidate = Digits::of(&format!("{magnitude:e}"));
    let inside = |digits: &Digits| !magnitude.is_even() || is_inside(digits, magnitude);
    // of as many digits the nearest, and of two that are as near the even one
    let length = candidate.digits.len();
    let nearest = rounded(magnitude, i32::try_from(length).unwrap_or(1));
    if nearest.digits.len() == length && is_inside(&nearest, magnitude) {
        return nearest;
    }
    if inside(&candidate) {
        return candidate;
    }
    (length..18)
        .map(|after_first| Digits::of(&format!("{magnitude:.after_first$e}")))
        .find(|digits| is_inside(digits, magnitude))
        .unwrap_or(candidate)
}

/// A little more and a little less are read as the same number.
fn is_inside<F: Float>(digits: &Digits, magnitude: F) -> bool {
    let exponent = digits.exponent;
    let reads = |mantissa: &str| {
        let (first, rest) = mantissa.split_at_checked(1).unwrap_or(("0", ""));
        format!("{first}.{rest}e{exponent}")
            .parse::<F>()
            .is_ok_and(|v| v == magnitude)
    };
    let more = format!("{}{}1", digits.digits, "0".repeat(60));
    // the last digit is not 0
    let (head, last) = digits
        .digits
        .split_at_checked(digits.digits.len() - 1)
        .unwrap_or(("", "1"));
    let below = last
        .bytes()
        .next()
        .map_or('0', |b| char::from(b.saturating_sub(1)));
    let less = format!("{head}{below}{}", "9".repeat(60));
    reads(&more) && reads(&less)
}

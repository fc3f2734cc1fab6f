//! A numeric as decimal digits: what input functions and rounding work on.

use super::overflows;
use crate::protect::ValueError;
use crate::protect::value::is_space;
use zeroize::Zeroize;

/// PostgreSQL's NUMERIC_DSCALE_MAX: the most digits after the point.
const MOST_SCALE: i64 = 16_383;
/// The most digits before the point: (NUMERIC_WEIGHT_MAX + 1) * 4.
const MOST_WHOLE: i64 = 131_072;

/// A numeric value. Wiped on drop; `Debug` prints nothing.
#[derive(Clone, PartialEq)]
pub(in crate::protect) enum Decimal {
    /// A number.
    Finite(Finite),
    /// `NaN`
    Nan,
    /// `Infinity`
    Infinity,
    /// `-Infinity`
    MinusInfinity,
}

/// 0.d1d2d3… × 10^point.
#[derive(Clone, PartialEq, Default)]
pub(in crate::protect) struct Finite {
    /// Below zero (never for zero).
    pub(in crate::protect) negative: bool,
    /// Decimal digits, 0 to 9, the first and the last not 0. Empty for zero.
    pub(in crate::protect) digits: Vec<u8>,
    /// How many digits stand before the point; below zero: zeros after it.
    pub(in crate::protect) point: i64,
    /// Digits shown after the point.
    pub(in crate::protect) scale: u16,
}

impl std::fmt::Debug for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decimal(..)")
    }
}

impl Drop for Finite {
    fn drop(&mut self) {
        self.digits.zeroize();
    }
}

impl Decimal {
    /// As numeric_in, without a typmod.
    ///
    /// # Errors
    /// 22P02, 22003; 0A000 for forms that only newer servers read.
    pub(in crate::protect) fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim_matches(is_space);
        let word = text.strip_prefix(['+', '-']).unwrap_or(text);
        if word.eq_ignore_ascii_case("infinity") || word.eq_ignore_ascii_case("inf") {
            return Ok(match text.starts_with('-') {
                true => Self::MinusInfinity,
                false => Self::Infinity,
            });
        }
        if text.eq_ignore_ascii_case("nan") {
            return Ok(Self::Nan);
        }
        Finite::parse(text.starts_with('-'), word).map(Self::Finite)
    }

    /// Rounds to `numeric(precision, scale)`.
    ///
    /// # Errors
    /// 22003.
    pub(in crate::protect) fn fit(&mut self, precision: u16, scale: i16) -> Result<(), ValueError> {
        let overflow = |detail: String| {
            ValueError::new("22003", "numeric field overflow").detail(format!(
                "A field with precision {precision}, scale {scale} {detail}."
            ))
        };
        match self {
            Self::Nan => Ok(()),
            Self::Infinity | Self::MinusInfinity => {
                Err(overflow("cannot hold an infinite value".to_owned()))
            }
            Self::Finite(finite) => {
                finite.round(i64::from(scale));
                let most = i64::from(precision) - i64::from(scale);
                if finite.digits.is_empty() || finite.point <= most {
                    return Ok(());
                }
                // PostgreSQL writes 10^0 as 1
                let limit = match most {
                    0 => "1".to_owned(),
                    n => format!("10^{n}"),
                };
                Err(overflow(format!(
                    "must round to an absolute value less than {limit}"
                )))
            }
        }
    }

    /// As an integer, rounded half away from zero; `None` where it is none or too large.
    pub(in crate::protect) fn to_i64(&self) -> Option<i64> {
        let Self::Finite(finite) = self else {
            return None;
        };
        let mut rounded = finite.clone();
        rounded.round(0);
        rounded.whole()
    }

    /// Whether it is an integer, infinities and NaN excluded.
    pub(in crate::protect) fn is_integral(&self) -> bool {
        match self {
            Self::Finite(f) => i64::try_from(f.digits.len()).is_ok_and(|n| n <= f.point.max(0)),
            _ => false,
        }
    }

    /// Shown with the digits it has, and no more: the form in which equal values are the same.
    pub(in crate::protect) fn without_scale(mut self) -> Self {
        if let Self::Finite(finite) = &mut self {
            finite.scale = 0;
        }
        self
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Self {
        let digits = value.unsigned_abs().to_string();
        let mut finite = Finite {
            negative: value < 0,
            digits: digits.bytes().map(|b| b - b'0').collect(),
            point: i64::try_from(digits.len()).unwrap_or(0),
            scale: 0,
        };
        finite.normalise();
        Self::Finite(finite)
    }
}

impl Finite {
    fn parse(negative: bool, text: &str) -> Result<Self, ValueError> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().next().is_none() || !digits().all(|b| b.is_ascii_digit()) {
            return Err(not_numeric(text));
        }
        let length = |s: &str| i64::try_from(s.len()).unwrap_or(i64::MAX / 4);
        let scale = (length(fraction) - exponent).max(0);
        let mut finite = Self {
            negative,
            digits: digits().map(|b| b - b'0').collect(),
            point: length(whole) + exponent,
            scale: u16::try_from(scale)
                .ok()
                .filter(|s| i64::from(*s) <= MOST_SCALE)
                .ok_or_else(overflows)?,
        };
        finite.normalise();
        if finite.point > MOST_WHOLE {
            return Err(overflows());
        }
        Ok(finite)
    }

    /// Drops zeros at both ends; zero has no sign.
    pub(in crate::protect) fn normalise(&mut self) {
        let leading = self.digits.iter().take_while(|d| **d == 0).count();
        self.digits.drain(..leading);
        self.point -= i64::try_from(leading).unwrap_or(0);
        let used = self
            .digits
            .iter()
            .rposition(|d| *d != 0)
            .map_or(0, |i| i + 1);
        self.digits.truncate(used);
        if self.digits.is_empty() {
            self.negative = false;
            self.point = 0;
        }
    }

    /// Rounds half away from zero to `scale` digits after the point (before it, where below zero).
    fn round(&mut self, scale: i64) {
        self.scale = u16::try_from(scale.max(0)).unwrap_or(0);
        let Ok(keep) = usize::try_from(self.point + scale) else {
            // not even the first digit's neighbour is kept
            self.digits.clear();
            return self.normalise();
        };
        let Some(first_lost) = self.digits.get(keep).copied() else {
            return;
        };
        self.digits.truncate(keep);
        if first_lost >= 5 && !self.carry() {
            self.digits.insert(0, 1);
            self.point += 1;
        }
        self.normalise();
    }

    /// Adds one to the last digit; false where it carried out of the first.
    fn carry(&mut self) -> bool {
        for digit in self.digits.iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return true;
            }
            *digit = 0;
        }
        false
    }

    /// The value where it is an integer that fits.
    fn whole(&self) -> Option<i64> {
        let zeros = self.point - i64::try_from(self.digits.len()).ok()?;
        let zeros = usize::try_from(zeros).ok().filter(|z| *z <= 19);
        let zeros = match (zeros, self.digits.is_empty()) {
            (_, true) => return Some(0),
            (zeros, _) => zeros?,
        };
        let digits = self
            .digits
            .iter()
            .copied()
            .chain(std::iter::repeat_n(0, zeros));
        digits.into_iter().try_fold(0i64, |sum, digit| {
            let digit = i64::from(digit);
            let sum = sum.checked_mul(10)?;
            if self.negative {
                sum.checked_sub(digit)
            } else {
                sum.checked_add(digit)
            }
        })
    }
}

fn exponent_of(text: &str) -> Result<i64, ValueError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(not_numeric(text));
    }
    let value: i64 = digits.parse().unwrap_or(i64::MAX);
    if value >= i64::from(i32::MAX / 2) {
        return Err(overflows());
    }
    Ok(if negative { -value } else { value })
}

/// 22P02, or 0A000 where PostgreSQL 16 and later read what 15 refuses.
fn not_numeric(text: &str) -> ValueError {
    crate::protect::value::integer::not_a_number(text, "numeric")
}

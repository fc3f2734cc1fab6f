//! numeric as base-10000 words: the canonical plaintext, and PostgreSQL's text and binary output.
//!
//! Canonical plaintext (docs/formats/values.md): weight, sign, dscale and the words, big-endian 16-bit
//! each; PostgreSQL's binary format without its word count. Read in place, so that a row costs no
//! allocation.

use super::decimal::{Decimal, Finite};
use super::overflows;
use crate::protect::ValueError;
use bytes::{BufMut, BytesMut};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;
/// What numeric_send shows as the scale of an infinity.
const INFINITE_SCALE: u16 = 0x20;

/// A canonical plaintext, checked.
#[derive(Clone, Copy)]
pub(in crate::protect) struct Words<'a> {
    weight: i16,
    sign: u16,
    scale: u16,
    words: &'a [u8],
}

impl<'a> Words<'a> {
    /// `None` where it is not one that [`Decimal::encode`] writes.
    pub(in crate::protect) fn read(plaintext: &'a [u8]) -> Option<Self> {
        let (head, words) = plaintext.split_first_chunk::<6>()?;
        let [w0, w1, s0, s1, d0, d1] = *head;
        let this = Self {
            weight: i16::from_be_bytes([w0, w1]),
            sign: u16::from_be_bytes([s0, s1]),
            scale: u16::from_be_bytes([d0, d1]),
            words,
        };
        let number = matches!(this.sign, 0 | NEGATIVE);
        let special = matches!(this.sign, NAN | INFINITY | MINUS_INFINITY) && words.is_empty();
        let whole_words = words.len() % 2 == 0 && this.iter().all(|w| w < 10_000);
        ((number || special) && whole_words && this.scale <= 0x3fff).then_some(this)
    }

    /// Shown with `scale` digits after the point: a deterministic cell does not hold its scale. `None`
    /// where it has digits beyond it, as only a value that was compared with has.
    pub(in crate::protect) fn shown_with(mut self, scale: u16) -> Option<Self> {
        if matches!(self.sign, 0 | NEGATIVE) {
            let fraction_words = usize::from(scale).div_ceil(4);
            let whole_words = usize::try_from(i32::from(self.weight) + 1).unwrap_or(0);
            let unit = 10u16.pow(u32::try_from(fraction_words * 4 - usize::from(scale)).ok()?);
            let last = -i32::try_from(fraction_words).ok()?;
            let beyond = self.words.len() / 2 > whole_words + fraction_words
                || i32::from(self.weight) < last && !self.words.is_empty()
                || fraction_words > 0 && !self.at(last).is_multiple_of(unit);
            self.scale = scale;
            return (!beyond).then_some(self);
        }
        Some(self)
    }

    fn iter(self) -> impl Iterator<Item = u16> + 'a {
        self.words.chunks_exact(2).map(|w| match w {
            [hi, lo] => u16::from_be_bytes([*hi, *lo]),
            _ => 0,
        })
    }

    /// The word of weight `at` (0: the ones), 0 where there is none.
    fn at(self, at: i32) -> u16 {
        let index = i32::from(self.weight) - at;
        usize::try_from(index)
            .ok()
            .and_then(|i| self.words.get(i * 2..i * 2 + 2))
            .map_or(0, |w| match w {
                [hi, lo] => u16::from_be_bytes([*hi, *lo]),
                _ => 0,
            })
    }
}

/// numeric_out.
pub(in crate::protect) fn write_text(value: Words<'_>, out: &mut BytesMut) {
    match value.sign {
        NAN => return out.put_slice(b"NaN"),
        INFINITY => return out.put_slice(b"Infinity"),
        MINUS_INFINITY => return out.put_slice(b"-Infinity"),
        NEGATIVE => out.put_u8(b'-'),
        _ => {}
    }
    let top = i32::from(value.weight).max(0);
    let first = digits(value.at(top));
    let zeros = first.iter().take_while(|d| **d == b'0').count().min(3);
    out.put_slice(first.get(zeros..).unwrap_or_default());
    for at in (0..top).rev() {
        out.put_slice(&digits(value.at(at)));
    }
    let mut left = usize::from(value.scale);
    if left > 0 {
        out.put_u8(b'.');
    }
    let mut at = -1;
    while left > 0 {
        let word = digits(value.at(at));
        let part = word.get(..left.min(4)).unwrap_or_default();
        out.put_slice(part);
        left -= part.len();
        at -= 1;
    }
}

fn digits(word: u16) -> [u8; 4] {
    [1000, 100, 10, 1].map(|unit| b'0' + u8::try_from(word / unit % 10).unwrap_or(0))
}

/// numeric_send.
pub(in crate::protect) fn write_binary(value: Words<'_>, out: &mut BytesMut) {
    out.put_u16(u16::try_from(value.words.len() / 2).unwrap_or(0));
    out.put_i16(value.weight);
    out.put_u16(value.sign);
    out.put_u16(value.scale);
    out.put_slice(value.words);
}

impl Decimal {
    /// Appends the canonical plaintext.
    ///
    /// # Errors
    /// 22003: PostgreSQL's format does not hold it.
    pub(in crate::protect) fn encode(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        let mut head = |weight: i16, sign: u16, scale: u16| {
            out.extend_from_slice(&weight.to_be_bytes());
            out.extend_from_slice(&sign.to_be_bytes());
            out.extend_from_slice(&scale.to_be_bytes());
        };
        match self {
            Self::Nan => head(0, NAN, 0),
            Self::Infinity => head(0, INFINITY, INFINITE_SCALE),
            Self::MinusInfinity => head(0, MINUS_INFINITY, INFINITE_SCALE),
            Self::Finite(f) if f.digits.is_empty() => head(0, 0, f.scale),
            Self::Finite(f) => {
                let weight = i16::try_from((f.point - 1).div_euclid(4)).map_err(|_| overflows())?;
                head(weight, if f.negative { NEGATIVE } else { 0 }, f.scale);
                pack(f, out);
            }
        }
        Ok(())
    }

    /// numeric_recv, without a typmod.
    ///
    /// # Errors
    /// 22P03, 08P01, 22003.
    pub(in crate::protect) fn from_binary(bytes: &[u8]) -> Result<Self, ValueError> {
        let short = || ValueError::new("08P01", "insufficient data left in message");
        let (count, rest) = bytes.split_first_chunk::<2>().ok_or_else(short)?;
        let count = usize::from(u16::from_be_bytes(*count));
        let (head, words) = rest.split_at_checked(6).ok_or_else(short)?;
        let words = words.get(..count * 2).ok_or_else(short)?;
        if rest.len() != 6 + count * 2 {
            return Err(ValueError::new("22P03", "incorrect binary data format"));
        }
        let external = |what: &str| {
            ValueError::new(
                "22P03",
                format!("invalid {what} in external \"numeric\" value"),
            )
        };
        let [w0, w1, s0, s1, d0, d1] = head.try_into().map_err(|_| short())?;
        let scale = u16::from_be_bytes([d0, d1]);
        match u16::from_be_bytes([s0, s1]) {
            NAN => Ok(Self::Nan),
            INFINITY => Ok(Self::Infinity),
            MINUS_INFINITY => Ok(Self::MinusInfinity),
            sign @ (0 | NEGATIVE) if scale <= 0x3fff => {
                let weight = i16::from_be_bytes([w0, w1]);
                unpack(weight, sign == NEGATIVE, scale, words).ok_or_else(|| external("digit"))
            }
            0 | NEGATIVE => Err(external("scale")),
            _ => Err(external("sign")),
        }
    }
}

fn unpack(weight: i16, negative: bool, scale: u16, words: &[u8]) -> Option<Decimal> {
    let mut digits = Vec::with_capacity(words.len() * 2);
    for word in words.chunks_exact(2) {
        let [hi, lo] = word else { return None };
        let word = u16::from_be_bytes([*hi, *lo]);
        if word > 9999 {
            return None;
        }
        digits.extend(self::digits(word).map(|d| d - b'0'));
    }
    let mut finite = Finite {
        negative,
        digits,
        point: (i64::from(weight) + 1) * 4,
        scale,
    };
    finite.truncate_to_scale();
    Some(Decimal::Finite(finite))
}

impl Finite {
    /// numeric_recv cuts digits beyond the scale.
    fn truncate_to_scale(&mut self) {
        let keep = usize::try_from(self.point + i64::from(self.scale)).unwrap_or(0);
        self.digits.truncate(keep);
        self.normalise();
    }
}

fn pack(finite: &Finite, out: &mut Vec<u8>) {
    // zeros before the first digit inside its word
    let lead = usize::try_from((-finite.point).rem_euclid(4)).unwrap_or(0);
    let mut digits = std::iter::repeat_n(0, lead).chain(finite.digits.iter().copied());
    let count = (lead + finite.digits.len()).div_ceil(4);
    for _ in 0..count {
        let mut word = 0u16;
        for _ in 0..4 {
            word = word * 10 + u16::from(digits.next().unwrap_or(0));
        }
        out.extend_from_slice(&word.to_be_bytes());
    }
}

//! Masks: what is shown in a value's place, of the same type and in the same formats.
//!
//! It must never show more than the mask says: a mask that does not fit the type masks whole.

use crate::protect::value::array::ShownArray;
use crate::protect::value::interval::Interval;
use crate::protect::value::network::{ANYWHERE, NOBODY};
use crate::protect::value::numeric::Words;
use crate::protect::value::{Restore, Shown, date, timestamptz};
use bytes::{BufMut, BytesMut};
use hippocrypt_policy::{DeclaredType, Mask};

/// numeric 0, canonical.
const ZERO: &[u8] = &[0; 6];

/// A masked value.
pub(in crate::protect) enum Masked<'a> {
    /// Of fixed form: written as any value is.
    Value(Shown<'a>),
    /// Text, to be written with [`write_text`], and blanks behind it; the same in both formats.
    Text(&'a str, usize),
}

/// What stands in the place of `shown`, which is of type `declared`. `None`: text that is not UTF-8.
pub(in crate::protect) fn apply<'a>(
    mask: Mask,
    declared: DeclaredType,
    shown: &Shown<'a>,
) -> Option<Masked<'a>> {
    Some(Masked::Value(match (mask, shown) {
        (_, Shown::Text(text)) => return Some(Masked::Text(std::str::from_utf8(text).ok()?, 0)),
        (_, Shown::Blank(text, blanks)) => {
            let text = std::str::from_utf8(text).ok()?;
            let bare = text.trim_end_matches(' ');
            return Some(Masked::Text(bare, blanks + text.len() - bare.len()));
        }
        (Mask::Year, Shown::Date(d)) => Shown::Date(date::first_of_year(*d)),
        (Mask::Year, Shown::Timestamptz(t)) => Shown::Timestamptz(timestamptz::first_of_year(*t)),
        (Mask::Year, Shown::Timestamp(t)) => Shown::Timestamp(timestamptz::first_of_year(*t)),
        (_, Shown::Bool(_)) => Shown::Bool(false),
        (_, Shown::Int2(_)) => Shown::Int2(0),
        (_, Shown::Int4(_)) => Shown::Int4(0),
        (_, Shown::Int8(_)) => Shown::Int8(0),
        (_, Shown::Date(_)) => Shown::Date(date::EPOCH),
        (_, Shown::Timestamptz(_)) => Shown::Timestamptz(timestamptz::EPOCH),
        (_, Shown::Timestamp(_)) => Shown::Timestamp(timestamptz::EPOCH),
        (_, Shown::Time(_)) => Shown::Time(0),
        (_, Shown::Interval(_)) => Shown::Interval(Interval::of_time(0)),
        (_, Shown::Float4(_)) => Shown::Float4(0.0),
        (_, Shown::Float8(_)) => Shown::Float8(0.0),
        (_, Shown::Bytes(_)) => Shown::Bytes(b""),
        (_, Shown::Json(_)) => Shown::Json(b"null"),
        (_, Shown::Jsonb(_)) => Shown::Jsonb(b"null"),
        (_, Shown::Inet(_)) => Shown::Inet(NOBODY),
        (_, Shown::Cidr(_)) => Shown::Cidr(ANYWHERE),
        (_, Shown::Array(_)) => match declared {
            DeclaredType::Array(element) => Shown::Array(ShownArray::empty(element)),
            _ => return None,
        },
        (_, Shown::Uuid(_)) => Shown::Uuid([0; 16]),
        (_, Shown::Numeric(_)) => {
            let scale = match Restore::of(declared) {
                Some(Restore::Scale(scale)) => scale,
                _ => 0,
            };
            Shown::Numeric(Words::read(ZERO)?.shown_with(scale)?)
        }
    }))
}

/// Text under a mask: its length stays, in characters. `blanks` follow it.
pub(in crate::protect) fn write_text(mask: Mask, text: &str, blanks: usize, out: &mut BytesMut) {
    let kept = match mask {
        Mask::First(n) | Mask::Last(n) => usize::try_from(n).unwrap_or(usize::MAX),
        Mask::Year | Mask::Full => 0,
    };
    let length = text.chars().count();
    // a value no longer than what would be kept is masked whole
    let kept = if length <= kept { 0 } else { kept };
    let shown = match mask {
        Mask::Last(_) => length - kept..length,
        _ => 0..kept,
    };
    for (at, c) in text.chars().enumerate() {
        if shown.contains(&at) {
            out.put_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            out.put_u8(b'*');
        }
    }
    out.put_bytes(b' ', blanks);
}

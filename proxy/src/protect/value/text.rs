//! text, varchar(n) and char(n). Canonical plaintext: the bytes as they are, UTF-8.
//!
//! It must never cut anything but blanks: a longer value is 22001, as an assignment is in PostgreSQL.

use crate::protect::ValueError;
use std::borrow::Cow;

/// Bytes of the client as text.
///
/// # Errors
/// 22021: not UTF-8, or a NUL.
pub(in crate::protect) fn utf8(bytes: &[u8]) -> Result<&str, ValueError> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| ValueError::new("22021", "invalid byte sequence for encoding \"UTF8\""))
}

/// The part of `text` that varchar(n) stores: blanks beyond the limit are cut.
///
/// # Errors
/// 22001.
pub(in crate::protect) fn fit(text: &str, limit: u32) -> Result<&str, ValueError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Some((end, _)) = text.char_indices().nth(limit) else {
        return Ok(text);
    };
    let (kept, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    if rest.bytes().all(|b| b == b' ') {
        Ok(kept)
    } else {
        Err(ValueError::new(
            "22001",
            format!("value too long for type character varying({limit})"),
        ))
    }
}

/// What char(n) stores: blanks up to its length, and none beyond it.
///
/// # Errors
/// 22001.
pub(in crate::protect) fn pad(text: Cow<'_, str>, limit: u32) -> Result<Cow<'_, str>, ValueError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let length = text.chars().count();
    if length == wanted {
        return Ok(text);
    }
    if length < wanted {
        let mut padded = text.into_owned();
        padded.extend(std::iter::repeat_n(' ', wanted - length));
        return Ok(Cow::Owned(padded));
    }
    match fit(&text, limit) {
        Ok(kept) => Ok(Cow::Owned(kept.to_owned())),
        Err(_) => Err(ValueError::new(
            "22001",
            format!("value too long for type character({limit})"),
        )),
    }
}

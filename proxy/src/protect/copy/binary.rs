//! `FORMAT binary`: a header, tuples of fields with their lengths, a trailer. copyfromparse.c, copyto.c.

use super::{LONGEST_ROW, bad_format, too_long};
use crate::protect::ValueError;

/// The file's first bytes.
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// A header without flags and extension.
pub(super) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The trailer's field count.
pub(super) const TRAILER: [u8; 2] = [0xff, 0xff];

/// The bytes of the header; `None` where more are wanted.
pub(super) fn header(data: &[u8]) -> Result<Option<usize>, ValueError> {
    let known = data.len().min(SIGNATURE.len());
    if data.get(..known) != SIGNATURE.get(..known) {
        return Err(bad_format("COPY file signature not recognized"));
    }
    let word = |at: usize| {
        let bytes = data.get(at..).and_then(|d| d.first_chunk::<4>());
        bytes.map(|bytes| u32::from_be_bytes(*bytes))
    };
    let Some(flags) = word(11) else {
        return Ok(None);
    };
    if flags & (1 << 16) != 0 {
        return Err(bad_format("invalid COPY file header (WITH OIDS)"));
    }
    if flags >> 16 != 0 {
        return Err(bad_format(
            "unrecognized critical flags in COPY file header",
        ));
    }
    let Some(extension) = word(15) else {
        return Ok(None);
    };
    let extension = i32::from_be_bytes(extension.to_be_bytes());
    let extension = usize::try_from(extension)
        .map_err(|_| bad_format("invalid COPY file header (wrong length)"))?;
    let length = HEADER.len() + extension;
    Ok((data.len() >= length).then_some(length))
}

/// The error for data that ends within its header.
pub(super) fn no_header(data: &[u8]) -> ValueError {
    bad_format(match data.len() {
        0..11 => "COPY file signature not recognized",
        11..15 => "invalid COPY file header (missing flags)",
        15..19 => "invalid COPY file header (missing length)",
        _ => "invalid COPY file header (wrong length)",
    })
}

/// A row, or what stands in its place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tuple<'a> {
    /// Fields, and the bytes they take.
    Row(Vec<Option<&'a [u8]>>, usize),
    /// The trailer.
    Trailer,
    /// More data is wanted.
    More,
}

/// The tuple at the beginning of `data`, of this many fields.
pub(super) fn tuple(data: &[u8], columns: usize) -> Result<Tuple<'_>, ValueError> {
    let Some((count, mut rest)) = data.split_first_chunk::<2>() else {
        return Ok(Tuple::More);
    };
    if *count == TRAILER {
        return Ok(Tuple::Trailer);
    }
    let count = i16::from_be_bytes(*count);
    if usize::try_from(count) != Ok(columns) {
        return Err(bad_format(format!(
            "row field count is {count}, expected {columns}"
        )));
    }
    let mut fields = Vec::with_capacity(columns);
    for _ in 0..columns {
        let Some((length, tail)) = rest.split_first_chunk::<4>() else {
            return Ok(Tuple::More);
        };
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            fields.push(None);
            rest = tail;
            continue;
        }
        let length = usize::try_from(length).map_err(|_| bad_format("invalid field size"))?;
        if length > LONGEST_ROW {
            return Err(too_long());
        }
        let Some((value, tail)) = tail.split_at_checked(length) else {
            return Ok(Tuple::More);
        };
        fields.push(Some(value));
        rest = tail;
    }
    Ok(Tuple::Row(fields, data.len() - rest.len()))
}

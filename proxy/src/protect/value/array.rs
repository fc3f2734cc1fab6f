//! Arrays of one dimension (array_in, array_out, array_recv, array_send of arrayfuncs.c). Canonical
//! plaintext: the lower bound, i32, then for each element its length, i32 and -1 for NULL, and its canonical
//! plaintext; nothing at all for an empty array.
//!
//! It must never flatten an array of several dimensions, nor lose a lower bound: both make arrays unequal.

use super::shown::{Restore, Shown};
use super::{Canonical, Value, input, is_space};
use crate::protect::{Settings, ValueError};
use bytes::{BufMut, BytesMut};
use hippocrypt_policy::{DeclaredType, Element};

/// `MAXDIM`
const MOST_DIMENSIONS: i32 = 6;

/// An array of one dimension, or an empty one.
#[derive(Clone, PartialEq)]
pub(in crate::protect) struct Array<'a> {
    /// Index of the first element; 1 where nothing else is said.
    lower: i32,
    elements: Vec<Option<Value<'a>>>,
}

impl<'a> Array<'a> {
    /// Each element by `change`.
    pub(in crate::protect) fn map(
        self,
        change: impl Fn(Value<'a>) -> Result<Value<'a>, ValueError>,
    ) -> Result<Self, ValueError> {
        let elements = self
            .elements
            .into_iter()
            .map(|e| e.map(&change).transpose());
        Ok(Self {
            lower: self.lower,
            elements: elements.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn into_owned(self) -> Array<'static> {
        let owned = |e: Option<Value<'a>>| e.map(Value::into_owned);
        Array {
            lower: self.lower,
            elements: self.elements.into_iter().map(owned).collect(),
        }
    }

    pub(super) fn encode(self, canonical: Canonical, out: &mut Vec<u8>) -> Result<(), ValueError> {
        if self.elements.is_empty() {
            return Ok(());
        }
        out.extend_from_slice(&self.lower.to_be_bytes());
        for element in self.elements {
            let start = out.len();
            out.extend_from_slice(&(-1i32).to_be_bytes());
            let Some(value) = element else { continue };
            let from = out.len();
            value.encode(canonical, out)?;
            let length = i32::try_from(out.len() - from)
                .map_err(|_| ValueError::new("54000", "array size exceeds the maximum allowed"))?;
            if let Some(slot) = out.get_mut(start..from) {
                slot.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(())
    }
}

fn several_dimensions() -> ValueError {
    ValueError::new(
        "0A000",
        "an array of several dimensions cannot be stored in or compared with an encrypted column",
    )
    .hint("Encrypted arrays have one dimension.")
}

fn malformed() -> ValueError {
    ValueError::new("22P02", "malformed array literal")
}

/// array_in.
///
/// # Errors
/// 22P02, 2202E and the elements' own; 0A000 for several dimensions.
pub(super) fn parse(
    element: DeclaredType,
    text: &str,
    settings: &Settings,
) -> Result<Array<'static>, ValueError> {
    let text = text.trim_matches(is_space);
    let (bounds, body) = bounds(text)?;
    let body = body.strip_prefix('{').ok_or_else(malformed)?;
    let mut items = Items { rest: body };
    let mut elements = Vec::new();
    while let Some(item) = items.next(elements.is_empty())? {
        elements.push(match item {
            None if settings.array_nulls() => None,
            None => {
                return Err(ValueError::new(
                    "0A000",
                    "an unquoted NULL in an array under array_nulls = off is not read by the proxy",
                )
                .hint("Write it in quotes, or SET array_nulls = on."));
            }
            Some(text) => Some(input::parse(element, &text, settings)?.into_owned()),
        });
    }
    if !items.rest.is_empty() {
        return Err(malformed());
    }
    let lower = match bounds {
        None => 1,
        Some(_) if elements.is_empty() => return Err(malformed()),
        Some((lower, upper)) => {
            let wanted = i64::from(upper) - i64::from(lower) + 1;
            if i64::try_from(elements.len()) != Ok(wanted) {
                return Err(malformed());
            }
            lower
        }
    };
    Ok(Array { lower, elements })
}

/// Lower and upper bound, where they are written.
type Bounds = Option<(i32, i32)>;

/// `[0:1]=`, and what follows it.
fn bounds(text: &str) -> Result<(Bounds, &str), ValueError> {
    let Some(inside) = text.strip_prefix('[') else {
        return Ok((None, text));
    };
    let (inside, rest) = inside.split_once(']').ok_or_else(malformed)?;
    let (lower, upper) = inside.split_once(':').unwrap_or(("1", inside));
    let number = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        text.parse::<i32>()
            .ok()
            .filter(|_| plain)
            .ok_or_else(malformed)
    };
    let (lower, upper) = (number(lower)?, number(upper)?);
    if upper < lower {
        return Err(ValueError::new(
            "2202E",
            "upper bound cannot be less than lower bound",
        ));
    }
    // the last index must be one below the largest integer
    if upper == i32::MAX {
        return Err(several_dimensions());
    }
    let rest = rest.trim_start_matches(is_space);
    if rest.starts_with('[') {
        return Err(several_dimensions());
    }
    let body = rest.strip_prefix('=').ok_or_else(malformed)?;
    Ok((Some((lower, upper)), body.trim_start_matches(is_space)))
}

/// What stands between the braces.
struct Items<'a> {
    rest: &'a str,
}

impl Items<'_> {
    /// The next element: `Some(None)` for NULL, `None` after the last.
    fn next(&mut self, first: bool) -> Result<Option<Option<String>>, ValueError> {
        self.rest = self.rest.trim_start_matches(is_space);
        let mut chars = self.rest.chars();
        match chars.next() {
            Some('}') if first || self.closed() => {
                self.rest = chars.as_str();
                return Ok(None);
            }
            Some('{') => return Err(several_dimensions()),
            _ => {}
        }
        let item = match self.rest.strip_prefix('"') {
            Some(quoted) => Some(self.quoted(quoted)?),
            None => self.plain()?,
        };
        self.rest = self.rest.trim_start_matches(is_space);
        // a comma is taken with the element before it, and wants another behind it
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest.trim_start_matches(is_space);
            if self.rest.starts_with('}') {
                return Err(malformed());
            }
        } else if !self.rest.starts_with('}') {
            return Err(malformed());
        }
        Ok(Some(item))
    }

    /// A brace here ends the array: commas have been seen to be followed by elements.
    fn closed(&self) -> bool {
        self.rest.starts_with('}')
    }

    fn quoted(&mut self, text: &str) -> Result<String, ValueError> {
        let mut item = String::new();
        let mut chars = text.chars();
        loop {
            match chars.next().ok_or_else(malformed)? {
                '"' => break,
                '\\' => item.push(chars.next().ok_or_else(malformed)?),
                c => item.push(c),
            }
        }
        let used = text.len() - chars.as_str().len() + 1;
        self.rest = self.rest.get(used..).ok_or_else(malformed)?;
        Ok(item)
    }

    fn plain(&mut self) -> Result<Option<String>, ValueError> {
        let mut item = String::new();
        // blanks at the end are dropped, escaped ones are not
        let mut kept = 0;
        let mut escaped = false;
        let mut chars = self.rest.char_indices();
        let end = loop {
            let (at, c) = chars.next().ok_or_else(malformed)?;
            match c {
                ',' | '}' => break at,
                '{' | '"' => return Err(malformed()),
                '\\' => {
                    item.push(chars.next().ok_or_else(malformed)?.1);
                    escaped = true;
                    kept = item.len();
                }
                c => {
                    item.push(c);
                    if !is_space(c) {
                        kept = item.len();
                    }
                }
            }
        };
        self.rest = self.rest.get(end..).unwrap_or_default();
        item.truncate(kept);
        match item.as_str() {
            "" => Err(malformed()),
            word if !escaped && word.eq_ignore_ascii_case("null") => Ok(None),
            _ => Ok(Some(item)),
        }
    }
}

/// array_recv.
///
/// # Errors
/// 22P03, 08P01, 54000, 42804 and the elements' own; 0A000 for several dimensions.
pub(super) fn receive(element: DeclaredType, bytes: &[u8]) -> Result<Array<'_>, ValueError> {
    let format = |what: &str| ValueError::new("22P03", what.to_owned());
    let mut rest = bytes;
    let dimensions = take(&mut rest)?;
    let flags = take(&mut rest)?;
    let oid = take(&mut rest)?;
    match dimensions {
        ..0 => return Err(format("invalid number of dimensions")),
        0 | 1 => {}
        n if n > MOST_DIMENSIONS => {
            let message = "number of array dimensions exceeds the maximum allowed (6)";
            return Err(ValueError::new("54000", message));
        }
        _ => return Err(several_dimensions()),
    }
    if !matches!(flags, 0 | 1) {
        return Err(format("invalid array flags"));
    }
    if u32::try_from(oid) != Ok(element.oid()) {
        return Err(ValueError::new(
            "42804",
            format!(
                "binary data has array element type {oid} instead of expected type {}",
                element.oid()
            ),
        ));
    }
    let (count, lower) = match dimensions {
        0 => (0, 1),
        _ => (take(&mut rest)?, take(&mut rest)?),
    };
    let count = usize::try_from(count).map_err(|_| format("invalid array size"))?;
    let mut elements = Vec::new();
    for _ in 0..count {
        let length = take(&mut rest)?;
        if length == -1 {
            elements.push(None);
            continue;
        }
        let length =
            usize::try_from(length).map_err(|_| format("insufficient data left in message"))?;
        let short = || ValueError::new("22P03", "insufficient data left in message");
        let (value, after) = rest.split_at_checked(length).ok_or_else(short)?;
        elements.push(Some(input::receive(element, value)?));
        rest = after;
    }
    match rest {
        [] => Ok(Array {
            lower: if elements.is_empty() { 1 } else { lower },
            elements,
        }),
        _ => Err(format("incorrect binary data format")),
    }
}

fn take(rest: &mut &[u8]) -> Result<i32, ValueError> {
    let short = || ValueError::new("08P01", "insufficient data left in message");
    let (word, after) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    *rest = after;
    Ok(i32::from_be_bytes(*word))
}

/// An array as it is shown.
pub(in crate::protect) struct ShownArray<'a> {
    element: DeclaredType,
    lower: i32,
    elements: Vec<Option<Shown<'a>>>,
}

impl<'a> ShownArray<'a> {
    /// An empty one.
    pub(in crate::protect) fn empty(element: Element) -> Self {
        Self {
            element: element.declared(),
            lower: 1,
            elements: Vec::new(),
        }
    }

    /// `None` where it is none that [`Array::encode`] writes.
    pub(super) fn read(
        element: DeclaredType,
        restore: Option<Restore>,
        plaintext: &'a [u8],
    ) -> Option<Self> {
        let mut array = Self {
            element,
            lower: 1,
            elements: Vec::new(),
        };
        if plaintext.is_empty() {
            return Some(array);
        }
        let mut rest = plaintext;
        array.lower = take(&mut rest).ok()?;
        while !rest.is_empty() {
            let length = take(&mut rest).ok()?;
            if length == -1 {
                array.elements.push(None);
                continue;
            }
            let (value, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            array
                .elements
                .push(Some(Shown::read(element, restore, value)?));
            rest = after;
        }
        (!array.elements.is_empty()).then_some(array)
    }

    fn count(&self) -> i32 {
        i32::try_from(self.elements.len()).unwrap_or(i32::MAX)
    }
}

/// array_send.
pub(super) fn send(array: &ShownArray<'_>, out: &mut BytesMut) {
    out.put_i32(i32::from(!array.elements.is_empty()));
    out.put_i32(i32::from(array.elements.iter().any(Option::is_none)));
    out.put_u32(array.element.oid());
    if array.elements.is_empty() {
        return;
    }
    out.put_i32(array.count());
    out.put_i32(array.lower);
    for element in &array.elements {
        let Some(value) = element else {
            out.put_i32(-1);
            continue;
        };
        let start = out.len();
        out.put_i32(0);
        value.send(out);
        let length = i32::try_from(out.len() - start - 4).unwrap_or(0);
        if let Some(slot) = out.get_mut(start..start + 4) {
            slot.copy_from_slice(&length.to_be_bytes());
        }
    }
}

/// array_out.
pub(super) fn write_text(
    array: &ShownArray<'_>,
    settings: &Settings,
    out: &mut BytesMut,
) -> Result<(), ValueError> {
    if array.lower != 1 && !array.elements.is_empty() {
        let upper = i64::from(array.lower) + i64::from(array.count()) - 1;
        out.put_slice(format!("[{}:{upper}]=", array.lower).as_bytes());
    }
    out.put_u8(b'{');
    let mut text = BytesMut::new();
    for (at, element) in array.elements.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        let Some(value) = element else {
            out.put_slice(b"NULL");
            continue;
        };
        text.clear();
        value.write_text(settings, &mut text)?;
        write_item(&text, out);
    }
    out.put_u8(b'}');
    Ok(())
}

fn write_item(text: &[u8], out: &mut BytesMut) {
    let special =
        |b: &u8| matches!(b, b'"' | b'\\' | b'{' | b'}' | b',') || is_space(char::from(*b));
    if !text.is_empty() && !text.eq_ignore_ascii_case(b"null") && !text.iter().any(special) {
        return out.put_slice(text);
    }
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

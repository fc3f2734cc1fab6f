//! bytea as text, as the simple protocol sends cells: `\x…` or the escape format.

/// The bytes; `None` where the text is neither.
pub(in crate::protect) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    match text.strip_prefix(b"\\x") {
        Some(digits) => hex(digits),
        None => escape(text),
    }
}

pub(in crate::protect) fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let mut seen = 0;
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    bytes.extend(digits.chunks_exact(2).map(|pair| {
        let (hi, lo) = match pair {
            [hi, lo] => (nibble(*hi), nibble(*lo)),
            _ => (NO_DIGIT, NO_DIGIT),
        };
        seen |= hi | lo;
        hi << 4 | lo
    }));
    (seen & NO_DIGIT == 0).then_some(bytes)
}

/// A bit that no nibble has.
const NO_DIGIT: u8 = 0x80;

/// By table: a cell's text is as many digits as twice its bytes, and a COPY has many cells.
fn nibble(digit: u8) -> u8 {
    #[expect(clippy::indexing_slicing, reason = "computed when compiled")]
    const NIBBLES: [u8; 256] = {
        let mut table = [NO_DIGIT; 256];
        let digits = b"0123456789abcdefABCDEF";
        let mut ix = 0;
        while ix < digits.len() {
            table[digits[ix] as usize] = if ix < 16 { ix as u8 } else { ix as u8 - 6 };
            ix += 1;
        }
        table
    };
    NIBBLES.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT)
}

/// `\\` is a backslash, `\ooo` a byte in octal, anything else itself.
fn escape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Some(bytes),
            [b'\\', b'\\', tail @ ..] => {
                bytes.push(b'\\');
                tail
            }
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                tail @ ..,
            ] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                tail
            }
            [b'\\', ..] => return None,
            [byte, tail @ ..] => {
                bytes.push(*byte);
                tail
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn both_formats() {
        assert_eq!(decode(br"\xf5e1"), Some(vec![0xf5, 0xe1]));
        assert_eq!(decode(br"\x09afAF"), Some(vec![0x09, 0xaf, 0xaf]));
        assert_eq!(decode(br"\365\341a\\"), Some(vec![0xf5, 0xe1, b'a', b'\\']));
        for bad in [&br"\xf5e"[..], br"\xg0", br"\365\34", br"\400", br"\"] {
            assert_eq!(decode(bad), None);
        }
    }
}

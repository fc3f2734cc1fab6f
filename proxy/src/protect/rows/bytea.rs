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
    digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [hi, lo] => Some(nibble(*hi)? << 4 | nibble(*lo)?),
            _ => None,
        })
        .collect()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
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
        assert_eq!(decode(br"\365\341a\\"), Some(vec![0xf5, 0xe1, b'a', b'\\']));
        for bad in [&br"\xf5e"[..], br"\xg0", br"\365\34", br"\400", br"\"] {
            assert_eq!(decode(bad), None);
        }
    }
}

//! Padding: ISO/IEC 7816-4 (`80 00…`, at least one byte) to 16-byte buckets up to 64, then Padmé.
//!
//! Checked only after the cell authenticated, so that there is no padding oracle, and strictly: a
//! plaintext has exactly one padded form, or equal values would not give equal cells.

/// Whether a plaintext is padded before it is sealed. One choice per type family, never per value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// As it is: for families of fixed width.
    No,
    /// Padded by at least one byte: for text and everything else of varying length.
    Yes,
}

/// The padded length of a plaintext of `len` bytes; `None` where it has no representation.
pub(crate) fn padded_len(len: usize) -> Option<usize> {
    let least = len.checked_add(1)?;
    if least <= 64 {
        return Some(least.next_multiple_of(16));
    }
    padme(least)
}

/// Padmé (Nikitin et al., PoPETs 2019, algorithm 1): at most 12 % more, O(log log n) bits revealed.
fn padme(len: usize) -> Option<usize> {
    let exponent = len.ilog2();
    let significant = exponent.ilog2() + 1;
    let mask = (1usize << (exponent - significant)) - 1;
    Some(len.checked_add(mask)? & !mask)
}

/// Appends the padding for a plaintext of `len` bytes that is already at the end of `out`.
pub(crate) fn pad(out: &mut Vec<u8>, len: usize, padded: usize) {
    if padded > len {
        out.push(0x80);
        out.resize(out.len() + (padded - len - 1), 0);
    }
}

/// The length of the plaintext inside `padded`; `None` where the padding is not exactly ours.
pub(crate) fn unpadded_len(padded: &[u8]) -> Option<usize> {
    let len = padded.iter().rposition(|b| *b != 0)?;
    let ours = padded.get(len) == Some(&0x80) && padded_len(len) == Some(padded.len());
    ours.then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_then_padme() {
        let want = [
            (0, 16),
            (15, 16),
            (16, 32),
            (31, 32),
            (47, 48),
            (63, 64),
            (64, 72),
            (71, 72),
            (72, 80),
            (127, 128),
            (128, 144),
            (255, 256),
            (1000, 1024),
            (10_000, 10_240),
        ];
        for (len, padded) in want {
            assert_eq!(padded_len(len), Some(padded), "{len}");
        }
        assert_eq!(padded_len(usize::MAX), None);
    }

    #[test]
    fn never_more_than_an_eighth_and_never_shrinking() {
        let mut last = 0;
        for len in 0..200_000 {
            let padded = padded_len(len).unwrap();
            assert!(padded > len && padded >= last);
            assert!(len < 64 || padded - len <= len / 8 + 1, "{len} {padded}");
            last = padded;
        }
    }

    #[test]
    fn only_the_one_padding_is_taken() {
        for len in 0..300 {
            let mut text = vec![0x80; len];
            pad(&mut text, len, padded_len(len).unwrap());
            assert_eq!(unpadded_len(&text), Some(len));
            text.extend([0; 16]);
            assert_eq!(unpadded_len(&text), None, "one bucket too long");
        }
        for bad in [&[][..], &[0; 16], &[0x81; 16], &[0x80; 15], &[0x80, 0]] {
            assert_eq!(unpadded_len(bad), None);
        }
    }
}

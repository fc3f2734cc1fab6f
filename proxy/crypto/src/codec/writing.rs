//! The nonces of suite 01: a random prefix per codec, and 12 random bytes per cell.
//!
//! A prefix is drawn anew before 2^28 cells or 2^40 bytes have gone under its key, whichever is
//! first; docs/formats/cell.md, "Bounds". Without randomness there is no cell. Random bytes are
//! taken from the kernel cell by cell: a buffer of them would come back to life in a restored
//! snapshot of the machine and repeat nonces.

use super::epoch::EpochKeys;
use crate::RandomError;
use crate::header::{NONCE_LEN, PREFIX_LEN, put};
use crate::xaes::PrefixKey;
use std::sync::{Arc, Mutex, PoisonError};

const CELLS_PER_PREFIX: u64 = 1 << 28;
const BYTES_PER_PREFIX: u64 = 1 << 40;

/// A 192-bit nonce in its two halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonce {
    prefix: [u8; PREFIX_LEN],
    tail: [u8; PREFIX_LEN],
}

impl Nonce {
    pub(super) fn new(prefix: [u8; PREFIX_LEN], tail: [u8; PREFIX_LEN]) -> Self {
        Self { prefix, tail }
    }

    pub(super) fn tail(&self) -> &[u8; PREFIX_LEN] {
        &self.tail
    }

    pub(super) fn whole(&self) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        let rest = put(&mut nonce, &self.prefix);
        put(rest, &self.tail);
        nonce
    }
}

/// The prefix that a codec writes under; none before the first cell.
#[derive(Default)]
pub(super) struct Writing(Mutex<Option<Prefix>>);

struct Prefix {
    bytes: [u8; PREFIX_LEN],
    key: Arc<PrefixKey>,
    cells_left: u64,
    bytes_left: u64,
}

impl Writing {
    /// The key and nonce for one more cell of `len` bytes.
    pub(super) fn next(
        &self,
        keys: &EpochKeys,
        len: usize,
    ) -> Result<(Arc<PrefixKey>, Nonce), RandomError> {
        let mut tail = [0; PREFIX_LEN];
        getrandom::fill(&mut tail).map_err(RandomError)?;
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let len = len as u64;
        let prefix = match &mut *current {
            Some(prefix) if prefix.cells_left > 0 && prefix.bytes_left >= len => prefix,
            spent => spent.insert(Prefix::draw(keys)?),
        };
        prefix.cells_left -= 1;
        prefix.bytes_left = prefix.bytes_left.saturating_sub(len);
        Ok((prefix.key.clone(), Nonce::new(prefix.bytes, tail)))
    }
}

impl Prefix {
    fn draw(keys: &EpochKeys) -> Result<Self, RandomError> {
        let mut bytes = [0; PREFIX_LEN];
        getrandom::fill(&mut bytes).map_err(RandomError)?;
        Ok(Self {
            key: keys.prefix_key(&bytes),
            bytes,
            cells_left: CELLS_PER_PREFIX,
            bytes_left: BYTES_PER_PREFIX,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataKey, DatabaseUuid, Epoch, GroupId};

    fn keys() -> EpochKeys {
        let key = DataKey::copied_from(&[1; 32]);
        EpochKeys::derive(&DatabaseUuid([2; 16]), GroupId(3), Epoch(4), &key)
    }

    fn spend(writing: &Writing, cells_left: u64, bytes_left: u64) {
        let mut current = writing.0.lock().unwrap();
        let prefix = current.as_mut().unwrap();
        prefix.cells_left = cells_left;
        prefix.bytes_left = bytes_left;
    }

    #[test]
    fn a_prefix_stays_until_it_is_spent() {
        let (keys, writing) = (keys(), Writing::default());
        let first = writing.next(&keys, 16).unwrap().1;
        let second = writing.next(&keys, 16).unwrap().1;
        assert_eq!(first.prefix, second.prefix);
        assert_ne!(first.tail, second.tail);

        spend(&writing, 1, u64::MAX);
        assert_eq!(writing.next(&keys, 16).unwrap().1.prefix, first.prefix);
        let after = writing.next(&keys, 16).unwrap().1;
        assert_ne!(after.prefix, first.prefix, "2^28 cells");

        spend(&writing, 100, 31);
        assert_eq!(writing.next(&keys, 16).unwrap().1.prefix, after.prefix);
        assert_ne!(
            writing.next(&keys, 16).unwrap().1.prefix,
            after.prefix,
            "2^40 bytes"
        );
    }

    #[test]
    fn two_codecs_write_under_two_prefixes() {
        let keys = keys();
        let one = Writing::default().next(&keys, 1).unwrap().1;
        let two = Writing::default().next(&keys, 1).unwrap().1;
        assert_ne!(one.prefix, two.prefix);
    }
}

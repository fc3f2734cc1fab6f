//! The derived keys of the nonce prefixes that were met on opening, bounded.
//!
//! Prefixes arrive with the data, so whoever writes to the database chooses them: only prefixes of
//! cells that authenticated are kept, and at most [`GENERATION`] twice over. Two generations: when
//! the young one is full it becomes the old one, and what is used again moves back. That keeps what
//! is in use without writing to anything on a hit.

use crate::Epoch;
use crate::header::PREFIX_LEN;
use crate::xaes::PrefixKey;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

/// A prefix is a process's life (or 2^28 cells), so a column has dozens, not thousands.
const GENERATION: usize = 128;

type Generation = HashMap<Name, Arc<PrefixKey>, BuildHasherDefault<AsItIs>>;

/// What a key is kept under.
#[derive(PartialEq, Eq)]
struct Name(Epoch, [u8; PREFIX_LEN]);

impl Hash for Name {
    /// A prefix is random, and what is kept has authenticated: nobody can choose many that meet.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self(_, [a, b, c, d, e, f, g, h, ..]) = *self;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// A hash that is there already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.write_u64(u64::from(*b)));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = self.0.rotate_left(8) ^ hash;
    }
}

#[derive(Default)]
pub(super) struct PrefixKeys(RwLock<Generations>);

#[derive(Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

impl PrefixKeys {
    pub(super) fn get(&self, epoch: Epoch, prefix: &[u8; PREFIX_LEN]) -> Option<Arc<PrefixKey>> {
        let name = Name(epoch, *prefix);
        let old = {
            let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(key) = kept.young.get(&name) {
                return Some(key.clone());
            }
            kept.old.get(&name)?.clone()
        };
        self.insert(epoch, *prefix, old.clone());
        Some(old)
    }

    pub(super) fn insert(&self, epoch: Epoch, prefix: [u8; PREFIX_LEN], key: Arc<PrefixKey>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if kept.young.len() >= GENERATION {
            kept.old = std::mem::take(&mut kept.young);
        }
        kept.young.insert(Name(epoch, prefix), key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(n: u32) -> [u8; PREFIX_LEN] {
        let mut prefix = [0; PREFIX_LEN];
        prefix[..4].copy_from_slice(&n.to_be_bytes());
        prefix
    }

    fn key(n: u32) -> Arc<PrefixKey> {
        Arc::new(PrefixKey::derive(&[5; 32], &prefix(n)))
    }

    fn held(keys: &PrefixKeys) -> usize {
        let kept = keys.0.read().unwrap();
        kept.young.len() + kept.old.len()
    }

    #[test]
    fn bounded_and_what_is_used_stays() {
        let keys = PrefixKeys::default();
        keys.insert(Epoch(1), prefix(0), key(0));
        for n in 1..2000 {
            keys.insert(Epoch(1), prefix(n), key(n));
            assert!(
                keys.get(Epoch(1), &prefix(0)).is_some(),
                "used each time, gone at {n}"
            );
            assert!(held(&keys) <= 2 * GENERATION);
        }
        assert!(
            keys.get(Epoch(1), &prefix(1)).is_none(),
            "not used, not kept"
        );
        assert!(
            keys.get(Epoch(2), &prefix(0)).is_none(),
            "another epoch is another key"
        );
    }
}

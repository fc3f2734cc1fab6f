//! Verdicts by statement: bounded in number and bytes, without a statement's text in it.
//!
//! A key is SHA-256, cut to 128 bits, of a secret of this cache and everything a verdict depends on: text or template,
//! names, rights, declared parameters. (Catalog and policy are one per analyser, and so is the cache.) Two
//! generations: when the young one is half of what is allowed, the old one is dropped. It must never hold a
//! statement's text or constant: callers do not put a verdict here that holds one.

use crate::analyse::Context;
use crate::template::Spotted;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::mem;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A power of two: sessions seldom wait for one another.
const SHARDS: usize = 16;

/// What an entry costs beside its verdict.
const OVERHEAD: usize = 64;

/// The name of a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(u128);

/// What a verdict is named by, beside its context.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    /// A whole text.
    Text(&'a str),
    /// What is between its constants, their kinds, and those that are pinned.
    Template(Spotted<'a>, &'a BTreeSet<usize>),
}

/// The cache. `V` is cheap to clone.
pub(crate) struct Cache<V> {
    secret: [u8; 32],
    shards: Vec<Mutex<Shard<V>>>,
    limit: Limit,
}

/// Half of what one shard may hold.
#[derive(Clone, Copy, Debug)]
struct Limit {
    entries: usize,
    bytes: usize,
}

struct Shard<V> {
    young: HashMap<Key, (V, usize)>,
    old: HashMap<Key, (V, usize)>,
    young_bytes: usize,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
        }
    }
}

impl<V> fmt::Debug for Cache<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<V: Clone> Cache<V> {
    /// A cache for at most this many entries and bytes (as callers weigh them).
    pub(crate) fn new(entries: usize, bytes: usize) -> Self {
        Self {
            secret: secret(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            limit: Limit {
                entries: entries / SHARDS / 2,
                bytes: bytes / SHARDS / 2,
            },
        }
    }

    /// The key of this name in this context.
    pub(crate) fn key(&self, named: &Named<'_>, cx: &Context<'_>) -> Key {
        let mut hash = Sha256::new();
        hash.update(self.secret);
        named.hash(&mut hash);
        count(&mut hash, cx.names.search_path.len());
        for schema in &cx.names.search_path {
            part(&mut hash, schema.as_bytes());
        }
        count(&mut hash, cx.names.temporary.len());
        for name in &cx.names.temporary {
            part(&mut hash, name.as_bytes());
        }
        hash.update([u8::from(cx.names.standard_conforming_strings)]);
        hash.update([cx.names.catalog as u8]);
        hash.update([u8::from(named.may_be_several() && cx.outside)]);
        part(&mut hash, cx.rights.rule.as_bytes());
        hash.update(cx.rights.fingerprint());
        for oid in cx.declared_params {
            hash.update(oid.to_be_bytes());
        }
        let digest = hash.finalize();
        let cut = digest.first_chunk::<16>().copied().unwrap_or_default();
        Key(u128::from_be_bytes(cut))
    }

    /// What all entries weigh, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let shards = self.shards.iter();
        let weights = shards.map(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let both = shard.young.values().chain(shard.old.values());
            both.map(|(_, weight)| *weight).sum::<usize>()
        });
        weights.sum()
    }

    /// What is kept by this key.
    pub(crate) fn get(&self, key: Key) -> Option<V> {
        self.shard(key)?.get(key, self.limit)
    }

    /// What is kept by this key; where nothing is, this is from now on, which has no weight of its own.
    pub(crate) fn get_or_put(&self, key: Key, value: V) -> Option<V> {
        let mut shard = self.shard(key)?;
        let found = shard.get(key, self.limit);
        if found.is_none() {
            shard.keep(key, value, OVERHEAD, self.limit);
        }
        found
    }

    /// Keeps it, by its weight in bytes.
    pub(crate) fn put(&self, key: Key, value: V, weight: usize) {
        let weight = weight.saturating_add(OVERHEAD);
        if weight > self.limit.bytes {
            return;
        }
        if let Some(mut shard) = self.shard(key) {
            shard.keep(key, value, weight, self.limit);
        }
    }

    /// A poisoned shard is only a map of whole entries: it goes on.
    fn shard(&self, key: Key) -> Option<MutexGuard<'_, Shard<V>>> {
        let ix = usize::try_from(key.0 & (SHARDS as u128 - 1)).ok()?;
        let shard = self.shards.get(ix)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V: Clone> Shard<V> {
    fn get(&mut self, key: Key, limit: Limit) -> Option<V> {
        if let Some((found, _)) = self.young.get(&key) {
            return Some(found.clone());
        }
        // Used again: it becomes young again.
        let (found, weight) = self.old.remove(&key)?;
        self.keep(key, found.clone(), weight, limit);
        Some(found)
    }

    fn keep(&mut self, key: Key, value: V, weight: usize, limit: Limit) {
        let full = self.young.len() >= limit.entries
            || self.young_bytes.saturating_add(weight) > limit.bytes;
        if full {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        let before = self.young.insert(key, (value, weight));
        let freed = before.map_or(0, |(_, weight)| weight);
        self.young_bytes = self
            .young_bytes
            .saturating_sub(freed)
            .saturating_add(weight);
    }
}

impl Named<'_> {
    fn hash(&self, hash: &mut Sha256) {
        match *self {
            Self::Text(text) => {
                hash.update([0]);
                part(hash, text.as_bytes());
            }
            Self::Template(Spotted { text, spots }, pinned) => {
                let bytes = |range| text.as_bytes().get::<Range<usize>>(range);
                let mut done = 0;
                hash.update([1]);
                count(hash, spots.len());
                count(hash, pinned.len());
                for (index, spot) in spots.iter().enumerate() {
                    part(hash, bytes(done..spot.range.start).unwrap_or_default());
                    done = spot.range.end;
                    let is_pinned = pinned.contains(&index);
                    hash.update([spot.kind as u8, u8::from(is_pinned)]);
                    if is_pinned {
                        part(hash, bytes(spot.range.clone()).unwrap_or_default());
                    }
                }
                part(hash, bytes(done..text.len()).unwrap_or_default());
            }
        }
    }

    /// Only a string of several statements can have a block of its own.
    fn may_be_several(&self) -> bool {
        match self {
            Self::Text(text) => text.trim_end().trim_end_matches(';').contains(';'),
            Self::Template(..) => false,
        }
    }
}

fn part(hash: &mut Sha256, bytes: &[u8]) {
    count(hash, bytes.len());
    hash.update(bytes);
}

fn count(hash: &mut Sha256, n: usize) {
    hash.update((n as u64).to_be_bytes());
}

/// 256 bits that only this process knows: the standard library's own random hash keys, stretched.
fn secret() -> [u8; 32] {
    let mut hash = Sha256::new();
    for n in 0..8_u64 {
        let mut one = RandomState::new().build_hasher();
        one.write_u64(n);
        hash.update(one.finish().to_be_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests;

//! The Merkle tree over the log's lines: RFC 6962 section 2.1, SHA-256, a line without its line feed a leaf.
//!
//! A tree is kept as its [`Edge`] (docs/formats/audit-log.md, "The tree"): some sixty hashes however long the log
//! is. It must never hash a leaf as a node or a node as a leaf, which the first byte of what is hashed sees to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// The hash of a line, its line feed left out.
pub fn leaf(line: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(line);
    hasher.finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// The roots of the perfect trees that a tree of so many leaves is made of, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    roots: Vec<Hash>,
}

impl Edge {
    /// Leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// One more leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut root = leaf;
        // as many perfect trees of equal size meet as the old size has digits 1 at its end
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                root = node(&left, &root);
            }
        }
        self.roots.push(root);
        self.size += 1;
    }

    /// The root over all leaves.
    pub fn root(&self) -> Hash {
        let folded = self.roots.iter().rev().copied();
        folded
            .reduce(|right, left| node(&left, &right))
            .unwrap_or_else(|| Sha256::digest([]).into())
    }

    /// As its file has it.
    pub fn text(&self) -> String {
        self.roots
            .iter()
            .map(|root| STANDARD.encode(root) + "\n")
            .collect()
    }

    /// From its file; `None` where the text is no edge of a tree of this size.
    pub fn parse(size: u64, text: &str) -> Option<Self> {
        let roots: Vec<Hash> = lines(text)?.map(decode).collect::<Option<_>>()?;
        let whole = roots.len() == size.count_ones() as usize;
        whole.then_some(Self { size, roots })
    }

    /// The part of the edge from leaf `start` on, as a tree of its own. `start` must be where one of the perfect
    /// trees begins, or the end.
    fn since(&self, start: u64) -> Self {
        let (mut at, mut skip) = (0_u64, 0);
        for bit in (0..u64::BITS).rev().filter(|bit| self.size >> bit & 1 == 1) {
            if at >= start {
                break;
            }
            at += 1 << bit;
            skip += 1;
        }
        Self {
            size: self.size.saturating_sub(at),
            roots: self.roots.get(skip..).unwrap_or_default().to_vec(),
        }
    }

    /// The one perfect tree that begins at leaf `start`.
    fn tree_at(&self, start: u64) -> Option<Hash> {
        self.since(start).roots.first().copied()
    }
}

/// The lines of a text that is empty or ends in a line feed.
pub fn lines(text: &str) -> Option<impl Iterator<Item = &str>> {
    (text.is_empty() || text.ends_with('\n')).then(|| text.split_terminator('\n'))
}

/// Base64 of a hash, strictly.
pub fn decode(text: &str) -> Option<Hash> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// Gathers the path of RFC 6962 section 2.1.1 while the leaves go by.
#[derive(Debug)]
pub struct Path {
    /// Where the leaves begin that go by: what is before is known by its edge alone.
    known: Edge,
    /// The siblings on the way up, each the tree over leaves `from..to`, the lowest first.
    siblings: Vec<Sibling>,
}

#[derive(Debug)]
struct Sibling {
    from: u64,
    to: u64,
    tree: Edge,
    hash: Option<Hash>,
}

impl Path {
    /// Of leaf `index` in a tree of `size` leaves, of which those before `known` will not go by.
    pub fn new(index: u64, size: u64, known: Edge) -> Self {
        let mut siblings = Vec::new();
        let (mut from, mut to) = (0, size);
        while to - from > 1 {
            // RFC 6962: the largest power of two smaller than the number of leaves
            let middle = from + (1 << (u64::BITS - 1 - (to - from - 1).leading_zeros()));
            let other = if index < middle {
                (middle, std::mem::replace(&mut to, middle))
            } else {
                (std::mem::replace(&mut from, middle), middle)
            };
            siblings.push(other);
        }
        let sibling = |(from, to)| Sibling {
            from,
            to,
            hash: (to <= known.size()).then(|| known.tree_at(from)).flatten(),
            tree: known.since(from),
        };
        let siblings = siblings.into_iter().rev().map(sibling).collect();
        Self { known, siblings }
    }

    /// Takes the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let at = self.known.size();
        for s in self.siblings.iter_mut() {
            if (s.from..s.to).contains(&at) {
                s.tree.push(leaf);
                if at + 1 == s.to {
                    s.hash = Some(s.tree.root());
                }
            }
        }
        self.known.push(leaf);
    }

    /// The path, once the whole tree has gone by.
    pub fn hashes(&self) -> Option<Vec<Hash>> {
        self.siblings.iter().map(|s| s.hash).collect()
    }
}

/// The root that a leaf and its path lead to; `None` where no leaf of such a tree has a path of this length.
pub fn root_by_path(index: u64, size: u64, leaf: Hash, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    // RFC 9162 section 2.1.3.2
    let (mut at, mut last) = (index, size - 1);
    let mut root = leaf;
    for other in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node(other, &root);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            root = node(&root, other);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

#[cfg(test)]
mod tests;

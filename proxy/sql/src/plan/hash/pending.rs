//! Hashes that are to be made, until it is known how their parts are sealed.
//!
//! PostgreSQL reads literals where a statement is parsed and parameters where it is bound: a hash of literals alone is a
//! cell in the text, any other one a parameter of its own.

use super::super::Planner;
use super::super::flow::{Fate, Leaf, LeafIx, Sealed, What};
use super::super::refuse::{Judged, malformed};
use super::Hash;
use crate::verdict::{HashPart, Made, Replacement, Seal, Shape, UpstreamParam};
use hippocrypt_policy::ColumnIx;
use std::ops::Range;

/// OIDs of bytea and bytea[].
const BYTEA: u32 = 17;
const BYTEA_ARRAY: u32 = 1001;

/// A hash whose place in the text is known.
#[derive(Clone, Debug)]
pub(in super::super) struct Pending {
    /// Its edit.
    edit: usize,
    hash: Hash,
    /// By part; `None` is NULL.
    parts: Vec<Option<LeafIx>>,
    shape: Shape,
}

/// A hash that becomes a parameter, and its edit.
pub(in super::super) struct MadeParam {
    edit: usize,
    seal: Seal,
    parts: Vec<Option<HashPart>>,
}

impl Planner<'_> {
    /// A hash in place of these bytes.
    pub(in super::super) fn pend(
        &mut self,
        range: Range<usize>,
        hash: &Hash,
        parts: Vec<Option<LeafIx>>,
        shape: Shape,
    ) {
        let edit = self.edits.hash(range, hash.ix);
        let hash = hash.clone();
        self.pending.push(Pending {
            edit,
            hash,
            parts,
            shape,
        });
    }

    /// Hashes of literals are settled; those of parameters are given back.
    pub(in super::super) fn finish_hashes(&mut self, leaves: &[Leaf]) -> Judged<Vec<MadeParam>> {
        let mut made = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            let Pending {
                edit,
                hash,
                parts,
                shape,
            } = pending;
            let of = parts.iter().zip(&hash.parts);
            let parts = of.map(|(leaf, (column, _))| match leaf {
                None => Ok(None),
                Some(ix) => {
                    let leaf = leaves.get(ix.0).ok_or_else(|| malformed("hash"))?;
                    self.hash_part(leaf, *column)
                }
            });
            let parts = parts.collect::<Judged<Vec<_>>>()?;
            let seal = Seal {
                shape,
                ..Seal::assigned(hash.ix)
            };
            let mut given = parts.iter().flatten();
            match given.any(|part| matches!(part, HashPart::Param { .. })) {
                true => made.push(MadeParam { edit, seal, parts }),
                false => self.edits.settle(edit, Replacement::Hash { seal, parts })?,
            }
        }
        Ok(made)
    }

    /// What a leaf that is stored in `column`, or compared with it, gives the hash; `None` is NULL.
    fn hash_part(&self, leaf: &Leaf, column: ColumnIx) -> Judged<Option<HashPart>> {
        let sealed = match (&leaf.what, &leaf.fate) {
            (What::Null, _) => return Ok(None),
            (_, Fate::Sealed(sealed)) => self.sealed_for(sealed, column)?,
            _ => return Err(malformed("hash")),
        };
        Ok(match &leaf.what {
            What::Null => None,
            What::Constant(literal) => {
                let (literal, seal) = self.sealed_constant(leaf, literal, &sealed)?;
                Some(HashPart::Constant { literal, seal })
            }
            What::Param(client, _) => {
                let seal = self.param_sealed(*client, leaf, &sealed)?;
                let client = client.checked_sub(1);
                let client = client.ok_or_else(|| malformed("parameter"))?;
                Some(HashPart::Param { client, seal })
            }
        })
    }

    /// A value may be sealed for another column of the same keys and type (`agreed`).
    fn sealed_for(&self, sealed: &Sealed, column: ColumnIx) -> Judged<Sealed> {
        let of = |ix| self.world().column(ix).map(|c| (c.group, c.declared));
        let alike = sealed.seal.column == column || of(sealed.seal.column) == of(column);
        let mut sealed = sealed.clone();
        sealed.seal.column = column;
        alike.then_some(sealed).ok_or_else(|| malformed("hash"))
    }

    /// Gives each such hash its number, behind all others.
    pub(in super::super) fn number_hashes(
        &mut self,
        made: Vec<MadeParam>,
        params: &mut Vec<UpstreamParam>,
    ) -> Judged<()> {
        for MadeParam { edit, seal, parts } in made {
            let number = u16::try_from(params.len() + 1).map_err(|_| malformed("parameter"))?;
            let oid = match seal.shape {
                Shape::One => BYTEA,
                Shape::Each => BYTEA_ARRAY,
            };
            params.push(UpstreamParam {
                client: 0,
                seal: Some(seal),
                oid,
                made: Some(Made::Hash(parts)),
            });
            self.edits.settle(edit, Replacement::Made(number))?;
        }
        Ok(())
    }
}

//! Edits of the client's text, in order.
//!
//! Two edits must never touch the same bytes: that would be a misread tree.

use super::refuse::{Judged, malformed};
use crate::catalog::StoredCell;
use crate::verdict::{Edit, Literal, Replacement, Seal};
use hippocrypt_policy::ColumnIx;
use std::ops::Range;

/// Edits as they are found.
#[derive(Debug, Default)]
pub(super) struct Edits {
    list: Vec<Edit>,
}

impl Edits {
    /// Puts `text` in place of the bytes.
    pub(super) fn text(&mut self, range: Range<usize>, text: &str) {
        let with = Replacement::Text(text.to_owned());
        self.list.push(Edit { range, with });
    }

    /// Puts a cell of `literal` in place of the bytes.
    pub(super) fn cell(&mut self, range: Range<usize>, literal: Literal, seal: Seal) {
        let with = Replacement::Cell { literal, seal };
        self.list.push(Edit { range, with });
    }

    /// Puts a fresh cell of the column's default in place of the bytes.
    pub(super) fn fresh(&mut self, range: Range<usize>, column: ColumnIx, cell: &StoredCell) {
        let cell = cell.clone();
        let with = Replacement::Default { column, cell };
        self.list.push(Edit { range, with });
    }

    /// Puts a hash in place of the bytes, of what [`Self::settle`] says later; the number to say it by.
    pub(super) fn hash(&mut self, range: Range<usize>, column: ColumnIx) -> usize {
        let with = Replacement::Hash {
            seal: Seal::assigned(column),
            parts: Vec::new(),
        };
        self.list.push(Edit { range, with });
        self.list.len() - 1
    }

    /// Says what a hash is of.
    pub(super) fn settle(&mut self, edit: usize, with: Replacement) -> Judged<()> {
        let edit = self.list.get_mut(edit).ok_or_else(|| malformed("hash"))?;
        edit.with = with;
        Ok(())
    }

    /// In order of the text; an error if two overlap.
    pub(super) fn ordered(mut self) -> Judged<Vec<Edit>> {
        self.list.sort_by_key(|e| (e.range.start, e.range.end));
        let overlap = self.list.windows(2).any(|pair| match pair {
            [a, b] => b.range.start < a.range.end,
            _ => false,
        });
        match overlap {
            true => Err(malformed("statement")),
            false => Ok(self.list),
        }
    }
}

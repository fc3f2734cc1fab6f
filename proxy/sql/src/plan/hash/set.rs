//! SET of UPDATE, ON CONFLICT and MERGE: who sets a part of a hash sets them all, and the hash with them.

use super::super::Planner;
use super::super::refuse::{Judged, malformed, refusal, with_hint};
use super::super::scope::quoted;
use super::{Given, HINT, Hash};
use crate::scan::Kind;
use crate::verdict::{Shown, Use};
use crate::world::ProtectedTable;

impl Planner<'_> {
    /// `"h" = …, ` in front of what is set. `first` is where its first target stands.
    pub(in super::super) fn rehash(
        &mut self,
        table: Option<&ProtectedTable>,
        set: &[(String, Given)],
        first: i32,
    ) -> Judged<()> {
        let Some(table) = table else { return Ok(()) };
        let given = |part: &str| set.iter().find(|(name, _)| name == part).map(|(_, g)| *g);
        let hashes = self.hashes(table, |c| given(c).is_some())?;
        if hashes.is_empty() {
            return Ok(());
        }
        let at = self.before_target(first)?;
        for hash in &hashes {
            if let Some((_, part)) = hash.parts.iter().find(|(_, p)| given(p).is_none()) {
                let name = self.world().column_name(hash.ix);
                let message = format!(
                    "{name} is a hash of column \"{part}\" too, which this statement does not set"
                );
                return Err(with_hint(refusal("0A000", message, first), HINT));
            }
            self.edits
                .text(at..at, &format!("{} = ", quoted(&hash.name)));
            match hash
                .parts
                .iter()
                .all(|(_, p)| given(p) == Some(Given::Proposed))
            {
                true => self.proposed(at, hash),
                false => self.make_hash(at..at, hash, given)?,
            }
            self.edits.text(at..at, ", ");
        }
        Ok(())
    }

    /// The row that an INSERT proposes has the hash of what it has.
    fn proposed(&mut self, at: usize, hash: &Hash) {
        self.touch_column(hash.ix, Use::Write, Shown::Not);
        self.edits
            .text(at..at, &format!("excluded.{}", quoted(&hash.name)));
        let reference = ["excluded".into(), hash.name.clone()];
        self.marks.references.insert(reference);
        self.marks.count += 1;
    }

    /// The byte before `a` or `(a, b)` behind SET.
    fn before_target(&self, first: i32) -> Judged<usize> {
        let bad = || malformed("SET");
        let tokens = self.input.tokens;
        let start = usize::try_from(first).map_err(|_| bad())?;
        let name = tokens.at(start).ok_or_else(bad)?;
        let before = name.checked_sub(1).ok_or_else(bad)?;
        let target = match tokens.kind(before) {
            Some(Kind::Ascii40) => before,
            _ => name,
        };
        let set = target.checked_sub(1).and_then(|ix| tokens.kind(ix));
        match (set, tokens.get(target)) {
            (Some(Kind::Set), Some(target)) => Ok(target.range.start),
            _ => Err(bad()),
        }
    }
}

//! `*`, `t.*` and `TABLE t`, written out: the server must not be able to add a column.
//!
//! A `*` that shows an encrypted column is never left in the text.

use super::Planner;
use super::flow::Flow;
use super::refuse::{Judged, malformed, unsupported};
use super::resolve::parts;
use super::scope::{BroughtColumn, Entry, OutputColumn, Outputs, Value};
use crate::scan::Kind;
use pg_query::protobuf::ColumnRef;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

impl Planner<'_> {
    /// Writes the star out and adds its columns to the outputs.
    pub(super) fn expand_star(&mut self, star: &ColumnRef, outputs: &mut Outputs) -> Judged<()> {
        let names = parts(&star.fields)?.names;
        let entries = self.starred(&names, star.location)?;
        if entries.iter().any(|e| e.open_ended) {
            return self.leave_star(&entries, outputs, star.location);
        }
        let mut written = Vec::new();
        for entry in &entries {
            for (ix, column) in entry.columns.iter().enumerate() {
                let flow = self.reference(column, star.location)?;
                let mut output = OutputColumn::new(Arc::clone(&column.name), flow);
                output.brought = entry.brought.map(|rows| BroughtColumn { rows, column: ix });
                output.whose = column.whose;
                outputs.columns.push(output);
                written.push(column.text.to_string());
            }
        }
        // a subquery's columns are written out within: there its names may be alike
        if entries.iter().all(|e| e.fixed) && star.location >= 0 {
            self.left_star(&names, &entries);
            return Ok(());
        }
        if entries.iter().any(has_twins) {
            let what = "\"*\" over columns of one name (name them by an alias)";
            return Err(unsupported(what, star.location));
        }
        let written = written.join(", ");
        match usize::try_from(star.location) {
            Ok(start) => {
                let range = self.star_range(start)?;
                self.edits.text(range, &written);
                Ok(())
            }
            Err(_) => self.expand_table(&written),
        }
    }

    /// A star that stays in the text shows every column of brought rows; of a join, those of all its sides.
    fn left_star(&mut self, names: &[&str], entries: &[Entry]) {
        let of_level = self.levels.last().filter(|_| names.is_empty());
        let shown = of_level.map_or(entries, |level| level.entries.as_slice());
        let brought: Vec<_> = shown.iter().filter_map(|entry| entry.brought).collect();
        self.starred.extend(brought);
    }

    /// A star over something whose columns are not known: only where nothing in it is encrypted.
    fn leave_star(&mut self, entries: &[Entry], outputs: &mut Outputs, at: i32) -> Judged<()> {
        if !entries.iter().all(Entry::is_clear) {
            return Err(unsupported(
                "\"*\" over an encrypted column and a function or catalog (name the columns)",
                at,
            ));
        }
        outputs.open_ended = true;
        for column in entries.iter().flat_map(|e| e.columns.iter()) {
            if let Value::Flow(Flow::Clear) = column.value {
                let name = Arc::clone(&column.name);
                outputs.columns.push(OutputColumn::new(name, Flow::Clear));
            }
        }
        Ok(())
    }

    /// From the first token of `a.b.*` to the star.
    fn star_range(&self, start: usize) -> Judged<Range<usize>> {
        let tokens = self.input.tokens;
        let bad = || malformed("*");
        let mut ix = tokens.at(start).ok_or_else(bad)?;
        while tokens.kind(ix) != Some(Kind::Ascii42) {
            if tokens.kind(ix + 1) != Some(Kind::Ascii46) {
                return Err(bad());
            }
            ix += 2;
        }
        let end = tokens.get(ix).ok_or_else(bad)?.range.end;
        Ok(start..end)
    }

    /// `TABLE t` has no star to write over: it becomes `SELECT … FROM t`.
    fn expand_table(&mut self, written: &str) -> Judged<()> {
        let tokens = self.input.tokens;
        let bad = || unsupported("this form of TABLE", -1);
        let start = self.last_relation.ok_or_else(bad)?;
        let relation = tokens.at(start).ok_or_else(bad)?;
        let mut before = relation.checked_sub(1).ok_or_else(bad)?;
        while matches!(tokens.kind(before), Some(Kind::Only | Kind::Ascii40)) {
            before = before.checked_sub(1).ok_or_else(bad)?;
        }
        match tokens.get(before) {
            Some(token) if token.kind == Kind::Table => {
                let range = token.range.clone();
                self.edits.text(range, &format!("SELECT {written} FROM"));
                Ok(())
            }
            _ => Err(bad()),
        }
    }
}

/// Two columns of one name: written out, neither could be told from the other.
fn has_twins(entry: &Entry) -> bool {
    let mut seen = BTreeSet::new();
    !entry.columns.iter().all(|column| seen.insert(&column.name))
}

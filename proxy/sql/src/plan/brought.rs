//! Rows that a statement brings itself, VALUES and unnest in FROM: a hash of a row's values is one more column of them.
//!
//! The column must reach the place where the hash stands together with the values that it is of, and nobody else.

use super::Planner;
use super::flow::{Flow, LeafIx};
use super::hash::{Hash, Part};
use super::literal::is_leaf;
use super::refuse::{Judged, malformed, unsupported, with_hint};
use super::scope::{BroughtColumn, BroughtIx, Entry, EntryColumn, Value, quoted};
use super::select::set_operation;
use crate::scan::Kind;
use crate::verdict::Shape;
use pg_query::NodeEnum;
use pg_query::protobuf::{Alias, ColumnRef, Node, SelectStmt, SetOperation};
use std::sync::Arc;

/// Rows whose values are literals and parameters.
#[derive(Clone, Debug)]
pub(super) struct Brought {
    form: Form,
    /// By column; empty where its values are anything else.
    columns: Vec<Vec<LeafIx>>,
    /// What the entry is called, and its columns.
    name: Option<Arc<str>>,
    names: Vec<Arc<str>>,
    /// How many of its columns the alias names.
    named: usize,
    added: Vec<Added>,
    /// Where a list of names was begun that the alias did not have.
    unclosed: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// A leaf in each row.
    Values,
    /// One leaf: an array of the column. Where the function stands.
    Unnest(i32),
}

/// A column that was added.
#[derive(Clone, Debug)]
struct Added {
    hash: Hash,
    parts: Vec<Part>,
    name: Arc<str>,
}

/// How the added column is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    ByName,
    /// By the `*` that is all of the target list.
    ByStar,
}

const HINT: &str = "Give all columns of \"of\" as literals, as parameters, or as columns of one VALUES or unnest that has an alias for itself and each of its columns.";

impl Planner<'_> {
    /// The rows of `(VALUES …) AS v(a, b)`; `None` for another query.
    pub(super) fn bring_rows(
        &mut self,
        query: &SelectStmt,
        entry: &Entry,
        alias: Option<&Alias>,
    ) -> Option<BroughtIx> {
        let plain = set_operation(query).ok()? == SetOperation::SetopNone;
        if query.values_lists.is_empty() || !plain || query.with_clause.is_some() {
            return None;
        }
        let all_leaves = |column: usize| {
            query.values_lists.iter().all(|row| match &row.node {
                Some(NodeEnum::List(row)) => row.items.get(column).is_some_and(is_leaf),
                _ => false,
            })
        };
        let of = |(ix, column): (usize, &EntryColumn)| match &column.value {
            Value::Flow(Flow::Open(leaves)) if all_leaves(ix) => leaves.clone(),
            _ => Vec::new(),
        };
        let columns = entry.columns.iter().enumerate().map(of).collect();
        Some(self.bring(Form::Values, columns, entry, alias))
    }

    /// The rows of `unnest(a, b) AS u(x, y)`.
    pub(super) fn bring_arrays(
        &mut self,
        entry: &Entry,
        function: i32,
        alias: Option<&Alias>,
    ) -> Option<BroughtIx> {
        let of = |column: &EntryColumn| match &column.value {
            Value::Flow(Flow::Open(leaves)) => leaves.clone(),
            _ => Vec::new(),
        };
        let columns = entry.columns.iter().map(of).collect();
        Some(self.bring(Form::Unnest(function), columns, entry, alias))
    }

    fn bring(
        &mut self,
        form: Form,
        columns: Vec<Vec<LeafIx>>,
        entry: &Entry,
        alias: Option<&Alias>,
    ) -> BroughtIx {
        self.brought.push(Brought {
            form,
            columns,
            name: alias.and(entry.name.clone()),
            names: entry.columns.iter().map(|c| Arc::clone(&c.name)).collect(),
            named: alias.map_or(0, |a| a.colnames.len()),
            added: Vec::new(),
            unclosed: None,
        });
        BroughtIx(self.brought.len() - 1)
    }

    /// The column of brought rows that an expression is, with nothing but casts around it.
    pub(super) fn brought_column(&self, node: &Node) -> Option<BroughtColumn> {
        let (entry, named) = self.own_entry(column_in(node)?)?;
        let rows = entry.brought?;
        let column = entry.columns.iter().position(|c| c.name == named.name)?;
        let leaves = self.brought.get(rows.0)?.columns.get(column)?;
        (!leaves.is_empty()).then_some(BroughtColumn { rows, column })
    }

    /// The names of a column more in the rows that `parts` are of, which holds their hash; none where a `*` shows it.
    pub(super) fn hash_column(
        &mut self,
        hash: &Hash,
        parts: &[Part],
        reached: Reached,
    ) -> Judged<Option<[Arc<str>; 2]>> {
        let mut of = parts.iter().filter_map(Part::rows);
        let bad = || malformed("hash");
        let rows = of.next().ok_or_else(bad)?;
        if of.any(|other| other != rows) {
            return Err(scattered(hash));
        }
        let brought = self.brought.get(rows.0).ok_or_else(bad)?.clone();
        let same = |added: &&Added| added.hash.is(hash) && added.parts == parts;
        let name = match brought.added.iter().find(same) {
            Some(added) => Arc::clone(&added.name),
            None => self.added(&brought, rows, hash, parts, reached)?,
        };
        if reached == Reached::ByStar {
            return Ok(None);
        }
        self.reached_by_name.push(rows);
        let table = brought.name.ok_or_else(|| scattered(hash))?;
        Ok(Some([table, name]))
    }

    fn added(
        &mut self,
        brought: &Brought,
        rows: BroughtIx,
        hash: &Hash,
        parts: &[Part],
        reached: Reached,
    ) -> Judged<Arc<str>> {
        let bad = || malformed("hash");
        let name = Arc::from(format!("hippocrypt_hash_{}", brought.added.len() + 1));
        let ends = self.row_ends(brought, parts).ok_or_else(bad)?;
        for (row, at) in ends.iter().enumerate() {
            let of_row = parts.iter().map(|part| match part {
                Part::Null => Some(None),
                Part::Leaf(leaf) => Some(Some(*leaf)),
                Part::Brought(of) => Some(Some(*brought.columns.get(of.column)?.get(row)?)),
            });
            let of_row = of_row.collect::<Option<Vec<_>>>().ok_or_else(bad)?;
            let shape = match brought.form {
                Form::Values => Shape::One,
                Form::Unnest(_) => Shape::Each,
            };
            self.edits.text(*at..*at, ", ");
            self.pend(*at..*at, hash, of_row, shape);
        }
        if reached == Reached::ByName {
            self.name_column(brought, rows, *ends.last().ok_or_else(bad)?, &name, hash)?;
        }
        let added = Added {
            hash: hash.clone(),
            parts: parts.to_vec(),
            name: Arc::clone(&name),
        };
        self.brought
            .get_mut(rows.0)
            .ok_or_else(bad)?
            .added
            .push(added);
        Ok(name)
    }

    /// The byte where each row of VALUES, or the list of arrays, is closed.
    fn row_ends(&self, brought: &Brought, parts: &[Part]) -> Option<Vec<usize>> {
        let tokens = self.input.tokens;
        let start = |ix: usize| tokens.get(ix).map(|t| t.range.start);
        match brought.form {
            Form::Unnest(function) => {
                let name = tokens.name_end(tokens.at(usize::try_from(function).ok()?)?);
                Some(vec![start(tokens.closing(name + 1)?)?])
            }
            Form::Values => {
                let column = parts.iter().find_map(|part| match part {
                    Part::Brought(of) => brought.columns.get(of.column),
                    Part::Null | Part::Leaf(_) => None,
                })?;
                let mut open = self.first_row(self.leaves.get(column.first()?.0)?.range.start)?;
                let mut ends = Vec::with_capacity(column.len());
                for _ in column {
                    let close = tokens.closing(open)?;
                    ends.push(start(close)?);
                    open = close + 2;
                }
                Some(ends)
            }
        }
    }

    /// The `(` of the first row, which holds the byte `at`.
    fn first_row(&self, at: usize) -> Option<usize> {
        let tokens = self.input.tokens;
        let mut ix = tokens.from(at);
        let mut closed = 0;
        loop {
            ix = ix.checked_sub(1)?;
            match tokens.kind(ix)? {
                Kind::Ascii41 => closed += 1,
                Kind::Ascii40 if closed > 0 => closed -= 1,
                Kind::Ascii40 if tokens.kind(ix.checked_sub(1)?) == Some(Kind::Values) => {
                    return Some(ix);
                }
                _ => {}
            }
        }
    }

    /// Names the added column in the alias, and those before it that have no name there.
    fn name_column(
        &mut self,
        brought: &Brought,
        rows: BroughtIx,
        end: usize,
        name: &Arc<str>,
        hash: &Hash,
    ) -> Judged<()> {
        let tokens = self.input.tokens;
        let scattered = || scattered(hash);
        let table = brought.name.as_ref().ok_or_else(scattered)?;
        if brought
            .names
            .iter()
            .chain([table])
            .any(|n| n.starts_with("hippocrypt_hash"))
        {
            return Err(scattered());
        }
        let byte = |ix: usize| tokens.get(ix).map(|t| t.range.clone());
        let close = tokens.at(end).ok_or_else(scattered)?;
        let mut alias = match brought.form {
            Form::Unnest(_) => close + 1,
            // the query's own parenthesis
            Form::Values if tokens.kind(close + 1) == Some(Kind::Ascii41) => close + 2,
            Form::Values => return Err(scattered()),
        };
        if tokens.kind(alias) == Some(Kind::As) {
            alias += 1;
        }
        let mut new = match brought.added.is_empty() {
            true => brought
                .names
                .get(brought.named..)
                .unwrap_or_default()
                .to_vec(),
            false => Vec::new(),
        };
        new.push(Arc::clone(name));
        self.marks.count += new.len();
        let written: Vec<String> = new.iter().map(|n| quoted(n)).collect();
        let written = written.join(", ");
        self.marks.names.extend(new);
        if let Some(at) = brought.unclosed {
            self.edits.text(at..at, &format!(", {written}"));
        } else if brought.named == 0 {
            let at = byte(alias).ok_or_else(scattered)?.end;
            self.edits.text(at..at, &format!("({written}"));
            let brought = self.brought.get_mut(rows.0).ok_or_else(scattered)?;
            brought.unclosed = Some(at);
        } else {
            let open = Some(alias + 1).filter(|ix| tokens.kind(*ix) == Some(Kind::Ascii40));
            let close = open.and_then(|open| tokens.closing(open));
            let at = close.and_then(byte).ok_or_else(scattered)?.start;
            self.edits.text(at..at, &format!(", {written}"));
        }
        Ok(())
    }

    /// Ends the lists of names that were begun. A star that shows brought rows would show what is added to them: none may
    /// stand anywhere else.
    pub(super) fn finish_brought(&mut self) -> Judged<()> {
        for at in self.brought.iter().filter_map(|brought| brought.unclosed) {
            self.edits.text(at..at, ")");
        }
        let by_name = |rows| self.reached_by_name.contains(rows);
        match self.starred.iter().any(by_name) {
            true => Err(unsupported(
                "\"*\" over rows to which a hash is added (name the columns)",
                -1,
            )),
            false => Ok(()),
        }
    }
}

/// The column reference within casts.
pub(super) fn column_in(node: &Node) -> Option<&ColumnRef> {
    match &node.node {
        Some(NodeEnum::ColumnRef(reference)) => Some(reference),
        Some(NodeEnum::TypeCast(cast)) => column_in(cast.arg.as_deref()?),
        _ => None,
    }
}

/// The values do not come in one row that a column can be added to.
fn scattered(hash: &Hash) -> Box<crate::verdict::Refusal> {
    let what = format!("this form of rows with the hash \"{}\"", hash.name);
    with_hint(unsupported(&what, -1), HINT)
}

//! Defaults of encrypted columns: DEFAULT, and columns that an INSERT leaves out (docs/decisions/defaults.md).
//!
//! The catalog holds one sealed cell, which the server stores by itself where equal values have equal cells.
//! Among `random` cells it would show which rows took it: there every row gets a fresh one. It must never
//! let a default that the server computes reach an encrypted column.

use super::Planner;
use super::hash::{Given, Hash, given};
use super::refuse::{Judged, malformed, refusal, unsupported, with_hint};
use super::scope::quoted;
use crate::catalog::StoredCell;
use crate::scan::Kind;
use crate::world::{ProtectedTable, TableColumn};
use hippocrypt_policy::ColumnIx;
use pg_query::NodeEnum;
use pg_query::protobuf::{InsertStmt, SelectStmt, SetOperation};
use std::ops::Range;
use std::sync::Arc;

/// A column that each row gets a cell for.
#[derive(Clone, Debug)]
pub(super) struct Fresh {
    pub(super) name: Arc<str>,
    made: Made,
}

/// Which cell.
#[derive(Clone, Debug)]
enum Made {
    /// A fresh one of the column's default.
    Default(ColumnIx, StoredCell),
    /// A hash of what the row gives other columns.
    Hash(Hash),
}

/// What a row gives its columns.
pub(super) type Row = Vec<(Arc<str>, Given)>;

impl From<Hash> for Fresh {
    fn from(hash: Hash) -> Self {
        let name = Arc::clone(&hash.name);
        let made = Made::Hash(hash);
        Self { name, made }
    }
}

/// What ends the list of a SELECT's columns.
pub(super) const AFTER_TARGETS: [Kind; 19] = [
    Kind::Ascii41,
    Kind::Ascii59,
    Kind::Except,
    Kind::Fetch,
    Kind::For,
    Kind::From,
    Kind::GroupP,
    Kind::Having,
    Kind::Intersect,
    Kind::Into,
    Kind::Limit,
    Kind::Offset,
    Kind::On,
    Kind::Order,
    Kind::Returning,
    Kind::Union,
    Kind::Where,
    Kind::Window,
    Kind::With,
];

const HINT: &str = "Give the column a value in the statement, or drop its default.";

impl Planner<'_> {
    /// `DEFAULT`, written at `at`.
    pub(super) fn store_default(
        &mut self,
        table: Option<&ProtectedTable>,
        column: &str,
        at: i32,
    ) -> Judged<()> {
        let Some(column) = table.and_then(|t| t.column(column)) else {
            return Ok(());
        };
        let Some(ix) = column.protected else {
            return Ok(());
        };
        self.may_write(ix, at)?;
        if let Some(fresh) = self.fresh(ix, column, at)? {
            let range = self.token_range(at)?;
            self.put(range, &fresh, None)?;
        }
        Ok(())
    }

    /// The columns among those that an INSERT leaves out that need a fresh cell.
    pub(super) fn left_out(
        &self,
        table: &ProtectedTable,
        columns: &[Arc<str>],
    ) -> Judged<Vec<Fresh>> {
        self.no_hidden(table)?;
        let mut all = Vec::new();
        for column in &table.columns {
            if let (Some(ix), false) = (column.protected, columns.contains(&column.name)) {
                all.extend(self.fresh(ix, column, -1)?);
            }
        }
        Ok(all)
    }

    /// Columns that MERGE and COPY leave out: the server stores the default's own cell.
    pub(super) fn server_filled(
        &self,
        table: Option<&ProtectedTable>,
        columns: &[&str],
    ) -> Judged<()> {
        let Some(table) = table else {
            return Ok(());
        };
        self.no_hidden(table)?;
        for column in &table.columns {
            if let (Some(ix), false) = (column.protected, columns.contains(&&*column.name)) {
                self.fresh(ix, column, -1)?;
            }
        }
        Ok(())
    }

    /// A view without the column cannot be told to fill it.
    fn no_hidden(&self, table: &ProtectedTable) -> Judged<()> {
        match table.hidden_default {
            Some(ix) if self.world().is_cell(ix) => {
                Err(computed(&self.world().column_name(ix), -1))
            }
            _ => Ok(()),
        }
    }

    fn fresh(&self, ix: ColumnIx, column: &TableColumn, at: i32) -> Judged<Option<Fresh>> {
        if !column.has_default || !self.world().is_cell(ix) {
            return Ok(None);
        }
        let Some(cell) = column.default_cell.clone() else {
            return Err(computed(&self.world().column_name(ix), at));
        };
        Ok((!self.is_deterministic(ix)).then(|| Fresh {
            name: Arc::clone(&column.name),
            made: Made::Default(ix, cell),
        }))
    }

    /// Adds the cells to every row; `list` is the byte behind the relation, where the column list begins.
    pub(super) fn fill(
        &mut self,
        insert: &InsertStmt,
        list: usize,
        fresh: &[Fresh],
        rows: &[Row],
    ) -> Judged<()> {
        let mut source = self.input.tokens.from(list);
        let kind = |ix| self.input.tokens.kind(ix);
        if !insert.cols.is_empty() && kind(source) == Some(Kind::Ascii40) {
            source = self.close(source)? + 1;
        }
        if kind(source) == Some(Kind::Overriding) {
            source += 3;
        }
        match insert.select_stmt.as_deref().map(|n| n.node.as_ref()) {
            None if kind(source) == Some(Kind::Default) => self.of_nothing(source, fresh),
            Some(Some(NodeEnum::SelectStmt(select))) => match kind(source) {
                Some(Kind::Values) => self.of_rows(source, select.values_lists.len(), fresh, rows),
                Some(Kind::Select) => self.of_select(source, select, fresh, rows.first()),
                _ => Err(unfilled(fresh)),
            },
            _ => Err(unfilled(fresh)),
        }
    }

    /// `, "a", "b"` at the end of a column list that the client wrote.
    pub(super) fn lengthen(&mut self, list: usize, added: &[Arc<str>]) -> Judged<()> {
        self.lengthen_at(self.input.tokens.from(list), added)
    }

    /// The same, of the list that the token at `open` opens.
    pub(super) fn lengthen_at(&mut self, open: usize, added: &[Arc<str>]) -> Judged<()> {
        let at = self.close_of(open)?;
        let names: String = added
            .iter()
            .map(|name| format!(", {}", quoted(name)))
            .collect();
        self.edits.text(at..at, &names);
        Ok(())
    }

    /// `DEFAULT VALUES` becomes `("a") VALUES (…)`.
    fn of_nothing(&mut self, source: usize, fresh: &[Fresh]) -> Judged<()> {
        let tokens = self.input.tokens;
        let (Some(first), Some(last)) = (tokens.get(source), tokens.get(source + 1)) else {
            return Err(malformed("INSERT"));
        };
        let end = last.range.end;
        let names: Vec<String> = fresh.iter().map(|f| quoted(&f.name)).collect();
        let words = format!("({}) VALUES (", names.join(", "));
        self.edits.text(first.range.start..end, &words);
        for (ix, one) in fresh.iter().enumerate() {
            let separator = if ix == 0 { "" } else { ", " };
            self.edits.text(end..end, separator);
            self.put(end..end, one, None)?;
        }
        self.edits.text(end..end, ")");
        Ok(())
    }

    fn of_rows(
        &mut self,
        values: usize,
        count: usize,
        fresh: &[Fresh],
        rows: &[Row],
    ) -> Judged<()> {
        let mut open = values + 1;
        for ix in 0..count {
            let at = self.close_of(open)?;
            self.append(at, fresh, rows.get(ix))?;
            open = self.close(open)? + 2;
        }
        Ok(())
    }

    /// A constant more in each row changes no row that is returned, and no group; a set operation compares it.
    fn of_select(
        &mut self,
        word: usize,
        select: &SelectStmt,
        fresh: &[Fresh],
        row: Option<&Row>,
    ) -> Judged<()> {
        let simple = select.op() == SetOperation::SetopNone && select.with_clause.is_none();
        if !simple || select.target_list.is_empty() {
            return Err(unfilled(fresh));
        }
        let tokens = self.input.tokens;
        let mut first = word + 1;
        if tokens.kind(first) == Some(Kind::Distinct) {
            first += 1;
            if tokens.kind(first) == Some(Kind::On) {
                first = self.close(first + 1)? + 1;
            }
        }
        let end = tokens.until(first, tokens.from(self.input.range.end), &AFTER_TARGETS);
        let last = end.checked_sub(1).and_then(|ix| tokens.get(ix));
        let at = last.ok_or_else(|| malformed("INSERT"))?.range.end;
        self.append(at, fresh, row)
    }

    fn append(&mut self, at: usize, fresh: &[Fresh], row: Option<&Row>) -> Judged<()> {
        for one in fresh {
            self.edits.text(at..at, ", ");
            self.put(at..at, one, row)?;
        }
        Ok(())
    }

    fn put(&mut self, range: Range<usize>, fresh: &Fresh, row: Option<&Row>) -> Judged<()> {
        match (&fresh.made, row) {
            (Made::Default(column, cell), _) => {
                self.edits.fresh(range, *column, cell);
                Ok(())
            }
            (Made::Hash(hash), Some(row)) => self.make_hash(range, hash, |part| given(row, part)),
            (Made::Hash(_), None) => Err(unfilled(std::slice::from_ref(fresh))),
        }
    }

    pub(super) fn close(&self, open: usize) -> Judged<usize> {
        let close = self.input.tokens.closing(open);
        close.ok_or_else(|| malformed("INSERT"))
    }

    /// The byte where the `(` at that token is closed.
    pub(super) fn close_of(&self, open: usize) -> Judged<usize> {
        let close = self.input.tokens.get(self.close(open)?);
        close
            .map(|t| t.range.start)
            .ok_or_else(|| malformed("INSERT"))
    }
}

fn computed(name: &str, at: i32) -> Box<crate::verdict::Refusal> {
    let message =
        format!("the default of {name} is a value of the database, and the column is encrypted");
    with_hint(refusal("0A000", message, at), HINT)
}

/// A source whose rows cannot be added to.
fn unfilled(fresh: &[Fresh]) -> Box<crate::verdict::Refusal> {
    if let Some(hash) = fresh.iter().find(|f| matches!(f.made, Made::Hash(_))) {
        let what = format!("this form of INSERT with the hash \"{}\"", hash.name);
        let hint = "INSERT … VALUES, and one SELECT of literals, parameters and columns of VALUES or unnest, fill it.";
        return with_hint(unsupported(&what, -1), hint);
    }
    let names: Vec<&str> = fresh.iter().map(|f| &*f.name).collect();
    let what = format!("this form of INSERT without {}", names.join(", "));
    with_hint(
        unsupported(&format!("{what}, which has a default,"), -1),
        "Give the column a value in the statement.",
    )
}

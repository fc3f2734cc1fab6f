//! Whose rows a statement reads and writes: each use of a table with a subject is a sighting, which is told where the
//! statement's own rows, conditions or values name the person; docs/decisions/subjects.md.
//!
//! It must never call a sighting told that could bring a row of somebody else.

use super::Planner;
use super::resolve::parts;
use super::scope::{Entry, EntryColumn, Outputs};
use crate::verdict::{At, Form, Plan, Source, Subjects};
use crate::world::{ProtectedTable, View, ViewSubject};
use hippocrypt_policy::TableRef;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt};
use std::collections::BTreeSet;
use std::sync::Arc;

mod add;
mod told;

/// One use of a table with a subject, or of rows that have its subject column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SightingIx(usize);

/// What is seen.
#[derive(Debug)]
struct Of {
    table: TableRef,
    column: Arc<str>,
    kind: Arc<str>,
    form: Form,
}

#[derive(Debug)]
struct Sighting {
    of: Arc<Of>,
    /// It is a table: the statement is told only where this is.
    is_table: bool,
    told: bool,
    /// Its rows get another subject: what they are afterwards does not say what they were.
    moved: bool,
    /// It is told where one of these is.
    by_one: Vec<SightingIx>,
    /// It is told where all of these are, and there are any.
    by_all: Vec<SightingIx>,
}

/// All of one statement.
#[derive(Debug, Default)]
pub(super) struct Whose {
    sightings: Vec<Sighting>,
    sources: Vec<Source>,
    /// Something of it can never be told.
    untold: bool,
    /// An INSERT's row is of whom its values say: it never updates another.
    by_values: bool,
    /// Each row of an INSERT becomes one of the table, or there is an error.
    all_inserted: bool,
    /// The level under way has window functions.
    pub(super) windows: bool,
    /// The rows of the level that was last left show what other rows hold.
    mixed: bool,
    /// What the statement's own target list can name.
    outermost: Vec<Entry>,
    /// Whose the fields of a COPY are.
    fields: Option<Vec<Option<SightingIx>>>,
    /// Columns can be added to its rows.
    pub(super) adds: bool,
}

impl Planner<'_> {
    /// A table is read or written.
    pub(super) fn sight(&mut self, table: &ProtectedTable, entry: &mut Entry) {
        let Some(subject) = self.world().subject(&table.name).filter(|_| !self.stored) else {
            return;
        };
        let Some(form) = self.world().form_of(&table.name, &subject.column) else {
            self.whose.untold = true;
            return;
        };
        let of = Of {
            table: table.name.clone(),
            column: Arc::clone(&subject.column),
            kind: Arc::clone(&subject.kind),
            form,
        };
        self.sight_by(of, entry);
    }

    /// A view that shows rows of one table, the subject among their columns, is seen as the table is; the rows of others
    /// are of people that only their queries could name.
    pub(super) fn sight_view(&mut self, view: &View, entry: &mut Entry) {
        if self.stored || !self.world().shows_subjects(&view.name) {
            return;
        }
        let Some(ViewSubject { column, kind, form }) = view.whose.clone() else {
            self.whose.untold = true;
            return;
        };
        let table = view.name.clone();
        let of = Of {
            table,
            column,
            kind,
            form,
        };
        self.sight_by(of, entry);
    }

    fn sight_by(&mut self, of: Of, entry: &mut Entry) {
        let column = Arc::clone(&of.column);
        let ix = self.sighting(Arc::new(of), true);
        let columns = Arc::make_mut(&mut entry.columns);
        for seen in columns.iter_mut().filter(|c| c.name == column) {
            seen.whose = Some(ix);
        }
    }

    fn sighting(&mut self, of: Arc<Of>, is_table: bool) -> SightingIx {
        self.whose.sightings.push(Sighting {
            of,
            is_table,
            told: false,
            moved: false,
            by_one: Vec::new(),
            by_all: Vec::new(),
        });
        SightingIx(self.whose.sightings.len() - 1)
    }

    /// A CTE that is named: each time its rows are others, and it is told where all of them are.
    pub(super) fn read_again(&mut self, mut outputs: Outputs) -> Outputs {
        for column in &mut outputs.columns {
            let before = column.whose;
            column.whose = before.and_then(|ix| {
                let of = Arc::clone(&self.seen(ix)?.of);
                let again = self.sighting(of, false);
                self.follows(again, ix);
                self.seen_mut(ix)?.by_all.push(again);
                Some(again)
            });
        }
        outputs
    }

    /// A column that has the value of one or of the other, or of both.
    pub(super) fn one_of_both(&mut self, both: [Option<SightingIx>; 2]) -> Option<SightingIx> {
        let [Some(left), Some(right)] = both else {
            return None;
        };
        if !self.alike(left, right) {
            return None;
        }
        let of = Arc::clone(&self.seen(left)?.of);
        let either = self.sighting(of, false);
        self.follows(left, either);
        self.follows(right, either);
        Some(either)
    }

    /// Columns that USING merges: the values of either name a person.
    pub(super) fn merged_whose(&mut self, both: [Option<SightingIx>; 2]) -> Option<SightingIx> {
        match both {
            [Some(one), None] | [None, Some(one)] => {
                let of = Arc::clone(&self.seen(one)?.of);
                let merged = self.sighting(of, false);
                self.follows(one, merged);
                Some(merged)
            }
            both => self.one_of_both(both),
        }
    }

    /// Equal values of both are one person.
    fn alike(&self, one: SightingIx, other: SightingIx) -> bool {
        let (Some(one), Some(other)) = (self.seen(one), self.seen(other)) else {
            return false;
        };
        let group = |form| match form {
            Form::Cell(ix) => self.world().column(ix).map(|c| (c.group, c.declared)),
            Form::Integer | Form::Text | Form::Uuid => None,
        };
        let same = one.of.form == other.of.form
            || group(one.of.form).is_some() && group(one.of.form) == group(other.of.form);
        same && one.of.kind == other.of.kind
    }

    fn follows(&mut self, follower: SightingIx, leader: SightingIx) {
        if let Some(sighting) = self.seen_mut(follower) {
            sighting.by_one.push(leader);
        }
    }

    fn seen(&self, ix: SightingIx) -> Option<&Sighting> {
        self.whose.sightings.get(ix.0)
    }

    fn seen_mut(&mut self, ix: SightingIx) -> Option<&mut Sighting> {
        self.whose.sightings.get_mut(ix.0)
    }

    /// Whose rows an expression names, where it is a column that says so.
    pub(super) fn whose(&self, node: &Node) -> Option<SightingIx> {
        let Some(NodeEnum::ColumnRef(reference)) = &node.node else {
            return None;
        };
        if self.whose.sightings.is_empty() {
            return None;
        }
        let parts = parts(&reference.fields).ok().filter(|p| !p.star)?;
        let (schema, table, name) = match parts.names.as_slice() {
            [name] => return self.whose_bare(name),
            [table, name] => (None, *table, *name),
            [schema, table, name] => (Some(*schema), *table, *name),
            _ => return None,
        };
        let entry = self.entry(schema, table, -1).ok()?;
        let mut named = entry.named(name);
        let column = named.next()?;
        named.next().is_none().then_some(column.whose)?
    }

    fn whose_bare(&self, name: &str) -> Option<SightingIx> {
        for level in self.levels.iter().rev() {
            let visible = || level.entries.iter().filter(|e| e.columns_visible);
            let mut found = visible().flat_map(|e| e.named(name));
            if let Some(first) = found.next() {
                return found.next().is_none().then_some(first.whose)?;
            }
            if visible().any(|e| e.open_ended) {
                return None;
            }
        }
        None
    }

    /// A query's rows are done: where they show what other rows hold, they name nobody.
    pub(super) fn tells_by_rows(&mut self, select: &SelectStmt, outputs: &mut Outputs) {
        let sets = |node: &Node| matches!(node.node, Some(NodeEnum::GroupingSet(_)));
        self.whose.mixed = self.whose.windows || select.group_clause.iter().any(sets);
        if self.whose.mixed {
            outputs.columns.iter_mut().for_each(|c| c.whose = None);
        }
    }

    /// What a target list could name; the statement's own is the last.
    pub(super) fn outermost(&mut self, entries: Option<Vec<Entry>>) {
        if self.levels.is_empty() && !self.whose.sightings.is_empty() {
            self.whose.outermost = entries.unwrap_or_default();
        }
    }

    /// The fields of a COPY of a table, by their names.
    pub(super) fn copied_whose(&mut self, entry: &Entry, columns: &[Arc<str>]) {
        let of = |name: &Arc<str>| entry.named(name).next().and_then(|c| c.whose);
        self.whose.fields = Some(columns.iter().map(of).collect());
    }

    /// Whether a field of the COPY names somebody.
    pub(super) fn names_whose(&self) -> bool {
        let fields = self.whose.fields.iter().flatten();
        fields.flatten().next().is_some()
    }

    /// The fields of a COPY of a query.
    pub(super) fn copied_outputs(&mut self, outputs: &Outputs) {
        self.whose.fields = Some(outputs.columns.iter().map(|c| c.whose).collect());
    }

    /// Says whose rows the statement is of, and adds the columns that say so where it does not have them.
    ///
    /// Of the statement as it came, and as it would go upstream.
    pub(super) fn tell(
        &mut self,
        stmts: [&Node; 2],
        columns: &Outputs,
        plan: &mut Plan,
        makes: bool,
    ) {
        if self.whose.sightings.is_empty() && !self.whose.untold {
            return;
        }
        if makes {
            plan.subjects = Some(Arc::new(Subjects::untold()));
            return;
        }
        let is_copy = self.whose.fields.is_some();
        let rows = match self.whose.fields.take() {
            Some(fields) => fields,
            None if columns.open_ended => vec![None; columns.columns.len()],
            None => columns.columns.iter().map(|c| c.whose).collect(),
        };
        self.settle_told();
        for (ix, whose) in rows.iter().enumerate() {
            if let Some(whose) = whose {
                self.told_by_column(*whose, ix);
            }
        }
        let mut subjects = Subjects {
            width: rows.len(),
            ..Subjects::untold()
        };
        if !is_copy && !columns.open_ended && self.whose.adds {
            self.add(stmts, plan, &mut subjects);
        }
        let all = |s: &Sighting| s.told || !s.is_table;
        subjects.told = !self.whose.untold && self.whose.sightings.iter().all(all);
        subjects.sources = std::mem::take(&mut self.whose.sources);
        plan.subjects = Some(Arc::new(subjects));
    }

    /// A column of the rows names the person.
    fn told_by_column(&mut self, whose: SightingIx, column: usize) {
        let Some(sighting) = self.seen_mut(whose).filter(|s| !s.told && !s.moved) else {
            return;
        };
        sighting.told = true;
        let of = Arc::clone(&sighting.of);
        self.named_at(&of, At::Row(column));
        self.settle_told();
    }

    fn named_at(&mut self, of: &Of, at: At) {
        self.whose.sources.push(Source {
            kind: Arc::clone(&of.kind),
            form: of.form,
            at,
        });
    }

    /// What is told by what is told, until nothing changes.
    fn settle_told(&mut self) {
        loop {
            let told: BTreeSet<usize> = self.told_now().collect();
            let is_told = |ix: &SightingIx| told.contains(&ix.0);
            let mut changed = false;
            for sighting in self.whose.sightings.iter_mut().filter(|s| !s.told) {
                let by_all = !sighting.by_all.is_empty() && sighting.by_all.iter().all(is_told);
                sighting.told = by_all || sighting.by_one.iter().any(is_told);
                changed |= sighting.told;
            }
            if !changed {
                return;
            }
        }
    }

    fn told_now(&self) -> impl Iterator<Item = usize> {
        let all = self.whose.sightings.iter().enumerate();
        all.filter(|(_, s)| s.told).map(|(ix, _)| ix)
    }
}

/// The columns of a subquery or CTE name whom its outputs name.
pub(super) fn tell_apart(entry: &mut Entry, outputs: &Outputs) {
    if outputs.columns.iter().all(|c| c.whose.is_none()) {
        return;
    }
    let mut columns: Vec<EntryColumn> = entry.columns.as_ref().clone();
    for (column, output) in columns.iter_mut().zip(&outputs.columns) {
        column.whose = output.whose;
    }
    entry.columns = Arc::new(columns);
}

/// A row that is no row of a table.
pub(super) fn forget(entry: &mut Entry) {
    if entry.columns.iter().any(|c| c.whose.is_some()) {
        let mut columns: Vec<EntryColumn> = entry.columns.as_ref().clone();
        columns.iter_mut().for_each(|c| c.whose = None);
        entry.columns = Arc::new(columns);
    }
}

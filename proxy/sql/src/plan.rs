//! The plan of a SELECT, INSERT, UPDATE, DELETE, MERGE or COPY that names something tainted.
//!
//! The planner walks the tree as PostgreSQL's analyser does (parse_clause.c, parse_expr.c), knows of every
//! value whether it is a cell, and collects edits. It must never skip a part of the tree: what has no rule
//! is a refusal.

use crate::analyse::Input;
use crate::catalog::Names;
use crate::verdict::{CellOutput, Effects, Literal, Output, Plan, Shown, Touch, Use, Verdict};
use crate::world::World;
pub(crate) use check::{Marks, prepared as check_prepare};
pub(crate) use execute::{argument, execute};
use flow::{Cell, Fate, Flow, Leaf, LeafIx, Sealed, What};
use hippocrypt_policy::{ColumnIx, DeclaredType, TableRef};
pub(crate) use made::Made;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, RangeVar};
use refuse::{Judged, malformed, refusal, unsupported};
use scope::{BroughtIx, Ctes, Level, Outputs};
pub(crate) use scope::{qualified, quoted};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

pub(crate) mod alone;
mod assign;
mod brought;
pub(crate) mod check;
mod colname;
mod combine;
mod conflict;
mod copy;
mod cte;
mod default;
mod delete;
mod edit;
mod execute;
mod flow;
mod from;
mod grouping;
mod hash;
mod infer;
mod insert;
pub(crate) use insert::unrecorded;
mod join;
mod literal;
mod lookup;
mod made;
mod merge;
mod params;
mod refuse;
mod resolve;
mod scope;
mod select;
mod setop;
mod shown;
mod star;
mod stored;
mod types;
mod update;
mod whose;

pub(crate) use stored::{Base, read_back, stored};

/// What the planner answers for one statement.
pub(crate) struct Planned {
    /// The plan or the refusal.
    pub(crate) verdict: Verdict,
    /// Relations it resolved.
    pub(crate) tables: BTreeSet<TableRef>,
    /// Protected columns it touches.
    pub(crate) touches: Vec<Touch>,
    /// What functions behind its views may change.
    pub(crate) effects: Effects,
    /// What was written where the client wrote something else or nothing.
    pub(crate) marks: Marks,
}

/// The command of one of the five statements.
pub(crate) fn kind(stmt: &Node) -> Option<&'static str> {
    match stmt.node.as_ref()? {
        NodeEnum::SelectStmt(_) => Some("SELECT"),
        NodeEnum::InsertStmt(_) => Some("INSERT"),
        NodeEnum::UpdateStmt(_) => Some("UPDATE"),
        NodeEnum::DeleteStmt(_) => Some("DELETE"),
        NodeEnum::MergeStmt(_) => Some("MERGE"),
        _ => None,
    }
}

/// OID of a type of `pg_catalog`, 0 for `unknown`; `None` for any other.
pub(crate) fn type_oid(node: &Node, session: &Names) -> Option<u32> {
    let Some(NodeEnum::TypeName(name)) = &node.node else {
        return None;
    };
    let parts: Vec<_> = name.names.iter().map(types::string).collect();
    if parts == [Some("unknown")] && name.array_bounds.is_empty() {
        return Some(0);
    }
    types::built_in(name, session).map(|t| t.oid)
}

/// Plans or refuses one of the five statements, or a COPY.
pub(crate) fn plan(input: Input<'_>, stmt: &Node) -> Planned {
    planned(Planner::new(input), stmt)
}

/// The same of a statement whose rows go to the client, through the session: columns can be added to them, which it
/// takes out again.
pub(crate) fn plan_returned(input: Input<'_>, stmt: &Node) -> Planned {
    let mut planner = Planner::new(input);
    planner.whose.adds = true;
    planned(planner, stmt)
}

/// Plans or refuses the query that such a table is made of.
pub(crate) fn plan_made(input: Input<'_>, query: &Node, made: Made) -> Planned {
    let mut planner = Planner::new(input);
    planner.made = Some(made);
    planned(planner, query)
}

fn planned(mut planner: Planner<'_>, stmt: &Node) -> Planned {
    let verdict = match planner.whole(stmt) {
        Ok(plan) => Verdict::Plan(Arc::new(plan)),
        Err(refusal) => {
            planner.refused();
            Verdict::Refusal(Arc::new(*refusal))
        }
    };
    Planned {
        verdict,
        tables: planner.tables,
        touches: planner.touches.into_iter().collect(),
        effects: planner.effects,
        marks: planner.marks,
    }
}

/// A plain constant and its bytes, `Some(None)` for NULL; `None` for anything else.
pub(crate) fn constant(node: &Node, input: &Input<'_>) -> Option<Option<(Range<usize>, Literal)>> {
    let mut planner = Planner::new(input.clone());
    let Flow::Open(_) = planner.infer(node).ok()? else {
        return None;
    };
    match planner.leaves.as_slice() {
        [leaf] if leaf.cast == flow::Cast::None => match &leaf.what {
            What::Null => Some(None),
            What::Constant(literal) => Some(Some((leaf.range.clone(), literal.clone()))),
            What::Param(..) => None,
        },
        _ => None,
    }
}

/// One statement's analysis.
struct Planner<'a> {
    input: Input<'a>,
    /// Query levels, the innermost last.
    levels: Vec<Level>,
    /// CTE names in sight, the innermost last.
    ctes: Vec<Ctes>,
    leaves: Vec<Leaf>,
    edits: edit::Edits,
    tables: BTreeSet<TableRef>,
    touches: BTreeSet<Touch>,
    /// Every protected column that was named: what a refusal's record lists.
    named: BTreeSet<ColumnIx>,
    /// Result columns whose names come from a leaf.
    names: Vec<(LeafIx, String)>,
    /// Casts of columns whose values are leaves.
    column_casts: Vec<(Vec<LeafIx>, Range<usize>, types::BuiltIn)>,
    /// Casts of a CASE that its leaves have taken over.
    case_casts: Vec<(Vec<LeafIx>, Range<usize>)>,
    /// Hashes that are to be made.
    pending: Vec<hash::Pending>,
    /// Conditions of the WHEREs around that hashes are to stand for.
    lookups: Vec<lookup::Lookup>,
    /// Leaves that are compared with cells or stored, or are among cells that are.
    met: BTreeSet<LeafIx>,
    /// Leaves in whose place something else is written.
    unwritten: BTreeSet<LeafIx>,
    /// What is written where the client wrote something else or nothing.
    marks: Marks,
    /// Rows of VALUES and unnest in FROM.
    brought: Vec<brought::Brought>,
    /// Those that a `*` in the text shows, and those with a column that is reached by its name.
    starred: Vec<BroughtIx>,
    reached_by_name: Vec<BroughtIx>,
    /// Where the last relation of a FROM stands.
    last_relation: Option<usize>,
    effects: Effects,
    /// The query is one that the database has stored: it runs as it is.
    stored: bool,
    /// The statement itself is a SELECT INTO.
    into: bool,
    /// The table of the policy that is made of the query's rows.
    made: Option<Made>,
    /// Whose rows it reads and writes.
    whose: whose::Whose,
}

impl<'a> Planner<'a> {
    fn new(input: Input<'a>) -> Self {
        Self {
            input,
            levels: Vec::new(),
            ctes: Vec::new(),
            leaves: Vec::new(),
            edits: edit::Edits::default(),
            tables: BTreeSet::new(),
            touches: BTreeSet::new(),
            named: BTreeSet::new(),
            names: Vec::new(),
            column_casts: Vec::new(),
            case_casts: Vec::new(),
            pending: Vec::new(),
            lookups: Vec::new(),
            met: BTreeSet::new(),
            unwritten: BTreeSet::new(),
            marks: Marks::default(),
            brought: Vec::new(),
            starred: Vec::new(),
            reached_by_name: Vec::new(),
            last_relation: None,
            effects: Effects::default(),
            stored: false,
            into: false,
            made: None,
            whose: whose::Whose::default(),
        }
    }

    fn world(&self) -> &'a World {
        self.input.world
    }

    fn rule(&self) -> &str {
        &self.input.cx.rights.rule
    }

    fn whole(&mut self, stmt: &Node) -> Judged<Plan> {
        let into = into_of(stmt);
        self.into = into.is_some();
        let mut columns = Outputs::default();
        let (outputs, copy) = match &stmt.node {
            Some(NodeEnum::CopyStmt(copy)) => (None, self.copy_stmt(copy)?.map(Arc::new)),
            _ => {
                columns = self.statement(stmt)?;
                (self.shown(&columns)?, None)
            }
        };
        let mut made = self.made.take();
        if let Some(into) = into {
            made = self.made_of(into)?;
            if made.is_none() {
                self.makes_none(into, outputs.is_some())?;
            }
        }
        self.finish_brought()?;
        let (params, client_params) = self.finish_leaves()?;
        let mut plan = Plan {
            edits: std::mem::take(&mut self.edits).ordered()?,
            params,
            client_params,
            outputs,
            copy,
            ..Plan::default()
        };
        let sent = check::rendered(&self.input, stmt, &plan, &self.marks)?;
        let makes = made.is_some() || into.is_some();
        self.tell([stmt, &sent], &columns, &mut plan, makes);
        if let Some(made) = made {
            self.makes(&mut plan, &columns, &made)?;
        }
        Ok(plan)
    }

    /// A statement at any depth (CTEs hold all kinds but MERGE) and its result columns.
    fn statement(&mut self, stmt: &Node) -> Judged<Outputs> {
        match stmt.node.as_ref() {
            Some(NodeEnum::SelectStmt(select)) => self.select(select),
            Some(NodeEnum::InsertStmt(insert)) => self.insert(insert),
            Some(NodeEnum::UpdateStmt(update)) => self.update(update),
            Some(NodeEnum::DeleteStmt(delete)) => self.delete(delete),
            Some(NodeEnum::MergeStmt(merge)) => self.merge(merge),
            _ => Err(malformed("statement")),
        }
    }

    /// The statement's own result columns, as they are shown to the client.
    fn shown(&mut self, outputs: &Outputs) -> Judged<Option<Vec<Output>>> {
        let mut shown = Vec::with_capacity(outputs.columns.len());
        let mut cells = false;
        for column in &outputs.columns {
            shown.push(match &column.flow {
                Flow::Cell(cell) => {
                    cells = true;
                    Output::Cell(self.opened(cell, None)?)
                }
                Flow::Shown(cell, cast) => {
                    cells = true;
                    Output::Cell(self.opened(cell, Some(*cast))?)
                }
                flow => match self.brought_back(flow)? {
                    Some(cell) => {
                        cells = true;
                        Output::Cell(self.opened(&cell, None)?)
                    }
                    None => {
                        self.clear(flow.clone(), "a result column", -1)?;
                        Output::Clear
                    }
                },
            });
        }
        if cells && outputs.open_ended {
            let what = "a \"*\" over a function or catalog beside encrypted columns";
            return Err(unsupported(what, -1));
        }
        Ok(cells.then_some(shown))
    }

    fn opened(&mut self, cell: &Cell, cast: Option<DeclaredType>) -> Judged<CellOutput> {
        let as_shown = match cell.mask {
            Some(_) => Shown::Masked,
            None => Shown::Clear,
        };
        self.touch(cell, Use::Read, as_shown);
        let given = self.shown_beside(cell)?;
        Ok(CellOutput {
            columns: cell.columns.iter().copied().collect(),
            declared: cell.declared,
            typmod: cell.typmod,
            mask: cell.mask,
            origin: (cell.relabelled || cast.is_some()).then_some((0, 0)),
            stored: self.as_stored(cell),
            given,
            cast,
        })
    }

    fn touch(&mut self, cell: &Cell, usage: Use, shown: Shown) {
        for &column in &cell.columns {
            self.touch_column(column, usage, shown);
        }
    }

    fn touch_column(&mut self, ix: ColumnIx, usage: Use, shown: Shown) {
        if let Some(column) = self.world().column(ix) {
            let column = column.name.clone();
            self.touches.insert(Touch {
                column,
                usage,
                shown,
            });
        }
    }

    /// What the record of a refused statement says: every column it named, and that none was shown.
    fn refused(&mut self) {
        let touches = std::mem::take(&mut self.touches);
        for touch in touches {
            let shown = Shown::Refused;
            self.touches.insert(Touch { shown, ..touch });
        }
        for ix in std::mem::take(&mut self.named) {
            let known = self
                .world()
                .column(ix)
                .is_some_and(|c| self.touches.iter().any(|t| t.column == c.name));
            if !known {
                self.touch_column(ix, Use::Read, Shown::Refused);
            }
        }
    }

    /// A new leaf.
    fn leaf(&mut self, leaf: Leaf) -> Flow {
        self.leaves.push(leaf);
        Flow::Open(vec![LeafIx(self.leaves.len() - 1)])
    }

    /// Takes a value where only clear ones can stand.
    fn clear(&mut self, flow: Flow, what: &str, location: i32) -> Judged<()> {
        match flow {
            Flow::Clear => Ok(()),
            Flow::Cell(cell) | Flow::Shown(cell, _) => {
                Err(self.impossible(refuse::Construct::Other(what), &cell, location))
            }
            Flow::Open(leaves) => self.settle(&leaves, &Fate::Clear),
        }
    }

    /// Takes leaves where they become cells.
    fn seal(&mut self, leaves: &[LeafIx], sealed: Sealed) -> Judged<()> {
        self.met.extend(leaves);
        self.settle(leaves, &Fate::Sealed(sealed))
    }

    fn settle(&mut self, leaves: &[LeafIx], fate: &Fate) -> Judged<()> {
        for ix in leaves {
            let of_each = match fate {
                Fate::Sealed(sealed) if self.leaves.get(ix.0).is_some_and(|l| l.each) => {
                    Some(Fate::Sealed(sealed.of_each()?))
                }
                _ => None,
            };
            let fate = of_each.as_ref().unwrap_or(fate);
            let agreed = match (self.leaves.get(ix.0).map(|l| &l.fate), fate) {
                (Some(Fate::Sealed(before)), Fate::Sealed(now)) => self.agreed(before, now),
                _ => None,
            };
            let Some(leaf) = self.leaves.get_mut(ix.0) else {
                return Err(malformed("constant"));
            };
            if let Some(agreed) = agreed {
                leaf.fate = Fate::Sealed(agreed);
                continue;
            }
            let null = matches!(leaf.what, What::Null);
            let open = matches!(leaf.fate, Fate::Undecided | Fate::Tested);
            if open || (null && *fate != Fate::Clear) {
                leaf.fate = fate.clone();
            } else if null || *fate == Fate::Tested {
                // a NULL is a NULL on either side
            } else if leaf.fate != *fate {
                let message =
                    "one value is used both for an encrypted column and for something else";
                let at = i32::try_from(leaf.range.start).unwrap_or(-1);
                return Err(refuse::with_hint(
                    refusal("0A000", message.into(), at),
                    "Give it once for each use.",
                ));
            }
        }
        Ok(())
    }
}

/// The table that a SELECT INTO makes.
fn into_of(stmt: &Node) -> Option<&RangeVar> {
    match &stmt.node {
        Some(NodeEnum::SelectStmt(select)) => select.into_clause.as_deref()?.rel.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

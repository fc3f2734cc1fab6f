//! Queries that the database has stored: views, and the expressions of row security policies.
//!
//! They run as they are, so nothing of them can be edited: a cast of a cell is one the server makes, and a
//! constant that meets cells must be a cell already. It must never take a constant for a cell that is none.

use super::flow::{Cast, Fate, Flow, Leaf, What};
use super::refuse::{Judged, malformed, refusal};
use super::scope::Outputs;
use super::{Planner, types};
use crate::analyse::{Context, Input};
use crate::catalog::Names;
use crate::verdict::{Literal, Plan};
use crate::world::{Provenance, World};
use crate::{grammar, scan, taint};
use hippocrypt_policy::{Access, ColumnIx, Rights, TableRef};
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt, TypeName};
use std::collections::BTreeSet;

/// OID of bytea.
const BYTEA: u32 = 17;

/// How a cell begins as PostgreSQL prints bytea; without the backslash, which may be doubled.
const MAGIC: &str = "xf5e1";

/// Functions of one value for one row, which leave a view one that can be updated.
const SCALAR: [&str; 16] = [
    "abs",
    "age",
    "btrim",
    "concat",
    "date_part",
    "date_trunc",
    "floor",
    "length",
    "lower",
    "now",
    "replace",
    "round",
    "substr",
    "to_char",
    "upper",
    "date",
];

/// What a stored query gives.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Its result columns: where their cells come from, `None` where they are clear.
    pub(crate) columns: Vec<Option<Provenance>>,
    /// Protected columns that it uses otherwise than by giving their cells on.
    pub(crate) inside: BTreeSet<ColumnIx>,
    /// It calls functions that may change settings or the catalog.
    pub(crate) opaque: bool,
    /// Where PostgreSQL would update one table through it.
    pub(crate) base: Option<Base>,
}

/// The one relation that a simple query is over.
#[derive(Debug)]
pub(crate) struct Base {
    /// Which.
    pub(crate) table: TableRef,
    /// Its column that each result column is; `None` for an expression.
    pub(crate) columns: Vec<Option<String>>,
    /// No subquery of it names another, or the same again.
    pub(crate) alone: bool,
}

/// Judges a stored query; nobody's rights are asked.
pub(crate) fn stored(world: &World, query: &str) -> Judged<Stored> {
    let names = Names {
        search_path: world.catalog().printed_under.clone(),
        temporary: Vec::new(),
        standard_conforming_strings: true,
        ..Names::default()
    };
    read(world, query, &names)
}

/// What a query that is about to be stored will give once it is, a dummy standing for each of its cells.
pub(crate) fn read_back(input: &Input<'_>, plan: &Plan) -> Judged<Vec<Option<Provenance>>> {
    let query = super::check::render(input, plan).ok_or_else(|| malformed("view"))?;
    read(input.world, &query, input.cx.names).map(|stored| stored.columns)
}

fn read(world: &World, query: &str, names: &Names) -> Judged<Stored> {
    let rights = Rights::new("view", vec![Access::Clear; world.policy().columns.len()]);
    let cx = Context {
        names,
        rights: &rights,
        declared_params: &[],
        outside: false,
    };
    let scs = names.standard_conforming_strings;
    let bad = || malformed("view");
    let tokens = scan::scan(query, scs).map_err(|_| bad())?;
    let work = || {
        let parsed = grammar::parse(query, scs).map_err(|_| bad())?;
        let [only] = parsed.stmts.as_slice() else {
            return Err(bad());
        };
        let node = only.stmt.as_deref().ok_or_else(bad)?;
        let input = Input {
            text: query,
            range: 0..query.len(),
            tokens: &tokens,
            world,
            cx: &cx,
            unsettled: false,
        };
        judged(input, node)
    };
    grammar::with_stack_for(tokens.len(), work).unwrap_or_else(|| Err(bad()))
}

fn judged(input: Input<'_>, node: &Node) -> Judged<Stored> {
    let Some(NodeEnum::SelectStmt(select)) = &node.node else {
        return Err(malformed("view"));
    };
    let taint = taint::taint(node, &input).map_err(Box::new)?;
    if let Some(refusal) = taint.refusal {
        return Err(Box::new(refusal));
    }
    let opaque = taint.effects.catalog || taint.effects.settings;
    let base = base(node, select, &input);
    let mut planner = Planner::new(input);
    planner.stored = true;
    let outputs = planner.select(select)?;
    let columns = planner.provenance(&outputs)?;
    planner.finish_stored()?;
    Ok(Stored {
        columns,
        inside: planner.named,
        opaque: opaque || planner.effects.catalog || planner.effects.settings,
        base,
    })
}

impl Planner<'_> {
    fn provenance(&mut self, outputs: &Outputs) -> Judged<Vec<Option<Provenance>>> {
        if outputs.open_ended {
            return Err(malformed("view"));
        }
        let mut columns = Vec::with_capacity(outputs.columns.len());
        for column in &outputs.columns {
            columns.push(match &column.flow {
                Flow::Cell(cell) => Some(Provenance {
                    columns: cell.columns.clone(),
                    declared: cell.declared,
                    typmod: cell.typmod,
                }),
                flow => {
                    self.clear(flow.clone(), "a result column", -1)?;
                    None
                }
            });
        }
        Ok(columns)
    }

    /// Every constant is what it has been taken for.
    fn finish_stored(&self) -> Judged<()> {
        match self.leaves.iter().all(is_as_stored) {
            true => Ok(()),
            false => {
                let message =
                    "a constant in it is compared or stored as an encrypted value and is none";
                Err(refusal("0A000", message.into(), -1))
            }
        }
    }

    /// A type name of a stored cast: the cell domain counts as the bytea that it is.
    pub(super) fn stored_type(&self, name: &TypeName) -> Option<types::BuiltIn> {
        let parts: Vec<&str> = name
            .names
            .iter()
            .filter_map(|n| match &n.node {
                Some(NodeEnum::String(s)) => Some(s.sval.as_str()),
                _ => None,
            })
            .collect();
        let cell =
            matches!(parts.as_slice(), ["hippocrypt", "cell"]) && name.array_bounds.is_empty();
        match self.stored && cell {
            true => Some(types::BuiltIn {
                oid: BYTEA,
                modifiers: Vec::new(),
            }),
            false => types::built_in(name, self.input.cx.names),
        }
    }

    /// What a result column names counts as used inside, but for the columns whose cells it gives on.
    pub(super) fn only_inside(&mut self, before: BTreeSet<ColumnIx>, flow: &Flow) {
        if let Flow::Cell(cell) = flow {
            self.named.retain(|ix| !cell.columns.contains(ix));
        }
        self.named.extend(before);
    }
}

fn is_as_stored(leaf: &Leaf) -> bool {
    match (&leaf.what, &leaf.fate) {
        (What::Null, _) => true,
        (What::Param(..), _) => false,
        (What::Constant(Literal::String { value, .. }), Fate::Sealed(_)) => {
            is_cell(value) && leaf.cast == Cast::To(BYTEA, Vec::new())
        }
        (What::Constant(Literal::String { value, .. }), Fate::Clear | Fate::Undecided) => {
            !is_cell(value)
        }
        (What::Constant(_), fate) => !matches!(fate, Fate::Sealed(_)),
    }
}

fn is_cell(value: &str) -> bool {
    value.trim_start_matches('\\').starts_with(MAGIC)
}

/// `SELECT columns FROM one relation WHERE …`, and nothing else.
fn base(node: &Node, select: &SelectStmt, input: &Input<'_>) -> Option<Base> {
    let plain = select.distinct_clause.is_empty()
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.window_clause.is_empty()
        && select.values_lists.is_empty()
        && select.limit_offset.is_none()
        && select.limit_count.is_none()
        && select.with_clause.is_none()
        && select.larg.is_none();
    let [only] = select.from_clause.as_slice() else {
        return None;
    };
    let Some(NodeEnum::RangeVar(relation)) = &only.node else {
        return None;
    };
    let columns = select.target_list.iter().map(own_column);
    let columns = columns.collect::<Option<Vec<_>>>()?;
    let name = crate::tree::RelationName {
        catalog: None,
        schema: Some(relation.schemaname.clone()).filter(|s| !s.is_empty()),
        name: relation.relname.clone(),
        at: None,
        written: false,
    };
    let named = crate::tree::names(node).ok()?.relations.len();
    plain.then(|| Base {
        table: taint::resolved(&name, input),
        columns,
        alone: named == 1,
    })
}

/// The column that a target is; outer `None` for what may make the query one that cannot be updated.
fn own_column(target: &Node) -> Option<Option<String>> {
    let Some(NodeEnum::ResTarget(target)) = &target.node else {
        return None;
    };
    let val = target.val.as_deref()?;
    let calls = crate::tree::names(val).ok()?.functions;
    // an aggregate, a window or a set among them makes the view one that cannot be updated
    let scalar = |call: &crate::tree::Function| match call.name.parts.as_slice() {
        [name] => SCALAR.contains(&name.as_str()),
        _ => false,
    };
    match &val.node {
        Some(NodeEnum::ColumnRef(column)) => match column.fields.last().map(|f| &f.node) {
            Some(Some(NodeEnum::String(name))) => Some(Some(name.sval.clone())),
            _ => None,
        },
        _ if calls.iter().all(scalar) => Some(None),
        _ => None,
    }
}

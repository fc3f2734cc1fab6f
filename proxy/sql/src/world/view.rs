//! Views over protected tables, judged by their stored queries: where the cells of each column come from.
//!
//! A view whose query the planner does not understand is closed. It must never show a column as clear whose
//! values are cells, nor forget a protected column that decides which rows the view has.

use super::{ProtectedTable, State, TableColumn, World};
use crate::catalog::{Relation, RelationKind};
use crate::plan;
use crate::verdict::Form;
use hippocrypt_policy::{ColumnIx, DeclaredType, TableRef};
use std::collections::BTreeSet;
use std::sync::Arc;

/// OID of bytea.
const BYTEA: u32 = 17;

/// A view or materialized view over protected tables.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: TableRef,
    /// View or materialized view.
    pub kind: RelationKind,
    /// Its columns in order.
    pub columns: Vec<ViewColumn>,
    /// Protected columns that its query filters, joins, groups or computes by: to read the view is to do so.
    pub inside: BTreeSet<ColumnIx>,
    /// Its query calls functions that the policy trusts, and that may change settings or the catalog.
    pub opaque: bool,
    /// The table behind it by the view's own names, where PostgreSQL lets INSERT, UPDATE and DELETE through.
    pub target: Option<Box<ProtectedTable>>,
    /// Whose rows it shows, where each of them is one row of a table with a subject, and it shows the subject too.
    pub(crate) whose: Option<ViewSubject>,
}

/// The column of a view that says whose row a row is.
#[derive(Clone, Debug)]
pub(crate) struct ViewSubject {
    pub(crate) column: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) form: Form,
}

/// A column of a view.
#[derive(Clone, Debug)]
pub struct ViewColumn {
    /// `attname`
    pub name: Arc<str>,
    /// `attnum`
    pub attnum: i16,
    /// Where its cells come from; `None`: it is clear.
    pub cells: Option<Provenance>,
}

/// Where the cells of a column come from, and what the client is told of their type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The columns; never empty.
    pub columns: BTreeSet<ColumnIx>,
    /// The type.
    pub declared: DeclaredType,
    /// Its modifier.
    pub typmod: i32,
}

/// Judges every view that comes from tainted relations, those first that others are made of.
pub(super) fn judge(world: &mut World) {
    loop {
        let ready = ready(world);
        if ready.is_empty() {
            return;
        }
        for (name, relation) in ready {
            let state = match judged(world, &name, &relation) {
                Ok(view) => State::View(view),
                Err(reason) => State::Closed {
                    reason,
                    hint: Some("make the view anew through the proxy, or use its tables"),
                },
            };
            world.states.insert(name, state);
        }
    }
}

/// Views not judged yet that depend on no other such view.
fn ready(world: &World) -> Vec<(TableRef, Relation)> {
    let pending = |oid: &u32| {
        let found = world.by_oid(*oid);
        found
            .is_some_and(|(name, _)| matches!(world.states.get(&name), Some(State::Derived { .. })))
    };
    let derived = world.states.iter().filter_map(|(name, state)| {
        let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
        let relation = world.catalog.relations.get(&key)?;
        let is_view = is_view(relation.kind) && relation.definition.is_some();
        (matches!(state, State::Derived { .. }) && is_view).then_some((name, relation))
    });
    derived
        .filter(|(_, relation)| !relation.depends_on.iter().any(pending))
        .map(|(name, relation)| (name.clone(), relation.clone()))
        .collect()
}

pub(super) fn is_view(kind: RelationKind) -> bool {
    matches!(kind, RelationKind::View | RelationKind::MaterializedView)
}

fn judged(world: &World, name: &TableRef, relation: &Relation) -> Result<View, String> {
    if relation.has_rules {
        return Err("it has rules, and a rule may send values anywhere".into());
    }
    let query = relation.definition.as_deref().unwrap_or_default();
    let stored = plan::stored(world, query).map_err(|refusal| {
        let detail = refusal.detail.as_deref().unwrap_or_default();
        let words = format!("{} {detail}", refusal.message);
        format!("its query is not understood: {}", words.trim_end())
    })?;
    if stored.columns.len() != relation.columns.len() {
        return Err("its query has another number of columns than the view".into());
    }
    let mut columns = Vec::with_capacity(relation.columns.len());
    for (attribute, cells) in relation.columns.iter().zip(stored.columns) {
        let is_cell = world.catalog.cell_type == Some(attribute.type_oid);
        let fits = match &cells {
            Some(_) => is_cell || attribute.type_oid == BYTEA,
            None => !is_cell,
        };
        if !fits {
            let column = &attribute.name;
            return Err(format!(
                "the type of its column {column} is not what its query gives"
            ));
        }
        columns.push(ViewColumn {
            name: Arc::clone(&attribute.name),
            attnum: attribute.attnum,
            cells,
        });
    }
    let base = stored.base.as_ref();
    let target = base.and_then(|base| target(world, name, relation, base));
    let whose = base
        .filter(|base| base.alone && target.is_some())
        .and_then(|base| whose(world, relation, base));
    Ok(View {
        name: name.clone(),
        kind: relation.kind,
        columns,
        inside: stored.inside,
        opaque: stored.opaque,
        target: target.map(Box::new),
        whose,
    })
}

/// Each row of such a view is one row of the table behind it. Where rights to that are uneven, or row security has a say,
/// a column that is read could fail or say something else for whoever reads the view by their own rights.
fn whose(world: &World, relation: &Relation, base: &plan::Base) -> Option<ViewSubject> {
    let key = (
        Arc::clone(&base.table.schema),
        Arc::clone(&base.table.table),
    );
    let behind = world.catalog.relations.get(&key)?;
    if behind.uneven_grants || behind.row_security {
        return None;
    }
    let (column, kind, form) = match world.states.get(&base.table)? {
        State::Protected(table) => {
            let subject = world.subject(&table.name)?;
            let form = world.form_of(&table.name, &subject.column)?;
            (&subject.column, &subject.kind, form)
        }
        State::View(view) => {
            let whose = view.whose.as_ref()?;
            (&whose.column, &whose.kind, whose.form)
        }
        State::Missing | State::Closed { .. } | State::Derived { .. } => return None,
    };
    let shown = relation.columns.iter().zip(&base.columns);
    let mut shown = shown.filter(|(_, of)| of.as_deref() == Some(&**column));
    Some(ViewSubject {
        column: shown
            .next()
            .map(|(attribute, _)| Arc::clone(&attribute.name))?,
        kind: Arc::clone(kind),
        form,
    })
}

/// rewriteHandler.c, view_query_is_auto_updatable: a plain query over one table or updatable view.
fn target(
    world: &World,
    name: &TableRef,
    relation: &Relation,
    base: &plan::Base,
) -> Option<ProtectedTable> {
    if relation.kind != RelationKind::View {
        return None;
    }
    let behind = match world.states.get(&base.table)? {
        State::Protected(table) => table,
        State::View(view) => view.target.as_deref()?,
        State::Missing | State::Closed { .. } | State::Derived { .. } => return None,
    };
    let columns = relation.columns.iter().zip(&base.columns);
    let columns = columns.map(|(attribute, of)| {
        let of = of.as_deref().and_then(|of| behind.column(of));
        TableColumn {
            name: Arc::clone(&attribute.name),
            attnum: attribute.attnum,
            protected: of.and_then(|c| c.protected),
            has_default: attribute.has_default || of.is_some_and(|c| c.has_default),
            default_cell: match attribute.has_default {
                true => attribute.default_cell.clone(),
                false => of.and_then(|c| c.default_cell.clone()),
            },
            generated: of.is_some_and(|c| c.generated),
            fixed: of.is_none_or(|c| c.fixed),
        }
    });
    let shown = |c: &TableColumn| base.columns.iter().flatten().any(|name| **name == *c.name);
    let mut left_out = behind.columns.iter().filter(|c| c.has_default && !shown(c));
    let triggers = relation.triggers.iter().chain(&behind.triggers);
    Some(ProtectedTable {
        name: name.clone(),
        oid: relation.oid,
        columns: columns.collect(),
        triggers: triggers.cloned().collect(),
        unrecorded: behind.unrecorded,
        hidden_default: left_out.find_map(|c| c.protected).or(behind.hidden_default),
    })
}

//! The proof that a statement touches nothing protected: every relation, type, function and operator that it
//! names, looked up.
//!
//! A name that could mean something tainted counts as touching (a CTE that shadows a protected table too:
//! the planner knows better). It must never call a statement untouched that names a tainted relation.

use crate::analyse::Input;
use crate::catalog::Trigger;
use crate::functions::{self, Path};
use crate::tree::{self, Found, RelationName};
use crate::verdict::{Attribution, Cursor, Effects, Refusal};
use crate::world::Lookup;
use hippocrypt_policy::TableRef;
use pg_query::NodeEnum;
use pg_query::protobuf::{DropBehavior, Node, TruncateStmt};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a statement names.
#[derive(Debug, Default)]
pub(crate) struct Taint {
    /// It names a relation that is, or could be, tainted.
    pub(crate) touched: bool,
    /// Relations outside the system catalogs, resolved where the snapshot allows; schema `?` where it does not.
    pub(crate) tables: Vec<TableRef>,
    /// A function, operator or type that may not be used in a statement that runs them.
    pub(crate) refusal: Option<Refusal>,
    /// Its use of a protected table's row type, which `refusal` may be.
    pub(crate) row_type: Option<Refusal>,
    /// A function or operator that it names, which `refusal` may be.
    pub(crate) called: Option<Refusal>,
    /// A function of the system's that runs SQL text, which no object that it is kept in is known by.
    pub(crate) text: Option<Refusal>,
    /// Functions that the objects it names run, which `refusal` may be.
    pub(crate) hazard: Option<Refusal>,
    /// What its functions may change.
    pub(crate) effects: Effects,
    /// All names.
    pub(crate) found: Found,
}

/// Looks up everything that `node` names.
pub(crate) fn taint(node: &Node, input: &Input<'_>) -> Result<Taint, Refusal> {
    let mut found = tree::names(node).map_err(|_| Refusal {
        sqlstate: "54001",
        message: "the statement is nested too deeply".into(),
        detail: None,
        hint: None,
        position: None,
    })?;
    found.relations.extend(emptied_with(node, input));
    if input.cx.names.hides_catalog() {
        // what a constant is cast to may be a user's type that cuts it
        let casts = found.functions.iter_mut().filter(|call| call.casts);
        casts.for_each(|call| call.constants.clear());
    }
    let mut taint = Taint {
        touched: found.relations.iter().any(|r| is_tainted(r, input)),
        tables: tables(&found, input),
        ..Taint::default()
    };
    taint.functions(&found, input, runs_at_once(node, input));
    let mut written = found.relations.iter().filter(|r| r.written);
    if written.any(|r| fires_trusted(r, input)) {
        taint.effects.attribution.and(&Attribution::Changed);
    }
    taint.found = found;
    Ok(taint)
}

/// Whether it is TRUNCATE … CASCADE.
pub(crate) fn cascades(truncate: &TruncateStmt) -> bool {
    truncate.behavior() == DropBehavior::DropCascade
}

/// The relations that TRUNCATE … CASCADE empties without a name for them.
fn emptied_with(node: &Node, input: &Input<'_>) -> Vec<RelationName> {
    let truncate = match &node.node {
        Some(NodeEnum::TruncateStmt(truncate)) if cascades(truncate) => truncate,
        _ => return Vec::new(),
    };
    let named = truncate.relations.iter().filter_map(|n| match &n.node {
        Some(NodeEnum::RangeVar(r)) => {
            let schema = Some(r.schemaname.as_str()).filter(|s| !s.is_empty());
            let names = input.cx.names;
            let at = |schema| input.world.relation(schema, &r.relname, names);
            let meant = match schema {
                // a name like a system catalog's: none of those is emptied
                None if r.relname.starts_with("pg_") => {
                    names.search_path.iter().find_map(|s| at(Some(s)))
                }
                schema => at(schema),
            };
            meant.map(|(_, relation)| (relation.oid, r.inh))
        }
        _ => None,
    });
    let named: Vec<(u32, bool)> = named.collect();
    let emptied = input.world.emptied_with(&named).into_iter();
    let emptied = emptied.map(|table| RelationName {
        catalog: None,
        schema: Some(table.schema.to_string()),
        name: table.table.to_string(),
        at: None,
        written: true,
    });
    emptied.collect()
}

/// Whether what the statement computes is computed now, and by the catalog that it is judged by.
fn runs_at_once(node: &Node, input: &Input<'_>) -> bool {
    let before = input.text.get(..input.range.start).unwrap_or("?");
    before.trim().is_empty()
        && matches!(
            node.node,
            Some(
                NodeEnum::SelectStmt(_)
                    | NodeEnum::InsertStmt(_)
                    | NodeEnum::UpdateStmt(_)
                    | NodeEnum::DeleteStmt(_)
            )
        )
}

/// Whether the relation is, or could be, tainted.
pub(crate) fn is_tainted(relation: &RelationName, input: &Input<'_>) -> bool {
    !matches!(lookup(relation, input), Lookup::Unprotected)
}

/// What the name means here.
pub(crate) fn lookup<'a>(relation: &RelationName, input: &Input<'a>) -> Lookup<'a> {
    input
        .world
        .lookup(relation.schema.as_deref(), &relation.name, input.cx.names)
}

/// Whether writing to the relation fires a trigger that only the policy's word is known of: it may set anything.
fn fires_trusted(relation: &RelationName, input: &Input<'_>) -> bool {
    let policy = input.world.policy();
    if policy.trusted_functions.is_empty() {
        return false;
    }
    let trusted = |t: &Trigger| policy.trusts(&t.schema, &t.function);
    match lookup(relation, input) {
        Lookup::Protected(table) => table.triggers.iter().any(trusted),
        Lookup::View(view) => view.target.iter().any(|t| t.triggers.iter().any(trusted)),
        _ => {
            let (schema, names) = (relation.schema.as_deref(), input.cx.names);
            let found = input.world.relation(schema, &relation.name, names);
            found.is_some_and(|(_, r)| r.triggers.iter().any(trusted))
        }
    }
}

impl Taint {
    /// The session says what is in a cursor, and is asked for one.
    fn reads(&mut self, cursor: Option<(Cursor, Arc<str>)>) {
        match (&self.effects.cursor, cursor) {
            (_, None) => {}
            (None, cursor) => self.effects.cursor = cursor,
            (Some(one), Some(other)) if *one == other => {}
            (Some(_), Some(_)) => drop(self.refusal.get_or_insert(one_cursor())),
        }
    }

    fn functions(&mut self, found: &Found, input: &Input<'_>, at_once: bool) {
        let guarded = !input.world.is_clear();
        for call in &found.functions {
            let judged = functions::judge(call, input.world, input.path());
            let text = || functions::text::judge(call, input.world).filter(|_| at_once);
            match judged.or_else(|refusal| text().ok_or(refusal)) {
                Ok(effects) => {
                    self.effects.catalog |= effects.catalog;
                    self.effects.settings |= effects.settings;
                    self.effects.attribution.and(&effects.attribution);
                    self.reads(effects.cursor);
                    let refused = functions::setting(call).and_then(|(setting, value)| {
                        crate::settings::catalog_refused(setting, value, input)
                    });
                    self.refusal = self.refusal.take().or(refused);
                }
                Err(refusal) if guarded => {
                    if functions::text::is_run_by(call) {
                        self.text.get_or_insert_with(|| refusal.clone());
                    }
                    self.refusal.get_or_insert(refusal);
                }
                // Nothing to protect: no name of this database matters.
                Err(_) => {}
            }
        }
        if !guarded {
            return;
        }
        if self.effects.cursor.is_some() && self.effects.catalog {
            // a function that it calls could open another by that name
            self.refusal.get_or_insert(one_cursor());
        }
        let fields = found.fields.iter();
        for field in fields {
            match functions::judge_field(field, input.world, input.path()) {
                Ok(effects) => {
                    self.effects.catalog |= effects.catalog;
                    self.effects.settings |= effects.settings;
                }
                Err(refusal) => {
                    self.refusal.get_or_insert(refusal);
                }
            }
        }
        let operators = found.operators.iter();
        let refused = operators
            .filter_map(|o| functions::judge_operator(o, input.world, self.touched))
            .next();
        self.called = self.refusal.take().or(refused);
        self.row_type = row_type(found, input);
        self.hazard = hazard(found, input);
        let all = [&self.called, &self.row_type, &self.hazard];
        self.refusal = all.into_iter().flatten().next().cloned();
    }
}

fn one_cursor() -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message: "a statement that reads a cursor can read no other and call no trusted function"
            .into(),
        detail: None,
        hint: Some("Read it in a statement of its own.".into()),
        position: None,
    }
}

/// What the relations and types run by themselves: defaults, constraints, triggers and their like.
fn hazard(found: &Found, input: &Input<'_>) -> Option<Refusal> {
    let hazards = input.world.hazards();
    let relations = found.relations.iter().find_map(|r| {
        let schema = r.schema.as_deref();
        let names = input.cx.names;
        let why = match input.path() {
            Path::Of(_) => input.world.hazard(schema, &r.name, names, r.written),
            Path::Any => hazards.named(&r.name),
        }?;
        let how = if r.written { "writing to" } else { "reading" };
        Some((format!("{how} {}", resolved(r, input)), why, r.at))
    });
    let types = || {
        found.types.iter().find_map(|ty| {
            let (name, schema) = ty.name.parts.split_last()?;
            let system = schema.last().is_some_and(|s| s == "pg_catalog");
            let why = hazards.named_type(name).filter(|_| !system)?;
            Some((format!("a value of type {name}"), why, ty.name.at))
        })
    };
    let any = || Some(("any statement".to_owned(), hazards.statement()?, None));
    let (what, why, position) = relations.or_else(types).or_else(any)?;
    Some(Refusal {
        sqlstate: "0A000",
        message: format!("{what} could touch protected tables: it runs {why}"),
        detail: None,
        hint: Some(functions::TRUST.into()),
        position,
    })
}

/// A table's row type, or an array of it, holds the cells of a whole row.
fn row_type(found: &Found, input: &Input<'_>) -> Option<Refusal> {
    found.types.iter().find_map(|ty| {
        let mut parts = ty.name.parts.as_slice();
        if ty.of_column {
            parts = parts.split_last()?.1;
        }
        let (name, schema) = parts.split_last()?;
        let schema = schema.last().map(String::as_str);
        let bare = name.strip_prefix('_').unwrap_or(name);
        let tainted = [name.as_str(), bare].into_iter().any(|n| {
            !matches!(
                input.world.lookup(schema, n, input.cx.names),
                Lookup::Unprotected
            )
        });
        (tainted && schema != Some("pg_catalog")).then(|| Refusal {
            sqlstate: "0A000",
            message: format!("the row type of protected table {bare} cannot be used"),
            detail: None,
            hint: Some("Name the columns.".into()),
            position: ty.name.at,
        })
    })
}

fn tables(found: &Found, input: &Input<'_>) -> Vec<TableRef> {
    let mut all = BTreeSet::new();
    for relation in &found.relations {
        let is_cte = relation.schema.is_none() && found.ctes.contains(&relation.name);
        if !is_cte && !is_catalog(relation) {
            all.insert(resolved(relation, input));
        }
    }
    all.into_iter().collect()
}

fn is_catalog(relation: &RelationName) -> bool {
    match relation.schema.as_deref() {
        Some(schema) => matches!(schema, "pg_catalog" | "information_schema" | "pg_toast"),
        None => relation.name.starts_with("pg_"),
    }
}

/// The relation's full name as far as it is known.
pub(crate) fn resolved(relation: &RelationName, input: &Input<'_>) -> TableRef {
    let named = |schema: &str| TableRef {
        schema: Arc::from(schema),
        table: Arc::from(relation.name.as_str()),
    };
    if let Some(schema) = &relation.schema {
        return named(schema);
    }
    match lookup(relation, input) {
        Lookup::Protected(table) => return table.name.clone(),
        Lookup::View(view) => return view.name.clone(),
        Lookup::Missing(table) | Lookup::Closed { table, .. } | Lookup::Derived { table, .. } => {
            return table.clone();
        }
        Lookup::Unprotected | Lookup::Ambiguous(_) => {}
    }
    let names = input.cx.names;
    let known = input.world.relation(None, &relation.name, names);
    if let Some((table, _)) = known {
        return table;
    }
    if input.world.is_temporary(&relation.name, names) {
        return named("pg_temp");
    }
    made_in(input).map_or_else(|| named("?"), |schema| named(&schema))
}

/// Where a new relation without a schema would be: the first schema of the path that exists.
pub(crate) fn made_in(input: &Input<'_>) -> Option<Arc<str>> {
    let known = &input.world.catalog().schemas;
    let path = &input.cx.names.search_path;
    path.iter()
        .find(|s| known.contains(s) || &***s == "pg_temp")
        .cloned()
}

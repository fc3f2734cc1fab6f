//! The schema an app sees: catalogs answer as they would on the plain table (DESIGN §4).
//!
//! Where a FROM names a relation of `pg_catalog` or `information_schema` that can show a protected column, a
//! query over it is put in its place in the client's text: declared types for the cell type, without the CHECKs
//! of column groups and without schema `hippocrypt`. Stored definitions (views, functions) are left as they are.
//! It must never change what a statement says of anything else: the edited text is parsed and compared with the
//! tree that was meant.

use crate::analyse::Input;
use crate::catalog::CatalogShows;
use crate::grammar;
use crate::scan::Kind;
use crate::tree::Found;
use crate::tree::is_place;
use crate::verdict::{ClientParam, Edit, Plan, Refusal, Replacement, UpstreamParam, Verdict};
use hippocrypt_policy::{CatalogAccess, TableRef};
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, ObjectType};
use rewrite::Rewrite;
use std::sync::Arc;
use survey::{Reference, Survey};
use write::Columns;

mod declared;
mod rewrite;
mod rules;
mod survey;
mod write;

/// The verdict with the catalogs of the statement corrected.
pub(crate) fn corrected(input: &Input<'_>, stmt: &Node, verdict: Verdict) -> Verdict {
    let plan = match &verdict {
        Verdict::Untouched => None,
        Verdict::Plan(plan) => Some(plan),
        Verdict::Refusal(_) => return verdict,
    };
    match edits(input, stmt) {
        Ok(edits) if edits.is_empty() => verdict,
        Ok(edits) => match merged(input, stmt, plan.map(Arc::as_ref), edits) {
            Some(plan) => Verdict::Plan(Arc::new(plan)),
            None => refused(malformed()),
        },
        Err(refusal) => refused(*refusal),
    }
}

/// Bare names of the relations that have a rule: the snapshot asks for their columns.
pub fn corrected_relations() -> impl Iterator<Item = &'static str> {
    rules::all().map(|rule| rule.name)
}

/// Whether a statement with these names can be concerned at all.
pub(crate) fn concerns(input: &Input<'_>, found: &Found) -> bool {
    if input.world.is_clear() || input.world.catalog().cell_type.is_none() || is_physical(input) {
        return false;
    }
    found.relations.iter().any(|r| {
        let schema = r.schema.as_deref();
        rules::is_name(&r.name)
            && matches!(schema, None | Some("pg_catalog" | "information_schema"))
    })
}

fn is_physical(input: &Input<'_>) -> bool {
    input.cx.names.catalog == CatalogShows::Physical
        && input.cx.rights.catalog == CatalogAccess::Physical
}

/// Whether a statement of this kind reads what it names when it runs.
fn reads(stmt: &NodeEnum) -> bool {
    match stmt {
        NodeEnum::SelectStmt(_)
        | NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_)
        | NodeEnum::PrepareStmt(_)
        | NodeEnum::DeclareCursorStmt(_)
        | NodeEnum::CopyStmt(_) => true,
        NodeEnum::CreateTableAsStmt(s) => s.objtype() == ObjectType::ObjectTable,
        NodeEnum::ExplainStmt(s) => s
            .query
            .as_deref()
            .and_then(|q| q.node.as_ref())
            .is_some_and(reads),
        _ => false,
    }
}

fn edits(input: &Input<'_>, stmt: &Node) -> Result<Vec<Edit>, Box<Refusal>> {
    let Some(node) = stmt.node.as_ref().filter(|n| reads(n)) else {
        return Ok(Vec::new());
    };
    if let NodeEnum::CopyStmt(copy) = node {
        copied(copy.relation.as_ref(), input)?;
    }
    let Ok(mut tree) = serde_json::to_value(stmt) else {
        return Err(Box::new(malformed()));
    };
    let survey = survey::survey(&tree, input.world, input.cx.names);
    let mut rewrite = Rewrite::default();
    for reference in &survey.references {
        if let Some(query) = replacement(reference, &survey, input)? {
            rewrite
                .relation(reference, query, input)
                .ok_or_else(|| Box::new(malformed()))?;
        }
    }
    if rewrite.is_empty() {
        return Ok(Vec::new());
    }
    rewrite
        .columns(&survey, input)
        .ok_or_else(|| Box::new(malformed()))?;
    let meant = rewrite.apply(&mut tree);
    let edits = rewrite.into_edits();
    let written = text(input, &edits).and_then(|text| parsed(&text, input));
    match (meant, written) {
        (Some(()), Some(mut written)) => {
            erase(&mut tree);
            erase(&mut written);
            if tree == written {
                Ok(edits)
            } else {
                Err(Box::new(malformed()))
            }
        }
        _ => Err(Box::new(malformed())),
    }
}

/// COPY of the relation itself would send it as it is.
fn copied(
    relation: Option<&pg_query::protobuf::RangeVar>,
    input: &Input<'_>,
) -> Result<(), Box<Refusal>> {
    let Some(relation) = relation else {
        return Ok(());
    };
    let schema = Some(relation.schemaname.as_str()).filter(|s| !s.is_empty());
    match survey::meant(schema, &relation.relname, input.world, input.cx.names) {
        Some(rule) => Err(refuse(
            format!("COPY {} would show columns as they are stored", rule.name),
            "Write COPY (SELECT …) TO instead.",
            usize::try_from(relation.location).ok(),
        )),
        None => Ok(()),
    }
}

/// The query for a reference; `None` where the relation itself shows nothing that is not so.
fn replacement(
    reference: &Reference,
    survey: &Survey,
    input: &Input<'_>,
) -> Result<Option<String>, Box<Refusal>> {
    let rule = reference.rule;
    let key = TableRef {
        schema: Arc::from(rule.schema),
        table: Arc::from(rule.name),
    };
    // A relation that this version does not have: the server says so.
    let Some(columns) = input.world.catalog().system.get(&key) else {
        return Ok(None);
    };
    let row = |u: &&survey::ColumnUse| {
        matches!(u.names.as_slice(), [only] if only == reference.visible()) && !u.star
    };
    let stars = survey
        .columns
        .iter()
        .filter(|u| u.star && u.names.last().is_some_and(|n| n == reference.visible()));
    let whole = reference.whole || stars.count() > 0 || survey.columns.iter().any(|u| row(&u));
    let corrected = rule.columns.iter().any(|(c, _)| survey.names.contains(*c));
    if !rule.leaves_out(input.world) && !whole && !corrected {
        return Ok(None);
    }
    let at = Some(reference.at);
    let what = |what: &str| format!("{what} of {}.{} is not possible", rule.schema, rule.name);
    if reference.sampled {
        return Err(refuse(what("TABLESAMPLE"), "Leave it out.", at));
    }
    if reference.locked {
        return Err(refuse(
            what("a row lock (FOR UPDATE, FOR SHARE)"),
            "Leave it out.",
            at,
        ));
    }
    if let Some(used) = survey.columns.iter().find(|u| row(u) && u.shown) {
        return Err(refuse(what("the whole row"), "Name the columns.", used.at));
    }
    if whole && write::SYSTEM.iter().any(|c| survey.names.contains(*c)) {
        let hint = "Name the columns instead of \"*\".";
        return Err(refuse(what("\"*\" beside a system column"), hint, at));
    }
    let wanted = if whole {
        Columns::All
    } else {
        Columns::Named(&survey.names)
    };
    Ok(Some(write::query(rule, columns, wanted, input.world)))
}

/// The plan with these edits too.
fn merged(input: &Input<'_>, stmt: &Node, plan: Option<&Plan>, edits: Vec<Edit>) -> Option<Plan> {
    let mut all = match plan {
        Some(plan) => plan.clone(),
        None => {
            let (params, client_params) = parameters(input, stmt)?;
            Plan {
                params,
                client_params,
                ..Plan::default()
            }
        }
    };
    all.edits.extend(edits);
    all.edits.sort_by_key(|e| (e.range.start, e.range.end));
    let apart = all.edits.windows(2).all(|pair| match pair {
        [a, b] => b.range.start >= a.range.end,
        _ => true,
    });
    let text = text(input, &all.edits).filter(|_| apart)?;
    parsed(&text, input)?;
    Some(all)
}

/// The client's own parameters, each as it is: the server knows their types.
fn parameters(input: &Input<'_>, stmt: &Node) -> Option<(Vec<UpstreamParam>, Vec<ClientParam>)> {
    if matches!(
        stmt.node,
        Some(NodeEnum::PrepareStmt(_) | NodeEnum::CopyStmt(_))
    ) {
        return Some((Vec::new(), Vec::new()));
    }
    let written = input.tokens.all().iter().filter(|t| t.kind == Kind::Param);
    let highest = written
        .filter(|t| input.range.contains(&t.range.start))
        .filter_map(|t| {
            input
                .text
                .get(t.range.clone())?
                .get(1..)?
                .parse::<u16>()
                .ok()
        })
        .max()
        .unwrap_or(0);
    let declared = input.cx.declared_params;
    let count = highest.max(u16::try_from(declared.len()).ok()?);
    let upstream = (0..count).map(|client| UpstreamParam {
        made: None,
        client,
        seal: None,
        oid: declared.get(usize::from(client)).copied().unwrap_or(0),
    });
    let client = (0..count).map(|_| ClientParam { oid: None });
    Some((upstream.collect(), client.collect()))
}

/// The statement as it goes upstream, a dummy for each cell.
fn text(input: &Input<'_>, edits: &[Edit]) -> Option<String> {
    let mut text = String::new();
    let mut at = input.range.start;
    for edit in edits {
        text.push_str(input.text.get(at..edit.range.start)?);
        match &edit.with {
            Replacement::Text(with) => text.push_str(with),
            _ => text.push_str(" E'\\\\x00'::bytea "),
        }
        at = edit.range.end;
    }
    text.push_str(input.text.get(at..input.range.end)?);
    Some(text)
}

/// The tree of the one statement of `text`.
fn parsed(text: &str, input: &Input<'_>) -> Option<serde_json::Value> {
    let parsed = grammar::parse(text, input.cx.names.standard_conforming_strings).ok()?;
    match parsed.stmts.as_slice() {
        [only] => serde_json::to_value(only.stmt.as_deref()?).ok(),
        _ => None,
    }
}

/// Takes out what says where, not what.
fn erase(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(erase),
        serde_json::Value::Object(fields) => {
            fields.retain(|field, _| !is_place(field));
            fields.values_mut().for_each(erase);
        }
        _ => {}
    }
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Refusal(Arc::new(refusal))
}

fn malformed() -> Refusal {
    *refuse(
        "this way to read a system catalog is not understood".into(),
        "Name the catalog in a plain FROM.",
        None,
    )
}

fn refuse(message: String, hint: &str, position: Option<usize>) -> Box<Refusal> {
    Box::new(Refusal {
        sqlstate: "0A000",
        message,
        detail: None,
        hint: Some(hint.into()),
        position,
    })
}

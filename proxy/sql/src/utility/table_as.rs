//! CREATE TABLE AS and CREATE MATERIALIZED VIEW over protected tables.
//!
//! A materialized view is read by its query, as a view is. A table has no query: it must never be made of cells
//! unless the policy names it, for nothing would say which cells may stand in it.

use super::create_table::{self, planned};
use super::effects::is_temporary;
use super::names::{self, not_ours, qualify};
use super::{Passed, Ruled, at, refuse, view};
use crate::analyse::Input;
use crate::plan::{self, Made};
use crate::scan::Kind;
use crate::taint::Taint;
use crate::verdict::{Edit, Facts, Plan, Refusal, Shown, Subjects, Verdict};
use crate::world::Lookup;
use hippocrypt_policy::TableRef;
use pg_query::NodeEnum;
use pg_query::protobuf::{CreateTableAsStmt, Node, ObjectType, RangeVar};
use std::ops::Range;
use std::sync::Arc;

/// CREATE TABLE AS or CREATE MATERIALIZED VIEW, where a protected table is named.
pub(super) fn create(
    s: &CreateTableAsStmt,
    input: &Input<'_>,
    taint: &Taint,
    facts: &mut Facts,
) -> Ruled {
    let made = s.into.as_deref().and_then(|i| i.rel.as_ref());
    let query = s
        .query
        .as_deref()
        .filter(|q| matches!(q.node, Some(NodeEnum::SelectStmt(_))));
    let (Some(made), Some(query)) = (made, query) else {
        return Err(unclear());
    };
    not_ours(&[&made.schemaname, &made.relname], input.cx.names)?;
    if let Some(refusal) = &taint.refusal {
        return Err(Box::new(refusal.clone()));
    }
    let target = (s.objtype() == ObjectType::ObjectTable && !is_temporary(made, input))
        .then(|| create_table::target(made, input))
        .flatten();
    let is_target = |table: &TableRef| target.as_ref() == Some(table);
    match names::lookup(made, input) {
        Lookup::Missing(table) if is_target(table) && s.if_not_exists => {
            return Err(refuse(
                format!(
                    "CREATE TABLE IF NOT EXISTS {table} AS is not supported: the policy names the table"
                ),
                "Leave IF NOT EXISTS out.",
                at(made.location),
            ));
        }
        Lookup::Missing(table) if is_target(table) => {
            return protected(s, made, table, query, input, facts);
        }
        Lookup::Protected(table) if is_target(&table.name) && !s.if_not_exists => {
            let message = format!("relation \"{}\" already exists", table.name.table);
            let mut refusal = refuse(message, "", None);
            refusal.sqlstate = "42P07";
            return Err(refusal);
        }
        _ => {}
    }
    let free =
        is_temporary(made, input) || matches!(names::lookup(made, input), Lookup::Unprotected);
    if !free {
        return Err(refuse(
            format!(
                "the policy means a table by the name {}, or it exists",
                made.relname
            ),
            "Make the table first, with its columns, then INSERT … SELECT.",
            at(made.location),
        ));
    }
    let range = query_of(made, input).ok_or_else(unclear)?;
    match s.objtype() {
        ObjectType::ObjectMatview => materialized(made, range, query, input, facts),
        _ => table(made, range, query, input, facts),
    }
}

fn materialized(
    made: &RangeVar,
    range: Range<usize>,
    query: &Node,
    input: &Input<'_>,
    facts: &mut Facts,
) -> Ruled {
    let plan = view::queried(range, query, input, facts)?;
    facts.touches.iter_mut().for_each(|t| t.shown = Shown::Not);
    facts.effects.makes.push(Arc::from(made.relname.as_str()));
    planned(plan.edits.clone(), input)
}

/// One that the policy names.
fn protected(
    s: &CreateTableAsStmt,
    made: &RangeVar,
    table: &TableRef,
    query: &Node,
    input: &Input<'_>,
    facts: &mut Facts,
) -> Ruled {
    let within = Input {
        range: query_of(made, input).ok_or_else(unclear)?,
        ..input.clone()
    };
    let names = s.into.as_deref().map(|i| names::strings(&i.col_names));
    let target = Made {
        table: table.clone(),
        names: names
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect(),
        location: made.location,
        into: None,
    };
    let judged = plan::plan_made(within, query, target);
    facts.touches = judged.touches;
    let plan = match judged.verdict {
        Verdict::Untouched => return Err(unclear()),
        Verdict::Refusal(refusal) => return Err(Box::new((*refusal).clone())),
        Verdict::Plan(plan) => plan,
    };
    let mut edits: Vec<Edit> = qualify(made, table, input).into_iter().collect();
    edits.extend(plan.edits.iter().cloned());
    planned(edits.clone(), input)?;
    Ok(Passed {
        touches: Vec::new(),
        plan: Some(Plan {
            edits,
            ..(*plan).clone()
        }),
    })
}

/// Of clear columns only; parameters are allowed, as the server allows them.
fn table(
    made: &RangeVar,
    range: Range<usize>,
    query: &Node,
    input: &Input<'_>,
    facts: &mut Facts,
) -> Ruled {
    let within = Input {
        range,
        ..input.clone()
    };
    let judged = plan::plan(within, query);
    facts.touches = judged.touches;
    let plan = match judged.verdict {
        Verdict::Untouched => return super::untouched(),
        Verdict::Refusal(refusal) => return Err(Box::new((*refusal).clone())),
        Verdict::Plan(plan) => plan,
    };
    if plan.outputs.is_some() {
        facts
            .touches
            .iter_mut()
            .for_each(|t| t.shown = Shown::Refused);
        return Err(refuse(
            format!(
                "a table {} made of encrypted columns would not guard them",
                made.relname
            ),
            "Name the table and its columns in the policy, in the same groups.",
            at(made.location),
        ));
    }
    facts.touches.iter_mut().for_each(|t| t.shown = Shown::Not);
    planned(plan.edits.clone(), input)?;
    Ok(Passed {
        touches: Vec::new(),
        plan: Some(Plan {
            outputs: None,
            subjects: plan.subjects.as_ref().map(|_| Arc::new(Subjects::untold())),
            ..(*plan).clone()
        }),
    })
}

/// From behind AS to before WITH [NO] DATA.
pub(super) fn query_of(made: &RangeVar, input: &Input<'_>) -> Option<Range<usize>> {
    let tokens = input.tokens;
    let end = tokens.from(input.range.end);
    let name = tokens.at(at(made.location)?)?;
    let word = tokens.until(name, end, &[Kind::As]);
    let start = tokens.get(word + 1)?.range.start;
    let mut last = end.checked_sub(1)?;
    if tokens.kind(last)? == Kind::DataP {
        let mut with = last.checked_sub(1)?;
        if tokens.kind(with)? == Kind::No {
            with = with.checked_sub(1)?;
        }
        if tokens.kind(with)? == Kind::With {
            last = with.checked_sub(1)?;
        }
    }
    Some(start..tokens.get(last)?.range.end)
}

fn unclear() -> Box<Refusal> {
    refuse(
        "this form of CREATE TABLE AS over a protected table is not understood".into(),
        "Make the table first, then INSERT … SELECT.",
        None,
    )
}

//! CREATE VIEW over protected tables: the query is planned as any other, its constants become cells.
//!
//! What the database stores is judged again, as it will be when the view is read. It must never make a view
//! that would then show other types than PostgreSQL's on plain tables, or whose cells nothing would open.

use super::create_table::planned;
use super::effects::is_temporary;
use super::names::{self, not_ours, qualify};
use super::{Ruled, at, refuse};
use crate::analyse::Input;
use crate::plan;
use crate::scan::Kind;
use crate::taint::Taint;
use crate::verdict::{Edit, Facts, Output, Plan, Refusal, Shown, Verdict};
use crate::world::{Lookup, Provenance};
use pg_query::protobuf::{Node, RangeVar, ViewCheckOption, ViewStmt};
use std::ops::Range;
use std::sync::Arc;

/// CREATE [OR REPLACE] VIEW of which a protected table is named.
pub(super) fn create(s: &ViewStmt, input: &Input<'_>, taint: &Taint, facts: &mut Facts) -> Ruled {
    let (Some(view), Some(query)) = (s.view.as_ref(), s.query.as_deref()) else {
        return Err(unclear());
    };
    not_ours(&[&view.schemaname, &view.relname], input.cx.names)?;
    if let Some(refusal) = &taint.refusal {
        return Err(Box::new(refusal.clone()));
    }
    let own = name(view, s.replace, input)?;
    let range = query_of(s, input).ok_or_else(unclear)?;
    let plan = queried(range.clone(), query, input, facts)?;
    if temporary(view, input, taint) && !facts.touches.is_empty() {
        return Err(refuse(
            "a temporary view over encrypted columns is not supported".into(),
            "Make it without TEMP, and without temporary tables in it.",
            at(view.location),
        ));
    }
    // No row comes back.
    facts.touches.iter_mut().for_each(|t| t.shown = Shown::Not);
    let mut edits = plan.edits.clone();
    edits.extend(own);
    facts.effects.makes.push(Arc::from(view.relname.as_str()));
    planned(edits, input)
}

/// Plans the query that a new relation is made of, and sees that the database will read it the same way.
pub(super) fn queried(
    range: Range<usize>,
    query: &Node,
    input: &Input<'_>,
    facts: &mut Facts,
) -> Result<Arc<Plan>, Box<Refusal>> {
    let within = Input {
        range: range.clone(),
        ..input.clone()
    };
    let planned = plan::plan(within.clone(), query);
    facts.touches = planned.touches;
    let plan = match planned.verdict {
        Verdict::Untouched => Arc::new(Plan::default()),
        Verdict::Refusal(refusal) => return Err(Box::new((*refusal).clone())),
        // it returns nothing yet
        Verdict::Plan(plan) => Arc::new(Plan {
            subjects: None,
            ..(*plan).clone()
        }),
    };
    if !plan.params.is_empty() {
        let mut refusal = refuse("there is no parameter $1".into(), "", None);
        refusal.sqlstate = "42P02";
        return Err(refusal);
    }
    let given = |output: &Output| matches!(output, Output::Cell(cell) if cell.given);
    if plan.outputs.iter().flatten().any(given) {
        return Err(refuse(
            "a stored query cannot show a literal beside values of an encrypted deterministic column whose scale or length it is without".into(),
            "Cast the literal to the column's type: whoever reads the view may compare the value.",
            Some(range.start),
        ));
    }
    let stored = plan::read_back(&within, &plan)?;
    let mut outputs = plan.outputs.iter().flatten();
    let same = stored.iter().all(|of| match (of, outputs.next()) {
        (None, None | Some(Output::Clear)) => true,
        (Some(of), Some(Output::Cell(cell))) => is_same(of, cell),
        (None, Some(Output::Cell(_))) | (Some(_), None | Some(Output::Clear)) => false,
    });
    match same {
        true => Ok(plan),
        false => Err(refuse(
            "a stored query cannot keep the type that a cast gives an encrypted column here".into(),
            "Leave the cast out.",
            Some(range.start),
        )),
    }
}

fn is_same(of: &Provenance, cell: &crate::verdict::CellOutput) -> bool {
    of.declared == cell.declared
        && of.typmod == cell.typmod
        && cell.cast.is_none()
        && of.columns.iter().eq(cell.columns.iter())
}

/// The view's own name: free, or a view's that is replaced.
fn name(view: &RangeVar, replace: bool, input: &Input<'_>) -> Result<Option<Edit>, Box<Refusal>> {
    if is_temporary(view, input) {
        return Ok(None);
    }
    let known = match names::lookup(view, input) {
        Lookup::Unprotected => return Ok(None),
        Lookup::View(known) => Some(&known.name),
        Lookup::Closed { table, .. } if input.world.is_view(table) => Some(table),
        _ => None,
    };
    match known {
        Some(known) if replace => Ok(qualify(view, known, input)),
        Some(known) => {
            let message = format!("relation \"{}\" already exists", known.table);
            let mut refusal = refuse(message, "", None);
            refusal.sqlstate = "42P07";
            Err(refusal)
        }
        None => Err(refuse(
            format!("the policy means a table by the name {}", view.relname),
            "Choose another name.",
            at(view.location),
        )),
    }
}

/// A view is temporary by its words, its schema, or by what it reads.
fn temporary(view: &RangeVar, input: &Input<'_>, taint: &Taint) -> bool {
    let own = &input.cx.names.temporary;
    is_temporary(view, input)
        || taint
            .found
            .relations
            .iter()
            .any(|r| match r.schema.as_deref() {
                Some(schema) => schema.starts_with("pg_temp"),
                None => own.iter().any(|t| **t == *r.name),
            })
}

/// From behind AS to before WITH CHECK OPTION.
fn query_of(s: &ViewStmt, input: &Input<'_>) -> Option<Range<usize>> {
    let tokens = input.tokens;
    let end = tokens.from(input.range.end);
    let name = tokens.at(at(s.view.as_ref()?.location)?)?;
    let first = tokens.at(input.range.start)?;
    if (first..name).any(|ix| tokens.kind(ix) == Some(Kind::Recursive)) {
        return None;
    }
    let word = tokens.until(name, end, &[Kind::As]);
    let start = tokens.get(word + 1)?.range.start;
    let mut last = end.checked_sub(1)?;
    match s.with_check_option() {
        ViewCheckOption::NoCheckOption | ViewCheckOption::Undefined => {}
        ViewCheckOption::LocalCheckOption | ViewCheckOption::CascadedCheckOption => {
            // OPTION, CHECK, perhaps LOCAL or CASCADED, WITH
            last = last.checked_sub(2)?;
            if matches!(tokens.kind(last)?, Kind::Local | Kind::Cascaded) {
                last = last.checked_sub(1)?;
            }
            last = last.checked_sub(1)?;
        }
    }
    Some(start..tokens.get(last)?.range.end)
}

fn unclear() -> Box<Refusal> {
    refuse(
        "this form of CREATE VIEW is not understood".into(),
        "Write CREATE VIEW name AS SELECT ….",
        None,
    )
}

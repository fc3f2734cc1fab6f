//! Statements that hold a query: EXPLAIN, PREPARE, DECLARE CURSOR.
//!
//! The query is planned as if it stood alone, and its plan's edits are made in place. It must never give a name a
//! plan that is not of the query that the server will have under it.

use super::rules::no;
use super::{Passed, Ruled, inner, table_as, untouched};
use crate::analyse::{Context, Input};
use crate::plan::{self, Marks};
use crate::scan::Kind;
use crate::taint::Taint;
use crate::verdict::{
    ClientParam, Edit, Facts, Plan, Refusal, Replacement, Shown, UpstreamParam, Verdict,
};
use pg_query::NodeEnum;
use pg_query::protobuf::{CreateTableAsStmt, DeclareCursorStmt, ExplainStmt, Node, PrepareStmt};
use std::ops::Range;
use std::sync::Arc;

/// CURSOR_OPT_BINARY (src/include/nodes/parsenodes.h).
const BINARY: i32 = 0x0001;

/// In place of the OID of a type that is not known here.
const OTHER: u32 = u32::MAX;

/// EXPLAIN: its statement is planned as it would be run; what comes back is text of the server.
pub(super) fn explain(
    s: &ExplainStmt,
    input: &Input<'_>,
    taint: &Taint,
    facts: &mut Facts,
) -> Ruled {
    refused(taint)?;
    let runs =
        |node: &Node| matches!(&node.node, Some(NodeEnum::DefElem(e)) if e.defname == "analyze");
    let runs = s.options.iter().any(runs);
    let (query, range) = match inner(s.query.as_deref()) {
        Some(NodeEnum::CreateTableAsStmt(made)) if taint.touched && runs => {
            return explained_as_made(made, input, taint, facts);
        }
        Some(NodeEnum::CreateTableAsStmt(made)) => {
            let name = made.into.as_deref().and_then(|into| into.rel.as_ref());
            let range = name.and_then(|name| table_as::query_of(name, input));
            (made.query.as_deref(), range)
        }
        Some(NodeEnum::DeclareCursorStmt(s)) => (s.query.as_deref(), to_end(declared, input)),
        _ => (s.query.as_deref(), to_end(explained, input)),
    };
    let query = query.filter(|q| plan::kind(q).is_some());
    let (true, Some(query), Some(range)) = (taint.touched, query, range) else {
        return no("EXPLAIN of this statement", "", input, taint);
    };
    let (plan, _) = planned(query, range, input, input.cx, plan::plan, facts)?;
    Ok(text_of(plan, runs, facts))
}

/// What EXPLAIN returns is the plan's text, and of nobody where it does not run the statement.
fn text_of(mut plan: Plan, runs: bool, facts: &mut Facts) -> Passed {
    let subjects = plan.subjects.take().filter(|_| runs);
    plan.subjects = subjects.map(|subjects| Arc::new(subjects.without_rows()));
    facts.touches.iter_mut().for_each(|t| t.shown = Shown::Not);
    passed(Plan {
        outputs: None,
        ..plan
    })
}

/// EXPLAIN ANALYZE of CREATE TABLE AS makes the table, but nothing could follow that guards its cells.
fn explained_as_made(
    made: &CreateTableAsStmt,
    input: &Input<'_>,
    taint: &Taint,
    facts: &mut Facts,
) -> Ruled {
    let range = to_end(explained, input).ok_or_else(|| Box::new(super::unknown()))?;
    let within = Input {
        range,
        ..input.clone()
    };
    let Passed { plan, touches } = table_as::create(made, &within, taint, facts)?;
    match plan {
        Some(plan) if !plan.guards.is_empty() => Err(super::refuse(
            "EXPLAIN ANALYZE would make a table of encrypted columns without their guards".into(),
            "Leave ANALYZE out.",
            None,
        )),
        Some(plan) => Ok(text_of(plan, true, facts)),
        None => Ok(Passed { plan, touches }),
    }
}

/// From where the query begins to the end of the statement.
fn to_end(
    begins: impl FnOnce(&Input<'_>) -> Option<usize>,
    input: &Input<'_>,
) -> Option<Range<usize>> {
    begins(input).map(|start| start..input.range.end)
}

/// DECLARE: rows come by FETCH, which opens them by the query's plan.
pub(super) fn declare(
    s: &DeclareCursorStmt,
    input: &Input<'_>,
    taint: &Taint,
    facts: &mut Facts,
) -> Ruled {
    refused(taint)?;
    let query = s.query.as_deref().filter(|q| plan::kind(q).is_some());
    let range = to_end(declared, input);
    let (true, Some(query), Some(range)) = (taint.touched, query, range) else {
        return no("DECLARE CURSOR of this statement", "", input, taint);
    };
    let (mut plan, _) = planned(query, range, input, input.cx, plan::plan_returned, facts)?;
    let stands = Plan {
        outputs: plan.outputs,
        subjects: plan.subjects.take(),
        binary: s.options & BINARY != 0,
        ..Plan::default()
    };
    Ok(passed(Plan {
        outputs: None,
        stands: Some(Arc::new(stands)),
        ..plan
    }))
}

/// PREPARE: its query has parameters of its own, whose types are written out where cells are among them.
pub(super) fn prepare(
    s: &PrepareStmt,
    input: &Input<'_>,
    taint: &Taint,
    facts: &mut Facts,
) -> Ruled {
    refused(taint)?;
    let query = s.query.as_deref().filter(|q| plan::kind(q).is_some());
    let (true, Some(query), Some(parts)) = (taint.touched, query, prepared(input)) else {
        return no("PREPARE of this statement", "", input, taint);
    };
    let declared: Vec<u32> = s
        .argtypes
        .iter()
        .map(|t| plan::type_oid(t, input.cx.names).unwrap_or(OTHER))
        .collect();
    let cx = Context {
        declared_params: &declared,
        outside: false,
        ..*input.cx
    };
    let range = parts.query..input.range.end;
    let (within, marks) = planned(query, range, input, &cx, plan::plan, facts)?;
    let types = types(&within, &parts, input)?;
    let written = types.as_ref().map(Vec::len);
    let mut edits = Vec::with_capacity(within.edits.len() + 1);
    edits.extend(types.map(|types| Edit {
        range: parts.list.clone(),
        with: Replacement::Text(format!("({})", types.join(", "))),
    }));
    edits.extend(within.edits.iter().cloned());
    let plan = Plan {
        edits,
        stands: Some(Arc::new(Plan {
            edits: Vec::new(),
            ..within
        })),
        ..Plan::default()
    };
    plan::check_prepare(input, s, &plan, written, &marks)?;
    Ok(passed(plan))
}

fn refused(taint: &Taint) -> Ruled {
    match &taint.refusal {
        Some(refusal) => Err(Box::new(refusal.clone())),
        None => untouched(),
    }
}

fn passed(plan: Plan) -> Passed {
    Passed {
        plan: Some(plan),
        touches: Vec::new(),
    }
}

/// The plan of the query that these bytes are.
fn planned(
    query: &Node,
    range: Range<usize>,
    input: &Input<'_>,
    cx: &Context<'_>,
    plan: impl FnOnce(Input<'_>, &Node) -> plan::Planned,
    facts: &mut Facts,
) -> Result<(Plan, Marks), Box<Refusal>> {
    let within = Input {
        text: input.text,
        range,
        tokens: input.tokens,
        world: input.world,
        cx,
        unsettled: input.unsettled,
    };
    let planned = plan(within, query);
    facts.touches = planned.touches;
    facts.tables.extend(planned.tables);
    facts.tables.sort();
    facts.tables.dedup();
    match planned.verdict {
        Verdict::Untouched => Ok((Plan::default(), Marks::default())),
        Verdict::Refusal(refusal) => Err(Box::new((*refusal).clone())),
        Verdict::Plan(plan) => Ok(((*plan).clone(), planned.marks)),
    }
}

/// Where the statement inside of EXPLAIN begins.
fn explained(input: &Input<'_>) -> Option<usize> {
    let tokens = input.tokens;
    let mut ix = tokens.at(input.range.start)? + 1;
    while matches!(
        tokens.kind(ix)?,
        Kind::Analyze | Kind::Analyse | Kind::Verbose
    ) {
        ix += 1;
    }
    let is_query = |kind| {
        matches!(
            kind,
            Kind::Select | Kind::With | Kind::Values | Kind::Table | Kind::Ascii40
        )
    };
    if tokens.kind(ix)? == Kind::Ascii40 && !is_query(tokens.kind(ix + 1)?) {
        ix = tokens.closing(ix)? + 1;
    }
    tokens.get(ix).map(|t| t.range.start)
}

/// Where the query of DECLARE begins: behind the first FOR, a reserved word.
fn declared(input: &Input<'_>) -> Option<usize> {
    let tokens = input.tokens;
    let all = tokens.from(input.range.start)..tokens.from(input.range.end);
    let word = tokens.find(all, Kind::For)?;
    tokens.get(word + 1).map(|t| t.range.start)
}

/// The places of a PREPARE.
struct Parts {
    /// Bytes of the list of types with its parentheses; empty behind the name where there is none.
    list: Range<usize>,
    /// Bytes of each type.
    types: Vec<Range<usize>>,
    /// Where the query begins.
    query: usize,
}

fn prepared(input: &Input<'_>) -> Option<Parts> {
    let tokens = input.tokens;
    let name = tokens.at(input.range.start)? + 1;
    let end = tokens.get(name)?.range.end;
    let mut parts = Parts {
        list: end..end,
        types: Vec::new(),
        query: 0,
    };
    let mut word = name + 1;
    if tokens.kind(word)? == Kind::Ascii40 {
        let close = tokens.closing(word)?;
        parts.list = tokens.get(word)?.range.start..tokens.get(close)?.range.end;
        parts.types = input.listed(word + 1, close)?;
        word = close + 1;
    }
    if tokens.kind(word)? != Kind::As {
        return None;
    }
    parts.query = tokens.get(word + 1)?.range.start;
    Some(parts)
}

/// The types to declare upstream; `None` where none is a cell's.
fn types(
    plan: &Plan,
    parts: &Parts,
    input: &Input<'_>,
) -> Result<Option<Vec<String>>, Box<Refusal>> {
    if plan.params.iter().all(|p| p.seal.is_none()) {
        return Ok(None);
    }
    let all = plan.params.iter();
    all.map(|param| declared_type(param, plan, parts, input))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn declared_type(
    param: &UpstreamParam,
    plan: &Plan,
    parts: &Parts,
    input: &Input<'_>,
) -> Result<String, Box<Refusal>> {
    let client = usize::from(param.client);
    let written = parts.types.get(client).filter(|_| param.made.is_none());
    let Some(_) = &param.seal else {
        let text = written.and_then(|range| input.text.get(range.clone()));
        return Ok(text.unwrap_or("unknown").to_owned());
    };
    let known = plan.client_params.get(client);
    let untyped = known.is_none_or(|ClientParam { oid }| oid.is_none_or(|oid| oid == OTHER));
    if param.made.is_none() && untyped {
        return Err(super::refuse(
            format!(
                "parameter ${} is for an encrypted column, and its type is not one that can be read",
                client + 1
            ),
            "Declare it with the column's own type, or leave the types out.",
            written.map(|range| range.start),
        ));
    }
    match param.oid {
        17 => Ok("pg_catalog.bytea".to_owned()),
        1001 => Ok("pg_catalog.bytea[]".to_owned()),
        _ => Err(Box::new(super::unknown())),
    }
}

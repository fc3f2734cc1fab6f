//! Statements that are not queries: one rule for each that the grammar knows.
//!
//! A rule passes a statement that moves no value of a protected column, edits one that would make or change a
//! protected table, and refuses the rest. It must never forward a statement that has no rule here.

use crate::analyse::{Answer, Input};
use crate::taint::{self, Taint};
use crate::verdict::{Effects, Facts, Plan, Refusal, Touch, Verdict};
use crate::{functions, plan};
use pg_query::NodeEnum;
use pg_query::protobuf::RawStmt;
use std::sync::Arc;

mod alter_table;
mod child;
mod collation;
mod columns;
mod constraint;
mod copy;
mod create_table;
mod effects;
mod index;
mod kind;
mod like;
mod names;
mod outcome;
mod rename;
mod reshapes;
mod row_policy;
mod rules;
mod runs;
mod table_as;
mod trigger;
mod view;

pub(crate) use create_table::guard_head;
pub(crate) use outcome::{Change, Changes, changes};

/// What a rule finds.
pub(crate) type Ruled = Result<Passed, Box<Refusal>>;

/// A statement that goes on.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// As it is where there is none.
    pub(crate) plan: Option<Plan>,
    /// Protected columns whose cells the server compares for it.
    pub(crate) touches: Vec<Touch>,
}

/// The answer for a statement that is not SELECT, INSERT, UPDATE or DELETE.
///
/// `taint` is of this statement. The whole `RawStmt` is given for its location.
pub(crate) fn judge(input: &Input<'_>, stmt: &RawStmt, taint: Taint) -> Answer {
    let node = stmt.stmt.as_ref().and_then(|n| n.node.as_ref());
    let Some((node, kind)) = node.and_then(|n| Some((n, kind::of(n)?))) else {
        return refused(Facts::default(), unknown());
    };
    let mut facts = Facts {
        kind,
        tables: names::tables(node, input, &taint),
        within: within(node),
        cascades: matches!(node, NodeEnum::TruncateStmt(s) if taint::cascades(s)),
        quotes: taint.found.quotes_statements(),
        defines: taint.found.quotes_expressions(input.cx.names),
        calls: taint.found.calls(),
        writes: taint.found.writes(),
        effects: effects::of(node, input, &taint),
        quotes_cells: !input.world.is_clear() && quotes_cells(node, input, &taint),
        ..Facts::default()
    };
    facts.effects.reshapes = reshapes::of(node, &facts);
    if input.world.is_clear() {
        let verdict = Verdict::Untouched;
        return Answer { facts, verdict };
    }
    let ruled = match runs_code(node, &facts, input, &taint) {
        Some(refusal) => Err(Box::new(refusal)),
        None => rules::rule(node, input, &taint, &mut facts),
    };
    match ruled {
        Ok(Passed { plan, touches }) => {
            facts.touches.extend(touches);
            let verdict = match plan {
                Some(plan) => Verdict::Plan(Arc::new(plan)),
                None => Verdict::Untouched,
            };
            Answer { facts, verdict }
        }
        Err(refusal) => {
            facts.effects = Effects::default();
            refused(facts, *refusal)
        }
    }
}

/// Whether the server's errors about it may quote a cell: a protected table's keys are built or checked.
fn quotes_cells(node: &NodeEnum, input: &Input<'_>, taint: &Taint) -> bool {
    let hazards = input.world.hazards();
    let mut named = taint.found.relations.iter();
    taint.touched
        || named.any(|r| hazards.named(&r.name).is_some())
        || matches!(
            node,
            NodeEnum::TransactionStmt(_) | NodeEnum::ConstraintsSetStmt(_)
        )
}

/// The refusal of a statement that, as it is, runs a function that could touch protected tables.
fn runs_code(node: &NodeEnum, facts: &Facts, input: &Input<'_>, taint: &Taint) -> Option<Refusal> {
    let now = match node {
        // A default, an index or a USING is computed for the rows that are there.
        NodeEnum::AlterTableStmt(_) | NodeEnum::IndexStmt(_) | NodeEnum::CreateStatsStmt(_) => {
            &taint.called
        }
        // No snapshot but the session's own will know of it.
        NodeEnum::CreateStmt(_) if !facts.effects.creates_temporary.is_empty() => &taint.refusal,
        NodeEnum::RefreshMatViewStmt(_) | NodeEnum::TruncateStmt(_) => &taint.refusal,
        _ => &None,
    };
    let fires = kind::fires_event_triggers(node);
    let fired = || functions::event_trigger(input.world).filter(|_| fires);
    let stored = || quoting_view(node, taint).or_else(|| temporary_code(node, input));
    let text = || taint.text.clone();
    now.clone().or_else(text).or_else(stored).or_else(fired)
}

/// Nothing takes the cells out of what a stored query reads in the system's own views.
fn quoting_view(node: &NodeEnum, taint: &Taint) -> Option<Refusal> {
    let name = match node {
        NodeEnum::ViewStmt(_) => taint.found.shows_cells()?,
        _ => return None,
    };
    Some(*refuse(
        format!("a view over {name} is not possible: it can show cells of encrypted columns"),
        "Select from it where it is needed.",
        None,
    ))
}

/// Functions and types of this session alone are in no snapshot.
fn temporary_code(node: &NodeEnum, input: &Input<'_>) -> Option<Refusal> {
    let name = match node {
        NodeEnum::CreateFunctionStmt(s) => &s.funcname,
        NodeEnum::DefineStmt(s) => &s.defnames,
        NodeEnum::CreateDomainStmt(s) => &s.domainname,
        NodeEnum::CreateRangeStmt(s) => &s.type_name,
        _ => return None,
    };
    let temporary = match names::strings(name).as_slice() {
        [.., schema, name] => {
            schema.starts_with("pg_temp") && !input.world.policy().trusts(schema, name)
        }
        _ => {
            let path = &input.cx.names.search_path;
            path.first().is_some_and(|s| &**s == "pg_temp")
        }
    };
    temporary.then(|| {
        *refuse(
            "a temporary function or type is not possible in a database with protected columns"
                .into(),
            "Make it in a schema.",
            None,
        )
    })
}

fn refused(facts: Facts, refusal: Refusal) -> Answer {
    Answer {
        facts,
        verdict: Verdict::Refusal(Arc::new(refusal)),
    }
}

fn unknown() -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message: "this kind of statement is not understood".into(),
        detail: None,
        hint: None,
        position: None,
    }
}

/// The kind of the query that PREPARE and DECLARE hold.
fn within(node: &NodeEnum) -> &'static str {
    let query = match node {
        NodeEnum::PrepareStmt(s) => s.query.as_deref(),
        NodeEnum::DeclareCursorStmt(s) => s.query.as_deref(),
        _ => None,
    };
    query.and_then(plan::kind).unwrap_or_default()
}

/// It goes on as it is.
pub(crate) fn untouched() -> Ruled {
    Ok(Passed::default())
}

/// A refusal with its way out.
pub(crate) fn refuse(message: String, hint: &str, at: Option<usize>) -> Box<Refusal> {
    Box::new(Refusal {
        sqlstate: "0A000",
        message,
        detail: None,
        hint: (!hint.is_empty()).then(|| hint.to_owned()),
        position: at,
    })
}

/// A location of the tree as a byte offset.
pub(crate) fn at(location: i32) -> Option<usize> {
    usize::try_from(location).ok()
}

/// The statement inside of EXPLAIN, PREPARE and the like.
pub(crate) fn inner(node: Option<&pg_query::protobuf::Node>) -> Option<&NodeEnum> {
    node.and_then(|n| n.node.as_ref())
}

//! Statements that are not queries: one rule for each that the grammar knows.
//!
//! A rule passes a statement that moves no value of a protected column, edits one that would make or change a
//! protected table, and refuses the rest. It must never forward a statement that has no rule here.

use crate::analyse::{Answer, Input};
use crate::plan;
use crate::taint::Taint;
use crate::verdict::{Effects, Facts, Plan, Refusal, Touch, Verdict};
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
mod names;
mod rename;
mod rules;
mod runs;
mod table_as;
mod trigger;
mod view;

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
        quotes: taint.found.quotes_statements(),
        effects: effects::of(node, input, &taint),
        quotes_cells: !input.world.is_clear() && quotes_cells(node, &taint),
        ..Facts::default()
    };
    if input.world.is_clear() {
        let verdict = Verdict::Untouched;
        return Answer { facts, verdict };
    }
    match rules::rule(node, input, &taint, &mut facts) {
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
fn quotes_cells(node: &NodeEnum, taint: &Taint) -> bool {
    taint.touched
        || matches!(
            node,
            NodeEnum::TransactionStmt(_) | NodeEnum::ConstraintsSetStmt(_)
        )
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

//! COPY: planned where it names something protected.
//!
//! It must never go on as it is where a field could be a protected column's.

use super::{Passed, Ruled, refuse, untouched};
use crate::analyse::Input;
use crate::plan;
use crate::taint::Taint;
use crate::verdict::{Facts, Verdict};
use pg_query::NodeEnum;
use pg_query::protobuf::Node;

/// COPY: planned like a query; what has no cell in its data goes on with its columns written out.
pub(super) fn copy(node: &NodeEnum, input: &Input<'_>, taint: &Taint, facts: &mut Facts) -> Ruled {
    if let Some(refusal) = &taint.refusal {
        return Err(Box::new(refusal.clone()));
    }
    if taint.found.quotes_statements() {
        // the session takes cells out of rows, not out of COPY's data
        let message = "COPY of texts of statements is not supported: they may hold cells";
        return Err(refuse(message.into(), "Use SELECT.", None));
    }
    if !taint.touched {
        return untouched();
    }
    let stmt = Node {
        node: Some(node.clone()),
    };
    let planned = plan::plan(input.clone(), &stmt);
    facts.touches = planned.touches;
    facts.tables.extend(planned.tables);
    facts.tables.sort();
    facts.tables.dedup();
    match planned.verdict {
        Verdict::Untouched => untouched(),
        Verdict::Refusal(refusal) => Err(Box::new((*refusal).clone())),
        Verdict::Plan(plan) => Ok(Passed {
            touches: Vec::new(),
            plan: Some((*plan).clone()),
        }),
    }
}

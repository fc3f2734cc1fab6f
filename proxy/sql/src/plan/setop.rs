//! UNION, INTERSECT and EXCEPT.
//!
//! UNION ALL only gathers rows; the others compare them, which random cells must never seem to do.

use super::Planner;
use super::combine::Beside;
use super::cte::renamed;
use super::flow::{Cell, Flow};
use super::refuse::{Judged, malformed, unsupported};
use super::scope::{Cte, Entry, Level, OutputColumn, Outputs, Value};
use pg_query::NodeEnum;
use pg_query::protobuf::{CommonTableExpr, Node, SelectStmt, SetOperation, a_const};
use std::sync::Arc;

impl Planner<'_> {
    /// A set operation; `recursive` names the CTE that its right side may refer to.
    pub(super) fn set_operation(
        &mut self,
        select: &SelectStmt,
        operation: SetOperation,
        recursive: Option<&CommonTableExpr>,
    ) -> Judged<Outputs> {
        let left = select
            .larg
            .as_deref()
            .ok_or_else(|| malformed("set operation"))?;
        let right = select
            .rarg
            .as_deref()
            .ok_or_else(|| malformed("set operation"))?;
        let left = self.select(left)?;
        if let Some(cte) = recursive {
            self.recurse(cte, &left)?;
        }
        let right = self.select(right)?;
        let gathers = operation == SetOperation::SetopUnion && select.all;
        let first = recursive.is_some().then(|| left.columns.clone());
        let outputs =
            self.side_by_side(left, right, gathers.then_some(Gathers).ok_or(operation))?;
        if let Some(first) = first {
            self.fits_recursion(&first, &outputs)?;
            self.all_meet(&outputs);
        }
        self.order_outputs(&select.sort_clause, &outputs)?;
        self.limits(select)?;
        Ok(outputs)
    }

    /// The CTE can be referred to from here on: its columns are what the first query gives.
    fn recurse(&mut self, cte: &CommonTableExpr, left: &Outputs) -> Judged<()> {
        let mut outputs = left.clone();
        for column in &mut outputs.columns {
            // a condition on the rows that come round says nothing of those that came first
            column.whose = None;
            if matches!(column.flow, Flow::Open(_)) {
                let open = std::mem::replace(&mut column.flow, Flow::Clear);
                self.clear(open, "a recursive query", -1)?;
            }
        }
        self.declare(&cte.ctename, Cte::Ready(renamed(cte, outputs)));
        Ok(())
    }

    fn fits_recursion(&self, first: &[OutputColumn], all: &Outputs) -> Judged<()> {
        for (before, after) in first.iter().zip(&all.columns) {
            let fits = match (&before.flow, &after.flow) {
                (Flow::Cell(before), after) => {
                    let same = match after {
                        Flow::Cell(after) => self.groups(before) == self.groups(after),
                        Flow::Clear | Flow::Open(_) | Flow::Shown(..) => false,
                    };
                    same && goes_round(before, after)
                }
                (Flow::Clear | Flow::Open(_), after) => {
                    !matches!(after, Flow::Cell(_) | Flow::Shown(..))
                }
                (Flow::Shown(..), _) => false,
            };
            if !fits {
                let what = format!(
                    "a recursive query whose column \"{}\" is not of one encrypted column group and type in both its parts",
                    before.name
                );
                return Err(unsupported(&what, -1));
            }
        }
        Ok(())
    }

    fn side_by_side(
        &mut self,
        left: Outputs,
        right: Outputs,
        how: Result<Gathers, SetOperation>,
    ) -> Judged<Outputs> {
        let open_ended = left.open_ended || right.open_ended;
        let is_cell = |flow: &Flow| matches!(flow, Flow::Cell(_) | Flow::Shown(..));
        let any_cell = |o: &Outputs| o.columns.iter().any(|c| is_cell(&c.flow));
        if open_ended && (any_cell(&left) || any_cell(&right)) {
            return Err(unsupported(
                "a set operation of a \"*\" over a function or catalog",
                -1,
            ));
        }
        let mut columns = Vec::with_capacity(left.columns.len());
        let mut rights = right.columns.into_iter();
        for column in left.columns {
            let Some(other) = rights.next() else {
                self.clear(column.flow, "a set operation of unlike queries", -1)?;
                continue;
            };
            let name = column.name;
            let what = match how {
                Ok(Gathers) => "UNION ALL",
                Err(SetOperation::SetopUnion) => "UNION",
                Err(SetOperation::SetopIntersect) => "INTERSECT",
                Err(_) => "EXCEPT",
            };
            if how.is_err() {
                self.compare(
                    what,
                    column.flow.clone(),
                    other.flow.clone(),
                    Beside::List,
                    -1,
                )?;
            }
            let flow = self.one_of(what, vec![column.flow, other.flow], -1)?;
            let mut output = OutputColumn::new(name, flow);
            output.whose = match what {
                "EXCEPT" => column.whose,
                _ => self.one_of_both([column.whose, other.whose]),
            };
            columns.push(output);
        }
        for column in rights {
            self.clear(column.flow, "a set operation of unlike queries", -1)?;
        }
        let outputs = Outputs {
            columns,
            open_ended,
        };
        // constants on both sides have become text (parse_clause.c, transformSetOperationTree)
        self.as_derived(&outputs);
        Ok(outputs)
    }

    /// ORDER BY over result columns: by name, by number; anything else is the server's error.
    pub(super) fn order_outputs(&mut self, keys: &[Node], outputs: &Outputs) -> Judged<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let columns = outputs
            .columns
            .iter()
            .map(|c| (Arc::clone(&c.name), Value::Flow(c.flow.clone())));
        let mut entry = Entry::new(None, columns.collect());
        entry.open_ended = outputs.open_ended;
        self.levels.push(Level {
            entries: vec![entry],
        });
        self.order_by(keys, outputs)?;
        self.levels.pop();
        Ok(())
    }
}

/// UNION ALL.
#[derive(Clone, Copy, Debug)]
struct Gathers;

/// What goes round must be what came in: cells of the same groups, as the same type (parse_cte.c, analyzeCTE).
fn goes_round(before: &Cell, after: &Flow) -> bool {
    match after {
        Flow::Cell(after) => {
            before.declared == after.declared
                && before.typmod == after.typmod
                && before.mask == after.mask
        }
        Flow::Clear | Flow::Open(_) | Flow::Shown(..) => false,
    }
}

/// The number of `ORDER BY 2`, if the key is one.
pub(super) fn ordinal(node: &Node) -> Option<usize> {
    match &node.node {
        Some(NodeEnum::AConst(c)) => match &c.val {
            Some(a_const::Val::Ival(i)) => usize::try_from(i.ival).ok(),
            _ => None,
        },
        _ => None,
    }
}

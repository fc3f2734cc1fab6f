//! An expression that stands outside of a query: CHECK, DEFAULT, the predicate of an index, a trigger's WHEN.
//!
//! It is judged as WHERE and SET are, and its constants are sealed as theirs. It must never take a parameter:
//! what it becomes is kept in the catalog.

use super::Planner;
use super::flow::What;
use super::from::protected;
use super::refuse::{Judged, malformed, refusal};
use super::scope::Level;
use crate::analyse::Input;
use crate::verdict::{Edit, Touch};
use crate::world::ProtectedTable;
use pg_query::protobuf::Node;

/// What an expression becomes.
#[derive(Debug, Default)]
pub(crate) struct Alone {
    /// In order of the text.
    pub(crate) edits: Vec<Edit>,
    /// Protected columns that it touches.
    pub(crate) touches: Vec<Touch>,
}

/// A condition, or an expression whose value stays in clear, over the columns of `table`.
pub(crate) fn condition(
    input: &Input<'_>,
    table: &ProtectedTable,
    what: &str,
    expression: &Node,
) -> Judged<Alone> {
    let mut planner = Planner::new(input.clone());
    planner.levels.push(Level {
        entries: vec![protected(table)],
    });
    planner.only_clear(Some(expression), what, -1)?;
    planner.alone()
}

/// The default of a column: what INSERT would store there.
pub(crate) fn default(
    input: &Input<'_>,
    table: &ProtectedTable,
    column: &str,
    expression: &Node,
) -> Judged<Alone> {
    let mut planner = Planner::new(input.clone());
    planner.levels.push(Level::default());
    planner.store_node(Some(table), column, expression, -1)?;
    planner.alone()
}

impl Planner<'_> {
    fn alone(mut self) -> Judged<Alone> {
        let param = self.leaves.iter().find_map(|leaf| match &leaf.what {
            What::Param(number, range) => Some((*number, range.start)),
            What::Null | What::Constant(_) => None,
        });
        if let Some((number, at)) = param {
            let at = i32::try_from(at).map_err(|_| malformed("parameter"))?;
            return Err(refusal(
                "42P02",
                format!("there is no parameter ${number}"),
                at,
            ));
        }
        self.finish_leaves()?;
        Ok(Alone {
            edits: std::mem::take(&mut self.edits).ordered()?,
            touches: std::mem::take(&mut self.touches).into_iter().collect(),
        })
    }
}

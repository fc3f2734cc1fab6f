//! The defaults and hashes that were added to the rows of an INSERT, and the hashes that were added to what an UPDATE
//! sets, taken out of the edited tree again.
//!
//! It must never take out a value that is no cell.

use super::is_dummy;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SelectStmt};

/// How many there were: `filled` at the end of every row, or in front of all that is set. `None` where `after` is not
/// such an INSERT or UPDATE.
pub(super) fn take_out(before: &Node, after: &mut Node, filled: usize) -> Option<usize> {
    if filled == 0 {
        return Some(0);
    }
    if let Some(NodeEnum::UpdateStmt(update)) = &mut after.node {
        let others = update
            .target_list
            .split_off(filled.min(update.target_list.len()));
        let mut added = std::mem::replace(&mut update.target_list, others);
        return cut(&mut added, filled);
    }
    let (Some(NodeEnum::InsertStmt(before)), Some(NodeEnum::InsertStmt(after))) =
        (&before.node, &mut after.node)
    else {
        return None;
    };
    let source = after.select_stmt.as_deref_mut()?;
    let Some(NodeEnum::SelectStmt(select)) = &mut source.node else {
        return None;
    };
    let found = of_select(select, filled)?;
    if before.select_stmt.is_none() {
        // DEFAULT VALUES has become one row, of these alone
        let empty = |row: &Node| matches!(&row.node, Some(NodeEnum::List(l)) if l.items.is_empty());
        match select.values_lists.as_slice() {
            [only] if empty(only) => after.select_stmt = None,
            _ => return None,
        }
    }
    Some(found)
}

fn of_select(select: &mut SelectStmt, filled: usize) -> Option<usize> {
    if select.values_lists.is_empty() {
        return cut(&mut select.target_list, filled);
    }
    let mut found = 0;
    for row in &mut select.values_lists {
        match &mut row.node {
            Some(NodeEnum::List(row)) => found += cut(&mut row.items, filled)?,
            _ => return None,
        }
    }
    Some(found)
}

fn cut(items: &mut Vec<Node>, filled: usize) -> Option<usize> {
    for _ in 0..filled {
        let last = serde_json::to_value(items.pop()?).ok()?;
        let value = last.pointer("/node/ResTarget/val").unwrap_or(&last);
        if !is_dummy(value.pointer("/node/TypeCast")?) {
            return None;
        }
    }
    Some(filled)
}

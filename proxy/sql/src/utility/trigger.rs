//! CREATE TRIGGER on a protected table: for functions that leave its cells alone.
//!
//! The same is asked again of every statement that fires it. It must never let a condition be computed on a
//! cell, or hand the cells of many rows to a function as a table.

use super::alter_table::qualified;
use super::names;
use super::{Ruled, at, refuse};
use crate::analyse::Input;
use crate::catalog::Trigger;
use crate::functions::{self, body};
use crate::taint::Taint;
use crate::world::{Lookup, ProtectedTable};
use pg_query::protobuf::CreateTrigStmt;
use std::sync::Arc;

/// CREATE [CONSTRAINT] TRIGGER.
pub(super) fn create(s: &CreateTrigStmt, input: &Input<'_>, taint: &Taint) -> Ruled {
    let hint = "Make the trigger on the table itself.";
    let relation = s.relation.as_ref();
    if relation.is_some_and(|r| matches!(names::lookup(r, input), Lookup::Missing(_))) {
        return super::untouched();
    }
    let Some((relation, Lookup::Protected(table))) = relation.map(|r| (r, names::lookup(r, input)))
    else {
        return super::rules::no("CREATE TRIGGER", hint, input, taint);
    };
    judge(s, table, input).map_err(|why| {
        refuse(
            format!(
                "trigger {} on {} could see or change what is encrypted: {why}",
                s.trigname, table.name
            ),
            "Leave encrypted columns to the application; columns in clear, and whether one is NULL, can be used. The policy can trust a function.",
            at(relation.location),
        )
    })?;
    qualified(relation, &table.name, input)
}

fn judge(s: &CreateTrigStmt, table: &ProtectedTable, input: &Input<'_>) -> Result<(), String> {
    let text = input.text.get(input.range.clone()).unwrap_or_default();
    let condition = body::read_trigger(text)?;
    functions::takes_cell(&condition, table, input.world)
        .map_err(|why| format!("its WHEN {why}"))?;
    let known = &input.world.catalog().functions;
    let (schema, name) = match names::strings(&s.funcname).as_slice() {
        [name] => (None, (*name).to_owned()),
        [.., schema, name] => (Some((*schema).to_owned()), (*name).to_owned()),
        [] => return Err("it has no function".into()),
    };
    let meant = known.get(name.as_str()).into_iter().flatten();
    let meant = meant.filter(|f| schema.as_deref().is_none_or(|s| *s == *f.schema));
    // One that the snapshot does not have is the server's to refuse, or judged when the trigger fires.
    for function in meant {
        let trigger = Trigger {
            schema: Arc::clone(&function.schema),
            function: Arc::from(name.as_str()),
            definition: None,
        };
        functions::trigger(&trigger, table, input.world)?;
    }
    Ok(())
}

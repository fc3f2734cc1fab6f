//! Row security policies of protected tables: their expressions run over cells in the database.
//!
//! They may compare what an ordinary condition may. A table with an expression that is not understood is
//! closed: it could hide or show other rows than it would on values.

use super::{State, World};
use crate::plan;
use hippocrypt_policy::TableRef;
use std::sync::Arc;

/// Closes the protected tables whose policies do what cells cannot.
pub(super) fn judge(world: &mut World) {
    let refused: Vec<(TableRef, String)> = world
        .states
        .iter()
        .filter(|(_, state)| matches!(state, State::Protected(_)))
        .filter_map(|(name, _)| refused(world, name).map(|reason| (name.clone(), reason)))
        .collect();
    for (name, reason) in refused {
        let state = State::Closed {
            reason,
            hint: Some(
                "write the policy over columns in clear, or over equality of deterministic ones",
            ),
        };
        world.states.insert(name, state);
    }
}

fn refused(world: &World, name: &TableRef) -> Option<String> {
    let key = (Arc::clone(&name.schema), Arc::clone(&name.table));
    let relation = world
        .catalog
        .relations
        .get(&key)
        .filter(|r| r.row_security)?;
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let table = format!("{}.{}", quoted(&name.schema), quoted(&name.table));
    relation.row_policies.iter().find_map(|expression| {
        let query = format!("SELECT FROM {table} WHERE ({expression})");
        let refusal = plan::stored(world, &query).err()?;
        Some(format!(
            "a row security policy of it is not understood: {}",
            refusal.message
        ))
    })
}

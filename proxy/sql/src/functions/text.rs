//! SQL that a function of `pg_catalog` is given as text: `query_to_xml('SELECT …')`, `table_to_xml('rooms')`.
//!
//! A constant is read as the body of a function is, by its tokens. It must never pass a text that is not all there, or
//! that is kept for later: what it names may be protected by then. What a cursor that is named so is over, the session
//! knows (standing.rs).

use super::body::{self, Body};
use super::{RUN_SQL, harmless, opaque};
use crate::catalog_view::corrected_relations;
use crate::tree;
use crate::verdict::{Cursor, Effects};
use crate::world::World;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whether it is such a call.
pub(crate) fn is_run_by(call: &tree::Function) -> bool {
    let name = call.name.parts.last();
    name.is_some_and(|name| RUN_SQL.contains(&name.as_str()))
}

/// What the text of the call may change, where it is a constant that names nothing protected; or the cursor that it reads.
pub(crate) fn judge(call: &tree::Function, world: &World) -> Option<Effects> {
    let functions = &world.catalog().functions;
    let name = match call.name.parts.as_slice() {
        [name] if !functions.contains_key(name.as_str()) => name,
        [schema, name] if schema == "pg_catalog" => name,
        _ => return None,
    };
    let constant = |ix| {
        let found = call.constants.iter().find(|(at, _)| *at == ix);
        found.map(|(_, text)| text.as_str())
    };
    if matches!(name.as_str(), "cursor_to_xml" | "cursor_to_xmlschema") {
        let cursor = Arc::from(constant(0)?);
        return Some(Effects {
            cursor: Some((Cursor::Read, cursor)),
            ..Effects::default()
        });
    }
    let body = match (name.as_str(), call.arguments) {
        ("query_to_xml" | "query_to_xmlschema" | "query_to_xml_and_xmlschema" | "ts_stat", _) => {
            body::read_query(constant(0)?).ok()?
        }
        ("ts_rewrite", 2) => body::read_query(constant(1)?).ok()?,
        ("table_to_xml" | "table_to_xmlschema" | "table_to_xml_and_xmlschema", _) => {
            body::read_name(constant(0)?).ok()?
        }
        ("schema_to_xml" | "schema_to_xmlschema" | "schema_to_xml_and_xmlschema", _) => {
            relations_of(constant(0)?, world)?
        }
        _ => return None,
    };
    let corrected = |name: &str| corrected_relations().any(|r| r == name);
    if body.names.iter().any(|name| corrected(name)) {
        return None;
    }
    harmless(&body, world, &mut BTreeSet::new()).ok()?;
    let calls = |name: &String| functions.contains_key(name.as_str());
    Some(match body.names.iter().any(calls) {
        true => opaque(),
        false => Effects::default(),
    })
}

/// Every relation that the snapshot has in a schema; `None` for schemas that it does not read.
fn relations_of(schema: &str, world: &World) -> Option<Body> {
    let catalog = world.catalog();
    if !catalog.schemas.iter().any(|s| **s == *schema) {
        return None;
    }
    let relations = catalog.relations.keys();
    let names = relations.filter(|(of, _)| **of == *schema);
    Some(Body {
        names: names.map(|(_, name)| name.to_string()).collect(),
        ..Body::default()
    })
}

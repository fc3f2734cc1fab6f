//! Which functions may be called in a database with a policy (DESIGN §4, Functions).
//!
//! A function outside `pg_catalog` can run any SQL. It passes when the policy trusts it or when it is C of an
//! extension known to run none; bodies are not read yet. It must never pass a name because it was not found
//! in one schema of several: any function of that name that the call could mean decides.

use crate::catalog::{Function, Names};
use crate::tree;
use crate::verdict::{Effects, Refusal};
use crate::world::World;

/// Extensions whose functions run no SQL that is given to them and read no relation by name.
const EXTENSIONS: [&str; 27] = [
    "amcheck",
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "ltree",
    "pageinspect",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_trgm",
    "pg_visibility",
    "pgcrypto",
    "pgrowlocks",
    "pgstattuple",
    "seg",
    "unaccent",
    "uuid-ossp",
];

/// Functions of `pg_catalog` that run SQL text, or read a relation that is given as text.
const RUN_SQL: [&str; 18] = [
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "database_to_xmlschema",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "schema_to_xmlschema",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "table_to_xmlschema",
    "ts_stat",
    "ts_rewrite",
    "pg_import_system_collations",
    "pg_logical_slot_get_changes",
];

/// The refusal of `call`, or what it may change.
pub(crate) fn judge(
    call: &tree::Function,
    world: &World,
    names: &Names,
) -> Result<Effects, Refusal> {
    let (schema, name) = match call.name.parts.as_slice() {
        [name] => (None, name.as_str()),
        [schema, name] | [_, schema, name] => (Some(schema.as_str()), name.as_str()),
        _ => return Err(untrusted(call, "the function name is not understood")),
    };
    match schema {
        Some("pg_catalog") => catalog_function(call, name),
        Some("information_schema") => Ok(Effects::default()),
        Some(temp) if temp == "pg_temp" || temp.starts_with("pg_temp_") => {
            if world.policy().trusts(temp, name) {
                return Ok(opaque());
            }
            Err(untrusted(
                call,
                &format!("function {temp}.{name} of this session is not known to the policy"),
            ))
        }
        _ => {
            let defined = defined(call, world, names, schema, name)?;
            let built_in = match schema {
                None => catalog_function(call, name)?,
                Some(_) => Effects::default(),
            };
            Ok(Effects {
                catalog: defined.catalog || built_in.catalog,
                settings: defined.settings || built_in.settings,
                ..Effects::default()
            })
        }
    }
}

/// The user's functions that the call could mean: in its schema, or anywhere on the path, for arguments decide
/// between them and a built-in one. None at all: the server answers for the built-in one, or 42883.
fn defined(
    call: &tree::Function,
    world: &World,
    names: &Names,
    schema: Option<&str>,
    name: &str,
) -> Result<Effects, Refusal> {
    let mut effects = Effects::default();
    let all = world.catalog().functions.get(name).map(Vec::as_slice);
    for function in all.unwrap_or_default() {
        let meant = match schema {
            Some(schema) => *schema == *function.schema,
            None => names.search_path.contains(&function.schema),
        };
        if !meant || is_plain(function) {
            continue;
        }
        if !world.policy().trusts(&function.schema, name) {
            return Err(untrusted(
                call,
                &format!(
                    "function {}.{name} could touch protected tables",
                    function.schema
                ),
            ));
        }
        effects = opaque();
    }
    Ok(effects)
}

fn catalog_function(call: &tree::Function, name: &str) -> Result<Effects, Refusal> {
    // ts_rewrite(query, target, substitute) is plain; with two arguments the second is SQL.
    if RUN_SQL.contains(&name) && !(name == "ts_rewrite" && call.arguments == 3) {
        let mut refusal = untrusted(
            call,
            &format!("function {name} runs SQL that is not analysed"),
        );
        refusal.hint = Some("Run the inner statement itself.".into());
        return Err(refusal);
    }
    if name == "set_config" {
        return set_config(call);
    }
    Ok(Effects::default())
}

/// What a call of `set_config` sets, and to which constant.
pub(crate) fn setting(call: &tree::Function) -> Option<(&str, Option<&str>)> {
    let constant = |ix| {
        let found = call.constants.iter().find(|(at, _)| *at == ix);
        found.map(|(_, value)| value.as_str())
    };
    let is_it = call.name.parts.last().is_some_and(|n| n == "set_config");
    is_it.then(|| Some((constant(0)?, constant(1))))?
}

/// The values with which pg_dump calls `set_config(name, …) FROM pg_settings WHERE name = …`: no setting that
/// verdicts depend on can take them, but for those that are asked again after it.
const DUMPED: [&str; 3] = ["view", "foreign-table", "view, foreign-table"];

/// `set_config` is SET: the setting must be seen to be judged.
fn set_config(call: &tree::Function) -> Result<Effects, Refusal> {
    let constant = |ix| call.constants.iter().find(|(at, _)| *at == ix);
    let Some((_, setting)) = constant(0) else {
        if constant(1).is_some_and(|(_, value)| DUMPED.contains(&value.as_str())) {
            return Ok(Effects {
                settings: true,
                ..Effects::default()
            });
        }
        let mut refusal = untrusted(call, "set_config of a setting that is not a constant");
        refusal.hint = Some("Write the setting's name as a string constant.".into());
        return Err(refusal);
    };
    let setting = setting.to_ascii_lowercase();
    let value = constant(1).map(|(_, v)| v.as_str());
    if setting == "client_encoding" && !value.is_some_and(crate::settings::is_utf8) {
        let mut refusal = crate::settings::wrong_encoding();
        refusal.position = call.name.at;
        return Err(refusal);
    }
    Ok(Effects {
        settings: crate::settings::matters(&setting),
        ..Effects::default()
    })
}

/// The refusal of an operator that is defined outside `pg_catalog` by a function nobody vouches for.
pub(crate) fn judge_operator(operator: &tree::Qualified, world: &World) -> Option<Refusal> {
    let (name, schema) = operator.parts.split_last()?;
    let unknown = world.catalog().operators.iter().any(|o| **o == **name)
        && schema.last().is_none_or(|s| s != "pg_catalog")
        && !world
            .policy()
            .trusted_functions
            .iter()
            .any(|t| t == "*" || t == "*.*");
    unknown.then(|| Refusal {
        sqlstate: "0A000",
        message: format!("operator {name} could call a function that touches protected tables"),
        detail: None,
        hint: Some(format!(
            "Write OPERATOR(pg_catalog.{name}) for PostgreSQL's own."
        )),
        position: operator.at,
    })
}

/// A function that may do anything the policy's owner thought of: DDL and SET among them.
pub(crate) fn opaque() -> Effects {
    Effects {
        catalog: true,
        settings: true,
        ..Effects::default()
    }
}

/// Of a listed extension, and not in a language that such an extension would bring (their SQL bodies, citext's
/// `replace` and its like, call `pg_catalog` only).
fn is_plain(function: &Function) -> bool {
    let known = function
        .extension
        .as_deref()
        .is_some_and(|e| EXTENSIONS.contains(&e));
    known && matches!(&*function.language, "c" | "internal" | "sql")
}

fn untrusted(call: &tree::Function, message: &str) -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message: message.to_owned(),
        detail: None,
        hint: Some(
            "If it touches no protected table, the policy can trust it: databases: { …: { functions: { \"schema.name\": trusted } } }."
                .into(),
        ),
        position: call.name.at,
    }
}

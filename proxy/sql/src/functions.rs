//! Which functions may be called in a database with a policy (DESIGN §4, Functions).
//!
//! A function outside `pg_catalog` can run any SQL. It passes when the policy trusts it, when it is C of an
//! extension known to run none, or when its body names nothing protected. It must never pass a name because it was not found
//! in one schema of several: any function of that name that the call could mean decides.

use crate::catalog::{Function, Names, Trigger};
use crate::tree;
use crate::verdict::{Attribute, Attribution, Effects, Refusal};
use crate::world::recorded::SCHEMA;
use crate::world::{ProtectedTable, World};
use body::Body;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) mod body;
mod fast_path;
pub(crate) mod text;

/// Extensions whose functions run no SQL that is given to them and read no relation by name.
const EXTENSIONS: [&str; 26] = [
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
const RUN_SQL: [&str; 21] = [
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
    "pg_logical_slot_get_binary_changes",
    "pg_logical_slot_get_changes",
    "pg_logical_slot_peek_binary_changes",
    "pg_logical_slot_peek_changes",
];

/// Where functions without a schema are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    /// On the session's search path.
    Of(&'a Names),
    /// Anywhere: an earlier statement of the same string may have changed it.
    Any,
}

impl Path<'_> {
    fn reaches(self, schema: &Arc<str>) -> bool {
        match self {
            Self::Of(names) => names.search_path.contains(schema),
            Self::Any => true,
        }
    }
}

/// The way out where a function is refused.
pub(crate) const TRUST: &str = "If it touches no protected table, the policy can trust it: databases: { …: { functions: { \"schema.name\": trusted } } }.";

/// The refusal of `call`, or what it may change.
pub(crate) fn judge(
    call: &tree::Function,
    world: &World,
    path: Path<'_>,
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
            let defined = defined(call, world, |function| match schema {
                Some(schema) => *schema == *function.schema,
                None => path.reaches(&function.schema),
            })?;
            let built_in = match schema {
                None => catalog_function(call, name)?,
                Some(_) => Effects::default(),
            };
            Ok(Effects {
                catalog: defined.catalog || built_in.catalog,
                settings: defined.settings || built_in.settings,
                attribution: built_in.attribution,
                ..Effects::default()
            })
        }
    }
}

/// `(expression).name`, or a column reference `table.name`: a call where there is no such field.
pub(crate) fn judge_field(
    field: &tree::Field,
    world: &World,
    path: Path<'_>,
) -> Result<Effects, Refusal> {
    let call = tree::Function {
        name: field.name.clone(),
        arguments: 1,
        constants: Vec::new(),
        casts: false,
    };
    let name = call.name.parts.last().map_or("", String::as_str);
    if !field.of_row {
        catalog_function(&call, name)?;
    }
    defined(&call, world, |function| {
        path.reaches(&function.schema) && (!field.of_row || function.takes_row)
    })
}

/// The user's functions that the call could mean: in its schema, or anywhere on the path, for arguments decide
/// between them and a built-in one. None at all: the server answers for the built-in one, or 42883.
fn defined(
    call: &tree::Function,
    world: &World,
    meant: impl Fn(&Function) -> bool,
) -> Result<Effects, Refusal> {
    let Some(name) = call.name.parts.last() else {
        return Ok(Effects::default());
    };
    let mut effects = Effects::default();
    let mut seen = BTreeSet::new();
    let all = world.catalog().functions.get(name.as_str());
    for (ix, function) in all.into_iter().flatten().enumerate() {
        if !meant(function) || is_plain(function) {
            continue;
        }
        if world.policy().trusts(&function.schema, name) {
            effects = opaque();
        } else {
            harmless_function(name, ix, function, world, &mut seen)
                .map_err(|why| untrusted(call, &because(function, name, &why)))?;
        }
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
    let attribute = Attribute::of(&setting);
    if attribute == Some(Attribute::Token) {
        let message = "hippocrypt.token cannot be set by set_config";
        let mut refusal = untrusted(call, message);
        refusal.hint = Some("SET hippocrypt.token = '…', or SET LOCAL.".into());
        return Err(refusal);
    }
    Ok(Effects {
        settings: crate::settings::matters(&setting),
        attribution: match attribute {
            Some(_) => Attribution::Changed,
            None => Attribution::Kept,
        },
        ..Effects::default()
    })
}

/// The refusal of an operator whose function could touch protected tables, or be used on their cells.
pub(crate) fn judge_operator(
    operator: &tree::Qualified,
    world: &World,
    touched: bool,
) -> Option<Refusal> {
    let (name, schema) = operator.parts.split_last()?;
    if schema.last().is_some_and(|s| s == "pg_catalog") {
        return None;
    }
    let known = &world.catalog().operators;
    let trusted = &world.policy().trusted_functions;
    let stranger = || {
        known.iter().any(|o| *o.name == **name && !o.of_extension)
            && !trusted.iter().any(|t| t == "*" || t == "*.*")
    };
    let message = match world.hazards().operator(name) {
        Some(why) => format!("operator {name} could touch protected tables: it runs {why}"),
        None if touched && stranger() => {
            format!("operator {name} could be one that is not PostgreSQL's own")
        }
        None => return None,
    };
    Some(Refusal {
        sqlstate: "0A000",
        message,
        detail: None,
        hint: Some(format!(
            "Write OPERATOR(pg_catalog.{name}) for PostgreSQL's own."
        )),
        position: operator.at,
    })
}

fn because(function: &Function, name: &str, why: &str) -> String {
    format!(
        "function {}.{name} could touch protected tables: it {why}",
        function.schema
    )
}

fn body_of<'w>(world: &'w World, name: &str, ix: usize) -> Result<&'w Body, String> {
    match world.body(name, ix) {
        Some(Ok(body)) => Ok(body),
        Some(Err(why)) => Err((*why).to_owned()),
        None => Err("is not SQL or PL/pgSQL".into()),
    }
}

/// The body of the function at `ix` of those of that name, which itself names nothing protected.
pub(crate) fn innocent<'w>(world: &'w World, name: &str, ix: usize) -> Result<&'w Body, String> {
    let body = body_of(world, name, ix)?;
    names_nothing(body, world)?;
    Ok(body)
}

fn names_nothing(body: &Body, world: &World) -> Result<(), String> {
    for name in &body.names {
        if world.is_tainted_name(name) {
            return Err(format!("names {name}, which is protected"));
        }
        if RUN_SQL.contains(&name.as_str()) || name == "set_config" {
            return Err(format!("calls {name}"));
        }
        if tree::shows_cells(name) {
            return Err(format!("reads {name}, which can show cells"));
        }
    }
    Ok(())
}

fn harmless_function(
    name: &str,
    ix: usize,
    function: &Function,
    world: &World,
    seen: &mut BTreeSet<(String, usize)>,
) -> Result<(), String> {
    if !seen.insert((name.to_owned(), ix)) {
        return Ok(());
    }
    match function.aggregate {
        false => harmless(body_of(world, name, ix)?, world, seen),
        true => match world.hazards().aggregate(function) {
            None => Ok(()),
            Some(why) => Err(format!("runs {why}")),
        },
    }
}

/// Whether nothing that the body names is protected, and everything that it could run is as harmless.
/// Names are taken for those of any schema: a body is read under whatever search_path its caller has.
fn harmless(
    body: &Body,
    world: &World,
    seen: &mut BTreeSet<(String, usize)>,
) -> Result<(), String> {
    names_nothing(body, world)?;
    let hazards = world.hazards();
    for name in &body.names {
        let all = world.catalog().functions.get(name.as_str());
        for (ix, function) in all.into_iter().flatten().enumerate() {
            if !is_trusted(function, name, world) {
                harmless_function(name, ix, function, world, seen)
                    .map_err(|why| format!("could call {}.{name}, which {why}", function.schema))?;
            }
        }
        if let Some(why) = hazards.named(name) {
            return Err(format!("names {name}, which runs {why}"));
        }
    }
    let mut operators = body.operators.iter();
    if let Some((operator, why)) = operators.find_map(|o| Some((o, hazards.operator(o)?))) {
        return Err(format!("uses operator {operator}, which runs {why}"));
    }
    match hazards.statement() {
        Some(why) => Err(format!("could run {why}")),
        None => Ok(()),
    }
}

/// Whether a function of that name in any schema is one that nobody may call.
pub(crate) fn is_dangerous(name: &str, world: &World) -> bool {
    let all = world.catalog().functions.get(name);
    let mut all = all.into_iter().flatten().enumerate();
    all.any(|(ix, function)| is_refused(name, ix, function, world))
}

/// OIDs of the functions that nobody may call.
pub(crate) fn dangerous(world: &World) -> impl Iterator<Item = u32> {
    let all = world.catalog().functions.iter();
    let all = all.flat_map(|(name, all)| all.iter().enumerate().map(move |one| (name, one)));
    all.filter_map(|(name, (ix, function))| {
        is_refused(name, ix, function, world).then_some(function.oid)
    })
}

fn is_refused(name: &str, ix: usize, function: &Function, world: &World) -> bool {
    !is_trusted(function, name, world)
        && harmless_function(name, ix, function, world, &mut BTreeSet::new()).is_err()
}

/// Nothing of it needs to be known.
pub(crate) fn is_trusted(function: &Function, name: &str, world: &World) -> bool {
    is_plain(function) || world.policy().trusts(&function.schema, name)
}

/// The refusal of DDL where an event trigger could touch protected tables.
pub(crate) fn event_trigger(world: &World) -> Option<Refusal> {
    let why = world.hazards().ddl()?;
    Some(Refusal {
        sqlstate: "0A000",
        message: format!("an event trigger could touch protected tables: it runs {why}"),
        detail: None,
        hint: Some(TRUST.into()),
        position: None,
    })
}

/// A DO block, by its body.
pub(crate) fn block(text: &str, world: &World) -> Result<(), String> {
    let body = body::read(text)?;
    harmless(&body, world, &mut BTreeSet::new())
}

/// Whether the trigger's function leaves the table's encrypted columns alone, and everything protected.
pub(crate) fn trigger(
    trigger: &Trigger,
    table: &ProtectedTable,
    world: &World,
) -> Result<(), String> {
    let (schema, name) = (&trigger.schema, &trigger.function);
    if world.policy().trusts(schema, name) || **schema == *SCHEMA {
        return Ok(());
    }
    let what = |why: &str| format!("its function {schema}.{name} {why}");
    if let Some(definition) = &trigger.definition {
        let condition = body::read_trigger(definition)?;
        takes_cell(&condition, table, world).map_err(|why| format!("its WHEN {why}"))?;
    }
    let known = world.catalog().functions.get(name);
    let known = known.into_iter().flatten().enumerate();
    let mut found = false;
    for (ix, _) in known.filter(|(_, f)| f.schema == *schema) {
        found = true;
        let body = body_of(world, name, ix).map_err(|why| what(&why))?;
        let mut seen = BTreeSet::from([(name.to_string(), ix)]);
        harmless(body, world, &mut seen).map_err(|why| what(&why))?;
        takes_cell(body, table, world).map_err(|why| what(&why))?;
    }
    match found {
        true => Ok(()),
        false => Err(what("is not known")),
    }
}

/// Refuses where a row's cells are taken for values.
pub(crate) fn takes_cell(body: &Body, table: &ProtectedTable, world: &World) -> Result<(), String> {
    if body.whole_row {
        return Err("takes the whole row".into());
    }
    let cell = |c: &&String| {
        let column = table.column(c).and_then(|c| c.protected);
        column.is_some_and(|ix| world.is_cell(ix))
    };
    match body.row_columns.iter().find(cell) {
        Some(column) => Err(format!("takes the value of {column}, which is encrypted")),
        None => Ok(()),
    }
}

/// A function that may do anything the policy's owner thought of: DDL and SET among them.
pub(crate) fn opaque() -> Effects {
    Effects {
        catalog: true,
        settings: true,
        ..Effects::default()
    }
}

/// The proxy's own, in a schema where only it makes functions; or C of a listed extension. Whoever owns an extension can make functions of other languages a part of it.
fn is_plain(function: &Function) -> bool {
    if *function.schema == *SCHEMA {
        return true;
    }
    let known = function
        .extension
        .as_deref()
        .is_some_and(|e| EXTENSIONS.contains(&e));
    known && function.is_c_of_extension()
}

fn untrusted(call: &tree::Function, message: &str) -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message: message.to_owned(),
        detail: None,
        hint: Some(TRUST.into()),
        position: call.name.at,
    }
}

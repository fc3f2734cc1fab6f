//! Where a statement reads a catalog, and what it names of it.
//!
//! The walk is over the whole tree as JSON, so that no node is forgotten; only places of a FROM count, for a
//! name that a statement writes to or locks is no view of anything. It must never take a common table
//! expression, or a table of the session's search_path, for the catalog of that name.

use super::rules::{self, Rule};
use crate::catalog::Names;
use crate::world::World;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) references: Vec<Reference>,
    pub(super) columns: Vec<ColumnUse>,
    /// Every name in the statement, whatever it names.
    pub(super) names: BTreeSet<String>,
}

/// A relation with a rule, in a FROM.
#[derive(Debug)]
pub(super) struct Reference {
    /// Byte offset of its first token.
    pub(super) at: usize,
    /// How many names it is written with.
    pub(super) parts: usize,
    /// Not ONLY.
    pub(super) inherits: bool,
    pub(super) rule: &'static Rule,
    pub(super) alias: Option<String>,
    /// A `*`, NATURAL JOIN or a list of column names takes all its columns, in their order.
    pub(super) whole: bool,
    pub(super) sampled: bool,
    pub(super) locked: bool,
}

impl Reference {
    /// What it is called in the statement.
    pub(super) fn visible(&self) -> &str {
        self.alias.as_deref().unwrap_or(self.rule.name)
    }
}

/// A column reference.
#[derive(Debug)]
pub(super) struct ColumnUse {
    pub(super) at: Option<usize>,
    /// Its names, a `*` left out.
    pub(super) names: Vec<String>,
    pub(super) star: bool,
    /// It is a result column, is cast or is a function's argument: its own type is seen.
    pub(super) shown: bool,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    from: bool,
    whole: bool,
    sampled: bool,
    shown: bool,
}

/// Surveys one statement's tree.
pub(super) fn survey(tree: &Value, world: &World, names: &Names) -> Survey {
    let mut walk = Walk {
        world,
        names,
        ctes: Vec::new(),
        found: Survey::default(),
    };
    walk.value(tree, Place::default());
    walk.found
}

struct Walk<'w> {
    world: &'w World,
    names: &'w Names,
    /// Names of common table expressions in sight.
    ctes: Vec<String>,
    found: Survey,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, place: Place) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.value(item, place)),
            Value::Object(fields) => match node(fields) {
                Some((kind, inner)) => self.node(kind, inner, place),
                None => self.fields(fields, place),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn node(&mut self, kind: &str, inner: &Map<String, Value>, place: Place) {
        match kind {
            "RangeVar" => {
                if place.from {
                    self.relation(inner, place);
                }
            }
            "RangeTableSample" => {
                let place = Place {
                    sampled: true,
                    ..place
                };
                self.fields(inner, place);
            }
            "JoinExpr" => {
                let natural = inner.get("is_natural").and_then(Value::as_bool) == Some(true);
                let whole = place.whole || natural;
                self.fields(inner, Place { whole, ..place });
            }
            "String" => {
                let name = inner.get("sval").and_then(Value::as_str);
                self.found.names.extend(name.map(str::to_owned));
            }
            "ColumnRef" => self.column(inner, place),
            "FuncCall" if takes_any_row(inner) => self.fields(inner, Place::default()),
            "ResTarget" | "TypeCast" | "FuncCall" => {
                let place = Place {
                    shown: true,
                    ..Place::default()
                };
                self.fields(inner, place);
            }
            _ => self.fields(inner, Place::default()),
        }
    }

    /// The fields of one struct; a query's names and stars are its own.
    fn fields(&mut self, fields: &Map<String, Value>, place: Place) {
        let outer = self.ctes.len();
        if let Some(Value::Object(with)) = fields.get("with_clause") {
            self.with(with);
        }
        let lists = ["target_list", "returning_list", "returning_clause"];
        let is_query = lists.iter().any(|l| fields.contains_key(*l));
        let whole = if is_query {
            lists.iter().any(|l| fields.get(*l).is_some_and(bare_star))
        } else {
            place.whole
        };
        let before = self.found.references.len();
        for (field, value) in fields {
            let from = matches!(
                field.as_str(),
                "from_clause" | "using_clause" | "larg" | "rarg" | "source_relation"
            ) || (place.sampled && field == "relation");
            match field.as_str() {
                "with_clause" => {}
                _ if from => self.value(
                    value,
                    Place {
                        from,
                        whole,
                        sampled: place.sampled,
                        shown: false,
                    },
                ),
                "val" | "arg" | "args" => self.value(
                    value,
                    Place {
                        shown: place.shown,
                        ..Place::default()
                    },
                ),
                _ => self.value(value, Place::default()),
            }
        }
        if fields
            .get("locking_clause")
            .is_some_and(|l| l.as_array().is_some_and(|l| !l.is_empty()))
        {
            self.found
                .references
                .iter_mut()
                .skip(before)
                .for_each(|r| r.locked = true);
        }
        self.ctes.truncate(outer);
    }

    /// Each query of WITH sees those before it; of WITH RECURSIVE, all.
    fn with(&mut self, with: &Map<String, Value>) {
        let recursive = with.get("recursive").and_then(Value::as_bool) == Some(true);
        let queries = with
            .get("ctes")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let name = |cte: &Value| {
            cte.pointer("/node/CommonTableExpr/ctename")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        if recursive {
            self.ctes.extend(queries.iter().filter_map(name));
        }
        for query in queries {
            self.value(query, Place::default());
            if !recursive {
                self.ctes.extend(name(query));
            }
        }
    }

    fn relation(&mut self, fields: &Map<String, Value>, place: Place) {
        let text = |field| {
            fields
                .get(field)
                .and_then(Value::as_str)
                .filter(|s| !s.is_empty())
        };
        let (Some(name), schema) = (text("relname"), text("schemaname")) else {
            return;
        };
        if schema.is_none() && self.ctes.iter().any(|c| c == name) {
            return;
        }
        let Some(rule) = meant(schema, name, self.world, self.names) else {
            return;
        };
        let Some(at) = location(fields) else {
            return;
        };
        let alias = fields.get("alias");
        let renamed = alias
            .and_then(|a| a.get("colnames"))
            .and_then(Value::as_array);
        let parts = 1 + usize::from(schema.is_some()) + usize::from(text("catalogname").is_some());
        self.found.references.push(Reference {
            at,
            parts,
            inherits: fields.get("inh").and_then(Value::as_bool) == Some(true),
            rule,
            alias: alias
                .and_then(|a| a.get("aliasname"))
                .and_then(Value::as_str)
                .map(str::to_owned),
            whole: place.whole || renamed.is_some_and(|names| !names.is_empty()),
            sampled: place.sampled,
            locked: false,
        });
    }

    fn column(&mut self, fields: &Map<String, Value>, place: Place) {
        let parts = fields
            .get("fields")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let names: Vec<String> = parts
            .iter()
            .filter_map(|p| p.pointer("/node/String/sval").and_then(Value::as_str))
            .map(str::to_owned)
            .collect();
        self.found.names.extend(names.iter().cloned());
        self.found.columns.push(ColumnUse {
            at: location(fields),
            star: names.len() < parts.len(),
            names,
            shown: place.shown,
        });
    }
}

/// The relation that the name means, if it has a rule (namespace.c, RelnameGetRelid).
pub(super) fn meant(
    schema: Option<&str>,
    name: &str,
    world: &World,
    names: &Names,
) -> Option<&'static Rule> {
    if let Some(schema) = schema {
        return rules::of(schema, name).filter(|rule| rule.holds(world));
    }
    let path = &names.search_path;
    let named = |schema: &str| path.iter().any(|s| **s == *schema);
    let temporary = world.is_temporary(name, names);
    if temporary && !named("pg_temp") {
        return None;
    }
    let first = (!named("pg_catalog")).then_some("pg_catalog");
    for schema in first.into_iter().chain(path.iter().map(AsRef::as_ref)) {
        if let Some(rule) = rules::of(schema, name).filter(|rule| rule.holds(world)) {
            return Some(rule);
        }
        if (schema == "pg_temp" && temporary) || world.has(schema, name) {
            return None;
        }
    }
    None
}

/// The one variant of a `Node`.
pub(super) fn node(fields: &Map<String, Value>) -> Option<(&str, &Map<String, Value>)> {
    let (kind, inner) = fields.get("node")?.as_object()?.iter().next()?;
    Some((kind, inner.as_object()?))
}

pub(super) fn location(fields: &Map<String, Value>) -> Option<usize> {
    usize::try_from(fields.get("location")?.as_i64()?).ok()
}

/// Functions to which one record is like another.
fn takes_any_row(call: &Map<String, Value>) -> bool {
    const ANY: [&str; 6] = [
        "row_to_json",
        "to_json",
        "to_jsonb",
        "json_agg",
        "jsonb_agg",
        "count",
    ];
    let name = call
        .get("funcname")
        .and_then(Value::as_array)
        .and_then(|names| names.last());
    let name = name
        .and_then(|n| n.pointer("/node/String/sval"))
        .and_then(Value::as_str);
    name.is_some_and(|n| ANY.contains(&n))
}

/// Whether a target list has a `*` without a qualifier.
fn bare_star(list: &Value) -> bool {
    let list = list.get("exprs").unwrap_or(list);
    let targets = list.as_array().map(Vec::as_slice).unwrap_or_default();
    targets.iter().any(|t| {
        t.pointer("/node/ResTarget/val/node/ColumnRef/fields/0/node/AStar")
            .is_some()
    })
}

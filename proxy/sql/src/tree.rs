//! A walk over every node of a parse tree, without a rule per node.
//!
//! `pg_query`'s nodes derive `Serialize`, so a serializer is handed every field of every node, those that a
//! later version adds among them: the walk is complete by construction. It must never skip a field; what it
//! finds is names, never values except the constant arguments of functions (see [`Function::constants`]).

use crate::catalog::Names;
use crate::grammar::LEVELS;
use crate::verdict::LiteralText;
use serde::Serialize;
use std::collections::BTreeSet;

mod serializer;
mod term;

pub(crate) use term::{Parts, Term, is_place};

/// The names in a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Every relation (`RangeVar`).
    pub(crate) relations: Vec<RelationName>,
    /// Every function call.
    pub(crate) functions: Vec<Function>,
    /// Every `(expression).name` and `table.column`, which a function of that name could be.
    pub(crate) fields: Vec<Field>,
    /// Every type, without its modifiers.
    pub(crate) types: Vec<TypeName>,
    /// Every operator, qualified or not.
    pub(crate) operators: Vec<Qualified>,
    /// Every column reference's names, a `*` left out.
    pub(crate) columns: Vec<Vec<String>>,
    /// It has an aggregate, or GROUPING, that the grammar has a word of its own for.
    pub(crate) aggregates: bool,
    /// Every common table expression's name.
    pub(crate) ctes: Vec<String>,
    /// Where the constants are that are nothing but values: operands and rows, in WHERE, ON, HAVING, VALUES, SET, LIMIT.
    pub(crate) values: BTreeSet<usize>,
}

/// A relation as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RelationName {
    pub(crate) catalog: Option<String>,
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    pub(crate) at: Option<usize>,
    /// INSERT, UPDATE, DELETE, MERGE, TRUNCATE or COPY FROM writes to it, or CREATE TABLE takes after it: it runs
    /// what a write runs.
    pub(crate) written: bool,
}

/// A name of one or more parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Qualified {
    pub(crate) parts: Vec<String>,
    pub(crate) at: Option<usize>,
}

/// A function call.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: Qualified,
    /// How many arguments it has.
    pub(crate) arguments: usize,
    /// Arguments that are string constants, by index: settings' names and values. Not for messages.
    pub(crate) constants: Vec<(usize, LiteralText)>,
    /// One of them is cast to a type that is named without its schema.
    pub(crate) casts: bool,
}

/// A field as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Qualified,
    /// Of what a column reference names, which is a row.
    pub(crate) of_row: bool,
}

/// A type as written; `a.b%TYPE` names a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TypeName {
    pub(crate) name: Qualified,
    pub(crate) of_column: bool,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}/{}", self.name, self.arguments)
    }
}

/// Where PostgreSQL shows texts of statements (src/backend/catalog/system_views.sql), views and functions.
const STATEMENTS: [&str; 9] = [
    "current_query",
    "pg_cursor",
    "pg_cursors",
    "pg_prepared_statement",
    "pg_prepared_statements",
    "pg_stat_activity",
    "pg_stat_get_activity",
    "pg_stat_get_backend_activity",
    "pg_stat_statements",
];

/// Where PostgreSQL shows values that it has sampled.
const SAMPLES: [&str; 5] = [
    "pg_statistic",
    "pg_statistic_ext_data",
    "pg_stats",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
];

/// Where it prints stored expressions (src/backend/utils/adt/ruleutils.c, system_views.sql).
const EXPRESSIONS: [&str; 17] = [
    "pg_get_constraintdef",
    "pg_get_expr",
    "pg_get_function_arg_default",
    "pg_get_function_arguments",
    "pg_get_functiondef",
    "pg_get_indexdef",
    "pg_get_partition_constraintdef",
    "pg_get_ruledef",
    "pg_get_statisticsobjdef",
    "pg_get_statisticsobjdef_expressions",
    "pg_get_triggerdef",
    "pg_get_viewdef",
    "pg_indexes",
    "pg_matviews",
    "pg_policies",
    "pg_rules",
    "pg_views",
];

/// The same in information_schema: names that an app's own tables have, too.
const INFORMATION: [&str; 4] = ["check_constraints", "columns", "triggers", "views"];

/// Whether a relation or function of `pg_catalog` with this name shows texts of statements or sampled values: cells
/// are among them, and where a stored query or a body reads it nothing takes them out.
pub(crate) fn shows_cells(name: &str) -> bool {
    STATEMENTS.contains(&name) || SAMPLES.contains(&name)
}

impl Found {
    /// Whether it names one of those.
    pub(crate) fn quotes_statements(&self) -> bool {
        self.bare_names().any(|name| STATEMENTS.contains(&name))
    }

    /// Whether it names what prints stored expressions, for a session with these names.
    pub(crate) fn quotes_expressions(&self, names: &Names) -> bool {
        let schema = "information_schema";
        let on_path = || names.search_path.iter().any(|s| **s == *schema);
        let informs = |relation: &RelationName| {
            let named = relation.schema.as_deref();
            INFORMATION.contains(&relation.name.as_str())
                && named.map_or_else(on_path, |named| named == schema)
        };
        self.bare_names().any(|name| EXPRESSIONS.contains(&name))
            || self.relations.iter().any(informs)
    }

    /// What it names of them and of the sampled values.
    pub(crate) fn shows_cells(&self) -> Option<&str> {
        self.bare_names().find(|name| shows_cells(name))
    }

    /// Of relations, functions and fields.
    fn bare_names(&self) -> impl Iterator<Item = &str> {
        let functions = self.functions.iter().map(|f| &f.name);
        let fields = self.fields.iter().map(|f| &f.name);
        let calls = functions.chain(fields);
        let calls = calls.filter_map(|name| name.parts.last().map(String::as_str));
        self.relations.iter().map(|r| r.name.as_str()).chain(calls)
    }

    /// Whether a relation is written to.
    pub(crate) fn writes(&self) -> bool {
        self.relations.iter().any(|r| r.written)
    }

    /// Whether it calls a function, or could by a field or an operator.
    pub(crate) fn calls(&self) -> bool {
        !self.functions.is_empty() || !self.fields.is_empty() || !self.operators.is_empty()
    }
}

/// The tree is deeper than any the grammar gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooDeep;

/// Walks `node` and all below it.
pub(crate) fn names(node: &impl Serialize) -> Result<Found, TooDeep> {
    let mut walk = Walk::default();
    serializer::drive(node, &mut walk).map_err(|_| TooDeep)?;
    Ok(walk.found)
}

/// Structs being walked, outermost first, and what was found so far.
#[derive(Default)]
struct Walk {
    stack: Vec<Frame>,
    found: Found,
}

/// One struct on the way down.
#[derive(Default)]
struct Frame {
    node: &'static str,
    field: &'static str,
    /// Strings that belong to it: its own fields, and the `String` nodes of its lists.
    strings: Vec<(&'static str, String)>,
    at: Option<usize>,
    flag: bool,
    /// Relations found before it.
    before: usize,
    arguments: usize,
    constants: Vec<(usize, LiteralText)>,
    /// A type with modifiers, or an array.
    modified: bool,
}

/// Nodes whose names are kept.
fn is_named(node: &str) -> bool {
    matches!(
        node,
        "RangeVar"
            | "FuncCall"
            | "TypeName"
            | "ColumnRef"
            | "AIndirection"
            | "AExpr"
            | "SubLink"
            | "SortBy"
            | "CommonTableExpr"
    )
}

impl Walk {
    fn enter(&mut self, node: &'static str) -> Result<(), TooDeep> {
        if self.stack.len() >= LEVELS {
            return Err(TooDeep);
        }
        self.found.aggregates |= matches!(node, "JsonArrayAgg" | "JsonObjectAgg" | "GroupingFunc");
        self.stack.push(Frame {
            node,
            before: self.found.relations.len(),
            ..Frame::default()
        });
        Ok(())
    }

    fn field(&mut self, field: &'static str) {
        if let Some(frame) = self.stack.last_mut() {
            frame.field = field;
        }
    }

    fn item(&mut self) {
        if let Some(frame) = self.stack.last_mut()
            && frame.node == "FuncCall"
            && frame.field == "args"
        {
            frame.arguments += 1;
        }
        if let Some(frame) = self.stack.last_mut() {
            frame.modified |= matches!(frame.field, "typmods" | "array_bounds");
        }
    }

    fn int(&mut self, value: i64) {
        if let Some(frame) = self.stack.last_mut()
            && frame.field == "location"
        {
            frame.at = usize::try_from(value).ok();
        }
    }

    fn flag(&mut self, value: bool) {
        if let Some(frame) = self.stack.last_mut()
            && matches!(frame.field, "pct_type" | "is_from")
        {
            frame.flag = value;
        }
    }

    fn string(&mut self, value: &str) {
        let Some((top, below)) = self.stack.split_last_mut() else {
            return;
        };
        if is_named(top.node) {
            top.strings.push((top.field, value.to_owned()));
        } else if top.node == "String"
            && let Some((owner, above)) = below.split_last_mut()
        {
            if is_named(owner.node) {
                owner.strings.push((owner.field, value.to_owned()));
            } else if owner.node == "AConst" {
                constant(above, value);
            }
        }
    }

    fn leave(&mut self) {
        let Some(frame) = self.stack.pop() else {
            return;
        };
        match frame.node {
            "RangeVar" => {
                let relation = self.relation(&frame);
                self.found.relations.push(relation);
            }
            "CopyStmt" if frame.flag => {
                let target = self.found.relations.get_mut(frame.before);
                target.into_iter().for_each(|r| r.written = true);
            }
            "FuncCall" => self.found.functions.push(Function {
                arguments: frame.arguments,
                name: frame.qualified("funcname"),
                constants: frame.constants,
                casts: frame.flag,
            }),
            "TypeName" => {
                let name = frame.qualified("names");
                let is_cast = self.stack.last().is_some_and(|f| f.node == "TypeCast");
                if is_cast {
                    self.cast(&name.parts, frame.modified);
                }
                self.found.types.push(TypeName {
                    of_column: frame.flag,
                    name,
                });
            }
            "ColumnRef" => self.column(frame.qualified("fields")),
            "AIndirection" => {
                let fields = frame.qualified("indirection").parts.into_iter();
                self.found.fields.extend(fields.map(|name| Field {
                    name: Qualified {
                        parts: vec![name],
                        at: None,
                    },
                    of_row: false,
                }));
            }
            "AExpr" => self.operator(frame.qualified("name")),
            "SubLink" => self.operator(frame.qualified("oper_name")),
            "SortBy" => self.operator(frame.qualified("use_op")),
            "CommonTableExpr" => self.found.ctes.extend(frame.one("ctename")),
            "AConst" if is_value(&self.stack) => self.found.values.extend(frame.at),
            _ => {}
        }
    }

    /// The argument that is being walked is cast to this type, and may be no longer what its constant says.
    fn cast(&mut self, to: &[String], modified: bool) {
        let call = self.stack.iter_mut().rev().find(|f| f.node != "TypeCast");
        if let Some(call) = call {
            let index = call.arguments.saturating_sub(1);
            let stays = !modified && keeps_text(to);
            call.constants.retain(|(of, _)| stays || *of != index);
            call.flag |= to.len() == 1;
        }
    }

    /// The RangeVar that `frame` is, in what is left of the stack.
    fn relation(&self, frame: &Frame) -> RelationName {
        const WRITE: [&str; 4] = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"];
        let above = self.stack.last();
        RelationName {
            catalog: frame.one("catalogname"),
            schema: frame.one("schemaname"),
            name: frame.one("relname").unwrap_or_default(),
            at: frame.at,
            written: self.stack.iter().any(|f| f.node == "CreateStmt")
                || above.is_some_and(|f| {
                    (WRITE.contains(&f.node) && f.field == "relation") || f.node == "TruncateStmt"
                }),
        }
    }

    fn column(&mut self, name: Qualified) {
        if let [_, .., last] = name.parts.as_slice() {
            self.found.fields.push(Field {
                name: Qualified {
                    parts: vec![last.clone()],
                    at: name.at,
                },
                of_row: true,
            });
        }
        self.found.columns.push(name.parts);
    }

    fn operator(&mut self, name: Qualified) {
        if !name.parts.is_empty() {
            self.found.operators.push(name);
        }
    }
}

/// Whether a constant within these is a value and no more: no function's argument, no position, no modifier.
fn is_value(within: &[Frame]) -> bool {
    let mut outwards = within.iter().rev();
    let mut set = false;
    let clause = outwards.find(|frame| match (frame.node, frame.field) {
        ("TypeCast", "arg")
        | ("AExpr", "lexpr" | "rexpr")
        | ("BoolExpr", "args")
        | ("List", "items") => false,
        ("ResTarget", "val") => {
            set = true;
            false
        }
        _ => true,
    });
    let Some(clause) = clause else {
        return false;
    };
    let holds = match (clause.node, clause.field) {
        ("UpdateStmt", "target_list") => set,
        ("SelectStmt", "where_clause" | "having_clause" | "values_lists")
        | ("SelectStmt", "limit_count" | "limit_offset")
        | ("UpdateStmt" | "DeleteStmt", "where_clause")
        | ("JoinExpr", "quals") => !set,
        _ => false,
    };
    holds && outwards.all(|frame| frame.node != "FuncCall")
}

/// Whether a string that is cast to the type is the same text afterwards.
fn keeps_text(name: &[String]) -> bool {
    let (name, schema) = match name {
        [name] => (name, "pg_catalog"),
        [schema, name] => (name, schema.as_str()),
        _ => return false,
    };
    schema == "pg_catalog" && matches!(name.as_str(), "text" | "varchar" | "refcursor" | "regclass")
}

/// A constant that is an argument of a function, bare or cast.
fn constant(below: &mut [Frame], value: &str) {
    let call = below.iter_mut().rev().find(|f| f.node != "TypeCast");
    if let Some(call) = call
        && call.node == "FuncCall"
        && call.field == "args"
    {
        let index = call.arguments.saturating_sub(1);
        call.constants.push((index, value.into()));
    }
}

impl Frame {
    fn one(&self, field: &str) -> Option<String> {
        self.strings
            .iter()
            .find(|(f, s)| *f == field && !s.is_empty())
            .map(|(_, s)| s.clone())
    }

    fn qualified(&self, field: &str) -> Qualified {
        Qualified {
            parts: self
                .strings
                .iter()
                .filter(|(f, _)| *f == field)
                .map(|(_, s)| s.clone())
                .collect(),
            at: self.at,
        }
    }
}

#[cfg(test)]
mod tests;

//! What the planner makes of statements: each case is a statement and what goes upstream.
//!
//! `shown` writes a plan as one line: the edited text with `‹column›` for a cell (`‹column=›` for a comparison),
//! then parameters, then outputs; a refusal as its SQLSTATE and message.

use crate::analyse::{Analyser, Context};
use crate::catalog::{Attribute, Catalog, Names, Relation, RelationKind};
use crate::verdict::{Coercion, Literal, Output, Plan, Replacement, Seal, Statement, Verdict};
use hippocrypt_policy::{
    Access, Column, ColumnIx, ColumnRef, Database, DeclaredType, Group, GroupIx, Mask, Place,
    Protect, Rights, Table, TableRef,
};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

mod adversary;
mod deletes;
mod fields;
mod inserts;
mod params;
mod queries;
mod refusals;
mod rights;
mod updates;

/// OID of the cell domain in the test catalog.
const CELL: u32 = 16384;

struct Spec {
    name: &'static str,
    declared: DeclaredType,
    protect: Protect,
    group: Option<&'static str>,
    mask: Mask,
}

fn spec(name: &'static str, declared: DeclaredType, protect: Protect) -> Spec {
    Spec {
        name,
        declared,
        protect,
        group: None,
        mask: Mask::Full,
    }
}

fn specs() -> Vec<Spec> {
    use DeclaredType as D;
    use Protect::{Deterministic, None as Watched, Random};
    let ssn = Some("public.patients.ssn");
    let varchar = D::Varchar(Some(11));
    vec![
        spec("public.patients.name", D::Text, Random),
        Spec {
            mask: Mask::Last(4),
            group: ssn,
            ..spec("public.patients.ssn", varchar, Deterministic)
        },
        spec("public.patients.dob", D::Date, Random),
        spec("public.patients.notes", D::Text, Random),
        Spec {
            group: ssn,
            ..spec("public.claims.patient_ssn", varchar, Deterministic)
        },
        spec("public.claims.amount", D::Numeric(Some((10, 2))), Random),
        spec("public.staff.email", D::Text, Deterministic),
        spec("public.staff.title", D::Text, Watched),
        spec("public.ghost.secret", D::Text, Random),
    ]
}

const TABLES: [(&str, &str, &[&str]); 8] = [
    (
        "public",
        "patients",
        &["id", "name", "ssn", "dob", "city", "notes", "created"],
    ),
    (
        "public",
        "claims",
        &["id", "patient_ssn", "amount", "state"],
    ),
    ("public", "staff", &["id", "email", "title", "city"]),
    ("public", "visits", &["id", "patient_id", "city", "ssn"]),
    ("public", "countries", &["code", "label"]),
    ("app", "patients", &["id", "name"]),
    ("public", "patient_view", &["id", "name"]),
    ("public", "broken", &["id", "leak"]),
];

fn database() -> Database {
    let mut groups: Vec<Group> = Vec::new();
    let mut tables: BTreeMap<TableRef, Table> = BTreeMap::new();
    let mut columns = Vec::new();
    let place = Place {
        file: Arc::from("policy.yaml"),
        line: 1,
    };
    for (ix, spec) in specs().into_iter().enumerate() {
        let name = column_ref(spec.name);
        let ix = ColumnIx(u32::try_from(ix).unwrap());
        let deterministic = spec.protect == Protect::Deterministic;
        let group = (spec.protect != Protect::None).then(|| {
            let key = spec.group.unwrap_or(spec.name);
            let at = groups
                .iter()
                .position(|g| &*g.name == key)
                .unwrap_or_else(|| {
                    groups.push(Group {
                        name: Arc::from(key),
                        deterministic,
                    });
                    groups.len() - 1
                });
            GroupIx(u32::try_from(at).unwrap())
        });
        let table = tables.entry(name.table.clone()).or_insert_with(|| Table {
            name: name.table.clone(),
            subject: None,
            columns: BTreeMap::new(),
            required: Default::default(),
            changes: false,
            place: place.clone(),
        });
        table.columns.insert(Arc::clone(&name.column), ix);
        let (declared, protect, mask, place) =
            (spec.declared, spec.protect, spec.mask, place.clone());
        columns.push(Column {
            text: name.to_string().into(),
            name,
            declared,
            protect,
            mask,
            group,
            was: None,
            place,
        });
    }
    Database {
        name: Arc::from("clinic"),
        tables,
        columns,
        groups,
        trusted_functions: Vec::new(),
    }
}

fn column_ref(name: &str) -> ColumnRef {
    let parts: Vec<&str> = name.split('.').collect();
    ColumnRef {
        table: TableRef {
            schema: Arc::from(parts[0]),
            table: Arc::from(parts[1]),
        },
        column: Arc::from(parts[2]),
    }
}

fn catalog(policy: &Database) -> Catalog {
    let mut relations = HashMap::new();
    for (ix, (schema, table, columns)) in TABLES.iter().enumerate() {
        let name = TableRef {
            schema: Arc::from(*schema),
            table: Arc::from(*table),
        };
        let protected = policy.tables.get(&name);
        let is_cell = |c: &str| {
            let ix = protected.and_then(|t| t.columns.get(c));
            ix.and_then(|ix| policy.column(*ix))
                .is_some_and(|c| c.protect != Protect::None)
                || c == "leak"
        };
        let attribute = |(at, column): (usize, &&str)| Attribute {
            attnum: i16::try_from(at + 1).unwrap(),
            name: Arc::from(*column),
            type_oid: if is_cell(column) { CELL } else { 25 },
            typmod: -1,
            not_null: false,
            has_default: *column == "id" || *column == "amount",
            generated: false,
            default_cell: None,
        };
        let relation = Relation {
            oid: 20000 + u32::try_from(ix).unwrap(),
            kind: if *table == "patient_view" {
                RelationKind::View
            } else {
                RelationKind::Table
            },
            columns: columns.iter().enumerate().map(attribute).collect(),
            parents: Vec::new(),
            depends_on: if *table == "patient_view" {
                vec![20000]
            } else {
                Vec::new()
            },
            triggers: Vec::new(),
            has_rules: false,
            row_security: false,
            uneven_grants: false,
            row_policies: Vec::new(),
            definition: None,
            partition_key: Vec::new(),
            unique: Vec::new(),
            referenced_by: Vec::new(),
        };
        relations.insert((name.schema, name.table), relation);
    }
    Catalog {
        version: 1,
        cell_type: Some(CELL),
        relations,
        schemas: vec![Arc::from("public"), Arc::from("app")],
        printed_under: Vec::new(),
        ..Catalog::default()
    }
}

fn names() -> Names {
    Names {
        search_path: vec![Arc::from("public")],
        temporary: Vec::new(),
        standard_conforming_strings: true,
        ..Names::default()
    }
}

/// Everything in clear.
fn clear() -> Rights {
    Rights::new("clinical", vec![Access::Clear; specs().len()])
}

/// Everything in clear but these.
fn but(changes: &[(&str, Access)]) -> Rights {
    let access = specs().into_iter().map(|s| {
        let found = changes.iter().find(|(name, _)| *name == s.name);
        found.map_or(Access::Clear, |(_, access)| *access)
    });
    Rights::new("billing", access.collect())
}

fn analysed(sql: &str, names: &Names, rights: &Rights, declared: &[u32]) -> Vec<Statement> {
    let policy = database();
    let analyser = Analyser::new(Arc::new(catalog(&policy)), Arc::new(policy));
    let cx = Context {
        names,
        rights,
        declared_params: declared,
        outside: true,
    };
    analyser.analyse(sql, &cx).unwrap()
}

fn one(sql: &str, rights: &Rights, declared: &[u32]) -> Statement {
    let mut all = analysed(sql, &names(), rights, declared);
    assert_eq!(all.len(), 1, "{sql}");
    all.pop().unwrap()
}

fn shown(sql: &str, statement: &Statement) -> String {
    match &statement.verdict {
        Verdict::Untouched => "untouched".into(),
        Verdict::Refusal(refusal) => format!("{} {}", refusal.sqlstate, refusal.message),
        Verdict::Plan(plan) => format!("{}{}", edited(sql, statement, plan), sides(plan)),
    }
}

fn edited(sql: &str, statement: &Statement, plan: &Plan) -> String {
    let mut text = String::new();
    let mut at = statement.range.start;
    for edit in &plan.edits {
        text.push_str(&sql[at..edit.range.start]);
        match &edit.with {
            Replacement::Text(with) => text.push_str(with),
            Replacement::Cell { literal, seal } | Replacement::Argument { literal, seal, .. } => {
                let _ = write!(text, "‹{}{}›", literal_text(literal), seal_text(seal));
            }
            Replacement::Default { .. } => text.push_str("‹default›"),
            Replacement::Hash { .. } => text.push_str("‹hash›"),
            Replacement::Made(number) => text.push_str(&format!("${number}")),
            Replacement::GroupId(_) => text.push_str("‹group›"),
        }
        at = edit.range.end;
    }
    text.push_str(&sql[at..statement.range.end]);
    text
}

fn literal_text(literal: &Literal) -> String {
    match literal {
        Literal::String { value, cast: 0 } => format!("{} ", &**value),
        Literal::String { value, cast } => format!("{}::{cast} ", &**value),
        Literal::Number(value) => format!("{} ", &**value),
        Literal::Bool(value) => format!("{value} "),
        Literal::Cast { of, to } => format!("{}::{to} ", literal_text(of).trim_end()),
    }
}

fn seal_text(seal: &Seal) -> String {
    let specs = specs();
    let name = specs[seal.column.0 as usize]
        .name
        .trim_start_matches("public.");
    match seal.coercion {
        Coercion::Assign => name.to_owned(),
        Coercion::Compare => format!("{name}="),
        Coercion::Show => format!("{name}~"),
        Coercion::Both => format!("{name}=="),
    }
}

fn sides(plan: &Plan) -> String {
    let mut text = String::new();
    for (ix, param) in plan.params.iter().enumerate() {
        let seal = param
            .seal
            .as_ref()
            .map_or_else(|| "clear".into(), seal_text);
        let _ = write!(
            text,
            " | ${}: ${} {seal} {}",
            ix + 1,
            param.client + 1,
            param.oid
        );
    }
    for (ix, param) in plan.client_params.iter().enumerate() {
        let oid = param
            .oid
            .map_or_else(|| "server".into(), |oid| oid.to_string());
        let _ = write!(text, " | client ${} {oid}", ix + 1);
    }
    if let Some(outputs) = &plan.outputs {
        let outputs: Vec<String> = outputs.iter().map(output_text).collect();
        let _ = write!(text, " => {}", outputs.join(", "));
    }
    text
}

fn output_text(output: &Output) -> String {
    let Output::Cell(cell) = output else {
        return "clear".into();
    };
    let specs = specs();
    let names = cell
        .columns
        .iter()
        .map(|ix| specs[ix.0 as usize].name.trim_start_matches("public."));
    let names: Vec<&str> = names.collect();
    let mask = if cell.mask.is_some() { " masked" } else { "" };
    let cast = cell.cast.map_or_else(String::new, |to| format!(" as {to}"));
    format!(
        "{} {}/{}{mask}{cast}",
        names.join("+"),
        cell.declared.oid(),
        cell.typmod
    )
}

/// Asserts what becomes of a statement for a user who sees everything.
#[track_caller]
fn check(sql: &str, expected: &str) {
    check_as(sql, &clear(), expected);
}

#[track_caller]
fn check_as(sql: &str, rights: &Rights, expected: &str) {
    let statement = one(sql, rights, &[]);
    assert_eq!(shown(sql, &statement), expected, "\n{sql}");
}

/// Asserts that it is refused with this SQLSTATE, and that the message says this.
#[track_caller]
fn refused(sql: &str, sqlstate: &str, says: &str) {
    refused_as(sql, &clear(), sqlstate, says);
}

#[track_caller]
fn refused_as(sql: &str, rights: &Rights, sqlstate: &str, says: &str) {
    let statement = one(sql, rights, &[]);
    let text = shown(sql, &statement);
    assert!(
        text.starts_with(sqlstate) && text.contains(says),
        "\n{sql}\n{text}"
    );
    assert!(
        !text.contains("Canary"),
        "a refusal quotes a value\n{sql}\n{text}"
    );
}

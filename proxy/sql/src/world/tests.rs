//! What relation names mean. (The planner's tests look at search paths and temporary names.)

use super::{Lookup, State, World};
use crate::catalog::{Attribute, Catalog, Function, Names, Relation, RelationKind, Trigger};
use hippocrypt_policy::{
    Column, ColumnIx, ColumnRef, Database, DeclaredType, Group, GroupIx, Mask, Place, Protect,
    Table, TableRef,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const CELL: u32 = 9;

fn relation(oid: u32, columns: &[(&str, u32)]) -> Relation {
    let attribute = |(ix, (name, type_oid)): (usize, &(&str, u32))| Attribute {
        attnum: i16::try_from(ix + 1).unwrap(),
        name: Arc::from(*name),
        type_oid: *type_oid,
        typmod: -1,
        not_null: false,
        has_default: false,
        generated: false,
        default_cell: None,
    };
    Relation {
        oid,
        kind: RelationKind::Table,
        columns: columns.iter().enumerate().map(attribute).collect(),
        parents: Vec::new(),
        depends_on: Vec::new(),
        triggers: Vec::new(),
        has_rules: false,
        row_security: false,
        uneven_grants: false,
        row_policies: Vec::new(),
        definition: None,
        partition_key: Vec::new(),
        unique: Vec::new(),
        referenced_by: Vec::new(),
    }
}

fn policy() -> Database {
    let table = TableRef {
        schema: Arc::from("public"),
        table: Arc::from("patients"),
    };
    let place = Place {
        file: Arc::from("p"),
        line: 1,
    };
    let column: Arc<str> = Arc::from("name");
    Database {
        name: Arc::from("clinic"),
        tables: BTreeMap::from([(
            table.clone(),
            Table {
                name: table.clone(),
                subject: None,
                columns: BTreeMap::from([(Arc::clone(&column), ColumnIx(0))]),
                required: Default::default(),
                changes: false,
                place: place.clone(),
            },
        )]),
        columns: vec![Column {
            text: "".into(),
            name: ColumnRef { table, column },
            declared: DeclaredType::Text,
            protect: Protect::Random,
            mask: Mask::Full,
            group: Some(GroupIx(0)),
            was: None,
            place,
        }],
        groups: vec![Group {
            name: Arc::from("public.patients.name"),
            deterministic: false,
        }],
        trusted_functions: Vec::new(),
    }
}

fn world(relations: Vec<(&str, Relation)>) -> World {
    world_with(relations, Vec::new())
}

/// Functions by name, each with its body in SQL.
fn world_with(relations: Vec<(&str, Relation)>, functions: Vec<(&str, &str)>) -> World {
    let function = |(ix, (name, body)): (usize, (&str, &str))| {
        let source =
            format!("CREATE FUNCTION public.{name}() RETURNS text LANGUAGE sql AS '{body}'");
        let function = Function {
            oid: u32::try_from(ix + 100).unwrap(),
            schema: Arc::from("public"),
            language: Arc::from("sql"),
            extension: None,
            source: Some(Arc::from(source)),
            aggregate: false,
            takes_row: false,
        };
        (Arc::from(name), vec![function])
    };
    let named = |(name, r): (&str, Relation)| ((Arc::from("public"), Arc::from(name)), r);
    let catalog = Catalog {
        cell_type: Some(CELL),
        relations: relations.into_iter().map(named).collect(),
        functions: functions.into_iter().enumerate().map(function).collect(),
        schemas: vec![Arc::from("public")],
        ..Catalog::default()
    };
    World::new(Arc::new(catalog), Arc::new(policy()))
}

fn lookup<'w>(world: &'w World, name: &str) -> Lookup<'w> {
    let names = Names {
        search_path: vec![Arc::from("public")],
        ..Names::default()
    };
    world.lookup(None, name, &names)
}

#[test]
fn a_table_is_protected_only_when_every_policy_column_holds_cells() {
    let good = world(vec![(
        "patients",
        relation(1, &[("id", 23), ("name", CELL)]),
    )]);
    assert!(matches!(lookup(&good, "patients"), Lookup::Protected(t) if t.columns.len() == 2));
    assert!(matches!(lookup(&good, "visits"), Lookup::Unprotected));
    let plain = world(vec![("patients", relation(1, &[("name", 25)]))]);
    assert!(
        matches!(lookup(&plain, "patients"), Lookup::Closed { hint: Some(h), .. } if h.contains("migrate"))
    );
    let typo = world(vec![("patients", relation(1, &[("nam", CELL)]))]);
    assert!(matches!(lookup(&typo, "patients"), Lookup::Closed { .. }));
    let more = world(vec![(
        "patients",
        relation(1, &[("name", CELL), ("x", CELL)]),
    )]);
    assert!(matches!(lookup(&more, "patients"), Lookup::Closed { .. }));
    let absent = world(Vec::new());
    assert!(matches!(lookup(&absent, "patients"), Lookup::Missing(_)));
    let mut ruled = relation(1, &[("name", CELL)]);
    ruled.has_rules = true;
    assert!(matches!(
        lookup(&world(vec![("patients", ruled)]), "patients"),
        Lookup::Closed { .. }
    ));
}

#[test]
fn taint_spreads_through_views_children_and_parents() {
    let mut view = relation(2, &[("name", CELL)]);
    view.kind = RelationKind::View;
    view.depends_on = vec![1];
    let mut second = relation(3, &[("n", 25)]);
    second.depends_on = vec![2];
    let mut base = relation(1, &[("name", CELL)]);
    base.parents = vec![4];
    let parent = relation(4, &[("id", 23)]);
    let mut child = relation(5, &[("name", CELL)]);
    child.parents = vec![1];
    let stray = relation(6, &[("c", CELL)]);
    let clear = relation(7, &[("c", 25)]);
    let world = world(vec![
        ("patients", base),
        ("v", view),
        ("w", second),
        ("parent", parent),
        ("child", child),
        ("stray", stray),
        ("clear", clear),
    ]);
    assert!(matches!(lookup(&world, "w"), Lookup::Derived { .. }));
    // no column of the child can be seen through a parent that has none of them
    assert!(matches!(lookup(&world, "parent"), Lookup::Unprotected));
    assert!(
        matches!(lookup(&world, "child"), Lookup::Protected(t) if t.columns[0].protected.is_some())
    );
    for tainted in ["v", "child", "stray"] {
        assert!(
            !matches!(lookup(&world, tainted), Lookup::Unprotected),
            "{tainted}"
        );
    }
    assert!(matches!(lookup(&world, "clear"), Lookup::Unprotected));
    assert_eq!(
        world
            .tainted()
            .filter(|(_, s)| matches!(s, State::Protected(_)))
            .count(),
        2
    );
}

#[test]
fn row_security_is_judged_by_what_its_expressions_do() {
    let state = |expression: &str| {
        let mut table = relation(1, &[("id", 23), ("name", CELL)]);
        table.row_security = true;
        table.row_policies = vec![Arc::from(expression)];
        let world = world(vec![("patients", table)]);
        matches!(lookup(&world, "patients"), Lookup::Protected(_))
    };
    assert!(state("(id > 0)"));
    assert!(state("(name IS NOT NULL)"));
    assert!(state("(id = (current_setting('app.id'::text))::integer)"));
    // equal names have unlike cells: protected as random
    assert!(!state("((name)::bytea = '\\xf5e101'::bytea)"));
    assert!(!state("((name)::text = CURRENT_USER)"));
    assert!(!state("(name = "));
}

#[test]
fn triggers_of_children_are_their_parents_too() {
    let mut child = relation(5, &[("name", CELL)]);
    child.parents = vec![1];
    child.triggers = vec![Trigger {
        schema: Arc::from("public"),
        function: Arc::from("spy"),
        definition: None,
    }];
    let mut ruled = relation(6, &[("name", CELL)]);
    ruled.parents = vec![5];
    ruled.has_rules = true;
    let world = world(vec![
        ("patients", relation(1, &[("name", CELL)])),
        ("child", child),
        ("ruled", ruled),
    ]);
    assert!(matches!(lookup(&world, "patients"), Lookup::Protected(t) if t.triggers.len() == 1));
    assert!(matches!(
        lookup(&world, "ruled"),
        Lookup::Closed { reason, .. } if reason.contains("rules")
    ));
}

#[test]
fn system_names_are_never_guessed() {
    let mut policy = policy();
    let table = policy.tables.pop_first().unwrap().1;
    let name = TableRef {
        schema: Arc::from("public"),
        table: Arc::from("pg_class"),
    };
    policy.tables.insert(name, table);
    let world = World::new(Arc::new(Catalog::default()), Arc::new(policy));
    assert!(matches!(lookup(&world, "pg_class"), Lookup::Ambiguous(_)));
}

#[test]
fn truncate_cascade_empties_what_references_and_what_references_that() {
    let table = |oid, referenced_by: &[u32], parents: &[u32]| Relation {
        referenced_by: referenced_by.to_vec(),
        parents: parents.to_vec(),
        ..relation(oid, &[("id", 23)])
    };
    let parted = |oid, referenced_by: &[u32], parents: &[u32]| Relation {
        kind: RelationKind::PartitionedTable,
        ..table(oid, referenced_by, parents)
    };
    let world = world(vec![
        ("top", table(1, &[1, 2], &[])),
        ("middle", table(2, &[3, 4], &[])),
        ("cycle", table(3, &[1, 2], &[])),
        // the partition has a row of pg_constraint of its own, and is what another table references
        ("parted", parted(4, &[], &[])),
        ("part", table(5, &[6], &[4])),
        ("of_part", table(6, &[], &[])),
        ("child_of_middle", table(7, &[8], &[2])),
        ("of_child", table(8, &[], &[])),
        ("lonely", table(9, &[], &[])),
        ("patients", table(10, &[], &[4])),
    ]);
    let emptied = |oid, children| {
        let found = world.emptied_with(&[(oid, children)]).into_iter();
        found.map(|t| t.table.to_string()).collect::<Vec<_>>()
    };
    let all = ["cycle", "middle", "of_part", "parted", "patients"];
    assert_eq!(emptied(1, true), all);
    assert_eq!(
        emptied(3, true),
        ["middle", "of_part", "parted", "patients", "top"]
    );
    // children go with what is named, without ONLY
    assert_eq!(
        emptied(2, true),
        ["cycle", "of_child", "of_part", "parted", "patients", "top"]
    );
    assert_eq!(
        emptied(2, false),
        ["cycle", "of_part", "parted", "patients", "top"]
    );
    assert_eq!(emptied(5, true), ["of_part"]);
    assert_eq!(emptied(9, true), [""; 0]);
}

fn patients() -> (&'static str, Relation) {
    ("patients", relation(1, &[("id", 23), ("name", CELL)]))
}

#[test]
fn a_world_is_less_safe_where_a_function_reads_what_is_protected() {
    let of = |body| {
        world_with(
            vec![patients()],
            vec![("f", body), ("g", "SELECT public.f()")],
        )
    };
    let (quiet, told) = (of("SELECT 1"), of("SELECT name FROM patients"));
    assert!(told.is_as_safe_as(&told) && told.is_as_safe_as(&of("SELECT name FROM patients")));
    assert!(quiet.is_as_safe_as(&told));
    assert!(!told.is_as_safe_as(&quiet));
    let mut view = relation(2, &[("note", CELL)]);
    view.depends_on = vec![1];
    assert!(!world(vec![patients(), ("seen", view)]).is_as_safe_as(&world(vec![patients()])));
}

#[test]
fn a_statement_means_something_differswhere_what_it_reaches_is_another() {
    let table = |name: &str| TableRef {
        schema: Arc::from("public"),
        table: Arc::from(name),
    };
    let differs = |now: &World, before: &World, name: &str| {
        let path = [Arc::from("public"), Arc::from("app")];
        now.means_else(before, vec![table(name)], &path, true)
    };
    let with = |view_of: u32, column: &str| {
        let mut view = relation(3, &[("n", 23)]);
        view.depends_on = vec![view_of];
        world(vec![
            patients(),
            ("ward", relation(2, &[(column, 23)])),
            ("seen", view),
        ])
    };
    let (before, after) = (with(2, "bed"), with(2, "room"));
    for (named, why) in [
        ("ward", Some("a relation of one of its names")),
        ("seen", Some("a relation of one of its names")),
        ("patients", None),
        ("nowhere", None),
    ] {
        assert_eq!(differs(&after, &before, named), why, "{named}");
        assert_eq!(differs(&with(2, "bed"), &before, named), None, "{named}");
    }
    for (schema, why) in [
        ("app", Some("a schema of its search_path")),
        ("other", None),
    ] {
        let mut moved = (*before.catalog).clone();
        moved.schemas.push(Arc::from(schema));
        let moved = World::new(Arc::new(moved), Arc::new(policy()));
        assert_eq!(differs(&moved, &before, "patients"), why, "{schema}");
    }
}

#[test]
fn bodies_name_relations_however_they_are_written() {
    let world = world_with(
        vec![patients()],
        vec![
            ("f", "SELECT note FROM Ward"),
            ("g", r#"SELECT 1 FROM "so ""said""", "Hall""#),
        ],
    );
    let names = |name: &str| world.bodies_name(&[Arc::from(name)].into());
    for name in ["ward", "so \"said\"", "Hall"] {
        assert!(names(name) && names(name), "{name}");
    }
    for name in ["Ward", "war", "patients"] {
        assert!(!names(name) && !names(name), "{name}");
    }
}

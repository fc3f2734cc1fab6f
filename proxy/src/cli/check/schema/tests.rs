//! What `check` says of a schema that does not fit its policy.

use super::{Constraint, Dependent, Index, Live, compare};
use hippocrypt_policy::Policy;
use hippocrypt_sql::catalog::{Attribute, Catalog, Relation, RelationKind, Trigger};

const CELL: u32 = 90_000;
const PATIENTS: u32 = 1;
const CLAIMS: u32 = 2;

/// Lines: 4 patients, 6 name, 7 ssn, 8 zip, 9 claims, 10 patient_ssn.
const POLICY: &str = "databases:
  clinic:
    tables:
      public.patients: { subject: id, columns: {
        # the columns
        name: { type: text, protect: random },
        ssn: { type: varchar(11), protect: deterministic },
        zip: { type: text, protect: none } } }
      public.claims: { columns: {
        patient_ssn: { type: varchar(11), protect: deterministic, group: public.patients.ssn } } }
    functions: { \"audit.*\": trusted }
";

fn attribute(attnum: i16, name: &str, type_oid: u32) -> Attribute {
    Attribute {
        attnum,
        name: name.into(),
        type_oid,
        typmod: -1,
        not_null: true,
        has_default: false,
        generated: false,
        default_cell: None,
    }
}

fn relation(oid: u32, columns: Vec<Attribute>) -> Relation {
    Relation {
        oid,
        kind: RelationKind::Table,
        columns,
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

/// A database as the proxy would have made it.
fn catalog() -> Catalog {
    let mut catalog = Catalog {
        cell_type: Some(CELL),
        ..Catalog::default()
    };
    let patients = relation(
        PATIENTS,
        vec![
            attribute(1, "id", 23),
            attribute(2, "name", CELL),
            attribute(3, "ssn", CELL),
            attribute(4, "zip", 25),
        ],
    );
    let claims = relation(CLAIMS, vec![attribute(1, "patient_ssn", CELL)]);
    put(&mut catalog, "patients", patients);
    put(&mut catalog, "claims", claims);
    catalog
}

fn put(catalog: &mut Catalog, name: &str, relation: Relation) {
    catalog
        .relations
        .insert(("public".into(), name.into()), relation);
}

fn patients(catalog: &mut Catalog) -> &mut Relation {
    let key = ("public".into(), "patients".into());
    catalog.relations.get_mut(&key).unwrap()
}

fn live() -> Live {
    Live {
        encoding: "UTF8".to_string(),
        may_create: true,
        ..Live::default()
    }
}

fn found(catalog: &Catalog, live: &Live) -> Vec<String> {
    let policy = Policy::parse("p", POLICY, &|_| None).unwrap();
    let mut findings = compare("p", &policy.databases["clinic"], catalog, live);
    findings.sort_by(|a, b| a.order().cmp(&b.order()));
    findings.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn only(catalog: &Catalog, live: &Live, expected: &str) {
    let found = found(catalog, live);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(expected), "{found:#?}");
}

#[test]
fn a_database_that_the_proxy_made_is_good() {
    assert_eq!(found(&catalog(), &live()), [""; 0]);
}

#[test]
fn a_table_that_does_not_exist_is_a_warning() {
    let mut c = catalog();
    let claims = c
        .relations
        .remove(&("public".into(), "claims".into()))
        .unwrap();
    only(
        &c,
        &live(),
        "p:9: warning: table public.claims does not exist in database clinic\n    hint: CREATE TABLE through",
    );
    put(&mut c, "claim", relation(3, vec![attribute(1, "x", 25)]));
    only(
        &c,
        &live(),
        "p:9: warning: table public.claims does not exist in database clinic\n    hint: did you mean public.claim?",
    );
    c = catalog();
    put(
        &mut c,
        "claims",
        Relation {
            kind: RelationKind::View,
            ..claims
        },
    );
    only(&c, &live(), "p:9: error: public.claims is not a table");
}

#[test]
fn a_column_that_does_not_exist_is_an_error() {
    let mut c = catalog();
    patients(&mut c).columns[1].name = "names".into();
    patients(&mut c).columns[1].type_oid = 25;
    only(
        &c,
        &live(),
        "p:6: error: column public.patients.name does not exist: the table is closed to all but the DDL that adds it\n    hint: did you mean names?",
    );
}

#[test]
fn a_column_that_is_not_yet_encrypted_is_an_error() {
    let mut c = catalog();
    patients(&mut c).columns[1].type_oid = 25;
    only(
        &c,
        &live(),
        "p:6: error: column public.patients.name is not yet encrypted: it exists as text; every",
    );
    patients(&mut c).columns[1].type_oid = 600;
    let mut l = live();
    l.types.insert((PATIENTS, 2), "point".to_string());
    only(
        &c,
        &l,
        "p:6: error: column public.patients.name is not yet encrypted: it exists as point, and not as the declared text; every",
    );
}

#[test]
fn a_watched_column_has_its_declared_type() {
    let mut c = catalog();
    patients(&mut c).columns[3].type_oid = 1043;
    patients(&mut c).columns[3].typmod = 9;
    only(
        &c,
        &live(),
        "p:8: error: column public.patients.zip is declared text, but exists as varchar(5)",
    );
    patients(&mut c).columns[3].type_oid = CELL;
    only(
        &c,
        &live(),
        "p:8: error: column public.patients.zip holds cells, but the policy says protect: none",
    );
}

#[test]
fn cells_that_no_policy_names_are_errors_and_partitions_are_none() {
    let mut c = catalog();
    patients(&mut c).columns.push(attribute(5, "old", CELL));
    only(
        &c,
        &live(),
        "p:4: error: column public.patients.old holds cells, but no policy names it",
    );
    let mut c = catalog();
    put(
        &mut c,
        "stranger",
        relation(7, vec![attribute(1, "x", CELL)]),
    );
    only(
        &c,
        &live(),
        "p: error: column public.stranger.x holds cells, but no policy names it",
    );
    let mut child = relation(8, vec![attribute(1, "patient_ssn", CELL)]);
    child.parents = vec![CLAIMS];
    let mut c = catalog();
    put(&mut c, "claims_2026", child);
    assert_eq!(found(&c, &live()), [""; 0]);
}

#[test]
fn indexes_do_what_the_kind_allows() {
    let index = |unique, keys: &[i16], uses: &[i16]| {
        let mut l = live();
        l.indexes.push(Index {
            relation: PATIENTS,
            name: "i".to_string(),
            unique,
            keys: keys.to_vec(),
            uses: uses.to_vec(),
        });
        l
    };
    let c = catalog();
    only(
        &c,
        &index(true, &[2], &[]),
        "p:6: error: column public.patients.name: unique index i holds nothing",
    );
    only(
        &c,
        &index(false, &[2], &[2]),
        "p:6: warning: column public.patients.name: index i is useless",
    );
    only(
        &c,
        &index(false, &[0], &[3]),
        "p:7: warning: column public.patients.ssn: index i uses it in an expression",
    );
    assert_eq!(found(&c, &index(true, &[3], &[])), [""; 0]);
    assert_eq!(found(&c, &index(true, &[1], &[])), [""; 0]);
}

fn foreign_key(columns: &[i16], target_columns: &[i16]) -> Live {
    let mut l = live();
    l.constraints.push(Constraint {
        relation: CLAIMS,
        name: "fk".to_string(),
        foreign: true,
        columns: columns.to_vec(),
        target: PATIENTS,
        target_columns: target_columns.to_vec(),
        definition: "FOREIGN KEY …".to_string(),
    });
    l
}

#[test]
fn foreign_keys_stay_within_a_group() {
    let c = catalog();
    assert_eq!(found(&c, &foreign_key(&[1], &[3])), [""; 0]);
    only(
        &c,
        &foreign_key(&[1], &[2]),
        "p:10: error: column public.claims.patient_ssn: foreign key fk compares cells of different keys",
    );
    only(
        &c,
        &foreign_key(&[1], &[1]),
        "p:10: error: column public.claims.patient_ssn: foreign key fk",
    );
}

#[test]
fn checks_are_computed_on_cells() {
    let check = |definition: &str| {
        let mut l = live();
        l.constraints.push(Constraint {
            relation: PATIENTS,
            name: "c".to_string(),
            foreign: false,
            columns: vec![3],
            target: 0,
            target_columns: Vec::new(),
            definition: definition.to_string(),
        });
        l
    };
    only(
        &catalog(),
        &check("CHECK ((length(ssn) = 11))"),
        "p:7: warning: column public.patients.ssn: constraint c is computed by the server on the cell",
    );
    let mut other = live();
    other
        .group_ids
        .insert("public.patients.ssn".into(), "00000001".to_string());
    let group = "CHECK ((SUBSTRING((ssn)::bytea FROM 29 FOR 4) = '\\x00000001'::bytea))";
    assert_eq!(found(&catalog(), &check(group)), [""; 0]);
    let made = "CHECK ((\"substring\"((ssn)::bytea, 29, 4) = '\\x00000001'::bytea))";
    assert_eq!(found(&catalog(), &check(made)), [""; 0]);
    other.constraints = check(group).constraints;
    assert_eq!(found(&catalog(), &other), [""; 0]);
    other
        .group_ids
        .insert("public.patients.ssn".into(), "00000002".to_string());
    only(
        &catalog(),
        &other,
        "p:7: error: column public.patients.ssn: constraint c holds its cells to group id 00000001",
    );
}

#[test]
fn what_sees_cells_is_named() {
    let mut l = live();
    l.dependents.push(Dependent {
        relation: PATIENTS,
        column: 3,
        description: "rule _RETURN on view v".to_string(),
    });
    only(
        &catalog(),
        &l,
        "p:7: warning: column public.patients.ssn is used by view v: it sees cells",
    );
    l.dependents[0].description = "policy p on table patients".to_string();
    only(
        &catalog(),
        &l,
        "p:7: warning: column public.patients.ssn is used by policy p on table patients: it is computed by the server on the cell",
    );
    let mut c = catalog();
    patients(&mut c).triggers = [("audit", "log"), ("public", "f")]
        .map(|(schema, function)| Trigger {
            schema: schema.into(),
            function: function.into(),
            definition: None,
        })
        .to_vec();
    only(
        &c,
        &live(),
        "p:4: warning: table public.patients: a trigger calls public.f",
    );
    let mut c = catalog();
    patients(&mut c).has_rules = true;
    only(&c, &live(), "p:4: warning: table public.patients has rules");
    let mut c = catalog();
    patients(&mut c).columns[1].generated = true;
    only(
        &c,
        &live(),
        "p:6: error: column public.patients.name is generated",
    );
}

#[test]
fn the_subject_is_a_column_without_nulls() {
    let mut c = catalog();
    patients(&mut c).columns[0].not_null = false;
    only(
        &c,
        &live(),
        "p:4: warning: table public.patients: its subject column id may be NULL",
    );
    patients(&mut c).columns[0].name = "pid".into();
    only(
        &c,
        &live(),
        "p:4: error: table public.patients: its subject column id does not exist",
    );
    patients(&mut c).columns[0] = attribute(1, "id", 1700);
    only(
        &c,
        &live(),
        "p:4: error: table public.patients: its subject column id is of a type that tells nobody apart",
    );
}

#[test]
fn the_database_can_hold_cells() {
    let mut c = catalog();
    c.cell_type = None;
    for relation in c.relations.values_mut() {
        relation.columns.retain(|a| a.type_oid != CELL);
    }
    let first = found(&c, &live()).remove(0);
    assert!(
        first.starts_with(
            "p: warning: database clinic: the cell type hippocrypt.cell does not exist yet"
        ),
        "{first}"
    );
    let mut l = live();
    l.may_create = false;
    let first = found(&c, &l).remove(0);
    assert!(
        first.starts_with("p: error: database clinic: the cell type"),
        "{first}"
    );
    l = live();
    l.encoding = "LATIN1".to_string();
    only(
        &catalog(),
        &l,
        "p: error: database clinic: its encoding is LATIN1",
    );
}

//! What `explain` shows of a verdict, which is never a cell.

use super::names::names;
use super::page::Page;
use super::{Args, Output};
use hippocrypt_policy::{ColumnIx, Database, DeclaredType, Mask, Policy, Rights};
use hippocrypt_sql::Statement;
use hippocrypt_sql::verdict::{
    CellOutput, ClientParam, Coercion, Edit, Facts, Literal, Output as Column, Plan, Refusal,
    Replacement, Seal, Shape, Shown, Touch, UpstreamParam, Use, Verdict,
};
use std::sync::Arc;

fn args(sql: &str) -> Args {
    Args {
        config: "c.yaml".into(),
        user: "billing".to_string(),
        database: None,
        search_path: None,
        output: Output::Text,
        sql: sql.to_string(),
    }
}

fn policy() -> (Policy, Arc<Database>) {
    let text = "databases: { clinic: { tables: { public.patients: { columns: { \
                ssn: { type: varchar(11), protect: deterministic, mask: last 4 } } } } } }\n\
                roles: { billing: { users: [billing], columns: { \"*\": mask } } }\n";
    let policy = Policy::parse("p", text, &|_| None).unwrap();
    let database = Arc::clone(&policy.databases["clinic"]);
    (policy, database)
}

fn text(sql: &str, judged: Result<Vec<Statement>, Refusal>) -> String {
    let (policy, database) = policy();
    let rights: Rights = policy.rights("clinic", "billing");
    Page::of(&args(sql), &database, &rights, "public", judged).text()
}

fn statement(sql: &str, facts: Facts, verdict: Verdict) -> Statement {
    Statement {
        range: 0..sql.len(),
        facts: Arc::new(facts),
        verdict,
        beside: hippocrypt_sql::verdict::Beside::default(),
    }
}

#[test]
fn a_plan_names_columns_and_shows_no_cell() {
    let sql = "SELECT ssn FROM patients WHERE ssn IN ('900-11-0001', $1)";
    let (_, database) = policy();
    let column = database.columns[0].name.clone();
    let literal = sql.find("'900").unwrap();
    let seal = Seal {
        column: ColumnIx(0),
        coercion: Coercion::Compare,
        shape: Shape::One,
        cut: None,
        read: None,
        null_if: None,
    };
    let from = sql.find("patients").unwrap();
    let plan = Plan {
        edits: vec![
            Edit {
                range: from..from + 8,
                with: Replacement::Text("public.patients".to_string()),
            },
            Edit {
                range: literal..literal + 13,
                with: Replacement::Cell {
                    literal: Literal::Number("0".into()),
                    seal: seal.clone(),
                },
            },
        ],
        params: vec![UpstreamParam {
            client: 0,
            seal: Some(seal),
            oid: 17,
            made: None,
        }],
        client_params: vec![ClientParam { oid: Some(1043) }],
        copy: None,
        outputs: Some(vec![Column::Cell(CellOutput {
            columns: vec![ColumnIx(0)],
            declared: DeclaredType::Varchar(Some(11)),
            typmod: 15,
            mask: Some(Mask::Last(4)),
            origin: None,
            stored: true,
            given: false,
            cast: None,
        })]),
        ..Plan::default()
    };
    let touch = |usage, shown| Touch {
        column: column.clone(),
        usage,
        shown,
    };
    let facts = Facts {
        kind: "SELECT",
        touches: vec![
            touch(Use::Read, Shown::Masked),
            touch(Use::Filter, Shown::Not),
        ],
        ..Facts::default()
    };
    let expected = "\
user billing in database clinic, role billing, search_path public

1. SELECT goes on
   sent       SELECT ssn FROM public.patients WHERE ssn IN (⟨cell public.patients.ssn⟩, $1)
   sealed     the constant at position 40: sealed for public.patients.ssn, as it would be compared
   parameter  $1: sealed for public.patients.ssn, as it would be compared; the client is told varchar
   result     column 1: cells of public.patients.ssn, opened, shown masked, last 4, as varchar(11)
   touches    public.patients.ssn: read, shown masked
   touches    public.patients.ssn: decides which rows
";
    let verdict = Verdict::Plan(Arc::new(plan));
    assert_eq!(
        text(sql, Ok(vec![statement(sql, facts, verdict)])),
        expected
    );
}

#[test]
fn what_prepare_holds_is_told_as_what_execute_will_do() {
    let sql = "PREPARE p AS SELECT ssn FROM patients WHERE ssn = $1";
    let seal = Seal {
        column: ColumnIx(0),
        coercion: Coercion::Compare,
        shape: Shape::One,
        cut: None,
        read: None,
        null_if: None,
    };
    let stands = Plan {
        params: vec![UpstreamParam {
            made: None,
            client: 0,
            seal: Some(seal),
            oid: 17,
        }],
        client_params: vec![ClientParam { oid: Some(25) }],
        outputs: Some(vec![Column::Clear]),
        ..Plan::default()
    };
    let plan = Plan {
        edits: vec![Edit {
            range: 9..9,
            with: Replacement::Text("(pg_catalog.bytea)".to_string()),
        }],
        stands: Some(Arc::new(stands)),
        ..Plan::default()
    };
    let facts = Facts {
        kind: "PREPARE",
        ..Facts::default()
    };
    let verdict = Verdict::Plan(Arc::new(plan));
    let found = text(sql, Ok(vec![statement(sql, facts, verdict)]));
    let expected = "\
1. PREPARE goes on
   sent       PREPARE p(pg_catalog.bytea) AS SELECT ssn FROM patients WHERE ssn = $1
   parameter  of EXECUTE, $1: sealed for public.patients.ssn, as it would be compared; the client is told text
   result     of EXECUTE, column 1: as the server sends it
";
    assert!(found.ends_with(expected), "{found}");
}

#[test]
fn a_refusal_points_at_its_place_in_characters() {
    let sql = "SELECT 'ü',\n  lower(ssn) FROM patients";
    let refusal = Refusal {
        sqlstate: "0A000",
        message: "lower() cannot be computed on public.patients.ssn".to_string(),
        detail: None,
        hint: Some("select the column".to_string()),
        position: sql.find("lower"),
    };
    let facts = Facts {
        kind: "SELECT",
        ..Facts::default()
    };
    let expected = "\
user billing in database clinic, role billing, search_path public

1. SELECT is refused
   ERROR      0A000: lower() cannot be computed on public.patients.ssn
   HINT       select the column
              LINE 2:   lower(ssn) FROM patients
                        ^
";
    let verdict = Verdict::Refusal(Arc::new(refusal.clone()));
    let found = text(sql, Ok(vec![statement(sql, facts, verdict)]));
    assert_eq!(found, expected);
    let unparsable = text(sql, Err(refusal));
    assert!(
        unparsable.contains("1. the text is refused"),
        "{unparsable}"
    );
}

#[test]
fn what_is_untouched_says_so() {
    let facts = Facts {
        kind: "SHOW",
        ..Facts::default()
    };
    let found = text(
        "SHOW x",
        Ok(vec![statement("SHOW x", facts, Verdict::Untouched)]),
    );
    assert!(
        found.ends_with("1. SHOW goes on as it is: it touches nothing protected\n"),
        "{found}"
    );
}

#[test]
fn search_paths_split_as_postgresql_splits_them() {
    for (path, expected) in [
        ("\"$user\", public", &["dr_who", "public"][..]),
        (
            "Clinic,\"Two, \"\"x\"\"\" , pg_catalog",
            &["clinic", "Two, \"x\"", "pg_catalog"][..],
        ),
        ("", &[][..]),
        ("\"\"", &[][..]),
    ] {
        let found = names(path, "dr_who").search_path;
        let found: Vec<&str> = found.iter().map(AsRef::as_ref).collect();
        assert_eq!(found, expected, "{path}");
    }
}

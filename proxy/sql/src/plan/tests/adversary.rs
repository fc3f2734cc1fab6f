//! Names that hide one another, and rows that would show cells by a side door.

use super::{analysed, check, clear, names, refused, shown};
use std::sync::Arc;

#[test]
fn whole_rows() {
    for sql in [
        "SELECT p FROM patients p",
        "SELECT patients FROM patients",
        "SELECT p::text FROM patients p",
        "SELECT count(p) FROM patients p",
        "SELECT count(p.*) FROM patients p",
        "SELECT (p).ssn FROM patients p",
        "SELECT (p).* FROM patients p",
        "SELECT ROW(p.*) FROM patients p",
        "SELECT to_jsonb(p) FROM patients p",
        "SELECT ssn(p) FROM patients p",
        "SELECT s FROM (SELECT ssn FROM patients) s",
        "SELECT q FROM (SELECT 1) x, LATERAL (SELECT ssn FROM patients) q",
        "SELECT 1 FROM patients p WHERE p IS NOT NULL",
        "SELECT DISTINCT p FROM patients p",
        "SELECT array_agg(p) FROM patients p",
        "SELECT 1 FROM patients p, patients q WHERE p = q",
        "WITH w AS (SELECT * FROM patients) SELECT w FROM w",
        "DELETE FROM patients RETURNING patients",
        "INSERT INTO patients (id) VALUES (1) RETURNING to_json(patients)",
    ] {
        refused(sql, "0A000", "whole row");
    }
}

#[test]
fn names_that_hide() {
    // a CTE hides the table
    check(
        "WITH patients AS (SELECT 1 AS name) SELECT name FROM patients WHERE name = 2",
        "WITH patients AS (SELECT 1 AS name) SELECT name FROM patients WHERE name = 2",
    );
    // but not within itself, and not for the target
    check(
        "WITH patients AS (SELECT name FROM patients) SELECT name FROM patients",
        "WITH patients AS (SELECT name FROM \"public\".patients) SELECT name FROM patients => patients.name 25/-1",
    );
    check(
        "WITH patients AS (SELECT 1 AS x) UPDATE patients SET name = 'a' FROM patients p WHERE p.x = patients.id",
        "WITH patients AS (SELECT 1 AS x) UPDATE \"public\".patients SET name = ‹a patients.name› FROM patients p WHERE p.x = patients.id",
    );
    // WITH RECURSIVE: a later CTE hides it already
    refused(
        "WITH RECURSIVE a AS (SELECT * FROM patients), patients AS (SELECT 1) SELECT * FROM a",
        "0A000",
        "later one",
    );
    // an alias hides another table's name
    check(
        "SELECT patients.city FROM visits AS patients, patients AS v WHERE v.ssn = 'a'",
        "SELECT patients.city FROM visits AS patients, \"public\".patients AS v WHERE v.ssn = ‹a patients.ssn=›",
    );
    // the innermost level wins
    check(
        "SELECT 1 FROM patients p WHERE EXISTS (SELECT 1 FROM visits WHERE ssn = 'a')",
        "SELECT 1 FROM \"public\".patients p WHERE EXISTS (SELECT 1 FROM visits WHERE ssn = 'a')",
    );
    check(
        "SELECT 1 FROM visits v WHERE EXISTS (SELECT 1 FROM patients WHERE ssn = 'a')",
        "SELECT 1 FROM visits v WHERE EXISTS (SELECT 1 FROM \"public\".patients WHERE ssn = ‹a patients.ssn=›)",
    );
    // unknown columns in between could hide it
    refused(
        "SELECT 1 FROM patients p WHERE EXISTS (SELECT 1 FROM pg_stat_activity WHERE ssn = 'Canary')",
        "42702",
        "ssn",
    );
    check("SELECT 1 FROM app.patients WHERE name = 'a'", "untouched");
    check(
        "SELECT 1 FROM app.patients a, patients WHERE a.name = 'a'",
        "SELECT 1 FROM app.patients a, \"public\".patients WHERE a.name = 'a'",
    );
}

#[test]
fn columns_that_hide() {
    // renamed columns keep what they are
    refused(
        "SELECT 1 FROM patients AS p(a, b) WHERE b = 'Canary'",
        "0A000",
        "patients.name",
    );
    refused(
        "SELECT 1 FROM (SELECT name AS city FROM patients) s WHERE city = 'Canary'",
        "0A000",
        "patients.name",
    );
    refused(
        "SELECT 1 FROM (patients p JOIN visits v ON true) AS j(a, b) WHERE b = 'Canary'",
        "0A000",
        "patients.name",
    );
    refused(
        "SELECT x FROM (VALUES ((SELECT name FROM patients)), ('Canary')) v(x) ORDER BY x",
        "0A000",
        "patients.name",
    );
    refused(
        "SELECT (SELECT ssn FROM patients) > 'Canary'",
        "0A000",
        "patients.ssn",
    );
    refused(
        "SELECT 1 WHERE (SELECT name FROM patients) = 'Canary'",
        "0A000",
        "patients.name",
    );
    refused(
        "WITH x AS (UPDATE patients SET id = 1 RETURNING name AS n) SELECT upper(n) FROM x",
        "0A000",
        "patients.name",
    );
    refused(
        "SELECT u FROM patients CROSS JOIN LATERAL (SELECT upper(patients.name) AS u) l",
        "0A000",
        "patients.name",
    );
    refused(
        "UPDATE visits SET city = n FROM (SELECT name AS n FROM patients) s",
        "0A000",
        "unprotected",
    );
    refused(
        "DELETE FROM visits RETURNING (SELECT upper(name) FROM patients)",
        "0A000",
        "patients.name",
    );
    refused(
        "WITH RECURSIVE r AS (SELECT name FROM patients UNION ALL SELECT notes FROM r, patients) SELECT 1",
        "0A000",
        "recursive query",
    );
    refused(
        "WITH RECURSIVE r(n) AS (SELECT 'Canary' UNION ALL SELECT name FROM patients, r) SELECT 1",
        "0A000",
        "",
    );
}

#[test]
fn one_value_on_both_sides() {
    check(
        "SELECT v.s FROM (VALUES ('Canary')) v(s) JOIN patients p ON p.ssn = v.s",
        "SELECT v.s FROM (VALUES (‹Canary::25 patients.ssn=›)) v(s) JOIN \"public\".patients p ON p.ssn = v.s => patients.ssn 25/-1",
    );
    refused(
        "SELECT 1 FROM (VALUES ('Canary')) v(s), patients p WHERE p.city = v.s AND p.ssn = v.s",
        "0A000",
        "both for an encrypted column",
    );
}

#[test]
fn search_path_and_temporary_names() {
    let sql = "SELECT 1 FROM patients WHERE name = 'Canary'";
    let run = |path: &[&str], temporary: &[&str]| {
        let mut names = names();
        names.search_path = path.iter().map(|s| Arc::from(*s)).collect();
        names.temporary = temporary.iter().map(|s| Arc::from(*s)).collect();
        let statements = analysed(sql, &names, &clear(), &[]);
        shown(sql, &statements[0])
    };
    assert_eq!(run(&["app", "public"], &[]), "untouched");
    assert!(run(&["nowhere", "public"], &[]).starts_with("0A000"));
    assert!(run(&["nowhere"], &[]).starts_with("42P01"));
    assert_eq!(run(&["public"], &["patients"]), "untouched");
    assert!(run(&["public", "pg_temp"], &["patients"]).starts_with("0A000"));
}

#[test]
fn texts_that_are_hard_to_edit() {
    check(
        "SELECT id FROM patients WHERE/* 'x' */ssn='a'-- end\n'b'",
        "SELECT id FROM \"public\".patients WHERE/* 'x' */ssn=‹ab patients.ssn=›",
    );
    check(
        "SELECT id FROM patients WHERE ssn IN('a')AND id=1;",
        "SELECT id FROM \"public\".patients WHERE ssn IN(‹a patients.ssn=›)AND id=1",
    );
    check(
        "SELECT CASE WHEN id=1 THEN'a'ELSE ssn END FROM patients",
        "SELECT CASE WHEN id=1 THEN ‹a patients.ssn=› ELSE ssn END FROM \"public\".patients => patients.ssn 1043/-1",
    );
    check(
        "SELECT \"name\" FROM \"public\" . \"patients\" \"P q\" WHERE \"P q\".\"ssn\" = ('a')",
        "SELECT \"name\" FROM \"public\" . \"patients\" \"P q\" WHERE \"P q\".\"ssn\" = (‹a patients.ssn=›) => patients.name 25/-1",
    );
    check(
        "/* ünï */ SELECT id FROM patients WHERE city = 'é' AND ssn = 'ø'",
        "SELECT id FROM \"public\".patients WHERE city = 'é' AND ssn = ‹ø patients.ssn=›",
    );
    let sql = "BEGIN; SELECT 1 ; DELETE FROM patients WHERE ssn = 'a' ; COMMIT";
    let all = analysed(sql, &names(), &clear(), &[]);
    assert_eq!(all.len(), 4);
    assert_eq!(
        &sql[all[2].range.clone()],
        "DELETE FROM patients WHERE ssn = 'a'"
    );
    assert_eq!(
        shown(sql, &all[2]),
        "DELETE FROM \"public\".patients WHERE ssn = ‹a patients.ssn=›"
    );
}

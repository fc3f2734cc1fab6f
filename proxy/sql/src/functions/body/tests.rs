//! What a function's body names, and which bodies cannot be read.

use super::*;

fn plpgsql(body: &str) -> Result<Body, Unreadable> {
    read(&format!(
        "CREATE FUNCTION public.f(a integer) RETURNS trigger LANGUAGE plpgsql AS $function$ {body} $function$"
    ))
}

fn sql(body: &str) -> Result<Body, Unreadable> {
    read(&format!(
        "CREATE FUNCTION public.f(a integer) RETURNS integer LANGUAGE sql AS $function$ {body} $function$"
    ))
}

#[test]
fn every_name_of_a_body_is_found() {
    let body = plpgsql(
        "DECLARE r record := (SELECT p FROM Patients p); x text; BEGIN FOR r IN SELECT * FROM \"Odd \"\"one\" LOOP x := total(r.a) ||| 'patients2'; END LOOP; RETURN NEW; END",
    )
    .unwrap();
    for name in ["patients", "Odd \"one", "total"] {
        assert!(body.names.contains(name), "{name}");
    }
    assert!(body.operators.contains("|||"));
    assert!(!body.names.contains("patients2") && !body.whole_row);
}

#[test]
fn names_are_folded_and_cut_as_the_server_does() {
    let long = "x".repeat(70);
    let text = format!("BEGIN PERFORM Ärzte, \"Quoted\", {long}, $a$patients$a$, U; END");
    let names = plpgsql(&text).unwrap().names;
    for name in ["Ärzte", "ärzte", "Quoted", &long[..63], "u"] {
        assert!(names.contains(name), "{name}");
    }
    assert!(!names.contains(&long) && !names.contains("patients"));
}

#[test]
fn every_operator_of_a_body_is_found() {
    let body = sql("SELECT a = b, c != d, e <= f, g + h, i LIKE j, k #>> l, -m").unwrap();
    for operator in ["=", "<>", "<=", "+", "#>>", "-"] {
        assert!(body.operators.contains(operator), "{operator}");
    }
}

#[test]
fn statements_that_run_others_or_change_names_are_refused() {
    for body in [
        "BEGIN EXECUTE 'SELECT 1'; END",
        "BEGIN FOR r IN EXECUTE q LOOP NULL; END LOOP; END",
        "BEGIN OPEN c FOR EXECUTE q; END",
        "BEGIN RETURN QUERY EXECUTE q; END",
        "BEGIN SET search_path = x; END",
        "BEGIN IF true THEN CREATE TEMP TABLE patients (a int); END IF; END",
        "BEGIN LOOP COPY a TO 'b'; END LOOP; END",
        "BEGIN <<l>> TRUNCATE a; END",
        "BEGIN FETCH c INTO r; END",
        "BEGIN NULL; EXCEPTION WHEN others THEN CALL p(); END",
        "BEGIN a := '\\'; END",
        "BEGIN a := U&\"x\"; END",
        "BEGIN RETURN QUERY FETCH ALL FROM c; END",
        "BEGIN RETURN QUERY SHOW search_path; END",
        "BEGIN FOR r IN FETCH ALL FROM c LOOP NULL; END LOOP; END",
        "BEGIN OPEN k FOR FETCH ALL FROM c; END",
        "DECLARE k CURSOR IS FETCH ALL FROM c; BEGIN OPEN k; END",
        "DECLARE k NO SCROLL CURSOR (a int) FOR FETCH ALL FROM c; BEGIN OPEN k; END",
        "BEGIN\r-- a comment that ends here\rEXECUTE q; END",
        "BEGIN /* /* */ EXECUTE */ IF a THEN /* */ EXECUTE/**/q; END IF; END",
        "BEGIN PERFORM pg_temp.f(); END",
        "BEGIN a := E'\\''; EXECUTE q; END",
        "BEGIN a := 'x\\'; b := ', patients, --'; END",
        "#variable_conflict use_column\nBEGIN EXECUTE q; END",
        "#print_strict_params on\nBEGIN <<a>>BEGIN COMMIT; END; END",
        "BEGIN CASE a WHEN 1 THEN SET ROLE x; END CASE; END",
        "BEGIN FOREACH a IN ARRAY b LOOP LOCK TABLE t; END LOOP; END",
    ] {
        assert!(plpgsql(body).is_err(), "{body}");
    }
    for body in [
        "SELECT 1; DROP TABLE a",
        "SELECT 1 INTO a",
        "EXPLAIN SELECT 1",
    ] {
        assert!(sql(body).is_err(), "{body}");
    }
    assert!(read("CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS 'x'").is_err());
    assert!(sql("UPDATE a SET b = 1; INSERT INTO c VALUES (1); SELECT 1").is_ok());
    assert!(read("DO $$ BEGIN PERFORM 1; END $$").is_ok());
    assert!(read("CREATE FUNCTION f() RETURNS int RETURN 1").is_ok());
    assert!(
        read("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; DROP TABLE a; END").is_err()
    );
}

#[test]
fn rows_of_a_trigger() {
    let body = plpgsql(
        "BEGIN NEW.updated_at = now(); IF NEW.name IS NULL AND OLD.dob IS NOT NULL THEN RETURN COALESCE(NEW, OLD); END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END",
    )
    .unwrap();
    assert_eq!(body.row_columns, BTreeSet::from(["updated_at".to_owned()]));
    assert!(!body.whole_row);
    for whole in [
        "BEGIN INSERT INTO log VALUES (row_to_json(NEW)); RETURN NEW; END",
        "BEGIN IF NEW.* IS DISTINCT FROM OLD.* THEN RETURN NEW; END IF; END",
        "BEGIN r := OLD; RETURN NEW; END",
        "BEGIN RETURN NEW || 1; END",
        "BEGIN RETURN COALESCE(NEW, r, OLD); END",
    ] {
        assert!(plpgsql(whole).unwrap().whole_row, "{whole}");
    }
}

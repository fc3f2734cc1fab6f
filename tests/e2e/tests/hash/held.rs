//! Statements that hold others: PREPARE with parameters, EXPLAIN and DECLARE that are bound.

use super::*;

#[test]
fn prepare_takes_a_parameter_more_and_execute_fills_it() {
    let place = place();
    let mut app = place.raw("app");
    let mut twin = place.raw_twin("app");
    run(&mut twin, TABLE);
    for sql in [
        "PREPARE i AS INSERT INTO people (id, ssn, dob) VALUES ($1, $2, $3)",
        "PREPARE t(int, varchar(11), date) AS INSERT INTO people (dob, id, ssn) VALUES ($3, $1, $2), ('1984-07-30', $1 + 1, $2)",
        "PREPARE a(int[], text[], date[]) AS INSERT INTO people (id, ssn, dob) SELECT * FROM unnest($1, $2, $3)",
        "PREPARE u AS UPDATE people SET ssn = $1, dob = $2 WHERE id = $3",
        "PREPARE f AS SELECT id, ssn, dob FROM people WHERE ssn = $1 AND dob = $2",
        "PREPARE l(text, date) AS SELECT id FROM people WHERE (ssn, dob) IN (($1, $2), ('900-hash-1', '1984-07-30'))",
        "EXECUTE i(1, '900-hash-1', '1984-07-30')",
        "EXECUTE i(2, NULL, '1984-07-30')",
        "EXECUTE i(3, '900-hash-2', 'July 31, 1984')",
        "EXECUTE t(4, '900-hash-1', '1984-07-31'::date)",
        "EXECUTE a('{6,7,8}', '{900-hash-1,NULL,900-hash-3}', '{1984-07-30,1984-07-30}')",
        "EXECUTE f('900-hash-1', '1984-07-30')",
        "EXECUTE f(NULL, '1984-07-30')",
        "EXECUTE u('900-hash-2', '1984-07-31', 1)",
        "EXECUTE f('900-hash-2', '1984-07-31')",
        "EXECUTE l('900-hash-2', '1984-07-31')",
        "EXECUTE i(9, '900-hash-1')",
        "EXECUTE i(9, '900-hash-1', '1984-02-31')",
        "EXECUTE u('900-hash-123456789', '1984-07-31', 1)",
    ] {
        let (ours, theirs) = (app.query(sql), twin.query(sql));
        assert_eq!(sqlstate(&ours), sqlstate(&theirs), "{sql}: {ours:?}");
        let (mut ours, mut theirs) = (rows(&ours), rows(&theirs));
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{sql}");
        assert_true(&mut app, sql);
    }
    // what is no constant has no hash
    assert_eq!(
        code(&mut app, "EXECUTE i(9, 'a' || 'b', '1984-07-30')").as_deref(),
        Some("0A000")
    );
    // and by the protocol, with the plan that EXECUTE has
    let text = bound(
        &mut app,
        "EXECUTE i(10, '900-hash-1', '1984-07-30')",
        &[],
        0,
    );
    assert_eq!(sqlstate(&text), None);
    let explained = run(
        &mut app,
        "EXPLAIN ANALYZE EXECUTE f('900-hash-1', '1984-07-30')",
    );
    assert!(!format!("{:?}", rows(&explained)).contains("f5e1"));
    assert_true(&mut app, "EXECUTE");
    place.assert_hidden("900-hash-");
}

#[test]
fn explain_and_declare_are_bound() {
    let place = place();
    let mut app = place.raw("app");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30'), (2, '900-hash-2', '1984-07-30')",
    );
    let values: [Option<&[u8]>; 2] = [Some(b"900-hash-1"), Some(b"1984-07-30")];
    for sql in [
        "EXPLAIN SELECT id FROM people WHERE ssn = $1 AND dob = $2",
        "EXPLAIN ANALYZE UPDATE people SET ssn = $1, dob = $2 WHERE id = 2",
    ] {
        let answer = bound(&mut app, sql, &values, 0);
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
        assert!(!format!("{:?}", rows(&answer)).contains("f5e1"), "{sql}");
    }
    assert_true(&mut app, "EXPLAIN ANALYZE");
    let found = rows(&run(&mut app, "SELECT id, match FROM people ORDER BY id"));
    assert_eq!(found[0][1], found[1][1]);
    run(&mut app, "BEGIN");
    let declare = "DECLARE c CURSOR FOR SELECT id, match FROM people WHERE dob = $2 AND ssn = $1";
    let answer = bound(&mut app, declare, &values, 0);
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    let mut fetched = rows(&run(&mut app, "FETCH ALL FROM c"));
    fetched.sort();
    assert_eq!(fetched, found);
    run(&mut app, "COMMIT");
    // without a Bind there is no such parameter, as PostgreSQL says
    let simple = "SELECT id FROM people WHERE ssn = $1 AND dob = $2";
    assert_eq!(code(&mut app, simple).as_deref(), Some("42P02"));
    place.assert_hidden("900-hash-1");
}

//! Rows are found by the values that their hash is of, as on a plain table.

use super::*;

/// What `wide` holds, with values that are equal and written differently.
const WIDE: &str = "INSERT INTO wide (id, code, cost, n, at) VALUES
  (1, 'ab', 1.5, 7, '2024-02-29 12:34:56.789+02'), (2, 'ab   ', '1.50', '7', '2024-02-29 10:34:56.7894+00'),
  (3, 'ab', 1.5, 8, '2024-02-29 12:34:56.789+02'), (4, 'abc', -0.005, 0, 'infinity'), (5, NULL, 1, 1, 'epoch'),
  (6, '', 0, -1, '-infinity'), (7, 'ab', 1.5, NULL, '2024-02-29 12:34:56.789+02')";

/// Every condition finds the rows that it finds on a plain table, with literals, and with parameters in text.
#[test]
fn rows_are_looked_up_by_their_values_as_on_a_plain_table() {
    let place = place();
    let table = "CREATE TABLE wide (id int PRIMARY KEY, code char(5), cost numeric(10,2), n int, at timestamptz(3), all_ text)";
    let mut twin = place.raw_twin("app");
    let mut app = place.raw("app");
    for client in [&mut app, &mut twin] {
        run(client, table);
        run(client, WIDE);
    }
    let mut found = 0;
    for (code, cost, n, at) in [
        ("'ab'", "1.5", "7", "'2024-02-29 12:34:56.789+02'"),
        ("'ab '", "1.500", "7", "'2024-02-29 10:34:56.789+00'"),
        (
            "'ab'::char(5)",
            "'1.5'",
            "'7'",
            "'2024-02-29 10:34:56.789+00'::timestamptz",
        ),
        ("'ab'", "1.501", "7", "'2024-02-29 12:34:56.789+02'"),
        ("'ab'", "1.5", "7.0", "'2024-02-29 12:34:56.7891+02'"),
        ("'ab'", "1.5", "7.5", "'2024-02-29 12:34:56.789+02'"),
        ("'ab'", "1.5", "8", "'2024-02-29 12:34:56.789+02'"),
        ("'abc'", "-0.01", "0", "'infinity'"),
        ("'abcdefgh'", "-0.01", "0", "'infinity'"),
        ("''", "0", "-1", "'-infinity'"),
        ("'  '", "0", "'-1'", "'-infinity'"),
        ("NULL", "1", "1", "'epoch'"),
        ("'ab'", "1.5", "NULL", "'2024-02-29 12:34:56.789+02'"),
        (
            "'ab'",
            "99999999999999",
            "7",
            "'2024-02-29 12:34:56.789+02'",
        ),
        ("'ab'", "1.5", "3000000000", "'2024-02-29 12:34:56.789+02'"),
    ] {
        for condition in [
            format!("code = {code} AND cost = {cost} AND n = {n} AND at = {at}"),
            format!("({at} = at AND {n} = n) AND (id > 0 AND cost = {cost}) AND code = {code}"),
            format!("(at, n) = ({at}, {n}) AND (code, cost) = ({code}, {cost})"),
            format!(
                "EXISTS (SELECT 1 FROM wide w WHERE w.id = wide.id AND w.code = {code} AND w.cost = {cost} AND w.n = {n} AND w.at = {at})"
            ),
        ] {
            let sql = format!("SELECT id FROM wide WHERE {condition} ORDER BY id");
            let (ours, theirs) = (app.query(&sql), twin.query(&sql));
            assert_eq!(raw::comparable(&ours), raw::comparable(&theirs), "{sql}");
            found += rows(&ours).len();
        }
    }
    assert!(found > 30, "{found}");
    let sql =
        "SELECT id FROM wide WHERE code = $1 AND cost = $2 AND n = $3 AND at = $4 ORDER BY id";
    let seen = Some(&b"2024-02-29 12:34:56.789+02"[..]);
    let two = Some(&b"1.50"[..]);
    for values in [
        [Some(&b"ab"[..]), two, Some(b"7"), seen],
        [Some(b"ab   "), Some(b"1.5"), Some(b" 7"), seen],
        [Some(b"ab"), two, None, seen],
        [None, two, Some(b"7"), seen],
        [Some(b"ax"), two, Some(b"7"), seen],
        [Some(b"ab"), two, Some(b"x"), seen],
    ] {
        let (ours, theirs) = (
            bound(&mut app, sql, &values, 0),
            bound(&mut twin, sql, &values, 0),
        );
        assert_eq!(sqlstate(&ours), sqlstate(&theirs), "{values:?}");
        assert_eq!(rows(&ours), rows(&theirs), "{values:?}");
    }
    place.tap.forget();
    run(
        &mut app,
        "SELECT id FROM wide WHERE code = 'quagg' AND cost = 31.41 AND n = 2718 AND at = '2001-02-03 04:05:06+00'",
    );
    for clear in ["quagg", "31.41", "2718", "2001-02-03"] {
        assert!(
            !place.tap.saw(clear.as_bytes()),
            "{clear} went to the database"
        );
    }
}

/// UPDATE and DELETE too, by those who may compare all of it.
#[test]
fn lookups_are_for_whole_conditions_and_clear_rights() {
    let place = place();
    let mut app = place.raw("app");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob, name) VALUES (1, '900-hash-1', '1984-07-30', 'a'), (2, '900-hash-2', '1984-07-30', 'b'), (3, '900-hash-1', NULL, 'c')",
    );
    run(
        &mut app,
        "UPDATE people p SET name = 'found' FROM people q WHERE q.id = p.id AND p.ssn = '900-hash-1' AND p.dob = '1984-07-30'",
    );
    let values: [Option<&[u8]>; 2] = [Some(b"900-hash-2"), Some(&(-5633_i32).to_be_bytes())];
    let delete = "DELETE FROM people WHERE dob = $2 AND ssn = $1 RETURNING name";
    let gone = bound(&mut app, delete, &values, 1);
    assert_eq!(rows(&gone), [[Some("b".to_owned())]]);
    // the values of a lookup that are in no text upstream go as cells, and none in clear
    let twice = "SELECT id FROM people WHERE ssn = $1 AND dob = $2";
    for value in ["900-hash-1", "900-hash-0"] {
        let values: [Option<&[u8]>; 2] = [Some(value.as_bytes()), Some(b"1984-07-30")];
        assert_eq!(sqlstate(&bound(&mut app, twice, &values, 0)), None);
    }
    let left = run(&mut app, "SELECT id, name FROM people ORDER BY id");
    let of = |id: &str, name: &str| [id, name].map(|s| Some(s.to_owned()));
    assert_eq!(rows(&left), [of("1", "found"), of("3", "c")]);
    let whole = "SELECT id FROM people WHERE ssn = '900-hash-1' AND dob = '1984-07-30'";
    assert_eq!(rows(&run(&mut app, whole)), [[Some("1".to_owned())]]);
    for user in ["billing", "guest"] {
        assert_eq!(
            code(&mut place.raw(user), whole).as_deref(),
            Some("0A000"),
            "{user}"
        );
    }
    run(
        &mut app,
        "CREATE VIEW seen AS SELECT id, ssn, dob, match FROM people",
    );
    for sql in [
        "SELECT id FROM people WHERE ssn = '900-hash-1'",
        "SELECT id FROM people WHERE ssn = '900-hash-1' AND dob <> '1984-07-30'",
        "SELECT id FROM people WHERE (ssn = '900-hash-1' AND dob = '1984-07-30') OR id = 3",
        "SELECT id FROM people WHERE NOT (ssn = '900-hash-1' AND dob = '1984-07-30')",
        "SELECT id FROM people WHERE (ssn = '900-hash-1' AND dob = '1984-07-30') IS NOT TRUE",
        "SELECT ssn = '900-hash-1' AND dob = '1984-07-30' FROM people",
        "SELECT id FROM people WHERE ssn = name AND dob = '1984-07-30'",
        "SELECT p.id FROM people p, people q WHERE p.ssn = '900-hash-1' AND q.dob = '1984-07-30'",
        "SELECT p.id FROM people p JOIN people q ON p.ssn = '900-hash-1' AND p.dob = '1984-07-30'",
        "SELECT id FROM seen WHERE ssn = '900-hash-1' AND dob = '1984-07-30'",
        "SELECT id FROM (SELECT * FROM people) p WHERE ssn = '900-hash-1' AND dob = '1984-07-30'",
        "PREPARE p AS SELECT id FROM people WHERE ssn = '900-hash-1' AND dob = '1984-07-30'",
    ] {
        assert!(code(&mut app, sql).is_some(), "{sql}");
    }
    place.assert_hidden("900-hash-1");
    place.assert_hidden("900-hash-0");
}

/// In statements that hold others the literals are as good as in the statement itself, and no cell is shown.
#[test]
fn lookups_by_literals_are_kept_in_cursors_views_and_plans() {
    let place = place();
    let mut app = place.raw("app");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30'), (2, '900-hash-2', '1984-07-30')",
    );
    let query = "SELECT id, match FROM people WHERE ssn = '900-hash-1' AND dob = '1984-07-30'";
    let found = rows(&run(&mut app, query));
    assert_eq!(found.len(), 1);
    run(&mut app, "BEGIN");
    run(&mut app, &format!("DECLARE c CURSOR FOR {query}"));
    assert_eq!(rows(&run(&mut app, "FETCH ALL FROM c")), found);
    run(&mut app, "COMMIT");
    run(&mut app, &format!("CREATE VIEW one_person AS {query}"));
    assert_eq!(
        rows(&run(&mut app, "SELECT id, match FROM one_person")),
        found
    );
    let insert = "INSERT INTO people (id, ssn, dob) VALUES (3, '900-hash-3', '1984-07-30')";
    for sql in [query, insert] {
        for options in ["", "ANALYZE", "(VERBOSE, FORMAT JSON)"] {
            let answer = run(&mut app, &format!("EXPLAIN {options} {sql}"));
            let shown = format!("{:?}", rows(&answer));
            assert!(!shown.contains("f5e1"), "{shown}");
            run(&mut app, "DELETE FROM people WHERE id = 3");
        }
    }
    place.assert_hidden("900-hash-1");
}

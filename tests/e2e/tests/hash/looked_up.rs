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
        "SELECT id FROM wide WHERE code = 'quagg' AND cost = 31.41 AND n = 271828182 AND at = '2001-02-03 04:05:06+00'",
    );
    for clear in ["quagg", "31.41", "271828182", "2001-02-03"] {
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
        "CREATE VIEW two AS SELECT p.id, p.ssn, q.dob, p.match FROM people p, people q",
    );
    run(
        &mut app,
        "CREATE VIEW shown AS SELECT id, COALESCE(ssn, ssn) AS ssn, dob, match FROM people",
    );
    run(
        &mut app,
        "CREATE VIEW hidden AS SELECT id, ssn, dob FROM people",
    );
    for sql in [
        "SELECT id FROM people WHERE ssn = '900-hash-1'",
        "SELECT id FROM people WHERE ssn = '900-hash-1' AND dob <> '1984-07-30'",
        "SELECT id FROM people WHERE NOT (ssn = '900-hash-1' AND dob = '1984-07-30')",
        "SELECT id FROM people WHERE (ssn = '900-hash-1' AND dob = '1984-07-30') IS NOT TRUE",
        "SELECT ssn = '900-hash-1' AND dob = '1984-07-30' FROM people",
        "SELECT id FROM people WHERE ssn = name AND dob = '1984-07-30'",
        "SELECT p.id FROM people p, people q WHERE p.ssn = '900-hash-1' AND q.dob = '1984-07-30'",
        "SELECT id FROM people WHERE (ssn, dob) NOT IN (('900-hash-1', '1984-07-30'))",
        "SELECT id FROM people WHERE (ssn, dob) IN (('900-hash-1', dob))",
        "SELECT id FROM people WHERE NOT (ssn, dob) IN (('900-hash-1', '1984-07-30'))",
        "SELECT id FROM people WHERE (ssn = '900-hash-1' OR id = 1) AND dob = '1984-07-30'",
        "SELECT CASE WHEN ssn = '900-hash-1' AND dob = '1984-07-30' THEN 1 END FROM people",
        "SELECT p.id FROM people p JOIN people q ON p.ssn = '900-hash-1' AND q.dob = '1984-07-30'",
        "SELECT j.id FROM (people p JOIN people q ON p.id = q.id) AS j (id, ssn, match, d, n, i, s, m, dob, n2) WHERE j.ssn = '900-hash-1' AND j.dob = '1984-07-30'",
        "SELECT id FROM two WHERE ssn = '900-hash-1' AND dob = '1984-07-30'",
        "SELECT id FROM shown WHERE ssn = '900-hash-1' AND dob = '1984-07-30'",
        "SELECT id FROM hidden WHERE ssn = '900-hash-1' AND dob = '1984-07-30'",
        "SELECT v.* FROM people p JOIN (VALUES ('900-hash-1', '1984-07-30'::date)) v(s, d) ON p.ssn = v.s AND p.dob = v.d",
        "SELECT q.x FROM (SELECT v.* FROM people p JOIN (VALUES ('900-hash-1', '1984-07-30'::date, 1)) v(s, d, x) ON p.ssn = v.s AND p.dob = v.d) q",
        "SELECT j.c FROM ((VALUES ('900-hash-1', '1984-07-30'::date)) v(s, d) JOIN people p ON p.ssn = v.s AND p.dob = v.d) AS j (a, b, c)",
        "SELECT p.id FROM people p JOIN (SELECT * FROM (VALUES ('900-hash-1', '1984-07-30'::date)) v(s, d)) v ON p.ssn = v.s AND p.dob = v.d",
        "SELECT id FROM (SELECT * FROM people) p WHERE ssn = '900-hash-1' AND dob = '1984-07-30'",
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

/// ON, OR, lists, joins by names alone, simple views, and columns of rows that the statement brings.
#[test]
fn lookups_elsewhere_find_what_a_plain_table_has() {
    let place = place();
    let mut app = place.raw("app");
    let mut twin = place.raw_twin("app");
    run(&mut twin, TABLE);
    for client in [&mut app, &mut twin] {
        run(
            client,
            "INSERT INTO people (id, ssn, dob, name) VALUES (1, '900-hash-1', '1984-07-30', 'a'), (2, '900-hash-2', '1984-07-30', 'b'), (3, '900-hash-1', NULL, 'c'), (4, NULL, '1984-07-30', 'd'), (5, '900-hash-1', '1984-07-30', 'e'), (6, '900-hash-1', '1984-07-31', 'f')",
        );
        run(client, "CREATE TABLE plain (id int, name text)");
        run(
            client,
            "INSERT INTO plain VALUES (1, 'one'), (2, 'two'), (3, 'three')",
        );
        run(
            client,
            "CREATE VIEW seen AS SELECT id, ssn, dob, match FROM people",
        );
        run(
            client,
            "CREATE VIEW renamed (m, d, s, i) AS SELECT match, dob, ssn, id FROM people WHERE id < 6",
        );
        run(
            client,
            "CREATE VIEW over AS SELECT i, s, d, m FROM renamed WHERE i > 0",
        );
    }
    let values: [Option<&[u8]>; 4] = [
        Some(b"900-hash-1"),
        Some(b"1984-07-30"),
        Some(b"900-hash-2"),
        Some(b"1984-07-31"),
    ];
    let none: [Option<&[u8]>; 4] = [None, Some(b"1984-07-30"), Some(b"900-hash-0"), None];
    let mut found = 0;
    for (condition, from) in [
        ("ssn = $1 AND dob = $2 OR id = 3", "people"),
        (
            "(ssn = $1 AND dob = $2) OR (dob = $4 AND ssn = $3) OR (ssn, dob) = ($1, $4)",
            "people",
        ),
        (
            "id > 0 AND (ssn = $1 AND dob = $2 OR ssn = $3 AND dob = $2)",
            "people",
        ),
        ("(ssn, dob) IN (($1, $2))", "people"),
        (
            "(ssn, dob) IN (($1, $2), ($3, $2), ('900-hash-1', $4), (NULL, $2))",
            "people",
        ),
        ("(dob, id, ssn) IN (($2, 1, $1), ($2, id, $3))", "people"),
        (
            "(name, ssn, dob) IN (('a', $1, $2), ('x', $3, $2)) AND id < $5",
            "people",
        ),
        ("ssn = '900-hash-1' AND dob = $2", "people"),
        ("ssn = $1 AND dob = '1984-07-30'", "seen"),
        ("d = $2 AND s = $1", "renamed"),
        ("o.s = $1 AND d = $2", "over o"),
        ("(s, d) IN (($1, $2), ($3, $2))", "over"),
        ("ssn = $1 AND dob = $2", "plain q JOIN people p USING (id)"),
        (
            "p.ssn = $1 AND dob = $2",
            "plain q RIGHT JOIN people p ON p.id = q.id",
        ),
        ("true", "plain q JOIN people p ON p.ssn = $1 AND p.dob = $2"),
        (
            "true",
            "plain q LEFT JOIN people p ON p.ssn = $1 AND p.dob = $2 AND p.id = q.id",
        ),
        (
            "q.id = 1 OR p.id = 5",
            "plain q FULL JOIN people p ON q.id = p.id",
        ),
        (
            "true",
            "people p JOIN unnest(ARRAY[1, 2]) WITH ORDINALITY o(n, i) ON p.id = n AND ssn = $1 AND dob = $2",
        ),
        (
            "true",
            "people p JOIN (VALUES ($1, $2::date), ($3, $4), (NULL, NULL)) AS v(s, d) ON p.ssn = v.s AND v.d = p.dob",
        ),
        (
            "true",
            "(VALUES ($1, $2::date, 7), ($3, $4, 8)) v LEFT JOIN people p ON (p.dob, p.ssn) = (v.column2, column1)",
        ),
        (
            "p.ssn = v.s AND p.dob = '1984-07-30'",
            "people p, (VALUES ($1), ($3)) v(s)",
        ),
        (
            "p.ssn = '900-hash-1' AND p.dob = v.d",
            "people p, (VALUES ($2::date), ($4)) v(d)",
        ),
        (
            "EXISTS (SELECT 1 FROM people r WHERE r.id = p.id AND (r.ssn, r.dob) IN (($1, $2)))",
            "people p",
        ),
    ] {
        let condition = condition.replace("$5", "9");
        let sql = format!("SELECT count(*), min(name), max(name) FROM {from} WHERE {condition}");
        let sql = match from.contains("seen") || from.contains("renamed") || from.contains("over") {
            true => format!("SELECT count(*) FROM {from} WHERE {condition}"),
            false => sql.replace("min(name), max(name)", "min(p.id), max(p.id)"),
        };
        let sql = match from {
            "people" => sql.replace("p.id", "id"),
            _ => sql,
        };
        for values in [&values, &none] {
            // every one has its type from a use of it
            let typed = "EXISTS (SELECT 1 FROM people t WHERE t.id = 0 AND ((t.ssn, t.dob) IN (($1, $2), ($3, $4))))";
            let sql = format!("{sql} AND NOT {typed}");
            let ours = bound(&mut app, &sql, values, 0);
            let theirs = bound(&mut twin, &sql, values, 0);
            assert_eq!(sqlstate(&ours), None, "{sql}: {ours:?}");
            assert_eq!(raw::comparable(&ours), raw::comparable(&theirs), "{sql}");
            let count = rows(&ours)[0][0].clone().unwrap();
            found += count.parse::<usize>().unwrap();
        }
    }
    assert!(found > 40, "{found}");
    // by arrays, which is how many are looked up at once
    let ssns: &[u8] = b"{900-hash-1,900-hash-2,NULL}";
    let dobs: &[u8] = b"{1984-07-30,1984-07-30,1984-07-30}";
    let sql = "SELECT p.id, u.n FROM unnest($1::text[], $2::date[], '{7,8,9}'::int[]) AS u(s, d, n) JOIN people p ON p.ssn = u.s AND p.dob = u.d ORDER BY 1";
    let (ours, theirs) = (
        bound(&mut app, sql, &[Some(ssns), Some(dobs)], 0),
        bound(&mut twin, sql, &[Some(ssns), Some(dobs)], 0),
    );
    assert_eq!(raw::comparable(&ours), raw::comparable(&theirs));
    assert_eq!(rows(&ours).len(), 3);
    place.assert_hidden("900-hash-");
    place.assert_hidden("1984-07-30");
}

/// A hash of one column finds its values in lists and arrays.
#[test]
fn one_column_is_looked_up_in_lists() {
    let policy = "
databases:
  DATABASE:
    tables:
      public.people:
        columns:
          ssn: { type: varchar(11), protect: random }
          one: { protect: hash, of: [ssn] }
default: clear
";
    let place = Setup::policy(policy).start();
    let (mut app, mut twin) = (place.raw("app"), place.raw_twin("app"));
    for client in [&mut app, &mut twin] {
        run(
            client,
            "CREATE TABLE people (id int, ssn varchar(11), one text)",
        );
        run(
            client,
            "INSERT INTO people (id, ssn) VALUES (1, '900-hash-1'), (2, '900-hash-2'), (3, NULL)",
        );
    }
    for sql in [
        "SELECT id FROM people WHERE ssn IN ('900-hash-1', '900-hash-2', NULL) ORDER BY id",
        "SELECT id FROM people WHERE ssn IN ('900-hash-1') OR id = 3 ORDER BY id",
        "SELECT id FROM people WHERE ssn = ANY ('{900-hash-1,NULL,x}') ORDER BY id",
        "SELECT id FROM people WHERE ssn = ANY ('{}'::text[]) ORDER BY id",
    ] {
        let (ours, theirs) = (app.query(sql), twin.query(sql));
        assert_eq!(raw::comparable(&ours), raw::comparable(&theirs), "{sql}");
    }
    for (sql, values) in [
        (
            "SELECT id FROM people WHERE ssn IN ($1, $2) ORDER BY id",
            [Some(&b"900-hash-1"[..]), None],
        ),
        (
            "SELECT id FROM people WHERE ssn IN ($1, $2) ORDER BY id",
            [Some(b"x"), Some(b"900-hash-2")],
        ),
        (
            "SELECT id FROM people WHERE ssn = ANY ($1) AND $2::text IS NOT NULL ORDER BY id",
            [Some(b"{900-hash-1,900-hash-2}"), Some(b"x")],
        ),
        (
            "SELECT id FROM people WHERE ssn = ANY ($1) AND $2::text IS NOT NULL ORDER BY id",
            [None, Some(b"x")],
        ),
        (
            "UPDATE people SET ssn = $2 WHERE ssn = $1 RETURNING id",
            [Some(b"900-hash-1"), Some(b"900-hash-2")],
        ),
    ] {
        let (ours, theirs) = (
            bound(&mut app, sql, &values, 0),
            bound(&mut twin, sql, &values, 0),
        );
        assert_eq!(raw::comparable(&ours), raw::comparable(&theirs), "{sql}");
    }
    place.assert_hidden("900-hash-");
}

//! Rows that come from SELECT, VALUES, unnest, an upsert, MERGE or WITH have the hash of their values.

use super::*;

/// Statements on both databases, each with its parameters as text: the rows are the twin's, and their hashes true.
fn alike(place: &Place, statements: &[(&str, &[Option<&str>])]) {
    let mut app = place.raw("app");
    let mut twin = place.raw_twin("app");
    for client in [&mut app, &mut twin] {
        if client.query("SELECT 1 FROM people").len() < 3 {
            run(client, TABLE);
        }
        run(client, "CREATE TABLE plain (id int, name text)");
        run(client, "INSERT INTO plain VALUES (1, 'one'), (2, 'two')");
        run(
            client,
            "INSERT INTO people (id, ssn, dob, name) VALUES (1, '900-hash-1', '1984-07-30', 'a'), (2, '900-hash-2', '1984-07-30', 'b')",
        );
    }
    for (sql, values) in statements {
        let values: Vec<_> = values.iter().map(|v| v.map(str::as_bytes)).collect();
        let (ours, theirs) = match values.is_empty() {
            true => (app.query(sql), twin.query(sql)),
            false => (
                bound(&mut app, sql, &values, 0),
                bound(&mut twin, sql, &values, 0),
            ),
        };
        assert_eq!(sqlstate(&ours), None, "{sql}: {ours:?}");
        assert_eq!(raw::comparable(&ours), raw::comparable(&theirs), "{sql}");
        let all = "SELECT id, ssn, dob, name FROM people ORDER BY id, ssn, dob, name";
        let unordered = "SELECT id, ssn, dob, name FROM people";
        let mut ours = rows(&run(&mut app, unordered));
        let mut theirs = rows(&run(&mut twin, all));
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "{sql}");
        assert_true(&mut app, sql);
    }
    place.assert_hidden("900-hash-");
    place.assert_hidden("1984-07-30");
}

const SSNS: Option<&str> = Some("{900-hash-1,NULL,\"900-hash-3\"}");
const DOBS: Option<&str> = Some("{1984-07-30,1984-07-31}");
const SSN: Option<&str> = Some("900-hash-9");
const DOB: Option<&str> = Some("1984-07-29");

#[test]
fn insert_of_a_select() {
    let place = place();
    alike(
        &place,
        &[
            (
                "INSERT INTO people (id, ssn, dob) SELECT 11, '900-hash-1', '1984-07-30'",
                &[],
            ),
            (
                "INSERT INTO people (id, ssn, dob) SELECT q.id + 20, $1, '1984-07-30' FROM plain q WHERE q.id > 0",
                &[SSN],
            ),
            (
                "INSERT INTO people (id, ssn, dob, name) SELECT 31, $1, $2, 'x' RETURNING id, ssn",
                &[SSN, DOB],
            ),
            (
                "INSERT INTO people (id, ssn, dob) SELECT * FROM UNNEST(($1)::int[], ($2)::varchar(11)[], ($3)::date[]) RETURNING id, ssn",
                &[Some("{41,42,43}"), SSNS, DOBS],
            ),
            (
                "INSERT INTO people (ssn, id, dob) SELECT u.s, u.i, u.d FROM unnest($1::int[], $2::text[], '{July 30 1984,NULL}'::date[]) AS u(i, s, d) WHERE u.i <> 52",
                &[Some("{51,52,53}"), SSNS],
            ),
            (
                "INSERT INTO people (id, ssn, dob) SELECT u.i, '900-hash-1', u.d FROM unnest('{61,62}'::int[], '{1984-07-30,1984-07-31}'::date[]) u(i, d)",
                &[],
            ),
            (
                "INSERT INTO people (id, ssn, dob) SELECT u.i, $2, u.d FROM plain q LEFT JOIN unnest($1::int[], $3::date[]) u(i, d) ON u.i = q.id + 70 WHERE u.i IS NOT NULL",
                &[Some("{71,72}"), SSN, DOBS],
            ),
            (
                "INSERT INTO people (id, ssn, dob) SELECT v.column1, v.column2, v.column3 FROM (VALUES (81, '900-hash-1', $1::date), (82, $2, NULL)) v",
                &[DOB, SSN],
            ),
            (
                "INSERT INTO people (id, ssn, dob) SELECT * FROM (VALUES (91, '900-hash-1', '1984-07-30'::date), (92, '900-hash-2', '1984-07-30')) AS v (a, b) ORDER BY 1",
                &[],
            ),
            (
                "INSERT INTO people (id, ssn, dob) VALUES (101, $1, '1984-07-30'), (102, '900-hash-1', $2), (103, $1, $2), (104, '900-hash-1', '1984-07-30'), (105, $1, NULL)",
                &[SSN, DOB],
            ),
        ],
    );
}

/// Arrays as Django, psycopg and asyncpg send them.
#[test]
fn arrays_in_binary_have_the_hashes_of_their_elements() {
    let place = place();
    let mut app = place.raw("app");
    let array = |oid: u32, values: &[Option<&[u8]>]| {
        let mut out = Vec::new();
        let nulls = u32::from(values.iter().any(Option::is_none));
        for word in [1, nulls, oid, u32::try_from(values.len()).unwrap(), 1] {
            out.extend(word.to_be_bytes());
        }
        for value in values {
            match value {
                None => out.extend((-1_i32).to_be_bytes()),
                Some(value) => {
                    out.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                    out.extend(*value);
                }
            }
        }
        out
    };
    let (one, two) = (1_i32.to_be_bytes(), 2_i32.to_be_bytes());
    let dob = (-5633_i32).to_be_bytes();
    let ids = array(23, &[Some(&one), Some(&two)]);
    let ssns = array(25, &[Some(b"900-hash-1"), Some(b"900-hash-2")]);
    let dobs = array(1082, &[Some(&dob), None]);
    let sql =
        "INSERT INTO people (id, ssn, dob) SELECT * FROM unnest($1::int[], $2::text[], $3::date[])";
    let values: [Option<&[u8]>; 3] = [Some(&ids), Some(&ssns), Some(&dobs)];
    assert_eq!(sqlstate(&bound(&mut app, sql, &values, 1)), None);
    assert_eq!(tokens(&mut app).iter().filter(|t| t.is_some()).count(), 1);
    assert_true(&mut app, sql);
    let null: [Option<&[u8]>; 3] = [None, Some(&ssns), None];
    run(&mut app, "DELETE FROM people");
    let bad = bound(&mut app, sql, &null, 1);
    assert_eq!(sqlstate(&bad).as_deref(), Some("23502"), "no id");
    // what no element of the column's type is, is refused as for the column
    let wrong = array(1082, &[Some(b"xx")]);
    let values: [Option<&[u8]>; 3] = [Some(&ids), Some(&ssns), Some(&wrong)];
    assert!(sqlstate(&bound(&mut app, sql, &values, 1)).is_some());
}

#[test]
fn upserts() {
    let place = place();
    let mut app = place.raw("app");
    run(&mut app, "CREATE UNIQUE INDEX one ON people (match)");
    run(
        &mut place.raw_twin("app"),
        &format!("{TABLE}; CREATE UNIQUE INDEX one ON people (ssn, dob)"),
    );
    let mut twin = place.raw_twin("app");
    let proposed = "DO UPDATE SET ssn = excluded.ssn, dob = excluded.dob, name = 'again' RETURNING id, ssn, dob, name";
    let insert = "INSERT INTO people (id, ssn, dob, name) VALUES";
    for (values, by, other) in [
        ("(1, '900-hash-1', '1984-07-30', 'x')", "(id)", "(id)"),
        ("(1, '900-hash-2', '1984-07-31', 'x')", "(id)", "(id)"),
        (
            "(2, '900-hash-2', '1984-07-31', 'x')",
            "(match)",
            "(ssn, dob)",
        ),
        (
            "(3, '900-hash-1', '1984-07-30', 'x'), (4, NULL, '1984-07-30', 'y')",
            "(match)",
            "(ssn, dob)",
        ),
        ("(3, NULL, '1984-07-30', 'x')", "(id)", "(id)"),
    ] {
        let ours = app.query(&format!("{insert} {values} ON CONFLICT {by} {proposed}"));
        let theirs = twin.query(&format!("{insert} {values} ON CONFLICT {other} {proposed}"));
        assert_eq!(raw::comparable(&ours), raw::comparable(&theirs), "{values}");
        assert_true(&mut app, values);
    }
    let sql = "INSERT INTO people (id, ssn, dob) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET dob = $5, ssn = $4 WHERE people.id > 0";
    for id in [b"1", b"1", b"9", b"9"] {
        let other = [b"900-hash-0".as_slice(), id].concat();
        let values: [Option<&[u8]>; 5] = [
            Some(id),
            Some(b"900-hash-5"),
            Some(b"1984-07-30"),
            Some(&other),
            Some(b"1984-07-31"),
        ];
        assert_eq!(sqlstate(&bound(&mut app, sql, &values, 0)), None);
        assert_true(&mut app, sql);
    }
    place.assert_hidden("900-hash-");
}

#[test]
fn merges_and_updates_from_rows() {
    let place = place();
    alike(
        &place,
        &[
            (
                "MERGE INTO people p USING (VALUES ($1::int, $2, $3::date), (12, '900-hash-1', NULL)) AS v (id, ssn, dob) ON p.id = v.id WHEN MATCHED THEN UPDATE SET ssn = v.ssn, dob = v.dob WHEN NOT MATCHED THEN INSERT (id, ssn, dob) VALUES (v.id, v.ssn, v.dob)",
                &[Some("1"), SSN, DOB],
            ),
            (
                "MERGE INTO people p USING (VALUES (1, '900-hash-3', '1984-07-30'::date), (13, '900-hash-1', '1984-07-30')) AS v ON p.id = v.column1 WHEN MATCHED THEN UPDATE SET (dob, ssn) = (v.column3, v.column2), name = 'z' WHEN NOT MATCHED THEN INSERT (dob, id, ssn) VALUES (v.column3, v.column1, v.column2)",
                &[],
            ),
            (
                "MERGE INTO people p USING plain q ON p.id = q.id WHEN MATCHED AND q.id = 2 THEN UPDATE SET ssn = $1, dob = '1984-07-30' WHEN MATCHED THEN DELETE",
                &[SSN],
            ),
            (
                "MERGE INTO people p USING plain q ON p.id = q.id WHEN NOT MATCHED THEN INSERT VALUES (q.id, '900-hash-1')",
                &[],
            ),
            (
                "UPDATE people p SET ssn = v.s, dob = v.d FROM (VALUES (1, $1, $2::date), (2, $1, NULL)) v(i, s, d) WHERE p.id = v.i",
                &[SSN, DOB],
            ),
            (
                "UPDATE people p SET (ssn, dob) = (u.s, u.d) FROM unnest($1::int[], $2::text[], $3::date[]) u(i, s, d) JOIN plain q ON q.id = u.i WHERE p.id = u.i",
                &[Some("{1,2}"), SSNS, DOBS],
            ),
            (
                "UPDATE people p SET ssn = '900-hash-4', dob = u.d FROM unnest('{1,2}'::int[], $1::date[]) u(i, d) WHERE p.id = u.i",
                &[DOBS],
            ),
            (
                "MERGE INTO people p USING (VALUES ($1, $2::date, 'met', 21), ('900-hash-8', '1984-07-30', 'new', 22), ('900-hash-1', '1984-07-30', 'one', 23)) AS v (s, d, n, i) ON p.ssn = v.s AND p.dob = v.d WHEN MATCHED THEN UPDATE SET name = v.n WHEN NOT MATCHED THEN INSERT (id, ssn, dob, name) VALUES (v.i, v.s, v.d, v.n)",
                &[SSN, DOB],
            ),
            (
                "UPDATE people p SET name = v.n FROM (VALUES ('900-hash-8', '1984-07-30'::date, 'found'), ($1, $2, 'found too')) v(s, d, n) WHERE p.ssn = v.s AND v.d = p.dob",
                &[SSN, DOB],
            ),
            (
                "UPDATE people p SET ssn = v.new, dob = v.d FROM (VALUES ('900-hash-8', '1984-07-30'::date, '900-hash-7')) v(s, d, new) WHERE (p.ssn, p.dob) = (v.s, v.d)",
                &[],
            ),
            (
                "DELETE FROM people p USING unnest($1::text[], $2::date[]) u(s, d) WHERE p.ssn = u.s AND p.dob = u.d",
                &[Some("{900-hash-7}"), Some("{1984-07-30}")],
            ),
            (
                "WITH w AS (UPDATE people SET ssn = $1, dob = '1984-07-30' WHERE id = $2 RETURNING id), i AS (INSERT INTO people (id, ssn, dob) VALUES (14, $1, $3) RETURNING id) SELECT w.id, i.id FROM w, i",
                &[SSN, Some("1"), DOB],
            ),
            (
                "WITH w AS (INSERT INTO people (id, ssn, dob) VALUES (15, '900-hash-1', '1984-07-30') RETURNING id) UPDATE people SET ssn = '900-hash-5', dob = '1984-07-30' WHERE id = 2",
                &[],
            ),
        ],
    );
}

/// A literal is read as it was parsed, whatever DateStyle is when the parameters come.
#[test]
fn literals_beside_parameters_are_read_where_they_are_parsed() {
    let place = place();
    let mut app = place.raw("app");
    run(&mut app, "SET DateStyle TO 'ISO, DMY'");
    let insert = "INSERT INTO people (id, ssn, dob) VALUES ($1, $2, '02/03/1984')";
    app.pipeline(&[raw::parse("p", insert, &[]), raw::sync()]);
    assert_eq!(sqlstate(&app.until_ready()), None);
    run(
        &mut app,
        "PREPARE s(int, varchar) AS INSERT INTO people (id, ssn, dob) VALUES ($1, $2, '02/03/1984')",
    );
    run(&mut app, "SET DateStyle TO 'ISO, MDY'");
    let values: [Option<&[u8]>; 2] = [Some(b"1"), Some(b"900-hash-1")];
    app.pipeline(&[
        raw::bind("", "p", &values, 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    assert_eq!(sqlstate(&app.until_ready()), None);
    run(&mut app, "EXECUTE s(2, '900-hash-1')");
    let dobs = rows(&run(&mut app, "SELECT dob FROM people"));
    assert_eq!(
        dobs,
        [
            [Some("1984-03-02".to_owned())],
            [Some("1984-03-02".to_owned())]
        ]
    );
    assert_true(&mut app, insert);
    place.assert_hidden("900-hash-1");
}

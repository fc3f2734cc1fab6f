//! Whatever would leave a hash behind its parts is refused, and so is a table where that could happen.

use super::*;

#[test]
fn what_would_leave_it_behind_is_refused() {
    let place = place();
    let mut app = place.raw("app");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30')",
    );
    run(&mut app, "CREATE TABLE plain (id int, name text)");
    run(
        &mut app,
        "CREATE VIEW partial AS SELECT id, ssn, dob FROM people",
    );
    let before = tokens(&mut app);
    for (sql, state) in [
        ("INSERT INTO people (id, match) VALUES (2, 'h1:')", "428C9"),
        ("INSERT INTO people (id, match) VALUES (2, NULL)", "428C9"),
        (
            "INSERT INTO people (id, ssn, dob, match) SELECT 2, ssn, dob, match FROM people",
            "428C9",
        ),
        (
            "INSERT INTO people (id, ssn, dob) SELECT 2, ssn, dob FROM people",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) VALUES (2, COALESCE(NULL, 'a'), '2000-01-01')",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) VALUES (2, (SELECT ssn FROM people), '2000-01-01')",
            "0A000",
        ),
        (
            "INSERT INTO partial (id, ssn, dob) VALUES (2, 'a', '2000-01-01')",
            "0A000",
        ),
        ("INSERT INTO partial (id, ssn) VALUES (2, 'a')", "0A000"),
        (
            "INSERT INTO people (id, ssn, dob) VALUES (1, 'a', '2000-01-01') ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn",
            "0A000",
        ),
        ("UPDATE people SET ssn = 'a'", "0A000"),
        ("UPDATE people SET ssn = DEFAULT", "0A000"),
        ("UPDATE people SET ssn = 'a', dob = dob", "0A000"),
        (
            "UPDATE people SET (ssn, dob) = (SELECT ssn, dob FROM people)",
            "0A000",
        ),
        ("UPDATE people SET match = NULL", "428C9"),
        ("UPDATE people SET match = match", "428C9"),
        ("UPDATE people SET match = DEFAULT", "428C9"),
        (
            "UPDATE people SET match = DEFAULT, ssn = 'a', dob = '2000-01-01'",
            "428C9",
        ),
        ("UPDATE partial SET ssn = 'a', dob = '2000-01-01'", "0A000"),
        ("COPY people FROM STDIN", "428C9"),
        ("COPY people (id, match) FROM STDIN", "428C9"),
        (
            "INSERT INTO people (id, ssn, dob) SELECT 2, s.s, '2000-01-01' FROM plain q LEFT JOIN (SELECT 'a'::text AS s) s ON false",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) SELECT 2, a, b FROM unnest('{a}'::text[]) a, unnest('{2000-01-01}'::date[]) b",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) SELECT u.i, u.s, u.d FROM unnest('{2}'::int[], '{a}'::text[], '{2000-01-01}'::date[]) u(i, s, d) GROUP BY 1, 2, 3",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) SELECT s.i, s.s, s.d FROM (SELECT * FROM unnest('{2}'::int[], '{a}'::text[], '{2000-01-01}'::date[]) u(i, s, d)) s",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) SELECT 2, v.a, s.b FROM (VALUES ('a', '2000-01-01'::date)) v(a, b), LATERAL (SELECT v.b) s(b)",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) SELECT 2, 'a', '2000-01-01' UNION ALL SELECT 3, 'b', '2000-01-01'",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) VALUES (1, 'a', '2000-01-01') ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn, dob = '2000-01-02'",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) VALUES (1, 'a', '2000-01-01') ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn, dob = people.dob",
            "0A000",
        ),
        (
            "MERGE INTO people p USING plain q ON p.id = q.id WHEN MATCHED THEN UPDATE SET ssn = 'a'",
            "0A000",
        ),
        (
            "MERGE INTO people p USING people q ON p.id = q.id WHEN MATCHED THEN UPDATE SET ssn = q.ssn, dob = q.dob",
            "0A000",
        ),
        (
            "MERGE INTO people p USING people q ON p.id = q.id + 1 WHEN NOT MATCHED THEN INSERT (id, ssn, dob) VALUES (2, q.ssn, q.dob)",
            "0A000",
        ),
        (
            "MERGE INTO people p USING plain q ON p.id = q.id WHEN NOT MATCHED THEN INSERT (id, match) VALUES (2, 'h1:')",
            "428C9",
        ),
        (
            "UPDATE people p SET ssn = v.a, dob = w.b FROM (VALUES ('a')) v(a), (VALUES ('2000-01-01'::date)) w(b)",
            "0A000",
        ),
        (
            "WITH w AS (UPDATE people SET ssn = 'a' RETURNING id) SELECT * FROM w",
            "0A000",
        ),
        ("ALTER TABLE people ALTER match SET DEFAULT 'x'", "0A000"),
        ("ALTER TABLE people ALTER ssn SET DEFAULT 'x'", "0A000"),
        ("ALTER TABLE people ADD COLUMN ssn varchar(11)", "42701"),
        ("SELECT match || 'x' FROM people", "0A000"),
        ("SELECT max(match) FROM people", "0A000"),
        ("SELECT match FROM people ORDER BY match", "0A000"),
        ("SELECT id FROM people WHERE match LIKE 'h1%'", "0A000"),
        ("SELECT id FROM people WHERE match = name", "0A000"),
        ("SELECT id FROM people WHERE match = ssn", "0A000"),
        ("SELECT id FROM people WHERE match = 'not a token'", "22023"),
        ("SELECT COALESCE(match, 'none') FROM people", "22023"),
    ] {
        assert_eq!(code(&mut app, sql).as_deref(), Some(state), "{sql}");
    }
    for sql in [
        "INSERT INTO people (id, ssn, dob) VALUES (2, $1, $2::text::date)",
        "INSERT INTO people (id, ssn, dob) VALUES (2, $1 || 'x', $2)",
    ] {
        let answer = bound(&mut app, sql, &[Some(b"a"), Some(b"2000-01-01")], 0);
        assert_eq!(sqlstate(&answer).as_deref(), Some("0A000"), "{sql}");
    }
    assert_eq!(tokens(&mut app), before, "nothing of it was done");
    // what leaves a part out has no hash
    run(
        &mut app,
        "INSERT INTO people (id, ssn) VALUES (2, 'b'), (3, 'b')",
    );
    run(&mut app, "INSERT INTO people (id, ssn) SELECT 4, 'b'");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, match) VALUES (5, 'b', DEFAULT)",
    );
    assert_eq!(tokens(&mut app)[1..], [None, None, None, None]);
}

#[test]
fn tables_whose_hash_could_not_be_kept_are_not_made() {
    let place = Setup::policy(POLICY).start();
    let mut app = place.raw("app");
    run(&mut app, "CREATE TABLE other (ssn text PRIMARY KEY)");
    for sql in [
        "CREATE TABLE people (id int, ssn varchar(11) DEFAULT 'x', match text, dob date, name text)",
        "CREATE TABLE people (id int, ssn varchar(11), match text DEFAULT 'x', dob date, name text)",
        "CREATE TABLE people (id int, ssn varchar(11), match text GENERATED ALWAYS AS ('x') STORED, dob date, name text)",
        "CREATE TABLE people (id int, ssn varchar(11), match varchar(20), dob date, name text)",
    ] {
        assert!(code(&mut app, sql).is_some(), "{sql}");
    }
    // nor used, where someone else has made such a table
    run(&mut app, TABLE);
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, 'a', '2000-01-01')",
    );
    let thief = place.thief();
    sql::rows(
        &thief,
        "ALTER TABLE people ALTER ssn SET DEFAULT '\\x00'::bytea",
    )
    .unwrap();
    run(&mut app, "CREATE TABLE another (id int)");
    let insert = "INSERT INTO people (id, dob) VALUES (2, '2000-01-01')";
    assert_eq!(
        code(&mut app, insert).as_deref(),
        Some("0A000"),
        "the table is closed"
    );
}

/// A trigger could empty a part, or put one row's into another's.
#[test]
fn a_trigger_that_changes_a_part_closes_the_way() {
    let place = place();
    let mut app = place.raw("app");
    run(&mut app, "CREATE TABLE plain (id int)");
    for (name, body) in [
        ("empties", "NEW.ssn := NULL; RETURN NEW;"),
        ("copies", "NEW.ssn := NEW.name; RETURN NEW;"),
        ("selects", "SELECT NULL INTO NEW.dob; RETURN NEW;"),
        ("rehashes", "NEW.match := OLD.match; RETURN NEW;"),
    ] {
        let function = format!(
            "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {body} END'"
        );
        run(&mut app, &function);
        let trigger = format!(
            "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION {name}()"
        );
        sql::rows(&place.thief(), &trigger).unwrap();
        run(&mut app, &format!("CREATE TABLE seen_{name} (id int)"));
        for sql in [
            "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30')",
            "UPDATE people SET ssn = '900-hash-1', dob = '1984-07-30'",
        ] {
            assert_eq!(
                code(&mut app, sql).as_deref(),
                Some("0A000"),
                "{name}: {sql}"
            );
        }
        sql::rows(&place.thief(), "DROP TRIGGER t ON people").unwrap();
        run(&mut app, &format!("DROP TABLE seen_{name}"));
    }
}

/// Another `of` is another hash: what there was does not pass for it.
#[test]
fn another_definition_has_other_keys() {
    let mut place = place();
    run(
        &mut place.raw("app"),
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30')",
    );
    place.proxy.signal("KILL");
    place.proxy.wait(std::time::Duration::from_secs(10));
    let policy = place.directory().join("policy.yaml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let other = text.replace("of: [ssn, dob]", "of: [dob, ssn]");
    assert_ne!(text, other);
    std::fs::write(&policy, other).unwrap();
    let refused = place.verb(&["serve"]).output().unwrap();
    assert!(!refused.status.success());
    let told = sql::told(&refused);
    assert!(told.contains("public.people.match"), "{told}");
    sql::succeed(&mut place.verb(&["keys", "sync"]));
    place.proxy = hippocrypt_e2e::Proxy::serve(&place.config());
    let mut app = place.raw("app");
    assert_eq!(
        code(&mut app, "SELECT match FROM people").as_deref(),
        Some("XX001")
    );
    assert_eq!(
        code(
            &mut app,
            "INSERT INTO people (id, ssn, dob) VALUES (2, '900-hash-1', '1984-07-30')"
        )
        .as_deref(),
        Some("23514")
    );
}

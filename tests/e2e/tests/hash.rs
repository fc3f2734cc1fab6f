//! `protect: hash`: a column that the proxy fills with a one-way cell of other columns' values together.
//!
//! Whatever leaves a hash behind its parts is refused: a test here tries each way of writing a row.

use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{self, Message, Raw, rows, sqlstate};
use hippocrypt_e2e::{Setup, sql};

const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.people:
        columns:
          ssn:   { type: varchar(11), protect: random }
          dob:   { type: date,        protect: random }
          name:  { type: text,        protect: deterministic }
          match: { protect: hash, of: [ssn, dob] }
      public.wide:
        columns:
          code: { type: char(5),             protect: random }
          cost: { type: "numeric(10,2)",     protect: random }
          n:    { type: int4,                protect: deterministic }
          at:   { type: timestamptz(3),      protect: random }
          all_: { protect: hash, of: [code, cost, n, at] }
roles:
  clinical: { users: [app], columns: { "*": clear } }
  billing:  { users: [billing], columns: { public.people.match: mask, "*": clear } }
  guests:   { users: [guest], columns: { public.people.match: deny, "*": clear } }
"#;

const TABLE: &str =
    "CREATE TABLE people (id int PRIMARY KEY, ssn varchar(11), match text, dob date, name text)";

fn place() -> Place {
    let place = Setup::policy(POLICY).start();
    run(&mut place.raw("app"), TABLE);
    run(
        &mut place.raw("app"),
        "GRANT ALL ON people TO billing, guest",
    );
    place
}

fn run(client: &mut Raw, sql: &str) -> Vec<Message> {
    let answer = client.query(sql);
    assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
    answer
}

fn code(client: &mut Raw, sql: &str) -> Option<String> {
    sqlstate(&client.query(sql))
}

/// `match` by id, NULL for none.
fn tokens(client: &mut Raw) -> Vec<Option<String>> {
    let answer = run(client, "SELECT match FROM people ORDER BY id");
    rows(&answer)
        .into_iter()
        .map(|mut row| row.remove(0))
        .collect()
}

/// Parse, Bind, Execute with parameters in one format, types undeclared.
fn bound(client: &mut Raw, sql: &str, values: &[Option<&[u8]>], format: u16) -> Vec<Message> {
    client.pipeline(&[
        raw::parse("", sql, &[]),
        raw::bind("", "", values, format),
        raw::describe(b'P', ""),
        raw::execute("", 0),
        raw::sync(),
    ]);
    client.until_ready()
}

fn is_token(text: &str) -> bool {
    text.len() == 71
        && text.starts_with("h1:0001")
        && text[3..]
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn every_form_of_the_same_values_has_one_token() {
    let place = place();
    let mut app = place.raw("app");
    // 1984-07-30 is 5633 days before 2000-01-01
    let binary = (-5633_i32).to_be_bytes();
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30'), (2, '900-hash-2', '1984-07-30'),
         (3, NULL, '1984-07-30'), (4, '900-hash-1', DEFAULT)",
    );
    run(
        &mut app,
        "INSERT INTO people VALUES (5, '900-hash-1', DEFAULT, 'July 30, 1984'::date, 'x')",
    );
    run(
        &mut app,
        "INSERT INTO people (dob, id, ssn, match) VALUES ('19840730', 6, '900-hash-1'::text, DEFAULT)",
    );
    let insert = "INSERT INTO people (id, ssn, dob) VALUES ($1, $2, $3)";
    let text: [Option<&[u8]>; 3] = [Some(b"7"), Some(b"900-hash-1"), Some(b"1984-07-30")];
    assert_eq!(sqlstate(&bound(&mut app, insert, &text, 0)), None);
    let id = 8_i32.to_be_bytes();
    let in_binary: [Option<&[u8]>; 3] = [Some(&id), Some(b"900-hash-1"), Some(&binary)];
    assert_eq!(sqlstate(&bound(&mut app, insert, &in_binary, 1)), None);
    let null: [Option<&[u8]>; 3] = [Some(b"9"), None, Some(b"1984-07-30")];
    assert_eq!(sqlstate(&bound(&mut app, insert, &null, 0)), None);
    let two = "INSERT INTO people (id, dob, ssn) VALUES (10, $1, $2), (11, $1, NULL)";
    let of_two: [Option<&[u8]>; 2] = [Some(b"1984-07-30"), Some(b"900-hash-1")];
    assert_eq!(sqlstate(&bound(&mut app, two, &of_two, 0)), None);

    let found = tokens(&mut app);
    let first = found[0].clone().unwrap();
    assert!(is_token(&first), "{first}");
    for (ix, token) in found.iter().enumerate() {
        match ix + 1 {
            1 | 5 | 6 | 7 | 8 | 10 => assert_eq!(token.as_ref(), Some(&first), "row {}", ix + 1),
            2 => assert!(is_token(token.as_ref().unwrap()) && token.as_ref() != Some(&first)),
            _ => assert_eq!(*token, None, "row {}", ix + 1),
        }
    }
    // the same in text and binary, and told as text
    for format in [0, 1] {
        app.pipeline(&[
            raw::parse("", "SELECT match FROM people WHERE id = 1", &[]),
            raw::bind("", "", &[], format),
            raw::describe(b'P', ""),
            raw::execute("", 0),
            raw::sync(),
        ]);
        let answer = app.until_ready();
        assert_eq!(rows(&answer), [[Some(first.clone())]]);
        let described = answer.iter().find(|m| m.tag == 'T').unwrap();
        assert_eq!(described.columns()[0].1, 25);
    }
    place.assert_hidden("900-hash-1");
    let hex = &first[7..];
    let dump = place.dump();
    assert!(dump.contains(hex), "the cell holds the MAC of the token");
    assert!(!dump.contains("h1:"));
    let mut copied = place.program("psql", "app");
    let copied = sql::succeed(copied.args([
        "-c",
        "COPY (SELECT match FROM people WHERE id = 1) TO STDOUT",
    ]));
    assert_eq!(copied.trim_end(), first);
}

#[test]
fn an_update_of_every_part_makes_it_anew() {
    let place = place();
    let mut app = place.raw("app");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30'), (2, '900-hash-2', '1970-01-01')",
    );
    let before = tokens(&mut app);
    run(
        &mut app,
        "UPDATE people SET dob = '1984-07-30', ssn = '900-hash-1', name = 'y' WHERE id = 2",
    );
    assert_eq!(tokens(&mut app), [before[0].clone(), before[0].clone()]);
    run(
        &mut app,
        "UPDATE people p SET (ssn, dob) = ('900-hash-2', '1970-01-01') WHERE id = 1 RETURNING match",
    );
    assert_eq!(tokens(&mut app), [before[1].clone(), before[0].clone()]);
    let update = "UPDATE people SET ssn = $1, dob = $2 WHERE id = $3";
    let values: [Option<&[u8]>; 3] = [Some(b"900-hash-1"), Some(b"1984-07-30"), Some(b"1")];
    assert_eq!(sqlstate(&bound(&mut app, update, &values, 0)), None);
    run(
        &mut app,
        "UPDATE people SET ssn = NULL, dob = NULL WHERE id = 2",
    );
    assert_eq!(tokens(&mut app), [before[0].clone(), None]);
    run(
        &mut app,
        "UPDATE people SET name = 'not part of it' WHERE id = 1",
    );
    assert_eq!(tokens(&mut app), [before[0].clone(), None]);
    place.assert_hidden("900-hash-1");
}

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
            "INSERT INTO people (id, ssn, dob) SELECT 2, 'a', '2000-01-01'",
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
            "WITH w AS (INSERT INTO people (id, ssn, dob) VALUES (2, 'a', '2000-01-01') RETURNING id) SELECT * FROM w",
            "0A000",
        ),
        (
            "WITH w AS (UPDATE people SET ssn = 'a', dob = '2000-01-01' RETURNING id) SELECT * FROM w",
            "0A000",
        ),
        (
            "INSERT INTO people (id, ssn, dob) VALUES (1, 'a', '2000-01-01') ON CONFLICT (id) DO UPDATE SET ssn = 'a', dob = '2000-01-01'",
            "0A000",
        ),
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
        (
            "MERGE INTO people p USING plain q ON p.id = q.id WHEN MATCHED THEN UPDATE SET ssn = 'a', dob = '2000-01-01'",
            "0A000",
        ),
        (
            "MERGE INTO people p USING plain q ON p.id = q.id WHEN NOT MATCHED THEN INSERT (id, ssn, dob) VALUES (2, 'a', '2000-01-01')",
            "0A000",
        ),
        ("COPY people FROM STDIN", "428C9"),
        ("COPY people (id, ssn, dob) FROM STDIN", "0A000"),
        ("COPY people (id, match) FROM STDIN", "428C9"),
        (
            "PREPARE p AS INSERT INTO people (id, ssn, dob) VALUES ($1, $2, $3)",
            "0A000",
        ),
        ("ALTER TABLE people ALTER match SET DEFAULT 'x'", "0A000"),
        ("ALTER TABLE people ALTER ssn SET DEFAULT 'x'", "0A000"),
        ("ALTER TABLE people ADD COLUMN ssn varchar(11)", "0A000"),
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
        "INSERT INTO people (id, ssn, dob) VALUES (2, $1, '2000-01-01')",
        "INSERT INTO people (id, ssn, dob) VALUES (2, $1, $2::text::date)",
        "EXPLAIN INSERT INTO people (id, ssn, dob) VALUES (2, $1, $2)",
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
    run(
        &mut app,
        "CREATE TABLE people (id int, ssn varchar(11), dob date, name text)",
    );
    assert_eq!(
        code(&mut app, "ALTER TABLE people ADD COLUMN match text").as_deref(),
        Some("0A000")
    );
    // nor used, where someone else has made such a table
    run(&mut app, "DROP TABLE people");
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

#[test]
fn it_is_compared_grouped_joined_and_unique() {
    let place = place();
    let mut app = place.raw("app");
    run(&mut app, "CREATE UNIQUE INDEX one_person ON people (match)");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30'), (2, '900-hash-2', '1984-07-30'), (3, NULL, NULL)",
    );
    assert_eq!(
        code(
            &mut app,
            "INSERT INTO people (id, ssn, dob) VALUES (4, '900-hash-1', '1984-07-30')"
        )
        .as_deref(),
        Some("23505")
    );
    let again = "INSERT INTO people (id, ssn, dob) VALUES (4, '900-hash-1', '1984-07-30') ON CONFLICT (match) DO UPDATE SET name = 'again' RETURNING id";
    assert_eq!(rows(&run(&mut app, again)), [[Some("1".to_owned())]]);
    let token = tokens(&mut app)[0].clone().unwrap();
    let id = |answer: &[Message]| -> Vec<Option<String>> {
        rows(answer).into_iter().map(|mut r| r.remove(0)).collect()
    };
    let one = vec![Some("1".to_owned())];
    let literal = format!("SELECT id FROM people WHERE match = '{token}'");
    assert_eq!(id(&run(&mut app, &literal)), one);
    let prepared = "SELECT id FROM people WHERE match = $1";
    for format in [0, 1] {
        let answer = bound(&mut app, prepared, &[Some(token.as_bytes())], format);
        let found = answer.iter().find(|m| m.tag == 'D').unwrap().values();
        match format {
            0 => assert_eq!(found, [Some(b"1".to_vec())]),
            _ => assert_eq!(found, [Some(1_i32.to_be_bytes().to_vec())]),
        }
    }
    for (sql, count) in [
        ("SELECT DISTINCT match FROM people", 3),
        ("SELECT match, count(*) FROM people GROUP BY match", 3),
        (
            "SELECT a.id FROM people a JOIN people b ON a.match = b.match",
            2,
        ),
        ("SELECT a.id FROM people a JOIN people b USING (match)", 2),
        ("SELECT * FROM people WHERE match IS NULL", 1),
    ] {
        assert_eq!(rows(&run(&mut app, sql)).len(), count, "{sql}");
    }
    run(
        &mut app,
        "CREATE VIEW seen AS SELECT id, match AS m FROM people",
    );
    let through = format!("SELECT m FROM seen WHERE m = '{token}'");
    assert_eq!(rows(&run(&mut app, &through)), [[Some(token.clone())]]);
    let types = "SELECT data_type FROM information_schema.columns WHERE table_name = 'people' AND column_name = 'match'";
    assert_eq!(rows(&run(&mut app, types)), [[Some("text".to_owned())]]);
    // a token of an epoch that there is none of, and one that is written otherwise
    for other in [
        token.replace("h1:0001", "h1:0002"),
        token.to_uppercase(),
        format!("{token}00"),
    ] {
        let sql = format!("SELECT id FROM people WHERE match = '{other}'");
        assert_eq!(code(&mut app, &sql).as_deref(), Some("22023"), "{other}");
    }
}

#[test]
fn roles_are_held_to_it() {
    let place = place();
    let mut app = place.raw("app");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30')",
    );
    let token = tokens(&mut app)[0].clone().unwrap();
    let mut billing = place.raw("billing");
    let stars = "*".repeat(token.len());
    assert_eq!(
        rows(&run(&mut billing, "SELECT match FROM people")),
        [[Some(stars)]]
    );
    let by_token = format!("SELECT id FROM people WHERE match = '{token}'");
    assert_eq!(code(&mut billing, &by_token).as_deref(), Some("42501"));
    let mut guest = place.raw("guest");
    for sql in [
        "SELECT match FROM people",
        "SELECT * FROM people",
        by_token.as_str(),
    ] {
        assert_eq!(code(&mut guest, sql).as_deref(), Some("42501"), "{sql}");
    }
    // who may write the parts may write the row; its hash is the proxy's work
    run(
        &mut guest,
        "INSERT INTO people (id, ssn, dob) VALUES (2, '900-hash-1', '1984-07-30')",
    );
    assert_eq!(tokens(&mut app), [Some(token.clone()), Some(token)]);
}

/// The client sees its own parameters only, and every run of one prepared statement has its own hash.
#[test]
fn a_prepared_statement_hashes_what_is_bound() {
    let place = place();
    let mut app = place.raw("app");
    let insert = "INSERT INTO people (id, ssn, dob) VALUES ($1, $2, $3), ($4, $2, $3)";
    app.pipeline(&[
        raw::parse("p", insert, &[]),
        raw::describe(b'S', "p"),
        raw::sync(),
    ]);
    let described = app.until_ready();
    assert_eq!(raw::tags(&described), "1tnZ");
    let types = &described[1].body;
    let oids: Vec<u32> = types[2..]
        .chunks(4)
        .map(|oid| u32::from_be_bytes(oid.try_into().unwrap()))
        .collect();
    assert_eq!(oids, [23, 1043, 1082, 23]);
    for (id, ssn, other) in [
        ("1", "900-hash-1", "2"),
        ("3", "900-hash-2", "4"),
        ("5", "900-hash-1", "6"),
    ] {
        let dob: &[u8] = b"1984-07-30";
        let values = [
            Some(id.as_bytes()),
            Some(ssn.as_bytes()),
            Some(dob),
            Some(other.as_bytes()),
        ];
        app.pipeline(&[
            raw::bind("", "p", &values, 0),
            raw::execute("", 0),
            raw::sync(),
        ]);
        assert_eq!(sqlstate(&app.until_ready()), None);
    }
    let found = tokens(&mut app);
    let (first, second) = (found[0].clone(), found[2].clone());
    assert!(first.is_some() && second.is_some() && first != second);
    assert_eq!(
        found,
        [&first, &first, &second, &second, &first, &first].map(Clone::clone)
    );
    place.assert_hidden("900-hash-1");
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

/// Hashes that share a part are all filled, through a view by its own names for the columns too.
#[test]
fn several_hashes_and_views_with_other_names_are_filled() {
    let policy = "
databases:
  DATABASE:
    tables:
      public.people:
        columns:
          ssn: { type: varchar(11), protect: random }
          dob: { type: date, protect: random }
          one: { protect: hash, of: [ssn] }
          two: { protect: hash, of: [ssn, dob] }
          owt: { protect: hash, of: [dob, ssn] }
default: clear
";
    let place = Setup::policy(policy).start();
    let mut app = place.raw("app");
    run(
        &mut app,
        "CREATE TABLE people (id int, one text, ssn varchar(11), two text, dob date, owt text)",
    );
    run(
        &mut app,
        "CREATE VIEW renamed AS SELECT id, ssn AS s, dob AS d, one AS a, two AS b, owt AS c FROM people",
    );
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30')",
    );
    run(
        &mut app,
        "INSERT INTO people (id, ssn, two, dob) VALUES (2, '900-hash-1', DEFAULT, '1984-07-30')",
    );
    run(
        &mut app,
        "INSERT INTO renamed (d, s, id) VALUES ('1984-07-30', '900-hash-1', 3)",
    );
    run(
        &mut app,
        "INSERT INTO people (id, ssn) VALUES (4, '900-hash-1')",
    );
    run(
        &mut app,
        "UPDATE renamed SET d = '1984-07-30', s = '900-hash-1' WHERE id = 4",
    );
    let insert = "INSERT INTO renamed (id, s, d) VALUES ($1, $2, $3)";
    let values: [Option<&[u8]>; 3] = [Some(b"5"), Some(b"900-hash-1"), Some(b"1984-07-30")];
    assert_eq!(sqlstate(&bound(&mut app, insert, &values, 0)), None);
    let all = rows(&run(
        &mut app,
        "SELECT one, two, owt FROM people ORDER BY id",
    ));
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|row| *row == all[0]), "{all:?}");
    let [one, two, owt] = &all[0][..] else {
        panic!()
    };
    assert!(one.is_some() && one != two && two != owt && one != owt);
    // one of two hashes would stay behind
    assert_eq!(
        code(&mut app, "UPDATE people SET ssn = '900-hash-1'").as_deref(),
        Some("0A000")
    );
    for whole in [
        "ssn = '900-hash-1'",
        "ssn = '900-hash-1' AND dob = '1984-07-30'",
    ] {
        let sql = format!("SELECT id FROM people WHERE {whole}");
        assert_eq!(rows(&run(&mut app, &sql)).len(), 5, "{sql}");
    }
    assert_eq!(
        rows(&run(
            &mut app,
            "SELECT id FROM people WHERE ssn = '900-hash-1' AND id = 2"
        )),
        [[Some("2".to_owned())]]
    );
    place.assert_hidden("900-hash-1");
}

//! Whose records a statement has returned or written is on record, for whoever holds the key of subjects.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::proxy::binary;
use hippocrypt_e2e::raw::{self, Raw};
use hippocrypt_e2e::sql::succeed;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

const POLICY: &str = "databases:
  DATABASE:
    tables:
      public.patients:
        subject: { column: id, kind: patient }
        columns:
          name: { type: text, protect: random }
          ssn:  { type: varchar(11), protect: deterministic }
      public.claims:
        subject: { column: patient_id, kind: patient }
        columns:
          patient_ssn: { type: varchar(11), protect: deterministic, group: public.patients.ssn }
      public.letters:
        subject: { column: ssn, kind: person }
        columns:
          ssn:  { type: varchar(11), protect: deterministic, group: public.patients.ssn }
          body: { type: text, protect: random }
      public.people:
        subject: who
        columns:
          name: { type: text, protect: random }
roles:
  all: { users: [app], columns: { \"*\": clear } }
";

const TABLES: &str = "
CREATE TABLE patients (id integer PRIMARY KEY, name text, ssn varchar(11) UNIQUE, city text);
CREATE TABLE claims (id serial PRIMARY KEY, patient_id bigint, patient_ssn varchar(11), amount int);
CREATE TABLE letters (id serial PRIMARY KEY, ssn varchar(11) NOT NULL, body text);
CREATE TABLE people (who uuid, name text);
CREATE TABLE rooms (id int, room text);
INSERT INTO patients VALUES (1, 'Ada', '900-11-0001', 'Bonn'), (2, 'Bob', '900-11-0002', 'Bonn'),
  (3, 'Cem', '900-11-0003', 'Ulm'), (42, 'Dee', '900-11-0042', 'Ulm');
INSERT INTO claims (patient_id, patient_ssn, amount) VALUES (1, '900-11-0001', 10), (42, '900-11-0042', 20),
  (42, '900-11-0042', 30);
INSERT INTO letters (ssn, body) VALUES ('900-11-0001', 'Dear Ada'), ('900-11-0042', 'Dear Dee');
INSERT INTO people VALUES ('5c7a6e0f-0f5e-4d8e-9d0c-0123456789ab', 'Eve');
INSERT INTO rooms VALUES (7, 'x');
";

fn place() -> Place {
    let place = Setup::policy(POLICY).start();
    place.both(TABLES);
    place
}

/// Whom the log names for the last statement: sorted, with the state behind.
fn whose(place: &Place) -> String {
    let out = place
        .verb(&["audit", "query", "--type", "statement", "--output", "json"])
        .args(["--show-subjects", "--limit", "1"])
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let line: Value = serde_json::from_slice(&out.stdout).unwrap();
    let mut named: Vec<String> = line["whose"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s.as_str().unwrap().to_owned())
        .collect();
    named.sort();
    let state = line["outcome"]["subjects_state"].as_str().unwrap_or("-");
    named.push(state.to_owned());
    named.join(" ")
}

/// Statements by the simple protocol, and whom the log names for each; the client's answers are the plain database's.
fn name(place: &Place, cases: &[(&str, &str)]) {
    let (mut client, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let mut wrong = Vec::new();
    for (sql, expected) in cases {
        let (here, there) = (client.query(sql), twin.query(sql));
        let (here, there) = (raw::comparable(&here), raw::comparable(&there));
        if here != there {
            wrong.push(format!("{sql}\n  {here:?}\n  {there:?}"));
        }
        let named = whose(place);
        if named != *expected {
            wrong.push(format!("{sql}\n  {named}\n  {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rows_conditions_and_values_name_the_people() {
    let place = place();
    let all = "patient:1 patient:2 patient:3 patient:42 all";
    let cases = [
        (
            "SELECT id, name FROM patients WHERE city = 'Bonn' ORDER BY id",
            "patient:1 patient:2 all",
        ),
        ("SELECT * FROM patients ORDER BY id", all),
        (
            "SELECT p.id AS n, name FROM patients p ORDER BY 1 LIMIT 1",
            "patient:1 all",
        ),
        ("SELECT name FROM patients WHERE id = 42", "patient:42 all"),
        (
            "SELECT name FROM patients WHERE id IN (1, 42) ORDER BY id",
            "patient:1 patient:42 all",
        ),
        (
            "SELECT name FROM patients WHERE id = ANY ('{1,3}')",
            "patient:1 patient:3 all",
        ),
        ("SELECT name FROM patients WHERE 77 = id", "patient:77 all"),
        (
            "SELECT count(*) FROM patients WHERE id = 2",
            "patient:2 all",
        ),
        ("SELECT count(*) FROM patients", "unknown"),
        (
            "SELECT city, count(*) FROM patients GROUP BY city ORDER BY 1",
            "unknown",
        ),
        (
            "SELECT id, count(*) FROM patients GROUP BY id ORDER BY 1",
            all,
        ),
        (
            "SELECT id, count(*) OVER () FROM patients ORDER BY 1",
            "unknown",
        ),
        ("SELECT * FROM rooms", "-"),
        // joins
        (
            "SELECT p.id, c.amount FROM patients p JOIN claims c ON c.patient_id = p.id ORDER BY 1, 2",
            "patient:1 patient:42 all",
        ),
        (
            "SELECT p.id, c.amount FROM patients p LEFT JOIN claims c ON c.patient_id = p.id ORDER BY 1, 2",
            all,
        ),
        (
            "SELECT p.name, c.amount FROM patients p, claims c WHERE c.patient_id = p.id AND p.id = 42 ORDER BY 2",
            "patient:42 all",
        ),
        (
            "SELECT c.patient_id FROM patients p LEFT JOIN claims c ON c.patient_id = 42 AND p.id = 1 ORDER BY 1",
            all,
        ),
        // the rows of a CTE that is read twice are others each time
        (
            "WITH x AS (SELECT id FROM patients) SELECT a.id FROM x a, x b WHERE b.id = 1 ORDER BY 1",
            all,
        ),
        (
            "WITH x AS (SELECT id FROM patients) SELECT count(*) FROM x a, x b WHERE b.id = 1",
            "patient:1 unknown",
        ),
        (
            "SELECT x.id FROM (SELECT id, city FROM patients) x WHERE x.city = 'Ulm' ORDER BY 1",
            "patient:3 patient:42 all",
        ),
        (
            "SELECT id FROM patients UNION SELECT patient_id FROM claims ORDER BY 1",
            all,
        ),
        (
            "SELECT id FROM patients UNION SELECT id FROM rooms ORDER BY 1",
            "unknown",
        ),
        (
            "SELECT id FROM patients EXCEPT SELECT patient_id FROM claims ORDER BY 1",
            "patient:2 patient:3 unknown",
        ),
        (
            "SELECT id FROM patients p WHERE EXISTS (SELECT 1 FROM claims c WHERE c.patient_id = p.id) ORDER BY 1",
            "patient:1 patient:42 all",
        ),
        // writes
        (
            "INSERT INTO patients (id, name) VALUES (50, 'New'), (51, 'Newer')",
            "patient:50 patient:51 all",
        ),
        (
            "INSERT INTO patients (id, name) VALUES (50, 'Old') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            "patient:50 all",
        ),
        (
            "INSERT INTO claims (patient_id, amount) SELECT id, 5 FROM patients WHERE id = 50",
            "patient:50 all",
        ),
        (
            "UPDATE patients SET city = 'Rom' WHERE id = 50",
            "patient:50 all",
        ),
        (
            "UPDATE patients SET id = 52 WHERE id = 51",
            "patient:51 patient:52 all",
        ),
        (
            "UPDATE patients SET id = id + 0 WHERE id = 52",
            "patient:52 unknown",
        ),
        ("DELETE FROM claims WHERE patient_id = 50", "patient:50 all"),
        (
            "DELETE FROM patients WHERE id IN (50, 52) RETURNING id",
            "patient:50 patient:52 all",
        ),
    ];
    name(&place, &cases);
}

#[test]
fn a_column_that_the_client_does_not_see_names_the_rest() {
    let place = place();
    let cases = [
        (
            "SELECT name FROM patients WHERE city = 'Bonn' ORDER BY city, id",
            "patient:1 patient:2 all",
        ),
        (
            "SELECT upper(city) AS id FROM patients ORDER BY id",
            "patient:1 patient:2 patient:3 patient:42 all",
        ),
        (
            "SELECT city IS DISTINCT FROM 'Ulm' FROM patients WHERE city = 'Ulm'",
            "patient:3 patient:42 all",
        ),
        (
            "SELECT amount FROM patients p JOIN claims c ON c.patient_id = p.id ORDER BY amount",
            "patient:1 patient:42 all",
        ),
        (
            "WITH x AS (SELECT city, id FROM patients) SELECT city FROM x ORDER BY id LIMIT 1",
            "patient:1 all",
        ),
        ("SELECT DISTINCT city FROM patients ORDER BY 1", "unknown"),
        ("SELECT max(city) FROM patients", "unknown"),
        (
            "UPDATE patients SET city = 'Rom' WHERE city = 'Bonn'",
            "patient:1 patient:2 all",
        ),
        (
            "UPDATE patients SET city = 'Bonn' WHERE city = 'Rom' RETURNING name",
            "patient:1 patient:2 all",
        ),
        (
            "INSERT INTO claims (patient_id, amount) SELECT id, 40 FROM patients WHERE city = 'Ulm'",
            "patient:3 patient:42 all",
        ),
        (
            "WITH RECURSIVE x (id, n) AS (SELECT id, 0 FROM patients UNION ALL SELECT id, n + 1 FROM x WHERE id = 1 AND n < 2) SELECT count(*) FROM x",
            "unknown",
        ),
        ("INSERT INTO people (name) VALUES ('Nobody')", "all"),
        (
            "DELETE FROM claims WHERE amount > 25",
            "patient:3 patient:42 all",
        ),
        ("DELETE FROM claims WHERE amount > 25", "all"),
    ];
    name(&place, &cases);
}

#[test]
fn a_subject_that_is_itself_encrypted_is_named_all_the_same() {
    let place = place();
    let (ada, dee) = ("person:900-11-0001 all", "person:900-11-0042 all");
    let both = "person:900-11-0001 person:900-11-0042 all";
    let cases = [
        ("SELECT ssn FROM letters ORDER BY id", both),
        ("SELECT body FROM letters WHERE ssn = '900-11-0042'", dee),
        (
            "SELECT body FROM letters WHERE ssn IN ('900-11-0042', '900-11-0001') ORDER BY id",
            both,
        ),
        ("SELECT id FROM letters ORDER BY id", both),
        (
            "INSERT INTO letters (ssn, body) VALUES ('900-11-0001', 'Again')",
            ada,
        ),
        ("UPDATE letters SET body = 'x' WHERE id = 2", dee),
        (
            "SELECT name FROM people WHERE who = '5C7A6E0F-0F5E-4D8E-9D0C-0123456789AB'",
            "subject:5c7a6e0f-0f5e-4d8e-9d0c-0123456789ab all",
        ),
    ];
    name(&place, &cases);
    for canary in ["900-11-0042", "5c7a6e0f-0f5e", "5C7A6E0F"] {
        let log = place.audit();
        assert!(!serde_json::to_string(&log).unwrap().contains(canary));
    }
}

#[test]
fn cursors_and_prepared_statements_name_whom_they_return() {
    let place = place();
    let cases = [
        ("BEGIN", "-"),
        (
            "DECLARE c CURSOR FOR SELECT city FROM patients ORDER BY id",
            "-",
        ),
        ("FETCH 2 FROM c", "patient:1 patient:2 all"),
        ("FETCH ALL FROM c", "patient:3 patient:42 all"),
        ("MOVE BACKWARD ALL IN c", "-"),
        (
            "DECLARE b BINARY CURSOR FOR SELECT city FROM patients ORDER BY id DESC",
            "-",
        ),
        ("FETCH 1 FROM b", "patient:42 all"),
        ("COMMIT", "-"),
        (
            "PREPARE q(int) AS SELECT name FROM patients WHERE id = $1",
            "-",
        ),
        ("EXECUTE q(42)", "patient:42 all"),
        ("EXECUTE q(1 + 1)", "unknown"),
        (
            "PREPARE w(text) AS UPDATE patients SET city = $1 WHERE city = $1 RETURNING id",
            "-",
        ),
        ("EXECUTE w('Bonn')", "patient:1 patient:2 all"),
        ("EXPLAIN (COSTS off) SELECT city FROM patients", "-"),
        (
            "EXPLAIN (COSTS off, VERBOSE) UPDATE rooms SET room = 'x'",
            "-",
        ),
        (
            "CREATE TABLE cities AS SELECT city FROM patients",
            "unknown",
        ),
        (
            "CREATE MATERIALIZED VIEW kept AS SELECT city FROM patients",
            "unknown",
        ),
        ("CREATE VIEW shown AS SELECT city FROM patients", "-"),
        ("SELECT * FROM cities ORDER BY 1", "-"),
        ("SELECT * FROM kept ORDER BY 1", "unknown"),
        ("SELECT * FROM shown ORDER BY 1", "unknown"),
        ("TRUNCATE claims", "unknown"),
    ];
    name(&place, &cases);
}

/// A view each of whose rows is one row of a table, the subject among its columns, is as that table; others are not.
#[test]
fn a_view_of_one_table_names_whom_its_rows_are_of() {
    let place = place();
    place.both(
        "CREATE VIEW bonn AS SELECT id AS number, name, ssn, city FROM patients WHERE city = 'Bonn';
         CREATE VIEW names AS SELECT number, upper(city) AS town, name FROM bonn;
         CREATE VIEW posts AS SELECT * FROM letters;
         CREATE VIEW nameless AS SELECT name FROM patients;
         CREATE VIEW over_nameless AS SELECT name FROM nameless;
         CREATE VIEW claimed AS SELECT id, name FROM patients WHERE id IN (SELECT patient_id FROM claims);
         CREATE VIEW twice AS SELECT id, name FROM patients p WHERE EXISTS (SELECT FROM patients q WHERE q.id < p.id);
         CREATE VIEW first AS SELECT id, name FROM patients ORDER BY id LIMIT 1;
         CREATE VIEW towns AS SELECT DISTINCT id, city FROM patients;
         CREATE VIEW joined AS SELECT p.id, c.amount FROM patients p JOIN claims c ON c.patient_id = p.id;
         CREATE VIEW counted AS SELECT city, count(*) AS n FROM patients GROUP BY city",
    );
    let bonn = "patient:1 patient:2 all";
    let unknown = "unknown";
    let cases = [
        ("SELECT number FROM bonn ORDER BY 1", bonn),
        ("SELECT name FROM bonn ORDER BY number", bonn),
        ("SELECT * FROM names ORDER BY number", bonn),
        ("SELECT town FROM names", bonn),
        ("SELECT name FROM names WHERE number = 2", "patient:2 all"),
        ("SELECT name FROM bonn WHERE number = 42", "patient:42 all"),
        (
            "SELECT b.city, p.city FROM bonn b JOIN patients p ON p.id = b.number ORDER BY p.id",
            bonn,
        ),
        (
            "SELECT n.city, c.amount FROM bonn n JOIN claims c ON c.patient_id = n.number",
            "patient:1 all",
        ),
        (
            "SELECT body FROM posts ORDER BY id",
            "person:900-11-0001 person:900-11-0042 all",
        ),
        (
            "SELECT body FROM posts WHERE ssn = '900-11-0042'",
            "person:900-11-0042 all",
        ),
        ("SELECT count(*) FROM bonn", unknown),
        (
            "SELECT count(*) FROM bonn WHERE number = 1",
            "patient:1 all",
        ),
        (
            "UPDATE bonn SET name = 'Bea' WHERE number = 2",
            "patient:2 all",
        ),
        ("UPDATE names SET name = 'Ann'", bonn),
        (
            "INSERT INTO bonn (number, name, city) VALUES (5, 'Eda', 'Bonn')",
            "patient:5 all",
        ),
        (
            "DELETE FROM bonn WHERE name IS NOT NULL AND number > 2",
            "patient:5 all",
        ),
        ("SELECT name FROM nameless LIMIT 0", unknown),
        ("SELECT count(name) FROM over_nameless", unknown),
        ("SELECT id FROM claimed ORDER BY 1", unknown),
        ("SELECT id FROM claimed WHERE id = 1", unknown),
        ("SELECT id FROM twice ORDER BY 1", unknown),
        ("SELECT id FROM first", unknown),
        ("SELECT id, city FROM towns ORDER BY 1", unknown),
        ("SELECT id, amount FROM joined ORDER BY 2", unknown),
        ("SELECT city, n FROM counted ORDER BY 1", unknown),
    ];
    name(&place, &cases);
    // whoever may write to the view and not read it, and rows that a policy of the table hides, get no column more
    place.both(
        "REVOKE ALL ON bonn FROM app; GRANT UPDATE (city), SELECT (city) ON bonn TO app;
         ALTER TABLE letters ENABLE ROW LEVEL SECURITY",
    );
    name(
        &place,
        &[
            ("UPDATE bonn SET city = 'Bonn' WHERE city = 'Bonn'", unknown),
            ("SELECT city FROM bonn", unknown),
            ("SELECT body FROM posts ORDER BY id", unknown),
        ],
    );
}

#[test]
fn copy_names_whom_its_rows_are_of() {
    let place = place();
    let all = "patient:1 patient:2 patient:3 patient:42 all";
    let cases = [
        ("COPY patients TO STDOUT", all),
        ("COPY patients (id, city) TO STDOUT (FORMAT csv)", all),
        ("COPY patients (city) TO STDOUT", "unknown"),
        (
            "COPY (SELECT city, id FROM patients WHERE city = 'Ulm') TO STDOUT",
            "patient:3 patient:42 all",
        ),
        (
            "COPY (SELECT name FROM patients WHERE id = 42) TO STDOUT (FORMAT csv, HEADER)",
            "patient:42 all",
        ),
        (
            "COPY letters (ssn) TO STDOUT",
            "person:900-11-0001 person:900-11-0042 all",
        ),
    ];
    name(&place, &cases);
    let data = [
        (
            "COPY patients (id, city) FROM STDIN",
            "60\tRom\n61\t\\N\n",
            "patient:60 patient:61 all",
        ),
        (
            "COPY patients (city, name, id) FROM STDIN (FORMAT csv)",
            "Rom,Fay,\"62\"\n",
            "patient:62 all",
        ),
        (
            "COPY letters (ssn, body) FROM STDIN",
            "900-11-0062\tDear\n",
            "person:900-11-0062 all",
        ),
    ];
    let mut clients = [place.raw("app"), place.raw_twin("app")];
    for (sql, data, expected) in data {
        let mut answers = Vec::new();
        for client in &mut clients {
            client.send(&raw::query(sql));
            client.until("GE");
            client.send(&raw::copy_data(data.as_bytes()));
            client.send(&raw::copy_done());
            answers.push(raw::comparable(&client.until_ready()));
        }
        assert_eq!(answers[0], answers[1], "{sql}");
        assert_eq!(whose(&place), expected, "{sql}");
    }
    for sql in [
        "SELECT * FROM patients ORDER BY id",
        "SELECT ssn, body FROM letters ORDER BY id",
    ] {
        let [here, there] = clients.each_mut().map(|c| raw::comparable(&c.query(sql)));
        assert_eq!(here, there);
    }
}

/// As sqlx asks which columns of a statement can be NULL.
#[test]
fn explain_of_a_prepared_statement_has_its_own_rows() {
    let place = place();
    let mut client = place.raw("app");
    client.pipeline(&[
        raw::parse("s", "SELECT name FROM patients WHERE city = 'Ulm'", &[]),
        raw::sync(),
    ]);
    client.until_ready();
    for explain in ["EXPLAIN", "EXPLAIN ANALYZE"] {
        let answer = client.query(&format!("{explain} EXECUTE s"));
        assert_eq!(raw::sqlstate(&answer), None, "{answer:?}");
        assert!(raw::rows(&answer).iter().all(|row| row.len() == 1));
    }
    assert_eq!(raw::rows(&client.query("EXECUTE s"))[0].len(), 1);
}

#[test]
fn a_portal_that_is_resumed_names_those_of_its_rows() {
    let place = place();
    let mut clients = [place.raw("app"), place.raw_twin("app")];
    let parts = |sql: &str| {
        [
            raw::parse("", sql, &[]),
            raw::bind("", "", &[], 1),
            raw::describe(b'P', ""),
            raw::execute("", 1),
            raw::execute("", 1),
            raw::execute("", 0),
            raw::sync(),
        ]
    };
    for sql in [
        "SELECT city FROM patients WHERE city = 'Ulm' ORDER BY id",
        "UPDATE patients SET city = 'Ulm' WHERE city = 'Ulm' RETURNING name",
    ] {
        let answers = clients.each_mut().map(|client| {
            client.pipeline(&parts(sql));
            raw::comparable(&client.until_ready())
        });
        assert_eq!(answers[0], answers[1], "{sql}");
    }
    // nothing is returned: PostgreSQL runs it to its end, whatever the limit
    let one = |sql: &str| {
        let mut parts = parts(sql);
        parts[4] = Vec::new();
        parts[5] = Vec::new();
        parts
    };
    for sql in [
        "UPDATE patients SET city = 'Ulm' WHERE city = 'Ulm'",
        "DELETE FROM claims WHERE amount < 30",
        "INSERT INTO claims (amount) VALUES (1), (2)",
    ] {
        let answers = clients.each_mut().map(|client| {
            client.pipeline(&one(sql));
            raw::comparable(&client.until_ready())
        });
        assert_eq!(answers[0], answers[1], "{sql}");
    }
    let records = place.audit();
    let many: Vec<usize> = records
        .iter()
        .filter(|r| r["type"] == "outcome" && r["subjects_state"] == "all")
        .map(|r| r["subjects"].as_array().map_or(0, Vec::len))
        .collect();
    assert!(many.ends_with(&[1, 1, 0, 1, 1, 0, 2, 2, 0]), "{many:?}");
}

/// Parse, Bind with these parameters and formats, Describe, Execute, Sync: the same here and on the plain database.
fn bound(
    clients: [&mut Raw; 2],
    sql: &str,
    types: &[u32],
    values: &[Option<&[u8]>],
    format: u16,
) -> String {
    let mut answers = Vec::new();
    for client in clients {
        client.pipeline(&[
            raw::parse("", sql, types),
            raw::describe(b'S', ""),
            raw::bind("", "", values, format),
            raw::describe(b'P', ""),
            raw::execute("", 0),
            raw::sync(),
        ]);
        answers.push(client.until_ready());
    }
    assert_eq!(
        raw::comparable(&answers[0]),
        raw::comparable(&answers[1]),
        "{sql}"
    );
    raw::tags(&answers[0])
}

#[test]
fn who_may_write_and_not_read_is_asked_for_no_column() {
    let place = place();
    let mut client = place.raw("billing");
    place.both(
        "GRANT INSERT, DELETE ON claims TO billing; GRANT SELECT (amount) ON claims TO billing;
         GRANT USAGE ON SEQUENCE claims_id_seq TO billing",
    );
    for sql in [
        "INSERT INTO claims (amount) VALUES (7)",
        "SELECT amount FROM claims WHERE amount = 7",
        "DELETE FROM claims WHERE amount = 7",
    ] {
        assert_eq!(raw::sqlstate(&client.query(sql)), None, "{sql}");
        assert_eq!(whose(&place), "unknown", "{sql}");
    }
}

/// A statement, its parameter's declared type and value, the format of both ways, and whom the log names.
type Case<'a> = (&'a str, &'a [u32], &'a [u8], u16, &'a str);

#[test]
fn parameters_name_people_in_text_and_binary() {
    let place = place();
    let (mut client, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let int4 = 42_i32.to_be_bytes();
    let int8 = 42_i64.to_be_bytes();
    let uuid = 0x5c7a_6e0f_0f5e_4d8e_9d0c_0123_4567_89ab_u128.to_be_bytes();
    let letters = "person:900-11-0042 all";
    let cases: [Case<'_>; 9] = [
        (
            "SELECT name FROM patients WHERE id = $1",
            &[],
            b"42",
            0,
            "patient:42 all",
        ),
        (
            "SELECT name FROM patients WHERE id = $1",
            &[],
            &int4,
            1,
            "patient:42 all",
        ),
        (
            "SELECT name FROM patients WHERE id = $1",
            &[20],
            &int8,
            1,
            "patient:42 all",
        ),
        (
            "SELECT id FROM patients WHERE city = $1",
            &[],
            b"Ulm",
            1,
            "patient:3 patient:42 all",
        ),
        (
            "SELECT name FROM patients WHERE city = $1 ORDER BY id",
            &[],
            b"Ulm",
            1,
            "patient:3 patient:42 all",
        ),
        (
            "SELECT name FROM people WHERE who = $1",
            &[],
            &uuid,
            1,
            "subject:5c7a6e0f-0f5e-4d8e-9d0c-0123456789ab all",
        ),
        (
            "SELECT body FROM letters WHERE ssn = $1",
            &[],
            b"900-11-0042",
            0,
            letters,
        ),
        (
            "SELECT id FROM letters WHERE ssn = $1",
            &[],
            b"900-11-0042",
            1,
            letters,
        ),
        (
            "UPDATE patients SET city = $1 WHERE name IS NULL OR city = 'Ulm'",
            &[],
            b"Ulm",
            0,
            "patient:3 patient:42 all",
        ),
    ];
    let mut wrong = Vec::new();
    for (sql, types, value, format, expected) in cases {
        let clients = [&mut client, &mut twin];
        bound(clients, sql, types, &[Some(value)], format);
        let named = whose(&place);
        if named != expected {
            wrong.push(format!("{sql}\n  {named}\n  {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_person_is_found_by_the_key_and_by_nothing_else() {
    let place = place();
    let mut client = place.raw("app");
    client.query("SELECT name FROM patients WHERE id = 42");
    client.query("SELECT amount FROM claims WHERE patient_id = 42");
    client.query("SELECT name FROM patients WHERE id = 1");
    let key = place.directory().join("auditor.json");
    let exported = succeed(&mut place.verb(&["keys", "export"]));
    std::fs::write(&key, exported).unwrap();
    let found = |words: &[&str], by_key: bool| {
        let mut verb = match by_key {
            true => {
                let mut verb = Command::new(binary());
                verb.args(["audit", "query", "--directory"])
                    .arg(place.directory().join("audit"))
                    .arg("--subject-keys")
                    .arg(&key);
                verb
            }
            false => place.verb(&["audit", "query"]),
        };
        succeed(verb.args(["--output", "json"]).args(words))
            .lines()
            .count()
    };
    assert_eq!(
        found(&["--subject", "patient:42", "--text", "select"], false),
        2
    );
    assert_eq!(
        found(&["--subject", "patient:42", "--text", "select"], true),
        2
    );
    assert_eq!(found(&["--subject", "42"], false), 4);
    assert_eq!(
        found(
            &[
                "--subject",
                "patient:42",
                "--table",
                "claims",
                "--text",
                "select"
            ],
            false
        ),
        1
    );
    let report = |name: &str, words: &[&str]| {
        let mut verb = place.verb(&["audit", "report", name, "--output", "json"]);
        let out = succeed(verb.args(words));
        serde_json::from_str::<Value>(&out).unwrap().to_string()
    };
    let patient = report("patient", &["--subject", "patient:42"]);
    assert!(
        patient.contains("SELECT") && patient.contains("public.patients.name"),
        "{patient}"
    );
    let breach = |words: &[&str]| report("breach", &[&["--user", "app"], words].concat());
    assert!(!breach(&[]).contains("patient:42"), "the log names nobody");
    assert!(breach(&["--show-subjects"]).contains("\"patient:42\""));
    assert_eq!(found(&["--subject", "person:42"], false), 0);
    assert_eq!(found(&["--subject", "patient:4"], false), 0);
}

#[test]
fn many_people_are_on_record_before_their_rows_and_no_more_than_is_said() {
    let place = place();
    let mut client = place.raw("app");
    client.query(
        "INSERT INTO patients (id, city) SELECT n, 'Oslo' FROM generate_series(1000, 13999) n",
    );
    client.query("SELECT id FROM patients WHERE city = 'Oslo' AND id < 3500");
    let named = |records: &[Value]| {
        let mut by: BTreeMap<u64, (u64, String)> = BTreeMap::new();
        let mut statements = records.iter().filter(|r| r["type"] == "statement");
        let session = statements.next_back().map(|r| r["session"].clone());
        let own = |r: &&Value| Some(&r["session"]) == session.as_ref();
        for record in records.iter().filter(own) {
            let many = record["subjects"].as_array().map_or(0, Vec::len);
            if record["type"] == "subjects" || record["type"] == "outcome" {
                let entry = by.entry(record["stmt"].as_u64().unwrap()).or_default();
                entry.0 += many as u64;
                if let Some(state) = record["subjects_state"].as_str() {
                    entry.1 = state.to_owned();
                }
            }
        }
        by.into_values().collect::<Vec<_>>()
    };
    let records = place.audit();
    assert!(
        records
            .iter()
            .filter(|r| r["type"] == "subjects")
            .all(|r| r["subjects"].as_array().unwrap().len() <= 1000)
    );
    let by = named(&records);
    assert_eq!(by[by.len() - 1], (2500, "all".to_owned()));
    client.query("SELECT id FROM patients");
    let by = named(&place.audit());
    assert_eq!(by[by.len() - 1], (10_000, "more".to_owned()));
    succeed(&mut place.verb(&["audit", "verify"]));
}

//! Tables made of other tables: LIKE, CREATE TABLE AS and SELECT INTO where the policy names the new table in the
//! same groups, in both protocols, as on the plain twin; cells and their guards at rest.

use crate::ddl::differences;
use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{self, Raw, comparable, sqlstate};
use hippocrypt_e2e::{Setup, sql};

const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.patients:
        subject: id
        columns:
          name:   { type: text,         protect: random }
          ssn:    { type: varchar(11),  protect: deterministic }
          born:   { type: date,         protect: random }
      public.archive:
        columns:
          name:   { type: text,         protect: random,        group: public.patients.name }
          ssn:    { type: varchar(11),  protect: deterministic, group: public.patients.ssn }
          born:   { type: date,         protect: random,        group: public.patients.born }
      public.other:
        columns:
          name:   { type: text,         protect: random }
          ssn:    { type: varchar(12),  protect: deterministic, group: public.patients.ssn }
roles:
  all:     { users: [app], columns: { "*": clear } }
  clerk:   { users: [billing], columns: { public.patients.name: mask, "*": clear } }
"#;

const FILLED: &[&str] = &[
    "CREATE TABLE patients (id int PRIMARY KEY, name text DEFAULT 'marmoset by default', ssn varchar(11) UNIQUE CHECK (ssn <> ''), born date, city text)",
    "INSERT INTO patients VALUES (1, 'Mia Marmoset', '900-88-0001', '1980-01-02', 'A'), (2, 'Bo Marmoset', NULL, NULL, 'B'), (3, NULL, '900-88-0003', '1990-03-04', NULL)",
    "CREATE TABLE clear (name text, ssn varchar(11))",
];

const SAME: &[&str] = &[
    "CREATE TABLE archive AS SELECT * FROM patients ORDER BY id DESC",
    "SELECT * FROM archive",
    "INSERT INTO archive (id, name, ssn) VALUES (4, 'Mia Marmoset', '900-88-0001') RETURNING *",
    "SELECT a.id, p.id FROM archive a JOIN patients p USING (ssn) ORDER BY 1, 2",
    "CREATE TABLE archive AS SELECT * FROM patients",
    "DROP TABLE archive",
    // names, options, and columns that have lost the cell's domain
    "CREATE UNLOGGED TABLE public.archive (number, name, ssn, born) WITH (fillfactor = 70) AS WITH x AS (SELECT * FROM patients WHERE ssn = '900-88-0001' OR id > 1) SELECT id, COALESCE(name, 'none marmoset'), ssn, CASE WHEN id < 3 THEN born END FROM x WITH DATA",
    "SELECT * FROM archive ORDER BY 1",
    "SELECT relpersistence, reloptions FROM pg_class WHERE relname = 'archive'",
    "DROP TABLE archive",
    "CREATE TABLE archive AS SELECT name, ssn, born FROM patients UNION ALL SELECT NULL, ssn, NULL FROM patients WITH NO DATA",
    "SELECT * FROM archive",
    "DROP TABLE archive",
    "SELECT id + 1 AS n, name, ssn, born INTO archive FROM patients WHERE ssn = '900-88-0003'",
    "SELECT * FROM archive",
    "DROP TABLE archive",
    "WITH x AS (TABLE patients) SELECT * INTO UNLOGGED TABLE public.archive FROM x ORDER BY id",
    "SELECT * FROM archive",
    "DROP TABLE archive",
    // in a block and in a string
    "BEGIN; CREATE TABLE archive AS TABLE patients; COMMIT",
    "SELECT count(*), count(ssn) FROM archive",
    "BEGIN",
    "DROP TABLE archive",
    "SELECT * INTO archive FROM patients",
    "UPDATE archive SET ssn = '900-88-0009' WHERE ssn = '900-88-0001' RETURNING ssn",
    "ROLLBACK",
    "SELECT count(*) FROM archive WHERE ssn = '900-88-0009'",
    "SELECT * INTO archive FROM patients",
    "DROP TABLE archive",
    "CREATE TABLE archive AS SELECT name, name FROM patients",
    "SELECT * FROM archive",
    // LIKE
    "CREATE TABLE archive (LIKE patients, CHECK (ssn <> '900-88-0666'), extra int, PRIMARY KEY (id))",
    "INSERT INTO archive SELECT * FROM patients",
    "INSERT INTO archive (id, ssn) VALUES (9, '900-88-0666')",
    "INSERT INTO archive (id) VALUES (8) RETURNING name",
    "SELECT * FROM archive ORDER BY id",
    "SELECT conname, contype FROM pg_constraint WHERE conrelid = 'archive'::regclass AND conname NOT LIKE 'hippocrypt%' ORDER BY 1",
    "DROP TABLE archive",
    "CREATE TABLE IF NOT EXISTS archive (LIKE patients INCLUDING ALL EXCLUDING INDEXES)",
    "INSERT INTO archive (id) VALUES (8) RETURNING name",
    "INSERT INTO archive (ssn) VALUES ('')",
    "INSERT INTO archive (ssn) VALUES ('900-88-0001'), ('900-88-0001')",
    "DROP TABLE archive",
    "CREATE TABLE archive (LIKE patients INCLUDING INDEXES INCLUDING DEFAULTS)",
    "INSERT INTO archive (id, ssn) VALUES (1, '900-88-0001'), (2, '900-88-0001')",
    "DROP TABLE archive",
];

const REFUSED: &[&str] = &[
    "CREATE TABLE archive AS SELECT id, name AS other FROM patients",
    "CREATE TABLE archive AS SELECT id, ssn AS name FROM patients",
    "CREATE TABLE archive AS SELECT 'Mia Marmoset' AS name, 5 AS id FROM patients",
    "CREATE TABLE archive AS SELECT * FROM clear",
    "SELECT * INTO archive FROM clear",
    "CREATE TABLE archive (ssn) AS SELECT COALESCE(ssn, 'x') FROM patients",
    "CREATE TABLE other AS SELECT name FROM patients",
    "CREATE TABLE other AS SELECT ssn FROM patients",
    "CREATE TABLE other (LIKE patients)",
    "CREATE TABLE archive (LIKE clear)",
    "CREATE TABLE archive (LIKE nowhere)",
    "CREATE TABLE copied (LIKE patients)",
    "CREATE TABLE copied AS SELECT name FROM patients",
    "SELECT name INTO copied FROM patients",
    "CREATE TEMP TABLE archive AS SELECT name FROM patients",
    "CREATE TABLE IF NOT EXISTS archive AS SELECT name FROM patients",
    "CREATE MATERIALIZED VIEW archive AS SELECT name FROM patients",
    "EXPLAIN ANALYZE CREATE TABLE archive AS SELECT name FROM patients",
];

fn place() -> (Place, Raw, Raw) {
    let place = Setup::policy(POLICY).start();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let wrong = differences(&mut through, &mut twin, FILLED);
    assert!(wrong.is_empty(), "{wrong}");
    (place, through, twin)
}

/// Columns of cells that no CHECK guards.
fn unguarded(place: &Place) -> Vec<Vec<Option<String>>> {
    let cells = "SELECT a.attrelid::regclass, a.attname FROM pg_attribute a \
        WHERE a.atttypid = 'hippocrypt.cell'::regtype AND a.attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r') \
        AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = a.attrelid AND c.contype = 'c' \
        AND a.attnum = ANY (c.conkey) AND c.conname LIKE 'hippocrypt%')";
    sql::rows(&place.thief(), cells).expect("the catalog")
}

#[test]
fn a_table_of_the_policy_is_made_of_cells_of_its_groups() {
    let (place, mut through, mut twin) = place();
    for statement in SAME {
        let wrong = differences(&mut through, &mut twin, &[statement]);
        assert!(wrong.is_empty(), "{wrong}");
        assert!(unguarded(&place).is_empty(), "{statement}");
    }
    for canary in ["Marmoset", "900-88-000", "marmoset by default"] {
        place.assert_hidden(canary);
    }
}

#[test]
fn any_other_table_is_not() {
    let (place, mut through, _) = place();
    for statement in REFUSED {
        let answer = through.query(statement);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("0A000"),
            "{statement}: {answer:?}"
        );
    }
    let mut clerk = place.raw("billing");
    let masked = clerk.query("CREATE TABLE archive AS SELECT name FROM patients");
    assert_eq!(sqlstate(&masked).as_deref(), Some("0A000"), "{masked:?}");
    let tables = sql::rows(
        &place.thief(),
        "SELECT count(*) FROM pg_class WHERE relname IN ('archive', 'other', 'copied')",
    );
    assert_eq!(tables.unwrap(), [[Some("0".to_owned())]]);
    place.assert_hidden("Marmoset");
}

/// One Sync group: the statement, bound to `number`, and what follows it.
fn group(client: &mut Raw, statement: &str, number: &[u8], then: &str) -> Vec<String> {
    client.pipeline(&[
        raw::parse("", statement, &[]),
        raw::describe(b'S', ""),
        raw::bind("", "", &[Some(number)], 0),
        raw::execute("", 0),
        raw::parse("", then, &[]),
        raw::bind("", "", &[], 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    comparable(&client.until_ready())
}

#[test]
fn in_the_extended_protocol_the_guards_follow_unseen() {
    let (place, mut through, mut twin) = place();
    let seen = "SELECT id, name, ssn FROM archive ORDER BY id";
    for (statement, then) in [
        (
            "CREATE TABLE archive AS SELECT * FROM patients WHERE id >= $1",
            seen,
        ),
        ("DROP TABLE archive", "SELECT $1"),
        (
            "SELECT * INTO archive FROM patients WHERE id >= $1",
            "DROP TABLE archive",
        ),
        // what comes behind it fails, and takes it along
        (
            "CREATE TABLE archive AS SELECT * FROM patients WHERE id >= $1",
            "SELECT 1 / 0",
        ),
        (
            "CREATE TABLE archive AS SELECT * FROM patients WHERE id >= $1",
            "SELECT 1",
        ),
    ] {
        let number: &[u8] = if statement.starts_with("DROP") {
            b""
        } else {
            b"2"
        };
        let run = |client: &mut Raw| match number {
            b"" => comparable(&client.query(statement)),
            _ => group(client, statement, number, then),
        };
        assert_eq!(run(&mut through), run(&mut twin), "{statement}, {then}");
        assert!(unguarded(&place).is_empty(), "{statement}");
    }
    // a named statement runs twice: the second time the table exists
    for client in [&mut through, &mut twin] {
        client.query("DROP TABLE archive");
    }
    let twice = |client: &mut Raw| {
        let mut all = vec![raw::parse(
            "s",
            "CREATE TABLE archive AS TABLE patients",
            &[],
        )];
        for _ in 0..2 {
            all.extend([raw::bind("", "s", &[], 0), raw::execute("", 0), raw::sync()]);
        }
        client.pipeline(&all);
        [client.until_ready(), client.until_ready()].map(|answer| sqlstate(&answer))
    };
    assert_eq!(twice(&mut through), twice(&mut twin));
    let (got, wanted) = (through.query(seen), twin.query(seen));
    assert_eq!(comparable(&got), comparable(&wanted));
    assert!(unguarded(&place).is_empty());
    place.assert_hidden("Marmoset");
}

//! Names and states of a session that change under the proxy's feet: statements made anew, settings, roles, drift.

use super::Must::{Answer, Either};
use super::{SECRET, Trick, all_of, answer, place};
use hippocrypt_e2e::raw::{self, Message, Raw, rows, sqlstate, tags};
use hippocrypt_e2e::sql;

#[test]
fn settings_and_roles() {
    all_of(&[
        Trick(
            "SET ROLE",
            "threats",
            Either,
            &[
                "SET ROLE app",
                "SELECT name FROM patients ORDER BY id",
                "RESET ROLE",
            ],
        ),
        Trick(
            "SET SESSION AUTHORIZATION",
            "threats",
            Either,
            &[
                "SET SESSION AUTHORIZATION app",
                "SELECT name FROM patients ORDER BY id",
            ],
        ),
        Trick(
            "LISTEN and NOTIFY",
            "threats",
            Answer,
            &["LISTEN heron", "NOTIFY heron", "UNLISTEN *"],
        ),
        Trick(
            "RESET ALL",
            "threats",
            Either,
            &[
                "SET LOCAL search_path = pg_catalog",
                "RESET ALL",
                "SELECT name FROM patients ORDER BY id",
            ],
        ),
        Trick(
            "a savepoint takes search_path back",
            "postgres facts 5",
            Answer,
            &[
                "SAVEPOINT s",
                "SET LOCAL search_path = pg_catalog",
                "ROLLBACK TO s",
                "SELECT name FROM patients ORDER BY id",
            ],
        ),
        Trick(
            "row_security and session_replication_role",
            "threats",
            Either,
            &[
                "SET LOCAL row_security = off",
                "SELECT name FROM patients ORDER BY id",
            ],
        ),
        Trick(
            "bytea_output",
            "threats: settings",
            Answer,
            &[
                "SET LOCAL bytea_output = 'escape'",
                "SELECT * FROM patients ORDER BY id",
            ],
        ),
        Trick(
            "a planner's switches",
            "threats",
            Answer,
            &[
                "SET LOCAL enable_hashjoin = off",
                "SET LOCAL enable_seqscan = off",
                "SELECT p.name FROM patients p JOIN claims c ON c.patient_ssn = p.ssn ORDER BY c.id",
            ],
        ),
        Trick("LOAD", "threats", Either, &["LOAD 'auto_explain'"]),
    ]);
}

fn extended(client: &mut Raw, name: &str, text: &str, values: &[Option<&[u8]>]) -> Vec<Message> {
    client.pipeline(&[
        raw::parse(name, text, &[]),
        raw::bind("", name, values, 0),
        raw::describe(b'P', ""),
        raw::execute("", 0),
        raw::sync(),
    ]);
    client.until_ready()
}

/// Parse of a name anew leaves nothing of the old statement (cipherstash 5.10; acra 5.5).
#[test]
fn a_statement_made_anew_under_its_name() {
    let place = place();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let steps: [(&str, &[Option<&[u8]>]); 6] = [
        ("SELECT name FROM patients WHERE id = $1", &[Some(b"1")]),
        ("SELECT room FROM visits WHERE id = $1", &[Some(b"1")]),
        (
            "INSERT INTO patients (id, name) VALUES ($1, $2) RETURNING name",
            &[Some(b"60"), Some(b"Hostile Heron 60")],
        ),
        ("SELECT nonsense FROM patients", &[]),
        (
            "SELECT ssn, notes FROM patients WHERE ssn = $1",
            &[Some(b"Hostile Heron 1")],
        ),
        ("SELECT 1", &[]),
    ];
    for name in ["", "named"] {
        for (sql, values) in steps {
            let (a, b) = (
                extended(&mut through, name, sql, values),
                extended(&mut twin, name, sql, values),
            );
            assert_eq!(answer(&a), answer(&b), "{name:?} {sql}");
            for raw in [&mut through, &mut twin] {
                raw.pipeline(&[raw::close(b'S', name), raw::sync()]);
                raw.until_ready();
            }
        }
        through.query("DELETE FROM patients WHERE id = 60");
        twin.query("DELETE FROM patients WHERE id = 60");
    }
    place.assert_hidden(SECRET);
}

/// After an error in a pipeline, what follows is answered as it should (cipherstash 2.7 and 5.9; acra 2).
#[test]
fn an_error_in_a_pipeline_shifts_nothing() {
    let place = place();
    let ask = |client: &mut Raw| {
        let step = |name: &str, sql: &str| {
            [
                raw::parse(name, sql, &[]),
                raw::describe(b'S', name),
                raw::bind("", name, &[], 0),
                raw::execute("", 0),
            ]
        };
        let mut frames = step("", "SELECT name FROM patients WHERE id = 1").to_vec();
        frames.extend(step("", "SELECT 1 / (id - id), notes FROM patients"));
        frames.extend(step("", "SELECT ssn FROM patients"));
        frames.push(raw::sync());
        frames.extend(step("", "SELECT notes FROM patients WHERE id = 1"));
        frames.push(raw::sync());
        client.pipeline(&frames);
        [client.until_ready(), client.until_ready()].concat()
    };
    let (a, b) = (ask(&mut place.raw("app")), ask(&mut place.raw_twin("app")));
    assert_eq!(answer(&a), answer(&b));
}

/// Portals bound anew, and suspended ones executed again (cipherstash 2.7).
#[test]
fn portals_bound_anew_and_suspended() {
    let place = place();
    let ask = |client: &mut Raw| {
        client.query("BEGIN");
        client.pipeline(&[
            raw::parse("a", "SELECT id, name FROM patients ORDER BY id", &[]),
            raw::parse("b", "SELECT id, room FROM visits ORDER BY id", &[]),
            raw::bind("p", "a", &[], 0),
            raw::execute("p", 1),
            raw::bind("", "b", &[], 0),
            raw::execute("", 1),
            raw::execute("p", 1),
            raw::execute("", 1),
            raw::bind("", "a", &[], 1),
            raw::execute("", 2),
            raw::close(b'P', "p"),
            raw::bind("p", "b", &[], 0),
            raw::execute("p", 0),
            raw::execute("", 0),
            raw::sync(),
        ]);
        let answer = client.until_ready();
        client.query("ROLLBACK");
        answer
    };
    let (a, b) = (ask(&mut place.raw("app")), ask(&mut place.raw_twin("app")));
    assert_eq!(answer(&a), answer(&b));
}

/// DISCARD and DEALLOCATE take what they take on the twin (threats: pipelining).
#[test]
fn what_discard_takes_is_gone() {
    let place = place();
    for what in [
        "DISCARD ALL",
        "DEALLOCATE ALL",
        "DISCARD PLANS",
        "DEALLOCATE s",
    ] {
        let ask = |client: &mut Raw| {
            client.pipeline(&[
                raw::parse("s", "SELECT name FROM patients WHERE id = $1", &[]),
                raw::sync(),
            ]);
            client.until_ready();
            let mut said = client.query(what);
            client.pipeline(&[
                raw::bind("", "s", &[Some(b"1")], 0),
                raw::execute("", 0),
                raw::sync(),
            ]);
            said.extend(client.until_ready());
            said
        };
        let (a, b) = (ask(&mut place.raw("app")), ask(&mut place.raw_twin("app")));
        assert!(
            answer(&a) == answer(&b) || sqlstate(&a).as_deref() == Some("0A000"),
            "{what}: {a:?}\n{b:?}"
        );
    }
}

/// Binds that peers sent on as they were: mixed with constants, twice the same, with a cast, NULL (acra 2;
/// cipherstash 5: `$1` as stored and operand).
#[test]
fn parameters_in_every_company() {
    let place = place();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let secret: Option<&[u8]> = Some(b"Hostile Heron 5");
    let steps: [(&str, Vec<Option<&[u8]>>); 9] = [
        (
            "INSERT INTO patients (id, vip, dob, name) VALUES (61, DEFAULT, NULL, $1)",
            vec![secret],
        ),
        (
            "INSERT INTO patients (id, name, notes) VALUES (62, $1, $1) RETURNING name, notes",
            vec![secret],
        ),
        (
            "INSERT INTO patients (id, ssn) VALUES (63, $1::varchar) RETURNING ssn",
            vec![Some(b"Hostile Heron 63")],
        ),
        (
            "UPDATE patients SET ssn = $1 WHERE ssn = $1 OR id = $2 RETURNING ssn",
            vec![secret, Some(b"61")],
        ),
        (
            "SELECT id FROM patients WHERE ssn = $1 AND $1 IS NOT NULL",
            vec![secret],
        ),
        (
            "SELECT id FROM patients WHERE ssn = ANY ($1) ORDER BY id",
            vec![Some(b"{Hostile Heron 1,Hostile Heron 5,NULL}")],
        ),
        (
            "INSERT INTO patients (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = $3 RETURNING name",
            vec![Some(b"1"), secret, Some(b"Hostile Heron 6")],
        ),
        (
            "UPDATE patients SET name = $1 WHERE id = 1 RETURNING name",
            vec![None],
        ),
        (
            "INSERT INTO patients (id, name) SELECT $1, $2 WHERE EXISTS (SELECT 1 FROM patients WHERE ssn = $2)",
            vec![Some(b"64"), secret],
        ),
    ];
    for (sql, values) in steps {
        let (a, b) = (
            extended(&mut through, "", sql, &values),
            extended(&mut twin, "", sql, &values),
        );
        let no = ["0A000"].contains(&sqlstate(&a).unwrap_or_default().as_str());
        assert!(no || answer(&a) == answer(&b), "{sql}\n{a:?}\n{b:?}");
        assert!(
            !no || sql.contains("$1 IS NOT") || sql.contains("SELECT $1"),
            "refused: {sql}: {a:?}"
        );
        if no {
            twin.query("DELETE FROM patients WHERE id = 64");
        }
    }
    place.assert_hidden(SECRET);
}

/// DDL of a session that ends at once is known to the next one: `psql -c 'CREATE TABLE …'`, then the app.
#[test]
fn ddl_of_a_session_that_ended_is_known_to_others() {
    let place = place();
    let mut waiting = place.raw("app");
    waiting.query("BEGIN");
    let mut app = place.raw("app");
    assert_eq!(sqlstate(&app.query("SELECT 1")), None);
    assert_eq!(
        sqlstate(&place.raw("app").query("CREATE TABLE fresh (id int)")),
        None
    );
    let sql = "SELECT f.id, p.name FROM fresh f RIGHT JOIN patients p USING (id) WHERE p.id = 2";
    assert_eq!(sqlstate(&app.query(sql)), None, "an open session");
    assert_eq!(
        sqlstate(&waiting.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")),
        None
    );
    assert_eq!(sqlstate(&waiting.query(sql)), None, "an open block");
    assert_eq!(
        sqlstate(&place.raw("app").query(sql)),
        None,
        "a new session"
    );
    waiting.query("COMMIT");
    assert_eq!(sqlstate(&place.raw("app").query("DROP TABLE fresh")), None);
    assert_eq!(sqlstate(&app.query(sql)).as_deref(), Some("42P01"));
}

/// Columns that change places between plan and execution (threats: schema drift; postgres facts 6).
#[test]
fn drift_between_parse_and_execute_gives_no_other_column() {
    let place = place();
    let mut client = place.raw("app");
    client.pipeline(&[
        raw::parse("s", "SELECT name FROM patients WHERE id = 1", &[]),
        raw::sync(),
    ]);
    client.until_ready();
    let swap = "ALTER TABLE patients RENAME name TO x; ALTER TABLE patients RENAME notes TO name; ALTER TABLE patients RENAME x TO notes";
    for statement in swap.split("; ") {
        sql::rows(&place.thief(), statement).unwrap();
    }
    client.pipeline(&[raw::bind("", "s", &[], 0), raw::execute("", 0), raw::sync()]);
    let answer = client.until_ready();
    let told = rows(&answer);
    assert!(
        told.is_empty() || told == [[Some(format!("{SECRET} 1"))]],
        "{answer:?}"
    );
    assert!(!tags(&answer).contains('D') || sqlstate(&answer).is_none());
}

/// A column that becomes a cell while a session holds a plan (design: drift).
#[test]
fn a_plan_from_before_a_column_was_dropped() {
    let place = place();
    let mut client = place.raw("app");
    client.pipeline(&[
        raw::parse("s", "INSERT INTO patients (id, name) VALUES ($1, $2)", &[]),
        raw::sync(),
    ]);
    client.until_ready();
    sql::rows(
        &place.thief(),
        "ALTER TABLE patients DROP COLUMN name, ADD COLUMN name text",
    )
    .unwrap();
    client.pipeline(&[
        raw::bind("", "s", &[Some(b"65"), Some(b"Hostile Heron 65")], 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    client.until_ready();
    place.assert_hidden(SECRET);
}

/// A statement and its parameters, literal or bound, each in a session that does not know of DDL done meanwhile.
fn unaware(place: &hippocrypt_e2e::place::Place, sql: &str, literal: &str) -> Vec<Message> {
    let mut client = place.raw("app");
    let mut said = client.query(&sql.replace("$1", &format!("'{literal}'")));
    client.pipeline(&[
        raw::parse("", sql, &[]),
        raw::bind("", "", &[Some(literal.as_bytes())], 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    said.extend(client.until_ready());
    said
}

/// Between DDL and the proxy's knowledge of it: a table of the policy that has just been made, and a column of the
/// policy that has just been added. Nothing that names them goes upstream with a value in clear.
#[test]
fn what_the_policy_names_and_the_snapshot_lacks_is_not_written() {
    let policy = r#"
databases:
  DATABASE:
    tables:
      public.late:
        columns: { secret: { type: text, protect: random } }
      public.grown:
        columns: { secret: { type: text, protect: random }, more: { type: text, protect: random } }
default: clear
"#;
    let place = hippocrypt_e2e::Setup::policy(policy).start();
    let mut client = place.raw("app");
    let made = client.query("CREATE TABLE grown (id int, secret text)");
    assert_eq!(sqlstate(&made), None, "{made:?}");
    let ddl = "CREATE TABLE late (id int, secret hippocrypt.cell); ALTER TABLE grown ADD COLUMN more hippocrypt.cell; GRANT ALL ON late TO app";
    for statement in ddl.split("; ") {
        sql::rows(&place.thief(), statement).unwrap();
    }
    place.tap.forget();
    for statement in [
        "INSERT INTO late VALUES (1, $1)",
        "INSERT INTO public.late (secret) VALUES ($1)",
        "UPDATE late SET secret = $1",
        "SELECT id FROM late WHERE secret = $1",
        "INSERT INTO grown VALUES (1, $1)",
        "INSERT INTO grown (id, more) VALUES (1, $1)",
        "UPDATE grown SET more = $1",
    ] {
        let answer = unaware(&place, statement, SECRET);
        assert!(sqlstate(&answer).is_some(), "{statement}: {answer:?}");
        assert!(!place.tap.saw(SECRET.as_bytes()), "{statement}");
    }
    place.assert_hidden(SECRET);
    // DDL through the proxy reads the catalog anew: both can be used
    assert_eq!(sqlstate(&client.query("CREATE TABLE other (id int)")), None);
    for statement in [
        "INSERT INTO late VALUES (1, 'Hostile Heron')",
        "INSERT INTO grown (id, more) VALUES (1, 'Hostile Heron')",
    ] {
        let answer = client.query(statement);
        assert_eq!(sqlstate(&answer), None, "{statement}: {answer:?}");
    }
    place.assert_hidden(SECRET);
}

//! Cursors, portals and prepared statements: what a name of the session stands for, in SQL and in the protocol, as on
//! the plain twin.
//!
//! Every step goes to the proxy and to the twin in the same session; their answers are equal, or the step is listed
//! as refused.

use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{self, Message, Raw, comparable, sqlstate};
use hippocrypt_e2e::{Setup, sql};

const PATIENTS: &str = "
INSERT INTO patients (id, name, ssn, dob, notes, age, cost) VALUES
  (1, 'Named Numbat', '900-66-0001', '1980-01-02', 'numbat notes', 7, 1.5),
  (2, 'Second Numbat', '900-66-0002', NULL, NULL, NULL, NULL),
  (3, 'Third Numbat', NULL, '1999-12-31', '', -1, 20)";

const CANARIES: [&str; 3] = ["Numbat", "900-66-000", "numbat notes"];

fn clinic() -> (Place, Raw, Raw) {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    place.both(PATIENTS);
    place.both("INSERT INTO visits VALUES (1, 1, 'A'), (2, 2, 'B')");
    let (through, twin) = (place.raw("app"), place.raw_twin("app"));
    (place, through, twin)
}

fn answer(messages: &[Message]) -> Vec<String> {
    let one = |m: &Message| match m.tag {
        'E' => vec![format!("E{}", m.sqlstate())],
        _ => comparable(std::slice::from_ref(m)),
    };
    messages.iter().flat_map(one).collect()
}

/// Each step is one simple query on both sides; `refused` are refused by the proxy with 0A000 and not sent to the twin.
fn same(steps: &str, refused: &[&str]) {
    let (place, mut through, mut twin) = clinic();
    let mut wrong = Vec::new();
    for step in steps.lines().map(str::trim).filter(|s| !s.is_empty()) {
        let a = through.query(step);
        if refused.contains(&step) {
            if sqlstate(&a).as_deref() != Some("0A000") || a.iter().any(|m| m.tag == 'D') {
                wrong.push(format!("{step}\n    not refused: {a:?}"));
            }
            continue;
        }
        let b = twin.query(step);
        if answer(&a) != answer(&b) {
            wrong.push(format!(
                "{step}\n    proxy {:?}\n    twin  {:?}\n    {a:?}",
                answer(&a),
                answer(&b)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}\n{}",
        wrong.len(),
        wrong.join("\n"),
        place.proxy.log()
    );
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

/// The same frames on both sides; whether the answers are equal up to the last ReadyForQuery of `syncs`.
fn both(through: &mut Raw, twin: &mut Raw, frames: &[Vec<u8>]) -> Vec<Message> {
    let syncs = frames
        .iter()
        .filter(|f| matches!(f[0], b'S' | b'Q'))
        .count();
    let run = |client: &mut Raw| {
        client.pipeline(frames);
        (0..syncs)
            .flat_map(|_| client.until_ready())
            .collect::<Vec<_>>()
    };
    let (a, b) = (run(through), run(twin));
    let sent: Vec<_> = frames
        .iter()
        .map(|f| String::from_utf8_lossy(f).into_owned())
        .collect();
    assert_eq!(answer(&a), answer(&b), "{sent:?}\n{a:?}");
    a
}

#[test]
fn a_cursor_moves_as_on_the_twin() {
    same(
        "
        BEGIN
        DECLARE c SCROLL CURSOR FOR SELECT id, name, ssn, dob AS born, age FROM patients ORDER BY id
        FETCH NEXT FROM c
        FETCH PRIOR FROM c
        FETCH FIRST FROM c
        FETCH LAST FROM c
        FETCH ABSOLUTE 2 FROM c
        FETCH ABSOLUTE -1 c
        FETCH RELATIVE -1 IN c
        FETCH RELATIVE 0 c
        FETCH 2 c
        FETCH -2 c
        FETCH FORWARD c
        FETCH FORWARD 0 c
        FETCH FORWARD ALL FROM c
        FETCH BACKWARD 2 FROM c
        FETCH BACKWARD ALL IN c
        MOVE FORWARD 2 IN c
        FETCH ALL c
        MOVE BACKWARD ALL IN c
        MOVE ABSOLUTE 1 IN c
        FETCH c
        CLOSE c
        FETCH c
        ROLLBACK
        FETCH c
        DECLARE outside CURSOR FOR SELECT name FROM patients
        BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT name FROM patients WHERE ssn = '900-66-0002'; FETCH c; FETCH c; CLOSE ALL; COMMIT
        BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH c; DECLARE c CURSOR FOR SELECT 2; COMMIT
        ROLLBACK
        BEGIN; DECLARE \"C c\" INSENSITIVE CURSOR FOR SELECT * FROM patients WHERE id = 1; FETCH \"C c\"; FETCH c; COMMIT
        ROLLBACK
        BEGIN; DECLARE c BINARY CURSOR FOR SELECT id, name, ssn, dob, age, cost FROM patients ORDER BY id; FETCH 2 c; FETCH ALL c; COMMIT
        BEGIN; DECLARE c CURSOR FOR SELECT count(*) FROM patients WHERE ssn = '900-66-0001'; FETCH ALL c; COMMIT
        BEGIN; DECLARE c CURSOR FOR VALUES (1, 'a'); FETCH ALL c; COMMIT
        BEGIN; DECLARE c CURSOR FOR SELECT name FROM patients ORDER BY id; FETCH c; MOVE c; FETCH c; COMMIT; FETCH c
        ",
        &[],
    );
}

#[test]
fn cursors_live_as_long_as_on_the_twin() {
    same(
        "
        DECLARE h CURSOR WITH HOLD FOR SELECT id, name FROM patients ORDER BY id
        FETCH h
        BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM patients ORDER BY id; SAVEPOINT s; DECLARE d CURSOR FOR SELECT name FROM patients ORDER BY id; FETCH d
        FETCH c; ROLLBACK TO s; FETCH c
        FETCH d
        ROLLBACK TO s
        DECLARE d CURSOR FOR SELECT id FROM visits ORDER BY id; FETCH d; RELEASE s; FETCH d
        ROLLBACK
        FETCH h
        BEGIN; DECLARE i CURSOR WITH HOLD FOR SELECT name FROM patients; ROLLBACK
        FETCH i
        BEGIN; DECLARE i CURSOR WITH HOLD FOR SELECT name FROM patients; SELECT 1/0
        COMMIT
        FETCH i
        BEGIN; DECLARE i CURSOR WITH HOLD FOR SELECT name, age FROM patients ORDER BY id; COMMIT AND CHAIN; FETCH i; ROLLBACK
        FETCH i
        BEGIN; CLOSE i; ROLLBACK
        FETCH i
        DECLARE i CURSOR WITH HOLD FOR SELECT room FROM visits; SELECT 1/0
        FETCH i
        DECLARE i CURSOR WITH HOLD FOR SELECT room FROM visits ORDER BY id; FETCH i; DECLARE j CURSOR FOR SELECT ssn FROM patients ORDER BY id; FETCH j
        FETCH j
        FETCH i
        CLOSE h; CLOSE i
        CLOSE h
        DECLARE h CURSOR WITH HOLD FOR SELECT name FROM patients
        DISCARD ALL
        FETCH h
        BEGIN; SAVEPOINT a; SAVEPOINT a; DECLARE k CURSOR FOR SELECT name FROM patients ORDER BY id; RELEASE a; FETCH k; ROLLBACK TO a
        FETCH k
        ROLLBACK
        ",
        &[],
    );
}

#[test]
fn rows_are_changed_where_a_cursor_stands() {
    same(
        "
        BEGIN; DECLARE c CURSOR FOR SELECT * FROM patients WHERE id < 3 FOR UPDATE; FETCH c
        UPDATE patients SET name = 'Current Numbat', age = 8 WHERE CURRENT OF c RETURNING id, name, age
        FETCH c; DELETE FROM patients WHERE CURRENT OF c RETURNING name
        CLOSE c; COMMIT
        SELECT id, name, age FROM patients ORDER BY id
        BEGIN; UPDATE patients SET name = 'x' WHERE CURRENT OF nowhere
        ROLLBACK
        ",
        &[],
    );
}

#[test]
fn prepared_by_sql_and_executed() {
    same(
        "
        PREPARE p (text, int) AS SELECT id, name, dob FROM patients WHERE ssn = $1 AND id < $2
        EXECUTE p('900-66-0001', 5)
        EXECUTE p('900-66-0001', 5.4)
        EXECUTE p('900-66-0001'::varchar(11), 2 + 3)
        EXECUTE p('900-66-0001x'::varchar(11), '7')
        EXECUTE p(NULL, 5)
        EXECUTE p(900, -5)
        EXECUTE p(true, 5)
        EXECUTE p
        EXECUTE p('a')
        EXECUTE p('a', 'b')
        EXECUTE nobody('x')
        PREPARE p AS SELECT 1
        PREPARE w AS INSERT INTO patients (id, name, ssn, dob, age, cost, alive) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id, name, ssn, dob, age, cost, alive
        EXECUTE w(10, 'Tenth Numbat', '900-66-0010', '2001-02-03', '5', '1.005', 'yes')
        EXECUTE w(11, 'Eleventh Numbat', 12, date '2001-02-03', 5.5, 3, true)
        EXECUTE w(12, -7, NULL, NULL, -7, -1.25, NULL)
        EXECUTE w(13, 'x', 'far too long for an ssn', NULL, NULL, NULL, NULL)
        EXECUTE w(13, 'x', NULL, '2001-02-30', NULL, NULL, NULL)
        EXECUTE w(13, 'x', NULL, NULL, 3000000000, NULL, NULL)
        EXECUTE w(13, 'x', NULL, NULL, 'five', NULL, NULL)
        EXECUTE w(13, 'x', NULL, NULL, true, NULL, NULL)
        EXECUTE w(13, 'x', NULL, NULL, '5'::text, NULL, NULL)
        EXECUTE w(13, 1.50, NULL, NULL, 7::int8, 7::int4, 'f'::bool)
        EXECUTE w(14, '14'::varchar(1), NULL, NULL, NULL, NULL, NULL)
        EXECUTE w(14, NULL, NULL, NULL, NULL, NULL, NULL)
        SELECT id, name, ssn, dob, age, cost, alive FROM patients ORDER BY id
        PREPARE u (varchar) AS UPDATE patients SET name = 'Constant Numbat', notes = $1 WHERE ssn = $1 RETURNING notes, ssn
        EXECUTE u('900-66-0010')
        DEALLOCATE u
        EXECUTE u('900-66-0010')
        PREPARE v AS SELECT room FROM visits WHERE id = $1; EXECUTE v(1); EXECUTE v('2'); DEALLOCATE v
        EXECUTE v(1)
        PREPARE m (unknown, int) AS SELECT age FROM patients WHERE ssn = $1 LIMIT $2
        EXECUTE m('900-66-0001', 1)
        BEGIN; PREPARE t AS SELECT name FROM patients WHERE id = $1; ROLLBACK
        EXECUTE t(1)
        BEGIN; DEALLOCATE t; ROLLBACK
        EXECUTE t(1)
        PREPARE broken AS SELECT nothing FROM patients
        EXECUTE broken
        PREPARE e AS SELECT id FROM patients WHERE ssn = $1
        CREATE TEMP TABLE ids AS EXECUTE e('900-66-0001')
        SELECT * FROM ids
        CREATE TEMP TABLE copied AS EXECUTE t(1)
        CREATE TEMP TABLE copied AS EXECUTE p('900-66-0001', 5)
        EXECUTE e('900-66-' || '0001')
        EXECUTE e(NULL)
        PREPARE a (varchar[], int) AS SELECT id, ssn FROM patients WHERE ssn = ANY ($1) AND id < $2 ORDER BY id
        EXECUTE a('{900-66-0001,900-66-0002,NULL}', 9)
        EXECUTE a('{900-66-0001', 9)
        EXECUTE a(5, 9)
        EXECUTE a(NULL, 9)
        PREPARE s AS SELECT id FROM patients WHERE ssn = $1::varchar(11)
        EXECUTE s('900-66-0001 and more')
        DEALLOCATE ALL
        EXECUTE e('900-66-0001')
        PREPARE e AS SELECT id FROM patients WHERE ssn = $1; EXECUTE e('900-66-0001'); DISCARD ALL
        DISCARD ALL
        EXECUTE e('x')
        BEGIN; SELECT 1/0
        EXECUTE e('x')
        ROLLBACK
        ",
        &[
            "CREATE TEMP TABLE copied AS EXECUTE p('900-66-0001', 5)",
            "EXECUTE e('900-66-' || '0001')",
        ],
    );
}

fn call(portal: &str, statement: &str, text: &str, values: &[Option<&[u8]>]) -> Vec<Vec<u8>> {
    vec![
        raw::parse(statement, text, &[]),
        raw::describe(b'S', statement),
        raw::bind(portal, statement, values, 0),
        raw::describe(b'P', portal),
        raw::execute(portal, 0),
    ]
}

fn bound(portal: &str, statement: &str, values: &[Option<&[u8]>], format: u16) -> Vec<Vec<u8>> {
    vec![
        raw::bind(portal, statement, values, format),
        raw::describe(b'P', portal),
        raw::execute(portal, 0),
        raw::sync(),
    ]
}

fn with_sync(mut frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    frames.push(raw::sync());
    frames
}

#[test]
fn cursors_by_the_protocol() {
    let (place, mut through, mut twin) = clinic();
    let ssn: &[Option<&[u8]>] = &[Some(b"900-66-0001")];
    let mut step = |frames: &[Vec<u8>]| both(&mut through, &mut twin, frames);
    step(&[
        raw::parse("f", "FETCH 2 FROM c", &[]),
        raw::describe(b'S', "f"),
        raw::sync(),
    ]);
    step(&bound("", "f", &[], 0));
    step(&[raw::query("BEGIN")]);
    let rows = step(&with_sync(call(
        "",
        "",
        "DECLARE c CURSOR FOR SELECT id, name, dob FROM patients WHERE ssn = $1 OR id = 2 ORDER BY id",
        ssn,
    )));
    assert!(sqlstate(&rows).is_none(), "{rows:?}");
    step(&[raw::describe(b'P', "c"), raw::sync()]);
    let rows = step(&bound("", "f", &[], 1));
    assert_eq!(raw::rows(&rows).len(), 2, "{rows:?}");
    step(&[raw::query("MOVE BACKWARD ALL IN c")]);
    step(&[raw::execute("c", 1), raw::sync()]);
    step(&with_sync(call("", "", "FETCH NEXT FROM c", &[])));
    // the name gets another cursor: the prepared FETCH opens by that one
    step(&[raw::query(
        "CLOSE c; DECLARE c CURSOR FOR SELECT ssn, room FROM patients p JOIN visits v ON v.id = p.id ORDER BY 2",
    )]);
    let rows = step(&bound("", "f", &[], 0));
    assert_eq!(raw::rows(&rows)[0][0].as_deref(), Some("900-66-0001"));
    step(&[raw::query(
        "CLOSE c; DECLARE c CURSOR FOR SELECT room FROM visits ORDER BY id",
    )]);
    step(&bound("", "f", &[], 1));
    // a portal of the protocol, read by SQL and by the protocol in turn
    step(&[
        raw::parse("s", "SELECT id, name FROM patients ORDER BY id", &[]),
        raw::bind("My portal", "s", &[], 0),
        raw::execute("My portal", 1),
        raw::sync(),
    ]);
    let rows = step(&[raw::query("FETCH 1 FROM \"My portal\"")]);
    assert_eq!(raw::rows(&rows)[0][1].as_deref(), Some("Second Numbat"));
    step(&[raw::execute("My portal", 0), raw::sync()]);
    step(&[raw::query("CLOSE \"My portal\"")]);
    step(&[raw::execute("My portal", 0), raw::sync()]);
    step(&[raw::query("ROLLBACK")]);
    step(&bound("", "f", &[], 0));
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

#[test]
fn a_pipeline_of_cursors_before_one_sync() {
    let (place, mut through, mut twin) = clinic();
    let mut all = Vec::new();
    for text in [
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT name FROM patients ORDER BY id",
        "FETCH 1 FROM c",
        "SAVEPOINT s",
        "DECLARE d CURSOR FOR SELECT ssn FROM patients ORDER BY id",
        "FETCH d",
        "ROLLBACK TO s",
        "FETCH c",
        "PREPARE p AS SELECT age FROM patients WHERE ssn = $1",
        "EXECUTE p('900-66-0001')",
        "CLOSE c",
        "COMMIT",
    ] {
        all.extend(call("", "", text, &[]));
    }
    let rows = both(&mut through, &mut twin, &with_sync(all));
    assert_eq!(raw::rows(&rows).len(), 4, "{rows:?}");
    let failing = [
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT name FROM patients",
        "SELECT 1/0",
        "FETCH c",
    ];
    let mut all: Vec<_> = failing
        .iter()
        .flat_map(|text| call("", "", text, &[]))
        .collect();
    all.push(raw::sync());
    all.extend([
        raw::query("FETCH c"),
        raw::query("ROLLBACK"),
        raw::query("FETCH c"),
    ]);
    both(&mut through, &mut twin, &all);
    // what cells cannot do, in the middle: nothing behind it runs, the block is aborted
    let refused = [
        "BEGIN",
        "DECLARE c CURSOR FOR SELECT upper(name) FROM patients",
        "FETCH c",
    ];
    let all: Vec<_> = refused
        .iter()
        .flat_map(|text| call("", "", text, &[]))
        .collect();
    through.pipeline(&with_sync(all));
    let answer = through.until_ready();
    assert_eq!(
        (sqlstate(&answer).as_deref(), raw::status(&answer)),
        (Some("0A000"), 'E')
    );
    through.query("ROLLBACK");
    assert!(through.is_quiet());
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

#[test]
fn one_namespace_for_prepared_statements() {
    let (place, mut through, mut twin) = clinic();
    let ssn: &[Option<&[u8]>] = &[Some(b"900-66-0001")];
    let mut step = |frames: &[Vec<u8>]| both(&mut through, &mut twin, frames);
    // parsed by the protocol, executed by SQL
    step(&[
        raw::parse("q", "SELECT id, name FROM patients WHERE ssn = $1", &[]),
        raw::parse(
            "typed",
            "SELECT id, name FROM patients WHERE ssn = $1 AND id < $2",
            &[1043, 20],
        ),
        raw::sync(),
    ]);
    let rows = step(&[raw::query("EXECUTE q('900-66-0001')")]);
    assert_eq!(raw::rows(&rows)[0][1].as_deref(), Some("Named Numbat"));
    step(&[raw::query(
        "EXECUTE typed('900-66-0001', 4); EXECUTE typed(5, 4); EXECUTE typed(NULL, 4)",
    )]);
    step(&with_sync(call("", "", "EXECUTE q('900-66-0001')", &[])));
    step(&[raw::query("DEALLOCATE q")]);
    step(&bound("", "q", ssn, 0));
    // prepared by SQL, bound by the protocol
    step(&[raw::query(
        "PREPARE q (text) AS SELECT id, name, dob FROM patients WHERE ssn = $1",
    )]);
    step(&[raw::describe(b'S', "q"), raw::sync()]);
    let rows = step(&bound("", "q", ssn, 1));
    assert_eq!(raw::rows(&rows).len(), 1);
    step(&[raw::parse("q", "SELECT 1", &[]), raw::sync()]);
    step(&bound("", "q", ssn, 0));
    step(&with_sync(call("", "e", "EXECUTE q('900-66-0002')", &[])));
    step(&[raw::close(b'S', "q"), raw::sync()]);
    step(&[raw::query("EXECUTE q('900-66-0002')")]);
    step(&with_sync(call(
        "",
        "p",
        "PREPARE r AS INSERT INTO patients (id, name) VALUES ($1, $2) RETURNING name",
        &[],
    )));
    step(&bound(
        "",
        "r",
        &[Some(b"20"), Some(b"Twentieth Numbat")],
        0,
    ));
    step(&[raw::query("EXECUTE r(21, 'Numbat of EXECUTE')")]);
    step(&[raw::query("SELECT id, name FROM patients ORDER BY id")]);
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

/// A prepared EXECUTE whose statement has become another one is not run by the old plan.
#[test]
fn a_name_that_has_moved_on() {
    let (place, mut through, _) = clinic();
    through.query("PREPARE q AS SELECT name FROM patients WHERE id = 1");
    through.pipeline(&[raw::parse("e", "EXECUTE q", &[]), raw::sync()]);
    through.until_ready();
    through.query("DEALLOCATE q");
    through.query("PREPARE q AS SELECT ssn FROM patients WHERE id = 1");
    through.pipeline(&bound("", "e", &[], 0));
    let answer = through.until_ready();
    assert_eq!(sqlstate(&answer).as_deref(), Some("0A000"), "{answer:?}");
    // another search_path: the statement would mean another table
    through.query("CREATE SCHEMA other");
    through.query("CREATE TABLE other.patients (id int, name text)");
    through.query("INSERT INTO other.patients VALUES (1, 'unprotected')");
    through.query("SET search_path TO other, public");
    let answer = through.query("EXECUTE q");
    assert_eq!(sqlstate(&answer).as_deref(), Some("0A000"), "{answer:?}");
    through.query("RESET search_path");
    let answer = through.query("EXECUTE q");
    assert_eq!(
        raw::rows(&answer)[0][0].as_deref(),
        Some("900-66-0001"),
        "{answer:?}"
    );
    place.assert_hidden("Numbat");
}

/// No form of EXPLAIN shows a cell, and its documents stay documents.
#[test]
fn explain_shows_no_cell() {
    let (place, mut through, mut twin) = clinic();
    through.query("PREPARE p AS SELECT name FROM patients WHERE ssn = $1 OR ssn = '900-66-0002'");
    twin.query("PREPARE p AS SELECT name FROM patients WHERE ssn = $1 OR ssn = '900-66-0002'");
    let statements = [
        "SELECT name FROM patients WHERE ssn = '900-66-0001' OR ssn IN ('900-66-0002', 'x')",
        "INSERT INTO patients (id, name, ssn) VALUES (50, 'Explained Numbat', '900-66-0050'), (51, 'x', NULL)",
        "UPDATE patients SET name = 'Explained Numbat' WHERE ssn = '900-66-0001' RETURNING ssn",
        "DELETE FROM patients WHERE ssn = '900-66-0003'",
        "DECLARE c CURSOR FOR SELECT name, 'quoted' FROM patients WHERE ssn = '900-66-0001'",
        "EXECUTE p('900-66-0001')",
    ];
    let options = [
        "",
        "VERBOSE",
        "ANALYZE VERBOSE",
        "(ANALYZE, VERBOSE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)",
        "(VERBOSE, FORMAT JSON)",
        "(ANALYZE, VERBOSE, SETTINGS, FORMAT XML)",
        "(VERBOSE, FORMAT YAML)",
    ];
    for (setting, statement) in ["hex", "escape"]
        .iter()
        .flat_map(|s| statements.map(|t| (s, t)))
    {
        for option in options {
            through.query(&format!("BEGIN; SET LOCAL bytea_output = {setting}"));
            let text = format!("EXPLAIN {option} {statement}");
            let answer = through.query(&text);
            through.query("ROLLBACK");
            assert_eq!(sqlstate(&answer), None, "{text}: {answer:?}");
            let shown: String = raw::rows(&answer)
                .into_iter()
                .flatten()
                .flatten()
                .map(|l| l + "\n")
                .collect();
            assert!(!shown.is_empty(), "{text}");
            for leak in ["f5e1", "\\365\\341", "365\\\\341", "66-00", "Numbat"] {
                assert!(!shown.contains(leak), "{text} shows {leak}: {shown}");
            }
            if option.contains("JSON") {
                serde_json::from_str::<serde_json::Value>(&shown)
                    .unwrap_or_else(|e| panic!("{text}: {e}\n{shown}"));
            }
            if option.contains("XML") {
                assert!(shown.trim_end().ends_with("</explain>"), "{shown}");
            }
        }
    }
    both(
        &mut through,
        &mut twin,
        &[
            raw::parse(
                "x",
                "EXPLAIN (COSTS OFF) SELECT id FROM patients WHERE ssn = $1",
                &[],
            ),
            raw::describe(b'S', "x"),
            raw::sync(),
        ],
    );
    place.assert_hidden("66-00");
    let kept = sql::rows(&place.thief(), "SELECT count(*) FROM patients").unwrap();
    assert_eq!(kept, [[Some("3".to_owned())]]);
}

/// The record of EXECUTE and FETCH says what they read.
#[test]
fn the_record_says_what_a_name_stood_for() {
    let (place, mut through, _) = clinic();
    through.query("BEGIN; DECLARE c CURSOR FOR SELECT name FROM patients; FETCH ALL c; COMMIT");
    through.query("PREPARE p AS SELECT dob FROM patients WHERE ssn = $1");
    through.query("EXECUTE p('900-66-0001')");
    let lines: Vec<String> = place.audit().iter().map(ToString::to_string).collect();
    let of = |kind: &str| {
        let key = format!("\"kind\":\"{kind}\"");
        let line = lines.iter().find(|l| l.contains(&key));
        line.unwrap_or_else(|| panic!("no record of {kind}"))
            .clone()
    };
    let fetch = of("FETCH");
    assert!(
        fetch.contains("public.patients.name")
            && fetch.contains("\"tables\":[\"public.patients\"]"),
        "{fetch}"
    );
    let execute = of("EXECUTE");
    assert!(
        execute.contains("public.patients.dob") && execute.contains("public.patients.ssn"),
        "{execute}"
    );
    assert!(lines.iter().all(|l| !l.contains("66-0001")));
}

/// What PostgreSQL keeps of a statement's text went upstream with cells in it: the views show none.
#[test]
fn views_of_statements_show_no_cell() {
    let (place, mut through, _) = clinic();
    through.query("PREPARE p AS SELECT name FROM patients WHERE ssn = '900-66-0001'");
    through.query("BEGIN");
    through.query("DECLARE c CURSOR FOR SELECT name FROM patients WHERE ssn = '900-66-0001'");
    for text in [
        "SELECT * FROM pg_cursors",
        "SELECT statement FROM pg_prepared_statements",
        "SELECT query FROM pg_stat_activity",
        "DECLARE d CURSOR FOR SELECT statement FROM pg_cursors",
        "FETCH ALL d",
    ] {
        let answer = through.query(text);
        assert_eq!(sqlstate(&answer), None, "{text}: {answer:?}");
        assert!(
            !format!("{answer:?}").contains("f5e1"),
            "{text}: {answer:?}"
        );
    }
    let both = raw::rows(
        &through
            .query("SELECT p.statement, c.statement FROM pg_prepared_statements p, pg_cursors c"),
    );
    assert!(format!("{both:?}").contains("(encrypted)"), "{both:?}");
    place.assert_hidden("66-0001");
}

/// A cursor that nobody declared: passes where no function could have opened it over cells, else it is refused.
#[test]
fn a_cursor_that_a_function_has_opened() {
    const TRUSTING: &str = "
databases:
  DATABASE:
    functions: { \"public.opened\": trusted }
    tables:
      public.patients: { columns: { name: { type: text, protect: random } } }
default: clear
";
    let place = Setup::policy(TRUSTING).start();
    place.both("CREATE TABLE patients (id int, name text); INSERT INTO patients VALUES (1, 'Named Numbat')");
    let function = "CREATE FUNCTION opened() RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE c refcursor := 'mine'; \
        BEGIN OPEN c FOR SELECT name FROM patients; RETURN c; END $$";
    sql::rows(&place.thief(), function).unwrap();
    let mut client = place.raw("app");
    client.query("BEGIN");
    let answer = client.query("SELECT opened()");
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    let answer = client.query("FETCH ALL FROM mine");
    assert_eq!(sqlstate(&answer).as_deref(), Some("0A000"), "{answer:?}");
    assert!(raw::rows(&answer).is_empty());
    client.query("ROLLBACK");
    client.query("BEGIN");
    client.query("SELECT opened()");
    client.pipeline(&with_sync(call("", "", "FETCH ALL FROM mine", &[])));
    let answer = client.until_ready();
    assert_eq!(sqlstate(&answer).as_deref(), Some("0A000"), "{answer:?}");
    client.query("ROLLBACK");
    assert!(client.is_quiet());
}

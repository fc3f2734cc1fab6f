//! Previous and new cells of rows, with who changed them: written by triggers, so that nothing goes around them.

use hippocrypt_e2e::place::{CLINIC, CLINIC_TABLES, Place, cluster, password};
use hippocrypt_e2e::raw::{copy_data, copy_done, query, rows, sqlstate};
use hippocrypt_e2e::sql::{program, rows as direct, succeed};
use hippocrypt_e2e::{Raw, Setup};
use std::sync::Arc;

fn policy() -> String {
    CLINIC.replace(
        "public.patients:\n",
        "public.patients:\n        changes: true\n",
    )
}

/// The clinic with the record of changes of its patients; its service role may make triggers.
fn clinic() -> Place {
    let place = Setup::policy(&policy()).start();
    place.both(CLINIC_TABLES);
    let mut app = place.raw("app");
    assert_eq!(
        code(&mut app, "GRANT TRIGGER ON patients TO hippocrypt"),
        None
    );
    place
}

fn code(client: &mut Raw, sql: &str) -> Option<String> {
    sqlstate(&client.query(sql))
}

type Row = Vec<Option<String>>;

/// These columns of the record, in order.
fn changes(place: &Place, columns: &str) -> Vec<Row> {
    let sql = format!("SELECT {columns} FROM hippocrypt.changes ORDER BY change");
    direct(&place.thief(), &sql).unwrap()
}

fn row(words: &[&str]) -> Row {
    let some = |w: &&str| (!w.is_empty()).then(|| (*w).to_owned());
    words.iter().map(some).collect()
}

const CELLS: [&str; 2] = [
    "before ->> 'name' LIKE '\\\\xf5e1%'",
    "after ->> 'name' LIKE '\\\\xf5e1%'",
];

#[test]
fn each_write_is_recorded_with_its_cells_and_its_actor() {
    let place = clinic();
    let mut app = place.raw("app");
    app.query("SET hippocrypt.user = 'dr_grey'; SET hippocrypt.reason = 'T-1'");
    for sql in [
        "INSERT INTO patients (id, name, ssn) VALUES (1, 'Changed Heron', '900-51-0001')",
        "UPDATE patients SET name = 'Second Heron' WHERE id = 1",
        "UPDATE patients SET vip = true WHERE id = 1",
        "INSERT INTO patients (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
    ] {
        assert_eq!(code(&mut app, sql), None, "{sql}");
    }
    app.query("BEGIN");
    app.query("SET LOCAL hippocrypt.user = 'dr_bailey'");
    app.query("DELETE FROM patients WHERE id = 1");
    app.query("COMMIT");
    let pid = app.key.0.to_string();
    let columns = format!(
        "operation, key ->> 'id', subject, {}, {}, end_user, reason, login, application, backend_pid, relation",
        CELLS[0], CELLS[1]
    );
    let expected = |operation, before, after, user| {
        row(&[
            operation,
            "1",
            "1",
            before,
            after,
            user,
            "T-1",
            "app",
            "raw",
            &pid,
            "public.patients",
        ])
    };
    assert_eq!(
        changes(&place, &columns),
        [
            expected("INSERT", "", "t", "dr_grey"),
            expected("UPDATE", "t", "t", "dr_grey"),
            expected("UPDATE", "t", "t", "dr_grey"),
            expected("DELETE", "t", "", "dr_bailey"),
        ]
    );
    let chained = "SELECT count(*) FROM hippocrypt.changes a JOIN hippocrypt.changes b ON a.after = b.before AND a.change < b.change";
    assert_eq!(direct(&place.thief(), chained).unwrap(), [row(&["3"])]);
    for canary in ["Changed Heron", "Second Heron", "900-51-0001"] {
        place.assert_hidden(canary);
    }
}

#[test]
fn what_goes_around_the_proxy_and_what_is_copied_or_truncated_is_recorded_too() {
    let place = clinic();
    let mut app = place.raw("app");
    app.send(&query("COPY patients (id, name) FROM STDIN"));
    app.until("GE");
    app.pipeline(&[copy_data(b"1\tOne\n2\tTwo\n"), copy_done()]);
    app.until_ready();
    app.query(
        "MERGE INTO patients p USING (VALUES (2)) v (id) ON p.id = v.id WHEN MATCHED THEN DELETE",
    );
    let thief = place.thief();
    direct(&thief, "UPDATE patients SET id = 3 WHERE id = 1").unwrap();
    direct(&thief, "BEGIN; DELETE FROM patients; ROLLBACK").unwrap();
    assert_eq!(code(&mut app, "TRUNCATE patients"), None);
    let found = changes(&place, "operation, key ->> 'id', login");
    let superuser = found[3][2].clone().unwrap();
    assert_ne!(superuser, "app");
    let expected = [
        row(&["INSERT", "1", "app"]),
        row(&["INSERT", "2", "app"]),
        row(&["DELETE", "2", "app"]),
        row(&["UPDATE", "1", &superuser]),
        row(&["TRUNCATE", "", "app"]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn nobody_but_the_trigger_writes_the_record() {
    let place = clinic();
    let mut app = place.raw("app");
    for sql in [
        "SELECT * FROM hippocrypt.changes",
        "DELETE FROM hippocrypt.changes",
        "INSERT INTO hippocrypt.changes (relation, operation) VALUES ('public.patients', 'DELETE')",
        "TRUNCATE hippocrypt.changes",
        "CREATE TRIGGER mine AFTER INSERT ON visits FOR EACH ROW EXECUTE FUNCTION hippocrypt.record_change('')",
    ] {
        assert!(code(&mut app, sql).is_some(), "{sql}");
    }
    for sql in [
        "ALTER TABLE patients DISABLE TRIGGER ALL",
        "ALTER TABLE patients DISABLE TRIGGER USER",
        "ALTER TABLE patients DISABLE TRIGGER hippocrypt_changes",
        "ALTER TABLE patients ENABLE REPLICA TRIGGER hippocrypt_changes",
        "DROP TRIGGER hippocrypt_changes ON patients",
        "DROP TABLE hippocrypt.changes",
    ] {
        assert_eq!(code(&mut app, sql).as_deref(), Some("0A000"), "{sql}");
    }
    assert!(changes(&place, "operation").is_empty());
}

#[test]
fn a_table_is_not_written_to_before_its_changes_are_recorded() {
    let place = Setup::policy(&policy()).start();
    place.both(CLINIC_TABLES);
    let mut app = place.raw("app");
    let write = "INSERT INTO patients (id, name) VALUES (1, 'Early Heron')";
    for sql in [
        write,
        "DELETE FROM patients",
        "TRUNCATE patients",
        "COPY patients (id) FROM STDIN",
    ] {
        assert_eq!(code(&mut app, sql).as_deref(), Some("55000"), "{sql}");
    }
    assert_eq!(code(&mut app, "SELECT name FROM patients"), None);
    assert!(place.proxy.log().contains("its changes cannot be recorded"));
    assert_eq!(
        code(&mut app, "GRANT TRIGGER ON patients TO hippocrypt"),
        None
    );
    assert_eq!(code(&mut app, write), None);
    assert_eq!(changes(&place, "operation"), [row(&["INSERT"])]);
    // whoever goes around the proxy may stop it: the next write through it is refused, until it is there again
    let thief = place.thief();
    direct(
        &thief,
        "ALTER TABLE patients DISABLE TRIGGER hippocrypt_changes",
    )
    .unwrap();
    app.query("CREATE TABLE anything (id int)");
    assert_eq!(code(&mut app, "UPDATE patients SET name = 'x'"), None);
    assert_eq!(
        changes(&place, "operation"),
        [row(&["INSERT"]), row(&["UPDATE"])]
    );
}

#[test]
fn concurrent_writers_leave_a_chain_without_a_gap() {
    let place = Arc::new(clinic());
    let mut app = place.raw("app");
    app.query("INSERT INTO patients (id, name) VALUES (1, 'v')");
    let writers: Vec<_> = (0..4)
        .map(|n| {
            let place = Arc::clone(&place);
            std::thread::spawn(move || {
                let mut client = place.raw("app");
                client.query(&format!("SET hippocrypt.user = 'writer {n}'"));
                for i in 0..25 {
                    let sql = format!("UPDATE patients SET name = 'v {n} {i}' WHERE id = 1");
                    assert_eq!(code(&mut client, &sql), None);
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|w| w.join().unwrap());
    let thief = place.thief();
    // each state but the last is the previous one of exactly one change
    let unchained = "SELECT count(*) FROM hippocrypt.changes a WHERE (SELECT count(*) FROM hippocrypt.changes b WHERE b.before = a.after) <> 1";
    assert_eq!(direct(&thief, unchained).unwrap(), [row(&["1"])]);
    let by = "SELECT end_user, count(*) FROM hippocrypt.changes WHERE operation = 'UPDATE' GROUP BY 1 ORDER BY 1";
    let expected: Vec<_> = (0..4)
        .map(|n| row(&[&format!("writer {n}"), "25"]))
        .collect();
    assert_eq!(direct(&thief, by).unwrap(), expected);
}

#[test]
fn partitions_and_children_are_recorded() {
    let policy = "databases:\n  DATABASE:\n    tables:\n      public.notes:\n        changes: true\n        subject: patient\n        columns: { body: { type: text, protect: random } }\n      public.parents:\n        changes: true\n        columns: { body: { type: text, protect: random } }\ndefault: clear\n";
    let place = Setup::policy(policy).start();
    let mut app = place.raw("app");
    for sql in [
        "CREATE TABLE notes (id int, patient int, body text, PRIMARY KEY (id)) PARTITION BY RANGE (id)",
        "CREATE TABLE notes_1 PARTITION OF notes FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE parents (id int, body text)",
        "CREATE TABLE children () INHERITS (parents)",
        "GRANT TRIGGER ON notes, notes_1, parents TO hippocrypt",
        "INSERT INTO notes VALUES (1, 42, 'x')",
        "UPDATE notes_1 SET body = 'y'",
    ] {
        assert_eq!(code(&mut app, sql), None, "{sql}");
    }
    assert_eq!(
        code(&mut app, "INSERT INTO parents VALUES (1, 'x')").as_deref(),
        Some("55000")
    );
    assert_eq!(
        code(&mut app, "GRANT TRIGGER ON children TO hippocrypt"),
        None
    );
    assert_eq!(code(&mut app, "INSERT INTO children VALUES (1, 'x')"), None);
    assert_eq!(code(&mut app, "UPDATE parents SET body = 'y'"), None);
    let expected = [
        row(&["public.notes_1", "INSERT", "42"]),
        row(&["public.notes_1", "UPDATE", "42"]),
        row(&["public.children", "INSERT", ""]),
        row(&["public.children", "UPDATE", ""]),
    ];
    assert_eq!(changes(&place, "relation, operation, subject"), expected);
}

#[test]
fn the_schema_that_an_app_sees_has_no_record_in_it() {
    let place = clinic();
    place.both("GRANT TRIGGER ON patients TO hippocrypt");
    place.both("INSERT INTO patients (id, name) VALUES (1, 'Dumped Heron')");
    let twin = |name: &str| {
        let (port, database) = (cluster().port(), place.twin_database());
        program(name, port, "app", &password("app"), &database)
    };
    let lines = |text: String| -> Vec<String> {
        let plain = text.replace(&place.twin_database(), &place.database);
        let kept = plain.lines().filter(|l| !l.contains("restrict "));
        kept.map(str::to_owned).collect()
    };
    for what in ["\\d", "\\d+ patients", "\\df *.*record*", "\\dT", "\\dn"] {
        let run = |mut psql: std::process::Command| {
            psql.args(["-c", what]);
            lines(succeed(&mut psql))
        };
        assert_eq!(
            run(place.program("psql", "app")),
            run(twin("psql")),
            "{what}"
        );
    }
    for sql in [
        "SELECT trigger_name FROM information_schema.triggers",
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
        "SELECT proname FROM pg_proc WHERE proname IN ('record_change', 'record_truncate')",
        "SELECT typname FROM pg_type WHERE typname LIKE '%changes'",
        "SELECT relname FROM pg_class WHERE relname LIKE 'changes%'",
    ] {
        assert!(rows(&place.raw("app").query(sql)).is_empty(), "{sql}");
    }
    let through = lines(succeed(&mut place.program("pg_dump", "app")));
    assert_eq!(through, lines(succeed(&mut twin("pg_dump"))));
    assert!(through.iter().any(|line| line.contains("Dumped Heron")));
}

#[test]
fn a_policy_that_names_another_subject_is_followed() {
    let place = clinic();
    let other = policy().replacen("subject: id", "subject: vip", 1);
    let text = other.replace("DATABASE", &place.database);
    std::fs::write(place.directory().join("policy.yaml"), text).unwrap();
    place.proxy.signal("HUP");
    let reloaded = |r: &serde_json::Value| r["type"] == "policy" && r["action"] == "reload";
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !place.audit().iter().any(reloaded) {
        assert!(std::time::Instant::now() < until, "{}", place.proxy.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut app = place.raw("app");
    let sql = "INSERT INTO patients (id, name, vip) VALUES (7, 'x', true)";
    assert_eq!(code(&mut app, sql), None);
    assert_eq!(
        changes(&place, "key ->> 'id', subject"),
        [row(&["7", "true"])]
    );
}

#[test]
fn a_truncate_that_reaches_a_table_by_its_foreign_key_is_recorded_or_refused() {
    let place = clinic();
    let mut app = place.raw("app");
    for sql in [
        "CREATE TABLE wards (id int PRIMARY KEY)",
        "ALTER TABLE patients ADD COLUMN ward int REFERENCES wards",
        "INSERT INTO patients (id, name) VALUES (1, 'Ward Heron')",
        "TRUNCATE wards CASCADE",
    ] {
        assert_eq!(code(&mut app, sql), None, "{sql}");
    }
    let found = changes(&place, "operation, relation::text");
    assert_eq!(found.last(), Some(&row(&["TRUNCATE", "public.patients"])));
    let place = Setup::policy(&policy()).start();
    place.both(CLINIC_TABLES);
    let mut app = place.raw("app");
    for sql in [
        "CREATE TABLE wards (id int PRIMARY KEY)",
        "ALTER TABLE patients ADD COLUMN ward int REFERENCES wards",
    ] {
        assert_eq!(code(&mut app, sql), None, "{sql}");
    }
    assert_eq!(
        code(&mut app, "TRUNCATE wards CASCADE").as_deref(),
        Some("55000")
    );
}

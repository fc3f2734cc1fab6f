//! SIGHUP takes up another policy: whole, into sessions that run, or not at all.

use hippocrypt_e2e::logins::records;
use hippocrypt_e2e::place::{CLINIC, CLINIC_TABLES};
use hippocrypt_e2e::raw::{self, Message, Raw, rows, sqlstate, status};
use hippocrypt_e2e::sql::{self, told};
use hippocrypt_e2e::{Place, Setup};
use std::fs;
use std::time::Duration;

/// Writes a policy, sends SIGHUP and waits for its record, which it returns.
fn reload(place: &Place, policy: &str) -> serde_json::Value {
    let so_far = records(place, "policy").len();
    let file = place.directory().join("policy.yaml");
    fs::write(file, policy.replace("DATABASE", &place.database)).unwrap();
    place.proxy.signal("HUP");
    for _ in 0..800 {
        std::thread::sleep(Duration::from_millis(25));
        if let Some(record) = records(place, "policy").get(so_far) {
            // the record comes first, the policy right behind it
            let done = ["were read anew", "everything stays as it was"];
            let count = |log: &str| done.iter().map(|w| log.matches(w).count()).sum::<usize>();
            if count(&place.proxy.log()) > so_far {
                return record.clone();
            }
        }
    }
    panic!("no record of the reload:\n{}", place.proxy.log());
}

fn one(client: &mut Raw, sql: &str) -> Result<Option<String>, String> {
    let answer: Vec<Message> = client.query(sql);
    match sqlstate(&answer) {
        Some(code) => Err(code),
        None => Ok(rows(&answer).remove(0).remove(0)),
    }
}

fn is(text: &str) -> Result<Option<String>, String> {
    Ok(Some(text.to_owned()))
}

fn clinic() -> Place {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let mut app = place.raw("app");
    app.query("INSERT INTO patients (id, name, ssn) VALUES (1, 'Reload Ibis', '900-41-0001')");
    place
}

/// billing may see social security numbers, app nothing any more.
fn turned() -> String {
    let turned = CLINIC
        .replace(
            "users: [app], columns: { \"*\": clear }",
            "users: [app], columns: { \"*\": deny }",
        )
        .replace("public.patients.ssn: mask", "public.patients.ssn: clear");
    assert_eq!(turned.matches("deny }").count(), 2, "{turned}");
    turned
}

#[test]
fn a_policy_holds_for_sessions_that_run_from_where_nothing_of_them_does() {
    let place = clinic();
    let (mut billing, mut idle, mut busy) =
        (place.raw("billing"), place.raw("app"), place.raw("app"));
    let ssn = "SELECT ssn FROM patients";
    let name = "SELECT name FROM patients";
    assert_eq!(one(&mut billing, ssn), is("*******0001"));
    assert_eq!(one(&mut idle, name), is("Reload Ibis"));
    busy.query("BEGIN");
    assert_eq!(one(&mut busy, name), is("Reload Ibis"));
    let before = records(&place, "statement").last().unwrap()["policy"].clone();

    let record = reload(&place, &turned());
    assert_eq!(
        (&record["action"], &record["actor"]),
        (&"reload".into(), &"SIGHUP".into())
    );
    assert_ne!(record["policy"], before);

    assert_eq!(one(&mut billing, ssn), is("900-41-0001"));
    let statement = records(&place, "statement").pop().unwrap();
    assert_eq!(statement["policy"], record["policy"]);
    assert_eq!(one(&mut idle, name), Err("42501".to_owned()));
    // one transaction, one policy
    assert_eq!(one(&mut busy, name), is("Reload Ibis"));
    assert_eq!(
        records(&place, "statement").last().unwrap()["policy"],
        before
    );
    // a table that one session makes is known to all, under either policy
    let mut migration = place.raw("app");
    for ddl in [
        "DROP TABLE claims",
        "CREATE TABLE claims (id int, patient_ssn varchar(11), amount numeric(10,2))",
    ] {
        assert_eq!(sqlstate(&migration.query(ddl)), None, "{ddl}");
    }
    let written = busy.query("INSERT INTO claims VALUES (1, '900-41-7777')");
    assert_eq!(sqlstate(&written), None, "{written:?}");
    assert_eq!(status(&busy.query("COMMIT")), 'I');
    assert_eq!(one(&mut busy, name), Err("42501".to_owned()));
    // and new sessions
    assert_eq!(one(&mut place.raw("app"), name), Err("42501".to_owned()));
    assert_eq!(one(&mut billing, "SELECT count(*) FROM patients"), is("1"));
    for canary in ["900-41-0001", "900-41-7777"] {
        place.assert_hidden(canary);
    }
}

#[test]
fn what_was_prepared_or_opened_is_judged_by_the_policy_of_today() {
    let place = clinic();
    let (mut app, mut billing) = (place.raw("app"), place.raw("billing"));
    for client in [&mut app, &mut billing] {
        client.pipeline(&[
            raw::parse("named", "SELECT name FROM patients", &[]),
            raw::parse("plain", "SELECT room FROM visits", &[]),
            raw::sync(),
        ]);
        client.until_ready();
        client.query("PREPARE by_sql AS SELECT name FROM patients");
    }
    app.query("BEGIN");
    app.query("DECLARE held CURSOR WITH HOLD FOR SELECT name FROM patients");
    assert_eq!(status(&app.query("COMMIT")), 'I');

    reload(&place, &turned());
    let run = |client: &mut Raw, name: &str| {
        client.pipeline(&[
            raw::bind("", name, &[], 0),
            raw::execute("", 0),
            raw::sync(),
        ]);
        client.until_ready()
    };
    for client in [&mut app, &mut billing] {
        assert_eq!(sqlstate(&run(client, "plain")), None);
    }
    assert_eq!(sqlstate(&run(&mut app, "named")).as_deref(), Some("42501"));
    let clear = rows(&run(&mut billing, "named"));
    assert_eq!(clear, [[Some("Reload Ibis".to_owned())]]);
    for sql in [
        "EXECUTE by_sql",
        "FETCH held",
        "MOVE held",
        "FETCH ALL held",
    ] {
        let answer = app.query(sql);
        assert!(sqlstate(&answer).is_some(), "{sql}: {answer:?}");
        assert!(!format!("{answer:?}").contains("Ibis"), "{sql}: {answer:?}");
    }
    assert_eq!(sqlstate(&app.query("CLOSE held")), None);
    let again = billing.query("DEALLOCATE by_sql");
    assert_eq!(sqlstate(&again), None, "{again:?}");
    assert_eq!(
        one(&mut billing, "SELECT name FROM patients"),
        is("Reload Ibis")
    );
}

#[test]
fn a_policy_that_is_wrong_or_lacks_keys_changes_nothing_and_is_on_record() {
    let place = clinic();
    let mut app = place.raw("app");
    let before = records(&place, "start")[0]["policy"].clone();
    let extras = "      public.extras:\n        subject: id\n        columns: { note: { type: text, protect: random } }\n";
    let keyless = turned().replace(
        "      public.claims:\n",
        &format!("{extras}      public.claims:\n"),
    );
    for (policy, why) in [
        (turned().replace("default:", "defualt:"), "defualt"),
        (keyless, "keys sync"),
    ] {
        let record = reload(&place, &policy);
        assert_eq!(record["action"], "refuse");
        assert_eq!(record["policy"], before);
        let detail = record["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{detail}");
        assert!(place.proxy.log().contains(why), "{}", place.proxy.log());
        assert_eq!(
            one(&mut app, "SELECT name FROM patients"),
            is("Reload Ibis")
        );
    }
    let sync = place.verb(&["keys", "sync"]).output().unwrap();
    assert!(sync.status.success(), "{}", told(&sync));
    let with_keys = fs::read_to_string(place.directory().join("policy.yaml")).unwrap();
    assert_eq!(reload(&place, &with_keys)["action"], "reload");
    assert_eq!(
        one(&mut app, "SELECT name FROM patients"),
        Err("42501".to_owned())
    );
}

#[test]
fn a_database_that_comes_under_the_policy_or_leaves_it_begins_anew() {
    let place = clinic();
    let mut app = place.raw("app");
    reload(&place, "databases: {}\n");
    assert_eq!(app.receive().unwrap().sqlstate(), "57P01");
    assert!(app.receive().is_none());
    let mut app = place.raw("app");
    let cell = one(&mut app, "SELECT name FROM patients").unwrap().unwrap();
    assert!(cell.starts_with("\\xf5e1"), "{cell}");
    app.query("BEGIN");
    reload(&place, CLINIC);
    // a transaction that runs ends first
    assert_eq!(one(&mut app, "SELECT 1"), is("1"));
    app.send(&raw::query("COMMIT"));
    let words = app.until("E");
    assert_eq!(words.last().unwrap().sqlstate(), "57P01");
    assert_eq!(
        one(&mut place.raw("app"), "SELECT name FROM patients"),
        is("Reload Ibis")
    );
    let ends: Vec<_> = records(&place, "session_end");
    assert!(
        ends.iter().any(|r| r["reason"] == "policy changed"),
        "{ends:?}"
    );
    let kept = sql::rows(&place.thief(), "SELECT count(*) FROM patients").unwrap();
    assert_eq!(kept[0][0].as_deref(), Some("1"));
}

#[test]
fn what_was_prepared_is_to_be_prepared_again_where_the_policy_says_something_else_of_tables() {
    let place = clinic();
    let mut app = place.raw("app");
    let statement = "SELECT name FROM patients WHERE ssn = '900-41-0001'";
    let prepare = |client: &mut Raw| {
        client.pipeline(&[
            raw::close(b'S', "named"),
            raw::parse("named", statement, &[]),
            raw::sync(),
        ]);
        assert_eq!(sqlstate(&client.until_ready()), None);
    };
    let run = |client: &mut Raw| {
        client.pipeline(&[
            raw::bind("", "named", &[], 0),
            raw::execute("", 0),
            raw::sync(),
        ]);
        client.until_ready()
    };
    prepare(&mut app);
    // other roles, the same tables: the constant's cell in the server's text is still the right one
    reload(
        &place,
        &CLINIC.replace("users: [billing]", "users: [billing, guest]"),
    );
    assert_eq!(rows(&run(&mut app)), [[Some("Reload Ibis".to_owned())]]);
    // a column more: columns are numbered anew, and the answer would be luck
    let more = CLINIC.replace(
        "          notes:",
        "          mood: { type: text, protect: none }\n          notes:",
    );
    sql::rows(&place.thief(), "ALTER TABLE patients ADD COLUMN mood text").unwrap();
    assert_eq!(reload(&place, &more)["action"], "reload");
    assert_eq!(sqlstate(&run(&mut app)).as_deref(), Some("0A000"));
    prepare(&mut app);
    assert_eq!(rows(&run(&mut app)), [[Some("Reload Ibis".to_owned())]]);
    place.assert_hidden("900-41-0001");
}

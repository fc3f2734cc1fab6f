//! No statement without a record, and no edit of the log unseen.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{CLINIC_TABLES, Place, cluster};
use hippocrypt_e2e::raw;
use hippocrypt_e2e::sql::{succeed, told};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const STATEMENTS: [&str; 11] = [
    "INSERT INTO patients (id, name, ssn) VALUES (1, 'Audited Okapi', '900-11-0001')",
    "SELECT id, name FROM patients WHERE ssn = '900-11-0001'",
    "SELECT id FROM patients WHERE name LIKE 'Audited Okapi%'",
    "BEGIN",
    "UPDATE patients SET notes = 'Audited Okapi' WHERE id = 1",
    "SELECT 1/0",
    "SELECT 'in an aborted block'",
    "ROLLBACK",
    "SET work_mem = '5MB'",
    "SELECT room FROM visits WHERE room = 'a constant'",
    "WITH d AS (DELETE FROM visits WHERE id = 77 RETURNING id) SELECT count(*) FROM d",
];

/// A clinic in which app has done a little of everything; the backend's pid tells whose log lines are whose.
fn worked() -> (Place, i32) {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let mut client = place.raw("app");
    for sql in STATEMENTS {
        client.query(sql);
    }
    client.pipeline(&[
        raw::parse("s", "SELECT name FROM patients WHERE ssn = $1", &[]),
        raw::bind("", "s", &[Some(b"900-11-0001")], 0),
        raw::execute("", 0),
        raw::sync(),
        raw::bind("", "s", &[Some(b"901-22-0002")], 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    client.until_ready();
    client.until_ready();
    let pid = client.key.0;
    (place, pid)
}

/// What PostgreSQL logged for a backend, in order: the statement's text without the log's own words.
fn logged(pid: i32) -> Vec<String> {
    let log = fs::read_to_string(cluster().log_file()).unwrap();
    log.split('\u{1}')
        .filter_map(|entry| {
            let mut fields = entry.splitn(5, '|');
            let of_pid = fields.nth(2)? == pid.to_string();
            let text = fields.nth(1)?.strip_prefix("LOG:  ").filter(|_| of_pid)?;
            let execute = || {
                text.strip_prefix("execute ")?
                    .split_once(": ")
                    .map(|(_, sql)| sql)
            };
            text.strip_prefix("statement: ")
                .or_else(execute)
                .map(|s| s.trim().to_owned())
        })
        .collect()
}

fn is_our_own(sql: &str) -> bool {
    // The stand-in for a refusal, and questions for settings (DESIGN §3, rules 4 and 7).
    ["SELECT $0", "SHOW ", "RESET hippocrypt."]
        .iter()
        .any(|own| sql.starts_with(own))
        || sql.is_empty()
}

/// Texts differ (ours have no constants, PostgreSQL's have our edits); their order and their verbs do not.
fn verb(sql: &str) -> String {
    sql.split_whitespace()
        .next()
        .unwrap_or_default()
        .to_uppercase()
}

#[test]
fn every_statement_in_postgres_log_has_a_record_before_it() {
    let (place, pid) = worked();
    let seen: Vec<String> = logged(pid).into_iter().filter(|s| !is_our_own(s)).collect();
    assert!(seen.len() >= STATEMENTS.len(), "{seen:?}");
    let recorded: Vec<String> = place
        .audit()
        .iter()
        .filter(|r| {
            r["type"] == "statement" && r["decision"] == "forwarded" && r["backend_pid"] == pid
        })
        .map(|r| r["sql"].as_str().unwrap_or_default().to_owned())
        .collect();
    let words = |v: &[String]| v.iter().map(|s| verb(s)).collect::<Vec<_>>();
    assert_eq!(words(&seen), words(&recorded));
}

#[test]
fn every_statement_has_its_outcome_and_refusals_have_none() {
    let (place, pid) = worked();
    let records = place.audit();
    let of = |kind: &str| {
        records
            .iter()
            .filter(|r| r["type"] == kind)
            .cloned()
            .collect::<Vec<Value>>()
    };
    let outcomes = of("outcome");
    let mut refused = 0;
    for statement in of("statement").iter().filter(|s| s["backend_pid"] == pid) {
        let mine =
            |o: &&Value| o["session"] == statement["session"] && o["stmt"] == statement["stmt"];
        let outcome = outcomes.iter().find(mine);
        if statement["decision"] == "refused" {
            refused += 1;
            assert!(
                outcome.is_none() && statement["sqlstate"] == "0A000",
                "{statement}"
            );
        } else {
            let outcome = outcome.unwrap_or_else(|| panic!("no outcome of {statement}"));
            assert!(outcome["seq"].as_u64() > statement["seq"].as_u64());
        }
    }
    assert_eq!(refused, 1);
    let failed: Vec<&Value> = outcomes
        .iter()
        .filter(|o| o["sqlstate"] == "22012")
        .collect();
    assert_eq!(failed.len(), 1, "1/0 has its SQLSTATE");
    assert!(
        outcomes.iter().any(|o| o["sqlstate"] == "25P02"),
        "so has what came after it"
    );
}

#[test]
fn a_record_says_who_touched_what_and_how_it_was_shown() {
    let (place, _) = worked();
    place.raw("billing").query("SELECT ssn FROM patients");
    let records = place.audit();
    let masked = records
        .iter()
        .find(|r| r["user"] == "billing" && r["type"] == "statement")
        .unwrap();
    assert_eq!(masked["columns"][0]["column"], "public.patients.ssn");
    assert_eq!(
        (&masked["columns"][0]["use"], &masked["columns"][0]["shown"]),
        (&"read".into(), &"masked".into())
    );
    assert_eq!(
        (&masked["rule"], &masked["db"]),
        (&"billing".into(), &place.database.as_str().into())
    );
    let by_ssn = |r: &&Value| {
        r["kind"] == "SELECT"
            && r["user"] == "app"
            && r["columns"].as_array().is_some_and(|c| c.len() > 1)
    };
    let columns = records.iter().find(by_ssn).expect("the look-up by ssn")["columns"].to_string();
    assert!(
        columns.contains("\"filter\"") && columns.contains("\"clear\""),
        "{columns}"
    );
}

#[test]
fn the_log_holds_no_constant_and_no_parameter() {
    let (place, _) = worked();
    let text: String = segments(&place)
        .iter()
        .map(|s| fs::read_to_string(s).unwrap())
        .collect();
    for constant in [
        "Audited Okapi",
        "900-11-0001",
        "901-22-0002",
        "a constant",
        "in an aborted block",
    ] {
        assert!(!text.contains(constant), "{constant:?} is in the audit log");
    }
    assert!(text.contains("patients"));
}

#[test]
fn a_failed_login_is_on_record() {
    let place = Setup::clinic().start();
    let failed = hippocrypt_e2e::Raw::login(place.proxy.port(), "app", "wrong", &place.database);
    assert_eq!(failed.unwrap_err().sqlstate(), "28P01");
    let records = place.audit();
    let failure = records
        .iter()
        .find(|r| r["type"] == "auth_failure")
        .expect("a record");
    assert_eq!(
        (&failure["user"], &failure["sqlstate"]),
        (&"app".into(), &"28P01".into())
    );
}

fn segments(place: &Place) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(place.directory().join("audit"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|x| x == "jsonl"))
        .collect();
    files.sort();
    files
}

#[test]
fn verify_passes_and_fails_after_a_flip_a_drop_and_a_swap() {
    let (mut place, _) = worked();
    place.proxy.signal("TERM");
    assert_eq!(
        place.proxy.wait(Duration::from_secs(20)),
        Some(0),
        "{}",
        place.proxy.log()
    );
    let verify = || place.verb(&["audit", "verify"]).output().unwrap();
    assert_eq!(verify().status.code(), Some(0), "{}", told(&verify()));
    let log = segments(&place).remove(0);
    let whole = fs::read(&log).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|b| *b == b'\n').collect();
    let mut broken: Vec<(String, Vec<u8>)> = Vec::new();
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        broken.push((format!("byte {at} flipped"), flipped));
    }
    for n in [0, 1, lines.len() / 2, lines.len() - 2] {
        let mut fewer = lines.clone();
        fewer.remove(n);
        broken.push((format!("line {n} dropped"), fewer.concat()));
        let mut swapped = lines.clone();
        swapped.swap(n, n + 1);
        broken.push((format!("lines {n} and {} swapped", n + 1), swapped.concat()));
        let mut twice = lines.clone();
        twice.insert(n, lines[n]);
        broken.push((format!("line {n} doubled"), twice.concat()));
    }
    for (what, bytes) in broken {
        fs::write(&log, bytes).unwrap();
        assert_eq!(
            verify().status.code(),
            Some(1),
            "{what}: {}",
            told(&verify())
        );
    }
    fs::write(&log, whole).unwrap();
    assert_eq!(verify().status.code(), Some(0), "{}", told(&verify()));
}

#[test]
fn query_finds_by_user_and_refused_and_speaks_json() {
    let (place, _) = worked();
    place.raw("billing").query("SELECT id, ssn FROM patients");
    let ask = |words: &[&str]| {
        succeed(
            place
                .verb(&[&["audit", "query"], words].concat())
                .env("NO_COLOR", "1"),
        )
    };
    let billing = ask(&["--user", "billing", "--output", "json"]);
    assert!(
        billing.contains("patients.ssn") && !billing.contains("\"user\":\"app\""),
        "{billing}"
    );
    let refused = ask(&["--refused"]);
    assert!(
        refused.contains("0A000") && !refused.contains("5MB"),
        "{refused}"
    );
}

/// The log outlives the proxy: kill -9, start again, go on, verify.
#[test]
fn a_killed_proxy_leaves_a_log_that_goes_on() {
    let (mut place, _) = worked();
    place.proxy.signal("KILL");
    place.proxy.wait(Duration::from_secs(10));
    let before = place.audit().len();
    place.proxy = hippocrypt_e2e::Proxy::serve(&place.config());
    place.raw("app").query("SELECT 1");
    assert!(place.audit().len() > before);
    let verified: Command = place.verb(&["audit", "verify"]);
    let output = { verified }.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
}

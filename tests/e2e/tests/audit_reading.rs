//! Reading the audit log through the front door: filters, `--follow`, reports, exports.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::proxy::binary;
use hippocrypt_e2e::sql::told;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A clinic whose app wrote, read, was refused and failed, and whose billing saw masks; somebody did not get in.
fn worked() -> Place {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let mut app = place.raw("app");
    for sql in [
        "INSERT INTO patients (id, name, ssn) VALUES (1, 'Reported Okapi', '900-11-0001')",
        "SELECT id, name FROM patients WHERE ssn = '900-11-0001'",
        "SELECT id FROM patients WHERE name LIKE 'Reported Okapi%'",
        "SELECT 1/0",
        "COPY (SELECT name FROM patients) TO STDOUT",
        "CREATE TABLE reported (id int)",
        "DROP TABLE reported",
    ] {
        app.query(sql);
    }
    place.raw("billing").query("SELECT ssn FROM patients");
    let port = place.proxy.port();
    assert!(hippocrypt_e2e::Raw::login(port, "app", "wrong", &place.database).is_err());
    place
}

fn audit(place: &Place, words: &[&str]) -> Output {
    let mut command = place.verb(&[&["audit"], words].concat());
    command.current_dir(place.directory()).output().unwrap()
}

/// Standard output of a verb that ended well.
fn told_by(place: &Place, words: &[&str]) -> String {
    let output = audit(place, words);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{words:?}: {}",
        told(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn report(place: &Place, words: &[&str]) -> Value {
    let words = [&["report"], words, &["--output", "json"]].concat();
    serde_json::from_str(&told_by(place, &words)).unwrap()
}

fn code(place: &Place, words: &[&str]) -> Option<i32> {
    audit(place, words).status.code()
}

#[test]
fn filters_combine() {
    let place = worked();
    let kinds = |words: &[&str]| -> Vec<String> {
        let words = [&["query", "--type", "statement", "--output", "json"], words].concat();
        let lines = told_by(&place, &words);
        let kind = |l: &str| {
            serde_json::from_str::<Value>(l).unwrap()["kind"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        lines.lines().map(kind).collect()
    };
    let app = ["--user", "app", "--client", "127.0.0.1"];
    let with = |more: &[&str]| kinds(&[&app[..], more].concat());
    assert_eq!(with(&["--kind", "copy", "--db", &place.database]), ["COPY"]);
    assert_eq!(with(&["--sqlstate", "22012"]), ["SELECT"]);
    assert_eq!(
        with(&["--decision", "refused", "--table", "patients"]),
        ["SELECT"]
    );
    assert_eq!(
        with(&[
            "--column",
            "patients.name",
            "--shown",
            "clear",
            "--min-rows",
            "1"
        ]),
        ["SELECT", "COPY"]
    );
    assert_eq!(with(&["--shown", "masked"]), [""; 0]);
    assert_eq!(
        kinds(&["--shown", "masked", "--rule", "billing"]),
        ["SELECT"]
    );
    assert_eq!(with(&["--app", "no such"]), [""; 0]);
    let without_keys = Command::new(binary())
        .args(["audit", "query", "--subject", "42", "--directory"])
        .arg(place.directory().join("audit"))
        .status()
        .unwrap();
    assert_eq!(without_keys.code(), Some(64), "an id is no pseudonym");
    let csv = told_by(&place, &["query", "--kind", "COPY", "--output", "csv"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("seq,time_utc,type,"),
        "{csv}"
    );
    assert!(
        lines[1].contains("public.patients.name:read:clear"),
        "{csv}"
    );
}

#[test]
fn follow_shows_what_happens_and_ends_when_interrupted() {
    let place = worked();
    let words = [
        "audit",
        "query",
        "--follow",
        "--limit",
        "1",
        "--type",
        "statement",
        "--output",
        "json",
    ];
    let mut child = place.verb(&words).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["user"], "billing", "the last one that was there");
    let mut app = place.raw("app");
    for n in 0..3 {
        app.query(&format!("SELECT id AS n{n} FROM visits"));
        let shown = next();
        assert!(
            shown["sql"].as_str().unwrap().contains(&format!("n{n}")),
            "{shown}"
        );
        assert_eq!(shown["outcome"]["rows"], 0);
    }
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(10), "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn reports_tell_what_was_done_through_the_proxy() {
    let place = worked();
    let refused = report(&place, &["refused"]);
    let what: Vec<(&Value, &Value)> = refused["tables"]["events"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (&r["user"], &r["result"]))
        .collect();
    for expected in ["refused 0A000", "failed 22012", "login failed 28P01"] {
        assert!(
            what.contains(&(&"app".into(), &expected.into())),
            "{expected}: {what:?}"
        );
    }
    assert_eq!(what.len(), 3, "{what:?}");
    let user = report(&place, &["user", "--user", "billing"]);
    assert_eq!(user["tables"]["columns"]["rows"][0]["shown"], "masked");
    let bulk = report(&place, &["bulk"]);
    assert_eq!(bulk["tables"]["statements"]["rows"][0]["kind"], "COPY");
    let changes = report(&place, &["changes"]);
    let kinds: Vec<&str> = changes["tables"]["statements"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|r| r["kind"].as_str())
        .filter(|k| k.ends_with("TABLE"))
        .collect();
    assert!(
        kinds.ends_with(&["CREATE TABLE", "DROP TABLE"]),
        "{kinds:?}"
    );
    let breach = report(&place, &["breach", "--user", "billing"]);
    assert!(
        breach["answer"][1]
            .as_str()
            .unwrap()
            .contains("masked only, by 1 statement"),
        "{}",
        breach["answer"]
    );
    let accounts = report(&place, &["accounts"]);
    assert_eq!(accounts["tables"]["dormant"]["total"], 0);
    assert!(accounts["evidence"]["whole"] == true && accounts["evidence"]["key"].is_string());
}

#[test]
fn a_report_stands_on_checkpoints_kept_elsewhere() {
    let mut place = worked();
    let note = told_by(&place, &["checkpoint"]);
    fs::write(place.directory().join("kept.txt"), note).unwrap();
    let words = ["report", "integrity", "--against", "kept.txt"];
    let text = told_by(&place, &words);
    assert!(
        text.contains("1 kept elsewhere holds") && !text.contains("No checkpoint kept"),
        "{text}"
    );
    assert!(told_by(&place, &words[..2]).contains("No checkpoint kept elsewhere was given"));
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let log = place.directory().join("audit/00000000000000000000.jsonl");
    let whole = fs::read_to_string(&log).unwrap();
    fs::write(
        &log,
        whole.replacen("\"user\":\"billing\"", "\"user\":\"dr_okapi\"", 1),
    )
    .unwrap();
    let output = audit(&place, &["report", "accounts"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("THE LOG IS NOT WHOLE"));
    let output = audit(&place, &["report", "accounts", "--no-verify"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("NOT VERIFIED"));
}

#[test]
fn a_page_is_written_once_and_never_among_the_logs_files() {
    let place = worked();
    let words = ["report", "bulk", "--output", "html", "--out"];
    let to = |file| [&words[..], &[file]].concat();
    assert_eq!(told_by(&place, &to("page.html")), "");
    let page = fs::read_to_string(place.directory().join("page.html")).unwrap();
    assert!(
        page.starts_with("<!doctype html>")
            && page.contains("Bulk reads")
            && !page.contains("<script")
    );
    assert_ne!(code(&place, &to("page.html")), Some(0), "it is there");
    assert_ne!(code(&place, &to("audit/page.html")), Some(0));
    assert_eq!(code(&place, &["verify"]), Some(0));
    for wrong in [
        &["report", "patient"][..],
        &["report", "user"],
        &["report", "nothing"],
        &["report", "integrity", "--user", "app"],
        &["report", "bulk", "--output", "csv", "--table-only", "none"],
    ] {
        assert_eq!(code(&place, wrong), Some(64), "{wrong:?}");
    }
}

#[test]
fn what_has_no_event_in_a_format_is_counted() {
    let place = worked();
    let output = audit(&place, &["export", "--format", "cef"]);
    let events = String::from_utf8(output.stdout).unwrap();
    let left = String::from_utf8(output.stderr).unwrap();
    assert!(left.contains("format: start 1"), "{left}");
    let records = place.audit();
    let wanted = |t: &Value| {
        [
            "statement",
            "prepare",
            "session_start",
            "session_end",
            "auth_failure",
        ]
        .contains(&t.as_str().unwrap())
    };
    // A session may end between the two readings.
    let expected = records.iter().filter(|r| wanted(&r["type"])).count();
    assert!(
        events.lines().count() <= expected && events.lines().count() + 3 > expected,
        "{left}"
    );
    assert!(!events.contains("Reported Okapi") && events.contains("cs1=public.patients.name"));
}

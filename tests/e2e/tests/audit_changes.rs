//! `audit changes`: previous and new values of rows, who changed them, what went around the proxy, and that reading
//! them is on record.

use crate::audit_log::{durable, thumb, until};
use hippocrypt_e2e::place::{CLINIC, CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::sqlstate;
use hippocrypt_e2e::sql::{rows as direct, succeed, told};
use hippocrypt_e2e::{Proxy, Setup};
use serde_json::Value;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

/// The clinic with the record of changes of its patients.
fn clinic() -> Place {
    let policy = CLINIC.replace(
        "public.patients:\n        subject: id\n",
        "public.patients:\n        changes: true\n        subject: { column: id, kind: patient }\n",
    );
    let place = Setup::policy(&policy).start();
    place.both(CLINIC_TABLES);
    run(&place, &["GRANT TRIGGER ON patients TO hippocrypt"]);
    place
}

/// Statements of app, in one session.
fn run(place: &Place, statements: &[&str]) {
    let mut app = place.raw("app");
    for sql in statements {
        assert_eq!(sqlstate(&app.query(sql)), None, "{sql}");
    }
}

/// Two people change patient 1; the superuser does, with a name that is not theirs.
fn worked() -> Place {
    let place = clinic();
    run(
        &place,
        &[
            "SET hippocrypt.user = 'dr_grey'; SET hippocrypt.reason = 'T-1'",
            "INSERT INTO patients (id, name, ssn) VALUES (1, 'Changed Heron', '900-51-0001'), (2, 'Other Heron', NULL)",
            "BEGIN",
            "SET LOCAL hippocrypt.user = 'dr_bailey'",
            "UPDATE patients SET name = 'Second Heron' WHERE id = 1",
            "COMMIT",
            "UPDATE patients SET name = 'Second Heron' WHERE id = 1",
        ],
    );
    direct(
        &place.thief(),
        "SET hippocrypt.\"user\" = 'dr_grey'; UPDATE patients SET name = (SELECT name FROM patients WHERE id = 2) WHERE id = 1",
    )
    .unwrap();
    place
}

const SHOW: [&str; 4] = ["--show-values", "--reason", "T-9", "--no-verify"];

fn audit(place: &Place, words: &[&str]) -> std::process::Output {
    let mut command = place.verb(&[&["audit"], words].concat());
    command.env("SUDO_USER", "auditor").output().unwrap()
}

fn changes(place: &Place, words: &[&str]) -> Value {
    let output = audit(place, &[&["changes", "--output", "json"], words].concat());
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// These columns of its rows.
fn rows(report: &Value, columns: &[&str]) -> Vec<Vec<String>> {
    let rows = report["tables"]["changes"]["rows"].as_array().unwrap();
    let cell = |row: &Value, column: &&str| row[*column].as_str().unwrap().to_owned();
    let row = |row| columns.iter().map(|column| cell(row, column)).collect();
    rows.iter().map(row).collect()
}

/// The number of app's statement of this kind that ran as `place`, from 0.
fn record(place: &Place, kind: &str, at: usize) -> String {
    let records = place.audit();
    let of = |r: &&Value| r["type"] == "statement" && r["kind"] == kind && r["user"] == "app";
    records.iter().filter(of).nth(at).unwrap()["seq"].to_string()
}

#[test]
fn who_changed_what_from_what_to_what_why_and_around_the_proxy() {
    let place = worked();
    let words = ["--subject", "1", "--column", "patients.name"];
    let report = changes(&place, &[&words[..], &SHOW].concat());
    let columns = [
        "operation",
        "key",
        "subject",
        "before",
        "after",
        "person",
        "reason",
        "record",
    ];
    let superuser = direct(&place.thief(), "SELECT session_user").unwrap();
    let superuser = superuser[0][0].clone().unwrap();
    let (insert, first, second) = (
        record(&place, "INSERT", 0),
        record(&place, "UPDATE", 0),
        record(&place, "UPDATE", 1),
    );
    let around = format!("{superuser} (says dr_grey)");
    let expected = [
        [
            "INSERT",
            "",
            "Changed Heron",
            "dr_grey via app",
            "T-1",
            &insert,
        ],
        [
            "UPDATE",
            "Changed Heron",
            "Second Heron",
            "dr_bailey via app",
            "T-1",
            &first,
        ],
        [
            "UPDATE",
            "Second Heron",
            "(the same)",
            "dr_grey via app",
            "T-1",
            &second,
        ],
        [
            "UPDATE",
            "Second Heron",
            "Other Heron",
            &around,
            "",
            "AROUND THE PROXY",
        ],
    ];
    let expected: Vec<Vec<String>> = expected
        .iter()
        .map(|[what, rest @ ..]| {
            let key = [*what, "id=1", "patient:1"];
            key.iter().chain(rest).map(|s| (*s).to_owned()).collect()
        })
        .collect();
    assert_eq!(rows(&report, &columns), expected);
    assert!(
        report["cautions"][0]
            .as_str()
            .unwrap()
            .starts_with("1 change went around the proxy"),
        "{report}"
    );
    assert_eq!(rows(&report, &["login"])[3], [superuser]);
    // the same by the ways it can be narrowed to
    let found = |words: &[&str]| rows(&changes(&place, words), &["key", "record"]);
    assert_eq!(found(&["--row", "2"]).len(), 1);
    assert_eq!(
        found(&["--around", "--table", "public.patients"]),
        [["id=1", "AROUND THE PROXY"]]
    );
    assert_eq!(found(&["--end-user", "dr_bailey"]), [["id=1", &first]]);
    assert_eq!(
        found(&["--user", "app", "--column", "ssn"]),
        [["id=1", &insert], ["id=2", &insert]]
    );
    assert!(found(&["--until", "2020-01-01"]).is_empty());
    assert!(found(&["--subject", "patient:3"]).is_empty());
}

#[test]
fn reading_is_on_record_with_whose_and_how() {
    let place = worked();
    let report = changes(&place, &[&["--subject", "patient:1"][..], &SHOW].concat());
    let last = report["answer"][1].as_str().unwrap().to_owned();
    changes(&place, &["--row", "2", "--reader", "dpo"]);
    let records = place.audit();
    let ours = |r: &&Value| r["app"] == "hippocrypt audit changes" && r["type"] == "statement";
    let ours: Vec<&Value> = records.iter().filter(ours).collect();
    assert_eq!(ours.len(), 2);
    assert!(
        last.contains(&format!("record {} ", ours[0]["seq"])),
        "{last}"
    );
    let said = |r: &Value| {
        let columns = r["columns"].as_array().unwrap().clone();
        (r["end_user"].clone(), r["reason"].clone(), columns)
    };
    let column = |name: &str, shown: &str| serde_json::json!({ "column": format!("public.patients.{name}"), "use": "read", "shown": shown });
    assert_eq!(
        said(ours[0]),
        (
            "auditor".into(),
            "T-9".into(),
            vec![column("name", "clear"), column("ssn", "clear")]
        )
    );
    assert_eq!(
        said(ours[1]),
        ("dpo".into(), Value::Null, vec![column("name", "masked")])
    );
    let uid = ours[0]["client"].as_str().unwrap();
    assert!(uid.starts_with("unix:uid="), "{uid}");
    // who saw patient 1, and patient 2: the verb is among them
    for (subject, shown) in [("patient:1", "clear"), ("patient:2", "masked")] {
        let words = [
            "report",
            "patient",
            "--output",
            "json",
            "--app",
            "hippocrypt audit changes",
        ];
        let output = audit(&place, &[&words[..], &["--subject", subject]].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let accesses = report["tables"]["accesses"]["rows"].as_array().unwrap();
        assert_eq!(accesses.len(), 1, "{report}");
        assert_eq!(accesses[0]["shown"], shown);
    }
    let verified = audit(&place, &["verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
}

#[test]
fn values_are_masked_unless_asked_for() {
    let place = worked();
    let cells = |words: &[&str]| -> Vec<Vec<String>> {
        let words = [&["--row", "1", "--no-verify"], words].concat();
        let all = rows(
            &changes(&place, &words),
            &["operation", "column", "before", "after"],
        );
        all.into_iter().filter(|row| row[0] == "INSERT").collect()
    };
    let masked = [
        ["INSERT", "name", "", "C************"],
        ["INSERT", "ssn", "", "*******0001"],
    ];
    assert_eq!(cells(&[]), masked);
    // billing may see names, and masks of numbers; guest nothing
    let billing = [
        ["INSERT", "name", "", "Changed Heron"],
        ["INSERT", "ssn", "", "*******0001"],
    ];
    assert_eq!(cells(&["--shown-to", "billing"]), billing);
    let guest = [
        ["INSERT", "name", "", "(not shown)"],
        ["INSERT", "ssn", "", "(not shown)"],
    ];
    assert_eq!(cells(&["--shown-to", "guest"]), guest);
    let without_reason = audit(&place, &["changes", "--show-values"]);
    assert_eq!(without_reason.status.code(), Some(64));
    for form in ["text", "csv", "html"] {
        let output = audit(&place, &["changes", "--output", form]);
        let text = told(&output);
        assert!(text.contains("C************"), "{text}");
        for canary in ["Heron", "900-51"] {
            assert!(!text.contains(canary), "{text}");
        }
    }
}

#[test]
fn what_does_not_authenticate_is_said_and_a_truncate_is_of_everybody() {
    let place = worked();
    let thief = place.thief();
    direct(
        &thief,
        "UPDATE patients SET name = set_byte(name::bytea, 60, 255 - get_byte(name::bytea, 60)) WHERE id = 2",
    )
    .unwrap();
    run(&place, &["TRUNCATE patients"]);
    let report = changes(
        &place,
        &[&["--subject", "2", "--since", "1h"][..], &SHOW].concat(),
    );
    let found = rows(&report, &["operation", "before_is", "after_is", "after"]);
    assert_eq!(
        found[1..],
        [
            ["UPDATE", "value", "garbled", "(DOES NOT AUTHENTICATE)"],
            ["TRUNCATE", "nothing", "nothing", ""],
        ]
    );
    let cautions = report["cautions"].to_string();
    assert!(
        cautions.contains("1 value does not authenticate"),
        "{cautions}"
    );
    assert!(
        cautions.contains("1 TRUNCATE removed all rows"),
        "{cautions}"
    );
    let outcomes = place.audit();
    let outcome = outcomes.iter().rfind(|r| r["type"] == "outcome").unwrap();
    assert_eq!(
        outcome["subjects_state"], "unknown",
        "whose rows the TRUNCATE removed"
    );
}

#[test]
fn nothing_is_shown_that_is_not_on_record() {
    let place = worked();
    let desk = place.directory().join("audit/desk.sock");
    let mode = std::os::unix::fs::PermissionsExt::mode(&desk.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    fs::rename(&desk, place.directory().join("gone.sock")).unwrap();
    let words = [&["changes"], &SHOW[..]].concat();
    let output = audit(&place, &words);
    assert_eq!(output.status.code(), Some(64));
    let text = told(&output);
    assert!(
        text.contains("nothing is shown that is not on record"),
        "{text}"
    );
    assert!(!text.contains("Heron"), "{text}");
}

#[test]
fn without_a_proxy_the_verb_writes_its_record_itself() {
    let mut place = worked();
    for signal in ["TERM", "KILL"] {
        if signal == "KILL" {
            place.proxy = Proxy::serve(&place.config());
        }
        place.proxy.signal(signal);
        place.proxy.wait(Duration::from_secs(20));
        let before = place.audit().len();
        let report = changes(&place, &[&["--row", "2"][..], &SHOW].concat());
        assert_eq!(
            rows(&report, &["column", "after"])[0],
            ["name", "Other Heron"]
        );
        let records = place.audit();
        let last = records.last().unwrap();
        assert_eq!(
            (&last["type"], &last["reason"]),
            (&"stop".into(), &"hippocrypt audit changes".into())
        );
        assert!(records.len() >= before + 6);
        let verified = audit(&place, &["verify"]);
        assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
    }
}

#[test]
fn in_durable_nothing_is_shown_before_the_disk_has_its_record() {
    let mut place = worked();
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let (library, control) = thumb(&place);
    let shim = [("LD_PRELOAD", &*library), ("SYNC_CONTROL", &*control)];
    place.proxy = durable(&place, &shim);
    let hold = control.join("hold");
    fs::write(&hold, "").unwrap();
    let words = ["audit", "changes", "--output", "csv"];
    let mut verb = place.verb(&[&words, &SHOW[..]].concat());
    let mut verb = verb.stdout(Stdio::piped()).spawn().unwrap();
    until("it is written", || {
        let records = place.audit();
        records
            .iter()
            .any(|r| r["app"] == "hippocrypt audit changes" && r["type"] == "session_end")
    });
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(verb.try_wait().unwrap(), None, "it waits for the disk");
    fs::remove_file(&hold).unwrap();
    let output = verb.wait_with_output().unwrap();
    assert!(told(&output).contains("Second Heron"), "{}", told(&output));
}

#[test]
fn a_review_is_a_record_that_says_what_the_log_was() {
    let place = worked();
    let review = |more: &[&str]| {
        let words = [
            "review",
            "--reviewer",
            "dpo",
            "--since",
            "7d",
            "--until",
            "2100-01-01",
        ];
        audit(&place, &[&words, more].concat())
    };
    let words = [
        "--report",
        "bulk",
        "--report",
        "refused",
        "--note",
        "nothing to follow",
    ];
    let done = review(&words);
    assert_eq!(done.status.code(), Some(0), "{}", told(&done));
    let records = place.audit();
    let record = records.iter().rfind(|r| r["type"] == "admin").unwrap();
    assert_eq!(record["action"], "review");
    assert!(
        record["actor"]
            .as_str()
            .unwrap()
            .starts_with("dpo (unix:uid="),
        "{record}"
    );
    assert!(
        record["target"]
            .as_str()
            .unwrap()
            .ends_with(": bulk, refused"),
        "{record}"
    );
    let detail = record["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("the log was whole: ") && detail.ends_with("; nothing to follow"),
        "{record}"
    );
    let seq = record["seq"].to_string();
    assert!(
        told(&done).contains(&format!("record {seq};")),
        "{}",
        told(&done)
    );
    let output = audit(
        &place,
        &["report", "changes", "--output", "json", "--no-verify"],
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        report["tables"]["events"]
            .to_string()
            .contains("nothing to follow"),
        "{report}"
    );
    // held to a checkpoint of another log, it says that this one is not whole
    let other = clinic();
    let note = succeed(&mut other.verb(&["audit", "checkpoint"]));
    let kept = place.directory().join("kept.txt");
    fs::write(&kept, note).unwrap();
    let against = [&words[..], &["--against", kept.to_str().unwrap()]].concat();
    let broken = review(&against);
    assert_eq!(broken.status.code(), Some(1), "{}", told(&broken));
    assert!(
        told(&broken).contains("THE LOG WAS NOT WHOLE"),
        "{}",
        told(&broken)
    );
    for wrong in [
        &["--report", "bulk"][..],
        &["--report", "none", "--note", "x"],
        &["--note", "x"],
    ] {
        assert_eq!(review(wrong).status.code(), Some(64), "{wrong:?}");
    }
}

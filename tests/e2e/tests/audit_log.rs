//! The audit log as evidence, from outside: checkpoints, proofs, and `durable` with the disk under our thumb.

use hippocrypt_e2e::place::{CLINIC_TABLES, Place, password};
use hippocrypt_e2e::raw::{self, Raw};
use hippocrypt_e2e::sql::{succeed, told};
use hippocrypt_e2e::{Proxy, Setup};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

pub(super) fn durable(place: &Place, more: &[(&str, &Path)]) -> Proxy {
    let config = fs::read_to_string(place.config()).unwrap();
    let config = config.replace(
        "audit: { directory: audit/ }",
        "audit: { directory: audit/, durability: durable }",
    );
    assert!(config.contains("durable"));
    fs::write(place.config(), config).unwrap();
    Proxy::serve_with(&place.config(), more)
}

fn stop(place: &mut Place) {
    place.proxy.signal("TERM");
    let code = place.proxy.wait(Duration::from_secs(20));
    assert_eq!(code, Some(0), "{}", place.proxy.log());
}

fn verb(place: &Place, words: &[&str]) -> Output {
    place.verb(&[&["audit"], words].concat()).output().unwrap()
}

/// A stopped proxy's log, and its latest checkpoint kept elsewhere.
fn kept() -> (Place, PathBuf) {
    let mut place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    stop(&mut place);
    let note = succeed(&mut place.verb(&["audit", "checkpoint"]));
    assert_eq!(note.lines().count(), 5, "{note}");
    assert_eq!(
        note.lines().nth(1),
        Some(place.audit().len().to_string().as_str())
    );
    let file = place.directory().join("kept.txt");
    fs::write(&file, note).unwrap();
    (place, file)
}

#[test]
fn a_kept_checkpoint_finds_what_the_log_alone_cannot_tell() {
    let (mut place, kept) = kept();
    let against = kept.to_str().unwrap();
    let key = place.directory().join("audit/verifier.key");
    let words = [
        "verify",
        "--against",
        against,
        "--key",
        key.to_str().unwrap(),
    ];
    let verified = verb(&place, &words);
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
    assert!(
        told(&verified).contains("1 checkpoints from elsewhere"),
        "{}",
        told(&verified)
    );
    // A log that goes on is held to it as well.
    place.proxy = Proxy::serve(&place.config());
    place.raw("app").query("SELECT 1");
    stop(&mut place);
    assert_eq!(verb(&place, &words).status.code(), Some(0));
    // All of it thrown away and begun again: whole by itself, another log against the checkpoint.
    fs::copy(&key, place.directory().join("first.key")).unwrap();
    fs::remove_dir_all(place.directory().join("audit")).unwrap();
    place.proxy = Proxy::serve(&place.config());
    for _ in 0..40 {
        place.raw("app").query("SELECT 1");
    }
    stop(&mut place);
    assert_eq!(verb(&place, &["verify"]).status.code(), Some(0));
    for words in [
        ["verify", "--against", "kept.txt"],
        ["verify", "--key", "first.key"],
    ] {
        let mut command = place.verb(&[&["audit"], &words[..]].concat());
        let output = command.current_dir(place.directory()).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{words:?}: {}",
            told(&output)
        );
    }
}

#[test]
fn a_clean_cut_is_found_and_the_proxy_does_not_start_on_it() {
    let (mut place, kept) = kept();
    let log = place.directory().join("audit/00000000000000000000.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    fs::write(&log, lines[..lines.len() - 3].concat()).unwrap();
    let verified = verb(&place, &["verify"]);
    assert_eq!(
        verified.status.code(),
        Some(1),
        "its own checkpoints tell: {}",
        told(&verified)
    );
    let refused = place.verb(&["serve"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(64), "{}", told(&refused));
    assert!(
        told(&refused).contains("fewer records than were signed"),
        "{}",
        told(&refused)
    );
    // Cut with the checkpoints: only what was kept elsewhere tells.
    let notes = log.with_extension("checkpoints");
    let text = fs::read_to_string(&notes).unwrap();
    let first: String = text.split_inclusive('\n').take(5).collect();
    fs::write(&notes, first).unwrap();
    assert_eq!(verb(&place, &["verify"]).status.code(), Some(0));
    let verified = verb(&place, &["verify", "--against", kept.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(
        told(&verified).contains("its end was cut off"),
        "{}",
        told(&verified)
    );
    place.proxy = Proxy::serve(&place.config());
}

#[test]
fn an_idle_log_signs_heartbeats_as_often_as_the_file_says() {
    let mut place = Setup::clinic().start();
    stop(&mut place);
    let config = fs::read_to_string(place.config()).unwrap();
    let often = "audit: { directory: audit/, checkpoints: { after: 1s, heartbeat: 1s } }";
    let config = config.replace("audit: { directory: audit/ }", often);
    assert!(config.contains(often));
    fs::write(place.config(), config).unwrap();
    place.proxy = Proxy::serve(&place.config());
    let begun = Instant::now();
    loop {
        let records = place.audit();
        let beats = records.iter().filter(|r| r["type"] == "heartbeat");
        let last = beats.clone().nth(1).and_then(|r| r["seq"].as_u64());
        let note = succeed(&mut place.verb(&["audit", "checkpoint"]));
        let signed: u64 = note.lines().nth(1).unwrap().parse().unwrap();
        if last.is_some_and(|seq| signed > seq) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{records:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_record_is_proven_to_someone_who_has_only_the_key() {
    let (place, _) = kept();
    let proof = place.directory().join("4.tlog-proof");
    fs::write(
        &proof,
        succeed(&mut place.verb(&["audit", "prove", "--seq", "4"])),
    )
    .unwrap();
    let none = verb(&place, &["prove", "--seq", "1000000"]);
    assert_eq!(none.status.code(), Some(1), "{}", told(&none));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../verify_audit.py");
    let check = |proof: &Path| {
        let mut python = Command::new("python3");
        python
            .arg(script)
            .arg("--proof")
            .arg(place.directory().join("audit/verifier.key"));
        python.arg(proof).output().unwrap()
    };
    let checked = check(&proof);
    assert_eq!(checked.status.code(), Some(0), "{}", told(&checked));
    assert!(
        told(&checked).contains("record 4 is in the log"),
        "{}",
        told(&checked)
    );
    let text = fs::read_to_string(&proof).unwrap();
    fs::write(&proof, text.replace("index 4", "index 5")).unwrap();
    assert_eq!(check(&proof).status.code(), Some(1));
}

/// The disk under our thumb: the library that holds or fails fdatasync, and the directory that tells it to.
pub(super) fn thumb(place: &Place) -> (PathBuf, PathBuf) {
    let control = place.directory().join("control");
    fs::create_dir_all(&control).unwrap();
    let library = place.directory().join("fdatasync.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audit_log/fdatasync.c");
    let mut cc = Command::new("cc");
    succeed(
        cc.args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library)
            .arg(source),
    );
    (library, control)
}

fn under_thumb() -> (Place, PathBuf) {
    let mut place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    stop(&mut place);
    let (library, control) = thumb(&place);
    place.proxy = durable(
        &place,
        &[("LD_PRELOAD", &library), ("SYNC_CONTROL", &control)],
    );
    (place, control)
}

pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn recorded(place: &Place, sql: &str) -> bool {
    place.audit().iter().any(|r| r["sql"] == sql)
}

#[test]
fn in_durable_nothing_goes_upstream_before_the_disk_has_its_record() {
    let (place, control) = under_thumb();
    let (mut one, mut other) = (place.raw("app"), place.raw("app"));
    one.query("SELECT 1");
    other.query("SELECT 1");
    let hold = control.join("hold");
    fs::write(&hold, "").unwrap();
    one.send(&raw::query("SELECT room AS held FROM visits"));
    // Parse, Bind, Execute, each with what it forwards, and a refusal behind them.
    other.send(
        &[
            raw::parse("", "SELECT id AS also_held FROM visits", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::sync(),
        ]
        .concat(),
    );
    until("both are written", || {
        recorded(&place, "SELECT room AS held FROM visits")
            && recorded(&place, "SELECT id AS also_held FROM visits")
    });
    std::thread::sleep(Duration::from_millis(300));
    for text in ["AS held", "AS also_held"] {
        assert!(
            !place.tap.saw(text.as_bytes()),
            "{text} went before its record was on disk"
        );
    }
    fs::remove_file(&hold).unwrap();
    assert_eq!(raw::sqlstate(&one.until_ready()), None);
    assert_eq!(raw::sqlstate(&other.until_ready()), None);
    assert!(place.tap.saw(b"AS held") && place.tap.saw(b"AS also_held"));
}

#[test]
fn after_a_failed_sync_nothing_goes_upstream_any_more() {
    let (mut place, control) = under_thumb();
    let (mut one, mut other) = (place.raw("app"), place.raw("app"));
    one.query("SELECT 1");
    other.query("SELECT 1");
    fs::write(control.join("hold"), "").unwrap();
    one.send(&raw::query("SELECT room AS held FROM visits"));
    until("it is written", || {
        recorded(&place, "SELECT room AS held FROM visits")
    });
    fs::write(control.join("fail"), "").unwrap();
    fs::remove_file(control.join("hold")).unwrap();
    let told = one.until("E");
    assert_eq!(raw::sqlstate(&told), Some("58030".to_owned()), "{told:?}");
    assert!(one.receive().is_none(), "the session ends");
    // A second sync that would succeed proves nothing.
    fs::remove_file(control.join("fail")).unwrap();
    let told = other.query("SELECT room AS later FROM visits");
    assert_eq!(raw::sqlstate(&told), Some("58030".to_owned()), "{told:?}");
    let another = Raw::login(place.proxy.port(), "app", &password("app"), &place.database);
    assert!(another.is_err(), "no session without its record");
    for text in ["AS held", "AS later"] {
        assert!(!place.tap.saw(text.as_bytes()), "{text} went upstream");
    }
    until("/readyz says so", || place.proxy.get("/readyz").0 == 503);
    place.proxy.signal("KILL");
    place.proxy.wait(Duration::from_secs(10));
    place.proxy = Proxy::serve(&place.config());
    assert_eq!(raw::sqlstate(&place.raw("app").query("SELECT 1")), None);
    assert_eq!(verb(&place, &["verify"]).status.code(), Some(0));
}

/// Many sessions at once, killed: what the server has seen is in the log, which opens and verifies.
#[test]
fn in_durable_sessions_share_syncs_and_a_kill_loses_no_record() {
    let (mut place, control) = under_thumb();
    let from = hippocrypt_e2e::log::end();
    let port = place.proxy.port();
    let database = place.database.clone();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let database = database.clone();
            std::thread::spawn(move || {
                let mut client = Raw::login(port, "app", &password("app"), &database).unwrap();
                for n in 0.. {
                    client.send(&raw::query(&format!(
                        "SELECT id AS w{worker}_{n} FROM visits"
                    )));
                    if !std::iter::from_fn(|| client.receive()).any(|m| m.tag == 'Z') {
                        return n;
                    }
                }
                0
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(1500));
    place.proxy.signal("KILL");
    place.proxy.wait(Duration::from_secs(10));
    let done: u32 = workers.into_iter().map(|w| w.join().unwrap()).sum();
    assert!(done > 40, "{done} statements");
    drop(control);
    place.proxy = Proxy::serve(&place.config());
    assert_eq!(verb(&place, &["verify"]).status.code(), Some(0));
    let recorded: Vec<String> = place
        .audit()
        .iter()
        .filter_map(|r| r["sql"].as_str().map(str::to_owned))
        .collect();
    let seen = hippocrypt_e2e::log::since(&place.database, from);
    let seen = seen.split("SELECT id AS w").skip(1);
    let names: Vec<_> = seen.filter_map(|rest| rest.split(' ').next()).collect();
    assert!(names.len() >= done as usize, "{} of {done}", names.len());
    for name in names {
        let sql = format!("SELECT id AS w{name} FROM visits");
        assert!(recorded.contains(&sql), "{sql} is not on record");
    }
}

#[test]
fn a_second_copy_verifies_and_its_lag_is_a_metric() {
    let mut place = Setup::clinic().start();
    stop(&mut place);
    let config = fs::read_to_string(place.config()).unwrap();
    let config = config.replace("directory: audit/ }", "directory: audit/, ship: copy/ }");
    fs::write(place.config(), config).unwrap();
    place.proxy = Proxy::serve(&place.config());
    place.both(CLINIC_TABLES);
    until("it has caught up", || {
        place
            .proxy
            .get("/metrics")
            .1
            .contains("\nhippocrypt_audit_unshipped{copy=\"directory\"} 0\n")
            && fs::read_dir(place.directory().join("copy")).is_ok()
    });
    stop(&mut place);
    let copy = place.directory().join("copy");
    let log = place.directory().join("audit");
    for file in ["jsonl", "edge", "checkpoints"] {
        let name = format!("{:020}.{file}", 0);
        assert_eq!(
            fs::read(copy.join(&name)).unwrap(),
            fs::read(log.join(&name)).unwrap(),
            "{name}"
        );
    }
    assert!(!copy.join("signing.key").exists());
    let mut verify = Command::new(hippocrypt_e2e::proxy::binary());
    verify.args(["audit", "verify", "--directory"]).arg(&copy);
    succeed(&mut verify);
}

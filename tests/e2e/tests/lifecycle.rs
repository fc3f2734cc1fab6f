//! From the first start to the last goodbye: check, ready, drain, demo.

use hippocrypt_e2e::logins::{listen_tls_with, psql, scram, userlist};
use hippocrypt_e2e::place::{CLINIC, CLINIC_TABLES, certificates, password};
use hippocrypt_e2e::proxy::{Proxy, binary, free_port};
use hippocrypt_e2e::raw::{self, rows, status};
use hippocrypt_e2e::sql::{self, succeed, told};
use hippocrypt_e2e::{Raw, Setup};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn the_demo_checks_itself() {
    let output = Command::new(binary())
        .args(["demo", "--once", "--port", "0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains('✓') && !text.contains('✗') && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(text.contains("42501") && text.contains("f5e1"), "{text}");
}

#[test]
fn ready_healthy_and_counted() {
    let place = Setup::clinic().start();
    assert_eq!(place.proxy.get("/healthz").0, 200);
    assert_eq!(place.proxy.get("/readyz").0, 200);
    place.raw("app").query("SELECT 1");
    let (code, metrics) = place.proxy.get("/metrics");
    assert_eq!(code, 200);
    assert!(metrics.contains("hippocrypt_"), "{metrics}");
    let number = |name: &str| {
        let metrics = place.proxy.get("/metrics").1;
        let mut lines = metrics.lines();
        let value = lines.find_map(|l| l.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {metrics}"))
    };
    let on_disk = || number("hippocrypt_audit_records_total");
    // the start, and a session's beginning and end
    let until = Instant::now() + Duration::from_secs(10);
    while on_disk() < 3 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    let (counted, written) = (on_disk(), place.audit().len());
    assert!((3..=written).contains(&counted), "{counted} of {written}");
    let kept = || number("hippocrypt_verdicts_kept_bytes");
    while kept() == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!((1..32 << 20).contains(&kept()), "{}", kept());
    assert_eq!(place.proxy.get("/no_such_page").0, 404);
}

#[test]
fn sigterm_lets_the_transaction_finish_and_nobody_new_in() {
    let mut place = Setup::clinic().start();
    place.both("CREATE TABLE drained (id int)");
    let mut client = place.raw("app");
    client.query("BEGIN");
    client.query("INSERT INTO drained VALUES (1)");
    place.proxy.signal("TERM");
    let late = std::thread::scope(|s| {
        s.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            std::net::TcpStream::connect(("127.0.0.1", place.proxy.port())).is_ok_and(
                |mut stream| {
                    use std::io::{Read as _, Write as _};
                    let _ = stream.write_all(&raw::untagged(&80_877_103_i32.to_be_bytes()));
                    matches!(stream.read(&mut [0]), Ok(1..))
                },
            )
        })
        .join()
        .unwrap()
    });
    assert!(!late, "a new session was taken while draining");
    assert_eq!(status(&client.query("COMMIT")), 'I');
    drop(client);
    assert_eq!(
        place.proxy.wait(Duration::from_secs(20)),
        Some(0),
        "{}",
        place.proxy.log()
    );
    let kept = sql::rows(&place.thief(), "SELECT count(*) FROM drained").unwrap();
    assert_eq!(kept[0][0].as_deref(), Some("1"));
    assert_eq!(place.audit().last().unwrap()["type"], "stop");
}

#[test]
fn sigterm_tells_idle_sessions_and_waits_for_the_statement_that_runs() {
    let mut place = Setup::clinic().start();
    let (mut idle, mut busy) = (place.raw("app"), place.raw("app"));
    busy.send(&raw::query("SELECT pg_sleep(1.5), 'done'"));
    place.wait_for_activity("pg_sleep(1.5)");
    place.proxy.signal("TERM");
    assert_eq!(idle.receive().unwrap().sqlstate(), "57P01");
    assert!(idle.receive().is_none());
    let answer = busy.until_ready();
    assert_eq!(rows(&answer)[0][1].as_deref(), Some("done"));
    assert_eq!(busy.receive().unwrap().sqlstate(), "57P01");
    assert_eq!(place.proxy.wait(Duration::from_secs(20)), Some(0));
}

#[test]
fn a_second_signal_stops_at_once_and_the_log_is_closed_all_the_same() {
    let mut place = Setup::clinic().start();
    let mut client = place.raw("app");
    client.query("BEGIN");
    place.proxy.signal("TERM");
    place.proxy.wait_for_log("draining");
    place.proxy.signal("TERM");
    assert_eq!(client.receive().unwrap().sqlstate(), "57P01");
    assert_eq!(place.proxy.wait(Duration::from_secs(20)), Some(0));
    assert_eq!(place.audit().last().unwrap()["type"], "stop");
    let verified = place.verb(&["audit", "verify"]).output().unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", told(&verified));
}

#[test]
fn sighup_takes_up_userlist_and_certificates_together_or_keeps_both() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let list = userlist(directory.path(), &["app"]);
    let files = certificates();
    let put = |certificate: &std::path::Path, key: &std::path::Path| {
        fs::copy(certificate, at("listen.crt")).unwrap();
        fs::copy(key, at("listen.key")).unwrap();
    };
    put(&files.certificate, &files.key);
    let (certificate, key) = (at("listen.crt"), at("listen.key"));
    let place = Setup {
        listen: listen_tls_with(&certificate, &key, "require", ""),
        more: scram(&list),
        ..Setup::clinic()
    }
    .start();
    let login = |user: &str, sslmode: &str| {
        let settings = format!("user={user} password={} sslmode={sslmode}", password(user));
        told(&psql(&place, &settings, "SELECT 'in'"))
    };
    let before = login("app", "verify-full");
    assert!(before.contains("\nin\n"), "{before}");
    let unknown = login("billing", "verify-full");
    assert!(
        unknown.contains("28P01") || unknown.contains("password authentication failed"),
        "{unknown}"
    );

    // the userlist is good, the certificate has another's key: neither is taken up
    userlist(directory.path(), &["app", "billing"]);
    put(&files.carol.certificate, &files.key);
    place.proxy.signal("HUP");
    place.proxy.wait_for_log("everything stays as it was");
    assert!(!login("billing", "verify-full").contains("\nin\n"));
    assert!(login("app", "verify-full").contains("\nin\n"));

    put(&files.carol.certificate, &files.carol.key);
    place.proxy.signal("HUP");
    place.proxy.wait_for_log("were read anew");
    assert!(login("billing", "require").contains("\nin\n"));
    // carol's certificate is for no host
    let other = login("app", "verify-full");
    assert!(other.contains("does not match host name"), "{other}");
}

#[test]
fn check_is_content_with_a_good_policy_and_names_the_line_of_a_bad_one() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let good = place.verb(&["check"]).output().unwrap();
    assert_eq!(good.status.code(), Some(0), "{}", told(&good));
    let kept = "a checkpoint every 1000 records or 10 s, a heartbeat after 60 s; not sealed; kept for ever; no copy";
    assert!(told(&good).contains(kept), "{}", told(&good));
    let policy = place.directory().join("policy.yaml");
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(
        &policy,
        text.replace("notes: { type: text,", "nots: { type: text,"),
    )
    .unwrap();
    let bad = place.verb(&["check"]).output().unwrap();
    assert_eq!(bad.status.code(), Some(1), "{}", told(&bad));
    let line = text.lines().position(|l| l.contains("notes:")).unwrap() + 1;
    assert!(
        told(&bad).contains(&format!("policy.yaml:{line}")),
        "{}",
        told(&bad)
    );
}

#[test]
fn what_is_not_understood_is_64_with_file_and_line() {
    let place = Setup::clinic().start();
    let config = place.config();
    let text = fs::read_to_string(&config).unwrap();
    for (what, wrong) in [
        ("an unknown key", text.clone() + "polcy: policy.yaml\n"),
        ("a duplicate", text.clone() + "policy: policy.yaml\n"),
        (
            "a bad value",
            text.replace(
                "audit: { directory: audit/ }",
                "audit: { directory: audit/, durability: maybe }",
            ),
        ),
    ] {
        fs::write(&config, &wrong).unwrap();
        let output = place
            .verb(&["serve"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64), "{what}: {}", told(&output));
        assert!(
            told(&output).contains("hippocrypt.yaml:"),
            "{what}: {}",
            told(&output)
        );
    }
    let unknown_verb = Command::new(binary()).arg("encrypt").output().unwrap();
    assert_eq!(
        unknown_verb.status.code(),
        Some(64),
        "{}",
        told(&unknown_verb)
    );
}

#[test]
fn serve_wants_its_keys_and_init_never_replaces_one() {
    let mut place = Setup::clinic().start();
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let keyring = place.directory().join("keys/keyring.json");
    let before = fs::read(&keyring).unwrap();
    place.verb(&["keys", "init"]).output().unwrap();
    assert_eq!(
        fs::read(&keyring).unwrap(),
        before,
        "init changed a keyring"
    );
    succeed(&mut place.verb(&["keys", "status"]));
    fs::remove_file(&keyring).unwrap();
    let lone = place.verb(&["keys", "init"]).output().unwrap();
    assert_ne!(
        lone.status.code(),
        Some(0),
        "a master key without keyring must not lead to a new one"
    );
    assert!(!keyring.exists());
    let serve = place
        .verb(&["serve"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_ne!(serve.status.code(), Some(0), "{}", told(&serve));
}

#[test]
fn explain_says_what_would_be_sent_without_sending_it() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let ask = |user: &str, sql: &str| {
        let mut verb = place.verb(&["explain", "--user", user]);
        verb.arg(sql).output().unwrap()
    };
    let shown = told(&ask(
        "app",
        "SELECT name FROM patients WHERE ssn = '900-11-0001'",
    ));
    assert!(
        shown.contains("public.patients.ssn") && shown.contains("name"),
        "{shown}"
    );
    let refused = told(&ask("guest", "SELECT name FROM patients"));
    assert!(refused.contains("42501"), "{refused}");
}

#[test]
fn a_table_that_is_not_yet_encrypted_is_closed() {
    let setup = Setup::policy(CLINIC);
    let place = setup.start();
    let thief = place.thief();
    sql::rows(&thief, "CREATE TABLE patients (id int PRIMARY KEY, name text, ssn varchar(11), dob date, notes text, age int, score bigint, cost numeric(10,2), alive bool, seen timestamptz, token uuid); GRANT ALL ON patients TO app; INSERT INTO patients (id, name) VALUES (1, 'Plain Pangolin')").unwrap();
    let mut client = place.raw("app");
    // Made behind the proxy's back: until its timer or a DDL of ours it knows no such table, and sends nothing.
    let unknown = client.query("SELECT name FROM patients");
    assert!(rows(&unknown).is_empty(), "{unknown:?}");
    client.query("CREATE TABLE makes_it_look ()");
    let answer = client.query("SELECT name FROM patients");
    assert_eq!(
        raw::sqlstate(&answer).as_deref(),
        Some("0A000"),
        "{answer:?}"
    );
    let hidden = client.query("INSERT INTO patients (id, name) VALUES (2, 'Refused Pangolin')");
    assert!(raw::sqlstate(&hidden).is_some());
    assert!(!place.tap.saw(b"Refused Pangolin"));
}

#[test]
fn sessions_beyond_the_limit_are_refused_with_53300() {
    let setup = Setup {
        more: "sessions: { max: 2 }".to_owned(),
        ..Setup::clinic()
    };
    let place = setup.start();
    let (_one, _two) = (place.raw("app"), place.raw("app"));
    let third = Raw::login(place.proxy.port(), "app", "app-secret", &place.database).unwrap_err();
    assert_eq!(third.sqlstate(), "53300");
}

#[test]
fn a_taken_port_is_named() {
    let port = free_port();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let output = Command::new(binary())
        .args(["demo", "--port", &port.to_string()])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(
        told(&output).contains(&port.to_string()),
        "{}",
        told(&output)
    );
}

#[test]
fn without_the_right_to_make_the_cell_type_start_up_stops_with_the_sql_for_the_dba() {
    let mut place = Setup::clinic().start();
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let revoke = format!(
        "DROP SCHEMA hippocrypt CASCADE; REVOKE CREATE ON DATABASE {} FROM hippocrypt",
        place.database
    );
    sql::rows(&place.thief(), &revoke).unwrap();
    let output = place
        .verb(&["serve"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", told(&output));
    assert!(told(&output).contains("CREATE DOMAIN"), "{}", told(&output));
}

#[test]
fn a_cell_type_that_is_not_ours_stops_the_start() {
    let mut place = Setup::clinic().start();
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    // The right length and the right first bytes, and still a domain that lets anything in.
    let foreign = "DROP SCHEMA hippocrypt CASCADE; CREATE SCHEMA hippocrypt; CREATE DOMAIN hippocrypt.cell AS bytea \
        CHECK (octet_length(VALUE) >= 59 OR VALUE <> '\\xf5e1'::bytea)";
    sql::rows(&place.thief(), foreign).unwrap();
    let output = place
        .verb(&["serve"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", told(&output));
    assert!(
        told(&output).contains("not made by hippocrypt"),
        "{}",
        told(&output)
    );
}

/// As when two proxies of a new database start at once.
#[test]
fn a_proxy_that_starts_while_another_makes_the_cell_type_finds_it_made() {
    let mut place = Setup::clinic().start();
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let other = place.thief();
    let check = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid = 'hippocrypt.cell'::regtype";
    let check = sql::rows(&other, check).unwrap()[0][0].clone().unwrap();
    let making = format!(
        "DROP SCHEMA hippocrypt CASCADE; BEGIN; CREATE SCHEMA hippocrypt; CREATE DOMAIN hippocrypt.cell AS bytea {check}"
    );
    for statement in making.split("; ") {
        sql::rows(&other, statement).unwrap();
    }
    let config = place.config();
    let proxy = std::thread::scope(|scope| {
        let starting = scope.spawn(|| Proxy::serve(&config));
        place.wait_for_lock();
        sql::rows(&other, "COMMIT").unwrap();
        starting.join().unwrap()
    });
    place.proxy = proxy;
    assert_eq!(raw::sqlstate(&place.raw("app").query("SELECT 1")), None);
}

#[test]
fn a_taken_admin_port_stops_the_start_before_anyone_can_connect() {
    let mut place = Setup::clinic().start();
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = place.config();
    let text = fs::read_to_string(&config).unwrap();
    let (before, after) = text.split_once("admin: { address: 127.0.0.1:").unwrap();
    let rest = after.split_once(' ').unwrap().1;
    let changed = format!("{before}admin: {{ address: 127.0.0.1:{port} {rest}");
    fs::write(&config, changed).unwrap();
    let output = place
        .verb(&["serve"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", told(&output));
    let told = told(&output);
    assert!(told.contains("admin.address"), "{told}");
    assert!(!told.contains("listen="), "{told}");
}

#[test]
fn a_typo_in_the_policy_closes_the_table_instead_of_opening_it() {
    let typo = Setup::policy(&CLINIC.replace("notes: {", "nots: {"));
    let place = typo.start();
    let create = "CREATE TABLE patients (id int, name text, ssn varchar(11), dob date, notes text, age int, score bigint, cost numeric(10,2), alive bool, seen timestamptz, token uuid)";
    let mut client = place.raw("app");
    let _refused_or_closed = client.query(create);
    for statement in [
        "INSERT INTO patients (id, notes) VALUES (1, 'Typo Tapir')",
        "SELECT notes FROM patients",
    ] {
        let answer = client.query(statement);
        assert!(raw::sqlstate(&answer).is_some(), "{statement}: {answer:?}");
    }
    assert!(!place.tap.saw(b"Typo Tapir"));
}

/// Whoever is told that a table is there can use it over any connection, as with PostgreSQL itself.
#[test]
fn a_table_made_by_one_session_is_known_to_the_others() {
    let place = Setup::clinic().start();
    let (mut migration, mut app) = (place.raw("app"), place.raw("app"));
    for n in 0..3 {
        let made = migration
            .query("CREATE TABLE claims (id int, patient_ssn varchar(11), amount numeric(10,2))");
        assert_eq!(raw::sqlstate(&made), None, "{made:?}");
        let written = app.query("INSERT INTO claims VALUES (1, '900-88-0001')");
        assert_eq!(raw::sqlstate(&written), None, "{written:?}");
        migration.query("BEGIN");
        migration.query("ALTER TABLE claims ADD COLUMN note text");
        assert_eq!(status(&migration.query("COMMIT")), 'I');
        let all = app.query("SELECT * FROM claims");
        let row = [Some("1"), Some("900-88-0001"), None, None].map(|v| v.map(str::to_owned));
        assert_eq!(rows(&all), [row], "round {n}: {all:?}");
        migration.pipeline(&[
            raw::parse("", "DROP TABLE claims", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::sync(),
        ]);
        migration.until_ready();
        assert_eq!(
            raw::sqlstate(&app.query("SELECT * FROM claims")).as_deref(),
            Some("42P01")
        );
    }
    place.assert_hidden("900-88-0001");
}

//! `auth: scram`: clients prove themselves to the proxy, which logs in as the same role without a password.

use hippocrypt_e2e::certificates::{Pair, self_signed};
use hippocrypt_e2e::logins::{
    challenge, listen_tls, listen_tls_with, psql, records, scram, scram_place, upstream_tls,
    userlist, write_secret,
};
use hippocrypt_e2e::place::{Place, certificates, cluster, password};
use hippocrypt_e2e::raw::{self, Raw};
use hippocrypt_e2e::sql::{connect, rows, told};
use hippocrypt_e2e::{Setup, tap};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

const WHO: &str = "SELECT session_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

fn admin() -> tokio_postgres::Client {
    connect(&cluster().superuser("postgres")).unwrap()
}

/// Without TLS on either leg: raw clients, and the tap sees all.
fn in_clear(users: &[&str]) -> (Place, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let more = scram(&userlist(directory.path(), users));
    let place = Setup {
        more,
        ..Setup::clinic()
    }
    .start();
    (place, directory)
}

#[test]
fn psql_is_in_with_channel_binding_and_without_tls() {
    let directory = tempfile::tempdir().unwrap();
    let place = scram_place(&userlist(directory.path(), &["app", "billing"]));
    for (user, settings, method) in [
        (
            "app",
            "sslmode=verify-full channel_binding=require",
            "scram-sha-256-plus",
        ),
        (
            "billing",
            "sslmode=verify-full channel_binding=prefer",
            "scram-sha-256-plus",
        ),
        (
            "app",
            "sslmode=require channel_binding=disable",
            "scram-sha-256",
        ),
        ("app", "sslmode=disable", "scram-sha-256"),
    ] {
        let settings = format!("{settings} user={user} password={}", password(user));
        let answer = psql(&place, &settings, WHO);
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert_eq!(text.trim(), format!("{user}|t"), "{}", told(&answer));
        let starts = records(&place, "session_start");
        assert_eq!(starts.last().unwrap()["auth"], method, "{settings}");
        assert_eq!(starts.last().unwrap()["user"], user);
    }
    let log = place.proxy.log();
    assert!(
        !log.contains("SCRAM-SHA-256$") && !log.contains("app-secret"),
        "{log}"
    );
}

#[test]
fn cells_are_sealed_and_opened_as_ever() {
    let (place, _directory) = in_clear(&["app", "billing"]);
    let mut app = place.raw("app");
    app.query("CREATE TABLE patients (id int PRIMARY KEY, name text, ssn varchar(11), dob date, notes text, age int4, score int8, cost numeric(10,2), alive bool, seen timestamptz, token uuid)");
    app.query("GRANT ALL ON patients TO billing");
    app.query("INSERT INTO patients (id, name, ssn) VALUES (1, 'Scram Okapi', '900-31-0001')");
    let ssn = place.raw("billing").query("SELECT ssn FROM patients");
    assert_eq!(raw::rows(&ssn)[0][0].as_deref(), Some("*******0001"));
    place.assert_hidden("900-31-0001");
    assert!(!place.tap.saw(password("app").as_bytes()));
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_alike_and_never_reach_the_server() {
    let (place, _directory) = in_clear(&["app"]);
    drop(place.raw("app"));
    place.tap.forget();
    let refused =
        |user: &str| Raw::login(place.proxy.port(), user, "wrong", &place.database).unwrap_err();
    let (wrong, unknown) = (refused("app"), refused("nobody_here"));
    let direct = Raw::login(cluster().port(), "app", "wrong", &place.database).unwrap_err();
    assert_eq!(
        raw::comparable(std::slice::from_ref(&wrong)),
        raw::comparable(&[direct])
    );
    let renamed = format!("{unknown:?}").replace("nobody_here", "app");
    assert_eq!(renamed, format!("{wrong:?}"));
    let seen = place.tap.seen();
    for name in ["app\0", "nobody_here\0"] {
        assert!(
            !tap::contains(&seen, name.as_bytes()),
            "{name} went to the server"
        );
    }
    let failures = records(&place, "auth_failure");
    let facts: Vec<_> = failures
        .iter()
        .map(|r| {
            (
                r["user"].as_str(),
                r["sqlstate"].as_str(),
                r["reason"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        facts,
        [
            (Some("app"), Some("28P01"), Some("wrong password")),
            (Some("nobody_here"), Some("28P01"), Some("no such user")),
        ]
    );
}

#[test]
fn an_unknown_user_is_challenged_like_any_other_and_always_with_the_same_salt() {
    let (place, _directory) = in_clear(&["app"]);
    let ask = |user: &str| {
        let text = challenge(place.proxy.port(), user, &place.database);
        let (nonce, rest) = text.split_once(",s=").unwrap();
        assert!(
            nonce.starts_with("r=thirtydays") && nonce.len() > 30,
            "{text}"
        );
        rest.to_owned()
    };
    assert_eq!(ask("nobody_here"), ask("nobody_here"));
    assert_ne!(ask("nobody_here"), ask("somebody_else"));
    let shape = |text: &str| (text.len(), text.split_once(",i=").unwrap().1.to_owned());
    assert_eq!(shape(&ask("nobody_here")), shape(&ask("app")));
}

#[test]
fn each_failure_makes_the_next_attempt_of_that_user_wait_and_nobody_elses() {
    let (place, _directory) = in_clear(&["app", "billing"]);
    let took = |user: &str, password: &str| {
        let began = Instant::now();
        let login = Raw::login(place.proxy.port(), user, password, &place.database);
        (began.elapsed(), login.is_ok())
    };
    for _ in 0..4 {
        assert!(!took("app", "wrong").1);
    }
    // 100, 200, 400 ms have gone by; the next turn is 800 ms after the last failure
    let (braked, ok) = took("app", &password("app"));
    assert!(ok && braked > Duration::from_millis(600), "{braked:?}");
    assert!(took("billing", &password("billing")).1);
}

#[test]
fn a_verifier_that_is_not_the_servers_is_explained() {
    let role = "scram_changes";
    rows(
        &admin(),
        &format!("CREATE ROLE {role} LOGIN PASSWORD 'old-secret'"),
    )
    .unwrap();
    let (place, _directory) = in_clear(&[role]);
    let login = |password| Raw::login(place.proxy.port(), role, password, &place.database);
    assert!(login("old-secret").is_ok());
    rows(
        &admin(),
        &format!("ALTER ROLE {role} PASSWORD 'old-secret'"),
    )
    .unwrap();
    let refused = login("old-secret").unwrap_err();
    assert_eq!(refused.sqlstate(), "28000");
    let text = format!("{refused:?}");
    assert!(
        text.contains("salt") && text.contains("pg_authid"),
        "{text}"
    );
    let failure = records(&place, "auth_failure").pop().unwrap();
    assert_eq!(failure["reason"], "the verifier is not the server's");
    place.proxy.wait_for_log("verifier");
}

#[test]
fn what_the_server_refuses_after_the_proof_is_the_servers_word() {
    let (place, _directory) = in_clear(&["app"]);
    let port = place.proxy.port();
    let nowhere = Raw::login(port, "app", &password("app"), "no_such_database").unwrap_err();
    assert_eq!(nowhere.sqlstate(), "3D000");
    // the words come behind AuthenticationOk, and behind the record
    let failures = records(&place, "auth_failure");
    assert!(
        failures.iter().any(|r| r["sqlstate"] == "3D000"),
        "{:?}",
        place.audit()
    );
}

#[test]
fn verifiers_by_query() {
    // as PgBouncer's manual has it: the service role may ask, and may not read pg_authid
    rows(
        &admin(),
        "CREATE FUNCTION public.verifier_of(name, OUT u name, OUT v text) LANGUAGE sql SECURITY DEFINER \
         SET search_path = pg_catalog AS 'SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1'",
    )
    .unwrap();
    let query = "auth: { mode: scram, verifiers: { query: \"SELECT u, v FROM public.verifier_of($1)\", database: postgres } }";
    let place = Setup {
        listen: listen_tls("require", ""),
        upstream: upstream_tls(""),
        more: query.to_owned(),
        ..Setup::clinic()
    }
    .start();
    let settings = |password: &str| {
        format!("user=app password={password} sslmode=verify-full channel_binding=require")
    };
    let answer = psql(&place, &settings(&password("app")), WHO);
    assert!(answer.status.success(), "{}", told(&answer));
    let refused = psql(&place, &settings("wrong"), WHO);
    assert!(
        told(&refused).contains("password authentication failed"),
        "{}",
        told(&refused)
    );
    // a new password holds at once: nothing is kept
    let role = "scram_renews";
    rows(
        &admin(),
        &format!("CREATE ROLE {role} LOGIN PASSWORD 'first'"),
    )
    .unwrap();
    for password in ["first", "second"] {
        rows(
            &admin(),
            &format!("ALTER ROLE {role} PASSWORD '{password}'"),
        )
        .unwrap();
        let settings = format!("user={role} password={password} sslmode=require");
        let answer = psql(&place, &settings, WHO);
        assert!(answer.status.success(), "{}", told(&answer));
    }
    // a role without a verifier is no user
    let settings = "user=carol password=x sslmode=require";
    let refused = psql(&place, settings, WHO);
    assert!(
        told(&refused).contains("password authentication failed"),
        "{}",
        told(&refused)
    );
}

#[test]
fn what_verifiers_cannot_be_read_from_stops_the_start() {
    let mut place = Setup::clinic().start();
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let text = fs::read_to_string(place.config()).unwrap();
    let list = place.directory().join("userlist.txt");
    let start = |auth: &str| {
        fs::write(place.config(), format!("{text}{auth}\n")).unwrap();
        let output = place
            .verb(&["serve"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64), "{auth}: {}", told(&output));
        let check = place.verb(&["check"]).output().unwrap();
        assert_eq!(check.status.code(), Some(1), "{auth}: {}", told(&check));
        let (said, found) = (told(&output), told(&check));
        assert!(
            found.contains("userlist.txt") || found.contains("auth.verifiers.query"),
            "{found}"
        );
        said
    };
    write_secret(&list, "; people\n\"app\" \"plain-hunter2\"\n");
    let told = start(&scram(&list));
    assert!(
        told.contains("userlist.txt:2:") && !told.contains("hunter2"),
        "{told}"
    );
    fs::set_permissions(&list, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert!(start(&scram(&list)).contains("chmod"));
    for (query, why) in [
        ("SELECT * FROM no_such_table WHERE u = $1", "no_such_table"),
        (
            "SELECT usename FROM pg_user WHERE usename = $1",
            "two columns",
        ),
    ] {
        let told = start(&format!(
            "auth: {{ mode: scram, verifiers: {{ query: \"{query}\", database: postgres }} }}"
        ));
        assert!(
            told.contains("auth.verifiers.query") && told.contains(why),
            "{told}"
        );
    }
}

/// What a client of libpq would do when somebody in between takes PLUS off the offer.
#[test]
fn a_client_that_saw_no_offer_to_bind_over_tls_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let place = scram_place(&userlist(directory.path(), &["app"]));
    let script = "
import socket, ssl, struct, sys
def frame(tag, body): return tag + struct.pack('!I', len(body) + 4) + body
raw = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
raw.sendall(struct.pack('!II', 8, 80877103))
assert raw.recv(1) == b'S'
context = ssl._create_unverified_context()
tls = context.wrap_socket(raw)
tls.sendall(frame(b'', b'\\0\\3\\0\\0user\\0app\\0database\\0' + sys.argv[2].encode() + b'\\0\\0'))
print(tls.recv(1000)[9:])
first = b'y,,n=,r=thirtydays'
tls.sendall(frame(b'p', b'SCRAM-SHA-256\\0' + struct.pack('!I', len(first)) + first))
print(tls.recv(1000))
";
    let output = std::process::Command::new("python3")
        .args([
            "-c",
            script,
            &place.proxy.port().to_string(),
            &place.database,
        ])
        .output()
        .unwrap();
    let said = told(&output);
    assert!(said.contains("SCRAM-SHA-256-PLUS"), "{said}");
    assert!(
        said.contains("C28000") && said.contains("negotiation error"),
        "{said}"
    );
    let failure = records(&place, "auth_failure").pop().unwrap();
    assert_eq!(failure["reason"], "channel binding was taken off the offer");
}

#[test]
fn channels_are_bound_by_the_hash_of_the_certificates_own_signature() {
    let directory = tempfile::tempdir().unwrap();
    let list = userlist(directory.path(), &["app"]);
    for (name, key, bound) in [
        ("rsa-sha256", "-newkey rsa:2048 -sha256", true),
        ("rsa-sha512", "-newkey rsa:2048 -sha512", true),
        (
            "ecdsa-sha384",
            "-newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha384",
            true,
        ),
        // no hash that both ends would agree on: nothing is offered, and who insists is told by libpq
        ("ed25519", "-newkey ed25519", false),
    ] {
        let Pair { certificate, key } = self_signed(directory.path(), name, key);
        let place = Setup {
            listen: listen_tls_with(&certificate, &key, "require", ""),
            more: scram(&list),
            ..Setup::clinic()
        }
        .start();
        let login = format!(
            "user=app password={} sslmode=require sslrootcert={}",
            password("app"),
            certificate.display()
        );
        let insists = psql(&place, &format!("{login} channel_binding=require"), WHO);
        assert_eq!(
            insists.status.success(),
            bound,
            "{name}: {}",
            told(&insists)
        );
        let prefers = psql(&place, &format!("{login} channel_binding=prefer"), WHO);
        assert!(prefers.status.success(), "{name}: {}", told(&prefers));
        let start = records(&place, "session_start").pop().unwrap();
        let method = if bound {
            "scram-sha-256-plus"
        } else {
            "scram-sha-256"
        };
        assert_eq!(start["auth"], method, "{name}");
    }
}

/// asyncpg has a SCRAM of its own, without channel binding; the others bring libpq 17 and 18, which bind.
#[test]
fn drivers_are_in_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let place = scram_place(&userlist(directory.path(), &["app"]));
    let script = "
import asyncio, os, ssl, asyncpg, psycopg, psycopg2
for driver in (psycopg, psycopg2):
    connection = driver.connect('sslmode=verify-full sslrootcert=' + os.environ['ROOT'])
    cursor = connection.cursor()
    cursor.execute('SELECT session_user')
    print(cursor.fetchone()[0])
    connection.close()
async def main():
    context = ssl.create_default_context(cafile=os.environ['ROOT'])
    connection = await asyncpg.connect(ssl=context)
    print(await connection.fetchval('SELECT session_user::text'))
    await connection.close()
asyncio.run(main())
";
    let python = std::env::var_os("HIPPOCRYPT_DRIVERS_PYTHON").unwrap_or_else(|| "python3".into());
    let output = std::process::Command::new(python)
        .args(["-c", script])
        .env("PGHOST", "localhost")
        .env("PGPORT", place.proxy.port().to_string())
        .env("PGUSER", "app")
        .env("PGPASSWORD", password("app"))
        .env("PGDATABASE", &place.database)
        .env("ROOT", &certificates().root)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "app\napp\napp\n",
        "{}",
        told(&output)
    );
    let methods: Vec<_> = records(&place, "session_start")
        .iter()
        .map(|r| r["auth"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        methods,
        ["scram-sha-256-plus", "scram-sha-256-plus", "scram-sha-256"]
    );
}

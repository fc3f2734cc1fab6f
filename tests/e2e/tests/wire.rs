//! The edges of the wire: direct TLS, protocol 3.2, cancel keys, Unix sockets, IPv6, start-up parameters.

use hippocrypt_e2e::logins::{
    listen_tls, psql, records, scram, startup, startup_of, upstream_tls, userlist,
};
use hippocrypt_e2e::place::{CLINIC_TABLES, certificates, cluster, password};
use hippocrypt_e2e::raw::{self, Message, Raw};
use hippocrypt_e2e::sql::{succeed, told};
use hippocrypt_e2e::{Place, Setup};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

fn python() -> PathBuf {
    std::env::var_os("HIPPOCRYPT_DRIVERS_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// psycopg brings a libpq that knows direct TLS and protocol 3.2; `connection` is open in the script.
fn psycopg(place: &Place, settings: &str, script: &str) -> Output {
    let connection = format!(
        "host=localhost hostaddr=127.0.0.1 port={} dbname={} user=app password={} sslrootcert={} {settings}",
        place.proxy.port(),
        place.database,
        password("app"),
        certificates().root.display()
    );
    let open = "import sys, psycopg\nconnection = psycopg.connect(sys.argv[1], autocommit=True)\n";
    Command::new(python())
        .args(["-c", &format!("{open}{script}"), &connection])
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", told(output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn direct_tls_on_both_legs() {
    let directory = tempfile::tempdir().unwrap();
    let list = userlist(directory.path(), &["app"]);
    // PostgreSQL 15 has no direct TLS: the server of the one is another proxy
    let behind = Setup {
        listen: listen_tls("require", ""),
        upstream: upstream_tls(""),
        more: scram(&list),
        ..Setup::clinic()
    }
    .start();
    let place = Setup {
        server: Some(format!("localhost:{}", behind.proxy.port())),
        listen: listen_tls("require", ""),
        upstream: upstream_tls(", negotiation: direct"),
        more: scram(&list),
        policy: "databases: {}\n".to_owned(),
        ..Setup::clinic()
    }
    .start();
    let settings = "sslmode=verify-full sslnegotiation=direct channel_binding=require";
    let script = "print(connection.execute('SELECT session_user').fetchone()[0])";
    // the outer place has no database of its own behind the inner one
    let settings = format!("{settings} dbname={}", behind.database);
    let answer = psycopg(&place, &settings, script);
    assert_eq!(said(&answer), "app");
    let tls = &records(&place, "session_start")[0]["tls"];
    assert!(tls.as_str().unwrap().starts_with("TLS"), "{tls}");
    // the outer one binds its login to the inner one's certificate, with the key that the client's proof has shown
    let inner = records(&behind, "session_start");
    assert_eq!(inner.last().unwrap()["auth"], "scram-sha-256-plus");
}

#[test]
fn direct_tls_without_alpn_is_refused() {
    let place = Setup {
        listen: listen_tls("require", ""),
        ..Setup::clinic()
    }
    .start();
    let connect = |alpn: &[&str]| {
        let mut command = Command::new("openssl");
        let address = format!("127.0.0.1:{}", place.proxy.port());
        command
            .args(["s_client", "-quiet", "-connect", &address])
            .args(alpn);
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let message = startup(&[("user", "app"), ("database", &place.database)]);
        let _ = child.stdin.as_mut().unwrap().write_all(&message);
        let mut head = [0; 1];
        let n = std::io::Read::read(child.stdout.as_mut().unwrap(), &mut head).unwrap();
        let _ = child.kill();
        let _ = child.wait();
        (n > 0).then_some(head[0] as char)
    };
    assert_eq!(connect(&["-alpn", "postgresql"]), Some('R'));
    assert_eq!(connect(&[]), Some('E'));
    assert_eq!(connect(&["-alpn", "http/1.1"]), None);
}

#[test]
fn protocol_3_2_has_long_cancel_keys_that_cancel() {
    let place = Setup::clinic().start();
    let script = "
import threading, time
threading.Timer(1.0, connection.cancel_safe).start()
try:
    connection.execute('SELECT pg_sleep(20)')
except psycopg.errors.QueryCanceled as error:
    print(connection.pgconn.full_protocol_version, error.sqlstate)
print(connection.execute('SELECT 1').fetchone()[0])
";
    for (settings, version) in [
        ("min_protocol_version=3.2 max_protocol_version=3.2", 30002),
        ("max_protocol_version=3.0", 30000),
    ] {
        let answer = psycopg(&place, &format!("{settings} sslmode=disable"), script);
        assert_eq!(said(&answer), format!("{version} 57014\n1"));
    }
}

#[test]
fn what_a_client_asks_too_much_of_is_negotiated_and_never_goes_up() {
    let place = Setup::clinic().start();
    let ask = |minor: u16, option: Option<&str>| {
        let mut raw = Raw::connect(place.proxy.port());
        let mut parameters = vec![("user", "app"), ("database", place.database.as_str())];
        parameters.extend(option.map(|name| (name, "on")));
        raw.send(&startup_of(minor, &parameters));
        let first = raw.receive().unwrap();
        (first.tag, first.body)
    };
    for minor in [0, 1, 2] {
        assert_eq!(ask(minor, None).0, 'R', "3.{minor}");
    }
    let none = [0, 3, 0, 2, 0, 0, 0, 0];
    assert_eq!(ask(3, None), ('v', none.to_vec()));
    assert_eq!(ask(9999, None), ('v', none.to_vec()));
    let one = [&[0, 3, 0, 0, 0, 0, 0, 1], &b"_pq_.grease\0"[..]].concat();
    assert_eq!(ask(0, Some("_pq_.grease")), ('v', one));
    let one = [&[0, 3, 0, 2, 0, 0, 0, 1], &b"_pq_.grease\0"[..]].concat();
    assert_eq!(ask(2, Some("_pq_.grease")), ('v', one));
    assert!(
        !place.tap.saw(b"_pq_."),
        "the server was asked for an option"
    );
    assert!(
        !place.tap.saw(&[0, 3, 0, 2]),
        "the server was asked for 3.2"
    );
}

#[test]
fn a_client_is_told_the_servers_process_and_not_its_secret() {
    let place = Setup::clinic().start();
    let mut client = place.raw("app");
    let pid = raw::rows(&client.query("SELECT pg_backend_pid()"))[0][0].clone();
    assert_eq!(pid, Some(client.key.0.to_string()));
    // the server knows no such secret
    let body = [
        80_877_102_i32.to_be_bytes(),
        client.key.0.to_be_bytes(),
        client.key.1.to_be_bytes(),
    ]
    .concat();
    client.send(&raw::query("SELECT pg_sleep(0.7)"));
    place.wait_for_activity("pg_sleep(0.7)");
    Raw::connect(cluster().port()).send(&raw::untagged(&body));
    assert_eq!(raw::tags(&client.until_ready()), "TDCZ");
}

#[test]
fn unix_sockets_on_both_sides_and_who_may_be_whom() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join(".s.PGSQL.6432");
    let server = cluster()
        .directory()
        .join(format!(".s.PGSQL.{}", cluster().port()));
    // a socket that nobody listens on any more is replaced
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let uid = directory.path().metadata().unwrap().uid();
    let mut place = Setup {
        address: socket.display().to_string(),
        server: Some(server.display().to_string()),
        more: format!("auth: {{ mode: relay, identities: {{ 'uid:{uid}': [app] }} }}"),
        ..Setup::clinic()
    }
    .start();
    assert_eq!(place.proxy.port(), 6432);
    let ask = |user: &str| {
        let mut psql = place.program("psql", user);
        psql.env("PGHOST", directory.path());
        psql.args([
            "-X",
            "-A",
            "-t",
            "-c",
            "SELECT session_user, inet_client_addr() IS NULL",
        ]);
        psql
    };
    assert_eq!(succeed(&mut ask("app")).trim(), "app|t");
    let client = records(&place, "session_start")[0]["client"].clone();
    assert!(
        client
            .as_str()
            .unwrap()
            .starts_with(&format!("unix:uid={uid}")),
        "{client}"
    );
    let refused = ask("billing").output().unwrap();
    assert!(
        told(&refused).contains("Peer authentication failed"),
        "{}",
        told(&refused)
    );
    let failure = records(&place, "auth_failure").pop().unwrap();
    assert_eq!(failure["reason"], "the system user may not be this user");
    place.proxy.signal("TERM");
    place.proxy.wait(std::time::Duration::from_secs(20));
    assert!(!socket.exists(), "the socket is left behind");
}

#[test]
fn ipv6_and_keepalive() {
    let place = Setup {
        address: "[::1]:0".to_owned(),
        ..Setup::clinic()
    }
    .start();
    let mut psql = place.program("psql", "app");
    psql.env("PGHOST", "::1").args(["-X", "-A", "-t"]);
    psql.args(["-c", "SELECT 6", "-c", "\\! sleep 0.5; cat /proc/net/tcp6"]);
    let text = succeed(&mut psql);
    assert!(text.starts_with("6\n"), "{text}");
    let client = records(&place, "session_start")[0]["client"].clone();
    assert!(client.as_str().unwrap().starts_with("[::1]:"), "{client}");
    // and towards a server: another proxy stands in for one
    let outer = Setup {
        server: Some(format!("[::1]:{}", place.proxy.port())),
        ..Setup::empty()
    }
    .start();
    let mut through = outer.program("psql", "app");
    through.env("PGDATABASE", &place.database);
    assert_eq!(
        succeed(through.args(["-X", "-A", "-t", "-c", "SELECT 66"])).trim(),
        "66"
    );
    // local address, remote address, state 01 (established), queues, timer 02 (keepalive)
    let local = format!(
        "00000000000000000000000001000000:{:04X}",
        place.proxy.port()
    );
    let timers: Vec<_> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|f| f.len() > 5 && f[1] == local && f[3] == "01")
        .map(|f| f[5][..2].to_owned())
        .collect();
    assert_eq!(timers, ["02"], "{text}");
}

#[test]
fn parameters_that_two_could_read_differently_are_refused() {
    let place = Setup::clinic().start();
    let (long, database) = ("x".repeat(64), place.database.as_str());
    for (parameters, sqlstate) in [
        (&[("user", "app"), ("user", "billing")][..], "08P01"),
        (
            &[
                ("user", "app"),
                ("database", database),
                ("database", "postgres"),
            ],
            "08P01",
        ),
        (&[("user", long.as_str())], "28000"),
        (&[("user", "app"), ("database", long.as_str())], "28000"),
        (&[("user", "")], "28000"),
        (&[("database", database)], "28000"),
        (
            &[
                ("user", "app"),
                ("database", database),
                ("replication", "database"),
            ],
            "0A000",
        ),
        (
            &[
                ("user", "app"),
                ("database", database),
                ("replication", "true"),
            ],
            "0A000",
        ),
        (
            &[
                ("user", "app"),
                ("database", database),
                ("client_encoding", "LATIN1"),
            ],
            "0A000",
        ),
    ] {
        let mut raw = Raw::connect(place.proxy.port());
        raw.send(&startup(parameters));
        let refused = raw.receive().unwrap();
        assert_eq!(refused.sqlstate(), sqlstate, "{parameters:?}");
    }
    assert_eq!(records(&place, "auth_failure").len(), 9);
}

#[test]
fn options_of_the_start_up_are_the_servers_and_known_to_the_proxy() {
    let place = Setup::clinic().start();
    place.both(hippocrypt_e2e::place::CLINIC_TABLES);
    place.both("INSERT INTO patients (id, name, dob) VALUES (1, 'Option Okapi', '2001-02-03')");
    let ask = |options: &str, sql: &str| {
        let through = place
            .program("psql", "app")
            .env("PGOPTIONS", options)
            .args(["-X", "-A", "-t", "-c", sql])
            .output()
            .unwrap();
        let mut twin = hippocrypt_e2e::sql::program(
            "psql",
            cluster().port(),
            "app",
            &password("app"),
            &place.twin_database(),
        );
        let twin = twin
            .env("PGOPTIONS", options)
            .args(["-X", "-A", "-t", "-c", sql])
            .output()
            .unwrap();
        (said(&through), said(&twin))
    };
    for (options, sql) in [
        ("-c DateStyle=German", "SELECT dob FROM patients"),
        (
            "-c search_path=pg_catalog",
            "SELECT name FROM public.patients",
        ),
        ("-c statement_timeout=54321", "SHOW statement_timeout"),
        (
            "-c hippocrypt.catalog=physical",
            "SELECT data_type FROM information_schema.columns WHERE table_name = 'patients' AND column_name = 'dob'",
        ),
    ] {
        let (through, twin) = ask(options, sql);
        assert_eq!(through, twin, "{options}: {sql}");
    }
    let encoding = place
        .program("psql", "app")
        .env("PGOPTIONS", "-c client_encoding=LATIN1")
        .args(["-X", "-A", "-t", "-c", "SELECT name FROM patients"])
        .output()
        .unwrap();
    assert!(!encoding.status.success(), "{}", told(&encoding));
}

#[test]
fn psql_asks_for_gss_and_tls_first_and_gets_in_without_either() {
    let place = Setup::clinic().start();
    let settings = format!(
        "user=app password={} sslmode=prefer gssencmode=prefer",
        password("app")
    );
    assert_eq!(said(&psql(&place, &settings, "SELECT 1")), "1");
}

/// ParameterStatus: drivers read values by what it says.
#[test]
fn what_the_server_reports_of_its_settings_is_what_the_client_is_told() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let database = |raw: &Raw| {
        let mut told = raw.parameters.clone();
        told.remove("application_name");
        told
    };
    assert_eq!(database(&through), database(&twin));
    let reported = |messages: &[Message]| -> Vec<Message> {
        let all = messages.iter().filter(|m| "SZ".contains(m.tag));
        all.cloned().collect()
    };
    let mut told = 0;
    for step in [
        "SET application_name = 'told'",
        "SET TimeZone = 'Europe/Vienna'",
        "SET DateStyle = 'German'; SET IntervalStyle = 'iso_8601'",
        "SELECT dob FROM patients",
        "SET standard_conforming_strings = off",
        "SET client_encoding = 'utf8'",
        "BEGIN; SET LOCAL TimeZone = 'UTC'",
        "SELECT seen FROM patients",
        "ROLLBACK",
        "SET search_path = nowhere",
        "SELECT set_config('TimeZone', 'Asia/Tokyo', false)",
        "RESET ALL",
    ] {
        let (here, there) = (through.query(step), twin.query(step));
        assert_eq!(reported(&here), reported(&there), "{step}");
        told += reported(&here).len() - 1;
    }
    assert!(told >= 9, "{told}");
    let frames = [
        raw::parse("", "SET TimeZone = 'Asia/Tokyo'", &[]),
        raw::bind("", "", &[], 0),
        raw::execute("", 0),
        raw::sync(),
    ];
    let [here, there] = [&mut through, &mut twin].map(|client| {
        client.pipeline(&frames);
        reported(&client.until_ready())
    });
    assert_eq!(here, there);
    assert_eq!(here.len(), 2);
}

//! Login is PostgreSQL's own, relayed; TLS on either leg.

use hippocrypt_e2e::logins::{listen_tls, upstream_tls};
use hippocrypt_e2e::place::{Place, certificates, cluster, password};
use hippocrypt_e2e::raw::{self, Raw, untagged};
use hippocrypt_e2e::sql::{succeed, told};
use hippocrypt_e2e::{Setup, sql};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

fn with_tls(mode: &str) -> Place {
    Setup {
        listen: listen_tls(mode, ""),
        upstream: upstream_tls(""),
        ..Setup::clinic()
    }
    .start()
}

fn psql(place: &Place, sslmode: &str) -> Command {
    let mut command = place.program("psql", "app");
    command
        .env("PGHOST", "localhost")
        .env("PGSSLMODE", sslmode)
        .env("PGSSLROOTCERT", &certificates().root)
        .env("PGCHANNELBINDING", "disable")
        .args(["-X", "-A", "-t", "-c"])
        .arg("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    command
}

#[test]
fn tls_on_both_legs() {
    let place = with_tls("require");
    assert_eq!(succeed(&mut psql(&place, "verify-full")).trim(), "t");
    assert!(!place.tap.saw(b"pg_stat_ssl"), "the upstream leg is clear");
    let refused = psql(&place, "disable").output().unwrap();
    assert!(
        !refused.status.success(),
        "a client without TLS got in: {}",
        told(&refused)
    );
}

#[test]
fn tls_is_the_clients_choice_under_prefer() {
    let place = with_tls("prefer");
    for sslmode in ["disable", "verify-full"] {
        assert_eq!(succeed(&mut psql(&place, sslmode)).trim(), "t", "{sslmode}");
    }
}

#[test]
fn ssl_and_gss_requests_are_answered_no_where_there_is_none() {
    let place = Setup::clinic().start();
    let mut stream = TcpStream::connect(("127.0.0.1", place.proxy.port())).unwrap();
    for code in [80_877_104_i32, 80_877_103] {
        stream.write_all(&untagged(&code.to_be_bytes())).unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"N");
    }
}

#[test]
fn scram_and_md5_and_bad_passwords_are_the_servers_word() {
    let place = Setup::clinic().start();
    let wrong = Raw::login(place.proxy.port(), "app", "wrong", &place.database).unwrap_err();
    let direct = Raw::login(cluster().port(), "app", "wrong", &place.database).unwrap_err();
    assert_eq!(raw::comparable(&[wrong]), raw::comparable(&[direct]));
    let nobody = Raw::login(place.proxy.port(), "nobody_here", "x", &place.database).unwrap_err();
    assert_eq!(nobody.sqlstate(), "28P01");
    let nowhere = Raw::login(
        place.proxy.port(),
        "app",
        &password("app"),
        "no_such_database",
    )
    .unwrap_err();
    assert_eq!(nowhere.sqlstate(), "3D000");
}

#[test]
fn the_password_never_crosses_the_tap() {
    let place = Setup::clinic().start();
    drop(place.raw("app"));
    assert!(!place.tap.saw(password("app").as_bytes()));
}

#[test]
fn parameters_of_the_login_are_the_servers() {
    let place = Setup::clinic().start();
    let (through, direct) = (place.raw("app"), place.raw_twin("app"));
    assert_eq!(through.parameters, direct.parameters);
}

#[test]
fn client_encodings_other_than_utf8_are_refused_where_a_policy_applies() {
    let place = Setup::clinic().start();
    let mut client = place.raw("app");
    let answer = client.query("SET client_encoding = 'LATIN1'");
    assert_eq!(
        raw::sqlstate(&answer).as_deref(),
        Some("0A000"),
        "{answer:?}"
    );
    assert!(client.is_quiet());
}

#[test]
fn garbage_at_the_door_closes_that_door_only() {
    let place = Setup::clinic().start();
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0, 0, 0, 1],
        &[0xff; 64],
        &[0, 0, 0, 8, 0, 9, 0, 9],
        &[],
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", place.proxy.port())).unwrap();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(
        sql::rows(&place.client("app"), "SELECT 1").unwrap().len(),
        1
    );
}

//! What logins of clients that prove themselves to the proxy need: userlists, TLS, psql.

use crate::place::{Place, Setup, certificates, cluster};
use crate::raw::{Raw, frame, untagged};
use crate::sql::{connect, rows};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `listen.tls` with the cluster's own certificate.
pub fn listen_tls(mode: &str, more: &str) -> String {
    let files = certificates();
    listen_tls_with(&files.certificate, &files.key, mode, more)
}

/// `listen.tls` with another one.
pub fn listen_tls_with(certificate: &Path, key: &Path, mode: &str, more: &str) -> String {
    format!(
        "  tls: {{ mode: {mode}, certificate: \"{}\", private_key: \"{}\"{more} }}",
        certificate.display(),
        key.display()
    )
}

/// `upstream.tls` that trusts the tests' authority.
pub fn upstream_tls(more: &str) -> String {
    format!(
        "  tls: {{ mode: verify-full, root_ca: \"{}\"{more} }}",
        certificates().root.display()
    )
}

/// The verifiers of these roles as the cluster holds them now, in PgBouncer's format.
pub fn userlist(directory: &Path, users: &[&str]) -> PathBuf {
    let admin = connect(&cluster().superuser("postgres")).unwrap();
    let mut text = String::from("; made by a test\n");
    for user in users {
        let sql = format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{user}'");
        let verifier = rows(&admin, &sql).unwrap().remove(0).remove(0).unwrap();
        text += &format!("\"{user}\" \"{verifier}\"\n");
    }
    let path = directory.join("userlist.txt");
    write_secret(&path, &text);
    path
}

/// A file that only its owner may read.
pub fn write_secret(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// `auth: { mode: scram }` with this userlist.
pub fn scram(userlist: &Path) -> String {
    format!(
        "auth: {{ mode: scram, verifiers: {{ file: \"{}\" }} }}",
        userlist.display()
    )
}

/// A place whose clients prove themselves to the proxy, TLS on both legs.
pub fn scram_place(userlist: &Path) -> Place {
    Setup {
        listen: listen_tls("prefer", ""),
        upstream: upstream_tls(""),
        more: scram(userlist),
        ..Setup::clinic()
    }
    .start()
}

/// psql with this connection string's further settings.
pub fn psql(place: &Place, settings: &str, sql: &str) -> Output {
    let mut command = Command::new(cluster().programs().join("psql"));
    let connection = format!(
        "host=localhost hostaddr=127.0.0.1 port={} dbname={} sslrootcert={} {settings}",
        place.proxy.port(),
        place.database,
        certificates().root.display()
    );
    command
        .args(["-X", "-A", "-t", "-v", "VERBOSITY=verbose", "-c", sql, "-d"])
        .arg(connection)
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap()
}

/// Records of this kind.
pub fn records(place: &Place, kind: &str) -> Vec<serde_json::Value> {
    let mut records = place.audit();
    records.retain(|r| r["type"] == kind);
    records
}

/// The server-first-message that a user is sent: salt and iterations are the server's secret no more.
pub fn challenge(port: u16, user: &str, database: &str) -> String {
    let mut raw = Raw::connect(port);
    raw.send(&startup(&[("user", user), ("database", database)]));
    let offer = raw.receive().unwrap();
    assert_eq!(offer.tag, 'R', "{offer:?}");
    let first = b"n,,n=,r=thirtydays";
    let length = u32::try_from(first.len()).unwrap().to_be_bytes();
    raw.send(&frame(
        b'p',
        &[b"SCRAM-SHA-256\0", &length[..], first].concat(),
    ));
    let challenge = raw.receive().unwrap();
    assert_eq!(challenge.tag, 'R', "{challenge:?}");
    String::from_utf8(challenge.body[4..].to_vec()).unwrap()
}

/// A start-up message of protocol 3.0.
pub fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    startup_of(0, parameters)
}

/// A start-up message of protocol 3.`minor`.
pub fn startup_of(minor: u16, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = [&[0, 3][..], &minor.to_be_bytes()].concat();
    for (name, value) in parameters {
        body.extend([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
    }
    body.push(0);
    untagged(&body)
}

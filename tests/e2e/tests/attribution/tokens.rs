//! Tokens that the application signs: verified, followed like any setting, and never seen by the server.

use super::{clinic_with, some, started, statements, told};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hippocrypt_e2e::Raw;
use hippocrypt_e2e::place::{CLINIC, CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{bind, execute, parse, rows, sqlstate, sync};
use ring::hmac;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const SECRET: [u8; 32] = [7; 32];
const READ: &str = "SELECT name FROM patients";

fn write_keys(keys: &TempDir, secret: &[u8]) {
    let path = keys.path().join("tokens.jwks");
    let key = URL_SAFE_NO_PAD.encode(secret);
    let set = format!(r#"{{"keys":[{{"kty":"oct","k":"{key}"}}]}}"#);
    fs::write(&path, set).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The clinic with keys of tokens, and where these are.
fn clinic(from: &str) -> (Place, TempDir) {
    let keys = tempfile::tempdir().unwrap();
    write_keys(&keys, &SECRET);
    let path = keys.path().join("tokens.jwks");
    let more = format!("attribution: {{ tokens: {}{from} }}", path.display());
    (clinic_with(CLINIC, &more), keys)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn signed_by(secret: &[u8], claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let text = format!(
        "{}.{}",
        part(r#"{"alg":"HS256","typ":"JWT"}"#),
        part(claims)
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}.{tag}")
}

fn token(user: &str, expires: u64) -> String {
    let claims = format!(r#"{{"sub":"{user}","exp":{expires},"reason":"why {user}"}}"#);
    signed_by(&SECRET, &claims)
}

fn code(client: &mut Raw, sql: &str) -> Option<String> {
    sqlstate(&client.query(sql))
}

#[test]
fn a_token_is_verified_and_does_not_go_to_the_server() {
    let (place, _keys) = clinic("");
    let mut client = place.raw("app");
    let (one, two) = (
        token("dr_o'grey\\\\", now() + 600),
        token("dr_bailey", now() + 600),
    );
    client.query("SET hippocrypt.user = 'somebody'");
    assert_eq!(
        code(&mut client, &format!("SET hippocrypt.token = '{one}'")),
        None
    );
    client.query(READ);
    client.query("BEGIN");
    client.query("SAVEPOINT s");
    assert_eq!(
        code(
            &mut client,
            &format!("SET LOCAL hippocrypt.token TO '{two}'; {READ}")
        ),
        None
    );
    client.query("ROLLBACK TO s");
    client.query(READ);
    client.query("COMMIT");
    client.query(&format!(
        "{READ} /*hippocrypt_token='{two}',hippocrypt_user='x'*/"
    ));
    client.query("RESET hippocrypt.token");
    client.query(READ);
    let grey = ["dr_o'grey\\", "token", "why dr_o'grey\\", "token"];
    let bailey = ["dr_bailey", "token", "why dr_bailey", "token"];
    let expected = [grey, bailey, grey, bailey, ["somebody", "setting", "", ""]];
    assert_eq!(told(&place, client.key.0, "patients"), expected.map(some));
    for token in [one, two] {
        assert!(!place.tap.saw(token.as_bytes()), "{token}");
        assert!(!place.tap.saw(token.rsplit('.').next().unwrap().as_bytes()));
        let log = place
            .audit()
            .iter()
            .map(ToString::to_string)
            .collect::<String>();
        assert!(!log.contains(&token));
    }
}

#[test]
fn row_security_reads_the_person_out_of_what_stands_for_the_token() {
    let (place, _keys) = clinic("");
    let mut client = place.raw("app");
    client.query(&format!(
        "SET hippocrypt.token = '{}'",
        token("dr_grey", now() + 600)
    ));
    let answer = client.query("SELECT substr(current_setting('hippocrypt.token', true), 66)");
    assert_eq!(rows(&answer), [[Some("dr_grey".to_owned())]]);
}

#[test]
fn a_token_that_nobody_signed_is_refused_and_so_is_what_stands_for_one() {
    let (place, _keys) = clinic("");
    let mut client = place.raw("app");
    let good = token("dr_grey", now() + 600);
    client.query(&format!("SET hippocrypt.token = '{good}'"));
    let stands = rows(&client.query("SHOW hippocrypt.token"))[0][0]
        .clone()
        .unwrap();
    let other = signed_by(&[8; 32], r#"{"sub":"eve","exp":9999999999}"#);
    for (bad, words) in [
        (other, "signature"),
        (stands, "JSON Web Token"),
        ("x".into(), "JSON Web Token"),
    ] {
        let answer = client.query(&format!("SET hippocrypt.token = '{bad}'"));
        let error = answer.iter().find(|m| m.tag == 'E').unwrap().fields();
        assert_eq!(error[&'C'], "28000", "{bad}");
        assert!(error[&'M'].contains(words), "{error:?}");
        assert!(!place.tap.saw(format!("= '{bad}'").as_bytes()));
        let tagged = format!(
            "SELECT 1 /*hippocrypt_token='{}'*/",
            bad.replace(' ', "%20")
        );
        assert_eq!(
            code(&mut client, &tagged).as_deref(),
            Some("28000"),
            "{tagged}"
        );
    }
    let refused = |r: &&serde_json::Value| r["sqlstate"] == "28000";
    assert_eq!(
        statements(&place, client.key.0)
            .iter()
            .filter(refused)
            .count(),
        6
    );
    client.query(READ);
    let found = told(&place, client.key.0, "patients");
    assert_eq!(found, [some(["dr_grey", "token", "why dr_grey", "token"])]);
    for sql in [
        format!("SELECT set_config('hippocrypt.token', '{good}', false)"),
        "SET hippocrypt.token = a, b".into(),
    ] {
        assert_eq!(code(&mut client, &sql).as_deref(), Some("0A000"), "{sql}");
    }
}

#[test]
fn an_expired_token_refuses_what_is_protected_until_it_is_taken_back() {
    let (place, _keys) = clinic("");
    let mut client = place.raw("app");
    client.query(&format!(
        "SET hippocrypt.token = '{}'",
        token("dr_grey", now() + 2)
    ));
    let old = token("dr_grey", now() - 5);
    client.pipeline(&[parse("s", READ, &[]), sync()]);
    client.until_ready();
    let run = |client: &mut Raw| {
        client.pipeline(&[bind("", "s", &[], 0), execute("", 0), sync()]);
        sqlstate(&client.until_ready())
    };
    assert_eq!(run(&mut client), None);
    assert_eq!(
        code(&mut client, &format!("{READ} /*hippocrypt_token='{old}'*/")).as_deref(),
        Some("28000")
    );
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(run(&mut client).as_deref(), Some("28000"));
    assert_eq!(code(&mut client, READ).as_deref(), Some("28000"));
    assert_eq!(code(&mut client, "SELECT room FROM visits"), None);
    assert_eq!(code(&mut client, "RESET hippocrypt.token"), None);
    assert_eq!(code(&mut client, READ), None);
}

#[test]
fn where_only_tokens_count_nothing_else_does() {
    let (place, _keys) = clinic(", from: [token]");
    let mut client = place.raw("app");
    client.query("SET hippocrypt.user = 'eve'");
    client.query(&format!("{READ} /*hippocrypt_user='eve'*/"));
    client.query(&format!(
        "SET hippocrypt.token = '{}'",
        token("dr_grey", now() + 600)
    ));
    client.query(READ);
    let grey = ["dr_grey", "token", "why dr_grey", "token"];
    let expected = [["", "", "", ""], grey];
    assert_eq!(told(&place, client.key.0, "patients"), expected.map(some));
}

#[test]
fn a_token_where_none_are_taken_is_refused_and_not_forwarded() {
    let place = started(CLINIC, "");
    place.both(CLINIC_TABLES);
    let mut client = place.raw("app");
    let token = token("dr_grey", now() + 600);
    let set = format!("SET hippocrypt.token = '{token}'");
    assert_eq!(code(&mut client, &set).as_deref(), Some("0A000"));
    assert!(!place.tap.saw(token.as_bytes()));
}

#[test]
fn keys_are_taken_up_by_sighup() {
    let (place, keys) = clinic("");
    let mut client = place.raw("app");
    let other = [9; 32];
    let claims = format!(r#"{{"sub":"new","exp":{}}}"#, now() + 600);
    let set = format!("SET hippocrypt.token = '{}'", signed_by(&other, &claims));
    assert_eq!(code(&mut client, &set).as_deref(), Some("28000"));
    write_keys(&keys, &other);
    place.proxy.signal("HUP");
    let reloaded = |r: &serde_json::Value| r["action"] == "reload";
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while !place.audit().iter().any(reloaded) {
        assert!(std::time::Instant::now() < until, "{}", place.proxy.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    let until = std::time::Instant::now() + Duration::from_secs(5);
    while code(&mut client, &set).is_some() {
        assert!(
            std::time::Instant::now() < until,
            "the new key is not taken up"
        );
    }
    let old = format!("SET hippocrypt.token = '{}'", token("old", now() + 600));
    assert_eq!(code(&mut client, &old).as_deref(), Some("28000"));
}

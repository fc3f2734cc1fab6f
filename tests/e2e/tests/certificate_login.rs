//! Client certificates: beside a password, or in its place.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::certificates::Pair;
use hippocrypt_e2e::logins::{listen_tls, psql, records, upstream_tls};
use hippocrypt_e2e::place::{CAROL, Place, certificates, password};
use hippocrypt_e2e::sql::told;
use std::time::{Duration, Instant};

const WHO: &str = "SELECT session_user";

fn listen() -> String {
    let root = certificates().root.display();
    listen_tls("require", &format!(", client_ca: \"{root}\""))
}

/// The cluster takes the proxy's certificate for `carol`.
fn upstream() -> String {
    let Pair { certificate, key } = &certificates().proxy;
    upstream_tls(&format!(
        ", certificate: \"{}\", private_key: \"{}\"",
        certificate.display(),
        key.display()
    ))
}

fn place(auth: &str) -> Place {
    Setup {
        listen: listen(),
        upstream: upstream(),
        more: format!("auth: {auth}"),
        ..Setup::clinic()
    }
    .start()
}

/// With a certificate, without a password.
fn with(pair: &Pair, user: &str) -> String {
    format!(
        "sslmode=verify-full user={user} sslcert={} sslkey={}",
        pair.certificate.display(),
        pair.key.display()
    )
}

fn refused(place: &Place, settings: &str) -> (String, serde_json::Value) {
    let before = records(place, "auth_failure").len();
    let answer = psql(place, settings, WHO);
    assert!(!answer.status.success(), "{settings}: {}", told(&answer));
    // a client whose certificate is refused is told by TLS, and its record follows
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let mut failures = records(place, "auth_failure");
        if failures.len() > before || Instant::now() > deadline {
            return (told(&answer), failures.pop().unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_certificate_is_enough_where_the_server_takes_the_proxys() {
    let place = place("{ mode: certificate }");
    let answer = psql(&place, &with(&certificates().carol, CAROL), WHO);
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert_eq!(text.trim(), CAROL, "{}", told(&answer));
    let start = records(&place, "session_start").pop().unwrap();
    assert_eq!(
        (&start["auth"], &start["user"]),
        (&"certificate".into(), &CAROL.into())
    );

    let (words, failure) = refused(&place, &with(&certificates().carol, "app"));
    assert!(
        words.contains("certificate authentication failed"),
        "{words}"
    );
    assert_eq!(failure["reason"], "the certificate is not for this user");
    assert_eq!(failure["sqlstate"], "28000");

    let (words, failure) = refused(
        &place,
        &format!("sslmode=require sslcert=/nowhere user={CAROL}"),
    );
    assert!(words.contains("valid client certificate"), "{words}");
    assert_eq!(failure["reason"], "no client certificate");
}

#[test]
fn a_certificate_by_an_authority_that_nobody_trusts_is_refused_and_on_record() {
    let place = place("{ mode: certificate }");
    let (_, failure) = refused(&place, &with(&certificates().impostor, CAROL));
    assert_eq!(
        failure["reason"],
        "its certificate was refused",
        "{}",
        place.proxy.log()
    );
    assert!(
        failure["client"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
}

#[test]
fn identities_say_who_may_be_whom() {
    let place = place(
        "{ mode: certificate, identities: { 'uri:spiffe://clinic/carol': [carol, app], 'cn:carol': [billing] } }",
    );
    let answer = psql(&place, &with(&certificates().carol, CAROL), WHO);
    assert!(answer.status.success(), "{}", told(&answer));
    // mapped here, but not in the server's pg_ident.conf: it asks for a password that nobody has
    let (words, failure) = refused(&place, &with(&certificates().carol, "app"));
    assert!(
        words.contains("SCRAM-SHA-256") && words.contains("pg_hba.conf"),
        "{words}"
    );
    assert_eq!(failure["reason"], "the server asks for another method");
    let (_, failure) = refused(&place, &with(&certificates().carol, "guest"));
    assert_eq!(failure["reason"], "the certificate is not for this user");
}

#[test]
fn a_server_that_lets_nobody_in_by_certificate_stops_the_start() {
    let mut place = place("{ mode: certificate, identities: { 'cn:carol': [carol] } }");
    place.proxy.signal("TERM");
    place.proxy.wait(std::time::Duration::from_secs(20));
    let text = std::fs::read_to_string(place.config()).unwrap();
    for (from, to, why) in [
        (
            "'cn:carol': [carol]",
            "'cn:carol': [app, guest]",
            "pg_ident.conf",
        ),
        (
            ", certificate: ",
            ", negotiation: postgres } # ",
            "upstream.tls.certificate",
        ),
    ] {
        // in the line of upstream.tls, which is the last that has these words
        let (head, tail) = text.rsplit_once(from).unwrap();
        std::fs::write(place.config(), format!("{head}{to}{tail}")).unwrap();
        let output = place.verb(&["serve"]).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{}", told(&output));
        assert!(told(&output).contains(why), "{}", told(&output));
    }
}

#[test]
fn a_certificate_beside_a_password() {
    let place = place("{ mode: relay, identities: { 'email:carol@clinic.example': [app] } }");
    let certificate = with(&certificates().carol, "app") + " channel_binding=disable";
    let right = format!("{certificate} password={}", password("app"));
    let answer = psql(&place, &right, WHO);
    assert!(answer.status.success(), "{}", told(&answer));
    let (words, _) = refused(&place, &format!("{certificate} password=wrong"));
    assert!(words.contains("password authentication failed"), "{words}");
    let alone = format!(
        "sslmode=require sslcert=/nowhere channel_binding=disable user=app password={}",
        password("app")
    );
    let (words, _) = refused(&place, &alone);
    assert!(words.contains("valid client certificate"), "{words}");
}

#[test]
fn a_revoked_certificate_is_refused_from_the_next_list_on() {
    let directory = tempfile::tempdir().unwrap();
    let list = certificates().revoked(directory.path(), &[&certificates().proxy]);
    let listen = listen().replace(" }", &format!(", client_crl: \"{}\" }}", list.display()));
    let place = Setup {
        listen,
        upstream: upstream(),
        more: "auth: { mode: certificate }".to_owned(),
        ..Setup::clinic()
    }
    .start();
    let carol = with(&certificates().carol, CAROL);
    let answer = psql(&place, &carol, WHO);
    assert!(answer.status.success(), "{}", told(&answer));

    certificates().revoked(directory.path(), &[&certificates().carol]);
    place.proxy.signal("HUP");
    place.proxy.wait_for_log("were read anew");
    let (_, failure) = refused(&place, &carol);
    assert_eq!(failure["reason"], "its certificate was refused");
    place.proxy.wait_for_log("Revoked");
}

//! Both ends of SCRAM against each other and against the RFC's example, and what was tampered with.

use super::client::First;
use super::server::{Challenge, offer};
use super::{Binding, EndPoint, Key, PLAIN, PLUS, ScramError, Verifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A verifier as PostgreSQL would store it (RFC 5802 §3).
fn verifier(password: &str, salt: &[u8], iterations: u32) -> (Verifier, Key) {
    let keyed = |message: &[u8]| -> [u8; 32] {
        let mut mac = <Hmac<Sha256>>::new_from_slice(password.as_bytes()).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().into()
    };
    let mut block = keyed(&[salt, &[0, 0, 0, 1]].concat());
    let mut salted = block;
    for _ in 1..iterations {
        block = keyed(&block);
        salted.iter_mut().zip(block).for_each(|(s, b)| *s ^= b);
    }
    let salted = Key(salted);
    let client_key = salted.sign("Client Key");
    let text = format!(
        "SCRAM-SHA-256${iterations}:{}${}:{}",
        STANDARD.encode(salt),
        client_key.hash().to_base64(),
        salted.sign("Server Key").to_base64()
    );
    (Verifier::parse(&text).unwrap(), client_key)
}

/// RFC 7677 §3.
#[test]
fn the_example_of_the_rfc() {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let (pencil, client_key) = verifier("pencil", &salt, 4096);
    let first = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    let nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let challenge =
        Challenge::new(PLAIN.as_bytes(), first, &Binding::Impossible, pencil, nonce).unwrap();
    assert_eq!(
        challenge.message,
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let last = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let proven = challenge.finish(last).unwrap();
    assert_eq!(
        proven.message,
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    );
    assert!(proven.client_key.equals(&client_key));
}

fn end_point(byte: u8) -> Binding {
    Binding::EndPoint(EndPoint(vec![byte; 32]))
}

/// Our client at our server.
fn meet(client: &Binding, server: &Binding, password: &str) -> Result<&'static str, ScramError> {
    let (known, _) = verifier("right", b"0123456789abcdef", 16);
    let (typed, client_key) = verifier(password, b"0123456789abcdef", 16);
    let mechanisms: Vec<_> = offer(server).iter().map(|m| m.as_bytes()).collect();
    let first = First::new(&mechanisms, client, "abc".into()).expect("a mechanism");
    let mechanism = first.mechanism;
    let challenge = Challenge::new(
        mechanism.as_bytes(),
        first.message.as_bytes(),
        server,
        known,
        "xyz",
    )?;
    let proof = first.prove(challenge.message.as_bytes(), &client_key, &typed)?;
    let proven = challenge.finish(proof.message.as_bytes())?;
    proof.finish(proven.message.as_bytes())?;
    assert!(proven.client_key.equals(&client_key));
    Ok(mechanism)
}

#[test]
fn both_ends_meet() {
    let none = Binding::Impossible;
    assert_eq!(meet(&none, &none, "right"), Ok(PLAIN));
    assert_eq!(meet(&end_point(1), &end_point(1), "right"), Ok(PLUS));
    assert_eq!(meet(&none, &end_point(1), "right"), Ok(PLAIN));
    assert_eq!(meet(&end_point(1), &none, "right"), Ok(PLAIN));
    assert_eq!(meet(&none, &none, "wrong"), Err(ScramError::Proof));
    assert_eq!(
        meet(&end_point(1), &end_point(2), "right"),
        Err(ScramError::OtherChannel)
    );
}

#[test]
fn what_is_not_scram_or_was_tampered_with_is_refused() {
    let (known, _) = verifier("right", b"salt", 2);
    let begin = |mechanism: &str, message: &str, binding: &Binding| {
        let begun = Challenge::new(
            mechanism.as_bytes(),
            message.as_bytes(),
            binding,
            known.clone(),
            "xyz",
        );
        begun.map(|challenge| challenge.message).unwrap_err()
    };
    let none = Binding::Impossible;
    // an eavesdropper took PLUS off the offer
    assert_eq!(
        begin(PLAIN, "y,,n=,r=abc", &end_point(1)),
        ScramError::Downgrade
    );
    for (mechanism, message) in [
        (PLAIN, ""),
        (PLAIN, "n"),
        (PLAIN, "n,,"),
        (PLAIN, "n,,r=abc"),
        (PLAIN, "n,,n=,r="),
        (PLAIN, "n,,n=,r=a\u{7f}c"),
        (PLAIN, "n,,n=,r=abc\0"),
        (PLAIN, "x,,n=,r=abc"),
        (PLAIN, "p=tls-server-end-point,,n=,r=abc"),
        (PLUS, "n,,n=,r=abc"),
        (PLUS, "y,,n=,r=abc"),
        ("PLAIN", "n,,n=,r=abc"),
    ] {
        let error = begin(mechanism, message, &none);
        assert!(
            matches!(error, ScramError::Malformed(_)),
            "{message}: {error}"
        );
    }
    for (mechanism, message) in [
        (PLAIN, "n,a=boss,n=,r=abc"),
        (PLAIN, "n,,m=x,n=,r=abc"),
        (PLUS, "p=tls-unique,,n=,r=abc"),
    ] {
        let error = begin(mechanism, message, &none);
        assert!(
            matches!(error, ScramError::Unsupported(_)),
            "{message}: {error}"
        );
    }
    let challenge = || {
        let first = b"n,,n=,r=abc";
        Challenge::new(PLAIN.as_bytes(), first, &none, known.clone(), "xyz").unwrap()
    };
    let proof = STANDARD.encode([7; 32]);
    for (message, expected) in [
        (
            format!("c=biws,r=abcxy,p={proof}"),
            ScramError::Malformed("its nonce is not ours"),
        ),
        (
            format!("c=eSws,r=abcxyz,p={proof}"),
            ScramError::OtherChannel,
        ),
        (format!("c=biws,r=abcxyz,p={proof}"), ScramError::Proof),
        (
            "c=biws,r=abcxyz,p=AAAA".to_owned(),
            ScramError::Malformed("its proof is no key"),
        ),
        (
            "c=biws,r=abcxyz".to_owned(),
            ScramError::Malformed("it has no proof"),
        ),
    ] {
        let error = challenge().finish(message.as_bytes()).unwrap_err();
        assert_eq!(error, expected, "{message}");
    }
}

#[test]
fn a_server_with_another_verifier_or_none_is_told_apart() {
    let (known, client_key) = verifier("right", b"salt", 2);
    let first = || First::new(&[PLAIN.as_bytes()], &Binding::Impossible, "abc".into()).unwrap();
    for challenge in ["r=abcx,s=c2FsdA==,i=3", "r=abcx,s=b3RoZXI=,i=2"] {
        let error = first().prove(challenge.as_bytes(), &client_key, &known);
        assert_eq!(error.unwrap_err(), ScramError::OtherVerifier, "{challenge}");
    }
    for challenge in [
        "r=abc,s=c2FsdA==,i=2",
        "r=zzzx,s=c2FsdA==,i=2",
        "e=no",
        "\u{0}",
    ] {
        let error = first().prove(challenge.as_bytes(), &client_key, &known);
        assert!(
            matches!(error, Err(ScramError::Malformed(_))),
            "{challenge}"
        );
    }
    let proof = first().prove(b"r=abcx,s=c2FsdA==,i=2", &client_key, &known);
    let signed = format!("v={}", STANDARD.encode([0; 32]));
    let error = proof.unwrap().finish(signed.as_bytes());
    assert_eq!(error, Err(ScramError::Server));
}

#[test]
fn a_verifier_is_nothing_else_and_prints_nothing() {
    let key = STANDARD.encode([1; 32]);
    let good = format!("SCRAM-SHA-256$4096:c2FsdA==${key}:{key}");
    assert!(!format!("{:?}", Verifier::parse(&good).unwrap()).contains(&key));
    for text in [
        "",
        "secret",
        "md5aabbccddeeff00112233445566778899",
        &good.replace("4096", "0"),
        &good.replace("4096", "-1"),
        &good.replace("c2FsdA==", ""),
        &good.replace("256$", "1$"),
        &good.replace(&format!(":{key}"), ""),
        &good.replace(&key, "AAAA"),
    ] {
        assert!(Verifier::parse(text).is_none(), "{text}");
    }
}

#[test]
fn a_mock_is_the_same_for_the_same_name_and_passes_nobody() {
    let secret = Key::random().unwrap();
    let mock = |user| Verifier::mock(&secret, user, 4096).unwrap();
    assert_eq!(mock("nobody").salt, mock("nobody").salt);
    assert_ne!(mock("nobody").salt, mock("noone").salt);
    assert!(!mock("nobody").stored_key.equals(&mock("nobody").stored_key));
}

proptest::proptest! {
    /// Whatever a stranger sends, it gets an error and no proof.
    #[test]
    fn any_bytes_are_an_error_at_every_step(
        first in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
        last in "(c=biws,)?(r=abcxyz)?[ -~]{0,60}(,p=[A-Za-z0-9+/=]{0,50})?",
        challenge in "(r=abcx,)?(s=[A-Za-z0-9+/=]{0,30},)?(i=[0-9]{0,12})?[ -~]{0,40}",
    ) {
        let (known, client_key) = verifier("right", b"salt", 2);
        let none = Binding::Impossible;
        let begin = |message: &[u8]| {
            Challenge::new(PLAIN.as_bytes(), message, &none, known.clone(), "xyz")
        };
        if let Ok(challenge) = begin(&first) {
            proptest::prop_assert!(challenge.finish(&first).is_err());
        }
        proptest::prop_assert!(begin(b"n,,n=,r=abc").unwrap().finish(last.as_bytes()).is_err());
        let client = First::new(&[PLAIN.as_bytes()], &none, "abc".into()).unwrap();
        if let Ok(proof) = client.prove(challenge.as_bytes(), &client_key, &known) {
            proptest::prop_assert!(proof.finish(last.as_bytes()).is_err());
        }
    }
}

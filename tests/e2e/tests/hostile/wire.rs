//! Frames that no driver sends: lengths, counts, NULs, start-ups (threats: wire).

use super::{SECRET, place};
use hippocrypt_e2e::place::{Place, password};
use hippocrypt_e2e::raw::{self, Raw, rows, sqlstate};

fn usable(place: &Place, after: &str) {
    let answer = place
        .raw("app")
        .query("SELECT name FROM patients WHERE id = 1");
    assert_eq!(
        rows(&answer),
        [[Some(format!("{SECRET} 1"))]],
        "after {after}"
    );
}

/// Bytes in a session: an error or the end of the connection, and the proxy lives.
#[test]
fn frames_that_lie() {
    let place = place();
    let frames: [(&str, Vec<u8>); 12] = [
        ("a length below four", vec![b'Q', 0, 0, 0, 3, 0]),
        ("a length of zero", vec![b'Q', 0, 0, 0, 0]),
        ("a huge length", vec![b'Q', 0x7f, 0xff, 0xff, 0xff, b'S']),
        ("a negative length", vec![b'Q', 0xff, 0xff, 0xff, 0xff]),
        ("a query without its NUL", raw::frame(b'Q', b"SELECT 1")),
        (
            "a NUL inside a query",
            raw::frame(b'Q', b"SELECT 1\0; SELECT name FROM patients\0"),
        ),
        (
            "bytes that are not UTF-8",
            raw::frame(b'Q', b"SELECT '\xff\xfe'\0"),
        ),
        ("an unknown tag", raw::frame(b'~', b"")),
        (
            "a Bind with a negative value length",
            raw::frame(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"),
        ),
        (
            "a Bind of too many formats",
            raw::frame(b'B', b"\0\0\0\x05\0\0"),
        ),
        ("a Parse that ends early", raw::frame(b'P', b"s\0SELECT")),
        ("bytes behind a Describe", raw::frame(b'D', b"S\0trailing")),
    ];
    for (name, bytes) in frames {
        let mut client = place.raw("app");
        client.send(&bytes);
        // PostgreSQL answers some of these only when it is asked to.
        if bytes.first() != Some(&b'Q') || name.contains("UTF-8") {
            client.send(&raw::sync());
        } else {
            client.finish();
        }
        let mut ended = false;
        while let Some(message) = client.receive() {
            assert_ne!(message.tag, 'D', "{name}: rows");
            if message.tag == 'E' {
                ended = true;
            }
            if message.tag == 'Z' && ended {
                break;
            }
        }
        usable(&place, name);
    }
}

/// The fast-path call of a function that reads the server's files, or takes a secret (threats: FunctionCall; acra 2).
#[test]
fn fast_path_function_calls() {
    let place = place();
    for (oid, argument) in [
        (1317_u32, "Hostile Heron"),
        (2624, "postgresql.conf"),
        (2923, "patients"),
    ] {
        let mut client = place.raw("app");
        let mut body = oid.to_be_bytes().to_vec();
        body.extend([0, 0, 0, 1]);
        body.extend(u32::try_from(argument.len()).unwrap().to_be_bytes());
        body.extend(argument.as_bytes());
        body.extend([0, 0]);
        client.send(&raw::frame(b'F', &body));
        let answer = client.until_ready();
        let passed = sqlstate(&answer).is_none();
        assert!(!passed || oid == 1317, "{oid}: {answer:?}");
    }
    usable(&place, "function calls");
}

/// Start-ups that ask for more than a session (threats: options, replication).
#[test]
fn start_ups_that_ask_for_more() {
    let place = place();
    for (name, value) in [
        ("replication", "database"),
        ("replication", "true"),
        ("client_encoding", "SJIS"),
        ("options", "-c standard_conforming_strings=off"),
        ("options", "-c search_path=evil,public"),
        ("standard_conforming_strings", "off"),
        ("search_path", "evil, public"),
    ] {
        let parameters = [(name, value)];
        match Raw::login_with(
            place.proxy.port(),
            "app",
            &password("app"),
            &place.database,
            &parameters,
        ) {
            Err(refused) => assert_eq!(refused.tag, 'E', "{name}={value}"),
            Ok(mut client) => {
                assert_ne!(name, "replication", "a replication session was opened");
                if format!("{name}{value}").contains("conforming") {
                    let sql = "SELECT id FROM public.patients WHERE ssn = 'a\\' or 1=1 --'";
                    let answer = client.query(sql);
                    assert!(rows(&answer).is_empty(), "{name}={value}: {answer:?}");
                }
                let sql = "INSERT INTO public.patients (id, name) VALUES (66, 'Hostile Heron 66') RETURNING name";
                let answer = client.query(sql);
                let fine = rows(&answer) == [[Some(format!("{SECRET} 66"))]]
                    || sqlstate(&answer).as_deref() == Some("0A000");
                assert!(fine, "{name}={value}: {answer:?}");
                client.query("DELETE FROM public.patients WHERE id = 66");
            }
        }
    }
    place.assert_hidden(SECRET);
}

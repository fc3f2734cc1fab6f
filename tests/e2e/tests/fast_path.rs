//! The function call message: a function by its OID, as libpq calls those of large objects.
//!
//! It must never run what the same call in SQL would not, nor what nothing is known of.

use hippocrypt_e2e::place::CLINIC_TABLES;
use hippocrypt_e2e::raw::{self, Message, Raw, rows, sqlstate, status};
use hippocrypt_e2e::{Place, Setup, sql};

/// All arguments and the result in binary.
fn call(oid: u32, arguments: &[&[u8]]) -> Vec<u8> {
    let count = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
    let mut body = oid.to_be_bytes().to_vec();
    body.extend([0, 1, 0, 1]);
    body.extend(count(arguments.len()));
    for argument in arguments {
        body.extend(u32::try_from(argument.len()).unwrap().to_be_bytes());
        body.extend(*argument);
    }
    body.extend([0, 1]);
    raw::frame(b'F', &body)
}

fn answered(client: &mut Raw, oid: u32, arguments: &[&[u8]]) -> Vec<Message> {
    client.send(&call(oid, arguments));
    client.until_ready()
}

fn place(functions: &str) -> Place {
    let policy = hippocrypt_e2e::place::CLINIC.replace(
        "    tables:",
        &format!("    functions: {{ {functions} }}\n    tables:"),
    );
    let place = Setup::policy(&policy).start();
    place.both(CLINIC_TABLES);
    place
}

fn oid_of(place: &Place, function: &str) -> u32 {
    let row = sql::rows(
        &place.thief(),
        &format!("SELECT '{function}'::regproc::oid::int"),
    );
    row.unwrap()[0][0].as_deref().unwrap().parse().unwrap()
}

const INT: fn(i32) -> [u8; 4] = i32::to_be_bytes;

#[test]
fn large_objects_are_as_without_the_proxy() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let (object, write, none) = (INT(424_242), INT(0x0006_0000), INT(0));
    let steps: [(u32, Vec<&[u8]>); 11] = [
        (715, vec![&object]),                                  // lo_create
        (952, vec![&object, &write]),                          // lo_open
        (955, vec![&none, b"a picture"]),                      // lowrite
        (3170, vec![&none, &[0, 0, 0, 0, 0, 0, 0, 2], &none]), // lo_lseek64
        (954, vec![&none, &[0, 0, 0, 20]]),                    // loread
        (958, vec![&none]),                                    // lo_tell
        (1004, vec![&none, &[0, 0, 0, 3]]),                    // lo_truncate
        (953, vec![&none]),                                    // lo_close
        (3458, vec![&object]),                                 // lo_get
        (964, vec![&object]),                                  // lo_unlink
        (964, vec![&object]),                                  // and there is none any more
    ];
    for client in [&mut through, &mut twin] {
        client.query("BEGIN");
    }
    for (oid, arguments) in steps {
        let answers = [&mut through, &mut twin].map(|c| answered(c, oid, &arguments));
        assert_eq!(answers[0], answers[1], "{oid}\n{}", place.proxy.log());
    }
    assert_eq!(status(&through.query("COMMIT")), 'I');
    let records = place.audit();
    let calls = records.iter().filter(|r| r["kind"] == "FUNCTION CALL");
    let calls: Vec<_> = calls.map(|r| r["sql"].as_str().unwrap()).collect();
    assert_eq!(calls.len(), 11);
    assert_eq!(calls[0], "pg_catalog.lo_create");
}

#[test]
fn what_could_not_be_called_in_sql_is_refused() {
    let place = place("\"public.trusted\": trusted");
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    for name in ["trusted", "stranger"] {
        let make = format!(
            "CREATE FUNCTION {name}(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM name FROM patients; RETURN $1 * 2; END'"
        );
        for client in [&mut through, &mut twin] {
            assert_eq!(sqlstate(&client.query(&make)), None);
        }
    }
    // set_config, query_to_xml, pg_read_file, one that does not exist, and one that nobody trusts
    for oid in [2078, 2925, 2624, 999_999, oid_of(&place, "stranger")] {
        let answer = answered(&mut through, oid, &[&INT(21)]);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("0A000"),
            "{oid}: {answer:?}"
        );
        assert_eq!(status(&answer), 'I');
    }
    let trusted = answered(&mut through, oid_of(&place, "trusted"), &[&INT(21)]);
    let row = sql::rows(&place.twin("app"), "SELECT 'trusted'::regproc::oid::int").unwrap();
    let there = row[0][0].as_deref().unwrap().parse().unwrap();
    assert_eq!(trusted, answered(&mut twin, there, &[&INT(21)]));
}

#[test]
fn what_a_trusted_function_sets_is_known_to_what_follows() {
    let place = place("\"*.*\": trusted");
    place.both("CREATE SCHEMA other; CREATE TABLE other.patients (name text); INSERT INTO other.patients VALUES ('in clear')");
    place.both("CREATE FUNCTION elsewhere(int) RETURNS text LANGUAGE sql AS 'SELECT set_config(''search_path'', ''other'', false)'");
    let elsewhere = oid_of(&place, "elsewhere");
    let mut app = place.raw("app");
    app.query("INSERT INTO patients (id, name) VALUES (1, 'Fast Falcon')");
    assert_eq!(sqlstate(&answered(&mut app, elsewhere, &[&INT(1)])), None);
    let read = app.query("SELECT name FROM patients");
    assert_eq!(rows(&read), [[Some("in clear".to_owned())]]);
    let read = app.query("SELECT name FROM public.patients");
    assert_eq!(rows(&read), [[Some("Fast Falcon".to_owned())]]);
    place.assert_hidden("Fast Falcon");
}

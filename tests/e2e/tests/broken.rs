//! What breaks in the midst: the server's session, the network to it, the proxy; and who is slow on either side.
//!
//! No test may end with a row that was not committed, a statement without its outcome, or a value in clear.

use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{self, Message, Raw, sqlstate};
use hippocrypt_e2e::{Proxy, Setup, sql};
use std::fs;
use std::time::{Duration, Instant};

const CANARY: &str = "Broken Badger";

/// Where a session can be when its server goes.
const MOMENTS: [&str; 7] = [
    "idle",
    "in a block",
    "in a statement",
    "in a pipeline",
    "in COPY FROM",
    "in COPY TO",
    "in a fetch",
];

fn clinic() -> Place {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    place.both("INSERT INTO patients (id, name) VALUES (1, 'Broken Badger')");
    place
}

/// Brings a session to that moment; what it has been answered until then has been read.
fn until(moment: &str, client: &mut Raw) {
    let insert = "INSERT INTO patients (id, name) VALUES (2, 'Broken Badger two')";
    match moment {
        "idle" => drop(client.query("SELECT name FROM patients")),
        "in a block" => {
            client.query("BEGIN");
            client.query(insert);
        }
        "in a statement" => {
            client.query("BEGIN");
            client.query(insert);
            client.send(&raw::query("SELECT pg_sleep(60)"));
        }
        "in a pipeline" => client.pipeline(&[
            raw::parse("", insert, &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::parse("", "SELECT pg_sleep(60)", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::parse("", "SELECT name FROM patients", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::sync(),
        ]),
        "in COPY FROM" => {
            client.send(&raw::query("COPY patients (id, name) FROM STDIN"));
            client.until("G");
            client.send(&raw::frame(b'd', b"2\tBroken Badger two\n3\tBroken"));
        }
        "in COPY TO" => {
            client.send(&raw::query(
                "COPY (SELECT p.name, pg_sleep(20) FROM patients p, generate_series(1, 9)) TO STDOUT",
            ));
        }
        "in a fetch" => {
            client.query("BEGIN");
            client.query(insert);
            client.query("DECLARE c CURSOR FOR SELECT name, pg_sleep(30) FROM patients");
            client.send(&raw::query("FETCH ALL FROM c"));
        }
        other => panic!("{other}"),
    }
}

/// Everything until the connection ends.
fn to_the_end(client: &mut Raw) -> Vec<Message> {
    std::iter::from_fn(|| client.receive()).collect()
}

/// What a client makes of it: errors with their severity, code and text.
fn told(messages: &[Message]) -> Vec<String> {
    let errors = messages.iter().filter(|m| m.tag == 'E');
    errors
        .map(|m| format!("{:?}", ['S', 'C', 'M'].map(|f| m.fields().get(&f).cloned())))
        .collect()
}

/// The backend does something or waits, as the moment says: a signal before that would meet another moment.
fn settle(server: &tokio_postgres::Client, pid: i32, moment: &str) {
    let state = match moment {
        "idle" => "state = 'idle'",
        "in a block" => "state = 'idle in transaction'",
        "in COPY FROM" => "wait_event = 'ClientRead' AND state = 'active'",
        _ => "wait_event = 'PgSleep'",
    };
    let query = format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND {state}");
    let began = Instant::now();
    while sql::rows(server, &query).unwrap().is_empty() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{moment}: {query}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The session is on record to its end, each statement of it with an outcome.
fn assert_recorded(place: &Place, pid: i32, moment: &str) {
    let began = Instant::now();
    loop {
        let log = place.audit();
        let of = |kind: &str| {
            let mine = log.iter().filter(|r| r["type"] == kind);
            mine.cloned().collect::<Vec<_>>()
        };
        let start = of("session_start");
        let start = start.iter().find(|r| r["backend_pid"] == pid);
        let session = start.expect("its beginning")["session"].clone();
        let count = |kind| of(kind).iter().filter(|r| r["session"] == session).count();
        if count("session_end") == 1 {
            assert_eq!(count("statement"), count("outcome"), "{moment}: {log:#?}");
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{moment}: no end"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn assert_only_the_first(place: &Place, moment: &str) {
    let rows = sql::rows(&place.client("app"), "SELECT id, name FROM patients").unwrap();
    assert_eq!(
        rows,
        [[Some("1".to_owned()), Some(CANARY.to_owned())]],
        "{moment}"
    );
}

#[test]
fn a_session_that_the_server_ends_is_told_the_servers_words() {
    let place = clinic();
    let server = place.thief();
    for moment in MOMENTS {
        let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
        let ends = [&mut through, &mut twin].map(|client| {
            let pid = client.key.0;
            until(moment, client);
            settle(&server, pid, moment);
            sql::rows(&server, &format!("SELECT pg_terminate_backend({pid})")).unwrap();
            told(&to_the_end(client))
        });
        assert_eq!(ends[0], ends[1], "{moment}");
        assert!(ends[0][0].contains("57P01"), "{moment}: {ends:?}");
        assert_recorded(&place, through.key.0, moment);
        assert_only_the_first(&place, moment);
    }
    place.assert_hidden(CANARY);
}

#[test]
fn a_network_that_goes_ends_the_session_and_the_servers_too() {
    let place = clinic();
    let server = place.thief();
    for moment in MOMENTS {
        let mut client = place.raw("app");
        let pid = client.key.0;
        until(moment, &mut client);
        settle(&server, pid, moment);
        place.tap.cut();
        // as a server that is gone: the connection closes, and nothing is said in its name
        assert_eq!(
            told(&to_the_end(&mut client)),
            Vec::<String>::new(),
            "{moment}"
        );
        assert_recorded(&place, pid, moment);
        // the server finds out when it next reads or writes: what sleeps is woken
        sql::rows(&server, &format!("SELECT pg_cancel_backend({pid})")).unwrap();
        let gone = format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid}");
        let began = Instant::now();
        while !sql::rows(&server, &gone).unwrap().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(30), "{moment}");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_only_the_first(&place, moment);
    }
    place.assert_hidden(CANARY);
}

/// kill -9: what was not committed is not there, what is there is whole, and the log goes on.
#[test]
fn a_proxy_that_is_killed_leaves_nothing_half_done() {
    let mut place = clinic();
    let server = place.thief();
    for moment in MOMENTS {
        let mut client = place.raw("app");
        let pid = client.key.0;
        until(moment, &mut client);
        settle(&server, pid, moment);
        place.proxy.signal("KILL");
        place.proxy.wait(Duration::from_secs(20));
        to_the_end(&mut client);
        place.proxy = Proxy::serve(&place.config());
        sql::rows(&server, &format!("SELECT pg_cancel_backend({pid})")).unwrap();
        assert_only_the_first(&place, moment);
        let verified = place.verb(&["audit", "verify"]).output().unwrap();
        assert_eq!(
            verified.status.code(),
            Some(0),
            "{moment}: {}",
            sql::told(&verified)
        );
    }
    // every value that is there is a cell: the domain's own CHECK, and nothing in clear
    let cells = "SELECT count(*) FROM patients WHERE name IS NOT NULL AND length(name) < 59";
    assert_eq!(sql::rows(&server, cells).unwrap(), [[Some("0".to_owned())]]);
    place.assert_hidden(CANARY);
}

/// Resident memory, KiB.
fn memory(place: &Place) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", place.proxy.pid())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok())
        .expect("VmRSS")
}

/// The most that it has taken while `during` ran, over what it had before, KiB.
fn growth(place: &Place, mut during: impl FnMut(&mut dyn FnMut())) -> u64 {
    let before = memory(place);
    let mut most = before;
    during(&mut || most = most.max(memory(place)));
    most.saturating_sub(before)
}

/// What docs/operations.md says of one session, and room for what the allocator keeps: of 60 MB.
const BOUND: u64 = 6 * 1024;

#[test]
fn a_client_that_does_not_read_stops_the_server_and_not_the_proxys_memory() {
    let place = clinic();
    // in clear, and opened
    for query in [
        "SELECT repeat('x', 1000) FROM generate_series(1, 60000)",
        "SELECT name, repeat('x', 1000) FROM patients, generate_series(1, 60000)",
        "COPY (SELECT name, repeat('x', 1000) FROM patients, generate_series(1, 60000)) TO STDOUT",
    ] {
        // what is allocated once is
        place.raw("app").query(&query.replace("60000", "600"));
        let mut client = place.raw("app");
        let grown = growth(&place, |sample| {
            client.send(&raw::query(query));
            for _ in 0..30 {
                std::thread::sleep(Duration::from_millis(50));
                sample();
            }
        });
        assert!(grown < BOUND, "{query}: {grown} KiB");
        // it is all there when it reads after all
        let answer = client.until_ready();
        let rows = answer.iter().filter(|m| "Dd".contains(m.tag)).count();
        assert_eq!(rows, 60_000, "{query}");
        assert_eq!(sqlstate(&answer), None);
    }
}

#[test]
fn a_server_that_does_not_read_stops_the_client_and_not_the_proxys_memory() {
    slow_server(&clinic());
}

/// Where bytes wait for their record, too.
#[test]
fn nor_where_the_log_is_durable() {
    let mut place = clinic();
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(30));
    let config = fs::read_to_string(place.config()).unwrap();
    let durable = config.replace(
        "directory: audit/ }",
        "directory: audit/, durability: durable }",
    );
    assert_ne!(config, durable);
    fs::write(place.config(), durable).unwrap();
    place.proxy = Proxy::serve(&place.config());
    slow_server(&place);
}

fn slow_server(place: &Place) {
    let server = place.thief();
    // the first row of each COPY waits
    place.both("CREATE TABLE slow (id int, name text CHECK (pg_sleep(CASE id WHEN 1 THEN 3 ELSE 0 END) IS NOT NULL))");
    place.both("ALTER TABLE claims ADD CONSTRAINT slow CHECK (pg_sleep(CASE id WHEN 1 THEN 3 ELSE 0 END) IS NOT NULL)");
    let long = "x".repeat(4000);
    for (copy, value, rows) in [
        ("COPY slow FROM STDIN", long.as_str(), 10_000),
        (
            "COPY claims (id, patient_ssn) FROM STDIN",
            "900-55-0001",
            20_000,
        ),
    ] {
        let mut client = place.raw("app");
        client.send(&raw::query(copy));
        client.until("G");
        let grown = growth(place, |sample| {
            std::thread::scope(|scope| {
                let sending = scope.spawn(|| {
                    for piece in 0..100 {
                        let ids = 1 + piece * rows / 100..1 + (piece + 1) * rows / 100;
                        let rows: String = ids.map(|id| format!("{id}\t{value}\n")).collect();
                        client.send(&raw::frame(b'd', rows.as_bytes()));
                    }
                });
                while !sending.is_finished() {
                    std::thread::sleep(Duration::from_millis(20));
                    sample();
                }
            });
        });
        assert!(grown < BOUND, "{copy}: {grown} KiB");
        client.send(&raw::frame(b'c', b""));
        let answer = client.until_ready();
        assert_eq!(sqlstate(&answer), None, "{answer:?}");
        assert!(
            format!("{answer:?}").contains(&format!("COPY {rows}")),
            "{answer:?}"
        );
    }
    let stored = sql::rows(&server, "SELECT count(patient_ssn) FROM claims").unwrap();
    assert_eq!(stored, [[Some("20000".to_owned())]]);
}

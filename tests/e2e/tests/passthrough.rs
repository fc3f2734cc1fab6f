//! Unprotected traffic is unchanged: the same bytes from the proxy as from PostgreSQL itself.

use hippocrypt_e2e::place::{cluster, password};
use hippocrypt_e2e::raw::{self, Raw, comparable, rows, tags};
use hippocrypt_e2e::sql::{program, succeed};
use hippocrypt_e2e::{Place, Setup};
use std::io::Write as _;
use std::process::Stdio;

#[test]
fn pgbench_runs_in_all_three_modes() {
    let place = Setup::empty().start();
    succeed(
        place
            .program("pgbench", "app")
            .args(["-i", "-q", "-s", "1"]),
    );
    for mode in ["simple", "extended", "prepared"] {
        let run = ["-n", "-c", "4", "-j", "2", "-t", "50", "-M", mode];
        let told = succeed(place.program("pgbench", "app").args(run));
        assert!(
            told.contains("actually processed: 200/200"),
            "{mode}: {told}"
        );
        assert!(told.contains("failed transactions: 0 "), "{mode}: {told}");
    }
    let history = place.thief();
    let counted =
        hippocrypt_e2e::sql::rows(&history, "SELECT count(*) FROM pgbench_history").unwrap();
    assert_eq!(counted, [[Some("600".to_owned())]]);
}

const SOURCE: &str = "
CREATE SCHEMA other;
CREATE TYPE other.mood AS ENUM ('well', 'ill');
CREATE TABLE other.t (id serial PRIMARY KEY, mood other.mood, data jsonb, at timestamptz, raw bytea, list int[]);
INSERT INTO other.t (mood, data, at, raw, list)
  SELECT 'well', jsonb_build_object('n', n, 'q', 'it''s \\ \"Ω\"'), '2024-02-29 12:00+02', decode('00ff5c27', 'hex'),
    ARRAY[n, NULL, -n] FROM generate_series(1, 500) n;
CREATE TABLE public.part (day date NOT NULL, v text) PARTITION BY RANGE (day);
CREATE TABLE public.part_a PARTITION OF public.part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO public.part VALUES ('2024-05-05', E'tab\\there'), ('2024-05-06', NULL);
CREATE VIEW public.v AS SELECT mood, count(*) FROM other.t GROUP BY mood;
CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE sql AS $$ SELECT n * 2 $$;
CREATE INDEX ON other.t ((data ->> 'n')) WHERE mood = 'well';
COMMENT ON TABLE other.t IS 'a -- comment; with ''quotes''';
";

#[test]
fn a_dump_restores_through_the_proxy_and_dumps_back_the_same() {
    let place = Setup::empty().start();
    let direct = |tool: &str, database: &str| {
        program(tool, cluster().port(), "app", &password("app"), database)
    };
    succeed(direct("psql", &place.twin_database()).args([
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        SOURCE,
    ]));
    let dump = succeed(&mut direct("pg_dump", &place.twin_database()));
    let mut restore = place.program("psql", "app");
    restore.args(["-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
    let mut child = restore
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(dump.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "{}", place.proxy.log());
    let through = succeed(&mut place.program("pg_dump", "app"));
    assert_eq!(without_token(&through), without_token(&dump));
    assert_eq!(
        without_token(&succeed(&mut direct("pg_dump", &place.database))),
        without_token(&dump)
    );
}

/// pg_dump writes a random token since 15.14 (`\restrict`).
fn without_token(dump: &str) -> Vec<&str> {
    let token = |l: &&str| !l.starts_with("\\restrict") && !l.starts_with("\\unrestrict");
    dump.lines().filter(token).collect()
}

/// Runs the conversation through the proxy and with PostgreSQL, and compares every message.
fn same(place: &Place, name: &str, talk: impl Fn(&mut Raw) -> Vec<raw::Message>) {
    let (mut through, mut direct) = (place.raw("app"), place.raw_twin("app"));
    let (a, b) = (talk(&mut through), talk(&mut direct));
    assert_eq!(comparable(&a), comparable(&b), "{name}");
    assert!(
        through.is_quiet(),
        "{name}: something came after the last answer"
    );
}

fn conversations(place: &Place) {
    place.both("CREATE TABLE plain (id int PRIMARY KEY, t text); INSERT INTO plain SELECT n, 'row ' || n FROM generate_series(1, 20) n");
    for sql in [
        "",
        ";;",
        "SELECT 1; SELECT 'two', NULL; SELECT 3 WHERE false",
        "SELECT * FROM plain ORDER BY id LIMIT 3",
        "SELECT 1; SELECT 1/0; SELECT 3",
        "SELECT * FROM no_such_table",
        "BEGIN; INSERT INTO plain VALUES (100, 'x'); SELECT count(*) FROM plain; ROLLBACK",
        "INSERT INTO plain VALUES (101, E'it''s \\\\ Ω') RETURNING *; DELETE FROM plain WHERE id = 101",
        "INSERT INTO plain VALUES (1, 'again')",
        "BEGIN; DECLARE c CURSOR FOR SELECT id FROM plain ORDER BY id; FETCH 2 FROM c; MOVE 5 FROM c; FETCH ALL FROM c; CLOSE c; COMMIT",
        "PREPARE p (int) AS SELECT t FROM plain WHERE id = $1; EXECUTE p (7); DEALLOCATE p",
        "COPY (SELECT * FROM plain ORDER BY id) TO STDOUT",
        "COPY plain TO STDOUT (FORMAT csv, HEADER); SELECT 1",
        "DO $$ BEGIN RAISE NOTICE 'noted'; END $$",
        "EXPLAIN (COSTS OFF) SELECT * FROM plain WHERE id = 1",
        "SHOW search_path; SET work_mem = '5MB'; SHOW work_mem; RESET work_mem",
        "SELECT relname FROM pg_class WHERE relname = 'plain'",
        "SAVEPOINT s",
        "BEGIN; SAVEPOINT s; SELECT 1/0",
    ] {
        same(place, sql, |r| {
            let mut all = r.query(sql);
            all.extend(r.query("ROLLBACK"));
            all
        });
    }
}

#[test]
fn simple_queries_are_answered_as_by_postgres_without_a_policy() {
    conversations(&Setup::empty().start());
}

#[test]
fn simple_queries_on_unprotected_tables_are_answered_as_by_postgres_beside_a_policy() {
    let setup = Setup::clinic();
    let trusted = setup.policy.replace(
        "  DATABASE:\n",
        "  DATABASE:\n    functions: { \"DO\": trusted }\n",
    );
    conversations(
        &Setup {
            policy: trusted,
            ..setup
        }
        .start(),
    );
}

fn pipelines(place: &Place) {
    place.both("CREATE TABLE plain (id int PRIMARY KEY, t text); INSERT INTO plain SELECT n, 'row ' || n FROM generate_series(1, 20) n");
    let select = "SELECT id, t FROM plain WHERE id > $1 ORDER BY id";
    let five: Option<&[u8]> = Some(b"5");
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        (
            "unnamed, described twice",
            vec![
                raw::parse("", select, &[]),
                raw::describe(b'S', ""),
                raw::bind("", "", &[five], 0),
                raw::describe(b'P', ""),
                raw::execute("", 0),
                raw::sync(),
            ],
        ),
        (
            "portal in portions",
            vec![
                raw::parse("s", select, &[23]),
                raw::bind("p", "s", &[Some(&[0, 0, 0, 5])], 1),
                raw::execute("p", 4),
                raw::execute("p", 4),
                raw::execute("p", 0),
                raw::execute("p", 1),
                raw::sync(),
            ],
        ),
        (
            "error skips to Sync",
            vec![
                raw::parse("", "SELECT 1/$1::int", &[]),
                raw::bind("", "", &[Some(b"0")], 0),
                raw::execute("", 0),
                raw::parse("", "INSERT INTO plain VALUES (200, 'never')", &[]),
                raw::bind("", "", &[], 0),
                raw::execute("", 0),
                raw::sync(),
                raw::parse("", "SELECT count(*) FROM plain", &[]),
                raw::bind("", "", &[], 0),
                raw::execute("", 0),
                raw::sync(),
            ],
        ),
        (
            "two groups, one statement name, closed",
            vec![
                raw::parse("n", "SELECT $1::text", &[]),
                raw::sync(),
                raw::bind("", "n", &[Some("Ω".as_bytes())], 0),
                raw::execute("", 0),
                raw::close(b'S', "n"),
                raw::close(b'P', "never"),
                raw::sync(),
                raw::bind("", "n", &[None], 0),
                raw::sync(),
            ],
        ),
        (
            "parse error, bad parameter, unknown statement",
            vec![
                raw::parse("", "SELEC 1", &[]),
                raw::sync(),
                raw::parse("", select, &[]),
                raw::bind("", "", &[Some(b"five")], 0),
                raw::sync(),
                raw::describe(b'S', "unknown"),
                raw::sync(),
                raw::execute("unknown", 0),
                raw::sync(),
                raw::parse("", "SELECT 1; SELECT 2", &[]),
                raw::sync(),
            ],
        ),
        (
            "transaction over groups",
            vec![
                raw::query("BEGIN"),
                raw::parse("", "UPDATE plain SET t = $1 WHERE id = 1", &[]),
                raw::bind("", "", &[Some(b"new")], 0),
                raw::execute("", 0),
                raw::sync(),
                raw::query("SELECT t FROM plain WHERE id = 1"),
                raw::query("ROLLBACK"),
                raw::query("SELECT t FROM plain WHERE id = 1"),
            ],
        ),
        (
            "copy in, simple, extended, failed",
            vec![
                raw::query("CREATE TEMP TABLE c (a int, b text)"),
                raw::query("COPY c FROM STDIN"),
                raw::copy_data(b"1\tone\n2\t"),
                raw::copy_data(b"two\n"),
                raw::copy_done(),
                raw::parse("", "COPY c FROM STDIN", &[]),
                raw::bind("", "", &[], 0),
                raw::execute("", 0),
                raw::copy_data(b"3\t\\N\n"),
                raw::copy_done(),
                raw::sync(),
                raw::query("COPY c FROM STDIN"),
                raw::copy_data(b"x\ty\n"),
                raw::copy_done(),
                raw::query("COPY c FROM STDIN"),
                raw::copy_fail("changed my mind"),
                raw::query("SELECT * FROM c ORDER BY a"),
            ],
        ),
        (
            "copy out, extended",
            vec![
                raw::parse("", "COPY plain TO STDOUT (FORMAT binary)", &[]),
                raw::bind("", "", &[], 0),
                raw::describe(b'P', ""),
                raw::execute("", 0),
                raw::sync(),
            ],
        ),
    ];
    for (name, frames) in cases {
        let readies = frames
            .iter()
            .filter(|f| matches!(f[0], b'S' | b'Q'))
            .count();
        same(place, name, |r| {
            r.pipeline(&frames);
            (0..readies).flat_map(|_| r.until_ready()).collect()
        });
    }
}

#[test]
fn pipelines_are_answered_as_by_postgres_without_a_policy() {
    pipelines(&Setup::empty().start());
}

#[test]
fn pipelines_on_unprotected_tables_are_answered_as_by_postgres_beside_a_policy() {
    pipelines(&Setup::clinic().start());
}

/// Whether it is judged as outside of a block does not depend on whether the server has answered by then.
#[test]
fn a_string_with_a_commit_may_be_sent_before_the_one_before_it_is_answered() {
    let place = Setup::clinic().start();
    place.both(hippocrypt_e2e::place::CLINIC_TABLES);
    let frames = [
        raw::query("SELECT pg_sleep(0.3)"),
        raw::query("BEGIN; SELECT 1; COMMIT; SELECT count(name) FROM patients"),
        raw::query("SELECT 2"),
    ];
    same(&place, "strings", |r| {
        r.pipeline(&frames);
        (0..frames.len()).flat_map(|_| r.until_ready()).collect()
    });
}

#[test]
fn flush_brings_answers_without_sync() {
    let place = Setup::clinic().start();
    let mut client = place.raw("app");
    client.pipeline(&[
        raw::parse("", "SELECT 7", &[]),
        raw::describe(b'S', ""),
        raw::flush(),
    ]);
    assert_eq!(tags(&client.until("T")), "1tT");
    client.pipeline(&[raw::bind("", "", &[], 0), raw::execute("", 0), raw::flush()]);
    assert_eq!(tags(&client.until("C")), "2DC");
    client.pipeline(&[raw::sync()]);
    assert_eq!(tags(&client.until_ready()), "Z");
}

#[test]
fn notifications_arrive_while_idle() {
    let place = Setup::clinic().start();
    let (mut listener, mut sender) = (place.raw("app"), place.raw("billing"));
    listener.query("LISTEN ward");
    sender.query("NOTIFY ward, 'bed 7'");
    let notified = listener.receive().unwrap();
    assert_eq!(notified.tag, 'A');
    assert!(String::from_utf8_lossy(&notified.body).contains("bed 7"));
}

#[test]
fn a_cancel_request_cancels_the_statement_and_not_the_session() {
    let place = Setup::clinic().start();
    let mut client = place.raw("app");
    client.send(&raw::query("SELECT pg_sleep(25)"));
    place.wait_for_activity("pg_sleep(25)");
    let (pid, secret) = client.key;
    let body = [
        80_877_102_i32.to_be_bytes(),
        pid.to_be_bytes(),
        secret.to_be_bytes(),
    ]
    .concat();
    Raw::connect(place.proxy.port()).send(&raw::untagged(&body));
    let answer = client.until_ready();
    assert_eq!(
        raw::sqlstate(&answer).as_deref(),
        Some("57014"),
        "{answer:?}"
    );
    assert_eq!(rows(&client.query("SELECT 1")), [[Some("1".to_owned())]]);
}

#[test]
fn a_cancel_request_with_a_wrong_secret_does_nothing() {
    let place = Setup::clinic().start();
    let mut client = place.raw("app");
    client.send(&raw::query("SELECT pg_sleep(0.7)"));
    place.wait_for_activity("pg_sleep(0.7)");
    let (pid, secret) = client.key;
    let body = [
        80_877_102_i32.to_be_bytes(),
        pid.to_be_bytes(),
        (secret ^ 1).to_be_bytes(),
    ]
    .concat();
    Raw::connect(place.proxy.port()).send(&raw::untagged(&body));
    assert_eq!(tags(&client.until_ready()), "TDCZ");
}

#[test]
fn large_rows_and_large_statements_pass() {
    let place = Setup::clinic().start();
    let mut client = place.raw("app");
    let long = "x".repeat(3_000_000);
    let answer = client.query(&format!("SELECT length('{long}'), repeat('y', 3000000)"));
    let row = rows(&answer).remove(0);
    assert_eq!(row[0].as_deref(), Some("3000000"));
    assert_eq!(row[1].as_ref().map(String::len), Some(3_000_000));
}

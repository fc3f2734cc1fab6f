//! What clients do in a wave: pgbench in every mode, connects, cancels, kills; and the server's restart.
//!
//! Names of applications are told apart in the log: what ends orderly is counted, what is cut is not.

use crate::house::House;
use hippocrypt_e2e::sql::{rows, runtime, told};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

/// Statements of one transaction of [`SCRIPT`].
const STATEMENTS: u64 = 7;

/// Values come as literals in simple mode, as parameters in the others.
const SCRIPT: &str = "
\\set id random(1, 1000000000)
\\set age random(1, 90)
INSERT INTO patients (id, name, ssn, age) VALUES (:id, 'Soak Sloth', '900-77-0001', :age) ON CONFLICT (id) DO NOTHING;
SELECT name, ssn FROM patients WHERE age = :age ORDER BY id LIMIT 3;
UPDATE patients SET name = 'Soak Stoat', age = :age WHERE id = :id;
BEGIN;
INSERT INTO visits VALUES (:id, 'A') ON CONFLICT (id) DO UPDATE SET room = 'B';
SELECT room FROM visits WHERE id = :id;
END;
";

/// How pgbench talks.
const MODES: [&str; 3] = ["simple", "extended", "prepared"];

/// A file for each run: another may be reading its own at this moment.
fn script(house: &House, run: &str) -> PathBuf {
    let script = house.file(&format!("{run}.pgbench"));
    fs::write(&script, SCRIPT).unwrap();
    script
}

/// pgbench's transactions in a wave of these seconds: by application, how many statements the log must have.
pub fn pgbench(house: &House, wave: usize, seconds: u64, more: &[&str]) -> Vec<(String, u64)> {
    let script = script(house, &format!("soak-{wave}{}", more.join("")));
    let running: Vec<_> = MODES
        .iter()
        .map(|mode| {
            let app = format!("soak-{wave}-{mode}{}", more.join(""));
            let mut command = house.program("pgbench", &app);
            command.args(["--no-vacuum", "--protocol", mode, "--client", "2"]);
            command.args(["--rate", "15", "--time", &seconds.to_string()]);
            command.args(more).arg("--file").arg(&script);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            (app, command.spawn().expect("pgbench to start"))
        })
        .collect();
    running
        .into_iter()
        .map(|(app, child)| {
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{app}: {}", told(&output));
            let done = text
                .lines()
                .find_map(|l| l.strip_prefix("number of transactions actually processed: "))
                .and_then(|n| n.split('/').next()?.trim().parse::<u64>().ok())
                .unwrap_or_else(|| panic!("{app}: {text}"));
            assert!(
                text.contains("number of failed transactions: 0 "),
                "{app}: {text}"
            );
            assert!(done > 0, "{app}: {text}");
            (app, done * STATEMENTS)
        })
        .collect()
}

/// A statement that is cancelled ends with 57014 and leaves its session.
pub fn cancel(house: &House) {
    let client = house.client("soak-cancel");
    let token = client.cancel_token();
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            runtime().block_on(token.cancel_query(NoTls)).unwrap();
        });
        rows(&client, "SELECT pg_sleep(30)")
    });
    let code = result.err().and_then(|e| e.code().cloned());
    assert_eq!(code, Some(SqlState::QUERY_CANCELED));
    assert!(rows(&client, "SELECT name FROM patients LIMIT 1").is_ok());
}

/// A client that is killed in a transaction: its row is not there afterwards, its session is gone.
pub fn kill_client(house: &House) {
    let sql = "BEGIN; INSERT INTO visits VALUES (-1, 'killed'); SELECT pg_sleep(30)";
    let mut command = house.program("psql", "soak-killed");
    let mut child = command
        .args(["-X", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    {
        use std::io::Write as _;
        let stdin = child.stdin.as_mut().unwrap();
        for statement in sql.split(';') {
            writeln!(stdin, "{statement};").unwrap();
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    child.kill().unwrap();
    child.wait().unwrap();
    let client = house.client("soak-after-kill");
    let found = rows(&client, "SELECT room FROM visits WHERE id = -1").unwrap();
    assert!(found.is_empty(), "what was not committed is there");
}

/// The server goes away under load and comes back: clients lose their sessions, and new ones work within 10 s.
pub fn restart_server(house: &House) {
    let mut command = house.program("pgbench", "soak-restarted");
    let script = script(house, "soak-restarted");
    let cut = spawn_quietly(
        command
            .args(["-n", "-c", "2", "-R", "15", "-T", "30", "-f"])
            .arg(&script),
    );
    std::thread::sleep(Duration::from_millis(500));
    house.cluster.restart().expect("the server to restart");
    let output = cut.wait_with_output().unwrap();
    assert!(!output.status.success(), "nobody noticed the restart");
    let began = Instant::now();
    loop {
        match hippocrypt_e2e::sql::connect(&house.through("soak-after-restart")) {
            Ok(client) if rows(&client, "SELECT name FROM patients LIMIT 1").is_ok() => return,
            result => assert!(
                began.elapsed() < Duration::from_secs(10),
                "10 s after the restart: {:?}\n{}",
                result.err(),
                house.proxy.log()
            ),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn spawn_quietly(command: &mut Command) -> std::process::Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pgbench to start")
}

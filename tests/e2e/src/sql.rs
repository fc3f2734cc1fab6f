//! Ordinary clients: psql and its relatives, and `tokio_postgres` in a blocking coat.
//!
//! It must never retry: a statement that fails once has failed.

use crate::place::cluster;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// The runtime that `tokio_postgres` connections of all tests live on.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// A `tokio_postgres` client.
///
/// # Errors
/// The server's or the proxy's.
pub fn connect(config: &tokio_postgres::Config) -> Result<Client, tokio_postgres::Error> {
    runtime().block_on(async {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    })
}

/// Rows of a simple query as text.
///
/// # Errors
/// The statement's.
pub fn rows(client: &Client, sql: &str) -> Result<Vec<Vec<Option<String>>>, tokio_postgres::Error> {
    let messages = runtime().block_on(client.simple_query(sql))?;
    Ok(messages
        .into_iter()
        .filter_map(|m| match m {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|i| row.get(i).map(str::to_owned))
                    .collect(),
            ),
            _ => None,
        })
        .collect())
}

/// One of PostgreSQL's client programs, pointed at a port as a user.
pub fn program(name: &str, port: u16, user: &str, password: &str, database: &str) -> Command {
    let mut command = Command::new(cluster().programs().join(name));
    command
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", port.to_string())
        .env("PGUSER", user)
        .env("PGPASSWORD", password)
        .env("PGDATABASE", database)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("PGOPTIONS")
        .stdin(Stdio::null());
    command
}

/// Runs a command that must succeed; its standard output.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("the program to start");
    assert!(output.status.success(), "{command:?}: {}", told(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything a command said, for messages of tests.
pub fn told(output: &Output) -> String {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    format!(
        "{}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    )
}

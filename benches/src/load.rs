//! What is run against a side: pgbench, and idle clients.

use crate::measure::{cpu, resident};
use crate::report::Cell;
use crate::sides::{DATABASE, PASSWORD, Side, USER};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// How pgbench sends its statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Values within the text.
    Simple,
    /// Parse, Bind, Execute each time.
    Extended,
    /// Parse once.
    Prepared,
}

impl Mode {
    /// As pgbench's `-M` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }
}

/// The statements of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// pgbench's select-only: one row by its key, nothing protected.
    Select,
    /// pgbench's TPC-B: seven statements, nothing protected.
    TpcB,
    /// One row by its key, two columns more.
    Lookup(Data),
    /// Select-only, every text one that was never seen.
    Unseen,
    /// TPC-B whose balances the client adds up.
    Bank(Data),
    /// A lookup, a join, a row more and a row changed, by a key that many statements share.
    Clinic(Data),
}

/// Whether the columns that a script is about are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// None of them.
    Clear,
    /// Keys are deterministic, everything else is random.
    Protected,
}

impl Script {
    /// As the report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "select-only",
            Self::TpcB => "TPC-B",
            Self::Lookup(Data::Clear) => "lookup, clear columns",
            Self::Lookup(Data::Protected) => "lookup, protected columns",
            Self::Unseen => "select-only, each text new",
            Self::Bank(Data::Clear) => "balances, clear",
            Self::Bank(Data::Protected) => "balances, protected",
            Self::Clinic(Data::Clear) => "clinic, clear columns",
            Self::Clinic(Data::Protected) => "clinic, protected columns",
        }
    }

    /// How many statements a transaction has.
    pub fn statements(self) -> u64 {
        match self {
            Self::TpcB => 7,
            Self::Bank(_) => 9,
            Self::Clinic(_) => 4,
            Self::Select | Self::Lookup(_) | Self::Unseen => 1,
        }
    }

    fn text(self) -> Option<String> {
        let somebody = format!("\\set n random(900000001, 900000000 + {PEOPLE})\n");
        match self {
            Self::Select | Self::TpcB => None,
            Self::Lookup(data) => {
                let people = data.table("people");
                Some(format!(
                    "{somebody}SELECT name, note FROM {people} WHERE ssn = :n;\n"
                ))
            }
            Self::Bank(data) => Some(bank(data.table("bank"))),
            Self::Clinic(data) => {
                let (people, visits) = (data.table("people"), data.table("visits"));
                Some(format!(
                    "{somebody}SELECT id, name FROM {people} WHERE ssn = :n;\n\
                     SELECT p.name, v.reason FROM {people} p JOIN {visits} v ON v.ssn = p.ssn WHERE p.ssn = :n LIMIT 5;\n\
                     INSERT INTO {visits} (ssn, reason) VALUES (:n, 'seen on the ward');\n\
                     UPDATE {people} SET note = 'seen again, nothing to add' WHERE ssn = :n;\n"
                ))
            }
            Self::Unseen => Some(
                "\\set aid random(1, 1000000)\n\\set n random(1, 1000000000)\n\
                 SELECT abalance AS a:n FROM pgbench_accounts WHERE aid = :aid;\n"
                    .to_owned(),
            ),
        }
    }
}

impl Data {
    /// The table of this name with such columns.
    #[must_use]
    pub fn table(self, name: &str) -> String {
        match self {
            Self::Clear => format!("plain_{name}"),
            Self::Protected => name.to_owned(),
        }
    }
}

/// A cell cannot be added to, so the balance is read, and written as a value.
fn bank(tables: String) -> String {
    let mut text = format!(
        "\\set aid random(1, {ACCOUNTS})\n\\set bid random(1, 10)\n\\set tid random(1, 100)\n\
         \\set delta random(-5000, 5000)\nBEGIN;\n"
    );
    for (table, key) in [("accounts", "aid"), ("tellers", "tid"), ("branches", "bid")] {
        text += &format!(
            "SELECT balance FROM {tables}_{table} WHERE {key} = :{key} FOR UPDATE \\gset\n\
             \\set balance :balance + :delta\n\
             UPDATE {tables}_{table} SET balance = :balance WHERE {key} = :{key};\n"
        );
    }
    text + &format!(
        "INSERT INTO {tables}_history (tid, bid, aid, delta, mtime, filler) \
         VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP, 'deposit');\nEND;\n"
    )
}

/// Rows of `people`.
pub const PEOPLE: usize = 100_000;

/// Rows of `bank_accounts`; there are 100 tellers and 10 branches.
pub const ACCOUNTS: usize = 100_000;

/// What one slice gave.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Statements per second.
    pub rate: f64,
    /// CPU of the process between, microseconds per statement.
    pub cpu: Option<f64>,
}

/// pgbench for some seconds.
///
/// # Errors
/// A statement failed, or pgbench did.
pub fn pgbench(programs: &Path, side: &Side, cell: Cell, seconds: u64) -> Result<Sample> {
    let Cell {
        script,
        mode,
        clients,
        ..
    } = cell;
    let file = tempfile::NamedTempFile::new()?;
    let mut command = program(programs, "pgbench", side);
    match (script, script.text()) {
        (_, Some(text)) => {
            fs::write(file.path(), text)?;
            command.arg("-f").arg(file.path());
        }
        (Script::TpcB, None) => {
            command.args(["-b", "tpcb-like"]);
        }
        (_, None) => {
            command.args(["-b", "select-only"]);
        }
    }
    let threads = clients.min(2);
    // the time begins before the logins, which are no part of the rate
    let seconds = seconds + clients as u64 / 16;
    command
        .args(["-n", "-M", mode.as_str(), "-c", &clients.to_string()])
        .args(["-j", &threads.to_string(), "-T", &seconds.to_string()])
        .arg(DATABASE);
    let before = side.pid.map(cpu).transpose()?;
    let output = command.output().context("cannot run pgbench")?;
    let after = side.pid.map(cpu).transpose()?;
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || errors.contains("ERROR") || errors.contains("aborted") {
        bail!("pgbench against {}: {told}{errors}", side.name);
    }
    let number = |label: &str| {
        let line = told.lines().find_map(|l| l.strip_prefix(label));
        line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok())
            .with_context(|| format!("no \"{label}\" in {told}"))
    };
    let done = number("number of transactions actually processed: ")? * statements(script);
    let used = before.zip(after).map(|(b, a)| a.saturating_sub(b));
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
    let cpu = used.map(|nanoseconds| nanoseconds as f64 / 1000.0 / done);
    Ok(Sample {
        rate: number("tps = ")? * statements(script),
        cpu,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn statements(script: Script) -> f64 {
    script.statements() as f64
}

/// pgbench's own tables.
///
/// # Errors
/// pgbench's.
pub fn init(programs: &Path, side: &Side, scale: u32) -> Result<()> {
    let output = program(programs, "pgbench", side)
        .args(["-i", "-q", "-s", &scale.to_string(), DATABASE])
        .output()?;
    if !output.status.success() {
        bail!("pgbench -i: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Runs SQL, or COPY data, on a side.
///
/// # Errors
/// It failed.
pub fn psql(programs: &Path, side: &Side, sql: &str) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), sql)?;
    let status = program(programs, "psql", side)
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", DATABASE, "-f"])
        .arg(file.path())
        .status()?;
    if !status.success() {
        bail!("psql against {} failed", side.name);
    }
    Ok(())
}

/// KiB of the process for each of so many clients that do nothing.
///
/// # Errors
/// One cannot log in.
pub fn idle(side: &Side, clients: usize) -> Result<Option<f64>> {
    let Some(pid) = side.pid else { return Ok(None) };
    runtime()?.block_on(async {
        let mut kept = Vec::with_capacity(clients);
        // the first one pays for what is made once
        let mut before = 0;
        for nth in 0..=clients {
            let client = connect(side).await?;
            client.simple_query("SELECT 1").await?;
            kept.push(client);
            if nth == 0 {
                before = resident(pid)?;
            }
        }
        let after = resident(pid)?;
        #[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
        let each = after.saturating_sub(before) as f64 / clients as f64;
        anyhow::Ok(Some(each))
    })
}

/// What [`connect`] and its session run on.
///
/// # Errors
/// The system has no more descriptors.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// A session without TLS.
///
/// # Errors
/// The login failed.
pub async fn connect(side: &Side) -> Result<tokio_postgres::Client> {
    let mut config = tokio_postgres::Config::new();
    config
        .host("127.0.0.1")
        .port(side.port)
        .user(USER)
        .password(PASSWORD)
        .dbname(DATABASE);
    let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// One of PostgreSQL's programs, set to log in.
pub fn program(programs: &Path, name: &str, side: &Side) -> Command {
    let mut command = Command::new(programs.join(name));
    command
        .args(["-h", "127.0.0.1", "-p", &side.port.to_string(), "-U", USER])
        .env("PGPASSWORD", PASSWORD)
        // the relay copies messages from the first byte on
        .env("PGSSLMODE", side.wire.sslmode())
        .env("PGGSSENCMODE", "disable")
        // relayed logins cannot have it (docs/operations.md)
        .env("PGCHANNELBINDING", "disable");
    command
}

//! Bulk reads: COPY by psql, SELECT by a client that throws its rows away.

use crate::load;
use crate::measure::cpu;
use crate::sides::{DATABASE, Side};
use anyhow::{Context, Result, bail};
use futures_util::TryStreamExt as _;
use std::io::Read as _;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::time::Instant;
use tokio_postgres::{Client, SimpleQueryMessage};

/// What a bulk read gave.
#[derive(Clone, Copy, Debug)]
pub struct Bulk {
    /// Bytes that the client got; of a SELECT, those of its rows.
    pub bytes: u64,
    /// Seconds from start to end.
    pub wall: f64,
    /// CPU seconds of the process between.
    pub cpu: Option<f64>,
}

/// How the rows are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `COPY … TO STDOUT`, by psql.
    Copy,
    /// `SELECT`, in a session that is there already: text by a simple query, binary by the extended protocol.
    Select,
}

/// How they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As text.
    Text,
    /// Binary.
    Binary,
}

/// Every way.
pub const WAYS: [(How, Format); 4] = [
    (How::Copy, Format::Text),
    (How::Copy, Format::Binary),
    (How::Select, Format::Text),
    (How::Select, Format::Binary),
];

impl How {
    /// As SQL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "COPY",
            Self::Select => "SELECT",
        }
    }
}

impl Format {
    /// As COPY has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

/// Reads a table, and throws its rows away.
///
/// # Errors
/// It failed.
pub fn read(programs: &Path, side: &Side, way: (How, Format), table: &str) -> Result<Bulk> {
    match way {
        (How::Copy, format) => copy(programs, side, table, format),
        (How::Select, format) => select(side, table, format),
    }
}

fn copy(programs: &Path, side: &Side, table: &str, format: Format) -> Result<Bulk> {
    let copy = format!("COPY {table} TO STDOUT (FORMAT {})", format.as_str());
    let mut command = load::program(programs, "psql", side);
    command
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", DATABASE])
        .args(["-c", &copy])
        .stdout(Stdio::piped());
    measured(side, || {
        let mut child = command.spawn().context("cannot run psql")?;
        let mut out = child.stdout.take().context("no output")?;
        let (mut bytes, mut buffer) = (0, vec![0; 1 << 20]);
        loop {
            match out.read(&mut buffer)? {
                0 => break,
                read => bytes += read as u64,
            }
        }
        if !child.wait()?.success() {
            bail!("psql against {}: {copy}", side.name);
        }
        Ok(bytes)
    })
}

fn select(side: &Side, table: &str, format: Format) -> Result<Bulk> {
    let sql = format!("SELECT * FROM {table}");
    let runtime = load::runtime()?;
    let client = runtime.block_on(load::connect(side))?;
    measured(side, || {
        let bytes = runtime.block_on(async {
            match format {
                Format::Text => text(&client, &sql).await,
                Format::Binary => binary(&client, &sql).await,
            }
        });
        bytes.with_context(|| format!("{sql}, against {}", side.name))
    })
}

async fn text(client: &Client, sql: &str) -> Result<u64> {
    let mut messages = pin!(client.simple_query_raw(sql).await?);
    let mut bytes = 0;
    while let Some(message) = messages.try_next().await? {
        if let SimpleQueryMessage::Row(row) = message {
            let values = (0..row.len()).filter_map(|at| row.get(at));
            bytes += values.map(|value| value.len() as u64).sum::<u64>();
        }
    }
    Ok(bytes)
}

async fn binary(client: &Client, sql: &str) -> Result<u64> {
    let none: [&str; 0] = [];
    let mut rows = pin!(client.query_raw(sql, none).await?);
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        bytes += row.raw_size_bytes() as u64;
    }
    Ok(bytes)
}

fn measured(side: &Side, read: impl FnOnce() -> Result<u64>) -> Result<Bulk> {
    let before = side.pid.map(cpu).transpose()?;
    let begun = Instant::now();
    let bytes = read()?;
    let wall = begun.elapsed().as_secs_f64();
    let after = side.pid.map(cpu).transpose()?;
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
    let cpu = before
        .zip(after)
        .map(|(b, a)| a.saturating_sub(b) as f64 / 1e9);
    Ok(Bulk { bytes, wall, cpu })
}

//! A server for clients that do nothing: it lets in whoever comes, and answers what the proxy asks on its own.
//!
//! The service connection, which reads catalogs, is passed on to the real server. It must never be measured itself.

use anyhow::{Context, Result};
use hippocrypt::demo::postgres::SUPERUSER;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Running until it is dropped.
#[derive(Debug)]
pub struct Stub {
    port: u16,
    _runtime: Runtime,
}

impl Stub {
    /// In front of the server at `upstream`.
    ///
    /// # Errors
    /// No port.
    pub fn start(upstream: u16) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .context("no port for the stub")?;
        let port = listener.local_addr()?.port();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // a session that breaks is the client's to notice
                tokio::spawn(async move { drop(session(client, upstream).await) });
            }
        });
        Ok(Self {
            port,
            _runtime: runtime,
        })
    }

    /// On 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn session(mut client: TcpStream, upstream: u16) -> io::Result<()> {
    client.set_nodelay(true)?;
    let startup = packet(&mut client).await?;
    let is_service = startup
        .windows(SUPERUSER.len())
        .any(|bytes| bytes == SUPERUSER.as_bytes());
    if is_service {
        let mut server = TcpStream::connect(("127.0.0.1", upstream)).await?;
        let length = u32::try_from(startup.len() + 4).unwrap_or_default();
        server.write_all(&length.to_be_bytes()).await?;
        server.write_all(&startup).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let mut out = Vec::new();
    message(&mut out, b'R', &0_u32.to_be_bytes());
    for (name, value) in SETTINGS {
        message(&mut out, b'S', format!("{name}\0{value}\0").as_bytes());
    }
    message(&mut out, b'K', &[0, 0, 0, 1, 0, 0, 0, 2]);
    message(&mut out, b'Z', b"I");
    client.write_all(&out).await?;
    let mut parsed = Vec::new();
    loop {
        let tag = client.read_u8().await?;
        let body = packet(&mut client).await?;
        if matches!(tag, b'P' | b'Q') {
            parsed = body;
        }
        out.clear();
        answer(tag, &String::from_utf8_lossy(&parsed), &mut out);
        client.write_all(&out).await?;
    }
}

/// The text behind the length word.
async fn packet(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut body = vec![
        0;
        usize::try_from(length)
            .unwrap_or_default()
            .saturating_sub(4)
    ];
    from.read_exact(&mut body).await?;
    Ok(body)
}

/// What a server says of its settings where nobody has set any.
const SETTINGS: [(&str, &str); 9] = [
    ("server_version", "15.0"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("integer_datetimes", "on"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("bytea_output", "hex"),
];

/// The row of a SHOW; all else gives none.
fn shown(sql: &str) -> Option<&'static str> {
    let (_, name) = sql.split_once("SHOW ")?;
    let name = name.split('\0').next().unwrap_or_default();
    let setting = SETTINGS.iter().find(|(setting, _)| *setting == name);
    Some(match (setting, name) {
        (Some((_, value)), _) => value,
        (None, "search_path") => "public",
        (None, "role") => "none",
        (None, "extra_float_digits") => "1",
        (None, "array_nulls") => "on",
        (None, _) => "",
    })
}

fn answer(tag: u8, sql: &str, out: &mut Vec<u8>) {
    match tag {
        b'P' => message(out, b'1', &[]),
        b'B' => message(out, b'2', &[]),
        b'D' => message(out, b'n', &[]),
        b'C' => message(out, b'3', &[]),
        b'E' | b'Q' => {
            if let Some(value) = shown(sql) {
                let mut row = vec![0, 1];
                row.extend(u32::try_from(value.len()).unwrap_or_default().to_be_bytes());
                row.extend(value.as_bytes());
                message(out, b'D', &row);
            }
            message(
                out,
                b'C',
                if sql.contains("SET ") {
                    b"SET\0"
                } else {
                    b"SHOW\0"
                },
            );
            if tag == b'Q' {
                message(out, b'Z', b"I");
            }
        }
        b'S' => message(out, b'Z', b"I"),
        _ => {}
    }
}

fn message(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    let length = u32::try_from(body.len() + 4).unwrap_or_default();
    out.extend(length.to_be_bytes());
    out.extend(body);
}

//! The syslog sink: RFC 5424 messages in RFC 5425 frames over TLS.
//!
//! Syslog has no acknowledgement. What was sent counts as taken once its connection has lived on for some seconds, or
//! has been closed by the other side after ours; what a break finds before is sent again. It must never be sent without TLS.

use super::SendError;
use super::channel::Channel;
use crate::config::ShipSyslog;
use crate::session::driver::Duplex;
use crate::tls::TlsError;
use hippocrypt_audit::feed::{Batch, Item, Position};
use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// So long a connection has to live on.
const LIVES_ON: Duration = Duration::from_secs(10);
/// How long a write, or the other side's end, may take.
const WRITE: Duration = Duration::from_secs(30);
/// Facility 13, "log audit", severity 6, "informational" (RFC 5424 section 6.2.1).
const PRIORITY: u8 = 13 * 8 + 6;

/// See the module.
pub struct Syslog {
    channel: Channel,
    connection: Option<Box<dyn Duplex>>,
    /// What was sent over this connection and does not count as taken, and when.
    sent: VecDeque<(Instant, Position)>,
}

impl Syslog {
    /// Nothing is connected yet.
    pub fn new(config: &ShipSyslog) -> Result<Self, TlsError> {
        let (root_ca, identity) = (Some(config.root_ca.as_path()), config.identity.as_ref());
        Ok(Self {
            channel: Channel::new(&config.address, root_ca, identity)?,
            connection: None,
            sent: VecDeque::new(),
        })
    }

    /// Hands a batch to the connection.
    pub async fn send(&mut self, batch: &Batch) -> Result<(), SendError> {
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => self.channel.connect().await?,
        };
        let frames = frames(batch);
        let write = async {
            connection.write_all(&frames).await?;
            connection.flush().await
        };
        let written = tokio::time::timeout(WRITE, write).await;
        written.map_err(|_| SendError::Timeout(WRITE))??;
        self.connection = Some(connection);
        self.sent.push_back((Instant::now(), batch.end));
        Ok(())
    }

    /// What has been sent for long enough.
    pub async fn taken(&mut self) -> Result<Option<Position>, SendError> {
        if let Some(connection) = &mut self.connection {
            // A syslog server says nothing: whatever can be read is the end.
            let mut byte = [0];
            let read = tokio::time::timeout(Duration::ZERO, connection.read(&mut byte)).await;
            if let Ok(read) = read
                && read? == 0
            {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        let mut taken = None;
        while let Some((when, position)) = self.sent.front()
            && when.elapsed() >= LIVES_ON
        {
            taken = Some(*position);
            self.sent.pop_front();
        }
        Ok(taken)
    }

    /// Ends the connection; what the other side has read when it ends its own is taken.
    pub async fn close(&mut self) -> Result<Option<Position>, SendError> {
        let Some(mut connection) = self.connection.take() else {
            return Ok(None);
        };
        let ending = async {
            connection.shutdown().await?;
            let mut rest = [0; 256];
            while connection.read(&mut rest).await? > 0 {}
            Ok::<_, io::Error>(())
        };
        let ended = tokio::time::timeout(WRITE, ending).await;
        ended.map_err(|_| SendError::Timeout(WRITE))??;
        let last = self.sent.back().map(|(_, position)| *position);
        self.sent.clear();
        Ok(last)
    }

    /// The connection broke: nothing that was sent over it counts.
    pub fn give_up(&mut self) {
        self.connection = None;
        self.sent.clear();
    }
}

/// `MSG-LEN SP SYSLOG-MSG` for each item (RFC 5425 section 4.3).
fn frames(batch: &Batch) -> Vec<u8> {
    let mut frames = Vec::new();
    for item in &batch.items {
        let message = match item {
            Item::Record(line) => record(line),
            Item::Checkpoint(note) => {
                let object = serde_json::json!({ "checkpoint": note }).to_string();
                message("-", "-", "checkpoint", object.as_bytes())
            }
        };
        // Writing to a Vec cannot fail.
        let _ = write!(frames, "{} ", message.len());
        frames.extend_from_slice(&message);
    }
    frames
}

/// A record under its own time, node and type.
fn record(line: &[u8]) -> Vec<u8> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Head {
        ts: String,
        r#type: String,
        node: String,
    }
    let head: Head = serde_json::from_slice(line).unwrap_or_default();
    message(
        &field(&head.ts, 32),
        &field(&head.node, 255),
        &field(&head.r#type, 32),
        line,
    )
}

/// `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD MSG` (RFC 5424 section 6).
fn message(time: &str, node: &str, kind: &str, text: &[u8]) -> Vec<u8> {
    let head = format!(
        "<{PRIORITY}>1 {time} {node} hippocrypt {} {kind} - ",
        std::process::id()
    );
    [head.as_bytes(), text].concat()
}

/// PRINTUSASCII of a length, `-` where nothing is left.
fn field(text: &str, max: usize) -> String {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    match text {
        "" => "-".to_owned(),
        text => text.chars().take(max).map(printable).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_and_messages_are_of_the_form() {
        let line = r#"{"v":1,"seq":7,"ts":"2026-11-21T21:49:58.123456Z","type":"stop","node":"proxy ä","reason":"ü"}"#;
        let batch = Batch {
            items: vec![
                Item::Record(line.as_bytes().to_vec()),
                Item::Checkpoint("log\n8\nroot\n\n— log sig\n".into()),
            ],
            end: Position::default(),
        };
        let frames = String::from_utf8(frames(&batch)).unwrap();
        let pid = std::process::id();
        let first =
            format!("<110>1 2026-11-21T21:49:58.123456Z proxy__ hippocrypt {pid} stop - {line}");
        let second = format!(
            "<110>1 - - hippocrypt {pid} checkpoint - {}",
            r#"{"checkpoint":"log\n8\nroot\n\n— log sig\n"}"#
        );
        let expected = format!("{} {first}{} {second}", first.len(), second.len());
        assert_eq!(frames, expected);
    }
}

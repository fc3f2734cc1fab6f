//! The HTTP sink: batches as NDJSON by POST; an answer of 2xx has taken the whole batch.
//!
//! It must never call a batch taken on any other answer, nor follow a redirection with the token.

use super::SendError;
use super::channel::Channel;
use crate::config::ShipHttp;
use crate::tls::TlsError;
use hippocrypt_audit::feed::{Batch, Item, Position};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// From a request to the end of its answer.
const ANSWER: Duration = Duration::from_secs(30);
/// What of an answer's body is read, so that its connection can be used again.
const BODY: usize = 64 * 1024;

/// See the module.
pub struct Http {
    channel: Channel,
    url: Uri,
    token: Option<PathBuf>,
    connection: Option<SendRequest<Full<Bytes>>>,
    taken: Option<Position>,
}

impl Http {
    /// Nothing is connected yet.
    pub fn new(config: &ShipHttp) -> Result<Self, TlsError> {
        let root_ca = config.root_ca.as_deref();
        Ok(Self {
            channel: Channel::new(&config.address, root_ca, None)?,
            url: config.url.clone(),
            token: config.token_file.clone(),
            connection: None,
            taken: None,
        })
    }

    /// Sends a batch; returns when it is taken.
    pub async fn send(&mut self, batch: &Batch) -> Result<(), SendError> {
        let request = self.request(batch)?;
        let sent = tokio::time::timeout(ANSWER, self.post(request)).await;
        let status = sent.unwrap_or(Err(SendError::Timeout(ANSWER)))?;
        if !status.is_success() {
            return Err(SendError::Status(status));
        }
        self.taken = Some(batch.end);
        Ok(())
    }

    /// What was taken since this was asked.
    pub fn taken(&mut self) -> Option<Position> {
        self.taken.take()
    }

    /// The connection is of no use any more.
    pub fn give_up(&mut self) {
        self.connection = None;
    }

    async fn post(&mut self, request: Request<Full<Bytes>>) -> Result<StatusCode, SendError> {
        let mut connection = match self.connection.take().filter(|open| !open.is_closed()) {
            Some(open) => open,
            None => {
                let stream = TokioIo::new(self.channel.connect().await?);
                let (connection, served) = http1::handshake(stream).await?;
                // Ends with the connection; what went wrong, the request tells.
                tokio::spawn(async move { drop(served.await) });
                connection
            }
        };
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        let status = answer.status();
        if Limited::new(answer.into_body(), BODY)
            .collect()
            .await
            .is_ok()
        {
            self.connection = Some(connection);
        }
        Ok(status)
    }

    fn request(&self, batch: &Batch) -> Result<Request<Full<Bytes>>, SendError> {
        let authority = self
            .url
            .authority()
            .map_or("", |authority| authority.as_str());
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::post(path)
            .header(HOST, authority)
            .header(
                USER_AGENT,
                concat!("hippocrypt/", env!("CARGO_PKG_VERSION")),
            )
            .header(CONTENT_TYPE, "application/x-ndjson");
        if let Some(file) = &self.token {
            request = request.header(AUTHORIZATION, bearer(file)?);
        }
        let body = Full::new(Bytes::from(ndjson(batch)));
        request
            .body(body)
            .map_err(|e| SendError::Token(e.to_string()))
    }
}

/// A record's line as it is; a checkpoint as an object of one member, which no record has.
fn ndjson(batch: &Batch) -> Vec<u8> {
    let mut body = Vec::new();
    for item in &batch.items {
        match item {
            Item::Record(line) => body.extend_from_slice(line),
            Item::Checkpoint(note) => {
                let object = serde_json::json!({ "checkpoint": note }).to_string();
                body.extend_from_slice(object.as_bytes());
            }
        }
        body.push(b'\n');
    }
    body
}

/// Read each time: a token that was renewed counts from the next request on.
fn bearer(file: &Path) -> Result<HeaderValue, SendError> {
    let wrong = |what: &str| SendError::Token(format!("{}: {what}", file.display()));
    let mode = fs::metadata(file)
        .map_err(|e| wrong(&e.to_string()))?
        .mode()
        & 0o7777;
    if mode & 0o027 != 0 {
        return Err(wrong(&format!(
            "may be read by others (mode {mode:04o}); chmod 640 it"
        )));
    }
    let text = fs::read_to_string(file).map_err(|e| wrong(&e.to_string()))?;
    let text = Zeroizing::new(text);
    let value = Zeroizing::new(format!("Bearer {}", text.trim()));
    let mut value = HeaderValue::from_str(&value).map_err(|_| wrong("is no token"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_cannot_be_taken_for_a_record() {
        let batch = Batch {
            items: vec![
                Item::Record(br#"{"v":1,"seq":0}"#.to_vec()),
                Item::Checkpoint("log\n1\nroot\n\n— log sig\n".into()),
            ],
            end: Position::default(),
        };
        let text = String::from_utf8(ndjson(&batch)).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0]["seq"], 0);
        let note = serde_json::json!({ "checkpoint": "log\n1\nroot\n\n— log sig\n" });
        assert_eq!(lines[1], note);
    }
}

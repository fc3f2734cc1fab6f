//! A client that speaks frames: for pipelines, errors and whatever no driver would send.
//!
//! It must never hide a message: what the server said is what a test sees.

use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A message of the server.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its tag.
    pub tag: char,
    /// Its bytes after the length.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.tag {
            'E' | 'N' => write!(f, "{}{:?}", self.tag, self.fields()),
            'Z' => write!(f, "Z({})", self.body[0] as char),
            tag => write!(
                f,
                "{tag}({})",
                String::from_utf8_lossy(&self.body).escape_debug()
            ),
        }
    }
}

impl Message {
    /// Fields of an ErrorResponse or NoticeResponse.
    pub fn fields(&self) -> BTreeMap<char, String> {
        let parts = self.body.split(|b| *b == 0).filter(|p| !p.is_empty());
        parts
            .map(|p| (p[0] as char, String::from_utf8_lossy(&p[1..]).into_owned()))
            .collect()
    }

    /// The SQLSTATE of an ErrorResponse.
    pub fn sqlstate(&self) -> String {
        self.fields().remove(&'C').unwrap_or_default()
    }

    /// Values of a DataRow.
    pub fn values(&self) -> Vec<Option<Vec<u8>>> {
        let mut rest = &self.body[2..];
        let mut values = Vec::new();
        while !rest.is_empty() {
            let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
            rest = &rest[4..];
            values.push(usize::try_from(length).ok().map(|n| {
                let value = rest[..n].to_vec();
                rest = &rest[n..];
                value
            }));
        }
        values
    }

    /// Columns of a RowDescription: name, type OID, typlen, typmod, format, and whether it names a table.
    pub fn columns(&self) -> Vec<(String, u32, i16, i32, i16, bool)> {
        let mut rest = &self.body[2..];
        let mut columns = Vec::new();
        while !rest.is_empty() {
            let end = rest.iter().position(|b| *b == 0).unwrap();
            let name = String::from_utf8_lossy(&rest[..end]).into_owned();
            let f = &rest[end + 1..];
            let int4 = |at: usize| u32::from_be_bytes(f[at..at + 4].try_into().unwrap());
            let int2 = |at: usize| i16::from_be_bytes(f[at..at + 2].try_into().unwrap());
            columns.push((
                name,
                int4(6),
                int2(10),
                int4(12) as i32,
                int2(16),
                int4(0) != 0,
            ));
            rest = &f[18..];
        }
        columns
    }
}

/// A connection.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    /// Process id and secret from BackendKeyData.
    pub key: (i32, i32),
    /// Parameters told at login.
    pub parameters: BTreeMap<String, String>,
}

impl Raw {
    /// Connects and logs in with SCRAM-SHA-256.
    ///
    /// # Errors
    /// The server's ErrorResponse.
    pub fn login(port: u16, user: &str, password: &str, database: &str) -> Result<Self, Message> {
        Self::login_with(port, user, password, database, &[])
    }

    /// The same with further start-up parameters.
    ///
    /// # Errors
    /// The server's ErrorResponse.
    pub fn login_with(
        port: u16,
        user: &str,
        password: &str,
        database: &str,
        more: &[(&str, &str)],
    ) -> Result<Self, Message> {
        let mut raw = Self::connect(port);
        let mut body = vec![0, 3, 0, 0];
        let ours = [
            ("user", user),
            ("database", database),
            ("application_name", "raw"),
        ];
        for (name, value) in ours.iter().chain(more) {
            body.extend([name.as_bytes(), &[0], value.as_bytes(), &[0]].concat());
        }
        body.push(0);
        raw.send(&untagged(&body));
        raw.authenticate(password)?;
        loop {
            let message = raw.receive().expect("the server to finish the login");
            match message.tag {
                'K' => {
                    let int = |at: usize| {
                        i32::from_be_bytes(message.body[at..at + 4].try_into().unwrap())
                    };
                    raw.key = (int(0), int(4));
                }
                'S' => {
                    let text = String::from_utf8_lossy(&message.body).into_owned();
                    let mut words = text.split('\0').map(str::to_owned);
                    raw.parameters
                        .insert(words.next().unwrap(), words.next().unwrap());
                }
                'Z' => return Ok(raw),
                'E' => return Err(message),
                _ => {}
            }
        }
    }

    /// A connection before its first byte.
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self {
            stream,
            key: (0, 0),
            parameters: BTreeMap::new(),
        }
    }

    fn authenticate(&mut self, password: &str) -> Result<(), Message> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        loop {
            let message = self.receive().expect("the server to ask for a password");
            if message.tag == 'E' {
                return Err(message);
            }
            assert_eq!(message.tag, 'R', "{message:?}");
            match i32::from_be_bytes(message.body[..4].try_into().unwrap()) {
                0 => return Ok(()),
                10 => {
                    let first = scram.message();
                    let mut body = b"SCRAM-SHA-256\0".to_vec();
                    body.extend(i32::try_from(first.len()).unwrap().to_be_bytes());
                    body.extend(first);
                    self.send(&frame(b'p', &body));
                }
                11 => {
                    scram.update(&message.body[4..]).unwrap();
                    self.send(&frame(b'p', scram.message()));
                }
                12 => scram.finish(&message.body[4..]).unwrap(),
                other => panic!("authentication request {other}"),
            }
        }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(bytes)
            .expect("the connection to take it");
    }

    /// Sends frames in one piece: a pipeline.
    pub fn pipeline(&mut self, frames: &[Vec<u8>]) {
        self.send(&frames.concat());
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// The next message; `None` at the end of the connection. Panics after 30 s of silence.
    pub fn receive(&mut self) -> Option<Message> {
        let mut head = [0; 5];
        match self.stream.read_exact(&mut head) {
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => panic!("no answer within 30 s"),
            Err(_) => return None,
            Ok(()) => {}
        }
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).ok()?;
        Some(Message {
            tag: head[0] as char,
            body,
        })
    }

    /// Messages up to and with one of these tags.
    pub fn until(&mut self, tags: &str) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            let message = match self.receive() {
                Some(m) => m,
                None => panic!("connection closed after {messages:?}"),
            };
            let last = tags.contains(message.tag);
            messages.push(message);
            if last {
                return messages;
            }
        }
    }

    /// Messages up to ReadyForQuery.
    pub fn until_ready(&mut self) -> Vec<Message> {
        self.until("Z")
    }

    /// A simple query and its whole answer.
    pub fn query(&mut self, sql: &str) -> Vec<Message> {
        self.send(&query(sql));
        self.until_ready()
    }

    /// Whether nothing more came: sends a Sync-less probe, an empty query, and reads exactly its answer.
    pub fn is_quiet(&mut self) -> bool {
        tags(&self.query("")) == "IZ"
    }
}

/// Tags in order, asynchronous messages left out.
pub fn tags(messages: &[Message]) -> String {
    let asynchronous = |m: &&Message| !"NSA".contains(m.tag);
    messages
        .iter()
        .filter(asynchronous)
        .map(|m| m.tag)
        .collect()
}

/// Transaction status of the last ReadyForQuery.
pub fn status(messages: &[Message]) -> char {
    messages
        .last()
        .filter(|m| m.tag == 'Z')
        .expect("ReadyForQuery")
        .body[0] as char
}

/// The first error's SQLSTATE.
pub fn sqlstate(messages: &[Message]) -> Option<String> {
    messages
        .iter()
        .find(|m| m.tag == 'E')
        .map(Message::sqlstate)
}

/// Rows as text, NULL as `None`.
pub fn rows(messages: &[Message]) -> Vec<Vec<Option<String>>> {
    let text = |v: Vec<u8>| String::from_utf8_lossy(&v).into_owned();
    let row = |m: &Message| m.values().into_iter().map(|v| v.map(text)).collect();
    messages.iter().filter(|m| m.tag == 'D').map(row).collect()
}

/// What can be compared with another database: OIDs of tables, and error fields that name source lines, go.
pub fn comparable(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .filter(|m| !"NSAK".contains(m.tag))
        .map(|m| match m.tag {
            'T' => format!("T{:?}", m.columns()),
            'E' => {
                let mut fields = m.fields();
                fields.retain(|k, _| "SCMDHP".contains(*k));
                format!("E{fields:?}")
            }
            _ => format!("{m:?}"),
        })
        .collect()
}

// ---- frames -----------------------------------------------------------------------------------------------

/// A frame with a tag.
pub fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], untagged(body).as_slice()].concat()
}

/// A frame without: start-up, SSLRequest, CancelRequest.
pub fn untagged(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len() + 4).unwrap().to_be_bytes(), body].concat()
}

fn string(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// Query
pub fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &string(sql))
}

/// Parse
pub fn parse(name: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let mut body = [string(name), string(sql)].concat();
    body.extend(u16::try_from(types.len()).unwrap().to_be_bytes());
    types.iter().for_each(|t| body.extend(t.to_be_bytes()));
    frame(b'P', &body)
}

/// Bind: parameters and results all in `format` (0 text, 1 binary).
pub fn bind(portal: &str, statement: &str, values: &[Option<&[u8]>], format: u16) -> Vec<u8> {
    let mut body = [string(portal), string(statement)].concat();
    body.extend([0, 1]);
    body.extend(format.to_be_bytes());
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        match value {
            None => body.extend((-1_i32).to_be_bytes()),
            Some(v) => {
                body.extend(u32::try_from(v.len()).unwrap().to_be_bytes());
                body.extend(*v);
            }
        }
    }
    body.extend([0, 1]);
    body.extend(format.to_be_bytes());
    frame(b'B', &body)
}

/// Describe of a statement (`S`) or portal (`P`).
pub fn describe(kind: u8, name: &str) -> Vec<u8> {
    frame(b'D', &[vec![kind], string(name)].concat())
}

/// Execute; 0 rows is all.
pub fn execute(portal: &str, rows: u32) -> Vec<u8> {
    frame(
        b'E',
        &[string(portal), rows.to_be_bytes().to_vec()].concat(),
    )
}

/// Close of a statement (`S`) or portal (`P`).
pub fn close(kind: u8, name: &str) -> Vec<u8> {
    frame(b'C', &[vec![kind], string(name)].concat())
}

/// Sync
pub fn sync() -> Vec<u8> {
    frame(b'S', &[])
}

/// Flush
pub fn flush() -> Vec<u8> {
    frame(b'H', &[])
}

/// CopyData
pub fn copy_data(data: &[u8]) -> Vec<u8> {
    frame(b'd', data)
}

/// CopyDone
pub fn copy_done() -> Vec<u8> {
    frame(b'c', &[])
}

/// CopyFail
pub fn copy_fail(reason: &str) -> Vec<u8> {
    frame(b'f', &string(reason))
}

//! Where the verbs that show values put themselves on record: a Unix socket beside the log, which the running proxy has
//! locked. [`submit`] is the verbs' end, [`Desk`] the proxy's.
//!
//! One line of JSON there, one back, once the records are in the log (on disk, where its durability is `durable`). It
//! must never take a line from another user of the machine than the proxy's own and root, nor answer before.

use crate::config::ListenAddress;
use crate::socket::{Listener, Origin, Socket};
use hippocrypt_audit::{
    AppendError, Body, ColumnUse, Decision, Described, Intent, Log, Opened, Outcome, SessionFacts,
    SessionInfo, Source, Statement, Subjects, SubjectsState, Told,
};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::task::JoinHandle;

/// Longest line: subjects of a hundred thousand rows.
const LINE_MAX: u64 = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries to take a connection when there are no descriptors.
const BREATH: Duration = Duration::from_millis(200);
/// A record of subjects has at most so many.
const SUBJECTS_MAX: usize = 1000;

/// What somebody was shown outside any session of the proxy. On record it is a session of one statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// The database role that read it.
    pub user: String,
    /// The person, as they say.
    pub end_user: Option<String>,
    /// Why, as they say.
    pub reason: Option<String>,
    /// The verb.
    pub app: String,
    /// Database.
    pub database: String,
    /// What was read, no constant in it.
    pub sql: String,
    /// Whose rows: `schema.table`.
    pub tables: Vec<String>,
    /// What was shown, and how (`clear`, `masked`, `not`).
    pub columns: Vec<(String, String)>,
    /// The rule of the policy that it was shown by.
    pub rule: Option<String>,
    /// Hash of the policy.
    pub policy: String,
    /// How many rows.
    pub rows: u64,
    /// Cells opened, by column.
    pub opened: Vec<(String, u64)>,
    /// Whose they are, `kind:pseudonym`, each once.
    pub subjects: Vec<String>,
    /// Whether these are all of them; `None`: no table of these has a subject.
    pub subjects_all: Option<bool>,
}

/// That somebody has read what the log says of a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Who, as they say.
    pub reviewer: String,
    /// Of when, and by which reports.
    pub target: String,
    /// What the log was then, and what they note.
    pub detail: String,
}

/// What a verb has put on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Values are shown.
    Disclosure(Box<Disclosure>),
    /// A review was made.
    Review(Review),
}

impl Entry {
    /// Puts it on record; the number of its record, and of the last.
    ///
    /// # Errors
    /// The log's: it is not on record.
    pub fn record(&self, log: &Log, from: Origin) -> Result<(u64, u64), AppendError> {
        match self {
            Self::Disclosure(disclosure) => disclosure.record(log, from),
            Self::Review(review) => {
                let record = Body::Admin {
                    action: "review".into(),
                    target: review.target.as_str().into(),
                    actor: format!("{} ({from})", review.reviewer).into(),
                    detail: Some(review.detail.as_str().into()),
                };
                let seq = log.append(&record.into())?;
                Ok((seq, seq))
            }
        }
    }
}

/// What the proxy says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// Number of the statement's record.
    Recorded(u64),
    /// It is not on record.
    Refused(String),
}

/// Why it could not be put on record.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Nobody listens there.
    #[error("no proxy listens at {0}")]
    Nobody(PathBuf),
    /// The connection.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// The log, or the proxy.
    #[error("the proxy did not put it on record: {0}")]
    Refused(String),
}

impl Disclosure {
    fn record(&self, log: &Log, from: Origin) -> Result<(u64, u64), AppendError> {
        let id = super::login::session_id();
        let client = from.to_string();
        let session = Arc::new(SessionInfo::new(&SessionFacts {
            id: &id,
            backend_pid: None,
            user: &self.user,
            client: &client,
            app: &self.app,
            db: &self.database,
        }));
        let begun = Body::SessionStart {
            session: Arc::clone(&session),
            auth: "peer".into(),
            tls: None,
        };
        log.append(&begun.into())?;
        let done = self.statement(log, &session);
        let ended = Body::SessionEnd {
            session,
            reason: "terminate".into(),
            statements: u64::from(done.is_ok()),
            duration: Duration::ZERO,
        };
        let last = log.append(&ended.into());
        Ok((done?, last?))
    }

    fn statement(&self, log: &Log, session: &Arc<SessionInfo>) -> Result<u64, AppendError> {
        let columns = self.columns.iter().map(|(column, shown)| ColumnUse {
            column,
            usage: "read",
            shown,
        });
        let tables = self.tables.iter().map(String::as_str);
        let described = Described::new("SELECT", &self.sql, None, tables, columns);
        let told = |text: &Option<String>| {
            text.as_deref().map(|text| {
                Arc::new(Told {
                    text: text.into(),
                    source: Source::Setting,
                })
            })
        };
        let statement = Statement {
            session: Arc::clone(session),
            stmt: 1,
            described: Arc::new(described),
            end_user: told(&self.end_user),
            decision: Decision::Forwarded,
            rule: self.rule.as_deref().map(Arc::from),
            policy: Some(self.policy.as_str().into()),
            reason: told(&self.reason),
        };
        let seq = log.append(&Body::Statement(statement).into())?;
        for some in self.subjects.chunks(SUBJECTS_MAX) {
            let subjects = Subjects {
                session: Arc::clone(session),
                stmt: 1,
                subjects: some.iter().map(|s| s.as_str().into()).collect(),
            };
            log.append(&Body::Subjects(subjects).into())?;
        }
        let opened = self.opened.iter().map(|(column, cells)| Opened {
            column: column.as_str().into(),
            cells: *cells,
        });
        let outcome = Outcome {
            session: Arc::clone(session),
            stmt: 1,
            of: Intent::Statement,
            rows: self.rows,
            bytes: 0,
            duration: Duration::ZERO,
            sqlstate: None,
            opened: opened.collect(),
            subjects: Vec::new(),
            subjects_state: self.subjects_all.map(|all| match all {
                true => SubjectsState::All,
                false => SubjectsState::Unknown,
            }),
        };
        log.append(&Body::Outcome(outcome).into())?;
        Ok(seq)
    }
}

/// Where the desk of the log in `directory` is.
fn place(directory: &Path) -> PathBuf {
    directory.join("desk.sock")
}

/// The proxy's end, until it is dropped.
#[derive(Debug)]
pub(super) struct Desk(JoinHandle<()>);

impl Drop for Desk {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Desk {
    /// Listens.
    pub(super) async fn open(directory: &Path, log: Log) -> io::Result<Self> {
        let path = place(directory);
        let listener = Listener::bind(&ListenAddress::Unix(path.clone())).await?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let own = std::fs::metadata("/proc/self")?.uid();
        Ok(Self(tokio::spawn(async move {
            loop {
                let Ok((socket, from)) = listener.accept().await else {
                    tokio::time::sleep(BREATH).await;
                    continue;
                };
                let known = matches!(from, Origin::Unix { uid, .. } if uid == own || uid == 0);
                if known {
                    // one after the other: nobody who asks is in a hurry
                    let served = tokio::time::timeout(PATIENCE, serve(socket, from, &log)).await;
                    if let Ok(Err(error)) = served {
                        tracing::debug!(%error, "desk");
                    }
                }
            }
        })))
    }
}

async fn serve(socket: Socket, from: Origin, log: &Log) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    (&mut socket).take(LINE_MAX).read_line(&mut line).await?;
    let answer = match serde_json::from_str::<Entry>(&line) {
        Ok(entry) => put(&entry, from, log).await,
        Err(error) => Answer::Refused(format!("not understood: {error}")),
    };
    let mut answer = serde_json::to_vec(&answer)?;
    answer.push(b'\n');
    socket.get_mut().write_all(&answer).await
}

async fn put(entry: &Entry, from: Origin, log: &Log) -> Answer {
    let refused = |error: AppendError| Answer::Refused(error.to_string());
    let (seq, last) = match entry.record(log, from) {
        Ok(recorded) => recorded,
        Err(error) => return refused(error),
    };
    let on_disk = match log.on_disk(last) {
        Some(on_disk) => on_disk.await,
        None => Ok(()),
    };
    on_disk.map_or_else(refused, |()| Answer::Recorded(seq))
}

/// Has the proxy that writes the log in `directory` put it on record; the number of its record.
///
/// # Errors
/// There is no such proxy, or it did not: nothing must be shown then.
pub async fn submit(directory: &Path, entry: &Entry) -> Result<u64, DeskError> {
    let path = place(directory);
    let failed = |error| DeskError::Io(path.clone(), error);
    let mut socket = match tokio::net::UnixStream::connect(&path).await {
        Ok(socket) => BufReader::new(socket),
        Err(error) => {
            use io::ErrorKind::{ConnectionRefused, NotFound};
            return Err(match error.kind() {
                NotFound | ConnectionRefused => DeskError::Nobody(path),
                _ => failed(error),
            });
        }
    };
    let mut line = serde_json::to_vec(entry).map_err(|e| failed(e.into()))?;
    line.push(b'\n');
    let mut answer = String::new();
    let asked = async {
        socket.get_mut().write_all(&line).await?;
        socket.read_line(&mut answer).await
    };
    let asked = tokio::time::timeout(PATIENCE, asked).await;
    asked.map_err(|e| failed(e.into()))?.map_err(failed)?;
    match serde_json::from_str(&answer).map_err(|e| failed(e.into()))? {
        Answer::Recorded(seq) => Ok(seq),
        Answer::Refused(why) => Err(DeskError::Refused(why)),
    }
}

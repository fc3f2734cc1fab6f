//! What is put on record, as types; `render` below makes the JSON of docs/formats/audit-log.md.
//!
//! All parts are owned or shared by [`Arc`], so a record can travel as an effect; what does not change
//! from statement to statement is rendered once ([`SessionInfo`], [`Described`]). Nothing here may hold
//! a constant of a client's statement: [`Described`] takes the normalised text.

mod described;
mod render;
mod session;

pub use described::{ColumnUse, Described};
pub(crate) use render::render;
pub use session::{SessionFacts, SessionInfo};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One record: a [`Body`]. The log adds version, sequence number, time, node and the chain.
#[derive(Clone, Debug)]
pub struct Record {
    /// What happened.
    pub body: Body,
}

impl From<Body> for Record {
    fn from(body: Body) -> Self {
        Self { body }
    }
}

/// What happened. A new type of record is a variant here, an arm in `render`, a row in `verify::fields`
/// and a section in docs/formats/audit-log.md.
#[derive(Clone, Debug)]
pub enum Body {
    /// The proxy starts to serve.
    Start {
        /// Version of the program.
        version: Arc<str>,
        /// Where it listens.
        listen: Arc<str>,
        /// Hash of the policy in force.
        policy: Arc<str>,
    },
    /// The proxy stops in order. A log that does not end with it ended in a crash.
    Stop {
        /// `SIGTERM`, …
        reason: Arc<str>,
    },
    /// A login succeeded.
    SessionStart {
        /// The session.
        session: Arc<SessionInfo>,
        /// How the user proved who it is: `scram-sha-256`, `md5`, `trust`, …
        auth: Arc<str>,
        /// TLS version and cipher of the client's leg; `None`: clear.
        tls: Option<Arc<str>>,
    },
    /// A session ended. Space that its statements without an outcome held is released.
    SessionEnd {
        /// The session.
        session: Arc<SessionInfo>,
        /// `terminate`, `client closed`, `server closed`, `idle timeout`, `shutdown`, …
        reason: Arc<str>,
        /// How many statement records it made.
        statements: u64,
        /// How long it was.
        duration: Duration,
    },
    /// A login failed, or was refused before it began.
    AuthFailure {
        /// Who it claimed to be, and from where. `backend_pid` is `None`.
        session: Arc<SessionInfo>,
        /// What the client was told.
        sqlstate: SqlState,
        /// What it was: `password`, `no such database`, `too many sessions` …; never the server's own
        /// text, which may hold anything.
        reason: Arc<str>,
    },
    /// A Parse that comes on its own. Same fields as a statement.
    Prepare(Statement),
    /// A statement is about to go upstream, or is refused.
    Statement(Statement),
    /// Whose records a statement returns or writes, where they are more than its outcome holds.
    Subjects(Subjects),
    /// How a statement ended.
    Outcome(Outcome),
    /// A policy was loaded, or refused.
    Policy {
        /// `load`, `reload`, `refuse`
        action: Arc<str>,
        /// Its hash.
        policy: Arc<str>,
        /// The file.
        source: Arc<str>,
        /// Who or what asked: `start`, `SIGHUP` …
        actor: Arc<str>,
        /// Anything more, in words.
        detail: Option<Arc<str>>,
    },
    /// Something about keys: `init`, `sync`, `load`, `rotate`, `fail` …
    Keys {
        /// What was done.
        action: Arc<str>,
        /// To which group, epoch or file.
        target: Arc<str>,
        /// Who or what asked.
        actor: Arc<str>,
        /// Anything more, in words.
        detail: Option<Arc<str>>,
    },
    /// Any other act upon the proxy.
    Admin {
        /// What was done.
        action: Arc<str>,
        /// To what.
        target: Arc<str>,
        /// Who or what asked.
        actor: Arc<str>,
        /// Anything more, in words.
        detail: Option<Arc<str>>,
    },
    /// Nothing was to be recorded for a while; written by the log itself.
    Heartbeat,
    /// A closed segment was compressed; written by the log itself.
    Compressed {
        /// Number of its first record.
        segment: u64,
        /// Bytes of the compressed file.
        bytes: u64,
        /// Its SHA-256, hex.
        sha256: Arc<str>,
    },
    /// Segments are not kept any more; written by the log itself, before they are removed.
    Retention {
        /// Records before this one are not kept.
        first_kept: u64,
        /// How many segments that removes.
        segments: u64,
        /// Time of the last record removed.
        until: Arc<str>,
    },
    /// The log was not closed in order; written by [`crate::Log::open`] only.
    Recovery(Recovery),
}

/// What opening a log after a crash found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes cut from the end of the last segment; 0 when every line was whole.
    pub cut_bytes: u64,
    /// SHA-256 of them, hex.
    pub cut_sha256: Option<String>,
    /// Where they are kept, relative to the log's directory.
    pub kept: Option<String>,
}

/// A statement, before it goes upstream or instead of going there.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Whose.
    pub session: Arc<SessionInfo>,
    /// Number in the session, from 1; its outcome bears the same.
    pub stmt: u64,
    /// What it is: rendered once per cached verdict.
    pub described: Arc<Described>,
    /// The person behind the database user, if told.
    pub end_user: Option<Arc<Told>>,
    /// What was decided.
    pub decision: Decision,
    /// The rule that matched (`Rights::rule`); `None` in a database without policy.
    pub rule: Option<Arc<str>>,
    /// Hash of the policy in force.
    pub policy: Option<Arc<str>>,
    /// Why the user says it is done.
    pub reason: Option<Arc<Told>>,
}

/// What a client tells about a statement: the person behind the database user, or the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// As told.
    pub text: Arc<str>,
    /// Where it came from.
    pub source: Source,
}

/// Where something that a client told came from, and so how far it can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A token that the application signed; the signature was verified.
    Token,
    /// `SET hippocrypt.user`, `hippocrypt.reason`.
    Setting,
    /// A tag in a comment of the statement, as sqlcommenter writes them.
    Comment,
    /// `application_name`
    ApplicationName,
}

impl Source {
    /// As the log has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Setting => "setting",
            Self::Comment => "comment",
            Self::ApplicationName => "application_name",
        }
    }
}

/// What was decided about a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes upstream; an outcome follows.
    Forwarded,
    /// It does not; no outcome follows.
    Refused(SqlState),
}

/// Which record an outcome ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// A `prepare`: has an outcome only where it failed.
    Prepare,
    /// A `statement`: a forwarded one has exactly one outcome.
    Statement,
}

/// Whose records a statement returns or writes: those that its outcome has no room for.
#[derive(Clone, Debug)]
pub struct Subjects {
    /// Whose statement.
    pub session: Arc<SessionInfo>,
    /// The statement's number.
    pub stmt: u64,
    /// `kind:pseudonym`, no other record of the statement has them.
    pub subjects: Vec<Arc<str>>,
}

/// What is known of whose records a statement returned or wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectsState {
    /// All of them are on record.
    All,
    /// There were more than are put on record.
    More,
    /// It cannot be told.
    Unknown,
}

impl SubjectsState {
    /// As the log has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::More => "more",
            Self::Unknown => "unknown",
        }
    }
}

/// How a statement ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whose.
    pub session: Arc<SessionInfo>,
    /// The statement's number.
    pub stmt: u64,
    /// What it ends.
    pub of: Intent,
    /// Rows returned or changed (the command tag's count where it has one).
    pub rows: u64,
    /// Bytes of row and copy data sent to the client.
    pub bytes: u64,
    /// From the record of the statement to this one.
    pub duration: Duration,
    /// The error; `None`: it succeeded.
    pub sqlstate: Option<SqlState>,
    /// Cells opened (also to be masked), by column.
    pub opened: Vec<Opened>,
    /// Whose records: `kind:pseudonym`, at most [`Outcome::SUBJECTS_MAX`] bytes of them; others stand in
    /// [`Subjects`] before.
    pub subjects: Vec<Arc<str>>,
    /// How far that is known; `None`: the statement touches no table whose policy names a subject.
    pub subjects_state: Option<SubjectsState>,
}

impl Outcome {
    /// Bytes of subjects, quotes and commas included, that fit the space set aside for an outcome.
    pub const SUBJECTS_MAX: usize = 1024;
}

/// Cells opened of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// `schema.table.column`
    pub column: Arc<str>,
    /// How many.
    pub cells: u64,
}

/// A SQLSTATE: five of `0-9A-Z`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// The code; what is none becomes `XX000`, so that nothing else can ride in the field.
    pub fn new(code: &str) -> Self {
        match <[u8; 5]>::try_from(code.as_bytes()) {
            Ok(c)
                if c.iter()
                    .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) =>
            {
                Self(c)
            }
            _ => Self(*b"XX000"),
        }
    }

    /// The five characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

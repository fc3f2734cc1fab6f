//! What the server still owes: one expectation for each forwarded message that earns a reply.
//!
//! ```text
//!   client message   expectation   replies that fit                 ends with
//!   Parse            Parse         1                                1
//!   Bind             Bind          2                                2
//!   Close            Close         3                                3
//!   (renewed)        Renewed       3, 1                             3 or 1
//!   Describe         Describe      t, T, n                          T or n
//!   Execute          Execute       D G H W? d c                     C, s or I
//!   Sync             Sync          E                                Z
//!   Query            Query         T D C I G H d c E                Z
//!   FunctionCall     Function      V E                              Z
//!   (stand-in)       Refused       E                                E
//!   (own)            Own           1 2 3 D C Z
//! ```
//!
//! An error in the extended protocol takes with it everything up to the next Sync, which is the
//! barrier. A reply that fits nothing closes the connection (rule 2): the last arm of each match.

use super::overtaken::AsOf;
use super::portals::Entry;
use super::prepared::{Judged, Part, Prepared};
use bytes::Bytes;
use hippocrypt_sql::verdict::Attribute;
use hippocrypt_wire::{ErrorReport, Frame};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// A record that still wants its outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) stmt: u64,
    pub(super) started: Instant,
}

/// How the maps of names were before a message that the server may yet skip.
#[derive(Debug)]
pub(super) enum Undo {
    Statement(Bytes, Option<Arc<Prepared>>),
    Portal(Bytes, Option<Entry>),
}

impl Undo {
    /// The portal that was made or closed.
    pub(super) fn portal(&self) -> Option<&Bytes> {
        match self {
            Self::Portal(name, _) => Some(name),
            Self::Statement(..) => None,
        }
    }

    fn is_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Statement(one, _), Self::Statement(other, _))
            | (Self::Portal(one, _), Self::Portal(other, _)) => one == other,
            _ => false,
        }
    }
}

/// One statement that runs.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// What it is; `None` where nothing is known of it (databases without a policy).
    pub(super) part: Option<Arc<Part>>,
    pub(super) ticket: Option<Ticket>,
    /// Result formats as the client asked for them, and as the server was asked.
    pub(super) client_formats: Arc<[i16]>,
    pub(super) upstream_formats: Arc<[i16]>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Cells opened, by output.
    pub(super) opened: Vec<u64>,
    /// What opens the data of a COPY.
    pub(super) copy_out: Option<Box<crate::protect::CopyOut>>,
    /// Whose records it concerns.
    pub(super) whose: Option<Box<crate::protect::Whose>>,
    /// No column of the cursor that it reads can be a cell's, where nobody here saw that opened.
    pub(super) plain: bool,
    /// The statement it was prepared as.
    pub(super) prepared: Option<Arc<Prepared>>,
    /// What was known when it was judged.
    pub(super) as_of: AsOf,
    /// DDL has given it another meaning since.
    pub(super) overtaken: bool,
}

impl Run {
    /// Whether the server has begun to answer it.
    pub(super) fn answers(&self) -> bool {
        self.rows > 0 || self.bytes > 0
    }

    /// A statement of a simple query, whose rows come in text but for those of a BINARY cursor.
    pub(super) fn of_query(part: &Part) -> Self {
        let binary = part.plan.as_ref().is_some_and(|p| p.binary);
        let formats: Arc<[i16]> = if binary { Arc::new([1]) } else { Arc::new([]) };
        Self {
            client_formats: Arc::clone(&formats),
            upstream_formats: formats,
            ..Self::default()
        }
    }
}

/// The answer to a Describe.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) prepared: Option<Arc<Prepared>>,
    /// `Some` for a portal.
    pub(super) formats: Option<Arc<[i16]>>,
    /// The proxy's own: nothing of it is seen by the client.
    pub(super) own: bool,
}

/// A string of statements.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) judged: Arc<Judged>,
    /// As the client sent it.
    pub(super) frame: Frame,
    pub(super) running: VecDeque<Run>,
    /// The unnamed statement and portal, which it takes with it if it is not skipped.
    pub(super) undo: Vec<Undo>,
    /// The server has failed it: what follows does not run.
    pub(super) failed: bool,
    /// The statement that is done, while one of ours behind it is not: how it ended.
    pub(super) guarding: Option<Frame>,
}

impl Query {
    /// Whether a statement of ours follows the one that the server answers now.
    pub(super) fn is_guarded(&self) -> bool {
        let part = self.running.front().and_then(|run| run.part.as_ref());
        part.is_some_and(|part| part.is_guarded())
    }
}

/// A stand-in whose error is replaced.
#[derive(Debug)]
pub(super) struct Refused {
    /// `None`: the error is swallowed.
    pub(super) report: Option<ErrorReport>,
    /// The SQLSTATE that is replaced; any other (25P02) passes.
    pub(super) replaces: &'static str,
    /// The unnamed statement and portal, which go with it if it is not skipped.
    pub(super) undo: Vec<Undo>,
}

/// One reply, or series of replies, to a message of ours that no client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnStep {
    /// `1`, `2` or `3`.
    Ack(u8),
    /// The same, or `C`, of a statement that belongs to the client's: an error of it is the client's.
    Guard(u8),
    /// Rows for this question, then `C`.
    Rows(Question),
    /// `Z`.
    Sync,
}

/// What the proxy asks the server over the session's own connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    SearchPath,
    Role,
    /// `standard_conforming_strings`, which ParameterStatus reports when a pipeline is over, and a text depends on before.
    Strings,
    /// A setting of value formats that ParameterStatus does not report.
    Format(&'static str),
    /// Not a question: makes `hippocrypt.catalog` known to the server, so that it can be shown.
    Declare,
    Catalog,
    Temporary,
    Snapshot,
    /// A setting that tells who is behind the client.
    Attribute(Attribute),
    /// Not a question: makes it known to the server, and leaves what the start-up packet set.
    DeclareAttribute(Attribute),
    /// Whether this transaction has changed the catalog.
    HasChanged,
}

impl OwnStep {
    /// Whether it belongs to a statement of the client's, whose error its error is.
    pub(super) fn is_the_clients(self) -> bool {
        matches!(self, Self::Guard(_) | Self::Rows(Question::HasChanged))
    }
}

#[derive(Debug)]
pub(super) enum Expect {
    Parse {
        undo: Undo,
        /// A `prepare` record's, which has an outcome only where it fails.
        prepare: Option<Ticket>,
    },
    Bind {
        undo: Undo,
    },
    Close {
        undo: Undo,
    },
    /// A Close or Parse by which a prepared statement follows the catalog: `3` or `1`, not the client's.
    Renewed {
        reply: u8,
        undo: Undo,
    },
    Describe(Described),
    Execute(Box<Run>),
    Sync,
    Query(Box<Query>),
    /// A stand-in for a simple query: E, then Z.
    RefusedQuery(Box<Refused>),
    Function(Box<Run>),
    /// A stand-in Parse: E.
    Refused(Box<Refused>),
    Own(OwnStep),
}

/// An empty queue that has had room for more lets go of it: a login's questions would keep 12 KiB with each session.
const KEPT: usize = 8;

/// The queue, with Sync as barrier.
#[derive(Debug, Default)]
pub(super) struct Inflight {
    queue: VecDeque<Expect>,
}

impl Expect {
    fn undos(&mut self) -> &mut [Undo] {
        match self {
            Self::Parse { undo, .. }
            | Self::Bind { undo }
            | Self::Close { undo }
            | Self::Renewed { undo, .. } => std::slice::from_mut(undo),
            Self::Query(query) => &mut query.undo,
            Self::Refused(refused) | Self::RefusedQuery(refused) => &mut refused.undo,
            Self::Describe(_)
            | Self::Execute(_)
            | Self::Sync
            | Self::Function(_)
            | Self::Own(_) => &mut [],
        }
    }
}

impl Inflight {
    pub(super) fn push(&mut self, expect: Expect) {
        self.queue.push_back(expect);
    }

    pub(super) fn head(&mut self) -> Option<&mut Expect> {
        self.queue.front_mut()
    }

    /// The statement that the server answers now.
    pub(super) fn running(&mut self) -> Option<&mut Run> {
        match self.head() {
            Some(Expect::Execute(run)) => Some(run),
            Some(Expect::Query(query)) => query.running.front_mut(),
            _ => None,
        }
    }

    /// The statements of a message that is under way, which are not done.
    pub(super) fn runs_at(&mut self, at: usize) -> impl Iterator<Item = &mut Run> {
        let (one, several) = match self.queue.get_mut(at) {
            Some(Expect::Execute(run)) => (Some(&mut **run), None),
            Some(Expect::Query(query)) => (None, Some(query.running.iter_mut())),
            _ => (None, None),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    pub(super) fn pop(&mut self) -> Option<Expect> {
        let popped = self.queue.pop_front();
        if self.queue.is_empty() && self.queue.capacity() > KEPT {
            self.queue = VecDeque::new();
        }
        popped
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Expect> {
        self.queue.iter()
    }

    /// A message that will not be done is undone: in what the next one that changes the same name would restore, or
    /// where there is none, by the caller.
    pub(super) fn undo(&mut self, undo: Undo) -> Option<Undo> {
        let mut later = self.queue.iter_mut().flat_map(Expect::undos);
        match later.find(|later| later.is_of(&undo)) {
            Some(later) => {
                *later = undo;
                None
            }
            None => Some(undo),
        }
    }

    /// Names of portals whose Bind has not been answered.
    pub(super) fn bound(&self) -> impl Iterator<Item = &Bytes> {
        self.queue.iter().filter_map(|expect| match expect {
            Expect::Bind {
                undo: Undo::Portal(name, _),
            } => Some(name),
            _ => None,
        })
    }

    /// Takes everything up to the next Sync, as the server does after an error; the Sync stays. `true`
    /// where there was none yet.
    pub(super) fn skip_to_sync(&mut self) -> (Vec<Expect>, bool) {
        let barrier = self
            .queue
            .iter()
            .position(|e| matches!(e, Expect::Sync | Expect::Own(OwnStep::Sync)));
        let skipped = self
            .queue
            .drain(..barrier.unwrap_or(self.queue.len()))
            .collect();
        (skipped, barrier.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_queue_keeps_no_room_of_a_long_one() {
        let mut inflight = Inflight::default();
        for _ in 0..32 {
            inflight.push(Expect::Sync);
        }
        while inflight.pop().is_some() {}
        assert!(inflight.queue.capacity() <= KEPT);
    }
}

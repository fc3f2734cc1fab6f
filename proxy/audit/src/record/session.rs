//! Who is connected, rendered once.

use crate::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes kept of a name; the server cuts its own at 63.
const NAME_MAX: usize = 256;

/// A session, shared by all its records.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    /// `,"session":"…"`
    head: String,
    /// `,"backend_pid":…,"user":"…"`
    who: String,
    /// `,"client":"…","app":"…","db":"…"`
    whence: String,
    id: Arc<str>,
    debts: Arc<Debts>,
}

/// Records that a session still owes the log, and for which space is set aside.
#[derive(Debug, Default)]
struct Debts {
    /// Statements whose outcome is still to come.
    outcomes: AtomicU64,
    /// It has begun and not ended.
    end: AtomicBool,
}

/// A session's facts, to make a [`SessionInfo`] of.
#[derive(Clone, Debug, Default)]
pub struct SessionFacts<'a> {
    /// Unique among all sessions of all nodes; at most 64 bytes are kept.
    pub id: &'a str,
    /// PID of the server's backend, known after login.
    pub backend_pid: Option<i32>,
    /// Database user.
    pub user: &'a str,
    /// Client's address.
    pub client: &'a str,
    /// `application_name`
    pub app: &'a str,
    /// Database.
    pub db: &'a str,
}

impl SessionInfo {
    /// Renders the facts.
    pub fn new(facts: &SessionFacts<'_>) -> Self {
        Self::with_debts(facts, Arc::default())
    }

    /// The same session after one of its facts changed (`SET application_name`, a backend PID learnt).
    pub fn changed(&self, facts: &SessionFacts<'_>) -> Self {
        Self::with_debts(facts, Arc::clone(&self.debts))
    }

    fn with_debts(facts: &SessionFacts<'_>, debts: Arc<Debts>) -> Self {
        let id: Arc<str> = json::cut(facts.id, 64).into();
        let mut head = Vec::new();
        json::member(&mut head, "session", &id);
        let mut who = Vec::new();
        if let Some(pid) = facts.backend_pid {
            json::number(&mut who, "backend_pid", u64::from(pid.unsigned_abs()));
        }
        json::member(&mut who, "user", json::cut(facts.user, NAME_MAX));
        let mut whence = Vec::new();
        json::member(&mut whence, "client", json::cut(facts.client, NAME_MAX));
        json::member(&mut whence, "app", json::cut(facts.app, NAME_MAX));
        json::member(&mut whence, "db", json::cut(facts.db, NAME_MAX));
        let text = |v: Vec<u8>| String::from_utf8(v).unwrap_or_default();
        Self {
            head: text(head),
            who: text(who),
            whence: text(whence),
            id,
            debts,
        }
    }

    /// Its id.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    pub(crate) fn head(&self) -> &[u8] {
        self.head.as_bytes()
    }
    pub(crate) fn who(&self) -> &[u8] {
        self.who.as_bytes()
    }
    pub(crate) fn whence(&self) -> &[u8] {
        self.whence.as_bytes()
    }

    /// One more outcome is owed.
    pub(crate) fn owe_outcome(&self) {
        self.debts.outcomes.fetch_add(1, Ordering::Relaxed);
    }

    /// One outcome was written.
    pub(crate) fn pay_outcome(&self) {
        // None was owed: the caller wrote two for one statement; nothing to give back.
        let _ = self
            .debts
            .outcomes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    }

    /// Outcomes owed now.
    pub(crate) fn outcomes_owed(&self) -> u64 {
        self.debts.outcomes.load(Ordering::Relaxed)
    }

    /// Its end is owed from now on.
    pub(crate) fn owe_end(&self) {
        self.debts.end.store(true, Ordering::Relaxed);
    }

    /// Whether its end is owed.
    pub(crate) fn end_owed(&self) -> bool {
        self.debts.end.load(Ordering::Relaxed)
    }

    /// It ended: outcomes that were owed will never come.
    pub(crate) fn pay_all(&self) {
        self.debts.outcomes.store(0, Ordering::Relaxed);
        self.debts.end.store(false, Ordering::Relaxed);
    }
}

//! Who is connected, rendered once.

use crate::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Statements whose outcome is still to come.
    open: Arc<AtomicU64>,
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
        Self::with_open(facts, Arc::default())
    }

    /// The same session after one of its facts changed (`SET application_name`, a backend PID learnt).
    pub fn changed(&self, facts: &SessionFacts<'_>) -> Self {
        Self::with_open(facts, Arc::clone(&self.open))
    }

    fn with_open(facts: &SessionFacts<'_>, open: Arc<AtomicU64>) -> Self {
        let id: Arc<str> = json::cut(facts.id, 64).into();
        let mut head = Vec::new();
        json::member(&mut head, "session", &id);
        let mut who = Vec::new();
        if let Some(pid) = facts.backend_pid {
            json::number(&mut who, "backend_pid", u64::from(pid.unsigned_abs()));
        }
        json::member(&mut who, "user", facts.user);
        let mut whence = Vec::new();
        json::member(&mut whence, "client", facts.client);
        json::member(&mut whence, "app", facts.app);
        json::member(&mut whence, "db", facts.db);
        let text = |v: Vec<u8>| String::from_utf8(v).unwrap_or_default();
        Self {
            head: text(head),
            who: text(who),
            whence: text(whence),
            id,
            open,
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
    pub(crate) fn owe(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// One outcome was written; false if none was owed.
    pub(crate) fn paid(&self) -> bool {
        self.open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
            .is_ok()
    }

    /// How many outcomes will never come; none is owed after.
    pub(crate) fn forgive(&self) -> u64 {
        self.open.swap(0, Ordering::Relaxed)
    }
}

//! Portals and SQL cursors, which are one namespace, and how long each lives
//! (src/backend/utils/mmgr/portalmem.c).
//!
//! ```text
//!   DECLARE, Bind ──► of this transaction, at its depth of savepoints
//!     ROLLBACK TO a savepoint from before ──► gone          RELEASE ──► of the outer savepoint
//!     ROLLBACK, or COMMIT of an aborted block ──► gone      CLOSE, DISCARD ALL ──► gone, and stays gone
//!     COMMIT ──► gone, or WITH HOLD: held until it is closed
//! ```
//!
//! It must never keep a name that the server has given to another portal.

use super::prepared::Portal;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;

/// A portal and what its end depends on.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    portal: Arc<Portal>,
    hold: bool,
    born: Born,
    /// So many statements had run before it.
    after: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Born {
    /// In a transaction that has committed.
    Before,
    /// In this transaction, within so many savepoints.
    Within(usize),
}

/// All of a session.
#[derive(Debug, Default)]
pub(super) struct Portals {
    all: HashMap<Bytes, Entry>,
    /// Savepoints of this transaction, the innermost last.
    savepoints: Vec<Arc<str>>,
    /// The server has sent an error since the last ReadyForQuery.
    failed: bool,
    /// Statements that have run in the session.
    ran: u64,
}

impl Portals {
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Portal>> {
        self.all.get(name).map(|entry| &entry.portal)
    }

    /// Whether it has its rows already, and runs nothing for them.
    pub(super) fn is_held(&self, name: &[u8]) -> bool {
        self.all.get(name).is_some_and(|e| e.born == Born::Before)
    }

    /// A portal of the protocol; what had the name before.
    pub(super) fn bind(&mut self, name: Bytes, portal: Arc<Portal>) -> Option<Entry> {
        self.add(name, portal, false)
    }

    /// A cursor that DECLARE has opened.
    pub(super) fn declare(&mut self, name: Bytes, portal: Arc<Portal>, hold: bool) {
        self.add(name, portal, hold);
    }

    fn add(&mut self, name: Bytes, portal: Arc<Portal>, hold: bool) -> Option<Entry> {
        let entry = Entry {
            portal,
            hold,
            born: Born::Within(self.savepoints.len()),
            after: self.ran,
        };
        self.all.insert(name, entry)
    }

    pub(super) fn close(&mut self, name: &[u8]) -> Option<Entry> {
        self.all.remove(name)
    }

    pub(super) fn close_all(&mut self) {
        self.all.clear();
    }

    /// What they were judged by is no more: they keep their names and give no rows.
    pub(super) fn outdate(&self) {
        let all = self.all.values();
        all.for_each(|entry| entry.portal.prepared.drift());
    }

    /// A statement goes to the server.
    pub(super) fn run(&mut self) {
        self.ran += 1;
    }

    /// Whether no statement but its own has run since the portal was bound.
    pub(super) fn is_just_bound(&self, name: &[u8]) -> bool {
        self.all.get(name).is_some_and(|e| e.after == self.ran)
    }

    /// What has just run was this portal.
    pub(super) fn ran_itself(&mut self, name: &[u8]) {
        if let Some(entry) = self.all.get_mut(name) {
            entry.after = self.ran;
        }
    }

    /// As it was before a message that the server has skipped.
    pub(super) fn restore(&mut self, name: Bytes, before: Option<Entry>) {
        match before {
            Some(entry) => drop(self.all.insert(name, entry)),
            None => drop(self.all.remove(&name)),
        }
    }

    pub(super) fn savepoint(&mut self, name: &Arc<str>) {
        self.savepoints.push(Arc::clone(name));
    }

    /// What was made within it belongs to what is around it.
    pub(super) fn release(&mut self, name: &str) {
        let Some(outer) = self.depth(name) else {
            return;
        };
        self.savepoints.truncate(outer);
        for entry in self.all.values_mut() {
            if let Born::Within(depth) = &mut entry.born {
                *depth = (*depth).min(outer);
            }
        }
    }

    /// What was made within it is gone; the savepoint stays.
    pub(super) fn rollback_to(&mut self, name: &str) {
        let Some(outer) = self.depth(name) else {
            return;
        };
        self.savepoints.truncate(outer + 1);
        self.all.retain(|_, entry| match entry.born {
            Born::Before => true,
            Born::Within(depth) => depth <= outer,
        });
    }

    fn depth(&self, name: &str) -> Option<usize> {
        self.savepoints.iter().rposition(|known| **known == *name)
    }

    /// COMMIT or ROLLBACK has been answered.
    pub(super) fn transaction_over(&mut self, committed: bool) {
        self.savepoints.clear();
        self.all.retain(|_, entry| match entry.born {
            Born::Before => true,
            Born::Within(_) => {
                entry.born = Born::Before;
                committed && entry.hold
            }
        });
    }

    pub(super) fn server_failed(&mut self) {
        self.failed = true;
    }

    /// ReadyForQuery: outside a block whatever was open has ended with it, but for what a later message has `bound`.
    pub(super) fn ready(&mut self, idle: bool, bound: &[Bytes]) {
        let failed = std::mem::take(&mut self.failed);
        if !idle {
            return;
        }
        let of_later = |(name, entry): (&Bytes, &Entry)| {
            let born = Born::Within(0);
            bound.contains(name).then(|| {
                (
                    name.clone(),
                    Entry {
                        born,
                        ..entry.clone()
                    },
                )
            })
        };
        let later: Vec<_> = self.all.iter().filter_map(of_later).collect();
        self.transaction_over(!failed);
        self.all.extend(later);
    }
}

#[cfg(test)]
mod tests {
    use super::super::prepared::{Basis, Judged, Portal, Prepared};
    use super::Portals;
    use bytes::Bytes;
    use std::sync::Arc;

    fn portal() -> Arc<Portal> {
        let judged = Judged {
            parts: Vec::new(),
            text: None,
            map: None,
            guards: None,
            basis: Basis::default(),
        };
        let prepared = Prepared::of(Arc::new(judged), Bytes::new(), Arc::new([]));
        Arc::new(Portal::of(Arc::new(prepared)))
    }

    fn declared(portals: &mut Portals, name: &'static str, hold: bool) {
        portals.declare(Bytes::from(name), portal(), hold);
    }

    fn alive(portals: &Portals) -> String {
        let names = ["a", "b", "c", "d"];
        names
            .iter()
            .filter(|n| portals.get(n.as_bytes()).is_some())
            .copied()
            .collect()
    }

    #[test]
    fn savepoints_take_what_was_made_within_them() {
        let mut portals = Portals::default();
        declared(&mut portals, "a", false);
        portals.savepoint(&Arc::from("s"));
        declared(&mut portals, "b", false);
        portals.savepoint(&Arc::from("t"));
        declared(&mut portals, "c", true);
        portals.release("t");
        assert_eq!(alive(&portals), "abc");
        portals.rollback_to("s");
        assert_eq!(alive(&portals), "a");
        declared(&mut portals, "d", false);
        portals.rollback_to("s");
        portals.rollback_to("nowhere");
        assert_eq!(alive(&portals), "a");
    }

    #[test]
    fn a_held_cursor_outlives_its_transaction_and_no_other() {
        let mut portals = Portals::default();
        declared(&mut portals, "a", true);
        declared(&mut portals, "b", false);
        portals.ready(false, &[]);
        assert_eq!(alive(&portals), "ab");
        assert!(!portals.is_held(b"a"));
        portals.transaction_over(true);
        assert_eq!(alive(&portals), "a");
        assert!(portals.is_held(b"a"));
        declared(&mut portals, "c", true);
        portals.savepoint(&Arc::from("s"));
        portals.rollback_to("s");
        portals.transaction_over(false);
        assert_eq!(alive(&portals), "a");
        declared(&mut portals, "d", true);
        portals.server_failed();
        portals.ready(true, &[]);
        assert_eq!(alive(&portals), "a");
        portals.close(b"a");
        portals.transaction_over(false);
        assert_eq!(alive(&portals), "");
    }
}

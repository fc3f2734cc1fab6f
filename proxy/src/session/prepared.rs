//! What the session's statement and portal names mean: a judged text each.
//!
//! It must never say that a name stands for something else than what the server has under it: entries
//! made by a message that the server skips are undone.

use super::inflight::Undo;
use crate::protect::PositionMap;
use bytes::Bytes;
use hippocrypt_audit::Described;
use hippocrypt_sql::catalog::Names;
use hippocrypt_sql::verdict::{Facts, Output, Plan, Use};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A text that may go on, with everything that is known of it.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) parts: Vec<Arc<Part>>,
    /// What goes upstream; `None`: the client's bytes.
    pub(super) text: Option<String>,
    pub(super) map: Option<PositionMap>,
    /// What it was judged by.
    pub(super) basis: Basis,
}

/// What a verdict depends on.
#[derive(Clone, Debug, Default)]
pub(super) struct Basis {
    pub(super) catalog: u64,
    /// Catalogs read inside a transaction have numbers of their own.
    pub(super) local: u64,
    pub(super) names: Arc<Names>,
}

impl PartialEq for Basis {
    fn eq(&self, other: &Self) -> bool {
        self.catalog == other.catalog
            && self.local == other.local
            && (Arc::ptr_eq(&self.names, &other.names) || self.names == other.names)
    }
}

/// One statement of a judged text.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) facts: Arc<Facts>,
    pub(super) described: Arc<Described>,
    pub(super) plan: Option<Arc<Plan>>,
    /// Its own text, kept for PREPARE only, to be judged again.
    pub(super) text: Option<Bytes>,
}

impl Part {
    /// The outputs that are opened.
    pub(super) fn outputs(&self) -> Option<&[Output]> {
        self.plan.as_ref()?.outputs.as_deref()
    }

    /// Whether errors of the server may quote protected values or cells.
    pub(super) fn touches_protected(&self) -> bool {
        self.plan.is_some() || !self.facts.touches.is_empty()
    }

    /// Whether it only reads, as far as is known: rolling it back changes nothing.
    pub(super) fn only_reads(&self) -> bool {
        self.facts.kind == "SELECT" && self.facts.touches.iter().all(|t| t.usage != Use::Write)
    }
}

/// A prepared statement.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) judged: Arc<Judged>,
    /// The client's text and declared types, to be judged again under another catalog.
    pub(super) query: Bytes,
    pub(super) oids: Arc<[u32]>,
    /// The server's description does not fit the plan.
    pub(super) drifted: AtomicBool,
}

impl Prepared {
    pub(super) fn part(&self) -> Option<&Arc<Part>> {
        self.judged.parts.first()
    }

    pub(super) fn outputs(&self) -> Option<&[Output]> {
        self.part()?.outputs()
    }

    pub(super) fn drift(&self) {
        self.drifted.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_drifted(&self) -> bool {
        self.drifted.load(Ordering::Relaxed)
    }
}

/// A portal.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) prepared: Arc<Prepared>,
    pub(super) client_formats: Arc<[i16]>,
    pub(super) upstream_formats: Arc<[i16]>,
}

/// Both maps.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    pub(super) statements: HashMap<Bytes, Arc<Prepared>>,
    pub(super) portals: HashMap<Bytes, Arc<Portal>>,
}

impl NameTable {
    pub(super) fn set_statement(&mut self, name: Bytes, to: Option<Arc<Prepared>>) -> Undo {
        let before = match to {
            Some(prepared) => self.statements.insert(name.clone(), prepared),
            None => self.statements.remove(&name),
        };
        Undo::Statement(name, before)
    }

    pub(super) fn set_portal(&mut self, name: Bytes, to: Option<Arc<Portal>>) -> Undo {
        let before = match to {
            Some(portal) => self.portals.insert(name.clone(), portal),
            None => self.portals.remove(&name),
        };
        Undo::Portal(name, before)
    }

    pub(super) fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Statement(name, before) => drop(self.set_statement(name, before)),
            Undo::Portal(name, before) => drop(self.set_portal(name, before)),
        }
    }
}

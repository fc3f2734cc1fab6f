//! What the session's statement and portal names mean: a judged text each.
//!
//! It must never say that a name stands for something else than what the server has under it: entries
//! made by a message that the server skips are undone.

use super::asked::Asked;
use super::inflight::Undo;
use super::overtaken::AsOf;
use super::portals::Portals;
use crate::protect::{Asked as AskedFor, PositionMap};
use bytes::Bytes;
use hippocrypt_sql::catalog::Names;
use hippocrypt_sql::standing;
use hippocrypt_sql::verdict::{
    CellOutput, CopyColumn, CopyDirection, CopyPlan, CopyValue, Cursor, Facts, Output, Plan, Use,
};
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
    /// What follows each Execute of it, in the extended protocol: the CHECKs of a table that it makes.
    pub(super) guards: Option<String>,
    /// What it was judged by.
    pub(super) basis: Basis,
}

/// What a verdict depends on.
#[derive(Clone, Debug, Default)]
pub(super) struct Basis {
    pub(super) catalog: u64,
    /// Catalogs read inside a transaction have numbers of their own.
    pub(super) local: u64,
    /// How many policies the session has taken up before.
    pub(super) policies: u64,
    pub(super) names: Arc<Names>,
}

impl Basis {
    /// Of what the policy says of tables: the upper half of the catalog's number (server/regime.rs).
    pub(super) fn edition(&self) -> u64 {
        self.catalog >> 32
    }
}

/// How strings are read is part of none: the server keeps what a text was when it was parsed (plancache.c).
impl PartialEq for Basis {
    fn eq(&self, other: &Self) -> bool {
        self.catalog == other.catalog
            && self.local == other.local
            && self.policies == other.policies
            && (Arc::ptr_eq(&self.names, &other.names) || self.names.reach_the_same(&other.names))
    }
}

/// One statement of a judged text.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) facts: Arc<Facts>,
    pub(super) asked: Asked,
    pub(super) plan: Option<Arc<Plan>>,
    /// PREPARE and DECLARE: what the name that they give is to be judged by again.
    pub(super) gives: Option<Gives>,
    /// The server is asked in its transaction whether it has changed the catalog, which functions may have done.
    pub(super) is_asked_about: bool,
}

/// The text of a PREPARE or DECLARE, and what it was judged by.
#[derive(Clone, Debug, Default)]
pub(super) struct Gives {
    pub(super) text: Bytes,
    pub(super) basis: Basis,
    pub(super) as_of: AsOf,
}

impl Part {
    /// The outputs that are opened.
    pub(super) fn outputs(&self) -> Option<&[Output]> {
        self.plan.as_ref()?.outputs.as_deref()
    }

    /// Whether its answer has cells that are opened.
    pub(super) fn opens(&self) -> bool {
        let copies = |plan: &CopyPlan| plan.direction == CopyDirection::Out;
        self.outputs().is_some() || self.copy().is_some_and(copies)
    }

    /// What becomes of the data of a COPY.
    pub(super) fn copy(&self) -> Option<&CopyPlan> {
        self.plan.as_ref()?.copy.as_deref()
    }

    /// The cells that it opens, by their place in a row.
    pub(super) fn cells(&self) -> impl Iterator<Item = Option<&CellOutput>> {
        let of_output = |output| match output {
            &Output::Clear => None,
            Output::Cell(cell) => Some(cell),
        };
        let of_column = |column| match column {
            &CopyColumn {
                value: CopyValue::Open(ref cell),
                ..
            } => Some(cell),
            _ => None,
        };
        let (outputs, copy) = match self.outputs() {
            Some(outputs) => (outputs, None),
            None => (&[][..], self.copy()),
        };
        let columns = copy.into_iter().flat_map(|copy| &copy.columns);
        let columns = columns.map(of_column);
        outputs.iter().map(of_output).chain(columns)
    }

    /// Whether errors of the server may quote protected values or cells.
    pub(super) fn touches_protected(&self) -> bool {
        self.plan.is_some()
            || !self.facts.touches.is_empty()
            || self.facts.quotes_cells
            || self.is_unseen()
    }

    /// Whether all that can fail in it is a deferred constraint, or what else waits for the end of a transaction.
    pub(super) fn checks_deferred(&self) -> bool {
        let kinds = ["COMMIT", "PREPARE TRANSACTION", "SET CONSTRAINTS"];
        self.plan.is_none() && kinds.contains(&self.facts.kind)
    }

    /// Whether a statement of ours follows it, which the client does not see.
    pub(super) fn is_guarded(&self) -> bool {
        self.is_asked_about || self.plan.as_ref().is_some_and(|p| !p.guards.is_empty())
    }

    /// The same where its verdict is an older one: what changed temporary relations alone may change others.
    pub(super) fn changing_anything(self: &Arc<Self>) -> Arc<Self> {
        if !self.facts.effects.changes_temporary() {
            return Arc::clone(self);
        }
        let mut part = Self::clone(self);
        Arc::make_mut(&mut part.facts).effects.catalog = true;
        Arc::new(part)
    }

    /// Whether it means what a name of the session stands for at the time: EXECUTE, FETCH, MOVE.
    pub(super) fn is_bound(&self) -> bool {
        standing::is_bound(&self.facts)
    }

    /// Whether its name is a cursor's: no text of ours depends on which.
    pub(super) fn is_fetch(&self) -> bool {
        matches!(
            self.facts.effects.cursor,
            Some((Cursor::Fetch | Cursor::Move, _))
        )
    }

    /// Whether it only reads, as far as is known: rolling it back changes nothing.
    pub(super) fn only_reads(&self) -> bool {
        let reads = [
            "SELECT",
            "COPY",
            "FETCH",
            "MOVE",
            "DECLARE CURSOR",
            "CLOSE CURSOR",
        ];
        let kind = match self.facts.kind {
            "EXECUTE" => self.facts.within,
            kind => kind,
        };
        reads.contains(&kind)
            && !self.facts.writes
            && self.facts.touches.iter().all(|t| t.usage != Use::Write)
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
    /// No column of the cursor that its portal reads can be a cell's, where nobody here saw that opened.
    pub(super) plain: AtomicBool,
    /// SQL's PREPARE made it: `query` is that statement, and nothing has described it yet.
    pub(super) by_sql: bool,
}

impl Prepared {
    /// A statement that was parsed by the protocol.
    pub(super) fn of(judged: Arc<Judged>, query: Bytes, oids: Arc<[u32]>) -> Self {
        Self {
            judged,
            query,
            oids,
            drifted: AtomicBool::new(false),
            plain: AtomicBool::new(false),
            by_sql: false,
        }
    }

    /// The same under a later verdict.
    pub(super) fn judged_again(&self, judged: Judged) -> Self {
        Self {
            judged: Arc::new(judged),
            query: self.query.clone(),
            oids: Arc::clone(&self.oids),
            drifted: AtomicBool::new(self.has_drifted()),
            plain: AtomicBool::new(false),
            by_sql: self.by_sql,
        }
    }

    /// Whether it means what a name of the session stands for at the time.
    pub(super) fn is_bound(&self) -> bool {
        self.part().is_some_and(|p| p.is_bound())
    }

    pub(super) fn part(&self) -> Option<&Arc<Part>> {
        self.judged.parts.first()
    }

    pub(super) fn outputs(&self) -> Option<&[Output]> {
        self.part()?.outputs()
    }

    /// Whether it reads a cursor that the session did not see opened.
    pub(super) fn is_unseen(&self) -> bool {
        self.part().is_some_and(|p| p.is_unseen())
    }

    pub(super) fn describe_plain(&self, plain: bool) {
        self.plain.store(plain, Ordering::Relaxed);
    }

    pub(super) fn is_plain(&self) -> bool {
        self.plain.load(Ordering::Relaxed)
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
    /// Whom its parameters name.
    pub(super) asked_for: Option<AskedFor>,
    /// What was known when it was judged.
    pub(super) as_of: AsOf,
    /// DDL has given it another meaning before the server bound it.
    pub(super) overtaken: AtomicBool,
}

impl Portal {
    /// Of a statement whose parameters name nobody.
    pub(super) fn of(prepared: Arc<Prepared>) -> Self {
        Self {
            prepared,
            client_formats: Arc::new([]),
            upstream_formats: Arc::new([]),
            asked_for: None,
            as_of: AsOf::default(),
            overtaken: AtomicBool::new(false),
        }
    }
}

/// Both maps.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    pub(super) statements: HashMap<Bytes, Arc<Prepared>>,
    pub(super) portals: Portals,
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
            Some(portal) => self.portals.bind(name.clone(), portal),
            None => self.portals.close(&name),
        };
        Undo::Portal(name, before)
    }

    /// src/backend/tcop/postgres.c, exec_simple_query: drop_unnamed_stmt, and a new unnamed portal.
    pub(super) fn drop_unnamed(&mut self) -> Vec<Undo> {
        let unnamed = Bytes::new;
        vec![
            self.set_statement(unnamed(), None),
            self.set_portal(unnamed(), None),
        ]
    }

    pub(super) fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Statement(name, before) => drop(self.set_statement(name, before)),
            Undo::Portal(name, before) => self.portals.restore(name, before),
        }
    }
}

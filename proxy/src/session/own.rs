//! Questions of the proxy's own over the session's connection: named messages of the extended protocol.
//!
//! Never a simple query, which would destroy the client's unnamed statement and portal; a Sync only where
//! the client's own pipeline is empty; never a SELECT where the client's next statement could still choose
//! its isolation level (postgres-facts: SHOW takes no snapshot).

use super::inflight::{Expect, OwnStep, Question};
use super::known::{Asking, Need};
use super::machine::{Machine, Phase, Request};
use super::{Fault, fault};
use crate::catalog::{RACES, SNAPSHOT, lost_a_race};
use hippocrypt_sql::verdict::Attribute;
use hippocrypt_wire::backend::{DataRow, TransactionStatus};
use hippocrypt_wire::frontend::Target;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorFields, ErrorReport, Frame, Severity};

/// The name of the statement and the portal.
const NAME: &[u8] = b"_hc_own";

const TEMPORARY: &str = "SELECT c.relname FROM pg_catalog.pg_class c \
    WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()";

/// Behind a statement that calls functions which the policy trusts, in its transaction: whether it has written to the
/// catalogs that a reading reads. The server counts that, together with what it has not reported of transactions before;
/// DDL that was undone counts, too (src/backend/utils/activity/pgstat_relation.c, `pgstat_count_heap_insert`).
pub(super) const HAS_CHANGED: &str = "SELECT pg_catalog.current_setting('track_counts') OPERATOR(pg_catalog.<>) 'on' \
    OR EXISTS (SELECT FROM pg_catalog.unnest('{pg_class,pg_attribute,pg_attrdef,pg_constraint,pg_depend,pg_index,pg_inherits,\
    pg_namespace,pg_policy,pg_proc,pg_rewrite,pg_trigger,pg_type,pg_aggregate,pg_operator,pg_opclass,pg_opfamily,pg_amop,\
    pg_amproc,pg_cast,pg_collation,pg_enum,pg_range,pg_language,pg_extension,pg_event_trigger,pg_partitioned_table}'\
    ::pg_catalog.regclass[]) AS c WHERE pg_catalog.pg_stat_get_xact_tuples_inserted(c) OPERATOR(pg_catalog.+) \
    pg_catalog.pg_stat_get_xact_tuples_updated(c) OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_xact_tuples_deleted(c) \
    OPERATOR(pg_catalog.>) 0)";

/// Around a reading of the catalog inside the client's block: what fails it undoes nothing of the client's, and it waits
/// for a lock for less than `deadlock_timeout` (1 s), so that it is never the reason why the server breaks a transaction.
const BEFORE: [&str; 2] = ["SAVEPOINT _hc_own", "SET LOCAL lock_timeout TO '400ms'"];
const AFTER: [&str; 2] = ["ROLLBACK TO SAVEPOINT _hc_own", "RELEASE SAVEPOINT _hc_own"];

impl Question {
    fn text(self) -> &'static str {
        match self {
            Self::SearchPath => "SHOW search_path",
            Self::Role => "SHOW role",
            Self::Strings => "SHOW standard_conforming_strings",
            Self::Format(show) => show,
            Self::Declare => "SET hippocrypt.catalog TO declared",
            Self::Catalog => "SHOW hippocrypt.catalog",
            Self::Temporary => TEMPORARY,
            Self::Snapshot => SNAPSHOT,
            Self::Attribute(Attribute::User) => "SHOW hippocrypt.\"user\"",
            Self::Attribute(Attribute::Reason) => "SHOW hippocrypt.reason",
            Self::Attribute(Attribute::Token) => "SHOW hippocrypt.token",
            Self::HasChanged => HAS_CHANGED,
            Self::DeclareAttribute(Attribute::User) => "RESET hippocrypt.\"user\"",
            Self::DeclareAttribute(Attribute::Reason) => "RESET hippocrypt.reason",
            Self::DeclareAttribute(Attribute::Token) => "RESET hippocrypt.token",
        }
    }
}

impl Machine {
    /// Whether what a frame's verdict depends on is known; asks for it where not.
    pub(super) fn admits_by_knowledge(&mut self, frame: &Frame) -> Result<bool, Fault> {
        if !matches!(frame.tag(), b'Q' | b'P' | b'B' | b'E' | b'F') {
            return Ok(true);
        }
        if self.status == TransactionStatus::Failed {
            // nothing runs before the block ends, and its end makes us ask
            return Ok(true);
        }
        if frame.tag() == b'E' {
            return self.admits_attributes();
        }
        let in_transaction = self.unsynced || self.status != TransactionStatus::Idle;
        match self.known.need(in_transaction) {
            Need::Nothing => Ok(true),
            _ if !self.inflight.is_empty() => self.wait(),
            Need::Ask(questions) => self.ask(&questions).map(|()| false),
            Need::Refresh => {
                self.known.ask(Asking::Driver);
                self.request.push_back(Request::RefreshCatalog);
                Ok(false)
            }
        }
    }

    pub(super) fn ask(&mut self, questions: &[Question]) -> Result<(), Fault> {
        // in a pipeline of the client's, nothing says whether it is in a block, where alone there are savepoints
        self.own_savepoint = questions.contains(&Question::Snapshot) && !self.unsynced;
        if self.own_savepoint {
            self.run_own(&BEFORE)?;
        }
        for &question in questions {
            self.send_own(question.text(), OwnStep::Ack, OwnStep::Rows(question))?;
            self.known.begin(question);
        }
        if self.own_savepoint {
            self.run_own(&AFTER)?;
        }
        if self.unsynced {
            Writer::new(&mut self.to_server).bare(b'H')?;
        } else {
            self.sync_own()?;
        }
        self.known.ask(Asking::Server);
        Ok(())
    }

    /// Statements of ours whose answers say nothing.
    fn run_own(&mut self, texts: &[&str]) -> Result<(), Fault> {
        texts
            .iter()
            .try_for_each(|text| self.send_own(text, OwnStep::Ack, OwnStep::Ack(b'C')))
    }

    fn sync_own(&mut self) -> Result<(), Fault> {
        Writer::new(&mut self.to_server).bare(b'S')?;
        self.inflight.push(Expect::Own(OwnStep::Sync));
        Ok(())
    }

    /// What follows an Execute in its Sync group: the CHECKs of the table that it makes.
    pub(super) fn send_guards(&mut self, text: &str) -> Result<(), Fault> {
        self.send_own(text, OwnStep::Guard, OwnStep::Guard(b'C'))
    }

    /// What follows an Execute whose functions may have changed the catalog.
    pub(super) fn ask_whether_changed(&mut self) -> Result<(), Fault> {
        let asks = OwnStep::Rows(Question::HasChanged);
        self.send_own(HAS_CHANGED, OwnStep::Guard, asks)
    }

    /// A statement of ours, from Parse to its end; `runs` is what its Execute is answered with.
    fn send_own(
        &mut self,
        text: &str,
        acknowledged: fn(u8) -> OwnStep,
        runs: OwnStep,
    ) -> Result<(), Fault> {
        let mut out = Writer::new(&mut self.to_server);
        // one that failed in a transaction block left its statement
        out.close_named(Target::Statement, NAME)?;
        out.parse(NAME, text.as_bytes(), std::iter::empty())?;
        out.bind(NAME, NAME, std::iter::empty(), std::iter::empty())?;
        out.execute(NAME, 0)?;
        out.close_named(Target::Portal, NAME)?;
        out.close_named(Target::Statement, NAME)?;
        let [closed, parsed, bound] = [b'3', b'1', b'2'].map(acknowledged);
        for step in [closed, parsed, bound, runs, closed, closed] {
            self.inflight.push(Expect::Own(step));
        }
        Ok(())
    }

    /// Nothing is in flight: if we had asked, we know. Login ends here.
    pub(super) fn answered(&mut self) {
        if self.known.is_asking() {
            self.known.answered();
        }
        if self.phase == Phase::Asking && !self.known.is_asking() {
            self.phase = Phase::Serving;
            if let Some(ready) = self.held_ready.take() {
                self.pass(&ready);
            }
        }
    }

    /// A reply to a message of ours.
    pub(super) fn own_reply(&mut self, step: OwnStep, frame: &Frame) -> Result<(), Fault> {
        match (step, frame.tag()) {
            (OwnStep::Ack(expected) | OwnStep::Guard(expected), tag) if expected == tag => {
                drop(self.inflight.pop());
            }
            (OwnStep::Rows(question), b'D') => self.own_row(question, frame)?,
            (OwnStep::Rows(question), b'C') => {
                if let Some(protected) = &self.protected {
                    self.known.complete(question, protected);
                }
                self.races = 0;
                self.inflight.pop();
            }
            (OwnStep::Sync, b'Z') => {
                self.status = TransactionStatus::of(frame)?;
                self.inflight.pop();
            }
            (_, tag) => return Err(Fault::Server(tag.into())),
        }
        Ok(())
    }

    /// The answer to our question behind a statement of a simple query.
    pub(super) fn has_changed(&mut self, frame: &Frame) -> Result<(), Fault> {
        match frame.tag() {
            b'D' => self.own_row(Question::HasChanged, frame),
            _ => Ok(()),
        }
    }

    fn own_row(&mut self, question: Question, frame: &Frame) -> Result<(), Fault> {
        let row = DataRow::of(frame)?;
        let fields: Option<Vec<Option<&str>>> = row
            .values
            .iter()
            .map(|v| v.map(std::str::from_utf8).transpose().ok())
            .collect();
        if let (Question::Format(show), Some([Some(value)])) = (question, fields.as_deref()) {
            let name = show.strip_prefix("SHOW ").unwrap_or(show);
            self.settings.on_shown(name, value);
            if name == "TimeZone" {
                self.compare_zone(value);
            }
        }
        match fields {
            Some(fields) if self.known.answer(question, &fields) => Ok(()),
            _ => Err(Self::fatal(
                "XX000",
                "the database's catalog could not be understood",
            )),
        }
    }

    /// The server refused a question in a Sync group of its own: the statement that waits gets its error.
    pub(super) fn own_error(&mut self, frame: &Frame) -> Result<(), Fault> {
        let fields = ErrorFields::of(frame)?;
        let message = fields.get(b'M').unwrap_or_default();
        let report = ErrorReport::new(
            Severity::Error,
            fields.sqlstate(),
            String::from_utf8_lossy(message),
        );
        if self.phase == Phase::Asking {
            let report = ErrorReport {
                severity: Severity::Fatal,
                ..report
            };
            return Err(Fault::Fatal(Box::new(report)));
        }
        let (_skipped, _no_sync) = self.inflight.skip_to_sync();
        let again = self.own_savepoint && lost_a_race(&report.sqlstate) && self.races < RACES;
        if std::mem::take(&mut self.own_savepoint) {
            // what failed has left its portal, too
            Writer::new(&mut self.to_server).close_named(Target::Portal, NAME)?;
            self.inflight.push(Expect::Own(OwnStep::Ack(b'3')));
            self.run_own(&AFTER)?;
            self.sync_own()?;
        }
        match again {
            // what waits for the catalog asks for it once the block is as it was
            true => self.races += 1,
            false => {
                self.races = 0;
                self.own_failure = Some(report);
            }
        }
        Ok(())
    }
}

/// A reading in the client's pipeline that met an object on its way out: its transaction is undone, whichever it is.
pub(super) fn raced() -> ErrorReport {
    ErrorReport::new(
        Severity::Error,
        "40001",
        "the database's catalog changed while it was read",
    )
    .hint("Try the transaction again.")
}

/// The server's description of a statement does not fit its plan.
pub(super) fn drift(drift: &crate::protect::Drift) -> ErrorReport {
    ErrorReport::new(
        Severity::Error,
        "0A000",
        "cached plan must not change result type",
    )
    .detail(drift.to_string())
    .hint("The table was changed: prepare the statement again. See docs/errors.md#0a000.")
}

/// A prepared statement that would be judged otherwise today.
pub(super) fn outdated() -> ErrorReport {
    ErrorReport::new(
        Severity::Error,
        "0A000",
        "cached plan must not change result type",
    )
    .detail("Tables, search path or policy have changed since the statement was prepared.")
    .hint("Prepare the statement again.")
}

/// Another session has changed what a statement names between its verdict and its run.
pub(super) fn overtaken() -> ErrorReport {
    ErrorReport::new(
        Severity::Error,
        "40001",
        "the schema was changed by another session while this statement was on its way",
    )
    .hint("Run it again.")
}

/// The same where the connection cannot go on.
pub(super) fn fatally_overtaken() -> ErrorReport {
    ErrorReport {
        severity: Severity::Fatal,
        ..overtaken()
    }
}

/// A name that is ours.
pub(super) fn reserved() -> ErrorReport {
    ErrorReport::new(
        Severity::Error,
        "42602",
        "names of statements and portals that begin with \"_hc_\" are reserved",
    )
}

/// A row that is not shown because the statement's description had not fitted.
pub(super) fn open_fault(error: &crate::protect::OpenFault) -> ErrorReport {
    fault::open(error)
}

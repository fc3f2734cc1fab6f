//! The session's records: who, which statement, what came of it.
//!
//! It must never be given a constant or a parameter of a client; only texts that `sql` has normalised.

use super::attribution::Attributed;
use super::inflight::{Run, Ticket};
use super::subjects::state_of;
use hippocrypt_audit::{
    AppendError, Body, Decision, Described, Intent, OnDisk, Opened, Outcome, SessionFacts,
    SessionInfo, Sink, SqlState, Statement, Subjects,
};
use hippocrypt_policy::Database;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Subjects of a statement that are told apart unless told otherwise.
pub const SUBJECTS_MAX: usize = 10_000;

/// Who is connected, from where, to what.
#[derive(Clone, Debug, Default)]
pub struct Who {
    /// Unique among all sessions of all nodes.
    pub session: String,
    /// Database user.
    pub user: String,
    /// Client's address.
    pub client: String,
    /// `application_name`
    pub app: String,
    /// Database.
    pub database: String,
    /// How the user proved who it is.
    pub auth: String,
    /// TLS version and cipher of the client's leg.
    pub tls: Option<String>,
}

impl Who {
    fn facts(&self, backend_pid: Option<i32>) -> SessionFacts<'_> {
        SessionFacts {
            id: &self.session,
            backend_pid,
            user: &self.user,
            client: &self.client,
            app: &self.app,
            db: &self.database,
        }
    }
}

/// Writes the records of one session.
pub struct Recorder {
    sink: Arc<dyn Sink>,
    who: Who,
    info: Arc<SessionInfo>,
    backend_pid: Option<i32>,
    rule: Option<Arc<str>>,
    policy: Option<Arc<str>>,
    statements: u64,
    begun: Option<Instant>,
    /// The newest record of what goes upstream, until it is asked for.
    newest: Option<u64>,
    /// How many subjects of a statement are told apart.
    subjects_max: usize,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("statements", &self.statements)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// For this session. `rule` and `policy` are those of `Rights` and the policy in force, where the
    /// policy names the database.
    pub fn new(
        sink: Arc<dyn Sink>,
        who: Who,
        rule: Option<Arc<str>>,
        policy: Option<Arc<str>>,
    ) -> Self {
        let info = Arc::new(SessionInfo::new(&who.facts(None)));
        Self {
            sink,
            who,
            info,
            backend_pid: None,
            rule,
            policy,
            statements: 0,
            begun: None,
            newest: None,
            subjects_max: SUBJECTS_MAX,
        }
    }

    /// With another limit to the subjects of a statement; 0 for none at all.
    #[must_use]
    pub fn with_subjects_max(self, subjects_max: usize) -> Self {
        Self {
            subjects_max,
            ..self
        }
    }

    /// How many subjects of a statement are told apart.
    pub(super) fn subjects_max(&self) -> usize {
        self.subjects_max
    }

    /// Subjects that the outcome has no room for.
    pub(super) fn subjects(&self, run: &mut Run) -> Result<(), AppendError> {
        let (Some(whose), Some(ticket)) = (&mut run.whose, run.ticket) else {
            return Ok(());
        };
        while whose.is_waiting() {
            self.append(Body::Subjects(Subjects {
                session: Arc::clone(&self.info),
                stmt: ticket.stmt,
                subjects: whose.take_waiting(),
            }))?;
        }
        Ok(())
    }

    /// Another policy is in force.
    pub(super) fn renew(&mut self, rule: Arc<str>, policy: Arc<str>) {
        self.rule = Some(rule);
        self.policy = Some(policy);
    }

    /// The login has succeeded.
    pub(super) fn session_start(
        &mut self,
        backend_pid: Option<u32>,
        now: Instant,
    ) -> Result<(), AppendError> {
        self.backend_pid = backend_pid.and_then(|pid| i32::try_from(pid).ok());
        self.info = Arc::new(self.info.changed(&self.who.facts(self.backend_pid)));
        self.append(Body::SessionStart {
            session: Arc::clone(&self.info),
            auth: self.who.auth.as_str().into(),
            tls: self.who.tls.as_deref().map(Arc::from),
        })?;
        self.begun = Some(now);
        Ok(())
    }

    /// The session has ended; nothing where it had not begun.
    pub fn session_end(&mut self, reason: &str, now: Instant) -> Result<(), AppendError> {
        let Some(begun) = self.begun.take() else {
            return Ok(());
        };
        self.append(Body::SessionEnd {
            session: Arc::clone(&self.info),
            reason: reason.into(),
            statements: self.statements,
            duration: now.saturating_duration_since(begun),
        })
    }

    /// A login that did not succeed.
    pub fn auth_failure(&self, sqlstate: &str, reason: &str) -> Result<(), AppendError> {
        self.append(Body::AuthFailure {
            session: Arc::clone(&self.info),
            sqlstate: SqlState::new(sqlstate),
            reason: reason.into(),
        })
    }

    /// Whether the session's start is on record.
    pub fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// `application_name` as the server reports it.
    pub(super) fn set_application(&mut self, app: &str) {
        if self.who.app != app {
            app.clone_into(&mut self.who.app);
            self.info = Arc::new(self.info.changed(&self.who.facts(self.backend_pid)));
        }
    }

    /// The same, as it is.
    pub(super) fn application(&self) -> &str {
        &self.who.app
    }

    /// A statement goes on: its record, which must be there first.
    pub(super) fn statement(
        &mut self,
        described: &Arc<Described>,
        told: Attributed,
        now: Instant,
    ) -> Result<Ticket, AppendError> {
        let record = self.record(described, told, Decision::Forwarded);
        self.append_intent(Body::Statement(record))?;
        Ok(self.ticket(now))
    }

    /// A Parse that came on its own goes on.
    pub(super) fn prepare(
        &mut self,
        described: &Arc<Described>,
        told: Attributed,
        now: Instant,
    ) -> Result<Ticket, AppendError> {
        let record = self.record(described, told, Decision::Forwarded);
        self.append_intent(Body::Prepare(record))?;
        Ok(self.ticket(now))
    }

    /// A statement is refused. Where the log takes nothing, it is refused all the same.
    pub(super) fn refused(
        &mut self,
        described: &Arc<Described>,
        told: Attributed,
        sqlstate: &str,
    ) -> Result<(), AppendError> {
        let decision = Decision::Refused(SqlState::new(sqlstate));
        let record = self.record(described, told, decision);
        self.append(Body::Statement(record))?;
        self.statements += 1;
        Ok(())
    }

    /// How a statement ended.
    pub(super) fn outcome(
        &self,
        run: &mut Run,
        sqlstate: Option<&str>,
        policy: Option<&Database>,
        now: Instant,
    ) -> Result<(), AppendError> {
        if self.subjects(run).is_err()
            && let Some(whose) = &mut run.whose
        {
            whose.lose_waiting();
        }
        let Some(ticket) = run.ticket.take() else {
            return Ok(());
        };
        let whose = run.whose.as_mut().map(|whose| whose.finish());
        let (subjects, state) = whose.map_or_else(
            || (Vec::new(), state_of(run.part.as_deref(), policy)),
            |(subjects, state)| (subjects, Some(state)),
        );
        self.append(Body::Outcome(Outcome {
            session: Arc::clone(&self.info),
            stmt: ticket.stmt,
            of: Intent::Statement,
            rows: run.rows,
            bytes: run.bytes,
            duration: elapsed(ticket, now),
            sqlstate: sqlstate.map(SqlState::new),
            opened: opened(run, policy),
            subjects,
            subjects_state: state,
        }))
    }

    /// A `prepare` has failed.
    pub(super) fn prepare_failed(
        &self,
        ticket: Ticket,
        sqlstate: &str,
        now: Instant,
    ) -> Result<(), AppendError> {
        self.append(Body::Outcome(Outcome {
            session: Arc::clone(&self.info),
            stmt: ticket.stmt,
            of: Intent::Prepare,
            rows: 0,
            bytes: 0,
            duration: elapsed(ticket, now),
            sqlstate: Some(SqlState::new(sqlstate)),
            opened: Vec::new(),
            subjects: Vec::new(),
            subjects_state: None,
        }))
    }

    fn ticket(&mut self, now: Instant) -> Ticket {
        self.statements += 1;
        Ticket {
            stmt: self.statements,
            started: now,
        }
    }

    fn record(
        &self,
        described: &Arc<Described>,
        told: Attributed,
        decision: Decision,
    ) -> Statement {
        Statement {
            session: Arc::clone(&self.info),
            stmt: self.statements + 1,
            described: Arc::clone(described),
            end_user: told.end_user,
            decision,
            rule: self.rule.clone(),
            policy: self.policy.clone(),
            reason: told.reason,
        }
    }

    /// When the newest record of what goes upstream is on disk, if that has to be waited for and was not asked before.
    pub(super) fn on_disk(&mut self) -> Option<OnDisk> {
        self.newest.take().and_then(|seq| self.sink.on_disk(seq))
    }

    fn append_intent(&mut self, body: Body) -> Result<(), AppendError> {
        self.newest = Some(self.sink.append(&body.into())?);
        Ok(())
    }

    fn append(&self, body: Body) -> Result<(), AppendError> {
        self.sink.append(&body.into()).map(|_| ())
    }
}

fn elapsed(ticket: Ticket, now: Instant) -> Duration {
    now.saturating_duration_since(ticket.started)
}

fn opened(run: &Run, policy: Option<&Database>) -> Vec<Opened> {
    let (Some(part), Some(policy)) = (&run.part, policy) else {
        return Vec::new();
    };
    let mut list: Vec<Opened> = Vec::new();
    for (cell, &cells) in part.cells().zip(&run.opened) {
        let column = cell.and_then(|cell| policy.column(*cell.columns.first()?));
        let Some(column) = column.filter(|_| cells > 0) else {
            continue;
        };
        match list.iter_mut().find(|o| o.column == column.text) {
            Some(entry) => entry.cells += cells,
            None => list.push(Opened {
                column: Arc::clone(&column.text),
                cells,
            }),
        }
    }
    list
}

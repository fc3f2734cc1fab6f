//! The session as a pure machine: frames in, bytes for either side out, requests to whoever drives it.
//!
//! ```text
//!   Login ──first Z, held──► Asking ──own questions answered, Z passed──► Serving ──Fault──► (driver closes)
//!     └──────── database without policy: Z passed ─────────────────────────┘
//! ```
//!
//! Client frames wait in an inbox until nothing they depend on is outstanding. A statement's bytes are
//! appended to `to_server` only after its record was taken. It must never await, read a clock or a file.

use super::attribution::Tracked;
use super::inflight::{Inflight, Ticket};
use super::known::Known;
use super::overtaken::Overtaking;
use super::prepared::{NameTable, Prepared};
use super::records::Recorder;
use super::{Fault, fault};
use crate::attribution::Attribution;
use crate::catalog::Fence;
use crate::protect::{Settings, Vault, Zones};
use bytes::{Bytes, BytesMut};
use hippocrypt_policy::{Database, Rights};
use hippocrypt_sql::Analyser;
use hippocrypt_wire::backend::TransactionStatus;
use hippocrypt_wire::startup::CancelKey;
use hippocrypt_wire::{ErrorReport, Frame, Severity};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// Names of statements and portals that are the proxy's own.
pub(super) const RESERVED: &[u8] = b"_hc_";
/// A stand-in that PostgreSQL must refuse: 42P02, or 25P02 in an aborted block.
pub(super) const STAND_IN: &[u8] = b"SELECT $0";
/// A stand-in for a text that does not parse: 42601 in any block.
pub(super) const UNPARSABLE: &[u8] = b"SELECT FROM FROM";
/// The name under which stand-ins for Bind and Execute are parsed.
pub(super) const REFUSED_NAME: &[u8] = b"_hc_refused";

/// Where the newest analyser of a database is.
pub trait Worlds: Send + Sync {
    /// The newest one.
    fn current(&self) -> Arc<Analyser>;
    /// DDL that it may not have yet.
    fn fence(&self) -> &Arc<Fence>;
}

/// What a policy database brings.
#[derive(Clone)]
pub struct Protected {
    /// Catalog and policy.
    pub worlds: Arc<dyn Worlds>,
    /// The database's policy.
    pub database: Arc<Database>,
    /// Its keys.
    pub vault: Arc<Vault>,
    /// What the user may do.
    pub rights: Arc<Rights>,
    /// The server's time zones.
    pub zones: Arc<Zones>,
    /// Some table of the policy wants more told ([`Database::requires`]): asked with every statement.
    pub tables_require: bool,
}

/// What a session is given.
pub struct Env {
    /// `None`: the policy does not name the database.
    pub protected: Option<Protected>,
    /// Writes the records.
    pub recorder: Recorder,
    /// Where they have end user and reason from.
    pub attribution: Arc<Attribution>,
    /// What time it is.
    pub clock: Clock,
    /// The secret that the client is given in BackendKeyData.
    pub cancel_secret: Bytes,
}

/// What time it was at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    at: Instant,
    unix: f64,
}

impl Clock {
    /// By the system's clock.
    pub fn now() -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            at: Instant::now(),
            unix: unix.map_or(0.0, |since| since.as_secs_f64()),
        }
    }

    /// Seconds since 1970 at another moment.
    pub(super) fn at(&self, now: Instant) -> f64 {
        self.unix + now.saturating_duration_since(self.at).as_secs_f64()
    }
}

/// What the machine asks of its driver.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Read the catalog anew, then call [`Machine::on_catalog`].
    RefreshCatalog,
    /// Compare the server's rules of this time zone with ours, then call [`Machine::on_zone`]. Until then no
    /// frame of the server's is to be given to the machine.
    CompareZone(Box<str>),
    /// The client was told the pid of `real` with our own secret: cancel requests for it mean `real`.
    Register(CancelKey),
}

/// What was counted since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Statements forwarded as they came.
    pub untouched: u64,
    /// Statements forwarded with edits, sealed parameters or opened outputs.
    pub planned: u64,
    /// Statements refused.
    pub refused: u64,
    /// Cells opened.
    pub opened: u64,
    /// Cells that did not open.
    pub rejected: u64,
    /// Records refused by the log.
    pub audit_failures: u64,
}

/// Where a session waits for its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Outside a transaction block.
    Idle,
    /// In one.
    InTransaction,
}

/// Where the session stands; the diagram is above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Login,
    Asking,
    Serving,
}

/// One session.
pub struct Machine {
    /// For the client.
    pub to_client: BytesMut,
    /// For the server.
    pub to_server: BytesMut,
    pub(super) protected: Option<Protected>,
    pub(super) recorder: Recorder,
    pub(super) attribution: Arc<Attribution>,
    pub(super) clock: Clock,
    /// Seconds since 1970, when the client was last heard.
    pub(super) unix: f64,
    pub(super) cancel_secret: Bytes,
    pub(super) inbox: VecDeque<Frame>,
    pub(super) inflight: Inflight,
    pub(super) names: NameTable,
    pub(super) known: Known,
    pub(super) settings: Settings,
    /// The session's time zone, while it is compared with the server's.
    pub(super) comparing: Option<Box<str>>,
    pub(super) phase: Phase,
    pub(super) status: TransactionStatus,
    /// Messages of the extended protocol went upstream since the last Sync or Query.
    pub(super) unsynced: bool,
    /// The server ignores, or we swallow, everything up to the client's next Sync.
    pub(super) skipping: bool,
    /// What was forwarded last changes what later messages mean: they wait until it is answered.
    pub(super) barrier: bool,
    /// A Flush was sent for what is outstanding now.
    pub(super) flushed: bool,
    /// The server waits for copy data of the client.
    pub(super) copy_in: bool,
    /// A COPY was forwarded and is not yet answered: whether copy data follows is the server's word.
    pub(super) copying: bool,
    /// The data of that COPY is sealed by this.
    pub(super) sealing: Option<Box<crate::protect::CopyIn>>,
    /// A COPY was ended with CopyFail: what the client is told in place of the server's error.
    pub(super) copy_failure: Option<ErrorReport>,
    /// DDL of other sessions that may overtake what is under way, and the session's own.
    pub(super) overtaking: Overtaking,
    /// A row could not be shown: nothing more of this Sync group reaches the client (late.rs).
    pub(super) late: Option<super::late::Late>,
    /// The record that a Parse shares with the Execute behind it.
    pub(super) credit: Option<(Arc<Prepared>, Ticket)>,
    /// A prepared statement that another names is being judged again.
    pub(super) renewing: bool,
    /// The server refused a question of ours: the statement that waited for it gets this error.
    pub(super) own_failure: Option<ErrorReport>,
    /// A savepoint of ours stands around the questions that are out.
    pub(super) own_savepoint: bool,
    /// So often in a row an object went while the session read the catalog.
    pub(super) races: usize,
    pub(super) request: VecDeque<Request>,
    pub(super) backend_pid: Option<u32>,
    /// The ReadyForQuery that login or DDL ends with, held while we ask.
    pub(super) held_ready: Option<Frame>,
    /// The login failed behind AuthenticationOk, and is on record.
    pub(super) login_refused: bool,
    /// Something that may write went upstream since the last ReadyForQuery.
    pub(super) group_wrote: bool,
    /// Where in `to_client` the rows begin whose subjects are not on record yet.
    pub(super) unrecorded: Option<usize>,
    pub(super) tally: Tally,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("phase", &self.phase)
            .field("status", &self.status)
            .field("inbox", &self.inbox.len())
            .field("skipping", &self.skipping)
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// A session whose client has just been told AuthenticationOk.
    pub fn new(env: Env) -> Self {
        let zones = env.protected.as_ref().map(|p| Arc::clone(&p.zones));
        Self {
            settings: Settings::with(zones.unwrap_or_default()),
            comparing: None,
            to_client: BytesMut::new(),
            to_server: BytesMut::new(),
            known: Known::new(env.protected.as_ref(), Tracked::new(&env.attribution.rules)),
            protected: env.protected,
            recorder: env.recorder,
            attribution: env.attribution,
            unix: env.clock.unix,
            clock: env.clock,
            cancel_secret: env.cancel_secret,
            inbox: VecDeque::new(),
            inflight: Inflight::default(),
            names: NameTable::default(),
            phase: Phase::Login,
            status: TransactionStatus::Idle,
            unsynced: false,
            skipping: false,
            barrier: false,
            flushed: false,
            copy_in: false,
            copying: false,
            sealing: None,
            copy_failure: None,
            overtaking: Overtaking::default(),
            late: None,
            credit: None,
            renewing: false,
            own_failure: None,
            own_savepoint: false,
            races: 0,
            request: VecDeque::new(),
            backend_pid: None,
            held_ready: None,
            login_refused: false,
            group_wrote: false,
            unrecorded: None,
            tally: Tally::default(),
        }
    }

    /// Takes a client's message and does what can be done now.
    pub fn on_client(&mut self, frame: Frame, now: Instant) -> Result<(), Fault> {
        self.push_client(frame);
        self.advance(now)
    }

    /// Takes a client's message without acting on it: messages that arrived together are pushed
    /// together, so that Parse, Bind and Execute can share a record.
    pub fn push_client(&mut self, frame: Frame) {
        self.inbox.push_back(frame);
    }

    /// Acts on the messages that wait, as far as nothing they depend on is outstanding.
    pub fn advance(&mut self, now: Instant) -> Result<(), Fault> {
        self.unix = self.clock.at(now);
        self.begin_judging();
        while let Some(frame) = self.inbox.pop_front() {
            if !self.admits(&frame)? {
                self.inbox.push_front(frame);
                return Ok(());
            }
            self.client_frame(&frame, now)?;
        }
        Ok(())
    }

    /// Takes a server's message.
    pub fn on_server(&mut self, frame: &Frame, now: Instant) -> Result<(), Fault> {
        self.server_frame(frame, now)?;
        if self.inflight.is_empty() {
            self.barrier = false;
            self.copying = false;
            self.flushed = false;
            self.answered();
        }
        Ok(())
    }

    /// The answer to [`Request::RefreshCatalog`]. Where it could not be read, what needs it is refused.
    pub fn on_catalog(&mut self, refreshed: Result<(), String>, now: Instant) -> Result<(), Fault> {
        if self.is_checking() {
            self.judge_overtaken(refreshed.is_ok());
            return self.advance(now);
        }
        self.known.on_refreshed(refreshed.is_ok());
        self.settle_own();
        if let Some(ready) = self.held_ready.take_if(|_| self.phase == Phase::Serving) {
            self.pass_ready(&ready);
        }
        if let Err(why) = refreshed {
            self.own_failure = Some(
                ErrorReport::new(
                    Severity::Error,
                    "58000",
                    "the proxy could not read the database's catalog",
                )
                .detail(why)
                .hint("Try again; the proxy's log says more."),
            );
        }
        self.advance(now)
    }

    /// The answer to [`Request::CompareZone`]: the zone is in [`Zones`], or could not be compared.
    pub fn on_zone(&mut self, now: Instant) -> Result<(), Fault> {
        if let Some(name) = self.comparing.take() {
            self.settings.on_shown("TimeZone", &name);
        }
        self.advance(now)
    }

    /// Whether the server's frames have to wait: their values depend on a zone that is being compared, or what they
    /// answer may mean something else by a catalog that is being read.
    pub fn is_holding(&self) -> bool {
        self.comparing.is_some() || self.is_checking()
    }

    /// Whether values have waited for time zones that nobody compares yet.
    pub fn wants_zones(&self) -> bool {
        let protected = self.protected.as_ref();
        protected.is_some_and(|p| p.zones.has_wanted())
    }

    /// Whether more of the client should be read: nothing waits.
    pub fn wants_client(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Whether nothing runs and the session is outside a transaction block.
    pub fn is_quiet(&self) -> bool {
        self.phase == Phase::Serving
            && self.inflight.is_empty()
            && self.inbox.is_empty()
            && !self.unsynced
    }

    /// Whether the session is outside a transaction block.
    pub fn is_idle(&self) -> bool {
        self.is_quiet() && self.status == TransactionStatus::Idle
    }

    /// Whether the client is the one to act, and where.
    pub fn rest(&self) -> Option<Rest> {
        self.is_quiet().then_some(match self.status {
            TransactionStatus::Idle => Rest::Idle,
            TransactionStatus::InBlock | TransactionStatus::Failed => Rest::InTransaction,
        })
    }

    /// What the driver is to do.
    pub fn take_request(&mut self) -> Option<Request> {
        self.request.pop_front()
    }

    /// What was counted since the last call.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// The session ends: statements without an outcome get one, and the end its record.
    pub fn finish(&mut self, reason: &str, now: Instant) {
        // a log that takes nothing any more has said so already
        let _ = self.fail_outstanding("57P01", now);
        let _ = self.recorder.session_end(reason, now);
    }

    /// A session that ended before it began, without a word of the server's, goes on record.
    pub fn login_failed(&mut self) {
        if !self.recorder.has_begun() {
            self.login_refused("08006");
        }
    }

    /// A login that the server refused after authentication (no such database, too many connections) goes on record,
    /// once, and before the client hears of it.
    pub(super) fn login_refused(&mut self, code: &str) {
        if !std::mem::replace(&mut self.login_refused, true) {
            // a log that takes nothing any more has said so already
            let _ = self.recorder.auth_failure(code, "refused by the server");
        }
    }

    pub(super) fn database(&self) -> Option<Arc<Database>> {
        self.protected.as_ref().map(|p| Arc::clone(&p.database))
    }

    /// Sends an untouched frame on.
    pub(super) fn forward(&mut self, frame: &Frame) {
        self.to_server.extend_from_slice(frame.as_bytes());
    }

    /// Sends an untouched frame back, unless the client is to see nothing more of this group.
    pub(super) fn pass(&mut self, frame: &Frame) {
        if self.late.is_none() {
            self.to_client.extend_from_slice(frame.as_bytes());
        }
    }

    /// Whether the frame at the front may be acted on now. Where not, what it waits for was asked for.
    fn admits(&mut self, frame: &Frame) -> Result<bool, Fault> {
        if self.phase != Phase::Serving || self.known.is_asking() || self.is_holding() {
            return Ok(false);
        }
        match frame.tag() {
            b'X' | b'H' => return Ok(true),
            b'S' => return self.admits_sync(),
            _ if self.skipping || self.copy_in => return Ok(true),
            b'd' | b'c' | b'f' if self.copy_failure.is_some() => return Ok(true),
            _ if self.copying => return self.wait(),
            // whether its COMMIT ends a block of its own or of an earlier message is not to depend on who is faster
            b'Q' if self.protected.is_some() && !self.inflight.is_empty() && has_several(frame) => {
                return self.wait();
            }
            b'd' | b'c' | b'f' => return Ok(true),
            _ => {}
        }
        if (self.barrier && !self.inflight.is_empty()) || self.name_is_outstanding(frame) {
            return self.wait();
        }
        if self.protected.is_some() && self.name_may_come_back(frame) {
            return self.wait();
        }
        if self.protected.is_some() && self.own_failure.is_none() {
            return self.admits_by_knowledge(frame);
        }
        Ok(true)
    }

    /// Waits until everything outstanding is answered; makes the server say what it holds back.
    pub(super) fn wait(&mut self) -> Result<bool, Fault> {
        if self.unsynced && !self.flushed {
            self.flush()?;
            self.flushed = true;
        }
        Ok(false)
    }

    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        hippocrypt_wire::write::Writer::new(&mut self.to_server).bare(b'H')?;
        Ok(())
    }

    /// The error for a session that cannot go on.
    pub(super) fn fatal(code: &str, message: impl Into<String>) -> Fault {
        Fault::Fatal(Box::new(ErrorReport::new(Severity::Fatal, code, message)))
    }

    pub(super) fn audit_report(&mut self, error: &hippocrypt_audit::AppendError) -> ErrorReport {
        self.tally.audit_failures += 1;
        ErrorReport::new(Severity::Error, error.sqlstate(), error.message())
    }

    /// An owned copy of a name: the map must not keep a read buffer alive.
    pub(super) fn name(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    pub(super) fn write_report(&mut self, report: &ErrorReport) -> Result<(), Fault> {
        if self.late.is_none() {
            report.write(&mut self.to_client)?;
        }
        Ok(())
    }

    pub(super) fn scrubbed(
        &mut self,
        frame: &Frame,
        map: Option<&crate::protect::PositionMap>,
    ) -> Result<(), Fault> {
        if self.late.is_none() {
            let fields = hippocrypt_wire::ErrorFields::of(frame)?;
            fault::scrub(&fields, map, &mut self.to_client)?;
        }
        Ok(())
    }
}

/// Whether the text of a simple query may hold more than one statement.
fn has_several(frame: &Frame) -> bool {
    let mut pieces = frame.body().splitn(2, |byte| *byte == b';');
    let rest = pieces.nth(1).unwrap_or_default();
    !rest
        .iter()
        .all(|byte| byte.is_ascii_whitespace() || *byte == 0)
}

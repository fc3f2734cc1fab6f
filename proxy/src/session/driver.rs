//! What waits in a session: reads, feeds the machine, performs its requests, writes.
//!
//! One read and one write a batch on either side, both sides in one poll, and nothing is registered anew that waits
//! already: a statement wakes a session twice. It must never read more from one side than the other takes: buffers
//! are bounded by [`HIGH_WATER`] and one message.

use super::Fault;
use super::ending::Ending;
use super::gate::Gate;
use super::machine::{Machine, Request, Rest, Tally};
use super::policy::PolicyChange;
pub use super::side::Duplex;
use super::side::{READ, Side, shed};
use crate::telemetry::Metrics;
use bytes::BytesMut;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hippocrypt_wire::startup::CancelKey;
use hippocrypt_wire::{Decoder, Peer};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::Sleep;

/// Bytes that may wait for one side before the other is no longer read.
const HIGH_WATER: usize = 256 * 1024;
/// How long a client that is told FATAL has to take it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Both connections, with what was read of them during the login.
pub struct Peers {
    /// The client's.
    pub client: Box<dyn Duplex>,
    /// The server's.
    pub server: Box<dyn Duplex>,
    /// Read from the client, not yet looked at.
    pub from_client: BytesMut,
    /// Read from the server, not yet looked at.
    pub from_server: BytesMut,
}

/// A catalog that is being read; the error is for the client.
pub type Refresh<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// A time zone that is being compared. Where it could not be, what needs it is refused.
pub type Comparison<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What the session needs of the house.
pub trait Host: Send + Sync {
    /// Reads the catalog of the session's database anew.
    fn refresh(&self) -> Refresh<'_>;
    /// Compares the server's rules of a time zone with ours.
    fn compare_zone(&self, name: Box<str>) -> Comparison<'_>;
    /// Has the zones compared that values waited for.
    fn compare_wanted(&self);
    /// Cancel requests with the client's key mean this one.
    fn register(&self, real: CancelKey);
    /// Whether the policy has changed since the session began or since this last said so. The session is outside
    /// of a transaction and does what this says before anything else is judged.
    fn policy_change(&self) -> Option<PolicyChange>;
    /// Where counts go.
    fn metrics(&self) -> &Metrics;
}

/// What the house tells all sessions.
pub struct Signals {
    /// Whether the proxy stops.
    pub stop: watch::Receiver<Stop>,
    /// Changes when [`Host::policy_change`] has something to say.
    pub policy: watch::Receiver<u32>,
}

/// Whether the proxy stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It serves.
    No,
    /// Sessions end when their transaction does.
    Drain,
    /// Sessions end now.
    Now,
}

/// What a session may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the end of the last statement, outside a transaction block; `None`: for ever.
    pub idle: Option<Duration>,
    /// The same inside one.
    pub idle_in_transaction: Option<Duration>,
    /// The length of a client's message, in bytes.
    pub message: u32,
}

impl Limits {
    fn of(&self, rest: Rest) -> Option<Duration> {
        match rest {
            Rest::Idle => self.idle,
            Rest::InTransaction => self.idle_in_transaction,
        }
    }
}

/// What drives one session.
struct Driver<'a, H> {
    machine: &'a mut Machine,
    host: &'a H,
    client: Side,
    server: Side,
    refreshing: Option<Refresh<'a>>,
    comparing: Option<Comparison<'a>>,
    /// Signals that have not come. Each is looked at when it wakes the session, not whenever something else does.
    signals: FuturesUnordered<Signal>,
    alarm: Alarm,
    limits: Limits,
    gate: Gate,
    terminated: bool,
    /// When the last batch came.
    now: Instant,
}

/// Comes when the house has something to say.
type Signal = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a session waits for.
enum Event {
    FromServer,
    ServerClosed,
    FromClient,
    ClientClosed,
    /// The catalog has been read; the error is for the client.
    Refreshed(Result<(), String>),
    Compared,
    Signal,
    /// It has rested for too long.
    Idle(Rest),
}

/// Serves the session to its end, whose record is written.
pub async fn run<H: Host>(
    machine: &mut Machine,
    peers: Peers,
    host: &H,
    limits: Limits,
    signals: Signals,
) -> Ending {
    let mut driver = Driver {
        machine,
        host,
        client: Side::new(peers.client, peers.from_client),
        server: Side::new(peers.server, peers.from_server),
        refreshing: None,
        comparing: None,
        signals: FuturesUnordered::new(),
        alarm: Alarm::default(),
        limits,
        gate: Gate::default(),
        terminated: false,
        now: Instant::now(),
    };
    let ending = driver.serve(signals).await.unwrap_or_else(Ending::Fault);
    if let Some(report) = ending.last_words()
        && let Err(error) = report.write(&mut driver.machine.to_client)
    {
        tracing::debug!(%error, "last words cannot be written");
    }
    let rest = std::mem::take(&mut driver.machine.to_client);
    let _ = tokio::time::timeout(LAST_WORDS, driver.client.close(&rest)).await;
    let _ = tokio::time::timeout(LAST_WORDS, driver.server.close(&[])).await;
    driver.machine.login_failed();
    driver.machine.finish(ending.reason(), Instant::now());
    driver.count();
    ending
}

/// Comes some time after it was last set, with one timer for all that it is set to.
#[derive(Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    fn poll(&mut self, cx: &mut Context<'_>, at: tokio::time::Instant) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        // what it was set to before is sooner as a rule, and then is looked at again when that is over
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
        Poll::Pending
    }
}

/// Comes when `changes` has changed again; never where nobody is left to change it.
fn signal<T: Send + Sync + 'static>(changes: &watch::Receiver<T>) -> Signal {
    let mut changes = changes.clone();
    Box::pin(async move {
        if changes.changed().await.is_err() {
            std::future::pending().await
        }
    })
}

/// Whether there is a policy that the session has not taken up: until it can, it stays so.
struct PolicyWatch {
    changes: watch::Receiver<u32>,
    pending: bool,
}

impl PolicyWatch {
    fn new(changes: watch::Receiver<u32>) -> Self {
        let pending = false;
        Self { changes, pending }
    }

    /// Takes up a policy that has changed, where nothing runs; `true`: there is no going on under it.
    fn displaces<H: Host>(&mut self, machine: &mut Machine, host: &H) -> bool {
        if self.changes.has_changed().unwrap_or(false) {
            self.changes.mark_unchanged();
            self.pending = true;
        }
        if !self.pending || !machine.can_renew() {
            return false;
        }
        self.pending = false;
        match host.policy_change() {
            Some(PolicyChange::Renew(renewed)) => machine.renew(*renewed),
            Some(PolicyChange::End) => return true,
            None => {}
        }
        false
    }
}

impl<'a, H: Host> Driver<'a, H> {
    async fn serve(&mut self, Signals { mut stop, policy }: Signals) -> Result<Ending, Fault> {
        let mut policy = PolicyWatch::new(policy);
        let mut resting: Option<(Rest, Instant)> = None;
        let mut state = *stop.borrow_and_update();
        self.server_batch()?;
        self.client_batch()?;
        loop {
            self.take_requests();
            if stop.has_changed().unwrap_or(false) {
                state = *stop.borrow_and_update();
            }
            if state == Stop::Now || (state == Stop::Drain && self.machine.is_idle()) {
                return Ok(Ending::Shutdown);
            }
            if policy.displaces(self.machine, self.host) {
                return Ok(Ending::PolicyChanged);
            }
            if self.signals.is_empty() {
                self.signals
                    .extend([signal(&stop), signal(&policy.changes)]);
            }
            let rest = self.machine.rest();
            if resting.map(|(rest, _)| rest) != rest {
                resting = rest.map(|rest| (rest, self.now));
            }
            match poll_fn(|cx| self.poll_event(cx, resting)).await? {
                Event::FromServer => {
                    self.machine.look_for_overtaken();
                    self.server_batch()?;
                }
                Event::ServerClosed if self.terminated => return Ok(Ending::Terminate),
                Event::ServerClosed => return Ok(Ending::ServerClosed),
                Event::FromClient => {
                    // the policy may have changed while this waited
                    if policy.displaces(self.machine, self.host) {
                        return Ok(Ending::PolicyChanged);
                    }
                    self.client_batch()?;
                }
                Event::ClientClosed => return Ok(Ending::ClientClosed),
                Event::Refreshed(refreshed) => {
                    self.machine.on_catalog(refreshed, Instant::now())?;
                    self.server_batch()?;
                }
                Event::Compared => {
                    self.machine.on_zone(Instant::now())?;
                    self.server_batch()?;
                }
                // the next turn sees what it says
                Event::Signal => self.signals.clear(),
                Event::Idle(rest) => return Ok(Ending::IdleTimeout(rest)),
            }
        }
    }

    fn take_requests(&mut self) {
        let host = self.host;
        while let Some(request) = self.machine.take_request() {
            match request {
                Request::CompareZone(name) => self.comparing = Some(host.compare_zone(name)),
                Request::RefreshCatalog => self.refreshing = Some(host.refresh()),
                Request::Register(key) => host.register(key),
            }
        }
    }

    /// Sends what there is for either side and takes what comes first, in this order; where nothing does, whatever may
    /// come has the session woken.
    fn poll_event(
        &mut self,
        cx: &mut Context<'_>,
        resting: Option<(Rest, Instant)>,
    ) -> Poll<Result<Event, Fault>> {
        let machine = &mut *self.machine;
        if let Poll::Ready(Err(_)) = self.client.poll_send(cx, &mut machine.to_client) {
            return Poll::Ready(Ok(Event::ClientClosed));
        }
        let record = || machine.recorder.on_disk();
        self.gate.poll_admit(cx, &mut machine.to_server, record)?;
        let outlet = self.gate.outlet(&mut machine.to_server);
        if let Poll::Ready(Err(_)) = self.server.poll_send(cx, outlet) {
            // what it said before it closed may still be there: read on
            machine.to_server.clear();
            self.gate.clear();
            self.server.give_up();
        }
        if machine.to_client.len() < HIGH_WATER
            && !machine.is_holding()
            && let Poll::Ready(read) = self.server.poll_read(cx)
        {
            return Poll::Ready(Ok(if read {
                Event::FromServer
            } else {
                Event::ServerClosed
            }));
        }
        let wants_client = machine.wants_client()
            && self.gate.held(&machine.to_server) < HIGH_WATER
            && !self.terminated;
        if wants_client && let Poll::Ready(read) = self.client.poll_read(cx) {
            return Poll::Ready(Ok(if read {
                Event::FromClient
            } else {
                Event::ClientClosed
            }));
        }
        if let Some(Poll::Ready(refreshed)) = poll_now(cx, &mut self.refreshing) {
            self.refreshing = None;
            return Poll::Ready(Ok(Event::Refreshed(refreshed)));
        }
        if let Some(Poll::Ready(())) = poll_now(cx, &mut self.comparing) {
            self.comparing = None;
            return Poll::Ready(Ok(Event::Compared));
        }
        if let Poll::Ready(Some(())) = self.signals.poll_next_unpin(cx) {
            return Poll::Ready(Ok(Event::Signal));
        }
        let Some((rest, since)) = resting else {
            return Poll::Pending;
        };
        if let Some(limit) = self.limits.of(rest)
            && self.alarm.poll(cx, (since + limit).into()).is_ready()
        {
            return Poll::Ready(Ok(Event::Idle(rest)));
        }
        // what a session that waits would keep
        shed(&mut self.client.read);
        shed(&mut self.server.read);
        shed(&mut self.machine.to_client);
        shed(&mut self.machine.to_server);
        Poll::Pending
    }

    /// What the server has sent.
    fn server_batch(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        self.now = now;
        let decoder = Decoder::new(Peer::Backend);
        // what is passed on is about as long as it was
        self.machine
            .to_client
            .reserve(self.server.read.len().min(READ));
        while !self.machine.is_holding() {
            self.machine.pass_rows(decoder, &mut self.server.read);
            let Some(frame) = decoder.next(&mut self.server.read)? else {
                break;
            };
            self.machine.on_server(&frame, now)?;
        }
        self.machine.record_subjects(now)?;
        self.machine.advance(now)?;
        self.count();
        Ok(())
    }

    /// What the client has sent, seen together.
    fn client_batch(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        self.now = now;
        let decoder = Decoder::new(Peer::Frontend).at_most(self.limits.message);
        while let Some(frame) = decoder
            .next(&mut self.client.read)
            .map_err(Fault::ClientWire)?
        {
            self.terminated |= frame.tag() == b'X';
            self.machine.push_client(frame);
        }
        self.machine.advance(now)?;
        if self.machine.wants_zones() {
            self.host.compare_wanted();
        }
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        let tally = self.machine.take_tally();
        if tally != Tally::default() {
            let metrics = self.host.metrics();
            metrics.untouched.inc_by(tally.untouched);
            metrics.planned.inc_by(tally.planned);
            metrics.refused.inc_by(tally.refused);
            metrics.cells_opened.inc_by(tally.opened);
            metrics.cells_rejected.inc_by(tally.rejected);
            metrics.audit_failures.inc_by(tally.audit_failures);
        }
    }
}

fn poll_now<T>(
    cx: &mut Context<'_>,
    future: &mut Option<Pin<Box<dyn Future<Output = T> + Send + '_>>>,
) -> Option<Poll<T>> {
    future.as_mut().map(|future| future.as_mut().poll(cx))
}

//! The one asynchronous file of a session: reads, feeds the machine, performs its requests, writes.
//!
//! One read and one write a batch on either side, both sides in one `select`. It must never read more
//! from one side than the other takes: buffers are bounded by [`HIGH_WATER`] and one message.

use super::Fault;
use super::ending::Ending;
use super::gate::{self, Gate};
use super::machine::{Machine, Request, Rest, Tally};
use super::policy::PolicyChange;
use crate::telemetry::Metrics;
use bytes::BytesMut;
use hippocrypt_wire::startup::CancelKey;
use hippocrypt_wire::{Decoder, Peer};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::watch;

/// Bytes that may wait for one side before the other is no longer read.
const HIGH_WATER: usize = 256 * 1024;
/// Room for one read; where a buffer has less than an eighth of it left, bytes land in the thread's [`LANDING`].
const READ: usize = 32 * 1024;
/// A buffer of this size is let go when the session rests.
const KEPT: usize = 2 * 1024;
/// How long a client that is told FATAL has to take it.
const LAST_WORDS: Duration = Duration::from_secs(2);

thread_local! {
    /// Where the first bytes of a batch are read to: sessions that wait have no room of their own for them.
    static LANDING: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// A connection, of either side, plain or in TLS.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

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
    from_client: BytesMut,
    from_server: BytesMut,
    limits: Limits,
    gate: Gate,
    terminated: bool,
}

/// Serves the session to its end, whose record is written.
pub async fn run<H: Host>(
    machine: &mut Machine,
    peers: Peers,
    host: &H,
    limits: Limits,
    signals: Signals,
) -> Ending {
    let (mut client_in, mut client_out) = tokio::io::split(peers.client);
    let (mut server_in, mut server_out) = tokio::io::split(peers.server);
    let mut driver = Driver {
        machine,
        host,
        from_client: peers.from_client,
        from_server: peers.from_server,
        limits,
        gate: Gate::default(),
        terminated: false,
    };
    let halves = (
        &mut client_in,
        &mut client_out,
        &mut server_in,
        &mut server_out,
    );
    let ending = driver.pump(halves, signals).await;
    if let Some(report) = ending.last_words()
        && let Err(error) = report.write(&mut driver.machine.to_client)
    {
        tracing::debug!(%error, "last words cannot be written");
    }
    let rest = std::mem::take(&mut driver.machine.to_client);
    let _ = tokio::time::timeout(LAST_WORDS, async {
        client_out.write_all(&rest).await?;
        client_out.shutdown().await
    })
    .await;
    let _ = tokio::time::timeout(LAST_WORDS, server_out.shutdown()).await;
    driver.machine.login_failed();
    driver.machine.finish(ending.reason(), Instant::now());
    driver.count();
    ending
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

    /// Comes when the policy has changed again.
    async fn changed(&mut self) {
        match self.changes.changed().await {
            Ok(()) => self.pending = true,
            Err(_) => std::future::pending().await,
        }
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

type Halves<'h> = (
    &'h mut ReadHalf<Box<dyn Duplex>>,
    &'h mut WriteHalf<Box<dyn Duplex>>,
    &'h mut ReadHalf<Box<dyn Duplex>>,
    &'h mut WriteHalf<Box<dyn Duplex>>,
);

impl<H: Host> Driver<'_, H> {
    async fn pump(&mut self, halves: Halves<'_>, signals: Signals) -> Ending {
        match self.serve(halves, signals).await {
            Ok(ending) => ending,
            Err(fault) => Ending::Fault(fault),
        }
    }

    async fn serve(
        &mut self,
        (client_in, client_out, server_in, server_out): Halves<'_>,
        Signals { mut stop, policy }: Signals,
    ) -> Result<Ending, Fault> {
        let mut policy = PolicyWatch::new(policy);
        let host = self.host;
        let mut refreshing: Option<Refresh<'_>> = None;
        let mut comparing: Option<Comparison<'_>> = None;
        let (mut flush_client, mut flush_server) = (false, false);
        let mut resting: Option<(Rest, tokio::time::Instant)> = None;
        self.server_batch()?;
        self.client_batch()?;
        loop {
            while let Some(request) = self.machine.take_request() {
                match request {
                    Request::CompareZone(name) => comparing = Some(host.compare_zone(name)),
                    Request::RefreshCatalog => refreshing = Some(host.refresh()),
                    Request::Register(key) => host.register(key),
                }
            }
            let state = *stop.borrow_and_update();
            if state == Stop::Now || (state == Stop::Drain && self.machine.is_idle()) {
                return Ok(Ending::Shutdown);
            }
            if policy.displaces(self.machine, host) {
                return Ok(Ending::PolicyChanged);
            }
            let record = || self.machine.recorder.on_disk();
            self.gate.admit(&mut self.machine.to_server, record);
            let is_waiting = self.gate.is_waiting();
            let held = self.gate.held(&self.machine.to_server);
            let (waiting, outlet) = self.gate.ends();
            let wants_client = self.machine.wants_client() && held < HIGH_WATER && !self.terminated;
            let rest = self.machine.rest();
            if resting.map(|(rest, _)| rest) != rest {
                resting = rest.map(|rest| (rest, tokio::time::Instant::now()));
            }
            if resting.is_some() {
                // what a session that waits would keep
                let (from_client, from_server) = (&mut self.from_client, &mut self.from_server);
                let Machine {
                    to_client,
                    to_server,
                    ..
                } = &mut *self.machine;
                [from_client, from_server, to_client, to_server]
                    .into_iter()
                    .for_each(shed);
            }
            let deadline =
                resting.and_then(|(rest, since)| Some((rest, since + self.limits.of(rest)?)));
            tokio::select! {
                biased;
                written = push(client_out, &mut self.machine.to_client),
                    if flush_client || !self.machine.to_client.is_empty() => match written {
                    Ok(more) => flush_client = more,
                    Err(_) => return Ok(Ending::ClientClosed),
                },
                on_disk = gate::on_disk(waiting), if is_waiting => {
                    on_disk?;
                    self.gate.opened();
                }
                written = push(server_out, outlet.bytes(&mut self.machine.to_server)),
                    if flush_server || !outlet.is_empty(&self.machine.to_server) => match written {
                    Ok(more) => flush_server = more,
                    Err(_) => {
                        // what it said before it closed may still be there: read on
                        self.machine.to_server.clear();
                        self.gate.clear();
                        flush_server = false;
                    }
                },
                read = read(server_in, &mut self.from_server),
                    if self.machine.to_client.len() < HIGH_WATER && !self.machine.is_holding() => {
                    if !read {
                        return Ok(if self.terminated { Ending::Terminate } else { Ending::ServerClosed });
                    }
                    self.machine.look_for_overtaken();
                    self.server_batch()?;
                }
                read = read(client_in, &mut self.from_client), if wants_client => {
                    if !read {
                        return Ok(Ending::ClientClosed);
                    }
                    // the policy may have changed while this waited
                    if policy.displaces(self.machine, host) {
                        return Ok(Ending::PolicyChanged);
                    }
                    self.client_batch()?;
                }
                refreshed = async { match refreshing.as_mut() {
                    Some(refresh) => refresh.await,
                    None => std::future::pending().await,
                } }, if refreshing.is_some() => {
                    refreshing = None;
                    self.machine.on_catalog(refreshed, Instant::now())?;
                    self.server_batch()?;
                }
                () = async { match comparing.as_mut() {
                    Some(comparison) => comparison.await,
                    None => std::future::pending().await,
                } }, if comparing.is_some() => {
                    comparing = None;
                    self.machine.on_zone(Instant::now())?;
                    self.server_batch()?;
                }
                _ = stop.changed() => {}
                () = policy.changed() => {}
                rest = until(deadline), if deadline.is_some() => return Ok(Ending::IdleTimeout(rest)),
            }
        }
    }

    /// What the server has sent.
    fn server_batch(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        let decoder = Decoder::new(Peer::Backend);
        // what is passed on is about as long as it was
        self.machine
            .to_client
            .reserve(self.from_server.len().min(READ));
        while !self.machine.is_holding() {
            self.machine.pass_rows(decoder, &mut self.from_server);
            let Some(frame) = decoder.next(&mut self.from_server)? else {
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
        let decoder = Decoder::new(Peer::Frontend).at_most(self.limits.message);
        while let Some(frame) = decoder
            .next(&mut self.from_client)
            .map_err(Fault::ClientWire)?
        {
            self.terminated |= frame.tag() == b'X';
            self.machine.push_client(frame);
        }
        self.machine.advance(now)?;
        self.host.compare_wanted();
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

/// Writes what there is, or flushes where all was written (TLS holds records back); `true`: flush next.
async fn push(to: &mut WriteHalf<Box<dyn Duplex>>, from: &mut BytesMut) -> std::io::Result<bool> {
    if from.is_empty() {
        return to.flush().await.map(|()| false);
    }
    match to.write_buf(from).await? {
        0 => Err(std::io::ErrorKind::WriteZero.into()),
        _ => Ok(true),
    }
}

/// Reads what is there; `false` where the connection has ended.
async fn read(from: &mut ReadHalf<Box<dyn Duplex>>, into: &mut BytesMut) -> bool {
    if into.capacity() - into.len() >= READ / 8 {
        return matches!(from.read_buf(into).await, Ok(1..));
    }
    let landed = poll_fn(|cx| {
        LANDING.with_borrow_mut(|landing| {
            let mut landing = ReadBuf::new(landing);
            ready!(Pin::new(&mut *from).poll_read(cx, &mut landing))?;
            into.extend_from_slice(landing.filled());
            Poll::Ready(std::io::Result::Ok(landing.filled().len()))
        })
    });
    let landed = landed.await.unwrap_or(0);
    if landed >= READ / 4 {
        // there is more: from now on without a copy
        into.reserve(READ);
    }
    landed > 0
}

/// A buffer that has grown goes when it is empty and nobody waits for what it would hold.
fn shed(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.try_reclaim(KEPT) {
        *buffer = BytesMut::new();
    }
}

async fn until(deadline: Option<(Rest, tokio::time::Instant)>) -> Rest {
    match deadline {
        Some((rest, at)) => {
            tokio::time::sleep_until(at).await;
            rest
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(room: usize) -> (tokio::io::DuplexStream, ReadHalf<Box<dyn Duplex>>) {
        let (there, here) = tokio::io::duplex(room);
        let here: Box<dyn Duplex> = Box::new(here);
        (there, tokio::io::split(here).0)
    }

    #[tokio::test]
    async fn what_is_read_is_what_was_sent_whatever_its_size() -> std::io::Result<()> {
        let (mut there, mut here) = leg(256 * 1024);
        let mut into = BytesMut::new();
        let mut sent = Vec::new();
        for size in [1, 5, 4095, READ / 2, READ, 3 * READ, 7] {
            let piece: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            there.write_all(&piece).await?;
            sent.extend_from_slice(&piece);
            while into.len() < sent.len() {
                assert!(read(&mut here, &mut into).await);
            }
        }
        assert_eq!(into, sent);
        drop(there);
        assert!(!read(&mut here, &mut into).await);
        Ok(())
    }

    #[tokio::test]
    async fn a_session_that_waits_has_no_room_for_what_may_come() -> std::io::Result<()> {
        let (mut there, mut here) = leg(256 * 1024);
        let mut into = BytesMut::new();
        there.write_all(b"short").await?;
        assert!(read(&mut here, &mut into).await);
        assert!(into.capacity() < KEPT);
        there.write_all(&[0; 4 * READ]).await?;
        while into.len() < 4 * READ {
            assert!(read(&mut here, &mut into).await);
        }
        into.clear();
        shed(&mut into);
        assert_eq!(into.capacity(), 0);
        Ok(())
    }
}

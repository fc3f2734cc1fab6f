//! Scripts of a client in a database with a policy: what it is told through the machine is what PostgreSQL alone would
//! tell it, in whatever portions the answers come, and over connections in memory too.

use super::Table;
use super::postgres::{CATALOG, Message, Postgres, TEXTS};
use crate::catalog::{Fence, Snapshot};
use crate::protect::Zones;
use crate::protect::tests::harness::vault_of;
use crate::session::driver::{self, Comparison, Host, Limits, Peers, Refresh, Signals, Stop};
use crate::session::machine::{Clock, Env, Machine, Protected, Request, Worlds};
use crate::session::policy::PolicyChange;
use crate::session::records::{Recorder, Who};
use crate::telemetry::Metrics;
use bytes::BytesMut;
use hippocrypt_audit::MemorySink;
use hippocrypt_policy::Policy;
use hippocrypt_sql::Analyser;
use hippocrypt_wire::startup::CancelKey;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{Decoder, ErrorFields, Frame, Peer};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const POLICY: &str = "databases: { clinic: { tables: { public.patients: { columns: { name: { type: text, protect: random } } } } } }\ndefault: clear\n";

struct World(Arc<Analyser>, Arc<Fence>);

impl Worlds for World {
    fn current(&self) -> Arc<Analyser> {
        Arc::clone(&self.0)
    }

    fn fence(&self) -> &Arc<Fence> {
        &self.1
    }
}

/// One for all: making a keyring touches the disk.
fn protected() -> Protected {
    static PROTECTED: OnceLock<Protected> = OnceLock::new();
    let made = PROTECTED.get_or_init(|| {
        let policy = Policy::parse("p", POLICY, &|_| None).unwrap();
        let database = Arc::clone(&policy.databases["clinic"]);
        let mut snapshot = Snapshot::default();
        CATALOG.iter().for_each(|row| snapshot.row(row).unwrap());
        let (catalog, _) = snapshot.finish(1, Vec::new());
        Protected {
            worlds: Arc::new(World(
                Arc::new(Analyser::new(Arc::new(catalog), Arc::clone(&database))),
                Arc::default(),
            )),
            rights: Arc::new(policy.rights("clinic", "app")),
            tables_require: database.requires(),
            vault: Arc::new(vault_of(&database)),
            database,
            zones: Arc::new(Zones::default()),
        }
    });
    made.clone()
}

fn table() -> Table {
    let sink = Arc::new(MemorySink::default());
    let env = Env {
        protected: Some(protected()),
        recorder: Recorder::new(sink.clone(), Who::default(), None, None),
        attribution: Arc::default(),
        clock: Clock::now(),
        cancel_secret: bytes::Bytes::from_static(b"ours"),
    };
    Table {
        machine: Machine::new(env),
        sink,
        now: Instant::now(),
    }
}

fn message() -> impl Strategy<Value = Message> {
    let text = || 0..TEXTS.len();
    prop_oneof![
        3 => (0u8..3, text()).prop_map(|(n, t)| Message::Parse(n, t)),
        3 => (0u8..2, 0u8..3).prop_map(|(p, n)| Message::Bind(p, n)),
        1 => (0u8..3).prop_map(Message::DescribeStatement),
        1 => (0u8..2).prop_map(Message::DescribePortal),
        3 => (0u8..2).prop_map(Message::Execute),
        1 => (0u8..3).prop_map(Message::CloseStatement),
        1 => (0u8..2).prop_map(Message::ClosePortal),
        1 => Just(Message::Flush),
        2 => Just(Message::Sync),
        3 => text().prop_map(Message::Query),
    ]
}

/// Messages, and how many answers come before each next one.
fn script() -> impl Strategy<Value = Vec<(Message, usize)>> {
    prop::collection::vec((message(), 0usize..12), 1..40)
}

fn bytes_of(messages: &[Message]) -> BytesMut {
    let mut bytes = BytesMut::new();
    messages
        .iter()
        .for_each(|m| m.write(&mut Writer::new(&mut bytes)));
    bytes
}

fn frames(peer: Peer, bytes: &mut BytesMut) -> Vec<Frame> {
    std::iter::from_fn(|| Decoder::new(peer).next(bytes).unwrap()).collect()
}

/// Tags, with the SQLSTATE of errors and the status of ReadyForQuery.
fn told(frames: &[Frame]) -> Vec<String> {
    let told = |frame: &Frame| match frame.tag() {
        b'E' => format!("E {}", ErrorFields::of(frame).unwrap().sqlstate()),
        b'Z' => format!("Z {}", frame.body().escape_ascii()),
        tag => char::from(tag).to_string(),
    };
    frames
        .iter()
        .filter(|f| !matches!(f.tag(), b'K' | b'S'))
        .map(told)
        .collect()
}

/// What PostgreSQL alone tells the client.
fn expected(messages: &[Message]) -> Vec<String> {
    let mut server = Postgres::alone();
    server.logged_in();
    frames(Peer::Frontend, &mut bytes_of(messages))
        .iter()
        .for_each(|f| server.take(f));
    told(&Vec::from(server.replies))
}

/// Lets the server read what was sent, and the machine up to `answers` of its answers.
fn exchange(table: &mut Table, server: &mut Postgres, mut answers: usize) {
    loop {
        while let Some(request) = table.machine.take_request() {
            match request {
                Request::RefreshCatalog => table.machine.on_catalog(Ok(()), table.now).unwrap(),
                Request::CompareZone(_) => table.machine.on_zone(table.now).unwrap(),
                Request::Register(_) => {}
            }
        }
        let mut sent = std::mem::take(&mut table.machine.to_server);
        frames(Peer::Frontend, &mut sent)
            .iter()
            .for_each(|f| server.take(f));
        if answers == 0 {
            return;
        }
        answers -= 1;
        let Some(answer) = server.replies.pop_front() else {
            return;
        };
        table.machine.on_server(&answer, table.now).unwrap();
        table.machine.advance(table.now).unwrap();
    }
}

fn played(script: &[(Message, usize)], races: usize) -> (Table, Vec<String>) {
    let (mut table, mut server) = (table(), Postgres::racing(races));
    server.logged_in();
    exchange(&mut table, &mut server, usize::MAX);
    for (message, answers) in script {
        let mut bytes = bytes_of(&[*message]);
        for frame in frames(Peer::Frontend, &mut bytes) {
            table.machine.push_client(frame);
        }
        table.machine.advance(table.now).unwrap();
        exchange(&mut table, &mut server, *answers);
    }
    exchange(&mut table, &mut server, usize::MAX);
    let mut bytes = std::mem::take(&mut table.machine.to_client);
    let all = told(&frames(Peer::Backend, &mut bytes));
    (table, all)
}

/// A connection to a server that is the model, in portions.
async fn served(server: tokio::io::DuplexStream, portion: usize) {
    let (mut from, mut to) = tokio::io::split(server);
    let mut model = Postgres::default();
    model.logged_in();
    let mut buffer = BytesMut::new();
    loop {
        while let Some(answer) = model.replies.pop_front() {
            for piece in answer.as_bytes().chunks(portion) {
                if to.write_all(piece).await.is_err() {
                    return;
                }
            }
        }
        if from.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            return;
        }
        for frame in frames(Peer::Frontend, &mut buffer) {
            if frame.tag() == b'X' {
                return;
            }
            model.take(&frame);
        }
    }
}

struct House(Metrics);

impl Host for House {
    fn refresh(&self) -> Refresh<'_> {
        Box::pin(async { Ok(()) })
    }
    fn compare_zone(&self, _: Box<str>) -> Comparison<'_> {
        Box::pin(async {})
    }
    fn compare_wanted(&self) {}
    fn register(&self, _: CancelKey) {}
    fn policy_change(&self) -> Option<PolicyChange> {
        None
    }
    fn metrics(&self) -> &Metrics {
        &self.0
    }
}

/// The script by the driver, over connections in memory that take `room` bytes at a time.
async fn driven(messages: &[Message], room: usize, portion: usize) -> Vec<String> {
    let (client, near) = tokio::io::duplex(room);
    let (far, server) = tokio::io::duplex(room);
    let peers = Peers {
        client: Box::new(near),
        server: Box::new(far),
        from_client: BytesMut::new(),
        from_server: BytesMut::new(),
    };
    let limits = Limits {
        idle: None,
        idle_in_transaction: None,
        message: u32::MAX,
    };
    let (_stop, stop) = tokio::sync::watch::channel(Stop::No);
    let (_policy, policy) = tokio::sync::watch::channel(0);
    let (mut table, house) = (table(), House(Metrics::default()));
    let (mut from, mut to) = tokio::io::split(client);
    let script = bytes_of(messages);
    let wanted = expected(messages).len();
    let speaks = async {
        for piece in script.chunks(portion) {
            to.write_all(piece).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let listens = async {
        let (mut buffer, mut heard) = (BytesMut::new(), Vec::new());
        while heard.len() < wanted && from.read_buf(&mut buffer).await.unwrap_or(0) > 0 {
            heard.extend(told(&frames(Peer::Backend, &mut buffer)));
        }
        heard
    };
    let session = driver::run(
        &mut table.machine,
        peers,
        &house,
        limits,
        Signals { stop, policy },
    );
    tokio::select! {
        heard = listens => heard,
        () = speaks => Vec::new(),
        () = served(server, portion) => vec!["the server is done".to_owned()],
        ending = session => vec![format!("{ending:?}")],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_client_is_told_what_postgres_tells(script in script()) {
        let mut script = script;
        script.push((Message::Sync, 0));
        let messages: Vec<Message> = script.iter().map(|(m, _)| *m).collect();
        let (table, all) = played(&script, 0);
        prop_assert_eq!(all, expected(&messages));
        prop_assert!(table.machine.inflight.is_empty() && table.machine.inbox.is_empty());
    }

    #[test]
    fn races_of_a_reading_in_a_block_are_seen_by_nobody(
        texts in prop::collection::vec((0..TEXTS.len(), 0usize..12), 1..30),
        races in 0usize..6,
    ) {
        let script: Vec<_> = texts.into_iter().map(|(t, n)| (Message::Query(t), n)).collect();
        let messages: Vec<Message> = script.iter().map(|(m, _)| *m).collect();
        prop_assert_eq!(played(&script, races).1, expected(&messages));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_same_over_connections_in_memory(script in script(), room in 1usize..2000, portion in 1usize..300) {
        let mut messages: Vec<Message> = script.iter().map(|(m, _)| *m).collect();
        messages.push(Message::Sync);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let limit = std::time::Duration::from_secs(4);
        let heard = runtime.block_on(async { tokio::time::timeout(limit, driven(&messages, room, portion)).await });
        prop_assert_eq!(heard.ok(), Some(expected(&messages)));
    }
}

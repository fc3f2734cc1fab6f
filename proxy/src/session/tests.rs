//! The machine against a server that is played by the test: frames in, frames out, records kept.

use super::machine::{Clock, Env, Machine, Protected};
use super::records::{Recorder, Who};
use bytes::BytesMut;
use hippocrypt_audit::{AppendError, MemorySink};
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{Decoder, ErrorFields, ErrorReport, Frame, Peer, Severity, WireError};
use std::sync::Arc;
use std::time::Instant;

/// A machine with both ends in the test's hands.
struct Table {
    machine: Machine,
    sink: Arc<MemorySink>,
    now: Instant,
}

impl Table {
    /// In a database without a policy, logged in.
    fn plain() -> Self {
        let sink = Arc::new(MemorySink::default());
        let recorder = Recorder::new(sink.clone(), Who::default(), None, None);
        let env = Env {
            protected: None::<Protected>,
            recorder,
            attribution: Arc::default(),
            clock: Clock::now(),
            cancel_secret: bytes::Bytes::from_static(b"ours"),
        };
        let mut table = Self {
            machine: Machine::new(env),
            sink,
            now: Instant::now(),
        };
        table.server(b'K', b"\0\0\0\x2areal");
        table.server(b'Z', b"I");
        table
    }

    fn client(&mut self, build: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>) {
        let mut bytes = BytesMut::new();
        build(&mut Writer::new(&mut bytes)).unwrap();
        while let Some(frame) = Decoder::new(Peer::Frontend).next(&mut bytes).unwrap() {
            self.machine.push_client(frame);
        }
        self.machine.advance(self.now).unwrap();
    }

    fn server(&mut self, tag: u8, body: &[u8]) {
        self.try_server(tag, body).unwrap();
    }

    fn try_server(&mut self, tag: u8, body: &[u8]) -> Result<(), super::Fault> {
        let frame = frame(tag, body);
        self.machine.on_server(&frame, self.now)?;
        self.machine.advance(self.now)
    }

    fn fails(&mut self, code: &str) {
        let mut bytes = BytesMut::new();
        ErrorReport::new(Severity::Error, code, "server's words")
            .write(&mut bytes)
            .unwrap();
        let frame = Frame::new(bytes.freeze()).unwrap();
        self.machine.on_server(&frame, self.now).unwrap();
        self.machine.advance(self.now).unwrap();
    }

    /// Tags of what went to the server since the last look.
    fn sent(&mut self) -> String {
        tags(Peer::Frontend, &mut self.machine.to_server)
    }

    /// Tags of what went to the client since the last look.
    fn told(&mut self) -> String {
        tags(Peer::Backend, &mut self.machine.to_client)
    }

    /// `type` of each record since the start, and its SQLSTATE.
    fn records(&self) -> Vec<String> {
        let field = |line: &str, name: &str| {
            let key = format!("\"{name}\":\"");
            let at = line.find(&key)? + key.len();
            Some(line[at..].split('"').next()?.to_owned())
        };
        self.sink
            .lines()
            .iter()
            .map(|l| {
                let code = field(l, "sqlstate")
                    .map(|c| format!(" {c}"))
                    .unwrap_or_default();
                field(l, "type").unwrap() + &code
            })
            .collect()
    }
}

fn frame(tag: u8, body: &[u8]) -> Frame {
    let mut bytes = BytesMut::new();
    Writer::new(&mut bytes)
        .frame(tag, |out| {
            out.extend_from_slice(body);
            Ok(())
        })
        .unwrap();
    Frame::new(bytes.freeze()).unwrap()
}

fn tags(peer: Peer, bytes: &mut BytesMut) -> String {
    let mut all = String::new();
    while let Some(frame) = Decoder::new(peer).next(bytes).unwrap() {
        all.push(frame.tag().into());
    }
    assert!(bytes.is_empty());
    all
}

fn parse_bind_execute(w: &mut Writer<'_>) -> Result<(), WireError> {
    w.parse(b"s", b"SELECT 1", std::iter::empty())?;
    w.bind(b"", b"s", std::iter::empty(), std::iter::empty())?;
    w.execute(b"", 0)
}

#[test]
fn login_gives_the_client_a_key_of_ours() {
    let mut table = Table::plain();
    let mut out = std::mem::take(&mut table.machine.to_client);
    let key = Decoder::new(Peer::Backend).next(&mut out).unwrap().unwrap();
    assert_eq!(key.body(), b"\0\0\0\x2aours");
    assert_eq!(tags(Peer::Backend, &mut out), "Z");
    assert_eq!(table.records(), ["session_start"]);
}

#[test]
fn a_statement_goes_with_its_record_and_ends_with_its_outcome() {
    let mut table = Table::plain();
    table.client(|w| w.query(b"SELECT 'secret'"));
    assert_eq!(table.sent(), "Q");
    assert_eq!(table.records(), ["session_start", "statement"]);
    table.server(b'T', b"\0\0");
    table.server(b'D', b"\0\0");
    table.server(b'C', b"SELECT 1\0");
    table.server(b'Z', b"I");
    assert_eq!(table.told(), "KZTDCZ");
    assert_eq!(table.records(), ["session_start", "statement", "outcome"]);
    assert!(table.sink.lines().iter().all(|l| !l.contains("secret")));
    assert!(table.machine.is_idle());
}

#[test]
fn without_a_record_nothing_goes_and_the_session_lives() {
    let mut table = Table::plain();
    table.told();
    table.sink.fail_with(Some(AppendError::DiskFull));
    table.client(|w| w.query(b"SELECT 'canary'"));
    let sent = std::mem::take(&mut table.machine.to_server);
    assert!(!sent.windows(6).any(|w| w == b"canary"));
    table.fails("42P02");
    table.server(b'Z', b"I");
    let mut out = table.machine.to_client.clone();
    let error = Decoder::new(Peer::Backend).next(&mut out).unwrap().unwrap();
    assert_eq!(ErrorFields::of(&error).unwrap().sqlstate(), "53100");
    assert_eq!(table.told(), "EZ");
    table.sink.fail_with(None);
    table.client(|w| w.query(b"SELECT 1"));
    assert_eq!(table.sent(), "Q");
}

#[test]
fn an_aborted_block_answers_for_itself() {
    let mut table = Table::plain();
    table.told();
    table.sink.fail_with(Some(AppendError::Poisoned));
    table.client(|w| w.query(b"SELECT 1"));
    table.fails("25P02");
    let mut out = table.machine.to_client.clone();
    let error = Decoder::new(Peer::Backend).next(&mut out).unwrap().unwrap();
    assert_eq!(ErrorFields::of(&error).unwrap().sqlstate(), "25P02");
}

#[test]
fn parse_bind_execute_that_arrive_together_share_a_record() {
    let mut table = Table::plain();
    table.client(|w| {
        parse_bind_execute(w)?;
        w.bare(b'S')
    });
    assert_eq!(table.sent(), "PBES");
    assert_eq!(table.records(), ["session_start", "statement"]);
    table.client(|w| {
        w.parse(b"t", b"SELECT 2", std::iter::empty())?;
        w.bare(b'S')
    });
    assert_eq!(table.records(), ["session_start", "statement", "prepare"]);
}

#[test]
fn a_refused_parse_swallows_what_follows_up_to_sync() {
    let mut table = Table::plain();
    table.told();
    table.sink.fail_with(Some(AppendError::DiskFull));
    table.client(|w| {
        w.parse(b"s", b"INSERT INTO t VALUES ($1)", std::iter::empty())?;
        let value: [(i16, Option<&[u8]>); 1] = [(0, Some(b"canary"))];
        w.bind(b"", b"s", value.into_iter(), std::iter::empty())?;
        w.execute(b"", 0)
    });
    let sent = table.machine.to_server.clone();
    assert!(!sent.windows(6).any(|w| w == b"canary"));
    assert_eq!(table.sent(), "PH");
    table.fails("42P02");
    assert_eq!(table.told(), "E");
    table.client(|w| w.bare(b'S'));
    assert_eq!(table.sent(), "S");
    table.server(b'Z', b"I");
    assert_eq!(table.told(), "Z");
}

#[test]
fn an_error_takes_what_follows_and_names_are_as_before() {
    let mut table = Table::plain();
    table.client(|w| {
        parse_bind_execute(w)?;
        w.parse(b"t", b"SELECT 2", std::iter::empty())?;
        w.bare(b'S')
    });
    table.server(b'1', b"");
    table.server(b'2', b"");
    table.fails("22012");
    assert!(table.machine.names.statements.contains_key(&b"s"[..]));
    assert!(!table.machine.names.statements.contains_key(&b"t"[..]));
    table.server(b'Z', b"I");
    let records = table.records();
    assert_eq!(records[1..4], ["statement", "prepare", "outcome 22012"]);
    assert!(table.machine.is_idle());
}

#[test]
fn what_nothing_asked_for_closes_the_connection() {
    for (tag, body) in [
        (b'D', &b"\0\0"[..]),
        (b'C', b"SELECT 1\0"),
        (b'Z', b"I"),
        (b'1', b""),
    ] {
        let mut table = Table::plain();
        assert!(
            table.try_server(tag, body).is_err(),
            "{}",
            tag.escape_ascii()
        );
    }
    let mut table = Table::plain();
    table.client(parse_bind_execute);
    assert!(table.try_server(b'2', b"").is_err());
}

#[test]
fn notices_and_settings_pass_at_any_point() {
    let mut table = Table::plain();
    table.told();
    table.client(parse_bind_execute);
    table.server(b'A', b"\0\0\0\x01ch\0x\0");
    table.server(b'S', b"TimeZone\0UTC\0");
    table.server(b'1', b"");
    table.server(b'N', b"SNOTICE\0\0");
    assert_eq!(table.told(), "AS1N");
}

#[test]
fn syncs_sent_before_copy_data_are_not_answered() {
    let mut table = Table::plain();
    table.told();
    table.client(|w| {
        w.parse(b"", b"COPY t FROM STDIN", std::iter::empty())?;
        w.bind(b"", b"", std::iter::empty(), std::iter::empty())?;
        w.execute(b"", 0)?;
        w.bare(b'S')
    });
    table.server(b'1', b"");
    table.server(b'2', b"");
    table.server(b'G', b"\0\0\0");
    table.sent();
    table.client(|w| {
        w.frame(b'd', |b| {
            b.extend_from_slice(b"1\n");
            Ok(())
        })?;
        w.bare(b'c')?;
        w.bare(b'S')
    });
    assert_eq!(table.sent(), "dcS");
    table.server(b'C', b"COPY 1\0");
    table.server(b'Z', b"I");
    assert_eq!(table.told(), "12GCZ");
    assert!(table.machine.is_idle());
}

#[test]
fn a_session_that_ends_leaves_no_statement_without_outcome() {
    let mut table = Table::plain();
    table.client(parse_bind_execute);
    table.machine.finish("client closed", table.now);
    assert_eq!(
        table.records()[1..],
        ["statement", "outcome 57P01", "session_end"]
    );
}

mod model;
mod postgres;
mod scripts;

#[test]
fn rows_pass_many_at_a_time_up_to_one_that_is_not_whole() {
    let mut table = Table::plain();
    table.told();
    table.client(|w| w.query(b"SELECT 1; COPY t TO STDOUT"));
    let rows = |tag: u8, bodies: &[&[u8]]| {
        let frames = bodies
            .iter()
            .map(|body| frame(tag, body).as_bytes().to_vec());
        BytesMut::from(&frames.collect::<Vec<_>>().concat()[..])
    };
    let decoder = Decoder::new(Peer::Backend);
    let pass = |table: &mut Table, from: &mut BytesMut| {
        table.machine.pass_rows(decoder, from);
        let passed = table.machine.to_client.len();
        (table.told(), passed, from.len())
    };
    let mut from = rows(b'D', &[b"\0\0", b"\0\x01\0\0\0\x01x", b"\0\0"]);
    let whole = from.len();
    from.truncate(whole - 1);
    assert_eq!(pass(&mut table, &mut from), ("DD".into(), whole - 7, 6));
    let mut other = rows(b'd', &[b"1\n", b"2\n"]);
    other.extend_from_slice(frame(b'c', b"").as_bytes());
    assert_eq!(pass(&mut table, &mut other), ("dd".into(), 14, 5));
    // a length that no row has is for the decoder to refuse
    let mut broken = rows(b'D', &[b"\0\0"]);
    broken.extend_from_slice(b"D\0\0\0\x01");
    assert_eq!(pass(&mut table, &mut broken), ("D".into(), 7, 5));
    let mut first = rows(b'C', &[b"SELECT 1\0"]);
    assert_eq!(pass(&mut table, &mut first).0, "");
    table.server(b'C', b"SELECT 4\0");
    table.server(b'Z', b"I");
    assert_eq!(table.told(), "CZ");
}

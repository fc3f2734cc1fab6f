//! The machine against a model of PostgreSQL's protocol: whatever is pipelined, whatever fails and however
//! late the answers come, each reply fits, each forwarded statement has one outcome, nothing is left over.

use super::{Table, frame};
use bytes::BytesMut;
use hippocrypt_audit::AppendError;
use hippocrypt_wire::frontend::{Parse, Query, Target};
use hippocrypt_wire::{Decoder, ErrorReport, Frame, Peer, Severity};
use proptest::prelude::*;
use std::collections::VecDeque;

/// What the client sends next, and what goes wrong with it.
#[derive(Clone, Debug)]
struct Step {
    message: Message,
    server_fails: bool,
    log_fails: bool,
    /// How many replies are delivered before the next step.
    replies: usize,
}

#[derive(Clone, Debug)]
enum Message {
    Parse(u8),
    Bind(u8),
    Describe,
    Execute,
    Close(u8),
    Flush,
    Sync,
    Query,
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (0u8..3).prop_map(Message::Parse),
        (0u8..3).prop_map(Message::Bind),
        Just(Message::Describe),
        Just(Message::Execute),
        (0u8..3).prop_map(Message::Close),
        Just(Message::Flush),
        Just(Message::Sync),
        Just(Message::Query),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (
        message(),
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.1),
        0usize..4,
    )
        .prop_map(|(message, server_fails, log_fails, replies)| Step {
            message,
            server_fails,
            log_fails,
            replies,
        })
}

fn name(n: u8) -> &'static [u8] {
    [&b""[..], b"a", b"b"][usize::from(n)]
}

/// src/backend/tcop/postgres.c, as far as a proxy sees it.
#[derive(Default)]
struct Model {
    ignoring: bool,
    fail_next: bool,
    replies: VecDeque<Frame>,
}

impl Model {
    fn take(&mut self, frame: &Frame) {
        if self.ignoring && frame.tag() != b'S' {
            return;
        }
        let stand_in = match frame.tag() {
            b'P' => Parse::of(frame).unwrap().query == b"SELECT $0",
            b'Q' => Query::of(frame).unwrap().text == b"SELECT $0",
            _ => false,
        };
        let works = !matches!(frame.tag(), b'S' | b'H');
        if stand_in || (works && std::mem::take(&mut self.fail_next)) {
            self.error(if stand_in { "42P02" } else { "22012" });
            if frame.tag() == b'Q' {
                self.say(b'Z', b"I");
            } else {
                self.ignoring = true;
            }
            return;
        }
        match frame.tag() {
            b'P' => self.say(b'1', b""),
            b'B' => self.say(b'2', b""),
            b'C' => self.say(b'3', b""),
            b'D' => self.say(b'n', b""),
            b'E' => {
                self.say(b'D', b"\0\0");
                self.say(b'C', b"SELECT 1\0");
            }
            b'S' => {
                self.ignoring = false;
                self.say(b'Z', b"I");
            }
            b'Q' => {
                self.say(b'T', b"\0\0");
                self.say(b'C', b"SELECT 0\0");
                self.say(b'Z', b"I");
            }
            b'H' => {}
            tag => panic!("the server was sent {}", tag.escape_ascii()),
        }
    }

    fn say(&mut self, tag: u8, body: &[u8]) {
        self.replies.push_back(frame(tag, body));
    }

    fn error(&mut self, code: &str) {
        let mut bytes = BytesMut::new();
        ErrorReport::new(Severity::Error, code, "words")
            .write(&mut bytes)
            .unwrap();
        self.replies.push_back(Frame::new(bytes.freeze()).unwrap());
    }
}

/// Lets the server read what was sent, and the machine some of its answers.
fn exchange(table: &mut Table, model: &mut Model, mut replies: usize) {
    loop {
        let mut sent = std::mem::take(&mut table.machine.to_server);
        while let Some(frame) = Decoder::new(Peer::Frontend).next(&mut sent).unwrap() {
            model.take(&frame);
        }
        if replies == 0 {
            return;
        }
        replies -= 1;
        let Some(reply) = model.replies.pop_front() else {
            return;
        };
        table.machine.on_server(&reply, table.now).unwrap();
        table.machine.advance(table.now).unwrap();
    }
}

fn send(table: &mut Table, message: &Message) {
    table.client(|w| match message {
        Message::Parse(n) => w.parse(name(*n), b"SELECT 1", std::iter::empty()),
        Message::Bind(n) => w.bind(b"", name(*n), std::iter::empty(), std::iter::empty()),
        Message::Describe => w.describe(Target::Portal, b""),
        Message::Execute => w.execute(b"", 0),
        Message::Close(n) => w.close_named(Target::Statement, name(*n)),
        Message::Flush => w.bare(b'H'),
        Message::Sync => w.bare(b'S'),
        Message::Query => w.query(b"SELECT 2"),
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_reply_fits_and_every_statement_has_one_outcome(steps in prop::collection::vec(step(), 1..40)) {
        let mut table = Table::plain();
        table.told();
        let mut model = Model::default();
        for step in &steps {
            table.sink.fail_with(step.log_fails.then_some(AppendError::DiskFull));
            model.fail_next |= step.server_fails;
            send(&mut table, &step.message);
            table.sink.fail_with(None);
            exchange(&mut table, &mut model, step.replies);
        }
        model.fail_next = false;
        send(&mut table, &Message::Sync);
        exchange(&mut table, &mut model, usize::MAX);
        prop_assert!(table.machine.is_idle(), "{:?}", table.machine);
        prop_assert!(model.replies.is_empty());
        prop_assert!(table.told().ends_with('Z'));
        let lines = table.sink.lines();
        let count = |what: &str| lines.iter().filter(|l| l.contains(what)).count();
        let refused = count("\"decision\":\"refused\"");
        let statements = count("\"type\":\"statement\"") - refused;
        let failed_prepares = lines
            .iter()
            .filter(|l| l.contains("\"type\":\"prepare\""))
            .filter(|l| {
                let stmt = l.split("\"stmt\":").nth(1).and_then(|s| s.split(',').next());
                let key = format!("\"stmt\":{},", stmt.unwrap_or_default());
                lines.iter().any(|o| o.contains("\"type\":\"outcome\"") && o.contains(&key))
            })
            .count();
        prop_assert_eq!(count("\"type\":\"outcome\""), statements + failed_prepares);
    }
}

//! PostgreSQL as a proxy sees it (src/backend/tcop/postgres.c): statements, portals, transactions, what an error takes
//! with it. It knows a handful of texts; any other is one of the proxy's own, or a bug.

use crate::catalog::SNAPSHOT;
use crate::session::tests::frame;
use bytes::BytesMut;
use hippocrypt_wire::frontend::{Bind, Execute, Named, Parse, Query, Target};
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorReport, Frame, Severity};
use std::collections::{HashMap, VecDeque};

/// What clients say.
pub const TEXTS: [&str; 8] = [
    "SELECT 1",
    "SELECT 1 / 0",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "CREATE TABLE made (id int)",
    "CREATE TEMP TABLE mine (id int)",
    REFUSED,
];

/// What a proxy refuses.
pub const REFUSED: &str = "SELECT upper(name) FROM patients";

/// The rows of a catalog with one protected table.
pub const CATALOG: [[Option<&str>; 8]; 5] = {
    const N: Option<&str> = None;
    [
        [Some("cell"), Some("99"), N, N, N, N, N, N],
        [Some("schema"), Some("public"), N, N, N, N, N, N],
        [
            Some("relation"),
            Some("7"),
            Some("public"),
            Some("patients"),
            Some("r"),
            Some("false"),
            N,
            N,
        ],
        [
            Some("attribute"),
            Some("7"),
            Some("1"),
            Some("id"),
            Some("23"),
            Some("-1"),
            Some("false"),
            Some(""),
        ],
        [
            Some("attribute"),
            Some("7"),
            Some("2"),
            Some("name"),
            Some("99"),
            Some("-1"),
            Some("false"),
            Some(""),
        ],
    ]
};

/// What a text did.
enum Done {
    /// Rows, and the tag.
    Rows(Vec<Vec<Option<String>>>, &'static str),
    Command(&'static str),
    Error(&'static str),
}

#[derive(Default)]
pub struct Postgres {
    /// Behind a proxy it is never sent what that refuses; alone it answers as the client should see it.
    alone: bool,
    /// So many readings of the catalog in a block meet an object that goes.
    races: usize,
    status: Status,
    savepoint: bool,
    ignoring: bool,
    statements: HashMap<Vec<u8>, String>,
    portals: HashMap<Vec<u8>, (String, bool)>,
    pub replies: VecDeque<Frame>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Status {
    #[default]
    Idle,
    Block,
    Failed,
}

impl Postgres {
    pub fn alone() -> Self {
        Self {
            alone: true,
            ..Self::default()
        }
    }

    pub fn racing(races: usize) -> Self {
        Self {
            races,
            ..Self::default()
        }
    }

    /// What it says behind AuthenticationOk.
    pub fn logged_in(&mut self) {
        self.say(b'K', b"\0\0\0\x2areal");
        self.say(b'S', b"session_authorization\0app\0");
        self.ready();
    }

    pub fn take(&mut self, frame: &Frame) {
        if frame.tag() == b'S' {
            self.ignoring = false;
            return self.ready();
        }
        if self.ignoring {
            return;
        }
        if frame.tag() == b'Q' {
            let text = String::from_utf8(Query::of(frame).unwrap().text.to_vec()).unwrap();
            self.statements.remove(&b""[..]);
            self.portals.remove(&b""[..]);
            if let Some(code) = self.unfit(&text) {
                self.error(code);
            } else {
                match self.run(&text) {
                    Done::Rows(rows, tag) => {
                        self.say(b'T', b"\0\0");
                        self.rows(&rows, tag);
                    }
                    Done::Command(tag) => self.say(b'C', tag.as_bytes()),
                    Done::Error(code) => self.error(code),
                }
            }
            return self.ready();
        }
        if let Err(code) = self.extended(frame) {
            self.error(code);
            self.ignoring = true;
        }
    }

    fn extended(&mut self, frame: &Frame) -> Result<(), &'static str> {
        match frame.tag() {
            b'P' => {
                let view = Parse::of(frame).unwrap();
                let text = String::from_utf8(view.query.to_vec()).unwrap();
                if view.name.is_empty() {
                    self.statements.remove(view.name);
                }
                if let Some(code) = self.unfit(&text) {
                    return Err(code);
                }
                if self.statements.contains_key(view.name) {
                    return Err("42P05");
                }
                self.statements.insert(view.name.to_vec(), text);
                self.say(b'1', b"");
            }
            b'B' => {
                let view = Bind::of(frame).unwrap();
                let text = self.statements.get(view.statement).ok_or("26000")?.clone();
                if self.status == Status::Failed && !is_exit(&text) {
                    return Err("25P02");
                }
                if !view.portal.is_empty() && self.portals.contains_key(view.portal) {
                    return Err("42P03");
                }
                self.portals.insert(view.portal.to_vec(), (text, false));
                self.say(b'2', b"");
            }
            b'D' => {
                let view = Named::of(frame).unwrap();
                let text = match view.target {
                    Target::Statement => {
                        let text = self.statements.get(view.name).ok_or("26000")?.clone();
                        self.say(b't', b"\0\0");
                        text
                    }
                    Target::Portal => self.portals.get(view.name).ok_or("34000")?.0.clone(),
                };
                match text.starts_with("SELECT") {
                    true => self.say(b'T', b"\0\0"),
                    false => self.say(b'n', b""),
                }
            }
            b'E' => {
                let view = Execute::of(frame).unwrap();
                let (text, done) = self.portals.get_mut(view.portal).ok_or("34000")?;
                let (text, again) = (text.clone(), std::mem::replace(done, true));
                match (again, text.starts_with("SELECT")) {
                    (true, true) => self.say(b'C', b"SELECT 0\0"),
                    (true, false) => return Err("55000"),
                    (false, _) => match self.run(&text) {
                        Done::Rows(rows, tag) => self.rows(&rows, tag),
                        Done::Command(tag) => self.say(b'C', tag.as_bytes()),
                        Done::Error(code) => return Err(code),
                    },
                }
            }
            b'C' => {
                let view = Named::of(frame).unwrap();
                match view.target {
                    Target::Statement => drop(self.statements.remove(view.name)),
                    Target::Portal => drop(self.portals.remove(view.name)),
                }
                self.say(b'3', b"");
            }
            b'H' => {}
            tag => panic!("the server was sent {}", tag.escape_ascii()),
        }
        Ok(())
    }

    /// Why a text does not come to be run.
    fn unfit(&self, text: &str) -> Option<&'static str> {
        match text {
            "SELECT FROM FROM" => return Some("42601"),
            _ if self.status == Status::Failed && !is_exit(text) => return Some("25P02"),
            "SELECT $0" => return Some("42P02"),
            REFUSED => assert!(self.alone, "what is refused went to the server"),
            _ => return None,
        }
        Some("0A000")
    }

    fn run(&mut self, text: &str) -> Done {
        let one = |value: &str| Done::Rows(vec![vec![Some(value.to_owned())]], "SHOW\0");
        match text {
            "SELECT 1" => Done::Rows(vec![vec![Some("1".to_owned())]], "SELECT 1\0"),
            "SELECT 1 / 0" => Done::Error("22012"),
            "BEGIN" => {
                self.status = Status::Block;
                Done::Command("BEGIN\0")
            }
            "COMMIT" | "ROLLBACK" => {
                let good = self.status != Status::Failed && text == "COMMIT";
                self.status = Status::Idle;
                self.savepoint = false;
                self.portals.clear();
                Done::Command(if good { "COMMIT\0" } else { "ROLLBACK\0" })
            }
            "CREATE TABLE made (id int)" | "CREATE TEMP TABLE mine (id int)" => {
                Done::Command("CREATE TABLE\0")
            }
            "SAVEPOINT _hc_own" if self.status == Status::Block => {
                self.savepoint = true;
                Done::Command("SAVEPOINT\0")
            }
            "ROLLBACK TO SAVEPOINT _hc_own" if self.savepoint => {
                self.status = Status::Block;
                Done::Command("ROLLBACK\0")
            }
            "RELEASE SAVEPOINT _hc_own" if self.savepoint => {
                self.savepoint = false;
                Done::Command("RELEASE\0")
            }
            "SET LOCAL lock_timeout TO '400ms'" => Done::Command("SET\0"),
            SNAPSHOT if self.savepoint && self.races > 0 => {
                self.races -= 1;
                Done::Error("XX000")
            }
            SNAPSHOT => {
                let row =
                    |row: &[Option<&str>; 8]| row.iter().map(|v| v.map(str::to_owned)).collect();
                Done::Rows(CATALOG.iter().map(row).collect(), "SELECT 5\0")
            }
            "SHOW search_path" => one("public"),
            "SHOW role" => one("none"),
            "SHOW standard_conforming_strings" => one("on"),
            "SHOW TimeZone" => one("UTC"),
            "SHOW DateStyle" => one("ISO, MDY"),
            "SHOW IntervalStyle" => one("postgres"),
            "SHOW bytea_output" => one("hex"),
            "SHOW extra_float_digits" => one("1"),
            "SHOW array_nulls" => one("on"),
            _ if text.starts_with("RESET hippocrypt.") => Done::Command("RESET\0"),
            _ if text.starts_with("SHOW hippocrypt.") => one(""),
            _ if text.contains("pg_my_temp_schema") => Done::Rows(Vec::new(), "SELECT 0\0"),
            _ => panic!("the server was sent {text}"),
        }
    }

    fn rows(&mut self, rows: &[Vec<Option<String>>], tag: &str) {
        for row in rows {
            let mut body = u16::try_from(row.len()).unwrap().to_be_bytes().to_vec();
            for value in row {
                let length = value
                    .as_ref()
                    .map_or(-1, |v| i32::try_from(v.len()).unwrap());
                body.extend(length.to_be_bytes());
                body.extend(value.iter().flat_map(|v| v.bytes()));
            }
            self.say(b'D', &body);
        }
        self.say(b'C', tag.as_bytes());
    }

    fn ready(&mut self) {
        let status = match self.status {
            Status::Idle => {
                self.portals.clear();
                b"I"
            }
            Status::Block => b"T",
            Status::Failed => b"E",
        };
        self.say(b'Z', status);
    }

    fn say(&mut self, tag: u8, body: &[u8]) {
        self.replies.push_back(frame(tag, body));
    }

    fn error(&mut self, code: &str) {
        match self.status {
            Status::Idle => self.portals.clear(),
            Status::Block | Status::Failed => self.status = Status::Failed,
        }
        let mut bytes = BytesMut::new();
        ErrorReport::new(Severity::Error, code, "words")
            .write(&mut bytes)
            .unwrap();
        self.replies.push_back(Frame::new(bytes.freeze()).unwrap());
    }
}

fn is_exit(text: &str) -> bool {
    matches!(
        text,
        "COMMIT" | "ROLLBACK" | "ROLLBACK TO SAVEPOINT _hc_own"
    )
}

/// One message of a client.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    Parse(u8, usize),
    Bind(u8, u8),
    DescribeStatement(u8),
    DescribePortal(u8),
    Execute(u8),
    CloseStatement(u8),
    ClosePortal(u8),
    Flush,
    Sync,
    Query(usize),
}

impl Message {
    pub fn write(self, w: &mut Writer<'_>) {
        let name = |n: u8| [&b""[..], b"a", b"b"][usize::from(n)];

        match self {
            Self::Parse(n, text) => w.parse(name(n), TEXTS[text].as_bytes(), std::iter::empty()),
            Self::Bind(portal, n) => w.bind(
                name(portal),
                name(n),
                std::iter::empty(),
                std::iter::empty(),
            ),
            Self::DescribeStatement(n) => w.describe(Target::Statement, name(n)),
            Self::DescribePortal(n) => w.describe(Target::Portal, name(n)),
            Self::Execute(n) => w.execute(name(n), 0),
            Self::CloseStatement(n) => w.close_named(Target::Statement, name(n)),
            Self::ClosePortal(n) => w.close_named(Target::Portal, name(n)),
            Self::Flush => w.bare(b'H'),
            Self::Sync => w.bare(b'S'),
            Self::Query(text) => w.query(TEXTS[text].as_bytes()),
        }
        .unwrap();
    }
}

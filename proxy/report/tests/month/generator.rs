//! A month in a clinic, written by the log's own writer, with books kept beside it.
//!
//! Who did what is decided here and noted in [`Fact`]s; the log gets the same as records. A run of the same size is the
//! same month.

mod clinic;

pub use clinic::intruder;

use crate::rng::Rng;
use clinic::{READ, plain};
use hippocrypt_audit::{
    Body, ColumnUse, Compression, Decision, Described, Intent, Keep, Log, Opened, Options, Outcome,
    Record, SessionFacts, SessionInfo, Source, SqlState, Statement, Subjects, SubjectsState, Told,
};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Microseconds since 1970: the clock of the log under construction.
static CLOCK: AtomicU64 = AtomicU64::new(0);

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
/// 2026-10-01T00:00:00Z
pub const OCTOBER: u64 = 1_790_812_800 * SECOND;

/// How a protected column was touched.
pub type Touch = (&'static str, &'static str, &'static str);

/// A shape of statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub kind: &'static str,
    pub sql: &'static str,
    pub table: &'static str,
    pub touches: &'static [Touch],
}

/// Who, from where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    pub user: &'static str,
    pub end_user: Option<String>,
    pub host: String,
    pub app: &'static str,
    pub rule: &'static str,
}

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Done,
    Failed(&'static str),
    Refused(&'static str),
    /// No outcome.
    Lost,
}

/// What is on record of whose records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    All,
    More,
    Unknown,
    /// The table has no subject.
    None,
}

/// A statement, in the books.
#[derive(Clone, Debug)]
pub struct Fact {
    pub time: u64,
    pub who: Arc<Who>,
    pub shape: Shape,
    pub rows: u64,
    pub subjects: Vec<u32>,
    pub state: State,
    pub reason: Option<String>,
    pub end: End,
}

/// The books.
#[derive(Debug, Default)]
pub struct Books {
    pub facts: Vec<Fact>,
    pub failed_logins: u64,
    /// Records of the log, all types.
    pub records: u64,
    /// Silences that are explained, and that are not.
    pub silences: (u64, u64),
    pub policies: u64,
    pub crashes: u64,
}

/// A patient's pseudonym: sixteen characters of base64url.
pub fn pseudonym(patient: u32) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut rng = Rng::new(u64::from(patient) + 77);
    let letter = |_| ALPHABET[rng.below(64) as usize] as char;
    format!("patient:{}", (0..16).map(letter).collect::<String>())
}

enum Event {
    Begin(usize),
    End(usize),
    Statement(usize),
    Outcome(usize),
    Other(Box<Record>),
}

struct Month<'a> {
    rng: Rng,
    patients: u32,
    books: Books,
    log: Option<Log>,
    dir: &'a Path,
    described: HashMap<Shape, Arc<Described>>,
    /// Sessions of the day: who, id, number of statements.
    sessions: Vec<(Arc<SessionInfo>, Arc<Who>, u64)>,
    session_of: HashMap<Arc<Who>, usize>,
    /// Of a fact of the day: its session and number in it.
    placed: HashMap<usize, (usize, u64)>,
    events: Vec<(u64, u64, Event)>,
    session_number: u64,
}

/// Writes a month of about `statements` to `dir`.
pub fn write(dir: &Path, statements: u64) -> Books {
    let mut month = Month {
        rng: Rng::new(4711),
        patients: u32::try_from(statements / 20).unwrap().clamp(500, 50_000),
        books: Books::default(),
        log: None,
        dir,
        described: HashMap::new(),
        sessions: Vec::new(),
        session_of: HashMap::new(),
        placed: HashMap::new(),
        events: Vec::new(),
        session_number: 0,
    };
    // August: two accounts that are then silent.
    month.open(OCTOBER - 47 * DAY);
    month.day_of(OCTOBER - 47 * DAY, |m, day| {
        m.one(day + 9 * HOUR, &plain("dr_old", "10.0.1.1"), READ, 1, 1);
        m.one(day + 10 * HOUR, &plain("dr_back", "10.0.1.2"), READ, 1, 1);
    });
    month.close("SIGTERM");
    month.open(OCTOBER);
    // Stopped from August to October.
    month.books.silences.0 += 1;
    for day in 0..31 {
        let per_day = statements / 31;
        month.day_of(OCTOBER + day * DAY, |m, at| {
            m.ordinary(at, per_day);
            m.special(day, at);
        });
        if day == 14 {
            // A crash: the next start finds no stop.
            month.log = None;
            month.open(OCTOBER + 15 * DAY + 5 * 60 * SECOND);
            month.books.crashes += 1;
            month.books.silences.0 += 1;
        }
    }
    month.close("SIGTERM");
    month.books
}

impl Month<'_> {
    fn open(&mut self, at: u64) {
        CLOCK.store(at, Ordering::Relaxed);
        let options = Options {
            node: "proxy-a".to_owned(),
            segment_bytes: 16 * 1024 * 1024,
            keep: Keep {
                compression: Compression::Off,
                ..Keep::default()
            },
            now: || {
                let micros = CLOCK.fetch_add(7, Ordering::Relaxed);
                SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
            },
            ..Options::default()
        };
        let log = Log::open(self.dir, options).unwrap();
        self.log = Some(log);
        self.append(
            &Body::Start {
                version: "0.1.0".into(),
                listen: "127.0.0.1:6432".into(),
                policy: "1111111111111111".into(),
            }
            .into(),
        );
    }

    fn close(&mut self, reason: &str) {
        let reason = reason.into();
        self.append(&Body::Stop { reason }.into());
        self.log.take().unwrap().close().unwrap();
    }

    fn append(&mut self, record: &Record) {
        let seq = self.log.as_ref().unwrap().append(record).unwrap();
        self.books.records = seq + 1;
    }

    /// Plans a day, then writes it in order, with heartbeats where nothing happens.
    fn day_of(&mut self, day: u64, plan: impl FnOnce(&mut Self, u64)) {
        plan(self, day);
        for at in 0..self.sessions.len() {
            let ends = day + 23 * HOUR + 50 * 60 * SECOND;
            self.event(ends, Event::End(at));
        }
        let mut events = std::mem::take(&mut self.events);
        events.sort_by_key(|(time, order, _)| (*time, *order));
        let mut heard = CLOCK.load(Ordering::Relaxed);
        let silent = OCTOBER + 19 * DAY + HOUR;
        for (time, _, event) in events {
            while time > heard + 61 * SECOND {
                heard += 60 * SECOND;
                // Three hours in which something kept the log from writing.
                if heard < silent || heard > silent + 3 * HOUR {
                    CLOCK.store(heard, Ordering::Relaxed);
                    self.append(&Body::Heartbeat.into());
                }
            }
            heard = time;
            CLOCK.fetch_max(time, Ordering::Relaxed);
            self.write_event(event);
        }
        if day == OCTOBER + 19 * DAY {
            self.books.silences.1 += 1;
        }
        self.sessions.clear();
        self.session_of.clear();
        self.placed.clear();
    }

    fn event(&mut self, time: u64, event: Event) {
        let order = self.events.len() as u64;
        self.events.push((time, order, event));
    }

    fn session(&mut self, who: &Arc<Who>) -> usize {
        if let Some(at) = self.session_of.get(who) {
            return *at;
        }
        self.session_number += 1;
        let id = format!("s{:06}", self.session_number);
        let client = format!("{}:{}", who.host, 40_000 + self.session_number % 20_000);
        let session = Arc::new(SessionInfo::new(&SessionFacts {
            id: &id,
            backend_pid: Some(4711),
            user: who.user,
            client: &client,
            app: who.app,
            db: "clinic",
        }));
        let at = self.sessions.len();
        self.sessions.push((session, Arc::clone(who), 0));
        self.session_of.insert(Arc::clone(who), at);
        at
    }

    fn fact(&mut self, fact: Fact) {
        let session = self.session(&fact.who);
        self.sessions[session].2 += 1;
        let stmt = self.sessions[session].2;
        let at = self.books.facts.len();
        self.placed.insert(at, (session, stmt));
        if stmt == 1 {
            // Sessions begin when the day does, so that none begins after its first statement in time.
            let day = fact.time - fact.time % DAY;
            self.event(day + 6 * 60 * SECOND, Event::Begin(session));
        }
        self.event(fact.time, Event::Statement(at));
        if matches!(fact.end, End::Done | End::Failed(_)) {
            let lasts = 400 + self.rng.below(20_000);
            self.event(fact.time + lasts, Event::Outcome(at));
        }
        self.books.facts.push(fact);
    }

    fn write_event(&mut self, event: Event) {
        match event {
            Event::Other(record) => self.append(&record),
            Event::Begin(at) => {
                let session = Arc::clone(&self.sessions[at].0);
                self.append(
                    &Body::SessionStart {
                        session,
                        auth: "scram-sha-256".into(),
                        tls: Some("TLSv1.3 TLS_AES_256_GCM_SHA384".into()),
                    }
                    .into(),
                );
            }
            Event::End(at) => {
                let (session, _, statements) = &self.sessions[at];
                let record = Body::SessionEnd {
                    session: Arc::clone(session),
                    reason: "terminate".into(),
                    statements: *statements,
                    duration: Duration::from_secs(3600),
                };
                self.append(&record.into());
            }
            Event::Statement(at) => self.write_statement(at),
            Event::Outcome(at) => self.write_outcome(at),
        }
    }

    fn write_statement(&mut self, at: usize) {
        let fact = &self.books.facts[at];
        let (session, stmt) = self.placed[&at];
        let described = self.described.entry(fact.shape).or_insert_with(|| {
            let touch = |t: &Touch| ColumnUse {
                column: t.0,
                usage: t.1,
                shown: t.2,
            };
            Arc::new(Described::new(
                fact.shape.kind,
                fact.shape.sql,
                Some("50fde20626009aba"),
                [fact.shape.table],
                fact.shape.touches.iter().map(touch),
            ))
        });
        let told = |text: &String| {
            Arc::new(Told {
                text: text.as_str().into(),
                source: Source::Setting,
            })
        };
        let record = Body::Statement(Statement {
            session: Arc::clone(&self.sessions[session].0),
            stmt,
            described: Arc::clone(described),
            end_user: fact.who.end_user.as_ref().map(told),
            decision: match fact.end {
                End::Refused(code) => Decision::Refused(SqlState::new(code)),
                _ => Decision::Forwarded,
            },
            rule: Some(fact.who.rule.into()),
            policy: Some("1111111111111111".into()),
            reason: fact.reason.as_ref().map(told),
        });
        self.append(&record.into());
        // Those of a statement that died are on record before its rows go.
        let fact = &self.books.facts[at];
        if fact.end == End::Lost && !fact.subjects.is_empty() {
            self.write_subjects(at, 0);
        }
    }

    fn write_subjects(&mut self, at: usize, from: usize) {
        let (session, stmt) = self.placed[&at];
        let subjects: Vec<Arc<str>> = self.books.facts[at].subjects[from..]
            .iter()
            .map(|p| pseudonym(*p).into())
            .collect();
        let session = Arc::clone(&self.sessions[session].0);
        for subjects in subjects.chunks(1000) {
            self.append(
                &Body::Subjects(Subjects {
                    session: Arc::clone(&session),
                    stmt,
                    subjects: subjects.to_vec(),
                })
                .into(),
            );
        }
    }

    fn write_outcome(&mut self, at: usize) {
        // So many fit an outcome.
        let own = self.books.facts[at].subjects.len().min(30);
        if self.books.facts[at].subjects.len() > own {
            self.write_subjects(at, own);
        }
        let fact = &self.books.facts[at];
        let (session, stmt) = self.placed[&at];
        let opened = fact.shape.touches.iter();
        let opened = opened.filter(|t| t.2 == "clear" || t.2 == "masked");
        let record = Body::Outcome(Outcome {
            session: Arc::clone(&self.sessions[session].0),
            stmt,
            of: Intent::Statement,
            rows: fact.rows,
            bytes: fact.rows * 61,
            duration: Duration::from_micros(1_007),
            sqlstate: match fact.end {
                End::Failed(code) => Some(SqlState::new(code)),
                _ => None,
            },
            opened: opened
                .filter(|_| fact.rows > 0)
                .map(|t| Opened {
                    column: t.0.into(),
                    cells: fact.rows,
                })
                .collect(),
            subjects: fact.subjects[..own]
                .iter()
                .map(|p| pseudonym(*p).into())
                .collect(),
            subjects_state: match fact.state {
                State::All => Some(SubjectsState::All),
                State::More => Some(SubjectsState::More),
                State::Unknown => Some(SubjectsState::Unknown),
                State::None => None,
            },
        });
        self.append(&record.into());
    }
}

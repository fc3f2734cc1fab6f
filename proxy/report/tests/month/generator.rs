//! A month in a clinic, written by the log's own writer, with books kept beside it.
//!
//! Who did what is decided here and noted in [`Fact`]s; the log gets the same as records. A run of the same size is the
//! same month.

use crate::rng::Rng;
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
/// Subjects of a statement that are put on record; more than that are not.
const SUBJECTS_MAX: usize = 2000;

/// How a protected column was touched.
pub type Touch = (&'static str, &'static str, &'static str);

const NAME_CLEAR: Touch = ("public.patients.name", "read", "clear");
const SSN_FILTER: Touch = ("public.patients.ssn", "filter", "not");
const SSN_MASKED: Touch = ("public.patients.ssn", "read", "masked");
const NOTES_CLEAR: Touch = ("public.visits.notes", "read", "clear");
const NOTES_WRITE: Touch = ("public.visits.notes", "write", "not");
const NAME_REFUSED: Touch = ("public.patients.name", "read", "refused");

/// A shape of statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub kind: &'static str,
    pub sql: &'static str,
    pub table: &'static str,
    pub touches: &'static [Touch],
}

const READ: Shape = Shape {
    kind: "SELECT",
    sql: "SELECT id, name FROM patients WHERE ssn = $1",
    table: "public.patients",
    touches: &[NAME_CLEAR, SSN_FILTER],
};
const NOTES: Shape = Shape {
    kind: "SELECT",
    sql: "SELECT v.* FROM visits v WHERE patient_id = $1",
    table: "public.visits",
    touches: &[NOTES_CLEAR],
};
const WRITE: Shape = Shape {
    kind: "UPDATE",
    sql: "UPDATE visits SET notes = $1 WHERE id = $2",
    table: "public.visits",
    touches: &[NOTES_WRITE],
};
const ROOMS: Shape = Shape {
    kind: "SELECT",
    sql: "SELECT room FROM rooms WHERE ward = $1",
    table: "public.rooms",
    touches: &[],
};
const VIP: Shape = Shape {
    kind: "SELECT",
    sql: "SELECT * FROM vip WHERE id = $1",
    table: "public.vip",
    touches: &[],
};
const BILL: Shape = Shape {
    kind: "SELECT",
    sql: "SELECT ssn FROM patients WHERE id = $1",
    table: "public.patients",
    touches: &[SSN_MASKED],
};
const FORBIDDEN: Shape = Shape {
    kind: "SELECT",
    sql: "SELECT name FROM patients",
    table: "public.patients",
    touches: &[NAME_REFUSED],
};
const EXPORT: Shape = Shape {
    kind: "COPY",
    sql: "COPY patients TO STDOUT",
    table: "public.patients",
    touches: &[NAME_CLEAR, SSN_MASKED],
};
const GRANT: Shape = Shape {
    kind: "GRANT",
    sql: "GRANT SELECT ON visits TO analyst",
    table: "public.visits",
    touches: &[],
};
const LOGGED_ONLY: Shape = Shape {
    kind: "SELECT",
    sql: "SELECT text FROM letters",
    table: "public.letters",
    touches: &[("public.letters.text", "read", "clear")],
};

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

fn plain(user: &'static str, host: &str) -> Arc<Who> {
    Arc::new(Who {
        user,
        end_user: None,
        host: host.to_owned(),
        app: "ward",
        rule: "clinical",
    })
}

pub fn doctor(n: u64) -> Arc<Who> {
    Arc::new(Who {
        user: "app",
        end_user: Some(format!("dr.{n:02}")),
        host: format!("10.0.0.{}", n % 5 + 10),
        app: "ward",
        rule: "clinical",
    })
}

fn billing() -> Arc<Who> {
    Arc::new(Who {
        user: "billing",
        end_user: None,
        host: "10.0.2.1".to_owned(),
        app: "billing-ui",
        rule: "billing",
    })
}

/// Its application's name is what nobody wants to open in a spreadsheet, or a browser.
pub fn intruder() -> Arc<Who> {
    Arc::new(Who {
        user: "app",
        end_user: None,
        host: "203.0.113.9".to_owned(),
        app: "=cmd|'/C calc'!A0<script>alert(1)</script>",
        rule: "clinical",
    })
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

    /// A statement that succeeds.
    fn one(&mut self, time: u64, who: &Arc<Who>, shape: Shape, rows: u64, patients: usize) {
        let subjects = self.some_patients(patients);
        self.fact(Fact {
            time,
            who: Arc::clone(who),
            shape,
            rows,
            subjects,
            state: if shape.touches.is_empty() {
                State::None
            } else {
                State::All
            },
            reason: None,
            end: End::Done,
        });
    }

    fn some_patients(&mut self, n: usize) -> Vec<u32> {
        let mut out: Vec<u32> = (0..n)
            .map(|_| u32::try_from(self.rng.skewed(u64::from(self.patients))).unwrap())
            .collect();
        out.sort_unstable();
        out.dedup();
        out
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

    /// What happens every day: doctors by their application, billing by itself.
    fn ordinary(&mut self, day: u64, statements: u64) {
        for _ in 0..statements {
            let time = day + 7 * HOUR + self.rng.below(11 * HOUR);
            let dice = self.rng.below(1000);
            let mut fact = Fact {
                time,
                who: if dice < 850 {
                    doctor(self.rng.below(30) + 1)
                } else {
                    billing()
                },
                shape: READ,
                rows: 1,
                subjects: Vec::new(),
                state: State::All,
                reason: None,
                end: End::Done,
            };
            match dice {
                0..=449 => {}
                450..=649 => {
                    fact.shape = NOTES;
                    fact.rows = self.rng.below(4) + 1;
                }
                650..=749 => fact.shape = WRITE,
                750..=849 => {
                    fact.shape = ROOMS;
                    fact.state = State::None;
                }
                850..=989 => fact.shape = BILL,
                990..=994 => {
                    fact.shape = FORBIDDEN;
                    fact.end = End::Refused("42501");
                }
                _ => fact.end = End::Failed("57014"),
            }
            if fact.end != End::Done || fact.state == State::None {
                fact.state = if matches!(fact.end, End::Failed(_)) {
                    State::All
                } else {
                    State::None
                };
                fact.rows = if fact.end == End::Done { 3 } else { 0 };
            } else {
                fact.subjects = self.some_patients(1);
            }
            if self.rng.below(10) == 0 && fact.who.end_user.is_some() {
                fact.reason = Some(format!("TICKET-{}", self.rng.below(50)));
            }
            self.fact(fact);
        }
    }

    /// What happens once, on which day of October (from 0).
    fn special(&mut self, day: u64, at: u64) {
        if day.is_multiple_of(7) {
            let export = Arc::new(Who {
                user: "export",
                app: "copy-job",
                host: "10.0.3.1".to_owned(),
                end_user: None,
                rule: "clinical",
            });
            let patients = self.patients as usize;
            self.one(at + 20 * HOUR, &export, EXPORT, patients as u64, 1500);
        }
        match day {
            3 => self.emergency(at, "TRAUMA-1", 4),
            9 => self.emergency(at, "", 2),
            5 => self.policies(at),
            // The crash of the night after takes two statements' outcomes with it.
            14 => {
                for n in 0..2 {
                    let mut fact = self.lost(at + 23 * HOUR + n, &doctor(1));
                    fact.subjects.clear();
                    self.fact(fact);
                }
            }
            19 => self.one(at + 9 * HOUR, &plain("dr_back", "10.0.1.2"), READ, 1, 1),
            20 => {
                // A table without a subject in the policy, and one statement that cannot tell.
                let mut fact = self.lost(at + 12 * HOUR, &doctor(2));
                fact.end = End::Done;
                fact.subjects.clear();
                fact.shape = LOGGED_ONLY;
                fact.state = State::None;
                fact.rows = 12;
                self.fact(fact.clone());
                fact.shape = NOTES;
                fact.state = State::Unknown;
                self.fact(fact);
            }
            24 => self.breach(at),
            25 => {
                for n in 0..8 {
                    self.one(at + 9 * HOUR + n * SECOND, &doctor(99), READ, 1, 1);
                }
            }
            26 => {
                let mut who = (*doctor(8)).clone();
                who.app = "psql";
                self.one(at + 12 * HOUR, &Arc::new(who), READ, 1, 1);
            }
            27 => self.one(at + 12 * HOUR, &doctor(5), VIP, 1, 0),
            28 => self.one(at + 2 * HOUR, &doctor(3), READ, 1, 1),
            29 => self.one(at + 12 * HOUR, &doctor(9), NOTES, 50_000, 30),
            _ => {}
        }
        if day >= 10 && day.is_multiple_of(5) {
            for n in 0..7 {
                self.books.failed_logins += 1;
                let session = Arc::new(SessionInfo::new(&SessionFacts {
                    id: &format!("f{day}-{n}"),
                    backend_pid: None,
                    user: "postgres",
                    client: "203.0.113.9:1",
                    app: "",
                    db: "clinic",
                }));
                let failure = Body::AuthFailure {
                    session,
                    sqlstate: SqlState::new("28P01"),
                    reason: "password".into(),
                };
                let time = at + 4 * HOUR + n * SECOND;
                self.event(time, Event::Other(Box::new(failure.into())));
            }
        }
    }

    fn lost(&mut self, time: u64, who: &Arc<Who>) -> Fact {
        Fact {
            time,
            who: Arc::clone(who),
            shape: READ,
            rows: 0,
            subjects: self.some_patients(1),
            state: State::None,
            reason: None,
            end: End::Lost,
        }
    }

    fn emergency(&mut self, at: u64, reason: &str, statements: u64) {
        let who = Arc::new(Who {
            user: "emergency",
            end_user: Some("dr.11".to_owned()),
            host: "10.0.0.99".to_owned(),
            app: "ward",
            rule: "break_glass",
        });
        for n in 0..statements {
            let subjects = self.some_patients(3);
            self.fact(Fact {
                time: at + 3 * HOUR + n * SECOND,
                who: Arc::clone(&who),
                shape: NOTES,
                rows: 3,
                subjects,
                state: State::All,
                reason: Some(reason.to_owned()).filter(|r| !r.is_empty()),
                end: End::Done,
            });
        }
    }

    /// Whoever had the application's password: reads, is refused, reads more than is put on record, is cut off.
    fn breach(&mut self, at: u64) {
        let who = intruder();
        for n in 0..60 {
            let time = at + 3 * HOUR + n * 10 * SECOND;
            let (shape, patients) = if n % 3 == 0 { (BILL, 1) } else { (READ, 2) };
            self.one(time, &who, shape, patients, patients as usize);
        }
        let mut fact = self.lost(at + 4 * HOUR, &who);
        fact.end = End::Refused("42501");
        fact.shape = FORBIDDEN;
        fact.subjects.clear();
        self.fact(fact);
        let mut fact = self.lost(at + 4 * HOUR + SECOND, &who);
        fact.end = End::Done;
        fact.state = State::More;
        fact.rows = 5000;
        fact.subjects = self.some_patients(SUBJECTS_MAX);
        self.fact(fact);
        let fact = self.lost(at + 4 * HOUR + 2 * SECOND, &who);
        self.fact(fact);
    }

    fn policies(&mut self, at: u64) {
        let policy = |action: &str, hash: &str| -> Record {
            Body::Policy {
                action: action.into(),
                policy: hash.into(),
                source: "policy.yaml".into(),
                actor: "SIGHUP".into(),
                detail: None,
            }
            .into()
        };
        let keys = Body::Keys {
            action: "sync".into(),
            target: "public.visits.notes".into(),
            actor: "root".into(),
            detail: None,
        };
        let records = [
            policy("reload", "2222222222222222"),
            policy("refuse", "3333333333333333"),
            keys.into(),
        ];
        for (n, record) in records.into_iter().enumerate() {
            let time = at + 13 * HOUR + n as u64 * SECOND;
            self.event(time, Event::Other(Box::new(record)));
        }
        self.books.policies += 1;
        let dba = plain("dba", "10.0.4.1");
        self.one(at + 14 * HOUR, &dba, GRANT, 0, 0);
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

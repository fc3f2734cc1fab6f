//! What happens in the clinic: ordinary days, and what happens once.

use super::{End, Event, Fact, HOUR, Month, SECOND, Shape, State, Touch, Who};
use hippocrypt_audit::{Body, Record, SessionFacts, SessionInfo, SqlState};
use std::sync::Arc;

/// Patients whom one statement reads at once, at most.
const MANY: usize = 2000;

const NAME_CLEAR: Touch = ("public.patients.name", "read", "clear");
const SSN_FILTER: Touch = ("public.patients.ssn", "filter", "not");
const SSN_MASKED: Touch = ("public.patients.ssn", "read", "masked");
const NOTES_CLEAR: Touch = ("public.visits.notes", "read", "clear");
const NOTES_WRITE: Touch = ("public.visits.notes", "write", "not");
const NAME_REFUSED: Touch = ("public.patients.name", "read", "refused");

pub const READ: Shape = Shape {
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

pub fn plain(user: &'static str, host: &str) -> Arc<Who> {
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
    /// A statement that succeeds.
    pub fn one(&mut self, time: u64, who: &Arc<Who>, shape: Shape, rows: u64, patients: usize) {
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

    /// What happens every day: doctors by their application, billing by itself.
    pub fn ordinary(&mut self, day: u64, statements: u64) {
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
    pub fn special(&mut self, day: u64, at: u64) {
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
        fact.subjects = self.some_patients(MANY);
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
}

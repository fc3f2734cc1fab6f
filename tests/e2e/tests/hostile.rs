//! Tricks that got plaintext past an encrypting proxy, or cells to a client, elsewhere: each answered here as by the
//! twin or refused, and its secret neither on the wire, nor in the log, nor in the dump.
//!
//! Sources name the study that a trick is from: "threats" is our own list of parser differentials and smuggling, the
//! others are what users of CipherStash Proxy and of Acra met.

use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{self, Message, Raw, comparable, sqlstate};
use hippocrypt_e2e::{Setup, log};

mod functions;
mod reads;
mod sessions;
mod smuggling;
mod wire;
mod writes;

/// In every protected value of every trick, and nowhere else.
const SECRET: &str = "Hostile Heron";

/// The same in hex, and as it would look in base64 wherever it begins.
const FORMS: [&str; 3] = [
    "Hostile Heron",
    "486f7374696c65204865726f6e",
    "SG9zdGlsZSBIZXJvb",
];

/// What must come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    /// The twin's answers.
    Answer,
    /// A refusal, somewhere in it.
    Refuse,
    /// Either; never another answer.
    Either,
}

/// A trick: its name, where it is from, and what is sent, statement by statement in one session.
struct Trick(&'static str, &'static str, Must, &'static [&'static str]);

const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.patients:
        columns:
          name:  { type: text,        protect: random }
          ssn:   { type: varchar(20), protect: deterministic }
          dob:   { type: date,        protect: random }
          notes: { type: text,        protect: random }
      public.claims:
        columns:
          patient_ssn: { type: varchar(20), protect: deterministic, group: public.patients.ssn }
      public.a_name_that_is_sixty_three_bytes_long_so_that_one_more_is_cut_x:
        columns:
          secret: { type: text, protect: random }
default: clear
"#;

const TABLES: &str = "
CREATE TABLE patients (id int PRIMARY KEY, name text, ssn varchar(20) UNIQUE, dob date, notes text, vip bool DEFAULT false);
CREATE TABLE claims (id int PRIMARY KEY, patient_ssn varchar(20), amount int);
CREATE TABLE visits (id int PRIMARY KEY, patient_id int, room text, name text);
CREATE TABLE a_name_that_is_sixty_three_bytes_long_so_that_one_more_is_cut_x (id int, secret text);
INSERT INTO patients VALUES (1, 'Hostile Heron 1', 'Hostile Heron 1', '1980-01-02', 'Hostile Heron notes'), (2, 'Hostile Heron 2', NULL, NULL, NULL), (3, NULL, 'Hostile Heron 3', '1999-12-31', '');
INSERT INTO claims VALUES (1, 'Hostile Heron 1', 10), (2, 'Hostile Heron 1', 20), (3, NULL, 5), (4, 'nobody', 0);
INSERT INTO visits VALUES (1, 1, 'A', 'ward'), (2, 2, 'B', 'ward');
INSERT INTO a_name_that_is_sixty_three_bytes_long_so_that_one_more_is_cut_x VALUES (1, 'Hostile Heron long')";

fn place() -> Place {
    let place = Setup::policy(POLICY).start();
    place.both(TABLES);
    place
}

/// Errors by code: our texts never repeat a value, PostgreSQL's do.
fn answer(messages: &[Message]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for message in messages {
        match message.tag {
            'E' => lines.push(format!("E{}", message.sqlstate())),
            _ => lines.extend(comparable(std::slice::from_ref(message))),
        }
    }
    lines
}

/// What a trick came to; `Err` says what is wrong with it.
fn play(place: &Place, Trick(_, _, must, statements): &Trick) -> Result<(), String> {
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    through.query("BEGIN");
    twin.query("BEGIN");
    let mut refused = false;
    for statement in *statements {
        let (a, b) = (ask(&mut through, statement), ask(&mut twin, statement));
        shows_nothing(&a)?;
        let (mine, theirs) = (sqlstate(&a), sqlstate(&b));
        let no = mine
            .as_deref()
            .is_some_and(|c| c == "0A000" || c == "42501");
        if no && mine != theirs {
            refused = true;
            break;
        }
        let (a, b) = (answer(&a), answer(&b));
        if a != b {
            return Err(format!(
                "another answer to {statement}\n      proxy {a:?}\n      twin  {b:?}"
            ));
        }
    }
    through.query("ROLLBACK");
    twin.query("ROLLBACK");
    match (must, refused) {
        (Must::Answer, true) => Err("refused".to_owned()),
        (Must::Refuse, false) => Err("answered".to_owned()),
        _ => Ok(()),
    }
}

/// A simple query; what COPY asks for is a row of two columns.
fn ask(raw: &mut Raw, statement: &str) -> Vec<Message> {
    raw.send(&raw::query(statement));
    let mut messages = raw.until("ZG");
    if messages.last().is_some_and(|m| m.tag == 'G') {
        raw.pipeline(&[raw::copy_data(b"77\tHostile Heron 77\n"), raw::copy_done()]);
        messages.extend(raw.until_ready());
    }
    messages
}

/// No cell reaches a client, and no error or notice of the proxy's repeats a protected value.
fn shows_nothing(messages: &[Message]) -> Result<(), String> {
    for message in messages {
        let text = String::from_utf8_lossy(&message.body).into_owned();
        let cell = text.contains("f5e1") || message.body.windows(2).any(|w| w == [0xf5, 0xe1]);
        if cell {
            return Err(format!("a cell reached the client: {message:?}"));
        }
        if matches!(message.tag, 'E' | 'N') && text.contains(SECRET) {
            return Err(format!("a message repeats a value: {message:?}"));
        }
    }
    Ok(())
}

/// Plays a table of tricks; each failure is named.
fn all_of(tricks: &[Trick]) {
    let place = place();
    let mut wrong = Vec::new();
    for trick in tricks {
        let Trick(name, source, _, statements) = trick;
        let from = log::end();
        place.tap.forget();
        let mut said = play(&place, trick).err().into_iter().collect::<Vec<_>>();
        let logged = log::since(&place.database, from);
        for form in FORMS {
            if place.tap.saw(form.as_bytes()) {
                said.push(format!("{form:?} went to the database"));
            }
            if logged.contains(form) {
                said.push(format!("{form:?} is in the server's log"));
            }
        }
        if !said.is_empty() {
            wrong.push(format!(
                "{name} ({source})\n    {}\n    {}",
                statements.join("\n    "),
                said.join("\n    ")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        tricks.len(),
        wrong.join("\n")
    );
    let dump = place.dump();
    for form in FORMS {
        assert!(!dump.contains(form), "{form:?} is in the database");
    }
}

//! `protect: hash`: a column that the proxy fills with a one-way cell of other columns' values together.
//!
//! Whatever leaves a hash behind its parts is refused: a test here tries each way of writing a row.

use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{self, Message, Raw, rows, sqlstate};
use hippocrypt_e2e::{Setup, sql};

mod added;
mod brought;
mod compared;
mod copied;
mod filled;
mod held;
mod looked_up;
mod refused;

const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.people:
        columns:
          ssn:   { type: varchar(11), protect: random }
          dob:   { type: date,        protect: random }
          name:  { type: text,        protect: deterministic }
          match: { protect: hash, of: [ssn, dob] }
      public.wide:
        columns:
          code: { type: char(5),             protect: random }
          cost: { type: "numeric(10,2)",     protect: random }
          n:    { type: int4,                protect: deterministic }
          at:   { type: timestamptz(3),      protect: random }
          all_: { protect: hash, of: [code, cost, n, at] }
roles:
  clinical: { users: [app], columns: { "*": clear } }
  billing:  { users: [billing], columns: { public.people.match: mask, "*": clear } }
  guests:   { users: [guest], columns: { public.people.match: deny, "*": clear } }
"#;

const TABLE: &str =
    "CREATE TABLE people (id int PRIMARY KEY, ssn varchar(11), match text, dob date, name text)";

fn place() -> Place {
    let place = Setup::policy(POLICY).start();
    run(&mut place.raw("app"), TABLE);
    run(
        &mut place.raw("app"),
        "GRANT ALL ON people TO billing, guest",
    );
    place
}

fn run(client: &mut Raw, sql: &str) -> Vec<Message> {
    let answer = client.query(sql);
    assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
    answer
}

fn code(client: &mut Raw, sql: &str) -> Option<String> {
    sqlstate(&client.query(sql))
}

/// `match` by id, NULL for none.
fn tokens(client: &mut Raw) -> Vec<Option<String>> {
    let answer = run(client, "SELECT match FROM people ORDER BY id");
    rows(&answer)
        .into_iter()
        .map(|mut row| row.remove(0))
        .collect()
}

/// Every row has the hash that an INSERT of its values would give it.
fn assert_true(client: &mut Raw, after: &str) {
    let all = rows(&run(client, "SELECT ssn, dob, match FROM people"));
    for row in all {
        let value = |ix: usize| match &row[ix] {
            Some(value) => format!("'{value}'"),
            None => "NULL".to_owned(),
        };
        let insert = format!(
            "INSERT INTO people (id, ssn, dob) VALUES (-1, {}, {}) ON CONFLICT (id) DO NOTHING RETURNING match",
            value(0),
            value(1)
        );
        run(client, "BEGIN");
        run(client, "DELETE FROM people");
        let anew = rows(&run(client, &insert));
        run(client, "ROLLBACK");
        assert_eq!(anew, [[row[2].clone()]], "{after}: {row:?}");
    }
}

/// Parse, Bind, Execute with parameters in one format, types undeclared.
fn bound(client: &mut Raw, sql: &str, values: &[Option<&[u8]>], format: u16) -> Vec<Message> {
    client.pipeline(&[
        raw::parse("", sql, &[]),
        raw::bind("", "", values, format),
        raw::describe(b'P', ""),
        raw::execute("", 0),
        raw::sync(),
    ]);
    client.until_ready()
}

fn is_token(text: &str) -> bool {
    text.len() == 71
        && text.starts_with("h1:0001")
        && text[3..]
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

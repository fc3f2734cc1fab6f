//! FETCH and MOVE of a cursor that is gone, or never was: the server's own 34000, where the policy trusts functions, too.
//!
//! What a cursor gives that a trusted function has opened is in cursors_of_functions.rs.

use hippocrypt_e2e::raw::{self, Message, sqlstate};
use hippocrypt_e2e::{Place, Setup, Sides, sql};

const TRUSTING: &str = "
databases:
  DATABASE:
    functions: { \"*.*\": trusted }
    tables:
      public.patients: { columns: { name: { type: text, protect: random } } }
default: clear
";

const TABLES: &str = "CREATE TABLE patients (id int, name text);
INSERT INTO patients VALUES (1, 'Gone Gopher'), (2, 'Other Gopher');
CREATE TABLE plain (id int);
INSERT INTO plain VALUES (1), (2);
CREATE FUNCTION opened(refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$ BEGIN OPEN $1 FOR SELECT name FROM patients; RETURN $1; END $$;
CREATE FUNCTION held() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT name FROM patients'; END $$";

/// Everything of it, with the words and the state of the transaction.
fn answer(messages: &[Message]) -> Vec<String> {
    let one = |m: &Message| match m.tag {
        'E' => format!(
            "E {:?}",
            ['S', 'C', 'M', 'D', 'H', 'P'].map(|f| m.fields().get(&f).cloned())
        ),
        _ => format!("{m:?}"),
    };
    let seen = messages.iter().filter(|m| !"NSA".contains(m.tag));
    seen.map(one).collect()
}

fn start() -> (Place, Sides) {
    let place = Setup::policy(TRUSTING).start();
    let mut sides = Sides::new(&place, answer);
    sides.prepare(TABLES);
    (place, sides)
}

fn gone(sides: &mut Sides, step: &str) {
    let code = sqlstate(&sides.same(step));
    assert_eq!(code.as_deref(), Some("34000"), "{step}");
}

#[test]
fn a_cursor_that_is_gone_is_the_servers_34000() {
    let (place, mut sides) = start();
    for step in [
        "FETCH never",
        "MOVE never",
        "CLOSE never",
        "FETCH ALL FROM \"Never\"",
    ] {
        gone(&mut sides, step);
    }
    sides.same("BEGIN");
    gone(&mut sides, "FETCH BACKWARD 2 FROM never");
    sides.same("FETCH never");
    sides.same("ROLLBACK");
    for (ways, opens) in [
        ("mine", "SELECT opened('mine')"),
        ("c", "DECLARE c CURSOR FOR SELECT name FROM patients"),
    ] {
        for over in ["COMMIT", "ROLLBACK"] {
            sides.same("BEGIN");
            sides.same(opens);
            sides.same(over);
            gone(&mut sides, &format!("FETCH {ways}"));
        }
        for closes in [format!("CLOSE {ways}"), "CLOSE ALL".to_owned()] {
            sides.same("BEGIN");
            sides.same(opens);
            sides.same(&closes);
            gone(&mut sides, &format!("MOVE 2 IN {ways}"));
            sides.same("ROLLBACK");
        }
        sides.same("BEGIN");
        sides.same("SAVEPOINT s");
        sides.same(opens);
        sides.same("ROLLBACK TO s");
        gone(&mut sides, &format!("FETCH ALL FROM {ways}"));
        sides.same("ROLLBACK TO s");
        gone(&mut sides, &format!("CLOSE {ways}"));
        sides.same("ROLLBACK");
        // in one string
        gone(&mut sides, &format!("BEGIN; FETCH {ways}"));
        sides.same("ROLLBACK");
        sides.same("BEGIN");
        sides.same(opens);
        gone(&mut sides, &format!("CLOSE {ways}; FETCH {ways}"));
        sides.same("ROLLBACK");
    }
    place.assert_hidden("Gopher");
}

#[test]
fn a_held_one_is_there_until_it_is_closed() {
    let (_place, mut sides) = start();
    sides.same("SELECT held()");
    sides.same("MOVE ALL IN held");
    sides.same("CLOSE held");
    gone(&mut sides, "FETCH held");
}

#[test]
fn in_the_extended_protocol_execute_is_what_says_so() {
    let (place, mut sides) = start();
    let fetch = |name: &str| {
        vec![
            raw::parse("", &format!("FETCH ALL FROM {name}"), &[]),
            raw::bind("", "", &[], 0),
            raw::describe(b'P', ""),
            raw::execute("", 0),
            raw::sync(),
        ]
    };
    let answer = sides.same_frames(&fetch("never"));
    assert_eq!(raw::tags(&answer), "12nEZ");
    // prepared before its cursor is there, and used after
    sides.same_frames(&[raw::parse("f", "FETCH 1 FROM c", &[]), raw::sync()]);
    let run = [raw::bind("", "f", &[], 0), raw::execute("", 0), raw::sync()];
    let answer = sides.same_frames(&run);
    assert_eq!(sqlstate(&answer).as_deref(), Some("34000"));
    sides.same("BEGIN");
    sides.same("DECLARE c CURSOR FOR SELECT name FROM patients ORDER BY id");
    let answer = sides.same_frames(&run);
    assert_eq!(raw::rows(&answer), [[Some("Gone Gopher".to_owned())]]);
    sides.same("COMMIT");
    let answer = sides.same_frames(&run);
    assert_eq!(sqlstate(&answer).as_deref(), Some("34000"));
    assert!(sides.through.is_quiet());
    place.assert_hidden("Gopher");
}

/// What is on record of a FETCH that the server has failed: it went on, and how it ended.
#[test]
fn it_is_on_record_as_the_servers_error() {
    let (place, mut sides) = start();
    gone(&mut sides, "FETCH never");
    let log = place.audit();
    let fetch = |r: &&serde_json::Value| r["type"] == "statement" && r["kind"] == "FETCH";
    let statement = log.iter().find(fetch).expect("a record");
    let outcome = |r: &&serde_json::Value| r["type"] == "outcome" && r["stmt"] == statement["stmt"];
    let outcome = log
        .iter()
        .filter(outcome)
        .find(|r| r["session"] == statement["session"]);
    assert_eq!(outcome.expect("an outcome")["sqlstate"], "34000");
    assert!(sql::rows(&place.client("app"), "FETCH never").is_err());
}

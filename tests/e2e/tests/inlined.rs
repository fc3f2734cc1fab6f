//! Values written into the text: statements that differ in nothing else share a verdict, and each has its own values,
//! places, errors and people.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw;
use serde_json::Value;
use std::collections::BTreeMap;

const POLICY: &str = "databases:
  DATABASE:
    tables:
      public.patients:
        subject: { column: id, kind: patient }
        columns:
          name: { type: text, protect: random }
          ssn:  { type: varchar(11), protect: deterministic }
          born: { type: date, protect: random }
roles:
  all: { users: [app], columns: { \"*\": clear } }
";

const TABLES: &str = "
CREATE TABLE patients (id bigint PRIMARY KEY, name text, ssn varchar(11) UNIQUE, born date, city varchar(8));
CREATE TABLE rooms (id int PRIMARY KEY, room varchar(5));
";

/// Each is sent again and again with another value of `#`, which all of its constants are made of.
const FORMS: &[&str] = &[
    "INSERT INTO patients (id, name, ssn, born, city) VALUES (#, 'it''s #', 'ssn#', '2001-01-01', 'c#'), (-#, NULL, 'ssm-#', NULL, 'é')",
    "SELECT id, name, ssn, born FROM patients WHERE ssn = 'ssn#'",
    "SELECT name FROM patients WHERE id IN (#, -#) AND city <> 'x#' ORDER BY id LIMIT #",
    "SELECT name FROM patients WHERE ssn = 'ssn#'::varchar(12) OR ssn = 'x'",
    "UPDATE patients SET name = 'new #', ssn = 'ssn#', city = '#' WHERE id = # AND ssn IN ('ssn#', '#')",
    // too long only for some: the server's error and ours, where each counts
    "UPDATE patients SET city = 'city#' WHERE id = #",
    "UPDATE patients SET ssn = 'thenumber#' WHERE id = #",
    "INSERT INTO rooms VALUES (#, 'room#')",
    "SELECT room, # FROM rooms WHERE id = # AND room = '#'::text",
    "SELECT 'é', name FROM patients WHERE city = '#' AND nowhere = 1",
    "SELECT name FROM patients WHERE city = '#' AND name = 'cleartext#'",
    "SELECT id / (id - #) FROM rooms WHERE room LIKE 'room%' ORDER BY 1",
    "DELETE FROM patients WHERE id = -# AND ssn = 'ssm-#' RETURNING ssn",
];

const VALUES: [&str; 7] = ["1", "7", "12", "3", "44", "12345", "9"];

#[test]
fn texts_that_differ_in_their_values_alone_have_their_own_answers_and_one_record() {
    let place = Setup::policy(POLICY).start();
    place.both(TABLES);
    let (mut client, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let mut wrong = Vec::new();
    for value in VALUES {
        for form in FORMS {
            let sql = form.replace('#', value);
            let (here, there) = (client.query(&sql), twin.query(&sql));
            let refused = form.contains("cleartext");
            let expected = match refused {
                true => Some("0A000".to_owned()),
                false => raw::sqlstate(&there),
            };
            // what the server says of a value is not told where a table is protected
            let failed = expected.is_some();
            let same = failed || raw::comparable(&here) == raw::comparable(&there);
            if !same || raw::sqlstate(&here) != expected {
                wrong.push(format!("{sql}\n  {here:?}\n  {there:?}"));
            }
            if refused {
                let at = sql.find("= 'clear").map(|at| (at + 1).to_string());
                assert_eq!(here[0].fields().get(&'P').cloned(), at, "{sql}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for canary in ["it's 12", "ssn12345", "ssm-44", "new 44", "cleartext"] {
        place.assert_hidden(canary);
    }
    records(&place);
    people(&place);
}

/// As many records of one text and fingerprint as texts of a form were sent.
fn records(place: &Place) {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for record in place.audit() {
        if record["type"] == "statement" && record["user"] == "app" {
            let said = format!("{} {}", record["sql"], record["fingerprint"]);
            *found.entry(said).or_default() += 1;
        }
    }
    found.retain(|said, _| said.contains("patients") || said.contains("rooms"));
    found.retain(|said, _| !said.contains("CREATE"));
    assert_eq!(found.len(), FORMS.len(), "{found:#?}");
    assert!(found.values().all(|n| *n == VALUES.len()), "{found:#?}");
}

/// Each lookup by the subject names the one who was asked for.
fn people(place: &Place) {
    let mut client = place.raw("app");
    for value in VALUES {
        client.query(&format!("SELECT ssn FROM patients WHERE id = {value}"));
        let out = place
            .verb(&["audit", "query", "--type", "statement", "--output", "json"])
            .args(["--show-subjects", "--limit", "1"])
            .output()
            .unwrap();
        let line: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(
            line["whose"],
            serde_json::json!([format!("patient:{value}")])
        );
    }
}

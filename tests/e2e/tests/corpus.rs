//! Every refused statement of the SQL corpus, on a database like the corpus's own: none goes upstream, none costs
//! the session, in autocommit, in a transaction block and in a pipeline.

use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{self, Message, rows, sqlstate, status};
use hippocrypt_e2e::{Raw, Setup};
use std::path::Path;

/// As in `proxy/sql/tests/corpus/fixture.rs`.
const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.patients:
        columns:
          name:  { type: text,        protect: random,        mask: first 1 }
          ssn:   { type: varchar(11), protect: deterministic, mask: last 4 }
          dob:   { type: date,        protect: random,        mask: year }
          notes: { type: text,        protect: random }
      public.claims:
        columns:
          patient_ssn: { type: varchar(11),     protect: deterministic, group: public.patients.ssn, mask: last 4 }
          amount:      { type: "numeric(10,2)", protect: random }
          code:        { type: text,            protect: deterministic }
      public.watched:
        columns: { email: { type: text, protect: none, mask: first 1 } }
      public.visits:
        columns:
          reason:      { type: text,           protect: random }
          patient_ssn: { type: varchar(11),    protect: deterministic, group: public.patients.ssn, mask: last 4 }
          at:          { type: timestamptz(3), protect: random }
          score:       { type: int4,           protect: deterministic }
      public.old:
        columns: { secret: { type: text, protect: random } }
      public.audited:
        columns: { name: { type: text, protect: random }, kind: { type: text, protect: deterministic } }
      public.leaky:
        columns: { name: { type: text, protect: random } }
      public.people:
        columns:
          ssn:   { type: varchar(11), protect: random }
          dob:   { type: date,        protect: deterministic }
          match: { protect: hash, of: [ssn, dob] }
      public.prices:
        columns:
          price: { type: "numeric(12,2)", protect: deterministic }
          code:  { type: "char(5)",       protect: deterministic }
          cost:  { type: "numeric(8,3)",  protect: deterministic }
      public.by_reason:
        columns: { ssn: { type: varchar(11), protect: deterministic, group: public.patients.ssn } }
default: clear
"#;

/// Through the proxy.
const TABLES: &str = "
CREATE TABLE patients (id int, name text, ssn varchar(11), dob date, notes text, city text);
CREATE TABLE claims (id int8, patient_id int, patient_ssn varchar(11), amount numeric(10,2), code text, status text);
CREATE TABLE plain (id int, a text, b text);
CREATE TABLE \"Mixed Case\" (id int);
CREATE SEQUENCE plain_id_seq;
CREATE TABLE patients_2024 (ward text) INHERITS (patients);
CREATE TABLE by_reason (id int, ssn varchar(11)) PARTITION BY LIST (ssn);
CREATE TABLE audited (id int, name text DEFAULT 'a', kind text DEFAULT 'b', updated_at timestamptz);
CREATE TABLE leaky (id int, name text);
CREATE TABLE people (id int, ssn varchar(11), match text, dob date, city text);
CREATE TABLE prices (id int, price numeric(12,2), code char(5), cost numeric(8,3), at timestamp)";

/// Around it: what the proxy would refuse to make.
const AROUND: &str = "
CREATE TABLE watched (id int, email text);
CREATE TABLE old (id int, secret text);
CREATE VIEW patient_view AS SELECT ssn FROM patients;
CREATE VIEW named_view AS SELECT id, name AS who, ssn AS key, upper(city) AS town FROM patients;
CREATE VIEW view_of_view AS SELECT v.key, COALESCE(v.key, '\\xf5e10201'::bytea) AS either,
  (SELECT count(*) FROM claims c WHERE c.patient_ssn = v.key) AS visits FROM named_view v;
CREATE VIEW forged_view AS SELECT id FROM patients WHERE ssn = '\\x3930'::bytea;
CREATE VIEW cast_view AS SELECT ssn::text AS ssn FROM patients;
CREATE VIEW on_cast_view AS SELECT ssn FROM cast_view;
CREATE MATERIALIZED VIEW summary AS SELECT patient_ssn, count(*) AS claims FROM claims GROUP BY 1;
CREATE TABLE patients_odd (more hippocrypt.cell) INHERITS (patients);
CREATE SCHEMA other;
CREATE TABLE other.patients (id int, ssn text);
CREATE FUNCTION total(int) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''SELECT 1''; RETURN 1; END';
CREATE FUNCTION home_made() RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''SELECT 1''; RETURN 1; END';
CREATE FUNCTION trusted() RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''SELECT 1''; RETURN 1; END';
CREATE FUNCTION other.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION own(text, text) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''SELECT 1''; RETURN 1; END';
CREATE OPERATOR %% (LEFTARG = text, RIGHTARG = text, FUNCTION = own);
CREATE FUNCTION harmless(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR %+ (LEFTARG = text, RIGHTARG = text, FUNCTION = harmless);
CREATE PROCEDURE pay(int) LANGUAGE plpgsql AS 'BEGIN EXECUTE ''SELECT 1''; END';
CREATE FUNCTION dblink(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''SELECT 1''; RETURN 1; END';
CREATE FUNCTION crosstab(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''SELECT 1''; RETURN 1; END';
CREATE COLLATION case_insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION log_name() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO plain (a) VALUES (NEW.name); RETURN NEW; END';
CREATE FUNCTION log_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO plain (a) VALUES (row_to_json(NEW)); RETURN NEW; END';
CREATE TRIGGER logs BEFORE INSERT ON leaky FOR EACH ROW EXECUTE FUNCTION log_name();
CREATE FUNCTION reads_patients() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM public.patients); END';
CREATE FUNCTION calls_reader() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN reads_patients(); END';
CREATE FUNCTION dynamic() RETURNS void LANGUAGE plpgsql AS 'BEGIN EXECUTE ''SELECT 1''; END';
CREATE FUNCTION sets_path() RETURNS void LANGUAGE plpgsql AS 'BEGIN SET search_path = other; END';
CREATE TABLE above_defaulted (id int);
CREATE TABLE defaulted (id int, a text DEFAULT calls_reader()::text) INHERITS (above_defaulted);
CREATE VIEW defaulted_view AS SELECT id FROM defaulted;
CREATE MATERIALIZED VIEW calling_view AS SELECT reads_patients() AS n;
CREATE DOMAIN leaky_domain AS text CHECK (reads_patients() > 0 OR value = '');
CREATE FUNCTION row_reader(plain) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM patients';
CREATE FUNCTION leaky_step(text, text) RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients';
CREATE AGGREGATE leaky_max(text) (SFUNC = leaky_step, STYPE = text);
GRANT ALL ON SCHEMA other TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA public, other TO PUBLIC";

struct Refused {
    title: String,
    text: String,
    sqlstate: String,
}

/// Blocks with the default session whose verdict is a refusal, or whose text does not parse.
fn refused() -> Vec<Refused> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "sql-corpus") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for block in text.split("\n=== ").skip(1) {
            let (title, rest) = block.split_once('\n').unwrap();
            let (text, expected) = rest.split_once("\n---\n").unwrap_or((rest, ""));
            let verdict = expected
                .lines()
                .find(|l| l.starts_with("refused ") || l.starts_with("error: "));
            if let (false, Some(verdict)) = (text.starts_with("@ "), verdict) {
                let code = verdict.split_once(": ").unwrap().1.get(..5).unwrap();
                all.push(Refused {
                    title: title.to_owned(),
                    text: text.to_owned(),
                    sqlstate: code.to_owned(),
                });
            }
        }
    }
    assert!(all.len() > 150, "only {} refused statements", all.len());
    all
}

fn place() -> Place {
    let place = Setup::policy(POLICY).start();
    let mut client = place.raw("app");
    for statement in TABLES.split(';') {
        let answer = client.query(statement);
        assert_eq!(sqlstate(&answer), None, "{statement}: {answer:?}");
    }
    hippocrypt_e2e::sql::rows(&place.thief(), AROUND).unwrap();
    place
}

/// A session that has seen what was made around the proxy: DDL through it reads the catalog anew.
fn session(place: &Place) -> Raw {
    let mut client = place.raw("app");
    client.query("CREATE TABLE IF NOT EXISTS seen (id int)");
    client.query("SELECT 1");
    client
}

fn check(refused: &Refused, answer: &[Message], wrong: &mut Vec<String>) {
    let found = sqlstate(answer);
    if found.as_deref() != Some(refused.sqlstate.as_str()) {
        wrong.push(format!(
            "{}: {}: expected {}, found {found:?}",
            refused.title, refused.text, refused.sqlstate
        ));
    }
}

fn usable(client: &mut Raw, after: &str) {
    let answer = client.query("SELECT 42");
    assert_eq!(rows(&answer), [[Some("42".to_owned())]], "after {after}");
    assert_eq!(status(&answer), 'I', "after {after}");
}

#[test]
fn a_refusal_in_autocommit_costs_nothing() {
    let place = place();
    let mut client = session(&place);
    let mut wrong = Vec::new();
    for refused in &refused() {
        let answer = client.query(&refused.text);
        check(refused, &answer, &mut wrong);
        usable(&mut client, &refused.text);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refusal_in_a_block_aborts_the_block_and_nothing_else() {
    let place = place();
    let mut client = session(&place);
    let mut wrong = Vec::new();
    for refused in &refused() {
        client.query("BEGIN");
        let answer = client.query(&refused.text);
        check(refused, &answer, &mut wrong);
        assert_eq!(status(&answer), 'E', "{}", refused.text);
        let again = client.query("SELECT 42");
        assert_eq!(
            sqlstate(&again).as_deref(),
            Some("25P02"),
            "{}",
            refused.text
        );
        client.query("ROLLBACK");
        usable(&mut client, &refused.text);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refusal_in_a_pipeline_ends_at_its_sync() {
    let place = place();
    let mut client = session(&place);
    let mut wrong = Vec::new();
    for refused in &refused() {
        client.pipeline(&[
            raw::parse("", "SELECT 1", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::parse("", &refused.text, &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::sync(),
            raw::query("SELECT 42"),
        ]);
        let first = client.until_ready();
        check(refused, &first, &mut wrong);
        assert_eq!(rows(&first), [[Some("1".to_owned())]], "{}", refused.text);
        let second = client.until_ready();
        assert_eq!(rows(&second), [[Some("42".to_owned())]], "{}", refused.text);
        usable(&mut client, &refused.text);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

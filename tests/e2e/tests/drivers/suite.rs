//! SQLAlchemy's dialect suite (tests/drivers/sqlalchemy_suite): its tests end through the proxy as they end on the twin;
//! with a policy on its tables they end the same, or the proxy has refused a statement.
//!
//! A test that ends otherwise must never pass for a refusal: only 0A000 is one.

use super::{point, python, scenarios};
use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{cluster, password};
use hippocrypt_e2e::sql::told;
use std::collections::BTreeMap;
use std::process::Command;

/// A policy on the tables that the suite's tests of types and of reflection make.
const PROTECTED: &str = r#"
databases:
  DATABASE:
    tables:
      public.array_table:     { columns: { single_dim: { type: "int4[]", protect: random } } }
      public.binary_table:
        columns:
          binary_data: { type: bytea, protect: random }
          pickle_data: { type: bytea, protect: random }
      public.boolean_table:   { columns: { value: { type: bool, protect: random } } }
      public.data_table:      { columns: { data: { type: json, protect: random } } }
      public.date_table:
        columns:
          date_data:           { type: timestamp, protect: random }
          decorated_date_data: { type: timestamp, protect: random }
      public.email_addresses: { columns: { email_address: { type: varchar(20), protect: deterministic } } }
      public.integer_table:   { columns: { integer_data: { type: int4, protect: random } } }
      public.interval_table:  { columns: { interval_data: { type: interval, protect: random } } }
      public.text_table:      { columns: { text_data: { type: text, protect: random } } }
      public.unicode_table:   { columns: { unicode_data: { type: varchar(255), protect: deterministic } } }
      public.users:           { columns: { test1: { type: char(5), protect: deterministic } } }
      public.uuid_table:
        columns:
          uuid_data:      { type: uuid, protect: deterministic }
          uuid_text_data: { type: uuid, protect: random }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

const ELSEWHERE: &str = r#"
databases:
  DATABASE:
    tables:
      public.elsewhere: { columns: { name: { type: text, protect: random } } }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

/// Those of its tests that work on the tables of [`PROTECTED`].
const ON_THEM: &str = "TextTest or UnicodeVarcharTest or BinaryTest or DateTimeTest or BooleanTest or UuidTest or IntegerTest \
or ArrayTest or IntervalTest or JSONTest or ComponentReflectionTest";

/// How each test ended: "PASSED", or "FAILED" and "ERROR" with the reason.
fn played(port: u16, database: &str, select: &[&str]) -> BTreeMap<String, String> {
    let address = format!(
        "postgresql+psycopg://app:{}@127.0.0.1:{port}/{database}",
        password("app")
    );
    let mut psql = Command::new("psql");
    point(&mut psql, port, database);
    psql.args(["-X", "-q", "-c", "CREATE SCHEMA test_schema"]);
    hippocrypt_e2e::sql::succeed(&mut psql);
    let mut pytest = Command::new(python());
    pytest
        .args(["-m", "pytest", "-q", "--tb=no", "-rA", "--dburi", &address])
        .args(select)
        .current_dir(scenarios().join("sqlalchemy_suite"))
        // the reasons are cut where the line ends
        .env("COLUMNS", "1000")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = pytest.output().expect("pytest");
    let text = String::from_utf8_lossy(&output.stdout);
    let ends = text.lines().filter_map(|line| {
        let (how, rest) = line.split_once(" test_suite.py::")?;
        let (test, reason) = rest.split_once(" - ").unwrap_or((rest, ""));
        Some((test.to_owned(), format!("{how} {reason}")))
    });
    let ends: BTreeMap<_, _> = ends.collect();
    assert!(ends.len() > 900, "{}", told(&output));
    ends
}

fn compared(policy: &str, select: &[&str], may_be: fn(&str) -> bool) -> usize {
    let place = Setup::policy(policy).start();
    let twin = played(cluster().port(), &place.twin_database(), select);
    let through = played(place.proxy.port(), &place.database, select);
    let tests: Vec<_> = twin.keys().collect();
    assert_eq!(tests, through.keys().collect::<Vec<_>>());
    let otherwise = through.iter().filter(|(test, end)| twin[*test] != **end);
    let otherwise: Vec<_> = otherwise.collect();
    for (test, end) in &otherwise {
        assert!(may_be(end), "{test}: {end}\n{}", place.proxy.log());
    }
    twin.len() - otherwise.len()
}

mod full {
    use super::{ELSEWHERE, ON_THEM, PROTECTED, compared};

    #[test]
    fn the_suite_ends_as_on_the_twin() {
        let same = compared(ELSEWHERE, &[], |_| false);
        assert!(same > 1700, "{same}");
    }

    #[test]
    fn with_a_policy_a_test_ends_the_same_or_is_refused() {
        let refused = |end: &str| end.contains("psycopg.errors.FeatureNotSupported");
        let same = compared(PROTECTED, &["-k", ON_THEM], refused);
        assert!(same > 900, "{same}");
    }
}

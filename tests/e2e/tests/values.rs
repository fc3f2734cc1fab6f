//! Every type that can be protected, beside its plain twin: the same rows, descriptions and SQLSTATEs for literals,
//! text and binary, under every setting that changes how values look; and nothing of it at rest.
//!
//! It must never write a value that the tap could not be searched for: canaries are what several types share.

use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{self, Message, Raw, comparable, sqlstate};
use hippocrypt_e2e::{Setup, sql};

/// Column, type, whether it can be deterministic, a value, an equal one, another one.
const KINDS: &[(&str, &str, bool, &str, &str, &str)] = &[
    ("b", "bool", true, "true", "yes", "f"),
    ("i2", "int2", true, "-31677", " -31677", "7"),
    ("i4", "integer", true, "1977031677", "+1977031677", "0"),
    (
        "i8",
        "bigint",
        true,
        "8819770316770",
        "08819770316770",
        "-1",
    ),
    ("f4", "real", false, "1977.0317", "1977.0317", "NaN"),
    (
        "f8",
        "double precision",
        false,
        "0.1977031677",
        "-0",
        "1e300",
    ),
    (
        "n",
        "numeric(12,3)",
        true,
        "197703167.7",
        "197703167.70",
        "NaN",
    ),
    ("nn", "numeric", false, "197703167.700", "1e3", "Infinity"),
    ("t", "text", true, "Kanarie Kind", "Kanarie Kind", ""),
    (
        "v",
        "varchar(12)",
        true,
        "Kanarie Kind",
        "Kanarie Kind   ",
        "x",
    ),
    ("c", "char(14)", true, "Kanarie Kind", "Kanarie Kind ", ""),
    (
        "y",
        "bytea",
        true,
        "\\x4b616e61726965204b696e64",
        "Kanarie Kind",
        "\\x00ff27",
    ),
    (
        "d",
        "date",
        true,
        "1977-03-16",
        "March 16, 1977",
        "infinity",
    ),
    (
        "tm",
        "time(2)",
        true,
        "19:47:03.167",
        "07:47:03.17 PM",
        "24:00",
    ),
    (
        "ts",
        "timestamp(3)",
        true,
        "1977-03-16 19:47:03.1677",
        "1977-03-16T19:47:03.168",
        "0044-03-15 BC",
    ),
    (
        "tz",
        "timestamptz",
        true,
        "1977-03-16 19:47:03.1677+05:30",
        "1977-03-16 14:17:03.1677Z",
        "-infinity",
    ),
    (
        "iv",
        "interval",
        false,
        "19 years 7 mons -3 days 01:06:07.7",
        "P1Y",
        "-00:00:01",
    ),
    (
        "iy",
        "interval day to second(1)",
        false,
        "3 04:05:06.789",
        "77",
        "1 mon",
    ),
    (
        "u",
        "uuid",
        true,
        "19770316-7719-7703-1677-197703167719",
        "{19770316771977031677197703167719}",
        "00000000-0000-0000-0000-000000000000",
    ),
    (
        "j",
        "json",
        false,
        "{\"b\": \"Kanarie Kind\",\"a\":1.50 }",
        "[]",
        "null",
    ),
    (
        "jb",
        "jsonb",
        false,
        "{\"b\": \"Kanarie Kind\",\"a\":1.50, \"a\": 2.0}",
        "[ ]",
        "1e2",
    ),
    (
        "ip",
        "inet",
        true,
        "197.70.31.67/24",
        "197.70.031.67/24",
        "::1",
    ),
    ("ne", "cidr", true, "197.70.31.0/24", "197.70.31/24", "::/0"),
    (
        "ta",
        "text[]",
        true,
        "{Kanarie Kind,NULL,\"\"}",
        "{ \"Kanarie Kind\" , null , \"\" }",
        "{}",
    ),
    (
        "va",
        "varchar(12)[]",
        true,
        "{Kanarie Kind}",
        "{\"Kanarie Kind\"}",
        "[0:0]={x}",
    ),
    (
        "ia",
        "int4[]",
        true,
        "{1977,31677}",
        "[1:2]={1977,31677}",
        "{NULL}",
    ),
    (
        "na",
        "numeric(8,2)[]",
        true,
        "{19770.3,16.77}",
        "{19770.30,16.77}",
        "{0}",
    ),
    (
        "za",
        "timestamptz(0)[]",
        true,
        "{1977-03-16 19:47:03+00}",
        "{\"1977-03-16 19:47:03Z\"}",
        "{infinity}",
    ),
    (
        "ba",
        "bytea[]",
        true,
        "{\"\\\\x4b616e61726965204b696e64\"}",
        "{Kanarie Kind}",
        "{}",
    ),
    (
        "ja",
        "jsonb[]",
        false,
        "{\"{\\\"b\\\":1,\\\"a\\\":\\\"Kanarie Kind\\\"}\"}",
        "{1}",
        "{}",
    ),
];

/// Of the values above, as they could stand in a tap or a dump: as text, as bytes, as hex.
const CANARIES: &[&str] = &[
    "Kanarie Kind",
    "4b616e61726965204b696e64",
    "1977031677",
    "197703167",
    "8819770316770",
    "0.1977031677",
];

const SETTINGS: &[&str] = &[
    "SET DateStyle = 'ISO, MDY'",
    "SET DateStyle = 'SQL, DMY'; SET TimeZone = 'America/New_York'; SET IntervalStyle = 'sql_standard'; SET extra_float_digits = 0; SET bytea_output = 'escape'",
    "SET DateStyle = 'Postgres, MDY'; SET TimeZone = 'Asia/Kolkata'; SET IntervalStyle = 'postgres_verbose'; SET extra_float_digits = -5; SET bytea_output = 'hex'",
    "SET DateStyle = 'German'; SET TimeZone = '<+02>-02'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 3; RESET bytea_output",
    "RESET ALL",
    "BEGIN; SET LOCAL bytea_output = 'escape'; SET LOCAL extra_float_digits = -15",
    "ROLLBACK",
];

/// A table with each type as `random`, and one with each that may be `deterministic`.
fn place() -> Place {
    let columns = |deterministic: bool| -> String {
        let kinds = KINDS.iter().filter(|k| k.2 || !deterministic);
        let line = |k: &(&str, &str, bool, &str, &str, &str)| {
            let protect = if deterministic {
                "deterministic"
            } else {
                "random"
            };
            format!(
                "          {}: {{ type: \"{}\", protect: {protect} }}\n",
                k.0, k.1
            )
        };
        kinds.map(line).collect()
    };
    let policy = format!(
        "databases:\n  DATABASE:\n    tables:\n      public.kinds:\n        columns:\n{}      public.equals:\n        columns:\n{}roles:\n  all: {{ users: [app], columns: {{ \"*\": clear }} }}\n  some: {{ users: [billing], columns: {{ \"*\": mask }} }}\n",
        columns(false),
        columns(true)
    );
    let place = Setup::policy(&policy).start();
    let table = |name: &str, deterministic: bool| {
        let kinds = KINDS.iter().filter(|k| k.2 || !deterministic);
        let columns: Vec<String> = kinds.map(|k| format!("{} {}", k.0, k.1)).collect();
        format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, {})",
            columns.join(", ")
        )
    };
    place.both(&format!(
        "{}; {}; GRANT ALL ON kinds, equals TO billing",
        table("kinds", false),
        table("equals", true)
    ));
    place
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Errors by code; what PostgreSQL says of them repeats the value.
fn answer(messages: &[Message]) -> Vec<String> {
    let one = |m: &Message| match m.tag {
        'E' => vec![format!("E{}", m.sqlstate())],
        _ => comparable(std::slice::from_ref(m)),
    };
    messages.iter().flat_map(one).collect()
}

/// Bind of the unnamed statement, with a format for each parameter.
fn bind(formats: &[i16], values: &[Option<&[u8]>], results: i16) -> Vec<u8> {
    let mut body = vec![0, 0];
    body.extend(u16::try_from(formats.len()).unwrap().to_be_bytes());
    formats.iter().for_each(|f| body.extend(f.to_be_bytes()));
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        match value {
            None => body.extend((-1_i32).to_be_bytes()),
            Some(v) => {
                body.extend(u32::try_from(v.len()).unwrap().to_be_bytes());
                body.extend(*v);
            }
        }
    }
    body.extend([0, 1]);
    body.extend(results.to_be_bytes());
    raw::frame(b'B', &body)
}

fn first_value(messages: &[Message]) -> Option<Vec<u8>> {
    let row = messages.iter().find(|m| m.tag == 'D')?;
    row.values().into_iter().next().flatten()
}

struct Both {
    through: Raw,
    twin: Raw,
    wrong: Vec<String>,
}

impl Both {
    fn of(place: &Place) -> Self {
        Self {
            through: place.raw("app"),
            twin: place.raw_twin("app"),
            wrong: Vec::new(),
        }
    }

    fn query(&mut self, sql: &str) {
        let (a, b) = (self.through.query(sql), self.twin.query(sql));
        if answer(&a) != answer(&b) {
            self.wrong
                .push(format!("{sql}\n    proxy {a:?}\n    twin  {b:?}"));
        }
    }

    /// With parameters in text or in binary; results in `format`.
    fn extended(
        &mut self,
        sql: &str,
        params: &[(i16, Option<&[u8]>)],
        format: i16,
    ) -> Vec<Message> {
        let mut answers = Vec::new();
        for raw in [&mut self.through, &mut self.twin] {
            let values: Vec<Option<&[u8]>> = params.iter().map(|(_, v)| *v).collect();
            let formats: Vec<i16> = params.iter().map(|(f, _)| *f).collect();
            raw.pipeline(&[
                raw::parse("", sql, &[]),
                raw::describe(b'S', ""),
                bind(&formats, &values, format),
                raw::describe(b'P', ""),
                raw::execute("", 0),
                raw::sync(),
            ]);
            answers.push(raw.until_ready());
        }
        let twin = answers.pop().unwrap_or_default();
        let through = answers.pop().unwrap_or_default();
        if answer(&through) != answer(&twin) {
            self.wrong
                .push(format!("{sql}\n    proxy {through:?}\n    twin  {twin:?}"));
        }
        through
    }

    #[track_caller]
    fn done(self) {
        let Self { wrong, .. } = self;
        assert!(
            wrong.is_empty(),
            "{} differ:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }
}

#[test]
fn every_type_is_stored_and_shown_as_on_the_twin() {
    let place = place();
    let mut both = Both::of(&place);
    for (row, pick) in [0, 1, 2].into_iter().enumerate() {
        for table in ["kinds", "equals"] {
            let kinds = || KINDS.iter().filter(|k| k.2 || table == "kinds");
            let values: Vec<String> = kinds().map(|k| quoted([k.3, k.4, k.5][pick])).collect();
            both.query(&format!(
                "INSERT INTO {table} VALUES ({row}, {}) RETURNING *",
                values.join(", ")
            ));
        }
    }
    both.query("INSERT INTO kinds (id) VALUES (9)");
    for settings in SETTINGS {
        for setting in settings.split("; ") {
            both.query(setting);
        }
        for table in ["kinds", "equals"] {
            let select = format!("SELECT * FROM {table} ORDER BY id");
            both.query(&select);
            let answers = both.extended(&select, &[], 1);
            assert_eq!(sqlstate(&answers), None, "{answers:?}");
            both.extended(&select, &[], 0);
        }
    }
    both.done();
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
    let shown = sql::rows(&place.thief(), "SELECT format('%s', k) FROM kinds k").unwrap();
    for canary in CANARIES {
        assert!(!format!("{shown:?}").contains(canary), "{canary}");
    }
}

#[test]
fn every_type_is_a_parameter_in_text_and_in_binary() {
    let place = place();
    let mut both = Both::of(&place);
    let mut id = 0;
    for (name, _, deterministic, first, equal, other) in KINDS {
        for value in [first, equal, other] {
            id += 1;
            let insert =
                format!("INSERT INTO kinds (id, {name}) VALUES ({id}, $1) RETURNING {name}");
            let stored = both.extended(&insert, &[(0, Some(value.as_bytes()))], 1);
            // what came back in binary goes in again, and is the same value
            let binary = first_value(&stored);
            id += 1;
            let again = insert.replace(&format!("({}, $1)", id - 1), &format!("({id}, $1)"));
            both.extended(&again, &[(1, binary.as_deref())], 0);
            both.extended(
                &format!("UPDATE kinds SET {name} = $1 WHERE id = 1 RETURNING {name}"),
                &[(1, binary.as_deref())],
                0,
            );
            if *deterministic {
                both.extended(
                    &format!("INSERT INTO equals (id, {name}) VALUES ({id}, $1)"),
                    &[(1, binary.as_deref())],
                    0,
                );
                let select = format!("SELECT id, {name} FROM equals WHERE {name} = $1 ORDER BY id");
                both.extended(&select, &[(1, binary.as_deref())], 0);
                both.extended(&select, &[(0, Some(value.as_bytes()))], 1);
                let list = format!("SELECT id FROM equals WHERE {name} IN ($1, $2) ORDER BY id");
                both.extended(
                    &list,
                    &[(0, Some(first.as_bytes())), (0, Some(other.as_bytes()))],
                    0,
                );
                both.query(&format!(
                    "SELECT id FROM equals WHERE {name} = {} ORDER BY id",
                    quoted(value)
                ));
                both.query(&format!("SELECT count(*), count(DISTINCT {name}) FROM equals GROUP BY {name} ORDER BY 1, 2"));
                both.query(&format!(
                    "SELECT count(*) FROM equals a JOIN equals b ON a.{name} = b.{name}"
                ));
            }
        }
    }
    both.done();
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

#[test]
fn a_bad_value_is_postgresqls_own_error() {
    let place = place();
    let mut both = Both::of(&place);
    for (column, value) in [
        ("i2", "'40000'"),
        ("i2", "40000"),
        ("i2", "'x'"),
        ("f4", "'1e400'"),
        ("f8", "'1,5'"),
        ("c", "'a value that is too long'"),
        ("c", "'fits           '"),
        ("y", "'\\xzz'"),
        ("y", "'\\777'"),
        ("y", "5"),
        ("tm", "'25:00'"),
        ("ts", "'2020-13-01'"),
        ("iv", "'178000000000 years'"),
        ("iv", "'10000000000 days'"),
        ("j", "'{'"),
        ("jb", "'{\"a\":}'"),
        ("jb", "'\"\\u0000\"'"),
        ("ip", "'10.0.0.256'"),
        ("ne", "'10.0.0.1/8'"),
        ("ta", "'{'"),
        ("ta", "'{a,,b}'"),
        ("ia", "'{x}'"),
        ("ia", "'{3000000000}'"),
        ("va", "'{a value that is too long}'"),
        ("na", "'{1e7}'"),
        ("ia", "'[1:3]={1,2}'"),
        ("ia", "'[2:1]={}'"),
        ("iv", "5"),
        ("j", "5"),
        ("ip", "5"),
        ("ta", "5"),
        ("b", "5"),
        ("tm", "date '2020-01-01'"),
        ("i2", "true"),
    ] {
        both.query(&format!(
            "INSERT INTO kinds (id, {column}) VALUES (1, {value})"
        ));
        both.query("DELETE FROM kinds");
    }
    // PostgreSQL takes these, of several dimensions: a clear refusal
    for value in ["'{{1,2},{3,4}}'", "'{{1}}'"] {
        let refused = both
            .through
            .query(&format!("INSERT INTO kinds (id, ia) VALUES (1, {value})"));
        assert_eq!(sqlstate(&refused).as_deref(), Some("0A000"), "{refused:?}");
    }
    both.done();
}

#[test]
fn a_mask_has_the_type_of_what_it_hides() {
    let place = place();
    let mut both = Both::of(&place);
    for table in ["kinds", "equals"] {
        let kinds = || KINDS.iter().filter(|k| k.2 || table == "kinds");
        let values: Vec<String> = kinds().map(|k| quoted(k.3)).collect();
        both.query(&format!(
            "INSERT INTO {table} VALUES (1, {})",
            values.join(", ")
        ));
    }
    let mut billing = place.raw("billing");
    let shown = billing.query("SELECT * FROM kinds");
    let values: Vec<Option<String>> = raw::rows(&shown).into_iter().flatten().collect();
    assert_eq!(values.len(), KINDS.len() + 1, "{shown:?}");
    for canary in CANARIES {
        assert!(!format!("{shown:?}").contains(canary), "{shown:?}");
    }
    // the twin reads every masked value as one of the column's type
    let quoted: Vec<String> = values.iter().flatten().map(|v| quoted(v)).collect();
    let back = both.twin.query(&format!(
        "INSERT INTO kinds VALUES ({}) RETURNING id",
        quoted.join(", ").replacen("'1'", "'2'", 1)
    ));
    assert_eq!(sqlstate(&back), None, "{back:?}");
    both.done();
}

//! Parameters are as on the plain table: their types as PostgreSQL infers them, their values in text and binary.
//!
//! Each statement is prepared without types, described, and run with its parameters in text, in binary, and in
//! binary with the types declared; the twin does the same. It must never compare less than every message.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{self, Message, Raw, comparable};

mod beside;

const ROWS: &[&str] = &[
    "INSERT INTO patients (id, name, ssn, dob, score, token) VALUES (1, 'Param Panda', '900-78-0001', '1980-01-02', 1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), (2, 'Zweiter Panda', '900-78-0002', NULL, 2, NULL), (3, 'Param Panda', NULL, NULL, NULL, NULL)",
    "INSERT INTO claims VALUES (1, '900-78-0001', 10), (2, '900-78-0002', 20.5), (3, '900-78-0001', 0), (4, NULL, 1)",
    "INSERT INTO visits VALUES (1, 1, 'A'), (2, 2, 'B'), (3, 1, 'A')",
];

/// Statement, and its parameters in text.
const SAME: &[(&str, &[Option<&str>])] = &[
    (
        "SELECT id, name FROM patients WHERE ssn = $1",
        &[Some("900-78-0001")],
    ),
    (
        "SELECT id, ssn FROM patients WHERE ssn IN ($1, $2) ORDER BY id",
        &[Some("900-78-0001"), None],
    ),
    (
        "INSERT INTO patients (id, name, ssn) VALUES ($1, $2, $3) RETURNING *",
        &[Some("10"), Some("Param Panda"), Some("900-78-0010")],
    ),
    // casts say what type a parameter has
    (
        "SELECT id FROM patients WHERE ssn = $1::varchar(11)",
        &[Some("900-78-0001 and more")],
    ),
    (
        "SELECT id FROM patients WHERE score = $1::int",
        &[Some("2")],
    ),
    (
        "SELECT id FROM patients WHERE score = $1::numeric",
        &[Some("2.0")],
    ),
    (
        "UPDATE patients SET ssn = $1::varchar(3), dob = $2::timestamp WHERE id = 3 RETURNING ssn, dob",
        &[Some("abcdef"), Some("2020-02-02 10:00")],
    ),
    (
        "INSERT INTO patients (id, name, cost) VALUES (11, $1::text, $2::int) RETURNING name, cost",
        &[Some("Param Panda"), Some("5")],
    ),
    // rows out of arrays, as Django's bulk_create writes them
    (
        "INSERT INTO patients (id, name, ssn, dob, cost) SELECT * FROM UNNEST(($1)::int[], ($2)::text[], ($3)::varchar(11)[], ($4)::date[], ($5)::numeric(10,2)[]) RETURNING id, name, ssn, dob, cost",
        &[
            Some("{50,51}"),
            Some("{Param Panda,NULL}"),
            Some("{900-78-0050,\"900-78-0051 and more\"}"),
            Some("{1980-01-02,NULL}"),
            Some("{1.005,2}"),
        ],
    ),
    (
        "INSERT INTO patients (id, name) SELECT u.a, u.b FROM unnest($1::int[], $2::text[]) AS u (a, b) WHERE u.a > 60 RETURNING id, name",
        &[Some("{60,61,62}"), Some("{Param Panda,Zweiter Panda}")],
    ),
    (
        "SELECT p.id, p.name FROM patients p JOIN unnest($1::text[]) AS u (x) ON u.x = p.ssn ORDER BY p.id",
        &[Some("{900-78-0002,NULL,900-78-0001}")],
    ),
    // arrays
    (
        "SELECT id, ssn FROM patients WHERE ssn = ANY ($1) ORDER BY id",
        &[Some("{900-78-0001,NULL,900-78-0002,nobody}")],
    ),
    (
        "SELECT id FROM patients WHERE ssn = ANY ($1::text[]) ORDER BY id",
        &[Some("{900-78-0001}")],
    ),
    (
        "SELECT id FROM patients WHERE ssn = ANY ($1::varchar[]) ORDER BY id",
        &[Some("{900-78-0001}")],
    ),
    (
        "SELECT id FROM patients WHERE ssn = ANY (CAST($1 AS varchar(11)[])) ORDER BY id",
        &[Some("{900-78-0001}")],
    ),
    (
        "SELECT id FROM patients WHERE NOT ssn = ANY ($1) ORDER BY id",
        &[Some("{}")],
    ),
    ("SELECT id FROM patients WHERE ssn = ANY ($1)", &[None]),
    (
        "SELECT id FROM patients WHERE ssn <> ALL ($1) ORDER BY id",
        &[Some("{900-78-0002,nobody}")],
    ),
    (
        "SELECT id FROM patients WHERE ssn <> ALL ($1) ORDER BY id",
        &[Some("{900-78-0002,NULL}")],
    ),
    (
        "SELECT id FROM patients WHERE score = ANY ($1) AND id = ANY ($2) ORDER BY id",
        &[Some("{1,2,3}"), Some("{2,3}")],
    ),
    (
        "SELECT id FROM patients WHERE score = ANY ($1::int[]) ORDER BY id",
        &[Some("{1,2,3}")],
    ),
    (
        "SELECT id FROM patients WHERE token = ANY ($1)",
        &[Some("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}")],
    ),
    (
        "SELECT id FROM patients WHERE ssn = ANY (ARRAY[$1, $2]) ORDER BY id",
        &[Some("900-78-0001"), None],
    ),
    (
        "SELECT id FROM patients WHERE ssn = ANY (ARRAY[$1, $2]::varchar[]) ORDER BY id",
        &[Some("900-78-0001"), None],
    ),
    (
        "SELECT count(*) FROM patients WHERE ssn = ANY ($1) OR ssn = ANY ($1)",
        &[Some("{900-78-0001}")],
    ),
    (
        "DELETE FROM claims WHERE patient_ssn = ANY ($1) RETURNING id, patient_ssn",
        &[Some("{900-78-0002}")],
    ),
    // rows, set operations, MERGE
    (
        "SELECT id FROM patients WHERE (ssn, id) = ($1, $2) OR (id, ssn) IN (($3, $4), (3, NULL)) ORDER BY id",
        &[
            Some("900-78-0001"),
            Some("1"),
            Some("2"),
            Some("900-78-0002"),
        ],
    ),
    (
        "SELECT id FROM patients WHERE (ssn, id) IS DISTINCT FROM ($1, $2) ORDER BY id",
        &[None, Some("3")],
    ),
    (
        "SELECT id FROM patients WHERE ssn IS NOT DISTINCT FROM $1 ORDER BY id",
        &[None],
    ),
    (
        "SELECT id, ssn FROM patients WHERE id < 3 UNION ALL SELECT $1, $2 ORDER BY id",
        &[Some("9"), Some("900-78-0009")],
    ),
    (
        "SELECT id, COALESCE(ssn, $1), CASE WHEN id = $2 THEN name ELSE $3 END, NULLIF(ssn, $4) FROM patients ORDER BY id",
        &[Some("none"), Some("1"), Some("other"), Some("900-78-0002")],
    ),
    (
        "SELECT id FROM patients WHERE ssn = (SELECT patient_ssn FROM claims WHERE id = $1) AND ssn IN ($2, $3, ssn) ORDER BY id",
        &[Some("1"), Some("x"), Some("y")],
    ),
    (
        "INSERT INTO patients (id, name, ssn) SELECT $1, $2, patient_ssn FROM claims WHERE id = $3 ON CONFLICT (ssn) DO UPDATE SET name = excluded.name, notes = $4 WHERE patients.ssn = $5 RETURNING id, name, ssn, notes",
        &[
            Some("20"),
            Some("Dritter Panda"),
            Some("1"),
            Some("Panda notes"),
            Some("900-78-0001"),
        ],
    ),
    (
        "UPDATE patients SET (name, ssn) = ($1, $2), notes = $3 WHERE ssn = $4 RETURNING name, ssn, notes",
        &[
            Some("Vierter Panda"),
            Some("900-78-0044"),
            None,
            Some("900-78-0002"),
        ],
    ),
    (
        "MERGE INTO patients p USING (VALUES ($1::int, $2, $3)) AS s (id, name, ssn) ON p.ssn = s.ssn WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (id, name, ssn) VALUES (s.id, s.name, s.ssn)",
        &[Some("30"), Some("Panda"), Some("900-78-0030")],
    ),
    (
        "MERGE INTO patients p USING (VALUES ($1::int, $2, $3)) AS s (id, name, ssn) ON p.ssn = s.ssn WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.name, s.ssn)",
        &[Some("31"), Some("Panda"), Some("900-78-0031")],
    ),
    (
        "MERGE INTO patients p USING claims c ON p.ssn = c.patient_ssn AND c.id = $1 WHEN MATCHED AND p.ssn = $2 THEN UPDATE SET name = $3, notes = $3",
        &[Some("1"), Some("900-78-0001"), Some("Panda")],
    ),
    (
        "WITH RECURSIVE t (i, s) AS (SELECT id, ssn FROM patients WHERE ssn = $1 UNION ALL SELECT i + 1, s FROM t WHERE i < $2) SELECT i, s FROM t ORDER BY i",
        &[Some("900-78-0001"), Some("3")],
    ),
    (
        "WITH v AS (SELECT $1 AS s) SELECT p.id FROM patients p, v WHERE p.ssn = v.s",
        &[Some("900-78-0001")],
    ),
];

/// What arrays can be wrong in: the same SQLSTATE.
const WRONG: &[(&str, &str)] = &[
    (
        "SELECT id FROM patients WHERE ssn = ANY ($1)",
        "{900-78-0001",
    ),
    (
        "SELECT id FROM patients WHERE ssn = ANY ($1)",
        "900-78-0001",
    ),
    ("SELECT id FROM patients WHERE score = ANY ($1)", "{1,x}"),
    ("SELECT id FROM patients WHERE token = ANY ($1)", "{1}"),
];

fn clinic() -> (Place, Raw, Raw) {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    for rows in ROWS {
        assert_eq!(answer(&through.query(rows)), answer(&twin.query(rows)));
    }
    (place, through, twin)
}

fn answer(messages: &[Message]) -> Vec<String> {
    let one = |m: &Message| match m.tag {
        'E' => vec![format!("E{}", m.sqlstate())],
        _ => comparable(std::slice::from_ref(m)),
    };
    messages.iter().flat_map(one).collect()
}

/// Parse and Describe.
fn prepare(client: &mut Raw, sql: &str, types: &[u32]) -> Vec<Message> {
    client.pipeline(&[
        raw::parse("s", sql, types),
        raw::describe(b'S', "s"),
        raw::sync(),
    ]);
    client.until_ready()
}

fn run(client: &mut Raw, values: &[Option<Vec<u8>>], format: u16) -> Vec<Message> {
    let values: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
    client.pipeline(&[
        raw::bind("", "s", &values, format),
        raw::describe(b'P', ""),
        raw::execute("", 0),
        raw::sync(),
    ]);
    client.until_ready()
}

fn forget(client: &mut Raw) {
    client.pipeline(&[raw::close(b'S', "s"), raw::sync()]);
    client.until_ready();
}

/// The types of a ParameterDescription.
fn types(messages: &[Message]) -> Option<Vec<u32>> {
    let described = messages.iter().find(|m| m.tag == 't')?;
    let oids = described.body[2..].chunks(4);
    Some(
        oids.map(|o| u32::from_be_bytes(o.try_into().unwrap()))
            .collect(),
    )
}

/// A value's binary form, where this test knows it.
fn binary(oid: u32, text: &str) -> Option<Vec<u8>> {
    let element = |oid| match oid {
        1000 => Some(16),
        1005 => Some(21),
        1007 => Some(23),
        1009 => Some(25),
        1015 => Some(1043),
        1016 => Some(20),
        2951 => Some(2950),
        _ => None,
    };
    if let Some(element) = element(oid) {
        return array(element, text);
    }
    Some(match oid {
        16 => vec![u8::from(text.starts_with('t'))],
        20 => text.parse::<i64>().ok()?.to_be_bytes().to_vec(),
        21 => text.parse::<i16>().ok()?.to_be_bytes().to_vec(),
        23 => text.parse::<i32>().ok()?.to_be_bytes().to_vec(),
        25 | 1042 | 1043 => text.as_bytes().to_vec(),
        2950 => u128::from_str_radix(&text.replace('-', ""), 16)
            .ok()?
            .to_be_bytes()
            .to_vec(),
        _ => return None,
    })
}

fn array(element: u32, text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let values: Vec<&str> = inner.split(',').filter(|v| !v.is_empty()).collect();
    let mut out = Vec::new();
    let word = |out: &mut Vec<u8>, n: u32| out.extend(n.to_be_bytes());
    word(&mut out, u32::from(!values.is_empty()));
    word(&mut out, u32::from(values.contains(&"NULL")));
    word(&mut out, element);
    if !values.is_empty() {
        word(&mut out, values.len() as u32);
        word(&mut out, 1);
    }
    for value in values {
        if value == "NULL" {
            word(&mut out, u32::MAX);
            continue;
        }
        let value = binary(element, value)?;
        word(&mut out, value.len() as u32);
        out.extend(value);
    }
    Some(out)
}

/// What a client gets of a statement in each of the ways to give it its parameters.
fn ways(client: &mut Raw, sql: &str, values: &[Option<&str>], oids: &[u32]) -> Vec<Vec<String>> {
    let mut all = vec![answer(&prepare(client, sql, &[]))];
    let text: Vec<Option<Vec<u8>>> = values
        .iter()
        .map(|v| v.map(|v| v.as_bytes().to_vec()))
        .collect();
    let in_block = |client: &mut Raw, values: &[Option<Vec<u8>>], format| {
        client.query("BEGIN");
        let answer = answer(&run(client, values, format));
        client.query("ROLLBACK");
        answer
    };
    all.push(in_block(client, &text, 0));
    let binary: Option<Vec<Option<Vec<u8>>>> = oids
        .iter()
        .zip(values)
        .map(|(oid, value)| match value {
            None => Some(None),
            Some(value) => binary(*oid, value).map(Some),
        })
        .collect();
    if let Some(binary) = binary {
        all.push(in_block(client, &binary, 1));
        forget(client);
        all.push(answer(&prepare(client, sql, oids)));
        all.push(in_block(client, &binary, 1));
    }
    forget(client);
    all
}

#[test]
fn parameters_are_answered_as_by_the_twin() {
    let (place, mut through, mut twin) = clinic();
    let mut wrong = Vec::new();
    for (sql, values) in SAME {
        let described = prepare(&mut twin, sql, &[]);
        let oids = types(&described).unwrap_or_else(|| panic!("{sql}: {described:?}"));
        forget(&mut twin);
        let a = ways(&mut through, sql, values, &oids);
        let b = ways(&mut twin, sql, values, &oids);
        for (a, b) in a.iter().zip(&b).filter(|(a, b)| a != b) {
            wrong.push(format!("{sql}\n    proxy {a:?}\n    twin  {b:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for canary in ["Panda", "900-78-00"] {
        place.assert_hidden(canary);
    }
}

#[test]
fn a_wrong_array_is_the_servers_error_and_leaves_the_session_usable() {
    let (place, mut through, mut twin) = clinic();
    for (sql, value) in WRONG {
        let value = [Some(value.as_bytes().to_vec())];
        let both = [&mut through, &mut twin].map(|client| {
            prepare(client, sql, &[]);
            let answered = answer(&run(client, &value, 0));
            forget(client);
            let again = answer(&client.query("SELECT 1"));
            (answered, again)
        });
        assert_eq!(both[0], both[1], "{sql}");
    }
    let sql = "SELECT id FROM patients WHERE ssn = ANY ($1)";
    prepare(&mut through, sql, &[]);
    let nested = run(&mut through, &[Some(b"{{900-78-0001}}".to_vec())], 0);
    assert_eq!(raw::sqlstate(&nested).as_deref(), Some("0A000"));
    place.assert_hidden("900-78-00");
}

const CASTS: &str = r#"
databases:
  DATABASE:
    tables:
      public.taken:
        columns:
          i4:   { type: int4,             protect: random }
          i8:   { type: int8,             protect: deterministic }
          n:    { type: "numeric(10,2)",  protect: random }
          f:    { type: float4,           protect: random }
          d:    { type: date,             protect: random }
          tz:   { type: timestamptz,      protect: random }
          i4s:  { type: "int4[]",         protect: random }
          ns:   { type: "numeric(8,2)[]", protect: random }
          ts:   { type: "text[]",         protect: random }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

/// Column, the cast around the parameter, the type that the client declares, its text.
const DECLARED: &[(&str, &str, u32, &str)] = &[
    ("i4", "::int", 21, "5"),
    ("i4", "::int", 20, "3000000000"),
    ("i4", "::int", 701, "2.5"),
    ("i8", "::bigint", 21, "5"),
    ("i8", "::numeric", 23, "5"),
    ("i8", "::bigint", 1700, "5.5"),
    ("n", "::numeric", 701, "5.675"),
    ("n", "::numeric(10,2)", 21, "5"),
    ("n", "::bigint", 21, "5"),
    ("f", "::numeric", 20, "16777217"),
    ("d", "::date", 1114, "2020-07-01 23:59:59.999999"),
    ("tz", "::timestamptz", 1114, "2020-07-01 01:02:03"),
    ("tz", "::timestamptz", 1082, "2020-07-01"),
    // arrays of another type, element by element
    ("i4s", "", 1005, "{1,NULL,3}"),
    ("i4s", "::int[]", 1005, "[0:1]={1,2}"),
    ("i4s", "::int[]", 1016, "{3000000000}"),
    ("i4s", "::int[]", 1231, "{1.5,2.5}"),
    ("ns", "::numeric[]", 1005, "{1,2}"),
    ("ns", "", 1231, "{1.005,100000000}"),
    ("ns", "", 1022, "{}"),
    ("ts", "::varchar[]", 0, "{a,NULL}"),
    ("ts", "", 1007, "{1,2}"),
    ("ts", "", 1000, "{t}"),
];

#[test]
fn a_declared_type_and_the_cast_around_it_are_taken_together() {
    let place = Setup::policy(CASTS).start();
    place.both(
        "CREATE TABLE taken (id serial PRIMARY KEY, i4 int, i8 bigint, n numeric(10,2), f real, d date, tz timestamptz, \
         i4s int[], ns numeric(8,2)[], ts text[])",
    );
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    for (column, cast, declared, value) in DECLARED {
        let sql = format!("INSERT INTO taken ({column}) VALUES ($1{cast}) RETURNING {column}");
        let value = [Some(value.as_bytes().to_vec())];
        let both = [&mut through, &mut twin].map(|client| {
            let described = answer(&prepare(client, &sql, &[*declared]));
            let answered = answer(&run(client, &value, 0));
            forget(client);
            (described, answered)
        });
        assert_eq!(both[0], both[1], "{sql} with {declared}");
    }
    let sql = "SELECT i8 FROM taken WHERE i8 = $1::bigint";
    for client in [&mut through, &mut twin] {
        prepare(client, sql, &[21]);
        let found = run(client, &[Some(b"5".to_vec())], 0);
        assert_eq!(raw::rows(&found).len(), 2, "{found:?}");
        forget(client);
    }
}

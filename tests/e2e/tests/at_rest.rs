//! No protected plaintext leaves towards the database, and the app sees what it would see without us.

use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{self, Raw, comparable};
use hippocrypt_e2e::{Setup, sql};

/// Texts that are in the statements below and must be nowhere else.
const CANARIES: [&str; 9] = [
    "Ada Zebrafinch",
    "Björk Ünterwäldchen",
    "O'Quagga",
    "Quokka\\backslash",
    "900-11-0001",
    "901-22-0002",
    "tab\tand newline",
    "mango chutney allergy",
    "7c9e6679-7425-40de-944b-e07fc1f90ae7",
];

/// What an app that inlines its values sends.
const WRITES: &str = "
INSERT INTO patients (id, name, ssn, dob, notes, age, score, cost, alive, seen, token) VALUES
  (1, 'Ada Zebrafinch', '900-11-0001', '1970-03-02', 'mango chutney allergy', 54, 9007199254740993, 12.5, true,
   '2024-02-29 12:34:56.789+02', '7c9e6679-7425-40de-944b-e07fc1f90ae7'),
  (2, 'Björk Ünterwäldchen', '901-22-0002', '0044-03-15 BC', '', -7, 0, '1e3', 'f', 'infinity', NULL);
INSERT INTO \"patients\" AS \"p\" (\"name\", \"id\", notes) VALUES ('O''Quagga', 3, E'tab\\tand newline\\n'), (E'Quokka\\\\backslash', 4, NULL);
INSERT INTO patients (id, name, dob) VALUES (5, 'Ada Zebrafinch', '1970-03-02'::date), (6, 'x', NULL);
INSERT INTO claims VALUES (1, '900-11-0001', 99.95), (2, '901-22-0002', 10), (3, NULL, 0.01), (4, '900-11-0001', 7);
INSERT INTO visits VALUES (1, 1, 'A'), (2, 2, 'B'), (3, 1, 'C');
UPDATE patients SET notes = 'mango chutney allergy', age = age WHERE ssn = '901-22-0002';
UPDATE \"patients\" AS \"a\" SET \"age\" = 33, cost = 1.005 WHERE \"a\".\"id\" = 3;
UPDATE patients SET score = NULL, alive = DEFAULT WHERE id = 4;
INSERT INTO patients (id, name, ssn) VALUES (7, 'x', '900-11-0001') ON CONFLICT (ssn) DO UPDATE SET name = excluded.name, notes = 'Ada Zebrafinch';
INSERT INTO patients (id, name, ssn) VALUES (1, 'y', NULL) ON CONFLICT DO NOTHING;
DELETE FROM patients WHERE name IS NULL OR (ssn IS NOT NULL AND id > 100)
";

/// What it reads; every one is ordered, so that answers can be compared.
const READS: [&str; 34] = [
    "SELECT * FROM patients ORDER BY id",
    "SELECT id, name, ssn FROM patients WHERE ssn = '900-11-0001'",
    "SELECT p.id, p.notes AS n, p.dob d FROM public.patients p WHERE p.id IN (1, 3) ORDER BY 1",
    "SELECT \"patients\".\"name\", cost, vip FROM patients WHERE ssn IN ('900-11-0001', '901-22-0002', 'nobody') ORDER BY id",
    "SELECT id FROM patients WHERE ssn <> '900-11-0001' ORDER BY id",
    "SELECT id FROM patients WHERE name IS NOT NULL AND dob IS NULL ORDER BY id",
    "SELECT count(*), count(ssn), count(DISTINCT ssn) FROM patients",
    "SELECT p.name, c.amount FROM patients p JOIN claims c ON c.patient_ssn = p.ssn ORDER BY c.id",
    "SELECT p.name, c.amount FROM patients p LEFT JOIN claims c ON c.patient_ssn = p.ssn ORDER BY p.id, c.id",
    "SELECT v.room, p.name FROM visits v, patients p WHERE p.id = v.patient_id ORDER BY v.id",
    "SELECT name FROM patients WHERE id IN (SELECT patient_id FROM visits) ORDER BY id",
    "SELECT id FROM patients p WHERE EXISTS (SELECT 1 FROM claims c WHERE c.patient_ssn = p.ssn) ORDER BY id",
    "SELECT id FROM claims WHERE patient_ssn IN (SELECT ssn FROM patients WHERE id = 1) ORDER BY id",
    "WITH a AS (SELECT id, name, ssn FROM patients) SELECT a.name, a.ssn FROM a ORDER BY a.id",
    "SELECT s.n FROM (SELECT id AS i, name AS n FROM patients) s ORDER BY s.i",
    "SELECT ssn, count(*) FROM claims c JOIN patients p ON p.ssn = c.patient_ssn GROUP BY ssn HAVING count(*) > 1",
    "SELECT id, COALESCE(ssn, 'none') FROM patients ORDER BY id",
    "SELECT id, CASE WHEN alive IS NULL THEN notes ELSE name END FROM patients ORDER BY id",
    "SELECT id, name FROM patients WHERE id = 1 UNION ALL SELECT id, notes FROM patients WHERE id = 2 ORDER BY 1",
    "SELECT (SELECT name FROM patients WHERE id = 1), 'clear', NULL",
    "SELECT dob, dob AS again, id FROM patients WHERE token = '7c9e6679-7425-40de-944b-e07fc1f90ae7'",
    "SELECT score FROM patients WHERE score = 9007199254740993",
    "SELECT id FROM patients WHERE ssn IS NOT DISTINCT FROM NULL ORDER BY id",
    "SELECT DISTINCT patient_ssn FROM claims WHERE patient_ssn = '900-11-0001'",
    "SELECT id, name FROM patients ORDER BY id LIMIT 2 OFFSET 1",
    "SELECT name FROM patients WHERE id = 1 FOR UPDATE",
    "SELECT ssn FROM patients WHERE id = 1 UNION SELECT patient_ssn FROM claims WHERE id = 1",
    "SELECT count(*) FROM patients WHERE ssn = 'a value far longer than eleven characters'",
    "SELECT /* a comment */ name -- another\n FROM patients WHERE id = 3",
    "INSERT INTO patients (id, name, cost) VALUES (50, 'Ada Zebrafinch', 3.14159) RETURNING id, name, cost, age",
    "UPDATE patients SET name = 'O''Quagga' WHERE id = 50 RETURNING *",
    "DELETE FROM patients WHERE id = 50 RETURNING name, vip",
    "INSERT INTO patients (id, name, ssn) VALUES (60, 'x', '900-11-0001 far too long')",
    "INSERT INTO patients (id, name, dob) VALUES (61, 'x', '2023-02-30')",
];

fn filled() -> Place {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    place.both(WRITES);
    place
}

#[test]
fn inlined_values_come_back_as_from_the_twin_and_stay_hidden() {
    let place = filled();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    for sql in READS {
        let (a, b) = (through.query(sql), twin.query(sql));
        assert_eq!(without_values(&a), without_values(&b), "{sql}");
    }
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

/// Errors about bad values: the same code; the texts differ in that ours never repeat the value.
fn without_values(messages: &[raw::Message]) -> Vec<String> {
    let error = |m: &raw::Message| format!("E{}", m.sqlstate());
    let one = |m: &raw::Message| match m.tag {
        'E' => vec![error(m)],
        _ => comparable(std::slice::from_ref(m)),
    };
    messages.iter().flat_map(one).collect()
}

#[test]
fn statements_are_described_as_by_the_twin() {
    let place = filled();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    // PostgreSQL cuts varchar(n) to size when it executes; we refuse the literal when we see it.
    let described = READS
        .iter()
        .copied()
        .filter(|sql| !sql.contains("far too long')"));
    for sql in described.chain([
        "SELECT name FROM patients WHERE ssn = $1",
        "SELECT name FROM patients WHERE ssn IN ($1, $2) AND id > $3",
        "INSERT INTO patients (id, name, ssn, dob, age) VALUES ($1, $2, $3, $4, $5)",
        "INSERT INTO patients (id, name) VALUES ($1, $2), ($3, $4) RETURNING ssn, name",
        "UPDATE patients SET dob = $1, score = $2 WHERE id = $3",
        "SELECT id FROM patients WHERE token = $1 AND score = $2",
        "DELETE FROM patients WHERE ssn = $1 RETURNING *",
    ]) {
        let ask = |r: &mut Raw| {
            r.pipeline(&[
                raw::parse("", sql, &[]),
                raw::describe(b'S', ""),
                raw::sync(),
            ]);
            r.until_ready()
        };
        assert_eq!(
            without_values(&ask(&mut through)),
            without_values(&ask(&mut twin)),
            "{sql}"
        );
    }
}

/// One row's values, in text or binary, bound to the same statement on both sides.
fn bound(raw: &mut Raw, format: u16, values: &[Option<&[u8]>]) -> Vec<raw::Message> {
    let insert = "INSERT INTO patients (id, name, ssn, dob, age, score, cost, alive, seen, token) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *";
    raw.pipeline(&[
        raw::parse("ins", insert, &[]),
        raw::describe(b'S', "ins"),
        raw::bind("", "ins", values, format),
        raw::describe(b'P', ""),
        raw::execute("", 0),
        raw::close(b'S', "ins"),
        raw::sync(),
    ]);
    raw.until_ready()
}

#[test]
fn bound_values_come_back_as_from_the_twin_in_both_formats() {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let text: Vec<Option<&[u8]>> = vec![
        Some(b"1"),
        Some("Björk Ünterwäldchen".as_bytes()),
        Some(b"900-11-0001"),
        Some(b"1970-03-02"),
        Some(b"-3"),
        Some(b"42"),
        Some(b"0.10"),
        Some(b"t"),
        Some(b"2024-02-29 12:34:56+00"),
        Some(b"7c9e6679-7425-40de-944b-e07fc1f90ae7"),
    ];
    let uuid = [
        0x7c, 0x9e, 0x66, 0x79, 0x74, 0x25, 0x40, 0xde, 0x94, 0x4b, 0xe0, 0x7f, 0xc1, 0xf9, 0x0a,
        0xe8,
    ];
    // numeric 12.50: one digit group 12, one 5000, weight 0, positive, scale 2
    let binary: Vec<Option<&[u8]>> = vec![
        Some(&[0, 0, 0, 2]),
        Some(b"Ada Zebrafinch"),
        Some(b"901-22-0002"),
        Some(&[0, 0, 0x10, 0]),
        Some(&[0, 0, 0, 9]),
        Some(&[0, 0, 0, 0, 0, 0, 1, 0]),
        Some(&[0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 0x13, 0x88]),
        Some(&[1]),
        Some(&[0, 2, 0, 0, 0, 0, 0, 0]),
        Some(&uuid),
    ];
    let nulls: Vec<Option<&[u8]>> = vec![
        Some(b"3"),
        Some(b""),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    ];
    for (format, values) in [(0, &text), (1, &binary), (0, &nulls)] {
        let (a, b) = (
            bound(&mut through, format, values),
            bound(&mut twin, format, values),
        );
        assert_eq!(comparable(&a), comparable(&b), "format {format}");
    }
    for format in [0, 1] {
        let read = |r: &mut Raw| {
            let select = "SELECT * FROM patients WHERE ssn = $1 OR ssn IS NULL ORDER BY id";
            r.pipeline(&[
                raw::parse("", select, &[]),
                raw::bind("", "", &[Some(b"901-22-0002")], format),
                raw::execute("", 0),
                raw::sync(),
            ]);
            r.until_ready()
        };
        assert_eq!(
            comparable(&read(&mut through)),
            comparable(&read(&mut twin)),
            "format {format}"
        );
    }
    for canary in [
        "Björk Ünterwäldchen",
        "900-11-0001",
        "Ada Zebrafinch",
        "901-22-0002",
    ] {
        place.assert_hidden(canary);
    }
    assert!(!place.tap.saw(&uuid), "the uuid went to the database");
}

#[test]
fn a_portal_of_opened_rows_can_be_fetched_in_portions() {
    let place = filled();
    let fetch = |r: &mut Raw| {
        r.pipeline(&[
            raw::parse("s", "SELECT id, name, ssn FROM patients ORDER BY id", &[]),
            raw::bind("p", "s", &[], 0),
            raw::describe(b'P', "p"),
            raw::execute("p", 2),
            raw::execute("p", 2),
            raw::execute("p", 0),
            raw::sync(),
        ]);
        r.until_ready()
    };
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    assert_eq!(
        comparable(&fetch(&mut through)),
        comparable(&fetch(&mut twin))
    );
}

#[test]
fn every_value_at_rest_is_a_cell() {
    let place = filled();
    let thief = place.thief();
    let columns = "name ssn dob notes age score cost alive seen token";
    for column in columns.split(' ') {
        let found = format!(
            "SELECT count({column}), count({column}) FILTER (WHERE substr({column}::bytea, 1, 2) <> '\\xf5e1') FROM patients"
        );
        let row = sql::rows(&thief, &found).unwrap().remove(0);
        assert_ne!(row[0].as_deref(), Some("0"), "no value in {column}");
        assert_eq!(
            row[1].as_deref(),
            Some("0"),
            "{column} holds what is not a cell"
        );
    }
    let random = "SELECT count(DISTINCT name) FROM patients WHERE id IN (1, 5)";
    assert_eq!(
        sql::rows(&thief, random).unwrap()[0][0].as_deref(),
        Some("2"),
        "equal values look equal"
    );
    let refused = sql::rows(&thief, "UPDATE patients SET name = 'plain' WHERE id = 1");
    assert!(refused.is_err(), "the database takes plaintext");
}

#[test]
fn a_cell_that_was_tampered_with_is_an_error_and_never_a_value() {
    let place = filled();
    let flip = "UPDATE patients SET name = set_byte(name::bytea, octet_length(name::bytea) - 1, \
                get_byte(name::bytea, octet_length(name::bytea) - 1) # 1) WHERE id = 3";
    sql::rows(&place.thief(), flip).unwrap();
    let mut client = place.raw("app");
    let answer = client.query("SELECT id, name FROM patients ORDER BY id");
    assert_eq!(
        raw::sqlstate(&answer).as_deref(),
        Some("XX001"),
        "{answer:?}"
    );
    assert_eq!(raw::status(&answer), 'I');
    assert_eq!(raw::rows(&answer).len(), 2, "rows before it, none after");
    assert_eq!(
        raw::rows(&client.query("SELECT name FROM patients WHERE id = 5"))[0][0].as_deref(),
        Some("Ada Zebrafinch")
    );
    client.query("BEGIN");
    let answer = client.query("SELECT name FROM patients WHERE id = 3");
    assert_eq!(
        (raw::sqlstate(&answer).as_deref(), raw::status(&answer)),
        (Some("XX001"), 'E')
    );
    client.query("ROLLBACK");
}

#[test]
fn a_cell_of_another_column_does_not_open_in_this_one() {
    let place = filled();
    sql::rows(&place.thief(), "ALTER TABLE patients DISABLE TRIGGER ALL").unwrap();
    let swap = "UPDATE patients SET name = notes WHERE id = 1";
    if sql::rows(&place.thief(), swap).is_err() {
        return; // the CHECK on the group's id refuses it already
    }
    let answer = place
        .raw("app")
        .query("SELECT name FROM patients WHERE id = 1");
    assert_eq!(
        raw::sqlstate(&answer).as_deref(),
        Some("XX001"),
        "{answer:?}"
    );
}

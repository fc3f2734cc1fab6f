//! COPY in every format and under every option: the bytes are the twin's, and only cells reach the database.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{self, Message, Raw, comparable, sqlstate};

/// In the data below, and nowhere else.
const CANARIES: [&str; 4] = [
    "Copied Kinkajou",
    "900-88-000",
    "Zoë Kinkajou",
    "kinkajou notes",
];

/// Values that a format could trip over.
const ROWS: &str = r#"
INSERT INTO patients (id, name, ssn, dob, notes, age, score, cost, alive, seen, token, vip) VALUES
 (1, 'Copied Kinkajou', '900-88-0001', '1980-01-02', E'kinkajou notes\twith tab, comma; "quotes" ''single'' | bar', 54, 9007199254740993, 12.50, true, '2024-02-29 12:34:56.789+02', '7c9e6679-7425-40de-944b-e07fc1f90ae7', true),
 (2, E'Zoë Kinkajou\n\\.\nnext\r\nline', '900-88-0002', '0044-03-15 BC', '', -7, 0, 1000, false, 'infinity', NULL, NULL),
 (3, E'\\N', NULL, NULL, 'NULL', NULL, NULL, NULL, NULL, NULL, NULL, false),
 (4, E'\\.', '', 'infinity', E'\\', 0, -1, -0.01, true, '-infinity', NULL, true),
 (5, '', 'a', '2020-02-29', E'\b\f\013\001\177', 2147483647, -9223372036854775808, 99999999.99, false, '0001-01-01 00:00:00+00', NULL, false),
 (6, ' leading and trailing ', 'x y', '1970-01-01', E'a\\tb\\\\c\\', 1, 1, 1, true, '1970-01-01 00:00:00+00', NULL, true),
 (7, '"', '''', '9999-12-31', ',', 2, 2, 2, false, '2024-06-30 23:59:59.999999+00', NULL, true),
 (8, '日本語 🐾', 'é', NULL, E'\r', 3, 3, 3, true, NULL, NULL, true)"#;

/// (of COPY TO, of COPY FROM that reads it back).
const OPTIONS: &[(&str, &str)] = &[
    ("", ""),
    ("(FORMAT text, HEADER)", "(FORMAT text, HEADER match)"),
    (
        "(DELIMITER '|', NULL 'NULL')",
        "(DELIMITER '|', NULL 'NULL')",
    ),
    ("(DELIMITER ',', NULL '')", "(DELIMITER ',', NULL '')"),
    ("(NULL '\\N\\N')", "(NULL '\\N\\N')"),
    ("(FORMAT csv)", "(FORMAT csv)"),
    ("(FORMAT csv, HEADER)", "(FORMAT csv, HEADER)"),
    ("(FORMAT csv, HEADER true)", "(FORMAT csv, HEADER match)"),
    ("(FORMAT csv, FORCE_QUOTE *)", "(FORMAT csv)"),
    (
        "(FORMAT csv, FORCE_QUOTE (name, id))",
        "(FORMAT csv, FORCE_NULL (name, notes))",
    ),
    (
        "(FORMAT csv, NULL 'NULL')",
        "(FORMAT csv, NULL 'NULL', FORCE_NOT_NULL (notes))",
    ),
    (
        "(FORMAT csv, NULL '\\N', DELIMITER ';', QUOTE '''')",
        "(FORMAT csv, NULL '\\N', DELIMITER ';', QUOTE '''')",
    ),
    (
        "(FORMAT csv, QUOTE '\"', ESCAPE '\\')",
        "(FORMAT csv, ESCAPE '\\')",
    ),
    (
        "(FORMAT csv, QUOTE '5', ESCAPE 'e', DELIMITER 'f')",
        "(FORMAT csv, QUOTE '5', ESCAPE 'e', DELIMITER 'f')",
    ),
    (
        "WITH CSV HEADER DELIMITER AS E'\\t' FORCE QUOTE name",
        "CSV HEADER DELIMITER E'\\t'",
    ),
    (
        "WITH DELIMITER '~' NULL AS 'x'",
        "USING DELIMITERS '~' WITH NULL 'x'",
    ),
    ("(FORMAT binary)", "(FORMAT binary)"),
];

pub fn clinic() -> (Place, Raw, Raw) {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    let (through, twin) = (place.raw("app"), place.raw_twin("app"));
    (place, through, twin)
}

fn fill(through: &mut Raw, twin: &mut Raw) {
    for client in [through, twin] {
        assert_eq!(sqlstate(&client.query(ROWS)), None);
    }
}

/// The data of a COPY TO, one string a message.
pub fn data(messages: &[Message]) -> Vec<Vec<u8>> {
    let copied = messages.iter().filter(|m| m.tag == 'd');
    copied.map(|m| m.body.clone()).collect()
}

/// COPY FROM STDIN with this data in these pieces; everything the server said.
pub fn feed<'d>(
    client: &mut Raw,
    sql: &str,
    pieces: impl IntoIterator<Item = &'d [u8]>,
) -> Vec<Message> {
    client.send(&raw::query(sql));
    let mut said = client.until("GEZ");
    match said.last().unwrap().tag {
        'G' => {
            for piece in pieces {
                client.send(&raw::copy_data(piece));
            }
            client.send(&raw::copy_done());
        }
        'Z' => return said,
        _ => {}
    }
    said.extend(client.until_ready());
    said
}

/// Pieces whose lengths come from a seed: 1 to 7 bytes, or all at once.
pub fn pieces(data: &[u8], mut seed: u32) -> Vec<&[u8]> {
    let mut rest = data;
    let mut list = Vec::new();
    while !rest.is_empty() && seed > 0 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) | 1;
        let (piece, tail) = rest.split_at(rest.len().min((seed >> 16) as usize % 7 + 1));
        list.push(piece);
        rest = tail;
    }
    if !rest.is_empty() {
        list.push(rest);
    }
    list
}

/// Errors by code: ours name no value.
pub fn answer(messages: &[Message]) -> Vec<String> {
    let one = |m: &Message| match m.tag {
        'E' => vec![format!("E{}", m.sqlstate())],
        _ => comparable(std::slice::from_ref(m)),
    };
    messages.iter().flat_map(one).collect()
}

#[test]
fn what_is_copied_out_and_in_is_the_twins() {
    let (place, mut through, mut twin) = clinic();
    fill(&mut through, &mut twin);
    let all = "SELECT * FROM patients ORDER BY id";
    for style in ["ISO, MDY", "SQL, DMY", "German"] {
        let set = format!("SET DateStyle = '{style}'");
        assert_eq!(answer(&through.query(&set)), answer(&twin.query(&set)));
        for (n, (out, back)) in (1..).zip(OPTIONS) {
            let to = format!("COPY patients TO STDOUT {out}");
            let (a, b) = (through.query(&to), twin.query(&to));
            assert_eq!(answer(&a), answer(&b), "{to}");
            assert_eq!(sqlstate(&b), None, "{to}");
            let bytes = data(&b).concat();
            let from = format!("COPY patients FROM STDIN {back}");
            for client in [&mut through, &mut twin] {
                client.query("BEGIN");
                client.query("DELETE FROM patients");
            }
            let a = feed(&mut through, &from, pieces(&bytes, n));
            let b = feed(&mut twin, &from, [&bytes[..]]);
            assert_eq!(
                answer(&a),
                answer(&b),
                "{from} of {}",
                String::from_utf8_lossy(&bytes)
            );
            let (a, b) = (through.query(all), twin.query(all));
            assert_eq!(answer(&a), answer(&b), "after {from}");
            through.query("ROLLBACK");
            twin.query("ROLLBACK");
        }
    }
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

#[test]
fn what_a_client_sends_is_read_as_by_the_twin() {
    let (place, mut through, mut twin) = clinic();
    let mut wrong = Vec::new();
    for (n, (options, input)) in (0..).zip(super::copy_inputs::INPUTS) {
        let sql = format!("COPY patients (id, name, dob) FROM STDIN {options}");
        through.query("BEGIN");
        twin.query("BEGIN");
        let mut a = feed(&mut through, &sql, pieces(input.as_bytes(), n % 5));
        let mut b = feed(&mut twin, &sql, [input.as_bytes()]);
        if sqlstate(&b).is_none() {
            let all = "SELECT id, name, dob FROM patients ORDER BY id";
            a.extend(through.query(all));
            b.extend(twin.query(all));
        }
        through.query("ROLLBACK");
        twin.query("ROLLBACK");
        let (a, b) = (answer(&a), answer(&b));
        if a != b {
            wrong.push(format!(
                "{options} {input:?}\n   proxy {a:?}\n   twin  {b:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(!place.tap.saw(b"Kinkajou"), "a name went to the database");
}

#[test]
fn binary_data_is_read_as_by_the_twin() {
    let (place, mut through, mut twin) = clinic();
    for (n, input) in (0..).zip(super::copy_inputs::binary()) {
        let sql = "COPY patients (id, name, dob) FROM STDIN (FORMAT binary)";
        through.query("BEGIN");
        twin.query("BEGIN");
        let mut a = feed(&mut through, sql, pieces(&input, n % 4));
        let mut b = feed(&mut twin, sql, [&input[..]]);
        if sqlstate(&b).is_none() {
            a.extend(through.query("SELECT id, name, dob FROM patients ORDER BY id"));
            b.extend(twin.query("SELECT id, name, dob FROM patients ORDER BY id"));
        }
        through.query("ROLLBACK");
        twin.query("ROLLBACK");
        assert_eq!(answer(&a), answer(&b), "{n}: {input:?}");
    }
    assert!(!place.tap.saw(b"Kinkajou"), "a name went to the database");
}

#[test]
fn queries_are_copied_out_as_by_the_twin() {
    let (place, mut through, mut twin) = clinic();
    fill(&mut through, &mut twin);
    place.both(
        "INSERT INTO claims VALUES (1, '900-88-0001', 5); INSERT INTO visits VALUES (1, 1, 'A')",
    );
    for sql in [
        "COPY (SELECT name, count(*) OVER () FROM patients ORDER BY id) TO STDOUT",
        "COPY (SELECT p.name AS \"the name\", c.* FROM patients p JOIN claims c ON c.patient_ssn = p.ssn) TO STDOUT CSV HEADER",
        "COPY (SELECT * FROM patients WHERE ssn = '900-88-0001') TO STDOUT (FORMAT binary)",
        "COPY (SELECT COALESCE(notes, name) FROM patients ORDER BY id) TO STDOUT (FORMAT csv)",
        "COPY (SELECT name FROM patients WHERE false) TO STDOUT (FORMAT binary)",
        "COPY (SELECT name FROM patients WHERE false) TO STDOUT (FORMAT csv, HEADER)",
        "COPY (VALUES (1, (SELECT name FROM patients WHERE id = 1))) TO STDOUT",
        "COPY (UPDATE patients SET name = 'Copied Kinkajou' WHERE id = 5 RETURNING id, name) TO STDOUT",
        "COPY (INSERT INTO patients (id, name) VALUES (50, 'Zoë Kinkajou') RETURNING *) TO STDOUT CSV",
        "COPY (DELETE FROM patients WHERE id = 50 RETURNING name) TO STDOUT",
        "COPY (SELECT count(*) FROM patients) TO STDOUT",
        "COPY patients (id, vip) TO STDOUT",
        "COPY visits TO STDOUT",
        "COPY patients (id, nothing) TO STDOUT",
        "COPY patients (id, id) TO STDOUT",
        "COPY nothing TO STDOUT",
        "COPY (SELECT name FROM patients WHERE id = $1) TO STDOUT",
        "COPY patients TO STDOUT (FORMAT nonsense)",
        "COPY patients TO STDOUT (HEADER 7)",
        "COPY patients TO STDOUT (FORMAT csv, DELIMITER '\"')",
        "COPY patients TO STDOUT (FORMAT binary, HEADER)",
        "COPY patients TO STDOUT (FORCE_QUOTE (id))",
        "COPY patients TO STDOUT (FORMAT csv, FORCE_QUOTE (nothing))",
        "COPY patients (id) TO STDOUT (FORMAT csv, FORCE_QUOTE (name))",
        "COPY patients FROM STDIN (FORMAT csv, FORCE_QUOTE *)",
        "COPY patients FROM STDIN (NULL E'\\n')",
        "COPY patients (id) FROM STDIN WHERE ssn IN (SELECT ssn FROM patients)",
        "SELECT name FROM patients WHERE id = 1; COPY patients (name) TO STDOUT; SELECT 1",
    ] {
        let (a, b) = (through.query(sql), twin.query(sql));
        assert_eq!(answer(&a), answer(&b), "{sql}");
    }
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

#[test]
fn where_decides_by_sealed_values() {
    let (place, mut through, mut twin) = clinic();
    let sql = "COPY patients (id, name, ssn) FROM STDIN WHERE ssn = '900-88-0001' OR ssn IS NULL AND id > 2";
    let input =
        "1\tCopied Kinkajou\t900-88-0001\n2\tZoë Kinkajou\t900-88-0002\n3\tCopied Kinkajou\t\\N\n";
    let (a, b) = (
        feed(&mut through, sql, [input.as_bytes()]),
        feed(&mut twin, sql, [input.as_bytes()]),
    );
    assert_eq!(answer(&a), answer(&b));
    let all = "SELECT id, name, ssn FROM patients ORDER BY id";
    let (a, b) = (through.query(all), twin.query(all));
    assert_eq!(answer(&a), answer(&b));
    assert_eq!(raw::rows(&a).len(), 2);
    place.assert_hidden("Kinkajou");
    place.assert_hidden("900-88-000");
}

#[test]
fn a_role_copies_what_it_may_see() {
    let (place, mut through, mut twin) = clinic();
    fill(&mut through, &mut twin);
    let mut billing = place.raw("billing");
    let masked =
        billing.query("COPY (SELECT id, name, ssn, dob FROM patients WHERE id = 1) TO STDOUT");
    let shown = b"1\tCopied Kinkajou\t*******0001\t1980-01-01\n".to_vec();
    assert_eq!(data(&masked), [shown]);
    let masked = billing.query("COPY patients (ssn) TO STDOUT (FORMAT csv, HEADER)");
    assert_eq!(sqlstate(&masked), None, "{masked:?}");
    assert_eq!(data(&masked)[1], b"*******0001\n");
    for sql in [
        "COPY patients TO STDOUT",
        "COPY patients (id, notes) TO STDOUT",
    ] {
        assert_eq!(
            sqlstate(&billing.query(sql)).as_deref(),
            Some("42501"),
            "{sql}"
        );
    }
    for column in ["ssn", "notes"] {
        let said = feed(
            &mut billing,
            &format!("COPY patients (id, {column}) FROM STDIN"),
            [],
        );
        assert_eq!(sqlstate(&said).as_deref(), Some("42501"), "{column}");
    }
    assert!(billing.is_quiet());
    assert!(twin.is_quiet());
}

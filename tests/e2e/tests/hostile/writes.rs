//! Writes that peers stored in clear, or encrypted wrongly.

use super::Must::{Answer, Either, Refuse};
use super::{SECRET, Trick, all_of, place};
use hippocrypt_e2e::raw::{self, rows, sqlstate};
use hippocrypt_e2e::sql;

#[test]
fn writes_that_peers_store_in_clear() {
    all_of(&[
        Trick(
            "INSERT … SELECT of a constant",
            "acra 2",
            Answer,
            &[
                "INSERT INTO patients (id, name) SELECT 10, 'Hostile Heron 10'",
                "SELECT name FROM patients WHERE id = 10",
            ],
        ),
        Trick(
            "INSERT … SELECT FROM VALUES",
            "threats: untranslated spot",
            Either,
            &[
                "INSERT INTO patients (id, name) SELECT i, n FROM (VALUES (11, 'Hostile Heron 11')) AS v (i, n)",
                "SELECT name FROM patients WHERE id = 11",
            ],
        ),
        Trick(
            "INSERT of a VALUES in a CTE",
            "acra 2",
            Either,
            &[
                "WITH v (i, n) AS (VALUES (12, 'Hostile Heron 12')) INSERT INTO patients (id, name) SELECT * FROM v",
            ],
        ),
        Trick(
            "a value wrapped in a function",
            "acra 2",
            Refuse,
            &["INSERT INTO patients (id, name) VALUES (13, lower('Hostile Heron 13'))"],
        ),
        Trick(
            "a value put together",
            "acra 2",
            Refuse,
            &["INSERT INTO patients (id, name) VALUES (14, 'Hostile ' || 'Heron 14')"],
        ),
        Trick(
            "a value in nested casts",
            "acra 2",
            Answer,
            &[
                "INSERT INTO patients (id, name) VALUES (15, ('Hostile Heron 15'::text)::text) RETURNING name",
            ],
        ),
        Trick(
            "a value in parentheses",
            "acra 2",
            Answer,
            &["INSERT INTO patients (id, name) VALUES (16, (('Hostile Heron 16'))) RETURNING name"],
        ),
        Trick(
            "a value in a scalar subquery",
            "acra 2",
            Either,
            &[
                "INSERT INTO patients (id, name) VALUES (17, (SELECT 'Hostile Heron 17')) RETURNING name",
            ],
        ),
        Trick(
            "a value in CASE",
            "acra 2",
            Answer,
            &[
                "INSERT INTO patients (id, name) VALUES (18, CASE WHEN true THEN 'Hostile Heron 18' ELSE 'x' END) RETURNING name",
            ],
        ),
        Trick(
            "ON CONFLICT DO UPDATE SET of the same column",
            "cipherstash 5.4",
            Answer,
            &[
                "INSERT INTO patients (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = 'Hostile Heron conflict' RETURNING name",
            ],
        ),
        Trick(
            "UPDATE SET (a, b) = (…)",
            "acra 2",
            Answer,
            &[
                "UPDATE patients SET (name, notes) = ('Hostile Heron a', 'Hostile Heron b') WHERE id = 2 RETURNING name, notes",
            ],
        ),
        Trick(
            "UPDATE SET (a, b) = ROW(…)",
            "acra 2",
            Answer,
            &[
                "UPDATE patients SET (name, notes) = ROW('Hostile Heron a', 'Hostile Heron b') WHERE id = 2 RETURNING name, notes",
            ],
        ),
        Trick(
            "UPDATE SET (a, b) = (SELECT …)",
            "acra 2",
            Either,
            &[
                "UPDATE patients SET (name, notes) = (SELECT 'Hostile Heron a', 'Hostile Heron b') WHERE id = 2 RETURNING name, notes",
            ],
        ),
        Trick(
            "a write in a CTE",
            "acra 2",
            Answer,
            &[
                "WITH w AS (INSERT INTO patients (id, name) VALUES (19, 'Hostile Heron 19') RETURNING id, name) SELECT name FROM w",
            ],
        ),
        Trick(
            "an UPDATE in a CTE that nobody reads",
            "acra 2",
            Answer,
            &[
                "WITH w AS (UPDATE patients SET name = 'Hostile Heron 20' WHERE id = 2) SELECT 1",
                "SELECT name FROM patients WHERE id = 2",
            ],
        ),
        Trick(
            "MERGE with constants",
            "acra 2, cipherstash 2.3",
            Either,
            &[
                "MERGE INTO patients p USING (SELECT 1 AS id) s ON p.id = s.id WHEN MATCHED THEN UPDATE SET name = 'Hostile Heron merged' WHEN NOT MATCHED THEN INSERT (id, name) VALUES (21, 'Hostile Heron 21')",
                "SELECT name FROM patients WHERE id = 1",
            ],
        ),
        Trick(
            "MERGE with VALUES",
            "acra 2, cipherstash 2.3",
            Either,
            &[
                "MERGE INTO patients p USING (VALUES (22, 'Hostile Heron 22')) s (id, name) ON p.id = s.id WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)",
            ],
        ),
        Trick(
            "COPY FROM STDIN",
            "acra 2, cipherstash 1",
            Either,
            &[
                "COPY patients (id, name) FROM STDIN",
                "SELECT name FROM patients WHERE id = 77",
            ],
        ),
        Trick(
            "COPY FROM a file",
            "threats",
            Either,
            &["COPY patients FROM '/etc/hostname'"],
        ),
        Trick(
            "COPY FROM a program",
            "threats",
            Either,
            &["COPY patients FROM PROGRAM 'echo Heron'"],
        ),
        Trick(
            "a DO block",
            "acra 2",
            Refuse,
            &["DO $$ BEGIN INSERT INTO patients (id, name) VALUES (23, 'x'); END $$"],
        ),
        Trick(
            "a function of the server",
            "acra 2",
            Refuse,
            &[
                "CREATE FUNCTION put() RETURNS void LANGUAGE sql AS $$ INSERT INTO patients (id, name) VALUES (24, 'x') $$",
                "SELECT put()",
            ],
        ),
        Trick(
            "an updatable view",
            "acra 2",
            Either,
            &[
                "CREATE VIEW v AS SELECT id, name FROM patients",
                "INSERT INTO v VALUES (25, 'Hostile Heron 25')",
                "UPDATE v SET name = 'Hostile Heron 26' WHERE id = 25",
                "SELECT name FROM patients WHERE id = 25",
            ],
        ),
        Trick(
            "the second statement of a string",
            "acra 2, cipherstash 2.7",
            Answer,
            &[
                "INSERT INTO visits (id, room) VALUES (9, 'x'); INSERT INTO patients (id, name) VALUES (27, 'Hostile Heron 27'); UPDATE patients SET notes = 'Hostile Heron 28' WHERE id = 27",
                "SELECT name, notes FROM patients WHERE id = 27",
            ],
        ),
        Trick(
            "BEGIN; INSERT; SELECT; SELECT in one string",
            "cipherstash 2.7",
            Answer,
            &[
                "SAVEPOINT a; INSERT INTO patients (id, name) VALUES (28, 'Hostile Heron 28'); SELECT name FROM patients WHERE id = 28; SELECT notes, name FROM patients WHERE id = 1; RELEASE a",
            ],
        ),
        Trick(
            "PREPARE and EXECUTE with a value",
            "acra 2 and 5.8, threats",
            Either,
            &[
                "PREPARE put AS INSERT INTO patients (id, vip, name) VALUES ($1, $2, $3)",
                "EXECUTE put (29, true, 'Hostile Heron 29')",
                "SELECT name FROM patients WHERE id = 29",
            ],
        ),
        Trick(
            "PREPARE that failed, sent again",
            "acra 2",
            Either,
            &[
                "SAVEPOINT s",
                "PREPARE put AS INSERT INTO patients (id, nome) VALUES ($1, $2)",
                "ROLLBACK TO s",
                "PREPARE put AS INSERT INTO patients (id, name) VALUES ($1, $2)",
                "EXECUTE put (30, 'Hostile Heron 30')",
            ],
        ),
        Trick(
            "constants, DEFAULT and functions beside the value",
            "acra 2",
            Answer,
            &[
                "INSERT INTO patients (id, vip, dob, name) VALUES (31, DEFAULT, NULL, 'Hostile Heron 31') RETURNING *",
            ],
        ),
        Trick(
            "a table without a policy beside it",
            "acra 2",
            Answer,
            &[
                "INSERT INTO visits (id, name) VALUES (10, 'nobody''s')",
                "SELECT name FROM visits WHERE id = 10",
            ],
        ),
        Trick(
            "a value that looks like a cell",
            "acra 2, crypto 0",
            Answer,
            &[
                "INSERT INTO patients (id, name) VALUES (32, '\\xF5E101')",
                "SELECT name FROM patients WHERE id = 32",
            ],
        ),
        Trick(
            "a cell's own bytes",
            "acra 2, crypto 0",
            Either,
            &["INSERT INTO patients (id, name) VALUES (33, '\\xF5E101'::bytea)"],
        ),
        Trick(
            "O'Brien and a backslash",
            "cipherstash 2.6, acra 5.13",
            Answer,
            &[
                "INSERT INTO patients (id, name, notes) VALUES (34, 'Hostile Heron O''Brien', E'Hostile Heron\\n\\\\\\t☃')",
                "SELECT name, notes FROM patients WHERE id = 34",
            ],
        ),
        Trick(
            "NULL and the empty string",
            "cipherstash 2.6",
            Answer,
            &[
                "INSERT INTO patients (id, name, notes) VALUES (35, '', NULL) RETURNING name, notes, name IS NULL",
            ],
        ),
        Trick(
            "an empty last column",
            "acra 5: #315",
            Answer,
            &[
                "INSERT INTO patients (id, notes) VALUES (36, '')",
                "SELECT id, notes FROM patients WHERE id = 36",
            ],
        ),
        Trick(
            "a tuple of the wrong length",
            "acra 3",
            Answer,
            &["INSERT INTO patients (id, name) VALUES (37, 'Hostile Heron', 'Hostile Heron')"],
        ),
        Trick(
            "a switch that would turn protection off",
            "cipherstash 1: UNSAFE_DISABLE_MAPPING",
            Either,
            &[
                "SET hippocrypt.unsafe_disable_mapping = true",
                "INSERT INTO patients (id, name) VALUES (38, 'Hostile Heron 38') RETURNING name",
            ],
        ),
        Trick(
            "a custom setting with the value",
            "threats",
            Either,
            &[
                "SET LOCAL hippocrypt.reason = 'T-1'",
                "UPDATE patients SET name = 'Hostile Heron 39' WHERE id = 1 RETURNING name",
            ],
        ),
        Trick(
            "another column's value",
            "threats: between columns",
            Refuse,
            &["UPDATE patients SET name = notes"],
        ),
        Trick(
            "a protected value into a clear column",
            "threats: between columns",
            Refuse,
            &["UPDATE visits SET name = p.name FROM patients p WHERE p.id = visits.patient_id"],
        ),
        Trick(
            "a protected value into a new table",
            "threats: CTAS",
            Refuse,
            &["CREATE TABLE leak AS SELECT name FROM patients"],
        ),
        Trick(
            "SELECT INTO",
            "threats: CTAS",
            Refuse,
            &["SELECT coalesce(ssn, 'x') AS s INTO leak FROM patients"],
        ),
        Trick(
            "a sequence or now() for a protected column",
            "design: server computes",
            Refuse,
            &["INSERT INTO patients (id, name) VALUES (40, now()::text)"],
        ),
        Trick(
            "a column default that is a secret",
            "design: defaults",
            Either,
            &[
                "ALTER TABLE patients ALTER notes SET DEFAULT 'Hostile Heron default'",
                "INSERT INTO patients (id) VALUES (41) RETURNING notes",
            ],
        ),
        Trick(
            "a secret in a comment on the column",
            "threats",
            Answer,
            &["COMMENT ON COLUMN patients.name IS 'the patient''s name'"],
        ),
        Trick(
            "the tables of others by inheritance",
            "threats",
            Either,
            &["UPDATE ONLY patients SET name = 'Hostile Heron only' WHERE id = 1 RETURNING name"],
        ),
        Trick(
            "OVERRIDING and DEFAULT VALUES",
            "acra 2",
            Either,
            &[
                "INSERT INTO patients (id, name) OVERRIDING SYSTEM VALUE VALUES (42, 'Hostile Heron 42')",
                "INSERT INTO patients DEFAULT VALUES",
            ],
        ),
    ]);
}

#[test]
fn errors_that_would_repeat_a_value() {
    all_of(&[
        Trick(
            "a duplicate key",
            "threats: DETAIL",
            Answer,
            &["INSERT INTO patients (id, ssn) VALUES (80, 'Hostile Heron 1')"],
        ),
        Trick(
            "a row that lacks a value",
            "threats: DETAIL",
            Answer,
            &["INSERT INTO patients (id, name) VALUES (NULL, 'Hostile Heron 81')"],
        ),
        Trick(
            "a value that is no date",
            "threats: MESSAGE",
            Either,
            &["INSERT INTO patients (id, dob) VALUES (82, 'Hostile Heron')"],
        ),
        Trick(
            "a value too long",
            "threats: MESSAGE",
            Answer,
            &["INSERT INTO patients (id, ssn) VALUES (83, 'Hostile Heron far too long for it')"],
        ),
        Trick(
            "a number out of range in a clear column",
            "threats: MESSAGE",
            Answer,
            &[
                "INSERT INTO claims (id, amount, patient_ssn) VALUES (84, 3000000000, 'Hostile Heron')",
            ],
        ),
        Trick(
            "a check on a clear column",
            "threats: DETAIL",
            Either,
            &[
                "ALTER TABLE claims ADD CHECK (amount < 100)",
                "INSERT INTO claims VALUES (85, 'Hostile Heron 85', 1000)",
            ],
        ),
        Trick(
            "a partition that does not exist",
            "postgres facts 3",
            Either,
            &[
                "CREATE TABLE parted (id int, name text) PARTITION BY LIST (id)",
                "INSERT INTO parted VALUES (1, 'plain')",
            ],
        ),
        Trick(
            "an aborted block",
            "cipherstash 2.5",
            Answer,
            &[
                "SELECT 1 / 0",
                "SELECT name FROM patients",
                "INSERT INTO patients (id, name) VALUES (86, 'Hostile Heron 86')",
            ],
        ),
        Trick(
            "a syntax error behind a value",
            "postgres facts 3",
            Answer,
            &["INSERT INTO patients (id, name) VALUES (87, 'Hostile Heron 87') RETURN"],
        ),
        Trick(
            "a column that does not exist behind a value",
            "acra 5.5",
            Answer,
            &["UPDATE patients SET name = 'Hostile Heron 88', nome = 'Hostile Heron' WHERE id = 1"],
        ),
    ]);
}

/// Bytes that someone wrote around the proxy: never delivered as they are (cipherstash 2.7: fail-open on read; acra 2:
/// cells moved to another column).
#[test]
fn a_cell_that_is_not_the_columns_own_is_an_error() {
    let place = place();
    let thief = place.thief();
    let (mut client, name) = (place.raw("app"), "SELECT name FROM patients WHERE id = 1");
    let moved = sql::rows(&thief, "UPDATE patients SET name = notes WHERE id = 1");
    if moved.is_ok() {
        let answer = client.query(name);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("XX001"),
            "moved: {answer:?}"
        );
    }
    let flipped = sql::rows(
        &thief,
        "UPDATE patients SET notes = set_byte(notes::bytea, 50, 255 - get_byte(notes::bytea, 50)) WHERE id = 1",
    );
    assert!(flipped.is_ok(), "{flipped:?}");
    let answer = client.query("SELECT notes FROM patients WHERE id = 1");
    assert_eq!(
        sqlstate(&answer).as_deref(),
        Some("XX001"),
        "flipped: {answer:?}"
    );
    assert_eq!(
        raw::tags(&answer).chars().filter(|t| *t == 'C').count(),
        0,
        "an error and a CommandComplete: {answer:?}"
    );
    assert!(rows(&answer).is_empty());
    assert_eq!(
        rows(&client.query("SELECT name FROM patients WHERE id = 2")),
        [[Some(format!("{SECRET} 2"))]]
    );
}

/// The domain refuses what is no cell, whoever writes it (acra 2; threats: plaintext in an untranslated spot).
#[test]
fn the_database_itself_takes_no_plaintext() {
    let place = place();
    let thief = place.thief();
    for value in ["'plain text'", "'\\x3037382d'", "''", "'\\xf5e1'::bytea"] {
        let sql = format!("INSERT INTO patients (id, name) VALUES (90, {value})");
        assert!(sql::rows(&thief, &sql).is_err(), "{sql}");
    }
}

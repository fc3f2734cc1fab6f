//! What the log shows of a text: its form, and no constant of it.

use super::{Normalised, normalise};

fn sql(text: &str) -> String {
    match normalise(text, true) {
        Normalised::Scanned { sql, .. } => sql,
        Normalised::Unscannable { bytes } => format!("unscannable {bytes}"),
    }
}

fn fingerprint(text: &str) -> String {
    match normalise(text, true) {
        Normalised::Scanned { fingerprint, .. } => fingerprint,
        Normalised::Unscannable { .. } => panic!("{text}"),
    }
}

#[test]
fn no_constant_stays_wherever_it_stands() {
    for text in [
        "SELECT 'Zoe', E'Zo\\145', U&'\\005Aoe' UESCAPE '\\', $$Zoe$$, $x$Zoe$x$, 'Z'\n'oe'",
        "EXECUTE p('Zoe')",
        "PREPARE p AS SELECT 'Zoe'",
        "COMMENT ON TABLE t IS 'Zoe'",
        "CREATE TABLE t (a text DEFAULT 'Zoe' CHECK (a <> 'Zoe'))",
        "CREATE VIEW v AS SELECT 'Zoe'",
        "CREATE TYPE e AS ENUM ('Zoe')",
        "CREATE INDEX i ON t (a) WHERE a = 'Zoe'",
        "CREATE POLICY p ON t USING (a = 'Zoe')",
        "CREATE PUBLICATION p FOR TABLE t WHERE (a = 'Zoe')",
        "CREATE TABLE t PARTITION OF q FOR VALUES IN ('Zoe')",
        "COPY t FROM STDIN (DELIMITER 'Z', NULL 'Zoe')",
        "DO $$BEGIN PERFORM f('Zoe'); END$$",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''Zoe'''",
        "ALTER ROLE r PASSWORD 'Zoe'",
        "SET hippocrypt.reason = 'Zoe'",
        "NOTIFY c, 'Zoe'",
        "SELECT 1 -- Zoe\r, 2 /* Zoe /* Zoe */ Zoe */",
        "SELECT * FROM p WHERE name = \"Zoe Smith\"",
        "SELECT 1 AS \"zoe@example.org\", 2 AS \"900-Zoe\", 3 AS U&\"Zoe\"",
        "SELECT N'Zoe', X'20E' , 'a' 'Zoe'",
        "gibberish that 'Zoe' scans",
    ] {
        let shown = sql(text);
        assert!(
            !shown.contains("Zoe") && !shown.contains("oe"),
            "{text}\n{shown}"
        );
    }
    assert_eq!(sql("SELECT 'Zoe"), "unscannable 11");
    let off = |text| match normalise(text, false) {
        Normalised::Scanned { sql, .. } => sql,
        Normalised::Unscannable { bytes } => format!("unscannable {bytes}"),
    };
    assert_eq!(
        off(r"SELECT 'a\', Zoe --', name, 'Zoe\\'"),
        "SELECT $1, name, $2"
    );
    assert_eq!(off(r"SELECT 'a', Zoe \'"), "unscannable 18");
}

#[test]
fn the_rest_stays_readable() {
    for (text, expected) in [
        (
            "SELECT  a\n FROM t WHERE b = $2 AND c=5 -- x",
            "SELECT a FROM t WHERE b = $2 AND c=$3",
        ),
        (
            "SELECT -1, a - 1, a -1, -$1 FROM \"T\" WHERE f(-2.5)",
            "SELECT $2, a - $3, a -$4, $1 FROM \"T\" WHERE f($5)",
        ),
        (
            "WHERE a IN (1,2,3) AND b IN ($1, 'x') AND c IN (4) AND d IN (SELECT 1)",
            "WHERE a IN ($2,$3,$4) AND b IN ($1, $5) AND c IN ($6) AND d IN (SELECT $7)",
        ),
        ("active = TRUE AND x IS NULL", "active = $1 AND x IS NULL"),
        (
            "interval '1 day', varchar(11), N'x'",
            "interval $1, varchar($2), N $3",
        ),
        ("", ""),
    ] {
        let collapsed = expected
            .replace("($2,$3,$4)", "($2, …)")
            .replace("($1, $5)", "($1, …)");
        assert_eq!(sql(text), collapsed, "{text}");
    }
}

#[test]
fn equal_rows_are_one() {
    assert_eq!(
        sql("INSERT INTO t VALUES (1, 'a', now()), (2, 'b', now()), ($1, $2, now()) RETURNING a"),
        "INSERT INTO t VALUES ($3, $4, now()), … RETURNING a"
    );
    assert_eq!(
        sql("INSERT INTO t VALUES (1), (DEFAULT)"),
        "INSERT INTO t VALUES ($1), (DEFAULT)"
    );
    assert_eq!(sql("VALUES (1), (2"), "VALUES ($1), ($2");
}

#[test]
fn a_fingerprint_is_of_the_form_and_not_of_the_values() {
    let base = fingerprint("SELECT a FROM t WHERE b IN ('x') AND c = 1");
    assert_eq!(base.len(), 16);
    for same in [
        "select a\nfrom t where b in ('y', 'z', $1) and c = -2 -- c",
        "SELECT A FROM T WHERE B IN (1) AND C = $1;",
        "SELECT a FROM t WHERE b IN (1,2)AND c='x'",
    ] {
        assert_eq!(fingerprint(same), base, "{same}");
    }
    for other in [
        "SELECT a FROM t WHERE b IN ('x') AND c = d",
        "SELECT a FROM u WHERE b IN ('x') AND c = 1",
        "SELECT a FROM \"T\" WHERE b IN ('x') AND c = 1",
        "SELECT a FROM t WHERE b IN (SELECT 1) AND c = 1",
        "SELECT a FROM t WHERE b NOT IN ('x') AND c = 1",
    ] {
        assert_ne!(fingerprint(other), base, "{other}");
    }
    assert_eq!(
        fingerprint("INSERT INTO t VALUES (1,2)"),
        fingerprint("INSERT INTO t VALUES (1,2),(3,4),(5,6)")
    );
}

#[test]
fn hostile_texts_do_not_panic() {
    for text in [
        "VALUES (",
        "IN (1,",
        "ARRAY[1,2",
        "- - 1",
        "\"",
        "(((",
        "VALUES ((1),",
        "$99999999999",
    ] {
        let _ = normalise(text, true);
    }
}

//! The constants of texts, held to libpg_query's scanner.

use super::{Kind, spots};
use crate::scan::{self, Kind as TokenKind};

fn found(text: &str) -> Option<Vec<(&str, Kind)>> {
    let spots = spots(text)?;
    Some(
        spots
            .iter()
            .map(|s| (&text[s.range.clone()], s.kind))
            .collect(),
    )
}

#[test]
fn constants_are_found_with_their_kinds() {
    use Kind::{Decimal, Int4, Int8, Integer, String};
    let cases: &[(&str, &[(&str, Kind)])] = &[
        (
            "SELECT a FROM t WHERE id = 42 AND s='it''s' LIMIT 10;",
            &[("42", Int4), ("'it''s'", String), ("10", Int4)],
        ),
        (
            "insert into t values (-1, 0, 2147483647,2147483649, 9223372036854775807, 9223372036854775809) ; ; ",
            &[
                ("1", Int4),
                ("0", Int4),
                ("2147483647", Int4),
                ("2147483649", Int8),
                ("9223372036854775807", Int8),
                ("9223372036854775809", Integer),
            ],
        ),
        (
            "UPDATE t1 SET a$5 = $1, b = 1.50 WHERE \"x'1\"\"2\"=$2",
            &[("1.50", Decimal)],
        ),
        ("WITH é AS (SELECT 1) DELETE FROM t", &[("1", Int4)]),
        (
            "SELECT '', 'Zoë', date '2020-01-01'::text",
            &[("''", String), ("'Zoë'", String), ("'2020-01-01'", String)],
        ),
        (
            "SELECT a[1:2], x<-5, y@-7",
            &[("1", Int4), ("2", Int4), ("5", Int4), ("7", Int4)],
        ),
        ("SELECT", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(found(text).as_deref(), Some(*expected), "{text}");
    }
}

#[test]
fn what_is_not_certain_has_no_answer() {
    for text in [
        "",
        "SET a = 1",
        "EXECUTE s(1)",
        "(SELECT 1)",
        "SELECT 1; SELECT 2",
        "SELECT 1; -- more",
        "SELECT 1 -- more",
        "SELECT 1 /* more */",
        "SELECT 1 +--\n 2",
        "SELECT 1 */**/ 2",
        "SELECT E'a'",
        "SELECT e'a'",
        "SELECT N'a'",
        "SELECT B'1'",
        "SELECT X'1f'",
        "SELECT U&'a'",
        "SELECT u&\"a\"",
        "SELECT $$a$$",
        "SELECT $a$1$a$",
        "SELECT 'a\\b'",
        "SELECT 'a",
        "SELECT \"a",
        "SELECT 'a'\n'b'",
        "SELECT 'a' 'b'",
        "SELECT 'a'1",
        "SELECT 01",
        "SELECT -0",
        "SELECT - 0",
        "SELECT 1_000",
        "SELECT 0x1F",
        "SELECT 1e5",
        "SELECT 1.",
        "SELECT .5",
        "SELECT 1.5.5",
        "SELECT 1..2",
        "SELECT 1a",
        "SELECT 1'a'",
        "SELECT $1a",
        "SELECT $1$2",
        "SELECT 2147483648",
        "SELECT -2147483648",
        "SELECT 9223372036854775808",
        "SELECT 1 \\ 2",
        "SELECT {1}",
        "SELECT 1\0",
        "SELECT \u{b}1",
    ] {
        assert_eq!(found(text), None, "{text}");
    }
    let many = |n| format!("SELECT 1{}", ", 1".repeat(n - 1));
    assert_eq!(
        spots(&many(super::MOST)).map(|s| s.len()),
        Some(super::MOST)
    );
    assert_eq!(spots(&many(super::MOST + 1)), None);
}

/// The scanner has the same constants, whichever stand there.
#[test]
fn the_scanner_sees_the_same() {
    let text = "SELECT a->'k', b FROM t WHERE (x, y) IN ((1, 'a'), (-2, 'b''c')) AND z > 1.5 AND w=99999999999";
    let spots = spots(text).unwrap();
    let scanned = scan::scan(text, true).unwrap();
    let constants = scanned.all().iter().filter(|t| {
        matches!(
            t.kind,
            TokenKind::Sconst | TokenKind::Iconst | TokenKind::Fconst
        )
    });
    let constants: Vec<_> = constants.map(|t| t.range.clone()).collect();
    let found: Vec<_> = spots.iter().map(|s| s.range.clone()).collect();
    assert_eq!(found, constants);
}

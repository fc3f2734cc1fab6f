//! The text of EXPLAIN on a statement with cells: PostgreSQL prints its constants, and cells are among them.
//!
//! Nothing is opened here. It must never let the bytes of a cell through to a client.

use bytes::{BufMut, BytesMut};

/// What stands for a cell.
const INSTEAD: &[u8] = b"(encrypted)";
/// The start of a cell as bytea prints it under `bytea_output = hex`, without the backslash, which JSON doubles.
const HEX: &[u8] = b"xf5e1";
/// The same under `bytea_output = escape`; JSON doubles the backslash between them, an array once more.
const ESCAPE: (&[u8], &[u8]) = (b"365", b"341");

/// Appends `text` with every cell in it replaced, so that a document of EXPLAIN stays one.
pub fn without_cells(text: &[u8], out: &mut BytesMut) {
    let mut rest = text;
    let begun = out.len();
    while let Some((&first, tail)) = rest.split_first() {
        if rest.starts_with(HEX) {
            let digits = tail.iter().take_while(|b| b.is_ascii_hexdigit()).count();
            instead(begun, out);
            rest = tail.get(digits..).unwrap_or_default();
        } else if starts_escaped(rest) {
            instead(begun, out);
            rest = behind_constant(rest);
        } else {
            out.put_u8(first);
            rest = tail;
        }
    }
}

/// In place of a cell and the backslashes before it.
fn instead(begun: usize, out: &mut BytesMut) {
    while out.len() > begun && out.last() == Some(&b'\\') {
        out.truncate(out.len() - 1);
    }
    out.put_slice(INSTEAD);
}

fn starts_escaped(text: &[u8]) -> bool {
    let Some(behind) = text.strip_prefix(ESCAPE.0) else {
        return false;
    };
    let backslashes = behind.iter().take_while(|b| **b == b'\\').count();
    let next = behind.get(backslashes..).unwrap_or_default();
    backslashes > 0 && next.starts_with(ESCAPE.1)
}

/// From the quote that ends the constant: those within are doubled, in every format (src/backend/utils/adt/
/// ruleutils.c, simple_quote_literal). Nothing where there is none.
fn behind_constant(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(quote) = rest.iter().position(|b| *b == b'\'') {
        let at = rest.get(quote..).unwrap_or_default();
        match at.strip_prefix(b"''") {
            Some(behind) => rest = behind,
            None => return at,
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::without_cells;
    use bytes::BytesMut;

    fn shown(text: &str) -> String {
        let mut out = BytesMut::new();
        without_cells(text.as_bytes(), &mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn cells_are_gone_and_the_rest_stays() {
        assert_eq!(
            shown(r"  Index Cond: ((ssn)::bytea = '\xf5e10283ab'::bytea) rows=1"),
            r"  Index Cond: ((ssn)::bytea = '(encrypted)'::bytea) rows=1"
        );
        assert_eq!(
            shown(r#""Filter": "(ssn = '\\xf5e10283ab'::bytea) OR (ssn = '\\xf5e102ff'::bytea)""#),
            r#""Filter": "(ssn = '(encrypted)'::bytea) OR (ssn = '(encrypted)'::bytea)""#
        );
        assert_eq!(
            shown("Seq Scan on t  (cost=0.00..365.10 rows=365 width=4)"),
            "Seq Scan on t  (cost=0.00..365.10 rows=365 width=4)"
        );
        assert_eq!(
            shown(r"Filter: (ssn = '\365\341\002a''bc'::bytea) OR (id = 365)"),
            r"Filter: (ssn = '(encrypted)'::bytea) OR (id = 365)"
        );
        assert_eq!(
            shown(r#"{"Filter": "(ssn = '\\365\\341\\002\"<'::bytea)"}"#),
            r#"{"Filter": "(ssn = '(encrypted)'::bytea)"}"#
        );
        assert_eq!(
            shown(r"Filter: (ssn = '\365\341 cut off"),
            r"Filter: (ssn = '(encrypted)"
        );
    }
}

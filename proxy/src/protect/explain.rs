//! The text of EXPLAIN on a statement with cells: PostgreSQL prints its constants, and cells are among them.
//!
//! Nothing is opened here. It must never let the bytes of a cell through to a client.

use bytes::{BufMut, BytesMut};

/// What stands for a cell.
const INSTEAD: &[u8] = b"(encrypted)";
/// The start of a cell as bytea prints it under `bytea_output = hex`, without the backslash, which JSON doubles.
const HEX: &[u8] = b"xf5e1";
/// The same under `bytea_output = escape`.
const ESCAPE: &[u8] = b"365";

/// Appends `text` with every cell in it replaced. Where a cell's end cannot be told (escape format) the rest
/// of the text goes with it.
pub fn without_cells(text: &[u8], out: &mut BytesMut) {
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        if rest.starts_with(HEX) {
            let digits = tail.iter().take_while(|b| b.is_ascii_hexdigit()).count();
            out.put_slice(INSTEAD);
            rest = tail.get(digits..).unwrap_or_default();
        } else if rest.starts_with(ESCAPE) && tail.iter().take(8).any(|b| *b == b'\\') {
            out.put_slice(INSTEAD);
            return;
        } else {
            out.put_u8(first);
            rest = tail;
        }
    }
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
            r"  Index Cond: ((ssn)::bytea = '\(encrypted)'::bytea) rows=1"
        );
        assert_eq!(
            shown(r#""Filter": "(ssn = '\\xf5e10283ab'::bytea) OR (ssn = '\\xf5e102ff'::bytea)""#),
            r#""Filter": "(ssn = '\\(encrypted)'::bytea) OR (ssn = '\\(encrypted)'::bytea)""#
        );
        assert_eq!(
            shown("Seq Scan on t  (cost=0.00..365.10 rows=365 width=4)"),
            "Seq Scan on t  (cost=0.00..365.10 rows=365 width=4)"
        );
        assert_eq!(
            shown(r"Filter: (ssn = '\365\341\002abc'::bytea)"),
            r"Filter: (ssn = '\(encrypted)"
        );
    }
}

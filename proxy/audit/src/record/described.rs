//! What a statement is, rendered once and shared by all its executions.

use crate::json;

/// Longest normalised text that a record keeps whole, in bytes.
pub(crate) const SQL_MAX: usize = 64 * 1024;

/// A statement's facts for the log: kind, normalised text, fingerprint, relations and columns. Make it
/// once per verdict and keep it beside the verdict: an execution then copies its bytes and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    json: Vec<u8>,
}

/// A protected column of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnUse<'a> {
    /// `schema.table.column`
    pub column: &'a str,
    /// `read`, `filter`, `write`
    pub usage: &'a str,
    /// `clear`, `masked`, `refused`, `not`
    pub shown: &'a str,
}

impl Described {
    /// `sql` is the normalised text: no constant and no comment of the client's text. A text longer than
    /// 64 KiB is cut, and the record says how long it was.
    pub fn new<'a>(
        kind: &str,
        sql: &str,
        fingerprint: Option<&str>,
        tables: impl IntoIterator<Item = &'a str>,
        columns: impl IntoIterator<Item = ColumnUse<'a>>,
    ) -> Self {
        let mut json = Vec::with_capacity(sql.len() + 128);
        json::member(&mut json, "kind", kind);
        let kept = json::cut(sql, SQL_MAX);
        json::member(&mut json, "sql", kept);
        if kept.len() < sql.len() {
            json::number(&mut json, "sql_bytes", sql.len() as u64);
        }
        if let Some(fingerprint) = fingerprint {
            json::member(&mut json, "fingerprint", fingerprint);
        }
        json::list(&mut json, "tables", tables, json::string);
        json::list(&mut json, "columns", columns, |out, c: ColumnUse<'_>| {
            out.push(b'{');
            json::bare_member(out, "column", c.column);
            json::member(out, "use", c.usage);
            json::member(out, "shown", c.shown);
            out.push(b'}');
        });
        Self { json }
    }

    /// A text that does not parse: its length in bytes and, where there is one, a keyed hash of it.
    pub fn unparsed(bytes: usize, keyed_hash: Option<&str>) -> Self {
        let mut json = Vec::with_capacity(128);
        json::member(&mut json, "kind", "UNPARSED");
        json::number(&mut json, "sql_bytes", bytes as u64);
        if let Some(hash) = keyed_hash {
            json::member(&mut json, "sql_hash", hash);
        }
        Self { json }
    }

    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }
}

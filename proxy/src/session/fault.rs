//! What ends a session, and what a client may see of the server's errors.
//!
//! What a client sees is an [`ErrorReport`] made here or a server's error that went through [`scrub`]. It
//! must never carry a value of a protected column: DETAIL, CONTEXT and the messages that quote values go.

use crate::protect::{BindError, OpenFault, PositionMap, ValueError};
use bytes::BytesMut;
use hippocrypt_audit::AppendError;
use hippocrypt_sql::Refusal;
use hippocrypt_wire::write::Writer;
use hippocrypt_wire::{ErrorFields, ErrorReport, Frame, Severity, WireError};

/// Why a session ends at once.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The client does not speak the protocol.
    #[error("the client broke the protocol: {0}")]
    Client(&'static str),
    /// A message of the client that is not one.
    #[error("the client broke the protocol: {0}")]
    ClientWire(WireError),
    /// The server sent what nothing asked for.
    #[error("the server broke the protocol: message {0:?} was not expected")]
    Server(char),
    /// Bytes of the server that are no message, or ours that would be none.
    #[error("malformed message: {0}")]
    Wire(#[from] WireError),
    /// An outcome could not be put on record.
    #[error("audit: {0}")]
    Audit(#[from] AppendError),
    /// A cell did not open after the server had committed.
    #[error("{}", .0.message)]
    Committed(Box<ErrorReport>),
    /// The session cannot begin or go on as it is.
    #[error("{}", .0.message)]
    Fatal(Box<ErrorReport>),
}

impl Fault {
    /// What the client is told before the connection closes.
    pub fn report(&self) -> ErrorReport {
        let fatal = |code: &str, text: String| ErrorReport::new(Severity::Fatal, code, text);
        match self {
            Self::Client(_) | Self::ClientWire(_) => fatal("08P01", self.to_string()),
            Self::Server(_) | Self::Wire(_) => fatal("08P01", self.to_string())
                .hint("This is a bug of hippocrypt or of the server; the proxy's log says more."),
            Self::Audit(e) => fatal(e.sqlstate(), e.message().to_owned()),
            Self::Committed(report) | Self::Fatal(report) => (**report).clone(),
        }
    }
}

/// A refusal of the SQL layer, with its position in characters of `text`.
pub(super) fn refusal(refusal: &Refusal, text: &str) -> ErrorReport {
    ErrorReport {
        severity: Severity::Error,
        sqlstate: refusal.sqlstate.to_owned(),
        message: refusal.message.clone(),
        detail: refusal.detail.clone(),
        hint: refusal.hint.clone(),
        position: refusal.position.map(|at| characters(text, at)),
    }
}

/// A value that PostgreSQL would refuse too.
pub(super) fn value(error: &ValueError, text: &str) -> ErrorReport {
    ErrorReport {
        severity: Severity::Error,
        sqlstate: error.sqlstate.to_owned(),
        message: error.message.clone(),
        detail: error.detail.clone(),
        hint: error.hint.clone(),
        position: error.position.map(|at| characters(text, at)),
    }
}

/// A Bind that does not go on.
pub(super) fn bind(error: &BindError) -> ErrorReport {
    match error {
        BindError::Value(v) => value(v, ""),
        BindError::Protocol(words) => ErrorReport::new(Severity::Error, "08P01", words.clone()),
        BindError::Seal(_) => ErrorReport::new(Severity::Error, "XX000", error.to_string()),
    }
}

/// A row that does not go to the client.
pub(super) fn open(fault: &OpenFault) -> ErrorReport {
    let report = |code, text: String| ErrorReport::new(Severity::Error, code, text);
    match fault {
        OpenFault::Cell(_) => report("XX001", fault.to_string()).hint(
            "The cell was damaged, moved from another column, or written with other keys. \
             See docs/errors.md#xx001.",
        ),
        OpenFault::Value(_) => report("XX001", fault.to_string()),
        OpenFault::Settings(v) => value(v, ""),
        OpenFault::Shape(_) => report("08P01", fault.to_string()),
    }
}

/// Characters from 1, as PostgreSQL counts positions, of a byte offset.
fn characters(text: &str, offset: usize) -> usize {
    text.char_indices()
        .take_while(|(at, _)| *at < offset)
        .count()
        + 1
}

/// How the CHECK begins that a hash is NULL where a part is, and nowhere else.
const HASH_GUARD: &[u8] = b"hippocrypt_#";

const NO_HASH: &str = "Rows that are there have no hash of their values, or a hash without them. Under the policy as it was before, copy them out and empty the table; then add the column and copy them back, through the proxy (psql's \\copy with a list of columns).";

/// Writes a server's error about a statement that touches protected columns: severity, SQLSTATE and the
/// names of schema, table, column, type and constraint stay; DETAIL, CONTEXT, internal query and source
/// location go; messages of class 22, which quote the value, become a constant text.
pub(super) fn scrub(
    fields: &ErrorFields<'_>,
    map: Option<&PositionMap>,
    out: &mut BytesMut,
) -> Result<(), WireError> {
    let quotes_value = fields.sqlstate().starts_with("22");
    Writer::new(out).frame(b'E', |body| {
        for (code, text) in fields.iter() {
            let mapped;
            let text = match code {
                b'S' | b'V' | b'C' | b's' | b't' | b'c' | b'd' | b'n' => text,
                b'M' if quotes_value => b"the server refused a value of this statement",
                b'M' | b'H' => text,
                b'W' if names_a_function(text) => text,
                b'P' => match position(text, map) {
                    Some(at) => {
                        mapped = at;
                        mapped.as_bytes()
                    }
                    None => continue,
                },
                _ => continue,
            };
            put(body, code, text);
        }
        let whole = |(code, text): (u8, &[u8])| code == b'n' && text.starts_with(HASH_GUARD);
        if fields.iter().any(whole) {
            put(body, b'H', NO_HASH.as_bytes());
        }
        body.extend_from_slice(&[0]);
        Ok(())
    })
}

/// The error of a function that runs what no transaction block may hold, where the block is that of a statement of ours
/// behind the client's: in the words of PostgreSQL for a statement that stands alone (src/backend/access/transam/xact.c,
/// `PreventInTransactionBlock`). `None` where it is another error.
pub(super) fn of_function(fields: &ErrorFields<'_>) -> Result<Option<Frame>, WireError> {
    const BLOCK: &[u8] = b" cannot run inside a transaction block";
    const FUNCTION: &[u8] = b" cannot be executed from a function";
    let what = fields.get(b'M').and_then(|words| words.strip_suffix(BLOCK));
    let routine = fields.get(b'R');
    let Some(what) = what.filter(|_| routine == Some(b"PreventInTransactionBlock")) else {
        return Ok(None);
    };
    let words = [what, FUNCTION].concat();
    let mut out = BytesMut::new();
    Writer::new(&mut out).frame(b'E', |body| {
        fields.iter().for_each(|(code, text)| {
            put(body, code, if code == b'M' { &words } else { text });
        });
        body.extend_from_slice(&[0]);
        Ok(())
    })?;
    Frame::new(out.freeze()).map(Some)
}

/// Writes a notice about a statement that was edited, with the position in the client's text.
pub(super) fn placed(
    fields: &ErrorFields<'_>,
    map: &PositionMap,
    out: &mut BytesMut,
) -> Result<(), WireError> {
    Writer::new(out).frame(b'N', |body| {
        for (code, text) in fields.iter() {
            let mapped = (code == b'P').then(|| position(text, Some(map))).flatten();
            put(body, code, mapped.as_ref().map_or(text, String::as_bytes));
        }
        body.extend_from_slice(&[0]);
        Ok(())
    })
}

/// A field of an error or a notice.
fn put(body: &mut BytesMut, code: u8, text: &[u8]) {
    body.extend_from_slice(&[code]);
    body.extend_from_slice(text);
    body.extend_from_slice(&[0]);
}

/// A CONTEXT that is the name of a function which is being made ready, and has no values yet: of a SQL function
/// (src/backend/optimizer/util/clauses.c) or one of PL/pgSQL (src/pl/plpgsql/src/pl_comp.c). One line, for what is
/// quoted in the others can have lines that look like it.
fn names_a_function(context: &[u8]) -> bool {
    const NAME: usize = 63;
    let Some(line) = std::str::from_utf8(context)
        .ok()
        .filter(|c| !c.contains('\n'))
    else {
        return false;
    };
    let within = |before: &str, after: &str| line.strip_prefix(before)?.strip_suffix(after);
    let compiled = || {
        let line = line.trim_end_matches(|c: char| c.is_ascii_digit());
        let name = line.strip_prefix("compilation of PL/pgSQL function \"")?;
        name.strip_suffix("\" near line ")
    };
    let name = within("SQL function \"", "\" during inlining").or_else(compiled);
    name.is_some_and(|name| name.len() <= NAME)
}

fn position(text: &[u8], map: Option<&PositionMap>) -> Option<String> {
    let at: u32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(map.map_or(at, |map| map.to_client(at)).to_string())
}

#[cfg(test)]
mod tests {
    use super::names_a_function;

    #[test]
    fn a_context_stays_that_names_a_function_and_nothing_else() {
        for (context, stays) in [
            ("SQL function \"polyf\" during inlining", true),
            ("compilation of PL/pgSQL function \"f1\" near line 12", true),
            ("compilation of PL/pgSQL function \"f1\"", false),
            ("SQL function \"polyf\" statement 1", false),
            (
                "SQL function \"f\" during inlining\nSQL statement \"SELECT 'x'\"",
                false,
            ),
            (
                "SQL statement \"SELECT 'x'\nSQL function \"f\" during inlining",
                false,
            ),
            ("PL/pgSQL function f() line 1 at RAISE", false),
            ("COPY t, line 1: \"x\" during inlining", false),
            ("", false),
        ] {
            assert_eq!(names_a_function(context.as_bytes()), stays, "{context}");
        }
        let long = format!("SQL function \"{}\" during inlining", "x".repeat(64));
        assert!(!names_a_function(long.as_bytes()));
        assert!(!names_a_function(b"SQL function \"\xff\" during inlining"));
    }
}

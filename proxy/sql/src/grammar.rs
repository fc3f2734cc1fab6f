//! PostgreSQL's own grammar and scanner, called so that nothing of their answer is lost.
//!
//! The `pg_query` crate links libpg_query and gives the tree its types, but its error has no position and its
//! tree decoder stops at 100 levels. So the two C functions are called here, with the layouts of
//! libpg_query's `pg_query.h`. This is the only unsafe code of the crate. It must never let a pointer or a
//! C string out, and never hand the grammar a text with a NUL in it (C would see a shorter statement).

use crate::watch;
use pg_query::ParserOptions;
use pg_query::protobuf::ParseResult;
use prost::Message;
use std::cell::Cell;
use std::ffi::CString;

mod ffi;

/// What the grammar or the scanner says against a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// The grammar's own words (`syntax error at or near "frm"`). They quote the client's text: not for logs.
    pub message: String,
    /// Byte offset in the text, where the grammar gives one.
    pub position: Option<usize>,
    /// 42601 for what PostgreSQL would not parse either, 0A000 for what we do not.
    pub sqlstate: &'static str,
    /// The way out of what we do not parse.
    pub hint: Option<&'static str>,
}

impl ParseError {
    fn syntax(message: String, position: Option<usize>) -> Self {
        Self {
            message,
            position,
            sqlstate: "42601",
            hint: None,
        }
    }

    /// A text that the server may well understand.
    pub(crate) fn unsupported(message: &str, position: Option<usize>) -> Self {
        Self {
            message: message.to_owned(),
            position,
            sqlstate: "0A000",
            hint: None,
        }
    }
}

/// A token as the scanner gives it: byte range, token number of the grammar, keyword category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawToken {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) token: i32,
    pub(crate) keyword: i32,
}

/// Texts with more tokens than this are worked on in a thread with a deep stack: nesting costs tokens. A build
/// without optimisation has frames several times as large.
const SHALLOW_TOKENS: usize = if cfg!(debug_assertions) { 15 } else { 300 };

/// The same on a thread that has [`ROOMY_STACK`].
const ROOMY_TOKENS: usize = SHALLOW_TOKENS * 10;

/// Bytes of stack of threads that say [`on_roomy_stack`]; they get as much as they touch.
pub const ROOMY_STACK: usize = if cfg!(debug_assertions) {
    64 << 20
} else {
    24 << 20
};

thread_local! {
    static AT_HAND: Cell<usize> = const { Cell::new(SHALLOW_TOKENS) };
}

/// This thread was started with a stack of [`ROOMY_STACK`]: what fits into that is worked on here. A thread for one
/// text has memory to be got from the kernel page by page, and given back, which is more than the text's own work.
pub fn on_roomy_stack() {
    AT_HAND.set(ROOMY_TOKENS);
}

/// Message levels at which libpg_query stops (`PG_QUERY_PROTOBUF_MAX_DEPTH`); a walk stops there too.
pub(crate) const LEVELS: usize = 10_000;

/// Stack for the others. libpg_query holds itself to 2 MB of it and to 10000 levels; the rest is ours.
const DEEP_STACK: usize = if cfg!(debug_assertions) {
    256 << 20
} else {
    64 << 20
};

/// The statements of `text`, as PostgreSQL's raw parser sees them under this `standard_conforming_strings`.
pub fn parse(text: &str, standard_conforming_strings: bool) -> Result<ParseResult, ParseError> {
    let mut options = ParserOptions::DISABLE_ESCAPE_STRING_WARNING;
    if !standard_conforming_strings {
        options |= ParserOptions::DISABLE_STANDARD_CONFORMING_STRINGS;
    }
    parse_as(text, options)
}

/// A type name (`varchar(11)`, `pg_catalog.int4`), by the grammar's own rule for one.
pub fn parse_type_name(text: &str) -> Result<ParseResult, ParseError> {
    parse_as(text, ParserOptions::TYPE_NAME)
}

fn parse_as(text: &str, options: ParserOptions) -> Result<ParseResult, ParseError> {
    let bytes = ffi::parse(&c_text(text)?, options.bits()).map_err(|e| located(text, e))?;
    ParseResult::decode(bytes.as_slice())
        .map_err(|e| ParseError::syntax(format!("the parse tree could not be read: {e}"), None))
}

/// The tokens of `text`, comments among them, as the scanner sees them under this `standard_conforming_strings`.
pub(crate) fn scan(
    text: &str,
    standard_conforming_strings: bool,
) -> Result<Vec<RawToken>, ParseError> {
    ffi::scan(&c_text(text)?, standard_conforming_strings).map_err(|e| located(text, e))
}

/// Runs `work` where the stack is deep enough for a statement of so many tokens.
///
/// Parsing, analysing and dropping a tree recurse with its depth, and the depth cannot exceed the tokens.
pub fn with_stack_for<T: Send>(tokens: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    if tokens <= AT_HAND.get() {
        return Some(work());
    }
    let watch = watch::current();
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("deep statement".into())
            .stack_size(DEEP_STACK)
            .spawn_scoped(scope, || watch::under(watch, work))
            .ok()?
            .join()
            .ok()
    })
}

fn c_text(text: &str) -> Result<CString, ParseError> {
    CString::new(text).map_err(|e| {
        let message = "a statement cannot contain a NUL character";
        ParseError::syntax(message.into(), Some(e.nul_position()))
    })
}

/// PostgreSQL counts characters from 1; 0 is "nowhere".
fn located(text: &str, error: ffi::CError) -> ParseError {
    let position = usize::try_from(error.cursor)
        .ok()
        .and_then(|c| c.checked_sub(1))
        .map(|chars| {
            text.char_indices()
                .nth(chars)
                .map_or(text.len(), |(byte, _)| byte)
        });
    ParseError::syntax(error.message, position)
}

#[cfg(test)]
mod tests;

//! The two calls into libpg_query, as its `pg_query.h` (version 18) declares them, and the setting that one lacks.
//!
//! Both are safe to call from any thread: libpg_query keeps its state per thread. What they return is
//! copied into Rust's memory and freed before this file lets go of it.
#![allow(
    unsafe_code,
    reason = "the pg_query crate drops the error's position; a C call is the only way to it"
)]

use super::RawToken;
use std::ffi::{CStr, CString, c_char, c_int};
use std::slice;

// The symbols come with the static library inside this crate.
use pg_query as _;

/// `PgQueryError`, owned.
pub(super) struct CError {
    pub(super) message: String,
    /// Characters from 1, or 0.
    pub(super) cursor: c_int,
}

#[repr(C)]
struct PgQueryError {
    message: *mut c_char,
    funcname: *mut c_char,
    filename: *mut c_char,
    lineno: c_int,
    cursorpos: c_int,
    context: *mut c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct PgQueryProtobuf {
    len: usize,
    data: *mut c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct PgQueryProtobufParseResult {
    parse_tree: PgQueryProtobuf,
    stderr_buffer: *mut c_char,
    error: *mut PgQueryError,
}

#[repr(C)]
struct PgQueryScanToken {
    start: c_int,
    end: c_int,
    token: c_int,
    keyword_kind: c_int,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct PgQueryScanTokensResult {
    tokens: *mut PgQueryScanToken,
    n_tokens: c_int,
    error: *mut PgQueryError,
}

unsafe extern "C" {
    fn pg_query_parse_protobuf_opts(
        input: *const c_char,
        options: c_int,
    ) -> PgQueryProtobufParseResult;
    fn pg_query_free_protobuf_parse_result(result: PgQueryProtobufParseResult);
    fn pg_query_scan_tokens(input: *const c_char) -> PgQueryScanTokensResult;
    fn pg_query_free_scan_tokens_result(result: PgQueryScanTokensResult);
    /// strings.c, beside this file
    fn hippocrypt_plain_strings_conform(conform: bool);
}

/// The parse tree as protobuf bytes.
pub(super) fn parse(text: &CString, options: c_int) -> Result<Vec<u8>, CError> {
    // SAFETY: `text` is NUL-terminated and outlives the call; the result is freed once, below, after the last
    // read, and its pointers are either null or valid until then.
    unsafe {
        let result = pg_query_parse_protobuf_opts(text.as_ptr(), options);
        let answer = match error(result.error) {
            Some(e) => Err(e),
            None => Ok(bytes(result.parse_tree)),
        };
        pg_query_free_protobuf_parse_result(result);
        // An error jumps over the lines of pg_query_parse.c that put the thread's settings back: the next scan on this
        // thread, of whichever session, would read backslashes as this text's session does.
        hippocrypt_plain_strings_conform(true);
        answer
    }
}

/// The scanner's tokens; `conform` is `standard_conforming_strings`.
pub(super) fn scan(text: &CString, conform: bool) -> Result<Vec<RawToken>, CError> {
    // SAFETY: as in `parse`; the settings are this thread's, and libpg_query catches its errors within the call.
    unsafe {
        hippocrypt_plain_strings_conform(conform);
        let result = pg_query_scan_tokens(text.as_ptr());
        hippocrypt_plain_strings_conform(true);
        let answer = match error(result.error) {
            Some(e) => Err(e),
            None => Ok(tokens(result.tokens, result.n_tokens)),
        };
        pg_query_free_scan_tokens_result(result);
        answer
    }
}

/// # Safety
/// `from` is null or points to an error that libpg_query made and has not freed.
unsafe fn error(from: *const PgQueryError) -> Option<CError> {
    if from.is_null() {
        return None;
    }
    // SAFETY: not null, so it is a whole PgQueryError by the caller's promise.
    let error = unsafe { &*from };
    let message = if error.message.is_null() {
        String::from("syntax error")
    } else {
        // SAFETY: libpg_query's messages are NUL-terminated copies of its own.
        unsafe { CStr::from_ptr(error.message) }
            .to_string_lossy()
            .into_owned()
    };
    Some(CError {
        message,
        cursor: error.cursorpos,
    })
}

/// # Safety
/// `from` holds `len` readable bytes at `data`, or is empty.
unsafe fn bytes(from: PgQueryProtobuf) -> Vec<u8> {
    if from.data.is_null() || from.len == 0 {
        return Vec::new();
    }
    // SAFETY: by the caller's promise.
    unsafe { slice::from_raw_parts(from.data.cast::<u8>(), from.len) }.to_vec()
}

/// # Safety
/// `from` holds `count` tokens, or `count` is 0.
unsafe fn tokens(from: *const PgQueryScanToken, count: c_int) -> Vec<RawToken> {
    let count = usize::try_from(count).unwrap_or(0);
    if from.is_null() || count == 0 {
        return Vec::new();
    }
    // SAFETY: by the caller's promise.
    unsafe { slice::from_raw_parts(from, count) }
        .iter()
        .map(|t| RawToken {
            start: usize::try_from(t.start).unwrap_or(0),
            end: usize::try_from(t.end).unwrap_or(0),
            token: t.token,
            keyword: t.keyword_kind,
        })
        .collect()
}

//! The settings that change what a statement's text means or which relations its names reach.
//!
//! It must never call a setting harmless that moves a name: everything not listed here changes how values
//! look or how long things take, and the session follows those by ParameterStatus. The three formats that
//! ParameterStatus does not report are listed, so that the session asks for them.

use crate::verdict::Refusal;

/// Settings after which names, texts or values can mean something else.
pub(crate) fn matters(name: &str) -> bool {
    matches!(
        name,
        "search_path"
            | "role"
            | "session_authorization"
            | "standard_conforming_strings"
            | "client_encoding"
            | "backslash_quote"
            | "transform_null_equals"
            | "array_nulls"
            | "bytea_output"
            | "extra_float_digits"
    )
}

/// Whether this value of client_encoding is UTF-8 (encnames.c: punctuation and case do not count).
pub(crate) fn is_utf8(value: &str) -> bool {
    let plain: String = value
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    matches!(plain.as_str(), "utf8" | "unicode")
}

/// The refusal of any other.
pub(crate) fn wrong_encoding() -> Refusal {
    Refusal {
        sqlstate: "0A000",
        message:
            "client_encoding other than UTF8 is not possible in a database with protected columns"
                .into(),
        detail: None,
        hint: Some("Use client_encoding UTF8.".into()),
        position: None,
    }
}

//! The settings that change what a statement's text means or which relations its names reach.
//!
//! It must never call a setting harmless that moves a name or changes how values look. ParameterStatus is not
//! enough for the latter: since PostgreSQL 14 it comes with ReadyForQuery, after the values of a pipeline.

use crate::analyse::Input;
use crate::catalog::CatalogShows;
use crate::scan::{self, Kind};
use crate::verdict::Refusal;
use hippocrypt_policy::CatalogAccess;

/// What catalogs say of protected columns is a setting of the session.
const CATALOG: &str = "hippocrypt.catalog";

/// What a value of `hippocrypt.catalog` means; it is empty after RESET.
pub fn shows(value: &str) -> CatalogShows {
    match value {
        "physical" => CatalogShows::Physical,
        _ => CatalogShows::Declared,
    }
}

/// The refusal of `hippocrypt.catalog = value` (`None` for one that is no constant).
pub(crate) fn catalog_refused(
    setting: &str,
    value: Option<&str>,
    input: &Input<'_>,
) -> Option<Refusal> {
    if input.world.is_clear() || !setting.eq_ignore_ascii_case(CATALOG) {
        return None;
    }
    let may = input.cx.rights.catalog == CatalogAccess::Physical;
    let (sqlstate, message, hint) = match value {
        Some("declared") => return None,
        Some("physical") if may => return None,
        Some("physical") => (
            "42501",
            format!("permission denied to set {CATALOG}"),
            "The policy gives the right: roles: { …: { catalog: physical } }.",
        ),
        _ => (
            "22023",
            format!("invalid value for parameter \"{CATALOG}\""),
            "Available values: declared, physical.",
        ),
    };
    Some(Refusal {
        sqlstate,
        message,
        detail: None,
        hint: Some(hint.into()),
        position: None,
    })
}

/// The text with `hippocrypt.user` written as PostgreSQL's grammar wants it, `hippocrypt."user"`, where SET, RESET and
/// SHOW name it: USER is a reserved word, so that the text as it is does not parse. `None` where none does.
pub fn with_user_quoted(text: &str, standard_conforming_strings: bool) -> Option<String> {
    let tokens = scan::scan(text, standard_conforming_strings).ok()?;
    let mut quoted = String::with_capacity(text.len() + 2);
    let mut done = 0;
    for at in tokens.all().windows(4) {
        let [before, space, dot, user] = at else {
            continue;
        };
        let sets = matches!(
            before.kind,
            Kind::Set | Kind::Local | Kind::Session | Kind::Reset | Kind::Show
        );
        let named = text.get(space.range.clone())?;
        let whole = dot.kind == Kind::Ascii46 && user.kind == Kind::User;
        if sets && whole && named.eq_ignore_ascii_case("hippocrypt") {
            quoted.push_str(text.get(done..user.range.start)?);
            quoted.push_str("\"user\"");
            done = user.range.end;
        }
    }
    quoted.push_str(text.get(done..)?);
    (done > 0).then_some(quoted)
}

/// Settings after which names, texts or values can mean something else.
pub(crate) fn matters(name: &str) -> bool {
    matches!(
        name,
        "search_path"
            | CATALOG
            | "role"
            | "session_authorization"
            | "standard_conforming_strings"
            | "client_encoding"
            | "backslash_quote"
            | "transform_null_equals"
            | "array_nulls"
            | "bytea_output"
            | "datestyle"
            | "extra_float_digits"
            | "intervalstyle"
            | "timezone"
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

#[cfg(test)]
mod tests {
    use super::with_user_quoted;

    #[test]
    fn the_reserved_word_is_quoted_where_a_setting_is_named() {
        for (text, expected) in [
            (
                "SET hippocrypt.user = 'x'",
                Some("SET hippocrypt.\"user\" = 'x'"),
            ),
            (
                "set local Hippocrypt . USER to x",
                Some("set local Hippocrypt . \"user\" to x"),
            ),
            (
                "RESET hippocrypt.user; SHOW hippocrypt.user",
                Some("RESET hippocrypt.\"user\"; SHOW hippocrypt.\"user\""),
            ),
            ("SELECT hippocrypt.user", None),
            ("SELECT 'SET hippocrypt.user = 1'", None),
            ("SET hippocrypt.\"user\" = 'x'", None),
        ] {
            assert_eq!(with_user_quoted(text, true).as_deref(), expected, "{text}");
        }
    }
}

//! Names of schemas, tables and columns as the policy writes them: as in SQL, `public."Patients"`.
//!
//! A name must never be folded in silence: PostgreSQL reads `Patients` as `patients`, so a capital
//! without quotes could mean two tables, and is an error that names both spellings.

use std::fmt;
use std::sync::Arc;

/// Longest identifier that PostgreSQL keeps (NAMEDATALEN - 1).
const MAX_IDENTIFIER: usize = 63;

/// Why a name was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing between two dots, or nothing at all.
    #[error("{0:?} has an empty part")]
    Empty(String),
    /// A double quote that is not closed, or followed by something other than a dot.
    #[error("{0:?}: a double-quoted part ends with a quote and a dot or the end")]
    Quote(String),
    /// Capitals without quotes.
    #[error("{0:?} has capitals: write {lower} or, where the database has it with capitals, '\"{0}\"'", lower = .0.to_ascii_lowercase())]
    Capitals(String),
    /// A character that SQL allows between double quotes only.
    #[error("{0:?} wants double quotes as in SQL: '\"{0}\"'")]
    Unquoted(String),
    /// Too long for PostgreSQL.
    #[error("{0:?} is longer than the {MAX_IDENTIFIER} bytes that PostgreSQL keeps of a name")]
    Long(String),
    /// More or fewer parts than expected.
    #[error("expected {expected}, found {found:?}")]
    Parts {
        /// What was expected: `schema.table`.
        expected: &'static str,
        /// What was found.
        found: String,
    },
}

/// One identifier: `ssn` or `"Ssn"`.
pub fn parse_identifier(text: &str) -> Result<Arc<str>, NameError> {
    let [one] = parse_name(text, "a name")?;
    Ok(one)
}

/// An identifier of exactly `N` parts; `expected` is for the message: `schema.table`.
pub fn parse_name<const N: usize>(
    text: &str,
    expected: &'static str,
) -> Result<[Arc<str>; N], NameError> {
    let mut parts = Vec::with_capacity(N);
    let mut rest = text;
    loop {
        let (part, after) = part(rest, text)?;
        parts.push(Arc::from(part));
        match after.strip_prefix('.') {
            Some(after) => rest = after,
            None => break,
        }
    }
    parts.try_into().map_err(|_| NameError::Parts {
        expected,
        found: text.to_string(),
    })
}

/// The first part of a dotted name, and what follows it: nothing, or a dot and more.
fn part<'t>(rest: &'t str, whole: &str) -> Result<(String, &'t str), NameError> {
    let (name, after) = match rest.strip_prefix('"') {
        Some(inside) => quoted_part(inside).ok_or_else(|| NameError::Quote(whole.to_string()))?,
        None => {
            let (name, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
            plain_part(name)?;
            (name.to_string(), after)
        }
    };
    if name.is_empty() {
        return Err(NameError::Empty(whole.to_string()));
    }
    if name.len() > MAX_IDENTIFIER {
        return Err(NameError::Long(name));
    }
    Ok((name, after))
}

/// Behind an opening quote: the name, `""` undone, and what follows the closing quote.
fn quoted_part(inside: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None if after.is_empty() || after.starts_with('.') => {
                return (!name.contains('\0')).then_some((name, after));
            }
            None => return None,
        }
    }
}

fn plain_part(name: &str) -> Result<(), NameError> {
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(NameError::Capitals(name.to_string()));
    }
    if name.is_empty() || is_plain(name) {
        Ok(())
    } else {
        Err(NameError::Unquoted(name.to_string()))
    }
}

/// Whether SQL reads the name as itself without quotes (keywords aside, which cannot be meant otherwise here).
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.chars().enumerate().all(|(i, c)| match c {
            'a'..='z' | '_' => true,
            '0'..='9' | '$' => i > 0,
            c => !c.is_ascii(),
        })
}

/// Prints an identifier as the policy would write it.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            f.write_str(self.0)
        } else {
            write!(f, "\"{}\"", self.0.replace('"', "\"\""))
        }
    }
}

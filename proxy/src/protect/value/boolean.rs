//! bool. Canonical plaintext: one byte, 0 or 1.

use super::is_space;
use crate::protect::ValueError;

/// boolin: any case, blanks around it, unique prefixes of the words.
///
/// # Errors
/// 22P02.
pub(in crate::protect) fn parse(text: &str) -> Result<bool, ValueError> {
    let word = text.trim_matches(is_space);
    let prefix_of = |full: &str, least: usize| {
        word.len() >= least
            && full
                .get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if prefix_of("true", 1) || prefix_of("yes", 1) || prefix_of("on", 2) || word == "1" {
        Ok(true)
    } else if prefix_of("false", 1) || prefix_of("no", 1) || prefix_of("off", 2) || word == "0" {
        Ok(false)
    } else {
        Err(ValueError::new(
            "22P02",
            "invalid input syntax for type boolean",
        ))
    }
}

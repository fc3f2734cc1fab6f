//! What the comments of a text tell: tags as sqlcommenter writes them, `/*key='value',key='value'*/`
//! (<https://google.github.io/sqlcommenter/spec/>), keys and values URL-encoded, quotes in them escaped.
//!
//! What is a comment is the scanner's word, so that no constant passes for one. A comment that is not written that way
//! to its end has no tags at all: it must never give a part of one.

use crate::scan;
use percent_encoding::percent_decode_str;
use std::ops::Range;

/// A key and its value, decoded.
pub type Tag = (String, String);

/// The tags of each of a text's statements, whose bytes these are; none where the text does not scan.
///
/// A comment belongs to the statement that it stands in or behind, one before the first to the first.
pub fn tags(
    text: &str,
    standard_conforming_strings: bool,
    statements: &[Range<usize>],
) -> Vec<Vec<Tag>> {
    let mut all = vec![Vec::new(); statements.len()];
    if !text.contains("/*") {
        return all;
    }
    let Ok(tokens) = scan::scan(text, standard_conforming_strings) else {
        return all;
    };
    for comment in tokens.comments() {
        let behind = statements.partition_point(|s| s.start <= comment.start);
        if let Some(tags) = all.get_mut(behind.saturating_sub(1)) {
            let read = text.get(comment.clone()).and_then(read);
            tags.extend(read.unwrap_or_default());
        }
    }
    all
}

/// The text with the values of the tags of this key blotted out, byte for byte, so that every position stays;
/// `None` where there are none.
pub fn without(text: &str, standard_conforming_strings: bool, key: &str) -> Option<String> {
    let tokens = scan::scan(text, standard_conforming_strings).ok()?;
    let mut blotted = None;
    for comment in tokens.comments() {
        for (tag, value) in written(text.get(comment.clone())?).into_iter().flatten() {
            if decoded(tag).is_some_and(|tag| tag == key) {
                let at = comment.start + value.start..comment.start + value.end;
                let blot = "x".repeat(at.len());
                let text = blotted.get_or_insert_with(|| text.to_owned());
                text.replace_range(at, &blot);
            }
        }
    }
    blotted
}

/// The tags of a comment, delimiters included.
fn read(comment: &str) -> Option<Vec<Tag>> {
    let written = written(comment)?.into_iter();
    let tags = written.map(|(key, value)| {
        let mut plain = String::new();
        let mut chars = comment.get(value)?.chars();
        while let Some(c) = chars.next() {
            plain.push(if c == '\\' { chars.next()? } else { c });
        }
        Some((decoded(key)?, decoded(&plain)?))
    });
    tags.collect()
}

/// The same as written: each key, and where in the comment its value is.
fn written(comment: &str) -> Option<Vec<(&str, Range<usize>)>> {
    let end = comment.strip_suffix("*/")?.trim_end().len();
    let rest = |at: usize| comment.get(at..end);
    let blanks = |at: usize| Some(at + rest(at)?.len() - rest(at)?.trim_start().len());
    let mut at = blanks(comment.strip_prefix("/*").map(|_| 2)?)?;
    let mut tags = Vec::new();
    loop {
        let (key, _) = rest(at)?.split_once("='")?;
        let start = at + key.len() + "='".len();
        let close = start + closing(rest(start)?)?;
        tags.push((key.trim(), start..close));
        at = blanks(close + 1)?;
        if at == end {
            return Some(tags);
        }
        rest(at)?.strip_prefix(',')?;
        at = blanks(at + 1)?;
    }
}

/// Where the quote is that ends a value.
fn closing(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (_, '\\') => drop(chars.next()?),
            (at, '\'') => return Some(at),
            _ => {}
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::{read, tags, without};

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        list.iter().map(owned).collect()
    }

    #[test]
    fn tags_are_read_as_the_specification_writes_them() {
        type Expected = Option<&'static [(&'static str, &'static str)]>;
        let cases: [(&str, Expected); 9] = [
            ("/*a='1'*/", Some(&[("a", "1")])),
            ("/* a='1' , b='2' */", Some(&[("a", "1"), ("b", "2")])),
            (
                "/*route='%2Fpolls%201',user='Zo%C3%AB'*/",
                Some(&[("route", "/polls 1"), ("user", "Zoë")]),
            ),
            (
                r"/*name='DROP TABLE USERS\''*/",
                Some(&[("name", "DROP TABLE USERS'")]),
            ),
            ("/*user=''*/", Some(&[("user", "")])),
            ("/*user='a' user='b'*/", None),
            ("/*user='a*/", None),
            ("/*user='%00'*/", None),
            ("/* said user='a', or so */", None),
        ];
        for (comment, expected) in cases {
            assert_eq!(read(comment), expected.map(pairs), "{comment}");
        }
    }

    #[test]
    fn a_comment_belongs_to_the_statement_that_it_stands_behind() {
        let text =
            "/*a='0'*/ SELECT /*a='1'*/ '/*a=''2''*/' /*a='3'*/; SELECT 2 /*a='4'*/ -- /*a='5'*/";
        let second = text.rfind("SELECT").unwrap();
        let found = tags(text, true, &[10..40, second..second + 8]);
        assert_eq!(found[0], pairs(&[("a", "0"), ("a", "1"), ("a", "3")]));
        assert_eq!(found[1], pairs(&[("a", "4")]));
    }

    #[test]
    fn a_value_is_blotted_out_where_its_key_says_so_and_nowhere_else() {
        let text = "SELECT 't=''ey''' /* a='1', t='ey.J\\'é' */; SELECT 2 /*t='ey'*/ -- t='ey'";
        let blotted = "SELECT 't=''ey''' /* a='1', t='xxxxxxxx' */; SELECT 2 /*t='xx'*/ -- t='ey'";
        assert_eq!(without(text, true, "t").as_deref(), Some(blotted));
        assert_eq!(without(text, true, "b"), None);
    }
}

//! `subject:`: the column that says whose record a row is, and of which kind.

use super::SUBJECT;
use super::groups::Drafted;
use crate::names::parse_identifier;
use crate::yaml::{Node, Reader, Value};
use crate::{Column, DeclaredType, Family, Protect, Subject, TableRef};
use std::sync::Arc;

/// Bytes of a kind.
const KIND_MAX: usize = 32;

/// `subject: id`, or `subject: { column: id, kind: patient }`.
pub(super) fn read(reader: &Reader, table: &TableRef, node: &Node) -> Option<Subject> {
    let what = format!("table {table}: subject");
    let kind = || Arc::from(Subject::KIND);
    let (column, kind) = match &node.value {
        Value::Mapping(_) => {
            let map = reader.map(node, SUBJECT)?;
            let kind = match map.get("kind") {
                None => kind(),
                Some(node) => {
                    let what = format!("{what}: kind");
                    let expected = "a word of small letters, digits and _, at most 32 of them";
                    reader.parsed(node, &what, expected, parse_kind)?
                }
            };
            (map.require("column")?, kind)
        }
        Value::Scalar(_) | Value::List(_) => (node, kind()),
    };
    let text = reader.scalar(column, &what, "a column of the table")?;
    match parse_identifier(&text.text) {
        Ok(column) => Some(Subject { column, kind }),
        Err(error) => {
            reader.problem(column.line, format!("{what}: {error}"));
            None
        }
    }
}

fn parse_kind(text: &str) -> Option<Arc<str>> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    (begins && text.len() <= KIND_MAX && text.chars().all(word)).then(|| Arc::from(text))
}

/// A subject that is itself protected: of a type whose text is the same under every setting, and readable.
pub(super) fn fits(reader: &Reader, drafted: &Drafted) {
    let Column {
        name,
        declared,
        protect,
        place,
        ..
    } = &drafted.column;
    let declared = *declared;
    let family = declared.family();
    let is_text = matches!(declared, DeclaredType::Text | DeclaredType::Varchar(_));
    let why = match protect {
        _ if !drafted.sound => return,
        Protect::Hash(_) => "a hash tells nobody's name",
        _ if is_text || matches!(family, Family::Integer | Family::Uuid) => return,
        Protect::Random | Protect::Deterministic | Protect::None => {
            "a subject is an integer, a bigint, a text, a varchar or a uuid"
        }
    };
    let text = format!("column {name}: it cannot be the table's subject: {why}");
    reader.problem(place.line, text);
}

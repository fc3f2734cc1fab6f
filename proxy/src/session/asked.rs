//! A statement as its records have it: what it is, and what its comments tell of who is behind it.
//!
//! It must never give a statement what the comments of another tell.

use super::machine::Machine;
use crate::attribution::{Attribution, Claims, TokenError};
use crate::config::Source;
use hippocrypt_audit::{ColumnUse, Described};
use hippocrypt_sql::comment::{self, Tag};
use hippocrypt_sql::verdict::{Facts, Shown, Statement, Use};
use hippocrypt_sql::{Normalised, normalise};
use std::ops::Range;
use std::sync::Arc;

/// A statement as its records have it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What it is.
    pub(super) described: Arc<Described>,
    /// What its comments tell.
    pub(super) tags: Tags,
}

impl Asked {
    /// A statement without a text.
    pub(super) fn of(described: Described) -> Self {
        Self {
            described: Arc::new(described),
            tags: Tags::default(),
        }
    }

    /// A text that is not read; only its length is told.
    pub(super) fn unparsed(text: &[u8]) -> Self {
        Self::of(Described::unparsed(text.len(), None))
    }
}

/// What the comments of a statement tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Tags {
    pub(super) user: Option<Arc<str>>,
    pub(super) reason: Option<Arc<str>>,
    pub(super) token: Option<Result<Arc<Claims>, TokenError>>,
}

impl Tags {
    /// Comments that contradict each other tell nothing.
    fn of(tags: &[Tag], attribution: &Attribution) -> Self {
        let rules = &attribution.rules;
        let value = |key: &str| {
            let mut values = tags.iter().filter(|(k, _)| k == key).map(|(_, v)| v);
            let first = values.next()?;
            (!first.is_empty() && values.all(|v| v == first)).then(|| Arc::from(first.as_str()))
        };
        Self {
            user: value(&rules.user_key),
            reason: value(&rules.reason_key),
            token: tokens(tags, attribution),
        }
    }
}

/// A token that is there counts, or the statement does not go on.
fn tokens(tags: &[Tag], attribution: &Attribution) -> Option<Result<Arc<Claims>, TokenError>> {
    if !attribution.rules.from.contains(&Source::Token) {
        return None;
    }
    let key = &attribution.rules.token_key;
    let mut values = tags.iter().filter(|(k, _)| k == key).map(|(_, v)| v);
    let first = values.next()?;
    Some(match values.all(|v| v == first) {
        true => attribution.vouched(first).map(Arc::new),
        false => Err(TokenError::Malformed),
    })
}

impl Machine {
    /// The statements as their records have them.
    pub(super) fn asked(&self, text: &str, statements: &[Statement]) -> Vec<Asked> {
        let ranges: Vec<_> = statements.iter().map(|s| s.range.clone()).collect();
        let described = statements.iter();
        let described = described.map(|s| {
            let describe = || self.describe(slice(text, s), &s.facts);
            let described = s.beside.get_or_make(&s.facts, describe);
            debug_assert_eq!(
                described,
                describe(),
                "texts with one verdict have one record"
            );
            described
        });
        let all = described.zip(self.tags(text, &ranges));
        all.map(|(described, tags)| Asked { described, tags })
            .collect()
    }

    /// One statement as its record has it, whoever asks.
    pub(super) fn describe(&self, text: &str, facts: &Facts) -> Arc<Described> {
        let on = self.known.names.standard_conforming_strings;
        let Normalised::Scanned { sql, fingerprint } = normalise(text, on) else {
            return Asked::unparsed(text.as_bytes()).described;
        };
        let kind = match facts.kind {
            "" => first_word(&sql),
            kind => kind,
        };
        let tables: Vec<_> = facts.tables.iter().map(ToString::to_string).collect();
        let columns: Vec<_> = facts
            .touches
            .iter()
            .map(|t| (t.column.to_string(), usage(t.usage), shown(t.shown)))
            .collect();
        Arc::new(Described::new(
            kind,
            &sql,
            Some(&fingerprint),
            tables.iter().map(String::as_str),
            columns.iter().map(|(column, usage, shown)| ColumnUse {
                column,
                usage,
                shown,
            }),
        ))
    }

    /// What the comments of each statement tell.
    fn tags(&self, text: &str, statements: &[Range<usize>]) -> Vec<Tags> {
        if !self.attribution.rules.from.contains(&Source::Comment) {
            return vec![Tags::default(); statements.len()];
        }
        let scs = self.known.names.standard_conforming_strings;
        let tags = comment::tags(text, scs, statements);
        tags.iter()
            .map(|t| Tags::of(t, &self.attribution))
            .collect()
    }

    /// What those of a text tell that nothing judges; no tokens are looked for there.
    pub(super) fn tags_of_unjudged(&self, text: &str) -> Tags {
        let whole = 0..text.len();
        let mut tags = self.tags(text, std::slice::from_ref(&whole));
        Tags {
            token: None,
            ..tags.pop().unwrap_or_default()
        }
    }
}

/// The text of one statement.
pub(super) fn slice<'t>(text: &'t str, statement: &Statement) -> &'t str {
    text.get(statement.range.clone()).unwrap_or(text)
}

fn usage(usage: Use) -> &'static str {
    match usage {
        Use::Read => "read",
        Use::Filter => "filter",
        Use::Write => "write",
    }
}

fn shown(shown: Shown) -> &'static str {
    match shown {
        Shown::Clear => "clear",
        Shown::Masked => "masked",
        Shown::Refused => "refused",
        Shown::Not => "not",
    }
}

/// The command of a statement that nothing judged, from a fixed list.
fn first_word(sql: &str) -> &'static str {
    const WORDS: &[&str] = &[
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "WITH",
        "VALUES",
        "TABLE",
        "COPY",
        "BEGIN",
        "START",
        "COMMIT",
        "END",
        "ROLLBACK",
        "ABORT",
        "SAVEPOINT",
        "RELEASE",
        "SET",
        "RESET",
        "SHOW",
        "CREATE",
        "ALTER",
        "DROP",
        "TRUNCATE",
        "VACUUM",
        "ANALYZE",
        "EXPLAIN",
        "PREPARE",
        "EXECUTE",
        "DEALLOCATE",
        "DISCARD",
        "DECLARE",
        "FETCH",
        "MOVE",
        "CLOSE",
        "LISTEN",
        "NOTIFY",
        "UNLISTEN",
        "LOCK",
        "GRANT",
        "REVOKE",
        "COMMENT",
        "REINDEX",
        "CLUSTER",
        "CALL",
        "DO",
        "REFRESH",
        "CHECKPOINT",
        "REASSIGN",
        "IMPORT",
        "SECURITY",
    ];
    let word = sql
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or("");
    WORDS
        .iter()
        .find(|w| w.eq_ignore_ascii_case(word))
        .copied()
        .unwrap_or("OTHER")
}

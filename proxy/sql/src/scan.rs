//! The tokens of a text with their byte ranges: where edits are made and what the audit log's SQL is built from.
//!
//! It is PostgreSQL's scanner, so comments ended by CR, nested comments, dollar quotes, continued strings and
//! `U&'…' UESCAPE '…'` end where the server says. It must never look at the text by other means, nor take a string
//! for one that another version of PostgreSQL reads otherwise.

use crate::grammar::{self, ParseError, RawToken};
pub use pg_query::protobuf::{KeywordKind, Token as Kind};
use std::ops::Range;

/// One token; comments are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Bytes of the text. `U&'…' UESCAPE '…'` is one token, as is a string continued over lines.
    pub range: Range<usize>,
    /// The grammar's token.
    pub kind: Kind,
    /// Whether and how it is a keyword.
    pub keyword: KeywordKind,
}

/// A scanned text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    tokens: Vec<Token>,
    comments: Vec<Range<usize>>,
}

/// Scans `text` as the server would under this `standard_conforming_strings`.
pub fn scan(text: &str, standard_conforming_strings: bool) -> Result<Tokens, ParseError> {
    let mut found = Tokens::default();
    for raw in grammar::scan(text, standard_conforming_strings)? {
        let range = raw.start..raw.end;
        let piece = text
            .get(range.clone())
            .ok_or_else(|| not_understood(raw.start))?;
        let escapes = match piece.as_bytes().first() {
            Some(b'e' | b'E') => piece.as_bytes().get(1) == Some(&b'\''),
            Some(b'\'') => !standard_conforming_strings,
            _ => false,
        };
        if escapes && has_vertical_tab(piece) {
            return Err(vertical_tab(raw.start));
        }
        match kind_of(raw)? {
            Kind::SqlComment | Kind::CComment => found.comments.push(range),
            kind => found.push(kind, range, raw.keyword),
        }
    }
    Ok(found)
}

/// The escape `\v`: the letter before PostgreSQL 18, a vertical tab since (scan.l, unescape_single_char). What is read
/// here as one could be another relation's name in SQL that a string holds.
fn has_vertical_tab(string: &str) -> bool {
    let mut bytes = string.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && bytes.next() == Some(b'v') {
            return true;
        }
    }
    false
}

/// The text up to its last token, where only comments, blanks and `;` stand behind that; `None` where no comment does.
pub(crate) fn before_comments(text: &str, standard_conforming_strings: bool) -> Option<&str> {
    if !text.contains("/*") && !text.contains("--") {
        return None;
    }
    let found = scan(text, standard_conforming_strings).ok()?;
    let last = found.tokens.iter().rfind(|t| t.kind != Kind::Ascii59)?;
    let comment = found.comments.last()?;
    let behind = comment.start >= last.range.end;
    behind.then(|| text.get(..last.range.end))?
}

fn kind_of(raw: RawToken) -> Result<Kind, ParseError> {
    Kind::try_from(raw.token).map_err(|_| not_understood(raw.start))
}

fn vertical_tab(at: usize) -> ParseError {
    let message = "the escape \\v, which versions of PostgreSQL read differently, is not supported";
    let mut error = ParseError::unsupported(message, Some(at));
    error.hint = Some("Write \\x0b for a vertical tab, v for the letter.");
    error
}

fn not_understood(at: usize) -> ParseError {
    ParseError::unsupported("the scanner gave a token that is not known", Some(at))
}

impl Tokens {
    fn push(&mut self, kind: Kind, range: Range<usize>, keyword: i32) {
        let keyword = KeywordKind::try_from(keyword).unwrap_or(KeywordKind::NoKeyword);
        self.tokens.push(Token {
            range,
            kind,
            keyword,
        });
        self.join_unicode_escape();
    }

    /// The grammar's lexer joins `U&"…" UESCAPE '…'` to one token (parser.c, base_yylex): so here.
    fn join_unicode_escape(&mut self) {
        let [.., constant, uescape, escape] = self.tokens.as_mut_slice() else {
            return;
        };
        let joined = matches!(constant.kind, Kind::Usconst | Kind::Uident)
            && uescape.kind == Kind::Uescape
            && escape.kind == Kind::Sconst;
        if joined {
            constant.range.end = escape.range.end;
            let rest = self.tokens.len() - 2;
            self.tokens.truncate(rest);
        }
    }

    /// All tokens in order.
    pub fn all(&self) -> &[Token] {
        &self.tokens
    }

    /// The comments' ranges in order.
    pub fn comments(&self) -> &[Range<usize>] {
        &self.comments
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// No token at all: an empty query.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The token at index `ix`.
    pub fn get(&self, ix: usize) -> Option<&Token> {
        self.tokens.get(ix)
    }

    /// The kind of the token at index `ix`.
    pub fn kind(&self, ix: usize) -> Option<Kind> {
        self.get(ix).map(|t| t.kind)
    }

    /// Index of the token that begins exactly at byte `at` (a node's `location`).
    pub fn at(&self, at: usize) -> Option<usize> {
        self.tokens
            .binary_search_by_key(&at, |t| t.range.start)
            .ok()
    }

    /// Index of the first token that begins at byte `at` or after it.
    pub fn from(&self, at: usize) -> usize {
        self.tokens.partition_point(|t| t.range.start < at)
    }

    /// End of the token that begins at byte `at`.
    pub fn end_of(&self, at: usize) -> Option<usize> {
        self.get(self.at(at)?).map(|t| t.range.end)
    }

    /// Index of the last token of the name, dotted or not, whose first is at index `first`.
    pub fn name_end(&self, first: usize) -> usize {
        let mut last = first;
        while self.kind(last + 1) == Some(Kind::Ascii46) {
            last += 2;
        }
        last
    }

    /// Index of the first token of `kind` in `between` (indexes).
    pub fn find(&self, between: Range<usize>, kind: Kind) -> Option<usize> {
        let start = between.start;
        self.tokens
            .get(between)?
            .iter()
            .position(|t| t.kind == kind)
            .map(|ix| ix + start)
    }

    /// Index of the token that closes the `(` or `[` at index `open`.
    pub fn closing(&self, open: usize) -> Option<usize> {
        let mut expected = Vec::new();
        for (ix, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Ascii40 => expected.push(Kind::Ascii41),
                Kind::Ascii91 => expected.push(Kind::Ascii93),
                Kind::Ascii41 | Kind::Ascii93 => {
                    let closing = expected.pop()?;
                    if closing != token.kind {
                        return None;
                    }
                }
                _ if expected.is_empty() => return None,
                _ => {}
            }
            if expected.is_empty() {
                return Some(ix);
            }
        }
        None
    }

    /// Index just after the expression-like stretch that starts at index `from`: up to the first token in
    /// `stops` that stands outside parentheses and brackets, or to `end`.
    pub fn until(&self, from: usize, end: usize, stops: &[Kind]) -> usize {
        let mut ix = from;
        while ix < end {
            match self.kind(ix) {
                Some(kind) if stops.contains(&kind) => return ix,
                Some(Kind::Ascii40 | Kind::Ascii91) => match self.closing(ix) {
                    Some(close) => ix = close + 1,
                    None => return end,
                },
                Some(_) => ix += 1,
                None => return end,
            }
        }
        end
    }

    /// Bytes of each statement, first token to last without the `;`. Empty statements are left out.
    ///
    /// As many as the grammar finds: `BEGIN ATOMIC …; … END` of a SQL function keeps its semicolons, so
    /// callers that have the tree give its `stmt_location`s and use [`Tokens::span`].
    pub fn statements(&self) -> Vec<Range<usize>> {
        self.tokens
            .split(|t| t.kind == Kind::Ascii59)
            .filter_map(|s| Some(s.first()?.range.start..s.last()?.range.end))
            .collect()
    }

    /// Bytes of the tokens that begin within `bytes`, from the first to the last, `;` at the end left out.
    ///
    /// For a `RawStmt`: `location..location + len`, or to the end of the text where `len` is 0.
    pub fn span(&self, bytes: Range<usize>) -> Option<Range<usize>> {
        let tokens = self
            .tokens
            .get(self.from(bytes.start)..self.from(bytes.end))?;
        let last = tokens.iter().rposition(|t| t.kind != Kind::Ascii59)?;
        let first = tokens.iter().position(|t| t.kind != Kind::Ascii59)?;
        Some(tokens.get(first)?.range.start..tokens.get(last)?.range.end)
    }
}

#[cfg(test)]
mod tests;

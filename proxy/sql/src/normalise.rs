//! A statement's text as it may stand in the audit log: the scanner's tokens, every constant a placeholder.
//!
//! Constants are all literals (strings of every kind, dollar-quoted bodies, numbers, bit strings, TRUE and
//! FALSE), wherever they stand: EXECUTE, DDL, COMMENT, COPY options, DO bodies, passwords and enum labels
//! are no exception, since no grammar is asked. They get numbers after the highest `$n` of the client's own.
//! Comments are left out. A quoted identifier stays only where it looks like a name that needs no quotes but
//! for its case: `WHERE name = "John Smith"` is a common slip. It must never put a constant into the text,
//! nor any byte of a text that does not scan.

use crate::scan::{self, Kind, Token, Tokens};
use sha2::{Digest, Sha256};

/// Longest identifier that PostgreSQL keeps (NAMEDATALEN - 1).
const MAX_IDENTIFIER: usize = 63;

/// What a record may hold of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Normalised {
    /// The text scans.
    Scanned {
        /// The SQL without its constants.
        sql: String,
        /// 16 hex digits, the same for texts that differ in constants, comments, spacing, case of keywords
        /// and the length of IN lists and VALUES.
        fingerprint: String,
    },
    /// It does not: nothing of it is shown. Callers add a keyed hash of their own.
    Unscannable {
        /// Its length.
        bytes: usize,
    },
}

/// Normalises one statement (or a whole string of them).
///
/// For a text that scans and does not parse the record wants length and keyed hash all the same: words of a
/// sentence that is no SQL would stand here as identifiers.
pub fn normalise(text: &str, standard_conforming_strings: bool) -> Normalised {
    match scan::scan(text, standard_conforming_strings) {
        Ok(tokens) => {
            let pieces = pieces(text, &tokens);
            Normalised::Scanned {
                sql: render(&pieces),
                fingerprint: fingerprint(&pieces),
            }
        }
        Err(_) => Normalised::Unscannable { bytes: text.len() },
    }
}

/// One token on its way out.
#[derive(Clone, Debug)]
struct Piece<'t> {
    kind: Kind,
    shown: Shown<'t>,
    /// Something stood between it and the token before.
    spaced: bool,
}

/// How a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown<'t> {
    /// As written.
    Text(&'t str),
    /// A constant, or the client's own parameter.
    Placeholder(u32),
    /// A quoted identifier that could be anything.
    Hidden,
    /// More of what came before.
    More,
}

impl Piece<'_> {
    fn is_placeholder(&self) -> bool {
        matches!(self.shown, Shown::Placeholder(_))
    }
}

fn pieces<'t>(text: &'t str, tokens: &Tokens) -> Vec<Piece<'t>> {
    let mut next = own_parameters(text, tokens);
    let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(tokens.len());
    let mut end = None;
    for token in tokens.all() {
        let written = text.get(token.range.clone()).unwrap_or_default();
        let shown = shown(written, token, &mut next);
        let spaced = end.is_some_and(|e| e != token.range.start);
        end = Some(token.range.end);
        let spaced = if matches!(shown, Shown::Placeholder(_)) {
            drop_sign(&mut pieces).unwrap_or(spaced)
        } else {
            spaced
        };
        pieces.push(Piece {
            kind: token.kind,
            shown,
            spaced,
        });
    }
    collapse(pieces)
}

/// The highest `$n` of the client.
fn own_parameters(text: &str, tokens: &Tokens) -> u32 {
    tokens
        .all()
        .iter()
        .filter(|t| t.kind == Kind::Param)
        .filter_map(|t| text.get(t.range.clone())?.get(1..)?.parse().ok())
        .max()
        .unwrap_or(0)
}

fn shown<'t>(written: &'t str, token: &Token, next: &mut u32) -> Shown<'t> {
    match token.kind {
        Kind::Sconst
        | Kind::Usconst
        | Kind::Bconst
        | Kind::Xconst
        | Kind::Iconst
        | Kind::Fconst
        | Kind::TrueP
        | Kind::FalseP => {
            *next = next.saturating_add(1);
            Shown::Placeholder(*next)
        }
        Kind::Param => match written.get(1..).and_then(|n| n.parse().ok()) {
            Some(n) => Shown::Placeholder(n),
            None => Shown::Hidden,
        },
        Kind::Uident => Shown::Hidden,
        Kind::Ident if !is_plain(written) => Shown::Hidden,
        _ => Shown::Text(written),
    }
}

/// Unquoted, or quoted for nothing but its case.
fn is_plain(written: &str) -> bool {
    let Some(inner) = written.strip_prefix('"').and_then(|w| w.strip_suffix('"')) else {
        return written.len() <= MAX_IDENTIFIER;
    };
    inner.len() <= MAX_IDENTIFIER
        && inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && inner
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
}

/// A sign that is not between two operands belongs to the constant; says whether it was spaced.
fn drop_sign(pieces: &mut Vec<Piece<'_>>) -> Option<bool> {
    let (sign, before) = pieces.split_last()?;
    let is_sign = matches!(sign.shown, Shown::Text("-" | "+"));
    let binary = before.last().is_some_and(|p| {
        p.is_placeholder()
            || matches!(p.shown, Shown::Hidden)
            || matches!(p.kind, Kind::Ident | Kind::Ascii41 | Kind::Ascii93)
            || (matches!(p.shown, Shown::Text(_)) && is_word(p))
    });
    if !is_sign || (binary && !ends_operand_position(before)) {
        return None;
    }
    let spaced = sign.spaced;
    pieces.pop();
    Some(spaced)
}

fn is_word(piece: &Piece<'_>) -> bool {
    matches!(piece.shown, Shown::Text(t) if t.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

/// Keywords after which an expression begins.
fn ends_operand_position(before: &[Piece<'_>]) -> bool {
    before.last().is_some_and(|p| {
        matches!(
            p.kind,
            Kind::Select
                | Kind::Where
                | Kind::And
                | Kind::Or
                | Kind::Not
                | Kind::Between
                | Kind::Limit
                | Kind::Offset
                | Kind::When
                | Kind::Then
                | Kind::Else
                | Kind::Case
                | Kind::Returning
                | Kind::Default
                | Kind::By
                | Kind::On
                | Kind::To
                | Kind::With
                | Kind::Like
                | Kind::InP
        )
    })
}

/// `IN ($1, $2, $3)` becomes `IN ($1, …)`, equal rows of VALUES one row and `…`.
fn collapse(pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let mut out: Vec<Piece<'_>> = Vec::with_capacity(pieces.len());
    let mut ix = 0;
    while let Some(piece) = pieces.get(ix) {
        let before = ix
            .checked_sub(1)
            .and_then(|b| pieces.get(b))
            .map(|p| p.kind);
        let list = matches!(
            (before, piece.kind),
            (Some(Kind::InP), Kind::Ascii40) | (Some(Kind::Array), Kind::Ascii91)
        );
        let skip = match (before, piece.kind) {
            _ if list => constants(&pieces, ix, &mut out),
            (Some(Kind::Values), Kind::Ascii40) => rows(&pieces, ix, &mut out),
            _ => None,
        };
        ix = skip.unwrap_or_else(|| {
            out.push(piece.clone());
            ix + 1
        });
    }
    out
}

fn more<'t>() -> Piece<'t> {
    Piece {
        kind: Kind::Nul,
        shown: Shown::More,
        spaced: true,
    }
}

/// A bracketed list of nothing but constants; the index after it.
fn constants<'t>(pieces: &[Piece<'t>], open: usize, out: &mut Vec<Piece<'t>>) -> Option<usize> {
    let mut ix = open + 1;
    while pieces.get(ix)?.is_placeholder() && pieces.get(ix + 1)?.kind == Kind::Ascii44 {
        ix += 2;
    }
    let close = ix + 1;
    let ends = pieces.get(ix)?.is_placeholder()
        && matches!(pieces.get(close)?.kind, Kind::Ascii41 | Kind::Ascii93);
    if !ends {
        return None;
    }
    out.extend(pieces.get(open..open + 2)?.iter().cloned());
    if ix > open + 1 {
        out.extend(pieces.get(open + 2).cloned());
        out.push(more());
    }
    out.extend(pieces.get(close).cloned());
    Some(close + 1)
}

/// Rows that look like the first; the index after them.
fn rows<'t>(pieces: &[Piece<'t>], open: usize, out: &mut Vec<Piece<'t>>) -> Option<usize> {
    let first = open..closing(pieces, open)? + 1;
    let mut end = first.end;
    while pieces.get(end).is_some_and(|p| p.kind == Kind::Ascii44)
        && pieces.get(end + 1).is_some_and(|p| p.kind == Kind::Ascii40)
    {
        let next = end + 1..closing(pieces, end + 1)? + 1;
        if !same(pieces.get(first.clone())?, pieces.get(next.clone())?) {
            break;
        }
        end = next.end;
    }
    out.extend(pieces.get(first.clone())?.iter().cloned());
    if end > first.end {
        out.extend(pieces.get(first.end).cloned());
        out.push(more());
    }
    Some(end)
}

fn closing(pieces: &[Piece<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (ix, piece) in pieces.iter().enumerate().skip(open) {
        match piece.kind {
            Kind::Ascii40 => depth += 1,
            Kind::Ascii41 => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(ix);
        }
    }
    None
}

fn same(one: &[Piece<'_>], other: &[Piece<'_>]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|(a, b)| (a.is_placeholder() && b.is_placeholder()) || a.shown == b.shown)
}

fn render(pieces: &[Piece<'_>]) -> String {
    let mut sql = String::with_capacity(pieces.len() * 6);
    for piece in pieces {
        let before = sql.chars().next_back();
        let touching = before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '"'));
        let wants_space = piece.spaced || (touching && piece.is_placeholder());
        if wants_space && !sql.is_empty() {
            sql.push(' ');
        }
        match piece.shown {
            Shown::Text(text) => sql.push_str(text),
            Shown::Placeholder(n) => {
                sql.push('$');
                sql.push_str(&n.to_string());
            }
            Shown::Hidden => sql.push_str("\"…\""),
            Shown::More => sql.push('…'),
        }
    }
    sql
}

fn fingerprint(pieces: &[Piece<'_>]) -> String {
    let mut form = String::with_capacity(pieces.len() * 8);
    for (ix, piece) in pieces.iter().enumerate() {
        let is_more = |p: Option<&Piece<'_>>| p.is_some_and(|p| p.shown == Shown::More);
        // `, …` says how many there were: one list element and many are one fingerprint.
        let counts = is_more(Some(piece)) || is_more(pieces.get(ix + 1));
        let last_semicolon = piece.kind == Kind::Ascii59 && ix + 1 == pieces.len();
        if counts || last_semicolon {
            continue;
        }
        match piece.shown {
            Shown::Text(text) if text.starts_with('"') => form.push_str(text),
            Shown::Text(text) => form.extend(text.chars().map(|c| c.to_ascii_lowercase())),
            Shown::Placeholder(_) => form.push('?'),
            Shown::Hidden | Shown::More => form.push('…'),
        }
        form.push('\0');
    }
    let digest = Sha256::digest(form.as_bytes());
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests;

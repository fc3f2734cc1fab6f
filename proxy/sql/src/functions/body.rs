//! What the body of a SQL or PL/pgSQL function could do, by its tokens.
//!
//! Whatever a body without dynamic SQL touches, it names; PL/pgSQL has the grammar's own scanner, so every
//! name is one of the body's tokens. So more is taken for a relation or a function than is one, and nothing
//! less. It must never call a body harmless that has a token or a statement it does not know.

use crate::scan::{self, Kind, Token, Tokens};
use pg_query::NodeEnum;
use pg_query::protobuf::{DefElem, KeywordKind, Node};
use std::collections::BTreeSet;

/// Why a body cannot be judged, as an end of "function f …".
pub(crate) type Unreadable = &'static str;

/// What a body names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Body {
    /// Every identifier and keyword: relations, columns, functions, types and variables alike.
    pub(crate) names: BTreeSet<String>,
    /// Every operator.
    pub(crate) operators: BTreeSet<String>,
    /// Columns of NEW and OLD whose values it takes or sets.
    pub(crate) row_columns: BTreeSet<String>,
    /// It takes NEW or OLD as a whole.
    pub(crate) whole_row: bool,
}

/// What is said of EXECUTE.
const DYNAMIC: Unreadable = "runs dynamic SQL";

/// Statements that a body may not hold (gram.y, `stmt`): they run other SQL, change names or settings, or
/// reach a cursor of somebody else.
const STATEMENTS: [Kind; 41] = [
    Kind::AbortP,
    Kind::Alter,
    Kind::Analyse,
    Kind::Analyze,
    Kind::Call,
    Kind::Checkpoint,
    Kind::Cluster,
    Kind::Comment,
    Kind::Commit,
    Kind::Copy,
    Kind::Create,
    Kind::Deallocate,
    Kind::Discard,
    Kind::Do,
    Kind::Drop,
    Kind::Execute,
    Kind::Explain,
    Kind::Fetch,
    Kind::Grant,
    Kind::ImportP,
    Kind::Listen,
    Kind::Load,
    Kind::LockP,
    Kind::Move,
    Kind::Notify,
    Kind::Prepare,
    Kind::Reassign,
    Kind::Refresh,
    Kind::Reindex,
    Kind::Release,
    Kind::Reset,
    Kind::Revoke,
    Kind::Rollback,
    Kind::Savepoint,
    Kind::Security,
    Kind::Set,
    Kind::Show,
    Kind::Start,
    Kind::Truncate,
    Kind::Unlisten,
    Kind::Vacuum,
];

/// Reads the text of `CREATE FUNCTION`, or of `DO`: its head and its body.
pub(crate) fn read(definition: &str) -> Result<Body, Unreadable> {
    let mut body = Body::default();
    let head = scanned(definition)?;
    body.take_names(definition, &head)?;
    let (language, source) = source(definition)?;
    let (text, tokens, head) = match &source {
        Some(source) => (source.as_str(), scanned(source)?, 0),
        // BEGIN ATOMIC and RETURN stand in the definition itself, behind its CREATE
        None => (definition, head, 1),
    };
    body.take_names(text, &tokens)?;
    take_statements(text, tokens.all().get(head..).unwrap_or_default())?;
    if language == "sql" && makes_table(&tokens) {
        return Err("makes a table");
    }
    body.take_rows(text, &tokens);
    Ok(body)
}

/// A query that a function runs.
pub(super) fn read_query(text: &str) -> Result<Body, Unreadable> {
    let tokens = scanned(text)?;
    let mut body = Body::default();
    body.take_names(text, &tokens)?;
    take_statements(text, tokens.all())?;
    match makes_table(&tokens) {
        true => Err("makes a table"),
        false => Ok(body),
    }
}

/// The name of a relation as `regclass` takes it.
pub(super) fn read_name(text: &str) -> Result<Body, Unreadable> {
    let tokens = scanned(text)?;
    let mut body = Body::default();
    body.take_names(text, &tokens)?;
    let part = |t: &Token| {
        let piece = text.get(t.range.clone()).unwrap_or_default();
        t.kind == Kind::Ascii46 || name(t, piece).is_some()
    };
    // an OID is a number
    match !tokens.all().is_empty() && tokens.all().iter().all(part) {
        true => Ok(body),
        false => Err("has a name that is not understood"),
    }
}

/// What the definition of a trigger (`CREATE TRIGGER`) takes of the rows in its WHEN.
pub(crate) fn read_trigger(definition: &str) -> Result<Body, Unreadable> {
    let tokens = scanned(definition)?;
    if tokens.all().iter().any(|t| t.kind == Kind::Referencing) {
        return Err("has transition tables");
    }
    let mut body = Body::default();
    body.take_names(definition, &tokens)
        .or_else(|why| match why {
            // EXECUTE FUNCTION, at its end
            DYNAMIC => Ok(()),
            why => Err(why),
        })?;
    body.take_rows(definition, &tokens);
    Ok(body)
}

/// A body is read under its caller's `standard_conforming_strings`: a string that ends elsewhere under the other
/// value has a backslash, and none is let through.
fn scanned(text: &str) -> Result<Tokens, Unreadable> {
    let tokens = scan::scan(text, true).map_err(|_| "has a body that is not understood")?;
    let piece = |t: &Token| text.get(t.range.clone()).unwrap_or("\\");
    let differs = |t: &Token| {
        let piece = piece(t);
        piece.starts_with('\'') && piece.contains('\\')
    };
    match tokens.all().iter().any(differs) {
        true => Err("has a backslash in a string of its body"),
        false => Ok(tokens),
    }
}

/// The language, and the string after AS where there is one.
fn source(definition: &str) -> Result<(String, Option<String>), Unreadable> {
    let unknown = "has a definition that is not understood";
    let parsed = crate::grammar::parse(definition, true).map_err(|_| unknown)?;
    let [only] = parsed.stmts.as_slice() else {
        return Err(unknown);
    };
    let (options, sql) = match only.stmt.as_deref().and_then(|n| n.node.as_ref()) {
        Some(NodeEnum::CreateFunctionStmt(s)) => (&s.options, s.sql_body.is_some()),
        Some(NodeEnum::DoStmt(s)) => (&s.args, false),
        _ => return Err(unknown),
    };
    let mut source = None;
    // DO, and a function with a body of SQL, may leave it out
    let mut language = String::from(if sql { "sql" } else { "plpgsql" });
    for option in options {
        let Some(NodeEnum::DefElem(option)) = &option.node else {
            return Err(unknown);
        };
        match option.defname.as_str() {
            "as" => source = Some(only_string(option).ok_or(unknown)?),
            "language" => {
                language = only_string(option).ok_or(unknown)?.to_lowercase();
                if !matches!(language.as_str(), "sql" | "plpgsql") {
                    return Err("is in a language whose bodies are not read");
                }
            }
            "set" if sets_strings(option) => return Err(unknown),
            _ => {}
        }
    }
    match source.is_some() || sql {
        true => Ok((language, source)),
        false => Err(unknown),
    }
}

fn only_string(option: &DefElem) -> Option<String> {
    let text = |node: &Node| match &node.node {
        Some(NodeEnum::String(s)) => Some(s.sval.clone()),
        _ => None,
    };
    let arg = option.arg.as_deref()?;
    match &arg.node {
        Some(NodeEnum::List(list)) => match list.items.as_slice() {
            [only] => text(only),
            _ => None,
        },
        _ => text(arg),
    }
}

fn sets_strings(option: &DefElem) -> bool {
    match option.arg.as_deref().and_then(|n| n.node.as_ref()) {
        Some(NodeEnum::VariableSetStmt(s)) => {
            s.name.eq_ignore_ascii_case("standard_conforming_strings")
        }
        _ => true,
    }
}

impl Body {
    fn take_names(&mut self, text: &str, tokens: &Tokens) -> Result<(), Unreadable> {
        for token in tokens.all() {
            let piece = text.get(token.range.clone()).unwrap_or_default();
            if token.kind == Kind::Uident {
                return Err("has a name with Unicode escapes in its body");
            }
            if token.kind == Kind::Execute {
                return Err(DYNAMIC);
            }
            if let Some(name) = name(token, piece) {
                if name == "pg_temp" || name.starts_with("pg_temp_") {
                    return Err("names what is temporary");
                }
                // scansup.c, downcase_identifier: a server of a one-byte encoding folds more than ASCII
                self.names.insert(name.to_lowercase());
                self.names.insert(name);
            } else if is_operator(token.kind) {
                self.operators.insert(match piece {
                    "!=" => "<>".to_owned(),
                    piece => piece.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn take_rows(&mut self, source: &str, tokens: &Tokens) {
        let text = |ix: usize| {
            let token = tokens.get(ix)?;
            name(token, source.get(token.range.clone())?)
        };
        let kind = |ix: usize| tokens.kind(ix);
        for ix in 0..tokens.len() {
            let is_row = matches!(text(ix).as_deref(), Some("new" | "old"));
            let is_field = ix > 0 && kind(ix - 1) == Some(Kind::Ascii46);
            if !is_row || is_field {
                continue;
            }
            match (kind(ix + 1), text(ix + 2)) {
                (Some(Kind::Ascii46), Some(column)) => {
                    let test = match (kind(ix + 3), kind(ix + 4)) {
                        (Some(Kind::Is), Some(Kind::Not)) => kind(ix + 5),
                        (Some(Kind::Is), next) => next,
                        _ => None,
                    };
                    if test != Some(Kind::NullP) {
                        self.row_columns.insert(column);
                    }
                }
                _ => self.whole_row |= !is_returned(ix, &text, &kind),
            }
        }
    }
}

/// Every place where a statement can begin (pl_gram.y, `proc_stmt`; a CASE expression has some more), or the query
/// of `FOR … IN`, `OPEN … FOR`, `CURSOR IS` and `RETURN QUERY`, which may be any statement that returns rows.
fn take_statements(text: &str, tokens: &[Token]) -> Result<(), Unreadable> {
    let mut begins = true;
    for token in tokens {
        if begins && STATEMENTS.contains(&token.kind) {
            return Err("runs a statement other than SELECT, INSERT, UPDATE and DELETE");
        }
        let piece = text.get(token.range.clone()).unwrap_or_default();
        begins = match token.kind {
            Kind::Ascii59
            | Kind::BeginP
            | Kind::Then
            | Kind::Else
            | Kind::Declare
            | Kind::Atomic
            | Kind::InP
            | Kind::For
            | Kind::Is => true,
            // the end of a label
            Kind::Op => piece.ends_with(">>"),
            // words of PL/pgSQL alone
            Kind::Ident => ["loop", "query"]
                .iter()
                .any(|w| piece.eq_ignore_ascii_case(w)),
            _ => false,
        };
    }
    Ok(())
}

/// SELECT INTO, which in SQL is not an assignment.
fn makes_table(tokens: &Tokens) -> bool {
    let mut before = None;
    tokens.all().iter().any(|token| {
        let makes = token.kind == Kind::Into && before != Some(Kind::Insert);
        before = Some(token.kind);
        makes
    })
}

/// `RETURN NEW;` and `RETURN COALESCE(NEW, OLD);` give the row on as it is.
fn is_returned(
    ix: usize,
    text: &impl Fn(usize) -> Option<String>,
    kind: &impl Fn(usize) -> Option<Kind>,
) -> bool {
    let returns = |ix: Option<usize>| ix.and_then(text).as_deref() == Some("return");
    let ends = |ix: usize| matches!(kind(ix), Some(Kind::Ascii59) | None);
    if returns(ix.checked_sub(1)) {
        return ends(ix + 1);
    }
    let first = match kind(ix.wrapping_sub(1)) {
        Some(Kind::Ascii44) => ix.checked_sub(2),
        _ => Some(ix),
    };
    let Some(first) = first.filter(|f| *f >= 3) else {
        return false;
    };
    kind(first - 1) == Some(Kind::Ascii40)
        && kind(first - 2) == Some(Kind::Coalesce)
        && returns(first.checked_sub(3))
        && kind(first + 1) == Some(Kind::Ascii44)
        && kind(first + 3) == Some(Kind::Ascii41)
        && ends(first + 4)
}

/// scan.l: operators of several characters, and `self`.
fn is_operator(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Op
            | Kind::LessEquals
            | Kind::GreaterEquals
            | Kind::NotEquals
            | Kind::Ascii37
            | Kind::Ascii42
            | Kind::Ascii43
            | Kind::Ascii45
            | Kind::Ascii47
            | Kind::Ascii60
            | Kind::Ascii61
            | Kind::Ascii62
            | Kind::Ascii94
    )
}

/// The name that a token is, as a server reads it whose encoding is UTF-8.
fn name(token: &Token, piece: &str) -> Option<String> {
    let name = match (token.kind, piece.strip_prefix('"')) {
        (Kind::Ident, Some(quoted)) => quoted
            .strip_suffix('"')
            .unwrap_or(quoted)
            .replace("\"\"", "\""),
        (Kind::Ident, None) => piece.to_ascii_lowercase(),
        _ if token.keyword != KeywordKind::NoKeyword => piece.to_ascii_lowercase(),
        _ => return None,
    };
    Some(truncated(name))
}

/// scansup.c, truncate_identifier: as many whole characters as fit into NAMEDATALEN - 1 bytes.
fn truncated(mut name: String) -> String {
    let end = name.floor_char_boundary(63);
    name.truncate(end);
    name
}

#[cfg(test)]
mod tests;

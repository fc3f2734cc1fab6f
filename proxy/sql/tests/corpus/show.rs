//! A verdict as the corpus prints it. Literals are shown: they are the corpus's own.

use hippocrypt_policy::ColumnIx;
use hippocrypt_sql::verdict::{
    Attribution, CellOutput, Coercion, CopyPlan, CopyValue, Cursor, Effects, Facts, HashPart,
    Literal, Made, Output, Plan, Refusal, Replacement, Seal, Shape, Shown, Use,
};
use hippocrypt_sql::{Analyser, Statement, Verdict};
use std::fmt::Write as _;

/// The whole answer for a text.
pub fn answer(text: &str, answer: &Result<Vec<Statement>, Refusal>, analyser: &Analyser) -> String {
    let mut out = String::new();
    match answer {
        Err(refusal) => refused(&mut out, "error", refusal, text),
        Ok(statements) if statements.is_empty() => out.push_str("empty\n"),
        Ok(statements) => {
            for statement in statements {
                one(&mut out, statement, text, analyser);
            }
        }
    }
    out
}

fn one(out: &mut String, statement: &Statement, text: &str, analyser: &Analyser) {
    match &statement.verdict {
        Verdict::Untouched => {
            writeln!(out, "untouched {}", statement.facts.kind).unwrap();
        }
        Verdict::Refusal(refusal) => {
            refused(
                out,
                &format!("refused {}", statement.facts.kind),
                refusal,
                text,
            );
        }
        Verdict::Plan(plan) => {
            writeln!(out, "plan {}", statement.facts.kind).unwrap();
            planned(out, plan, statement, text, analyser);
        }
    }
    facts(out, &statement.facts);
}

fn refused(out: &mut String, word: &str, refusal: &Refusal, text: &str) {
    writeln!(out, "{word}: {} {}", refusal.sqlstate, refusal.message).unwrap();
    if let Some(at) = refusal.position {
        let rest: String = text.get(at..).unwrap_or("?").chars().take(20).collect();
        writeln!(out, "  at: {}", rest.escape_debug()).unwrap();
    }
    if let Some(detail) = &refusal.detail {
        writeln!(out, "  detail: {detail}").unwrap();
    }
    if let Some(hint) = &refusal.hint {
        writeln!(out, "  hint: {hint}").unwrap();
    }
}

fn planned(out: &mut String, plan: &Plan, statement: &Statement, text: &str, analyser: &Analyser) {
    let mut at = statement.range.start;
    let mut edited = String::new();
    for edit in &plan.edits {
        edited.push_str(&text[at..edit.range.start]);
        edited.push_str(&replacement(&edit.with, analyser));
        at = edit.range.end;
    }
    edited.push_str(&text[at..statement.range.end]);
    for line in edited.replace('\r', "\\r").lines() {
        writeln!(out, "  | {line}").unwrap();
    }
    for (n, param) in (1..).zip(&plan.params) {
        if let (Some(Made::Hash(parts)), Some(of)) = (&param.made, &param.seal) {
            let made = hash(of, parts, analyser);
            writeln!(out, "  ${n}: oid {} {made}", param.oid).unwrap();
            continue;
        }
        let sealed = param
            .seal
            .as_ref()
            .map_or_else(String::new, |s| format!(" ⟨{}⟩", seal(s, analyser)));
        writeln!(
            out,
            "  ${n}: client ${} oid {}{sealed}",
            param.client + 1,
            param.oid
        )
        .unwrap();
    }
    for (n, param) in (1..).zip(&plan.client_params) {
        writeln!(out, "  client ${n}: {:?}", param.oid).unwrap();
    }
    for (n, output) in (1..).zip(plan.outputs.iter().flatten()) {
        match output {
            Output::Clear => writeln!(out, "  output {n}: clear").unwrap(),
            Output::Cell(cell) => {
                writeln!(out, "  output {n}: {}", opened(cell, analyser)).unwrap()
            }
        }
    }
    if let Some(copy) = &plan.copy {
        copied(out, copy, analyser);
    }
}

fn opened(cell: &CellOutput, analyser: &Analyser) -> String {
    let columns: Vec<_> = cell.columns.iter().map(|c| name(*c, analyser)).collect();
    let mask = cell
        .mask
        .map_or_else(String::new, |m| format!(" mask {m:?}"));
    let cast = cell
        .cast
        .map_or_else(String::new, |to| format!(" cast to {to}"));
    format!(
        "cell {} as {} typmod {}{mask}{cast}",
        columns.join(" or "),
        cell.declared,
        cell.typmod
    )
}

fn copied(out: &mut String, copy: &CopyPlan, analyser: &Analyser) {
    let CopyPlan {
        direction,
        table,
        form,
        header,
        columns,
        hashes,
    } = copy;
    let of = table
        .as_ref()
        .map_or_else(|| "a query".to_owned(), ToString::to_string);
    writeln!(
        out,
        "  copy {direction:?} {of}: {form:?}, header {header:?}"
    )
    .unwrap();
    for column in columns {
        let what = match &column.value {
            CopyValue::Clear => "clear".to_owned(),
            CopyValue::Seal(ix) => format!("seal {}", name(*ix, analyser)),
            CopyValue::Open(cell) => opened(cell, analyser),
        };
        let forced = [
            (column.force_quote, " quote"),
            (column.force_not_null, " not null"),
            (column.force_null, " null"),
        ];
        let forced: String = forced
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, word)| *word)
            .collect();
        writeln!(out, "  field {}: {what}{forced}", column.name).unwrap();
    }
    for hash in hashes {
        let part = |ix: &usize| columns[*ix].name.to_string();
        let parts: Vec<_> = hash.parts.iter().map(part).collect();
        writeln!(out, "  hash {}: of {}", hash.name, parts.join(", ")).unwrap();
    }
}

fn replacement(with: &Replacement, analyser: &Analyser) -> String {
    match with {
        Replacement::Text(text) => text.clone(),
        Replacement::Cell { literal, seal: s } => {
            format!("⟨cell {} of {}⟩", seal(s, analyser), constant(literal))
        }
        Replacement::Argument {
            literal,
            oid,
            seal: s,
        } => {
            format!(
                "⟨cell {} of {} as {oid}⟩",
                seal(s, analyser),
                constant(literal)
            )
        }
        Replacement::Default { column, .. } => {
            format!("⟨default of {}⟩", analyser.world().column_name(*column))
        }
        Replacement::Hash { seal, parts } => hash(seal, parts, analyser),
        Replacement::Made(number) => format!("${number}"),
        Replacement::GroupId(group) => {
            let group = analyser.world().policy().group(*group).unwrap();
            format!("⟨group {}⟩", group.name)
        }
    }
}

fn hash(of: &Seal, parts: &[Option<HashPart>], analyser: &Analyser) -> String {
    let parts = parts.iter().map(|part| match part {
        None => "NULL".to_owned(),
        Some(HashPart::Constant { literal, seal: s }) => {
            format!("{} of {}", seal(s, analyser), constant(literal))
        }
        Some(HashPart::Param { client, seal: s }) => {
            format!("{} of client ${}", seal(s, analyser), client + 1)
        }
        Some(HashPart::Argument {
            literal,
            oid,
            seal: s,
        }) => format!("{} of {} as {oid}", seal(s, analyser), constant(literal)),
        Some(HashPart::Read { seal: s, .. }) => format!("{} as read", seal(s, analyser)),
    });
    let each = match of.shape {
        Shape::One => "",
        Shape::Each => "each ",
    };
    let parts: Vec<_> = parts.collect();
    format!(
        "⟨hash {each}{}: {}⟩",
        name(of.column, analyser),
        parts.join(", ")
    )
}

fn constant(literal: &Literal) -> String {
    match literal {
        Literal::String { value, cast: 0 } => format!("{:?}", value.as_str()),
        Literal::String { value, cast } => format!("{:?}::{cast}", value.as_str()),
        Literal::Number(number) => number.as_str().to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Cast { of, to } => format!("{}::{to}", constant(of)),
    }
}

fn seal(seal: &Seal, analyser: &Analyser) -> String {
    let how = match seal.coercion {
        Coercion::Assign => "assign",
        Coercion::Compare => "compare",
        Coercion::Show => "show",
        Coercion::Both => "compare and assign",
    };
    let each = match seal.shape {
        Shape::One => "",
        Shape::Each => "each ",
    };
    let cut = seal
        .cut
        .map_or_else(String::new, |n| format!(" cut to {n}"));
    let read = seal
        .read
        .map_or_else(String::new, |oid| format!(" from text as {oid}"));
    let unless = seal.null_if.as_ref().map_or_else(String::new, |literal| {
        format!(", NULL if {}", constant(literal))
    });
    format!(
        "{each}{} {how}{cut}{read}{unless}",
        name(seal.column, analyser)
    )
}

fn name(ix: ColumnIx, analyser: &Analyser) -> String {
    let full = analyser.world().column(ix).unwrap().name.to_string();
    full.trim_start_matches("public.").to_owned()
}

fn facts(out: &mut String, facts: &Facts) {
    let tables: Vec<_> = facts.tables.iter().map(ToString::to_string).collect();
    if !tables.is_empty() {
        writeln!(out, "  tables: {}", tables.join(", ")).unwrap();
    }
    for touch in &facts.touches {
        let usage = match touch.usage {
            Use::Read => "read",
            Use::Filter => "filter",
            Use::Write => "write",
        };
        let shown = match touch.shown {
            Shown::Clear => "clear",
            Shown::Masked => "masked",
            Shown::Refused => "refused",
            Shown::Not => "not shown",
        };
        writeln!(out, "  touches: {} {usage} {shown}", touch.column).unwrap();
    }
    if facts.unseen {
        writeln!(out, "  rows of a cursor that nobody saw opened").unwrap();
    }
    let effects = effects(&facts.effects);
    if !effects.is_empty() {
        writeln!(out, "  effects: {}", effects.join(", ")).unwrap();
    }
}

fn effects(effects: &Effects) -> Vec<String> {
    let mut all = Vec::new();
    if effects.catalog {
        all.push("catalog".into());
        if effects.foreseen {
            all.push("foreseen".into());
        }
    }
    if effects.settings {
        all.push("settings".into());
    }
    if !effects.creates_temporary.is_empty() {
        all.push(format!("temporary {}", effects.creates_temporary.join(" ")));
    }
    if effects.alters_temporary {
        all.push("alters temporary".into());
    }
    if let Some(transaction) = effects.transaction {
        all.push(format!("{transaction:?}").to_lowercase());
    }
    if let Some((what, name)) = &effects.prepared {
        all.push(format!("{what:?} {name}").to_lowercase());
    }
    if let Some((what, name)) = &effects.cursor {
        let what = match what {
            Cursor::Declare { hold: true } => "declare with hold",
            Cursor::Declare { hold: false } => "declare",
            Cursor::Fetch => "fetch",
            Cursor::Read => "read",
            Cursor::Move => "move",
            Cursor::Close => "close",
            Cursor::CloseAll => "close all",
        };
        all.push(format!("{what} {name}").trim_end().to_owned());
    }
    if let Some(name) = &effects.savepoint {
        all.push(format!("savepoint {name}"));
    }
    match &effects.attribution {
        Attribution::Kept => {}
        Attribution::Set(attribute, to) => all.push(format!("{attribute:?} is {:?}", &*to.value)),
        Attribution::Changed => all.push("attribution".into()),
    }
    if effects.copy {
        all.push("copy".into());
    }
    all
}

//! A verdict as people and programs read it.
//!
//! Every column and group is named; a cell is never shown as bytes, because none is made.

use super::Args;
use hippocrypt_policy::{ColumnIx, Database, DeclaredType, Mask, OtherDatabases, Rights};
use hippocrypt_sql::Statement;
use hippocrypt_sql::verdict::{
    CellOutput, Coercion, CopyColumn, CopyValue, Edit, Made, Output, Plan, Refusal, Replacement,
    Seal, Shape, Shown, Touch, UpstreamParam, Use, Verdict,
};
use serde::Serialize;
use std::fmt::Write as _;

/// The answer to one `explain`.
#[derive(Debug, Serialize)]
pub struct Page {
    database: String,
    user: String,
    /// The role of the policy that matched; `None`: no policy.
    rule: Option<String>,
    search_path: Option<String>,
    statements: Vec<Explained>,
    /// Why nothing could be judged, or nothing needs to be.
    note: Option<String>,
}

/// One statement.
#[derive(Debug, Serialize)]
struct Explained {
    kind: String,
    /// `untouched`, `plan`, `refused`
    verdict: &'static str,
    /// What goes upstream, `None` where it is refused.
    sent: Option<String>,
    /// Constants of the text that become cells.
    sealed: Vec<String>,
    parameters: Vec<String>,
    outputs: Vec<String>,
    /// The fields of a COPY's rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
    touches: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Refused>,
}

#[derive(Debug, Serialize)]
struct Refused {
    sqlstate: &'static str,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    /// In characters, from 1, as PostgreSQL counts.
    position: Option<usize>,
    /// The line it is on and a line with a caret under it.
    #[serde(skip)]
    caret: Option<String>,
}

impl Page {
    /// A database that the policy does not name.
    pub fn without_policy(args: &Args, database: &str, others: OtherDatabases) -> Self {
        let note = match others {
            OtherDatabases::Pass => {
                "the policy does not name this database: every statement goes on as it is, with its audit record"
            }
            OtherDatabases::Refuse => {
                "the policy does not name this database, and other_databases is refuse: nobody can connect to it"
            }
        };
        Self {
            database: database.to_string(),
            user: args.user.clone(),
            rule: None,
            search_path: None,
            statements: Vec::new(),
            note: Some(note.to_string()),
        }
    }

    /// What the analyser said.
    pub fn of(
        args: &Args,
        database: &Database,
        rights: &Rights,
        search_path: &str,
        judged: Result<Vec<Statement>, Refusal>,
    ) -> Self {
        let sql = args.sql.as_str();
        let (statements, note) = match judged {
            Ok(statements) => {
                let refused = statements.len() > 1
                    && statements
                        .iter()
                        .any(|s| matches!(s.verdict, Verdict::Refusal(_)));
                let explained = statements.iter().map(|s| explain(sql, s, database));
                let note = refused.then(|| {
                    "one refusal refuses a whole simple query string: nothing of it would run"
                        .to_string()
                });
                (explained.collect(), note)
            }
            Err(refusal) => {
                let whole = Explained {
                    kind: "the text".to_string(),
                    verdict: "refused",
                    sent: None,
                    sealed: Vec::new(),
                    parameters: Vec::new(),
                    outputs: Vec::new(),
                    fields: Vec::new(),
                    touches: Vec::new(),
                    refusal: Some(Refused::of(sql, &refusal)),
                };
                (vec![whole], None)
            }
        };
        Self {
            database: database.name.to_string(),
            user: args.user.clone(),
            rule: Some(rights.rule.to_string()),
            search_path: Some(search_path.to_string()),
            statements,
            note,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("user {} in database {}", self.user, self.database);
        if let (Some(rule), Some(path)) = (&self.rule, &self.search_path) {
            let rule = match rule.as_str() {
                "default" => "no role of the policy matches: default holds".to_string(),
                rule => format!("role {rule}"),
            };
            let _ = write!(text, ", {rule}, search_path {path}");
        }
        text.push('\n');
        for (i, statement) in self.statements.iter().enumerate() {
            let _ = write!(text, "\n{}. {}", i + 1, statement.text());
        }
        if let Some(note) = &self.note {
            let _ = writeln!(text, "\n{note}");
        }
        text
    }
}

fn explain(sql: &str, statement: &Statement, database: &Database) -> Explained {
    let own = sql.get(statement.range.clone()).unwrap_or_default();
    let mut explained = Explained {
        kind: statement.facts.kind.to_string(),
        verdict: "untouched",
        sent: Some(own.to_string()),
        sealed: Vec::new(),
        parameters: Vec::new(),
        outputs: Vec::new(),
        fields: Vec::new(),
        touches: statement.facts.touches.iter().map(touch).collect(),
        refusal: None,
    };
    match &statement.verdict {
        Verdict::Untouched => {}
        Verdict::Plan(plan) => {
            explained.verdict = "plan";
            explained.sent = Some(edited(sql, statement, plan, database));
            explained.sealed = constants(sql, plan, database);
            explained.of(plan, "", database);
            if let Some(stands) = &plan.stands {
                let by = match statement.facts.kind {
                    "PREPARE" => "of EXECUTE, ",
                    _ => "of FETCH, ",
                };
                explained.of(stands, by, database);
            }
            let fields = plan.copy.iter().flat_map(|copy| &copy.columns);
            explained.fields = fields.map(|column| field(column, database)).collect();
        }
        Verdict::Refusal(refusal) => {
            explained.verdict = "refused";
            explained.sent = None;
            explained.refusal = Some(Refused::of(sql, refusal));
        }
    }
    explained
}

/// Where the client's constants stand that become cells.
fn constants(sql: &str, plan: &Plan, database: &Database) -> Vec<String> {
    let sealed_at = |edit: &Edit| {
        let seal = match &edit.with {
            Replacement::Cell { seal, .. } | Replacement::Argument { seal, .. } => seal,
            Replacement::Text(_)
            | Replacement::GroupId(_)
            | Replacement::Default { .. }
            | Replacement::Hash { .. }
            | Replacement::Made(_) => {
                return None;
            }
        };
        let before = sql.get(..edit.range.start).unwrap_or_default();
        let position = before.chars().count() + 1;
        Some(format!(
            "the constant at position {position}: {}",
            sealed(seal, database)
        ))
    };
    plan.edits.iter().filter_map(sealed_at).collect()
}

/// The statement with its edits done.
fn edited(sql: &str, statement: &Statement, plan: &Plan, database: &Database) -> String {
    let mut text = String::new();
    let mut at = statement.range.start;
    for Edit { range, with } in &plan.edits {
        text.push_str(sql.get(at..range.start).unwrap_or_default());
        match with {
            Replacement::Text(with) => text.push_str(with),
            Replacement::Cell { seal, .. } | Replacement::Argument { seal, .. } => {
                let _ = write!(text, "⟨cell {}⟩", name(database, seal.column));
            }
            Replacement::Default { column, .. } => {
                let _ = write!(text, "⟨default of {}⟩", name(database, *column));
            }
            Replacement::Hash { seal, .. } => {
                let _ = write!(text, "⟨hash {}⟩", name(database, seal.column));
            }
            Replacement::Made(number) => {
                let _ = write!(text, "${number}");
            }
            Replacement::GroupId(group) => {
                let group = database.group(*group).map_or("?", |group| &group.name);
                let _ = write!(text, "⟨id of group {group}⟩");
            }
        }
        at = range.end;
    }
    text.push_str(sql.get(at..statement.range.end).unwrap_or_default());
    text
}

fn parameter(i: usize, param: &UpstreamParam, plan: &Plan, database: &Database) -> String {
    if let (Some(Made::Hash(_)), Some(seal)) = (&param.made, &param.seal) {
        let column = name(database, seal.column);
        return format!("${}: the hash {column}, which the proxy makes", i + 1);
    }
    let client = plan.client_params.get(usize::from(param.client));
    let told = match client.and_then(|p| p.oid) {
        Some(oid) => format!("; the client is told {}", type_name(oid)),
        None => String::new(),
    };
    let from = usize::from(param.client) + 1;
    let from = if from == i + 1 {
        String::new()
    } else {
        format!(", the client's ${from}")
    };
    match &param.seal {
        Some(seal) => format!("${}{from}: {}{told}", i + 1, sealed(seal, database)),
        None => format!("${}{from}: as it is{told}", i + 1),
    }
}

fn sealed(seal: &Seal, database: &Database) -> String {
    let rule = match seal.coercion {
        Coercion::Assign => "as it would be stored",
        Coercion::Compare => "as it would be compared",
        Coercion::Show => "to be shown as it is given",
        Coercion::Both => "as it would be stored, if it would be compared as the same",
    };
    let what = match seal.shape {
        Shape::One => "sealed",
        Shape::Each => "each element sealed",
    };
    let unless = match seal.null_if {
        Some(_) => ", NULL where it is the constant of NULLIF",
        None => "",
    };
    format!("{what} for {}, {rule}{unless}", name(database, seal.column))
}

fn output(i: usize, output: &Output, database: &Database) -> String {
    match output {
        Output::Clear => format!("column {}: as the server sends it", i + 1),
        Output::Cell(cell) => format!("column {}: {}", i + 1, opened(cell, database)),
    }
}

fn opened(cell: &CellOutput, database: &Database) -> String {
    let CellOutput { columns, mask, .. } = cell;
    let (told, _) = cell.told();
    let names: Vec<String> = columns.iter().map(|ix| name(database, *ix)).collect();
    let shown = match mask {
        None => "shown clear".to_string(),
        Some(mask) => format!("shown masked, {}", mask_name(*mask)),
    };
    let names = names.join(" or ");
    format!("cells of {names}, opened, {shown}, as {told}")
}

/// A field of a COPY's rows.
fn field(column: &CopyColumn, database: &Database) -> String {
    let what = match &column.value {
        CopyValue::Clear => "as it is".to_string(),
        CopyValue::Seal(ix) => format!("sealed for {}, as it would be stored", name(database, *ix)),
        CopyValue::Open(cell) => opened(cell, database),
    };
    format!("{}: {what}", column.name)
}

fn touch(touch: &Touch) -> String {
    let usage = match touch.usage {
        Use::Read => "read",
        Use::Filter => "decides which rows",
        Use::Write => "written",
    };
    let shown = match touch.shown {
        Shown::Clear => ", shown clear",
        Shown::Masked => ", shown masked",
        Shown::Refused => ", refused",
        Shown::Not => "",
    };
    format!("{}: {usage}{shown}", touch.column)
}

fn name(database: &Database, column: ColumnIx) -> String {
    let column = database.column(column);
    column.map_or_else(|| "?".to_string(), |column| column.name.to_string())
}

/// As the policy writes it.
fn mask_name(mask: Mask) -> String {
    match mask {
        Mask::First(n) => format!("first {n}"),
        Mask::Last(n) => format!("last {n}"),
        Mask::Year => "year".to_string(),
        Mask::Full => "full".to_string(),
    }
}

fn type_name(oid: u32) -> String {
    match DeclaredType::from_catalog(oid, -1) {
        Some(declared) => declared.to_string(),
        None => format!("the type with oid {oid}"),
    }
}

impl Refused {
    fn of(sql: &str, refusal: &Refusal) -> Self {
        let before = refusal.position.and_then(|at| sql.get(..at));
        Self {
            sqlstate: refusal.sqlstate,
            message: refusal.message.clone(),
            detail: refusal.detail.clone(),
            hint: refusal.hint.clone(),
            position: before.map(|before| before.chars().count() + 1),
            caret: before.map(|before| caret(sql, before)),
        }
    }
}

/// `LINE 2: …` with a caret below, as psql shows it.
fn caret(sql: &str, before: &str) -> String {
    let number = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count();
    let line = sql.split('\n').nth(number - 1).unwrap_or_default();
    let label = format!("LINE {number}: ");
    let indent = " ".repeat(label.chars().count() + column);
    format!("{label}{line}\n{indent}^")
}

impl Explained {
    /// Adds a plan's parameters and result columns.
    fn of(&mut self, plan: &Plan, by: &str, database: &Database) {
        let params = plan.params.iter().enumerate();
        let params = params.map(|(i, param)| parameter(i, param, plan, database));
        self.parameters.extend(params.map(|p| format!("{by}{p}")));
        let outputs = plan.outputs.iter().flatten().enumerate();
        let outputs = outputs.map(|(i, o)| output(i, o, database));
        self.outputs.extend(outputs.map(|o| format!("{by}{o}")));
    }

    fn text(&self) -> String {
        let verdict = match self.verdict {
            "untouched" if !self.touches.is_empty() => "goes on as it is",
            "untouched" => "goes on as it is: it touches nothing protected",
            "plan" => "goes on",
            _ => "is refused",
        };
        let mut text = format!("{} {verdict}\n", self.kind);
        let mut line = |label: &str, value: &str| {
            let _ = writeln!(
                text,
                "   {label:<10} {}",
                value.replace('\n', "\n              ")
            );
        };
        if let (Some(sent), "plan") = (&self.sent, self.verdict) {
            line("sent", sent);
        }
        for constant in &self.sealed {
            line("sealed", constant);
        }
        for parameter in &self.parameters {
            line("parameter", parameter);
        }
        for output in &self.outputs {
            line("result", output);
        }
        for field in &self.fields {
            line("field", field);
        }
        for touch in &self.touches {
            line("touches", touch);
        }
        if let Some(refusal) = &self.refusal {
            line(
                "ERROR",
                &format!("{}: {}", refusal.sqlstate, refusal.message),
            );
            for (label, value) in [("DETAIL", &refusal.detail), ("HINT", &refusal.hint)] {
                if let Some(value) = value {
                    line(label, value);
                }
            }
            if let Some(caret) = &refusal.caret {
                line("", caret);
            }
        }
        text
    }
}

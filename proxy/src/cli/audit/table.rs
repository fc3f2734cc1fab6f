//! Records for a terminal: a line of facts each, and under it the statement.
//!
//! Whatever came from a client is made visible before it is printed: a name may hold an escape sequence.

use hippocrypt_audit::query::{Ending, Entry, Touched, View};
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

const HEADERS: [&str; 7] = [
    "TIME (UTC)",
    "USER",
    "FROM",
    "DECISION",
    "ROWS",
    "MS",
    "WHAT",
];
/// No column but the last takes more.
const COLUMN_MAX: usize = 28;
/// Columns of numbers.
const RIGHT: [usize; 2] = [4, 5];

/// How a row looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Plain,
    Masked,
    Bad,
}

#[derive(Debug)]
struct Row {
    cells: [String; 7],
    sql: Option<String>,
    tone: Tone,
}

/// Rows, until they are printed.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    begun: Begun,
}

/// Whether rows were printed before these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begun {
    #[default]
    No,
    Yes,
}

/// Columns of a table whose rows come one by one.
const CONTINUED: [usize; 7] = [23, 20, 24, 14, 6, 9, 0];

impl Table {
    /// Adds a record.
    pub fn push(&mut self, entry: &Entry) {
        let view = &entry.view;
        let (rows, ms) = match &entry.ending {
            Ending::Known(outcome) => (outcome.rows.to_string(), format!("{:.3}", outcome.ms)),
            Ending::None | Ending::Unknown => Default::default(),
        };
        let user = match (&view.user, &view.end_user) {
            (Some(user), Some(end_user)) => format!("{user}/{end_user}"),
            (user, _) => user.clone().unwrap_or_default(),
        };
        let (decision, tone) = decision(entry);
        let cells = [
            short_time(&view.ts),
            visible(&user),
            visible(&from(view)),
            visible(&decision),
            rows,
            ms,
            visible(&what(view)),
        ];
        let sql = view.sql.as_deref().map(|sql| {
            let words: Vec<&str> = sql.split_whitespace().collect();
            visible(&words.join(" "))
        });
        self.rows.push(Row { cells, sql, tone });
    }

    /// A table that goes on: without a header, in columns that do not depend on its rows.
    pub fn continued() -> Self {
        let begun = Begun::Yes;
        Self {
            begun,
            ..Self::default()
        }
    }

    /// Prints to standard output, in columns that later rows can keep to.
    pub fn print_on(&self, out: &mut dyn Write) -> io::Result<()> {
        self.print_in(out, &CONTINUED)
    }

    /// Prints to standard output: as wide as the terminal, or whole where it is none.
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        self.print_in(out, &self.widths())
    }

    fn print_in(&self, out: &mut dyn Write, widths: &[usize; 7]) -> io::Result<()> {
        let terminal = io::stdout().is_terminal();
        let width = if terminal { width() } else { usize::MAX };
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        self.draw(out, widths, width, colour)
    }

    fn draw(
        &self,
        out: &mut dyn Write,
        widths: &[usize; 7],
        width: usize,
        colour: bool,
    ) -> io::Result<()> {
        if self.begun == Begun::No {
            let header = line(&HEADERS.map(str::to_owned), widths);
            writeln!(out, "{}", paint(&cut(&header, width), "1", colour))?;
        }
        for row in &self.rows {
            let sgr = match row.tone {
                Tone::Plain => "",
                Tone::Masked => "33",
                Tone::Bad => "31",
            };
            let mut cells = row.cells.clone();
            let whole = line(&cells, widths);
            // What does not fit beside the rest gets a line of its own.
            let what = match cells.last_mut() {
                Some(what) if whole.width() > width => std::mem::take(what),
                _ => String::new(),
            };
            let text = cut(&line(&cells, widths), width);
            writeln!(out, "{}", paint(&text, sgr, colour))?;
            if !what.is_empty() {
                let text = cut(&format!("    {what}"), width);
                writeln!(out, "{}", paint(&text, sgr, colour))?;
            }
            if let Some(sql) = &row.sql {
                let text = cut(&format!("    {sql}"), width);
                writeln!(out, "{}", paint(&text, "2", colour))?;
            }
        }
        Ok(())
    }

    fn widths(&self) -> [usize; 7] {
        let mut widths = HEADERS.map(str::len);
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(cell.width().min(COLUMN_MAX));
            }
        }
        widths
    }
}

/// The terminal's width; of no terminal, wide enough for a report's columns.
pub fn width() -> usize {
    let stdout = io::stdout();
    let told = rustix::termios::tcgetwinsize(&stdout).ok();
    let width = told.map(|size| usize::from(size.ws_col)).filter(|w| *w > 0);
    width.unwrap_or(if stdout.is_terminal() { 100 } else { 160 })
}

fn line(cells: &[String; 7], widths: &[usize; 7]) -> String {
    let mut text = String::new();
    let last = cells.len() - 1;
    for (n, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if n == last {
            text.push_str(cell);
            break;
        }
        let shown = cut(cell, *width);
        let blank = " ".repeat(width.saturating_sub(shown.width()));
        let (before, after) = if RIGHT.contains(&n) {
            (blank.as_str(), "")
        } else {
            ("", blank.as_str())
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{before}{shown}{after}  ");
    }
    text.trim_end().to_owned()
}

/// Application and address, the port left out: it says nothing later.
fn from(view: &View) -> String {
    let client = view.client.as_deref().unwrap_or_default();
    let host = match client.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => client,
    };
    let app = view.app.as_deref().unwrap_or_default();
    format!("{app} {host}").trim().to_owned()
}

fn decision(entry: &Entry) -> (String, Tone) {
    let view = &entry.view;
    let state = view.sqlstate.as_deref().unwrap_or_default();
    match (view.kind.as_str(), &entry.ending) {
        (_, Ending::Known(outcome)) => match &outcome.sqlstate {
            Some(state) => (format!("failed {state}"), Tone::Bad),
            None => ("forwarded".to_owned(), shown(&view.columns)),
        },
        (_, Ending::Unknown) => ("no outcome".to_owned(), Tone::Bad),
        ("statement" | "prepare", _) if view.decision.as_deref() == Some("refused") => {
            (format!("refused {state}"), Tone::Bad)
        }
        ("prepare", _) => ("prepare".to_owned(), shown(&view.columns)),
        ("auth_failure", _) => (format!("login failed {state}"), Tone::Bad),
        ("recovery", _) => ("recovery".to_owned(), Tone::Bad),
        (kind, _) => (kind.replace('_', " "), Tone::Plain),
    }
}

fn shown(columns: &[Touched]) -> Tone {
    if columns.iter().any(|c| c.shown == "masked") {
        Tone::Masked
    } else {
        Tone::Plain
    }
}

/// Tables with their columns (`public.patients name=clear ssn=filter`), or what else the record is about.
fn what(view: &View) -> String {
    if view.kind == "statement" || view.kind == "prepare" {
        return touched(view);
    }
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let parts = match view.kind.as_str() {
        "start" => vec![text(&view.version), text(&view.listen)],
        "session_start" => vec![text(&view.db), text(&view.auth)],
        "recovery" => vec![format!("{} bytes cut", view.cut_bytes.unwrap_or_default())],
        _ => vec![
            text(&view.db),
            text(&view.action),
            text(&view.target),
            text(&view.actor),
            text(&view.reason),
            text(&view.detail),
        ],
    };
    let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    parts.join(" ")
}

fn touched(view: &View) -> String {
    let mut out = String::new();
    for table in &view.tables {
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(table);
        for touch in &view.columns {
            let column = touch.column.strip_prefix(table.as_str());
            if let Some(name) = column.and_then(|c| c.strip_prefix('.')) {
                let _ = write!(out, " {name}={}", manner(touch));
            }
        }
    }
    // A column of a table that is not listed would be left out above.
    for touch in &view.columns {
        let of = |table: &String| {
            let rest = touch.column.strip_prefix(table.as_str());
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        if !view.tables.iter().any(of) {
            let _ = write!(out, " {}={}", touch.column, manner(touch));
        }
    }
    out
}

/// How a value was shown, or else what was done with it.
fn manner(touch: &Touched) -> &str {
    if touch.shown == "not" {
        &touch.usage
    } else {
        &touch.shown
    }
}

/// `2026-11-21 21:49:58.123`
pub fn short_time(ts: &str) -> String {
    ts.get(..23).unwrap_or(ts).replace('T', " ")
}

/// At most `width` columns, `…` where something is missing.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut out = String::new();
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if wide > room {
            break;
        }
        room -= wide;
        out.push(c);
    }
    out.push('…');
    out
}

fn paint(text: &str, sgr: &str, colour: bool) -> String {
    if colour && !sgr.is_empty() {
        format!("\u{1b}[{sgr}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Text with everything that a terminal obeys, or hides, written out.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The same JSON, with what a terminal would obey as `\u` escapes.
pub fn escaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        if is_unseen(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters (C0, DEL, C1), and those that reorder or hide what stands around them.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &serde_json::Value) -> Entry {
        let view: View = serde_json::from_value(json.clone()).unwrap();
        Entry {
            line: json.to_string(),
            view,
            ..Entry::default()
        }
    }

    fn refused() -> Entry {
        entry(&serde_json::json!({
            "ts": "2026-11-21T21:49:58.123456Z", "type": "statement", "user": "app\u{1b}[2J",
            "client": "10.0.0.7:5000", "app": "psql\u{202e}", "sql": "SELECT *\n\tFROM patients",
            "tables": ["public.patients"], "decision": "refused", "sqlstate": "42501",
            "columns": [
                {"column": "public.patients.ssn", "use": "filter", "shown": "not"},
                {"column": "public.patients.name", "use": "read", "shown": "refused"},
                {"column": "public.claims.ssn", "use": "read", "shown": "refused"},
            ],
        }))
    }

    fn drawn(width: usize) -> String {
        let mut table = Table::default();
        table.push(&refused());
        let mut out = Vec::new();
        table.draw(&mut out, &table.widths(), width, false).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_says_who_what_and_how() {
        let text = drawn(usize::MAX);
        for part in [
            "TIME (UTC)",
            "2026-11-21 21:49:58.123",
            "10.0.0.7",
            "refused 42501",
            "public.patients ssn=filter name=refused public.claims.ssn=refused",
            "\n    SELECT * FROM patients\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        let text = drawn(usize::MAX);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert!(
            text.contains("app\\u{1b}[2J") && text.contains("\\u{202e}"),
            "{text}"
        );
    }

    #[test]
    fn what_does_not_fit_gets_a_line_of_its_own() {
        let what = "\n    public.patients ssn=filter name=refused public.claims.ssn=refused\n";
        assert!(drawn(100).contains(what), "{}", drawn(100));
    }

    #[test]
    fn every_line_fits_the_terminal() {
        for width in [40, 80, 120] {
            assert!(drawn(width).lines().all(|line| line.width() <= width));
        }
    }
}

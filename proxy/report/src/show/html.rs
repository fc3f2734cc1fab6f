//! A report as one HTML page that needs nothing else: style and plots inside, no script, made to be printed on A4.
//!
//! Everything in it is escaped; a name from a client must never become markup.

use super::plot;
use crate::report::{Cell, Report, Table};
use crate::words;
use std::fmt::Write as _;

const STYLE: &str = "\
:root{color-scheme:light}\
*{box-sizing:border-box}\
body{font:14px/1.45 system-ui,'Segoe UI',Helvetica,Arial,sans-serif;color:#1b2733;background:#fff;margin:0 auto;padding:28px 32px;max-width:1180px}\
h1{font-size:25px;margin:0 0 2px}\
h2{font-size:16px;margin:26px 0 6px;border-bottom:2px solid #1b2733;padding-bottom:3px;break-after:avoid}\
.question{color:#4a5a69;margin:0 0 14px}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0 0 16px;padding:10px 14px;background:#f2f5f7;border-left:4px solid #1b2733}\
dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}\
.broken{border-color:#b00020;background:#fdecee}\
.answer{font-size:16px;margin:0 0 8px}\
.caution{margin:0 0 6px;padding:6px 12px;background:#fff6e0;border-left:4px solid #d08700}\
.note,.empty,.more{color:#4a5a69;margin:6px 0 0}\
table{border-collapse:collapse;width:100%;font-size:12px;font-variant-numeric:tabular-nums}\
th{text-align:left;border-bottom:1px solid #1b2733;padding:4px 8px 4px 0;vertical-align:bottom}\
td{border-bottom:1px solid #e1e6ea;padding:3px 8px 3px 0;vertical-align:top;overflow-wrap:anywhere;min-width:5em}\
td.t{white-space:nowrap}\
.n{text-align:right;white-space:nowrap;padding-right:18px}\
thead{display:table-header-group}tr{break-inside:avoid}\
figure{margin:8px 0 12px;break-inside:avoid}figcaption{color:#4a5a69;font-size:12px}\
figcaption i{display:inline-block;width:10px;height:10px;margin:0 5px 0 12px}\
svg{width:100%;height:auto;display:block}\
footer{margin-top:26px;color:#4a5a69;font-size:11px}\
@page{size:A4 landscape;margin:12mm}\
@media print{body{padding:0;max-width:none;font-size:11px}table{font-size:8.5px}dl,.caution,rect,i{print-color-adjust:exact;-webkit-print-color-adjust:exact}.answer{font-size:13px}}\
";

/// The page.
pub fn write(report: &Report) -> String {
    let title = escaped(report.name.title());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "<p class=\"question\">{}</p>",
        escaped(report.name.question())
    );
    let class = if report.evidence.is_broken() {
        " class=\"broken\""
    } else {
        ""
    };
    let _ = writeln!(out, "<dl{class}>");
    for (name, value) in report.head() {
        let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
    }
    out.push_str("</dl>\n");
    for text in &report.answer {
        let _ = writeln!(out, "<p class=\"answer\">{}</p>", escaped(text));
    }
    for text in &report.cautions {
        let _ = writeln!(out, "<p class=\"caution\">{}</p>", escaped(text));
    }
    for table in &report.tables {
        section(&mut out, table);
    }
    out.push_str(
        "<footer>Times are UTC. “Record” is a record’s number in the log: \
         <code>hippocrypt audit prove --seq N</code> proves that it is there. Patients are named by pseudonyms.</footer>\n\
         </body>\n</html>\n",
    );
    out
}

fn section(out: &mut String, table: &Table) {
    let _ = writeln!(out, "<h2>{}</h2>", escaped(&table.title));
    if let Some(plot) = &table.plot {
        let _ = writeln!(
            out,
            "<figure><figcaption>{} {}</figcaption>{}</figure>",
            escaped(&plot.title),
            plot::legend(plot),
            plot::svg(plot)
        );
    }
    if table.rows.is_empty() {
        let _ = writeln!(out, "<p class=\"empty\">{}</p>", escaped(table.empty));
        return;
    }
    rows(out, table);
    let left = table.left();
    if left > 0 {
        let _ = writeln!(
            out,
            "<p class=\"more\">… and {}: --limit N, or CSV and JSON.</p>",
            words::count(left, "more row")
        );
    }
    if !table.note.is_empty() {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escaped(&table.note));
    }
}

fn rows(out: &mut String, table: &Table) {
    let is_used = |at: usize| {
        let told = |row: &Vec<Cell>| row.get(at).is_some_and(|cell| !cell.told().is_empty());
        table.rows.iter().any(told)
    };
    let is_number = |at: usize| {
        let number = |row: &Vec<Cell>| row.get(at).is_some_and(Cell::is_number);
        table.rows.iter().any(number)
    };
    let shown: Vec<(usize, &str, bool)> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(at, column)| column.shown && is_used(*at))
        .map(|(at, column)| (at, column.label, is_number(at)))
        .collect();
    out.push_str("<table>\n<thead><tr>");
    for (_, label, number) in &shown {
        let class = if *number { " class=\"n\"" } else { "" };
        let _ = write!(out, "<th{class}>{}</th>", escaped(label));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (at, _, number) in &shown {
            let Some(cell) = row.get(*at) else {
                continue;
            };
            let class = match cell {
                Cell::Time(_) => " class=\"t\"",
                _ if *number => " class=\"n\"",
                _ => "",
            };
            let _ = write!(out, "<td{class}>{}</td>", escaped(&cell.told()));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
}

/// Text that is no markup, in an element or an attribute; what hides or reorders text is written out.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push(' '),
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}') =>
            {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

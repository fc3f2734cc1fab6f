//! Ways to show a report; each shows the same.

pub mod html;
pub mod plot;
pub mod text;

use crate::csv;
use crate::evidence::Evidence;
use crate::report::{Cell, Report};
use serde_json::{Value, json};

/// For programs.
pub fn json(report: &Report) -> Value {
    let evidence = match &report.evidence {
        Evidence::NotVerified => json!({ "verified": false }),
        Evidence::Broken(findings) => json!({
            "verified": true, "whole": false,
            "findings": findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
        Evidence::Whole(v, _) => json!({
            "verified": true, "whole": true, "records": v.records, "first": v.first, "last": v.last,
            "head": v.head, "signed": v.signed, "checkpoints": v.checkpoints, "kept": v.kept, "key": v.key,
            "seals": v.seals, "seals_held": v.sealed.as_ref().map(|proven| proven.seals),
            "seals_bound_from": v.sealed.as_ref().and_then(|proven| proven.anchored),
        }),
    };
    let asked: serde_json::Map<String, Value> = report
        .asked
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let tables: serde_json::Map<String, Value> = report
        .tables
        .iter()
        .map(|table| {
            let row = |row: &Vec<Cell>| {
                let cells = table.columns.iter().zip(row);
                let member =
                    |(column, cell): (&crate::Column, &Cell)| (column.key.to_owned(), value(cell));
                Value::Object(cells.map(member).collect())
            };
            let rows: Vec<Value> = table.rows.iter().map(row).collect();
            let told = json!({ "title": table.title, "total": table.total, "rows": rows });
            (table.key.to_owned(), told)
        })
        .collect();
    json!({
        "report": report.name.as_str(), "question": report.name.question(), "asked": asked,
        "period": report.period, "log": report.log, "records": report.read.records,
        "unreadable": report.read.unreadable, "evidence": evidence, "made": report.made,
        "answer": report.answer, "cautions": report.cautions, "tables": tables,
    })
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) => json!(text),
        Cell::Count(n) => json!(n),
        Cell::Time(ts) => json!(ts),
        Cell::List(items) => json!(items),
    }
}

/// For spreadsheets: the head, then each table under its title; or one table alone, its header first.
pub fn csv(report: &Report, only: Option<&str>) -> String {
    let mut out = String::new();
    if only.is_none() {
        // Spreadsheets take a file for UTF-8 by this mark only.
        out.push('\u{feff}');
        csv::row(&mut out, ["Report", report.name.title()]);
        csv::row(&mut out, ["Question", report.name.question()]);
        for (name, value) in report.head() {
            csv::row(&mut out, [name, value.as_str()]);
        }
        for line in &report.answer {
            csv::row(&mut out, ["Answer", line]);
        }
        for line in &report.cautions {
            csv::row(&mut out, ["Caution", line]);
        }
    }
    for table in &report.tables {
        if only.is_some_and(|only| only != table.key) {
            continue;
        }
        if only.is_none() {
            out.push_str("\r\n");
            csv::row(&mut out, ["Table", &table.title]);
        }
        csv::row(&mut out, table.columns.iter().map(|c| c.key));
        for row in &table.rows {
            csv::row(&mut out, row.iter().map(Cell::plain));
        }
        let left = table.left();
        if left > 0 && only.is_none() {
            csv::row(&mut out, ["Not listed", &left.to_string()]);
        }
    }
    out
}

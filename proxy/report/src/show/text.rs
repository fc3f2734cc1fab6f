//! A report for a terminal.
//!
//! What came from a client may hold what a terminal obeys: [`write`] is given the function that makes it visible.

use crate::report::{Cell, Column, Report, Table};
use crate::words;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// No column takes more, but the last.
const COLUMN_MAX: usize = 40;
/// A word up to this long is not broken while there is room.
const WORD_MAX: usize = 28;
/// No column is narrower.
const LEAST: usize = 6;
/// A blank that is no place to break.
const STAYS: &str = "\u{a0}";
/// Columns between two columns.
const GAP: usize = 2;

/// The report in lines of at most `width` columns.
pub fn write(report: &Report, width: usize, visible: fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&report.name.title().to_uppercase());
    wrapped(&mut line, "", report.name.question(), width);
    line("");
    for (name, value) in report.head() {
        wrapped(&mut line, &format!("  {name:<10}"), &visible(&value), width);
    }
    line("");
    for text in &report.answer {
        wrapped(&mut line, "", &visible(text), width);
    }
    for text in &report.cautions {
        wrapped(&mut line, "! ", &visible(text), width);
    }
    for table in &report.tables {
        line("");
        line(&table.title.to_uppercase());
        if table.rows.is_empty() {
            line(table.empty);
            continue;
        }
        drawn(&mut line, table, width, visible);
        let left = table.left();
        if left > 0 {
            line(&format!(
                "… and {} (--limit N, or --output csv)",
                words::count(left, "more row")
            ));
        }
        if !table.note.is_empty() {
            wrapped(&mut line, "", &table.note, width);
        }
    }
    out
}

/// Words in lines; those after the first are indented as deep as the first begins.
fn wrapped(line: &mut dyn FnMut(&str), before: &str, text: &str, width: usize) {
    let indent = " ".repeat(before.width());
    let mut current = before.to_owned();
    let mut is_empty = true;
    for word in text.split(' ') {
        if !is_empty && current.width() + 1 + word.width() > width {
            line(&current);
            current.clone_from(&indent);
            is_empty = true;
        }
        if !is_empty {
            current.push(' ');
        }
        current.push_str(word);
        is_empty = false;
    }
    line(&current);
}

fn drawn(line: &mut dyn FnMut(&str), table: &Table, width: usize, visible: fn(&str) -> String) {
    let shown: Vec<(usize, &Column)> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.shown)
        .collect();
    let told = |row: &Vec<Cell>| -> Vec<(String, bool)> {
        let cell = |(at, _): &(usize, &Column)| {
            row.get(*at).map_or_else(Default::default, |cell| {
                let text = visible(&cell.told());
                match cell {
                    // A date stays with its time.
                    Cell::Time(_) => (text.replace(' ', STAYS), false),
                    _ => (text, cell.is_number()),
                }
            })
        };
        shown.iter().map(cell).collect()
    };
    let rows: Vec<Vec<(String, bool)>> = table.rows.iter().map(told).collect();
    // A column in which nothing stands is no use to anybody.
    let used: Vec<bool> = (0..shown.len())
        .map(|n| {
            rows.iter()
                .any(|r| r.get(n).is_some_and(|(t, _)| !t.is_empty()))
        })
        .collect();
    let right = |n: usize| {
        rows.iter()
            .any(|r| r.get(n).is_some_and(|(_, right)| *right))
    };
    let headers: Vec<(String, bool)> = shown
        .iter()
        .enumerate()
        .map(|(n, (_, column))| (column.label.to_uppercase(), right(n)))
        .collect();
    let all = || std::iter::once(&headers).chain(&rows);
    let natural: Vec<usize> = (0..shown.len())
        .map(|n| {
            let widest = all().filter_map(|r| r.get(n)).map(|(t, _)| t.width()).max();
            if used.get(n) == Some(&true) {
                widest.unwrap_or(0).min(COLUMN_MAX)
            } else {
                0
            }
        })
        .collect();
    let least: Vec<usize> = (0..shown.len())
        .map(|n| {
            let words = all()
                .filter_map(|r| r.get(n))
                .flat_map(|(t, _)| t.split(' '))
                .map(unicode_width::UnicodeWidthStr::width);
            words.max().unwrap_or(0).min(WORD_MAX)
        })
        .collect();
    let is_time = |n: usize| {
        rows.iter()
            .any(|r| r.get(n).is_some_and(|(t, _)| t.contains(STAYS)))
    };
    let narrowest: Vec<usize> = least
        .iter()
        .enumerate()
        .map(|(n, least)| if is_time(n) { *least } else { LEAST })
        .collect();
    let widths = fitted(&natural, [&least, &narrowest], width);
    for row in all() {
        for text in folded(row, &widths) {
            line(&text.replace(STAYS, " "));
        }
    }
}

/// Widths that fit: the widest columns give way first, down to their longest words, and then those too, but no times.
fn fitted(natural: &[usize], least: [&Vec<usize>; 2], width: usize) -> Vec<usize> {
    let mut widths = natural.to_vec();
    for least in least {
        while widths
            .iter()
            .filter(|w| **w > 0)
            .map(|w| w + GAP)
            .sum::<usize>()
            > width + GAP
        {
            let gives = |(n, w): &(usize, &mut usize)| **w > least.get(*n).copied().unwrap_or(0);
            let widest = widths
                .iter_mut()
                .enumerate()
                .filter(gives)
                .max_by_key(|(_, w)| **w);
            let Some((_, w)) = widest else {
                break;
            };
            *w -= 1;
        }
    }
    widths
}

/// A row in as many lines as its cells need.
fn folded(row: &[(String, bool)], widths: &[usize]) -> Vec<String> {
    let cells: Vec<(Vec<String>, bool, usize)> = row
        .iter()
        .zip(widths)
        .filter(|(_, width)| **width > 0)
        .map(|((text, right), width)| (pieces(text, *width), *right, *width))
        .collect();
    let height = cells.iter().map(|(p, ..)| p.len()).max().unwrap_or(0);
    (0..height)
        .map(|n| {
            let mut out = String::new();
            for (pieces, right, width) in &cells {
                let piece = pieces.get(n).map_or("", String::as_str);
                let blank = " ".repeat(width.saturating_sub(piece.width()));
                let (before, after) = if *right {
                    (blank.as_str(), "")
                } else {
                    ("", blank.as_str())
                };
                out.push_str(before);
                out.push_str(piece);
                out.push_str(after);
                out.push_str(&" ".repeat(GAP));
            }
            out
        })
        .collect()
}

/// A cell's text in pieces of at most `width` columns, between words where that can be.
fn pieces(text: &str, width: usize) -> Vec<String> {
    let mut out = Vec::new();
    let mut current = String::new();
    for word in text.split(' ') {
        let blank = usize::from(!current.is_empty());
        if current.width() + blank + word.width() <= width {
            if blank > 0 {
                current.push(' ');
            }
            current.push_str(word);
            continue;
        }
        if !current.is_empty() {
            out.push(std::mem::take(&mut current));
        }
        for c in word.chars() {
            if current.width() + c.width().unwrap_or(0) > width && !current.is_empty() {
                // Behind a dot rather than inside a name.
                let dot = current.rfind('.').map_or(current.len(), |at| at + 1);
                let rest = current.split_off(dot);
                out.push(std::mem::replace(&mut current, rest));
            }
            current.push(c);
        }
    }
    out.push(current);
    out
}

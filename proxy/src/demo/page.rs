//! Tables and headings for a terminal: boxes that fit its width, colours only where they are seen.
//!
//! It knows nothing of what it shows, and never prints by itself: lines go to the writer it is given.

use std::io::{self, IsTerminal, Write};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Widths where the terminal does not say.
const USUAL_WIDTH: usize = 100;
const LEAST_WIDTH: usize = 60;
/// A column is never squeezed below this.
const LEAST_COLUMN: usize = 4;
/// Between two tables side by side.
const GAP: usize = 2;

/// How a text is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// A heading.
    Strong,
    /// Beside the point.
    Faint,
    /// Good, or clear.
    Good,
    /// Masked.
    Hidden,
    /// Refused, ciphertext, or wrong.
    Bad,
}

impl Tone {
    /// SGR parameters (ECMA-48 8.3.117).
    fn sgr(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Faint => Some("2"),
            Self::Good => Some("32"),
            Self::Hidden => Some("33"),
            Self::Bad => Some("31"),
        }
    }
}

/// One line, with the columns it takes.
#[derive(Clone, Debug, Default)]
struct Line {
    text: String,
    width: usize,
}

/// What a page is written on.
#[derive(Debug)]
pub struct Page<W> {
    out: W,
    width: usize,
    colour: bool,
}

impl Page<io::Stdout> {
    /// Standard output, as wide as its terminal.
    pub fn stdout() -> Self {
        let out = io::stdout();
        let told = rustix::termios::tcgetwinsize(&out)
            .ok()
            .map(|s| usize::from(s.ws_col));
        let named = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
        let width = told.filter(|w| *w > 0).or(named).unwrap_or(USUAL_WIDTH);
        let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self::new(out, width, colour)
    }
}

impl<W: Write> Page<W> {
    /// A page of this width.
    pub fn new(out: W, width: usize, colour: bool) -> Self {
        Self {
            out,
            width: width.max(LEAST_WIDTH),
            colour,
        }
    }

    /// A heading with an empty line before it.
    pub fn heading(&mut self, text: &str) -> io::Result<()> {
        let rule = "─".repeat(self.width.saturating_sub(text.width() + 4));
        let line = format!("── {text} {rule}");
        writeln!(self.out, "\n{}", self.paint(&line, Tone::Strong))
    }

    /// A line of text, wrapped at spaces.
    pub fn say(&mut self, text: &str, tone: Tone) -> io::Result<()> {
        for line in wrapped(text, self.width) {
            writeln!(self.out, "{}", self.paint(&line, tone))?;
        }
        Ok(())
    }

    /// A line that is meant to be copied: never wrapped.
    pub fn verbatim(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "    {}", self.paint(text, Tone::Strong))
    }

    /// ✓ or ✗ and what was claimed.
    pub fn claim(&mut self, holds: bool, text: &str) -> io::Result<()> {
        let (mark, tone) = if holds {
            ("✓", Tone::Good)
        } else {
            ("✗", Tone::Bad)
        };
        let mark = self.paint(mark, tone);
        writeln!(self.out, "  {mark} {text}")
    }

    /// One table.
    pub fn table(&mut self, table: &Table) -> io::Result<()> {
        let lines = self.draw(table, self.width);
        self.put(&lines)
    }

    /// Two tables: side by side where both fit as they are, else one below the other.
    pub fn pair(&mut self, left: &Table, right: &Table) -> io::Result<()> {
        let (l, r) = (left.natural_width(), right.natural_width());
        if l + GAP + r > self.width {
            self.table(left)?;
            return self.table(right);
        }
        let (left, right) = (self.draw(left, l), self.draw(right, r));
        let mut lines = Vec::new();
        for n in 0..left.len().max(right.len()) {
            let mut line = left.get(n).cloned().unwrap_or_default();
            line.text.push_str(&" ".repeat(l + GAP - line.width));
            line.text.push_str(right.get(n).map_or("", |r| &r.text));
            lines.push(line);
        }
        self.put(&lines)
    }

    fn put(&mut self, lines: &[Line]) -> io::Result<()> {
        lines
            .iter()
            .try_for_each(|l| writeln!(self.out, "{}", l.text.trim_end()))
    }

    fn paint(&self, text: &str, tone: Tone) -> String {
        match tone.sgr().filter(|_| self.colour) {
            Some(sgr) => format!("\u{1b}[{sgr}m{text}\u{1b}[0m"),
            None => text.to_owned(),
        }
    }

    fn draw(&self, table: &Table, width: usize) -> Vec<Line> {
        let widths = table.widths(width);
        let inner = widths.iter().sum::<usize>() + 3 * widths.len().saturating_sub(1) + 2;
        let rule = |left, middle, right| {
            let runs: Vec<String> = widths.iter().map(|w| "─".repeat(w + 2)).collect();
            format!("{left}{}{right}", runs.join(middle))
        };
        let title = cut(&table.title, width);
        let mut lines = vec![Line {
            width: title.width(),
            text: self.paint(&title, Tone::Strong),
        }];
        let mut push = |text: String| {
            lines.push(Line {
                text,
                width: inner + 2,
            })
        };
        push(self.paint(&rule("┌", "┬", "┐"), Tone::Faint));
        push(self.row(&table.headers, &widths));
        push(self.paint(&rule("├", "┼", "┤"), Tone::Faint));
        for row in &table.rows {
            push(self.row(row, &widths));
        }
        push(self.paint(&rule("└", "┴", "┘"), Tone::Faint));
        lines
    }

    fn row(&self, cells: &[(String, Tone)], widths: &[usize]) -> String {
        let bar = self.paint("│", Tone::Faint);
        let mut text = bar.clone();
        for (n, width) in widths.iter().enumerate() {
            let (cell, tone) = cells
                .get(n)
                .map_or(("", Tone::Plain), |(c, t)| (c.as_str(), *t));
            let shown = cut(cell, *width);
            let space = " ".repeat(width - shown.width());
            text.push_str(&format!(" {}{space} {bar}", self.paint(&shown, tone)));
        }
        text
    }
}

/// A table before it is drawn.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    headers: Vec<(String, Tone)>,
    rows: Vec<Vec<(String, Tone)>>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: impl Into<String>, headers: &[&str]) -> Self {
        Self {
            title: title.into(),
            headers: headers
                .iter()
                .map(|h| ((*h).to_owned(), Tone::Strong))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// A table without rows, its headers in one text.
    pub fn with(headers: &str, title: impl Into<String>) -> Self {
        Self::new(title, &headers.split(' ').collect::<Vec<_>>())
    }

    /// Adds a row; line breaks and control characters in it are shown as a space.
    pub fn push(&mut self, cells: Vec<(String, Tone)>) {
        let clean = |text: String| text.replace(char::is_control, " ");
        self.rows.push(
            cells
                .into_iter()
                .map(|(text, tone)| (clean(text), tone))
                .collect(),
        );
    }

    fn natural(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.headers.iter().map(|(h, _)| h.width()).collect();
        for row in &self.rows {
            for (width, (cell, _)) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        widths
    }

    fn natural_width(&self) -> usize {
        let boxed = self.natural().iter().map(|w| w + 3).sum::<usize>() + 1;
        boxed.max(self.title.width())
    }

    /// Column widths that fit: the widest gives way first.
    fn widths(&self, width: usize) -> Vec<usize> {
        let mut widths = self.natural();
        let room = width.saturating_sub(3 * widths.len() + 1);
        while widths.iter().sum::<usize>() > room {
            match widths.iter_mut().max() {
                Some(widest) if *widest > LEAST_COLUMN => *widest -= 1,
                _ => break,
            }
        }
        widths
    }
}

/// At most `width` columns, with … where something is missing.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let kept = text.chars().take_while(|c| {
        let fits = c.width().unwrap_or(0) <= room;
        room = room.saturating_sub(c.width().unwrap_or(0));
        fits
    });
    kept.chain(['…']).collect()
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(rows: usize) -> Table {
        let mut table = Table::new("people", &["id", "name"]);
        for n in 0..rows {
            table.push(vec![
                (n.to_string(), Tone::Plain),
                ("山田 Nguyễn\nof a long name".to_owned(), Tone::Good),
            ]);
        }
        table
    }

    fn drawn(width: usize, colour: bool, draw: impl FnOnce(&mut Page<Vec<u8>>)) -> String {
        let mut page = Page::new(Vec::new(), width, colour);
        draw(&mut page);
        String::from_utf8(page.out).unwrap()
    }

    #[test]
    fn every_line_of_a_box_is_as_wide_as_the_others_and_fits() {
        for width in [60, 61, 100] {
            let text = drawn(width, false, |p| p.table(&people(2)).unwrap());
            let widths: Vec<usize> = text.lines().skip(1).map(|l| l.width()).collect();
            assert!(
                widths.iter().all(|w| *w == widths[0] && *w <= width),
                "{text}"
            );
        }
    }

    #[test]
    fn a_pair_stands_side_by_side_only_where_there_is_room() {
        let two = |width| drawn(width, false, |p| p.pair(&people(2), &people(3)).unwrap());
        assert_eq!(two(120).lines().count(), 8, "{}", two(120));
        assert_eq!(two(60).lines().count(), 7 + 8);
    }

    #[test]
    fn colours_are_only_where_they_are_wanted() {
        assert!(drawn(80, true, |p| p.claim(true, "so").unwrap()).contains('\u{1b}'));
        assert!(!drawn(80, false, |p| p.claim(true, "so").unwrap()).contains('\u{1b}'));
    }

    #[test]
    fn cutting_counts_columns_not_characters() {
        assert_eq!(cut("山田太郎", 5), "山田…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
    }
}

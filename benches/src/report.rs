//! Figures as a table, JSON and a plot.

use crate::load::{Mode, Sample, Script};
use crate::measure::median;
use crate::sides::{BOUNCER, DURABLE, OURS, RELAY, UNAUDITED, Wire};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What is run: a script in a mode, by so many clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The statements.
    pub script: Script,
    /// How they are sent.
    pub mode: Mode,
    /// How many at once.
    pub clients: usize,
    /// Over what.
    pub wire: Wire,
}

impl Cell {
    /// As a row's head.
    pub fn name(&self) -> String {
        format!(
            "{}, {}, c{}{}",
            self.script.name(),
            self.mode.as_str(),
            self.clients,
            match self.wire {
                Wire::Clear => "",
                Wire::Tls => ", TLS",
            }
        )
    }
}

/// The samples of one side in one cell, a round each.
#[derive(Clone, Debug)]
pub struct Series {
    /// What was run.
    pub cell: Cell,
    /// Against which side.
    pub side: &'static str,
    /// By round.
    pub samples: Vec<Sample>,
}

/// A figure that stands by itself.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// The side.
    pub side: &'static str,
    /// How much, by round; one that no round has is there once.
    pub values: Vec<f64>,
    /// Of what.
    pub unit: &'static str,
}

impl Figure {
    /// The median over the rounds.
    pub fn value(&self) -> f64 {
        median(self.values.clone()).unwrap_or(f64::NAN)
    }
}

/// All of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The side that the others are divided by.
    pub baseline: &'static str,
    /// The machine, the versions, the rounds.
    pub about: Vec<(String, String)>,
    /// pgbench.
    pub series: Vec<Series>,
    /// The rest.
    pub figures: Vec<Figure>,
}

/// Medians of a series, and of its ratios with the baseline's in the same rounds.
struct Row<'a> {
    series: &'a Series,
    rate: f64,
    cpu: Option<f64>,
    rate_ratio: Option<f64>,
    cpu_ratio: Option<f64>,
}

impl Report {
    /// Takes a figure; one more round of it where it is there.
    pub fn add(&mut self, name: &str, side: &'static str, value: f64, unit: &'static str) {
        let is_it = |f: &&mut Figure| f.name == name && f.side == side && f.unit == unit;
        match self.figures.iter_mut().find(is_it) {
            Some(figure) => figure.values.push(value),
            None => self.figures.push(Figure {
                name: name.to_owned(),
                side,
                values: vec![value],
                unit,
            }),
        }
    }

    /// A figure divided by the baseline's of the same rounds; `None` where that has none.
    fn figure_ratio(&self, figure: &Figure) -> Option<f64> {
        let baseline = self.figures.iter().find(|f| {
            f.side == self.baseline && (&f.name, f.unit) == (&figure.name, figure.unit)
        })?;
        let paired = figure.values.iter().zip(&baseline.values);
        median(paired.map(|(value, base)| value / base).collect()).filter(|ratio| ratio.is_finite())
    }

    fn rows(&self) -> Vec<Row<'_>> {
        self.series.iter().map(|series| self.row(series)).collect()
    }

    fn row<'a>(&self, series: &'a Series) -> Row<'a> {
        let Series { cell, samples, .. } = series;
        let baseline = self
            .series
            .iter()
            .find(|s| s.side == self.baseline && s.cell == *cell);
        let paired = || {
            samples
                .iter()
                .zip(baseline.map(|b| b.samples.as_slice()).unwrap_or_default())
        };
        let cpu: Vec<f64> = samples.iter().filter_map(|s| s.cpu).collect();
        Row {
            series,
            rate: median(samples.iter().map(|s| s.rate).collect()).unwrap_or(f64::NAN),
            cpu: median(cpu),
            rate_ratio: median(paired().map(|(s, b)| s.rate / b.rate).collect()),
            cpu_ratio: median(
                paired()
                    .filter_map(|(s, b)| Some(s.cpu? / b.cpu?))
                    .collect(),
            ),
        }
    }

    /// For people: Markdown.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        for (what, is) in &self.about {
            let _ = writeln!(out, "* {what}: {is}");
        }
        let over = self.baseline;
        if !self.series.is_empty() {
            let _ = writeln!(
                out,
                "\n| | side | statements/s | ÷ {over} | CPU µs/statement | ÷ {over} |\n|---|---|---:|---:|---:|---:|"
            );
        }
        let shown = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"))
        };
        for row in self.rows() {
            let _ = writeln!(
                out,
                "| {} | {} | {:.0} | {} | {} | {} |",
                row.series.cell.name(),
                row.series.side,
                row.rate,
                shown(row.rate_ratio, 2),
                shown(row.cpu, 1),
                shown(row.cpu_ratio, 2)
            );
        }
        if !self.figures.is_empty() {
            let _ = writeln!(out, "\n| | side | | ÷ {over} |\n|---|---|---:|---:|");
        }
        for figure in &self.figures {
            let _ = writeln!(
                out,
                "| {} | {} | {:.2} {} | {} |",
                figure.name,
                figure.side,
                figure.value(),
                figure.unit,
                shown(self.figure_ratio(figure), 2)
            );
        }
        out
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let samples = |series: &Series| -> Vec<Value> {
            series
                .samples
                .iter()
                .map(|s| json!({ "rate": s.rate, "cpu_us": s.cpu }))
                .collect()
        };
        let rows: Vec<Value> = self
            .rows()
            .iter()
            .map(|row| {
                json!({
                    "what": row.series.cell.name(), "side": row.series.side, "rate": row.rate,
                    "rate_over_baseline": row.rate_ratio, "cpu_us": row.cpu, "cpu_over_baseline": row.cpu_ratio,
                    "rounds": samples(row.series),
                })
            })
            .collect();
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|f| {
                json!({
                    "what": f.name, "side": f.side, "value": f.value(), "unit": f.unit,
                    "over_baseline": self.figure_ratio(f), "rounds": f.values,
                })
            })
            .collect();
        let about: serde_json::Map<String, Value> = self
            .about
            .iter()
            .map(|(what, is)| (what.clone(), Value::from(is.as_str())))
            .collect();
        json!({ "about": about, "baseline": self.baseline, "pgbench": rows, "figures": figures })
    }

    /// CPU per statement as bars, a group for each cell.
    pub fn svg(&self) -> String {
        const COLOURS: [(&str, &str); 5] = [
            (BOUNCER, "#8a8f98"),
            (RELAY, "#c3c7ce"),
            (OURS, "#1f6feb"),
            (DURABLE, "#0b3d91"),
            (UNAUDITED, "#8a8f98"),
        ];
        let rows: Vec<_> = self
            .rows()
            .into_iter()
            .filter(|r| r.cpu.is_some())
            .collect();
        let most = rows.iter().filter_map(|r| r.cpu).fold(1.0, f64::max);
        let height = rows.len() * 18 + 40;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<text x=\"8\" y=\"18\">CPU of the process between, µs per statement</text>\n"
        );
        for (ix, row) in rows.iter().enumerate() {
            let cpu = row.cpu.unwrap_or_default();
            let colour = COLOURS.iter().find(|(side, _)| *side == row.series.side);
            let _ = writeln!(
                out,
                "<text x=\"8\" y=\"{y}\">{}, {}</text><rect x=\"390\" y=\"{top}\" width=\"{width:.1}\" height=\"12\" \
                 fill=\"{colour}\"/><text x=\"{end:.1}\" y=\"{y}\">{cpu:.1}</text>",
                row.series.cell.name(),
                row.series.side,
                y = ix * 18 + 44,
                top = ix * 18 + 34,
                width = cpu / most * 440.0,
                end = cpu / most * 440.0 + 396.0,
                colour = colour.map_or("#444444", |(_, colour)| colour),
            );
        }
        out.push_str("</svg>\n");
        out
    }
}

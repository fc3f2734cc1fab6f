//! Stacked bars as SVG, to stand inside an HTML page: no script, no font of its own, dark on white when printed.

use crate::report::Plot;
use crate::show::html::escaped;
use crate::words;
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 150.0;
/// Room for the numbers at the left, for half a name at the right, and for the names below.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 8.0;
/// From the darkest: what was shown in clear weighs most.
const COLOURS: [&str; 3] = ["#8c2d04", "#e08214", "#b8c4cf"];

/// The plot as one element.
pub fn svg(plot: &Plot) -> String {
    let most = plot
        .bars
        .iter()
        .map(|(_, counts)| counts.iter().sum::<u64>());
    let top = ceiling(most.max().unwrap_or(0));
    let (inner_width, inner_height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let step = inner_width / plot.bars.len().max(1) as f64;
    let y = |n: u64| TOP + inner_height * (1.0 - n as f64 / top as f64);
    let mut out = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"system-ui, Helvetica, Arial, sans-serif\" font-size=\"11\" fill=\"#4a5a69\" role=\"img\" aria-label=\"{}\">",
        escaped(&plot.title)
    );
    for n in [0, top / 2, top] {
        let at = y(n);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#d5dbe1\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 3.5,
            words::grouped(n),
        );
    }
    // Not every day has room for its name.
    let every = (60.0 / step).ceil().max(1.0) as usize;
    for (at, (name, counts)) in plot.bars.iter().enumerate() {
        let x = LEFT + step * at as f64;
        let mut below = 0;
        for (series, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (low, high) = (y(below), y(below + n));
            let _ = write!(
                out,
                "<rect x=\"{:.1}\" y=\"{high:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"><title>{}: {} {}</title></rect>",
                x + step * 0.12,
                step * 0.76,
                low - high,
                COLOURS.get(series).copied().unwrap_or("#444"),
                escaped(name),
                words::grouped(*n),
                escaped(plot.series.get(series).copied().unwrap_or_default()),
            );
            below += n;
        }
        if at % every == 0 {
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x + step / 2.0,
                HEIGHT - 6.0,
                escaped(name.get(5..).unwrap_or(name)),
            );
        }
    }
    out.push_str("</svg>");
    out
}

/// What the colours mean; nothing where there is one only.
pub fn legend(plot: &Plot) -> String {
    if plot.series.len() < 2 {
        return String::new();
    }
    let item = |(name, colour): (&&str, &&str)| {
        format!("<i style=\"background:{colour}\"></i>{}", escaped(name))
    };
    let items: Vec<String> = plot.series.iter().zip(&COLOURS).map(item).collect();
    items.join(" ")
}

/// The next of 2, 4, 10, 20, 40, 100 …: halves of it are whole.
fn ceiling(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [2, 4, 6, 8, 10] {
            if unit.saturating_mul(step) >= most {
                return unit.saturating_mul(step);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_just_above_the_largest_bar() {
        for (most, top) in [(0, 2), (1, 2), (3, 4), (10, 10), (11, 20), (5_001, 6_000)] {
            assert_eq!(ceiling(most), top, "{most}");
        }
        assert!(ceiling(u64::MAX) == u64::MAX);
    }
}

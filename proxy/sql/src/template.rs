//! One verdict for every text that differs in its constants alone.
//!
//! Clients that write their values into the text send a new text each time. The second text of a kind is judged once
//! more with **sample constants** in the place of its own; what comes of that serves the others, with their places and
//! literals ([`Template::fill`]). The analysis has never seen a constant of theirs, so nothing in its verdict can come
//! from one. It must never serve a text
//!
//! * whose tokens could be others: the text between the constants and their kinds are the template's name
//!   ([`crate::constants`]);
//! * in which a constant is more than a value: those stand in the name as they are ("pinned"), and so do those that
//!   some rule has read the value of ([`crate::watch`]);
//! * by a verdict that is not, for the text at hand, what full analysis says: that is compared before one is kept.
//!
//! docs/decisions/verdict-keys.md has the reasons.

use crate::constants::{Kind, Spot};
use crate::verdict::{Fill, Literal, LiteralText, Statement};
use std::collections::BTreeSet;
use std::ops::Range;

/// Digits by which sample constants are known: no other part of their text has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample(String);

impl Sample {
    /// For this text.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut marks = (1_000_003..2_000_000_u32).map(|mark| mark.to_string());
        marks.find(|mark| !text.contains(mark.as_str())).map(Self)
    }

    /// The value of the sample constant at this index.
    fn value(&self, kind: Kind, index: usize) -> String {
        let mark = &self.0;
        match kind {
            Kind::String => format!("sample {mark}{index:03}"),
            Kind::Int4 => format!("{mark}{index:03}"),
            Kind::Int8 => format!("{mark}000000000{index:03}"),
            Kind::Integer => format!("{mark}000000000000000{index:03}"),
            Kind::Decimal => format!("{mark}{index:03}.5"),
        }
    }

    /// Which sample constant a value is, or is made of.
    pub(crate) fn index(&self, value: &str) -> Option<usize> {
        let (_, behind) = value.split_once(self.0.as_str())?;
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        let digits = behind.get(..digits)?;
        digits.get(digits.len().checked_sub(3)?..)?.parse().ok()
    }
}

/// A text and its constants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spotted<'t> {
    pub(crate) text: &'t str,
    pub(crate) spots: &'t [Spot],
}

impl<'t> Spotted<'t> {
    pub(crate) fn new(text: &'t str, spots: &'t [Spot]) -> Self {
        Self { text, spots }
    }

    fn written(&self, index: usize) -> Option<(&'t str, Kind)> {
        let spot = self.spots.get(index)?;
        Some((self.text.get(spot.range.clone())?, spot.kind))
    }

    /// The same text with sample constants for those that are not pinned, and where its constants are then.
    pub(crate) fn sampled(
        &self,
        sample: &Sample,
        pinned: &BTreeSet<usize>,
    ) -> Option<(String, Vec<Range<usize>>)> {
        let mut text = String::with_capacity(self.text.len() + self.spots.len() * 16);
        let mut ranges = Vec::with_capacity(self.spots.len());
        let mut done = 0;
        for (index, spot) in self.spots.iter().enumerate() {
            text.push_str(self.text.get(done..spot.range.start)?);
            let start = text.len();
            match (pinned.contains(&index), spot.kind) {
                (true, _) => text.push_str(self.text.get(spot.range.clone())?),
                (false, Kind::String) => {
                    text.push('\'');
                    text.push_str(&sample.value(spot.kind, index));
                    text.push('\'');
                }
                (false, kind) => text.push_str(&sample.value(kind, index)),
            }
            ranges.push(start..text.len());
            done = spot.range.end;
        }
        text.push_str(self.text.get(done..)?);
        Some((text, ranges))
    }

    /// Those of its constants that are more than values: all but those at these locations of the tree.
    pub(crate) fn pinned(&self, values: &BTreeSet<usize>) -> BTreeSet<usize> {
        let is_value = |spot: &Spot| {
            let start = spot.range.start;
            values.contains(&start) || self.signs(start).any(|sign| values.contains(&sign))
        };
        let all = self.spots.iter().enumerate();
        let pinned = all.filter(|(_, spot)| !is_value(spot));
        pinned.map(|(index, _)| index).collect()
    }

    /// Where the signs in front of a number are: the tree has the constant there.
    fn signs(&self, number: usize) -> impl Iterator<Item = usize> {
        let before = self.text.as_bytes().get(..number).unwrap_or_default();
        let before = before.iter().enumerate().rev();
        before
            .take_while(|(_, byte)| matches!(byte, b'-' | b' ' | b'\t' | b'\n' | b'\r' | 0x0c))
            .filter_map(|(at, byte)| (*byte == b'-').then_some(at))
    }
}

/// A verdict with sample constants in it.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    sample: Sample,
    statement: Statement,
    /// Where the constants of its text are.
    ranges: Vec<Range<usize>>,
}

impl Template {
    pub(crate) fn new(sample: Sample, statement: Statement, ranges: Vec<Range<usize>>) -> Self {
        Self {
            sample,
            statement,
            ranges,
        }
    }

    /// The statement.
    pub(crate) fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The statement as it is in this text, which has the template's name.
    pub(crate) fn fill(&self, spotted: Spotted<'_>) -> Option<Statement> {
        self.statement.filled(&Filling {
            template: self,
            spotted,
        })
    }
}

struct Filling<'a> {
    template: &'a Template,
    spotted: Spotted<'a>,
}

impl Fill for Filling<'_> {
    /// As far from the constant before it.
    fn place(&self, at: usize) -> Option<usize> {
        let ranges = &self.template.ranges;
        let ended = ranges.partition_point(|range| range.end <= at);
        if ranges.get(ended).is_some_and(|next| next.start < at) {
            return None;
        }
        let Some(before) = ended.checked_sub(1) else {
            return Some(at);
        };
        let from = ranges.get(before)?.end;
        Some(self.spotted.spots.get(before)?.range.end + (at - from))
    }

    fn literal(&self, literal: &Literal) -> Option<Literal> {
        Some(match literal {
            Literal::Bool(_) => literal.clone(),
            Literal::String { value, cast } => Literal::String {
                value: self.value(value)?,
                cast: *cast,
            },
            Literal::Number(value) => Literal::Number(self.value(value)?),
            Literal::Cast { of, to } => Literal::Cast {
                of: Box::new(self.literal(of)?),
                to: *to,
            },
        })
    }
}

impl Filling<'_> {
    /// The value in the place of a sample constant, whose sign it keeps; `None` where it is none, or something was made of
    /// one.
    fn value(&self, value: &LiteralText) -> Option<LiteralText> {
        let sample = &self.template.sample;
        // what is pinned is the client's own: it is not kept
        let index = sample.index(value.unnoticed())?;
        let (written, kind) = self.spotted.written(index)?;
        let whole = sample.value(kind, index);
        let sign = value.unnoticed().strip_suffix(whole.as_str())?;
        if kind == Kind::String {
            let inner = written.strip_prefix('\'')?.strip_suffix('\'')?;
            return sign.is_empty().then(|| match inner.contains('\'') {
                true => inner.replace("''", "'").into(),
                false => inner.into(),
            });
        }
        let is_sign = |byte: u8| matches!(byte, b'-' | b' ' | b'\t' | b'\n' | b'\r' | 0x0c);
        sign.bytes()
            .all(is_sign)
            .then(|| format!("{sign}{written}").into())
    }
}

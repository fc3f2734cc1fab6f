//! What a run came to, by construct and mode: the report, and the file that a long run resumes from.

use super::constructs::{Expect, NOT_YET};
use super::play::Outcome;
use super::script::MODES;
use super::session::{Session, deck};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Counts of a card.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    same: usize,
    error: usize,
    refused: usize,
    /// Refused where PostgreSQL has an error too.
    both: usize,
    different: usize,
}

impl Count {
    fn runs(self) -> usize {
        self.same + self.error + self.refused + self.both + self.different
    }
}

/// Counts of a run.
#[derive(Debug, Default)]
pub struct Tally {
    cards: BTreeMap<usize, Count>,
    pub seeds: BTreeSet<u64>,
    pub statements: usize,
    why: BTreeMap<&'static str, String>,
    excused: BTreeMap<(&'static str, &'static str), usize>,
}

impl Tally {
    pub fn add(&mut self, session: &Session) {
        let deck = deck();
        self.seeds.insert(session.seed);
        for played in &session.played {
            self.statements += played.statements;
            if let Some(words) = played.excuse {
                let name = deck[played.card].construct.name;
                *self.excused.entry((name, words)).or_default() += 1;
            }
            let count = self.cards.entry(played.card).or_default();
            match &played.outcome {
                Outcome::Same => count.same += 1,
                Outcome::SameError(_) => count.error += 1,
                Outcome::Refused(_, Some(_)) => count.both += 1,
                Outcome::Refused(why, None) => {
                    count.refused += 1;
                    self.why
                        .entry(deck[played.card].construct.name)
                        .or_insert_with(|| why.clone());
                }
                Outcome::Different(_) => count.different += 1,
            }
        }
    }

    /// Constructs in modes that no statement has run, errors of PostgreSQL aside.
    pub fn unrun(&self) -> Vec<String> {
        let mut ran: BTreeMap<String, bool> = BTreeMap::new();
        for (number, card) in deck().iter().enumerate().filter(|(_, c)| c.asked()) {
            let count = self.cards.get(&number).copied().unwrap_or_default();
            let runs = match card.construct.expect {
                Expect::Yes | Expect::Refusal => count.same + count.refused + count.different,
                Expect::Error | Expect::Denied | Expect::Hidden => count.runs(),
            };
            let name = format!("{} ({})", card.construct.name, card.mode.name());
            *ran.entry(name).or_default() |= runs > 0;
        }
        let without = ran.into_iter().filter(|(_, ran)| !ran);
        without.map(|(name, _)| name).collect()
    }

    /// The share answered, by construct.
    pub fn report(&self) -> String {
        let mut by: BTreeMap<&str, (Count, Expect)> = BTreeMap::new();
        for (number, card) in deck().iter().enumerate() {
            let count = self.cards.get(&number).copied().unwrap_or_default();
            let all = by
                .entry(card.construct.name)
                .or_insert((Count::default(), card.construct.expect));
            all.0.same += count.same;
            all.0.error += count.error;
            all.0.refused += count.refused;
            all.0.both += count.both;
            all.0.different += count.different;
        }
        let mut text = format!(
            "{} statements of {} seeds, {} constructs in up to {} modes\n{:<44} {:>6} {:>9} {:>7} {:>8} {:>6}\n",
            self.statements,
            self.seeds.len(),
            by.len(),
            MODES.len(),
            "construct",
            "runs",
            "answered",
            "errors",
            "refused",
            "share"
        );
        let mut promised = Count::default();
        for (name, (count, expect)) in &by {
            let decided = count.same + count.refused + count.different;
            let share = (count.same * 100).checked_div(decided).unwrap_or(100);
            let note = match (expect, NOT_YET.contains(name)) {
                (Expect::Yes, true) => "not yet",
                (Expect::Yes, false) => "",
                (Expect::Refusal, _) => "refusal allowed",
                (Expect::Error, _) => "PostgreSQL's own error",
                (Expect::Denied, _) => "42501",
                (Expect::Hidden, _) => "nothing shown",
            };
            if *expect == Expect::Yes {
                promised.same += count.same;
                promised.refused += count.refused + count.different;
            }
            writeln!(
                text,
                "{name:<44} {:>6} {:>9} {:>7} {:>8} {share:>5}% {note}",
                count.runs(),
                count.same,
                count.error + count.both,
                count.refused
            )
            .unwrap();
        }
        let all = promised.same + promised.refused;
        writeln!(
            text,
            "of what the table promises: {} of {all} answered as by PostgreSQL ({:.1} %)",
            promised.same,
            promised.same as f64 * 100.0 / all.max(1) as f64
        )
        .unwrap();
        for (name, why) in &self.why {
            writeln!(
                text,
                "  refused: {name}: {}",
                why.chars().take(200).collect::<String>()
            )
            .unwrap();
        }
        for ((name, words), times) in &self.excused {
            writeln!(text, "  excused {times} times: {name}: {words}").unwrap();
        }
        let kept = |n: &&&str| {
            by.get(**n)
                .is_some_and(|(c, _)| c.refused + c.different == 0 && c.same > 0)
        };
        let stale: Vec<_> = NOT_YET.iter().filter(kept).collect();
        writeln!(
            text,
            "not yet: {NOT_YET:?}\nanswered by now, take them off: {stale:?}"
        )
        .unwrap();
        text
    }

    /// Lines of the state file.
    pub fn save(&self, header: &str) -> String {
        let mut text = format!("{header}\nstatements {}\n", self.statements);
        self.seeds
            .iter()
            .for_each(|s| writeln!(text, "seed {s}").unwrap());
        for (n, c) in &self.cards {
            writeln!(
                text,
                "card {n} {} {} {} {} {}",
                c.same, c.error, c.refused, c.both, c.different
            )
            .unwrap();
        }
        text
    }

    /// What an earlier run of the same binary left; nothing of another's.
    pub fn load(header: &str, text: &str) -> Self {
        let mut tally = Self::default();
        let mut lines = text.lines();
        if lines.next() != Some(header) {
            return tally;
        }
        for line in lines {
            let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
            let numbers: Vec<usize> = rest.split(' ').filter_map(|n| n.parse().ok()).collect();
            match (what, numbers.as_slice()) {
                ("statements", [n]) => tally.statements = *n,
                ("seed", [n]) => drop(tally.seeds.insert(*n as u64)),
                ("card", [n, same, error, refused, both, different]) => {
                    let count = Count {
                        same: *same,
                        error: *error,
                        refused: *refused,
                        both: *both,
                        different: *different,
                    };
                    tally.cards.insert(*n, count);
                }
                _ => return Self::default(),
            }
        }
        tally
    }
}

//! The list of differences between a direct run and one through the proxy: `differences/*.txt`, one file a suite.
//!
//! ```text
//! == errors.out                  a result file
//! @@ parser                      a place in it that differs, and why: see [`KINDS`]
//! -HINT:  Use NONE to denote …   what the direct run has there, shortened where it is long
//! +ERROR:  …                     what the proxied run has there, likewise
//! ```
//!
//! It must never match loosely: a place that is not listed, or is listed and no longer there, fails.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Why a place may differ; docs/decisions/regression-suite.md has the sentences behind these words.
pub const KINDS: [&str; 5] = ["parser", "withheld", "refused", "catalog", "follows"];

/// Lines of a place that are written out for each side; of more there is the first and their number.
const SHOWN: usize = 8;

/// Characters of a line that are written out.
const WIDTH: usize = 160;

/// A place where two files differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// One of [`KINDS`], or a word that says there is no reason yet.
    pub kind: String,
    /// Lines that begin with `-` or `+`.
    pub lines: Vec<String>,
}

/// By result file, in the file's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences(pub BTreeMap<String, Vec<Place>>);

impl Differences {
    /// The list of a suite; none where there is no file.
    pub fn listed(file: &Path) -> Self {
        Self::parse(&std::fs::read_to_string(file).unwrap_or_default())
    }

    /// A list that was written by [`Differences::text`].
    pub fn parse(text: &str) -> Self {
        let mut list = Self::default();
        let mut name = String::new();
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            let places = list.0.entry(name.clone()).or_default();
            if let Some(file) = line.strip_prefix("== ") {
                name = file.to_owned();
            } else if let Some(kind) = line.strip_prefix("@@ ") {
                places.push(Place {
                    kind: kind.to_owned(),
                    lines: Vec::new(),
                });
            } else if let (Some(place), false) = (places.last_mut(), line.is_empty()) {
                place.lines.push(line.to_owned());
            }
        }
        list.0.retain(|_, places| !places.is_empty());
        list
    }

    /// Every place where two directories of result files differ.
    pub fn between(direct: &Path, proxied: &Path) -> Self {
        let mut diff = Command::new("diff");
        // a file that one side lacks is empty there
        diff.args(["--recursive", "--text", "--new-file", "--unified=0"]);
        let output = diff
            .arg(direct)
            .arg(proxied)
            .output()
            .expect("diff to start");
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "diff: {output:?}"
        );
        Self::of_diff(&String::from_utf8_lossy(&output.stdout))
    }

    fn of_diff(text: &str) -> Self {
        let mut list = Self::default();
        let mut places: Option<&mut Vec<Place>> = None;
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.starts_with("--- ") && lines.peek().is_some_and(|l| l.starts_with("+++ ")) {
                let path = line[4..].split('\t').next().unwrap_or_default();
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                places = Some(list.0.entry(name).or_default());
                lines.next();
            } else if line.starts_with("@@ ") {
                places
                    .as_deref_mut()
                    .expect("a file before its places")
                    .push(Place {
                        kind: "unexplained".to_owned(),
                        lines: Vec::new(),
                    });
            } else if let (true, Some(place)) = (
                line.starts_with(['-', '+']),
                places.as_deref_mut().and_then(|p| p.last_mut()),
            ) {
                place.lines.push(line.trim_end().to_owned());
            }
        }
        list.0.values_mut().flatten().for_each(Place::shorten);
        list
    }

    /// Takes the reasons of places that `listed` has too.
    pub fn explain(&mut self, listed: &Self) {
        for (name, places) in &mut self.0 {
            let known = listed.0.get(name).map_or(&[][..], Vec::as_slice);
            for place in places {
                if let Some(same) = known.iter().find(|k| k.lines == place.lines) {
                    place.kind.clone_from(&same.kind);
                }
            }
        }
    }

    /// What `self` has and `listed` has not, and the other way round, in files that both runs could have; for people.
    pub fn against(&self, listed: &Self, ran: impl Fn(&str) -> bool) -> Vec<String> {
        let none = Vec::new();
        let mut problems = Vec::new();
        let names = self
            .0
            .keys()
            .chain(listed.0.keys().filter(|n| !self.0.contains_key(*n)));
        for name in names.filter(|n| ran(n)) {
            let found = self.0.get(name).unwrap_or(&none);
            let known = listed.0.get(name).unwrap_or(&none);
            let missing =
                |in_: &[Place], p: &Place| !in_.iter().any(|other| other.lines == p.lines);
            for place in found.iter().filter(|p| missing(known, p)) {
                problems.push(format!("{name}: not listed\n{}", place.lines.join("\n")));
            }
            for place in known.iter().filter(|p| missing(found, p)) {
                problems.push(format!(
                    "{name}: listed, and not there\n{}",
                    place.lines.join("\n")
                ));
            }
            for place in known.iter().filter(|p| !KINDS.contains(&p.kind.as_str())) {
                problems.push(format!("{name}: {:?} is no reason", place.kind));
            }
        }
        problems
    }

    /// How many places there are of each kind, and where, for people: `sanity_check.out 1 catalog`.
    pub fn summary(&self) -> Vec<String> {
        let of_file = |(name, places): (&String, &Vec<Place>)| {
            let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
            for place in places {
                *kinds.entry(&place.kind).or_default() += 1;
            }
            let kinds = kinds.iter().map(|(kind, n)| format!("{n} {kind}"));
            format!("{name} {}", kinds.collect::<Vec<_>>().join(", "))
        };
        self.0.iter().map(of_file).collect()
    }

    /// The list as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, places) in &self.0 {
            let _ = writeln!(text, "== {name}");
            for place in places {
                let _ = writeln!(text, "@@ {}\n{}", place.kind, place.lines.join("\n"));
            }
            text.push('\n');
        }
        text
    }
}

impl Place {
    /// Long rows and long answers are PostgreSQL's own data: their beginning and number of lines tell them apart.
    fn shorten(&mut self) {
        for sign in ['-', '+'] {
            let mut side: Vec<String> = Vec::new();
            self.lines.retain(|line| {
                let own = line.starts_with(sign);
                if own {
                    side.push(line.clone());
                }
                !own
            });
            if side.len() > SHOWN {
                let more = format!("{sign}… {} more lines", side.len() - 1);
                side.truncate(1);
                side.push(more);
            }
            self.lines.extend(
                side.into_iter()
                    .map(|line| match line.char_indices().nth(WIDTH) {
                        Some((at, _)) => format!("{}…", &line[..at]),
                        None => line,
                    }),
            );
        }
    }
}

//! Texts that differ in their constants alone share a verdict: it is each one's own, field by field.
//!
//! Constants are exchanged for others of their kind: for every string that the analysis itself knows of (what a rule
//! compares a constant with stands in its source), and for numbers at the edges of their types.

use super::{Standing, files, fixture, parse};
use hippocrypt_sql::constants::{Kind, spots};
use hippocrypt_sql::standing::is_bound;
use hippocrypt_sql::{Context, Statement, Verdict, normalise};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// How many texts are made of each.
const TEXTS: usize = 6;

#[test]
fn a_verdict_by_template_is_that_of_full_analysis() {
    let analysers = fixture::Analysers::new();
    let words = words();
    assert!(words.len() > 1_000, "{}", words.len());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut shared, mut sealed, mut told) = (0, 0, 0);
    for file in files() {
        let (_, blocks) = parse(&fs::read_to_string(&file).unwrap());
        let worlds = [None, Some(&analysers.told)];
        for (block, world) in blocks.iter().flat_map(|b| worlds.map(|w| (b, w))) {
            let mut standing = Standing::of(block, &analysers);
            // the clinic once more, where constants also say whose records they are
            match world {
                Some(told) if std::ptr::eq(standing.analyser, &analysers.clinic) => {
                    standing.analyser = told;
                }
                Some(_) => continue,
                None => {}
            }
            let cx = standing.context();
            let mut last = None;
            for _ in 0..TEXTS {
                let Some(text) = with_others(&standing.text, &words, &mut random) else {
                    break;
                };
                let found = standing.analyser.analyse(&text, &cx);
                let anew = standing.analyser.analyse_anew(&text, &cx);
                let bound = |s: &Statement| is_bound(&s.facts);
                if anew.as_ref().is_ok_and(|all| all.iter().any(bound)) {
                    continue; // its verdict is the session's
                }
                assert_eq!(found, anew, "{text}");
                let scs = standing.names.standard_conforming_strings;
                let noted = [normalise(&text, scs), normalise(&standing.text, scs)];
                assert_eq!(noted[0], noted[1], "{text}");
                let Some(only) = found.ok().and_then(|mut found| found.pop()) else {
                    continue;
                };
                if last
                    .replace(Arc::clone(&only.facts))
                    .is_some_and(|l| Arc::ptr_eq(&l, &only.facts))
                {
                    shared += 1;
                    if let Verdict::Plan(plan) = &only.verdict {
                        sealed += usize::from(plan.has_literals());
                        let told_by = plan.subjects.as_ref().is_some_and(|s| s.has_literals());
                        told += usize::from(told_by);
                    }
                }
            }
        }
    }
    assert!(
        shared > 1_000 && sealed > 200 && told > 50,
        "{shared} shared, {sealed} with literals, {told} that name people"
    );
}

/// Two texts that teach, and one with a constant that a rule reads, by its value, its length or its place.
#[test]
fn a_constant_that_is_read_is_another_text() {
    let analysers = fixture::Analysers::new();
    let (names, rights) = (super::public(), fixture::rights("app"));
    let cx = Context {
        names: &names,
        rights: &rights,
        declared_params: &[],
        outside: true,
    };
    let long = "x".repeat(40);
    let cases = [
        (
            "SELECT id FROM patients WHERE ssn = '#'::varchar(30)",
            ["a", "b", &long],
        ),
        (
            "SELECT id FROM patients WHERE ssn = 'a'::varchar(#)",
            ["30", "31", "3"],
        ),
        (
            "SELECT name, id FROM patients WHERE ssn = 'a' ORDER BY #",
            ["2", "2", "1"],
        ),
        (
            "SELECT id, ssn FROM patients WHERE ssn = 'a' GROUP BY 2, #",
            ["1", "1", "2"],
        ),
        (
            "SELECT set_config('#', 'a', false) FROM rooms WHERE id = 1",
            ["a.b", "a.c", "search_path"],
        ),
        (
            "SELECT set_config('client_encoding', '#', false) FROM rooms WHERE id = 1",
            ["utf8", "utf8", "latin1"],
        ),
        (
            "SELECT query_to_xml('SELECT # FROM rooms', true, true, '') FROM rooms WHERE id = 1",
            ["1", "2", "(SELECT ssn FROM patients)"],
        ),
        ("SELECT id FROM patients WHERE id = -#", ["1", "2", "0"]),
        (
            "SELECT COALESCE(ssn, '#') FROM patients WHERE id = 1",
            ["a", "b", &long],
        ),
        (
            "SELECT id FROM patients WHERE ssn = ANY (ARRAY['a', '#'])",
            ["b", "c", "{\"}"],
        ),
    ];
    for (form, values) in cases {
        for value in values {
            let text = form.replace('#', value);
            let found = analysers.clinic.analyse(&text, &cx);
            assert_eq!(found, analysers.clinic.analyse_anew(&text, &cx), "{text}");
        }
    }
}

/// Which cursor a function reads is the session's to judge, by its name.
#[test]
fn a_cursor_that_is_named_is_another_text() {
    let analysers = fixture::Analysers::new();
    let (names, rights) = (super::public(), fixture::rights("app"));
    let cx = Context {
        names: &names,
        rights: &rights,
        declared_params: &[],
        outside: true,
    };
    for name in ["one", "two", "three", "one", "four"] {
        let text =
            format!("SELECT cursor_to_xml('{name}', 1, true, true, '') FROM rooms WHERE id = 1");
        let found = analysers.clinic.analyse(&text, &cx).unwrap();
        let Verdict::Refusal(refusal) = &found[0].verdict else {
            panic!("{text}: {found:?}");
        };
        assert!(
            refusal.message.contains(&format!("\"{name}\"")),
            "{refusal:?}"
        );
    }
}

/// The text with other constants; `None` where it has none that could be others.
fn with_others(text: &str, words: &[String], random: &mut Random) -> Option<String> {
    let spots = spots(text).filter(|spots| !spots.is_empty())?;
    let mut other = String::new();
    let mut done = 0;
    for spot in spots {
        other.push_str(&text[done..spot.range.start]);
        // some stay as they are: what is pinned is no other text's
        match random.below(4) {
            0 => other.push_str(&text[spot.range.clone()]),
            _ => other.push_str(&constant(spot.kind, words, random)),
        }
        done = spot.range.end;
    }
    other.push_str(&text[done..]);
    Some(other)
}

fn constant(kind: Kind, words: &[String], random: &mut Random) -> String {
    let numbers: &[&str] = match kind {
        Kind::String => return format!("'{}'", random.of(words)),
        Kind::Int4 => &["0", "1", "2", "7", "32767", "32768", "65536", "2147483647"],
        Kind::Int8 => &["2147483649", "3000000000", "9223372036854775807"],
        Kind::Integer => &[
            "9223372036854775809",
            "99999999999999999999999999999999999999999",
        ],
        Kind::Decimal => &[
            "0.0",
            "1.50",
            "0.00001",
            "32767.5",
            "123456789012345678901234567890.5",
        ],
    };
    (*random.of(numbers)).to_owned()
}

/// Every string of the crate's source, and what a client could mean by one.
fn words() -> Vec<String> {
    let mut words: Vec<String> = [
        "",
        "{a,b}",
        "{}",
        "it''s",
        "900-11-0001",
        "Zoë",
        "2020-01-01",
        "t",
        "-1",
    ]
    .map(String::from)
    .into();
    words.push("x".repeat(300));
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut words,
    );
    words
}

fn collect(folder: &Path, words: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, words);
        } else {
            let source = fs::read_to_string(&path).unwrap();
            let strings = source.split('"').skip(1).step_by(2);
            let plain = strings.filter(|s| s.len() < 80 && !s.contains(['\'', '\\', '\n']));
            words.extend(plain.map(str::to_owned));
        }
    }
}

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (n as u64)).unwrap()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

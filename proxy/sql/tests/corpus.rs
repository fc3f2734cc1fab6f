//! The corpus: what the verdict is on each statement of `tests/corpus/*.sql-corpus`.
//!
//! A block is `=== title`, lines `@ key value` that differ from the default session, the text, `---`, and the
//! verdict as this file prints it. `UPDATE_EXPECT=1 cargo test -p hippocrypt-sql` writes the verdicts anew: read the
//! difference before it is committed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test: a failure is what it is for"
)]

use hippocrypt_sql::Analyser;
use hippocrypt_sql::Context;
use hippocrypt_sql::catalog::Names;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

#[path = "corpus/fixture.rs"]
mod fixture;
#[path = "corpus/show.rs"]
mod show;

struct Block {
    title: String,
    settings: Vec<(String, String)>,
    text: String,
    expected: String,
}

#[test]
fn every_statement_of_the_corpus_has_its_verdict() {
    let analysers = fixture::Analysers::new();
    let mut wrong = String::new();
    let mut count = 0;
    for file in files() {
        let before = fs::read_to_string(&file).unwrap();
        let (preamble, blocks) = parse(&before);
        let mut after = preamble;
        for block in &blocks {
            let found = verdict(&analysers, block);
            count += 1;
            if found != block.expected {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                writeln!(
                    wrong,
                    "{name}: {}\n{}\nexpected:\n{}found:\n{found}",
                    block.title, block.text, block.expected
                )
                .unwrap();
            }
            print(&mut after, block, &found);
        }
        if env::var_os("UPDATE_EXPECT").is_some() && after != before {
            fs::write(&file, after).unwrap();
        }
    }
    assert!(count > 300, "only {count} blocks were found");
    let updated = env::var_os("UPDATE_EXPECT").is_some();
    assert!(wrong.is_empty() || updated, "{wrong}");
}

/// Whatever the verdict, a repeated text has the same one: the cache changes nothing.
#[test]
fn a_verdict_from_the_cache_is_the_same_verdict() {
    let analysers = fixture::Analysers::new();
    for file in files() {
        let (_, blocks) = parse(&fs::read_to_string(&file).unwrap());
        for block in &blocks {
            let first = verdict(&analysers, block);
            assert_eq!(verdict(&analysers, block), first, "{}", block.text);
        }
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "sql-corpus"))
        .collect();
    files.sort();
    files
}

fn parse(text: &str) -> (String, Vec<Block>) {
    let mut parts = text.split("\n=== ");
    let preamble = parts.next().unwrap_or_default().to_owned();
    let blocks = parts
        .map(|part| {
            let (title, rest) = part.split_once('\n').unwrap_or((part, ""));
            let (input, expected) = rest.split_once("\n---\n").unwrap_or((rest, ""));
            let settings: Vec<_> = input
                .lines()
                .take_while(|l| l.starts_with("@ "))
                .filter_map(|l| l[2..].split_once(' '))
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect();
            let text: Vec<_> = input.lines().skip(settings.len()).collect();
            Block {
                title: title.to_owned(),
                settings,
                text: text.join("\n"),
                expected: format!("{}\n", expected.trim_end()),
            }
        })
        .collect();
    (preamble, blocks)
}

fn print(out: &mut String, block: &Block, verdict: &str) {
    write!(out, "\n=== {}\n", block.title).unwrap();
    for (key, value) in &block.settings {
        writeln!(out, "@ {key} {value}").unwrap();
    }
    write!(out, "{}\n---\n{verdict}", block.text).unwrap();
}

fn verdict(analysers: &fixture::Analysers, block: &Block) -> String {
    let mut names = Names {
        search_path: vec![Arc::from("public")],
        temporary: Vec::new(),
        standard_conforming_strings: true,
    };
    let mut rights = fixture::rights("app");
    let mut params = Vec::new();
    let mut analyser: &Analyser = &analysers.clinic;
    let mut text = block.text.clone();
    for (key, value) in &block.settings {
        let list = || value.split_whitespace().map(Arc::from).collect();
        match key.as_str() {
            "path" => names.search_path = list(),
            "temporary" => names.temporary = list(),
            "strings" => names.standard_conforming_strings = value != "off",
            "role" => rights = fixture::rights(value),
            "params" => {
                params = value
                    .split_whitespace()
                    .map(|p| p.parse().unwrap())
                    .collect()
            }
            "world" => analyser = analysers.named(value),
            "escapes" => text = unescape(&text),
            other => panic!("{other} is no setting"),
        }
    }
    let cx = Context {
        names: &names,
        rights: &rights,
        declared_params: &params,
    };
    show::answer(&text, &analyser.analyse(&text, &cx), analyser)
}

/// `\r` and `\0` as the file cannot hold them.
fn unescape(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\0", "\0")
}

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

use hippocrypt_sql::catalog::Names;
use hippocrypt_sql::grammar;
use hippocrypt_sql::scan::{self, Kind};
use hippocrypt_sql::{Analyser, Context, Normalised, Statement, Verdict, normalise};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

#[path = "corpus/fixture.rs"]
mod fixture;
#[path = "corpus/show.rs"]
mod show;
#[path = "corpus/templates.rs"]
mod templates;

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

/// How a session's names are resolved that has set nothing.
fn public() -> Names {
    Names {
        search_path: vec![Arc::from("public")],
        standard_conforming_strings: true,
        ..Names::default()
    }
}

/// Tags of sqlcommenter are other ones each time: the text in front of them is judged once.
#[test]
fn comments_behind_a_text_make_no_verdict_of_their_own() {
    let analysers = fixture::Analysers::new();
    let names = public();
    let rights = fixture::rights("app");
    let cx = Context {
        names: &names,
        rights: &rights,
        declared_params: &[],
        outside: true,
    };
    let facts = |text: &str| {
        let judged = analysers.clinic.analyse(text, &cx).unwrap();
        Arc::clone(&judged[0].facts)
    };
    let bare = facts("SELECT id FROM patients WHERE ssn = $1");
    for behind in [
        " /*a='1'*/",
        "/*a='2'*/ ;",
        "; -- three",
        " /* /* four */ */\n--",
    ] {
        let text = format!("SELECT id FROM patients WHERE ssn = $1{behind}");
        assert!(Arc::ptr_eq(&facts(&text), &bare), "{text}");
    }
    let within = facts("SELECT id /*a='1'*/ FROM patients WHERE ssn = $1");
    assert!(!Arc::ptr_eq(&within, &bare) && within == bare);
    let words = |text: &str| analysers.clinic.analyse(text, &cx).unwrap_err().position;
    assert_eq!(
        words("SELECT id FROM  /*a*/ "),
        Some(22),
        "as the server counts"
    );
}

/// Statements that are judged on the caller's own stack fit into half of what a thread has.
#[test]
fn a_deep_statement_does_not_need_a_deep_stack() {
    judge_deep(&[40, 70, 95, 140, 280, 1_000], 1 << 20, || {});
}

/// The same of a thread that says that it has more.
#[test]
fn a_deeper_statement_fits_half_of_a_roomy_stack() {
    let levels = [95, 280, 570, 740, 990, 1_490, 2_900];
    judge_deep(&levels, grammar::ROOMY_STACK / 2, grammar::on_roomy_stack);
}

fn judge_deep(levels: &[usize], stack: usize, begin: fn()) {
    let deep = |open: &str, inner: &str, close: &str, levels: usize| {
        format!(
            "SELECT {}{inner}{}",
            open.repeat(levels),
            close.repeat(levels)
        )
    };
    let mut texts = Vec::new();
    for &levels in levels {
        texts.push(deep("NOT ", "true FROM patients", "", levels));
        texts.push(deep("- ", "id FROM patients", "", levels));
        texts.push(deep("(SELECT ", "id FROM patients", ")", levels));
        texts.push(deep("CASE WHEN true THEN ", "ssn", " END", levels) + " FROM patients");
        texts.push(deep("COALESCE(", "ssn", ")", levels) + " FROM patients");
        texts.push(deep(
            "",
            "ssn FROM patients",
            " UNION ALL SELECT ssn FROM patients",
            levels,
        ));
        texts.push(
            format!(
                "SELECT 1{}",
                " WHERE EXISTS (SELECT 1 FROM patients".repeat(levels)
            ) + &")".repeat(levels),
        );
    }
    let judge = move || {
        begin();
        let analysers = fixture::Analysers::new();
        let names = public();
        let rights = fixture::rights("app");
        let cx = Context {
            names: &names,
            rights: &rights,
            declared_params: &[],
            outside: true,
        };
        for text in texts {
            let _ = analysers.clinic.analyse(&text, &cx);
        }
    };
    let thread = std::thread::Builder::new().stack_size(stack).spawn(judge);
    thread.unwrap().join().unwrap();
}

/// What the audit log shows of a text scans, and has no constant in it.
#[test]
fn no_constant_of_the_corpus_is_in_its_normalised_text() {
    for text in texts() {
        let Normalised::Scanned { sql, fingerprint } = normalise(&text, true) else {
            continue;
        };
        assert_eq!(fingerprint.len(), 16);
        let tokens = scan::scan(&sql, true).unwrap();
        let constant = tokens.all().iter().find(|t| {
            matches!(
                t.kind,
                Kind::Sconst
                    | Kind::Usconst
                    | Kind::Bconst
                    | Kind::Xconst
                    | Kind::Iconst
                    | Kind::Fconst
            )
        });
        assert_eq!(constant, None, "{text}\n{sql}");
    }
}

/// Broken statements are refused or planned within their own bytes; nothing panics.
#[test]
fn mutations_of_the_corpus_keep_every_plan_in_its_statement() {
    let analysers = fixture::Analysers::new();
    let names = Names {
        search_path: vec![Arc::from("public")],
        temporary: Vec::new(),
        standard_conforming_strings: true,
        ..Names::default()
    };
    let rights = fixture::rights("app");
    let cx = Context {
        names: &names,
        rights: &rights,
        declared_params: &[],
        outside: true,
    };
    let all = texts();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % (below.max(1) as u64)).unwrap()
    };
    for (ix, text) in all.iter().enumerate() {
        for _ in 0..8 {
            let other = &all[(ix + next(all.len())) % all.len()];
            let mutated = mutate(text, other, &mut next);
            let _ = normalise(&mutated, true);
            if let Ok(statements) = analysers.clinic.analyse(&mutated, &cx) {
                statements.iter().for_each(|s| within(s, &mutated));
            }
        }
    }
}

fn mutate(text: &str, other: &str, next: &mut impl FnMut(usize) -> usize) -> String {
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let others: Vec<&str> = other.split_inclusive(' ').collect();
    let at = next(words.len());
    let mut mutated: Vec<&str> = words.clone();
    match next(4) {
        0 => drop(mutated.remove(at)),
        1 => mutated[at] = others[next(others.len())],
        2 => mutated.insert(at, words[next(words.len())]),
        _ => mutated.truncate(at),
    }
    mutated.concat()
}

fn within(statement: &Statement, text: &str) {
    let Verdict::Plan(plan) = &statement.verdict else {
        return;
    };
    let mut end = statement.range.start;
    for edit in &plan.edits {
        assert!(
            edit.range.start >= end && edit.range.end >= edit.range.start,
            "{text}"
        );
        assert!(text.get(edit.range.clone()).is_some(), "{text}");
        end = edit.range.end;
    }
    assert!(end <= statement.range.end, "{text}");
}

fn texts() -> Vec<String> {
    let mut all = Vec::new();
    for file in files() {
        let (_, blocks) = parse(&fs::read_to_string(&file).unwrap());
        all.extend(blocks.into_iter().map(|b| b.text));
    }
    all
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

/// Whose statement a block's is, and in which world.
struct Standing<'a> {
    analyser: &'a Analyser,
    names: Names,
    rights: hippocrypt_policy::Rights,
    params: Vec<u32>,
    text: String,
}

impl<'a> Standing<'a> {
    fn of(block: &Block, analysers: &'a fixture::Analysers) -> Self {
        let mut standing = Self {
            analyser: &analysers.clinic,
            names: public(),
            rights: fixture::rights("app"),
            params: Vec::new(),
            text: block.text.clone(),
        };
        for (key, value) in &block.settings {
            let list = || value.split_whitespace().map(Arc::from).collect();
            match key.as_str() {
                "path" => standing.names.search_path = list(),
                "temporary" => standing.names.temporary = list(),
                "strings" => standing.names.standard_conforming_strings = value != "off",
                "role" => standing.rights = fixture::rights(value),
                "params" => {
                    let params = value.split_whitespace().map(|p| p.parse().unwrap());
                    standing.params = params.collect();
                }
                "world" => standing.analyser = analysers.named(value),
                "escapes" => standing.text = unescape(&standing.text),
                other => panic!("{other} is no setting"),
            }
        }
        standing
    }

    fn context(&self) -> Context<'_> {
        Context {
            names: &self.names,
            rights: &self.rights,
            declared_params: &self.params,
            outside: true,
        }
    }
}

fn verdict(analysers: &fixture::Analysers, block: &Block) -> String {
    let standing = Standing::of(block, analysers);
    let found = standing
        .analyser
        .analyse(&standing.text, &standing.context());
    show::answer(&standing.text, &found, standing.analyser)
}

/// `\r` and `\0` as the file cannot hold them.
fn unescape(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\0", "\0")
}

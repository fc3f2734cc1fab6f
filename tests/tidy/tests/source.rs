//! How Rust files are kept.

use crate::files::{File, all, ending};

/// Lines before a file's own tests, or none where it is all tests.
fn production(file: &File) -> Vec<&str> {
    let tests = file.path.contains("/tests") || file.path.ends_with("tests.rs");
    let lines = file.text.lines();
    lines
        .take_while(|l| !tests && l.trim() != "#[cfg(test)]")
        .collect()
}

#[track_caller]
fn none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn every_file_opens_with_what_it_is() {
    let broken: Vec<String> = ending(".rs")
        .iter()
        .filter(|f| !f.text.starts_with("//! "))
        .map(|f| f.path.clone())
        .collect();
    none(&broken, "a Rust file begins with //! and says what it is");
}

#[test]
fn no_file_is_longer_than_600_production_lines() {
    let broken: Vec<String> = ending(".rs")
        .iter()
        .map(|f| (production(f).len(), f))
        .filter(|(lines, f)| *lines > 600 && !f.text.contains("//! One table in reading order"))
        .map(|(lines, f)| format!("{} has {lines}", f.path))
        .collect();
    none(&broken, "split at 400 lines, never more than 600");
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("HA", "CK"),
    ];
    let broken: Vec<String> = ending(".rs")
        .iter()
        .filter(|f| f.path != "tests/tidy/tests/source.rs")
        .flat_map(|f| {
            marks
                .iter()
                .filter(|m| f.text.contains(**m))
                .map(|m| format!("{}: {m}", f.path))
                .collect::<Vec<_>>()
        })
        .collect();
    none(&broken, "do it or open an issue");
}

#[test]
fn modules_are_named_for_what_they_hold() {
    let words = [
        "mod.rs", "utils", "util", "common", "helpers", "helper", "manager", "handler", "misc",
        "part2",
    ];
    let named = |f: &&File| {
        let mut parts = f.path.trim_end_matches(".rs").split('/');
        f.path.ends_with("/mod.rs") || parts.any(|p| words.contains(&p))
    };
    let broken: Vec<String> = ending(".rs")
        .iter()
        .filter(named)
        .map(|f| f.path.clone())
        .collect();
    none(&broken, "foo.rs with foo/, and a name that says what it is");
}

#[test]
fn no_path_of_anybodys_machine() {
    let machine = [
        concat!("/wo", "rk/"),
        concat!("/tmp/", "target"),
        concat!("/ro", "ot/"),
        concat!("/home", "/"),
        concat!("registry", "/src/"),
    ];
    let broken: Vec<String> = all()
        .iter()
        .filter(|f| f.path != "Cargo.lock")
        .flat_map(|f| {
            let lines = f.text.lines().enumerate();
            let found = lines.filter(|(_, l)| machine.iter().any(|m| l.contains(m)));
            found
                .map(|(n, _)| format!("{}:{}", f.path, n + 1))
                .collect::<Vec<_>>()
        })
        .collect();
    none(&broken, "the repository knows no machine");
}

#[test]
fn no_key_is_kept_here() {
    let mark = concat!("PRIVATE ", "KEY-----");
    let broken: Vec<String> = all()
        .iter()
        .filter(|f| f.text.contains(mark))
        .map(|f| f.path.clone())
        .collect();
    none(&broken, "test keys are made at test time");
}

/// `"0A000"` and the like: how production code names an SQLSTATE.
fn sqlstates(file: &File) -> Vec<String> {
    let text = production(file)
        .into_iter()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let quoted = text.split('"').skip(1);
    let sqlstate = |s: &&str| {
        s.len() == 5
            && s.bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
            && s.bytes()
                .next()
                .is_some_and(|b| b.is_ascii_digit() || b == b'X')
            && s.bytes().filter(u8::is_ascii_digit).count() >= 3
    };
    quoted.filter(sqlstate).map(str::to_owned).collect()
}

#[test]
fn every_sqlstate_has_a_section_in_the_document_of_errors() {
    let document = std::fs::read_to_string(crate::files::root().join("docs/errors.md"))
        .expect("docs/errors.md");
    let described = |code: &str| {
        document
            .lines()
            .any(|l| l.starts_with("## ") && l.contains(code))
    };
    let mut broken: Vec<String> = ending(".rs")
        .iter()
        .filter(|f| f.path.starts_with("proxy/") && !f.path.starts_with("proxy/src/demo"))
        .flat_map(|f| {
            sqlstates(f)
                .into_iter()
                .map(|code| (code, f.path.clone()))
                .collect::<Vec<_>>()
        })
        .filter(|(code, _)| !described(code))
        .map(|(code, path)| format!("{code} in {path}"))
        .collect();
    broken.sort();
    broken.dedup();
    none(
        &broken,
        "docs/errors.md has a section for each code that we send",
    );
}

#[test]
fn sqlstates_are_found_where_they_stand() {
    let file = File {
        path: "proxy/src/x.rs".to_owned(),
        text: "//! \"57P05\"\nfn f() { refuse(\"0A000\", \"HELLO\", \"XX001\"); }\n#[cfg(test)]\n\"22P02\"".to_owned(),
    };
    assert_eq!(sqlstates(&file), ["0A000", "XX001"]);
}

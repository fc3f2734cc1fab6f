//! What a repository owes its readers.

use crate::files::{all, ending, root};
use std::path::Path;

#[test]
fn the_documents_that_others_point_to_exist() {
    for path in [
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE",
        "Dockerfile",
        "deny.toml",
        "run",
        ".ci/run",
        "config/reference.yaml",
        "config/minimal.yaml",
        "docs/architecture.md",
        "docs/glossary.md",
        "docs/errors.md",
        "docs/formats/cell.md",
        "docs/formats/keyring.md",
        "docs/formats/audit-log.md",
        "docs/formats/policy.md",
        "docs/decisions/parser.md",
        "docs/decisions/frames.md",
        "docs/decisions/audit-format.md",
        "docs/decisions/relay-login.md",
    ] {
        let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(text.len() > 60, "{path} is missing or empty");
    }
}

/// A state that is added, renamed or gone is so on the page of diagrams too.
#[test]
fn the_page_of_a_sessions_states_has_every_state() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap_or_default();
    let page = read("docs/session.md");
    let words: Vec<&str> = page
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut missing = Vec::new();
    let mut states = 0;
    for (file, name) in [
        ("machine.rs", "Phase"),
        ("known.rs", "Need"),
        ("inflight.rs", "Expect"),
        ("inflight.rs", "OwnStep"),
    ] {
        let text = read(&format!("proxy/src/session/{file}"));
        let head = format!("enum {name} {{\n");
        let body = text.split(&head).nth(1).and_then(|t| t.split("\n}").next());
        for line in body.unwrap_or_default().lines() {
            // a variant stands four spaces in, its fields and its end elsewhere
            let variant = line.strip_prefix("    ").unwrap_or_default();
            let variant = variant.split(|c: char| !c.is_ascii_alphanumeric()).next();
            let variant = variant.unwrap_or_default();
            if variant.starts_with(|c: char| c.is_ascii_uppercase()) {
                states += 1;
                if !words.contains(&variant) {
                    missing.push(format!("{name}::{variant}"));
                }
            }
        }
    }
    assert!(states > 18, "the enums are not where they were: {states}");
    assert!(missing.is_empty(), "docs/session.md lacks {missing:?}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for file in ending(".md") {
        let from = root().join(&file.path);
        for target in file
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let path = target.split('#').next().unwrap_or_default();
            let elsewhere = path.is_empty() || path.contains("://") || path.contains(' ');
            if !elsewhere && !from.parent().unwrap_or(Path::new("")).join(path).exists() {
                broken.push(format!("{}: {target}", file.path));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "links that lead nowhere:\n  {}",
        broken.join("\n  ")
    );
}

#[test]
fn the_architecture_stays_readable() {
    let text = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    assert!(
        text.lines().count() < 300,
        "docs/architecture.md has {} lines",
        text.lines().count()
    );
}

#[test]
fn the_changelog_has_a_place_for_what_comes() {
    let text = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(
        text.lines()
            .any(|l| l.starts_with("## ") && l.contains("Unreleased"))
    );
}

#[test]
fn every_configuration_file_is_loaded_by_a_test() {
    let tests: Vec<String> = ending(".rs")
        .into_iter()
        .filter(|f| f.text.contains("#[test]"))
        .map(|f| f.text)
        .collect();
    let mut unloaded = Vec::new();
    for file in all()
        .iter()
        .filter(|f| f.path.starts_with("config/") && !f.path.ends_with(".md"))
    {
        let name = file.path.trim_start_matches("config/");
        if !tests.iter().any(|t| t.contains(name)) {
            unloaded.push(file.path.clone());
        }
    }
    assert!(unloaded.is_empty(), "no test names {unloaded:?}");
}

#[test]
fn the_readme_has_the_two_commands() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.contains("./run demo") && text.contains("./run test"));
}

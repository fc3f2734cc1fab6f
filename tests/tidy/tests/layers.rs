//! Who may use whom (docs/architecture.md): an arrow that is not on this list is a wall moved.

use crate::files::root;

/// Crate, and those of ours that it may use.
const LAYERS: [(&str, &[&str]); 7] = [
    ("proxy/wire", &[]),
    ("proxy/policy", &[]),
    ("proxy/crypto", &[]),
    ("proxy/audit", &[]),
    ("proxy/keys", &["hippocrypt-crypto"]),
    ("proxy/sql", &["hippocrypt-policy"]),
    ("proxy/report", &["hippocrypt-audit"]),
];

/// Crates that do I/O by themselves; pure layers have none of them.
const IMPURE: [&str; 3] = ["tokio", "tokio-postgres", "rustls"];

fn dependencies(package: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
    let section = text.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let name = |l: &str| {
        l.split(['.', ' ', '='])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    section
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
        .map(name)
        .collect()
}

#[test]
fn a_layer_uses_those_below_it_only() {
    for (package, allowed) in LAYERS {
        let ours = dependencies(package)
            .into_iter()
            .filter(|d| d.starts_with("hippocrypt"));
        for used in ours {
            assert!(allowed.contains(&used.as_str()), "{package} uses {used}");
        }
    }
}

#[test]
fn libraries_are_pure() {
    for (package, _) in LAYERS {
        for used in dependencies(package) {
            assert!(!IMPURE.contains(&used.as_str()), "{package} uses {used}");
        }
    }
}

#[test]
fn the_list_reads_what_cargo_reads() {
    assert!(dependencies("proxy/sql").contains(&"hippocrypt-policy".to_owned()));
    assert!(dependencies("proxy").contains(&"tokio".to_owned()));
}

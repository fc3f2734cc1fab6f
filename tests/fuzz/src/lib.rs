//! What is fuzzed: everything that reads bytes which clients, servers, files or disks can make up.
//!
//! A target takes bytes and panics where a promise does not hold. It must never depend on what an earlier call did, or a
//! finding would not be found again.

// A target that cannot be set up, and a promise that does not hold, are panics: that is what they are for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod audit;
mod cells;
mod constants;
mod copies;
mod frames;
mod policy;
mod startup;
mod statements;

/// Looks at the bytes; the answer is whether they are the rare, well-formed input that the planted bug is behind.
pub type Target = fn(&[u8]) -> bool;

/// Every target by the name of its corpus.
pub const TARGETS: [(&str, Target); 10] = [
    ("audit", audit::verify),
    ("cells", cells::open),
    ("client", frames::client),
    ("constants", constants::find),
    ("copies", copies::stream),
    ("policy", policy::parse),
    ("server", frames::server),
    ("startup", startup::packet),
    ("statements", statements::judge),
    ("values", cells::seal),
];

/// The target of that name.
///
/// # Panics
/// Where there is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no target {name:?}")).1
}

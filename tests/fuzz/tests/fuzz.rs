//! Every input of the corpora, through its target: what was found once stays found.
//!
//! It must never need the fuzzer: this runs with every `cargo test`.

// A test that cannot be set up has failed; saying so with a panic is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

#[test]
fn every_input_of_the_corpora_holds() {
    for (name, target) in hippocrypt_fuzz::TARGETS {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        let mut inputs = 0;
        for entry in std::fs::read_dir(&directory).expect("a corpus for every target") {
            let path = entry.unwrap().path();
            let rare = target(&std::fs::read(&path).unwrap());
            assert!(!rare, "{path:?} hands the fuzzer its planted bug");
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no inputs");
    }
}

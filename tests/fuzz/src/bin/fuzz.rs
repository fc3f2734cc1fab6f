//! libFuzzer over one target: `HIPPOCRYPT_FUZZ_TARGET=client fuzz [libFuzzer's arguments] CORPUS…`.
//!
//! The loop is LLVM's own library, linked by `./run test --full fuzz`; this is the one function that it calls. (The
//! crate libfuzzer-sys brings the same, and a feature of `cc` that rebuilds libpg_query for every other stage.) With
//! `HIPPOCRYPT_FUZZ_PLANTED` set, an input that the target calls rare is a bug: a fuzzer that does not find this one
//! would not find another that deep.
#![no_main]
#![allow(clippy::expect_used)] // without a target there is nothing to do

use hippocrypt_fuzz::{Target, target};
use std::sync::OnceLock;

static CHOSEN: OnceLock<(Target, bool)> = OnceLock::new();

/// <https://llvm.org/docs/LibFuzzer.html>: called with every input. A panic aborts here, and that is a finding.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, size: usize) -> i32 {
    let data = match size {
        0 => &[][..],
        // SAFETY: libFuzzer's contract: `size` bytes that live until this function returns.
        _ => unsafe { std::slice::from_raw_parts(data, size) },
    };
    let (target, planted) = CHOSEN.get_or_init(|| {
        let name = std::env::var("HIPPOCRYPT_FUZZ_TARGET").expect("HIPPOCRYPT_FUZZ_TARGET");
        let planted = std::env::var_os("HIPPOCRYPT_FUZZ_PLANTED").is_some();
        (target(&name), planted)
    });
    let rare = target(data);
    assert!(!(rare && *planted), "the planted bug");
    0
}

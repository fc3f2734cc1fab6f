//! Links the libFuzzer that `./run test --full fuzz` found, where the fuzzer is built.

#![allow(clippy::print_stdout)] // how a build script speaks

fn main() {
    println!("cargo::rerun-if-env-changed=HIPPOCRYPT_LIBFUZZER");
    if let Some(library) = std::env::var_os("HIPPOCRYPT_LIBFUZZER") {
        // beside it lies what shows it the operands of memcmp, so that it guesses names
        let compares = library
            .to_string_lossy()
            .replace("fuzzer-", "fuzzer_interceptors-");
        println!("cargo::rustc-link-arg-bin=fuzz={}", library.display());
        println!("cargo::rustc-link-arg-bin=fuzz={compares}");
        println!("cargo::rustc-link-arg-bin=fuzz=-lstdc++");
    }
}

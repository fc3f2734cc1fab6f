//! Compiles what sets libpg_query's reading of plain strings.

#![allow(clippy::print_stdout)] // how a build script speaks

fn main() {
    let source = "src/grammar/strings.c";
    println!("cargo::rerun-if-changed={source}");
    cc::Build::new().file(source).compile("hippocrypt_strings");
}

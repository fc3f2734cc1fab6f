//! From a statement's text to a verdict: untouched, a plan, or a refusal. Layer 1.
//!
//! `sql` never sees a key or a byte of ciphertext, does no I/O and reads no clock. It must never
//! guess: a construct without a rule, or a name that could mean a protected relation and cannot be
//! resolved, is a refusal.

pub mod analyse;
mod cache;
pub mod catalog;
mod catalog_view;
pub mod comment;
pub mod constants;
mod foresee;
mod functions;
pub mod grammar;
pub mod normalise;
mod plan;
pub mod scan;
mod sequence;
pub mod settings;
pub mod standing;
mod taint;
mod template;
mod tree;
mod utility;
pub mod verdict;
mod watch;
pub mod world;

pub use analyse::{Analyser, Context};
pub use catalog_view::corrected_relations;
pub use normalise::{Normalised, normalise};
pub use standing::{NoNames, Session, Standing};
pub use verdict::{Plan, Refusal, Statement, Verdict};

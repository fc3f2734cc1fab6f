//! From a statement's text to a verdict: untouched, a plan, or a refusal. Layer 1.
//!
//! `sql` never sees a key or a byte of ciphertext, does no I/O and reads no clock. It must never
//! guess: a construct without a rule, or a name that could mean a protected relation and cannot be
//! resolved, is a refusal.

pub mod analyse;
pub mod catalog;
pub mod grammar;
pub mod scan;
pub mod verdict;
pub mod world;

pub use analyse::{Analyser, Context};
pub use verdict::{Plan, Refusal, Statement, Verdict};

//! Long mixed load on one proxy: what it must still hold after a day, seen in minutes.
//!
//! It must never excuse an error: each that a wave is meant to cause is named where it is caused.

// A test that cannot be set up has failed; saying so with a panic is what this library is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod house;
pub mod ledger;
pub mod load;
pub mod vitals;

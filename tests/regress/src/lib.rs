//! PostgreSQL's own regression and isolation tests, directly and through the proxy: unprotected traffic is unchanged.
//!
//! It must never change an input or a result to make two runs agree: what differs is listed with its reason.

// A test that cannot be set up has failed; saying so with a panic is what this library is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)] // long runs say how far they are

pub mod differences;
pub mod server;
pub mod suite;

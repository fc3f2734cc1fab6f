//! Rules of this repository, as tests: what a reviewer would otherwise have to remember.
//!
//! A rule here must be one that nobody wants to break; what is a matter of taste stands in a document.

// A rule that cannot be looked at is broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod documents;
mod files;
mod layers;
mod source;

//! `hippocrypt demo`: the whole thing on a private PostgreSQL with patients who never lived.
//!
//! It must never touch a database, key or log that it did not make itself.

pub mod page;
pub mod patients;
pub mod postgres;

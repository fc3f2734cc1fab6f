//! What a real PostgreSQL 15 answered (tests/vectors/values, frozen), and properties over the whole way:
//! bytes in, cell, bytes out.

pub(crate) mod harness;
mod properties;
mod rows;
mod statements;
mod vectors;

//! Strict YAML for the proxy's two files: a tree with line numbers, and problems that name them.
//!
//! Shared by the policy (here) and by the proxy's configuration. It must never resolve what it does
//! not understand: anchors, aliases, tags, merge keys, duplicate keys and a second document are
//! problems, and size and depth are limited before anything is built.

mod build;
mod expand;
mod node;
mod problem;
mod reader;
#[cfg(test)]
mod tests;

pub use node::{Entry, Node, Scalar, Value};
pub use problem::{Problem, Problems};
pub use reader::{Map, Reader, Section, nearest};

/// Longest text that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of mappings and lists.
pub const MAX_DEPTH: usize = 16;

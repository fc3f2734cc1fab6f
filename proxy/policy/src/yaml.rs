//! Strict YAML for the proxy's two files: a tree with line numbers, and problems that name them.
//!
//! Shared by the policy (here) and by the proxy's configuration. It must never resolve what it does
//! not understand: anchors, aliases, tags, merge keys, duplicate keys and a second document are
//! problems, and size and depth are limited before anything is built.

mod problem;

pub use problem::{Problem, Problems};

//! The rules themselves are tests: tests/tidy.rs. Nothing lives here.

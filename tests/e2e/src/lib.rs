//! What the end-to-end tests stand on: a PostgreSQL, a proxy, a tap between them, a twin, a raw client.
//!
//! Everything is looked at from outside: the proxy is the real binary with a real configuration file. It
//! must never reach into the proxy's own types, or the tests would share its mistakes.

// A test that cannot be set up has failed; saying so with a panic is what this library is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod certificates;
pub mod log;
pub mod logins;
pub mod place;
pub mod proxy;
pub mod raw;
pub mod sides;
pub mod sql;
pub mod tap;

pub use place::{Place, Setup};
pub use proxy::Proxy;
pub use raw::Raw;
pub use sides::Sides;
pub use tap::Tap;

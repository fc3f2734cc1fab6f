//! Login: who the client is, proved to the server and not to us.
//!
//! `relay` passes the client's own exchange through; the proxy holds no password and must never keep,
//! log or compare one. docs/decisions/relay-login.md.

mod relay;

pub use relay::{LoggedIn, LoginError, relay};

//! hippocrypt, the proxy: sockets, sessions and verbs over the six libraries beside it.
//!
//! docs/architecture.md says which module may use which.

pub mod demo;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod protect;
pub mod telemetry;
pub mod tls;
pub mod auth;
pub mod server;
pub mod session;

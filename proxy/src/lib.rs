//! hippocrypt, the proxy: sockets, sessions and verbs over the six libraries beside it.
//!
//! docs/architecture.md says which module may use which.

pub mod attribution;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod demo;
pub mod protect;
pub mod server;
pub mod session;
pub mod shipping;
pub mod socket;
pub mod telemetry;
pub mod tls;

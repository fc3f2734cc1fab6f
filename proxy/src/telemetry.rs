//! How the proxy tells its operator how it is: log lines, metrics, and the admin address.
//!
//! Nothing here may carry a value, a statement's text or a key: counts, names and reasons only.

pub mod admin;
pub mod logging;
pub mod metrics;

pub use metrics::Metrics;

//! What the proxy costs, beside PostgreSQL alone, PgBouncer, and a relay that only copies messages.
//!
//! All sides run against one server on one machine, in turns within every round, so that what is compared is a ratio of
//! the same minute. It must never report a figure of a run in which a statement failed.

pub mod bulk;
pub mod cells;
pub mod load;
pub mod measure;
pub mod page;
pub mod report;
pub mod sides;
pub mod stub;
pub mod tables;

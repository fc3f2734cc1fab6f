//! Catalog snapshots: read from a database, kept fresh, and the objects the proxy needs there.
//!
//! One query reads everything as rows of text ([`SNAPSHOT`], [`Snapshot`]), so that the service
//! connection and, inside a transaction with DDL, a session's own connection share it. It must never
//! serve an app's statement over the service connection.

mod changes;
mod fence;
mod install;
mod live;
mod service;
mod snapshot;

pub use fence::{Fence, Mark, Raised};
pub use install::InstallError;
pub use live::{LiveCatalog, RefreshError};
pub use service::{CatalogError, ServiceConnection};
pub use snapshot::{COLUMNS, RACES, SNAPSHOT, Snapshot, SnapshotError, lost_a_race};

//! The keyring: which database and column group has which id, and the wrapped data keys. Layer 1.
//!
//! The format is docs/formats/keyring.md. This crate must never write a key in clear, never make a
//! new key where one exists or ought to exist, and never load a keyring that it does not understand
//! to the last field or whose MAC is wrong.

mod document;
mod error;
mod keyring;
mod process;
mod provider;
mod report;
mod store;

pub use error::KeysError;
pub use keyring::{DatabaseKeys, Keyring};
pub use process::{Hardening, harden_process};
pub use provider::Provider;
pub use report::{
    DatabaseStatus, EpochStatus, GroupStatus, InitReport, Status, SyncReport, SyncedGroup,
};

use std::sync::Arc;

/// A database of the policy and the names of its column groups.
pub type Wanted = (Arc<str>, Vec<Arc<str>>);

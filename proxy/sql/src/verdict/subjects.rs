//! Whose records a statement concerns, and where that is to be found.
//!
//! It must never call a statement told of which a row could be of somebody else.

use super::Literal;
use hippocrypt_policy::ColumnIx;
use std::sync::Arc;

/// The subjects of a statement that touches a table with a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects {
    /// Where they are to be found.
    pub sources: Vec<Source>,
    /// These are all; else some of its rows are of people who cannot be told.
    pub told: bool,
    /// The client's own result columns, or fields of a COPY.
    pub width: usize,
    /// Result columns behind the client's own, which it does not see.
    pub added: Vec<Added>,
    /// The statement returned no rows before these were added: the client sees none of it.
    pub silent: bool,
}

/// A result column that the client did not ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// A column as it is, in text.
    Clear,
    /// Cells, in binary.
    Cell,
}

/// One place where subjects are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Of which kind they are.
    pub kind: Arc<str>,
    /// How their text is made of a value.
    pub form: Form,
    /// Where the value is.
    pub at: At,
}

/// How the text of a subject is made of a value: the same from text and binary format, and in every setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An integer without leading zeros.
    Integer,
    /// As it is.
    Text,
    /// Small letters and hyphens.
    Uuid,
    /// What the cell holds, in the form of its type.
    Cell(ColumnIx),
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// In the rows: the column, or the field of a COPY, from 0; the added ones come after the client's.
    Row(usize),
    /// One of the client's parameters.
    Parameter {
        /// From 0.
        client: u16,
        /// OID of the type it is cast to, 0 for none.
        cast: u32,
        /// It is an array of values.
        each: bool,
    },
    /// In the text.
    Literal(Literal),
    /// In the text, as an array.
    Array(Literal),
}

impl Subjects {
    /// Of a statement of which nothing can be told.
    pub fn untold() -> Self {
        Self {
            sources: Vec::new(),
            told: false,
            width: 0,
            added: Vec::new(),
            silent: false,
        }
    }

    /// Whether it holds a value of a client.
    pub fn has_literals(&self) -> bool {
        let literal = |s: &Source| matches!(s.at, At::Literal(_) | At::Array(_));
        self.sources.iter().any(literal)
    }

    /// The same where no row of it comes back: EXPLAIN, whose rows have nothing added to them.
    #[must_use]
    pub fn without_rows(&self) -> Self {
        let mut same = self.clone();
        (same.added, same.silent) = (Vec::new(), false);
        let before = same.sources.len();
        same.sources.retain(|s| !matches!(s.at, At::Row(_)));
        same.told &= same.sources.len() == before;
        same
    }

    /// The same where `argument` says what a parameter is; of one that it does not say, nothing is told.
    #[must_use]
    pub fn bound(&self, argument: impl Fn(u16) -> Option<Literal>) -> Self {
        let mut same = self.clone();
        let mut all = true;
        same.sources.retain_mut(|source| {
            let At::Parameter {
                client, each, cast, ..
            } = source.at
            else {
                return true;
            };
            match argument(client).filter(|_| cast == 0) {
                Some(literal) if each => source.at = At::Array(literal),
                Some(literal) => source.at = At::Literal(literal),
                None => {
                    all = false;
                    return false;
                }
            }
            true
        });
        same.told &= all;
        same
    }
}

impl Form {
    /// Of a column of this type; `None` for one whose text is not the same in every setting.
    pub fn of_type(oid: u32) -> Option<Self> {
        Some(match oid {
            20 | 21 | 23 => Self::Integer,
            25 | 1043 => Self::Text,
            2950 => Self::Uuid,
            _ => return None,
        })
    }

    /// Whether a value of that type is compared with one of this form as what it says; 0 is no type yet.
    pub fn takes(self, oid: u32) -> bool {
        match self {
            Self::Integer => matches!(oid, 0 | 20 | 21 | 23),
            Self::Text => matches!(oid, 0 | 25 | 1043),
            Self::Uuid => matches!(oid, 0 | 2950),
            Self::Cell(_) => matches!(oid, 0 | 20 | 21 | 23 | 25 | 1043 | 2950),
        }
    }
}

/// Whether a column of this type can say whose record a row is.
pub fn is_subject_type(oid: u32) -> bool {
    Form::of_type(oid).is_some()
}

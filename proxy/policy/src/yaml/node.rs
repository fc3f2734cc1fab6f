//! A YAML document as a tree: scalars, lists and mappings with the line each begins on.
//!
//! A scalar keeps what the file says beside what it expands to. `Debug` must never print the second.

use std::fmt;
use std::ops::Range;

/// One node of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// Line it begins on, from 1.
    pub line: usize,
    /// What it is.
    pub value: Value,
    /// Its characters (not bytes) in the text.
    pub(crate) span: Range<usize>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Value {
    /// A single value.
    Scalar(Scalar),
    /// `[…]` or `- …`
    List(Vec<Node>),
    /// `{…}` or `key: …`, keys all different.
    Mapping(Vec<Entry>),
}

/// A single value.
#[derive(Clone)]
pub struct Scalar {
    /// As it stands in the file, quotes and escapes undone.
    pub raw: String,
    /// With `${NAME}` expanded.
    pub text: String,
    /// Without quotes; then `null`, `~` and nothing at all are [`Scalar::is_nothing`].
    pub plain: bool,
}

impl Scalar {
    /// Whether the file gives no value here.
    pub fn is_nothing(&self) -> bool {
        self.plain && matches!(self.raw.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scalar({:?})", self.raw)
    }
}

/// One `key: value`.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, never expanded.
    pub key: String,
    /// Line of the key.
    pub line: usize,
    /// The value.
    pub value: Node,
}

impl Node {
    /// What it is, in a message's words.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Scalar(s) if s.is_nothing() => "nothing".to_string(),
            Value::Scalar(s) if s.raw != s.text => format!("{:?} as expanded", s.raw),
            Value::Scalar(s) => format!("{:?}", s.raw),
            Value::List(_) => "a list".to_string(),
            Value::Mapping(_) => "a mapping".to_string(),
        }
    }

    /// Whether the file gives no value here.
    pub fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Scalar(s) if s.is_nothing())
    }
}

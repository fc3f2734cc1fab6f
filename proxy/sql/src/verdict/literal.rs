//! Constants of the client's text in a verdict.
//!
//! They must never print, and nothing may look at one without its being noticed.

use crate::watch;
use hippocrypt_policy::DeclaredType;
use std::fmt;
use std::ops::Deref;
use zeroize::Zeroizing;

/// A constant of the client's text, decoded by the grammar. `Debug` shows the kind only.
#[derive(Clone, PartialEq, Eq)]
pub enum Literal {
    /// A quoted constant: PostgreSQL's type `unknown`, or typed by a cast to `cast`.
    String {
        /// Its value.
        value: LiteralText,
        /// OID of the type it is cast to, 0 for none.
        cast: u32,
    },
    /// A numeric constant with its sign, as written (`-5`, `1e3`); typed int4, int8 or numeric by its size.
    Number(LiteralText),
    /// TRUE or FALSE.
    Bool(bool),
    /// One of these with an explicit cast around it that makes another value of it: `'1.555'::numeric(5, 2)`, `5::text`.
    Cast {
        /// What is cast.
        of: Box<Self>,
        /// The type with its modifier.
        to: DeclaredType,
    },
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String { .. } => "String(…)",
            Self::Number(_) => "Number(…)",
            Self::Bool(_) => "Bool(…)",
            Self::Cast { .. } => "Cast(…)",
        })
    }
}

/// The value of a constant. Whoever looks at it is noticed; who keeps or copies it does not look.
#[derive(Clone, Default)]
pub struct LiteralText(Zeroizing<String>);

impl LiteralText {
    /// The value.
    pub fn as_str(&self) -> &str {
        watch::looked_at(&self.0);
        &self.0
    }

    /// The value, for what is the same of all constants of its kind ([`crate::constants::Kind`]), and for
    /// putting another in its place.
    pub(crate) fn unnoticed(&self) -> &str {
        &self.0
    }
}

impl Deref for LiteralText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for LiteralText {
    fn from(value: String) -> Self {
        Self(Zeroizing::new(value))
    }
}

impl From<&str> for LiteralText {
    fn from(value: &str) -> Self {
        value.to_owned().into()
    }
}

impl From<Zeroizing<String>> for LiteralText {
    fn from(value: Zeroizing<String>) -> Self {
        Self(value)
    }
}

impl PartialEq for LiteralText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for LiteralText {}

impl fmt::Debug for LiteralText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiteralText(…)")
    }
}

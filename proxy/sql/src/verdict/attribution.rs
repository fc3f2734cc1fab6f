//! The settings by which a client tells who is behind it, and why.

use std::fmt;
use std::ops::Range;
use zeroize::Zeroizing;

/// One of these settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `hippocrypt.user`: the end user.
    User,
    /// `hippocrypt.reason`
    Reason,
    /// `hippocrypt.token`: both, signed by the application.
    Token,
}

impl Attribute {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Reason, Self::Token];

    /// As `set_config` and `current_setting` name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "hippocrypt.user",
            Self::Reason => "hippocrypt.reason",
            Self::Token => "hippocrypt.token",
        }
    }

    /// The one of this name; names of settings have no case (src/backend/utils/misc/guc.c, `guc_name_compare`).
    pub fn of(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|attribute| attribute.name().eq_ignore_ascii_case(name))
    }
}

/// What a statement does to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Attribution {
    /// Nothing.
    #[default]
    Kept,
    /// SET or SET LOCAL to a constant.
    Set(Attribute, Constant),
    /// Something that the text alone does not tell.
    Changed,
}

impl Attribution {
    /// What two things in one statement do together.
    pub(crate) fn and(&mut self, other: &Self) {
        if *other != Self::Kept {
            *self = Self::Changed;
        }
    }
}

/// The constant of a SET. A token is a credential: `Debug` shows none.
#[derive(Clone, PartialEq, Eq)]
pub struct Constant {
    /// Its value.
    pub value: Zeroizing<String>,
    /// Where it stands in the client's text, in bytes.
    pub range: Range<usize>,
}

impl fmt::Debug for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Constant(…)")
    }
}

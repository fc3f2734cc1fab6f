//! numeric: PostgreSQL's base-10000 words (src/backend/utils/adt/numeric.c), read, rounded and written.
//!
//! It must never go through a float, and never keep a value that PostgreSQL's format could not hold.

mod decimal;
mod words;

pub(in crate::protect) use decimal::Decimal;
pub(in crate::protect) use words::{Words, write_binary, write_text};

use crate::protect::ValueError;

/// `value overflows numeric format`
fn overflows() -> ValueError {
    ValueError::new("22003", "value overflows numeric format")
}

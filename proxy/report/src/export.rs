//! Records in other systems' formats.

pub mod flat;

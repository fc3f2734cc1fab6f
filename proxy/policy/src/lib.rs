//! Who may see what: the column policy of a DBA as types that cannot be wrong. Layer 0.
//!
//! This crate knows no SQL, no key and no socket. It must never guess: a policy text that it does
//! not understand to the last key is an error with file and line, never a weaker policy.

mod arrays;
mod declared;
mod load;
mod model;
mod names;
mod rights;
pub mod yaml;

pub use arrays::{array_of, element_of};
pub use declared::{
    DeclaredType, DeclaredTypeError, Element, Family, IntervalFields, IntervalModifier,
};
pub use load::POLICY_SECTIONS;
pub use model::{
    Access, CatalogAccess, Column, ColumnIx, ColumnRef, Database, Group, GroupIx, Mask,
    OtherDatabases, Place, Policy, Protect, Required, Rights, Role, Subject, Table, TableRef,
};

pub use names::{NameError, Quoted, parse_identifier, parse_name};
/// What is wrong with a policy.
pub use yaml::Problems as PolicyErrors;

//! The promises of DESIGN §9, each proved from outside on a real PostgreSQL: one binary, a module per promise.
//!
//! No test may depend on another, or on what another left in the database.

// A test that cannot be set up has failed; saying so with a panic is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod at_rest;
mod attribution;
mod audit;
mod audit_changes;
mod audit_full_disk;
mod audit_log;
mod audit_reading;
mod audit_seals;
mod broken;
mod catalog;
mod certificate_login;
mod changes;
mod copy;
mod copy_inputs;
mod copy_protocol;
mod corpus;
mod cursors_of_functions;
mod ddl;
mod definitions;
mod drivers;
mod fast_path;
mod generated;
mod gone_cursors;
mod hash;
mod hostile;
mod inlined;
mod lifecycle;
mod limits;
mod login;
mod made_from;
mod named;
mod overtaken;
mod parameters;
mod passthrough;
mod real_schemas;
mod refusals;
mod relations;
mod reload;
mod renames;
mod roles;
mod scram;
mod shipping;
mod snapshots;
mod strings;
mod subjects;
mod twin;
mod values;
mod wire;
mod zones;

//! One client connection and its upstream session: a pure machine and the one async file that drives it.
//!
//! `machine` and what stands beside it know no socket, no file and no clock: they are given frames, time
//! and answers, and append bytes for either side. `driver` alone awaits. Nothing else writes to a client.

mod asked;
mod attribution;
mod backend;
mod bulk;
mod client;
mod copy;
mod cursors;
pub mod driver;
mod ending;
mod extended;
mod fault;
mod gate;
mod inflight;
mod judge;
mod known;
mod late;
pub mod machine;
mod overtaken;
mod own;
mod policy;
mod portals;
mod prepared;
mod records;
mod renewal;
mod side;
mod subjects;
#[cfg(test)]
mod tests;
mod tokens;

pub use driver::{Peers, run};
pub use ending::Ending;
pub use fault::Fault;
pub use machine::{Clock, Env, Machine, Protected, Request, Tally, Worlds};
pub use policy::{PolicyChange, Renewed};
pub use records::{Recorder, SUBJECTS_MAX, Who};

//! Space on disk that records owe each other: what has begun can be written to its end on a full disk.

use crate::record::{Body, Decision, Intent};

/// An outcome's line is shorter than this: `record::render` cuts what could be longer.
pub const OUTCOME: u64 = 6144;
/// A session's end is shorter than this.
pub const SESSION_END: u64 = 8192;

/// The proxy's stop is shorter than this; set aside when the log is opened.
pub const STOP: u64 = 4096;

/// What a record does to the space set aside, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Nothing.
    Plain,
    /// Sets so much aside.
    Sets(u64),
    /// Uses, and gives back, so much.
    Uses(u64),
}

impl Space {
    /// Of this record, from what its session owes now.
    pub fn of(body: &Body) -> Self {
        match body {
            Body::Statement(s) if s.decision == Decision::Forwarded => Self::Sets(OUTCOME),
            Body::Outcome(o) if o.of == Intent::Statement && o.session.outcomes_owed() > 0 => {
                Self::Uses(OUTCOME)
            }
            Body::SessionStart { .. } => Self::Sets(SESSION_END),
            Body::Stop { .. } => Self::Uses(STOP),
            Body::SessionEnd { session, .. } if session.end_owed() => {
                Self::Uses(SESSION_END + session.outcomes_owed().saturating_mul(OUTCOME))
            }
            _ => Self::Plain,
        }
    }
}

/// Once the record is in the log: what its session owes from now on.
pub fn settle(body: &Body) {
    match body {
        Body::Statement(s) if s.decision == Decision::Forwarded => s.session.owe_outcome(),
        Body::Outcome(o) if o.of == Intent::Statement => o.session.pay_outcome(),
        Body::SessionStart { session, .. } => session.owe_end(),
        Body::SessionEnd { session, .. } => session.pay_all(),
        _ => {}
    }
}

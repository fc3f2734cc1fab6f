//! A policy that changes under a session; docs/decisions/policy-reload.md.
//!
//! ```text
//!   house has another ──► pending ──nothing runs, no transaction──► renewed, or displaced
//! ```
//!
//! It must never take effect between a statement's verdict and its outcome, nor inside a transaction.

use super::machine::{Machine, Protected};
use std::sync::Arc;

/// What a session goes on under when the policy has changed.
pub struct Renewed {
    /// As `Env::protected`.
    pub protected: Protected,
    /// The rule that matched.
    pub rule: Arc<str>,
    /// Hash of the policy.
    pub policy: Arc<str>,
}

/// What a new policy means for a session.
pub enum PolicyChange {
    /// It goes on under this.
    Renew(Box<Renewed>),
    /// The database was not protected and is now, or the other way round: it has to begin anew.
    End,
}

impl Machine {
    /// Whether another policy can take the place of the one in force: nothing that was judged by it runs.
    pub fn can_renew(&self) -> bool {
        self.is_idle() && !self.known.is_asking() && !self.is_holding()
    }

    /// Another policy holds from now on; only where [`Self::can_renew`]. Statements that were prepared under the
    /// former one are judged again when they are named; cursors that outlived their transaction give no more rows.
    pub fn renew(&mut self, renewed: Renewed) {
        self.known.renew(&renewed.protected);
        self.names.portals.outdate();
        self.recorder.renew(renewed.rule, renewed.policy);
        self.protected = Some(renewed.protected);
    }
}

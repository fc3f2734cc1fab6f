//! From a text to its statements with their verdicts: the crate's front door.
//!
//! A statement that names nothing tainted goes on as it is; SELECT, INSERT, UPDATE and DELETE are planned,
//! everything else is a utility's matter. It must never let a statement go on that no rule has judged.

use crate::catalog::{Catalog, Names};
use crate::scan::Tokens;
use crate::verdict::{Facts, Refusal, Statement, Verdict};
use crate::world::World;
use hippocrypt_policy::{Database, Rights};
use std::sync::Arc;

/// Judges statements of one database under one catalog version. Cheap to share.
#[derive(Debug)]
pub struct Analyser {
    world: Arc<World>,
}

/// Whose statement it is, as far as a verdict depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// How the session resolves names.
    pub names: &'a Names,
    /// What the user may do.
    pub rights: &'a Rights,
    /// Parameter type OIDs that the client declared in Parse; 0 or absent where it did not.
    pub declared_params: &'a [u32],
}

/// A parsed statement on its way to a verdict: what `taint`, `utility` and the planner are given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// The client's whole text: every location and edit counts in its bytes.
    pub(crate) text: &'a str,
    /// Its tokens.
    pub(crate) tokens: &'a Tokens,
    /// Catalog and policy.
    pub(crate) world: &'a World,
    /// Names, rights and declared parameters.
    pub(crate) cx: &'a Context<'a>,
}

/// What a family answers for one statement.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Kind, tables, touches, effects.
    pub(crate) facts: Facts,
    /// The verdict.
    pub(crate) verdict: Verdict,
}

impl Analyser {
    /// An analyser for this catalog under this policy.
    pub fn new(catalog: Arc<Catalog>, policy: Arc<Database>) -> Self {
        Self {
            world: Arc::new(World::new(catalog, policy)),
        }
    }

    /// Catalog and policy, merged.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The statements of `text` with their verdicts; `Err` where the text does not parse (42601 with the
    /// grammar's own words and position).
    pub fn analyse(&self, text: &str, cx: &Context<'_>) -> Result<Vec<Statement>, Refusal> {
        let _ = (text, cx, &self.world);
        Err(Refusal {
            sqlstate: "0A000",
            message: "no statement can be judged yet".into(),
            detail: None,
            hint: None,
            position: None,
        })
    }
}

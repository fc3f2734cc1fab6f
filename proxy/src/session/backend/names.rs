//! What a statement that is done has done to the session's names: prepared statements, cursors, savepoints.
//!
//! It must never register what the server has not: only a CommandComplete gets here, and its tag says whether a
//! COMMIT was one.

use super::super::asked::{Asked, Tags};
use super::super::machine::Machine;
use super::super::prepared::{Gives, Judged, Part, Portal, Prepared};
use hippocrypt_sql::Standing;
use hippocrypt_sql::verdict::{Cursor, Prepared as SqlPrepared, Transaction};
use hippocrypt_wire::Frame;
use std::sync::Arc;

impl Machine {
    /// The statement `part` was answered with `frame`.
    pub(super) fn names_after(&mut self, part: &Arc<Part>, frame: &Frame) {
        let effects = &part.facts.effects;
        match &effects.prepared {
            Some((SqlPrepared::Prepare, name)) => {
                let prepared = Arc::new(self.standing(part));
                let name = Self::name(name.as_bytes());
                self.names.statements.insert(name, prepared);
            }
            Some((SqlPrepared::Deallocate, name)) if &**name == "*" => {
                self.names.statements.clear();
            }
            Some((SqlPrepared::Deallocate, name)) => {
                self.names.statements.remove(name.as_bytes());
            }
            Some((SqlPrepared::Execute, _)) | None => {}
        }
        match &effects.cursor {
            Some((Cursor::Declare { hold }, name)) => {
                let as_of = part.gives.as_ref().map(|gives| gives.as_of.clone());
                let portal = Arc::new(Portal {
                    as_of: as_of.unwrap_or_default(),
                    ..Portal::of(Arc::new(self.standing(part)))
                });
                let name = Self::name(name.as_bytes());
                self.names.portals.declare(name, portal, *hold);
            }
            Some((Cursor::Close, name)) => drop(self.names.portals.close(name.as_bytes())),
            Some((Cursor::CloseAll, _)) => self.names.portals.close_all(),
            Some((Cursor::Fetch | Cursor::Move | Cursor::Read, _)) | None => {}
        }
        if let Some(transaction) = effects.transaction {
            self.portals_after(transaction, effects.savepoint.as_ref(), frame);
        }
    }

    fn portals_after(
        &mut self,
        transaction: Transaction,
        savepoint: Option<&Arc<str>>,
        frame: &Frame,
    ) {
        let portals = &mut self.names.portals;
        match (transaction, savepoint) {
            (Transaction::Savepoint, Some(name)) => portals.savepoint(name),
            (Transaction::Release, Some(name)) => portals.release(name),
            (Transaction::RollbackTo, Some(name)) => portals.rollback_to(name),
            // COMMIT of an aborted block is answered ROLLBACK
            (Transaction::Commit | Transaction::Rollback, _) => {
                portals.transaction_over(!frame.body().starts_with(b"ROLLBACK"));
            }
            (
                Transaction::Begin
                | Transaction::Savepoint
                | Transaction::Release
                | Transaction::RollbackTo,
                _,
            ) => {}
        }
    }

    /// What the name that PREPARE or DECLARE gave stands for.
    fn standing(&self, part: &Part) -> Prepared {
        let Standing { facts, plan, .. } = Standing::of(&part.facts, part.plan.as_ref());
        let Gives { text, basis, .. } = part.gives.clone().unwrap_or_default();
        let asked = match std::str::from_utf8(&text) {
            Ok(text) => Asked {
                described: self.describe(text, &facts),
                tags: Tags::default(),
            },
            Err(_) => part.asked.clone(),
        };
        let within = Part {
            facts,
            asked,
            plan,
            gives: None,
            is_asked_about: false,
        };
        let judged = Judged {
            parts: vec![Arc::new(within)],
            text: None,
            map: None,
            guards: None,
            basis,
        };
        Prepared {
            by_sql: true,
            ..Prepared::of(Arc::new(judged), text, Arc::from([]))
        }
    }
}

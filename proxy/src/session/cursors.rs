//! Cursors that the session did not see opened: a function that the policy trusts may have, over cells, and their rows
//! have no plan. Whether there is one of that name is asked before FETCH and MOVE run; where there is none, the server
//! is the one to say so.
//!
//! It must never take a name for gone that the server may have.

use super::Fault;
use super::inflight::Question;
use super::machine::Machine;
use hippocrypt_wire::Frame;
use hippocrypt_wire::frontend::{Execute, Query};

impl Machine {
    /// Whether the frame reads no such cursor, or the server's have just been asked.
    pub(super) fn admits_cursor(&mut self, frame: &Frame) -> Result<bool, Fault> {
        if self.known.has_cursors() || !self.reads_unknown_cursor(frame) {
            return Ok(true);
        }
        if !self.inflight.is_empty() {
            return self.wait();
        }
        self.ask(&[Question::Cursors]).map(|()| false)
    }

    fn reads_unknown_cursor(&self, frame: &Frame) -> bool {
        let Some(protected) = &self.protected else {
            return false;
        };
        if protected.database.trusted_functions.is_empty() {
            return false;
        }
        match frame.tag() {
            b'Q' if mentions(frame.body(), b"fetch") || mentions(frame.body(), b"move") => {
                let text = Query::of(frame).ok().map(|q| std::str::from_utf8(q.text));
                text.is_some_and(|t| t.is_ok_and(|t| self.wants_cursors(t, protected)))
            }
            b'E' => Execute::of(frame).is_ok_and(|view| self.runs_unknown_fetch(view.portal)),
            _ => false,
        }
    }

    fn runs_unknown_fetch(&self, portal: &[u8]) -> bool {
        let portals = &self.names.portals;
        let part = portals.get(portal).and_then(|p| p.prepared.part());
        let Some(part) = part.filter(|part| part.is_fetch()) else {
            return false;
        };
        let name = part.facts.effects.cursor.as_ref().map(|(_, name)| name);
        name.is_some_and(|name| portals.get(name.as_bytes()).is_none())
    }
}

/// Whether a text may have the word in it.
fn mentions(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len())
        .any(|piece| piece.eq_ignore_ascii_case(word))
}

//! Rows and copied data that nothing is done to, many at a time: a frame of its own for each row would cost more than the
//! row.
//!
//! It must never pass what `row` or `copied` would change, hold back or count otherwise.

use super::inflight::{Expect, Run};
use super::machine::Machine;
use bytes::{Buf, BytesMut};
use hippocrypt_wire::Decoder;

impl Run {
    /// Whether its rows go on as they come.
    fn is_passed(&self) -> bool {
        let untouched = self.part.as_ref().is_none_or(|part| {
            part.plan.is_none() && !part.is_unseen() && !part.facts.quotes && !part.facts.defines
        });
        untouched && self.whose.is_none() && self.copy_out.is_none() && !self.overtaken
    }
}

impl Machine {
    /// Passes the rows at the front of what the server has sent, as far as nothing is done to them; what is left begins
    /// with another message, or with one that has not come whole.
    pub(super) fn pass_rows(&mut self, decoder: Decoder, from_server: &mut BytesMut) {
        let Some(&tag) = from_server.first().filter(|tag| matches!(tag, b'D' | b'd')) else {
            return;
        };
        if self.late.is_some() || self.is_guarding() {
            return;
        }
        let Some(run) = self.inflight.running().filter(|run| run.is_passed()) else {
            return;
        };
        let (mut end, mut rows) = (0, 0);
        while let Some(rest) = from_server.get(end..)
            && rest.first() == Some(&tag)
            && let Ok(Some(length)) = decoder.peek(rest)
            && length <= rest.len()
        {
            end += length;
            rows += u64::from(tag == b'D');
        }
        run.rows += rows;
        run.bytes += end as u64;
        let (passed, _) = from_server.split_at(end);
        self.to_client.extend_from_slice(passed);
        from_server.advance(end);
    }

    /// Whether the rows are those of a statement of ours behind the client's.
    fn is_guarding(&mut self) -> bool {
        matches!(self.inflight.head(), Some(Expect::Query(query)) if query.guarding.is_some())
    }
}

//! The proxy and the plain twin, asked the same.

use crate::place::Place;
use crate::raw::{Message, Raw};

/// A session on either side.
#[derive(Debug)]
pub struct Sides {
    /// Through the proxy.
    pub through: Raw,
    /// On the twin.
    pub twin: Raw,
    /// What has to be the same of two answers.
    seen: fn(&[Message]) -> Vec<String>,
}

impl Sides {
    /// Of the user `app`; `seen` is what has to be the same of two answers.
    pub fn new(place: &Place, seen: fn(&[Message]) -> Vec<String>) -> Self {
        Self {
            through: place.raw("app"),
            twin: place.raw_twin("app"),
            seen,
        }
    }

    /// A simple query, which both answer alike; the proxy's answer.
    pub fn same(&mut self, text: &str) -> Vec<Message> {
        let (here, there) = (self.through.query(text), self.twin.query(text));
        assert_eq!((self.seen)(&here), (self.seen)(&there), "{text}");
        here
    }

    /// Messages that end with a Sync, likewise.
    pub fn same_frames(&mut self, frames: &[Vec<u8>]) -> Vec<Message> {
        let [here, there] = [&mut self.through, &mut self.twin].map(|client| {
            client.pipeline(frames);
            client.until_ready()
        });
        assert_eq!((self.seen)(&here), (self.seen)(&there), "{frames:?}");
        here
    }

    /// Statements of which none may fail.
    pub fn prepare(&mut self, statements: &str) {
        for statement in statements.split(";\n") {
            let code = crate::raw::sqlstate(&self.same(statement));
            assert_eq!(code, None, "{statement}");
        }
    }
}

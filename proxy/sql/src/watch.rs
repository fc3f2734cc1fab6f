//! Which constants an analysis has looked at.
//!
//! A verdict that is to serve texts with other constants is made of a text with sample constants
//! ([`crate::template`]); while it is made, everything that reads the value of one passes by here. It must never miss
//! one: values are of a type that tells ([`crate::verdict::LiteralText`]).

use crate::template::Sample;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

thread_local! {
    static WATCH: RefCell<Option<Arc<Watch>>> = const { RefCell::new(None) };
}

/// Watches over one analysis, on whichever threads it is made.
#[derive(Debug)]
pub(crate) struct Watch {
    sample: Sample,
    read: Mutex<Read>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// These constants, by their place in the text.
    pub(crate) constants: BTreeSet<usize>,
    /// Perhaps any.
    pub(crate) all: bool,
}

impl Watch {
    pub(crate) fn over(sample: Sample) -> Arc<Self> {
        Arc::new(Self {
            sample,
            read: Mutex::default(),
        })
    }

    /// What was read until now.
    pub(crate) fn read(&self) -> Read {
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn note(&self, value: Option<&str>) {
        let index = value.map(|value| self.sample.index(value));
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match index {
            Some(Some(index)) => drop(read.constants.insert(index)),
            // no sample constant
            Some(None) => {}
            None => read.all = true,
        }
    }
}

/// Who watches this thread.
pub(crate) fn current() -> Option<Arc<Watch>> {
    WATCH.with_borrow(Clone::clone)
}

/// Does `work` under a watch.
pub(crate) fn under<T>(watch: Option<Arc<Watch>>, work: impl FnOnce() -> T) -> T {
    let before = WATCH.replace(watch);
    let done = work();
    WATCH.set(before);
    done
}

/// The value of a constant is looked at.
pub(crate) fn looked_at(value: &str) {
    WATCH.with_borrow(|watch| {
        if let Some(watch) = watch {
            watch.note(Some(value));
        }
    });
}

/// The text or the tree as a whole is looked at, by something that tells no more.
pub(crate) fn looked_at_all() {
    WATCH.with_borrow(|watch| {
        if let Some(watch) = watch {
            watch.note(None);
        }
    });
}

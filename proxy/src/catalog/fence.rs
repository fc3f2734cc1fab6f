//! DDL that sessions have sent upstream and the shared catalog does not have yet, and what it may give another meaning
//! to: a statement that was judged before it may run after it.
//!
//! It must never say that all is settled while DDL of a session may be committed and unread.

use hippocrypt_sql::verdict::Reshapes;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many are remembered for statements that are under way; of older ones all is said to be reshaped.
const REMEMBERED: usize = 1024;

/// The DDL of all sessions of one database, numbered from 1.
#[derive(Debug, Default)]
pub struct Fence {
    begun: AtomicU64,
    settled: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Sent, and not known to be in the catalog.
    open: BTreeSet<u64>,
    recent: VecDeque<(u64, Reshapes)>,
}

/// DDL on its way: over when this is dropped, which is to be once the catalog has it.
pub struct Raised {
    fence: Arc<Fence>,
    number: u64,
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raised").field(&self.number).finish()
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.fence.change(|state| {
            state.open.remove(&self.number);
        });
    }
}

impl Fence {
    /// The number of the latest: none later was sent before this call.
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// A number; what has it or a smaller one is in the catalog that is current after this call.
    pub fn settled(&self) -> u64 {
        self.settled.load(Ordering::SeqCst)
    }

    /// To be called before the DDL is sent, or before what may commit it.
    pub fn raise(self: &Arc<Self>, reshapes: Reshapes) -> Raised {
        let number = self.change(|state| {
            let number = self.begun() + 1;
            state.open.insert(number);
            state.recent.push_back((number, reshapes));
            if state.recent.len() > REMEMBERED {
                state.recent.pop_front();
            }
            self.begun.store(number, Ordering::SeqCst);
            number
        });
        Raised {
            fence: Arc::clone(self),
            number,
        }
    }

    /// What those after `mark` reshape, but for a session's own; or, `by_name`, those of them alone that name relations.
    pub fn since(&self, mark: u64, own: &[Raised], by_name: bool) -> Reshapes {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.recent.front().is_some_and(|(n, _)| *n > mark + 1) {
            return Reshapes::Everything;
        }
        let mut all = Reshapes::Nothing;
        let after = state.recent.iter().filter(|(n, _)| *n > mark);
        for (number, reshapes) in after {
            let counts = !by_name || *reshapes != Reshapes::Everything;
            if counts && !own.iter().any(|raised| raised.number == *number) {
                all.and(reshapes);
            }
        }
        all
    }

    fn change<T>(&self, how: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let given = how(&mut state);
        let settled = match state.open.first() {
            Some(oldest) => oldest - 1,
            None => self.begun(),
        };
        self.settled.store(settled, Ordering::SeqCst);
        given
    }
}

#[cfg(test)]
mod tests {
    use super::{Fence, REMEMBERED};
    use hippocrypt_sql::verdict::Reshapes;
    use std::sync::Arc;

    fn of(name: &str) -> Reshapes {
        Reshapes::Relations([Arc::from(name)].into())
    }

    #[test]
    fn nothing_is_settled_before_the_oldest_is() {
        let fence = Arc::new(Fence::default());
        let first = fence.raise(of("a"));
        let second = fence.raise(of("b"));
        assert_eq!((fence.begun(), fence.settled()), (2, 0));
        drop(second);
        assert_eq!((fence.begun(), fence.settled()), (2, 0));
        let third = fence.raise(of("c"));
        drop(first);
        assert_eq!((fence.begun(), fence.settled()), (3, 2));
        drop(third);
        assert_eq!((fence.begun(), fence.settled()), (3, 3));
    }

    #[test]
    fn what_came_since_but_not_from_oneself() {
        let fence = Arc::new(Fence::default());
        let mine = [fence.raise(of("a"))];
        drop(fence.raise(of("b")));
        drop(fence.raise(of("c")));
        assert_eq!(fence.since(3, &[], false), Reshapes::Nothing);
        assert_eq!(fence.since(2, &[], false), of("c"));
        let mut both = of("b");
        both.and(&of("c"));
        assert_eq!(fence.since(0, &mine, false), both);
    }

    #[test]
    fn what_is_forgotten_may_have_reshaped_everything() {
        let fence = Arc::new(Fence::default());
        for _ in 0..=REMEMBERED {
            drop(fence.raise(of("a")));
        }
        assert_eq!(fence.since(1, &[], false), of("a"));
        assert_eq!(fence.since(0, &[], false), Reshapes::Everything);
    }
}

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
    /// What this number and those before it reshape is known no more.
    forgotten: u64,
}

/// Which DDL a catalog has: all up to a number but for what was open then.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    upto: u64,
    but: Option<Arc<BTreeSet<u64>>>,
}

impl Mark {
    /// All up to this number.
    pub fn all_to(&self) -> u64 {
        let oldest = self.but.as_ref().and_then(|open| open.first());
        oldest.map_or(self.upto, |oldest| oldest - 1)
    }

    fn has(&self, number: u64) -> bool {
        let is_open = |open: &Arc<BTreeSet<u64>>| open.contains(&number);
        number <= self.upto && !self.but.as_ref().is_some_and(is_open)
    }
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

    /// What the catalog has that is current after this call.
    pub fn mark(&self) -> Mark {
        let upto = self.begun();
        if self.settled() >= upto {
            return Mark { upto, but: None };
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let but = (!state.open.is_empty()).then(|| Arc::new(state.open.clone()));
        let upto = self.begun();
        Mark { upto, but }
    }

    /// To be called before the DDL is sent, or before what may commit it.
    pub fn raise(self: &Arc<Self>, reshapes: Reshapes) -> Raised {
        let number = self.change(|state| {
            let number = self.begun() + 1;
            state.open.insert(number);
            state.recent.push_back((number, reshapes));
            if state.recent.len() > REMEMBERED
                && let Some((oldest, _)) = state.recent.pop_front()
            {
                state.forgotten = oldest;
            }
            self.begun.store(number, Ordering::SeqCst);
            number
        });
        Raised {
            fence: Arc::clone(self),
            number,
        }
    }

    /// What those reshape that `mark` does not have, but for a session's own.
    pub fn since(&self, mark: &Mark, own: &[Raised]) -> Reshapes {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.forgotten > mark.all_to() {
            return Reshapes::Everything;
        }
        let mut all = Reshapes::Nothing;
        let later = state.recent.iter().filter(|(n, _)| !mark.has(*n));
        for (number, reshapes) in later {
            if !own.iter().any(|raised| raised.number == *number) {
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
        let before = fence.mark();
        let mine = [fence.raise(of("a"))];
        let b = fence.mark();
        drop(fence.raise(of("b")));
        let c = fence.mark();
        drop(fence.raise(of("c")));
        assert_eq!(fence.since(&fence.mark(), &mine), Reshapes::Nothing);
        assert_eq!(fence.since(&fence.mark(), &[]), of("a"));
        assert_eq!(fence.since(&c, &mine), of("c"));
        let mut both = of("b");
        both.and(&of("c"));
        assert_eq!(fence.since(&b, &mine), both);
        assert_eq!(fence.since(&before, &mine), both);
    }

    #[test]
    fn what_is_in_the_catalog_is_nothing_new_whatever_is_open() {
        let fence = Arc::new(Fence::default());
        let open = fence.raise(of("a"));
        drop(fence.raise(of("b")));
        let mark = fence.mark();
        assert_eq!(mark.all_to(), 0);
        assert_eq!(fence.since(&mark, &[]), of("a"));
        drop(open);
        assert_eq!(fence.since(&mark, &[]), of("a"));
        assert_eq!(fence.since(&fence.mark(), &[]), Reshapes::Nothing);
    }

    #[test]
    fn what_is_forgotten_may_have_reshaped_everything() {
        let fence = Arc::new(Fence::default());
        let first = fence.mark();
        drop(fence.raise(of("a")));
        let second = fence.mark();
        let open = fence.raise(of("a"));
        let third = fence.mark();
        for _ in 2..=REMEMBERED {
            drop(fence.raise(of("a")));
        }
        assert_eq!(fence.since(&second, &[]), of("a"));
        assert_eq!(fence.since(&first, &[]), Reshapes::Everything);
        drop(fence.raise(of("a")));
        assert_eq!(fence.since(&third, &[]), Reshapes::Everything);
        drop(open);
        assert_eq!(fence.since(&fence.mark(), &[]), Reshapes::Nothing);
    }
}

//! What a caller makes of a statement once and keeps beside its verdict.
//!
//! It must never be given where the facts that it was made of are others.

use super::Facts;
use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Something made of a statement's facts and of its text without constants and comments: every text that shares the
/// verdict shares it. All are equal, since it says no more than those.
#[derive(Clone, Default)]
pub struct Beside(Arc<OnceLock<Made>>);

/// The facts that it was made of, and what was made.
type Made = (Arc<Facts>, Arc<dyn Any + Send + Sync>);

impl Beside {
    /// What was made of these facts, or what `make` makes of them.
    pub fn get_or_make<T: Any + Send + Sync>(
        &self,
        facts: &Arc<Facts>,
        make: impl Fn() -> Arc<T>,
    ) -> Arc<T> {
        let (of, made) = self.0.get_or_init(|| (Arc::clone(facts), make()));
        // whoever changes shared facts has facts of their own
        match Arc::ptr_eq(of, facts) {
            true => Arc::clone(made).downcast().unwrap_or_else(|_| make()),
            false => make(),
        }
    }
}

impl PartialEq for Beside {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Beside {}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Beside(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Beside;
    use crate::verdict::Facts;
    use std::sync::Arc;

    #[test]
    fn it_is_made_once_for_the_same_facts() {
        let beside = Beside::default();
        let mut facts = Arc::new(Facts::default());
        let first = beside.get_or_make(&facts, || Arc::new("first"));
        let again = beside.clone().get_or_make(&facts, || Arc::new("again"));
        assert!(Arc::ptr_eq(&first, &again));
        Arc::make_mut(&mut facts).calls = true;
        let other = beside.get_or_make(&facts, || Arc::new("other"));
        assert_eq!(*other, "other");
        assert_eq!(*beside.get_or_make(&facts, || Arc::new(7)), 7);
    }
}

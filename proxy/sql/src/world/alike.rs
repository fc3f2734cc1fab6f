//! What a later catalog gives another meaning to, for statements that are not judged by it: those that run already, and
//! those that stand for what a session has named.
//!
//! It must never call two worlds alike where a statement that was judged by one may touch protected tables in the other.

use super::World;
use crate::functions;
use hippocrypt_policy::TableRef;
use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, PoisonError};

impl World {
    /// Whether whatever could touch protected tables, without a statement naming them, could do so `before`.
    pub fn is_as_safe_as(&self, before: &Self) -> bool {
        std::ptr::eq(self, before)
            || (self.states.keys().all(|t| before.states.contains_key(t))
                && self.hazards.are_among(&before.hazards)
                && self.dangerous().is_subset(before.dangerous()))
    }

    /// Why a statement that names these relations may mean something else than it meant `before`, if it may; `path`: where
    /// names without a schema are looked for; `touches`: it touches protected columns.
    pub fn means_else(
        &self,
        before: &Self,
        named: Vec<TableRef>,
        path: &[Arc<str>],
        touches: bool,
    ) -> Option<&'static str> {
        let reached = [self.reached_by(named.clone()), before.reached_by(named)].concat();
        let names: BTreeSet<Arc<str>> = reached.into_iter().map(|t| t.table).collect();
        let known: HashSet<&Arc<str>> = before.catalog.schemas.iter().collect();
        let now: HashSet<&Arc<str>> = self.catalog.schemas.iter().collect();
        let alike = |schema: &Arc<str>, name: &Arc<str>| {
            let key = (Arc::clone(schema), Arc::clone(name));
            self.catalog.relations.get(&key) == before.catalog.relations.get(&key)
        };
        let is_another = |name| known.iter().any(|schema| !alike(schema, name));
        if path.iter().any(|s| now.contains(s) && !known.contains(s)) {
            return Some("a schema of its search_path");
        }
        if names.iter().any(is_another) {
            return Some("a relation of one of its names");
        }
        if touches && !self.compares_as(before) {
            return Some("operators or collations");
        }
        (!self.is_as_safe_as(before)).then_some("what could touch protected tables")
    }

    /// Whether values are compared as they were.
    fn compares_as(&self, before: &Self) -> bool {
        let (now, then) = (&self.catalog, &before.catalog);
        now.operators == then.operators
            && now.nondeterministic_collations == then.nondeterministic_collations
    }

    /// Whether the body of a function that may be called names one of these, for all that is known.
    pub fn bodies_name(&self, names: &BTreeSet<Arc<str>>) -> bool {
        let known = || self.named.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().any(|name| {
            let found = known().get(name).copied();
            found.unwrap_or_else(|| {
                let found = self.a_body_names(name);
                known().insert(Arc::clone(name), found);
                found
            })
        })
    }

    fn a_body_names(&self, relation: &str) -> bool {
        let lower = relation.to_lowercase();
        // a quote within a name is doubled
        let is_quoted = lower.contains('"');
        let could = |text: String| is_quoted || text.contains(&lower);
        self.catalog.functions.iter().any(|(name, all)| {
            all.iter().enumerate().any(|(ix, function)| {
                let source = function.source.as_deref();
                let body = || self.body(name, ix)?.as_ref().ok();
                !functions::is_trusted(function, name, self)
                    && source.is_some_and(|text| could(text.to_lowercase()))
                    && body().is_some_and(|body| body.names.contains(relation))
            })
        })
    }

    /// OIDs of the functions that nobody may call.
    fn dangerous(&self) -> &HashSet<u32> {
        self.dangerous
            .get_or_init(|| functions::dangerous(self).collect())
    }
}

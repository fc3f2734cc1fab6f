//! What a later catalog gives another meaning to, for statements that are not judged by it: those that run already, and
//! those that stand for what a session has named.
//!
//! It must never call two worlds alike where a statement that was judged by one may touch protected tables in the other.

use super::World;
use crate::functions;
use hippocrypt_policy::TableRef;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

impl World {
    /// Whether whatever could touch protected tables, without a statement naming them, could do so `before`.
    pub fn is_as_safe_as(&self, before: &Self) -> bool {
        std::ptr::eq(self, before)
            || (self.states.keys().all(|t| before.states.contains_key(t))
                && self.hazards.are_among(&before.hazards)
                && self.dangerous().is_subset(before.dangerous()))
    }

    /// Whether a statement that names these relations means what it meant `before`; `touches`: protected columns.
    pub fn means_what(&self, before: &Self, named: Vec<TableRef>, touches: bool) -> bool {
        let reached = [self.reached_by(named.clone()), before.reached_by(named)].concat();
        let names: BTreeSet<Arc<str>> = reached.into_iter().map(|t| t.table).collect();
        let schemas = |world: &Self| world.catalog.schemas.clone();
        let known: HashSet<Arc<str>> = schemas(before).into_iter().collect();
        let alike = |name: &Arc<str>, schema: &Arc<str>| {
            let key = (Arc::clone(schema), Arc::clone(name));
            self.catalog.relations.get(&key) == before.catalog.relations.get(&key)
        };
        let is_alike = |name| known.iter().all(|schema| alike(name, schema));
        schemas(self).iter().all(|schema| known.contains(schema))
            && names.iter().all(is_alike)
            && (!touches || self.compares_as(before))
            && self.is_as_safe_as(before)
    }

    /// Whether values are compared as they were.
    fn compares_as(&self, before: &Self) -> bool {
        let (now, then) = (&self.catalog, &before.catalog);
        now.operators == then.operators
            && now.nondeterministic_collations == then.nondeterministic_collations
    }

    /// These, what views among them read, what is below any of that, and what follows its changes by a foreign key.
    pub fn reached_by(&self, relations: Vec<TableRef>) -> Vec<TableRef> {
        self.reached(relations, |oid| {
            let relation = self.by_oid(oid).map(|(_, relation)| relation);
            let of = |r: &crate::catalog::Relation| [&r.depends_on[..], &r.referenced_by].concat();
            let mut next = relation.map(of).unwrap_or_default();
            next.extend(self.below.get(&oid).into_iter().flatten());
            next
        })
    }

    /// Whether the body of a function names one of these, for all that is known.
    pub fn bodies_name(&self, names: &BTreeSet<Arc<str>>) -> bool {
        let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        let named = |text: &str| {
            let text = text.to_lowercase();
            // a name may be written by the numbers of its letters
            text.contains("u&") || lower.iter().any(|name| text.contains(name.as_str()))
        };
        self.catalog.functions.iter().any(|(name, all)| {
            let mut all = all.iter().enumerate();
            all.any(|(ix, function)| {
                let body = || match self.body(name, ix) {
                    Some(Ok(body)) => names.iter().any(|name| body.names.contains(&**name)),
                    Some(Err(_)) | None => true,
                };
                let source = function.source.as_deref();
                !functions::is_trusted(function, name, self)
                    && source.is_some_and(|text| named(text) && body())
            })
        })
    }

    /// OIDs of the functions that nobody may call.
    fn dangerous(&self) -> &HashSet<u32> {
        self.dangerous
            .get_or_init(|| functions::dangerous(self).collect())
    }
}

//! Functions that no statement names: defaults, CHECKs, domains, indexes, row security, views, triggers, operators,
//! casts, aggregates and event triggers run them.
//!
//! What the server runs for an object is followed from object to object (`pg_depend`, and the names in the bodies)
//! to functions that could touch protected tables. It must never call an object free of them whose edges it has
//! not followed to their end.

use super::World;
use crate::catalog::{Function, Names, Object, Runs};
use crate::functions;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Operators that PostgreSQL looks up by name for CASE, IN, USING, BETWEEN and LIKE.
const IMPLICIT: [&str; 10] = ["=", "<>", "<", "<=", ">", ">=", "~~", "!~~", "~~*", "!~~*"];

/// A use of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Node {
    /// Of a relation, by whoever reads it; of anything else.
    Of(Object),
    /// Of a relation, by whoever writes to it.
    Writing(u32),
}

/// What could run a function that touches protected tables, and why, as in "it runs …".
#[derive(Debug, Default)]
pub(crate) struct Hazards {
    found: HashMap<Node, Arc<str>>,
    /// By bare name, in any schema.
    relations: HashMap<Arc<str>, Arc<str>>,
    types: HashMap<Arc<str>, Arc<str>>,
    operators: HashMap<Arc<str>, Arc<str>>,
}

impl Hazards {
    /// What reading the relation, or writing to it, runs.
    pub(crate) fn relation(&self, oid: u32, writes: bool) -> Option<&str> {
        let node = match writes {
            true => Node::Writing(oid),
            false => Node::Of(Object::Relation(oid)),
        };
        self.found.get(&node).map(|why| &**why)
    }

    /// What a relation or a type of that name could run, in any schema.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        let relation = self.relations.get(name);
        relation.or_else(|| self.types.get(name)).map(|why| &**why)
    }

    /// What the aggregate is made of.
    pub(crate) fn aggregate(&self, function: &Function) -> Option<&str> {
        let node = Node::Of(Object::Function(function.oid));
        self.found.get(&node).map(|why| &**why)
    }

    /// What a value of a type of that name runs.
    pub(crate) fn named_type(&self, name: &str) -> Option<&str> {
        self.types.get(name).map(|why| &**why)
    }

    /// What an operator of that name runs.
    pub(crate) fn operator(&self, name: &str) -> Option<&str> {
        self.operators.get(name).map(|why| &**why)
    }

    /// What any statement could run: by a cast between system types, or by an operator that it does not spell.
    pub(crate) fn statement(&self) -> Option<&str> {
        let any = self.found.get(&Node::Of(Object::Statement));
        let implicit = IMPLICIT.iter().find_map(|name| self.operators.get(*name));
        any.or(implicit).map(|why| &**why)
    }

    /// What DDL runs.
    pub(crate) fn ddl(&self) -> Option<&str> {
        let ddl = self.found.get(&Node::Of(Object::Ddl));
        ddl.map(|why| &**why)
    }

    /// Whether all of them are hazards of these, too.
    pub(super) fn are_among(&self, others: &Self) -> bool {
        self.found
            .keys()
            .all(|node| others.found.contains_key(node))
    }
}

impl World {
    /// What reading or writing the relation that a name means runs; `None` where nothing that could matter.
    pub(crate) fn hazard(
        &self,
        schema: Option<&str>,
        name: &str,
        names: &Names,
        writes: bool,
    ) -> Option<&str> {
        if !self.hazards.relations.contains_key(name) {
            return None;
        }
        let (_, relation) = self.relation(schema, name, names)?;
        self.hazards.relation(relation.oid, writes)
    }
}

/// Follows everything that runs code.
pub(super) fn judge(world: &World) -> Hazards {
    if world.catalog.runs.is_empty() || world.is_clear() {
        return Hazards::default();
    }
    let mut walk = Walk::over(world);
    let roots: Vec<Node> = walk.runs.keys().copied().collect();
    roots.into_iter().for_each(|node| walk.visit(node));
    while let Some(node) = walk.todo.pop() {
        walk.follow(node);
    }
    let mut hazards = Hazards {
        found: walk.spread(),
        ..Hazards::default()
    };
    let found = |node| hazards.found.get(&node).cloned();
    for ((_, name), relation) in &world.catalog.relations {
        if let Some(why) = found(Node::Writing(relation.oid)) {
            hazards.relations.insert(Arc::clone(name), why);
        }
    }
    for (name, oid) in &world.catalog.types {
        if let Some(why) = found(Node::Of(Object::Type(*oid))) {
            hazards.types.insert(Arc::clone(name), why);
        }
    }
    for operator in &world.catalog.operators {
        if let Some(why) = found(Node::Of(Object::Operator(operator.oid))) {
            hazards.operators.insert(Arc::clone(&operator.name), why);
        }
    }
    hazards
}

/// From what runs code to the code.
struct Walk<'w> {
    world: &'w World,
    named: Named<'w>,
    runs: HashMap<Node, Vec<Node>>,
    run_by: HashMap<Node, Vec<Node>>,
    seen: HashSet<Node>,
    todo: Vec<Node>,
    dangers: Vec<(Node, Arc<str>)>,
}

/// Objects by name, in any schema; functions by OID: name, and place among those of that name.
#[derive(Default)]
struct Named<'w> {
    functions: HashMap<u32, (&'w Arc<str>, usize)>,
    others: HashMap<&'w str, Vec<Node>>,
}

impl<'w> Named<'w> {
    fn of(world: &'w World) -> Self {
        let catalog = &world.catalog;
        let mut named = Self::default();
        for (name, all) in &catalog.functions {
            let all = all.iter().enumerate();
            let by_oid = all.map(|(ix, f)| (f.oid, (name, ix)));
            named.functions.extend(by_oid);
        }
        for (name, oid) in &catalog.types {
            named.is(name, Node::Of(Object::Type(*oid)));
        }
        for operator in &catalog.operators {
            named.is(&operator.name, Node::Of(Object::Operator(operator.oid)));
        }
        for ((_, name), relation) in &catalog.relations {
            named.is(name, Node::Writing(relation.oid));
        }
        named
    }

    fn is(&mut self, name: &'w str, node: Node) {
        self.others.entry(name).or_default().push(node);
    }
}

impl<'w> Walk<'w> {
    fn over(world: &'w World) -> Self {
        let mut walk = Self {
            world,
            named: Named::of(world),
            runs: HashMap::new(),
            run_by: HashMap::new(),
            seen: HashSet::new(),
            todo: Vec::new(),
            dangers: Vec::new(),
        };
        for relation in world.catalog.relations.values() {
            let oid = relation.oid;
            walk.edge(Node::Writing(oid), Node::Of(Object::Relation(oid)));
            let below = relation.depends_on.iter();
            below.for_each(|on| walk.relations(oid, *on));
            let above = relation.parents.iter();
            above.for_each(|parent| walk.relations(*parent, oid));
        }
        for runs in &world.catalog.runs {
            if walk.is_vouched_for(runs) {
                continue;
            }
            match (runs.from, runs.to, runs.by_writing) {
                (Object::Relation(from), Object::Relation(to), false) => walk.relations(from, to),
                (Object::Relation(from), Object::Relation(to), true) => {
                    walk.edge(Node::Writing(from), Node::Writing(to));
                }
                (Object::Relation(from), to, true) => walk.edge(Node::Writing(from), Node::Of(to)),
                (from, to, _) => walk.edge(Node::Of(from), Node::Of(to)),
            }
        }
        walk
    }

    /// Whoever reads or writes one does so with the other.
    fn relations(&mut self, one: u32, other: u32) {
        self.edge(Node::Writing(one), Node::Writing(other));
        let of = |oid| Node::Of(Object::Relation(oid));
        self.edge(of(one), of(other));
    }

    fn edge(&mut self, from: Node, to: Node) {
        self.runs.entry(from).or_default().push(to);
    }

    /// A type's or an operator's function of C: a value is all that it is given, and its extension made both.
    fn is_vouched_for(&self, runs: &Runs) -> bool {
        let Object::Function(oid) = runs.to else {
            return false;
        };
        let by_value = match runs.from {
            Object::Type(_) | Object::Operator(_) | Object::Family(_) | Object::Statement => true,
            Object::Relation(_) | Object::Function(_) | Object::Ddl => false,
        };
        by_value
            && self
                .function(oid)
                .is_some_and(|(_, _, f)| f.is_c_of_extension())
    }

    fn function(&self, oid: u32) -> Option<(&'w Arc<str>, usize, &'w Function)> {
        let (name, ix) = *self.named.functions.get(&oid)?;
        let all = self.world.catalog.functions.get(name)?;
        all.get(ix).map(|function| (name, ix, function))
    }

    fn visit(&mut self, node: Node) {
        if self.seen.insert(node) {
            self.todo.push(node);
        }
    }

    fn follow(&mut self, node: Node) {
        let mut next = self.runs.get(&node).cloned().unwrap_or_default();
        if let Node::Of(Object::Function(oid)) = node {
            match self.body(oid) {
                Ok(named) => next.extend(named),
                Err(why) => self.dangers.push((node, Arc::from(why))),
            }
        }
        for to in next {
            self.run_by.entry(to).or_default().push(node);
            self.visit(to);
        }
    }

    /// What the function's body could use; an error where that is something protected, or not known.
    fn body(&self, oid: u32) -> Result<Vec<Node>, String> {
        let Some((name, ix, function)) = self.function(oid) else {
            return Err("a function that is not known".into());
        };
        if function.aggregate || functions::is_trusted(function, name, self.world) {
            return Ok(Vec::new());
        }
        let body = functions::innocent(self.world, name, ix)
            .map_err(|why| format!("function {}.{name}, which {why}", function.schema))?;
        let mut next = Vec::new();
        for name in &body.names {
            let all = self.world.catalog.functions.get(name.as_str());
            let all = all.into_iter().flatten();
            next.extend(all.map(|f| Node::Of(Object::Function(f.oid))));
        }
        let operators = body.operators.iter().map(String::as_str).chain(IMPLICIT);
        let names = body.names.iter().map(String::as_str).chain(operators);
        let others = names.filter_map(|name| self.named.others.get(name));
        next.extend(others.flatten());
        Ok(next)
    }

    /// Every node from which a danger is reached, with the danger's own words.
    fn spread(mut self) -> HashMap<Node, Arc<str>> {
        let mut found = HashMap::new();
        while let Some((node, why)) = self.dangers.pop() {
            if found.insert(node, Arc::clone(&why)).is_none() {
                let by = self.run_by.remove(&node).unwrap_or_default();
                self.dangers
                    .extend(by.into_iter().map(|by| (by, Arc::clone(&why))));
            }
        }
        found
    }
}

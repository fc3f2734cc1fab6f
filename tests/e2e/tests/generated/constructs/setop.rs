//! Set operations: ALL carries any cell, the others compare deterministic ones of one group.

use super::super::author::Author;
use super::super::script::Script;
use super::{Construct, ordered, read, yes};

pub const ALL: &[Construct] = &[
    yes("set: UNION ALL", union_all),
    yes("set: UNION ALL of different columns", mixed),
    yes("set: UNION ALL with a constant", constant),
    yes("set: UNION ALL with NULL", null),
    yes("set: UNION", union),
    yes("set: INTERSECT and EXCEPT", intersect),
    yes("set: INTERSECT ALL, EXCEPT ALL", intersect_all),
    yes("set: nested", nested),
    yes("set: in FROM and IN", inside),
];

fn union_all(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT id, {p} FROM {n} WHERE id < {} UNION ALL SELECT id + 100, {p} FROM {n} WHERE k = {} ORDER BY 1",
        a.id(),
        a.number(12),
        p = p.name,
        n = t.name
    );
    ordered(a, sql)
}

fn mixed(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "SELECT id, {} AS v FROM {} WHERE k < {} UNION ALL SELECT id, {} FROM {}",
        t.shared(0).name,
        t.name,
        a.number(12),
        u.shared(0).name,
        u.name
    );
    read(a, sql)
}

fn constant(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT {} FROM {} UNION ALL SELECT {}",
        p.name,
        t.name,
        a.good(p)
    );
    read(a, sql)
}

fn null(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT id, {} AS p FROM {} WHERE id <> {} UNION ALL SELECT 0, NULL",
        p.name,
        t.name,
        a.id()
    );
    read(a, sql)
}

fn compare(a: &mut Author<'_>, operator: &str) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let sql = format!(
        "SELECT {} FROM {} WHERE k <> {} {operator} SELECT {} FROM {} WHERE id < {}",
        t.shared(g).name,
        t.name,
        a.number(12),
        u.shared(g).name,
        u.name,
        a.id()
    );
    read(a, sql)
}

fn union(a: &mut Author<'_>) -> Script {
    compare(a, "UNION")
}

fn intersect(a: &mut Author<'_>) -> Script {
    let operator = *a.rng.pick(&["INTERSECT", "EXCEPT"]);
    compare(a, operator)
}

fn intersect_all(a: &mut Author<'_>) -> Script {
    let operator = *a.rng.pick(&["INTERSECT ALL", "EXCEPT ALL"]);
    compare(a, operator)
}

fn nested(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "(SELECT {d} FROM {n} WHERE k < {} UNION SELECT {e} FROM {}) EXCEPT (SELECT {d} FROM {n} WHERE {d} = {})",
        a.number(12),
        u.name,
        a.good(t.shared(0)),
        d = t.shared(0).name,
        e = u.shared(0).name,
        n = t.name
    );
    read(a, sql)
}

fn inside(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "SELECT s.v, count(*) FROM (SELECT {d} AS v FROM {n} UNION ALL SELECT {e} FROM {m}) s WHERE s.v IN \
         (SELECT {d} FROM {n} WHERE k <> {} UNION SELECT {e} FROM {m} WHERE id = {}) GROUP BY s.v",
        a.number(12),
        a.id(),
        d = t.shared(1).name,
        e = u.shared(1).name,
        n = t.name,
        m = u.name
    );
    read(a, sql)
}

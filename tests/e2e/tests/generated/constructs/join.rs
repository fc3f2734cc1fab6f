//! Joins: on cells of one group, beside clear conditions, and through everything that can stand in FROM.

use super::super::author::Author;
use super::super::script::Script;
use super::{Construct, ordered, read, yes};

pub const ALL: &[Construct] = &[
    yes("join: ON", on),
    yes("join: LEFT RIGHT FULL", outer),
    yes("join: USING", using),
    yes("join: NATURAL", natural),
    yes("join: self", to_itself),
    yes("join: three tables", three),
    yes("join: on a clear column, cells along", clear),
    yes("join: LATERAL", lateral),
    yes("join: subquery with column aliases", aliases),
    yes("join: VALUES of constants", values),
    yes("join: VALUES that are shown too", values_shown),
    yes("join: unnest of an array", unnest),
    yes("join: generate_series", series),
    yes("join: alias of a join", join_alias),
    yes("join: nested subqueries", nested),
];

fn on(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let p = a.any(u);
    let sql = format!(
        "SELECT x.id, y.id, x.{d}, y.{} FROM {} x JOIN {} y ON y.{} = x.{d} AND y.k <> {} WHERE x.k < {}",
        p.name,
        t.name,
        u.name,
        u.shared(g).name,
        a.number(12),
        a.number(12),
        d = t.shared(g).name
    );
    read(a, sql)
}

fn outer(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let kind = *a.rng.pick(&["LEFT", "RIGHT", "FULL"]);
    let sql = format!(
        "SELECT x.id, y.id, x.{d}, y.{e} FROM {} x {kind} JOIN {} y ON x.{d} = y.{e} WHERE x.k = {} OR x.k IS NULL",
        t.name,
        u.name,
        a.number(12),
        d = t.shared(g).name,
        e = u.shared(g).name
    );
    read(a, sql)
}

fn using(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let kind = *a.rng.pick(&["", "LEFT ", "FULL "]);
    let sql = format!(
        "SELECT j, x.i, y.i FROM (SELECT {} AS j, id AS i FROM {} WHERE k < {}) x \
         {kind}JOIN (SELECT {} AS j, id AS i FROM {}) y USING (j)",
        t.shared(g).name,
        t.name,
        a.number(12),
        u.shared(g).name,
        u.name
    );
    read(a, sql)
}

fn natural(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let sql = format!(
        "SELECT * FROM (SELECT {} AS j, k, id AS i FROM {}) x NATURAL JOIN (SELECT {} AS j, c FROM {} WHERE id < {}) y",
        t.shared(g).name,
        t.name,
        u.shared(g).name,
        u.name,
        a.id()
    );
    read(a, sql)
}

fn to_itself(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT x.id, y.id, y.{d} FROM {n} AS x, {n} AS y WHERE x.{d} = y.{d} AND x.id < y.id AND x.k <> {}",
        a.number(12),
        d = d.name,
        n = t.name
    );
    read(a, sql)
}

fn three(a: &mut Author<'_>) -> Script {
    let [t, u, v] = [0, 1, 2].map(|i| &a.schema.tables[i]);
    let sql = format!(
        "SELECT x.id, y.id, z.id, z.{} FROM {} x JOIN {} y ON x.{} = y.{} LEFT JOIN {} z ON z.{} = y.{} \
         WHERE x.k = {} AND x.{} = {}",
        v.shared(0).name,
        t.name,
        u.name,
        t.shared(0).name,
        u.shared(0).name,
        v.name,
        v.shared(1).name,
        u.shared(1).name,
        a.number(12),
        t.shared(0).name,
        a.good(t.shared(0))
    );
    read(a, sql)
}

fn clear(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let u = &a.schema.plain;
    let (p, q) = (a.any(t), a.any(t));
    let sql = format!(
        "SELECT y.c, x.{}, x.{} AS q FROM {} x JOIN {} y USING (id) WHERE y.c = {} ORDER BY id",
        p.name,
        q.name,
        t.name,
        u.name,
        a.word()
    );
    ordered(a, sql)
}

fn lateral(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let p = a.any(u);
    let sql = format!(
        "SELECT x.id, l.p FROM {} x LEFT JOIN LATERAL (SELECT y.{} AS p FROM {} y WHERE y.{} = x.{} \
         ORDER BY y.id LIMIT {}) l ON true",
        t.name,
        p.name,
        u.name,
        u.shared(0).name,
        t.shared(0).name,
        a.number(4)
    );
    read(a, sql)
}

fn aliases(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let sql = format!(
        "SELECT s.one, s.two FROM (SELECT {}, {}, k FROM {}) AS s (one, two) WHERE s.two = {} OR s.k = {}",
        p.name,
        d.name,
        t.name,
        a.value(d),
        a.number(12)
    );
    read(a, sql)
}

fn values(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = t.shared(0);
    let sql = format!(
        "SELECT x.id, v.w FROM {} x JOIN (VALUES ({}, 'one'), ({}, 'two')) AS v (d, w) ON v.d = x.{}",
        t.name,
        a.good(d),
        a.good(d),
        d.name
    );
    read(a, sql)
}

fn values_shown(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = t.shared(0);
    let sql = format!(
        "SELECT v.d, x.id, v.w FROM {} x RIGHT JOIN (VALUES ({}, 'one'), ({}, 'two')) AS v (d, w) ON v.d = x.{}",
        t.name,
        a.good(d),
        a.good(d),
        d.name
    );
    read(a, sql)
}

fn unnest(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = t.shared(0);
    let sql = format!(
        "SELECT x.id, x.{d} FROM {} x JOIN unnest({}::text[]) AS u (d) ON u.d = x.{d}",
        t.name,
        a.array(d),
        d = d.name
    );
    read(a, sql)
}

fn series(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT n, x.{} FROM generate_series(1, {}) AS n LEFT JOIN {} x ON x.id = n",
        p.name,
        a.number(30),
        t.name
    );
    read(a, sql)
}

fn join_alias(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "SELECT y.id, x.{d}, y.{e} FROM ({} x CROSS JOIN {} y) WHERE x.{d} = y.{e} AND x.id = {}",
        t.name,
        u.name,
        a.id(),
        d = t.shared(1).name,
        e = u.shared(1).name
    );
    read(a, sql)
}

fn nested(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let sql = format!(
        "SELECT o.* FROM (SELECT i.p AS q, i.d FROM (SELECT {} AS p, {} AS d, id FROM {} WHERE id > {}) i \
         WHERE i.d IS NOT NULL) o WHERE o.d <> {}",
        p.name,
        d.name,
        t.name,
        a.id(),
        a.good(d)
    );
    read(a, sql)
}

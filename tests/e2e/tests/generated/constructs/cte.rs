//! WITH: plain, chained, recursive, and with writes in it.

use super::super::author::Author;
use super::super::script::Script;
use super::write::{NARROW, narrows};
use super::{Construct, read, write, yes};

pub const ALL: &[Construct] = &[
    yes("with: plain", plain),
    yes("with: MATERIALIZED, chained, aliases", chained),
    yes("with: recursive over clear, cells joined", recursive),
    yes("with: recursive carrying cells", recursive_cells),
    yes("with: recursive UNION over cells", recursive_union),
    yes("with: INSERT RETURNING", insert),
    yes("with: UPDATE RETURNING", update),
    yes("with: DELETE RETURNING", delete),
    yes("with: a CTE named as a table", shadowing),
    yes("with: CTE feeds INSERT", feeds),
];

fn plain(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let sql = format!(
        "WITH w AS (SELECT id, {} AS p, {} AS d FROM {}) SELECT w.*, w.p FROM w WHERE w.d = {} OR w.id = {}",
        p.name,
        d.name,
        t.name,
        a.value(d),
        a.id()
    );
    read(a, sql)
}

fn chained(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "WITH w (i, d) AS MATERIALIZED (SELECT id, {} FROM {} WHERE k < {}), v AS (SELECT w.d, count(*) AS n FROM w GROUP BY w.d) \
         SELECT v.d, v.n, x.id FROM v LEFT JOIN {} x ON x.{} = v.d",
        t.shared(0).name,
        t.name,
        a.number(12),
        u.name,
        u.shared(0).name
    );
    read(a, sql)
}

fn recursive(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {}) \
         SELECT r.n, x.{} FROM r LEFT JOIN {} x ON x.id = r.n",
        a.number(20),
        p.name,
        t.name
    );
    read(a, sql)
}

fn recursive_cells(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "WITH RECURSIVE r AS (SELECT id, {p}, 0 AS depth FROM {n} WHERE id = {} UNION ALL \
         SELECT x.id, x.{p}, r.depth + 1 FROM {n} x JOIN r ON x.id = r.id + 1 WHERE r.depth < {}) SELECT * FROM r",
        a.id(),
        a.number(6),
        p = p.name,
        n = t.name
    );
    read(a, sql)
}

fn recursive_union(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "WITH RECURSIVE r (d) AS (SELECT {d} FROM {} WHERE id = {} UNION SELECT y.{e} FROM {} y JOIN r ON y.{e} = r.d) \
         SELECT d FROM r",
        t.name,
        a.id(),
        u.name,
        d = t.shared(0).name,
        e = u.shared(0).name
    );
    read(a, sql)
}

fn insert(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "WITH w AS (INSERT INTO {} (id, {p}) VALUES ({}, {}) RETURNING id, {p} AS p) SELECT p, id FROM w",
        t.name,
        a.new_id(),
        a.good(p),
        p = p.name
    );
    write(a, t, sql)
}

fn update(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.random(t);
    let sql = format!(
        "WITH w AS (UPDATE {} SET {p} = {} WHERE k = {} RETURNING *) SELECT count(*), count(w.{p}) FROM w",
        t.name,
        a.value(p),
        a.number(12),
        p = p.name
    );
    write(a, t, sql)
}

fn delete(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "WITH w AS (DELETE FROM {} WHERE id = {} RETURNING {} AS d) SELECT y.id, w.d FROM w JOIN {} y ON y.{} = w.d",
        t.name,
        a.id(),
        t.shared(0).name,
        u.name,
        u.shared(0).name
    );
    write(a, t, sql)
}

fn shadowing(a: &mut Author<'_>) -> Script {
    let t = &a.schema.tables[0];
    let p = a.any(t);
    let sql = format!(
        "WITH {n} AS (SELECT id, {p} FROM {n} WHERE id < {}) SELECT {p} FROM {n}",
        a.id(),
        n = t.name,
        p = p.name
    );
    read(a, sql)
}

fn feeds(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "WITH w AS (SELECT id + 500 AS i, {d} AS d FROM {} WHERE id < {}) INSERT INTO {} (id, {e}) SELECT w.i, w.d FROM w RETURNING {e}",
        t.name,
        a.id(),
        u.name,
        d = t.shared(1).name,
        e = u.shared(1).name
    );
    write(a, u, sql).may_refuse(narrows(t.shared(1), u.shared(1)), NARROW)
}

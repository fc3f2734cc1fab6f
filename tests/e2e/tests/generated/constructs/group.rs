//! Grouping, DISTINCT and windows over deterministic cells.

use super::super::author::Author;
use super::super::script::Script;
use super::{Construct, ordered, read, yes};

pub const ALL: &[Construct] = &[
    yes("group: GROUP BY", group),
    yes("group: GROUP BY position and alias", position),
    yes("group: HAVING", having),
    yes("group: DISTINCT", distinct),
    yes("group: DISTINCT ON", distinct_on),
    yes("group: DISTINCT ON a clear column", distinct_on_clear),
    yes("group: GROUPING SETS", sets),
    yes("group: ROLLUP and CUBE", rollup),
    yes("window: PARTITION BY", window),
    yes("window: named, cells along", named),
    yes("window: values of other rows", neighbours),
    yes("group: of a join", join),
];

fn group(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT {d}, count(*), sum(k), min(c) FROM {} WHERE k <> {} GROUP BY {d}",
        t.name,
        a.number(12),
        d = d.name
    );
    read(a, sql)
}

fn position(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let by = *a.rng.pick(&["1, 2", "kk, x", "2, x"]);
    let sql = format!(
        "SELECT {} AS x, k % 3 AS kk, count(*) FROM {} WHERE id < {} GROUP BY {by}",
        d.name,
        t.name,
        a.id()
    );
    read(a, sql)
}

fn having(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT {d} FROM {} GROUP BY {d} HAVING count(*) > {} AND {d} IS DISTINCT FROM {}",
        t.name,
        a.number(3),
        a.good(d),
        d = d.name
    );
    read(a, sql)
}

fn distinct(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT DISTINCT {}, k % 2 AS b FROM {} WHERE k < {}",
        d.name,
        t.name,
        a.number(12)
    );
    read(a, sql)
}

fn distinct_on(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT DISTINCT ON ({d}) {d}, k IS NULL AS x FROM (SELECT * FROM {} WHERE k = {}) s",
        t.name,
        a.number(12),
        d = d.name
    );
    read(a, sql)
}

fn distinct_on_clear(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT DISTINCT ON (k) k, id, {} FROM {} WHERE id <> {} ORDER BY k, id",
        p.name,
        t.name,
        a.id()
    );
    ordered(a, sql)
}

fn sets(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT {d}, k % 2 AS kk, count(*), grouping({d}) FROM {} WHERE id < {} \
         GROUP BY GROUPING SETS (({d}), (k % 2), ())",
        t.name,
        a.id(),
        d = d.name
    );
    read(a, sql)
}

fn rollup(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let kind = *a.rng.pick(&["ROLLUP", "CUBE"]);
    let sql = format!(
        "SELECT {d}, c, count(*) FROM {} WHERE k <> {} GROUP BY {kind} ({d}, c)",
        t.name,
        a.number(12),
        d = d.name
    );
    read(a, sql)
}

fn window(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let sql = format!(
        "SELECT id, {}, count(*) OVER (PARTITION BY {d}), row_number() OVER (PARTITION BY {d} ORDER BY id) \
         FROM {} WHERE k < {} ORDER BY id",
        p.name,
        t.name,
        a.number(12),
        d = d.name
    );
    ordered(a, sql)
}

fn named(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let sql = format!(
        "SELECT id, {}, rank() OVER w, sum(k + {}) OVER (w ROWS UNBOUNDED PRECEDING) FROM {} \
         WINDOW w AS (PARTITION BY {}, c ORDER BY id) ORDER BY id",
        p.name,
        a.number(5),
        t.name,
        d.name
    );
    ordered(a, sql)
}

fn neighbours(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let function = *a.rng.pick(&[
        "lag(@) OVER (ORDER BY id)",
        "lead(@, 2) OVER (PARTITION BY k ORDER BY id)",
        "first_value(@) OVER (PARTITION BY k ORDER BY id)",
        "last_value(@) OVER (ORDER BY id)",
        "nth_value(@, 2) OVER (ORDER BY id)",
    ]);
    let sql = format!(
        "SELECT id, {} FROM {} WHERE id <> {} ORDER BY id",
        function.replace('@', &p.name),
        t.name,
        a.id()
    );
    ordered(a, sql)
}

fn join(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let sql = format!(
        "SELECT x.{d}, count(y.id), count(DISTINCT y.{e}) FROM {} x LEFT JOIN {} y ON x.{d} = y.{e} \
         WHERE x.k <> {} GROUP BY x.{d}",
        t.name,
        u.name,
        a.number(12),
        d = t.shared(g).name,
        e = u.shared(g).name
    );
    read(a, sql)
}

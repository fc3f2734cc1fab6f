//! ON CONFLICT and MERGE.

use super::super::author::Author;
use super::super::script::Script;
use super::{Construct, write, yes};

pub const ALL: &[Construct] = &[
    yes("upsert: DO NOTHING", nothing),
    yes("upsert: DO UPDATE with excluded", excluded),
    yes("upsert: DO UPDATE with a value", value),
    yes("upsert: DO UPDATE WHERE", only_where),
    yes("upsert: on cells", on_cells),
    yes("upsert: on a constraint, SET of several", constraint),
    yes("merge: VALUES", merge_values),
    yes("merge: table", merge_table),
    yes("merge: on cells", merge_cells),
    yes("merge: DELETE and DO NOTHING", merge_delete),
];

fn nothing(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let target = *a.rng.pick(&["", "(id) "]);
    let sql = format!(
        "INSERT INTO {} (id, {p}) VALUES ({}, {}), ({}, {}) ON CONFLICT {target}DO NOTHING RETURNING id, {p}",
        t.name,
        a.id(),
        a.good(p),
        a.new_id(),
        a.value(p),
        p = p.name
    );
    write(a, t, sql)
}

fn excluded(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "INSERT INTO {} (id, {p}, {d}) VALUES ({}, {}, {}) ON CONFLICT (id) DO UPDATE SET {p} = excluded.{p}, \
         {d} = EXCLUDED.{d}, k = excluded.id RETURNING {p}, {d}",
        t.name,
        a.id(),
        a.value(p),
        a.good(d),
        p = p.name,
        d = d.name
    );
    write(a, t, sql)
}

fn value(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "INSERT INTO {} AS x (id, {p}) VALUES ({}, {}) ON CONFLICT (id) DO UPDATE SET {p} = {}, c = {}",
        t.name,
        a.id(),
        a.good(p),
        a.value(p),
        a.word(),
        p = p.name
    );
    write(a, t, sql)
}

fn only_where(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "INSERT INTO {} AS x (id, {p}, {d}) VALUES ({}, {}, {}) ON CONFLICT (id) DO UPDATE SET {p} = excluded.{p} \
         WHERE x.{d} IS DISTINCT FROM excluded.{d} AND x.k <> {}",
        t.name,
        a.id(),
        a.good(p),
        a.good(d),
        a.number(12),
        p = p.name,
        d = d.name
    );
    write(a, t, sql)
}

/// The first table has a unique index on its group's column and k.
fn on_cells(a: &mut Author<'_>) -> Script {
    let t = &a.schema.tables[0];
    let (d, p) = (t.shared(0), a.random(t));
    let sql = format!(
        "INSERT INTO {} (id, {d}, k, {p}) VALUES ({}, {}, {}, {}) ON CONFLICT ({d}, k) DO UPDATE SET {p} = excluded.{p} \
         RETURNING id, {d}, {p}",
        t.name,
        a.new_id(),
        a.good(d),
        a.number(12),
        a.good(p),
        d = d.name,
        p = p.name
    );
    write(a, t, sql)
}

fn constraint(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let bare = t
        .name
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .replace('"', "");
    let sql = format!(
        "INSERT INTO {} (id, {p}, {d}) SELECT {}, {}, {} ON CONFLICT ON CONSTRAINT \"{bare}_pkey\" \
         DO UPDATE SET ({p}, {d}) = (excluded.{p}, {})",
        t.name,
        a.id(),
        a.good(p),
        a.good(d),
        a.good(d),
        p = p.name,
        d = d.name
    );
    write(a, t, sql)
}

fn merge_values(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "MERGE INTO {} AS x USING (VALUES ({}::int, {}::int)) AS s (id, k) ON x.id = s.id \
         WHEN MATCHED THEN UPDATE SET {p} = {} WHEN NOT MATCHED THEN INSERT (id, k, {p}) VALUES (s.id, s.k, {})",
        t.name,
        a.id(),
        a.number(5),
        a.value(p),
        a.good(p),
        p = p.name
    );
    write(a, t, sql)
}

fn merge_table(a: &mut Author<'_>) -> Script {
    let t = a.table();
    // not what the unique index is of: rows change places, and one could meet another that has not yet
    let p = a.random(t);
    let sql = format!(
        "MERGE INTO {n} x USING {n} y ON x.id = y.id + {} AND y.k < {} WHEN MATCHED AND x.k <> {} THEN UPDATE SET {p} = y.{p} \
         WHEN NOT MATCHED THEN INSERT (id, {p}) VALUES (y.id + 900, y.{p})",
        a.number(9),
        a.number(12),
        a.number(12),
        n = t.name,
        p = p.name
    );
    write(a, t, sql)
}

fn merge_cells(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let p = a.random(t);
    let sql = format!(
        // each row to a k of its own: nobody promises an order of rows, and one could meet another that moved before
        "MERGE INTO {} x USING (SELECT DISTINCT {e} AS d FROM {} WHERE {e} = {}) s ON x.{} = s.d \
         WHEN MATCHED THEN UPDATE SET {} = {}, k = -x.id",
        t.name,
        u.name,
        a.good(u.shared(0)),
        t.shared(0).name,
        p.name,
        a.good(p),
        e = u.shared(0).name
    );
    write(a, t, sql)
}

fn merge_delete(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let d = t.shared(0);
    let sql = format!(
        "MERGE INTO {} x USING {} y ON x.id = y.id WHEN MATCHED AND x.{} = {} THEN DELETE \
         WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN DO NOTHING",
        t.name,
        u.name,
        d.name,
        a.good(d)
    );
    write(a, t, sql)
}

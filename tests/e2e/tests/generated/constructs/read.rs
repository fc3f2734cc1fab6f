//! Projections: cells come back as values, through every expression that hands them on.

use super::super::author::Author;
use super::super::script::Script;
use super::{Construct, ordered, read, yes};

pub const ALL: &[Construct] = &[
    yes("read: columns", columns),
    yes("read: *", star),
    yes("read: t.* and clear expressions", qualified),
    yes("read: cast to its own type", own_type),
    yes("read: cast to another type", other_type).times(2),
    yes("read: IS NULL", null_test),
    yes("read: count", count),
    yes("read: CASE", case),
    yes("read: CASE with a value", case_value),
    yes("read: COALESCE", coalesce),
    yes("read: COALESCE of columns", coalesce_columns),
    yes("read: NULLIF", nullif),
    yes("read: comparison in the list", comparison),
    yes("read: scalar subquery", scalar),
    yes("read: LIMIT and OFFSET", limit),
    yes("read: FOR UPDATE", lock),
    yes("read: TABLESAMPLE", sample),
    yes("read: ONLY and TABLE", only),
    yes("read: constants only", constants),
    yes("read: execute in portions", portions),
    yes("read: partitioned table", partitioned).on("parts"),
    yes("read: one partition", partition).on("parts"),
];

fn columns(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, q) = (a.any(t), a.any(t));
    let sql = format!(
        "SELECT id, {}, {} AS x FROM {} WHERE id >= {} ORDER BY id",
        p.name,
        q.name,
        t.name,
        a.id()
    );
    ordered(a, sql)
}

fn star(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let sql = format!(
        "SELECT * FROM {} WHERE id <> {} ORDER BY id",
        t.name,
        a.id()
    );
    ordered(a, sql)
}

fn qualified(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT x.*, x.{}, upper(x.c), k + {} AS \"k+\" FROM {} AS x ORDER BY x.id DESC",
        p.name,
        a.number(9),
        t.name
    );
    ordered(a, sql)
}

fn own_type(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT {p}::{ty}, CAST({p} AS {ty}) AS y FROM {} WHERE id < {} ORDER BY id",
        t.name,
        a.id(),
        p = p.name,
        ty = p.ty.name
    );
    ordered(a, sql)
}

fn other_type(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let to: &[&str] = match p.ty.name.split('(').next().unwrap_or_default() {
        "text" | "varchar" | "char" => &["text", "varchar(3)", "char(5)", "varchar(200)"],
        "int2" => &["int4", "int8", "numeric", "float8", "text"],
        "int4" => &["int8", "numeric(14,2)", "float8", "text"],
        "int8" => &["numeric", "text", "varchar(4)"],
        "numeric" => &["numeric(30,1)", "text", "char(6)"],
        "float4" => &["float8", "text"],
        "date" => &["text", "timestamp", "timestamptz"],
        "timestamp" => &["text", "date", "timestamptz", "timestamp(0)"],
        "timestamptz" => &["text", "date", "timestamp", "timestamptz(0)"],
        "time" => &["text", "time(0)"],
        "json" => &["text", "jsonb"],
        "jsonb" => &["text", "json"],
        _ => &["text", "varchar(9)"],
    };
    let (x, y) = (*a.rng.pick(to), *a.rng.pick(to));
    let sql = format!(
        "SELECT id, {p}::{x}, q.y FROM (SELECT *, CAST({p} AS {y}) AS y FROM {}) q WHERE id < {} ORDER BY id",
        t.name,
        a.id(),
        p = p.name
    );
    ordered(a, sql)
}

fn null_test(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, q) = (a.any(t), a.any(t));
    let sql = format!(
        "SELECT id, {p} IS NULL, {p} FROM {} WHERE {} IS NOT NULL OR k = {}",
        t.name,
        q.name,
        a.number(12),
        p = p.name
    );
    read(a, sql)
}

fn count(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let sql = format!(
        "SELECT count(*), count({}), count(DISTINCT {d}), count(*) FILTER (WHERE {d} = {}) FROM {}",
        p.name,
        a.value(d),
        t.name,
        d = d.name
    );
    read(a, sql)
}

fn case(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        // not c = NULL: such a branch is left out when it is planned, and the portal is described without it
        "SELECT id, CASE WHEN k < {} THEN {p} WHEN c IS NOT DISTINCT FROM {} THEN NULL ELSE {p} END AS x FROM {}",
        a.number(12),
        a.word(),
        t.name,
        p = p.name
    );
    read(a, sql)
}

fn case_value(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let sql = format!(
        "SELECT id, CASE {} WHEN {} THEN 1 WHEN {} THEN 2 ELSE 3 END, CASE WHEN k = 1 THEN {} ELSE {} END FROM {}",
        d.name,
        a.value(d),
        a.good(d),
        p.name,
        a.value(p),
        t.name
    );
    read(a, sql)
}

/// Not with NULL: PostgreSQL leaves that COALESCE away when it plans, and the portal is described with the typmod that
/// the statement has lost.
fn coalesce(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT id, COALESCE({}, {}) FROM {}",
        p.name,
        a.good(p),
        t.name
    );
    read(a, sql)
}

fn coalesce_columns(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "SELECT x.id, COALESCE(x.{}, y.{}) FROM {} x JOIN {} y ON x.id = y.id WHERE x.k <> {}",
        t.shared(0).name,
        u.shared(0).name,
        t.name,
        u.name,
        a.number(12)
    );
    read(a, sql)
}

fn nullif(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT id, NULLIF({}, {}) FROM {}",
        d.name,
        a.good(d),
        t.name
    );
    read(a, sql)
}

fn comparison(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT id, {d} = {} AS is_it, {} <> {d}, {d} IN ({}, {}) FROM {}",
        a.value(d),
        a.good(d),
        a.value(d),
        a.good(d),
        t.name,
        d = d.name
    );
    read(a, sql)
}

fn scalar(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let p = a.any(u);
    let sql = format!(
        "SELECT x.id, (SELECT y.{} FROM {} y WHERE y.id = x.id AND y.k < {}) AS p, {} AS w FROM {} x",
        p.name,
        u.name,
        a.number(12),
        a.number(5),
        t.name
    );
    read(a, sql)
}

fn limit(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT {} FROM {} ORDER BY id DESC LIMIT {} OFFSET {}",
        p.name,
        t.name,
        a.number(9),
        a.number(9)
    );
    ordered(a, sql)
}

fn lock(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let how = *a.rng.pick(&[
        "UPDATE",
        "NO KEY UPDATE NOWAIT",
        "SHARE SKIP LOCKED",
        "KEY SHARE OF x",
    ]);
    let sql = format!(
        "SELECT x.{} FROM {} x WHERE x.id = {} FOR {how}",
        p.name,
        t.name,
        a.id()
    );
    read(a, sql)
}

fn sample(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT id, {} FROM {} TABLESAMPLE BERNOULLI (100) REPEATABLE (1) WHERE id < {}",
        p.name,
        t.name,
        a.id()
    );
    read(a, sql)
}

fn only(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = match a.rng.percent(50) {
        true => format!("TABLE {}", t.name),
        false => format!(
            "SELECT {} FROM ONLY {} WHERE k = {}",
            p.name,
            t.name,
            a.number(12)
        ),
    };
    read(a, sql)
}

fn constants(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let sql = format!(
        "SELECT {}::text, {} + 1, $$a $1 b$$, E'\\\\', U&'\\0061' FROM {} WHERE {}::bool IS NOT NULL",
        a.word(),
        a.number(5),
        t.name,
        a.truth()
    );
    read(a, sql)
}

fn portions(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT id, {} FROM {} WHERE id > {} ORDER BY id",
        p.name,
        t.name,
        a.id()
    );
    let piece = a.piece(sql).ordered().fetching(3);
    Script::read(&mut a.rng, vec![piece])
}

fn partitioned(a: &mut Author<'_>) -> Script {
    let t = &a.schema.partitioned;
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT * FROM parts WHERE k <> {} OR {} = {}",
        a.number(5),
        d.name,
        a.value(d)
    );
    read(a, sql)
}

fn partition(a: &mut Author<'_>) -> Script {
    let t = &a.schema.partitioned;
    let p = a.any(t);
    let from = *a.rng.pick(&["parts_a", "parts_rest", "ONLY parts"]);
    let sql = format!(
        "SELECT id, {} FROM {from} WHERE k < {}",
        p.name,
        a.number(9)
    );
    read(a, sql)
}

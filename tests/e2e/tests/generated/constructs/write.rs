//! Writes: literals, parameters, DEFAULT, NULL and columns of the same group, in every form of INSERT, UPDATE, DELETE.

use super::super::author::Author;
use super::super::schema::{Column, Table};
use super::super::script::Script;
use super::{Construct, write, yes};

pub const ALL: &[Construct] = &[
    yes("insert: VALUES", values),
    yes("insert: many rows", many),
    yes("insert: no column list", all_columns),
    yes("insert: DEFAULT and NULL", default),
    yes("insert: RETURNING", returning),
    yes("insert: alias, RETURNING *", alias),
    yes("insert: SELECT of constants", select_constants),
    yes("insert: SELECT FROM VALUES", select_values),
    yes("insert: SELECT of the same columns", select_same),
    yes("insert: SELECT of a group's column", select_group),
    yes("insert: partitioned table", partitioned).on("parts"),
    yes("update: SET", set),
    yes("update: where a cell", set_where),
    yes("update: NULL and DEFAULT", set_null),
    yes("update: SET of several columns", set_row),
    yes("update: SET (…) = (SELECT …)", set_subquery),
    yes("update: a column of the group", set_column),
    yes("update: FROM", set_from),
    yes("update: FROM with a value of the group", set_from_group),
    yes("update: FROM VALUES, cast", set_from_values),
    yes("insert: SELECT unnest", select_unnest),
    yes("update: FROM VALUES, text that is cast", set_from_text),
    yes("update: CASE of text under a cast", case_of_text),
    yes("update: CASE", set_case),
    yes("update: COALESCE", set_coalesce),
    yes("update: COALESCE of values", set_coalesce_values).times(2),
    yes("insert: NULLIF", insert_nullif),
    yes("update: NULLIF", set_nullif),
    yes("update: RETURNING", set_returning),
    yes("update: clear columns by a cell", set_clear),
    yes("update: partitioned table", update_parts).on("parts"),
    yes("delete: WHERE a cell", delete),
    yes("delete: USING", delete_using),
    yes("delete: RETURNING *", delete_returning),
    yes("truncate", truncate),
];

fn values(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "INSERT INTO {} (id, {}, c, {}) VALUES ({}, {}, {}, {})",
        t.name,
        p.name,
        d.name,
        a.new_id(),
        a.value(p),
        a.word(),
        a.value(d)
    );
    write(a, t, sql)
}

fn many(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let rows: Vec<String> = (0..1 + a.rng.below(5))
        .map(|i| {
            let id = a.given(600 + i);
            format!("({}, {id}, {}, {})", a.value(p), a.good(d), a.number(5))
        })
        .collect();
    let sql = format!(
        "INSERT INTO {} ({}, id, {}, k) VALUES {}",
        t.name,
        p.name,
        d.name,
        rows.join(", ")
    );
    write(a, t, sql)
}

fn row(a: &mut Author<'_>, t: &Table) -> String {
    let values: Vec<String> = t
        .columns
        .iter()
        .map(|c| match c.name.as_str() {
            "id" => a.new_id(),
            _ => a.good(c),
        })
        .collect();
    values.join(", ")
}

fn all_columns(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let row = row(a, t);
    write(a, t, format!("INSERT INTO {} VALUES ({row})", t.name))
}

fn default(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "INSERT INTO {} (id, {}, {}) VALUES ({}, DEFAULT, {})",
        t.name,
        p.name,
        d.name,
        a.new_id(),
        a.null(d)
    );
    write(a, t, sql)
}

fn returning(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "INSERT INTO {} (id, {p}, {d}) VALUES ({}, {}, {}) RETURNING {d}, id AS i, {p} AS \"P\", {p} IS NULL",
        t.name,
        a.new_id(),
        a.value(p),
        a.value(d),
        p = p.name,
        d = d.name
    );
    write(a, t, sql)
}

fn alias(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "INSERT INTO {} AS x (id, {}) VALUES ({}, {}) RETURNING x.*",
        t.name,
        p.name,
        a.new_id(),
        a.good(p)
    );
    write(a, t, sql)
}

fn select_constants(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "INSERT INTO {} (id, {}) SELECT {}, {} WHERE NOT EXISTS (SELECT 1 FROM {} WHERE id = {})",
        t.name,
        p.name,
        a.new_id(),
        a.good(p),
        t.name,
        a.id()
    );
    write(a, t, sql)
}

fn select_values(a: &mut Author<'_>) -> Script {
    let t = a.table();
    // text: undeclared parameters of a VALUES list are text, which PostgreSQL assigns to nothing else
    let p = t.shared(0);
    let sql = format!(
        "INSERT INTO {} (id, {}) SELECT v.i, v.p FROM (VALUES (CAST({} AS int4), {})) AS v (i, p)",
        t.name,
        p.name,
        a.new_id(),
        a.good(p)
    );
    write(a, t, sql)
}

fn select_same(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "INSERT INTO {n} (id, {p}) SELECT id + {}, {p} FROM {n} WHERE id < 26 RETURNING id, {p}",
        a.given(700),
        n = t.name,
        p = p.name
    );
    write(a, t, sql)
}

/// What the refusal of such a copy says.
pub(super) const NARROW: &str = "they do not share a group and a type";

/// A text that is longer than its target's varchar could not be cut on cells: then a refusal is right.
pub(super) fn narrows(from: &Column, to: &Column) -> bool {
    from.ty.name != to.ty.name && to.ty.name != "text" && to.ty.name != "int8"
}

fn select_group(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let (d, e) = (t.shared(g), u.shared(g));
    let sql = format!(
        "INSERT INTO {} (id, k, {}) SELECT x.id + 800, {}, x.{} FROM {} x WHERE x.k <> {}",
        u.name,
        e.name,
        a.number(5),
        d.name,
        t.name,
        a.number(12)
    );
    write(a, u, sql).may_refuse(narrows(d, e), NARROW)
}

fn partitioned(a: &mut Author<'_>) -> Script {
    let t = &a.schema.partitioned;
    let p = a.any(t);
    let sql = format!(
        "INSERT INTO parts (id, k, {p}) VALUES ({}, {}, {}), (901, 9, NULL) RETURNING {p}, k",
        a.new_id(),
        a.number(5),
        a.value(p),
        p = p.name
    );
    write(a, t, sql)
}

fn set(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "UPDATE {} SET {} = {}, {} = {}, c = {} WHERE id = {}",
        t.name,
        p.name,
        a.value(p),
        d.name,
        a.value(d),
        a.word(),
        a.id()
    );
    write(a, t, sql)
}

fn set_where(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "UPDATE {} AS x SET {} = {} WHERE x.{} = {} AND x.id < {}",
        t.name,
        p.name,
        a.good(p),
        d.name,
        a.good(d),
        a.id()
    );
    write(a, t, sql)
}

fn set_null(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "UPDATE {} SET {} = NULL, {} = DEFAULT WHERE id = {}",
        t.name,
        p.name,
        d.name,
        a.id()
    );
    write(a, t, sql)
}

fn set_row(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "UPDATE {} SET ({}, k, {}) = ({}, {}, {}) WHERE id = {}",
        t.name,
        p.name,
        d.name,
        a.value(p),
        a.number(5),
        a.good(d),
        a.id()
    );
    write(a, t, sql)
}

fn set_subquery(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "UPDATE {n} SET ({p}, {d}) = (SELECT y.{p}, y.{d} FROM {n} y WHERE y.id = {}) WHERE id = {}",
        a.id(),
        a.id(),
        n = t.name,
        p = p.name,
        d = d.name
    );
    write(a, t, sql)
}

fn set_column(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "UPDATE {} SET {p} = {p}, {d} = {d}, k = k + {} WHERE id = {}",
        t.name,
        a.number(5),
        a.id(),
        p = p.name,
        d = d.name
    );
    write(a, t, sql)
}

fn set_from(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let p = a.random(t);
    let sql = format!(
        "UPDATE {} AS x SET {} = {} FROM {} y WHERE y.{} = x.{} AND y.id = {}",
        t.name,
        p.name,
        a.good(p),
        u.name,
        u.shared(0).name,
        t.shared(0).name,
        a.id()
    );
    write(a, t, sql)
}

/// As psycopg2's execute_values writes it: constants, and a cast where the type would be text.
fn set_from_values(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let rows: Vec<String> = (0..2 + a.rng.below(3))
        .map(|ix| {
            let value = a.good(p);
            format!("({ix}, {})", a.constant(value))
        })
        .collect();
    from_values(a, t, p, &rows)
}

/// Many rows of one array a column.
fn select_unnest(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = t.shared(0);
    let sql = format!(
        "INSERT INTO {} (id, {}) SELECT generate_series({}, 520), unnest({}::text[]) LIMIT 3",
        t.name,
        d.name,
        a.new_id(),
        a.array(d)
    );
    write(a, t, sql)
}

fn set_from_text(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let rows: Vec<String> = (0..1 + a.rng.below(3))
        .map(|ix| format!("({ix}, {})", a.as_text(p)))
        .collect();
    from_values(a, t, p, &rows)
}

/// Each row is a number and a value.
fn from_values(a: &mut Author<'_>, t: &Table, p: &Column, rows: &[String]) -> Script {
    let sql = format!(
        "UPDATE {} AS x SET {} = v.p::{} FROM (VALUES {}) AS v (i, p) WHERE x.id = v.i + {}",
        t.name,
        p.name,
        p.ty.name,
        rows.join(", "),
        a.id()
    );
    write(a, t, sql)
}

/// As Django's bulk_update writes it.
fn case_of_text(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let otherwise = match a.rng.below(3) {
        0 => String::new(),
        1 => " ELSE NULL".to_owned(),
        _ => format!(" ELSE {}", a.as_text(p)),
    };
    let sql = format!(
        "UPDATE {} SET {} = (CASE WHEN id = {} THEN {} WHEN k < 4 THEN {}{otherwise} END)::{} WHERE id < {}",
        t.name,
        p.name,
        a.id(),
        a.as_text(p),
        a.as_text(p),
        p.ty.name,
        a.id()
    );
    write(a, t, sql)
}

fn set_from_group(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let (d, e) = (t.shared(g), u.shared(g));
    let sql = format!(
        "UPDATE {} SET {} = y.{} FROM {} y WHERE y.id = {}.id AND y.id = {} RETURNING y.{}",
        t.name,
        d.name,
        e.name,
        u.name,
        t.name,
        a.id(),
        e.name
    );
    write(a, t, sql).may_refuse(narrows(e, d), NARROW)
}

/// A column whose values text is assigned to: PostgreSQL takes what has no type among values for text.
fn of_text(a: &mut Author<'_>, t: &Table) -> Column {
    let is_text = |c: &&&Column| {
        let name = c.ty.name;
        name == "text" || name.starts_with("varchar") || name.starts_with("char")
    };
    let columns = t.protected();
    let columns: Vec<_> = columns.iter().filter(is_text).collect();
    (**a.rng.pick(&columns)).clone()
}

fn set_coalesce_values(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = match a.rng.below(3) {
        0 => a.any(t).clone(),
        _ => of_text(a, t),
    };
    let sql = format!(
        "UPDATE {} SET {} = COALESCE({}, {}) WHERE id < {}",
        t.name,
        p.name,
        a.value(&p),
        a.good(&p),
        a.id()
    );
    write(a, t, sql)
}

/// As forms are stored: what was left empty is NULL.
fn insert_nullif(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = of_text(a, t);
    let sql = format!(
        "INSERT INTO {} (id, {p}) VALUES ({}, NULLIF({}, {}))",
        t.name,
        a.new_id(),
        or_empty(a, &p),
        empty(a),
        p = p.name
    );
    write(a, t, sql)
}

/// The same of any type, by a cast.
fn set_nullif(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t).clone();
    let given = or_empty(a, &p);
    let sql = format!(
        "UPDATE {} SET {q} = COALESCE(NULLIF({given}, {})::{}, {q}) WHERE id < {}",
        t.name,
        empty(a),
        p.ty.name,
        a.id(),
        q = p.name
    );
    write(a, t, sql)
}

fn or_empty(a: &mut Author<'_>, p: &Column) -> String {
    match a.rng.below(3) {
        0 => a.text(String::new()),
        _ => a.as_text(p),
    }
}

fn empty(a: &mut Author<'_>) -> String {
    let empty = a.text(String::new());
    a.constant(empty)
}

fn set_case(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "UPDATE {} SET {p} = CASE WHEN k < {} THEN {} WHEN c IS NULL THEN NULL ELSE {p} END WHERE id < {}",
        t.name,
        a.number(12),
        a.good(p),
        a.id(),
        p = p.name
    );
    write(a, t, sql)
}

fn set_coalesce(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "UPDATE {} SET {p} = COALESCE({p}, {}) WHERE id < {}",
        t.name,
        a.good(p),
        a.id(),
        p = p.name
    );
    write(a, t, sql)
}

fn set_returning(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "UPDATE {} SET {p} = {} WHERE id = {} RETURNING *, {p} AS again",
        t.name,
        a.value(p),
        a.id(),
        p = p.name
    );
    write(a, t, sql)
}

fn set_clear(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let u = &a.schema.plain;
    let sql = format!(
        "UPDATE {} SET c = {} WHERE id IN (SELECT id FROM {} WHERE {} = {}) RETURNING *",
        u.name,
        a.word(),
        t.name,
        d.name,
        a.good(d)
    );
    write(a, u, sql)
}

fn update_parts(a: &mut Author<'_>) -> Script {
    let t = &a.schema.partitioned;
    let (p, d) = (a.random(t), a.deterministic(t));
    let sql = format!(
        "UPDATE parts SET k = {}, {} = {} WHERE {} = {} OR id = 3",
        a.given(3),
        p.name,
        a.good(p),
        d.name,
        a.good(d)
    );
    write(a, t, sql)
}

fn delete(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "DELETE FROM {} WHERE {} = {} AND k = {}",
        t.name,
        d.name,
        a.good(d),
        a.number(12)
    );
    write(a, t, sql)
}

fn delete_using(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let p = a.any(t);
    let sql = format!(
        "DELETE FROM {} AS x USING {} y WHERE x.{} = y.{} AND y.id = {} RETURNING x.{}, y.id",
        t.name,
        u.name,
        t.shared(0).name,
        u.shared(0).name,
        a.id(),
        p.name
    );
    Script::undone(vec![a.piece(sql), a.state(t)])
}

fn delete_returning(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let sql = format!("DELETE FROM {} WHERE id > {} RETURNING *", t.name, a.id());
    Script::undone(vec![a.piece(sql), a.state(t)])
}

fn truncate(a: &mut Author<'_>) -> Script {
    let t = a.table();
    Script::undone(vec![a.piece(format!("TRUNCATE {}", t.name)), a.state(t)])
}

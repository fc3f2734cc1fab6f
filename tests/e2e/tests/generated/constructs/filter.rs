//! Conditions on deterministic cells: equality in all its forms.

use super::super::author::Author;
use super::super::script::Script;
use super::{Construct, read, yes};

pub const ALL: &[Construct] = &[
    yes("filter: =", equal),
    yes("filter: value on the left", left),
    yes("filter: <>", unequal),
    yes("filter: IN list", list),
    yes("filter: NOT IN list", not_list),
    yes("filter: IN subquery", subquery),
    yes("filter: NOT IN subquery", not_subquery),
    yes("filter: = ANY array", any_array),
    yes("filter: = ANY ARRAY[...]", any_list).times(2),
    yes("filter: <> ALL array", all_array),
    yes("filter: = ANY subquery", any_subquery),
    yes("filter: <> ALL subquery", all_subquery),
    yes("filter: IS DISTINCT FROM", distinct_from),
    yes("filter: row = row", row),
    yes("filter: row IN rows", row_list),
    yes("filter: row IN subquery", row_subquery),
    yes("filter: AND OR NOT", logic),
    yes("filter: column = column", columns),
    yes("filter: EXISTS correlated", exists),
    yes("filter: CASE", case),
    yes("filter: COALESCE", coalesce),
    yes("filter: NULLIF", nullif),
    yes("filter: cast of the column", cast),
    yes("filter: the same value twice", twice),
    yes("filter: = scalar subquery", scalar),
    yes("filter: beside a clear one with the same value", both_sides),
];

/// `SELECT id, a column FROM a table WHERE …` with a deterministic column.
fn filtered(
    a: &mut Author<'_>,
    make: fn(&mut Author<'_>, &super::super::schema::Column) -> String,
) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let condition = make(a, d);
    read(
        a,
        format!("SELECT id, {} FROM {} WHERE {condition}", p.name, t.name),
    )
}

fn equal(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| format!("{} = {}", d.name, a.value(d)))
}

fn left(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| format!("{} = {}", a.value(d), d.name))
}

fn unequal(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!(
            "{} <> {} AND {} != {}",
            d.name,
            a.value(d),
            d.name,
            a.good(d)
        )
    })
}

fn list(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!(
            "{} IN ({}, {}, {})",
            d.name,
            a.value(d),
            a.good(d),
            a.null(d)
        )
    })
}

fn not_list(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!("{} NOT IN ({}, {})", d.name, a.good(d), a.value(d))
    })
}

fn any_array(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| format!("{} = ANY ({})", d.name, a.array(d)))
}

/// An unknown element takes the type of the others, but not what a modifier would make of it.
fn any_list(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!("{} = ANY (ARRAY[{}, {}])", d.name, a.good(d), a.good(d))
    })
}

fn all_array(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| format!("{} <> ALL ({})", d.name, a.array(d)))
}

fn distinct_from(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!(
            "{} IS DISTINCT FROM {} AND {} IS NOT DISTINCT FROM {}",
            d.name,
            a.good(d),
            d.name,
            a.value(d)
        )
    })
}

fn row(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!("({}, k) = ({}, {})", d.name, a.good(d), a.number(12))
    })
}

fn row_list(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!(
            "(k, {}) IN (({}, {}), ({}, {}))",
            d.name,
            a.number(12),
            a.good(d),
            a.number(12),
            a.value(d)
        )
    })
}

fn logic(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!(
            "NOT ({d} = {} OR (k < {} AND {d} <> {})) IS TRUE AND (c = {} OR {d} IS NULL)",
            a.value(d),
            a.number(12),
            a.good(d),
            a.word(),
            d = d.name
        )
    })
}

fn case(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!(
            "CASE WHEN {} = {} THEN true ELSE k = {} END",
            d.name,
            a.good(d),
            a.number(12)
        )
    })
}

fn coalesce(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!("COALESCE({}, {}) = {}", d.name, a.good(d), a.good(d))
    })
}

fn nullif(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!("NULLIF({}, {}) IS NULL", d.name, a.good(d))
    })
}

fn cast(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        format!("{}::{} = {}", d.name, d.ty.name, a.good(d))
    })
}

fn twice(a: &mut Author<'_>) -> Script {
    filtered(a, |a, d| {
        let v = a.good(d);
        format!(
            "{} = {v} OR ({} <> {v} AND k = {})",
            d.name,
            d.name,
            a.number(12)
        )
    })
}

fn subquery(a: &mut Author<'_>) -> Script {
    of_two(a, |t, u| {
        format!("x.{t} IN (SELECT y.{u} FROM @ y WHERE y.k < #)")
    })
}

fn not_subquery(a: &mut Author<'_>) -> Script {
    of_two(a, |t, u| {
        format!("x.{t} NOT IN (SELECT {u} FROM @ WHERE {u} IS NOT NULL AND k = #)")
    })
}

fn any_subquery(a: &mut Author<'_>) -> Script {
    of_two(a, |t, u| {
        format!("x.{t} = ANY (SELECT {u} FROM @ WHERE k > #)")
    })
}

fn all_subquery(a: &mut Author<'_>) -> Script {
    of_two(a, |t, u| {
        format!("x.{t} <> ALL (SELECT {u} FROM @ WHERE k = #)")
    })
}

fn row_subquery(a: &mut Author<'_>) -> Script {
    of_two(a, |t, u| {
        format!("(x.{t}, x.k) IN (SELECT {u}, k FROM @ WHERE k <> #)")
    })
}

fn exists(a: &mut Author<'_>) -> Script {
    of_two(a, |t, u| {
        format!("EXISTS (SELECT 1 FROM @ y WHERE y.{u} = x.{t} AND y.k = #)")
    })
}

fn scalar(a: &mut Author<'_>) -> Script {
    of_two(a, |t, u| {
        format!("x.{t} = (SELECT {u} FROM @ WHERE id = #)")
    })
}

fn columns(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let sql = format!(
        "SELECT x.id, y.id, x.{d} FROM {} x, {} y WHERE x.{d} = y.{} AND x.k < {}",
        t.name,
        u.name,
        u.shared(g).name,
        a.number(12),
        d = t.shared(g).name
    );
    read(a, sql)
}

fn both_sides(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = t.shared(1);
    let v = a.given(7);
    read(
        a,
        format!(
            "SELECT id, {d} FROM {} WHERE {d} = {v} OR k = {v}",
            t.name,
            d = d.name
        ),
    )
}

/// A condition on two tables of one group; `@` in it is the other table, `#` a number.
fn of_two(a: &mut Author<'_>, make: fn(&str, &str) -> String) -> Script {
    let (t, u) = a.two();
    let g = a.rng.below(2);
    let p = a.any(t);
    let n = a.number(12);
    let condition = make(&t.shared(g).name, &u.shared(g).name)
        .replace('@', &u.name)
        .replace('#', &n);
    read(
        a,
        format!(
            "SELECT x.id, x.{} FROM {} x WHERE {condition}",
            p.name, t.name
        ),
    )
}

//! What users see who may not see everything: masked columns through their masks, and all that is not denied.

use super::super::author::Author;
use super::super::policy::{Access, BILLING, ROLES};
use super::super::schema::{Column, Table};
use super::super::script::{Piece, Script};
use super::copy::UNBOUND;
use super::{Construct, yes};

pub const ALL: &[Construct] = &[
    yes("roles: masked columns", columns).times(2),
    yes("roles: masked through queries", queries).times(4),
    yes("roles: masked by RETURNING", returning).times(2),
    yes("roles: masked by a cursor", cursor),
    yes("roles: masked by EXECUTE", execute),
    yes("roles: masked by COPY TO", copy).only(UNBOUND).times(4),
    yes("roles: masked through a view", view),
    yes("roles: masked in partitions", partitions).on("parts"),
    yes("roles: masked in children", children).on("family"),
    yes("roles: what is in clear", clear).times(2),
    yes("roles: what nobody protects", unprotected).times(3),
];

/// Result columns at these places come through their column's mask.
fn masked(piece: Piece, at: &[usize], column: &Column) -> Piece {
    let masks = at.iter().map(|at| (*at, column.mask, column.ty));
    piece.masked(masks.collect())
}

fn reading(a: &mut Author<'_>, sql: String, at: &[usize], column: &Column) -> Script {
    let piece = masked(a.piece(sql), at, column);
    Script::read(&mut a.rng, vec![piece]).by(ROLES[BILLING])
}

fn columns(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let m = a.open_to(t, BILLING, Access::Mask);
    let n = a.open_to(t, BILLING, Access::Mask);
    let c = a.open_to(t, BILLING, Access::Clear);
    let sql = format!(
        "SELECT {m}, id, {n} AS x, {}, x.{m} AS \"M\" FROM {} x WHERE id >= {} ORDER BY id",
        c.name,
        t.name,
        a.id(),
        m = m.name,
        n = n.name
    );
    let piece = a.piece(sql).ordered().masked(vec![
        (0, m.mask, m.ty),
        (2, n.mask, n.ty),
        (4, m.mask, m.ty),
    ]);
    Script::read(&mut a.rng, vec![piece]).by(ROLES[BILLING])
}

fn queries(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let m = a.open_to(t, BILLING, Access::Mask);
    let c = a.open_to(t, BILLING, Access::Clear);
    let (n, id) = (&t.name, a.id());
    let (m_, c_) = (&m.name, &c.name);
    let (at, sql): (&[usize], String) = match a.rng.below(13) {
        0 => (
            &[1],
            format!("SELECT s.* FROM (SELECT id, {m_}, {c_} AS c FROM {n}) s WHERE s.id <> {id}"),
        ),
        1 => (
            &[0, 2],
            format!(
                "WITH w AS (SELECT {m_} AS p, id FROM {n} WHERE id > {id}) SELECT w.*, w.p FROM w"
            ),
        ),
        2 => (
            &[1],
            format!(
                "WITH RECURSIVE r AS (SELECT id, {m_} FROM {n} WHERE id = {id} UNION ALL \
                 SELECT x.id, x.{m_} FROM {n} x JOIN r ON x.id = r.id + 1) SELECT * FROM r"
            ),
        ),
        3 => (
            &[0],
            format!(
                "SELECT {m_} FROM {n} WHERE k < 5 UNION ALL SELECT {m_} FROM {n} WHERE id = {id}"
            ),
        ),
        4 => (
            &[0],
            format!("SELECT {m_} FROM {n} UNION ALL SELECT NULL WHERE {id} = 1"),
        ),
        5 => (
            &[1],
            format!("SELECT id, CASE WHEN id < {id} THEN {m_} END AS x FROM {n}"),
        ),
        6 => (
            &[0],
            format!(
                "SELECT (SELECT y.{m_} FROM {n} y WHERE y.id = x.id), x.id FROM {} x WHERE x.id <> {id}",
                u.name
            ),
        ),
        7 => (
            &[1],
            format!(
                "SELECT x.id, l.p FROM {} x LEFT JOIN LATERAL (SELECT y.{m_} AS p FROM {n} y WHERE y.id = x.id) l ON x.id > {id}",
                u.name
            ),
        ),
        8 => (
            &[0],
            format!("SELECT {m_}::{} FROM {n} WHERE id < {id}", m.ty.name),
        ),
        9 => (
            &[0],
            format!("SELECT DISTINCT ON (k) {m_}, id FROM {n} WHERE id <> {id} ORDER BY k, id"),
        ),
        10 => (
            &[0],
            format!(
                "SELECT {m_}, row_number() OVER (PARTITION BY k ORDER BY id) FROM {n} WHERE id > {id}"
            ),
        ),
        11 => (
            &[0],
            format!("SELECT {m_} FROM {n} WHERE {id} <> id AND {c_} IS NOT NULL FOR SHARE"),
        ),
        _ => (
            &[0],
            format!(
                "SELECT {m_} FROM {n} WHERE id IN (SELECT id FROM {} WHERE id <> {id}) ORDER BY id LIMIT 7",
                u.name
            ),
        ),
    };
    reading(a, sql, at, m)
}

fn returning(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let m = a.open_to(t, BILLING, Access::Mask);
    let c = a.open_to(t, BILLING, Access::Clear);
    let sql = match a.rng.below(4) {
        0 => format!(
            "UPDATE {} SET c = {}, {} = {} WHERE id = {} RETURNING {}, id",
            t.name,
            a.word(),
            c.name,
            a.good(c),
            a.id(),
            m.name
        ),
        1 => format!(
            "DELETE FROM {} WHERE id > {} RETURNING {}",
            t.name,
            a.id(),
            m.name
        ),
        2 => format!(
            "WITH w AS (UPDATE {} SET k = {} WHERE id > {} RETURNING {} AS p) SELECT w.p FROM w",
            t.name,
            a.given(300),
            a.given(23),
            m.name
        ),
        _ => format!(
            "INSERT INTO {} (id, {}) VALUES ({}, {}) RETURNING {}",
            t.name,
            c.name,
            a.new_id(),
            a.good(c),
            m.name
        ),
    };
    let piece = masked(a.piece(sql), &[0], m);
    let state = a.piece(format!(
        "SELECT id, {}, {}, c FROM {}",
        m.name, c.name, t.name
    ));
    Script::undone(vec![piece, masked(state, &[1], m)]).by(ROLES[BILLING])
}

fn cursor(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let m = a.open_to(t, BILLING, Access::Mask);
    let declare = format!(
        "DECLARE cu SCROLL CURSOR FOR SELECT id, {} FROM {} WHERE id > {} ORDER BY id",
        m.name,
        t.name,
        a.id()
    );
    let declare = a.piece(declare);
    let fetch = |sql: &str| masked(Piece::new(sql.to_owned(), vec![]).ordered(), &[1], m);
    Script::undone(vec![
        declare,
        fetch("FETCH 3 FROM cu"),
        fetch("FETCH PRIOR FROM cu"),
        fetch("FETCH ALL FROM cu"),
        Piece::new("CLOSE cu".to_owned(), vec![]),
    ])
    .by(ROLES[BILLING])
}

fn execute(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let m = a.open_to(t, BILLING, Access::Mask);
    let id = a.id();
    let id = a.constant(id);
    let execute = masked(a.piece(format!("EXECUTE q ({id})")), &[1], m);
    let prepare = format!(
        "PREPARE q (int) AS SELECT id, {} FROM {} WHERE id > $1",
        m.name, t.name
    );
    let fixed = |sql: &str| Piece::new(sql.to_owned(), vec![]);
    Script::undone(vec![fixed("DEALLOCATE ALL"), fixed(&prepare), execute]).by(ROLES[BILLING])
}

fn copy(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let m = a.open_to(t, BILLING, Access::Mask);
    let c = a.open_to(t, BILLING, Access::Clear);
    let (n, m_, c_) = (&t.name, &m.name, &c.name);
    let form = *a
        .rng
        .pick(&["", " (FORMAT binary)", " (FORMAT csv, FORCE_QUOTE *)"]);
    let sql = match a.rng.percent(50) {
        true => format!("COPY {n} (id, {m_}, {c_}) TO STDOUT{form}"),
        false => format!("COPY (SELECT id, {m_}, {c_} FROM {n} ORDER BY id) TO STDOUT{form}"),
    };
    reading(a, sql, &[1], m)
}

/// The view is its owner's; what it shows is the reader's.
fn view(a: &mut Author<'_>) -> Script {
    let t = &a.schema.tables[0];
    let m = a.open_to(t, BILLING, Access::Mask);
    let sql = format!("SELECT id, {} FROM seen WHERE id <> {}", m.name, a.id());
    reading(a, sql, &[1], m)
}

pub(super) const PARTS: [&str; 3] = ["parts", "parts_a", "parts_rest"];

pub(super) const FAMILY: [&str; 3] = ["family", "ONLY family", "kin"];

fn partitions(a: &mut Author<'_>) -> Script {
    inherited(a, &a.schema.partitioned, &PARTS)
}

fn children(a: &mut Author<'_>) -> Script {
    inherited(a, &a.schema.special.family, &FAMILY)
}

/// Under the parent's policy, by whatever name.
fn inherited(a: &mut Author<'_>, t: &Table, names: &[&str]) -> Script {
    let m = a.open_to(t, BILLING, Access::Mask);
    let from = *a.rng.pick(names);
    let sql = match a.rng.below(3) {
        0 => format!("SELECT {}, id FROM {from} WHERE id <> {}", m.name, a.id()),
        1 => format!(
            "UPDATE {from} SET c = {} WHERE id = {} RETURNING {}",
            a.word(),
            a.id(),
            m.name
        ),
        _ => format!(
            "SELECT {}, count(*) OVER () FROM {from} WHERE k < {}",
            m.name,
            a.number(12)
        ),
    };
    let piece = masked(a.piece(sql), &[0], m);
    Script::undone(vec![piece]).by(ROLES[BILLING])
}

fn clear(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let c = a.open_to(t, BILLING, Access::Clear);
    let sql = match a.rng.below(4) {
        0 => format!(
            "SELECT id, {c} FROM {} WHERE {c} IS NOT NULL OR id = {}",
            t.name,
            a.id(),
            c = c.name
        ),
        1 => format!(
            "SELECT count({c}), count(*) FROM {} WHERE id <> {}",
            t.name,
            a.id(),
            c = c.name
        ),
        2 => format!(
            "SELECT {} FROM seen WHERE id < {}",
            a.open_to(&a.schema.tables[0], BILLING, Access::Clear).name,
            a.id()
        ),
        _ => format!(
            "UPDATE {} SET {c} = {} WHERE id = {} RETURNING {c}, id",
            t.name,
            a.value(c),
            a.id(),
            c = c.name
        ),
    };
    let piece = a.piece(sql);
    Script::undone(vec![piece]).by(ROLES[BILLING])
}

fn unprotected(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let user = *a.rng.pick(&ROLES);
    let sql = match a.rng.below(7) {
        0 => format!("SELECT count(*) FROM {} WHERE id > {}", t.name, a.id()),
        1 => format!(
            "SELECT id, k, c FROM {} WHERE c <> {} ORDER BY id",
            t.name,
            a.word()
        ),
        2 => format!(
            "SELECT x.k, count(*), max(y.c) FROM {} x JOIN {} y USING (id) WHERE x.k < {} GROUP BY 1",
            t.name,
            u.name,
            a.number(12)
        ),
        3 => format!(
            "UPDATE {} SET c = {} WHERE id = {} RETURNING id, c",
            t.name,
            a.word(),
            a.id()
        ),
        4 => format!(
            "INSERT INTO {} (id, c) VALUES ({}, {}) RETURNING id",
            t.name,
            a.new_id(),
            a.word()
        ),
        5 => format!("DELETE FROM {} WHERE id = {} RETURNING k", t.name, a.id()),
        _ => format!(
            "SELECT k, (SELECT count(*) FROM seen) FROM {} x WHERE id = {}",
            t.name,
            a.id()
        ),
    };
    let piece = a.piece(sql);
    let rows = a.piece(format!("SELECT id, k, c FROM {}", t.name));
    Script::undone(vec![piece, rows]).by(user)
}

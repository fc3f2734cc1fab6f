//! Users who may not see everything: masked columns are projected and nothing else, denied ones not touched at all.

use super::super::author::Author;
use super::super::policy::{Access, BILLING, GUEST, ROLES};
use super::super::schema::{Column, Table};
use super::super::script::{Piece, Script};
use super::copy::UNBOUND;
use super::{Construct, Expect, denied, yes};

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
    denied("roles: denied in partitions", no_partition).on("parts"),
    denied("roles: denied in children", no_child).on("family"),
    denied("roles: a denied hash", hash).on("matches"),
    yes("roles: what is in clear", clear).times(2),
    yes("roles: what nobody protects", unprotected).times(3),
    denied("roles: a masked column computed with", masked_filter).times(4),
    denied("roles: a masked column written", masked_write).times(3),
    denied("roles: a denied column", untouchable).times(4),
    denied("roles: a denied column written", denied_write).times(2),
    Construct {
        expect: Expect::Hidden,
        ..yes("roles: any statement, nothing shown", anything).times(10)
    },
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

const PARTS: [&str; 3] = ["parts", "parts_a", "parts_rest"];
const FAMILY: [&str; 3] = ["family", "ONLY family", "kin"];

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

fn no_partition(a: &mut Author<'_>) -> Script {
    no_inherited(a, &a.schema.partitioned, &PARTS)
}

fn no_child(a: &mut Author<'_>) -> Script {
    no_inherited(a, &a.schema.special.family, &FAMILY)
}

fn no_inherited(a: &mut Author<'_>, t: &Table, names: &[&str]) -> Script {
    let user = *a.rng.pick(&[BILLING, GUEST]);
    let d = a.open_to(t, user, Access::Deny);
    let (d_, from) = (&d.name, *a.rng.pick(names));
    let into = from.trim_start_matches("ONLY ");
    let sql = match a.rng.below(5) {
        0 => format!("SELECT {d_} FROM {from}"),
        1 => format!("SELECT * FROM {from} WHERE id = {}", a.id()),
        2 => format!(
            "UPDATE {from} SET {d_} = {} WHERE id = {}",
            a.good(d),
            a.id()
        ),
        3 => format!(
            "INSERT INTO {into} (id, k, {d_}) VALUES ({}, 1, {})",
            a.new_id(),
            a.good(d)
        ),
        _ => format!("DELETE FROM {from} WHERE {d_} IS NULL"),
    };
    no(a, sql, user)
}

/// What it is of is in clear.
fn hash(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.matches;
    let hash = t.hash.as_ref().expect("a hash").name;
    let sql = match a.rng.below(6) {
        0 => format!("SELECT id, {hash} FROM matches"),
        1 => "SELECT * FROM matches".to_owned(),
        2 => format!(
            "SELECT id FROM matches WHERE {hash} IS NULL AND id <> {}",
            a.id()
        ),
        3 => format!("SELECT count(*) FROM matches GROUP BY {hash}"),
        4 => format!("SELECT x.id FROM matches x JOIN matches y ON x.{hash} = y.{hash}"),
        _ => format!("DELETE FROM matches WHERE id = {} RETURNING {hash}", a.id()),
    };
    no(a, sql, BILLING)
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

/// Refused, all in a transaction that is undone.
fn no(a: &mut Author<'_>, sql: String, user: usize) -> Script {
    let piece = a.piece(sql);
    Script::undone(vec![piece]).by(ROLES[user])
}

fn masked_filter(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let m = a.open_to(t, BILLING, Access::Mask);
    let o = a.open_to(u, BILLING, Access::Mask);
    let (n, m_) = (&t.name, &m.name);
    let sql = match a.rng.below(18) {
        0 => format!("SELECT id FROM {n} WHERE {m_} = {}", a.value(m)),
        1 => format!(
            "SELECT id FROM {n} WHERE {m_} IN ({}, {})",
            a.good(m),
            a.good(m)
        ),
        2 => format!("SELECT id FROM {n} WHERE {m_} IS NULL"),
        3 => format!("SELECT id, {m_} IS NOT NULL FROM {n}"),
        4 => format!("SELECT {m_} = {} FROM {n}", a.good(m)),
        5 => format!("SELECT count({m_}) FROM {n}"),
        6 => format!("SELECT count(*) FROM {n} GROUP BY {m_}"),
        7 => format!("SELECT DISTINCT {m_} FROM {n}"),
        8 => format!("SELECT {m_} FROM {n} ORDER BY {m_}"),
        9 => format!(
            "SELECT x.id FROM {n} x JOIN {} y ON x.{m_} = y.{}",
            u.name, o.name
        ),
        10 => format!("SELECT {m_} FROM {n} UNION SELECT {m_} FROM {n}"),
        11 => format!("SELECT count(*) OVER (PARTITION BY {m_}) FROM {n}"),
        12 => format!(
            "SELECT id FROM (SELECT id, {m_} AS p FROM {n}) s WHERE p IS NOT DISTINCT FROM {}",
            a.good(m)
        ),
        13 => format!("SELECT CASE WHEN {m_} = {} THEN 1 END FROM {n}", a.good(m)),
        14 => format!("SELECT id FROM {n} WHERE {} = {m_}", a.good(m)),
        15 => format!("DELETE FROM {n} WHERE {m_} = {}", a.good(m)),
        16 => format!("SELECT max(id) FILTER (WHERE {m_} IS NULL) FROM {n}"),
        _ => format!(
            "SELECT id FROM seen WHERE {} IS NULL",
            a.open_to(&a.schema.tables[0], BILLING, Access::Mask).name
        ),
    };
    no(a, sql, BILLING)
}

fn masked_write(a: &mut Author<'_>) -> Script {
    let access = Access::Mask;
    written(a, access, BILLING)
}

fn denied_write(a: &mut Author<'_>) -> Script {
    let user = a.rng.below(2);
    written(a, Access::Deny, user)
}

fn written(a: &mut Author<'_>, access: Access, user: usize) -> Script {
    let t = a.table();
    let m = a.open_to(t, user, access);
    let (n, m_) = (&t.name, &m.name);
    let sql = match a.rng.below(11) {
        0 => format!("UPDATE {n} SET {m_} = {} WHERE id = {}", a.good(m), a.id()),
        1 => format!("COPY {n} (id, {m_}) FROM STDIN"),
        9 => format!("COPY {n} FROM STDIN (FORMAT csv)"),
        10 => format!("UPDATE {n} SET {m_} = NULL"),
        2 => format!(
            "UPDATE {n} SET c = {}, {m_} = DEFAULT WHERE id = {}",
            a.word(),
            a.id()
        ),
        3 => format!("UPDATE {n} SET {m_} = {m_}"),
        4 => format!(
            "UPDATE {n} SET ({m_}, k) = ({}, 1) WHERE id = {}",
            a.good(m),
            a.id()
        ),
        5 => format!(
            "INSERT INTO {n} (id, {m_}) VALUES ({}, {})",
            a.new_id(),
            a.good(m)
        ),
        6 => format!("INSERT INTO {n} (id, {m_}) SELECT id + 900, {m_} FROM {n}"),
        7 => format!(
            "INSERT INTO {n} (id) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {m_} = {}",
            a.id(),
            a.good(m)
        ),
        _ => format!(
            "MERGE INTO {n} x USING (VALUES (1)) AS s (id) ON x.id = s.id WHEN MATCHED THEN UPDATE SET {m_} = {}",
            a.good(m)
        ),
    };
    no(a, sql, user)
}

/// Every touch is one too many.
fn untouchable(a: &mut Author<'_>) -> Script {
    let user = *a.rng.pick(&[BILLING, GUEST]);
    let (t, u) = a.two();
    let d = a.open_to(t, user, Access::Deny);
    let (n, d_) = (&t.name, &d.name);
    let sql = match a.rng.below(20) {
        0 => format!("SELECT id, {d_} FROM {n}"),
        1 => format!("SELECT * FROM {n} WHERE id = {}", a.id()),
        2 => format!("TABLE {n}"),
        3 => format!("SELECT id FROM {n} WHERE {d_} IS NULL"),
        4 => format!("SELECT id FROM {n} WHERE {d_} = {}", a.good(d)),
        5 => format!("SELECT count({d_}) FROM {n}"),
        6 => format!(
            "SELECT id FROM (SELECT id, {d_} FROM {n}) s WHERE id < {}",
            a.id()
        ),
        7 => format!("SELECT count(*) FROM (SELECT * FROM {n}) s"),
        8 => format!(
            "SELECT id FROM {} WHERE EXISTS (SELECT {d_} FROM {n})",
            u.name
        ),
        9 => format!("WITH w AS (SELECT {d_} FROM {n}) SELECT 1"),
        10 => format!("SELECT {d_} IS NULL FROM {n}"),
        11 => format!(
            "UPDATE {n} SET c = {} WHERE id = {} RETURNING {d_}",
            a.word(),
            a.id()
        ),
        12 => format!("DELETE FROM {n} WHERE id = {} RETURNING *", a.id()),
        13 => format!("SELECT id FROM {n} ORDER BY {d_}"),
        14 => format!("SELECT k FROM {n} GROUP BY k, {d_}"),
        15 => format!("COPY {n} TO STDOUT"),
        16 => format!("COPY (SELECT {d_} FROM {n}) TO STDOUT"),
        17 => format!("DECLARE cu CURSOR FOR SELECT {d_} FROM {n}"),
        18 => format!("EXPLAIN SELECT {d_} FROM {n}"),
        _ => format!(
            "SELECT id FROM seen WHERE {} IS NOT NULL",
            a.open_to(&a.schema.tables[0], user, Access::Deny).name
        ),
    };
    no(a, sql, user)
}

/// A step of another construct.
fn anything(a: &mut Author<'_>) -> Script {
    let others: Vec<&Construct> = super::all()
        .into_iter()
        .filter(|c| !c.name.starts_with("roles: ") && c.name != super::copy::FROZEN)
        .collect();
    let mut script = (a.rng.pick(&others).make)(a).by(ROLES[GUEST]);
    let tables = a.schema.tables.iter().flat_map(Table::protected);
    let names: Vec<&str> = tables.map(|c| &*c.name).collect();
    script
        .pieces
        .iter_mut()
        .for_each(|piece| piece.hidden = true);
    // a temporary table of its own may have columns of any name
    let own = script.pieces.iter().any(|piece| piece.names(&["TEMP"]));
    script.touches = !own && script.pieces.iter().any(|piece| piece.names(&names));
    script
}

/// Whether a column has a value for a role in a table that it may read.
#[test]
fn both_roles_have_what_the_cards_ask_for() {
    let schema = super::super::schema::Schema::make(1);
    let has = |t: &Table, role, access| !t.open_to(role, access).is_empty();
    for t in &schema.tables {
        assert!(has(t, BILLING, Access::Mask) && has(t, BILLING, Access::Clear));
        assert!(has(t, BILLING, Access::Deny) && has(t, GUEST, Access::Deny));
    }
}

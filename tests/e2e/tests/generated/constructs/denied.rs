//! What users may not do: anything but show a masked column, anything at all with a denied one.

use super::super::author::Author;
use super::super::policy::{Access, BILLING, GUEST, ROLES};
use super::super::schema::Table;
use super::super::script::Script;
use super::roles::{FAMILY, PARTS};
use super::{Construct, Expect, denied, yes};

pub const ALL: &[Construct] = &[
    denied("roles: denied in partitions", no_partition).on("parts"),
    denied("roles: denied in children", no_child).on("family"),
    denied("roles: a denied hash", hash).on("matches"),
    denied("roles: a masked column computed with", masked_filter).times(4),
    denied("roles: a masked column written", masked_write).times(3),
    denied("roles: a denied column", untouchable).times(4),
    denied("roles: a denied column written", denied_write).times(2),
    Construct {
        expect: Expect::Hidden,
        ..yes("roles: any statement, nothing shown", anything).times(10)
    },
];

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

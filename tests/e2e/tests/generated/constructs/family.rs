//! Tables that others are part of: children that inherit, and partitions whose rows lie where a cell says.

use super::super::author::Author;
use super::super::script::{Piece, Script};
use super::super::types::marked;
use super::{Construct, read, refusal, undone, yes};

pub const ALL: &[Construct] = &[
    yes("inherit: parent, ONLY, child", hierarchy)
        .on("family")
        .times(3),
    yes("inherit: INSERT", child_insert).on("family").times(2),
    yes("inherit: UPDATE and DELETE", hierarchy_write)
        .on("family")
        .times(2),
    yes("inherit: NO INHERIT and INHERIT", detached).on("family"),
    refusal(
        "refused: a child that has left",
        &["of public.kin holds cells, and no policy names it"],
        left,
    )
    .on("family"),
    yes("inherit: another child, a column added", another_child).on("family"),
    yes("partition by a cell: SELECT", cut_select)
        .on("cut")
        .times(2),
    yes("partition by a cell: INSERT", cut_insert)
        .on("cut")
        .times(2),
    yes("partition by a cell: UPDATE and DELETE", cut_write)
        .on("cut")
        .times(2),
    yes("partition by a cell: DETACH and ATTACH", cut_off).on("cut"),
];

fn fixed(sql: impl Into<String>) -> Piece {
    Piece::new(sql.into(), vec![])
}

fn hierarchy(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.family;
    let (p, d) = (a.any(t), a.deterministic(t));
    let from = *a.rng.pick(&["family", "family *", "ONLY family", "kin"]);
    let sql = match a.rng.below(4) {
        0 => format!("SELECT * FROM {from} WHERE id <> {}", a.id()),
        1 => format!(
            "SELECT tableoid::regclass::text, id, {} FROM {from} WHERE {} = {} OR k = {}",
            p.name,
            d.name,
            a.value(d),
            a.number(12)
        ),
        2 => format!(
            "SELECT {d}, count(*) FROM {from} WHERE id <> {} GROUP BY {d}",
            a.id(),
            d = d.name
        ),
        _ => format!(
            "SELECT x.id, y.{p}, y.extra FROM family x JOIN kin y ON y.{d} = x.{d} WHERE x.k = {}",
            a.number(12),
            p = p.name,
            d = d.name
        ),
    };
    read(a, sql)
}

/// Of all the family: a child's rows are its parent's.
fn family(a: &mut Author<'_>) -> Piece {
    let columns = a.schema.special.family.names();
    a.piece(format!(
        "SELECT tableoid::regclass::text AS t, {columns} FROM family"
    ))
}

fn child_insert(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.family;
    let (p, d) = (a.random(t), a.deterministic(t));
    let into = *a.rng.pick(&["kin", "family"]);
    let extra = if into == "kin" { ", extra" } else { "" };
    let value = if into == "kin" {
        format!(", {}", a.number(9))
    } else {
        String::new()
    };
    let sql = format!(
        "INSERT INTO {into} (id, {p}, {d}{extra}) VALUES ({}, {}, {}{value}) RETURNING *",
        a.given(3000),
        a.value(p),
        a.good(d),
        p = p.name,
        d = d.name
    );
    let insert = a.piece(sql);
    let state = family(a);
    Script::write(&mut a.rng, vec![insert, state])
}

fn hierarchy_write(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.family;
    let (p, d) = (a.random(t), a.deterministic(t));
    let from = *a.rng.pick(&["family", "ONLY family", "kin"]);
    let sql = match a.rng.below(3) {
        0 => format!(
            "UPDATE {from} SET {} = {} WHERE {} = {} RETURNING id",
            p.name,
            a.value(p),
            d.name,
            a.good(d)
        ),
        1 => format!(
            "UPDATE {from} x SET {d} = y.{d} FROM kin y WHERE y.id = x.id + 50 AND x.k <> {}",
            a.number(12),
            d = d.name
        ),
        _ => format!(
            "DELETE FROM {from} WHERE {} = {} RETURNING {}",
            d.name,
            a.good(d),
            p.name
        ),
    };
    let piece = a.piece(sql);
    let state = family(a);
    Script::undone(vec![piece, state])
}

fn detached(a: &mut Author<'_>) -> Script {
    let (before, after) = (family(a), family(a));
    Script::undone(vec![
        fixed("ALTER TABLE kin NO INHERIT family"),
        before,
        fixed("ALTER TABLE kin INHERIT family"),
        after,
    ])
}

/// Its cells are no policy's then.
fn left(a: &mut Author<'_>) -> Script {
    let p = a.any(&a.schema.special.family);
    let select = format!("SELECT {} FROM kin WHERE id < {}", p.name, a.given(60));
    undone(
        a,
        vec!["ALTER TABLE kin NO INHERIT family".to_owned(), select],
    )
}

fn another_child(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.family;
    let (p, d) = (a.any(t), a.deterministic(t));
    let insert = format!(
        "INSERT INTO made (id, {p}, note) VALUES ({}, {}, {})",
        a.new_id(),
        a.good(p),
        a.word(),
        p = p.name
    );
    let insert = a.piece(insert);
    let select = format!(
        "SELECT id, {} FROM family WHERE {} IS NOT NULL OR k IS NULL",
        p.name, d.name
    );
    let first = match a.rng.percent(50) {
        true => "CREATE TABLE made (note text) INHERITS (family)",
        false => "CREATE TABLE made (note text) INHERITS (kin)",
    };
    let mut pieces = vec![fixed(first), insert, fixed(select)];
    if a.rng.percent(40) {
        pieces.insert(
            1,
            fixed("ALTER TABLE family ADD COLUMN added int DEFAULT 3"),
        );
    }
    Script::undone(pieces)
}

const CUT: [&str; 5] = ["cut", "cut", "cut_some", "cut_null", "cut_rest"];

fn cut_select(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.cut;
    let d = t.column("d");
    let from = *a.rng.pick(&CUT);
    let sql = match a.rng.below(3) {
        0 => format!(
            "SELECT *, tableoid::regclass::text FROM {from} WHERE id <> {}",
            a.id()
        ),
        1 => format!(
            "SELECT p, id FROM {from} WHERE d IN ({}, {})",
            a.value(d),
            a.good(d)
        ),
        _ => format!(
            "SELECT x.tableoid::regclass::text, count(*) FROM {from} x JOIN cut y USING (d) WHERE y.k <> {} GROUP BY 1",
            a.number(12)
        ),
    };
    read(a, sql)
}

/// Where the rows lie.
fn lie(a: &mut Author<'_>, piece: Piece) -> Script {
    let state = fixed("SELECT tableoid::regclass::text AS t, id, k, c, d, p FROM cut");
    Script::write(&mut a.rng, vec![piece, state])
}

fn cut_insert(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.cut;
    let (d, p) = (t.column("d"), t.column("p"));
    let into = *a.rng.pick(&CUT);
    let sql = format!(
        "INSERT INTO {into} (id, d, p) VALUES ({}, {}, {}) RETURNING d, tableoid::regclass::text",
        a.new_id(),
        a.value(d),
        a.good(p)
    );
    let piece = a.piece(sql);
    lie(a, piece)
}

fn cut_write(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.cut;
    let (d, p) = (t.column("d"), t.column("p"));
    let from = *a.rng.pick(&CUT);
    let sql = match a.rng.below(4) {
        0 => format!(
            "UPDATE {from} SET d = {} WHERE d = {} RETURNING id",
            a.good(d),
            a.good(d)
        ),
        1 => format!(
            "UPDATE {from} SET d = NULL, p = {} WHERE id = {}",
            a.value(p),
            a.id()
        ),
        2 => format!(
            "UPDATE {from} x SET d = y.d FROM cut y WHERE y.id = x.id + {}",
            a.number(5)
        ),
        _ => format!("DELETE FROM {from} WHERE d = {} RETURNING d, p", a.good(d)),
    };
    let piece = a.piece(sql);
    let script = lie(a, piece);
    Script::undone(script.pieces)
}

fn cut_off(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.cut;
    let attach = match a.rng.percent(50) {
        true => format!(
            "ALTER TABLE cut ATTACH PARTITION cut_some FOR VALUES IN ('{}', '{}')",
            marked("text", 0),
            marked("text", 1)
        ),
        false => "ALTER TABLE cut ATTACH PARTITION cut_some FOR VALUES IN ('kanari')".to_owned(),
    };
    let (before, after) = (a.state(t), a.state(t));
    Script::undone(vec![
        fixed("ALTER TABLE cut DETACH PARTITION cut_some"),
        before,
        fixed(attach),
        after,
    ])
}

//! Relations that lean on others: children that inherit, foreign keys over cells, views that check what goes through
//! them, materialized views; and columns that fill themselves.

use super::super::author::Author;
use super::super::script::{Piece, Script};
use super::super::types::marked;
use super::{Construct, read, refusal, undone, write, yes};

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
    yes("default: omitted and DEFAULT", default_insert)
        .on("filled")
        .times(2),
    yes("default: UPDATE", default_update).on("filled"),
    yes("default: DEFAULT VALUES", default_values).on("filled"),
    yes("generated: written", generated).on("filled"),
    yes("foreign key: INSERT", key_insert).on("owned").times(2),
    yes("foreign key: UPDATE of the key", key_update)
        .on("owned")
        .times(2),
    yes("foreign key: DELETE of the key", key_delete)
        .on("owned")
        .times(2),
    yes("foreign key: join along it", key_join).on("owned"),
    yes("view: WITH CHECK OPTION", check_option).times(3),
    yes("view: WITH CHECK OPTION on a cell", check_cell).times(2),
    yes("materialized view: over cells", materialized).times(2),
    yes("materialized view: REFRESH", refreshed).times(2),
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

fn default_insert(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.filled;
    let (p, d) = (t.column("p"), t.column("d"));
    let id = a.new_id();
    let sql = match a.rng.below(5) {
        0 => format!("INSERT INTO filled (id) VALUES ({id}) RETURNING *"),
        1 => format!(
            "INSERT INTO filled (id, p, d) VALUES ({id}, DEFAULT, {})",
            a.value(d)
        ),
        2 => format!(
            "INSERT INTO filled (id, k, g, n) VALUES ({id}, {}, DEFAULT, NULL) RETURNING *",
            a.number(9)
        ),
        3 => format!(
            "INSERT INTO filled (p, id) VALUES ({}, {id}), (DEFAULT, 998), (NULL, 999) RETURNING p",
            a.value(p)
        ),
        _ => format!(
            "INSERT INTO filled (id, d) SELECT {id}, d FROM filled WHERE id = {} RETURNING *",
            a.id()
        ),
    };
    write(a, t, sql)
}

fn default_update(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.filled;
    let d = t.column("d");
    let sql = match a.rng.below(3) {
        0 => format!(
            "UPDATE filled SET p = DEFAULT, d = DEFAULT WHERE id < {} RETURNING *",
            a.id()
        ),
        1 => format!(
            "UPDATE filled SET (n, c) = (DEFAULT, DEFAULT) WHERE d = {}",
            a.good(d)
        ),
        _ => format!(
            "INSERT INTO filled (id) VALUES ({}) ON CONFLICT (id) DO UPDATE SET p = DEFAULT, k = DEFAULT RETURNING g, p",
            a.id()
        ),
    };
    write(a, t, sql)
}

fn default_values(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.filled;
    let state = a.state(t);
    Script::undone(vec![
        fixed("ALTER TABLE filled ALTER id SET DEFAULT 700"),
        fixed("INSERT INTO filled DEFAULT VALUES RETURNING *"),
        state,
    ])
}

fn generated(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.filled;
    let sql = match a.rng.below(5) {
        0..=2 => format!(
            "UPDATE filled SET k = {} WHERE id = {} RETURNING g, p",
            a.number(99),
            a.id()
        ),
        3 => format!(
            "INSERT INTO filled (id, g) VALUES ({}, {})",
            a.new_id(),
            a.number(9)
        ),
        _ => format!(
            "UPDATE filled SET g = {} WHERE id = {}",
            a.number(9),
            a.id()
        ),
    };
    write(a, t, sql)
}

/// Both ends of the keys.
fn keys(a: &mut Author<'_>) -> Vec<Piece> {
    let special = &a.schema.special;
    vec![a.state(&special.owners), a.state(&special.owned)]
}

fn key_insert(a: &mut Author<'_>) -> Script {
    let special = &a.schema.special;
    let key = *a.rng.pick(&["r", "s", "\"T\""]);
    let key = special.owned.column(key);
    let sql = match a.rng.percent(70) {
        true => format!(
            "INSERT INTO owned (id, {}) VALUES ({}, {})",
            key.name,
            a.new_id(),
            a.value(key)
        ),
        false => format!(
            "UPDATE owned SET {} = {} WHERE id = {}",
            key.name,
            a.good(key),
            a.id()
        ),
    };
    let mut pieces = vec![a.piece(sql)];
    pieces.extend(keys(a));
    Script::write(&mut a.rng, pieces)
}

fn key_update(a: &mut Author<'_>) -> Script {
    let o = a.schema.special.owners.column("o");
    let sql = match a.rng.below(3) {
        0 => format!("UPDATE owners SET o = {} WHERE id = {}", a.value(o), a.id()),
        1 => format!(
            "UPDATE owners SET o = NULL WHERE o = {} RETURNING id",
            a.good(o)
        ),
        _ => format!("UPDATE owners SET o = o, p = p WHERE id < {}", a.id()),
    };
    let mut pieces = vec![a.piece(sql)];
    pieces.extend(keys(a));
    Script::undone(pieces)
}

fn key_delete(a: &mut Author<'_>) -> Script {
    let o = a.schema.special.owners.column("o");
    let sql = match a.rng.below(3) {
        0 => format!("DELETE FROM owners WHERE o = {} RETURNING p", a.good(o)),
        1 => format!(
            "DELETE FROM owners USING owned WHERE owned.r = owners.o AND owned.id = {}",
            a.id()
        ),
        _ => format!("DELETE FROM owners WHERE id > {}", a.id()),
    };
    let mut pieces = vec![a.piece(sql)];
    pieces.extend(keys(a));
    Script::undone(pieces)
}

fn key_join(a: &mut Author<'_>) -> Script {
    let key = *a.rng.pick(&["r", "s", "\"T\""]);
    let sql = format!(
        "SELECT x.id, y.id, x.p, y.{key} FROM owners x LEFT JOIN owned y ON y.{key} = x.o WHERE x.k <> {}",
        a.number(12)
    );
    read(a, sql)
}

fn check_option(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.random(t);
    let option = *a.rng.pick(&["", "LOCAL ", "CASCADED "]);
    let n = a.rng.below(12);
    let view = format!(
        "CREATE VIEW vw AS SELECT id, k, {} AS p FROM {} WHERE k < {n} WITH {option}CHECK OPTION",
        p.name, t.name
    );
    let through = match a.rng.below(3) {
        0 => format!(
            "INSERT INTO vw (id, k, p) VALUES ({}, {}, {}) RETURNING p",
            a.new_id(),
            a.number(12),
            a.good(p)
        ),
        1 => format!(
            "UPDATE vw SET k = {}, p = {} WHERE id = {}",
            a.number(12),
            a.good(p),
            a.id()
        ),
        _ => format!(
            "INSERT INTO vw SELECT id + 2000, k + 1, p FROM vw WHERE k <> {}",
            a.number(12)
        ),
    };
    undone(a, vec![view, through])
}

/// The view is made of rows with one value of a cell.
fn check_cell(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let value = a.good(d);
    let value = a.constant(value);
    let view = a.piece(format!(
        "CREATE VIEW vw AS SELECT id, {d} AS d, k FROM {} WHERE {d} = {value} WITH CHECK OPTION",
        t.name,
        d = d.name
    ));
    let through = match a.rng.below(3) {
        0 => format!(
            "INSERT INTO vw (id, d) VALUES ({}, {}) RETURNING d",
            a.new_id(),
            a.good(d)
        ),
        1 => format!(
            "UPDATE vw SET d = {} WHERE k <> {}",
            a.good(d),
            a.number(12)
        ),
        _ => format!(
            "UPDATE vw SET k = 70000 + id WHERE d = {} RETURNING *",
            a.good(d)
        ),
    };
    let through = a.piece(through);
    Script::undone(vec![view, through, fixed("SELECT * FROM vw")])
}

fn materialized(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let (p, d) = (a.any(t), a.deterministic(t));
    let query = match a.rng.below(4) {
        0 => format!(
            "SELECT id, {} AS p, {} AS d FROM {}",
            p.name, d.name, t.name
        ),
        1 => format!(
            "SELECT min(id) AS id, count(*) AS p, {d} AS d FROM {} GROUP BY {d}",
            t.name,
            d = d.name
        ),
        2 => format!(
            "SELECT x.id, y.{} AS p, x.{} AS d FROM {} x JOIN {} y ON y.{} = x.{}",
            u.shared(1).name,
            d.name,
            t.name,
            u.name,
            u.shared(0).name,
            t.shared(0).name
        ),
        _ => format!(
            "SELECT id, {} AS p, {} AS d FROM seen",
            a.schema.tables[0].columns[3].name,
            a.schema.tables[0].shared(0).name
        ),
    };
    let select = match a.rng.below(3) {
        0 => "SELECT * FROM made".to_owned(),
        1 => "SELECT d, count(*) FROM made GROUP BY d".to_owned(),
        _ => format!(
            "SELECT p, id FROM made WHERE d IS NOT NULL AND id <> {}",
            a.id()
        ),
    };
    undone(
        a,
        vec![format!("CREATE MATERIALIZED VIEW made AS {query}"), select],
    )
}

fn refreshed(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let update = format!(
        "UPDATE {} SET {} = {}, {} = {} WHERE id = {}",
        t.name,
        p.name,
        a.good(p),
        d.name,
        a.good(d),
        a.id()
    );
    let update = a.piece(update);
    let (data, refresh) = *a.rng.pick(&[
        ("", "REFRESH MATERIALIZED VIEW made"),
        ("", "REFRESH MATERIALIZED VIEW CONCURRENTLY made"),
        (" WITH NO DATA", "REFRESH MATERIALIZED VIEW made WITH DATA"),
    ]);
    let make = format!(
        "CREATE MATERIALIZED VIEW made AS SELECT id, {} AS p, {} AS d FROM {}{data}",
        p.name, d.name, t.name
    );
    Script::undone(vec![
        fixed(make),
        fixed("CREATE UNIQUE INDEX made_id ON made (id)"),
        fixed("CREATE INDEX ON made (d)"),
        update,
        fixed(refresh),
        fixed("SELECT * FROM made ORDER BY id").ordered(),
        fixed("DROP MATERIALIZED VIEW made"),
    ])
}

//! Relations that lean on others: foreign keys over cells, views that check what goes through them, materialized views;
//! and columns that fill themselves.

use super::super::author::Author;
use super::super::script::{Piece, Script};
use super::{Construct, read, undone, write, yes};

pub const ALL: &[Construct] = &[
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
        // of several rows the first to fail says whether it is 44000 or 23505, and cells lie in another order
        1 => format!("UPDATE vw SET d = {} WHERE id = {}", a.good(d), a.id()),
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

//! Objects made in the session, in the transaction that uses them: views, temporary tables, indexes, columns.

use super::super::author::Author;
use super::super::script::{Piece, Script};
use super::{Construct, undone, yes};

pub const ALL: &[Construct] = &[
    yes("view: over cells", view),
    yes("view: of a view, of a join", view_of_view),
    yes("view: INSERT through it", view_insert),
    yes("view: UPDATE and DELETE through it", view_update),
    yes("view: with column names and a filter", view_filter),
    yes("table: AS, clear columns", table_as),
    yes("table: of the policy, AS a query", abridged),
    yes("explain: CREATE TABLE AS", explain_as),
    yes("table: temporary", temporary),
    yes("table: temporary shadows a protected one", shadow),
    yes("table: SELECT INTO, clear columns", select_into),
    yes("table: materialized view, clear columns", materialized),
    yes(
        "table: of the policy, made late, with an identity",
        identity,
    )
    .times(2),
    yes("alter: constraints and defaults", constraints).times(2),
    yes("alter: ADD COLUMN", add_column),
    yes("alter: DROP a clear column", drop_column),
    yes("index: on deterministic", index),
    yes("index: unique, twice the same", unique),
    yes("comment on a protected column", comment),
    yes("row security policy", row_policy),
];

fn view(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let list = vec![
        format!(
            "CREATE VIEW vw AS SELECT id, {} AS p, {} AS d, k FROM {}",
            p.name, d.name, t.name
        ),
        format!(
            "SELECT * FROM vw WHERE d = {} OR k = {} ORDER BY id",
            a.good(d),
            a.number(12)
        ),
    ];
    undone(a, list)
}

fn view_of_view(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let list = vec![
        format!(
            "CREATE VIEW vw AS SELECT id, {} AS d FROM {}",
            t.shared(0).name,
            t.name
        ),
        format!(
            "CREATE VIEW ww AS SELECT vw.d, y.id, y.{} AS e FROM vw JOIN {} y ON y.{} = vw.d",
            u.shared(1).name,
            u.name,
            u.shared(0).name
        ),
        format!(
            "SELECT d, e, count(*) FROM ww WHERE id <> {} GROUP BY d, e",
            a.id()
        ),
    ];
    undone(a, list)
}

fn view_insert(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let list = vec![
        format!(
            "CREATE VIEW vw AS SELECT id, {} AS p FROM {}",
            p.name, t.name
        ),
        format!(
            "INSERT INTO vw (p, id) VALUES ({}, {}) RETURNING *",
            a.good(p),
            a.new_id()
        ),
    ];
    undone(a, list)
}

fn view_update(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let last = match a.rng.percent(50) {
        true => format!(
            "UPDATE vw SET p = {} WHERE d = {} RETURNING p, d",
            a.good(p),
            a.good(d)
        ),
        false => format!("DELETE FROM vw WHERE d = {} RETURNING p", a.good(d)),
    };
    let list = vec![
        format!(
            "CREATE VIEW vw AS SELECT id, {} AS p, {} AS d FROM {}",
            p.name, d.name, t.name
        ),
        last,
    ];
    undone(a, list)
}

fn view_filter(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let list = vec![
        format!(
            "CREATE VIEW vw (i, p) AS SELECT id, {} FROM {} WHERE k < 8",
            p.name, t.name
        ),
        format!("SELECT p FROM vw WHERE i > {} ORDER BY i", a.id()),
    ];
    undone(a, list)
}

fn table_as(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let temp = *a.rng.pick(&["", "TEMP "]);
    let list = vec![
        format!(
            "CREATE {temp}TABLE made AS SELECT id, k, c FROM {} WHERE {} IS NOT NULL",
            t.name, d.name
        ),
        format!("SELECT * FROM made WHERE k <> {}", a.number(12)),
    ];
    undone(a, list)
}

fn abridged(a: &mut Author<'_>) -> Script {
    let t = &a.schema.tables[0];
    let (one, two) = (&t.shared(0).name, &t.shared(1).name);
    let make = match a.rng.percent(60) {
        true => format!(
            "CREATE TABLE abridged AS SELECT id, k, {one} AS one, {two} AS two FROM {} WHERE k < 9",
            t.name
        ),
        false => format!(
            "SELECT id, k, {one} AS one, {two} AS two INTO abridged FROM {} WHERE k < 9",
            t.name
        ),
    };
    let made = &a.schema.special.abridged;
    let insert = format!(
        "INSERT INTO abridged (id, one, two) VALUES ({}, {}, {}) RETURNING *",
        a.new_id(),
        a.value(made.shared(0)),
        a.good(made.shared(1))
    );
    let insert = a.piece(insert);
    let select = format!(
        "SELECT a.*, x.id AS other FROM abridged a LEFT JOIN {} x ON x.{one} = a.one WHERE a.two = {} OR a.one IS NULL",
        t.name,
        a.good(made.shared(1))
    );
    let select = a.piece(select);
    Script::undone(vec![Piece::new(make, vec![]), insert, select])
}

fn explain_as(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let what = *a.rng.pick(&["TABLE", "TEMP TABLE", "MATERIALIZED VIEW"]);
    let sql = format!(
        "EXPLAIN (COSTS OFF) CREATE {what} made AS SELECT id, {} FROM {} WHERE {} IS NOT NULL",
        p.name, t.name, d.name
    );
    let piece = a.piece(sql).rows_exempt();
    Script::read(&mut a.rng, vec![piece])
}

fn row_policy(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let (n, d_) = (&t.name, &d.name);
    let value = a.good(d);
    let condition = match a.rng.below(3) {
        0 => format!("{d_} = {value}"),
        1 => format!("k < 6 OR {d_} IN ({value})"),
        _ => format!("{d_} IS NULL OR {d_} <> {value}"),
    };
    let condition = a.constant(condition);
    let policy = a.piece(format!("CREATE POLICY seen ON {n} USING ({condition})"));
    let select = format!("SELECT id, {d_} FROM {n} WHERE id <> {}", a.id());
    let select = a.piece(select);
    Script::undone(vec![
        policy,
        Piece::new(format!("ALTER TABLE {n} ENABLE ROW LEVEL SECURITY"), vec![]),
        Piece::new(format!("ALTER TABLE {n} FORCE ROW LEVEL SECURITY"), vec![]),
        select,
    ])
}

fn temporary(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let list = vec![
        "CREATE TEMP TABLE mine (id int, note text) ON COMMIT DROP".to_owned(),
        "INSERT INTO mine VALUES (1, 'one'), (2, 'two')".to_owned(),
        format!(
            "SELECT m.note, x.{} FROM mine m JOIN {} x USING (id) WHERE m.note <> {}",
            p.name,
            t.name,
            a.word()
        ),
    ];
    undone(a, list)
}

fn shadow(a: &mut Author<'_>) -> Script {
    let t = &a.schema.tables[0];
    let p = a.any(t);
    let list = vec![
        format!(
            "CREATE TEMP TABLE {} (id int, {} text) ON COMMIT DROP",
            t.name, p.name
        ),
        format!("INSERT INTO {} VALUES (1, 'nobody''s secret')", t.name),
        format!(
            "SELECT id, {} FROM {} WHERE id <> {}",
            p.name,
            t.name,
            a.id()
        ),
    ];
    undone(a, list)
}

fn select_into(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let list = vec![
        format!("SELECT id, c INTO made FROM {}", t.name),
        format!("SELECT count(*), max(c) FROM made WHERE id < {}", a.id()),
    ];
    undone(a, list)
}

fn materialized(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let list = vec![
        format!(
            "CREATE MATERIALIZED VIEW made AS SELECT k, count({}) AS n FROM {} GROUP BY k",
            d.name, t.name
        ),
        format!("SELECT * FROM made WHERE k = {}", a.number(12)),
    ];
    undone(a, list)
}

/// Its numbers begin anew with it, so that a refusal on one side does not move the other's.
fn identity(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.later;
    let (p, d) = (a.random(t), a.deterministic(t));
    let id = *a.rng.pick(&[
        "id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "id bigint GENERATED BY DEFAULT AS IDENTITY (START 7)",
        "id serial PRIMARY KEY",
        "id int8 DEFAULT 3",
    ]);
    let make = t.definition().replacen("id int4 PRIMARY KEY", id, 1);
    let first = format!(
        "INSERT INTO later ({}, {}) VALUES ({}, {}), ({}, {}) RETURNING id, {}",
        d.name,
        p.name,
        a.good(d),
        a.good(p),
        a.value(d),
        a.null(p),
        p.name
    );
    let first = a.piece(first);
    let second = a.piece(format!(
        "INSERT INTO later (k) VALUES ({}) RETURNING *",
        a.schema.tables.len()
    ));
    let third = Piece::new("INSERT INTO later DEFAULT VALUES".to_owned(), vec![]);
    let last = format!(
        "SELECT * FROM later WHERE {} = {} OR id > 1",
        d.name,
        a.good(d)
    );
    let last = a.piece(last);
    Script::undone(vec![Piece::new(make, vec![]), first, second, third, last])
}

fn constraints(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let (n, p_, d_) = (&t.name, &p.name, &d.name);
    let default = a.good(p);
    let default = a.constant(default);
    let alter = match a.rng.below(8) {
        0 => format!("ALTER TABLE {n} ADD CONSTRAINT one UNIQUE ({d_}, id)"),
        1 => format!("ALTER TABLE {n} ADD UNIQUE ({d_})"),
        2 => format!("ALTER TABLE {n} ALTER {p_} SET NOT NULL"),
        3 => format!("ALTER TABLE {n} ADD CHECK ({p_} IS NOT NULL OR k >= 0) NOT VALID"),
        4 => format!("ALTER TABLE {n} ADD CONSTRAINT far CHECK (id < 600)"),
        5 => format!("ALTER TABLE {n} ALTER k SET NOT NULL, ALTER {d_} DROP NOT NULL"),
        _ => format!("ALTER TABLE {n} ALTER {p_} SET DEFAULT {default}"),
    };
    let alter = a.piece(alter);
    let insert = format!(
        "INSERT INTO {n} (id, {d_}) VALUES ({}, {}) RETURNING *",
        a.new_id(),
        a.good(d)
    );
    let insert = a.piece(insert);
    Script::undone(vec![alter, insert, a.state(t)])
}

fn add_column(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let list = vec![
        format!("ALTER TABLE {} ADD COLUMN added int DEFAULT 7", t.name),
        format!(
            "SELECT added, {} FROM {} WHERE id = {}",
            p.name,
            t.name,
            a.id()
        ),
    ];
    undone(a, list)
}

fn drop_column(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let list = vec![
        format!("ALTER TABLE {} DROP COLUMN c", t.name),
        format!("SELECT * FROM {} WHERE id < {} ORDER BY id", t.name, a.id()),
    ];
    undone(a, list)
}

fn index(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let list = vec![
        format!("CREATE INDEX made ON {} ({}, k)", t.name, d.name),
        format!("SELECT id FROM {} WHERE {} = {}", t.name, d.name, a.good(d)),
    ];
    undone(a, list)
}

fn unique(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = t.shared(1);
    let list = vec![
        format!("UPDATE {} SET {} = NULL", t.name, d.name),
        format!("CREATE UNIQUE INDEX made ON {} ({})", t.name, d.name),
        format!(
            "INSERT INTO {} (id, {}) VALUES ({}, {}) RETURNING id",
            t.name,
            d.name,
            a.new_id(),
            a.good(d)
        ),
    ];
    undone(a, list)
}

fn comment(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let pieces = vec![
        Piece::new(
            format!("COMMENT ON COLUMN {}.{} IS 'a ''note'''", t.name, p.name),
            vec![],
        ),
        a.state(t),
    ];
    Script::undone(pieces)
}

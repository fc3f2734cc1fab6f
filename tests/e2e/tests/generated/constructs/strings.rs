//! Several statements in one simple query, DDL among them, as psql -c and migration tools send them.

use super::super::author::Author;
use super::super::schema::Table;
use super::super::script::{Script, Wrap};
use super::{Construct, SIMPLE, refusal, write, yes};

pub const ALL: &[Construct] = &[
    yes("string: several statements", several).only(SIMPLE),
    yes("string: with its own transaction", transaction).only(SIMPLE),
    yes("string: CREATE TABLE and its rows", created)
        .only(SIMPLE)
        .times(4),
    yes("string: CREATE TABLE in clear", in_clear)
        .only(SIMPLE)
        .times(3),
    yes("string: ALTER TABLE", altered).only(SIMPLE).times(4),
    yes("string: CREATE INDEX, CREATE TYPE", index)
        .only(SIMPLE)
        .times(2),
    yes("string: DROP TABLE", dropped).only(SIMPLE).times(2),
    refusal(
        "refused: behind what cannot be foreseen",
        &[
            "an earlier statement of the same string",
            "CREATE TABLE LIKE, INHERITS, OF or PARTITION OF",
        ],
        unforeseen,
    )
    .only(SIMPLE)
    .times(3),
];

fn several(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let sql = format!(
        "INSERT INTO {n} (id, {p}) VALUES ({}, {}); SELECT {p} FROM {n} WHERE {d} = {} ORDER BY id; \
         UPDATE {n} SET k = 1 WHERE id = {}; ; SELECT count(*) FROM {n}",
        a.new_id(),
        a.good(p),
        a.good(d),
        a.id(),
        n = t.name,
        p = p.name,
        d = d.name
    );
    let mut script = write(a, t, sql);
    script.pieces[0].ordered = true;
    script
}

fn transaction(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "BEGIN; UPDATE {n} SET {p} = {} WHERE id = {}; SELECT {p} FROM {n} ORDER BY id; ROLLBACK; SELECT {p} FROM {n} ORDER BY id",
        a.good(p),
        a.id(),
        n = t.name,
        p = p.name
    );
    let piece = a.piece(sql).ordered();
    Script::of(vec![piece], Wrap::Own)
}

/// All in one string, in a transaction that is undone; then what it left, in a statement of its own.
fn string(a: &mut Author<'_>, statements: Vec<String>, after: String) -> Script {
    let string = a.piece(statements.join("; ")).ordered();
    let after = a.piece(after).ordered();
    Script::undone(vec![string, after])
}

/// A row of the new table, its columns named or not.
fn row(a: &mut Author<'_>, t: &Table, id: usize) -> String {
    let (names, values): (Vec<&str>, Vec<String>) = t
        .columns
        .iter()
        .map(|c| {
            let value = match c.name.as_str() {
                "id" => a.given(id),
                _ => a.good(c),
            };
            (&*c.name, value)
        })
        .unzip();
    let list = match a.rng.percent(60) {
        true => format!(" ({})", names.join(", ")),
        false => String::new(),
    };
    format!(
        "INSERT INTO {}{list} VALUES ({})",
        t.name,
        values.join(", ")
    )
}

fn created(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.later;
    let (p, d) = (a.random(t), a.deterministic(t));
    let mut all = vec![t.definition()];
    if a.rng.percent(50) {
        all.push(format!("CREATE INDEX ON later ({}, k)", d.name));
    }
    if a.rng.percent(30) {
        all.push(format!("ALTER TABLE later ALTER {} SET NOT NULL", d.name));
    }
    let wide = a.rng.percent(30);
    all.push(row(a, t, 1));
    if wide {
        all.push("ALTER TABLE later ADD COLUMN more int DEFAULT 4".to_owned());
    }
    all.push(format!(
        "INSERT INTO later (id, {}, {}) VALUES (2, {}, {}) RETURNING *",
        d.name,
        p.name,
        a.value(d),
        a.value(p)
    ));
    all.push(format!(
        "UPDATE later SET {} = {} WHERE {} = {}",
        p.name,
        a.good(p),
        d.name,
        a.good(d)
    ));
    all.push(format!("SELECT id, {} FROM later ORDER BY id", p.name));
    string(a, all, "SELECT * FROM later ORDER BY id".to_owned())
}

fn in_clear(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let unless = *a.rng.pick(&["", "IF NOT EXISTS "]);
    let all = vec![
        format!("CREATE TABLE {unless}made (id int PRIMARY KEY, note text DEFAULT 'x')"),
        "INSERT INTO made VALUES (1, 'one'), (2, 'two')".to_owned(),
        format!(
            "SELECT m.note, x.{} FROM made m JOIN {} x USING (id) WHERE x.{} <> {} ORDER BY id",
            p.name,
            t.name,
            d.name,
            a.good(d)
        ),
        format!(
            "UPDATE {} SET {} = {} WHERE id IN (SELECT id FROM made)",
            t.name,
            p.name,
            a.good(p)
        ),
    ];
    string(
        a,
        all,
        format!("SELECT * FROM {} WHERE id < 4 ORDER BY id", t.name),
    )
}

fn altered(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let n = &t.name;
    let (change, list) = *a.rng.pick(&[
        ("ADD COLUMN added int DEFAULT 7", "added, "),
        (
            "ADD added text, ADD COLUMN IF NOT EXISTS other bool",
            "added, other, ",
        ),
        ("DROP COLUMN c", ""),
        ("ALTER k SET DEFAULT 3, ALTER c SET NOT NULL", "k, "),
        ("ADD CONSTRAINT small CHECK (k < 1000000)", "k, "),
        ("ALTER c SET STATISTICS 5", "c, "),
    ]);
    let all = vec![
        // a row without c, or too far out, would stop what follows; and each has a k of its own
        format!("UPDATE {n} SET c = 'red', k = -id"),
        format!("ALTER TABLE {n} {change}"),
        format!(
            "INSERT INTO {n} (id, {}) VALUES (700, {})",
            p.name,
            a.good(p)
        ),
        format!(
            "SELECT {list}{}, id FROM {n} WHERE {} = {} OR id > 20 ORDER BY id",
            p.name,
            d.name,
            a.good(d)
        ),
    ];
    string(a, all, format!("SELECT * FROM {n} ORDER BY id"))
}

fn index(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let n = &t.name;
    let all = match a.rng.percent(60) {
        true => vec![
            format!("CREATE INDEX made_index ON {n} ({}, k) WHERE k > 3", d.name),
            format!(
                "SELECT id, {} FROM {n} WHERE {} = {} ORDER BY id",
                p.name,
                d.name,
                a.good(d)
            ),
            "DROP INDEX made_index".to_owned(),
            format!(
                "UPDATE {n} SET {} = {} WHERE id = {}",
                p.name,
                a.good(p),
                a.id()
            ),
        ],
        false => vec![
            "CREATE TYPE mood AS ENUM ('fine', 'so')".to_owned(),
            "CREATE TABLE made (id int, m mood)".to_owned(),
            "INSERT INTO made VALUES (1, 'so')".to_owned(),
            format!(
                "SELECT m.m::text, x.{} FROM made m JOIN {n} x USING (id)",
                p.name
            ),
        ],
    };
    string(a, all, format!("SELECT * FROM {n} ORDER BY id"))
}

fn dropped(a: &mut Author<'_>) -> Script {
    let t = &a.schema.special.later;
    let u = a.table();
    let p = a.any(u);
    let last = row(a, t, 2);
    let all = match a.rng.percent(60) {
        true => vec![
            t.definition(),
            row(a, t, 1),
            "DROP TABLE later".to_owned(),
            t.definition(),
            last,
            "SELECT * FROM later".to_owned(),
        ],
        false => vec![
            "DROP TABLE IF EXISTS nothing_here".to_owned(),
            t.definition(),
            last,
            format!("SELECT {} FROM {} ORDER BY id", p.name, u.name),
        ],
    };
    string(a, all, "SELECT * FROM later".to_owned())
}

fn unforeseen(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let first = match a.rng.below(6) {
        0 => "SET DateStyle = 'German'".to_owned(),
        1 => "CREATE TEMP TABLE made (id int)".to_owned(),
        2 => format!(
            "CREATE VIEW made AS SELECT id, {} AS p FROM {}",
            p.name, t.name
        ),
        3 => format!("CREATE TABLE made (LIKE {})", t.name),
        4 => "SELECT set_config('search_path', 'med', true)".to_owned(),
        _ => format!("ALTER TABLE {} RENAME COLUMN k TO kk", t.name),
    };
    let select = format!(
        "SELECT {} FROM {} WHERE id <> {} ORDER BY id",
        p.name,
        t.name,
        a.id()
    );
    string(a, vec![first, select], "SELECT 1".to_owned())
}

//! Values that PostgreSQL compresses or keeps out of line, and that fill more than one read of a socket.

use super::super::author::Author;
use super::super::schema::{Column, Kind, Table};
use super::super::script::{MODES, Mode, Piece, Script};
use super::super::types::TEXT;
use super::{Construct, SIMPLE, write, yes};

pub const ALL: &[Construct] = &[
    yes("large: INSERT", insert).times(2),
    yes("large: UPDATE and RETURNING", update),
    yes("large: many rows", many).only(BOUND),
    yes("large: equality", equality),
    yes("large: COPY", copy).only(SIMPLE),
];

/// One literal of each is enough.
const BOUND: &[Mode] = &[MODES[0], MODES[3]];

/// 2 kB and more, 100 kB and more.
fn long(a: &mut Author<'_>) -> String {
    let length = *a.rng.pick(&[2_000, 2_700, 8_200, 66_000, 120_000]) + a.rng.below(100);
    let words = ["kanari ", "ü☃", "kanari'\"\\", "0123456789"];
    let mut text = String::new();
    while text.len() < length {
        text.push_str(words[a.rng.below(4)]);
    }
    text
}

/// A column of any length that nothing is compared with.
fn column(t: &Table) -> &Column {
    let mut columns = t.kept(Kind::Random).into_iter();
    columns
        .find(|c| *c.ty == TEXT)
        .expect("every table has one")
}

fn insert(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = column(t);
    let text = long(a);
    let sql = format!(
        "INSERT INTO {} (id, {p}, c) VALUES ({}, {}, {}) RETURNING {p}",
        t.name,
        a.new_id(),
        a.text(text),
        a.word(),
        p = p.name
    );
    undone(a, t, sql)
}

/// Not kept: every later answer about the table would carry them.
fn undone(a: &mut Author<'_>, t: &Table, sql: String) -> Script {
    let mut script = write(a, t, sql);
    script.wrap = super::super::script::Wrap::Block("ROLLBACK");
    script
}

fn update(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = column(t);
    let (first, second) = (long(a), long(a));
    let sql = format!(
        "UPDATE {} SET {p} = CASE WHEN k < {} THEN {} ELSE {} END WHERE id < {} RETURNING id, {p}",
        t.name,
        a.number(12),
        a.text(first),
        a.text(second),
        a.number(6),
        p = p.name
    );
    undone(a, t, sql)
}

fn many(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = column(t);
    let rows: Vec<String> = (0..30)
        .map(|i| {
            let mut text = long(a);
            text = text.chars().take(2_500).collect();
            format!("({}, {})", a.given(4000 + i), a.text(text))
        })
        .collect();
    let sql = format!(
        "INSERT INTO {} (id, {}) VALUES {}",
        t.name,
        p.name,
        rows.join(", ")
    );
    undone(a, t, sql)
}

/// Not of the first table, whose index takes no cell of 2.7 kB.
fn equality(a: &mut Author<'_>) -> Script {
    let mut tables = a.schema.tables[1..].iter();
    let t = tables.find(|t| *t.shared(0).ty == TEXT);
    let t = t.unwrap_or(&a.schema.tables[1]);
    let (p, d) = (column(t), t.shared(0));
    let text = match *d.ty == TEXT {
        true => long(a),
        false => "kanari-0001".to_owned(),
    };
    let set = format!(
        "UPDATE {} SET {} = {} WHERE id < {}",
        t.name,
        d.name,
        a.text(text.clone()),
        a.given(4)
    );
    let set = a.piece(set);
    let select = format!(
        "SELECT id, {} FROM {} WHERE {d} = {} OR {d} IN ({}, {})",
        p.name,
        t.name,
        a.text(text.clone()),
        a.good(d),
        a.text(text + "x"),
        d = d.name
    );
    let select = a.piece(select);
    let group = Piece::new(
        format!(
            "SELECT {d}, count(*) FROM {} GROUP BY {d}",
            t.name,
            d = d.name
        ),
        vec![],
    );
    Script::undone(vec![set, select, group])
}

fn copy(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = column(t);
    let data: String = (0..3)
        .map(|i| format!("{}\t{}\n", 5000 + i, long(a).replace('\\', "\\\\")))
        .collect();
    let from = format!("COPY {} (id, {}) FROM STDIN", t.name, p.name);
    let to = format!("COPY {} ({}, id) TO STDOUT (FORMAT csv)", t.name, p.name);
    Script::undone(vec![
        Piece::new(from, vec![]).copying(data.into_bytes()),
        Piece::new(to, vec![]),
    ])
}

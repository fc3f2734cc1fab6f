//! Settings that values and names depend on: for a transaction, and lasting between the statements of a session.

use super::super::author::Author;
use super::super::script::{Piece, Script, Wrap};
use super::{Construct, EXTENDED, yes};

pub const ALL: &[Construct] = &[
    yes("settings: SET LOCAL", local).times(2),
    yes("settings: lasting", lasting).times(4),
    yes("settings: lasting, written under another", written).times(2),
    yes("settings: set_config, RESET, rollback", taken_back).times(2),
    yes("settings: within a pipeline", pipeline)
        .only(EXTENDED)
        .times(2),
    yes("settings: between FETCHes", fetches).times(2),
    yes("settings: search_path", search_path),
    yes("settings: search_path that lasts", lasting_path).times(2),
];

/// What the text of values depends on.
const SETTINGS: &[(&str, &str)] = &[
    ("DateStyle", "German"),
    ("DateStyle", "SQL, DMY"),
    ("DateStyle", "Postgres, MDY"),
    ("DateStyle", "ISO, YMD"),
    ("TimeZone", "Asia/Kolkata"),
    ("TimeZone", "America/New_York"),
    ("TimeZone", "UTC"),
    ("TimeZone", "<+0330>-03:30"),
    ("bytea_output", "escape"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "0"),
    ("extra_float_digits", "-3"),
    ("extra_float_digits", "3"),
    ("IntervalStyle", "iso_8601"),
    ("IntervalStyle", "sql_standard"),
    ("IntervalStyle", "postgres_verbose"),
];

fn fixed(sql: impl Into<String>) -> Piece {
    Piece::new(sql.into(), vec![])
}

fn set(a: &mut Author<'_>) -> Piece {
    let (name, value) = *a.rng.pick(SETTINGS);
    let how = *a.rng.pick(&["SET", "SET SESSION"]);
    fixed(format!("{how} {name} = '{value}'"))
}

/// A read, or a write and what it left, with values as the session writes them.
fn use_of(a: &mut Author<'_>, pieces: &mut Vec<Piece>) {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let piece = match a.rng.below(4) {
        0 => a.state(t),
        1 => {
            let sql = format!(
                "SELECT id, {} FROM {} WHERE {} = {}",
                p.name,
                t.name,
                d.name,
                a.good(d)
            );
            a.piece(sql)
        }
        2 => {
            let sql = format!(
                "SELECT id, {} FROM {} WHERE id > {} ORDER BY id",
                p.name,
                t.name,
                a.id()
            );
            a.piece(sql).ordered().fetching(5)
        }
        _ => fixed(format!("COPY {} (id, {}) TO STDOUT", t.name, p.name)),
    };
    pieces.push(piece);
}

fn local(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (name, value) = *a
        .rng
        .pick(&[SETTINGS, &[("standard_conforming_strings", "off")]].concat());
    let set = fixed(format!("SET LOCAL {name} = '{value}'"));
    Script::undone(vec![set, a.state(t)])
}

fn lasting(a: &mut Author<'_>) -> Script {
    let mut pieces = Vec::new();
    for _ in 0..2 + a.rng.below(2) {
        pieces.push(set(a));
        use_of(a, &mut pieces);
    }
    Script::of(pieces, Wrap::Settings)
}

/// Values written under one style and read under another are the same values.
fn written(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let first = set(a);
    let update = format!(
        "UPDATE {} SET {p} = {} WHERE id = {} RETURNING {p}",
        t.name,
        a.value(p),
        a.id(),
        p = p.name
    );
    let update = a.piece(update);
    Script::of(vec![first, update, set(a), a.state(t)], Wrap::Settings)
}

fn taken_back(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (name, value) = *a.rng.pick(SETTINGS);
    let set = format!("SET {name} = '{value}'");
    let statements: Vec<String> = match a.rng.below(5) {
        0 => vec![format!("SELECT set_config('{name}', '{value}', false)")],
        1 => vec![set, format!("RESET {name}")],
        2 => vec![set, format!("SET {name} TO DEFAULT")],
        3 => vec!["BEGIN".to_owned(), set, "ROLLBACK".to_owned()],
        _ => vec![
            "BEGIN".to_owned(),
            "SAVEPOINT s".to_owned(),
            set,
            "ROLLBACK TO s".to_owned(),
            "COMMIT".to_owned(),
        ],
    };
    let mut pieces: Vec<Piece> = statements.into_iter().map(fixed).collect();
    pieces.push(a.state(t));
    Script::of(pieces, Wrap::Settings)
}

/// What comes right behind a SET, in the same Sync group.
fn pipeline(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let mut pieces = vec![a.state(t), set(a), a.state(t)];
    let p = a.any(u);
    let update = format!(
        "UPDATE {} SET {} = {} WHERE id = {}",
        u.name,
        p.name,
        a.good(p),
        a.id()
    );
    pieces.push(a.piece(update));
    pieces.extend([set(a), a.state(u)]);
    Script::of(pieces, Wrap::Settings).pipelined()
}

/// A cursor's rows are shown as the session is set when they are fetched.
fn fetches(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let sql = format!(
        "DECLARE cu SCROLL CURSOR FOR SELECT * FROM {} WHERE id <> {} ORDER BY id",
        t.name,
        a.id()
    );
    let mut pieces = vec![a.piece(sql), fixed("FETCH 3 FROM cu").ordered()];
    pieces.extend([set(a), fixed("FETCH 5 FROM cu").ordered()]);
    pieces.extend([set(a), fixed("FETCH BACKWARD 6 FROM cu").ordered()]);
    Script::undone(pieces)
}

fn search_path(a: &mut Author<'_>) -> Script {
    let select = bare(a);
    Script::undone(vec![
        fixed("SET LOCAL search_path = med, public"),
        select.ordered(),
    ])
}

/// The third table without its schema.
fn bare(a: &mut Author<'_>) -> Piece {
    let t = &a.schema.tables[2];
    let name = t.name.trim_start_matches("med.");
    let p = a.any(t);
    let sql = format!(
        "SELECT {} FROM {name} WHERE id < {} ORDER BY id",
        p.name,
        a.id()
    );
    a.piece(sql)
}

/// A name that is there, then is not, then is another's.
fn lasting_path(a: &mut Author<'_>) -> Script {
    let name = a.schema.tables[2]
        .name
        .trim_start_matches("med.")
        .to_owned();
    let path = *a
        .rng
        .pick(&["med, public", "\"$user\", med", "public, med", "med"]);
    let mut pieces = vec![
        fixed(format!("SET search_path = {path}")),
        bare(a),
        fixed("BEGIN"),
        fixed(format!("CREATE TEMP TABLE {name} (id int, note text)")),
        fixed(format!("SELECT * FROM {name}")),
        fixed("ROLLBACK"),
        bare(a),
        fixed("SET search_path TO public"),
    ];
    if a.rng.percent(50) {
        pieces.push(bare(a));
    }
    Script::of(pieces, Wrap::Settings)
}

//! What a session does around its statements: PREPARE, cursors, EXPLAIN, COPY, strings of several, transactions,
//! pipelines, settings.

use super::super::author::Author;
use super::super::script::{Piece, Script, Wrap};
use super::{Construct, EXTENDED, Expect, SIMPLE, yes};

pub const ALL: &[Construct] = &[
    yes("prepare: EXECUTE a filter", prepare_filter),
    yes("prepare: EXECUTE an INSERT", prepare_insert),
    yes("prepare: without parameters", prepare_none),
    yes("cursor: FETCH and MOVE", cursor),
    yes("cursor: SCROLL and backward", scroll),
    yes("cursor: WITH HOLD", hold),
    yes("cursor: WHERE CURRENT OF", current_of),
    yes("explain", explain),
    yes("explain: ANALYZE", analyze),
    yes("copy: TO text", copy_to),
    yes("copy: TO CSV of a query", copy_query),
    yes("copy: FROM text", copy_from),
    yes("copy: FROM CSV with header", copy_csv),
    Construct {
        modes: SIMPLE,
        ..yes("string: several statements", string)
    },
    Construct {
        modes: SIMPLE,
        ..yes("string: with its own transaction", string_transaction)
    },
    yes("transaction: savepoints", savepoints),
    Construct {
        expect: Expect::Error,
        ..yes("transaction: after an error", aborted)
    },
    yes("transaction: read only, isolation", isolation),
    Construct {
        modes: EXTENDED,
        ..yes("pipeline: reads and writes", pipeline)
    },
    Construct {
        modes: EXTENDED,
        expect: Expect::Error,
        ..yes("pipeline: with an error in it", pipeline_error)
    },
    yes("settings: DateStyle, TimeZone, bytea_output", settings),
    yes("settings: search_path", search_path),
    yes("lock table", lock_table),
];

fn fixed(sql: impl Into<String>) -> Piece {
    Piece::new(sql.into(), vec![])
}

fn prepare_filter(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let types = *a.rng.pick(&["", "typed"]);
    let types = match types {
        "" => String::new(),
        _ => format!(" ({}, int)", d.ty.name),
    };
    let value = a.value(d);
    let value = a.constant(value);
    let number = a.number(12);
    let number = a.constant(number);
    let execute = a.piece(format!("EXECUTE q ({value}, {number})"));
    Script::undone(vec![
        fixed("DEALLOCATE ALL"),
        fixed(format!(
            "PREPARE q{types} AS SELECT id, {} FROM {} WHERE {} = $1 OR k = $2",
            p.name, t.name, d.name
        )),
        execute.clone(),
        execute,
        fixed("DEALLOCATE q"),
    ])
    // a constant that a cast rounds to a scale is computed
    .may_refuse(d.ty.name.contains('('))
}

fn prepare_insert(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let id = a.new_id();
    let id = a.constant(id);
    let value = a.good(p);
    let value = a.constant(value);
    let execute = a.piece(format!("EXECUTE \"Put\" ({id}, {value})"));
    Script::undone(vec![
        fixed("DEALLOCATE ALL"),
        fixed(format!(
            "PREPARE \"Put\" AS INSERT INTO {} (id, {p}) VALUES ($1, $2) RETURNING {p}",
            t.name,
            p = p.name
        )),
        execute,
        fixed("DEALLOCATE ALL"),
        a.state(t),
    ])
    // a constant that a cast rounds to a scale is computed
    .may_refuse(p.ty.name.contains('('))
}

fn prepare_none(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let value = a.good(d);
    let value = a.constant(value);
    let prepare = a.piece(format!(
        "PREPARE q AS SELECT * FROM {} WHERE {} <> {value} ORDER BY id",
        t.name, d.name
    ));
    Script::undone(vec![
        fixed("DEALLOCATE ALL"),
        prepare,
        fixed("EXECUTE q").ordered(),
        fixed("DEALLOCATE PREPARE q"),
    ])
}

fn cursor(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "DECLARE cu CURSOR FOR SELECT id, {} FROM {} WHERE id > {} ORDER BY id",
        p.name,
        t.name,
        a.id()
    );
    let declare = a.piece(sql);
    Script::undone(vec![
        declare,
        fixed("FETCH cu").ordered(),
        fixed("FETCH FORWARD 3 FROM cu").ordered(),
        fixed("MOVE 2 IN cu"),
        fixed("FETCH ALL IN cu").ordered(),
        fixed("CLOSE cu"),
    ])
}

fn scroll(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "DECLARE \"Cu\" SCROLL CURSOR FOR SELECT {} FROM {} WHERE k <> {} ORDER BY id",
        p.name,
        t.name,
        a.number(12)
    );
    let declare = a.piece(sql);
    let way = *a.rng.pick(&[
        "LAST",
        "ABSOLUTE 4",
        "RELATIVE -2",
        "BACKWARD ALL",
        "PRIOR",
        "FIRST",
    ]);
    Script::undone(vec![
        declare,
        fixed("FETCH 7 FROM \"Cu\"").ordered(),
        fixed(format!("FETCH {way} FROM \"Cu\"")).ordered(),
        fixed("CLOSE ALL"),
    ])
}

fn hold(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "DECLARE cu CURSOR WITH HOLD FOR SELECT {} FROM {} WHERE id < {} ORDER BY id",
        p.name,
        t.name,
        a.id()
    );
    let declare = a.piece(sql);
    Script::of(
        vec![
            fixed("BEGIN"),
            declare,
            fixed("COMMIT"),
            fixed("FETCH 5 FROM cu").ordered(),
            fixed("CLOSE cu"),
        ],
        Wrap::Own,
    )
}

fn current_of(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let declare = fixed(format!(
        "DECLARE cu CURSOR FOR SELECT id, {} FROM {} WHERE id < 9 ORDER BY id FOR UPDATE",
        p.name, t.name
    ));
    let update = match a.rng.percent(70) {
        true => format!(
            "UPDATE {} SET {} = {} WHERE CURRENT OF cu",
            t.name,
            p.name,
            a.good(p)
        ),
        false => format!("DELETE FROM {} WHERE CURRENT OF cu RETURNING id", t.name),
    };
    let update = a.piece(update);
    Script::undone(vec![
        declare,
        fixed("MOVE 1 FROM cu"),
        update,
        fixed("CLOSE cu"),
    ])
}

fn explain(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let options = *a.rng.pick(&[
        "",
        "VERBOSE ",
        "(COSTS OFF, FORMAT JSON) ",
        "(FORMAT YAML, SETTINGS) ",
    ]);
    let sql = format!(
        "EXPLAIN {options}SELECT * FROM {} WHERE {} = {}",
        t.name,
        d.name,
        a.good(d)
    );
    let piece = a.piece(sql).rows_exempt();
    Script::read(&mut a.rng, vec![piece])
}

fn analyze(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) UPDATE {} SET {} = {} WHERE id = {}",
        t.name,
        p.name,
        a.good(p),
        a.id()
    );
    let piece = a.piece(sql).rows_exempt();
    let state = a.state(t);
    Script::write(&mut a.rng, vec![piece, state])
}

fn copy_to(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let columns = t.names();
    let list = match a.rng.percent(50) {
        true => String::new(),
        false => format!(" ({columns})"),
    };
    let piece = fixed(format!("COPY {}{list} TO STDOUT", t.name));
    Script::read(&mut a.rng, vec![piece])
}

fn copy_query(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.any(t), a.deterministic(t));
    let value = a.good(d);
    let value = a.constant(value);
    let sql = format!(
        "COPY (SELECT id, {} AS p, {d} FROM {} WHERE {d} IS DISTINCT FROM {value}) TO STDOUT (FORMAT csv, HEADER, NULL '-')",
        p.name,
        t.name,
        d = d.name
    );
    let piece = a.piece(sql);
    Script::read(&mut a.rng, vec![piece])
}

/// Values of a protected column as COPY's text format has them.
fn copied(a: &mut Author<'_>, name: &str) -> String {
    let n = a.rng.skewed(8);
    super::super::types::marked(name, n).replace('\\', "\\\\")
}

fn copy_from(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let data: String = (0..4)
        .map(|i| match i {
            2 => format!("{}\t\\N\t\\N\n", 950 + i),
            _ => format!(
                "{}\t{}\t{}\n",
                950 + i,
                copied(a, p.ty.name),
                copied(a, d.ty.name)
            ),
        })
        .collect();
    let copy = fixed(format!(
        "COPY {} (id, {}, {}) FROM STDIN",
        t.name, p.name, d.name
    ))
    .copying(data.into_bytes());
    let state = a.state(t);
    Script::write(&mut a.rng, vec![copy, state])
}

fn copy_csv(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let quoted = |v: String| format!("\"{}\"", v.replace('"', "\"\""));
    let n = a.rng.skewed(8);
    let value = quoted(super::super::types::marked(p.ty.name, n));
    let data = format!("id,p\n970,{value}\n971,\n972,{value}\n");
    let copy = fixed(format!(
        "COPY {} (id, {}) FROM STDIN (FORMAT csv, HEADER true)",
        t.name, p.name
    ));
    let copy = copy.copying(data.into_bytes());
    let state = a.state(t);
    Script::write(&mut a.rng, vec![copy, state])
}

fn string(a: &mut Author<'_>) -> Script {
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
    let piece = a.piece(sql).ordered();
    let state = a.state(t);
    Script::write(&mut a.rng, vec![piece, state])
}

fn string_transaction(a: &mut Author<'_>) -> Script {
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

fn savepoints(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let first = format!(
        "UPDATE {} SET {} = {} WHERE id = {}",
        t.name,
        p.name,
        a.good(p),
        a.id()
    );
    let first = a.piece(first);
    let second = format!("DELETE FROM {} WHERE id > {}", t.name, a.id());
    let second = a.piece(second);
    let end = *a.rng.pick(&["COMMIT", "ROLLBACK"]);
    let pieces = vec![
        fixed("BEGIN"),
        first,
        fixed("SAVEPOINT s"),
        second,
        a.state(t),
        fixed("ROLLBACK TO s"),
        a.state(t),
        fixed("RELEASE s"),
        fixed(end),
        a.state(t),
    ];
    Script::of(pieces, Wrap::Own)
}

fn aborted(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let insert = format!(
        "INSERT INTO {} (id, {}) VALUES ({}, {})",
        t.name,
        p.name,
        a.given(2),
        a.good(p)
    );
    let insert = a.piece(insert);
    let pieces = vec![
        fixed("BEGIN"),
        fixed("SAVEPOINT s"),
        insert,
        a.state(t),
        fixed("ROLLBACK TO s"),
        a.state(t),
        fixed("COMMIT"),
    ];
    Script::of(pieces, Wrap::Own)
}

fn isolation(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let level = *a.rng.pick(&[
        "REPEATABLE READ",
        "SERIALIZABLE",
        "READ COMMITTED READ ONLY",
    ]);
    let pieces = vec![
        fixed(format!("BEGIN ISOLATION LEVEL {level}")),
        a.state(t),
        fixed("SET LOCAL statement_timeout = 20000"),
        a.state(t),
        fixed("COMMIT"),
    ];
    Script::of(pieces, Wrap::Own)
}

fn pipeline(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, d) = (a.random(t), a.deterministic(t));
    let insert = format!(
        "INSERT INTO {} (id, {}) VALUES ({}, {})",
        t.name,
        p.name,
        a.new_id(),
        a.good(p)
    );
    let insert = a.piece(insert);
    let select = format!(
        "SELECT id, {} FROM {} WHERE {} = {} ORDER BY id",
        p.name,
        t.name,
        d.name,
        a.good(d)
    );
    let select = a.piece(select);
    let portion = format!("SELECT {} FROM {} ORDER BY id", p.name, t.name);
    let portion = a.piece(portion).fetching(2);
    let update = format!(
        "UPDATE {} SET {} = {} WHERE id = {}",
        t.name,
        d.name,
        a.good(d),
        a.id()
    );
    let update = a.piece(update);
    let state = a.state(t);
    Script::undone(vec![insert.ordered(), select, portion, update, state]).pipelined()
}

fn pipeline_error(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let state = a.state(t);
    let failing = format!(
        "INSERT INTO {} (id, {}) VALUES ({}, {})",
        t.name,
        p.name,
        a.given(2),
        a.good(p)
    );
    let failing = a.piece(failing);
    let never = a.state(t);
    Script::undone(vec![state, failing, never]).pipelined()
}

fn settings(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let setting = *a.rng.pick(&[
        "SET LOCAL DateStyle = 'German'",
        "SET LOCAL DateStyle = 'SQL, DMY'",
        "SET LOCAL DateStyle = 'Postgres, MDY'",
        "SET LOCAL TimeZone = 'Asia/Kolkata'",
        "SET LOCAL TimeZone = 'America/New_York'",
        "SET LOCAL bytea_output = 'escape'",
        "SET LOCAL extra_float_digits = 0",
        "SET LOCAL IntervalStyle = 'iso_8601'",
        "SET LOCAL standard_conforming_strings = off",
    ]);
    let pieces = vec![fixed(setting), a.state(t)];
    Script::undone(pieces)
}

fn search_path(a: &mut Author<'_>) -> Script {
    let t = &a.schema.tables[2];
    let bare = t.name.trim_start_matches("med.");
    let p = a.any(t);
    let sql = format!(
        "SELECT {} FROM {bare} WHERE id < {} ORDER BY id",
        p.name,
        a.id()
    );
    let select = a.piece(sql).ordered();
    Script::undone(vec![fixed("SET LOCAL search_path = med, public"), select])
}

fn lock_table(a: &mut Author<'_>) -> Script {
    let t = a.table();
    Script::undone(vec![
        fixed(format!("LOCK TABLE {} IN SHARE MODE NOWAIT", t.name)),
        a.state(t),
    ])
}

//! What a session does around its statements: PREPARE, EXPLAIN, transactions, pipelines.

use super::super::author::Author;
use super::super::script::{Piece, Script, Wrap};
use super::{Construct, EXTENDED, Expect, yes};

pub const ALL: &[Construct] = &[
    yes("prepare: EXECUTE a filter", prepare_filter),
    yes("prepare: EXECUTE an INSERT", prepare_insert),
    yes("prepare: without parameters", prepare_none),
    yes("explain", explain),
    yes("explain: ANALYZE", analyze),
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

fn lock_table(a: &mut Author<'_>) -> Script {
    let t = a.table();
    // without waiting only what autovacuum does not stand in the way of
    let mode = *a.rng.pick(&[
        "ROW EXCLUSIVE MODE NOWAIT",
        "ACCESS SHARE MODE NOWAIT",
        "SHARE MODE",
        "ACCESS EXCLUSIVE MODE",
    ]);
    Script::undone(vec![
        fixed(format!("LOCK TABLE {} IN {mode}", t.name)),
        a.state(t),
    ])
}

//! What no database of cells can compute: refused, or answered rightly one day; and PostgreSQL's own errors.

use super::super::author::Author;
use super::super::script::Script;
use super::{Construct, Piece, error, read, refusal, write};

pub const ALL: &[Construct] = &[
    refusal("refused: = on random", &["= is not possible on"], equality),
    refusal("refused: ORDER BY", &["ORDER BY is not possible on"], order),
    refusal(
        "refused: range",
        &["the operator < is not possible on"],
        range,
    ),
    refusal(
        "refused: LIKE",
        &["LIKE is not possible on", "this cast is not possible on"],
        like,
    ),
    refusal(
        "refused: function",
        &[
            "the function length is not possible on",
            "this cast is not possible on",
        ],
        function,
    ),
    refusal(
        "refused: aggregate",
        &["the function max is not possible on"],
        aggregate,
    ),
    refusal(
        "refused: ||",
        &["the operator || is not possible on"],
        concatenation,
    ),
    refusal(
        "refused: whole row",
        &["the whole row of \"x\" cannot be used as a value"],
        whole_row,
    ),
    refusal(
        "refused: row_to_json",
        &["the whole row of \"x\" cannot be used as a value"],
        row_to_json,
    ),
    refusal(
        "refused: other group",
        &[
            "they do not share a group",
            "their cells cannot be compared",
        ],
        other_group,
    ),
    refusal(
        "refused: clear column",
        &["with a value that the database computes or stores in clear is not possible"],
        clear_column,
    ),
    refusal(
        "refused: DISTINCT on random",
        &["DISTINCT is not possible on"],
        distinct,
    ),
    refusal(
        "refused: GROUP BY random",
        &["GROUP BY is not possible on"],
        group,
    ),
    refusal(
        "refused: UNION on random",
        &["UNION is not possible on"],
        union,
    ),
    refusal(
        "refused: cell into a clear column",
        &["storing it in the unprotected column \"c\" is not possible on"],
        into_clear,
    ),
    refusal(
        "refused: CREATE TABLE AS with cells",
        &["made of encrypted columns would not guard them"],
        table_as,
    ),
    refusal(
        "refused: cast that changes the value",
        &["= is not possible on"],
        cast,
    ),
    refusal(
        "refused: GREATEST",
        &["GREATEST or LEAST is not possible on"],
        greatest,
    ),
    refusal(
        "refused: function of the value stored",
        &["a value that the database computes cannot be stored in it"],
        computed,
    ),
    error("error: unique", unique),
    error("error: NOT NULL", not_null),
    error("error: no such column", no_column),
    error("error: ambiguous column", ambiguous),
    error("error: aggregate without GROUP BY", ungrouped),
    error("error: number of columns", arity),
    error("error: wrong type", wrong_type),
    error("error: division by zero", division),
];

fn condition(a: &mut Author<'_>, make: fn(&str, &str) -> String) -> Script {
    let t = a.table();
    let p = a.random(t);
    let value = a.good(p);
    let condition = make(&p.name, &value);
    read(a, format!("SELECT id FROM {} WHERE {condition}", t.name))
}

fn listed(a: &mut Author<'_>, make: fn(&str) -> String) -> Script {
    let t = a.table();
    let p = a.any(t);
    let list = make(&p.name);
    let n = a.number(12);
    read(
        a,
        format!("SELECT {list} FROM {} AS x WHERE k <> {n}", t.name),
    )
}

fn equality(a: &mut Author<'_>) -> Script {
    condition(a, |p, v| format!("{p} = {v}"))
}

fn range(a: &mut Author<'_>) -> Script {
    condition(a, |p, v| format!("{p} < {v}"))
}

fn like(a: &mut Author<'_>) -> Script {
    condition(a, |p, _| format!("{p}::text LIKE 'a%'"))
}

fn function(a: &mut Author<'_>) -> Script {
    listed(a, |p| format!("length({p}::text)"))
}

fn aggregate(a: &mut Author<'_>) -> Script {
    listed(a, |p| format!("max({p}), array_agg({p})"))
}

fn concatenation(a: &mut Author<'_>) -> Script {
    listed(a, |p| format!("{p} || ''"))
}

fn whole_row(a: &mut Author<'_>) -> Script {
    listed(a, |_| "x, x::text".to_owned())
}

fn row_to_json(a: &mut Author<'_>) -> Script {
    listed(a, |_| "row_to_json(x), to_jsonb(x) ->> 'id'".to_owned())
}

fn distinct(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.random(t);
    let sql = format!(
        "SELECT DISTINCT {} FROM {} WHERE k < {}",
        p.name,
        t.name,
        a.number(12)
    );
    read(a, sql)
}

fn group(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.random(t);
    let sql = format!(
        "SELECT {p}, count(*) FROM {} GROUP BY {p} HAVING count(*) > {}",
        t.name,
        a.number(3),
        p = p.name
    );
    read(a, sql)
}

fn union(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.random(t);
    let sql = format!(
        "SELECT {p} FROM {n} UNION SELECT {p} FROM {n} WHERE k = {}",
        a.number(12),
        p = p.name,
        n = t.name
    );
    read(a, sql)
}

fn order(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT id FROM {} WHERE k <> {} ORDER BY {}",
        t.name,
        a.number(12),
        p.name
    );
    read(a, sql)
}

fn other_group(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let d = a.deterministic(u);
    let sql = format!(
        "SELECT x.id FROM {} x, {} y WHERE x.{} = y.{} AND x.k = {}",
        t.name,
        u.name,
        t.shared(0).name,
        d.name,
        a.number(12)
    );
    read(a, sql)
}

fn clear_column(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let u = &a.schema.plain;
    let sql = format!(
        "SELECT x.id FROM {} x JOIN {} y ON x.{} = y.d WHERE y.k <> {}",
        t.name,
        u.name,
        t.shared(0).name,
        a.number(12)
    );
    read(a, sql)
}

fn into_clear(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let sql = format!(
        "UPDATE {} SET c = {} WHERE id = {}",
        t.name,
        t.shared(0).name,
        a.id()
    );
    write(a, t, sql)
}

fn table_as(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let pieces = vec![Piece::new(
        format!("CREATE TABLE made AS SELECT {} FROM {}", p.name, t.name),
        vec![],
    )];
    Script::undone(pieces)
}

fn cast(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = t.shared(0);
    let sql = format!(
        "SELECT id FROM {} WHERE {}::varchar(3) = {}",
        t.name,
        d.name,
        a.good(d)
    );
    read(a, sql)
}

fn greatest(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT GREATEST({d}, {}), LEAST({d}, {d}) FROM {}",
        a.good(d),
        t.name,
        d = d.name
    );
    read(a, sql)
}

fn computed(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = t.shared(0);
    let sql = format!(
        "UPDATE {} SET {d} = lower({}) WHERE id = {}",
        t.name,
        a.word(),
        a.id(),
        d = d.name
    );
    write(a, t, sql)
}

fn unique(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "INSERT INTO {} (id, {}) VALUES ({}, {})",
        t.name,
        p.name,
        a.given(2),
        a.good(p)
    );
    write(a, t, sql)
}

fn not_null(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "INSERT INTO {} (k, {}) VALUES ({}, {})",
        t.name,
        p.name,
        a.number(5),
        a.good(p)
    );
    write(a, t, sql)
}

fn no_column(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let sql = format!(
        "SELECT nothing_like_it FROM {} WHERE id = {}",
        t.name,
        a.id()
    );
    read(a, sql)
}

fn ambiguous(a: &mut Author<'_>) -> Script {
    let (t, u) = a.two();
    let sql = format!(
        "SELECT c FROM {} x, {} y WHERE x.id = {}",
        t.name,
        u.name,
        a.id()
    );
    read(a, sql)
}

fn ungrouped(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = a.deterministic(t);
    let sql = format!(
        "SELECT {}, count(*) FROM {} WHERE id < {}",
        d.name,
        t.name,
        a.id()
    );
    read(a, sql)
}

fn arity(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "INSERT INTO {} (id, {}) VALUES ({})",
        t.name,
        p.name,
        a.new_id()
    );
    write(a, t, sql)
}

fn wrong_type(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let d = t.shared(1);
    let sql = format!(
        "SELECT id FROM {} WHERE {} = true OR k = {}",
        t.name,
        d.name,
        a.number(5)
    );
    read(a, sql)
}

fn division(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let sql = format!(
        "SELECT id / (k - k), {} FROM {} WHERE k = {}",
        p.name,
        t.name,
        a.given(1)
    );
    read(a, sql)
}

//! `protect: hash`: the twin has no such column, so it is asked about the columns that the hash is of.

use super::super::author::Author;
use super::super::schema::{Column, Hash, Table};
use super::super::script::{Piece, Script};
use super::{Construct, read, refusal, yes};

pub const ALL: &[Construct] = &[
    yes("hash: lookup by the parts", lookup)
        .on(MATCHES)
        .times(3),
    yes("hash: lookup beside other conditions", beside)
        .on(MATCHES)
        .times(2),
    yes("hash: INSERT", insert).on(MATCHES).times(2),
    yes("hash: INSERT without a part", without).on(MATCHES),
    yes("hash: UPDATE of all parts", update)
        .on(MATCHES)
        .times(2),
    yes("hash: UPDATE by the parts", update_by).on(MATCHES),
    yes("hash: DELETE by the parts", delete).on(MATCHES),
    yes("hash: IS NULL, count", nulls).on(MATCHES),
    yes("hash: GROUP BY and DISTINCT", group)
        .on(MATCHES)
        .times(2),
    yes("hash: join", join).on(MATCHES).times(2),
    yes("hash: PARTITION BY, IN subquery", subquery).on(MATCHES),
    yes("hash: UNIQUE", unique).on(MATCHES),
    refusal(
        "refused: what would leave a hash behind",
        &[
            "too, which this statement does not set",
            "among others, whose value is neither a literal nor a parameter here",
            "= is not possible on",
        ],
        behind,
    )
    .on(MATCHES)
    .times(2),
];

const MATCHES: &str = "matches";

fn parts(a: &Author<'_>) -> (&'static str, [Column; 2]) {
    let table = table(a);
    let hash = hash(table);
    let [one, two] = &hash.of;
    (
        hash.name,
        [table.column(one).clone(), table.column(two).clone()],
    )
}

fn table<'a>(a: &Author<'a>) -> &'a Table {
    &a.schema.special.matches
}

fn hash(table: &Table) -> &Hash {
    table.hash.as_ref().expect("a table with a hash")
}

/// A write, and the columns that both have; `GROUP BY` the hash says what the proxy filled it with.
fn written(a: &mut Author<'_>, piece: Piece) -> Script {
    let t = table(a);
    let state = a.piece(format!("SELECT {} FROM matches ORDER BY id", t.names()));
    let (hash, [one, two]) = parts(a);
    let same = a
        .piece(format!(
            "SELECT count(*), min(id) FROM matches GROUP BY {hash}"
        ))
        .on_twin(format!(
            "SELECT count(*), min(id) FROM matches GROUP BY {}",
            together(&one, &two)
        ));
    Script::write(&mut a.rng, vec![piece, state, same])
}

/// NULL where one of them is.
fn together(one: &Column, two: &Column) -> String {
    let (one, two) = (&one.name, &two.name);
    format!("CASE WHEN {one} IS NOT NULL AND {two} IS NOT NULL THEN ROW({one}, {two}) END")
}

/// Both parts, in one of the ways to compare them.
fn both(a: &mut Author<'_>, prefix: &str) -> String {
    let (_, [one, two]) = parts(a);
    let (mut v, mut w) = (a.good(&one), a.good(&two));
    if a.rng.percent(15) {
        // of two that no type takes, which is complained about first depends on the order of the parts
        (v, w) = match a.rng.percent(50) {
            true => (a.value(&one), a.good(&two)),
            false => (a.good(&one), a.value(&two)),
        };
    }
    let (one, two) = (
        format!("{prefix}{}", one.name),
        format!("{prefix}{}", two.name),
    );
    match a.rng.below(5) {
        0 => format!("({one}, {two}) = ({v}, {w})"),
        1 => format!("({two}, {one}) = ({w}, {v})"),
        2 => format!("{w} = {two} AND {one} = {v}"),
        3 => format!("({two} = {w} AND ({v} = {one}))"),
        _ => format!("{one} = {v} AND {two} = {w}"),
    }
}

fn lookup(a: &mut Author<'_>) -> Script {
    let t = table(a);
    let columns = t.names();
    let condition = both(a, "");
    read(
        a,
        format!("SELECT {columns} FROM matches WHERE {condition}"),
    )
}

fn beside(a: &mut Author<'_>) -> Script {
    let (t, _) = a.two();
    let p = a.any(t);
    let sql = match a.rng.below(3) {
        0 => {
            let condition = both(a, "");
            format!(
                "SELECT id, p FROM matches WHERE k <> {} AND {condition} AND (c IS NULL OR c <> {}) ORDER BY id LIMIT 3",
                a.number(12),
                a.word()
            )
        }
        1 => {
            let condition = both(a, "m.");
            format!(
                "SELECT m.id, x.{} FROM matches m JOIN {} x USING (id) WHERE {condition}",
                p.name, t.name
            )
        }
        _ => {
            let condition = both(a, "");
            format!(
                "SELECT x.id, x.{} FROM {} x WHERE x.id IN (SELECT id FROM matches WHERE {condition})",
                p.name, t.name
            )
        }
    };
    read(a, sql)
}

fn insert(a: &mut Author<'_>) -> Script {
    let (hash, [one, two]) = parts(a);
    let first = 1000 + a.rng.below(100_000);
    let rows: Vec<(String, String)> = (0..1 + a.rng.below(3))
        .map(|i| {
            let id = a.given(first + i);
            let (v, w) = match a.rng.percent(80) {
                true => (a.good(&one), a.good(&two)),
                false => (a.value(&one), a.value(&two)),
            };
            (
                format!("({id}, {v}, DEFAULT, {w})"),
                format!("({id}, {v}, {w})"),
            )
        })
        .collect();
    let (one, two) = (&one.name, &two.name);
    let with: Vec<&str> = rows.iter().map(|(with, _)| &**with).collect();
    let bare: Vec<&str> = rows.iter().map(|(_, bare)| &**bare).collect();
    let plain = format!(
        "INSERT INTO matches (id, {one}, {two}) VALUES {} RETURNING id, {two}",
        bare.join(", ")
    );
    let piece = match a.rng.percent(40) {
        true => a
            .piece(format!(
                "INSERT INTO matches (id, {one}, {hash}, {two}) VALUES {} RETURNING id, {two}",
                with.join(", ")
            ))
            .on_twin(plain),
        false => a.piece(plain),
    };
    written(a, piece)
}

fn without(a: &mut Author<'_>) -> Script {
    let (_, [one, two]) = parts(a);
    let part = if a.rng.percent(50) { one } else { two };
    let sql = match a.rng.percent(50) {
        true => format!(
            "INSERT INTO matches (id, {}) VALUES ({}, {})",
            part.name,
            a.new_id(),
            a.value(&part)
        ),
        false => format!(
            "INSERT INTO matches (id, {}, p) SELECT {}, {}, p FROM matches WHERE id = {}",
            part.name,
            a.new_id(),
            a.good(&part),
            a.id()
        ),
    };
    let piece = a.piece(sql);
    written(a, piece)
}

fn update(a: &mut Author<'_>) -> Script {
    let (_, [one, two]) = parts(a);
    let (v, w) = (a.good(&one), a.value(&two));
    let (one, two) = (&one.name, &two.name);
    let set = match a.rng.below(3) {
        0 => format!("({one}, {two}) = ({v}, {w})"),
        1 => format!("{two} = {w}, c = {}, {one} = {v}", a.word()),
        _ => format!("{one} = {v}, {two} = {w}"),
    };
    let sql = format!(
        "UPDATE matches SET {set} WHERE id IN ({}, {}) RETURNING id, {one}",
        a.id(),
        a.id()
    );
    let piece = a.piece(sql);
    written(a, piece)
}

fn update_by(a: &mut Author<'_>) -> Script {
    let value = a.good(table(a).column("p"));
    let condition = both(a, "");
    let piece = a.piece(format!(
        "UPDATE matches SET p = {value}, k = k + 1 WHERE {condition}"
    ));
    written(a, piece)
}

fn delete(a: &mut Author<'_>) -> Script {
    let condition = both(a, "");
    let piece = a.piece(format!(
        "DELETE FROM matches WHERE {condition} RETURNING id, p"
    ));
    written(a, piece)
}

/// A statement about the hash; the twin's is about `@`, both parts together.
fn alike(a: &mut Author<'_>, sql: &str) -> Script {
    let (hash, [one, two]) = parts(a);
    let piece = a
        .piece(sql.replace('@', hash))
        .on_twin(sql.replace('@', &together(&one, &two)));
    Script::read(&mut a.rng, vec![piece])
}

fn nulls(a: &mut Author<'_>) -> Script {
    let n = a.number(12);
    let condition = *a.rng.pick(&["@ IS NULL", "@ IS NOT NULL"]);
    alike(
        a,
        &format!(
            "SELECT count(@), count(*) FILTER (WHERE {condition}), k FROM matches WHERE {condition} OR k < {n} GROUP BY k"
        ),
    )
}

fn group(a: &mut Author<'_>) -> Script {
    let n = a.number(12);
    let sql = match a.rng.below(3) {
        0 => format!("SELECT count(*), max(id) FROM matches WHERE k <> {n} GROUP BY @"),
        1 => format!("SELECT count(DISTINCT @) FROM matches WHERE k <> {n}"),
        _ => format!("SELECT count(*) FROM (SELECT DISTINCT @ FROM matches WHERE k <> {n}) s"),
    };
    alike(a, &sql)
}

fn join(a: &mut Author<'_>) -> Script {
    let (hash, [one, two]) = parts(a);
    let (one, two) = (&one.name, &two.name);
    let sql = format!(
        "SELECT x.id, y.id, y.p FROM matches x {} matches y ON @ AND y.k <> {} WHERE x.k < {}",
        *a.rng.pick(&["JOIN", "LEFT JOIN"]),
        a.number(12),
        a.number(12)
    );
    let on = |condition: &str| sql.replace('@', condition);
    let piece = a
        .piece(on(&format!("x.{hash} = y.{hash}")))
        .on_twin(on(&format!("x.{one} = y.{one} AND x.{two} = y.{two}")));
    Script::read(&mut a.rng, vec![piece])
}

fn subquery(a: &mut Author<'_>) -> Script {
    let n = a.number(12);
    let sql = match a.rng.percent(50) {
        true => format!("SELECT id, count(*) OVER (PARTITION BY @) FROM matches WHERE k <> {n}"),
        false => format!("SELECT id FROM matches WHERE @ IN (SELECT @ FROM matches WHERE k = {n})"),
    };
    alike(a, &sql)
}

/// Rows that agree in both parts cannot be two.
fn unique(a: &mut Author<'_>) -> Script {
    let (hash, [one, two]) = parts(a);
    let (v, w) = (a.good(&one), a.good(&two));
    let (one, two) = (&one.name, &two.name);
    let index = Piece::new(
        format!("CREATE UNIQUE INDEX made ON matches ({hash})"),
        vec![],
    )
    .on_twin(format!(
        "CREATE UNIQUE INDEX made ON matches ({one}, {two})"
    ));
    let first = a.piece(format!(
        "INSERT INTO matches (id, {one}, {two}) VALUES (501, {v}, {w})"
    ));
    let insert = format!(
        "INSERT INTO matches (id, {one}, {two}) VALUES ({}, {}, {})",
        a.given(502),
        a.good(&parts(a).1[0]),
        a.good(&parts(a).1[1])
    );
    let insert = a.piece(insert);
    Script::undone(vec![
        Piece::new("DELETE FROM matches".to_owned(), vec![]),
        index,
        first,
        insert,
    ])
}

fn behind(a: &mut Author<'_>) -> Script {
    let (_, [one, two]) = parts(a);
    let sql = match a.rng.below(5) {
        0 => format!(
            "UPDATE matches SET {} = {} WHERE id = {}",
            one.name,
            a.good(&one),
            a.id()
        ),
        1 => format!(
            "INSERT INTO matches (id, {o}, {t}) SELECT id + 600, {o}, {t} FROM matches",
            o = one.name,
            t = two.name
        ),
        2 => format!(
            "INSERT INTO matches (id, {o}) VALUES ({}, {}) ON CONFLICT (id) DO UPDATE SET {o} = excluded.{o}",
            a.id(),
            a.good(&one),
            o = one.name
        ),
        3 => format!(
            "SELECT id FROM matches WHERE {} = {} OR {} = {}",
            one.name,
            a.good(&one),
            two.name,
            a.good(&two)
        ),
        _ => format!(
            "MERGE INTO matches m USING (VALUES (1)) AS s (id) ON m.id = s.id WHEN MATCHED THEN UPDATE SET {} = {}, {} = {}",
            one.name,
            a.good(&one),
            two.name,
            a.good(&two)
        ),
    };
    let piece = a.piece(sql);
    written(a, piece)
}

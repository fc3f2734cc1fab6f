//! Cursors: FETCH and MOVE in every direction.

use super::super::author::Author;
use super::super::script::{Piece, Script, Wrap};
use super::{Construct, yes};

pub const ALL: &[Construct] = &[
    yes("cursor: FETCH and MOVE", forward),
    yes("cursor: SCROLL, every direction", scroll).times(4),
    yes("cursor: BINARY", binary),
    yes("cursor: WITH HOLD", hold),
    yes("cursor: WHERE CURRENT OF", current_of),
];

fn fixed(sql: impl Into<String>) -> Piece {
    Piece::new(sql.into(), vec![])
}

fn forward(a: &mut Author<'_>) -> Script {
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
        fixed("FETCH 0 FROM cu").ordered(),
        fixed("FETCH ALL IN cu").ordered(),
        fixed("CLOSE cu"),
    ])
}

fn scroll(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let (p, q) = (a.any(t), a.any(t));
    let declare = format!(
        "DECLARE \"Cu\" SCROLL CURSOR FOR SELECT {}, id, {} AS q FROM {} WHERE k <> {} ORDER BY id",
        p.name,
        q.name,
        t.name,
        a.number(12)
    );
    let mut pieces = vec![a.piece(declare)];
    for _ in 0..3 + a.rng.below(5) {
        let n = a.rng.below(7);
        let way = match a.rng.below(17) {
            0 => "NEXT".to_owned(),
            1 => "PRIOR".to_owned(),
            2 => "FIRST".to_owned(),
            3 => "LAST".to_owned(),
            4 => format!("ABSOLUTE {n}"),
            5 => format!("ABSOLUTE -{n}"),
            6 => format!("RELATIVE {n}"),
            7 => format!("RELATIVE -{n}"),
            8 => "0".to_owned(),
            9 => format!("FORWARD {n}"),
            10 => format!("BACKWARD {n}"),
            11 => "FORWARD".to_owned(),
            12 => "BACKWARD".to_owned(),
            13 => "BACKWARD ALL".to_owned(),
            14 => "FORWARD ALL".to_owned(),
            15 => format!("-{n}"),
            _ => format!("{n}"),
        };
        let (verb, from) = (
            *a.rng.pick(&["FETCH", "FETCH", "MOVE"]),
            *a.rng.pick(&["FROM ", "IN ", ""]),
        );
        pieces.push(fixed(format!("{verb} {way} {from}\"Cu\"")).ordered());
    }
    pieces.push(fixed("CLOSE ALL"));
    Script::undone(pieces)
}

fn binary(a: &mut Author<'_>) -> Script {
    let t = a.table();
    let p = a.any(t);
    let declare = format!(
        "DECLARE cu BINARY CURSOR FOR SELECT id, {} FROM {} WHERE id < {} ORDER BY id",
        p.name,
        t.name,
        a.id()
    );
    let declare = a.piece(declare);
    Script::undone(vec![declare, fixed("FETCH ALL FROM cu").ordered()])
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

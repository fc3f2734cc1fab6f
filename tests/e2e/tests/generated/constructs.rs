//! Every construct of the SQL table, each with what is expected of it: a promise, or a refusal that no database of
//! cells could avoid. What is promised and not kept yet stands in `NOT_YET`, which may only shrink.

use super::author::Author;
use super::schema::Table;
use super::script::{MODES, Mode, Piece, Script};

mod copy;
mod cte;
mod cursor;
mod ddl;
mod denied;
mod family;
mod filter;
mod group;
mod hash;
mod join;
mod large;
mod read;
mod refused;
mod relations;
mod roles;
mod session;
mod setop;
mod settings;
mod strings;
mod upsert;
mod write;

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Answered as by PostgreSQL.
    Yes,
    /// Refused with one of the construct's words, or answered as by PostgreSQL.
    Refusal,
    /// The twin's own errors are what it is about.
    Error,
    /// Refused with 42501.
    Denied,
    /// To one who may see nothing: refused, or answered as by PostgreSQL without any protected value.
    Hidden,
}

/// A construct.
pub struct Construct {
    pub name: &'static str,
    pub expect: Expect,
    pub modes: &'static [Mode],
    /// What of the schema must have been made.
    pub needs: &'static str,
    /// What its refusals say, where it is about one.
    pub words: &'static [&'static str],
    /// How often it is in the deck, per mode.
    pub times: usize,
    pub make: fn(&mut Author<'_>) -> Script,
}

/// Only by the simple protocol.
const SIMPLE: &[Mode] = &[Mode::Simple];
/// Only by the extended one.
const EXTENDED: &[Mode] = &[
    Mode::ExtendedLiteral,
    Mode::ExtendedText,
    Mode::ExtendedBinary,
];

type Make = fn(&mut Author<'_>) -> Script;

const fn yes(name: &'static str, make: Make) -> Construct {
    Construct {
        name,
        expect: Expect::Yes,
        modes: &MODES,
        needs: "",
        words: &[],
        times: 1,
        make,
    }
}

const fn refusal(name: &'static str, words: &'static [&'static str], make: Make) -> Construct {
    Construct {
        expect: Expect::Refusal,
        words,
        ..yes(name, make)
    }
}

const fn error(name: &'static str, make: Make) -> Construct {
    Construct {
        expect: Expect::Error,
        ..yes(name, make)
    }
}

const fn denied(name: &'static str, make: Make) -> Construct {
    Construct {
        expect: Expect::Denied,
        ..yes(name, make)
    }
}

impl Construct {
    const fn on(mut self, part: &'static str) -> Self {
        self.needs = part;
        self
    }

    const fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    const fn only(mut self, modes: &'static [Mode]) -> Self {
        self.modes = modes;
        self
    }
}

/// All of them.
pub fn all() -> Vec<&'static Construct> {
    let families: [&'static [Construct]; 21] = [
        read::ALL,
        filter::ALL,
        join::ALL,
        group::ALL,
        setop::ALL,
        cte::ALL,
        write::ALL,
        upsert::ALL,
        ddl::ALL,
        session::ALL,
        refused::ALL,
        roles::ALL,
        denied::ALL,
        hash::ALL,
        copy::ALL,
        large::ALL,
        strings::ALL,
        cursor::ALL,
        settings::ALL,
        relations::ALL,
        family::ALL,
    ];
    families.into_iter().flatten().collect()
}

/// Promised by the table, not kept by this version. It may only shrink.
pub const NOT_YET: &[&str] = &[];

fn read(a: &mut Author<'_>, sql: String) -> Script {
    let piece = a.piece(sql);
    Script::read(&mut a.rng, vec![piece])
}

fn ordered(a: &mut Author<'_>, sql: String) -> Script {
    let piece = a.piece(sql).ordered();
    Script::read(&mut a.rng, vec![piece])
}

/// A write, and what it left.
fn write(a: &mut Author<'_>, table: &Table, sql: String) -> Script {
    let piece = a.piece(sql);
    let state = a.state(table);
    Script::write(&mut a.rng, vec![piece, state])
}

/// Statements that are undone.
fn undone(a: &mut Author<'_>, statements: Vec<String>) -> Script {
    let last = statements.len() - 1;
    let pieces: Vec<Piece> = statements
        .into_iter()
        .enumerate()
        .map(|(i, sql)| match i == last {
            true => a.piece(sql),
            false => Piece::new(sql, vec![]),
        })
        .collect();
    Script::undone(pieces)
}

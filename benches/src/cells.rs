//! What is run, and against whom.

use crate::load::{Data, Mode, Script};
use crate::report::Cell;
use crate::sides::{BOUNCER, DIRECT, DURABLE, OURS, RELAY, UNAUDITED, Wire};

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Two minutes.
    Quick,
    /// Ten.
    Whole,
}

/// Figures that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Family {
    /// What the audit log costs, in both durabilities
    Audit,
    /// TPC-B, and balances in protected columns
    Bank,
    /// A lookup, a join, an insert and an update by a protected key
    Clinic,
    /// TLS on both legs
    Tls,
    /// Memory of clients that do nothing
    Idle,
    /// Memory after many statements
    Memory,
}

/// Sides that know nothing of a policy, and ours.
pub const EVERY: [&str; 4] = [DIRECT, BOUNCER, RELAY, OURS];

const BOTH: [&str; 2] = [BOUNCER, OURS];
const MODES: [Mode; 3] = [Mode::Simple, Mode::Extended, Mode::Prepared];
const CLIENTS: [usize; 3] = [1, 8, 64];

/// Cells and their sides.
type List = Vec<(Cell, &'static [&'static str])>;

fn cell(script: Script, mode: Mode, clients: usize) -> Cell {
    Cell {
        script,
        mode,
        clients,
        wire: Wire::Clear,
    }
}

/// The comparison with others.
#[must_use]
pub fn cells(extent: Extent) -> List {
    let (modes, clients): (&[Mode], &[usize]) = match extent {
        Extent::Quick => (&[Mode::Simple, Mode::Prepared], &[1, 8]),
        Extent::Whole => (&MODES, &CLIENTS),
    };
    let mut list = List::new();
    for mode in modes {
        for clients in clients {
            list.push((cell(Script::Select, *mode, *clients), &EVERY));
        }
    }
    for mode in [Mode::Simple, Mode::Prepared] {
        alike(&mut list, Script::Lookup, mode, 8);
    }
    list.push((cell(Script::Unseen, Mode::Simple, 8), &BOTH));
    if extent == Extent::Whole {
        for clients in [1, 8] {
            list.push((cell(Script::TpcB, Mode::Simple, clients), &EVERY));
        }
    }
    list.push((cell(Script::Select, Mode::Prepared, 64), &[DURABLE]));
    list
}

/// What one family alone is run by.
#[must_use]
pub fn family(of: Family) -> List {
    let mut list = List::new();
    match of {
        Family::Audit => {
            for mode in [Mode::Prepared, Mode::Simple] {
                for clients in CLIENTS {
                    let sides = &[UNAUDITED, OURS, DURABLE];
                    list.push((cell(Script::Select, mode, clients), sides));
                }
            }
        }
        Family::Bank => {
            for mode in MODES {
                for clients in CLIENTS {
                    list.push((cell(Script::TpcB, mode, clients), &EVERY));
                    alike(&mut list, Script::Bank, mode, clients);
                }
            }
        }
        Family::Clinic => {
            for mode in [Mode::Simple, Mode::Extended] {
                alike(&mut list, Script::Clinic, mode, 8);
            }
        }
        Family::Tls => {
            for (mode, clients) in [
                (Mode::Simple, 8),
                (Mode::Prepared, 1),
                (Mode::Prepared, 8),
                (Mode::Prepared, 64),
            ] {
                let wire = Wire::Tls;
                let cell = cell(Script::Select, mode, clients);
                list.push((Cell { wire, ..cell }, &BOTH));
            }
        }
        Family::Idle | Family::Memory => {}
    }
    list
}

/// The same script on clear and on protected columns, which PgBouncer does not know.
fn alike(list: &mut List, script: fn(Data) -> Script, mode: Mode, clients: usize) {
    list.push((cell(script(Data::Clear), mode, clients), &BOTH));
    list.push((cell(script(Data::Protected), mode, clients), &[OURS]));
}

/// What memory is looked at under.
#[must_use]
pub fn flat() -> [Cell; 3] {
    [
        cell(Script::Unseen, Mode::Simple, 8),
        cell(Script::Lookup(Data::Protected), Mode::Simple, 8),
        cell(Script::Clinic(Data::Protected), Mode::Prepared, 8),
    ]
}

//! `./run bench`: all sides in turns, and what it comes to.

use anyhow::{Context, Result};
use clap::Parser;
use hippocrypt_bench::load::{self, Mode, PEOPLE, Script};
use hippocrypt_bench::measure::{machine, sync};
use hippocrypt_bench::report::{Cell, Figure, Report, Series};
use hippocrypt_bench::sides::{BOUNCER, DIRECT, DURABLE, OURS, RELAY, Side, Sides, UNAUDITED};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Compare hippocrypt with PostgreSQL alone, PgBouncer and a relay
#[derive(Debug, Parser)]
struct Args {
    /// One family of figures alone
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Two minutes: fewer cells, shorter slices
    #[arg(long)]
    quick: bool,
    /// How many rounds; medians are over them
    #[arg(long)]
    rounds: Option<usize>,
    /// Where bench.md, bench.json and bench.svg go, or audit.md …
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// What the audit log costs, in both durabilities
    Audit,
}

const EVERY: [&str; 4] = [DIRECT, BOUNCER, RELAY, OURS];

fn main() -> Result<()> {
    let args = Args::parse();
    let ours = std::env::current_exe()?;
    let sides = Sides::start(ours.parent().context("no directory of its own")?)?;
    fill(&sides)?;
    let (baseline, cells, name) = match args.only {
        None => (BOUNCER, cells(args.quick), "bench"),
        Some(Only::Audit) => (UNAUDITED, audit(), "audit"),
    };
    let mut report = Report {
        baseline,
        about: about(&sides, &args)?,
        series: Vec::new(),
        figures: Vec::new(),
    };
    let rounds = args.rounds.unwrap_or(if args.quick { 2 } else { 3 });
    for round in 1..=rounds {
        note(&format!("round {round}"));
        run(&sides, &args, &cells, &mut report)?;
    }
    match args.only {
        None => {
            bulk(&sides, &mut report)?;
            idle(&sides, &mut report)?;
        }
        Some(Only::Audit) => report.figures.push(Figure {
            name: "fdatasync of a line, nothing else running".to_owned(),
            side: "the logs' disk",
            value: sync(sides.directory())?,
            unit: "ms",
        }),
    }
    write(&args.out, name, &report)
}

/// One round: each cell against each of its sides.
fn run(
    sides: &Sides,
    args: &Args,
    cells: &[(Cell, Vec<&'static str>)],
    report: &mut Report,
) -> Result<()> {
    let seconds = if args.quick { 2 } else { 4 };
    for (cell, against) in cells {
        for name in against {
            let side = sides.named(name);
            let Cell {
                script,
                mode,
                clients,
            } = *cell;
            let sample = load::pgbench(sides.programs(), side, script, mode, clients, seconds)?;
            note(&format!("{}, {name}: {:.0}/s", cell.name(), sample.rate));
            let mut series = report.series.iter_mut();
            match series.find(|s| s.cell == *cell && s.side == *name) {
                Some(series) => series.samples.push(sample),
                None => report.series.push(Series {
                    cell: *cell,
                    side: name,
                    samples: vec![sample],
                }),
            }
        }
    }
    Ok(())
}

/// What the audit log costs.
fn audit() -> Vec<(Cell, Vec<&'static str>)> {
    let mut list = Vec::new();
    for mode in [Mode::Prepared, Mode::Simple] {
        for clients in [1, 8, 64] {
            let cell = Cell {
                script: Script::Select,
                mode,
                clients,
            };
            list.push((cell, vec![UNAUDITED, OURS, DURABLE]));
        }
    }
    list
}

/// What is run, and against whom.
fn cells(quick: bool) -> Vec<(Cell, Vec<&'static str>)> {
    let cell = |script, mode, clients| Cell {
        script,
        mode,
        clients,
    };
    let mut list = Vec::new();
    let (modes, clients): (&[Mode], &[usize]) = match quick {
        true => (&[Mode::Simple, Mode::Prepared], &[1, 8]),
        false => (&[Mode::Simple, Mode::Extended, Mode::Prepared], &[1, 8, 64]),
    };
    for mode in modes {
        for clients in clients {
            list.push((cell(Script::Select, *mode, *clients), EVERY.to_vec()));
        }
    }
    for mode in [Mode::Simple, Mode::Prepared] {
        list.push((cell(Script::Plain, mode, 8), vec![BOUNCER, OURS]));
        list.push((cell(Script::Protected, mode, 8), vec![OURS]));
    }
    list.push((cell(Script::Unseen, Mode::Simple, 8), vec![BOUNCER, OURS]));
    if !quick {
        for clients in [1, 8] {
            list.push((cell(Script::TpcB, Mode::Simple, clients), EVERY.to_vec()));
        }
    }
    list.push((cell(Script::Select, Mode::Prepared, 64), vec![DURABLE]));
    list
}

/// pgbench's tables, and a hundred thousand people in a protected and in a plain table.
fn fill(sides: &Sides) -> Result<()> {
    note("filling the tables");
    let (direct, ours) = (sides.named(DIRECT), sides.named(OURS));
    load::init(sides.programs(), direct, 10)?;
    let mut rows = String::new();
    for id in 1..=PEOPLE {
        let _ = writeln!(
            rows,
            "{id}\t{}\tPerson {id:07}\tseen on the ward, nothing to add, number {id}",
            900_000_000 + id
        );
    }
    let table = |name: &str| {
        format!(
            "CREATE TABLE {name} (id int PRIMARY KEY, ssn int8, name text, note text);\n\
             CREATE INDEX ON {name} (ssn);\nCOPY {name} FROM STDIN;\n{rows}\\.\n"
        )
    };
    load::psql(sides.programs(), ours, &table("people"))?;
    load::psql(sides.programs(), direct, &table("plain_people"))?;
    sides.admin("VACUUM ANALYZE")
}

fn about(sides: &Sides, args: &Args) -> Result<Vec<(String, String)>> {
    let version = |program: &Path, flag: &str| {
        let output = std::process::Command::new(program)
            .arg(flag)
            .output()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        anyhow::Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    let of = |what: &str, is: String| (what.to_owned(), is);
    Ok(vec![
        of(
            "machine",
            format!("{}, client, proxies and server on it", machine()),
        ),
        of("server", version(&sides.programs().join("postgres"), "-V")?),
        of("beside", version(Path::new("pgbouncer"), "-V")?),
        of("hippocrypt", env!("CARGO_PKG_VERSION").to_owned()),
        of(
            "kind",
            if args.quick {
                "quick".to_owned()
            } else {
                "whole".to_owned()
            },
        ),
    ])
}

/// A million clear rows, and the protected ones: CPU seconds per GB, µs per opened cell.
fn bulk(sides: &Sides, report: &mut Report) -> Result<()> {
    let clear = "COPY pgbench_accounts TO STDOUT";
    let mut read = |side: &Side, name: &str, copy: &str| -> Result<()> {
        note(&format!("{name}, {}", side.name));
        let bulk = load::bulk(sides.programs(), side, copy)?;
        #[expect(clippy::cast_precision_loss, reason = "bytes of a bulk read")]
        let gigabytes = bulk.bytes as f64 / 1e9;
        let mut add = |value, unit| {
            report.figures.push(Figure {
                name: name.to_owned(),
                side: side.name,
                value,
                unit,
            });
        };
        add(gigabytes * 1000.0 / bulk.wall, "MB/s");
        if let Some(cpu) = bulk.cpu {
            add(cpu / gigabytes, "CPU s/GB");
            if name.contains("protected") {
                #[expect(clippy::cast_precision_loss, reason = "a number of cells")]
                add(cpu * 1e6 / (3 * PEOPLE) as f64, "µs CPU per opened cell");
            }
        }
        Ok(())
    };
    for name in EVERY {
        read(sides.named(name), "COPY of 10^6 clear rows", clear)?;
    }
    for (name, copy) in [
        ("COPY of protected rows, text", "COPY people TO STDOUT"),
        (
            "COPY of protected rows, binary",
            "COPY people TO STDOUT (FORMAT binary)",
        ),
    ] {
        read(sides.named(OURS), name, copy)?;
    }
    Ok(())
}

fn idle(sides: &Sides, report: &mut Report) -> Result<()> {
    for name in [BOUNCER, RELAY, OURS] {
        note(&format!("500 idle clients, {name}"));
        if let Some(value) = load::idle(sides.named(name), 500)? {
            report.figures.push(Figure {
                name: "memory of an idle client (of 500)".to_owned(),
                side: name,
                value,
                unit: "KiB",
            });
        }
    }
    Ok(())
}

fn write(directory: &Path, name: &str, report: &Report) -> Result<()> {
    fs::create_dir_all(directory)?;
    let table = report.markdown();
    fs::write(directory.join(format!("{name}.md")), &table)?;
    fs::write(
        directory.join(format!("{name}.json")),
        serde_json::to_string_pretty(&report.json())?,
    )?;
    fs::write(directory.join(format!("{name}.svg")), report.svg())?;
    say(&table);
    note(&format!("written to {}", directory.display()));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what the program is for")]
fn say(text: &str) {
    println!("{text}");
}

fn note(text: &str) {
    eprintln!("{text}");
}

//! `./run bench`: all sides in turns, and what it comes to.

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum as _};
use hippocrypt_bench::bulk::{self, Bulk};
use hippocrypt_bench::cells::{self, Extent, Family};
use hippocrypt_bench::load::{self, PEOPLE};
use hippocrypt_bench::measure::{machine, resident, sync};
use hippocrypt_bench::page;
use hippocrypt_bench::report::{Cell, Report, Series};
use hippocrypt_bench::sides::{BOUNCER, OURS, RELAY, Side, Sides, UNAUDITED, Wire};
use hippocrypt_bench::stub::Stub;
use hippocrypt_bench::tables;
use std::fs;
use std::path::{Path, PathBuf};

/// Compare hippocrypt with PostgreSQL alone, PgBouncer and a relay
#[derive(Debug, Parser)]
struct Args {
    /// One family of figures alone
    #[arg(long, value_enum)]
    only: Option<Family>,
    /// Two minutes: fewer cells, shorter slices
    #[arg(long, conflicts_with = "all")]
    quick: bool,
    /// That and every family, one after the other, which takes an hour
    #[arg(long, conflicts_with = "only")]
    all: bool,
    /// How many rounds; medians are over them
    #[arg(long)]
    rounds: Option<usize>,
    /// Where bench.md, bench.json and bench.svg go, or those of a family, by its name
    #[arg(
        long,
        value_name = "DIR",
        default_value = "target/bench",
        overrides_with = "out"
    )]
    out: PathBuf,
    /// A page that has marks for these tables, which are written there too
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

impl Args {
    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 3 })
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let parts = match args.all {
        true => std::iter::once(None)
            .chain(Family::value_variants().iter().copied().map(Some))
            .collect(),
        false => vec![args.only],
    };
    if let Some(page) = &args.page {
        // before an hour of measuring, not behind it
        for part in &parts {
            on_page(page, *part, "")?;
        }
    }
    let ours = std::env::current_exe()?;
    let ours = ours.parent().context("no directory of its own")?;
    for part in parts {
        // Each with its own: what a proxy has had to do before is in its memory.
        let sides = Sides::start(ours)?;
        note("filling the tables");
        tables::fill(&sides)?;
        let report = measure(&sides, ours, &args, part)?;
        write(&args.out, &name(part), &report)?;
        if let Some(page) = &args.page {
            fs::write(page, on_page(page, part, &report.markdown())?)?;
        }
    }
    Ok(())
}

/// What a part's files and marks are called.
fn name(part: Option<Family>) -> String {
    let value = part.and_then(|family| family.to_possible_value());
    value
        .as_ref()
        .map_or("bench", |value| value.get_name())
        .to_owned()
}

/// The page with a part's table.
fn on_page(page: &Path, part: Option<Family>, table: &str) -> Result<String> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let name = name(part);
    page::with_table(&text, &name, table)
        .with_context(|| format!("{} has no marks for {name}", page.display()))
}

/// The comparison with others, or one family.
fn measure(sides: &Sides, ours: &Path, args: &Args, part: Option<Family>) -> Result<Report> {
    let extent = if args.quick {
        Extent::Quick
    } else {
        Extent::Whole
    };
    let cells = part.map_or_else(|| cells::cells(extent), cells::family);
    let baseline = match part {
        Some(Family::Audit) => UNAUDITED,
        _ => BOUNCER,
    };
    let mut report = Report {
        baseline,
        about: about(sides, args)?,
        series: Vec::new(),
        figures: Vec::new(),
    };
    for round in 1..=args.rounds() {
        note(&format!("{}, round {round}", name(part)));
        run(sides, args, &cells, &mut report)?;
        if part.is_none() {
            bulk(sides, &mut report)?;
        }
    }
    match part {
        None => idle(sides, &mut report)?,
        Some(Family::Idle) => {
            idle(sides, &mut report)?;
            idle_on_stub(sides, ours, &mut report)?;
        }
        Some(Family::Memory) => grown(sides, if args.quick { 2 } else { 25 }, &mut report)?,
        Some(Family::Audit) => {
            let name = "fdatasync of a line, nothing else running";
            report.add(name, "the logs' disk", sync(sides.directory())?, "ms");
        }
        Some(Family::Bank | Family::Clinic | Family::Tls) => {}
    }
    Ok(report)
}

/// One round: each cell against each of its sides.
fn run(
    sides: &Sides,
    args: &Args,
    cells: &[(Cell, &'static [&'static str])],
    report: &mut Report,
) -> Result<()> {
    let seconds = if args.quick { 2 } else { 4 };
    for (cell, against) in cells {
        for name in *against {
            let side = sides.on(name, cell.wire);
            let sample = load::pgbench(sides.programs(), side, *cell, seconds)?;
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
    let kind = if args.quick { "quick" } else { "whole" };
    Ok(vec![
        of(
            "machine",
            format!("{}, client, proxies and server on it", machine()),
        ),
        of("server", version(&sides.programs().join("postgres"), "-V")?),
        of("beside", version(Path::new("pgbouncer"), "-V")?),
        of("hippocrypt", env!("CARGO_PKG_VERSION").to_owned()),
        of("kind", format!("{kind}, {} rounds", args.rounds())),
    ])
}

/// A million clear rows, and the protected ones, in every round: CPU seconds per GB, µs per opened cell.
fn bulk(sides: &Sides, report: &mut Report) -> Result<()> {
    for way @ (how, format) in bulk::WAYS {
        let mut read = |side, what: &str, table| {
            let name = format!("{} of {what} rows, {}", how.as_str(), format.as_str());
            note(&format!("{name}, {side}"));
            let side = sides.on(side, Wire::Clear);
            let done = bulk::read(sides.programs(), side, way, table)?;
            told(&name, side.name, &done, report);
            anyhow::Ok(())
        };
        for side in cells::EVERY {
            read(side, "10^6 clear", "pgbench_accounts")?;
        }
        read(OURS, "protected", "people")?;
    }
    Ok(())
}

/// The figures of a bulk read.
#[expect(clippy::cast_precision_loss, reason = "bytes, and a number of cells")]
fn told(name: &str, side: &'static str, bulk: &Bulk, report: &mut Report) {
    let gigabytes = bulk.bytes as f64 / 1e9;
    let mut add = |value, unit| report.add(name, side, value, unit);
    add(gigabytes * 1000.0 / bulk.wall, "MB/s");
    if let Some(cpu) = bulk.cpu {
        add(cpu / gigabytes, "CPU s/GB");
        if name.contains("protected") {
            add(cpu * 1e6 / (3 * PEOPLE) as f64, "µs CPU per opened cell");
        }
    }
}

fn idle(sides: &Sides, report: &mut Report) -> Result<()> {
    for name in [BOUNCER, RELAY, OURS] {
        idlers(sides.on(name, Wire::Clear), 500, report)?;
    }
    Ok(())
}

/// More than a server would like to hold.
fn idle_on_stub(sides: &Sides, ours: &Path, report: &mut Report) -> Result<()> {
    let stub = Stub::start(sides.port())?;
    let (fewer, _kept) = sides.before(ours, stub.port())?;
    for side in &fewer {
        idlers(side, 5000, report)?;
    }
    Ok(())
}

fn idlers(side: &Side, clients: usize, report: &mut Report) -> Result<()> {
    note(&format!("{clients} idle clients, {}", side.name));
    if let Some(value) = load::idle(side, clients)? {
        let name = format!("memory of an idle client (of {clients})");
        report.add(&name, side.name, value, "KiB");
    }
    Ok(())
}

/// Memory after statements that are all new, prepared and protected, beside what it is after the first of them.
fn grown(sides: &Sides, seconds: u64, report: &mut Report) -> Result<()> {
    let side = sides.on(OURS, Wire::Clear);
    let pid = side.pid.context("it has no process")?;
    let mut first = None;
    let mut statements = 0.0;
    for slice in 0..10 {
        note(&format!("memory, slice {slice}"));
        for cell in cells::flat() {
            let sample = load::pgbench(sides.programs(), side, cell, seconds)?;
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let seconds = seconds as f64;
            statements += sample.rate * seconds;
        }
        first.get_or_insert(resident(pid)?);
    }
    #[expect(clippy::cast_precision_loss, reason = "KiB of a process")]
    let value = resident(pid)? as f64 / first.unwrap_or_default() as f64;
    let name = format!("memory after {statements:.1e} statements, of that after a tenth of them");
    report.add(&name, side.name, value, "×");
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

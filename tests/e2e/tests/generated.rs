//! The twin run: generated sessions through the proxy and on a plain PostgreSQL. Equal answers or a refusal, never
//! another answer; a refusal only where the table of constructs allows it; marked values nowhere upstream.
//!
//! `HIPPOCRYPT_TWIN_STATEMENTS` asks for a long run, `HIPPOCRYPT_TWIN_STATE` names the file it resumes from,
//! `HIPPOCRYPT_TWIN_SEED` moves the seeds, `HIPPOCRYPT_TWIN_REPLAY=seed:card,card` plays some steps again,
//! `HIPPOCRYPT_TWIN_ONLY=copy,join` plays the constructs whose names begin so,
//! `HIPPOCRYPT_TWIN_LIST=1` names every failure, `HIPPOCRYPT_TWIN_SHOW=seed` prints a policy and its tables.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

mod author;
mod constructs;
mod encode;
mod leak;
mod mask;
mod masked;
mod play;
mod policy;
pub mod rng;
mod schema;
mod script;
mod session;
mod shrink;
mod tally;
mod types;

use script::Piece;
use session::{Session, nothing};
use tally::Tally;

/// Seeds of the short form.
const SHORT: u64 = 3;
/// Sessions at once.
const WORKERS: usize = 2;
/// Failures that are shrunk; the rest are only named.
const SHRUNK: usize = 6;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A failure: its construct, where it is, and what is wrong.
struct Failure {
    seed: u64,
    at: usize,
    construct: &'static str,
    what: String,
}

impl Failure {
    fn tell(&self) {
        eprintln!("seed {} {} {}", self.seed, self.construct, self.what);
    }
}

fn failures(session: &Session) -> Vec<Failure> {
    let deck = session::deck();
    let of = |(at, played): (usize, &session::Played)| {
        Some(Failure {
            seed: session.seed,
            at,
            construct: deck[played.card].construct.name,
            what: format!(
                "({}) {}",
                deck[played.card].mode.name(),
                played.failure.clone()?
            ),
        })
    };
    session.played.iter().enumerate().filter_map(of).collect()
}

/// Plays seeds until enough statements have run (or the short form is over).
fn run(
    wanted: Option<usize>,
    first: u64,
    keep: &(dyn Fn(&Tally) + Sync),
    tally: Tally,
    (plant, order): (session::Plant, fn(u64) -> Vec<usize>),
) -> (Tally, Vec<Failure>, Vec<String>) {
    let next = AtomicU64::new(first);
    let shared = Mutex::new((tally, Vec::new(), Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    {
                        let (tally, _, _) = &*shared.lock().unwrap();
                        let enough = match wanted {
                            Some(n) => tally.statements >= n,
                            None => {
                                seed >= first + SHORT && tally.unrun().is_empty()
                                    || seed >= first + 2 * SHORT
                            }
                        };
                        if enough {
                            return;
                        }
                        if tally.seeds.contains(&seed) {
                            continue;
                        }
                    }
                    let session = session::play(seed, &order(seed), plant);
                    let found = failures(&session);
                    if std::env::var_os("HIPPOCRYPT_TWIN_LIST").is_some() {
                        found.iter().for_each(Failure::tell);
                    }
                    let (tally, failed, leaks) = &mut *shared.lock().unwrap();
                    tally.add(&session);
                    failed.extend(found);
                    leaks.extend(session.leaks.iter().map(|l| format!("seed {seed}: {l}")));
                    eprintln!(
                        "seed {seed}: {} statements so far, {} failures",
                        tally.statements,
                        failed.len()
                    );
                    // what was found is found again by the run that goes on from here
                    if failed.is_empty() && leaks.is_empty() {
                        keep(tally);
                    }
                }
            });
        }
    });
    shared.into_inner().unwrap()
}

/// One failure per construct, the first ones shrunk.
fn described(failed: &[Failure]) -> String {
    let mut seen = BTreeSet::new();
    let mut text = String::new();
    for failure in failed {
        if !seen.insert(failure.construct) {
            continue;
        }
        text.push_str(&format!("\n### {} {}\n", failure.construct, failure.what));
        if seen.len() > SHRUNK {
            continue;
        }
        let order = session::order(failure.seed);
        let (before, card) = (&order[..failure.at], order[failure.at]);
        match shrink::shrink(failure.seed, before, card, nothing) {
            Some(cards) => text.push_str(&shrink::replayable(failure.seed, &cards)),
            None => text.push_str(&format!("did not come again; seed {}\n", failure.seed)),
        }
    }
    text
}

/// What a state file belongs to: this proxy, and this deck of cards.
fn header() -> String {
    let stamp = |file: PathBuf| {
        let file = std::fs::metadata(file).unwrap();
        let changed = file.modified().unwrap().duration_since(UNIX_EPOCH);
        format!("{} {}", file.len(), changed.unwrap().as_nanos())
    };
    let proxy = stamp(hippocrypt_e2e::proxy::binary().into());
    format!("twin 2 {proxy} {}", stamp(std::env::current_exe().unwrap()))
}

#[test]
fn sessions_are_answered_as_by_the_twin_or_refused() {
    let wanted = number("HIPPOCRYPT_TWIN_STATEMENTS").and_then(|n| usize::try_from(n).ok());
    let first = number("HIPPOCRYPT_TWIN_SEED").unwrap_or(1);
    let (file, header) = (std::env::var("HIPPOCRYPT_TWIN_STATE").ok(), header());
    let kept = file.as_ref().and_then(|f| std::fs::read_to_string(f).ok());
    let tally = Tally::load(&header, &kept.unwrap_or_default());
    let keep = |tally: &Tally| {
        if let Some(file) = &file {
            let next = format!("{file}.new");
            std::fs::write(&next, tally.save(&header)).unwrap();
            std::fs::rename(next, file).unwrap();
        }
    };
    let (tally, failed, leaks) = run(wanted, first, &keep, tally, (nothing, session::order));
    eprintln!("{}", tally.report());
    eprintln!("types not declared: {:?}", schema::undeclared());
    let unrun = tally.unrun();
    eprintln!("no statement ran for: {unrun:?}");
    assert!(leaks.is_empty(), "leaked:\n{}", leaks.join("\n"));
    assert!(
        failed.is_empty(),
        "{} failures:{}",
        failed.len(),
        described(&failed)
    );
    assert!(unrun.is_empty(), "no statement ran for: {unrun:?}");
}

/// `HIPPOCRYPT_TWIN_SHOW=seed` prints a seed's policy and tables.
#[test]
fn show() {
    if let Some(seed) = number("HIPPOCRYPT_TWIN_SHOW") {
        println!("{}", session::listing(seed, &[]));
    }
}

/// Steps that a failure named.
#[test]
fn replay() {
    let Ok(named) = std::env::var("HIPPOCRYPT_TWIN_REPLAY") else {
        return;
    };
    let (seed, cards) = named.split_once(':').expect("seed:card,card");
    let seed = seed.parse().expect("a seed");
    let cards: Vec<usize> = cards
        .split(',')
        .map(|c| c.parse().expect("a card"))
        .collect();
    let session = session::play(seed, &cards, nothing);
    for played in &session.played {
        println!("{:?}", played.outcome);
    }
    let failed = failures(&session);
    assert!(
        failed.is_empty() && session.leaks.is_empty(),
        "{}\n{:?}",
        described(&failed),
        session.leaks
    );
}

/// The run finds what is planted: the last row of every answer about LIMIT is lost.
#[test]
fn a_planted_bug_is_found_and_shrunk_to_one_step() {
    fn lose_a_row(piece: &Piece, said: &mut Vec<String>) {
        let (sql, _) = piece.render(script::Mode::Simple);
        if let Some(at) = said
            .iter()
            .rposition(|l| l.starts_with('D'))
            .filter(|_| sql.contains("OFFSET"))
        {
            said.remove(at);
        }
    }
    let kept = AtomicUsize::new(0);
    let keep = |_: &Tally| {
        kept.fetch_add(1, Ordering::Relaxed);
    };
    let reads = |seed| {
        let deck = session::deck();
        let mut order = session::order(seed);
        order.retain(|card| deck[*card].construct.name.starts_with("read: "));
        order
    };
    let (_, found, _) = run(Some(1), 1, &keep, Tally::default(), (lose_a_row, reads));
    assert_eq!(
        kept.into_inner(),
        0,
        "a run that goes on would not find it again"
    );
    let found = found
        .iter()
        .find(|f| f.construct == "read: LIMIT and OFFSET")
        .expect("the planted bug is found");
    let order = reads(found.seed);
    let cards = shrink::shrink(found.seed, &order[..found.at], order[found.at], lose_a_row)
        .expect("it comes again");
    assert_eq!(cards, [order[found.at]]);
    assert!(shrink::replayable(found.seed, &cards).contains("OFFSET"));
}

/// The search finds what is there: one marked value sent past the proxy.
#[test]
fn a_planted_leak_is_found() {
    let place = hippocrypt_e2e::Setup::clinic().start();
    let from = hippocrypt_e2e::log::end();
    assert_eq!(leak::search(&place, from), Vec::<String>::new());
    hippocrypt_e2e::sql::rows(
        &place.thief(),
        "CREATE TABLE leaked AS SELECT 'kanari-0001' AS name",
    )
    .unwrap();
    let found = leak::search(&place, from);
    assert!(found.iter().any(|l| l.contains("in the dump")), "{found:?}");
    assert!(found.iter().any(|l| l.contains("in the log")), "{found:?}");
    place.raw("app").query("SELECT 'kanari-0002'");
    let found = leak::search(&place, from);
    assert!(found.iter().any(|l| l.contains("in the tap")), "{found:?}");
}

/// Waits to be killed, for the test below.
#[test]
fn hold() {
    if std::env::var_os("HIPPOCRYPT_TWIN_HOLD").is_none() {
        return;
    }
    let place = hippocrypt_e2e::Setup::clinic().start();
    let lock = hippocrypt_e2e::place::cluster()
        .directory()
        .join("data/postmaster.pid");
    let server = std::fs::read_to_string(lock).unwrap();
    println!(
        "held {} {}",
        place.proxy.pid(),
        server.lines().next().unwrap()
    );
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_killed_run_leaves_no_proxy_and_no_server() {
    let mut run = Command::new(std::env::current_exe().unwrap())
        .args(["generated::hold", "--exact", "--nocapture"])
        .env("HIPPOCRYPT_TWIN_HOLD", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let held = lines
        .map_while(Result::ok)
        .find_map(|l| l.split_once("held ").map(|(_, pids)| pids.to_owned()))
        .expect("the run to start");
    // by itself: a group that is killed takes its proxies along
    run.kill().unwrap();
    run.wait().unwrap();
    let runs = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    let began = Instant::now();
    while held.split(' ').any(runs) {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "one of {held} runs on"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

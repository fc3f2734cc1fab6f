//! A seed's session: its schema on both sides, its steps in their order, then what leaked. The steps are a shuffled
//! deck of every construct in every mode; a replay takes some of them, by number.

use super::author::Author;
use super::constructs::{self, Construct, Expect, NOT_YET};
use super::leak;
use super::play::{Outcome, Pair};
use super::rng::Rng;
use super::schema::Schema;
use super::script::{Mode, Piece, Script};
use hippocrypt_e2e::Place;
use hippocrypt_e2e::raw::{Raw, sqlstate};

/// A construct in a mode.
pub struct Card {
    pub construct: &'static Construct,
    pub mode: Mode,
}

/// All of them, in the order in which the constructs stand.
pub fn deck() -> Vec<Card> {
    let cards = constructs::all().into_iter().flat_map(|construct| {
        let modes = construct.modes.iter().copied();
        modes.map(move |mode| Card { construct, mode })
    });
    cards.collect()
}

/// Numbers of the deck in a seed's order.
pub fn order(seed: u64) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..deck().len()).collect();
    Rng::new(seed ^ 0xdec).shuffle(&mut numbers);
    numbers
}

/// What a step came to.
pub struct Played {
    pub card: usize,
    pub outcome: Outcome,
    /// Why this is a failure, if it is.
    pub failure: Option<String>,
    pub statements: usize,
}

/// What a seed came to.
pub struct Session {
    pub seed: u64,
    pub played: Vec<Played>,
    pub leaks: Vec<String>,
}

/// What the tests of the tests break on purpose.
pub type Plant = fn(&Piece, &mut Vec<String>);

/// As it is.
pub fn nothing(_: &Piece, _: &mut Vec<String>) {}

/// A place with a seed's schema and rows.
struct Stage {
    schema: Schema,
    seed: u64,
    place: Place,
    /// Optional parts of the schema that the proxy refused to make.
    missing: Vec<(&'static str, String)>,
    log_from: u64,
}

impl Stage {
    fn build(seed: u64) -> Self {
        let schema = Schema::make(seed);
        let log_from = hippocrypt_e2e::log::end();
        let place = schema.setup().start();
        let (must, may) = schema.create();
        must.iter()
            .for_each(|sql| made(&place, sql).unwrap_or_else(|e| panic!("seed {seed}: {e}")));
        let mut missing = Vec::new();
        for (name, statements) in may {
            if let Err(why) = statements.iter().try_for_each(|sql| made(&place, sql)) {
                missing.push((name, why));
            }
        }
        let stage = Self {
            schema,
            seed,
            place,
            missing,
            log_from,
        };
        stage.fill();
        stage
    }

    fn fill(&self) {
        for (needs, sql) in self.schema.rows(self.seed) {
            if !self.lacks(needs) {
                made(&self.place, &sql).unwrap_or_else(|e| panic!("seed {}: {e}", self.seed));
            }
        }
    }

    fn lacks(&self, part: &str) -> bool {
        self.missing.iter().any(|(name, _)| *name == part)
    }

    /// After a difference both sides start from the same rows again.
    fn reset(&self) {
        let schema = &self.schema;
        let mut tables: Vec<&str> = schema.tables.iter().map(|t| t.name.as_str()).collect();
        tables.push(&schema.plain.name);
        if !self.lacks("parts") {
            tables.push(&schema.partitioned.name);
        }
        let sql = format!("TRUNCATE {}", tables.join(", "));
        made(&self.place, &sql).unwrap_or_else(|e| panic!("seed {}: {e}", self.seed));
        self.fill();
    }

    fn pair(&self, plant: Plant) -> Pair {
        Pair {
            through: self.place.raw("app"),
            twin: self.place.raw_twin("app"),
            plant,
        }
    }
}

/// Runs DDL or an INSERT on both sides, on the twin only what the proxy took.
fn made(place: &Place, sql: &str) -> Result<(), String> {
    let run = |mut raw: Raw| {
        let answer = raw.query(sql);
        sqlstate(&answer).map_or(Ok(()), |_| Err(format!("{answer:?} to {sql}")))
    };
    run(place.raw("app"))?;
    run(place.raw_twin("app")).map_err(|e| format!("the twin: {e}"))
}

/// The step of a card in a seed.
pub fn script(seed: u64, schema: &Schema, card: usize, construct: &Construct) -> Script {
    let mut author = Author::new(seed.wrapping_mul(1_000_003) ^ card as u64, schema);
    (construct.make)(&mut author)
}

/// Plays some cards of a seed, in this order.
pub fn play(seed: u64, cards: &[usize], plant: Plant) -> Session {
    let stage = Stage::build(seed);
    let deck = deck();
    let mut pair = stage.pair(plant);
    let mut played = Vec::new();
    for number in cards {
        let Card { construct, mode } = deck[*number];
        let script = script(seed, &stage.schema, *number, construct);
        let outcome = match stage
            .missing
            .iter()
            .find(|(part, _)| *part == construct.needs)
        {
            Some((_, why)) => Outcome::Refused(format!("at set-up: {why}"), None),
            None => pair.play(&script, mode),
        };
        if let Outcome::Different(_) = outcome {
            drop(pair);
            stage.reset();
            pair = stage.pair(plant);
        }
        played.push(Played {
            card: *number,
            failure: judge(construct, &script, &outcome),
            outcome,
            statements: script.pieces.len(),
        });
    }
    Session {
        seed,
        played,
        leaks: leak::search(&stage.place, stage.log_from),
    }
}

/// Whether an outcome breaks the promise.
fn judge(construct: &Construct, script: &Script, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Different(how) => Some(format!("another answer: {how}")),
        Outcome::Refused(why, None) if construct.expect == Expect::Yes => {
            let excused = script.may_refuse || NOT_YET.contains(&construct.name);
            (!excused).then(|| format!("refused where the table says yes: {why}"))
        }
        _ => None,
    }
}

/// The statements of some cards as a person would send them, for a report.
pub fn listing(seed: u64, cards: &[usize]) -> String {
    let schema = Schema::make(seed);
    let deck = deck();
    let (must, may) = schema.create();
    let mut text = format!(
        "-- policy\n{}-- tables\n",
        schema.policy().replace("\n", "\n-- ")
    );
    for sql in must.iter().chain(may.iter().flat_map(|(_, s)| s)) {
        text.push_str(&format!("{sql};\n"));
    }
    for number in cards {
        let Card { construct, mode } = deck[*number];
        let script = script(seed, &schema, *number, construct);
        text.push_str(&format!(
            "-- {} ({}), {:?}\n",
            construct.name,
            mode.name(),
            script.wrap
        ));
        for piece in &script.pieces {
            let (sql, slots) = piece.render(mode);
            let values: Vec<String> = slots.iter().map(|s| format!("{:?}", s.value)).collect();
            text.push_str(&format!("{sql};  -- {}\n", values.join(", ")));
        }
    }
    text
}

//! A seed's session: its schema on both sides, its steps in their order, then what leaked. The steps are a shuffled
//! deck of every construct in every mode; a replay takes some of them, by number.

use super::author::Author;
use super::constructs::{self, Construct, Expect, NOT_YET};
use super::leak;
use super::play::{Outcome, Pair};
use super::rng::Rng;
use super::schema::{Made, Schema};
use super::script::{APP, Mode, Piece, Script};
use hippocrypt_e2e::Place;
use hippocrypt_e2e::raw::{Raw, sqlstate};
use std::collections::BTreeMap;

/// A construct in a mode.
#[derive(Clone, Copy)]
pub struct Card {
    pub construct: &'static Construct,
    pub mode: Mode,
}

impl Card {
    /// Whether the run is about it.
    pub fn asked(&self) -> bool {
        let only = std::env::var("HIPPOCRYPT_TWIN_ONLY").unwrap_or_default();
        only.split(',')
            .any(|name| self.construct.name.starts_with(name))
    }
}

/// All of them, in the order in which the constructs stand.
pub fn deck() -> Vec<Card> {
    let cards = constructs::all().into_iter().flat_map(|construct| {
        let modes = construct.modes.iter().copied();
        let cards = modes.map(move |mode| Card { construct, mode });
        cards.flat_map(|card| (0..card.construct.times).map(move |_| Card { ..card }))
    });
    cards.collect()
}

/// Numbers of the deck in a seed's order; of some constructs only, if it is so asked.
pub fn order(seed: u64) -> Vec<usize> {
    let cards = deck().into_iter().enumerate();
    let mut numbers: Vec<usize> = cards
        .filter(|(_, card)| card.asked())
        .map(|(number, _)| number)
        .collect();
    Rng::new(seed ^ 0xdec).shuffle(&mut numbers);
    numbers
}

/// What a step came to.
pub struct Played {
    pub card: usize,
    pub outcome: Outcome,
    /// Why this is a failure, if it is.
    pub failure: Option<String>,
    /// The words that made its refusal right.
    pub excuse: Option<&'static str>,
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
        let place = schema.setup(seed).start();
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
                made(&self.place, &sql.into())
                    .unwrap_or_else(|e| panic!("seed {}: {e}", self.seed));
            }
        }
    }

    fn lacks(&self, part: &str) -> bool {
        self.missing.iter().any(|(name, _)| *name == part)
    }

    /// After a difference both sides start from the same rows again.
    fn reset(&self) {
        let mut tables = self.schema.all();
        tables.retain(|t| !self.lacks(t.part()));
        let tables: Vec<&str> = tables.iter().map(|t| &*t.name).collect();
        let sql = format!("TRUNCATE {}", tables.join(", "));
        made(&self.place, &sql.into()).unwrap_or_else(|e| panic!("seed {}: {e}", self.seed));
        self.fill();
    }

    fn pair(&self, plant: Plant, user: &str) -> Pair {
        let mut pair = Pair {
            through: self.place.raw(user),
            twin: self.place.raw_twin(user),
            plant,
        };
        if user != APP {
            // `Mask::text` counts on it
            pair.through.query("SET TimeZone = 'UTC'");
            pair.twin.query("SET TimeZone = 'UTC'");
        }
        pair
    }
}

/// Runs DDL or an INSERT on both sides, on the twin only what the proxy took.
fn made(place: &Place, made: &Made) -> Result<(), String> {
    let run = |mut raw: Raw, sql: &str| {
        let answer = raw.query(sql);
        sqlstate(&answer).map_or(Ok(()), |_| Err(format!("{answer:?} to {sql}")))
    };
    run(place.raw(APP), &made.through)?;
    run(place.raw_twin(APP), &made.twin).map_err(|e| format!("the twin: {e}"))
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
    let mut pairs: BTreeMap<&str, Pair> = BTreeMap::new();
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
            None => {
                let pair = pairs.entry(script.user);
                pair.or_insert_with(|| stage.pair(plant, script.user))
                    .play(&script, mode)
            }
        };
        if let Outcome::Different(_) = outcome {
            pairs.clear();
            stage.reset();
        }
        played.push(Played {
            card: *number,
            failure: judge(construct, &script, mode, &outcome),
            excuse: excuse(&script, &outcome),
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
fn judge(construct: &Construct, script: &Script, mode: Mode, outcome: &Outcome) -> Option<String> {
    match (outcome, construct.expect) {
        (Outcome::Different(how), _) => Some(format!("another answer: {how}")),
        (Outcome::Refused(why, None), Expect::Yes) => {
            let excused = excuse(script, outcome).is_some() || NOT_YET.contains(&construct.name);
            (!excused).then(|| format!("refused where the table says yes: {why}"))
        }
        (Outcome::Refused(why, None), Expect::Refusal) => {
            let known = construct.words.iter().any(|words| why.contains(words));
            (!known && excuse(script, outcome).is_none()).then(|| {
                let text = shown(script, mode);
                format!("refused in other words: {why}\n    {text}")
            })
        }
        (Outcome::Same, Expect::Hidden) if script.touches => {
            let text = shown(script, mode);
            Some(format!("answered to one who may not touch it:\n    {text}"))
        }
        (Outcome::Refused(why, _), Expect::Denied) => (!why.starts_with("42501")).then(|| {
            let text = shown(script, mode);
            format!("refused with another code than 42501: {why}\n    {text}")
        }),
        (other, Expect::Denied) => {
            let text = shown(script, mode);
            Some(format!("not refused: {other:?}\n    {text}"))
        }
        _ => None,
    }
}

/// The words that make a refusal right.
fn excuse(script: &Script, outcome: &Outcome) -> Option<&'static str> {
    let Outcome::Refused(why, None) = outcome else {
        return None;
    };
    let mut words = script.may_refuse.iter();
    words.find(|words| why.contains(**words)).copied()
}

fn shown(script: &Script, mode: Mode) -> String {
    let texts: Vec<String> = script.pieces.iter().map(|p| p.render(mode).0).collect();
    texts.join("; ")
}

/// The statements of some cards as a person would send them, for a report.
pub fn listing(seed: u64, cards: &[usize]) -> String {
    let schema = Schema::make(seed);
    let deck = deck();
    let (must, may) = schema.create();
    let mut text = format!(
        "-- policy\n{}-- tables\n",
        schema.policy(seed).replace("\n", "\n-- ")
    );
    for sql in must.iter().chain(may.iter().flat_map(|(_, s)| s)) {
        text.push_str(&format!("{};\n", sql.through));
    }
    for number in cards {
        let Card { construct, mode } = deck[*number];
        let script = script(seed, &schema, *number, construct);
        text.push_str(&format!(
            "-- {} ({}), {:?}, {}\n",
            construct.name,
            mode.name(),
            script.wrap,
            script.user
        ));
        for piece in &script.pieces {
            let (sql, slots) = piece.render(mode);
            let short = |text: String| text.chars().take(3000).collect::<String>();
            let sql = short(sql);
            let values: Vec<String> = slots
                .iter()
                .map(|s| short(format!("{:?}", s.value)))
                .collect();
            text.push_str(&format!("{sql};  -- {}\n", values.join(", ")));
            let twin = short(piece.for_twin().render(mode).0);
            if twin != sql {
                text.push_str(&format!("-- on the twin: {twin};\n"));
            }
        }
    }
    text
}

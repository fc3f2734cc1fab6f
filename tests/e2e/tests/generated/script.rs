//! What a step of a session is: statements with places for values, which each mode fills in its own way. A step is
//! made from the seed alone; it must never depend on what an earlier one answered, or a replay would differ.

use super::mask::Mask;
use super::rng::Rng;
use super::types::{Type, Value};

/// The user who sees everything in clear, and owns the tables.
pub const APP: &str = "app";

/// How values travel, and by which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    Simple,
    ExtendedLiteral,
    ExtendedText,
    ExtendedBinary,
}

pub const MODES: [Mode; 4] = [
    Mode::Simple,
    Mode::ExtendedLiteral,
    Mode::ExtendedText,
    Mode::ExtendedBinary,
];

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple/literal",
            Self::ExtendedLiteral => "extended/literal",
            Self::ExtendedText => "extended/text",
            Self::ExtendedBinary => "extended/binary",
        }
    }

    pub fn binds(self) -> bool {
        matches!(self, Self::ExtendedText | Self::ExtendedBinary)
    }
}

/// A place for a value.
#[derive(Clone, Debug)]
pub struct Slot {
    pub value: Value,
    pub ty: &'static Type,
    /// How it is written as a literal.
    pub literal: String,
    /// Never a parameter: the grammar or PostgreSQL wants a constant.
    pub constant: bool,
}

/// What a value's place looks like in a piece's text: its number between these.
pub const OPEN: char = '\u{1}';
pub const CLOSE: char = '\u{2}';

/// One statement (or one string of several, where the mode is simple).
#[derive(Clone, Debug)]
pub struct Piece {
    text: String,
    /// What the twin is asked instead, where it has no such column.
    on_twin: Option<String>,
    pub slots: Vec<Slot>,
    /// Result columns that are shown masked.
    pub masks: Vec<(usize, Mask, &'static Type)>,
    /// Its user may see no protected value at all.
    pub hidden: bool,
    /// Rows come in an order that the statement fixes.
    pub ordered: bool,
    /// Rows are not compared: EXPLAIN's text.
    pub rows_exempt: bool,
    /// What goes after CopyInResponse, as text; in the client's own format.
    pub copy_data: Option<Vec<u8>>,
    /// Rows per Execute in the extended protocol; 0 is all.
    pub fetch: u32,
}

impl Piece {
    pub fn new(text: String, slots: Vec<Slot>) -> Self {
        Self {
            text,
            on_twin: None,
            slots,
            masks: Vec::new(),
            hidden: false,
            ordered: false,
            rows_exempt: false,
            copy_data: None,
            fetch: 0,
        }
    }

    pub fn ordered(mut self) -> Self {
        self.ordered = true;
        self
    }

    pub fn rows_exempt(mut self) -> Self {
        self.rows_exempt = true;
        self
    }

    pub fn copying(mut self, data: Vec<u8>) -> Self {
        self.copy_data = Some(data);
        self
    }

    pub fn fetching(mut self, rows: u32) -> Self {
        self.fetch = rows;
        self
    }

    /// The twin is asked this instead, with the same values in the same order.
    pub fn on_twin(mut self, text: String) -> Self {
        self.on_twin = Some(text);
        self
    }

    /// These result columns come masked.
    pub fn masked(mut self, masks: Vec<(usize, Mask, &'static Type)>) -> Self {
        self.masks = masks;
        self
    }

    /// Whether its text has one of these words, as SQL writes them.
    pub fn names(&self, words: &[&str]) -> bool {
        let of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '"' || c == '.';
        let named = |word: &&str| {
            let mut found = self.text.match_indices(*word);
            found.any(|(at, word)| {
                let before = self.text[..at].chars().next_back();
                let after = self.text[at + word.len()..].chars().next();
                !before.is_some_and(|c| of_word(c) && c != '.') && !after.is_some_and(of_word)
            })
        };
        words.iter().any(named)
    }

    /// As the twin gets it.
    pub fn for_twin(&self) -> Self {
        let text = self.on_twin.as_ref().unwrap_or(&self.text);
        Self {
            text: text.clone(),
            ..self.clone()
        }
    }

    /// The statement as it is sent, and its parameters in order.
    pub fn render(&self, mode: Mode) -> (String, Vec<&Slot>) {
        let mut sql = String::new();
        let mut bound: Vec<usize> = Vec::new();
        for (i, part) in self.text.split(OPEN).enumerate() {
            let Some((number, rest)) = part.split_once(CLOSE).filter(|_| i > 0) else {
                sql.push_str(part);
                continue;
            };
            let number: usize = number.parse().expect("a slot's number");
            let slot = &self.slots[number];
            if mode.binds() && !slot.constant {
                let known = bound.iter().position(|b| *b == number);
                let at = known.unwrap_or_else(|| {
                    bound.push(number);
                    bound.len() - 1
                });
                sql.push_str(&format!("${}", at + 1));
            } else {
                sql.push_str(&slot.literal);
            }
            sql.push_str(rest);
        }
        (sql, bound.into_iter().map(|b| &self.slots[b]).collect())
    }
}

/// How a step's statements lie in transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// BEGIN before, this after.
    Block(&'static str),
    /// Each on its own.
    Alone,
    /// The step has its own BEGIN and end.
    Own,
    /// Each on its own; they leave settings behind, which are reset.
    Settings,
}

impl Wrap {
    /// What a statement does stays, whatever comes of the next.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Alone | Self::Settings)
    }
}

/// A step: statements that belong together.
#[derive(Clone, Debug)]
pub struct Script {
    pub pieces: Vec<Piece>,
    pub wrap: Wrap,
    /// All in one Sync group, where the mode is extended.
    pub pipeline: bool,
    /// Words of the refusals that these columns make right where the construct's table says yes.
    pub may_refuse: Vec<&'static str>,
    /// Who plays it.
    pub user: &'static str,
    /// It names a column that its user may not touch.
    pub touches: bool,
}

impl Script {
    /// Statements that change nothing.
    pub fn read(rng: &mut Rng, pieces: Vec<Piece>) -> Self {
        let wrap = match rng.below(3) {
            0 => Wrap::Block("COMMIT"),
            _ => Wrap::Alone,
        };
        Self::of(pieces, wrap)
    }

    /// Statements that change rows: kept in some cases.
    pub fn write(rng: &mut Rng, pieces: Vec<Piece>) -> Self {
        let wrap = match rng.below(6) {
            0 => Wrap::Alone,
            1 | 2 => Wrap::Block("COMMIT"),
            _ => Wrap::Block("ROLLBACK"),
        };
        Self::of(pieces, wrap)
    }

    pub fn of(pieces: Vec<Piece>, wrap: Wrap) -> Self {
        Self {
            pieces,
            wrap,
            pipeline: false,
            may_refuse: Vec::new(),
            user: APP,
            touches: false,
        }
    }

    /// A refusal with these words is right, if so.
    pub fn may_refuse(mut self, may: bool, words: &'static str) -> Self {
        self.may_refuse.extend(may.then_some(words));
        self
    }

    pub fn by(mut self, user: &'static str) -> Self {
        self.user = user;
        self
    }

    pub fn undone(pieces: Vec<Piece>) -> Self {
        Self::of(pieces, Wrap::Block("ROLLBACK"))
    }

    pub fn pipelined(mut self) -> Self {
        self.pipeline = true;
        self
    }
}

/// A value as a literal: in one of the ways people and drivers write it.
pub fn literal(rng: &mut Rng, value: &Value, ty: &Type) -> String {
    let Some(text) = value else {
        return match rng.below(3) {
            0 => format!("NULL::{}", ty.name),
            _ => "NULL".to_owned(),
        };
    };
    let quoted = format!("'{}'", text.replace('\'', "''"));
    let bare = text.parse::<i64>().is_ok() && !text.starts_with('-') && ty.name.starts_with("int");
    let array = elements(text, ty.name);
    match (rng.below(10), array) {
        (6 | 7, Some(array)) if array != "ARRAY[]" => return array,
        (8, Some(array)) => return format!("{array}::{}", ty.name),
        _ => {}
    }
    match rng.below(10) {
        0 | 1 => format!("{quoted}::{}", ty.name),
        2 => format!("CAST({quoted} AS {})", ty.name),
        3 => format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        4 if !text.contains('$') => format!("$q${text}$q$"),
        5..=8 if bare => text.clone(),
        5 if !ty.name.contains(['(', '[']) => format!("{} {quoted}", ty.name),
        _ => quoted,
    }
}

/// `{a,NULL}` as ARRAY[…], as psycopg2 writes lists; `None` for what is no plain array of text or int4.
fn elements(text: &str, ty: &str) -> Option<String> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let one = |item: &str| {
        let plain = item.trim_matches('"');
        match ty {
            _ if plain.contains(['"', '\\', '{']) => None,
            _ if item == "NULL" => Some("NULL".to_owned()),
            "text[]" => Some(format!("'{}'", plain.replace('\'', "''"))),
            "int4[]" => plain.parse::<i32>().ok().map(|n| n.to_string()),
            _ => None,
        }
    };
    let items: Option<Vec<String>> = match inner {
        "" => matches!(ty, "text[]" | "int4[]").then(Vec::new),
        inner => inner.split(',').map(one).collect(),
    };
    Some(format!("ARRAY[{}]", items?.join(",")))
}

#[test]
fn a_text_names_words_as_sql_writes_them() {
    let names = |text: &str, word| Piece::new(text.to_owned(), vec![]).names(&[word]);
    assert!(names("SELECT x.code FROM t", "code") && names("(\"a b\", k)", "\"a b\""));
    assert!(!names("SELECT codes, a_code FROM t", "code") && !names("\"code\"", "code"));
}

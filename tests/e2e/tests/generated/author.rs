//! Who writes a step: chance, the schema, and the slots of the statement at hand. Constructs (in `constructs/`) ask it
//! for tables, columns and values.

use super::policy::Access;
use super::rng::Rng;
use super::schema::{Column, Kind, Schema, Table};
use super::script::{CLOSE, OPEN, Piece, Slot, literal};
use super::types::{BOOL, INT4, TEXT, Type, Value, clear, marked, protected};

pub struct Author<'a> {
    pub rng: Rng,
    pub schema: &'a Schema,
    slots: Vec<Slot>,
}

impl<'a> Author<'a> {
    pub fn new(seed: u64, schema: &'a Schema) -> Self {
        Self {
            rng: Rng::new(seed),
            schema,
            slots: Vec::new(),
        }
    }

    /// A protected table.
    pub fn table(&mut self) -> &'a Table {
        self.rng.pick(&self.schema.tables)
    }

    /// Two different protected tables.
    pub fn two(&mut self) -> (&'a Table, &'a Table) {
        let at = self.rng.below(3);
        let tables = &self.schema.tables;
        (&tables[at], &tables[(at + 1 + self.rng.below(2)) % 3])
    }

    fn one_of<'t>(&mut self, columns: Vec<&'t Column>) -> &'t Column {
        columns[self.rng.below(columns.len())]
    }

    /// A protected column.
    pub fn any<'t>(&mut self, table: &'t Table) -> &'t Column {
        self.one_of(table.protected())
    }

    pub fn random<'t>(&mut self, table: &'t Table) -> &'t Column {
        self.one_of(table.kept(Kind::Random))
    }

    pub fn deterministic<'t>(&mut self, table: &'t Table) -> &'t Column {
        self.one_of(table.kept(Kind::Deterministic))
    }

    /// A column that a role may do so much with.
    pub fn open_to<'t>(&mut self, table: &'t Table, role: usize, access: Access) -> &'t Column {
        self.one_of(table.open_to(role, access))
    }

    fn slot(&mut self, value: Value, ty: &'static Type) -> String {
        let literal = literal(&mut self.rng, &value, ty);
        self.slots.push(Slot {
            value,
            ty,
            literal,
            constant: false,
        });
        format!("{OPEN}{}{CLOSE}", self.slots.len() - 1)
    }

    /// The latest value is a constant in every mode.
    pub fn constant(&mut self, marker: String) -> String {
        self.slots.last_mut().expect("a slot").constant = true;
        marker
    }

    /// A value for a column, as one would look for or store it.
    pub fn value(&mut self, column: &Column) -> String {
        let value = match column.kind {
            Kind::Clear => clear(&mut self.rng, column.ty, 12),
            _ => protected(&mut self.rng, column.ty, 8),
        };
        self.slot(value, column.ty)
    }

    /// One that exists, or could.
    pub fn good(&mut self, column: &Column) -> String {
        let n = self.rng.skewed(8);
        let value = match column.kind {
            Kind::Clear => clear(&mut self.rng, column.ty, 12),
            _ => Some(marked(column.ty.name, n)),
        };
        self.slot(value, column.ty)
    }

    /// A value for a column, as text: a good one, since PostgreSQL reads it only where its branch is taken.
    pub fn as_text(&mut self, column: &Column) -> String {
        let n = self.rng.skewed(8);
        let value = (!self.rng.percent(6)).then(|| marked(column.ty.name, n));
        self.slot(value, &TEXT)
    }

    pub fn null(&mut self, column: &Column) -> String {
        self.slot(None, column.ty)
    }

    /// This text, of a protected column.
    pub fn text(&mut self, text: String) -> String {
        self.slot(Some(text), &TEXT)
    }

    /// A clear number.
    pub fn number(&mut self, below: usize) -> String {
        let n = self.rng.below(below);
        self.given(n)
    }

    pub fn given(&mut self, n: usize) -> String {
        self.slot(Some(n.to_string()), &INT4)
    }

    /// A row's id.
    pub fn id(&mut self) -> String {
        let n = self.rng.below(26);
        self.given(n)
    }

    /// An id that a new row could have.
    pub fn new_id(&mut self) -> String {
        let n = 100 + self.rng.below(400);
        self.given(n)
    }

    /// A clear word.
    pub fn word(&mut self) -> String {
        let value = clear(&mut self.rng, &TEXT, 5);
        self.slot(value, &TEXT)
    }

    pub fn truth(&mut self) -> String {
        let value = clear(&mut self.rng, &BOOL, 2);
        self.slot(value, &BOOL)
    }

    /// Some values as an array parameter of a column's type.
    pub fn array(&mut self, column: &Column) -> String {
        let n = 1 + self.rng.below(4);
        let items: Vec<String> = (0..n)
            .map(|_| match self.rng.below(8) {
                0 => "NULL".to_owned(),
                _ => {
                    let n = self.rng.skewed(8);
                    let text = marked(column.ty.name, n)
                        .replace('\\', "\\\\")
                        .replace('"', "\\\"");
                    match text.parse::<i64>() {
                        Ok(_) => text,
                        Err(_) => format!("\"{text}\""),
                    }
                }
            })
            .collect();
        let text = format!("{{{}}}", items.join(","));
        let quoted = format!("'{}'", text.replace('\'', "''"));
        let base = match column.ty.name.split('(').next().unwrap_or_default() {
            // char is char(1)
            "char" => "bpchar",
            base => base,
        };
        let literal = match self.rng.below(3) {
            0 => quoted,
            _ => format!("{quoted}::{base}[]"),
        };
        self.slots.push(Slot {
            value: Some(text),
            ty: array_of(column.ty),
            literal,
            constant: false,
        });
        format!("{OPEN}{}{CLOSE}", self.slots.len() - 1)
    }

    /// The statement, with the values asked for since the last one.
    pub fn piece(&mut self, text: String) -> Piece {
        Piece::new(text, std::mem::take(&mut self.slots))
    }

    /// All rows of a table in order: what a write did.
    pub fn state(&mut self, table: &Table) -> Piece {
        let piece = self.piece(format!("SELECT * FROM {} ORDER BY id", table.name));
        match table.name.as_str() {
            // without a primary key, rows of one id come in any order
            "parts" | "cut" => piece,
            _ => piece.ordered(),
        }
    }
}

/// Only its oid matters: what a client would declare.
fn array_of(ty: &'static Type) -> &'static Type {
    static TEXTS: Type = Type {
        name: "text[]",
        oid: 1009,
        array_oid: 1009,
        deterministic: false,
    };
    static WHOLES: Type = Type {
        name: "int4[]",
        oid: 1007,
        array_oid: 1007,
        deterministic: false,
    };
    match ty.oid {
        23 => &WHOLES,
        _ => &TEXTS,
    }
}

//! A schema from a seed: tables, protected columns of all declared types, groups that tables share, and its first
//! rows. It must never put a marked value into a clear column.

use super::mask::Mask;
use super::policy::{Access, ROLES};
use super::rng::Rng;
use super::types::{BOOL, INT4, INT8, SHORT, TEXT, Type, clear, protected};

mod declared;
mod special;

pub use declared::{declared, undeclared};
pub use special::{Hash, Special};

/// How a column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Clear,
    Random,
    Deterministic,
}

#[derive(Clone, Debug)]
pub struct Column {
    /// As SQL writes it.
    pub name: String,
    pub ty: &'static Type,
    pub kind: Kind,
    /// Which of the groups that all tables share it is of.
    pub group: Option<usize>,
    /// The column that founds its group, as the policy writes it, if that is another.
    pub founder: Option<String>,
    /// What follows the type in CREATE TABLE.
    pub extra: String,
    pub mask: Mask,
    /// What each of `ROLES` may do with it.
    pub access: [Access; ROLES.len()],
}

#[derive(Clone, Debug)]
pub struct Table {
    /// As SQL writes it: quoted, schema-qualified where it must be.
    pub name: String,
    /// As the policy writes it.
    pub policy: String,
    /// `id` first, then `k` and `c` in clear, then the protected ones.
    pub columns: Vec<Column>,
    /// What follows the columns in CREATE TABLE, and further statements.
    pub suffix: &'static str,
    pub after: Vec<String>,
    /// Only behind the proxy.
    pub hash: Option<Hash>,
}

impl Table {
    pub fn kept(&self, kind: Kind) -> Vec<&Column> {
        self.columns.iter().filter(|c| c.kind == kind).collect()
    }

    pub fn protected(&self) -> Vec<&Column> {
        let is = |c: &&Column| c.kind != Kind::Clear;
        self.columns.iter().filter(is).collect()
    }

    /// The column of a shared group: 0 is text, 1 integers.
    pub fn shared(&self, group: usize) -> &Column {
        let found = self.columns.iter().find(|c| c.group == Some(group));
        found.expect("every protected table has a column of each shared group")
    }

    pub fn names(&self) -> String {
        let given = self
            .columns
            .iter()
            .filter(|c| !c.extra.contains("GENERATED"));
        let names: Vec<&str> = given.map(|c| c.name.as_str()).collect();
        names.join(", ")
    }

    /// What a role may do with what.
    pub fn open_to(&self, role: usize, access: Access) -> Vec<&Column> {
        let protected = self.protected().into_iter();
        protected.filter(|c| c.access[role] == access).collect()
    }

    pub fn column(&self, name: &str) -> &Column {
        let found = self.columns.iter().find(|c| c.name == name);
        found.expect("a column of the table")
    }

    /// What of the schema is missing when it could not be made; empty: it must be there.
    pub fn part(&self) -> &'static str {
        let optional = [
            "parts", "family", "matches", "owners", "owned", "filled", "cut",
        ];
        let found = optional.into_iter().find(|name| *name == self.name);
        found.unwrap_or_default()
    }

    /// CREATE TABLE, alike on both sides.
    pub fn definition(&self) -> String {
        self.create().twin
    }

    /// CREATE TABLE for the proxy and for the twin.
    fn create(&self) -> Made {
        let mut columns: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| {
                let key = match (i, self.suffix) {
                    (0, "") => " PRIMARY KEY",
                    _ => "",
                };
                format!("{} {}{key}{}", c.name, c.ty.name, c.extra)
            })
            .collect();
        let text = |columns: &[String]| {
            let (name, columns) = (&self.name, columns.join(", "));
            format!("CREATE TABLE {name} ({columns}){}", self.suffix)
        };
        let twin = text(&columns);
        if let Some(hash) = &self.hash {
            columns.insert(hash.at, format!("{} text", hash.name));
        }
        Made {
            through: text(&columns),
            twin,
        }
    }
}

/// A statement of the set-up on either side.
#[derive(Clone, Debug)]
pub struct Made {
    pub through: String,
    pub twin: String,
}

impl From<String> for Made {
    fn from(sql: String) -> Self {
        Self {
            through: sql.clone(),
            twin: sql,
        }
    }
}

/// All of a seed.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Three protected tables; the last lies in a schema of its own.
    pub tables: Vec<Table>,
    /// Protected and partitioned.
    pub partitioned: Table,
    /// Nobody's secret.
    pub plain: Table,
    /// One for each thing that ordinary tables do not have.
    pub special: Special,
    /// What the policy gives users whom no role takes.
    pub default: Access,
}

/// Names that need quotes, words of the grammar, and ordinary ones.
const NAMES: [[&str; 4]; 3] = [
    ["people", "claims", "med.visits", "plain"],
    [
        "\"Person Data\"",
        "\"order\"",
        "med.\"Visit\"",
        "\"plain table\"",
    ],
    ["patient", "claim_line", "med.encounter", "u"],
];

const COLUMNS: [&str; 8] = [
    "name", "ssn", "\"Dob\"", "notes", "\"user\"", "value", "\"a b\"", "code",
];

impl Schema {
    pub fn make(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let names = rng.pick(&NAMES);
        let types = declared();
        let tables = (0..3).map(|i| table(&mut rng, names[i], types)).collect();
        let mut partitioned = table(&mut rng, "parts", types);
        partitioned.suffix = " PARTITION BY LIST (k)";
        partitioned.after = vec![
            "CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN (0, 1, 2)".to_owned(),
            "CREATE TABLE parts_rest PARTITION OF parts DEFAULT".to_owned(),
            "GRANT ALL ON parts, parts_a, parts_rest TO billing, guest".to_owned(),
        ];
        let mut plain = bare(names[3]);
        plain.columns.push(column("d", &SHORT, Kind::Clear, None));
        let mut schema = Self {
            tables,
            partitioned,
            plain,
            special: Special::make(&mut rng, types),
            default: *rng.pick(&[Access::Clear, Access::Mask, Access::Deny]),
        };
        schema.found();
        schema
    }

    /// The first table's columns found the groups that all share.
    fn found(&mut self) {
        let first = &self.tables[0];
        let like = [0, 1].map(|g| {
            column(
                ["one", "two"][g],
                first.shared(g).ty,
                Kind::Deterministic,
                Some(g),
            )
        });
        self.special.abridged.columns.extend(like);
        let founders = [0, 1].map(|g| format!("{}.{}", first.policy, first.shared(g).name));
        let rest = self.tables[1..].iter_mut().chain([&mut self.partitioned]);
        for column in rest
            .chain(self.special.sharing())
            .flat_map(|t| &mut t.columns)
        {
            column.founder = column.group.map(|g| founders[g].clone());
        }
    }

    /// Every table that has rows.
    pub fn all(&self) -> Vec<&Table> {
        let own = self.tables.iter().chain([&self.plain, &self.partitioned]);
        own.chain(self.special.all()).collect()
    }

    /// What the policy names.
    pub fn named(&self) -> Vec<&Table> {
        let mut all = self.all();
        all.retain(|t| t.name != self.plain.name);
        all.extend([&self.special.later, &self.special.abridged]);
        all
    }

    /// DDL that must work; then DDL that may be refused, by what it makes.
    pub fn create(&self) -> (Vec<Made>, Vec<(&'static str, Vec<Made>)>) {
        let mut must = vec!["CREATE SCHEMA med".to_owned().into()];
        for table in self.tables.iter().chain([&self.plain]) {
            must.push(table.create());
        }
        let first = &self.tables[0];
        let all: Vec<&str> = first.columns.iter().map(|c| c.name.as_str()).collect();
        must.extend(
            [
                format!(
                    "CREATE UNIQUE INDEX first_unique ON {} ({}, k)",
                    first.name,
                    first.shared(0).name
                ),
                format!(
                    "CREATE VIEW seen AS SELECT {} FROM {}",
                    all.join(", "),
                    first.name
                ),
                "GRANT USAGE ON SCHEMA med TO billing, guest".to_owned(),
            ]
            .map(Made::from),
        );
        let granted = self.tables.iter().chain([&self.plain]).map(|t| &*t.name);
        for name in granted.chain(["seen"]) {
            must.push(format!("GRANT ALL ON {name} TO billing, guest").into());
        }
        let mut may = Vec::new();
        for table in self.all().into_iter().skip(4) {
            let mut parts = vec![table.create()];
            parts.extend(table.after.iter().cloned().map(Made::from));
            may.push((table.part(), parts));
        }
        (must, may)
    }

    /// Rows of every table as one INSERT each; marked values in protected columns only.
    pub fn rows(&self, seed: u64) -> Vec<(&'static str, String)> {
        let mut rng = Rng::new(seed ^ 0xda7a);
        let mut all = Vec::new();
        for table in self.all() {
            all.push((table.part(), insert(&mut rng, table, 1)));
            if table.name == "family" {
                all.push(("family", insert(&mut rng, &Special::child(table), 51)));
            }
        }
        all
    }
}

fn column(name: &str, ty: &'static Type, kind: Kind, group: Option<usize>) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        kind,
        group,
        founder: None,
        extra: String::new(),
        mask: Mask::Full,
        access: [Access::Clear; ROLES.len()],
    }
}

fn bare(name: &str) -> Table {
    let schema = if name.contains('.') { "" } else { "public." };
    Table {
        name: name.to_owned(),
        policy: format!("{schema}{name}"),
        columns: vec![
            column("id", &INT4, Kind::Clear, None),
            column("k", &INT4, Kind::Clear, None),
            column("c", &TEXT, Kind::Clear, None),
        ],
        suffix: "",
        after: Vec::new(),
        hash: None,
    }
}

/// Clear columns, one of each shared group, and others of random types.
fn table(rng: &mut Rng, name: &str, types: &[&'static Type]) -> Table {
    let mut table = bare(name);
    let mut names = COLUMNS.to_vec();
    rng.shuffle(&mut names);
    let mut next = || names.pop().expect("enough names");
    let text = *rng.pick(&[&TEXT, &SHORT]);
    let whole = *rng.pick(&[&INT4, &INT8]);
    let columns = &mut table.columns;
    columns.push(column(next(), text, Kind::Deterministic, Some(0)));
    columns.push(column(next(), whole, Kind::Deterministic, Some(1)));
    columns.push(column(next(), &TEXT, Kind::Random, None));
    for _ in 0..3 {
        let ty = *rng.pick(types);
        let kind = match ty.deterministic && ty != &BOOL && rng.percent(40) {
            true => Kind::Deterministic,
            false => Kind::Random,
        };
        columns.push(column(next(), ty, kind, None));
    }
    rights(rng, &mut table);
    table
}

/// Masks, and of each access some columns for the first role; nothing for the second.
fn rights(rng: &mut Rng, table: &mut Table) {
    use Access::{Clear, Deny, Mask as Masked};
    let mut of_first = [Masked, Masked, Masked, Clear, Clear, Deny];
    rng.shuffle(&mut of_first);
    let protected = table.columns.iter_mut().filter(|c| c.kind != Kind::Clear);
    for (column, access) in protected.zip(of_first) {
        let n = 1 + rng.below(9);
        column.mask = *rng.pick(&Mask::of(column.ty, n));
        column.access = [access, Deny];
    }
}

/// 24 rows; values that the type would refuse are left out here.
fn insert(rng: &mut Rng, table: &Table, first: usize) -> String {
    let mut rows = Vec::new();
    for id in first..first + 24 {
        let values: Vec<String> = table
            .columns
            .iter()
            .filter(|c| !c.extra.contains("GENERATED"))
            .map(|c| {
                let value = match (c.name.as_str(), c.kind) {
                    _ if c.extra.contains("UNIQUE") => {
                        Some(super::types::marked(c.ty.name, id - 1))
                    }
                    _ if c.extra.contains("REFERENCES") => {
                        let n = rng.below(28);
                        (n < 24).then(|| super::types::marked(c.ty.name, n))
                    }
                    ("id", _) => Some(id.to_string()),
                    // With the unique index on the first table's group and k: each k once there.
                    ("k", _) if table.name != "parts" => Some((id % 12).to_string()),
                    (_, Kind::Clear) => clear(rng, c.ty, 6),
                    _ => stored(rng, c, id),
                };
                let quote = |v: String| format!("'{}'", v.replace('\'', "''"));
                value.map_or("NULL".to_owned(), quote)
            })
            .collect();
        rows.push(format!("({})", values.join(", ")));
    }
    format!(
        "INSERT INTO {} ({}) VALUES {}",
        table.name,
        table.names(),
        rows.join(", ")
    )
}

fn stored(rng: &mut Rng, column: &Column, id: usize) -> Option<String> {
    if column.group == Some(0) {
        // distinct per k, equal between tables
        return (!id.is_multiple_of(7))
            .then(|| super::types::marked(column.ty.name, id / 12 + id % 3 * 2));
    }
    let value = protected(rng, column.ty, 8);
    let refused = value.as_deref().is_some_and(|v| {
        [
            "far longer than",
            "1999-02-30",
            "never",
            "not one",
            "perhaps",
        ]
        .iter()
        .any(|b| v.starts_with(b))
            || [
                "3000000000",
                "x",
                "1.5",
                "99999999999999999999",
                "",
                "1e1",
                "10000000000",
                "1,5",
            ]
            .contains(&v)
    });
    value.filter(|_| !refused)
}

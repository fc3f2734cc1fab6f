//! A schema from a seed: tables, protected columns of all declared types, groups that tables share, its policy and
//! its first rows. It must never put a marked value into a clear column.

use super::rng::Rng;
use super::types::{BOOL, INT4, INT8, SHORT, TEXT, TYPES, Type, clear, protected};
use hippocrypt_e2e::Setup;
use std::sync::OnceLock;

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
    /// The column that gives the group its name, for columns that share one.
    pub group: Option<usize>,
}

impl Column {
    /// Its cells do not keep with how many digits or blanks a value is shown: all of the column are shown alike, but
    /// a value without the column's modifier beside them cannot be.
    pub fn forgets_scale(&self) -> bool {
        let scaled = self.ty.name.starts_with("numeric(") || self.ty.name.starts_with("char(");
        self.kind == Kind::Deterministic && scaled
    }
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
        let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        names.join(", ")
    }

    fn create(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, c)| {
                let key = match (i, self.suffix) {
                    (0, "") => " PRIMARY KEY",
                    _ => "",
                };
                format!("{} {}{key}", c.name, c.ty.name)
            })
            .collect();
        format!(
            "CREATE TABLE {} ({}){}",
            self.name,
            columns.join(", "),
            self.suffix
        )
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
        ];
        let mut plain = bare(names[3]);
        plain.columns.push(column("d", &SHORT, Kind::Clear, None));
        Self {
            tables,
            partitioned,
            plain,
        }
    }

    /// DDL that must work; then DDL that may be refused, by what it makes.
    pub fn create(&self) -> (Vec<String>, Vec<(&'static str, Vec<String>)>) {
        let mut must = vec!["CREATE SCHEMA med".to_owned()];
        for table in self.tables.iter().chain([&self.plain]) {
            must.push(table.create());
            must.extend(table.after.clone());
        }
        let first = &self.tables[0];
        must.push(format!(
            "CREATE UNIQUE INDEX first_unique ON {} ({}, k)",
            first.name,
            first.shared(0).name
        ));
        let mut parts = vec![self.partitioned.create()];
        parts.extend(self.partitioned.after.clone());
        (must, vec![("parts", parts)])
    }

    /// Rows of every table as one INSERT each; marked values in protected columns only.
    pub fn rows(&self, seed: u64) -> Vec<(&'static str, String)> {
        let mut rng = Rng::new(seed ^ 0xda7a);
        let mut all = Vec::new();
        for table in self.tables.iter().chain([&self.plain, &self.partitioned]) {
            let needs = if table.suffix.is_empty() { "" } else { "parts" };
            all.push((needs, insert(&mut rng, table)));
        }
        all
    }

    pub fn setup(&self) -> Setup {
        Setup::policy(&self.policy())
    }

    pub fn policy(&self) -> String {
        let mut text = "databases:\n  DATABASE:\n    tables:\n".to_owned();
        for table in self.tables.iter().chain([&self.partitioned]) {
            text.push_str(&format!("      '{}':\n        columns:\n", table.policy));
            for c in table.protected() {
                let protect = match c.kind {
                    Kind::Random => "random",
                    _ => "deterministic",
                };
                let owner = c.group.map(|g| self.tables[0].shared(g));
                let group = owner
                    .filter(|o| !std::ptr::eq(*o, c))
                    .map_or(String::new(), |o| {
                        format!(", group: '{}.{}'", self.tables[0].policy, o.name)
                    });
                text.push_str(&format!(
                    "          '{}': {{ type: \"{}\", protect: {protect}{group} }}\n",
                    c.name, c.ty.name
                ));
            }
        }
        text.push_str("default: clear\n");
        text
    }
}

fn column(name: &str, ty: &'static Type, kind: Kind, group: Option<usize>) -> Column {
    Column {
        name: name.to_owned(),
        ty,
        kind,
        group,
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
    table
}

/// 24 rows; values that the type would refuse are left out here.
fn insert(rng: &mut Rng, table: &Table) -> String {
    let mut rows = Vec::new();
    for id in 1..=24_usize {
        let values: Vec<String> = table
            .columns
            .iter()
            .map(|c| {
                let value = match (c.name.as_str(), c.kind) {
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

/// The types that the proxy under test declares: asked once, of the binary itself.
pub fn declared() -> &'static [&'static Type] {
    static DECLARED: OnceLock<Vec<&'static Type>> = OnceLock::new();
    DECLARED.get_or_init(|| {
        TYPES
            .iter()
            .copied()
            .filter(|t| is_declared(t.name))
            .collect()
    })
}

/// The others.
pub fn undeclared() -> Vec<&'static str> {
    let known = declared();
    let others = TYPES.iter().filter(|t| !known.contains(t));
    others.map(|t| t.name).collect()
}

fn is_declared(name: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let at = |file: &str| directory.path().join(file);
    let policy = format!(
        "databases:\n  d:\n    tables:\n      public.t:\n        columns:\n          \
         c: {{ type: \"{name}\", protect: random }}\ndefault: clear\n"
    );
    std::fs::write(at("policy.yaml"), policy).unwrap();
    std::fs::write(at("secret"), "x").unwrap();
    let text = "listen: { address: 127.0.0.1:0 }\nupstream:\n  address: 127.0.0.1:1\n  service: { user: u, \
                password_file: secret }\nkeys: { keyring: keyring.json, provider: { file: master.key } }\n\
                audit: { directory: audit/ }\npolicy: policy.yaml\n";
    std::fs::write(at("hippocrypt.yaml"), text).unwrap();
    let mut command = std::process::Command::new(hippocrypt_e2e::proxy::binary());
    command
        .args(["keys", "init", "--config"])
        .arg(at("hippocrypt.yaml"));
    let output = command.output().unwrap();
    let told = hippocrypt_e2e::sql::told(&output);
    assert!(
        output.status.success() || told.contains("cannot be protected"),
        "{name}: {told}"
    );
    output.status.success()
}

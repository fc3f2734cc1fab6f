//! Tables of one purpose each: a hash of columns, a child that inherits, foreign keys between columns of one group,
//! defaults and generated columns; and one that is in the policy and not made yet.

use super::{Column, Kind, Table, bare, column, rights, table};
use crate::generated::policy::Access;
use crate::generated::rng::Rng;
use crate::generated::types::{BOOL, INT4, INT8, SHORT, TEXT, Type, marked};

/// A column of `protect: hash`, which the twin does not have.
#[derive(Clone, Debug)]
pub struct Hash {
    pub name: &'static str,
    /// Where it stands among the table's columns.
    pub at: usize,
    /// Names of what it is of.
    pub of: [String; 2],
}

impl Hash {
    /// What every role but the owner's may do with it.
    pub fn denied(&self) -> (&str, Access) {
        (self.name, Access::Deny)
    }
}

/// One table of each kind.
#[derive(Clone, Debug)]
pub struct Special {
    pub matches: Table,
    pub family: Table,
    pub owners: Table,
    pub owned: Table,
    pub filled: Table,
    /// Its rows lie where a cell says.
    pub cut: Table,
    /// In the policy; statements make it.
    pub later: Table,
    /// The same of the shared groups alone, as the first table has them: it can be made of that one's rows.
    pub abridged: Table,
}

impl Special {
    pub fn make(rng: &mut Rng, types: &[&'static Type]) -> Self {
        let (owners, owned) = owners(rng);
        let mut family = table(rng, "family", types);
        family.after = vec![
            "CREATE TABLE kin (extra int DEFAULT 5) INHERITS (family)".to_owned(),
            "GRANT ALL ON family, kin TO billing, guest".to_owned(),
        ];
        Self {
            matches: matches(rng, types),
            family,
            owners,
            owned,
            filled: filled(),
            cut: cut(rng, types),
            later: table(rng, "later", &[&TEXT, &INT4, &SHORT]),
            abridged: bare("abridged"),
        }
    }

    pub fn all(&self) -> [&Table; 6] {
        let Self {
            matches,
            family,
            owners,
            owned,
            filled,
            cut,
            ..
        } = self;
        [matches, family, owners, owned, filled, cut]
    }

    /// Those with columns of the groups that all tables share.
    pub fn sharing(&mut self) -> [&mut Table; 3] {
        [&mut self.family, &mut self.later, &mut self.abridged]
    }

    /// The child of `family`.
    pub fn child(family: &Table) -> Table {
        Table {
            name: "kin".to_owned(),
            ..family.clone()
        }
    }
}

fn matches(rng: &mut Rng, types: &[&'static Type]) -> Table {
    let mut table = bare("matches");
    let comparable: Vec<&'static Type> = types
        .iter()
        .copied()
        .filter(|t| t.deterministic && **t != BOOL)
        .collect();
    let (one, two) = (*rng.pick(&comparable), *rng.pick(&comparable));
    let kind = *rng.pick(&[Kind::Random, Kind::Random, Kind::Deterministic]);
    table.columns.push(column("one", one, Kind::Random, None));
    table.columns.push(column("\"Two\"", two, kind, None));
    table.columns.push(column("p", &TEXT, Kind::Random, None));
    let mut of = ["one".to_owned(), "\"Two\"".to_owned()];
    rng.shuffle(&mut of);
    table.hash = Some(Hash {
        name: "both_of",
        at: 3 + rng.below(4),
        of,
    });
    table.after = vec!["GRANT ALL ON matches TO billing".to_owned()];
    table
}

/// Foreign keys over cells: to a unique column of the same group.
fn owners(rng: &mut Rng) -> (Table, Table) {
    let ty = *rng.pick(&[&TEXT, &SHORT, &INT4, &INT8]);
    let mut owners = bare("owners");
    let mut key = column("o", ty, Kind::Deterministic, None);
    key.extra = " UNIQUE".to_owned();
    owners.columns.push(key);
    owners.columns.push(column("p", &TEXT, Kind::Random, None));
    let mut owned = bare("owned");
    for (name, action) in [
        ("r", "ON DELETE CASCADE ON UPDATE CASCADE"),
        ("s", "ON DELETE SET NULL ON UPDATE CASCADE"),
        ("\"T\"", "ON DELETE SET NULL ON UPDATE SET NULL"),
    ] {
        let mut key = column(name, ty, Kind::Deterministic, None);
        key.founder = Some("public.owners.o".to_owned());
        key.extra = format!(" REFERENCES owners (o) {action}");
        owned.columns.push(key);
    }
    owned.columns.push(column("p", &TEXT, Kind::Random, None));
    (owners, owned)
}

fn cut(rng: &mut Rng, types: &[&'static Type]) -> Table {
    let mut table = bare("cut");
    table
        .columns
        .push(column("d", &TEXT, Kind::Deterministic, None));
    let ty = *rng.pick(types);
    table.columns.push(column("p", ty, Kind::Random, None));
    table.suffix = " PARTITION BY LIST (d)";
    let some = [0, 1]
        .map(|n| format!("'{}'", marked("text", n)))
        .join(", ");
    table.after = vec![
        format!("CREATE TABLE cut_some PARTITION OF cut FOR VALUES IN ({some})"),
        "CREATE TABLE cut_null PARTITION OF cut FOR VALUES IN (NULL)".to_owned(),
        "CREATE TABLE cut_rest PARTITION OF cut DEFAULT".to_owned(),
    ];
    table
}

/// Constants that a statement leaves to the table, and what it computes of clear columns.
fn filled() -> Table {
    let mut table = bare("filled");
    let default = |c: &mut Column, value: &str| c.extra = format!(" DEFAULT {value}");
    default(&mut table.columns[1], "7");
    default(&mut table.columns[2], "'gre' || 'en'");
    let mut generated = column("g", &INT4, Kind::Clear, None);
    generated.extra = " GENERATED ALWAYS AS (k * 2 + 1) STORED".to_owned();
    table.columns.push(generated);
    for (name, ty, kind) in [
        ("p", &TEXT, Kind::Random),
        ("d", &SHORT, Kind::Deterministic),
        ("n", &INT8, Kind::Random),
    ] {
        let mut kept = column(name, ty, kind, None);
        default(&mut kept, &format!("'{}'", marked(ty.name, 2)));
        table.columns.push(kept);
    }
    rights(&mut Rng::new(0), &mut table);
    table
}

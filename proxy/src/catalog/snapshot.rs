//! One query that reads a database's catalog as rows of text, and the rows' way into a [`Catalog`].
//!
//! Every row begins with the name of its section; the other columns mean what the section says. It must
//! never skip a row that it does not understand: a snapshot with a hole would call a relation unprotected.

use hippocrypt_policy::TableRef;
use hippocrypt_sql::catalog::{
    Attribute, Catalog, Function, Object, Operator, Relation, RelationKind, Runs, StoredCell,
    Trigger,
};
use std::collections::HashMap;
use std::sync::Arc;

mod query;

pub use query::SNAPSHOT;

/// Columns of a row of [`SNAPSHOT`], all of type text.
pub const COLUMNS: usize = 8;

/// So often in a row may objects go, or be locked, while a reading prints them.
pub const RACES: usize = 8;

/// Whether a reading failed since an object was dropped between its snapshot and the function that prints the
/// definition, which looks at the present ("could not open relation with OID …", "cache lookup failed for …"), or is
/// about to be, and locked: it is tried again.
pub fn lost_a_race(sqlstate: &str) -> bool {
    matches!(sqlstate, "XX000" | "55P03")
}

/// Why rows do not make a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A row of another shape than [`SNAPSHOT`] asks for: another server version, or not a PostgreSQL.
    #[error("a catalog row of section {0:?} was not understood")]
    Row(String),
}

/// A snapshot in the making: feed it every row, then [`Snapshot::finish`].
#[derive(Debug, Default)]
pub struct Snapshot {
    catalog: Catalog,
    names: HashMap<u32, (Arc<str>, Arc<str>)>,
    relations: HashMap<u32, Relation>,
    later: Vec<Later>,
    temporary: Vec<Arc<str>>,
    system: Vec<(TableRef, i16, Arc<str>)>,
}

/// What belongs to a relation whose own row may come after it.
#[derive(Debug)]
enum Later {
    Attribute(u32, Attribute),
    Parent(u32, u32),
    Depends(u32, u32),
    Rules(u32),
    Grants(u32),
    Trigger(u32, Trigger),
    Default(u32, i16, StoredCell),
    Unique(u32, Vec<i16>),
    Referenced(u32, u32),
    Definition(u32, Option<Arc<str>>),
    Policy(u32, Arc<str>),
    Partitioned(u32, Vec<i16>),
}

impl Later {
    fn oid(&self) -> u32 {
        match self {
            Self::Attribute(oid, _)
            | Self::Parent(oid, _)
            | Self::Depends(oid, _)
            | Self::Rules(oid)
            | Self::Grants(oid)
            | Self::Trigger(oid, _)
            | Self::Default(oid, _, _)
            | Self::Unique(oid, _)
            | Self::Referenced(oid, _)
            | Self::Definition(oid, _)
            | Self::Partitioned(oid, _)
            | Self::Policy(oid, _) => *oid,
        }
    }

    fn apply(self, relation: &mut Relation) {
        match self {
            Self::Attribute(_, attribute) => relation.columns.push(attribute),
            Self::Parent(_, parent) => relation.parents.push(parent),
            Self::Depends(_, on) => relation.depends_on.push(on),
            Self::Rules(_) => relation.has_rules = true,
            Self::Grants(_) => relation.uneven_grants = true,
            Self::Trigger(_, trigger) => relation.triggers.push(trigger),
            Self::Default(_, attnum, cell) => {
                let mut columns = relation.columns.iter_mut();
                if let Some(column) = columns.find(|a| a.attnum == attnum) {
                    column.default_cell = Some(cell);
                }
            }
            Self::Unique(_, key) => relation.unique.push(key),
            Self::Referenced(_, by) => relation.referenced_by.push(by),
            Self::Definition(_, query) => relation.definition = query,
            Self::Partitioned(_, key) => relation.partition_key = key,
            Self::Policy(_, expression) => relation.row_policies.push(expression),
        }
    }
}

impl Snapshot {
    /// Takes one row: [`COLUMNS`] fields as text, `None` for NULL.
    pub fn row(&mut self, row: &[Option<&str>]) -> Result<(), SnapshotError> {
        let section = row.first().copied().flatten().unwrap_or("");
        let fields = Fields(row.get(1..).unwrap_or(&[]));
        self.section(section, &fields)
            .ok_or_else(|| SnapshotError::Row(section.to_owned()))
    }

    /// The catalog, and the temporary relations of the session that asked, whose search_path is `path`.
    pub fn finish(mut self, version: u64, path: Vec<Arc<str>>) -> (Catalog, Vec<Arc<str>>) {
        // a default belongs to a column: those come first
        self.later.sort_by_key(|l| matches!(l, Later::Default(..)));
        for later in self.later {
            if let Some(relation) = self.relations.get_mut(&later.oid()) {
                later.apply(relation);
            }
        }
        for (oid, mut relation) in self.relations {
            // In one order, so that two snapshots of the same catalog are equal.
            relation.columns.sort_by_key(|a| a.attnum);
            relation.parents.sort_unstable();
            relation.depends_on.sort_unstable();
            relation.triggers.sort_unstable();
            relation.unique.sort_unstable();
            relation.referenced_by.sort_unstable();
            // a table may have several keys to another
            relation.referenced_by.dedup();
            relation.row_policies.sort_unstable();
            if let Some(name) = self.names.remove(&oid) {
                self.catalog.relations.insert(name, relation);
            }
        }
        self.catalog
            .functions
            .values_mut()
            .for_each(|f| f.sort_unstable());
        self.catalog.operators.sort_unstable();
        self.catalog.types.sort_unstable();
        self.catalog.runs.sort_unstable();
        self.catalog.nondeterministic_collations.sort_unstable();
        self.catalog.schemas.sort_unstable();
        self.system.sort_unstable_by_key(|(_, attnum, _)| *attnum);
        for (relation, _, column) in self.system {
            let columns = self.catalog.system.entry(relation).or_default();
            columns.push(column);
        }
        self.catalog.version = version;
        self.catalog.printed_under = path;
        (self.catalog, self.temporary)
    }

    fn section(&mut self, section: &str, f: &Fields<'_>) -> Option<()> {
        match section {
            "cell" => self.catalog.cell_type = Some(f.number(0)?),
            "schema" => self.catalog.schemas.push(f.text(0)?),
            "relation" => self.relation(f)?,
            "attribute" => self
                .later
                .push(Later::Attribute(f.number(0)?, attribute(f)?)),
            "parent" => self.later.push(Later::Parent(f.number(0)?, f.number(1)?)),
            "depends" => self.later.push(Later::Depends(f.number(0)?, f.number(1)?)),
            "rules" => self.later.push(Later::Rules(f.number(0)?)),
            "grants" => self.later.push(Later::Grants(f.number(0)?)),
            "trigger" => {
                let trigger = Trigger {
                    schema: f.text(1)?,
                    function: f.text(2)?,
                    definition: f.optional(3),
                };
                self.later.push(Later::Trigger(f.number(0)?, trigger));
            }
            "default" => {
                if let Some(cell) = f.str(2).and_then(cell_of) {
                    self.later
                        .push(Later::Default(f.number(0)?, f.number(1)?, cell));
                }
            }
            "referenced" => {
                self.later
                    .push(Later::Referenced(f.number(0)?, f.number(1)?));
            }
            "unique" => self.later.push(Later::Unique(f.number(0)?, f.numbers(1)?)),
            "partitioned" => {
                self.later
                    .push(Later::Partitioned(f.number(0)?, f.numbers(1)?));
            }
            // NULL where the view was dropped while the snapshot was read
            "definition" => self
                .later
                .push(Later::Definition(f.number(0)?, f.optional(1))),
            // the same of its table
            "policy" => self.later.push(Later::Policy(
                f.number(0)?,
                f.optional(1).unwrap_or_default(),
            )),
            "function" => {
                let function = Function {
                    schema: f.text(0)?,
                    language: f.text(2)?,
                    extension: f.optional(3),
                    source: f.optional(4),
                    oid: f.number(5)?,
                    aggregate: f.str(6)? == "a",
                    takes_row: f.str(6)? == "r",
                };
                self.catalog
                    .functions
                    .entry(f.text(1)?)
                    .or_default()
                    .push(function);
            }
            "collation" => self.catalog.nondeterministic_collations.push(f.text(0)?),
            "operator" => self.catalog.operators.push(Operator {
                name: f.text(0)?,
                oid: f.number(1)?,
                of_extension: f.flag(2)?,
            }),
            "type" => self.catalog.types.push((f.text(0)?, f.number(1)?)),
            "runs" => self.catalog.runs.push(Runs {
                from: object(f.str(0)?, f.number(1)?)?,
                by_writing: f.flag(2)?,
                to: object(f.str(3)?, f.number(4)?)?,
            }),
            "temporary" => self.temporary.push(f.text(0)?),
            "system" => {
                let relation = TableRef {
                    schema: f.text(0)?,
                    table: f.text(1)?,
                };
                self.system.push((relation, f.number(2)?, f.text(3)?));
            }
            _ => return None,
        }
        Some(())
    }

    fn relation(&mut self, f: &Fields<'_>) -> Option<()> {
        let oid = f.number(0)?;
        let kind = match f.str(3)? {
            "r" => RelationKind::Table,
            "p" => RelationKind::PartitionedTable,
            "v" => RelationKind::View,
            "m" => RelationKind::MaterializedView,
            "f" => RelationKind::ForeignTable,
            "S" => RelationKind::Sequence,
            "c" => RelationKind::Composite,
            _ => return None,
        };
        self.names.insert(oid, (f.text(1)?, f.text(2)?));
        self.relations.insert(
            oid,
            Relation {
                oid,
                kind,
                columns: Vec::new(),
                parents: Vec::new(),
                depends_on: Vec::new(),
                triggers: Vec::new(),
                has_rules: false,
                row_security: f.flag(4)?,
                uneven_grants: false,
                row_policies: Vec::new(),
                definition: None,
                partition_key: Vec::new(),
                unique: Vec::new(),
                referenced_by: Vec::new(),
            },
        );
        Some(())
    }
}

fn attribute(f: &Fields<'_>) -> Option<Attribute> {
    let default = f.str(6)?;
    Some(Attribute {
        attnum: f.number(1)?,
        name: f.text(2)?,
        type_oid: f.number(3)?,
        typmod: f.number(4)?,
        not_null: f.flag(5)?,
        has_default: default == "d",
        generated: default == "g",
        default_cell: None,
    })
}

/// By the letters of the query's `kind`.
fn object(kind: &str, oid: u32) -> Option<Object> {
    Some(match kind {
        "r" => Object::Relation(oid),
        "f" => Object::Function(oid),
        "t" => Object::Type(oid),
        "o" => Object::Operator(oid),
        "y" => Object::Family(oid),
        "s" => Object::Statement,
        "d" => Object::Ddl,
        _ => return None,
    })
}

/// The bytes of a default that is one constant, `'\x…'::bytea`; anything else the server computes.
fn cell_of(expression: &str) -> Option<StoredCell> {
    let constant = expression.split_once("::").map_or(expression, |(c, _)| c);
    let hex = constant.strip_prefix("'\\x")?.strip_suffix('\'')?;
    let digits = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16)
            .ok()
            .filter(|_| pair.len() == 2)
    });
    Some(StoredCell(digits.collect::<Option<Arc<[u8]>>>()?))
}

/// The fields behind a row's section.
struct Fields<'a>(&'a [Option<&'a str>]);

impl Fields<'_> {
    fn str(&self, i: usize) -> Option<&str> {
        self.0.get(i).copied().flatten()
    }
    fn text(&self, i: usize) -> Option<Arc<str>> {
        self.str(i).map(Arc::from)
    }
    fn optional(&self, i: usize) -> Option<Arc<str>> {
        self.text(i)
    }
    fn number<T: std::str::FromStr>(&self, i: usize) -> Option<T> {
        self.str(i)?.parse().ok()
    }
    /// `int2vector`
    fn numbers(&self, i: usize) -> Option<Vec<i16>> {
        let numbers = self.str(i)?.split(' ').map(|n| n.parse().ok());
        numbers.collect()
    }
    fn flag(&self, i: usize) -> Option<bool> {
        match self.str(i)? {
            "true" | "t" => Some(true),
            "false" | "f" => Some(false),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_make_a_catalog_in_any_order() {
        let mut snapshot = Snapshot::default();
        let n = None;
        for row in [
            [
                Some("attribute"),
                Some("7"),
                Some("2"),
                Some("ssn"),
                Some("99"),
                Some("-1"),
                Some("true"),
                Some(""),
            ],
            [
                Some("relation"),
                Some("7"),
                Some("public"),
                Some("patients"),
                Some("r"),
                Some("false"),
                n,
                n,
            ],
            [
                Some("attribute"),
                Some("7"),
                Some("1"),
                Some("id"),
                Some("23"),
                Some("-1"),
                Some("false"),
                Some("d"),
            ],
            [
                Some("default"),
                Some("7"),
                Some("2"),
                Some("'\\xf5e1'::bytea"),
                n,
                n,
                n,
                n,
            ],
            [Some("cell"), Some("99"), n, n, n, n, n, n],
            [Some("unique"), Some("7"), Some("1 2"), n, n, n, n, n],
            [
                Some("definition"),
                Some("7"),
                Some(" SELECT 1"),
                n,
                n,
                n,
                n,
                n,
            ],
            [Some("policy"), Some("7"), Some("(id > 0)"), n, n, n, n, n],
            [Some("temporary"), Some("tmp"), n, n, n, n, n, n],
        ] {
            snapshot.row(&row).unwrap();
        }
        let (catalog, temporary) = snapshot.finish(3, Vec::new());
        let patients = &catalog.relations[&("public".into(), "patients".into())];
        assert_eq!(catalog.cell_type, Some(99));
        assert_eq!(catalog.version, 3);
        assert_eq!(
            patients
                .columns
                .iter()
                .map(|a| &*a.name)
                .collect::<Vec<_>>(),
            ["id", "ssn"]
        );
        assert!(patients.columns[0].has_default && patients.columns[1].not_null);
        let cell = patients.columns[1].default_cell.as_ref().unwrap();
        assert_eq!(&*cell.0, [0xf5, 0xe1]);
        assert_eq!(patients.unique, [[1, 2]]);
        assert_eq!(patients.definition.as_deref(), Some(" SELECT 1"));
        assert_eq!(patients.row_policies, ["(id > 0)".into()]);
        assert_eq!(temporary, ["tmp".into()]);
    }

    /// What `sql` writes anew it must know the columns of.
    #[test]
    fn every_relation_that_is_corrected_is_asked_for() {
        let list = SNAPSHOT.split("ANY ('{pg_attribute,").nth(1).unwrap();
        let asked: Vec<&str> = list.split('}').next().unwrap().split(',').collect();
        let corrected: Vec<&str> = hippocrypt_sql::corrected_relations().collect();
        assert_eq!(corrected.first(), Some(&"pg_attribute"));
        assert_eq!(asked, corrected[1..]);
    }

    #[test]
    fn a_default_is_a_cell_only_where_it_is_one_constant() {
        assert!(cell_of("'\\xf5e1'::hippocrypt.cell").is_some());
        for other in [
            "now()",
            "'\\xf5e'::bytea",
            "'text'::text",
            "decode('00', 'hex')",
        ] {
            assert!(cell_of(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_row_that_is_not_understood_is_an_error() {
        let mut snapshot = Snapshot::default();
        assert!(snapshot.row(&[Some("relation"), Some("x")]).is_err());
        assert!(snapshot.row(&[Some("surprise")]).is_err());
        assert!(snapshot.row(&[]).is_err());
    }
}

//! A database with a policy, as large as is wanted.

use hippocrypt::protect::Vault;
use hippocrypt_keys::{Keyring, Provider};
use hippocrypt_policy::{Policy, Rights};
use hippocrypt_sql::catalog::{Attribute, Catalog, Names, Relation, RelationKind};
use hippocrypt_sql::{Analyser, Context};
use std::fmt::Write as _;
use std::sync::Arc;

/// OID of `hippocrypt.cell`.
const CELL: u32 = 16_400;

/// Columns of a table that is there to make the catalog larger.
const WIDTH: usize = 10;

/// Protected types beside their names as columns of `public.kinds`.
pub const KINDS: [(&str, &str); 7] = [
    ("i", "int4"),
    ("n", "numeric(10,2)"),
    ("d", "date"),
    ("z", "timestamptz"),
    ("u", "uuid"),
    ("j", "jsonb"),
    ("t", "text"),
];

/// Catalog and policy merged, and who asks.
pub struct Clinic {
    pub analyser: Analyser,
    pub policy: Policy,
    rights: Rights,
    names: Names,
}

impl Clinic {
    /// With so many columns more that nothing is said of, and so many that are protected.
    pub fn new(columns: usize, protected: usize) -> Self {
        let mut catalog = Catalog {
            version: 1,
            cell_type: Some(CELL),
            schemas: vec!["public".into(), "hippocrypt".into()],
            ..Catalog::default()
        };
        let mut yaml = String::from(
            "default: clear\ndatabases:\n  clinic:\n    tables:\n      public.patients:\n        subject: id\n        \
             columns:\n          name: { type: text, protect: random }\n          \
             ssn: { type: varchar(11), protect: deterministic }\n      public.kinds:\n        columns:\n",
        );
        let mut add = |table: &str, columns: &[(&str, u32)]| {
            let oid = 20_000 + u32::try_from(catalog.relations.len()).expect("a small number");
            let name = (Arc::from("public"), Arc::from(table));
            catalog.relations.insert(name, relation(oid, columns));
        };
        add(
            "patients",
            &[("id", 23), ("name", CELL), ("ssn", CELL), ("city", 25)],
        );
        add("plain", &[("id", 23), ("a", 25), ("b", 25)]);
        add("kinds", &KINDS.map(|(name, _)| (name, CELL)));
        for (name, declared) in KINDS {
            let _ = writeln!(
                yaml,
                "          {name}: {{ type: \"{declared}\", protect: random }}"
            );
        }
        let rows: [Vec<String>; 2] =
            [columns, protected].map(|n| (0..n).map(|ix| format!("c{ix}")).collect());
        for (kind, (prefix, oid)) in rows.iter().zip([("clear", 25), ("sealed", CELL)]) {
            for (table, names) in kind.chunks(WIDTH).enumerate() {
                let table = format!("{prefix}{table}");
                let columns: Vec<_> = names.iter().map(|name| (name.as_str(), oid)).collect();
                add(&table, &columns);
                if oid == CELL {
                    let _ = writeln!(yaml, "      public.{table}:\n        columns:");
                    for name in names {
                        let _ =
                            writeln!(yaml, "          {name}: {{ type: text, protect: random }}");
                    }
                }
            }
        }
        let policy = Policy::parse("policy.yaml", &yaml, &|_| None).expect("a policy");
        let database = policy.databases.get("clinic").expect("its database");
        Self {
            analyser: Analyser::new(Arc::new(catalog), Arc::clone(database)),
            rights: policy.rights("clinic", "app"),
            names: Names {
                search_path: vec!["public".into()],
                standard_conforming_strings: true,
                ..Names::default()
            },
            policy,
        }
    }

    /// A session of it.
    pub fn context(&self) -> Context<'_> {
        Context {
            names: &self.names,
            rights: &self.rights,
            declared_params: &[],
            outside: true,
        }
    }

    /// Keys for it, made now.
    pub fn vault(&self) -> Vault {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keyring.json");
        let provider = Provider::File(directory.path().join("master.key"));
        Keyring::init(&path, &provider, &self.policy.key_groups()).expect("a keyring");
        let keyring = Keyring::load(&path, &provider).expect("a keyring");
        let database = self.policy.databases.get("clinic").expect("its database");
        Vault::new(database, keyring.database("clinic").expect("its keys")).expect("a vault")
    }
}

fn relation(oid: u32, columns: &[(&str, u32)]) -> Relation {
    let attribute = |(attnum, &(name, type_oid)): (i16, &(&str, u32))| Attribute {
        attnum,
        name: Arc::from(name),
        type_oid,
        typmod: -1,
        not_null: false,
        has_default: false,
        generated: false,
        default_cell: None,
    };
    Relation {
        oid,
        kind: RelationKind::Table,
        columns: (1..).zip(columns).map(attribute).collect(),
        parents: Vec::new(),
        depends_on: Vec::new(),
        triggers: Vec::new(),
        has_rules: false,
        row_security: false,
        uneven_grants: false,
        row_policies: Vec::new(),
        definition: None,
        partition_key: Vec::new(),
        unique: vec![vec![1]],
        referenced_by: Vec::new(),
    }
}

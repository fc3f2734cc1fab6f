//! The corpus's database: a clinic with every kind of relation and right.

use hippocrypt_policy::{
    Access, Column, ColumnIx, ColumnRef, Database, DeclaredType, Group, GroupIx, Mask, Place,
    Protect, Rights, Subject, Table, TableRef,
};
use hippocrypt_sql::Analyser;
use hippocrypt_sql::catalog::{
    Attribute, Catalog, Function, Object, Operator, Relation, RelationKind, Runs, StoredCell,
    Trigger,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// OID of `hippocrypt.cell`.
const CELL: u32 = 16_400;

/// (table, column, declared type, protection, mask, group) of the policy, in order of [`ColumnIx`]; a hash is of the two
/// before it.
const POLICY: &[(&str, &str, &str, Protect, Mask, &str)] = &[
    (
        "public.patients",
        "name",
        "text",
        Protect::Random,
        Mask::First(1),
        "",
    ),
    (
        "public.patients",
        "ssn",
        "varchar(11)",
        Protect::Deterministic,
        Mask::Last(4),
        "",
    ),
    (
        "public.patients",
        "dob",
        "date",
        Protect::Random,
        Mask::Year,
        "",
    ),
    (
        "public.patients",
        "notes",
        "text",
        Protect::Random,
        Mask::Full,
        "",
    ),
    (
        "public.claims",
        "patient_ssn",
        "varchar(11)",
        Protect::Deterministic,
        Mask::Last(4),
        "public.patients.ssn",
    ),
    (
        "public.claims",
        "amount",
        "numeric(10,2)",
        Protect::Random,
        Mask::Full,
        "",
    ),
    (
        "public.claims",
        "code",
        "text",
        Protect::Deterministic,
        Mask::Full,
        "",
    ),
    (
        "public.watched",
        "email",
        "text",
        Protect::None,
        Mask::First(1),
        "",
    ),
    (
        "public.visits",
        "reason",
        "text",
        Protect::Random,
        Mask::Full,
        "",
    ),
    (
        "public.visits",
        "patient_ssn",
        "varchar(11)",
        Protect::Deterministic,
        Mask::Last(4),
        "public.patients.ssn",
    ),
    (
        "public.visits",
        "at",
        "timestamptz(3)",
        Protect::Random,
        Mask::Full,
        "",
    ),
    (
        "public.visits",
        "score",
        "int4",
        Protect::Deterministic,
        Mask::Full,
        "",
    ),
    (
        "public.old",
        "secret",
        "text",
        Protect::Random,
        Mask::Full,
        "",
    ),
    (
        "public.audited",
        "name",
        "text",
        Protect::Random,
        Mask::Full,
        "",
    ),
    (
        "public.audited",
        "kind",
        "text",
        Protect::Deterministic,
        Mask::Full,
        "",
    ),
    (
        "public.leaky",
        "name",
        "text",
        Protect::Random,
        Mask::Full,
        "",
    ),
    (
        "public.people",
        "ssn",
        "varchar(11)",
        Protect::Random,
        Mask::Full,
        "",
    ),
    (
        "public.people",
        "dob",
        "date",
        Protect::Deterministic,
        Mask::Full,
        "",
    ),
    (
        "public.people",
        "match",
        "text",
        Protect::Hash(Vec::new()),
        Mask::Full,
        "",
    ),
    (
        "public.prices",
        "price",
        "numeric(12,2)",
        Protect::Deterministic,
        Mask::Full,
        "",
    ),
    (
        "public.prices",
        "code",
        "char(5)",
        Protect::Deterministic,
        Mask::Full,
        "",
    ),
    (
        "public.prices",
        "cost",
        "numeric(8,3)",
        Protect::Deterministic,
        Mask::Full,
        "",
    ),
];

/// (oid, name, kind, columns with their type OIDs).
type Row = (
    u32,
    &'static str,
    RelationKind,
    &'static [(&'static str, u32)],
);

const RELATIONS: &[Row] = &[
    (
        101,
        "public.patients",
        RelationKind::Table,
        &[
            ("id", 23),
            ("name", CELL),
            ("ssn", CELL),
            ("dob", CELL),
            ("notes", CELL),
            ("city", 25),
        ],
    ),
    (
        102,
        "public.claims",
        RelationKind::Table,
        &[
            ("id", 20),
            ("patient_id", 23),
            ("patient_ssn", CELL),
            ("amount", CELL),
            ("code", CELL),
            ("status", 25),
        ],
    ),
    (
        103,
        "public.watched",
        RelationKind::Table,
        &[("id", 23), ("email", 25)],
    ),
    // Not yet encrypted: the policy's column is still text.
    (
        104,
        "public.old",
        RelationKind::Table,
        &[("id", 23), ("secret", 25)],
    ),
    (
        105,
        "public.plain",
        RelationKind::Table,
        &[("id", 23), ("a", 25), ("b", 25)],
    ),
    (
        106,
        "other.patients",
        RelationKind::Table,
        &[("id", 23), ("ssn", 25)],
    ),
    (
        107,
        "public.patient_view",
        RelationKind::View,
        &[("ssn", CELL)],
    ),
    (
        120,
        "public.named_view",
        RelationKind::View,
        &[("id", 23), ("who", CELL), ("key", CELL), ("town", 25)],
    ),
    (
        121,
        "public.view_of_view",
        RelationKind::View,
        &[("key", CELL), ("either", 17), ("visits", 20)],
    ),
    (
        122,
        "public.one_patient",
        RelationKind::View,
        &[("id", 23), ("city", 25)],
    ),
    (123, "public.forged_view", RelationKind::View, &[("id", 23)]),
    (124, "public.cast_view", RelationKind::View, &[("ssn", 25)]),
    (
        125,
        "public.summary",
        RelationKind::MaterializedView,
        &[("patient_ssn", CELL), ("claims", 20)],
    ),
    (
        126,
        "public.on_cast_view",
        RelationKind::View,
        &[("ssn", 25)],
    ),
    // A child whose columns stand in another order, with one of its own; and a child of that.
    (
        130,
        "public.patients_2024",
        RelationKind::Table,
        &[
            ("ward", 25),
            ("ssn", CELL),
            ("id", 23),
            ("name", CELL),
            ("dob", CELL),
            ("notes", CELL),
            ("city", 25),
        ],
    ),
    (
        131,
        "public.patients_2024_a",
        RelationKind::Table,
        &[
            ("ward", 25),
            ("ssn", CELL),
            ("id", 23),
            ("name", CELL),
            ("dob", CELL),
            ("notes", CELL),
            ("city", 25),
        ],
    ),
    // A child with a cell column of its own, which no policy names.
    (
        132,
        "public.patients_odd",
        RelationKind::Table,
        &[
            ("id", 23),
            ("name", CELL),
            ("ssn", CELL),
            ("dob", CELL),
            ("notes", CELL),
            ("city", 25),
            ("more", CELL),
        ],
    ),
    // Partitioned by a deterministic column; its policy is its parent's.
    (
        134,
        "public.by_reason",
        RelationKind::PartitionedTable,
        &[("id", 23), ("ssn", CELL)],
    ),
    // A parent that shows nothing protected of its child.
    (133, "public.things", RelationKind::Table, &[("id", 23)]),
    (108, "public.Mixed Case", RelationKind::Table, &[("id", 23)]),
    (109, "public.plain_id_seq", RelationKind::Sequence, &[]),
    (
        190,
        "public.audited",
        RelationKind::Table,
        &[
            ("id", 23),
            ("name", CELL),
            ("kind", CELL),
            ("updated_at", 1184),
        ],
    ),
    (
        191,
        "public.leaky",
        RelationKind::Table,
        &[("id", 23), ("name", CELL)],
    ),
    (
        192,
        "public.people",
        RelationKind::Table,
        &[
            ("id", 23),
            ("ssn", CELL),
            ("match", CELL),
            ("dob", CELL),
            ("city", 25),
        ],
    ),
    (
        193,
        "public.prices",
        RelationKind::Table,
        &[
            ("id", 23),
            ("price", CELL),
            ("code", CELL),
            ("cost", CELL),
            ("at", 1114),
        ],
    ),
    // A default of it reads a protected table; a view over it; a parent of it.
    (
        200,
        "public.defaulted",
        RelationKind::Table,
        &[("id", 23), ("a", 25)],
    ),
    (
        201,
        "public.defaulted_view",
        RelationKind::View,
        &[("id", 23)],
    ),
    (
        202,
        "public.above_defaulted",
        RelationKind::Table,
        &[("id", 23)],
    ),
    // A view over no table, which calls a function that reads a protected one.
    (203, "public.calling_view", RelationKind::View, &[("n", 20)]),
    // Its default is harmless.
    (
        204,
        "public.stamped",
        RelationKind::Table,
        &[("id", 23), ("a", 25)],
    ),
];

/// (child, parent)
const PARENTS: &[(u32, u32)] = &[
    (130, 101),
    (131, 130),
    (132, 101),
    (102, 133),
    (134, 101),
    (200, 202),
];

/// (who, runs which function, only by writing)
const RUNS: &[(Object, &str, bool)] = &[
    (Object::Relation(200), "calls_reader", true),
    (Object::Relation(203), "reads_patients", false),
    (Object::Relation(204), "calls_plain", true),
    (Object::Type(300), "reads_patients", false),
    (Object::Operator(1), "total", false),
    (Object::Operator(2), "calls_plain", false),
    (Object::Function(900), "calls_plain", false),
    (Object::Function(901), "reads_patients", false),
];

/// Views with what they depend on, and their queries as PostgreSQL prints them.
const VIEWS: &[(&str, &[u32], &str)] = &[
    (
        "public.defaulted_view",
        &[200],
        " SELECT defaulted.id\n   FROM public.defaulted;",
    ),
    (
        "public.calling_view",
        &[],
        " SELECT public.reads_patients() AS n;",
    ),
    (
        "public.patient_view",
        &[101],
        " SELECT patients.ssn\n   FROM public.patients;",
    ),
    (
        "public.named_view",
        &[101],
        " SELECT patients.id,\n    patients.name AS who,\n    patients.ssn AS key,\n    upper(patients.city) AS town\n   FROM public.patients;",
    ),
    (
        "public.view_of_view",
        &[120, 102],
        " SELECT v.key,\n    COALESCE((v.key)::bytea, '\\xf5e10201'::bytea) AS either,\n    ( SELECT count(*) AS count\n           FROM public.claims c\n          WHERE ((c.patient_ssn)::bytea = (v.key)::bytea)) AS visits\n   FROM public.named_view v;",
    ),
    (
        "public.one_patient",
        &[101],
        " SELECT patients.id,\n    patients.city\n   FROM public.patients\n  WHERE ((patients.ssn)::bytea = ANY (ARRAY['\\xf5e10201'::bytea, '\\xf5e10202'::bytea]));",
    ),
    (
        "public.forged_view",
        &[101],
        " SELECT patients.id\n   FROM public.patients\n  WHERE ((patients.ssn)::bytea = '\\x3930'::bytea);",
    ),
    (
        "public.cast_view",
        &[101],
        " SELECT (patients.ssn)::text AS ssn\n   FROM public.patients;",
    ),
    (
        "public.summary",
        &[102],
        " SELECT claims.patient_ssn,\n    count(*) AS claims\n   FROM public.claims\n  GROUP BY claims.patient_ssn;",
    ),
    (
        "public.on_cast_view",
        &[124],
        " SELECT cast_view.ssn\n   FROM public.cast_view;",
    ),
];

/// Analysers of the corpus.
pub struct Analysers {
    /// The clinic under its policy.
    pub clinic: Analyser,
    /// The clinic whose tables say in their first column whose record a row is.
    pub told: Analyser,
    trusting: Analyser,
    empty: Analyser,
}

impl Analysers {
    /// All of them.
    pub fn new() -> Self {
        let trusting = Database {
            trusted_functions: vec!["public.tru*".into(), "DO".into()],
            ..policy()
        };
        let empty = Database {
            tables: BTreeMap::new(),
            columns: Vec::new(),
            groups: Vec::new(),
            ..policy()
        };
        let mut told = policy();
        for table in told.tables.values_mut() {
            let full = table.name.to_string();
            let relation = RELATIONS.iter().find(|(_, name, ..)| *name == full);
            let column = relation.and_then(|(.., columns)| columns.first());
            table.subject = column.map(|(column, _)| Subject {
                column: Arc::from(*column),
                kind: Arc::from("patient"),
            });
        }
        let analyser = |policy, catalog| Analyser::new(Arc::new(catalog), Arc::new(policy));
        Self {
            clinic: analyser(policy(), catalog(CELL)),
            told: analyser(told, catalog(CELL)),
            trusting: analyser(trusting, catalog(CELL)),
            // Without a policy there is no cell type either.
            empty: analyser(empty, catalog(25)),
        }
    }

    /// By the name that blocks use.
    pub fn named(&self, name: &str) -> &Analyser {
        match name {
            "clinic" => &self.clinic,
            "trusting" => &self.trusting,
            "empty" => &self.empty,
            other => panic!("{other} is no world"),
        }
    }
}

/// `app` sees all, `billing` masks, `nobody` is denied.
pub fn rights(role: &str) -> Rights {
    let access = match role {
        "app" => Access::Clear,
        "billing" => Access::Mask,
        "nobody" => Access::Deny,
        other => panic!("{other} is no role"),
    };
    Rights::new(role, vec![access; POLICY.len()])
}

fn table_ref(name: &str) -> TableRef {
    let (schema, table) = name.split_once('.').unwrap();
    TableRef {
        schema: Arc::from(schema),
        table: Arc::from(table),
    }
}

fn policy() -> Database {
    let place = Place {
        file: Arc::from("policy.yaml"),
        line: 1,
    };
    let mut tables: BTreeMap<TableRef, Table> = BTreeMap::new();
    let mut columns = Vec::new();
    let mut groups: Vec<Group> = Vec::new();
    for (ix, (table, column, declared, protect, mask, group)) in (0_u32..).zip(POLICY) {
        let name = table_ref(table);
        let own = format!("{table}.{column}");
        let group = if group.is_empty() { &own } else { *group };
        let group = (*protect != Protect::None).then(|| {
            let found = groups.iter().position(|g| &*g.name == group);
            let at = found.unwrap_or_else(|| {
                groups.push(Group {
                    name: Arc::from(group),
                    deterministic: matches!(protect, Protect::Deterministic | Protect::Hash(_)),
                });
                groups.len() - 1
            });
            GroupIx(u32::try_from(at).unwrap())
        });
        let entry = tables.entry(name.clone()).or_insert_with(|| Table {
            name: name.clone(),
            subject: None,
            columns: BTreeMap::new(),
            required: Default::default(),
            changes: false,
            place: place.clone(),
        });
        entry.columns.insert(Arc::from(*column), ColumnIx(ix));
        columns.push(Column {
            text: format!("{name}.{column}").into(),
            name: ColumnRef {
                table: name,
                column: Arc::from(*column),
            },
            declared: declared.parse::<DeclaredType>().unwrap(),
            protect: match protect {
                Protect::Hash(_) => Protect::Hash(vec![ColumnIx(ix - 2), ColumnIx(ix - 1)]),
                other => other.clone(),
            },
            mask: *mask,
            group,
            was: None,
            place: place.clone(),
        });
    }
    Database {
        name: Arc::from("clinic"),
        tables,
        columns,
        groups,
        trusted_functions: Vec::new(),
    }
}

fn catalog(cell: u32) -> Catalog {
    let mut relations = HashMap::new();
    for (oid, name, kind, columns) in RELATIONS {
        let (schema, table) = name.split_once('.').unwrap();
        let attributes = (1_i16..)
            .zip(*columns)
            .map(|(attnum, (name, ty))| Attribute {
                attnum,
                name: Arc::from(*name),
                type_oid: if *ty == CELL { cell } else { *ty },
                typmod: -1,
                not_null: false,
                has_default: oid == &190 && *ty == CELL,
                generated: false,
                default_cell: (oid == &190 && *ty == CELL).then(|| StoredCell(Arc::from([0; 3]))),
            });
        let view = VIEWS.iter().find(|(view, _, _)| view == name);
        let relation = Relation {
            oid: *oid,
            kind: *kind,
            columns: attributes.collect(),
            parents: PARENTS
                .iter()
                .filter(|(child, _)| child == oid)
                .map(|(_, parent)| *parent)
                .collect(),
            depends_on: view.map_or_else(Vec::new, |(_, on, _)| on.to_vec()),
            triggers: triggers(*oid),
            has_rules: false,
            row_security: false,
            uneven_grants: false,
            row_policies: Vec::new(),
            definition: view.map(|(_, _, query)| Arc::from(*query)),
            partition_key: if *oid == 134 { vec![2] } else { Vec::new() },
            unique: if columns.is_empty() {
                Vec::new()
            } else {
                vec![vec![1]]
            },
            referenced_by: match *oid {
                105 => vec![102],
                102 => vec![102, 105],
                _ => Vec::new(),
            },
        };
        relations.insert((Arc::from(schema), Arc::from(table)), relation);
    }
    Catalog {
        version: 1,
        cell_type: (cell == CELL).then_some(CELL),
        relations,
        functions: functions(),
        operators: [("%%", 1), ("%+", 2)].map(operator).to_vec(),
        types: vec![(Arc::from("leaky_domain"), 300)],
        runs: RUNS.iter().map(runs).collect(),
        nondeterministic_collations: vec![Arc::from("case_insensitive")],
        schemas: ["public", "other", "hippocrypt"].map(Arc::from).to_vec(),
        printed_under: Vec::new(),
        system: system(),
    }
}

fn operator((name, oid): (&str, u32)) -> Operator {
    Operator {
        name: Arc::from(name),
        oid,
        of_extension: false,
    }
}

fn runs(&(from, function, by_writing): &(Object, &str, bool)) -> Runs {
    Runs {
        from,
        to: Object::Function(function_oid(function)),
        by_writing,
    }
}

/// Some system relations with fewer columns than they have.
fn system() -> HashMap<TableRef, Vec<Arc<str>>> {
    let relations = [
        (
            "pg_catalog.pg_attribute",
            "attrelid attname atttypid attnum atttypmod attnotnull attcollation atthasdef",
        ),
        ("pg_catalog.pg_class", "oid relname relnamespace relchecks"),
        ("pg_catalog.pg_constraint", "oid conname conrelid contype"),
        ("pg_catalog.pg_type", "oid typname typelem"),
        ("pg_catalog.pg_namespace", "oid nspname"),
        ("pg_catalog.pg_index", "indexrelid indrelid indclass"),
        (
            "information_schema.columns",
            "table_schema table_name column_name data_type character_maximum_length",
        ),
        (
            "information_schema.table_constraints",
            "constraint_schema constraint_name table_name",
        ),
    ];
    let columns = |list: &str| list.split(' ').map(Arc::from).collect();
    let relation = |(name, list): (&str, &str)| (table_ref(name), columns(list));
    relations.into_iter().map(relation).collect()
}

fn triggers(oid: u32) -> Vec<Trigger> {
    let (function, definition) = match oid {
        190 => (
            "touch",
            Some(
                "CREATE TRIGGER t BEFORE UPDATE ON public.audited FOR EACH ROW WHEN ((old.id IS DISTINCT FROM new.id)) EXECUTE FUNCTION touch()",
            ),
        ),
        191 => ("log_name", None),
        _ => return Vec::new(),
    };
    vec![Trigger {
        schema: Arc::from("public"),
        function: Arc::from(function),
        definition: definition.map(Arc::from),
    }]
}

/// Bodies of SQL and PL/pgSQL functions.
fn source(name: &str) -> Option<Arc<str>> {
    let plpgsql = |returns: &str, body: &str| {
        format!(
            "CREATE FUNCTION public.{name}() RETURNS {returns} LANGUAGE plpgsql AS $f$ BEGIN {body} END $f$"
        )
    };
    let text = match name {
        "touch" => plpgsql("trigger", "NEW.updated_at := now(); RETURN NEW;"),
        "log_name" => plpgsql("trigger", "INSERT INTO plain (a) VALUES (NEW.name); RETURN NEW;"),
        "log_row" => plpgsql("trigger", "INSERT INTO plain (a) VALUES (row_to_json(NEW)); RETURN NEW;"),
        "plain_count" => plpgsql("bigint", "RETURN (SELECT count(*) FROM plain WHERE a = calls_plain());"),
        "calls_plain" => "CREATE FUNCTION public.calls_plain() RETURNS text LANGUAGE sql AS $$ SELECT 'x' || plain_count() $$".into(),
        "reads_patients" => plpgsql("bigint", "RETURN (SELECT count(*) FROM public.patients);"),
        "replace" => "CREATE FUNCTION public.replace(citext, citext, citext) RETURNS text LANGUAGE sql AS $$ SELECT pg_catalog.regexp_replace($1::pg_catalog.text, E'\\\\\\1', 'g') $$".into(),
        "row_reader" => "CREATE FUNCTION public.row_reader(r plain) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM patients $$".into(),
        "calls_reader" => plpgsql("bigint", "RETURN reads_patients();"),
        "dynamic" => plpgsql("void", "EXECUTE 'SELECT 1';"),
        "sets_path" => plpgsql("void", "SET search_path = other;"),
        _ => return None,
    };
    Some(Arc::from(text))
}

/// (schema, name, language, extension)
type Known = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

const FUNCTIONS: &[Known] = &[
    ("public", "total", "plpgsql", None),
    ("other", "lower", "sql", None),
    ("public", "trusted", "plpgsql", None),
    ("public", "digest", "c", Some("pgcrypto")),
    ("public", "uuid_generate_v4", "c", Some("uuid-ossp")),
    ("public", "replace", "sql", Some("citext")),
    ("public", "dblink", "c", Some("dblink")),
    ("public", "crosstab", "c", Some("tablefunc")),
    ("public", "home_made", "c", None),
    ("public", "pay", "plpgsql", None),
    ("public", "touch", "plpgsql", None),
    ("public", "log_name", "plpgsql", None),
    ("public", "log_row", "plpgsql", None),
    ("public", "plain_count", "plpgsql", None),
    ("public", "calls_plain", "sql", None),
    ("public", "reads_patients", "plpgsql", None),
    ("public", "calls_reader", "plpgsql", None),
    ("public", "dynamic", "plpgsql", None),
    ("public", "sets_path", "plpgsql", None),
    ("public", "row_reader", "plpgsql", None),
    ("public", "plain_max", "internal", None),
    ("public", "leaky_max", "internal", None),
];

fn function_oid(name: &str) -> u32 {
    match name {
        "plain_max" => 900,
        "leaky_max" => 901,
        _ => {
            let at = FUNCTIONS.iter().position(|(_, n, _, _)| *n == name);
            1000 + u32::try_from(at.unwrap()).unwrap()
        }
    }
}

fn functions() -> HashMap<Arc<str>, Vec<Function>> {
    let mut all: HashMap<Arc<str>, Vec<Function>> = HashMap::new();
    for (schema, name, language, extension) in FUNCTIONS {
        all.entry(Arc::from(*name)).or_default().push(Function {
            oid: function_oid(name),
            schema: Arc::from(*schema),
            language: Arc::from(*language),
            extension: extension.map(Arc::from),
            source: source(name),
            aggregate: *language == "internal",
            takes_row: *name == "row_reader",
        });
    }
    all
}

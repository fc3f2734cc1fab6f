//! Which relations of `pg_catalog` and `information_schema` can show a protected column, and their correction.
//!
//! A correction is a query over the relation itself, called `a` in it: some columns are other expressions, some
//! rows are left out. `{cell}` is the domain's OID, `{facts}` the declared types as `f (r, n, t, m)`: relation,
//! column number, type, modifier; `{steps}` the same as arrays to search in (declared.rs); `{hidden}` says of a constraint `k` that it is a column group's CHECK. It must
//! never name a column outside `pg_catalog`'s reach: operators are qualified when a rule is written out.

use crate::world::World;
use crate::world::recorded::SCHEMA;

/// The schema of what the proxy has made, as an OID.
pub(super) const OURS: &str =
    "(SELECT s.oid FROM pg_catalog.pg_namespace s WHERE s.nspname = 'hippocrypt')";

/// How one relation is corrected.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) schema: &'static str,
    pub(super) name: &'static str,
    /// Columns that are shown otherwise, with their expression.
    pub(super) columns: &'static [(&'static str, &'static str)],
    /// What is joined to `a` for them.
    pub(super) joins: &'static str,
    /// The rows that are shown; empty for all.
    pub(super) only: &'static str,
    /// Those that are shown where the database has a record of changes, which is the proxy's; `{ours}` is its schema.
    pub(super) beside_record: &'static str,
}

impl Rule {
    /// Whether the relation is corrected at all.
    pub(super) fn holds(&self, world: &World) -> bool {
        !self.columns.is_empty() || self.leaves_out(world)
    }

    /// Whether some of its rows are not shown.
    pub(super) fn leaves_out(&self, world: &World) -> bool {
        !self.only.is_empty() || (!self.beside_record.is_empty() && has_record(world))
    }
}

/// Whether the database has a record of changes.
pub(super) fn has_record(world: &World) -> bool {
    world.has(SCHEMA, "changes")
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    PG_CATALOG.iter().chain(INFORMATION_SCHEMA)
}

/// The rule of a relation.
pub(super) fn of(schema: &str, name: &str) -> Option<&'static Rule> {
    all().find(|r| r.name == name && r.schema == schema)
}

/// Whether any rule is for a relation of this bare name.
pub(super) fn is_name(name: &str) -> bool {
    all().any(|r| r.name == name)
}

/// Of a constraint `k`: it holds a cell column to its group (DESIGN §7), or a hash to its parts.
pub(super) const HIDDEN: &str = "(k.contype = 'c' AND pg_catalog.starts_with(k.conname::pg_catalog.text, 'hippocrypt_') \
AND pg_catalog.cardinality(k.conkey) > 0 AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute z \
WHERE z.attrelid = k.conrelid AND z.attnum = ANY (k.conkey) AND z.atttypid <> {cell}))";

const fn rows(name: &'static str, only: &'static str) -> Rule {
    Rule {
        schema: "pg_catalog",
        name,
        columns: &[],
        joins: "",
        only,
        beside_record: "",
    }
}

const fn schema_rows(name: &'static str, only: &'static str) -> Rule {
    Rule {
        schema: "information_schema",
        name,
        columns: &[],
        joins: "",
        only,
        beside_record: "",
    }
}

const NOT_A_CELL: &str = "NOT EXISTS (SELECT FROM pg_catalog.pg_class k \
JOIN pg_catalog.pg_namespace s ON s.oid = k.relnamespace JOIN pg_catalog.pg_attribute z ON z.attrelid = k.oid \
WHERE s.nspname = a.schemaname AND k.relname = a.tablename AND z.attname = a.attname AND z.atttypid = {cell})";

/// PostgreSQL 15, chapter 53, System Catalogs.
pub(super) static PG_CATALOG: &[Rule] = &[
    Rule {
        schema: "pg_catalog",
        name: "pg_attribute",
        columns: &[
            (
                "atttypid",
                "CASE WHEN a.atttypid = {cell} THEN f.t ELSE a.atttypid END",
            ),
            (
                "atttypmod",
                "CASE WHEN a.atttypid = {cell} THEN f.m ELSE a.atttypmod END",
            ),
            (
                "attlen",
                "CASE WHEN a.atttypid = {cell} THEN (SELECT t.typlen FROM pg_catalog.pg_type t WHERE t.oid = f.t) ELSE a.attlen END",
            ),
            (
                "attbyval",
                "CASE WHEN a.atttypid = {cell} THEN (SELECT t.typbyval FROM pg_catalog.pg_type t WHERE t.oid = f.t) ELSE a.attbyval END",
            ),
            (
                "attalign",
                "CASE WHEN a.atttypid = {cell} THEN (SELECT t.typalign FROM pg_catalog.pg_type t WHERE t.oid = f.t) ELSE a.attalign END",
            ),
            // SET STORAGE on a type that has a choice was said of the column: it stays.
            (
                "attstorage",
                "CASE WHEN a.atttypid = {cell} THEN (SELECT CASE WHEN t.typlen = '-1' AND a.attstorage <> 'x' THEN a.attstorage ELSE t.typstorage END FROM pg_catalog.pg_type t WHERE t.oid = f.t) ELSE a.attstorage END",
            ),
            (
                "attcollation",
                "CASE WHEN a.atttypid = {cell} THEN (SELECT t.typcollation FROM pg_catalog.pg_type t WHERE t.oid = f.t) ELSE a.attcollation END",
            ),
            (
                "attndims",
                "CASE WHEN a.atttypid = {cell} THEN (SELECT CASE WHEN t.typlen = '-1' AND t.typelem <> '0' THEN '1' ELSE a.attndims END FROM pg_catalog.pg_type t WHERE t.oid = f.t) ELSE a.attndims END",
            ),
        ],
        // An index's column is described by the column it is made of. Nothing is joined that has rows: the server takes
        // such subqueries apart, and what a statement asks of a column is asked where it is for the plain table.
        joins: "CROSS JOIN LATERAL (SELECT {steps}) AS d CROSS JOIN LATERAL (SELECT pg_catalog.width_bucket(COALESCE((SELECT \
pg_catalog.int8pl(pg_catalog.int8mul(x.indrelid::pg_catalog.int8, '65536'), x.indkey[a.attnum - 1]::pg_catalog.int8) \
FROM pg_catalog.pg_index x WHERE x.indexrelid = a.attrelid), \
pg_catalog.int8pl(pg_catalog.int8mul(a.attrelid::pg_catalog.int8, '65536'), a.attnum::pg_catalog.int8)), d.k) AS i) AS p \
CROSS JOIN LATERAL (SELECT d.t[p.i] AS t, d.m[p.i] AS m) AS f",
        only: "",
        beside_record: "",
    },
    Rule {
        schema: "pg_catalog",
        name: "pg_class",
        columns: &[(
            "relchecks",
            "CASE WHEN a.relchecks > '0' THEN (a.relchecks - (SELECT pg_catalog.count(*) FROM pg_catalog.pg_constraint k \
WHERE k.conrelid = a.oid AND {hidden}))::pg_catalog.int2 ELSE a.relchecks END",
        )],
        joins: "",
        only: "",
        beside_record: "a.relnamespace <> {ours}",
    },
    Rule {
        schema: "pg_catalog",
        name: "pg_constraint",
        columns: &[],
        joins: "",
        only: "a.contypid <> {cell} AND NOT (a.contype = 'c' AND EXISTS (SELECT FROM pg_catalog.pg_constraint k \
WHERE k.oid = a.oid AND {hidden}))",
        beside_record: "",
    },
    Rule {
        schema: "pg_catalog",
        name: "pg_index",
        columns: &[
            (
                "indcollation",
                "COALESCE((SELECT pg_catalog.string_agg(COALESCE(t.typcollation, a.indcollation[p.i])::pg_catalog.text, ' ' ORDER BY p.i) \
FROM pg_catalog.generate_series(0, a.indnkeyatts - 1) AS p(i) LEFT JOIN {facts} ON f.r = a.indrelid AND f.n = a.indkey[p.i] \
LEFT JOIN pg_catalog.pg_type t ON t.oid = f.t HAVING pg_catalog.count(f.t) > 0)::pg_catalog.oidvector, a.indcollation)",
            ),
            // The types whose default operator class is another type's: varchar, cidr, arrays.
            (
                "indclass",
                "COALESCE((SELECT pg_catalog.string_agg(COALESCE(o.oid, a.indclass[p.i])::pg_catalog.text, ' ' ORDER BY p.i) \
FROM pg_catalog.generate_series(0, a.indnkeyatts - 1) AS p(i) LEFT JOIN ({facts} JOIN pg_catalog.pg_type t ON t.oid = f.t) \
ON f.r = a.indrelid AND f.n = a.indkey[p.i] LEFT JOIN pg_catalog.pg_opclass o ON o.opcdefault \
AND o.opcmethod = (SELECT y.relam FROM pg_catalog.pg_class y WHERE y.oid = a.indexrelid) \
AND o.opcintype = CASE WHEN t.oid = '1043' THEN '25' WHEN t.oid = '650' THEN '869' WHEN t.typlen = '-1' AND t.typelem <> '0' THEN '2277' \
ELSE t.oid END HAVING pg_catalog.count(f.t) > 0)::pg_catalog.oidvector, a.indclass)",
            ),
        ],
        joins: "",
        only: "",
        beside_record: "",
    },
    Rule {
        beside_record: "a.typnamespace <> {ours}",
        ..rows("pg_type", "a.oid <> {cell} AND a.typelem <> {cell}")
    },
    rows("pg_namespace", "a.nspname <> 'hippocrypt'"),
    rows(
        "pg_depend",
        "NOT (a.classid = '1247' AND a.objid = {cell}) AND NOT (a.refclassid = '1247' AND a.refobjid = {cell}) \
AND NOT (a.classid = '2606' AND EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.oid = a.objid AND {hidden}))",
    ),
    // What was sampled of cells is cells.
    rows("pg_stats", NOT_A_CELL),
    rows(
        "pg_statistic",
        "NOT EXISTS (SELECT FROM pg_catalog.pg_attribute z WHERE z.attrelid = a.starelid AND z.attnum = a.staattnum AND z.atttypid = {cell})",
    ),
    Rule {
        beside_record: "a.pronamespace <> {ours}",
        ..rows("pg_proc", "")
    },
    Rule {
        beside_record: "NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.oid = a.tgfoid AND p.pronamespace = {ours})",
        ..rows("pg_trigger", "")
    },
];

const NO_GROUP_CHECK: &str = "a.constraint_schema <> 'hippocrypt' AND NOT (pg_catalog.starts_with(a.constraint_name::pg_catalog.text, 'hippocrypt_') \
AND EXISTS (SELECT FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_namespace s ON s.oid = k.connamespace \
WHERE s.nspname = a.constraint_schema AND k.conname = a.constraint_name AND {hidden}))";

/// PostgreSQL 15, chapter 37, The Information Schema.
pub(super) static INFORMATION_SCHEMA: &[Rule] = &[
    Rule {
        schema: "information_schema",
        name: "columns",
        columns: &[
            (
                "data_type",
                "(CASE WHEN f.t IS NULL THEN a.data_type WHEN t.typlen = '-1' AND t.typelem <> '0' THEN 'ARRAY' \
ELSE pg_catalog.format_type(f.t, NULL) END)::information_schema.character_data",
            ),
            (
                "character_maximum_length",
                "(CASE WHEN f.t IS NULL THEN a.character_maximum_length \
ELSE information_schema._pg_char_max_length(f.t, f.m) END)::information_schema.cardinal_number",
            ),
            (
                "character_octet_length",
                "(CASE WHEN f.t IS NULL THEN a.character_octet_length \
ELSE information_schema._pg_char_octet_length(f.t, f.m) END)::information_schema.cardinal_number",
            ),
            (
                "numeric_precision",
                "(CASE WHEN f.t IS NULL THEN a.numeric_precision \
ELSE information_schema._pg_numeric_precision(f.t, f.m) END)::information_schema.cardinal_number",
            ),
            (
                "numeric_precision_radix",
                "(CASE WHEN f.t IS NULL THEN a.numeric_precision_radix \
ELSE information_schema._pg_numeric_precision_radix(f.t, f.m) END)::information_schema.cardinal_number",
            ),
            (
                "numeric_scale",
                "(CASE WHEN f.t IS NULL THEN a.numeric_scale \
ELSE information_schema._pg_numeric_scale(f.t, f.m) END)::information_schema.cardinal_number",
            ),
            (
                "datetime_precision",
                "(CASE WHEN f.t IS NULL THEN a.datetime_precision \
ELSE information_schema._pg_datetime_precision(f.t, f.m) END)::information_schema.cardinal_number",
            ),
            (
                "interval_type",
                "(CASE WHEN f.t IS NULL THEN a.interval_type \
ELSE information_schema._pg_interval_type(f.t, f.m) END)::information_schema.character_data",
            ),
            (
                "udt_schema",
                "COALESCE(u.nspname, a.udt_schema)::information_schema.sql_identifier",
            ),
            (
                "udt_name",
                "COALESCE(t.typname, a.udt_name)::information_schema.sql_identifier",
            ),
            (
                "domain_catalog",
                "(CASE WHEN a.domain_schema = 'hippocrypt' THEN NULL ELSE a.domain_catalog END)::information_schema.sql_identifier",
            ),
            (
                "domain_schema",
                "(CASE WHEN a.domain_schema = 'hippocrypt' THEN NULL ELSE a.domain_schema END)::information_schema.sql_identifier",
            ),
            (
                "domain_name",
                "(CASE WHEN a.domain_schema = 'hippocrypt' THEN NULL ELSE a.domain_name END)::information_schema.sql_identifier",
            ),
        ],
        joins: "LEFT JOIN ({facts} JOIN pg_catalog.pg_class k ON k.oid = f.r JOIN pg_catalog.pg_namespace s ON s.oid = k.relnamespace \
JOIN pg_catalog.pg_type t ON t.oid = f.t JOIN pg_catalog.pg_namespace u ON u.oid = t.typnamespace) \
ON a.domain_schema = 'hippocrypt' AND s.nspname = a.table_schema AND k.relname = a.table_name AND f.n = a.ordinal_position",
        only: "",
        beside_record: "",
    },
    Rule {
        schema: "information_schema",
        name: "column_udt_usage",
        columns: &[
            (
                "udt_schema",
                "COALESCE(u.nspname, a.udt_schema)::information_schema.sql_identifier",
            ),
            (
                "udt_name",
                "COALESCE(t.typname, a.udt_name)::information_schema.sql_identifier",
            ),
        ],
        joins: "LEFT JOIN ({facts} JOIN pg_catalog.pg_class k ON k.oid = f.r JOIN pg_catalog.pg_namespace s ON s.oid = k.relnamespace \
JOIN pg_catalog.pg_attribute z ON z.attrelid = f.r AND z.attnum = f.n \
JOIN pg_catalog.pg_type t ON t.oid = f.t JOIN pg_catalog.pg_namespace u ON u.oid = t.typnamespace) \
ON a.udt_name = 'bytea' AND s.nspname = a.table_schema AND k.relname = a.table_name AND z.attname = a.column_name",
        only: "",
        beside_record: "",
    },
    schema_rows("check_constraints", NO_GROUP_CHECK),
    schema_rows("table_constraints", NO_GROUP_CHECK),
    schema_rows("constraint_column_usage", NO_GROUP_CHECK),
    schema_rows("column_domain_usage", "a.domain_schema <> 'hippocrypt'"),
    schema_rows("domain_constraints", "a.domain_schema <> 'hippocrypt'"),
    schema_rows("domain_udt_usage", "a.domain_schema <> 'hippocrypt'"),
    schema_rows("domains", "a.domain_schema <> 'hippocrypt'"),
    schema_rows(
        "data_type_privileges",
        "COALESCE(a.object_schema <> 'hippocrypt', true)",
    ),
    schema_rows(
        "usage_privileges",
        "COALESCE(a.object_schema <> 'hippocrypt', true)",
    ),
    schema_rows(
        "role_usage_grants",
        "COALESCE(a.object_schema <> 'hippocrypt', true)",
    ),
    schema_rows("udt_privileges", "a.udt_schema <> 'hippocrypt'"),
    schema_rows("role_udt_grants", "a.udt_schema <> 'hippocrypt'"),
    schema_rows("schemata", "a.schema_name <> 'hippocrypt'"),
    Rule {
        beside_record: "NOT pg_catalog.starts_with(a.trigger_name::pg_catalog.text, 'hippocrypt_')",
        ..schema_rows("triggers", "")
    },
];

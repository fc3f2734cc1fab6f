//! The database's record of changes, as it is stored: cells, and who wrote them.
//!
//! It must never run anything but SELECTs.

use anyhow::Context as _;
use hippocrypt_policy::{Database, TableRef};
use hippocrypt_report::rows::{Change, Origin};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

/// A clear subject or key is looked for by the server, one in a cell by us. A TRUNCATE is of every row.
const CHANGES: &str = "SELECT change, (extract(epoch FROM at) * 1000000)::int8, transaction, relation, operation, \
       key::text, subject, before::text, after::text, login, COALESCE(token_user, end_user), reason, application, \
       backend_pid \
  FROM hippocrypt.changes \
 WHERE ($1::text[] IS NULL OR relation = ANY ($1)) \
   AND ($2::int8 IS NULL OR at >= to_timestamp($2 / 1000000.0)) AND ($3::int8 IS NULL OR at <= to_timestamp($3 / 1000000.0)) \
   AND ($4::text IS NULL OR login = $4) \
   AND (operation = 'TRUNCATE' \
        OR ($5::text IS NULL OR before -> $5 IS DISTINCT FROM after -> $5) \
       AND ($6::text IS NULL OR subject = $6 OR subject LIKE '\\\\xf5e1%') \
       AND ($7::text IS NULL OR EXISTS (SELECT FROM jsonb_each_text(key) k \
                                         WHERE k.value = $7 OR k.value LIKE '\\\\xf5e1%'))) \
 ORDER BY change";

/// Which relation is which table of the policy: itself, a partition or a child.
const FAMILIES: &str = "WITH RECURSIVE family AS ( \
         SELECT c.oid, t.schema, t.name FROM unnest($1::text[], $2::text[]) t (schema, name) \
           JOIN pg_namespace n ON n.nspname = t.schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name \
         UNION ALL \
         SELECT i.inhrelid, f.schema, f.name FROM pg_inherits i JOIN family f ON i.inhparent = f.oid) \
       SELECT format('%I.%I', n.nspname, c.relname), f.schema, f.name \
         FROM family f JOIN pg_class c ON c.oid = f.oid JOIN pg_namespace n ON n.oid = c.relnamespace";

/// The statement for the log: no constant is in it.
pub fn text() -> String {
    CHANGES.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is asked for.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Of these tables and their children; `None`: of all.
    pub tables: Option<Vec<TableRef>>,
    /// Of this column.
    pub column: Option<String>,
    /// Whose, in clear.
    pub subject: Option<String>,
    /// With this value in the key, in clear.
    pub key: Option<String>,
    /// By this database user.
    pub login: Option<String>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Up to then.
    pub until: Option<Timestamp>,
}

/// A row of it.
#[derive(Debug)]
pub struct Stored {
    number: i64,
    /// When.
    pub at: Timestamp,
    transaction: i64,
    /// As the server quotes it.
    pub relation: String,
    /// The policy's table that it is, or is a partition or child of.
    pub table: Option<TableRef>,
    operation: String,
    /// The primary key.
    pub key: Map<String, Value>,
    /// Whose row.
    pub subject: Option<String>,
    /// Cells before; `None`: there was no row.
    pub before: Option<Map<String, Value>>,
    /// Cells after.
    pub after: Option<Map<String, Value>>,
    /// `session_user`
    pub login: String,
    /// As the session had set it.
    pub end_user: Option<String>,
    reason: Option<String>,
    application: Option<String>,
    /// The server's process.
    pub backend_pid: i32,
}

impl Stored {
    fn of(row: &Row, families: &Family) -> anyhow::Result<Self> {
        let object = |at| -> anyhow::Result<Option<Map<String, Value>>> {
            let text: Option<&str> = row.try_get(at)?;
            Ok(text.map(serde_json::from_str).transpose()?)
        };
        let relation: String = row.try_get(3)?;
        Ok(Self {
            number: row.try_get(0)?,
            at: Timestamp::from_microsecond(row.try_get(1)?)?,
            transaction: row.try_get(2)?,
            table: families.table_of(&relation).cloned(),
            relation,
            operation: row.try_get(4)?,
            key: object(5)?.unwrap_or_default(),
            subject: row.try_get(6)?,
            before: object(7)?,
            after: object(8)?,
            login: row.try_get(9)?,
            end_user: row.try_get(10)?,
            reason: row.try_get(11)?,
            application: row.try_get(12)?,
            backend_pid: row.try_get(13)?,
        })
    }

    /// Whether it stands for every row of its table.
    pub fn is_truncate(&self) -> bool {
        self.operation == "TRUNCATE"
    }

    /// For the report, without what takes keys.
    pub fn change(&self) -> Change {
        Change {
            number: self.number,
            at: self.at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            operation: self.operation.clone(),
            table: self.relation.clone(),
            key: String::new(),
            subject: String::new(),
            columns: Vec::new(),
            login: self.login.clone(),
            end_user: self.end_user.clone(),
            reason: self.reason.clone(),
            application: self.application.clone(),
            backend_pid: self.backend_pid,
            transaction: self.transaction,
            origin: Origin::Around,
        }
    }
}

/// Relations, and the table of the policy that each is, or is a partition or child of.
#[derive(Debug, Default)]
pub struct Family(BTreeMap<String, TableRef>);

impl Family {
    /// As the catalog has it now.
    pub async fn read(client: &Client, database: &Database) -> anyhow::Result<Self> {
        let tables = || database.tables.keys();
        let schemas: Vec<&str> = tables().map(|t| &*t.schema).collect();
        let names: Vec<&str> = tables().map(|t| &*t.table).collect();
        // one that is gone has its changes still
        let mut found: BTreeMap<String, TableRef> =
            tables().map(|t| (t.to_string(), t.clone())).collect();
        for row in client.query(FAMILIES, &[&schemas, &names]).await? {
            let (relation, schema, table): (String, &str, &str) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let table = TableRef {
                schema: schema.into(),
                table: table.into(),
            };
            found.insert(relation, table);
        }
        Ok(Self(found))
    }

    /// The policy's table.
    pub fn table_of(&self, relation: &str) -> Option<&TableRef> {
        self.0.get(relation)
    }
}

/// The changes that are asked for, in order.
pub async fn read(
    client: &Client,
    families: &Family,
    wanted: &Wanted,
) -> anyhow::Result<Vec<Stored>> {
    let relations: Option<Vec<&String>> = wanted.tables.as_ref().map(|tables| {
        let of = families
            .0
            .iter()
            .filter(|(_, table)| tables.contains(table));
        of.map(|(relation, _)| relation).collect()
    });
    let micros = |t: Option<Timestamp>| t.map(Timestamp::as_microsecond);
    let (since, until) = (micros(wanted.since), micros(wanted.until));
    let (column, subject, key) = (&wanted.column, &wanted.subject, &wanted.key);
    let found = client
        .query(
            CHANGES,
            &[
                &relations,
                &since,
                &until,
                &wanted.login,
                column,
                subject,
                key,
            ],
        )
        .await;
    let found = match found {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
            let why = "the database has no record of changes: no table of the policy has said `changes: true` yet";
            return Err(error).context(why);
        }
        found => found?,
    };
    found.iter().map(|row| Stored::of(row, families)).collect()
}

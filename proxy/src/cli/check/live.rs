//! The server's side of `check`: a connection per policy database, the catalog, and what the catalog leaves out.
//!
//! It must never run anything but SELECTs over system catalogs.

use super::finding::{Finding, Severity};
use super::schema::{Constraint, Dependent, Index, Live, compare, policy_file};
use crate::auth::Door;
use crate::catalog::ServiceConnection;
use crate::config::Config;
use crate::tls::{Acceptor, Connector};
use hippocrypt_keys::{DatabaseKeys, Keyring};
use hippocrypt_policy::Database;
use hippocrypt_sql::catalog::Catalog;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::Client;

const TYPES: &str = "\
SELECT a.attrelid, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_attribute a WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped";

/// Every column that an index needs: its keys, and what its expressions and predicate use.
const INDEXES: &str = "\
SELECT x.indrelid, i.relname::text, x.indisunique, x.indkey::int2[],
       ARRAY(SELECT d.refobjsubid::int2 FROM pg_catalog.pg_depend d
             WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = x.indexrelid
               AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = x.indrelid
               AND d.refobjsubid > 0)
FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = ANY($1)
ORDER BY i.relname";

const CONSTRAINTS: &str = "\
SELECT conrelid, conname::text, contype = 'f', coalesce(conkey, '{}'), confrelid, coalesce(confkey, '{}'),
       pg_catalog.pg_get_constraintdef(oid)
FROM pg_catalog.pg_constraint
WHERE contype IN ('c', 'f') AND conparentid = 0 AND (conrelid = ANY($1) OR confrelid = ANY($1)) ORDER BY conname";

/// Views, rules, row security policies and column triggers that use a column.
const DEPENDENTS: &str = "\
SELECT DISTINCT d.refobjid, d.refobjsubid::int2, pg_catalog.pg_describe_object(d.classid, d.objid, 0)
FROM pg_catalog.pg_depend d
WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = ANY($1) AND d.refobjsubid > 0
  AND d.classid IN ('pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_policy'::pg_catalog.regclass,
                    'pg_catalog.pg_trigger'::pg_catalog.regclass)
ORDER BY 3";

/// Encoding, and whether the role may make the cell type.
const DATABASE: &str = "\
SELECT pg_catalog.pg_encoding_to_char(encoding)::text, pg_catalog.has_database_privilege(oid, 'CREATE')
FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";

/// Every policy database, one after the other.
pub async fn databases(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let file = config.file.display().to_string();
    let connector = match Connector::new(&config.upstream) {
        Ok(connector) => connector,
        Err(error) => return vec![Finding::of_file(Severity::Error, &file, error.to_string())],
    };
    findings.extend(logins(config, &connector).await);
    // Where it does not open, that is a finding already.
    let keyring = Keyring::load(&config.keys.keyring, &config.keys.provider).ok();
    for database in config.policy.databases.values() {
        let keys = keyring.as_ref().and_then(|k| k.database(&database.name));
        match one(config, &connector, database, keys).await {
            Ok(found) => findings.extend(found),
            Err(error) => {
                let text = format!("database {}: {error:#}; it was not checked", database.name);
                findings.push(Finding::of_file(Severity::Error, &file, text));
            }
        }
    }
    findings
}

/// Whether clients could log in: their TLS, the verifiers, the proxy's own certificate at the server.
async fn logins(config: &Config, connector: &Connector) -> Vec<Finding> {
    let tls = Acceptor::new(&config.listen.tls).err();
    let door = Door::open(config, connector).await.err();
    let texts = tls.map(|e| e.to_string()).into_iter();
    let texts = texts.chain(door.map(|e| e.to_string()));
    let file = config.file.display().to_string();
    texts
        .map(|text| Finding::of_file(Severity::Error, &file, text))
        .collect()
}

async fn one(
    config: &Config,
    connector: &Connector,
    database: &Database,
    keys: Option<&DatabaseKeys>,
) -> anyhow::Result<Vec<Finding>> {
    let stream = connector.connect().await?;
    let service = ServiceConnection::open(stream, &config.upstream.service, &database.name).await?;
    let catalog = service.load(0).await?;
    let mut live = read(service.client(), database, &catalog).await?;
    live.group_ids = group_ids(database, keys);
    Ok(compare(&policy_file(config), database, &catalog, &live))
}

fn group_ids(database: &Database, keys: Option<&DatabaseKeys>) -> HashMap<Arc<str>, String> {
    let groups = database.groups.iter();
    groups
        .filter_map(|group| {
            let id = keys?.group_id(&group.name)?;
            Some((Arc::clone(&group.name), format!("{:08x}", id.0)))
        })
        .collect()
}

async fn read(
    client: &Client,
    database: &Database,
    catalog: &Catalog,
) -> Result<Live, tokio_postgres::Error> {
    let names = database.tables.keys();
    let relations: Vec<u32> = names
        .filter_map(|t| catalog.relations.get(&(t.schema.clone(), t.table.clone())))
        .map(|relation| relation.oid)
        .collect();
    let mut live = Live::default();
    for row in client.query(TYPES, &[&relations]).await? {
        live.types
            .insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
    }
    for row in client.query(INDEXES, &[&relations]).await? {
        live.indexes.push(Index {
            relation: row.try_get(0)?,
            name: row.try_get(1)?,
            unique: row.try_get(2)?,
            keys: row.try_get(3)?,
            uses: row.try_get(4)?,
        });
    }
    for row in client.query(CONSTRAINTS, &[&relations]).await? {
        live.constraints.push(Constraint {
            relation: row.try_get(0)?,
            name: row.try_get(1)?,
            foreign: row.try_get(2)?,
            columns: row.try_get(3)?,
            target: row.try_get(4)?,
            target_columns: row.try_get(5)?,
            definition: row.try_get(6)?,
        });
    }
    for row in client.query(DEPENDENTS, &[&relations]).await? {
        live.dependents.push(Dependent {
            relation: row.try_get(0)?,
            column: row.try_get(1)?,
            description: row.try_get(2)?,
        });
    }
    let row = client.query_one(DATABASE, &[]).await?;
    live.encoding = row.try_get(0)?;
    live.may_create = row.try_get(1)?;
    Ok(live)
}

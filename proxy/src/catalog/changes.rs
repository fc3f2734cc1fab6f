//! The record of changes: a table `hippocrypt.changes`, and the triggers that write to it (docs/decisions/changes.md).
//!
//! The table holds cells and what says whose row it was, and is written by the trigger alone. It must never hold a
//! protected value in clear, and what is not there yet is said, never passed over: `sql` refuses writes until it is.

use super::service::{abandon, words};
use hippocrypt_policy::{Quoted, TableRef};
use hippocrypt_sql::world::World;
use std::collections::BTreeSet;
use tokio_postgres::Client;

/// Made once, and again where a later version of the proxy says it otherwise. `search_path` and `bytea_output` are the
/// functions' own: neither a session's operators nor its settings change what is recorded.
const OBJECTS: &str = r"
CREATE TABLE IF NOT EXISTS hippocrypt.changes (
  change bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  transaction bigint NOT NULL DEFAULT txid_current(),
  relation text NOT NULL,
  operation text NOT NULL,
  key jsonb,
  subject text,
  before jsonb,
  after jsonb,
  login text NOT NULL DEFAULT session_user,
  end_user text DEFAULT NULLIF(current_setting('hippocrypt.user', true), ''),
  reason text DEFAULT NULLIF(current_setting('hippocrypt.reason', true), ''),
  token_user text DEFAULT NULLIF(substr(current_setting('hippocrypt.token', true), 66), ''),
  application text DEFAULT current_setting('application_name', true),
  backend_pid integer NOT NULL DEFAULT pg_backend_pid());
REVOKE ALL ON hippocrypt.changes FROM PUBLIC;
COMMENT ON TABLE hippocrypt.changes IS 'previous and new cells of rows; written by triggers of hippocrypt, by nothing else';
CREATE OR REPLACE FUNCTION hippocrypt.record_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET bytea_output = hex AS $body$
DECLARE
  old_row jsonb;
  new_row jsonb;
  old_cells jsonb;
  new_cells jsonb;
  cells text[];
  keys text[];
BEGIN
  SELECT array_agg(a.attname) INTO cells FROM pg_attribute a
    WHERE a.attrelid = TG_RELID AND a.atttypid = 'hippocrypt.cell'::regtype AND NOT a.attisdropped;
  SELECT array_agg(a.attname) INTO keys FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = TG_RELID AND i.indisprimary;
  IF TG_OP <> 'INSERT' THEN
    old_row := to_jsonb(OLD);
    SELECT jsonb_object_agg(c, old_row -> c) INTO old_cells FROM unnest(cells) c;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    new_row := to_jsonb(NEW);
    SELECT jsonb_object_agg(c, new_row -> c) INTO new_cells FROM unnest(cells) c;
  END IF;
  IF TG_OP = 'UPDATE' AND old_cells IS NOT DISTINCT FROM new_cells
    AND old_row -> TG_ARGV[0] IS NOT DISTINCT FROM new_row -> TG_ARGV[0] THEN
    RETURN NULL;
  END IF;
  INSERT INTO hippocrypt.changes (relation, operation, key, subject, before, after)
  VALUES (format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME), TG_OP,
    (SELECT jsonb_object_agg(c, COALESCE(old_row, new_row) -> c) FROM unnest(keys) c),
    COALESCE(old_row, new_row) ->> TG_ARGV[0], old_cells, new_cells);
  RETURN NULL;
END
$body$;
CREATE OR REPLACE FUNCTION hippocrypt.record_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  INSERT INTO hippocrypt.changes (relation, operation)
  VALUES (format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME), TG_OP);
  RETURN NULL;
END
$body$;
REVOKE ALL ON FUNCTION hippocrypt.record_change(), hippocrypt.record_truncate() FROM PUBLIC;
";

/// Makes what is missing for the tables of this world whose changes are to be recorded. Where it cannot be made, the
/// reason by table.
pub(super) async fn install(client: &Client, world: &World) -> BTreeSet<(TableRef, String)> {
    let missing: Vec<_> = world.unrecorded().collect();
    let mut failed = BTreeSet::new();
    if missing.is_empty() {
        return failed;
    }
    let objects = format!("BEGIN; {OBJECTS} COMMIT");
    if let Err(error) = client.batch_execute(&objects).await {
        abandon(client).await;
        let why = words(&error);
        failed.extend(
            missing
                .into_iter()
                .map(|(name, _)| (name.clone(), why.clone())),
        );
        return failed;
    }
    for (name, by) in missing {
        if let Err(error) = client
            .batch_execute(&triggers(name, subject(world, by)))
            .await
        {
            abandon(client).await;
            failed.insert((name.clone(), words(&error)));
        }
    }
    failed
}

/// Has the triggers that are there name the subject that the policy names now.
pub(super) async fn follow_subjects(
    client: &Client,
    world: &World,
) -> Result<(), tokio_postgres::Error> {
    const NAMED: &str = "SELECT n.nspname, c.relname, t.tgargs FROM pg_trigger t \
        JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace f ON f.oid = p.pronamespace \
        JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE f.nspname = 'hippocrypt' AND p.proname = 'record_change' AND NOT c.relispartition";
    for row in client.query(NAMED, &[]).await? {
        let (schema, table): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        let named: &[u8] = row.try_get(2)?;
        let is_it =
            |(name, _): &(&TableRef, &TableRef)| *name.schema == *schema && *name.table == *table;
        let Some((name, by)) = world.wanted().find(is_it) else {
            continue;
        };
        let subject = subject(world, by);
        // each argument ends with a zero byte
        if named.strip_suffix(&[0]) != Some(subject.as_bytes()) {
            client.batch_execute(&triggers(name, subject)).await?;
        }
    }
    Ok(())
}

fn subject<'w>(world: &'w World, table: &TableRef) -> &'w str {
    let table = world.policy().tables.get(table);
    let subject = table.and_then(|t| t.subject.as_ref());
    subject.map_or("", |subject| &subject.column)
}

/// Both triggers of a table. `OR REPLACE` also enables one that was disabled.
fn triggers(table: &TableRef, subject: &str) -> String {
    let name = format!("{}.{}", Quoted(&table.schema), Quoted(&table.table));
    let subject = subject.replace('\'', "''");
    format!(
        "BEGIN; \
         CREATE OR REPLACE TRIGGER hippocrypt_changes AFTER INSERT OR UPDATE OR DELETE ON {name} \
           FOR EACH ROW EXECUTE FUNCTION hippocrypt.record_change('{subject}'); \
         CREATE OR REPLACE TRIGGER hippocrypt_truncates AFTER TRUNCATE ON {name} \
           FOR EACH STATEMENT EXECUTE FUNCTION hippocrypt.record_truncate(); \
         COMMIT"
    )
}

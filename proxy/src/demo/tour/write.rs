//! Writing the clinic through the proxy, as an ordinary client does: both protocols, text and binary.
//!
//! It must never write past the proxy: what is at rest afterwards is the proof.

use crate::demo::house::{House, TABLES};
use crate::demo::patients::{Claim, Clinic, Day};
use anyhow::Context as _;
use bytes::{BufMut as _, BytesMut};
use tokio_postgres::Client;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// `application_name` of the sessions that write.
pub const APPLICATION: &str = "writer";
/// Claims in one INSERT.
const CLAIMS_A_STATEMENT: usize = 50;

type BoxError = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Day {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        out.put_i32(self.0);
        Ok(IsNull::No)
    }
    accepts!(DATE);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Day {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(Self(i32::from_be_bytes(raw.try_into()?)))
    }
    accepts!(DATE);
}

/// Creates the tables and fills them; how many statements that took.
pub async fn through(house: &House, clinic: &Clinic) -> anyhow::Result<usize> {
    let mut client = house.client("app", APPLICATION).await?;
    for sql in TABLES {
        client
            .batch_execute(sql)
            .await
            .with_context(|| sql.to_owned())?;
    }
    let rows = patients_and_encounters(&mut client, clinic).await?;
    let inserts = claims(&client, &clinic.claims).await?;
    Ok(TABLES.len() + rows + inserts + 2) // BEGIN, COMMIT
}

async fn patients_and_encounters(client: &mut Client, clinic: &Clinic) -> anyhow::Result<usize> {
    let transaction = client.transaction().await?;
    let sql = "INSERT INTO patients (id, name, ssn, dob, notes) VALUES ($1, $2, $3, $4, $5)";
    let insert = transaction.prepare(sql).await.context(sql)?;
    for p in &clinic.patients {
        let values: [&(dyn ToSql + Sync); 5] = [&p.id, &p.name, &p.ssn, &p.dob, &p.notes];
        transaction.execute(&insert, &values).await.context(sql)?;
    }
    let sql = "INSERT INTO encounters (id, patient_id, started, diagnosis) VALUES ($1, $2, $3, $4)";
    let insert = transaction.prepare(sql).await.context(sql)?;
    for e in &clinic.encounters {
        let values: [&(dyn ToSql + Sync); 4] = [&e.id, &e.patient_id, &e.started, &e.diagnosis];
        transaction.execute(&insert, &values).await.context(sql)?;
    }
    transaction.commit().await?;
    Ok(clinic.patients.len() + clinic.encounters.len())
}

/// Inlined, many rows at a time: as drivers do that know the simple protocol only.
async fn claims(client: &Client, claims: &[Claim]) -> anyhow::Result<usize> {
    let mut statements = 0;
    for chunk in claims.chunks(CLAIMS_A_STATEMENT) {
        let rows: Vec<String> = chunk.iter().map(claim_row).collect();
        let sql = format!(
            "INSERT INTO claims (id, patient_ssn, amount) VALUES {}",
            rows.join(", ")
        );
        client
            .batch_execute(&sql)
            .await
            .context("INSERT INTO claims …")?;
        statements += 1;
    }
    Ok(statements)
}

fn claim_row(claim: &Claim) -> String {
    let ssn = claim
        .patient_ssn
        .as_ref()
        .map_or("NULL".to_owned(), |s| format!("'{s}'"));
    format!(
        "({}, {ssn}, {}.{:02})",
        claim.id,
        claim.cents / 100,
        claim.cents % 100
    )
}

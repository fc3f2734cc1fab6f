//! The tour: the same patients as the app, billing, a stranger, a thief and the auditor see them.
//!
//! A claim is printed with ✓ only after it was checked against what was written; nothing is shown that was
//! not just asked for.

mod checks;
mod write;

use super::house::House;
use super::page::{Page, Table, Tone};
use super::patients::Clinic;
use anyhow::Context as _;
use std::io::Write;
use std::time::Instant;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Seed of the patients: the same ones every time.
const SEED: u64 = 42;
/// `application_name` of the sessions whose statements the audit trail shows.
pub const APPLICATION: &str = "tour";

/// The statement that everybody sends.
const PATIENTS: &str = "SELECT id, name, ssn, dob FROM patients WHERE id <= 6 ORDER BY id";
/// What no cell can answer.
const IMPOSSIBLE: &str = "SELECT id FROM patients WHERE name LIKE 'Ma%'";
/// What is really in the database: of each cell its magic and suite, and eight bytes of its ciphertext.
const AT_REST: &str = "SELECT id, encode(substr(name, 1, 3), 'hex') || '…' || encode(substr(name, 43, 8), 'hex'), \
     encode(substr(ssn, 1, 3), 'hex') || '…' || encode(substr(ssn, 43, 8), 'hex'), \
     encode(substr(dob, 1, 3), 'hex') || '…' || encode(substr(dob, 43, 8), 'hex') \
     FROM patients WHERE id <= 6 ORDER BY id";

/// Rows of a statement as text, or the error.
pub type Answer = Result<Vec<Vec<Option<String>>>, Box<DbError>>;

/// What everybody saw.
#[derive(Debug)]
pub struct Seen {
    /// The app: [`PATIENTS`].
    pub app: Answer,
    /// Billing: [`PATIENTS`].
    pub billing: Answer,
    /// A user without rights: [`PATIENTS`].
    pub guest: Answer,
    /// The app, looking a patient up by SSN, with the claims joined by SSN.
    pub looked_up: Answer,
    /// The app: [`IMPOSSIBLE`].
    pub impossible: Answer,
    /// The thief.
    pub thief: Answer,
    /// The statements sent through the proxy, in order: who, what.
    pub sent: Vec<(&'static str, String)>,
}

/// Writes, shows and checks. Whether all claims hold.
pub async fn give<W: Write>(
    house: &House,
    patients: i32,
    page: &mut Page<W>,
) -> anyhow::Result<bool> {
    let clinic = Clinic::generate(SEED, patients);
    let began = Instant::now();
    let written = write::through(house, &clinic).await?;
    page.heading("Written through the proxy by an ordinary client")?;
    page.say(
        &format!(
            "{} patients, {} encounters and {} claims in {:.1} s: CREATE TABLE, bound parameters in binary, and \
             many-row INSERTs with inlined values. The client is tokio-postgres, as it comes.",
            clinic.patients.len(),
            clinic.encounters.len(),
            clinic.claims.len(),
            began.elapsed().as_secs_f64()
        ),
        Tone::Plain,
    )?;
    let seen = look(house, &clinic).await?;
    show(&seen, page)?;
    let trail = checks::trail(house)?;
    page.heading("The audit trail of exactly these statements")?;
    page.table(&checks::trail_table(&trail))?;
    page.heading("Checked")?;
    let claims = checks::all(house, &clinic, written, &seen, &trail).await?;
    for (holds, claim) in &claims {
        page.claim(*holds, claim)?;
    }
    Ok(claims.iter().all(|(holds, _)| *holds))
}

async fn look(house: &House, clinic: &Clinic) -> anyhow::Result<Seen> {
    let ssn = clinic
        .patients
        .iter()
        .find_map(|p| p.ssn.as_deref().filter(|s| claimed(clinic, s)));
    let look_up = format!(
        "SELECT p.id, p.name, c.amount FROM patients p JOIN claims c ON c.patient_ssn = p.ssn WHERE p.ssn = '{}' ORDER BY c.id",
        ssn.context("no patient has claims")?
    );
    let app = house.client("app", APPLICATION).await?;
    let billing = house.client("billing", APPLICATION).await?;
    let guest = house.client("guest", APPLICATION).await?;
    Ok(Seen {
        app: ask(&app, PATIENTS).await?,
        billing: ask(&billing, PATIENTS).await?,
        guest: ask(&guest, PATIENTS).await?,
        looked_up: ask(&app, &look_up).await?,
        impossible: ask(&app, IMPOSSIBLE).await?,
        thief: ask(&house.thief().await?, AT_REST).await?,
        sent: vec![
            ("app", PATIENTS.to_owned()),
            ("billing", PATIENTS.to_owned()),
            ("guest", PATIENTS.to_owned()),
            ("app", look_up),
            ("app", IMPOSSIBLE.to_owned()),
        ],
    })
}

fn claimed(clinic: &Clinic, ssn: &str) -> bool {
    clinic
        .claims
        .iter()
        .any(|c| c.patient_ssn.as_deref() == Some(ssn))
}

/// Sends a simple query. An error of the database is an answer too; a lost connection is not.
pub async fn ask(client: &Client, sql: &str) -> anyhow::Result<Answer> {
    let messages = match client.simple_query(sql).await {
        Ok(messages) => messages,
        Err(e) => match e.as_db_error() {
            Some(db) => return Ok(Err(Box::new(db.clone()))),
            None => return Err(e).with_context(|| sql.to_owned()),
        },
    };
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|i| row.get(i).map(str::to_owned))
                .collect(),
        ),
        _ => None,
    });
    Ok(Ok(rows.collect()))
}

fn show<W: Write>(seen: &Seen, page: &mut Page<W>) -> anyhow::Result<()> {
    page.heading("One SELECT, four pairs of eyes")?;
    page.say(PATIENTS, Tone::Strong)?;
    let app = table("app: clear", &seen.app, |_| Tone::Plain);
    let billing = table("billing: masked", &seen.billing, |column| match column {
        2 | 3 => Tone::Hidden,
        _ => Tone::Plain,
    });
    page.pair(&app, &billing)?;
    page.say("guest: refused", Tone::Strong)?;
    refusal(&seen.guest, page)?;
    let thief = table(
        "a thief, straight at the database: cells",
        &seen.thief,
        |column| match column {
            0 => Tone::Plain,
            _ => Tone::Bad,
        },
    );
    page.table(&thief)?;
    page.heading("What the database still does, and what it cannot")?;
    page.say(seen.sent.get(3).map_or("", |(_, sql)| sql), Tone::Strong)?;
    let looked_up = Table::with("id name amount", "app: found and joined by equal cells");
    page.table(&filled(looked_up, &seen.looked_up, |_| Tone::Plain))?;
    page.say(IMPOSSIBLE, Tone::Strong)?;
    refusal(&seen.impossible, page)
}

fn table(title: &str, answer: &Answer, tone: impl Fn(usize) -> Tone) -> Table {
    filled(Table::with("id name ssn dob", title), answer, tone)
}

fn filled(mut table: Table, answer: &Answer, tone: impl Fn(usize) -> Tone) -> Table {
    for row in answer.iter().flatten() {
        let cells = row.iter().enumerate().map(|(column, value)| match value {
            Some(text) => (text.clone(), tone(column)),
            None => ("∅".to_owned(), Tone::Faint),
        });
        table.push(cells.collect());
    }
    table
}

/// An error as psql would show it.
fn refusal<W: Write>(answer: &Answer, page: &mut Page<W>) -> anyhow::Result<()> {
    let Err(error) = answer else {
        return Ok(page.say("(it was answered)", Tone::Bad)?);
    };
    page.say(
        &format!("ERROR:  {}: {}", error.code().code(), error.message()),
        Tone::Bad,
    )?;
    for (name, text) in [("DETAIL", error.detail()), ("HINT", error.hint())] {
        if let Some(text) = text {
            page.say(&format!("{name}:  {text}"), Tone::Faint)?;
        }
    }
    Ok(())
}

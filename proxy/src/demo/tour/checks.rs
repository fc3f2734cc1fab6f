//! What the tour claims, checked: against what was generated, what is at rest, and what is on record.
//!
//! A check must never take another's word: each asks anew.

use super::{Answer, Seen, write};
use crate::demo::house::House;
use crate::demo::page::{Table, Tone};
use crate::demo::patients::{Clinic, Day, Patient};
use hippocrypt_audit::query::{self, Ending, Entry, Filter};
use hippocrypt_audit::verify::verify;

/// Protected columns by table.
const PROTECTED: [(&str, &str); 6] = [
    ("patients", "name"),
    ("patients", "ssn"),
    ("patients", "dob"),
    ("patients", "notes"),
    ("encounters", "diagnosis"),
    ("claims", "patient_ssn"),
];

/// A claim, and whether it holds.
type Claim = (bool, String);

/// Every claim of the tour.
pub async fn all(
    house: &House,
    clinic: &Clinic,
    written: usize,
    seen: &Seen,
    trail: &[Entry],
) -> anyhow::Result<Vec<Claim>> {
    let mut claims = vec![
        app_sees_what_was_written(house, clinic).await?,
        billing_sees_masks(seen),
        guest_is_refused(seen),
        the_database_finds_equal_cells(clinic, seen),
        (
            code(&seen.impossible) == Some("0A000"),
            "LIKE on a random column is refused, not answered wrongly: 0A000".to_owned(),
        ),
    ];
    claims.extend(only_cells_at_rest(house, clinic).await?);
    claims.push(every_statement_is_on_record(house, written, seen, trail)?);
    claims.push(the_log_verifies(house));
    Ok(claims)
}

async fn app_sees_what_was_written(house: &House, clinic: &Clinic) -> anyhow::Result<Claim> {
    let client = house.client("app", "checker").await?;
    let sql = "SELECT id, name, ssn, dob, notes FROM patients ORDER BY id";
    let rows = client.query(sql, &[]).await?;
    let patients: Vec<Patient> = rows
        .iter()
        .map(|row| {
            Ok(Patient {
                id: row.try_get(0)?,
                name: row.try_get(1)?,
                ssn: row.try_get(2)?,
                dob: row.try_get::<_, Option<Day>>(3)?,
                notes: row.try_get(4)?,
            })
        })
        .collect::<Result<_, tokio_postgres::Error>>()?;
    let sql = "SELECT diagnosis FROM encounters ORDER BY id";
    let rows = client.query(sql, &[]).await?;
    let diagnoses = rows
        .iter()
        .map(|r| r.try_get::<_, String>(0))
        .collect::<Result<Vec<_>, _>>()?;
    let equal = patients == clinic.patients
        && diagnoses
            .iter()
            .eq(clinic.encounters.iter().map(|e| &e.diagnosis));
    let claim = format!(
        "the app reads back all {} patients and {} diagnoses, value for value, type for type, in binary",
        patients.len(),
        diagnoses.len()
    );
    Ok((equal, claim))
}

fn billing_sees_masks(seen: &Seen) -> Claim {
    let masked = |(clear, masked): (&Vec<Option<String>>, &Vec<Option<String>>)| {
        let [id, name, ssn, dob] = clear.as_slice() else {
            return false;
        };
        let ssn = ssn
            .as_ref()
            .map(|s| format!("*******{}", s.get(7..).unwrap_or_default()));
        let dob = dob
            .as_ref()
            .map(|d| format!("{}-01-01", d.get(..4).unwrap_or_default()));
        *masked == [id.clone(), name.clone(), ssn, dob]
    };
    let holds = match (&seen.app, &seen.billing) {
        (Ok(app), Ok(billing)) => {
            app.len() == 6 && billing.len() == 6 && app.iter().zip(billing).all(masked)
        }
        _ => false,
    };
    (
        holds,
        "billing sees names, the last 4 digits of SSNs and years of birth, in the same types"
            .to_owned(),
    )
}

fn guest_is_refused(seen: &Seen) -> Claim {
    let named = seen
        .guest
        .as_ref()
        .err()
        .is_some_and(|e| e.message().contains("patients"));
    (
        code(&seen.guest) == Some("42501") && named,
        "guest is refused with 42501, and told which column it was".to_owned(),
    )
}

fn the_database_finds_equal_cells(clinic: &Clinic, seen: &Seen) -> Claim {
    let found = seen.looked_up.as_ref().ok().filter(|rows| !rows.is_empty());
    let holds = found.is_some_and(|rows| {
        rows.iter().all(|row| {
            let [Some(id), Some(name), Some(_)] = row.as_slice() else {
                return false;
            };
            clinic
                .patients
                .iter()
                .any(|p| p.id.to_string() == *id && p.name == *name)
        })
    });
    (
        holds,
        "a look-up and a join by SSN run inside PostgreSQL, on cells".to_owned(),
    )
}

async fn only_cells_at_rest(house: &House, clinic: &Clinic) -> anyhow::Result<Vec<Claim>> {
    let thief = house.thief().await?;
    let (mut cells, mut others, mut text) = (0, 0, String::new());
    for (table, column) in PROTECTED {
        let sql = format!(
            "SELECT count({column}), count({column}) FILTER (WHERE substr({column}, 1, 2) <> '\\xf5e1') FROM {table}"
        );
        let row = thief.query_one(&sql, &[]).await?;
        cells += row.try_get::<_, i64>(0)?;
        others += row.try_get::<_, i64>(1)?;
    }
    for table in ["patients", "encounters", "claims"] {
        let rows = thief
            .query(&format!("SELECT t::text FROM {table} t"), &[])
            .await?;
        for row in rows {
            text.push_str(row.try_get(0)?);
        }
    }
    let hex = |s: &str| s.bytes().map(|b| format!("{b:02x}")).collect::<String>();
    let leaked = clinic
        .canaries()
        .filter(|c| text.contains(c) || text.contains(&hex(c)))
        .count();
    Ok(vec![
        (
            cells > 0 && others == 0,
            format!("all {cells} protected values at rest are cells"),
        ),
        (
            leaked == 0,
            format!(
                "none of {} canaries is anywhere in the tables",
                clinic.canaries().count()
            ),
        ),
    ])
}

/// Records of the tour's statements, in order.
pub fn trail(house: &House) -> anyhow::Result<Vec<Entry>> {
    Ok(recorded(house, super::APPLICATION)?)
}

fn recorded(house: &House, application: &str) -> std::io::Result<Vec<Entry>> {
    let filter = Filter {
        kind: Some("statement".to_owned()),
        ..Filter::default()
    };
    let (mut entries, _) = query::last(&house.audit(), &filter, usize::MAX)?;
    entries.retain(|e| e.view.app.as_deref() == Some(application));
    Ok(entries)
}

/// One line a statement.
pub fn trail_table(trail: &[Entry]) -> Table {
    let mut table = Table::with("time user ended protected statement", "who saw what");
    for Entry { view, ending, .. } in trail {
        let (ended, tone) = match ending {
            Ending::Known(o) if o.sqlstate.is_none() => (format!("{} rows", o.rows), Tone::Good),
            Ending::Known(o) => (o.sqlstate.clone().unwrap_or_default(), Tone::Bad),
            _ => (
                view.sqlstate.clone().unwrap_or_else(|| "?".to_owned()),
                Tone::Bad,
            ),
        };
        let shown = view.columns.iter().map(|c| {
            let name = c.column.rsplit('.').next().unwrap_or_default();
            let how = if c.shown == "not" { &c.usage } else { &c.shown };
            format!("{name} {how}")
        });
        table.push(vec![
            (
                view.ts.get(11..19).unwrap_or_default().to_owned(),
                Tone::Faint,
            ),
            (view.user.clone().unwrap_or_default(), Tone::Plain),
            (ended, tone),
            (shown.collect::<Vec<_>>().join(", "), Tone::Plain),
            (view.sql.clone().unwrap_or_default(), Tone::Faint),
        ]);
    }
    table
}

fn every_statement_is_on_record(
    house: &House,
    written: usize,
    seen: &Seen,
    trail: &[Entry],
) -> anyhow::Result<Claim> {
    let who = |e: &Entry| e.view.user.clone().unwrap_or_default();
    let refused = |e: &Entry| e.view.decision.as_deref() == Some("refused");
    let in_order = trail
        .iter()
        .map(who)
        .eq(seen.sent.iter().map(|(user, _)| (*user).to_owned()));
    let decided: Vec<bool> = trail.iter().map(refused).collect();
    let writes = recorded(house, write::APPLICATION)?.len();
    let claim = format!(
        "each of the {} statements shown and of the {written} that wrote has its record, with who, what and how it was shown",
        seen.sent.len()
    );
    Ok((
        in_order && decided == [false, false, true, false, true] && writes == written,
        claim,
    ))
}

fn the_log_verifies(house: &House) -> Claim {
    match verify(&house.audit()) {
        Ok(log) => (
            true,
            format!(
                "the log's chain of {} records is whole; its head is {}…",
                log.records,
                log.head.get(..16).unwrap_or_default()
            ),
        ),
        Err(findings) => {
            let first = findings
                .first()
                .map_or_else(String::new, |f| f.what.to_string());
            (false, format!("the log is not whole: {first}"))
        }
    }
}

fn code(answer: &Answer) -> Option<&str> {
    answer.as_ref().err().map(|e| e.code().code())
}

//! Patients who never lived: seeded, so that every demo shows the same ones.
//!
//! Names are skewed as real ones are (a few are everybody's, most are rare), some need Unicode, some values
//! are NULL or empty, some notes are long. No value may belong to a person: SSNs begin with 9, which the
//! Social Security Administration never issues.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A row of `patients`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// Primary key, from 1.
    pub id: i32,
    /// Given name and surname.
    pub name: String,
    /// `9xx-xx-xxxx`; unique.
    pub ssn: Option<String>,
    /// Date of birth.
    pub dob: Option<Day>,
    /// What the physician wrote.
    pub notes: Option<String>,
}

/// A row of `encounters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encounter {
    /// Primary key, from 1.
    pub id: i32,
    /// Whose.
    pub patient_id: i32,
    /// When.
    pub started: SystemTime,
    /// ICD-10 code and words.
    pub diagnosis: String,
}

/// A row of `claims`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Primary key, from 1.
    pub id: i32,
    /// The patient's SSN, or NULL where the patient has none.
    pub patient_ssn: Option<String>,
    /// In cents.
    pub cents: i64,
}

/// A day, as PostgreSQL's `date` sends it: days since 2000-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub i32);

/// What a demo writes.
#[derive(Clone, Debug)]
pub struct Clinic {
    /// Patients by id.
    pub patients: Vec<Patient>,
    /// Their encounters.
    pub encounters: Vec<Encounter>,
    /// Their claims.
    pub claims: Vec<Claim>,
}

/// Common first: [`Dice::skewed`] prefers the front.
const GIVEN: [&str; 24] = [
    "Maria",
    "James",
    "Ana",
    "Wei",
    "John",
    "Fatima",
    "Ada",
    "Chinedu",
    "Sofía",
    "Olga",
    "Nguyên",
    "José",
    "Zoë",
    "Ingrid",
    "Søren",
    "Łucja",
    "Rafał",
    "Aoife",
    "Þórdís",
    "Anaïs",
    "Müge",
    "秀英",
    "Ωmega",
    "D'Angelo",
];
const SURNAMES: [&str; 28] = [
    "Smith",
    "García",
    "Nguyễn",
    "Johnson",
    "Okafor",
    "Patel",
    "Müller",
    "O'Brien",
    "Kowalska",
    "Silva",
    "Haddad",
    "Lindström",
    "Jean-Baptiste",
    "Łukasiewicz",
    "Çelik",
    "Ivanova",
    "Þórsdóttir",
    "de la Cruz",
    "van der Berg",
    "MacDonald",
    "Ó Súilleabháin",
    "Żółć",
    "Abdulrahman-Whitfield",
    "Null",
    "山田",
    "김",
    "Папандопуло",
    "Test; DROP",
];
const DIAGNOSES: [&str; 12] = [
    "I10 essential hypertension",
    "E11.9 type 2 diabetes mellitus without complications",
    "J06.9 acute upper respiratory infection",
    "M54.5 low back pain",
    "F41.1 generalised anxiety disorder",
    "J45.909 unspecified asthma",
    "K21.9 gastro-oesophageal reflux",
    "N39.0 urinary tract infection",
    "F10.20 alcohol dependence",
    "B20 human immunodeficiency virus disease",
    "C50.911 malignant neoplasm of right breast",
    "Q87.4 Marfan's syndrome",
];
const REMARKS: [&str; 8] = [
    "Reports feeling well; no change to medication.",
    "Allergic to penicillin (rash, 2009).",
    "Asks that the employer not be told.",
    "Sleeps badly since the divorce; counselling offered.",
    "Family history: mother †, CHF; brother — sudden cardiac death at 41.",
    "Übelkeit nach Metformin; Dosis halbiert.",
    "HIV status known to partner.",
    "Follow-up in 6 weeks; bring the log of blood pressure readings.",
];

/// Seconds from 1970 to 2020-01-01, when the first encounter may begin.
const ENCOUNTERS_FROM: u64 = 1_577_836_800;
const SECONDS_A_DAY: u64 = 86_400;

impl Clinic {
    /// As many patients, with zero to four encounters and claims each.
    pub fn generate(seed: u64, patients: i32) -> Self {
        let mut dice = Dice(seed);
        let mut clinic = Self {
            patients: (1..=patients).map(|id| patient(&mut dice, id)).collect(),
            encounters: Vec::new(),
            claims: Vec::new(),
        };
        for patient in &clinic.patients {
            for _ in 0..dice.below(5) {
                let next = clinic.encounters.last().map_or(1, |e| e.id + 1);
                let encounter = encounter(&mut dice, next, patient.id);
                clinic.encounters.push(encounter);
                clinic.claims.push(Claim {
                    id: next,
                    patient_ssn: patient.ssn.clone(),
                    cents: i64::try_from(dice.below(500_000)).unwrap_or_default() + 1_500,
                });
            }
        }
        clinic
    }

    /// Texts that must be nowhere but in front of the app: each long and odd enough not to be there by chance.
    pub fn canaries(&self) -> impl Iterator<Item = &str> {
        let patients = self.patients.iter().flat_map(|p| {
            let name = Some(p.name.as_str()).filter(|n| n.len() >= 8);
            let notes = p.notes.as_deref().filter(|n| n.len() >= 16);
            [name, p.ssn.as_deref(), notes].into_iter().flatten()
        });
        patients.chain(self.encounters.iter().map(|e| e.diagnosis.as_str()))
    }
}

fn patient(dice: &mut Dice, id: i32) -> Patient {
    let serial = i64::from(id) * 7919 % 9999 + 1; // 7919 and 9999 share no factor: unique to 9998
    let (area, group) = (900 + dice.below(100), 10 + dice.below(89));
    Patient {
        id,
        name: format!("{} {}", dice.skewed(&GIVEN), dice.skewed(&SURNAMES)),
        ssn: (!dice.one_in(40)).then(|| format!("{area}-{group}-{serial:04}")),
        dob: (!dice.one_in(25))
            .then(|| Day(i32::try_from(dice.below(36_500)).unwrap_or_default() - 29_000)),
        notes: notes(dice),
    }
}

fn notes(dice: &mut Dice) -> Option<String> {
    let sentences = match dice.below(20) {
        0..4 => return None,
        4 => 0,
        5..18 => 1 + dice.below(4),
        18 => 40,
        _ => 400, // some histories are long
    };
    let remarks: Vec<&str> = (0..sentences).map(|_| dice.skewed(&REMARKS)).collect();
    Some(remarks.join(" "))
}

fn encounter(dice: &mut Dice, id: i32, patient_id: i32) -> Encounter {
    let seconds = ENCOUNTERS_FROM + dice.below(5 * 365) * SECONDS_A_DAY + dice.below(SECONDS_A_DAY);
    Encounter {
        id,
        patient_id,
        started: UNIX_EPOCH + Duration::from_secs(seconds),
        diagnosis: dice.skewed(&DIAGNOSES).to_owned(),
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, the same everywhere. Not for secrets.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to just under `bound` (1 or more).
    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// The product of two throws leans to the front of the list, about as surnames do.
    fn skewed<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let n = list.len() as u64;
        let index = self.below(n) * self.below(n) / n.max(1);
        usize::try_from(index)
            .ok()
            .and_then(|i| list.get(i).copied())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn the_same_seed_gives_the_same_clinic_and_another_another() {
        let clinic = Clinic::generate(7, 300);
        assert_eq!(clinic.patients, Clinic::generate(7, 300).patients);
        assert_ne!(clinic.patients, Clinic::generate(8, 300).patients);
    }

    #[test]
    fn ssns_are_unique_and_never_issued() {
        let clinic = Clinic::generate(1, 2000);
        let ssns: Vec<&String> = clinic
            .patients
            .iter()
            .filter_map(|p| p.ssn.as_ref())
            .collect();
        assert_eq!(ssns.iter().collect::<HashSet<_>>().len(), ssns.len());
        assert!(ssns.iter().all(|s| s.starts_with('9') && s.len() == 11));
    }

    #[test]
    fn there_is_something_of_everything() {
        let clinic = Clinic::generate(1, 300);
        let count = |f: fn(&Patient) -> bool| clinic.patients.iter().filter(|p| f(p)).count();
        assert!(count(|p| p.ssn.is_none()) > 0 && count(|p| p.dob.is_none()) > 0);
        assert!(count(|p| p.notes.is_none()) > 0 && count(|p| p.notes.as_deref() == Some("")) > 0);
        assert!(count(|p| p.notes.as_ref().is_some_and(|n| n.len() > 10_000)) > 0);
        assert!(count(|p| !p.name.is_ascii()) > 20);
        let mut names = HashMap::new();
        clinic
            .patients
            .iter()
            .for_each(|p| *names.entry(&p.name).or_insert(0) += 1);
        assert!(names.values().any(|n| *n > 3), "no name is common");
        assert!(clinic.encounters.len() > 300);
    }
}

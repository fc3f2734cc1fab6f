//! Masked and denied columns.

use super::{but, check_as, refused_as};
use crate::verdict::{Shown, Use};
use hippocrypt_policy::{Access, Rights};

const SSN: &str = "public.patients.ssn";

fn masked() -> Rights {
    but(&[(SSN, Access::Mask), ("public.patients.name", Access::Mask)])
}

#[test]
fn masked_columns_are_projected_and_nothing_else() {
    let rights = masked();
    check_as(
        "SELECT ssn, dob FROM patients WHERE id = 1",
        &rights,
        "SELECT ssn, dob FROM \"public\".patients WHERE id = 1 => patients.ssn 1043/15 masked, patients.dob 1082/-1",
    );
    check_as(
        "SELECT COALESCE(s.x, 'none') FROM (SELECT ssn AS x FROM patients) s",
        &rights,
        "SELECT COALESCE(s.x, ‹none patients.ssn=›) FROM (SELECT ssn AS x FROM \"public\".patients) s => patients.ssn 1043/-1 masked",
    );
    check_as(
        "SELECT count(*) FROM patients",
        &rights,
        "SELECT count(*) FROM \"public\".patients",
    );
    for sql in [
        "SELECT id FROM patients WHERE ssn = 'Canary'",
        "SELECT id FROM patients WHERE ssn IS NULL",
        "SELECT id FROM patients p JOIN claims c ON p.ssn = c.patient_ssn",
        "SELECT s FROM (SELECT ssn AS s FROM patients) q GROUP BY s",
        "SELECT DISTINCT ssn FROM patients",
        "SELECT ssn FROM patients UNION SELECT patient_ssn FROM claims",
        "SELECT count(ssn) FROM patients",
        "SELECT id FROM patients ORDER BY ssn",
        "UPDATE patients SET ssn = 'Canary'",
        "UPDATE patients SET ssn = DEFAULT",
        "INSERT INTO patients (id, ssn) VALUES (1, 'Canary')",
        "INSERT INTO claims (patient_ssn, amount) SELECT ssn, 1 FROM patients",
        "INSERT INTO patients (id) VALUES (1) ON CONFLICT (ssn) DO NOTHING",
        "SELECT CASE WHEN id = 1 THEN name ELSE notes END FROM patients",
        "SELECT ssn FROM patients UNION ALL SELECT patient_ssn FROM claims",
        "SELECT id FROM patients WHERE EXISTS (SELECT 1 FROM claims WHERE patient_ssn = ssn)",
    ] {
        refused_as(sql, &rights, "42501", "");
    }
}

#[test]
fn denied_columns_are_never_touched() {
    let rights = but(&[(SSN, Access::Deny)]);
    check_as(
        "SELECT count(*), max(city) FROM patients",
        &rights,
        "SELECT count(*), max(city) FROM \"public\".patients",
    );
    check_as(
        "INSERT INTO patients (id) VALUES (1)",
        &rights,
        "INSERT INTO \"public\".patients (id) VALUES (1)",
    );
    for sql in [
        "SELECT ssn FROM patients",
        "SELECT * FROM patients",
        "SELECT 1 FROM patients WHERE ssn IS NULL",
        "SELECT name FROM (SELECT name, ssn FROM patients) p",
        "UPDATE patients SET ssn = NULL",
        "DELETE FROM patients RETURNING *",
        "INSERT INTO patients VALUES (1, 'Canary', 'Canary')",
    ] {
        refused_as(sql, &rights, "42501", SSN);
    }
}

#[test]
fn watched_columns() {
    let clear = super::clear();
    check_as(
        "SELECT title FROM staff",
        &clear,
        "SELECT title FROM \"public\".staff",
    );
    refused_as(
        "SELECT title FROM staff",
        &but(&[("public.staff.title", Access::Deny)]),
        "42501",
        "staff.title",
    );
    refused_as(
        "SELECT title FROM staff",
        &but(&[("public.staff.title", Access::Mask)]),
        "0A000",
        "masks",
    );
    refused_as(
        "UPDATE staff SET title = email",
        &clear,
        "0A000",
        "not encrypted",
    );
}

#[test]
fn the_record_says_what_was_touched() {
    let touches = |sql: &str, rights: &Rights| {
        let statement = super::one(sql, rights, &[]);
        let one = |t: &crate::verdict::Touch| (t.column.column.to_string(), t.usage, t.shown);
        statement.facts.touches.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(
        touches(
            "SELECT name, ssn FROM patients WHERE ssn = 'a'",
            &masked_name()
        ),
        [
            ("name".into(), Use::Read, Shown::Masked),
            ("ssn".into(), Use::Read, Shown::Clear),
            ("ssn".into(), Use::Filter, Shown::Not),
        ]
    );
    assert_eq!(
        touches(
            "UPDATE patients SET name = 'x' WHERE ssn = 'a'",
            &super::clear()
        ),
        [
            ("name".into(), Use::Write, Shown::Not),
            ("ssn".into(), Use::Filter, Shown::Not)
        ]
    );
    assert_eq!(
        touches("SELECT upper(name) FROM patients", &super::clear()),
        [("name".into(), Use::Read, Shown::Refused)]
    );
    let statement = super::one(
        "SELECT ssn FROM patients",
        &but(&[(SSN, Access::Deny)]),
        &[],
    );
    assert_eq!(statement.facts.touches.len(), 1);
    assert_eq!(statement.facts.touches[0].shown, Shown::Refused);
    assert_eq!(statement.facts.tables.len(), 1);
}

fn masked_name() -> Rights {
    but(&[("public.patients.name", Access::Mask)])
}

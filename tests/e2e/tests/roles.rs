//! Who may see what: clear, masked, refused, by the user who logged in.

use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::raw::{comparable, rows, sqlstate};
use hippocrypt_e2e::{Raw, Setup};

fn clinic() -> Place {
    let place = Setup::clinic().start();
    place.both(CLINIC_TABLES);
    place.both(
        "INSERT INTO patients (id, name, ssn, dob, notes) VALUES
           (1, 'Ada', '900-11-0001', '1970-03-02', 'secret'), (2, 'Bo', NULL, NULL, NULL)",
    );
    place
}

fn code(client: &mut Raw, sql: &str) -> Option<String> {
    sqlstate(&client.query(sql))
}

#[test]
fn a_masked_column_is_projected_through_its_mask_with_its_own_type() {
    let place = clinic();
    let sql = "SELECT id, name, ssn, dob FROM patients ORDER BY id";
    let (masked, clear) = (place.raw("billing").query(sql), place.raw("app").query(sql));
    let text = |s: &str| Some(s.to_owned());
    assert_eq!(
        rows(&masked),
        [
            [
                text("1"),
                text("Ada"),
                text("*******0001"),
                text("1970-01-01")
            ],
            [text("2"), text("Bo"), None, None],
        ]
    );
    assert_eq!(
        comparable(&masked[..1]),
        comparable(&clear[..1]),
        "the types are the same"
    );
}

#[test]
fn a_masked_column_is_good_for_nothing_else() {
    let place = clinic();
    let mut billing = place.raw("billing");
    for sql in [
        "SELECT id FROM patients WHERE ssn = '900-11-0001'",
        "SELECT p.id FROM patients p JOIN claims c ON c.patient_ssn = p.ssn",
        "SELECT count(*) FROM patients GROUP BY ssn",
        "SELECT DISTINCT ssn FROM patients",
        "UPDATE patients SET ssn = '900-11-0009' WHERE id = 1",
        "UPDATE patients SET ssn = NULL WHERE id = 1",
        "INSERT INTO patients (id, name, ssn) VALUES (9, 'x', '900-11-0009')",
        "SELECT notes FROM patients",
        "SELECT * FROM patients",
        "SELECT id FROM patients WHERE notes IS NULL",
    ] {
        assert_eq!(code(&mut billing, sql).as_deref(), Some("42501"), "{sql}");
    }
    assert_eq!(code(&mut billing, "SELECT count(*) FROM patients"), None);
    let seen = place
        .raw("app")
        .query("SELECT ssn FROM patients ORDER BY id");
    assert_eq!(
        rows(&seen)[0][0].as_deref(),
        Some("900-11-0001"),
        "a masked value was written back"
    );
}

#[test]
fn default_denies_protected_columns_and_nothing_else() {
    let place = clinic();
    let mut guest = place.raw("guest");
    for sql in [
        "SELECT name FROM patients",
        "SELECT id FROM patients WHERE ssn IS NULL",
        "UPDATE patients SET dob = NULL",
        "SELECT * FROM patients",
        "TABLE patients",
    ] {
        let answer = guest.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{sql}");
        let message = &answer[0].fields()[&'M'];
        assert!(message.contains("patients"), "{message}");
    }
    assert_eq!(
        rows(&guest.query("SELECT id, vip FROM patients WHERE id = 1")).len(),
        1
    );
    assert_eq!(
        rows(&guest.query("SELECT count(*) FROM patients"))[0][0].as_deref(),
        Some("2")
    );
    assert_eq!(code(&mut guest, "DELETE FROM patients WHERE id = 2"), None);
}

#[test]
fn the_user_is_who_logged_in_also_under_set_role() {
    let place = clinic();
    hippocrypt_e2e::sql::rows(&place.thief(), "GRANT app TO guest").unwrap();
    let mut guest = place.raw("guest");
    assert_eq!(code(&mut guest, "SET ROLE app"), None);
    assert_eq!(
        code(&mut guest, "SELECT name FROM patients").as_deref(),
        Some("42501")
    );
    hippocrypt_e2e::sql::rows(&place.thief(), "REVOKE app FROM guest").unwrap();
}

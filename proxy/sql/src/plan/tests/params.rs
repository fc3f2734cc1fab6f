//! Parameters: split, declared, typed.

use super::{check, clear, one, shown};

#[track_caller]
fn declared(sql: &str, oids: &[u32], expected: &str) {
    let statement = one(sql, &clear(), oids);
    assert_eq!(shown(sql, &statement), expected);
}

#[test]
fn splits() {
    check(
        "SELECT id FROM patients WHERE ssn = $1 AND city = $1",
        "SELECT id FROM \"public\".patients WHERE ssn = $1 AND city = $2 | $1: $1 patients.ssn= 17 | $2: $1 clear 25 | client $1 25",
    );
    check(
        "UPDATE patients SET name = $1, notes = $1 WHERE id = $2",
        "UPDATE \"public\".patients SET name = $1, notes = $3 WHERE id = $2 | $1: $1 patients.name 17 | $2: $2 clear 0 | $3: $1 patients.notes 17 | client $1 25 | client $2 server",
    );
    check(
        "SELECT id FROM patients WHERE city = $1 AND ssn = $1",
        "0A000 the type of parameter $1 is not known: it is used both in clear and for an encrypted column",
    );
    declared(
        "SELECT id FROM patients WHERE city = $1 AND ssn = $1",
        &[25],
        "SELECT id FROM \"public\".patients WHERE city = $1 AND ssn = $2 | $1: $1 clear 25 | $2: $1 patients.ssn= 17 | client $1 25",
    );
    declared(
        "SELECT id FROM patients WHERE ssn = $1::text",
        &[0, 23],
        "SELECT id FROM \"public\".patients WHERE ssn = $1 | $1: $1 patients.ssn= 17 | $2: $2 clear 23 | client $1 25 | client $2 23",
    );
}

#[test]
fn types() {
    check(
        "SELECT id FROM patients WHERE dob = $1",
        "0A000 = is not possible on public.patients.dob, which is encrypted",
    );
    check(
        "INSERT INTO patients (dob, ssn) VALUES ($1, $2::varchar)",
        "INSERT INTO \"public\".patients (dob, ssn) VALUES ($1, $2) | $1: $1 patients.dob 17 | $2: $2 patients.ssn 17 | client $1 1082 | client $2 1043",
    );
    check(
        "SELECT id FROM patients WHERE COALESCE($1, ssn) = 'x' LIMIT $2",
        "SELECT id FROM \"public\".patients WHERE COALESCE($1, ssn) = ‹x patients.ssn=› LIMIT $2 | $1: $1 patients.ssn= 17 | $2: $2 clear 0 | client $1 1043 | client $2 server",
    );
    check(
        "SELECT id FROM patients WHERE ssn IN ($1)",
        "SELECT id FROM \"public\".patients WHERE ssn IN ($1) | $1: $1 patients.ssn= 17 | client $1 25",
    );
    check(
        "INSERT INTO patients (name) VALUES ($1::date)",
        "INSERT INTO \"public\".patients (name) VALUES ($1) | $1: $1 patients.name 17 | client $1 1082",
    );
}

#[test]
fn many_parameters_take_no_time() {
    let rows: Vec<String> = (1..=30_000).map(|n| format!("(${n})")).collect();
    let sql = format!("INSERT INTO patients (name) VALUES {}", rows.join(","));
    let begun = std::time::Instant::now();
    let statement = one(&sql, &clear(), &[]);
    assert!(matches!(
        statement.verdict,
        crate::verdict::Verdict::Plan(_)
    ));
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
}

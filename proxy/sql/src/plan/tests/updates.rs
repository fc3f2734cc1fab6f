//! UPDATE.

use super::{check, refused};

#[test]
fn set() {
    check(
        "UPDATE patients SET name = 'Ann', city = 'Bern', ssn = NULL WHERE id = 1",
        "UPDATE \"public\".patients SET name = ‹Ann patients.name›, city = 'Bern', ssn = NULL WHERE id = 1",
    );
    check(
        "UPDATE \"patients\" AS \"a\" SET (name, notes) = ('x', $1) WHERE \"a\".\"ssn\" = $2 RETURNING id",
        "UPDATE \"public\".\"patients\" AS \"a\" SET (name, notes) = (‹x patients.name›, $1) WHERE \"a\".\"ssn\" = $2 RETURNING id | $1: $1 patients.notes 17 | $2: $2 patients.ssn= 17 | client $1 25 | client $2 25",
    );
    check(
        "UPDATE claims c SET patient_ssn = p.ssn FROM patients p WHERE c.id = p.id",
        "UPDATE \"public\".claims c SET patient_ssn = p.ssn FROM \"public\".patients p WHERE c.id = p.id",
    );
    check(
        "UPDATE patients SET name = v.n FROM (VALUES (1, 'x'), (2, 'y')) AS v(id, n) WHERE patients.id = v.id",
        "UPDATE \"public\".patients SET name = v.n FROM (VALUES (1, ‹x::25 patients.name›), (2, ‹y::25 patients.name›)) AS v(id, n) WHERE patients.id = v.id",
    );
    check(
        "UPDATE claims SET (patient_ssn, state) = (SELECT ssn, city FROM patients WHERE patients.id = claims.id)",
        "UPDATE \"public\".claims SET (patient_ssn, state) = (SELECT ssn, city FROM \"public\".patients WHERE patients.id = claims.id)",
    );
    check(
        "UPDATE patients SET name = CASE WHEN id = 1 THEN 'x' ELSE name END",
        "UPDATE \"public\".patients SET name = CASE WHEN id = 1 THEN ‹x patients.name› ELSE name END",
    );
}

#[test]
fn branches_are_held_to_the_columns_length() {
    check(
        "UPDATE patients SET ssn = COALESCE($1, ssn), name = CASE city WHEN $2 THEN $3::text END",
        "UPDATE \"public\".patients SET ssn = COALESCE($1, ssn), name = CASE city WHEN $2 THEN $3 END | $1: $1 patients.ssn 17 | $2: $2 clear 0 | $3: $3 patients.name 17 | client $1 1043 | client $2 server | client $3 25",
    );
    refused(
        "UPDATE patients SET ssn = COALESCE(city, ssn)",
        "0A000",
        "computes",
    );
    refused(
        "UPDATE claims SET patient_ssn = (SELECT COALESCE(ssn, 'Canary') FROM patients LIMIT 1)",
        "0A000",
        "cannot be copied",
    );
}

#[test]
fn refusals() {
    refused(
        "UPDATE patients SET name = notes",
        "0A000",
        "cannot be copied",
    );
    refused("UPDATE patients SET name = city", "0A000", "computes");
    refused(
        "UPDATE patients SET name = name || 'Canary'",
        "0A000",
        "the operator ||",
    );
    refused(
        "UPDATE patients SET city = ssn",
        "0A000",
        "unprotected column",
    );
    refused(
        "UPDATE visits SET city = (SELECT name FROM patients LIMIT 1)",
        "0A000",
        "unprotected column",
    );
    refused("UPDATE claims SET amount = DEFAULT", "0A000", "default");
    refused(
        "UPDATE claims SET amount = amount + 1",
        "0A000",
        "the operator +",
    );
    refused("UPDATE patients SET ssn = upper($1)", "0A000", "computes");
    refused(
        "UPDATE patients SET (name, ssn) = ROW('Canary')",
        "0A000",
        "not understood",
    );
}

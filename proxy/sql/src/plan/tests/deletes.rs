//! DELETE.

use super::{check, refused};

#[test]
fn deletes() {
    check(
        "DELETE FROM ONLY patients WHERE ssn = 'a' RETURNING name",
        "DELETE FROM ONLY \"public\".patients WHERE ssn = ‹a patients.ssn=› RETURNING name => patients.name 25/-1",
    );
    check(
        "DELETE FROM visits v USING patients p WHERE v.patient_id = p.id AND p.ssn IN ($1, $2)",
        "DELETE FROM visits v USING \"public\".patients p WHERE v.patient_id = p.id AND p.ssn IN ($1, $2) | $1: $1 patients.ssn= 17 | $2: $2 patients.ssn= 17 | client $1 1043 | client $2 1043",
    );
    check(
        "WITH gone AS (DELETE FROM patients WHERE id = 1 RETURNING *) SELECT name FROM gone",
        "WITH gone AS (DELETE FROM \"public\".patients WHERE id = 1 RETURNING \"patients\".\"id\", \"patients\".\"name\", \"patients\".\"ssn\", \"patients\".\"dob\", \"patients\".\"city\", \"patients\".\"notes\", \"patients\".\"created\") SELECT name FROM gone => patients.name 25/-1",
    );
    refused("DELETE FROM patients WHERE name = 'Canary'", "0A000", "=");
    refused(
        "DELETE FROM patients WHERE name LIKE 'Canary%'",
        "0A000",
        "LIKE",
    );
}

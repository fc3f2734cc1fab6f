//! INSERT and ON CONFLICT.

use super::{check, refused};

#[test]
fn values() {
    check(
        "INSERT INTO patients (id, name, ssn, dob) VALUES (1, 'Ann', '900', '2000-01-01'::date), (2, NULL, NULL::varchar, DEFAULT)",
        "INSERT INTO \"public\".patients (id, name, ssn, dob) VALUES (1, ‹Ann patients.name›, ‹900 patients.ssn›, ‹2000-01-01::1082 patients.dob›), (2, NULL, NULL::bytea, DEFAULT)",
    );
    check(
        "INSERT INTO \"patients\" AS \"a\" (id,name) VALUES(-5,'x')RETURNING*",
        "INSERT INTO \"public\".\"patients\" AS \"a\" (id,name) VALUES(-5,‹x patients.name›)RETURNING\"a\".\"id\", \"a\".\"name\", \"a\".\"ssn\", \"a\".\"dob\", \"a\".\"city\", \"a\".\"notes\", \"a\".\"created\" => clear, patients.name 25/-1, patients.ssn 1043/15, patients.dob 1082/-1, clear, patients.notes 25/-1, clear",
    );
    check(
        "INSERT INTO public.patients VALUES (1, 'Ann')",
        "INSERT INTO public.patients (\"id\", \"name\") VALUES (1, ‹Ann patients.name›)",
    );
    check(
        "INSERT INTO patients AS p VALUES (1, $1)",
        "INSERT INTO \"public\".patients AS p (\"id\", \"name\") VALUES (1, $1) | $1: $1 patients.name 17 | client $1 25",
    );
    check(
        "INSERT INTO patients DEFAULT VALUES",
        "INSERT INTO \"public\".patients DEFAULT VALUES",
    );
    check(
        "INSERT INTO claims (amount) VALUES (-12.50), (1e3), (5)",
        "INSERT INTO \"public\".claims (amount) VALUES (‹-12.50 claims.amount›), (‹1e3 claims.amount›), (‹5 claims.amount›)",
    );
}

#[test]
fn from_queries() {
    check(
        "INSERT INTO claims (patient_ssn, amount) SELECT ssn, 5 FROM patients WHERE city = 'x'",
        "INSERT INTO \"public\".claims (patient_ssn, amount) SELECT ssn, ‹5 claims.amount› FROM \"public\".patients WHERE city = 'x'",
    );
    check(
        "INSERT INTO patients (id, name) SELECT 1, $1 WHERE NOT EXISTS (SELECT 1 FROM patients WHERE ssn = $2)",
        "INSERT INTO \"public\".patients (id, name) SELECT 1, $1 WHERE NOT EXISTS (SELECT 1 FROM \"public\".patients WHERE ssn = $2) | $1: $1 patients.name 17 | $2: $2 patients.ssn= 17 | client $1 25 | client $2 25",
    );
    check(
        "INSERT INTO patients (name) SELECT * FROM unnest($1::text[])",
        "INSERT INTO \"public\".patients (name) SELECT * FROM unnest($1) | $1: $1 patients.name 1001 | client $1 1009",
    );
    refused(
        "INSERT INTO patients (name) SELECT city FROM visits",
        "0A000",
        "public.patients.name",
    );
    refused(
        "INSERT INTO visits (city) SELECT name FROM patients",
        "0A000",
        "unprotected column",
    );
    refused(
        "INSERT INTO claims (patient_ssn) SELECT name FROM patients",
        "0A000",
        "cannot be copied",
    );
    refused(
        "INSERT INTO patients (name) SELECT * FROM regexp_split_to_table($1, ',')",
        "0A000",
        "patients.name",
    );
    refused(
        "INSERT INTO patients (name) VALUES (upper('Canary'))",
        "0A000",
        "computes",
    );
    refused(
        "INSERT INTO patients (id, name) VALUES (1, now())",
        "0A000",
        "computes",
    );
    refused(
        "INSERT INTO claims (patient_ssn) VALUES ('a')",
        "0A000",
        "default of public.claims.amount",
    );
    refused(
        "INSERT INTO patients VALUES (1,2,3,4,5,6,7,8)",
        "42601",
        "more expressions",
    );
    refused(
        "INSERT INTO patients (nam) VALUES ('Canary')",
        "42703",
        "nam",
    );
}

#[test]
fn many_rows_as_an_orm_sends_them() {
    check(
        "INSERT INTO patients (name, city) SELECT p0::TEXT, p1::VARCHAR FROM (VALUES ($1, $2, 0), ($3, $4, 1)) AS s(p0, p1, n) ORDER BY n RETURNING patients.id",
        "INSERT INTO \"public\".patients (name, city) SELECT p0, p1::VARCHAR FROM (VALUES ($1, $2, 0), ($3, $4, 1)) AS s(p0, p1, n) ORDER BY n RETURNING patients.id | $1: $1 patients.name 17 | $2: $2 clear 0 | $3: $3 patients.name 17 | $4: $4 clear 0 | client $1 25 | client $2 server | client $3 25 | client $4 server",
    );
    // read as the type that the text is cast to; whether that can be stored is said when it is sealed
    check(
        "INSERT INTO patients (dob) SELECT p0::date FROM (VALUES ('Canary'), (NULL)) AS s(p0)",
        "INSERT INTO \"public\".patients (dob) SELECT p0 FROM (VALUES (‹Canary::1082 patients.dob›), (NULL::bytea)) AS s(p0)",
    );
    check(
        "INSERT INTO patients (dob) SELECT p0::date FROM (VALUES ($1)) AS s(p0)",
        "INSERT INTO \"public\".patients (dob) SELECT p0 FROM (VALUES ($1)) AS s(p0) | $1: $1 patients.dob 17 | client $1 25",
    );
    refused(
        "INSERT INTO patients (dob, name) SELECT p0::date, p0 FROM (VALUES ('Canary')) AS s(p0)",
        "0A000",
        "",
    );
}

#[test]
fn on_conflict() {
    check(
        "INSERT INTO patients (ssn, name) VALUES ($1, $2) ON CONFLICT (ssn) DO UPDATE SET name = excluded.name, city = excluded.city WHERE patients.ssn <> excluded.ssn RETURNING patients.name",
        "INSERT INTO \"public\".patients (ssn, name) VALUES ($1, $2) ON CONFLICT (ssn) DO UPDATE SET name = excluded.name, city = excluded.city WHERE patients.ssn <> excluded.ssn RETURNING patients.name | $1: $1 patients.ssn 17 | $2: $2 patients.name 17 | client $1 1043 | client $2 25 => patients.name 25/-1",
    );
    check(
        "INSERT INTO patients (ssn) VALUES ('a') ON CONFLICT DO NOTHING",
        "INSERT INTO \"public\".patients (ssn) VALUES (‹a patients.ssn›) ON CONFLICT DO NOTHING",
    );
    refused(
        "INSERT INTO patients (name) VALUES ('Canary') ON CONFLICT (name) DO NOTHING",
        "0A000",
        "ON CONFLICT",
    );
    refused(
        "INSERT INTO patients (ssn) VALUES ('a') ON CONFLICT (ssn) DO UPDATE SET name = name",
        "42702",
        "ambiguous",
    );
    refused(
        "INSERT INTO patients (ssn) VALUES ('a') ON CONFLICT (ssn) WHERE name > 'Canary' DO NOTHING",
        "0A000",
        "patients.name",
    );
}

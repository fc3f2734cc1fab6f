//! SELECT.

use super::check;

#[test]
fn projection() {
    check(
        "SELECT id, name, ssn FROM patients WHERE id = 5",
        "SELECT id, name, ssn FROM \"public\".patients WHERE id = 5 => clear, patients.name 25/-1, patients.ssn 1043/15",
    );
    check(
        "SELECT p.name FROM public.patients p",
        "SELECT p.name FROM public.patients p => patients.name 25/-1",
    );
    check(
        "SELECT count(*) FROM patients",
        "SELECT count(*) FROM \"public\".patients",
    );
    check(
        "SELECT patients.name FROM patients",
        "SELECT patients.name FROM \"public\".patients => patients.name 25/-1",
    );
    check("SELECT code FROM countries", "untouched");
}

#[test]
fn stars() {
    check(
        "SELECT * FROM claims",
        "SELECT \"claims\".\"id\", \"claims\".\"patient_ssn\", \"claims\".\"amount\", \"claims\".\"state\" FROM \"public\".claims => clear, claims.patient_ssn 1043/15, claims.amount 1700/655366, clear",
    );
    check(
        "SELECT c . *, v.id FROM claims c JOIN visits v ON v.id = c.id",
        "SELECT \"c\".\"id\", \"c\".\"patient_ssn\", \"c\".\"amount\", \"c\".\"state\", v.id FROM \"public\".claims c JOIN visits v ON v.id = c.id => clear, claims.patient_ssn 1043/15, claims.amount 1700/655366, clear, clear",
    );
    check(
        "TABLE claims",
        "SELECT \"claims\".\"id\", \"claims\".\"patient_ssn\", \"claims\".\"amount\", \"claims\".\"state\" FROM \"public\".claims => clear, claims.patient_ssn 1043/15, claims.amount 1700/655366, clear",
    );
    check(
        "SELECT count(*) FROM countries WHERE EXISTS (SELECT * FROM patients)",
        "SELECT count(*) FROM countries WHERE EXISTS (SELECT * FROM \"public\".patients)",
    );
    check(
        "SELECT * FROM (SELECT * FROM staff) AS s(a, b)",
        "SELECT * FROM (SELECT \"staff\".\"id\", \"staff\".\"email\", \"staff\".\"title\", \"staff\".\"city\" FROM \"public\".staff) AS s(a, b) => clear, staff.email 25/-1, clear, clear",
    );
}

#[test]
fn stars_over_columns_of_one_name() {
    check(
        "SELECT * FROM (SELECT s.*, v.id FROM staff s, visits v) q",
        "SELECT * FROM (SELECT \"s\".\"id\", \"s\".\"email\", \"s\".\"title\", \"s\".\"city\", v.id FROM \"public\".staff s, visits v) q => clear, staff.email 25/-1, clear, clear, clear",
    );
}

#[test]
fn comparisons() {
    check(
        "SELECT id FROM patients WHERE ssn = '900-11-0001'",
        "SELECT id FROM \"public\".patients WHERE ssn = ‹900-11-0001 patients.ssn=›",
    );
    check(
        "SELECT id FROM patients p WHERE p.ssn IN ('a', E'b\\'c', U&'d' UESCAPE '!') AND ssn <> $$e$$",
        "SELECT id FROM \"public\".patients p WHERE p.ssn IN (‹a patients.ssn=›, ‹b'c patients.ssn=›, ‹d patients.ssn=›) AND ssn <> ‹e patients.ssn=›",
    );
    check(
        "SELECT 1 FROM patients WHERE ssn IS DISTINCT FROM 'x'::varchar(2)",
        "SELECT 1 FROM \"public\".patients WHERE ssn IS DISTINCT FROM ‹x::varchar(2) patients.ssn=›",
    );
    check(
        "SELECT 1 FROM patients WHERE ssn = CAST('abc' AS varchar(2)) OR ssn = text 'y' OR ssn::text = 'z'",
        "SELECT 1 FROM \"public\".patients WHERE ssn = ‹abc::varchar(2) patients.ssn=› OR ssn = ‹y::25 patients.ssn=› OR ssn = ‹z patients.ssn=›",
    );
    check(
        "SELECT 1 FROM patients p, claims c WHERE p.ssn = c.patient_ssn AND c.patient_ssn = ANY (ARRAY['a','b'])",
        "SELECT 1 FROM \"public\".patients p, \"public\".claims c WHERE p.ssn = c.patient_ssn AND c.patient_ssn = ANY (ARRAY[‹a::25 claims.patient_ssn=›,‹b::25 claims.patient_ssn=›])",
    );
    check(
        "SELECT 1 FROM patients WHERE ssn IN (SELECT patient_ssn FROM claims) AND name IS NOT NULL",
        "SELECT 1 FROM \"public\".patients WHERE ssn IN (SELECT patient_ssn FROM \"public\".claims) AND name IS NOT NULL",
    );
    check(
        "SELECT 1 FROM patients WHERE ssn IN (VALUES ('a'), ('b'))",
        "SELECT 1 FROM \"public\".patients WHERE ssn IN (VALUES (‹a::25 patients.ssn=›), (‹b::25 patients.ssn=›))",
    );
}

#[test]
fn grouping() {
    check(
        "SELECT ssn, count(DISTINCT ssn), count(name) FROM patients GROUP BY 1",
        "SELECT ssn, count(DISTINCT ssn), count(name) FROM \"public\".patients GROUP BY 1 => patients.ssn 1043/15, clear, clear",
    );
    check(
        "SELECT DISTINCT ssn, city FROM patients ORDER BY city",
        "SELECT DISTINCT ssn, city FROM \"public\".patients ORDER BY city => patients.ssn 1043/15, clear",
    );
    check(
        "SELECT name, row_number() OVER (PARTITION BY ssn ORDER BY id) FROM patients",
        "SELECT name, row_number() OVER (PARTITION BY ssn ORDER BY id) FROM \"public\".patients => patients.name 25/-1, clear",
    );
    check(
        "SELECT city, count(*) FROM patients GROUP BY GROUPING SETS ((city), (ssn), ()) HAVING count(*) > 1",
        "SELECT city, count(*) FROM \"public\".patients GROUP BY GROUPING SETS ((city), (ssn), ()) HAVING count(*) > 1",
    );
}

#[test]
fn branches() {
    check(
        "SELECT COALESCE(ssn, 'none') FROM patients",
        "SELECT COALESCE(ssn, ‹none patients.ssn=›) FROM \"public\".patients => patients.ssn 1043/-1",
    );
    check(
        "SELECT CASE WHEN id > 3 THEN name ELSE notes END AS x, CASE WHEN id = 1 THEN ssn END FROM patients",
        "SELECT CASE WHEN id > 3 THEN name ELSE notes END AS x, CASE WHEN id = 1 THEN ssn END FROM \"public\".patients => patients.name+patients.notes 25/-1, patients.ssn 1043/-1",
    );
    check(
        "SELECT name FROM patients UNION ALL SELECT 'x'::text UNION ALL SELECT NULL",
        "SELECT name FROM \"public\".patients UNION ALL SELECT ‹x::25 patients.name=› AS \"text\" UNION ALL SELECT NULL => patients.name 25/-1",
    );
    check(
        "SELECT ssn FROM patients EXCEPT SELECT patient_ssn FROM claims",
        "SELECT ssn FROM \"public\".patients EXCEPT SELECT patient_ssn FROM \"public\".claims => patients.ssn+claims.patient_ssn 1043/15",
    );
    check(
        "SELECT ssn::text, name::varchar, CAST(ssn AS varchar(20)) AS y FROM patients",
        "SELECT ssn, name, (ssn ) AS y FROM \"public\".patients => patients.ssn 25/-1, patients.name 1043/-1, patients.ssn 1043/24",
    );
}

#[test]
fn nullif() {
    check(
        "SELECT NULLIF(ssn, 'x'), NULLIF('x', ssn) AS y FROM patients FETCH FIRST ROW ONLY",
        "SELECT NULLIF(ssn, ‹x patients.ssn=›), NULLIF(‹x patients.ssn=›, ssn) AS y FROM \"public\".patients FETCH FIRST ROW ONLY => patients.ssn 25/-1, patients.ssn 25/-1",
    );
}

#[test]
fn subqueries() {
    check(
        "WITH p AS (SELECT id, ssn AS s FROM patients) SELECT s, (SELECT name FROM patients x WHERE x.id = p.id) FROM p WHERE p.s = 'a'",
        "WITH p AS (SELECT id, ssn AS s FROM \"public\".patients) SELECT s, (SELECT name FROM \"public\".patients x WHERE x.id = p.id) FROM p WHERE p.s = ‹a patients.ssn=› => patients.ssn 1043/15, patients.name 25/-1",
    );
    check(
        "SELECT v.city, l.name FROM visits v LEFT JOIN LATERAL (SELECT name FROM patients WHERE patients.id = v.patient_id) l ON true",
        "SELECT v.city, l.name FROM visits v LEFT JOIN LATERAL (SELECT name FROM \"public\".patients WHERE patients.id = v.patient_id) l ON true => clear, patients.name 25/-1",
    );
    check(
        "SELECT p.id FROM patients p JOIN (VALUES ('a'), ('b')) AS v(s) ON p.ssn = v.s",
        "SELECT p.id FROM \"public\".patients p JOIN (VALUES (‹a::25 patients.ssn=›), (‹b::25 patients.ssn=›)) AS v(s) ON p.ssn = v.s",
    );
    check(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i, name FROM n, patients",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i, name FROM n, \"public\".patients => clear, patients.name 25/-1",
    );
}

//! What cells cannot do, each with the construct and the column in its message.

use super::refused;

#[test]
fn random_columns_do_not_compare() {
    for (sql, says) in [
        (
            "SELECT 1 FROM patients WHERE name = 'Canary'",
            "= is not possible on public.patients.name",
        ),
        (
            "SELECT 1 FROM patients WHERE name IN ('Canary')",
            "IN is not possible",
        ),
        (
            "SELECT DISTINCT name FROM patients",
            "DISTINCT is not possible",
        ),
        (
            "SELECT name FROM patients GROUP BY name",
            "GROUP BY is not possible",
        ),
        (
            "SELECT name AS n FROM patients GROUP BY n",
            "GROUP BY is not possible",
        ),
        (
            "SELECT city, name FROM patients GROUP BY 1, 2",
            "GROUP BY is not possible",
        ),
        (
            "SELECT 1 FROM patients GROUP BY ROLLUP (city, (name, id))",
            "GROUP BY is not possible",
        ),
        (
            "SELECT name FROM patients UNION SELECT 'Canary'",
            "UNION is not possible",
        ),
        (
            "SELECT count(DISTINCT name) FROM patients",
            "count(DISTINCT …) is not possible",
        ),
        (
            "SELECT 1 FROM patients a JOIN patients b USING (name)",
            "USING is not possible",
        ),
        (
            "SELECT 1 FROM patients a NATURAL JOIN patients b",
            "USING is not possible",
        ),
        (
            "SELECT DISTINCT ON (name) id FROM patients",
            "DISTINCT ON is not possible",
        ),
        (
            "SELECT count(*) OVER (PARTITION BY name) FROM patients",
            "PARTITION BY is not possible",
        ),
        (
            "SELECT 1 FROM patients WINDOW w AS (PARTITION BY name)",
            "PARTITION BY is not possible",
        ),
        (
            "SELECT NULLIF(name, 'Canary') FROM patients",
            "NULLIF is not possible",
        ),
        (
            "SELECT CASE name WHEN 'Canary' THEN 1 END FROM patients",
            "CASE … WHEN is not possible",
        ),
    ] {
        refused(sql, "0A000", says);
    }
}

#[test]
fn no_cell_is_computed_with() {
    for sql in [
        "SELECT upper(ssn) FROM patients",
        "SELECT ssn || 'Canary' FROM patients",
        "SELECT 1 FROM patients WHERE ssn LIKE 'Canary%'",
        "SELECT 1 FROM patients WHERE ssn ILIKE 'Canary%'",
        "SELECT 1 FROM patients WHERE ssn BETWEEN 'Canary' AND 'Canary'",
        "SELECT 1 FROM patients WHERE 'Canary' BETWEEN ssn AND city",
        "SELECT 1 FROM patients WHERE ssn > 'Canary'",
        "SELECT 1 FROM patients WHERE ssn ~ 'Canary'",
        "SELECT max(ssn) FROM patients",
        "SELECT string_agg(city, ssn) FROM patients",
        "SELECT array_agg(id ORDER BY ssn) FROM patients",
        "SELECT count(*) FILTER (WHERE ssn > 'Canary') FROM patients",
        "SELECT id FROM patients ORDER BY ssn",
        "SELECT ssn FROM patients ORDER BY 1",
        "SELECT id, ssn AS s FROM patients ORDER BY s DESC NULLS LAST",
        "SELECT ssn AS id FROM patients ORDER BY id",
        "SELECT ssn FROM patients UNION ALL SELECT 'Canary' ORDER BY 1",
        "SELECT ssn FROM patients UNION ALL SELECT 'Canary' ORDER BY ssn",
        "SELECT row_number() OVER (ORDER BY ssn) FROM patients",
        "SELECT lag(ssn) FROM patients",
        "SELECT lag(ssn, 1, email) OVER () FROM patients",
        "SELECT ntile(ssn) OVER () FROM patients",
        "SELECT GREATEST(ssn, 'Canary') FROM patients",
        "SELECT ARRAY[ssn] FROM patients",
        "SELECT ARRAY(SELECT ssn FROM patients)",
        "SELECT ROW(ssn, 1) FROM patients",
        "SELECT 1 FROM patients WHERE (name, id) = ('Canary', 1)",
        "SELECT 1 FROM patients WHERE (name, id) IN (SELECT ssn, id FROM patients)",
        "SELECT xmlelement(name x, ssn) FROM patients",
        "SELECT xmlforest(ssn AS x) FROM patients",
        "SELECT json_build_object('a', ssn) FROM patients",
        "SELECT json_object('a' : ssn) FROM patients",
        "SELECT json_arrayagg(ssn) FROM patients",
        "SELECT ssn COLLATE \"C\" FROM patients",
        "SELECT ssn::bytea FROM patients",
        "SELECT DISTINCT ssn::varchar(2) FROM patients",
        "SELECT id FROM patients ORDER BY ssn::varchar(2)",
        "SELECT ssn::hippocrypt.cell FROM patients",
        "SELECT 1 FROM patients WHERE ssn::int = 5",
        "SELECT 1 FROM patients WHERE ssn = city",
        "SELECT 1 FROM patients WHERE ssn = lower('Canary')",
        "SELECT 1 FROM patients WHERE name = ANY ($1)",
        "SELECT 1 FROM patients WHERE name = ANY ('{Canary}')",
        "SELECT 1 FROM patients WHERE ssn OPERATOR(app.=) 'Canary'",
        "SELECT (ssn).x FROM patients",
        "SELECT ssn[1] FROM patients",
        "SELECT ssn IS TRUE FROM patients",
        "SELECT 1 FROM generate_series(1, 2) g LIMIT (SELECT length(ssn) FROM patients)",
        "SELECT x FROM patients, LATERAL upper(ssn) x",
        "SELECT x FROM patients, unnest(ARRAY[ssn]) x",
        "SELECT 1 FROM patients WHERE ssn = email",
        "SELECT COALESCE(ssn, city) FROM patients",
        "SELECT CASE WHEN ssn THEN 1 END FROM patients",
        "SELECT 1 FROM patients p JOIN visits v USING (ssn)",
        "SELECT 1 FROM patients p, staff s WHERE p.ssn = s.email",
        "SELECT ssn FROM patients INTERSECT SELECT email FROM staff",
    ] {
        refused(sql, "", "");
        let statement = super::one(sql, &super::clear(), &[]);
        let refusal = matches!(statement.verdict, crate::verdict::Verdict::Refusal(_));
        assert!(refusal, "{sql}");
    }
}

#[test]
fn relations_that_cannot_be_used() {
    refused(
        "SELECT secret FROM ghost",
        "42P01",
        "relation \"ghost\" does not exist",
    );
    refused("INSERT INTO ghost VALUES ('Canary')", "42P01", "ghost");
    refused(
        "SELECT id FROM patient_view",
        "0A000",
        "shows rows of public.patients",
    );
    refused("SELECT id FROM broken", "0A000", "holds cells");
    refused("SELECT nme FROM patients", "42703", "nme");
    refused("SELECT p.nme FROM patients p", "42703", "p.nme");
    refused("SELECT x.name FROM patients p", "42P01", "x");
    refused(
        "SELECT name FROM patients a, patients b",
        "42702",
        "ambiguous",
    );
    refused(
        "SELECT name INTO copied FROM patients",
        "0A000",
        "SELECT INTO",
    );
}

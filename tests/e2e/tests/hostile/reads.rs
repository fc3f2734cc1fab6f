//! Reads that would hand a client cells, or another user's rows, and rows that a wrong comparison would pick.

use super::Must::{Answer, Either, Refuse};
use super::{Trick, all_of};

#[test]
fn whole_rows_and_what_eats_them() {
    all_of(&[
        Trick(
            "a whole row as text",
            "threats",
            Refuse,
            &["SELECT p::text FROM patients p"],
        ),
        Trick(
            "a whole row",
            "threats",
            Refuse,
            &["SELECT p FROM patients p"],
        ),
        Trick(
            "a whole row of a subquery",
            "threats",
            Refuse,
            &["SELECT s FROM (SELECT id, name FROM patients) s"],
        ),
        Trick(
            "row_to_json",
            "threats",
            Refuse,
            &["SELECT row_to_json(p) FROM patients p"],
        ),
        Trick(
            "to_jsonb and a key",
            "threats",
            Refuse,
            &["SELECT to_jsonb(p) ->> 'ssn' FROM patients p"],
        ),
        Trick(
            "json_agg of a row",
            "threats",
            Refuse,
            &["SELECT json_agg(p) FROM patients p"],
        ),
        Trick(
            "jsonb_build_object",
            "threats",
            Refuse,
            &["SELECT jsonb_build_object('n', name) FROM patients"],
        ),
        Trick(
            "row(...) of columns",
            "acra 2: ROW()",
            Refuse,
            &["SELECT ROW(id, name) FROM patients"],
        ),
        Trick(
            "row(p.*) as text",
            "threats",
            Refuse,
            &["SELECT ROW(p.*)::text FROM patients p"],
        ),
        Trick(
            "a field of a whole row",
            "threats",
            Either,
            &["SELECT (p).name FROM patients p ORDER BY id"],
        ),
        Trick(
            "a whole row's fields",
            "threats",
            Either,
            &["SELECT (p).* FROM patients p ORDER BY id"],
        ),
        Trick(
            "functional notation",
            "threats",
            Either,
            &["SELECT name(p) FROM patients p ORDER BY id"],
        ),
        Trick(
            "count of a whole row",
            "threats",
            Either,
            &["SELECT count(p) FROM patients p"],
        ),
        Trick(
            "a whole row IS NULL",
            "threats",
            Either,
            &["SELECT p IS NULL FROM patients p ORDER BY id"],
        ),
        Trick(
            "whole rows compared",
            "threats",
            Refuse,
            &["SELECT count(*) FROM patients p, patients q WHERE p = q"],
        ),
        Trick(
            "a whole row of RETURNING",
            "threats",
            Refuse,
            &["UPDATE patients p SET vip = true RETURNING p"],
        ),
        Trick(
            "*",
            "threats",
            Answer,
            &["SELECT * FROM patients ORDER BY id"],
        ),
        Trick("TABLE", "threats", Answer, &["TABLE claims"]),
        Trick(
            "RETURNING *",
            "threats",
            Answer,
            &["UPDATE patients SET vip = true WHERE id = 1 RETURNING *"],
        ),
        Trick(
            "* beside an alias of the same name",
            "cipherstash 5: #432",
            Answer,
            &["SELECT *, name AS name, id AS ssn FROM patients ORDER BY id"],
        ),
        Trick(
            "array_agg and string_agg",
            "threats",
            Refuse,
            &["SELECT array_agg(name) FROM patients"],
        ),
        Trick(
            "string_agg of a cast",
            "threats",
            Refuse,
            &["SELECT string_agg(name::text, ',') FROM patients"],
        ),
        Trick(
            "format and concat",
            "threats",
            Refuse,
            &["SELECT format('%s', name), concat(name, '') FROM patients"],
        ),
        Trick(
            "encode, length, substr and md5",
            "postgres facts 1",
            Refuse,
            &["SELECT encode(name::bytea, 'hex') FROM patients"],
        ),
        Trick(
            "pg_column_size and pg_typeof",
            "threats",
            Either,
            &["SELECT pg_typeof(name) FROM patients WHERE id = 1"],
        ),
        Trick(
            "a cast to bytea",
            "threats",
            Either,
            &["SELECT name::bytea FROM patients WHERE id = 1"],
        ),
        Trick(
            "a cast to the cell's domain",
            "threats",
            Refuse,
            &["SELECT name::hippocrypt.cell FROM patients WHERE id = 1"],
        ),
        Trick(
            "ctid and xmin beside cells",
            "threats",
            Either,
            &["SELECT ctid = ctid, name FROM patients ORDER BY id"],
        ),
        Trick(
            "an array of cells",
            "postgres facts 1",
            Refuse,
            &["SELECT ARRAY[name, notes] FROM patients"],
        ),
        Trick(
            "an array subquery",
            "postgres facts 1",
            Refuse,
            &["SELECT ARRAY(SELECT name FROM patients)"],
        ),
        Trick(
            "hashtext of a cell",
            "threats",
            Refuse,
            &["SELECT hashtext(ssn) FROM patients"],
        ),
        Trick(
            "generate_series joined by a cell's length",
            "threats",
            Refuse,
            &["SELECT * FROM patients p, LATERAL generate_series(1, length(p.name)) g"],
        ),
    ]);
}

#[test]
fn lineage_through_constructs() {
    all_of(&[
        Trick(
            "UNION ALL",
            "acra 2: lineage",
            Answer,
            &[
                "SELECT name FROM patients WHERE id = 1 UNION ALL SELECT notes FROM patients WHERE id = 1",
            ],
        ),
        Trick(
            "a CTE",
            "acra 2: lineage",
            Answer,
            &["WITH w AS (SELECT name AS n FROM patients ORDER BY id) SELECT n FROM w"],
        ),
        Trick(
            "a view",
            "acra 2, cipherstash 1",
            Either,
            &[
                "CREATE VIEW v AS SELECT id, name FROM patients",
                "SELECT name FROM v ORDER BY id",
            ],
        ),
        Trick(
            "a view of a view",
            "cipherstash 1",
            Either,
            &[
                "CREATE VIEW v AS SELECT id, name AS n FROM patients",
                "CREATE VIEW w AS SELECT n AS m, id FROM v",
                "SELECT m FROM w ORDER BY id",
            ],
        ),
        Trick(
            "a materialized view",
            "cipherstash 1",
            Either,
            &[
                "CREATE MATERIALIZED VIEW mv AS SELECT id, name FROM patients",
                "SELECT name FROM mv ORDER BY id",
            ],
        ),
        Trick(
            "an expression over a column",
            "acra 2: lineage",
            Refuse,
            &["SELECT upper(ssn) FROM patients"],
        ),
        Trick(
            "LATERAL",
            "acra 2: lineage",
            Answer,
            &["SELECT l.n FROM patients p, LATERAL (SELECT p.name AS n) l ORDER BY p.id"],
        ),
        Trick(
            "an unqualified column that two tables have",
            "acra 2: ambiguous columns",
            Either,
            &["SELECT name FROM patients JOIN visits USING (id)"],
        ),
        Trick(
            "an unqualified column of the second table",
            "acra 2: ambiguous columns",
            Answer,
            &[
                "SELECT room, ssn FROM visits JOIN patients ON patients.id = visits.patient_id ORDER BY room",
            ],
        ),
        Trick(
            "a function in FROM",
            "cipherstash 1",
            Answer,
            &[
                "SELECT p.name, g FROM generate_series(1, 2) g JOIN patients p ON p.id = g ORDER BY g",
            ],
        ),
        Trick(
            "unnest WITH ORDINALITY",
            "cipherstash 1",
            Answer,
            &[
                "SELECT p.name, u.o FROM unnest(ARRAY[1, 3]) WITH ORDINALITY u (i, o) JOIN patients p ON p.id = u.i ORDER BY u.o",
            ],
        ),
        Trick(
            "a cursor",
            "cipherstash 1, acra 2",
            Either,
            &[
                "DECLARE cu CURSOR FOR SELECT name FROM patients ORDER BY id",
                "FETCH 2 FROM cu",
                "MOVE BACKWARD ALL IN cu",
                "FETCH ALL FROM cu",
            ],
        ),
        Trick(
            "COPY TO",
            "acra 2, cipherstash 1",
            Either,
            &["COPY patients (id, name) TO STDOUT"],
        ),
        Trick(
            "COPY of a query",
            "acra 2",
            Either,
            &["COPY (SELECT name FROM patients ORDER BY id) TO STDOUT"],
        ),
        Trick(
            "COPY TO a file",
            "threats",
            Either,
            &["COPY patients TO '/tmp/heron'"],
        ),
        Trick(
            "COPY TO a program",
            "threats",
            Either,
            &["COPY patients TO PROGRAM 'cat'"],
        ),
        Trick(
            "EXPLAIN",
            "threats",
            Refuse,
            &[
                "EXPLAIN (ANALYZE, VERBOSE) SELECT id FROM patients WHERE ssn = 'Hostile Heron 1' ORDER BY name",
            ],
        ),
        Trick(
            "WHERE 1 = 1",
            "cipherstash 5.8",
            Answer,
            &["SELECT name FROM patients WHERE 1 = 1 AND true ORDER BY id"],
        ),
        Trick(
            "DISTINCT over random cells",
            "cipherstash 5.7",
            Refuse,
            &["SELECT DISTINCT name FROM patients"],
        ),
        Trick(
            "count(DISTINCT) over random cells",
            "cipherstash 5.7",
            Refuse,
            &["SELECT count(DISTINCT name) FROM patients"],
        ),
        Trick(
            "GROUP BY random cells",
            "cipherstash 5.7",
            Refuse,
            &["SELECT count(*) FROM patients GROUP BY name"],
        ),
        Trick(
            "ORDER BY cells",
            "cipherstash 5.7",
            Refuse,
            &["SELECT id FROM patients ORDER BY ssn"],
        ),
        Trick(
            "ORDER BY a position that is a cell",
            "cipherstash 5.7",
            Refuse,
            &["SELECT ssn, id FROM patients ORDER BY 1"],
        ),
        Trick(
            "PARTITION BY random cells",
            "cipherstash 5.7",
            Refuse,
            &["SELECT rank() OVER (PARTITION BY name ORDER BY id) FROM patients"],
        ),
        Trick(
            "UNION over random cells",
            "cipherstash 2.3",
            Refuse,
            &["SELECT name FROM patients UNION SELECT notes FROM patients"],
        ),
        Trick(
            "UNION over deterministic cells",
            "cipherstash 2.3",
            Answer,
            &[
                "SELECT ssn FROM patients WHERE id = 1 UNION SELECT patient_ssn FROM claims WHERE id < 3",
            ],
        ),
        Trick(
            "GROUPING SETS",
            "cipherstash 2.3",
            Either,
            &[
                "SELECT ssn, count(*) FROM patients WHERE id = 1 GROUP BY GROUPING SETS ((ssn), ()) ORDER BY 2",
            ],
        ),
    ]);
}

#[test]
fn conditions_that_peers_get_wrong() {
    all_of(&[
        Trick(
            "the value on the left",
            "acra 2: predicates",
            Answer,
            &["SELECT id FROM patients WHERE 'Hostile Heron 1' = ssn"],
        ),
        Trick(
            "IN",
            "acra 2: predicates",
            Answer,
            &[
                "SELECT id FROM patients WHERE ssn IN ('Hostile Heron 1', 'Hostile Heron 3') ORDER BY id",
            ],
        ),
        Trick(
            "NOT IN with NULL",
            "acra 2: predicates",
            Answer,
            &["SELECT id FROM patients WHERE ssn NOT IN ('Hostile Heron 1', NULL)"],
        ),
        Trick(
            "BETWEEN",
            "acra 2: predicates",
            Refuse,
            &["SELECT id FROM patients WHERE ssn BETWEEN 'Hostile Heron 1' AND 'Hostile Heron 2'"],
        ),
        Trick(
            "<",
            "acra 2: predicates",
            Refuse,
            &["SELECT id FROM patients WHERE dob < '1990-01-01'"],
        ),
        Trick(
            "LIKE",
            "acra 2: predicates",
            Refuse,
            &["SELECT id FROM patients WHERE ssn LIKE 'Hostile Heron%'"],
        ),
        Trick(
            "ILIKE",
            "acra 2: predicates",
            Refuse,
            &["SELECT id FROM patients WHERE ssn ILIKE 'hostile heron 1'"],
        ),
        Trick(
            "SIMILAR TO and ~",
            "acra 2: predicates",
            Refuse,
            &["SELECT id FROM patients WHERE ssn ~ 'Hostile Heron 1'"],
        ),
        Trick(
            "= ANY of an array",
            "acra 2: predicates",
            Answer,
            &[
                "SELECT id FROM patients WHERE ssn = ANY ('{Hostile Heron 1,Hostile Heron 3}') ORDER BY id",
            ],
        ),
        Trick(
            "= ANY of an array constructor",
            "cipherstash 2.3",
            Answer,
            &["SELECT id FROM patients WHERE ssn = ANY (ARRAY['Hostile Heron 1', 'x'])"],
        ),
        Trick(
            "< ANY of an array",
            "acra 2: predicates",
            Refuse,
            &["SELECT id FROM patients WHERE ssn < ANY ('{Hostile Heron 1}')"],
        ),
        Trick(
            "NULLIF with a value",
            "acra 2: predicates",
            Answer,
            &["SELECT id FROM patients WHERE NULLIF(ssn, 'Hostile Heron 1') IS NULL ORDER BY id"],
        ),
        Trick(
            "a function of the column",
            "acra 5.9: substr()",
            Refuse,
            &["SELECT id FROM patients WHERE substr(ssn, 1, 3) = 'Hostile Heron'"],
        ),
        Trick(
            "a function without the column",
            "acra 5.9: substr()",
            Answer,
            &["SELECT id FROM patients WHERE substr(room(), 1) = 'x'"],
        ),
        Trick(
            "a function of a constant",
            "acra 2: wrapped values",
            Refuse,
            &["SELECT id FROM patients WHERE ssn = lower('Hostile Heron 1')"],
        ),
        Trick(
            "a condition in ON, USING and HAVING",
            "acra 2: joins",
            Answer,
            &[
                "SELECT p.id, count(*) FROM patients p JOIN claims c ON c.patient_ssn = p.ssn AND c.patient_ssn = 'Hostile Heron 1' GROUP BY p.id HAVING count(*) = 2",
            ],
        ),
        Trick(
            "a condition in a subquery over another table",
            "acra 2: top-level FROM",
            Answer,
            &[
                "SELECT id FROM visits WHERE EXISTS (SELECT 1 FROM claims WHERE patient_ssn = 'Hostile Heron 1') ORDER BY id",
            ],
        ),
        Trick(
            "a row comparison",
            "cipherstash 2.3: tuples",
            Either,
            &["SELECT id FROM patients WHERE (id, ssn) = (1, 'Hostile Heron 1')"],
        ),
        Trick(
            "a row in a list of rows",
            "cipherstash 2.3: tuples",
            Either,
            &["SELECT id FROM patients WHERE (ssn, id) IN (('Hostile Heron 1', 1), ('x', 2))"],
        ),
        Trick(
            "transform_null_equals",
            "threats",
            Either,
            &[
                "SET LOCAL transform_null_equals = on",
                "SELECT id FROM patients WHERE ssn = NULL",
            ],
        ),
        Trick(
            "two columns of different groups",
            "cipherstash 1",
            Refuse,
            &["SELECT id FROM patients WHERE ssn = name"],
        ),
        Trick(
            "a join with a clear column",
            "acra 2: joins",
            Refuse,
            &["SELECT p.id FROM patients p JOIN visits v ON v.name = p.ssn"],
        ),
        Trick(
            "a value too long to be equal",
            "postgres facts 8",
            Answer,
            &[
                "SELECT id FROM patients WHERE ssn = 'Hostile Heron 1 and much more than twenty characters'",
            ],
        ),
        Trick(
            "a value with blanks behind",
            "postgres facts 8",
            Answer,
            &["SELECT id FROM patients WHERE ssn = 'Hostile Heron 1  '"],
        ),
        Trick(
            "a char(n) value",
            "postgres facts 8",
            Either,
            &["SELECT id FROM patients WHERE ssn = 'Hostile Heron 1  '::char(17)"],
        ),
        Trick(
            "a collation",
            "threats",
            Either,
            &["SELECT id FROM patients WHERE ssn COLLATE \"C\" = 'Hostile Heron 1'"],
        ),
        Trick(
            "DateStyle changes what a literal means",
            "threats: settings",
            Answer,
            &[
                "SET LOCAL DateStyle = 'ISO, DMY'",
                "INSERT INTO patients (id, dob) VALUES (70, '03/04/1980') RETURNING dob",
                "SET LOCAL DateStyle = 'ISO, MDY'",
                "SELECT dob FROM patients WHERE id = 70",
                "INSERT INTO patients (id, dob) VALUES (71, '03/04/1980') RETURNING dob",
            ],
        ),
        Trick(
            "DateStyle changes what is read",
            "threats: settings",
            Answer,
            &[
                "SET LOCAL DateStyle = 'German'",
                "SELECT dob FROM patients ORDER BY id",
                "SET LOCAL DateStyle = 'SQL, DMY'",
                "SELECT dob FROM patients ORDER BY id",
            ],
        ),
        Trick(
            "today is not a constant",
            "threats: settings",
            Either,
            &["INSERT INTO patients (id, dob) VALUES (72, 'today') RETURNING dob = dob"],
        ),
    ]);
}

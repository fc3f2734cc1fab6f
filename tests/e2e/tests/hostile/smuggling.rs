//! Text that two parsers read differently, names that mean another table, and functions that run text.

use super::Must::{Answer, Either, Refuse};
use super::{Trick, all_of};

#[test]
fn comments_strings_and_numbers() {
    all_of(&[
        Trick(
            "a comment that a carriage return ends",
            "threats",
            Answer,
            &["SELECT id -- c\r, name FROM patients ORDER BY id"],
        ),
        Trick(
            "a comment that a carriage return ends, in an INSERT",
            "threats",
            Answer,
            &[
                "INSERT INTO patients (id, name) VALUES (50, -- \r 'Hostile Heron 50') RETURNING name",
            ],
        ),
        Trick(
            "nested comments",
            "threats",
            Answer,
            &["SELECT /* a /* b */ ' */ name /* ; */ FROM patients ORDER BY id"],
        ),
        Trick(
            "a string continued on the next line",
            "threats",
            Answer,
            &["SELECT id FROM patients WHERE ssn = 'Hostile'\n' Heron 1'"],
        ),
        Trick(
            "U& string",
            "threats",
            Answer,
            &[
                "INSERT INTO patients (id, name) VALUES (51, U&'H\\006fstile Heron 51') RETURNING name",
            ],
        ),
        Trick(
            "U& string with UESCAPE",
            "threats",
            Answer,
            &[
                "INSERT INTO patients (id, ssn) VALUES (51, U&'H!006fstile Heron 51' UESCAPE '!')",
                "SELECT id FROM patients WHERE ssn = U&'Hostile Heron+00003551' UESCAPE '+'",
            ],
        ),
        Trick(
            "U& identifiers",
            "threats",
            Answer,
            &["SELECT U&\"n\\0061me\" FROM U&\"p\\0061tients\" WHERE U&\"!0069d\" UESCAPE '!' = 1"],
        ),
        Trick(
            "E string with hex, octal and unicode",
            "threats",
            Answer,
            &[
                "INSERT INTO patients (id, name, notes) VALUES (52, E'\\x48ostile Heron', E'\\110ostile Heron \\u00e9') RETURNING *",
            ],
        ),
        Trick(
            "dollar quotes with a tag",
            "threats",
            Answer,
            &[
                "INSERT INTO patients (id, name) VALUES (53, $a$Hostile Heron '$$' $a$) RETURNING name",
            ],
        ),
        Trick(
            "national character string",
            "threats",
            Either,
            &["SELECT id FROM patients WHERE ssn = N'Hostile Heron 1'"],
        ),
        Trick(
            "a bit string where text is wanted",
            "threats",
            Either,
            &["INSERT INTO patients (id, name) VALUES (54, B'0101')"],
        ),
        Trick(
            "0x10 and 1_000 are numbers or aliases",
            "threats",
            Answer,
            &["SELECT 0x10, 1_000, name FROM patients WHERE id = 1"],
        ),
        Trick(
            "digits that run into a word",
            "threats",
            Answer,
            &["SELECT name FROM patients WHERE id=1AND id<2"],
        ),
        Trick(
            "backslashes with standard_conforming_strings off",
            "threats",
            Either,
            &[
                "SET LOCAL standard_conforming_strings = off",
                "SELECT id FROM patients WHERE ssn = 'a\\' or 1=1 --'",
            ],
        ),
        Trick(
            "an INSERT with standard_conforming_strings off",
            "threats",
            Either,
            &[
                "SET LOCAL standard_conforming_strings = off",
                "INSERT INTO patients (id, name) VALUES (55, 'Hostile Heron \\' 55') RETURNING name",
            ],
        ),
        Trick(
            "backslash_quote and escape_string_warning",
            "threats",
            Either,
            &[
                "SET LOCAL backslash_quote = on",
                "INSERT INTO patients (id, name) VALUES (56, E'Hostile Heron \\' 56') RETURNING name",
            ],
        ),
        Trick(
            "another client encoding",
            "threats",
            Either,
            &[
                "SET client_encoding = 'SJIS'",
                "INSERT INTO patients (id, name) VALUES (57, 'Hostile Heron 57')",
            ],
        ),
        Trick(
            "SET NAMES",
            "threats",
            Either,
            &[
                "SET NAMES 'LATIN1'",
                "SELECT name FROM patients WHERE id = 1",
            ],
        ),
        Trick(
            "parentheses, semicolons and nothing",
            "threats",
            Answer,
            &[";;", "((SELECT name FROM patients WHERE id = 1));", ""],
        ),
        Trick(
            "operators that look like comments",
            "threats",
            Answer,
            &["SELECT 2*/*x*/-1, 5 - -1, name FROM patients WHERE id = 1"],
        ),
        Trick(
            "a zero-width and a fullwidth name",
            "threats",
            Answer,
            &["SELECT name AS \"ｎame\", 1 AS \u{200b}x FROM patients WHERE id = 1"],
        ),
    ]);
}

#[test]
fn names_that_mean_something_else() {
    const LONG: &str =
        "SELECT secret FROM a_name_that_is_sixty_three_bytes_long_so_that_one_more_is_cut_xyz";
    all_of(&[
        Trick(
            "a name of more than 63 bytes is the shorter one",
            "threats",
            Answer,
            &[LONG],
        ),
        Trick(
            "a name of more than 63 bytes, written to",
            "threats",
            Answer,
            &[
                "INSERT INTO a_name_that_is_sixty_three_bytes_long_so_that_one_more_is_cut_xyz VALUES (2, 'Hostile Heron 2')",
                LONG,
            ],
        ),
        Trick(
            "a temporary table shadows a protected one",
            "threats",
            Answer,
            &[
                "CREATE TEMP TABLE patients (id int, name text)",
                "INSERT INTO patients VALUES (9, 'temporary')",
                "SELECT * FROM patients",
                "SELECT name FROM public.patients WHERE id = 1",
            ],
        ),
        Trick(
            "pg_temp in front of a name",
            "threats",
            Answer,
            &[
                "CREATE TEMP TABLE patients (name text)",
                "INSERT INTO pg_temp.patients VALUES ('temporary')",
                "SELECT name FROM pg_temp.patients",
            ],
        ),
        Trick(
            "a temporary view shadows a protected table",
            "threats",
            Either,
            &[
                "CREATE TEMP VIEW patients AS SELECT 1 AS id, 'temporary' AS name",
                "SELECT * FROM patients",
            ],
        ),
        Trick(
            "search_path puts a look-alike in front",
            "threats",
            Answer,
            &[
                "CREATE SCHEMA evil",
                "CREATE TABLE evil.patients (id int, name text)",
                "SET LOCAL search_path = evil, public",
                "INSERT INTO patients VALUES (9, 'plain')",
                "SELECT * FROM patients",
                "SELECT ssn FROM public.patients ORDER BY id",
            ],
        ),
        Trick(
            "search_path without public",
            "threats",
            Answer,
            &[
                "SET LOCAL search_path = pg_catalog",
                "SELECT name FROM patients",
            ],
        ),
        Trick(
            "search_path by set_config in the same statement",
            "threats",
            Either,
            &[
                "SELECT set_config('search_path', 'pg_catalog', true), name FROM patients WHERE id = 1",
                "SELECT name FROM public.patients WHERE id = 1",
            ],
        ),
        Trick(
            "a function of another schema hijacks lower()",
            "threats",
            Either,
            &[
                "CREATE SCHEMA evil",
                "CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS 'SELECT name FROM public.patients WHERE id = 1'",
                "SET LOCAL search_path = evil, pg_catalog, public",
                "SELECT lower(room) FROM visits",
            ],
        ),
        Trick(
            "an operator of another schema hijacks =",
            "threats",
            Either,
            &[
                "CREATE SCHEMA evil",
                "CREATE FUNCTION evil.eq(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
                "CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq)",
                "SET LOCAL search_path = evil, pg_catalog, public",
                "SELECT id FROM patients WHERE ssn = 'Hostile Heron 1'",
            ],
        ),
        Trick(
            "a cast between clear types runs a function",
            "threats",
            Either,
            &[
                "CREATE TYPE mood AS ENUM ('Hostile')",
                "CREATE FUNCTION to_mood(int) RETURNS mood LANGUAGE sql AS 'SELECT ''Hostile''::mood'",
                "CREATE CAST (int AS mood) WITH FUNCTION to_mood(int)",
                "SELECT id::mood::text FROM patients",
            ],
        ),
        Trick(
            "a CTE takes a protected table's name",
            "threats",
            Answer,
            &["WITH patients AS (SELECT 1 AS id, 'clear' AS name) SELECT name FROM patients"],
        ),
        Trick(
            "a CTE's name ends with its statement",
            "threats",
            Answer,
            &[
                "SELECT (WITH patients AS (SELECT 'clear' AS name) SELECT name FROM patients), p.name FROM patients p WHERE p.id = 1",
            ],
        ),
        Trick(
            "an alias takes another table's name",
            "threats",
            Answer,
            &[
                "SELECT visits.name, patients.name FROM patients AS visits, visits AS patients WHERE visits.id = patients.patient_id ORDER BY patients.id",
            ],
        ),
        Trick(
            "upper case without quotes is the same table",
            "acra: config case mismatch",
            Answer,
            &[
                "SELECT NAME FROM PATIENTS WHERE ID = 1",
                "INSERT INTO Patients (ID, Name) VALUES (58, 'Hostile Heron 58') RETURNING NAME",
            ],
        ),
        Trick(
            "a quoted name of other case is another table",
            "acra: config case mismatch",
            Answer,
            &[
                "CREATE TABLE \"Patients\" (name text)",
                "INSERT INTO \"Patients\" VALUES ('plain')",
                "SELECT * FROM \"Patients\"",
            ],
        ),
        Trick(
            "schema-qualified names",
            "cipherstash 1",
            Answer,
            &[
                "INSERT INTO public.patients (id, name) VALUES (59, 'Hostile Heron 59')",
                "SELECT public.patients.name FROM public.patients ORDER BY patients.id",
            ],
        ),
        Trick(
            "the database's name before the schema's",
            "cipherstash 1",
            Either,
            &["SELECT name FROM nowhere.public.patients"],
        ),
        Trick(
            "a same-named table in another schema",
            "cipherstash 5.15, acra 2",
            Answer,
            &[
                "CREATE SCHEMA other",
                "CREATE TABLE other.patients (id int, name text)",
                "INSERT INTO other.patients VALUES (1, 'plain')",
                "INSERT INTO patients (id, name) VALUES (60, 'Hostile Heron 60')",
                "SELECT o.name, p.name FROM other.patients o JOIN patients p USING (id)",
            ],
        ),
        Trick(
            "renamed within the transaction",
            "threats: drift",
            Either,
            &[
                "ALTER TABLE visits RENAME TO patients2",
                "ALTER TABLE patients RENAME TO visits",
                "SELECT name FROM visits",
            ],
        ),
        Trick(
            "columns swapped by renaming",
            "threats: drift",
            Refuse,
            &[
                "ALTER TABLE patients RENAME name TO tmp",
                "ALTER TABLE patients RENAME notes TO name",
                "SELECT name FROM patients",
            ],
        ),
    ]);
}

#[test]
fn text_that_becomes_sql() {
    all_of(&[
        Trick(
            "DO tells a column by NOTICE",
            "threats",
            Refuse,
            &[
                "DO $$ DECLARE r record; BEGIN FOR r IN SELECT name FROM patients LOOP RAISE NOTICE '%', r.name; END LOOP; END $$",
            ],
        ),
        Trick(
            "DO builds SQL from strings",
            "threats",
            Refuse,
            &[
                "DO $$ BEGIN EXECUTE 'INSERT INTO visits (id, name) SELECT 9, na' || 'me::text FROM pati' || 'ents'; END $$",
            ],
        ),
        Trick(
            "a function that reads a protected table",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION peek() RETURNS SETOF text LANGUAGE sql AS 'SELECT name::text FROM patients'",
                "SELECT peek()",
            ],
        ),
        Trick(
            "a function with dynamic SQL",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION run(q text) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE q; END $$",
                "SELECT run('SELECT name::text FROM patients')",
            ],
        ),
        Trick(
            "query_to_xml",
            "threats",
            Refuse,
            &["SELECT query_to_xml('SELECT * FROM patients', true, true, '')"],
        ),
        Trick(
            "query_to_xml of a text that is put together",
            "threats",
            Refuse,
            &["SELECT query_to_xml('SELECT * FROM pat' || 'ients', true, true, '')"],
        ),
        Trick(
            "query_to_xml and its relatives about a clear table",
            "threats",
            Either,
            &["SELECT query_to_xml('SELECT id FROM visits ORDER BY id', true, true, '')"],
        ),
        Trick(
            "query_to_xml of a text that a cast cuts",
            "threats",
            Refuse,
            &["SELECT query_to_xml('SELECT name FROM patientsX'::varchar(25), true, true, '')"],
        ),
        Trick(
            "query_to_xml of a text that a user's type of a known name cuts",
            "threats",
            Refuse,
            &[
                "CREATE DOMAIN public.text AS varchar(25)",
                "SET LOCAL search_path = public, pg_catalog",
                "SELECT query_to_xml('SELECT name FROM patientsX'::text, true, true, '')",
            ],
        ),
        Trick(
            "query_to_xml of a text that a temporary type cuts",
            "threats",
            Refuse,
            &[
                "CREATE DOMAIN pg_temp.text AS varchar(25)",
                "SELECT query_to_xml('SELECT name FROM patientsX'::text, true, true, '')",
            ],
        ),
        Trick(
            "set_config of a name that a cast cuts",
            "threats",
            Refuse,
            &[
                "SELECT set_config('client_encodingX'::varchar(15), 'LATIN1', true)",
                "SELECT name FROM patients WHERE id = 1",
            ],
        ),
        Trick(
            "table_to_xml",
            "threats",
            Refuse,
            &["SELECT table_to_xml('patients', true, true, '')"],
        ),
        Trick(
            "table_to_xml by oid",
            "threats",
            Refuse,
            &[
                "SELECT table_to_xml(c.oid, true, true, '') FROM pg_class c WHERE relname LIKE 'patien%'",
            ],
        ),
        Trick(
            "schema_to_xml",
            "threats",
            Refuse,
            &["SELECT schema_to_xml('public', true, true, '')"],
        ),
        Trick(
            "database_to_xml",
            "threats",
            Refuse,
            &["SELECT database_to_xml(true, true, '')"],
        ),
        Trick(
            "cursor_to_xml",
            "threats",
            Refuse,
            &[
                "DECLARE cu CURSOR FOR SELECT name FROM patients",
                "SELECT cursor_to_xml('cu', 10, true, true, '')",
            ],
        ),
        Trick(
            "ts_stat",
            "threats",
            Refuse,
            &[
                "SELECT * FROM ts_stat('SELECT to_tsvector(encode(name::bytea, ''hex'')) FROM patients')",
            ],
        ),
        Trick(
            "ts_rewrite with a query",
            "threats",
            Refuse,
            &[
                "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, ''b''::tsquery FROM patients')",
            ],
        ),
        Trick(
            "crosstab, connectby and dblink",
            "threats",
            Either,
            &["SELECT * FROM crosstab('SELECT id, name, ssn FROM patients') AS c (a int, b text)"],
        ),
        Trick(
            "dblink back into the same database",
            "threats",
            Either,
            &["SELECT * FROM dblink('dbname=x', 'SELECT name FROM patients') AS d (name text)"],
        ),
        Trick(
            "xpath_table",
            "threats",
            Either,
            &[
                "SELECT * FROM xpath_table('id', 'name', 'patients', '/', 'true') AS t (id int, x text)",
            ],
        ),
        Trick(
            "a large object of a cell",
            "threats",
            Refuse,
            &["SELECT lo_from_bytea(0, name::bytea) FROM patients"],
        ),
        Trick(
            "a file of the server",
            "threats",
            Either,
            &["SELECT pg_read_file('postgresql.conf')"],
        ),
        Trick(
            "pg_notify with a column",
            "threats",
            Refuse,
            &["SELECT pg_notify('x', name) FROM patients"],
        ),
        Trick(
            "a cursor's name by refcursor",
            "threats",
            Either,
            &[
                "DECLARE cu CURSOR FOR SELECT name FROM patients ORDER BY id",
                "FETCH ALL FROM cu",
            ],
        ),
        Trick(
            "a rule that copies",
            "threats",
            Refuse,
            &[
                "CREATE RULE r AS ON INSERT TO patients DO ALSO INSERT INTO visits (id, name) VALUES (NEW.id, NEW.name)",
                "INSERT INTO patients (id, name) VALUES (61, 'Hostile Heron 61')",
            ],
        ),
        Trick(
            "a trigger that copies",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION copy_name() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO visits (id, name) VALUES (NEW.id, NEW.name); RETURN NEW; END $$",
                "CREATE TRIGGER t AFTER INSERT ON patients FOR EACH ROW EXECUTE FUNCTION copy_name()",
                "INSERT INTO patients (id, name) VALUES (62, 'Hostile Heron 62')",
            ],
        ),
        Trick(
            "a generated column over a protected one",
            "threats",
            Refuse,
            &[
                "ALTER TABLE patients ADD COLUMN copy text GENERATED ALWAYS AS (name) STORED",
                "SELECT copy FROM patients",
            ],
        ),
        Trick(
            "a row security policy over a protected column",
            "threats",
            Refuse,
            &["CREATE POLICY p ON patients USING (name = 'Hostile Heron 1')"],
        ),
        Trick(
            "a child table that the policy does not name",
            "threats",
            Either,
            &[
                "CREATE TABLE child () INHERITS (patients)",
                "INSERT INTO child (id, name) VALUES (63, 'Hostile Heron 63')",
                "SELECT name FROM patients WHERE id = 63",
            ],
        ),
        Trick(
            "a column that LIKE copies",
            "threats",
            Either,
            &[
                "CREATE TABLE copy (LIKE patients INCLUDING ALL)",
                "INSERT INTO copy (id, name) VALUES (64, 'Hostile Heron 64')",
                "SELECT name FROM copy",
            ],
        ),
        Trick(
            "a check constraint over a protected column",
            "threats",
            Refuse,
            &["ALTER TABLE patients ADD CHECK (name <> 'Hostile Heron 1')"],
        ),
        Trick(
            "an index with an expression over it",
            "threats",
            Refuse,
            &["CREATE INDEX ON patients (lower(name))"],
        ),
        Trick(
            "a partial index with a value",
            "threats",
            Refuse,
            &["CREATE INDEX ON patients (id) WHERE name = 'Hostile Heron 1'"],
        ),
        Trick(
            "statistics over protected columns",
            "threats",
            Either,
            &["CREATE STATISTICS s ON ssn, vip FROM patients"],
        ),
        Trick(
            "the column turned into text",
            "threats",
            Refuse,
            &["ALTER TABLE patients ALTER name TYPE bytea USING name::bytea"],
        ),
        Trick(
            "the schema of the proxy dropped",
            "threats",
            Refuse,
            &["DROP SCHEMA hippocrypt CASCADE"],
        ),
    ]);
}

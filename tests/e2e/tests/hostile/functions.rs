//! Functions that no statement names, names that become calls, and bodies that hide what they touch.

use super::Must::{Answer, Either, Refuse};
use super::{SECRET, Trick, all_of, place, shows_nothing};
use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{self, rows, sqlstate};
use hippocrypt_e2e::sql;

/// Reads a protected table.
const READS: &str =
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'";
/// The same for what must not change.
const READS_OF: &str = "CREATE FUNCTION f(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT name::text FROM patients LIMIT 1'";
/// Refuses a value, and says what it has read.
const SAYS: &str = "CREATE FUNCTION f(text) RETURNS bool LANGUAGE plpgsql AS $$ DECLARE n text := (SELECT name::text FROM patients LIMIT 1); BEGIN RAISE EXCEPTION '%', n; END $$";
/// Writes what it has read into the new row.
const FILLS: &str = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := (SELECT p.name::text FROM patients p LIMIT 1); RETURN NEW; END $$";

#[test]
fn functions_that_no_statement_names() {
    all_of(&[
        Trick(
            "a default that reads",
            "threats",
            Refuse,
            &[
                READS,
                "ALTER TABLE visits ALTER name SET DEFAULT f()",
                "INSERT INTO visits (id) VALUES (9) RETURNING name",
            ],
        ),
        Trick(
            "a default that is made with its table",
            "threats",
            Refuse,
            &[
                READS,
                "CREATE TABLE t (a int, b text DEFAULT f())",
                "INSERT INTO t VALUES (1) RETURNING b",
            ],
        ),
        Trick(
            "a default that becomes one that reads",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'",
                "ALTER TABLE visits ALTER name SET DEFAULT f()",
                "INSERT INTO visits (id) VALUES (9) RETURNING name",
                "CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "INSERT INTO visits (id) VALUES (10) RETURNING name",
            ],
        ),
        Trick(
            "a default through a second function",
            "threats",
            Refuse,
            &[
                READS,
                "CREATE FUNCTION g() RETURNS text LANGUAGE sql AS 'SELECT f()'",
                "ALTER TABLE visits ALTER name SET DEFAULT g()",
                "INSERT INTO visits (id) VALUES (9) RETURNING name",
            ],
        ),
        Trick(
            "a default that INSERT … SELECT, an upsert and COPY take",
            "threats",
            Refuse,
            &[
                READS,
                "CREATE TABLE t (a int PRIMARY KEY, b text DEFAULT f())",
                "COPY t (a) FROM STDIN",
            ],
        ),
        Trick(
            "a default of a temporary table",
            "threats",
            Refuse,
            &[
                READS,
                "CREATE TEMP TABLE t (a int, b text DEFAULT f())",
                "INSERT INTO t VALUES (1) RETURNING b",
            ],
        ),
        Trick(
            "a default copied to a temporary table",
            "threats",
            Refuse,
            &[
                READS,
                "CREATE TABLE t (a int, b text DEFAULT f())",
                "CREATE TEMP TABLE u (LIKE t INCLUDING ALL)",
                "INSERT INTO u VALUES (1) RETURNING b",
            ],
        ),
        Trick(
            "a column that is added with a default that reads",
            "threats",
            Refuse,
            &[
                READS,
                "ALTER TABLE visits ADD COLUMN c text DEFAULT f()",
                "SELECT c FROM visits",
            ],
        ),
        Trick(
            "a USING that reads",
            "threats",
            Refuse,
            &[
                READS,
                "ALTER TABLE visits ALTER room TYPE text USING f()",
                "SELECT room FROM visits",
            ],
        ),
        Trick(
            "a generated column that reads",
            "threats",
            Refuse,
            &[
                READS_OF,
                "CREATE TABLE t (a int, b text GENERATED ALWAYS AS (f(a)) STORED)",
                "INSERT INTO t VALUES (1) RETURNING b",
            ],
        ),
        Trick(
            "a CHECK that reads",
            "threats",
            Refuse,
            &[
                SAYS,
                "CREATE TABLE t (a text CHECK (f(a)))",
                "INSERT INTO t VALUES ('x')",
            ],
        ),
        Trick(
            "a domain that reads",
            "threats",
            Refuse,
            &[
                SAYS,
                "CREATE DOMAIN d AS text CHECK (f(value))",
                "SELECT 'x'::d",
            ],
        ),
        Trick(
            "a domain that reads, of a column",
            "threats",
            Refuse,
            &[
                SAYS,
                "CREATE DOMAIN d AS text CHECK (f(value))",
                "CREATE TABLE t (a d)",
                "INSERT INTO t VALUES ('x')",
            ],
        ),
        Trick(
            "a domain that reads, in an array of a composite type",
            "threats",
            Refuse,
            &[
                SAYS,
                "CREATE DOMAIN d AS text CHECK (f(value))",
                "CREATE TYPE c AS (a d[])",
                "CREATE TABLE t (a c)",
                "INSERT INTO t VALUES ('({x})')",
            ],
        ),
        Trick(
            "an index over a function that reads",
            "threats",
            Refuse,
            &[
                "CREATE TABLE t (a int)",
                READS_OF,
                "CREATE UNIQUE INDEX ON t (f(a))",
                "INSERT INTO t VALUES (1), (2)",
            ],
        ),
        Trick(
            "an index whose function becomes one that reads",
            "threats",
            Refuse,
            &[
                "CREATE TABLE t (a int)",
                "CREATE FUNCTION f(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''x''::text'",
                "CREATE UNIQUE INDEX ON t (f(a))",
                "CREATE OR REPLACE FUNCTION f(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT name::text FROM patients LIMIT 1'",
                "INSERT INTO t VALUES (1), (2)",
            ],
        ),
        Trick(
            "a partition key that reads",
            "threats",
            Refuse,
            &[
                READS_OF,
                "CREATE TABLE t (a int) PARTITION BY LIST (f(a))",
                "INSERT INTO t VALUES (1)",
            ],
        ),
        Trick(
            "a row security policy that reads",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f(text) RETURNS bool LANGUAGE plpgsql AS $$ DECLARE n text := (SELECT name::text FROM patients LIMIT 1); BEGIN RAISE NOTICE '%', n; RETURN true; END $$",
                "CREATE POLICY p ON visits USING (f(room))",
                "ALTER TABLE visits ENABLE ROW LEVEL SECURITY",
                "ALTER TABLE visits FORCE ROW LEVEL SECURITY",
                "SELECT room FROM visits",
            ],
        ),
        Trick(
            "a view that calls",
            "threats",
            Refuse,
            &[READS, "CREATE VIEW v AS SELECT f() AS n", "SELECT n FROM v"],
        ),
        Trick(
            "a view of a view that calls",
            "threats",
            Refuse,
            &[
                READS,
                "CREATE VIEW v AS SELECT f() AS n",
                "CREATE VIEW w AS SELECT n FROM v",
                "SELECT n FROM w",
            ],
        ),
        Trick(
            "a trigger of a clear table",
            "threats",
            Refuse,
            &[
                FILLS,
                "CREATE TRIGGER t BEFORE INSERT ON visits FOR EACH ROW EXECUTE FUNCTION f()",
                "INSERT INTO visits (id) VALUES (9) RETURNING name",
            ],
        ),
        Trick(
            "a trigger that a cascade fires",
            "threats",
            Refuse,
            &[
                "CREATE TABLE up (id int PRIMARY KEY)",
                "CREATE TABLE down (id int REFERENCES up ON UPDATE CASCADE, name text)",
                "INSERT INTO up VALUES (1)",
                "INSERT INTO down VALUES (1)",
                FILLS,
                "CREATE TRIGGER t BEFORE UPDATE ON down FOR EACH ROW EXECUTE FUNCTION f()",
                "UPDATE up SET id = 2",
            ],
        ),
        Trick(
            "a trigger of a partition",
            "threats",
            Refuse,
            &[
                "CREATE TABLE t (id int, name text) PARTITION BY LIST (id)",
                "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)",
                FILLS,
                "CREATE TRIGGER t BEFORE INSERT ON t1 FOR EACH ROW EXECUTE FUNCTION f()",
                "INSERT INTO t VALUES (1) RETURNING name",
            ],
        ),
        Trick(
            "a trigger on TRUNCATE",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n text := (SELECT name::text FROM patients LIMIT 1); BEGIN RAISE NOTICE '%', n; RETURN NULL; END $$",
                "CREATE TRIGGER t BEFORE TRUNCATE ON visits EXECUTE FUNCTION f()",
                "TRUNCATE visits",
            ],
        ),
        Trick(
            "an operator that reads",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f(int, int) RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "CREATE OPERATOR %% (LEFTARG = int, RIGHTARG = int, FUNCTION = f)",
                "SELECT 1 %% 2",
            ],
        ),
        Trick(
            "an operator that CASE and USING find by name",
            "threats",
            Refuse,
            &[
                "CREATE TYPE c AS ENUM ('a', 'b')",
                "CREATE FUNCTION f(c, int) RETURNS bool LANGUAGE plpgsql AS $$ DECLARE n text := (SELECT name::text FROM patients LIMIT 1); BEGIN RAISE NOTICE '%', n; RETURN true; END $$",
                "CREATE OPERATOR = (LEFTARG = c, RIGHTARG = int, FUNCTION = f)",
                "SELECT CASE 'a'::c WHEN 1 THEN 1 END",
            ],
        ),
        Trick(
            "a cast that reads",
            "threats",
            Refuse,
            &[
                "CREATE TYPE c AS ENUM ('a', 'b')",
                "CREATE FUNCTION f(c) RETURNS int LANGUAGE plpgsql AS $$ DECLARE n text := (SELECT name::text FROM patients LIMIT 1); BEGIN RAISE NOTICE '%', n; RETURN 1; END $$",
                "CREATE CAST (c AS int) WITH FUNCTION f(c) AS IMPLICIT",
                "CREATE TABLE t (a c)",
                "INSERT INTO t VALUES ('a')",
                "SELECT a + 1 FROM t",
            ],
        ),
        Trick(
            "an aggregate that reads",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f(text, text) RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "CREATE AGGREGATE first_of(text) (SFUNC = f, STYPE = text)",
                "SELECT first_of(room) FROM visits",
            ],
        ),
        Trick(
            "an aggregate that reads nothing protected",
            "threats",
            Answer,
            &[
                "CREATE FUNCTION f(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $2'",
                "CREATE AGGREGATE all_of(text) (SFUNC = f, STYPE = text, INITCOND = '')",
                "SELECT all_of(room ORDER BY id) FROM visits",
            ],
        ),
        Trick(
            "REFRESH of a view that calls",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'",
                "CREATE MATERIALIZED VIEW v AS SELECT f() AS n",
                "CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "REFRESH MATERIALIZED VIEW v",
                "SELECT n FROM v",
            ],
        ),
        Trick(
            "defaults, triggers, operators and aggregates that touch nothing protected",
            "threats",
            Answer,
            &[
                "CREATE FUNCTION stamp() RETURNS text LANGUAGE sql AS 'SELECT ''ward ''::text || 1'",
                "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.room := upper(NEW.room); RETURN NEW; END $$",
                "ALTER TABLE visits ALTER name SET DEFAULT stamp()",
                "CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION keep()",
                "INSERT INTO visits (id, room) VALUES (9, 'x') RETURNING *",
                "CREATE VIEW stamped AS SELECT stamp() AS s, room FROM visits",
                "SELECT * FROM stamped ORDER BY 2",
                "UPDATE visits SET room = 'y' WHERE id = 9 RETURNING room",
            ],
        ),
    ]);
}

#[test]
fn names_that_are_calls() {
    all_of(&[
        Trick(
            "a function written as a column",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f(visits) RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "SELECT v.f FROM visits v",
            ],
        ),
        Trick(
            "a function written as a field",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f(visits) RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "SELECT (v).f FROM visits v",
            ],
        ),
        Trick(
            "a polymorphic function written as a column",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f(anyelement) RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "SELECT v.f FROM visits v",
            ],
        ),
        Trick(
            "a function written as a field of a value",
            "threats",
            Refuse,
            &[READS_OF, "SELECT (1).f"],
        ),
        Trick(
            "ts_stat written as a field",
            "threats",
            Refuse,
            &["SELECT ('SELECT to_tsvector(name::text) FROM patients'::text).ts_stat"],
        ),
        Trick(
            "a computed column that reads nothing protected",
            "threats",
            Answer,
            &[
                "CREATE FUNCTION label(visits) RETURNS text LANGUAGE sql AS 'SELECT $1.room || $1.name'",
                "SELECT v.label, (v).label FROM visits v ORDER BY id",
            ],
        ),
        Trick(
            "a column written as a function",
            "threats",
            Refuse,
            &["SELECT name(patients) FROM patients"],
        ),
        Trick(
            "a search path, then a call",
            "threats",
            Refuse,
            &[
                "CREATE SCHEMA elsewhere",
                "CREATE FUNCTION elsewhere.f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM public.patients LIMIT 1'",
                "SET LOCAL search_path = elsewhere; SELECT f()",
            ],
        ),
        Trick(
            "set_config of the search path, then a call",
            "threats",
            Refuse,
            &[
                "CREATE SCHEMA elsewhere",
                "CREATE FUNCTION elsewhere.f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM public.patients LIMIT 1'",
                "SELECT set_config('search_path', 'elsewhere', true); SELECT f()",
            ],
        ),
        Trick(
            "a search path, then an INSERT with a default",
            "threats",
            Refuse,
            &[
                "CREATE SCHEMA elsewhere",
                "CREATE FUNCTION elsewhere.f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM public.patients LIMIT 1'",
                "CREATE TABLE elsewhere.t (a int, b text DEFAULT elsewhere.f())",
                "SET LOCAL search_path = elsewhere; INSERT INTO t VALUES (1) RETURNING b",
            ],
        ),
        Trick(
            "a function made and copied out",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'; COPY (SELECT f()) TO STDOUT",
            ],
        ),
        Trick(
            "a function made and explained",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'; EXPLAIN ANALYZE SELECT f()",
            ],
        ),
        Trick(
            "a function made and used for a new column",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'; ALTER TABLE visits ADD c text DEFAULT f()",
            ],
        ),
        Trick(
            "a function renamed and called",
            "threats",
            Refuse,
            &[READS, "ALTER FUNCTION f() RENAME TO g; SELECT g()"],
        ),
        Trick(
            "a function moved and called",
            "threats",
            Refuse,
            &[
                "CREATE SCHEMA elsewhere",
                "CREATE FUNCTION elsewhere.f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM public.patients LIMIT 1'",
                "ALTER FUNCTION elsewhere.f() SET SCHEMA public; SELECT f()",
            ],
        ),
        Trick(
            "a default set and taken in one string",
            "threats",
            Refuse,
            &[
                READS,
                "ALTER TABLE visits ALTER name SET DEFAULT f(); INSERT INTO visits (id) VALUES (9) RETURNING name",
            ],
        ),
        Trick(
            "a view made and read in one string",
            "threats",
            Refuse,
            &[READS, "CREATE VIEW v AS SELECT f() AS n; SELECT n FROM v"],
        ),
        Trick(
            "a trigger made and fired in one string",
            "threats",
            Refuse,
            &[
                FILLS,
                "CREATE TRIGGER t BEFORE INSERT ON visits FOR EACH ROW EXECUTE FUNCTION f(); INSERT INTO visits (id) VALUES (9) RETURNING name",
            ],
        ),
        Trick(
            "a temporary function",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION pg_temp.g() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT pg_temp.g()'",
                "SELECT f()",
            ],
        ),
        Trick(
            "a domain in the temporary schema",
            "threats",
            Refuse,
            &[
                SAYS,
                "CREATE DOMAIN pg_temp.d AS text CHECK (f(value))",
                "SELECT 'x'::pg_temp.d",
            ],
        ),
        Trick(
            "an extension that is given a function",
            "threats",
            Either,
            &[
                "CREATE EXTENSION hstore",
                READS,
                "ALTER EXTENSION hstore ADD FUNCTION f()",
                "SELECT f()",
            ],
        ),
    ]);
}

#[test]
fn bodies_that_hide_what_they_touch() {
    all_of(&[
        Trick(
            "BEGIN ATOMIC",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT name::text FROM patients LIMIT 1; END",
                "SELECT f()",
            ],
        ),
        Trick(
            "RETURN",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql RETURN (SELECT name::text FROM patients LIMIT 1)",
                "SELECT f()",
            ],
        ),
        Trick(
            "BEGIN ATOMIC that touches nothing protected",
            "threats",
            Answer,
            &[
                "CREATE FUNCTION f(r text) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT id FROM visits WHERE room = r; END",
                "SELECT f('A')",
            ],
        ),
        Trick(
            "a quoted name",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT \"name\"::text FROM \"patients\" LIMIT 1'",
                "SELECT f()",
            ],
        ),
        Trick(
            "a name in Unicode escapes",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT name::text FROM U&\"p\\0061tients\" LIMIT 1 $$",
                "SELECT f()",
            ],
        ),
        Trick(
            "a name of 64 bytes",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT secret::text FROM a_name_that_is_sixty_three_bytes_long_so_that_one_more_is_cut_xy LIMIT 1'",
                "SELECT f()",
            ],
        ),
        Trick(
            "a string that ends elsewhere with standard_conforming_strings off",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '\\' || (SELECT name::text FROM patients LIMIT 1) || '; --' $$",
                "SELECT f()",
            ],
        ),
        Trick(
            "dollar quotes in dollar quotes",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION g() RETURNS text LANGUAGE plpgsql AS $a$ DECLARE n text := $b$ $c$ $d$ $b$; BEGIN EXECUTE $b$ SELECT name::text FROM patients LIMIT 1 $b$ INTO n; RETURN n; END $a$",
                "SELECT g()",
            ],
        ),
        Trick(
            "a comment that ends in CR",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS E'SELECT --\\r name::text FROM patients LIMIT 1'",
                "SELECT f()",
            ],
        ),
        Trick(
            "a search path of its own",
            "threats",
            Refuse,
            &[
                "CREATE SCHEMA elsewhere",
                "CREATE FUNCTION elsewhere.f() RETURNS text LANGUAGE sql SET search_path = public AS 'SELECT name::text FROM patients LIMIT 1'",
                "SELECT elsewhere.f()",
            ],
        ),
        Trick(
            "SECURITY DEFINER",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT name::text FROM patients LIMIT 1'",
                "SELECT f()",
            ],
        ),
        Trick(
            "RETURN QUERY EXECUTE",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT name::text FROM pat' || 'ients'; END $$",
                "SELECT f()",
            ],
        ),
        Trick(
            "OPEN … FOR EXECUTE",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE c refcursor := 'c'; BEGIN OPEN c FOR EXECUTE 'SELECT name::text FROM pat' || 'ients'; RETURN c; END $$",
                "SELECT f()",
                "FETCH ALL FROM c",
            ],
        ),
        Trick(
            "PERFORM",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION g(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', $1; END $$",
                "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM g(name::text) FROM patients; END $$",
                "SELECT f()",
            ],
        ),
        Trick(
            "RETURN QUERY FETCH of the session's cursor",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY FETCH ALL FROM c; END $$",
                "DECLARE c CURSOR FOR SELECT name FROM patients",
                "SELECT f()",
            ],
        ),
        Trick(
            "a loop over FETCH of the session's cursor",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN FOR r IN FETCH ALL FROM c LOOP RETURN NEXT r.name; END LOOP; END $$",
                "DECLARE c CURSOR FOR SELECT name FROM patients",
                "SELECT f()",
            ],
        ),
        Trick(
            "EXECUTE of the session's prepared statement",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'EXECUTE p'; END $$",
                "PREPARE p AS SELECT name FROM patients",
                "SELECT f()",
            ],
        ),
        Trick(
            "COPY in a body",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN COPY patients TO '/tmp/heron'; END $$",
                "SELECT f()",
            ],
        ),
        Trick(
            "a cursor of a body",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$ DECLARE c CURSOR FOR SELECT name::text AS n FROM patients; BEGIN FOR r IN c LOOP RETURN r.n; END LOOP; END $$",
                "SELECT f()",
            ],
        ),
        Trick(
            "#variable_conflict",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$\n#variable_conflict use_column\nDECLARE patients text; BEGIN RETURN (SELECT p.name::text FROM patients p LIMIT 1); END $$",
                "SELECT f()",
            ],
        ),
        Trick(
            "a second function of the name",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f(int) RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'",
                "CREATE FUNCTION f(bigint) RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "SELECT f(3000000000)",
            ],
        ),
        Trick(
            "a default argument",
            "threats",
            Refuse,
            &[
                READS,
                "CREATE FUNCTION g(text DEFAULT f()) RETURNS text LANGUAGE sql AS 'SELECT $1'",
                "SELECT g()",
            ],
        ),
        Trick(
            "an INSERT whose default reads",
            "threats",
            Refuse,
            &[
                READS,
                "ALTER TABLE visits ALTER name SET DEFAULT f()",
                "CREATE FUNCTION g() RETURNS text LANGUAGE sql AS 'INSERT INTO visits (id) VALUES (9) RETURNING name'",
                "SELECT g()",
            ],
        ),
        Trick(
            "an operator of a body",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f(int, int) RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'",
                "CREATE OPERATOR %% (LEFTARG = int, RIGHTARG = int, FUNCTION = f)",
                "CREATE FUNCTION g() RETURNS text LANGUAGE sql AS 'SELECT 1 %% 2'",
                "SELECT g()",
            ],
        ),
        Trick(
            "the statement's own text",
            "threats",
            Refuse,
            &[
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO visits (id, room) VALUES (99, current_query()); RETURN NEW; END $$",
                "CREATE TRIGGER t AFTER INSERT ON patients FOR EACH ROW EXECUTE FUNCTION f()",
                "INSERT INTO patients (id, name) VALUES (70, 'Hostile Heron 70')",
                "SELECT room FROM visits WHERE id = 99",
            ],
        ),
        Trick(
            "what ANALYZE has sampled",
            "threats",
            Refuse,
            &[
                "ANALYZE patients",
                "CREATE FUNCTION f() RETURNS SETOF text LANGUAGE sql AS 'SELECT most_common_vals::text || histogram_bounds::text FROM pg_stats'",
                "SELECT f()",
            ],
        ),
    ]);
}

fn functions_of_another(place: &Place, statement: &str) -> Option<String> {
    let mut client = place.raw("app");
    let answer = client.query(statement);
    shows_nothing(&answer).unwrap();
    sqlstate(&answer)
}

/// What was made around the proxy, by whoever may, is found in the shared catalog too.
#[test]
fn a_superusers_event_trigger() {
    let place = place();
    let mut client = place.raw("app");
    client.query("CREATE TEMP TABLE scratch (id int)");
    let thief = place.thief();
    let make = |statement: &str| sql::rows(&thief, statement).unwrap();
    make(
        "CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE n text := (SELECT name::text FROM patients LIMIT 1); BEGIN RAISE NOTICE '%', n; END $$;
         CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION watch()",
    );
    // reads the catalog anew, and fires no trigger
    client.query("DISCARD TEMP");
    client.query("SELECT 1");
    for ddl in [
        "ALTER TABLE visits ADD COLUMN seen int",
        "CREATE TABLE t (a int)",
        "SELECT 1 AS a INTO u",
        "COMMENT ON TABLE visits IS 'x'",
    ] {
        let code = functions_of_another(&place, ddl);
        assert_eq!(code.as_deref(), Some("0A000"), "{ddl}");
    }
    assert_eq!(
        functions_of_another(&place, "SELECT room FROM visits"),
        None
    );
    place.assert_hidden(SECRET);
}

/// A prepared statement is judged again when what it runs has changed.
#[test]
fn a_prepared_insert_whose_default_changes() {
    let place = place();
    let mut client = place.raw("app");
    let setup = [
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'",
        "ALTER TABLE visits ALTER name SET DEFAULT f()",
    ];
    for statement in setup {
        assert_eq!(sqlstate(&client.query(statement)), None, "{statement}");
    }
    client.pipeline(&[
        raw::parse(
            "s",
            "INSERT INTO visits (id) VALUES ($1) RETURNING name",
            &[],
        ),
        raw::sync(),
    ]);
    client.until_ready();
    let mut run = |id: &[u8]| {
        client.pipeline(&[
            raw::bind("", "s", &[Some(id)], 0),
            raw::execute("", 0),
            raw::sync(),
        ]);
        client.until_ready()
    };
    assert_eq!(rows(&run(b"30")), [[Some("x".to_owned())]]);
    let other = "CREATE OR REPLACE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT name::text FROM patients LIMIT 1'";
    assert_eq!(functions_of_another(&place, other), None);
    let answer = run(b"31");
    shows_nothing(&answer).unwrap();
    assert_eq!(sqlstate(&answer).as_deref(), Some("0A000"));
}

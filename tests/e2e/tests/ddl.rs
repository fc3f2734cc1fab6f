//! An app's own migrations: tables, constraints, defaults, indexes, triggers made through the proxy hold as on
//! the plain twin, and what the server says against them quotes no cell.

use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{self, Raw, comparable, rows, sqlstate};
use hippocrypt_e2e::{Setup, sql};

const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.patients:
        subject: id
        columns:
          name:   { type: text,         protect: random }
          ssn:    { type: varchar(11),  protect: deterministic }
          notes:  { type: text,         protect: random }
          status: { type: varchar(20),  protect: deterministic }
          born:   { type: date,         protect: random }
      public.claims:
        columns:
          patient_ssn: { type: varchar(11), protect: deterministic, group: public.patients.ssn }
          note:        { type: text,        protect: random }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

const CANARIES: [&str; 5] = [
    "Mia Marmoset",
    "900-88-000",
    "marmoset by default",
    "marmoset status",
    "marmoset note",
];

/// Each is sent to both; the answers are the same.
const SAME: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS patients (id serial PRIMARY KEY, name text COLLATE \"C\" NOT NULL DEFAULT 'marmoset by default'::text, ssn varchar(11) CHECK (ssn <> '') CONSTRAINT one UNIQUE, notes text, status varchar(20) DEFAULT 'marmoset status' NOT NULL CHECK (status IN ('marmoset status', 'gone')), born date CHECK (born IS NULL OR city IS NOT NULL), city varchar(30), updated_at timestamptz)",
    "CREATE TABLE claims (id int PRIMARY KEY, patient_ssn varchar(11) REFERENCES patients (ssn) ON DELETE CASCADE DEFERRABLE, note text, amount numeric(10,2), EXCLUDE USING hash (patient_ssn WITH =) WHERE (amount > 100))",
    "CREATE UNIQUE INDEX IF NOT EXISTS by_status ON patients USING btree (status varchar_pattern_ops DESC, id) WHERE status = 'gone'",
    "CREATE INDEX CONCURRENTLY by_ssn ON claims (patient_ssn varchar_pattern_ops)",
    "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at := '2020-01-01 00:00:00+00'; RETURN NEW; END $$",
    "CREATE TRIGGER touch BEFORE UPDATE ON patients FOR EACH ROW WHEN (NEW.name IS NOT NULL) EXECUTE FUNCTION touch()",
    // defaults, in every form of INSERT
    "INSERT INTO patients (ssn) VALUES ('900-88-0001'), ('900-88-0002')",
    "INSERT INTO patients (ssn, name) VALUES ('900-88-0003', DEFAULT), ('900-88-0004', 'Mia Marmoset') RETURNING id, name, status",
    "INSERT INTO patients DEFAULT VALUES RETURNING name, status, ssn",
    "INSERT INTO patients VALUES (DEFAULT) RETURNING id, name",
    "INSERT INTO patients (id, city) SELECT 100 + n, 'x' FROM generate_series(1, 2) AS n ORDER BY n RETURNING id, name",
    "INSERT INTO patients (id, ssn) OVERRIDING USER VALUE VALUES (200, '900-88-0200') ON CONFLICT (id) DO UPDATE SET name = DEFAULT RETURNING name",
    "INSERT INTO patients (id, ssn) VALUES (1, NULL) ON CONFLICT (id) DO UPDATE SET name = excluded.name, notes = 'marmoset note' RETURNING name, notes, updated_at",
    "UPDATE patients SET name = 'Mia Marmoset', notes = DEFAULT WHERE id = 1 RETURNING name, notes, updated_at",
    "UPDATE patients SET (name, status) = (DEFAULT, DEFAULT) WHERE id = 1 RETURNING name, status",
    "SELECT id, name, ssn, status FROM patients ORDER BY id",
    // what holds, holds
    "INSERT INTO patients (ssn) VALUES ('')",
    "INSERT INTO patients (ssn) VALUES ('900-88-0001')",
    "INSERT INTO patients (ssn, name) VALUES ('900-88-0009', NULL)",
    "INSERT INTO patients (status) VALUES ('other')",
    "INSERT INTO patients (status) VALUES (NULL)",
    "INSERT INTO patients (born) VALUES ('2000-01-01')",
    "INSERT INTO claims VALUES (1, '900-88-0001', 'marmoset note', 200)",
    "INSERT INTO claims VALUES (2, '900-88-0001', NULL, 200)",
    "INSERT INTO claims VALUES (3, '900-88-7777', NULL, 1)",
    "DELETE FROM patients WHERE ssn = '900-88-0001'",
    "SELECT count(*) FROM claims",
    // changes
    "ALTER TABLE patients ADD COLUMN email varchar(254) NOT NULL DEFAULT '', ALTER COLUMN ssn SET STATISTICS 10, ALTER notes SET DEFAULT 'marmoset note', ALTER name DROP DEFAULT",
    "INSERT INTO patients (name) VALUES ('Mia Marmoset') RETURNING notes, email",
    "INSERT INTO patients (ssn) VALUES ('900-88-0010')",
    "ALTER TABLE patients ALTER ssn TYPE varchar(11) USING ssn::varchar(11), ALTER city TYPE text",
    "ALTER TABLE patients ALTER notes SET NOT NULL",
    "ALTER TABLE patients ADD CONSTRAINT status_known CHECK (status IN ('marmoset status', 'gone', 'new')) NOT VALID",
    "ALTER TABLE patients VALIDATE CONSTRAINT status_known",
    "ALTER TABLE patients RENAME CONSTRAINT status_known TO known",
    "ALTER TABLE patients DROP CONSTRAINT known",
    "ALTER TABLE patients DROP COLUMN email",
    "ALTER TABLE patients RENAME COLUMN city TO town",
    "CREATE UNIQUE INDEX once ON public.patients (status)",
    "ALTER TABLE public.claims ADD UNIQUE (patient_ssn, amount)",
    "COMMENT ON COLUMN patients.ssn IS 'a number'",
    "GRANT SELECT (ssn) ON patients TO billing",
    "ANALYZE patients (ssn)",
    "CREATE STATISTICS s ON status, town FROM patients",
    "ALTER INDEX by_ssn RENAME TO by_number",
    "REINDEX TABLE patients",
    "DROP TRIGGER touch ON patients",
    "CREATE FUNCTION patients_of(t text) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM pg_catalog.pg_class WHERE relname = t'",
    "SELECT patients_of('claims')",
    "DO $$ DECLARE n int := 0; BEGIN FOR i IN 1..3 LOOP n := n + i; END LOOP; RAISE NOTICE 'n is %', n; END $$",
    "DROP TABLE claims",
];

/// Refused, each with a way out.
const REFUSED: &[&str] = &[
    "ALTER TABLE claims ADD UNIQUE (note)",
    "CREATE INDEX ON patients (lower(name))",
    "CREATE INDEX ON patients USING gin (name gin_trgm_ops)",
    "ALTER TABLE patients ADD CHECK (length(name) > 0)",
    "ALTER TABLE patients ALTER name SET DEFAULT current_user",
    "ALTER TABLE patients ALTER ssn TYPE varchar(20)",
    "ALTER TABLE patients DROP CONSTRAINT hippocrypt_ssn",
    "ALTER TABLE patients RENAME TO people",
    "ALTER TABLE patients RENAME ssn TO number",
    "CREATE TRIGGER t AFTER INSERT ON patients REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION touch()",
    "CREATE TRIGGER t BEFORE UPDATE ON patients FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION touch()",
    "CREATE TRIGGER t BEFORE UPDATE ON patients FOR EACH ROW EXECUTE FUNCTION takes_name()",
    "SELECT counts_patients()",
    "DO $$ BEGIN PERFORM count(*) FROM patients; END $$",
    "DO $$ BEGIN EXECUTE 'SELECT 1'; END $$",
    "SET search_path = public; SELECT counts_patients()",
];

fn place() -> (Place, Raw, Raw) {
    let place = Setup::policy(POLICY).start();
    let (through, twin) = (place.raw("app"), place.raw_twin("app"));
    (place, through, twin)
}

/// Where the proxy answers the statements otherwise than the twin, or with a cell.
pub(crate) fn differences(through: &mut Raw, twin: &mut Raw, statements: &[&str]) -> String {
    let mut wrong = String::new();
    for statement in statements {
        let (got, wanted) = (through.query(statement), twin.query(statement));
        // a server's error about cells has its DETAIL taken off
        let without_detail = |messages: &[raw::Message]| -> Vec<String> {
            let mut fields = |m: &raw::Message| match m.tag {
                'E' => {
                    let mut fields = m.fields();
                    fields.retain(|k, _| "SCMsctnd".contains(*k));
                    format!("{fields:?}")
                }
                _ => comparable(std::slice::from_ref(m)).concat(),
            };
            messages.iter().map(&mut fields).collect()
        };
        let (a, b) = (without_detail(&got), without_detail(&wanted));
        if a != b {
            wrong += &format!("{statement}\n  got    {a:?}\n  wanted {b:?}\n");
        }
        let said = format!("{got:?}").to_lowercase();
        for cell in ["\\\\xf5e1", "f5e101", "f5e102"] {
            if said.contains(cell) {
                wrong += &format!("{statement}\n  a cell is in the answer: {got:?}\n");
            }
        }
    }
    wrong
}

#[test]
fn migrations_hold_as_on_the_twin_and_quote_no_cell() {
    let (place, mut through, mut twin) = place();
    let wrong = differences(&mut through, &mut twin, SAME);
    assert!(wrong.is_empty(), "{wrong}");
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

/// A whole migration in one string, as Prisma, Flyway and `psql -c` send it; what stands behind DDL in it means the
/// tables as the DDL leaves them.
const STRINGS: &[&str] = &[
    "CREATE SCHEMA IF NOT EXISTS \"public\";
     CREATE TYPE \"Mood\" AS ENUM ('OK', 'SAD');
     CREATE TABLE \"patients\" (\"id\" SERIAL NOT NULL, \"name\" TEXT NOT NULL, \"ssn\" VARCHAR(11), \"notes\" TEXT, \"status\" VARCHAR(20), \"born\" DATE, \"city\" TEXT, CONSTRAINT \"patients_pkey\" PRIMARY KEY (\"id\"));
     CREATE TABLE \"claims\" (\"id\" INTEGER NOT NULL, \"patient_ssn\" VARCHAR(11), \"note\" TEXT);
     CREATE TABLE \"visits\" (\"id\" INTEGER PRIMARY KEY, \"room\" TEXT, \"mood\" \"Mood\" NOT NULL DEFAULT 'OK');
     -- an index; and a key
     CREATE UNIQUE INDEX \"patients_ssn_key\" ON \"patients\"(\"ssn\");
     ALTER TABLE \"claims\" ADD CONSTRAINT \"claims_fkey\" FOREIGN KEY (\"patient_ssn\") REFERENCES \"patients\"(\"ssn\") ON DELETE SET NULL ON UPDATE CASCADE;
     INSERT INTO patients (name, ssn, born) VALUES ('Mia Marmoset', '900-88-0001', '1980-01-02'), ('Mia Marmoset', '900-88-0002', NULL) RETURNING id, name, ssn;
     INSERT INTO claims VALUES (1, '900-88-0001', 'marmoset note');
     INSERT INTO visits SELECT id, 'A' FROM patients;
     SELECT p.*, c.*, v.room, v.mood = 'OK' FROM patients p JOIN claims c ON c.patient_ssn = p.ssn JOIN visits v ON v.id = p.id WHERE p.ssn = '900-88-0001'",
    "ALTER TABLE patients ADD COLUMN x int DEFAULT 5, DROP COLUMN city, ALTER notes SET NOT NULL; SELECT 1",
    "ALTER TABLE patients ADD COLUMN x int DEFAULT 5, DROP COLUMN city, ALTER born SET STATISTICS 5; INSERT INTO patients VALUES (7, 'Mia Marmoset', '900-88-0007', NULL, 'marmoset status', '2000-01-01', 6); SELECT * FROM patients ORDER BY id; UPDATE patients SET x = 8 WHERE ssn = '900-88-0007' RETURNING *",
    "CREATE TABLE IF NOT EXISTS patients (id int, name text, ssn varchar(11), notes text, status varchar(20), born date); SELECT * FROM patients ORDER BY id",
    // it fails: nothing of it stays
    "ALTER TABLE patients ADD COLUMN y int; INSERT INTO patients (id, name, y) VALUES (7, 'Mia Marmoset', 1); SELECT * FROM patients",
    "SELECT * FROM patients ORDER BY id",
    "INSERT INTO claims VALUES (2, '900-88-0099', NULL)",
    "ALTER TABLE claims DROP CONSTRAINT claims_fkey; INSERT INTO claims VALUES (2, '900-88-0009', NULL); TABLE claims",
    // another order of columns
    "DROP TABLE IF EXISTS claims, nowhere; CREATE TABLE claims (note text, amount int, patient_ssn varchar(11)); INSERT INTO claims VALUES ('marmoset note', 1, '900-88-0002'); SELECT * FROM claims",
    "CREATE TABLE t (a int, \"B c\" text, id serial); INSERT INTO t (a, \"B c\") SELECT id, 'x' FROM patients ORDER BY id; SELECT t.*, p.name FROM t, patients p WHERE p.id = t.a ORDER BY t.id",
    "ALTER TABLE claims ADD COLUMN amount int DEFAULT 3, DROP COLUMN amount; SELECT * FROM claims; INSERT INTO claims VALUES ('marmoset note', '900-88-0002', 4) RETURNING *",
    "BEGIN; ALTER TABLE claims ADD COLUMN more text, ALTER amount DROP NOT NULL; INSERT INTO claims VALUES (NULL, '900-88-0002', NULL, 'x') RETURNING *",
    "INSERT INTO claims VALUES ('marmoset note', NULL, NULL, 'y') RETURNING *; ALTER TABLE claims DROP COLUMN amount; SELECT * FROM claims; ROLLBACK",
    "SELECT * FROM claims",
    "CREATE INDEX ON claims (patient_ssn); DROP INDEX claims_patient_ssn_idx; ANALYZE claims; SELECT count(*) FROM claims WHERE patient_ssn = '900-88-0002'",
    // a default is known when the string is over
    "ALTER TABLE claims ALTER note SET DEFAULT 'marmoset note', ALTER amount SET DEFAULT 7; INSERT INTO claims (note, patient_ssn) VALUES ('marmoset note', '900-88-0001') RETURNING *",
    "INSERT INTO claims (patient_ssn) VALUES ('900-88-0001') RETURNING *; ALTER TABLE claims ALTER note DROP DEFAULT; INSERT INTO claims (amount) VALUES (8) RETURNING *",
    "CREATE INDEX ON visits2 (id)",
    // names and COPY in the same string
    "BEGIN; ALTER TABLE claims ADD COLUMN w int; DECLARE c CURSOR FOR SELECT * FROM claims; FETCH ALL FROM c; COMMIT",
    "ALTER TABLE claims DROP COLUMN w; PREPARE p AS SELECT * FROM claims WHERE patient_ssn = $1",
    "EXECUTE p ('900-88-0002')",
    "ALTER TABLE claims ADD COLUMN w int; COPY claims TO STDOUT; COPY (SELECT note, w FROM claims) TO STDOUT",
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'patients'::regclass ORDER BY 1",
];

/// Of the same string, and refused: what comes before does not run.
const STRINGS_REFUSED: &[&str] = &[
    "DROP TABLE claims; SELECT note FROM claims",
    "DROP TABLE patients CASCADE; SELECT note FROM claims",
    "ALTER TABLE claims ADD COLUMN z text; CREATE INDEX ON claims (note)",
    "ALTER TABLE claims ALTER note SET DEFAULT 'marmoset note'; INSERT INTO claims DEFAULT VALUES",
    "DROP TABLE claims; CREATE TABLE claims (note text DEFAULT 'marmoset note', patient_ssn varchar(11)); INSERT INTO claims (patient_ssn) VALUES ('x')",
    "DROP TABLE claims; CREATE TABLE claims (note text, patient_ssn varchar(11)) PARTITION BY LIST (patient_ssn); CREATE INDEX ON claims (octet_length(note))",
    "CREATE SCHEMA elsewhere; SET search_path = elsewhere; CREATE TABLE claims (note text); INSERT INTO claims VALUES ('marmoset note')",
    "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.claims (note text); INSERT INTO claims VALUES ('marmoset note')",
    "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM patients'; CREATE TABLE u (a bigint DEFAULT f()); INSERT INTO u DEFAULT VALUES",
    "PREPARE p AS SELECT note FROM claims; ALTER TABLE claims ADD COLUMN z text; EXECUTE p",
];

#[test]
fn a_string_of_ddl_is_judged_as_it_leaves_the_tables() {
    let (place, mut through, mut twin) = place();
    let wrong = differences(&mut through, &mut twin, STRINGS);
    assert!(wrong.is_empty(), "{wrong}");
    let dumped = || {
        let dump = place.dump();
        // pg_dump draws a new token each time
        let lines = dump.lines().filter(|l| !l.contains("restrict "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = dumped();
    for statement in STRINGS_REFUSED {
        let answer = through.query(statement);
        let refused = sqlstate(&answer);
        assert!(
            matches!(refused.as_deref(), Some("0A000" | "42P01")),
            "{statement}: {answer:?}"
        );
    }
    assert_eq!(dumped(), before);
    // what another session sees
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let wrong = differences(&mut through, &mut twin, &["TABLE patients", "TABLE claims"]);
    assert!(wrong.is_empty(), "{wrong}");
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

#[test]
fn what_cannot_hold_is_refused_and_nothing_of_it_goes_on() {
    let (place, mut through, _) = place();
    for statement in [
        SAME[0],
        SAME[1],
        SAME[4],
        "CREATE FUNCTION takes_name() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', NEW.name; RETURN NEW; END $$",
        "CREATE FUNCTION counts_patients() RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE r record := (SELECT p FROM patients p LIMIT 1); BEGIN RETURN 1; END $$",
    ] {
        assert_eq!(sqlstate(&through.query(statement)), None, "{statement}");
    }
    for statement in REFUSED {
        let answer = through.query(statement);
        let error = answer.iter().find(|m| m.tag == 'E');
        let fields = error
            .unwrap_or_else(|| panic!("{statement}: {answer:?}"))
            .fields();
        assert_eq!(fields[&'C'], "0A000", "{statement}: {fields:?}");
        assert!(fields.contains_key(&'H'), "{statement}: {fields:?}");
    }
    drop(place);
}

#[test]
fn a_default_of_a_random_column_is_a_fresh_cell_in_every_row() {
    let (place, mut through, _) = place();
    through.query(SAME[0]);
    through.query("INSERT INTO patients (ssn) VALUES ('900-88-0001'), ('900-88-0002'), (NULL)");
    through.pipeline(&[
        raw::parse(
            "i",
            "INSERT INTO patients (ssn) VALUES ($1), (NULL) RETURNING name",
            &[],
        ),
        raw::describe(b'S', "i"),
        raw::bind("", "i", &[Some(b"900-88-0003")], 0),
        raw::execute("", 0),
        raw::bind("", "i", &[Some(b"900-88-0004")], 0),
        raw::execute("", 0),
        raw::sync(),
    ]);
    let answer = through.until_ready();
    let default = Some("marmoset by default".to_owned());
    assert_eq!(rows(&answer), vec![vec![default]; 4], "{answer:?}");
    let described = answer.iter().find(|m| m.tag == 't').expect("parameters");
    assert_eq!(described.body[..2], [0, 1], "one parameter is the client's");
    let cells = sql::rows(
        &place.thief(),
        "SELECT count(*), count(DISTINCT name::bytea), count(DISTINCT status::bytea) FROM patients",
    );
    let text = |s: &str| Some(s.to_owned());
    assert_eq!(cells.unwrap(), [[text("7"), text("7"), text("1")]]);
    place.assert_hidden("marmoset by default");
    // around the proxy, the default is a cell like any other
    sql::rows(
        &place.thief(),
        "INSERT INTO patients (city) VALUES ('around')",
    )
    .unwrap();
    let seen = through.query("SELECT name, status FROM patients WHERE city = 'around'");
    assert_eq!(
        rows(&seen),
        [[text("marmoset by default"), text("marmoset status")]]
    );
}

#[test]
fn a_deferred_constraint_quotes_no_cell_at_commit() {
    let (_place, mut through, mut twin) = place();
    for client in [&mut through, &mut twin] {
        client.query(&SAME[0].replace("one UNIQUE", "one UNIQUE DEFERRABLE"));
        client.query("INSERT INTO patients (ssn) VALUES ('900-88-0001')");
        client.query("BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO patients (ssn) VALUES ('900-88-0001')");
    }
    let (got, wanted) = (through.query("COMMIT"), twin.query("COMMIT"));
    assert_eq!(sqlstate(&got), sqlstate(&wanted));
    assert_eq!(sqlstate(&got).as_deref(), Some("23505"));
    assert!(!format!("{got:?}").contains("xf5e1"), "{got:?}");
}

#[test]
fn a_deferred_constraint_of_a_table_in_clear_says_what_it_always_says() {
    let (_place, mut through, mut twin) = place();
    let raising = "CREATE FUNCTION telling() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION \
                   USING ERRCODE = ''unique_violation'', MESSAGE = ''told'', DETAIL = ''secret'', \
                   SCHEMA = ''public'', TABLE = ''rooms'', CONSTRAINT = ''rooms_pkey''; END'";
    for client in [&mut through, &mut twin] {
        for step in [
            SAME[0],
            "CREATE TABLE rooms (id int PRIMARY KEY, code int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TABLE beds (room int REFERENCES rooms DEFERRABLE INITIALLY DEFERRED)",
            "INSERT INTO rooms VALUES (1, 1)",
        ] {
            assert_eq!(sqlstate(&client.query(step)), None, "{step}");
        }
    }
    let mut both = |step: &str| (through.query(step), twin.query(step));
    for wrong in [
        "INSERT INTO rooms VALUES (2, 1)",
        "INSERT INTO beds VALUES (7)",
    ] {
        for end in ["COMMIT", "SET CONSTRAINTS ALL IMMEDIATE"] {
            both("BEGIN");
            both(wrong);
            let (got, wanted) = both(end);
            assert!(format!("{wanted:?}").contains("'D': \"Key ("), "{wanted:?}");
            assert_eq!(got, wanted);
            both("ROLLBACK");
        }
    }
    // at the Sync of a transaction that no BEGIN opened
    let pipelined = |client: &mut Raw| {
        client.pipeline(&[
            raw::parse("", "INSERT INTO beds VALUES (8)", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::sync(),
        ]);
        client.until_ready()
    };
    assert_eq!(pipelined(&mut through), pipelined(&mut twin));
    // one that only says that it is of such a table
    let mut both = |step: &str| (through.query(step), twin.query(step));
    both(raising);
    both(
        "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON beds DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION telling()",
    );
    both("BEGIN");
    both("INSERT INTO beds VALUES (1)");
    let (got, wanted) = both("COMMIT");
    assert!(format!("{wanted:?}").contains("secret"), "{wanted:?}");
    assert!(!format!("{got:?}").contains("secret"), "{got:?}");
}

/// Of an error at COMMIT that is of no constraint: it names tables, where the server says so itself.
#[test]
fn on_commit_beside_a_foreign_key_says_between_which_tables() {
    let (_place, mut through, mut twin) = place();
    let raising = "CREATE FUNCTION telling() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION \
                   USING ERRCODE = ''feature_not_supported'', MESSAGE = ''told'', DETAIL = ''secret''; END'";
    let mut both = |step: &str| (through.query(step), twin.query(step));
    both(SAME[0]);
    both("BEGIN");
    both("CREATE TEMP TABLE one (id int PRIMARY KEY) ON COMMIT DELETE ROWS");
    both("CREATE TEMP TABLE two (id int REFERENCES one)");
    let (got, wanted) = both("COMMIT");
    let detail = "Table \\\"two\\\" references \\\"one\\\"";
    assert!(format!("{wanted:?}").contains(detail), "{wanted:?}");
    assert_eq!(got, wanted);
    both("CREATE TABLE rooms (id int)");
    both(raising);
    both(
        "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON rooms DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION telling()",
    );
    both("BEGIN");
    both("INSERT INTO rooms VALUES (1)");
    let (got, wanted) = both("COMMIT");
    assert_eq!(sqlstate(&got).as_deref(), Some("0A000"), "{got:?}");
    assert!(format!("{wanted:?}").contains("secret"), "{wanted:?}");
    assert!(!format!("{got:?}").contains("secret"), "{got:?}");
}

#[test]
fn behind_a_function_made_in_the_same_string_where_the_policy_trusts_all_of_them() {
    let trusting = POLICY.replace(
        "    tables:",
        "    functions: { \"*.*\": trusted }\n    tables:",
    );
    let string = "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'; \
                  CREATE TABLE clear (id int); INSERT INTO clear VALUES (twice(21))";
    let place = Setup::policy(&trusting).start();
    let mut app = place.raw("app");
    let answer = app.query(string);
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    assert_eq!(
        rows(&app.query("SELECT id FROM clear")),
        [[Some("42".to_owned())]]
    );
    // what is protected is still not judged by a catalog from before the string
    place.both("CREATE TABLE patients (id int, name text, ssn varchar(11), notes text, status varchar(20), born date)");
    let protected = app.query(
        "CREATE OPERATOR CLASS odd FOR TYPE bytea USING hash AS OPERATOR 1 =; \
         SELECT name FROM patients",
    );
    assert_eq!(sqlstate(&protected).as_deref(), Some("0A000"));
    // and without the trust it is as before
    let place = Setup::policy(POLICY).start();
    let answer = place.raw("app").query(string);
    assert_eq!(sqlstate(&answer).as_deref(), Some("0A000"), "{answer:?}");
}

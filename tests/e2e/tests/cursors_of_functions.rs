//! Cursors that a function has opened which the policy trusts: what has neither a cell's type nor a cell's text comes as
//! from the plain twin, and nothing else does, however it is fetched.

use hippocrypt_e2e::raw::{self, Message, comparable, rows, sqlstate};
use hippocrypt_e2e::{Place, Setup, Sides};

const TRUSTING: &str = "
databases:
  DATABASE:
    functions: { \"*.*\": trusted }
    tables:
      public.patients: { columns: { name: { type: text, protect: random } } }
default: clear
";

const TABLES: &str = "CREATE TABLE patients (id int, name text);
INSERT INTO patients VALUES (1, 'Fetched Ferret'), (2, 'Other Ferret');
CREATE TABLE plain (id int, word text);
INSERT INTO plain VALUES (1, 'one'), (2, 'two'), (3, NULL);
CREATE FUNCTION opened(refcursor, text) RETURNS refcursor LANGUAGE plpgsql AS $$ BEGIN OPEN $1 SCROLL FOR EXECUTE $2; RETURN $1; END $$;
CREATE FUNCTION again(refcursor, text) RETURNS refcursor LANGUAGE plpgsql AS $$ BEGIN CLOSE $1; OPEN $1 FOR EXECUTE $2; RETURN $1; END $$;
CREATE FUNCTION held(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR ' || $1; END $$;
CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM opened('fired', 'SELECT name FROM patients'); RETURN NULL; END $$;
CREATE TRIGGER fires AFTER UPDATE ON plain FOR EACH STATEMENT EXECUTE FUNCTION fired();
CREATE TABLE late (id int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fired()";

/// Queries whose rows hold no cell.
const CLEAR: &[&str] = &[
    "SELECT id, word, word::varchar(2) AS v, word::name AS n FROM plain ORDER BY id",
    "SELECT 1.5::numeric, 2::int8, 3::int2, true, 'x'::text, ARRAY[1, 2], ARRAY['a'], now() - now() AS i, DATE '2020-01-02'",
    "SELECT id FROM patients ORDER BY id",
    "SELECT count(*) FROM patients WHERE name IS NOT NULL",
    "SELECT 'plain'::regclass, '{}'::uuid[]",
    "SELECT FROM plain",
];

/// Queries that give one in some form.
const CELLS: &[&str] = &[
    "SELECT name FROM patients",
    "SELECT id, name FROM patients ORDER BY id",
    "SELECT name::bytea AS name FROM patients",
    "SELECT ARRAY[name] FROM patients",
    "SELECT array_agg(name) FROM patients",
    "SELECT patients FROM patients",
    "SELECT ROW(name) FROM patients",
    "SELECT array_agg(patients) FROM patients",
    "SELECT to_json(patients) FROM patients",
    "SELECT jsonb_agg(name) FROM patients",
    "SELECT name::text FROM patients",
    "SELECT 'it is ' || name::text AS t FROM patients",
    "SELECT ARRAY[name::text] FROM patients",
    "SELECT row_to_json(patients)::text FROM patients",
    "SELECT patients::text FROM patients",
    "SELECT xmlelement(name a, patients::text) FROM patients",
    "SELECT id, CASE WHEN id = 2 THEN name::text ELSE 'x' END AS t FROM patients ORDER BY id",
    // not said to be anything
    "SELECT NULL::bytea AS b, id FROM plain",
];

/// Errors with what is said of them, for ours would be others.
fn answer(messages: &[Message]) -> Vec<String> {
    let seen = messages.iter().filter(|m| !"NSA".contains(m.tag));
    let one = |m: &Message| match m.tag {
        'E' => vec![format!(
            "E {:?}",
            ['S', 'C', 'M'].map(|f| m.fields().get(&f).cloned())
        )],
        _ => comparable(std::slice::from_ref(m)),
    };
    seen.flat_map(one).collect()
}

fn shows_nothing(messages: &[Message], of: &str) {
    for message in messages {
        let text = String::from_utf8_lossy(&message.body).into_owned();
        let cell = ["f5e1", "365", "9eE"]
            .iter()
            .any(|form| text.contains(form));
        let raw = message.body.windows(2).any(|w| w == [0xf5, 0xe1]);
        assert!(!cell && !raw, "{of}: {message:?}");
    }
}

fn start() -> (Place, Sides) {
    let place = Setup::policy(TRUSTING).start();
    let mut sides = Sides::new(&place, answer);
    sides.prepare(TABLES);
    (place, sides)
}

fn refused(sides: &mut Sides, step: &str) {
    let answer = sides.through.query(step);
    is_refused(sides, &answer, step);
}

fn refused_frames(sides: &mut Sides, frames: &[Vec<u8>], of: &str) {
    sides.through.pipeline(frames);
    let answer = sides.through.until_ready();
    is_refused(sides, &answer, of);
}

fn is_refused(sides: &mut Sides, answer: &[Message], of: &str) {
    assert_eq!(
        sqlstate(answer).as_deref(),
        Some("0A000"),
        "{of}: {answer:?}"
    );
    shows_nothing(answer, of);
    // an error there, too, so that the transactions are the same
    sides.twin.query("SELECT $0");
}

fn fetch(text: &str, format: u16) -> Vec<Vec<u8>> {
    vec![
        raw::parse("", text, &[]),
        raw::bind("", "", &[], format),
        raw::describe(b'P', ""),
        raw::execute("", 0),
        raw::sync(),
    ]
}

fn text(query: &str) -> String {
    query.replace('\'', "''")
}

#[test]
fn rows_that_hold_no_cell_are_the_plain_ones() {
    let (_place, mut sides) = start();
    for query in CLEAR {
        sides.same("BEGIN");
        let opens = sides.same(&format!("SELECT opened('c', '{}')", text(query)));
        assert_eq!(sqlstate(&opens), None, "{query}: {opens:?}");
        let answer = sides.same("FETCH 1 FROM c");
        assert_eq!(sqlstate(&answer), None, "{query}: {answer:?}");
        sides.same("FETCH ALL FROM c");
        sides.same("MOVE ABSOLUTE 0 IN c");
        for format in [0, 1] {
            let answer = sides.same_frames(&fetch("FETCH FORWARD 2 FROM c", format));
            assert_eq!(sqlstate(&answer), None, "{query}: {answer:?}");
        }
        // no description was asked for
        let mut frames = fetch("FETCH BACKWARD 1 FROM c", 0);
        frames.remove(2);
        sides.same_frames(&frames);
        // a few rows at a time
        let mut frames = vec![
            raw::parse("", "MOVE ABSOLUTE 0 IN c", &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
            raw::parse("", "FETCH ALL FROM c", &[]),
            raw::bind("p", "", &[], 0),
        ];
        frames.extend([
            raw::execute("p", 1),
            raw::execute("p", 2),
            raw::execute("p", 0),
        ]);
        frames.push(raw::sync());
        let answer = sides.same_frames(&frames);
        assert_eq!(sqlstate(&answer), None, "{query}: {answer:?}");
        sides.same("CLOSE c");
        sides.same("COMMIT");
        // and in one string
        let opens = format!("SELECT opened('c', '{}')", text(query));
        sides.same(&format!("{opens}; FETCH ALL FROM c; SELECT 1"));
        sides.same(&format!("SELECT held('{}')", text(query)));
        sides.same("FETCH 1 FROM held");
        sides.same("CLOSE held");
    }
    // opened in the pipeline that fetches
    let mut frames = fetch(
        "SELECT opened('c', 'SELECT id, word FROM plain ORDER BY id')",
        0,
    );
    frames.truncate(4);
    frames.extend(fetch("FETCH ALL FROM c", 0));
    let answer = sides.same_frames(&frames);
    assert_eq!(rows(&answer).len(), 4, "{answer:?}");
}

#[test]
fn no_form_of_a_cell_gets_out() {
    let (place, mut sides) = start();
    for output in ["hex", "escape"] {
        sides.same(&format!("SET bytea_output = {output}"));
        for query in CELLS {
            let opens = format!("SELECT opened('c', '{}')", text(query));
            sides.same("BEGIN");
            sides.same(&opens);
            sides.same("MOVE 0 IN c");
            refused(&mut sides, "FETCH ALL FROM c");
            // as after any error
            sides.same("FETCH ALL FROM c");
            sides.same("ROLLBACK");
            if output == "escape" {
                continue; // what differs is a value's text
            }
            for format in [0, 1] {
                for described in [true, false] {
                    sides.same("BEGIN");
                    sides.same(&opens);
                    let mut frames = fetch("FETCH ALL FROM c", format);
                    if !described {
                        frames.remove(2);
                    }
                    refused_frames(&mut sides, &frames, query);
                    sides.same("ROLLBACK");
                }
            }
            // in the string, or the pipeline, that opens it
            refused(&mut sides, &format!("BEGIN; {opens}; FETCH ALL FROM c"));
            sides.through.query("ROLLBACK");
            let mut frames = fetch(&opens, 0);
            frames.truncate(4);
            frames.extend(fetch("FETCH ALL FROM c", 0));
            refused_frames(&mut sides, &frames, query);
            sides.same(&format!("SELECT held('{}')", text(query)));
            refused(&mut sides, "FETCH ALL FROM held");
            sides.same("CLOSE held");
        }
    }
    place.assert_hidden("Ferret");
}

#[test]
fn it_is_the_same_wherever_it_was_opened() {
    let (place, mut sides) = start();
    sides.same("BEGIN");
    sides.same("UPDATE plain SET id = id");
    refused(&mut sides, "FETCH ALL FROM fired");
    sides.same("ROLLBACK");
    // what was deferred runs before the FETCH
    sides.same("BEGIN");
    sides.same("INSERT INTO late VALUES (1)");
    sides.same("SET CONSTRAINTS ALL IMMEDIATE");
    refused(&mut sides, "FETCH fired");
    sides.same("ROLLBACK");
    sides.same("BEGIN");
    sides.same("DO $$ BEGIN PERFORM opened('d', 'SELECT name FROM patients'); END $$");
    refused(&mut sides, "FETCH d");
    sides.same("ROLLBACK");
    place.assert_hidden("Ferret");
}

/// A portal has the columns of the cursor that was there when it was bound, and reads the one that is there when it runs.
#[test]
fn another_cursor_by_the_name_is_not_read_by_the_first_ones_columns() {
    let (place, mut sides) = start();
    let opens = |function: &str, query: &str| format!("SELECT {function}('c', '{query}')");
    let bound = [
        raw::close(b'S', "f"),
        raw::parse("f", "FETCH 1 FROM c", &[]),
        raw::bind("p", "f", &[], 0),
        raw::sync(),
    ];
    let run = [raw::execute("p", 0), raw::sync()];
    for before in ["SELECT word FROM plain", "SELECT name FROM patients"] {
        for after in [
            "SELECT name FROM patients",
            "SELECT name::text FROM patients",
        ] {
            sides.same("BEGIN");
            sides.same(&opens("opened", before));
            sides.same_frames(&bound);
            sides.same(&opens("again", after));
            refused_frames(&mut sides, &run, after);
            sides.same("ROLLBACK");
            // the client's own, and then a function's
            sides.same("BEGIN");
            sides.same(&format!("DECLARE c CURSOR FOR {before}"));
            sides.same_frames(&bound);
            sides.same("CLOSE c");
            sides.same(&opens("opened", after));
            refused_frames(&mut sides, &run, after);
            sides.same("ROLLBACK");
        }
        // two portals of one statement
        sides.same("BEGIN");
        sides.same(&opens("opened", "SELECT name FROM patients"));
        sides.same_frames(&bound);
        sides.same(&opens("again", before));
        sides.same_frames(&[raw::bind("q", "f", &[], 0), raw::sync()]);
        refused_frames(&mut sides, &run, before);
        sides.same("ROLLBACK");
    }
    place.assert_hidden("Ferret");
}

/// What the server says against a FETCH could quote a value.
#[test]
fn an_error_of_such_a_cursor_quotes_nothing() {
    let (_place, mut sides) = start();
    for query in [
        "SELECT name::text::int FROM patients",
        "SELECT 1 / (id - 2) FROM patients ORDER BY id",
    ] {
        sides.same("BEGIN");
        sides.same(&format!("SELECT opened('c', '{query}')"));
        let answer = sides.through.query("FETCH ALL FROM c");
        assert!(
            sqlstate(&answer).is_some_and(|c| c.starts_with("22")),
            "{answer:?}"
        );
        shows_nothing(&answer, query);
        assert!(sqlstate(&sides.twin.query("FETCH ALL FROM c")).is_some());
        sides.same("ROLLBACK");
    }
}

/// `cursor_to_xml` reads a cursor that the session has declared over tables in clear, and no other.
#[test]
fn a_function_that_reads_a_cursor_reads_a_clear_one() {
    let (place, mut sides) = start();
    let reads = "SELECT cursor_to_xml('c'::refcursor, 5, false, true, '')";
    for query in [
        "SELECT id, word FROM plain ORDER BY id",
        "SELECT id FROM plain WHERE id > 1",
    ] {
        sides.same("BEGIN");
        sides.same(&format!("DECLARE c SCROLL CURSOR FOR {query}"));
        for step in [
            reads,
            "MOVE BACKWARD ALL IN c",
            "SELECT cursor_to_xml('c', 1, true, false, 'x'), cursor_to_xml('c', 1, true, false, 'x')",
        ] {
            let answer = sides.same(step);
            assert_eq!(sqlstate(&answer), None, "{step}: {answer:?}");
        }
        // which has the name of the database
        let schema = "SELECT replace(cursor_to_xmlschema('c', true, false, '')::text, current_database(), '')";
        let answer = sides.same(schema);
        assert_eq!(sqlstate(&answer), None, "{answer:?}");
        let mut frames = fetch("SELECT cursor_to_xml('c', 1, true, false, '')", 0);
        frames.remove(2);
        sides.same("MOVE BACKWARD ALL IN c");
        sides.same_frames(&frames);
        sides.same("COMMIT");
    }
    let over_cells = "DECLARE c CURSOR FOR SELECT id, name FROM patients";
    for (opens, reads) in [
        (over_cells, reads),
        ("DECLARE c CURSOR FOR SELECT id FROM patients", reads),
        (
            "DECLARE c CURSOR FOR SELECT query FROM pg_stat_activity",
            reads,
        ),
        ("DECLARE c CURSOR FOR SELECT pg_get_viewdef(1)", reads),
        ("SELECT opened('c', 'SELECT name FROM patients')", reads),
        ("SELECT opened('c', 'SELECT id FROM plain')", reads),
        (
            over_cells,
            "SELECT cursor_to_xmlschema('c', true, false, '')",
        ),
        ("DECLARE \"C\" CURSOR FOR SELECT id FROM plain", reads),
        // which cursor is not in the text
        (
            "DECLARE c CURSOR FOR SELECT id FROM plain",
            "SELECT cursor_to_xml(lower('C')::refcursor, 5, false, true, '')",
        ),
        (
            "DECLARE c CURSOR FOR SELECT id FROM plain; DECLARE cc CURSOR FOR SELECT name FROM patients",
            "SELECT cursor_to_xml('cc'::char(1)::refcursor, 5, false, true, '')",
        ),
        (
            "DECLARE c CURSOR FOR SELECT id FROM plain; DECLARE d CURSOR FOR SELECT name FROM patients",
            "SELECT cursor_to_xml('c', 1, true, false, ''), cursor_to_xml('d', 1, true, false, '')",
        ),
        (
            "DECLARE c CURSOR FOR SELECT id FROM plain",
            "SELECT again('c', 'SELECT name FROM patients'), cursor_to_xml('c', 1, true, false, '')",
        ),
        (
            "DECLARE c CURSOR FOR SELECT id FROM plain",
            "PREPARE x AS SELECT cursor_to_xml('c', 1, true, false, '')",
        ),
        (
            "DECLARE c CURSOR FOR SELECT id FROM plain",
            "CREATE VIEW x AS SELECT cursor_to_xml('c', 1, true, false, '')",
        ),
        (
            "DECLARE c CURSOR FOR SELECT id FROM plain",
            "CLOSE c; DECLARE c CURSOR FOR SELECT name FROM patients; SELECT cursor_to_xml('c', 1, true, false, '')",
        ),
    ] {
        sides.same("BEGIN");
        sides.same(opens);
        refused(&mut sides, reads);
        sides.same("ROLLBACK");
    }
    // bound while it was clear
    sides.same("BEGIN");
    sides.same("DECLARE c CURSOR FOR SELECT id FROM plain");
    sides.same_frames(&[
        raw::parse("x", "SELECT cursor_to_xml('c', 1, true, false, '')", &[]),
        raw::bind("p", "x", &[], 0),
        raw::sync(),
    ]);
    sides.same("CLOSE c");
    sides.same(over_cells);
    refused_frames(
        &mut sides,
        &[raw::execute("p", 0), raw::sync()],
        "bound before",
    );
    sides.same("ROLLBACK");
    sides.same("BEGIN");
    sides.same(over_cells);
    refused_frames(
        &mut sides,
        &[raw::bind("", "x", &[], 0), raw::execute("", 0), raw::sync()],
        "bound after",
    );
    sides.same("ROLLBACK");
    place.assert_hidden("Ferret");
}

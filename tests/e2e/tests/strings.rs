//! Backslashes in plain strings under `standard_conforming_strings = off`: what is sealed is what PostgreSQL would have
//! stored, and a string ends where the server ends it, whenever the setting changed.

use hippocrypt_e2e::raw::{self, Message, comparable, rows, sqlstate};
use hippocrypt_e2e::{Place, Setup, Sides};

const POLICY: &str = "
databases:
  DATABASE:
    tables:
      public.people:
        columns:
          name: { type: text, protect: random }
          code: { type: text, protect: deterministic }
      public.activity: { columns: { what: { type: text, protect: random } } }
default: clear
";

const TABLES: &str = "CREATE TABLE people (id int, name text, code text, plain text);
CREATE TABLE activity (id int, what text);
INSERT INTO activity VALUES (1, 'Slash Sparrow')";

/// What may stand between the quotes (scan.l, xe): each is another value under `on`.
const FORMS: &[&str] = &[
    r"Slash Sparrow",
    r"Slash\tSparrow",
    r"\b\f\n\r\t",
    r"a\\b",
    r"\\",
    r"\\\\",
    r"\'",
    r"it\'s",
    r"it''s \'quoted\'",
    r"\a\q\z\%\_\-",
    r"\1\12\123\1234",
    r"\x4\x41\x414\X41",
    r"\xc3\xa9",
    r"\303\251",
    r"\u00e9\u0041",
    r"\U0001F600",
    r"\uD83D\uDE00",
    "\\\nover the line",
    "a'\n'b\\'c",
    "a\\\\'\n'\\tb",
    r"{\'a\',\\}",
    // not strings of UTF-8 at all
    r"\xff",
    r"\000",
    r"\x0",
    r"\u0000",
    r"\uD83D",
    r"\u12",
    r"\U12345678",
];

fn place() -> Place {
    let place = Setup::policy(POLICY).start();
    place.both(TABLES);
    place
}

/// Errors by code, for ours never repeat a value.
fn answer(messages: &[Message]) -> Vec<String> {
    let one = |m: &Message| match m.tag {
        'E' => vec![format!("E{}", m.sqlstate())],
        'N' => Vec::new(),
        _ => comparable(std::slice::from_ref(m)),
    };
    messages.iter().flat_map(one).collect()
}

/// Both refuse it, each in its own words.
fn failed(sides: &mut Sides, text: &str) {
    for client in [&mut sides.through, &mut sides.twin] {
        let answer = client.query(text);
        assert!(sqlstate(&answer).is_some(), "{text}: {answer:?}");
    }
}

fn run(text: &str) -> [Vec<u8>; 3] {
    [
        raw::parse("", text, &[]),
        raw::bind("", "", &[], 0),
        raw::execute("", 0),
    ]
}

#[test]
fn every_escape_is_sealed_as_what_it_means() {
    let place = place();
    let mut sides = Sides::new(&place, answer);
    sides.same("SET standard_conforming_strings TO off");
    let mut stored = 0;
    for (id, form) in FORMS.iter().enumerate() {
        for quoted in [format!("'{form}'"), format!("E'{form}'")] {
            let insert = format!(
                "INSERT INTO people VALUES ({id}, {quoted}, {quoted}) RETURNING name, code"
            );
            let (here, there) = (sides.through.query(&insert), sides.twin.query(&insert));
            if sqlstate(&there).is_some() {
                assert!(sqlstate(&here).is_some(), "{insert}: {here:?}");
                continue;
            }
            assert_eq!(answer(&here), answer(&there), "{insert}");
            let row = rows(&here).remove(0);
            assert!(row.iter().all(|v| *v == row[0]), "{insert}: {row:?}");
            let found = sides.same(&format!(
                "SELECT count(*) > 0 FROM people WHERE code = {quoted}"
            ));
            assert_eq!(rows(&found), [[Some("t".to_owned())]], "{quoted}");
            let mut frames = run(&format!(
                "UPDATE people SET name = {quoted} WHERE code IN ({quoted}, 'x\\'y') RETURNING name"
            ))
            .to_vec();
            frames.push(raw::sync());
            sides.same_frames(&frames);
            stored += 1;
        }
    }
    assert!(stored >= 40, "{stored}");
    sides.same("SELECT id, name, code FROM people ORDER BY id");
    place.assert_hidden("Sparrow");
}

#[test]
fn what_is_no_plain_string_means_the_same() {
    let place = place();
    let mut sides = Sides::new(&place, answer);
    sides.same("SET standard_conforming_strings TO off");
    for text in [
        r"INSERT INTO people VALUES (1, $$Sparrow's \n$$, $q$\'$q$, N'\'n') RETURNING *",
        r#"SELECT name AS "a\b", code AS "c\" FROM people WHERE code = $$\'$$"#,
        r"SELECT 'a\' or 1=1 --', name FROM people",
        r"SELECT code FROM people WHERE code = 'x\' OR 1=1 --' OR code = '\\\''",
        r"SELECT '\\', name, 'it\'s' FROM people /* \' */ WHERE id = 1 -- \'",
        r"INSERT INTO people (id, plain) VALUES (2, 'a\'), (3, \'b') RETURNING plain",
        r"SELECT count(*) FROM people WHERE code = '\'' ESCAPE '\\'",
        r"SELECT plain LIKE '%\\%%' FROM people ORDER BY id",
        r"PREPARE p AS SELECT name, '\'' FROM people WHERE code = $1",
        r"EXECUTE p ('\\\'')",
        r"COMMENT ON TABLE people IS 'it\'s'",
        r"DO '-- \''",
    ] {
        let (here, there) = (sides.through.query(text), sides.twin.query(text));
        match sqlstate(&here).as_deref() {
            Some("0A000") => {}
            _ => assert_eq!(answer(&here), answer(&there), "{text}"),
        }
    }
    // PostgreSQL has no such strings under off
    failed(&mut sides, r"SELECT U&'\0061', name FROM people");
    failed(
        &mut sides,
        r"INSERT INTO people (name) VALUES (U&'!0061' UESCAPE '!')",
    );
    place.assert_hidden("Sparrow");
}

#[test]
fn settings_beside_it_are_the_servers() {
    let place = place();
    let mut sides = Sides::new(&place, answer);
    let said = |messages: &[Message]| -> Vec<_> {
        let notices = messages.iter().filter(|m| m.tag == 'N');
        let fields = |m: &Message| ['C', 'M', 'H', 'P'].map(|f| m.fields().get(&f).cloned());
        notices.map(fields).collect()
    };
    for (strings, warning, quote) in [
        ("off", "on", "safe_encoding"),
        ("off", "off", "on"),
        ("off", "on", "off"),
        ("on", "on", "off"),
    ] {
        sides.same(&format!(
            "SET standard_conforming_strings = {strings}; SET escape_string_warning = {warning}; SET backslash_quote = {quote}"
        ));
        for text in [
            r"SELECT '\\', 'a\tb', $$\$$",
            r"SELECT E'\'', E'\\'",
            r"INSERT INTO people (name, plain) VALUES ('Slash Sparrow', 'a\tb') RETURNING name, plain, '\\'",
        ] {
            let (here, there) = (sides.through.query(text), sides.twin.query(text));
            assert_eq!(answer(&here), answer(&there), "{text}");
            assert_eq!(said(&here), said(&there), "{text}");
        }
    }
}

/// ParameterStatus comes when a pipeline is over.
#[test]
fn a_setting_that_changes_in_a_pipeline_holds_for_what_is_behind_it() {
    let place = place();
    let mut sides = Sides::new(&place, answer);
    let off = "SET standard_conforming_strings TO off";
    let insert = r"INSERT INTO people (id, name, code) VALUES (1, 'Slash Sparrow \', 2, ', 'c\\') RETURNING *";
    let mut frames = run(off).to_vec();
    frames.extend(run(insert));
    frames.extend(run("SET standard_conforming_strings TO on"));
    frames.extend(run(
        r"SELECT name, '\', code FROM people WHERE code = 'c\' OR code = 'x'",
    ));
    frames.push(raw::sync());
    let answer = sides.same_frames(&frames);
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    assert_eq!(rows(&answer)[0][1].as_deref(), Some("Slash Sparrow ', 2, "));
    // and where the server undoes it
    let mut frames = run("BEGIN").to_vec();
    frames.extend(run("SET LOCAL standard_conforming_strings TO off"));
    frames.extend(run(r"SELECT code FROM people WHERE code = 'c\\'"));
    frames.extend(run("ROLLBACK"));
    frames.extend(run(r"SELECT code FROM people WHERE code = 'c\'"));
    frames.push(raw::sync());
    let answer = sides.same_frames(&frames);
    assert_eq!(rows(&answer).len(), 2, "{answer:?}");
    place.assert_hidden("Sparrow");
}

/// The server keeps what a text was when it was parsed.
#[test]
fn a_prepared_statement_keeps_its_strings() {
    let place = place();
    let mut sides = Sides::new(&place, answer);
    let texts = [
        (
            "i",
            r"INSERT INTO people (id, name, code, plain) VALUES (1, 'a\\b', 'a\\b', 'a\\b') RETURNING name, code, plain",
        ),
        ("s", r"SELECT name, code FROM people WHERE code = 'a\\b'"),
    ];
    for (before, after) in [("on", "off"), ("off", "on")] {
        sides.same(&format!("SET standard_conforming_strings TO {before}"));
        for (name, text) in texts {
            sides.same_frames(&[raw::parse(name, text, &[]), raw::sync()]);
        }
        sides.same(&format!("PREPARE q AS {}", texts[1].1));
        sides.same(&format!("SET standard_conforming_strings TO {after}"));
        for judged_anew in [false, true] {
            if judged_anew {
                sides.same("CREATE TABLE another (id int)");
                sides.same("DROP TABLE another");
            }
            for (name, _) in texts {
                let run = [
                    raw::bind("", name, &[], 0),
                    raw::execute("", 0),
                    raw::sync(),
                ];
                let answer = sides.same_frames(&run);
                assert_eq!(sqlstate(&answer), None, "{before} {name}: {answer:?}");
                let value = if before == "on" { r"a\\b" } else { r"a\b" };
                assert_eq!(rows(&answer)[0][0].as_deref(), Some(value));
            }
            sides.same("EXECUTE q");
        }
        sides.same("DEALLOCATE ALL");
        sides.same("DELETE FROM people");
    }
}

/// One escape is two things: a letter to the server, a blank to a later grammar.
#[test]
fn an_escape_that_hides_a_name_is_refused() {
    let place = place();
    let mut client = place.raw("app");
    for (strings, quote) in [("on", "E'"), ("off", "'"), ("off", "E'")] {
        client.query(&format!("SET standard_conforming_strings TO {strings}"));
        for text in [
            format!(r"SELECT query_to_xml({quote}SELECT what FROM acti\vity', true, false, '')"),
            format!(r"SELECT table_to_xml({quote}acti\vity', true, false, '')"),
            format!(
                r"DO {quote}DECLARE w text; BEGIN SELECT what::text INTO w FROM acti\vity; RAISE NOTICE ''%'', w; END'"
            ),
            format!(r"INSERT INTO people (name) VALUES ({quote}a\vb')"),
        ] {
            let answer = client.query(&text);
            assert_eq!(
                sqlstate(&answer).as_deref(),
                Some("0A000"),
                "{text}: {answer:?}"
            );
            assert!(
                !format!("{answer:?}").contains("f5e1"),
                "{text}: {answer:?}"
            );
        }
    }
}

/// Constants are placeholders wherever their strings end.
#[test]
fn the_audit_log_has_no_constant_of_such_a_text() {
    let place = place();
    let mut client = place.raw("app");
    client.query("SET standard_conforming_strings TO off");
    client.query(r"SELECT 'x\' , Slash Sparrow ', name FROM people WHERE code = '\'Sparrow'");
    client.query(r"INSERT INTO people (name, plain) VALUES ('\\', 'Slash\' Sparrow')");
    let log = place.audit();
    let statements = log.iter().filter(|r| r["type"] == "statement");
    let texts: Vec<_> = statements.map(|r| r["sql"].to_string()).collect();
    let select = texts
        .iter()
        .find(|t| t.contains("people") && t.contains("SELECT"));
    assert!(
        select.is_some_and(|t| t.contains("$1") && t.contains("$2")),
        "{texts:?}"
    );
    assert!(!format!("{log:?}").contains("Sparrow"), "{texts:?}");
}

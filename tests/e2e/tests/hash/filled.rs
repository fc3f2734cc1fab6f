//! Each form of writing a row gives it the hash of its values.

use super::*;

#[test]
fn every_form_of_the_same_values_has_one_token() {
    let place = place();
    let mut app = place.raw("app");
    // 1984-07-30 is 5633 days before 2000-01-01
    let binary = (-5633_i32).to_be_bytes();
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30'), (2, '900-hash-2', '1984-07-30'),
         (3, NULL, '1984-07-30'), (4, '900-hash-1', DEFAULT)",
    );
    run(
        &mut app,
        "INSERT INTO people VALUES (5, '900-hash-1', DEFAULT, 'July 30, 1984'::date, 'x')",
    );
    run(
        &mut app,
        "INSERT INTO people (dob, id, ssn, match) VALUES ('19840730', 6, '900-hash-1'::text, DEFAULT)",
    );
    let insert = "INSERT INTO people (id, ssn, dob) VALUES ($1, $2, $3)";
    let text: [Option<&[u8]>; 3] = [Some(b"7"), Some(b"900-hash-1"), Some(b"1984-07-30")];
    assert_eq!(sqlstate(&bound(&mut app, insert, &text, 0)), None);
    let id = 8_i32.to_be_bytes();
    let in_binary: [Option<&[u8]>; 3] = [Some(&id), Some(b"900-hash-1"), Some(&binary)];
    assert_eq!(sqlstate(&bound(&mut app, insert, &in_binary, 1)), None);
    let null: [Option<&[u8]>; 3] = [Some(b"9"), None, Some(b"1984-07-30")];
    assert_eq!(sqlstate(&bound(&mut app, insert, &null, 0)), None);
    let two = "INSERT INTO people (id, dob, ssn) VALUES (10, $1, $2), (11, $1, NULL)";
    let of_two: [Option<&[u8]>; 2] = [Some(b"1984-07-30"), Some(b"900-hash-1")];
    assert_eq!(sqlstate(&bound(&mut app, two, &of_two, 0)), None);

    let found = tokens(&mut app);
    let first = found[0].clone().unwrap();
    assert!(is_token(&first), "{first}");
    for (ix, token) in found.iter().enumerate() {
        match ix + 1 {
            1 | 5 | 6 | 7 | 8 | 10 => assert_eq!(token.as_ref(), Some(&first), "row {}", ix + 1),
            2 => assert!(is_token(token.as_ref().unwrap()) && token.as_ref() != Some(&first)),
            _ => assert_eq!(*token, None, "row {}", ix + 1),
        }
    }
    // the same in text and binary, and told as text
    for format in [0, 1] {
        app.pipeline(&[
            raw::parse("", "SELECT match FROM people WHERE id = 1", &[]),
            raw::bind("", "", &[], format),
            raw::describe(b'P', ""),
            raw::execute("", 0),
            raw::sync(),
        ]);
        let answer = app.until_ready();
        assert_eq!(rows(&answer), [[Some(first.clone())]]);
        let described = answer.iter().find(|m| m.tag == 'T').unwrap();
        assert_eq!(described.columns()[0].1, 25);
    }
    place.assert_hidden("900-hash-1");
    let hex = &first[7..];
    let dump = place.dump();
    assert!(dump.contains(hex), "the cell holds the MAC of the token");
    assert!(!dump.contains("h1:"));
    let mut copied = place.program("psql", "app");
    let copied = sql::succeed(copied.args([
        "-c",
        "COPY (SELECT match FROM people WHERE id = 1) TO STDOUT",
    ]));
    assert_eq!(copied.trim_end(), first);
}

#[test]
fn an_update_of_every_part_makes_it_anew() {
    let place = place();
    let mut app = place.raw("app");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30'), (2, '900-hash-2', '1970-01-01')",
    );
    let before = tokens(&mut app);
    run(
        &mut app,
        "UPDATE people SET dob = '1984-07-30', ssn = '900-hash-1', name = 'y' WHERE id = 2",
    );
    assert_eq!(tokens(&mut app), [before[0].clone(), before[0].clone()]);
    run(
        &mut app,
        "UPDATE people p SET (ssn, dob) = ('900-hash-2', '1970-01-01') WHERE id = 1 RETURNING match",
    );
    assert_eq!(tokens(&mut app), [before[1].clone(), before[0].clone()]);
    let update = "UPDATE people SET ssn = $1, dob = $2 WHERE id = $3";
    let values: [Option<&[u8]>; 3] = [Some(b"900-hash-1"), Some(b"1984-07-30"), Some(b"1")];
    assert_eq!(sqlstate(&bound(&mut app, update, &values, 0)), None);
    run(
        &mut app,
        "UPDATE people SET ssn = NULL, dob = NULL WHERE id = 2",
    );
    assert_eq!(tokens(&mut app), [before[0].clone(), None]);
    run(
        &mut app,
        "UPDATE people SET name = 'not part of it' WHERE id = 1",
    );
    assert_eq!(tokens(&mut app), [before[0].clone(), None]);
    place.assert_hidden("900-hash-1");
}

/// The client sees its own parameters only, and every run of one prepared statement has its own hash.
#[test]
fn a_prepared_statement_hashes_what_is_bound() {
    let place = place();
    let mut app = place.raw("app");
    let insert = "INSERT INTO people (id, ssn, dob) VALUES ($1, $2, $3), ($4, $2, $3)";
    app.pipeline(&[
        raw::parse("p", insert, &[]),
        raw::describe(b'S', "p"),
        raw::sync(),
    ]);
    let described = app.until_ready();
    assert_eq!(raw::tags(&described), "1tnZ");
    let types = &described[1].body;
    let oids: Vec<u32> = types[2..]
        .chunks(4)
        .map(|oid| u32::from_be_bytes(oid.try_into().unwrap()))
        .collect();
    assert_eq!(oids, [23, 1043, 1082, 23]);
    for (id, ssn, other) in [
        ("1", "900-hash-1", "2"),
        ("3", "900-hash-2", "4"),
        ("5", "900-hash-1", "6"),
    ] {
        let dob: &[u8] = b"1984-07-30";
        let values = [
            Some(id.as_bytes()),
            Some(ssn.as_bytes()),
            Some(dob),
            Some(other.as_bytes()),
        ];
        app.pipeline(&[
            raw::bind("", "p", &values, 0),
            raw::execute("", 0),
            raw::sync(),
        ]);
        assert_eq!(sqlstate(&app.until_ready()), None);
    }
    let found = tokens(&mut app);
    let (first, second) = (found[0].clone(), found[2].clone());
    assert!(first.is_some() && second.is_some() && first != second);
    assert_eq!(
        found,
        [&first, &first, &second, &second, &first, &first].map(Clone::clone)
    );
    place.assert_hidden("900-hash-1");
}

/// Hashes that share a part are all filled, through a view by its own names for the columns too.
#[test]
fn several_hashes_and_views_with_other_names_are_filled() {
    let policy = "
databases:
  DATABASE:
    tables:
      public.people:
        columns:
          ssn: { type: varchar(11), protect: random }
          dob: { type: date, protect: random }
          one: { protect: hash, of: [ssn] }
          two: { protect: hash, of: [ssn, dob] }
          owt: { protect: hash, of: [dob, ssn] }
default: clear
";
    let place = Setup::policy(policy).start();
    let mut app = place.raw("app");
    run(
        &mut app,
        "CREATE TABLE people (id int, one text, ssn varchar(11), two text, dob date, owt text)",
    );
    run(
        &mut app,
        "CREATE VIEW renamed AS SELECT id, ssn AS s, dob AS d, one AS a, two AS b, owt AS c FROM people",
    );
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30')",
    );
    run(
        &mut app,
        "INSERT INTO people (id, ssn, two, dob) VALUES (2, '900-hash-1', DEFAULT, '1984-07-30')",
    );
    run(
        &mut app,
        "INSERT INTO renamed (d, s, id) VALUES ('1984-07-30', '900-hash-1', 3)",
    );
    run(
        &mut app,
        "INSERT INTO people (id, ssn) VALUES (4, '900-hash-1')",
    );
    run(
        &mut app,
        "UPDATE renamed SET d = '1984-07-30', s = '900-hash-1' WHERE id = 4",
    );
    let insert = "INSERT INTO renamed (id, s, d) VALUES ($1, $2, $3)";
    let values: [Option<&[u8]>; 3] = [Some(b"5"), Some(b"900-hash-1"), Some(b"1984-07-30")];
    assert_eq!(sqlstate(&bound(&mut app, insert, &values, 0)), None);
    let all = rows(&run(
        &mut app,
        "SELECT one, two, owt FROM people ORDER BY id",
    ));
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|row| *row == all[0]), "{all:?}");
    let [one, two, owt] = &all[0][..] else {
        panic!()
    };
    assert!(one.is_some() && one != two && two != owt && one != owt);
    // one of two hashes would stay behind
    assert_eq!(
        code(&mut app, "UPDATE people SET ssn = '900-hash-1'").as_deref(),
        Some("0A000")
    );
    for whole in [
        "ssn = '900-hash-1'",
        "ssn = '900-hash-1' AND dob = '1984-07-30'",
    ] {
        let sql = format!("SELECT id FROM people WHERE {whole}");
        assert_eq!(rows(&run(&mut app, &sql)).len(), 5, "{sql}");
    }
    assert_eq!(
        rows(&run(
            &mut app,
            "SELECT id FROM people WHERE ssn = '900-hash-1' AND id = 2"
        )),
        [[Some("2".to_owned())]]
    );
    place.assert_hidden("900-hash-1");
}

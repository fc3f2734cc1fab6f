//! Tokens: compared, grouped, joined, unique, and held to roles.

use super::*;

#[test]
fn it_is_compared_grouped_joined_and_unique() {
    let place = place();
    let mut app = place.raw("app");
    run(&mut app, "CREATE UNIQUE INDEX one_person ON people (match)");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30'), (2, '900-hash-2', '1984-07-30'), (3, NULL, NULL)",
    );
    assert_eq!(
        code(
            &mut app,
            "INSERT INTO people (id, ssn, dob) VALUES (4, '900-hash-1', '1984-07-30')"
        )
        .as_deref(),
        Some("23505")
    );
    let again = "INSERT INTO people (id, ssn, dob) VALUES (4, '900-hash-1', '1984-07-30') ON CONFLICT (match) DO UPDATE SET name = 'again' RETURNING id";
    assert_eq!(rows(&run(&mut app, again)), [[Some("1".to_owned())]]);
    let token = tokens(&mut app)[0].clone().unwrap();
    let id = |answer: &[Message]| -> Vec<Option<String>> {
        rows(answer).into_iter().map(|mut r| r.remove(0)).collect()
    };
    let one = vec![Some("1".to_owned())];
    let literal = format!("SELECT id FROM people WHERE match = '{token}'");
    assert_eq!(id(&run(&mut app, &literal)), one);
    let prepared = "SELECT id FROM people WHERE match = $1";
    for format in [0, 1] {
        let answer = bound(&mut app, prepared, &[Some(token.as_bytes())], format);
        let found = answer.iter().find(|m| m.tag == 'D').unwrap().values();
        match format {
            0 => assert_eq!(found, [Some(b"1".to_vec())]),
            _ => assert_eq!(found, [Some(1_i32.to_be_bytes().to_vec())]),
        }
    }
    for (sql, count) in [
        ("SELECT DISTINCT match FROM people", 3),
        ("SELECT match, count(*) FROM people GROUP BY match", 3),
        (
            "SELECT a.id FROM people a JOIN people b ON a.match = b.match",
            2,
        ),
        ("SELECT a.id FROM people a JOIN people b USING (match)", 2),
        ("SELECT * FROM people WHERE match IS NULL", 1),
    ] {
        assert_eq!(rows(&run(&mut app, sql)).len(), count, "{sql}");
    }
    run(
        &mut app,
        "CREATE VIEW seen AS SELECT id, match AS m FROM people",
    );
    let through = format!("SELECT m FROM seen WHERE m = '{token}'");
    assert_eq!(rows(&run(&mut app, &through)), [[Some(token.clone())]]);
    let types = "SELECT data_type FROM information_schema.columns WHERE table_name = 'people' AND column_name = 'match'";
    assert_eq!(rows(&run(&mut app, types)), [[Some("text".to_owned())]]);
    // a token of an epoch that there is none of, and one that is written otherwise
    for other in [
        token.replace("h1:0001", "h1:0002"),
        token.to_uppercase(),
        format!("{token}00"),
    ] {
        let sql = format!("SELECT id FROM people WHERE match = '{other}'");
        assert_eq!(code(&mut app, &sql).as_deref(), Some("22023"), "{other}");
    }
}

#[test]
fn roles_are_held_to_it() {
    let place = place();
    let mut app = place.raw("app");
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30')",
    );
    let token = tokens(&mut app)[0].clone().unwrap();
    let mut billing = place.raw("billing");
    let stars = "*".repeat(token.len());
    assert_eq!(
        rows(&run(&mut billing, "SELECT match FROM people")),
        [[Some(stars)]]
    );
    let by_token = format!("SELECT id FROM people WHERE match = '{token}'");
    assert_eq!(code(&mut billing, &by_token).as_deref(), Some("42501"));
    let mut guest = place.raw("guest");
    for sql in [
        "SELECT match FROM people",
        "SELECT * FROM people",
        by_token.as_str(),
    ] {
        assert_eq!(code(&mut guest, sql).as_deref(), Some("42501"), "{sql}");
    }
    // who may write the parts may write the row; its hash is the proxy's work
    run(
        &mut guest,
        "INSERT INTO people (id, ssn, dob) VALUES (2, '900-hash-1', '1984-07-30')",
    );
    assert_eq!(tokens(&mut app), [Some(token.clone()), Some(token)]);
}

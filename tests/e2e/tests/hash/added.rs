//! A hash, or a column that it is of, is added to a table only where no row would be without its hash.

use super::*;

const ROW: &str = "INSERT INTO people (id, ssn, dob) VALUES (1, '900-hash-1', '1984-07-30')";

#[test]
fn a_hash_is_added_where_it_is_true_of_every_row() {
    let place = Setup::policy(POLICY).start();
    let mut app = place.raw("app");
    run(
        &mut app,
        "CREATE TABLE people (id int PRIMARY KEY, ssn varchar(11), dob date, name text)",
    );
    run(&mut app, "ALTER TABLE people ADD COLUMN match text");
    run(&mut app, ROW);
    assert_true(&mut app, "ADD COLUMN");
    // rows with values
    run(&mut app, "ALTER TABLE people DROP COLUMN match");
    let refused = app.query("ALTER TABLE people ADD COLUMN match text");
    let error = refused.iter().find(|m| m.tag == 'E').unwrap().fields();
    assert_eq!(error[&'C'], "23514", "{error:?}");
    assert!(error[&'H'].contains("copy them back"), "{error:?}");
    // the table is closed until it has the column
    sql::rows(&place.thief(), "DELETE FROM people").unwrap();
    run(
        &mut app,
        "ALTER TABLE people ADD COLUMN IF NOT EXISTS match text, ADD COLUMN note text",
    );
    run(&mut app, ROW);
    assert_true(&mut app, "ADD COLUMN again");
    // rows without one of the values
    run(&mut app, "UPDATE people SET ssn = NULL, dob = '1984-07-30'");
    run(&mut app, "ALTER TABLE people DROP COLUMN match");
    run(&mut app, "ALTER TABLE people ADD COLUMN match text");
    assert_eq!(tokens(&mut app), [None]);
    // and whoever writes around the proxy is held to it
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (2, '900-hash-1', '1984-07-30')",
    );
    for set in ["dob = NULL", "match = NULL"] {
        let sql = format!("UPDATE people SET {set} WHERE id = 2");
        assert!(sql::rows(&place.thief(), &sql).is_err(), "{sql}");
    }
    assert_true(&mut app, "a writer around the proxy");
    place.assert_hidden("900-hash-1");
}

#[test]
fn a_part_is_added_where_no_hash_is_of_it_yet() {
    let place = Setup::policy(POLICY).start();
    let mut app = place.raw("app");
    run(&mut app, TABLE);
    run(&mut app, ROW);
    // the hash is of a value that is gone
    run(&mut app, "ALTER TABLE people DROP COLUMN dob");
    assert_eq!(
        code(&mut app, "ALTER TABLE people ADD COLUMN dob date").as_deref(),
        Some("23514")
    );
    assert_eq!(
        code(
            &mut app,
            "ALTER TABLE people DROP COLUMN match, ADD COLUMN dob date, ADD COLUMN match text"
        )
        .as_deref(),
        None
    );
    assert_eq!(tokens(&mut app), [None], "one of its values is NULL");
    run(
        &mut app,
        "UPDATE people SET ssn = '900-hash-1', dob = '1984-07-30'",
    );
    assert_true(&mut app, "ADD COLUMN of a part");
    // one after the other
    run(
        &mut app,
        "ALTER TABLE people DROP COLUMN match, DROP COLUMN dob, DROP COLUMN ssn",
    );
    for column in ["match text", "dob date", "ssn varchar(11)"] {
        run(&mut app, &format!("ALTER TABLE people ADD COLUMN {column}"));
    }
    run(
        &mut app,
        "INSERT INTO people (id, ssn, dob) VALUES (2, '900-hash-1', '1984-07-30')",
    );
    assert_true(&mut app, "each alone");
    // a migration in one string
    run(
        &mut app,
        "DELETE FROM people; ALTER TABLE people DROP COLUMN match; ALTER TABLE people ADD COLUMN match text; INSERT INTO people (id, ssn, dob) VALUES (3, '900-hash-1', '1984-07-30')",
    );
    assert!(tokens(&mut app)[0].is_some());
    assert_true(&mut app, "one string");
    // the schema that an app sees has nothing of it
    let checks =
        "SELECT count(*) FROM pg_constraint WHERE conrelid = 'people'::regclass AND contype = 'c'";
    assert_eq!(rows(&run(&mut app, checks)), [[Some("0".to_owned())]]);
    let columns = "SELECT count(*) FROM information_schema.check_constraints WHERE constraint_name LIKE 'hippocrypt%'";
    assert_eq!(rows(&run(&mut app, columns)), [[Some("0".to_owned())]]);
    for sql in [
        "ALTER TABLE people ADD COLUMN ssn varchar(11)",
        "ALTER TABLE people ADD COLUMN match text DEFAULT 'x'",
    ] {
        assert!(code(&mut app, sql).is_some(), "{sql}");
    }
    place.assert_hidden("900-hash-1");
}

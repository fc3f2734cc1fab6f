//! pg_dump and pg_restore through the proxy: a dump says what the twin's says, and what is restored is cells.

use super::only_cells;
use super::scenario::{CANARIES, COLUMNS, PROTECTED, make};
use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::{Place, cluster, password};
use hippocrypt_e2e::sql::{program, succeed};
use std::path::Path;

const ROWS: [&str; 4] = [
    r#"INSERT INTO people VALUES
    (1, 'Grace Capybara', '900-55-0001', '1906-12-09', 85, 9007199254740993, 12.50, true, '2024-02-29 12:34:56.789+00',
     '6f1f2b6e-0000-4000-8000-0000000000aa', '\x0001ff5c', '{"a,b","",NULL}', 3, 'clear'),
    (2, E'Zoë O''Capybara \\ Ω\n', '901-55-0002', NULL, -1, 0, 0.00, false, NULL, NULL, '\x', '{}', 0, NULL)"#,
    "INSERT INTO people (id, name) VALUES (3, '')",
    "INSERT INTO claims VALUES (1, '900-55-0001', 1, 12.345), (2, NULL, 3, 1)",
    "SELECT setval('people_id_seq', 3)",
];

/// Through the proxy or, without it, on the twin.
#[derive(Clone, Copy)]
enum Way {
    Proxy,
    Twin,
}

fn run(place: &Place, way: Way, name: &str, words: &[&str], at: Option<&Path>) -> String {
    let (port, database) = match way {
        Way::Proxy => (place.proxy.port(), place.database.clone()),
        Way::Twin => (cluster().port(), place.twin_database()),
    };
    let mut command = program(name, port, "app", &password("app"), &database);
    if name == "pg_restore" {
        command.args(["-d", &database]);
    }
    succeed(command.args(words).args(at))
}

/// A dump as text. Each has a random word in its \restrict: it goes.
fn dump(place: &Place, way: Way, words: &[&str]) -> Vec<String> {
    let text = run(place, way, "pg_dump", words, None);
    let kept = text.lines().filter(|l| !l.contains("restrict "));
    kept.map(str::to_owned).collect()
}

fn hidden(place: &Place) {
    only_cells(place, COLUMNS);
    for canary in CANARIES {
        place.assert_hidden(canary);
    }
}

/// The twin has tables and rows, the database behind the proxy nothing.
fn moving() -> Place {
    let place = Setup::policy(PROTECTED).start();
    make(cluster().port(), &place.twin_database());
    for sql in ROWS {
        run(&place, Way::Twin, "psql", &["-X", "-q", "-c", sql], None);
    }
    place
}

#[test]
fn the_dump_of_a_plain_database_is_restored_as_cells() {
    for form in [vec![], vec!["--column-inserts", "--rows-per-insert=2"]] {
        let place = moving();
        let archive = place.directory().join("archive");
        let words = [form.as_slice(), &["-Fc", "-f"]].concat();
        run(&place, Way::Twin, "pg_dump", &words, Some(&archive));
        let once = ["--single-transaction", "--exit-on-error"];
        run(&place, Way::Proxy, "pg_restore", &once, Some(&archive));
        hidden(&place);
        for form in [&[][..], &["--inserts"], &["--schema-only"]] {
            let (through, twin) = (
                dump(&place, Way::Proxy, form),
                dump(&place, Way::Twin, form),
            );
            assert_eq!(through, twin, "{form:?}");
        }
    }
}

#[test]
fn a_dump_through_the_proxy_is_restored_over_what_is_there() {
    let place = moving();
    let text = place.directory().join("plain.sql");
    run(&place, Way::Twin, "pg_dump", &["-f"], Some(&text));
    let psql = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"];
    run(&place, Way::Proxy, "psql", &psql, Some(&text));
    let before = dump(&place, Way::Proxy, &[]);
    let archive = place.directory().join("archive");
    let words = ["-Fd", "--jobs=2", "-f"];
    run(&place, Way::Proxy, "pg_dump", &words, Some(&archive));
    let words = ["--clean", "--if-exists", "--jobs=2", "--exit-on-error"];
    run(&place, Way::Proxy, "pg_restore", &words, Some(&archive));
    assert_eq!(dump(&place, Way::Proxy, &[]), before);
    assert!(
        before.iter().any(|l| l.contains("Grace Capybara")),
        "{before:?}"
    );
    hidden(&place);
}

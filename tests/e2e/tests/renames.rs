//! A protected table and its columns get other names: the policy says what each was, the cells and their keys stay.

use crate::ddl::differences;
use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::proxy::Proxy;
use hippocrypt_e2e::raw::sqlstate;
use std::fs;
use std::time::Duration;

const BEFORE: &str = r#"
databases:
  DATABASE:
    tables:
      public.patients:
        columns:
          name: { type: text,        protect: random }
          ssn:  { type: varchar(11), protect: deterministic }
      public.claims:
        columns:
          patient_ssn: { type: varchar(11), protect: deterministic, group: public.patients.ssn }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

const AFTER: &str = r#"
databases:
  DATABASE:
    tables:
      public.people:
        columns:
          name:   { type: text,        protect: random,        was: public.patients.name }
          social: { type: varchar(11), protect: deterministic, was: public.patients.ssn }
      public.claims:
        columns:
          person: { type: varchar(11), protect: deterministic, group: public.patients.ssn, was: public.claims.patient_ssn }
roles:
  all: { users: [app], columns: { "*": clear } }
"#;

const FILLED: &[&str] = &[
    "CREATE TABLE patients (id int PRIMARY KEY, name text, ssn varchar(11) UNIQUE)",
    "CREATE TABLE claims (id int PRIMARY KEY, patient_ssn varchar(11) REFERENCES patients (ssn))",
    "INSERT INTO patients VALUES (1, 'Mia Marmoset', '900-44-0001'), (2, 'Bo Marmoset', '900-44-0002')",
    "INSERT INTO claims VALUES (1, '900-44-0002')",
];

const USED: &[&str] = &[
    "SELECT p.*, c.* FROM people p LEFT JOIN claims c ON c.person = p.social ORDER BY p.id",
    "INSERT INTO people VALUES (3, 'Ida Marmoset', '900-44-0003') RETURNING *",
    "INSERT INTO people VALUES (4, 'Ida Marmoset', '900-44-0001')",
    "UPDATE people SET social = '900-44-0009' WHERE social = '900-44-0001' RETURNING *",
    "INSERT INTO claims VALUES (2, '900-44-0009'), (3, '900-44-0004')",
];

fn restart(place: &mut Place, policy: &str) {
    place.proxy.signal("TERM");
    assert_eq!(place.proxy.wait(Duration::from_secs(20)), Some(0));
    let text = policy.replace("DATABASE", &place.database);
    fs::write(place.directory().join("policy.yaml"), text).expect("the policy");
    place.proxy = Proxy::serve(&place.config());
}

fn renamed_in(order: &[&str]) {
    let mut place = Setup::policy(BEFORE).start();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let wrong = differences(&mut through, &mut twin, FILLED);
    assert!(wrong.is_empty(), "{wrong}");
    for statement in order {
        let code = sqlstate(&through.query(statement));
        assert!(
            matches!(code.as_deref(), Some("0A000" | "42P01")),
            "{statement}: {code:?}"
        );
    }
    drop(through);
    restart(&mut place, AFTER);
    let mut through = place.raw("app");
    for refused in [
        "SELECT * FROM patients",
        "SELECT name FROM people",
        "INSERT INTO claims VALUES (9, '900-44-0001')",
        "ALTER TABLE patients RENAME TO persons",
        "ALTER TABLE patients RENAME ssn TO name2",
        "ALTER TABLE patients RENAME name TO social",
        "ALTER TABLE claims RENAME id TO person",
    ] {
        let code = sqlstate(&through.query(refused));
        assert!(
            matches!(code.as_deref(), Some("0A000" | "42P01")),
            "{refused}: {code:?}"
        );
    }
    let wrong = differences(&mut through, &mut twin, order);
    assert!(wrong.is_empty(), "{wrong}");
    let wrong = differences(&mut through, &mut twin, USED);
    assert!(wrong.is_empty(), "{wrong}");
    let back = through.query("ALTER TABLE people RENAME social TO ssn");
    assert_eq!(sqlstate(&back).as_deref(), Some("0A000"), "{back:?}");
    place.assert_hidden("Marmoset");
    place.assert_hidden("900-44-000");
}

#[test]
fn the_table_first() {
    renamed_in(&[
        "ALTER TABLE patients RENAME TO people",
        "ALTER TABLE people RENAME COLUMN ssn TO social",
        "ALTER TABLE claims RENAME patient_ssn TO person",
    ]);
}

#[test]
fn the_columns_first() {
    renamed_in(&[
        "ALTER TABLE public.claims RENAME patient_ssn TO person",
        "ALTER TABLE patients RENAME COLUMN ssn TO social",
        "ALTER TABLE public.patients RENAME TO people",
    ]);
}

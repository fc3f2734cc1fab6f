//! Defaults, CHECKs, views and indexes over encrypted columns, as PostgreSQL prints them: their constants are cells in
//! the database and constants to whoever may see them, as on the plain twin.

use crate::ddl::differences;
use hippocrypt_e2e::Setup;
use hippocrypt_e2e::place::Place;
use hippocrypt_e2e::raw::{Raw, comparable, rows, sqlstate};

const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.patients:
        columns:
          name:   { type: text,            protect: random }
          ssn:    { type: varchar(11),     protect: deterministic }
          status: { type: varchar(20),     protect: deterministic }
          born:   { type: date,            protect: deterministic }
          visits: { type: int4,            protect: deterministic }
          owed:   { type: "numeric(10,2)", protect: deterministic }
          active: { type: bool,            protect: random }
          code:   { type: char(4),         protect: deterministic }
          seen:   { type: timestamptz,     protect: random }
          tags:   { type: "varchar(9)[]",  protect: random }
          doc:    { type: jsonb,           protect: random }
          big:    { type: int8,            protect: random }
roles:
  all:    { users: [app], columns: { "*": clear } }
  some:   { users: [billing], columns: { public.patients.ssn: clear, public.patients.status: mask, "*": deny } }
"#;

const TABLE: &[&str] = &[
    "SET TimeZone = 'UTC'",
    "CREATE TABLE patients (id int PRIMARY KEY, name text DEFAULT 'Mia ''M'' Marmoset' CHECK (name IS NOT NULL), \
     ssn varchar(11) CHECK (ssn <> '900-88-0000'), \
     status varchar(20) DEFAULT 'marmoset status' CHECK (status IN ('marmoset status', 'marmoset gone')), \
     born date DEFAULT '1980-02-03' CHECK (born <> '1900-01-01'), visits int DEFAULT 365 CHECK (visits IN (365, -5, 7)), \
     owed numeric(10,2) DEFAULT 365.25, active bool DEFAULT true, code char(4) DEFAULT 'marm' CHECK (code <> 'oset'), \
     seen timestamptz DEFAULT '2001-02-03 04:05:06+00', tags varchar(9)[] DEFAULT '{marmoset,x}', doc jsonb DEFAULT '{\"m\": 1}', \
     big int8 DEFAULT -365, city text DEFAULT 'plain' CHECK (city <> 'bad'))",
    "CREATE INDEX few ON patients (ssn) WHERE status = 'marmoset gone'",
    "CREATE VIEW gone AS SELECT id, ssn FROM patients p WHERE p.status = 'marmoset gone' AND born = '1980-02-03' AND city = 'x'",
];

const SHOWN: &[&str] = &[
    "SELECT a.attname, a.atthasdef, pg_get_expr(d.adbin, d.adrelid), pg_get_expr(d.adbin, d.adrelid, true) FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = 'patients'::regclass AND a.attnum > 0 ORDER BY a.attnum",
    "SELECT column_name, column_default FROM information_schema.columns WHERE table_name = 'patients' ORDER BY ordinal_position",
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'patients'::regclass ORDER BY conname",
    "SELECT pg_get_constraintdef(oid, true) FROM pg_constraint WHERE conrelid = 'patients'::regclass AND contype <> 'c' ORDER BY conname",
    "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'patients'::regclass ORDER BY 1",
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'patients' ORDER BY 1",
    "SELECT pg_get_viewdef('gone'::regclass)",
    "SELECT viewname, definition FROM pg_views WHERE viewname = 'gone'",
];

fn place() -> (Place, Raw, Raw) {
    let place = Setup::policy(POLICY).start();
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let wrong = differences(&mut through, &mut twin, TABLE);
    assert!(wrong.is_empty(), "{wrong}");
    (place, through, twin)
}

#[test]
fn constants_are_printed_as_on_the_twin() {
    let (place, mut through, mut twin) = place();
    let wrong = differences(&mut through, &mut twin, SHOWN);
    assert!(wrong.is_empty(), "{wrong}");
    // what was printed makes the same table again
    let defaults = rows(&through.query(SHOWN[1]));
    let printed: Vec<String> = defaults
        .iter()
        .filter_map(|row| match row.as_slice() {
            [Some(column), Some(default)] => Some(format!("ALTER {column} SET DEFAULT {default}")),
            _ => None,
        })
        .collect();
    let again = format!("ALTER TABLE patients {}", printed.join(", "));
    assert!(printed.len() > 10, "{again}");
    let inserted = "INSERT INTO patients (id) VALUES (1) RETURNING *";
    assert_eq!(sqlstate(&through.query(&again)), None, "{again}");
    let (got, wanted) = (through.query(inserted), twin.query(inserted));
    assert_eq!(comparable(&got), comparable(&wanted));
    for canary in ["armoset", "1980-02-03", "365.25"] {
        place.assert_hidden(canary);
    }
}

#[test]
fn who_may_not_see_a_column_does_not_see_its_constants() {
    let (place, _through, _) = place();
    let mut billing = place.raw("billing");
    for statement in SHOWN {
        let answer = billing.query(statement);
        assert_eq!(sqlstate(&answer), None, "{statement}: {answer:?}");
        let said = format!("{:?}", rows(&answer));
        for hidden in ["armoset", "1980-02-03", "365", "f5e1"] {
            assert!(!said.contains(hidden), "{statement}: {said}");
        }
    }
    let checks = format!("{:?}", rows(&billing.query(SHOWN[2])));
    assert!(
        checks.contains("(ssn)::text <> '900-88-0000'::text"),
        "{checks}"
    );
    assert!(checks.contains("city <> 'bad'::text"), "{checks}");
}

/// Its name is one of information_schema's, and its values look like cells.
#[test]
fn an_apps_own_table_is_left_as_it_is() {
    let (_place, mut through, mut twin) = place();
    let own = [
        "CREATE TABLE views (id int PRIMARY KEY, page bytea, note text)",
        r"INSERT INTO views VALUES (1, '\xf5e10203', '''\xf5e1''::bytea and xf5e1')",
        "SELECT page FROM views",
        "SELECT note FROM public.views",
    ];
    for statement in own {
        let (got, wanted) = (through.query(statement), twin.query(statement));
        assert_eq!(comparable(&got), comparable(&wanted), "{statement}");
    }
    // without its schema, information_schema's own is meant where the path says so
    let set = through.query("SET search_path = information_schema, public");
    assert_eq!(sqlstate(&set), None);
    let unqualified = SHOWN[1].replace("information_schema.", "");
    let (got, wanted) = (through.query(&unqualified), twin.query(SHOWN[1]));
    assert_eq!(rows(&got), rows(&wanted));
}

#[test]
fn the_settings_of_values_hold_in_them() {
    let (_place, mut through, mut twin) = place();
    for settings in [
        "SET DateStyle = 'German'; SET TimeZone = 'Europe/Vienna'",
        "SET bytea_output = escape",
    ] {
        for client in [&mut through, &mut twin] {
            client.query(settings);
        }
        let said = format!("{:?}", through.query(SHOWN[0]));
        assert!(
            !said.contains("f5e1") && !said.contains("365\\\\341"),
            "{said}"
        );
        if settings.contains("German") {
            let wrong = differences(&mut through, &mut twin, &SHOWN[..2]);
            assert!(wrong.is_empty(), "{wrong}");
        }
    }
}

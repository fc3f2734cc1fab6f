//! Time zones: a local time is stored and shown as by the server's own rules, or refused.
//!
//! Builders of the tz database disagree, so some of these zones differ from the proxy's: in them an answer is the
//! twin's too. `HIPPOCRYPT_ZONES=all` takes every zone that the server has.

use hippocrypt_e2e::Setup;
use hippocrypt_e2e::raw::{self, Message, Raw, comparable, rows, sqlstate};
use std::time::{Duration, Instant};

const POLICY: &str = r#"
databases:
  DATABASE:
    tables:
      public.seen:
        columns:
          at:  { type: timestamptz, protect: random }
          tag: { type: timestamptz, protect: deterministic }
default: clear
"#;

/// Zones that builders of the database treat alike, and zones that they do not.
const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Accra",
    "Africa/Casablanca",
    "America/Atikokan",
    "America/Vancouver",
    "Asia/Kuwait",
    "CET",
    "EST",
    "Europe/Amsterdam",
    "HST",
    "EST5EDT,M3.2.0,M11.1.0",
    "<+0530>-05:30",
    "<+03:30>-03:30",
    "-07:15",
    "+9",
];

const LOCAL: &[&str] = &[
    "0044-03-15 12:00 BC",
    "1805-01-01 00:00",
    "1912-01-01 00:00:10",
    "1937-07-01 00:00:30",
    "1942-09-01 02:30",
    "1968-10-27 01:30",
    "1996-03-31 02:30",
    "2021-11-07 01:30",
    "2026-11-15 12:00",
    "2039-07-01 12:00",
    "2500-07-01 12:00",
];

fn refused(answer: &[Message]) -> bool {
    sqlstate(answer).as_deref() == Some("0A000")
}

/// Whether the proxy answered; then as the twin.
fn same(through: &mut Raw, twin: &mut Raw, statement: &str) -> bool {
    let (mine, theirs) = (through.query(statement), twin.query(statement));
    if refused(&mine) {
        return false;
    }
    assert_eq!(comparable(&mine), comparable(&theirs), "{statement}");
    true
}

#[test]
fn local_times_are_the_servers_or_refused() {
    let place = Setup::policy(POLICY).start();
    place.both("CREATE TABLE seen (id serial PRIMARY KEY, at timestamptz, tag timestamptz)");
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let zones: Vec<String> = match std::env::var("HIPPOCRYPT_ZONES").as_deref() {
        Ok("all") => rows(&twin.query("SELECT name FROM pg_timezone_names ORDER BY 1"))
            .into_iter()
            .filter_map(|mut row| row.pop().flatten())
            .collect(),
        _ => ZONES.iter().map(|z| (*z).to_owned()).collect(),
    };
    let (mut answered, mut not) = (0, 0);
    let mut count = |yes: bool| match yes {
        true => answered += 1,
        false => not += 1,
    };
    let mut id = 0;
    for zone in &zones {
        for statement in [
            format!("SET TimeZone TO '{zone}'"),
            "SET DateStyle TO ISO".into(),
        ] {
            assert_eq!(
                comparable(&through.query(&statement)),
                comparable(&twin.query(&statement))
            );
        }
        let first = id;
        for local in LOCAL {
            id += 1;
            let insert = format!("INSERT INTO seen VALUES ({id}, '{local}', '{local}')");
            let stored = same(&mut through, &mut twin, &insert);
            count(stored);
            if !stored {
                twin.query(&format!("DELETE FROM seen WHERE id = {id}"));
                continue;
            }
            let found = format!("SELECT id FROM seen WHERE tag = '{local}' AND id > {first}");
            count(same(&mut through, &mut twin, &found));
        }
        for style in ["ISO", "SQL, DMY", "Postgres", "German"] {
            through.query(&format!("SET DateStyle TO {style}"));
            twin.query(&format!("SET DateStyle TO {style}"));
            let ask = format!("SELECT at FROM seen WHERE id > {first} ORDER BY id");
            count(same(&mut through, &mut twin, &ask));
        }
        // whatever was stored is the same instant: this is never refused
        for statement in [
            "SET TimeZone TO UTC".to_owned(),
            "SET DateStyle TO ISO, MDY".to_owned(),
            format!("SELECT id, at, tag FROM seen WHERE id > {first} ORDER BY id"),
        ] {
            assert!(same(&mut through, &mut twin, &statement), "{zone}");
        }
    }
    println!(
        "{} zones: {answered} answered as by the twin, {not} refused",
        zones.len()
    );
    assert!(answered > not * 2, "{answered} answered, {not} refused");
}

#[test]
fn a_setting_holds_for_what_comes_right_behind_it() {
    let place = Setup::policy(POLICY).start();
    place.both("CREATE TABLE seen (id int, at timestamptz, tag timestamptz)");
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let insert = "INSERT INTO seen VALUES (1, '2020-07-01 12:00+00', '2020-07-01 12:00+00')";
    assert!(same(&mut through, &mut twin, insert));
    // neither zone has been used before, and their ParameterStatus comes after the rows
    let texts = [
        "SET TimeZone TO 'Asia/Tokyo'",
        "SELECT at, tag FROM seen",
        "SET DateStyle TO 'German, DMY'",
        "INSERT INTO seen VALUES (2, '02/03/2020 12:00', '02/03/2020 12:00')",
        "SELECT set_config('TimeZone', 'America/Lima', false)",
        "SELECT at, tag FROM seen ORDER BY id",
    ];
    let run = |text: &str| {
        [
            raw::parse("", text, &[]),
            raw::bind("", "", &[], 0),
            raw::execute("", 0),
        ]
    };
    let pipeline: Vec<_> = texts
        .into_iter()
        .flat_map(run)
        .chain([raw::sync()])
        .collect();
    through.pipeline(&pipeline);
    twin.pipeline(&pipeline);
    let (mine, theirs) = (through.until_ready(), twin.until_ready());
    assert_eq!(comparable(&mine), comparable(&theirs));
    for string in [
        "SET TimeZone TO 'UTC'; SELECT at FROM seen",
        "SET DateStyle TO 'ISO, MDY'; INSERT INTO seen VALUES (3, '02/03/2020', NULL)",
        "SELECT set_config('DateStyle', 'ISO', false), at FROM seen",
    ] {
        assert!(refused(&through.query(string)), "{string}");
    }
    let left = "SELECT at, tag FROM seen ORDER BY id";
    assert!(same(&mut through, &mut twin, left));
}

#[test]
fn a_zone_within_a_value_is_compared_before_it_is_used() {
    let place = Setup::policy(POLICY).start();
    place.both("CREATE TABLE seen (id int, at timestamptz, tag timestamptz)");
    let (mut through, mut twin) = (place.raw("app"), place.raw_twin("app"));
    let insert = "INSERT INTO seen VALUES (1, '2020-07-01 12:00 Asia/Seoul', NULL)";
    let first = through.query(insert);
    assert_eq!(sqlstate(&first).as_deref(), Some("0A000"), "{first:?}");
    let mut stored = || sqlstate(&through.query(insert)).is_none();
    let until = Instant::now() + Duration::from_secs(20);
    while !stored() {
        assert!(Instant::now() < until, "the zone is never compared");
        std::thread::sleep(Duration::from_millis(50));
    }
    twin.query(insert);
    assert!(same(&mut through, &mut twin, "SELECT at, tag FROM seen"));
}

//! Where two sets of time zone rules differ.

use super::*;
use crate::protect::Settings;

const NAME: &str = "Europe/Berlin";
/// 1980-04-06 01:00 UTC: summer time began.
const SPRING: i64 = 323_830_800;

/// What a server with our rules says, changed by `change`.
fn runs(change: impl Fn(&mut Run)) -> Vec<Run> {
    let rules = zone::rules(NAME).unwrap();
    let days = (0..=(LAST - FIRST) / DAY).map(|day| FIRST + day * DAY);
    let mut all: Vec<_> = days.chain(points(NAME).changes()).collect();
    all.sort_unstable();
    let mut runs: Vec<Run> = Vec::new();
    for from in all {
        let ours = rules.to_offset_info(jiff::Timestamp::from_second(from).unwrap());
        let mut run = Run {
            from,
            east: i64::from(ours.offset().seconds()),
            abbreviation: ours.abbreviation().to_uppercase(),
        };
        change(&mut run);
        let last = runs.last().map(|l| (l.east, l.abbreviation.as_str()));
        if last != Some((run.east, &run.abbreviation)) {
            runs.push(run);
        }
    }
    runs
}

fn learned(change: impl Fn(&mut Run)) -> Arc<Zone> {
    let zones = Zones::default();
    assert!(zones.lacks(NAME));
    zones.learn(NAME, &points(NAME), Some(&runs(change)));
    assert!(!zones.lacks(NAME));
    zones.get("europe/berlin").unwrap()
}

fn agrees(zone: &Zone, what: Compared, at: i64) -> bool {
    zone.agrees(what, at..at + 1).is_ok()
}

#[test]
fn the_same_rules_differ_nowhere() {
    let zone = learned(|_| {});
    for at in [i64::MIN, FIRST, SPRING, LAST, i64::MAX - 1] {
        assert!(agrees(&zone, Compared::Abbreviation, at), "{at}");
    }
}

#[test]
fn an_hour_of_another_offset_beside_a_change_is_seen() {
    // the server's clock changes a second later than ours
    let zone = learned(|run| {
        if run.from == SPRING {
            run.east = 3600;
        }
    });
    assert!(!agrees(&zone, Compared::Offset, SPRING));
    assert!(!agrees(&zone, Compared::Offset, SPRING + 3600));
    assert!(agrees(&zone, Compared::Offset, SPRING - 2 * DAY));
    assert!(agrees(&zone, Compared::Offset, SPRING + 2 * DAY));
}

#[test]
fn what_differs_at_either_end_differs_beyond_it() {
    let zone = learned(|run| {
        if run.from < FIRST + 3 * DAY || run.from >= LAST - LAST_YEARS {
            run.east += 60;
        }
    });
    for at in [i64::MIN, FIRST, LAST, LAST * 40, i64::MAX - 1] {
        assert!(!agrees(&zone, Compared::Offset, at), "{at}");
    }
    assert!(agrees(&zone, Compared::Offset, 0));
}

#[test]
fn another_abbreviation_matters_only_where_it_is_shown() {
    let zone = learned(|run| run.abbreviation.push('X'));
    assert!(agrees(&zone, Compared::Offset, 0));
    assert!(!agrees(&zone, Compared::Abbreviation, 0));
}

#[test]
fn a_zone_that_the_server_does_not_know_differs_everywhere() {
    let zones = Zones::default();
    zones.learn(NAME, &points(NAME), None);
    assert!(!agrees(&zones.get(NAME).unwrap(), Compared::Offset, 0));
}

#[test]
fn nothing_is_taken_for_compared_but_utc_and_written_offsets() {
    let zones = Zones::default();
    for name in ["UTC", "gmt", "<+02>-02", "FOO-3"] {
        assert!(!zones.lacks(name), "{name}");
        assert!(zones.get(name).is_ok(), "{name}");
    }
    for name in ["Europe/Berlin", "EST", "EST5EDT,M3.2.0,M11.1.0"] {
        assert!(zones.lacks(name), "{name}");
        assert_eq!(zones.get(name).unwrap_err().sqlstate, "0A000", "{name}");
    }
    assert!(!zones.lacks("Mars/Olympus"));
    assert!(zones.get("Mars/Olympus").is_err());
}

#[test]
fn a_zone_in_a_value_is_wanted_once() {
    let zones = Arc::new(Zones::default());
    let settings = Settings::with(Arc::clone(&zones));
    assert!(settings.zone_named(NAME).is_err());
    assert_eq!(zones.take_wanted().len(), 1);
    assert!(zones.take_wanted().is_empty());
    zones.learn(NAME, &points(NAME), Some(&runs(|_| {})));
    assert!(settings.zone_named(NAME).is_ok());
}

#[test]
fn made_up_zones_do_not_pile_up() {
    let zones = Zones::default();
    for n in 0..MOST + 10 {
        let letters: String = [n / 676, n / 26 % 26, n % 26]
            .map(|d| char::from(b'A' + u8::try_from(d % 26).unwrap()))
            .into_iter()
            .collect();
        let name = format!("{letters}5XXX,M3.2.0,M11.1.0");
        zones.learn(
            &name,
            &Points {
                changes: BTreeSet::new(),
            },
            Some(&[]),
        );
        assert!(!zones.lacks(&name));
    }
    assert!(zones.known.read().unwrap().len() <= MOST);
}

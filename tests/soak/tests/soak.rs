//! Mixed load for as long as `HIPPOCRYPT_SOAK_SECONDS` says: memory and descriptors stay, no error is unexplained, every
//! statement is on record.

// A test that cannot be set up has failed; saying so with a panic is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)] // long runs say how far they are

use hippocrypt_soak::house::House;
use hippocrypt_soak::vitals::{Vitals, growth};
use hippocrypt_soak::{ledger, load};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

/// Seconds of pgbench in a wave.
const WAVE: u64 = 8;

#[test]
fn hours_of_mixed_load_leave_nothing_behind() {
    let seconds = std::env::var("HIPPOCRYPT_SOAK_SECONDS")
        .expect("HIPPOCRYPT_SOAK_SECONDS: `./run test --full soak` sets it");
    let end = Instant::now() + Duration::from_secs(seconds.parse().expect("whole seconds"));
    let mut house = House::build();
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    let mut samples = Vec::new();
    while Instant::now() < end || samples.len() < 9 {
        let wave = samples.len();
        std::thread::scope(|scope| {
            let steady = scope.spawn(|| load::pgbench(&house, wave, WAVE, &[]));
            let connecting = scope.spawn(|| load::pgbench(&house, wave, WAVE, &["--connect"]));
            load::cancel(&house);
            load::kill_client(&house);
            for counted in [steady, connecting] {
                expected.extend(counted.join().unwrap());
            }
        });
        if wave % 3 == 1 {
            load::restart_server(&house);
        }
        samples.push(quiet(&house));
        println!(
            "wave {wave}: {:?}, verdicts {} KiB",
            samples[wave],
            house.verdicts()
        );
    }
    assert_eq!(growth(&samples), Vec::<String>::new(), "{samples:#?}");

    house.proxy.signal("TERM");
    assert_eq!(house.proxy.wait(Duration::from_secs(30)), Some(0));
    let log = house.proxy.log();
    assert!(!log.contains("panicked"), "{log}");
    let verify = Command::new(hippocrypt_e2e::proxy::binary())
        .args(["audit", "verify", "--config"])
        .arg(house.file("hippocrypt.yaml"))
        .output()
        .unwrap();
    assert!(verify.status.success(), "{verify:?}");
    balanced(&ledger::read(&house.file("audit")), &expected);
}

/// What is open when every client has gone.
fn quiet(house: &House) -> Vitals {
    let mut before = Vitals::of(house.proxy.pid());
    for _ in 0..40 {
        std::thread::sleep(Duration::from_millis(250));
        let now = Vitals::of(house.proxy.pid());
        if now.descriptors == before.descriptors {
            return now;
        }
        before = now;
    }
    panic!("descriptors come and go without a client: {before:?}");
}

/// Every statement that clients say they ran is in the log, with its outcome; no session is without its end.
fn balanced(ledger: &BTreeMap<String, ledger::Counts>, expected: &BTreeMap<String, u64>) {
    let mut total = 0;
    for (app, statements) in expected {
        let counts = ledger.get(app).copied().unwrap_or_default();
        assert_eq!(counts.statements, *statements, "{app}: {counts:?}");
        assert_eq!(counts.errors, 0, "{app}: {counts:?}");
        total += statements;
    }
    for (app, counts) in ledger {
        assert_eq!(counts.statements, counts.outcomes, "{app}: {counts:?}");
        assert_eq!(counts.began, counts.ended, "{app}: {counts:?}");
    }
    println!(
        "{total} statements of {} runs of pgbench, each on record",
        expected.len()
    );
}

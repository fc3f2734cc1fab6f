//! Seals of the audit log, from outside: an auditor's identity, what it shows, and what whoever has the host cannot do.

use hippocrypt_e2e::place::{CLINIC_TABLES, Place};
use hippocrypt_e2e::sql::{succeed, told};
use hippocrypt_e2e::{Proxy, Setup};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

/// Makes an identity; its file and public key.
fn identity(place: &Place, name: &str) -> (PathBuf, String) {
    let file = place.directory().join(name);
    let mut make = std::process::Command::new(hippocrypt_e2e::proxy::binary());
    make.args(["audit", "identity", "--out"]).arg(&file);
    let public = succeed(&mut make);
    assert!(public.starts_with("hippocrypt-auditor/"), "{public}");
    let again = make.output().unwrap();
    assert_ne!(again.status.code(), Some(0), "never over another");
    (file, public.trim().to_owned())
}

/// The proxy anew, its log sealed to these.
fn sealed_to(place: &mut Place, auditors: &str) {
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let config = fs::read_to_string(place.config()).unwrap();
    let (before, rest) = config.split_once("audit: {").unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    let audit = format!(
        "audit: {{ directory: audit/, checkpoints: {{ after: 1s }}, seal: {{ auditors: [{auditors}] }} }}"
    );
    fs::write(place.config(), format!("{before}{audit}\n{after}")).unwrap();
    place.proxy = Proxy::serve(&place.config());
}

fn verify(place: &Place, words: &[&Path]) -> Output {
    let words: Vec<&str> = words.iter().map(|w| w.to_str().unwrap()).collect();
    place
        .verb(&[&["audit", "verify"], &words[..]].concat())
        .output()
        .unwrap()
}

fn seals(place: &Place) -> usize {
    let file = place.directory().join("audit/00000000000000000000.seals");
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .filter(|line| line.starts_with("seal "))
        .count()
}

#[test]
fn what_was_sealed_is_proven_over_kill_9_and_restarts_and_says_on_what_it_stands() {
    let mut place = Setup::clinic().start();
    let (file, public) = identity(&place, "auditor");
    let (other, _) = identity(&place, "other");
    sealed_to(&mut place, &public);
    let check = told(&place.verb(&["check"]).output().unwrap());
    let name = public.split_once('+').unwrap().0;
    assert!(check.contains(&format!("sealed to {name}")), "{check}");
    place.both(CLINIC_TABLES);
    let begun = Instant::now();
    // The first that is signed since the log is sealed.
    let note = loop {
        let note = succeed(&mut place.verb(&["audit", "checkpoint"]));
        if note.lines().nth(3).unwrap().starts_with("seal ") {
            break note;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{note}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let kept = place.directory().join("kept.txt");
    fs::write(&kept, &note).unwrap();
    let begun = Instant::now();
    while seals(&place) < 4 {
        place.raw("app").query("SELECT 1");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    place.proxy.signal("KILL");
    place.proxy.wait(Duration::from_secs(20));
    place.proxy = Proxy::serve(&place.config());
    place.raw("app").query("SELECT 1");
    place.proxy.signal("TERM");
    place.proxy.wait(Duration::from_secs(20));
    let (against, with) = (Path::new("--against"), Path::new("--identity"));
    let whole = verify(&place, &[with, &file, against, &kept]);
    assert_eq!(whole.status.code(), Some(0), "{}", told(&whole));
    let records = place.audit().len();
    assert!(told(&whole).contains(&format!("sealed    the first {records} records")));
    assert!(
        told(&whole).contains("bound by the kept checkpoint over"),
        "{}",
        told(&whole)
    );
    let alone = told(&verify(&place, &[with, &file]));
    assert!(alone.contains("bound by nothing from elsewhere"), "{alone}");
    let without = told(&verify(&place, &[against, &kept]));
    assert!(without.contains("their MACs were not checked"), "{without}");
    let stranger = verify(&place, &[with, &other]);
    assert_eq!(stranger.status.code(), Some(1), "{}", told(&stranger));
    let mut report = place.verb(&["audit", "report", "integrity"]);
    let report = report.arg("--identity").arg(&file).output();
    let report = told(&report.unwrap());
    assert!(
        report.contains("hold, ") && report.contains("bound by no kept checkpoint"),
        "{report}"
    );
    // What the configuration no longer seals does not go on.
    let config = fs::read_to_string(place.config()).unwrap();
    let (before, _) = config.split_once(", seal:").unwrap();
    let after = config.split_once("] } }").unwrap().1;
    fs::write(place.config(), format!("{before} }}{after}")).unwrap();
    let refused = place.verb(&["serve"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(64), "{}", told(&refused));
    assert!(
        told(&refused).contains("audit.seal is gone"),
        "{}",
        told(&refused)
    );
}

#[test]
fn a_letter_of_a_public_key_that_is_wrong_is_an_error_of_the_configuration() {
    let place = Setup::clinic().start();
    let (_, public) = identity(&place, "auditor");
    let config = fs::read_to_string(place.config()).unwrap();
    let last = public.len() - 3;
    let wrong = public[..last].to_owned()
        + if &public[last..=last] == "A" {
            "B"
        } else {
            "A"
        }
        + &public[last + 1..];
    for (auditors, words) in [
        (wrong.as_str(), "an auditor's public key"),
        ("", "at least one"),
        (&format!("{public}, {public}"), "none twice"),
    ] {
        let audit = format!("audit: {{ directory: audit/, seal: {{ auditors: [{auditors}] }} }}");
        let text = config.replace("audit: { directory: audit/ }", &audit);
        assert_ne!(text, config);
        fs::write(place.config(), text).unwrap();
        let refused = place.verb(&["check"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(64), "{}", told(&refused));
        assert!(told(&refused).contains(words), "{}", told(&refused));
    }
}

//! Seals: whoever has the host, with every key that is on it, cannot rewrite what was sealed before.

use super::forget_checkpoints;
use crate::auditor::Identity;
use crate::log::{Keep, Log, OpenError, Options, SealError, Sealing};
use crate::note::{self, Checkpoint, Signer};
use crate::prove::latest;
use crate::samples::*;
use crate::segment;
use crate::tree::{self, Edge};
use crate::verify::{Defect, Finding, Known, Verified, verify, verify_against};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn sealed_to(identities: &[&Identity]) -> Options {
    let auditors = identities.iter().map(|i| i.auditor().clone()).collect();
    Options {
        seal: Some(Sealing {
            auditors,
            key: None,
        }),
        ..options(16 * 1024)
    }
}

/// Some records in a life of their own: they are sealed when it ends.
fn live(dir: &Path, options: Options) {
    let log = Log::open(dir, options).unwrap();
    for record in every_type(&session("s1", "app")) {
        log.append(&record).unwrap();
    }
    log.close().unwrap();
}

fn known(identity: &Arc<Identity>, kept: Option<&str>) -> Known {
    let kept = kept.map(|note| (PathBuf::from("kept"), note.to_owned()));
    Known {
        identity: Some(Arc::clone(identity)),
        checkpoints: kept.into_iter().collect(),
        ..Known::default()
    }
}

fn held(dir: &Path, identity: &Arc<Identity>, kept: Option<&str>) -> Verified {
    verify_against(dir, &known(identity, kept)).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn findings(dir: &Path, identity: &Arc<Identity>, kept: Option<&str>) -> Vec<Finding> {
    verify_against(dir, &known(identity, kept)).expect_err("nothing was found")
}

/// The verifier in Python; `true`: whole.
fn python_too(dir: &Path, identity: &Identity, kept: Option<&str>) -> Option<bool> {
    let place = tempfile::tempdir().unwrap();
    let (file, against) = (place.path().join("identity"), place.path().join("kept"));
    fs::write(&file, identity.text().as_bytes()).unwrap();
    fs::write(&against, kept.unwrap_or_default()).unwrap();
    let mut args = vec!["--identity".as_ref(), file.as_os_str(), dir.as_os_str()];
    if kept.is_some() {
        args.extend(["--against".as_ref(), against.as_os_str()]);
    }
    python(&args).map(|told| told.contains(": whole"))
}

/// Does what whoever has the signing key can: `change` on the line of this number, all after it chained anew, edges
/// and checkpoints made and signed anew.
fn rewrite(dir: &Path, from: u64, change: impl Fn(String) -> String) {
    let signer = Signer::parse(&fs::read_to_string(dir.join("signing.key")).unwrap()).unwrap();
    let (mut edge, mut prev, mut seq) = (Edge::default(), "0".repeat(64), 0);
    let list = segment::list(dir).unwrap().segments;
    for (n, one) in list.iter().enumerate() {
        fs::write(dir.join(segment::edge_name(seq)), edge.text()).unwrap();
        let path = dir.join(segment::checkpoints_name(seq));
        let old = fs::read_to_string(&path).unwrap();
        let mut old: Vec<Checkpoint> = note::split(&old)
            .0
            .iter()
            .map(|note| signer.verifier().open(note).unwrap())
            .collect();
        old.reverse();
        let mut notes = Vec::new();
        let mut sign = |edge: &Edge| {
            if old.last().is_some_and(|next| next.size == edge.size()) {
                let anchor = old.pop().unwrap().anchor;
                notes.push(signer.sign(Checkpoint {
                    anchor,
                    ..edge.into()
                }));
            }
        };
        sign(&edge);
        let mut text = String::new();
        for line in fs::read_to_string(&one.path).unwrap().lines() {
            let line = if seq == from {
                change(line.to_owned())
            } else {
                line.to_owned()
            };
            let body = line.rsplit_once(",\"prev\":").unwrap().0;
            let mut line = body.as_bytes().to_vec();
            let hash = crate::line::seal(&mut line, &prev.as_bytes().try_into().unwrap());
            prev = hash.map(char::from).iter().collect();
            edge.push(tree::leaf(line.strip_suffix(b"\n").unwrap()));
            text.push_str(std::str::from_utf8(&line).unwrap());
            seq += 1;
            sign(&edge);
        }
        fs::write(&one.path, text).unwrap();
        fs::write(&path, notes.join("\n")).unwrap();
        assert!(n + 1 == list.len() || list[n + 1].first_seq == seq);
    }
}

/// A log of five lives, its auditor, and a checkpoint kept after the first.
fn grown() -> (tempfile::TempDir, Arc<Identity>, String) {
    let dir = tempfile::tempdir().unwrap();
    let identity = Arc::new(Identity::generate());
    live(dir.path(), sealed_to(&[&identity]));
    let kept = latest(dir.path()).unwrap().note;
    for _ in 0..4 {
        live(dir.path(), sealed_to(&[&identity]));
    }
    assert!(segments(dir.path()).len() > 1);
    (dir, identity, kept)
}

#[test]
fn an_identity_shows_what_is_proven_and_another_shows_nothing() {
    let (dir, identity, kept) = grown();
    let verified = held(dir.path(), &identity, Some(&kept));
    let proven = verified.sealed.unwrap();
    assert_eq!(proven.records, verified.records);
    assert!(proven.seals >= 5 && proven.seals == verified.seals);
    assert_eq!((proven.anchored, proven.others), (Some(14), None));
    assert_eq!(proven.to, verified.last);
    let alone = held(dir.path(), &identity, None).sealed.unwrap();
    assert_eq!(alone.anchored, None);
    let without = verify(dir.path()).unwrap();
    assert_eq!((without.seals, without.sealed), (verified.seals, None));
    let other = Arc::new(Identity::generate());
    let found = findings(dir.path(), &other, None);
    assert_eq!(found[0].what, Defect::SealedForOthers);
    let plain = tempfile::tempdir().unwrap();
    write_log(plain.path(), 1);
    let found = findings(plain.path(), &identity, None);
    assert_eq!(found[0].what, Defect::NotSealed);
    if let Some(whole) = python_too(dir.path(), &identity, Some(&kept)) {
        assert!(whole);
        assert_eq!(python_too(dir.path(), &other, None), Some(false));
    }
}

#[test]
fn a_suffix_that_is_rewritten_chained_and_signed_anew_is_found_with_the_identity_alone() {
    for from in [20, 30, 69] {
        let (dir, identity, _) = grown();
        rewrite(dir.path(), from, |line| line);
        held(dir.path(), &identity, None);
        rewrite(dir.path(), from, |line| {
            let changed = line.replacen("proxy-a", "proxy-b", 1);
            assert_ne!(changed, line);
            changed
        });
        verify(dir.path()).unwrap_or_else(|f| panic!("the signatures are good: {f:?}"));
        let found = findings(dir.path(), &identity, None);
        assert!(
            matches!(found[0].what, Defect::Seal(_)),
            "{from}: {found:?}"
        );
        let theirs = python_too(dir.path(), &identity, None);
        assert!(theirs.is_none_or(|whole| !whole), "{from}");
    }
}

/// The end is cut with all that betrays it, and the log goes on with what the host has: the key of a later seal.
#[test]
fn a_log_that_is_cut_cannot_be_gone_on_with() {
    let (dir, identity, _) = grown();
    let seals = segments(dir.path())[0].with_extension("seals");
    let text = fs::read_to_string(&seals).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let size: usize = lines[1].split(' ').nth(2).unwrap().parse().unwrap();
    fs::write(&seals, lines[..2].concat()).unwrap();
    let first = &segments(dir.path())[0];
    let records = fs::read_to_string(first).unwrap();
    let records: Vec<&str> = records.split_inclusive('\n').collect();
    fs::write(first, records[..size].concat()).unwrap();
    for path in &segments(dir.path())[1..] {
        for ending in ["jsonl", "edge", "checkpoints", "seals"] {
            fs::remove_file(path.with_extension(ending)).unwrap();
        }
    }
    forget_checkpoints(dir.path());
    verify(dir.path()).unwrap();
    let key = dir.path().join("sealing.key");
    let refused = Log::open(dir.path(), sealed_to(&[&identity])).unwrap_err();
    assert!(
        matches!(refused, OpenError::Seal(_, SealError::Cut(_))),
        "{refused}"
    );
    // Told that this is the key of that place.
    let kept = fs::read_to_string(&key).unwrap();
    let mut fields: Vec<_> = kept.split(' ').map(str::to_owned).collect();
    fields[1] = format!("{:020}", 1);
    fs::write(&key, fields.join(" ")).unwrap();
    live(dir.path(), sealed_to(&[&identity]));
    verify(dir.path()).unwrap();
    let found = findings(dir.path(), &identity, None);
    assert_eq!(found[0].what, Defect::Seal(1), "{found:?}");
}

#[test]
fn seals_made_anew_from_the_first_are_found_against_one_kept_checkpoint() {
    let (dir, identity, kept) = grown();
    let signing = fs::read(dir.path().join("signing.key")).unwrap();
    // As the log was before it was sealed; the public key of the auditor is public.
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let ending = path.extension().and_then(|e| e.to_str());
        if ending == Some("seals") || path.ends_with("sealing.key") {
            fs::remove_file(path).unwrap();
        }
    }
    let strip = |path: &Path| {
        let signer = Signer::parse(std::str::from_utf8(&signing).unwrap()).unwrap();
        let text = fs::read_to_string(path).unwrap();
        let notes = note::split(&text).0.into_iter().map(|note| {
            let anchor = None;
            let checkpoint = signer.verifier().open(note).unwrap();
            signer.sign(Checkpoint {
                anchor,
                ..checkpoint
            })
        });
        fs::write(path, notes.collect::<Vec<_>>().join("\n")).unwrap();
    };
    let removed = verify(dir.path()).unwrap_err();
    assert!(
        matches!(removed[0].what, Defect::SealsCut { next: 0, .. }),
        "{removed:?}"
    );
    for path in segments(dir.path()) {
        strip(&path.with_extension("checkpoints"));
    }
    verify(dir.path()).unwrap();
    let found = verify_against(
        dir.path(),
        &Known {
            checkpoints: vec![("kept".into(), kept.clone())],
            ..Known::default()
        },
    )
    .unwrap_err();
    assert!(
        matches!(found[0].what, Defect::SealsCut { .. }),
        "{found:?}"
    );
    live(dir.path(), sealed_to(&[&identity]));
    live(dir.path(), sealed_to(&[&identity]));
    let alone = held(dir.path(), &identity, None).sealed.unwrap();
    assert_eq!(alone.anchored, None, "it says what that is worth");
    let found = findings(dir.path(), &identity, Some(&kept));
    assert!(
        matches!(found[0].what, Defect::SealAnchor(_) | Defect::SealPlace),
        "{found:?}"
    );
    let theirs = python_too(dir.path(), &identity, Some(&kept));
    assert!(theirs.is_none_or(|whole| !whole));
}

#[test]
fn seals_that_are_removed_are_missed() {
    for remove in [0, 1] {
        let (dir, identity, _) = grown();
        let path = segments(dir.path())[remove].with_extension("seals");
        fs::remove_file(&path).unwrap();
        assert!(verify(dir.path()).is_err(), "{remove}");
        findings(dir.path(), &identity, None);
    }
    let (dir, identity, _) = grown();
    let path = segments(dir.path())[0].with_extension("seals");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    assert!(lines.len() >= 3);
    for gone in 0..lines.len() {
        let mut left = lines.clone();
        left.remove(gone);
        fs::write(&path, left.concat()).unwrap();
        assert!(verify(dir.path()).is_err(), "line {gone}");
        let theirs = python_too(dir.path(), &identity, None);
        assert!(theirs.is_none_or(|whole| !whole), "line {gone}");
    }
}

#[test]
fn auditors_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let [ann, bob, eve] = [(); 3].map(|()| Arc::new(Identity::generate()));
    live(dir.path(), sealed_to(&[&ann]));
    live(dir.path(), sealed_to(&[&ann, &bob]));
    live(dir.path(), sealed_to(&[&bob, &ann]));
    live(dir.path(), sealed_to(&[&bob]));
    let kept = latest(dir.path()).unwrap().note;
    live(dir.path(), sealed_to(&[&bob, &eve]));
    let proven = |identity| held(dir.path(), identity, None).sealed.unwrap();
    let all = verify(dir.path()).unwrap().records;
    assert_eq!((proven(&ann).others, proven(&ann).records), (Some(42), 42));
    assert_eq!((proven(&bob).others, proven(&bob).records), (None, all));
    assert!(proven(&eve).seals < proven(&bob).seals && proven(&eve).records == all);
    assert!(proven(&eve).from > proven(&bob).from);
    let bound = held(dir.path(), &bob, Some(&kept)).sealed.unwrap();
    assert_eq!(bound.anchored, Some(56));
    // What was kept when somebody was not an auditor cannot be held to what they have the keys of.
    for (identity, kept, whole) in [
        (&ann, None, true),
        (&bob, Some(kept.as_str()), true),
        (&eve, None, true),
        (&ann, Some(kept.as_str()), false),
        (&eve, Some(kept.as_str()), false),
    ] {
        if !whole {
            let found = findings(dir.path(), identity, kept);
            assert!(matches!(found[0].what, Defect::SealNotHeld(_)), "{found:?}");
        }
        let theirs = python_too(dir.path(), identity, kept);
        assert!(theirs.is_none_or(|theirs| theirs == whole));
    }
    // Nobody vouches for what a thief of the files says of auditors.
    let path = segments(dir.path()).pop().unwrap().with_extension("seals");
    let text = fs::read_to_string(&path).unwrap();
    let line = text.lines().rfind(|l| l.contains(eve.auditor().name()));
    let mac = line.unwrap().rsplit(' ').next().unwrap();
    fs::write(
        &path,
        text.replace(mac, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    )
    .unwrap();
    let found = findings(dir.path(), &bob, None);
    assert!(matches!(found[0].what, Defect::SealKey(_)), "{found:?}");
}

#[test]
fn an_older_key_goes_forward_and_a_wrong_one_does_not_open() {
    let (dir, identity, kept) = grown();
    let key = dir.path().join("sealing.key");
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = fs::read_to_string(&key).unwrap();
    live(dir.path(), sealed_to(&[&identity]));
    assert_eq!(fs::read(&key).unwrap().len(), text.len());
    assert_ne!(fs::read_to_string(&key).unwrap(), text);
    fs::write(&key, &text).unwrap();
    live(dir.path(), sealed_to(&[&identity]));
    held(dir.path(), &identity, Some(&kept));
    let text = fs::read_to_string(&key).unwrap();
    let refused = |options: Options| match Log::open(dir.path(), options).unwrap_err() {
        OpenError::Seal(_, what) => what,
        other => panic!("{other}"),
    };
    let sealed = || sealed_to(&[&identity]);
    assert_eq!(refused(options(1 << 20)), SealError::NoAuditors);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(refused(sealed()), SealError::Mode(_, 0o640)));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let other = tempfile::tempdir().unwrap();
    live(other.path(), sealed());
    let theirs = fs::read_to_string(other.path().join("sealing.key")).unwrap();
    for wrong in [theirs.as_str(), "", &text[1..], &text[..text.len() - 1]] {
        fs::write(&key, wrong).unwrap();
        assert!(
            matches!(refused(sealed()), SealError::OtherKey(_)),
            "{wrong}"
        );
    }
    fs::remove_file(&key).unwrap();
    assert!(matches!(refused(sealed()), SealError::NoKey(_)));
    fs::write(&key, &text).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(segments(dir.path()).pop().unwrap().with_extension("seals")).unwrap();
    assert_eq!(refused(sealed()), SealError::Gone);
}

#[test]
fn what_a_crash_left_torn_is_cut_and_a_log_can_be_sealed_later() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Arc::new(Identity::generate());
    live(dir.path(), options(16 * 1024));
    let options = sealed_to(&[&identity]);
    // The very first key line was torn.
    let seals = segments(dir.path())[0].with_extension("seals");
    fs::write(&seals, "key 0 ").unwrap();
    live(dir.path(), options.clone());
    let whole = fs::read(&seals).unwrap();
    fs::write(&seals, [&whole, &b"seal 9"[..]].concat()).unwrap();
    let torn = verify(dir.path()).unwrap_err();
    assert_eq!(torn[0].what, Defect::SealTorn);
    live(dir.path(), options);
    let proven = held(dir.path(), &identity, None).sealed.unwrap();
    assert_eq!(proven.records, verify(dir.path()).unwrap().records);
}

#[test]
fn a_log_whose_beginning_is_not_kept_is_proven_from_where_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Arc::new(Identity::generate());
    let options = Options {
        keep: Keep {
            keep: Some(Duration::from_millis(1)),
            every: Duration::from_millis(20),
            ..Keep::default()
        },
        ..sealed_to(&[&identity])
    };
    for _ in 0..9 {
        live(dir.path(), options.clone());
    }
    let log = Log::open(dir.path(), options).unwrap();
    let begun = std::time::Instant::now();
    while segment::list(dir.path()).unwrap().segments[0].first_seq == 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{:?}",
            log.keeping_failure()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    log.close().unwrap();
    let verified = held(dir.path(), &identity, None);
    assert!(verified.first_seq > 0 && verified.sealed.unwrap().seals > 2);
    let theirs = python_too(dir.path(), &identity, None);
    assert!(theirs.is_none_or(|whole| whole));
}

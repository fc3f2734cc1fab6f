//! Tamperings by the thousand, at random: each is found, and tests/verify_audit.py says the same as we do.
//!
//! `HIPPOCRYPT_TAMPERINGS=10000` for more of them, `HIPPOCRYPT_SEED=…` for others.

use super::reseal;
use crate::auditor::Identity;
use crate::log::{Checkpoints, Log, Options, Sealing};
use crate::note;
use crate::prove::{latest, prove};
use crate::samples::*;
use crate::verify::{Known, verify_against};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The files of a log by name, without those that are not part of it.
type Files = BTreeMap<String, Vec<u8>>;

/// A log of some segments with some checkpoints each; sealed, it is opened anew each round, so that there are seals of
/// each.
fn write(dir: &Path, seal: Option<Sealing>) {
    let rounds = if seal.is_some() { 4 } else { 1 };
    let options = Options {
        seal,
        checkpoints: Checkpoints {
            records: 3,
            after: Duration::from_secs(3600),
            ..Checkpoints::default()
        },
        ..options(7000)
    };
    for opening in 0..rounds {
        let log = Log::open(dir, options.clone()).unwrap();
        for round in opening..opening + 4 / rounds {
            let session = session(&format!("s{round}"), "app");
            for record in every_type(&session) {
                log.append(&record).unwrap();
                std::thread::sleep(Duration::from_millis(8));
            }
        }
        log.close().unwrap();
    }
}

fn read(dir: &Path) -> Files {
    let files = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let parts =
        files.filter(|path| !["LOCK", "signing.key", "sealing.key"].contains(&name(path).as_str()));
    parts
        .map(|path| (name(&path), fs::read(&path).unwrap()))
        .collect()
}

/// splitmix64: enough to choose by.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn ending(&mut self, files: &Files) -> &'static str {
        let endings = [".jsonl", ".edge", ".checkpoints", ".key", ".seals"];
        let sealed = files.keys().any(|name| name.ends_with(".seals"));
        endings[self.below(4 + usize::from(sealed))]
    }

    fn name(&mut self, files: &Files, ending: &str) -> String {
        let names: Vec<_> = files.keys().filter(|name| name.ends_with(ending)).collect();
        names[self.below(names.len())].clone()
    }
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// From this record on, each line chained to the one before as a forger without the key would.
fn rechain(files: &mut Files, from: u64, change: impl Fn(String) -> String) {
    let mut prev = None;
    let names: Vec<_> = files
        .keys()
        .filter(|name| name.ends_with(".jsonl"))
        .cloned()
        .collect();
    let mut seq = 0;
    for name in names {
        let mut text = lines(&files[&name]);
        for line in &mut text {
            if seq == from {
                reseal(line, &change);
            } else if let Some(prev) = prev.take() {
                reseal(line, |text| {
                    let (head, tail) = text.split_once("\"prev\":\"").unwrap();
                    format!("{head}\"prev\":\"{prev}{}", &tail[64..])
                });
            }
            if seq >= from {
                let hash = &line[line.len() - 67..line.len() - 3];
                prev = Some(String::from_utf8(hash.to_vec()).unwrap());
            }
            seq += 1;
        }
        files.insert(name, text.concat());
    }
}

/// One tampering; `true`: it must be found, else the verifiers must only agree about it.
fn tamper(files: &mut Files, dice: &mut Dice) -> bool {
    let whole = files.clone();
    match dice.below(12) {
        0 | 1 => {
            let ending = dice.ending(files);
            let name = dice.name(files, ending);
            let text = files.get_mut(&name).unwrap();
            if !text.is_empty() {
                let at = dice.below(text.len());
                match dice.below(4) {
                    0 => text[at] ^= 1 << dice.below(8),
                    1 => text[at] = dice.below(256) as u8,
                    2 => drop(text.remove(at)),
                    _ => text.insert(at, dice.below(256) as u8),
                }
            }
        }
        2 => {
            let name = dice.name(files, ".jsonl");
            let mut text = lines(&files[&name]);
            text.remove(dice.below(text.len()));
            files.insert(name, text.concat());
        }
        3 => {
            let name = dice.name(files, ".jsonl");
            let mut text = lines(&files[&name]);
            let line = text[dice.below(text.len())].clone();
            text.insert(dice.below(text.len() + 1), line);
            files.insert(name, text.concat());
        }
        4 => {
            let (a, b) = (dice.name(files, ".jsonl"), dice.name(files, ".jsonl"));
            let (mut texts, both) = ([lines(&files[&a]), lines(&files[&b])], a != b);
            let (i, j) = (dice.below(texts[0].len()), dice.below(texts[1].len()));
            let other = texts[1][j].clone();
            let one = std::mem::replace(&mut texts[0][i], other);
            let second = usize::from(both);
            texts[second][j] = one;
            files.insert(a, texts[0].concat());
            if both {
                files.insert(b, texts[1].concat());
            }
        }
        5 | 6 => {
            let from = dice.below(56) as u64;
            let digit = char::from(b'0' + dice.below(10) as u8);
            rechain(files, from, |text| {
                text.replacen('1', &digit.to_string(), 2)
            });
        }
        7 => {
            let name = dice.name(files, ".jsonl");
            let stem = name.split('.').next().unwrap().to_owned();
            files.retain(|name, _| !name.starts_with(&stem));
        }
        8 => {
            let ending = dice.ending(files);
            let name = dice.name(files, ending);
            files.remove(&name);
        }
        // A cut tail that nothing beside it betrays.
        9 => {
            let name = dice.name(files, ".jsonl");
            let text = lines(&files[&name]);
            let keep = 1 + dice.below(text.len() - 1);
            files.insert(name.clone(), text[..keep].concat());
            let stem = name.split('.').next().unwrap().to_owned();
            let beyond = |name: &String| name.split('.').next().unwrap() > stem.as_str();
            files.retain(|name, _| name.starts_with("verifier") || !beyond(name));
            let checkpoints = files.get_mut(&format!("{stem}.checkpoints")).unwrap();
            let text = String::from_utf8(checkpoints.clone()).unwrap();
            *checkpoints = note::split(&text).0[0].as_bytes().to_vec();
            // Seals over what is gone would betray it by themselves.
            if let Some(seals) = files.get_mut(&format!("{stem}.seals")) {
                let text = String::from_utf8(seals.clone()).unwrap();
                let whole: u64 = stem.parse().unwrap();
                let stays = |line: &&str| {
                    let size = line.strip_prefix("seal ").and_then(|l| l.split(' ').nth(1));
                    size.is_none_or(|size| size.parse::<u64>().unwrap() <= whole + keep as u64)
                };
                let left: String = text.split_inclusive('\n').filter(stays).collect();
                *seals = left.into_bytes();
            }
        }
        10 => {
            let (a, b) = (
                dice.name(files, ".checkpoints"),
                dice.name(files, ".checkpoints"),
            );
            let (one, other) = (files[&a].clone(), files[&b].clone());
            files.insert(a, other);
            files.insert(b, one);
        }
        // Checkpoints left out, doubled or moved: each stands for itself.
        _ => {
            let name = dice.name(files, ".checkpoints");
            let text = String::from_utf8(files[&name].clone()).unwrap();
            let mut notes = note::split(&text).0;
            let at = dice.below(notes.len());
            let note = notes.remove(at);
            if dice.below(2) == 0 {
                notes.insert(dice.below(notes.len() + 1), note);
                notes.insert(dice.below(notes.len() + 1), note);
            }
            files.insert(name, notes.join("\n").into_bytes());
            return false;
        }
    }
    *files != whole
}

#[test]
fn every_random_tampering_is_found_and_the_verifier_in_python_agrees() {
    tampered_at_random(None);
}

/// The tamperer has the key that signs checkpoints, and had the host after the last seal.
#[test]
fn every_random_tampering_of_a_sealed_log_is_found_with_an_auditors_identity() {
    tampered_at_random(Some(Identity::generate()));
}

fn tampered_at_random(identity: Option<Identity>) {
    let number = |name: &str, default: u64| {
        let given = std::env::var(name).ok();
        given.map_or(default, |n| n.parse().unwrap())
    };
    let (count, seed) = (
        number("HIPPOCRYPT_TAMPERINGS", 1000),
        number("HIPPOCRYPT_SEED", 1),
    );
    let place = tempfile::tempdir().unwrap();
    let original = place.path().join("log");
    let sealing = |identity: &Identity| Sealing {
        auditors: vec![identity.auditor().clone()],
        key: None,
    };
    write(&original, identity.as_ref().map(sealing));
    let (against, key) = (place.path().join("kept"), place.path().join("key"));
    let kept = latest(&original).unwrap();
    fs::write(&against, &kept.note).unwrap();
    fs::write(&key, format!("{}\n", kept.key)).unwrap();
    let file = place.path().join("identity");
    if let Some(identity) = &identity {
        fs::write(&file, identity.text().as_bytes()).unwrap();
    }
    let identity = identity.map(Arc::new);
    let known = Known {
        identity: identity.clone(),
        key: note::Verifier::parse(&kept.key),
        checkpoints: vec![(against.clone(), kept.note)],
    };
    let whole = read(&original);
    assert!(whole.keys().filter(|name| name.ends_with(".jsonl")).count() > 3);
    let mut dice = Dice(seed);
    let (mut found, mut held) = (0, 0);
    for batch in 0..count.div_ceil(200) {
        let batch = place.path().join(format!("batch{batch}"));
        let mut expected = Vec::new();
        for n in 0..200 {
            let dir = batch.join(format!("{n:03}"));
            fs::create_dir_all(&dir).unwrap();
            let mut files = whole.clone();
            let must = tamper(&mut files, &mut dice);
            for (name, text) in &files {
                fs::write(dir.join(name), text).unwrap();
            }
            let ours = verify_against(&dir, &known);
            assert!(
                !must || ours.is_err(),
                "missed: number {n} of {batch:?}, seed {seed}"
            );
            *(if ours.is_err() { &mut found } else { &mut held }) += 1;
            expected.push((dir, ours));
        }
        let dirs = expected.iter().map(|(dir, _)| dir.as_os_str());
        let mut args = vec![
            "--against".as_ref(),
            against.as_os_str(),
            "--key".as_ref(),
            key.as_os_str(),
        ];
        if identity.is_some() {
            args.extend(["--identity".as_ref(), file.as_os_str()]);
        }
        args.extend(dirs);
        let Some(told) = python(&args) else { return };
        for (line, (dir, ours)) in told.lines().zip(&expected) {
            let theirs = line.starts_with(&format!("{}: whole", dir.display()));
            assert_eq!(ours.is_ok(), theirs, "{line}: {ours:?}; seed {seed}");
        }
        assert_eq!(told.lines().count(), expected.len(), "{told}");
        fs::remove_dir_all(batch).unwrap();
    }
    assert!(found > count / 2 && held > 0, "{found} found, {held} held");
}

#[test]
fn proofs_are_checked_in_python_from_the_page_alone() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("log");
    write(&dir, None);
    let key = dir.join("verifier.key");
    let mut files = Vec::new();
    for seq in 0..56 {
        let file = place.path().join(format!("{seq}.tlog-proof"));
        fs::write(&file, prove(&dir, seq).unwrap()).unwrap();
        files.push(file);
    }
    let ask = |files: &[PathBuf]| {
        let mut args = vec!["--proof".as_ref(), key.as_os_str()];
        args.extend(files.iter().map(|file| file.as_os_str()));
        python(&args)
    };
    let Some(told) = ask(&files) else { return };
    assert!(!told.contains("WRONG"), "{told}");
    assert!(
        told.contains("record 55 is in the log of 56 records"),
        "{told}"
    );
    let mut broken = Vec::new();
    let proof = fs::read(&files[20]).unwrap();
    for at in (0..proof.len()).step_by(7) {
        let mut text = proof.clone();
        text[at] ^= 1;
        let file = place.path().join(format!("{at}.broken"));
        fs::write(&file, text).unwrap();
        broken.push(file);
    }
    let told = ask(&broken).unwrap();
    assert_eq!(told.matches("WRONG").count(), broken.len(), "{told}");
}

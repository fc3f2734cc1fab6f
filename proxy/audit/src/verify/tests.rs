//! Every kind of tampering is found, also by the verifier in another language.

mod tampering;

use super::{Check, Defect, Place, verify};
use crate::line::{Hex, LINE_MAX, Parts};
use crate::log::Log;
use crate::samples::{options, python, segments, write_log};
use crate::segment::Lines;
use std::fs;
use std::path::Path;

#[test]
fn a_whole_log_verifies() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 20);
    let verified = verify(dir.path()).unwrap();
    assert_eq!(verified.records, 280);
    assert!(verified.segments > 3, "{verified:?}");
    assert!(verified.stopped);
    assert_eq!(verified.recoveries, 0);
    assert_eq!(verified.head.len(), 64);
}

#[test]
fn nothing_is_not_a_whole_log() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(verify(dir.path()).unwrap_err()[0].what, Defect::Nothing);
    let gone = verify(&dir.path().join("no")).unwrap_err();
    assert!(matches!(gone[0].what, Defect::Unreadable(_)));
    let log = Log::open(dir.path(), options(1 << 20)).unwrap();
    assert_eq!(verify(dir.path()).unwrap_err()[0].what, Defect::Nothing);
    log.close().unwrap();
}

/// Each byte of some hundred records (each bit of the first of every type, then the bit that makes an upper
/// case of a lower), against the chain before and after the line.
#[test]
fn every_flipped_byte_is_found() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 24);
    let (mut next_seq, mut head) = (0, Check::new(dir.path()).head);
    for segment in segments(dir.path()) {
        let text = fs::read(&segment).unwrap();
        let lines: Vec<&[u8]> = text.split_inclusive(|&b| b == b'\n').collect();
        for (i, line) in lines.iter().enumerate() {
            let mut around = lines[i..lines.len().min(i + 2)].concat();
            assert!(holds(dir.path(), next_seq, head, &around));
            for at in 0..line.len() {
                for bit in if next_seq < 26 { 0..8 } else { 5..6 } {
                    around[at] ^= 1 << bit;
                    let held = holds(dir.path(), next_seq, head, &around);
                    assert!(
                        !held,
                        "bit {bit} of byte {at} of record {next_seq} is not missed"
                    );
                    around[at] ^= 1 << bit;
                }
            }
            next_seq += 1;
            head = Parts::of(line.strip_suffix(b"\n").unwrap()).map(|p| *p.hash);
        }
    }
    assert_eq!(next_seq, 24 * 14);
}

fn holds(dir: &Path, next_seq: u64, head: Option<Hex>, text: &[u8]) -> bool {
    let mut check = Check::new(dir);
    check.next_seq = next_seq;
    check.head = head;
    check.lines(dir, Place::Closed, Lines::over(text)).unwrap();
    check.findings.is_empty()
}

/// What a tampering does to the log, and what the finding must be.
type Tampering = (&'static str, fn(&mut Vec<Vec<u8>>), fn(&Defect) -> bool);

const TAMPERINGS: &[Tampering] = &[
    ("byte", |l| l[5][60] ^= 1, |d| *d == Defect::Changed),
    (
        "dropped",
        |l| drop(l.remove(5)),
        |d| {
            matches!(
                d,
                Defect::Missing {
                    expected: 5,
                    found: 6
                }
            )
        },
    ),
    (
        "first dropped",
        |l| drop(l.remove(0)),
        |d| matches!(d, Defect::Missing { expected: 0, .. }),
    ),
    (
        "swapped",
        |l| l.swap(5, 6),
        |d| matches!(d, Defect::Missing { .. }),
    ),
    (
        "repeated",
        |l| l.insert(5, l[5].clone()),
        |d| *d == Defect::Repeated(5),
    ),
    (
        "again later",
        |l| l.insert(9, l[5].clone()),
        |d| matches!(d, Defect::OutOfOrder { found: 5, .. }),
    ),
    (
        "blank line",
        |l| l.insert(5, b"\n".to_vec()),
        |d| matches!(d, Defect::NoRecord(_)),
    ),
    (
        "blank",
        |l| l[5].insert(0, b' '),
        |d| matches!(d, Defect::NoRecord(_)),
    ),
    (
        "carriage return",
        |l| {
            let end = l[5].len() - 1;
            l[5].insert(end, b'\r');
        },
        |d| matches!(d, Defect::NoRecord(_)),
    ),
    (
        "rechained",
        |l| reseal(&mut l[5], |s| s.replace("TICKET-17", "TICKET-18")),
        |d| *d == Defect::Fork,
    ),
    (
        "new genesis",
        |l| reseal(&mut l[0], |s| s.replace("\"prev\":\"0", "\"prev\":\"1")),
        |d| *d == Defect::Genesis,
    ),
    (
        "other json",
        |l| reseal_all(l, |s| s.replace("\"rows\":3", "\"rows\": 3")),
        not_canonical,
    ),
    (
        "escaped",
        |l| reseal_all(l, |s| s.replace("TICKET", "\\u0054ICKET")),
        not_canonical,
    ),
    (
        "unknown member",
        |l| reseal_all(l, |s| s.replace("\"rows\":3", "\"x\":1,\"rows\":3")),
        not_canonical,
    ),
    (
        "member left out",
        |l| reseal_all(l, |s| s.replace("\"rows\":3,", "")),
        not_canonical,
    ),
    (
        "member twice",
        |l| reseal_all(l, |s| s.replace("\"rows\":3", "\"rows\":3,\"rows\":3")),
        not_canonical,
    ),
    (
        "zeros ahead",
        |l| reseal_all(l, |s| s.replace("\"rows\":3", "\"rows\":03")),
        not_canonical,
    ),
    (
        "unknown type",
        |l| reseal_all(l, |s| s.replace("\"type\":\"keys\"", "\"type\":\"kees\"")),
        not_canonical,
    ),
    (
        "no end",
        |l| *l.last_mut().unwrap() = vec![b'x'; LINE_MAX + 10],
        |d| *d == Defect::Endless,
    ),
    (
        "torn",
        |l| {
            l.last_mut().unwrap().pop();
        },
        |d| *d == Defect::Torn,
    ),
];

fn not_canonical(defect: &Defect) -> bool {
    matches!(defect, Defect::NotCanonical { .. })
}

/// A forger who knows the format: the line's own hash is right again.
fn reseal(line: &mut Vec<u8>, change: impl Fn(String) -> String) {
    let text = change(String::from_utf8(line.clone()).unwrap());
    let (body, _) = text.rsplit_once(",\"hash\":").unwrap();
    let hash = crate::line::sha256_hex(format!("{body}}}").as_bytes());
    *line = format!("{body},\"hash\":\"{hash}\"}}\n").into_bytes();
}

/// A forger who writes the whole chain anew: only the bytes themselves can betray it.
fn reseal_all(lines: &mut [Vec<u8>], change: fn(String) -> String) {
    let mut prev = "0".repeat(64);
    for line in lines {
        let text = change(String::from_utf8(line.clone()).unwrap());
        let (body, _) = text.rsplit_once(",\"prev\":").unwrap();
        let body = format!("{body},\"prev\":\"{prev}\"");
        prev = crate::line::sha256_hex(format!("{body}}}").as_bytes());
        *line = format!("{body},\"hash\":\"{prev}\"}}\n").into_bytes();
    }
}

fn tampered(change: fn(&mut Vec<Vec<u8>>)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 1);
    let path = &segments(dir.path())[0];
    let text = fs::read(path).unwrap();
    let mut lines: Vec<_> = text
        .split_inclusive(|&b| b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    change(&mut lines);
    fs::write(path, lines.concat()).unwrap();
    dir
}

#[test]
fn every_tampering_is_found_for_what_it_is() {
    for (name, change, is) in TAMPERINGS {
        let dir = tampered(*change);
        let findings = verify(dir.path()).expect_err(name);
        assert!(findings.iter().any(|f| is(&f.what)), "{name}: {findings:?}");
    }
}

#[test]
fn every_dropped_swapped_or_repeated_line_is_found() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 4);
    let path = &segments(dir.path())[0];
    let text = fs::read(path).unwrap();
    let lines: Vec<_> = text.split_inclusive(|&b| b == b'\n').collect();
    let check = |what: &str, lines: &[&[u8]]| {
        fs::write(path, lines.concat()).unwrap();
        assert!(verify(dir.path()).is_err(), "{what} is missed");
    };
    for i in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(i);
        check("drop", &dropped);
        let mut twice = lines.clone();
        twice.insert(i, lines[i]);
        check("repeat", &twice);
        for j in 0..i {
            let mut swapped = lines.clone();
            swapped.swap(i, j);
            check("swap", &swapped);
        }
    }
    fs::write(path, &text).unwrap();
    assert!(verify(dir.path()).is_ok());
}

#[test]
fn missing_renamed_and_strange_segments_are_found() {
    let make = || {
        let dir = tempfile::tempdir().unwrap();
        write_log(dir.path(), 20);
        let segments = segments(dir.path());
        (dir, segments)
    };
    let (dir, files) = make();
    fs::remove_file(&files[1]).unwrap();
    assert!(matches!(
        verify(dir.path()).unwrap_err()[0].what,
        Defect::SegmentName { .. }
    ));
    let (dir, files) = make();
    fs::remove_file(&files[0]).unwrap();
    assert!(matches!(
        verify(dir.path()).unwrap_err()[0].what,
        Defect::Beginning { kept: None, .. }
    ));
    let (dir, files) = make();
    fs::rename(
        &files[1],
        files[1].with_file_name("00000000000000000007.jsonl"),
    )
    .unwrap();
    assert!(verify(dir.path()).is_err());
    let (dir, files) = make();
    fs::write(&files[1], "").unwrap();
    assert!(
        verify(dir.path())
            .unwrap_err()
            .iter()
            .any(|f| f.what == Defect::EmptySegment)
    );
    let (dir, files) = make();
    fs::copy(&files[1], files[1].with_file_name("7.jsonl")).unwrap();
    assert_eq!(verify(dir.path()).unwrap_err()[0].what, Defect::Stranger);
}

#[test]
fn one_missing_line_is_one_finding() {
    let dir = tampered(|lines| drop(lines.remove(5)));
    assert_eq!(verify(dir.path()).unwrap_err().len(), 1);
}

/// It checks chain, tree and checkpoints, not the canonical bytes.
#[test]
fn the_verifier_in_python_agrees() {
    let whole = tempfile::tempdir().unwrap();
    write_log(whole.path(), 20);
    let Some(told) = python(&[whole.path().as_os_str()]) else {
        return;
    };
    let head = verify(whole.path()).unwrap().head;
    assert!(told.contains(&head), "{told} lacks {head}");
    for (name, change, is) in TAMPERINGS {
        if is(&Defect::NotCanonical {
            at: 0,
            what: String::new(),
        }) {
            continue;
        }
        let dir = tampered(*change);
        let told = python(&[dir.path().as_os_str()]).unwrap();
        assert!(told.contains("WRONG"), "{name}: {told}");
    }
}

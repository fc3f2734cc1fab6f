//! What other places are sent: all of it, in order, again from where they have acknowledged, and kept until then.

use crate::log::feed::{Feed, Item, Place, Position};
use crate::log::{Checkpoints, Compression, Keep, Log, Options};
use crate::samples::*;
use crate::segment;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn fed(address: &str) -> Options {
    Options {
        places: vec![Place {
            kind: "http",
            address: address.to_owned(),
        }],
        checkpoints: Checkpoints {
            records: 5,
            ..Checkpoints::default()
        },
        keep: Keep {
            compression: Compression::Zstd,
            keep: Some(Duration::from_millis(1)),
            every: Duration::from_millis(5),
        },
        ..options(4000)
    }
}

/// The same, and nothing of it goes.
fn kept(address: &str) -> Options {
    Options {
        keep: Keep::default(),
        ..fed(address)
    }
}

fn write(log: &Log, rounds: usize) {
    for round in 0..rounds {
        for record in every_type(&session(&format!("s{round}"), "app")) {
            log.append(&record).unwrap();
        }
    }
    // On disk, and signed.
    std::thread::sleep(Duration::from_millis(150));
}

/// All that there is, in batches of some size.
fn drain(feed: &mut Feed, bytes: usize) -> (Vec<Item>, Position) {
    let (mut all, mut end) = (Vec::new(), Position::default());
    loop {
        let batch = feed.batch(bytes).unwrap();
        if batch.items.is_empty() {
            return (all, end);
        }
        let len = |item: &Item| match item {
            Item::Record(line) => line.len(),
            Item::Checkpoint(note) => note.len(),
        };
        let sizes: Vec<_> = batch.items.iter().map(len).collect();
        let last = sizes.last().copied().unwrap_or(0);
        assert!(
            sizes.iter().sum::<usize>() < bytes + last + 10 * 400,
            "{sizes:?}"
        );
        all.extend(batch.items);
        end = batch.end;
    }
}

/// Lines of the log as its files have them.
fn lines(dir: &Path) -> Vec<Vec<u8>> {
    let texts = segments(dir)
        .into_iter()
        .map(|path| fs::read(path).unwrap());
    texts
        .flat_map(|text| {
            let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
            lines.map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect()
}

/// Records in order without a gap from there on, checkpoints after what they are over.
fn in_order(items: &[Item], from: u64) -> Vec<Vec<u8>> {
    let (mut seq, mut signed, mut read) = (from, 0, Vec::new());
    for item in items {
        match item {
            Item::Record(line) => {
                let record: serde_json::Value = serde_json::from_slice(line).unwrap();
                assert_eq!(record["seq"], seq);
                seq += 1;
                read.push(line.clone());
            }
            Item::Checkpoint(note) => {
                let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
                assert!(size > signed && size <= seq, "{signed} {size} {seq}");
                signed = size;
            }
        }
    }
    read
}

#[test]
fn a_place_is_given_every_record_and_checkpoint_in_order_and_again_from_where_it_is() {
    for bytes in [1, 1000, 1 << 20] {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(dir.path(), kept("here")).unwrap();
        let mut feed = log.feeds().pop().unwrap();
        assert!(log.feeds().is_empty());
        write(&log, 3);
        let (all, end) = drain(&mut feed, bytes);
        assert_eq!(in_order(&all, 0), lines(dir.path()));
        assert!(all.iter().any(|item| matches!(item, Item::Checkpoint(_))));
        feed.rewind();
        assert_eq!(drain(&mut feed, 700).0, all, "nothing was acknowledged");
        let half = Position {
            seq: 20,
            signed: 15,
        };
        feed.acknowledge(half).unwrap();
        feed.rewind();
        let (rest, _) = drain(&mut feed, bytes);
        let lines = in_order(&rest, 20);
        assert_eq!(lines.len() as u64, end.seq - 20);
        drop(feed);
        log.close().unwrap();
        drop(log);
        // The next start goes on from there; another place has nothing.
        let log = Log::open(dir.path(), kept("here")).unwrap();
        let mut feed = log.feeds().pop().unwrap();
        in_order(&drain(&mut feed, bytes).0, 20);
        let end = feed.batch(1).unwrap().end;
        feed.acknowledge(end).unwrap();
        assert!(feed.is_done());
        drop((feed, log));
        let log = Log::open(dir.path(), kept("elsewhere")).unwrap();
        let mut feed = log.feeds().pop().unwrap();
        in_order(&drain(&mut feed, bytes).0, 0);
    }
}

#[test]
fn nothing_is_compressed_or_removed_before_a_place_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), fed("here")).unwrap();
    let mut feed = log.feeds().pop().unwrap();
    write(&log, 4);
    std::thread::sleep(Duration::from_millis(100));
    let listed = segment::list(dir.path()).unwrap().segments;
    assert!(listed[0].first_seq == 0 && listed.iter().all(|s| !s.is_compressed()));
    assert!(log.copies()[0].unshipped > 40);
    let (_, end) = drain(&mut feed, 1 << 20);
    feed.acknowledge(end).unwrap();
    let begun = Instant::now();
    while segment::list(dir.path()).unwrap().segments[0].first_seq == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(
        log.copies()[0].unshipped < 10,
        "the log's own records of it"
    );
    feed.progress().failed(Some("down".into()));
    assert_eq!(log.copies()[0].failure.as_deref(), Some("down"));
    // Reading goes on over what is gone.
    in_order(&drain(&mut feed, 1).0, end.seq);
}

#[test]
fn a_log_that_is_shorter_than_what_was_sent_is_not_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), kept("here")).unwrap();
    let mut feed = log.feeds().pop().unwrap();
    write(&log, 1);
    let beyond = Position {
        seq: 100,
        signed: 5,
    };
    feed.acknowledge(beyond).unwrap();
    feed.rewind();
    let error = feed.batch(1).unwrap_err().to_string();
    assert!(error.contains("its end is gone"), "{error}");
    assert!(!feed.is_done());
}

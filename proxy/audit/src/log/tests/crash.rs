//! A crash or a failure at every single call of the writer, and a power cut after it: the log opens, verifies, says
//! what was cut, and has every record that was told to be on disk.

use super::durable::wait;
use super::records;
use crate::auditor::Identity;
use crate::log::disk::{Disk, RealDisk, SegmentFile};
use crate::log::{Checkpoints, Durability, Log, Options, Sealing};
use crate::samples::*;
use crate::verify::verify;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

/// What happens at the chosen call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It fails, and so does every call after it: the process is dead.
    Crash,
    /// It is done by half, where that is possible, and then as above.
    HalfDone,
    /// It fails, and the next one is good again.
    Failure,
}

/// What a power cut would leave.
#[derive(Default)]
struct Power {
    calls: u64,
    /// Length that is on disk, by file.
    synced: BTreeMap<String, u64>,
    /// Names that no sync of the directory has made last.
    young: BTreeSet<String>,
    dead: bool,
}

#[derive(Clone)]
struct Doomed {
    dir: PathBuf,
    power: Arc<Mutex<Power>>,
    at: u64,
    fate: Fate,
}

impl Doomed {
    fn new(dir: &Path, at: u64, fate: Fate) -> Self {
        let (dir, power) = (dir.to_owned(), Arc::default());
        Self {
            dir,
            power,
            at,
            fate,
        }
    }

    /// `Some(true)`: go on; `Some(false)`: by half; else an error.
    fn call(&self) -> io::Result<bool> {
        let mut power = self.power.lock().unwrap();
        power.calls += 1;
        let now = power.calls == self.at;
        power.dead |= now && self.fate != Fate::Failure;
        match (now, power.dead) {
            (true, true) if self.fate == Fate::HalfDone => Ok(false),
            (false, false) => Ok(true),
            _ => Err(io::Error::other("by fate")),
        }
    }

    fn wrap(&self, name: &str, real: Arc<dyn SegmentFile>) -> Arc<dyn SegmentFile> {
        let (name, doomed) = (name.to_owned(), self.clone());
        Arc::new(DoomedFile { real, name, doomed })
    }
}

struct DoomedDisk {
    real: RealDisk,
    doomed: Doomed,
}

struct DoomedFile {
    real: Arc<dyn SegmentFile>,
    name: String,
    doomed: Doomed,
}

impl Disk for DoomedDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        self.doomed.call()?;
        Ok(self.doomed.wrap(name, self.real.open(name)?))
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let whole = self.doomed.call()?;
        let file = self.real.create(name)?;
        let mut power = self.doomed.power.lock().unwrap();
        power.synced.insert(name.to_owned(), 0);
        if whole {
            power.young.clear();
        } else {
            power.young.insert(name.to_owned());
            return Err(io::Error::other("by fate"));
        }
        Ok(self.doomed.wrap(name, file))
    }
    fn replace(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        self.doomed.call()?;
        let file = self.real.replace(name)?;
        let mut power = self.doomed.power.lock().unwrap();
        power.synced.insert(name.to_owned(), 0);
        power.young.insert(name.to_owned());
        Ok(self.doomed.wrap(name, file))
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.doomed.call()?;
        self.real.remove(name)
    }
    fn sync(&self) -> io::Result<()> {
        if self.doomed.call()? {
            self.doomed.power.lock().unwrap().young.clear();
        }
        Ok(())
    }
}

impl SegmentFile for DoomedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let whole = self.doomed.call()?;
        let bytes = if whole {
            bytes
        } else if self.name.ends_with("sealing.key") {
            // Its line lies within a sector, which is written whole or not at all.
            &[]
        } else {
            &bytes[..bytes.len() / 2]
        };
        self.real.write_at(bytes, offset)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.doomed.call()?;
        let mut power = self.doomed.power.lock().unwrap();
        let synced = power.synced.entry(self.name.clone()).or_default();
        *synced = len.min(*synced);
        self.real.set_len(len)
    }
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.doomed.call()?;
        self.real.allocate(offset, len.min(8192))
    }
    fn sync(&self) -> io::Result<()> {
        if !self.doomed.call()? {
            return Err(io::Error::other("by fate"));
        }
        let len = fs::metadata(self.doomed.dir.join(&self.name))?.len();
        let mut power = self.doomed.power.lock().unwrap();
        power.synced.insert(self.name.clone(), len);
        Ok(())
    }
}

/// Sealed to somebody: an identity is made once.
fn sealed() -> Options {
    static AUDITOR: LazyLock<Identity> = LazyLock::new(Identity::generate);
    let auditors = vec![AUDITOR.auditor().clone()];
    Options {
        seal: Some(Sealing {
            auditors,
            key: None,
        }),
        ..options(2500)
    }
}

fn open(doomed: &Doomed, checkpoint_records: u64) -> Result<Log, crate::OpenError> {
    let options = Options {
        durability: Durability::Durable,
        checkpoints: Checkpoints {
            records: checkpoint_records,
            after: Duration::from_secs(3600),
            ..Checkpoints::default()
        },
        ..sealed()
    };
    Log::open_on(&doomed.dir, options, |dir| {
        let real = RealDisk::new(dir);
        let doomed = doomed.clone();
        Box::new(DoomedDisk { real, doomed })
    })
}

/// Appends and waits as sessions do, to the bitter end; the numbers of the records that were told to be on disk.
fn live(doomed: &Doomed) -> Vec<u64> {
    let mut accepted = Vec::new();
    let Ok(log) = open(doomed, 2) else {
        return accepted;
    };
    let session = session("s1", "app");
    for stmt in 1..=12 {
        let done = log
            .append(&refused(&session, stmt))
            .and_then(|seq| wait(log.on_disk(seq)).map(|()| seq));
        accepted.extend(done.ok());
    }
    let _ = log.close();
    accepted
}

/// Opens it as the next start does, goes on, and holds it to what was accepted.
fn rise(dir: &Path, accepted: &[u64], what: &str) {
    let last = |dir: &Path| crate::segment::list(dir).unwrap().segments.pop();
    let len = last(dir).map(|s| fs::metadata(s.path).unwrap().len());
    let log = Log::open(dir, sealed()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let cut = log.recovered().map_or(0, |recovery| recovery.cut_bytes);
    log.append(&start()).unwrap();
    log.append(&stop()).unwrap();
    log.close().unwrap();
    let verified = verify(dir).unwrap_or_else(|findings| panic!("{what}: {findings:?}"));
    let read = records(dir);
    for seq in accepted {
        assert!(
            read[*seq as usize]["stmt"].is_u64(),
            "{what}: {seq} of {verified:?}"
        );
    }
    if cut > 0 {
        assert!(len.unwrap() >= cut, "{what}");
        let on_record = read
            .iter()
            .any(|r| r["type"] == "recovery" && r["cut_bytes"] == cut);
        assert!(on_record, "{what}: a cut of {cut}");
    }
}

/// The directory after a power cut that let so many of a file's unsynced bytes through.
fn cut(doomed: &Doomed, through: impl Fn(u64) -> u64) -> tempfile::TempDir {
    let dir = copy(&doomed.dir);
    let power = doomed.power.lock().unwrap();
    for (name, synced) in &power.synced {
        let path = dir.path().join(name);
        let Ok(about) = fs::metadata(&path) else {
            continue;
        };
        if power.young.contains(name) {
            fs::remove_file(&path).unwrap();
            continue;
        }
        let synced = about.len().min(*synced);
        let len = synced + through(about.len() - synced);
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(len)
            .unwrap();
    }
    dir
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    to
}

/// How many calls a life has.
fn calls() -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let doomed = Doomed::new(dir.path(), u64::MAX, Fate::Crash);
    assert_eq!(live(&doomed).len(), 12);
    let calls = doomed.power.lock().unwrap().calls;
    assert!(calls > 60, "{calls}");
    calls
}

#[test]
fn a_crash_at_any_call_loses_no_record_that_is_on_disk() {
    for fate in [Fate::Crash, Fate::HalfDone, Fate::Failure] {
        for at in 1..=calls() {
            let dir = tempfile::tempdir().unwrap();
            let doomed = Doomed::new(dir.path(), at, fate);
            let accepted = live(&doomed);
            let what = format!("{fate:?} at call {at}");
            // A killed process leaves what it has written; a power cut some of that.
            let killed = copy(&doomed.dir);
            rise(killed.path(), &accepted, &what);
            for (name, through) in [("none", 0), ("half", 1), ("nearly all", 2)] {
                let left = cut(&doomed, |unsynced| match through {
                    0 => 0,
                    1 => unsynced / 2,
                    _ => unsynced.saturating_sub(1),
                });
                rise(
                    left.path(),
                    &accepted,
                    &format!("{what}, {name} of it through"),
                );
            }
        }
    }
}

#[test]
fn a_power_cut_at_any_byte_that_is_not_synced_is_cut_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let doomed = Doomed::new(dir.path(), u64::MAX, Fate::Crash);
    let log = open(&doomed, u64::MAX).unwrap();
    let session = session("s1", "app");
    let seq = log.append(&refused(&session, 1)).unwrap();
    wait(log.on_disk(seq)).unwrap();
    let synced = fs::metadata(&segments(dir.path())[0]).unwrap().len();
    log.append(&refused(&session, 2)).unwrap();
    log.append(&refused(&session, 3)).unwrap();
    let whole = copy(dir.path());
    let written = fs::metadata(&segments(whole.path())[0]).unwrap().len();
    assert!(written > synced + 500, "{written} {synced}");
    drop(log);
    for len in synced..=written {
        let dir = copy(whole.path());
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&segments(dir.path())[0]);
        file.unwrap().set_len(len).unwrap();
        rise(dir.path(), &[seq], &format!("{len} of {written}"));
    }
}

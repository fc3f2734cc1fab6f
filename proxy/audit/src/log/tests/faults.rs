//! A disk of a given size on which each call can be made to fail.

use crate::log::disk::{Disk, RealDisk, SegmentFile};
use crate::log::{AppendError, Log, Options};
use crate::samples::*;
use crate::verify::verify;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What fails. Sizes in bytes of one segment.
pub(super) struct Faults {
    /// Bytes a segment may have, space ahead included.
    size: AtomicU64,
    /// Every `pwrite` ends after so many bytes with an error.
    write_stops: AtomicU64,
    truncate: AtomicBool,
    sync: AtomicBool,
    create: AtomicBool,
    no_allocate: AtomicBool,
    /// How long a sync of a segment takes in milliseconds beside the disk's own time, and how many there were.
    pub(super) sync_takes: AtomicU64,
    pub(super) syncs: AtomicU64,
}

impl Faults {
    pub(super) fn none() -> Arc<Self> {
        Arc::new(Self {
            size: AtomicU64::new(u64::MAX),
            write_stops: AtomicU64::new(u64::MAX),
            truncate: AtomicBool::new(false),
            sync: AtomicBool::new(false),
            create: AtomicBool::new(false),
            no_allocate: AtomicBool::new(false),
            sync_takes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
        })
    }
}

struct FaultyDisk {
    real: RealDisk,
    faults: Arc<Faults>,
}

struct FaultyFile {
    real: Arc<dyn SegmentFile>,
    faults: Arc<Faults>,
    /// Up to where it has its space.
    has: Mutex<u64>,
}

impl FaultyDisk {
    fn wrap(&self, real: Arc<dyn SegmentFile>) -> Arc<dyn SegmentFile> {
        Arc::new(FaultyFile {
            real,
            faults: Arc::clone(&self.faults),
            has: Mutex::new(0),
        })
    }
}

impl Disk for FaultyDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(self.wrap(self.real.open(name)?))
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        if self.faults.create.load(SeqCst) {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(self.wrap(self.real.create(name)?))
    }
    fn replace(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        if self.faults.create.load(SeqCst) {
            return Err(ErrorKind::StorageFull.into());
        }
        self.real.replace(name)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.real.remove(name)
    }
    fn sync(&self) -> io::Result<()> {
        self.real.sync()
    }
}

impl SegmentFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut has = self.has.lock().unwrap();
        let end = (*has).max(self.faults.size.load(SeqCst));
        let stops = self.faults.write_stops.load(SeqCst);
        let room = usize::try_from(end.saturating_sub(offset).min(stops)).unwrap();
        if room == 0 {
            return Err(if stops == 0 {
                ErrorKind::Other
            } else {
                ErrorKind::StorageFull
            }
            .into());
        }
        if stops < bytes.len() as u64 {
            self.faults.write_stops.store(0, SeqCst);
        }
        let written = self
            .real
            .write_at(&bytes[..room.min(bytes.len())], offset)?;
        *has = (*has).max(offset + written as u64);
        Ok(written)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.faults.truncate.load(SeqCst) {
            return Err(ErrorKind::Other.into());
        }
        *self.has.lock().unwrap() = len;
        self.real.set_len(len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        if self.faults.no_allocate.load(SeqCst) {
            return Err(ErrorKind::Unsupported.into());
        }
        if offset + len > self.faults.size.load(SeqCst) {
            return Err(ErrorKind::StorageFull.into());
        }
        let mut has = self.has.lock().unwrap();
        *has = (*has).max(offset + len);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if self.faults.sync.load(SeqCst) {
            return Err(ErrorKind::Other.into());
        }
        self.faults.syncs.fetch_add(1, SeqCst);
        std::thread::sleep(Duration::from_millis(self.faults.sync_takes.load(SeqCst)));
        self.real.sync()
    }
}

fn open(dir: &Path, faults: &Arc<Faults>, segment_bytes: u64) -> Log {
    open_as(dir, faults, options(segment_bytes))
}

pub(super) fn open_as(dir: &Path, faults: &Arc<Faults>, options: Options) -> Log {
    let faults = Arc::clone(faults);
    Log::open_on(dir, options, |dir| {
        let real = RealDisk::new(dir);
        Box::new(FaultyDisk { real, faults })
    })
    .unwrap()
}

#[test]
fn on_a_full_disk_what_has_begun_ends_and_nothing_new_begins() {
    // Also where a new segment is due and cannot be made.
    for segment_bytes in [1 << 30, 100 * 1024] {
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::none();
        let log = open(dir.path(), &faults, segment_bytes);
        let session = session("s1", "app");
        log.append(&session_start(&session)).unwrap();
        faults.size.store(3_000_000, SeqCst);
        faults.create.store(true, SeqCst);
        let mut begun = 0;
        let error = loop {
            match log.append(&forwarded(&session, begun + 1)) {
                Ok(_) => begun += 1,
                Err(e) => break e,
            }
        };
        assert_eq!(error, AppendError::DiskFull);
        assert!(begun > 100, "{begun}");
        // Nothing more is to be had, not even what the step left over.
        faults.size.store(0, SeqCst);
        for stmt in 1..=begun {
            log.append(&outcome(&session, stmt)).unwrap();
        }
        log.append(&session_end(&session)).unwrap();
        let again = log.append(&forwarded(&session, begun + 1));
        let due = segment_bytes < 1 << 30;
        assert_eq!(again.err(), due.then_some(AppendError::DiskFull));
        log.append(&stop()).unwrap();
        assert_eq!(log.failure(), None);
        faults.size.store(u64::MAX, SeqCst);
        faults.create.store(false, SeqCst);
        log.append(&stop()).unwrap();
        log.close().unwrap();
        verify(dir.path()).unwrap();
    }
}

/// Also where the next of them would begin a segment that cannot be made.
#[test]
fn a_record_of_subjects_on_a_full_disk_takes_no_space_from_outcomes() {
    for segment_bytes in [1 << 30, 100 * 1024] {
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::none();
        let log = open(dir.path(), &faults, segment_bytes);
        let session = session("s1", "app");
        log.append(&session_start(&session)).unwrap();
        faults.size.store(90 * 1024, SeqCst);
        faults.create.store(true, SeqCst);
        for stmt in 1..=3 {
            log.append(&forwarded(&session, stmt)).unwrap();
        }
        let error = loop {
            if let Err(e) = log.append(&subjects(&session, 3)) {
                break e;
            }
        };
        assert_eq!(error, AppendError::DiskFull);
        faults.size.store(0, SeqCst);
        for stmt in 1..=3 {
            log.append(&outcome(&session, stmt)).unwrap();
        }
        log.append(&session_end(&session)).unwrap();
        faults.size.store(u64::MAX, SeqCst);
        faults.create.store(false, SeqCst);
        log.append(&forwarded(&session, 4)).unwrap();
        log.append(&subjects(&session, 4)).unwrap();
        log.append(&outcome(&session, 4)).unwrap();
        log.close().unwrap();
        verify(dir.path()).unwrap();
    }
}

#[test]
fn a_write_that_ends_early_is_taken_back() {
    for bytes in [0, 1, 200] {
        let dir = tempfile::tempdir().unwrap();
        let faults = Faults::none();
        let log = open(dir.path(), &faults, 1 << 30);
        log.append(&start()).unwrap();
        faults.write_stops.store(bytes, SeqCst);
        let error = log.append(&start()).unwrap_err();
        assert_eq!(error.sqlstate(), "58030");
        faults.write_stops.store(u64::MAX, SeqCst);
        assert_eq!(log.append(&stop()), Ok(1));
        log.close().unwrap();
        assert_eq!(verify(dir.path()).unwrap().records, 2);
    }
}

#[test]
fn what_cannot_be_taken_back_poisons() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::none();
    let log = open(dir.path(), &faults, 1 << 30);
    log.append(&start()).unwrap();
    faults.write_stops.store(100, SeqCst);
    faults.truncate.store(true, SeqCst);
    log.append(&start()).unwrap_err();
    faults.write_stops.store(u64::MAX, SeqCst);
    assert_eq!(log.append(&start()), Err(AppendError::Poisoned));
    assert!(log.failure().is_some());
    drop(log);
    // The next start finds a torn line, as after a crash.
    let log = Log::open(dir.path(), options(1 << 30)).unwrap();
    assert_eq!(log.recovered().unwrap().cut_bytes, 100);
    drop(log);
    verify(dir.path()).unwrap();
}

#[test]
fn a_failed_sync_poisons_within_the_promised_time() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::none();
    let log = open(dir.path(), &faults, 1 << 30);
    faults.sync.store(true, SeqCst);
    log.append(&start()).unwrap();
    for _ in 0..100 {
        if log.failure().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(log.append(&start()), Err(AppendError::Poisoned));
    // A second sync that succeeds would prove nothing.
    faults.sync.store(false, SeqCst);
    std::thread::sleep(Duration::from_millis(120));
    assert_eq!(log.append(&start()).unwrap_err().sqlstate(), "58030");
    assert!(log.close().is_err());
}

#[test]
fn a_file_system_without_space_ahead_works_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults::none();
    faults.no_allocate.store(true, SeqCst);
    let log = open(dir.path(), &faults, 20_000);
    assert!(!log.reserves_space());
    let session = session("s1", "app");
    for stmt in 1..200 {
        log.append(&forwarded(&session, stmt)).unwrap();
        log.append(&outcome(&session, stmt)).unwrap();
    }
    log.close().unwrap();
    assert!(verify(dir.path()).unwrap().segments > 3);
}

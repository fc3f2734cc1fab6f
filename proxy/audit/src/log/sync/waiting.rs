//! Who waits for a record to be on disk: tasks, woken together by the sync that reached them.
//!
//! It must never say that a record is there because time has passed, nor let a task sleep on after a failure.

use super::{AppendError, Shared};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// How far the disk is, and who wants to know.
pub struct Waiting {
    /// Records that are on disk.
    reached: AtomicU64,
    tasks: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    failure: Option<AppendError>,
    next: u64,
    wakers: HashMap<u64, Waker>,
}

impl Waiting {
    /// So many records are there from the start.
    pub fn from(records: u64) -> Self {
        Self {
            reached: AtomicU64::new(records),
            tasks: Mutex::default(),
        }
    }

    /// Records that are on disk.
    pub fn reached(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// So many records are on disk now.
    pub fn reach(&self, records: u64) {
        self.reached.fetch_max(records, Ordering::AcqRel);
        self.wake(None);
    }

    /// No record will be any more.
    pub fn fail(&self, error: &AppendError) {
        self.wake(Some(error));
    }

    fn wake(&self, failure: Option<&AppendError>) {
        let wakers = {
            let mut tasks = self.lock();
            if let (None, Some(error)) = (&tasks.failure, failure) {
                tasks.failure = Some(error.clone());
            }
            std::mem::take(&mut tasks.wakers)
        };
        // outside the lock: a woken task asks at once
        wakers.into_values().for_each(Waker::wake);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits with the thread.
    pub fn block(&self, seq: u64) -> Result<(), AppendError> {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut place = None;
        loop {
            match self.poll(seq, &mut place, &waker) {
                Poll::Ready(done) => return done,
                Poll::Pending => thread::park(),
            }
        }
    }

    fn poll(
        &self,
        seq: u64,
        place: &mut Option<u64>,
        waker: &Waker,
    ) -> Poll<Result<(), AppendError>> {
        let there = || self.reached.load(Ordering::Acquire) > seq;
        if there() {
            return Poll::Ready(Ok(()));
        }
        let mut tasks = self.lock();
        // again, under the lock that `wake` takes after it has moved on
        if there() {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = &tasks.failure {
            return Poll::Ready(Err(error.clone()));
        }
        let place = *place.get_or_insert_with(|| {
            tasks.next += 1;
            tasks.next
        });
        tasks.wakers.insert(place, waker.clone());
        Poll::Pending
    }
}

/// Becomes ready when a record is on disk, or cannot be any more.
#[must_use = "nothing waits for the disk unless this is awaited"]
pub struct OnDisk {
    shared: Arc<Shared>,
    seq: u64,
    place: Option<u64>,
}

impl OnDisk {
    pub(super) fn new(shared: Arc<Shared>, seq: u64) -> Self {
        Self {
            shared,
            seq,
            place: None,
        }
    }
}

impl Future for OnDisk {
    type Output = Result<(), AppendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.shared
            .waiting
            .poll(this.seq, &mut this.place, cx.waker())
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.waiting.lock().wakers.remove(&place);
        }
    }
}

impl fmt::Debug for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnDisk({})", self.seq)
    }
}

//! A thread that does the same thing again and again until it is told to end.
//!
//! It must never be waited for by itself: the log may be let go by the very thread that looks after it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The thread, and how it is told to end.
pub struct Periodic {
    ends: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl Periodic {
    /// Does `work` at once, and then with `every` between.
    pub fn spawn(
        name: &str,
        every: Duration,
        mut work: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let ends = Arc::new((Mutex::new(false), Condvar::new()));
        let told = Arc::clone(&ends);
        let repeat = move || {
            loop {
                work();
                let ended = told.0.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = told.1.wait_timeout_while(ended, every, |ended| !*ended);
                if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(repeat)?;
        Ok(Self { ends, thread })
    }

    /// Ends it, after what it is at.
    pub fn end(self) {
        *self.ends.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ends.1.notify_all();
        if self.thread.thread().id() != thread::current().id() {
            let _ = self.thread.join();
        }
    }
}

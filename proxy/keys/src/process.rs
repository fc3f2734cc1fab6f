//! What the process asks of the kernel so that its memory stays its own. Called once, by `main`.
//!
//! Nothing here fails the start: a container may forbid any of it, and the caller logs what was got.

use std::io;

/// What the kernel granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardening {
    /// No core dump on a crash, and no attaching to the process by others of the same user.
    pub undumpable: bool,
    /// No core file at all.
    pub no_core_file: bool,
    /// All memory is locked, so that plaintext cannot be written to swap. Only tried where
    /// RLIMIT_MEMLOCK is unlimited: with a limit, a later allocation would fail instead.
    pub memory_locked: bool,
}

impl Hardening {
    /// What was not granted, for one line of the start-up log; empty where all was.
    pub fn missing(&self) -> Vec<&'static str> {
        [
            (self.undumpable, "PR_SET_DUMPABLE"),
            (self.no_core_file, "RLIMIT_CORE"),
            (
                self.memory_locked,
                "mlockall (RLIMIT_MEMLOCK is not unlimited)",
            ),
        ]
        .into_iter()
        .filter_map(|(granted, name)| (!granted).then_some(name))
        .collect()
    }
}

/// Makes the process undumpable, without core files, and locked into memory where that is safe.
///
/// RLIMIT_CORE passes on to child processes; the rest does not.
pub fn harden_process() -> Hardening {
    Hardening {
        undumpable: set_undumpable().is_ok(),
        no_core_file: set_no_core_file().is_ok(),
        memory_locked: lock_memory().is_ok(),
    }
}

fn outcome(status: libc::c_int) -> io::Result<()> {
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[allow(unsafe_code)] // prctl has no safe form in std
fn set_undumpable() -> io::Result<()> {
    // SAFETY: prctl(2) with integers only; it touches no memory of ours.
    outcome(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })
}

#[allow(unsafe_code)] // setrlimit has no safe form in std
fn set_no_core_file() -> io::Result<()> {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live rlimit that the call only reads.
    outcome(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) })
}

#[allow(unsafe_code)] // getrlimit and mlockall have no safe form in std
fn lock_memory() -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live rlimit that the call fills.
    outcome(unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) })?;
    if limit.rlim_cur != libc::RLIM_INFINITY {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // SAFETY: changes how pages are kept, not what is in them.
    outcome(unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_confirms_what_is_claimed() {
        let got = harden_process();
        assert!(got.undumpable && got.no_core_file, "{got:?}");
        let status = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = status.lines().find(|l| l.starts_with("Max core")).unwrap();
        assert!(
            core.split_whitespace().filter(|w| *w == "0").count() >= 2,
            "{core}"
        );
        // SAFETY: prctl(2) with integers only.
        #[allow(unsafe_code)] // reads the flag back
        let dumpable = unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) };
        assert_eq!(dumpable, 0);
        assert_eq!(got.missing().is_empty(), got.memory_locked);
    }
}

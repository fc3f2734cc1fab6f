//! Memory and file descriptors of a process, as the kernel counts them.
//!
//! They are taken between waves, when no client is there: what is left then is what would add up.

use std::fs;

/// At one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vitals {
    /// Resident memory, KiB.
    pub memory: u64,
    /// Open file descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: u64,
}

impl Vitals {
    /// Of a process.
    pub fn of(pid: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
        let number = |name: &str| {
            let line = status.lines().find_map(|l| l.strip_prefix(name));
            let word = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
            word.unwrap_or_else(|| panic!("no {name} in {status}"))
        };
        Self {
            memory: number("VmRSS:"),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count(),
            threads: number("Threads:"),
        }
    }
}

/// What grows: nothing, or why the samples are not flat. The first third warms caches and pools up.
pub fn growth(samples: &[Vitals]) -> Vec<String> {
    let third = samples.len() / 3;
    let (early, late) = (&samples[third..third * 2], &samples[third * 2..]);
    let most = |part: &[Vitals], of: fn(&Vitals) -> u64| part.iter().map(of).max().unwrap_or(0);
    let mut grown = Vec::new();
    let (before, after) = (most(early, |v| v.memory), most(late, |v| v.memory));
    // an allocator's own coming and going, and a cache that is not full yet
    if after > before + before / 10 + 4096 {
        grown.push(format!("memory from {before} to {after} KiB"));
    }
    let count = |v: &Vitals| v.descriptors as u64;
    let (before, after) = (most(early, count), most(late, count));
    if after > before {
        grown.push(format!("descriptors from {before} to {after}"));
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(memory: impl Fn(u64) -> u64, descriptors: impl Fn(usize) -> usize) -> Vec<Vitals> {
        (0..30)
            .map(|i| Vitals {
                memory: memory(i),
                descriptors: descriptors(i as usize),
                threads: 3,
            })
            .collect()
    }

    #[test]
    fn a_leak_is_seen_and_a_warm_up_is_not() {
        let warm = |i: u64| 20_000 + i.min(5) * 2_000;
        assert!(growth(&samples(warm, |_| 12)).is_empty());
        assert_eq!(growth(&samples(|i| 20_000 + i * 1_000, |_| 12)).len(), 1);
        assert_eq!(growth(&samples(warm, |i| 12 + i / 10)).len(), 1);
    }

    #[test]
    fn of_this_process() {
        let vitals = Vitals::of(std::process::id());
        assert!(vitals.memory > 0 && vitals.descriptors > 2 && vitals.threads > 0);
    }
}

//! What a process has used: CPU time and memory, as /proc has them.

use anyhow::{Context, Result};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// CPU time of a process with all its threads, in nanoseconds (schedstat's first field: time on a CPU).
///
/// # Errors
/// The process is gone.
pub fn cpu(pid: u32) -> Result<u64> {
    let mut sum = 0;
    let tasks = format!("/proc/{pid}/task");
    for task in fs::read_dir(&tasks).with_context(|| format!("cannot read {tasks}"))? {
        // a thread may end between the two readings
        let Ok(line) = fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        sum += line
            .split(' ')
            .next()
            .and_then(|n| n.parse::<u64>().ok())
            .context("no number in schedstat")?;
    }
    Ok(sum)
}

/// Resident memory of a process, in KiB.
///
/// # Errors
/// The process is gone.
pub fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let number = line.split_whitespace().next().context("no VmRSS")?;
    Ok(number.parse()?)
}

/// Milliseconds that the disk of `directory` takes to sync a line of a log: the median of three seconds.
///
/// # Errors
/// It cannot be written to.
pub fn sync(directory: &Path) -> Result<f64> {
    let mut file = tempfile::tempfile_in(directory)?;
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < Duration::from_secs(3) {
        file.write_all(&[b'x'; 600])?;
        let before = Instant::now();
        file.sync_data()?;
        took.push(before.elapsed().as_secs_f64() * 1e3);
    }
    median(took).context("no sync in three seconds")
}

/// The middle one; the mean of the two in the middle where they are even.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = *values.get(half)?;
    match values.len() % 2 {
        1 => Some(upper),
        _ => Some(f64::midpoint(*values.get(half.checked_sub(1)?)?, upper)),
    }
}

/// What the machine is, in a line.
pub fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .and_then(|l| l.split_once(':'));
    let model = model.map_or("a CPU without a name", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{cores} × {model}")
}

#[cfg(test)]
mod tests {
    use super::{cpu, median, resident};

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn a_process_uses_time_and_memory() {
        let me = std::process::id();
        let before = cpu(me).unwrap();
        let mut sum = 0_u64;
        for i in 0..30_000_000_u64 {
            sum = std::hint::black_box(sum.wrapping_add(i));
        }
        assert!(cpu(me).unwrap() > before);
        assert!(resident(me).unwrap() > 100);
    }
}

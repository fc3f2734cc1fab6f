//! Failed logins make the next ones of the same user from the same place wait.
//!
//! Turns are given one after the other, so that many connections at once guess no faster than one. The table
//! is bounded; it must never be what lets somebody in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After the first failure; doubled with each further one.
const FIRST: Duration = Duration::from_millis(100);
/// The most between two turns.
const LONGEST: Duration = Duration::from_secs(5);
/// Whoever would have to wait longer is refused.
const PATIENCE: Duration = Duration::from_secs(20);
/// When a failure is forgotten.
const MEMORY: Duration = Duration::from_secs(600);
/// Entries kept.
const ENTRIES: usize = 4096;

/// Where a client comes from, as far as one guesser is told from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// An IPv4 address, or an IPv6 network of 64 bits.
    Ip(IpAddr),
    /// A user of this machine.
    Local(u32),
}

impl Network {
    /// Of an address.
    pub fn of(address: IpAddr) -> Self {
        Self::Ip(match address.to_canonical() {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => (v6.to_bits() >> 64 << 64).to_be_bytes().into(),
        })
    }
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
    /// When the next attempt may be judged.
    turn: Instant,
}

/// All failures that are remembered.
#[derive(Debug, Default)]
pub struct Brake {
    table: Mutex<HashMap<(Network, String), Failures>>,
}

impl Brake {
    /// How long this attempt waits before it is judged; `None`: too many wait already.
    pub fn turn(&self, network: Network, user: &str, now: Instant) -> Option<Duration> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failures) = table.get_mut(&(network, user.to_owned())) else {
            return Some(Duration::ZERO);
        };
        let wait = failures.turn.saturating_duration_since(now);
        if wait > PATIENCE {
            return None;
        }
        failures.turn = now + wait + failures.pause();
        Some(wait)
    }

    /// The attempt has failed.
    pub fn failed(&self, network: Network, user: &str, now: Instant) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (network, user.to_owned());
        if table.len() >= ENTRIES && !table.contains_key(&key) {
            forget(&mut table, now);
        }
        let failures = table.entry(key).or_insert(Failures {
            count: 0,
            last: now,
            turn: now,
        });
        if now.saturating_duration_since(failures.last) > MEMORY {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        failures.turn = failures.turn.max(now + failures.pause());
    }

    /// The attempt has succeeded.
    pub fn succeeded(&self, network: Network, user: &str) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.remove(&(network, user.to_owned()));
    }
}

impl Failures {
    fn pause(&self) -> Duration {
        let doublings = self.count.saturating_sub(1).min(16);
        FIRST.saturating_mul(1 << doublings).min(LONGEST)
    }
}

/// Makes room: what is old goes, or else the half that failed least recently.
fn forget(table: &mut HashMap<(Network, String), Failures>, now: Instant) {
    table.retain(|_, f| now.saturating_duration_since(f.last) <= MEMORY);
    if table.len() >= ENTRIES {
        let mut times: Vec<Instant> = table.values().map(|f| f.last).collect();
        let (_, median, _) = times.select_nth_unstable(ENTRIES / 2);
        let median = *median;
        table.retain(|_, f| f.last > median);
    }
}

#[cfg(test)]
mod tests {
    use super::{Brake, ENTRIES, LONGEST, MEMORY, Network, PATIENCE};
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant};

    fn from(last: u8) -> Network {
        Network::of(Ipv4Addr::new(10, 0, 0, last).into())
    }

    #[test]
    fn pauses_double_and_a_success_ends_them() {
        let (brake, mut now) = (Brake::default(), Instant::now());
        assert_eq!(brake.turn(from(1), "app", now), Some(Duration::ZERO));
        let mut before = Duration::ZERO;
        for _ in 0..20 {
            brake.failed(from(1), "app", now);
            let wait = brake.turn(from(1), "app", now).unwrap();
            assert!(
                wait > before || wait == LONGEST,
                "{wait:?} after {before:?}"
            );
            before = wait;
            now += wait;
        }
        assert_eq!(before, LONGEST);
        for (network, user) in [(from(2), "app"), (from(1), "billing")] {
            assert_eq!(brake.turn(network, user, now), Some(Duration::ZERO));
        }
        brake.succeeded(from(1), "app");
        assert_eq!(brake.turn(from(1), "app", now), Some(Duration::ZERO));
    }

    #[test]
    fn attempts_at_once_take_turns_and_the_queue_has_an_end() {
        let (brake, now) = (Brake::default(), Instant::now());
        (0..8).for_each(|_| brake.failed(from(1), "app", now));
        let waits: Vec<_> = (0..20).map(|_| brake.turn(from(1), "app", now)).collect();
        let given: Vec<_> = waits.iter().flatten().collect();
        assert!(
            given.windows(2).all(|w| *w[1] - *w[0] == LONGEST),
            "{waits:?}"
        );
        assert!(given.iter().all(|wait| **wait <= PATIENCE));
        assert_eq!(waits.last(), Some(&None));
    }

    #[test]
    fn the_table_is_bounded_and_forgets() {
        let (brake, now) = (Brake::default(), Instant::now());
        for n in 0..3 * ENTRIES {
            brake.failed(
                from(1),
                &format!("user{n}"),
                now + Duration::from_micros(n as u64),
            );
        }
        assert!(brake.table.lock().unwrap().len() <= ENTRIES);
        let (brake, later) = (Brake::default(), now + MEMORY + LONGEST);
        (0..9).for_each(|_| brake.failed(from(1), "app", now));
        brake.failed(from(1), "app", later);
        let wait = brake.turn(from(1), "app", later).unwrap();
        assert!(wait < LONGEST, "{wait:?}");
    }

    #[test]
    fn neighbours_in_ipv6_are_one() {
        let network = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), from(1));
    }
}

//! Where 32-byte keys live: pages of their own between two guard pages, locked into memory, left
//! out of core dumps, wiped when a slot is given back.
//!
//! A slot is never moved and never copied on a move of its owner, so that wiping it wipes the only
//! copy that we made. Where the kernel refuses a protection (RLIMIT_MEMLOCK in a container) the
//! slot is still guarded by the others; [`key_memory`] says what was got, for the start-up log.

use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroize;

const SLOT: usize = 32;
const SLOTS_PER_REGION: usize = 512;

/// What the kernel granted for the memory that holds keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyMemory {
    /// Every region is locked: keys cannot be written to swap.
    pub locked: bool,
    /// Every region is left out of core dumps.
    pub undumpable: bool,
}

/// What the regions made so far got. Both are true as long as there is no region.
pub fn key_memory() -> KeyMemory {
    ARENA.lock().unwrap_or_else(PoisonError::into_inner).granted
}

static ARENA: Mutex<Arena> = Mutex::new(Arena {
    free: Vec::new(),
    granted: KeyMemory {
        locked: true,
        undumpable: true,
    },
});

struct Arena {
    free: Vec<Place>,
    granted: KeyMemory,
}

/// A slot's address. Regions are never unmapped, so it stays valid for the life of the process.
struct Place(NonNull<[u8; SLOT]>);

// SAFETY: a `Place` is owned by exactly one of: the free list (behind its mutex), one `KeyBytes`.
#[allow(unsafe_code)] // moving the owner of a slot to another thread moves nothing in memory
unsafe impl Send for Place {}

/// 32 secret bytes in a slot. Printing them is impossible.
pub(crate) struct KeyBytes(Place);

// SAFETY: shared access only reads (`expose`), writing takes `&mut self`.
#[allow(unsafe_code)] // keys are read by every session's thread
unsafe impl Sync for KeyBytes {}

impl KeyBytes {
    /// Writes a key into a fresh slot. `fill` sees zeroes.
    pub(crate) fn filled<E>(
        fill: impl FnOnce(&mut [u8; SLOT]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut key = Self(take());
        fill(key.expose_mut())?;
        Ok(key)
    }

    /// A key from bytes that the caller wipes.
    pub(crate) fn copied(bytes: &[u8; SLOT]) -> Self {
        let mut key = Self(take());
        key.expose_mut().copy_from_slice(bytes);
        key
    }

    pub(crate) fn expose(&self) -> &[u8; SLOT] {
        // SAFETY: the slot is mapped, initialised, and owned by `self` alone.
        #[allow(unsafe_code)] // the one read access to locked memory
        unsafe {
            self.0.0.as_ref()
        }
    }

    fn expose_mut(&mut self) -> &mut [u8; SLOT] {
        // SAFETY: as in `expose`, and `&mut self` makes the access exclusive.
        #[allow(unsafe_code)] // the one write access to locked memory
        unsafe {
            self.0.0.as_mut()
        }
    }
}

impl Drop for KeyBytes {
    fn drop(&mut self) {
        self.expose_mut().zeroize();
        let place = Place(self.0.0);
        let mut arena = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
        arena.free.push(place);
    }
}

fn take() -> Place {
    let mut arena = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = arena.free.pop() {
        return place;
    }
    let (mut places, granted) = region();
    arena.granted.locked &= granted.locked;
    arena.granted.undumpable &= granted.undumpable;
    // A region has at least one slot; the fallback below keeps this function total.
    let place = places.pop().unwrap_or_else(heap_slot);
    arena.free.append(&mut places);
    place
}

/// A slot on the heap, for when the kernel maps nothing more.
fn heap_slot() -> Place {
    Place(NonNull::from(Box::leak(Box::new([0u8; SLOT]))))
}

/// Maps one region and cuts it into slots.
#[allow(unsafe_code)] // mmap and its kin have no safe form in std
fn region() -> (Vec<Place>, KeyMemory) {
    let none = KeyMemory {
        locked: false,
        undumpable: false,
    };
    // SAFETY: sysconf reads a constant.
    let page = match usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) {
        Ok(page) if page >= SLOT => page,
        _ => return (vec![heap_slot()], none),
    };
    let body = (SLOT * SLOTS_PER_REGION).next_multiple_of(page);
    // SAFETY: a fresh anonymous private mapping at an address of the kernel's choice.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            body + 2 * page,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if base == libc::MAP_FAILED {
        return (vec![heap_slot()], none);
    }
    // SAFETY: `body` bytes after the first page lie inside the mapping just made; the pages before
    // and after them stay PROT_NONE, so that an overrun faults instead of reading a key.
    unsafe {
        let start = base.cast::<u8>().add(page);
        let at = start.cast::<libc::c_void>();
        if libc::mprotect(at, body, libc::PROT_READ | libc::PROT_WRITE) != 0 {
            libc::munmap(base, body + 2 * page);
            return (vec![heap_slot()], none);
        }
        let granted = KeyMemory {
            locked: libc::mlock(at, body) == 0,
            undumpable: libc::madvise(at, body, libc::MADV_DONTDUMP) == 0,
        };
        let slots = (0..body / SLOT)
            .filter_map(|n| NonNull::new(start.add(n * SLOT).cast::<[u8; SLOT]>()))
            .map(Place)
            .collect();
        (slots, granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_wiped_when_given_back_and_used_again() {
        let mut seen = Vec::new();
        for n in 0..2000u16 {
            let mut bytes = [0xA5; SLOT];
            bytes[..2].copy_from_slice(&n.to_be_bytes());
            seen.push(KeyBytes::copied(&bytes));
        }
        for (n, key) in seen.iter().enumerate() {
            assert_eq!(key.expose()[..2], u16::try_from(n).unwrap().to_be_bytes());
        }
        drop(seen);
        for _ in 0..2000 {
            let fresh = KeyBytes::filled(|b| {
                assert_eq!(*b, [0; SLOT]);
                Ok::<_, ()>(())
            });
            drop(fresh);
        }
    }

    #[test]
    fn slots_do_not_overlap() {
        let keys: Vec<_> = (0..1100).map(|_| KeyBytes::copied(&[1; SLOT])).collect();
        let mut at: Vec<_> = keys.iter().map(|k| k.expose().as_ptr() as usize).collect();
        at.sort_unstable();
        assert!(at.windows(2).all(|w| w[1] - w[0] >= SLOT));
    }
}

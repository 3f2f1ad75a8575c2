//! What the listings of all sessions of a worker may hold together, so that a server that lists without end takes no more
//! memory than the budget has for it, however many sessions it does so to.
//!
//! An account of octets and nothing else: who has taken some gives it back.

use std::cell::Cell;

/// An account of memory.
#[derive(Debug)]
pub(crate) struct Room {
    taken: Cell<usize>,
    most: usize,
}

impl Room {
    /// Of so many octets.
    pub(crate) fn of(most: usize) -> Room {
        Room { taken: Cell::new(0), most }
    }

    /// Takes so many octets. False, and nothing is taken, if there are not as many.
    pub(crate) fn take(&self, octets: usize) -> bool {
        match self.taken.get().checked_add(octets) {
            Some(taken) if taken <= self.most => {
                self.taken.set(taken);
                true
            }
            _ => false,
        }
    }

    /// What had taken so many octets has this many now, and was not asked.
    pub(crate) fn adjust(&self, before: usize, now: usize) {
        self.taken.set((self.taken.get() + now).saturating_sub(before));
    }

    /// What is taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.taken.get()
    }
}

//! How many of the run's own connections are open at an entrance, and what that does to the next one.
//!
//! Servers limit the connections of one address, and say so in many ways: `-ERR` instead of a greeting, an end in the
//! handshake or before the greeting, or nothing at all until another one goes. While connections of ours are open that
//! is our own crowd. A connection that is lost although the next one is served at once is another matter: it is
//! counted here, and judged elsewhere. Nothing is dialled here.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

/// A server may count a connection for so long after its end.
const COUNTED_STILL: Duration = Duration::from_secs(1);

/// The connections of a run at one entrance.
#[derive(Debug, Default)]
pub struct Crowd {
    open: Cell<u32>,
    left: Cell<Option<Instant>>,
    made: Cell<u32>,
    lost: Cell<u32>,
    turned_away: Cell<u32>,
    /// Counted up when fewer checks than before may run side by side.
    generation: Cell<u32>,
    /// One check runs at a time: whatever is open is its own.
    one_check: Cell<bool>,
}

/// A connection's place in the crowd, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Rc<Crowd>,
    /// Whether the server has begun to serve it; one that was turned away is not counted on.
    served: Cell<bool>,
}

impl Place {
    /// The server has begun to serve it.
    pub(crate) fn is_served(&self) {
        self.served.set(true);
    }
}

impl Crowd {
    /// A connection is about to be made.
    pub(crate) fn enter(self: &Rc<Self>) -> Place {
        self.open.set(self.open.get() + 1);
        self.made.set(self.made.get().saturating_add(1));
        Place { crowd: Rc::clone(self), served: Cell::new(false) }
    }

    /// Whether the server may have counted another connection at some moment from this one on. It is asked by who has
    /// none any more.
    pub(crate) fn is_met_since(&self, began: Instant) -> bool {
        self.open.get() > 0 || self.left.get().is_some_and(|left| left + COUNTED_STILL > began)
    }

    /// How many are open.
    pub(crate) fn open(&self) -> u32 {
        self.open.get()
    }

    /// From now on one check runs at a time.
    pub(crate) fn only_one_check(&self) {
        self.one_check.set(true);
    }

    /// Whether one check runs at a time, so that whatever is open is its own.
    pub(crate) fn is_one_check(&self) -> bool {
        self.one_check.get()
    }

    /// A connection was lost before the greeting, and the next one was served at once.
    pub(crate) fn lose(&self) {
        self.lost.set(self.lost.get().saturating_add(1));
    }

    /// A connection was turned away while others were open.
    pub(crate) fn turn_away(&self) {
        self.turned_away.set(self.turned_away.get().saturating_add(1));
    }

    /// How many connections were made.
    pub fn made(&self) -> u32 {
        self.made.get()
    }

    /// How many of them were lost although the crowd cannot have been the reason.
    pub fn lost(&self) -> u32 {
        self.lost.get()
    }

    /// How many were turned away while others were open.
    pub fn turned_away(&self) -> u32 {
        self.turned_away.get()
    }

    /// Which number of checks side by side is the one in force, as a count.
    pub(crate) fn generation(&self) -> u32 {
        self.generation.get()
    }

    /// Fewer checks may run side by side from now on.
    pub(crate) fn thin_out(&self) {
        self.generation.set(self.generation.get() + 1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.open.set(self.crowd.open.get().saturating_sub(1));
        if self.served.get() {
            self.crowd.left.set(Some(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ended_a_moment_before_or_meanwhile_is_met() {
        let crowd = Rc::new(Crowd::default());
        assert!(!crowd.is_met_since(Instant::now()));
        let unserved = crowd.enter();
        assert!(crowd.is_met_since(Instant::now()));
        drop(unserved);
        assert!(!crowd.is_met_since(Instant::now()));
        let served = crowd.enter();
        served.is_served();
        let began = Instant::now();
        drop(served);
        assert!(crowd.is_met_since(Instant::now()));
        tokio::time::advance(COUNTED_STILL).await;
        assert!(!crowd.is_met_since(Instant::now()));
        assert!(crowd.is_met_since(began));
        assert_eq!(crowd.made(), 2);
    }
}

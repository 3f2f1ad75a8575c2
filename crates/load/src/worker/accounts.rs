//! One session per account at a time, as POP3's lock demands: who is in, and who waits outside.

use std::collections::{HashMap, VecDeque};

use tokio::task::AbortHandle;

use crate::plan::Arrival;

/// The accounts that are in use.
#[derive(Default)]
pub(super) struct Accounts {
    busy: HashMap<u64, AbortHandle>,
    /// Arrivals that found their account busy, by user, in order.
    waiting: HashMap<u64, VecDeque<Arrival>>,
    waiting_count: u64,
}

impl Accounts {
    pub(super) fn is_busy(&self, user: u64) -> bool {
        self.busy.contains_key(&user)
    }

    /// A session of this user runs now.
    pub(super) fn occupy(&mut self, user: u64, session: AbortHandle) {
        self.busy.insert(user, session);
    }

    /// An arrival waits until its account is free.
    pub(super) fn wait(&mut self, arrival: Arrival) {
        self.waiting.entry(arrival.user).or_default().push_back(arrival);
        self.waiting_count += 1;
    }

    /// The session of this user is over; gives the arrival that waited longest for it.
    pub(super) fn release(&mut self, user: u64) -> Option<Arrival> {
        self.busy.remove(&user);
        let queue = self.waiting.get_mut(&user)?;
        let next = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&user);
        }
        self.waiting_count -= u64::from(next.is_some());
        next
    }

    pub(super) fn open(&self) -> u64 {
        self.busy.len() as u64
    }

    pub(super) fn waiting(&self) -> u64 {
        self.waiting_count
    }

    /// Ends every session at once.
    pub(super) fn abort(&mut self) {
        for (_, session) in self.busy.drain() {
            session.abort();
        }
        self.waiting.clear();
        self.waiting_count = 0;
    }
}

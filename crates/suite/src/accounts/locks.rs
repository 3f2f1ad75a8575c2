//! How soon a server gives a maildrop back when the connection of its session is lost.
//!
//! Learned from the logins of the run. Nothing is judged here: that is `practice.lock.released-on-loss`'s matter.

use std::cell::Cell;
use std::time::Duration;

/// A lock may outlive its session for so long: servers notice the end of a connection when they get to it.
const LINGER: Duration = Duration::from_secs(2);
/// The same at a server that was seen to let go within this time.
const SOON: Duration = Duration::from_millis(100);
/// So often it has to be seen.
const SEEN: u32 = 5;

/// What is known of the locks of a target.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    soon: Cell<u32>,
    lingered: Cell<bool>,
}

impl Locks {
    /// A maildrop was opened again so long after the session before was lost.
    pub(crate) fn were_gone(&self, after: Duration) {
        if after <= SOON {
            self.soon.set(self.soon.get().saturating_add(1));
        }
    }

    /// A login was refused, and a lock that lingers may be the reason.
    pub(crate) fn may_have_lingered(&self) {
        self.lingered.set(true);
    }

    /// For how long a lock may still be there when its session has ended.
    pub(crate) fn linger(&self) -> Duration {
        if self.soon.get() >= SEEN && !self.lingered.get() { SOON } else { LINGER }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_waited_for_until_it_was_seen_to_go_and_again_once_it_may_have_stayed() {
        let locks = Locks::default();
        (0..SEEN).for_each(|_| locks.were_gone(Duration::from_secs(1)));
        assert_eq!(locks.linger(), LINGER);
        (0..SEEN).for_each(|_| locks.were_gone(Duration::from_millis(3)));
        assert_eq!(locks.linger(), SOON);
        locks.may_have_lingered();
        assert_eq!(locks.linger(), LINGER);
    }
}

//! How sessions end: QUIT with the UPDATE state, and loss of the connection without it (RFC 1939 section 6).
//!
//! Only QUIT after login removes mail, and only what is marked; everything else leaves the maildrop as it was.

use super::{Session, State, Transaction};
use crate::reply::{Reply, Then};
use crate::world::Message;

impl Session {
    /// Removes what is marked and releases the lock, before QUIT is answered. If it cannot be removed the answer says so,
    /// and the session ends all the same (RFC 1939 section 6).
    pub(super) fn quit(&mut self) -> Reply {
        if let State::Transaction(transaction) = std::mem::replace(&mut self.state, State::Over) {
            let marked = transaction.ordinals(&transaction.marks());
            let number = self.number;
            let removed = self.world.with(transaction.owner, |maildrop| {
                let can = maildrop.can_remove(&marked);
                maildrop.remove(&marked);
                maildrop.release(number);
                can
            });
            if !removed {
                return Reply::coded("SYS/TEMP", "Marked messages could not be removed").then(Then::Close);
            }
        }
        Reply::ok("Bye").then(Then::Close)
    }

    /// The connection is gone: what was marked stays, the lock goes.
    pub(crate) fn lost(&mut self) {
        self.release_lock();
    }

    /// Gives the lock back without any update.
    pub(super) fn release_lock(&mut self) {
        let number = self.number;
        if let State::Transaction(transaction) = std::mem::replace(&mut self.state, State::Over) {
            self.world.with(transaction.owner, |maildrop| maildrop.release(number));
        }
    }
}

impl Transaction {
    /// What tells the messages of these indices apart for ever.
    pub(crate) fn ordinals(&self, indices: &[usize]) -> Vec<u64> {
        indices.iter().filter_map(|&index| self.messages.get(index)).map(Message::ordinal).collect()
    }
}

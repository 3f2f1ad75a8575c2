//! Until when a machine has patience with its peer: the clock of a connection whose machine has not patience for ever.
//!
//! The machine says how long; it deliberately does not know what then happens.

use machine::{Machine, Patience};
use tokio::time::Instant;

/// When a connection has begun, and when something of its peer came last.
pub(crate) struct Clock {
    begun: Instant,
    heard: Instant,
}

impl Clock {
    /// A clock that begins now, if the machine needs one.
    pub(crate) fn of(machine: &impl Machine) -> Option<Box<Clock>> {
        let now = || Instant::now();
        machine.patience().map(|_| Box::new(Clock { begun: now(), heard: now() }))
    }

    /// Something of the peer has come.
    pub(crate) fn hear(&mut self) {
        self.heard = Instant::now();
    }

    /// Until when the machine waits for octets of the peer.
    pub(crate) fn reads_until(&self, machine: &impl Machine) -> Option<Instant> {
        match machine.patience()? {
            Patience::Silence(time) => Instant::now().checked_add(time),
            Patience::Answer(time) => self.heard.checked_add(time),
            Patience::Connection(time) => self.begun.checked_add(time),
        }
    }

    /// Until when the peer may take what is on its way to it.
    pub(crate) fn writes_until(&self, machine: &impl Machine) -> Option<Instant> {
        match machine.patience()? {
            Patience::Silence(_) => None,
            Patience::Answer(time) => self.heard.checked_add(time),
            Patience::Connection(time) => self.begun.checked_add(time),
        }
    }
}

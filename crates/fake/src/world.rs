//! The state that connections share: accounts and their maildrops behind one lock.
//!
//! Each call holds the lock for one step of one connection and never while anything is awaited. There is
//! deliberately no persistence: a world lives as long as its last handle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::maildrop::Maildrop;
use crate::{Channel, Configuration, Connection, Defects};

/// A server's accounts and mail. Clones are handles to the same world.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    configuration: Configuration,
    state: Mutex<State>,
}

struct State {
    maildrops: BTreeMap<String, Maildrop>,
    connections: u64,
}

impl World {
    /// A world with these accounts, in which nobody has connected yet.
    pub fn new(mut configuration: Configuration) -> World {
        let mut maildrops = BTreeMap::new();
        for account in &mut configuration.accounts {
            let mut maildrop = Maildrop::new(&account.user, configuration.seed);
            // The maildrop owns the mail from now on.
            maildrop.replace(std::mem::take(&mut account.messages), configuration.defects);
            maildrops.insert(account.user.clone(), maildrop);
        }
        let state = Mutex::new(State { maildrops, connections: 0 });
        World { inner: Arc::new(Inner { configuration, state }) }
    }

    /// A new connection, numbered from 1 in the order of these calls. Its greeting is ready to be written; on
    /// [`Channel::Tls`] that is after the driver's handshake.
    pub fn connect(&self, channel: Channel) -> Connection {
        let number = self.with_state(|state| {
            state.connections += 1;
            state.connections
        });
        Connection::new(self.clone(), number, channel)
    }

    /// The mail of an account as it is now, in order; nothing for an unknown user.
    pub fn messages(&self, user: &str) -> Vec<Arc<[u8]>> {
        let octets = |maildrop: &mut Maildrop| {
            maildrop.messages().iter().map(|message| Arc::clone(&message.octets)).collect()
        };
        self.with(user, octets).unwrap_or_default()
    }

    /// Delivers a message to an account, also while a session holds it; that session does not see it. False if
    /// there is no such user.
    pub fn deliver(&self, user: &str, octets: impl Into<Arc<[u8]>>) -> bool {
        let octets = octets.into();
        self.with(user, |maildrop| maildrop.deliver(octets, self.defects())).is_some()
    }

    /// Puts other mail in the place of all that an account holds. False if there is no such user.
    pub fn replace(&self, user: &str, messages: impl IntoIterator<Item = Arc<[u8]>>) -> bool {
        self.with(user, |maildrop| maildrop.replace(messages, self.defects())).is_some()
    }

    /// How the world was set up; the accounts' mail is not in it any more.
    pub fn configuration(&self) -> &Configuration {
        &self.inner.configuration
    }

    pub(crate) fn defects(&self) -> Defects {
        self.inner.configuration.defects
    }

    /// The password of a user.
    pub(crate) fn password(&self, user: &str) -> Option<&str> {
        let accounts = &self.configuration().accounts;
        accounts.iter().rev().find(|account| account.user == user).map(|account| account.password.as_str())
    }

    /// Acts on a user's maildrop; `None` if there is no such user.
    pub(crate) fn with<Answer>(
        &self,
        user: &str,
        act: impl FnOnce(&mut Maildrop) -> Answer,
    ) -> Option<Answer> {
        self.with_state(|state| state.maildrops.get_mut(user).map(act))
    }

    /// Acts on all maildrops.
    pub(crate) fn with_all(&self, act: impl FnMut(&mut Maildrop)) {
        self.with_state(|state| state.maildrops.values_mut().for_each(act));
    }

    fn with_state<Answer>(&self, act: impl FnOnce(&mut State) -> Answer) -> Answer {
        // No step leaves the state half changed, so a panic elsewhere does not make it unfit.
        act(&mut self.inner.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("World")
            .field("configuration", &self.inner.configuration)
            .finish_non_exhaustive()
    }
}

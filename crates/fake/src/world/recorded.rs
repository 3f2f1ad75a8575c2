//! A world that is looked at from outside: what was said and done in it, and everything as at the start.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use script::{Received, Script, Unmet};
use transcript::Transcript;

use super::{Behaviour, Owner, World, filled, locked};
use crate::witness::Happening;

/// A message that is gone.
#[derive(Clone, PartialEq, Eq)]
pub struct Removed {
    /// Whose it was.
    pub user: String,
    /// Its unique-id; with the user it names the message for ever.
    pub unique_id: String,
    /// As it was delivered.
    pub octets: Arc<[u8]>,
}

/// Mail is shown by its size only.
impl std::fmt::Debug for Removed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Removed({:?} of {:?}, {} octets)", self.unique_id, self.user, self.octets.len())
    }
}

impl World {
    /// Everything as at the start: mail, script, numbers of connections, counts of faults, the record. Sessions that are
    /// open are no part of it any more: they are closed when their clients say something, and change nothing.
    pub fn reset(&self) {
        let configuration = self.configuration();
        if let Some(witness) = &self.inner.witness {
            witness.reset(configuration);
        }
        *locked(&self.inner.remembered) = super::Remembered::default();
        self.inner.connections.store(0, Ordering::Relaxed);
        self.inner.restarted_behind.store(0, Ordering::Relaxed);
        self.behave(Behaviour::of(configuration, configuration.script.clone()));
        let accounts = configuration.accounts.iter().zip(&self.inner.beginnings).zip(&self.inner.maildrops);
        for ((account, messages), maildrop) in accounts {
            *locked(maildrop) = filled(configuration, &account.user, messages);
        }
        for used in self.inner.tenants.iter().flat_map(|tenants| &tenants.used) {
            locked(used).clear();
        }
    }

    /// From the next connection on this goes wrong, and nothing of what a script said before. Its faults have not acted
    /// yet. Commands that were received count for its expectations too.
    pub fn set_script(&self, script: Option<Script>) {
        self.behave(Behaviour::of(self.configuration(), script));
    }

    /// What was said so far, as clients saw it and without secrets; `None` unless the world is recorded.
    pub fn transcript(&self) -> Option<Transcript> {
        self.inner.witness.as_ref().map(|witness| witness.transcript())
    }

    /// The commands that were received, without secrets, the first [`RECEIVED`](crate::RECEIVED) of them; nothing unless
    /// the world is recorded.
    pub fn received(&self) -> Vec<Received> {
        self.inner.witness.as_ref().map(|witness| witness.received().0).unwrap_or_default()
    }

    /// What clients had done with messages, in that order and as many; nothing unless the world is recorded.
    pub fn happenings(&self) -> Vec<Happening> {
        self.inner.witness.as_ref().map(|witness| witness.happenings()).unwrap_or_default()
    }

    /// The messages that were removed from the accounts of the configuration, whoever removed them; nothing unless the
    /// world is recorded.
    pub fn removed(&self) -> Vec<Removed> {
        let accounts = (0..).zip(&self.configuration().accounts);
        let removed = accounts.flat_map(|(index, account)| {
            let owner = Owner::Single(index);
            let messages = self.with(owner, |maildrop| maildrop.removed().to_vec());
            messages.into_iter().map(move |message| Removed {
                user: account.user.clone(),
                unique_id: self.unique_id(owner, &message).into_owned(),
                octets: self.octets(owner, &message).into(),
            })
        });
        removed.collect()
    }

    /// Whether clients said what the script expects of them.
    ///
    /// # Errors
    /// What was not met, or cannot be told since more commands were received than are kept.
    pub fn verify(&self) -> Result<(), Vec<Unmet>> {
        let Some(script) = self.behaviour().script else { return Ok(()) };
        let (received, left_out) = match &self.inner.witness {
            Some(witness) => witness.received(),
            // Nothing was kept, and so nothing can be told of what came.
            None => (Vec::new(), self.inner.connections.load(Ordering::Relaxed)),
        };
        let unmet = script.verify(&received, left_out);
        if unmet.is_empty() { Ok(()) } else { Err(unmet) }
    }
}

//! A maildrop: messages in their order, the lock, and what removal does.
//!
//! It knows nothing of sessions but the number of the connection that holds the lock (RFC 1939 section 4). What only
//! defects need to remember between sessions is kept apart in [`Scars`].

use std::sync::Arc;

use mail::UniqueId;

use crate::{Defect, Defects};

/// A stored message. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Message {
    /// Counts the deliveries to this account from 1; tells messages with the same octets apart.
    pub(crate) ordinal: u64,
    /// As delivered.
    pub(crate) octets: Arc<[u8]>,
    /// Octets as RETR delivers them (RFC 1939 section 11).
    pub(crate) size: u64,
    /// For UIDL.
    pub(crate) unique_id: String,
    /// Whether the header has octets that are not ASCII (RFC 6856 section 4).
    pub(crate) needs_utf8: bool,
}

/// What a session saw at login. Others may change the maildrop, this stays.
pub(crate) type Snapshot = Arc<Vec<Message>>;

/// The mail of one account.
pub(crate) struct Maildrop {
    account: String,
    seed: u64,
    messages: Snapshot,
    delivered: u64,
    holder: Option<u64>,
    pub(crate) scars: Scars,
}

/// What a maildrop remembers only for the sake of defects.
#[derive(Default)]
pub(crate) struct Scars {
    /// Ordinals that were marked when the last session was cut off.
    pub(crate) abandoned: Vec<u64>,
    /// Ordinals whose removal is put off until the next session has begun.
    pub(crate) late: Vec<u64>,
    /// A message that the next session does not see.
    pub(crate) hidden: Option<u64>,
    /// The lock outlived its session; one refusal clears it.
    pub(crate) stale_lock: bool,
    /// Sessions in a row that did nothing but QUIT.
    pub(crate) idle_sessions: u32,
    /// Sessions in a row that did only LIST and QUIT.
    pub(crate) list_sessions: u32,
    /// The connection whose USER named this account first.
    pub(crate) named_by: Option<u64>,
}

impl Maildrop {
    pub(crate) fn new(account: &str, seed: u64) -> Maildrop {
        Maildrop {
            account: account.to_owned(),
            seed,
            messages: Snapshot::default(),
            delivered: 0,
            holder: None,
            scars: Scars::default(),
        }
    }

    /// Adds a message at the end.
    pub(crate) fn deliver(&mut self, octets: Arc<[u8]>, defects: Defects) {
        self.delivered += 1;
        let ordinal = self.delivered;
        let mut unique_id = UniqueId::of(self.seed, &self.account, ordinal, &octets).as_str().to_owned();
        if defects.contains(Defect::UidlShared)
            && ordinal == 5
            && let Some(fourth) = self.messages.iter().find(|message| message.ordinal == 4)
        {
            unique_id.clone_from(&fourth.unique_id);
        }
        let header = &octets[..octets.len() - mail::body(&octets).len()];
        let needs_utf8 = !header.is_ascii();
        let size = mail::wire(&octets).len() as u64;
        Arc::make_mut(&mut self.messages).push(Message { ordinal, octets, size, unique_id, needs_utf8 });
    }

    /// What is in it now.
    pub(crate) fn messages(&self) -> &Snapshot {
        &self.messages
    }

    /// Whether nothing was ever delivered.
    pub(crate) fn is_virgin(&self) -> bool {
        self.delivered == 0
    }

    /// Whether a session holds the lock.
    pub(crate) fn is_locked(&self) -> bool {
        self.holder.is_some()
    }

    /// Takes the lock for a connection and gives it the snapshot; `None` if the maildrop is busy.
    pub(crate) fn open(&mut self, connection: u64, defects: Defects) -> Option<Snapshot> {
        if self.holder.is_some() && !defects.contains(Defect::NoLock) {
            return None;
        }
        if self.scars.named_by.is_some_and(|first| first != connection)
            || std::mem::take(&mut self.scars.stale_lock)
        {
            return None;
        }
        self.holder = Some(connection);
        let mut snapshot = Arc::clone(&self.messages);
        if let Some(hidden) = self.scars.hidden.take() {
            Arc::make_mut(&mut snapshot).retain(|message| message.ordinal != hidden);
        }
        let late = std::mem::take(&mut self.scars.late);
        self.remove(&late);
        Some(snapshot)
    }

    /// Gives the lock back, if this connection has it.
    pub(crate) fn release(&mut self, connection: u64) {
        if self.holder == Some(connection) {
            self.holder = None;
        }
    }

    /// Removes the messages with these ordinals: the UPDATE state (RFC 1939 section 6).
    pub(crate) fn remove(&mut self, ordinals: &[u64]) {
        if !ordinals.is_empty() {
            Arc::make_mut(&mut self.messages).retain(|message| !ordinals.contains(&message.ordinal));
        }
    }

    /// Puts other mail in the place of all there is. Ordinals go on, so that no unique-id comes back.
    pub(crate) fn replace(&mut self, messages: impl IntoIterator<Item = Arc<[u8]>>, defects: Defects) {
        self.messages = Snapshot::default();
        for octets in messages {
            self.deliver(octets, defects);
        }
    }

    /// Gives the chosen messages other unique-ids. A correct server never does.
    pub(crate) fn rename(&mut self, chosen: impl Fn(&Message) -> bool) {
        rename(&mut self.messages, chosen);
    }
}

/// See [`Maildrop::rename`].
pub(crate) fn rename(messages: &mut Snapshot, chosen: impl Fn(&Message) -> bool) {
    for message in Arc::make_mut(messages).iter_mut().filter(|message| chosen(message)) {
        message.unique_id = mail::digest(message.unique_id.as_bytes()).chars().take(32).collect();
    }
}

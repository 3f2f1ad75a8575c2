//! A maildrop: messages in their order, the lock, and what removal does.
//!
//! It knows nothing of sessions but the number of the connection that holds the lock (RFC 1939 section 4), and of
//! seeded messages only their numbers and sizes. What others than the correct server need to remember between sessions
//! is kept apart in [`Notes`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mail::UniqueId;

/// A message of a maildrop, in 16 octets: a session of a population has nothing else in memory of its mail.
#[derive(Clone)]
pub(crate) struct Message {
    ordinal: u32,
    /// The size of a seeded message, which is all there is of it unless it was altered.
    octets: u32,
    kept: Option<Arc<Kept>>,
}

/// What is kept of a message that does not follow from a seed.
#[derive(Clone)]
struct Kept {
    stored: Option<Stored>,
    unique_id: Option<String>,
}

/// A stored message.
#[derive(Clone)]
pub(crate) struct Stored {
    /// As delivered.
    pub(crate) octets: Arc<[u8]>,
    /// Octets as RETR delivers them (RFC 1939 section 11).
    size: u64,
    /// Whether the header has octets that are not ASCII (RFC 6856 section 4).
    needs_utf8: bool,
}

/// What a session saw at login. Others may change the maildrop, this stays.
pub(crate) type Snapshot = Arc<Vec<Message>>;

/// The mail of one account.
#[derive(Default)]
pub(crate) struct Maildrop {
    messages: Snapshot,
    delivered: u32,
    holder: Option<u64>,
    /// It is not what it was made as.
    changed: bool,
    store: Store,
    notes: Option<Box<Notes>>,
    /// What was removed, in that order; where it is kept at all.
    removed: Option<Vec<Message>>,
}

/// What the store of a maildrop can do at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// All.
    #[default]
    Sound,
    /// Mail can be read, and nothing can be removed: a full disk, or one that is mounted read-only.
    ReadOnly,
    /// Nothing can be read.
    Unreadable,
}

/// Where unique-ids come from: the seed of the world, and the account.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) seed: u64,
    pub(crate) account: &'a str,
}

/// What a maildrop remembers between sessions for twists. The correct server neither reads nor writes it.
#[derive(Default)]
pub(crate) struct Notes {
    /// Ordinals of messages that are marked though no session is there.
    pub(crate) marked: Vec<u64>,
    /// Ordinals of messages whose removal was put off.
    pub(crate) postponed: Vec<u64>,
    /// How often logins were put off since one was admitted.
    pub(crate) put_off: u8,
    /// How many sessions were cut off.
    pub(crate) cut_off: u64,
    /// How many sessions have removed something.
    pub(crate) removals: u64,
    /// How many logins were admitted.
    pub(crate) logins: u64,
    /// The lock is not quite released.
    pub(crate) lingers: bool,
    /// The connection that waits for the lock.
    pub(crate) waits: Option<u64>,
    /// Ordinals of messages that were retrieved.
    pub(crate) read: BTreeSet<u64>,
    /// Unique-ids that were given, by the ordinal of the message.
    pub(crate) given: BTreeMap<u64, String>,
    /// How often a message was retrieved, by its ordinal.
    pub(crate) retrievals: BTreeMap<u64, u32>,
    /// The lines of a listing that is kept.
    pub(crate) listing: Option<Vec<Vec<u8>>>,
    /// Messages that were taken out of the maildrop and may come back.
    pub(crate) trash: Vec<Message>,
    /// The hashes of messages that were removed.
    pub(crate) hashes: BTreeSet<String>,
}

impl Message {
    /// Counts the deliveries to this account from 1; tells messages with the same octets apart. Of a seeded message
    /// it is the number in its population.
    pub(crate) fn ordinal(&self) -> u64 {
        self.ordinal.into()
    }

    /// The number of a seeded message.
    pub(crate) fn number(&self) -> u32 {
        self.ordinal
    }

    /// Octets as RETR delivers them (RFC 1939 section 11).
    pub(crate) fn size(&self) -> u64 {
        self.stored().map_or(self.octets.into(), |stored| stored.size)
    }

    /// Whether the header has octets that are not ASCII (RFC 6856 section 4).
    pub(crate) fn needs_utf8(&self) -> bool {
        self.stored().is_some_and(|stored| stored.needs_utf8)
    }

    /// What is stored of it; `None` for a seeded message.
    pub(crate) fn stored(&self) -> Option<&Stored> {
        self.kept.as_ref().and_then(|kept| kept.stored.as_ref())
    }

    /// Its unique-id; `None` if that follows from the seed.
    pub(crate) fn unique_id(&self) -> Option<&str> {
        self.kept.as_ref().and_then(|kept| kept.unique_id.as_deref())
    }

    /// The same with another size, in a session's snapshot.
    pub(crate) fn resized(&self, size: u64) -> Message {
        let mut message = self.clone();
        message.octets = u32::try_from(size).unwrap_or(u32::MAX);
        if let Some(stored) = message.kept.as_mut().and_then(|kept| Arc::make_mut(kept).stored.as_mut()) {
            stored.size = size;
        }
        message
    }

    /// The same with other octets, where it is stored.
    pub(crate) fn rewritten(&self, rewrite: impl FnOnce(&[u8]) -> Vec<u8>) -> Message {
        let mut message = self.clone();
        if let Some(stored) = message.kept.as_mut().and_then(|kept| Arc::make_mut(kept).stored.as_mut()) {
            stored.octets = rewrite(&stored.octets).into();
            stored.size = mail::wire(&stored.octets).len() as u64;
        }
        message
    }

    /// The same with another unique-id.
    pub(crate) fn renamed(&self, unique_id: String) -> Message {
        let mut message = self.clone();
        let kept = message.kept.get_or_insert_with(|| Arc::new(Kept { stored: None, unique_id: None }));
        Arc::make_mut(kept).unique_id = Some(unique_id);
        message
    }
}

impl Maildrop {
    /// The maildrop of an account of a population: messages of these sizes, numbered from 1.
    pub(crate) fn seeded(sizes: impl Iterator<Item = u64>) -> Maildrop {
        let seeded = |(ordinal, size): (u32, u64)| Message {
            ordinal,
            octets: u32::try_from(size).unwrap_or(u32::MAX),
            kept: None,
        };
        let messages: Vec<Message> = (1..).zip(sizes).map(seeded).collect();
        Maildrop { delivered: messages.len() as u32, messages: Arc::new(messages), ..Maildrop::default() }
    }

    /// Adds a message at the end.
    pub(crate) fn deliver(&mut self, octets: Arc<[u8]>, origin: Origin<'_>) {
        self.changed = true;
        self.delivered += 1;
        let ordinal = self.delivered;
        let unique_id = UniqueId::of(origin.seed, origin.account, ordinal.into(), &octets);
        let unique_id = Some(unique_id.as_str().to_owned());
        let header = octets.get(..octets.len() - mail::body(&octets).len()).unwrap_or_default();
        // Other octets than UTF-8 (Latin-1, a byte order mark before the header) are none of RFC 6856's: they go out as
        // they are.
        let text = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
        let needs_utf8 = !text.is_ascii() && std::str::from_utf8(text).is_ok();
        let size = mail::wire(&octets).len() as u64;
        let kept = Kept { stored: Some(Stored { octets, size, needs_utf8 }), unique_id };
        let message = Message { ordinal, octets: 0, kept: Some(Arc::new(kept)) };
        Arc::make_mut(&mut self.messages).push(message);
    }

    /// What is in it now.
    pub(crate) fn messages(&self) -> &Snapshot {
        &self.messages
    }

    /// Whether a session holds the lock.
    pub(crate) fn is_locked(&self) -> bool {
        self.holder.is_some()
    }

    /// Whether it could be made again as it is now, so that it need not be kept.
    pub(crate) fn is_pristine(&self) -> bool {
        !self.changed && !self.is_locked() && self.notes.is_none() && self.store == Store::Sound
    }

    /// Takes the lock for a connection and gives it the snapshot (RFC 1939 section 4); `None` if another connection
    /// has the lock.
    pub(crate) fn open(&mut self, connection: u64) -> Option<Snapshot> {
        self.lock(connection).then(|| Arc::clone(&self.messages))
    }

    /// Takes the lock for a connection; false if another connection has it.
    pub(crate) fn lock(&mut self, connection: u64) -> bool {
        *self.holder.get_or_insert(connection) == connection
    }

    /// Gives the lock back, if this connection has it.
    pub(crate) fn release(&mut self, connection: u64) {
        if self.holder == Some(connection) {
            self.holder = None;
        }
    }

    /// Takes the lock from whoever has it.
    pub(crate) fn unlock(&mut self) {
        self.holder = None;
    }

    /// What its store can do.
    pub(crate) fn store(&self) -> Store {
        self.store
    }

    /// From now on its store can do this.
    pub(crate) fn set_store(&mut self, store: Store) {
        self.store = store;
    }

    /// Whether these messages can be removed now.
    pub(crate) fn can_remove(&self, ordinals: &[u64]) -> bool {
        ordinals.is_empty() || self.store == Store::Sound
    }

    /// Removes the messages with these ordinals: the UPDATE state (RFC 1939 section 6).
    pub(crate) fn remove(&mut self, ordinals: &[u64]) {
        if !ordinals.is_empty() && self.can_remove(ordinals) {
            self.changed = true;
            let messages = Arc::make_mut(&mut self.messages);
            if let Some(removed) = &mut self.removed {
                removed
                    .extend(messages.iter().filter(|message| ordinals.contains(&message.ordinal())).cloned());
            }
            messages.retain(|message| !ordinals.contains(&message.ordinal()));
            messages.shrink_to_fit();
        }
    }

    /// Puts back what was here before; ids and order are of then.
    pub(crate) fn restore(&mut self, messages: Snapshot) {
        self.changed = true;
        self.messages = messages;
    }

    /// Puts other mail in the place of all there is. Ordinals go on, so that no unique-id comes back.
    pub(crate) fn replace(&mut self, messages: impl IntoIterator<Item = Arc<[u8]>>, origin: Origin<'_>) {
        self.changed = true;
        self.messages = Snapshot::default();
        for octets in messages {
            self.deliver(octets, origin);
        }
    }

    /// Puts messages back that were taken out, each to its place.
    pub(crate) fn bring_back(&mut self, messages: Vec<Message>) {
        if !messages.is_empty() {
            self.changed = true;
            let all = Arc::make_mut(&mut self.messages);
            all.extend(messages);
            all.sort_by_key(Message::ordinal);
            all.dedup_by_key(|message| message.ordinal());
        }
    }

    /// From now on keeps what is removed.
    pub(crate) fn keep_removed(&mut self) {
        self.removed.get_or_insert_default();
    }

    /// What was removed, in that order.
    pub(crate) fn removed(&self) -> &[Message] {
        self.removed.as_deref().unwrap_or_default()
    }

    /// Puts the messages of a session's snapshot in the place of the same ones here, and leaves the others alone.
    pub(crate) fn adopt(&mut self, altered: &[Message]) {
        self.changed = true;
        for message in Arc::make_mut(&mut self.messages) {
            if let Some(other) = altered.iter().find(|other| other.ordinal == message.ordinal) {
                *message = other.clone();
            }
        }
    }

    /// What is remembered for twists.
    pub(crate) fn notes(&mut self) -> &mut Notes {
        self.notes.get_or_insert_default()
    }
}

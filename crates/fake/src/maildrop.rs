//! A maildrop: messages in their order, the lock, and what removal does.
//!
//! It knows nothing of sessions but the number of the connection that holds the lock (RFC 1939 section 4), and of
//! seeded messages only their numbers and sizes. What only defects need to remember between sessions is kept apart
//! in [`Scars`].

use std::sync::Arc;

use mail::UniqueId;

use crate::{Defect, Defects};

/// A message of a maildrop, in 16 octets: a session of a population has nothing else in memory of its mail.
#[derive(Clone)]
pub(crate) struct Message {
    ordinal: u32,
    /// Of a seeded message, which is all there is of it unless a defect renamed it.
    octets: u32,
    kept: Option<Arc<Kept>>,
}

/// What is kept of a message that does not follow from a seed.
#[derive(Clone)]
struct Kept {
    stored: Option<Stored>,
    unique_id: String,
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
    pub(crate) scars: Scars,
}

/// Where unique-ids come from: the seed of the world, and the account.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) seed: u64,
    pub(crate) account: &'a str,
    pub(crate) defects: Defects,
}

/// What a maildrop remembers only for the sake of defects.
#[derive(Default, PartialEq, Eq)]
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
    /// How often logins were put off since one was admitted: a policy's memory, not a defect's.
    pub(crate) put_off: u8,
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
        self.kept.as_ref().map(|kept| kept.unique_id.as_str())
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
        let mut unique_id = unique_id.as_str().to_owned();
        if origin.defects.contains(Defect::UidlShared)
            && ordinal == 5
            && let Some(fourth) = self.messages.iter().find(|message| message.ordinal == 4)
            && let Some(id) = fourth.unique_id()
        {
            id.clone_into(&mut unique_id);
        }
        let header = &octets[..octets.len() - mail::body(&octets).len()];
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

    /// Whether nothing was ever delivered.
    pub(crate) fn is_virgin(&self) -> bool {
        self.delivered == 0
    }

    /// Whether a session holds the lock.
    pub(crate) fn is_locked(&self) -> bool {
        self.holder.is_some()
    }

    /// Whether it could be made again as it is now, so that it need not be kept.
    pub(crate) fn is_pristine(&self, defects: Defects) -> bool {
        let scarred = || Scars::MATTER_TO.iter().any(|&defect| defects.contains(defect));
        !self.changed && !self.is_locked() && (!scarred() || self.scars == Scars::default())
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
            Arc::make_mut(&mut snapshot).retain(|message| message.ordinal() != hidden);
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
            self.changed = true;
            let messages = Arc::make_mut(&mut self.messages);
            messages.retain(|message| !ordinals.contains(&message.ordinal()));
            messages.shrink_to_fit();
        }
    }

    /// Puts other mail in the place of all there is. Ordinals go on, so that no unique-id comes back.
    pub(crate) fn replace(&mut self, messages: impl IntoIterator<Item = Arc<[u8]>>, origin: Origin<'_>) {
        self.changed = true;
        self.messages = Snapshot::default();
        for octets in messages {
            self.deliver(octets, origin);
        }
    }

    /// Gives the chosen messages other unique-ids. A correct server never does.
    pub(crate) fn rename(&mut self, chosen: impl Fn(&Message) -> bool) {
        self.changed = true;
        rename(&mut self.messages, chosen);
    }
}

impl Scars {
    /// The defects that look at them.
    const MATTER_TO: &[Defect] = &[
        Defect::LockAtUser,
        Defect::QuitCommitsAbandoned,
        Defect::QuitKeepsLock,
        Defect::QuitRemovesLate,
        Defect::QuitReplyLost,
        Defect::RetrHides,
        Defect::StatRemembersMarks,
    ];
}

/// See [`Maildrop::rename`].
pub(crate) fn rename(messages: &mut Snapshot, chosen: impl Fn(&Message) -> bool) {
    for message in Arc::make_mut(messages).iter_mut().filter(|message| chosen(message)) {
        // What a seeded message is called follows from its population, which is not known here; any other id will
        // do, as long as it is another one each time.
        let before = message.unique_id().map_or_else(|| format!("seeded {}", message.ordinal), str::to_owned);
        let unique_id = mail::digest(before.as_bytes()).chars().take(32).collect();
        message.kept = Some(Arc::new(Kept { stored: message.stored().cloned(), unique_id }));
    }
}

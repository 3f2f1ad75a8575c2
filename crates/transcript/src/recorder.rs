//! The recorder: takes octets and notes as they come, gives a [`Transcript`].
//!
//! It holds a bounded part of what passes: the entries (see [`ENTRIES`] and [`MEMORY`]) and, for each side of each session, one
//! unfinished line. It has no clock and no idea of POP3.

use std::collections::BTreeMap;
use std::fmt;

use crate::digest::Tally;
use crate::redact::Token;
use crate::render::{one_line, title_line};
use crate::secrets::{Known, Secrets};
use crate::stream::Stream;
use crate::transcript::{Entry, Side, Transcript, Wire};
use crate::unfold;

/// Entries a transcript keeps. Further ones are left out; a last note says how many.
pub const ENTRIES: usize = 10_000;

/// Octets of memory that the entries of a transcript take at most, about. Half of what [`ENTRIES`] short lines take would
/// be enough for any conversation that is in order; a peer that says much in long lines must not fill the memory.
pub const MEMORY: usize = 2 << 20;

/// Records conversations.
///
/// Octets may come in any split: they are joined to lines for each session and side, and a line takes its place in the
/// transcript when it is complete. A note completes what came before it in its session.
#[derive(Clone)]
pub struct Recorder {
    title: String,
    seed: Option<u64>,
    secrets: Known,
    connections: u32,
    sessions: BTreeMap<u32, Session>,
    /// Whose octets came last.
    last: Option<(u32, Side)>,
    log: Log,
}

impl Recorder {
    /// An empty transcript of this title; `seed` is the one that makes the same conversation again.
    pub fn new(title: impl Into<String>, seed: Option<u64>) -> Recorder {
        Recorder::knowing(title, seed, &Secrets::new())
    }

    /// The same, and the secrets of the run are known from the first octet on.
    pub fn knowing(title: impl Into<String>, seed: Option<u64>, secrets: &Secrets) -> Recorder {
        Recorder {
            title: title.into(),
            seed,
            secrets: Known::new(secrets),
            connections: 0,
            sessions: BTreeMap::new(),
            last: None,
            log: Log::default(),
        }
    }

    /// From now on replaces this secret too, wherever it is seen: from either side, in notes and in the title, in any
    /// split, in the forms that [`Secrets::add`] names. It is known to this recorder alone.
    pub fn secret(&mut self, secret: &[u8]) {
        self.secrets.add(secret);
    }

    /// A text without the secrets known so far, for words about the conversation that are kept beside it. Who has
    /// recorded nothing takes no part of a secret for a word; see [`Secrets::redact_recorded`].
    pub fn redact(&self, text: &str) -> String {
        self.secrets.redact(text, !self.sessions.is_empty())
    }

    /// The same, and what may be a part of a secret is taken for one whatever was recorded.
    pub fn redact_strictly(&self, text: &str) -> String {
        self.secrets.redact(text, false)
    }

    /// The number for a new session: 1, 2, 3 …
    pub fn connection(&mut self) -> u32 {
        self.connections = self.connections.saturating_add(1);
        self.connections
    }

    /// Notes what happened beside the octets, as one line. Lines of this session that are not complete are entered
    /// before it as they are.
    pub fn note(&mut self, session: u32, text: &str) {
        self.turn(None);
        let Recorder { secrets, sessions, log, .. } = self;
        if let Some(streams) = sessions.get_mut(&session) {
            streams.client.break_off(&secrets.view(), log);
            streams.server.break_off(&secrets.view(), log);
        }
        log.push(Entry::Note { session, text: one_line(&secrets.redact(text, true)) });
    }

    /// The client sent these octets.
    pub fn sent(&mut self, session: u32, octets: &[u8]) {
        self.feed(session, Side::Client, false, octets);
    }

    /// The server sent these octets, which are not content: greeting, status line, continuation.
    pub fn received(&mut self, session: u32, octets: &[u8]) {
        self.feed(session, Side::Server, false, octets);
    }

    /// The server sent these octets, which are content of a multi-line reply: raw, still dot-stuffed, with the
    /// terminator.
    pub fn received_content(&mut self, session: u32, octets: &[u8]) {
        self.feed(session, Side::Server, true, octets);
    }

    fn feed(&mut self, session: u32, side: Side, content: bool, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        self.turn(Some((session, side)));
        let Recorder { secrets, sessions, log, .. } = self;
        stream_of(sessions, session, side).feed(&secrets.view(), content, octets, log);
    }

    /// Somebody speaks: what whoever spoke before left unsaid takes its place.
    fn turn(&mut self, now: Option<(u32, Side)>) {
        let before = std::mem::replace(&mut self.last, now);
        if let Some((session, side)) = before.filter(|_| before != now) {
            let Recorder { secrets, sessions, log, .. } = self;
            stream_of(sessions, session, side).settle(&secrets.view(), log);
        }
    }

    /// Marks a line of the content that this session received last, counted from 0, as the one that matters. If it was
    /// folded, it is shown after all, with the lines around it, as long as what was folded is still known: the last
    /// content of a session is, up to [`REMEMBERED`](crate::REMEMBERED) octets without a secret in them.
    pub fn mark_content(&mut self, session: u32, line: u64, text: &str) {
        self.turn(None);
        let text = one_line(&self.redact(text));
        let folded = self.sessions.get(&session).and_then(|streams| streams.server.folded());
        unfold::mark(&mut self.log.entries, session, line, folded, &text);
    }

    /// Whether entries have been left out: what comes from now on is only counted.
    pub fn is_full(&self) -> bool {
        self.log.left_out > 0
    }

    /// Nothing more comes of this session: what is not complete is entered as it is, and what could still have been
    /// marked is forgotten, so that many sessions cost little.
    pub fn end(&mut self, session: u32) {
        self.turn(None);
        let Recorder { secrets, sessions, log, .. } = self;
        if let Some(streams) = sessions.get_mut(&session) {
            streams.client.end(&secrets.view(), log);
            streams.server.end(&secrets.view(), log);
        }
    }

    /// The transcript up to now; what is not complete is in it as it is.
    pub fn so_far(&self) -> Transcript {
        self.clone().finish()
    }

    /// The transcript.
    pub fn finish(mut self) -> Transcript {
        self.turn(None);
        for session in self.sessions.values_mut() {
            session.client.break_off(&self.secrets.view(), &mut self.log);
            session.server.break_off(&self.secrets.view(), &mut self.log);
        }
        Transcript {
            title: title_line(&self.redact(&self.title)),
            seed: self.seed,
            entries: self.log.finish(),
            sent: wire(self.sessions.values().map(|session| session.client.wire())),
            received: wire(self.sessions.values().map(|session| session.server.wire())),
        }
    }
}

/// Shows how much was recorded, never what.
impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Recorder")
            .field("sessions", &self.sessions.len())
            .field("entries", &self.log.entries.len())
            .finish_non_exhaustive()
    }
}

/// The entries, as many as are kept.
#[derive(Clone, Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    memory: usize,
    left_out: u64,
}

impl Log {
    pub(crate) fn push(&mut self, entry: Entry) {
        let memory = self.memory + entry.memory();
        // What was left out once is left out from there on, so that a transcript has no hole.
        if self.left_out == 0 && self.entries.len() < ENTRIES && memory <= MEMORY {
            self.entries.push(entry);
            self.memory = memory;
        } else {
            self.left_out += 1;
        }
    }

    fn finish(self) -> Vec<Entry> {
        let mut entries = self.entries;
        entries.extend(left_out(self.left_out));
        entries
    }
}

/// The last note of a transcript that is not whole.
pub(crate) fn left_out(entries: u64) -> Option<Entry> {
    let text = match entries {
        0 => return None,
        1 => "1 entry left out".to_owned(),
        more => format!("{more} entries left out"),
    };
    Some(Entry::Note { session: 0, text })
}

#[derive(Clone)]
struct Session {
    client: Stream,
    server: Stream,
}

fn stream_of(sessions: &mut BTreeMap<u32, Session>, number: u32, side: Side) -> &mut Stream {
    let session = sessions.entry(number).or_insert_with(|| Session {
        client: Stream::new(number, Side::Client),
        server: Stream::new(number, Side::Server),
    });
    match side {
        Side::Client => &mut session.client,
        Side::Server => &mut session.server,
    }
}

fn wire<'a>(sessions: impl Iterator<Item = &'a Tally>) -> Wire {
    let tallies: Vec<&Tally> = sessions.filter(|tally| tally.octets() > 0).collect();
    let octets = tallies.iter().map(|tally| tally.octets()).sum();
    let sha256 = match tallies.as_slice() {
        [] => Tally::default().sha256(),
        [single] => single.sha256(),
        several => {
            let mut all = Tally::default();
            for tally in several {
                all.add(Token::Octets(tally.sha256().as_bytes()));
            }
            all.sha256()
        }
    };
    Wire { octets, sha256 }
}

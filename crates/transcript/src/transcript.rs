//! A recorded conversation: entries in the order in which they were complete, and the sums over the wire.
//!
//! The entries are the folded, redacted form; nothing here holds more than what the rendering shows.

use crate::excerpt::{self, ExcerptLine};
use crate::parse::{self, ParseError};
use crate::render;
use crate::shorten;
use crate::text::Text;

/// Who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Octets from the client to the server, `C`.
    Client,
    /// Octets from the server to the client, `S`.
    Server,
}

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// What happened beside the octets: `connect implicit-tls`, `closed by server, FIN`.
    Note {
        /// Number of the session, from 1; 0 for the transcript as a whole.
        session: u32,
        /// One line of visible text.
        text: String,
    },
    /// A line as it went over the wire.
    Line {
        /// Number of the session, from 1.
        session: u32,
        /// Who sent it.
        side: Side,
        /// Whether it is content of a multi-line reply (`S|`), as against a status line or command (`S:`).
        content: bool,
        /// The line and its end.
        text: Text,
    },
    /// Content that was not kept.
    Folded {
        /// Number of the session, from 1.
        session: u32,
        /// Who sent it.
        side: Side,
        /// How many lines; one that broke off counts.
        lines: u64,
        /// How many octets, line ends included.
        octets: u64,
        /// SHA-256 of them, secrets replaced by their placeholder; 64 hexadecimal digits.
        sha256: String,
    },
    /// The entry above is the one that matters: what a verdict is about.
    Mark {
        /// Number of the session, that of the entry above.
        session: u32,
        /// What it is marked as, one line of visible text.
        text: String,
    },
}

impl Entry {
    /// Number of the session the entry belongs to.
    pub fn session(&self) -> u32 {
        match self {
            Entry::Note { session, .. }
            | Entry::Line { session, .. }
            | Entry::Folded { session, .. }
            | Entry::Mark { session, .. } => *session,
        }
    }

    /// Who spoke; `None` for a note or a mark.
    pub fn side(&self) -> Option<Side> {
        match self {
            Entry::Note { .. } | Entry::Mark { .. } => None,
            Entry::Line { side, .. } | Entry::Folded { side, .. } => Some(*side),
        }
    }

    /// Octets of memory that it takes, about.
    pub(crate) fn memory(&self) -> usize {
        let behind = match self {
            Entry::Note { text, .. } | Entry::Mark { text, .. } => text.len(),
            Entry::Line { text, .. } => text.memory(),
            Entry::Folded { sha256, .. } => sha256.len(),
        };
        size_of::<Entry>() + behind
    }

    /// The exact octets with the line end. `None` if the entry is no line, or if part of the line was redacted or
    /// cut off.
    pub fn octets(&self) -> Option<Vec<u8>> {
        match self {
            Entry::Line { text, .. } => text.octets(),
            Entry::Note { .. } | Entry::Folded { .. } | Entry::Mark { .. } => None,
        }
    }

    /// The text form of this entry, without line end.
    pub fn render(&self) -> String {
        render::entry(self)
    }
}

/// Sum over all octets of one side, in all sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// How many octets.
    pub octets: u64,
    /// SHA-256 over them with secrets replaced by their placeholder; 64 hexadecimal digits. With several sessions
    /// that have octets it is the hash over the sessions' hexadecimal hashes, one after the other in the order of their numbers,
    /// so that it does not depend on how parallel sessions interleaved.
    pub sha256: String,
}

/// A conversation, of one or several sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// What this is, for example `check rfc1939.retr.dot-stuffing`; one line, single spaces.
    pub title: String,
    /// The seed that makes the conversation again.
    pub seed: Option<u64>,
    /// Notes and lines.
    pub entries: Vec<Entry>,
    /// Sum over what clients sent.
    pub sent: Wire,
    /// Sum over what servers sent.
    pub received: Wire,
}

impl Default for Transcript {
    /// That of a conversation in which nothing was said.
    fn default() -> Transcript {
        crate::Recorder::new("", None).finish()
    }
}

impl Transcript {
    /// The text form; ends with LF. The grammar stands in the documentation of this crate.
    pub fn render(&self) -> String {
        render::transcript(self)
    }

    /// Reads the text form. Reading is a little more lenient than writing (a short run, an escape that was not needed);
    /// what was read renders in the one canonical way.
    ///
    /// # Errors
    ///
    /// The first line that is not of the grammar, with what was expected there.
    pub fn parse(text: &str) -> Result<Transcript, ParseError> {
        parse::transcript(text)
    }

    /// All entries that are lines of the wire, of both sides, content or not.
    pub fn lines(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| matches!(entry, Entry::Line { .. }))
    }

    /// The lines from servers that are not content: greetings, status lines, continuations.
    pub fn status_lines(&self) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(|entry| matches!(entry, Entry::Line { side: Side::Server, content: false, .. }))
    }

    /// Marks the entry with this index, counted from 0, as the one that matters; an index behind the last marks
    /// nothing.
    pub fn mark(&mut self, index: usize, text: &str) {
        if let Some(session) = self.entries.get(index).map(Entry::session) {
            self.entries.insert(index + 1, Entry::Mark { session, text: render::one_line(text) });
        }
    }

    /// Octets that it takes in memory or in its text form, whichever is more; no less than that, and about as much.
    pub fn weight(&self) -> usize {
        shorten::weight(self)
    }

    /// Leaves out entries until its weight is at most this, if there is any that will do. The marked line and those around
    /// it stay before anything else, then what was asked and how it was answered; so it is content that is cut. A note says
    /// what is missing, and `why`.
    pub fn shorten(&mut self, at_most: usize, why: &str) {
        shorten::shorten(self, at_most, why);
    }

    /// Whether an entry is marked.
    pub fn is_marked(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Mark { .. }))
    }

    /// What a report shows: at most so many lines, without the sums over the wire. The marked line and those around
    /// it come first, then how its session began and what its client asked; where something is missing a line says
    /// how much. It does not parse back.
    pub fn excerpt(&self, at_most_lines: usize) -> Vec<ExcerptLine> {
        excerpt::excerpt(self, at_most_lines)
    }
}

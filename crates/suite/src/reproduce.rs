//! How a finding is seen again by people who do not trust poplab: one line with openssl where that shows it, else a
//! file for Python.
//!
//! Both do what the check did, end by themselves, and have no password in them. This module deliberately writes no
//! files: where they lie, and how the server is reached from there, is told by whoever does.

mod conversation;
mod line;
mod scram;
mod script;
mod secrets;
mod words;

use net::Endpoint;
use record::CheckResult;
use transcript::{Entry, LineEnd, Piece as Part, Side, Transcript};

pub(crate) use self::conversation::{Conversation, End, Step};
use self::secrets::Piece;
pub use self::words::shell_word;
use crate::deletion;
use crate::site::{Security, Site};

/// The note of a transcript that says that STLS succeeded.
pub(crate) const SECURED: &str = "TLS established";

/// Why there is no reproduction.
pub(crate) const NONE: &str = "see the transcript: it has lines that cannot be made again, or too many";

/// The same where a hook of the user's was run.
pub(crate) const BY_HOOKS: &str = "see the transcript: a hook of the accounts file was run, so `poplab conformance --select` shows it again";

/// The conversation of a finding in a form that can be had again.
#[derive(Clone, Debug)]
pub struct Reproduction {
    id: String,
    requirement: String,
    endpoint: Endpoint,
    implicit: bool,
    /// Nothing was said but what leads to TLS.
    handshake_alone: bool,
    steps: Vec<(u32, Step<Vec<Piece>>)>,
    /// The line of a reply's content that matters.
    content_line: Option<u64>,
    /// What matters is a line that a terminal shows as it is.
    shown_by_a_terminal: bool,
}

/// Who vouches for the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Nobody: any certificate will do.
    None,
    /// The authorities of the system.
    System,
    /// The authorities in this PEM file.
    File(String),
}

/// The server that a file talks to.
#[derive(Clone, Debug)]
pub enum Server<'a> {
    /// The one that was judged.
    Running(&'a Verification),
    /// The fake server, which this command starts; its first line says where it is.
    Started(&'a [String]),
}

impl Reproduction {
    /// Of a conversation at this entrance. If nothing was said, the handshake is what can be had again.
    pub(crate) fn new(site: &Site, steps: Vec<(u32, Step<Vec<Piece>>)>) -> Self {
        let implicit = site.entrance.security == Security::Implicit;
        let handshake_alone = steps.is_empty() && site.entrance.security != Security::Clear;
        let steps = if handshake_alone { handshake(implicit) } else { steps };
        Self {
            id: String::new(),
            requirement: String::new(),
            endpoint: site.entrance.endpoint.clone(),
            implicit,
            handshake_alone,
            steps,
            content_line: None,
            shown_by_a_terminal: false,
        }
    }

    /// The same for this finding, whose transcript has the marked line.
    pub(crate) fn of(mut self, result: &CheckResult, transcript: &Transcript) -> Self {
        self.id.clone_from(&result.id);
        self.requirement.clone_from(&result.requirement);
        let marked = transcript.entries.iter().position(|entry| matches!(entry, Entry::Mark { .. }));
        let before = marked.map(|at| &transcript.entries[..at]).unwrap_or_default();
        // openssl shows nothing of what leads to STLS.
        let hidden = !self.implicit
            && !before.iter().any(|entry| matches!(entry, Entry::Note { text, .. } if text == SECURED));
        self.shown_by_a_terminal = !hidden && before.last().is_some_and(is_shown_by_a_terminal);
        self.content_line = content_line(before);
        self
    }

    /// One line for a shell with openssl; `None` where one line cannot show it, or would delete mail.
    pub fn line(&self, verification: &Verification) -> Option<String> {
        line::line(self, verification)
    }

    /// A file for Python, which needs its standard library alone.
    pub fn script(&self, server: &Server<'_>) -> String {
        script::script(self, server)
    }

    /// Whether it sends DELE after a login, and so changes mail.
    pub fn deletes(&self) -> bool {
        let mut named = false;
        self.steps.iter().any(|(_, step)| {
            let Step::Send(pieces) = step else { return false };
            let octets: Vec<u8> = pieces
                .iter()
                .flat_map(|piece| match piece {
                    Piece::Octets(octets) => octets.as_slice(),
                    Piece::Made { .. } => b"x",
                })
                .copied()
                .collect();
            named = named || deletion::names_someone(&octets);
            let deletes = |line: &[u8]| line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"DELE"));
            named && octets.split(|octet| *octet == b'\n').any(deletes)
        })
    }
}

/// What leads to TLS.
fn handshake(implicit: bool) -> Vec<(u32, Step<Vec<Piece>>)> {
    let mut steps = vec![Step::Connect { tls: implicit }, Step::Line];
    if !implicit {
        steps.extend([Step::Send(vec![Piece::Octets(b"STLS\r\n".to_vec())]), Step::Line, Step::Secure]);
    }
    steps.push(Step::End(End::Close));
    steps.into_iter().map(|step| (1, step)).collect()
}

/// A whole line of a server that holds nothing but printable ASCII.
fn is_shown_by_a_terminal(entry: &Entry) -> bool {
    let Entry::Line { side: Side::Server, text, .. } = entry else { return false };
    let plain = |part: &Part| match part {
        Part::Octets(octets) => octets.iter().all(|octet| matches!(octet, b' '..=b'~')),
        _ => false,
    };
    text.end() == LineEnd::CrLf && text.rest().is_none() && text.pieces().iter().all(plain)
}

/// The number of the last entry within the content it belongs to, from 0.
fn content_line(entries: &[Entry]) -> Option<u64> {
    let session = entries.last()?.session();
    let mut lines =
        entries.iter().rev().filter(|entry| entry.session() == session).map_while(|entry| match entry {
            Entry::Line { content: true, .. } => Some(1),
            Entry::Folded { lines, .. } => Some(*lines),
            _ => None,
        });
    lines.next()?;
    Some(lines.sum())
}

#[cfg(test)]
mod tests;

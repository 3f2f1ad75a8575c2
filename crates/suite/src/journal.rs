//! What a check leaves behind while it runs: its transcript, its latencies and the replies it saw.
//!
//! One journal per check, shared by its sessions. It deliberately judges nothing; passive checks read
//! [`Seen`] when all conversations are over.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proto::{Deviations, Verb};
use stats::Latencies;
use transcript::{Recorder, Secrets, Transcript};

use crate::deviation;
use crate::reply::quote;
use crate::reproduce::{Conversation, Reproduction, Step};
use crate::site::Site;

/// Shorter answers could be ordinary words, and would be missed in other conversations.
const ANSWER_AT_LEAST: usize = 16;

/// Replies kept for the passive checks, per check; a hostile server cannot make it more.
const SEEN_AT_MOST: usize = 2_000;
/// Octets of them that are kept.
const SEEN_OCTETS: usize = 128 * 1024;

/// One status line, as the passive checks need it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The command it answered, `None` for the greeting and for lines nothing asked for.
    pub verb: Option<Verb>,
    /// The command as sent, redacted.
    pub command: String,
    /// The status line without its line end.
    pub line: Vec<u8>,
    /// The same for people, redacted: the secrets of its conversation are not known any more when it is looked at.
    pub shown: String,
    /// What was odd about it.
    pub deviations: Deviations,
    /// Whether LANG or UTF8 had succeeded in the session before.
    pub language: bool,
    /// Whether the command itself held octets above 0x7E, which an echo may carry.
    pub eight_bit_command: bool,
    /// Whether it is a SASL continuation.
    pub continuation: bool,
}

/// The shared journal of one check.
#[derive(Clone)]
pub struct Journal(Rc<RefCell<Inner>>);

struct Inner {
    conversation: Conversation,
    recorder: Recorder,
    /// Those of the whole run.
    secrets: Secrets,
    latencies: Latencies,
    seen: Vec<Seen>,
    seen_octets: usize,
    ending: Option<String>,
    left_nobody: bool,
}

/// What remains of a check when it is over.
pub struct Leavings {
    /// The conversation, redacted.
    pub transcript: Transcript,
    /// Latencies by phase and command.
    pub latencies: Latencies,
    /// The status lines seen.
    pub seen: Vec<Seen>,
    /// How the last connection ended.
    pub ending: Option<String>,
    /// The check asked whether anybody is served still, and nobody was.
    pub(crate) left_nobody: bool,
}

/// Shows nothing of a conversation.
impl std::fmt::Debug for Journal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Journal")
    }
}

impl Journal {
    /// An empty journal; the title heads the transcript. The secrets of the run are known from the first octet on: a
    /// server may repeat one in a conversation in which it was never given.
    pub fn new(title: &str, seed: u64, secrets: &Secrets) -> Self {
        Self(Rc::new(RefCell::new(Inner {
            recorder: Recorder::knowing(title, Some(seed), secrets),
            secrets: secrets.clone(),
            latencies: Latencies::new(),
            seen: Vec::new(),
            seen_octets: 0,
            conversation: Conversation::default(),
            ending: None,
            left_nobody: false,
        })))
    }

    /// From now on these octets appear nowhere in this journal.
    pub fn secret(&self, octets: &[u8]) {
        self.0.borrow_mut().recorder.secret(octets);
    }

    /// The same for an answer made from a password and a challenge, and in all journals of the run: with the challenge
    /// it would let the password be guessed, and a server may repeat it in a later conversation.
    pub(crate) fn answer(&self, octets: &[u8]) {
        if octets.len() >= ANSWER_AT_LEAST {
            self.0.borrow().secrets.add(octets);
        } else {
            self.secret(octets);
        }
    }

    /// The same as [`Journal::secret`] for the password of an account, which a reproduction asks the reader for.
    pub(crate) fn password(&self, user: &str, password: &str) {
        self.secret(password.as_bytes());
        self.0.borrow_mut().conversation.account(user, password);
    }

    /// After what this check did nobody is served any more.
    pub(crate) fn leaves_nobody(&self) {
        self.0.borrow_mut().left_nobody = true;
    }

    /// A text with the secrets taken out, for verdicts that quote the server.
    pub fn redact(&self, text: &str) -> String {
        self.0.borrow().recorder.redact(text)
    }

    /// Whether a secret stands in octets that are to be sent, in any of its forms.
    pub(crate) fn holds_secret(&self, octets: &[u8]) -> bool {
        let text = String::from_utf8_lossy(octets);
        self.redact(&text) != text
    }

    /// Octets of the server for people, as [`quote`] gives them, with the secrets taken out. That comes first: where
    /// a long text is cut, half a secret would no longer be known for one.
    pub fn quote(&self, octets: &[u8]) -> String {
        let text = String::from_utf8_lossy(octets);
        let clean = self.redact(&text);
        if clean == text { quote(octets) } else { quote(clean.as_bytes()) }
    }

    /// The number of the next connection.
    pub fn connection(&self) -> u32 {
        self.0.borrow_mut().recorder.connection()
    }

    /// A note in the transcript.
    pub fn note(&self, session: u32, text: &str) {
        self.0.borrow_mut().recorder.note(session, text);
    }

    /// A connection was made, with TLS from the first octet or without.
    pub(crate) fn connected(&self, session: u32, tls: bool) {
        self.note(session, if tls { "connect implicit-tls" } else { "connect" });
        self.happened(session, Step::Connect { tls });
    }

    /// Something happened that a reproduction has to do, too.
    pub(crate) fn happened(&self, session: u32, step: Step<Vec<u8>>) {
        self.0.borrow_mut().conversation.happened(session, step);
    }

    /// Something happened that a reproduction cannot do.
    pub(crate) fn cannot_be_repeated(&self) {
        self.0.borrow_mut().conversation.cannot_be_repeated();
    }

    /// Octets the client sent.
    pub fn sent(&self, session: u32, octets: &[u8]) {
        let Inner { recorder, conversation, .. } = &mut *self.0.borrow_mut();
        recorder.sent(session, octets);
        conversation.sent(session, octets);
    }

    /// Octets that are no whole line: what was left when the connection ended.
    pub fn received(&self, session: u32, octets: &[u8]) {
        self.0.borrow_mut().recorder.received(session, octets);
    }

    /// A status line, or a continuation.
    pub(crate) fn received_line(&self, session: u32, octets: &[u8]) {
        let Inner { recorder, conversation, .. } = &mut *self.0.borrow_mut();
        recorder.received(session, octets);
        conversation.line(session, octets);
    }

    /// The same, of which nothing may be shown.
    pub(crate) fn received_unshown_line(&self, session: u32, octets: usize) {
        let Inner { recorder, conversation, .. } = &mut *self.0.borrow_mut();
        recorder.note(session, &not_shown(octets));
        conversation.line(session, b"");
    }

    /// Octets of multi-line content came; `end` says that they are its dot line.
    pub(crate) fn received_content(&self, session: u32, octets: u64, end: bool) {
        self.0.borrow_mut().conversation.content(session, if end { 0 } else { octets }, end);
    }

    /// What of multi-line content is put down, still stuffed, with its dot line.
    pub(crate) fn content(&self, session: u32, octets: &[u8]) {
        self.0.borrow_mut().recorder.received_content(session, octets);
    }

    /// So much of it is not.
    pub(crate) fn unshown_content(&self, session: u32, octets: usize) {
        self.note(session, &not_shown(octets));
    }

    /// A line of the last content of this session, from 0, is what a verdict is about.
    pub(crate) fn deviates(&self, session: u32, content_line: u64) {
        self.0.borrow_mut().recorder.mark_content(session, content_line, deviation::MARK);
    }

    /// The conversation so far, to be had again; `None` if that cannot be.
    pub(crate) fn reproduction(&self, site: &Site) -> Option<Reproduction> {
        let Inner { recorder, conversation, .. } = &*self.0.borrow();
        if conversation.is_too_long() {
            return None;
        }
        Some(Reproduction::new(site, conversation.told(&|text| recorder.redact_strictly(text))?))
    }

    /// A latency by phase or command.
    pub fn latency(&self, tag: &str, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.borrow_mut().latencies.record(tag, nanoseconds);
    }

    /// A status line for the passive checks.
    pub fn saw(&self, seen: Seen) {
        let mut inner = self.0.borrow_mut();
        inner.seen_octets += seen.line.len() + seen.shown.len() + seen.command.len();
        if inner.seen.len() < SEEN_AT_MOST && inner.seen_octets <= SEEN_OCTETS {
            inner.seen.push(seen);
        }
    }

    /// The status lines seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.0.borrow().seen.clone()
    }

    /// How a connection ended: a note for the transcript, and the word of [`record::CheckResult::ending`]. The last
    /// connection's counts. `step` is what a reproduction does there.
    pub(crate) fn ended(&self, session: u32, note: &str, word: &str, step: Option<Step<Vec<u8>>>) {
        let mut inner = self.0.borrow_mut();
        inner.recorder.note(session, note);
        inner.ending = Some(word.to_owned());
        if let Some(step) = step {
            inner.conversation.happened(session, step);
        }
    }

    /// Closes the journal. Sessions still alive go on writing into an empty one.
    pub fn close(&self) -> Leavings {
        let mut inner = self.0.borrow_mut();
        let empty = Recorder::knowing("closed", None, &inner.secrets);
        let recorder = std::mem::replace(&mut inner.recorder, empty);
        Leavings {
            transcript: recorder.finish(),
            latencies: std::mem::take(&mut inner.latencies),
            seen: std::mem::take(&mut inner.seen),
            ending: inner.ending.take(),
            left_nobody: inner.left_nobody,
        }
    }
}

/// What a transcript has in place of mail that is not poplab's.
fn not_shown(octets: usize) -> String {
    format!("{octets} octets of mail, not shown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_secret_not_even_the_half_is_quoted_that_fits_the_line() {
        let journal = Journal::new("check", 1, &Secrets::new());
        journal.secret(b"sword\tfish-123");
        let long = format!("-ERR {:x<100} sword\tfish-123 is wrong", "");
        let quoted = journal.quote(long.as_bytes());
        assert!(!quoted.contains("sword"), "{quoted}");
        assert_eq!(journal.quote(b"-ERR sword\tfish-123"), "`-ERR \u{2039}secret 14\u{203a}`");
        assert_eq!(journal.quote(b"+OK \xff"), quote(b"+OK \xff"));
    }
}

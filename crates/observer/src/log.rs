//! A transcript that grows while sessions are under way.

use transcript::{Recorder, Secrets, Transcript};

use crate::Observer;

/// Secrets that a log replaces. Lines with further ones are left out and noted.
pub const CREDENTIALS: usize = 1000;

/// A transcript of several sessions, numbered from 1 in the order in which they were opened.
#[derive(Debug)]
pub struct Log {
    recorder: Recorder,
    secrets: Secrets,
    credentials: usize,
    left_out: u64,
}

impl Log {
    /// An empty one of this title, made with this seed, which knows these secrets from the beginning.
    pub fn new(title: &str, seed: Option<u64>, secrets: impl IntoIterator<Item = String>) -> Log {
        let known = Secrets::new();
        known.add_all(secrets);
        Log::knowing(title, seed, &known)
    }

    /// The same, and the secrets that it finds become known to all who have these.
    pub fn knowing(title: &str, seed: Option<u64>, secrets: &Secrets) -> Log {
        let recorder = Recorder::knowing(title, seed, secrets);
        Log { recorder, secrets: secrets.clone(), credentials: 0, left_out: 0 }
    }

    /// A session begins, in these words (`connect`, `connect implicit-tls`); `None` if the log is full.
    pub fn open(&mut self, how: &str) -> Option<Observer> {
        if self.recorder.is_full() {
            self.left_out += 1;
            return None;
        }
        let session = self.recorder.connection();
        self.recorder.note(session, how);
        Some(Observer::new(session))
    }

    /// Something happened beside the octets.
    pub fn note(&mut self, session: u32, text: &str) {
        self.recorder.note(session, text);
    }

    /// A text without the secrets known so far.
    pub fn without_secrets(&self, text: &str) -> String {
        self.recorder.redact(text)
    }

    /// Whether nothing more is kept, be it for want of room or since there have been too many credentials: who keeps
    /// something beside it must stop too, for secrets are no longer found.
    pub fn is_full(&self) -> bool {
        self.recorder.is_full() || self.credentials > CREDENTIALS
    }

    /// Sessions that were not recorded since the log was full.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// What was said so far.
    pub fn transcript(&self) -> Transcript {
        self.recorder.so_far()
    }

    /// The client's line, in which this is secret. False if it was left out, and the secrets are not known.
    pub(crate) fn keep(&mut self, session: u32, line: &[u8], secrets: &[Vec<u8>]) -> bool {
        if self.recorder.is_full() {
            return false;
        }
        if !secrets.is_empty() {
            // Many come again and again, which is why what is known already counts too: it is a bound on work.
            self.credentials += secrets.len();
            if self.credentials > CREDENTIALS {
                self.note(session, "a line with credentials is left out: there have been too many");
                return false;
            }
            self.secrets.add_all(secrets);
        }
        self.recorder.sent(session, line);
        true
    }

    pub(crate) fn said(&mut self, session: u32, octets: &[u8]) {
        if !self.recorder.is_full() {
            self.recorder.received(session, octets);
        }
    }

    pub(crate) fn content(&mut self, session: u32, octets: &[u8]) {
        if !self.recorder.is_full() {
            self.recorder.received_content(session, octets);
        }
    }

    pub(crate) fn end(&mut self, session: u32, how: &str) {
        self.recorder.note(session, how);
        self.recorder.end(session);
    }
}

//! What happened between client and server, in order and in all sessions, in a form that can be done again.
//!
//! It is recorded as it happens and bounded; what the client sent stays as it was, secrets included, until somebody
//! asks for a [`Reproduction`](super::Reproduction). It deliberately keeps none of the mail that came.

use super::secrets::{Account, Piece, Sent};

/// Steps that are kept. A longer conversation is not repeated by hand.
const STEPS_AT_MOST: usize = 2_000;
/// Octets of the client that are kept.
const OCTETS_AT_MOST: usize = 256 * 1024;
/// Octets of a line of the server that are kept: what answers to challenges are made from.
const LINE_KEPT: usize = 1_024;

/// One thing that happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step<S> {
    /// A connection was made; with TLS from the first octet or without.
    Connect {
        /// TLS before anything was said.
        tls: bool,
    },
    /// The TLS handshake after STLS.
    Secure,
    /// One write of the client.
    Send(S),
    /// A status line came.
    Line,
    /// A continuation came: the server waits for an answer, and understands no command.
    Challenge,
    /// So much content came, and whether its end did.
    Content {
        /// Octets, without the dot line.
        octets: u64,
        /// The dot line came.
        ended: bool,
    },
    /// Nothing came for as long as was waited.
    Silence,
    /// The client ended the connection, or its side of it.
    End(End),
    /// The server did.
    Ended,
}

/// How the client ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In good order: `close_notify` under TLS, then FIN.
    Close,
    /// TCP alone, without `close_notify`.
    Abandon,
    /// With a reset.
    Reset,
    /// Its sending side alone.
    Shutdown,
}

/// The record of a check's conversation.
#[derive(Default)]
pub(crate) struct Conversation {
    steps: Vec<(u32, Step<Vec<u8>>)>,
    /// The lines of the server, by step.
    lines: Vec<(usize, Vec<u8>)>,
    accounts: Vec<Account>,
    octets: usize,
    too_long: bool,
}

impl Conversation {
    /// The password of an account that the conversation is about.
    pub(crate) fn account(&mut self, user: &str, password: &str) {
        let account = Account { user: user.to_owned(), password: password.to_owned() };
        if !password.is_empty() && !self.accounts.contains(&account) {
            self.accounts.push(account);
        }
    }

    /// Something happened that is no octet of the client and no line of the server.
    pub(crate) fn happened(&mut self, session: u32, step: Step<Vec<u8>>) {
        if self.steps.len() >= STEPS_AT_MOST {
            self.too_long = true;
        } else {
            self.steps.push((session, step));
        }
    }

    /// The client sent these octets in one write.
    pub(crate) fn sent(&mut self, session: u32, octets: &[u8]) {
        self.octets += octets.len();
        if self.octets > OCTETS_AT_MOST {
            self.too_long = true;
        } else {
            self.happened(session, Step::Send(octets.to_vec()));
        }
    }

    /// A status line or a continuation came.
    pub(crate) fn line(&mut self, session: u32, line: &[u8]) {
        if !self.too_long {
            self.lines.push((self.steps.len(), line[..line.len().min(LINE_KEPT)].to_vec()));
        }
        let challenge = line.starts_with(b"+ ") || line == b"+\r\n";
        self.happened(session, if challenge { Step::Challenge } else { Step::Line });
    }

    /// Content came, and perhaps its end.
    pub(crate) fn content(&mut self, session: u32, more: u64, end: bool) {
        let last = self.steps.iter_mut().rev().find(|(number, _)| *number == session);
        if let Some((_, Step::Content { octets, ended: ended @ false })) = last {
            *octets += more;
            *ended = end;
        } else {
            self.happened(session, Step::Content { octets: more, ended: end });
        }
    }

    /// It has something in it that nobody can do again with the means of a reproduction.
    pub(crate) fn cannot_be_repeated(&mut self) {
        self.too_long = true;
    }

    /// Whether there is too much of it to do it again.
    pub(crate) fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// The steps with secrets told by how they are made; `None` if some line has a secret in it that cannot be made
    /// again. `redact` knows all secrets.
    pub(crate) fn told(&self, redact: &dyn Fn(&str) -> String) -> Option<Vec<(u32, Step<Vec<Piece>>)>> {
        let mut sent = Sent::new(&self.accounts, redact);
        let mut lines = self.lines.iter().peekable();
        for (index, (session, step)) in self.steps.iter().enumerate() {
            match step {
                Step::Send(octets) => sent.write(*session, index, octets),
                Step::Line | Step::Challenge => {
                    if let Some((_, line)) = lines.next_if(|(at, _)| *at == index) {
                        sent.heard(*session, line);
                    }
                }
                _ => {}
            }
        }
        let mut pieces = sent.pieces()?;
        let told = self.steps.iter().enumerate().map(|(index, (session, step))| {
            let step = match step {
                Step::Send(_) => Step::Send(pieces.remove(&index).unwrap_or_default()),
                Step::Connect { tls } => Step::Connect { tls: *tls },
                Step::Secure => Step::Secure,
                Step::Line => Step::Line,
                Step::Challenge => Step::Challenge,
                Step::Content { octets, ended } => Step::Content { octets: *octets, ended: *ended },
                Step::Silence => Step::Silence,
                Step::End(end) => Step::End(*end),
                Step::Ended => Step::Ended,
            };
            (*session, step)
        });
        Some(told.collect())
    }
}

/// A password is nobody's business, also not a log's.
impl std::fmt::Debug for Conversation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Conversation({} steps)", self.steps.len())
    }
}

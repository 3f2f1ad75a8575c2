//! Follows POP3 conversations from between client and server, and writes them down without their secrets.
//!
//! A [`Log`] is a transcript that grows. Each session that it opens has an [`Observer`], which is told the octets of either
//! side as they pass. It knows what is a command and what the content of a reply, tells them ([`Heard`]), and finds what
//! nobody may read: passwords, digests, tokens and the lines of a SASL exchange are replaced before they are kept, and
//! from then on whoever repeats them. The same octets give the same transcript in any split.
//!
//! ```
//! use observer::{Heard, Log};
//!
//! let mut log = Log::new("an example", None, []);
//! let mut session = log.open("connect").unwrap();
//! session.server(b"+OK ready\r\n", &mut log);
//! session.client(b"USER alice\r\n", &mut log);
//! session.server(b"+OK\r\n", &mut log);
//! let heard = session.client(b"PASS wonderland\r\n", &mut log);
//! assert!(matches!(&heard[..], [Heard::Command(command)] if command.line == "PASS ‹secret 10›"));
//! session.server(b"-ERR not wonderland\r\n", &mut log);
//! session.end("closed by client", &mut log);
//! assert!(log.transcript().render().contains("[1] S: -ERR not ‹secret 10›\n"));
//! ```
//!
//! # Bounds
//!
//! Of a session at most one line of each side is held, [`LINE`] octets of a client and 8192 of a server, and what was said
//! and not answered is remembered up to [`UNANSWERED`] lines. A log keeps as
//! much as a transcript does ([`transcript::ENTRIES`], [`transcript::MEMORY`]) and [`CREDENTIALS`] secrets; beyond that it
//! is full, opens no session and keeps nothing more.
//!
//! What this crate deliberately does not do: no sockets, no clock, no judgement of what it hears, nothing is changed. It
//! follows peers that keep the form of POP3; where one does not, its lines are written down as they come.

// Octets of peers reach everything here (invariant 5).
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod credentials;
mod log;

use std::collections::VecDeque;

use proto::{Client, Event, Incoming, Limits, Server, ServerLimits, Shape, Verb};

use credentials::Exchange;
pub use log::{CREDENTIALS, Log};

/// Octets of a client's line that are held until it is complete. A longer one is left out and noted.
pub const LINE: usize = 64 * 1024;

/// What may be without an answer at a time. A session in which more is said is not followed any further; so many lines
/// have filled its log long before.
pub const UNANSWERED: usize = 100_000;

/// Something that was said, as far as it matters to who looks on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A command.
    Command(Command),
    /// A line of a SASL exchange, without its end and without secrets.
    Response(String),
    /// A line that is too long to be held; it is answered all the same.
    TooLong,
    /// The status line of the reply to the oldest command without one; the greeting too, which answers none.
    Answer {
        /// Whether it is positive.
        accepted: bool,
    },
    /// STLS was accepted: what follows is TLS. So many octets of the server came behind the reply, in the clear.
    Tls {
        /// Octets that are not part of the conversation; they are written down as what they are.
        behind: usize,
    },
}

/// A piece of what the server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// The line with which a reply begins, with its end: status or continuation. Replies come in the order of what the
    /// client said, commands and lines of SASL exchanges; the greeting is the first, and after TLS there is none.
    Begin(&'a [u8]),
    /// More of that reply, as it was sent.
    More(&'a [u8]),
    /// Nothing that was due.
    Other(&'a [u8]),
}

/// A command as it was sent, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The line without its end; what is not printable is shown as in source code.
    pub line: String,
    /// The keyword, if it is one.
    pub verb: Option<Verb>,
    /// Whether a maildrop was open when it was sent.
    pub logged_in: bool,
}

/// Follows one session.
#[derive(Debug)]
pub struct Observer {
    session: u32,
    commands: Server,
    replies: Client,
    /// What the client and the server have begun to say.
    begun: Vec<u8>,
    awaited: Vec<u8>,
    /// What was said and not answered, oldest first; the greeting stands for the connection itself.
    unanswered: VecDeque<Option<Verb>>,
    exchange: Option<Exchange>,
    logged_in: bool,
    /// Too much was said without an answer: nothing is followed any more.
    given_up: bool,
}

impl Observer {
    fn new(session: u32) -> Observer {
        Observer {
            session,
            commands: Server::new(ServerLimits { command: LINE, response: LINE }),
            replies: Client::new(Limits::default()),
            begun: Vec::new(),
            awaited: Vec::new(),
            unanswered: [None].into(),
            exchange: None,
            logged_in: false,
            given_up: false,
        }
    }

    /// The number of the session in the log.
    pub fn session(&self) -> u32 {
        self.session
    }

    /// The client has said this.
    pub fn client(&mut self, octets: &[u8], log: &mut Log) -> Vec<Heard> {
        let (mut heard, mut input) = (Vec::new(), std::mem::take(&mut self.begun));
        input.extend_from_slice(octets);
        let mut at = 0;
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            if self.gives_up() {
                return heard;
            }
            if self.exchange.as_ref().is_some_and(|exchange| exchange.takes(rest)) {
                self.commands.await_response();
            }
            let step = self.commands.step(rest);
            let raw = rest.get(..step.consumed).unwrap_or_default();
            match step.event {
                Some(Incoming::Command(command)) => heard.push(self.command(command, raw, log)),
                Some(Incoming::Response(response)) => {
                    let secrets = self.exchange.as_mut().map(|exchange| exchange.response(response));
                    let kept = log.keep(self.session, raw, &secrets.unwrap_or_default());
                    self.replies.expect(Shape::Exchange);
                    heard.push(Heard::Response(shown(response, kept, log)));
                }
                Some(Incoming::TooLong) => {
                    log.note(self.session, "the client's line has no end and is left out from here");
                    self.replies.expect(Shape::Single);
                    self.unanswered.push_back(None);
                    heard.push(Heard::TooLong);
                }
                None if step.consumed == 0 => break,
                None => {}
            }
            at += step.consumed;
        }
        input.drain(..at.min(input.len()));
        self.begun = input;
        heard
    }

    /// Whether the session is not followed any further, since too much was said without an answer.
    pub fn has_given_up(&self) -> bool {
        self.given_up
    }

    fn gives_up(&mut self) -> bool {
        if !self.given_up && self.unanswered.len().max(self.replies.awaited()) >= UNANSWERED {
            self.given_up = true;
            (self.unanswered, self.replies) = (VecDeque::new(), Client::resume(Limits::default()));
        }
        self.given_up
    }

    fn command(&mut self, command: proto::Command<'_>, raw: &[u8], log: &mut Log) -> Heard {
        let secrets = credentials::of(&command, self.logged_in);
        let kept = log.keep(self.session, raw, &secrets) || secrets.is_empty();
        self.replies.expect(Shape::of(command.line));
        self.unanswered.push_back(command.verb);
        if command.verb == Some(Verb::Auth) && command.has_arguments {
            let mut exchange = Exchange::of(&command);
            for response in command.words().skip(1) {
                exchange.response(response);
            }
            self.exchange = Some(exchange);
        }
        let line =
            shown(if kept { command.line } else { command.keyword }, kept || command.verb.is_some(), log);
        Heard::Command(Command { line, verb: command.verb, logged_in: self.logged_in })
    }

    /// The server has said this.
    pub fn server(&mut self, octets: &[u8], log: &mut Log) -> Vec<Heard> {
        self.server_in_parts(octets, log, &mut |_| {})
    }

    /// The same, and `part` is told it piece by piece, secrets included, as soon as it is known what a piece is.
    pub fn server_in_parts(
        &mut self,
        octets: &[u8],
        log: &mut Log,
        part: &mut impl FnMut(Part<'_>),
    ) -> Vec<Heard> {
        if self.given_up {
            part(Part::Other(octets));
            return Vec::new();
        }
        let (mut heard, mut input) = (Vec::new(), std::mem::take(&mut self.awaited));
        input.extend_from_slice(octets);
        let mut at = 0;
        while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
            let step = self.replies.step(rest);
            let raw = rest.get(..step.consumed).unwrap_or_default();
            if step.consumed == 0 && step.event.is_none() {
                break;
            }
            at += step.consumed;
            match step.event {
                Some(Event::Content(_) | Event::End { .. }) => {
                    log.content(self.session, raw);
                    part(Part::More(raw));
                }
                Some(Event::Status { status, .. }) => {
                    log.said(self.session, raw);
                    part(Part::Begin(raw));
                    let accepted = status.is_ok();
                    let secures = self.answered(accepted);
                    heard.push(Heard::Answer { accepted });
                    if secures {
                        // What stands behind is no reply, whatever it says.
                        let behind = input.get(at..).unwrap_or_default();
                        log.said(self.session, behind);
                        heard.push(Heard::Tls { behind: behind.len() });
                        return heard;
                    }
                }
                Some(Event::Continuation { .. }) => {
                    log.said(self.session, raw);
                    part(Part::Begin(raw));
                }
                // Status lines without anything due, endless ones, what is passed over behind those: as they came.
                _ => {
                    log.said(self.session, raw);
                    part(Part::Other(raw));
                }
            }
        }
        input.drain(..at.min(input.len()));
        self.awaited = input;
        heard
    }

    /// The oldest command is answered; true if TLS follows.
    fn answered(&mut self, accepted: bool) -> bool {
        let Some(verb) = self.unanswered.pop_front().flatten() else { return false };
        match verb {
            Verb::Auth => self.exchange = None,
            Verb::Stls => return accepted,
            _ => {}
        }
        self.logged_in |= accepted && matches!(verb, Verb::Pass | Verb::Apop | Verb::Auth);
        false
    }

    /// TLS has begun behind STLS: the conversation starts anew, without a greeting (RFC 2595 section 4).
    pub fn secured(&mut self, log: &mut Log) {
        let session = self.session;
        log.note(session, "TLS");
        *self = Observer::new(session);
        self.replies = Client::resume(Limits::default());
        self.unanswered.clear();
    }

    /// The session is over, in these words; what was not complete is written down.
    pub fn end(mut self, how: &str, log: &mut Log) {
        let begun = std::mem::take(&mut self.begun);
        if !begun.is_empty() {
            let command = proto::Command::parse(&begun);
            let secrets = match &mut self.exchange {
                Some(exchange) => exchange.response(&begun),
                None => credentials::of(&command, self.logged_in),
            };
            log.keep(self.session, &begun, &secrets);
        }
        log.said(self.session, &self.awaited);
        log.end(self.session, how);
    }
}

/// A line of the client, or nothing of it where its secrets are not known.
fn shown(line: &[u8], known: bool, log: &Log) -> String {
    if known { log.without_secrets(&line.escape_ascii().to_string()) } else { String::new() }
}

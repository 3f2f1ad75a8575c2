//! The part of a session that takes in what the server says: times, the reply under way, what is checked of it.
//!
//! Apart from the stream, since it is handed to the stream's reading as the consumer.

use std::rc::Rc;

use chance::Chance;
use mail::load::Verifier;
use proto::{Client, Deviations, Event, Limits, Shape, listing};

use crate::plan::Arrival;
use crate::recorder::Step;
use crate::worker::Context;

use super::exchange::{Line, Stage};
use super::expiry::{self, Expiry};
use super::failure::{Failure, shown};
use super::listing::{Listed, Wrong};
use super::recording::Recording;
use super::trail::{Said, is_own};

/// Most octets of a reply that is of no interest, or of a list of capabilities: ten thousand lines are no list.
const CONTENT: u64 = 1024 * 1024;

/// What was asked, so what the reply is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Greeting,
    /// Only whether it is `+OK`.
    Word,
    Stat,
    List,
    Uidl,
    /// LIST or UIDL of this one message.
    One(u32),
    /// A message to be verified.
    Message,
    /// The beginning of a message, of which the header is verified.
    Preview,
    /// A message that is not read to its end, but for so many octets.
    Part(u64),
    /// Content of no interest.
    Content,
    /// Capabilities, for what they say of mail that was retrieved.
    Expiry,
    /// A SASL exchange.
    Exchange,
}

/// Whose content it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// A listing, or mail that poplab made.
    Open,
    /// Somebody's mail, which is nobody else's business.
    Private,
}

/// The reply under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply {
    pub(super) asked: Asked,
    pub(super) step: Step,
    /// The status line has come.
    pub(super) begun: bool,
    /// Nothing more is awaited.
    pub(super) done: bool,
    /// A continuation came instead of a status line; what it said is in `challenge`.
    pub(super) continues: bool,
    /// Octets of content.
    pub(super) octets: u64,
    /// When the first of it came.
    pub(super) first_ns: u64,
    /// Whether its content may stand in a transcript.
    content: Content,
}

pub(super) struct Desk {
    pub(super) context: Rc<Context>,
    pub(super) arrival: Arrival,
    pub(super) behaviour: u16,
    pub(super) logged_in: bool,
    /// The maildrop was looked at once more, and was as before: a DELE may leave, after a shorter look of its own.
    pub(super) confirmed: bool,
    /// When what is retrieved expires, if that was asked on this connection.
    pub(super) expiry: Option<Expiry>,
    /// The session was begun and has not ended.
    pub(super) open: bool,
    pub(super) chance: Chance,
    pub(super) client: Client,
    pub(super) reply: Reply,
    /// When the session really began.
    pub(super) begun_ns: u64,
    /// When the plan wants the next step.
    pub(super) wanted_ns: u64,
    /// The last reading of the clock: when the step before was complete.
    pub(super) now_ns: u64,
    /// The session's own deadline.
    pub(super) deadline_ns: u64,
    /// How far the command under way has come.
    pub(super) stage: Stage,
    /// When it was begun.
    pub(super) step_begun_ns: u64,
    /// Its line.
    pub(super) line: Line,
    /// The form of its reply.
    pub(super) shape: Shape,
    /// How much of the line was sent.
    pub(super) written: usize,
    /// What the stage waits for: the end of a pause, or the deadline of the reply.
    pub(super) until_ns: u64,
    /// Until when the link is busy with what it has delivered; 0 if it is free.
    pub(super) link_busy_ns: u64,
    /// Count and octets by STAT, until something is deleted.
    pub(super) stat: Option<(u64, u64)>,
    pub(super) failure: Option<Failure>,
    /// The APOP timestamp of the greeting, or the SASL challenge.
    pub(super) challenge: Vec<u8>,
    pub(super) listed: Option<Box<Listed>>,
    pub(super) verifier: Option<Box<Verifier>>,
    pub(super) recording: Option<Box<Recording>>,
}

impl Reply {
    /// Nothing of it has come.
    fn due(asked: Asked, step: Step) -> Reply {
        Reply {
            asked,
            step,
            begun: false,
            done: false,
            continues: false,
            octets: 0,
            first_ns: 0,
            content: Content::Open,
        }
    }
}

impl Desk {
    pub(super) fn new(context: Rc<Context>, arrival: Arrival, behaviour: u16) -> Desk {
        let now_ns = context.clock();
        let session = context.scenario().timeouts.session;
        let deadline_ns =
            session.map_or(u64::MAX, |timeout| now_ns.saturating_add(crate::worker::nanoseconds(timeout)));
        Desk {
            chance: context.plan.chance(arrival.user, arrival.visit),
            context,
            arrival,
            behaviour,
            logged_in: false,
            confirmed: false,
            expiry: None,
            open: false,
            client: Client::new(Limits::default()),
            reply: Reply::due(Asked::Greeting, Step::CONNECT),
            begun_ns: now_ns,
            wanted_ns: arrival.intended_ns,
            now_ns,
            deadline_ns,
            stage: Stage::Read,
            step_begun_ns: now_ns,
            line: Line::Fixed(b""),
            shape: Shape::Single,
            written: 0,
            until_ns: 0,
            link_busy_ns: 0,
            stat: None,
            failure: None,
            challenge: Vec::new(),
            listed: None,
            verifier: None,
            recording: None,
        }
    }

    /// A new connection knows nothing of one before it in the same session: least of all which mail may be deleted.
    pub(super) fn begin_anew(&mut self) {
        self.logged_in = false;
        self.confirmed = false;
        self.expiry = None;
        self.client = Client::new(Limits::default());
        self.stat = None;
        self.challenge.clear();
        if let Some(listed) = self.listed.take() {
            self.context.return_listing(listed);
        }
    }

    /// A reply is awaited from now on. The greeting is awaited by a fresh machine already.
    pub(super) fn expect(&mut self, asked: Asked, step: Step) {
        self.reply = Reply::due(asked, step);
        match asked {
            Asked::List | Asked::Uidl => {
                let context = &self.context;
                self.listed.get_or_insert_with(|| context.listing()).start();
            }
            Asked::Message | Asked::Preview => {
                let digest = asked == Asked::Message && self.needs_digest();
                let context = &self.context;
                let verifier = self.verifier.get_or_insert_with(|| context.verifier());
                if digest {
                    verifier.start_with_digest();
                } else {
                    verifier.start();
                }
            }
            Asked::Expiry => {
                self.expiry = Some(Expiry::Never);
                self.challenge.clear();
            }
            _ => {}
        }
    }

    /// Whether a DELE may follow in this session.
    pub(super) fn may_delete(&self) -> bool {
        self.context.assignment.allow_delete && self.context.deletes(self.behaviour)
    }

    /// Whether only a marker's SHA-256 can tell poplab's mail from mail that somebody wrote anew beneath its header:
    /// seeded mail has a checksum of its own.
    fn needs_digest(&self) -> bool {
        self.may_delete() && self.context.scenario().mail.is_none()
    }

    /// Takes in what has arrived and says how much of it was used.
    pub(super) fn take(&mut self, octets: &[u8]) -> usize {
        let mut used = 0;
        while self.failure.is_none() {
            let step = self.client.step(&octets[used..]);
            let raw = &octets[used..used + step.consumed];
            used += step.consumed;
            let Some(event) = step.event else {
                if step.consumed == 0 {
                    break;
                }
                continue;
            };
            self.received(raw, &event);
            self.event(event);
            if matches!(self.reply.asked, Asked::Part(_)) && self.reply.done {
                break;
            }
        }
        used
    }

    /// Counts the correct step that was complete at the last reading of the clock.
    pub(super) fn sample(&mut self, step: Step) {
        let response = self.now_ns.saturating_sub(self.wanted_ns);
        let service = self.now_ns.saturating_sub(self.step_begun_ns);
        self.context.recorder.borrow_mut().sample(step, response, service);
        self.wanted_ns = self.now_ns;
    }

    /// Counts a span from the intended start of the session to the last reading of the clock.
    pub(super) fn sample_whole(&mut self, step: Step) {
        let response = self.now_ns.saturating_sub(self.arrival.intended_ns);
        let service = self.now_ns.saturating_sub(self.begun_ns);
        self.context.recorder.borrow_mut().sample(step, response, service);
    }

    /// Puts down what was sent.
    pub(super) fn sent(&mut self, line: &[u8]) {
        let said = match self.line {
            // Lines of their own are those of logins.
            Line::Password | Line::Text(_) => Said::SentSecret,
            _ => Said::Sent,
        };
        self.context.trail.borrow_mut().keep(self.arrival.number, said, line);
        if let Some(recording) = &mut self.recording {
            recording.sent(line);
        }
    }

    /// Puts down a connection or a handshake.
    pub(super) fn note(&mut self, said: Said, word: &str) {
        self.context.trail.borrow_mut().keep(self.arrival.number, said, word.as_bytes());
        if let Some(recording) = &mut self.recording {
            recording.note(&said.note(word));
        }
    }

    fn received(&mut self, raw: &[u8], event: &Event<'_>) {
        let number = self.arrival.number;
        let Reply { octets, asked, .. } = self.reply;
        let mail = matches!(asked, Asked::Message | Asked::Preview | Asked::Part(_));
        // Looked at only where it is shown: the trail does so itself when it is told.
        if mail && octets == 0 && self.recording.is_some() && matches!(event, Event::Content(_)) {
            self.reply.content = if is_own(raw) { Content::Open } else { Content::Private };
        }
        let private = self.reply.content == Content::Private;
        let mut trail = self.context.trail.borrow_mut();
        let recording = &mut self.recording;
        match event {
            Event::Content(_) => {
                let said = if mail { Said::Mail } else { Said::Content };
                trail.keep_content(number, said, raw, octets);
                if let Some(recording) = recording
                    && !private
                {
                    recording.received(raw, true);
                }
            }
            Event::End { .. } => {
                trail.keep(number, Said::Content, raw);
                if let Some(recording) = recording {
                    if private {
                        recording.note(&format!("{octets} octets of mail that is not poplab's, not shown"));
                    }
                    recording.received(raw, true);
                }
            }
            _ => {
                trail.keep(number, Said::Received, raw);
                if let Some(recording) = recording {
                    recording.received(raw, false);
                }
            }
        }
    }

    fn event(&mut self, event: Event<'_>) {
        let step = self.reply.step;
        match event {
            Event::Status { status, deviations, last, .. } => {
                self.reply.begun = true;
                self.reply.continues = false;
                self.failure = if status.is_ok() {
                    Failure::deviating(step, deviations, status.line).or_else(|| self.positive(status.text))
                } else if status.indicator == proto::Indicator::Err {
                    Some(Failure::refused(step, &status))
                } else {
                    Failure::deviating(step, deviations, status.line)
                };
                self.reply.done = last;
            }
            Event::Continuation { data, line, deviations } => {
                self.reply.begun = true;
                self.reply.continues = true;
                self.reply.done = true;
                self.challenge.clear();
                self.challenge.extend_from_slice(data);
                self.failure = Failure::deviating(step, deviations, line);
            }
            Event::Content(content) => self.content(content),
            Event::End { deviations } => {
                self.reply.done = true;
                self.failure = Failure::deviating(step, deviations, b"").or_else(|| self.end());
            }
            Event::Unsolicited { line } => {
                self.failure = Some(Failure::new("deviation:unsolicited", step, shown(line)));
            }
            Event::Endless => {
                self.failure = Some(Failure::new(
                    "deviation:endless",
                    step,
                    "a line that is longer than any line may be",
                ));
            }
        }
    }

    fn positive(&mut self, text: &[u8]) -> Option<Failure> {
        match self.reply.asked {
            Asked::Greeting => {
                // Kept only where APOP needs it: most sessions keep nothing.
                if self.context.weighted(self.behaviour).login == scenario::Mechanism::Apop {
                    self.challenge
                        .extend_from_slice(sasl::apop::timestamp(text).unwrap_or_default().as_bytes());
                }
                None
            }
            Asked::Stat => {
                let (stat, deviations) = listing::stat(text);
                self.stat = stat;
                Failure::deviating(self.reply.step, deviations, text).or_else(|| self.wrong_totals())
            }
            Asked::One(number) => {
                let ids = self.reply.step == Step::UIDL;
                let listed = self.listed.as_mut();
                let result = listed.map_or(Err(Wrong::Numbers), |listed| listed.again(number, text, ids));
                result.err().and_then(|wrong| self.wrong(wrong, text))
            }
            _ => {
                // What goes wrong from here on goes wrong on the way to the last octet.
                self.reply.step = match self.reply.step {
                    Step::RETR_FIRST => Step::RETR_LAST,
                    Step::TOP_FIRST => Step::TOP_LAST,
                    step => step,
                };
                None
            }
        }
    }

    fn content(&mut self, content: &[u8]) {
        self.reply.octets += content.len() as u64;
        match self.reply.asked {
            Asked::Message | Asked::Preview => {
                if let Some(verifier) = &mut self.verifier {
                    verifier.push(content);
                }
            }
            Asked::List | Asked::Uidl => {
                if let Some(listed) = &mut self.listed {
                    let result = listed.push(content, self.reply.asked == Asked::Uidl, &self.context.room);
                    self.failure = result.err().and_then(|wrong| self.wrong(wrong, content));
                }
            }
            Asked::Part(octets) => self.reply.done = self.reply.octets >= octets,
            _ => {
                if self.reply.octets > CONTENT {
                    self.failure = Some(too_long(self.reply.step, "more than a mebibyte"));
                } else if self.reply.asked == Asked::Expiry {
                    self.expiry = self.expiry.max(Some(expiry::announced(&mut self.challenge, content)));
                }
            }
        }
    }

    fn end(&mut self) -> Option<Failure> {
        // The same unique-id twice is lawful for identical messages (RFC 1939 section 7); seeded ones all differ.
        let ids = self.reply.asked == Asked::Uidl;
        let distinct = self.context.scenario().mail.is_some();
        match (self.reply.asked, &mut self.listed) {
            (Asked::List | Asked::Uidl, Some(listed)) => {
                let result = listed.finish(ids, distinct);
                result.err().and_then(|wrong| self.wrong(wrong, b"")).or_else(|| self.wrong_totals())
            }
            _ => None,
        }
    }

    fn wrong(&self, wrong: Wrong, line: &[u8]) -> Option<Failure> {
        let step = self.reply.step;
        let fail = |kind: &'static str, seen: &str| Some(Failure::new(kind, step, seen));
        match wrong {
            Wrong::Format(deviations) => Failure::deviating(step, deviations, line)
                .or_else(|| Failure::deviating(step, unreadable(), line)),
            Wrong::Numbers if step == Step::UIDL => {
                fail("verification:unique-id", "UIDL and LIST do not list the same messages")
            }
            Wrong::Numbers => fail("deviation:number-order", "the numbers of a listing do not ascend"),
            Wrong::Changed => fail(
                "verification:changed",
                "a message has a different size or unique-id than before in the same session",
            ),
            Wrong::Marked => {
                fail("verification:mark", "a message is still listed that this session marked as deleted")
            }
            Wrong::TooLong => Some(too_long(step, "more than 250,000 lines or 32 MiB")),
            Wrong::NoRoom => fail(
                "memory",
                "the listings of all sessions of this worker need more memory than it has, so this one was not read to \
                 its end; use more workers (--workers), or say in the scenario (`mail`) how many messages to expect",
            ),
            Wrong::Twice => {
                fail("verification:unique-id", "two messages of one maildrop have the same unique-id")
            }
        }
    }
}

/// A list that no client could use, or that never ends.
fn too_long(step: Step, most: &str) -> Failure {
    Failure::new("deviation:too-long", step, format!("{most}: the list was not read to its end"))
}

fn unreadable() -> Deviations {
    [proto::Deviation::NumberMissing].into_iter().collect()
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(listed) = self.listed.take() {
            self.context.return_listing(listed);
        }
        if let Some(verifier) = self.verifier.take() {
            self.context.return_verifier(verifier);
        }
    }
}

//! What is kept of the sessions of a world that is recorded: a transcript, the commands received, and what became of
//! messages.
//!
//! It sees the octets of both sides as a client would, whatever defects and faults have made of them. Bounded: a transcript
//! as [`observer`] bounds it, [`RECEIVED`] commands and as many happenings; what is beyond is counted. A world that is not
//! recorded has nothing of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use machine::{Channel, Next};
use observer::{Heard, Log, Observer};
use script::{Received, State};
use transcript::Transcript;

use crate::Configuration;

/// Commands that are kept, and happenings.
pub const RECEIVED: usize = 100_000;

/// Something that a server did with a message at a client's wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// The number of the session, counted from 1.
    pub session: u64,
    /// Whose maildrop it is in.
    pub user: String,
    /// The message's number in the session, counted from 1.
    pub message: u64,
    /// Its unique-id; with the user it names the message for ever.
    pub unique_id: String,
    /// What was done.
    pub what: What,
}

/// What was done with a message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// RETR was answered with it. Whether all of it left the server stands in the transcript.
    Served,
    /// TOP was answered.
    Previewed,
    /// DELE was accepted: it goes with QUIT.
    Marked,
}

/// The record of a world.
pub(crate) struct Witness(Mutex<Kept>);

struct Kept {
    log: Log,
    received: Vec<Received>,
    happenings: Vec<Happening>,
    /// Commands and happenings that were not kept.
    left_out: u64,
    /// How often it was begun anew; sessions of before are over.
    generation: u64,
}

impl Witness {
    /// An empty record.
    pub(crate) fn of(configuration: &Configuration) -> Arc<Witness> {
        Arc::new(Witness(Mutex::new(Kept::new(configuration, 0))))
    }

    /// Forgets everything, the sessions that are open too.
    pub(crate) fn reset(&self, configuration: &Configuration) {
        let mut kept = self.lock();
        *kept = Kept::new(configuration, kept.generation + 1);
    }

    /// A session begins; its number is drawn while nobody else draws one, so that transcripts count alike.
    pub(crate) fn open(self: &Arc<Witness>, channel: Channel, number: impl FnOnce() -> u64) -> Seen {
        let mut kept = self.lock();
        let number = number();
        let observer = kept.log.open(match channel {
            Channel::Clear => "connect",
            Channel::Tls => "connect implicit-tls",
        });
        let generation = kept.generation;
        // The greeting is an answer to nothing.
        let unanswered = [None].into();
        Seen {
            witness: Arc::clone(self),
            observer,
            number,
            unanswered,
            generation,
            ended: "closed by client",
        }
    }

    pub(crate) fn transcript(&self) -> Transcript {
        self.lock().log.transcript()
    }

    /// The commands, and how many more there were.
    pub(crate) fn received(&self) -> (Vec<Received>, u64) {
        let kept = self.lock();
        (kept.received.clone(), kept.left_out)
    }

    pub(crate) fn happenings(&self) -> Vec<Happening> {
        self.lock().happenings.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn new(configuration: &Configuration, generation: u64) -> Kept {
        let passwords = configuration.accounts.iter().take(observer::CREDENTIALS);
        let passwords = passwords.map(|account| account.password.clone());
        let log = Log::new("fake server", Some(configuration.seed), passwords);
        Kept { log, received: Vec::new(), happenings: Vec::new(), left_out: 0, generation }
    }
}

/// One session, as far as it is recorded. Dropping it is the end of the session.
pub(crate) struct Seen {
    witness: Arc<Witness>,
    /// Nothing where the transcript is full.
    observer: Option<Observer>,
    pub(crate) number: u64,
    /// Where commands without an answer stand among those received; the greeting, and what was not kept, nowhere.
    unanswered: VecDeque<Option<usize>>,
    generation: u64,
    ended: &'static str,
}

impl Seen {
    /// Whether the record was begun anew, so that this session is none of it.
    pub(crate) fn is_stale(&self) -> bool {
        self.witness.lock().generation != self.generation
    }

    /// The client has said this.
    pub(crate) fn client(&mut self, octets: &[u8]) {
        self.watch(|observer, log| observer.client(octets, log), true);
    }

    /// The server has said this.
    pub(crate) fn server(&mut self, octets: &[u8]) {
        self.watch(|observer, log| observer.server(octets, log), false);
    }

    /// TLS has begun.
    pub(crate) fn secured(&mut self) {
        self.unanswered.clear();
        self.watch(
            |observer, log| {
                observer.secured(log);
                Vec::new()
            },
            false,
        );
    }

    /// A fault acts.
    pub(crate) fn fault(&mut self, name: &str) {
        self.note(&format!("fault: {name}"));
    }

    /// The driver is told this.
    pub(crate) fn told(&mut self, next: Next) {
        self.ended = match next {
            Next::HalfClose => return self.note("half-closed by server"),
            Next::Close => "closed by server, FIN",
            Next::CloseWithoutNotify => "closed by server, FIN without close_notify",
            Next::Alert => "closed by server, TLS alert",
            Next::Reset => "closed by server, RST",
            Next::Stall => "stalled by server",
            _ => return,
        };
    }

    /// Something was done with a message.
    pub(crate) fn happened(&mut self, happening: Happening) {
        let mut kept = self.witness.lock();
        if kept.generation == self.generation {
            if kept.happenings.len() < RECEIVED {
                kept.happenings.push(happening);
            } else {
                kept.left_out += 1;
            }
        }
    }

    fn note(&mut self, text: &str) {
        self.watch(
            |observer, log| {
                log.note(observer.session(), text);
                Vec::new()
            },
            false,
        );
    }

    fn watch(&mut self, watch: impl FnOnce(&mut Observer, &mut Log) -> Vec<Heard>, counts: bool) {
        let mut kept = self.witness.lock();
        if kept.generation != self.generation {
            return;
        }
        let Some(observer) = &mut self.observer else {
            kept.left_out += u64::from(counts);
            return;
        };
        let all = watch(observer, &mut kept.log);
        kept.left_out += u64::from(counts && observer.has_given_up());
        for heard in all {
            match heard {
                Heard::Command(command) => {
                    let state = if command.logged_in { State::Transaction } else { State::Authorization };
                    let received =
                        Received { session: self.number, state, line: command.line, accepted: None };
                    let room = kept.received.len() < RECEIVED;
                    self.unanswered.push_back(room.then_some(kept.received.len()));
                    if room {
                        kept.received.push(received);
                    } else {
                        kept.left_out += 1;
                    }
                }
                Heard::Answer { accepted } => {
                    let answered = self.unanswered.pop_front().flatten();
                    if let Some(command) = answered.and_then(|place| kept.received.get_mut(place)) {
                        command.accepted = Some(accepted);
                    }
                }
                // It is answered, and nobody was told what it said.
                Heard::TooLong => self.unanswered.push_back(None),
                Heard::Response(_) | Heard::Tls { .. } => {}
            }
        }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let mut kept = self.witness.lock();
        if let Some(observer) = self.observer.take().filter(|_| kept.generation == self.generation) {
            observer.end(self.ended, &mut kept.log);
        }
    }
}

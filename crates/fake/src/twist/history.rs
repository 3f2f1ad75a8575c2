//! What was said in a session so far: kept once, for all twists, and only where there are any.

use std::collections::{BTreeMap, BTreeSet};

use proto::Verb;

use super::Asked;
use crate::reply::Reply;

/// A login by AUTH has fewer messages; what comes behind is not kept.
const MESSAGES_AT_MOST: usize = 8;

/// The past of a session on one channel. However long that is, it is no more than a few lines, and numbers of messages that
/// are there.
#[derive(Default)]
pub(crate) struct History {
    begun: bool,
    /// The session went through STLS.
    pub(crate) upgraded: bool,
    /// Lines that were answered.
    pub(crate) lines: u32,
    /// Lines that were answered since the maildrop was opened.
    pub(crate) since_login: u32,
    /// Answers that began with `-ERR`.
    pub(crate) refusals: u32,
    /// The command that opened the maildrop.
    pub(crate) login: Option<Verb>,
    /// What USER named last.
    pub(crate) name: Option<Vec<u8>>,
    /// The numbers of messages that were marked, whether they still are or not.
    pub(crate) deleted: BTreeSet<u64>,
    /// The numbers of messages that were retrieved.
    pub(crate) retrieved: BTreeSet<u64>,
    /// The numbers of messages of which TOP was sent.
    pub(crate) topped: BTreeSet<u64>,
    /// A login was refused since another session has the lock.
    pub(crate) found_busy: bool,
    /// The last exchange of AUTH.
    pub(crate) exchange: Messages,
    /// The command before, and its first argument if that is a number.
    pub(crate) last: Option<(Verb, Option<u64>)>,
    said: BTreeMap<Verb, Times>,
}

/// How often a command was said, and how often it was refused.
#[derive(Clone, Copy, Default)]
struct Times {
    said: u32,
    refused: u32,
}

/// The lines of an exchange, as they were sent.
#[derive(Default)]
pub(crate) struct Messages {
    /// What AUTH named.
    pub(crate) mechanism: Vec<u8>,
    /// AUTH had no initial response.
    pub(crate) in_two_steps: bool,
    /// Of the client.
    pub(crate) responses: Vec<Vec<u8>>,
    /// Of the server.
    pub(crate) challenges: Vec<Vec<u8>>,
}

impl History {
    /// That of a session that has just gone through STLS: nothing else is remembered (RFC 2595 section 4).
    pub(super) fn after_stls() -> History {
        History { begun: true, upgraded: true, ..History::default() }
    }

    /// Whether the greeting was said.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// The greeting is said.
    pub(super) fn begin(&mut self) {
        self.begun = true;
    }

    /// How often this command was said, the present one not counted.
    pub(crate) fn count(&self, verb: Verb) -> u32 {
        self.said.get(&verb).map_or(0, |times| times.said)
    }

    /// Whether this command was refused before; for AUTH, whether an exchange failed.
    pub(crate) fn was_refused(&self, verb: Verb) -> bool {
        self.refused(verb) > 0
    }

    /// How often this command was refused; for AUTH, how many of its lines were.
    pub(crate) fn refused(&self, verb: Verb) -> u32 {
        self.said.get(&verb).map_or(0, |times| times.refused)
    }

    /// The last exchange used this mechanism.
    pub(crate) fn exchange_is(&self, mechanism: &str) -> bool {
        self.exchange.mechanism.eq_ignore_ascii_case(mechanism.as_bytes())
    }

    /// A line was answered; `opened` says whether it opened the maildrop, in which there are so many messages. Numbers of
    /// no message are not kept, whatever a twist has answered: there are too many of them.
    pub(super) fn note(&mut self, asked: &Asked, reply: &Reply, opened: bool, messages: usize) {
        let verb = if asked.response().is_some() { Some(Verb::Auth) } else { asked.verb() };
        self.lines = self.lines.saturating_add(1);
        self.since_login = if opened { 0 } else { self.since_login.saturating_add(1) };
        self.refusals = self.refusals.saturating_add(u32::from(reply.is_err()));
        self.found_busy |= reply.code == Some("IN-USE");
        self.last = verb.map(|verb| (verb, asked.number()));
        if let Some(verb) = verb {
            let times = self.said.entry(verb).or_default();
            times.said = times.said.saturating_add(u32::from(asked.response().is_none()));
            times.refused = times.refused.saturating_add(u32::from(reply.is_err()));
            if opened {
                self.login = Some(verb);
            }
        }
        if asked.is(Verb::User) {
            self.name = asked.word(0).map(<[u8]>::to_vec);
        }
        let there = |number: &u64| (1..=messages as u64).contains(number);
        if let Some(number) = asked.number().filter(|_| reply.is_ok()).filter(there) {
            match verb {
                Some(Verb::Dele) => _ = self.deleted.insert(number),
                Some(Verb::Retr) => _ = self.retrieved.insert(number),
                Some(Verb::Top) => _ = self.topped.insert(number),
                _ => {}
            }
        }
        self.note_exchange(asked, reply);
    }

    fn note_exchange(&mut self, asked: &Asked, reply: &Reply) {
        if asked.is(Verb::Auth) {
            self.exchange = Messages {
                mechanism: asked.word(0).unwrap_or_default().to_vec(),
                in_two_steps: asked.word(1).is_none(),
                responses: asked.word(1).map(<[u8]>::to_vec).into_iter().collect(),
                challenges: Vec::new(),
            };
        }
        if let Some(line) = asked.response()
            && self.exchange.responses.len() < MESSAGES_AT_MOST
        {
            self.exchange.responses.push(line.to_vec());
        }
        if reply.status == crate::reply::Status::Challenge
            && self.exchange.challenges.len() < MESSAGES_AT_MOST
        {
            self.exchange.challenges.push(reply.text().into_owned());
        }
    }
}

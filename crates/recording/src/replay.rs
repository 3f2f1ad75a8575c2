//! A service that answers clients with a recording.
//!
//! The connections of clients get the recorded sessions one after the other, and the first again behind the last. A line
//! of the client gets the reply of the first recorded line of the session that it fits and that has not been used: the
//! same words, where the keyword may have any case and where any words fit a secret. So any password logs in where the
//! recorded one did.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use machine::{IdentityId, Machine, Next, Service};

use crate::{Exchange, Recording, Session};

/// The longest line of a client that can fit anything.
const LINE: usize = 64 * 1024;

/// Lines without a reply that are remembered.
const MISSES: usize = 100;

/// What is said of a line that was not recorded.
const UNRECORDED: &[u8] = b"-ERR this command is not in the recording\r\n";

/// Answers with a recording. Clones share what was missed.
#[derive(Clone, Debug)]
pub struct Replay {
    recording: Arc<Recording>,
    next: Arc<AtomicUsize>,
    misses: Misses,
}

/// A line of a client that had no reply in the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The number of the recorded session.
    pub session: u32,
    /// The line, of which a password or the like is not shown.
    pub said: String,
    /// The lines with replies that were left in the session, those with the same keyword first.
    pub expected: Vec<String>,
}

/// The lines without a reply so far.
#[derive(Clone, Debug, Default)]
pub struct Misses(Arc<Mutex<(Vec<Miss>, u64)>>);

impl Misses {
    /// The first of them, and how many there were.
    pub fn told(&self) -> (Vec<Miss>, u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, miss: impl FnOnce() -> Miss) {
        let mut misses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        misses.1 += 1;
        if misses.0.len() < MISSES {
            misses.0.push(miss());
        }
    }
}

impl Replay {
    /// A service that answers with this recording.
    pub fn new(recording: Recording) -> Replay {
        Replay { recording: Arc::new(recording), next: Arc::default(), misses: Misses::default() }
    }

    /// What was said without having been recorded.
    pub fn misses(&self) -> &Misses {
        &self.misses
    }
}

impl Service for Replay {
    type Machine = Player;

    fn connect(&self, channel: machine::Channel) -> Player {
        let sessions = self.recording.sessions.len();
        let place = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(sessions);
        let used = place.and_then(|place| self.recording.sessions.get(place));
        Player {
            replay: self.clone(),
            place,
            used: vec![false; used.map_or(0, |session| session.exchanges.len())],
            last: 0,
            state: match channel {
                machine::Channel::Clear => State::Greeting,
                machine::Channel::Tls => State::Handshake,
            },
            begun: Vec::new(),
        }
    }
}

/// One connection of a client.
#[derive(Debug)]
pub struct Player {
    replay: Replay,
    place: Option<usize>,
    /// Which exchanges have been replayed.
    used: Vec<bool>,
    /// The last of them.
    last: usize,
    state: State,
    /// A line that is not complete.
    begun: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// TLS comes before everything.
    Handshake,
    /// The greeting is due.
    Greeting,
    /// The client's turn.
    Listening,
    /// This reply is under way; so much of it was said.
    Saying { exchange: usize, said: usize },
    /// The same for a line that was not recorded; the client said QUIT.
    Refusing { said: usize, quits: bool },
    /// The reply was said, and TLS begins.
    Securing,
    /// It is over, in this way.
    Over(Next),
}

impl Player {
    fn session(&self) -> Option<&Session> {
        self.replay.recording.sessions.get(self.place?)
    }

    fn exchange(&self, place: usize) -> Option<&Exchange> {
        self.session()?.exchanges.get(place)
    }

    /// Begins to say a reply.
    fn say(&mut self, exchange: usize) {
        if let Some(used) = self.used.get_mut(exchange) {
            *used = true;
        }
        self.last = exchange;
        self.state = State::Saying { exchange, said: 0 };
        if self.exchange(exchange).is_none_or(|exchange| exchange.reply.is_empty()) {
            self.state = self.after(exchange);
        }
    }

    /// What comes behind a reply.
    fn after(&self, place: usize) -> State {
        let Some((session, exchange)) = self.session().zip(self.exchange(place)) else {
            return State::Over(Next::Close);
        };
        if exchange.is_secured {
            return State::Securing;
        }
        let last = session.exchanges.iter().rposition(|exchange| !exchange.reply.is_empty());
        if is_quit(&exchange.command) {
            return State::Over(Next::Close);
        }
        match session.ended.as_deref() {
            Some(how) if last.is_none_or(|last| last == place) => {
                ending(how).map_or(State::Listening, State::Over)
            }
            _ => State::Listening,
        }
    }

    /// Looks up the reply to a line.
    fn answer(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line).escape_ascii().to_string();
        let exchanges = self.session().map_or(&[][..], |session| &session.exchanges);
        let unused = exchanges.iter().zip(&self.used).enumerate().skip(1).filter(|(_, (_, used))| !**used);
        // A line of a SASL exchange is nothing but a secret: it fits only behind the line before it.
        let is_due = |place: usize, exchange: &Exchange| {
            !exchange.command.starts_with(SECRET) || place == self.last + 1
        };
        let found = unused
            .clone()
            .find(|(place, (exchange, _))| is_due(*place, exchange) && fits(&exchange.command, &line));
        if let Some((place, _)) = found {
            return self.say(place);
        }
        let session = self.session().map_or(0, |session| session.number);
        self.replay.misses.add(|| {
            let keyword = keyword(&line);
            let mut expected: Vec<String> =
                unused.map(|(_, (exchange, _))| exchange.command.clone()).take(MISSES).collect();
            expected.sort_by_key(|command| self::keyword(command) != keyword);
            Miss { session, said: discreet(&line), expected }
        });
        self.state = State::Refusing { said: 0, quits: is_quit(&line) };
    }
}

impl Machine for Player {
    fn next(&mut self) -> Next {
        if matches!(self.state, State::Greeting) {
            self.say(0);
        }
        match self.state {
            State::Handshake | State::Securing => Next::StartTls(IdentityId::OWN),
            State::Greeting | State::Saying { .. } | State::Refusing { .. } => Next::Write,
            State::Listening => Next::Read,
            State::Over(how) => how,
        }
    }

    fn receive(&mut self, input: &[u8]) -> usize {
        if !matches!(self.state, State::Listening) {
            return 0;
        }
        let end = input.iter().position(|octet| *octet == b'\n');
        let (part, used) = match end {
            Some(end) => (input.get(..end).unwrap_or_default(), end + 1),
            None => (input, input.len()),
        };
        let room = LINE.saturating_sub(self.begun.len());
        self.begun.extend_from_slice(part.get(..room).unwrap_or(part));
        if end.is_some() {
            let line = std::mem::take(&mut self.begun);
            self.answer(&line);
        }
        used
    }

    fn transmit(&mut self, out: &mut Vec<u8>, at_most: usize) {
        let (reply, said) = match self.state {
            State::Saying { exchange, said } => {
                (self.exchange(exchange).map_or(&[][..], |exchange| &exchange.reply), said)
            }
            State::Refusing { said, .. } => (UNRECORDED, said),
            _ => return,
        };
        let rest = reply.get(said..).unwrap_or_default();
        let now = rest.get(..at_most).unwrap_or(rest);
        out.extend_from_slice(now);
        let (said, is_over) = (said + now.len(), now.len() == rest.len());
        self.state = match self.state {
            State::Saying { exchange, .. } if is_over => self.after(exchange),
            State::Saying { exchange, .. } => State::Saying { exchange, said },
            State::Refusing { quits: true, .. } if is_over => State::Over(Next::Close),
            State::Refusing { .. } if is_over => State::Listening,
            State::Refusing { quits, .. } => State::Refusing { said, quits },
            other => other,
        };
    }

    fn secured(&mut self) {
        self.begun = Vec::new();
        self.state = match self.state {
            State::Handshake => State::Greeting,
            _ => State::Listening,
        };
    }
}

/// How a session that the server ended so is ended; nothing if it was the client.
fn ending(how: &str) -> Option<Next> {
    match how.strip_prefix("closed by server, ")? {
        "RST" => Some(Next::Reset),
        "no close_notify" => Some(Next::CloseWithoutNotify),
        _ => Some(Next::Close),
    }
}

fn keyword(line: &str) -> String {
    line.split(' ').next().unwrap_or_default().to_ascii_uppercase()
}

fn is_quit(line: &str) -> bool {
    keyword(line) == "QUIT"
}

/// A line for people, without what may be a password.
fn discreet(line: &str) -> String {
    let keyword = keyword(line);
    match keyword.as_str() {
        "USER" | "STAT" | "LIST" | "UIDL" | "RETR" | "TOP" | "DELE" | "NOOP" | "RSET" | "QUIT" | "CAPA"
        | "STLS" | "LANG" | "UTF8" => line.to_owned(),
        "PASS" | "APOP" | "AUTH" => format!("{keyword} \u{2026}"),
        _ => format!("a line of {} octets", line.len()),
    }
}

/// Whether a line that was said is the recorded one, where any words fit a secret.
fn fits(recorded: &str, said: &str) -> bool {
    let (first, rest) = recorded.split_once(' ').unwrap_or((recorded, ""));
    let (said_first, said_rest) = said.split_once(' ').unwrap_or((said, ""));
    if recorded.starts_with(SECRET) {
        // A line of a SASL exchange.
        return covers(recorded, said);
    }
    first.eq_ignore_ascii_case(said_first) && covers(rest.trim_end(), said_rest.trim_end())
}

/// How a secret begins in what the client said.
const SECRET: &str = "\u{2039}secret ";

/// Whether the text is the pattern with something in the place of each secret.
fn covers(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(SECRET);
    let Some(mut left) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.map(|part| part.split_once('\u{203a}').map_or("", |(_, behind)| behind)).peekable();
    if parts.peek().is_none() {
        return left.is_empty();
    }
    while let Some(behind) = parts.next() {
        let found = if parts.peek().is_none() {
            left.ends_with(behind).then_some("")
        } else {
            left.find(behind).map(|at| left.get(at + behind.len()..).unwrap_or_default())
        };
        match found {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_words_fit_a_secret_and_nothing_else() {
        for (recorded, said, expected) in [
            ("RETR 1", "retr 1", true),
            ("RETR 1", "RETR 1 ", true),
            ("RETR 1", "RETR 11", false),
            ("PASS ‹secret 10›", "pass any thing", true),
            ("PASS ‹secret 10›", "USER alice", false),
            ("APOP alice ‹secret 32›", "APOP alice 0123", true),
            ("APOP alice ‹secret 32›", "APOP bob 0123", false),
            ("AUTH PLAIN ‹secret 20›", "AUTH PLAIN", false),
            ("‹secret 20›", "AGFsaWNl", true),
            ("X ‹secret 2› y ‹secret 3› z", "X 1 y 2 z", true),
            ("X ‹secret 2› y ‹secret 3› z", "X 1 y 2", false),
            ("", "", true),
        ] {
            assert_eq!(fits(recorded, said), expected, "{recorded} {said}");
        }
    }
}

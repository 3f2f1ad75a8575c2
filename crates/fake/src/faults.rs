//! The faults of a script, as a twist: they act on how replies leave and on handshakes, hardly ever on what is said (the
//! lies of a script do, which come before them).
//!
//! When a fault acts is decided here, from the session's history; what it does then is carried out by
//! [`crate::reply`] and by the driver. Each counts how often it has acted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use machine::Next;
use proto::Verb;
use script::{Action, Ending, Fault, Moment, Place, Script, State, When};

use crate::Channel;
use crate::lies::Lies;
use crate::reply::{self, Event, Interruption, Reply, Then};
use crate::twist::{Asked, Circumstance, Twist};

/// A script in use.
#[derive(Debug)]
pub(crate) struct Faults {
    list: Vec<Fault>,
    acted: Vec<AtomicU64>,
    lies: Lies,
}

impl Faults {
    /// The faults and lies of a script, none of which has acted yet.
    pub(crate) fn of(script: &Script) -> Arc<Faults> {
        let acted = script.faults.iter().map(|_| AtomicU64::new(0)).collect();
        Arc::new(Faults { list: script.faults.clone(), acted, lies: Lies::of(&script.lies) })
    }

    /// The names of the faults and lies, and how often each has acted.
    pub(crate) fn acted(&self) -> impl Iterator<Item = (&str, u64)> {
        let counts = self.acted.iter().map(|count| count.load(Ordering::Relaxed));
        self.list.iter().map(|fault| fault.name.as_str()).zip(counts).chain(self.lies.told())
    }

    /// The faults that act now, each counted as having done so.
    fn acting(&self, mut wanted: impl FnMut(&Fault) -> bool) -> impl Iterator<Item = &Fault> {
        self.list.iter().zip(&self.acted).filter_map(move |(fault, acted)| {
            let once_more = |count: u64| fault.times.is_none_or(|times| count < times).then(|| count + 1);
            let acts =
                wanted(fault) && acted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, once_more).is_ok();
            acts.then_some(fault)
        })
    }
}

impl Twist for Faults {
    fn command(&self, circumstance: &mut Circumstance<'_>, asked: &mut Asked) -> Option<Reply> {
        let refuses = |fault: &Fault| {
            matches!(fault.action, Action::Refuse { .. }) && at_command(&fault.when, circumstance, asked)
        };
        let refusal = self.acting(refuses).last()?;
        let Action::Refuse { code, text } = &refusal.action else { return None };
        let code = code.as_ref().map(|code| format!("[{code}] ")).unwrap_or_default();
        let mut reply = Reply::err("");
        reply.reword(format!("{code}{text}"));
        reply.faults.push(refusal.name.clone());
        Some(reply)
    }

    fn reply(&self, circumstance: &mut Circumstance<'_>, asked: &Asked, reply: &mut Reply) {
        self.lies.tell(circumstance, asked, reply);
        let accepts = reply.is_ok();
        let wanted = |fault: &Fault| match fault.when.moment {
            // On a TLS port that is before the handshake.
            Moment::Connect => {
                *asked == Asked::Nothing
                    && circumstance.session.channel == Channel::Clear
                    && in_session(&fault.when, circumstance)
            }
            Moment::Greeting => *asked == Asked::Nothing && in_session(&fault.when, circumstance),
            Moment::Command(_) => {
                let answered = fault.when.accepted.is_none_or(|accepted| accepted == accepts);
                let other = !matches!(fault.action, Action::Refuse { .. });
                other && answered && at_command(&fault.when, circumstance, asked)
            }
            Moment::Handshake => false,
        };
        for fault in self.acting(wanted) {
            interrupt(reply, fault, place(fault.when.place));
            reply.faults.push(fault.name.clone());
        }
    }

    fn handshake(&self, circumstance: &mut Circumstance<'_>, reply: &mut Reply) {
        let wanted = |fault: &Fault| {
            let here = match fault.when.moment {
                Moment::Handshake => true,
                Moment::Connect => !circumstance.past.has_begun(),
                _ => false,
            };
            here && in_session(&fault.when, circumstance)
        };
        for fault in self.acting(wanted) {
            if let Action::Certificate(certificate) = fault.action {
                reply.then = Then::StartTls(certificate.identity());
            }
            interrupt(reply, fault, reply::Place::After);
            reply.faults.push(fault.name.clone());
        }
    }
}

/// Whether the session is one that is meant.
fn in_session(when: &When, circumstance: &Circumstance<'_>) -> bool {
    let number = circumstance.session.number;
    when.session.is_none_or(|session| session == number)
        && when.every_session.is_none_or(|every| number.is_multiple_of(every.max(1)))
}

/// Whether the command is one that is meant.
fn at_command(when: &When, circumstance: &Circumstance<'_>, asked: &Asked) -> bool {
    let Moment::Command(word) = when.moment else { return false };
    let verb = word.and_then(|word| Verb::parse(word.as_bytes()));
    let said = match verb {
        Some(verb) => asked.is(verb),
        None => matches!(asked, Asked::Command(_)),
    };
    let nth = verb.map_or(circumstance.past.lines, |verb| circumstance.past.count(verb));
    // Before the present command, which may just have changed it.
    let state = if circumstance.past.login.is_some() { State::Transaction } else { State::Authorization };
    said && in_session(when, circumstance)
        && when.state.is_none_or(|wanted| wanted == state)
        && when.message.is_none_or(|message| asked.number() == Some(message))
        && when.nth.is_none_or(|wanted| wanted == u64::from(nth) + 1)
}

fn place(place: Place) -> reply::Place {
    match place {
        Place::Before => reply::Place::Octet(0),
        Place::Octet(octet) => reply::Place::Octet(octet),
        Place::MessageOctet(octet) => reply::Place::ContentOctet(octet),
        Place::BeforeTerminator => reply::Place::BeforeTerminator,
        Place::After => reply::Place::After,
    }
}

/// Does to a reply what a fault does.
fn interrupt(reply: &mut Reply, fault: &Fault, place: reply::Place) {
    let event = match &fault.action {
        Action::End(ending) => Event::Say(next(*ending)),
        Action::Delay(time) => Event::Say(reply::wait(*time)),
        Action::Trickle { octets, every } => Event::Pieces(*octets, reply::wait(*every)),
        Action::Split(sizes) => Event::Segments(sizes.clone()),
        Action::Inject(octets) => Event::Inject(octets.clone()),
        Action::Say(octets) => {
            let faults = std::mem::take(&mut reply.faults);
            *reply = Reply { faults, ..Reply::verbatim(octets.clone()).then(reply.then) };
            return;
        }
        Action::Refuse { .. } | Action::Certificate(_) => return,
    };
    reply.interruptions.push(Interruption { place, event });
}

fn next(ending: Ending) -> Next {
    match ending {
        Ending::Close => Next::Close,
        Ending::CloseWithoutNotify => Next::CloseWithoutNotify,
        Ending::Reset => Next::Reset,
        Ending::HalfClose => Next::HalfClose,
        Ending::Alert => Next::Alert,
        Ending::Stall => Next::Stall,
    }
}

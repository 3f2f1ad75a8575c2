//! What stands between the correct server and the wire, and makes it another server: wrong in one way, or of a policy of
//! its own.
//!
//! A [`Twist`] sees what is asked before the server does, and what is answered before the client does; it can change
//! either, answer in the server's place, and act on session and maildrop. What it may go by is the [`Circumstance`]: the
//! session as it is, and what was said in it so far ([`History`]), which is kept once for all twists. A world without
//! twists pays nothing for them. What the twists are is deliberately not here: see [`crate::defects`] and
//! [`crate::policy`].

mod asked;
mod history;
pub(crate) mod hooks;

use std::sync::Arc;

use machine::{IdentityId, Patience};
use proto::{Incoming, Verb};
use script::Script;

use crate::faults::Faults;
use crate::reply::{Reply, Then};
use crate::server::{Session, State, Transaction};
use crate::witness::{Happening, Seen, What};
use crate::world::{Maildrop, Owner};
use crate::{Configuration, World};
pub(crate) use asked::Asked;
pub(crate) use history::History;

/// One difference from the correct server. Every method has a default that changes nothing.
pub(crate) trait Twist: Send + Sync {
    /// A session begins, also anew within TLS.
    fn begin(&self, _: &mut Circumstance<'_>) {}

    /// Before the server sees what is asked: may alter it, or answer in its place.
    fn command(&self, _: &mut Circumstance<'_>, _: &mut Asked) -> Option<Reply> {
        None
    }

    /// A maildrop has been opened.
    fn opened(&self, _: &mut Circumstance<'_>) {}

    /// Before the client sees the answer, the greeting included.
    fn reply(&self, _: &mut Circumstance<'_>, _: &Asked, _: &mut Reply) {}

    /// Before a handshake, on a TLS port or after STLS; the reply is the one that goes before it, or nothing.
    fn handshake(&self, _: &mut Circumstance<'_>, _: &mut Reply) {}

    /// The handshake after STLS has succeeded: what is said without having been asked.
    fn secured(&self, _: &mut Circumstance<'_>) -> Option<Reply> {
        None
    }

    /// Whether a connection goes on in the clear when a handshake has failed.
    fn goes_on_unsecured(&self, _: &mut Circumstance<'_>) -> bool {
        false
    }

    /// Whether it has to do with octets before lines are cut from them. If so, all that arrives is taken at once.
    fn takes_octets(&self) -> bool {
        false
    }

    /// Octets have arrived together; no line has been cut from them yet. They may be altered.
    fn arrived(&self, _: &mut Circumstance<'_>, _: &mut Vec<u8>) {}

    /// How many octets a command line may have, its end included, if that is not what the server takes.
    fn longest_command(&self) -> Option<usize> {
        None
    }

    /// Whether the connection has to wait as long as something goes on elsewhere; asked again and again.
    fn is_held(&self, _: &mut Circumstance<'_>) -> bool {
        false
    }

    /// How long it has patience with a client, if not for ever.
    fn patience(&self) -> Option<Patience> {
        None
    }

    /// The patience has ended; the reply is the last, and says nothing unless it is altered.
    fn expired(&self, _: &mut Circumstance<'_>, _: &mut Reply) {}

    /// The connection is gone, in the middle of a line that began like this; the server does not know of it yet.
    fn lost(&self, _: &mut Circumstance<'_>, _: &[u8]) {}
}

/// The twists of a world, in the order in which they act.
#[derive(Clone)]
pub(crate) struct Twists(Arc<[Arc<dyn Twist>]>);

/// What a twist may go by, and act on.
pub(crate) struct Circumstance<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) past: &'a History,
    /// Further octets have already arrived behind the present line.
    pub(crate) more: bool,
    /// The present line was ended by a line feed without a carriage return.
    pub(crate) bare: bool,
}

/// The twists of one session, with its history.
pub(crate) struct Twisted {
    twists: Twists,
    past: History,
    /// The present line had a bare line feed.
    bare: bool,
    /// Where the session is recorded.
    pub(crate) seen: Option<Seen>,
}

impl Twists {
    /// Those that a configuration asks for, if there are any.
    pub(crate) fn of(
        configuration: &Configuration,
        script: Option<&Script>,
        faults: Option<&Arc<Faults>>,
    ) -> Option<Twists> {
        let mut twists = crate::policy::twists(configuration, script);
        twists.extend(
            configuration.personas.iter().map(|persona| Arc::new(persona.form.hooks) as Arc<dyn Twist>),
        );
        twists.extend(configuration.defects.iter().map(|defect| Arc::new(defect.hooks) as Arc<dyn Twist>));
        // Last, since faults are of the network: they act on what all others have made of a reply.
        twists.extend(faults.map(|faults| Arc::clone(faults) as Arc<dyn Twist>));
        (!twists.is_empty()).then(|| Twists(twists.into()))
    }
}

impl Twisted {
    /// The twists of a new session of this world, and its record; mostly neither.
    pub(crate) fn of(world: &World, seen: Option<Seen>) -> Option<Box<Twisted>> {
        let twists = world.twists();
        (twists.is_some() || seen.is_some()).then(|| {
            let twists = twists.unwrap_or_else(|| Twists([].into()));
            Box::new(Twisted { twists, past: History::default(), bare: false, seen })
        })
    }

    /// What goes before the handshake on a TLS port.
    pub(crate) fn connected(&mut self, session: &mut Session) -> Reply {
        let mut reply = Reply::nothing().then(Then::StartTls(IdentityId::OWN));
        self.each(session, false, |twist, circumstance| twist.handshake(circumstance, &mut reply));
        reply
    }

    /// The session's greeting.
    pub(crate) fn greeting(&mut self, session: &mut Session) -> Reply {
        self.each(session, false, |twist, circumstance| twist.begin(circumstance));
        let mut reply = session.greeting();
        let asked = Asked::Nothing;
        self.each(session, false, |twist, circumstance| twist.reply(circumstance, &asked, &mut reply));
        self.past.begin();
        reply
    }

    /// The session's answer to a line.
    pub(crate) fn answer(&mut self, session: &mut Session, incoming: &Incoming<'_>, more: bool) -> Reply {
        let mut asked = Asked::from(incoming);
        self.bare = matches!(incoming, Incoming::Command(command)
            if command.deviations.contains(proto::Deviation::BareLf));
        let closed = session.transaction().is_none();
        let mut answer = None;
        self.each(session, more, |twist, circumstance| {
            if answer.is_none() {
                answer = twist.command(circumstance, &mut asked);
            }
        });
        let mut reply = answer.unwrap_or_else(|| asked.answer(session));
        let opened = closed && session.transaction().is_some();
        if opened {
            self.each(session, more, |twist, circumstance| twist.opened(circumstance));
        }
        self.each(session, more, |twist, circumstance| twist.reply(circumstance, &asked, &mut reply));
        if closed && !opened && session.transaction().is_some() {
            self.each(session, more, |twist, circumstance| twist.opened(circumstance));
        }
        if matches!(reply.then, Then::StartTls(_)) {
            self.each(session, more, |twist, circumstance| twist.handshake(circumstance, &mut reply));
        }
        let messages = session.transaction().map_or(0, |open| open.messages.len());
        self.past.note(&asked, &reply, closed && session.transaction().is_some(), messages);
        self.witness(session, &asked, &reply);
        reply
    }

    /// The session begins anew within TLS; what is said then without having been asked.
    pub(crate) fn secured(&mut self, session: &mut Session) -> Option<Reply> {
        self.past = History::after_stls();
        self.each(session, false, |twist, circumstance| twist.begin(circumstance));
        let mut said = None;
        self.each(session, false, |twist, circumstance| said = twist.secured(circumstance).or(said.take()));
        said
    }

    /// How long it has patience with the client, if a twist says so.
    pub(crate) fn patience(&self) -> Option<Patience> {
        self.twists.0.iter().find_map(|twist| twist.patience())
    }

    /// The patience has ended: what is said then.
    pub(crate) fn expired(&mut self, session: &mut Session) -> Reply {
        let mut reply = Reply::nothing().then(Then::Close);
        self.each(session, false, |twist, circumstance| twist.expired(circumstance, &mut reply));
        reply
    }

    /// The connection is gone.
    pub(crate) fn lost(&mut self, session: &mut Session, unfinished: &[u8]) {
        self.each(session, false, |twist, circumstance| twist.lost(circumstance, unfinished));
    }

    /// How many octets a command line may have, if a twist says so.
    pub(crate) fn longest_command(&self) -> Option<usize> {
        self.twists.0.iter().filter_map(|twist| twist.longest_command()).max()
    }

    /// What twists make of octets that have arrived; nothing if none has to do with them.
    pub(crate) fn arrived(&self, session: &mut Session, octets: &[u8]) -> Option<Vec<u8>> {
        self.twists.0.iter().any(|twist| twist.takes_octets()).then(|| {
            let mut octets = octets.to_vec();
            self.each(session, false, |twist, circumstance| twist.arrived(circumstance, &mut octets));
            octets
        })
    }

    /// Whether a twist has the connection go on in the clear after a handshake that failed.
    pub(crate) fn goes_on_unsecured(&self, session: &mut Session) -> bool {
        let mut goes_on = false;
        self.each(session, false, |twist, circumstance| goes_on |= twist.goes_on_unsecured(circumstance));
        goes_on
    }

    /// Whether a twist has the connection wait.
    pub(crate) fn is_held(&self, session: &mut Session) -> bool {
        let mut held = false;
        self.each(session, false, |twist, circumstance| held |= twist.is_held(circumstance));
        held
    }

    /// Notes what became of a message.
    fn witness(&mut self, session: &Session, asked: &Asked, reply: &Reply) {
        let what = match asked.verb() {
            Some(Verb::Retr) => What::Served,
            Some(Verb::Top) => What::Previewed,
            Some(Verb::Dele) => What::Marked,
            _ => return,
        };
        let Some(transaction) = session.transaction().filter(|_| reply.is_ok()) else { return };
        let number = asked.number().unwrap_or_default();
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let message = index.and_then(|index| transaction.messages.get(index));
        if let (Some(seen), Some(message)) = (&mut self.seen, message) {
            seen.happened(Happening {
                session: session.number,
                user: session.world.user(transaction.owner),
                message: number,
                unique_id: session.world.unique_id(transaction.owner, message).into_owned(),
                what,
            });
        }
    }

    fn each(
        &self,
        session: &mut Session,
        more: bool,
        mut act: impl FnMut(&dyn Twist, &mut Circumstance<'_>),
    ) {
        let mut circumstance = Circumstance { session, past: &self.past, more, bare: self.bare };
        for twist in self.twists.0.iter() {
            act(&**twist, &mut circumstance);
        }
    }
}

impl Circumstance<'_> {
    /// The open maildrop's session state, if there is one.
    pub(crate) fn open(&self) -> Option<&Transaction> {
        self.session.transaction()
    }

    /// As [`Circumstance::open`], to change it.
    pub(crate) fn open_mut(&mut self) -> Option<&mut Transaction> {
        self.session.transaction_mut()
    }

    /// Whether somebody is logged in.
    pub(crate) fn logged_in(&self) -> bool {
        self.open().is_some()
    }

    /// The index of the message that the first argument names, whether it is marked or not.
    pub(crate) fn index(&self, asked: &Asked) -> Option<usize> {
        let index = usize::try_from(asked.number()?).ok()?.checked_sub(1)?;
        (index < self.open()?.messages.len()).then_some(index)
    }

    /// Whether the first argument is a number and there is no message of it.
    pub(crate) fn names_no_message(&self, asked: &Asked) -> bool {
        self.logged_in() && asked.number().is_some() && self.index(asked).is_none()
    }

    /// Undoes a login.
    pub(crate) fn log_out(&mut self) {
        let number = self.session.number;
        self.with_open(|maildrop| maildrop.release(number));
        self.session.state = State::beginning();
    }

    /// Acts on the maildrop of an account.
    pub(crate) fn with<Answer>(&self, owner: Owner, act: impl FnOnce(&mut Maildrop) -> Answer) -> Answer {
        self.session.world.with(owner, act)
    }

    /// Acts on the maildrop that is open; what comes of it is the default if none is.
    pub(crate) fn with_open<Answer: Default>(&self, act: impl FnOnce(&mut Maildrop) -> Answer) -> Answer {
        self.open().map_or_else(Answer::default, |open| self.session.world.with(open.owner, act))
    }
}

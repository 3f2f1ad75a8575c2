//! The form in which defects and personas are written: functions at the places where a [`Twist`] can act, most of them
//! absent.

use machine::Patience;

use super::{Asked, Circumstance, Twist};
use crate::reply::Reply;

type Act = fn(&mut Circumstance<'_>);
type Before = fn(&mut Circumstance<'_>, &mut Asked);
type Instead = fn(&mut Circumstance<'_>, &Asked) -> Option<Reply>;
type After = fn(&mut Circumstance<'_>, &Asked, &mut Reply);
type Handshake = fn(&mut Circumstance<'_>, &mut Reply);
type Arrival = fn(&mut Circumstance<'_>, &mut Vec<u8>);
type Asks = fn(&mut Circumstance<'_>) -> bool;
type Expiry = fn(&mut Circumstance<'_>, &mut Reply);
type Loss = fn(&mut Circumstance<'_>, &[u8]);

/// What is done, and where.
#[derive(Clone, Copy)]
pub(crate) struct Hooks {
    begin: Option<Act>,
    before: Option<Before>,
    instead: Option<Instead>,
    opened: Option<Act>,
    after: Option<After>,
    handshake: Option<Handshake>,
    secured: Option<fn() -> Reply>,
    arrived: Option<Arrival>,
    longest: Option<usize>,
    held: Option<Asks>,
    unsecured: Option<Asks>,
    patience: Option<Patience>,
    expired: Option<Expiry>,
    lost: Option<Loss>,
}

/// Nothing anywhere.
pub(crate) const NONE: Hooks = Hooks {
    begin: None,
    before: None,
    instead: None,
    opened: None,
    after: None,
    handshake: None,
    secured: None,
    arrived: None,
    longest: None,
    held: None,
    unsecured: None,
    patience: None,
    expired: None,
    lost: None,
};

/// When a session begins.
pub(crate) const fn begin(act: Act) -> Hooks {
    Hooks { begin: Some(act), ..NONE }
}

/// Alters what is asked, or the session, before the server answers.
pub(crate) const fn before(act: Before) -> Hooks {
    Hooks { before: Some(act), ..NONE }
}

/// Answers in the server's place.
pub(crate) const fn instead(act: Instead) -> Hooks {
    Hooks { instead: Some(act), ..NONE }
}

/// When a maildrop has been opened.
pub(crate) const fn opened(act: Act) -> Hooks {
    Hooks { opened: Some(act), ..NONE }
}

/// Alters the answer.
pub(crate) const fn after(act: After) -> Hooks {
    Hooks { after: Some(act), ..NONE }
}

/// Says something when STLS has succeeded.
pub(crate) const fn secured(act: fn() -> Reply) -> Hooks {
    Hooks { secured: Some(act), ..NONE }
}

/// Before a handshake; the reply goes before it.
pub(crate) const fn handshake(act: Handshake) -> Hooks {
    Hooks { handshake: Some(act), ..NONE }
}

/// Alters octets that have arrived together, before lines are cut from them.
pub(crate) const fn arrived(act: Arrival) -> Hooks {
    Hooks { arrived: Some(act), ..NONE }
}

/// Takes command lines of so many octets.
pub(crate) const fn longest(octets: usize) -> Hooks {
    Hooks { longest: Some(octets), ..NONE }
}

/// Has the connection wait as long as this says so.
pub(crate) const fn held(act: Asks) -> Hooks {
    Hooks { held: Some(act), ..NONE }
}

/// Goes on in the clear when a handshake has failed, if this says so.
pub(crate) const fn unsecured(act: Asks) -> Hooks {
    Hooks { unsecured: Some(act), ..NONE }
}

/// Has the session end when this patience has.
pub(crate) const fn patience(patience: Patience) -> Hooks {
    Hooks { patience: Some(patience), ..NONE }
}

/// When the connection is gone.
pub(crate) const fn lost(act: Loss) -> Hooks {
    Hooks { lost: Some(act), ..NONE }
}

impl Hooks {
    /// Also acts when a session begins.
    pub(crate) const fn and_begin(self, act: Act) -> Hooks {
        Hooks { begin: Some(act), ..self }
    }

    /// Also alters what is asked.
    pub(crate) const fn and_before(self, act: Before) -> Hooks {
        Hooks { before: Some(act), ..self }
    }

    /// Also has the connection wait.
    pub(crate) const fn and_held(self, act: Asks) -> Hooks {
        Hooks { held: Some(act), ..self }
    }

    /// Also acts before a handshake.
    pub(crate) const fn and_handshake(self, act: Handshake) -> Hooks {
        Hooks { handshake: Some(act), ..self }
    }

    /// Also answers in the server's place.
    pub(crate) const fn and_instead(self, act: Instead) -> Hooks {
        Hooks { instead: Some(act), ..self }
    }

    /// Also alters the answer.
    pub(crate) const fn and_after(self, act: After) -> Hooks {
        Hooks { after: Some(act), ..self }
    }

    /// Also acts when a maildrop has been opened.
    pub(crate) const fn and_opened(self, act: Act) -> Hooks {
        Hooks { opened: Some(act), ..self }
    }

    /// Also acts when the patience has ended; the reply is the last.
    pub(crate) const fn and_expired(self, act: Expiry) -> Hooks {
        Hooks { expired: Some(act), ..self }
    }

    /// Also acts when the connection is gone.
    pub(crate) const fn and_lost(self, act: Loss) -> Hooks {
        Hooks { lost: Some(act), ..self }
    }
}

impl Twist for Hooks {
    fn begin(&self, circumstance: &mut Circumstance<'_>) {
        if let Some(act) = self.begin {
            act(circumstance);
        }
    }

    fn command(&self, circumstance: &mut Circumstance<'_>, asked: &mut Asked) -> Option<Reply> {
        if let Some(act) = self.before {
            act(circumstance, asked);
        }
        self.instead.and_then(|act| act(circumstance, asked))
    }

    fn opened(&self, circumstance: &mut Circumstance<'_>) {
        if let Some(act) = self.opened {
            act(circumstance);
        }
    }

    fn reply(&self, circumstance: &mut Circumstance<'_>, asked: &Asked, reply: &mut Reply) {
        if let Some(act) = self.after {
            act(circumstance, asked, reply);
        }
    }

    fn handshake(&self, circumstance: &mut Circumstance<'_>, reply: &mut Reply) {
        if let Some(act) = self.handshake {
            act(circumstance, reply);
        }
    }

    fn takes_octets(&self) -> bool {
        self.arrived.is_some()
    }

    fn arrived(&self, circumstance: &mut Circumstance<'_>, octets: &mut Vec<u8>) {
        if let Some(act) = self.arrived {
            act(circumstance, octets);
        }
    }

    fn longest_command(&self) -> Option<usize> {
        self.longest
    }

    fn goes_on_unsecured(&self, circumstance: &mut Circumstance<'_>) -> bool {
        self.unsecured.is_some_and(|act| act(circumstance))
    }

    fn is_held(&self, circumstance: &mut Circumstance<'_>) -> bool {
        self.held.is_some_and(|act| act(circumstance))
    }

    fn secured(&self, _: &mut Circumstance<'_>) -> Option<Reply> {
        self.secured.map(|say| say())
    }

    fn patience(&self) -> Option<Patience> {
        self.patience
    }

    fn expired(&self, circumstance: &mut Circumstance<'_>, reply: &mut Reply) {
        if let Some(act) = self.expired {
            act(circumstance, reply);
        }
    }

    fn lost(&self, circumstance: &mut Circumstance<'_>, unfinished: &[u8]) {
        if let Some(act) = self.lost {
            act(circumstance, unfinished);
        }
    }
}

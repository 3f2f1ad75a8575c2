//! The correct server: what it answers to each command, and in which state it is then (RFC 1939 section 3).
//!
//! Can be read from here downwards beside the RFC: [`authorization`] (sections 4 and 7; STLS, UTF8), [`exchange`]
//! (AUTH, RFC 5034), [`transaction`] (section 5), [`retrieval`] (RETR and TOP), [`update`] (section 6),
//! [`capabilities`] (RFC 2449) and [`language`] (RFC 6856). Every command ends in one [`Reply`]. Text is constant and
//! never repeats what the client sent, so nothing can be reflected. What makes this server another one stands
//! between it and the wire, and is deliberately not here.

mod arguments;
mod authorization;
mod capabilities;
mod exchange;
mod language;
mod nonces;
mod retrieval;
mod transaction;
mod update;

use proto::{Command, Incoming, Verb};

use crate::reply::Reply;
use crate::{Channel, World};
use arguments::Arguments;
use exchange::Bindings;
pub(crate) use exchange::Exchange;
use nonces::Nonces;
pub(crate) use transaction::Transaction;

/// A session. It is driven by lines and knows nothing of how they arrive.
pub(crate) struct Session {
    pub(crate) world: World,
    /// The number of the connection, which the lock is held by.
    pub(crate) number: u64,
    pub(crate) channel: Channel,
    pub(crate) state: State,
    /// UTF8 was said (RFC 6856 section 2).
    pub(crate) utf8: bool,
    pub(crate) nonces: Nonces,
    /// What an exchange can be bound to, where such mechanisms are offered and TLS is active.
    bindings: Option<Box<Bindings>>,
}

/// The states of RFC 1939 section 3.
pub(crate) enum State {
    /// Nobody is logged in.
    Authorization {
        /// What USER named.
        name: Option<Vec<u8>>,
        /// AUTH is under way: the next line is a response and not a command.
        exchange: Option<Box<Exchange>>,
    },
    /// A maildrop is open.
    Transaction(Transaction),
    /// After QUIT, or after the connection was lost.
    Over,
}

impl State {
    /// The state in which every session begins.
    pub(crate) fn beginning() -> State {
        State::Authorization { name: None, exchange: None }
    }
}

impl Session {
    /// A new session.
    pub(crate) fn new(world: World, number: u64, channel: Channel) -> Session {
        let nonces = Nonces::new(world.configuration().seed, number);
        Session { world, number, channel, state: State::beginning(), utf8: false, nonces, bindings: None }
    }

    /// The greeting, with a timestamp for APOP (RFC 1939 sections 3 and 7).
    pub(crate) fn greeting(&self) -> Reply {
        let mut text = b"poplab POP3 server ready ".to_vec();
        self.nonces.timestamp(&self.world.configuration().host, &mut text);
        Reply::said(text)
    }

    /// What TLS gives to bind an exchange to.
    pub(crate) fn bound(&mut self, exported: [u8; 32], certificate: &[u8]) {
        if self.world.configuration().more_mechanisms {
            self.bindings = Some(Box::new(Bindings { exported, certificate: certificate.to_vec() }));
        }
    }

    /// TLS is active now. Everything said before it is forgotten (RFC 2595 section 4); no second greeting follows.
    pub(crate) fn secured(&mut self) {
        self.release_lock();
        self.channel = Channel::Tls;
        self.state = State::beginning();
        self.utf8 = false;
    }

    /// Whether the next line is a response and not a command (RFC 5034 section 4).
    pub(crate) fn awaits_response(&self) -> bool {
        matches!(self.state, State::Authorization { exchange: Some(_), .. })
    }

    /// Answers a line.
    pub(crate) fn answer(&mut self, incoming: &Incoming<'_>) -> Reply {
        match incoming {
            Incoming::Command(command) => self.command(command),
            Incoming::Response(line) => self.response(line),
            Incoming::TooLong => self.too_long(),
        }
    }

    /// The open maildrop, if there is one.
    pub(crate) fn transaction(&self) -> Option<&Transaction> {
        match &self.state {
            State::Transaction(transaction) => Some(transaction),
            _ => None,
        }
    }

    /// As [`Session::transaction`], to change it.
    pub(crate) fn transaction_mut(&mut self) -> Option<&mut Transaction> {
        match &mut self.state {
            State::Transaction(transaction) => Some(transaction),
            _ => None,
        }
    }

    /// Answers a command.
    pub(crate) fn command(&mut self, command: &Command<'_>) -> Reply {
        let Some(verb) = command.verb else { return Reply::err("Unknown command") };
        let Some(arguments) = Arguments::of(verb, command) else { return Reply::err("Malformed arguments") };
        let takes_none = matches!(
            verb,
            Verb::Stat | Verb::Noop | Verb::Rset | Verb::Quit | Verb::Capa | Verb::Stls | Verb::Utf8
        );
        if takes_none && !arguments.is_empty() {
            return Reply::err("This command takes no argument");
        }
        match verb {
            Verb::Quit => self.quit(),
            Verb::Capa => self.capa(),
            Verb::Lang => language::lang(&arguments),
            _ => match &mut self.state {
                State::Transaction(transaction) => transaction.obey(&self.world, self.utf8, verb, &arguments),
                _ => self.authorize(verb, &arguments),
            },
        }
    }

    /// More than a line may have (RFC 2449 section 4); an exchange has failed by that.
    fn too_long(&mut self) -> Reply {
        if let State::Authorization { exchange, .. } = &mut self.state
            && exchange.take().is_some()
        {
            return Reply::err("Response too long");
        }
        Reply::err("Line too long")
    }
}

//! The AUTHORIZATION state: USER, PASS, APOP, STLS, UTF8 (RFC 1939 sections 4 and 7, RFC 2595, RFC 6856).
//!
//! AUTH begins here and goes on in [`super::exchange`]. There are deliberately no penalties for failures; a
//! laboratory would only punish its own users.

use machine::IdentityId;
use proto::Verb;

use super::{Arguments, Session, State, Transaction};
use crate::Channel;
use crate::reply::{Reply, Then};
use crate::world::{Owner, Store};

impl Session {
    pub(super) fn authorize(&mut self, verb: Verb, arguments: &Arguments<'_>) -> Reply {
        match verb {
            Verb::User => self.user(arguments),
            Verb::Pass => self.pass(arguments),
            Verb::Apop => self.apop(arguments),
            Verb::Auth => self.auth(arguments),
            Verb::Stls => self.stls(),
            Verb::Utf8 => {
                self.utf8 = true;
                Reply::ok("UTF8 mode")
            }
            _ => Reply::err("Log in first"),
        }
    }

    /// Whether a name and a password in the clear may be sent on this channel (RFC 2595 section 2.3).
    pub(crate) fn takes_cleartext(&self) -> bool {
        self.channel == Channel::Tls || self.world.configuration().cleartext_login
    }

    fn user(&mut self, arguments: &Arguments<'_>) -> Reply {
        let [given] = arguments.words() else { return Reply::err("USER takes one name") };
        if !self.takes_cleartext() {
            return Reply::err("No cleartext passwords here: use STLS or another mechanism");
        }
        self.set_name(Some(given.to_vec()));
        // The same for names that do not exist: who asks does not learn who has mail here.
        Reply::ok("Send PASS")
    }

    /// PASS is valid only after a successful USER (RFC 1939 section 7), and a failed PASS uses that up.
    fn pass(&mut self, arguments: &Arguments<'_>) -> Reply {
        let Some(name) = self.take_name() else { return Reply::err("Say USER first") };
        let [password] = arguments.words() else { return Reply::err("PASS needs a password") };
        match self.owner(&name) {
            Some(owner) if self.world.password(owner).as_bytes() == *password => self.log_in(owner),
            _ => refuse_credentials(),
        }
    }

    fn apop(&mut self, arguments: &Arguments<'_>) -> Reply {
        let [name, digest] = arguments.words() else { return Reply::err("APOP takes a name and a digest") };
        let mut timestamp = Vec::new();
        self.nonces.timestamp(&self.world.configuration().host, &mut timestamp);
        let timestamp = String::from_utf8_lossy(&timestamp);
        match self.owner(name) {
            Some(owner) if sasl::apop::verify(&timestamp, &self.world.password(owner), digest) => {
                self.log_in(owner)
            }
            _ => refuse_credentials(),
        }
    }

    /// RFC 2595 section 4. What the client sent behind it is the driver's to throw away.
    fn stls(&mut self) -> Reply {
        if self.channel == Channel::Tls {
            return Reply::err("TLS is active already");
        }
        Reply::ok("Begin TLS").then(Then::StartTls(IdentityId::OWN))
    }

    /// Opens a maildrop for a user who has proved to be that (RFC 1939 section 4).
    pub(crate) fn log_in(&mut self, owner: Owner) -> Reply {
        if self.world.store(owner) == Store::Unreadable {
            return Reply::coded("SYS/TEMP", "The maildrop cannot be opened");
        }
        let number = self.number;
        let Some(snapshot) = self.world.with(owner, |maildrop| maildrop.open(number)) else {
            return Reply::coded("IN-USE", "Maildrop is busy");
        };
        self.state = State::Transaction(Transaction::new(owner, snapshot));
        Reply::ok("Maildrop open")
    }

    /// The account of this name.
    pub(crate) fn owner(&self, name: &[u8]) -> Option<Owner> {
        std::str::from_utf8(name).ok().and_then(|name| self.world.find(name))
    }

    /// What USER named.
    pub(crate) fn name(&self) -> Option<&[u8]> {
        match &self.state {
            State::Authorization { name, .. } => name.as_deref(),
            _ => None,
        }
    }

    /// As if USER had named this.
    pub(crate) fn set_name(&mut self, given: Option<Vec<u8>>) {
        if let State::Authorization { name, .. } = &mut self.state {
            *name = given;
        }
    }

    fn take_name(&mut self) -> Option<Vec<u8>> {
        match &mut self.state {
            State::Authorization { name, .. } => name.take(),
            _ => None,
        }
    }
}

/// The one answer to all wrong credentials (RFC 3206 section 5).
pub(super) fn refuse_credentials() -> Reply {
    Reply::coded("AUTH", "Wrong name or password")
}

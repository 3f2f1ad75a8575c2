//! AUTH (RFC 5034): the lines of a SASL exchange around the mechanisms of the sasl crate.
//!
//! Base64, `=` and `*` are dealt with here, the contents of messages there.

use sasl::{Mechanism, ServerExchange, ServerStep, base64, scram};

use super::authorization::refuse_credentials;
use super::{Arguments, Session, State};
use crate::reply::Reply;

/// An exchange under way.
pub(crate) struct Exchange {
    server: Box<dyn ServerExchange + Send>,
}

impl Session {
    /// Whether a mechanism can be used on this channel.
    pub(crate) fn offers(&self, mechanism: Mechanism) -> bool {
        match mechanism {
            Mechanism::Plain | Mechanism::Login => self.takes_cleartext(),
            Mechanism::ScramSha1 => self.world.configuration().more_mechanisms,
            Mechanism::CramMd5 | Mechanism::ScramSha256 => true,
        }
    }

    pub(super) fn auth(&mut self, arguments: &Arguments<'_>) -> Reply {
        let (name, initial) = match arguments.words() {
            [name] => (name, None),
            [name, initial] => (name, Some(*initial)),
            _ => return Reply::err("AUTH takes a mechanism and perhaps an initial response"),
        };
        let Some(mechanism) = Mechanism::parse(name) else { return Reply::err("Unknown mechanism") };
        if !self.offers(mechanism) {
            return Reply::err("No cleartext passwords here: use STLS or another mechanism");
        }
        if initial.is_some() && mechanism.server_first() {
            return Reply::err("This mechanism has no initial response");
        }
        let initial = match decoded(initial) {
            Ok(initial) => initial,
            Err(refusal) => return refusal,
        };
        let server = self.mechanism(mechanism);
        self.go_on(Exchange { server }, initial.as_deref())
    }

    /// The server's side of a mechanism. A user has the same salt in each exchange, and so has who does not exist.
    fn mechanism(&mut self, mechanism: Mechanism) -> Box<dyn ServerExchange + Send> {
        let configuration = self.world.configuration();
        let salts = format!("poplab fake {} salts", configuration.seed);
        match mechanism {
            Mechanism::ScramSha1 => {
                Box::new(scram::Server::<scram::Sha1>::new(&self.nonces.nonce()).salting(&salts))
            }
            Mechanism::ScramSha256 => {
                Box::new(scram::Server::<scram::Sha256>::new(&self.nonces.nonce()).salting(&salts))
            }
            Mechanism::Plain | Mechanism::Login | Mechanism::CramMd5 => {
                sasl::server(mechanism, &self.nonces.challenge(&configuration.host))
            }
        }
    }

    /// Begins an exchange of another mechanism, with the word behind its name if there is one.
    pub(crate) fn begin(&mut self, server: Box<dyn ServerExchange + Send>, initial: Option<&[u8]>) -> Reply {
        match decoded(initial) {
            Ok(initial) => self.go_on(Exchange { server }, initial.as_deref()),
            Err(refusal) => refusal,
        }
    }

    /// A line of the client during an exchange.
    pub(super) fn response(&mut self, line: &[u8]) -> Reply {
        let State::Authorization { exchange, .. } = &mut self.state else {
            return Reply::err("Log in first");
        };
        let Some(exchange) = exchange.take() else { return Reply::err("Log in first") };
        if line == b"*" {
            return Reply::err("Cancelled");
        }
        match base64::decode(line) {
            Ok(octets) => self.go_on(*exchange, Some(&octets)),
            Err(_) => Reply::err("Not base64"),
        }
    }

    fn go_on(&mut self, mut exchange: Exchange, response: Option<&[u8]>) -> Reply {
        let passwords =
            |user: &str| self.world.find(user).map(|owner| self.world.password(owner).into_owned());
        match exchange.server.step(response, &passwords) {
            ServerStep::Challenge(octets) => {
                if let State::Authorization { exchange: waiting, .. } = &mut self.state {
                    *waiting = Some(Box::new(exchange));
                }
                Reply::challenge(base64::encode(octets))
            }
            ServerStep::Success { user } => match self.world.find(&user) {
                Some(owner) => self.log_in(owner),
                None => refuse_credentials(),
            },
            ServerStep::Failure => refuse_credentials(),
        }
    }
}

/// The octets of an initial response, if there is one.
fn decoded(initial: Option<&[u8]>) -> Result<Option<Vec<u8>>, Reply> {
    match initial {
        None => Ok(None),
        // One of no octets.
        Some(b"=") => Ok(Some(Vec::new())),
        Some(text) => base64::decode(text).map(Some).map_err(|_| Reply::err("Not base64")),
    }
}

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

/// What an exchange can be bound to.
pub(super) struct Bindings {
    pub(super) exported: [u8; 32],
    /// The server's own, DER.
    pub(super) certificate: Vec<u8>,
}

impl Bindings {
    /// By kind. The certificates of this server are signed with SHA-256.
    fn all(&self) -> Vec<scram::Binding> {
        let end_point = scram::server_end_point(&self.certificate, "SHA-256").unwrap_or_default();
        vec![(scram::TLS_EXPORTER, self.exported.to_vec()), (scram::TLS_SERVER_END_POINT, end_point)]
    }
}

/// The variants of SCRAM that are bound to the channel, with the mechanism that each is a variant of.
pub(super) const BOUND: [(&str, Mechanism); 2] =
    [("SCRAM-SHA-1-PLUS", Mechanism::ScramSha1), ("SCRAM-SHA-256-PLUS", Mechanism::ScramSha256)];

impl Session {
    /// Whether mechanisms that are bound to the channel can be used.
    pub(super) fn offers_bound(&self) -> bool {
        self.bindings.is_some()
    }

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
        let bound = BOUND.into_iter().find(|(bound, _)| bound.as_bytes().eq_ignore_ascii_case(name));
        let bound = bound.filter(|_| self.offers_bound());
        let Some(mechanism) = bound.map(|(_, mechanism)| mechanism).or_else(|| Mechanism::parse(name)) else {
            return Reply::err("Unknown mechanism");
        };
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
        let server = self.mechanism(mechanism, bound.is_some());
        self.go_on(Exchange { server }, initial.as_deref())
    }

    /// The server's side of a mechanism.
    fn mechanism(&mut self, mechanism: Mechanism, bound: bool) -> Box<dyn ServerExchange + Send> {
        match mechanism {
            Mechanism::ScramSha1 => self.scram::<scram::Sha1>(bound),
            Mechanism::ScramSha256 => self.scram::<scram::Sha256>(bound),
            Mechanism::Plain | Mechanism::Login | Mechanism::CramMd5 => {
                sasl::server(mechanism, &self.nonces.challenge(&self.world.configuration().host))
            }
        }
    }

    /// A user has the same salt in each exchange, and so has who does not exist.
    fn scram<H: scram::Hash + Send + 'static>(&mut self, bound: bool) -> Box<dyn ServerExchange + Send> {
        let salts = format!("poplab fake {} salts", self.world.configuration().seed);
        let server = scram::Server::<H>::new(&self.nonces.nonce()).salting(&salts);
        Box::new(match &self.bindings {
            Some(bindings) if bound => server.bound_to(bindings.all()),
            Some(_) => server.beside_binding(),
            None => server,
        })
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

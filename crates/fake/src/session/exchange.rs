//! AUTH (RFC 5034): the lines of a SASL exchange around the mechanisms of the sasl crate.
//!
//! Base64, `=` and `*` are dealt with here, the contents of messages there. Defects of mechanisms act on what goes
//! in and what comes out, since the mechanisms themselves can only be right.

use proto::encode;
use sasl::{Mechanism, ServerExchange, ServerStep, base64, cram_md5, scram};

use super::{After, Arguments, Session};
use crate::Defect;

/// An exchange under way.
pub(super) struct Exchange {
    /// `None` is a mechanism that does not exist: a defect's.
    mechanism: Option<Mechanism>,
    server: Box<dyn ServerExchange + Send>,
    /// AUTH had no initial response.
    in_two_steps: bool,
    /// The first message of the client.
    first: Option<Vec<u8>>,
    /// The last challenge, decoded.
    challenge: Vec<u8>,
}

impl Session {
    /// Whether a mechanism can be used on this channel.
    pub(super) fn offers(&self, mechanism: Mechanism) -> bool {
        self.takes_cleartext() || !matches!(mechanism, Mechanism::Plain | Mechanism::Login)
    }

    pub(super) fn auth(&mut self, arguments: &Arguments<'_>) {
        let (name, initial) = match arguments.words[..] {
            [name] => (name, None),
            [name, initial] => (name, Some(initial)),
            _ => return self.err("AUTH takes a mechanism and perhaps an initial response"),
        };
        let mechanism = Mechanism::parse(name).filter(|mechanism| {
            !self.broken(Defect::AuthMechanismCase) || mechanism.name().as_bytes() == name
        });
        if self.broken(Defect::ExternalOpen) && name.eq_ignore_ascii_case(b"EXTERNAL") {
            return self.ok("Hello");
        }
        let denied = self.broken(Defect::CapaUntruthful) && initial.is_none();
        let mechanism = mechanism.filter(|&mechanism| !(denied && mechanism == Mechanism::ScramSha256));
        let Some(mechanism) = mechanism else { return self.unknown_mechanism() };
        if !self.offers(mechanism) {
            return self.err("No cleartext passwords here: use STLS or another mechanism");
        }
        let mut initial = match self.initial_response(mechanism, initial) {
            Ok(initial) => initial,
            Err(reason) => return self.err(reason),
        };
        if self.broken(Defect::AuthIgnoresInitial) && self.past.lines == 0 && initial.is_some() {
            let mut trial = self.begin_exchange(Some(mechanism), false);
            let step = self.ask(&mut trial, initial.as_deref());
            initial = initial.filter(|_| !matches!(step, ServerStep::Success { .. }));
        }
        let exchange = self.begin_exchange(Some(mechanism), initial.is_none());
        self.go_on(exchange, initial.as_deref());
    }

    /// A line of the client during an exchange.
    pub(super) fn response(&mut self, line: &[u8]) {
        let Some(exchange) = self.exchange.take() else { return };
        if self.broken(Defect::AuthObeysQuit) && line.starts_with(b"QUIT") && base64::decode(line).is_err() {
            self.ok("Bye");
            self.after = After::Close;
            return;
        }
        if self.broken(Defect::AuthShortLines) && line.len() > 600 {
            self.err("Line too long");
        }
        if line == b"*" {
            if self.broken(Defect::AuthCancelOk) {
                return self.ok("Cancelled");
            }
            return self.err("Cancelled");
        }
        match self.decode(line) {
            Some(octets) => self.go_on(*exchange, Some(&octets)),
            None => self.err("Not base64"),
        }
    }

    fn unknown_mechanism(&mut self) {
        if self.broken(Defect::AuthUnknownMechanism) {
            let exchange = self.begin_exchange(None, true);
            return self.challenge(exchange, Vec::new());
        }
        if self.broken(Defect::AuthOnUnknownMechanism) {
            return self.err("[AUTH] Unknown mechanism");
        }
        self.err("Unknown mechanism");
    }

    /// The octets of an initial response; `=` is one of none (RFC 5034 section 4).
    fn initial_response(
        &self,
        mechanism: Mechanism,
        text: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, &'static str> {
        let Some(text) = text else { return Ok(None) };
        if mechanism.server_first() {
            if self.broken(Defect::AuthServerFirst) {
                return Ok(None);
            }
            return Err("This mechanism has no initial response");
        }
        if text == b"=" {
            return Ok(Some(Vec::new()).filter(|_| !self.broken(Defect::AuthEquals)));
        }
        self.decode(text).map(Some).ok_or("Not base64")
    }

    fn decode(&self, text: &[u8]) -> Option<Vec<u8>> {
        let text = if self.broken(Defect::AuthTrims) { text.trim_ascii() } else { text };
        let decoded = base64::decode(text).ok();
        if decoded.is_none() && self.broken(Defect::AuthLenientBase64) {
            let foreign = |octet: &u8| {
                octet.is_ascii_graphic() && !b"+/=".contains(octet) && !octet.is_ascii_alphanumeric()
            };
            let rest: Vec<u8> = text.iter().copied().filter(|octet| !foreign(octet)).collect();
            // Only what logs in afterwards shows; junk stays junk.
            return base64::decode(rest).ok().filter(|octets| sasl::plain::parse(octets).is_ok());
        }
        decoded
    }

    fn begin_exchange(&mut self, mechanism: Option<Mechanism>, in_two_steps: bool) -> Exchange {
        self.exchanges += 1;
        let host = &self.world.configuration().host;
        let nonce = match mechanism {
            Some(Mechanism::CramMd5) if self.broken(Defect::CramFixed) => format!("<1896.697170952@{host}>"),
            Some(Mechanism::ScramSha256) => self.material("scram", self.exchanges),
            _ => format!("<{}.{}@{host}>", self.material("challenge", self.exchanges), self.number),
        };
        let server = sasl::server(mechanism.unwrap_or(Mechanism::Plain), &nonce);
        Exchange { mechanism, server, in_two_steps, first: None, challenge: Vec::new() }
    }

    fn ask(&self, exchange: &mut Exchange, response: Option<&[u8]>) -> ServerStep {
        let passwords =
            |user: &str| self.world.find(user).map(|owner| self.world.password(owner).into_owned());
        exchange.server.step(response, &passwords)
    }

    fn go_on(&mut self, mut exchange: Exchange, response: Option<&[u8]>) {
        let cut;
        let response = match response {
            Some(octets)
                if self.broken(Defect::PlainExtraNul) && exchange.mechanism == Some(Mechanism::Plain) =>
            {
                cut = octets.splitn(4, |&octet| octet == 0).take(3).collect::<Vec<_>>().join(&0);
                Some(&cut[..])
            }
            other => other,
        };
        let mut step = self.ask(&mut exchange, response);
        if let Some(octets) = response {
            if self.refuses_though_right(&exchange, octets) {
                step = ServerStep::Failure;
            }
            if step == ServerStep::Failure {
                step = self.forgive(&exchange, octets).unwrap_or(ServerStep::Failure);
            }
            exchange.first.get_or_insert_with(|| octets.to_vec());
        }
        match step {
            ServerStep::Challenge(challenge) => self.challenge(exchange, challenge),
            ServerStep::Success { user } => {
                let Some(owner) = self.world.find(&user) else { return self.refuse_credentials() };
                self.log_in(owner);
                self.past.by_auth = self.transaction.is_some();
            }
            ServerStep::Failure => self.fail(&exchange, response),
        }
    }

    fn challenge(&mut self, mut exchange: Exchange, mut octets: Vec<u8>) {
        if octets.starts_with(b"v=") {
            if self.broken(Defect::AuthSkipsProof) {
                return self.go_on(exchange, Some(b""));
            }
            if self.broken(Defect::ScramWrongSignature) {
                octets[2] = if octets[2] == b'A' { b'B' } else { b'A' };
            }
        }
        let server_first = exchange.mechanism.is_some_and(Mechanism::server_first);
        if octets.is_empty() && self.broken(Defect::AuthPlusText) {
            encode::continuation(self.output.lines(), b"go ahead");
        } else if server_first && self.broken(Defect::AuthChallengePlain) {
            encode::continuation(self.output.lines(), &octets);
        } else {
            encode::continuation(self.output.lines(), base64::encode(&octets).as_bytes());
        }
        exchange.challenge = octets;
        self.exchange = Some(Box::new(exchange));
    }

    fn fail(&mut self, exchange: &Exchange, response: Option<&[u8]>) {
        self.past.failed.auth = true;
        let not_utf8 = response.is_some_and(|octets| std::str::from_utf8(octets).is_err());
        if self.broken(Defect::PlainBadUtf8) && exchange.mechanism == Some(Mechanism::Plain) && not_utf8 {
            return self.ok("Hello");
        }
        if exchange.mechanism.is_none() {
            return self.err("Unknown mechanism");
        }
        self.refuse_credentials();
    }

    /// Where defects fail an exchange that is right so far.
    fn refuses_though_right(&self, exchange: &Exchange, response: &[u8]) -> bool {
        let extended = || {
            let opening =
                exchange.first.is_none().then(|| scram::parse_client_first(response).ok()).flatten();
            opening.is_some_and(|opening| opening.bare.split(',').count() > 2)
        };
        exchange.mechanism.is_none()
            || self.world.configuration().policy.password_for_user_only
            || (self.broken(Defect::AuthFailureSticks) && self.past.failed.auth)
            || (self.broken(Defect::AuthTwoStep)
                && exchange.in_two_steps
                && exchange.mechanism == Some(Mechanism::Plain))
            || (self.broken(Defect::ScramRefusesExtension)
                && exchange.mechanism == Some(Mechanism::ScramSha256)
                && extended())
    }

    /// Where defects let an exchange succeed that has failed.
    fn forgive(&self, exchange: &Exchange, response: &[u8]) -> Option<ServerStep> {
        match exchange.mechanism? {
            Mechanism::CramMd5 if self.broken(Defect::CramShortDigest) => {
                let (user, sent) = cram_md5::parse(response)?;
                let right =
                    cram_md5::digest(&exchange.challenge, &*self.world.password(self.world.find(user)?));
                let short = sent.len() >= 8 && right.starts_with(sent);
                short.then(|| ServerStep::Success { user: user.to_owned() })
            }
            Mechanism::ScramSha256 => {
                let first = scram::parse_client_first(exchange.first.as_deref()?).ok()?;
                let asked = scram::parse_server_first(&exchange.challenge).ok()?;
                let last = scram::parse_client_final(response).ok()?;
                let same_nonce = last.nonce == asked.nonce;
                let same_header = last.channel_binding == base64::encode(first.gs2_header);
                let forgiven = match (same_nonce, same_header) {
                    (true, true) => self.broken(Defect::ScramAnyProof),
                    (false, true) => self.broken(Defect::ScramAnyNonce),
                    (true, false) => self.broken(Defect::ScramAnyHeader),
                    (false, false) => false,
                };
                let known = self.world.find(&first.user).is_some();
                (forgiven && known).then_some(ServerStep::Success { user: first.user })
            }
            _ => None,
        }
    }
}

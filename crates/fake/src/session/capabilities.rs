//! CAPA (RFC 2449): what is announced in which state, and on which channel.

use sasl::Mechanism;

use super::Session;
use crate::transfer::Body;
use crate::{Channel, Defect, Expiry};

impl Session {
    pub(super) fn capa(&mut self) {
        let logged_in = self.transaction.is_some();
        if self.broken(Defect::CapaOnlyBeforeLogin) && logged_in {
            return self.err("Unknown command");
        }
        if self.broken(Defect::StlsForgetsCapa) && self.past.upgraded && self.past.lines == 0 {
            return self.err("Unknown command");
        }
        let lines = self.capabilities(logged_in);
        self.ok("Capabilities follow");
        self.output.start(Body::Lines(Box::new(lines.into_iter().map(String::into_bytes))));
    }

    /// The list. It is the same in both states but for STLS (RFC 2449 section 5).
    fn capabilities(&self, logged_in: bool) -> Vec<String> {
        let mut lines = vec!["TOP".to_owned(), "UIDL".to_owned()];
        if self.takes_cleartext() {
            lines.push("USER".to_owned());
        }
        if !(self.broken(Defect::CapaDropsSasl) && logged_in && self.past.by_auth) {
            lines.push(format!("SASL {}", self.announced_mechanisms(logged_in).join(" ")));
        }
        if !self.broken(Defect::RespUnannounced) {
            lines.push("RESP-CODES".to_owned());
        }
        lines.push("AUTH-RESP-CODE".to_owned());
        if !(self.broken(Defect::CapaDropsAfterLogin) && logged_in) {
            lines.push("PIPELINING".to_owned());
        }
        lines.extend(self.login_delay(logged_in));
        lines.push(self.expire(logged_in).to_owned());
        lines.push(if self.broken(Defect::Utf8Parameter) { "UTF8 PERHAPS" } else { "UTF8" }.to_owned());
        lines.push("LANG".to_owned());
        if self.channel == Channel::Clear && !logged_in && !self.broken(Defect::StlsUnannounced) {
            lines.push("STLS".to_owned());
        }
        if self.broken(Defect::CapaDottedTag) {
            lines.push("X-POPLAB.1".to_owned());
        }
        lines.push(self.implementation().to_owned());
        lines
    }

    fn announced_mechanisms(&self, logged_in: bool) -> Vec<&'static str> {
        let mut names: Vec<_> = Mechanism::ALL
            .into_iter()
            .filter(|&mechanism| self.offers(mechanism))
            .filter(|&mechanism| {
                let hidden = self.broken(Defect::TlsHidesPlain) && self.channel == Channel::Tls;
                !(hidden && mechanism == Mechanism::Plain)
            })
            .map(|mechanism| match mechanism {
                Mechanism::Login if self.broken(Defect::SaslLowerCase) => "login",
                _ => mechanism.name(),
            })
            .collect();
        if self.broken(Defect::ExternalOpen) {
            names.push("EXTERNAL");
        }
        if self.broken(Defect::CapaShrinksSasl) && logged_in && !self.past.by_auth {
            names.truncate(1);
        }
        names
    }

    /// The correct server has no login delay and does not announce one.
    fn login_delay(&self, logged_in: bool) -> Option<String> {
        if self.broken(Defect::LoginDelayForm) {
            return Some(if logged_in { "LOGIN-DELAY 0 USER" } else { "LOGIN-DELAY 0" }.to_owned());
        }
        let seconds = u8::from(logged_in);
        self.broken(Defect::LoginDelayGrows).then(|| format!("LOGIN-DELAY {seconds}"))
    }

    fn expire(&self, logged_in: bool) -> &'static str {
        if self.broken(Defect::ExpireForm) && logged_in {
            return "EXPIRE NEVER USER";
        }
        if self.broken(Defect::ExpireShrinks) && logged_in {
            return "EXPIRE 30";
        }
        match self.world.configuration().policy.expiry {
            Expiry::AtOnce => return "EXPIRE 0",
            Expiry::AtOnceAfterLogin if logged_in => return "EXPIRE 0",
            Expiry::AtOnceAfterLogin => return "EXPIRE 0 USER",
            Expiry::Never => {}
        }
        "EXPIRE NEVER"
    }

    fn implementation(&self) -> &'static str {
        if self.broken(Defect::ImplementationEmpty) {
            return "IMPLEMENTATION";
        }
        if self.broken(Defect::CapaTwoSpaces) {
            "IMPLEMENTATION  poplab-fake"
        } else {
            "IMPLEMENTATION poplab-fake"
        }
    }
}

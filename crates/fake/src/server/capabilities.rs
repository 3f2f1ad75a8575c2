//! CAPA (RFC 2449): what is announced in which state, and on which channel.

use sasl::Mechanism;

use super::Session;
use super::exchange::BOUND;
use crate::Channel;
use crate::reply::{Content, Reply};

impl Session {
    pub(super) fn capa(&mut self) -> Reply {
        let lines = self.capabilities();
        Reply::ok("Capabilities follow").with(Content::lines(lines.into_iter().map(String::into_bytes)))
    }

    /// The list. It is the same in both states but for STLS (RFC 2449 section 5).
    fn capabilities(&self) -> Vec<String> {
        let offered = Mechanism::ALL.into_iter().filter(|&mechanism| self.offers(mechanism));
        let mut mechanisms: Vec<&str> = offered.map(Mechanism::name).collect();
        if self.offers_bound() {
            mechanisms.extend(BOUND.map(|(name, _)| name));
        }
        let mut lines = vec!["TOP".to_owned(), "UIDL".to_owned()];
        if self.takes_cleartext() {
            lines.push("USER".to_owned());
        }
        lines.push(format!("SASL {}", mechanisms.join(" ")));
        for tag in ["RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "UTF8", "LANG"] {
            lines.push(tag.to_owned());
        }
        if self.channel == Channel::Clear && self.transaction().is_none() {
            lines.push("STLS".to_owned());
        }
        lines.push("IMPLEMENTATION poplab-fake".to_owned());
        lines
    }
}

//! AUTH with tokens: XOAUTH2 and OAUTHBEARER, announced and spoken where a policy says so. A token is the password of its
//! account.

use proto::Verb;
use sasl::oauth;

use crate::reply::Reply;
use crate::twist::{Asked, Circumstance, Twist};

/// A server that takes tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    expired: bool,
}

impl Tokens {
    /// Those of a policy, if it takes any.
    pub(crate) fn of(policy: &script::Policy) -> Option<Tokens> {
        match policy.tokens {
            script::Tokens::Unknown => None,
            script::Tokens::Accepted => Some(Tokens { expired: false }),
            script::Tokens::Expired => Some(Tokens { expired: true }),
        }
    }
}

impl Twist for Tokens {
    fn command(&self, circumstance: &mut Circumstance<'_>, asked: &mut Asked) -> Option<Reply> {
        let kind = asked.word(0).filter(|_| asked.is(Verb::Auth)).and_then(oauth::Kind::parse)?;
        // A token is as good as a password (RFC 7628 section 3: TLS).
        if circumstance.logged_in() || !circumstance.session.takes_cleartext() || asked.word(2).is_some() {
            return None;
        }
        let server = Box::new(oauth::Server::new(kind, self.expired));
        Some(circumstance.session.begin(server, asked.word(1)))
    }

    fn reply(&self, circumstance: &mut Circumstance<'_>, asked: &Asked, reply: &mut Reply) {
        if asked.is(Verb::Capa) && circumstance.session.takes_cleartext() {
            reply.map_lines(|_, mut line| {
                if line.starts_with(b"SASL ") {
                    for kind in oauth::Kind::ALL {
                        line.extend_from_slice(format!(" {}", kind.name()).as_bytes());
                    }
                }
                line
            });
        }
    }
}

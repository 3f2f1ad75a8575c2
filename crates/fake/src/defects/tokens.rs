//! OAUTHBEARER and XOAUTH2 (RFC 7628), announced and half right. A token is no more than another name for the password here.

use proto::Verb;
use sasl::{base64, oauth};

use super::Defect;
use super::exchanges::announce_mechanism;
use super::hooks::instead;
use crate::Channel;
use crate::reply::{Reply, Status};
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc7628.oauth.in-clear",
        summary: "OAUTHBEARER is announced and accepted in the clear",
        proves: &["rfc7628.oauth.tls"],
        hooks: instead(begin).and_after(|_, asked, reply| announce_mechanism(asked, reply, " OAUTHBEARER")),
    },
    Defect {
        id: "rfc7628.oauth.json-on-err",
        summary: "a wrong token is refused at once, with the JSON in the text of -ERR",
        proves: &["rfc7628.oauth.error"],
        hooks: instead(under_tls).and_after(|circumstance, asked, reply| {
            announce(circumstance, asked, reply);
            if let Some(json) = refusal(circumstance, reply) {
                circumstance.log_out();
                *reply = Reply::err("");
                reply.reword(json);
            }
        }),
    },
    Defect {
        id: "rfc7628.oauth.no-json",
        summary: "a wrong token is answered with a challenge that is a word and not JSON",
        proves: &["rfc7628.oauth.error"],
        hooks: instead(under_tls).and_after(|circumstance, asked, reply| {
            announce(circumstance, asked, reply);
            if refusal(circumstance, reply).is_some() {
                reply.reword(base64::encode("invalid_token"));
            }
        }),
    },
    Defect {
        id: "rfc7628.oauth.knows-every-key",
        summary: "OAUTHBEARER refuses a message with a key that it does not know",
        proves: &["rfc7628.oauth.unknown-keys"],
        hooks: instead(|circumstance, asked| {
            let foreign = sent(circumstance, asked).is_some_and(|message| {
                let known = |pair: &[u8]| {
                    let key = pair.split(|&octet| octet == b'=').next().unwrap_or_default();
                    matches!(key, b"" | b"auth" | b"host" | b"port")
                };
                message.split(|&octet| octet == 1).skip(1).any(|pair| !known(pair))
            });
            if foreign {
                circumstance.log_out();
                return Some(Reply::coded("AUTH", "Wrong token"));
            }
            under_tls(circumstance, asked)
        })
        .and_after(announce),
    },
];

/// Begins an exchange with a token.
fn begin(circumstance: &mut Circumstance<'_>, asked: &Asked) -> Option<Reply> {
    let kind = asked.word(0).filter(|_| asked.is(Verb::Auth)).and_then(oauth::Kind::parse)?;
    if circumstance.logged_in() || asked.word(2).is_some() {
        return None;
    }
    Some(circumstance.session.begin(Box::new(oauth::Server::new(kind, false)), asked.word(1)))
}

/// As [`begin`], under TLS.
fn under_tls(circumstance: &mut Circumstance<'_>, asked: &Asked) -> Option<Reply> {
    (circumstance.session.channel == Channel::Tls).then(|| begin(circumstance, asked)).flatten()
}

fn announce(circumstance: &mut Circumstance<'_>, asked: &Asked, reply: &mut Reply) {
    if circumstance.session.channel == Channel::Tls {
        announce_mechanism(asked, reply, " XOAUTH2 OAUTHBEARER");
    }
}

/// The JSON of a challenge that refuses a token.
fn refusal(circumstance: &Circumstance<'_>, reply: &Reply) -> Option<Vec<u8>> {
    let challenge = base64::decode(reply.text()).ok().filter(|_| reply.status == Status::Challenge);
    challenge.filter(|challenge| challenge.starts_with(b"{") && !circumstance.logged_in())
}

/// What this line brings to OAUTHBEARER, decoded.
fn sent(circumstance: &Circumstance<'_>, asked: &Asked) -> Option<Vec<u8>> {
    let named = asked.word(0).is_some_and(|name| name.eq_ignore_ascii_case(b"OAUTHBEARER"));
    let text = match asked.response() {
        Some(line) if circumstance.past.exchange_is("OAUTHBEARER") => line,
        None if asked.is(Verb::Auth) && named => asked.word(1)?,
        _ => return None,
    };
    base64::decode(text).ok()
}

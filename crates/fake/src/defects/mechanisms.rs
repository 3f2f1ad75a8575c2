//! SASL mechanisms (RFC 4616, RFC 2195, RFC 5802). The mechanisms themselves can only be right; what is wrong here is what
//! goes in, what comes out, and who is let in nevertheless.

use proto::Verb;
use sasl::{base64, cram_md5, scram};

use super::Defect;
use super::hooks::{after, before, instead};
use crate::reply::{Reply, Status};
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc4616.plain.extra-nul",
        summary: "PLAIN ignores everything from a third NUL on",
        proves: &["rfc4616.plain.malformed"],
        hooks: before(|circumstance, asked| {
            if let Some(message) = plain_message(circumstance, asked) {
                let cut = message.splitn(4, |&octet| octet == 0).take(3).collect::<Vec<_>>().join(&0);
                let cut = base64::encode(cut).into_bytes();
                match asked {
                    Asked::Response(line) => *line = cut,
                    _ => asked.set_word(1, &cut),
                }
            }
        }),
    },
    Defect {
        id: "rfc4616.plain.bad-utf8",
        summary: "PLAIN with octets that are not UTF-8 is answered +OK",
        proves: &["rfc4616.plain.bad-utf8"],
        hooks: after(|circumstance, asked, reply| {
            let foreign = plain_message(circumstance, asked)
                .is_some_and(|message| std::str::from_utf8(&message).is_err());
            if foreign && reply.is_err() {
                *reply = Reply::ok("Hello");
            }
        }),
    },
    Defect {
        id: "rfc2195.cram.fixed-challenge",
        summary: "CRAM-MD5 always has the same challenge",
        proves: &["rfc2195.cram.challenge"],
        hooks: before(|circumstance, asked| {
            let cram = asked.word(0).is_some_and(|name| name.eq_ignore_ascii_case(b"CRAM-MD5"));
            if asked.is(Verb::Auth) {
                let number = circumstance.session.number;
                circumstance.session.nonces.challenges = if cram { 0 } else { number };
                circumstance.session.nonces.count = if cram { 0 } else { circumstance.past.lines };
            }
        }),
    },
    Defect {
        id: "rfc2195.cram.short-digest",
        summary: "CRAM-MD5 accepts a digest of which the end is missing",
        proves: &["rfc2195.cram.login"],
        hooks: after(|circumstance, asked, reply| {
            if reply.is_err() && circumstance.past.exchange_is("CRAM-MD5") {
                let user = shortened(circumstance, asked);
                admit(circumstance, user, reply);
            }
        }),
    },
    Defect {
        id: "rfc5802.scram.accepts-any-proof",
        summary: "SCRAM accepts a wrong proof",
        proves: &["rfc5802.scram.bad-proof"],
        hooks: after(|circumstance, asked, reply| {
            forgive(circumstance, asked, reply, |fault| fault == Fault::Proof);
        }),
    },
    Defect {
        id: "rfc5802.scram.accepts-any-nonce",
        summary: "SCRAM accepts a last message with another nonce",
        proves: &["rfc5802.scram.nonce"],
        hooks: after(|circumstance, asked, reply| {
            forgive(circumstance, asked, reply, |fault| fault == Fault::Nonce);
        }),
    },
    Defect {
        id: "rfc5802.scram.accepts-any-header",
        summary: "SCRAM accepts a last message whose c= does not repeat the header of the first",
        proves: &["rfc5802.scram.gs2"],
        hooks: after(|circumstance, asked, reply| {
            forgive(circumstance, asked, reply, |fault| fault == Fault::Header);
        }),
    },
    Defect {
        id: "rfc5802.scram.refuses-extension",
        summary: "SCRAM fails on an optional extension it does not know",
        proves: &["rfc5802.scram.attributes"],
        hooks: instead(|circumstance, asked| {
            let first = first_message(circumstance, asked)?;
            let opening = scram::parse_client_first(&first).ok()?;
            if opening.bare.split(',').count() <= 2 {
                return None;
            }
            circumstance.log_out();
            Some(Reply::coded("AUTH", "Wrong name or password"))
        }),
    },
    Defect {
        id: "rfc5802.scram.wrong-signature",
        summary: "SCRAM sends a wrong server signature",
        proves: &["rfc5802.scram.exchange"],
        hooks: after(|_, _, reply| {
            if reply.status == Status::Challenge
                && let Ok(mut octets) = base64::decode(reply.text())
                && octets.starts_with(b"v=")
                && let Some(first) = octets.get_mut(2)
            {
                *first = if *first == b'A' { b'B' } else { b'A' };
                reply.reword(base64::encode(octets));
            }
        }),
    },
];

/// What is wrong with the last message of SCRAM.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Fault {
    Proof,
    Nonce,
    Header,
}

/// What this line brings to PLAIN, decoded.
pub(super) fn plain_message(circumstance: &Circumstance<'_>, asked: &Asked) -> Option<Vec<u8>> {
    let named = asked.word(0).is_some_and(|name| name.eq_ignore_ascii_case(b"PLAIN"));
    let text = match asked.response() {
        Some(line) if circumstance.past.exchange_is("PLAIN") => line,
        None if asked.is(Verb::Auth) && named => asked.word(1)?,
        _ => return None,
    };
    base64::decode(text).ok()
}

/// The first message of SCRAM, if this line is it.
pub(super) fn first_message(circumstance: &Circumstance<'_>, asked: &Asked) -> Option<Vec<u8>> {
    let named = asked.word(0).is_some_and(|name| name.eq_ignore_ascii_case(b"SCRAM-SHA-256"));
    let text = match asked.response() {
        Some(line) if circumstance.past.exchange_is("SCRAM-SHA-256") => {
            circumstance.past.exchange.responses.is_empty().then_some(line)?
        }
        None if asked.is(Verb::Auth) && named => asked.word(1)?,
        _ => return None,
    };
    base64::decode(text).ok()
}

/// The user whose right digest begins with what was sent.
fn shortened(circumstance: &Circumstance<'_>, asked: &Asked) -> Option<String> {
    let response = base64::decode(asked.response()?).ok()?;
    let challenge = base64::decode(circumstance.past.exchange.challenges.last()?).ok()?;
    let (user, sent) = cram_md5::parse(&response)?;
    let world = &circumstance.session.world;
    let right = cram_md5::digest(&challenge, &*world.password(world.find(user)?));
    (sent.len() >= 8 && right.starts_with(sent)).then(|| user.to_owned())
}

/// Lets a user of SCRAM in although the last message was refused, if this is what was wrong with it.
fn forgive(
    circumstance: &mut Circumstance<'_>,
    asked: &Asked,
    reply: &mut Reply,
    forgiven: fn(Fault) -> bool,
) {
    if !reply.is_err() || !circumstance.past.exchange_is("SCRAM-SHA-256") {
        return;
    }
    let user = fault(circumstance, asked).filter(|(_, fault)| forgiven(*fault)).map(|(user, _)| user);
    admit(circumstance, user, reply);
}

/// Who sent this last message of SCRAM, and what is wrong with it.
fn fault(circumstance: &Circumstance<'_>, asked: &Asked) -> Option<(String, Fault)> {
    let exchange = &circumstance.past.exchange;
    let first = base64::decode(exchange.responses.first()?).ok()?;
    let challenge = base64::decode(exchange.challenges.last()?).ok()?;
    let last = base64::decode(asked.response()?).ok()?;
    let (first, last) = (scram::parse_client_first(&first).ok()?, scram::parse_client_final(&last).ok()?);
    let same_nonce = scram::parse_server_first(&challenge).ok()?.nonce == last.nonce;
    let same_header = last.channel_binding == base64::encode(first.gs2_header);
    let fault = match (same_nonce, same_header) {
        (true, true) => Fault::Proof,
        (false, true) => Fault::Nonce,
        (true, false) => Fault::Header,
        (false, false) => return None,
    };
    Some((first.user, fault))
}

fn admit(circumstance: &mut Circumstance<'_>, user: Option<String>, reply: &mut Reply) {
    if let Some(owner) = user.and_then(|user| circumstance.session.world.find(&user)) {
        *reply = circumstance.session.log_in(owner);
    }
}

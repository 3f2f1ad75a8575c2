//! STLS and what TLS changes (RFC 2595, RFC 8314).

use machine::IdentityId;
use proto::Verb;

use super::Defect;
use super::capabilities::withhold;
use super::hooks::{after, instead, secured};
use crate::Channel;
use crate::reply::{Pending, Reply, Then};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc2595.stls.unannounced",
        summary: "STLS works and is not announced",
        proves: &["rfc2595.stls.needs-capa"],
        hooks: after(|_, asked, reply| withhold(asked, reply, b"STLS")),
    },
    Defect {
        id: "rfc2595.stls.forgets-capa",
        summary: "CAPA is unknown after STLS",
        proves: &["rfc2595.stls.works"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::Capa) && circumstance.past.upgraded).then(|| Reply::err("Unknown command"))
        }),
    },
    Defect {
        id: "rfc2595.stls.second-greeting",
        summary: "a second greeting follows STLS",
        proves: &["rfc2595.stls.no-second-greeting"],
        hooks: secured(|| Reply::ok("POP3 server ready, now with TLS")),
    },
    Defect {
        id: "rfc2595.stls.in-transaction",
        summary: "STLS is accepted after login",
        proves: &["rfc2595.stls.not-in-trans"],
        hooks: instead(|circumstance, asked| {
            let clear = circumstance.session.channel == Channel::Clear;
            let late = asked.is_bare(Verb::Stls) && circumstance.logged_in() && clear;
            late.then(|| Reply::ok("Begin TLS").then(Then::StartTls(IdentityId::OWN)))
        }),
    },
    Defect {
        id: "rfc2595.stls.keeps-plaintext",
        summary: "commands that arrived in cleartext together with STLS are executed inside TLS",
        proves: &["practice.stls.injection"],
        hooks: after(|_, _, reply| {
            if matches!(reply.then, Then::StartTls(_)) {
                reply.pending = Pending::Carried;
            }
        }),
    },
    Defect {
        id: "rfc5034.plain.hidden-under-tls",
        summary: "PLAIN is not announced under TLS",
        proves: &["rfc5034.plain.tls"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::Capa) && circumstance.session.channel == Channel::Tls {
                reply.map_lines(|_, line| {
                    if !line.starts_with(b"SASL ") {
                        return line;
                    }
                    let words = line.split(|&octet| octet == b' ').filter(|word| *word != b"PLAIN");
                    words.collect::<Vec<_>>().join(&b' ')
                });
            }
        }),
    },
];

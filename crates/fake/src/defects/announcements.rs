//! Lists of capabilities that are malformed, unstable or untrue (RFC 2449 sections 5 and 6).

use proto::Verb;

use super::Defect;
use super::acts::hangs_up;
use super::capabilities::{announce, exchange, withhold};
use super::hooks::{after, before, instead};
use crate::reply::{Content, Reply, Then};
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc2449.capa.one-line",
        summary: "all capabilities stand on one line",
        proves: &["rfc2449.capa.format"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Capa) {
                let mut all = Vec::new();
                reply.map_lines(|_, line| {
                    all.push(line.clone());
                    line
                });
                reply.content = Some(Box::new(Content::lines([all.join(&b' ')])));
            }
        }),
    },
    Defect {
        id: "rfc2449.capa.trailing-space",
        summary: "each line of the list ends with a space",
        proves: &["rfc2449.capa.format"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Capa) {
                reply.map_lines(|_, line| [&line[..], b" "].concat());
            }
        }),
    },
    Defect {
        id: "rfc2449.capa.no-terminator",
        summary: "the list of capabilities has no dot line at its end",
        proves: &["rfc2449.capa.format"],
        hooks: after(|_, asked, reply| {
            if let Some(content) = reply.content.take_if(|_| asked.is(Verb::Capa)) {
                let mut octets = content.on_the_wire();
                octets.truncate(octets.len().saturating_sub(3));
                reply.content = Some(Box::new(Content::Verbatim(octets)));
            }
        }),
    },
    Defect {
        id: "rfc2449.capa.only-after-login",
        summary: "CAPA is refused before login",
        proves: &["rfc2449.capa.both-states"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::Capa) && !circumstance.logged_in()).then(|| Reply::err("Log in first"))
        }),
    },
    Defect {
        id: "rfc2449.capa.unanswered",
        summary: "CAPA is not answered",
        proves: &["rfc2449.capa.absent"],
        hooks: instead(|_, asked| asked.is(Verb::Capa).then(Reply::nothing)),
    },
    Defect {
        id: "rfc2449.capa.ok-alone",
        summary: "CAPA is answered +OK, and no list follows",
        proves: &["rfc2449.capa.absent"],
        hooks: instead(|_, asked| asked.is(Verb::Capa).then(|| Reply::ok("TOP UIDL USER"))),
    },
    Defect {
        id: "rfc2449.capa.drops-utf8",
        summary: "UTF8 and LANG are missing from the list after login",
        proves: &["rfc2449.capa.persistent"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.logged_in() {
                withhold(asked, reply, b"UTF8");
                withhold(asked, reply, b"LANG");
            }
        }),
    },
    Defect {
        id: "rfc2449.capa.drops-user",
        summary: "USER is missing from the list after login",
        proves: &["rfc2449.capa.persistent"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.logged_in() {
                withhold(asked, reply, b"USER");
            }
        }),
    },
    Defect {
        id: "rfc2449.capa.longer-sasl",
        summary: "the list of mechanisms has one more after login",
        proves: &["rfc2449.capa.same-args"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.logged_in() && asked.is(Verb::Capa) {
                reply.map_lines(|_, mut line| {
                    if line.starts_with(b"SASL ") {
                        line.extend_from_slice(b" GSSAPI");
                    }
                    line
                });
            }
        }),
    },
    Defect {
        id: "rfc2449.capa.uidl-unknown",
        summary: "UIDL is announced, and unknown",
        proves: &["rfc2449.capa.truthful"],
        hooks: instead(|_, asked| asked.is(Verb::Uidl).then(|| Reply::err("Unknown command"))),
    },
    Defect {
        id: "rfc2449.capa.top-unknown",
        summary: "TOP is announced, and unknown",
        proves: &["rfc2449.capa.truthful"],
        hooks: instead(|_, asked| asked.is(Verb::Top).then(|| Reply::err("Unknown command"))),
    },
    Defect {
        id: "rfc2449.capa.lang-unknown",
        summary: "LANG is announced, and unknown",
        proves: &["rfc2449.capa.truthful"],
        hooks: instead(|_, asked| asked.is(Verb::Lang).then(|| Reply::err("Unknown command"))),
    },
    Defect {
        id: "rfc2449.capa.utf8-unknown",
        summary: "UTF8 is announced, and unknown",
        proves: &["rfc2449.capa.truthful"],
        hooks: instead(|_, asked| asked.is(Verb::Utf8).then(|| Reply::err("Unknown command"))),
    },
    Defect {
        id: "rfc2449.capa.user-refused",
        summary: "USER is announced, and refused",
        proves: &["rfc2449.capa.truthful"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::User) && !circumstance.logged_in()).then(|| Reply::err("Use AUTH"))
        }),
    },
    Defect {
        id: "rfc2449.capa.uidl-missing",
        summary: "UIDL works and is not announced",
        proves: &["rfc2449.capa.complete"],
        hooks: after(|_, asked, reply| withhold(asked, reply, b"UIDL")),
    },
    Defect {
        id: "rfc2449.capa.top-missing",
        summary: "TOP works and is not announced",
        proves: &["rfc2449.capa.complete"],
        hooks: after(|_, asked, reply| withhold(asked, reply, b"TOP")),
    },
    Defect {
        id: "rfc2449.capa.pipeline",
        summary: "pipelining is announced as PIPELINE",
        proves: &["rfc2449.capa.complete"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"PIPELINING", b"PIPELINE")),
    },
    Defect {
        id: "rfc2449.capa.parameters",
        summary: "TOP and UIDL are announced with a parameter",
        proves: &["rfc2449.capa.no-params"],
        hooks: after(|_, asked, reply| {
            exchange(asked, reply, b"TOP", b"TOP 1");
            exchange(asked, reply, b"UIDL", b"UIDL PERSISTENT");
        }),
    },
    Defect {
        id: "rfc2449.capa.twice",
        summary: "UIDL is announced twice",
        proves: &["practice.capa.no-duplicates"],
        hooks: after(|_, asked, reply| announce(asked, reply, b"UIDL")),
    },
    Defect {
        id: "practice.capa.counted",
        summary: "the tenth CAPA of a connection closes it, since every command before login is counted as an attempt",
        proves: &["practice.capa.no-side-effect"],
        hooks: instead(|circumstance, asked| {
            let often = asked.is(Verb::Capa) && circumstance.past.count(Verb::Capa) >= 9;
            often.then(|| Reply::err("Too many commands").then(Then::Close))
        }),
    },
    Defect {
        id: "practice.capa.unmarks",
        summary: "CAPA takes back all marks",
        proves: &["practice.capa.no-side-effect"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is(Verb::Capa)) {
                for index in open.marks() {
                    open.mark(index, false);
                }
            }
        }),
    },
    Defect {
        id: "practice.capa.hangs-up-after-login",
        summary: "CAPA after login closes the connection without a reply",
        proves: &["rfc2449.capa.both-states"],
        hooks: instead(|circumstance, asked| {
            (*asked == Asked::Command(b"CAPA".to_vec()) && circumstance.logged_in()).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc3206.auth.unannounced",
        summary: "AUTH-RESP-CODE is not announced, though AUTH is used",
        proves: &["rfc3206.auth.announced"],
        hooks: after(|_, asked, reply| withhold(asked, reply, b"AUTH-RESP-CODE")),
    },
    Defect {
        id: "rfc2449.resp.misspelt",
        summary: "RESP-CODES is announced as RESP-CODE",
        proves: &["rfc2449.resp.announced", "practice.resp.auth-needs-resp-codes"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"RESP-CODES", b"RESP-CODE")),
    },
];

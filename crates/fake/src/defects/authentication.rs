//! AUTH (RFC 5034).

use proto::Verb;
use sasl::{Mechanism, base64};

use super::Defect;
use super::hooks::{after, before, instead};
use crate::reply::{Reply, Status, Then};
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc5034.capa.lower-case",
        summary: "LOGIN is announced in lower case",
        proves: &["rfc5034.capa.list"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Capa) {
                reply.map_lines(|_, line| {
                    let words = line.split(|&octet| octet == b' ');
                    let lower = words.map(|word| if word == b"LOGIN" { &b"login"[..] } else { word });
                    lower.collect::<Vec<_>>().join(&b' ')
                });
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.unknown-mechanism",
        summary: "an unknown mechanism is taken for PLAIN",
        proves: &["rfc5034.auth.unknown-mech"],
        hooks: before(|circumstance, asked| {
            let unknown = asked.word(0).is_some_and(|name| Mechanism::parse(name).is_none());
            if asked.is(Verb::Auth) && unknown && !circumstance.logged_in() {
                asked.set_word(0, b"PLAIN");
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.mechanism-case",
        summary: "mechanism names are known in upper case only",
        proves: &["rfc5034.auth.mech-case"],
        hooks: instead(|circumstance, asked| {
            let name = asked.word(0).filter(|_| asked.is(Verb::Auth) && !circumstance.logged_in())?;
            name.iter().any(u8::is_ascii_lowercase).then(|| Reply::err("Unknown mechanism"))
        }),
    },
    Defect {
        id: "rfc5034.auth.plain-challenge",
        summary: "challenges are sent without base64",
        proves: &["rfc5034.auth.challenge-form"],
        hooks: after(|_, _, reply| {
            let decoded = base64::decode(reply.text());
            if let Some(octets) = decoded.ok().filter(|_| reply.status == Status::Challenge) {
                reply.reword(octets);
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.plus-text",
        summary: "an empty challenge has a friendly text",
        proves: &["rfc5034.auth.empty-challenge"],
        hooks: after(|_, _, reply| {
            if reply.status == Status::Challenge && reply.text().is_empty() {
                reply.reword("go ahead");
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.ignores-initial-response",
        summary: "an initial response is ignored",
        proves: &["rfc5034.auth.initial-response"],
        hooks: before(|_, asked| {
            if !server_first(asked) {
                drop_initial_response(asked);
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.refuses-two-steps",
        summary: "PLAIN without an initial response always fails",
        proves: &["rfc5034.auth.two-step"],
        hooks: after(|circumstance, asked, reply| {
            let late = asked.response().is_some() && circumstance.past.exchange.in_two_steps;
            if late && circumstance.past.exchange_is("PLAIN") && reply.is_ok() {
                circumstance.log_out();
                *reply = Reply::coded("AUTH", "Wrong name or password");
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.equals-is-nothing",
        summary: "an initial response of = is taken for none",
        proves: &["rfc5034.auth.equals"],
        hooks: before(|_, asked| {
            if asked.word(1) == Some(b"=") && !server_first(asked) {
                drop_initial_response(asked);
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.drops-initial-response",
        summary: "an initial response is dropped where the server has to speak first",
        proves: &["rfc5034.auth.ir-server-first"],
        hooks: before(|_, asked| {
            if server_first(asked) {
                drop_initial_response(asked);
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.cancel-ok",
        summary: "a cancelled exchange is answered +OK",
        proves: &["rfc5034.auth.cancel"],
        hooks: after(|_, asked, reply| {
            if asked.response() == Some(b"*") {
                *reply = Reply::ok("Cancelled");
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.lenient-base64",
        summary: "foreign printable characters in base64 are skipped",
        proves: &["rfc5034.auth.bad-base64"],
        hooks: before(|_, asked| {
            let belongs = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
            let skips = |text: &[u8]| text.iter().copied().filter(belongs).collect::<Vec<u8>>();
            match asked {
                Asked::Response(line) if line != b"*" => *line = skips(line),
                Asked::Command(_) if asked.is(Verb::Auth) => {
                    if let Some(initial) = asked.word(1).map(skips) {
                        asked.set_word(1, &initial);
                    }
                }
                _ => {}
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.trims-response",
        summary: "blanks and tabs around a response are removed",
        proves: &["rfc5034.auth.ctl-in-response"],
        hooks: before(|_, asked| match asked {
            Asked::Response(line) => *line = line.trim_ascii().to_vec(),
            Asked::Command(line) if line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH")) => {
                *line = line.trim_ascii_end().to_vec();
            }
            _ => {}
        }),
    },
    Defect {
        id: "rfc5034.auth.failure-sticks",
        summary: "after a failed AUTH every further AUTH on the connection fails",
        proves: &["rfc5034.auth.failure"],
        hooks: after(|circumstance, asked, reply| {
            let sasl = asked.response().is_some() || asked.is(Verb::Auth);
            if sasl && reply.is_ok() && circumstance.past.was_refused(Verb::Auth) {
                circumstance.log_out();
                *reply = Reply::coded("AUTH", "Wrong name or password");
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.again",
        summary: "AUTH is answered +OK after login",
        proves: &["rfc5034.auth.again"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::Auth) && circumstance.logged_in()).then(|| Reply::ok("Still logged in"))
        }),
    },
    Defect {
        id: "rfc5034.auth.skips-last-challenge",
        summary: "SCRAM ends with +OK instead of the challenge that proves the server",
        proves: &["rfc5802.scram.exchange"],
        hooks: after(|circumstance, _, reply| {
            let last = base64::decode(reply.text()).is_ok_and(|octets| octets.starts_with(b"v="));
            if reply.status == Status::Challenge && last {
                *reply = Asked::Response(Vec::new()).answer(circumstance.session);
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.short-lines",
        summary: "a response of more than 600 octets is refused as too long",
        proves: &["rfc5034.auth.long-lines"],
        hooks: instead(|circumstance, asked| {
            let long = asked.response().is_some_and(|line| line.len() > 600);
            long.then(|| Asked::TooLong.answer(circumstance.session))
        }),
    },
    Defect {
        id: "rfc5034.auth.obeys-quit",
        summary: "QUIT in the middle of an exchange ends the session",
        proves: &["rfc5034.auth.not-a-command"],
        hooks: instead(|_, asked| {
            let quits = asked.response().is_some_and(|line| line.starts_with(b"QUIT"));
            quits.then(|| Reply::ok("Bye").then(Then::Close))
        }),
    },
    Defect {
        id: "rfc4422.external.open",
        summary: "EXTERNAL is announced, and answered +OK without any certificate",
        proves: &["rfc4422.external.no-cert"],
        hooks: instead(|circumstance, asked| {
            let external = asked.word(0).is_some_and(|name| name.eq_ignore_ascii_case(b"EXTERNAL"));
            (asked.is(Verb::Auth) && external && !circumstance.logged_in()).then(|| Reply::ok("Hello"))
        })
        .and_after(|_, asked, reply| {
            if asked.is(Verb::Capa) {
                reply.map_lines(|_, mut line| {
                    if line.starts_with(b"SASL ") {
                        line.extend_from_slice(b" EXTERNAL");
                    }
                    line
                });
            }
        }),
    },
];

/// Whether AUTH names a mechanism in which the server speaks first.
fn server_first(asked: &Asked) -> bool {
    asked.word(0).and_then(Mechanism::parse).is_some_and(Mechanism::server_first)
}

fn drop_initial_response(asked: &mut Asked) {
    if let Some(name) = asked.word(0).filter(|_| asked.is(Verb::Auth) && asked.word(1).is_some()) {
        asked.replace([b"AUTH ", name].concat());
    }
}

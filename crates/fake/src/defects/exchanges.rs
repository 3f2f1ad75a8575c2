//! AUTH and its lines (RFC 5034), as hasty programs have them.

use proto::Verb;
use sasl::{Mechanism, base64};

use super::Defect;
use super::acts::{hangs_up, several};
use super::capabilities::exchange;
use super::hooks::{after, before, instead};
use crate::reply::{Reply, Status};
use crate::server::State;
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc5034.capa.no-mechanism",
        summary: "SASL is announced without any mechanism",
        proves: &["rfc5034.capa.list"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"SASL ", b"SASL")),
    },
    Defect {
        id: "rfc5034.capa.commas",
        summary: "mechanisms are announced with commas between them",
        proves: &["rfc5034.capa.list"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Capa) {
                reply.map_lines(|_, line| match line.strip_prefix(b"SASL ") {
                    Some(names) => {
                        let names = names.iter().map(|&octet| if octet == b' ' { b',' } else { octet });
                        b"SASL ".iter().copied().chain(names).collect()
                    }
                    None => line,
                });
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.unknown-hangs-up",
        summary: "an unknown mechanism closes the connection without a reply",
        proves: &["rfc5034.auth.unknown-mech"],
        hooks: instead(|circumstance, asked| {
            let unknown = asked.word(0).is_some_and(|name| Mechanism::parse(name).is_none());
            (asked.is(Verb::Auth) && unknown && !circumstance.logged_in()).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc5034.auth.ok-for-plus",
        summary: "challenges begin with +OK",
        proves: &["rfc5034.auth.challenge-form"],
        hooks: after(|_, _, reply| {
            if reply.status == Status::Challenge {
                reply.respell([b"+OK ", &*reply.text(), b"\r\n"].concat());
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.unpadded",
        summary: "challenges are base64 without the padding",
        proves: &["rfc5034.auth.challenge-form"],
        hooks: after(|_, _, reply| {
            if reply.status == Status::Challenge {
                let text: Vec<u8> = reply.text().iter().copied().filter(|&octet| octet != b'=').collect();
                reply.reword(text);
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.bare-plus",
        summary: "an empty challenge is a plus without the space",
        proves: &["rfc5034.auth.empty-challenge"],
        hooks: after(|_, _, reply| {
            if reply.status == Status::Challenge && reply.text().is_empty() {
                reply.respell(b"+\r\n");
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.no-initial-response",
        summary: "AUTH takes a mechanism and no initial response",
        proves: &["rfc5034.auth.initial-response"],
        hooks: instead(|_, asked| {
            (asked.is(Verb::Auth) && asked.word(1).is_some()).then(|| Reply::err("AUTH takes one argument"))
        }),
    },
    Defect {
        id: "rfc5034.auth.reads-command",
        summary: "the line behind a challenge is taken for a command",
        proves: &["rfc5034.auth.two-step"],
        hooks: instead(|circumstance, asked| {
            let line = asked.response()?;
            circumstance.session.state = State::beginning();
            Some(several(circumstance, [line]))
        }),
    },
    Defect {
        id: "rfc5034.auth.cancel-goes-on",
        summary: "a cancelled exchange is refused and goes on, so that the next line is a response",
        proves: &["rfc5034.auth.cancel"],
        hooks: instead(|circumstance, asked| {
            let exchange = &circumstance.past.exchange;
            let cancelled = exchange.responses.last().is_some_and(|line| line == b"*");
            let directly = circumstance.past.last.is_some_and(|(verb, _)| verb == Verb::Auth);
            (cancelled && directly && matches!(asked, Asked::Command(_))).then(|| Reply::err("Not base64"))
        }),
    },
    Defect {
        id: "rfc5034.auth.cancel-hangs-up",
        summary: "a cancelled exchange closes the connection without a reply",
        proves: &["rfc5034.auth.cancel"],
        hooks: instead(|_, asked| (asked.response() == Some(b"*")).then(hangs_up)),
    },
    Defect {
        id: "rfc5034.auth.stops-at-foreign",
        summary: "base64 is decoded up to the first character that does not belong into it",
        proves: &["rfc5034.auth.bad-base64"],
        hooks: before(|_, asked| {
            let stops = |text: &[u8]| {
                let belongs = |octet: &&u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
                text.iter().take_while(belongs).copied().collect::<Vec<u8>>()
            };
            match asked {
                Asked::Response(line) if line != b"*" => *line = stops(line),
                Asked::Command(_) if asked.is(Verb::Auth) => {
                    if let Some(initial) = asked.word(1).map(stops) {
                        asked.set_word(1, &initial);
                    }
                }
                _ => {}
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.blanks-skipped",
        summary: "blanks and control characters in the middle of a response are skipped",
        proves: &["rfc5034.auth.ctl-in-response"],
        hooks: before(|_, asked| {
            if let Asked::Response(line) = asked {
                line.retain(u8::is_ascii_graphic);
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.opens-nothing",
        summary: "AUTH is answered +OK, and the session does not leave the AUTHORIZATION state",
        proves: &["rfc5034.auth.success"],
        hooks: after(|circumstance, asked, reply| {
            if reply.is_ok() && (asked.response().is_some() || asked.is(Verb::Auth)) {
                circumstance.log_out();
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.after-pass",
        summary: "after a login by PASS, AUTH begins another one",
        proves: &["rfc5034.auth.again"],
        hooks: instead(|circumstance, asked| {
            if asked.is(Verb::Auth) && circumstance.past.login == Some(Verb::Pass) && circumstance.logged_in()
            {
                circumstance.log_out();
            }
            None
        }),
    },
    Defect {
        id: "rfc5034.auth.data-with-ok",
        summary: "the proof of the server in SCRAM stands in the text of +OK",
        proves: &["rfc5034.auth.no-data-with-ok"],
        hooks: after(|circumstance, _, reply| {
            let last = base64::decode(reply.text()).is_ok_and(|octets| octets.starts_with(b"v="));
            if reply.status == Status::Challenge && last {
                let proof = reply.text().into_owned();
                *reply = Asked::Response(Vec::new()).answer(circumstance.session);
                reply.reword(proof);
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.cut-at-1024",
        summary: "a response is read into 1024 octets, and what does not fit is a command",
        proves: &["rfc5034.auth.long-lines"],
        hooks: before(|_, asked| {
            if let Asked::Response(line) = asked {
                line.truncate(1024);
            }
        })
        .and_after(|_, asked, reply| {
            if asked.response().is_some_and(|line| line.len() == 1024) {
                reply.append(b"-ERR Unknown command\r\n");
            }
        }),
    },
    Defect {
        id: "rfc5034.auth.third-word-ignored",
        summary: "words behind the initial response are ignored",
        proves: &["rfc5034.auth.extra-arg"],
        hooks: before(|_, asked| {
            if asked.is(Verb::Auth) {
                let words: Vec<&[u8]> = asked.line().split(|&octet| octet == b' ').take(3).collect();
                asked.replace(words.join(&b' '));
            }
        }),
    },
    Defect {
        id: "rfc5034.plain.refused-under-tls",
        summary: "PLAIN is announced under TLS, and unknown there",
        proves: &["rfc5034.plain.tls"],
        hooks: instead(|circumstance, asked| {
            let plain = names(asked, "PLAIN") && circumstance.session.channel == crate::Channel::Tls;
            (plain && !circumstance.logged_in()).then(|| Reply::err("Unknown mechanism"))
        }),
    },
    Defect {
        id: "rfc5034.auth.login-unknown",
        summary: "LOGIN is announced, and unknown",
        proves: &["rfc2449.capa.truthful"],
        hooks: instead(|circumstance, asked| {
            let login = names(asked, "LOGIN") && !circumstance.logged_in();
            login.then(|| Reply::err("Unknown mechanism"))
        }),
    },
    Defect {
        id: "rfc5034.auth.obeys-commands",
        summary: "a line of an exchange that is not base64 is obeyed as a command",
        proves: &["rfc5034.auth.not-a-command"],
        hooks: instead(|circumstance, asked| {
            let line = asked.response().filter(|line| *line != b"*" && base64::decode(line).is_err())?;
            circumstance.session.state = State::beginning();
            Some(several(circumstance, [line]))
        }),
    },
    Defect {
        id: "rfc4505.anonymous.opens",
        summary: "ANONYMOUS is announced, and opens the first maildrop",
        proves: &["practice.anonymous"],
        hooks: instead(|circumstance, asked| {
            if !names(asked, "ANONYMOUS") || circumstance.logged_in() {
                return None;
            }
            let world = circumstance.session.world.clone();
            let first = world.configuration().accounts.first()?;
            Some(circumstance.session.log_in(world.find(&first.user)?))
        })
        .and_after(|_, asked, reply| announce_mechanism(asked, reply, " ANONYMOUS")),
    },
    Defect {
        id: "rfc5802.scram.plus-in-clear",
        summary: "SCRAM-SHA-256-PLUS is announced in the clear too, where there is nothing to bind to",
        proves: &["rfc5802.scram.plus"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.session.channel == crate::Channel::Clear {
                announce_mechanism(asked, reply, " SCRAM-SHA-256-PLUS");
            }
        }),
    },
];

/// Whether AUTH names this mechanism.
pub(super) fn names(asked: &Asked, mechanism: &str) -> bool {
    asked.is(Verb::Auth) && asked.word(0).is_some_and(|name| name.eq_ignore_ascii_case(mechanism.as_bytes()))
}

/// Adds a mechanism to the list.
pub(super) fn announce_mechanism(asked: &Asked, reply: &mut Reply, mechanism: &str) {
    if asked.is(Verb::Capa) {
        reply.map_lines(|_, mut line| {
            if line.starts_with(b"SASL ") {
                line.extend_from_slice(mechanism.as_bytes());
            }
            line
        });
    }
}

//! APOP digests and timestamps (RFC 1939 section 7).

use proto::Verb;

use super::Defect;
use super::acts::hangs_up;
use super::hooks::{after, before};
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.apop.no-at",
        summary: "the timestamp has no @",
        proves: &["rfc1939.apop.timestamp-syntax"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                let text: Vec<u8> = reply.text().iter().copied().filter(|&octet| octet != b'@').collect();
                reply.reword(text);
            }
        })
        .and_before(|circumstance, asked| {
            translate(circumstance, asked, |timestamp| timestamp.replace('@', ""));
        }),
    },
    Defect {
        id: "rfc1939.apop.spaces",
        summary: "the timestamp is a date with spaces in it",
        proves: &["rfc1939.apop.timestamp-syntax"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                let mut text = reply.text().into_owned();
                text.iter_mut().filter(|octet| **octet == b'.').for_each(|octet| *octet = b' ');
                reply.reword(text);
            }
        })
        .and_before(|circumstance, asked| {
            translate(circumstance, asked, |timestamp| timestamp.replace('.', " "));
        }),
    },
    Defect {
        id: "rfc1939.apop.clock-of-seconds",
        summary: "the timestamp is a clock of seconds: connections shortly one after the other have the same",
        proves: &["rfc1939.apop.timestamp-unique"],
        hooks: super::hooks::begin(|circumstance| {
            circumstance.session.nonces.greeting = circumstance.session.number / 3;
        }),
    },
    Defect {
        id: "rfc1939.apop.counter",
        summary: "the timestamp is a counter and the name of the host",
        proves: &["rfc1939.apop.timestamp-entropy"],
        hooks: after(|circumstance, asked, reply| {
            if *asked == Asked::Nothing {
                let counted = counter(&timestamp(circumstance));
                reply.reword(format!("poplab POP3 server ready {counted}"));
            }
        })
        .and_before(|circumstance, asked| translate(circumstance, asked, counter)),
    },
    Defect {
        id: "rfc1939.apop.without-brackets",
        summary: "the digest is made of the timestamp without its angle brackets",
        proves: &["rfc1939.apop.login"],
        hooks: before(|circumstance, asked| {
            translate(circumstance, asked, |timestamp| {
                timestamp.trim_start_matches('<').trim_end_matches('>').to_owned()
            });
        }),
    },
    Defect {
        id: "rfc1939.apop.password-first",
        summary: "the digest is made of the password and the timestamp behind it",
        proves: &["rfc1939.apop.login"],
        hooks: before(|circumstance, asked| {
            let reversed = forgive(circumstance, asked, |timestamp, password, sent| {
                sasl::apop::digest(password, timestamp).as_bytes() == sent
            });
            if !reversed && asked.is(Verb::Apop) && asked.word(1).is_some() {
                asked.set_word(1, &[b'0'; 32]);
            }
        }),
    },
    Defect {
        id: "rfc1939.apop.eight-digits",
        summary: "of a digest the first eight digits are compared",
        proves: &["rfc1939.apop.bad"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |timestamp, password, sent| {
                sasl::apop::digest(timestamp, password).as_bytes().get(..8) == sent.get(..8)
            });
        }),
    },
    Defect {
        id: "rfc1939.apop.as-far-as-sent",
        summary: "a digest is compared as far as it was sent",
        proves: &["rfc1939.apop.syntax"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |timestamp, password, sent| {
                sasl::apop::digest(timestamp, password).as_bytes().starts_with(sent)
            });
        }),
    },
    Defect {
        id: "rfc1939.apop.more-digits",
        summary: "a digest may have anything behind its 32 digits",
        proves: &["rfc1939.apop.syntax"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |timestamp, password, sent| {
                sent.starts_with(sasl::apop::digest(timestamp, password).as_bytes())
            });
        }),
    },
    Defect {
        id: "rfc1939.apop.replayed",
        summary: "a digest of any earlier timestamp is accepted too",
        proves: &["rfc1939.apop.replay"],
        hooks: before(|circumstance, asked| {
            let (own, nonces) = (circumstance.session.number, circumstance.session.nonces);
            let host = circumstance.session.world.configuration().host.clone();
            for number in 1..own {
                let mut earlier = nonces;
                earlier.greeting = number;
                let mut timestamp = Vec::new();
                earlier.timestamp(&host, &mut timestamp);
                let earlier = String::from_utf8_lossy(&timestamp).into_owned();
                forgive(circumstance, asked, |_, password, sent| {
                    sasl::apop::digest(&earlier, password).as_bytes() == sent
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.apop.failure-hangs-up",
        summary: "after a wrong digest the connection is closed without a reply",
        proves: &["rfc1939.apop.bad"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Apop) && reply.is_err() {
                *reply = hangs_up();
            }
        }),
    },
    Defect {
        id: "rfc1939.apop.opens-nothing",
        summary: "the right digest is answered +OK, and the session does not leave the AUTHORIZATION state",
        proves: &["rfc1939.apop.login"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::Apop) && reply.is_ok() {
                circumstance.log_out();
            }
        }),
    },
    Defect {
        id: "rfc1939.apop.no-timestamp",
        summary: "the greeting has no timestamp, and APOP takes the digest of the password alone",
        proves: &["practice.apop.no-timestamp"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                reply.reword("poplab POP3 server ready");
            }
        })
        .and_before(|circumstance, asked| translate(circumstance, asked, |_| String::new())),
    },
];

fn timestamp(circumstance: &Circumstance<'_>) -> String {
    let mut timestamp = Vec::new();
    circumstance.session.nonces.timestamp(&circumstance.session.world.configuration().host, &mut timestamp);
    String::from_utf8_lossy(&timestamp).into_owned()
}

/// The timestamp without what cannot be foreseen in it.
fn counter(timestamp: &str) -> String {
    let foreseen = timestamp.split_once('.').map_or(timestamp, |(_, rest)| rest);
    format!("<{foreseen}")
}

/// Accepts the digest of another timestamp, and the one of the right timestamp no more.
fn translate(circumstance: &Circumstance<'_>, asked: &mut Asked, other: impl Fn(&str) -> String) {
    if !forgive(circumstance, asked, |timestamp, password, sent| {
        sasl::apop::digest(&other(timestamp), password).as_bytes() == sent
    }) && asked.is(Verb::Apop)
        && asked.word(1).is_some()
    {
        asked.set_word(1, &[b'0'; 32]);
    }
}

/// Puts the right digest in the place of one that looks right, from timestamp, password and what was sent. Whether it does.
fn forgive(
    circumstance: &Circumstance<'_>,
    asked: &mut Asked,
    looks_right: impl Fn(&str, &str, &[u8]) -> bool,
) -> bool {
    let Some((name, sent)) = asked.word(0).zip(asked.word(1)).filter(|_| asked.is(Verb::Apop)) else {
        return false;
    };
    let Some(owner) = circumstance.session.owner(name) else { return false };
    let (timestamp, password) = (timestamp(circumstance), circumstance.session.world.password(owner));
    let right = looks_right(&timestamp, &password, sent);
    if right {
        asked.set_word(1, sasl::apop::digest(&timestamp, &password).as_bytes());
    }
    right
}

//! How names and passwords are read and compared (RFC 1939 section 7).

use proto::Verb;

use super::Defect;
use super::acts::hangs_up;
use super::hooks::{after, before, instead};
use super::login::forgive;
use crate::reply::{Content, Reply};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.pass.eight-characters",
        summary: "of a password the first eight characters count, as with crypt",
        proves: &["rfc1939.pass.wrong"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |right, sent| {
                right.get(..8).unwrap_or(right) == sent.get(..8).unwrap_or(sent)
            });
        }),
    },
    Defect {
        id: "rfc1939.pass.as-far-as-sent",
        summary: "a password is compared as far as it was sent",
        proves: &["rfc1939.pass.wrong"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |right, sent| !sent.is_empty() && right.starts_with(sent));
        }),
    },
    Defect {
        id: "rfc1939.pass.first-word",
        summary: "a password ends at its first space",
        proves: &["rfc1939.pass.wrong"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |right, sent| {
                let word = |text: &[u8]| text.split(|&octet| octet == b' ').next().map(<[u8]>::to_vec);
                word(right) == word(sent)
            });
        }),
    },
    Defect {
        id: "rfc1939.pass.two-words-hang-up",
        summary: "a password with a space in it closes the connection without a reply",
        proves: &["rfc1939.pass.spaces"],
        hooks: instead(|_, asked| (asked.is(Verb::Pass) && asked.word(1).is_some()).then(hangs_up)),
    },
    Defect {
        id: "rfc1939.pass.trimmed",
        summary: "spaces before and behind a password are removed",
        proves: &["practice.pass.edge-spaces"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |right, sent| {
                !sent.is_empty() && right.trim_ascii() == sent.trim_ascii()
            });
        }),
    },
    Defect {
        id: "rfc1939.pass.none-hangs-up",
        summary: "PASS without a password closes the connection without a reply",
        proves: &["rfc1939.pass.empty"],
        hooks: instead(|circumstance, asked| {
            let named = circumstance.session.name().is_some();
            (asked.is(Verb::Pass) && asked.arguments().is_empty() && named).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc1939.pass.letters-only",
        summary: "letters and digits of a password count, and nothing else in it",
        proves: &["rfc1939.pass.wrong"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |right, sent| {
                let letters =
                    |text: &[u8]| text.iter().copied().filter(u8::is_ascii_alphanumeric).collect::<Vec<u8>>();
                !sent.is_empty() && letters(right) == letters(sent)
            });
        }),
    },
    Defect {
        id: "rfc1939.user.opens-nothing",
        summary: "the right password is answered +OK, and the session does not leave the AUTHORIZATION state",
        proves: &["rfc1939.user.login"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::Pass) && reply.is_ok() {
                circumstance.log_out();
            }
        }),
    },
    Defect {
        id: "rfc1939.apop.announced-by-capa",
        summary: "APOP stands in the list of capabilities",
        proves: &["rfc2449.apop.no-capa"],
        hooks: after(|_, asked, reply| super::capabilities::announce(asked, reply, b"APOP")),
    },
    Defect {
        id: "rfc1225.rpop.trusts",
        summary: "RPOP with any name opens the maildrop that USER has named, as for hosts that are trusted",
        proves: &["rfc1225.rpop"],
        hooks: instead(|circumstance, asked| {
            let trusted = asked.keyword().eq_ignore_ascii_case(b"RPOP") && !circumstance.logged_in();
            let owner = circumstance.session.owner(circumstance.session.name().filter(|_| trusted)?)?;
            Some(circumstance.session.log_in(owner))
        }),
    },
    Defect {
        id: "rfc1082.xtnd.waits",
        summary: "XTND XMIT waits for a message and takes every command for a part of it",
        proves: &["rfc1939.cmd.unimplemented"],
        hooks: instead(|circumstance, asked| {
            let begins = asked.keyword().eq_ignore_ascii_case(b"XTND");
            let within = super::acts::left(circumstance).is_some();
            if !circumstance.logged_in() || !(begins || within) {
                return None;
            }
            if asked.line() == b"." {
                return Some(Reply::ok("Message sent"));
            }
            super::acts::leave(circumstance, Vec::new());
            Some(if begins && !within { Reply::ok("Send the message") } else { Reply::nothing() })
        })
        .and_lost(super::acts::forget),
    },
    Defect {
        id: "practice.sec.root-without-password",
        summary: "root and administrator have a maildrop, which any password opens",
        proves: &["practice.sec.privilege"],
        hooks: instead(|circumstance, asked| {
            let privileged = |name: &[u8]| matches!(name, b"root" | b"administrator" | b"admin");
            let known = |verb: Verb| {
                circumstance.past.name.as_deref().is_some_and(privileged) && circumstance.past.count(verb) > 0
            };
            match asked.verb()? {
                Verb::Pass if known(Verb::User) && !circumstance.logged_in() => {
                    Some(Reply::ok("Maildrop open"))
                }
                Verb::Stat if known(Verb::Pass) && !circumstance.logged_in() => Some(Reply::numbers(0, 0)),
                Verb::List | Verb::Uidl if known(Verb::Pass) && !circumstance.logged_in() => {
                    Some(Reply::ok("Listing follows").with(Content::lines([])))
                }
                _ => None,
            }
        }),
    },
];

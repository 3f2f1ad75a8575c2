//! Ways to log in, the lock, and logins that are put off.

use proto::Verb;

use super::{Persona, acts, capabilities, logs_in, plain_greeting, set_up, unannounced, unknown};
use crate::reply::{Content, Reply};
use crate::twist::hooks::{after, before, instead, lost};

/// RFC 1939 section 4.
const ONE_IS_ENOUGH: &str = "A1: \"Optional. Require only that one of USER/PASS, APOP, AUTH works\"";

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "login.user-only",
        summary: "there are USER and PASS, and neither APOP nor AUTH",
        right: ONE_IS_ENOUGH,
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                plain_greeting(asked, reply);
                unannounced(asked, reply, &["SASL"]);
            })
            .and_instead(|_, asked| unknown(asked, &[Verb::Apop, Verb::Auth])),
        ),
    },
    Persona {
        id: "login.apop-only",
        summary: "there is APOP, and neither USER nor AUTH",
        right: ONE_IS_ENOUGH,
        practice: &[],
        form: acts(
            after(|_, asked, reply| unannounced(asked, reply, &["SASL", "USER"]))
                .and_instead(|_, asked| unknown(asked, &[Verb::User, Verb::Pass, Verb::Auth])),
        ),
    },
    Persona {
        id: "login.auth-only",
        summary: "there is AUTH, and neither USER nor APOP",
        right: ONE_IS_ENOUGH,
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                plain_greeting(asked, reply);
                unannounced(asked, reply, &["USER"]);
            })
            .and_instead(|_, asked| unknown(asked, &[Verb::User, Verb::Pass, Verb::Apop])),
        ),
    },
    Persona {
        id: "login.plain-only",
        summary: "PLAIN is the only mechanism",
        right: "RFC 5034 section 6: PLAIN with TLS is the mechanism that servers must have",
        practice: &[],
        form: acts(
            instead(|_, asked| {
                let other = asked.word(0).is_some_and(|name| !name.eq_ignore_ascii_case(b"PLAIN"));
                (asked.is(Verb::Auth) && other).then(|| Reply::err("Unknown mechanism"))
            })
            .and_after(|_, asked, reply| {
                capabilities(asked, reply, |lines| {
                    for line in lines.iter_mut().filter(|line| line.starts_with(b"SASL ")) {
                        *line = b"SASL PLAIN".to_vec();
                    }
                });
            }),
        ),
    },
    Persona {
        id: "login.auth-lists",
        summary: "AUTH without a mechanism gives a list of them",
        right: "A29, AUTH without argument: \"Both pass.\"",
        practice: &[],
        form: acts(instead(|circumstance, asked| {
            let bare = asked.is_bare(Verb::Auth) && !circumstance.logged_in();
            let lines = || {
                Content::lines(["PLAIN", "CRAM-MD5", "SCRAM-SHA-256"].map(|name| name.as_bytes().to_vec()))
            };
            bare.then(|| Reply::ok("Mechanisms follow").with(lines()))
        })),
    },
    Persona {
        id: "login.unknown-name",
        summary: "USER refuses names of which there is no maildrop",
        right: "RFC 1939 section 7: \"-ERR sorry, no mailbox for frated here\" is its example; A19: never a failure",
        practice: &["practice.sec.user-enum"],
        form: acts(instead(|circumstance, asked| {
            let name = asked.word(0).filter(|_| asked.is(Verb::User) && asked.word(1).is_none())?;
            let refused = !circumstance.logged_in()
                && circumstance.session.takes_cleartext()
                && circumstance.session.owner(name).is_none();
            refused.then(|| Reply::err("Sorry, no mailbox of that name here"))
        })),
    },
    Persona {
        id: "login.user-anew",
        summary: "a second USER is refused until PASS was said",
        right: "A15: \"Either; if accepted, the last name must be the one used\"",
        practice: &[],
        form: acts(instead(|circumstance, asked| {
            let named = circumstance.session.name().is_some();
            (asked.is(Verb::User) && named).then(|| Reply::err("You have said USER"))
        })),
    },
    Persona {
        id: "login.forgets-name",
        summary: "any command between USER and PASS makes the server forget the name",
        right: "A3: \"Either is accepted\"; the RFC says \"immediately after\"",
        practice: &[],
        form: acts(before(|circumstance, asked| {
            let kept = [Verb::User, Verb::Pass, Verb::Quit];
            if asked.response().is_none() && !asked.verb().is_some_and(|verb| kept.contains(&verb)) {
                circumstance.session.set_name(None);
            }
        })),
    },
    Persona {
        id: "login.only-pass",
        summary: "behind USER all commands but PASS and QUIT are refused",
        right: "RFC 1939 section 7 USER: the client \"may issue either the PASS command to complete the authentication, or the QUIT command\"",
        practice: &[],
        form: acts(instead(|circumstance, asked| {
            let expected = asked.response().is_some() || asked.is(Verb::Pass) || asked.is(Verb::Quit);
            (circumstance.session.name().is_some() && !circumstance.logged_in() && !expected)
                .then(|| Reply::err("Say PASS"))
        })),
    },
    Persona {
        id: "login.delay",
        summary: "LOGIN-DELAY is announced, and every second login is put off for being too soon",
        right: "RFC 2449 section 6.5: a server that enforces a delay between logins announces it and refuses those that come too soon",
        practice: &[],
        form: super::Form {
            set_up: Some(|configuration| configuration.policy.login_delays = 1),
            ..acts(after(|_, asked, reply| {
                capabilities(asked, reply, |lines| lines.push(b"LOGIN-DELAY 1".to_vec()));
            }))
        },
    },
    Persona {
        id: "login.momentary",
        summary: "every seventh session finds that logging in is not possible for the moment",
        right: "RFC 3206 section 4: SYS/TEMP says that a problem is temporary and that trying again may help",
        practice: &[],
        form: acts(after(|circumstance, asked, reply| {
            if circumstance.session.number % 7 == 0
                && reply.is_ok()
                && logs_in(asked)
                && circumstance.logged_in()
            {
                circumstance.log_out();
                *reply = Reply::coded("SYS/TEMP", "The mail store does not answer");
            }
        })),
    },
    Persona {
        id: "lock.none",
        summary: "several sessions are let into a maildrop; each keeps what it saw when it began",
        right: "A2: \"A second login that is admitted is recorded, not failed\": the lock is there to keep messages from changing",
        practice: &[],
        form: acts(before(|circumstance, asked| {
            if !circumstance.logged_in() && logs_in(asked) {
                circumstance.session.world.clone().with_all(crate::world::Maildrop::unlock);
            }
        })),
    },
    Persona {
        id: "lock.no-code",
        summary: "a busy maildrop is refused without a response code",
        right: "RFC 1939 section 4: \"the POP3 server responds with a negative status indicator\", and no more is asked for",
        practice: &[],
        form: set_up(|configuration| configuration.policy.busy_without_code = true),
    },
    Persona {
        id: "lock.lingers",
        summary: "a session that was lost keeps the maildrop for two more logins",
        right: "RFC 1939 section 4 has the lock last until the session ends; when a lost connection is noticed is nowhere said",
        practice: &[],
        form: acts(
            lost(|circumstance, _| circumstance.with_open(|maildrop| maildrop.notes().cut_off = 2))
                .and_after(|circumstance, asked, reply| {
                    if !reply.is_ok() || !logs_in(asked) {
                        return;
                    }
                    let mut left = 0;
                    circumstance.with_open(|maildrop| {
                        left = maildrop.notes().cut_off;
                        maildrop.notes().cut_off = left.saturating_sub(1);
                    });
                    if left > 0 {
                        circumstance.log_out();
                        *reply = Reply::coded("IN-USE", "Maildrop is busy");
                    }
                }),
        ),
    },
];

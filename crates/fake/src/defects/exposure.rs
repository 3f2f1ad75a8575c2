//! What strangers learn, and how they get in or bring the server down: names, passwords, injection, crowds.

use std::time::Duration;

use proto::Verb;
use sasl::scram;

use super::Defect;
use super::acts::{after_crash, crash, hangs_up, no_handshake};
use super::hooks::{after, before, held, instead, lost};
use super::login::forgive;
use super::mechanisms::{first_message, plain_message};
use crate::reply::{Event, Interruption, Place, Reply, Status};
use crate::twist::{Asked, Circumstance};

/// Connections before login that the server has room for.
const ROOM: usize = 40;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "practice.sec.unknown-told",
        summary: "PASS says that there is no such user",
        proves: &["practice.sec.user-enum"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::Pass) && reply.code == Some("AUTH") && names_nobody(circumstance) {
                reply.reword("No such user");
            }
        }),
    },
    Defect {
        id: "practice.sec.unknown-hangs-up",
        summary: "PASS for a user that does not exist closes the connection without a reply",
        proves: &["practice.sec.user-enum"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::Pass) && reply.code == Some("AUTH") && names_nobody(circumstance) {
                *reply = hangs_up();
            }
        }),
    },
    Defect {
        id: "practice.sec.unknown-told-by-auth",
        summary: "AUTH PLAIN says that there is no such user",
        proves: &["practice.sec.user-enum"],
        hooks: after(|circumstance, asked, reply| {
            let user = plain_user(circumstance, asked);
            if reply.is_err() && user.is_some_and(|user| circumstance.session.owner(&user).is_none()) {
                reply.reword("No such user");
            }
        }),
    },
    Defect {
        id: "practice.sec.scram-knows",
        summary: "SCRAM refuses a user that does not exist at the first message",
        proves: &["practice.scram.unknown-user"],
        hooks: after(|circumstance, asked, reply| {
            let Some(first) = first_message(circumstance, asked) else { return };
            let unknown = scram::parse_client_first(&first)
                .is_ok_and(|first| circumstance.session.owner(first.user.as_bytes()).is_none());
            if unknown && reply.status == Status::Challenge {
                circumstance.log_out();
                *reply = Reply::coded("AUTH", "Wrong name or password");
            }
        }),
    },
    Defect {
        id: "practice.sec.hashes-if-known",
        summary: "a wrong password takes a tenth of a second if the user exists, and no time otherwise",
        proves: &["practice.sec.user-enum-timing"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::Pass) && reply.code == Some("AUTH") && !names_nobody(circumstance) {
                let event = Event::Say(crate::reply::wait(Duration::from_millis(100)));
                reply.interruptions.push(Interruption { place: Place::Octet(0), event });
            }
        }),
    },
    Defect {
        id: "practice.sec.locks-out",
        summary: "after three wrong passwords, from wherever, an account is locked for good",
        proves: &["practice.sec.no-lockout-of-owner"],
        hooks: instead(|circumstance, asked| {
            let name = circumstance.session.name().filter(|_| asked.is(Verb::Pass))?.to_vec();
            let failures =
                |remembered: &mut crate::world::Remembered| remembered.failures.get(&name).copied();
            let locked = circumstance.session.world.remember(failures).is_some_and(|failures| failures >= 3);
            locked.then(|| Reply::coded("AUTH", "Wrong name or password"))
        })
        .and_after(|circumstance, asked, reply| {
            let failed = asked.is(Verb::Pass) && reply.code == Some("AUTH") && !names_nobody(circumstance);
            if let Some(name) = circumstance.past.name.clone().filter(|_| failed) {
                circumstance.session.world.remember(|remembered| {
                    *remembered.failures.entry(name).or_default() += 1;
                });
            }
        }),
    },
    Defect {
        id: "practice.sec.password-echoed",
        summary: "the refusal of a password repeats it",
        proves: &["practice.sec.pass-not-echoed"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Pass) && reply.code == Some("AUTH") {
                let sent = asked.arguments().get(..60).unwrap_or(asked.arguments());
                reply.reword([b"Wrong password ", sent].concat());
            }
        }),
    },
    Defect {
        id: "practice.sec.credentials-echoed",
        summary: "the refusal of AUTH PLAIN repeats the base64 that was sent",
        proves: &["practice.sec.pass-not-echoed"],
        hooks: after(|circumstance, asked, reply| {
            if reply.is_err() && plain_message(circumstance, asked).is_some() {
                let sent = asked.response().or(asked.word(1)).unwrap_or_default();
                let sent = sent.get(..200).unwrap_or(sent);
                reply.reword([b"Refused: ", sent].concat());
            }
        }),
    },
    Defect {
        id: "practice.sec.name-echoed",
        summary: "the refusal of AUTH PLAIN repeats the name as it was decoded, line ends too",
        proves: &["practice.plain.crlf"],
        hooks: after(|circumstance, asked, reply| {
            if let Some(user) = plain_user(circumstance, asked).filter(|_| reply.is_err()) {
                let user = user.get(..80).unwrap_or(&user);
                reply.reword([b"Wrong password for ", user].concat());
            }
        }),
    },
    Defect {
        id: "practice.sec.name-first",
        summary: "the reply to USER begins with the name",
        proves: &["practice.sec.reflection", "rfc2449.resp.bracket"],
        hooks: after(|_, asked, reply| {
            if let Some(name) = asked.word(0).filter(|_| asked.is(Verb::User) && reply.is_ok()) {
                let name = name.get(..60).unwrap_or(name);
                reply.reword([name, b", send PASS"].concat());
            }
        }),
    },
    Defect {
        id: "practice.sec.path",
        summary: "of a name with slashes in it the part behind the last counts",
        proves: &["practice.sec.name-injection"],
        hooks: before(|_, asked| {
            if let Some(name) = asked.word(0).filter(|_| asked.is(Verb::User))
                && let Some(slash) = memchr::memrchr(b'/', name)
            {
                let file = name.get(slash + 1..).unwrap_or_default().to_vec();
                asked.set_word(0, &file);
            }
        }),
    },
    Defect {
        id: "practice.sec.sql",
        summary: "the name becomes a part of a query: ' OR 'x'='x opens the first maildrop whatever the password",
        proves: &["practice.sec.name-injection"],
        hooks: before(|circumstance, asked| {
            let Some(name) = asked.arguments().get(..).filter(|_| asked.is(Verb::User)) else { return };
            if is_query(name) && !circumstance.logged_in() {
                asked.replace("USER '");
            }
        })
        .and_instead(|circumstance, asked| {
            let asks = asked.is(Verb::Pass) && circumstance.session.name() == Some(b"'");
            let first = circumstance.session.world.configuration().accounts.first().filter(|_| asks)?;
            let owner = circumstance.session.world.find(&first.user)?;
            Some(circumstance.session.log_in(owner))
        }),
    },
    Defect {
        id: "practice.sec.sql-error",
        summary: "a quotation mark in a name is answered with the error of the database",
        proves: &["practice.sec.name-injection"],
        hooks: after(|circumstance, asked, reply| {
            let quoted = circumstance.past.name.as_ref().is_some_and(|name| name.contains(&b'\''));
            if asked.is(Verb::Pass) && quoted && reply.is_err() {
                *reply = Reply::err("Unterminated quoted string in: SELECT pass FROM users WHERE name = '");
            }
        }),
    },
    Defect {
        id: "practice.sec.format",
        summary: "a name is used as a format: %n in it crashes the server",
        proves: &["practice.sec.name-injection"],
        hooks: instead(|circumstance, asked| {
            let format = asked.is(Verb::User) && asked.arguments().windows(2).any(|pair| pair == b"%n");
            format.then(|| crash(circumstance))
        })
        .and_after(after_crash)
        .and_handshake(no_handshake),
    },
    Defect {
        id: "practice.sec.nul-in-password",
        summary: "passwords are compared up to a NUL",
        proves: &["practice.sec.nul-in-name"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |right, sent| {
                memchr::memchr(0, sent).is_some_and(|nul| sent.get(..nul) == Some(right))
            });
        }),
    },
    Defect {
        id: "practice.sec.crowd",
        summary: "while forty connections have not logged in, further ones are not served",
        proves: &["practice.sec.preauth-connections"],
        hooks: held(|circumstance| {
            let number = circumstance.session.number;
            let before = |remembered: &mut crate::world::Remembered| {
                remembered.under_way.range(..number).count() >= ROOM
            };
            !circumstance.logged_in() && circumstance.session.world.remember(before)
        })
        .and_begin(|circumstance| waits(circumstance, true))
        .and_opened(|circumstance| waits(circumstance, false))
        .and_lost(|circumstance, _| waits(circumstance, false)),
    },
    Defect {
        id: "practice.robust.loss-leaks",
        summary: "what a session that breaks has taken is not given back: after a hundred of them nobody can log in",
        proves: &["practice.robust.reset"],
        hooks: lost(|circumstance, _| {
            if circumstance.logged_in() {
                circumstance.session.world.remember(|remembered| remembered.sessions += 1);
            }
        })
        .and_after(|circumstance, asked, reply| {
            let exhausted = circumstance.session.world.remember(|remembered| remembered.sessions >= 100);
            let opens = circumstance.past.login.is_none() && circumstance.logged_in();
            if exhausted && opens && !asked.is(Verb::Quit) {
                circumstance.log_out();
                *reply = Reply::coded("SYS/TEMP", "Too many sessions");
            }
        }),
    },
    Defect {
        id: "practice.robust.grows-slow",
        summary: "each session that there was makes the login of the next ones slower by half a millisecond",
        proves: &["practice.robust.churn"],
        hooks: super::hooks::opened(|circumstance| {
            circumstance.session.world.remember(|remembered| remembered.sessions += 1);
        })
        .and_after(|circumstance, _, reply| {
            if circumstance.past.login.is_none() && circumstance.logged_in() {
                let sessions = circumstance.session.world.remember(|remembered| remembered.sessions);
                let event = Event::Say(crate::reply::wait(Duration::from_micros(500) * sessions));
                reply.interruptions.push(Interruption { place: Place::Octet(0), event });
            }
        }),
    },
];

/// Whether USER has named nobody who exists.
fn names_nobody(circumstance: &Circumstance<'_>) -> bool {
    circumstance.past.name.as_deref().is_none_or(|name| circumstance.session.owner(name).is_none())
}

/// The name in what this line brings to PLAIN.
fn plain_user(circumstance: &Circumstance<'_>, asked: &Asked) -> Option<Vec<u8>> {
    plain_message(circumstance, asked)?.split(|&octet| octet == 0).nth(1).map(<[u8]>::to_vec)
}

/// Whether a name ends the string that it stands in, and adds another condition.
fn is_query(name: &[u8]) -> bool {
    let name = name.to_ascii_uppercase();
    memchr::memmem::find(&name, b"' OR ").is_some()
}

/// Notes that a connection has not logged in, or not any more.
fn waits(circumstance: &Circumstance<'_>, begins: bool) {
    let number = circumstance.session.number;
    circumstance.session.world.remember(|remembered| {
        if begins { remembered.under_way.insert(number) } else { remembered.under_way.remove(&number) }
    });
}

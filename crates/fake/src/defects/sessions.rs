//! Greetings, and what a session may do in which state (RFC 1939 sections 3 to 5).

use std::sync::Arc;

use proto::Verb;

use super::Defect;
use super::acts::{hangs_up, leave, left};
use super::hooks::{after, before, instead, opened};
use crate::reply::{Content, Reply};
use crate::server::{State, Transaction};
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.greeting.waits",
        summary: "the greeting is sent when the client has said something",
        proves: &["rfc1939.greeting.unprompted"],
        hooks: after(|circumstance, asked, reply| {
            if *asked == Asked::Nothing {
                leave(circumstance, reply.line());
                *reply = Reply::nothing();
            } else if let Some(greeting) = left(circumstance) {
                reply.prepend(&greeting);
            }
        })
        .and_lost(super::acts::forget),
    },
    Defect {
        id: "rfc1939.greeting.of-smtp",
        summary: "the greeting begins with 220, as in SMTP",
        proves: &["rfc1939.greeting.positive"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                reply.respell([b"220 ", &*reply.text(), b"\r\n"].concat());
            }
        }),
    },
    Defect {
        id: "rfc2449.greeting.without-crlf",
        summary: "the greeting has 512 octets, its CRLF not counted",
        proves: &["rfc2449.greeting.length"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                let text = reply.text().into_owned();
                let padding = 508usize.saturating_sub(text.len() + 1);
                reply.reword([&b"=".repeat(padding)[..], b" ", &text].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.state.empty-before-login",
        summary: "before login LIST and UIDL show an empty maildrop",
        proves: &["rfc1939.state.trans-cmd-in-auth"],
        hooks: instead(|circumstance, asked| {
            let lists = asked.is_bare(Verb::List) || asked.is_bare(Verb::Uidl);
            let early = lists && !circumstance.logged_in();
            early.then(|| Reply::ok("Listing follows").with(Content::lines([])))
        }),
    },
    Defect {
        id: "rfc1939.state.dies-before-login",
        summary: "RETR, TOP and DELE before login close the connection without a reply, since there is no maildrop",
        proves: &["rfc1939.state.trans-cmd-in-auth"],
        hooks: instead(|circumstance, asked| {
            let reads = matches!(asked.verb(), Some(Verb::Retr | Verb::Top | Verb::Dele));
            (reads && !circumstance.logged_in()).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc1939.state.apop-in-transaction",
        summary: "PASS and APOP are answered +OK after login",
        proves: &["rfc1939.state.auth-cmd-in-trans"],
        hooks: instead(|circumstance, asked| {
            let again = matches!(asked.verb(), Some(Verb::Pass | Verb::Apop)) && circumstance.logged_in();
            again.then(|| Reply::ok("Maildrop open already"))
        }),
    },
    Defect {
        id: "rfc1939.state.user-logs-out",
        summary: "USER after login begins the session anew",
        proves: &["rfc1939.state.auth-cmd-in-trans"],
        hooks: before(|circumstance, asked| {
            if asked.is(Verb::User) && circumstance.logged_in() {
                circumstance.log_out();
            }
        }),
    },
    Defect {
        id: "rfc1939.state.opened-before-checked",
        summary: "the maildrop is opened before the password is compared: a wrong one is refused, and opens it",
        proves: &["rfc1939.state.failed-auth-stays"],
        hooks: after(|circumstance, asked, reply| {
            let refused = asked.is(Verb::Pass) && reply.is_err() && reply.code == Some("AUTH");
            let name = circumstance.past.name.clone().filter(|_| refused && !circumstance.logged_in());
            if let Some(owner) = name.and_then(|name| circumstance.session.owner(&name)) {
                circumstance.session.log_in(owner);
            }
        }),
    },
    Defect {
        id: "rfc1939.state.third-time-lucky",
        summary: "after three wrong passwords the session is in the TRANSACTION state, with no mail",
        proves: &["rfc1939.state.failed-auth-stays"],
        hooks: instead(|circumstance, asked| {
            let failed = circumstance.past.refused(Verb::Pass) >= 3 && !circumstance.logged_in();
            as_if_empty(asked).filter(|_| failed)
        }),
    },
    Defect {
        id: "rfc1939.state.user-once",
        summary: "USER is taken once on a connection; after a wrong password it is refused",
        proves: &["rfc1939.state.retry-after-fail"],
        hooks: instead(|circumstance, asked| {
            let again = asked.is(Verb::User) && circumstance.past.was_refused(Verb::Pass);
            again.then(|| Reply::err("USER was given already"))
        }),
    },
    Defect {
        id: "rfc1939.state.pass-first-dies",
        summary: "PASS without USER closes the connection without a reply, since there is no name to look up",
        proves: &["rfc1939.state.pass-needs-user"],
        hooks: instead(|circumstance, asked| {
            let nameless = circumstance.session.name().is_none() && !circumstance.logged_in();
            (asked.is(Verb::Pass) && nameless).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc1939.state.first-name-sticks",
        summary: "the first name that USER gives counts for the whole connection",
        proves: &["rfc1939.state.user-again"],
        hooks: before(|circumstance, asked| {
            if asked.is(Verb::Pass) && circumstance.session.name().is_some() {
                let first = left(circumstance);
                circumstance.session.set_name(first.clone());
                leave(circumstance, first.unwrap_or_default());
            }
        })
        .and_after(|circumstance, asked, reply| {
            if let Some(name) = asked.word(0).filter(|_| asked.is(Verb::User) && reply.is_ok()) {
                let first = left(circumstance).unwrap_or_else(|| name.to_vec());
                leave(circumstance, first);
            }
        })
        .and_lost(super::acts::forget),
    },
    Defect {
        id: "rfc1939.state.name-of-all",
        summary: "what USER names is kept in one place for all connections, so that the last one counts for each",
        proves: &["rfc1939.user.login"],
        hooks: before(|circumstance, asked| {
            let session = &mut *circumstance.session;
            if asked.is(Verb::User) && session.transaction().is_none() {
                let name = asked.word(0).map(<[u8]>::to_vec);
                session.world.remember(|remembered| remembered.name = name);
            } else if asked.is(Verb::Pass) && session.name().is_some() {
                let name = session.world.remember(|remembered| remembered.name.clone());
                session.set_name(name);
            }
        }),
    },
    Defect {
        id: "rfc1939.state.forgets-name",
        summary: "if anything is said between USER and PASS, PASS is not answered",
        proves: &["rfc1939.state.pass-immediately"],
        hooks: instead(|circumstance, asked| {
            let directly = circumstance.past.last.is_some_and(|(verb, _)| verb == Verb::User);
            let named = asked.is(Verb::Pass) && circumstance.session.name().is_some();
            (named && !directly).then(Reply::nothing)
        }),
    },
    Defect {
        id: "rfc1939.state.close-unanswered",
        summary: "after a wrong password the connection is closed without a reply",
        proves: &["rfc1939.pass.wrong"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Pass) && reply.is_err() {
                *reply = hangs_up();
            }
        }),
    },
    Defect {
        id: "rfc1939.state.new-mail-first",
        summary: "mail that arrives during a session is put before the rest at once, and all numbers change",
        proves: &["rfc1939.state.snapshot"],
        hooks: before(|circumstance, _| {
            let Some(open) = circumstance.open() else { return };
            let there = circumstance.with(open.owner, |maildrop| Arc::clone(maildrop.messages()));
            let known = open.messages.iter().map(crate::world::Message::ordinal).max().unwrap_or_default();
            let new = there.iter().filter(|message| message.ordinal() > known);
            let all: Vec<_> = new.chain(open.messages.iter()).cloned().collect();
            if let Some(open) = circumstance.open_mut().filter(|open| open.messages.len() < all.len()) {
                *open = Transaction::new(open.owner, Arc::new(all));
            }
        }),
    },
    Defect {
        id: "rfc1939.state.newest-first",
        summary: "the newest message is number 1",
        proves: &["rfc1939.state.order-stable"],
        hooks: opened(|circumstance| {
            if let Some(open) = circumstance.open_mut() {
                let reversed: Vec<_> = open.messages.iter().rev().cloned().collect();
                open.messages = Arc::new(reversed);
            }
        }),
    },
    Defect {
        id: "rfc2595.stls.state-advances",
        summary: "STLS takes the session to its next state, with no mail",
        proves: &["rfc2595.stls.state"],
        hooks: instead(|circumstance, asked| {
            let advanced = circumstance.past.upgraded && !circumstance.logged_in();
            as_if_empty(asked).filter(|_| advanced)
        }),
    },
    Defect {
        id: "rfc8314.implicit.state-advances",
        summary: "on the TLS port a session begins in the TRANSACTION state, with no mail",
        proves: &["rfc8314.implicit.state"],
        hooks: instead(|circumstance, asked| {
            let implicit = circumstance.session.channel == crate::Channel::Tls && !circumstance.past.upgraded;
            let begins = matches!(circumstance.session.state, State::Authorization { .. });
            as_if_empty(asked).filter(|_| implicit && begins)
        }),
    },
    Defect {
        id: "rfc1939.state.rset-before-login",
        summary: "RSET is answered +OK before login",
        proves: &["rfc1939.state.trans-cmd-in-auth"],
        hooks: instead(|circumstance, asked| {
            (asked.is_bare(Verb::Rset) && !circumstance.logged_in()).then(|| Reply::ok("Nothing is marked"))
        }),
    },
    Defect {
        id: "rfc1939.state.dele-unknown",
        summary: "DELE is an unknown command",
        proves: &["rfc1939.cmd.minimal-set"],
        hooks: instead(|_, asked| asked.is(Verb::Dele).then(|| Reply::err("Unknown command"))),
    },
    Defect {
        id: "rfc1939.state.nobody-logs-in",
        summary: "every login is refused",
        proves: &["rfc1939.state.some-auth"],
        hooks: after(|circumstance, _, reply| {
            if circumstance.past.login.is_none() && circumstance.logged_in() {
                circumstance.log_out();
                *reply = Reply::coded("AUTH", "Wrong name or password");
            }
        }),
    },
];

/// What is answered to a command of the TRANSACTION state if there is no mail.
fn as_if_empty(asked: &Asked) -> Option<Reply> {
    match asked.verb()? {
        Verb::Stat => Some(Reply::numbers(0, 0)),
        Verb::List | Verb::Uidl if asked.word(0).is_none() => {
            Some(Reply::ok("Listing follows").with(Content::lines([])))
        }
        Verb::Noop | Verb::Rset => Some(Reply::ok("Done")),
        _ => None,
    }
}

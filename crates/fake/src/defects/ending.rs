//! How sessions end, with QUIT and without it: the reply, the connection, the lock, and what is removed though nobody has
//! said QUIT (RFC 1939 section 6).

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, lost};
use super::removal::look_again;
use super::update::commit;
use crate::Channel;
use crate::reply::{Reply, Then};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.quit.stays-open",
        summary: "QUIT after login is answered, and the connection stays open",
        proves: &["rfc1939.quit.trans"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is_bare(Verb::Quit) && circumstance.past.login.is_some() {
                reply.then = Then::GoOn;
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.stays-open-before-login",
        summary: "QUIT before login is answered, and the connection stays open",
        proves: &["rfc1939.quit.auth"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is_bare(Verb::Quit) && circumstance.past.login.is_none() {
                reply.then = Then::GoOn;
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.silent",
        summary: "QUIT after login closes the connection without a reply",
        proves: &["rfc1939.quit.trans"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is_bare(Verb::Quit) && circumstance.past.login.is_some() {
                *reply = Reply::nothing().then(Then::Close);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.silent-before-login",
        summary: "QUIT before login closes the connection without a reply",
        proves: &["rfc1939.quit.auth"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is_bare(Verb::Quit) && circumstance.past.login.is_none() {
                *reply = Reply::nothing().then(Then::Close);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.lock-a-moment-longer",
        summary: "the lock is still there for the first login that follows a QUIT",
        proves: &["rfc1939.quit.lock-released"],
        hooks: before(|circumstance, asked| {
            if asked.is_bare(Verb::Quit) {
                circumstance.with_open(|maildrop| maildrop.notes().lingers = true);
            }
        })
        .and_after(|circumstance, _, reply| {
            if circumstance.past.login.is_some() {
                return;
            }
            let lingers = circumstance.with_open(|maildrop| std::mem::take(&mut maildrop.notes().lingers));
            if lingers {
                circumstance.log_out();
                *reply = Reply::coded("IN-USE", "Maildrop is busy");
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.lock-kept-after-removal",
        summary: "QUIT that removes something does not release the lock",
        proves: &["rfc1939.quit.lock-released"],
        hooks: before(|circumstance, asked| {
            let marks = circumstance.open().is_some_and(|open| !open.marks().is_empty());
            if marks && asked.is_bare(Verb::Quit) {
                circumstance.with_open(|maildrop| {
                    maildrop.unlock();
                    maildrop.lock(0);
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.update.commits-at-next-login",
        summary: "what a session that was cut off had marked is removed when the maildrop is opened again",
        proves: &["rfc1939.update.no-quit-fin"],
        hooks: lost(|circumstance, _| {
            if let Some(open) = circumstance.open() {
                let marked = open.ordinals(&open.marks());
                circumstance.with_open(|maildrop| maildrop.notes().marked = marked);
            }
        })
        .and_opened(|circumstance| {
            circumstance.with_open(|maildrop| {
                let marked = std::mem::take(&mut maildrop.notes().marked);
                maildrop.remove(&marked);
            });
            look_again(circumstance);
        }),
    },
    Defect {
        id: "rfc1939.update.commits-under-tls",
        summary: "the end of a connection under TLS removes what is marked",
        proves: &["rfc1939.update.no-quit-tls"],
        hooks: lost(|circumstance, _| {
            if circumstance.session.channel == Channel::Tls {
                commit(circumstance);
            }
        }),
    },
    Defect {
        id: "rfc1939.update.commits-after-dele",
        summary: "a connection that ends right after a DELE removes what is marked",
        proves: &["rfc1939.update.no-quit-fin"],
        hooks: lost(|circumstance, _| {
            if circumstance.past.last.is_some_and(|(verb, _)| verb == Verb::Dele) {
                commit(circumstance);
            }
        }),
    },
    Defect {
        id: "rfc1939.update.commits-after-refusals",
        summary: "the tenth refusal of a session ends it as QUIT does, and removes what is marked",
        proves: &["rfc1939.update.no-quit-fin"],
        hooks: after(|circumstance, _, reply| {
            if reply.is_err() && circumstance.past.refusals >= 9 {
                commit(circumstance);
                circumstance.log_out();
                reply.then = Then::Close;
            }
        }),
    },
    Defect {
        id: "rfc1939.update.cut-retr-removes",
        summary: "a connection that ends right after a RETR or in the middle of it removes the message that was being retrieved",
        proves: &["rfc1939.update.no-quit-midretr", "practice.multi.partial-cycle"],
        hooks: lost(|circumstance, _| {
            if let (Some((Verb::Retr, Some(number))), Some(open)) =
                (circumstance.past.last, circumstance.open())
            {
                let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
                let gone = open.ordinals(&index.into_iter().collect::<Vec<_>>());
                circumstance.with_open(|maildrop| maildrop.remove(&gone));
            }
        }),
    },
];

//! QUIT, the UPDATE state, and sessions that end without them (RFC 1939 section 6).

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, instead, lost};
use crate::reply::{Reply, Then};
use crate::twist::Circumstance;

/// Holds a lock for ever: no connection has this number.
const NOBODY: u64 = 0;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.quit.err-before-login",
        summary: "QUIT before login is refused",
        proves: &["rfc1939.quit.auth"],
        hooks: instead(|circumstance, asked| {
            let refused = asked.is_bare(Verb::Quit) && !circumstance.logged_in();
            refused.then(|| Reply::err("You have not even logged in").then(Then::Close))
        }),
    },
    Defect {
        id: "rfc1939.quit.commits-abandoned",
        summary: "QUIT before login removes what cut-off sessions had marked",
        proves: &["rfc1939.quit.auth-no-update"],
        hooks: lost(|circumstance, _| {
            if let Some(open) = circumstance.open() {
                let marked = open.ordinals(&open.marks());
                circumstance.with_open(|maildrop| maildrop.notes().marked = marked);
            }
        })
        .and_after(|circumstance, asked, _| {
            if asked.is_bare(Verb::Quit) && circumstance.past.login.is_none() {
                circumstance.session.world.with_all(|maildrop| {
                    let marked = std::mem::take(&mut maildrop.notes().marked);
                    maildrop.remove(&marked);
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.err",
        summary: "QUIT after login does its work and is answered -ERR",
        proves: &["rfc1939.quit.trans"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is_bare(Verb::Quit) && circumstance.past.login.is_some() {
                *reply = Reply::err("Goodbye anyway").then(Then::Close);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.keeps-marked",
        summary: "QUIT leaves the last marked message in place",
        proves: &["rfc1939.quit.removes-marked"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit))
                && let Some(&last) = open.marks().last()
            {
                open.mark(last, false);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.removes-too-much",
        summary: "QUIT also removes the message after each marked one",
        proves: &["rfc1939.quit.keeps-unmarked"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                for index in open.marks() {
                    open.mark(index + 1, true);
                }
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.removes-late",
        summary: "what QUIT should have removed is removed when the next session has begun",
        proves: &["rfc1939.quit.reply-after-removal"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let marked = open.marks();
                let late = open.ordinals(&marked);
                for index in marked {
                    open.mark(index, false);
                }
                circumstance.with_open(|maildrop| maildrop.notes().postponed.extend(late));
            }
        })
        .and_opened(|circumstance| {
            circumstance.with_open(|maildrop| {
                let late = std::mem::take(&mut maildrop.notes().postponed);
                maildrop.remove(&late);
            });
        }),
    },
    Defect {
        id: "rfc1939.quit.keeps-lock",
        summary: "QUIT never releases the lock",
        proves: &["rfc1939.quit.lock-released"],
        hooks: before(|circumstance, asked| {
            if asked.is_bare(Verb::Quit) {
                circumstance.with_open(|maildrop| {
                    maildrop.unlock();
                    maildrop.lock(NOBODY);
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.reply-lost",
        summary: "the connection is reset instead of a reply to QUIT",
        proves: &["rfc1939.quit.reply-delivered"],
        hooks: after(|_, asked, reply| {
            if asked.is_bare(Verb::Quit) {
                *reply = Reply::nothing().then(Then::Reset);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.goes-on",
        summary: "commands that arrived together with QUIT are still executed",
        proves: &["rfc1939.quit.ignores-rest"],
        hooks: instead(|circumstance, asked| {
            (asked.is_bare(Verb::Quit) && circumstance.more).then(|| Reply::ok("Bye"))
        }),
    },
    Defect {
        id: "rfc1939.quit.without-crlf-commits",
        summary: "a QUIT that is cut off before its CRLF removes what is marked",
        proves: &["rfc1939.quit.needs-crlf"],
        hooks: lost(|circumstance, unfinished| {
            let word = unfinished.strip_suffix(b"\r").unwrap_or(unfinished);
            if word.eq_ignore_ascii_case(b"QUIT") {
                commit(circumstance);
            }
        }),
    },
    Defect {
        id: "rfc1939.update.commits-on-close",
        summary: "the end of the connection removes what is marked",
        proves: &["rfc1939.update.no-quit-fin", "rfc1939.update.no-quit-rst"],
        hooks: lost(|circumstance, _| commit(circumstance)),
    },
    Defect {
        id: "rfc1939.update.commits-mid-retr",
        summary: "a connection that breaks in the middle of a RETR or right after it removes what is marked",
        proves: &["rfc1939.update.no-quit-midretr"],
        hooks: lost(|circumstance, _| {
            if circumstance.past.last.is_some_and(|(verb, _)| verb == Verb::Retr) {
                commit(circumstance);
            }
        }),
    },
];

/// Removes what is marked.
pub(super) fn commit(circumstance: &Circumstance<'_>) {
    if let Some(open) = circumstance.open() {
        let marked = open.ordinals(&open.marks());
        circumstance.with_open(|maildrop| maildrop.remove(&marked));
    }
}

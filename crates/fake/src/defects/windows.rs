//! What becomes of commands that arrive before the one before is done (RFC 2449 section 6.8).

use proto::Verb;

use super::Defect;
use super::acts::{forget, leave, left};
use super::hooks::{after, arrived};
use crate::reply::{Content, Pending, Then};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc2449.pipe.flushed-by-retr",
        summary: "what arrived together with RETR or TOP is thrown away before the message is sent",
        proves: &["rfc2449.pipe.in-order"],
        hooks: after(|_, asked, reply| {
            if matches!(asked.verb(), Some(Verb::Retr | Verb::Top)) {
                reply.pending = Pending::Lost;
            }
        }),
    },
    Defect {
        id: "rfc2449.pipe.flushed-by-user",
        summary: "what arrived together with USER is thrown away",
        proves: &["rfc2449.pipe.login"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::User) {
                reply.pending = Pending::Lost;
            }
        }),
    },
    Defect {
        id: "rfc2449.pipe.flushed-by-failure",
        summary: "what arrived together with a PASS that is refused is thrown away",
        proves: &["rfc2449.pipe.failed-login"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Pass) && reply.is_err() {
                reply.pending = Pending::Lost;
            }
        }),
    },
    Defect {
        id: "rfc2449.pipe.window-of-1024",
        summary: "of what arrives together the first 1024 octets are kept",
        proves: &["rfc2449.pipe.deep"],
        hooks: arrived(|_, octets| octets.truncate(1024)),
    },
    Defect {
        id: "rfc2449.pipe.window-of-128",
        summary: "of what arrives together the first 128 octets are kept",
        proves: &["rfc2449.pipe.split"],
        hooks: arrived(|_, octets| octets.truncate(128)),
    },
    Defect {
        id: "rfc2449.pipe.ten-at-once",
        summary: "of the commands that arrive together the first ten are obeyed",
        proves: &["rfc2449.pipe.split"],
        hooks: arrived(|_, octets| {
            if let Some(end) = memchr::memchr_iter(b'\n', octets).nth(9) {
                octets.truncate(end + 1);
            }
        }),
    },
    Defect {
        id: "rfc2449.pipe.overtakes",
        summary: "the reply to a command that arrived together with RETR comes before the dot line of the message",
        proves: &["rfc2449.pipe.in-order"],
        hooks: after(|circumstance, asked, reply| {
            let late = left(circumstance);
            let sends = asked.is(Verb::Retr) && circumstance.more && late.is_none();
            if let Some(content) = reply.content.take_if(|_| sends) {
                let mut octets = content.on_the_wire();
                let end = octets.split_off(octets.len().saturating_sub(3));
                leave(circumstance, end);
                reply.content = Some(Box::new(Content::Verbatim(octets)));
            }
            if let Some(late) = late {
                reply.append(&late);
            }
        })
        .and_lost(forget),
    },
    Defect {
        id: "practice.pipe.exits-unflushed",
        summary: "replies to commands that arrive together are gathered, and lost if the last of them is QUIT",
        proves: &["practice.pipe.quit-flush"],
        hooks: after(|circumstance, asked, reply| {
            let mut gathered = left(circumstance).unwrap_or_default();
            if asked.is_bare(Verb::Quit) && !gathered.is_empty() {
                *reply = super::acts::hangs_up();
                return;
            }
            if circumstance.more && reply.then == Then::GoOn {
                gathered.extend_from_slice(&reply.line());
                if let Some(content) = reply.content.take() {
                    gathered.append(&mut content.on_the_wire());
                }
                leave(circumstance, gathered);
                reply.respell(b"");
            } else if !gathered.is_empty() {
                reply.prepend(&gathered);
            }
        })
        .and_lost(forget),
    },
];

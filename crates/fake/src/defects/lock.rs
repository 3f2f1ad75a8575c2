//! Exclusive access (RFC 1939 section 4).

use proto::Verb;

use super::Defect;
use super::hooks::{instead, opened};
use crate::reply::Reply;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.lock.none",
        summary: "there is no lock, so what another session has removed cannot be retrieved any more",
        proves: &["rfc1939.lock.effect"],
        hooks: opened(|circumstance| {
            let number = circumstance.session.number;
            circumstance.with_open(|maildrop| maildrop.release(number));
        })
        .and_instead(|circumstance, asked| {
            let index =
                circumstance.index(asked).filter(|_| matches!(asked.verb(), Some(Verb::Retr | Verb::Top)))?;
            let ordinal = circumstance.open()?.messages.get(index)?.ordinal();
            let mut there = true;
            circumstance.with_open(|maildrop| {
                there = maildrop.messages().iter().any(|message| message.ordinal() == ordinal);
            });
            (!there).then(|| Reply::err("The file of that message is gone"))
        }),
    },
    Defect {
        id: "rfc1939.lock.stat-after-refusal",
        summary: "STAT is answered +OK after a login that was refused for the lock",
        proves: &["rfc1939.lock.refusal"],
        hooks: instead(|circumstance, asked| {
            let busy = circumstance.past.found_busy && !circumstance.logged_in();
            (asked.is_bare(Verb::Stat) && busy).then(|| Reply::numbers(0, 0))
        }),
    },
    Defect {
        id: "rfc1939.lock.at-user",
        summary: "USER already locks the maildrop for other connections",
        proves: &["rfc1939.lock.after-auth-only"],
        hooks: instead(|circumstance, asked| {
            let name = asked.word(0).filter(|_| asked.is(Verb::User) && !circumstance.logged_in())?;
            let (owner, number) = (circumstance.session.owner(name)?, circumstance.session.number);
            circumstance.with(owner, |maildrop| maildrop.lock(number));
            None
        })
        .and_lost(|circumstance, _| {
            let number = circumstance.session.number;
            circumstance.session.world.with_all(|maildrop| maildrop.release(number));
        }),
    },
    Defect {
        id: "rfc1939.lock.outlives-connection",
        summary: "the lock of a session that was cut off is never released",
        proves: &["practice.lock.released-on-loss"],
        hooks: super::hooks::lost(|circumstance, _| {
            circumstance.with_open(|maildrop| {
                // Nobody has this number.
                maildrop.unlock();
                maildrop.lock(0);
            });
        }),
    },
];

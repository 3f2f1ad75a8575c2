//! Exclusive access (RFC 1939 section 4).

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, instead, opened};
use super::numbers::is_there;
use crate::reply::Reply;
use crate::twist::{Asked, Circumstance};
use crate::world::Maildrop;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.lock.none",
        summary: "there is no lock, so what another session has removed cannot be retrieved any more",
        proves: &["rfc1939.lock.effect"],
        hooks: opened(|circumstance| {
            let number = circumstance.session.number;
            circumstance.with_open(|maildrop| maildrop.release(number));
        })
        .and_instead(gone),
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
    Defect {
        id: "rfc1939.lock.not-by-auth",
        summary: "a login by AUTH takes no lock, so what another session has removed cannot be retrieved any more",
        proves: &["rfc1939.lock.effect"],
        hooks: instead(gone).and_after(|circumstance, asked, _| {
            if asked.response().is_some() || asked.is(Verb::Auth) {
                release(circumstance);
            }
        }),
    },
    Defect {
        id: "rfc1939.lock.not-by-apop",
        summary: "a login by APOP takes no lock, so what another session has removed cannot be retrieved any more",
        proves: &["rfc1939.lock.effect"],
        hooks: instead(gone).and_after(|circumstance, asked, _| {
            if asked.is(Verb::Apop) {
                release(circumstance);
            }
        }),
    },
    Defect {
        id: "rfc1939.lock.until-rset",
        summary: "RSET releases the lock, so what another session has removed cannot be retrieved any more",
        proves: &["rfc1939.lock.effect"],
        hooks: instead(gone).and_after(|circumstance, asked, _| {
            if asked.is(Verb::Rset) {
                release(circumstance);
            }
        }),
    },
    Defect {
        id: "rfc1939.lock.until-refusal",
        summary: "every refusal releases the lock, so what another session has removed cannot be retrieved any more",
        proves: &["rfc1939.lock.effect"],
        hooks: instead(gone).and_after(|circumstance, _, reply| {
            if reply.is_err() {
                release(circumstance);
            }
        }),
    },
    Defect {
        id: "rfc1939.lock.taken-over",
        summary: "a second session takes the lock from the first, whose commands are refused from then on",
        proves: &["rfc1939.lock.effect"],
        hooks: before(|circumstance, asked| {
            let name = circumstance.session.name().filter(|_| asked.is(Verb::Pass));
            if let Some(owner) = name.and_then(|name| circumstance.session.owner(name)) {
                let right = circumstance.session.world.password(owner).as_bytes() == asked.arguments();
                if right {
                    circumstance.with(owner, Maildrop::unlock);
                }
            }
        })
        .and_instead(|circumstance, asked| {
            let (mut held, number) = (true, circumstance.session.number);
            circumstance.with_open(|maildrop| held = maildrop.lock(number));
            (!held && !asked.is(Verb::Quit)).then(|| Reply::err("Another session has taken over"))
        }),
    },
    Defect {
        id: "rfc1939.lock.shared-marks",
        summary: "there is no lock, and marks are in the maildrop: QUIT removes what another session has marked",
        proves: &["rfc1939.lock.effect"],
        hooks: opened(|circumstance| {
            release(circumstance);
        })
        .and_after(|circumstance, asked, reply| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Dele) && reply.is_ok());
            if let Some((open, index)) = circumstance.open().zip(index) {
                let marked = open.ordinals(&[index]);
                circumstance.with_open(|maildrop| maildrop.notes().marked.extend(marked));
            }
            if asked.is_bare(Verb::Rset) {
                circumstance.with_open(|maildrop| maildrop.notes().marked.clear());
            }
        })
        .and_before(|circumstance, asked| {
            if asked.is_bare(Verb::Quit) {
                circumstance.with_open(|maildrop| {
                    let marked = std::mem::take(&mut maildrop.notes().marked);
                    maildrop.remove(&marked);
                });
            }
        })
        .and_instead(gone),
    },
    Defect {
        id: "rfc1939.lock.silent",
        summary: "a login that finds the maildrop locked is not answered",
        proves: &["rfc1939.lock.refusal"],
        hooks: after(|_, _, reply| {
            if reply.code == Some("IN-USE") {
                *reply = Reply::nothing();
            }
        }),
    },
    Defect {
        id: "rfc1939.lock.ok-though-busy",
        summary: "a login that finds the maildrop locked is answered +OK, and all commands after it are refused",
        proves: &["rfc1939.lock.refusal"],
        hooks: after(|_, _, reply| {
            if reply.code == Some("IN-USE") {
                *reply = Reply::ok("Maildrop open");
            }
        }),
    },
    Defect {
        id: "rfc1939.lock.at-wrong-password",
        summary: "a wrong password locks the maildrop until the connection ends",
        proves: &["rfc1939.lock.after-auth-only"],
        hooks: before(|circumstance, asked| {
            let name = circumstance.session.name().filter(|_| asked.is(Verb::Pass));
            if let Some(owner) = name.and_then(|name| circumstance.session.owner(name)) {
                let number = circumstance.session.number;
                circumstance.with(owner, |maildrop| maildrop.lock(number));
            }
        })
        .and_lost(|circumstance, _| release_all(circumstance)),
    },
    Defect {
        id: "rfc1939.lock.inherited",
        summary: "a login that was refused for the lock gets it when the other session ends, and keeps it though nobody is logged in",
        proves: &["rfc1939.lock.released-on-refusal"],
        hooks: after(|circumstance, asked, reply| {
            let number = circumstance.session.number;
            if reply.code == Some("IN-USE")
                && let Some(owner) =
                    circumstance.past.name.as_deref().and_then(|name| circumstance.session.owner(name))
            {
                circumstance.with(owner, |maildrop| maildrop.notes().waits = Some(number));
            }
            if asked.is_bare(Verb::Quit) && circumstance.past.login.is_some() {
                circumstance.session.world.with_all(pass_on);
            }
        })
        .and_lost(|circumstance, _| release_all(circumstance)),
    },
    Defect {
        id: "rfc1939.lock.refused-leaves-file",
        summary: "a login that was refused for the lock leaves a lock file behind that nobody removes",
        proves: &["practice.lock.many-logins"],
        hooks: after(|circumstance, _, reply| {
            if reply.code == Some("IN-USE")
                && let Some(owner) =
                    circumstance.past.name.as_deref().and_then(|name| circumstance.session.owner(name))
            {
                circumstance.with(owner, |maildrop| {
                    maildrop.unlock();
                    maildrop.lock(0);
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.lock.outlives-retr",
        summary: "the lock of a session that was cut off right after a RETR or in the middle of it is never released",
        proves: &["practice.lock.released-on-loss"],
        hooks: super::hooks::lost(|circumstance, _| {
            if circumstance.past.last.is_some_and(|(verb, _)| verb == Verb::Retr) {
                circumstance.with_open(|maildrop| {
                    maildrop.unlock();
                    maildrop.lock(0);
                });
            }
        }),
    },
];

/// The refusal of a message whose file another session has removed.
fn gone(circumstance: &mut Circumstance<'_>, asked: &Asked) -> Option<Reply> {
    let read = matches!(asked.verb(), Some(Verb::Retr | Verb::Top));
    let index = circumstance.index(asked).filter(|_| read)?;
    let ordinal = circumstance.open()?.messages.get(index)?.ordinal();
    (!is_there(circumstance, ordinal)).then(|| Reply::err("The file of that message is gone"))
}

/// Releases the lock of the session.
fn release(circumstance: &Circumstance<'_>) {
    let number = circumstance.session.number;
    circumstance.with_open(|maildrop| maildrop.release(number));
}

/// Releases whatever the connection has locked.
fn release_all(circumstance: &Circumstance<'_>) {
    let number = circumstance.session.number;
    circumstance.session.world.with_all(|maildrop| maildrop.release(number));
}

/// Gives a lock that is free to the connection that waits for it.
fn pass_on(maildrop: &mut Maildrop) {
    if !maildrop.is_locked()
        && let Some(waits) = maildrop.notes().waits.take()
    {
        maildrop.lock(waits);
    }
}

//! What CAPA promises of time: how soon one may log in again, and how long mail stays (RFC 2449 sections 6.5 and 6.7).

use proto::Verb;

use super::Defect;
use super::capabilities::{announce, exchange, withhold};
use super::hooks::{after, before};
use crate::reply::Reply;
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.policy.top-counts",
        summary: "EXPIRE 0 is announced, and QUIT also removes messages of which TOP was sent",
        proves: &["rfc1939.policy.only-with-quit"],
        hooks: after(expires_at_once).and_before(|circumstance, asked| {
            let numbers: Vec<u64> =
                circumstance.past.retrieved.iter().chain(&circumstance.past.topped).copied().collect();
            mark_at_quit(circumstance, asked, &numbers);
        }),
    },
    Defect {
        id: "rfc1939.policy.without-quit",
        summary: "EXPIRE 0 is announced, and what was retrieved is removed when the connection ends, also without QUIT",
        proves: &["rfc1939.policy.only-with-quit"],
        hooks: after(expires_at_once)
            .and_before(|circumstance, asked| {
                let numbers: Vec<u64> = circumstance.past.retrieved.iter().copied().collect();
                mark_at_quit(circumstance, asked, &numbers);
            })
            .and_lost(|circumstance, _| {
                let retrieved = circumstance.past.retrieved.iter();
                let indices: Vec<usize> =
                    retrieved.filter_map(|&number| usize::try_from(number).ok()?.checked_sub(1)).collect();
                let gone = circumstance.open().map(|open| open.ordinals(&indices)).unwrap_or_default();
                circumstance.with_open(|maildrop| maildrop.remove(&gone));
            }),
    },
    Defect {
        id: "rfc1939.policy.listed-counts",
        summary: "EXPIRE 0 is announced, and QUIT removes everything if UIDL was asked for",
        proves: &["rfc1939.policy.only-with-quit"],
        hooks: after(expires_at_once).and_before(|circumstance, asked| {
            if circumstance.past.count(Verb::Uidl) > 0 {
                let all = circumstance.open().map_or(0, |open| open.messages.len() as u64);
                mark_at_quit(circumstance, asked, &(1..=all).collect::<Vec<u64>>());
            }
        }),
    },
    Defect {
        id: "rfc1939.policy.one-is-all",
        summary: "EXPIRE 0 is announced, and QUIT removes everything if one message was retrieved",
        proves: &["rfc1939.policy.only-with-quit"],
        hooks: after(expires_at_once).and_before(|circumstance, asked| {
            if !circumstance.past.retrieved.is_empty() {
                let all = circumstance.open().map_or(0, |open| open.messages.len() as u64);
                mark_at_quit(circumstance, asked, &(1..=all).collect::<Vec<u64>>());
            }
        }),
    },
    Defect {
        id: "rfc1939.policy.at-once",
        summary: "EXPIRE 0 is announced, and RETR removes the message before QUIT",
        proves: &["rfc1939.policy.only-with-quit"],
        hooks: after(|circumstance, asked, reply| {
            expires_at_once(circumstance, asked, reply);
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Retr) && reply.is_ok());
            if let Some((open, index)) = circumstance.open().zip(index) {
                let gone = open.ordinals(&[index]);
                circumstance.with_open(|maildrop| maildrop.remove(&gone));
            }
        }),
    },
    Defect {
        id: "rfc2449.expire.unannounced",
        summary: "EXPIRE is not announced, and QUIT removes what was retrieved",
        proves: &["rfc2449.expire.announced", "rfc1939.retr.no-implicit-delete"],
        hooks: after(|_, asked, reply| withhold(asked, reply, b"EXPIRE ")).and_before(
            |circumstance, asked| {
                let numbers: Vec<u64> = circumstance.past.retrieved.iter().copied().collect();
                mark_at_quit(circumstance, asked, &numbers);
            },
        ),
    },
    Defect {
        id: "rfc2449.expire.never-and-quota",
        summary: "EXPIRE NEVER is announced, and QUIT removes the oldest message of more than five",
        proves: &["rfc2449.expire.never"],
        hooks: before(|circumstance, asked| {
            if circumstance.open().is_some_and(|open| open.messages.len() > 5) {
                mark_at_quit(circumstance, asked, &[1]);
            }
        }),
    },
    Defect {
        id: "rfc2449.expire.glued",
        summary: "EXPIRE and NEVER are announced as one word",
        proves: &["rfc2449.expire.syntax"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"EXPIRE ", b"EXPIRENEVER")),
    },
    Defect {
        id: "rfc2449.expire.days-word",
        summary: "EXPIRE is announced with the word days",
        proves: &["rfc2449.expire.syntax"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"EXPIRE ", b"EXPIRE 30 days")),
    },
    Defect {
        id: "rfc2449.expire.negative",
        summary: "EXPIRE is announced with a negative number for never",
        proves: &["rfc2449.expire.syntax"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"EXPIRE ", b"EXPIRE -1")),
    },
    Defect {
        id: "rfc2449.expire.bare",
        summary: "EXPIRE is announced without a parameter",
        proves: &["rfc2449.expire.syntax"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"EXPIRE ", b"EXPIRE")),
    },
    Defect {
        id: "rfc2449.expire.in-hours",
        summary: "EXPIRE is announced with a fraction of days",
        proves: &["rfc2449.expire.syntax"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"EXPIRE ", b"EXPIRE 0.5")),
    },
    Defect {
        id: "rfc2449.expire.shrinks-in-numbers",
        summary: "EXPIRE is 365 before login and 31 after it",
        proves: &["rfc2449.expire.min-first"],
        hooks: after(|circumstance, asked, reply| {
            let tag: &[u8] = if circumstance.logged_in() { b"EXPIRE 31" } else { b"EXPIRE 365 USER" };
            exchange(asked, reply, b"EXPIRE ", tag);
        }),
    },
    Defect {
        id: "rfc2449.expire.without-user",
        summary: "EXPIRE is 30 before login, without USER, and NEVER after it",
        proves: &["rfc2449.expire.user-token"],
        hooks: after(|circumstance, asked, reply| {
            let tag: &[u8] = if circumstance.logged_in() { b"EXPIRE NEVER" } else { b"EXPIRE 30" };
            exchange(asked, reply, b"EXPIRE ", tag);
        }),
    },
    Defect {
        id: "rfc2449.login-delay.not-enforced",
        summary: "LOGIN-DELAY 2 is announced, and every login is admitted",
        proves: &["rfc2449.login-delay.enforced"],
        hooks: after(|_, asked, reply| announce(asked, reply, b"LOGIN-DELAY 2")),
    },
    Defect {
        id: "rfc2449.login-delay.three-attempts",
        summary: "LOGIN-DELAY 1 is announced, and after a login the next three are put off, whatever time has passed",
        proves: &["rfc2449.login-delay.enforced"],
        hooks: after(|circumstance, asked, reply| {
            announce(asked, reply, b"LOGIN-DELAY 1");
            let begins = circumstance.logged_in() && circumstance.past.login.is_none();
            let mut admitted = true;
            if begins {
                circumstance.with_open(|maildrop| {
                    let notes = maildrop.notes();
                    admitted = notes.logins == 0 || notes.put_off >= 3;
                    (notes.logins, notes.put_off) = if admitted { (1, 0) } else { (1, notes.put_off + 1) };
                });
            }
            if !admitted {
                circumstance.log_out();
                *reply = Reply::coded("LOGIN-DELAY", "Not so soon");
            }
        }),
    },
    Defect {
        id: "rfc2449.login-delay.minutes",
        summary: "LOGIN-DELAY is announced in minutes, with the letter m",
        proves: &["rfc2449.login-delay.syntax"],
        hooks: after(|_, asked, reply| announce(asked, reply, b"LOGIN-DELAY 1m")),
    },
    Defect {
        id: "rfc2449.login-delay.bare",
        summary: "LOGIN-DELAY is announced without a parameter",
        proves: &["rfc2449.login-delay.syntax"],
        hooks: after(|_, asked, reply| announce(asked, reply, b"LOGIN-DELAY")),
    },
    Defect {
        id: "rfc2449.login-delay.negative",
        summary: "LOGIN-DELAY is announced with a negative number for none",
        proves: &["rfc2449.login-delay.syntax"],
        hooks: after(|_, asked, reply| announce(asked, reply, b"LOGIN-DELAY -1")),
    },
    Defect {
        id: "rfc2449.login-delay.without-user",
        summary: "LOGIN-DELAY is 1 before login, without USER, and 0 after it",
        proves: &["rfc2449.login-delay.user-token"],
        hooks: after(|circumstance, asked, reply| {
            let tag: &[u8] = if circumstance.logged_in() { b"LOGIN-DELAY 0" } else { b"LOGIN-DELAY 1" };
            announce(asked, reply, tag);
        }),
    },
    Defect {
        id: "rfc2449.login-delay.grows-with-user",
        summary: "LOGIN-DELAY is 0 USER before login and 2 after it",
        proves: &["rfc2449.login-delay.max-first"],
        hooks: after(|circumstance, asked, reply| {
            let tag: &[u8] = if circumstance.logged_in() { b"LOGIN-DELAY 2" } else { b"LOGIN-DELAY 0 USER" };
            announce(asked, reply, tag);
        }),
    },
];

/// Announces that what is retrieved does not stay.
fn expires_at_once(_: &mut Circumstance<'_>, asked: &Asked, reply: &mut Reply) {
    exchange(asked, reply, b"EXPIRE ", b"EXPIRE 0");
}

/// Has QUIT remove the messages of these numbers.
fn mark_at_quit(circumstance: &mut Circumstance<'_>, asked: &Asked, numbers: &[u64]) {
    if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
        let indices = numbers.iter().filter_map(|&number| usize::try_from(number).ok()?.checked_sub(1));
        indices.for_each(|index| open.mark(index, true));
    }
}

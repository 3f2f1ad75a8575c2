//! USER and PASS (RFC 1939 section 7).

use proto::Verb;

use super::Defect;
use super::hooks::{before, instead};
use crate::reply::Reply;
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.user.unknown-spoils",
        summary: "USER of an unknown name is refused, and so is every PASS on the connection after it",
        proves: &["rfc1939.user.err-then-new-auth"],
        hooks: instead(|circumstance, asked| {
            if circumstance.logged_in() {
                return None;
            }
            if asked.is(Verb::User) && circumstance.session.owner(asked.word(0)?).is_none() {
                return Some(Reply::err("No such user"));
            }
            let spoilt = asked.is(Verb::Pass) && circumstance.past.was_refused(Verb::User);
            spoilt.then(|| Reply::err("Login refused"))
        }),
    },
    Defect {
        id: "rfc1939.pass.prefix",
        summary: "PASS takes anything that begins with the password",
        proves: &["rfc1939.pass.wrong"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |right, sent| sent.starts_with(right));
        }),
    },
    Defect {
        id: "rfc1939.pass.case-folded",
        summary: "PASS compares without regard to case",
        proves: &["rfc1939.pass.case"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, <[u8]>::eq_ignore_ascii_case);
        }),
    },
    Defect {
        id: "rfc1939.pass.empty-ok",
        summary: "an empty password opens every maildrop",
        proves: &["rfc1939.pass.empty"],
        hooks: before(|circumstance, asked| {
            forgive(circumstance, asked, |_, sent| sent.is_empty());
        }),
    },
];

/// Puts the right password in the place of a wrong one that looks right.
pub(super) fn forgive(
    circumstance: &Circumstance<'_>,
    asked: &mut Asked,
    looks_right: fn(&[u8], &[u8]) -> bool,
) {
    if !asked.is(Verb::Pass) {
        return;
    }
    let Some(owner) = circumstance.session.name().and_then(|name| circumstance.session.owner(name)) else {
        return;
    };
    let right = circumstance.session.world.password(owner);
    if looks_right(right.as_bytes(), asked.arguments()) {
        asked.replace([b"PASS ", right.as_bytes()].concat());
    }
}

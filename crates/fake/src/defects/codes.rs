//! Response codes (RFC 2449 section 8, RFC 3206).

use proto::Verb;

use super::Defect;
use super::capabilities::withhold;
use super::hooks::after;
use crate::reply::Reply;
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc2449.resp.echo",
        summary: "the refusal of what is no message number begins with it",
        proves: &["rfc2449.resp.bracket"],
        hooks: after(|circumstance, asked, reply| {
            let number =
                matches!(asked.verb(), Some(Verb::Retr | Verb::Dele | Verb::List | Verb::Top | Verb::Uidl));
            let word = asked.word(0).filter(|word| proto::number(word).is_none() && word.is_ascii());
            if let Some(word) = word.filter(|_| number && reply.is_err() && circumstance.logged_in()) {
                let word = word.get(..60).unwrap_or(word).to_vec();
                reply.reword([&word[..], b" is not a message number"].concat());
            }
        }),
    },
    Defect {
        id: "rfc2449.resp.empty-level",
        summary: "the refusal of an unknown command begins with a code that has an empty level",
        proves: &["rfc2449.resp.syntax"],
        hooks: after(|_, asked, reply| {
            if asked.verb().is_none() && reply.is_err() && asked.response().is_none() {
                reply.code = Some("X-POPLAB/");
            }
        }),
    },
    Defect {
        id: "rfc2449.resp.unannounced",
        summary: "RESP-CODES is not announced",
        proves: &["rfc2449.resp.announced"],
        hooks: after(|_, asked, reply| withhold(asked, reply, b"RESP-CODES")),
    },
    Defect {
        id: "rfc2449.resp.in-use-for-wrong-password",
        summary: "a wrong password for a locked maildrop is answered with IN-USE",
        proves: &["rfc2449.resp.in-use-meaning"],
        hooks: after(|circumstance, asked, reply| {
            let name = circumstance.past.name.as_deref().filter(|_| asked.is(Verb::Pass) && reply.is_err());
            let owner = name.and_then(|name| circumstance.session.owner(name));
            if owner.is_some_and(|owner| circumstance.with(owner, |maildrop| maildrop.is_locked())) {
                *reply = Reply::coded("IN-USE", "Maildrop is busy");
            }
        }),
    },
    Defect {
        id: "rfc2449.resp.in-use-on-retr",
        summary: "RETR of a message that does not exist is refused with IN-USE",
        proves: &["rfc2449.resp.in-use-commands"],
        hooks: after(|circumstance, asked, reply| {
            code_missing(circumstance, asked, reply, Verb::Retr, "IN-USE");
        }),
    },
    Defect {
        id: "rfc2449.resp.login-delay-on-retr",
        summary: "RETR of a message that does not exist is refused with LOGIN-DELAY",
        proves: &["rfc2449.resp.login-delay-use"],
        hooks: after(|circumstance, asked, reply| {
            code_missing(circumstance, asked, reply, Verb::Retr, "LOGIN-DELAY");
        }),
    },
    Defect {
        id: "rfc3206.sys.other",
        summary: "RETR of a message that does not exist is refused with SYS/OTHER",
        proves: &["rfc3206.sys.syntax"],
        hooks: after(|circumstance, asked, reply| {
            code_missing(circumstance, asked, reply, Verb::Retr, "SYS/OTHER");
        }),
    },
    Defect {
        id: "rfc3206.auth.on-retr",
        summary: "RETR of a message that does not exist is refused with AUTH",
        proves: &["rfc3206.auth.commands"],
        hooks: after(|circumstance, asked, reply| {
            code_missing(circumstance, asked, reply, Verb::Retr, "AUTH");
        }),
    },
    Defect {
        id: "rfc6856.utf8.code-on-dele",
        summary: "DELE of a message that does not exist is refused with UTF8",
        proves: &["rfc6856.utf8.code"],
        hooks: after(|circumstance, asked, reply| {
            code_missing(circumstance, asked, reply, Verb::Dele, "UTF8");
        }),
    },
    Defect {
        id: "rfc3206.auth.not-for-unknown-user",
        summary: "PASS for a user that does not exist is refused without AUTH",
        proves: &["rfc3206.auth.always"],
        hooks: after(|circumstance, asked, reply| {
            let name = circumstance.past.name.as_deref().filter(|_| asked.is(Verb::Pass) && reply.is_err());
            if name.is_some_and(|name| circumstance.session.owner(name).is_none()) {
                reply.code = None;
            }
        }),
    },
    Defect {
        id: "rfc3206.auth.on-unknown-mechanism",
        summary: "an unknown mechanism is refused with AUTH",
        proves: &["rfc3206.auth.only-credentials"],
        hooks: after(|circumstance, asked, reply| {
            let unknown = asked.word(0).is_some_and(|name| sasl::Mechanism::parse(name).is_none());
            if asked.is(Verb::Auth) && unknown && reply.is_err() && !circumstance.logged_in() {
                reply.code = Some("AUTH");
            }
        }),
    },
];

/// Gives a code to the refusal of a message that there is not.
fn code_missing(
    circumstance: &Circumstance<'_>,
    asked: &Asked,
    reply: &mut Reply,
    verb: Verb,
    code: &'static str,
) {
    if asked.is(verb) && reply.is_err() && circumstance.names_no_message(asked) {
        reply.code = Some(code);
    }
}

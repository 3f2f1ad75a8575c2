//! Response codes that say something else, nothing, or too much (RFC 2449 section 8, RFC 3206).

use proto::Verb;

use super::Defect;
use super::hooks::{after, instead, opened};
use crate::reply::Reply;
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc2449.resp.log-tag",
        summary: "refusals begin with the number of the process in brackets",
        proves: &["rfc2449.resp.bracket"],
        hooks: after(|_, _, reply| {
            if reply.is_err() {
                let text = reply.text().into_owned();
                reply.reword([b"[pop3d 4711] ", &text[..]].concat());
            }
        }),
    },
    Defect {
        id: "rfc2449.resp.unclosed",
        summary: "response codes have no closing bracket",
        proves: &["rfc2449.resp.syntax"],
        hooks: after(|_, _, reply| {
            if let Some(code) = reply.code.filter(|_| reply.is_err()) {
                let text = reply.text().into_owned();
                reply.code = None;
                reply.reword([b"[", code.as_bytes(), b" ", &text[..]].concat());
            }
        }),
    },
    Defect {
        id: "rfc2449.resp.code-last",
        summary: "response codes stand behind the text",
        proves: &["rfc3206.auth.always"],
        hooks: after(|_, _, reply| {
            if let Some(code) = reply.code.filter(|_| reply.is_err()) {
                let text = reply.text().into_owned();
                reply.code = None;
                reply.reword([&text[..], b" [", code.as_bytes(), b"]"].concat());
            }
        }),
    },
    Defect {
        id: "rfc2449.resp.busy-is-auth",
        summary: "a busy maildrop is refused with AUTH, as if the password were wrong",
        proves: &["rfc3206.auth.only-credentials"],
        hooks: after(|_, _, reply| {
            if reply.code == Some("IN-USE") {
                *reply = Reply::coded("AUTH", "Authentication failed");
            }
        }),
    },
    Defect {
        id: "rfc2449.resp.in-use-on-user",
        summary: "USER for a maildrop that is locked is refused with IN-USE",
        proves: &["rfc2449.resp.in-use-commands"],
        hooks: instead(|circumstance, asked| {
            let name = asked.word(0).filter(|_| asked.is(Verb::User) && !circumstance.logged_in())?;
            let owner = circumstance.session.owner(name)?;
            circumstance
                .with(owner, |maildrop| maildrop.is_locked())
                .then(|| Reply::coded("IN-USE", "Maildrop is busy"))
        }),
    },
    Defect {
        id: "rfc3206.sys.bare",
        summary: "RETR of a message that does not exist is refused with SYS and no second level",
        proves: &["rfc3206.sys.syntax"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::Retr) && reply.is_err() && circumstance.names_no_message(asked) {
                reply.code = Some("SYS");
            }
        }),
    },
    Defect {
        id: "rfc3206.auth.on-bad-base64",
        summary: "what is not base64 is refused with AUTH",
        proves: &["rfc3206.auth.only-credentials"],
        hooks: after(|circumstance, asked, reply| {
            let text = asked.response().or(asked.word(1).filter(|_| asked.is(Verb::Auth)));
            let bad = text.is_some_and(|text| text != b"*" && sasl::base64::decode(text).is_err());
            if bad && reply.is_err() && !circumstance.logged_in() {
                reply.code = Some("AUTH");
            }
        }),
    },
    Defect {
        id: "rfc3206.auth.before-login",
        summary: "commands that need a login are refused with AUTH before it",
        proves: &["rfc3206.auth.commands"],
        hooks: after(|circumstance, asked, reply| {
            let early = asked.verb().is_some_and(needs_login) && !circumstance.logged_in();
            if early && reply.is_err() {
                reply.code = Some("AUTH");
            }
        }),
    },
    Defect {
        id: "rfc3206.auth.on-success",
        summary: "the +OK of a login has the code AUTH",
        proves: &["rfc3206.auth.commands"],
        hooks: after(|circumstance, _, reply| {
            if circumstance.past.login.is_none() && circumstance.logged_in() {
                reply.code = Some("AUTH");
            }
        }),
    },
    Defect {
        id: "rfc3206.auth.on-user",
        summary: "USER for a name that does not exist is refused with AUTH",
        proves: &["rfc3206.auth.not-on-user"],
        hooks: instead(|circumstance, asked| {
            let name = asked.word(0).filter(|_| asked.is(Verb::User) && !circumstance.logged_in())?;
            circumstance.session.owner(name).is_none().then(|| Reply::coded("AUTH", "No such user"))
        }),
    },
    Defect {
        id: "rfc3206.auth.on-long-user",
        summary: "USER for a name of more than 200 octets is refused with AUTH",
        proves: &["rfc3206.auth.not-on-user"],
        hooks: instead(|circumstance, asked| {
            let name = asked.word(0).filter(|_| asked.is(Verb::User) && !circumstance.logged_in())?;
            (name.len() > 200).then(|| Reply::coded("AUTH", "Invalid user"))
        }),
    },
    Defect {
        id: "rfc3206.auth.not-for-apop",
        summary: "a wrong APOP digest is refused without AUTH",
        proves: &["rfc3206.auth.always"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Apop) && reply.is_err() {
                reply.code = None;
            }
        }),
    },
    Defect {
        id: "rfc3206.auth.not-for-sasl",
        summary: "wrong credentials in AUTH are refused without the code AUTH",
        proves: &["rfc3206.auth.always"],
        hooks: after(|_, asked, reply| {
            if reply.is_err() && (asked.response().is_some() || asked.is(Verb::Auth)) {
                reply.code = None;
            }
        }),
    },
    Defect {
        id: "rfc3206.auth.on-unknown-command",
        summary: "an unknown command before login is refused with AUTH",
        proves: &["rfc3206.auth.commands"],
        hooks: after(|circumstance, asked, reply| {
            let unknown = matches!(asked, Asked::Command(_)) && asked.verb().is_none();
            if unknown && reply.is_err() && !circumstance.logged_in() {
                reply.code = Some("AUTH");
            }
        }),
    },
    Defect {
        id: "rfc3206.sys.on-ok",
        summary: "NOOP is answered +OK with SYS/TEMP while the disk is nearly full",
        proves: &["rfc3206.sys.syntax"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Noop) && reply.is_ok() {
                reply.code = Some("SYS/TEMP");
            }
        }),
    },
    Defect {
        id: "rfc2449.resp.login-delay-on-user",
        summary: "LOGIN-DELAY is announced, and the first USER for an account after a session of it refused with it",
        proves: &["rfc2449.resp.login-delay-not-user"],
        hooks: opened(|circumstance| circumstance.with_open(|maildrop| maildrop.notes().put_off = 1))
            .and_instead(|circumstance, asked| {
                let name = asked.word(0).filter(|_| asked.is(Verb::User) && !circumstance.logged_in())?;
                let owner = circumstance.session.owner(name)?;
                let again =
                    |maildrop: &mut crate::world::Maildrop| std::mem::take(&mut maildrop.notes().put_off);
                (circumstance.with(owner, again) > 0).then(|| Reply::coded("LOGIN-DELAY", "Not so soon"))
            })
            .and_after(|_, asked, reply| super::capabilities::announce(asked, reply, b"LOGIN-DELAY 1")),
    },
];

fn needs_login(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Stat | Verb::List | Verb::Retr | Verb::Dele | Verb::Noop | Verb::Rset | Verb::Top | Verb::Uidl
    )
}

//! CAPA (RFC 2449 sections 5 and 6).

use proto::Verb;

use super::Defect;
use super::hooks::{after, instead};
use crate::reply::Reply;
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc2449.capa.two-spaces",
        summary: "two spaces stand behind IMPLEMENTATION in the list",
        proves: &["rfc2449.capa.format"],
        hooks: after(|_, asked, reply| {
            exchange(asked, reply, b"IMPLEMENTATION ", b"IMPLEMENTATION  poplab-fake");
        }),
    },
    Defect {
        id: "rfc2449.capa.dotted-tag",
        summary: "the list has a tag with a dot in it",
        proves: &["rfc2449.capa.tag-syntax"],
        hooks: after(|_, asked, reply| announce(asked, reply, b"X-POPLAB.1")),
    },
    Defect {
        id: "rfc2449.capa.only-before-login",
        summary: "CAPA is refused after login",
        proves: &["rfc2449.capa.both-states"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::Capa) && circumstance.logged_in()).then(|| Reply::err("Unknown command"))
        }),
    },
    Defect {
        id: "rfc2449.capa.drops-after-login",
        summary: "PIPELINING is missing from the list after login",
        proves: &["rfc2449.capa.persistent"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.logged_in() {
                withhold(asked, reply, b"PIPELINING");
            }
        }),
    },
    Defect {
        id: "rfc2449.capa.shrinks-sasl",
        summary: "the list of SASL mechanisms is shorter after login",
        proves: &["rfc2449.capa.same-args"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.logged_in() {
                exchange(asked, reply, b"SASL ", b"SASL PLAIN");
            }
        }),
    },
    Defect {
        id: "rfc5034.capa.drops-sasl",
        summary: "SASL is missing from the list after login",
        proves: &["rfc5034.capa.after-auth"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.logged_in() {
                withhold(asked, reply, b"SASL ");
            }
        }),
    },
    Defect {
        id: "rfc2449.capa.untruthful",
        summary: "SCRAM-SHA-256 is announced, and unknown",
        proves: &["rfc2449.capa.truthful"],
        hooks: instead(|circumstance, asked| {
            let named = asked.word(0).is_some_and(|name| name.eq_ignore_ascii_case(b"SCRAM-SHA-256"));
            let unknown = asked.is(Verb::Auth) && named && !circumstance.logged_in();
            unknown.then(|| Reply::err("Unknown mechanism"))
        }),
    },
    Defect {
        id: "rfc2449.capa.implementation-empty",
        summary: "IMPLEMENTATION has no parameter",
        proves: &["rfc2449.impl.syntax"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"IMPLEMENTATION ", b"IMPLEMENTATION")),
    },
    Defect {
        id: "rfc2449.login-delay.form",
        summary: "LOGIN-DELAY says USER after login",
        proves: &["rfc2449.login-delay.syntax"],
        hooks: after(|circumstance, asked, reply| {
            let tag: &[u8] = if circumstance.logged_in() { b"LOGIN-DELAY 0 USER" } else { b"LOGIN-DELAY 0" };
            announce(asked, reply, tag);
        }),
    },
    Defect {
        id: "rfc2449.login-delay.grows",
        summary: "LOGIN-DELAY is larger after login than before",
        proves: &["rfc2449.login-delay.max-first"],
        hooks: after(|circumstance, asked, reply| {
            let tag: &[u8] = if circumstance.logged_in() { b"LOGIN-DELAY 1" } else { b"LOGIN-DELAY 0" };
            announce(asked, reply, tag);
        }),
    },
    Defect {
        id: "rfc2449.expire.form",
        summary: "EXPIRE says USER after login",
        proves: &["rfc2449.expire.syntax"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.logged_in() {
                exchange(asked, reply, b"EXPIRE ", b"EXPIRE NEVER USER");
            }
        }),
    },
    Defect {
        id: "rfc2449.expire.shrinks",
        summary: "EXPIRE is NEVER before login and 30 days after it",
        proves: &["rfc2449.expire.min-first"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.logged_in() {
                exchange(asked, reply, b"EXPIRE ", b"EXPIRE 30");
            }
        }),
    },
];

/// Puts another line in the place of the one that begins like this.
pub(super) fn exchange(asked: &Asked, reply: &mut Reply, begins: &[u8], other: &[u8]) {
    if asked.is(Verb::Capa) {
        reply.map_lines(|_, line| if line.starts_with(begins) { other.to_vec() } else { line });
    }
}

/// Leaves out the line that begins like this.
pub(super) fn withhold(asked: &Asked, reply: &mut Reply, begins: &[u8]) {
    if asked.is(Verb::Capa) {
        reply.replace_lines(|_, line| if line.starts_with(begins) { Vec::new() } else { vec![line] });
    }
}

/// Puts a line before the first.
pub(super) fn announce(asked: &Asked, reply: &mut Reply, tag: &[u8]) {
    if asked.is(Verb::Capa) {
        reply.replace_lines(|number, line| if number == 0 { vec![tag.to_vec(), line] } else { vec![line] });
    }
}

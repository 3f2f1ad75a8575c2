//! UTF8 and LANG (RFC 6856).

use proto::Verb;

use super::Defect;
use super::capabilities::exchange;
use super::hooks::{after, instead};
use crate::reply::Reply;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc6856.utf8.parameter",
        summary: "UTF8 is announced with an unknown parameter",
        proves: &["rfc6856.utf8.capa"],
        hooks: after(|_, asked, reply| exchange(asked, reply, b"UTF8", b"UTF8 PERHAPS")),
    },
    Defect {
        id: "rfc6856.utf8.breaks-stat",
        summary: "STAT is refused in UTF8 mode",
        proves: &["rfc6856.utf8.command"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::Stat) && circumstance.session.utf8).then(|| Reply::err("No totals"))
        }),
    },
    Defect {
        id: "rfc6856.utf8.in-transaction",
        summary: "UTF8 is accepted after login",
        proves: &["rfc6856.utf8.not-in-trans"],
        hooks: instead(|circumstance, asked| {
            (asked.is_bare(Verb::Utf8) && circumstance.logged_in()).then(|| Reply::ok("UTF8 mode"))
        }),
    },
    Defect {
        id: "rfc6856.utf8.raw-anyway",
        summary: "messages with UTF-8 in the header are sent as they are, with or without UTF8",
        proves: &["rfc6856.utf8.required"],
        hooks: after(|circumstance, asked, reply| {
            if reply.code != Some("UTF8") {
                return;
            }
            let Some(open) = circumstance.open() else { return };
            let Some(message) = circumstance.index(asked).and_then(|index| open.messages.get(index)) else {
                return;
            };
            *reply = match asked.word(1).and_then(proto::number) {
                Some(lines) => open.send_top(&circumstance.session.world, message, lines),
                None => open.send(&circumstance.session.world, message),
            };
        }),
    },
    Defect {
        id: "rfc6856.utf8.replaces",
        summary: "in UTF8 mode every octet of UTF-8 in a header is replaced by a question mark",
        proves: &["rfc6856.utf8.as-is"],
        hooks: after(|circumstance, _, reply| {
            if circumstance.session.utf8 {
                reply.map_message(|octets| {
                    let body = mail::body(octets);
                    let header = octets.get(..octets.len() - body.len()).unwrap_or_default();
                    let replaced = header.iter().map(|octet| if octet.is_ascii() { *octet } else { b'?' });
                    replaced.chain(body.iter().copied()).collect()
                });
            }
        }),
    },
    Defect {
        id: "rfc6856.utf8.alters-ascii",
        summary: "in UTF8 mode ASCII messages get another header field",
        proves: &["rfc6856.utf8.ascii-unchanged"],
        hooks: after(|circumstance, _, reply| {
            if circumstance.session.utf8 {
                reply.map_message(|octets| {
                    let field: &[u8] = if octets.is_ascii() { b"X-UTF8: yes\r\n" } else { b"" };
                    [field, octets].concat()
                });
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.bad-tag",
        summary: "the list of languages has an entry with an underscore",
        proves: &["rfc6856.lang.list"],
        hooks: after(|_, asked, reply| {
            if asked.is_bare(Verb::Lang) {
                reply.replace_lines(|_, line| vec![line, b"en_GB British English".to_vec()]);
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.no-tag",
        summary: "the reply to LANG with a known language does not name it",
        proves: &["rfc6856.lang.select"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Lang) && asked.word(0).is_some() && reply.is_ok() {
                *reply = Reply::ok("Language chosen");
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.unknown-ok",
        summary: "LANG with an unknown language is answered +OK",
        proves: &["rfc6856.lang.unknown"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Lang) && asked.word(1).is_none() && reply.is_err() {
                *reply = Reply::ok("en Language unchanged");
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.star-err",
        summary: "LANG * is refused",
        proves: &["rfc6856.lang.star"],
        hooks: instead(|_, asked| {
            (asked.is(Verb::Lang) && asked.arguments() == b"*").then(|| Reply::err("No such language"))
        }),
    },
    Defect {
        id: "rfc6856.lang.only-before-login",
        summary: "LANG is refused after login",
        proves: &["rfc6856.lang.states"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::Lang) && circumstance.logged_in()).then(|| Reply::err("Only before login"))
        }),
    },
];

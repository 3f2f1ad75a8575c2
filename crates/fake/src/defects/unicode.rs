//! UTF8 and LANG, announced and half done (RFC 6856).

use proto::Verb;

use super::Defect;
use super::acts::hangs_up;
use super::capabilities::exchange;
use super::hooks::{after, before, instead, opened};
use super::listing::with_two_spaces;
use super::sizes::resize;
use crate::reply::{Content, Message, Octets, Reply};
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc6856.utf8.takes-argument",
        summary: "UTF8 with an argument is answered +OK",
        proves: &["rfc6856.utf8.no-arg"],
        hooks: before(|_, asked| {
            if asked.is(Verb::Utf8) {
                asked.replace("UTF8");
            }
        }),
    },
    Defect {
        id: "rfc6856.utf8.breaks-login",
        summary: "after UTF8 every login is refused",
        proves: &["rfc6856.utf8.command"],
        hooks: after(|circumstance, _, reply| {
            if circumstance.session.utf8 && circumstance.past.login.is_none() && circumstance.logged_in() {
                circumstance.log_out();
                *reply = Reply::err("Wrong character set");
            }
        }),
    },
    Defect {
        id: "rfc6856.utf8.top-raw",
        summary: "without UTF8 a message with UTF-8 in the header is refused to RETR, and TOP sends it as it is",
        proves: &["rfc6856.utf8.required"],
        hooks: after(|circumstance, asked, reply| {
            let lines = asked.word(1).and_then(proto::number).filter(|_| asked.is(Verb::Top));
            if let Some((message, lines)) = refused(circumstance, asked, reply).zip(lines) {
                let open = circumstance.open();
                if let Some(open) = open {
                    *reply = open.send_top(&circumstance.session.world, &message, lines);
                }
            }
        }),
    },
    Defect {
        id: "rfc6856.utf8.without-effect",
        summary: "UTF8 is answered +OK and changes nothing: messages with UTF-8 in the header are refused as before",
        proves: &["rfc6856.utf8.as-is"],
        hooks: after(|circumstance, asked, _| {
            if asked.is(Verb::Utf8) {
                circumstance.session.utf8 = false;
            }
        }),
    },
    Defect {
        id: "rfc6856.utf8.code-on-ok",
        summary: "UTF8 is answered with the code UTF8",
        proves: &["rfc6856.utf8.code"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Utf8) && reply.is_ok() {
                reply.code = Some("UTF8");
            }
        }),
    },
    Defect {
        id: "rfc6856.utf8.encodes-twice",
        summary: "in UTF8 mode messages are taken for Latin-1 and encoded once more",
        proves: &["rfc6856.utf8.as-is"],
        hooks: after(|circumstance, _, reply| {
            if circumstance.session.utf8 {
                reply.map_message(|octets| {
                    octets.iter().map(|&octet| char::from(octet)).collect::<String>().into_bytes()
                });
            }
        }),
    },
    Defect {
        id: "rfc6856.utf8.counts-characters",
        summary: "sizes count characters and not octets",
        proves: &["rfc6856.utf8.list-size"],
        hooks: opened(|circumstance| {
            resize(circumstance, |octets, size| {
                let further = octets.iter().filter(|octet| **octet & 0xc0 == 0x80).count() as u64;
                size.saturating_sub(further)
            });
        }),
    },
    Defect {
        id: "rfc6858.surrogate.other-top",
        summary: "without UTF8 RETR replaces UTF-8 by question marks, and TOP leaves it out",
        proves: &["rfc6858.top-surrogate"],
        hooks: after(|circumstance, asked, reply| {
            let Some(message) = refused(circumstance, asked, reply) else { return };
            let Some(open) = circumstance.open() else { return };
            let octets = circumstance.session.world.octets(open.owner, &message);
            let surrogate: Vec<u8> = if asked.is(Verb::Top) {
                octets.iter().copied().filter(u8::is_ascii).collect()
            } else {
                octets.iter().map(|&octet| if octet.is_ascii() { octet } else { b'?' }).collect()
            };
            let lines = asked.word(1).and_then(proto::number).unwrap_or(u64::MAX);
            let body = surrogate.len() - mail::body(&surrogate).len();
            let ends = surrogate.get(body..).unwrap_or_default().iter().enumerate();
            let end = ends.filter(|(_, octet)| **octet == b'\n').nth(lines.saturating_sub(1) as usize);
            let end = match lines {
                0 => body,
                _ => end.map_or(surrogate.len(), |(at, _)| body + at + 1),
            };
            let content = Content::Message(Message::top(Octets::Made(surrogate), end));
            *reply = Reply::ok("A surrogate follows").with(content);
        }),
    },
    Defect {
        id: "rfc6856.user.drops-octets",
        summary: "UTF8 USER is announced, and octets of names and passwords that are not UTF-8 are dropped",
        proves: &["rfc6856.user.reject"],
        hooks: before(|_, asked| {
            if matches!(asked.verb(), Some(Verb::User | Verb::Pass))
                && std::str::from_utf8(asked.line()).is_err()
            {
                let text = String::from_utf8_lossy(asked.line()).replace('\u{fffd}', "");
                asked.replace(text);
            }
        })
        .and_after(|_, asked, reply| exchange(asked, reply, b"UTF8", b"UTF8 USER")),
    },
    Defect {
        id: "rfc6856.lang.two-spaces",
        summary: "two spaces stand behind the tag in the list of languages",
        proves: &["rfc6856.lang.list"],
        hooks: after(|_, asked, reply| {
            if asked.is_bare(Verb::Lang) {
                reply.map_lines(|_, line| with_two_spaces(&line));
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.no-terminator",
        summary: "the list of languages has no dot line at its end",
        proves: &["rfc6856.lang.list"],
        hooks: after(|_, asked, reply| {
            if let Some(content) = reply.content.take_if(|_| asked.is(Verb::Lang)) {
                let mut octets = content.on_the_wire();
                octets.truncate(octets.len().saturating_sub(3));
                reply.content = Some(Box::new(Content::Verbatim(octets)));
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.name-for-tag",
        summary: "the reply to LANG names the language and not its tag",
        proves: &["rfc6856.lang.select"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Lang) && asked.word(0).is_some() && reply.is_ok() {
                reply.reword("English it is");
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.unknown-hangs-up",
        summary: "LANG with an unknown language closes the connection without a reply",
        proves: &["rfc6856.lang.unknown"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Lang) && asked.word(0).is_some() && reply.is_err() {
                *reply = hangs_up();
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.star-echoed",
        summary: "the reply to LANG * has the asterisk where the tag should be",
        proves: &["rfc6856.lang.star"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Lang) && asked.arguments() == b"*" {
                reply.reword("* Language chosen");
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.localised-status",
        summary: "once a language was chosen, the status words are in that language too",
        proves: &["practice.lang.protocol-tokens"],
        hooks: after(|circumstance, asked, reply| {
            if circumstance.past.count(Verb::Lang) > 0 && !asked.is(Verb::Lang) && reply.is_err() {
                reply.respell([b"-ERROR", reply.line().get(4..).unwrap_or_default()].concat());
            }
        }),
    },
    Defect {
        id: "rfc6856.lang.only-after-login",
        summary: "LANG is refused before login",
        proves: &["rfc6856.lang.states"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::Lang) && !circumstance.logged_in()).then(|| Reply::err("Log in first"))
        }),
    },
    Defect {
        id: "rfc6856.lang.of-the-user",
        summary: "after LANG * the reply to USER is in the language of that user, before any password",
        proves: &["rfc6856.lang.no-leak"],
        hooks: after(|circumstance, asked, reply| {
            let chosen = circumstance.past.count(Verb::Lang) > 0 && reply.is_ok();
            let name = asked.word(0).filter(|_| asked.is(Verb::User) && chosen);
            if name.is_some_and(|name| circumstance.session.owner(name).is_some()) {
                reply.reword("Bitte das Passwort mit PASS");
            }
        }),
    },
];

/// The message that was refused since the client is not in UTF8 mode.
fn refused(circumstance: &Circumstance<'_>, asked: &Asked, reply: &Reply) -> Option<crate::world::Message> {
    let index = circumstance.index(asked).filter(|_| reply.code == Some("UTF8"))?;
    circumstance.open()?.messages.get(index).cloned()
}

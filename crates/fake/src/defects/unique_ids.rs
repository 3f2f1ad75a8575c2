//! UIDL (RFC 1939 section 7).

use std::sync::Arc;

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, opened};
use super::listing::with_two_spaces;
use crate::reply::{Content, Reply};
use crate::twist::Circumstance;
use crate::world::Message;

pub(super) const ROWS: &[Defect] =
    &[
        Defect {
            id: "rfc1939.uidl.two-spaces",
            summary: "two spaces stand between number and unique-id in the lines of UIDL",
            proves: &["rfc1939.uidl.format"],
            hooks: after(|_, asked, reply| {
                if asked.is(Verb::Uidl) {
                    reply.map_lines(|_, line| with_two_spaces(&line));
                }
            }),
        },
        Defect {
            id: "rfc1939.uidl.too-long",
            summary: "the unique-id of the last message has 80 characters",
            proves: &["rfc1939.uidl.alphabet"],
            hooks: opened(|circumstance| {
                rename(
                    circumstance,
                    |number, last, id, _| {
                        if number == last { format!("{id:x<80}") } else { id }
                    },
                );
            }),
        },
        Defect {
            id: "rfc1939.uidl.no-number",
            summary: "UIDL n is answered without the message number",
            proves: &["rfc1939.uidl.arg"],
            hooks: after(|_, asked, reply| {
                if asked.is(Verb::Uidl) && asked.word(0).is_some() && reply.is_ok() {
                    let id = reply
                        .text()
                        .iter()
                        .copied()
                        .skip_while(|&octet| octet != b' ')
                        .skip(1)
                        .collect::<Vec<u8>>();
                    reply.reword(id);
                }
            }),
        },
        Defect {
            id: "rfc1939.uidl.arg-disagrees",
            summary: "UIDL n gives the unique-id in upper case",
            proves: &["rfc1939.uidl.arg-agrees"],
            hooks: after(|_, asked, reply| {
                if asked.is(Verb::Uidl) && asked.word(0).is_some() && reply.is_ok() {
                    reply.reword(reply.text().to_ascii_uppercase());
                }
            }),
        },
        Defect {
            id: "rfc1939.uidl.no-such-ok",
            summary: "UIDL of a number after the last is answered with a unique-id",
            proves: &["rfc1939.uidl.no-such"],
            hooks: after(|circumstance, asked, reply| {
                if asked.is(Verb::Uidl) && circumstance.names_no_message(asked) {
                    *reply = Reply::said(format!("{} none", asked.number().unwrap_or_default()));
                }
            }),
        },
        Defect {
            id: "rfc1939.uidl.keeps-deleted",
            summary: "UIDL gives marked messages too",
            proves: &["rfc1939.uidl.excludes-deleted"],
            hooks: after(|circumstance, asked, reply| {
                let Some(open) = circumstance.open().filter(|_| asked.is_bare(Verb::Uidl)) else { return };
                let world = &circumstance.session.world;
                let line = |(index, message): (usize, &Message)| {
                    format!("{} {}", index + 1, world.unique_id(open.owner, message)).into_bytes()
                };
                let lines: Vec<Vec<u8>> = open.messages.iter().enumerate().map(line).collect();
                reply.content = Some(Box::new(Content::lines(lines)));
            }),
        },
        Defect {
            id: "rfc1939.uidl.empty-err",
            summary: "UIDL is refused in an empty maildrop",
            proves: &["rfc1939.uidl.complete"],
            hooks: after(|circumstance, asked, reply| {
                let empty = circumstance.open().is_some_and(|open| open.messages.is_empty());
                if asked.is_bare(Verb::Uidl) && empty {
                    *reply = Reply::err("No messages");
                }
            }),
        },
        Defect {
            id: "rfc1939.uidl.shared",
            summary: "every message of an even number has the unique-id of the one before it",
            proves: &["rfc1939.uidl.unique"],
            hooks: opened(|circumstance| {
                rename(circumstance, |number, _, id, before| if number % 2 == 0 { before } else { id });
            }),
        },
        Defect {
            id: "rfc1939.uidl.per-session",
            summary: "unique-ids are made anew for each session",
            proves: &["rfc1939.uidl.persistent"],
            hooks: opened(|circumstance| {
                let session = circumstance.session.number;
                salt(circumstance, session);
            }),
        },
        Defect {
            id: "rfc1939.uidl.changes-after-loss",
            summary: "all unique-ids change when a session is cut off",
            proves: &["rfc1939.uidl.persistent-no-update"],
            hooks: super::hooks::lost(|circumstance, _| {
                circumstance.with_open(|maildrop| maildrop.notes().cut_off += 1);
            })
            .and_opened(|circumstance| {
                let mut lost = 0;
                circumstance.with_open(|maildrop| lost = maildrop.notes().cut_off);
                if lost > 0 {
                    salt(circumstance, lost);
                }
            }),
        },
        Defect {
            id: "rfc1939.uidl.position",
            summary: "a unique-id is the message's place in the maildrop",
            proves: &["rfc1939.uidl.independent-of-position"],
            hooks: opened(|circumstance| rename(circumstance, |number, _, _, _| format!("message-{number}"))),
        },
        Defect {
            id: "rfc1939.uidl.changes-after-top",
            summary: "the unique-id of a message changes after the session that has read it with TOP",
            proves: &["rfc1939.uidl.independent-of-access"],
            hooks: before(|circumstance, asked| {
                let topped = circumstance.past.topped.clone();
                let number = circumstance.session.number;
                if asked.is_bare(Verb::Quit) && circumstance.logged_in() && !topped.is_empty() {
                    rename(circumstance, |place, _, id, _| {
                        if topped.contains(&(place as u64)) { digest(&id, number) } else { id }
                    });
                    let altered =
                        circumstance.open().map(|open| Arc::clone(&open.messages)).unwrap_or_default();
                    circumstance.with_open(|maildrop| maildrop.adopt(&altered));
                }
            }),
        },
        Defect {
            id: "rfc1939.uidl.changes-after-rset",
            summary: "RSET changes the unique-ids of the session",
            proves: &["rfc1939.uidl.stable-in-session"],
            hooks: before(|circumstance, asked| {
                if asked.is_bare(Verb::Rset) && circumstance.logged_in() {
                    salt(circumstance, u64::from(circumstance.past.count(Verb::Rset)) + 1);
                }
            }),
        },
    ];

/// Gives the messages of the session unique-ids that also depend on this.
fn salt(circumstance: &mut Circumstance<'_>, with: u64) {
    rename(circumstance, |_, _, id, _| digest(&id, with));
}

pub(super) fn digest(id: &str, with: u64) -> String {
    mail::digest(format!("{id} {with}").as_bytes()).chars().take(32).collect()
}

/// Gives the messages of the session other unique-ids: from the number, the last number, the id as it is, and that of
/// the message before.
fn rename(circumstance: &mut Circumstance<'_>, other: impl Fn(usize, usize, String, String) -> String) {
    let world = circumstance.session.world.clone();
    let Some(open) = circumstance.open_mut() else { return };
    let (last, mut before) = (open.messages.len(), String::new());
    let mut renamed = Vec::with_capacity(last);
    for (index, message) in open.messages.iter().enumerate() {
        let id = world.unique_id(open.owner, message).into_owned();
        renamed.push(message.renamed(other(index + 1, last, id.clone(), std::mem::replace(&mut before, id))));
    }
    open.messages = Arc::new(renamed);
}

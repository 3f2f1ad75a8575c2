//! Unique-ids that do not stay with their message (RFC 1939 section 7).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, opened};
use super::unique_ids::digest;
use crate::Channel;
use crate::reply::{Content, Reply};
use crate::twist::{Asked, Circumstance};
use crate::world::Message;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.uidl.flags",
        summary: "a unique-id ends with the flags of the file, so that it is another once the message was retrieved",
        proves: &["rfc1939.uidl.independent-of-access"],
        hooks: after(|circumstance, asked, reply| note_read(circumstance, asked, reply)).and_opened(
            |circumstance| {
                let read = circumstance.with_open(|maildrop| maildrop.notes().read.clone());
                rename_each(
                    circumstance,
                    |ordinal, id| if read.contains(&ordinal) { format!("{id}:2,S") } else { id },
                );
            },
        ),
    },
    Defect {
        id: "rfc1939.uidl.changes-when-read",
        summary: "RETR changes the unique-id of the message at once, for the rest of the session",
        proves: &["rfc1939.uidl.stable-in-session"],
        hooks: after(|circumstance, asked, reply| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Retr) && reply.is_ok());
            if let Some((open, index)) = circumstance.open().zip(index) {
                let read = open.ordinals(&[index]);
                rename_each(
                    circumstance,
                    |ordinal, id| if read.contains(&ordinal) { digest(&id, 1) } else { id },
                );
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.shift-with-dele",
        summary: "after DELE the lines of UIDL have the numbers that are left and the unique-ids of the first messages",
        proves: &["rfc1939.uidl.stable-in-session"],
        hooks: after(|circumstance, asked, reply| {
            let Some(open) = circumstance.open().filter(|_| asked.is_bare(Verb::Uidl)) else { return };
            let world = &circumstance.session.world;
            let ids: Vec<String> = open
                .messages
                .iter()
                .map(|message| world.unique_id(open.owner, message).into_owned())
                .collect();
            let numbers = open.listed().map(|index| index + 1);
            let lines: Vec<Vec<u8>> =
                numbers.zip(ids).map(|(number, id)| format!("{number} {id}").into_bytes()).collect();
            reply.content = Some(Box::new(Content::lines(lines)));
        }),
    },
    Defect {
        id: "rfc1939.uidl.saved-at-quit",
        summary: "unique-ids are made anew in each session until one has ended with QUIT",
        proves: &["rfc1939.uidl.persistent-no-update"],
        hooks: opened(|circumstance| {
            let number = circumstance.session.number;
            let given = circumstance.with_open(|maildrop| maildrop.notes().given.clone());
            rename_each(circumstance, |ordinal, id| {
                given.get(&ordinal).cloned().unwrap_or_else(|| digest(&id, number))
            });
        })
        .and_before(|circumstance, asked| {
            if let Some(open) = circumstance.open().filter(|_| asked.is_bare(Verb::Quit)) {
                let world = &circumstance.session.world;
                let given: BTreeMap<u64, String> = open
                    .messages
                    .iter()
                    .map(|message| (message.ordinal(), world.unique_id(open.owner, message).into_owned()))
                    .collect();
                circumstance.with_open(|maildrop| maildrop.notes().given = given);
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.generation",
        summary: "all unique-ids change when mail was removed",
        proves: &["rfc1939.uidl.independent-of-position", "practice.uidl.two-devices"],
        hooks: before(|circumstance, asked| {
            if asked.is_bare(Verb::Quit) && circumstance.open().is_some_and(|open| !open.marks().is_empty()) {
                circumstance.with_open(|maildrop| maildrop.notes().removals += 1);
            }
        })
        .and_opened(|circumstance| {
            let removals = circumstance.with_open(|maildrop| maildrop.notes().removals);
            if removals > 0 {
                rename_each(circumstance, |_, id| digest(&id, removals));
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.next-number",
        summary: "a message that is new gets the highest unique-id in the maildrop plus one",
        proves: &["rfc1939.uidl.no-reuse"],
        hooks: opened(|circumstance| {
            number(circumstance, |taken| taken.iter().max().map_or(1, |highest| highest + 1));
        }),
    },
    Defect {
        id: "rfc1939.uidl.free-number",
        summary: "a message that is new gets the lowest unique-id that is free",
        proves: &["rfc1939.uidl.no-reuse"],
        hooks: opened(|circumstance| {
            number(circumstance, |taken| {
                (1..=u64::MAX).find(|number| !taken.contains(number)).unwrap_or_default()
            });
        }),
    },
    Defect {
        id: "rfc1939.uidl.by-channel",
        summary: "unique-ids under TLS are others than in the clear",
        proves: &["practice.uidl.any-entrance"],
        hooks: opened(|circumstance| {
            if circumstance.session.channel == Channel::Tls {
                rename_each(circumstance, |_, id| digest(&id, 995));
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.by-login",
        summary: "unique-ids after AUTH are others than after PASS",
        proves: &["practice.uidl.any-entrance"],
        hooks: after(|circumstance, asked, _| {
            let begins = circumstance.logged_in() && circumstance.past.login.is_none();
            if begins && (asked.response().is_some() || asked.is(Verb::Auth)) {
                rename_each(circumstance, |_, id| digest(&id, 5034));
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.by-node",
        summary: "unique-ids depend on which of two nodes serves the session",
        proves: &["rfc1939.uidl.persistent"],
        hooks: opened(|circumstance| {
            if circumstance.session.number % 2 == 0 {
                rename_each(circumstance, |_, id| format!("b-{id}"));
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.listing-kept",
        summary: "UIDL gives the listing that it was first asked for, also in later sessions",
        proves: &["rfc1939.uidl.complete"],
        hooks: after(|circumstance, asked, reply| {
            if !asked.is_bare(Verb::Uidl) || !reply.is_ok() {
                return;
            }
            let mut lines = Vec::new();
            reply.map_lines(|_, line| {
                lines.push(line.clone());
                line
            });
            let lines =
                circumstance.with_open(|maildrop| maildrop.notes().listing.get_or_insert(lines).clone());
            reply.content = Some(Box::new(Content::lines(lines)));
        }),
    },
];

/// Notes that RETR sent a message.
pub(super) fn note_read(circumstance: &Circumstance<'_>, asked: &Asked, reply: &Reply) {
    let index = circumstance.index(asked).filter(|_| asked.is(Verb::Retr) && reply.is_ok());
    if let Some((open, index)) = circumstance.open().zip(index) {
        let read = open.ordinals(&[index]);
        circumstance.with_open(|maildrop| maildrop.notes().read.extend(read));
    }
}

/// Gives the messages of the session other unique-ids: from their ordinal and the id as it is.
fn rename_each(circumstance: &mut Circumstance<'_>, other: impl Fn(u64, String) -> String) {
    let world = circumstance.session.world.clone();
    let Some(open) = circumstance.open_mut() else { return };
    let renamed = |message: &Message| {
        message.renamed(other(message.ordinal(), world.unique_id(open.owner, message).into_owned()))
    };
    open.messages = Arc::new(open.messages.iter().map(renamed).collect());
}

/// Makes unique-ids numbers: each message that is new gets the one that is free for it, from those that are taken.
fn number(circumstance: &mut Circumstance<'_>, free: fn(&BTreeSet<u64>) -> u64) {
    let Some(open) = circumstance.open() else { return };
    let there: Vec<u64> = open.messages.iter().map(Message::ordinal).collect();
    let given = circumstance.with_open(|maildrop| {
        let known = &mut maildrop.notes().given;
        known.retain(|ordinal, _| there.contains(ordinal));
        for ordinal in there {
            let taken: BTreeSet<u64> = known.values().filter_map(|id| id.parse().ok()).collect();
            known.entry(ordinal).or_insert_with(|| free(&taken).to_string());
        }
        known.clone()
    });
    rename_each(circumstance, |ordinal, id| given.get(&ordinal).cloned().unwrap_or(id));
}

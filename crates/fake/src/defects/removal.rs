//! What QUIT removes, and what happens beside it (RFC 1939 section 6).

use std::sync::Arc;

use proto::Verb;

use super::Defect;
use super::hooks::before;
use crate::server::Transaction;
use crate::twist::Circumstance;
use crate::world::Message;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.quit.one-after-the-other",
        summary: "QUIT removes marked messages one after the other by their number, in a maildrop that gets shorter each time",
        proves: &["rfc1939.quit.keeps-unmarked", "rfc1939.quit.removes-marked"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let mut left: Vec<usize> = (0..open.messages.len()).collect();
                let marked = open.marks();
                let mut gone = Vec::new();
                for index in marked {
                    if index < left.len() {
                        gone.push(left.remove(index));
                    }
                }
                mark_only(open, &gone);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.first-only",
        summary: "QUIT removes the first marked message and leaves the others",
        proves: &["rfc1939.quit.removes-marked"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let first: Vec<usize> = open.marks().into_iter().take(1).collect();
                mark_only(open, &first);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.fifty-at-most",
        summary: "QUIT removes fifty marked messages at most",
        proves: &["rfc1939.quit.removes-marked"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let fifty: Vec<usize> = open.marks().into_iter().take(50).collect();
                mark_only(open, &fifty);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.thirty-two-bits",
        summary: "marks are the bits of a number of 32, so that message 33 is marked as message 1",
        proves: &["rfc1939.quit.keeps-unmarked", "rfc1939.quit.removes-marked"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let bits: Vec<usize> = open.marks().into_iter().map(|index| index % 32).collect();
                mark_only(open, &bits);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.only-retrieved",
        summary: "QUIT removes those marked messages only that were retrieved in the session",
        proves: &["rfc1939.quit.removes-marked"],
        hooks: before(|circumstance, asked| {
            let retrieved = &circumstance.past.retrieved;
            let read = |index: &usize| retrieved.contains(&(*index as u64 + 1));
            if let Some(open) = circumstance.session.transaction_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let both: Vec<usize> = open.marks().into_iter().filter(read).collect();
                mark_only(open, &both);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.whole-maildrop",
        summary: "QUIT removes all messages if the last one is marked",
        proves: &["rfc1939.quit.keeps-unmarked"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let all: Vec<usize> = (0..open.messages.len()).collect();
                if open.marks().last() == all.last() && !all.is_empty() {
                    mark_only(open, &all);
                }
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.twins-too",
        summary: "QUIT removes every message that has the same octets as a marked one",
        proves: &["rfc1939.quit.keeps-unmarked"],
        hooks: before(|circumstance, asked| {
            let world = circumstance.session.world.clone();
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let owner = open.owner;
                let of = |open: &Transaction, index: usize| {
                    open.messages.get(index).map(|message| mail::digest(&world.octets(owner, message)))
                };
                let marked: Vec<_> = open.marks().into_iter().map(|index| of(open, index)).collect();
                let alike = (0..open.messages.len()).filter(|&index| marked.contains(&of(open, index)));
                let alike: Vec<usize> = if marked.is_empty() { Vec::new() } else { alike.collect() };
                mark_only(open, &alike);
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.despite-rset",
        summary: "RSET takes marks from the listings, and QUIT removes what was marked all the same",
        proves: &["rfc1939.rset.unmarks"],
        hooks: before(|circumstance, asked| {
            let ever = circumstance.past.deleted.clone();
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let indices = ever.iter().filter_map(|&number| usize::try_from(number).ok()?.checked_sub(1));
                indices.for_each(|index| open.mark(index, true));
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.new-mail-lost",
        summary: "QUIT that removes something writes back what was there at login, and mail that came since is lost",
        proves: &["practice.update.delivery-race"],
        hooks: before(|circumstance, asked| {
            let marks = circumstance.open().is_some_and(|open| !open.marks().is_empty());
            if marks && asked.is_bare(Verb::Quit) {
                lose_new_mail(circumstance);
            }
        }),
    },
    Defect {
        id: "practice.lock.new-mail-lost",
        summary: "mail that arrives while a session holds the maildrop is lost",
        proves: &["practice.lock.delivery"],
        hooks: before(|circumstance, asked| {
            if asked.is_bare(Verb::Quit) {
                lose_new_mail(circumstance);
            }
        })
        .and_lost(|circumstance, _| lose_new_mail(circumstance)),
    },
    Defect {
        id: "rfc1939.quit.overtakes-dele",
        summary: "the mark of a DELE that arrived together with what follows is set after the next command, so that QUIT comes before it",
        proves: &["practice.update.marks-pipelined"],
        hooks: before(|circumstance, asked| {
            let late = circumstance.with_open(|maildrop| std::mem::take(&mut maildrop.notes().postponed));
            if let Some(open) = circumstance.open_mut().filter(|_| !asked.is(Verb::Quit)) {
                for index in late {
                    open.mark(usize::try_from(index).unwrap_or(usize::MAX), true);
                }
            }
        })
        .and_opened(|circumstance| circumstance.with_open(|maildrop| maildrop.notes().postponed.clear()))
        .and_after(|circumstance, asked, reply| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Dele) && reply.is_ok());
            if let Some(index) = index.filter(|_| circumstance.more) {
                if let Some(open) = circumstance.open_mut() {
                    open.mark(index, false);
                }
                circumstance.with_open(|maildrop| maildrop.notes().postponed.push(index as u64));
            }
        }),
    },
    Defect {
        id: "rfc1939.quit.removed-come-back",
        summary: "what QUIT has removed is there again when the maildrop is opened the second time",
        proves: &["rfc1939.quit.removes-marked"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open().filter(|_| asked.is_bare(Verb::Quit)) {
                let marked = open.marks();
                let gone: Vec<Message> =
                    marked.into_iter().filter_map(|index| open.messages.get(index).cloned()).collect();
                circumstance.with_open(|maildrop| {
                    let notes = maildrop.notes();
                    notes.logins = if gone.is_empty() { notes.logins } else { 0 };
                    notes.trash.extend(gone);
                });
            }
        })
        .and_opened(|circumstance| {
            circumstance.with_open(|maildrop| {
                let notes = maildrop.notes();
                notes.logins += 1;
                if notes.logins > 1 {
                    let back = std::mem::take(&mut notes.trash);
                    maildrop.bring_back(back);
                }
            });
            look_again(circumstance);
        }),
    },
];

/// Takes all marks back and marks these.
fn mark_only(open: &mut Transaction, indices: &[usize]) {
    for index in 0..open.messages.len() {
        open.mark(index, indices.contains(&index));
    }
}

/// Removes what the session has not seen at login.
fn lose_new_mail(circumstance: &Circumstance<'_>) {
    let Some(open) = circumstance.open() else { return };
    let known: Vec<u64> = open.messages.iter().map(Message::ordinal).collect();
    circumstance.with_open(|maildrop| {
        let new: Vec<u64> = maildrop
            .messages()
            .iter()
            .map(Message::ordinal)
            .filter(|ordinal| !known.contains(ordinal))
            .collect();
        maildrop.remove(&new);
    });
}

/// The session sees the maildrop as it is now.
pub(super) fn look_again(circumstance: &mut Circumstance<'_>) {
    let now = circumstance.with_open(|maildrop| Some(Arc::clone(maildrop.messages())));
    if let (Some(open), Some(now)) = (circumstance.open_mut(), now) {
        open.messages = now;
    }
}

//! How mail is lived with over several sessions and by several devices.

use std::sync::Arc;

use proto::Verb;

use super::Defect;
use super::hooks::{after, before};
use super::removal::look_again;
use super::unique_id_changes::note_read;
use crate::reply::Reply;
use crate::server::Transaction;
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "practice.multi.only-unread",
        summary: "what was retrieved is not offered in later sessions any more",
        proves: &["practice.multi.leave"],
        hooks: after(|circumstance, asked, reply| note_read(circumstance, asked, reply)).and_opened(
            |circumstance| {
                let read = circumstance.with_open(|maildrop| maildrop.notes().read.clone());
                if let Some(open) = circumstance.open_mut() {
                    let unread = open.messages.iter().filter(|message| !read.contains(&message.ordinal()));
                    open.messages = Arc::new(unread.cloned().collect());
                }
            },
        ),
    },
    Defect {
        id: "practice.multi.header-only-again",
        summary: "RETR of a message that an earlier session has retrieved sends the header and one line",
        proves: &["practice.multi.leave"],
        hooks: after(|circumstance, asked, reply| {
            let turn = count_retrieval(circumstance, asked, reply);
            if turn > 1 && !circumstance.past.retrieved.contains(&asked.number().unwrap_or_default()) {
                reply.map_message(|octets| {
                    let header = octets.len() - mail::body(octets).len();
                    [octets.get(..header).unwrap_or_default(), b"(archived)\r\n"].concat()
                });
            }
        }),
    },
    Defect {
        id: "practice.multi.three-times",
        summary: "a message can be retrieved three times in all, and is refused then",
        proves: &["practice.multi.three-devices", "practice.multi.leave"],
        hooks: after(|circumstance, asked, reply| {
            if count_retrieval(circumstance, asked, reply) > 3 {
                *reply = Reply::err("That message was sent often enough");
            }
        }),
    },
    Defect {
        id: "practice.multi.never-empty",
        summary: "when QUIT has removed the last message, the server puts one of its own into the maildrop",
        proves: &["practice.multi.download-delete"],
        hooks: before(|circumstance, asked| {
            let open = circumstance.open().filter(|_| asked.is_bare(Verb::Quit));
            let emptied = open.filter(|open| !open.messages.is_empty() && open.listed().next().is_none());
            if let Some(owner) = emptied.map(|open| open.owner) {
                let user = circumstance.session.world.user(owner);
                circumstance
                    .session
                    .world
                    .deliver(&user, &b"Subject: No mail\r\n\r\nYou have no mail.\r\n"[..]);
            }
        }),
    },
    Defect {
        id: "practice.multi.every-tenth-login",
        summary: "every tenth login to an account is refused as too many, and no delay is announced",
        proves: &["practice.multi.poll-rate"],
        hooks: after(|circumstance, _, reply| {
            if !circumstance.logged_in() || circumstance.past.login.is_some() {
                return;
            }
            let logins = circumstance.with_open(|maildrop| {
                let notes = maildrop.notes();
                notes.logins += 1;
                notes.logins
            });
            if logins % 10 == 0 {
                circumstance.log_out();
                *reply = Reply::err("Too many logins");
            }
        }),
    },
    Defect {
        id: "practice.multi.known-refused",
        summary: "a message that has the same octets as one that was removed is not taken in again",
        proves: &["practice.multi.readded"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open().filter(|_| asked.is_bare(Verb::Quit)) {
                let marked = open.marks();
                let hashes: Vec<String> =
                    marked.into_iter().map(|index| hash(circumstance, open, index)).collect();
                circumstance.with_open(|maildrop| maildrop.notes().hashes.extend(hashes));
            }
        })
        .and_opened(|circumstance| {
            let Some(open) = circumstance.open() else { return };
            let all: Vec<String> =
                (0..open.messages.len()).map(|index| hash(circumstance, open, index)).collect();
            let known = circumstance.with_open(|maildrop| maildrop.notes().hashes.clone());
            let indices: Vec<usize> =
                (0..).zip(&all).filter(|(_, hash)| known.contains(*hash)).map(|(index, _)| index).collect();
            let again = circumstance.open().map(|open| open.ordinals(&indices)).unwrap_or_default();
            circumstance.with_open(|maildrop| maildrop.remove(&again));
            look_again(circumstance);
        }),
    },
];

/// Counts how often a message was retrieved, in all sessions, this time included.
fn count_retrieval(circumstance: &Circumstance<'_>, asked: &Asked, reply: &Reply) -> u32 {
    let index = circumstance.index(asked).filter(|_| asked.is(Verb::Retr) && reply.is_ok());
    let message = circumstance.open().zip(index).and_then(|(open, index)| open.messages.get(index));
    let mut times = 0;
    if let Some(ordinal) = message.map(crate::world::Message::ordinal) {
        circumstance.with_open(|maildrop| {
            let count = maildrop.notes().retrievals.entry(ordinal).or_default();
            *count += 1;
            times = *count;
        });
    }
    times
}

fn hash(circumstance: &Circumstance<'_>, open: &Transaction, index: usize) -> String {
    let message = open.messages.get(index);
    let octets = message.map(|message| circumstance.session.world.octets(open.owner, message));
    octets.map(|octets| mail::digest(&octets)).unwrap_or_default()
}

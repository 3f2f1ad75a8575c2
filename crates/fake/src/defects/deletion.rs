//! DELE, NOOP and RSET (RFC 1939 section 5).

use std::sync::Arc;

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, instead};
use super::removal::look_again;
use crate::reply::Reply;
use crate::world::Maildrop;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.dele.retr-still-works",
        summary: "RETR of a marked message still sends it",
        proves: &["rfc1939.dele.hides"],
        hooks: instead(|circumstance, asked| {
            let open = circumstance.open().filter(|_| asked.is(Verb::Retr))?;
            let index = circumstance.index(asked).filter(|&index| open.is_marked(index))?;
            Some(open.send(&circumstance.session.world, open.messages.get(index)?))
        }),
    },
    Defect {
        id: "rfc1939.dele.refused",
        summary: "DELE of message 1 is refused, though it exists",
        proves: &["rfc1939.dele.ok"],
        hooks: instead(|circumstance, asked| {
            let refused = asked.is(Verb::Dele) && circumstance.index(asked) == Some(0);
            refused.then(|| Reply::err("Not that one"))
        }),
    },
    Defect {
        id: "rfc1939.dele.twice-ok",
        summary: "DELE of a marked message is answered +OK",
        proves: &["rfc1939.dele.twice"],
        hooks: instead(|circumstance, asked| {
            let open = circumstance.open().filter(|_| asked.is(Verb::Dele))?;
            let again = circumstance.index(asked).is_some_and(|index| open.is_marked(index));
            again.then(|| Reply::ok("Marked as deleted"))
        }),
    },
    Defect {
        id: "rfc1939.dele.no-such-ok",
        summary: "DELE of a number that no message has is answered +OK",
        proves: &["rfc1939.dele.no-such"],
        hooks: instead(|circumstance, asked| {
            let none = asked.is(Verb::Dele) && circumstance.names_no_message(asked);
            none.then(|| Reply::ok("Marked as deleted"))
        }),
    },
    Defect {
        id: "rfc1939.dele.all-kept",
        summary: "QUIT removes nothing if every message is marked",
        proves: &["rfc1939.dele.all"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit))
                && open.listed().next().is_none()
            {
                for index in open.marks() {
                    open.mark(index, false);
                }
            }
        }),
    },
    Defect {
        id: "rfc1939.noop.unmarks",
        summary: "NOOP takes back all marks",
        proves: &["rfc1939.noop.ok"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Noop)) {
                for index in open.marks() {
                    open.mark(index, false);
                }
            }
        }),
    },
    Defect {
        id: "rfc1939.rset.unmarks-one",
        summary: "RSET takes back only the first mark",
        proves: &["rfc1939.rset.unmarks"],
        hooks: instead(|circumstance, asked| {
            let open = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Rset))?;
            if let Some(&index) = open.marks().first() {
                open.mark(index, false);
            }
            Some(Reply::ok("Marks taken back"))
        }),
    },
    Defect {
        id: "rfc1939.rset.err-without-marks",
        summary: "RSET is refused when nothing is marked",
        proves: &["rfc1939.rset.idempotent"],
        hooks: instead(|circumstance, asked| {
            let unmarked = circumstance.open().is_some_and(|open| open.marks().is_empty());
            (asked.is_bare(Verb::Rset) && unmarked).then(|| Reply::err("Nothing is marked"))
        }),
    },
    Defect {
        id: "rfc1939.rset.moves",
        summary: "RSET puts the messages that were marked behind the others",
        proves: &["rfc1939.rset.keeps-numbers"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Rset)) {
                let order = open.listed().chain(open.marks()).collect::<Vec<usize>>();
                let moved = order.into_iter().filter_map(|index| open.messages.get(index).cloned()).collect();
                open.messages = Arc::new(moved);
            }
        }),
    },
    Defect {
        id: "rfc1939.dele.at-once",
        summary: "DELE removes the message at once, and neither RSET nor the loss of the connection brings it back",
        proves: &["rfc1939.rset.unmarks", "rfc1939.update.no-quit-fin"],
        hooks: after(|circumstance, asked, reply| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Dele) && reply.is_ok());
            if let Some((open, index)) = circumstance.open().zip(index) {
                let gone = open.ordinals(&[index]);
                circumstance.with_open(|maildrop| maildrop.remove(&gone));
            }
        }),
    },
    Defect {
        id: "rfc1939.dele.no-such-is-last",
        summary: "DELE of a number after the last marks the last message",
        proves: &["rfc1939.dele.no-such"],
        hooks: before(|circumstance, asked| {
            let last = circumstance.open().map_or(0, |open| open.messages.len());
            let beyond = circumstance.names_no_message(asked) && asked.number() > Some(last as u64);
            if asked.is(Verb::Dele) && beyond {
                asked.set_word(0, last.to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.dele.last-refused",
        summary: "DELE of the only message that is not marked is refused",
        proves: &["rfc1939.dele.all"],
        hooks: instead(|circumstance, asked| {
            let open = circumstance.open().filter(|_| asked.is(Verb::Dele))?;
            let mut left = open.listed();
            let only = left.next().filter(|_| left.next().is_none());
            (only.is_some() && only == circumstance.index(asked)).then(|| Reply::err("One message must stay"))
        }),
    },
    Defect {
        id: "rfc1939.dele.sixty-four",
        summary: "there is room for 64 marks, and every further DELE is answered +OK and marks nothing",
        proves: &["rfc1939.quit.removes-marked"],
        hooks: instead(|circumstance, asked| {
            let open = circumstance.open().filter(|_| asked.is(Verb::Dele))?;
            circumstance.index(asked).filter(|&index| !open.is_marked(index))?;
            (open.marks().len() >= 64).then(|| Reply::ok("Marked as deleted"))
        }),
    },
    Defect {
        id: "rfc1939.dele.moves-away",
        summary: "DELE moves the message out of the maildrop at once, and RSET or the end of the connection move it back",
        proves: &["rfc1939.dele.deferred"],
        hooks: after(|circumstance, asked, reply| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Dele) && reply.is_ok());
            let moved = index.and_then(|index| circumstance.open()?.messages.get(index).cloned());
            if let Some(message) = moved {
                circumstance.with_open(|maildrop| {
                    maildrop.remove(&[message.ordinal()]);
                    maildrop.notes().trash.push(message);
                });
            }
            if asked.is_bare(Verb::Rset) {
                circumstance.with_open(move_back);
            }
        })
        .and_before(|circumstance, asked| {
            if asked.is_bare(Verb::Quit) {
                circumstance.with_open(|maildrop| maildrop.notes().trash.clear());
            }
        })
        .and_lost(|circumstance, _| circumstance.with_open(move_back)),
    },
    Defect {
        id: "rfc1939.noop.looks-again",
        summary: "NOOP shows the session what has arrived since",
        proves: &["rfc1939.state.snapshot"],
        hooks: before(|circumstance, asked| {
            if asked.is_bare(Verb::Noop) {
                look_again(circumstance);
            }
        }),
    },
    Defect {
        id: "rfc1939.rset.looks-again",
        summary: "RSET opens the maildrop anew, with what has arrived since",
        proves: &["rfc1939.rset.keeps-numbers"],
        hooks: before(|circumstance, asked| {
            if asked.is_bare(Verb::Rset) {
                look_again(circumstance);
            }
        }),
    },
    Defect {
        id: "rfc1939.rset.nothing",
        summary: "RSET is answered +OK and takes nothing back",
        proves: &["rfc1939.rset.unmarks"],
        hooks: instead(|circumstance, asked| {
            (asked.is_bare(Verb::Rset) && circumstance.logged_in()).then(|| Reply::ok("Marks taken back"))
        }),
    },
    Defect {
        id: "rfc1939.rset.forgets-messages",
        summary: "RSET makes the listings anew without what was marked, so that numbers move up",
        proves: &["rfc1939.rset.unmarks"],
        hooks: before(|circumstance, asked| {
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Rset)) {
                let left = open.listed().filter_map(|index| open.messages.get(index).cloned()).collect();
                open.messages = Arc::new(left);
            }
        }),
    },
    Defect {
        id: "rfc1939.rset.logs-out",
        summary: "RSET ends the login, as it resets all of the session",
        proves: &["rfc1939.rset.unmarks"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is_bare(Verb::Rset) && reply.is_ok() {
                circumstance.log_out();
            }
        }),
    },
];

/// What DELE has moved away is there again.
fn move_back(maildrop: &mut Maildrop) {
    let back = std::mem::take(&mut maildrop.notes().trash);
    maildrop.bring_back(back);
}

//! Which message RETR sends, and how often (RFC 1939 section 5).

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, instead};
use super::listing::two_digits;
use crate::reply::{Content, Reply};
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.retr.two-digits",
        summary: "RETR has room for two digits of a message number",
        proves: &["rfc1939.retr.fidelity"],
        hooks: before(|_, asked| shortened(asked, Verb::Retr)),
    },
    Defect {
        id: "rfc1939.top.two-digits",
        summary: "TOP has room for two digits of a message number",
        proves: &["rfc1939.top.structure"],
        hooks: before(|_, asked| shortened(asked, Verb::Top)),
    },
    Defect {
        id: "rfc1939.dele.two-digits",
        summary: "DELE has room for two digits of a message number, and marks another message",
        proves: &["rfc1939.quit.keeps-unmarked", "rfc1939.quit.removes-marked"],
        hooks: before(|_, asked| shortened(asked, Verb::Dele)),
    },
    Defect {
        id: "rfc1939.retr.eight-bit-number",
        summary: "the number of RETR has 8 bits: message 257 is message 1",
        proves: &["rfc1939.retr.fidelity"],
        hooks: before(|circumstance, asked| {
            if asked.is(Verb::Retr) && circumstance.index(asked).is_some() {
                let number = asked.number().unwrap_or_default() % 256;
                asked.set_word(0, number.to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.sixteen-slots",
        summary: "RETR keeps the last messages in 16 slots by their number, and does not look whose is in one",
        proves: &["rfc1939.retr.fidelity"],
        hooks: before(|circumstance, asked| {
            let Some(number) =
                asked.number().filter(|_| asked.is(Verb::Retr) && circumstance.index(asked).is_some())
            else {
                return;
            };
            let there = circumstance.past.retrieved.iter().find(|&&other| other % 16 == number % 16);
            if let Some(other) = there {
                asked.set_word(0, other.to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.file-at-end",
        summary: "RETR of a message that was retrieved in the session goes on where that has ended: with nothing",
        proves: &["rfc1939.retr.repeatable"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::Retr)
                && circumstance.past.retrieved.contains(&asked.number().unwrap_or_default())
            {
                reply.map_message(|_| Vec::new());
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.top-moves-file",
        summary: "RETR of a message of which TOP was sent goes on where that has ended",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::Retr) && circumstance.past.last == Some((Verb::Top, asked.number())) {
                reply.map_message(|octets| mail::body(octets).to_vec());
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.no-such-silent",
        summary: "RETR of a number after the last is not answered",
        proves: &["rfc1939.retr.no-such"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::Retr) && circumstance.names_no_message(asked)).then(Reply::nothing)
        }),
    },
    Defect {
        id: "rfc1939.retr.no-such-is-last",
        summary: "RETR of a number after the last sends the last message",
        proves: &["rfc1939.retr.no-such"],
        hooks: before(|circumstance, asked| {
            let last = circumstance.open().map_or(0, |open| open.messages.len());
            if asked.is(Verb::Retr)
                && circumstance.names_no_message(asked)
                && asked.number() > Some(last as u64)
            {
                asked.set_word(0, last.to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.empty-refused",
        summary: "RETR of a message of no octets is refused",
        proves: &["rfc1939.retr.odd-messages"],
        hooks: after(|circumstance, asked, reply| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Retr) && reply.is_ok());
            if index.zip(circumstance.open()).is_some_and(|(index, open)| open.size(index) == 0) {
                *reply = Reply::err("That message is empty");
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.removes",
        summary: "RETR removes the message from the maildrop, whatever follows",
        proves: &["rfc1939.retr.no-implicit-delete"],
        hooks: after(|circumstance, asked, reply| {
            if let Some(gone) = retrieved(circumstance, asked, reply) {
                circumstance.with_open(|maildrop| maildrop.remove(&[gone]));
            }
        }),
    },
    Defect {
        id: "practice.retr.vanished-empty",
        summary: "RETR of a message that was removed in another way sends no octets and the dot line",
        proves: &["practice.retr.vanished"],
        hooks: after(|circumstance, asked, reply| {
            if retrieved(circumstance, asked, reply).is_some_and(|ordinal| !is_there(circumstance, ordinal)) {
                *reply = Reply::ok("0 octets").with(Content::lines([]));
            }
        }),
    },
    Defect {
        id: "practice.retr.vanished-shifts",
        summary: "RETR counts the messages that are in the maildrop now, so that another moves up where one was removed in another way",
        proves: &["practice.retr.vanished"],
        hooks: before(|circumstance, asked| {
            let Some(index) = circumstance.index(asked).filter(|_| asked.is(Verb::Retr)) else { return };
            let now: Vec<u64> = circumstance.with_open(|maildrop| {
                maildrop.messages().iter().map(crate::world::Message::ordinal).collect()
            });
            let Some(open) = circumstance.open() else { return };
            let wanted = now.get(index).copied();
            let place = open.messages.iter().position(|message| Some(message.ordinal()) == wanted);
            let number = place.map_or(open.messages.len() + 1, |place| place + 1);
            asked.set_word(0, number.to_string().as_bytes());
        }),
    },
    Defect {
        id: "rfc1939.uidl.two-digits",
        summary: "UIDL has room for two digits of a message number",
        proves: &["rfc1939.uidl.complete"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Uidl) {
                reply.map_lines(|_, line| two_digits(&line));
            }
        }),
    },
];

/// Leaves the first two digits of the number that a command names, if there is such a message.
fn shortened(asked: &mut Asked, verb: Verb) {
    let digits = asked.word(0).filter(|word| asked.is(verb) && word.iter().all(u8::is_ascii_digit));
    if let Some(two) = digits.and_then(|digits| digits.get(..2)).map(<[u8]>::to_vec) {
        asked.set_word(0, &two);
    }
}

/// The ordinal of the message that RETR sends.
fn retrieved(circumstance: &Circumstance<'_>, asked: &Asked, reply: &Reply) -> Option<u64> {
    let index = circumstance.index(asked).filter(|_| asked.is(Verb::Retr) && reply.is_ok())?;
    circumstance.open()?.messages.get(index).map(crate::world::Message::ordinal)
}

/// Whether a message is still in the maildrop.
pub(super) fn is_there(circumstance: &Circumstance<'_>, ordinal: u64) -> bool {
    circumstance.with_open(|maildrop| maildrop.messages().iter().any(|message| message.ordinal() == ordinal))
}

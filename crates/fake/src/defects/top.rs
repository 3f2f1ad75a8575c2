//! TOP (RFC 1939 section 7).

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, instead};
use super::retrieval::stuffed_but;
use crate::reply::{Content, Reply};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.top.no-stuffing",
        summary: "TOP sends lines that begin with a dot as they are",
        proves: &["rfc1939.top.dot-stuffing"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Top) {
                reply.write_message(|octets| stuffed_but(octets, |_| true));
            }
        }),
    },
    Defect {
        id: "rfc1939.top.zero-is-all",
        summary: "TOP n 0 sends the whole message",
        proves: &["rfc1939.top.zero"],
        hooks: before(|_, asked| {
            if asked.is(Verb::Top) && asked.word(1) == Some(b"0") {
                asked.set_word(1, u64::MAX.to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.top.off-by-one",
        summary: "TOP sends one body line more than was asked for",
        proves: &["rfc1939.top.exact-count"],
        hooks: before(|_, asked| {
            let lines = asked.word(1).and_then(proto::number).filter(|_| asked.is(Verb::Top));
            if let Some(lines) = lines {
                asked.set_word(1, lines.saturating_add(1).to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.top.refuses-many",
        summary: "TOP is refused for more lines than the message has",
        proves: &["rfc1939.top.more-than-all"],
        hooks: instead(|circumstance, asked| {
            let lines = asked.word(1).and_then(proto::number).filter(|_| asked.is(Verb::Top))?;
            let message = circumstance.open()?.messages.get(circumstance.index(asked)?)?;
            let octets = circumstance.session.world.octets(circumstance.open()?.owner, message);
            let body = mail::body(&octets);
            let there = memchr::memmem::find_iter(body, b"\r\n").count() as u64;
            (lines > there.saturating_add(1)).then(|| Reply::err("Too many lines"))
        }),
    },
    Defect {
        id: "rfc1939.top.negative",
        summary: "TOP takes a negative number of lines for 0",
        proves: &["rfc1939.top.args"],
        hooks: before(|_, asked| {
            if asked.is(Verb::Top) && asked.word(1).is_some_and(|word| word.starts_with(b"-")) {
                asked.set_word(1, b"0");
            }
        }),
    },
    Defect {
        id: "rfc1939.top.no-such-ok",
        summary: "TOP of a number after the last sends an empty message",
        proves: &["rfc1939.top.no-such"],
        hooks: instead(|circumstance, asked| {
            let none = asked.is(Verb::Top) && asked.word(1).is_some() && circumstance.names_no_message(asked);
            none.then(|| Reply::ok("Top of message follows").with(Content::lines([])))
        }),
    },
];

//! LIST, and the sizes that it tells (RFC 1939 sections 5 and 11).

use proto::Verb;

use super::Defect;
use super::hooks::{after, opened};
use crate::reply::{Content, Reply};
use crate::server::Transaction;
use crate::twist::Circumstance;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.list.repeats",
        summary: "LIST gives the last message twice",
        proves: &["rfc1939.list.complete"],
        hooks: after(|circumstance, asked, reply| {
            let last = circumstance.open().and_then(|open| open.listed().last());
            let Some(last) = last.filter(|_| asked.is(Verb::List)) else { return };
            let begins = format!("{} ", last + 1);
            reply.replace_lines(|_, line| {
                let times = if line.starts_with(begins.as_bytes()) { 2 } else { 1 };
                vec![line; times]
            });
        }),
    },
    Defect {
        id: "rfc1939.list.two-spaces",
        summary: "two spaces stand between number and size in the lines of LIST",
        proves: &["rfc1939.list.format"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) {
                reply.map_lines(|_, line| with_two_spaces(&line));
            }
        }),
    },
    Defect {
        id: "rfc1939.list.keeps-deleted",
        summary: "LIST gives marked messages too",
        proves: &["rfc1939.list.excludes-deleted"],
        hooks: after(|circumstance, asked, reply| {
            if let Some(open) = circumstance.open().filter(|_| asked.is_bare(Verb::List)) {
                reply.content = Some(Box::new(all_sizes(open)));
            }
        }),
    },
    Defect {
        id: "rfc1939.list.empty-err",
        summary: "LIST is refused in an empty maildrop",
        proves: &["rfc1939.list.empty"],
        hooks: after(|circumstance, asked, reply| {
            let empty = circumstance.open().is_some_and(|open| open.messages.is_empty());
            if asked.is_bare(Verb::List) && empty {
                *reply = Reply::err("No messages");
            }
        }),
    },
    Defect {
        id: "rfc1939.list.arg-ignored",
        summary: "LIST n gives the whole listing",
        proves: &["rfc1939.list.arg"],
        hooks: after(|circumstance, asked, reply| {
            let one = asked.is(Verb::List) && asked.word(0).is_some() && reply.is_ok();
            if let Some(open) = circumstance.open().filter(|_| one) {
                *reply = Reply::ok("Scan listing follows").with(all_sizes(open));
            }
        }),
    },
    Defect {
        id: "rfc1939.list.arg-disagrees",
        summary: "LIST n gives a size one too high",
        proves: &["rfc1939.list.arg-agrees"],
        hooks: after(|circumstance, asked, reply| {
            if let Some(index) = circumstance.index(asked).filter(|_| asked.is(Verb::List) && reply.is_ok()) {
                let size = circumstance.open().map_or(0, |open| open.size(index));
                *reply = Reply::numbers(index as u64 + 1, size + 1);
            }
        }),
    },
    Defect {
        id: "rfc1939.list.no-such-ok",
        summary: "LIST of a number after the last is answered with a size of 0",
        proves: &["rfc1939.list.no-such"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::List) && circumstance.names_no_message(asked) {
                *reply = Reply::numbers(asked.number().unwrap_or_default(), 0);
            }
        }),
    },
    Defect {
        id: "rfc1939.size.counts-lf",
        summary: "sizes count one octet for each line end",
        proves: &["rfc1939.size.crlf"],
        hooks: opened(|circumstance| {
            resize(circumstance, |octets, size| {
                size - octets.windows(2).filter(|pair| pair == b"\r\n").count() as u64
            });
        }),
    },
    Defect {
        id: "rfc1939.size.counts-stuffing",
        summary: "sizes count the dots that stuffing adds",
        proves: &["rfc1939.size.dots"],
        hooks: opened(|circumstance| {
            resize(circumstance, |octets, size| {
                let dots = octets.windows(3).filter(|window| window == b"\r\n.").count() as u64;
                size + dots + u64::from(octets.first() == Some(&b'.'))
            });
        }),
    },
];

/// The line with its first space doubled.
pub(super) fn with_two_spaces(line: &[u8]) -> Vec<u8> {
    match line.iter().position(|&octet| octet == b' ') {
        Some(space) => {
            [line.get(..space).unwrap_or_default(), b" ", line.get(space..).unwrap_or_default()].concat()
        }
        None => line.to_vec(),
    }
}

/// A scan listing of all messages, marked or not.
fn all_sizes(open: &Transaction) -> Content {
    let lines: Vec<Vec<u8>> = (0..open.messages.len())
        .map(|index| format!("{} {}", index + 1, open.size(index)).into_bytes())
        .collect();
    Content::lines(lines)
}

/// Gives every message of the session another size, from its octets and its right size.
pub(super) fn resize(circumstance: &mut Circumstance<'_>, other: fn(&[u8], u64) -> u64) {
    let world = circumstance.session.world.clone();
    let Some(open) = circumstance.open_mut() else { return };
    let resized = |message: &crate::world::Message| {
        message.resized(other(&world.octets(open.owner, message), message.size()))
    };
    open.messages = std::sync::Arc::new(open.messages.iter().map(resized).collect());
}

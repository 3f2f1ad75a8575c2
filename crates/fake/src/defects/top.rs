//! TOP (RFC 1939 section 7); which lines it sends is in [`super::top_lines`].

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, instead};
use super::retrieval::stuffed_but;
use super::top_lines::parts;
use crate::reply::{Content, Reply, Then};

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
    Defect {
        id: "rfc1939.top.zero-refused",
        summary: "TOP n 0 is refused",
        proves: &["rfc1939.top.zero"],
        hooks: instead(|circumstance, asked| {
            let zero =
                asked.is(Verb::Top) && asked.word(1) == Some(b"0") && circumstance.index(asked).is_some();
            zero.then(|| Reply::err("How many lines?"))
        }),
    },
    Defect {
        id: "rfc1939.top.lone-dot-unstuffed",
        summary: "TOP does not stuff a line that is a dot and nothing else",
        proves: &["rfc1939.top.dot-stuffing"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Top) {
                reply.write_message(|octets| {
                    let stuffed = stuffed_but(octets, |_| false);
                    let lines = stuffed.split_inclusive(|&octet| octet == b'\n');
                    lines.flat_map(|line| if line == b"..\r\n" { b".\r\n" } else { line }).copied().collect()
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.top.header-unstuffed",
        summary: "TOP stuffs the body and not the header",
        proves: &["rfc1939.top.dot-stuffing"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Top) {
                reply.write_message(|octets| {
                    let (header, body) = parts(octets);
                    [header, &stuffed_but(body, |_| false)].concat()
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.top.ten-by-default",
        summary: "TOP without a number of lines sends ten",
        proves: &["rfc1939.top.args"],
        hooks: before(|_, asked| {
            if asked.is(Verb::Top) && asked.number().is_some() && asked.word(1).is_none() {
                asked.replace([asked.line(), b" 10"].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.top.word-is-zero",
        summary: "TOP takes a number of lines that is no number for 0",
        proves: &["rfc1939.top.args"],
        hooks: before(|_, asked| {
            if asked.is(Verb::Top) && asked.word(1).is_some_and(|word| proto::number(word).is_none()) {
                asked.set_word(1, b"0");
            }
        }),
    },
    Defect {
        id: "rfc1939.top.bare-closes",
        summary: "TOP without arguments ends the connection",
        proves: &["rfc1939.top.args", "rfc1939.cmd.missing-arg"],
        hooks: instead(|circumstance, asked| {
            let bare = asked.is_bare(Verb::Top) && circumstance.logged_in();
            bare.then(|| Reply::nothing().then(Then::Close))
        }),
    },
    Defect {
        id: "rfc1939.top.of-deleted",
        summary: "TOP of a marked message still sends it",
        proves: &["rfc1939.top.no-such", "rfc1939.dele.hides"],
        hooks: instead(|circumstance, asked| {
            let lines = asked.word(1).and_then(proto::number).filter(|_| asked.is(Verb::Top))?;
            let open = circumstance.open()?;
            let index = circumstance.index(asked).filter(|&index| open.is_marked(index))?;
            Some(open.send_top(&circumstance.session.world, open.messages.get(index)?, lines))
        }),
    },
    Defect {
        id: "rfc1939.top.header-only-endless",
        summary: "TOP of a message without a separator is answered without a dot line",
        proves: &["rfc1939.multi.terminator"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Top) {
                reply.write_message(|octets| {
                    let whole =
                        octets.starts_with(b"\r\n") || memchr::memmem::find(octets, b"\r\n\r\n").is_some();
                    if whole { stuffed_but(octets, |_| false) } else { octets.to_vec() }
                });
            }
        }),
    },
    Defect {
        id: "practice.top.huge-closes",
        summary: "TOP with a number of lines of more than nine digits ends the connection",
        proves: &["practice.top.huge-count"],
        hooks: instead(|_, asked| {
            let huge = asked.is(Verb::Top) && asked.word(1).is_some_and(|word| word.len() > 9);
            huge.then(|| Reply::nothing().then(Then::Close))
        }),
    },
    Defect {
        id: "practice.top.removes",
        summary: "QUIT removes messages of which TOP was sent",
        proves: &["practice.top.peek"],
        hooks: before(|circumstance, asked| {
            let topped = circumstance.past.topped.clone();
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                let indices =
                    topped.iter().filter_map(|&number| usize::try_from(number).ok()?.checked_sub(1));
                indices.for_each(|index| open.mark(index, true));
            }
        }),
    },
];

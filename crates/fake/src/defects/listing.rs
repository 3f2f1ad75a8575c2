//! LIST (RFC 1939 section 5); the sizes that it tells are in [`super::sizes`].

use proto::Verb;

use super::Defect;
use super::hooks::after;
use crate::reply::{Content, Reply};
use crate::server::Transaction;

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
        id: "rfc1939.list.arg-multiline",
        summary: "LIST n is answered with a listing of one line",
        proves: &["rfc1939.list.arg"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) && asked.word(0).is_some() && reply.is_ok() {
                *reply = Reply::ok("Scan listing follows").with(Content::lines([reply.text().into_owned()]));
            }
        }),
    },
    Defect {
        id: "rfc1939.list.arg-without-number",
        summary: "LIST n is answered with the size alone",
        proves: &["rfc1939.list.arg"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) && asked.word(0).is_some() && reply.is_ok() {
                let text = reply.text().into_owned();
                reply.reword(text.split(|&octet| octet == b' ').nth(1).unwrap_or_default());
            }
        }),
    },
    Defect {
        id: "rfc1939.list.octets-word",
        summary: "the word octets follows each size in LIST",
        proves: &["rfc1939.list.no-extra"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) {
                reply.map_lines(|_, line| [&line[..], b" octets"].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.list.zero-for-deleted",
        summary: "LIST gives marked messages with a size of 0",
        proves: &["rfc1939.list.excludes-deleted"],
        hooks: after(|circumstance, asked, reply| {
            let Some(open) = circumstance.open().filter(|_| asked.is_bare(Verb::List)) else { return };
            let size = |index| if open.is_marked(index) { 0 } else { open.size(index) };
            let line = |index| format!("{} {}", index + 1, size(index)).into_bytes();
            let lines: Vec<Vec<u8>> = (0..open.messages.len()).map(line).collect();
            reply.content = Some(Box::new(Content::lines(lines)));
        }),
    },
    Defect {
        id: "rfc1939.list.a-hundred",
        summary: "LIST gives the first hundred messages",
        proves: &["rfc1939.list.complete"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) {
                reply.replace_lines(|number, line| if number < 100 { vec![line] } else { Vec::new() });
            }
        }),
    },
    Defect {
        id: "rfc1939.list.stops-at-deleted",
        summary: "LIST ends before the first marked message",
        proves: &["rfc1939.list.complete"],
        hooks: after(|circumstance, asked, reply| {
            let first = circumstance.open().and_then(|open| open.marks().first().copied());
            if let Some(first) = first.filter(|_| asked.is(Verb::List)) {
                reply.replace_lines(|number, line| if number < first { vec![line] } else { Vec::new() });
            }
        }),
    },
    Defect {
        id: "rfc1939.list.skips-empty",
        summary: "LIST leaves out messages of no octets",
        proves: &["rfc1939.list.complete"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) {
                reply.replace_lines(|_, line| if line.ends_with(b" 0") { Vec::new() } else { vec![line] });
            }
        }),
    },
    Defect {
        id: "rfc1939.list.loses-line-at-edge",
        summary: "LIST loses the line that does not fit into a buffer of 512 octets any more",
        proves: &["rfc1939.list.complete"],
        hooks: after(|_, asked, reply| {
            let mut used = 0;
            if asked.is(Verb::List) {
                reply.replace_lines(|_, line| {
                    used += line.len() + 2;
                    if used > 512 {
                        used = 0;
                        return Vec::new();
                    }
                    vec![line]
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.list.two-digits",
        summary: "LIST has room for two digits of a message number",
        proves: &["rfc1939.state.numbering"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) {
                reply.map_lines(|_, line| two_digits(&line));
            }
        }),
    },
    Defect {
        id: "rfc1939.list.renumbers",
        summary: "after DELE the lines of LIST are numbered without gaps",
        proves: &["rfc1939.state.numbers-fixed"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) {
                reply.map_lines(|number, line| {
                    let size = line.split(|&octet| octet == b' ').nth(1).unwrap_or_default();
                    [format!("{} ", number + 1).as_bytes(), size].concat()
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.list.empty-bare",
        summary: "LIST of a maildrop with nothing to list is answered without the dot line",
        proves: &["rfc1939.list.empty"],
        hooks: after(|circumstance, asked, reply| {
            let none = circumstance.open().is_some_and(|open| open.listed().next().is_none());
            if asked.is_bare(Verb::List) && none {
                *reply = Reply::ok("0 messages");
            }
        }),
    },
    Defect {
        id: "rfc1939.list.empty-zero",
        summary: "LIST of an empty maildrop gives the line 0 0",
        proves: &["rfc1939.list.empty"],
        hooks: after(|circumstance, asked, reply| {
            let empty = circumstance.open().is_some_and(|open| open.messages.is_empty());
            if asked.is_bare(Verb::List) && empty {
                reply.content = Some(Box::new(Content::lines([b"0 0".to_vec()])));
            }
        }),
    },
    Defect {
        id: "rfc1939.list.no-such-all",
        summary: "LIST of a number after the last gives the whole listing",
        proves: &["rfc1939.list.no-such"],
        hooks: after(|circumstance, asked, reply| {
            if asked.is(Verb::List)
                && circumstance.names_no_message(asked)
                && let Some(open) = circumstance.open()
            {
                *reply = Reply::ok("Scan listing follows").with(all_sizes(open));
            }
        }),
    },
    Defect {
        id: "rfc1939.list.arg-of-deleted",
        summary: "LIST n of a marked message still tells its size",
        proves: &["rfc1939.dele.hides"],
        hooks: after(|circumstance, asked, reply| {
            let Some(index) = circumstance.index(asked).filter(|_| asked.is(Verb::List)) else { return };
            let size = circumstance.open().filter(|open| open.is_marked(index)).map(|open| open.size(index));
            if let Some(size) = size {
                *reply = Reply::numbers(index as u64 + 1, size);
            }
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

/// The line with its number cut to two digits.
pub(super) fn two_digits(line: &[u8]) -> Vec<u8> {
    let digits = line.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let (number, rest) = line.split_at_checked(digits).unwrap_or((line, b""));
    [number.get(..2).unwrap_or(number), rest].concat()
}

/// A scan listing of all messages, marked or not.
fn all_sizes(open: &Transaction) -> Content {
    let lines: Vec<Vec<u8>> = (0..open.messages.len())
        .map(|index| format!("{} {}", index + 1, open.size(index)).into_bytes())
        .collect();
    Content::lines(lines)
}

//! The sizes that STAT and LIST tell (RFC 1939 section 11).

use std::collections::BTreeSet;

use proto::Verb;

use super::Defect;
use super::hooks::{after, opened};
use crate::reply::Reply;
use crate::twist::Circumstance;

pub(super) const ROWS: &[Defect] = &[
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
    Defect {
        id: "rfc1939.size.sixteen-bit",
        summary: "sizes are numbers of 16 bits",
        proves: &["rfc1939.size.exact"],
        hooks: opened(|circumstance| resize(circumstance, |_, size| size % 65_536)),
    },
    Defect {
        id: "rfc1939.size.with-terminator",
        summary: "sizes count the terminating dot line too",
        proves: &["rfc1939.size.exact"],
        hooks: opened(|circumstance| resize(circumstance, |_, size| size + 3)),
    },
    Defect {
        id: "rfc1939.size.blocks",
        summary: "sizes are those of whole blocks of 512 octets on the disk",
        proves: &["rfc1939.size.exact"],
        hooks: opened(|circumstance| resize(circumstance, |_, size| size.next_multiple_of(512))),
    },
    Defect {
        id: "rfc1939.size.body-only",
        summary: "sizes are those of bodies, without the header",
        proves: &["rfc1939.size.exact"],
        hooks: opened(|circumstance| {
            resize(circumstance, |octets, size| size - (octets.len() - mail::body(octets).len()) as u64);
        }),
    },
    Defect {
        id: "rfc1939.size.as-stored",
        summary: "sizes do not count the line end that is put behind a last line without one",
        proves: &["rfc1939.size.exact"],
        hooks: opened(|circumstance| resize(circumstance, |octets, _| octets.len() as u64)),
    },
    Defect {
        id: "rfc1939.size.characters",
        summary: "sizes count the characters of UTF-8 and not their octets",
        proves: &["rfc1939.size.exact"],
        hooks: opened(|circumstance| {
            resize(circumstance, |octets, size| {
                size - octets.iter().filter(|&&octet| octet & 0xc0 == 0x80).count() as u64
            });
        }),
    },
    Defect {
        id: "rfc1939.size.adds-line-feeds",
        summary: "sizes count one octet more for each LF, though lines end with CRLF already",
        proves: &["rfc1939.size.exact"],
        hooks: opened(|circumstance| {
            resize(circumstance, |octets, size| size + memchr::memchr_iter(b'\n', octets).count() as u64);
        }),
    },
    Defect {
        id: "rfc1939.size.ends-at-nul",
        summary: "sizes are counted up to the first NUL of a message",
        proves: &["rfc1939.size.exact"],
        hooks: opened(|circumstance| {
            resize(circumstance, |octets, size| {
                memchr::memchr(0, octets).map_or(size, |position| position as u64)
            });
        }),
    },
    Defect {
        id: "rfc1939.size.kilobytes",
        summary: "LIST tells sizes of 1,024 octets and more in kilobytes",
        proves: &["rfc1939.list.format"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) {
                reply.map_lines(|_, line| {
                    let words = text(&line);
                    let parts = words
                        .split_once(' ')
                        .and_then(|(number, size)| Some((number, size.parse::<u64>().ok()?)));
                    match parts {
                        Some((number, size)) if size >= 1024 => {
                            format!("{number} {}.{}K", size / 1024, size % 1024 * 10 / 1024).into_bytes()
                        }
                        _ => line,
                    }
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.size.wrong-verb",
        summary: "LIST has the debris of a wrong format verb in the place of sizes",
        proves: &["rfc1939.list.format"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) {
                reply.map_lines(|_, line| match text(&line).split_once(' ') {
                    Some((number, size)) => format!("{number} %!d(float64={size})").into_bytes(),
                    None => line,
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.size.grows-when-read",
        summary: "RETR puts a Status field into a message for ever, and the size that is told stays as it was",
        proves: &["rfc1939.size.exact"],
        hooks: after(|circumstance, asked, reply| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Retr) && reply.is_ok());
            let Some((open, index)) = circumstance.open().zip(index) else { return };
            let (read, mut again) = (open.ordinals(&[index]), false);
            circumstance.with_open(|maildrop| {
                let known = &mut maildrop.notes().read;
                again = !read.iter().copied().collect::<BTreeSet<u64>>().is_disjoint(known);
                known.extend(read);
            });
            if again {
                reply.map_message(|octets| [b"Status: RO\r\n", octets].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.size.arg-without-header",
        summary: "LIST n tells the size of the body, LIST that of the whole message",
        proves: &["rfc1939.list.arg-agrees"],
        hooks: after(|circumstance, asked, reply| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::List) && reply.is_ok());
            let (Some(open), Some(index)) = (circumstance.open(), index) else { return };
            if let Some(message) = open.messages.get(index) {
                let octets = circumstance.session.world.octets(open.owner, message);
                *reply = Reply::numbers(index as u64 + 1, mail::body(&octets).len() as u64);
            }
        }),
    },
];

/// A line of a listing as text.
pub(super) fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
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

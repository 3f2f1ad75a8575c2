//! Which lines TOP sends (RFC 1939 section 7).

use proto::Verb;

use super::Defect;
use super::hooks::after;
use crate::reply::Reply;
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.top.counts-header",
        summary: "TOP counts the lines of the header as well as those of the body",
        proves: &["rfc1939.top.structure"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| first_lines(octets, lines).to_vec());
        }),
    },
    Defect {
        id: "rfc1939.top.counts-separator",
        summary: "TOP counts the separator as the first line of the body",
        proves: &["rfc1939.top.exact-count"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                [header, first_lines(body, lines.saturating_sub(1))].concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.top.without-separator",
        summary: "TOP sends the lines of the body right behind the header, without a separator",
        proves: &["rfc1939.top.structure"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                [header.strip_suffix(b"\r\n").unwrap_or(header), first_lines(body, lines)].concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.top.zero-without-separator",
        summary: "TOP n 0 sends the header without the separator",
        proves: &["rfc1939.top.zero"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                let separator = if lines == 0 { 2 } else { 0 };
                [
                    header.get(..header.len().saturating_sub(separator)).unwrap_or_default(),
                    first_lines(body, lines),
                ]
                .concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.top.zero-one-line",
        summary: "TOP n 0 sends one line of the body",
        proves: &["rfc1939.top.zero"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                [header, first_lines(body, lines.max(1))].concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.top.always-all",
        summary: "TOP always sends the whole message",
        proves: &["rfc1939.top.exact-count"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, _| octets.to_vec());
        }),
    },
    Defect {
        id: "rfc1939.top.header-only",
        summary: "TOP sends the header and the separator, however many lines are wanted",
        proves: &["rfc1939.top.exact-count"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, _| parts(octets).0.to_vec());
        }),
    },
    Defect {
        id: "rfc1939.top.few-fields",
        summary: "TOP sends the fields From, To, Subject and Date of the header and no others",
        proves: &["rfc1939.top.structure"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                let wanted = [&b"from:"[..], b"to:", b"subject:", b"date:", b"\r\n"];
                let keeps =
                    |line: &&[u8]| wanted.iter().any(|name| line.to_ascii_lowercase().starts_with(name));
                let kept: Vec<u8> = header
                    .split_inclusive(|&octet| octet == b'\n')
                    .filter(keeps)
                    .flatten()
                    .copied()
                    .collect();
                [&kept[..], first_lines(body, lines)].concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.top.first-of-folded",
        summary: "TOP sends the first line of a folded header field and leaves out the others",
        proves: &["rfc1939.top.structure"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                let folded = |line: &&[u8]| !line.starts_with(b" ") && !line.starts_with(b"\t");
                let kept: Vec<u8> = header
                    .split_inclusive(|&octet| octet == b'\n')
                    .filter(folded)
                    .flatten()
                    .copied()
                    .collect();
                [&kept[..], first_lines(body, lines)].concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.top.skips-empty-lines",
        summary: "TOP does not count the empty lines of the body",
        proves: &["rfc1939.top.exact-count"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                let (mut out, mut left) = (header.to_vec(), lines);
                for line in body.split_inclusive(|&octet| octet == b'\n') {
                    if left == 0 {
                        break;
                    }
                    left -= u64::from(line != b"\r\n");
                    out.extend_from_slice(line);
                }
                out
            });
        }),
    },
    Defect {
        id: "rfc1939.top.dotted-count-twice",
        summary: "TOP counts a line that begins with a dot twice",
        proves: &["rfc1939.top.exact-count"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                let (mut out, mut left) = (header.to_vec(), lines);
                for line in body.split_inclusive(|&octet| octet == b'\n') {
                    if left == 0 {
                        break;
                    }
                    left = left.saturating_sub(if line.starts_with(b".") { 2 } else { 1 });
                    out.extend_from_slice(line);
                }
                out
            });
        }),
    },
    Defect {
        id: "rfc1939.top.eight-bit-count",
        summary: "TOP takes the number of lines modulo 256",
        proves: &["rfc1939.top.more-than-all"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                [header, first_lines(body, lines % 256)].concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.top.first-4096",
        summary: "TOP looks at the first 4,096 octets of a message only",
        proves: &["rfc1939.top.more-than-all"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets.get(..4096).unwrap_or(octets));
                [header, first_lines(body, lines)].concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.top.loses-last-line",
        summary: "TOP of more lines than the body has leaves out the last",
        proves: &["rfc1939.top.more-than-all"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                let there = body.split_inclusive(|&octet| octet == b'\n').count() as u64;
                [header, first_lines(body, lines.min(there.saturating_sub(1)))].concat()
            });
        }),
    },
    Defect {
        id: "practice.top.wraps",
        summary: "TOP takes the number of lines modulo 4,294,967,296",
        proves: &["practice.top.huge-count"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                [header, first_lines(body, lines % (1 << 32))].concat()
            });
        }),
    },
    Defect {
        id: "practice.top.sign",
        summary: "TOP takes numbers of lines from 2,147,483,648 on for negative ones, and sends no line",
        proves: &["practice.top.huge-count"],
        hooks: after(|circumstance, asked, reply| {
            other_top(circumstance, asked, reply, |octets, lines| {
                let (header, body) = parts(octets);
                [header, first_lines(body, if lines < 1 << 31 { lines } else { 0 })].concat()
            });
        }),
    },
];

/// Sends other octets in the place of a top: made from the whole message and the number of lines that was asked for.
fn other_top(
    circumstance: &Circumstance<'_>,
    asked: &Asked,
    reply: &mut Reply,
    make: fn(&[u8], u64) -> Vec<u8>,
) {
    let lines = asked.word(1).and_then(proto::number).filter(|_| asked.is(Verb::Top) && reply.is_ok());
    let message = circumstance.open().zip(circumstance.index(asked));
    let message = message.and_then(|(open, index)| Some((open.owner, open.messages.get(index)?)));
    if let (Some(lines), Some((owner, message))) = (lines, message) {
        let octets = circumstance.session.world.octets(owner, message);
        reply.map_message(|_| make(&octets, lines));
    }
}

/// The header with the separator, and the body.
pub(super) fn parts(octets: &[u8]) -> (&[u8], &[u8]) {
    let body = mail::body(octets);
    (octets.get(..octets.len() - body.len()).unwrap_or_default(), body)
}

/// So many lines.
fn first_lines(octets: &[u8], lines: u64) -> &[u8] {
    let mut rest = octets;
    for _ in 0..lines {
        let Some(end) = memchr::memmem::find(rest, b"\r\n") else { return octets };
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    octets.get(..octets.len() - rest.len()).unwrap_or_default()
}

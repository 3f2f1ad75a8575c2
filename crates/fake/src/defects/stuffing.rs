//! How RETR writes a message (RFC 1939 sections 3 and 5): dots, line ends, and the last line.

use proto::Verb;

use super::Defect;
use super::hooks::after;
use super::retrieval::stuffed_but;
use crate::reply::Reply;
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.retr.lone-dot-only",
        summary: "RETR stuffs lines that are a dot and nothing else, and no others",
        proves: &["rfc1939.retr.dot-stuffing"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let lines = octets.split_inclusive(|&octet| octet == b'\n');
                let lone = |line: &[u8]| matches!(line, b".\r\n" | b".");
                finished(
                    lines
                        .flat_map(|line| [if lone(line) { &b"."[..] } else { b"" }, line].concat())
                        .collect(),
                )
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.second-lone-dot",
        summary: "RETR does not stuff a lone dot on the line after another lone dot",
        proves: &["rfc1939.retr.dot-stuffing"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let (mut out, mut lone_before) = (Vec::with_capacity(octets.len() + 64), false);
                for line in octets.split_inclusive(|&octet| octet == b'\n') {
                    let lone = line == b".\r\n";
                    if line.starts_with(b".") && !(lone && lone_before) {
                        out.push(b'.');
                    }
                    lone_before = lone && !lone_before;
                    out.extend_from_slice(line);
                }
                finished(out)
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.first-dotted-line",
        summary: "RETR stuffs the first line of a message that begins with a dot, and no further one",
        proves: &["rfc1939.retr.dot-stuffing"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let mut seen = false;
                let lines = octets.split_inclusive(|&octet| octet == b'\n');
                let stuffed = lines.flat_map(|line| {
                    let dot = if line.starts_with(b".") && !std::mem::replace(&mut seen, true) {
                        &b"."[..]
                    } else {
                        b""
                    };
                    [dot, line].concat()
                });
                finished(stuffed.collect())
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.all-dots-doubled",
        summary: "RETR doubles all dots at the beginning of a line, not only the first",
        proves: &["rfc1939.retr.dot-stuffing"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let mut out = Vec::with_capacity(octets.len() + 64);
                for line in octets.split_inclusive(|&octet| octet == b'\n') {
                    out.extend(line.iter().take_while(|&&octet| octet == b'.'));
                    out.extend_from_slice(line);
                }
                finished(out)
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.header-unstuffed",
        summary: "RETR stuffs the body and not the header",
        proves: &["rfc1939.retr.dot-edges"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let header = octets.len() - mail::body(octets).len();
                let (header, body) = octets.split_at_checked(header).unwrap_or((octets, b""));
                [header, &stuffed_but(body, |_| false)].concat()
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.last-line-unstuffed",
        summary: "RETR does not stuff the last line of a message",
        proves: &["rfc1939.retr.dot-edges"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let last = octets.split_inclusive(|&octet| octet == b'\n').next_back().unwrap_or_default();
                let before = octets.get(..octets.len() - last.len()).unwrap_or_default();
                let mut out = stuffed_but(before, |_| false);
                out.truncate(out.len() - 3);
                out.extend_from_slice(last);
                finished(out)
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.always-a-line-end",
        summary: "RETR puts a line end before the dot line, also where the message has one",
        proves: &["rfc1939.retr.no-extra-newline"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let mut out = stuffed_but(octets, |_| false);
                if octets.ends_with(b"\r\n") {
                    out.truncate(out.len() - 3);
                    out.extend_from_slice(b"\r\n.\r\n");
                }
                out
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.unfinished-line-lost",
        summary: "RETR loses a last line without a line end",
        proves: &["rfc1939.retr.no-final-newline"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.map_message(|octets| {
                    let end = memchr::memrchr(b'\n', octets).map_or(0, |position| position + 1);
                    octets.get(..end).unwrap_or_default().to_vec()
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.empty-endless",
        summary: "RETR of a message of no octets is answered without a dot line",
        proves: &["rfc1939.retr.odd-messages"],
        hooks: after(|_, asked, reply| {
            sent(
                asked,
                reply,
                |octets| if octets.is_empty() { Vec::new() } else { stuffed_but(octets, |_| false) },
            );
        }),
    },
    Defect {
        id: "practice.retr.carriage-return-is-a-line",
        summary: "RETR sends a bare CR as CRLF, after dots were stuffed",
        proves: &["practice.retr.bare-cr"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let written = stuffed_but(octets, |_| false);
                let mut out = Vec::with_capacity(written.len() + 64);
                for (position, &octet) in written.iter().enumerate() {
                    out.push(octet);
                    if octet == b'\r' && written.get(position + 1) != Some(&b'\n') {
                        out.push(b'\n');
                    }
                }
                out
            });
        }),
    },
    Defect {
        id: "practice.retr.line-feed-converted-late",
        summary: "RETR turns a bare LF into CRLF after dots were stuffed",
        proves: &["practice.retr.bare-lf-dot"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| mail::lines_to_crlf(&stuffed_but(octets, |_| false)));
        }),
    },
    Defect {
        id: "rfc1939.retr.terminator-cr",
        summary: "behind a message whose last line has no line end the terminating dot line ends with CR alone",
        proves: &["rfc1939.multi.terminator"],
        hooks: after(|_, asked, reply| {
            sent(asked, reply, |octets| {
                let mut out = stuffed_but(octets, |_| false);
                if !octets.is_empty() && !octets.ends_with(b"\r\n") {
                    out.pop();
                }
                out
            });
        }),
    },
];

/// Writes the message that RETR sends in another way, with stuffing and last line.
pub(super) fn sent(asked: &Asked, reply: &mut Reply, write: impl FnOnce(&[u8]) -> Vec<u8>) {
    if asked.is(Verb::Retr) {
        reply.write_message(write);
    }
}

/// Stuffed lines with the end of the last one, and the dot line.
pub(super) fn finished(mut stuffed: Vec<u8>) -> Vec<u8> {
    if !stuffed.is_empty() && !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed.extend_from_slice(b".\r\n");
    stuffed
}

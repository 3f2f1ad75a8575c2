//! RETR (RFC 1939 section 5).

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, instead};
use crate::reply::{Content, Reply};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.retr.no-stuffing",
        summary: "RETR sends lines that begin with a dot as they are",
        proves: &["rfc1939.retr.dot-stuffing", "rfc1939.retr.lone-dot", "rfc1939.retr.dot-edges"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.write_message(|octets| stuffed_but(octets, |_| true));
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.first-line-unstuffed",
        summary: "RETR does not stuff a dot that is the first octet of the message",
        proves: &["rfc1939.retr.dot-edges"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.write_message(|octets| stuffed_but(octets, |position| position == 0));
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.dot-at-buffer",
        summary: "RETR forgets stuffing for lines that begin in the first 64 octets of a block of 4096, but for the first block",
        proves: &["rfc1939.retr.dot-at-buffer"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.write_message(|octets| {
                    stuffed_but(octets, |position| position >= 4096 && position % 4096 < 64)
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.refused",
        summary: "message 4 is listed, and neither RETR nor TOP gives it",
        proves: &["rfc1939.retr.fidelity"],
        hooks: instead(|circumstance, asked| {
            let read = matches!(asked.verb(), Some(Verb::Retr | Verb::Top));
            let refused = read && circumstance.index(asked) == Some(3);
            refused.then(|| Reply::err("The message cannot be read"))
        }),
    },
    Defect {
        id: "rfc1939.retr.seven-bit",
        summary: "the eighth bit of every octet of a body is cleared",
        proves: &["rfc1939.retr.fidelity"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| {
                let body = mail::body(octets);
                let header = octets.get(..octets.len() - body.len()).unwrap_or_default();
                header.iter().copied().chain(body.iter().map(|octet| octet & 0x7f)).collect()
            });
        }),
    },
    Defect {
        id: "rfc1939.retr.bare-lf",
        summary: "lines of messages end with LF instead of CRLF, the terminating one not",
        proves: &["rfc1939.retr.line-ends"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.write_message(|octets| {
                    let mut sent = stuffed_but(octets, |_| false);
                    sent.truncate(sent.len().saturating_sub(5));
                    let lines: Vec<u8> = replace(&sent, b"\r\n", b"\n");
                    [&lines[..], if octets.is_empty() { b".\r\n" } else { b"\r\n.\r\n" }].concat()
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.once",
        summary: "RETR of a message that was retrieved in the session is refused",
        proves: &["rfc1939.retr.repeatable"],
        hooks: instead(|circumstance, asked| {
            let again = asked.is(Verb::Retr) && circumstance.past.retrieved.contains(&asked.number()?);
            again.then(|| Reply::err("You had it already"))
        }),
    },
    Defect {
        id: "rfc1939.retr.hides",
        summary: "QUIT also removes what was retrieved",
        proves: &["rfc1939.retr.no-implicit-delete", "rfc2449.expire.never"],
        hooks: before(|circumstance, asked| {
            let retrieved = circumstance.past.retrieved.clone();
            if let Some(open) = circumstance.open_mut().filter(|_| asked.is_bare(Verb::Quit)) {
                for number in retrieved {
                    if let Some(index) = usize::try_from(number).ok().and_then(|number| number.checked_sub(1))
                    {
                        open.mark(index, true);
                    }
                }
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.glued-terminator",
        summary: "the terminating dot is glued to a last line without line end",
        proves: &["rfc1939.retr.no-final-newline"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.write_message(|octets| {
                    let mut sent = stuffed_but(octets, |_| false);
                    if !octets.is_empty() && !octets.ends_with(b"\r\n") {
                        sent.truncate(sent.len().saturating_sub(5));
                        sent.extend_from_slice(b".\r\n");
                    }
                    sent
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.retr.skips-separator",
        summary: "a message that begins with the separator line is sent without it",
        proves: &["rfc1939.retr.odd-messages"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| octets.strip_prefix(b"\r\n").unwrap_or(octets).to_vec());
        }),
    },
    Defect {
        id: "rfc1939.retr.no-such-ok",
        summary: "RETR of a number after the last sends an empty message",
        proves: &["rfc1939.retr.no-such"],
        hooks: instead(|circumstance, asked| {
            let none = asked.is(Verb::Retr) && circumstance.names_no_message(asked);
            none.then(|| Reply::ok("0 octets").with(Content::lines([])))
        }),
    },
    Defect {
        id: "rfc1939.retr.surplus-line",
        summary: "an empty line follows the last line of RETR",
        proves: &["rfc1939.retr.multiline"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) && reply.is_ok() {
                reply.append(b"\r\n");
            }
        }),
    },
];

/// A message on the wire, with stuffing but for lines that begin at the octets for which `forgotten` is true.
pub(super) fn stuffed_but(octets: &[u8], forgotten: fn(usize) -> bool) -> Vec<u8> {
    let (mut out, mut tail) = (Vec::with_capacity(octets.len() + 64), *b"\r\n");
    for (position, &octet) in octets.iter().enumerate() {
        if octet == b'.' && tail == *b"\r\n" && !forgotten(position) {
            out.push(b'.');
        }
        out.push(octet);
        tail = [tail[1], octet];
    }
    if !octets.is_empty() && tail != *b"\r\n" {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

fn replace(octets: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(octets.len()), octets);
    while let Some(found) = memchr::memmem::find(rest, from) {
        let (before, behind) = rest.split_at(found);
        out.extend_from_slice(before);
        out.extend_from_slice(to);
        rest = behind.get(from.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::stuffed_but;

    #[test]
    fn forgetting_nothing_is_the_same_as_being_right() {
        let octets = b".a\r\n..\r\nx\n.\r\nend";
        assert_eq!(stuffed_but(octets, |_| false), b"..a\r\n...\r\nx\n.\r\nend\r\n.\r\n");
        assert_eq!(stuffed_but(octets, |_| true), b".a\r\n..\r\nx\n.\r\nend\r\n.\r\n");
        assert_eq!(stuffed_but(b"", |_| true), b".\r\n");
    }
}

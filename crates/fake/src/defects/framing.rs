//! The form of everything that is said (RFC 1939 section 3).

use proto::Verb;

use super::Defect;
use super::hooks::{after, instead};
use crate::reply::{Content, Reply, Status};
use crate::twist::Asked;

/// The octet that is lost from large messages, and what makes a message large.
const MEBIBYTE: usize = 1024 * 1024;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.frame.bare-lf",
        summary: "status lines end with a bare LF",
        proves: &["rfc1939.frame.crlf"],
        hooks: after(|_, _, reply| {
            let mut line = reply.line();
            if line.ends_with(b"\r\n") {
                line.truncate(line.len() - 2);
                line.push(b'\n');
                reply.respell(line);
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.status-word",
        summary: "a refused password is answered +ERR",
        proves: &["rfc1939.frame.status-upper"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Pass) && reply.is_err() {
                reply.respell([b"+", reply.line().get(1..).unwrap_or_default()].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.lower-case-status",
        summary: "replies begin with +ok and -err",
        proves: &["rfc1939.frame.status-upper"],
        hooks: after(|_, _, reply| {
            let indicator = match reply.status {
                Status::Ok => 3,
                Status::Err => 4,
                Status::Challenge | Status::Verbatim => 0,
            };
            let mut line = reply.line();
            if let Some(indicator) = line.get_mut(..indicator).filter(|indicator| !indicator.is_empty()) {
                indicator.make_ascii_lowercase();
                reply.respell(line);
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.status-glued",
        summary: "a comma follows +OK",
        proves: &["rfc1939.frame.status-delimiter"],
        hooks: after(|_, _, reply| {
            if reply.is_ok() {
                reply.respell([b"+OK,", reply.line().get(3..).unwrap_or_default()].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.status-too-long",
        summary: "the refusal of an over-long command line has 600 octets itself",
        proves: &["rfc1939.frame.status-512"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::TooLong {
                reply.reword(format!("Line too long: {:x<579}", ""));
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.double-reply",
        summary: "NOOP is answered twice",
        proves: &["rfc1939.frame.one-reply"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Noop) {
                reply.append(b"+OK Nothing done\r\n");
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.case-sensitive",
        summary: "keywords are understood in upper case only",
        proves: &["rfc1939.frame.keyword-case"],
        hooks: instead(|_, asked| {
            let lower = asked.keyword().iter().any(u8::is_ascii_lowercase);
            lower.then(|| Reply::err("Unknown command"))
        }),
    },
    Defect {
        id: "rfc1939.frame.non-ascii-text",
        summary: "the text of the reply to NOOP has UTF-8 in it",
        proves: &["rfc1939.frame.ascii-text"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Noop) && reply.is_ok() {
                reply.reword("Rien \u{e0} faire");
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.empty-line-ignored",
        summary: "an empty command line is not answered",
        proves: &["rfc1939.frame.empty-line"],
        hooks: instead(|_, asked| (*asked == Asked::Command(Vec::new())).then(Reply::nothing)),
    },
    Defect {
        id: "rfc1939.multi.terminator-lf",
        summary: "the last line of a listing or message is a dot and a bare LF",
        proves: &["rfc1939.multi.terminator"],
        hooks: after(|_, _, reply| {
            if let Some(content) = reply.content.take() {
                let mut octets = content.on_the_wire();
                octets.truncate(octets.len().saturating_sub(2));
                octets.push(b'\n');
                reply.content = Some(Box::new(Content::Verbatim(octets)));
            }
        }),
    },
    Defect {
        id: "rfc1939.multi.err-with-dot",
        summary: "a dot line follows the refusal of RETR, TOP, LIST and UIDL",
        proves: &["rfc1939.multi.err-is-single"],
        hooks: after(|_, asked, reply| {
            let many = matches!(asked.verb(), Some(Verb::Retr | Verb::Top | Verb::List | Verb::Uidl));
            if many && reply.is_err() {
                reply.append(b".\r\n");
            }
        }),
    },
    Defect {
        id: "rfc1939.single.dot-line",
        summary: "a dot line follows the reply to LIST n and UIDL n",
        proves: &["rfc1939.single.no-terminator"],
        hooks: after(|_, asked, reply| {
            if matches!(asked.verb(), Some(Verb::List | Verb::Uidl))
                && reply.is_ok()
                && asked.word(0).is_some()
            {
                reply.append(b".\r\n");
            }
        }),
    },
    Defect {
        id: "rfc1939.multi.loses-octet",
        summary: "RETR of a message over 1 MiB loses the octet at 1 MiB",
        proves: &["rfc1939.multi.chunking"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Retr) {
                reply.map_message(|octets| match octets.split_at_checked(MEBIBYTE) {
                    Some((before, [_, behind @ ..])) => [before, behind].concat(),
                    _ => octets.to_vec(),
                });
            }
        }),
    },
];

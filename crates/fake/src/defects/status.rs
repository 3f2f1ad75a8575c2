//! Status lines and terminators that are not what RFC 1939 section 3 has them be.

use proto::Verb;

use super::Defect;
use super::hooks::{after, instead};
use crate::reply::{Content, Reply, Then};
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.frame.listing-lf",
        summary: "the lines of LIST, UIDL and CAPA end with a bare LF",
        proves: &["rfc1939.frame.crlf"],
        hooks: after(|_, asked, reply| {
            let listing = matches!(asked.verb(), Some(Verb::List | Verb::Uidl | Verb::Capa));
            if let Some(content) = reply.content.take_if(|_| listing) {
                let octets: Vec<u8> =
                    content.on_the_wire().into_iter().filter(|&octet| octet != b'\r').collect();
                reply.content = Some(Box::new(Content::Verbatim(octets)));
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.doubled-cr",
        summary: "status lines end with CR CR LF, since a library has its own idea of line ends",
        proves: &["rfc1939.frame.ascii-text"],
        hooks: after(|_, _, reply| {
            let mut line = reply.line();
            if line.ends_with(b"\r\n") {
                line.insert(line.len() - 2, b'\r');
                reply.respell(line);
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.nul-sent",
        summary: "the reply to RSET is sent with the NUL that ends its string",
        proves: &["rfc1939.frame.status-upper"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Rset) {
                reply.append(b"\0");
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.tab",
        summary: "a tab follows the status",
        proves: &["rfc1939.frame.status-delimiter"],
        hooks: after(|_, _, reply| {
            let mut line = reply.line();
            if reply.is_ok() || reply.is_err() {
                if let Some(space) = line.iter_mut().find(|octet| **octet == b' ') {
                    *space = b'\t';
                }
                reply.respell(line);
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.code-glued",
        summary: "a response code follows -ERR without a space",
        proves: &["rfc1939.frame.status-delimiter"],
        hooks: after(|_, _, reply| {
            if reply.is_err() && reply.code.is_some() {
                reply.respell([b"-ERR", reply.line().get(5..).unwrap_or_default()].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.ok-in-capitals",
        summary: "DELE is answered +Ok",
        proves: &["rfc1939.frame.status-upper"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Dele) && reply.is_ok() {
                reply.respell([b"+Ok", reply.line().get(3..).unwrap_or_default()].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.bad",
        summary: "unknown commands are answered -BAD, as in IMAP",
        proves: &["rfc1939.frame.status-upper"],
        hooks: after(|_, asked, reply| {
            if matches!(asked, Asked::Command(_)) && asked.verb().is_none() && reply.is_err() {
                reply.respell(b"-BAD Unknown command\r\n");
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.stray-ok",
        summary: "PASS is answered twice: a proxy takes it for unknown, and the answer of the server behind it follows",
        proves: &["rfc1939.frame.one-reply"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Pass) {
                reply.prepend(b"-ERR Unknown command\r\n");
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.comment-line",
        summary: "a refusal has a second line that explains it",
        proves: &["rfc1939.frame.one-reply"],
        hooks: after(|_, asked, reply| {
            if matches!(asked, Asked::Command(_)) && reply.is_err() && reply.then == Then::GoOn {
                reply.append(b"-ERR See the manual\r\n");
            }
        }),
    },
    Defect {
        id: "rfc1939.multi.two-terminators",
        summary: "LIST, UIDL and CAPA end with two dot lines",
        proves: &["rfc1939.multi.terminator"],
        hooks: after(|_, asked, reply| {
            let listing = matches!(asked.verb(), Some(Verb::List | Verb::Uidl | Verb::Capa));
            if listing && reply.content.is_some() {
                reply.append(b".\r\n");
            }
        }),
    },
    Defect {
        id: "rfc1939.multi.cr-only",
        summary: "the dot line behind a message without a final line end has a CR and no LF",
        proves: &["rfc1939.multi.terminator"],
        hooks: after(|_, _, reply| {
            reply.write_message(|octets| {
                let unended = !octets.ends_with(b"\r\n");
                let octets = octets.to_vec();
                let whole = crate::reply::Message::whole(crate::reply::Octets::Made(octets));
                let mut wire = Content::Message(whole).on_the_wire();
                if unended {
                    wire.pop();
                }
                wire
            });
        }),
    },
    Defect {
        id: "rfc1939.multi.block-twice",
        summary: "of a message over 64 KiB the block of 4 KiB before 64 KiB is sent twice",
        proves: &["rfc1939.multi.chunking"],
        hooks: after(|_, _, reply| {
            reply.map_message(|octets| match octets.split_at_checked(64 * 1024) {
                Some((before, behind)) => {
                    [before, before.get(60 * 1024..).unwrap_or_default(), behind].concat()
                }
                None => octets.to_vec(),
            });
        }),
    },
    Defect {
        id: "rfc1939.multi.err-empty-line",
        summary: "an empty line follows the refusal of RETR and TOP",
        proves: &["rfc1939.multi.err-is-single"],
        hooks: after(|_, asked, reply| {
            if reply.is_err() && matches!(asked.verb(), Some(Verb::Retr | Verb::Top)) {
                reply.append(b"\r\n");
            }
        }),
    },
    Defect {
        id: "rfc1939.single.stat-dot",
        summary: "a dot line follows the replies to STAT and DELE",
        proves: &["rfc1939.single.no-terminator"],
        hooks: after(|_, asked, reply| {
            if reply.is_ok() && matches!(asked.verb(), Some(Verb::Stat | Verb::Dele)) {
                reply.append(b".\r\n");
            }
        }),
    },
    Defect {
        id: "rfc1939.state.rset-unknown",
        summary: "RSET is an unknown command",
        proves: &["rfc1939.cmd.minimal-set"],
        hooks: instead(|_, asked| asked.is(Verb::Rset).then(|| Reply::err("Unknown command"))),
    },
    Defect {
        id: "rfc1939.state.format-verb",
        summary: "sizes in LIST show the verb of a format that did not fit",
        proves: &["rfc1939.state.decimal", "rfc1939.list.format"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::List) {
                reply.map_lines(|_, line| {
                    let mut words = line.split(|&octet| octet == b' ');
                    let (number, size) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                    [number, b" %!d(float64=", size, b")"].concat()
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.state.thousands",
        summary: "STAT parts thousands with a comma",
        proves: &["rfc1939.state.decimal", "rfc1939.stat.format"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Stat) && reply.is_ok() {
                let text = reply.text().into_owned();
                let mut parted = Vec::new();
                for (place, octet) in text.iter().rev().enumerate() {
                    let digits =
                        text.iter().rev().take(place).take_while(|octet| octet.is_ascii_digit()).count();
                    if digits == place && place > 0 && place % 3 == 0 && octet.is_ascii_digit() {
                        parted.push(b',');
                    }
                    parted.push(*octet);
                }
                parted.reverse();
                reply.reword(parted);
            }
        }),
    },
    Defect {
        id: "rfc1939.state.numbers-from-zero",
        summary: "LIST and UIDL number the messages from 0, the commands themselves from 1",
        proves: &["rfc1939.state.numbering"],
        hooks: after(|_, asked, reply| {
            if asked.is_bare(Verb::List) || asked.is_bare(Verb::Uidl) {
                reply.map_lines(|_, line| {
                    let (number, rest) = match line.iter().position(|&octet| octet == b' ') {
                        Some(space) => line.split_at(space),
                        None => (&line[..], &b""[..]),
                    };
                    let number = proto::number(number).unwrap_or_default();
                    [number.saturating_sub(1).to_string().as_bytes(), rest].concat()
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.greeting.bare-lf",
        summary: "the greeting ends with a bare LF",
        proves: &["rfc1939.frame.crlf"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                reply.respell([b"+OK ", &*reply.text(), b"\n"].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.greeting.lower-case",
        summary: "the greeting begins with +ok",
        proves: &["rfc1939.frame.status-upper"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                reply.respell([b"+ok ", &*reply.text(), b"\r\n"].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.greeting.umlaut",
        summary: "the greeting has the town's name in it, in UTF-8",
        proves: &["rfc1939.frame.ascii-text"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                reply.reword(["Z\u{fc}rich ".as_bytes(), &*reply.text()].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.news-after-login",
        summary: "the reply to a login has a second line with news",
        proves: &["rfc1939.frame.one-reply"],
        hooks: after(|circumstance, _, reply| {
            if circumstance.past.login.is_none() && circumstance.logged_in() && reply.is_ok() {
                reply.append(b"The server will be down on Sunday\r\n");
            }
        }),
    },
];

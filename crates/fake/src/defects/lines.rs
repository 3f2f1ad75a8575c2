//! How lines are cut from what arrives: buffers that are too small, strings that end at NUL, reads taken for lines.

use memchr::memmem;

use super::Defect;
use super::acts::{after_crash, crash, hangs_up, no_handshake, several};
use super::hooks::{arrived, before, instead, longest};
use crate::reply::Reply;
use crate::twist::{Asked, Circumstance};

/// Octets of a line where there is no limit worth the name.
const UNLIMITED: usize = 128 * 1024 * 1024;

/// Octets of a line where what is wrong is seen long before.
const LONG: usize = 1024 * 1024;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "practice.line.cut-at-512",
        summary: "lines are read with fgets into 512 octets, so that the rest of a longer one is the next command",
        proves: &["practice.sec.long-line-split"],
        hooks: longest(LONG).and_instead(|circumstance, asked| cut(circumstance, asked, 511)),
    },
    Defect {
        id: "practice.line.cut-at-4096",
        summary: "the rest of a line of more than 4096 octets is the next command",
        proves: &["practice.sec.long-line-split"],
        hooks: longest(LONG).and_instead(|circumstance, asked| cut(circumstance, asked, 4096)),
    },
    Defect {
        id: "practice.line.cut-at-65536",
        summary: "the rest of a line of more than 65536 octets is the next command",
        proves: &["practice.sec.long-line-split"],
        hooks: longest(LONG).and_instead(|circumstance, asked| cut(circumstance, asked, 65536)),
    },
    Defect {
        id: "practice.line.unlimited",
        summary: "a line may have any length, and is kept in memory until it ends",
        proves: &["practice.sec.long-line"],
        hooks: longest(UNLIMITED),
    },
    Defect {
        id: "practice.line.echoes-raw",
        summary: "lines of 510 octets and more are sent back as they are, without a status",
        proves: &["practice.sec.long-line"],
        hooks: longest(LONG).and_instead(|_, asked| {
            let line = asked.line();
            (line.len() >= 510).then(|| Reply::verbatim([line, b"\r\n"].concat()))
        }),
    },
    Defect {
        id: "practice.line.too-long-unanswered",
        summary: "a line that is too long is thrown away without a reply",
        proves: &["practice.sec.long-line", "practice.sec.long-line-trans"],
        hooks: instead(|_, asked| (*asked == Asked::TooLong).then(Reply::nothing)),
    },
    Defect {
        id: "practice.line.overflow-crashes",
        summary: "a line of more than 8192 octets crashes the server",
        proves: &["practice.sec.long-line", "practice.sec.long-line-trans"],
        hooks: longest(LONG)
            .and_instead(|circumstance, asked| (asked.line().len() > 8192).then(|| crash(circumstance)))
            .and_after(after_crash)
            .and_handshake(no_handshake),
    },
    Defect {
        id: "rfc2449.cmd.hangs-up-at-255",
        summary: "a command line of 255 octets does not fit into its buffer, and the connection is closed",
        proves: &["rfc2449.cmd.len-255"],
        hooks: instead(|_, asked| (asked.line().len() >= 253).then(hangs_up)),
    },
    Defect {
        id: "rfc2449.cmd.cut-at-128",
        summary: "a command is read into 128 octets, and what does not fit is the next command",
        proves: &["rfc2449.cmd.len-255"],
        hooks: instead(|circumstance, asked| cut(circumstance, asked, 127)),
    },
    Defect {
        id: "practice.line.nul-ends",
        summary: "a line ends at a NUL in it, and what follows is thrown away",
        proves: &["practice.robust.nul", "practice.sec.nul-in-name"],
        hooks: before(|_, asked| {
            if let Asked::Command(line) = asked {
                line.truncate(memchr::memchr(0, line).unwrap_or(line.len()));
            }
        }),
    },
    Defect {
        id: "practice.line.nul-parts",
        summary: "what follows a NUL in a line is the next command",
        proves: &["practice.robust.nul"],
        hooks: instead(|circumstance, asked| {
            let line = asked.line();
            memchr::memchr(0, line)?;
            Some(several(circumstance, line.split(|&octet| octet == 0)))
        }),
    },
    Defect {
        id: "practice.line.nul-unanswered",
        summary: "a line with a NUL in it is not answered",
        proves: &["practice.robust.nul"],
        hooks: instead(|_, asked| memchr::memchr(0, asked.line()).map(|_| Reply::nothing())),
    },
    Defect {
        id: "practice.line.cr-ends",
        summary: "a carriage return alone ends a line",
        proves: &["practice.frame.cr-only"],
        hooks: instead(|circumstance, asked| {
            let line = asked.line();
            memchr::memchr(b'\r', line)?;
            Some(several(circumstance, line.split(|&octet| octet == b'\r')))
        }),
    },
    Defect {
        id: "practice.line.lf-after-login",
        summary: "a line ended by a bare line feed is answered before login, and refused after it",
        proves: &["practice.frame.lf-only-command"],
        hooks: instead(|circumstance, _| {
            (circumstance.bare && circumstance.logged_in()).then(|| Reply::err("Lines end with CR and LF"))
        }),
    },
    Defect {
        id: "practice.line.lf-hangs-up",
        summary: "a line ended by a bare line feed closes the connection without a reply",
        proves: &["practice.frame.lf-only-command"],
        hooks: instead(|circumstance, _| circumstance.bare.then(hangs_up)),
    },
    Defect {
        id: "practice.line.both-end",
        summary: "if carriage return and line feed arrive apart, each of them ends a line",
        proves: &["practice.robust.split-crlf"],
        hooks: arrived(|_, octets| {
            if octets.ends_with(b"\r") {
                octets.push(b'\n');
            }
        }),
    },
    Defect {
        id: "practice.line.read-is-command",
        summary: "whatever one read gives is one command: less than a line too, and what follows its first line is lost",
        proves: &[
            "practice.robust.one-octet",
            "practice.robust.split-crlf",
            "practice.robust.coalesced",
            "rfc2449.pipe.in-order",
            "rfc2449.pipe.login",
        ],
        hooks: arrived(|_, octets| {
            let end = memchr::memchr(b'\n', octets).unwrap_or(octets.len());
            octets.truncate(end);
            while octets.last() == Some(&b'\r') {
                octets.pop();
            }
            octets.extend_from_slice(b"\r\n");
        }),
    },
    Defect {
        id: "practice.line.drops-beginning",
        summary: "the beginning of a command that has arrived behind a whole one is lost",
        proves: &["practice.robust.coalesced", "rfc2449.pipe.split"],
        hooks: arrived(|_, octets| {
            if let Some(last) = memchr::memrchr(b'\n', octets) {
                octets.truncate(last + 1);
            }
        }),
    },
    Defect {
        id: "practice.line.escape-hangs-up",
        summary: "an escape character closes the connection without a reply",
        proves: &["practice.robust.controls"],
        hooks: instead(|_, asked| memchr::memchr(0x1b, asked.line()).map(|_| hangs_up())),
    },
    Defect {
        id: "practice.line.not-utf8-hangs-up",
        summary: "octets that are not UTF-8 are an exception that nobody catches: the connection ends without a reply",
        proves: &["practice.robust.8bit"],
        hooks: instead(|_, asked| std::str::from_utf8(asked.line()).is_err().then(hangs_up)),
    },
    Defect {
        id: "practice.line.superscript-digits",
        summary: "superscript digits of Latin-1 count as digits of a message number",
        proves: &["practice.robust.8bit"],
        hooks: before(|circumstance, asked| {
            if let Some(word) = asked.word(0).filter(|_| circumstance.logged_in()) {
                let digit = |octet: &u8| match octet {
                    0xb9 => b'1',
                    0xb2 => b'2',
                    0xb3 => b'3',
                    other => *other,
                };
                let word: Vec<u8> = word.iter().map(digit).collect();
                asked.set_word(0, &word);
            }
        }),
    },
    Defect {
        id: "practice.line.garbage-crashes",
        summary: "a line with more than 64 octets that are not ASCII crashes the server",
        proves: &["practice.robust.random"],
        hooks: longest(LONG)
            .and_instead(|circumstance, asked| {
                let foreign = asked.line().iter().filter(|octet| !octet.is_ascii()).count();
                (foreign > 64).then(|| crash(circumstance))
            })
            .and_after(after_crash)
            .and_handshake(no_handshake),
    },
    Defect {
        id: "practice.line.client-hello-crashes",
        summary: "a TLS handshake on a connection in the clear crashes the server",
        proves: &["practice.tls.clienthello-on-110"],
        hooks: arrived(|circumstance, octets| {
            let hello = memmem::find(octets, b"\x16\x03").is_some_and(|at| at == 0);
            if hello && circumstance.session.channel == crate::Channel::Clear {
                crash(circumstance);
                octets.extend_from_slice(b"\r\n");
            }
        })
        .and_after(after_crash)
        .and_handshake(no_handshake),
    },
];

/// Answers a line of more than so many octets in pieces of as many.
fn cut(circumstance: &mut Circumstance<'_>, asked: &Asked, size: usize) -> Option<Reply> {
    let line = asked.line();
    (line.len() > size).then(|| several(circumstance, line.chunks(size)))
}

//! How commands are read, and which ones there are.

use proto::Verb;

use super::{Persona, acts, capabilities, plain_greeting, unannounced, unknown, without_auth_code};
use crate::reply::{Content, Pending, Reply};
use crate::twist::Asked;
use crate::twist::hooks::{after, before, instead, longest};

/// RFC 1939 section 7.
const OPTIONAL: &str = "RFC 1939 section 7: \"The POP3 commands discussed above must be supported\", those of this section are optional";

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "commands.lenient",
        summary: "doubled and trailing spaces and tabs between words are put up with",
        right: "A7: \"Accept -ERR and tolerance alike\"",
        practice: &[],
        form: acts(before(|_, asked| {
            if asked.verb().is_some()
                && !asked.is(Verb::Pass)
                && !asked.line().first().is_some_and(u8::is_ascii_whitespace)
            {
                let words = asked.line().split(|octet| *octet == b' ' || *octet == b'\t');
                let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
                let line = words.join(&b' ');
                asked.replace(line);
            } else if let Some(at) = asked.line().iter().position(|octet| *octet == b'\t')
                && at > 0
            {
                let line: Vec<u8> =
                    asked.line().iter().map(|octet| if *octet == b'\t' { b' ' } else { *octet }).collect();
                asked.replace(line);
            }
        })),
    },
    Persona {
        id: "commands.numbers",
        summary: "a plus sign and zeros before a message number are put up with",
        right: "A25: \"RETR 01 and RETR +1 may succeed or fail\"",
        practice: &[],
        form: acts(before(|_, asked| {
            let word = asked.word(0).unwrap_or_default();
            let digits = word.strip_prefix(b"+").unwrap_or(word);
            let zeros = digits.iter().take_while(|octet| **octet == b'0').count();
            let bare = digits.get(zeros..).unwrap_or_default().to_vec();
            let numbered =
                matches!(asked.verb(), Some(Verb::Retr | Verb::Top | Verb::Dele | Verb::List | Verb::Uidl));
            if numbered && !bare.is_empty() && bare.iter().all(u8::is_ascii_digit) {
                asked.set_word(0, &bare);
            }
        })),
    },
    Persona {
        id: "commands.strict-numbers",
        summary: "a plus sign and zeros before a message number are refused",
        right: "A25: \"RETR 01 and RETR +1 may succeed or fail\"",
        practice: &[],
        form: acts(instead(|circumstance, asked| {
            let odd = asked.word(0).is_some_and(|word| word.starts_with(b"0") || word.starts_with(b"+"));
            let numbered =
                matches!(asked.verb(), Some(Verb::Retr | Verb::Top | Verb::Dele | Verb::List | Verb::Uidl));
            (circumstance.logged_in() && numbered && odd).then(|| Reply::err("Not a message number"))
        })),
    },
    Persona {
        id: "commands.no-top",
        summary: "there is no TOP",
        right: OPTIONAL,
        practice: &[],
        form: acts(
            after(|_, asked, reply| unannounced(asked, reply, &["TOP"]))
                .and_instead(|_, asked| unknown(asked, &[Verb::Top])),
        ),
    },
    Persona {
        id: "commands.no-uidl",
        summary: "there is no UIDL",
        right: OPTIONAL,
        practice: &[],
        form: acts(
            after(|_, asked, reply| unannounced(asked, reply, &["UIDL"]))
                .and_instead(|_, asked| unknown(asked, &[Verb::Uidl])),
        ),
    },
    Persona {
        id: "commands.minimal",
        summary: "there is what RFC 1939 requires, USER and PASS, and nothing else",
        right: OPTIONAL,
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                plain_greeting(asked, reply);
                without_auth_code(reply);
            })
            .and_instead(|_, asked| {
                let optional = [
                    Verb::Top,
                    Verb::Uidl,
                    Verb::Apop,
                    Verb::Auth,
                    Verb::Capa,
                    Verb::Stls,
                    Verb::Utf8,
                    Verb::Lang,
                ];
                unknown(asked, &optional)
            })
            .and_begin(|circumstance| circumstance.session.utf8 = true),
        ),
    },
    Persona {
        id: "commands.old",
        summary: "LAST, RPOP and XTND XLST of older RFCs are there and work",
        right: "RFC 1939 section 3: \"A server MUST respond to an unrecognized, unimplemented, or syntactically invalid command\" so; these are none of that here",
        practice: &[],
        form: acts(instead(|circumstance, asked| {
            let open = circumstance.open()?;
            let line = asked.line().to_ascii_uppercase();
            if line == b"LAST" {
                let last = circumstance.past.retrieved.iter().max().copied().unwrap_or_default();
                return Some(Reply::said(format!("{last}")));
            }
            line.starts_with(b"XTND XLST ").then(|| {
                let lines: Vec<Vec<u8>> =
                    open.listed().map(|index| format!("{} Subject: tea", index + 1).into_bytes()).collect();
                Reply::ok("xlst follows").with(Content::lines(lines))
            })
        })),
    },
    Persona {
        id: "commands.extensions",
        summary: "there are commands of the server's own: PING, XDELE, NOOPX and others",
        right: "RFC 2449 section 5: \"Each capability may enable additional protocol commands\"; section 6 leaves tags with X to everybody",
        practice: &[],
        form: acts(
            instead(|circumstance, asked| {
                circumstance.open()?;
                let own: [&[u8]; 5] = [b"PING", b"XDELE", b"NOOPX", b"STATUS", b"HELP"];
                own.contains(&&asked.keyword().to_ascii_uppercase()[..]).then(|| Reply::ok("One of our own"))
            })
            .and_after(|_, asked, reply| {
                capabilities(asked, reply, |lines| {
                    lines.push(b"X-OWN PING XDELE NOOPX STATUS HELP".to_vec());
                });
            }),
        ),
    },
    Persona {
        id: "commands.names-of-64",
        summary: "names and passwords of more than 64 characters are refused as such",
        right: "RFC 1939 section 3: \"Each argument may be up to 40 characters long\"; that of RFC 2449 section 4 is the length of lines",
        practice: &[],
        form: acts(instead(|_, asked| {
            let long = asked.arguments().len() > 64;
            match asked.verb() {
                Some(Verb::User) if long => Some(Reply::err("The name is too long")),
                Some(Verb::Pass) if long => Some(Reply::err("The password is too long")),
                _ => None,
            }
        })),
    },
    Persona {
        id: "commands.names-of-40",
        summary: "names of more than 40 characters are refused as no mailbox",
        right: "RFC 1939 section 3: \"Each argument may be up to 40 characters long\"",
        practice: &["practice.sec.user-enum"],
        form: acts(instead(|_, asked| {
            (asked.is(Verb::User) && asked.arguments().len() > 40).then(|| Reply::err("No such mailbox"))
        })),
    },
    Persona {
        id: "commands.no-pipelining",
        summary: "PIPELINING is not announced, and what comes behind a command before its answer is thrown away",
        right: "A35: \"Must only with PIPELINING; otherwise information\"",
        practice: &[],
        form: acts(after(|circumstance, asked, reply| {
            unannounced(asked, reply, &["PIPELINING"]);
            if circumstance.more && reply.pending == Pending::Kept && !asked.is(Verb::Stls) {
                reply.pending = Pending::Lost;
            }
        })),
    },
    Persona {
        id: "commands.pipelining-unannounced",
        summary: "PIPELINING is not announced, and works",
        right: "A35: \"Nobody forbids early bytes in a TCP stream\"",
        practice: &[],
        form: acts(after(|_, asked, reply| unannounced(asked, reply, &["PIPELINING"]))),
    },
    Persona {
        id: "commands.long-lines",
        summary: "command lines of up to 4096 octets are taken",
        right: "A37: longer lines than 255 octets are neither asked for nor forbidden: \"No behaviour prescribed beyond the minimum lengths\"",
        practice: &[],
        form: acts(longest(4096)),
    },
    Persona {
        id: "commands.names-in-any-case",
        summary: "names are compared without regard to case",
        right: "RFC 1939 section 7: USER takes \"a string identifying a mailbox\"; which strings those are is the server's affair",
        practice: &[],
        form: acts(before(|_, asked| {
            if asked.is(Verb::User) && asked.word(1).is_none() {
                let line = asked.line().to_ascii_lowercase();
                asked.replace(line);
            }
        })),
    },
    Persona {
        id: "commands.telnet",
        summary: "telnet negotiation is skipped, and the command behind it obeyed",
        right: "RFC 854: who listens as a telnet host takes negotiation out of what it reads; no RFC of POP3 speaks of it",
        practice: &[],
        form: acts(before(|_, asked| {
            if let Asked::Command(line) = asked {
                while let Some(at) = memchr::memchr(0xff, line) {
                    line.drain(at..(at + 3).min(line.len()));
                }
            }
        })),
    },
    Persona {
        id: "commands.talkative",
        summary: "RSET and NOOP tell how much mail there is",
        right: "RFC 1939 section 5: \"+OK maildrop has 2 messages (320 octets)\" is its example for RSET",
        practice: &[],
        form: acts(after(|circumstance, asked, reply| {
            if let Some(open) = circumstance.open().filter(|_| asked.is(Verb::Rset) || asked.is(Verb::Noop)) {
                let text = format!("maildrop has {} messages (320 octets)", open.messages.len());
                if reply.is_ok() && *asked != Asked::Nothing {
                    reply.reword(text);
                }
            }
        })),
    },
];

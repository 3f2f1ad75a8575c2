//! What CAPA lists, and how (RFC 2449).

use proto::Verb;

use super::{Persona, acts, capabilities, unannounced, unknown, without_auth_code};
use crate::twist::hooks::{after, instead};

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "capa.absent",
        summary: "there is no CAPA and so neither STLS nor the code AUTH, though all the rest is there",
        right: "RFC 2449 section 5: \"An -ERR response indicates the capability command is not implemented\"",
        practice: &[],
        form: acts(
            instead(|_, asked| unknown(asked, &[Verb::Capa, Verb::Stls]))
                .and_after(|_, _, reply| without_auth_code(reply)),
        ),
    },
    Persona {
        id: "capa.lower-case",
        summary: "capability tags are written in lower case",
        right: "RFC 2449 section 5: \"CAPA response tags are case-insensitive\"",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            capabilities(asked, reply, |lines| {
                for line in lines {
                    let end = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
                    if let Some(tag) = line.get_mut(..end) {
                        tag.make_ascii_lowercase();
                    }
                }
            });
        })),
    },
    Persona {
        id: "capa.unknown-tags",
        summary: "there are capabilities that nobody knows, with and without X",
        right: "RFC 2449 section 3: capa-tag is any word of printable characters; clients ignore those they do not know",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            capabilities(asked, reply, |lines| {
                for line in ["X-MAILER poplab 1.0 a=b", "ZEBRA", "COMPRESS DEFLATE", "X-", "UIDL2 x"] {
                    lines.insert(lines.len() / 2, line.as_bytes().to_vec());
                }
            });
        })),
    },
    Persona {
        id: "capa.any-order",
        summary: "capabilities are listed in another order each time",
        right: "RFC 2449 section 5: \"a list of capabilities, one per line\", of which no order is said",
        practice: &[],
        form: acts(after(|circumstance, asked, reply| {
            let turn = (circumstance.session.number + u64::from(circumstance.past.lines)) as usize;
            capabilities(asked, reply, |lines| {
                let middle = turn % lines.len().max(1);
                lines.rotate_left(middle);
            });
        })),
    },
    Persona {
        id: "capa.more-after-login",
        summary: "after login there are more capabilities, of which the commands work only then",
        right: "RFC 2449 section 5: only \"Capabilities available in the AUTHORIZATION state MUST be announced in both states\"",
        practice: &[],
        form: acts(after(|circumstance, asked, reply| {
            if circumstance.logged_in() {
                capabilities(asked, reply, |lines| lines.push(b"X-QUOTA 1024".to_vec()));
            } else {
                unannounced(asked, reply, &["IMPLEMENTATION"]);
            }
        })),
    },
    Persona {
        id: "capa.few",
        summary: "CAPA lists TOP, UIDL, USER and the ways to log in, and nothing else is there",
        right: "RFC 2449 section 6: each of the capabilities is optional",
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                reply.code = None;
                let left_out = [
                    "RESP-CODES",
                    "AUTH-RESP-CODE",
                    "PIPELINING",
                    "EXPIRE",
                    "UTF8",
                    "LANG",
                    "IMPLEMENTATION",
                ];
                unannounced(asked, reply, &left_out);
            })
            .and_instead(|_, asked| unknown(asked, &[Verb::Utf8, Verb::Lang]))
            .and_begin(|circumstance| circumstance.session.utf8 = true),
        ),
    },
    Persona {
        id: "capa.long-line",
        summary: "a line of CAPA has as many octets as are allowed, 512",
        right: "RFC 2449 section 5: \"Each capability line is limited to 512 octets (including the CRLF)\"",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            capabilities(asked, reply, |lines| {
                lines.push(format!("X-LONG {}", "y".repeat(503)).into_bytes());
            });
        })),
    },
    Persona {
        id: "capa.no-utf8",
        summary: "there is neither UTF8 nor LANG, and mail with UTF-8 in its header is sent as it is",
        right: "RFC 6856 section 1: both are extensions that a server announces or not",
        practice: &[],
        form: acts(
            after(|_, asked, reply| unannounced(asked, reply, &["UTF8", "LANG"]))
                .and_instead(|_, asked| unknown(asked, &[Verb::Utf8, Verb::Lang]))
                .and_begin(|circumstance| circumstance.session.utf8 = true),
        ),
    },
    Persona {
        id: "capa.utf8-user",
        summary: "UTF8 is announced with USER: names and passwords may be UTF-8, and are prepared",
        right: "RFC 6856 section 2.2: \"If the USER argument is included\" names and passwords in UTF-8 are permitted",
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                capabilities(asked, reply, |lines| {
                    for line in lines.iter_mut().filter(|line| *line == b"UTF8") {
                        line.extend_from_slice(b" USER");
                    }
                });
            })
            .and_before(|_, asked| match asked.verb() {
                Some(Verb::User | Verb::Pass) if !asked.arguments().is_ascii() => {
                    let line = [asked.keyword(), b" ", &prepared(asked.arguments())].concat();
                    asked.replace(line);
                }
                Some(Verb::Apop) if !asked.arguments().is_ascii() => {
                    let name = prepared(asked.word(0).unwrap_or_default());
                    asked.set_word(0, &name);
                }
                _ => {}
            }),
        ),
    },
    Persona {
        id: "capa.expire-30",
        summary: "EXPIRE announces 30 days",
        right: "RFC 2449 section 6.7: \"EXPIRE 30\" is among its examples: the server could delete messages after 30 days",
        practice: &[],
        form: acts(after(|_, asked, reply| expires(asked, reply, b"EXPIRE 30"))),
    },
    Persona {
        id: "capa.expire-user",
        summary: "EXPIRE announces 5 days per user before login, and after it 30",
        right: "RFC 2449 section 6.7: the server announces before login \"the smallest value which could be set for any user\"",
        practice: &[],
        form: acts(after(|circumstance, asked, reply| {
            expires(asked, reply, if circumstance.logged_in() { b"EXPIRE 30" } else { b"EXPIRE 5 USER" });
        })),
    },
    Persona {
        id: "capa.expire-0",
        summary: "EXPIRE announces that mail must not be left; none is removed all the same",
        right: "RFC 2449 section 6.7: the server \"MAY assume an implicit DELE for each message which was downloaded with RETR\"",
        practice: &[],
        form: acts(after(|_, asked, reply| expires(asked, reply, b"EXPIRE 0"))),
    },
    Persona {
        id: "capa.utf8-surrogates",
        summary: "without UTF8, mail with UTF-8 in its header is sent with another header in ASCII",
        right: "RFC 6856 section 2.1: a server may give surrogate messages to clients that do not ask for UTF8 (RFC 6858)",
        practice: &[],
        form: acts(instead(|circumstance, asked| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Retr) || asked.is(Verb::Top))?;
            let open = circumstance.open().filter(|open| !open.is_marked(index))?;
            let needed = open.messages.get(index)?.needs_utf8() && !circumstance.session.utf8;
            needed.then(|| super::mail_kept::surrogate(circumstance, asked)).flatten()
        })),
    },
];

fn expires(asked: &crate::twist::Asked, reply: &mut crate::reply::Reply, announced: &'static [u8]) {
    capabilities(asked, reply, |lines| {
        for line in lines.iter_mut().filter(|line| line.starts_with(b"EXPIRE ")) {
            *line = announced.to_vec();
        }
    });
}

/// What the preparation makes of a string, as far as ASCII comes of it, which the fake's names and passwords are (RFC 4013
/// section 2: mapping and NFKC). Of the rest nothing is anybody's name.
fn prepared(octets: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(octets) else { return octets.to_vec() };
    let map = |letter: char| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0),
        '\u{a0}' | '\u{3000}' => Some(' '),
        '\u{ad}' => None,
        other => Some(other),
    };
    text.chars().filter_map(map).collect::<String>().into_bytes()
}

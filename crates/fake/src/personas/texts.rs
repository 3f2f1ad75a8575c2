//! What status lines say behind `+OK` and `-ERR`: nothing, much, in another language, with other codes.

use proto::Verb;

use super::{Persona, acts, plain_greeting, unannounced, unknown};
use crate::reply::{Reply, Status};
use crate::twist::Asked;
use crate::twist::hooks::after;

/// Behind the indicator nobody may rely on anything.
const FREE: &str = "A17: bare '+OK' passes; RFC 2449 and 1957 make everything after the indicator optional";
/// Response codes may be missing.
const NO_CODES: &str =
    "RFC 2449 section 8: \"This specification amends the POP3 standard to permit an optional response code\"";
/// Text is for people.
const FOR_PEOPLE: &str = "RFC 2449 section 8: \"human readable text portion of an '+OK' or '-ERR' response\", of which nothing is prescribed";

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "texts.none",
        summary: "status lines are `+OK` and `-ERR` alone where nothing has to follow, in the greeting too",
        right: FREE,
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                without_codes(asked, reply);
                if free(asked, reply) {
                    reply.reword("");
                }
            })
            .and_instead(|_, asked| unknown(asked, &[Verb::Apop, Verb::Utf8]))
            .and_begin(|circumstance| circumstance.session.utf8 = true),
        ),
    },
    Persona {
        id: "texts.space",
        summary: "a space follows `+OK` and `-ERR` where nothing else follows",
        right: "RFC 2449 section 3: single-line is status [SP text], and text may have no characters (A16, A17)",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if free(asked, reply) && reply.code.is_none() && *asked != Asked::Nothing {
                reply.respell(if reply.is_ok() { "+OK \r\n" } else { "-ERR \r\n" });
            }
        })),
    },
    Persona {
        id: "texts.no-codes",
        summary: "there are no response codes, and none are announced",
        right: NO_CODES,
        practice: &[],
        form: acts(
            after(|_, asked, reply| without_codes(asked, reply))
                .and_instead(|_, asked| unknown(asked, &[Verb::Utf8]))
                .and_begin(|circumstance| circumstance.session.utf8 = true),
        ),
    },
    Persona {
        id: "texts.same",
        summary: "every refusal has the same words and no code",
        right: NO_CODES,
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                without_codes(asked, reply);
                if reply.is_err() {
                    reply.reword("Sorry, that is not possible");
                }
            })
            .and_instead(|_, asked| unknown(asked, &[Verb::Utf8]))
            .and_begin(|circumstance| circumstance.session.utf8 = true),
        ),
    },
    Persona {
        id: "texts.german",
        summary: "all texts are German, in ASCII, without codes",
        right: FOR_PEOPLE,
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                let text = german(reply);
                without_codes(asked, reply);
                if free(asked, reply) && *asked != Asked::Nothing {
                    reply.reword(text);
                }
            })
            .and_instead(|_, asked| unknown(asked, &[Verb::Utf8]))
            .and_begin(|circumstance| circumstance.session.utf8 = true),
        ),
    },
    Persona {
        id: "texts.brackets",
        summary: "texts are chatty, with brackets in them that are no codes, dots, numbers and percent signs",
        right: FOR_PEOPLE,
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if free(asked, reply) && *asked != Asked::Nothing {
                let text =
                    [&reply.text()[..], b" [please wait], 100% of 1 2 3 (was: [AUTH]). <thanks> +OK ."]
                        .concat();
                reply.reword(text);
            }
        })),
    },
    Persona {
        id: "texts.bracket-first",
        summary: "without RESP-CODES, texts begin with brackets that are no registered code",
        right: "A23: \"Other bracketed text without RESP-CODES: allowed\"",
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                without_codes(asked, reply);
                if free(asked, reply) && *asked != Asked::Nothing {
                    let text = [b"[mx1.example.org] ", &reply.text()[..]].concat();
                    reply.reword(text);
                }
            })
            .and_instead(|_, asked| unknown(asked, &[Verb::Utf8]))
            .and_begin(|circumstance| circumstance.session.utf8 = true),
        ),
    },
    Persona {
        id: "texts.codes-lower-case",
        summary: "response codes are written in lower case",
        right: "RFC 2449 section 8: \"a response code which is interpreted in a case-insensitive fashion by the client\"",
        practice: &[],
        form: acts(after(|_, _, reply| {
            let lower = match reply.code {
                Some("IN-USE") => "in-use",
                Some("AUTH") => "auth",
                Some("UTF8") => "utf8",
                Some("LOGIN-DELAY") => "login-delay",
                _ => return,
            };
            reply.code = Some(lower);
        })),
    },
    Persona {
        id: "texts.codes-detailed",
        summary: "`[IN-USE]` and `[AUTH]` have a further level of detail",
        right: "RFC 2449 section 8: \"Clients MUST ignore unknown hierarchical detail about the response code\"",
        practice: &[],
        form: acts(after(|_, _, reply| {
            reply.code = match reply.code {
                Some("IN-USE") => Some("IN-USE/POP3"),
                Some("AUTH") => Some("AUTH/PASSWORD"),
                other => other,
            };
        })),
    },
    Persona {
        id: "texts.codes-of-its-own",
        summary: "refusals that have no code get one of the server's own",
        right: "RFC 2449 section 8: codes are an extensible set, and clients ignore those they do not know",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if reply.is_err() && reply.code.is_none() && *asked != Asked::TooLong {
                reply.code = Some("X-POPLAB-NO");
            }
        })),
    },
    Persona {
        id: "texts.long",
        summary: "status lines have as many octets as are allowed, 512",
        right: "RFC 1939 section 3: \"Responses may be up to 512 characters long, including the terminating CRLF\"",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if free(asked, reply) || *asked == Asked::Nothing {
                let missing = 512usize.saturating_sub(reply.line().len() + 1);
                let text = [&reply.text()[..], b" ", "x".repeat(missing).as_bytes()].concat();
                reply.reword(text);
            }
        })),
    },
    Persona {
        id: "texts.listings",
        summary: "the status lines of LIST, UIDL, RETR and TOP tell numbers and octets",
        right: "RFC 1939 section 5: in the possible responses to LIST it is \"+OK scan listing follows\", a text for people",
        practice: &[],
        form: acts(after(|circumstance, asked, reply| {
            let count = circumstance.open().map_or(0, |open| open.listed().count());
            let text = match asked.verb() {
                Some(Verb::List | Verb::Uidl) if reply.content.is_some() => {
                    format!("{count} messages (320 octets) 1 2")
                }
                Some(Verb::Retr | Verb::Top) if reply.is_ok() => "1 320 octets follow.".to_owned(),
                Some(Verb::Dele | Verb::Rset) if reply.is_ok() => format!("{count} 320 message(s)"),
                Some(Verb::Quit) => format!("sayoonara ({count} messages left)"),
                _ => return,
            };
            if free(asked, reply) {
                reply.reword(text);
            }
        })),
    },
    Persona {
        id: "texts.echo",
        summary: "the answer to USER repeats the name, and that to an unknown command its keyword",
        right: "RFC 1939 section 7: \"+OK mrose is a real hoopy frood\" is among its examples",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            let printable = |word: &[u8]| word.len() <= 64 && word.iter().all(u8::is_ascii_alphanumeric);
            let in_names = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._+@".contains(octet);
            let keyword = asked.keyword();
            if let Some(name) = asked.word(0).filter(|_| asked.is(Verb::User) && reply.is_ok()) {
                if name.len() <= 64 && name.iter().all(in_names) {
                    reply.reword([b"Hello ", name, b", what is the password?"].concat());
                }
            } else if asked.verb().is_none() && reply.is_err() && printable(keyword) && !keyword.is_empty() {
                reply.reword([b"What is ", keyword, b"?"].concat());
            }
        })),
    },
    Persona {
        id: "greeting.no-timestamp",
        summary: "the greeting has no timestamp, and APOP is unknown",
        right: "RFC 1939 section 7: APOP is optional, and \"A POP3 server which implements the APOP command will include a timestamp\"",
        practice: &[],
        form: acts(
            after(|_, asked, reply| plain_greeting(asked, reply))
                .and_instead(|_, asked| unknown(asked, &[Verb::Apop])),
        ),
    },
    Persona {
        id: "greeting.brackets",
        summary: "the greeting has angle brackets that are no timestamp, and APOP is unknown",
        right: "RFC 1939 section 7: only the syntax of the msg-id makes a timestamp of what stands in the banner",
        practice: &[],
        form: acts(
            after(|_, asked, reply| {
                if *asked == Asked::Nothing {
                    reply.reword("<POP3> server of [192.0.2.1] ready (v1.0)");
                }
            })
            .and_instead(|_, asked| unknown(asked, &[Verb::Apop])),
        ),
    },
    Persona {
        id: "greeting.refuses-some",
        summary: "every eleventh connection is refused at the greeting, as by a server that is full",
        right: "A27: servers refuse service with -ERR and close; report 'service refused', fail only if persistent",
        practice: &[],
        form: acts(after(|circumstance, asked, reply| {
            if *asked == Asked::Nothing && circumstance.session.number % 11 == 0 {
                *reply = Reply::err("Too many connections, try again later").then(crate::reply::Then::Close);
            }
        })),
    },
];

/// Whether the words of this reply are for people alone.
fn free(asked: &Asked, reply: &Reply) -> bool {
    let told = match asked.verb() {
        Some(Verb::Stat | Verb::List | Verb::Uidl) => reply.is_ok() && reply.content.is_none(),
        // The first word is the language (RFC 6856 section 3).
        Some(Verb::Lang) => true,
        _ => false,
    };
    !told && !matches!(reply.status, Status::Challenge | Status::Verbatim)
}

/// Takes the codes away, and what announces them: UTF8 as well, of which one is a part (RFC 6856 section 2).
fn without_codes(asked: &Asked, reply: &mut Reply) {
    reply.code = None;
    unannounced(asked, reply, &["RESP-CODES", "AUTH-RESP-CODE", "UTF8"]);
}

fn german(reply: &Reply) -> &'static str {
    match (reply.is_ok(), reply.code, &reply.text()[..]) {
        (true, ..) => "Geht in Ordnung",
        (_, Some("IN-USE"), _) => "Das Postfach ist belegt",
        (_, Some(_), _) => "Anmeldung abgelehnt",
        (_, _, b"Unknown command") => "Das kenne ich nicht",
        _ => "So geht das nicht",
    }
}

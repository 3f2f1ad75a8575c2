//! Keywords and arguments, as hasty parsers take them: `split(' ')`, `strtol`, `strncasecmp`, indices from the end.

use proto::Verb;

use super::Defect;
use super::acts::hangs_up;
use super::hooks::{before, instead, longest};
use crate::reply::{Content, Reply};
use crate::twist::{Asked, Circumstance};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.cmd.abbreviations",
        summary: "a keyword may be abbreviated, since it is compared as far as it goes",
        proves: &["rfc1939.cmd.no-prefix-match"],
        hooks: before(|_, asked| {
            let keyword = asked.keyword().to_ascii_uppercase();
            let begun = |verb: &Verb| verb.as_str().as_bytes().starts_with(&keyword);
            if asked.verb().is_none()
                && !keyword.is_empty()
                && let Some(verb) = Verb::ALL.into_iter().find(begun)
            {
                let rest = asked.line().get(keyword.len()..).unwrap_or_default();
                asked.replace([verb.as_str().as_bytes(), rest].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.mixed-case",
        summary: "keywords are known in upper case and in lower case, and not in a mixture",
        proves: &["rfc1939.frame.keyword-case"],
        hooks: instead(|_, asked| {
            let keyword = asked.keyword();
            let mixed =
                keyword.iter().any(u8::is_ascii_lowercase) && keyword.iter().any(u8::is_ascii_uppercase);
            mixed.then(|| Reply::err("Unknown command"))
        }),
    },
    Defect {
        id: "rfc1939.cmd.leading-blanks",
        summary: "blanks before a keyword are skipped",
        proves: &["rfc1939.frame.leading-space"],
        hooks: before(|_, asked| {
            if asked.line().starts_with(b" ") {
                asked.replace(asked.line().trim_ascii_start().to_vec());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.empty-repeats",
        summary: "an empty line repeats the command before, which is still in the buffer",
        proves: &["rfc1939.frame.empty-line"],
        hooks: before(|circumstance, asked| {
            let empty = *asked == Asked::Command(Vec::new());
            if let Some((verb, _)) = circumstance.past.last.filter(|_| empty) {
                asked.replace(verb.as_str());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.empty-hangs-up",
        summary: "an empty line closes the connection without a reply, as if the client had gone",
        proves: &["rfc1939.frame.empty-line"],
        hooks: instead(|_, asked| (*asked == Asked::Command(Vec::new())).then(hangs_up)),
    },
    Defect {
        id: "rfc1939.cmd.unknown-unanswered",
        summary: "an unknown command is not answered after login",
        proves: &["rfc1939.cmd.unrecognized"],
        hooks: instead(|circumstance, asked| {
            let unknown = asked.verb().is_none() && *asked != Asked::TooLong && asked.response().is_none();
            (unknown && circumstance.logged_in()).then(Reply::nothing)
        }),
    },
    Defect {
        id: "rfc1939.cmd.unknown-hangs-up",
        summary: "an unknown command closes the connection without a reply",
        proves: &["rfc1939.cmd.unrecognized"],
        hooks: instead(|_, asked| {
            let unknown = matches!(asked, Asked::Command(_)) && asked.verb().is_none();
            unknown.then(hangs_up)
        }),
    },
    Defect {
        id: "rfc1939.cmd.surplus-ignored",
        summary: "words behind a command that takes no argument are ignored",
        proves: &["rfc1939.cmd.extra-args"],
        hooks: before(|_, asked| {
            if let Some(verb) = asked.verb().filter(|verb| takes_nothing(*verb)) {
                asked.replace(verb.as_str());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.third-word-ignored",
        summary: "words behind the arguments of LIST, UIDL, RETR, DELE and TOP are ignored",
        proves: &["rfc1939.cmd.too-many-args"],
        hooks: before(|_, asked| {
            let takes = match asked.verb() {
                Some(Verb::Top) => 2,
                Some(Verb::List | Verb::Uidl | Verb::Retr | Verb::Dele) => 1,
                _ => return,
            };
            let words: Vec<&[u8]> = asked.line().split(|&octet| octet == b' ').take(takes + 1).collect();
            asked.replace(words.join(&b' '));
        }),
    },
    Defect {
        id: "rfc1939.cmd.dele-several",
        summary: "DELE marks as many messages as it is given numbers",
        proves: &["rfc1939.cmd.too-many-args"],
        hooks: instead(|circumstance, asked| {
            let words: Vec<Vec<u8>> =
                asked.arguments().split(|&octet| octet == b' ').map(<[u8]>::to_vec).collect();
            if !asked.is(Verb::Dele) || words.len() < 2 || !circumstance.logged_in() {
                return None;
            }
            words
                .into_iter()
                .map(|word| Asked::Command([b"DELE ", &word[..]].concat()).answer(circumstance.session))
                .last()
        }),
    },
    Defect {
        id: "rfc1939.cmd.no-number-is-first",
        summary: "RETR and DELE without a number act on the first message",
        proves: &["rfc1939.cmd.missing-arg"],
        hooks: before(|_, asked| {
            if let Some(verb @ (Verb::Retr | Verb::Dele)) = asked.verb().filter(|_| asked.word(0).is_none()) {
                asked.replace(format!("{verb} 1"));
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.missing-hangs-up",
        summary: "a command that lacks its argument closes the connection without a reply",
        proves: &["rfc1939.cmd.missing-arg"],
        hooks: instead(|_, asked| {
            let least = match asked.verb()? {
                Verb::Top | Verb::Apop => 2,
                Verb::Retr | Verb::Dele | Verb::User => 1,
                _ => 0,
            };
            (least > 0 && asked.word(least - 1).is_none()).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc1939.cmd.top-crashes",
        summary: "TOP without arguments dies, and the connection with it",
        proves: &["rfc1939.cmd.missing-arg"],
        hooks: instead(|circumstance, asked| {
            (asked.is_bare(Verb::Top) && circumstance.logged_in()).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc1939.cmd.hexadecimal",
        summary: "message numbers may be hexadecimal, 0x before them, as strtol takes them with a base of 0",
        proves: &["rfc1939.cmd.number-syntax"],
        hooks: before(|_, asked| {
            let number = number_word(asked).and_then(|word| word.strip_prefix("0x"));
            if let Some(number) = number.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
                asked.set_word(0, number.to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.from-the-end",
        summary: "negative message numbers count from the end of the list",
        proves: &["rfc1939.cmd.number-syntax"],
        hooks: before(|circumstance, asked| {
            let behind = number_word(asked).and_then(|word| word.strip_prefix('-')?.parse::<usize>().ok());
            let number = behind.and_then(|behind| (messages(circumstance) + 1).checked_sub(behind));
            if let Some(number) = number.filter(|_| behind > Some(0)) {
                asked.set_word(0, number.to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.zero-is-last",
        summary: "message 0 is the last one, since the list is indexed with the number less one",
        proves: &["rfc1939.cmd.number-zero"],
        hooks: before(|circumstance, asked| {
            if number_word(asked).and_then(|word| word.parse::<u64>().ok()) == Some(0) {
                let last = messages(circumstance);
                asked.set_word(0, last.to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.sixteen-bits",
        summary: "message numbers are kept in sixteen bits",
        proves: &["rfc1939.cmd.number-overflow"],
        hooks: before(|_, asked| {
            if let Some(number) = number_word(asked).and_then(|word| word.parse::<u128>().ok()) {
                asked.set_word(0, (number % 65536).to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.sixty-four-bits",
        summary: "message numbers are taken modulo 2^64",
        proves: &["rfc1939.cmd.number-overflow"],
        hooks: before(|_, asked| {
            if let Some(number) = number_word(asked).and_then(|word| word.parse::<u128>().ok()) {
                asked.set_word(0, (number as u64).to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.hangs-up-at-40",
        summary: "an argument of 40 characters does not fit into its buffer, and the connection is closed",
        proves: &["rfc1939.cmd.arg-40"],
        hooks: instead(|_, asked| {
            (asked.is(Verb::User) && asked.word(0).is_some_and(|word| word.len() >= 40)).then(hangs_up)
        }),
    },
    Defect {
        id: "rfc1939.cmd.empty-word",
        summary: "with two spaces before a message number LIST and UIDL find no number and list everything",
        proves: &["rfc1939.frame.extra-space"],
        hooks: before(|_, asked| {
            if let Some(verb @ (Verb::List | Verb::Uidl)) = asked.verb()
                && asked.word(0) == Some(b"")
            {
                asked.replace(verb.as_str());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.two-spaces-hang",
        summary: "a line with two spaces in a row is not answered",
        proves: &["rfc1939.frame.extra-space"],
        hooks: instead(|_, asked| {
            let doubled = asked.line().windows(2).any(|pair| pair == b"  ") && !asked.is(Verb::Pass);
            doubled.then(Reply::nothing)
        }),
    },
    Defect {
        id: "rfc1939.cmd.echoes-line",
        summary: "the refusal of an unknown command repeats the line, however long it is",
        proves: &["rfc1939.frame.status-512"],
        hooks: longest(64 * 1024).and_instead(|_, asked| {
            if asked.verb().is_some() || !matches!(asked, Asked::Command(_)) {
                return None;
            }
            let mut reply = Reply::err("");
            let printable = |octet: &u8| if octet.is_ascii_graphic() { *octet } else { b'?' };
            let line: Vec<u8> = asked.line().iter().map(printable).collect();
            reply.reword([b"Unknown command: ", &line[..]].concat());
            Some(reply)
        }),
    },
    Defect {
        id: "rfc1939.cmd.last-lists",
        summary: "LAST is answered with a listing",
        proves: &["rfc1939.cmd.unimplemented"],
        hooks: instead(|circumstance, asked| {
            let last = circumstance.logged_in() && asked.keyword().eq_ignore_ascii_case(b"LAST");
            last.then(|| Reply::ok("Last message").with(Content::lines([b"1".to_vec()])))
        }),
    },
];

fn takes_nothing(verb: Verb) -> bool {
    matches!(verb, Verb::Stat | Verb::Noop | Verb::Rset | Verb::Quit | Verb::Capa | Verb::Stls | Verb::Utf8)
}

/// The word that stands where a message number should.
fn number_word(asked: &Asked) -> Option<&str> {
    let numbered = matches!(asked.verb()?, Verb::List | Verb::Retr | Verb::Dele | Verb::Top | Verb::Uidl);
    std::str::from_utf8(asked.word(0).filter(|_| numbered)?).ok()
}

fn messages(circumstance: &Circumstance<'_>) -> usize {
    circumstance.open().map_or(0, |open| open.messages.len())
}

//! Keywords and arguments (RFC 1939 sections 3 and 4).

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, instead};
use crate::reply::Reply;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.cmd.unknown-ok",
        summary: "unknown commands are answered +OK",
        proves: &["rfc1939.cmd.unrecognized"],
        hooks: instead(|_, asked| {
            let unknown = asked.verb().is_none() && !asked.line().is_empty();
            unknown.then(|| Reply::ok("Extension noted"))
        }),
    },
    Defect {
        id: "rfc1939.cmd.unimplemented-ok",
        summary: "XTND is answered +OK and nothing follows",
        proves: &["rfc1939.cmd.unimplemented"],
        hooks: instead(|circumstance, asked| {
            let extended = circumstance.logged_in() && asked.keyword().eq_ignore_ascii_case(b"XTND");
            extended.then(|| Reply::ok("Extended"))
        }),
    },
    Defect {
        id: "rfc1939.cmd.prefix-match",
        summary: "only the first four letters of a longer keyword are looked at",
        proves: &["rfc1939.cmd.no-prefix-match"],
        hooks: before(|_, asked| {
            let (keyword, line) = (asked.keyword().len(), asked.line());
            if let Some(first) = line.get(..4).filter(|_| keyword > 4) {
                let shortened = [first, line.get(keyword..).unwrap_or_default()].concat();
                asked.replace(shortened);
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.bare-user-ok",
        summary: "USER without a name is answered +OK",
        proves: &["rfc1939.cmd.missing-arg"],
        hooks: instead(|circumstance, asked| {
            (asked.is_bare(Verb::User) && !circumstance.logged_in()).then(|| Reply::ok("Send PASS"))
        }),
    },
    Defect {
        id: "rfc1939.cmd.lax-numbers",
        summary: "a message number may have anything behind its digits",
        proves: &["rfc1939.cmd.number-syntax"],
        hooks: before(|_, asked| {
            if takes_number(asked.verb())
                && let Some(word) = asked.word(0)
            {
                let digits = word.iter().take_while(|octet| octet.is_ascii_digit()).count();
                let digits = word.get(..digits).unwrap_or_default().to_vec();
                if !digits.is_empty() {
                    asked.set_word(0, &digits);
                }
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.zero-is-first",
        summary: "message 0 is message 1",
        proves: &["rfc1939.cmd.number-zero"],
        hooks: before(|_, asked| {
            if takes_number(asked.verb()) && asked.number() == Some(0) {
                asked.set_word(0, b"1");
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.number-wraps",
        summary: "message numbers are taken modulo 2^32",
        proves: &["rfc1939.cmd.number-overflow"],
        hooks: before(|_, asked| {
            if takes_number(asked.verb())
                && let Some(word) = asked.word(0).filter(|word| word.iter().all(u8::is_ascii_digit))
            {
                let wrap =
                    |value: u32, digit: &u8| value.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
                let wrapped = word.iter().fold(0, wrap).to_string();
                asked.set_word(0, wrapped.as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.cmd.splits-long-names",
        summary: "a USER name of more than 39 octets is cut, and the rest answered as a command of its own",
        proves: &["rfc1939.cmd.arg-40"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::User) && asked.arguments().len() > 39 {
                reply.append(b"-ERR Unknown command\r\n");
            }
        }),
    },
    Defect {
        id: "rfc2449.cmd.splits-long-commands",
        summary: "a command line of more than 200 octets is answered twice",
        proves: &["rfc2449.cmd.len-255"],
        hooks: after(|_, asked, reply| {
            if asked.line().len() > 198 {
                reply.append(b"-ERR Unknown command\r\n");
            }
        }),
    },
];

/// Whether the first argument of a command is a message number.
fn takes_number(verb: Option<Verb>) -> bool {
    matches!(verb, Some(Verb::List | Verb::Retr | Verb::Dele | Verb::Top | Verb::Uidl))
}

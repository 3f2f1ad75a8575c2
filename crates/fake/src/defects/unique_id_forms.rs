//! What UIDL makes unique-ids from, and how it writes them (RFC 1939 section 7).

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, opened};
use crate::reply::{Content, Reply};
use crate::twist::Circumstance;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.uidl.from-date",
        summary: "a unique-id is a hash of the Date field",
        proves: &["rfc1939.uidl.unique"],
        hooks: opened(|circumstance| by_content(circumstance, |octets, _| hash(field(octets, b"date:")))),
    },
    Defect {
        id: "rfc1939.uidl.from-message-id",
        summary: "a unique-id is a hash of the Message-ID field",
        proves: &["rfc1939.uidl.unique"],
        hooks: opened(|circumstance| {
            by_content(circumstance, |octets, _| hash(field(octets, b"message-id:")));
        }),
    },
    Defect {
        id: "rfc1939.uidl.from-size",
        summary: "a unique-id is the size of the message",
        proves: &["rfc1939.uidl.unique"],
        hooks: opened(|circumstance| by_content(circumstance, |octets, _| octets.len().to_string())),
    },
    Defect {
        id: "rfc1939.uidl.from-header",
        summary: "a unique-id is a hash of the header",
        proves: &["rfc1939.uidl.unique"],
        hooks: opened(|circumstance| {
            by_content(circumstance, |octets, _| {
                hash(octets.get(..octets.len() - mail::body(octets).len()).unwrap_or_default())
            });
        }),
    },
    Defect {
        id: "rfc1939.uidl.from-beginning",
        summary: "a unique-id is a hash of the first 512 octets of the message",
        proves: &["rfc1939.uidl.unique"],
        hooks: opened(|circumstance| {
            by_content(circumstance, |octets, _| hash(octets.get(..512).unwrap_or(octets)));
        }),
    },
    Defect {
        id: "rfc1939.uidl.eight-bit-hash",
        summary: "a unique-id is a hash of 8 bits",
        proves: &["rfc1939.uidl.unique"],
        hooks: opened(|circumstance| {
            by_content(circumstance, |octets, _| hash(octets).chars().take(2).collect());
        }),
    },
    Defect {
        id: "rfc1939.uidl.none-of-empty",
        summary: "a message of no octets has an empty unique-id",
        proves: &["rfc1939.uidl.format"],
        hooks: opened(|circumstance| {
            by_content(circumstance, |octets, id| if octets.is_empty() { String::new() } else { id });
        }),
    },
    Defect {
        id: "rfc1939.uidl.blank-inside",
        summary: "a unique-id has a blank in it",
        proves: &["rfc1939.uidl.format"],
        hooks: opened(|circumstance| by_content(circumstance, |octets, id| format!("{} {id}", octets.len()))),
    },
    Defect {
        id: "rfc1939.uidl.seventy-one",
        summary: "unique-ids have 71 characters",
        proves: &["rfc1939.uidl.alphabet"],
        hooks: opened(|circumstance| by_content(circumstance, |_, id| format!("{id:0<71}"))),
    },
    Defect {
        id: "rfc1939.uidl.subject",
        summary: "a unique-id ends with the first letters of the subject, whatever they are",
        proves: &["rfc1939.uidl.alphabet"],
        hooks: opened(|circumstance| {
            by_content(circumstance, |octets, id| {
                let subject = String::from_utf8_lossy(field(octets, b"subject:")).into_owned();
                let letters = subject.chars().filter(|letter| !letter.is_ascii_whitespace()).take(12);
                format!("{}-{}", id.get(..16).unwrap_or(&id), letters.collect::<String>())
            });
        }),
    },
    Defect {
        id: "rfc1939.uidl.trailing-blank",
        summary: "a blank follows each unique-id in the lines of UIDL",
        proves: &["rfc1939.uidl.format"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Uidl) {
                reply.map_lines(|_, line| [&line[..], b" "].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.with-size",
        summary: "the size of the message follows each unique-id in the lines of UIDL",
        proves: &["rfc1939.uidl.format"],
        hooks: after(|circumstance, asked, reply| {
            if let Some(open) = circumstance.open().filter(|_| asked.is(Verb::Uidl)) {
                let sizes: Vec<u64> = open.listed().map(|index| open.size(index)).collect();
                reply.map_lines(|place, line| {
                    let size = sizes.get(place).copied().unwrap_or_default();
                    [&line[..], format!(" {size}").as_bytes()].concat()
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.last-lost",
        summary: "UIDL leaves out the last message",
        proves: &["rfc1939.uidl.complete"],
        hooks: after(|circumstance, asked, reply| {
            let last = circumstance.open().and_then(|open| open.listed().last());
            if let Some(last) = last.filter(|_| asked.is(Verb::Uidl)) {
                let begins = format!("{} ", last + 1);
                reply.replace_lines(|_, line| {
                    if line.starts_with(begins.as_bytes()) { Vec::new() } else { vec![line] }
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.a-hundred",
        summary: "UIDL gives the first hundred messages",
        proves: &["rfc1939.uidl.complete"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Uidl) {
                reply.replace_lines(|place, line| if place < 100 { vec![line] } else { Vec::new() });
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.stops-at-deleted",
        summary: "UIDL ends before the first marked message",
        proves: &["rfc1939.uidl.complete"],
        hooks: after(|circumstance, asked, reply| {
            let first = circumstance.open().and_then(|open| open.marks().first().copied());
            if let Some(first) = first.filter(|_| asked.is(Verb::Uidl)) {
                reply.replace_lines(|place, line| if place < first { vec![line] } else { Vec::new() });
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.arg-lists-all",
        summary: "UIDL n gives the whole listing",
        proves: &["rfc1939.uidl.arg"],
        hooks: before(|circumstance, asked| {
            if asked.is(Verb::Uidl) && circumstance.index(asked).is_some() {
                asked.replace(&b"UIDL"[..]);
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.arg-multiline",
        summary: "UIDL n is answered with a listing of one line",
        proves: &["rfc1939.uidl.arg"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Uidl) && asked.word(0).is_some() && reply.is_ok() {
                *reply = Reply::ok("Unique-ids follow").with(Content::lines([reply.text().into_owned()]));
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.arg-of-deleted",
        summary: "UIDL n of a marked message still gives its unique-id",
        proves: &["rfc1939.uidl.no-such", "rfc1939.dele.hides"],
        hooks: after(|circumstance, asked, reply| {
            let index = circumstance.index(asked).filter(|_| asked.is(Verb::Uidl));
            let (Some(open), Some(index)) = (circumstance.open(), index) else { return };
            if let Some(message) = open.messages.get(index).filter(|_| open.is_marked(index)) {
                let id = circumstance.session.world.unique_id(open.owner, message);
                *reply = Reply::said(format!("{} {id}", index + 1));
            }
        }),
    },
    Defect {
        id: "rfc1939.uidl.arg-counts-left",
        summary: "UIDL n counts the messages that are not marked, UIDL all",
        proves: &["rfc1939.uidl.arg-agrees"],
        hooks: after(|circumstance, asked, reply| {
            let place = circumstance.index(asked).filter(|_| asked.is(Verb::Uidl) && reply.is_ok());
            let (Some(open), Some(place)) = (circumstance.open(), place) else { return };
            let message = open.listed().nth(place).and_then(|index| open.messages.get(index));
            match message {
                Some(message) => {
                    let id = circumstance.session.world.unique_id(open.owner, message);
                    *reply = Reply::said(format!("{} {id}", place + 1));
                }
                None => *reply = Reply::err("No such message"),
            }
        }),
    },
];

/// Gives the messages of the session other unique-ids: from their octets and the id as it is.
fn by_content(circumstance: &mut Circumstance<'_>, other: fn(&[u8], String) -> String) {
    let world = circumstance.session.world.clone();
    let Some(open) = circumstance.open_mut() else { return };
    let renamed = |message: &crate::world::Message| {
        let id = world.unique_id(open.owner, message).into_owned();
        message.renamed(other(&world.octets(open.owner, message), id))
    };
    open.messages = std::sync::Arc::new(open.messages.iter().map(renamed).collect());
}

fn hash(octets: &[u8]) -> String {
    mail::digest(octets).chars().take(32).collect()
}

/// What stands in the first line of a header field; nothing if there is no such field.
fn field<'a>(octets: &'a [u8], name: &[u8]) -> &'a [u8] {
    let header = octets.get(..octets.len() - mail::body(octets).len()).unwrap_or_default();
    let mut lines = header.split(|&octet| octet == b'\n');
    let found = lines.find_map(|line| {
        let (begins, rest) = line.split_at_checked(name.len())?;
        begins.eq_ignore_ascii_case(name).then_some(rest)
    });
    found.unwrap_or_default().trim_ascii()
}

//! What becomes of a message between its delivery and its retrieval.
//!
//! Only what delivery and storage add: a server that alters the text of a message is wrong. Sizes are those of the message
//! as it is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::Verb;

use super::{Persona, acts, delivers};
use crate::reply::{Content, Message, Octets, Reply};
use crate::twist::hooks::{after, opened};
use crate::twist::{Asked, Circumstance};

/// The message of RFC 1939 is the one that is in the maildrop.
const AS_KEPT: &str = "RFC 1939 section 11: \"RETR\" gives the message as it is in the maildrop; how it got there is the delivery's affair";

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "mail.blank-line",
        summary: "each message ends with an empty line, the separator of an mbox",
        right: AS_KEPT,
        practice: &[],
        form: delivers(|octets| {
            [octets, if octets.ends_with(b"\r\n") { b"" } else { b"\r\n" }, b"\r\n"].concat()
        }),
    },
    Persona {
        id: "mail.received",
        summary: "delivery puts Return-Path, Delivered-To and Received before each message",
        right: "RFC 5321 section 4.4: each server on the way adds trace fields",
        practice: &[],
        form: delivers(|octets| {
            let trace = "Return-Path: <alice@example.org>\r\nDelivered-To: bob@example.org\r\nReceived: from mx.example.org\r\n\tby fake.poplab.test; Mon, 30 Nov 2026 10:00:00 +0000\r\n";
            [trace.as_bytes(), octets].concat()
        }),
    },
    Persona {
        id: "mail.status",
        summary: "each message has Status and X-UID at the end of its header",
        right: AS_KEPT,
        practice: &[],
        form: delivers(|octets| with_field(octets, b"Status: O\r\nX-UID: 17\r\nContent-Length: 320\r\n")),
    },
    Persona {
        id: "mail.seen",
        summary: "Status in the header tells in later sessions that a message was retrieved",
        right: AS_KEPT,
        practice: &[],
        form: acts(
            after(|circumstance, asked, reply| {
                if asked.is(Verb::Retr)
                    && reply.is_ok()
                    && let Some(index) = circumstance.index(asked)
                {
                    let read = circumstance.open().map(|open| open.ordinals(&[index])).unwrap_or_default();
                    circumstance.with_open(|maildrop| maildrop.notes().read.extend(read));
                }
            })
            .and_opened(|circumstance| {
                let mut seen = BTreeSet::new();
                circumstance.with_open(|maildrop| seen.clone_from(&maildrop.notes().read));
                let Some(open) = circumstance.open_mut() else { return };
                let told = |message: &crate::world::Message| {
                    let field: &[u8] =
                        if seen.contains(&message.ordinal()) { b"Status: RO\r\n" } else { b"Status: O\r\n" };
                    message.rewritten(|octets| with_field(octets, field))
                };
                open.messages = Arc::new(open.messages.iter().map(told).collect());
            }),
        ),
    },
    Persona {
        id: "mail.final-line-end",
        summary: "a message that does not end with a line end gets one when it is delivered",
        right: AS_KEPT,
        practice: &[],
        form: delivers(|octets| {
            [octets, if octets.ends_with(b"\r\n") { &b""[..] } else { b"\r\n" }].concat()
        }),
    },
    Persona {
        id: "mail.line-ends",
        summary: "delivery turns every bare CR and LF into a line end",
        right: "RFC 5322 section 2.3: \"CR and LF MUST only occur together as CRLF\", so what is alone is no mail",
        practice: &[],
        form: delivers(|octets| {
            let mut out = Vec::with_capacity(octets.len());
            let mut before = 0;
            for octet in octets.iter().copied() {
                match octet {
                    b'\n' if before == b'\r' => {}
                    b'\r' | b'\n' => out.extend_from_slice(b"\r\n"),
                    other => out.push(other),
                }
                before = octet;
            }
            out
        }),
    },
    Persona {
        id: "mail.newest-first",
        summary: "messages are numbered from the newest to the oldest",
        right: "RFC 1939 section 4: messages are numbered when the maildrop is opened; in which order is nowhere said",
        practice: &["rfc1939.state.order-stable"],
        form: acts(opened(|circumstance| {
            if let Some(open) = circumstance.open_mut() {
                open.messages = Arc::new(open.messages.iter().rev().cloned().collect());
            }
        })),
    },
    Persona {
        id: "mail.renumbered",
        summary: "in each session another message is the first",
        right: "RFC 1939 section 4: messages are numbered when the maildrop is opened; that two sessions number alike is nowhere said",
        practice: &["rfc1939.state.order-stable"],
        form: acts(opened(|circumstance| {
            let mut times = 0;
            circumstance.with_open(|maildrop| {
                maildrop.notes().logins += 1;
                times = maildrop.notes().logins;
            });
            let Some(open) = circumstance.open_mut() else { return };
            let mut messages: Vec<_> = open.messages.iter().cloned().collect();
            if let Some(first) =
                usize::try_from(times).ok().and_then(|times| times.checked_rem(messages.len()))
            {
                messages.rotate_left(first);
            }
            open.messages = Arc::new(messages);
        })),
    },
    Persona {
        id: "mail.lists-backwards",
        summary: "LIST and UIDL give the last message first",
        right: "A24: \"Any order passes\"",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if reply.is_ok() && (asked.is_bare(Verb::List) || asked.is_bare(Verb::Uidl)) {
                let mut lines = Vec::new();
                reply.replace_lines(|_, line| {
                    lines.push(line);
                    Vec::new()
                });
                lines.reverse();
                reply.content = Some(Box::new(Content::lines(lines)));
            }
        })),
    },
    Persona {
        id: "mail.no-empty",
        summary: "a message of no octets is kept as an empty line",
        right: AS_KEPT,
        practice: &[],
        form: delivers(|octets| if octets.is_empty() { b"\r\n".to_vec() } else { octets.to_vec() }),
    },
];

/// A message with these fields at the end of its header.
fn with_field(octets: &[u8], field: &[u8]) -> Vec<u8> {
    let body = mail::body(octets);
    let header = octets.get(..octets.len() - body.len()).unwrap_or_default();
    match header.strip_suffix(b"\r\n") {
        // With a separator: behind the last field.
        Some(fields) if fields.ends_with(b"\r\n") => [fields, field, b"\r\n", body].concat(),
        // Without one, or without any header: where the header would be.
        _ if header == b"\r\n" => [field, octets].concat(),
        Some(_) => [header, field, body].concat(),
        None => [field, b"\r\n", octets].concat(),
    }
}

/// RETR or TOP of a message that has UTF-8 in its header, with question marks in its place (RFC 6858 section 3 asks for no
/// more than ASCII).
pub(super) fn surrogate(circumstance: &Circumstance<'_>, asked: &Asked) -> Option<Reply> {
    let open = circumstance.open()?;
    let message = open.messages.get(circumstance.index(asked)?)?;
    let world = &circumstance.session.world;
    let mut reply = match asked.word(1).map(proto::number) {
        None => open.send(world, message),
        Some(lines) => open.send_top(world, message, lines?),
    };
    let Some(Content::Message(sent)) = reply.content.as_deref() else { return None };
    let mut octets = sent.octets().to_vec();
    let body = mail::body(&octets).len();
    let end = octets.len() - body;
    for octet in octets.iter_mut().take(end).filter(|octet| !octet.is_ascii()) {
        *octet = b'?';
    }
    reply.content = Some(Box::new(Content::Message(Message::whole(Octets::Made(octets)))));
    Some(reply)
}

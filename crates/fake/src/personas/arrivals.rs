//! Mail that comes and goes while nobody looks.

use super::{Persona, acts};
use crate::twist::Circumstance;
use crate::twist::hooks::opened;

/// A maildrop with less mail is left alone: it is one that somebody empties.
const MANY: usize = 20;
/// No more than so many messages come.
const AT_MOST: usize = 60;

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "arrivals.new",
        summary: "behind every third session a message arrives in a maildrop that has many",
        right: "RFC 1939 section 8 speaks of mail that arrives between sessions; that of an open session stays as it is",
        practice: &[],
        form: acts(opened(|circumstance| {
            if circumstance.session.number % 3 == 0 && has_many(circumstance) {
                let user = user(circumstance);
                let text = format!(
                    "Subject: news {}\r\nFrom: <a@example.org>\r\n\r\nHello.\r\n",
                    circumstance.session.number
                );
                circumstance.session.world.deliver(&user, text.into_bytes());
            }
        })),
    },
    Persona {
        id: "arrivals.moved",
        summary: "behind every third session somebody else takes the first message of a maildrop with many, and it arrives again",
        right: "RFC 1939 section 4: numbers hold for a session; between two of them others may remove mail, and more may arrive",
        practice: &[],
        form: acts(opened(|circumstance| {
            if circumstance.session.number % 3 == 0 && has_many(circumstance) {
                let user = user(circumstance);
                let Some((ordinal, octets)) = circumstance.open().and_then(|open| {
                    let first = open.messages.first()?;
                    let octets = circumstance.session.world.octets(open.owner, first);
                    Some((first.ordinal(), std::sync::Arc::<[u8]>::from(octets)))
                }) else {
                    return;
                };
                circumstance.with_open(|maildrop| maildrop.remove(&[ordinal]));
                circumstance.session.world.deliver(&user, octets);
            }
        })),
    },
];

fn has_many(circumstance: &Circumstance<'_>) -> bool {
    circumstance.open().is_some_and(|open| (MANY..AT_MOST).contains(&open.messages.len()))
}

fn user(circumstance: &Circumstance<'_>) -> String {
    circumstance.open().map(|open| circumstance.session.world.user(open.owner)).unwrap_or_default()
}

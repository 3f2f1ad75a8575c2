//! What unique-ids look like (RFC 1939 section 7).

use std::sync::Arc;

use super::{Persona, acts};
use crate::twist::Circumstance;
use crate::twist::hooks::opened;

/// RFC 1939 section 7.
const FORM: &str = "RFC 1939 section 7: \"The unique-id of a message is an arbitrary server-determined string, consisting of one to 70 characters in the range 0x21 to 0x7E\"";

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "uidl.of-70",
        summary: "unique-ids are hashes with as many characters as are allowed, 70",
        right: FORM,
        practice: &[],
        form: acts(opened(|circumstance| {
            name(circumstance, |_, octets, id| {
                format!("{id}{}", &mail::digest(octets)).chars().cycle().take(70).collect()
            });
        })),
    },
    Persona {
        id: "uidl.any-character",
        summary: "unique-ids have all kinds of printable characters in them",
        right: FORM,
        practice: &[],
        form: acts(opened(|circumstance| {
            name(circumstance, |ordinal, _, id| {
                let printable = (0x21..=0x7e_u8).map(char::from).cycle().skip(ordinal as usize * 7 % 94);
                printable.take(50).chain(id.chars().take(20)).collect()
            });
        })),
    },
    Persona {
        id: "uidl.numbers",
        summary: "unique-ids are numbers that count deliveries",
        right: FORM,
        practice: &[],
        form: acts(opened(|circumstance| name(circumstance, |ordinal, _, _| ordinal.to_string()))),
    },
    Persona {
        id: "uidl.of-content",
        summary: "unique-ids are hashes of messages, so that two that are alike have the same",
        right: "RFC 1939 section 7: \"this specification is intended to permit unique-ids to be calculated as a hash of the message. Clients should be able to handle a situation where two identical copies of a message in a maildrop have the same unique-id\"",
        practice: &[],
        form: acts(opened(|circumstance| {
            name(circumstance, |_, octets, _| mail::digest(octets).chars().take(32).collect());
        })),
    },
];

/// Gives the messages of the session other unique-ids: from the count of deliveries, the octets, and the id as it is.
fn name(circumstance: &mut Circumstance<'_>, other: impl Fn(u64, &[u8], &str) -> String) {
    let world = circumstance.session.world.clone();
    let Some(open) = circumstance.open_mut() else { return };
    let owner = open.owner;
    let named = |message: &crate::world::Message| {
        let octets = world.octets(owner, message);
        message.renamed(other(message.ordinal(), &octets, &world.unique_id(owner, message)))
    };
    open.messages = Arc::new(open.messages.iter().map(named).collect());
}

//! How fast answers come, and in which pieces.

use std::time::Duration;

use chance::Distribution;
use machine::Next;

use super::{Persona, acts, set_up};
use crate::Pace;
use crate::reply::{Content, Event, Interruption, Place, wait};
use crate::twist::Asked;
use crate::twist::hooks::after;

/// Segments are the network's affair.
const A_STREAM: &str = "RFC 1939 section 3 speaks of lines in a TCP stream; how it is cut is nobody's affair";
/// Time is not prescribed.
const NO_TIME: &str = "RFC 1939 says how long a client may be idle, and not how fast a server has to answer";

/// So many octets at the beginning go out one by one.
const ONE_BY_ONE: usize = 300;
/// Content of more than this many octets is not cut at its lines.
const CUT_AT_MOST: usize = 64 * 1024;

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "pace.slow",
        summary: "every answer takes half a second",
        right: NO_TIME,
        practice: &[],
        form: set_up(|configuration| {
            configuration.pace = Pace { latency: Some(Distribution::Fixed(0.5)), greeting: true };
        }),
    },
    Persona {
        id: "pace.slow-greeting",
        summary: "the greeting comes after five seconds",
        right: NO_TIME,
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                let event = Event::Say(wait(Duration::from_secs(5)));
                reply.interruptions.push(Interruption { place: Place::Octet(0), event });
            }
        })),
    },
    Persona {
        id: "pace.slow-refusals",
        summary: "before each refusal two seconds pass, as against guessing",
        right: NO_TIME,
        practice: &[],
        form: acts(after(|_, _, reply| {
            if reply.is_err() {
                let event = Event::Say(wait(Duration::from_secs(2)));
                reply.interruptions.push(Interruption { place: Place::Octet(0), event });
            }
        })),
    },
    Persona {
        id: "pace.octets",
        summary: "each octet at the beginning of an answer is a segment of its own, and so is the last line",
        right: A_STREAM,
        practice: &[],
        form: acts(after(|_, _, reply| {
            let event = Event::Segments(vec![1; ONE_BY_ONE]);
            reply.interruptions.push(Interruption { place: Place::Octet(0), event });
            let event = Event::Say(Next::Flush);
            reply.interruptions.push(Interruption { place: Place::BeforeTerminator, event });
        })),
    },
    Persona {
        id: "pace.lines",
        summary: "each line of an answer is a segment of its own",
        right: A_STREAM,
        practice: &[],
        form: acts(after(|_, _, reply| {
            let Some(content) = reply.content.take() else { return };
            let octets = content.on_the_wire();
            if octets.len() <= CUT_AT_MOST {
                let status = reply.line().len() as u64;
                let lines = octets.split_inclusive(|octet| *octet == b'\n').map(|line| line.len() as u64);
                let event = Event::Segments(std::iter::once(status).chain(lines).collect());
                reply.interruptions.push(Interruption { place: Place::Octet(0), event });
            }
            reply.content = Some(Box::new(Content::Verbatim(octets)));
        })),
    },
    Persona {
        id: "pace.late-content",
        summary: "content comes a tenth of a second after its status line, and the last line another tenth later",
        right: A_STREAM,
        practice: &[],
        form: acts(after(|_, _, reply| {
            if reply.content.is_some() {
                for place in [Place::ContentOctet(0), Place::BeforeTerminator] {
                    let event = Event::Say(wait(Duration::from_millis(100)));
                    reply.interruptions.push(Interruption { place, event });
                }
            }
        })),
    },
];

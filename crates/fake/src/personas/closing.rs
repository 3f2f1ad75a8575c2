//! Connections that the server ends, after the reply that it owes.

use proto::Verb;

use super::{Persona, acts, set_up};
use crate::reply::{Event, Interruption, Place, Reply, Then, wait};
use crate::twist::Asked;
use crate::twist::hooks::after;

/// The required reply came, and no RFC says that the connection has to stay.
const AFTER_REPLY: &str = "RFC 1939 section 3: an invalid command is answered by a negative status indicator; that the connection goes on is nowhere said";

pub(super) const ROWS: &[Persona] = &[
    Persona {
        id: "closing.bad-command",
        summary: "the connection is closed behind the refusal of a command that is unknown, malformed or out of its state",
        right: AFTER_REPLY,
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if is_bad_command(asked, reply) {
                reply.then = Then::Close;
            }
        })),
    },
    Persona {
        id: "closing.every-refusal",
        summary: "the connection is closed behind every refusal, also of a message that is not there",
        right: AFTER_REPLY,
        practice: &[],
        form: acts(after(|_, _, reply| {
            if reply.is_err() {
                reply.then = Then::Close;
            }
        })),
    },
    Persona {
        id: "closing.second-bad-command",
        summary: "the connection is closed behind the second refusal",
        right: AFTER_REPLY,
        practice: &[],
        form: set_up(|configuration| configuration.policy.refusals = Some(2)),
    },
    Persona {
        id: "closing.third-bad-command",
        summary: "the connection is closed behind the third refusal",
        right: AFTER_REPLY,
        practice: &[],
        form: set_up(|configuration| configuration.policy.refusals = Some(3)),
    },
    Persona {
        id: "closing.before-login",
        summary: "before login the connection is closed behind every refusal",
        right: "RFC 1939 section 4: \"After returning a negative status indicator, the server may close the connection\"",
        practice: &[],
        form: acts(after(|circumstance, _, reply| {
            if reply.is_err() && !circumstance.logged_in() {
                reply.then = Then::Close;
            }
        })),
    },
    Persona {
        id: "closing.failed-login",
        summary: "the connection is closed behind a login that failed",
        right: "RFC 1939 section 4: \"After returning a negative status indicator, the server may close the connection\"",
        practice: &[],
        form: acts(after(|circumstance, asked, reply| {
            if reply.is_err() && !circumstance.logged_in() && super::logs_in(asked) {
                reply.then = Then::Close;
            }
        })),
    },
    Persona {
        id: "closing.long-line",
        summary: "the connection is closed behind the refusal of a line that is too long",
        right: "A37: -ERR once, or close",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if *asked == Asked::TooLong {
                reply.then = Then::Close;
            }
        })),
    },
    Persona {
        id: "closing.long-line-unanswered",
        summary: "the connection is closed at a line that is too long",
        right: "A37: -ERR once, or close",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if *asked == Asked::TooLong {
                *reply = Reply::nothing().then(Then::Close);
            }
        })),
    },
    Persona {
        id: "closing.slowly",
        summary: "between the reply to QUIT and the end of the connection pass two seconds",
        right: "RFC 1939 section 6: the server \"closes the TCP connection\" behind the reply, and no time is said",
        practice: &[],
        form: acts(after(|_, asked, reply| {
            if asked.is(Verb::Quit) && reply.is_ok() {
                let event = Event::Say(wait(std::time::Duration::from_secs(2)));
                reply.interruptions.push(Interruption { place: Place::After, event });
            }
        })),
    },
];

/// Whether what was said is refused for itself, and not for what there is or who says it.
fn is_bad_command(asked: &Asked, reply: &Reply) -> bool {
    let for_itself = [
        "Unknown",
        "Malformed",
        "This command",
        "Log in first",
        "Only before",
        "Not a ",
        "Say USER",
        "Line too",
    ];
    let takes = [" takes ", " needs a "];
    let text = String::from_utf8_lossy(&reply.text()).into_owned();
    reply.is_err()
        && *asked != Asked::Nothing
        && reply.code.is_none()
        && (for_itself.iter().any(|begins| text.starts_with(begins))
            || takes.iter().any(|word| text.contains(word)))
}

//! Greetings.

use super::Defect;
use super::hooks::after;
use crate::reply::{Reply, Then};
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.greeting.glued",
        summary: "the greeting begins with +OK: instead of +OK and a space",
        proves: &["rfc1939.greeting.positive", "rfc1939.frame.status-delimiter"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                reply.respell([b"+OK: ", &*reply.text(), b"\r\n"].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.greeting.two-lines",
        summary: "a second line follows the greeting",
        proves: &["rfc1939.greeting.one-line"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                reply.append(b"+OK This is a laboratory\r\n");
            }
        }),
    },
    Defect {
        id: "rfc2449.greeting.too-long",
        summary: "the greeting is a line of 600 octets",
        proves: &["rfc2449.greeting.length"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                let text = reply.text().into_owned();
                let padding = 594usize.saturating_sub(text.len() + 1);
                reply.reword([&b"x".repeat(padding)[..], b" ", &text].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.greeting.dropped",
        summary: "every tenth connection is closed without a greeting",
        proves: &["rfc1939.greeting.unprompted"],
        hooks: after(|circumstance, asked, reply| {
            if *asked == Asked::Nothing && circumstance.session.number.is_multiple_of(10) {
                *reply = Reply::nothing().then(Then::Close);
            }
        }),
    },
];

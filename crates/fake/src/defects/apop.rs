//! APOP (RFC 1939 section 7).

use proto::Verb;

use super::Defect;
use super::hooks::{after, begin, instead};
use crate::reply::Reply;
use crate::twist::Asked;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.apop.two-timestamps",
        summary: "a second timestamp, which means nothing, stands in the greeting",
        proves: &["rfc1939.apop.timestamp-syntax"],
        hooks: after(|_, asked, reply| {
            if *asked == Asked::Nothing {
                reply.reword([&*reply.text(), b" <1896.697170952@dbc.mtview.ca.us>"].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.apop.unknown",
        summary: "APOP is an unknown command, though the greeting has a timestamp",
        proves: &["rfc1939.apop.login"],
        hooks: instead(|_, asked| asked.is(Verb::Apop).then(|| Reply::err("Unknown command"))),
    },
    Defect {
        id: "rfc1939.apop.refuses",
        summary: "every digest is refused",
        proves: &["rfc1939.apop.login"],
        hooks: instead(|circumstance, asked| {
            let refused = asked.is(Verb::Apop) && !circumstance.logged_in();
            refused.then(|| Reply::coded("AUTH", "Wrong name or password"))
        }),
    },
    Defect {
        id: "rfc1939.apop.fixed-timestamp",
        summary: "every greeting has the same timestamp",
        proves: &["rfc1939.apop.timestamp-unique"],
        hooks: begin(|circumstance| circumstance.session.nonces.greeting = 0),
    },
    Defect {
        id: "rfc1939.apop.stat-after-failure",
        summary: "STAT is answered +OK after a wrong APOP digest",
        proves: &["rfc1939.apop.bad"],
        hooks: instead(|circumstance, asked| {
            let failed = circumstance.past.was_refused(Verb::Apop) && !circumstance.logged_in();
            (asked.is_bare(Verb::Stat) && failed).then(|| Reply::numbers(0, 0))
        }),
    },
    Defect {
        id: "rfc1939.apop.without-digest",
        summary: "APOP with a name and no digest is answered +OK",
        proves: &["rfc1939.apop.syntax"],
        hooks: instead(|circumstance, asked| {
            let lacking = asked.is(Verb::Apop) && asked.word(0).is_some() && asked.word(1).is_none();
            (lacking && !circumstance.logged_in()).then(|| Reply::ok("Hello"))
        }),
    },
];

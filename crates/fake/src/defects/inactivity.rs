//! When a session ends since its client says nothing (RFC 1939 section 3).

use std::time::Duration;

use machine::Patience;

use super::Defect;
use super::hooks::patience;
use super::update::commit;
use crate::reply::{Reply, Then};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.autologout.sixty-seconds",
        summary: "a client that says nothing for sixty seconds is logged out",
        proves: &["rfc1939.autologout.min"],
        hooks: patience(Patience::Silence(Duration::from_mins(1))),
    },
    Defect {
        id: "rfc1939.autologout.milliseconds",
        summary: "a client that says nothing for 600 milliseconds is logged out",
        proves: &["rfc1939.autologout.min"],
        hooks: patience(Patience::Silence(Duration::from_millis(600))),
    },
    Defect {
        id: "rfc1939.autologout.ten-seconds",
        summary: "a client that says nothing for ten seconds is logged out",
        proves: &["rfc1939.autologout.min"],
        hooks: patience(Patience::Silence(Duration::from_secs(10))),
    },
    Defect {
        id: "rfc1939.autologout.five-minutes",
        summary: "a client that says nothing for five minutes is logged out",
        proves: &["rfc1939.autologout.min"],
        hooks: patience(Patience::Silence(Duration::from_mins(5))),
    },
    Defect {
        id: "rfc1939.autologout.sixty-seconds-in-all",
        summary: "a session ends sixty seconds after its beginning, whatever is said in it",
        proves: &["rfc1939.autologout.min", "rfc1939.autologout.reset"],
        hooks: patience(Patience::Connection(Duration::from_mins(1))),
    },
    Defect {
        id: "rfc1939.autologout.ten-minutes-in-all",
        summary: "a session ends ten minutes after its beginning, whatever is said in it",
        proves: &["rfc1939.autologout.reset"],
        hooks: patience(Patience::Connection(Duration::from_mins(10))),
    },
    Defect {
        id: "rfc1939.autologout.commits",
        summary: "a client that says nothing for ten minutes is logged out as by QUIT, and what is marked is removed",
        proves: &["rfc1939.autologout.no-update"],
        hooks: patience(Patience::Silence(Duration::from_mins(10)))
            .and_expired(|circumstance, _| commit(circumstance)),
    },
    Defect {
        id: "rfc1939.autologout.commits-soon",
        summary: "a client that says nothing for thirty seconds is logged out as by QUIT, and what is marked is removed",
        proves: &["rfc1939.autologout.min", "rfc1939.autologout.no-update"],
        hooks: patience(Patience::Silence(Duration::from_secs(30)))
            .and_expired(|circumstance, _| commit(circumstance)),
    },
    Defect {
        id: "rfc1939.autologout.says-so",
        summary: "a client that says nothing for ten minutes is told so before it is logged out",
        proves: &["rfc1939.autologout.silent"],
        hooks: patience(Patience::Silence(Duration::from_mins(10)))
            .and_expired(|_, reply| *reply = Reply::err("Autologout").then(Then::Close)),
    },
    Defect {
        id: "practice.autologout.in-transfer",
        summary: "a client that says nothing for ten minutes is logged out, also while it is still being sent a message",
        proves: &["practice.autologout.during-transfer"],
        hooks: patience(Patience::Answer(Duration::from_mins(10))),
    },
];

//! Commands that arrive before the reply to the one before has left (RFC 2449 section 6.8).

use proto::Verb;

use super::Defect;
use super::hooks::{after, instead};
use crate::reply::{Pending, Reply};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc2449.pipe.loses-input",
        summary: "what arrived together with a successful PASS is lost",
        proves: &["rfc2449.pipe.login"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Pass) && reply.is_ok() {
                reply.pending = Pending::Lost;
            }
        }),
    },
    Defect {
        id: "rfc2449.pipe.drops-dele",
        summary: "DELE is lost if further commands have already arrived",
        proves: &["rfc2449.pipe.in-order"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::Dele) && circumstance.more).then(Reply::nothing)
        }),
    },
    Defect {
        id: "rfc2449.pipe.drops-noop",
        summary: "NOOP behind RETR of a message over 1 MiB is lost",
        proves: &["rfc2449.pipe.during-retr"],
        // Whatever arrives while the message is sent would be the plainer bug; but what that is depends on the network.
        hooks: instead(|circumstance, asked| {
            let (last, number) = circumstance.past.last.filter(|_| asked.is_bare(Verb::Noop))?;
            let index = usize::try_from(number?).ok()?.checked_sub(1)?;
            let large = circumstance.open()?.size(index) > 1024 * 1024;
            (last == Verb::Retr && large).then(Reply::nothing)
        }),
    },
    Defect {
        id: "rfc2449.pipe.drops-repeated",
        summary: "from the fiftieth LIST n of a session on, there is no reply",
        proves: &["rfc2449.pipe.split"],
        hooks: instead(|circumstance, asked| {
            let worn =
                asked.is(Verb::List) && asked.word(0).is_some() && circumstance.past.count(Verb::List) >= 49;
            worn.then(Reply::nothing)
        }),
    },
];

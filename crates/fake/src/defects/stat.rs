//! STAT (RFC 1939 section 5).

use proto::Verb;

use super::Defect;
use super::hooks::after;
use crate::reply::Reply;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.stat.two-spaces",
        summary: "two spaces stand before the count of STAT",
        proves: &["rfc1939.stat.format"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Stat) && reply.is_ok() {
                reply.reword([b" ", &*reply.text()].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.octets-word",
        summary: "the word octets follows the size of STAT",
        proves: &["rfc1939.stat.no-extra"],
        hooks: after(|_, asked, reply| {
            if asked.is(Verb::Stat) && reply.is_ok() {
                reply.reword([&*reply.text(), b" octets"].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.empty-err",
        summary: "STAT is refused in an empty maildrop",
        proves: &["rfc1939.stat.empty"],
        hooks: after(|circumstance, asked, reply| {
            let empty = circumstance.open().is_some_and(|open| open.messages.is_empty());
            if asked.is(Verb::Stat) && empty {
                *reply = Reply::err("No messages");
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.counts-deleted",
        summary: "STAT counts marked messages",
        proves: &["rfc1939.stat.excludes-deleted"],
        hooks: after(|circumstance, asked, reply| {
            if let Some(open) = circumstance.open().filter(|_| asked.is(Verb::Stat) && reply.is_ok()) {
                let all = 0..open.messages.len();
                *reply = Reply::numbers(all.len() as u64, all.map(|index| open.size(index)).sum());
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.after-rset",
        summary: "STAT still leaves out what RSET has unmarked",
        proves: &["rfc1939.stat.after-rset"],
        hooks: after(|circumstance, asked, reply| {
            if let Some(open) = circumstance.open().filter(|_| asked.is(Verb::Stat) && reply.is_ok()) {
                let ever_marked = &circumstance.past.deleted;
                let left: Vec<usize> = (0..open.messages.len())
                    .filter(|&index| !ever_marked.contains(&(index as u64 + 1)))
                    .collect();
                *reply = Reply::numbers(left.len() as u64, left.iter().map(|&index| open.size(index)).sum());
            }
        }),
    },
];

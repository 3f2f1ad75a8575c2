//! STAT (RFC 1939 section 5).

use proto::Verb;

use super::Defect;
use super::hooks::after;
use crate::reply::{Reply, Text};
use crate::twist::{Asked, Circumstance};

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
    Defect {
        id: "rfc1939.stat.words",
        summary: "STAT is answered in words, as a person would say it",
        proves: &["rfc1939.stat.format"],
        hooks: after(|circumstance, asked, reply| {
            if let Some((count, size)) = totals(circumstance, asked, reply) {
                reply.reword(format!("{count} messages ({size} octets)"));
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.thousands",
        summary: "the size of STAT has a comma before each three digits",
        proves: &["rfc1939.stat.format"],
        hooks: after(|circumstance, asked, reply| {
            if let Some((count, size)) = totals(circumstance, asked, reply) {
                reply.reword(format!("{count} {}", with_commas(size)));
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.line-break",
        summary: "a line break stands between count and size of STAT",
        proves: &["rfc1939.stat.format"],
        hooks: after(|circumstance, asked, reply| {
            if let Some((count, size)) = totals(circumstance, asked, reply) {
                reply.reword(format!("{count}\r\n{size}"));
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.empty-bare",
        summary: "STAT of an empty maildrop is answered without a size",
        proves: &["rfc1939.stat.empty"],
        hooks: after(|circumstance, asked, reply| {
            if totals(circumstance, asked, reply).is_some_and(|(count, _)| count == 0) {
                reply.reword("0");
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.size-keeps-deleted",
        summary: "STAT takes marked messages from the count, not from the size",
        proves: &["rfc1939.stat.excludes-deleted"],
        hooks: after(|circumstance, asked, reply| {
            if let (Some((count, _)), Some(open)) = (totals(circumstance, asked, reply), circumstance.open())
            {
                let all = (0..open.messages.len()).map(|index| open.size(index)).sum();
                *reply = Reply::numbers(count, all);
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.rset-adds-twice",
        summary: "RSET adds to the size of STAT all that was ever marked in the session, also what an earlier RSET has added",
        proves: &["rfc1939.stat.after-rset"],
        hooks: after(|circumstance, asked, reply| {
            let Some((count, size)) = totals(circumstance, asked, reply) else { return };
            let again = u64::from(circumstance.past.count(Verb::Rset).saturating_sub(1));
            let ever =
                circumstance.past.deleted.iter().filter_map(|&number| usize::try_from(number - 1).ok());
            let Some(open) = circumstance.open() else { return };
            let added: u64 = ever.map(|index| open.size(index)).sum();
            *reply = Reply::numbers(count, size + again * added);
        }),
    },
    Defect {
        id: "rfc1939.stat.count-off-by-one",
        summary: "the count of STAT is the index of the last message, counted from 0",
        proves: &["rfc1939.stat.matches-list"],
        hooks: after(|circumstance, asked, reply| {
            if let Some((count, size)) = totals(circumstance, asked, reply) {
                *reply = Reply::numbers(count.saturating_sub(1), size);
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.two-digits",
        summary: "the count of STAT is cut to two digits",
        proves: &["rfc1939.stat.matches-list"],
        hooks: after(|circumstance, asked, reply| {
            if let Some((count, size)) = totals(circumstance, asked, reply) {
                let digits = count.to_string();
                reply.reword(format!("{} {size}", digits.get(..2).unwrap_or(&digits)));
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.counts-refused-dele",
        summary: "a DELE that is refused takes one from the count of STAT all the same",
        proves: &["rfc1939.stat.matches-list"],
        hooks: after(|circumstance, asked, reply| {
            let refused = u64::from(circumstance.past.refused(Verb::Dele));
            if let Some((count, size)) = totals(circumstance, asked, reply) {
                *reply = Reply::numbers(count.saturating_sub(refused), size);
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.without-last",
        summary: "the size of STAT lacks that of the last message",
        proves: &["rfc1939.stat.size-is-sum"],
        hooks: after(|circumstance, asked, reply| {
            if let (Some((count, size)), Some(open)) =
                (totals(circumstance, asked, reply), circumstance.open())
            {
                let last = open.listed().last().map_or(0, |index| open.size(index));
                *reply = Reply::numbers(count, size - last);
            }
        }),
    },
    Defect {
        id: "rfc1939.stat.mbox",
        summary: "the size of STAT is that of the mbox file, with its From lines and a bare LF at each line end",
        proves: &["rfc1939.stat.size-is-sum"],
        hooks: after(|circumstance, asked, reply| {
            if let (Some((count, _)), Some(open)) = (totals(circumstance, asked, reply), circumstance.open())
            {
                let world = &circumstance.session.world;
                let file = |index: usize| {
                    let octets = open.messages.get(index).map(|message| world.octets(open.owner, message));
                    octets.map_or(0, |octets| mail::lines_to_lf(&octets).len() as u64 + 46)
                };
                *reply = Reply::numbers(count, open.listed().map(file).sum());
            }
        }),
    },
    Defect {
        id: "practice.stat.exponent",
        summary: "sizes from a million on are told with an exponent in STAT",
        proves: &["rfc1939.stat.format"],
        hooks: after(|circumstance, asked, reply| {
            if let Some((count, size)) =
                totals(circumstance, asked, reply).filter(|(_, size)| *size >= 1_000_000)
            {
                let exponent = size.ilog10();
                let digits = size / 10u64.pow(exponent - 5);
                reply.reword(format!("{count} {}.{:05}e+{exponent:02}", digits / 100_000, digits % 100_000));
            }
        }),
    },
    Defect {
        id: "practice.stat.signed",
        summary: "the size of STAT is a signed number of 32 bits",
        proves: &["practice.stat.large"],
        hooks: after(|circumstance, asked, reply| {
            if let Some((count, size)) = totals(circumstance, asked, reply) {
                reply.reword(format!("{count} {}", (size as u32).cast_signed()));
            }
        }),
    },
    Defect {
        id: "practice.stat.wraps",
        summary: "the size of STAT is a number of 16 bits",
        proves: &["rfc1939.stat.size-is-sum"],
        hooks: after(|circumstance, asked, reply| {
            if let Some((count, size)) = totals(circumstance, asked, reply) {
                *reply = Reply::numbers(count, size % 65_536);
            }
        }),
    },
];

/// The two numbers of a reply to STAT.
fn totals(circumstance: &Circumstance<'_>, asked: &Asked, reply: &Reply) -> Option<(u64, u64)> {
    let wanted = asked.is_bare(Verb::Stat) && reply.is_ok() && circumstance.logged_in();
    match reply.text {
        Text::Numbers(count, size) if wanted => Some((count, size)),
        _ => None,
    }
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

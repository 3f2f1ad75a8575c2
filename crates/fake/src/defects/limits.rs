//! What runs out: lists that are cut, counts of sixteen bits, sessions that may say so much and no more.

use proto::Verb;

use super::Defect;
use super::acts::hangs_up;
use super::hooks::{after, before, instead};

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "practice.robust.thousand-lines",
        summary: "LIST and UIDL end after a thousand lines",
        proves: &["practice.robust.big-maildrop"],
        hooks: after(|_, asked, reply| {
            if matches!(asked.verb(), Some(Verb::List | Verb::Uidl)) {
                reply.replace_lines(|number, line| if number < 1000 { vec![line] } else { Vec::new() });
            }
        }),
    },
    Defect {
        id: "practice.robust.three-digits",
        summary: "a message number has three digits at most, so that messages from 1000 on cannot be named",
        proves: &["practice.robust.big-maildrop"],
        hooks: before(|_, asked| {
            let numbered =
                matches!(asked.verb(), Some(Verb::List | Verb::Retr | Verb::Dele | Verb::Top | Verb::Uidl));
            let word = asked.word(0).filter(|word| numbered && word.len() > 3);
            if let Some(digits) = word.and_then(|word| word.get(..3)).map(<[u8]>::to_vec) {
                asked.set_word(0, &digits);
            }
        }),
    },
    Defect {
        id: "practice.robust.sixteen-bits-of-lines",
        summary: "TOP counts lines in sixteen bits",
        proves: &["practice.robust.big-line-count"],
        hooks: before(|_, asked| {
            if let Some(lines) = asked.word(1).filter(|_| asked.is(Verb::Top)).and_then(proto::number) {
                asked.set_word(1, (lines % 65536).to_string().as_bytes());
            }
        }),
    },
    Defect {
        id: "rfc1939.frame.hundred",
        summary: "a session may say a hundred lines; the next closes the connection without a reply",
        proves: &["rfc1939.frame.one-reply"],
        hooks: instead(|circumstance, _| (circumstance.past.lines >= 100).then(hangs_up)),
    },
];

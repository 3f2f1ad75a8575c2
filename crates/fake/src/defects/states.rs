//! What is valid in which state, and the numbers that messages have in a session (RFC 1939 sections 3 and 4).

use proto::Verb;

use super::Defect;
use super::hooks::{after, before, instead, lost};
use crate::reply::Reply;

pub(super) const ROWS: &[Defect] = &[
    Defect {
        id: "rfc1939.state.noop-after-rset",
        summary: "NOOP is an unknown command",
        proves: &["rfc1939.cmd.minimal-set"],
        hooks: instead(|_, asked| asked.is(Verb::Noop).then(|| Reply::err("Unknown command"))),
    },
    Defect {
        id: "rfc1939.state.stat-before-login",
        summary: "STAT is answered +OK before login",
        proves: &["rfc1939.state.trans-cmd-in-auth"],
        hooks: instead(|circumstance, asked| {
            (asked.is_bare(Verb::Stat) && !circumstance.logged_in()).then(|| Reply::numbers(0, 0))
        }),
    },
    Defect {
        id: "rfc1939.state.stat-after-failed-pass",
        summary: "STAT is answered +OK after a wrong password",
        proves: &["rfc1939.state.failed-auth-stays"],
        hooks: instead(|circumstance, asked| {
            let failed = circumstance.past.was_refused(Verb::Pass) && !circumstance.logged_in();
            (asked.is_bare(Verb::Stat) && failed).then(|| Reply::numbers(0, 0))
        }),
    },
    Defect {
        id: "rfc1939.state.noop-before-login",
        summary: "NOOP is answered +OK before login",
        proves: &["rfc1939.state.noop-in-auth"],
        hooks: instead(|circumstance, asked| {
            (asked.is_bare(Verb::Noop) && !circumstance.logged_in()).then(|| Reply::ok("Nothing done"))
        }),
    },
    Defect {
        id: "rfc1939.state.user-in-transaction",
        summary: "USER is answered +OK after login",
        proves: &["rfc1939.state.auth-cmd-in-trans"],
        hooks: instead(|circumstance, asked| {
            (asked.is(Verb::User) && circumstance.logged_in()).then(|| Reply::ok("Send PASS"))
        }),
    },
    Defect {
        id: "rfc1939.state.refuses-after-failure",
        summary: "after a wrong password every further PASS on the connection is refused",
        proves: &["rfc1939.state.retry-after-fail"],
        hooks: instead(|circumstance, asked| {
            let refuses = asked.is(Verb::Pass) && circumstance.past.was_refused(Verb::Pass);
            refuses.then(|| Reply::err("Login refused"))
        }),
    },
    Defect {
        id: "rfc1939.state.pass-without-user",
        summary: "PASS without any USER opens the first maildrop with that password",
        proves: &["rfc1939.state.pass-needs-user"],
        hooks: instead(|circumstance, asked| {
            if !asked.is(Verb::Pass) || circumstance.past.count(Verb::User) > 0 || circumstance.logged_in() {
                return None;
            }
            let accounts = &circumstance.session.world.configuration().accounts;
            let found = accounts.iter().find(|account| account.password.as_bytes() == asked.arguments())?;
            let owner = circumstance.session.world.find(&found.user)?;
            Some(circumstance.session.log_in(owner))
        }),
    },
    Defect {
        id: "rfc1939.state.pass-remembers-name",
        summary: "the name is still known after a wrong password, so PASS alone logs in",
        proves: &["rfc1939.state.pass-after-failed-pass"],
        hooks: before(|circumstance, asked| {
            let nameless = circumstance.session.name().is_none();
            if asked.is(Verb::Pass) && nameless && circumstance.past.was_refused(Verb::Pass) {
                circumstance.session.set_name(circumstance.past.name.clone());
            }
        }),
    },
    Defect {
        id: "rfc1939.state.stat-remembers-marks",
        summary: "what a session had marked when it was cut off is still marked in the next one",
        proves: &["rfc1939.state.starts-clean"],
        hooks: lost(|circumstance, _| {
            if let Some(open) = circumstance.open() {
                let marked = open.ordinals(&open.marks());
                circumstance.with_open(|maildrop| maildrop.notes().marked = marked);
            }
        })
        .and_opened(|circumstance| {
            let mut marked = Vec::new();
            circumstance.with_open(|maildrop| marked = std::mem::take(&mut maildrop.notes().marked));
            if let Some(open) = circumstance.open_mut() {
                for index in 0..open.messages.len() {
                    let again = open.messages.get(index).is_some_and(|one| marked.contains(&one.ordinal()));
                    open.mark(index, again);
                }
            }
        }),
    },
    Defect {
        id: "rfc1939.state.last-number-off",
        summary: "LIST gives the last message a number too high",
        proves: &["rfc1939.state.numbering"],
        hooks: after(|circumstance, asked, reply| {
            let Some(last) = circumstance.open().map(|open| open.messages.len()) else { return };
            if asked.is(Verb::List) {
                reply.map_lines(|_, line| match line.strip_prefix(format!("{last} ").as_bytes()) {
                    Some(rest) => [format!("{} ", last + 1).as_bytes(), rest].concat(),
                    None => line,
                });
            }
        }),
    },
    Defect {
        id: "rfc1939.state.hex-number",
        summary: "LIST n and UIDL n give the message number in hexadecimal",
        proves: &["rfc1939.state.decimal"],
        hooks: after(|_, asked, reply| {
            let one = matches!(asked.verb(), Some(Verb::List | Verb::Uidl)) && reply.is_ok();
            if let Some(number) = asked.number().filter(|_| one) {
                let rest =
                    reply.text().iter().copied().skip_while(|&octet| octet != b' ').collect::<Vec<u8>>();
                reply.reword([format!("{number:x}").as_bytes(), &rest].concat());
            }
        }),
    },
    Defect {
        id: "rfc1939.dele.renumbers",
        summary: "after DELE only the messages that are left are counted",
        proves: &["rfc1939.state.numbers-fixed"],
        hooks: before(|circumstance, asked| {
            let Some(open) = circumstance.open() else { return };
            let numbered =
                matches!(asked.verb(), Some(Verb::Retr | Verb::Top | Verb::Dele | Verb::List | Verb::Uidl));
            let Some(number) = asked.number().filter(|_| numbered) else { return };
            let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            let index = place.and_then(|place| open.listed().nth(place));
            let number = index.map_or(open.messages.len() + 1, |index| index + 1);
            asked.set_word(0, number.to_string().as_bytes());
        }),
    },
];

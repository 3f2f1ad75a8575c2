//! What a server does not have or does not allow: commands that are unknown, DELE, more than so much in a session.

use proto::Verb;

use crate::reply::{Reply, Then};
use crate::twist::{Asked, Circumstance, Twist};

/// The restrictions of a script's policy.
#[derive(Debug)]
pub(crate) struct Restrictions {
    unknown: Vec<Verb>,
    read_only: bool,
    messages: Option<u64>,
    commands: Option<u64>,
}

impl Restrictions {
    /// Those of a policy, if it has any.
    pub(crate) fn of(policy: &script::Policy) -> Option<Restrictions> {
        let unknown = policy.unknown.iter().filter_map(|keyword| Verb::parse(keyword.as_bytes()));
        let restrictions = Restrictions {
            unknown: unknown.collect(),
            read_only: policy.deleted == script::Deleted::Refused,
            messages: policy.messages_per_session,
            commands: policy.commands_per_session,
        };
        let none = restrictions.unknown.is_empty() && !restrictions.read_only;
        let endless = restrictions.messages.is_none() && restrictions.commands.is_none();
        (!none || !endless).then_some(restrictions)
    }

    fn knows(&self, verb: Verb) -> bool {
        !self.unknown.contains(&verb)
    }

    /// Whether a line of CAPA is about something that is known here.
    fn announces(&self, line: &[u8]) -> bool {
        match line.split(|&octet| octet == b' ').next().unwrap_or_default() {
            b"USER" => self.knows(Verb::User) && self.knows(Verb::Pass),
            b"SASL" => self.knows(Verb::Auth),
            tag => Verb::parse(tag).is_none_or(|verb| self.knows(verb)),
        }
    }
}

impl Twist for Restrictions {
    fn command(&self, circumstance: &mut Circumstance<'_>, asked: &mut Asked) -> Option<Reply> {
        let past = circumstance.past;
        if self.commands.is_some_and(|most| u64::from(past.lines) >= most) {
            return Some(Reply::err("Too many commands").then(Then::Close));
        }
        let verb = asked.verb()?;
        if !self.knows(verb) {
            return Some(Reply::err("Unknown command"));
        }
        if !circumstance.logged_in() {
            return None;
        }
        match verb {
            Verb::Dele if self.read_only => Some(Reply::err("This maildrop is read-only")),
            Verb::Retr if self.messages.is_some_and(|most| u64::from(past.count(Verb::Retr)) >= most) => {
                Some(Reply::err("Enough messages for one session"))
            }
            _ => None,
        }
    }

    fn reply(&self, _: &mut Circumstance<'_>, asked: &Asked, reply: &mut Reply) {
        if asked.is(Verb::Capa) {
            reply.replace_lines(|_, line| if self.announces(&line) { vec![line] } else { Vec::new() });
        }
        // The timestamp is how APOP is announced (RFC 1939 section 7).
        if *asked == Asked::Nothing && reply.is_ok() && !self.knows(Verb::Apop) {
            let text = reply.text().into_owned();
            if let Some(end) = text.windows(2).position(|window| window == b" <") {
                reply.reword(text.get(..end).unwrap_or_default());
            }
        }
    }
}

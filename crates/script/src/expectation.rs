//! What the clients of a server were expected to say, and what became of it.
//!
//! Each expectation counts for itself: one command may be counted by several, and no order is asked for. What is
//! deliberately not here: recording; who serves sessions hands in what it received, with secrets replaced.

use std::fmt::{self, Display, Formatter};

use crate::{Script, State};

/// Characters of a command that are shown.
const SHOWN_AT_MOST: usize = 80;

/// A command that clients shall say, and how often: everything that is said must hold of each that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// A keyword (`DELE`), or a keyword with exactly these arguments (`DELE 2`); upper and lower case of the keyword are
    /// the same. Without it, any command.
    pub command: Option<String>,
    /// Only in the session of this number, counted from 1 in the order of arrival.
    pub session: Option<u64>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only where the first argument is this number.
    pub message: Option<u64>,
    /// Only where the reply was positive, or was not.
    pub accepted: Option<bool>,
    /// So many times at least, over all sessions.
    pub at_least: u64,
    /// So many times at most; without it, as often as they like.
    pub at_most: Option<u64>,
}

impl Default for Expectation {
    /// Any command, once at least.
    fn default() -> Expectation {
        Expectation {
            command: None,
            session: None,
            state: None,
            message: None,
            accepted: None,
            at_least: 1,
            at_most: None,
        }
    }
}

/// A command that a server received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The number of its session, counted from 1.
    pub session: u64,
    /// The state in which it came.
    pub state: State,
    /// The command without its line end; secrets in it are replaced already.
    pub line: String,
    /// Whether the reply was positive; `None` where there was none.
    pub accepted: Option<bool>,
}

/// An expectation that was not met, or of which that cannot be told. Its text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    expectation: Expectation,
    came: u64,
    left_out: u64,
    /// The first one too many, or else the nearest miss with what is different about it.
    shown: Option<(Received, Vec<Difference>)>,
}

/// What keeps a received command from being counted.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Difference {
    Keyword,
    Argument,
    Session,
    State,
    Answer,
}

impl Script {
    /// The expectations that were not met by what a server received, in the order of the script. Where the record is not
    /// whole (`left_out` commands are not in it), an expectation of which it cannot be told is not met either.
    pub fn verify(&self, received: &[Received], left_out: u64) -> Vec<Unmet> {
        self.expect.iter().filter_map(|expectation| expectation.unmet(received, left_out)).collect()
    }
}

impl Expectation {
    /// The command's keyword and, if there are any, its arguments.
    fn words(&self) -> Option<(&str, Option<&str>)> {
        self.command.as_deref().map(words)
    }

    fn unmet(&self, received: &[Received], left_out: u64) -> Option<Unmet> {
        let mut counted = received.iter().filter(|command| self.differences(command).is_empty());
        let came = counted.clone().count() as u64;
        let too_many = self.at_most.is_some_and(|most| came > most);
        let too_few = came < self.at_least;
        let untold = left_out > 0 && self.at_most.is_some();
        if !too_many && !too_few && !untold {
            return None;
        }
        let shown = if too_many {
            let spare = self.at_most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
            counted.nth(spare).map(|command| (command.clone(), Vec::new()))
        } else {
            self.nearest(received).filter(|_| too_few)
        };
        Some(Unmet { expectation: self.clone(), came, left_out, shown })
    }

    /// What keeps this command from being counted; nothing where it is.
    fn differences(&self, command: &Received) -> Vec<Difference> {
        let (keyword, arguments) = words(&command.line);
        let number = || arguments?.split(' ').next()?.parse::<u64>().ok();
        let other_keyword = self.words().is_some_and(|(wanted, _)| !wanted.eq_ignore_ascii_case(keyword));
        let other_argument =
            self.words().is_some_and(|(_, wanted)| wanted.is_some_and(|wanted| arguments != Some(wanted)))
                || self.message.is_some_and(|message| number() != Some(message));
        let other_session = self.session.is_some_and(|session| session != command.session);
        let other_state = self.state.is_some_and(|state| state != command.state);
        let other_answer = self.accepted.is_some_and(|accepted| Some(accepted) != command.accepted);
        let all = [
            (other_keyword, Difference::Keyword),
            (other_argument, Difference::Argument),
            (other_session, Difference::Session),
            (other_state, Difference::State),
            (other_answer, Difference::Answer),
        ];
        all.into_iter().filter_map(|(differs, difference)| differs.then_some(difference)).collect()
    }

    /// The command most like it that does not count: one of the same keyword, or of another one with the same arguments;
    /// of several that are as near, the first.
    fn nearest(&self, received: &[Received]) -> Option<(Received, Vec<Difference>)> {
        let misses = received.iter().map(|command| (command, self.differences(command)));
        let alike = misses.filter(|(_, differences)| match differences[..] {
            [] => false,
            [Difference::Keyword, ..] => {
                self.names_arguments() && !differences.contains(&Difference::Argument)
            }
            _ => true,
        });
        let nearest = alike.min_by_key(|(command, differences)| {
            let other_keyword = differences.contains(&Difference::Keyword);
            (other_keyword, differences.len(), !self.sounds_like(command))
        });
        nearest.map(|(command, differences)| (command.clone(), differences))
    }

    fn names_arguments(&self) -> bool {
        self.message.is_some() || self.words().is_some_and(|(_, arguments)| arguments.is_some())
    }

    /// Whether only blanks and letter case are different, as in `DELE  2`.
    fn sounds_like(&self, command: &Received) -> bool {
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        self.command.as_ref().is_some_and(|wanted| plain(wanted) == plain(&command.line))
    }
}

/// The keyword and, if there are any, the arguments: parted by one blank (RFC 1939 section 3).
fn words(line: &str) -> (&str, Option<&str>) {
    line.split_once(' ').map_or((line, None), |(keyword, arguments)| (keyword, Some(arguments)))
}

impl Display for Expectation {
    /// What is to be counted, not how often.
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.command {
            Some(command) => write!(out, "`{}`", harmless(command))?,
            None => out.write_str("any command")?,
        }
        if let Some(message) = self.message {
            write!(out, " of message {message}")?;
        }
        if let Some(session) = self.session {
            write!(out, " in session {session}")?;
        }
        if let Some(state) = self.state {
            write!(out, " {}", when(state))?;
        }
        match self.accepted {
            Some(accepted) => write!(out, " with the answer {}", answer(Some(accepted))),
            None => Ok(()),
        }
    }
}

impl Display for Unmet {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Unmet { expectation, came, left_out, shown } = self;
        let wanted = match (expectation.at_least, expectation.at_most) {
            (_, Some(0)) => "was not expected".to_owned(),
            (least, Some(most)) if least == most => format!("was expected {}", times(least)),
            (0, Some(most)) => format!("was expected at most {}", times(most)),
            (least, Some(most)) => format!("was expected {least} to {most} times"),
            (1, None) => "was expected".to_owned(),
            (least, None) => format!("was expected at least {}", times(least)),
        };
        write!(out, "{expectation} {wanted} and {}", if *came == 0 { "never came" } else { "came " })?;
        if *came > 0 {
            out.write_str(&times(*came))?;
        }
        let too_many = expectation.at_most.is_some_and(|most| *came > most);
        if *left_out > 0 && !too_many {
            let are = if *left_out == 1 { "command is" } else { "commands are" };
            write!(
                out,
                ", as far as was recorded; {left_out} more {are} not on record, so that it cannot be told"
            )?;
        }
        let Some((command, differences)) = shown else { return Ok(()) };
        let (session, line) = (command.session, harmless(&command.line));
        if too_many {
            return write!(out, "; one too many: session {session}, `{line}`");
        }
        let differs = differences.iter().map(|difference| difference.of(command)).collect::<Vec<_>>();
        write!(out, "; nearest: session {session}, `{line}` ({})", differs.join(", "))
    }
}

impl Difference {
    fn of(self, command: &Received) -> String {
        match self {
            Difference::Keyword => "another command".to_owned(),
            Difference::Argument if words(&command.line).1.is_none() => "without an argument".to_owned(),
            Difference::Argument => "another argument".to_owned(),
            Difference::Session => "another session".to_owned(),
            Difference::State => when(command.state).to_owned(),
            Difference::Answer => format!("answered {}", answer(command.accepted)),
        }
    }
}

fn when(state: State) -> &'static str {
    match state {
        State::Authorization => "before login",
        State::Transaction => "after login",
    }
}

fn answer(accepted: Option<bool>) -> &'static str {
    match accepted {
        Some(true) => "+OK",
        Some(false) => "-ERR",
        None => "nothing",
    }
}

/// How often, in words.
fn times(count: u64) -> String {
    match count {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}

/// A client's octets steer no terminal, and fill none.
fn harmless(line: &str) -> String {
    let mut shown = line.chars().take(SHOWN_AT_MOST).collect::<String>().escape_debug().to_string();
    if line.chars().nth(SHOWN_AT_MOST).is_some() {
        shown.push('…');
    }
    shown
}

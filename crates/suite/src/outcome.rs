//! How a check can end, and the mishaps of a conversation that stand between a question and its answer.
//!
//! Two families of words run through all checks: **require** turns what was seen into a verdict on the server,
//! **assume** turns it into "could not be carried out". This module deliberately does not know sessions.

use net::DialError;

/// The result of a check: `Ok` is a pass, everything else is said by [`Stop`].
pub type Outcome = Result<(), Stop>;

/// Why a check ended before it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The server broke the requirement; what was seen. A requirement below MUST becomes a warning.
    Fail(String),
    /// Tolerable, but a warning; what was seen.
    Warn(String),
    /// Either way is right; what this server does.
    Info(String),
    /// Could not be carried out; why.
    Inconclusive(String),
    /// A need is missing; which.
    Skipped(String),
}

/// What can go wrong between a command and its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing came in time, and a probe was not answered either: slow or dead, which cannot be told apart.
    TimedOut {
        /// The command, redacted.
        command: String,
        /// What was sent as a probe, if anything.
        probe: Option<&'static str>,
    },
    /// The command stayed unanswered although the server answered a later one.
    NoReply {
        /// The command, redacted.
        command: String,
        /// What was sent as a probe.
        probe: &'static str,
        /// What came after the probe.
        then: String,
        /// Whether it is a NOOP, and the server has not answered a single one in this run.
        never: bool,
    },
    /// A multi-line reply did not end although the server went on to answer a later command.
    Unterminated {
        /// The command, redacted.
        command: String,
    },
    /// The connection ended instead of a reply.
    Closed {
        /// The command, redacted.
        command: String,
        /// How it ended.
        how: String,
        /// The reply before it was `-ERR`. No RFC says that a connection has to stay behind one, so this accuses nobody.
        refused: bool,
    },
    /// More octets than any reply may have, or no end of them in time.
    Endless {
        /// The command, redacted.
        command: String,
        /// What was seen of it.
        how: String,
    },
    /// A whole reply, and more than is kept for judging.
    TooLarge {
        /// The command, redacted.
        command: String,
        /// Octets of content.
        octets: u64,
    },
    /// A status line that begins with a word of the server's own, of which it cannot be told what it means.
    OddStatus {
        /// The command, redacted.
        command: String,
        /// The line, for people.
        line: String,
    },
    /// The tool's own guard refused to send the line.
    Guarded(String),
    /// The server's mail is not what it was a moment ago, so the line was not sent.
    Untrusted(String),
    /// The password was not given, since it was refused before.
    Withheld(String),
    /// The line was not sent yet, for the sake of other checks.
    PutOff(String),
}

impl std::fmt::Display for Mishap {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TimedOut { command, probe: Some(probe) } => {
                write!(out, "`{command}` was not answered in time, nor was a {probe} after it")
            }
            Self::TimedOut { command, probe: None } => {
                write!(out, "no more of `{command}` or of its reply went through in time")
            }
            Self::NoReply { command, probe, then, .. } => {
                write!(out, "`{command}` was not answered; a {probe} sent after a long wait brought {then}")
            }
            Self::Unterminated { command } => {
                write!(
                    out,
                    "the reply to `{command}` did not end with CRLF \".\" CRLF; the server went on to answer a NOOP"
                )
            }
            Self::Closed { command, how, refused: false } => {
                write!(out, "the connection ended ({how}) instead of a reply to `{command}`")
            }
            Self::Closed { command, how, refused: true } => {
                write!(out, "the connection ended ({how}) behind a refusal, so `{command}` got no reply")
            }
            Self::Endless { command, how } => {
                write!(out, "the reply to `{command}` did not end within the limits for a reply: {how}")
            }
            Self::TooLarge { command, octets } => {
                write!(out, "the reply to `{command}` is too large to be judged: {octets} octets")
            }
            Self::OddStatus { command, line } => {
                write!(
                    out,
                    "`{command}` was answered {line}, neither `+OK` nor `-ERR`, so the check could not continue"
                )
            }
            Self::Guarded(reason)
            | Self::Untrusted(reason)
            | Self::Withheld(reason)
            | Self::PutOff(reason) => out.write_str(reason),
        }
    }
}

impl Stop {
    /// What only led to the point of a check says nothing about the requirement.
    pub(crate) fn only_assumed(self) -> Self {
        match self {
            Self::Fail(seen) => Self::Inconclusive(seen),
            other => other,
        }
    }

    /// The words, whatever they mean.
    pub(crate) fn told(self) -> String {
        match self {
            Self::Fail(text)
            | Self::Warn(text)
            | Self::Info(text)
            | Self::Inconclusive(text)
            | Self::Skipped(text) => text,
        }
    }
}

/// As a precondition a mishap says nothing about the requirement at hand.
impl From<Mishap> for Stop {
    fn from(mishap: Mishap) -> Self {
        match mishap {
            Mishap::Guarded(reason) => Self::Skipped(reason),
            other => Self::Inconclusive(other.to_string()),
        }
    }
}

impl From<DialError> for Stop {
    fn from(error: DialError) -> Self {
        Self::Inconclusive(error.to_string())
    }
}

impl Mishap {
    /// Whether the server ended the connection behind a refusal, which it may.
    pub(crate) fn is_end_behind_refusal(&self) -> bool {
        matches!(self, Self::Closed { refused: true, .. })
    }

    /// Whether it was the tool itself that did not send the line.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Guarded(_) | Self::Untrusted(_) | Self::Withheld(_) | Self::PutOff(_))
    }

    /// The mishap as a verdict on the server: conclusive unless the server may merely have been slow. NOOP is what checks
    /// say in between: of a server that never answers it, those that are about it speak (`Mishap::required`).
    pub fn judged(self) -> Stop {
        match self {
            Self::NoReply { never: true, .. } => {
                Stop::Inconclusive(format!("{self}, nor is any other, which rfc1939.noop.ok judges"))
            }
            other => other.required(),
        }
    }

    /// The same where the requirement is about the very command that was not answered.
    pub(crate) fn required(self) -> Stop {
        match self {
            Self::TimedOut { .. }
            | Self::TooLarge { .. }
            | Self::OddStatus { .. }
            | Self::Closed { refused: true, .. } => self.into(),
            ours if ours.is_ours() => ours.into(),
            other => Stop::Fail(other.to_string()),
        }
    }
}

/// Turns a mishap into a verdict where the reply itself is what the requirement is about.
pub trait Judged<T> {
    /// The value, or the mishap as a failure of the server.
    ///
    /// # Errors
    /// [`Stop::Fail`] for a missing, unterminated or endless reply; [`Stop::Inconclusive`] if it may be slowness.
    fn judged(self) -> Result<T, Stop>;

    /// The same where the requirement is about the very command that was sent.
    ///
    /// # Errors
    /// Those of [`Judged::judged`]; [`Stop::Fail`] also for a command that the server never answers.
    fn required(self) -> Result<T, Stop>;
}

impl<T> Judged<T> for Result<T, Mishap> {
    fn judged(self) -> Result<T, Stop> {
        self.map_err(Mishap::judged)
    }

    fn required(self) -> Result<T, Stop> {
        self.map_err(Mishap::required)
    }
}

/// A failure, in words.
///
/// # Errors
/// Always [`Stop::Fail`].
pub fn fail<T>(seen: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Fail(seen.into()))
}

/// A warning, in words.
///
/// # Errors
/// Always [`Stop::Warn`].
pub fn warn<T>(seen: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Warn(seen.into()))
}

/// "Either way is right", and which way it is, in words.
///
/// # Errors
/// Always [`Stop::Info`].
pub fn info<T>(seen: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Info(seen.into()))
}

/// "Could not be carried out", in words.
///
/// # Errors
/// Always [`Stop::Inconclusive`].
pub fn inconclusive<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Inconclusive(why.into()))
}

/// A missing need, in words.
///
/// # Errors
/// Always [`Stop::Skipped`].
pub fn skipped<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Skipped(why.into()))
}

/// Fails unless the condition holds; the words are only made then.
///
/// # Errors
/// [`Stop::Fail`] if it does not hold.
pub fn require(condition: bool, seen: impl FnOnce() -> String) -> Outcome {
    if condition { Ok(()) } else { Err(Stop::Fail(seen())) }
}

/// Inconclusive unless the condition holds; the words are only made then.
///
/// # Errors
/// [`Stop::Inconclusive`] if it does not hold.
pub fn assume(condition: bool, why: impl FnOnce() -> String) -> Outcome {
    if condition { Ok(()) } else { Err(Stop::Inconclusive(why())) }
}

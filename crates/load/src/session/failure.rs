//! What can go wrong in a session, each kind with a name that reports and thresholds use.

use std::borrow::Cow;
use std::io;

use net::{DialError, ReadError};
use proto::{Deviation, Deviations, Status};

use crate::recorder::Step;

/// Most characters of a response code that become part of a kind.
const CODE: usize = 40;

/// Most octets of what the server said that are shown.
const SHOWN: usize = 200;

/// Why a session cannot go on. One word wide, since every step can end with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(Box<Fault>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Cow<'static, str>,
    pub(crate) step: Step,
    /// What was seen, for people; not yet redacted.
    pub(crate) seen: String,
}

impl Failure {
    pub(crate) fn new(kind: impl Into<Cow<'static, str>>, step: Step, seen: impl Into<String>) -> Failure {
        Failure(Box::new(Fault { kind: kind.into(), step, seen: seen.into() }))
    }

    /// A failure that a custom behaviour found by itself. `kind` should be a word of its own, such as
    /// `no-invoice`; it is counted at the step `session`.
    pub fn custom(kind: impl Into<String>, seen: impl Into<String>) -> Failure {
        Failure::new(kind.into(), Step::SESSION, seen)
    }

    /// The kind, such as `timeout` or `err:IN-USE`.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Whether the server gave wrong data: found by verification, or by the framing of a message.
    pub(crate) fn is_wrong_data(&self) -> bool {
        let of_a_message =
            [Step::RETR_FIRST, Step::RETR_LAST, Step::TOP_FIRST, Step::TOP_LAST].contains(&self.0.step);
        self.0.kind.starts_with("verification:") || (of_a_message && self.0.kind.starts_with("deviation:"))
    }

    /// Whether the server said `-ERR`: then the session can go on.
    pub(crate) fn is_refusal(&self) -> bool {
        self.0.kind == "err" || self.0.kind.starts_with("err:")
    }

    pub(crate) fn fault(&self) -> &Fault {
        &self.0
    }

    /// The server said `-ERR`, or something that is neither that nor `+OK`.
    pub(crate) fn refused(step: Step, status: &Status<'_>) -> Failure {
        let kind = match status.code() {
            Some(code) if code.as_bytes().len() <= CODE => {
                Cow::Owned(format!("err:{}", String::from_utf8_lossy(code.as_bytes()).to_ascii_uppercase()))
            }
            _ => Cow::Borrowed("err"),
        };
        Failure::new(kind, step, shown(status.line))
    }

    /// The server broke the wire format; the first of the deviations names the kind.
    pub(crate) fn deviating(step: Step, deviations: Deviations, seen: &[u8]) -> Option<Failure> {
        let deviation = deviations.iter().find(|deviation| !of_the_mail(*deviation))?;
        let seen =
            if seen.is_empty() { deviation.to_string() } else { format!("{deviation}: {}", shown(seen)) };
        Some(Failure::new(format!("deviation:{}", kebab(deviation)), step, seen))
    }

    pub(crate) fn dialling(step: Step, error: &DialError) -> Failure {
        let kind = match error {
            DialError::Refused { .. } => "refused",
            DialError::NoDescriptor { .. } => "no-descriptor",
            DialError::NoPort { .. } => "no-port",
            DialError::NotTls { .. } | DialError::Certificate { .. } | DialError::Handshake { .. } => "tls",
            DialError::ClosedInHandshake => "closed",
            DialError::Io(error) if is_reset(error) => "reset",
            _ => "unreachable",
        };
        Failure::new(kind, step, error.to_string())
    }

    pub(crate) fn reading(step: Step, error: &ReadError) -> Failure {
        let kind = match error {
            ReadError::Truncated => "closed",
            ReadError::Tls { .. } => "tls",
            _ => "reset",
        };
        Failure::new(kind, step, error.to_string())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.0.kind, self.0.seen)
    }
}

impl std::error::Error for Failure {}

/// Octets for people: escaped, and no more than fit a line.
pub(crate) fn shown(octets: &[u8]) -> String {
    let cut = &octets[..octets.len().min(SHOWN)];
    let more = if cut.len() < octets.len() { "…" } else { "" };
    format!("{}{more}", cut.escape_ascii())
}

/// Oddities that a correct server passes on from the mail it holds; they say nothing about the server.
fn of_the_mail(deviation: Deviation) -> bool {
    matches!(deviation, Deviation::ContentBareCr | Deviation::ContentBareLf | Deviation::ContentNul)
}

/// `BareLf` as `bare-lf`.
fn kebab(deviation: Deviation) -> String {
    let mut kebab = String::new();
    for letter in format!("{deviation:?}").chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart_by_their_code() {
        for (line, kind) in [
            ("-ERR no", "err"),
            ("-ERR [IN-USE] locked", "err:IN-USE"),
            ("-ERR [sys/temp] later", "err:SYS/TEMP"),
            ("-ERR [not closed", "err"),
        ] {
            let (status, _) = Status::parse(line.as_bytes());
            assert_eq!(Failure::refused(Step::STAT, &status).kind(), kind);
        }
        let long = format!("-ERR [{}] x", "A".repeat(41));
        assert_eq!(Failure::refused(Step::STAT, &Status::parse(long.as_bytes()).0).kind(), "err");
    }

    #[test]
    fn deviations_have_names_and_those_of_the_mail_are_none() {
        let of = |deviation| Failure::deviating(Step::LIST, [deviation].into_iter().collect(), b"x");
        assert_eq!(of(Deviation::BareLf).unwrap().kind(), "deviation:bare-lf");
        assert_eq!(of(Deviation::NumberNotDecimal).unwrap().kind(), "deviation:number-not-decimal");
        assert_eq!(of(Deviation::ContentNul), None);
    }

    #[test]
    fn what_the_server_said_cannot_reach_a_terminal_raw() {
        assert_eq!(shown(b"a\x1b[2J\r\n"), "a\\x1b[2J\\r\\n");
        assert!(shown(&[b'x'; 500]).len() < 210);
    }
}

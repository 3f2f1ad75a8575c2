//! A whole reply of the server, kept for judging.
//!
//! A reply owns its octets: checks compare and quote them after the session has gone on. Content is bounded by the
//! session that collected it. This module deliberately does not decide what a reply means for a requirement.

use std::time::Duration;

use proto::{Deviation, Deviations, Indicator, ResponseCode, Status, Verb, listing};

use crate::journal::Journal;
use crate::outcome::{Outcome, Stop, fail, inconclusive};

/// Characters of a command that are kept for quoting.
pub(crate) const COMMAND_SHOWN: usize = 80;

/// The reply to one command, or the greeting.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Where it came.
    pub(crate) origin: Origin,
    /// The command it answers, redacted.
    pub command: String,
    /// What the status line began with.
    pub indicator: Indicator,
    /// The status line without its line end. For a continuation: the whole line.
    pub line: Vec<u8>,
    /// The status line for people: visible, bounded, without secrets, in backticks.
    pub shown: String,
    /// Deviations of the status line and, if there was content, of the content.
    pub deviations: Deviations,
    /// How long the status line took.
    pub(crate) after: Duration,
    /// Whether this is a SASL continuation (`+ …`) and not a status line.
    pub continuation: bool,
    /// Un-stuffed content of a multi-line reply, CRLF included, without the dot line.
    pub content: Option<Vec<u8>>,
    /// Octets of a listing that were read and, being too many, not kept. What was kept ends with a whole line.
    pub left_out: u64,
    /// A refused login that gave no reason, of which our own sessions are a likely one ([`crate::login`]).
    pub put_off: bool,
    /// The content is somebody's mail, of which nothing may be shown ([`crate::discretion`]).
    pub(crate) private: bool,
}

/// The session a reply came in, and the journal it is in.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) journal: Journal,
    pub(crate) session: u32,
}

impl Reply {
    /// This line of the content, from 0, is what the verdict is about. Only of the last content of its session.
    pub(crate) fn deviates(&self, content_line: usize) {
        // What is not shown has no line that could be marked.
        if !self.private {
            self.origin.journal.deviates(self.origin.session, content_line as u64);
        }
    }

    /// What stands for the greeting of a server that gives none.
    pub(crate) fn in_place_of_greeting(origin: Origin) -> Self {
        let line = b"+OK";
        Self {
            command: "(greeting)".to_owned(),
            indicator: Indicator::Ok,
            line: line.to_vec(),
            shown: quote(line),
            deviations: Status::parse(line).1,
            after: Duration::ZERO,
            continuation: false,
            content: None,
            left_out: 0,
            put_off: false,
            private: false,
            origin,
        }
    }

    /// Whether the server agreed.
    pub fn is_ok(&self) -> bool {
        self.indicator == Indicator::Ok && !self.continuation
    }

    /// Whether the server refused.
    pub fn is_err(&self) -> bool {
        self.indicator == Indicator::Err && !self.continuation
    }

    /// Whether the status line begins with a word of the server's own, of which it cannot be told whether it agrees.
    pub fn has_word_of_its_own(&self) -> bool {
        !self.continuation
            && self.indicator == Indicator::Unknown
            && self.deviations.contains(Deviation::StatusWord)
    }

    /// The text after the status indicator; after `+ ` for a continuation.
    pub fn text(&self) -> &[u8] {
        if self.continuation {
            return self
                .line
                .strip_prefix(b"+ ")
                .or_else(|| self.line.strip_prefix(b"+"))
                .unwrap_or_default();
        }
        Status::parse(&self.line).0.text
    }

    /// The response code at the start of the text, if there is one.
    pub fn code(&self) -> Option<ResponseCode<'_>> {
        Status::parse(&self.line).0.code()
    }

    /// Whether the reply carries this response code, in any case, with or without further levels of detail (RFC 2449
    /// section 8).
    pub fn has_code(&self, code: &str) -> bool {
        self.code().is_some_and(|found| {
            let mut levels = found.levels();
            code.split('/')
                .all(|level| levels.next().is_some_and(|one| one.eq_ignore_ascii_case(level.as_bytes())))
        })
    }

    /// The content, empty when there was none.
    pub fn octets(&self) -> &[u8] {
        self.content.as_deref().unwrap_or_default()
    }

    /// The content's lines without their CRLF.
    pub fn lines(&self) -> Vec<&[u8]> {
        lines(self.octets())
    }

    /// Whether another reply says the same, status line and content.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.line == other.line && self.has_content_of(other)
    }

    /// Whether it has the same content. No RFC gives the lines of a listing an order, so that may be another one each time.
    pub(crate) fn has_content_of(&self, other: &Self) -> bool {
        let sorted = |reply: &Self| {
            let mut lines: Vec<Vec<u8>> = reply.lines().into_iter().map(<[u8]>::to_vec).collect();
            lines.sort_unstable();
            lines
        };
        self.content == other.content
            || (self.content.is_some()
                && other.content.is_some()
                && self.lists()
                && sorted(self) == sorted(other))
    }

    /// Whether its content is a list, and no message.
    fn lists(&self) -> bool {
        let keyword = self.command.split(' ').next().unwrap_or_default();
        matches!(Verb::parse(keyword.as_bytes()), Some(Verb::Capa | Verb::List | Verb::Uidl | Verb::Lang))
    }

    /// A part of the content for people, unless it is somebody's mail.
    pub fn quote(&self, octets: &[u8]) -> String {
        if self.private { unshown(octets.len()) } else { quote(octets) }
    }

    /// The status line for people: visible, bounded, without secrets, in backticks.
    pub fn quoted(&self) -> String {
        self.shown.clone()
    }

    /// What was asked and what came, for people.
    pub fn seen(&self) -> String {
        format!("`{}` was answered {}", self.command, self.quoted())
    }

    /// Passes on a reply that agrees.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server refused.
    pub fn require_ok(self) -> Result<Self, Stop> {
        if self.is_ok() { Ok(self) } else { fail(format!("{}; `+OK` was required", self.seen())) }
    }

    /// Passes on a refusal.
    ///
    /// # Errors
    /// [`Stop::Fail`] if the server did anything but refuse.
    pub fn require_err(self) -> Result<Self, Stop> {
        if self.is_err() { Ok(self) } else { fail(format!("{}; `-ERR` was required", self.seen())) }
    }

    /// Goes on after a reply that agrees.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if the server refused.
    pub fn assume_ok(self) -> Result<Self, Stop> {
        if self.is_ok() {
            Ok(self)
        } else {
            inconclusive(format!("{}, so the check could not continue", self.seen()))
        }
    }

    /// The two numbers of a STAT reply.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if there are none: their form is judged by `rfc1939.stat.format`.
    pub fn totals(&self) -> Result<(u64, u64), Stop> {
        listing::stat(self.text())
            .0
            .ok_or_else(|| Stop::Inconclusive(format!("{}, which does not give two numbers", self.seen())))
    }

    /// Number and size of each line of a LIST reply.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if a line has another form: that is judged by `rfc1939.list.format`.
    pub fn scan_listing(&self) -> Result<Vec<(u64, u64)>, Stop> {
        self.whole()?;
        self.lines()
            .into_iter()
            .map(|line| {
                listing::scan(line).0.ok_or_else(|| {
                    Stop::Inconclusive(format!("LIST line {} does not give two numbers", quote(line)))
                })
            })
            .collect()
    }

    /// Number and unique-id of each line of a UIDL reply.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if a line has another form: that is judged by `rfc1939.uidl.format`.
    pub fn unique_ids(&self) -> Result<Vec<(u64, Vec<u8>)>, Stop> {
        self.whole()?;
        self.lines()
            .into_iter()
            .map(|line| match listing::unique_id(line).0 {
                Some((number, id)) => Ok((number, id.to_vec())),
                None => {
                    inconclusive(format!("UIDL line {} does not give a number and a unique-id", quote(line)))
                }
            })
            .collect()
    }

    /// Goes on with a listing that was kept whole.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] if it is too long for that.
    pub fn whole(&self) -> Outcome {
        if self.left_out == 0 {
            return Ok(());
        }
        inconclusive(format!(
            "the reply to `{}` is too large to be judged as a whole: {} octets of it were read and not kept",
            self.command, self.left_out
        ))
    }

    /// Passes if the reply has none of these deviations. Where status lines end with LF alone, that is judged as one
    /// fault of all lines (`rfc1939.frame.crlf`), and not again for each list.
    ///
    /// # Errors
    /// [`Stop::Fail`] naming the first that was seen.
    pub fn require_without(&self, unwanted: &[Deviation]) -> Outcome {
        let said_elsewhere = |deviation: &Deviation| {
            matches!(deviation, Deviation::ContentBareLf | Deviation::DotLineBareLf)
                && self.deviations.contains(Deviation::BareLf)
                && !unwanted.contains(&Deviation::BareLf)
        };
        let seen =
            |deviation: &&Deviation| self.deviations.contains(**deviation) && !said_elsewhere(deviation);
        match unwanted.iter().find(seen) {
            Some(deviation) => fail(format!("{}: {deviation}", self.seen())),
            None => Ok(()),
        }
    }
}

/// The lines of un-stuffed content without their CRLF; a last piece without CRLF is a line too.
pub fn lines(content: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = content;
    for at in memchr::memmem::find_iter(content, b"\r\n") {
        lines.push(&content[content.len() - rest.len()..at]);
        rest = &content[at + 2..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// Octets for people: control characters escaped, at most some 120 characters, in backticks.
pub fn quote(octets: &[u8]) -> String {
    const AT_MOST: usize = 120;
    let shown = &octets[..octets.len().min(AT_MOST)];
    let more = octets.len() - shown.len();
    let text = String::from_utf8_lossy(shown).chars().flat_map(visible).collect::<String>();
    if more == 0 { format!("`{text}`") } else { format!("`{text}…` ({more} octets more)") }
}

/// What stands in place of octets that are somebody's mail, or may be.
pub(crate) fn unshown(octets: usize) -> String {
    format!("({octets} octets of mail, not shown)")
}

fn visible(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}

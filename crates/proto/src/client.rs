//! The client machine: what a server's octets mean, given what was asked.

mod awaited;
mod content;

use memchr::memchr;

use crate::{Deviation, Deviations, Indicator, Limits, Shape, Status};
use awaited::Awaited;
use content::Content;

/// Something the server said. Borrows from the input of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A status line: the greeting, or the reply to the oldest unanswered command.
    Status {
        /// The line.
        status: Status<'a>,
        /// What was odd about it.
        deviations: Deviations,
        /// Whether multi-line content follows.
        content_follows: bool,
        /// Whether this reply is complete with it.
        last: bool,
    },
    /// A SASL continuation; answer it, or cancel.
    Continuation {
        /// What follows `+ `.
        data: &'a [u8],
        /// The whole line.
        line: &'a [u8],
        /// What was odd about it.
        deviations: Deviations,
    },
    /// Un-stuffed content, CRLF included. Pieces join over events.
    Content(&'a [u8]),
    /// The dot line.
    End {
        /// What was odd about the content, each oddity once.
        deviations: Deviations,
    },
    /// A line although nothing was awaited.
    Unsolicited {
        /// The line.
        line: &'a [u8],
    },
    /// A line longer than any may be. The machine is broken from now on and swallows everything.
    Endless,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// Octets to remove from the front of the input.
    pub consumed: usize,
    /// What they meant. With `consumed == 0` and no event, more octets are needed.
    pub event: Option<Event<'a>>,
}

/// Reads a server's octets. Owns no buffer and no more than the forms of the awaited replies.
///
/// A line ends with LF; that the CR before it is missing is noted. Content is exact: in it LF alone is an octet like any
/// other, unless the status line before it ended so too. Such a server ends all its lines that way, the dot line too.
#[derive(Debug, Clone)]
pub struct Client {
    limits: Limits,
    awaited: Awaited,
    content: Option<Content>,
    broken: bool,
}

impl Client {
    /// A machine at the start of a connection: it awaits the greeting.
    pub fn new(limits: Limits) -> Client {
        let mut client = Self::resume(limits);
        client.expect(Shape::Single);
        client
    }

    /// A machine in mid-session, as after STLS: it awaits nothing (RFC 2595 section 4: there is no new greeting).
    pub fn resume(limits: Limits) -> Client {
        Client { limits, awaited: Awaited::default(), content: None, broken: false }
    }

    /// A command was written whose reply has this form.
    pub fn expect(&mut self, shape: Shape) {
        self.awaited.push(shape);
    }

    /// Replies that are due and not begun.
    pub fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Whether multi-line content is under way.
    pub fn in_content(&self) -> bool {
        self.content.is_some()
    }

    /// Whether the content under way stands at `.` LF with nothing behind it: its end, if the server meant that for the
    /// dot line, or a line of content of which more is to come.
    pub fn may_have_ended(&self, tail: &[u8]) -> bool {
        self.content.is_some_and(|content| !content.line_started) && tail == b".\n"
    }

    /// The driver knows better: the content under way has ended, or the server was seen to have gone on without
    /// ending it. The next octets are a line again. Gives what was odd about the content, if any was under way.
    pub fn leave_content(&mut self) -> Option<Deviations> {
        self.content.take().map(|content| content.deviations)
    }

    /// Whether the oldest reply due belongs to a SASL exchange.
    pub fn in_exchange(&self) -> bool {
        self.awaited.front() == Some(Shape::Exchange)
    }

    /// Reads from the front of the input and gives at most one event.
    pub fn step<'a>(&mut self, input: &'a [u8]) -> Step<'a> {
        if self.broken {
            return Step { consumed: input.len(), event: None };
        }
        match self.content.take() {
            Some(content) => self.content_step(content, input),
            None => self.line_step(input),
        }
    }

    /// The connection ended with this unconsumed tail: what was cut off, if anything was.
    pub fn end(&self, tail: &[u8]) -> Option<Deviation> {
        if self.content.is_some() {
            Some(Deviation::ClosedMidContent)
        } else if !tail.is_empty() {
            Some(Deviation::ClosedMidLine)
        } else {
            (self.awaited.len() > 0).then_some(Deviation::ClosedUnanswered)
        }
    }

    fn line_step<'a>(&mut self, input: &'a [u8]) -> Step<'a> {
        let window = input.get(..self.limits.line).unwrap_or(input);
        let Some((whole, _)) = memchr(b'\n', window).and_then(|end| window.split_at_checked(end)) else {
            if input.len() < self.limits.line {
                return Step { consumed: 0, event: None };
            }
            self.broken = true;
            return Step { consumed: input.len(), event: Some(Event::Endless) };
        };
        let consumed = whole.len() + 1;
        let (line, bare) = whole.strip_suffix(b"\r").map_or((whole, true), |line| (line, false));
        let mut deviations = Deviations::new();
        deviations.insert_if(bare, Deviation::BareLf);
        deviations.insert_if(consumed > self.limits.status, Deviation::StatusTooLong);
        Step { consumed, event: Some(self.line(line, deviations)) }
    }

    fn line<'a>(&mut self, line: &'a [u8], mut deviations: Deviations) -> Event<'a> {
        let Some(shape) = self.awaited.pop() else { return Event::Unsolicited { line } };
        if shape == Shape::Exchange
            && let Some(behind) = continuation(line)
        {
            let data = behind.strip_prefix(b" ").unwrap_or(behind);
            deviations.insert_if(!behind.starts_with(b" "), Deviation::ContinuationNoSpace);
            deviations.insert_if(!data.iter().copied().all(is_base64), Deviation::ContinuationNotBase64);
            return Event::Continuation { data, line, deviations };
        }
        let (status, odd) = Status::parse(line);
        let content_follows = shape == Shape::Multi && status.indicator == Indicator::Ok;
        if content_follows {
            self.content = Some(Content::of(deviations.contains(Deviation::BareLf)));
        }
        Event::Status { status, deviations: deviations.union(odd), content_follows, last: !content_follows }
    }

    /// Whether a further reply is due and begins with these octets; `None` if they are too few to tell. A right server
    /// never sends `.` LF at the start of a line, for it would have stuffed the dot.
    fn replies_go_on(&self, octets: &[u8]) -> Option<bool> {
        let words = [&b"+OK"[..], b"-ERR"];
        if self.awaited.len() == 0 || words.iter().any(|word| octets.starts_with(word)) {
            return Some(self.awaited.len() > 0);
        }
        let may_begin = words.iter().any(|word| word.starts_with(octets));
        (!may_begin).then_some(false)
    }

    fn content_step<'a>(&mut self, mut content: Content, input: &'a [u8]) -> Step<'a> {
        let rest = match (content.line_started, input) {
            (false, [b'.', b'\r', b'\n', ..]) => {
                return Step { consumed: 3, event: Some(Event::End { deviations: content.deviations }) };
            }
            (false, [b'.', b'\n', rest @ ..]) if content.bare || self.replies_go_on(rest) == Some(true) => {
                content.deviations.insert(Deviation::DotLineBareLf);
                return Step { consumed: 2, event: Some(Event::End { deviations: content.deviations }) };
            }
            (false, [b'.', b'\n', rest @ ..]) if self.replies_go_on(rest).is_none() => {
                self.content = Some(content);
                return Step { consumed: 0, event: None };
            }
            // `.` LF is content if more of that follows. If nothing does, only time can tell: see `leave_content`.
            (_, []) | (false, [b'.'] | [b'.', b'\r' | b'\n']) => {
                self.content = Some(content);
                return Step { consumed: 0, event: None };
            }
            (false, [b'.', rest @ ..]) => {
                content.deviations.insert_if(rest.starts_with(b"\n"), Deviation::DotLineBareLf);
                content.deviations.insert_if(!rest.starts_with(b"."), Deviation::ContentUnstuffed);
                rest
            }
            _ => input,
        };
        let taken = content.take(rest);
        self.content = Some(content);
        Step { consumed: input.len() - rest.len() + taken.len(), event: Some(Event::Content(taken)) }
    }
}

/// What stands behind a plus sign, unless that begins a status line: also `+ERR`, though that is base64 to the letter.
fn continuation(line: &[u8]) -> Option<&[u8]> {
    let behind = line.strip_prefix(b"+")?;
    (Status::parse(line).0.indicator == Indicator::Unknown).then_some(behind)
}

fn is_base64(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=')
}

//! The client machine: what a server's octets mean, given what was asked.

use std::collections::VecDeque;

use memchr::{memchr, memchr_iter};

use crate::{Deviation, Deviations, Indicator, Limits, Shape, Status};

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
#[derive(Debug, Clone)]
pub struct Client {
    limits: Limits,
    awaited: VecDeque<Shape>,
    content: Option<Content>,
    broken: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Content {
    /// Within a line, so that a dot is a dot.
    line_started: bool,
    after_cr: bool,
    deviations: Deviations,
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
        Client { limits, awaited: VecDeque::new(), content: None, broken: false }
    }

    /// A command was written whose reply has this form.
    pub fn expect(&mut self, shape: Shape) {
        self.awaited.push_back(shape);
    }

    /// Replies that are due and not begun.
    pub fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Whether multi-line content is under way.
    pub fn in_content(&self) -> bool {
        self.content.is_some()
    }

    /// Whether the oldest reply due belongs to a SASL exchange.
    pub fn in_exchange(&self) -> bool {
        self.awaited.front() == Some(&Shape::Exchange)
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
            (!self.awaited.is_empty()).then_some(Deviation::ClosedUnanswered)
        }
    }

    fn line_step<'a>(&mut self, input: &'a [u8]) -> Step<'a> {
        let window = &input[..input.len().min(self.limits.line)];
        let Some(end) = memchr(b'\n', window) else {
            if input.len() < self.limits.line {
                return Step { consumed: 0, event: None };
            }
            self.broken = true;
            return Step { consumed: input.len(), event: Some(Event::Endless) };
        };
        let line = &input[..end];
        let (line, bare) = line.strip_suffix(b"\r").map_or((line, true), |line| (line, false));
        let mut deviations = Deviations::new();
        deviations.insert_if(bare, Deviation::BareLf);
        deviations.insert_if(end + 1 > self.limits.status, Deviation::StatusTooLong);
        Step { consumed: end + 1, event: Some(self.line(line, deviations)) }
    }

    fn line<'a>(&mut self, line: &'a [u8], mut deviations: Deviations) -> Event<'a> {
        let Some(shape) = self.awaited.pop_front() else { return Event::Unsolicited { line } };
        if shape == Shape::Exchange && is_continuation(line) {
            let data = line.strip_prefix(b"+ ").unwrap_or(&line[1..]);
            deviations.insert_if(!line.starts_with(b"+ "), Deviation::ContinuationNoSpace);
            deviations.insert_if(!data.iter().copied().all(is_base64), Deviation::ContinuationNotBase64);
            return Event::Continuation { data, line, deviations };
        }
        let (status, odd) = Status::parse(line);
        let content_follows = shape == Shape::Multi && status.indicator == Indicator::Ok;
        if content_follows {
            self.content = Some(Content::default());
        }
        Event::Status { status, deviations: deviations.union(odd), content_follows, last: !content_follows }
    }

    fn content_step<'a>(&mut self, mut content: Content, input: &'a [u8]) -> Step<'a> {
        let skip = match (content.line_started, input) {
            (false, [b'.', b'\r', b'\n', ..]) => {
                return Step { consumed: 3, event: Some(Event::End { deviations: content.deviations }) };
            }
            (_, []) | (false, [b'.'] | [b'.', b'\r']) => {
                self.content = Some(content);
                return Step { consumed: 0, event: None };
            }
            (false, [b'.', next, ..]) => {
                content.deviations.insert_if(*next == b'\n', Deviation::DotLineBareLf);
                content.deviations.insert_if(*next != b'.', Deviation::ContentUnstuffed);
                1
            }
            _ => 0,
        };
        let taken = content.take(&input[skip..]);
        self.content = Some(content);
        Step { consumed: skip + taken.len(), event: Some(Event::Content(taken)) }
    }
}

impl Content {
    /// The longest piece that needs no change: up to the next line that starts with a dot.
    fn take<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        self.note_cr(input);
        self.deviations.insert_if(memchr(0, input).is_some(), Deviation::ContentNul);
        self.line_started = true;
        for at in memchr_iter(b'\n', input) {
            let after_cr = if at == 0 { self.after_cr } else { input[at - 1] == b'\r' };
            if !after_cr {
                self.deviations.insert(Deviation::ContentBareLf);
                continue;
            }
            match input.get(at + 1) {
                Some(b'.') => return self.cut(&input[..=at], false),
                Some(_) => {}
                None => return self.cut(input, false),
            }
        }
        self.cut(input, true)
    }

    fn cut<'a>(&mut self, piece: &'a [u8], line_started: bool) -> &'a [u8] {
        self.line_started = line_started;
        self.after_cr = piece.last() == Some(&b'\r');
        piece
    }

    fn note_cr(&mut self, input: &[u8]) {
        if self.deviations.contains(Deviation::ContentBareCr) {
            return;
        }
        let pending = self.after_cr && input.first().is_some_and(|octet| *octet != b'\n');
        let bare = |at: usize| input.get(at + 1).is_some_and(|next| *next != b'\n');
        let inside = memchr_iter(b'\r', input).any(bare);
        self.deviations.insert_if(pending || inside, Deviation::ContentBareCr);
    }
}

fn is_continuation(line: &[u8]) -> bool {
    line.first() == Some(&b'+') && !line.get(1..3).is_some_and(|rest| rest.eq_ignore_ascii_case(b"OK"))
}

fn is_base64(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All events of the pieces, adjacent content joined, rendered for comparing.
    fn events(shapes: &[Shape], pieces: &[&[u8]]) -> Vec<String> {
        let mut client = Client::new(Limits { status: 30, line: 40 });
        for shape in shapes {
            client.expect(*shape);
        }
        let (mut tail, mut events, mut content) = (Vec::new(), Vec::new(), Vec::<u8>::new());
        for piece in pieces {
            tail.extend_from_slice(piece);
            loop {
                let step = client.step(&tail);
                let (consumed, idle) = (step.consumed, step.event.is_none() && step.consumed == 0);
                match step.event {
                    Some(Event::Content(octets)) => content.extend_from_slice(octets),
                    Some(event) => {
                        if !content.is_empty() {
                            events.push(format!(
                                "Content {:?}",
                                String::from_utf8_lossy(&std::mem::take(&mut content))
                            ));
                        }
                        events.push(format!("{event:?}"));
                    }
                    None => {}
                }
                tail.drain(..consumed);
                if idle || tail.is_empty() {
                    break;
                }
            }
        }
        if !content.is_empty() {
            events.push(format!("Content {:?}", String::from_utf8_lossy(&content)));
        }
        events.push(format!("{:?}", client.end(&tail)));
        events
    }

    #[test]
    fn a_session_is_read_in_order() {
        let wire = b"+OK hi\r\n-ERR no\r\n+OK\r\na\r\n..b\r\n.\r\n+ abc=\r\n+OK\r\nextra\r\n";
        let shapes = [Shape::Multi, Shape::Multi, Shape::Exchange, Shape::Single];
        let events = events(&shapes, &[wire]);
        assert!(events[0].contains("last: true"), "{events:?}");
        assert!(events[1].contains("Err"), "{events:?}");
        assert!(events[2].contains("content_follows: true"), "{events:?}");
        assert_eq!(events[3], "Content \"a\\r\\n.b\\r\\n\"");
        assert!(events[4].starts_with("End"), "{events:?}");
        assert!(events[5].starts_with("Continuation"), "{events:?}");
        assert!(events[7].starts_with("Unsolicited"), "{events:?}");
        assert_eq!(events[8], "None");
    }

    #[test]
    fn a_line_feed_alone_ends_no_content() {
        let events = events(&[Shape::Multi], &[b"+OK\r\n+OK\r\na\n.\n.x\r\n.\r\n"]);
        assert_eq!(events[2], "Content \"a\\n.\\n.x\\r\\n\"");
        assert!(events[3].contains("ContentBareLf"), "{events:?}");
    }

    #[test]
    fn an_endless_line_breaks_the_machine_and_nothing_else() {
        let long = vec![b'x'; 100];
        assert_eq!(events(&[], &[&long, b"\r\n+OK\r\n"])[0], "Endless");
    }

    #[test]
    fn a_session_costs_little() {
        assert!(size_of::<Client>() <= 128, "{}", size_of::<Client>());
    }

    fn shape() -> impl Strategy<Value = Shape> {
        prop_oneof![Just(Shape::Single), Just(Shape::Multi), Just(Shape::Exchange)]
    }

    const TOKENS: &[&[u8]] = &[
        b"+OK",
        b"-ERR no",
        b"\r\n",
        b"\r",
        b"\n",
        b".",
        b"..",
        b"\r\n.\r\n",
        b"+ YQ==",
        b"text",
        b"\0",
        b"0123456789012345678901234567890123456789",
    ];

    fn wire() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(TOKENS), 0..24).prop_map(|tokens| tokens.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_split_gives_the_same_events(
            shapes in proptest::collection::vec(shape(), 0..6), wire in wire(), cuts in proptest::collection::vec(1usize..9, 0..40),
        ) {
            let mut pieces = Vec::new();
            let mut rest = &wire[..];
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            pieces.push(rest);
            prop_assert_eq!(events(&shapes, &[&wire]), events(&shapes, &pieces));
        }
    }
}

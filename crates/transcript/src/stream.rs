//! The octets of one side of one session on their way to entries: redacted, cut into lines, bodies folded.

use crate::digest::Tally;
use crate::recorder::Log;
use crate::redact::{Redactor, Token};
use crate::secrets::View;
use crate::text::{LineBuilder, LineEnd, Piece, Text};
use crate::transcript::{Entry, Side};

/// Lines of a multi-line reply that are kept; those after them are folded into one entry, but for the terminator.
pub const BODY_LINES: usize = 20;

/// Octets of folded lines that are remembered until the next content, so that one of them can be marked.
pub const REMEMBERED: usize = 256 * 1024;

/// The line that ends a multi-line reply, RFC 1939 section 3.
const TERMINATOR: &[u8] = b".\r\n";

/// One side of one session.
#[derive(Clone)]
pub(crate) struct Stream {
    redactor: Redactor,
    lines: Lines,
}

impl Stream {
    pub(crate) fn new(session: u32, side: Side) -> Stream {
        Stream { redactor: Redactor::default(), lines: Lines::new(session, side) }
    }

    /// Octets came; `content` tells whether they belong to the content of a reply.
    pub(crate) fn feed(&mut self, secrets: &View<'_>, content: bool, octets: &[u8], log: &mut Log) {
        if octets.is_empty() {
            return;
        }
        if self.lines.content != content {
            self.break_off(secrets, log);
            self.lines.content = content;
            self.lines.shown = 0;
            if content {
                self.lines.folded = None;
            }
        }
        self.redactor.feed(secrets, octets, &mut |token| self.lines.take(token, log));
    }

    /// Gives out lines that were held back since a secret may go on behind their end: somebody else speaks now, and
    /// lines stand in the order in which they were said.
    pub(crate) fn settle(&mut self, secrets: &View<'_>, log: &mut Log) {
        if self.redactor.holds_line() {
            self.redactor.flush(secrets, &mut |token| self.lines.take(token, log));
        }
    }

    /// Whatever is not complete becomes an entry as it is.
    pub(crate) fn break_off(&mut self, secrets: &View<'_>, log: &mut Log) {
        self.redactor.flush(secrets, &mut |token| self.lines.take(token, log));
        self.lines.break_off(log);
    }

    /// Nothing more comes: what is not complete becomes an entry as it is, and no buffer is kept.
    pub(crate) fn end(&mut self, secrets: &View<'_>, log: &mut Log) {
        self.break_off(secrets, log);
        (self.redactor, self.lines.folded) = (Redactor::default(), None);
    }

    /// What was folded last of the last content, as far as it is remembered.
    pub(crate) fn folded(&self) -> Option<&[u8]> {
        self.lines.folded.as_deref()
    }

    /// Count and hash of all octets so far that were not held back.
    pub(crate) fn wire(&self) -> &Tally {
        &self.lines.wire
    }
}

#[derive(Clone)]
struct Lines {
    session: u32,
    side: Side,
    content: bool,
    wire: Tally,
    line: LineBuilder,
    /// Lines of the current body that were kept.
    shown: usize,
    fold: Fold,
    /// The octets of the last fold.
    folded: Option<Vec<u8>>,
}

impl Lines {
    fn new(session: u32, side: Side) -> Lines {
        Lines {
            session,
            side,
            content: false,
            wire: Tally::default(),
            line: LineBuilder::default(),
            shown: 0,
            fold: Fold::default(),
            folded: None,
        }
    }

    fn take(&mut self, token: Token<'_>, log: &mut Log) {
        self.wire.add(token);
        match token {
            Token::Octets(octets) => {
                for part in octets.split_inclusive(|octet| *octet == b'\n') {
                    self.part(part, log);
                }
            }
            Token::Secret(length) if self.is_folding() => self.fold.secret(length),
            Token::Secret(length) => self.line.secret(length),
        }
    }

    /// Octets with at most one line feed, which is the last of them.
    fn part(&mut self, part: &[u8], log: &mut Log) {
        if self.is_folding() {
            if self.fold.part(part) {
                self.break_off(log);
            }
            return;
        }
        match part {
            [before @ .., b'\n'] => {
                self.line.octets(before);
                self.finish_line(true, log);
            }
            unfinished => self.line.octets(unfinished),
        }
    }

    fn is_folding(&self) -> bool {
        // A line that began to be kept is kept to its end.
        self.content && self.shown >= BODY_LINES && self.line.is_empty()
    }

    fn finish_line(&mut self, line_feed: bool, log: &mut Log) {
        let text = self.line.finish(line_feed);
        self.shown = if self.content && is_terminator(&text) { 0 } else { self.shown + 1 };
        log.push(Entry::Line { session: self.session, side: self.side, content: self.content, text });
    }

    /// Ends the fold, and the line that is not complete.
    fn break_off(&mut self, log: &mut Log) {
        let (fold, start) = self.fold.finish();
        if let Some((lines, tally, folded)) = fold {
            self.folded = folded;
            log.push(Entry::Folded {
                session: self.session,
                side: self.side,
                lines,
                octets: tally.octets(),
                sha256: tally.sha256(),
            });
        }
        match start.as_slice() {
            [before @ .., b'\n'] => {
                self.line.octets(before);
                self.finish_line(true, log);
            }
            start => self.line.octets(start),
        }
        if !self.line.is_empty() {
            self.finish_line(false, log);
        }
    }
}

fn is_terminator(text: &Text) -> bool {
    text.end() == LineEnd::CrLf && matches!(text.pieces(), [Piece::Octets(octets)] if octets == b".")
}

/// How many lines, their sums, and their octets if they are remembered.
type Folded = (u64, Tally, Option<Vec<u8>>);

/// Lines that are only counted and hashed.
#[derive(Clone, Default)]
struct Fold {
    lines: u64,
    tally: Tally,
    /// The octets themselves, as long as they are few and without secrets.
    octets: Vec<u8>,
    forgotten: bool,
    /// The current line, as long as it may become the terminator, which is kept.
    start: Vec<u8>,
    /// The current line has octets, and is not the terminator.
    in_line: bool,
}

impl Fold {
    /// True if this completed the terminator.
    fn part(&mut self, part: &[u8]) -> bool {
        if self.in_line {
            self.add(part);
        } else {
            self.start.extend_from_slice(part);
            if TERMINATOR.starts_with(&self.start) {
                return self.start.len() == TERMINATOR.len();
            }
            self.take_start();
        }
        if part.ends_with(b"\n") {
            self.lines += 1;
            self.in_line = false;
        }
        false
    }

    fn secret(&mut self, length: u64) {
        self.take_start();
        self.tally.add(Token::Secret(length));
        self.forget();
    }

    fn take_start(&mut self) {
        let start = std::mem::take(&mut self.start);
        self.add(&start);
        self.in_line = true;
    }

    fn add(&mut self, octets: &[u8]) {
        self.tally.add(Token::Octets(octets));
        if self.octets.len() + octets.len() > REMEMBERED {
            self.forget();
        } else if !self.forgotten {
            self.octets.extend_from_slice(octets);
        }
    }

    fn forget(&mut self) {
        self.forgotten = true;
        self.octets = Vec::new();
    }

    /// Lines and their sums, if there are any, and the start of a line that may be, or is, the terminator.
    fn finish(&mut self) -> (Option<Folded>, Vec<u8>) {
        let Fold { lines, tally, octets, forgotten, start, in_line } = std::mem::take(self);
        let lines = lines + u64::from(in_line);
        ((lines > 0).then_some((lines, tally, (!forgotten).then_some(octets))), start)
    }
}

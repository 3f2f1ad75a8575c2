//! Output: lines that are ready, and at most one body that is produced as it is taken.
//!
//! However large a message or a listing is, no more than a few KiB of it exist here at a time. What is sent is
//! decided elsewhere; this module only stuffs and terminates it (RFC 1939 section 3).

use std::ops::Deref;
use std::sync::Arc;

use memchr::memmem;

/// How much of a body is made ready at once, before stuffing.
const PIECE: usize = 4096;

/// Room for the lines of nearly every reply.
const LINES: usize = 128;

/// Everything that waits to be written.
#[derive(Default)]
pub(crate) struct Output {
    ready: Vec<u8>,
    written: usize,
    body: Option<Box<Body>>,
}

/// The octets of a message.
pub(crate) enum Octets {
    /// Of a stored one.
    Shared(Arc<[u8]>),
    /// Made for this transfer.
    Made(Vec<u8>),
}

/// What follows a positive status line.
pub(crate) enum Body {
    /// A message or its top.
    Content(Content),
    /// A listing, line by line without line ends.
    Lines(Box<dyn Iterator<Item = Vec<u8>> + Send>),
    /// The same without an allocation for each line.
    Listing(Box<NextLine>),
}

/// Appends a line without its end; false if there is none.
pub(crate) type NextLine = dyn FnMut(&mut Vec<u8>) -> bool + Send;

/// The octets of a message that are to be sent.
pub(crate) struct Content {
    octets: Octets,
    position: usize,
    end: usize,
    stuffing: Stuffing,
    ending: Ending,
}

/// How dots are treated; all but the first are wrong.
pub(crate) enum Stuffing {
    /// Every line that begins with a dot gets another.
    Right,
    /// The same but for lines that begin at certain octets of the content.
    Forgetful(Forgetful),
}

/// A stuffer that forgets.
pub(crate) struct Forgetful {
    forgets: fn(u64) -> bool,
    position: u64,
    tail: [u8; 2],
}

/// How the last line ends; all but the first are wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With CRLF, and a line with a dot.
    Right,
    /// The line with the dot ends with LF alone.
    LineFeed,
    /// A last line without line end gets none before the dot.
    Glued,
}

impl Output {
    /// Whether everything was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.ready.len() && self.body.is_none()
    }

    /// Where lines are written to. Never while a body is being sent.
    pub(crate) fn lines(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.body.is_none(), "a reply in the middle of a body");
        if self.ready.capacity() == 0 {
            self.ready.reserve(LINES);
        }
        &mut self.ready
    }

    /// Throws away what was not taken.
    pub(crate) fn discard(&mut self) {
        *self = Output::default();
    }

    /// Sends this body after the lines that are ready.
    pub(crate) fn start(&mut self, body: Body) {
        self.body = Some(Box::new(body));
    }

    /// Appends at most so many octets of what waits.
    pub(crate) fn transmit(&mut self, out: &mut Vec<u8>, at_most: usize) {
        let mut room = at_most;
        while room > 0 {
            if self.written == self.ready.len() && !self.refill() {
                return;
            }
            let piece = room.min(self.ready.len() - self.written);
            out.extend_from_slice(&self.ready[self.written..self.written + piece]);
            self.written += piece;
            room -= piece;
        }
    }

    /// Makes more of the body ready; false if there is none.
    fn refill(&mut self) -> bool {
        self.written = 0;
        let Some(body) = self.body.as_mut() else {
            // Most of their time sessions have nothing to say, and there are many.
            self.ready = Vec::new();
            return false;
        };
        self.ready.clear();
        let ended = match &mut **body {
            Body::Content(content) => content.fill(&mut self.ready),
            Body::Lines(lines) => {
                let mut next =
                    |out: &mut Vec<u8>| lines.next().map(|line| out.extend_from_slice(&line)).is_some();
                fill_lines(&mut next, &mut self.ready)
            }
            Body::Listing(lines) => fill_lines(lines, &mut self.ready),
        };
        if ended {
            self.body = None;
        }
        true
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Octets::Shared(octets) => octets,
            Octets::Made(octets) => octets,
        }
    }
}

impl From<Octets> for Arc<[u8]> {
    fn from(octets: Octets) -> Arc<[u8]> {
        match octets {
            Octets::Shared(octets) => octets,
            Octets::Made(octets) => octets.into(),
        }
    }
}

impl Content {
    /// The first `end` octets of a message.
    pub(crate) fn new(octets: Octets, end: usize, stuffing: Stuffing, ending: Ending) -> Content {
        Content { octets, position: 0, end, stuffing, ending }
    }

    /// Makes a piece ready; true if it was the last.
    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        let end = self.end.min(self.position + PIECE);
        match &mut self.stuffing {
            Stuffing::Right => stuff(&self.octets, self.position, end, out),
            Stuffing::Forgetful(forgetful) => forgetful.push(&self.octets[self.position..end], out),
        }
        self.position = end;
        if self.position < self.end {
            return false;
        }
        self.finish(out);
        true
    }

    fn finish(&self, out: &mut Vec<u8>) {
        let unfinished = self.end > 0 && !self.octets[..self.end].ends_with(b"\r\n");
        if unfinished && self.ending != Ending::Glued {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(if self.ending == Ending::LineFeed { b".\n" } else { b".\r\n" });
    }
}

impl Stuffing {
    /// As RFC 1939 section 3 has it.
    pub(crate) fn right() -> Stuffing {
        Stuffing::Right
    }

    /// Forgets lines that begin at the octets for which this is true.
    pub(crate) fn forgetful(forgets: fn(u64) -> bool) -> Stuffing {
        Stuffing::Forgetful(Forgetful { forgets, position: 0, tail: *b"\r\n" })
    }
}

impl Forgetful {
    fn push(&mut self, content: &[u8], out: &mut Vec<u8>) {
        for &octet in content {
            if octet == b'.' && self.tail == *b"\r\n" && !(self.forgets)(self.position) {
                out.push(b'.');
            }
            out.push(octet);
            self.tail = [self.tail[1], octet];
            self.position += 1;
        }
    }
}

/// Appends a number in decimal digits. Replies are made of numbers, and the machinery of formatting costs more than
/// all the rest of such a reply.
pub(crate) fn decimal(mut number: u64, out: &mut Vec<u8>) {
    // As many digits as a u64 has at most.
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// Appends a part of the content with a dot before every line that begins with one. The whole content is at hand,
/// so that lines without need not be looked at one by one.
fn stuff(octets: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    let mut copied = from;
    if from == 0 && octets.first() == Some(&b'.') {
        out.push(b'.');
    }
    // A line that begins with this part ends in the one before.
    let searched = from.saturating_sub(1);
    for found in memmem::find_iter(&octets[searched..to], b"\n.") {
        let line_feed = searched + found;
        if line_feed > 0 && octets[line_feed - 1] == b'\r' {
            out.extend_from_slice(&octets[copied..=line_feed]);
            out.push(b'.');
            copied = line_feed + 1;
        }
    }
    out.extend_from_slice(&octets[copied..to]);
}

fn fill_lines(next: &mut dyn FnMut(&mut Vec<u8>) -> bool, out: &mut Vec<u8>) -> bool {
    while out.len() < PIECE {
        if !next(out) {
            out.extend_from_slice(b".\r\n");
            return true;
        }
        out.extend_from_slice(b"\r\n");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{Body, Content, Ending, Octets, Output, PIECE, Stuffing, decimal};

    fn content(octets: &[u8], stuffing: Stuffing, ending: Ending) -> Body {
        Body::Content(Content::new(Octets::Shared(octets.into()), octets.len(), stuffing, ending))
    }

    fn sent(body: Body, at_most: usize) -> Vec<u8> {
        let mut output = Output::default();
        output.lines().extend_from_slice(b"+OK\r\n");
        output.start(body);
        let mut out = Vec::new();
        while !output.is_empty() {
            let before = out.len();
            output.transmit(&mut out, at_most);
            assert!(out.len() > before && out.len() <= before + at_most);
            assert!(output.ready.capacity() <= 4 * PIECE, "{}", output.ready.capacity());
        }
        out
    }

    #[test]
    fn a_body_is_the_same_in_any_portions() {
        let octets: Vec<u8> = b"..\r\nx\r\n.".iter().copied().cycle().take(40_000).collect();
        let whole = sent(content(&octets, Stuffing::right(), Ending::Right), usize::MAX);
        let mut expected = mail::wire(&octets).into_owned();
        assert_eq!(proto::unstuff(&whole[5..]), expected);
        for at_most in [1, 7, 4096, 4097] {
            assert_eq!(sent(content(&octets, Stuffing::right(), Ending::Right), at_most), whole);
        }
        // Forgetting nothing is the same as being right.
        assert_eq!(sent(content(&octets, Stuffing::forgetful(|_| false), Ending::Right), 100), whole);
        expected.splice(..0, *b"+OK\r\n");
        expected.extend_from_slice(b".\r\n");
        assert_eq!(sent(content(&octets, Stuffing::forgetful(|_| true), Ending::Right), 100), expected);
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 9, 10, 228_320, u64::MAX] {
            let mut out = b"n".to_vec();
            decimal(number, &mut out);
            assert_eq!(out, format!("n{number}").into_bytes());
        }
    }

    #[test]
    fn endings() {
        let sent = |octets: &[u8], ending| sent(content(octets, Stuffing::right(), ending), 100);
        assert_eq!(sent(b"", Ending::Right), b"+OK\r\n.\r\n");
        assert_eq!(sent(b"x", Ending::Right), b"+OK\r\nx\r\n.\r\n");
        assert_eq!(sent(b"x\r\n", Ending::Glued), b"+OK\r\nx\r\n.\r\n");
        assert_eq!(sent(b"x", Ending::Glued), b"+OK\r\nx.\r\n");
        assert_eq!(sent(b"x\r\n", Ending::LineFeed), b"+OK\r\nx\r\n.\n");
    }

    #[test]
    fn a_listing_is_made_in_pieces() {
        let lines = || Body::Lines(Box::new((1..=10_000).map(|number: u32| number.to_string().into_bytes())));
        let whole = sent(lines(), usize::MAX);
        assert!(whole.starts_with(b"+OK\r\n1\r\n2\r\n") && whole.ends_with(b"\r\n10000\r\n.\r\n"));
        assert_eq!(sent(lines(), 3), whole);
    }
}

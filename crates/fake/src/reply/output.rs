//! Output: a reply that waits to be taken, its content produced as it is taken.
//!
//! However large a message or a listing is, no more than a few KiB of it exist here at a time.

use machine::Next;
use proto::encode;

use super::delivery::Delivery;
use super::{Content, Reply, Status, Text, Then};

/// Room for the lines of nearly every reply.
const LINES: usize = 128;

/// Everything that waits to be written.
#[derive(Default)]
pub(crate) struct Output {
    ready: Vec<u8>,
    written: usize,
    content: Option<Box<Content>>,
    /// Behind all that: a reply that does not simply leave.
    interrupted: Option<Box<Delivery>>,
}

impl Output {
    /// Whether everything was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.ready.len() && self.content.is_none() && self.interrupted.is_none()
    }

    /// Whether there are octets that may be taken now.
    pub(crate) fn is_ready(&self) -> bool {
        self.written < self.ready.len()
            || self.content.is_some()
            || self.interrupted.as_ref().is_some_and(|delivery| delivery.is_ready())
    }

    /// What the driver is told in the middle of a reply; it is an ending that is told again when asked again.
    pub(crate) fn interruption(&mut self) -> Option<Next> {
        let delivery = self.interrupted.as_mut()?;
        let next = delivery.stop();
        if delivery.is_over() {
            self.interrupted = None;
        }
        next
    }

    /// Sends a reply behind what waits, and gives what is to happen then. Never while content is being sent.
    pub(crate) fn put(&mut self, reply: Reply) -> Then {
        debug_assert!(self.content.is_none(), "a reply in the middle of a message");
        if self.ready.capacity() == 0 {
            self.ready.reserve(LINES);
        }
        let then = reply.then;
        if reply.interruptions.is_empty() {
            status_line(&reply, &mut self.ready);
            self.content = reply.content;
        } else {
            self.interrupted = Some(Box::new(Delivery::of(reply)));
        }
        then
    }

    /// Appends at most so many octets of what waits.
    pub(crate) fn transmit(&mut self, out: &mut Vec<u8>, at_most: usize) {
        let mut room = at_most;
        while room > 0 {
            if self.written == self.ready.len() && !self.refill() {
                return self.transmit_interrupted(out, room);
            }
            let waiting = self.ready.get(self.written..).unwrap_or_default();
            let piece = waiting.get(..room).unwrap_or(waiting);
            out.extend_from_slice(piece);
            self.written += piece.len();
            room -= piece.len();
        }
    }

    fn transmit_interrupted(&mut self, out: &mut Vec<u8>, at_most: usize) {
        if let Some(delivery) = &mut self.interrupted {
            delivery.transmit(out, at_most);
            if delivery.is_over() {
                self.interrupted = None;
            }
        }
    }

    /// Makes more of the content ready; false if there is none.
    fn refill(&mut self) -> bool {
        self.written = 0;
        let Some(content) = self.content.as_mut() else {
            // Most of their time sessions have nothing to say, and there are many.
            self.ready = Vec::new();
            return false;
        };
        self.ready.clear();
        if content.fill(&mut self.ready) {
            self.content = None;
        }
        true
    }
}

/// Appends the status line of a reply.
pub(super) fn status_line(reply: &Reply, out: &mut Vec<u8>) {
    match reply.status {
        Status::Ok => out.extend_from_slice(b"+OK "),
        Status::Err => out.extend_from_slice(b"-ERR "),
        Status::Challenge => return encode::continuation(out, &reply.text()),
        Status::Verbatim => return out.extend_from_slice(&reply.text()),
    }
    if let Some(code) = reply.code {
        out.push(b'[');
        out.extend_from_slice(code.as_bytes());
        out.extend_from_slice(b"] ");
    }
    let indicator = out.len();
    match &reply.text {
        Text::Fixed(text) => out.extend_from_slice(text.as_bytes()),
        Text::Made(text) => out.extend_from_slice(text),
        Text::Numbers(first, second) => {
            decimal(*first, out);
            out.push(b' ');
            decimal(*second, out);
        }
    }
    if out.len() == indicator {
        // Where there is no text, the space before it goes too (RFC 2449 section 3).
        out.pop();
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal digits. Replies are made of numbers, and the machinery of formatting costs more than
/// all the rest of such a reply.
pub(crate) fn decimal(number: u64, out: &mut Vec<u8>) {
    let mut divisor = 1;
    while number / divisor >= 10 {
        divisor *= 10;
    }
    let mut rest = number;
    while divisor > 0 {
        out.push(b'0' + (rest / divisor) as u8);
        rest %= divisor;
        divisor /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Content, Message, Octets, Reply};
    use super::{Output, decimal};

    fn sent(content: Content, at_most: usize) -> Vec<u8> {
        let mut output = Output::default();
        output.put(Reply::ok("so").with(content));
        let mut out = Vec::new();
        while !output.is_empty() {
            let before = out.len();
            output.transmit(&mut out, at_most);
            assert!(out.len() > before && out.len() <= before + at_most);
            assert!(output.ready.capacity() <= 4 * 4096, "{}", output.ready.capacity());
        }
        out
    }

    #[test]
    fn content_is_the_same_in_any_portions() {
        let octets: Vec<u8> = b"..\r\nx\r\n.".iter().copied().cycle().take(40_000).collect();
        let content = || Content::Message(Message::whole(Octets::Shared(octets[..].into())));
        let whole = sent(content(), usize::MAX);
        assert_eq!(proto::unstuff(&whole[8..]), mail::wire(&octets).into_owned());
        for at_most in [1, 7, 4096, 4097] {
            assert_eq!(sent(content(), at_most), whole);
        }
        assert_eq!(content().on_the_wire(), &whole[8..]);
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 9, 10, 99, 100, 228_320, u64::MAX] {
            let mut out = b"n".to_vec();
            decimal(number, &mut out);
            assert_eq!(out, format!("n{number}").into_bytes());
        }
    }

    #[test]
    fn a_listing_is_made_in_pieces() {
        let lines = || Content::lines((1..=10_000).map(|number: u32| number.to_string().into_bytes()));
        let whole = sent(lines(), usize::MAX);
        assert!(whole.starts_with(b"+OK so\r\n1\r\n2\r\n") && whole.ends_with(b"\r\n10000\r\n.\r\n"));
        assert_eq!(sent(lines(), 3), whole);
    }

    #[test]
    fn status_lines() {
        assert_eq!(Reply::coded("AUTH", "No").line(), b"-ERR [AUTH] No\r\n");
        assert_eq!(Reply::numbers(2, 320).line(), b"+OK 2 320\r\n");
        assert_eq!(Reply::challenge("").line(), b"+ \r\n");
        assert_eq!(Reply::verbatim("+OK\n").line(), b"+OK\n");
        assert_eq!(Reply::ok("").line(), b"+OK\r\n");
        assert_eq!(Reply::nothing().line(), b"");
    }
}

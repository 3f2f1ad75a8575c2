//! What follows a status line: a message or a listing, stuffed and ended as RFC 1939 section 3 has it, piece by piece.

use std::ops::Deref;
use std::sync::Arc;

use memchr::memmem;

/// How much is made ready at once, before stuffing.
const PIECE: usize = 4096;

/// The lines or the message behind a status line.
pub(crate) enum Content {
    /// A message or its top.
    Message(Message),
    /// A listing, line by line without line ends.
    Lines(Box<NextLine>),
    /// Octets as they are, stuffing and last line included.
    Verbatim(Vec<u8>),
}

/// Appends a line without its end; false if there is none.
pub(crate) type NextLine = dyn FnMut(&mut Vec<u8>) -> bool + Send;

/// The octets of a message that are to be sent.
pub(crate) struct Message {
    octets: Octets,
    position: usize,
    end: usize,
}

/// The octets of a message.
pub(crate) enum Octets {
    /// Of a stored one.
    Shared(Arc<[u8]>),
    /// Made for this transfer.
    Made(Vec<u8>),
}

impl Content {
    /// A listing of lines that are there already.
    pub(crate) fn lines(lines: impl IntoIterator<Item = Vec<u8>, IntoIter: Send + 'static>) -> Content {
        let mut lines = lines.into_iter();
        Content::Lines(Box::new(move |out| lines.next().map(|line| out.extend_from_slice(&line)).is_some()))
    }

    /// All of it as it is sent, with stuffing and the last line.
    pub(crate) fn on_the_wire(mut self) -> Vec<u8> {
        let (mut all, mut piece) = (Vec::new(), Vec::new());
        loop {
            // Each piece by itself: a full buffer takes no more lines.
            let is_last = self.fill(&mut piece);
            all.append(&mut piece);
            if is_last {
                return all;
            }
        }
    }

    /// Makes a piece ready; true if it was the last.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        match self {
            Content::Message(message) => message.fill(out),
            Content::Lines(lines) => fill_lines(lines, out),
            Content::Verbatim(octets) => {
                out.append(octets);
                true
            }
        }
    }
}

impl Message {
    /// A whole message.
    pub(crate) fn whole(octets: Octets) -> Message {
        let end = octets.len();
        Message { octets, position: 0, end }
    }

    /// The first `end` octets of a message.
    pub(crate) fn top(octets: Octets, end: usize) -> Message {
        let end = end.min(octets.len());
        Message { octets, position: 0, end }
    }

    /// What is sent, neither stuffed nor ended.
    pub(crate) fn octets(&self) -> &[u8] {
        self.octets.get(..self.end).unwrap_or_default()
    }

    fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        let end = self.end.min(self.position + PIECE);
        stuff(&self.octets, self.position, end, out);
        self.position = end;
        if self.position < self.end {
            return false;
        }
        if !self.octets().is_empty() && !self.octets().ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
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

/// Appends a part of the content with a dot before every line that begins with one. The whole content is at hand,
/// so that lines without need not be looked at one by one.
fn stuff(octets: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    let mut copied = from;
    if from == 0 && octets.first() == Some(&b'.') {
        out.push(b'.');
    }
    // A line that begins with this part ends in the one before.
    let searched = from.saturating_sub(1);
    let part = octets.get(searched..to).unwrap_or_default();
    for found in memmem::find_iter(part, b"\n.") {
        let line_feed = searched + found;
        let before = line_feed.checked_sub(1).and_then(|at| octets.get(at));
        if before == Some(&b'\r') {
            out.extend_from_slice(octets.get(copied..=line_feed).unwrap_or_default());
            out.push(b'.');
            copied = line_feed + 1;
        }
    }
    out.extend_from_slice(octets.get(copied..to).unwrap_or_default());
}

fn fill_lines(next: &mut NextLine, out: &mut Vec<u8>) -> bool {
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
    use super::{Content, Message, Octets, PIECE};

    #[test]
    fn endings() {
        let sent =
            |octets: &[u8]| Content::Message(Message::whole(Octets::Shared(octets.into()))).on_the_wire();
        assert_eq!(sent(b""), b".\r\n");
        assert_eq!(sent(b"x"), b"x\r\n.\r\n");
        assert_eq!(sent(b"x\r\n"), b"x\r\n.\r\n");
        assert_eq!(sent(b".\r\n\n.x\r.\r\n..\r\n"), b"..\r\n\n.x\r.\r\n...\r\n.\r\n");
        assert_eq!(
            Content::Message(Message::top(Octets::Shared(b"ab"[..].into()), 1)).on_the_wire(),
            b"a\r\n.\r\n"
        );
    }

    #[test]
    fn a_listing_longer_than_a_piece_ends() {
        let lines = (0..PIECE).map(|number| number.to_string().into_bytes());
        let sent = Content::lines(lines).on_the_wire();
        assert!(sent.starts_with(b"0\r\n1\r\n") && sent.ends_with(b"\r\n.\r\n"));
        assert_eq!(sent.split(|octet| *octet == b'\n').count(), PIECE + 2);
    }
}

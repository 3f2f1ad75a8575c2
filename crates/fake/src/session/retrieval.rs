//! RETR and TOP (RFC 1939 sections 5 and 7): which octets of a message are sent, and how.
//!
//! The octets stream from the store; a copy is made only where a defect alters them.

use proto::Verb;

use super::transaction::{Transaction, size};
use super::{Arguments, Session};
use crate::Defect;
use crate::maildrop::Message;
use crate::transfer::{Body, Content, Ending, Octets, Stuffing};

const MEBIBYTE: usize = 1024 * 1024;

impl Session {
    pub(super) fn retr(&mut self, transaction: &Transaction, arguments: &Arguments<'_>) {
        let [word] = arguments.words[..] else { return self.err("RETR takes one message number") };
        let Some(index) = self.find(transaction, Verb::Retr, word) else { return };
        if self.cannot_read(index) {
            return;
        }
        let message = &transaction.messages[index];
        if self.broken(Defect::RetrOnce) && self.past.was(Verb::Retr, Some(index as u64 + 1)) {
            return self.err("You just had it");
        }
        if self.broken(Defect::NoLock) && self.is_gone(transaction, message) {
            return self.err("That message is gone");
        }
        if self.refuses_utf8(message) {
            return;
        }
        let octets = self.world.octets(transaction.owner, message);
        self.past.large = octets.len() > MEBIBYTE;
        self.past.retrievals = self.past.retrievals.saturating_add(1);
        self.past.large_transfers = self.past.large_transfers.saturating_add(u32::from(self.past.large));
        let octets = self.content(message, octets, index, Verb::Retr);
        let ending = if self.broken(Defect::RetrGlued) { Ending::Glued } else { Ending::Right };
        let end = octets.len();
        self.ok(&format!("{} octets", size(self.defects, message)));
        self.output.start(Body::Content(Content::new(octets, end, self.stuffing(Verb::Retr), ending)));
    }

    pub(super) fn top(&mut self, transaction: &mut Transaction, arguments: &Arguments<'_>) {
        let [word, lines] = arguments.words[..] else {
            return self.err("TOP takes a message number and a number of lines");
        };
        let Some(lines) = self.line_count(lines) else { return self.err("Not a number of lines") };
        let Some(index) = self.find(transaction, Verb::Top, word) else { return };
        if self.cannot_read(index) {
            return;
        }
        let message = &transaction.messages[index];
        if self.refuses_utf8(message) {
            return;
        }
        if self.broken(Defect::TopTooMany) && lines > 100_000 {
            return self.err("Too many lines");
        }
        let octets = self.world.octets(transaction.owner, message);
        let octets = self.content(message, octets, index, Verb::Top);
        let number = index as u64 + 1;
        let end = match lines {
            0 if self.broken(Defect::TopZeroIsAll) => octets.len(),
            1.. if self.broken(Defect::TopOffByOne) => end_of_top(&octets, lines.saturating_add(1)),
            _ => end_of_top(&octets, lines),
        };
        let same = self.past.was(Verb::Retr, Some(number));
        let ending = if self.broken(Defect::TerminatorLf) && lines == 0 && same {
            Ending::LineFeed
        } else {
            Ending::Right
        };
        let after_another = self.past.number_of(Verb::Retr).is_some() && !same;
        if self.broken(Defect::UidlAfterTop) && after_another {
            transaction.remembered.touched.insert(message.ordinal());
        }
        self.ok("Top of message follows");
        self.output.start(Body::Content(Content::new(octets, end, self.stuffing(Verb::Top), ending)));
    }

    /// Refuses a message that is there. A defect.
    fn cannot_read(&mut self, index: usize) -> bool {
        let refused = self.broken(Defect::RetrRefused) && index == 3;
        if refused {
            self.err("The message cannot be read");
        }
        refused
    }

    /// Sends a message that is not there. A defect.
    pub(super) fn send_nothing(&mut self) {
        self.ok("0 octets");
        self.output.start(Body::Lines(Box::new(std::iter::empty())));
    }

    fn line_count(&self, word: &[u8]) -> Option<u64> {
        let negative = word.strip_prefix(b"-").and_then(proto::number);
        if self.broken(Defect::TopNegative) && negative.is_some() {
            return Some(0);
        }
        proto::number(word)
    }

    /// A message with UTF-8 in its header is not for clients that did not ask for UTF8 (RFC 6856 section 4).
    fn refuses_utf8(&mut self, message: &Message) -> bool {
        let refuses = message.needs_utf8() && !self.utf8 && !self.broken(Defect::Utf8RawAnyway);
        if refuses {
            self.err("[UTF8] That message needs UTF8 mode");
        }
        refuses
    }

    fn is_gone(&self, transaction: &Transaction, message: &Message) -> bool {
        let still_there = self.world.with(transaction.owner, |maildrop| {
            maildrop.messages().iter().any(|stored| stored.ordinal() == message.ordinal())
        });
        !still_there
    }

    fn stuffing(&self, verb: Verb) -> Stuffing {
        match verb {
            Verb::Retr if self.broken(Defect::RetrNoStuffing) => Stuffing::forgetful(|_| true),
            Verb::Retr if self.broken(Defect::RetrFirstLineUnstuffed) => {
                Stuffing::forgetful(|octet| octet == 0)
            }
            Verb::Retr if self.broken(Defect::RetrDotAtBuffer) => {
                Stuffing::forgetful(|octet| octet >= 4096 && octet % 4096 < 64)
            }
            Verb::Top if self.broken(Defect::TopNoStuffing) => Stuffing::forgetful(|_| true),
            _ => Stuffing::right(),
        }
    }

    /// The octets to send of a message: those that were delivered.
    fn content(&self, message: &Message, octets: Octets, index: usize, verb: Verb) -> Octets {
        if self.defects.is_empty() {
            return octets;
        }
        let header = octets.len() - mail::body(&octets).len();
        let mut altered = None;
        if self.broken(Defect::RetrSevenBit) {
            let mut copy = octets.to_vec();
            copy[header..].iter_mut().for_each(|octet| *octet &= 0x7f);
            altered = Some(copy);
        }
        if self.broken(Defect::RetrBareLf) && index == 0 {
            let mut copy = octets.to_vec();
            if let Some(end) = copy.windows(2).position(|pair| pair == b"\r\n") {
                copy[end] = b' ';
            }
            altered = Some(copy);
        }
        if self.broken(Defect::RetrSkipsSeparator) {
            altered = octets.strip_prefix(b"\r\n").map(<[u8]>::to_vec);
        }
        if self.broken(Defect::LargeLosesOctet)
            && verb == Verb::Retr
            && octets.len() > MEBIBYTE
            && self.past.large_transfers > 1
        {
            let mut copy = octets.to_vec();
            copy.remove(MEBIBYTE);
            altered = Some(copy);
        }
        if self.broken(Defect::Utf8Replaces) && self.utf8 && message.needs_utf8() {
            let mut copy = octets.to_vec();
            copy[..header].iter_mut().filter(|octet| !octet.is_ascii()).for_each(|octet| *octet = b'?');
            altered = Some(copy);
        }
        if self.broken(Defect::Utf8AltersAscii) && self.utf8 && octets.is_ascii() {
            altered = Some([b"X-UTF8: yes\r\n", &octets[..]].concat());
        }
        if self.broken(Defect::RetrCorrupt) && verb == Verb::Retr && self.is_third() {
            altered = corrupted(&octets);
        }
        altered.map_or(octets, Octets::Made)
    }

    /// Whether it is the turn of [`Defect::RetrCorrupt`]: every third retrieval of a session, and not always the
    /// same, since many sessions retrieve only one or two.
    fn is_third(&self) -> bool {
        (self.number + u64::from(self.past.retrievals)).is_multiple_of(3)
    }
}

/// A message of load with one letter of the body in the other case; `None` if it is another message.
fn corrupted(octets: &[u8]) -> Option<Vec<u8>> {
    let start = octets.len() - mail::body(octets).len();
    memchr::memmem::find(&octets[..start], b"\r\nX-Poplab-Load:")?;
    let mut copy = octets.to_vec();
    // Not where a line or its dots begin: it is the content that is wrong, not the framing.
    let middle = start + (octets.len() - start) / 2;
    let letter = middle + copy[middle..].iter().position(u8::is_ascii_lowercase)?;
    copy[letter].make_ascii_uppercase();
    Some(copy)
}

/// Where the top of a message ends: after the header, the separator and so many lines of the body.
fn end_of_top(octets: &[u8], lines: u64) -> usize {
    let mut end = octets.len() - mail::body(octets).len();
    for _ in 0..lines {
        match octets[end..].windows(2).position(|pair| pair == b"\r\n") {
            Some(line) => end += line + 2,
            None => return octets.len(),
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::end_of_top;

    #[test]
    fn the_top_is_header_separator_and_lines() {
        let top = |octets: &'static [u8], lines| &octets[..end_of_top(octets, lines)];
        assert_eq!(top(b"A: 1\r\n\r\none\r\ntwo\r\n", 0), b"A: 1\r\n\r\n");
        assert_eq!(top(b"A: 1\r\n\r\none\r\ntwo\r\n", 1), b"A: 1\r\n\r\none\r\n");
        assert_eq!(top(b"A: 1\r\n\r\none\r\ntwo", 2), b"A: 1\r\n\r\none\r\ntwo");
        assert_eq!(top(b"A: 1\r\n\r\none\r\n", u64::MAX), b"A: 1\r\n\r\none\r\n");
        assert_eq!(top(b"A: 1\r\n", 1), b"A: 1\r\n");
        assert_eq!(top(b"\r\none\r\n", 0), b"\r\n");
        assert_eq!(top(b"", 7), b"");
        // Only CRLF ends a line of the body.
        assert_eq!(top(b"A: 1\r\n\r\none\ntwo\r\nthree\r\n", 1), b"A: 1\r\n\r\none\ntwo\r\n");
    }
}

//! How much of what a server says is listened to and kept, and for how long: the bounds of one reply.
//!
//! Every loop over what a peer sends has a moment at which it ends and a number of octets after which it ends. What is
//! too long to be kept is still read to its end, within limits, so that the conversation can go on. This module
//! deliberately knows neither sessions nor what a bound that was reached means for a requirement.

use std::time::Duration;

use proto::Verb;
use tokio::time::Instant;

/// One reply may take this many times the patience in all.
const LONGEST: u32 = 10;
/// So many times the patience every reply has, however little has come of it.
const SHORTEST: u32 = 3;
/// Octets in a second that make up for more time: less than any modem ever carried.
const SLOWEST: u64 = 1024;

/// By so many octets the room for a large reply grows at once.
const STEP: usize = 1 << 20;

/// What one reply may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Octets of content that are kept.
    octets: usize,
    /// Lines that are kept.
    lines: usize,
    /// Octets that are read in all. A server that sends more is not listened to any longer.
    read: u64,
    /// Whether a reply of which a part was not kept is of use: a listing is, a message is not.
    usable_in_part: bool,
}

/// The largest fixture has ten million octets; what is larger is somebody's own mail, and is compared with nothing.
const MESSAGE: Bounds = Bounds { octets: 12 << 20, lines: usize::MAX, read: 64 << 20, usable_in_part: false };
/// A million messages may be listed, 80 octets each, and are read. Kept are as many lines as a check could look at.
const LISTING: Bounds = Bounds { octets: 2 << 20, lines: 20_000, read: 256 << 20, usable_in_part: true };
/// Real lists have 10 to 20 lines of at most 512 octets.
const CAPABILITIES: Bounds = Bounds { octets: 128 << 10, lines: 1_000, read: 64 << 20, usable_in_part: true };

impl Bounds {
    /// The bounds of the reply to a command.
    pub(crate) fn of(verb: Option<Verb>) -> Bounds {
        match verb {
            Some(Verb::List | Verb::Uidl) => LISTING,
            Some(Verb::Capa | Verb::Lang) => CAPABILITIES,
            _ => MESSAGE,
        }
    }
}

/// The part of a reply's content that is kept.
pub(crate) struct Kept {
    bounds: Bounds,
    octets: Vec<u8>,
    lines: usize,
    came: u64,
    left_out: u64,
    /// The server ends its lines with LF alone; they are kept as lines that end with CRLF.
    bare: bool,
    after_cr: bool,
}

impl Kept {
    /// Nothing yet.
    pub(crate) fn new(bounds: Bounds, bare: bool) -> Kept {
        Kept { bounds, octets: Vec::new(), lines: 0, came: 0, left_out: 0, bare, after_cr: false }
    }

    /// Takes a piece of content, or as much of it as there is room for.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.came += piece.len() as u64;
        if self.is_full() {
            self.left_out += piece.len() as u64;
            return;
        }
        self.make_room(piece.len());
        let unlimited = self.bounds.lines == usize::MAX && !self.bare;
        if unlimited && self.octets.len() + piece.len() <= self.bounds.octets {
            self.octets.extend_from_slice(piece);
            return;
        }
        let mut rest = piece.len();
        for line in piece.split_inclusive(|octet| *octet == b'\n') {
            if self.lines >= self.bounds.lines || self.octets.len() + line.len() > self.bounds.octets {
                self.leave_out(rest);
                return;
            }
            self.push_line(line);
            rest -= line.len();
        }
    }

    fn push_line(&mut self, line: &[u8]) {
        match line.strip_suffix(b"\n") {
            Some(text) if self.bare && !text.ends_with(b"\r") && !(text.is_empty() && self.after_cr) => {
                self.octets.extend_from_slice(text);
                self.octets.extend_from_slice(b"\r\n");
            }
            _ => self.octets.extend_from_slice(line),
        }
        self.after_cr = line.ends_with(b"\r");
        self.lines += usize::from(line.ends_with(b"\n"));
    }

    /// Room for a piece: half as much again for what is small, and then a step at a time. Several checks may read large
    /// messages at once, and doubling would take twice the memory.
    fn make_room(&mut self, octets: usize) {
        if self.octets.capacity() - self.octets.len() < octets {
            self.octets.reserve_exact(octets + (self.octets.len() / 2).min(STEP));
        }
    }

    /// The rest has no room; neither has the line that it began in. Of what is of use only as a whole nothing is kept
    /// any longer.
    fn leave_out(&mut self, octets: usize) {
        if !self.bounds.usable_in_part {
            self.left_out += (octets + self.octets.len()) as u64;
            self.octets = Vec::new();
            return;
        }
        let whole = self.octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
        self.left_out += (octets + self.octets.len() - whole) as u64;
        self.octets.truncate(whole);
    }

    /// Whether something had no room.
    pub(crate) fn is_full(&self) -> bool {
        self.left_out > 0
    }

    /// Whether what was kept is of use.
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_full() || self.bounds.usable_in_part
    }

    /// Whether more has come than is listened to.
    pub(crate) fn is_endless(&self) -> bool {
        self.came > self.bounds.read
    }

    /// Octets that have come.
    pub(crate) fn came(&self) -> u64 {
        self.came
    }

    /// The octets that were kept, and how many were not.
    pub(crate) fn finish(mut self) -> (Vec<u8>, u64) {
        self.octets.shrink_to_fit();
        (self.octets, self.left_out)
    }
}

/// When a reply must have ended of which so many octets have come: later for one that keeps coming, so that a slow line is
/// borne and a drip is not.
pub(crate) fn deadline(began: Instant, patience: Duration, came: u64) -> Instant {
    let earned = patience * SHORTEST + Duration::from_millis(came * 1000 / SLOWEST);
    began + earned.min(patience * LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Bounds = Bounds { octets: 20, lines: 3, read: 40, usable_in_part: true };

    fn kept(pieces: &[&[u8]], bare: bool) -> (Vec<u8>, u64) {
        let mut kept = Kept::new(SMALL, bare);
        for piece in pieces {
            kept.push(piece);
        }
        kept.finish()
    }

    #[test]
    fn whole_lines_are_kept_and_the_rest_is_counted() {
        assert_eq!(kept(&[b"a\r\nb\r\nc\r\nd\r\n", b"e\r\n"], false), (b"a\r\nb\r\nc\r\n".to_vec(), 6));
        assert_eq!(kept(&[b"a\r\n", b"0123456789", b"0123456789"], false), (b"a\r\n".to_vec(), 20));
        assert_eq!(kept(&[b"a\r\nb"], false), (b"a\r\nb".to_vec(), 0));
    }

    #[test]
    fn a_large_message_takes_little_more_room_than_it_needs_and_one_that_is_too_large_none() {
        let mut kept = Kept::new(MESSAGE, false);
        let piece = [b'x'; 8192];
        while kept.octets.len() + piece.len() <= MESSAGE.octets {
            kept.push(&piece);
            assert!(kept.octets.capacity() <= kept.octets.len() + STEP + piece.len());
        }
        kept.push(&piece);
        assert!(!kept.is_usable() && kept.octets.capacity() == 0);
        assert_eq!(kept.finish(), (Vec::new(), (MESSAGE.octets + piece.len()) as u64));
    }

    #[test]
    fn of_a_server_that_has_no_cr_lines_are_lines_all_the_same() {
        assert_eq!(kept(&[b"a\nb\r", b"\nc"], true), (b"a\r\nb\r\nc".to_vec(), 0));
        assert_eq!(kept(&[b"a\nb\r\n"], false), (b"a\nb\r\n".to_vec(), 0));
    }

    #[test]
    fn a_drip_ends_sooner_than_a_slow_line() {
        let (began, patience) = (Instant::now(), Duration::from_secs(10));
        assert_eq!(deadline(began, patience, 30), began + Duration::from_millis(30_029));
        assert_eq!(deadline(began, patience, 60 << 10), began + Duration::from_secs(90));
        assert_eq!(deadline(began, patience, 60 << 20), began + Duration::from_secs(100));
    }
}

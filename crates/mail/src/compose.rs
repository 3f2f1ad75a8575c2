//! Making messages from a seed: choices, prose, headers, the marker.
//!
//! Everything here depends on the seed and a label alone, and is written so that it does not change with the
//! platform or with a newer version of a dependency: the stream of `ChaCha8Rng` is fixed, and choices are made by
//! our own multiplication. It deliberately does not try to look like real people's mail in its statistics.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use crate::date::rfc5322;
use crate::marker::Marker;

/// Words of prose: lower-case ASCII, so that no line begins with a dot, a blank or `From `.
const WORDS: &[&str] = &[
    "above", "answer", "autumn", "basket", "before", "boat", "bridge", "candle", "carry", "clear", "cloud",
    "copper", "corner", "dust", "early", "east", "engine", "evening", "field", "finger", "forest", "garden",
    "gentle", "glass", "gravel", "harbour", "hill", "hollow", "iron", "island", "journey", "kettle",
    "kitchen", "ladder", "lantern", "letter", "light", "linen", "little", "market", "meadow", "middle",
    "morning", "narrow", "north", "number", "open", "orchard", "paper", "pebble", "plain", "quarter",
    "quiet", "rain", "river", "road", "salt", "shadow", "shore", "silver", "slow", "small", "south", "spoon",
    "stone", "story", "summer", "table", "thread", "timber", "under", "valley", "village", "walnut", "water",
    "west", "wheel", "willow", "window", "winter", "wooden", "yellow",
];

/// Senders and recipients; the domain is reserved for documentation (RFC 2606).
const PEOPLE: &[&str] = &[
    "Alice Carpenter <alice@example.com>",
    "Bob Fisher <bob@example.com>",
    "Carol Mason <carol@example.com>",
    "Dave Miller <dave@example.com>",
    "Erin Shepherd <erin@example.com>",
    "Frank Weaver <frank@example.com>",
];

/// 2020-01-01 00:00:00 UTC in Unix seconds, and how many seconds after it a message may be dated (five years).
const EARLIEST: u64 = 1_577_836_800;
const SPAN: u32 = 5 * 365 * 86_400;

/// A stream of choices that follows from a seed and a label.
///
/// Each message has its own label, so that a new fixture changes none of the others.
pub(crate) struct Chooser(ChaCha8Rng);

impl Chooser {
    pub(crate) fn new(seed: u64, label: &str) -> Chooser {
        let mut hash = Sha256::new();
        hash.update(b"poplab mail 1\0");
        hash.update(seed.to_be_bytes());
        hash.update(label.as_bytes());
        Chooser(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// A number below the bound (which is small, so that the bias of the multiplication does not matter).
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// Arbitrary octets.
    pub(crate) fn octets(&mut self, count: usize) -> Vec<u8> {
        let mut octets = vec![0; count];
        self.0.fill_bytes(&mut octets);
        octets
    }

    /// Lower-case letters without a blank, which nothing on the way may fold.
    pub(crate) fn letters(&mut self, count: usize) -> Vec<u8> {
        self.octets(count).into_iter().map(|octet| b'a' + octet % 26).collect()
    }

    /// Lines of words with CRLF, 52 to 78 octets each, exactly `octets` octets together (but never one alone,
    /// since a line end takes two).
    pub(crate) fn prose(&mut self, octets: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets);
        while out.len() < octets {
            let left = octets - out.len();
            let wanted = 52 + self.below(25) as usize;
            // No remainder may be too short for a line of its own.
            self.line(if left < wanted + 3 { left } else { wanted }, &mut out);
        }
        out
    }

    /// One line of words, `octets` octets with its CRLF, without a blank at either end.
    pub(crate) fn line(&mut self, octets: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let end = start + octets.saturating_sub(2);
        while out.len() < end {
            if out.len() > start {
                out.push(b' ');
            }
            out.extend_from_slice(self.pick(WORDS).as_bytes());
        }
        out.truncate(end);
        if out[start..].ends_with(b" ") {
            out[end - 1] = b',';
        }
        out.extend_from_slice(b"\r\n");
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len() as u32) as usize]
    }
}

/// From, To, Date, Message-ID and Subject, each fixed by the choices.
pub(crate) fn headers(chooser: &mut Chooser, subject: &str) -> Vec<u8> {
    let sender = chooser.pick(PEOPLE);
    headers_from(chooser, sender, subject)
}

/// As [`headers`], with this sender.
pub(crate) fn headers_from(chooser: &mut Chooser, sender: &str, subject: &str) -> Vec<u8> {
    let recipient = chooser.pick(PEOPLE);
    let date = date(chooser);
    let id = crate::content::hexadecimal(&chooser.octets(8));
    format!("From: {sender}\r\nTo: {recipient}\r\nDate: {date}\r\nMessage-ID: <{id}@poplab.test>\r\nSubject: {subject}\r\n")
        .into_bytes()
}

/// A date within five years.
pub(crate) fn date(chooser: &mut Chooser) -> String {
    rfc5322(EARLIEST + u64::from(chooser.below(SPAN)))
}

/// The header fields with the marker behind them: a message that has no body and no separator.
pub(crate) fn marked_header(headers: &[u8], name: &str, seed: u64, body: &[u8]) -> Vec<u8> {
    let marker = Marker::new(name, seed, body);
    [headers, format!("{}: {marker}\r\n", Marker::HEADER).as_bytes()].concat()
}

/// A whole marked message: header, separator, body.
pub(crate) fn message(headers: &[u8], name: &str, seed: u64, body: &[u8]) -> Vec<u8> {
    let mut message = marked_header(headers, name, seed, body);
    message.extend_from_slice(b"\r\n");
    message.extend_from_slice(body);
    message
}

/// A marked plain message of `octets` octets, or a little more if the header alone does not leave room for a line.
pub(crate) fn plain(seed: u64, name: &str, octets: usize) -> Vec<u8> {
    const SHORTEST_BODY: usize = 24;
    let mut chooser = Chooser::new(seed, name);
    let subject = format!("{} {} {}", chooser.pick(WORDS), chooser.pick(WORDS), chooser.pick(WORDS));
    let mut headers = headers(&mut chooser, &subject);
    headers.extend_from_slice(b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n");
    // The marker is as long for every body.
    let header = marked_header(&headers, name, seed, b"").len() + 2;
    let body = chooser.prose(octets.saturating_sub(header).max(SHORTEST_BODY));
    message(&headers, name, seed, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_has_exactly_the_size_asked_for() {
        for octets in (2..400).chain([0]) {
            let prose = Chooser::new(1, "prose").prose(octets);
            assert_eq!(prose.len(), octets);
            for line in prose.split_inclusive(|octet| *octet == b'\n') {
                assert!(line.ends_with(b"\r\n") && line.len() <= 78, "{octets}");
                assert!(!line.starts_with(b".") && !line.starts_with(b" ") && !line.ends_with(b" \r\n"));
            }
        }
    }

    #[test]
    fn choices_depend_on_seed_and_label() {
        let first = Chooser::new(1, "a").octets(16);
        assert_eq!(first, Chooser::new(1, "a").octets(16));
        assert_ne!(first, Chooser::new(2, "a").octets(16));
        assert_ne!(first, Chooser::new(1, "b").octets(16));
    }
}

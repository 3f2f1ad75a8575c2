//! The text that all bodies are cut from, and its checksums.
//!
//! One text for all seeds: it is made once in a process and its checksums with it, and what tells messages apart
//! is where they are cut and how they end, not the words. There are deliberately only a few places to cut from,
//! each of which costs some 120 KB of checksums.

use std::sync::{LazyLock, OnceLock};

use crc32fast::Hasher;
use memchr::{memchr, memrchr};
use sha2::{Digest as _, Sha256};

use crate::compose::{Chooser, date};

/// Octets of the text.
const LENGTH: usize = 1024 * 1024;

/// One line in so many begins with a dot.
const DOTTED: u32 = 24;

/// Checksums are kept for every so many octets, and for a body's first LENGTH octets.
const STRIDE: usize = 1024;

/// How many places bodies begin at.
const PLACES: usize = 4;

/// How many dates messages have.
const DATES: usize = 64;

/// The text. Made at the first use.
static TEXT: LazyLock<Text> = LazyLock::new(Text::new);

/// The text, where bodies begin in it, and what else messages share.
pub(super) struct Text {
    octets: Vec<u8>,
    places: [Place; PLACES],
    dates: Vec<String>,
}

/// A line at which bodies begin.
struct Place {
    start: usize,
    checksums: OnceLock<Vec<Checksums>>,
}

/// The state of both checksums behind so many octets.
#[derive(Clone)]
struct Checksums {
    sha256: Sha256,
    crc32: u32,
}

impl Text {
    pub(super) fn shared() -> &'static Text {
        &TEXT
    }

    /// Appends whole lines of text, at most so many octets and fewer only by a part of a line. `key` chooses the
    /// place.
    pub(super) fn write(&self, key: u64, at_most: usize, out: &mut Vec<u8>) {
        let start = self.place(key).start;
        let first = LENGTH - start;
        if at_most <= first {
            return out.extend_from_slice(&self.octets[start..start + self.lines(start, at_most)]);
        }
        out.extend_from_slice(&self.octets[start..]);
        let mut left = at_most - first;
        while left > LENGTH {
            out.extend_from_slice(&self.octets);
            left -= LENGTH;
        }
        out.extend_from_slice(&self.octets[..self.lines(0, left)]);
    }

    /// SHA-256 and CRC-32 of a body that begins with `lines` octets written with this key.
    pub(super) fn checksums(&self, key: u64, body: &[u8], lines: usize) -> ([u8; 32], u32) {
        let known = self.known(key);
        let strides = (lines / STRIDE).min(known.len() - 1);
        let Checksums { mut sha256, crc32 } = known[strides].clone();
        let rest = &body[strides * STRIDE..];
        sha256.update(rest);
        let mut hasher = Hasher::new_with_initial(crc32);
        hasher.update(rest);
        (sha256.finalize().into(), hasher.finalize())
    }

    /// A date as a header field has it, 31 octets.
    pub(super) fn date(&self, key: u64) -> &str {
        &self.dates[(key / PLACES as u64 % DATES as u64) as usize]
    }

    fn new() -> Text {
        let mut chooser = Chooser::new(0, "load text");
        let mut octets = chooser.prose(LENGTH);
        let mut line = 0;
        while line < LENGTH {
            if chooser.below(DOTTED) == 0 {
                octets[line] = b'.';
            }
            line = line_end(&octets, line);
        }
        let starts = std::array::from_fn(|place| {
            let start = if place == 0 { 0 } else { line_end(&octets, place * (LENGTH / PLACES)) };
            Place { start, checksums: OnceLock::new() }
        });
        let dates = (0..DATES).map(|_| date(&mut chooser)).collect();
        Text { octets, places: starts, dates }
    }

    fn place(&self, key: u64) -> &Place {
        &self.places[(key % PLACES as u64) as usize]
    }

    /// How many octets of whole lines there are among so many from here on.
    fn lines(&self, start: usize, octets: usize) -> usize {
        memrchr(b'\n', &self.octets[start..start + octets]).map_or(0, |line_feed| line_feed + 1)
    }

    /// The checksums behind 0, 1, 2… strides from a place.
    fn known(&self, key: u64) -> &[Checksums] {
        let place = self.place(key);
        place.checksums.get_or_init(|| {
            let lap = [&self.octets[place.start..], &self.octets[..place.start]].concat();
            let (mut sha256, mut hasher) = (Sha256::new(), Hasher::new());
            let mut known = vec![Checksums { sha256: sha256.clone(), crc32: 0 }];
            for stride in lap.chunks_exact(STRIDE) {
                sha256.update(stride);
                hasher.update(stride);
                known.push(Checksums { sha256: sha256.clone(), crc32: hasher.clone().finalize() });
            }
            known
        })
    }
}

/// Where the line that goes on here ends.
fn line_end(octets: &[u8], from: usize) -> usize {
    memchr(b'\n', &octets[from..]).map_or(octets.len(), |line_feed| from + line_feed + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_legal_and_some_begin_with_dots() {
        let text = Text::shared();
        assert_eq!(text.octets.len(), LENGTH);
        let lines: Vec<&[u8]> = crate::content::lines(&text.octets).collect();
        assert!(lines.iter().all(|line| line.ends_with(b"\r\n") && line.len() <= 78));
        assert!(lines.iter().all(|line| line.is_ascii() && !line.starts_with(b"From ")));
        let dotted = lines.iter().filter(|line| line.starts_with(b".")).count();
        assert!((lines.len() / 30..lines.len() / 18).contains(&dotted), "{dotted} of {}", lines.len());
    }

    #[test]
    fn checksums_are_those_of_the_octets() {
        for key in 0..PLACES as u64 {
            for at_most in [0, 50, 5_000, STRIDE * 3, LENGTH - 10, LENGTH, LENGTH + 70_000, 3 * LENGTH + 5] {
                let mut body = Vec::new();
                Text::shared().write(key, at_most, &mut body);
                assert!(body.len() <= at_most && at_most - body.len() < 80, "{at_most} {}", body.len());
                assert!(body.is_empty() || body.ends_with(b"\r\n"));
                let lines = body.len();
                body.extend_from_slice(b"last\r\n");
                let (sha256, crc32) = Text::shared().checksums(key, &body, lines);
                assert_eq!(sha256[..], Sha256::digest(&body)[..], "{key} {at_most}");
                assert_eq!(crc32, crc32fast::hash(&body), "{key} {at_most}");
            }
        }
    }
}

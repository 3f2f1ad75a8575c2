//! One line of the wire as it is kept: literal octets, folded runs, placeholders of secrets, and its line end.
//!
//! How a line looks in a rendering is the business of `notation`.

use std::fmt;

use crate::digest::Tally;
use crate::notation;
use crate::redact::Token;

/// Up to so many equal octets or characters in a row are shown one by one; more are folded to a run.
pub const RUN: usize = 40;

/// Octets of a line that are kept; what comes after them is counted and hashed. A run costs as little as a word.
pub const LINE_KEPT: usize = 4096;

/// Octets a line can stand for at most, runs unfolded, so that nobody's transcript makes [`Text::octets`] eat memory.
pub(crate) const LINE_OCTETS: u64 = 16 << 20;

/// What a run or a placeholder costs of [`LINE_KEPT`].
const FOLDED_COST: usize = 16;

/// Part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Octets as they went over the wire.
    Octets(Vec<u8>),
    /// More than [`RUN`] times the same octet.
    Run {
        /// The octet.
        octet: u8,
        /// How often it stood there.
        count: u64,
    },
    /// A secret, or what a secret looks like in base64, of this many octets stood here.
    Secret(u64),
}

/// How a line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// As the protocol demands.
    CrLf,
    /// A line feed without carriage return.
    Lf,
    /// The line broke off: nothing came after it, or a note was taken in mid-line.
    Missing,
}

/// The end of a line that was too long to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Octets not kept, without the line end.
    pub octets: u64,
    /// Their SHA-256, secrets replaced by their placeholder; 64 hexadecimal digits.
    pub sha256: String,
}

/// One line as it is kept. Its `Display` is the notation of the rendering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pieces: Vec<Piece>,
    rest: Option<Rest>,
    end: LineEnd,
}

impl Text {
    /// The parts of the line, without its end.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// What was cut off, if the line was too long.
    pub fn rest(&self) -> Option<&Rest> {
        self.rest.as_ref()
    }

    /// Octets of memory that it takes beside itself, about.
    pub(crate) fn memory(&self) -> usize {
        let behind = |piece: &Piece| match piece {
            Piece::Octets(octets) => octets.len(),
            Piece::Run { .. } | Piece::Secret(_) => 0,
        };
        let rest = self.rest.as_ref().map_or(0, |rest| rest.sha256.len());
        self.pieces.iter().map(|piece| size_of::<Piece>() + behind(piece)).sum::<usize>() + rest
    }

    /// How the line ended.
    pub fn end(&self) -> LineEnd {
        self.end
    }

    /// The exact octets with the line end; `None` if part was redacted or cut off.
    pub fn octets(&self) -> Option<Vec<u8>> {
        if self.rest.is_some() {
            return None;
        }
        let mut out = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Octets(octets) => out.extend_from_slice(octets),
                Piece::Run { octet, count } => out.resize(out.len() + usize::try_from(*count).ok()?, *octet),
                Piece::Secret(_) => return None,
            }
        }
        out.extend_from_slice(match self.end {
            LineEnd::CrLf => b"\r\n",
            LineEnd::Lf => b"\n",
            LineEnd::Missing => b"",
        });
        Some(out)
    }

    /// The same line with a cut-off end.
    pub(crate) fn with_rest(self, rest: Rest) -> Text {
        Text { rest: Some(rest), ..self }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&notation::write(self))
    }
}

/// A line that is still coming in. Keeps a bounded part of it; any split of the octets gives the same [`Text`].
#[derive(Clone, Default)]
pub(crate) struct LineBuilder {
    pieces: Vec<Piece>,
    /// What the pieces cost, see [`LINE_KEPT`].
    kept: usize,
    /// Octets the pieces stand for, see [`LINE_OCTETS`].
    length: u64,
    rest: Option<Tally>,
    /// A carriage return came last; whether it belongs to the line end is told by the next octet.
    carriage_return: bool,
}

impl LineBuilder {
    /// No octet came since the last line.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.rest.is_none() && !self.carriage_return
    }

    /// More came than a line keeps.
    pub(crate) fn is_full(&self) -> bool {
        self.rest.is_some()
    }

    /// The line goes on with these octets, in which there is no line feed.
    pub(crate) fn octets(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        self.settle();
        let (octets, carriage_return) = match octets {
            [before @ .., b'\r'] => (before, true),
            all => (all, false),
        };
        for (at, octet) in octets.iter().enumerate() {
            if self.rest.is_some() || !self.keep(*octet) {
                self.overflow(Token::Octets(&octets[at..]));
                break;
            }
        }
        self.carriage_return = carriage_return;
    }

    /// The line goes on with so many times the same octet.
    pub(crate) fn run(&mut self, octet: u8, count: u64) {
        let single = count.min(RUN as u64 + 1);
        for _ in 0..single {
            self.octets(&[octet]);
        }
        let more = count - single;
        if more == 0 {
            return;
        }
        self.settle();
        match self.pieces.last_mut() {
            Some(Piece::Run { octet: same, count })
                if *same == octet && self.rest.is_none() && self.length + more <= LINE_OCTETS =>
            {
                *count += more - 1;
                self.length += more - 1;
                // The last one by itself: if it is a carriage return, it may belong to the line end.
                self.octets(&[octet]);
            }
            // Only the reader gets here, with more than a line may stand for; it refuses a line that ran over.
            _ => self.overflow(Token::Octets(&[octet])),
        }
    }

    /// The line goes on with a secret of this many octets.
    pub(crate) fn secret(&mut self, length: u64) {
        self.settle();
        if self.rest.is_some() || self.kept >= LINE_KEPT {
            self.overflow(Token::Secret(length));
        } else {
            self.pieces.push(Piece::Secret(length));
            self.kept += FOLDED_COST;
        }
    }

    /// A carriage return that came last does not belong to the line end.
    pub(crate) fn settle(&mut self) {
        if std::mem::take(&mut self.carriage_return) && (self.rest.is_some() || !self.keep(b'\r')) {
            self.overflow(Token::Octets(b"\r"));
        }
    }

    /// A line feed came, or nothing comes any more; the builder is empty after it.
    pub(crate) fn finish(&mut self, line_feed: bool) -> Text {
        let end = match (line_feed, self.carriage_return) {
            (true, true) => LineEnd::CrLf,
            (true, false) => LineEnd::Lf,
            (false, _) => LineEnd::Missing,
        };
        if !line_feed {
            self.settle();
        }
        let LineBuilder { pieces, rest, .. } = std::mem::take(self);
        let rest = rest.map(|tally| Rest { octets: tally.octets(), sha256: tally.sha256() });
        Text { pieces, rest, end }
    }

    /// False if the line is full.
    fn keep(&mut self, octet: u8) -> bool {
        if self.length >= LINE_OCTETS {
            return false;
        }
        if let Some(Piece::Run { octet: same, count }) = self.pieces.last_mut()
            && *same == octet
        {
            *count += 1;
            self.length += 1;
            return true;
        }
        if self.kept >= LINE_KEPT {
            return false;
        }
        self.length += 1;
        self.kept += 1;
        if !matches!(self.pieces.last(), Some(Piece::Octets(_))) {
            self.pieces.push(Piece::Octets(Vec::new()));
        }
        let Some(Piece::Octets(octets)) = self.pieces.last_mut() else { return true };
        octets.push(octet);
        let before = octets.len().saturating_sub(RUN + 1);
        if octets.len() > RUN && octets[before..].iter().all(|other| *other == octet) {
            octets.truncate(before);
            if octets.is_empty() {
                self.pieces.pop();
            }
            self.pieces.push(Piece::Run { octet, count: RUN as u64 + 1 });
            self.kept = self.kept - (RUN + 1) + FOLDED_COST;
        }
        true
    }

    fn overflow(&mut self, token: Token<'_>) {
        self.rest.get_or_insert_default().add(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(octets: &[u8]) -> Text {
        let mut builder = LineBuilder::default();
        builder.octets(octets);
        builder.finish(true)
    }

    #[test]
    fn a_run_is_folded_only_beyond_the_limit() {
        assert_eq!(line(&[b'x'; RUN]).pieces(), [Piece::Octets(vec![b'x'; RUN])]);
        assert_eq!(line(&[b'x'; RUN + 1]).pieces(), [Piece::Run { octet: b'x', count: RUN as u64 + 1 }]);
    }

    #[test]
    fn only_the_last_carriage_return_belongs_to_the_line_end() {
        let text = line(b"a\rb\r\r");
        assert_eq!(text.end(), LineEnd::CrLf);
        assert_eq!(text.pieces(), [Piece::Octets(b"a\rb\r".to_vec())]);
        assert_eq!(text.octets().unwrap(), b"a\rb\r\r\n");
    }

    #[test]
    fn a_line_keeps_a_bounded_part() {
        let long: Vec<u8> = (0..100_000_u32).map(|number| b'a' + (number % 7) as u8).collect();
        let text = line(&long);
        assert_eq!(text.pieces(), [Piece::Octets(long[..LINE_KEPT].to_vec())]);
        let rest = text.rest().unwrap();
        assert_eq!(rest.octets, 100_000 - LINE_KEPT as u64);
        let mut tally = Tally::default();
        tally.add(Token::Octets(&long[LINE_KEPT..]));
        assert_eq!(rest.sha256, tally.sha256());
        assert_eq!(text.octets(), None);
    }

    #[test]
    fn a_run_may_be_longer_than_what_a_line_keeps() {
        let text = line(&b"x".repeat(100_000));
        assert_eq!(text.pieces(), [Piece::Run { octet: b'x', count: 100_000 }]);
        assert_eq!(text.octets().unwrap().len(), 100_001);
    }

    #[test]
    fn a_line_keeps_many_runs() {
        let long: Vec<u8> = (0..200_u8).flat_map(|number| [b'a' + number % 2; RUN + 1]).collect();
        assert!(long.len() > LINE_KEPT);
        let text = line(&long);
        assert_eq!((text.pieces().len(), text.rest()), (200, None));
    }

    #[test]
    fn a_run_given_at_once_is_the_run_given_singly() {
        for count in [1, 40, 41, 42, 5000] {
            let mut at_once = LineBuilder::default();
            at_once.run(b'x', count);
            let mut singly = LineBuilder::default();
            (0..count).for_each(|_| singly.octets(b"x"));
            assert_eq!(at_once.finish(true), singly.finish(true), "{count}");
        }
    }
}

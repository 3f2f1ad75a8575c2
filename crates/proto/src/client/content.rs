//! Content of a multi-line reply: where the next piece that needs no change ends, and what is odd about it.
//!
//! Nearly all content is well-formed and has few lines that begin with a dot, so that it is looked at twice only,
//! both times many octets at once: for the next line with a dot, and for anything that could be odd. Where
//! something could be, the careful way decides from the start; both give the same. The dot line itself is the
//! machine's matter, not this module's.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter};

use crate::{Deviation, Deviations};

/// Where a line that begins with a dot may begin. Made once: preparing the search costs as much as a short search.
static DOT_AFTER_LINE_FEED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n."));

/// What is known of the content so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// The server ends its lines with LF alone.
    pub(super) bare: bool,
    /// Within a line, so that a dot is a dot.
    pub(super) line_started: bool,
    after_cr: bool,
    pub(super) deviations: Deviations,
}

impl Content {
    /// At its start; `bare` if the status line ended with LF alone.
    pub(super) fn of(bare: bool) -> Content {
        Content { bare, ..Content::default() }
    }

    /// The longest piece that needs no change: up to the next line that starts with a dot.
    ///
    /// Only the piece is looked at for oddities: what stands behind it may belong to the next reply.
    pub(super) fn take<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let line_feed = DOT_AFTER_LINE_FEED.find(input);
        let piece = line_feed.and_then(|line_feed| input.get(..=line_feed)).unwrap_or(input);
        // In a piece without oddities every LF ends a line, so the one before the dot does too.
        if piece.is_empty() || self.may_be_odd(piece) {
            return self.take_carefully(input);
        }
        let last = piece.last().copied();
        self.line_started = last != Some(b'\n');
        self.after_cr = last == Some(b'\r');
        piece
    }

    /// Whether the piece has a CR without LF, an LF without CR, or a NUL.
    fn may_be_odd(&self, piece: &[u8]) -> bool {
        let lone = |octet: u8, next: u8| u8::from((octet == b'\r') != (next == b'\n'));
        let first = piece.first().is_some_and(|first| self.after_cr != (*first == b'\n'));
        let last = piece.last() == Some(&0);
        // Without a branch, so that the compiler makes it vectors.
        let pairs = piece.iter().zip(piece.get(1..).unwrap_or_default());
        let odd = pairs.fold(0u8, |odd, (octet, next)| odd | lone(*octet, *next) | u8::from(*octet == 0));
        first || last || odd != 0
    }

    /// The same as [`Content::take`] for any octets, line by line.
    fn take_carefully<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let (piece, line_started) = self.cut(input);
        self.note_cr(piece);
        self.deviations.insert_if(memchr(0, piece).is_some(), Deviation::ContentNul);
        self.line_started = line_started;
        self.after_cr = piece.last() == Some(&b'\r');
        piece
    }

    /// The piece, and whether it ends within a line.
    fn cut<'a>(&mut self, input: &'a [u8]) -> (&'a [u8], bool) {
        let ends = memchr_iter(b'\n', input).map(|at| at + 1);
        for (piece, behind) in ends.filter_map(|end| input.split_at_checked(end)) {
            let after_cr = if let [.., last, _] = piece { *last == b'\r' } else { self.after_cr };
            self.deviations.insert_if(!after_cr, Deviation::ContentBareLf);
            if !after_cr && !self.bare {
                continue;
            }
            if let [] | [b'.', ..] = behind {
                return (piece, false);
            }
        }
        (input, true)
    }

    fn note_cr(&mut self, piece: &[u8]) {
        if self.deviations.contains(Deviation::ContentBareCr) {
            return;
        }
        let pending = self.after_cr && piece.first().is_some_and(|octet| *octet != b'\n');
        let bare = |at: usize| piece.get(at + 1).is_some_and(|next| *next != b'\n');
        let inside = memchr_iter(b'\r', piece).any(bare);
        self.deviations.insert_if(pending || inside, Deviation::ContentBareCr);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All pieces of the content and what is known behind each, by the given way to take one.
    fn pieces(
        mut content: Content,
        reads: &[&[u8]],
        take: for<'a> fn(&mut Content, &'a [u8]) -> &'a [u8],
    ) -> Vec<(Vec<u8>, Content)> {
        let mut pieces = Vec::new();
        for read in reads {
            let mut rest = *read;
            while !rest.is_empty() {
                let piece = take(&mut content, rest);
                assert!(!piece.is_empty());
                pieces.push((piece.to_vec(), content));
                rest = &rest[piece.len()..];
            }
        }
        pieces
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        const TOKENS: &[&[u8]] = &[
            b"\r\n",
            b"\r\n",
            b"\r\n",
            b"\r\n.",
            b"\r",
            b"\n",
            b"\n.",
            b".",
            b"\0",
            b"text",
            b"a longer line",
        ];
        let rich = proptest::collection::vec(proptest::sample::select(TOKENS), 0..30);
        let orderly = proptest::collection::vec(proptest::sample::select(&TOKENS[8..]), 0..30);
        prop_oneof![
            rich.prop_map(|tokens| tokens.concat()),
            orderly.prop_map(|tokens| tokens.join(&b"\r\n"[..])),
            proptest::collection::vec(any::<u8>(), 0..80),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_fast_way_and_the_careful_way_give_the_same(
            octets in octets(), cuts in proptest::collection::vec(1usize..20, 0..20),
        ) {
            let mut reads = Vec::new();
            let mut rest = &octets[..];
            for cut in cuts {
                let (read, behind) = rest.split_at(cut.min(rest.len()));
                reads.push(read);
                rest = behind;
            }
            reads.push(rest);
            for (reads, line_started, after_cr, bare) in [
                (&reads[..], false, false, false), (&reads, true, false, false), (&reads, true, true, false),
                (&[&octets], false, false, false), (&reads, false, false, true),
            ] {
                let content = Content { bare, line_started, after_cr, ..Content::default() };
                prop_assert_eq!(
                    pieces(content, reads, Content::take),
                    pieces(content, reads, Content::take_carefully)
                );
            }
        }
    }

    #[test]
    fn orderly_content_is_taken_the_fast_way() {
        let orderly = b"From: a\r\n\r\ntext.\r\n".repeat(100);
        assert!(!Content::default().may_be_odd(&orderly));
        for odd in [&b"a\nb"[..], b"a\rb", b"a\0b", b"\n", b"a\0"] {
            assert!(Content::default().may_be_odd(odd), "{odd:?}");
        }
    }
}

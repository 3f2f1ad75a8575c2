//! How one line of the wire looks in the text: the writer and the reader of a [`Text`].
//!
//! What the writer wrote, the reader gives back exactly. The reader takes a little more (escapes that were not needed,
//! short runs) and brings it into the one canonical form.

use std::fmt::Write as _;

use crate::digest::placeholder;
use crate::render::counted;
use crate::text::{LINE_KEPT, LINE_OCTETS, LineBuilder, LineEnd, Piece, RUN, Rest, Text};

/// What the reader missed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    pub(crate) expected: &'static str,
    /// Where it should have stood, to the end of the line.
    pub(crate) found: String,
}

/// The notation of a line, without line feed.
pub(crate) fn write(text: &Text) -> String {
    let mut writer = Writer { out: String::new(), after_run: false };
    for piece in text.pieces() {
        match piece {
            Piece::Octets(octets) => writer.octets(octets),
            Piece::Run { octet, count } if octet.is_ascii() => writer.run(char::from(*octet), *count),
            Piece::Run { octet, count } => {
                writer.escaped(&[*octet]);
                writer.times(*count);
            }
            Piece::Secret(length) => writer.out.push_str(&placeholder(*length)),
        }
    }
    let mut out = writer.out;
    if let Some(Rest { octets, sha256 }) = text.rest() {
        let _ = write!(out, "‹{}, sha256 {sha256}›", counted(*octets, "octet"));
    }
    match text.end() {
        LineEnd::CrLf if out.ends_with(' ') => {
            // Nobody sees a space at the end of a line, and editors remove it.
            out.pop();
            out.push('␠');
        }
        LineEnd::CrLf => {}
        LineEnd::Lf => out.push('␊'),
        LineEnd::Missing => out.push_str("‹no line end›"),
    }
    out
}

/// Reads the notation of a line, given without line feed.
pub(crate) fn read(notation: &str) -> Result<Text, Mismatch> {
    let mut reader = Reader { left: notation, line: LineBuilder::default() };
    loop {
        let at = reader.left;
        if let Some(text) = reader.end()? {
            return Ok(text);
        }
        if !reader.secret()? {
            let unit = reader.unit()?;
            reader.repeated(&unit)?;
        }
        if reader.line.is_full() {
            return Err(mismatch("a line of at most 4096 octets", at));
        }
    }
}

/// Characters that a terminal or an editor does not show, or that change how others are shown. They are written by
/// their octets. Written out here, and not asked of the Unicode tables of the standard library, because a rendering
/// must not change with the compiler.
pub fn is_invisible(character: char) -> bool {
    matches!(u32::from(character),
        0x00..=0x1F | 0x7F..=0xA0 | 0xAD | 0x34F | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x115F..=0x1160 | 0x1680
        | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x2000..=0x200F | 0x2028..=0x202F | 0x205F..=0x206F | 0x2800 | 0x3000
        | 0x3164 | 0xE000..=0xF8FF | 0xFDD0..=0xFDEF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
        | 0xFFFE..=0xFFFF | 0x1D173..=0x1D17A | 0xE0000..=0x0010_FFFF)
}

struct Writer {
    out: String,
    /// The last that was written is the count of a run: a digit after it would be read as part of the count.
    after_run: bool,
}

impl Writer {
    fn octets(&mut self, octets: &[u8]) {
        for chunk in octets.utf8_chunks() {
            let mut characters = chunk.valid().chars().peekable();
            while let Some(character) = characters.next() {
                let mut count = 1;
                // Runs of single octets are folded before; here are those of longer characters.
                while !character.is_ascii() && characters.next_if_eq(&character).is_some() {
                    count += 1;
                }
                // An invisible character takes several escapes, and a run repeats only one.
                if count > RUN as u64 && !is_invisible(character) {
                    self.run(character, count);
                } else {
                    (0..count).for_each(|_| self.character(character));
                }
            }
            self.escaped(chunk.invalid());
        }
    }

    fn run(&mut self, character: char, count: u64) {
        if character == ' ' {
            self.out.push('␠');
        } else {
            self.character(character);
        }
        self.times(count);
    }

    fn times(&mut self, count: u64) {
        let _ = write!(self.out, " × {count}");
        self.after_run = true;
    }

    fn character(&mut self, character: char) {
        let mut buffer = [0; 4];
        match picture_of(character) {
            Some(picture) => self.out.push(picture),
            None if is_invisible(character) || (self.after_run && character.is_ascii_digit()) => {
                self.escaped(character.encode_utf8(&mut buffer).as_bytes());
            }
            None => {
                if means_something(character) {
                    self.out.push('\\');
                }
                self.out.push(character);
            }
        }
        self.after_run = false;
    }

    fn escaped(&mut self, octets: &[u8]) {
        for octet in octets {
            let _ = write!(self.out, "\\x{octet:02X}");
            self.after_run = false;
        }
    }
}

/// The picture of a control character.
fn picture_of(character: char) -> Option<char> {
    match u32::from(character) {
        code @ 0..0x20 => char::from_u32(0x2400 + code),
        0x7F => Some('␡'),
        _ => None,
    }
}

/// The octet a picture stands for.
fn pictured_by(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ 0x2400..=0x241F => u8::try_from(code - 0x2400).ok(),
        0x2420 => Some(b' '),
        0x2421 => Some(0x7F),
        _ => None,
    }
}

/// Characters that only stand for themselves after a backslash.
fn means_something(character: char) -> bool {
    matches!(character, '\\' | '×' | '‹' | '␀'..='␡')
}

/// One character or octet of the line, in at most four octets.
struct Unit {
    octets: [u8; 4],
    length: usize,
}

impl Unit {
    fn octet(octet: u8) -> Unit {
        Unit { octets: [octet, 0, 0, 0], length: 1 }
    }

    fn character(character: char) -> Unit {
        let mut octets = [0; 4];
        let length = character.encode_utf8(&mut octets).len();
        Unit { octets, length }
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

struct Reader<'a> {
    left: &'a str,
    line: LineBuilder,
}

impl Reader<'_> {
    /// The line, if this is its end.
    fn end(&mut self) -> Result<Option<Text>, Mismatch> {
        let mut rest = None;
        if self.left.starts_with('‹') && !self.left.starts_with("‹secret") && self.left != "‹no line end›"
        {
            // What came before was not the line end, even if it was a carriage return.
            self.line.settle();
            if self.line.is_full() {
                return Err(mismatch("a line of at most 4096 octets", self.left));
            }
            let (found, after) = cut_off(self.left).ok_or_else(|| {
                mismatch("‹secret N›, ‹N octets, sha256 HASH› or, as the last, ‹no line end›", self.left)
            })?;
            (rest, self.left) = (Some(found), after);
        }
        let text = match self.left {
            "" => {
                // CRLF is silent, so a carriage return that is written stands before it.
                self.line.settle();
                self.line.octets(b"\r");
                self.line.finish(true)
            }
            "␊" => self.line.finish(true),
            "‹no line end›" => self.line.finish(false),
            after if rest.is_some() => return Err(mismatch("the end of the line", after)),
            after if after.starts_with('␊') => {
                return Err(mismatch("␊ only at the end of the line", after));
            }
            _ => return Ok(None),
        };
        Ok(Some(match rest {
            Some(rest) => text.with_rest(rest),
            None => text,
        }))
    }

    fn secret(&mut self) -> Result<bool, Mismatch> {
        let Some(after) = self.left.strip_prefix("‹secret") else { return Ok(false) };
        let length = after
            .strip_prefix(' ')
            .and_then(|after| after.split_once('›'))
            .and_then(|(digits, after)| Some((number(digits).filter(|length| *length > 0)?, after)));
        let (length, after) = length.ok_or_else(|| mismatch("‹secret N›", self.left))?;
        self.line.secret(length);
        self.left = after;
        Ok(true)
    }

    fn unit(&mut self) -> Result<Unit, Mismatch> {
        let at = self.left;
        let mut characters = at.chars();
        let first = characters.next().ok_or_else(|| mismatch("a character", at))?;
        let (unit, after) = match first {
            '\\' => match characters.next() {
                Some('x') => {
                    let digits = at.get(2..4).ok_or_else(|| mismatch(ESCAPE, at))?;
                    // Without this, a sign would do for a digit.
                    let digits =
                        Some(digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
                    let octet = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    (Unit::octet(octet.ok_or_else(|| mismatch(ESCAPE, at))?), &at[4..])
                }
                Some(literal) if means_something(literal) => (Unit::character(literal), characters.as_str()),
                _ => return Err(mismatch(ESCAPE, at)),
            },
            '×' => {
                return Err(mismatch(
                    "\\× for the character ×, or a run: one character, \" × \", a number",
                    at,
                ));
            }
            _ => match pictured_by(first) {
                Some(octet) => (Unit::octet(octet), characters.as_str()),
                None => (Unit::character(first), characters.as_str()),
            },
        };
        if unit.octets() == b"\n" {
            return Err(mismatch("a line feed only as ␊ at the end of the line", at));
        }
        self.left = after;
        Ok(unit)
    }

    /// Adds the unit, as often as is said after it.
    fn repeated(&mut self, unit: &Unit) -> Result<(), Mismatch> {
        let counted =
            self.left.strip_prefix(" × ").filter(|after| after.starts_with(|c: char| c.is_ascii_digit()));
        let Some(after) = counted else {
            self.line.octets(unit.octets());
            return Ok(());
        };
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let most = if unit.length == 1 { LINE_OCTETS } else { LINE_KEPT as u64 };
        let count = number(&after[..digits]).filter(|count| (1..=most).contains(count));
        let count = count.ok_or_else(|| mismatch("the length of a run, which a line can hold", after))?;
        match unit.octets() {
            [octet] => self.line.run(*octet, count),
            octets => (0..count).for_each(|_| self.line.octets(octets)),
        }
        self.left = &after[digits..];
        Ok(())
    }
}

const ESCAPE: &str = "after a backslash: xNN (two hexadecimal digits), or one of \\ × ‹ ␀…␡";

/// `‹N octets, sha256 HASH›` and what comes after it.
fn cut_off(text: &str) -> Option<(Rest, &str)> {
    let (inside, after) = text.strip_prefix('‹')?.split_once('›')?;
    let (count, hash) = inside.split_once(", sha256 ")?;
    Some((Rest { octets: count_of(count, "octet")?, sha256: sha256(hash)? }, after))
}

/// The number in `1 line`, `2 lines`.
pub(crate) fn count_of(text: &str, noun: &str) -> Option<u64> {
    let (digits, word) = text.split_once(' ')?;
    let singular = word.strip_suffix('s').unwrap_or(word);
    number(digits).filter(|_| singular == noun)
}

/// Decimal digits, nothing else.
pub(crate) fn number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|_| digits.bytes().all(|digit| digit.is_ascii_digit()))
}

/// 64 hexadecimal digits, in lower case.
pub(crate) fn sha256(hash: &str) -> Option<String> {
    let right = hash.len() == 64 && hash.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    right.then(|| hash.to_owned())
}

fn mismatch(expected: &'static str, found: &str) -> Mismatch {
    Mismatch { expected, found: found.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(octets: &[u8]) -> String {
        let mut line = LineBuilder::default();
        line.octets(octets);
        let text = line.finish(true);
        let notation = write(&text);
        assert_eq!(read(&notation).as_ref(), Ok(&text), "{notation}");
        notation
    }

    #[test]
    fn notation_of_octets() {
        let run = "é".repeat(41);
        let invisible = "\u{a0}".repeat(41);
        let escapes = "\\xC2\\xA0".repeat(41) + "␊";
        let cases: [(&[u8], &str); 17] = [
            (b"\r", ""),
            (b"", "␊"),
            (b"+OK ready\r", "+OK ready"),
            (b"+OK \r", "+OK␠"),
            (b" \r", "␠"),
            (b"a\0b\tc\x1f\x7f\r", "a␀b␉c␟␡"),
            (b"bare\rreturn\r\r", "bare␍return␍"),
            (b"back\\slash\r", "back\\\\slash"),
            ("grüße 2×2 ‹x› ␀␠\r".as_bytes(), "grüße 2\\×2 \\‹x› \\␀\\␠"),
            (b"caf\xe9 \xc3\r", "caf\\xE9 \\xC3"),
            ("no\u{a0}break \u{202e}\r".as_bytes(), "no\\xC2\\xA0break \\xE2\\x80\\xAE"),
            (&[[b'x'; 50].as_slice(), b"5 y\r"].concat(), "x × 50\\x35 y"),
            (&[[b'x'; 50], [b'5'; 50]].concat(), "x × 50\\x35 × 50␊"),
            (&[b'\x80'; 41], "\\x80 × 41␊"),
            (&[[b' '; 60].as_slice(), b"\r"].concat(), "␠ × 60"),
            (run.as_bytes(), "é × 41␊"),
            (invisible.as_bytes(), &escapes),
        ];
        for (octets, notation) in cases {
            assert_eq!(written(octets), notation, "{octets:?}");
        }
    }

    #[test]
    fn needless_notation_is_read_into_the_canonical_form() {
        for (needless, canonical) in [
            ("x × 3", "xxx"),
            ("\\x41", "A"),
            ("\\x0D␊", ""),
            ("\\xC3\\xA9", "é"),
            ("\t", "␉"),
            ("a␠b", "a b"),
        ] {
            assert_eq!(read(needless).map(|text| write(&text)), Ok(canonical.to_owned()), "{needless}");
        }
    }

    #[test]
    fn what_is_no_notation_is_refused_with_what_was_expected() {
        for (wrong, expected) in [
            ("\\q", "after a backslash"),
            ("\\x4", "after a backslash"),
            ("\\x+4", "after a backslash"),
            ("\\xé", "after a backslash"),
            ("\\", "after a backslash"),
            ("2×2", "\\×"),
            ("a␊b", "␊ only at the end"),
            ("\\x0A", "a line feed only as ␊"),
            ("‹secret x›", "‹secret N›"),
            ("‹secret 0›", "‹secret N›"),
            ("‹secret 5", "‹secret N›"),
            ("‹something›", "‹secret N›"),
            ("‹no line end›a", "‹secret N›"),
            ("‹5 octets, sha256 abc›", "‹secret N›"),
            ("x × 99999999999999999999", "the length of a run"),
            ("x × 16777217", "the length of a run"),
            ("é × 5000", "the length of a run"),
            ("x × 0", "the length of a run"),
        ] {
            let error = read(wrong).expect_err(wrong);
            assert!(error.expected.starts_with(expected), "{wrong}: {error:?}");
        }
        let long = "abc".repeat(2000);
        assert_eq!(read(&long).expect_err("too long").expected, "a line of at most 4096 octets");
        let many = "x × 16000000y × 16000000";
        assert_eq!(read(many).expect_err("too long").expected, "a line of at most 4096 octets");
    }
}

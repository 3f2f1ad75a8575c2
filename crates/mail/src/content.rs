//! Messages as octets: where the body begins, what a line end is, how a message is named by its hash.
//!
//! This module knows lines and the separator, nothing else of RFC 5322: it deliberately does not parse header
//! fields, decode MIME or judge whether a message is legal.

use std::borrow::Cow;

use memchr::memchr_iter;
use sha2::{Digest as _, Sha256};

/// The body of a message: everything after the first empty line (RFC 5322 section 2.1).
///
/// An empty line is CRLF (or a bare LF, for messages read from a file) at the start of a line. Special cases:
/// a message without an empty line is all header, so its body is empty; a message that *starts* with an empty
/// line has no header, and its body is what follows; the empty message has an empty body.
pub fn body(message: &[u8]) -> &[u8] {
    let mut start = 0;
    for line in lines(message) {
        start += line.len();
        if matches!(line, b"\r\n" | b"\n") {
            return &message[start..];
        }
    }
    &[]
}

/// A message as RETR must deliver it, after the dots are un-stuffed (RFC 1939 section 3).
///
/// A final CRLF is added when the message does not end with one, since the line with the lone dot needs a line
/// of its own. The empty message stays empty: it has no last line to end.
pub fn wire(octets: &[u8]) -> Cow<'_, [u8]> {
    if octets.is_empty() || octets.ends_with(b"\r\n") {
        return Cow::Borrowed(octets);
    }
    Cow::Owned([octets, b"\r\n"].concat())
}

/// From a store that ends lines with LF to the form on the wire: each bare LF becomes CRLF.
///
/// CRLF and bare CR stay as they are, and no final line end is added, so that applying it twice changes nothing
/// more.
pub fn lines_to_crlf(stored: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stored.len() + stored.len() / 32);
    let mut copied = 0;
    for line_feed in memchr_iter(b'\n', stored) {
        if line_feed == 0 || stored[line_feed - 1] != b'\r' {
            out.extend_from_slice(&stored[copied..line_feed]);
            out.push(b'\r');
            copied = line_feed;
        }
    }
    out.extend_from_slice(&stored[copied..]);
    out
}

/// From the form on the wire to a store that ends lines with LF: each CRLF becomes LF.
///
/// [`lines_to_crlf`] undoes it for messages without a bare LF and without CR CR LF; others lose that detail, as
/// they do in every store that keeps LF.
pub fn lines_to_lf(canonical: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(canonical.len());
    for line in lines(canonical) {
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                out.extend_from_slice(text);
                out.push(b'\n');
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// SHA-256 of the octets in lower-case hexadecimal, 64 characters.
pub fn digest(octets: &[u8]) -> String {
    hexadecimal(&Sha256::digest(octets))
}

/// Lower-case hexadecimal, two characters for each octet.
pub(crate) fn hexadecimal(octets: &[u8]) -> String {
    let mut text = Vec::with_capacity(2 * octets.len());
    push_hexadecimal(octets, &mut text);
    // Only ASCII was put in.
    String::from_utf8(text).unwrap_or_default()
}

/// Appends what [`hexadecimal`] gives.
pub(crate) fn push_hexadecimal(octets: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 * octets.len());
    for octet in octets {
        out.extend_from_slice(&[DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
    }
}

/// The lines of a message, each with its line end; a line ends at LF, the last one perhaps at the end.
pub(crate) fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |line_feed| line_feed + 1);
        let (line, tail) = rest.split_at(end);
        rest = tail;
        Some(line)
    })
}

/// A line without its line end (CRLF or LF).
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let Some(text) = line.strip_suffix(b"\n") else { return line };
    text.strip_suffix(b"\r").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_starts_after_the_first_empty_line() {
        assert_eq!(body(b"A: 1\r\n\r\none\r\n\r\ntwo\r\n"), b"one\r\n\r\ntwo\r\n");
        assert_eq!(body(b"A: 1\n\none\n"), b"one\n");
        assert_eq!(body(b"A: 1\r\n"), b"");
        assert_eq!(body(b"A: 1"), b"");
        assert_eq!(body(b"A: 1\r\n\r\n"), b"");
        assert_eq!(body(b"\r\ntext\r\n"), b"text\r\n");
        assert_eq!(body(b""), b"");
        // CR CR LF is a line with a CR in it, not an empty one.
        assert_eq!(body(b"A: 1\r\n\r\r\nB: 2\r\n\r\nx"), b"x");
    }

    #[test]
    fn wire_form_ends_the_last_line() {
        assert_eq!(&*wire(b""), b"");
        assert_eq!(&*wire(b"x\r\n"), b"x\r\n");
        assert_eq!(&*wire(b"x"), b"x\r\n");
        assert_eq!(&*wire(b"x\n"), b"x\n\r\n");
        assert_eq!(&*wire(b"x\r"), b"x\r\r\n");
    }

    #[test]
    fn line_ends_convert_both_ways() {
        assert_eq!(lines_to_crlf(b"\na\n\nb\r\nc\rd\r\r\ne"), b"\r\na\r\n\r\nb\r\nc\rd\r\r\ne");
        assert_eq!(lines_to_lf(b"\r\na\r\n\r\nb\rc\nd"), b"\na\n\nb\rc\nd");
    }

    #[test]
    fn digest_is_sha_256() {
        // FIPS 180-4, example of a one-block message.
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

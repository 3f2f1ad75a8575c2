//! The marker header: how a message says that poplab made it, from which seed, and what its body must be.
//!
//! poplab deletes nothing on a server that does not carry it, so reading is strict: what is not exactly a marker
//! is none. It deliberately does not prove anything against somebody who forges a marker; it protects mail that
//! has nothing to do with poplab.

use std::fmt;

use crate::content::{body, digest, lines, wire, without_line_end};

/// Longest fixture name a marker may carry, in octets.
const LONGEST_NAME: usize = 64;

/// The content of the header field `X-Poplab-Fixture`.
///
/// ```
/// let message = b"X-Poplab-Fixture: fx.emptybody seed=42 body-sha256=\
///     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\n\r\n";
/// let marker = mail::Marker::parse(message).unwrap();
/// assert_eq!((marker.fixture.as_str(), marker.seed), ("fx.emptybody", 42));
/// assert!(marker.describes(message));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Name of the fixture (`fx.dots`) or of another message poplab made (`ordinary-7`).
    pub fixture: String,
    /// The seed it was made from.
    pub seed: u64,
    /// SHA-256 of the body in the form RETR delivers ([`wire`]), lower-case hexadecimal.
    pub body_sha256: String,
}

impl Marker {
    /// Name of the header field.
    pub const HEADER: &'static str = "X-Poplab-Fixture";

    /// The marker of a message with this body (with or without its last line end).
    pub fn new(fixture: impl Into<String>, seed: u64, body: &[u8]) -> Marker {
        Marker { fixture: fixture.into(), seed, body_sha256: digest(&wire(body)) }
    }

    /// Finds the marker in the header of a message (a whole message, or what TOP delivered).
    ///
    /// The field may stand anywhere in the header, folded or not, its name in any case. The first field of that
    /// name decides: if it is malformed there is no marker. Lines after the first empty one are not looked at.
    pub fn parse(message_head: &[u8]) -> Option<Marker> {
        let mut header =
            lines(message_head).map(without_line_end).take_while(|line| !line.is_empty()).peekable();
        let mut value = header.by_ref().find_map(|line| field_value(line, Marker::HEADER))?.to_vec();
        while let Some(continuation) =
            header.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
        {
            value.extend_from_slice(continuation);
        }
        Marker::from_value(std::str::from_utf8(&value).ok()?)
    }

    /// Whether the body of this message is the one the marker tells of, octet for octet.
    ///
    /// False means that something between the generator and here altered, cut or exchanged the body. The header
    /// is not compared, since delivery adds to it.
    pub fn describes(&self, message: &[u8]) -> bool {
        digest(body(&wire(message))) == self.body_sha256
    }

    /// Name, seed and hash in the value of the field, if it is a marker's.
    pub(crate) fn parts(value: &str) -> Option<(&str, u64, &str)> {
        let mut words = value.split_ascii_whitespace();
        let fixture = words.next().filter(|name| is_name(name))?;
        let seed =
            words.next()?.strip_prefix("seed=").filter(|digits| all(digits, |o| o.is_ascii_digit()))?;
        let hash = words.next()?.strip_prefix("body-sha256=").filter(|hash| is_hash(hash))?;
        if words.next().is_some() {
            return None;
        }
        Some((fixture, seed.parse().ok()?, hash))
    }

    fn from_value(value: &str) -> Option<Marker> {
        let (fixture, seed, hash) = Marker::parts(value)?;
        Some(Marker { fixture: fixture.to_owned(), seed, body_sha256: hash.to_owned() })
    }
}

/// The value of the header field, without the field's name.
impl fmt::Display for Marker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} seed={} body-sha256={}", self.fixture, self.seed, self.body_sha256)
    }
}

/// What follows the colon, if this line begins the field of this name.
pub(crate) fn field_value<'a>(line: &'a [u8], field: &str) -> Option<&'a [u8]> {
    let (name, value) = line.split_at_checked(field.len())?;
    if !name.eq_ignore_ascii_case(field.as_bytes()) {
        return None;
    }
    // RFC 5322 section 4.5 lets old mail have blanks before the colon.
    value.trim_ascii_start().strip_prefix(b":")
}

fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && all(name, |o| o.is_ascii_lowercase() || o.is_ascii_digit() || matches!(o, b'.' | b'-'))
}

fn is_hash(hash: &str) -> bool {
    hash.len() == 64 && all(hash, |o| matches!(o, b'0'..=b'9' | b'a'..=b'f'))
}

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field() -> String {
        format!("X-Poplab-Fixture: {}\r\n", Marker::new("fx.dots", 7, b".\r\n"))
    }

    #[test]
    fn found_anywhere_in_the_header_and_only_there() {
        let expected = Some(Marker::new("fx.dots", 7, b".\r\n"));
        assert_eq!(Marker::parse(field().as_bytes()), expected);
        assert_eq!(Marker::parse(format!("Received: a\r\n b\r\n{}\r\nx", field()).as_bytes()), expected);
        assert_eq!(
            Marker::parse(field().to_uppercase().replacen("FX.DOTS SEED=7 BODY", "x", 1).as_bytes()),
            None
        );
        assert_eq!(Marker::parse(field().replace("\r\n", "\n").as_bytes()), expected);
        assert_eq!(Marker::parse(field().replace("X-Poplab-F", "x-poplab-f").as_bytes()), expected);
        assert_eq!(Marker::parse(field().replace(" seed", "\r\n\tseed").as_bytes()), expected);
        assert_eq!(Marker::parse(format!("A: b\r\n\r\n{}", field()).as_bytes()), None, "in the body");
        assert_eq!(Marker::parse(format!("\r\n{}", field()).as_bytes()), None, "no header at all");
        assert_eq!(
            Marker::parse(format!("Quoted: y\r\n {}", field()).as_bytes()),
            None,
            "part of another field"
        );
    }

    #[test]
    fn malformed_is_none() {
        let good = field();
        for (from, to) in [
            ("fx.dots", ""),
            ("fx.dots", "FX.dots"),
            ("seed=7", "seed=+7"),
            ("seed=7", "seed=-7"),
            ("seed=7", "seed="),
            ("seed=7", "seed=18446744073709551616"),
            ("seed=7", "7"),
            ("body-sha256=", "body-sha256=0"),
            ("body-sha256=", "sha256="),
            ("\r\n", " more\r\n"),
            ("Fixture:", "Fixtures:"),
            ("Fixture:", "Fixture"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert_eq!(Marker::parse(bad.as_bytes()), None, "{bad:?}");
        }
        let twice = format!("X-Poplab-Fixture: nonsense\r\n{good}");
        assert_eq!(Marker::parse(twice.as_bytes()), None, "the first field decides");
    }

    #[test]
    fn describes_the_body_on_the_wire() {
        let marker = Marker::new("fx.nonl", 1, b"end");
        assert!(marker.describes(b"A: b\r\n\r\nend"));
        assert!(marker.describes(b"Received: x\r\nA: b\r\n\r\nend\r\n"));
        assert!(!marker.describes(b"A: b\r\n\r\nend\r\n\r\n"));
        assert!(!marker.describes(b"A: b\r\n\r\nen"));
    }
}

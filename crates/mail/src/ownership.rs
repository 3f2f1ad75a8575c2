//! Whether a message in a store was made by poplab and is still as it was made: what may be removed to make room.
//!
//! A header line is copied with "edit as new", and a file name is no content, so only the body decides, octet for octet.
//! It deliberately does not ask who put the message there.

use crate::content::{body, lines, lines_to_crlf, lines_to_lf};
use crate::corpus::{corpus, identify};
use crate::marker::Marker;

/// How fixtures without a header begin, after its separator; its seed follows.
const WITHOUT_HEADER: &[u8] = b"This message of poplab has no header, seed ";

/// Whether this content of a file is a message of poplab's with its body as it was made. Line ends may be those of the
/// wire or of a store with LF alone, and delivery may have put header fields before it.
///
/// The empty message has nothing that could tell, and is nobody's.
///
/// ```
/// let fixture = mail::ordinary(42, 1, 600);
/// assert!(mail::is_own(&mail::lines_to_lf(&fixture)));
/// let edited = [fixture.as_slice(), b"PS: call me\r\n"].concat();
/// assert!(!mail::is_own(&edited), "with poplab's marker, and somebody's words");
/// ```
pub fn is_own(stored: &[u8]) -> bool {
    let Some(marker) = Marker::parse(stored) else { return is_without_header(stored) };
    if marker.describes(stored) || marker.describes(&lines_to_crlf(stored)) {
        return true;
    }
    // A store with LF alone loses a detail of two fixtures, so that they are compared as they are stored.
    marker.fixture.starts_with("fx.")
        && identify(stored, &corpus(marker.seed))
            .is_some_and(|fixture| body(stored) == body(&lines_to_lf(&fixture.octets)))
}

fn is_without_header(stored: &[u8]) -> bool {
    let Some(line) = lines(stored).find(|line| line.starts_with(WITHOUT_HEADER)) else { return false };
    let digits = line[WITHOUT_HEADER.len()..].trim_ascii_end().strip_suffix(b".").unwrap_or_default();
    let seed = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    seed.is_some_and(|seed| identify(stored, &corpus(seed)).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Role, maildrop};

    #[test]
    fn every_message_of_every_role_is_own_as_it_is_stored_and_no_other_body_is() {
        for role in Role::ALL {
            for (name, octets) in maildrop(role, 7, 2) {
                if octets.is_empty() {
                    assert!(!is_own(&octets), "{name}");
                    continue;
                }
                let delivered = [b"Return-Path: <>\r\n", octets.as_slice()].concat();
                for stored in [octets.clone(), lines_to_lf(&octets)] {
                    assert!(is_own(&stored), "{name}");
                    let edited = [stored.as_slice(), b"\nand more\n"].concat();
                    assert!(!is_own(&edited), "{name} with more behind it");
                }
                // Before an empty line a header field would make a header of it.
                assert!(name.starts_with("fx.nohdr") || is_own(&lines_to_lf(&delivered)), "{name} delivered");
            }
        }
    }

    #[test]
    fn load_mail_is_own_as_it_is_stored() {
        let population = crate::load::Population {
            seed: 7,
            user: "load{n}".to_owned(),
            first: 1,
            count: 1,
            messages: 1,
            sizes: chance::Distribution::Fixed(3000.0),
        };
        let mut octets = Vec::new();
        population.message(0, 1).write(&mut octets);
        assert!(is_own(&octets) && is_own(&lines_to_lf(&octets)));
        let last = octets.len() - 5;
        octets[last] ^= 1;
        assert!(!is_own(&octets));
    }

    #[test]
    fn somebody_s_mail_is_not_own() {
        let marked = String::from_utf8(crate::ordinary(42, 1, 600)).unwrap();
        let (header, _) = marked.split_once("\r\n\r\n").unwrap();
        for foreign in [
            "Subject: from grandmother\n\nDear child\n".to_owned(),
            format!("{header}\r\n\r\nDear child\r\n"),
            format!("{header}\r\n"),
            String::new(),
            "\nThis message of poplab has no header, seed 42.\n".to_owned(),
            "\nThis message of poplab has no header, seed x.\n".to_owned(),
        ] {
            assert!(!is_own(foreign.as_bytes()), "{foreign}");
        }
    }
}

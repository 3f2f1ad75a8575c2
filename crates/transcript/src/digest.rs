//! A running count and SHA-256 of octets, with secrets entering as their placeholder.
//!
//! It deliberately knows nothing of lines or sessions.

use sha2::{Digest as _, Sha256};

use crate::redact::Token;

/// How many octets passed, and their hash.
#[derive(Clone, Default)]
pub(crate) struct Tally {
    octets: u64,
    hash: Sha256,
}

impl Tally {
    /// Counts one token. A secret counts with its true length and is hashed as its placeholder.
    pub(crate) fn add(&mut self, token: Token<'_>) {
        match token {
            Token::Octets(octets) => {
                self.octets += octets.len() as u64;
                self.hash.update(octets);
            }
            Token::Secret(length) => {
                self.octets += length;
                self.hash.update(placeholder(length).as_bytes());
            }
        }
    }

    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// The hash so far, 64 lower-case hexadecimal digits.
    pub(crate) fn sha256(&self) -> String {
        hexadecimal(&self.hash.clone().finalize())
    }
}

/// What stands in place of a secret of this many octets.
pub(crate) fn placeholder(length: u64) -> String {
    format!("‹secret {length}›")
}

fn hexadecimal(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    octets
        .iter()
        .flat_map(|octet| [octet >> 4, octet & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_counts_truly_and_is_hashed_as_its_placeholder() {
        let mut redacted = Tally::default();
        redacted.add(Token::Octets(b"PASS "));
        redacted.add(Token::Secret(10));
        let mut literal = Tally::default();
        literal.add(Token::Octets("PASS ‹secret 10›".as_bytes()));
        assert_eq!(redacted.sha256(), literal.sha256());
        assert_eq!(redacted.octets(), 15);
    }

    #[test]
    fn the_hash_is_sha256() {
        let mut tally = Tally::default();
        tally.add(Token::Octets(b"a"));
        tally.add(Token::Octets(b"bc"));
        assert_eq!(tally.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

//! Secrets covered in octets that are kept as they are: each octet of one becomes an asterisk, so that sizes stay true.

use crate::redact::{Redactor, Token};
use crate::secrets::{Known, Secrets};

/// What stands for an octet of a secret.
const COVER: u8 = b'*';

/// Covers the secrets in one stream of octets, in any split of it, in the forms that [`Secrets::add`] names. What may be
/// the beginning of one is held back until that is known.
pub struct Mask {
    secrets: Known,
    redactor: Redactor,
}

impl Mask {
    /// A stream in which these secrets are covered, also those that are added later.
    pub fn new(secrets: &Secrets) -> Mask {
        Mask { secrets: Known::new(secrets), redactor: Redactor::default() }
    }

    /// The stream goes on; what of it is decided about is appended.
    pub fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        self.redactor.feed(&self.secrets.view(), octets, &mut |token| put(token, out));
    }

    /// Appends what was held back, as if the stream ended here. It may go on all the same.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        self.redactor.flush(&self.secrets.view(), &mut |token| put(token, out));
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Mask(…)")
    }
}

fn put(token: Token<'_>, out: &mut Vec<u8>) {
    match token {
        Token::Octets(octets) => out.extend_from_slice(octets),
        Token::Secret(count) => out.extend(std::iter::repeat_n(COVER, count as usize)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_covered_in_every_split_and_no_size_changes() {
        let secrets = Secrets::new();
        let text = b"+OK wonderland\r\nd29uZGVybGFuZA==\r\nwon\r\n";
        for at in 0..text.len() {
            let mut mask = Mask::new(&secrets);
            // Known only after the stream began.
            secrets.add("wonderland");
            let mut out = Vec::new();
            mask.feed(&text[..at], &mut out);
            mask.feed(&text[at..], &mut out);
            mask.flush(&mut out);
            assert_eq!(out, b"+OK **********\r\n****************\r\nwon\r\n", "{at}");
        }
    }

    #[test]
    fn a_secret_that_goes_on_behind_a_flush_is_covered_too() {
        let secrets = Secrets::new();
        secrets.add("wonderland");
        let (mut mask, mut out) = (Mask::new(&secrets), Vec::new());
        mask.feed(b"wonder", &mut out);
        mask.flush(&mut out);
        mask.feed(b"land!", &mut out);
        mask.flush(&mut out);
        assert_eq!(out, b"**********!");
    }
}

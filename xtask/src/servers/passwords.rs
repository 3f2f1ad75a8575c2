//! Passwords for the accounts of a test server: from the kernel's randomness, so that nobody can guess them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::failure::Failure;

/// 64 characters that no configuration file has to quote, one for each six bits.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Characters of a password: 120 bits.
const LENGTH: usize = 20;

/// A new password.
pub(super) fn generate() -> Result<String, Failure> {
    let source = Path::new("/dev/urandom");
    let mut octets = [0; LENGTH];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut octets))
        .map_err(|error| Failure::file("read", source, &error))?;
    // A letter first: a leading `-` or digit would be taken for something else by one reader or another.
    let letters = octets.iter().map(|octet| char::from(ALPHABET[usize::from(octet % 64)]));
    Ok(std::iter::once('p').chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_plain_and_different() {
        let (one, two) = (generate().expect("a password"), generate().expect("a password"));
        assert_eq!(one.len(), LENGTH + 1);
        assert!(one.bytes().all(|octet| ALPHABET.contains(&octet)));
        assert_ne!(one, two);
    }
}

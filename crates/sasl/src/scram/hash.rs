//! The hash functions SCRAM is made with. Closed on purpose: a new one is a new mechanism with a name and a
//! registration.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest;

/// A hash with what SCRAM makes of it (RFC 5802 section 2.2).
pub trait Hash: sealed::Sealed {
    /// The mechanism of this hash.
    const MECHANISM: &'static str;
    /// Octets of its result.
    const OCTETS: usize;
    /// `H(text)`.
    fn hash(text: &[u8]) -> Vec<u8>;
    /// `HMAC(key, text)`.
    fn hmac(key: &[u8], text: &[u8]) -> Vec<u8>;
    /// `Hi(password, salt, iterations)`.
    fn pbkdf2(password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8>;
}

/// SCRAM-SHA-1 (RFC 5802).
#[derive(Copy, Clone, Debug)]
pub struct Sha1;

/// SCRAM-SHA-256 (RFC 7677).
#[derive(Copy, Clone, Debug)]
pub struct Sha256;

macro_rules! hash {
    ($name:ident, $digest:ty, $mechanism:literal, $octets:literal) => {
        impl sealed::Sealed for $name {}

        impl Hash for $name {
            const MECHANISM: &'static str = $mechanism;
            const OCTETS: usize = $octets;

            fn hash(text: &[u8]) -> Vec<u8> {
                <$digest>::digest(text).to_vec()
            }

            fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
                // RFC 2104 section 2.
                let mac = Hmac::<$digest>::new_from_slice(key).expect("HMAC takes keys of any length");
                mac.chain_update(text).finalize().into_bytes().to_vec()
            }

            fn pbkdf2(password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
                pbkdf2::pbkdf2_hmac_array::<$digest, $octets>(password, salt, iterations).to_vec()
            }
        }
    };
}

hash!(Sha1, sha1::Sha1, "SCRAM-SHA-1", 20);
hash!(Sha256, sha2::Sha256, "SCRAM-SHA-256", 32);

mod sealed {
    pub trait Sealed {}
}

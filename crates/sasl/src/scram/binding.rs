//! Channel binding: what ties an exchange to the TLS connection it is in (RFC 5802 section 6, RFC 9266, RFC 5929).
//!
//! Where the octets come from is the caller's matter, but for the hash of a certificate. Deliberately absent: `tls-unique`,
//! which TLS 1.3 does not have.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// 32 octets that TLS exports (RFC 9266).
pub const TLS_EXPORTER: &str = "tls-exporter";
/// A hash of the server's certificate (RFC 5929 section 4).
pub const TLS_SERVER_END_POINT: &str = "tls-server-end-point";

/// A kind of channel binding and its octets.
pub type Binding = (&'static str, Vec<u8>);

/// The octets of `tls-server-end-point`: the certificate, DER, hashed as it is signed, but never with MD5 or SHA-1.
/// `signature` names how it is signed, such as `ECDSA with SHA-384`; `None` where no hash follows from it.
pub fn server_end_point(certificate: &[u8], signature: &str) -> Option<Vec<u8>> {
    let signed_with = |hash: &str| signature.contains(hash);
    if signed_with("SHA-384") {
        Some(Sha384::digest(certificate).to_vec())
    } else if signed_with("SHA-512") {
        Some(Sha512::digest(certificate).to_vec())
    } else if ["SHA-256", "SHA-1", "MD5"].into_iter().any(signed_with) {
        Some(Sha256::digest(certificate).to_vec())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::server_end_point;

    #[test]
    fn a_certificate_is_hashed_as_it_is_signed_and_never_with_less_than_sha_256() {
        for (signature, octets) in [
            ("ECDSA with SHA-256", Some(32)),
            ("RSA with SHA-1", Some(32)),
            ("RSA with MD5", Some(32)),
            ("ECDSA with SHA-384", Some(48)),
            ("RSA with SHA-512", Some(64)),
            ("Ed25519", None),
        ] {
            assert_eq!(server_end_point(b"DER", signature).map(|hash| hash.len()), octets, "{signature}");
        }
    }
}

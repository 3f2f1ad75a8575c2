//! SCRAM (RFC 5802) over any hash, that is SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 7677), and their -PLUS variants.
//!
//! Three levels: [`Client`] and [`Server`] are whole machines; [`Alterations`] make the client misbehave in
//! one named way and stay right in all others; the functions of this module build every part from raw input
//! and believe whatever they are given.
//!
//! Without channel binding servers refuse the flag `p`, and accept `y`, which is true of them. No `SASLprep`:
//! see the crate's documentation. Errors are not reported with `e=`; servers just fail, as section 5.1 allows.

mod binding;
mod client;
mod grammar;
mod hash;
mod server;

pub use binding::{Binding, TLS_EXPORTER, TLS_SERVER_END_POINT, server_end_point};
pub use client::{Alterations, Client};
pub use grammar::{
    ClientFinal, ClientFirst, ServerFinal, ServerFirst, escape, is_nonce, parse_client_final,
    parse_client_first, parse_server_final, parse_server_first, unescape,
};
pub use hash::{Hash, Sha1, Sha256};
pub use server::{ITERATIONS, Server};

use sha2::Digest;

use crate::{base64, hexadecimal};

/// The usual GS2 header: the client knows no channel binding and names no authorization identity.
pub const GS2_HEADER: &str = "n,,";

/// More iterations than this a client refuses to do.
pub const MAXIMUM_ITERATIONS: u32 = 1_000_000;

/// The GS2 header (RFC 5802 section 7) of a flag (`n`, `y` or `p=tls-unique` in good messages) and an
/// authorization identity, which is escaped.
pub fn gs2_header(flag: &str, authzid: Option<&str>) -> String {
    match authzid {
        Some(authzid) => format!("{flag},a={},", escape(authzid)),
        None => format!("{flag},,"),
    }
}

/// The client's first message without the GS2 header: `n=...,r=...`. The name is escaped, the nonce is not
/// checked.
pub fn client_first_bare(user: &str, nonce: &str) -> String {
    format!("n={},r={nonce}", escape(user))
}

/// The server's first message: `r=...,s=...,i=...`. The nonce is the client's followed by the server's.
pub fn server_first(nonce: &str, salt: &[u8], iterations: u32) -> String {
    format!("r={nonce},s={},i={iterations}", base64::encode(salt))
}

/// The client's final message without the proof: `c=...,r=...`, where `c=` is the base64 of the GS2 header, with the
/// octets of the channel binding behind it, and the nonce is the whole one of the server's first message.
pub fn client_final_without_proof(gs2_header: impl AsRef<[u8]>, nonce: &str) -> String {
    format!("c={},r={nonce}", base64::encode(gs2_header))
}

/// The client's final message: the part without the proof, then `,p=` and the proof.
pub fn client_final(without_proof: &str, proof: &[u8]) -> String {
    format!("{without_proof},p={}", base64::encode(proof))
}

/// The server's final message on success: `v=` and the signature.
pub fn server_final(signature: &[u8]) -> String {
    format!("v={}", base64::encode(signature))
}

/// `AuthMessage` of RFC 5802 section 3: what both sides sign. All three parts exactly as they were sent.
pub fn auth_message(client_first_bare: &str, server_first: &str, client_final_without_proof: &str) -> String {
    format!("{client_first_bare},{server_first},{client_final_without_proof}")
}

/// `SaltedPassword` of RFC 5802 section 3, that is PBKDF2 with HMAC. Takes time in proportion to
/// `iterations`.
pub fn salted_password<H: Hash>(password: impl AsRef<[u8]>, salt: &[u8], iterations: u32) -> Vec<u8> {
    H::pbkdf2(password.as_ref(), salt, iterations)
}

/// `ClientProof` of RFC 5802 section 3.
pub fn proof<H: Hash>(salted_password: &[u8], auth_message: impl AsRef<[u8]>) -> Vec<u8> {
    let client_key = H::hmac(salted_password, b"Client Key");
    let signature = H::hmac(&H::hash(&client_key), auth_message.as_ref());
    exclusive_or(&client_key, &signature)
}

/// Whether a client's proof is right, as a server that keeps only `StoredKey` finds out: it wins the client's
/// key from the proof and hashes it. A proof of any other length than the hash's is wrong.
pub fn verify_proof<H: Hash>(salted_password: &[u8], auth_message: impl AsRef<[u8]>, proof: &[u8]) -> bool {
    let stored_key = H::hash(&H::hmac(salted_password, b"Client Key"));
    let signature = H::hmac(&stored_key, auth_message.as_ref());
    proof.len() == signature.len() && H::hash(&exclusive_or(proof, &signature)) == stored_key
}

/// `ServerSignature` of RFC 5802 section 3.
pub fn server_signature<H: Hash>(salted_password: &[u8], auth_message: impl AsRef<[u8]>) -> Vec<u8> {
    H::hmac(&H::hmac(salted_password, b"Server Key"), auth_message.as_ref())
}

/// Whether the server's signature is right, all of it: a prefix is not.
pub fn verify_server_signature<H: Hash>(
    salted_password: &[u8],
    auth_message: impl AsRef<[u8]>,
    signature: &[u8],
) -> bool {
    server_signature::<H>(salted_password, auth_message) == signature
}

/// The text itself if it can be a nonce ([`is_nonce`]), otherwise a digest of it that can.
pub fn printable_nonce(text: &str) -> String {
    if is_nonce(text) { text.to_owned() } else { hexadecimal::lower(&sha2::Sha256::digest(text)) }
}

/// Both must have the same length; the callers see to it, so that nothing is cut off unseen.
fn exclusive_or(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(left, right)| left ^ right).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        GS2_HEADER, Hash, Sha1, Sha256, auth_message, client_final, client_final_without_proof,
        client_first_bare, gs2_header, is_nonce, printable_nonce, proof, salted_password, server_final,
        server_first, server_signature, verify_proof, verify_server_signature,
    };
    use crate::base64;

    /// Builds the exchange of an example from its parts and compares it with what stands in the RFC.
    fn example<H: Hash>(client_nonce: &str, nonce: &str, salt: &str, expected_final: &str, expected_v: &str) {
        let salt = base64::decode(salt).unwrap();
        let bare = client_first_bare("user", client_nonce);
        assert_eq!(bare, format!("n=user,r={client_nonce}"));
        let without_proof = client_final_without_proof(GS2_HEADER, nonce);
        let message = auth_message(&bare, &server_first(nonce, &salt, 4096), &without_proof);
        let salted = salted_password::<H>("pencil", &salt, 4096);
        let proof = proof::<H>(&salted, &message);
        assert_eq!(client_final(&without_proof, &proof), expected_final);
        assert!(verify_proof::<H>(&salted, &message, &proof));
        let signature = server_signature::<H>(&salted, &message);
        assert_eq!(server_final(&signature), expected_v);
        assert!(verify_server_signature::<H>(&salted, &message, &signature));

        // Wrong lengths are wrong, on both sides and in both directions.
        let longer = [&proof[..], &[0]].concat();
        for wrong in [&proof[..proof.len() - 1], &longer, &[]] {
            assert!(!verify_proof::<H>(&salted, &message, wrong));
        }
        let longer = [&signature[..], &[0]].concat();
        for wrong in [&signature[..signature.len() - 1], &longer, &[]] {
            assert!(!verify_server_signature::<H>(&salted, &message, wrong));
        }
    }

    #[test]
    fn the_example_of_rfc_5802() {
        example::<Sha1>(
            "fyko+d2lbbFgONRv9qkxdawL",
            "fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
            "QSXCR+Q6sek8bf92",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        );
    }

    #[test]
    fn the_example_of_rfc_7677() {
        example::<Sha256>(
            "rOprNGfwEbeRWgbNEkqO",
            "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        );
    }

    #[test]
    fn a_gs2_header_names_flag_and_identity() {
        assert_eq!(gs2_header("n", None), GS2_HEADER);
        assert_eq!(gs2_header("y", Some("a,b=c")), "y,a=a=2Cb=3Dc,");
        assert_eq!(gs2_header("p=tls-unique", None), "p=tls-unique,,");
    }

    #[test]
    fn what_cannot_be_a_nonce_becomes_one() {
        assert_eq!(printable_nonce("<1.2@host>"), "<1.2@host>");
        for text in ["", "a,b", "a b", "é"] {
            assert!(!is_nonce(text));
            assert!(is_nonce(&printable_nonce(text)));
        }
        assert_ne!(printable_nonce("a,b"), printable_nonce("a,c"));
    }
}

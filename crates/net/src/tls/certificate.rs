//! What a certificate says of itself, for people to read.
//!
//! Deliberately no judgement: nothing here is checked against anything, and whether a certificate is believed is
//! [`super::verify`]'s matter. The text is the peer's, so whoever prints it makes it fit for a terminal.

#[cfg(feature = "certificates")]
mod reading;

use std::sync::{PoisonError, RwLock};

/// What a certificate says of itself, unchecked. The text is as the certificate has it, control characters and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Whom it is for, such as `CN=mail.example.org, O=Example`; empty if it names its host in `names` alone.
    pub subject: String,
    /// Who issued it, in the same form.
    pub issuer: String,
    /// The DNS names and IP addresses of its subjectAltName, in its order. Names of other kinds are left out.
    pub names: Vec<String>,
    /// The end of its validity, UTC, as RFC 3339 has it: `2049-12-31T00:00:00Z`.
    pub expires: String,
    /// Kind and size of its key, such as `RSA 2048` or `ECDSA P-256`; the object identifier of a kind unknown here.
    pub key: String,
    /// How its issuer signed it, such as `ECDSA with SHA-256`; the object identifier of a kind unknown here.
    pub signature: String,
}

/// How many certificates [`Kinds`] remembers; a load generator meets one or a handful.
const KINDS_REMEMBERED: usize = 32;

/// The kinds of the keys of certificates, each found out once.
#[derive(Default)]
pub(super) struct Kinds {
    known: RwLock<Vec<(Vec<u8>, &'static str)>>,
}

impl Kinds {
    /// Kind and size of a certificate's key, DER; `other` for one that is not in the table here.
    pub(super) fn of(&self, der: &[u8]) -> &'static str {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, kind)) = known.iter().find(|(octets, _)| octets == der) {
            return kind;
        }
        drop(known);
        let kind = CertificateFacts::parse(der).map_or("other", |facts| known_kind(&facts.key));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < KINDS_REMEMBERED {
            known.push((der.to_vec(), kind));
        }
        kind
    }
}

fn known_kind(key: &str) -> &'static str {
    const KINDS: &[&str] = &[
        "ECDSA P-256",
        "ECDSA P-384",
        "ECDSA P-521",
        "RSA 1024",
        "RSA 2048",
        "RSA 3072",
        "RSA 4096",
        "RSA 8192",
        "Ed25519",
        "Ed448",
    ];
    KINDS.iter().find(|kind| **kind == key).copied().unwrap_or("other")
}

impl CertificateFacts {
    /// Reads a certificate, DER; `None` if it is none, and where this crate was built to read none.
    pub(super) fn parse(der: &[u8]) -> Option<CertificateFacts> {
        #[cfg(feature = "certificates")]
        return reading::facts(der);
        #[cfg(not(feature = "certificates"))]
        return Some(der).and(None);
    }
}

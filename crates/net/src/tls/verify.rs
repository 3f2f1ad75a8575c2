//! Whether a server's certificate is believed.
//!
//! Deliberately no revocation: neither the fake nor the servers of a test bed publish lists.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::{Trust, certificates, roots};
use crate::TlsError;

/// [`Trust`] as rustls asks for it.
pub(super) fn verifier(
    trust: &Trust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    Ok(match trust {
        Trust::Once { first } => {
            Arc::new(Once { first: verifier(first, provider)?, seen: RwLock::default() })
        }
        plain => Arc::new(Verifier::new(plain, provider)?),
    })
}

/// How many certificates are pinned at most; further ones are checked each time.
const PINNED: usize = 64;

/// Checks each certificate once; see [`Trust::Once`].
#[derive(Debug)]
struct Once {
    first: Arc<dyn ServerCertVerifier>,
    seen: RwLock<Vec<Seen>>,
}

/// A certificate whose chain and name are good.
#[derive(Debug)]
struct Seen {
    certificate: Vec<u8>,
    name: ServerName<'static>,
    /// Whether a handshake has shown that its server holds the key. Until then it is not pinned: a certificate is
    /// public, so whoever repeats it to a client that has seen it must not be believed.
    proven: bool,
}

impl Once {
    fn pinned(&self, certificate: &CertificateDer<'_>, name: Option<&ServerName<'_>>) -> bool {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).iter().any(|seen| {
            seen.proven
                && seen.certificate == certificate.as_ref()
                && name.is_none_or(|name| seen.name == *name)
        })
    }

    fn note_chain(&self, certificate: &CertificateDer<'_>, name: &ServerName<'_>) {
        let mut all = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().any(|seen| seen.certificate == certificate.as_ref() && seen.name == *name);
        if !known && all.len() < PINNED {
            let certificate = certificate.to_vec();
            // A key that was proven under another name is proven.
            let proven = all.iter().any(|seen| seen.proven && seen.certificate == certificate);
            all.push(Seen { certificate, name: name.to_owned(), proven });
        }
    }

    fn note_key(&self, certificate: &CertificateDer<'_>) {
        let mut all = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        for seen in all.iter_mut().filter(|seen| seen.certificate == certificate.as_ref()) {
            seen.proven = true;
        }
    }

    fn signature(
        &self,
        certificate: &CertificateDer<'_>,
        verify: impl FnOnce() -> Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.pinned(certificate, None) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let valid = verify()?;
        self.note_key(certificate);
        Ok(valid)
    }
}

impl ServerCertVerifier for Once {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.pinned(end_entity, Some(server_name)) {
            return Ok(ServerCertVerified::assertion());
        }
        let verified =
            self.first.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        self.note_chain(end_entity, server_name);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(certificate, || self.first.verify_tls12_signature(message, certificate, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signature(certificate, || self.first.verify_tls13_signature(message, certificate, signature))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.first.supported_verify_schemes()
    }
}

/// Every [`Trust`] but [`Trust::Once`].
#[derive(Debug)]
struct Verifier {
    policy: Policy,
    schemes: Vec<SignatureScheme>,
}

#[derive(Debug)]
enum Policy {
    Checked {
        authorities: Arc<dyn ServerCertVerifier>,
        /// What the user gave. A self-signed server certificate that says it is an authority (as `openssl req
        /// -x509` makes them) is refused by `WebPKI` even when it is its own authority; given by hand it is meant.
        given: Vec<CertificateDer<'static>>,
    },
    Insecure,
    /// The system's store is empty or unreadable. Not an error until a certificate is to be checked: cleartext
    /// entrances can be tested without it.
    NoStore(StoreError),
}

/// The system's trust store could not be read.
#[derive(Clone, Debug)]
struct StoreError(String);

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "this machine's trust store cannot be used ({}); install ca-certificates, or give --ca FILE, or --insecure",
            self.0
        )
    }
}

impl std::error::Error for StoreError {}

impl Verifier {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Verifier, TlsError> {
        let policy = match trust {
            Trust::Insecure => Policy::Insecure,
            Trust::Once { first } => return Verifier::new(first, provider),
            Trust::Only { ca_pem } => {
                let given = certificates(ca_pem)?;
                let authorities =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots(&given)?), provider.clone())
                        .build()
                        .map_err(|error| TlsError::Setup { reason: error.to_string() })?;
                Policy::Checked { authorities, given }
            }
            Trust::System { extra_ca_pem } => {
                let given = match extra_ca_pem {
                    Some(pem) => certificates(pem)?,
                    None => Vec::new(),
                };
                // Faults of the user's own file are told now and apart from those of the system's store.
                roots(&given)?;
                match system(&given, provider) {
                    Ok(authorities) => Policy::Checked { authorities, given },
                    Err(error) => Policy::NoStore(error),
                }
            }
        };
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        Ok(Verifier { policy, schemes })
    }
}

/// Those whom the operating system believes, and these.
#[cfg(feature = "certificates")]
fn system(
    given: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, StoreError> {
    rustls_platform_verifier::Verifier::new_with_extra_roots(given.to_vec(), provider.clone())
        .map(|system| Arc::new(system) as Arc<dyn ServerCertVerifier>)
        .map_err(|error| StoreError(error.to_string()))
}

#[cfg(not(feature = "certificates"))]
fn system(
    _: &[CertificateDer<'static>],
    _: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, StoreError> {
    Err(StoreError("this program was built without it; name the authority to trust".to_owned()))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (authorities, given) = match &self.policy {
            Policy::Checked { authorities, given } => (authorities, given),
            Policy::Insecure => return Ok(ServerCertVerified::assertion()),
            Policy::NoStore(error) => {
                return Err(CertificateError::Other(OtherError(Arc::new(error.clone()))).into());
            }
        };
        let verdict =
            authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if given.iter().any(|certificate| certificate.as_ref() == end_entity.as_ref()) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.policy {
            Policy::Checked { authorities, .. } => {
                authorities.verify_tls12_signature(message, certificate, signature)
            }
            // Old servers have certificates that cannot even be parsed here; without trust a signature proves nothing.
            Policy::Insecure | Policy::NoStore(_) => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.policy {
            Policy::Checked { authorities, .. } => {
                authorities.verify_tls13_signature(message, certificate, signature)
            }
            Policy::Insecure | Policy::NoStore(_) => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

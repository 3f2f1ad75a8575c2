//! Whether a server's certificate is believed.
//!
//! Deliberately no revocation: neither the fake nor the servers of a test bed publish lists.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::{Trust, certificates, roots};
use crate::TlsError;

/// [`Trust`] as rustls asks for it.
#[derive(Debug)]
pub(super) struct Verifier {
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
            "this machine's trust store is of no use ({}); install ca-certificates, or give --ca FILE, or --insecure",
            self.0
        )
    }
}

impl std::error::Error for StoreError {}

impl Verifier {
    pub(super) fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Verifier, TlsError> {
        let policy = match trust {
            Trust::Insecure => Policy::Insecure,
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
                match rustls_platform_verifier::Verifier::new_with_extra_roots(
                    given.clone(),
                    provider.clone(),
                ) {
                    Ok(system) => Policy::Checked { authorities: Arc::new(system), given },
                    Err(error) => Policy::NoStore(StoreError(error.to_string())),
                }
            }
        };
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        Ok(Verifier { policy, schemes })
    }
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

//! A throwaway certification authority, for the fake server and for tests.
//!
//! Its key lives in memory and dies with it. Deliberately without a clock: the periods of validity are fixed dates.

use std::fmt::Write as _;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::TlsError;

/// The names in the certificate of a fake server that is not told otherwise.
pub const SERVER_NAMES: &[&str] = &["localhost", "127.0.0.1", "::1", "fake.poplab.test"];

/// When a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validity {
    /// Now: 2020 to 2049.
    Current,
    /// No longer: the year 2001.
    Expired,
    /// Not yet: 2048 to 2049.
    NotYet,
}

/// An authority with a fresh key, and a name that no other one has.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a server presents: certificate and private key, and the authority that vouches for them.
#[derive(Clone)]
pub struct Identity {
    chain: Vec<Vec<u8>>,
    key: Vec<u8>,
    ca_pem: String,
    asks_for_client_certificate: bool,
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn new() -> Result<Authority, TlsError> {
        let key = KeyPair::generate().map_err(issue_error)?;
        let mut parameters = CertificateParams::new(Vec::new()).map_err(issue_error)?;
        // Two authorities of the same name would make "bad signature" out of "unknown issuer".
        let mut name = "poplab throwaway authority ".to_owned();
        for octet in key.public_key_raw().iter().rev().take(6) {
            // Writing to a string cannot fail.
            let _ = write!(name, "{octet:02x}");
        }
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2000, 1, 1), date_time_ymd(2049, 12, 31));
        let pem = parameters.self_signed(&key).map_err(issue_error)?.pem();
        Ok(Authority { issuer: Issuer::new(parameters, key), pem })
    }

    /// The authority's certificate, PEM: what a client must trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server certificate for these names (DNS names, or IP addresses as text).
    ///
    /// # Errors
    /// A name that is neither, or no randomness.
    pub fn issue(&self, names: &[&str], validity: Validity) -> Result<Identity, TlsError> {
        let key = KeyPair::generate().map_err(issue_error)?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = CertificateParams::new(names.clone()).map_err(issue_error)?;
        let common_name = names.first().map_or("poplab fake server", String::as_str);
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // OpenSSL's strict mode, which Python uses, refuses certificates without it.
        parameters.use_authority_key_identifier_extension = true;
        (parameters.not_before, parameters.not_after) = match validity {
            Validity::Current => (date_time_ymd(2020, 1, 1), date_time_ymd(2049, 12, 31)),
            Validity::Expired => (date_time_ymd(2001, 1, 1), date_time_ymd(2001, 12, 31)),
            Validity::NotYet => (date_time_ymd(2048, 1, 1), date_time_ymd(2049, 12, 31)),
        };
        let certificate = parameters.signed_by(&key, &self.issuer).map_err(issue_error)?;
        Ok(Identity {
            chain: vec![certificate.der().to_vec()],
            key: key.serialize_der(),
            ca_pem: self.pem.clone(),
            asks_for_client_certificate: false,
        })
    }
}

impl Identity {
    /// The identity of an ordinary fake server: a new authority, [`SERVER_NAMES`], valid now.
    ///
    /// # Errors
    /// As [`Authority::new`].
    pub fn throwaway() -> Result<Identity, TlsError> {
        Authority::new()?.issue(SERVER_NAMES, Validity::Current)
    }

    /// A certificate that is its own authority, as `openssl req -x509` makes them.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn self_signed(names: &[&str]) -> Result<Identity, TlsError> {
        let key = KeyPair::generate().map_err(issue_error)?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = CertificateParams::new(names).map_err(issue_error)?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (parameters.not_before, parameters.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2049, 12, 31));
        let certificate = parameters.self_signed(&key).map_err(issue_error)?;
        Ok(Identity {
            chain: vec![certificate.der().to_vec()],
            key: key.serialize_der(),
            ca_pem: certificate.pem(),
            asks_for_client_certificate: false,
        })
    }

    /// The same, on a server that asks its clients for a certificate, and goes on without.
    #[must_use]
    pub fn asking_for_client_certificate(mut self) -> Identity {
        self.asks_for_client_certificate = true;
        self
    }

    /// The certificate of the authority, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The server's certificate and those above it but for the authority's, DER, the server's own first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The key of the server's certificate, PKCS #8, DER.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    pub(crate) fn asks_for_client_certificate(&self) -> bool {
        self.asks_for_client_certificate
    }
}

/// Without the key.
impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("asks_for_client_certificate", &self.asks_for_client_certificate)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn issue_error(error: rcgen::Error) -> TlsError {
    TlsError::Issue { reason: error.to_string() }
}

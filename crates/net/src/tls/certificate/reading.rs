//! Reading certificates: X.509, as far as people are told of it.

use std::net::IpAddr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::CertificateFacts;

/// Reads a certificate, DER; `None` if it is none.
pub(super) fn facts(der: &[u8]) -> Option<CertificateFacts> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(CertificateFacts {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        names: names(&certificate),
        expires: rfc3339(certificate.validity().not_after),
        key: key(certificate.public_key()),
        signature: signature(&certificate.signature_algorithm),
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    // A subjectAltName that cannot be read names nobody, as for those who verify.
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
        _ => None,
    }
}

/// Four octets or sixteen (RFC 5280 section 4.2.1.6).
fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

fn rfc3339(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (hour, minute, second) = time.to_hms();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn key(info: &SubjectPublicKeyInfo<'_>) -> String {
    let kind = info.algorithm.algorithm.to_id_string();
    match kind.as_str() {
        "1.2.840.113549.1.1.1" => match info.parsed() {
            Ok(PublicKey::RSA(key)) => format!("RSA {}", bits(key.modulus)),
            _ => "RSA".to_owned(),
        },
        "1.2.840.10045.2.1" => match curve(&info.algorithm) {
            Some(curve) => format!("ECDSA {curve}"),
            None => "ECDSA".to_owned(),
        },
        "1.3.101.112" => "Ed25519".to_owned(),
        "1.3.101.113" => "Ed448".to_owned(),
        _ => kind,
    }
}

/// The named curve of an ECDSA key (RFC 5480 section 2.1.1).
fn curve(algorithm: &AlgorithmIdentifier<'_>) -> Option<String> {
    let curve = algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string();
    Some(match curve.as_str() {
        "1.2.840.10045.3.1.7" => "P-256".to_owned(),
        "1.3.132.0.34" => "P-384".to_owned(),
        "1.3.132.0.35" => "P-521".to_owned(),
        _ => curve,
    })
}

/// The length of a positive number, big-endian.
fn bits(number: &[u8]) -> usize {
    let zeroes = number.iter().take_while(|octet| **octet == 0).count();
    let number = number.get(zeroes..).unwrap_or_default();
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn signature(algorithm: &AlgorithmIdentifier<'_>) -> String {
    let kind = algorithm.algorithm.to_id_string();
    match kind.as_str() {
        "1.2.840.113549.1.1.4" => "RSA with MD5",
        "1.2.840.113549.1.1.5" => "RSA with SHA-1",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.1.11" => "RSA with SHA-256",
        "1.2.840.113549.1.1.12" => "RSA with SHA-384",
        "1.2.840.113549.1.1.13" => "RSA with SHA-512",
        "1.2.840.10045.4.1" => "ECDSA with SHA-1",
        "1.2.840.10045.4.3.2" => "ECDSA with SHA-256",
        "1.2.840.10045.4.3.3" => "ECDSA with SHA-384",
        "1.2.840.10045.4.3.4" => "ECDSA with SHA-512",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        _ => return kind,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::super::{KINDS_REMEMBERED, Kinds};
    use super::*;
    use crate::{Authority, Identity, SERVER_NAMES, Validity};

    fn facts(identity: &Identity) -> CertificateFacts {
        CertificateFacts::parse(&identity.chain()[0]).unwrap()
    }

    #[test]
    fn an_issued_certificate_is_read() {
        let authority = Authority::new().unwrap();
        let current = facts(&authority.issue(SERVER_NAMES, Validity::Current).unwrap());
        let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
        let root = CertificateFacts::parse(&root).unwrap();
        assert!(root.subject.starts_with("CN=poplab throwaway authority "), "{root:?}");
        assert_eq!(
            current,
            CertificateFacts {
                subject: "CN=localhost".to_owned(),
                issuer: root.subject,
                names: SERVER_NAMES.iter().map(|&name| name.to_owned()).collect(),
                expires: "2049-12-31T00:00:00Z".to_owned(),
                key: "ECDSA P-256".to_owned(),
                signature: "ECDSA with SHA-256".to_owned(),
            }
        );
        let expired = facts(&authority.issue(&["192.0.2.1"], Validity::Expired).unwrap());
        assert_eq!(
            (expired.expires.as_str(), &*expired.names),
            ("2001-12-31T00:00:00Z", &["192.0.2.1".to_owned()][..])
        );
    }

    #[test]
    fn its_own_issuer_is_its_subject() {
        let facts = facts(&Identity::self_signed(&["mail.example.org"]).unwrap());
        assert_eq!(facts.issuer, facts.subject);
        assert_eq!(facts.names, ["mail.example.org"]);
    }

    #[test]
    fn an_rsa_key_has_its_size() {
        // `openssl req -x509 -newkey rsa:1024 -sha512 -days 1 -nodes -subj /O=Example`, without a name of a host.
        let der = CertificateDer::from_pem_slice(RSA).unwrap();
        let facts = CertificateFacts::parse(&der).unwrap();
        assert_eq!((facts.key.as_str(), facts.signature.as_str()), ("RSA 1024", "RSA with SHA-512"));
        assert_eq!((facts.subject.as_str(), facts.names.len()), ("O=Example", 0));
    }

    #[test]
    fn what_is_no_certificate_has_no_facts() {
        let identity = Identity::throwaway().unwrap();
        let whole = &identity.chain()[0];
        for length in 0..whole.len() {
            assert_eq!(CertificateFacts::parse(&whole[..length]), None, "{length}");
        }
        // Damaged anywhere, it is read or not, and never a reason to stop.
        for index in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[index] ^= 0xff;
            let _ = CertificateFacts::parse(&damaged);
        }
    }

    #[test]
    fn the_kind_of_a_key_is_told_and_remembered() {
        let kinds = Kinds::default();
        let rsa = CertificateDer::from_pem_slice(RSA).unwrap();
        let identity = Identity::throwaway().unwrap();
        for _ in 0..2 {
            assert_eq!(kinds.of(&rsa), "RSA 1024");
            assert_eq!(kinds.of(&identity.chain()[0]), "ECDSA P-256");
            assert_eq!(kinds.of(b"no certificate"), "other");
        }
        assert_eq!(kinds.known.read().unwrap().len(), 3);
        for number in 0..1000_u32 {
            kinds.of(&number.to_be_bytes());
        }
        assert_eq!(kinds.known.read().unwrap().len(), KINDS_REMEMBERED);
    }

    #[test]
    fn bits_are_counted_from_the_first_that_is_set() {
        assert_eq!(bits(&[]), 0);
        assert_eq!(bits(&[0, 0]), 0);
        assert_eq!(bits(&[0, 0x80, 0]), 16);
        assert_eq!(bits(&[0x7f, 0xff]), 15);
    }

    const RSA: &[u8] = b"-----BEGIN CERTIFICATE-----
MIICADCCAWmgAwIBAgIUZE2W1lV/4putw5ifEvGpUxIfe1IwDQYJKoZIhvcNAQEN
BQAwEjEQMA4GA1UECgwHRXhhbXBsZTAeFw0yNjExMjMwMDM5MjdaFw0yNjExMjQw
MDM5MjdaMBIxEDAOBgNVBAoMB0V4YW1wbGUwgZ8wDQYJKoZIhvcNAQEBBQADgY0A
MIGJAoGBALXSS5KTRM0q04GCFTidNNn8QbDR5TZP87pSzzU79FBhsB77VM3cdEdV
jeIkGVU94M7W0SKmFbna+z8iH0V1lW95MX5jzb2BGbZDK/nxQy0FFMzHqx3C+nDa
PaqcUp6HRU74xZC/D0ngzWMuNHljPUemeQCmdTzL/9py5gsqSgd3AgMBAAGjUzBR
MB0GA1UdDgQWBBSXjZWb2wWkBCTCvVvkzrS/0iyePTAfBgNVHSMEGDAWgBSXjZWb
2wWkBCTCvVvkzrS/0iyePTAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBDQUA
A4GBAGx5TlROoq9DrFcc9XEvfQfLTXaX7S2BebY5fdt4LBEQ2l74nIgLZvuEI1VE
B5UrWJJgAQh5965V/eAqFa5x3tdq7G6aQAGINH7ijFtFFUkbcu9qP67bqKgIWMCb
kGRfVzwQWb7pQyanqvvS58zFzrLhw9nhSqi1ZCpOp6Fy9TTA
-----END CERTIFICATE-----
";
}

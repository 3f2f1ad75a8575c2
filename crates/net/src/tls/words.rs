//! rustls's errors in words: what is wrong and what to do about it.

use std::io;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::DialError;

/// What a failed handshake means. `first` holds the first octets the peer sent.
pub(super) fn explain(error: io::Error, first: Vec<u8>) -> DialError {
    if !first.is_empty() && !looks_like_tls(&first) {
        return DialError::NotTls { first };
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(error @ (Error::InvalidCertificate(_) | Error::NoCertificatesPresented)) => {
            DialError::Certificate { reason: certificate_error(error) }
        }
        Some(Error::AlertReceived(alert)) => DialError::Handshake { reason: alert_words(*alert) },
        Some(Error::PeerIncompatible(what)) => DialError::Handshake { reason: incompatible_words(what) },
        Some(other) => DialError::Handshake { reason: other.to_string() },
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => DialError::ClosedInHandshake,
            _ => DialError::Io(error),
        },
    }
}

/// What is wrong with a certificate.
pub(super) fn certificate_error(error: &Error) -> String {
    let error = match error {
        Error::InvalidCertificate(error) => error,
        Error::NoCertificatesPresented => return "the server presented none".to_owned(),
        other => return other.to_string(),
    };
    match error {
        CertificateError::UnknownIssuer => {
            "no authority known here issued it (unknown issuer); give --ca FILE \
             with the certificate of its authority, or --insecure"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "it is not signed by the authority it names (an older or a false one of the same name?); \
             give --ca FILE with the right one, or --insecure"
                .to_owned()
        }
        CertificateError::ExpiredContext { time, not_after } => {
            format!("it expired {} ago; renew it, or give --insecure", span(*not_after, *time))
        }
        CertificateError::Expired => "it has expired; renew it, or give --insecure".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "it becomes valid only in {}; are the clocks of both machines right? Otherwise give --insecure",
            span(*time, *not_before)
        ),
        CertificateError::NotValidYet => {
            "it is not valid yet; are the clocks of both machines right?".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "it is not for this host: expected {}, presented {}; connect by a name that it has, or give --insecure",
            expected.to_str(),
            names(presented)
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it was not issued for servers (extended key usage); issue another one, or give --insecure"
                .to_owned()
        }
        CertificateError::Other(other) => match format!("{:?}", other.0).as_str() {
            "CaUsedAsEndEntity" => {
                "it is self-signed; give it with --ca FILE to trust exactly this one, or give --insecure"
                    .to_owned()
            }
            _ => other.to_string(),
        },
        other => other.to_string(),
    }
}

/// A TLS record has a content type from 20 to 24 and a version of major number 3 (RFC 8446 section 5.1).
fn looks_like_tls(first: &[u8]) -> bool {
    first.first().is_some_and(|kind| (20..=24).contains(kind)) && first.get(1).is_none_or(|&major| major == 3)
}

fn alert_words(alert: AlertDescription) -> String {
    let hint = match alert {
        AlertDescription::ProtocolVersion => "; it speaks none of the TLS versions offered",
        AlertDescription::HandshakeFailure => {
            "; it shares no cipher suite or parameter, or wants something else"
        }
        AlertDescription::UnrecognisedName => "; it does not know the server name that was sent (SNI)",
        AlertDescription::CertificateRequired => "; it demands a client certificate, and poplab has none",
        AlertDescription::MissingExtension => "; it demands an extension, often the server name (SNI)",
        _ => "",
    };
    let name = alert.as_str().map_or_else(|| format!("{alert:?}"), str::to_owned);
    format!("the server broke it off with the alert {name}{hint}")
}

fn incompatible_words(what: &PeerIncompatible) -> String {
    match what {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "the server speaks none of the TLS versions offered".to_owned()
        }
        other => format!("the server is incompatible: {other:?}"),
    }
}

/// `WebPKI` gives names in its debugging form, such as `DnsName("localhost")`.
fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all (no subjectAltName)".to_owned();
    }
    let plain = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
        inner.trim_matches('"').escape_debug().to_string()
    };
    presented.iter().map(plain).collect::<Vec<_>>().join(", ")
}

/// The time between two moments, to the day or the hour.
fn span(from: UnixTime, to: UnixTime) -> String {
    let hours = to.as_secs().saturating_sub(from.as_secs()) / 3600;
    match (hours / 24, hours) {
        (0, 0) => "less than an hour".to_owned(),
        (0, hours) => format!("{hours} h"),
        (1, _) => "1 day".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_plain() {
        let presented = [r#"DnsName("mail.example.org")"#, "IpAddress(127.0.0.1)"].map(str::to_owned);
        assert_eq!(names(&presented), "mail.example.org, 127.0.0.1");
        assert!(names(&[]).contains("no name"));
    }

    #[test]
    fn cleartext_is_told_from_records() {
        assert!(looks_like_tls(b"\x16\x03\x03\x00\x7a"));
        assert!(looks_like_tls(b"\x15"));
        assert!(!looks_like_tls(b"+OK ready\r\n"));
        assert!(!looks_like_tls(b"\x16Hello"));
    }

    #[test]
    fn spans_are_rounded_down() {
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        assert_eq!(span(at(0), at(3599)), "less than an hour");
        assert_eq!(span(at(0), at(7200)), "2 h");
        assert_eq!(span(at(0), at(86_400)), "1 day");
        assert_eq!(span(at(0), at(400 * 86_400 + 5)), "400 days");
    }
}

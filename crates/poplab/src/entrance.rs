//! An entrance of a server as a survey found it, in the form in which runs record it.

use net::{Endpoint, TlsFacts};
use record::{Security, TlsInfo};
use suite::Site;

use crate::terminal::visible;

/// The protection of an entrance that nobody named and that could not be found out.
const UNKNOWN: &str = "unknown-protection";

/// What an entrance is called in results, files and test reports: how it is protected. Host and port come in only where
/// an entrance before it has that name: with the port of an embedded server in its name, every run would have tests of
/// its own, and nothing could tell what is new.
pub(crate) fn label(
    security: Option<suite::Security>,
    endpoint: &Endpoint,
    before: &[record::Entrance],
) -> String {
    let kind = security.map_or_else(|| UNKNOWN.to_owned(), |security| security.to_string());
    if before.iter().any(|entrance| entrance.label == kind) { format!("{kind} {endpoint}") } else { kind }
}

/// How the entrance with this label is protected: its first word.
pub(crate) fn kind(label: &str) -> &str {
    label.split(' ').next().unwrap_or_default()
}

/// An entrance as it was surveyed, without a label, which depends on those before it.
pub(crate) fn described(site: &Site) -> record::Entrance {
    let survey = &site.survey;
    let capabilities = survey.capabilities.iter().flatten().map(|capability| {
        let words = std::iter::once(&capability.tag).chain(&capability.parameters);
        visible(&words.map(String::as_str).collect::<Vec<_>>().join(" "))
    });
    record::Entrance {
        label: String::new(),
        host: site.entrance.endpoint.host.clone(),
        port: site.entrance.endpoint.port,
        security: match site.entrance.security {
            suite::Security::Implicit => Security::Implicit,
            suite::Security::Starttls => Security::Starttls,
            suite::Security::Clear => Security::None,
        },
        tls: survey.tls.as_ref().map(handshake),
        capabilities: capabilities.collect(),
        greeting: suite::survey::shown(&survey.greeting),
    }
}

/// The facts of a handshake, with what the server wrote into its certificate made harmless.
fn handshake(facts: &TlsFacts) -> TlsInfo {
    let certificate = facts.certificate();
    // What a certificate says is the server's text, as a greeting is.
    let told = |text: &str| (!text.is_empty()).then(|| visible(text));
    TlsInfo {
        version: facts.version.clone(),
        cipher: facts.cipher.clone(),
        group: (!facts.group.is_empty()).then(|| facts.group.clone()),
        certificate_subject: certificate.as_ref().and_then(|facts| told(&facts.subject)),
        certificate_issuer: certificate.as_ref().and_then(|facts| told(&facts.issuer)),
        certificate_names: certificate
            .iter()
            .flat_map(|facts| &facts.names)
            .map(|name| visible(name))
            .collect(),
        certificate_expires: certificate.as_ref().map(|facts| facts.expires.clone()),
        certificate_sha256: facts.certificates.first().map(|certificate| mail::digest(certificate)),
    }
}

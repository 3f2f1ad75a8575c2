//! What a server takes of old versions, weak suites and names, asked by a hello made by hand
//! ([`crate::client_hello`]): the TLS library of poplab has none of it to offer.

use net::{DialError, TlsOptions, Versions};
use tokio::time::timeout;

use crate::check::checks;
use crate::client_hello::{Answer, ClientHello, SSL_3, TLS_1_0, TLS_1_1, TLS_1_2, Version, answer, of_ssl_2};
use crate::lab::Lab;
use crate::outcome::{Outcome, Stop, fail, inconclusive, require, warn};
use crate::session::Heard;

checks! {
    "rfc8997.old-versions" => old_versions,
    "rfc9325.tls.weak" => weak_suites,
    "rfc6186.sni" => server_names,
}

/// What clients of TLS 1.0 and 1.1 offered, and SSL 3 before them.
const OLD_SUITES: &[u16] = &[
    0xc014, 0xc013, 0xc00a, 0xc009, 0x0039, 0x0038, 0x0033, 0x0032, 0x0035, 0x002f, 0xc012, 0xc008, 0x0016,
    0x0013, 0x000a, 0x0005, 0x0004, 0x00ff,
];
/// Nothing is encrypted.
const NULL: &[u16] = &[0x0001, 0x0002, 0x003b, 0xc006, 0xc010, 0xc001, 0xc00b];
/// Nobody has to be who they say.
const ANONYMOUS: &[u16] = &[
    0x00a7, 0x00a6, 0x006d, 0x006c, 0x003a, 0x0034, 0x001b, 0x001a, 0x0018, 0x0019, 0x0017, 0xc019, 0xc018,
    0xc017, 0xc016, 0xc015, 0x0046, 0x0089,
];
/// Keys of 40 and 56 bits.
const EXPORT: &[u16] = &[0x0003, 0x0006, 0x0008, 0x000b, 0x000e, 0x0011, 0x0014, 0x0062, 0x0064];
const RC4: &[u16] = &[0x0004, 0x0005, 0xc007, 0xc011, 0xc002, 0xc00c];
const DES: &[u16] = &[
    0x0009, 0x000a, 0x000c, 0x000d, 0x000f, 0x0010, 0x0012, 0x0013, 0x0015, 0x0016, 0xc008, 0xc012, 0xc003,
    0xc00d,
];

/// RFC 9325 §3.1.1; RFC 8997 §3; RFC 8996 §4, §5: SSL 2, SSL 3, TLS 1.0 and TLS 1.1 are no longer accepted
/// (SSL 2 is an absolute prohibition).
async fn old_versions(lab: &Lab) -> Outcome {
    let ssl_2 = hear(lab, &of_ssl_2()).await?;
    require(answer(&ssl_2.octets) != Answer::ChosenSsl2, || {
        "a client of SSL 2 is answered in SSL 2".to_owned()
    })?;
    let mut taken = Vec::new();
    for (version, name) in [(SSL_3, "SSL 3"), (TLS_1_0, "TLS 1.0"), (TLS_1_1, "TLS 1.1")] {
        let heard = offer(lab, version, OLD_SUITES).await?;
        match answer(&heard.octets) {
            Answer::Chosen(SSL_3, suite) => {
                return fail(format!(
                    "a client that has no more than {name} is answered in SSL 3, suite 0x{suite:04x}"
                ));
            }
            Answer::Chosen(chosen, suite) if chosen <= version => {
                taken.push(format!("{name} (suite 0x{suite:04x})"));
            }
            _ => {}
        }
    }
    if taken.is_empty() {
        return Ok(());
    }
    warn(format!("clients that have nothing newer are answered in {}", taken.join(" and ")))
}

/// RFC 9325 §4.1; RFC 8314 §4: Recommended cipher suites are used; NULL, export, RC4, DES/3DES and anonymous
/// suites are refused.
async fn weak_suites(lab: &Lab) -> Outcome {
    let mut taken = Vec::new();
    for (suites, what, prohibited) in [
        (NULL, "without encryption", true),
        (ANONYMOUS, "without a certificate", true),
        (EXPORT, "with a key of 40 or 56 bits", false),
        (RC4, "with RC4", false),
        (DES, "with DES or 3DES", false),
    ] {
        let heard = offer(lab, TLS_1_2, suites).await?;
        let Answer::Chosen(_, suite) = answer(&heard.octets) else { continue };
        let seen = format!("a suite {what} (0x{suite:04x})");
        if prohibited {
            return fail(format!("a client that offers nothing else is given {seen}"));
        }
        taken.push(seen);
    }
    if taken.is_empty() {
        return Ok(());
    }
    warn(format!("a client that offers nothing else is given {}", taken.join(", and ")))
}

/// What comes when a client offers this and nothing else.
async fn offer(lab: &Lab, version: Version, suites: &[u16]) -> Result<Heard, Stop> {
    let (host, seed) = (&lab.site().entrance.endpoint.host, lab.nonce());
    let server_name = Some(host.as_str()).filter(|host| host.parse::<std::net::IpAddr>().is_err());
    hear(lab, &ClientHello { version, suites, server_name, seed: &seed }.record()).await
}

async fn hear(lab: &Lab, hello: &[u8]) -> Result<Heard, Stop> {
    let mut session = lab.before_handshake().await?;
    session.fragment(hello).await?;
    Ok(session.hear(session.patience().answer).await)
}

/// Names that some servers stumble over.
const NAMES: [(&str, &str); 4] = [
    ("nobody.poplab.invalid", "a name that is not the server's"),
    ("xn--", "half a name"),
    ("*", "an asterisk"),
    ("..", "a name without letters"),
];

/// RFC 6186 §5; RFC 8314 §4.4: A server for several domains on one address selects the certificate by SNI, and
/// also serves clients that use the SRV target name.
///
/// Which domains there are is not to be seen; what is, is that a name which is missing, foreign or odd harms nobody.
async fn server_names(lab: &Lab) -> Outcome {
    lab.connect().await?;
    for (name, what) in NAMES {
        named(lab, name, what).await?;
    }
    named(lab, &"long-label.".repeat(23), "a name of 253 octets").await?;
    let options = TlsOptions { server_name: None, versions: Versions::Any };
    let session = lab.before_handshake().await?;
    let stream = session.into_stream();
    let Some(stream) = stream else { return inconclusive("the connection is closed") };
    match timeout(lab.site().patience.answer, lab.site().dialer.start_tls(stream, &options)).await {
        Ok(Ok(stream)) => {
            drop(lab.adopt(stream));
            Ok(())
        }
        // One address for many domains has a certificate for one of them to show, or none (RFC 8446 section 9.2).
        Ok(Err(DialError::Certificate { .. })) => Ok(()),
        Ok(Err(error @ (DialError::Handshake { .. } | DialError::ClosedInHandshake))) => {
            warn(format!("without a server name there is no handshake: {error}"))
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => fail("without a server name the handshake did not end"),
    }
}

async fn named(lab: &Lab, name: &str, what: &str) -> Outcome {
    let seed = lab.nonce();
    let suites = [0xc02f, 0xc02b, 0xc030, 0xc02c, 0x009e, 0x009c];
    let hello = ClientHello { version: TLS_1_2, suites: &suites, server_name: Some(name), seed: &seed };
    hear(lab, &hello.record()).await?;
    lab.require_alive(&format!("a client asked for {what} by SNI")).await
}

//! Certificates, versions and names: what is accepted, what is refused, and in which words.

use std::time::Duration;

use super::*;
use crate::{Authority, Dialer, SERVER_NAMES, TlsError, Validity, Versions};

fn only(identity: &Identity) -> Trust {
    Trust::Only { ca_pem: identity.ca_pem().into() }
}

/// The words with which a certificate is refused.
async fn refusal(identity: &Identity, trust: &Trust, options: &TlsOptions) -> String {
    match handshake(Carrier::Tcp, identity, trust, options).await {
        (Err(DialError::Certificate { reason }), None) => reason,
        other => panic!("not refused for its certificate: {other:?}"),
    }
}

#[tokio::test]
async fn the_facts_of_a_handshake_are_told() {
    for carrier in CARRIERS {
        for (versions, expected) in
            [(Versions::Any, "TLS 1.3"), (Versions::Only12, "TLS 1.2"), (Versions::Only13, "TLS 1.3")]
        {
            let identity = Identity::throwaway().unwrap();
            let options = TlsOptions { server_name: Some("localhost".into()), versions };
            let (client, server) = handshake(carrier, &identity, &only(&identity), &options).await;
            let client = client.unwrap();
            let facts = client.tls().unwrap();
            assert_eq!(facts.version, expected);
            assert!(facts.cipher.starts_with("TLS"), "{facts:?}");
            assert!(!facts.group.is_empty(), "{facts:?}");
            assert_eq!(facts.certificates, identity.chain());
            assert_eq!(facts.certificate().unwrap().names, SERVER_NAMES);
            assert!(!facts.resumed && !facts.client_certificate_requested);
            assert_eq!(server.unwrap().server_name().as_deref(), Some("localhost"));
        }
    }
}

#[tokio::test]
async fn a_request_for_a_client_certificate_is_noticed() {
    let identity = Identity::throwaway().unwrap().asking_for_client_certificate();
    for versions in [Versions::Only12, Versions::Only13] {
        let options = TlsOptions { server_name: Some("localhost".into()), versions };
        let (client, server) = handshake(Carrier::Memory, &identity, &only(&identity), &options).await;
        assert!(client.unwrap().tls().unwrap().client_certificate_requested, "{versions:?}");
        assert!(server.is_some());
    }
}

#[tokio::test]
async fn without_a_server_name_none_is_sent_and_the_host_is_checked() {
    let options = TlsOptions { server_name: None, versions: Versions::Any };
    let good = Identity::throwaway().unwrap();
    let (client, server) = handshake(Carrier::Tcp, &good, &only(&good), &options).await;
    client.unwrap();
    assert_eq!(server.unwrap().server_name(), None);

    let other = Authority::new().unwrap().issue(&["elsewhere.test"], Validity::Current).unwrap();
    assert!(refusal(&other, &only(&other), &options).await.contains("expected localhost"));
}

#[test]
fn a_dialer_tells_whether_it_verifies() {
    let identity = Identity::throwaway().unwrap();
    for (trust, expected) in
        [(Trust::Insecure, false), (only(&identity), true), (Trust::System { extra_ca_pem: None }, true)]
    {
        let dialer = Dialer::tcp(trust).unwrap();
        assert_eq!((dialer.verifies(), dialer.resuming().verifies()), (expected, expected));
    }
}

#[tokio::test]
async fn an_address_can_be_the_server_name() {
    let identity = Identity::throwaway().unwrap();
    for address in ["127.0.0.1", "::1"] {
        let (client, server) =
            handshake(Carrier::Tcp, &identity, &only(&identity), &TlsOptions::named(address)).await;
        client.unwrap();
        assert_eq!(server.unwrap().server_name(), None, "RFC 6066: no address in SNI");
    }
    let reason = refusal(&identity, &only(&identity), &TlsOptions::named("127.0.0.2")).await;
    assert!(reason.contains("expected 127.0.0.2"), "{reason}");
}

#[tokio::test]
async fn an_unknown_issuer_is_refused_with_the_way_out() {
    let identity = Identity::throwaway().unwrap();
    let stranger = Identity::throwaway().unwrap();
    let options = TlsOptions::named("localhost");
    let system = Trust::System { extra_ca_pem: Some(stranger.ca_pem().into()) };
    for trust in [only(&stranger), system] {
        let reason = refusal(&identity, &trust, &options).await;
        assert!(reason.contains("unknown issuer"), "{reason}");
        assert!(reason.contains("--ca FILE") && reason.contains("--insecure"), "{reason}");
    }
    for trust in [Trust::Insecure, Trust::System { extra_ca_pem: Some(identity.ca_pem().into()) }] {
        handshake(Carrier::Tcp, &identity, &trust, &options).await.0.unwrap();
    }
}

#[tokio::test]
async fn periods_and_names_are_refused_with_words() {
    let authority = Authority::new().unwrap();
    let trust = Trust::Only { ca_pem: authority.pem().into() };
    let options = TlsOptions::named("localhost");
    for (names, validity, words) in [
        (SERVER_NAMES, Validity::Expired, "expired"),
        (SERVER_NAMES, Validity::NotYet, "becomes valid only in"),
        (
            &["pop.example.org", "192.0.2.1"],
            Validity::Current,
            "expected localhost, presented pop.example.org, 192.0.2.1;",
        ),
    ] {
        let identity = authority.issue(names, validity).unwrap();
        let reason = refusal(&identity, &trust, &options).await;
        assert!(reason.contains(words), "{reason}");
        assert!(reason.contains("--insecure"), "{reason}");
        handshake(Carrier::Tcp, &identity, &Trust::Insecure, &options).await.0.unwrap();
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_accepted_only_if_given() {
    let identity = Identity::self_signed(&["localhost"]).unwrap();
    let stranger = Identity::self_signed(&["localhost"]).unwrap();
    let options = TlsOptions::named("localhost");
    for trust in [only(&identity), Trust::System { extra_ca_pem: Some(identity.ca_pem().into()) }] {
        handshake(Carrier::Tcp, &identity, &trust, &options).await.0.unwrap();
    }
    let reason = refusal(&identity, &only(&stranger), &options).await;
    assert!(reason.contains("self-signed") && reason.contains("--ca FILE"), "{reason}");
    let reason = refusal(&identity, &only(&identity), &TlsOptions::named("elsewhere.test")).await;
    assert!(reason.contains("presented localhost"), "{reason}");
}

#[tokio::test]
async fn sessions_are_resumed_only_on_request() {
    let identity = Identity::throwaway().unwrap();
    let acceptor = Acceptor::new(&identity).unwrap();
    let fresh = Connector::new(&only(&identity)).unwrap();
    for versions in [Versions::Only12, Versions::Only13] {
        let resuming = fresh.resuming();
        for (connector, expected) in [(&fresh, [false, false]), (&resuming, [false, true])] {
            for expected in expected {
                let (client, server) = pair(Carrier::Memory).await;
                let (transport, host) = client.into_clear().unwrap();
                let options = TlsOptions { server_name: Some("localhost".into()), versions };
                let (client, server) = tokio::join!(
                    connector.connect(transport, &host, &options),
                    server.accept_tls(&acceptor, Duration::ZERO),
                );
                let (session, facts) = client.unwrap();
                assert_eq!(facts.resumed, expected, "{versions:?}");
                assert_eq!(facts.certificates, identity.chain(), "{versions:?}");
                // TLS 1.3 brings the tickets after the handshake: they are seen by whoever reads.
                let mut client = Stream::secured_to(session, host, facts);
                server.unwrap().close().await;
                read_to_end(&mut client).await.1.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn cleartext_instead_of_tls_is_shown() {
    for carrier in CARRIERS {
        let (client, mut server) = pair(carrier).await;
        let long = [b"+OK POP3 ready \x1b[31m".as_slice(), &[b'x'; 200], b"\r\n"].concat();
        server.write_all(&long).await.unwrap();
        let (transport, host) = client.into_clear().unwrap();
        let connector = Connector::new(&Trust::Insecure).unwrap();
        let error = connector.connect(transport, &host, &TlsOptions::default()).await.err().unwrap();
        let DialError::NotTls { first } = &error else { panic!("{carrier:?}: {error:?}") };
        assert_eq!(first.as_slice(), &long[..80], "{carrier:?}");
        let words = error.to_string();
        assert!(words.contains("+OK POP3 ready") && words.contains("995"), "{words}");
        assert!(!words.contains('\x1b'), "control characters reach the terminal: {words}");
    }
}

#[tokio::test]
async fn an_end_within_the_handshake_is_told() {
    for carrier in CARRIERS {
        for reset in [false, true] {
            let (client, mut server) = pair(carrier).await;
            let (transport, host) = client.into_clear().unwrap();
            let connector = Connector::new(&Trust::Insecure).unwrap();
            let options = TlsOptions::default();
            let (result, ()) = tokio::join!(connector.connect(transport, &host, &options), async move {
                let mut scratch = [0; 8192];
                server.read(&mut scratch).await.unwrap();
                if reset {
                    server.reset();
                } else {
                    server.close().await;
                }
            });
            assert!(matches!(result.err(), Some(DialError::ClosedInHandshake)), "{carrier:?} {reset}");
        }
    }
}

#[test]
fn files_without_certificates_are_refused() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        for trust in [Trust::Only { ca_pem: pem.into() }, Trust::System { extra_ca_pem: Some(pem.into()) }] {
            let error = Connector::new(&trust).err().unwrap();
            assert!(matches!(error, TlsError::Authority { .. }), "{error}");
        }
    }
}

//! TLS: the only module that knows rustls.
//!
//! What leaves it is plain: octets, names, [`TlsFacts`], and errors in words. Deliberately without client
//! certificates, ALPN and early data: POP3 has no use for them.

mod certificate;
mod verify;
mod words;

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, CommonState, HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::authority::Identity;
use crate::transport::Transport;
use crate::{DialError, TlsError};

pub use certificate::CertificateFacts;

/// Whom to believe that a server is who it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The authorities of the operating system.
    System {
        /// More authorities (or server certificates, taken as they are), PEM.
        extra_ca_pem: Option<Vec<u8>>,
    },
    /// These authorities (or server certificates, taken as they are) and nobody else.
    Only {
        /// PEM, one certificate or more.
        ca_pem: Vec<u8>,
    },
    /// Anybody: no check at all, not even that the server holds the certificate's key.
    Insecure,
}

/// The versions of TLS that a client offers. Older ones than 1.2 are not implemented (RFC 8996).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Versions {
    /// TLS 1.3 and TLS 1.2.
    #[default]
    Any,
    /// TLS 1.2 alone.
    Only12,
    /// TLS 1.3 alone.
    Only13,
}

/// What a client asks for in one handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// The name for SNI, and the name the certificate must bear. An IP address is checked but never sent as SNI
    /// (RFC 6066 section 3). `None` sends no SNI; the certificate must then bear the host that was dialled.
    pub server_name: Option<String>,
    /// The versions offered.
    pub versions: Versions,
}

impl TlsOptions {
    /// What an ordinary client does: SNI with this name, every version.
    pub fn named(server_name: impl Into<String>) -> TlsOptions {
        TlsOptions { server_name: Some(server_name.into()), versions: Versions::Any }
    }
}

/// What a handshake settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: String,
    /// IANA's name of the cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The key exchange group, such as `X25519MLKEM768`; empty in a resumed TLS 1.2 session, which exchanges no key.
    pub group: String,
    /// The server's certificate and what it sent with it, DER, the server's own first. A resumed session repeats
    /// those of the first handshake.
    pub certificates: Vec<Vec<u8>>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// Whether the server asked for a client certificate (it got none).
    pub client_certificate_requested: bool,
}

impl TlsFacts {
    /// What the server's own certificate says of itself; `None` if there is none or it cannot be read.
    pub fn certificate(&self) -> Option<CertificateFacts> {
        CertificateFacts::parse(self.certificates.first()?)
    }
}

/// One side of an established TLS connection.
pub(crate) struct Session(TlsStream<Transport>);

/// The client's side: every configuration a dialer may need, made once.
pub(crate) struct Connector {
    /// By versions offered (Any, Only12, Only13), then without and with SNI.
    configurations: [[Arc<ClientConfig>; 2]; 3],
    verifies: bool,
}

/// The server's side.
pub(crate) struct Acceptor(TlsAcceptor);

tokio::task_local! {
    /// Set when the server of the handshake under way asks for a client certificate. A flag of the task, not of
    /// the configuration: resumption works only between handshakes of the very same resolver.
    static CLIENT_CERTIFICATE_REQUESTED: Cell<bool>;
}

impl Connector {
    pub(crate) fn new(trust: &Trust) -> Result<Connector, TlsError> {
        let provider = provider();
        let verifier = Arc::new(verify::Verifier::new(trust, &provider)?);
        let resolver = Arc::new(NoCertificate);
        let one = |versions: &[&'static SupportedProtocolVersion], sni| {
            let mut configuration = ClientConfig::builder_with_provider(provider.clone())
                .with_protocol_versions(versions)
                .map_err(|error| TlsError::Setup { reason: error.to_string() })?
                .dangerous()
                .with_custom_certificate_verifier(verifier.clone())
                .with_client_cert_resolver(resolver.clone());
            configuration.enable_sni = sni;
            configuration.resumption = Resumption::disabled();
            Ok(Arc::new(configuration))
        };
        let both = |versions: &[&'static SupportedProtocolVersion]| -> Result<_, TlsError> {
            Ok([one(versions, false)?, one(versions, true)?])
        };
        Ok(Connector {
            configurations: [both(&[&TLS13, &TLS12])?, both(&[&TLS12])?, both(&[&TLS13])?],
            verifies: *trust != Trust::Insecure,
        })
    }

    /// Whether certificates are checked.
    pub(crate) fn verifies(&self) -> bool {
        self.verifies
    }

    /// The same, with a memory for sessions of its own.
    pub(crate) fn resuming(&self) -> Connector {
        let memory = Resumption::in_memory_sessions(256);
        let with_memory = |configuration: &Arc<ClientConfig>| {
            let mut configuration = ClientConfig::clone(configuration);
            configuration.resumption = memory.clone();
            Arc::new(configuration)
        };
        Connector {
            configurations: self.configurations.each_ref().map(|pair| pair.each_ref().map(with_memory)),
            verifies: self.verifies,
        }
    }

    /// The client's handshake. `host` is what was dialled.
    pub(crate) async fn connect(
        &self,
        mut transport: Transport,
        host: &str,
        options: &TlsOptions,
    ) -> Result<(Session, TlsFacts), DialError> {
        let name = options.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| DialError::Handshake {
            reason: format!("`{name}` is neither a host name nor an address, so no certificate can bear it"),
        })?;
        let [without_sni, with_sni] = match options.versions {
            Versions::Any => &self.configurations[0],
            Versions::Only12 => &self.configurations[1],
            Versions::Only13 => &self.configurations[2],
        };
        let configuration = if options.server_name.is_some() { with_sni } else { without_sni };

        transport.watch();
        let handshake = TlsConnector::from(configuration.clone()).connect(name, transport).into_fallible();
        let (result, requested) = CLIENT_CERTIFICATE_REQUESTED
            .scope(Cell::new(false), async {
                // The handshake holds much state; on the heap it does not grow each task of a load generator.
                let result = Box::pin(handshake).await;
                (result, CLIENT_CERTIFICATE_REQUESTED.with(Cell::get))
            })
            .await;
        match result {
            Ok(mut stream) => {
                stream.get_mut().0.seen();
                let facts = facts(stream.get_ref().1, requested);
                Ok((Session(TlsStream::Client(stream)), facts))
            }
            Err((error, mut transport)) => {
                let first = transport.seen();
                transport.finish();
                Err(words::explain(error, first))
            }
        }
    }
}

impl Acceptor {
    pub(crate) fn new(identity: &Identity) -> Result<Acceptor, TlsError> {
        let setup = |error: &dyn std::fmt::Display| TlsError::Setup { reason: error.to_string() };
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| setup(&error))?;
        let builder = if identity.asks_for_client_certificate() {
            let roots = Arc::new(roots(&certificates(identity.ca_pem().as_bytes())?)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| setup(&error))?;
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let chain = identity.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
        let key = PrivatePkcs8KeyDer::from(identity.key().to_vec());
        let configuration = builder.with_single_cert(chain, key.into()).map_err(|error| setup(&error))?;
        Ok(Acceptor(TlsAcceptor::from(Arc::new(configuration))))
    }

    /// The server's handshake; after a failure the transport, to which the alert has been written.
    pub(crate) async fn accept(&self, transport: Transport) -> Result<Session, Transport> {
        match Box::pin(self.0.accept(transport).into_fallible()).await {
            Ok(stream) => Ok(Session(TlsStream::Server(stream))),
            Err((_, transport)) => Err(transport),
        }
    }
}

impl Session {
    pub(crate) fn transport(&mut self) -> &mut Transport {
        self.0.get_mut().0
    }

    /// The name that the client sent as SNI, on the server's side.
    #[cfg(test)]
    pub(crate) fn server_name(&self) -> Option<String> {
        match &self.0 {
            TlsStream::Server(stream) => stream.get_ref().1.server_name().map(str::to_owned),
            TlsStream::Client(_) => None,
        }
    }

    pub(crate) fn into_transport(self) -> Transport {
        match self.0 {
            TlsStream::Client(stream) => stream.into_inner().0,
            TlsStream::Server(stream) => stream.into_inner().0,
        }
    }
}

impl AsyncRead for Session {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Session {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

/// Has no client certificate, and notes that one was asked for.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Outside of a handshake started by `Connector::connect` there is no flag, and nobody to read it.
        let _ = CLIENT_CERTIFICATE_REQUESTED.try_with(|requested| requested.set(true));
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The certificates of a PEM file; at least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let authority = |reason: String| TlsError::Authority { reason };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| authority(error.to_string()))?;
    if certificates.is_empty() {
        return Err(authority("no BEGIN CERTIFICATE in it".to_owned()));
    }
    Ok(certificates)
}

fn roots(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| TlsError::Authority { reason: words::certificate_error(&error) })?;
    }
    Ok(roots)
}

fn facts(connection: &CommonState, client_certificate_requested: bool) -> TlsFacts {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
        other => format!("{other:?}"),
    };
    let cipher = connection.negotiated_cipher_suite().map_or_else(String::new, |suite| {
        suite.suite().as_str().map_or_else(|| format!("{:?}", suite.suite()), str::to_owned)
    });
    let group = connection.negotiated_key_exchange_group().map_or_else(String::new, |group| {
        group.name().as_str().map_or_else(|| format!("{:?}", group.name()), str::to_owned)
    });
    TlsFacts {
        version,
        cipher,
        group,
        certificates: connection
            .peer_certificates()
            .unwrap_or_default()
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect(),
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        client_certificate_requested,
    }
}

//! TLS: the only module that knows rustls.
//!
//! What leaves it is plain: octets, names, [`TlsFacts`], and errors in words. Deliberately without client
//! certificates, ALPN and early data: POP3 has no use for them.

mod certificate;
mod memory;
mod verify;
mod words;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
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
use tokio_rustls::client::TlsStream as ClientStream;
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
    /// As told within, but once for each certificate and name: a certificate that a handshake has been completed
    /// with is pinned, and later handshakes only compare the octets of the server's own certificate with it. That makes
    /// a client 2.6 times cheaper, and gives up the proof, from the second handshake on, that the server holds the
    /// certificate's key, and a look at the clock: one that expires while this is in use is not noticed. Another
    /// certificate is checked in full again.
    Once {
        /// How the first handshake is checked.
        first: Box<Trust>,
    },
}

impl Trust {
    /// The same, checked once and pinned; see [`Trust::Once`].
    #[must_use]
    pub fn once(self) -> Trust {
        match self {
            Trust::Once { .. } => self,
            first => Trust::Once { first: Box::new(first) },
        }
    }

    fn verifies(&self) -> bool {
        match self {
            Trust::System { .. } | Trust::Only { .. } => true,
            Trust::Insecure => false,
            Trust::Once { first } => first.verifies(),
        }
    }
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
    /// Octets exported from the connection for channel binding (RFC 9266), which the server has too and nobody else.
    pub exported: Option<[u8; 32]>,
}

impl TlsFacts {
    /// What the server's own certificate says of itself; `None` if there is none or it cannot be read.
    pub fn certificate(&self) -> Option<CertificateFacts> {
        CertificateFacts::parse(self.certificates.first()?)
    }
}

/// What to ask for in every handshake with one server, prepared once.
#[derive(Clone, Debug)]
pub struct TlsTarget {
    name: ServerName<'static>,
    versions: Versions,
}

impl TlsTarget {
    /// A server whose certificate must bear this name, a host name (then also sent as SNI) or an address.
    ///
    /// # Errors
    /// It is neither.
    pub fn new(name: &str, versions: Versions) -> Result<TlsTarget, TlsError> {
        let name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name { name: name.to_owned() })?;
        Ok(TlsTarget { name, versions })
    }
}

/// What a handshake settled, in the few words that a million of them can be counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handshake {
    /// `TLS 1.2` or `TLS 1.3`.
    pub version: &'static str,
    /// The key exchange group, such as `X25519MLKEM768`; empty in a resumed TLS 1.2 session, which exchanges no key.
    pub group: &'static str,
    /// Kind and size of the server's key, such as `ECDSA P-256`; `other` for a kind unknown here.
    pub certificate: &'static str,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

/// The label of what is exported for channel binding (RFC 9266 section 2).
const EXPORTER: &[u8] = b"EXPORTER-Channel-Binding";

/// One side of an established TLS connection.
pub(crate) struct Session(TlsStream<Transport>);

/// The client's side: every configuration a dialer may need, made once and shared, and its own memory for sessions.
pub(crate) struct Connector {
    base: Arc<Base>,
    memory: Option<Memory>,
}

struct Base {
    /// As [`chosen`] has them.
    configurations: [Arc<ClientConfig>; 6],
    verifies: bool,
    kinds: certificate::Kinds,
}

/// A memory for sessions, and the configurations that use it: each is made when it is first asked for, since a load
/// generator has a memory for each user and one target.
struct Memory {
    sessions: Resumption,
    /// As [`chosen`] has them.
    configurations: [OnceLock<Arc<ClientConfig>>; 6],
}

/// The server's side.
pub(crate) struct Acceptor {
    acceptor: TlsAcceptor,
    /// The server's own certificate, DER.
    certificate: Vec<u8>,
}

tokio::task_local! {
    /// Set when the server of the handshake under way asks for a client certificate. A flag of the task, not of
    /// the configuration: resumption works only between handshakes of the very same resolver.
    static CLIENT_CERTIFICATE_REQUESTED: Cell<bool>;
}

impl Connector {
    pub(crate) fn new(trust: &Trust) -> Result<Connector, TlsError> {
        let provider = provider();
        let verifier = verify::verifier(trust, &provider)?;
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
            Ok::<_, TlsError>(Arc::new(configuration))
        };
        let any: &[&'static SupportedProtocolVersion] = &[&TLS13, &TLS12];
        let configurations = [
            one(any, false)?,
            one(any, true)?,
            one(&[&TLS12], false)?,
            one(&[&TLS12], true)?,
            one(&[&TLS13], false)?,
            one(&[&TLS13], true)?,
        ];
        let base = Base { configurations, verifies: trust.verifies(), kinds: certificate::Kinds::default() };
        Ok(Connector { base: Arc::new(base), memory: None })
    }

    /// Whether certificates are checked.
    pub(crate) fn verifies(&self) -> bool {
        self.base.verifies
    }

    /// The same, with a memory for sessions of its own.
    pub(crate) fn resuming(&self) -> Connector {
        self.remembering(Resumption::in_memory_sessions(256))
    }

    /// The same, with a memory of its own for one session.
    pub(crate) fn resuming_one(&self) -> Connector {
        self.remembering(Resumption::store(Arc::new(memory::OneSession::default())))
    }

    fn remembering(&self, sessions: Resumption) -> Connector {
        let memory = Memory { sessions, configurations: Default::default() };
        Connector { base: self.base.clone(), memory: Some(memory) }
    }

    /// The client's handshake. `host` is what was dialled.
    pub(crate) async fn connect(
        &self,
        transport: Transport,
        host: &str,
        options: &TlsOptions,
    ) -> Result<(Session, TlsFacts), DialError> {
        let name = options.server_name.as_deref().unwrap_or(host);
        let target = TlsTarget::new(name, options.versions)
            .map_err(|error| DialError::Handshake { reason: error.to_string() })?;
        let configuration = self.configuration(options.versions, options.server_name.is_some());
        CLIENT_CERTIFICATE_REQUESTED
            .scope(Cell::new(false), async {
                let stream = shake(configuration, target.name, transport).await?;
                let connection = stream.get_ref().1;
                let facts = TlsFacts {
                    exported: connection.export_keying_material([0; 32], EXPORTER, Some(&[])).ok(),
                    ..facts(connection, CLIENT_CERTIFICATE_REQUESTED.with(Cell::get))
                };
                Ok((Session(TlsStream::Client(stream)), facts))
            })
            .await
    }

    /// The client's handshake, of which little is remembered.
    pub(crate) async fn secure(
        &self,
        transport: Transport,
        target: &TlsTarget,
    ) -> Result<(Session, Handshake), DialError> {
        let configuration = self.configuration(target.versions, true);
        let stream = shake(configuration, target.name.clone(), transport).await?;
        let handshake = self.summary(stream.get_ref().1);
        Ok((Session(TlsStream::Client(stream)), handshake))
    }

    fn configuration(&self, versions: Versions, sni: bool) -> Arc<ClientConfig> {
        let plain = chosen(&self.base.configurations, versions, sni);
        let Some(memory) = &self.memory else { return plain.clone() };
        let with_memory = || {
            let mut configuration = ClientConfig::clone(plain);
            configuration.resumption = memory.sessions.clone();
            Arc::new(configuration)
        };
        chosen(&memory.configurations, versions, sni).get_or_init(with_memory).clone()
    }

    fn summary(&self, connection: &CommonState) -> Handshake {
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "other",
        };
        let group = connection
            .negotiated_key_exchange_group()
            .map_or("", |group| group.name().as_str().unwrap_or("other"));
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        Handshake {
            version,
            group,
            certificate: certificate.map_or("none", |certificate| self.base.kinds.of(certificate)),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }
}

/// The one for these versions, without or with SNI.
fn chosen<Each>(all: &[Each; 6], versions: Versions, sni: bool) -> &Each {
    let [any, any_sni, only_12, only_12_sni, only_13, only_13_sni] = all;
    match (versions, sni) {
        (Versions::Any, false) => any,
        (Versions::Any, true) => any_sni,
        (Versions::Only12, false) => only_12,
        (Versions::Only12, true) => only_12_sni,
        (Versions::Only13, false) => only_13,
        (Versions::Only13, true) => only_13_sni,
    }
}

async fn shake(
    configuration: Arc<ClientConfig>,
    name: ServerName<'static>,
    mut transport: Transport,
) -> Result<ClientStream<Transport>, DialError> {
    transport.watch();
    let handshake = TlsConnector::from(configuration).connect(name, transport).into_fallible();
    // The handshake holds much state; on the heap it does not grow each task of a load generator.
    match Box::pin(handshake).await {
        Ok(mut stream) => {
            stream.get_mut().0.unwatch();
            Ok(stream)
        }
        Err((error, mut transport)) => {
            let first = transport.seen();
            transport.finish();
            Err(words::explain(error, first))
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
        let mut configuration = builder.with_single_cert(chain, key.into()).map_err(|error| setup(&error))?;
        // Tickets that carry their state: with a store of sessions, of twenty thousand users few could resume.
        configuration.ticketer = Ticketer::new().map_err(|error| setup(&error))?;
        let certificate = identity.chain().first().cloned().unwrap_or_default();
        Ok(Acceptor { acceptor: TlsAcceptor::from(Arc::new(configuration)), certificate })
    }

    /// The certificate that is shown, DER.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Shows the certificate of one identity and signs with the key of the other.
    #[cfg(test)]
    pub(crate) fn with_stolen_certificate(shown: &Identity, own: &Identity) -> Acceptor {
        let key = PrivatePkcs8KeyDer::from(own.key().to_vec());
        let key = provider().key_provider.load_private_key(key.into()).unwrap();
        let chain = shown.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
        let resolver = rustls::sign::SingleCertAndKey::from(CertifiedKey::new(chain, key));
        let configuration = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        Acceptor { acceptor: TlsAcceptor::from(Arc::new(configuration)), certificate: Vec::new() }
    }

    /// The server's handshake; after a failure the transport, to which the alert has been written.
    pub(crate) async fn accept(&self, transport: Transport) -> Result<Session, Transport> {
        match Box::pin(self.acceptor.accept(transport).into_fallible()).await {
            Ok(stream) => Ok(Session(TlsStream::Server(stream))),
            Err((_, transport)) => Err(transport),
        }
    }
}

impl Session {
    pub(crate) fn transport(&mut self) -> &mut Transport {
        self.0.get_mut().0
    }

    /// Makes the session take the peer for a forger, so that its next flush sends a fatal alert. rustls sends alerts
    /// only for a reason of its own; a record that nobody encrypted is one.
    pub(crate) fn spoil(&mut self) {
        let record = [&[23, 3, 3, 0, 32][..], &[0; 32]].concat();
        let mut forged = &record[..];
        // Both are expected to fail: the failure is what makes the alert.
        match &mut self.0 {
            TlsStream::Client(stream) => {
                let session = stream.get_mut().1;
                let _ = session.read_tls(&mut forged);
                let _ = session.process_new_packets();
            }
            TlsStream::Server(stream) => {
                let session = stream.get_mut().1;
                let _ = session.read_tls(&mut forged);
                let _ = session.process_new_packets();
            }
        }
    }

    /// What is exported for channel binding (RFC 9266).
    pub(crate) fn exported(&self) -> Option<[u8; 32]> {
        match &self.0 {
            TlsStream::Client(stream) => {
                stream.get_ref().1.export_keying_material([0; 32], EXPORTER, Some(&[]))
            }
            TlsStream::Server(stream) => {
                stream.get_ref().1.export_keying_material([0; 32], EXPORTER, Some(&[]))
            }
        }
        .ok()
    }

    /// Says `close_notify`, and leaves the transport as it is.
    pub(crate) async fn notify(&mut self) -> io::Result<()> {
        match &mut self.0 {
            TlsStream::Client(stream) => stream.get_mut().1.send_close_notify(),
            TlsStream::Server(stream) => stream.get_mut().1.send_close_notify(),
        }
        poll_fn(|context| Pin::new(&mut *self).poll_flush(context)).await
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
        exported: None,
    }
}

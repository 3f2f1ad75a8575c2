//! A service without sockets: pipes in memory, TLS included.
//!
//! The same driver as over TCP, so that a test under tokio's paused clock sees the same octets. Deliberately a
//! network of one host with two ports; source addresses mean nothing in it, and nothing in it takes time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use machine::{Channel, Service};

use crate::authority::Identity;
use crate::connections::Connections;
use crate::drive::Host;
use crate::listening::Listening;
use crate::stream::Stream;
use crate::transport::Transport;
use crate::{DialError, Endpoint, TlsError};

/// A network in memory with one server, at [`MemoryNetwork::HOST`]. Clones are the same network; when the last
/// one (a [`crate::Dialer`] holds one) is dropped, its connections end.
#[derive(Clone)]
pub struct MemoryNetwork {
    shared: Arc<Shared>,
}

struct Shared {
    /// Serves a connection as a task of the current runtime.
    serve: Box<dyn Fn(Channel, Stream) + Send + Sync>,
    clear: bool,
    tls: bool,
    ca_pem: String,
    connections: Arc<Connections>,
}

impl MemoryNetwork {
    /// The only host of the network.
    pub const HOST: &'static str = "fake.poplab.test";
    /// Its address, for [`crate::Dialer::connect_to`]; as every address of 127.0.0.0/8.
    pub const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;
    /// The port without TLS, with STLS.
    pub const CLEAR: u16 = 110;
    /// The port with TLS from the first octet.
    pub const TLS: u16 = 995;

    /// A network whose server has a certificate of a throwaway authority.
    ///
    /// # Errors
    /// The certificate could not be issued.
    pub fn new(service: impl Service) -> Result<MemoryNetwork, TlsError> {
        MemoryNetwork::with_identity(service, &Identity::throwaway()?)
    }

    /// A network whose server presents this certificate.
    ///
    /// # Errors
    /// The certificate and its key do not fit together.
    pub fn with_identity(service: impl Service, identity: &Identity) -> Result<MemoryNetwork, TlsError> {
        MemoryNetwork::start_with(service, Listening::default(), &[identity])
    }

    /// A network whose server listens in this way and has these identities, the first its own. Of the address nothing is used, and of the ports only whether there
    /// are any: they are always [`MemoryNetwork::CLEAR`] and [`MemoryNetwork::TLS`].
    ///
    /// # Errors
    /// There is no identity, or a certificate and its key do not fit together.
    pub fn start_with(
        service: impl Service,
        listening: Listening,
        identities: &[&Identity],
    ) -> Result<MemoryNetwork, TlsError> {
        let host = Arc::new(Host::new(service, identities, listening.freeze)?);
        let connections = Connections::new(listening.most_connections);
        let serving = Arc::clone(&connections);
        let serve = move |channel, stream| {
            let (host, connections) = (Arc::clone(&host), Arc::clone(&serving));
            serving.spawn(async move |entry| {
                let room = connections.room().await;
                Host::serve(host, (room, entry), channel, stream).await;
            });
        };
        let shared = Shared {
            serve: Box::new(serve),
            clear: listening.ports.clear.is_some(),
            tls: listening.ports.tls.is_some(),
            ca_pem: identities.first().map(|identity| identity.ca_pem().to_owned()).unwrap_or_default(),
            connections,
        };
        Ok(MemoryNetwork { shared: Arc::new(shared) })
    }

    /// The endpoint without TLS.
    pub fn clear(&self) -> Endpoint {
        Endpoint::new(Self::HOST, Self::CLEAR)
    }

    /// The endpoint with implicit TLS.
    pub fn tls(&self) -> Endpoint {
        Endpoint::new(Self::HOST, Self::TLS)
    }

    /// The address and port without TLS.
    pub fn clear_address(&self) -> SocketAddr {
        SocketAddr::from((Self::ADDRESS, Self::CLEAR))
    }

    /// The address and port with implicit TLS.
    pub fn tls_address(&self) -> SocketAddr {
        SocketAddr::from((Self::ADDRESS, Self::TLS))
    }

    /// The certificate of the server's authority, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.shared.ca_pem
    }

    /// Ends all connections and waits until they have ended. New ones can be opened afterwards.
    pub async fn stop(&self) {
        self.shared.connections.shut_down().await;
    }

    /// The client's end of a new connection; its server runs as a task of the current runtime.
    pub(crate) fn open(&self, endpoint: &Endpoint) -> Result<Transport, DialError> {
        let here = endpoint.host.eq_ignore_ascii_case(Self::HOST)
            || endpoint.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !here {
            return Err(DialError::UnknownHost {
                host: endpoint.host.clone(),
                reason: format!("the network in memory knows only {}", Self::HOST),
            });
        }
        self.open_port(endpoint.port).ok_or_else(|| DialError::Refused { endpoint: endpoint.clone() })
    }

    /// [`MemoryNetwork::open`] by address.
    pub(crate) fn open_at(&self, address: SocketAddr) -> Result<Transport, DialError> {
        if !address.ip().is_loopback() {
            let reason = format!("the network in memory has only {}", Self::ADDRESS);
            return Err(DialError::Unreachable { endpoint: address.into(), reason });
        }
        self.open_port(address.port()).ok_or_else(|| DialError::Refused { endpoint: address.into() })
    }

    fn open_port(&self, port: u16) -> Option<Transport> {
        let channel = match port {
            Self::CLEAR if self.shared.clear => Channel::Clear,
            Self::TLS if self.shared.tls => Channel::Tls,
            _ => return None,
        };
        let (near, far) = Transport::pipe();
        (self.shared.serve)(channel, Stream::new(far));
        Some(near)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.connections.abort();
    }
}

impl std::fmt::Debug for MemoryNetwork {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MemoryNetwork").finish_non_exhaustive()
    }
}

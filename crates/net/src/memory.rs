//! The fake server without sockets: pipes in memory, TLS included.
//!
//! The same driver as over TCP, so that a test under tokio's paused clock sees the same octets. Deliberately a
//! network of one host with two ports; source addresses mean nothing in it.

use std::sync::{Arc, Mutex, PoisonError};

use fake::{Channel, World};
use tokio::task::JoinSet;

use crate::authority::Identity;
use crate::drive;
use crate::stream::Stream;
use crate::tls::Acceptor;
use crate::transport::Transport;
use crate::{DialError, Endpoint, TlsError};

/// A network in memory with one fake server, at [`MemoryNetwork::HOST`]. Clones are the same network; when the last
/// one (a [`crate::Dialer`] holds one) is dropped, its connections end.
#[derive(Clone)]
pub struct MemoryNetwork {
    shared: Arc<Shared>,
}

struct Shared {
    world: World,
    acceptor: Arc<Acceptor>,
    ca_pem: String,
    connections: Mutex<JoinSet<()>>,
}

impl MemoryNetwork {
    /// The only host of the network.
    pub const HOST: &'static str = "fake.poplab.test";
    /// The port without TLS, with STLS.
    pub const CLEAR: u16 = 110;
    /// The port with TLS from the first octet.
    pub const TLS: u16 = 995;

    /// A network whose server has a certificate of a throwaway authority.
    ///
    /// # Errors
    /// The certificate could not be issued.
    pub fn new(world: World) -> Result<MemoryNetwork, TlsError> {
        MemoryNetwork::with_identity(world, &Identity::throwaway()?)
    }

    /// A network whose server presents this certificate.
    ///
    /// # Errors
    /// The certificate and its key do not fit together.
    pub fn with_identity(world: World, identity: &Identity) -> Result<MemoryNetwork, TlsError> {
        let shared = Shared {
            world,
            acceptor: Arc::new(Acceptor::new(identity)?),
            ca_pem: identity.ca_pem().to_owned(),
            connections: Mutex::new(JoinSet::new()),
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

    /// The certificate of the server's authority, PEM.
    pub fn ca_pem(&self) -> &str {
        &self.shared.ca_pem
    }

    /// Ends all connections and waits until they have ended. New ones can be opened afterwards.
    pub async fn stop(&self) {
        let mut connections = std::mem::take(&mut *self.connections());
        connections.shutdown().await;
    }

    /// The client's end of a new connection; its server runs as a task of the current runtime.
    pub(crate) fn open(&self, endpoint: &Endpoint) -> Result<Transport, DialError> {
        if !endpoint.host.eq_ignore_ascii_case(Self::HOST) {
            return Err(DialError::UnknownHost {
                host: endpoint.host.clone(),
                reason: format!("the network in memory knows only {}", Self::HOST),
            });
        }
        let channel = match endpoint.port {
            Self::CLEAR => Channel::Clear,
            Self::TLS => Channel::Tls,
            _ => return Err(DialError::Refused { endpoint: endpoint.clone() }),
        };
        let (near, far) = Transport::pipe();
        let (world, acceptor) = (self.shared.world.clone(), self.shared.acceptor.clone());
        let stream = Stream::new(far, Arc::from(Self::HOST));
        let mut connections = self.connections();
        while connections.try_join_next().is_some() {}
        connections.spawn(async move { drive::serve(world, channel, stream, &acceptor).await });
        Ok(near)
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryNetwork {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MemoryNetwork").finish_non_exhaustive()
    }
}

//! A service on loopback sockets.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use machine::Service;

use crate::authority::Identity;
use crate::drive::Host;
use crate::listeners::Listeners;
use crate::listening::{Listening, Ports};

/// A running server. Dropping it stops it too, without waiting for its end.
pub struct Server {
    ca_pem: String,
    listeners: Listeners,
}

impl Server {
    /// Listens on 127.0.0.1 with a certificate of a throwaway authority, and serves on the current runtime, which
    /// needs its timers and sockets enabled.
    ///
    /// # Errors
    /// A port is taken, or the certificate could not be issued.
    pub async fn start(service: impl Service, ports: Ports) -> io::Result<Server> {
        let identity = Identity::throwaway().map_err(io::Error::other)?;
        Server::start_as(service, ports, &identity).await
    }

    /// As [`Server::start`], with this certificate.
    ///
    /// # Errors
    /// A port is taken, or certificate and key do not fit together.
    pub async fn start_as(service: impl Service, ports: Ports, identity: &Identity) -> io::Result<Server> {
        Server::start_with(service, Listening { ports, ..Listening::default() }, &[identity]).await
    }

    /// As [`Server::start_as`], for tens of thousands of connections if need be, with all the identities that the
    /// service may ask for (by [`machine::IdentityId`]; the first is its own).
    ///
    /// # Errors
    /// The address is none of 127.0.0.0/8, a port is taken, there is no identity, or a certificate and its key do not fit
    /// together.
    #[expect(
        clippy::unused_async,
        reason = "to be called inside a runtime, and to stay so when it needs to wait"
    )]
    pub async fn start_with(
        service: impl Service,
        listening: Listening,
        identities: &[&Identity],
    ) -> io::Result<Server> {
        let host = Arc::new(Host::new(service, identities, listening.freeze).map_err(io::Error::other)?);
        let listeners = Listeners::start(&listening, move |held, channel, stream| {
            Host::serve(host.clone(), held, channel, stream)
        })?;
        let ca_pem = identities.first().map(|identity| identity.ca_pem().to_owned()).unwrap_or_default();
        Ok(Server { ca_pem, listeners })
    }

    /// Where it listens without TLS.
    pub fn clear(&self) -> Option<SocketAddr> {
        self.listeners.clear()
    }

    /// Where it listens with implicit TLS.
    pub fn tls(&self) -> Option<SocketAddr> {
        self.listeners.tls()
    }

    /// The certificate of the server's authority, PEM: what a client must trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Ends the listeners and all connections, and waits until nothing of the server is left.
    pub async fn stop(self) {
        self.listeners.stop().await;
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Server")
            .field("clear", &self.clear())
            .field("tls", &self.tls())
            .finish_non_exhaustive()
    }
}

//! A service on loopback sockets.
//!
//! Deliberately bound to addresses of 127.0.0.0/8 only: what listens here is made for tests, and has no limits against
//! abuse.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use machine::{Channel, Service};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::authority::Identity;
use crate::connections::Connections;
use crate::drive::Host;
use crate::listening::{Listening, Ports};
use crate::stream::Stream;
use crate::transport::Transport;

/// How many connections may wait to be accepted; the operating system allows fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 65_535;

/// The wait after a failed accept, most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A running server. Dropping it stops it too, without waiting for its end.
pub struct Server {
    clear: Option<SocketAddr>,
    tls: Option<SocketAddr>,
    ca_pem: String,
    connections: Arc<Connections>,
    listeners: Vec<JoinHandle<()>>,
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
        if !listening.address.is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "this server listens on addresses of 127.0.0.0/8 only, and {} is not one of them: it does not \
                     serve other machines",
                    listening.address
                ),
            ));
        }
        let host = Arc::new(Host::new(service, identities, listening.freeze).map_err(io::Error::other)?);
        let listen = |port| listen(listening.address, port);
        let clear = listening.ports.clear.map(listen).transpose()?;
        let tls = listening.ports.tls.map(listen).transpose()?;
        let address = |listener: &Option<TcpListener>| -> io::Result<Option<SocketAddr>> {
            listener.as_ref().map(TcpListener::local_addr).transpose()
        };
        let (clear_address, tls_address) = (address(&clear)?, address(&tls)?);
        let connections = Connections::new(listening.most_connections);
        let listeners = [(Channel::Clear, clear), (Channel::Tls, tls)]
            .into_iter()
            .filter_map(|(channel, listener)| {
                Some(tokio::spawn(accept(host.clone(), channel, listener?, connections.clone())))
            })
            .collect();
        let ca_pem = identities.first().map(|identity| identity.ca_pem().to_owned()).unwrap_or_default();
        Ok(Server { clear: clear_address, tls: tls_address, ca_pem, connections, listeners })
    }

    /// Where it listens without TLS.
    pub fn clear(&self) -> Option<SocketAddr> {
        self.clear
    }

    /// Where it listens with implicit TLS.
    pub fn tls(&self) -> Option<SocketAddr> {
        self.tls
    }

    /// The certificate of the server's authority, PEM: what a client must trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Ends the listeners and all connections, and waits until nothing of the server is left.
    pub async fn stop(mut self) {
        for listener in std::mem::take(&mut self.listeners) {
            listener.abort();
            // Aborted, which is what was wanted.
            let _ = listener.await;
        }
        self.connections.shut_down().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
        self.connections.abort();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Server")
            .field("clear", &self.clear)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

fn listen(address: Ipv4Addr, port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // A server that is started again on its port must not wait for the connections of its predecessor.
    socket.set_reuse_address(true)?;
    // Replies are flushed as a whole; holding them back gains nothing. Linux gives this to each connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SockAddr::from(SocketAddr::from((address, port))))?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts for ever, each connection a task of its own.
async fn accept<S: Service>(
    host: Arc<Host<S>>,
    channel: Channel,
    listener: TcpListener,
    connections: Arc<Connections>,
) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let room = connections.room().await;
                let stream = Stream::new(Transport::tcp(socket));
                connections.spawn(|entry| Host::serve(host.clone(), (room, entry), channel, stream));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

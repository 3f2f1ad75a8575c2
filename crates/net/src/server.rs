//! The fake server on loopback sockets.
//!
//! Deliberately bound to 127.0.0.1 only: it has the passwords of its configuration and no limits against abuse.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fake::{Channel, World};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::authority::Identity;
use crate::drive;
use crate::stream::Stream;
use crate::tls::Acceptor;
use crate::transport::Transport;

/// So many connections at once; further ones wait in the operating system's queue.
const CONNECTIONS: usize = 4096;

/// How many connections may wait to be accepted; the operating system may allow fewer.
const BACKLOG: u32 = 4096;

/// The wait after a failed accept, most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The ports of a [`FakeServer`]: `None` for no such port, 0 for any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Without TLS, with STLS.
    pub clear: Option<u16>,
    /// With TLS from the first octet.
    pub tls: Option<u16>,
}

impl Ports {
    /// Both, on any free port.
    pub const ANY: Ports = Ports { clear: Some(0), tls: Some(0) };
}

impl Default for Ports {
    fn default() -> Ports {
        Ports::ANY
    }
}

/// A running fake server. Dropping it stops it too, without waiting for its end.
#[derive(Debug)]
pub struct FakeServer {
    clear: Option<SocketAddr>,
    tls: Option<SocketAddr>,
    ca_pem: String,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl FakeServer {
    /// Listens on 127.0.0.1 with a certificate of a throwaway authority, and serves on the current runtime, which
    /// needs its timers and sockets enabled.
    ///
    /// # Errors
    /// A port is taken, or the certificate could not be issued.
    pub async fn start(world: World, ports: Ports) -> io::Result<FakeServer> {
        let identity = Identity::throwaway().map_err(io::Error::other)?;
        FakeServer::start_as(world, ports, &identity).await
    }

    /// As [`FakeServer::start`], with this certificate.
    ///
    /// # Errors
    /// A port is taken, or certificate and key do not fit together.
    #[expect(
        clippy::unused_async,
        reason = "to be called inside a runtime, and to stay so when it needs to wait"
    )]
    pub async fn start_as(world: World, ports: Ports, identity: &Identity) -> io::Result<FakeServer> {
        let acceptor = Arc::new(Acceptor::new(identity).map_err(io::Error::other)?);
        let clear = ports.clear.map(listen).transpose()?;
        let tls = ports.tls.map(listen).transpose()?;
        let address = |listener: &Option<TcpListener>| -> io::Result<Option<SocketAddr>> {
            listener.as_ref().map(TcpListener::local_addr).transpose()
        };
        let (clear_address, tls_address) = (address(&clear)?, address(&tls)?);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            tokio::select! {
                () = accept(&world, clear, tls, &acceptor, &mut connections) => {}
                _ = stopped => {}
            }
            connections.shutdown().await;
        });
        let ca_pem = identity.ca_pem().to_owned();
        Ok(FakeServer { clear: clear_address, tls: tls_address, ca_pem, stop: Some(stop), task })
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
        if let Some(stop) = self.stop.take() {
            // Fails only if the task has ended already.
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // A server that is started again on its port must not wait for the connections of its predecessor.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// Accepts for ever, each connection a task of its own.
async fn accept(
    world: &World,
    clear: Option<TcpListener>,
    tls: Option<TcpListener>,
    acceptor: &Arc<Acceptor>,
    connections: &mut JoinSet<()>,
) {
    let host: Arc<str> = Arc::from("127.0.0.1");
    loop {
        let free = connections.len() < CONNECTIONS;
        let (channel, accepted) = tokio::select! {
            Some(_) = connections.join_next() => continue,
            accepted = next(clear.as_ref()), if free => (Channel::Clear, accepted),
            accepted = next(tls.as_ref()), if free => (Channel::Tls, accepted),
        };
        let Ok(socket) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Replies are flushed as a whole; holding them back gains nothing. A refusal is not worth a connection.
        let _ = socket.set_nodelay(true);
        let stream = Stream::new(Transport::tcp(socket), host.clone());
        let (world, acceptor) = (world.clone(), acceptor.clone());
        connections.spawn(async move { drive::serve(world, channel, stream, &acceptor).await });
    }
}

/// The next connection; never, if there is no such listener.
async fn next(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(socket, _)| socket),
        None => std::future::pending().await,
    }
}

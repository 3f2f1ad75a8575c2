//! What listens on loopback sockets and gives each connection a task; who serves it is the caller's matter.
//!
//! Deliberately bound to addresses of 127.0.0.0/8 unless more is asked for: what listens here is made for tests, and has
//! no limits against abuse.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use machine::Channel;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::connections::{Connections, Entry, Room};
use crate::listening::Listening;
use crate::stream::Stream;
use crate::transport::Transport;

/// How many connections may wait to be accepted; the operating system allows fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 65_535;

/// The wait after a failed accept, most likely for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The ports of a server, and its connections. Dropping it ends them, without waiting for it.
pub(crate) struct Listeners {
    clear: Option<SocketAddr>,
    tls: Option<SocketAddr>,
    connections: Arc<Connections>,
    tasks: Vec<JoinHandle<()>>,
}

impl Listeners {
    /// Listens, and has each connection served in a task of its own. The future must keep what it is given.
    ///
    /// # Errors
    /// The address is none of 127.0.0.0/8, or a port is taken.
    pub(crate) fn start<Serve, Served>(listening: &Listening, serve: Serve) -> io::Result<Listeners>
    where
        Serve: Fn((Room, Entry), Channel, Stream) -> Served + Clone + Send + 'static,
        Served: Future<Output = ()> + Send + 'static,
    {
        if !listening.beyond_loopback && !listening.address.is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "this server listens on addresses of 127.0.0.0/8 only, and {} is not one of them: it does not \
                     serve other machines",
                    listening.address
                ),
            ));
        }
        let listen = |port| listen(listening.address, port);
        let clear = listening.ports.clear.map(listen).transpose()?;
        let tls = listening.ports.tls.map(listen).transpose()?;
        let address = |listener: &Option<TcpListener>| -> io::Result<Option<SocketAddr>> {
            listener.as_ref().map(TcpListener::local_addr).transpose()
        };
        let (clear_address, tls_address) = (address(&clear)?, address(&tls)?);
        let connections = Connections::new(listening.most_connections);
        let tasks = [(Channel::Clear, clear), (Channel::Tls, tls)]
            .into_iter()
            .filter_map(|(channel, listener)| {
                Some(tokio::spawn(accept(serve.clone(), channel, listener?, connections.clone())))
            })
            .collect();
        Ok(Listeners { clear: clear_address, tls: tls_address, connections, tasks })
    }

    /// Where it listens without TLS.
    pub(crate) fn clear(&self) -> Option<SocketAddr> {
        self.clear
    }

    /// Where it listens with implicit TLS.
    pub(crate) fn tls(&self) -> Option<SocketAddr> {
        self.tls
    }

    /// Ends the listeners and all connections, and waits until nothing of them is left.
    pub(crate) async fn stop(mut self) {
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            // Aborted, which is what was wanted.
            let _ = task.await;
        }
        self.connections.shut_down().await;
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.connections.abort();
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
async fn accept<Serve, Served>(
    serve: Serve,
    channel: Channel,
    listener: TcpListener,
    connections: Arc<Connections>,
) where
    Serve: Fn((Room, Entry), Channel, Stream) -> Served,
    Served: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let room = connections.room().await;
                let stream = Stream::new(Transport::tcp(socket));
                connections.spawn(|entry| serve((room, entry), channel, stream));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

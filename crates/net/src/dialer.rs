//! The client's way to a server: resolve, connect, put TLS on.
//!
//! Deliberately without time-outs and retries: a caller that measures knows best how long it waits and what it
//! tries next.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::memory::MemoryNetwork;
use crate::stream::Stream;
use crate::tls::Connector;
use crate::transport::Transport;
use crate::{DialError, Endpoint, Handshake, TlsError, TlsOptions, TlsTarget, Trust, port};

/// So many ports are tried before the kernel is asked to choose one.
const PORTS_TRIED: u32 = 8;

/// Connects to servers, over TCP or in memory. Cheap to clone; the clones share what they trust and remember.
#[derive(Clone)]
pub struct Dialer {
    way: Way,
    connector: Arc<Connector>,
}

#[derive(Clone)]
enum Way {
    Tcp,
    Memory(MemoryNetwork),
    Played(Arc<dyn Fn(Stream) + Send + Sync>),
}

impl Dialer {
    /// Connects over TCP.
    ///
    /// # Errors
    /// The given certificates are of no use.
    #[expect(clippy::needless_pass_by_value, reason = "read once, and the caller has no further use for it")]
    pub fn tcp(trust: Trust) -> Result<Dialer, TlsError> {
        Dialer::new(Way::Tcp, &trust)
    }

    /// Connects to the two endpoints of a network in memory.
    ///
    /// # Errors
    /// The given certificates are of no use.
    #[expect(clippy::needless_pass_by_value, reason = "read once, and the caller has no further use for it")]
    pub fn memory(network: &MemoryNetwork, trust: Trust) -> Result<Dialer, TlsError> {
        Dialer::new(Way::Memory(network.clone()), &trust)
    }

    /// Connects in memory to a peer that the caller plays: of each connection, to whatever endpoint, `accept` is given
    /// the peer's end. For what a peer may do that the fake server does not.
    ///
    /// # Errors
    /// The given certificates are of no use.
    #[expect(clippy::needless_pass_by_value, reason = "read once, and the caller has no further use for it")]
    pub fn played(accept: impl Fn(Stream) + Send + Sync + 'static, trust: Trust) -> Result<Dialer, TlsError> {
        Dialer::new(Way::Played(Arc::new(accept)), &trust)
    }

    fn new(way: Way, trust: &Trust) -> Result<Dialer, TlsError> {
        Ok(Dialer { way, connector: Arc::new(Connector::new(trust)?) })
    }

    /// The same, with a memory for TLS sessions, so that later handshakes resume earlier ones where the server lets
    /// them. Without it every handshake is a full one.
    #[must_use]
    pub fn resuming(&self) -> Dialer {
        Dialer { way: self.way.clone(), connector: Arc::new(self.connector.resuming()) }
    }

    /// The same, with a memory for the sessions of one user with one server: the last one is kept and resumed. Cheap
    /// enough for every user of a load generator to have one.
    #[must_use]
    pub fn resuming_one(&self) -> Dialer {
        Dialer { way: self.way.clone(), connector: Arc::new(self.connector.resuming_one()) }
    }

    /// Whether servers' certificates are checked: always, but for [`Trust::Insecure`].
    pub fn verifies(&self) -> bool {
        self.connector.verifies()
    }

    /// Connects without TLS, from `source` if one is given (on loopback any address of 127.0.0.0/8). Each address of
    /// the host is tried in the resolver's order. Waits as long as the operating system does.
    ///
    /// # Errors
    /// See [`DialError`]; a refusal by one address outweighs another one that is out of reach.
    pub async fn connect(&self, endpoint: &Endpoint, source: Option<IpAddr>) -> Result<Stream, DialError> {
        let transport = match &self.way {
            Way::Memory(network) => network.open(endpoint)?,
            Way::Played(accept) => play(accept.as_ref()),
            Way::Tcp => {
                let mut failure = None;
                let mut connected = None;
                let from = source.map(|source| SocketAddr::new(source, 0));
                for address in resolve(endpoint, source).await? {
                    match open(address, from).await {
                        Ok(stream) => {
                            connected = Some(stream);
                            break;
                        }
                        Err(error) => {
                            let error = explain(error, endpoint.clone(), source);
                            if !matches!(failure, Some(DialError::Refused { .. })) {
                                failure = Some(error);
                            }
                        }
                    }
                }
                match (connected, failure) {
                    (Some(stream), _) => Transport::tcp(stream),
                    (None, Some(failure)) => return Err(failure),
                    (None, None) => return Err(no_address(endpoint.clone(), source)),
                }
            }
        };
        Ok(Stream::dialled(transport, endpoint.host.clone()))
    }

    /// Connects to this address, without a name to look up and with nothing to remember: the way of a load generator.
    /// `source` is where from, if that matters: with port 0 a free port is found for it, which stays cheap with tens
    /// of thousands of connections; with another port it is that one. In memory it means nothing.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn connect_to(
        &self,
        address: SocketAddr,
        source: Option<SocketAddr>,
    ) -> Result<Stream, DialError> {
        let transport = match &self.way {
            Way::Memory(network) => network.open_at(address)?,
            Way::Played(accept) => play(accept.as_ref()),
            Way::Tcp => match open(address, source).await {
                Ok(stream) => Transport::tcp(stream),
                Err(error) => {
                    return Err(explain(error, address.into(), source.map(|source| source.ip())));
                }
            },
        };
        Ok(Stream::new(transport))
    }

    /// The TLS handshake, on a fresh connection (implicit TLS, RFC 8314) or after the reply to STLS (RFC 2595).
    /// What was read from the stream before and not yet used must be thrown away by the caller.
    ///
    /// # Errors
    /// See [`DialError`]; the connection is then closed.
    pub async fn start_tls(&self, stream: Stream, options: &TlsOptions) -> Result<Stream, DialError> {
        let (transport, host) = stream.into_clear().ok_or_else(tls_already)?;
        let (session, facts) = self.connector.connect(transport, &host, options).await?;
        Ok(Stream::secured_to(session, host, facts))
    }

    /// [`Dialer::start_tls`] for many handshakes with one target: the same octets, but of what was settled only a
    /// few words are kept, and no copy of the certificates.
    ///
    /// # Errors
    /// See [`DialError`]; the connection is then closed.
    pub async fn secure(&self, stream: Stream, target: &TlsTarget) -> Result<(Stream, Handshake), DialError> {
        let (transport, _) = stream.into_clear().ok_or_else(tls_already)?;
        let (session, handshake) = self.connector.secure(transport, target).await?;
        Ok((Stream::secured(session), handshake))
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = match self.way {
            Way::Tcp => "tcp",
            Way::Memory(_) => "memory",
            Way::Played(_) => "played",
        };
        formatter.debug_struct("Dialer").field("way", &way).finish_non_exhaustive()
    }
}

/// The near end of a pipe of which somebody else plays the far one.
fn play(accept: &(dyn Fn(Stream) + Send + Sync)) -> Transport {
    let (near, far) = Transport::pipe();
    accept(Stream::new(far));
    near
}

/// The addresses of the host, only those of the source's family if there is a source.
async fn resolve(endpoint: &Endpoint, source: Option<IpAddr>) -> Result<Vec<SocketAddr>, DialError> {
    let all: Vec<SocketAddr> = if let Ok(address) = endpoint.host.parse::<IpAddr>() {
        vec![SocketAddr::new(address, endpoint.port)]
    } else {
        let unknown = |error: io::Error| DialError::UnknownHost {
            host: endpoint.host.clone(),
            reason: error.to_string(),
        };
        look_up(endpoint.host.clone(), endpoint.port).await.map_err(unknown)?
    };
    if all.is_empty() {
        return Err(DialError::UnknownHost {
            host: endpoint.host.clone(),
            reason: "the name exists, but it has no address".to_owned(),
        });
    }
    Ok(all.into_iter().filter(|a| source.is_none_or(|s| s.is_ipv4() == a.is_ipv4())).collect())
}

/// Asks the system's resolver, which blocks, in a thread of its own: where the system gives none that is an error and no
/// panic, and who gives up before the answer does not wait for it.
async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (tell, told) = oneshot::channel();
    let ask = move || {
        let found = (host.as_str(), port).to_socket_addrs();
        // Fails only when nobody waits any more.
        let _ = tell.send(found.map(Iterator::collect));
    };
    std::thread::Builder::new()
        .name("resolver".to_owned())
        .spawn(ask)
        .map_err(|error| io::Error::other(format!("the system refused a thread to ask it: {error}")))?;
    told.await.unwrap_or_else(|_| Err(io::Error::other("the resolver ended without an answer")))
}

/// Where opening a connection failed.
enum OpenError {
    /// The source address cannot be had, or not with this port.
    Source(io::Error),
    /// Anywhere else.
    Other(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> OpenError {
        OpenError::Other(error)
    }
}

async fn open(address: SocketAddr, source: Option<SocketAddr>) -> Result<TcpStream, OpenError> {
    let (socket, connecting) = match source {
        Some(source) if source.port() == 0 => from_any_port(address, source)?,
        Some(source) => from_port(address, source)?,
        None => {
            let socket = fresh(address)?;
            let connecting = begin(&socket, address)?;
            (socket, connecting)
        }
    };
    let stream = TcpStream::from_std(socket.into())?;
    if connecting {
        stream.writable().await?;
        if let Some(error) = stream.take_error()? {
            return Err(error.into());
        }
    }
    Ok(stream)
}

/// With a port of our own choice; if those tried are taken, with one of the kernel's.
fn from_any_port(address: SocketAddr, source: SocketAddr) -> Result<(Socket, bool), OpenError> {
    for _ in 0..PORTS_TRIED {
        match from_port(address, SocketAddr::new(source.ip(), port::next())) {
            Err(OpenError::Source(error)) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(OpenError::Other(error)) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            tried => return tried,
        }
    }
    let socket = fresh(address)?;
    socket.bind(&SockAddr::from(source)).map_err(OpenError::Source)?;
    let connecting = begin(&socket, address)?;
    Ok((socket, connecting))
}

fn from_port(address: SocketAddr, source: SocketAddr) -> Result<(Socket, bool), OpenError> {
    let socket = fresh(address)?;
    // The port may serve connections to other servers, or an ended one may linger on it.
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(source)).map_err(OpenError::Source)?;
    let connecting = begin(&socket, address)?;
    Ok((socket, connecting))
}

fn fresh(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    // A command is one small segment; Nagle's algorithm would make it wait for the last reply's acknowledgement.
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

/// Begins to connect; true if it takes a while. On loopback it is often done at once.
fn begin(socket: &Socket, address: SocketAddr) -> io::Result<bool> {
    match socket.connect(&SockAddr::from(address)) {
        Ok(()) => Ok(false),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INPROGRESS) => Ok(true),
        Err(error) => Err(error),
    }
}

fn explain(error: OpenError, endpoint: Endpoint, source_address: Option<IpAddr>) -> DialError {
    let (error, source_failed) = match error {
        OpenError::Source(error) => (error, true),
        OpenError::Other(error) => (error, false),
    };
    if matches!(Errno::from_io_error(&error), Some(Errno::MFILE | Errno::NFILE)) {
        return DialError::NoDescriptor { endpoint, reason: error.to_string() };
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DialError::Refused { endpoint },
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::TimedOut
            if !source_failed =>
        {
            DialError::Unreachable { endpoint, reason: error.to_string() }
        }
        io::ErrorKind::AddrNotAvailable if source_failed => {
            let reason = format!("{error}; it is not an address of this machine");
            DialError::LocalAddress { endpoint, source_address, reason }
        }
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => {
            DialError::NoPort { endpoint, source_address, reason: error.to_string() }
        }
        _ if source_failed => DialError::LocalAddress { endpoint, source_address, reason: error.to_string() },
        _ => DialError::Io(error),
    }
}

fn no_address(endpoint: Endpoint, source_address: Option<IpAddr>) -> DialError {
    DialError::LocalAddress {
        endpoint,
        source_address,
        reason: "the host has no address of the same family (IPv4 or IPv6)".to_owned(),
    }
}

fn tls_already() -> DialError {
    DialError::Handshake {
        reason: "the connection has TLS already, and POP3 has no TLS within TLS".to_owned(),
    }
}

//! The client's way to a server: resolve, connect, put TLS on.
//!
//! Deliberately without time-outs and retries: a caller that measures knows best how long it waits and what it
//! tries next.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream};

use crate::memory::MemoryNetwork;
use crate::stream::Stream;
use crate::tls::Connector;
use crate::transport::Transport;
use crate::{DialError, Endpoint, TlsError, TlsOptions, Trust};

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

    fn new(way: Way, trust: &Trust) -> Result<Dialer, TlsError> {
        Ok(Dialer { way, connector: Arc::new(Connector::new(trust)?) })
    }

    /// The same, with a memory for TLS sessions, so that later handshakes resume earlier ones where the server lets
    /// them. Without it every handshake is a full one.
    #[must_use]
    pub fn resuming(&self) -> Dialer {
        Dialer { way: self.way.clone(), connector: Arc::new(self.connector.resuming()) }
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
            Way::Tcp => {
                let mut failure = None;
                let mut connected = None;
                for address in resolve(endpoint, source).await? {
                    match open(address, source).await {
                        Ok(stream) => {
                            connected = Some(stream);
                            break;
                        }
                        Err(error) => {
                            let error = explain(error, endpoint, source);
                            if !matches!(failure, Some(DialError::Refused { .. })) {
                                failure = Some(error);
                            }
                        }
                    }
                }
                match (connected, failure) {
                    (Some(stream), _) => Transport::tcp(stream),
                    (None, Some(failure)) => return Err(failure),
                    (None, None) => return Err(no_address(endpoint, source)),
                }
            }
        };
        Ok(Stream::new(transport, Arc::from(endpoint.host.as_str())))
    }

    /// The TLS handshake, on a fresh connection (implicit TLS, RFC 8314) or after the reply to STLS (RFC 2595).
    /// What was read from the stream before and not yet used must be thrown away by the caller.
    ///
    /// # Errors
    /// See [`DialError`]; the connection is then closed.
    pub async fn start_tls(&self, stream: Stream, options: &TlsOptions) -> Result<Stream, DialError> {
        let (transport, host) = stream.into_clear().ok_or_else(|| DialError::Handshake {
            reason: "the connection has TLS already, and TLS within TLS is not a thing in POP3".to_owned(),
        })?;
        let (session, facts) = self.connector.connect(transport, &host, options).await?;
        Ok(Stream::secured(session, host, Some(facts)))
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = match self.way {
            Way::Tcp => "tcp",
            Way::Memory(_) => "memory",
        };
        formatter.debug_struct("Dialer").field("way", &way).finish_non_exhaustive()
    }
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
        tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port)).await.map_err(unknown)?.collect()
    };
    if all.is_empty() {
        return Err(DialError::UnknownHost {
            host: endpoint.host.clone(),
            reason: "the name exists without an address".to_owned(),
        });
    }
    Ok(all.into_iter().filter(|a| source.is_none_or(|s| s.is_ipv4() == a.is_ipv4())).collect())
}

async fn open(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    // A command is one small segment; Nagle's algorithm would make it wait for the last reply's acknowledgement.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn explain(error: io::Error, endpoint: &Endpoint, source_address: Option<IpAddr>) -> DialError {
    let endpoint = endpoint.clone();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DialError::Refused { endpoint },
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::TimedOut => DialError::Unreachable { endpoint, reason: error.to_string() },
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => {
            let reason = if source_address.is_some() {
                format!("{error}; it is not an address of this machine, or its ports are used up")
            } else {
                format!("{error}; the local ports are used up; use more source addresses")
            };
            DialError::LocalAddress { endpoint, source_address, reason }
        }
        _ => DialError::Io(error),
    }
}

fn no_address(endpoint: &Endpoint, source_address: Option<IpAddr>) -> DialError {
    DialError::LocalAddress {
        endpoint: endpoint.clone(),
        source_address,
        reason: "the host has no address of the same family (IPv4 or IPv6)".to_owned(),
    }
}

//! What can go wrong between two hosts, told to people: what happened, where, and what to do about it.
//!
//! Deliberately free of rustls types: `net::tls` puts its errors into words before they arrive here.

use std::fmt;
use std::io;
use std::net::IpAddr;

use crate::Endpoint;

/// Why there is no connection, or no TLS on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name has no address.
    #[error(
        "no address is known for the host `{host}` ({reason}); check the spelling, and that DNS works here"
    )]
    UnknownHost {
        /// The name that was looked up.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// The host answered that nothing listens on the port.
    #[error(
        "{endpoint} refused the connection: nothing listens there; is the server running, and is the port right?"
    )]
    Refused {
        /// Where.
        endpoint: Endpoint,
    },
    /// No packet reached the host, or none came back.
    #[error("{endpoint} cannot be reached ({reason}); check the network and the firewalls on the way")]
    Unreachable {
        /// Where.
        endpoint: Endpoint,
        /// What the operating system said.
        reason: String,
    },
    /// This process, or the whole machine, has no descriptor left for another socket (EMFILE, ENFILE).
    #[error(
        "cannot connect to {endpoint}: no descriptor is left for another socket ({reason}); raise the limit \
         (`ulimit -n`) or use more processes"
    )]
    NoDescriptor {
        /// Where to.
        endpoint: Endpoint,
        /// What the operating system said.
        reason: String,
    },
    /// Every port of the source address is taken (EADDRNOTAVAIL, EADDRINUSE).
    #[error(
        "cannot connect to {endpoint} from {}: no port is left ({reason}); use more source addresses, or widen \
         net.ipv4.ip_local_port_range",
        Source(.source_address)
    )]
    NoPort {
        /// Where to.
        endpoint: Endpoint,
        /// The source address that was asked for, if any.
        source_address: Option<IpAddr>,
        /// What the operating system said.
        reason: String,
    },
    /// This machine has no such address to connect from, or none of the same family.
    #[error("cannot connect to {endpoint} from {}: {reason}", Source(.source_address))]
    LocalAddress {
        /// Where to.
        endpoint: Endpoint,
        /// The source address that was asked for, if any.
        source_address: Option<IpAddr>,
        /// What the operating system said.
        reason: String,
    },
    /// The peer speaks, but not TLS.
    #[error("the server answered the TLS handshake with cleartext, {}; {}", Quoted(.first), advice(.first))]
    NotTls {
        /// The first octets it sent instead of TLS, 80 at most.
        first: Vec<u8>,
    },
    /// The server's certificate is not acceptable.
    #[error("the server's certificate was refused: {reason}")]
    Certificate {
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The two sides could not agree on TLS.
    #[error("the TLS handshake failed: {reason}")]
    Handshake {
        /// Who broke it off, and why.
        reason: String,
    },
    /// The peer closed or reset the connection during the handshake.
    #[error("the server closed the connection during the TLS handshake; does this port speak TLS?")]
    ClosedInHandshake,
    /// Anything else the operating system reports.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// Why no octets could be read. How the peer ended is also in [`crate::Stream::ending`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The peer reset the connection (RST).
    #[error("the server reset the connection")]
    Reset,
    /// The peer closed the TCP connection without TLS's `close_notify`: the reply may have been cut by anybody.
    #[error("the server closed the connection without ending TLS first (no close_notify)")]
    Truncated,
    /// What came is not TLS, or the peer ended TLS with an alert.
    #[error("TLS broke: {reason}")]
    Tls {
        /// What rustls or the peer's alert said.
        reason: String,
    },
    /// Anything else the operating system reports.
    #[error("reading failed: {0}")]
    Io(io::Error),
}

/// Why TLS could not be set up on this side, before any peer was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The given certificate authority is of no use.
    #[error("the CA file holds no usable certificate: {reason}; it must hold PEM certificates")]
    Authority {
        /// What is wrong with it.
        reason: String,
    },
    /// A throwaway certificate could not be issued.
    #[error("could not issue a certificate: {reason}")]
    Issue {
        /// What is wrong with the request.
        reason: String,
    },
    /// No certificate can bear this name.
    #[error("`{name}` is neither a host name nor an address, so no certificate can be issued for it")]
    Name {
        /// The name.
        name: String,
    },
    /// The cryptographic provider refused the configuration.
    #[error("TLS could not be set up: {reason}")]
    Setup {
        /// What it said.
        reason: String,
    },
}

/// Why there is no alarm.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlarmError {
    /// The operating system gives no timer, usually because no descriptor is left for one.
    #[error(
        "the operating system refused a timer ({0}); if descriptors are short, raise the limit (`ulimit -n`)"
    )]
    Refused(#[from] io::Error),
}

/// A greeting instead of TLS is the commonest mistake with ports, so it gets its own advice.
fn advice(first: &[u8]) -> &'static str {
    if first.starts_with(b"+OK") {
        "this is a cleartext POP3 port: use --tls starttls or none here, or the port for implicit TLS (995)"
    } else if first.starts_with(b"-ERR") {
        "the server refused the session before TLS began"
    } else {
        "is this the right port?"
    }
}

/// The first line of a peer, quoted so that no control character reaches a terminal. How much more has arrived by
/// the time of the error is chance, and says nothing more.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.split_inclusive(|octet| *octet == b'\n').next().unwrap_or_default();
        write!(formatter, "\"{}\"", line.escape_ascii())
    }
}

struct Source<'a>(&'a Option<IpAddr>);

impl fmt::Display for Source<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(formatter),
            None => formatter.write_str("this machine"),
        }
    }
}

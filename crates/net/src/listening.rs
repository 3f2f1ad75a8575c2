//! How a server listens.
//!
//! On addresses of this machine alone unless that is asked for: what listens here is made for tests and has no limits
//! against abuse.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The ports of a server: `None` for no such port, 0 for any free one.
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

/// How a server listens and how much it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// An address of 127.0.0.0/8. Several servers can share a port on different ones.
    pub address: Ipv4Addr,
    /// Any other address will do as well, so that other machines can reach it: for containers.
    pub beyond_loopback: bool,
    /// The ports.
    pub ports: Ports,
    /// So many connections at once; further ones wait to be accepted, without a greeting. Nothing is timed out: who says
    /// nothing, or begins no handshake, has its place until it goes.
    pub most_connections: usize,
    /// A time during which the server stands still.
    pub freeze: Option<Freeze>,
}

impl Default for Listening {
    /// 127.0.0.1, both ports, 4096 connections, no freeze.
    fn default() -> Listening {
        Listening {
            address: Ipv4Addr::LOCALHOST,
            beyond_loopback: false,
            ports: Ports::ANY,
            most_connections: 4096,
            freeze: None,
        }
    }
}

/// A time during which no greeting and no reply leaves the server, as if it were stopped; connections are still
/// accepted, as the kernel does it for a stopped process. On tokio's clock, so a paused one as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// When it begins, counted from the start of the server.
    pub after: Duration,
    /// How long it lasts.
    pub lasting: Duration,
}

/// A [`Freeze`] with its times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frozen {
    from: Instant,
    until: Instant,
}

impl Frozen {
    /// Counted from now.
    pub(crate) fn new(freeze: Freeze) -> Frozen {
        let from = Instant::now() + freeze.after;
        Frozen { from, until: from + freeze.lasting }
    }

    /// Returns as soon as the server may speak.
    pub(crate) async fn pass(frozen: Option<Frozen>) {
        if let Some(Frozen { from, until }) = frozen {
            let now = Instant::now();
            if from <= now && now < until {
                sleep_until(until).await;
            }
        }
    }
}

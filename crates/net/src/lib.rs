//! Sockets, TLS and real clocks: the one crate of poplab that reaches the network.
//!
//! It listens ([`Server`]), dials ([`Dialer`]), drives the pure machines of the other crates, and stands between clients
//! and a server ([`Relay`]). A [`MemoryNetwork`] does the same without a socket, so that tests can run under tokio's paused clock.
//!
//! The contract:
//! - Every wait is the caller's: no operation of [`Dialer`] or [`Stream`] has a time-out of its own; wrap it in
//!   `tokio::time::timeout`.
//! - Errors are for people: what happened, where, and what to do about it.
//! - How the peer ended a connection is kept apart from errors, in [`Stream::ending`].
//! - What a load generator does a million times costs little: [`Dialer::connect_to`] and [`Dialer::secure`] remember
//!   next to nothing, and [`Stream::receive`] and [`Stream::write_all`] allocate nothing (TLS aside). Buffers belong to
//!   threads, so one current-thread runtime per core is the cheapest way to use them.
//! - An [`Alarm`] rings at its moment, where tokio's timers ring at the next whole millisecond.
//! - rustls stays inside one module; certificates leave it as DER and as [`CertificateFacts`].
//!
//! What it does not do: it knows no protocol beyond TLS: what to say is a [`machine::Machine`]'s matter. It keeps no read
//! buffer, retries nothing, and records nothing.
//!
//! ```no_run
//! # async fn example(service: impl machine::Service) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use net::{Dialer, Server, Ports, TlsOptions, Trust};
//!
//! let server = Server::start(service, Ports::ANY).await?;
//! let dialer = Dialer::tcp(Trust::Only { ca_pem: server.ca_pem().into() })?;
//! let address = server.tls().expect("Ports::ANY asks for it");
//! let mut greeting = [0; 512];
//! let count = tokio::time::timeout(Duration::from_secs(10), async {
//!     let stream = dialer.connect(&address.into(), None).await?;
//!     let mut stream = dialer.start_tls(stream, &TlsOptions::named("localhost")).await?;
//!     Ok::<_, Box<dyn std::error::Error>>(stream.read(&mut greeting).await?)
//! })
//! .await??;
//! assert!(greeting[..count].starts_with(b"+OK"));
//! server.stop().await;
//! # Ok(()) }
//! ```

// Octets of a peer reach everything here (invariant 5).
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod alarm;
mod authority;
mod clock;
mod connections;
mod dialer;
mod drive;
mod endpoint;
mod error;
pub mod limits;
mod listeners;
mod listening;
mod memory;
mod port;
mod relay;
mod scratch;
mod server;
mod stream;
mod tls;
mod transport;

pub use alarm::Alarm;
pub use authority::{Authority, Identity, SERVER_NAMES, Validity};
pub use dialer::Dialer;
pub use endpoint::{Endpoint, EndpointError};
pub use error::{AlarmError, DialError, ReadError, TlsError};
pub use listening::{Freeze, Listening, Ports};
pub use memory::MemoryNetwork;
pub use relay::{Act, Event, Patience, Relay, Side, Tap, Upstream};
pub use server::Server;
pub use stream::{Ending, Progress, Stream};
pub use tls::{CertificateFacts, Handshake, TlsFacts, TlsOptions, TlsTarget, Trust, Versions};

#[cfg(test)]
mod tests;

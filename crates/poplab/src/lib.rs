//! poplab for other people's programs: the fake POP3 server for tests of mail clients, and the load generator with
//! behaviours of your own ([`load`]).
//!
//! Start the server in a test, point a mail client at it, look at what is left in the maildrops.
//!
//! The contract: the server keeps RFC 1939 and its extensions unless it is told not to ([`Defect`]); it listens on
//! 127.0.0.1 alone, on free ports if asked for port 0, with a certificate of a throwaway authority; the same seed and
//! the same octets of the client give the same octets of the server. Dropping [`FakeServer`] stops it.
//!
//! What this library does not do: judge servers or clients. That is the program `poplab`; its parts are libraries of
//! their own, without a promise of stability.
//!
//! ```
//! use poplab::{Account, Configuration, FakeServer, Ports, World};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let mail = b"Subject: tea\r\n\r\nAt five.\r\n".to_vec();
//! let world = World::new(Configuration {
//!     accounts: vec![Account::new("alice", "wonderland", [mail])],
//!     ..Configuration::default()
//! });
//! let server = FakeServer::start(world.clone(), Ports::ANY).await?;
//! let (clear, tls, authority) = (server.clear(), server.tls(), server.ca_pem());
//! // Here the client under test fetches and deletes mail: `clear` takes STLS, `tls` speaks TLS from the first
//! // octet, and the client is to trust `authority`.
//! assert!(clear.is_some() && tls.is_some() && authority.contains("BEGIN CERTIFICATE"));
//! assert_eq!(world.messages("alice").len(), 1);
//! server.stop().await;
//! # Ok(()) }
//! ```
//!
//! A site's policy is announced and kept, so that a client can be shown what its provider does:
//!
//! ```
//! use poplab::{Configuration, Expiry, Policy, World};
//!
//! let policy = Policy { expiry: Expiry::AtOnce, ..Policy::default() };
//! let world = World::new(Configuration { policy, ..Configuration::default() });
//! # drop(world);
//! ```

pub mod load;

pub use server::*;

//! The deterministic POP3 server, still without a socket.
//!
//! A [`World`] holds accounts and their mail. Each [`Connection`] to it is a machine for a driver: it says what it
//! wants ([`Next`]), takes octets and gives octets. By default the server is right: RFC 1939 with USER, PASS, APOP,
//! TOP and UIDL, the lock, a snapshot at login, removal only at QUIT; CAPA, response codes and pipelining (RFC 2449,
//! RFC 3206); STLS (RFC 2595); AUTH (RFC 5034) with the mechanisms of the sasl crate; UTF8 and LANG (RFC 6856).
//! [`Defects`] make it wrong, each in one named way ([`defects()`]), so that a conformance suite can be shown to
//! notice, and [`Personas`] make it another one that is right as well ([`personas()`]), which a suite must not accuse; both
//! stand between the correct server and the wire, and no line of the correct server knows of them. For load there are populations ([`Tenancy`]): accounts by pattern with seeded mail, a million of them for
//! nothing until they are used; and a [`Pace`] with a known distribution of response times.
//!
//! The contract: the same seed, number of the connection and octets of the client give the same octets of the
//! server, however they are split. A connection buffers no more than one line of the client, and one body is
//! streamed in small pieces, however large the message is (a seeded one is in memory only while it is sent). No octets
//! of a client panic it.
//!
//! What this crate deliberately does not do: no sockets, no TLS (the driver's; see [`Next::StartTls`]), no clock
//! (a delay is asked of the driver, [`Next::Wait`], and so is the end of patience with a silent client), no files, no global randomness. It is no server
//! for real mail.
//!
//! ```
//! use fake::{Account, Channel, Configuration, Machine as _, Next, World};
//!
//! let account = Account::new("alice", "wonderland", [b"Subject: tea\r\n\r\nAt five.\r\n".to_vec()]);
//! let world = World::new(Configuration { accounts: vec![account], ..Configuration::default() });
//! let mut connection = world.connect(Channel::Clear);
//! let (mut input, mut output) = (&b"USER alice\r\nPASS wonderland\r\nSTAT\r\nQUIT\r\n"[..], Vec::new());
//! loop {
//!     match connection.next() {
//!         Next::Write => connection.transmit(&mut output, 16 * 1024),
//!         Next::Read if !input.is_empty() => input = &input[connection.receive(input)..],
//!         _ => break,
//!     }
//! }
//! assert!(output.ends_with(b"+OK 1 26\r\n+OK Bye\r\n"));
//! ```

// Octets of a peer reach everything here (invariant 5).
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod configuration;
mod connection;
mod defects;
mod faults;
mod lies;
mod oauth;
mod personas;
mod policy;
mod reply;
mod restrictions;
mod retention;
mod server;
mod twist;
mod witness;
mod world;

pub use configuration::{Account, Configuration, Pace, Password, Tenancy};
pub use connection::Connection;
pub use defects::{Defect, Defects, defects};
pub use machine::{Channel, IdentityId, Machine, Next, Service};
pub use personas::{Persona, Personas, personas};
pub use policy::{Expiry, Policy};
pub use script::{Received, Script, Unmet};
pub use transcript::Transcript;
pub use witness::{Happening, RECEIVED, What};
pub use world::{Removed, Saved, Store, World};

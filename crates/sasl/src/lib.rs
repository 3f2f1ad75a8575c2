//! SASL mechanisms and APOP, both sides, without I/O.
//!
//! Purpose: the conformance suite and the load generator need the client side of every mechanism, the fake
//! server needs the server side, and the suite must also be able to say the *wrong* thing on purpose. So
//! there are three layers here:
//!
//! * [`client()`] and [`server()`] give well-behaved machines for a [`Mechanism`], behind the traits
//!   [`ClientExchange`] and [`ServerExchange`];
//! * the modules [`plain`], [`login`], [`cram_md5`], [`scram`] and [`apop`] give the raw builders and parsers
//!   these machines are made of, with no opinion about what is put into them;
//! * [`oauth`] has the server side of the mechanisms with tokens, for clients under test;
//! * [`base64`] is the strict encoding RFC 5034 section 4 demands on the wire.
//!
//! Contract: all challenges and responses here are **decoded** octets. The caller writes the `+ ` lines, does
//! the base64, and treats `=` (empty initial response) and `*` (cancel). The same inputs always give the same
//! octets: nonces and challenges are arguments, never drawn here.
//!
//! What this crate deliberately does not do:
//!
//! * It is no library for production logins. Comparisons take a time that depends on the data, secrets are
//!   not wiped from memory, and passwords are looked up in the clear: this is a laboratory.
//! * No `SASLprep` (RFC 4013): names and passwords are compared octet by octet as they are. RFC 5802 section
//!   2.2 would then have non-ASCII text disallowed; it is passed through instead, since the suite wants to
//!   send it. Between two ends of this crate that always agrees; with other software, only text that
//!   `SASLprep` leaves alone (all printable ASCII) is certain to.
//! * No security layers.
//!
//! ```
//! use sasl::{Mechanism, ServerStep};
//!
//! let passwords = |user: &str| (user == "tim").then(|| "tanstaaftanstaaf".to_owned());
//! let mut client = sasl::client(Mechanism::CramMd5, "tim", "tanstaaftanstaaf", "unused");
//! let mut server = sasl::server(Mechanism::CramMd5, "<1896.697170952@postoffice.reston.mci.net>");
//!
//! let mut response = client.initial();
//! let user = loop {
//!     match server.step(response.as_deref(), &passwords) {
//!         ServerStep::Challenge(challenge) => response = Some(client.respond(&challenge)?),
//!         ServerStep::Success { user } => break user,
//!         ServerStep::Failure => panic!("refused"),
//!     }
//! };
//! assert!(client.finished());
//! assert_eq!(user, "tim");
//! # Ok::<(), sasl::ExchangeError>(())
//! ```

// Octets of a peer reach everything here (invariant 5).
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

pub mod apop;
pub mod base64;
pub mod cram_md5;
mod exchange;
mod hexadecimal;
pub mod login;
mod mechanism;
pub mod oauth;
pub mod plain;
pub mod scram;

pub use crate::base64::Base64Error;
pub use exchange::{ClientExchange, ExchangeError, Passwords, ServerExchange, ServerStep, client, server};
pub use mechanism::Mechanism;

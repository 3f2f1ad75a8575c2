//! A fake POP3 server for the tests of mail programs.
//!
//! Start it in a test, point a mail client at it, look at what the client did. By default it is right: RFC 1939 and its
//! extensions, with the lock, a snapshot at login and removal only at QUIT. On demand it is wrong in one way
//! ([`defects()`]), lets something go wrong at a given moment ([`Script`]), or has a policy ([`Policy`]).
//!
//! The contract: it listens on 127.0.0.1 alone unless asked otherwise, on free ports unless told, with a certificate of a
//! throwaway authority ([`FakeServer::ca_pem`]). The same seed and the same octets of the client give the same octets of the
//! server. Dropping it stops it. What it keeps of its sessions is bounded, and no password is in it.
//!
//! ```
//! use poplab_server::{FakeServer, Script};
//! # use std::io::{BufRead as _, BufReader, Write as _};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = FakeServer::builder()
//!     .account("alice", "wonderland", [b"Subject: tea\r\n\r\nAt five.\r\n".to_vec()])
//!     .script(Script::read("faults: [{when: {command: DELE}, do: {refuse: {text: Not today}}}]", "script.yaml")?)
//!     .start_blocking()?;
//! // Here the client under test fetches and deletes mail.
//! # let stream = std::net::TcpStream::connect(server.clear().unwrap())?;
//! # for command in ["USER alice", "PASS wonderland", "DELE 1", "QUIT"] { write!(&stream, "{command}\r\n")?; }
//! # for line in BufReader::new(&stream).lines() { line?; }
//! assert_eq!(server.removed(), []);
//! assert_eq!(server.received().last().unwrap().line, "QUIT");
//! assert!(server.transcript().render().contains("[1] S: -ERR Not today\n"));
//! # Ok(()) }
//! ```
//!
//! In asynchronous tests `start().await` serves on the test's own runtime, so that its clock may be paused. [`World`] is
//! the same without any socket.
//!
//! What this crate does not do: judge servers or clients, put load on them, read files. That is the program `poplab`.

mod builder;
mod certificates;
mod running;

pub use builder::Builder;
pub use certificates::identities;
pub use fake::{
    Account, Configuration, Defect, Defects, Expiry, Happening, Pace, Password, Persona, Personas, Policy,
    RECEIVED, Received, Removed, Script, Tenancy, Transcript, Unmet, What, World, defects, personas,
};
pub use mail::load::Population;
pub use net::{Freeze, Identity, Listening, Ports};
pub use running::FakeServer;

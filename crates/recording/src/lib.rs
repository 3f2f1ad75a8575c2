//! Recordings: what a client and a POP3 server said to each other, reply by reply, without secrets.
//!
//! A [`Scribe`] follows one session from between the two and makes lines of it, which are appended to a file one by one.
//! [`Recording::parse`] reads such a file; [`Replay`] is a service that answers clients with it; [`compare`] tells what
//! another reply says otherwise.
//!
//! ```
//! use observer::Log;
//! use recording::{Channel, Recording, Scribe, header};
//! use transcript::Secrets;
//!
//! let secrets = Secrets::new();
//! let mut log = Log::knowing("an example", None, &secrets);
//! let mut text = header("mail.example.org:110");
//! let mut session = Scribe::open(Channel::Clear, &mut log, &secrets, &mut text).unwrap();
//! session.server(b"+OK ready\r\n", &mut log, &mut text);
//! session.client(b"PASS wonderland\r\n", &mut log, &mut text);
//! session.server(b"-ERR not wonderland\r\n", &mut log, &mut text);
//! session.end("closed by client", &mut log, &mut text);
//!
//! let recording = Recording::parse(&text).unwrap();
//! let exchange = &recording.sessions[0].exchanges[1];
//! assert_eq!(exchange.command, "PASS ‹secret 10›");
//! assert_eq!(exchange.reply, b"-ERR not **********\r\n");
//! ```
//!
//! # The format
//!
//! One JSON object a line: `recording` (first, with the format's number and the server), `opened`, `said`, `reply`,
//! `secured`, `ended`, `full`. Replies belong to what the client said in that order; the first of a session is the
//! greeting. A reply comes in pieces, as text, or in base64 where it is no UTF-8. An octet of a secret is an asterisk in a
//! reply; in what the client said a secret is `‹secret 10›`, as in transcripts.
//!
//! # Bounds
//!
//! A recording has at most [`SESSIONS`] sessions and [`OCTETS`] octets; who writes it stops there and says `full`.
//!
//! What this crate deliberately does not do: no sockets, no files, no clock.

// Octets of peers, and files of other people, reach everything here (invariant 5).
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod compare;
mod line;
mod read;
mod replay;
mod scribe;

pub use compare::{Difference, compare};
pub use line::{Channel, full, header};
pub use read::{Exchange, Problem, Recording, Session};
pub use replay::{Miss, Misses, Replay};
pub use scribe::Scribe;

/// The number of the format.
pub const FORMAT: u32 = 1;

/// Sessions of a recording.
pub const SESSIONS: u32 = 1000;

/// Octets of a recording, as it is written.
pub const OCTETS: u64 = 256 << 20;

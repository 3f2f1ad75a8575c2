//! POP3 as pure machines: octets in, events and octets out (RFC 1939, 2449, 5034).
//!
//! [`Client`] reads what a server says, [`Server`] reads what a client says. Both borrow their input and own no
//! read buffer: `step` takes the octets at hand, says how many it consumed and what they meant; a driver keeps the
//! unconsumed tail, which is never longer than one bounded line. Any split of the same octets gives the same
//! events, once adjacent pieces of content are joined.
//!
//! Parsing never fails: it gives a value and the named [`Deviation`]s of the peer. There is deliberately no I/O, no
//! clock, no randomness here, and no notion of what a reply means for a maildrop.
//!
//! ```
//! use proto::{Client, Event, Limits, Shape};
//!
//! let mut client = Client::new(Limits::default());
//! let step = client.step(b"+OK ready\r\n");
//! assert!(matches!(step.event, Some(Event::Status { status, .. }) if status.is_ok()));
//! assert_eq!(step.consumed, 11);
//! client.expect(Shape::of(b"RETR 1"));
//! assert_eq!(client.awaited(), 1);
//! ```

// Octets of a peer reach everything here (invariant 5).
#![deny(clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod capability;
mod client;
mod command;
mod deviation;
mod dot;
pub mod encode;
#[doc(hidden)]
pub mod fuzzing;
mod limits;
pub mod listing;
mod response_code;
mod server;
mod status;
mod verb;

pub use capability::Capability;
pub use client::{Client, Event, Step};
pub use command::{Command, number};
pub use deviation::{Deviation, Deviations};
pub use dot::{Stuffer, unstuff};
pub use limits::{Limits, ServerLimits};
pub use response_code::ResponseCode;
pub use server::{Incoming, Server, ServerStep};
pub use status::{Indicator, Status};
pub use verb::{Shape, Verb};

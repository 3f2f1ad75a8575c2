//! Messages, maildrops, the fixture corpus and readers for mail folders.
//!
//! Everything is octets in and octets out. The same seed gives the same octets, on every machine and in every
//! version that does not say otherwise; a snapshot test pins them. Messages that poplab makes carry a [`Marker`]
//! with the hash of their body, so that a message that comes back from a server can be recognised ([`identify`])
//! and checked ([`Marker::describes`]) without a copy of it. Mail for load is in [`load`]: accounts by pattern whose
//! messages are made when they are needed, and a check of what comes back that costs a memory access an octet.
//!
//! What it does not do: no file is opened, nothing is delivered, no clock is read, no MIME is parsed. Readers take
//! the content of files ([`mbox`], [`eml`]) or their names ([`maildir`]).
//!
//! ```
//! let corpus = mail::corpus(42);
//! let dots = corpus.iter().find(|fixture| fixture.name == "fx.dots").unwrap();
//! assert!(mail::body(&dots.octets).starts_with(b".\r\n..\r\n"));
//!
//! // As a server delivers it: with trace fields before it.
//! let delivered = [b"Received: from a by b; date\r\n", dots.octets.as_slice()].concat();
//! assert_eq!(mail::identify(&delivered, &corpus), Some(dots));
//! assert!(mail::Marker::parse(&delivered).unwrap().describes(&delivered));
//! ```

mod compose;
mod content;
mod corpus;
mod date;
pub mod eml;
pub mod load;
pub mod maildir;
mod maildrop;
mod marker;
pub mod mbox;
mod ownership;
mod unique_id;

pub use content::{body, digest, lines_to_crlf, lines_to_lf, wire};
pub use corpus::{Fixture, corpus, identify, large};
pub use maildrop::{Role, UnknownRole, delivered, maildrop, maildrop_beside, ordinary};
pub use marker::Marker;
pub use ownership::is_own;
pub use unique_id::{UniqueId, UniqueIdError};

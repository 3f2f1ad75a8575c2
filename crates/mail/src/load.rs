//! Accounts by pattern with seeded mail, for load: thousands or a million maildrops that follow from a seed.
//!
//! A [`Population`] names its accounts and knows the exact size of each of their messages without making them; a
//! [`LoadMessage`] is written when it is needed. Each carries the [`Marker`](crate::Marker), so that it may be
//! deleted under the same rule as all mail of poplab, and the header field `X-Poplab-Load`, from which a
//! [`Verifier`] that never saw the message knows whether what came back is right, and whose it is:
//!
//! ```text
//! X-Poplab-Load: owner=load00007 number=3 octets=0000012558 crc32=90ab12cd
//! ```
//!
//! `octets` and `crc32` are those of the body, that is of everything behind the first empty line, with CRLF; what a
//! server puts into the header on the way does not touch them. In `owner`, octets that are no graphic ASCII stand
//! as `%xx`.
//!
//! # The checksum
//!
//! CRC-32 (IEEE): 0.2 µs for a message of 13 KB, where SHA-256 takes 8 and would double the cost of retrieving. It
//! finds every single burst of up to 32 bits, and of other damage all but one in four thousand million; the number
//! of octets is compared too. It does not stop a forger, and need not: a server under test is wrong, not
//! malicious.
//!
//! # What makes it cheap
//!
//! Bodies are cut at line ends from one fixed text, at a few fixed places, and end with a line of their own that
//! no other message has. The checksums of the text, SHA-256 of the marker too, are kept for every KiB behind those
//! places, so that only the end of a body is really hashed (bodies over 1 MiB: what is over). Writing a message of
//! 13 KB is a copy, a header and about 600 octets of SHA-256.
//!
//! Nothing here opens a file or knows a server, and there is deliberately no MIME in these messages: load is about
//! octets. The nasty ones are in the [corpus](crate::corpus()).
//!
//! ```
//! use mail::load::{ContentVerdict, Population, Verifier};
//!
//! let population = Population {
//!     seed: 42,
//!     user: "load{n:05}".to_owned(),
//!     first: 1,
//!     count: 1_000_000,
//!     messages: 20,
//!     sizes: chance::Distribution::Fixed(13_000.0),
//! };
//! let account = population.index_of("load00007").unwrap();
//! let mut octets = Vec::new();
//! population.message(account, 3).write(&mut octets);
//! assert_eq!(octets.len(), 13_000);
//!
//! let mut verifier = Verifier::new();
//! octets.chunks(100).for_each(|piece| verifier.push(piece));
//! assert_eq!(verifier.finish(b"load00007"), ContentVerdict::Verified);
//! assert!(verifier.marked());
//! ```

mod message;
mod pattern;
mod population;
mod text;
mod verifier;

pub use message::LoadMessage;
pub use pattern::{PatternProblem, expand, problem_of};
pub use population::{LARGEST, Population, Sizes};
pub use verifier::{ContentVerdict, Verifier};

//! The one wire-text format: record a conversation, render it, parse it back, and never show a secret.
//!
//! Checks, recordings, snapshots, failure reports and load samples all keep their conversations as a
//! [`Transcript`]. A [`Recorder`] takes octets as they come off the wire, in any split, and gives the same
//! transcript for each split. What it keeps is already folded and redacted, so that
//! `Transcript::parse(&transcript.render())` gives back an equal transcript.
//!
//! ```
//! let mut recorder = transcript::Recorder::new("check rfc1939.retr.dot-stuffing", Some(42));
//! recorder.secret(b"wonderland");
//! let session = recorder.connection();
//! recorder.note(session, "connect implicit-tls");
//! recorder.received(session, b"+OK ready\r\n");
//! recorder.sent(session, b"PASS wonder");
//! recorder.sent(session, b"land\r\n");
//! let text = recorder.finish().render();
//! let lines: Vec<&str> = text.lines().collect();
//! assert_eq!(lines[0], "# check rfc1939.retr.dot-stuffing   seed 42");
//! assert_eq!(lines[1], "[1] == connect implicit-tls");
//! assert_eq!(lines[2], "[1] S: +OK ready");
//! assert_eq!(lines[3], "[1] C: PASS ‹secret 10›");
//! assert!(lines[4].starts_with("# wire: C 17 octets sha256 "));
//! ```
//!
//! # The format
//!
//! ```text
//! transcript = title *entry wire
//! title      = "# " text ["   seed " number] LF
//! entry      = "[" session "] " (note / line / folded / mark) LF
//! note       = "== " text                                 what happened beside the octets
//! line       = side (":" / "|") [" " notation]            ":" command, status; "|" content of a reply
//! folded     = side "| ‹" number " lines, " number " octets, sha256 " hash "›"
//! mark       = "^^ " text                                 the entry above is what a verdict is about
//! side       = "C" / "S"                                  client to server, server to client
//! wire       = "# wire: C " sum "  S " sum LF
//! sum        = number " octets sha256 " hash
//!
//! notation   = *(unit / run / "‹secret " number "›") ["‹" number " octets, sha256 " hash "›"] [end]
//! unit       = a visible character
//!            / "␀" … "␟" / "␡"                            control characters 0 to 31 and 127
//!            / "␠"                                        a space at the end of a line
//!            / "\" ("\" / "×" / "‹" / "␀" … "␡")          that character itself
//!            / "\x" 2 hexadecimal digits                  any octet: not UTF-8, or not visible
//! run        = unit " × " number                          more than 40 times the same
//! end        = "␊"                                        a bare LF; nothing at all stands for CRLF
//!            / "‹no line end›"                            the line broke off here
//! ```
//!
//! A digit that directly follows a run is written as `\x3N`. What stands in `‹›` was not on the wire. One line,
//! or one octet, is written as `1 line`, `1 octet`.
//!
//! # Bounds
//!
//! Of a reply's content the first [`BODY_LINES`] lines and the terminator are kept; of a line about [`LINE_KEPT`]
//! octets (a run counts little); of a transcript [`ENTRIES`] entries. The rest is counted and, but for entries,
//! hashed.
//!
//! # The hashes and secrets
//!
//! Every hash is taken over the octets **with secrets replaced by their placeholder** (`‹secret 10›` in UTF-8):
//! the hash of a conversation of which only the password is unknown would let the password be guessed. So the
//! hash of a conversation without secrets is the hash of its true octets. Counts of octets are always the
//! true ones.
//!
//! # What it does not do
//!
//! No I/O, no clock: times go into notes or are left out. It does not understand POP3: whether received octets are
//! content is told by the caller. It does not compare; renderings are compared as text.

mod digest;
mod excerpt;
mod forms;
mod mask;
mod names;
mod notation;
mod parse;
mod parts;
mod recorder;
mod redact;
mod render;
mod secrets;
mod shorten;
mod stream;
mod text;
mod transcript;
mod unfold;

pub use excerpt::ExcerptLine;
pub use mask::Mask;
pub use notation::is_invisible;
pub use parse::ParseError;
pub use recorder::{ENTRIES, MEMORY, Recorder};
pub use secrets::{Secrets, WORD_AT_MOST};
pub use stream::{BODY_LINES, REMEMBERED};
pub use text::{LINE_KEPT, LineEnd, Piece, RUN, Rest, Text};
pub use transcript::{Entry, Side, Transcript, Wire};

//! RETR and TOP (RFC 1939 sections 5 and 7): which octets of a message are sent.
//!
//! The octets stream from the store; no copy is made.

use super::{Arguments, Transaction};
use crate::World;
use crate::reply::{Content, Message, Reply};
use crate::world::{self, Store};

impl Transaction {
    pub(super) fn retr(&self, world: &World, utf8: bool, arguments: &Arguments<'_>) -> Reply {
        let [number] = arguments.words() else { return Reply::err("RETR takes one message number") };
        match self.readable(world, number, utf8) {
            Ok(message) => self.send(world, message),
            Err(refusal) => refusal,
        }
    }

    pub(super) fn top(&self, world: &World, utf8: bool, arguments: &Arguments<'_>) -> Reply {
        let [number, lines] = arguments.words() else {
            return Reply::err("TOP takes a message number and a number of lines");
        };
        let Some(lines) = proto::number(lines) else { return Reply::err("Not a number of lines") };
        match self.readable(world, number, utf8) {
            Ok(message) => self.send_top(world, message, lines),
            Err(refusal) => refusal,
        }
    }

    /// A whole message.
    pub(crate) fn send(&self, world: &World, message: &world::Message) -> Reply {
        let octets = world.octets(self.owner, message);
        Reply::said(format!("{} octets", message.size())).with(Content::Message(Message::whole(octets)))
    }

    /// The header of a message, the separator, and so many lines of the body.
    pub(crate) fn send_top(&self, world: &World, message: &world::Message, lines: u64) -> Reply {
        let octets = world.octets(self.owner, message);
        let end = end_of_top(&octets, lines);
        Reply::ok("Top of message follows").with(Content::Message(Message::top(octets, end)))
    }

    /// A message that may be sent: one with UTF-8 in its header is not for clients that did not ask for UTF8 (RFC 6856
    /// section 4).
    fn readable(&self, world: &World, number: &[u8], utf8: bool) -> Result<&world::Message, Reply> {
        let index = self.find(number)?;
        match self.messages.get(index) {
            None => Err(Reply::err("No such message")),
            Some(message) if message.needs_utf8() && !utf8 => {
                Err(Reply::coded("UTF8", "That message needs UTF8 mode"))
            }
            Some(_) if world.store(self.owner) == Store::Unreadable => {
                Err(Reply::coded("SYS/TEMP", "That message cannot be read now"))
            }
            Some(message) => Ok(message),
        }
    }
}

/// Where the top of a message ends: after the header, the separator and so many lines of the body.
fn end_of_top(octets: &[u8], lines: u64) -> usize {
    let body = mail::body(octets);
    let mut rest = body;
    for _ in 0..lines {
        let Some(end) = memchr::memmem::find(rest, b"\r\n") else { return octets.len() };
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    octets.len() - rest.len()
}

#[cfg(test)]
mod tests {
    use super::end_of_top;

    #[test]
    fn the_top_is_header_separator_and_lines() {
        let top = |octets: &'static [u8], lines| &octets[..end_of_top(octets, lines)];
        assert_eq!(top(b"A: 1\r\n\r\none\r\ntwo\r\n", 0), b"A: 1\r\n\r\n");
        assert_eq!(top(b"A: 1\r\n\r\none\r\ntwo\r\n", 1), b"A: 1\r\n\r\none\r\n");
        assert_eq!(top(b"A: 1\r\n\r\none\r\ntwo", 2), b"A: 1\r\n\r\none\r\ntwo");
        assert_eq!(top(b"A: 1\r\n\r\none\r\n", u64::MAX), b"A: 1\r\n\r\none\r\n");
        assert_eq!(top(b"A: 1\r\n", 1), b"A: 1\r\n");
        assert_eq!(top(b"\r\none\r\n", 0), b"\r\n");
        assert_eq!(top(b"", 7), b"");
        // Only CRLF ends a line of the body.
        assert_eq!(top(b"A: 1\r\n\r\none\ntwo\r\nthree\r\n", 1), b"A: 1\r\n\r\none\ntwo\r\n");
    }
}

//! The server machine: what a client's octets mean. States and maildrops are the fake's matter.

use memchr::memchr;

use crate::{Command, Deviation, ServerLimits};

/// Something the client said. Borrows from the input of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A command line.
    Command(Command<'a>),
    /// A line within a SASL exchange, without its line end.
    Response(&'a [u8]),
    /// A line longer than allowed; said once, the rest of the line is swallowed.
    TooLong,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerStep<'a> {
    /// Octets to remove from the front of the input.
    pub consumed: usize,
    /// What they meant. With `consumed == 0` and no event, more octets are needed.
    pub event: Option<Incoming<'a>>,
}

/// Reads a client's octets. Owns no buffer.
///
/// ```
/// use proto::{Incoming, Server, ServerLimits, Verb};
///
/// let mut server = Server::new(ServerLimits::default());
/// let input = b"RETR 1\r\nQU";
/// let step = server.step(input);
/// assert!(matches!(step.event, Some(Incoming::Command(command)) if command.verb == Some(Verb::Retr)));
/// // The rest is no whole line: the driver keeps it and reads on.
/// assert_eq!(server.step(&input[step.consumed..]).consumed, 0);
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    limits: ServerLimits,
    response_awaited: bool,
    swallowing: bool,
}

impl Server {
    /// A machine at the start of a connection.
    pub const fn new(limits: ServerLimits) -> Server {
        Server { limits, response_awaited: false, swallowing: false }
    }

    /// The next line is a SASL response, not a command.
    pub fn await_response(&mut self) {
        self.response_awaited = true;
    }

    /// Forgets everything, as STLS demands (RFC 2595 section 4).
    pub fn restart(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Reads from the front of the input and gives at most one event. A line ends with LF; a CR before it is
    /// removed, its absence noted.
    pub fn step<'a>(&mut self, input: &'a [u8]) -> ServerStep<'a> {
        if self.swallowing {
            let end = memchr(b'\n', input);
            self.swallowing = end.is_none();
            return ServerStep { consumed: end.map_or(input.len(), |end| end + 1), event: None };
        }
        let limit = if self.response_awaited { self.limits.response } else { self.limits.command };
        let window = input.get(..limit).unwrap_or(input);
        let Some((whole, _)) = memchr(b'\n', window).and_then(|end| window.split_at_checked(end)) else {
            if input.len() < limit {
                return ServerStep { consumed: 0, event: None };
            }
            self.swallowing = true;
            self.response_awaited = false;
            return ServerStep { consumed: limit, event: Some(Incoming::TooLong) };
        };
        let (line, bare) = whole.strip_suffix(b"\r").map_or((whole, true), |line| (line, false));
        let event = if std::mem::take(&mut self.response_awaited) {
            Incoming::Response(line)
        } else {
            let mut command = Command::parse(line);
            command.deviations.insert_if(bare, Deviation::BareLf);
            Incoming::Command(command)
        };
        ServerStep { consumed: whole.len() + 1, event: Some(event) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Verb;

    /// All events of the pieces; after each AUTH a response is awaited.
    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut server = Server::new(ServerLimits { command: 20, response: 30 });
        let (mut tail, mut events) = (Vec::new(), Vec::new());
        for piece in pieces {
            tail.extend_from_slice(piece);
            loop {
                let step = server.step(&tail);
                let (consumed, idle) = (step.consumed, step.event.is_none() && step.consumed == 0);
                let mut exchange = false;
                if let Some(event) = step.event {
                    exchange =
                        matches!(event, Incoming::Command(command) if command.verb == Some(Verb::Auth));
                    events.push(format!("{event:?}"));
                }
                if exchange {
                    server.await_response();
                }
                tail.drain(..consumed);
                if idle || tail.is_empty() {
                    break;
                }
            }
        }
        events
    }

    #[test]
    fn a_long_line_is_said_once_and_the_next_is_read_again() {
        let events = events(&[&[b'x'; 100], b"yyy\r\nNOOP\r\n"]);
        assert_eq!(events[0], "TooLong");
        assert!(events.len() == 2 && events[1].contains("Noop"), "{events:?}");
    }

    #[test]
    fn a_line_after_auth_is_a_response() {
        let events = events(&[b"AUTH PLAIN\r\nQUIT\r\nQUIT\n"]);
        assert!(events[1].starts_with("Response"), "{events:?}");
        assert!(events[2].contains("Quit") && events[2].contains("BareLf"), "{events:?}");
    }

    #[test]
    fn a_restart_forgets_the_exchange_under_way() {
        let mut server = Server::new(ServerLimits::default());
        server.await_response();
        server.restart();
        let event = server.step(b"QUIT\r\n").event;
        assert!(matches!(event, Some(Incoming::Command(command)) if command.verb == Some(Verb::Quit)));
    }

    const TOKENS: &[&[u8]] = &[b"AUTH X", b"\r\n", b"\n", b"NOOP", b" ", b"0123456789", b"\xff\0"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_split_gives_the_same_events(
            tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 0..24),
            cuts in proptest::collection::vec(1usize..9, 0..40),
        ) {
            let wire = tokens.concat();
            let mut pieces = Vec::new();
            let mut rest = &wire[..];
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            pieces.push(rest);
            prop_assert_eq!(events(&[&wire]), events(&pieces));
        }
    }
}

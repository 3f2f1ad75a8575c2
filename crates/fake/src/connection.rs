//! One connection of the fake as a [`Machine`]: lines in, replies out.
//!
//! Time-outs, sockets and TLS are the driver's matter alone.

use std::time::Duration;

use chance::Chance;
use machine::{Channel, IdentityId, Machine, Next};
use proto::{Server, ServerLimits};

use crate::session::{After, Session};
use crate::{Defect, World};

/// Octets of a command line, CRLF included (RFC 2449 section 4 asks for as many).
const COMMAND_AT_MOST: usize = 255;

/// Octets of a response within a SASL exchange, CRLF included.
const RESPONSE_AT_MOST: usize = 64 * 1024;

/// The longest wait in seconds: what a distribution draws beyond is cut to it.
const LONGEST_WAIT: f64 = 3600.0;

/// One client's connection. Dropping it is the loss of the connection: the lock is released and nothing is removed,
/// unless QUIT was answered before (RFC 1939 section 6).
pub struct Connection {
    session: Session,
    lines: Server,
    /// A command that has not arrived in full; shorter than [`RESPONSE_AT_MOST`].
    partial: Vec<u8>,
    /// Cleartext that a defect carries over into TLS.
    smuggled: Vec<u8>,
    /// Lines of the client that were acted on; the greeting is the 0th reply.
    lines_handled: u32,
    /// What is to pass before the output.
    wait: Option<Duration>,
    /// TLS comes before the greeting.
    wants_tls: bool,
}

impl Connection {
    pub(crate) fn new(world: World, number: u64, channel: Channel) -> Connection {
        let limits = ServerLimits { command: COMMAND_AT_MOST, response: RESPONSE_AT_MOST };
        let delayed = world.configuration().pace.greeting;
        let mut connection = Connection {
            session: Session::begin(world, number, channel),
            lines: Server::new(limits),
            partial: Vec::new(),
            smuggled: Vec::new(),
            lines_handled: 0,
            wait: None,
            wants_tls: channel == Channel::Tls,
        };
        if delayed {
            connection.delay();
        }
        connection
    }

    fn without_wait(&self) -> Next {
        if self.wants_tls {
            return Next::StartTls(IdentityId::OWN);
        }
        if !self.session.output.is_empty() {
            return Next::Write;
        }
        match self.session.after {
            After::Go => Next::Read,
            After::StartTls => Next::StartTls(IdentityId::OWN),
            After::Close => Next::Close,
            After::Reset => Next::Reset,
        }
    }

    /// All steps over what has arrived of a line, and how much they consumed. A line that is too long is refused as
    /// soon as that is known, and its rest swallowed: two events at most.
    fn steps(&mut self, line: &[u8], more: bool) -> usize {
        let mut consumed = 0;
        while consumed < line.len() {
            let (octets, idle) = self.step(&line[consumed..], more);
            consumed += octets;
            if idle {
                break;
            }
        }
        consumed
    }

    /// One step over what has arrived of a line: how much it consumed, and whether there is nothing more to do.
    fn step(&mut self, line: &[u8], more: bool) -> (usize, bool) {
        let step = self.lines.step(line);
        if let Some(incoming) = step.event {
            self.lines_handled = self.lines_handled.wrapping_add(1);
            self.session.handle(&incoming, more);
            if self.session.awaits_response() {
                self.lines.await_response();
            }
            if !self.session.output.is_empty() {
                self.delay();
            }
        }
        (step.consumed, step.consumed == 0 && step.event.is_none())
    }

    /// Puts off the output, if the server has a pace.
    fn delay(&mut self) {
        let configuration = self.session.world().configuration();
        let Some(latency) = &configuration.pace.latency else { return };
        let parts = [configuration.seed, self.session.number(), self.lines_handled.into()];
        let seconds = latency.sample(&mut Chance::of(&parts));
        let wait = Duration::try_from_secs_f64(seconds.min(LONGEST_WAIT)).unwrap_or_default();
        self.wait = Some(wait).filter(|wait| !wait.is_zero());
    }

    /// How much of the input counts as consumed: a correct server leaves what follows a command alone.
    fn taken(&mut self, input: &[u8], end: usize) -> usize {
        let rest = &input[end..];
        if self.session.broken(Defect::StlsKeepsPlaintext) && self.session.after == After::StartTls {
            self.smuggled = rest[..rest.len().min(COMMAND_AT_MOST)].to_vec();
            return input.len();
        }
        if std::mem::take(&mut self.session.loses_input) { input.len() } else { end }
    }

    fn execute_smuggled(&mut self) {
        while !self.smuggled.is_empty() && self.without_wait() == Next::Read {
            let smuggled = std::mem::take(&mut self.smuggled);
            let taken = self.receive(&smuggled);
            self.smuggled = smuggled[taken..].to_vec();
        }
    }
}

impl Machine for Connection {
    fn next(&mut self) -> Next {
        if !self.wants_tls
            && let Some(wait) = self.wait.take()
        {
            return Next::Wait(wait);
        }
        self.without_wait()
    }

    /// Takes the octets up to the end of the first command, or as many as there is room for if no command ends in
    /// them.
    fn receive(&mut self, input: &[u8]) -> usize {
        if self.without_wait() != Next::Read {
            return 0;
        }
        let end = memchr::memchr(b'\n', input).map_or(input.len(), |line_feed| line_feed + 1);
        let more = input.len() > end;
        let line = &input[..end];
        if self.partial.is_empty() {
            // Nearly always a line arrives whole, and need not be copied.
            let consumed = self.steps(line, more);
            self.partial.extend_from_slice(&line[consumed..]);
        } else {
            let mut partial = std::mem::take(&mut self.partial);
            partial.extend_from_slice(line);
            let consumed = self.steps(&partial, more);
            if consumed < partial.len() {
                partial.drain(..consumed);
                self.partial = partial;
            }
        }
        self.taken(input, end)
    }

    fn transmit(&mut self, out: &mut Vec<u8>, at_most: usize) {
        self.session.output.transmit(out, at_most);
        self.execute_smuggled();
    }

    /// What the client said before STLS is forgotten.
    fn secured(&mut self) {
        if std::mem::take(&mut self.wants_tls) {
            return;
        }
        self.lines.restart();
        self.partial = Vec::new();
        self.session.restart_in_tls();
        self.execute_smuggled();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.session.lost(&self.partial);
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").field("next", &self.without_wait()).finish_non_exhaustive()
    }
}

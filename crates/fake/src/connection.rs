//! One connection of the fake as a [`Machine`]: lines in, replies out.
//!
//! Time-outs, sockets and TLS are the driver's matter alone; what is answered is [`crate::server`]'s.

use std::time::Duration;

use chance::Chance;
use machine::{Channel, IdentityId, Machine, Next, Patience};
use proto::{Server, ServerLimits};

use crate::World;
use crate::reply::{Output, Pending, Reply, Then};
use crate::server::Session;
use crate::twist::Twisted;
use crate::witness::Seen;

/// Octets of a command line, CRLF included (RFC 2449 section 4 asks for as many).
const COMMAND_AT_MOST: usize = 255;

/// Octets of a response within a SASL exchange, CRLF included.
const RESPONSE_AT_MOST: usize = 64 * 1024;

/// How long a connection that is held waits before it asks again whether it still is.
const HELD: Duration = Duration::from_millis(50);

/// The longest wait in seconds: what a distribution draws beyond is cut to it.
const LONGEST_WAIT: f64 = 3600.0;

/// One client's connection. Dropping it is the loss of the connection: the lock is released and nothing is removed,
/// unless QUIT was answered before (RFC 1939 section 6).
///
/// What a hostile client can make it hold: one line (255 octets, 64 KiB in a SASL exchange, of which a buffer may have twice
/// as much), the numbers of messages that are there, and of a reply 4 KiB; with a scripted fault in the middle of a reply,
/// that reply as a whole. Defects that take longer lines hold those. As long as nothing is read of a reply, no further command is taken.
pub struct Connection {
    session: Session,
    /// What makes the session another than the correct server's; mostly nothing.
    twisted: Option<Box<Twisted>>,
    lines: Server,
    output: Output,
    /// What is to be done when the output is out.
    then: Then,
    /// What becomes of octets behind the line that was just answered.
    pending: Pending,
    /// A command that has not arrived in full; shorter than [`RESPONSE_AT_MOST`].
    partial: Vec<u8>,
    /// Octets that were taken and not acted on: cleartext that is carried over into TLS, at most a command's worth, and
    /// with some twists all that has arrived together.
    carried: Vec<u8>,
    /// Lines of the client that were acted on; the greeting is the 0th reply.
    lines_handled: u32,
    /// What is to pass before the output.
    wait: Option<Duration>,
    /// On a TLS port, the handshake comes before the greeting.
    greeted: bool,
}

impl Connection {
    pub(crate) fn new(world: World, number: u64, channel: Channel, seen: Option<Seen>) -> Connection {
        let twisted = Twisted::of(&world, seen);
        let command = twisted.as_ref().and_then(|twisted| twisted.longest_command());
        let command = command.unwrap_or(COMMAND_AT_MOST);
        let mut connection = Connection {
            session: Session::new(world, number, channel),
            twisted,
            lines: Server::new(ServerLimits { command, response: RESPONSE_AT_MOST }),
            output: Output::default(),
            then: Then::GoOn,
            pending: Pending::Kept,
            partial: Vec::new(),
            carried: Vec::new(),
            lines_handled: 0,
            wait: None,
            greeted: false,
        };
        match (channel, &mut connection.twisted) {
            (Channel::Clear, _) => connection.greet(),
            (Channel::Tls, None) => connection.then = Then::StartTls(IdentityId::OWN),
            (Channel::Tls, Some(twisted)) => {
                let reply = twisted.connected(&mut connection.session);
                connection.put(reply);
            }
        }
        connection
    }

    fn greet(&mut self) {
        let greeting = match &mut self.twisted {
            None => self.session.greeting(),
            Some(twisted) => twisted.greeting(&mut self.session),
        };
        self.greeted = true;
        self.put(greeting);
        if self.session.world.configuration().pace.greeting {
            self.delay();
        }
    }

    fn without_wait(&self) -> Next {
        if !self.output.is_empty() {
            return Next::Write;
        }
        match self.then {
            Then::GoOn => Next::Read,
            Then::StartTls(identity) => Next::StartTls(identity),
            Then::Close => Next::Close,
            Then::Reset => Next::Reset,
        }
    }

    /// All steps over what has arrived of a line, and how much they consumed. A line that is too long is refused as
    /// soon as that is known, and its rest swallowed: two events at most.
    fn steps(&mut self, line: &[u8], more: bool) -> usize {
        let mut consumed = 0;
        while let Some(rest) = line.get(consumed..).filter(|rest| !rest.is_empty()) {
            let (octets, idle) = self.step(rest, more);
            consumed += octets;
            if idle {
                break;
            }
        }
        consumed
    }

    /// One step over what has arrived of a line: how much it consumed, and whether there is nothing more to do. `more`
    /// tells that further octets have already arrived.
    fn step(&mut self, line: &[u8], more: bool) -> (usize, bool) {
        let step = self.lines.step(line);
        if let Some(incoming) = step.event {
            self.lines_handled = self.lines_handled.wrapping_add(1);
            let reply = match &mut self.twisted {
                None => self.session.answer(&incoming),
                Some(twisted) => twisted.answer(&mut self.session, &incoming, more),
            };
            self.put(reply);
            if self.session.awaits_response() {
                self.lines.await_response();
            }
            if !self.output.is_empty() {
                self.delay();
            }
        }
        (step.consumed, step.consumed == 0 && step.event.is_none())
    }

    fn put(&mut self, reply: Reply) {
        if let Some(seen) = self.seen() {
            reply.faults.iter().for_each(|fault| seen.fault(fault));
        }
        self.pending = reply.pending;
        self.then = self.output.put(reply);
    }

    /// Whether it is of before the server's last restart.
    fn is_cut(&self) -> bool {
        self.session.world.has_cut(self.session.number)
    }

    /// Where the session is recorded.
    fn seen(&mut self) -> Option<&mut Seen> {
        self.twisted.as_mut()?.seen.as_mut()
    }

    /// Puts off the output, if the server has a pace.
    fn delay(&mut self) {
        let configuration = self.session.world.configuration();
        let Some(latency) = &configuration.pace.latency else { return };
        let parts = [configuration.seed, self.session.number, self.lines_handled.into()];
        let seconds = latency.sample(&mut Chance::of(&parts));
        let wait = Duration::try_from_secs_f64(seconds.min(LONGEST_WAIT)).unwrap_or_default();
        self.wait = Some(wait).filter(|wait| !wait.is_zero());
    }

    /// How much of the input counts as consumed: what follows a command is left alone, unless the reply wants it
    /// otherwise.
    fn taken(&mut self, input: &[u8], end: usize) -> usize {
        match std::mem::replace(&mut self.pending, Pending::Kept) {
            Pending::Kept => end,
            Pending::Lost => input.len(),
            Pending::Carried => {
                let rest = input.get(end..).unwrap_or_default();
                self.carried = rest.get(..COMMAND_AT_MOST).unwrap_or(rest).to_vec();
                input.len()
            }
        }
    }

    /// As [`Machine::receive`], for octets that are recorded already.
    fn take(&mut self, input: &[u8]) -> usize {
        let end = memchr::memchr(b'\n', input).map_or(input.len(), |line_feed| line_feed + 1);
        let (line, rest) = input.split_at_checked(end).unwrap_or((input, b""));
        if self.partial.is_empty() {
            // Nearly always a line arrives whole, and need not be copied.
            let consumed = self.steps(line, !rest.is_empty());
            self.partial.extend_from_slice(line.get(consumed..).unwrap_or_default());
        } else {
            let mut partial = std::mem::take(&mut self.partial);
            partial.extend_from_slice(line);
            let consumed = self.steps(&partial, !rest.is_empty());
            if consumed < partial.len() {
                partial.drain(..consumed);
                self.partial = partial;
            }
        }
        self.taken(input, end)
    }

    /// Acts on what was carried over.
    fn resume(&mut self) {
        while !self.carried.is_empty() && self.without_wait() == Next::Read {
            let mut carried = std::mem::take(&mut self.carried);
            let taken = self.take(&carried);
            // What is left before a handshake is thrown away (RFC 2595 section 4).
            if taken < carried.len() && !matches!(self.then, Then::StartTls(_)) {
                carried.drain(..taken);
                self.carried = carried;
            }
        }
    }

    /// Whether something else than the client has the connection wait.
    fn is_held(&mut self) -> bool {
        self.twisted.as_ref().is_some_and(|twisted| twisted.is_held(&mut self.session))
    }
}

impl Machine for Connection {
    fn next(&mut self) -> Next {
        if let Some(wait) = self.wait.take() {
            return Next::Wait(wait);
        }
        if self.is_held() {
            return Next::Wait(HELD);
        }
        let interruption = if self.output.is_ready() { None } else { self.output.interruption() };
        let next = interruption.unwrap_or_else(|| self.without_wait());
        if let Some(seen) = self.seen() {
            seen.told(next);
        }
        next
    }

    /// Takes the octets up to the end of the first command, or as many as there is room for if no command ends in
    /// them.
    fn receive(&mut self, input: &[u8]) -> usize {
        if self.without_wait() != Next::Read {
            return 0;
        }
        if self.is_cut() {
            self.then = Then::Reset;
            return input.len();
        }
        let end = memchr::memchr(b'\n', input).map_or(input.len(), |line_feed| line_feed + 1);
        if let Some(seen) = self.seen() {
            if seen.is_stale() {
                self.then = Then::Close;
                return input.len();
            }
            // Before the reply to it is made, which is when faults act.
            seen.client(input.get(..end).unwrap_or(input));
        }
        if let Some(octets) =
            self.twisted.as_ref().and_then(|twisted| twisted.arrived(&mut self.session, input))
        {
            if let Some(seen) = self.seen() {
                seen.client(input.get(end..).unwrap_or_default());
            }
            self.carried = octets;
            self.resume();
            return input.len();
        }
        let taken = self.take(input);
        if let Some(seen) = self.seen() {
            seen.client(input.get(end..taken).unwrap_or_default());
        }
        taken
    }

    fn transmit(&mut self, out: &mut Vec<u8>, at_most: usize) {
        let before = out.len();
        self.output.transmit(out, at_most);
        if let Some(seen) = self.seen() {
            seen.server(out.get(before..).unwrap_or_default());
        }
        self.resume();
    }

    fn bound(&mut self, exported: [u8; 32], certificate: &[u8]) {
        self.session.bound(exported, certificate);
    }

    /// What the client said before STLS is forgotten.
    fn secured(&mut self) {
        (self.output, self.then) = (Output::default(), Then::GoOn);
        if !self.greeted {
            return self.greet();
        }
        if let Some(seen) = self.seen() {
            seen.secured();
        }
        self.lines.restart();
        self.partial = Vec::new();
        self.session.secured();
        if let Some(twisted) = &mut self.twisted
            && let Some(reply) = twisted.secured(&mut self.session)
        {
            self.put(reply);
        }
        self.resume();
    }

    fn unsecured(&mut self) -> bool {
        let goes_on =
            self.twisted.as_ref().is_some_and(|twisted| twisted.goes_on_unsecured(&mut self.session));
        if goes_on {
            (self.output, self.then) = (Output::default(), Then::GoOn);
            if !self.greeted {
                self.greet();
            }
        }
        goes_on
    }

    fn patience(&self) -> Option<Patience> {
        self.twisted.as_ref().and_then(|twisted| twisted.patience())
    }

    fn expired(&mut self) {
        (self.output, self.then) = (Output::default(), Then::Close);
        if let Some(twisted) = &mut self.twisted {
            let reply = twisted.expired(&mut self.session);
            self.put(reply);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // A server that ended does not notice who goes.
        if self.is_cut() {
            return;
        }
        if let Some(twisted) = &mut self.twisted {
            twisted.lost(&mut self.session, &self.partial);
        }
        self.session.lost();
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").field("next", &self.without_wait()).finish_non_exhaustive()
    }
}

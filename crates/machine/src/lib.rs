//! The contract between a machine, which knows a protocol and no socket, and a driver, which knows sockets and no
//! protocol.
//!
//! A driver asks [`Machine::next`] and does what it says, until it says one of the endings or the peer is gone; then it
//! drops the machine. A [`Service`] makes a machine for each connection. Clocks, sockets and TLS are the driver's
//! matter alone; so a machine can be driven over TCP, over pipes in memory, or by a loop of four lines in a test.
//!
//! What this crate deliberately does not do: it drives nothing and knows no protocol. It has no dependency.
//!
//! ```
//! use machine::{Channel, Machine, Next};
//!
//! /// Says one line and closes.
//! struct Line(&'static [u8]);
//!
//! impl Machine for Line {
//!     fn next(&mut self) -> Next {
//!         if self.0.is_empty() { Next::Close } else { Next::Write }
//!     }
//!     fn receive(&mut self, _: &[u8]) -> usize {
//!         0
//!     }
//!     fn transmit(&mut self, out: &mut Vec<u8>, at_most: usize) {
//!         let (now, later) = self.0.split_at(at_most.min(self.0.len()));
//!         out.extend_from_slice(now);
//!         self.0 = later;
//!     }
//!     fn secured(&mut self) {}
//! }
//!
//! let mut machine = (|_: Channel| Line(b"-ERR not today\r\n"))(Channel::Clear);
//! let mut out = Vec::new();
//! while machine.next() == Next::Write {
//!     machine.transmit(&mut out, 4);
//! }
//! assert_eq!(out, b"-ERR not today\r\n");
//! ```

use std::time::Duration;

/// How a connection is protected when it begins.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Not at all.
    Clear,
    /// TLS is wanted before the first octet. A machine on this channel asks for it itself, by [`Next::StartTls`], so
    /// that it can also be wrong about it.
    Tls,
}

/// One of the identities (certificate and key) that a driver was given, by its place among them.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct IdentityId(pub u8);

impl IdentityId {
    /// The first one: the server's own.
    pub const OWN: IdentityId = IdentityId(0);
}

/// What a machine wants of its driver. Output that was transmitted is gathered by the driver, so that replies to
/// pipelined commands leave together; everything but [`Next::Write`] and [`Next::Read`] first writes what is gathered.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Octets of the peer. If there are none any more, drop the machine.
    Read,
    /// There is output: call [`Machine::transmit`].
    Write,
    /// Write all that is gathered, so that it leaves as a segment of its own, then ask again. Said once for each time.
    Flush,
    /// Write all that is gathered, let so much time pass, then ask again. Said once for each wait.
    Wait(Duration),
    /// Write all that is gathered, then do nothing more: what the peer says is thrown away until it ends.
    Stall,
    /// Write all that is gathered, throw away every octet read and not consumed (RFC 2595 section 4), do the server's
    /// handshake with this identity, then call [`Machine::secured`]. If the handshake fails, see [`Machine::unsecured`]. An
    /// identity that the driver does not have is its first one.
    StartTls(IdentityId),
    /// Write all that is gathered and say that no more follows (`close_notify` under TLS, FIN), then ask again: the
    /// peer can still be read. Said once.
    HalfClose,
    /// Write all that is gathered, then close in good order.
    Close,
    /// Write all that is gathered, then end with FIN; under TLS without `close_notify`, so that the peer cannot tell it
    /// from an attacker's cut (RFC 8446 section 6.1).
    CloseWithoutNotify,
    /// Write all that is gathered, then send a fatal TLS alert and close: `bad_record_mac` under TLS, `handshake_failure`
    /// where there is no TLS yet, as to a client that has just asked for it.
    Alert,
    /// End the connection with a reset.
    Reset,
}

impl Next {
    /// Whether this is the last that a machine says.
    pub fn is_ending(self) -> bool {
        matches!(self, Next::Stall | Next::Close | Next::CloseWithoutNotify | Next::Alert | Next::Reset)
    }
}

/// How long a machine has patience with its peer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Whenever it waits for octets of the peer, and it begins anew with them.
    Silence(Duration),
    /// From octets of the peer to its next ones, also while what it was answered is still on its way.
    Answer(Duration),
    /// From the beginning of the connection on, whatever the peer says.
    Connection(Duration),
}

/// One connection of a service. Dropping it tells it that the connection is lost.
pub trait Machine {
    /// What to do now. Asking again gives the same, but for what is said once.
    fn next(&mut self) -> Next;

    /// Takes octets of the peer and says how many it has used: at least one where [`Machine::next`] is [`Next::Read`],
    /// none elsewhere. What it leaves is given to it again, in front of what comes later.
    fn receive(&mut self, input: &[u8]) -> usize;

    /// Appends output, at most so many octets.
    fn transmit(&mut self, out: &mut Vec<u8>, at_most: usize);

    /// What TLS gives to bind something to this connection: 32 octets exported from it (RFC 9266), and the certificate that
    /// was shown, DER (RFC 5929 section 4). Told just before [`Machine::secured`], to machines that want it.
    fn bound(&mut self, _exported: [u8; 32], _certificate: &[u8]) {}

    /// The handshake after [`Next::StartTls`] has succeeded.
    fn secured(&mut self);

    /// It has failed. Whether the connection goes on in the clear nevertheless, as with a server that is wrong about it;
    /// if not, drop the machine.
    fn unsecured(&mut self) -> bool {
        false
    }

    /// How long it has patience with its peer: for ever, if it does not say otherwise. A machine that is not always
    /// patient says so from the beginning on.
    fn patience(&self) -> Option<Patience> {
        None
    }

    /// Its patience has ended. What is still on its way is given up; [`Machine::next`] says what happens now.
    fn expired(&mut self) {}
}

/// What answers connections.
pub trait Service: Send + Sync + 'static {
    /// A connection of it.
    type Machine: Machine + Send + 'static;

    /// A new connection, in the order of arrival.
    fn connect(&self, channel: Channel) -> Self::Machine;
}

impl<M: Machine + Send + 'static, F: Fn(Channel) -> M + Send + Sync + 'static> Service for F {
    type Machine = M;

    fn connect(&self, channel: Channel) -> M {
        self(channel)
    }
}

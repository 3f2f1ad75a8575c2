//! The floor: the least a POP3 client and server can do on this machine, one thread and epoll each.
//!
//! Deliberately no parser, no time-outs, no errors worth the name, no histograms: what the engine and the fake cost
//! more than this is what they do more.

pub(crate) mod client;
pub(crate) mod handshake;
pub(crate) mod server;

use rustix::event::epoll::Event;

/// How many events are taken at once.
const EVENTS: usize = 256;

/// How much is read at once; as much as the engine's scratch buffer.
const PIECE: usize = 64 * 1024;

fn events() -> Vec<Event> {
    Vec::with_capacity(EVENTS)
}

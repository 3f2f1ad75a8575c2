//! The bodies of the fuzz targets, also run over their corpus by an ordinary test.
//!
//! The first octet of the data is the number of cuts, the next ones are the lengths of the pieces.

use crate::{Client, Event, Incoming, Limits, Server, ServerLimits, Shape, Verb};

/// Feeds a client machine.
///
/// # Panics
/// If an invariant of the machine does not hold.
pub fn client(data: &[u8]) {
    let Some((forms, data)) = data.split_first() else { return };
    let (cuts, wire) = cuts(data);
    let mut client = Client::new(Limits { status: 64, line: 128 });
    for bit in 0..4 {
        client.expect(if forms >> bit & 1 == 1 { Shape::Multi } else { Shape::Single });
    }
    if forms & 16 != 0 {
        client.expect(Shape::Exchange);
    }
    let mut tail = Vec::new();
    for piece in pieces(wire, cuts) {
        tail.extend_from_slice(piece);
        loop {
            let step = client.step(&tail);
            assert!(step.consumed <= tail.len(), "consumed more than there was");
            let progress = step.consumed > 0;
            assert!(progress || step.event.is_none(), "an event without octets");
            if let Some(Event::Content(octets)) = step.event {
                assert!(!octets.is_empty(), "empty content");
            }
            tail.drain(..step.consumed);
            if !progress {
                break;
            }
        }
        assert!(tail.len() < 128, "a driver has to keep more than one bounded line");
    }
    let _ = client.end(&tail);
}

/// Feeds a server machine.
///
/// # Panics
/// If an invariant of the machine does not hold.
pub fn server(data: &[u8]) {
    let (cuts, wire) = cuts(data);
    let mut server = Server::new(ServerLimits { command: 64, response: 128 });
    let mut tail = Vec::new();
    for piece in pieces(wire, cuts) {
        tail.extend_from_slice(piece);
        loop {
            let step = server.step(&tail);
            assert!(step.consumed <= tail.len(), "consumed more than there was");
            let progress = step.consumed > 0;
            let exchange =
                matches!(step.event, Some(Incoming::Command(command)) if command.verb == Some(Verb::Auth));
            let consumed = step.consumed;
            if exchange {
                server.await_response();
            }
            tail.drain(..consumed);
            if !progress {
                break;
            }
        }
        assert!(tail.len() < 128, "a driver has to keep more than one bounded line");
    }
}

fn cuts(data: &[u8]) -> (&[u8], &[u8]) {
    let Some((count, rest)) = data.split_first() else { return (&[], &[]) };
    rest.split_at(usize::from(*count % 16).min(rest.len()))
}

fn pieces<'a>(wire: &'a [u8], cuts: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = wire;
    let mut cuts = cuts.iter();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = cuts.next().map_or(rest.len(), |cut| usize::from(*cut).clamp(1, rest.len()));
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        Some(piece)
    })
}

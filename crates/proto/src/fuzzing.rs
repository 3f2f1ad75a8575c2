//! The bodies of the fuzz targets, also run over their corpus by an ordinary test.
//!
//! The data begin with a head that says what is asked and how the octets arrive:
//! - client: one octet of forms. Bits 0 to 3 say of the four replies behind the greeting whether they are
//!   multi-line; bit 4 adds a SASL exchange behind them. Then as for the server.
//! - server: one octet whose low four bits count the cuts, then so many octets, each the length of a piece (at
//!   least 1). What is left behind the last cut arrives in one piece.
//!
//! The rest is the wire. The octets `@0` (client) and `0` (server) are heads that ask nothing special and cut
//! nothing, so that a session can be written by hand behind them.

use crate::{
    Capability, Client, Command, Event, Incoming, Limits, ResponseCode, Server, ServerLimits, Shape, Status,
    Verb, listing, number,
};

/// The hard limits of both machines here: small, so that a fuzzer reaches them.
const LONGEST: usize = 128;

/// Feeds a client machine.
///
/// # Panics
/// If an invariant of the machine does not hold.
pub fn client(data: &[u8]) {
    let Some((forms, data)) = data.split_first() else { return };
    let (lengths, wire) = lengths(data);
    let whole = client_events(*forms, std::iter::once(wire));
    assert_eq!(whole, client_events(*forms, pieces(wire, lengths)), "a split changed the events");
}

/// Feeds a server machine.
///
/// # Panics
/// If an invariant of the machine does not hold.
pub fn server(data: &[u8]) {
    let (lengths, wire) = lengths(data);
    let whole = server_events(std::iter::once(wire));
    assert_eq!(whole, server_events(pieces(wire, lengths)), "a split changed the events");
}

/// The events as text, adjacent content joined.
fn client_events<'a>(forms: u8, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut client = Client::new(Limits { status: 64, line: LONGEST });
    for bit in 0..4 {
        client.expect(if forms >> bit & 1 == 1 { Shape::Multi } else { Shape::Single });
    }
    if forms & 16 != 0 {
        client.expect(Shape::Exchange);
    }
    let (mut events, mut content) = (Vec::new(), Vec::new());
    let tail = drive(pieces, |input| {
        let step = client.step(input);
        let Some(event) = step.event else { return step.consumed };
        assert!(step.consumed > 0, "an event without octets");
        if let Event::Content(octets) = event {
            assert!(!octets.is_empty(), "empty content");
            content.extend_from_slice(octets);
            return step.consumed;
        }
        assert!(content.is_empty() || matches!(event, Event::End { .. }), "content without an end");
        if let Event::Continuation { .. } = event {
            client.expect(Shape::Exchange);
        }
        if let Event::Status { status, .. } = event {
            parse_all(status.text);
        }
        content.split(|octet| *octet == b'\n').for_each(parse_all);
        events.push(format!("{event:?} after {:?}", std::mem::take(&mut content)));
        step.consumed
    });
    events.push(format!("{:?} after {content:?}", client.end(&tail)));
    events
}

/// The events as text. AUTH awaits one response, AUTH LOGIN two.
fn server_events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut server = Server::new(ServerLimits { command: 64, response: LONGEST });
    let (mut events, mut responses_due) = (Vec::new(), 0u8);
    drive(pieces, |input| {
        let step = server.step(input);
        let Some(event) = step.event else { return step.consumed };
        assert!(step.consumed > 0, "an event without octets");
        match event {
            Incoming::Command(command) => {
                assert!(!command.line.contains(&b'\n'), "a line feed within a line");
                parse_all(command.line);
                if command.verb == Some(Verb::Auth) {
                    responses_due = 1 + u8::from(command.words().next() == Some(b"LOGIN"));
                }
            }
            Incoming::Response(_) => responses_due -= 1,
            Incoming::TooLong => responses_due = 0,
        }
        if responses_due > 0 {
            server.await_response();
        }
        events.push(format!("{event:?}"));
        step.consumed
    });
    events
}

/// Does what a driver does: keeps the unconsumed tail and steps until no more is consumed. Gives the last tail.
fn drive<'a>(pieces: impl Iterator<Item = &'a [u8]>, mut step: impl FnMut(&[u8]) -> usize) -> Vec<u8> {
    let mut tail = Vec::new();
    for piece in pieces {
        tail.extend_from_slice(piece);
        loop {
            let consumed = step(&tail);
            assert!(consumed <= tail.len(), "consumed more than there was");
            if consumed == 0 {
                break;
            }
            tail.drain(..consumed);
        }
        assert!(tail.len() < LONGEST, "a driver has to keep more than one bounded line");
    }
    tail
}

/// No parser may panic, whatever the line.
fn parse_all(line: &[u8]) {
    let (status, _) = Status::parse(line);
    let _ = (status.code(), ResponseCode::parse(line), Shape::of(line));
    let _ = (Capability::parse(line), listing::stat(line), listing::scan(line), listing::unique_id(line));
    Command::parse(line).words().for_each(|word| {
        let _ = (number(word), Verb::parse(word));
    });
}

fn lengths(data: &[u8]) -> (&[u8], &[u8]) {
    let Some((count, rest)) = data.split_first() else { return (&[], &[]) };
    rest.split_at(usize::from(*count % 16).min(rest.len()))
}

fn pieces<'a>(wire: &'a [u8], lengths: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = wire;
    let mut lengths = lengths.iter();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = lengths.next().map_or(rest.len(), |length| usize::from(*length).clamp(1, rest.len()));
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        Some(piece)
    })
}

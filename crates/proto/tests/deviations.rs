//! Every deviation is reached by some input, and the requirement it names stands in the catalogue.

use std::collections::BTreeSet;
use std::path::Path;

use proto::{
    Capability, Client, Command, Deviation, Deviations, Event, Incoming, Limits, ResponseCode, Server,
    ServerLimits, Shape, Status, listing,
};

/// What the octets are given to.
#[derive(Debug, Clone, Copy)]
enum Input {
    /// A status line for the parser.
    Status,
    /// A status line for the client machine, line end included.
    Reply,
    /// A line of a SASL exchange for the client machine, line end included.
    Continuation,
    /// Multi-line content for the client machine, dot line included.
    Content,
    /// What the server sent before it closed; a reply with content was awaited.
    Closed,
    /// The text of a status line.
    Code,
    /// A scan listing.
    Scan,
    /// A unique-id listing.
    UniqueId,
    /// A capability line.
    Capability,
    /// A command line for the parser.
    Command,
    /// A command line for the server machine, line end included.
    Request,
}

/// 513 octets with CRLF.
const LONG_STATUS: &[u8] = &{
    let mut line = [b'x'; 513];
    (line[0], line[1], line[2], line[3]) = (b'+', b'O', b'K', b' ');
    (line[511], line[512]) = (b'\r', b'\n');
    line
};

/// A unique-id of 71 characters.
const LONG_UNIQUE_ID: &[u8] = &{
    let mut line = [b'x'; 73];
    (line[0], line[1]) = (b'1', b' ');
    line
};

/// The whole set that each input gives.
const TABLE: &[(Input, &[u8], &[Deviation])] = &[
    // Nothing odd: a variant that were always set would be no observation.
    (Input::Status, b"+OK 2 320", &[]),
    (Input::Reply, b"-ERR [IN-USE] no\r\n", &[]),
    (Input::Continuation, b"+ YQ==\r\n", &[]),
    (Input::Content, b"a\r\n..b\r\n.\r\n", &[]),
    (Input::Closed, b"+OK\r\na\r\n.\r\n", &[]),
    (Input::Code, b"[SYS/TEMP] later", &[]),
    (Input::Scan, b"1 120", &[]),
    (Input::UniqueId, b"1 abc", &[]),
    (Input::Capability, b"SASL PLAIN", &[]),
    (Input::Command, b"LIST 1", &[]),
    (Input::Request, b"LIST 1\r\n", &[]),
    // Lines.
    (Input::Reply, b"+OK\n", &[Deviation::BareLf]),
    (Input::Request, b"QUIT\n", &[Deviation::BareLf]),
    (Input::Reply, b"+OK a\rb\r\n", &[Deviation::BareCr]),
    (Input::Status, b"+ok", &[Deviation::StatusCase]),
    (Input::Status, b"-ERR:no", &[Deviation::StatusGlued]),
    (Input::Status, b"* OK", &[Deviation::StatusUnknown]),
    (Input::Status, b"+ERR no", &[Deviation::StatusWord]),
    (Input::Status, b"+FINE", &[Deviation::StatusWord]),
    (Input::Reply, LONG_STATUS, &[Deviation::StatusTooLong]),
    (Input::Status, b"+OK \xc3\xa9", &[Deviation::StatusEightBit]),
    (Input::Status, b"+OK \x07", &[Deviation::StatusControl]),
    (Input::Status, b"", &[Deviation::StatusEmpty]),
    // Response codes and continuations.
    (Input::Code, b"[AUTH no", &[Deviation::CodeUnclosed]),
    (Input::Code, b"[SYS//X] no", &[Deviation::CodeEmptyLevel]),
    (Input::Code, b"[IN USE] no", &[Deviation::CodeBlank]),
    (Input::Continuation, b"+YQ==\r\n", &[Deviation::ContinuationNoSpace]),
    (Input::Continuation, b"+ go ahead\r\n", &[Deviation::ContinuationNotBase64]),
    // Content.
    (Input::Content, b"a\nb\r\n.\r\n", &[Deviation::ContentBareLf]),
    (Input::Content, b"a\rb\r\n.\r\n", &[Deviation::ContentBareCr]),
    (Input::Content, b"a\0\r\n.\r\n", &[Deviation::ContentNul]),
    (Input::Content, b"a\r\n.b\r\n.\r\n", &[Deviation::ContentUnstuffed]),
    (
        Input::Content,
        b"a\r\n.\n\r\n.\r\n",
        &[Deviation::DotLineBareLf, Deviation::ContentUnstuffed, Deviation::ContentBareLf],
    ),
    // The end of the connection.
    (Input::Closed, b"+O", &[Deviation::ClosedMidLine]),
    (Input::Closed, b"+OK\r\na\r\n.", &[Deviation::ClosedMidContent]),
    (Input::Closed, b"", &[Deviation::ClosedUnanswered]),
    // Listings.
    (Input::Scan, b"1 0x78", &[Deviation::NumberNotDecimal]),
    (Input::Scan, b"1", &[Deviation::NumberMissing]),
    (Input::Scan, b"1  120", &[Deviation::FieldSeparator]),
    (Input::UniqueId, b"1 abc def", &[Deviation::UniqueIdTrailing]),
    (Input::UniqueId, b"1 ", &[Deviation::UniqueIdEmpty]),
    (Input::UniqueId, LONG_UNIQUE_ID, &[Deviation::UniqueIdTooLong]),
    (Input::UniqueId, b"1 \xff", &[Deviation::UniqueIdAlphabet]),
    // Capabilities.
    (Input::Capability, b"", &[Deviation::CapabilityEmpty]),
    (Input::Capability, b"X.Y", &[Deviation::CapabilityTag]),
    (Input::Capability, b"SASL PLAIN ", &[Deviation::CapabilityBlank]),
    (Input::Capability, &[b'X'; 511], &[Deviation::CapabilityTooLong]),
    // Commands.
    (Input::Command, b"LIST  1", &[Deviation::CommandBlank]),
    (Input::Command, b"", &[Deviation::CommandEmpty]),
    (Input::Command, b"NOOP\0", &[Deviation::CommandControl]),
    (Input::Command, &[b'X'; 254], &[Deviation::CommandTooLong]),
];

#[test]
fn each_input_shows_its_deviations_and_no_other() {
    for (input, octets, expected) in TABLE {
        let text = String::from_utf8_lossy(octets);
        assert_eq!(seen(*input, octets), expected.iter().copied().collect(), "{input:?} {text:?}");
    }
}

#[test]
fn every_deviation_is_reached_by_some_input() {
    let reached: Deviations = TABLE.iter().flat_map(|(_, _, expected)| expected.iter().copied()).collect();
    let missing: Vec<_> = Deviation::ALL.iter().filter(|deviation| !reached.contains(**deviation)).collect();
    assert!(missing.is_empty(), "no input reaches {missing:?}");
}

#[test]
fn every_requirement_stands_in_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/requirements.yaml");
    let catalogue =
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let known: BTreeSet<_> =
        catalogue.lines().filter_map(|line| line.trim().strip_prefix("- id: ")).collect();
    let named = |deviation: &Deviation| Some((*deviation, deviation.requirement()?));
    let unknown: Vec<_> =
        Deviation::ALL.iter().filter_map(named).filter(|(_, id)| !known.contains(id)).collect();
    assert!(unknown.is_empty(), "not in the catalogue: {unknown:?}");
}

#[test]
fn every_deviation_is_told_in_one_line_of_its_own() {
    let lines: BTreeSet<_> = Deviation::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), Deviation::ALL.len());
    assert!(lines.iter().all(|line| !line.is_empty() && !line.contains('\n')));
}

fn seen(input: Input, octets: &[u8]) -> Deviations {
    match input {
        Input::Status => Status::parse(octets).1,
        Input::Reply => replied(Shape::Single, octets),
        Input::Continuation => replied(Shape::Exchange, octets),
        Input::Content => replied(Shape::Multi, &[b"+OK\r\n", octets].concat()),
        Input::Closed => closed(octets),
        Input::Code => ResponseCode::parse(octets).1,
        Input::Scan => listing::scan(octets).1,
        Input::UniqueId => listing::unique_id(octets).1,
        Input::Capability => Capability::parse(octets).1,
        Input::Command => Command::parse(octets).deviations,
        Input::Request => match Server::new(ServerLimits::default()).step(octets).event {
            Some(Incoming::Command(command)) => command.deviations,
            event => panic!("{event:?}"),
        },
    }
}

/// All deviations of a complete reply of this form.
fn replied(shape: Shape, octets: &[u8]) -> Deviations {
    let (deviations, end) = read(shape, octets);
    assert_eq!(end, None, "the reply is not complete");
    deviations
}

/// What was cut off where the octets end. What was odd before is another input's matter.
fn closed(octets: &[u8]) -> Deviations {
    read(Shape::Multi, octets).1.into_iter().collect()
}

fn read(shape: Shape, octets: &[u8]) -> (Deviations, Option<Deviation>) {
    let mut client = Client::resume(Limits::default());
    client.expect(shape);
    let (mut rest, mut all) = (octets, Deviations::new());
    loop {
        let step = client.step(rest);
        rest = &rest[step.consumed..];
        match step.event {
            Some(
                Event::Status { deviations, .. }
                | Event::Continuation { deviations, .. }
                | Event::End { deviations },
            ) => all = all.union(deviations),
            Some(Event::Content(_)) => {}
            Some(event) => panic!("{event:?}"),
            None => return (all, client.end(rest)),
        }
    }
}

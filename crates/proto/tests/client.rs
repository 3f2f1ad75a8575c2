//! The client machine over whole sessions and over every split of them.

use proptest::prelude::*;

use proto::{Client, Deviations, Event, Limits, Shape, Step};

/// All events of the pieces, adjacent content joined, rendered for comparing.
fn events(shapes: &[Shape], pieces: &[&[u8]]) -> Vec<String> {
    let mut client = Client::new(Limits { status: 30, line: 40 });
    for shape in shapes {
        client.expect(*shape);
    }
    let (mut tail, mut events, mut content) = (Vec::new(), Vec::new(), Vec::<u8>::new());
    for piece in pieces {
        tail.extend_from_slice(piece);
        loop {
            let step = client.step(&tail);
            let (consumed, idle) = (step.consumed, step.event.is_none() && step.consumed == 0);
            match step.event {
                Some(Event::Content(octets)) => content.extend_from_slice(octets),
                Some(event) => {
                    if !content.is_empty() {
                        events.push(format!(
                            "Content {:?}",
                            String::from_utf8_lossy(&std::mem::take(&mut content))
                        ));
                    }
                    events.push(format!("{event:?}"));
                }
                None => {}
            }
            tail.drain(..consumed);
            if idle || tail.is_empty() {
                break;
            }
        }
    }
    if !content.is_empty() {
        events.push(format!("Content {:?}", String::from_utf8_lossy(&content)));
    }
    events.push(format!("{:?}", client.end(&tail)));
    events
}

#[test]
fn the_machine_tells_where_it_stands() {
    let mut client = Client::new(Limits::default());
    let stands = |client: &Client| (client.awaited(), client.in_content(), client.in_exchange());
    // The greeting is due from the beginning.
    assert_eq!(stands(&client), (1, false, false));
    client.step(b"+OK hi\r\n");
    assert_eq!(stands(&client), (0, false, false));
    client.expect(Shape::Exchange);
    client.expect(Shape::Multi);
    client.expect(Shape::Single);
    assert_eq!(stands(&client), (3, false, true));
    let mut told = Vec::new();
    for input in ["+ abc=\r\n", "+OK\r\n", "a\r\n", ".\r\n", "-ERR\r\n"] {
        let (mut rest, mut steps) = (input.as_bytes(), 0);
        while !rest.is_empty() && steps < 4 {
            rest = &rest[client.step(rest).consumed..];
            steps += 1;
        }
        told.push(stands(&client));
    }
    // Whether another line of the exchange is due, its driver says. Content is begun by its status line.
    assert_eq!(
        told,
        [(2, false, false), (1, true, false), (1, true, false), (1, false, false), (0, false, false)]
    );
}

#[test]
fn a_status_line_has_512_octets_at_most_with_its_line_end() {
    // RFC 1939 section 3.
    let deviations = |octets: usize| {
        let mut client = Client::new(Limits::default());
        let line = format!("+OK {}\r\n", "x".repeat(octets - 6));
        match client.step(line.as_bytes()).event {
            Some(Event::Unsolicited { .. }) | None => panic!("the first line is the greeting"),
            Some(event) => format!("{event:?}").contains("StatusTooLong"),
        }
    };
    assert_eq!([511, 512, 513].map(deviations), [false, false, true]);
}

#[test]
fn a_session_is_read_in_order() {
    let wire = b"+OK hi\r\n-ERR no\r\n+OK\r\na\r\n..b\r\n.\r\n+ abc=\r\n+OK\r\nextra\r\n";
    let shapes = [Shape::Multi, Shape::Multi, Shape::Exchange, Shape::Single];
    let events = events(&shapes, &[wire]);
    assert!(events[0].contains("last: true"), "{events:?}");
    assert!(events[1].contains("Err"), "{events:?}");
    assert!(events[2].contains("content_follows: true"), "{events:?}");
    assert_eq!(events[3], "Content \"a\\r\\n.b\\r\\n\"");
    assert!(events[4].starts_with("End"), "{events:?}");
    assert!(events[5].starts_with("Continuation"), "{events:?}");
    assert!(events[7].starts_with("Unsolicited"), "{events:?}");
    assert_eq!(events[8], "None");
}

#[test]
fn a_line_feed_alone_ends_no_content() {
    let events = events(&[Shape::Multi], &[b"+OK\r\n+OK\r\na\n.\n.x\r\n.\r\n"]);
    assert_eq!(events[2], "Content \"a\\n.\\n.x\\r\\n\"");
    assert!(events[3].contains("ContentBareLf"), "{events:?}");
}

#[test]
fn where_status_lines_end_with_a_line_feed_alone_all_lines_do() {
    let wire = b"+OK\n+OK\n1 120\n..\n.x\n.\n+OK\n2 320\r\n.\r\n";
    let events = events(&[Shape::Multi, Shape::Multi], &[wire]);
    assert_eq!(events[2], "Content \"1 120\\n.\\nx\\n\"");
    assert_eq!(events[3], "End { deviations: {ContentBareLf, ContentUnstuffed, DotLineBareLf} }");
    assert_eq!(events[5], "Content \"2 320\\r\\n\"");
    assert_eq!(events[6..], ["End { deviations: {} }", "None"]);
}

#[test]
fn a_dot_line_with_a_line_feed_alone_is_the_end_only_for_who_has_waited() {
    let mut client = Client::resume(Limits::default());
    client.expect(Shape::Multi);
    client.expect(Shape::Single);
    assert_eq!(client.step(b"+OK\r\n").consumed, 5);
    assert_eq!(client.step(b"a\r\n.\n").event, Some(Event::Content(b"a\r\n")));
    assert_eq!(client.step(b".\n"), Step { consumed: 0, event: None });
    assert!(client.may_have_ended(b".\n") && !client.may_have_ended(b".\nb"));
    assert_eq!(client.step(b".\n+O"), Step { consumed: 0, event: None });
    let ended = client.clone().step(b".\n+OK");
    assert!(matches!(ended, Step { consumed: 2, event: Some(Event::End { .. }) }), "{ended:?}");
    let patient = client.clone();
    assert_eq!(client.step(b".\nb\r\n").event, Some(Event::Content(b"\nb\r\n")));

    let mut client = patient;
    assert_eq!(client.leave_content(), Some(Deviations::new()));
    assert!(matches!(client.step(b"+OK\r\n").event, Some(Event::Status { last: true, .. })));
    assert_eq!(client.leave_content(), None);
}

#[test]
fn a_refusal_in_an_odd_word_is_no_challenge() {
    let events = events(&[Shape::Exchange, Shape::Exchange], &[b"+OK\r\n+ERR\r\n+YQ==\r\n"]);
    assert!(events[1].contains("Err") && events[1].contains("StatusWord"), "{events:?}");
    assert!(events[2].starts_with("Continuation"), "{events:?}");
}

#[test]
fn an_endless_line_breaks_the_machine_and_nothing_else() {
    let long = vec![b'x'; 100];
    assert_eq!(events(&[], &[&long, b"\r\n+OK\r\n"])[0], "Endless");
}

#[test]
fn a_session_costs_little() {
    assert!(size_of::<Client>() <= 128, "{}", size_of::<Client>());
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![Just(Shape::Single), Just(Shape::Multi), Just(Shape::Exchange)]
}

const TOKENS: &[&[u8]] = &[
    b"+OK",
    b"-ERR no",
    b"\r\n",
    b"\r",
    b"\n",
    b".",
    b"..",
    b"\r\n.\r\n",
    b"+ YQ==",
    b"text",
    b"\0",
    b"0123456789012345678901234567890123456789",
];

fn wire() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::sample::select(TOKENS), 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_split_gives_the_same_events(
        shapes in proptest::collection::vec(shape(), 0..6), wire in wire(), cuts in proptest::collection::vec(1usize..9, 0..40),
    ) {
        let mut pieces = Vec::new();
        let mut rest = &wire[..];
        for cut in cuts {
            let (piece, behind) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces.push(rest);
        prop_assert_eq!(events(&shapes, &[&wire]), events(&shapes, &pieces));
    }
}

#[test]
fn what_follows_the_dot_line_is_no_oddity_of_the_content() {
    // Both replies are at hand at once: the control characters belong to the second.
    let events = events(&[Shape::Multi, Shape::Single], &[b"+OK\r\n+OK\r\na\r\n.\r\n+OK \0\rx\r\n"]);
    assert_eq!(events[3], "End { deviations: {} }");
}

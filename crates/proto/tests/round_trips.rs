//! What is written is read back, and nothing that is read panics.

use proptest::{collection::vec, prelude::*, sample::select};
use proto::{
    Capability, Client, Command, Deviation, Deviations, Event, Incoming, Indicator, Limits, ResponseCode,
    Server, ServerLimits, Shape, Status, Stuffer, Verb, encode, fuzzing, listing, number, unstuff,
};

/// Printable ASCII without the blank.
const GRAPHIC: std::ops::RangeInclusive<u8> = 0x21..=0x7e;

fn octets(at_most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=at_most)
}

/// Words of 1 to `at_most` printable octets without these.
fn word(at_most: usize, without: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    vec(GRAPHIC.prop_filter("reserved", move |octet| !without.contains(octet)), 1..=at_most)
}

/// Content in which dots, line ends and their halves are frequent.
fn content() -> impl Strategy<Value = Vec<u8>> {
    const TOKENS: &[&[u8]] = &[b"\r\n", b"\r\n.", b".", b"..", b"\r", b"\n", b"x", b"\0", b"\xff"];
    vec(select(TOKENS), 0..40).prop_map(|tokens| tokens.concat())
}

/// The line without its CRLF, which has to be there.
fn stripped(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r\n").expect("a line ends with CRLF")
}

/// The octets in pieces of these lengths, the rest in one.
fn pieces<'a>(mut rest: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths {
        let (piece, behind) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

/// What the replies to one multi-line command and one other command said: content, its oddities, and the text of
/// the second reply.
fn received(wire: &[u8], lengths: &[usize]) -> (Vec<u8>, Option<Deviations>, Option<Vec<u8>>) {
    let mut client = Client::new(Limits::default());
    client.expect(Shape::Multi);
    client.expect(Shape::Single);
    let (mut content, mut oddities, mut text, mut tail) = (Vec::new(), None, None, Vec::new());
    for piece in pieces(wire, lengths) {
        tail.extend_from_slice(piece);
        loop {
            let step = client.step(&tail);
            match step.event {
                Some(Event::Content(octets)) => content.extend_from_slice(octets),
                Some(Event::End { deviations }) => oddities = Some(deviations),
                Some(Event::Status { status, .. }) => text = Some(status.text.to_vec()),
                Some(event) => panic!("{event:?}"),
                None => {}
            }
            if step.consumed == 0 {
                break;
            }
            let consumed = step.consumed;
            tail.drain(..consumed);
        }
    }
    assert_eq!((client.end(&tail), tail.len()), (None, 0));
    (content, oddities, text)
}

/// The oddities of content, found the slow way.
fn oddities_of(content: &[u8]) -> Deviations {
    let mut deviations = Deviations::new();
    for at in 0..content.len() {
        let before = at.checked_sub(1).map(|before| content[before]);
        let after = content.get(at + 1).copied();
        deviations.insert_if(content[at] == b'\n' && before != Some(b'\r'), Deviation::ContentBareLf);
        deviations.insert_if(content[at] == b'\r' && after != Some(b'\n'), Deviation::ContentBareCr);
        deviations.insert_if(content[at] == 0, Deviation::ContentNul);
    }
    deviations
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn status_lines(text in octets(40), positive: bool) {
        let mut line = Vec::new();
        if positive { encode::ok(&mut line, &text) } else { encode::err(&mut line, &text) }
        let (status, deviations) = Status::parse(stripped(&line));
        prop_assert_eq!(status.indicator, if positive { Indicator::Ok } else { Indicator::Err });
        prop_assert_eq!(status.text, &text[..]);
        let printable = text.iter().all(|octet| (0x20..=0x7e).contains(octet));
        prop_assert_eq!(deviations.is_empty(), printable, "{:?}", deviations);
    }

    #[test]
    fn continuations(data in vec(select(&b"AZaz09+/="[..]), 0..40)) {
        let mut line = Vec::new();
        encode::continuation(&mut line, &data);
        let mut client = Client::resume(Limits::default());
        client.expect(Shape::Exchange);
        let step = client.step(&line);
        let expected = Event::Continuation { data: &data, line: stripped(&line), deviations: Deviations::new() };
        prop_assert_eq!((step.consumed, step.event), (line.len(), Some(expected)));
    }

    #[test]
    fn commands(verb in select(&Verb::ALL[..]), words in vec(word(12, b""), 0..8)) {
        let (mut line, arguments) = (Vec::new(), words.join(&b' '));
        encode::command(&mut line, verb.as_str().as_bytes(), &arguments);
        let mut server = Server::new(ServerLimits::default());
        let step = server.step(&line);
        prop_assert_eq!(step.consumed, line.len());
        let Some(Incoming::Command(command)) = step.event else { panic!("{step:?}") };
        prop_assert_eq!(command, Command::parse(stripped(&line)));
        prop_assert_eq!((command.verb, command.arguments), (Some(verb), &arguments[..]));
        prop_assert_eq!(command.has_arguments, !words.is_empty());
        prop_assert!(command.words().eq(words.iter().map(Vec::as_slice)));
        prop_assert!(command.deviations.is_empty(), "{:?}", command.deviations);
    }

    #[test]
    fn arguments_of_any_octets(keyword in word(12, b""), arguments in octets(40)) {
        let mut line = Vec::new();
        encode::command(&mut line, &keyword, &arguments);
        let command = Command::parse(stripped(&line));
        prop_assert_eq!((command.keyword, command.arguments), (&keyword[..], &arguments[..]));
        prop_assert_eq!(command.verb, Verb::parse(&keyword));
    }

    #[test]
    fn response_codes(levels in vec(word(8, b"/]"), 1..5), text in octets(20)) {
        let inner = levels.join(&b'/');
        let mut line = Vec::new();
        encode::err(&mut line, &[b"[", &inner[..], b"] ", &text].concat());
        let (status, _) = Status::parse(stripped(&line));
        let (code, deviations) = ResponseCode::parse(status.text);
        prop_assert!(deviations.is_empty(), "{:?}", deviations);
        prop_assert_eq!(status.code(), code);
        let code = code.expect("a well-formed code");
        prop_assert!(code.levels().eq(levels.iter().map(Vec::as_slice)));
        prop_assert_eq!(code.as_bytes(), &inner[..]);
        let same = String::from_utf8(inner).expect("printable").to_ascii_lowercase();
        prop_assert!(code.is(&same));
        prop_assert!(!code.is(&(same + "x")));
    }

    #[test]
    fn capabilities(tag in word(20, b"."), parameters in vec(word(30, b""), 0..12)) {
        let mut words = vec![tag.clone()];
        words.extend(parameters.iter().cloned());
        let line = words.join(&b' ');
        let (capability, deviations) = Capability::parse(&line);
        prop_assert_eq!(capability.tag, &tag[..]);
        prop_assert_eq!(capability.parameters, parameters);
        prop_assert!(deviations.is_empty(), "{:?}", deviations);
    }

    #[test]
    fn scan_listings(message: u64, size: u64, rest in proptest::option::of(octets(20))) {
        let mut line = format!("{message} {size}").into_bytes();
        if let Some(rest) = rest {
            line.push(b' ');
            line.extend_from_slice(&rest);
        }
        let expected = (Some((message, size)), Deviations::new());
        prop_assert_eq!(listing::scan(&line), expected);
        prop_assert_eq!(listing::stat(&line), expected);
    }

    #[test]
    fn unique_id_listings(message: u64, id in word(70, b"")) {
        let line = [format!("{message} ").as_bytes(), &id].concat();
        prop_assert_eq!(listing::unique_id(&line), (Some((message, &id[..])), Deviations::new()));
    }

    #[test]
    fn stuffed_content_comes_back_from_the_client_machine(
        content in content(), stuffed_in in vec(0usize..9, 0..20), read_in in vec(0usize..9, 0..40),
    ) {
        let (mut wire, mut stuffer) = (b"+OK ready\r\n+OK\r\n".to_vec(), Stuffer::new());
        for piece in pieces(&content, &stuffed_in) {
            stuffer.push(piece, &mut wire);
        }
        stuffer.finish(&mut wire);
        // Behind the dot line stands what would be odd in content.
        wire.extend_from_slice(b"+OK \0\rx\r\n");
        let mut expected = content;
        if !expected.is_empty() && !expected.ends_with(b"\r\n") {
            expected.extend_from_slice(b"\r\n");
        }
        let oddities = oddities_of(&expected);
        prop_assert_eq!(received(&wire, &read_in), (expected, Some(oddities), Some(b"\0\rx".to_vec())));
    }

    #[test]
    fn nothing_panics_on_arbitrary_octets(data in octets(300)) {
        let _ = (Status::parse(&data).0.code(), ResponseCode::parse(&data), Capability::parse(&data));
        let _ = (listing::stat(&data), listing::scan(&data), listing::unique_id(&data));
        let _ = (Command::parse(&data).words().count(), Shape::of(&data), number(&data), unstuff(&data));
        fuzzing::client(&data);
        fuzzing::server(&data);
    }
}

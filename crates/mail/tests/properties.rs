//! What holds for any octets: nothing panics, conversions undo each other, reading undoes writing.

use mail::{Marker, body, corpus, eml, identify, lines_to_crlf, lines_to_lf, maildir, mbox, wire};
use proptest::collection::vec;
use proptest::prelude::*;

/// Octets in which line ends, dots, quotes and separators are common.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![&b"\r\n"[..], b"\n", b"\r", b".", b"\0", b">", b" ", b":", b"\r\n\r\n"]),
        2 => prop::sample::select(vec![&b"From "[..], b"\n\nFrom ", b"A: b", b"x", b"\xff", b"X-Poplab-Fixture:"]),
        1 => prop::sample::select(vec![&b" fx.dots"[..], b" seed=", b"18446744073709551616", b" body-sha256=", b"ab"]),
    ];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Content of one line of text, without a line end; often one that an mbox must quote.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let plain = vec(any::<u8>().prop_filter("no line end", |octet| !matches!(octet, b'\r' | b'\n')), 0..12);
    let quoted = (0..3_usize, any::<bool>()).prop_map(|(marks, word)| {
        let mut line = vec![b'>'; marks];
        line.extend_from_slice(if word { b"From x" } else { b"From" });
        line
    });
    prop_oneof![2 => plain, 1 => quoted, 1 => Just(Vec::new())]
}

/// A message on the wire: whole lines with CRLF.
fn message() -> impl Strategy<Value = Vec<u8>> {
    vec(line(), 0..10).prop_map(|lines| lines.iter().flat_map(|line| [&line[..], b"\r\n"].concat()).collect())
}

/// An mboxrd writer, as the format is described: the reader's other half, for this test alone.
fn write_mbox(messages: &[Vec<u8>], line_end: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    for message in messages {
        file.extend_from_slice(b"From somebody@example.com Thu Jan  1 00:00:00 1970");
        file.extend_from_slice(line_end);
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            let text = &line[..line.len() - 2];
            let marks = text.iter().take_while(|octet| **octet == b'>').count();
            if text[marks..].starts_with(b"From ") {
                file.push(b'>');
            }
            file.extend_from_slice(text);
            file.extend_from_slice(line_end);
        }
        file.extend_from_slice(line_end);
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mbox_reads_what_was_written(messages in vec(message(), 0..6), crlf in any::<bool>()) {
        let file = write_mbox(&messages, if crlf { b"\r\n" } else { b"\n" });
        prop_assert_eq!(mbox::read(&file).messages, messages);
    }

    #[test]
    fn to_crlf_twice_is_once(stored in octets()) {
        let once = lines_to_crlf(&stored);
        prop_assert_eq!(lines_to_crlf(&once), once.clone());
        prop_assert!(once.iter().enumerate().all(|(at, octet)| *octet != b'\n' || at > 0 && once[at - 1] == b'\r'));
        let without = |octets: &[u8]| octets.iter().filter(|octet| **octet != b'\r').copied().collect::<Vec<_>>();
        prop_assert_eq!(without(&once), without(&stored));
    }

    #[test]
    fn to_crlf_undoes_to_lf(message in message()) {
        let stored = lines_to_lf(&message);
        prop_assert!(!stored.contains(&b'\r'));
        prop_assert_eq!(lines_to_crlf(&stored), message);
    }

    #[test]
    fn wire_ends_every_message_and_keeps_the_rest(content in octets()) {
        let sent = wire(&content);
        prop_assert!(sent.starts_with(&content));
        prop_assert!(sent.len() - content.len() <= 2);
        prop_assert!(sent.is_empty() || sent.ends_with(b"\r\n"));
        prop_assert_eq!(&wire(&sent), &sent);
    }

    #[test]
    fn body_is_the_end_of_the_message(content in octets()) {
        let rest = body(&content);
        prop_assert!(content.ends_with(rest));
        let head = &content[..content.len() - rest.len()];
        prop_assert!(rest.is_empty() || head.ends_with(b"\n"));
    }

    #[test]
    fn nothing_panics(content in octets(), anything in vec(any::<u8>(), 0..200), names in vec(".{0,20}", 0..8)) {
        for content in [&content, &anything] {
            let _ = (eml::message(content), mbox::read(content), lines_to_lf(content));
            let _ = Marker::parse(content).map(|marker| marker.describes(content));
            let _ = Marker { fixture: String::new(), seed: 0, body_sha256: String::new() }.describes(content);
        }
        let _ = maildir::sorted(names);
    }

    #[test]
    fn a_marker_reads_back(name in "[a-z0-9.-]{1,64}", seed in any::<u64>(), text in octets()) {
        let marker = Marker::new(name, seed, &text);
        let message = [format!("{}: {marker}\r\n\r\n", Marker::HEADER).as_bytes(), &text].concat();
        prop_assert_eq!(Marker::parse(&message), Some(marker.clone()));
        prop_assert!(marker.describes(&message));
    }

    #[test]
    fn order_of_a_maildir_does_not_depend_on_the_order_of_reading(
        names in vec("[.]?(0{0,2}[0-9]{1,12}[.]?[MQ]?){1,3}(:2,S?)?", 0..12),
    ) {
        let sorted = maildir::sorted(names.clone());
        prop_assert_eq!(&maildir::sorted(sorted.clone()), &sorted);
        prop_assert_eq!(&maildir::sorted(names.iter().rev().cloned().collect()), &sorted);
        prop_assert_eq!(sorted.len(), names.iter().filter(|name| !name.starts_with('.')).count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_fixture_is_found_behind_any_trace_fields(
        seed in any::<u64>(),
        fields in vec("(Received|Return-Path|Delivered-To|X-Spam-Score): [!-~]{1,40}(\r\n\t[!-~]{1,40})?\r\n", 1..6),
    ) {
        let corpus = corpus(seed);
        let trace = fields.concat();
        for fixture in corpus.iter().filter(|fixture| fixture.name != "fx.empty") {
            let delivered = [trace.as_bytes(), &fixture.octets].concat();
            prop_assert_eq!(identify(&delivered, &corpus), Some(fixture), "{}", fixture.name);
        }
    }

    #[test]
    fn no_other_message_is_a_fixture(content in octets()) {
        let corpus = corpus(1);
        prop_assert_eq!(identify(&content, &corpus).is_some(), content.is_empty());
    }
}

//! How a transcript looks: one that has every notation, what a report shows of it, and the bounds.

use transcript::{BODY_LINES, ENTRIES, Entry, LINE_KEPT, LineEnd, Recorder, Side, Transcript};

/// A conversation in which everything happens.
fn eventful() -> Transcript {
    let mut recorder = Recorder::new("check  rfc1939.retr.dot-stuffing", Some(42));
    recorder.secret(b"wonderland");
    recorder.secret(b"\0alice\0wonderland");
    let first = recorder.connection();
    recorder.note(first, "connect implicit-tls");
    recorder.received(first, b"+OK ready <1896.697170952@fake.poplab.test>\r\n");
    recorder.sent(first, b"USER alice\r\n");
    recorder.received(first, b"+OK \r\n");
    recorder.sent(first, b"PASS wonder");
    recorder.sent(first, b"land\r\n");
    recorder.received(first, b"-ERR wonderland is not the password of alice\r\n");
    recorder.sent(first, b"AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=\r\n");
    recorder.received(first, b"+OK\n");
    recorder.sent(first, b"RETR 2\r\n");
    recorder.received(first, b"+OK 132 octets\r\n");
    recorder.received_content(
        first,
        b"Subject: gr\xc3\xbc\xc3\x9fe, \xfcbrigens 2\xc3\x972\r\n\r\n..a stuffed line\r\n",
    );
    recorder.received_content(first, b"bare LF here\nbare CR here\rand \0 \t \x1b[31m \x7f\r\n");
    recorder.received_content(first, "\u{202e}unseen\u{a0}\u{200b}\\ ‹ › ␀ \r\n".as_bytes());
    recorder.received_content(first, &[b"x".repeat(100_000), b"\r\n".to_vec()].concat());
    recorder.received_content(first, &[[b'-'; 50].as_slice(), b"5 dashes? ", &[b' '; 41], b"\r\n"].concat());
    recorder.received_content(first, format!("{}\r\n", "é".repeat(41)).as_bytes());
    recorder.received_content(first, &[[b'\xff'; 60].as_slice(), b"\r\n"].concat());
    let long: Vec<u8> = (0..LINE_KEPT).map(|number| b"abcdefg"[number % 7]).collect();
    recorder.received_content(first, &[long.as_slice(), b" and more\r\n"].concat());
    recorder.received_content(first, b".\r\n");

    let second = recorder.connection();
    recorder.note(second, "connect \u{7}\nclear");
    recorder.received(second, b"+OK\r\n");
    recorder.sent(second, b"RETR 1\r\n");
    recorder.received(second, b"+OK\r\n");
    for number in 0..100 {
        recorder.received_content(second, format!("line {number}\r\n").as_bytes());
    }
    recorder.received_content(second, b".\r\n");
    recorder.sent(second, b"QU");
    recorder.received(first, b"+OK half a li");
    recorder.note(first, "closed by server, FIN");
    recorder.finish()
}

/// The pattern of the over-long line says nothing; without it the snapshot can be read.
fn readable(text: &str) -> String {
    text.replace(&"abcdefg".repeat(LINE_KEPT / 7), "(abcdefg)")
}

#[test]
fn every_notation() {
    let transcript = eventful();
    insta::assert_snapshot!(readable(&transcript.render()));
    assert_eq!(Transcript::parse(&transcript.render()), Ok(transcript));
}

#[test]
fn an_excerpt_without_a_mark_shows_how_it_began_and_ended() {
    let excerpt: Vec<String> = eventful().excerpt(12).into_iter().map(|line| line.text).collect();
    insta::assert_snapshot!(excerpt.join("\n"));
}

#[test]
fn an_empty_transcript() {
    insta::assert_snapshot!(Recorder::new("", None).finish().render());
}

#[test]
fn status_lines_give_back_their_octets() {
    let transcript = eventful();
    let octets: Vec<Option<Vec<u8>>> = transcript.status_lines().map(Entry::octets).collect();
    let wanted: [Option<&[u8]>; 8] = [
        Some(b"+OK ready <1896.697170952@fake.poplab.test>\r\n"),
        Some(b"+OK \r\n"),
        None,
        Some(b"+OK\n"),
        Some(b"+OK 132 octets\r\n"),
        Some(b"+OK\r\n"),
        Some(b"+OK\r\n"),
        Some(b"+OK half a li"),
    ];
    assert_eq!(octets.iter().map(Option::as_deref).collect::<Vec<_>>(), wanted);
    let ends: Vec<LineEnd> = transcript
        .status_lines()
        .filter_map(|entry| if let Entry::Line { text, .. } = entry { Some(text.end()) } else { None })
        .collect();
    assert_eq!(ends[1..4], [LineEnd::CrLf, LineEnd::CrLf, LineEnd::Lf]);
    assert_eq!(ends[7], LineEnd::Missing);
}

#[test]
fn the_hash_of_a_single_session_is_that_of_its_octets() {
    let mut recorder = Recorder::new("hash", None);
    let session = recorder.connection();
    recorder.sent(session, b"abc");
    let transcript = recorder.finish();
    assert_eq!(transcript.sent.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(transcript.sent.octets, 3);
    assert_eq!(transcript.received.octets, 0);
}

#[test]
fn the_hash_does_not_depend_on_how_sessions_interleave() {
    let record = |order: [(u32, &[u8]); 3]| {
        let mut recorder = Recorder::new("hash", None);
        for (session, octets) in order {
            recorder.received(session, octets);
        }
        recorder.finish().received
    };
    let one = record([(1, b"+OK a"), (2, b"+OK b\r\n"), (1, b"\r\n")]);
    assert_eq!(one, record([(2, b"+OK b\r\n"), (1, b"+OK a"), (1, b"\r\n")]));
    assert_ne!(one, record([(1, b"+OK b\r\n"), (2, b"+OK a"), (2, b"\r\n")]));
}

#[test]
fn the_hash_tells_cr_from_lf_but_not_one_password_from_another() {
    let record = |octets: &[u8], secret: &[u8]| {
        let mut recorder = Recorder::new("hash", None);
        recorder.secret(secret);
        recorder.sent(1, octets);
        recorder.finish().sent
    };
    assert_ne!(record(b"QUIT\r\n", b"-"), record(b"QUIT\n", b"-"));
    assert_eq!(record(b"PASS swordfish\r\n", b"swordfish"), record(b"PASS mackerels\r\n", b"mackerels"));
}

#[test]
fn a_body_is_folded_and_its_terminator_kept() {
    let body = |lines: usize| {
        let mut recorder = Recorder::new("body", None);
        recorder.received(1, b"+OK\r\n");
        recorder.received_content(1, "line\r\n".repeat(lines).as_bytes());
        recorder.received_content(1, b".\r\n");
        recorder.received_content(1, b"after the terminator\r\n");
        recorder.finish()
    };
    for lines in [0, 1, BODY_LINES, BODY_LINES + 1, 1000] {
        let transcript = body(lines);
        let folded: Vec<(u64, u64)> = transcript
            .entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Folded { lines, octets, .. } => Some((*lines, *octets)),
                _ => None,
            })
            .collect();
        let more = lines.saturating_sub(BODY_LINES) as u64;
        let wanted = if more == 0 { Vec::new() } else { vec![(more, more * 6)] };
        assert_eq!(folded, wanted, "{lines}");
        let text = transcript.render();
        assert!(text.contains("\n[1] S| .\n[1] S| after the terminator\n"), "{text}");
    }
}

#[test]
fn a_note_within_a_folded_body_does_not_show_more_of_it() {
    let mut recorder = Recorder::new("body", None);
    recorder.received_content(1, "line\r\n".repeat(30).as_bytes());
    recorder.received_content(1, b".\r");
    recorder.note(1, "waited");
    recorder.received_content(1, "\nline\r\n".repeat(2).as_bytes());
    let entries = recorder.finish().entries;
    let lines = entries.iter().filter(|entry| matches!(entry, Entry::Line { .. })).count();
    assert_eq!(lines, BODY_LINES + 1);
    assert!(matches!(entries[BODY_LINES], Entry::Folded { lines: 10, octets: 60, .. }));
    assert_eq!(entries[BODY_LINES + 1].octets().as_deref(), Some(b".\r".as_slice()));
    assert!(matches!(entries[BODY_LINES + 3], Entry::Folded { lines: 4, octets: 14, .. }));
}

#[test]
fn a_transcript_is_bounded() {
    let mut recorder = Recorder::new("bounded", None);
    recorder.sent(1, &b"NOOP\r\n".repeat(ENTRIES + 5));
    let transcript = recorder.finish();
    assert_eq!(transcript.entries.len(), ENTRIES + 1);
    assert_eq!(
        transcript.entries.last(),
        Some(&Entry::Note { session: 0, text: "5 entries left out".to_owned() })
    );
    assert_eq!(transcript.sent.octets, 6 * (ENTRIES as u64 + 5));
    assert_eq!(Transcript::parse(&transcript.render()), Ok(transcript));
}

#[test]
fn lines_are_entered_when_they_are_complete() {
    let mut recorder = Recorder::new("order", None);
    recorder.received(1, b"+OK re");
    recorder.sent(1, b"USER alice\r\nPASS");
    recorder.received(1, b"ady\r\n");
    let transcript = recorder.finish();
    let order: Vec<(Option<Side>, Option<Vec<u8>>)> =
        transcript.lines().map(|entry| (entry.side(), entry.octets())).collect();
    let wanted = [
        (Some(Side::Client), Some(b"USER alice\r\n".to_vec())),
        (Some(Side::Server), Some(b"+OK ready\r\n".to_vec())),
        (Some(Side::Client), Some(b"PASS".to_vec())),
    ];
    assert_eq!(order, wanted);
}

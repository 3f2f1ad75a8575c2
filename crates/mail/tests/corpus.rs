//! The corpus is what the catalogue says, and stays what it is.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use mail::{Fixture, Marker, Role, body, corpus, digest, identify, large, maildrop, ordinary, wire};

const SEED: u64 = 42;

fn fixture(name: &str) -> Fixture {
    let found = corpus(SEED).into_iter().find(|fixture| fixture.name == name);
    found.unwrap_or_else(|| panic!("no fixture {name}"))
}

fn text(name: &str) -> Vec<u8> {
    body(&fixture(name).octets).to_vec()
}

/// Lines without their CRLF; a bare LF ends no line.
fn crlf_lines(octets: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = octets;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

fn is_folded(octets: &[u8]) -> bool {
    let mut header = crlf_lines(octets).into_iter().take_while(|line| !line.is_empty());
    header.any(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
}

fn has(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn every_octet_is_pinned() {
    let mut table = String::new();
    for Fixture { name, octets, fragile, marked } in corpus(SEED).into_iter().chain([large(SEED)]) {
        let fragile = if fragile { "fragile" } else { "sturdy" };
        let marked = if marked { "marked" } else { "unmarked" };
        writeln!(table, "{name:<18} {:>8} {fragile:<7} {marked:<8} {}", octets.len(), digest(&octets))
            .unwrap();
    }
    insta::assert_snapshot!("corpus_of_seed_42", table);
}

#[test]
fn maildrops_are_pinned() {
    let mut table = String::new();
    for role in Role::ALL {
        for (name, octets) in maildrop(role, SEED, 1) {
            writeln!(table, "{role:<10} {name:<18} {:>8} {}", octets.len(), digest(&octets)).unwrap();
        }
    }
    insta::assert_snapshot!("maildrops_of_seed_42", table);
}

#[test]
fn every_marker_tells_the_truth() {
    for fixture in corpus(SEED).into_iter().chain([large(SEED)]) {
        let marker = Marker::parse(&fixture.octets);
        assert_eq!(marker.is_some(), fixture.marked, "{}", fixture.name);
        let Some(marker) = marker else { continue };
        assert_eq!((marker.fixture.as_str(), marker.seed), (fixture.name, SEED));
        // Computed here from the octets themselves, not by the method under test.
        let separator = fixture.octets.windows(4).position(|window| window == b"\r\n\r\n");
        let mut rest = separator.map_or(Vec::new(), |at| fixture.octets[at + 4..].to_vec());
        if !rest.is_empty() && !rest.ends_with(b"\r\n") {
            rest.extend_from_slice(b"\r\n");
        }
        assert_eq!(marker.body_sha256, digest(&rest), "{}", fixture.name);
        assert!(marker.describes(&fixture.octets) && marker.describes(&wire(&fixture.octets)));
    }
}

#[test]
fn fragile_are_exactly_those_with_a_property_that_delivery_may_alter() {
    for Fixture { name, octets, fragile, marked } in corpus(SEED) {
        let without_crlf = String::from_utf8_lossy(&octets).replace("\r\n", "");
        let header_end = octets.windows(4).position(|window| window == b"\r\n\r\n");
        let delicate = octets.contains(&0)
            || without_crlf.contains(['\r', '\n'])
            || crlf_lines(&octets).iter().any(|line| line.len() > 998)
            || !octets.ends_with(b"\r\n")
            || octets.starts_with(b".")
            || !marked
            || body(&octets).ends_with(b"\r\n\r\n")
            || crlf_lines(body(&octets)).iter().any(|line| line.ends_with(b" ") && line.len() > 2)
            || crlf_lines(body(&octets)).iter().any(|line| line.starts_with(b"From "))
            || is_folded(&octets)
            || header_end.is_none_or(|end| !octets[..end].is_ascii());
        assert_eq!(fragile, delicate, "{name}");
    }
}

#[test]
fn headers_are_plausible() {
    for fixture in corpus(SEED).into_iter().filter(|fixture| fixture.marked) {
        let mut fields = BTreeMap::new();
        let header = crlf_lines(&fixture.octets).into_iter().take_while(|line| !line.is_empty());
        for line in header.filter(|line| !line.starts_with(b" ") && !line.starts_with(b"\t")) {
            let line = std::str::from_utf8(line).unwrap();
            let (name, value) = line.split_once(": ").unwrap();
            assert!(
                name.bytes().all(|octet| matches!(octet, 33..=57 | 59..=126)),
                "RFC 5322 section 2.2: {line}"
            );
            assert!(fields.insert(name.to_owned(), value.to_owned()).is_none(), "{line} twice");
        }
        for wanted in ["From", "To", "Date", "Message-ID", "Subject", Marker::HEADER] {
            assert!(fields.contains_key(wanted), "{}: {wanted}", fixture.name);
        }
    }
}

#[test]
fn message_ids_differ_but_for_the_twins() {
    let all = maildrop(Role::Fixtures, SEED, 1).into_iter().chain(maildrop(Role::Disposable, SEED, 1));
    let mut seen = HashSet::new();
    let mut repeated = Vec::new();
    for (name, octets) in all {
        let id = crlf_lines(&octets)
            .into_iter()
            .find(|line| line.starts_with(b"Message-ID: "))
            .map(<[u8]>::to_vec);
        if id.is_some_and(|id| !seen.insert(id)) {
            repeated.push(name);
        }
    }
    assert_eq!(repeated, ["fx.twins"]);
}

#[test]
fn names_are_those_of_the_catalogue() {
    let names: HashSet<&str> = corpus(SEED).iter().map(|fixture| fixture.name).collect();
    for wanted in
        "lines dots lonedot dotfirst dotlast boundary-4096 boundary-8192 boundary-16384 boundary-65536 nonl \
        headeronly emptybody nohdr nohdr-2 empty 8bit longline nul barecr barelfdot utf8hdr binary twins lonedots tabs \
        blanklines blankend blanks from folded innerdots longdots alike-1 alike-2"
            .split_ascii_whitespace()
    {
        assert!(names.contains(format!("fx.{wanted}").as_str()), "{wanted}");
    }
}

#[test]
fn lines_are_1000_of_10_octets() {
    let body = text("fx.lines");
    assert_eq!(body.len(), 10_000);
    let lines = crlf_lines(&body);
    assert_eq!((lines.len(), lines[0], lines[999]), (1000, &b"line0001"[..], &b"line1000"[..]));
    assert_eq!(lines.iter().collect::<HashSet<_>>().len(), 1000);
}

#[test]
fn dots_stand_where_they_must() {
    let dots: [&[u8]; 8] = [b".", b"..", b"...", b".x", b". ", b"x.", b"", b"text after the dots"];
    assert_eq!(crlf_lines(&text("fx.dots")), dots);
    let lone = text("fx.lonedot");
    assert!(has(&lone, b"\r\n.\r\n+OK 1 1\r\n-ERR x\r\n") && lone.ends_with(b"\r\ntext after\r\n"));
    assert!(fixture("fx.dotfirst").octets.starts_with(b".X-Poplab-Dot: first\r\n"));
    assert!(fixture("fx.dotlast").octets.ends_with(b"\r\n.\r\n"));
    assert!(fixture("fx.dotlast-nonl").octets.ends_with(b"\r\n."));
}

#[test]
fn dots_stand_around_the_boundary() {
    for around in [4_096, 8_192, 16_384, 65_536_usize] {
        let octets = fixture(&format!("fx.boundary-{around}")).octets;
        let starts =
            (2..octets.len()).filter(|at| octets[at - 2..].starts_with(b"\r\n.")).collect::<Vec<_>>();
        let expected = (0..35).map(|step| around - 17 * 61 + 61 * step).collect::<Vec<_>>();
        assert_eq!(starts, expected);
        assert!(expected[34] - expected[0] >= 2_000 && expected.contains(&around));
        for start in starts {
            assert!(octets[start..].starts_with(format!(".{start:06} ").as_bytes()));
        }
    }
}

#[test]
fn odd_shapes() {
    let header_only = fixture("fx.headeronly").octets;
    assert!(header_only.ends_with(b"\r\n") && !has(&header_only, b"\r\n\r\n"));
    let empty_body = fixture("fx.emptybody").octets;
    assert!(empty_body.ends_with(b"\r\n\r\n") && body(&empty_body).is_empty());
    assert!(
        fixture("fx.nohdr").octets.starts_with(b"\r\nThis message of poplab has no header, seed 42.\r\n")
    );
    assert!(fixture("fx.empty").octets.is_empty());
    assert!(!fixture("fx.nonl").octets.ends_with(b"\n"));
    let longest = text("fx.longline");
    let lengths =
        crlf_lines(&longest).iter().map(|line| line.len()).filter(|len| *len > 900).collect::<Vec<_>>();
    assert_eq!(lengths, [999, 4_096, 70_000]);
    assert_eq!(corpus(SEED).into_iter().filter(|f| *f == fixture("fx.twins")).count(), 2);
    assert_eq!(large(SEED).octets.len(), 10 * 1024 * 1024);
}

#[test]
fn lines_that_are_often_altered() {
    assert!(has(&text("fx.lonedots"), b"\r\n.\r\n.\r\nbetween\r\n.\r\n.\r\n.\r\n"));
    let tabs = text("fx.tabs");
    assert!(tabs.starts_with(b"\t") && has(&tabs, b"the\tmiddle") && has(&tabs, b"\t\t"));
    let empty = text("fx.blanklines");
    assert!(empty.starts_with(b"\r\n\r\none") && has(&empty, b"two\r\n\r\n\r\n\r\n\r\nthree\r\n"));
    assert!(text("fx.blankend").ends_with(b"last\r\n\r\n\r\n\r\n"));
    let blanks = text("fx.blanks");
    assert!(has(&blanks, b"end \r\n") && has(&blanks, b"\r\n   \r\n") && has(&blanks, b"\t \r\n"));
    let from = text("fx.from");
    assert!(has(&from, b"line\r\nFrom ") && has(&from, b"\r\n\r\nFrom ") && has(&from, b"\r\n>From "));
    let folded = fixture("fx.folded").octets;
    assert!(has(&folded, b"\r\n <second@") && has(&folded, b"\r\n\t<third@") && is_folded(&folded));
    for name in ["fx.innerdots", "fx.longdots"] {
        let body = text(name);
        let long = crlf_lines(&body).into_iter().filter(|line| line.starts_with(b"x")).collect::<Vec<_>>();
        assert!(long.iter().all(|line| line[1..].iter().all(|octet| *octet == b'.')), "{name}");
        assert!(body.len() > 60_000 && long.len() >= 16, "{name}");
    }
}

#[test]
fn two_messages_are_alike_at_both_ends_and_in_size() {
    let (one, two) = (fixture("fx.alike-1").octets, fixture("fx.alike-2").octets);
    assert!(one.len() == two.len() && one[..4_096] == two[..4_096]);
    assert!(one[one.len() - 512..] == two[two.len() - 512..] && body(&one) != body(&two));
}

#[test]
fn dense_lines_begin_at_every_octet_of_a_line() {
    let begins = |shift: usize| {
        let octets = fixture(&format!("fx.dense-{shift}")).octets;
        assert!(octets.len() > 131_072 + 4_096 && octets.ends_with(b"\r\n"));
        let body = body(&octets);
        assert!(crlf_lines(body).iter().all(|line| line.len() == 2 && line.starts_with(b".")));
        octets.len() - body.len()
    };
    for shift in 0..5 {
        assert_eq!(begins(shift) % 20, shift);
    }
}

#[test]
fn odd_octets() {
    let nul = text("fx.nul");
    assert!(has(&nul, b"the\0middle") && has(&nul, b"\r\n\0"));
    let bare_cr = text("fx.barecr");
    assert!(has(&bare_cr, b"one\rtwo") && has(&bare_cr, b"\r.\r"));
    let bare_lf = text("fx.barelfdot");
    assert!(has(&bare_lf, b"two\n.\nthree") && has(&bare_lf, b"\n.\r\n") && has(&bare_lf, b"one\r\n"));
    assert!(String::from_utf8(text("fx.8bit")).is_ok_and(|body| !body.is_ascii()));
    assert!(String::from_utf8(text("fx.8bit-latin1")).is_err());
    let utf8 = fixture("fx.utf8hdr").octets;
    for field in ["From: J\u{f6}rg", "Subject: Gr\u{fc}\u{df}e"] {
        assert!(has(&utf8, field.as_bytes()), "{field}");
    }
    let binary = text("fx.binary");
    assert!((0..=u8::MAX).all(|octet| binary.contains(&octet)) && has(&binary, b"\r\n.\r\n"));
    assert!(has(&fixture("fx.binary").octets, b"\r\nContent-Transfer-Encoding: binary\r\n"));
}

#[test]
fn each_fixture_is_identified_as_stored_and_as_delivered() {
    let corpus = corpus(SEED);
    let trace =
        b"Return-Path: <a@example.com>\r\nDelivered-To: bob@example.com\r\nReceived: from a.example.com\r\n\
        \tby b.example.com with LMTP id 1;\r\n\tWed, 01 Jan 2020 00:00:00 +0000\r\n";
    for fixture in &corpus {
        let name = fixture.name;
        let found = |message: &[u8]| identify(message, &corpus).map(|found| found.name);
        assert_eq!(found(&fixture.octets), Some(name));
        assert_eq!(found(&wire(&fixture.octets)), Some(name), "{name} after RETR");
        assert_eq!(found(&mail::lines_to_lf(&fixture.octets)), Some(name), "{name} in a file with LF");
        // Nothing is left to know an empty message by, once delivery has put a header there.
        let expected = if name == "fx.empty" { None } else { Some(name) };
        assert_eq!(found(&[trace, &fixture.octets[..]].concat()), expected, "{name} after delivery");
        let separated = [&trace[..], b"\r\n", &fixture.octets[..]].concat();
        assert_eq!(
            found(&separated),
            expected.filter(|name| name.starts_with("fx.nohdr")),
            "{name} as the body of another"
        );
    }
}

#[test]
fn other_mail_is_not_identified() {
    let own = corpus(SEED);
    for fixture in corpus(SEED + 1).into_iter().filter(|fixture| fixture.name != "fx.empty") {
        assert_eq!(identify(&fixture.octets, &own), None, "{} of another seed", fixture.name);
    }
    for message in
        [&b"\r\n"[..], b"x", b"From: a\r\n\r\n", b"From: a\r\n\r\n.\r\n", &ordinary(SEED, 1, 1_000)]
    {
        assert_eq!(identify(message, &own), None);
    }
}

#[test]
fn a_damaged_fixture_is_identified_but_not_described() {
    let corpus = corpus(SEED);
    let mut damaged = fixture("fx.dots").octets;
    damaged.truncate(damaged.len() - 3);
    assert_eq!(identify(&damaged, &corpus).map(|fixture| fixture.name), Some("fx.dots"));
    assert_eq!(Marker::parse(&damaged).map(|marker| marker.describes(&damaged)), Some(false));
}

#[test]
fn ordinary_messages_are_plain_and_of_the_size_asked_for() {
    for octets in [0, 300, 500, 501, 1_000, 4_096, 20_000] {
        let message = ordinary(7, 3, octets);
        if octets >= 500 {
            assert_eq!(message.len(), octets);
        } else {
            assert!((300..500).contains(&message.len()), "{}", message.len());
        }
        assert!(message.is_ascii() && message.ends_with(b"\r\n") && !body(&message).is_empty());
        let marker = Marker::parse(&message).unwrap();
        assert_eq!((marker.fixture.as_str(), marker.seed), ("ordinary-3", 7));
        assert!(marker.describes(&message));
        assert!(crlf_lines(body(&message)).iter().all(|line| !line.starts_with(b".") && line.len() <= 76));
    }
    assert_ne!(ordinary(7, 3, 1_000), ordinary(7, 4, 1_000));
    assert_ne!(ordinary(7, 3, 1_000), ordinary(8, 3, 1_000));
}

#[test]
fn maildrops_hold_what_their_role_needs() {
    let fixtures = maildrop(Role::Fixtures, SEED, 1);
    let names: Vec<&str> = fixtures.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["fixtures-1-1", "fixtures-1-2", "fixtures-1-3"]);
    let expected: Vec<&str> = corpus(SEED).iter().map(|fixture| fixture.name).collect();
    let large = 3 + expected.len();
    assert_eq!(names[3..large], expected);
    assert_eq!(names[large], "fx.large");
    assert_eq!(names.last(), Some(&"short-1-75"));
    assert!(names.len() > 105, "numbers have three digits");

    let other = maildrop(Role::Fixtures, SEED, 2);
    assert_eq!(fixtures[3..=large], other[3..=large], "the number varies no fixture");
    assert!(fixtures[..3].iter().zip(&other[..3]).all(|(one, another)| one.1 != another.1));

    assert!(maildrop(Role::Empty, SEED, 1).is_empty());
    assert_eq!(maildrop(Role::Second, SEED, 1).len(), 3);
    let disposable = maildrop(Role::Disposable, SEED, 1);
    assert_eq!(disposable.iter().map(|(_, octets)| octets.len()).collect::<HashSet<_>>().len(), 8);
}

#[test]
fn no_two_accounts_share_an_ordinary_message() {
    let mut seen = HashSet::new();
    for (seed, number) in [(1, 1), (1, 2), (1, 11), (2, 1)] {
        for role in [Role::Disposable, Role::Second] {
            for (name, octets) in maildrop(role, seed, number) {
                assert_eq!(Marker::parse(&octets).map(|marker| marker.fixture), Some(name.clone()));
                assert!(seen.insert(octets), "{name}");
            }
        }
    }
    assert_eq!(seen.len(), 44);
}

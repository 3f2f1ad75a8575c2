//! The fixture corpus: every `fx.*` message of the requirement catalogue, made from a seed.
//!
//! A fixture is one nasty property in an otherwise ordinary message, so that a check which fails on it knows why.
//! The octets are the *canonical* ones: what a store must keep and RETR must deliver (see [`wire`](crate::wire)).
//! This module deliberately does not deliver anything, and does not decide what a server may do with a fixture.

use crate::compose::{Chooser, headers, headers_from, marked_header, message, plain};
use crate::content::{body, lines_to_crlf, wire};
use crate::marker::Marker;

/// Size of `fx.large` in octets: 10 MiB.
const LARGE: usize = 10 * 1024 * 1024;

/// A message of the corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Name in the catalogue, with the variant if there is more than one: `fx.dots`, `fx.boundary-4096`.
    pub name: &'static str,
    /// The canonical octets, as RETR must deliver them but for a missing last line end.
    pub octets: Vec<u8>,
    /// Ordinary delivery may alter more than the header; see the table at [`corpus`].
    pub fragile: bool,
    /// Has a [`Marker`]. All have but those without any header.
    pub marked: bool,
}

/// All fixtures, in an order that does not change; `fx.twins` is there twice. About 1.1 MB.
///
/// The same seed gives the same octets on every machine. `fx.large` is apart, see [`large`].
///
/// # Fragile fixtures
///
/// Ordinary delivery (SMTP, LMTP, a filing agent) may rightly alter some of them. For these a difference proves
/// nothing against the POP3 server until the stored form is known, unless they were put into the store as files:
///
/// | fixture | why delivery may alter it |
/// |---|---|
/// | `fx.nul` | NUL is not allowed in mail (RFC 5322 section 2.2); removed or replaced |
/// | `fx.barecr`, `fx.barelfdot`, `fx.binary` | CR and LF must come as CRLF (RFC 5321 section 2.3.8); refused or rewritten |
/// | `fx.longline`, `fx.longdots` | lines over 998 octets (RFC 5322 section 2.1.1) are split or refused |
/// | `fx.nonl`, `fx.dotlast-nonl` | SMTP has no unfinished last line; it gets its CRLF |
/// | `fx.blankend` | a store of one file may take an empty line at the end for its own, or add one |
/// | `fx.blanks` | some agents take away blanks at the ends of lines |
/// | `fx.from` | a store of one file puts `>` before such lines |
/// | `fx.folded` | an agent may fold header fields anew (RFC 5322 section 2.2.3) |
/// | `fx.headeronly`, `fx.nohdr`, `fx.nohdr-2`, `fx.empty` | trace fields or a separator are put in; the empty message is refused |
/// | `fx.dotfirst` | trace fields come before the first line |
/// | `fx.utf8hdr` | needs SMTPUTF8 (RFC 6531); else refused, or the octets replaced |
///
/// The others may only gain header fields. `fx.empty` can be put in place by the file system alone.
pub fn corpus(seed: u64) -> Vec<Fixture> {
    vec![
        simple(seed, "fx.lines", &numbered_lines()),
        simple(seed, "fx.dots", b".\r\n..\r\n...\r\n.x\r\n. \r\nx.\r\n\r\ntext after the dots\r\n"),
        simple(seed, "fx.lonedot", b"text before\r\n.\r\n+OK 1 1\r\n-ERR x\r\n.\r\n+ \r\ntext after\r\n"),
        dot_first(seed),
        simple(seed, "fx.dotlast", b"the next line is the last\r\n.\r\n"),
        fragile(simple(seed, "fx.dotlast-nonl", b"the next line is the last\r\n.")),
        boundary(seed, "fx.boundary-4096", 4_096),
        boundary(seed, "fx.boundary-8192", 8_192),
        boundary(seed, "fx.boundary-16384", 16_384),
        boundary(seed, "fx.boundary-65536", 65_536),
        fragile(simple(seed, "fx.nonl", b"first line\r\nlast line without a line end")),
        header_only(seed),
        simple(seed, "fx.emptybody", b""),
        unheaded(seed, "fx.nohdr"),
        Fixture { name: "fx.empty", octets: Vec::new(), fragile: true, marked: false },
        eight_bit(seed, "fx.8bit", "utf-8", "Zażółć gęślą jaźń, naïve façade, 日本語, 🌊\r\n".as_bytes()),
        eight_bit(seed, "fx.8bit-latin1", "iso-8859-1", b"na\xefve fa\xe7ade, Gr\xfc\xdfe, \xa0\xff\r\n"),
        long_line(seed),
        fragile(simple(seed, "fx.nul", b"in the\0middle\r\n\0at the start\r\nno NUL in the last line\r\n")),
        fragile(simple(seed, "fx.barecr", b"one\rtwo\rthree\r\nfour\r.\rfive\r\nsix\r.\r\nlast line\r\n")),
        fragile(simple(seed, "fx.barelfdot", b"one\r\ntwo\n.\nthree\r\nfour\n.\r\nlast line\r\n")),
        utf8_header(seed),
        binary(seed),
        simple(seed, "fx.twins", b"two messages are alike in every octet\r\n"),
        simple(seed, "fx.twins", b"two messages are alike in every octet\r\n"),
        dense(seed, "fx.dense-0", 0),
        dense(seed, "fx.dense-1", 1),
        dense(seed, "fx.dense-2", 2),
        dense(seed, "fx.dense-3", 3),
        dense(seed, "fx.dense-4", 4),
        simple(seed, "fx.lonedots", b"text before\r\n.\r\n.\r\nbetween\r\n.\r\n.\r\n.\r\ntext after\r\n"),
        simple(seed, "fx.tabs", b"\tat the beginning\r\nin the\tmiddle\tand\t\ttwice\r\nlast line\r\n"),
        simple(seed, "fx.blanklines", b"\r\n\r\none\r\n\r\n\r\ntwo\r\n\r\n\r\n\r\n\r\nthree\r\n"),
        fragile(simple(seed, "fx.blankend", b"three empty lines come last\r\n\r\n\r\n\r\n")),
        fragile(simple(
            seed,
            "fx.blanks",
            b"at the end \r\n\r\n   \r\nof lines\t \r\n  and before\r\nlast line\r\n",
        )),
        fragile(simple(
            seed,
            "fx.from",
            b"first line\r\nFrom here on\r\n\r\nFrom then on\r\n>From one\r\nlast\r\n",
        )),
        folded(seed),
        simple(seed, "fx.innerdots", &dots_within(&[996; 72])),
        fragile(simple(seed, "fx.longdots", &dots_within(&AROUND_BUFFERS))),
        alike(seed, "fx.alike-1", "one"),
        alike(seed, "fx.alike-2", "two"),
        unheaded(seed, "fx.nohdr-2"),
    ]
}

/// `fx.large`: 10 MiB (10,485,760 octets) of ordinary lines.
pub fn large(seed: u64) -> Fixture {
    let name = "fx.large";
    Fixture { name, octets: plain(seed, name, LARGE), fragile: false, marked: true }
}

/// Which fixture of the corpus a message is, as it came from a server.
///
/// By the whole marker (name, seed and hash), so a fixture of another seed is not taken for one of this corpus;
/// header fields that delivery added do not matter, nor does damage to the body: ask [`Marker::describes`] for
/// that. Fixtures without a marker are recognised by their content, with or without header fields before it;
/// `fx.empty` only while it is empty. Of the twins the first is returned.
pub fn identify<'a>(message: &[u8], corpus: &'a [Fixture]) -> Option<&'a Fixture> {
    if let Some(marker) = Marker::parse(message) {
        return corpus
            .iter()
            .filter(|fixture| fixture.marked && fixture.name == marker.fixture)
            .find(|fixture| Marker::parse(&fixture.octets).as_ref() == Some(&marker));
    }
    corpus.iter().filter(|fixture| !fixture.marked).find(|fixture| same_content(message, &fixture.octets))
}

/// Whether an unmarked fixture is this message, perhaps behind a header that delivery gave it.
fn same_content(message: &[u8], fixture: &[u8]) -> bool {
    if message.is_empty() || fixture.is_empty() {
        return message.is_empty() && fixture.is_empty();
    }
    let message = lines_to_crlf(message);
    let message = wire(&message);
    let (fixture, text) = (wire(fixture), body(fixture));
    // Some agents take the separator for theirs, others put another before it.
    message == fixture || (!text.is_empty() && body(&message) == text) || body(&message) == &*fixture
}

/// An ordinary header with this body.
fn simple(seed: u64, name: &'static str, body: &[u8]) -> Fixture {
    with_fields(seed, name, "", body)
}

/// As [`simple`], with more header fields.
fn with_fields(seed: u64, name: &'static str, fields: &str, body: &[u8]) -> Fixture {
    let mut headers = headers(&mut Chooser::new(seed, name), &subject(name));
    headers.extend_from_slice(fields.as_bytes());
    marked(name, message(&headers, name, seed, body))
}

fn marked(name: &'static str, octets: Vec<u8>) -> Fixture {
    Fixture { name, octets, fragile: false, marked: true }
}

fn fragile(fixture: Fixture) -> Fixture {
    Fixture { fragile: true, ..fixture }
}

fn subject(name: &str) -> String {
    format!("Fixture {name}")
}

/// 1000 lines of 10 octets each, CRLF counted, no two alike.
fn numbered_lines() -> Vec<u8> {
    (1..=1000).flat_map(|number| format!("line{number:04}\r\n").into_bytes()).collect()
}

/// The first octet is a dot. Strange, but legal: RFC 5322 section 2.2 allows it in the name of a field.
fn dot_first(seed: u64) -> Fixture {
    let name = "fx.dotfirst";
    let mut first = b".X-Poplab-Dot: first\r\n".to_vec();
    first.extend_from_slice(&headers(&mut Chooser::new(seed, name), &subject(name)));
    fragile(marked(name, message(&first, name, seed, b"the header began with a dot\r\n")))
}

/// Dots at line starts at the octets `around` + 61 k of the message, |k| <= 17 (a little over 2 kB).
///
/// The dot for k = 0 stands exactly at `around`. Header fields from delivery shift the lines against the buffers of
/// the server, and stuffing widens the step to 62 on the wire: one message tests one alignment for each buffer
/// edge in its range, not all of them. Each such line tells its own offset.
fn boundary(seed: u64, name: &'static str, around: usize) -> Fixture {
    const STEP: usize = 61;
    const STEPS_BEFORE: usize = 17;
    let mut chooser = Chooser::new(seed, name);
    let headers = headers(&mut chooser, &subject(name));
    // The marker is as long for every body.
    let separator_end = marked_header(&headers, name, seed, b"").len() + 2;
    let first = around - STEPS_BEFORE * STEP;
    let mut body = chooser.prose(first - separator_end);
    for step in 0..=2 * STEPS_BEFORE {
        let start = body.len();
        body.extend_from_slice(format!(".{:06} ", first + step * STEP).as_bytes());
        let written = body.len() - start;
        chooser.line(STEP - written, &mut body);
    }
    body.extend_from_slice(&chooser.prose(256));
    marked(name, message(&headers, name, seed, &body))
}

/// Nothing but lines of a dot and a letter, past octet 131,072, so that wherever a buffer of a server ends, of 1 KiB or of
/// 128, one of these five messages has each octet of such a line there.
///
/// On the wire such a line has five octets, in a store that ends lines with LF three: no power of two is a multiple of
/// these, so one message has every alignment at one or another end of a small buffer. At the end of a large one there is
/// one alone, and in a store that keeps CRLF, where the lines have four, one at all of them: so each of the five begins
/// its lines an octet later (modulo twenty) than the one before.
fn dense(seed: u64, name: &'static str, shift: usize) -> Fixture {
    const OCTETS: usize = 136 * 1024;
    /// A multiple of the length of a line wherever it is.
    const PERIOD: usize = 20;
    let mut chooser = Chooser::new(seed, name);
    let mut headers = headers(&mut chooser, &subject(name));
    let field = |padding: usize| format!("X-Poplab-Padding: {}\r\n", "x".repeat(padding));
    let begins = |headers: &[u8]| marked_header(headers, name, seed, b"").len() + 2;
    let shortest = begins(&[&headers[..], field(1).as_bytes()].concat());
    let padding = 1 + (PERIOD + shift - shortest % PERIOD) % PERIOD;
    headers.extend_from_slice(field(padding).as_bytes());
    let lines = (OCTETS - begins(&headers)) / 4;
    let body: Vec<u8> =
        chooser.letters(lines).into_iter().flat_map(|letter| [b'.', letter, b'\r', b'\n']).collect();
    marked(name, message(&headers, name, seed, &body))
}

/// Ends with the last header field: neither separator nor body.
fn header_only(seed: u64) -> Fixture {
    let name = "fx.headeronly";
    let headers = headers(&mut Chooser::new(seed, name), &subject(name));
    fragile(marked(name, marked_header(&headers, name, seed, b"")))
}

/// Starts with the separator. The text is of the seed, so that it can be recognised without a marker.
fn unheaded(seed: u64, name: &'static str) -> Fixture {
    let mut octets = format!("\r\nThis message of poplab has no header, seed {seed}.\r\n").into_bytes();
    octets.extend_from_slice(&Chooser::new(seed, name).prose(400));
    Fixture { name, octets, fragile: true, marked: false }
}

/// Header fields in several lines: folded by a blank, by a tab, by several, and at more than one place.
fn folded(seed: u64) -> Fixture {
    let fields = "References: <first@poplab.test>\r\n <second@poplab.test>\r\n\t<third@poplab.test>\r\n\
        X-Poplab-Folded: one,\r\n        two,\r\n  \tthree\r\nKeywords: alpha,\r\n beta\r\n";
    fragile(with_fields(seed, "fx.folded", fields, b"the header has folded fields\r\n"))
}

/// Octets of lines around the sizes of buffers and their doubles.
const AROUND_BUFFERS: [usize; 16] = [
    1_021, 1_022, 1_023, 1_024, 2_045, 2_046, 2_047, 2_048, 4_093, 4_094, 4_095, 4_096, 8_189, 8_190, 8_191,
    8_192,
];

/// Lines of so many octets, all of them dots but the first, between short ones: whoever takes the end of a buffer for that
/// of a line meets a dot there, wherever it is.
fn dots_within(lines: &[usize]) -> Vec<u8> {
    let mut body = Vec::with_capacity(lines.iter().sum::<usize>() + 32 * lines.len());
    for octets in lines {
        body.extend_from_slice(format!("next line: {octets} octets\r\nx").as_bytes());
        body.resize(body.len() + octets - 1, b'.');
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"last line\r\n");
    body
}

/// Two messages of one size that are the same for more than 4,096 octets from the beginning and at the end: what differs is
/// a word of the body, and what must differ in a header.
fn alike(seed: u64, name: &'static str, word: &str) -> Fixture {
    const FIELDS: usize = 5;
    let mut chooser = Chooser::new(seed, "fx.alike");
    let common = headers(&mut chooser, &subject("fx.alike"));
    let mut fields: Vec<u8> = Vec::new();
    for line in
        common.split_inclusive(|octet| *octet == b'\n').filter(|line| !line.starts_with(b"Message-ID:"))
    {
        fields.extend_from_slice(line);
    }
    for number in 1..=FIELDS {
        fields.extend_from_slice(format!("X-Poplab-Padding-{number}: ").as_bytes());
        fields.extend_from_slice(&chooser.letters(900));
        fields.extend_from_slice(b"\r\n");
    }
    let rest = chooser.prose(600);
    fields.extend_from_slice(format!("Message-ID: <{name}.{seed}@poplab.test>\r\n").as_bytes());
    let text =
        [b"the same text in both, but for the next line\r\n".as_slice(), word.as_bytes(), b"\r\n", &rest]
            .concat();
    marked(name, message(&fields, name, seed, &text))
}

fn eight_bit(seed: u64, name: &'static str, charset: &str, text: &[u8]) -> Fixture {
    let fields = format!(
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n"
    );
    with_fields(seed, name, &fields, &[b"next line is 8bit\r\n", text, b"last line\r\n"].concat())
}

/// Lines of 999, 4096 and 70,000 octets (CRLF not counted) between short ones.
fn long_line(seed: u64) -> Fixture {
    let name = "fx.longline";
    let mut chooser = Chooser::new(seed, "fx.longline body");
    let mut body = Vec::with_capacity(76_000);
    for octets in [999, 4_096, 70_000] {
        body.extend_from_slice(format!("next line: {octets} octets\r\n").as_bytes());
        body.extend_from_slice(&chooser.letters(octets));
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"last line\r\n");
    fragile(simple(seed, name, &body))
}

/// Raw UTF-8 in From and Subject (RFC 6532); the body is ASCII.
fn utf8_header(seed: u64) -> Fixture {
    let name = "fx.utf8hdr";
    let mut chooser = Chooser::new(seed, name);
    let headers = headers_from(&mut chooser, "Jörg Müller <jörg@example.com>", "Grüße aus Zürich, 日本語");
    fragile(marked(name, message(&headers, name, seed, b"only the header is UTF-8\r\n")))
}

/// Every octet once, arbitrary octets, and a line that would end a reply.
fn binary(seed: u64) -> Fixture {
    let name = "fx.binary";
    let fields = "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n";
    let mut body: Vec<u8> = (0..=u8::MAX).collect();
    body.extend_from_slice(&Chooser::new(seed, "fx.binary body").octets(1_024));
    body.extend_from_slice(b"\r\n.\r\nend\r\n");
    fragile(with_fields(seed, name, fields, &body))
}

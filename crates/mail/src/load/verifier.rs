//! Whether a retrieved message is what was seeded, and whose it is, told while it streams by.
//!
//! Only the header line at hand and two short fields are kept, in buffers that are used again, so that a session
//! that retrieves one message after the other allocates for the first alone. The message itself is deliberately
//! not kept, and its SHA-256 compared only where it was asked for, since it doubles the cost: see the checksum in
//! [`super`].

use crc32fast::Hasher;
use memchr::memchr;
use sha2::{Digest as _, Sha256};

use super::message::{LOAD_FIELD, is_plain};
use crate::Marker;
use crate::content::without_line_end;
use crate::marker::field_value;

/// Octets of the header in which fields are looked for. What stands behind is not seen.
const HEAD_AT_MOST: usize = 8 * 1024;

/// Checks one retrieved message after the other: [`start`](Verifier::start), [`push`](Verifier::push) as often as
/// octets come, [`finish`](Verifier::finish). Any split of the same octets gives the same verdict.
///
/// The octets are those of the message, un-stuffed. Fields may stand anywhere in the first 8 KiB of the header,
/// folded or not, behind any that a server put before them; of several of one name the first counts.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// The beginning of a header line that has not ended, and how long it is so far.
    partial: Vec<u8>,
    partial_octets: usize,
    /// Octets of the header lines before.
    seen: usize,
    /// The field that is being read, and its value so far.
    field: Option<Field>,
    value: Vec<u8>,
    marked: Option<bool>,
    /// What tells its marker from others, once it is known to have one.
    mark: u64,
    /// The SHA-256 of the body by its marker, as 64 digits.
    expected: [u8; 64],
    /// That of the body as it comes, where it was asked for.
    body: Option<Body>,
    claim: Option<Claim>,
    /// The owner of the claim, as it stands in the header.
    owner: Vec<u8>,
    in_body: bool,
    body_octets: u64,
    checksum: Hasher,
}

/// What is known of a retrieved message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentVerdict {
    /// The body is the seeded one, and this owner's.
    Verified,
    /// It has no `X-Poplab-Load` header: it is not seeded mail, and nothing is known of its content.
    Unverifiable,
    /// It is seeded mail of another account.
    WrongOwner,
    /// The body has more or fewer octets than were seeded.
    WrongLength,
    /// The checksum of the body is another; or the header is damaged that says which it is.
    WrongChecksum,
}

impl ContentVerdict {
    /// The word for what is wrong (`owner`, `size`, `checksum`); `None` if nothing is, or nothing is known.
    pub fn failure(self) -> Option<&'static str> {
        match self {
            ContentVerdict::Verified | ContentVerdict::Unverifiable => None,
            ContentVerdict::WrongOwner => Some("owner"),
            ContentVerdict::WrongLength => Some("size"),
            ContentVerdict::WrongChecksum => Some("checksum"),
        }
    }
}

/// A body whose SHA-256 is reckoned while it streams by.
#[derive(Clone, Debug)]
struct Body {
    sha256: Sha256,
    /// Its last two octets.
    last: [u8; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Marker,
    Load,
}

/// What the header says of the body.
#[derive(Clone, Copy, Debug)]
enum Claim {
    Body { number: u32, octets: u64, crc32: u32 },
    Unreadable,
}

impl Verifier {
    /// Ready for the first message.
    pub fn new() -> Verifier {
        Verifier {
            partial: Vec::new(),
            partial_octets: 0,
            seen: 0,
            field: None,
            value: Vec::new(),
            marked: None,
            mark: 0,
            expected: [0; 64],
            body: None,
            claim: None,
            owner: Vec::new(),
            in_body: false,
            body_octets: 0,
            checksum: Hasher::new(),
        }
    }

    /// Forgets the message before, and reckons the SHA-256 of the next one's body, for
    /// [`is_described`](Verifier::is_described).
    pub fn start_with_digest(&mut self) {
        self.start();
        self.body = Some(Body { sha256: Sha256::new(), last: [0; 2] });
    }

    /// Forgets the message before; its buffers are kept.
    pub fn start(&mut self) {
        self.body = None;
        self.mark = 0;
        self.partial.clear();
        self.value.clear();
        self.owner.clear();
        (self.partial_octets, self.seen, self.body_octets) = (0, 0, 0);
        (self.field, self.marked, self.claim, self.in_body) = (None, None, None, false);
        self.checksum.reset();
    }

    /// The next octets of the message.
    pub fn push(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !self.in_body {
            let Some(line_feed) = memchr(b'\n', rest) else { return self.keep(rest) };
            let (line, behind) = rest.split_at(line_feed + 1);
            rest = behind;
            self.end_line(line);
        }
        self.body_octets += rest.len() as u64;
        self.checksum.update(rest);
        if let Some(body) = &mut self.body {
            body.push(rest);
        }
    }

    /// The message has ended: what is known of it, for the account in which it was found. Ask once.
    pub fn finish(&mut self, owner: &[u8]) -> ContentVerdict {
        match (self.finish_preview(owner), self.claim) {
            (ContentVerdict::Verified, Some(Claim::Body { octets, .. })) if octets != self.body_octets => {
                ContentVerdict::WrongLength
            }
            (ContentVerdict::Verified, Some(Claim::Body { crc32, .. }))
                if crc32 != self.checksum.clone().finalize() =>
            {
                ContentVerdict::WrongChecksum
            }
            (verdict, _) => verdict,
        }
    }

    /// As [`finish`](Verifier::finish), of a message of which only the beginning came: what its header tells, that is,
    /// whose it is.
    pub fn finish_preview(&mut self, owner: &[u8]) -> ContentVerdict {
        self.close_field();
        match self.claim {
            None => ContentVerdict::Unverifiable,
            Some(Claim::Unreadable) => ContentVerdict::WrongChecksum,
            Some(Claim::Body { .. }) if !is_name(&self.owner, owner) => ContentVerdict::WrongOwner,
            Some(Claim::Body { .. }) => ContentVerdict::Verified,
        }
    }

    /// Which of its owner's seeded messages it claims to be; known once the verdict was asked for.
    pub fn number(&self) -> Option<u32> {
        match self.claim {
            Some(Claim::Body { number, .. }) => Some(number),
            _ => None,
        }
    }

    /// Whether the message carries poplab's [`Marker`] in the first 8 KiB of its header; what has none was not made
    /// by poplab and must not be deleted. Known once the header has ended, until the next [`start`](Verifier::start).
    pub fn marked(&self) -> bool {
        self.marked == Some(true)
    }

    /// What tells the marker of this message from other markers: the same for the same fixture, seed and body. `None`
    /// without a marker; known when [`marked`](Verifier::marked) is.
    pub fn mark(&self) -> Option<u64> {
        self.marked().then_some(self.mark)
    }

    /// Whether the message carries poplab's marker and its body is the one of which the marker tells, as
    /// [`Marker::describes`] says of a message at hand. False unless it was begun by
    /// [`start_with_digest`](Verifier::start_with_digest). To be asked once the message has ended and a verdict was
    /// asked for.
    pub fn is_described(&self) -> bool {
        let Some(body) = self.body.as_ref().filter(|_| self.marked()) else { return false };
        let digest = body.digest();
        let digits = self.expected.as_chunks::<2>().0.iter().map(|pair| {
            std::str::from_utf8(pair).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
        });
        digest.iter().map(|octet| Some(*octet)).eq(digits)
    }

    /// A part of a header line. Of what is not looked at only so much is kept that an empty line is told.
    fn keep(&mut self, part: &[u8]) {
        let room = HEAD_AT_MOST.saturating_sub(self.seen).max(2).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&part[..part.len().min(room)]);
        self.partial_octets += part.len();
    }

    /// The rest of a header line, or a whole one.
    fn end_line(&mut self, line: &[u8]) {
        let octets = self.partial_octets + line.len();
        let looked_at = self.seen.saturating_add(octets) <= HEAD_AT_MOST;
        if self.partial_octets == 0 {
            self.line(without_line_end(line), looked_at);
        } else {
            let mut partial = std::mem::take(&mut self.partial);
            if looked_at || octets <= 2 {
                partial.extend_from_slice(line);
            }
            self.line(without_line_end(&partial), looked_at);
            partial.clear();
            self.partial = partial;
        }
        self.partial_octets = 0;
        self.seen = self.seen.saturating_add(octets);
    }

    fn line(&mut self, line: &[u8], looked_at: bool) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if self.field.is_some() && looked_at {
                self.value.extend_from_slice(line);
            }
            return;
        }
        self.close_field();
        if line.is_empty() {
            self.in_body = true;
        } else if looked_at {
            self.open_field(line);
        }
    }

    fn open_field(&mut self, line: &[u8]) {
        // Both begin so, and few others do.
        if !matches!(line.first(), Some(b'X' | b'x')) {
            return;
        }
        let (field, value) = if let Some(value) = field_value(line, Marker::HEADER) {
            (Field::Marker, value)
        } else if let Some(value) = field_value(line, LOAD_FIELD) {
            (Field::Load, value)
        } else {
            return;
        };
        let known = match field {
            Field::Marker => self.marked.is_some(),
            Field::Load => self.claim.is_some(),
        };
        if !known {
            self.field = Some(field);
            self.value.clear();
            self.value.extend_from_slice(value);
        }
    }

    fn close_field(&mut self) {
        let Some(field) = self.field.take() else { return };
        let text = std::str::from_utf8(&self.value).ok();
        match field {
            Field::Marker => {
                let parts = text.and_then(Marker::parts);
                self.marked = Some(parts.is_some());
                if let Some((fixture, seed, sha256)) = parts {
                    self.mark = mark(fixture, seed, sha256);
                    if let Ok(digits) = sha256.as_bytes().try_into() {
                        self.expected = digits;
                    }
                }
            }
            Field::Load => {
                self.claim = Some(Claim::Unreadable);
                if let Some((owner, claim)) = text.and_then(claim) {
                    self.owner.clear();
                    self.owner.extend_from_slice(owner.as_bytes());
                    self.claim = Some(claim);
                }
            }
        }
    }
}

impl Default for Verifier {
    fn default() -> Verifier {
        Verifier::new()
    }
}

impl Body {
    fn push(&mut self, octets: &[u8]) {
        self.sha256.update(octets);
        match octets {
            [.., before, last] => self.last = [*before, *last],
            [last] => self.last = [self.last[1], *last],
            [] => {}
        }
    }

    /// In the form RETR delivers ([`crate::wire`]): with a line end at its end.
    fn digest(&self) -> [u8; 32] {
        let mut sha256 = self.sha256.clone();
        if self.last != [0; 2] && self.last != *b"\r\n" {
            sha256.update(b"\r\n");
        }
        sha256.finalize().into()
    }
}

/// FNV-1a of the parts, never 0.
fn mark(fixture: &str, seed: u64, sha256: &str) -> u64 {
    let octets = fixture.bytes().chain(seed.to_le_bytes()).chain(sha256.bytes());
    let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash.max(1)
}

/// Reads the value of the field; the owner stays as it stands there.
fn claim(value: &str) -> Option<(&str, Claim)> {
    let mut words = value.split_ascii_whitespace();
    let owner = words.next()?.strip_prefix("owner=")?;
    let number = words.next()?.strip_prefix("number=")?.parse().ok()?;
    let octets = words.next()?.strip_prefix("octets=")?.parse().ok()?;
    let digits = words.next()?.strip_prefix("crc32=").filter(|digits| digits.len() == 8)?;
    let crc32 = u32::from_str_radix(digits, 16).ok()?;
    words.next().is_none().then_some((owner, Claim::Body { number, octets, crc32 }))
}

/// Whether a name as it stands in a header is this one.
fn is_name(written: &[u8], name: &[u8]) -> bool {
    let mut rest = written;
    for octet in name {
        let Some((first, behind)) = rest.split_first() else { return false };
        rest = behind;
        if is_plain(*octet) {
            if first != octet {
                return false;
            }
            continue;
        }
        let Some((digits, behind)) = rest.split_first_chunk::<2>().filter(|_| *first == b'%') else {
            return false;
        };
        rest = behind;
        let value = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if value != Some(*octet) {
            return false;
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use chance::Distribution;
    use proptest::prelude::*;

    use super::super::Population;
    use super::*;
    use crate::{body, lines_to_crlf, lines_to_lf, ordinary};

    fn population() -> Population {
        Population {
            seed: 5,
            user: "na\u{ef}ve %{n}".to_owned(),
            first: 1,
            count: 10,
            messages: 5,
            sizes: Distribution::Uniform { low: 500.0, high: 5_000.0 },
        }
    }

    fn message(number: u32) -> Vec<u8> {
        let mut out = Vec::new();
        population().message(0, number).write(&mut out);
        out
    }

    fn owner() -> Vec<u8> {
        population().name(0).into_bytes()
    }

    fn judge(message: &[u8]) -> (ContentVerdict, bool) {
        let mut verifier = Verifier::new();
        verifier.push(message);
        (verifier.finish(&owner()), verifier.marked())
    }

    #[test]
    fn what_was_seeded_is_verified_however_it_was_kept() {
        let message = message(1);
        assert_eq!(judge(&message), (ContentVerdict::Verified, true));
        let kept = lines_to_lf(&message);
        assert_eq!(judge(&lines_to_crlf(&kept)), (ContentVerdict::Verified, true));
        let traced = [b"Return-Path: <>\r\nReceived: from a\r\n\tby b; date\r\n", &message[..]].concat();
        assert_eq!(judge(&traced), (ContentVerdict::Verified, true));
        let text = String::from_utf8(message).unwrap();
        let folded = text.replace(" number=", "\r\n\tnumber=").replace(" seed=", "\r\n seed=");
        assert_eq!(judge(folded.as_bytes()), (ContentVerdict::Verified, true));
        let other_case = text.replace("X-Poplab-Load", "x-poplab-LOAD");
        assert_eq!(judge(other_case.as_bytes()), (ContentVerdict::Verified, true));
        let added = text.replacen("\r\n\r\n", "\r\nStatus: RO\r\nX-Poplab-Load: owner=x\r\n\r\n", 1);
        assert_eq!(judge(added.as_bytes()), (ContentVerdict::Verified, true), "the first field decides");
    }

    #[test]
    fn other_mail_is_not_verified_and_marked_only_if_it_is() {
        assert_eq!(judge(b"Subject: mine\r\n\r\ntext\r\n"), (ContentVerdict::Unverifiable, false));
        assert_eq!(judge(b""), (ContentVerdict::Unverifiable, false));
        assert_eq!(judge(b"\r\nX-Poplab-Load: owner=a\r\n"), (ContentVerdict::Unverifiable, false));
        assert_eq!(judge(&ordinary(1, 1, 700)), (ContentVerdict::Unverifiable, true));
        let text = String::from_utf8(message(1)).unwrap();
        let unmarked = text.replace("body-sha256=", "sha256=");
        assert_eq!(judge(unmarked.as_bytes()), (ContentVerdict::Verified, false));
        let quoted = format!("Subject: a\r\n\r\n{text}");
        assert_eq!(judge(quoted.as_bytes()), (ContentVerdict::Unverifiable, false));
        // Behind 8 KiB of header nothing is seen, and the header still ends where it ends.
        let late = format!("X-Long: {}\r\n{text}", "x".repeat(HEAD_AT_MOST));
        assert_eq!(judge(late.as_bytes()), (ContentVerdict::Unverifiable, false));
    }

    fn described(message: &[u8], piece: usize) -> bool {
        let mut verifier = Verifier::new();
        verifier.start_with_digest();
        message.chunks(piece).for_each(|piece| verifier.push(piece));
        verifier.finish(&owner());
        verifier.is_described()
    }

    #[test]
    fn a_marker_describes_the_body_it_was_made_for_and_no_other() {
        for message in [message(1), ordinary(1, 1, 700)] {
            for piece in [1, 7, 100_000] {
                assert!(described(&message, piece));
            }
            let edited = [&message[..message.len() - 2], b", and mine\r\n"].concat();
            let emptied = &message[..message.len() - body(&message).len()];
            for other in [&edited[..], emptied] {
                assert!(!described(other, 5));
                assert_eq!(Marker::parse(other).unwrap().describes(other), described(other, 5));
            }
            let mut verifier = Verifier::new();
            verifier.push(&message);
            verifier.finish(&owner());
            assert!(verifier.marked() && !verifier.is_described(), "nobody asked for the digest");
        }
        assert!(!described(b"Subject: mine\r\n\r\ntext\r\n", 3));
    }

    #[test]
    fn two_markers_are_told_apart() {
        let of = |message: &[u8]| {
            let mut verifier = Verifier::new();
            verifier.push(message);
            verifier.finish(&owner());
            verifier.mark()
        };
        let (one, two) = (of(&message(1)), of(&message(2)));
        assert!(one.is_some() && one != two);
        assert_eq!(one, of(&[b"Received: by b\r\n", &message(1)[..]].concat()));
        assert_eq!(of(b"Subject: mine\r\n\r\n"), None);
    }

    #[test]
    fn wrong_mail_is_told_apart() {
        let text = String::from_utf8(message(1)).unwrap();
        let mut verifier = Verifier::new();
        verifier.push(text.as_bytes());
        assert_eq!(verifier.finish(population().name(1).as_bytes()), ContentVerdict::WrongOwner);
        let longer = format!("{text}more\r\n");
        assert_eq!(judge(longer.as_bytes()).0, ContentVerdict::WrongLength);
        assert_eq!(judge(&text.as_bytes()[..text.len() - 2]).0, ContentVerdict::WrongLength);
        let swapped =
            [text.split_inclusive("\r\n\r\n").next().unwrap().as_bytes(), body(&message(2))].concat();
        assert_ne!(judge(&swapped).0, ContentVerdict::Verified);
        for (from, to) in [("crc32=", "crc32=0"), (" number=", " "), ("octets=", "octets=x"), ("owner=", "")]
        {
            let damaged = text.replacen(from, to, 1);
            assert_eq!(judge(damaged.as_bytes()).0, ContentVerdict::WrongChecksum, "{from}");
        }
    }

    #[test]
    fn the_header_alone_tells_whose_it_is_and_which() {
        let message = message(3);
        let head = message.len() - body(&message).len();
        let preview = |octets: &[u8], owner: &[u8]| {
            let mut verifier = Verifier::new();
            verifier.push(octets);
            (verifier.finish_preview(owner), verifier.number())
        };
        assert_eq!(preview(&message[..head], &owner()), (ContentVerdict::Verified, Some(3)));
        assert_eq!(preview(&message[..head + 20], &owner()), (ContentVerdict::Verified, Some(3)));
        let other = population().name(1).into_bytes();
        assert_eq!(preview(&message[..head], &other).0, ContentVerdict::WrongOwner);
        assert_eq!(preview(b"Subject: a\r\n\r\nx\r\n", &owner()), (ContentVerdict::Unverifiable, None));
    }

    #[test]
    fn buffers_are_used_again() {
        let (one, two) = (message(1), message(2));
        let mut verifier = Verifier::new();
        let mut capacities = Vec::new();
        for message in [&one, &two, &one, &two, &one] {
            verifier.start();
            message.chunks(90).for_each(|piece| verifier.push(piece));
            assert_eq!(verifier.finish(&owner()), ContentVerdict::Verified);
            capacities.push([&verifier.partial, &verifier.value, &verifier.owner].map(Vec::capacity));
        }
        assert_eq!(capacities[1..].iter().filter(|found| **found != capacities[1]).count(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_split_gives_the_same_verdict(
            number in 1u32..5, trace in 0usize..9_000, change in proptest::option::of(any::<prop::sample::Index>()),
            cuts in proptest::collection::vec(1usize..600, 0..60),
        ) {
            let field = format!("X-Trace: {}\r\n", "t".repeat(trace));
            let mut octets = [field.as_bytes(), &message(number)].concat();
            if let Some(change) = change {
                let at = change.index(octets.len());
                octets[at] = b'\n';
            }
            let mut verifier = Verifier::new();
            let mut rest = &octets[..];
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                verifier.push(piece);
                rest = behind;
            }
            verifier.push(rest);
            let verdict = verifier.finish(&owner());
            prop_assert_eq!((verdict, verifier.marked()), judge(&octets));
        }

        #[test]
        fn one_changed_octet_of_a_body_is_found(at in any::<prop::sample::Index>(), change in 1u8..=255) {
            let mut octets = message(3);
            let start = octets.len() - body(&octets).len();
            let at = start + at.index(octets.len() - start);
            octets[at] ^= change;
            prop_assert_eq!(judge(&octets).0, ContentVerdict::WrongChecksum);
        }

        #[test]
        fn nothing_panics(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = judge(&octets);
            let _ = judge(&[b"X-Poplab-Load:", &octets[..]].concat());
        }
    }
}

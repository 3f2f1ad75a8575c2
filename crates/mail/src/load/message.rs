//! One seeded message: its exact size without making it, and its octets.

use std::ops::Range;

use chance::Chance;

use super::Population;
use super::pattern::{Pattern, digits, push_decimal};
use super::text::Text;
use crate::content::push_hexadecimal;
use crate::{Marker, UniqueId};

/// What stands between the parts that vary. The order is that of the message.
const TO: &[u8] = b"From: poplab <load@poplab.test>\r\nTo: <";
const DOMAIN: &[u8] = b"@poplab.test";
const SUBJECT: &[u8] = b">\r\nSubject: Message ";
const SUBJECT_OWNER: &[u8] = b" for ";
const DATE: &[u8] = b"\r\nDate: ";
const MESSAGE_ID: &[u8] = b"\r\nMessage-ID: <";
const MARKER_NAME: &[u8] = b"@poplab.test>\r\nX-Poplab-Fixture: load-";
const MARKER_SEED: &[u8] = b" seed=";
const MARKER_SHA256: &[u8] = b" body-sha256=";
const LOAD_OWNER: &[u8] = b"\r\nX-Poplab-Load: owner=";
const LOAD_NUMBER: &[u8] = b" number=";
const LOAD_OCTETS: &[u8] = b" octets=";
const LOAD_CRC32: &[u8] = b" crc32=";
const BODY: &[u8] = b"\r\n\r\n";
const LAST: &[u8] = b"Here ends message ";
const LAST_OWNER: &[u8] = b" of ";
const LAST_KEY: &[u8] = b" ";
const END: &[u8] = b"\r\n";

/// Octets of what is always as long: a date, a key in hexadecimal, the two checksums, the number of octets.
const DATE_OCTETS: usize = 31;
const KEY_OCTETS: usize = 16;
const SHA256_OCTETS: usize = 64;
const OCTETS_OCTETS: usize = 10;
const CRC32_OCTETS: usize = 8;

/// All of a message that does not vary in length.
const FIXED: usize = TO.len()
    + SUBJECT.len()
    + SUBJECT_OWNER.len()
    + DATE.len()
    + DATE_OCTETS
    + MESSAGE_ID.len()
    + KEY_OCTETS
    + MARKER_NAME.len()
    + MARKER_SEED.len()
    + MARKER_SHA256.len()
    + SHA256_OCTETS
    + LOAD_OWNER.len()
    + LOAD_NUMBER.len()
    + LOAD_OCTETS.len()
    + OCTETS_OCTETS
    + LOAD_CRC32.len()
    + CRC32_OCTETS
    + BODY.len()
    + LAST.len()
    + LAST_OWNER.len()
    + LAST_KEY.len()
    + KEY_OCTETS
    + END.len();

/// A message of a population.
#[derive(Clone, Copy, Debug)]
pub struct LoadMessage<'a> {
    population: &'a Population,
    owner: Owner,
    number: u32,
    octets: u64,
}

/// An account as far as the sizes of its messages depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    /// The number in its name.
    number: u64,
    /// Octets of the name as it stands in a message.
    octets: usize,
    /// The name is an address already.
    address: bool,
    /// Octets of its smallest messages, but for the digits of their numbers.
    frame: usize,
    /// The sizes of its messages follow from this.
    sizes: u64,
}

impl<'a> LoadMessage<'a> {
    pub(super) fn new(population: &'a Population, owner: Owner, number: u32, octets: u64) -> LoadMessage<'a> {
        LoadMessage { population, owner, number, octets }
    }

    /// How many octets it has, exactly, as RETR transfers it without stuffing and terminator.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Appends the whole message: header, empty line, body, all lines with CRLF.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let octets = usize::try_from(self.octets).unwrap_or(usize::MAX);
        out.reserve(octets);
        let key = chance(self.population, *b"key     ", self.owner.number, self.number).next();
        let text = Text::shared();
        let places = self.write_header(key, text, out);

        let body = out.len();
        let last = self.last_octets();
        text.write(key, octets.saturating_sub(body - start + last), out);
        let lines = out.len() - body;
        let padding = octets.saturating_sub(out.len() - start + last);
        self.write_last_line(key, &places, padding, out);

        let (sha256, crc32) = text.checksums(key, &out[body..], lines);
        let mut digits = Vec::with_capacity(SHA256_OCTETS);
        push_hexadecimal(&sha256, &mut digits);
        out[places.sha256].copy_from_slice(&digits);
        digits.clear();
        push_hexadecimal(&crc32.to_be_bytes(), &mut digits);
        out[places.crc32].copy_from_slice(&digits);
        let mut rest = out.len() - body;
        for place in out[places.octets].iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        debug_assert_eq!((out.len() - start) as u64, self.octets, "the size was not worked out right");
    }

    /// Its unique-id for UIDL: 32 hexadecimal characters that follow from seed, account and number.
    pub fn unique_id(&self) -> UniqueId {
        unique_id(self.population, self.owner.number, self.number)
    }

    /// Writes the header and the empty line, with places left for what is known only behind the body.
    fn write_header(&self, key: u64, text: &Text, out: &mut Vec<u8>) -> Places {
        out.extend_from_slice(TO);
        let owner = out.len();
        Owner::write(self.population, self.owner.number, out);
        let owner = owner..out.len();
        if !self.owner.address {
            out.extend_from_slice(DOMAIN);
        }
        out.extend_from_slice(SUBJECT);
        push_decimal(self.number.into(), out);
        out.extend_from_slice(SUBJECT_OWNER);
        out.extend_from_within(owner.clone());
        out.extend_from_slice(DATE);
        out.extend_from_slice(text.date(key).as_bytes());
        out.extend_from_slice(MESSAGE_ID);
        push_hexadecimal(&key.to_be_bytes(), out);
        out.extend_from_slice(MARKER_NAME);
        push_decimal(self.number.into(), out);
        out.extend_from_slice(MARKER_SEED);
        push_decimal(self.population.seed, out);
        let sha256 = leave(MARKER_SHA256, SHA256_OCTETS, out);
        out.extend_from_slice(LOAD_OWNER);
        out.extend_from_within(owner.clone());
        out.extend_from_slice(LOAD_NUMBER);
        push_decimal(self.number.into(), out);
        let octets = leave(LOAD_OCTETS, OCTETS_OCTETS, out);
        let crc32 = leave(LOAD_CRC32, CRC32_OCTETS, out);
        out.extend_from_slice(BODY);
        Places { owner, sha256, octets, crc32 }
    }

    /// The line that no other message has.
    fn write_last_line(&self, key: u64, places: &Places, padding: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(LAST);
        push_decimal(self.number.into(), out);
        out.extend_from_slice(LAST_OWNER);
        out.extend_from_within(places.owner.clone());
        out.extend_from_slice(LAST_KEY);
        push_hexadecimal(&key.to_be_bytes(), out);
        out.resize(out.len() + padding, b'.');
        out.extend_from_slice(END);
    }

    /// Octets of that line without padding.
    fn last_octets(&self) -> usize {
        let literal = LAST.len() + LAST_OWNER.len() + LAST_KEY.len() + KEY_OCTETS + END.len();
        literal + digits(self.number.into()) + self.owner.octets
    }
}

impl Owner {
    pub(super) fn of(population: &Population, index: u64) -> Owner {
        let number = population.number(index);
        let octets = if population.user.bytes().all(is_plain) {
            Pattern::of(&population.user).octets(number)
        } else {
            let mut name = Vec::new();
            Owner::write(population, number, &mut name);
            name.len()
        };
        let address = population.user.contains('@');
        let domain = if address { 0 } else { DOMAIN.len() };
        let frame = FIXED + domain + 4 * octets + digits(population.seed);
        let sizes = Chance::of(&[population.seed, u64::from_be_bytes(*b"sizes   "), number]).next();
        Owner { number, octets, address, frame, sizes }
    }

    /// This many octets, or those of the smallest message of this number if that is more.
    pub(super) fn at_least(self, octets: u64, number: u32) -> u64 {
        // Nearly all are larger than any smallest one: a number has ten digits at most.
        if octets >= (self.frame + 4 * 10) as u64 {
            return octets;
        }
        octets.max((self.frame + 4 * digits(number.into())) as u64)
    }

    /// What chooses the sizes of a block of messages.
    pub(super) fn parts(self, block: u32) -> u64 {
        Chance::of(&[self.sizes, block.into()]).next()
    }

    /// Appends the name as it stands in a message.
    fn write(population: &Population, number: u64, out: &mut Vec<u8>) {
        let start = out.len();
        Pattern::of(&population.user).write(number, out);
        if !out[start..].iter().all(|octet| is_plain(*octet)) {
            let name = out.split_off(start);
            escape(&name, out);
        }
    }
}

/// The unique-id of a message of the account with this number.
pub(super) fn unique_id(population: &Population, account: u64, number: u32) -> UniqueId {
    let mut chance = chance(population, *b"uniqueid", account, number);
    UniqueId::of_words([chance.next(), chance.next()])
}

fn chance(population: &Population, purpose: [u8; 8], account: u64, number: u32) -> Chance {
    Chance::of(&[population.seed, u64::from_be_bytes(purpose), account, number.into()])
}

/// Where in the output something stands that is needed again, or is to be put.
struct Places {
    owner: Range<usize>,
    sha256: Range<usize>,
    octets: Range<usize>,
    crc32: Range<usize>,
}

/// Appends this and leaves room behind it.
fn leave(before: &[u8], octets: usize, out: &mut Vec<u8>) -> Range<usize> {
    out.extend_from_slice(before);
    let start = out.len();
    out.resize(start + octets, b'0');
    start..out.len()
}

/// Whether an octet of a name stands in a message as it is.
pub(super) fn is_plain(octet: u8) -> bool {
    octet.is_ascii_graphic() && octet != b'%'
}

fn escape(name: &[u8], out: &mut Vec<u8>) {
    for octet in name {
        if is_plain(*octet) {
            out.push(*octet);
        } else {
            out.push(b'%');
            push_hexadecimal(&[*octet], out);
        }
    }
}

/// The name of the field, for who reads it.
pub(super) const LOAD_FIELD: &str = "X-Poplab-Load";

const _: () =
    assert!(Marker::HEADER.len() == 16 && LOAD_FIELD.len() == 13, "the pieces above spell them out");

#[cfg(test)]
mod tests {
    use chance::Distribution;

    use super::*;
    use crate::{body, digest, wire};

    fn population(user: &str, octets: f64) -> Population {
        let sizes = Distribution::Fixed(octets);
        Population { seed: 42, user: user.to_owned(), first: 1, count: 200_000, messages: 20, sizes }
    }

    fn written(population: &Population, index: u64, number: u32) -> Vec<u8> {
        let mut out = b"before".to_vec();
        population.message(index, number).write(&mut out);
        out.split_off(6)
    }

    #[test]
    fn every_size_is_met_to_the_octet() {
        for user in ["load{n:05}", "{n}@example.org", "na\u{ef}ve {n}%"] {
            for octets in (0u32..2_000).step_by(7).chain([9_999, 10_000, 13_000, 100_001, 1_500_000]) {
                let population = population(user, f64::from(octets));
                for (index, number) in [(0, 1), (99_999, 12)] {
                    let message = written(&population, index, number);
                    let planned = population.message(index, number).octets();
                    assert_eq!(message.len() as u64, planned, "{user} {octets}");
                    assert!(planned == u64::from(octets) || octets < 500, "{user} {octets} {planned}");
                }
            }
        }
    }

    #[test]
    fn messages_are_legal_and_marked() {
        for octets in [0.0, 700.0, 13_000.0, 1_200_000.0] {
            let message = written(&population("load{n:05}", octets), 6, 3);
            assert!(message.is_ascii() && message.ends_with(b"\r\n"));
            for line in crate::content::lines(&message) {
                assert!(line.ends_with(b"\r\n") && line.len() < 250 && !line.starts_with(b"From "));
                assert!(!line.ends_with(b" \r\n") && !line[..line.len() - 2].contains(&b'\r'));
            }
            let marker = Marker::parse(&message).unwrap();
            assert_eq!((marker.fixture.as_str(), marker.seed), ("load-3", 42));
            assert!(marker.describes(&message));
            let head = String::from_utf8_lossy(&message[..message.len() - body(&message).len()]).into_owned();
            let (octets, crc32) = (body(&message).len(), crc32fast::hash(body(&message)));
            let field =
                format!("X-Poplab-Load: owner=load00007 number=3 octets={octets:010} crc32={crc32:08x}\r\n");
            assert!(head.contains(&field), "{head}");
            assert_eq!(*wire(&message), message[..]);
        }
    }

    #[test]
    fn no_two_bodies_and_unique_ids_are_the_same() {
        let population = population("load{n:05}", 900.0);
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..20 {
            for number in 1..=20 {
                let message = written(&population, index, number);
                assert!(seen.insert(digest(body(&message))), "{index} {number}");
                assert!(seen.insert(population.message(index, number).unique_id().to_string()));
            }
        }
    }

    #[test]
    fn does_not_change_between_versions() {
        let varying = Population {
            sizes: Distribution::Uniform { low: 1_000.0, high: 9_000.0 },
            messages: 8,
            ..population("load{n:05}", 0.0)
        };
        assert_eq!(varying.sizes(6).collect::<Vec<u64>>(), [7230, 8684, 8832, 5746, 8551, 2543, 1980, 8051]);
        // Accounts that were filled by an older version would not be recognised any more.
        let message = written(&population("load{n:05}", 13_000.0), 6, 3);
        assert_eq!(digest(&message), "1f2d885ac9f7a9639919f3b5b039ee140686e208a0ffb357290bd90e2398e9e6");
        assert_eq!(
            population("load{n:05}", 13_000.0).message(6, 3).unique_id().as_str(),
            "1fcdb7ca93280b9f97cc824b2996f48a"
        );
    }
}

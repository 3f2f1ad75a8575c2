//! What the client sent, with every secret replaced by how it is made: from a password that the reader gives, and from
//! what the server said.
//!
//! What cannot be made again is not told at all.

use std::collections::BTreeMap;
use std::ops::Range;

use sasl::{apop, base64, cram_md5};

use super::scram;
use super::words::python_octets;

/// Digits that the suite leaves of a digest it cuts off.
const DIGITS_LEFT: usize = 16;
/// Shorter texts are not taken for base64.
const PLAIN_AT_MOST: usize = 5;

/// A user and a password that may be in the conversation.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// A part of what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// As it is.
    Octets(Vec<u8>),
    /// To be made: an expression of Python.
    Made {
        /// The expression; its value are octets.
        python: String,
        /// The same between double quotes of a shell, if a shell can.
        shell: Option<String>,
    },
}

/// A secret within what a session sent.
struct Found {
    place: Range<usize>,
    python: String,
    shell: Option<String>,
}

/// The client's side of all sessions.
pub(crate) struct Sent<'a> {
    accounts: &'a [Account],
    redact: &'a dyn Fn(&str) -> String,
    sessions: BTreeMap<u32, Side>,
}

#[derive(Default)]
struct Side {
    octets: Vec<u8>,
    /// Each write: its step, and where its octets begin.
    writes: Vec<(usize, usize)>,
    /// The server's lines, with how much had been sent when they came.
    heard: Vec<(usize, Vec<u8>)>,
}

impl<'a> Sent<'a> {
    /// Nothing yet.
    pub(crate) fn new(accounts: &'a [Account], redact: &'a dyn Fn(&str) -> String) -> Self {
        Self { accounts, redact, sessions: BTreeMap::new() }
    }

    /// The client sent this in the step with this index.
    pub(crate) fn write(&mut self, session: u32, step: usize, octets: &[u8]) {
        let side = self.sessions.entry(session).or_default();
        side.writes.push((step, side.octets.len()));
        side.octets.extend_from_slice(octets);
    }

    /// The server said this.
    pub(crate) fn heard(&mut self, session: u32, line: &[u8]) {
        let side = self.sessions.entry(session).or_default();
        side.heard.push((side.octets.len(), line.to_vec()));
    }

    /// What was sent by step; `None` if a secret would be left in it.
    pub(crate) fn pieces(&self) -> Option<BTreeMap<usize, Vec<Piece>>> {
        let mut pieces = BTreeMap::new();
        for (session, side) in &self.sessions {
            let found = self.found(*session, side)?;
            for (number, (step, from)) in side.writes.iter().enumerate() {
                let to = side.writes.get(number + 1).map_or(side.octets.len(), |(_, next)| *next);
                pieces.insert(*step, cut(&side.octets, &found, *from..to));
            }
        }
        Some(pieces)
    }

    /// The secrets of a session, in order.
    fn found(&self, session: u32, side: &Side) -> Option<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        let mut from = 0;
        for line in side.octets.split_inclusive(|octet| *octet == b'\n') {
            // An answer is made from what was heard before its line began.
            let heard = side.heard.iter().rev().find(|(at, _)| *at <= from).map(|(_, line)| line.as_slice());
            let greeting = side.heard.first().map(|(_, line)| line.as_slice());
            let place = Place { session, line, from, said: &side.octets[..from], heard, greeting };
            let secrets = self.of_line(&place);
            if !self.is_clean(&place, &secrets) {
                return None;
            }
            found.extend(secrets);
            from += line.len();
        }
        Some(found)
    }

    fn of_line(&self, place: &Place<'_>) -> Vec<Found> {
        // A short password may stand anywhere; where it is given, it is the argument of PASS.
        if place.line.get(..5).is_some_and(|verb| verb.eq_ignore_ascii_case(b"PASS ")) {
            return self.of_pass(place);
        }
        let mut at = 0;
        let mut found = Vec::new();
        for word in place.line.split(|octet| matches!(octet, b' ' | b'\r' | b'\n')) {
            let range = place.from + at..place.from + at + word.len();
            found.extend(self.of_word(place, word, &range));
            at += word.len() + 1;
        }
        found
    }

    /// A password, or a wrong one made of it, in the argument of PASS.
    fn of_pass(&self, place: &Place<'_>) -> Vec<Found> {
        let argument = &place.line[5..];
        let candidates = self.accounts.iter().flat_map(|Account { user, password }| {
            let python = password_of(user);
            let swapped: String = password.chars().map(swapped_case).collect();
            let mut shorter = password.clone();
            // A character of several octets would be cut within.
            if shorter.pop().is_some_and(|last| !last.is_ascii()) {
                shorter.clear();
            }
            [
                (password.clone(), python.clone(), Some("${PASSWORD:?}".to_owned())),
                (swapped, format!("swapped({python})"), None),
                (shorter, format!("{python}[:-1]"), None),
            ]
        });
        let found = candidates
            .filter(|(secret, ..)| !secret.is_empty())
            .filter_map(|(secret, python, shell)| {
                Some((find(argument, secret.as_bytes())?, secret, python, shell))
            })
            .max_by_key(|(_, secret, ..)| secret.len());
        let Some((at, secret, python, shell)) = found else { return Vec::new() };
        let from = place.from + 5 + at;
        vec![Found { place: from..from + secret.len(), python, shell }]
    }

    /// A digest, or base64 with a password or a digest in it.
    fn of_word(&self, place: &Place<'_>, word: &[u8], range: &Range<usize>) -> Option<Found> {
        let session = place.session;
        let made = |python: String, shell| Some(Found { place: range.clone(), python, shell });
        let greeting = place.greeting.unwrap_or_default();
        for Account { user, password } in self.accounts {
            let timestamp = apop::timestamp(greeting).unwrap_or_default();
            if !timestamp.is_empty() && word == apop::digest(timestamp, password).as_bytes() {
                return made(format!("apop({session}, {})", password_of(user)), None);
            }
        }
        let Some(decoded) = base64::decode(word).ok().filter(|_| word.len() >= 4) else {
            return self.of_broken_word(place, word, range);
        };
        let challenge = place
            .heard
            .and_then(|line| line.strip_prefix(b"+ "))
            .and_then(|text| base64::decode(text.trim_ascii_end()).ok());
        let last = challenge.as_ref().filter(|_| find(&decoded, b",p=").is_some());
        if let Some(challenge) = last {
            return made(scram::made(session, place.said, challenge, &decoded, self.accounts)?, None);
        }
        for Account { user, password } in self.accounts {
            if let Some(challenge) = &challenge {
                let found = digests(session, user, &cram_md5::digest(challenge, password))
                    .into_iter()
                    .find_map(|(digest, python)| Some((find(&decoded, digest.as_bytes())?, digest, python)));
                if let Some((at, digest, python)) = found {
                    return made(self.encoded(&decoded, at, digest.len(), &python)?, None);
                }
            }
            if let Some(at) = whole(&decoded, password.as_bytes()) {
                let secret = password_of(user);
                let shell = (decoded[..at] == [b"\0", user.as_bytes(), b"\0"].concat()
                    && at + password.len() == decoded.len())
                .then(|| {
                    let user = user.replace('\'', "'\\''");
                    format!("$(printf '\\000%s\\000%s' '{user}' \"${{PASSWORD:?}}\" | base64 | tr -d '\\n')")
                });
                return made(self.encoded(&decoded, at, password.len(), &secret)?, shell);
            }
        }
        None
    }

    /// Base64 with a secret in it that something was put into, so that it is no base64.
    fn of_broken_word(&self, place: &Place<'_>, word: &[u8], range: &Range<usize>) -> Option<Found> {
        let foreign = |octet: &u8| !octet.is_ascii_alphanumeric() && !b"+/=".contains(octet);
        let at = word.iter().position(foreign)?;
        let length = word[at..].iter().take_while(|octet| foreign(octet)).count();
        let (put, back) = word[at..].split_at(length);
        let right = self.of_word(place, &[&word[..at], back].concat(), range)?;
        let at = if back.is_empty() { "None".to_owned() } else { at.to_string() };
        let python = format!("spliced({}, {at}, {})", right.python, python_octets(put));
        Some(Found { python, shell: None, ..right })
    }

    /// Base64 made from a secret and what is around it; `None` if another secret is.
    fn encoded(&self, decoded: &[u8], at: usize, length: usize, secret: &str) -> Option<String> {
        let (before, after) = (&decoded[..at], &decoded[at + length..]);
        if !self.is_harmless(before) || !self.is_harmless(after) {
            return None;
        }
        let parts = [python_octets(before), secret.to_owned(), python_octets(after)];
        let parts: Vec<String> = parts.into_iter().filter(|part| part != "b\"\"").collect();
        Some(format!("b64({})", parts.join(" + ")))
    }

    /// Whether no secret is left in a line beside those that were found.
    fn is_clean(&self, place: &Place<'_>, found: &[Found]) -> bool {
        let mut from = 0;
        let found = found.iter().map(|found| found.place.start - place.from..found.place.end - place.from);
        for range in found.chain(std::iter::once(place.line.len()..place.line.len())) {
            let between = &place.line[from..range.start];
            let words = between.split(|octet| matches!(octet, b' ' | b'\r' | b'\n'));
            let mut rest = Vec::new();
            for word in words {
                // What is secret only as base64 may be shown if what it stands for may. Nothing but NUL is nobody's
                // password.
                match base64::decode(word).ok() {
                    Some(octets) if find(&octets, b",p=").is_some() => return false,
                    Some(octets) if octets.len() > PLAIN_AT_MOST && self.is_harmless(&octets) => {}
                    Some(octets) if octets.iter().all(|octet| *octet == 0) => {}
                    _ => rest.push(word),
                }
            }
            if !self.is_harmless(&rest.join(&b' ')) {
                return false;
            }
            from = range.end;
        }
        true
    }

    fn is_harmless(&self, octets: &[u8]) -> bool {
        let text = String::from_utf8_lossy(octets);
        (self.redact)(&text) == text
    }
}

/// A line of the client, and what had been heard when it began.
struct Place<'a> {
    session: u32,
    line: &'a [u8],
    from: usize,
    /// What the client had said in this session before.
    said: &'a [u8],
    heard: Option<&'a [u8]>,
    greeting: Option<&'a [u8]>,
}

/// The octets of one write. A secret that lies in several writes is cut.
fn cut(octets: &[u8], found: &[Found], write: Range<usize>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut from = write.start;
    for secret in found {
        let (start, end) = (secret.place.start.max(write.start), secret.place.end.min(write.end));
        if start >= end {
            continue;
        }
        if from < start {
            pieces.push(Piece::Octets(octets[from..start].to_vec()));
        }
        let whole = (start..end) == secret.place;
        let (skipped, length) = (start - secret.place.start, end - secret.place.start);
        pieces.push(Piece::Made {
            python: if whole {
                secret.python.clone()
            } else {
                format!("part({}, {skipped}, {length})", secret.python)
            },
            shell: secret.shell.clone().filter(|_| whole),
        });
        from = end;
    }
    if from < write.end {
        pieces.push(Piece::Octets(octets[from..write.end].to_vec()));
    }
    pieces
}

/// A digest of CRAM-MD5, and what the suite makes of it: with another first digit, and cut off.
fn digests(session: u32, user: &str, digest: &str) -> [(String, String); 3] {
    let python = format!("cram({session}, {})", password_of(user));
    let first = if digest.starts_with('0') { "1" } else { "0" };
    let changed = format!("{first}{}", digest.get(1..).unwrap_or_default());
    let cut = digest.get(..DIGITS_LEFT).unwrap_or(digest).to_owned();
    let cut_off = format!("{python}[:{DIGITS_LEFT}]");
    [(digest.to_owned(), python.clone()), (changed, format!("changed({python})")), (cut, cut_off)]
}

pub(super) fn password_of(user: &str) -> String {
    format!("password({})", python_octets(user.as_bytes()))
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() { None } else { memchr::memmem::find(octets, wanted) }
}

/// Where a password stands, but for short ones only as a field of its own.
fn whole(octets: &[u8], password: &[u8]) -> Option<usize> {
    const SHORT: usize = 3;
    if password.len() > SHORT {
        return find(octets, password);
    }
    let mut at = 0;
    for field in octets.split(|octet| *octet == 0) {
        if field == password {
            return Some(at);
        }
        at += field.len() + 1;
    }
    None
}

fn swapped_case(letter: char) -> char {
    if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
}

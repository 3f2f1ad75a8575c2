//! The reader of the text form, line by line; what stands within a line of the wire is read by `notation`.
//!
//! It never panics, whatever the text, and allocates no more than a small multiple of it.

use thiserror::Error;

use crate::notation::{self, Mismatch, count_of, number, sha256};
use crate::render::{one_line, title_line};
use crate::transcript::{Entry, Side, Transcript, Wire};

/// A text that is no transcript.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct ParseError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What should have stood there.
    pub expected: String,
    /// What stood there instead: the beginning of it in quotes, or `the end of the text`.
    pub found: String,
}

/// Reads a whole transcript.
pub(crate) fn transcript(text: &str) -> Result<Transcript, ParseError> {
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let mut end = 1;
    let mut next = || match lines.next() {
        Some((number, line)) => {
            end = number + 1;
            (number, Some(line))
        }
        None => (end, None),
    };

    let (first, line) = next();
    let (title, seed) = title(line).map_err(|mismatch| mismatch.at(first))?;
    let mut entries = Vec::new();
    let (sent, received) = loop {
        let (number, line) = next();
        match line.and_then(|line| line.strip_prefix("# wire: ")) {
            Some(sums) => break wire(sums).map_err(|mismatch| mismatch.at(number))?,
            None => entries.push(entry(line).map_err(|mismatch| mismatch.at(number))?),
        }
    };
    loop {
        match next() {
            (_, None) => return Ok(Transcript { title, seed, entries, sent, received }),
            (_, Some("")) => {}
            (number, more) => return Err(missing("nothing after the sums over the wire", more).at(number)),
        }
    }
}

/// What is wrong within a line.
struct Wrong {
    expected: &'static str,
    found: Option<String>,
}

impl Wrong {
    fn at(self, line: usize) -> ParseError {
        let found = match self.found {
            None => "the end of the text".to_owned(),
            Some(found) if found.is_empty() => "the end of the line".to_owned(),
            Some(found) => {
                let shown: String = found.chars().take(40).collect();
                let more = if shown.len() < found.len() { "…" } else { "" };
                format!("“{}{more}”", one_line(&shown))
            }
        };
        ParseError { line, expected: self.expected.to_owned(), found }
    }
}

impl From<Mismatch> for Wrong {
    fn from(mismatch: Mismatch) -> Wrong {
        Wrong { expected: mismatch.expected, found: Some(mismatch.found) }
    }
}

fn missing(expected: &'static str, found: Option<&str>) -> Wrong {
    Wrong { expected, found: found.map(str::to_owned) }
}

fn title(line: Option<&str>) -> Result<(String, Option<u64>), Wrong> {
    let wrong = || missing("the title: # TITLE, or # TITLE   seed N", line);
    let text = line.and_then(|line| line.strip_prefix('#')).ok_or_else(wrong)?;
    if !(text.is_empty() || text.starts_with(' ')) {
        return Err(wrong());
    }
    let (title, seed) = match text.rsplit_once("   seed ") {
        Some((title, seed)) => {
            (title, Some(number(seed).ok_or_else(|| missing("a number as seed", Some(seed)))?))
        }
        None => (text, None),
    };
    Ok((title_line(title), seed))
}

fn entry(line: Option<&str>) -> Result<Entry, Wrong> {
    let wrong = || missing("an entry “[SESSION] …”, or the sums “# wire: …”", line);
    let (session, after) = line
        .and_then(|line| line.strip_prefix('['))
        .and_then(|after| after.split_once("] "))
        .ok_or_else(wrong)?;
    let session = number(session).and_then(|session| u32::try_from(session).ok()).ok_or_else(wrong)?;
    let (marker, text) = after.split_at_checked(2).unwrap_or((after, ""));
    let text = match text {
        "" => "",
        text => text
            .strip_prefix(' ')
            .ok_or_else(|| missing("a space after ==, ^^, C:, C|, S: or S|", Some(after)))?,
    };
    let (side, content) = match marker {
        "==" => return Ok(Entry::Note { session, text: one_line(text) }),
        "^^" => return Ok(Entry::Mark { session, text: one_line(text) }),
        "C:" => (Side::Client, false),
        "C|" => (Side::Client, true),
        "S:" => (Side::Server, false),
        "S|" => (Side::Server, true),
        _ => return Err(missing("==, ^^, C:, C|, S: or S| after the session", Some(after))),
    };
    if content && let Some((lines, octets, sha256)) = folded(text) {
        return Ok(Entry::Folded { session, side, lines, octets, sha256 });
    }
    Ok(Entry::Line { session, side, content, text: notation::read(text)? })
}

/// `‹N lines, N octets, sha256 HASH›`
fn folded(text: &str) -> Option<(u64, u64, String)> {
    let inside = text.strip_prefix('‹')?.strip_suffix('›')?;
    let (lines, inside) = inside.split_once(", ")?;
    let (octets, hash) = inside.split_once(", sha256 ")?;
    Some((count_of(lines, "line")?, count_of(octets, "octet")?, sha256(hash)?))
}

fn wire(sums: &str) -> Result<(Wire, Wire), Wrong> {
    sums.split_once("  ")
        .and_then(|(sent, received)| {
            Some((sum(sent.strip_prefix("C ")?)?, sum(received.strip_prefix("S ")?)?))
        })
        .ok_or_else(|| missing("C N octets sha256 HASH  S N octets sha256 HASH", Some(sums)))
}

fn sum(text: &str) -> Option<Wire> {
    let (octets, hash) = text.split_once(" sha256 ")?;
    Some(Wire { octets: count_of(octets, "octet")?, sha256: sha256(hash)? })
}

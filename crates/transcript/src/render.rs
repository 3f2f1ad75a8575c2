//! The writer of the format, as far as lines of the text go; what stands within a line of the wire is `notation`.

use std::fmt::Write as _;

use crate::transcript::{Entry, Side, Transcript, Wire};

/// The whole text form.
pub(crate) fn transcript(transcript: &Transcript) -> String {
    let mut out = title(transcript);
    out.push('\n');
    for entry in &transcript.entries {
        out.push_str(&self::entry(entry));
        out.push('\n');
    }
    let _ = writeln!(out, "# wire: C {}  S {}", sum(&transcript.sent), sum(&transcript.received));
    out
}

/// One visible line: controls as pictures, other invisible characters by number, no space around it.
///
/// For titles and notes, which are written by poplab; it is idempotent, not reversible.
pub(crate) fn one_line(text: &str) -> String {
    text.trim()
        .chars()
        .flat_map(|character| {
            let shown = match u32::from(character) {
                code @ 0..0x20 => char::from_u32(0x2400 + code),
                0x7F => Some('␡'),
                _ => Some(character),
            };
            let hidden = shown.filter(|shown| crate::notation::is_invisible(*shown));
            let number = hidden.into_iter().flat_map(char::escape_unicode);
            shown.filter(|_| hidden.is_none()).into_iter().chain(number)
        })
        .collect()
}

/// A title: one line whose words are parted by single spaces, so that the seed after it can be told apart.
pub(crate) fn title_line(title: &str) -> String {
    one_line(&title.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// `1 line`, `2 lines`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The title's line, without line end.
pub(crate) fn title(transcript: &Transcript) -> String {
    let title = title_line(&transcript.title);
    let mut out = String::from("#");
    if !title.is_empty() {
        let _ = write!(out, " {title}");
    }
    if let Some(seed) = transcript.seed {
        let _ = write!(out, "   seed {seed}");
    }
    out
}

/// An entry's line, without line end.
pub(crate) fn entry(entry: &Entry) -> String {
    let mut out = format!("[{}] ", entry.session());
    let (marker, text) = match entry {
        Entry::Note { text, .. } => ("==", one_line(text)),
        Entry::Mark { text, .. } => ("^^", one_line(text)),
        Entry::Line { side, content, text, .. } => (marker(*side, *content), text.to_string()),
        Entry::Folded { side, lines, octets, sha256, .. } => {
            let (lines, octets) = (counted(*lines, "line"), counted(*octets, "octet"));
            (marker(*side, true), format!("‹{lines}, {octets}, sha256 {sha256}›"))
        }
    };
    out.push_str(marker);
    if !text.is_empty() {
        out.push(' ');
        out.push_str(&text);
    }
    out
}

fn marker(side: Side, content: bool) -> &'static str {
    match (side, content) {
        (Side::Client, false) => "C:",
        (Side::Client, true) => "C|",
        (Side::Server, false) => "S:",
        (Side::Server, true) => "S|",
    }
}

fn sum(wire: &Wire) -> String {
    format!("{} sha256 {}", counted(wire.octets, "octet"), wire.sha256)
}

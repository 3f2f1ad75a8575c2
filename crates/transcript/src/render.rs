//! The writer of the format, as far as lines of the text go; what stands within a line of the wire is `notation`.

use std::fmt::Write as _;

use crate::transcript::{Entry, Side, Transcript, Wire};

/// Characters of a line that an excerpt shows.
const EXCERPT_WIDTH: usize = 160;

/// The whole text form.
pub(crate) fn transcript(transcript: &Transcript) -> String {
    let mut out = title(transcript);
    for entry in &transcript.entries {
        self::entry(&mut out, entry);
    }
    let _ = writeln!(out, "# wire: C {}  S {}", sum(&transcript.sent), sum(&transcript.received));
    out
}

/// Head and tail of the text form.
pub(crate) fn excerpt(transcript: &Transcript, at_most_lines: usize) -> String {
    // Rendering only what is shown: a transcript may have thousands of entries.
    let total = transcript.entries.len() + 1;
    let (head, tail) = if total <= at_most_lines {
        (total, 0)
    } else {
        // How it began takes a third, how it ended the rest: most conversations fail at their end.
        let shown = at_most_lines.saturating_sub(1);
        (shown / 3, shown - shown / 3)
    };
    let mut out = String::new();
    for number in 0..head {
        excerpt_line(&mut out, transcript, number);
    }
    if head + tail < total && at_most_lines > 0 {
        let _ = writeln!(out, "… {} left out", counted((total - head - tail) as u64, "line"));
    }
    for number in total - tail..total {
        excerpt_line(&mut out, transcript, number);
    }
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

fn title(transcript: &Transcript) -> String {
    let title = title_line(&transcript.title);
    let mut out = String::from("#");
    if !title.is_empty() {
        let _ = write!(out, " {title}");
    }
    if let Some(seed) = transcript.seed {
        let _ = write!(out, "   seed {seed}");
    }
    out.push('\n');
    out
}

fn entry(out: &mut String, entry: &Entry) {
    let _ = write!(out, "[{}] ", entry.session());
    let (marker, text) = match entry {
        Entry::Note { text, .. } => ("==", one_line(text)),
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
    out.push('\n');
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

/// Line 0 is the title, line n the n-th entry.
fn excerpt_line(out: &mut String, transcript: &Transcript, number: usize) {
    let mut line = String::new();
    match number.checked_sub(1).and_then(|index| transcript.entries.get(index)) {
        Some(entry) => self::entry(&mut line, entry),
        None => line = title(transcript),
    }
    out.push_str(&narrow(line.trim_end_matches('\n')));
    out.push('\n');
}

fn narrow(line: &str) -> String {
    match line.char_indices().nth(EXCERPT_WIDTH) {
        None => line.to_owned(),
        Some((at, _)) => {
            let left_out = line.chars().count() - EXCERPT_WIDTH;
            format!("{} … {} left out", &line[..at], counted(left_out as u64, "character"))
        }
    }
}

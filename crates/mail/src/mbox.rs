//! Reading mbox files (RFC 4155).
//!
//! The variant read is *mboxrd*: a message begins at a separator, and `From ` lines of its text were written with one
//! more `>`. It deliberately does not look at Content-Length (mboxcl) and does not write: poplab never changes a mail
//! folder. What could be a separator and is none, or the other way round, is told: whoever reads it knows better.

use std::fmt;

use crate::content::{lines, lines_to_crlf, without_line_end};

/// Of the lines in doubt, so many are kept; the rest are counted.
const MOST_TOLD: usize = 20;

/// What an mbox file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mbox {
    /// The messages in their order, with CRLF line ends.
    pub messages: Vec<Vec<u8>>,
    /// Lines that may have been meant otherwise than they were taken, the first twenty.
    pub doubts: Vec<Doubt>,
    /// How many such lines there are in all.
    pub doubtful: usize,
}

/// A line in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Its number in the file, from 1.
    pub line: usize,
    /// How it was taken, and why.
    pub taken: Taken,
}

/// How a line in doubt was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// As the beginning of a message: it is like one, but for the address or the time.
    Separator,
    /// As text: it is a whole separator, but no empty line precedes it.
    TextNotAfterEmptyLine,
    /// As text: it begins with `From `, but has no address and no time behind it.
    TextNoSeparator,
    /// As nothing: what stands before the first message belongs to none.
    BeforeFirstMessage,
    /// As text, without its `>` as everywhere: a quoted separator where a header begins, where some programs leave it.
    QuotedSeparator,
}

impl fmt::Display for Taken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Taken::Separator => {
                "taken for the beginning of a message, though it is not `From `, an address and a time (RFC 4155)"
            }
            Taken::TextNotAfterEmptyLine => "taken for text, since no empty line precedes it",
            Taken::TextNoSeparator => "taken for text, since `From ` is not followed by an address and a time",
            Taken::BeforeFirstMessage => "left out, since no message has begun there",
            Taken::QuotedSeparator => "a quoted separator where a header begins; it lost its `>` and is not a header field",
        })
    }
}

/// Whether a file is to be read as an mbox: its first line that is not empty begins with `From `, as no header does.
pub fn is_mbox(file: &[u8]) -> bool {
    lines(text_of(file))
        .map(without_line_end)
        .find(|line| !line.is_empty())
        .is_some_and(|line| line.starts_with(b"From ") || line == b"From")
}

/// Reads an mbox file.
///
/// A separator is `From `, an address and a time, at the start of the file or after an empty line. Any other line that
/// begins with `From ` is text, but for the first line of the file, with which a message begins in any case. The empty
/// line before the next message belongs to the format and is left out, so is one at the end of the file; so are a byte
/// order mark and empty lines at its beginning. `>From `, `>>From ` and so on lose one `>`. What else stands before the
/// first separator is left out.
pub fn read(file: &[u8]) -> Mbox {
    let mut mbox = Mbox::default();
    let mut after_empty_line = true;
    // An empty line is held back until it is known to be content.
    let mut held: &[u8] = b"";
    for (index, line) in lines(text_of(file)).enumerate() {
        let text = without_line_end(line);
        let (number, separates) = (index + 1, is_separator(text));
        let first = mbox.messages.is_empty() && mbox.doubtful == 0;
        let bare = text == b"From " || text == b"From";
        if after_empty_line && (separates || (first && (bare || text.starts_with(b"From ")))) {
            if !separates {
                mbox.doubt(number, Taken::Separator);
            }
            mbox.messages.push(Vec::new());
            (after_empty_line, held) = (false, b"");
            continue;
        }
        let empty_line_precedes = std::mem::replace(&mut after_empty_line, text.is_empty());
        let Some(message) = mbox.messages.last_mut() else {
            if !text.is_empty() && mbox.doubtful == 0 {
                mbox.doubt(number, Taken::BeforeFirstMessage);
            }
            continue;
        };
        let header_begins = message.is_empty() && held.is_empty();
        message.extend_from_slice(held);
        held = if text.is_empty() { line } else { b"" };
        if !text.is_empty() {
            message.extend_from_slice(unquoted(line));
        }
        if separates {
            mbox.doubt(number, Taken::TextNotAfterEmptyLine);
        } else if bare || (empty_line_precedes && text.starts_with(b"From ")) {
            mbox.doubt(number, Taken::TextNoSeparator);
        } else if header_begins && unquoted(text).len() < text.len() {
            mbox.doubt(number, Taken::QuotedSeparator);
        }
    }
    for message in &mut mbox.messages {
        *message = lines_to_crlf(message);
    }
    mbox
}

impl Mbox {
    fn doubt(&mut self, line: usize, taken: Taken) {
        self.doubtful += 1;
        if self.doubts.len() < MOST_TOLD {
            self.doubts.push(Doubt { line, taken });
        }
    }
}

/// The file without a byte order mark.
fn text_of(file: &[u8]) -> &[u8] {
    file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file)
}

/// Whether a line is `From `, one word for the address (`-` and `MAILER-DAEMON` are usual, too), and a time as C's
/// `asctime` writes it: `Fri Apr 11 15:36:11 2025`, with or without seconds and a time zone. More may follow.
fn is_separator(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"From ") else { return false };
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let address = words.next().is_some();
    let mut word = |fits: fn(&[u8]) -> bool| words.next().is_some_and(fits);
    let weekday = |word: &[u8]| [&b"Mon"[..], b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"].contains(&word);
    let month = |word: &[u8]| {
        [&b"Jan"[..], b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"]
            .contains(&word)
    };
    let day = |word: &[u8]| word.len() <= 2 && digits(word);
    let time = |word: &[u8]| {
        let mut parts = word.split(|octet| *octet == b':');
        let pairs = parts.by_ref().take(3).filter(|part| part.len() == 2 && digits(part)).count();
        pairs >= 2 && word.len() == 3 * pairs - 1
    };
    let begins = address && word(weekday) && word(month) && word(day) && word(time);
    // A time zone may stand before the year: a name or an offset, or both.
    begins && words.take(3).any(|word| word.len() == 4 && digits(word))
}

fn digits(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

/// The line without the `>` that the writer put before `From `.
fn unquoted(line: &[u8]) -> &[u8] {
    let marks = line.iter().take_while(|octet| **octet == b'>').count();
    if marks > 0 && line[marks..].starts_with(b"From ") { &line[1..] } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "From a@b Thu Jan  1 00:00:00 1970\n";
    const B: &str = "From - Sat Apr 12 15:59:22 2025\n";

    fn read_text(text: &str) -> (Vec<String>, Vec<(usize, Taken)>) {
        let mbox = read(text.as_bytes());
        assert_eq!(mbox.doubtful, mbox.doubts.len());
        let messages = mbox.messages.into_iter().map(|octets| String::from_utf8(octets).unwrap()).collect();
        (messages, mbox.doubts.iter().map(|doubt| (doubt.line, doubt.taken)).collect())
    }

    fn messages(text: &str) -> Vec<String> {
        let (messages, doubts) = read_text(text);
        assert_eq!(doubts, []);
        messages
    }

    #[test]
    fn two_messages() {
        let file = format!("{A}A: 1\n\n>From here\n>>From there\n> From\n\n{B}B: 2\n\nlast\n\n");
        let expected = ["A: 1\r\n\r\nFrom here\r\n>From there\r\n> From\r\n", "B: 2\r\n\r\nlast\r\n"];
        assert_eq!(messages(&file), expected);
        assert_eq!(messages(&file.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn empty_lines_of_the_text_stay() {
        let file = format!("{A}A: 1\n\n\n\ntext\n\n\n\n{B}\n");
        assert_eq!(messages(&file), ["A: 1\r\n\r\n\r\n\r\ntext\r\n\r\n\r\n", ""]);
    }

    #[test]
    fn from_in_a_paragraph_is_text() {
        assert_eq!(
            messages(&format!("{A}A: 1\n\ntext\nFrom here on\n")),
            ["A: 1\r\n\r\ntext\r\nFrom here on\r\n"]
        );
    }

    #[test]
    fn edges_of_the_file() {
        assert!(messages("").is_empty() && messages("\n\n").is_empty() && messages("\u{feff}").is_empty());
        assert_eq!(messages(A.trim_end()), [""]);
        assert_eq!(messages(&format!("\u{feff}\r\n\n{A}A: 1\n\nunfinished")), ["A: 1\r\n\r\nunfinished"]);
        let (left_out, doubts) = read_text(&format!("junk\nmore\n\n{A}A: 1\n"));
        assert_eq!((left_out.len(), doubts), (1, vec![(1, Taken::BeforeFirstMessage)]));
    }

    #[test]
    fn a_from_line_without_address_and_time_begins_no_message_and_is_told() {
        let (bare, doubts) = read_text("From \nA: 1\n\ntext 1\nFrom \nA: 2\n\ntext 2\n");
        assert_eq!(bare, ["A: 1\r\n\r\ntext 1\r\nFrom \r\nA: 2\r\n\r\ntext 2\r\n"]);
        assert_eq!(doubts, [(1, Taken::Separator), (5, Taken::TextNoSeparator)]);
        let (prose, doubts) =
            read_text(&format!("{A}A: 1\n\ntext\n\nFrom here on\nand so forth\n\n{B}B: 2\n"));
        assert_eq!((prose.len(), doubts), (2, vec![(6, Taken::TextNoSeparator)]));
        assert!(prose[0].ends_with("\r\n\r\nFrom here on\r\nand so forth\r\n"), "{prose:?}");
    }

    #[test]
    fn a_separator_without_an_empty_line_is_text_and_is_told() {
        let (merged, doubts) = read_text(&format!("{A}A: 1\n\ntext\n{B}B: 2\n"));
        assert_eq!((merged.len(), doubts), (1, vec![(5, Taken::TextNotAfterEmptyLine)]));
    }

    #[test]
    fn a_quoted_separator_in_a_header_is_told() {
        let (read, doubts) = read_text(&format!("{A}>From - Sat Apr 12 2025 15:59:28\nA: 1\n\n>From me\n"));
        assert_eq!(read, ["From - Sat Apr 12 2025 15:59:28\r\nA: 1\r\n\r\nFrom me\r\n"]);
        assert_eq!(doubts, [(2, Taken::QuotedSeparator)]);
    }

    #[test]
    fn doubts_are_counted_and_the_first_are_kept() {
        let mbox = read(format!("{A}A: 1\n\n{}", "From \n".repeat(100)).as_bytes());
        assert_eq!((mbox.messages.len(), mbox.doubtful, mbox.doubts.len()), (1, 100, MOST_TOLD));
    }

    #[test]
    fn separators_are_told_from_text() {
        for line in [
            "From a@b Thu Jan  1 00:00:00 1970",
            "From MAILER-DAEMON Fri Apr 11 15:36 2025",
            "From - Sat Apr 12 15:59:21 +0200 2025",
            "From a Sat Apr 12 15:59:21 CEST 2025 remote from b",
            "From a Sat Apr 12 15:59:21 2025 +0000",
        ] {
            assert!(is_separator(line.as_bytes()), "{line}");
        }
        for line in [
            "From ",
            "From",
            "From: a@b Thu Jan  1 00:00:00 1970",
            "From a@b",
            "From a@b Thu Jan  1 00:00:00",
            "From Thu Jan  1 00:00:00 1970",
            "From a@b Thu Jan  1 0:0 1970",
            "From a@b Thu Jan  1 00:00:00:00 1970",
            "From my friend Thu Jan  1 00:00:00 1970",
            ">From a@b Thu Jan  1 00:00:00 1970",
        ] {
            assert!(!is_separator(line.as_bytes()), "{line}");
        }
        assert!(
            is_mbox(b"From \n")
                && is_mbox(b"\xef\xbb\xbf\r\n\nFrom a")
                && !is_mbox(b"From: a\n")
                && !is_mbox(b"")
        );
    }
}

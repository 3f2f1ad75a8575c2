//! Reading mbox files (RFC 4155).
//!
//! The variant read is *mboxrd*: a message begins at a line `From `, and `From ` lines of its text were written
//! with one more `>`. It deliberately does not look at Content-Length (mboxcl) and does not write: poplab never
//! changes a mail folder.

use crate::content::{lines, lines_to_crlf, without_line_end};

/// The messages of an mbox file, in its order, with CRLF line ends.
///
/// A message begins after a `From ` line at the start of the file or after an empty line; the empty line before
/// the next message belongs to the format and is left out, so is one at the end of the file. `>From `, `>>From `
/// and so on lose one `>`. What stands before the first `From ` line is ignored: a file without any has no
/// messages.
pub fn messages(file: &[u8]) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut after_empty_line = true;
    // An empty line is held back until it is known to be content.
    let mut held: &[u8] = b"";
    for line in lines(file) {
        let text = without_line_end(line);
        if after_empty_line && text.starts_with(b"From ") {
            messages.push(Vec::new());
            (after_empty_line, held) = (false, b"");
            continue;
        }
        after_empty_line = text.is_empty();
        let Some(message) = messages.last_mut() else { continue };
        message.extend_from_slice(held);
        held = if text.is_empty() { line } else { b"" };
        if !text.is_empty() {
            message.extend_from_slice(unquoted(line));
        }
    }
    for message in &mut messages {
        *message = lines_to_crlf(message);
    }
    messages
}

/// The line without the `>` that the writer put before `From `.
fn unquoted(line: &[u8]) -> &[u8] {
    let marks = line.iter().take_while(|octet| **octet == b'>').count();
    if marks > 0 && line[marks..].starts_with(b"From ") { &line[1..] } else { line }
}

#[cfg(test)]
mod tests {
    use super::messages;

    #[test]
    fn two_messages() {
        let file = b"From a@b Thu Jan  1 00:00:00 1970\nA: 1\n\n>From here\n>>From there\n> From\n\n\
            From c@d Thu Jan  1 00:00:00 1970\nB: 2\n\nlast\n\n";
        let expected: [&[u8]; 2] =
            [b"A: 1\r\n\r\nFrom here\r\n>From there\r\n> From\r\n", b"B: 2\r\n\r\nlast\r\n"];
        assert_eq!(messages(file), expected);
    }

    #[test]
    fn empty_lines_of_the_text_stay() {
        assert_eq!(
            messages(b"From x\nA: 1\n\n\n\ntext\n\n\n\nFrom y\n\n"),
            [&b"A: 1\r\n\r\n\r\n\r\ntext\r\n\r\n\r\n"[..], b""]
        );
    }

    #[test]
    fn from_in_a_paragraph_is_text() {
        assert_eq!(
            messages(b"From x\nA: 1\n\ntext\nFrom here on\n"),
            [b"A: 1\r\n\r\ntext\r\nFrom here on\r\n"]
        );
    }

    #[test]
    fn edges_of_the_file() {
        assert!(messages(b"").is_empty());
        assert!(messages(b"A: 1\n\nno mbox\n").is_empty());
        assert_eq!(messages(b"From x"), [b""]);
        assert_eq!(messages(b"junk\n\nFrom x\r\nA: 1\r\n\r\nunfinished"), [b"A: 1\r\n\r\nunfinished"]);
    }
}
